"""Digests and names are a contract: an upgrade of mmeplan or botocore must not roll anybody's fleet.

The values below are literal. A change that makes one of them differ needs a new DIGEST_VERSION, not a new literal.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from mmeplan.canonical import canonical
from mmeplan.identity import (
    DIGEST_VERSION,
    Deployment,
    address,
    digest,
    ownership_tags,
    physical_name,
    tags_digest,
)

MULTI_MODEL = {
    "PrimaryContainer": {
        "Image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/xgboost:1.7-1",
        "Mode": "MultiModel",
        "ModelDataUrl": "s3://acme-models/house-prices/",
        "MultiModelConfig": {"ModelCacheSetting": "Disabled"},
        "Environment": {"SAGEMAKER_PROGRAM": "inference.py", "EMPTY": ""},
    },
    "ExecutionRoleArn": "arn:aws:iam::123456789012:role/sagemaker",
    "EnableNetworkIsolation": False,
    "VpcConfig": {"Subnets": ["subnet-b", "subnet-a"], "SecurityGroupIds": ["sg-1"]},
}
PIPELINE = {
    "Containers": [{"Image": "pre:1", "ContainerHostname": "pre"}, {"Image": "predict:2", "Mode": "SingleModel"}],
    "InferenceExecutionConfig": {"Mode": "Direct"},
    "ExecutionRoleArn": "arn:aws:iam::123456789012:role/käse",
}
CONFIG = {
    "ProductionVariants": [
        {"VariantName": "small", "ModelName": "m-1", "InstanceType": "ml.m5.large", "InitialInstanceCount": 2},
        {
            "VariantName": "large",
            "ModelName": "m-1",
            "InstanceType": "ml.m5.xlarge",
            "InitialInstanceCount": 4,
            "InitialVariantWeight": 0.1,
            "ManagedInstanceScaling": {"Status": "ENABLED", "ScaleInPolicy": {"CooldownInMinutes": 20}},
        },
    ],
    "DataCaptureConfig": {
        "InitialSamplingPercentage": 20,
        "DestinationS3Uri": "s3://c/x",
        "CaptureOptions": [{"CaptureMode": "Output"}, {"CaptureMode": "Input"}],
    },
}
SERVERLESS = {
    "ProductionVariants": [
        {"VariantName": "v", "ModelName": "m", "ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 5}}
    ]
}

GOLDEN: list[tuple[str, dict[str, Any], str | None, str]] = [
    ("model", {}, None, "34433be83dbe586fc3acab3db079dea5a9eaf36892293e2d64ed6fb6472995fd"),
    ("model", MULTI_MODEL, None, "9deea64d2f99944a22d94107271f26f11466bc5f5ecaf9be6fbaaa66119dd69e"),
    ("model", MULTI_MODEL, "2024-06-01", "2beee936b05bf9785f9df3027d19ffa990185470c0d0954fcecdba3b663fbd74"),
    ("model", PIPELINE, None, "d2c765c5d191e97bbb2111dbb3130d637357791cf36f40c5b99fc5ffe924991e"),
    ("endpoint_config", {}, None, "6b0b2bdc7df3d63c0fd49b44f01844f959f08804392983e810153870de7dd8af"),
    ("endpoint_config", CONFIG, None, "8fab510851665ebc00a1b6a5fb8ebe09563632bc79e713e1e3a9f1b6d47bf5a3"),
    ("endpoint_config", CONFIG, "x", "4a4b8038509eaec7291ab2a5ade7e229a322728aab00ea4d04089604ce3859ec"),
    ("endpoint_config", SERVERLESS, None, "77f3338a670d5442498c63f311e22bca45e1a84946dfc5356c25f765114faf09"),
]


@pytest.mark.parametrize(("kind", "request_", "salt", "expected"), GOLDEN)
def test_digests_are_a_contract(kind: str, request_: dict[str, Any], salt: str | None, expected: str) -> None:
    assert DIGEST_VERSION == 1
    assert digest(kind, canonical(request_), salt) == expected


NAMES = [
    ("house-prices", "house-prices-0123abcd"),
    ("a", "a-0123abcd"),
    ("x" * 54, "x" * 54 + "-0123abcd"),
    ("x" * 55, "x" * 54 + "-0123abcd"),
    ("x" * 200, "x" * 54 + "-0123abcd"),
    ("x" * 53 + "-y", "x" * 53 + "-0123abcd"),
    ("x" * 50 + "-----y", "x" * 50 + "-0123abcd"),
    ("a--b", "a--b-0123abcd"),
]


@pytest.mark.parametrize(("name", "expected"), NAMES)
def test_a_name_is_shortened_and_the_digest_never(name: str, expected: str) -> None:
    made = physical_name(name, "0123abcd" + "f" * 56)
    assert made == expected
    assert len(made) <= 63
    assert re.fullmatch(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", made)  # botocore EndpointConfigName


def test_ownership_tags_say_who_what_and_what_holds_after_removal() -> None:
    base = {"mmeplan:fleet": "f", "mmeplan:address": "model/m", "mmeplan:digest": "d"}
    assert ownership_tags(Deployment("f"), address("model", "m"), "d") == base
    assert ownership_tags(Deployment("f"), "model/m", "d", retain=True, protect=True) == {
        **base,
        "mmeplan:on-remove": "retain",
        "mmeplan:protect": "true",
        "mmeplan:tags": tags_digest({"mmeplan:on-remove": "retain", "mmeplan:protect": "true"}),
    }


def test_the_seal_of_tags_holds_whatever_names_the_object_and_whatever_aws_adds() -> None:
    sealed = ownership_tags(Deployment("f"), "model/m", "d", tags={"team": "a"})["mmeplan:tags"]
    assert sealed == tags_digest({"team": "a"}) == "a13b8de7a1a347e0"
    assert tags_digest({"team": "a", "aws:cloudformation:stack": "x", "mmeplan:fleet": "g"}) == sealed
    assert tags_digest({"team": "b"}) != sealed != tags_digest({"team": "a", "mmeplan:protect": "true"})
    assert tags_digest({"aws:x": "1"}) == tags_digest({}) == ""
