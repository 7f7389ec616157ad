"""The runtime's other calls, through boto3: requests in a queue, answers in parts, containers called by name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from mmeplan.simulator import ServiceError, Settings, Simulator
from tests.contract.doors import IMAGE, REGION, ROLE, VARIANT, Door, create

OUTPUT = {"S3OutputPath": "s3://answers/ok/", "S3FailurePath": "s3://answers/failed"}


@pytest.fixture
def door() -> Iterator[Door]:
    with Simulator.open(settings=Settings(inference_s=2)) as sim:
        yield Door(sim=sim)


def asynchronous(door: Door, **output: str) -> Any:
    """The runtime's client; endpoint e is asynchronous and InService."""
    sm = door.client()
    sm.create_model(ModelName="m", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE})
    config = {"OutputConfig": output or OUTPUT}
    sm.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[VARIANT], AsyncInferenceConfig=config)
    sm.create_endpoint(EndpointName="e", EndpointConfigName="c")
    door.advance(180)
    return door.client("sagemaker-runtime")


def stored(door: Door, address: str) -> bytes:
    bucket, _, key = address.removeprefix("s3://").partition("/")
    return bytes(door.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())


def put(door: Door, body: bytes = b"1,2") -> str:
    door.client("s3").put_object(Bucket="questions", Key="a.csv", Body=body)
    return "s3://questions/a.csv"


def refused(call: Any, **members: Any) -> str:
    with pytest.raises(ClientError) as error:
        call(**members)
    assert error.value.response["Error"]["Code"] == "ValidationError"
    return str(error.value.response["Error"]["Message"])


def test_the_answer_is_in_s3_once_its_time_has_come(door: Door) -> None:
    runtime = asynchronous(door)
    door.sim.answer_invocations(lambda went, body: went.variant.encode() + b" " + body)  # type: ignore[union-attr]
    answer = runtime.invoke_endpoint_async(EndpointName="e", InputLocation=put(door), ContentType="text/csv")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert answer["OutputLocation"] == f"s3://answers/ok/{answer['InferenceId']}.out"
    assert answer["FailureLocation"] == f"s3://answers/failed/{answer['InferenceId']}-error.out"
    door.advance(1)
    with pytest.raises(ClientError, match="NoSuchBucket"):
        stored(door, answer["OutputLocation"])
    door.advance(1)
    assert stored(door, answer["OutputLocation"]) == b"main 1,2"
    door.advance(100)
    headers = door.client("s3").head_object(Bucket="answers", Key=f"ok/{answer['InferenceId']}.out")
    assert headers["ContentType"] == "text/csv"
    assert f"{headers['LastModified']:%M:%S}" == "03:02"
    assert door.sim.invocations("e", region=REGION) == {"main": 1}  # type: ignore[union-attr]


def test_a_request_may_hold_its_input_and_choose_its_names(door: Door) -> None:
    runtime = asynchronous(door)
    body = bytes(range(256))
    answer = runtime.invoke_endpoint_async(
        EndpointName="e", Body=body, InferenceId="mine", S3OutputPathExtension="/2026/", Filename="one.csv"
    )
    assert (answer["InferenceId"], answer["OutputLocation"]) == ("mine", "s3://answers/ok/2026/one.csv")
    door.advance(2)
    assert stored(door, answer["OutputLocation"]) == body
    for members in ({}, {"Body": b"1", "InputLocation": "s3://a/b"}):
        assert "Exactly one of" in refused(runtime.invoke_endpoint_async, EndpointName="e", **members)


def test_ids_are_of_the_seed_and_differ(door: Door) -> None:
    def ids(seed: int) -> list[str]:
        with Simulator.open(seed=seed) as sim:
            runtime = asynchronous(Door(sim=sim))
            return [runtime.invoke_endpoint_async(EndpointName="e", Body=b"1")["InferenceId"] for _ in range(3)]

    assert ids(1) == ids(1) != ids(2)
    assert len(set(ids(1))) == 3


@pytest.mark.parametrize("why", ["no input", "the model", "too slow", "expired", "the endpoint is gone"])
def test_a_failure_is_in_s3_and_says_why(door: Door, why: str) -> None:
    runtime, members = asynchronous(door), {"Body": b"1"}
    if why == "no input":
        members = {"InputLocation": "s3://questions/none"}
    elif why == "the model":
        assert door.sim
        door.sim.answer_invocations(fail)
    elif why == "too slow":
        members["InvocationTimeoutSeconds"] = 1  # type: ignore[assignment]
    elif why == "expired":
        scaled(door, 0)
        members["RequestTTLSeconds"] = 100  # type: ignore[assignment]
    answer = runtime.invoke_endpoint_async(EndpointName="e", **members)
    if why == "the endpoint is gone":
        door.client().delete_endpoint(EndpointName="e")
    door.advance(99 if why == "expired" else 2)
    if why == "expired":
        assert waiting(door) == 1
        door.advance(1)
    told = {
        "no input": "Failed to download input data from s3://questions/none",
        "the model": "ModelError: it broke",
        "too slow": "longer than its timeout",
        "expired": "expired in the queue",
        "the endpoint is gone": "Endpoint e of account 123456789012 not found",
    }
    assert told[why] in stored(door, answer["FailureLocation"]).decode()
    with pytest.raises(ClientError, match="NoSuchKey"):
        stored(door, answer["OutputLocation"])
    assert waiting(door) == 0


