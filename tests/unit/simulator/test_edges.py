"""Corners of the simulated services: requests that nearly fit, neighbours that stay, and bounds of settings."""

from __future__ import annotations

import re

import pytest

from mmeplan.simulator import Request, ServiceError, Settings
from tests.unit.simulator.conftest import Refused
from tests.unit.simulator.test_runtime import post

COUNT = "sagemaker:variant:DesiredInstanceCount"
TRACKING = {
    "TargetValue": 70.0,
    "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
}


def scaled(world, endpoint):
    """An endpoint of that name with a scalable target and a policy."""
    world.endpoint(endpoint)
    world.sim.clock.sleep(world.sim.settings.creating_s)
    target = {"ServiceNamespace": "sagemaker", "ResourceId": f"endpoint/{endpoint}/variant/main"}
    target["ScalableDimension"] = COUNT
    world.call("autoscaling", "RegisterScalableTarget", **target, MinCapacity=1, MaxCapacity=4)
    policy = {"PolicyName": "p", "PolicyType": "TargetTrackingScaling"}
    configuration = {"TargetTrackingScalingPolicyConfiguration": TRACKING}
    world.call("autoscaling", "PutScalingPolicy", **target, **policy, **configuration)


def scaling(world):
    answers = {
        "ScalableTargets": world.call("autoscaling", "DescribeScalableTargets", ServiceNamespace="sagemaker"),
        "ScalingPolicies": world.call("autoscaling", "DescribeScalingPolicies", ServiceNamespace="sagemaker"),
    }
    return {member: [item["ResourceId"] for item in answer[member]] for member, answer in answers.items()}


def test_an_endpoint_that_goes_takes_its_own_scaling_with_it_and_nobody_elses(world):
    world.model()
    world.config()
    for name in ("e", "e2", "f"):
        scaled(world, name)
    world("DeleteEndpoint", EndpointName="e")
    left = ["endpoint/e2/variant/main", "endpoint/f/variant/main"]
    assert scaling(world) == {"ScalableTargets": left, "ScalingPolicies": left}


def test_alarms_are_asked_for_by_name_or_by_prefix(world):
    world.alarm("a")
    with pytest.raises(Refused, match="can't be given together"):
        world.call("cloudwatch", "DescribeAlarms", AlarmNames=["a"], AlarmNamePrefix="a")


def test_maintenance_waits_for_an_update_to_end(world):
    world.in_service()
    world.config("c2")
    world.update()
    with pytest.raises(ServiceError, match="Cannot update in-progress endpoint"):
        world.sim.system_update("e", 600, region="eu-west-1")
    assert world.describe()["EndpointStatus"] == "Updating"


def test_a_serverless_variant_has_no_instance_count(world, refused):
    world.model()
    serverless = {"MemorySizeInMB": 2048, "MaxConcurrency": 5}
    world.config("c", {"VariantName": "main", "ModelName": "m", "ServerlessConfig": serverless})
    world.endpoint()
    world.sim.clock.sleep(world.sim.settings.creating_s)
    desired = [{"VariantName": "main", "DesiredInstanceCount": 2}]
    asked = {"EndpointName": "e", "DesiredWeightsAndCapacities": desired}
    assert "is serverless" in refused(world, "UpdateEndpointWeightsAndCapacities", **asked)


def test_adding_no_tags_changes_none(world):
    arn = world.model(tags={"a": "1"})
    assert world("AddTags", ResourceArn=arn, Tags=[])["Tags"] == [{"Key": "a", "Value": "1"}]
    untagged = world.model("n")
    world("AddTags", ResourceArn=untagged, Tags=[])
    assert world("ListTags", ResourceArn=untagged)["Tags"] == []
    assert [found["ResourceARN"] for found in world.resources()["ResourceTagMappingList"]] == [arn]


@pytest.mark.parametrize(
    ("headers", "answered"),
    [
        ({"Accept": "*/*", "Content_Type": "text/csv"}, "text/csv"),
        ({"Accept": "*/*"}, "application/octet-stream"),
        ({"Accept": "text/plain", "Content_Type": "text/csv"}, "text/plain"),
    ],
)
def test_whoever_takes_any_type_gets_the_type_that_was_sent(world, headers, answered):
    world.in_service()
    assert post(world, **headers).headers["Content-Type"] == answered


def test_an_invocation_without_http_may_name_its_variant(world):
    world.model()
    world.config("c", world.variant("a"), world.variant("b", InitialVariantWeight=0))
    world.endpoint()
    world.sim.clock.sleep(world.sim.settings.creating_s)
    assert {world.sim.invoke("e", region="eu-west-1").variant for _ in range(5)} == {"a"}
    assert world.sim.invoke("e", target_variant="b", region="eu-west-1").variant == "b"


