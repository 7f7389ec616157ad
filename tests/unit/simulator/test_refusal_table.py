"""The refusals as data: each is the first that is said of some request, in its words, and the page has them all."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mmeplan.simulator import refusals
from mmeplan.simulator.refusals import FAILING, REFUSALS, Asked, Refusal

Json = dict[str, Any]
ACCOUNT, REGION = "123456789012", "eu-west-1"
IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/ranker:1"
DLC = f"763104351884.dkr.ecr.{REGION}.amazonaws.com/"
PACKAGE = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package"
MARKETPLACE = "arn:aws:sagemaker:eu-west-1:985815980388:model-package/ranker-0f1e2d3c"
GATED = "s3://jumpstart-private-cache-prod-{}/llama/"
VPC = {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]}
CONTAINER = {"Image": IMAGE, "ModelDataUrl": "s3://acme/ranker.tar.gz"}
MULTI_MODEL = {"Image": IMAGE, "Mode": "MultiModel", "ModelDataUrl": "s3://acme/ranker/"}
BY_VPC = {**CONTAINER, "ImageConfig": {"RepositoryAccessMode": "Vpc"}}
DATA = {"S3DataSource": {"S3Uri": "s3://acme/r/", "S3DataType": "S3Prefix", "CompressionType": "None"}}
MAIN = {"VariantName": "main", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 4}
NEXT = {**MAIN, "VariantName": "next"}
SERVERLESS = {
    "VariantName": "main",
    "ModelName": "m",
    "ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 5},
}
ASYNC = {"AsyncInferenceConfig": {"OutputConfig": {}}}
RUNS = {"VariantName": "main", "DesiredInstanceCount": 4}
RUNS_SERVERLESS = {"VariantName": "main", "DesiredServerlessConfig": {"MaxConcurrency": 5}}
TAGS = {
    "doubled_keys": [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}],
    "reserved_keys": [{"Key": "AWS:a", "Value": "1"}],
}


def source(uri: str = "s3://acme/r/", **more: Any) -> Json:
    return {"ModelDataSource": {"S3DataSource": {**DATA["S3DataSource"], "S3Uri": uri, **more}}}


def model(*containers: Json, **members: Any) -> Asked:
    """CreateModel of one container, or of several."""
    holds = {"PrimaryContainer": containers[0]} if len(containers) == 1 else {"Containers": [*containers]}
    return Asked({"ModelName": "m", "ExecutionRoleArn": "role", **holds, **members}, ACCOUNT, REGION)


def pipeline(*hostnames: str, mode: str = "Direct") -> Asked:
    made = [{**CONTAINER, **({"ContainerHostname": name} if name else {})} for name in hostnames]
    request = {"ExecutionRoleArn": "role", "Containers": made, "InferenceExecutionConfig": {"Mode": mode}}
    return Asked(request, ACCOUNT, REGION)


def config(*variants: Json, hosts: Json | None = None, **members: Any) -> Asked:
    """CreateEndpointConfig of these variants of one model."""
    hosted = hosts or {"PrimaryContainer": CONTAINER}
    return Asked({"ProductionVariants": [*variants], **members}, ACCOUNT, REGION, {"m": hosted})


def hosting(*containers: Json, **members: Any) -> Json:
    return model(*containers, **members).request


def canary(kind: str = "CAPACITY_PERCENT", value: int = 50) -> Json:
    routing = {"Type": "CANARY", "WaitIntervalInSeconds": 0, "CanarySize": {"Type": kind, "Value": value}}
    return {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing}}


def rolling(back: int = 100) -> Json:
    size = {"Type": "CAPACITY_PERCENT", "Value": 50}
    return {"RollingUpdatePolicy": {"MaximumBatchSize": size, "RollbackMaximumBatchSize": {**size, "Value": back}}}


def deploy(deployment: Json, *variants: Json, update: bool = False, **members: Any) -> Asked:
    """CreateEndpoint or UpdateEndpoint of a config of these variants, with this deployment."""
    made = {"ProductionVariants": [*variants] or [MAIN]}
    told: Json = {"config": made, "deployment": deployment, "coming": [RUNS]}
    if update:
        told |= {"in_force": {"ProductionVariants": [MAIN]}, "carried_out": deployment}
    return Asked({"EndpointName": "e", "DeploymentConfig": deployment}, ACCOUNT, REGION, **{**told, **members})


def rescale(live: Json, *desired: Json) -> Asked:
    return Asked(
        {"DesiredWeightsAndCapacities": [*desired]}, config={"EndpointConfigName": "c"}, live=[live] if live else []
    )


def of_deployments(*, update: bool) -> dict[str, Asked]:
    no_size: Json = {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": {"Type": "LINEAR"}}}
    return {
        "both_policies": deploy({**canary(), **rolling()}, update=update),
        "no_size": deploy(no_size, update=update),
        "impossible_percentage": deploy(canary(value=51), update=update),
        "more_than_all_back": deploy(rolling(101), update=update),
        "rolling_serverless": deploy(rolling(), SERVERLESS, update=update),
        "rolling_several": deploy(rolling(), MAIN, NEXT, update=update),
    }


CASES: dict[str, dict[str, Asked]] = {
    "CreateModel": {
        **{name: model(CONTAINER, Tags=tags) for name, tags in TAGS.items()},
        "both_or_neither": model(CONTAINER, Containers=[CONTAINER]),
        "no_role": model(CONTAINER, ExecutionRoleArn=None),
        "no_image": model({"ModelDataUrl": "s3://acme/ranker.tar.gz"}),
        "several_multi_model": model(MULTI_MODEL, MULTI_MODEL),
        "image_outside_ecr": model({"Image": "docker.io/acme/ranker:1"}),
        "image_elsewhere": model({"Image": IMAGE.replace(REGION, "eu-west-2")}),
        "license_not_accepted": model({"Image": IMAGE, **source(GATED.format(REGION))}),
        "package_elsewhere": model({"ModelPackageName": f"{PACKAGE}/ranker/1".replace(REGION, "eu-west-2")}),
        "not_a_package": model({"ModelPackageName": f"{PACKAGE}-group/ranker"}),
        "missing_version": replace(model({"ModelPackageName": "ranker/1"}), approvals={"ranker/1": "missing"}),
        "not_approved": replace(model({"ModelPackageName": "ranker/1"}), approvals={"ranker/1": "Rejected"}),
        "marketplace_without_isolation": model({"ModelPackageName": MARKETPLACE}),
        "vpc_registry_without_vpc": model({**BY_VPC, "Image": "registry.acme.example/ranker:1"}),
        "registry_login_without_vpc": model({**CONTAINER, "ImageConfig": {"RepositoryAuthConfig": {}}}),
        "large_environment": model(*[{**CONTAINER, "Environment": {"A": "é" * 512}}] * 33),
        "data_twice": model({**CONTAINER, **source()}),
        "prefix_without_slash": model(
            {"Image": IMAGE, "AdditionalModelDataSources": [source("s3://a/b")["ModelDataSource"]]}
        ),
        "data_elsewhere": model({"Image": IMAGE, "ModelDataUrl": "s3://jumpstart-cache-prod-us-east-1/a.tar.gz"}),
        "multi_model_without_prefix": model({**MULTI_MODEL, "ModelDataUrl": "s3://acme/ranker.tar.gz"}),
        "multi_model_with_source": model({**MULTI_MODEL, "AdditionalModelDataSources": [DATA]}),
        "multi_model_of_package": model(
            {"ModelPackageName": f"{PACKAGE}/ranker/1", "Mode": "MultiModel", "ModelDataUrl": "s3://acme/ranker/"}
        ),
        "multi_model_without_label": model({**MULTI_MODEL, "Image": f"{DLC}tensorflow-inference:2.19.0-gpu"}),
        "execution_without_containers": model(CONTAINER, InferenceExecutionConfig={"Mode": "Serial"}),
        "direct_with_one": pipeline("a"),
        "direct_without_hostnames": pipeline("", ""),
        "some_hostnames": pipeline("a", "", mode="Serial"),
        "doubled_hostnames": pipeline("a", "a"),
    },
    "CreateEndpointConfig": {
        **{name: config(MAIN, Tags=tags) for name, tags in TAGS.items()},
        "doubled_names": config(MAIN, ShadowProductionVariants=[MAIN]),
        "managed_scaling_of_a_model": config({**MAIN, "ManagedInstanceScaling": {"Status": "ENABLED"}}),
        "serverless_on_instances": config({**SERVERLESS, "VolumeSizeInGB": 5}),
        "neither": config({"VariantName": "main", "ModelName": "m"}),
        "type_without_count": config({"VariantName": "main", "ModelName": "m", "InstanceType": "ml.m5.large"}),
        "no_model_and_no_role": config({"VariantName": "main", "InstanceType": "ml.m5.large"}),
        "role_beside_models": config(MAIN, VpcConfig=VPC),
        "uneven_memory": config({**SERVERLESS, "ServerlessConfig": {"MemorySizeInMB": 1500, "MaxConcurrency": 5}}),
        "too_much_provisioned": config(
            {**SERVERLESS, "ServerlessConfig": {"MaxConcurrency": 5, "ProvisionedConcurrency": 6}}
        ),
        "volume_on_local_storage": config({**MAIN, "InstanceType": "ml.g5.xlarge", "VolumeSizeInGB": 50}),
        "accelerator": config({**MAIN, "AcceleratorType": "ml.eia2.medium"}),
        "other_frequency": config(MAIN, MetricsConfig={"MetricPublishFrequencyInSeconds": 20}),
        "image_of_another_account": config(
            SERVERLESS, hosts=hosting({"Image": IMAGE.replace(ACCOUNT, "210987654321")})
        ),
        "serverless_beside_others": config(SERVERLESS, NEXT),
        "serverless_with_shadows": config(SERVERLESS, ShadowProductionVariants=[NEXT]),
        "serverless_with": config(SERVERLESS, **ASYNC),
        "serverless_multi_model": config(SERVERLESS, hosts=hosting(MULTI_MODEL)),
        "serverless_pipeline": config(SERVERLESS, hosts=hosting(CONTAINER, CONTAINER)),
        "serverless_with_network": config(SERVERLESS, hosts=hosting(CONTAINER, EnableNetworkIsolation=True)),
        "serverless_private_registry": config(SERVERLESS, hosts=hosting(BY_VPC)),
        "serverless_marketplace": config(SERVERLESS, hosts=hosting({"ModelPackageName": MARKETPLACE})),
        "serverless_source": config(SERVERLESS, hosts=hosting({"Image": IMAGE, **source()})),
        "async_with_several": config(MAIN, NEXT, **ASYNC),
        "async_with": config(MAIN, ShadowProductionVariants=[NEXT], **ASYNC),
        "async_multi_model": config(MAIN, hosts=hosting(MULTI_MODEL), **ASYNC),
        "async_pipeline": config(MAIN, hosts=hosting(CONTAINER, CONTAINER), **ASYNC),
        "async_marketplace": config(MAIN, hosts=hosting({"ModelPackageName": MARKETPLACE}), **ASYNC),
        "async_inf1": config({**MAIN, "InstanceType": "ml.inf1.xlarge"}, **ASYNC),
        "several_beside_shadows": config(MAIN, ShadowProductionVariants=[NEXT, {**MAIN, "VariantName": "third"}]),
        "shadow_multi_model": config(MAIN, ShadowProductionVariants=[NEXT], hosts=hosting(MULTI_MODEL)),
        "shadow_pipeline": config(MAIN, ShadowProductionVariants=[NEXT], hosts=hosting(CONTAINER, CONTAINER)),
        "shadow_marketplace": config(
            MAIN, ShadowProductionVariants=[NEXT], hosts=hosting({"ModelPackageName": MARKETPLACE})
        ),
        "shadow_inf1": config(MAIN, ShadowProductionVariants=[{**NEXT, "InstanceType": "ml.inf1.xlarge"}]),
        "multi_model_inf1": config({**MAIN, "InstanceType": "ml.inf1.xlarge"}, hosts=hosting(MULTI_MODEL)),
    },
    "CreateEndpoint": {
        **{name: Asked({"Tags": tags}, config={"ProductionVariants": [MAIN]}) for name, tags in TAGS.items()},
        **of_deployments(update=False),
    },
    "UpdateEndpoint": {
        **of_deployments(update=True),
        "to_serverless": deploy({}, SERVERLESS, update=True, live=[RUNS]),
        "from_async": deploy({}, update=True, in_force={"ProductionVariants": [MAIN], **ASYNC}),
        "impossible_count": deploy(canary("INSTANCE_COUNT", 3), update=True),
        "other_names": deploy(canary(), NEXT, update=True),
    },
    "UpdateEndpointWeightsAndCapacities": {
        "doubled_desires": rescale(RUNS, {"VariantName": "main"}, {"VariantName": "main"}),
        "unknown_variants": rescale({}, {"VariantName": "main"}),
        "count_of_serverless": rescale(RUNS_SERVERLESS, {"VariantName": "main", "DesiredInstanceCount": 2}),
        "concurrency_of_instances": rescale(
            RUNS, {"VariantName": "main", "ServerlessUpdateConfig": {"MaxConcurrency": 2}}
        ),
        "too_much_desired": rescale(
            RUNS_SERVERLESS, {"VariantName": "main", "ServerlessUpdateConfig": {"ProvisionedConcurrency": 6}}
        ),
    },
    "CreateModelPackageGroup": {name: Asked({"Tags": tags}) for name, tags in TAGS.items()},
    "CreateModelPackage": {
        **{name: Asked({"ModelPackageName": "ranker", "Tags": tags}) for name, tags in TAGS.items()},
        "both_names": Asked({"ModelPackageName": "ranker", "ModelPackageGroupName": "ranker"}),
        "no_name": Asked({}),
        "tags_of_a_version": Asked({"ModelPackageGroupName": "ranker", "Tags": [{"Key": "a", "Value": "1"}]}),
    },
    "AddTags": {name: Asked({"Tags": tags}) for name, tags in TAGS.items()},
}
"""Operation → condition → a request that is refused for it, and for nothing that stands before it."""

FAILS = {
    "data_with_two_slashes": model({"Image": IMAGE, **source("s3://acme//r/")}),
    "data_is_no_archive": model({"Image": IMAGE, "ModelDataUrl": "s3://acme/ranker.zip"}),
    "no_key": Asked({}, ACCOUNT, REGION, config={"ProductionVariants": [MAIN], "KmsKeyId": "ranker"}),
    "key_elsewhere": Asked(
        {},
        ACCOUNT,
        REGION,
        config={"ProductionVariants": [MAIN], "KmsKeyId": f"arn:aws:kms:eu-west-2:{ACCOUNT}:alias/ranker"},
    ),
    "reservation_elsewhere": Asked(
        {},
        ACCOUNT,
        REGION,
        config={
            "ProductionVariants": [
                {"CapacityReservationConfig": {"MlReservationArn": f"arn:aws:sagemaker:eu-west-2:{ACCOUNT}:x/y"}}
            ]
        },
    ),
}


def name_of(refusal: Refusal) -> str:
    return f"{refusal.operation}-{refusal.when.__name__}"


@pytest.mark.parametrize("refusal", REFUSALS, ids=name_of)
def test_a_refusal_is_said_in_its_words(refusal: Refusal) -> None:
    asked = CASES[refusal.operation][refusal.when.__name__]
    table = [other for other in REFUSALS if other.operation == refusal.operation]
    said = refusals.first(table, asked)
    assert said in list(refusal.sentences(asked))
    assert re.fullmatch(re.sub(r"\\{\w+\\}", ".+", re.escape(refusal.words)), said or "")


def test_every_case_is_of_a_refusal() -> None:
    assert {f"{operation}-{name}" for operation, cases in CASES.items() for name in cases} == set(
        map(name_of, REFUSALS)
    )
    assert FAILS.keys() == {failure.when.__name__ for failure in FAILING}


@pytest.mark.parametrize("failure", FAILING, ids=name_of)
def test_what_fails_is_accepted_before(failure: Refusal) -> None:
    asked = FAILS[failure.when.__name__]
    assert next(failure.sentences(asked))
    if "ModelName" in asked.request:
        assert refusals.first(refusals.CREATE_MODEL, asked) is None


@pytest.mark.parametrize(
    ("table", "asked"),
    [
        (refusals.CREATE_MODEL, model(CONTAINER)),
        (refusals.CREATE_MODEL, model(MULTI_MODEL)),
        (refusals.CREATE_MODEL, model({**BY_VPC, "Image": "registry.acme.example/ranker:1"}, VpcConfig=VPC)),
        (refusals.CREATE_MODEL, model({"Image": IMAGE, **source("s3://acme/r.tar.gz", CompressionType="Gzip")})),
        (refusals.CREATE_MODEL, model({**MULTI_MODEL, "ModelDataUrl": "https://acme.s3.eu-west-1.amazonaws.com/r/"})),
        (refusals.CREATE_MODEL, pipeline("a", "b")),
        (refusals.CREATE_ENDPOINT_CONFIG, config(MAIN, NEXT)),
        (refusals.CREATE_ENDPOINT_CONFIG, config(SERVERLESS)),
        (refusals.CREATE_ENDPOINT_CONFIG, config(MAIN, **ASYNC)),
        (refusals.CREATE_ENDPOINT_CONFIG, config(MAIN, ShadowProductionVariants=[NEXT])),
        (
            refusals.CREATE_ENDPOINT_CONFIG,
            config({"VariantName": "main", "InstanceType": "ml.m5.large"}, ExecutionRoleArn="role", VpcConfig=VPC),
        ),
        (refusals.UPDATE_ENDPOINT_TO, deploy(canary("INSTANCE_COUNT", 2), update=True)),
    ],
)
def test_what_the_service_takes_is_taken(table: tuple[Refusal, ...], asked: Asked) -> None:
    assert refusals.first(table, asked) is None


def rows() -> str:
    """The table of docs/simulator-refusals.md."""
    lines = ["| operation | refused | in these words | source |", "|---|---|---|---|"]
    for refusal in (*REFUSALS, *FAILING):
        operation = "endpoint ends Failed" if refusal in FAILING else refusal.operation
        words = re.sub(r"\{(\w+)\}", r"…", refusal.words).replace("|", "\\|")
        said = f"`{words}`" if refusal.observed else f"ours: `{words}`"
        lines.append(f"| {operation} | {refusal.when.__doc__} | {said} | {refusal.source} |")
    return "\n".join(lines) + "\n"


def test_the_page_has_every_refusal(accept: bool) -> None:
    page = Path(__file__).parents[3] / "docs" / "simulator-refusals.md"
    before = page.read_text().partition("| operation |")[0]
    if accept:
        page.write_text(before + rows())
    assert page.read_text() == before + rows()