def fail(*_: Any) -> bytes:
    raise ServiceError("ModelError", "it broke", 424)


def waiting(door: Door) -> int:
    """How many requests are in the queues, once what is due has come."""
    assert door.sim
    door.client().list_models()
    return door.sim.store.execute("SELECT count(*) FROM objects WHERE kind = 'async-inference'").fetchone()[0]


def scaled(door: Door, count: int) -> None:
    desired = [{"VariantName": "main", "DesiredInstanceCount": count}]
    door.client().update_endpoint_weights_and_capacities(EndpointName="e", DesiredWeightsAndCapacities=desired)
    door.advance(60)


def test_a_request_waits_for_an_instance(door: Door) -> None:
    runtime = asynchronous(door)
    scaled(door, 0)
    answer = runtime.invoke_endpoint_async(EndpointName="e", Body=b"1")
    door.advance(3600)
    assert waiting(door) == 1
    scaled(door, 1)
    door.advance(60)
    assert stored(door, answer["OutputLocation"]) == b"1"


def test_without_paths_there_is_a_default_bucket_and_no_failure(door: Door) -> None:
    runtime = asynchronous(door, KmsKeyId="k")
    answer = runtime.invoke_endpoint_async(EndpointName="e", InputLocation="s3://questions/none")
    bucket = f"s3://sagemaker-{REGION}-123456789012/async-endpoint-outputs/e/"
    assert answer["OutputLocation"] == f"{bucket}{answer['InferenceId']}.out"
    assert "FailureLocation" not in answer
    door.advance(2)
    assert waiting(door) == 0


def test_each_kind_of_endpoint_refuses_the_others_calls(door: Door) -> None:
    runtime = asynchronous(door)
    told = "Endpoint e is an asynchronous endpoint and only supports InvokeEndpointAsync."
    assert refused(runtime.invoke_endpoint, EndpointName="e", Body=b"") == told
    assert refused(runtime.invoke_endpoint_with_response_stream, EndpointName="e", Body=b"") == told
    door.client().create_endpoint_config(EndpointConfigName="sync", ProductionVariants=[VARIANT])
    door.client().create_endpoint(EndpointName="sync", EndpointConfigName="sync")
    door.advance(180)
    told = "Endpoint sync is not an asynchronous endpoint and does not support InvokeEndpointAsync."
    assert refused(runtime.invoke_endpoint_async, EndpointName="sync", InputLocation="s3://a/b") == told


@pytest.mark.parametrize("size", [0, 1, 256, 257, 100_000])
def test_an_answer_comes_in_parts_that_boto3_joins(door: Door, size: int) -> None:
    create(door.client())
    door.advance(180)
    sent = bytes(number % 251 for number in range(size))
    answer = door.client("sagemaker-runtime").invoke_endpoint_with_response_stream(
        EndpointName="e", Body=sent, ContentType="text/csv", CustomAttributes="trace=1"
    )
    assert (answer["ContentType"], answer["InvokedProductionVariant"]) == ("text/csv", "main")
    assert answer["CustomAttributes"] == "trace=1"
    parts = [event["PayloadPart"]["Bytes"] for event in answer["Body"]]
    assert b"".join(parts) == sent
    assert len(parts) == -(-size // 256)


def test_a_container_is_called_by_its_name_where_the_model_says_so(door: Door) -> None:
    sm = door.client()
    containers = [{"Image": IMAGE, "ContainerHostname": name} for name in ("first", "second")]
    for name, mode in (("direct", "Direct"), ("serial", "Serial")):
        sm.create_model(
            ModelName=name, ExecutionRoleArn=ROLE, Containers=containers, InferenceExecutionConfig={"Mode": mode}
        )
        sm.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[VARIANT | {"ModelName": name}])
        sm.create_endpoint(EndpointName=name, EndpointConfigName=name)
    door.advance(180)
    runtime = door.client("sagemaker-runtime")
    assert door.sim
    door.sim.answer_invocations(lambda went, _: json.dumps(went.container).encode())
    for invoke in (runtime.invoke_endpoint, runtime.invoke_endpoint_with_response_stream):
        assert "is missing a target container hostname header" in refused(invoke, EndpointName="direct", Body=b"")
        wrong = refused(invoke, EndpointName="direct", Body=b"", TargetContainerHostname="third")
        assert wrong == "Container third not found for Endpoint direct of account 123456789012."
        serial = refused(invoke, EndpointName="serial", Body=b"", TargetContainerHostname="first")
        assert serial.startswith("Endpoint serial is not a multi-container endpoint with direct invocation")
        invoke(EndpointName="direct", Body=b"", TargetContainerHostname="second")
    answer = runtime.invoke_endpoint(EndpointName="direct", Body=b"", TargetContainerHostname="second")
    assert answer["Body"].read() == b'"second"'