@pytest.mark.parametrize("name", ["page_size", "history_limit", "model_memory_mb", "model_size_mb"])
def test_a_setting_that_counts_is_at_least_1(name):
    Settings(**{name: 1})
    with pytest.raises(ValueError, match=f"{name} must be 1 or more, not 0"):
        Settings(**{name: 0})


def test_a_duration_is_at_least_0():
    Settings(creating_s=0)
    with pytest.raises(ValueError, match="creating_s must be 0 or more"):
        Settings(creating_s=-1)


# --- S3 ---------------------------------------------------------------------------------------------------------------


def s3(world, method, path, body=b"", **headers):
    scope = f"{world.account}/20260101/{world.region}/s3/aws4_request"
    signed = {"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"}
    sent = signed | {name.replace("_", "-"): value for name, value in headers.items()}
    return world.sim.respond(Request(method, f"http://127.0.0.1:5000/{path}", sent, body))


def code(response):
    return re.search(rb"<Code>(.*?)</Code>", response.body).group(1).decode()


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("bucket?list-type=2&continuation-token=abc", "InvalidArgument"),
        ("bucket?list-type=2&max-keys=many", "InvalidArgument"),
        ("bucket?list-type=2&max-keys=-1", "InvalidArgument"),
        ("bucket/" + "k" * 1025, "KeyTooLongError"),
    ],
)
def test_a_listing_that_nearly_fits_is_refused(world, path, wanted):
    s3(world, "PUT", "bucket/k", b"1")
    assert code(s3(world, "GET", path)) == wanted
    assert s3(world, "PUT", "bucket/" + "k" * 1024, b"1").status == 200


def completed(world, upload, *numbers):
    parts = "".join(f"<Part><PartNumber>{n}</PartNumber><ETag>x</ETag></Part>" for n in numbers)
    body = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()
    return code(s3(world, "POST", f"bucket/big?uploadId={upload}", body))


def test_the_parts_of_an_upload_are_numbered_and_given_in_order(world):
    upload = re.search(rb"<UploadId>(.*?)<", s3(world, "POST", "bucket/big?uploads").body).group(1).decode()
    for number in ("0", "10001", "x"):
        assert code(s3(world, "PUT", f"bucket/big?partNumber={number}&uploadId={upload}", b"1")) == "InvalidArgument"
    for number in (1, 2, 10_000):
        assert s3(world, "PUT", f"bucket/big?partNumber={number}&uploadId={upload}", b"1").status == 200
    assert completed(world, upload, 2, 1) == "InvalidPartOrder"
    assert completed(world, upload, 1, 1) == "InvalidPartOrder"


@pytest.mark.parametrize("count", [0, 1001])
def test_a_deletion_names_1_to_1000_keys(world, count):
    s3(world, "PUT", "bucket/k", b"1")
    keys = "".join(f"<Object><Key>k{n}</Key></Object>" for n in range(count))
    body = f"<Delete><Quiet>true</Quiet>{keys}</Delete>".encode()
    assert code(s3(world, "POST", "bucket?delete", body)) == "MalformedXML"
    at_most = "".join(f"<Object><Key>k{n}</Key></Object>" for n in range(1000))
    assert s3(world, "POST", "bucket?delete", f"<Delete>{at_most}</Delete>".encode()).status == 200


# --- the wire ---------------------------------------------------------------------------------------------------------


def test_a_presigned_url_says_whose_request_it_is(sim):
    scope = "AKIDEXAMPLE%2F20260101%2Feu-west-1%2Fs3%2Faws4_request"
    url = f"http://127.0.0.1:5000/bucket/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={scope}&X-Amz-Signature=0"
    assert sim.respond(Request("PUT", url, {}, b"hello")).status == 200
    assert sim.respond(Request("GET", url, {}, b"")).body == b"hello"


@pytest.mark.parametrize(("text", "said"), [("1.5x", "1.5x is not a number"), ("", "is not a number")])
def test_a_number_of_the_query_protocol_that_is_none_is_refused(world, text, said):
    scope = f"{world.account}/20260101/{world.region}/monitoring/aws4_request"
    headers = {
        "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    body = f"Action=DescribeAlarms&Version=2010-08-01&MaxRecords={text}".encode()
    response = world.sim.respond(Request("POST", "http://127.0.0.1:5000/", headers, body))
    assert response.status == 400
    assert said in response.body.decode()
