"""What Describe says that was never sent."""

from __future__ import annotations

import pytest

from mmeplan.simulator import normalise

ECR = "763104351884.dkr.ecr.eu-west-1.amazonaws.com/pytorch-inference:2.1-cpu"


def test_a_single_model_gets_its_defaults_and_a_mirrored_source():
    described = normalise.model({"PrimaryContainer": {"Image": ECR, "ModelDataUrl": "s3://b/m.tar.gz"}})
    assert described["EnableNetworkIsolation"] is False
    assert described["PrimaryContainer"] == {
        "Image": ECR,
        "Mode": "SingleModel",
        "Environment": {},
        "ModelDataUrl": "s3://b/m.tar.gz",
        "ModelDataSource": {
            "S3DataSource": {"S3Uri": "s3://b/m.tar.gz", "S3DataType": "S3Object", "CompressionType": "Gzip"}
        },
    }


def test_a_multi_model_has_no_mirrored_source():
    container = {"Image": ECR, "Mode": "MultiModel", "ModelDataUrl": "s3://b/p/"}
    assert "ModelDataSource" not in normalise.model({"PrimaryContainer": container})["PrimaryContainer"]


def test_a_source_that_was_sent_is_kept():
    source = {"S3DataSource": {"S3Uri": "s3://b/p/", "S3DataType": "S3Prefix", "CompressionType": "None"}}
    container = {"Image": ECR, "ModelDataSource": source}
    assert normalise.model({"PrimaryContainer": container})["PrimaryContainer"]["ModelDataSource"] == source


def test_containers_of_a_pipeline_are_named_by_position_unless_they_have_names():
    described = normalise.model({"Containers": [{"Image": ECR}, {"Image": ECR, "ContainerHostname": "mine"}]})
    assert [container["ContainerHostname"] for container in described["Containers"]] == ["container-1", "mine"]
    assert "ContainerHostname" not in normalise.model({"PrimaryContainer": {"Image": ECR}})["PrimaryContainer"]


def test_tags_and_empty_containers_do_not_come_back():
    described = normalise.model(
        {"PrimaryContainer": {"Image": ECR, "AdditionalModelDataSources": []}, "Tags": [{"Key": "a", "Value": "b"}]}
    )
    assert "Tags" not in described
    assert "AdditionalModelDataSources" not in described["PrimaryContainer"]


@pytest.mark.parametrize(
    ("sent", "kept"), [(1, 1.0), (0.1, 0.10000000149011612), (0, 0.0), (1e300, 3.4028234663852886e38)]
)
def test_a_weight_is_kept_as_a_float32(sent, kept):
    variant = {"VariantName": "a", "InitialVariantWeight": sent}
    weight = normalise.config({"ProductionVariants": [variant]})["ProductionVariants"][0]["InitialVariantWeight"]
    assert isinstance(weight, float)
    assert weight == kept


def test_a_config_gets_its_defaults():
    described = normalise.config(
        {
            "ProductionVariants": [{"VariantName": "a", "ServerlessConfig": {"MemorySizeInMB": 1024}}],
            "DataCaptureConfig": {"InitialSamplingPercentage": 5},
        }
    )
    assert described["ProductionVariants"][0]["InitialVariantWeight"] == 1.0
    assert described["ProductionVariants"][0]["VolumeSizeInGB"] == 5
    assert described["DataCaptureConfig"]["EnableCapture"] is True
    assert described["EnableNetworkIsolation"] is False
    assert "ShadowProductionVariants" not in described
