"""Every operation through real boto3 and the in-process door, held against botocore's own shapes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import botocore.waiter
import pytest
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, WaiterError

from mmeplan.aws.shapes import service
from mmeplan.simulator import Settings, SimulatedCrash, Simulator
from mmeplan.simulator.nothing import LISTS
from mmeplan.simulator.services import SERVICES
from tests.contract.test_every_operation import registry

IMAGE = "763104351884.dkr.ecr.eu-west-1.amazonaws.com/pytorch-inference:2.1-cpu"
ROLE = "arn:aws:iam::123456789012:role/serving"
ARN = "arn:aws:sagemaker:eu-west-1:123456789012"
VARIANT = {"VariantName": "main", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 2}


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with Simulator.open() as simulator:
        yield simulator


def connect(sim: Simulator, name: str = "sagemaker", region: str = "eu-west-1", **config: Any) -> Any:
    client = boto3.client(
        name,
        region_name=region,
        aws_access_key_id="any",
        aws_secret_access_key="any",
        config=Config(retries={"total_max_attempts": 1}, **config),
    )
    client.meta.events.register("before-send.*", sim.before_send)
    return client


@pytest.fixture
def client(sim: Simulator) -> Any:
    return connect(sim)


def create(client: Any, endpoint: str = "e") -> None:
    client.create_model(ModelName="m", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE})
    client.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[VARIANT])
    client.create_endpoint(EndpointName=endpoint, EndpointConfigName="c")


# -- every answer fits its shape -------------------------------------------------------------------------------------


def misfits(model: Any, shape_name: str, value: Any, path: str = "") -> list[str]:
    """Where a raw answer leaves its output shape: unknown members, missing required ones, wrong types and enums."""
    shape = model.shapes[shape_name]
    kind = shape["type"]
    if kind == "structure":
        if not isinstance(value, dict):
            return [f"{path}: not a structure"]
        members = shape.get("members", {})
        found = [f"{path}.{member}: unknown" for member in value if member not in members]
        found += [f"{path}.{member}: missing" for member in shape.get("required", ()) if member not in value]
        for member, item in value.items():
            if member in members:
                found += misfits(model, members[member]["shape"], item, f"{path}.{member}")
        return found
    if kind == "list":
        if not isinstance(value, list):
            return [f"{path}: not a list"]
        items = enumerate(value)
        return [
            bad for place, item in items for bad in misfits(model, shape["member"]["shape"], item, f"{path}[{place}]")
        ]
    if kind == "map":
        return [bad for item in value.values() for bad in misfits(model, shape["value"]["shape"], item, path)]
    types = {"string": str, "boolean": bool, "integer": int, "long": int}.get(kind, (int, float))
    found = [] if isinstance(value, types) else [f"{path}: {value!r} is no {kind}"]
    if "enum" in shape and value not in shape["enum"]:
        found.append(f"{path}: {value!r} is not of the enum")
    return found


class Watch:
    """Records each raw answer as botocore receives it."""

    def __init__(self) -> None:
        self.seen: dict[str, int] = {}
        self.bad: list[str] = []

    def on(self, client: Any) -> Any:
        client.meta.events.register("before-parse.*", self.note)
        return client

    def note(self, operation_model: Any, response_dict: dict[str, Any], **_: Any) -> None:
        name, protocol = operation_model.name, operation_model.service_model.protocol
        self.seen[name] = self.seen.get(name, 0) + 1
        if response_dict["status_code"] >= 300 or protocol != "json":
            return
        model = service(operation_model.service_model.service_name)
        output = model.output_shape(name)
        body = json.loads(response_dict["body"] or b"{}")
        self.bad += misfits(model, output, body, name) if output else [f"{name}: answers"] * bool(body)


CAPTURE = {
    "InitialSamplingPercentage": 20,
    "DestinationS3Uri": "s3://bucket/capture",
    "CaptureOptions": [{"CaptureMode": "Input"}],
    "CaptureContentTypeHeader": {"JsonContentTypes": ["application/json"]},
}
EXPLAINER = {"ClarifyExplainerConfig": {"ShapConfig": {"ShapBaselineConfig": {"ShapBaseline": "1,2"}}}}
LINEAR = {
    "BlueGreenUpdatePolicy": {
        "TrafficRoutingConfiguration": {
            "Type": "LINEAR",
            "WaitIntervalInSeconds": 60,
            "LinearStepSize": {"Type": "CAPACITY_PERCENT", "Value": 50},
        },
        "TerminationWaitInSeconds": 60,
    },
    "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "errors"}]},
}
RICH_VARIANT = VARIANT | {
    "InitialVariantWeight": 0.5,
    "VolumeSizeInGB": 30,
    "RoutingConfig": {"RoutingStrategy": "LEAST_OUTSTANDING_REQUESTS"},
    "CoreDumpConfig": {"DestinationS3Uri": "s3://bucket/dumps"},
    "CapacityReservationConfig": {"CapacityReservationPreference": "capacity-reservations-only"},
    "InferenceAmiVersion": "al2-ami-sagemaker-inference-gpu-2",
}
POOLED = {
    "VariantName": "pooled",
    "ModelName": "m",
    "InitialInstanceCount": 2,
    "InstancePools": [{"InstanceType": "ml.m5.large", "Priority": 1}],
}
COMPONENTS = {
    "VariantName": "components",
    "InstanceType": "ml.m5.large",
    "InitialInstanceCount": 1,
    "ManagedInstanceScaling": {"Status": "ENABLED", "MinInstanceCount": 1, "MaxInstanceCount": 4},
}
CONFIGS: dict[str, dict[str, Any]] = {
    "plain": {"ProductionVariants": [VARIANT]},
    "rich": {
        "ProductionVariants": [RICH_VARIANT],
        "ShadowProductionVariants": [VARIANT | {"VariantName": "shadow"}],
        "DataCaptureConfig": CAPTURE,
        "ExplainerConfig": EXPLAINER,
        "KmsKeyId": "alias/key",
        "MetricsConfig": {"EnableEnhancedMetrics": True},
        "Tags": [{"Key": "a", "Value": "b"}],
    },
    "async": {
        "ProductionVariants": [VARIANT],
        "AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": "s3://bucket/out"}},
    },
    "serverless": {
        "ProductionVariants": [
            {"VariantName": "main", "ModelName": "s", "ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 3}}
        ]
    },
    "pooled": {"ProductionVariants": [POOLED]},
    "components": {
        "ProductionVariants": [COMPONENTS],
        "ExecutionRoleArn": ROLE,
        "VpcConfig": {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1", "subnet-2"]},
    },
}


def live(sim: Simulator, client: Any, name: str) -> None:
    """An endpoint on this config, described in every status that it passes through."""
    variant = CONFIGS[name]["ProductionVariants"][0]["VariantName"]
    client.create_endpoint_config(EndpointConfigName=name, **CONFIGS[name])
    client.describe_endpoint_config(EndpointConfigName=name)
    client.create_endpoint(EndpointName=name, EndpointConfigName=name, Tags=[{"Key": "a", "Value": "b"}])
    client.describe_endpoint(EndpointName=name)
    sim.clock.sleep(180)
    client.describe_endpoint(EndpointName=name)
    client.update_endpoint(EndpointName=name, EndpointConfigName=name, DeploymentConfig=LINEAR)
    for _ in range(5):
        client.describe_endpoint(EndpointName=name)
        sim.clock.sleep(100)
    client.update_endpoint_weights_and_capacities(
        EndpointName=name, DesiredWeightsAndCapacities=[{"VariantName": variant, "DesiredWeight": 3}]
    )
    client.describe_endpoint(EndpointName=name)
    client.list_endpoints(StatusEquals="Updating")
    sim.clock.sleep(60)
    client.describe_endpoint(EndpointName=name)
    client.delete_endpoint(EndpointName=name)
    client.describe_endpoint(EndpointName=name)
    client.delete_endpoint_config(EndpointConfigName=name)


def part_of_an_endpoint(sim: Simulator, client: Any) -> None:
    """Every call of inference components."""
    variant = {"VariantName": "main", "InstanceType": "ml.g5.2xlarge", "InitialInstanceCount": 1}
    client.create_endpoint_config(EndpointConfigName="hosting", ExecutionRoleArn=ROLE, ProductionVariants=[variant])
    client.create_endpoint(EndpointName="hosting", EndpointConfigName="hosting")
    sim.clock.sleep(180)
    parts = {"Container": {"Image": IMAGE}, "ComputeResourceRequirements": {"MinMemoryRequiredInMb": 1024}}
    client.create_inference_component(
        InferenceComponentName="part",
        EndpointName="hosting",
        VariantName="main",
        Specification=parts,
        RuntimeConfig={"CopyCount": 1},
    )
    client.describe_inference_component(InferenceComponentName="part")
    client.list_inference_components()
    client.delete_inference_component(InferenceComponentName="part")


def test_every_operation_answers_members_of_its_output_shape_only(sim: Simulator, client: Any) -> None:
    watch = Watch()
    watch.on(client)
    primary = {"Image": IMAGE, "ModelDataUrl": "s3://bucket/m.tar.gz", "Environment": {"A": "1"}}
    vpc = {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]}
    client.create_model(ModelName="m", ExecutionRoleArn=ROLE, PrimaryContainer=primary, VpcConfig=vpc)
    client.create_model(ModelName="s", ExecutionRoleArn=ROLE, PrimaryContainer=primary)
    client.create_model(
        ModelName="pipeline",
        ExecutionRoleArn=ROLE,
        Containers=[{"Image": IMAGE}, {"Image": IMAGE, "Mode": "MultiModel", "ModelDataUrl": "s3://bucket/all/"}],
        InferenceExecutionConfig={"Mode": "Serial"},
        Tags=[{"Key": "a", "Value": "b"}],
    )
    for model in ("m", "pipeline"):
        client.describe_model(ModelName=model)
    client.list_models(MaxResults=1)
    for name in CONFIGS:
        live(sim, client, name)
    client.list_endpoint_configs()
    arn = f"{ARN}:model/pipeline"
    client.add_tags(ResourceArn=arn, Tags=[{"Key": "c", "Value": "d"}])
    client.list_tags(ResourceArn=arn)
    client.delete_tags(ResourceArn=arn, TagKeys=["c"])
    found = watch.on(connect(sim, "resourcegroupstaggingapi")).get_resources(TagFilters=[{"Key": "a", "Values": ["b"]}])
    assert arn in [item["ResourceARN"] for item in found["ResourceTagMappingList"]]
    identity = watch.on(connect(sim, "sts")).get_caller_identity()
    assert {"UserId", "Account", "Arn"} < set(identity)
    client.delete_model(ModelName="m")
    registry(client)
    part_of_an_endpoint(sim, client)
    for listing in LISTS:
        getattr(client, xform_name(listing))()
    assert watch.bad == ["DescribeModelPackage.ModelPackageName: missing"]  # of a version: AWS's samples don't have it
    assert set(watch.seen) == {"GetCallerIdentity"} | {name for each in SERVICES[:2] for name in each.operations}


def test_a_failed_endpoint_fits_its_shape_too(sim: Simulator, client: Any) -> None:
    watch = Watch()
    watch.on(client)
    sim.faults.fail_create("e", "x" * 2000)
    create(client)
    sim.clock.sleep(180)
    failed = client.describe_endpoint(EndpointName="e")
    assert (failed["EndpointStatus"], len(failed["FailureReason"])) == ("Failed", 1024)
    assert watch.bad == []


def test_the_check_above_would_notice_an_unknown_member() -> None:
    model = service()
    assert misfits(model, "CreateModelOutput", {"ModelArn": "a", "X": 1}) == [".X: unknown"]
    assert misfits(model, "CreateModelOutput", {}) == [".ModelArn: missing"]
    assert misfits(model, "DescribeEndpointOutput", {"EndpointStatus": "Odd"})[-1].endswith("is not of the enum")


# -- what boto3 makes of the answers ---------------------------------------------------------------------------------


def test_describe_gives_back_what_was_created(client: Any) -> None:
    client.create_model(ModelName="m", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE})
    described = client.describe_model(ModelName="m")
    assert described["ModelArn"] == f"{ARN}:model/m"
    assert described["CreationTime"].timestamp() == 1767225600
    assert described["PrimaryContainer"] == {"Image": IMAGE, "Mode": "SingleModel", "Environment": {}}


def test_region_comes_from_the_signature(sim: Simulator, client: Any) -> None:
    create(client)
    elsewhere = connect(sim, region="ap-southeast-2")
    assert elsewhere.list_models()["Models"] == []
    image = IMAGE.replace("eu-west-1", "ap-southeast-2")
    made = elsewhere.create_model(ModelName="m", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": image})
    assert made["ModelArn"] == "arn:aws:sagemaker:ap-southeast-2:123456789012:model/m"


def test_the_in_service_waiter_waits_in_virtual_time(
    sim: Simulator, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(botocore.waiter.time, "sleep", sim.clock.sleep)
    create(client)
    client.get_waiter("endpoint_in_service").wait(EndpointName="e")
    assert (sim.clock.now() - client.describe_endpoint(EndpointName="e")["CreationTime"]).total_seconds() == 180
    client.delete_endpoint(EndpointName="e")
    client.get_waiter("endpoint_deleted").wait(EndpointName="e")
    assert client.list_endpoints()["Endpoints"] == []


def test_the_in_service_waiter_fails_for_a_failed_endpoint(
    sim: Simulator, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(botocore.waiter.time, "sleep", sim.clock.sleep)
    sim.faults.fail_create("e", "no capacity")
    create(client)
    with pytest.raises(WaiterError, match="terminal failure"):
        client.get_waiter("endpoint_in_service").wait(EndpointName="e")


@pytest.mark.parametrize(
    ("operation", "member", "name"),
    [
        ("list_models", "Models", "ModelName"),
        ("list_endpoint_configs", "EndpointConfigs", "EndpointConfigName"),
        ("list_endpoints", "Endpoints", "EndpointName"),
    ],
)
def test_paginators_show_everything_once(client: Any, operation: str, member: str, name: str) -> None:
    expected = [f"n{number}" for number in reversed(range(7))]
    create(client, "other")
    for made in reversed(expected):
        client.create_model(ModelName=made, ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE})
        client.create_endpoint_config(EndpointConfigName=made, ProductionVariants=[VARIANT])
        client.create_endpoint(EndpointName=made, EndpointConfigName=made)
    pages = list(client.get_paginator(operation).paginate(NameContains="n", PaginationConfig={"PageSize": 3}))
    assert [item[name] for page in pages for item in page[member]] == expected
    assert len(pages) == 3


def test_the_tagging_paginator_shows_everything_once(sim: Simulator, client: Any) -> None:
    for number in range(5):
        tags = [{"Key": "fleet", "Value": "x"}]
        client.create_model(ModelName=f"m{number}", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE}, Tags=tags)
    paginator = connect(sim, "resourcegroupstaggingapi").get_paginator("get_resources")
    pages = list(paginator.paginate(TagFilters=[{"Key": "fleet"}], ResourcesPerPage=2))
    assert [len(page["ResourceTagMappingList"]) for page in pages] == [2, 2, 1]


def test_the_tags_paginator_lists_all_tags(client: Any) -> None:
    create(client)
    arn = f"{ARN}:endpoint/e"
    client.add_tags(ResourceArn=arn, Tags=[{"Key": f"k{number:02}", "Value": "v"} for number in range(50)])
    tags = client.get_paginator("list_tags").paginate(ResourceArn=arn).build_full_result()["Tags"]
    assert len(tags) == 50


# -- errors ----------------------------------------------------------------------------------------------------------


def error_of(call: Any, **members: Any) -> tuple[str, str, int]:
    with pytest.raises(ClientError) as refusal:
        call(**members)
    answer = refusal.value.response
    return answer["Error"]["Code"], answer["Error"]["Message"], answer["ResponseMetadata"]["HTTPStatusCode"]


def test_errors_reach_boto3_with_code_message_and_status(client: Any) -> None:
    create(client)
    assert error_of(client.describe_model, ModelName="gone") == (
        "ValidationException",
        f'Could not find model "{ARN}:model/gone".',
        400,
    )
    assert error_of(client.delete_endpoint, EndpointName="e") == (
        "ValidationException",
        f'Cannot update in-progress endpoint "{ARN}:endpoint/e".',
        400,
    )
    code, message, _ = error_of(
        client.create_endpoint_config,
        EndpointConfigName="bad",
        ProductionVariants=[VARIANT | {"InstanceType": "ml.huge"}],
    )
    assert code == "ValidationException"
    assert message.startswith(
        "1 validation error detected: Value 'ml.huge' at 'productionVariants.1.member.instanceType' failed to satisfy "
        "constraint: Member must satisfy enum value set: ["
    )


def test_an_operation_that_is_not_simulated_is_an_error_with_a_code(sim: Simulator, client: Any) -> None:
    assert error_of(client.list_training_jobs)[0] == "UnknownOperationException"
    assert error_of(connect(sim, "sts").get_session_token)[0] == "InvalidAction"


def test_throttling_is_what_boto3_calls_throttling(sim: Simulator, client: Any) -> None:
    sim.faults.throttle("DescribeEndpoint", 1)
    assert error_of(client.describe_endpoint, EndpointName="e") == ("ThrottlingException", "Rate exceeded", 400)


def test_a_cut_connection_is_botocores_own_exception(sim: Simulator, client: Any) -> None:
    sim.faults.cut("CreateModel", "after")
    model = {"ModelName": "m", "ExecutionRoleArn": ROLE, "PrimaryContainer": {"Image": IMAGE}}
    with pytest.raises(ConnectionClosedError, match=r"https://api\.sagemaker\.eu-west-1"):
        client.create_model(**model)
    assert error_of(client.create_model, **model)[1] == f'Cannot create already existing model "{ARN}:model/m".'


@pytest.mark.parametrize("mode", ["legacy", "standard", "adaptive"])
def test_a_crash_goes_straight_through_every_retry_mode(sim: Simulator, mode: str) -> None:
    client = boto3.client(
        "sagemaker",
        region_name="eu-west-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
        config=Config(retries={"mode": mode}),
    )
    client.meta.events.register("before-send.*", sim.before_send)
    sim.faults.crash_at(1)
    with pytest.raises(SimulatedCrash):
        client.create_model(ModelName="m", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE})
    assert client.list_models()["Models"] == []
    assert [event.kind for event in sim.history()] == ["fault", "call"]


def test_a_retry_hides_a_connection_that_was_cut_before_the_effect(
    sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("botocore.endpoint.time.sleep", sim.clock.sleep)
    client = boto3.client(
        "sagemaker",
        region_name="eu-west-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
        config=Config(retries={"mode": "standard", "total_max_attempts": 2}),
    )
    client.meta.events.register("before-send.*", sim.before_send)
    sim.faults.cut("ListModels")
    assert client.list_models()["Models"] == []
    assert [event.outcome for event in sim.history()] == ["cut before", "200"]


def test_a_file_lets_a_second_client_find_what_the_first_one_made(tmp_path: Any) -> None:
    with Simulator.open(tmp_path / "world.db", settings=Settings(creating_s=0)) as one:
        create(connect(one))
    with Simulator.open(tmp_path / "world.db") as two:
        assert connect(two).describe_endpoint(EndpointName="e")["EndpointStatus"] == "InService"
