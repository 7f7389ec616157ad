"""Clients of a served world that know nothing of it: boto3's waiters and paginators, and the AWS CLI as a process."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore import xform_name
from botocore.exceptions import WaiterError

from mmeplan.simulator import Simulator, nothing
from mmeplan.simulator.services import SERVICES
from tests.contract.doors import ARN, IMAGE, REGION, ROLE, VARIANT, Door, create, http

SPEED = 20_000


@pytest.fixture
def fast() -> Iterator[Door]:
    """A served world where a minute passes in 3 ms."""
    with Simulator.open() as simulator, http(simulator, SPEED) as open_door:
        yield open_door


def test_the_waiters_wait_for_a_served_endpoint(fast: Door) -> None:
    client = fast.client()
    create(client)
    quick = {"Delay": 0.02, "MaxAttempts": 200}
    client.get_waiter("endpoint_in_service").wait(EndpointName="e", WaiterConfig=quick)
    client.delete_endpoint(EndpointName="e")
    client.get_waiter("endpoint_deleted").wait(EndpointName="e", WaiterConfig=quick)
    fast.control("POST", "/_mmeplan/faults", [{"fault": "fail_create", "endpoint_name": "e", "reason": "no"}])
    client.create_endpoint(EndpointName="e", EndpointConfigName="c")
    with pytest.raises(WaiterError, match="terminal failure"):
        client.get_waiter("endpoint_in_service").wait(EndpointName="e", WaiterConfig=quick)
    fast.client("s3").put_object(Bucket="bucket", Key="k", Body=b"1")
    fast.client("s3").get_waiter("object_exists").wait(Bucket="bucket", Key="k")


def test_the_waiters_of_other_services_see_what_is_there_and_what_is_not(door: Door) -> None:
    s3, iam, cloudwatch = door.client("s3"), door.client("iam"), door.client("cloudwatch")
    once = {"WaiterConfig": {"Delay": 0, "MaxAttempts": 1}}
    s3.put_object(Bucket="bucket", Key="k", Body=b"1")
    trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    cases: list[tuple[Any, str, dict[str, Any], dict[str, Any]]] = [
        (s3, "bucket_exists", {"Bucket": "bucket"}, {"Bucket": "none"}),
        (s3, "bucket_not_exists", {"Bucket": "none"}, {"Bucket": "bucket"}),
        (s3, "object_not_exists", {"Bucket": "bucket", "Key": "none"}, {"Bucket": "bucket", "Key": "k"}),
        (iam, "role_exists", {"RoleName": "r"}, {"RoleName": "none"}),
        (cloudwatch, "alarm_exists", {"AlarmNames": ["a"]}, {"AlarmNames": ["none"]}),
    ]
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=document)
    cloudwatch.put_metric_alarm(
        AlarmName="a", EvaluationPeriods=1, ComparisonOperator="GreaterThanThreshold", Threshold=1.0
    )
    for client, name, holds, fails in cases:
        client.get_waiter(name).wait(**holds, **once)
        with pytest.raises(WaiterError):
            client.get_waiter(name).wait(**fails, **once)


PAGED: list[tuple[str, str, dict[str, Any], int]] = [
    ("sagemaker", "list_models", {}, 7),
    ("sagemaker", "list_endpoint_configs", {"NameContains": "n"}, 7),
    ("sagemaker", "list_endpoints", {"StatusEquals": "Creating"}, 7),
    ("sagemaker", "list_model_package_groups", {}, 7),
    ("sagemaker", "list_model_packages", {"ModelPackageGroupName": "n0"}, 7),
    ("resourcegroupstaggingapi", "get_resources", {}, 7),
    ("cloudwatch", "describe_alarms", {}, 7),
    ("service-quotas", "list_service_quotas", {"ServiceCode": "sagemaker"}, 271),
    ("s3", "list_objects_v2", {"Bucket": "bucket"}, 7),
    ("s3", "list_objects", {"Bucket": "bucket"}, 7),
    ("s3", "list_parts", {"Bucket": "parts", "Key": "k"}, 7),
    ("s3", "list_buckets", {}, 7),
    ("service-quotas", "list_aws_default_service_quotas", {"ServiceCode": "sagemaker"}, 271),
    ("s3", "list_object_versions", {"Bucket": "bucket"}, 7),
    ("s3", "list_multipart_uploads", {"Bucket": "bucket"}, 7),
]


@pytest.mark.parametrize(("service", "operation", "members", "expected"), PAGED)
def test_every_paginator_shows_everything_once(
    door: Door, service: str, operation: str, members: dict[str, Any], expected: int
) -> None:
    populate(door)
    if operation == "list_parts":
        members = members | {"UploadId": upload_of_seven_parts(door.client("s3"), members)}
    paginator = door.client(service).get_paginator(operation)
    size = 3 if expected < 10 else 100
    if service == "resourcegroupstaggingapi":
        members, config = {"ResourcesPerPage": size}, {}
    else:
        config = {"PageSize": size}
    pages = list(paginator.paginate(**members, PaginationConfig=config))
    keys = paginator.result_keys
    seen = [json.dumps(item, default=str) for page in pages for key in keys for item in key.search(page) or ()]
    assert len(seen) == len(set(seen)) >= expected
    assert len(pages) == -(-len(seen) // size)


def populate(door: Door) -> None:
    sm, s3, cloudwatch = door.client(), door.client("s3"), door.client("cloudwatch")
    for number in range(7):
        name = f"n{number}"
        tags = [{"Key": "a", "Value": "b"}]
        sm.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE}, Tags=tags)
        sm.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[VARIANT | {"ModelName": name}])
        sm.create_endpoint(EndpointName=name, EndpointConfigName=name)
        sm.create_model_package_group(ModelPackageGroupName=name)
        sm.create_model_package(ModelPackageGroupName="n0")
        s3.put_object(Bucket="bucket", Key=name, Body=b"1")
        s3.create_multipart_upload(Bucket="bucket", Key=name)
        s3.put_object(Bucket=f"bucket-{number}", Key="k", Body=b"1")
        cloudwatch.put_metric_alarm(
            AlarmName=name, EvaluationPeriods=1, ComparisonOperator="GreaterThanThreshold", Threshold=1.0
        )


def upload_of_seven_parts(s3: Any, where: dict[str, Any]) -> str:
    upload = str(s3.create_multipart_upload(**where)["UploadId"])
    for number in range(1, 8):
        s3.upload_part(**where, UploadId=upload, PartNumber=number, Body=b"1")
    return upload


def test_the_paginators_of_lists_that_are_empty_end_at_once(door: Door) -> None:
    client = door.client()
    for name in sorted(nothing.LISTS):
        pages = list(client.get_paginator(xform_name(name)).paginate())
        assert len(pages) == 1


def test_the_paginator_of_inference_components_shows_everything_once(door: Door) -> None:
    client = door.client()
    hosting = {"VariantName": "main", "InstanceType": "ml.g5.12xlarge", "InitialInstanceCount": 2}
    client.create_endpoint_config(EndpointConfigName="c", ExecutionRoleArn=ROLE, ProductionVariants=[hosting])
    client.create_endpoint(EndpointName="e", EndpointConfigName="c")
    door.advance(180)
    parts = {"Container": {"Image": IMAGE}, "ComputeResourceRequirements": {"MinMemoryRequiredInMb": 1024}}
    for number in range(4):
        client.create_inference_component(
            InferenceComponentName=f"part-{number}",
            EndpointName="e",
            VariantName="main",
            Specification=parts,
            RuntimeConfig={"CopyCount": 1},
        )
    pages = client.get_paginator("list_inference_components").paginate(PaginationConfig={"PageSize": 3})
    assert [len(page["InferenceComponents"]) for page in pages] == [3, 1]


ON_ONE_PAGE = {
    "ListTags": "an object has fewer tags than a page",
    "SimulatePrincipalPolicy": "all results at once",
    "FilterLogEvents": "no group is there",
    "DescribeImages": "what was declared, at once",
    "GetProducts": "what was declared, at once",
    **{f"Describe{what}": "what was declared, at once" for what in ("Subnets", "SecurityGroups", "VpcEndpoints")},
    **{f"Describe{what}": "what was declared, at once" for what in ("RouteTables", "InstanceTypes")},
}


def test_every_paginator_of_botocore_is_tried_or_named(door: Door) -> None:
    tried = {(service, operation) for service, operation, *_ in PAGED}
    tried |= {("sagemaker", "list_inference_components")}
    tried |= {("application-autoscaling", f"describe_{what}") for what in ("scalable_targets", "scaling_policies")}
    tried |= {("application-autoscaling", "describe_scheduled_actions")}
    missing = []
    for service in SERVICES:
        client = door.client(service.name)
        for name in service.operations.keys() - set(nothing.LISTS) - ON_ONE_PAGE.keys():
            if client.can_paginate(xform_name(name)) and (service.name, xform_name(name)) not in tried:
                missing.append((service.name, name))
    assert missing == []


@pytest.mark.parametrize("dimension", ["target", "policy", "action"])
def test_the_autoscaling_paginators_show_everything_once(door: Door, dimension: str) -> None:
    sm, scaling = door.client(), door.client("application-autoscaling")
    create(sm)
    for number in range(1, 5):
        sm.create_endpoint(EndpointName=f"e{number}", EndpointConfigName="c")
    door.advance(180)
    for number in range(1, 5):
        target = {
            "ServiceNamespace": "sagemaker",
            "ResourceId": f"endpoint/e{number}/variant/main",
            "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
        }
        scaling.register_scalable_target(**target, MinCapacity=1, MaxCapacity=4)
        scaling.put_scaling_policy(**target, PolicyName="p", PolicyType="StepScaling")
        night = {"ScheduledActionName": "night", "Schedule": "cron(0 20 * * ? *)"}
        scaling.put_scheduled_action(**target, **night, ScalableTargetAction={"MinCapacity": 1})
    kinds = {"target": "ScalableTargets", "policy": "ScalingPolicies", "action": "ScheduledActions"}
    member = kinds[dimension]
    operation = xform_name(f"Describe{member}")
    pages = list(
        scaling.get_paginator(operation).paginate(ServiceNamespace="sagemaker", PaginationConfig={"PageSize": 3})
    )
    assert [len(page[member]) for page in pages] == [3, 1]


def test_sixteen_racing_creates_have_one_winner(fast: Door) -> None:
    client = fast.client(max_pool_connections=16)
    outcomes: list[str] = []
    start = threading.Barrier(16)

    def race() -> None:
        start.wait()
        try:
            client.create_model(ModelName="m", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE})
            outcomes.append("won")
        except client.exceptions.ClientError as refusal:
            outcomes.append(str(refusal))

    racers = [threading.Thread(target=race) for _ in range(16)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert outcomes.count("won") == 1
    assert sum("Cannot create already existing model" in outcome for outcome in outcomes) == 15


# -- the AWS CLI -----------------------------------------------------------------------------------------------------


def aws_cli() -> str | None:
    """The `aws` of this environment, or of MMEPLAN_AWS_CLI."""
    beside = Path(sys.executable).with_name("aws")
    named = os.environ.get("MMEPLAN_AWS_CLI")
    return named or (str(beside) if beside.exists() else shutil.which("aws"))


@pytest.mark.skipif(aws_cli() is None, reason="the AWS CLI isn't installed (pip install awscli)")
def test_the_aws_cli_runs_unmodified(fast: Door, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "AWS_ENDPOINT_URL": fast.url,
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "any",
        "AWS_DEFAULT_REGION": REGION,
    }

    def aws(*words: str) -> Any:
        ran = subprocess.run(
            [str(aws_cli()), *words], env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout) if ran.stdout.strip().startswith("{") else ran.stdout

    archive = tmp_path / "model.tar.gz"
    archive.write_bytes(b"not really an archive")
    aws("s3", "cp", str(archive), "s3://bucket/models/model.tar.gz")
    assert "model.tar.gz" in aws("s3", "ls", "s3://bucket/models/")
    made = aws(
        *("sagemaker", "create-model", "--model-name", "m", "--execution-role-arn", ROLE),
        *("--primary-container", f"Image={IMAGE},ModelDataUrl=s3://bucket/models/model.tar.gz"),
    )
    assert made == {"ModelArn": f"{ARN}:model/m"}
    variant = "VariantName=main,ModelName=m,InstanceType=ml.m5.large,InitialInstanceCount=2"
    aws("sagemaker", "create-endpoint-config", "--endpoint-config-name", "c", "--production-variants", variant)
    aws("sagemaker", "create-endpoint", "--endpoint-name", "e", "--endpoint-config-name", "c")
    aws("sagemaker", "wait", "endpoint-in-service", "--endpoint-name", "e")
    body = tmp_path / "answer"
    payload = tmp_path / "payload"
    payload.write_bytes(b"1,2,3")
    invoked = aws(
        *("sagemaker-runtime", "invoke-endpoint", "--endpoint-name", "e", "--body", f"fileb://{payload}", str(body))
    )
    assert (invoked["InvokedProductionVariant"], body.read_bytes()) == ("main", b"1,2,3")
    assert aws("sts", "get-caller-identity")["Account"] == "123456789012"
    assert [item["EndpointName"] for item in aws("sagemaker", "list-endpoints")["Endpoints"]] == ["e"]
