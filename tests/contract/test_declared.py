"""What else the account has: the doubles of what `--online` reads of ECR, EC2, KMS and SNS, through both doors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from botocore.exceptions import ClientError
from moto import mock_aws

from mmeplan import rules
from mmeplan.cloud import aws
from mmeplan.cloud.clock import SystemClock
from mmeplan.errors import CloudError
from mmeplan.rules.online import OnlineRule
from mmeplan.simulator import Simulator
from tests.cli.running import mmeplan
from tests.contract.doors import REGION, Door, error_of, served
from tests.rules.online_account import OWN, found_by

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "simulator" / "account.yaml"
REGISTRY = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
LABELS = {
    "com.amazonaws.sagemaker.capabilities.multi-models": "true",
    "com.amazonaws.sagemaker.capabilities.accept-bind-to-port": "true",
}
SEALED = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::123456789012:role/other"},
            "Action": "*",
            "Resource": "*",
        }
    ],
}
OUT = {"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-1", "State": "active"}
ACCOUNT: dict[str, Any] = {
    "images": [
        {"image": f"{REGISTRY}/ranker:1.4", "size_bytes": 10**9, "labels": LABELS},
        {"image": f"{REGISTRY}/ranker:1.4-arm64", "labels": LABELS, "architectures": ["arm64"]},
        {"image": f"{REGISTRY}/ranker:plain", "size_bytes": 10**9},
        {"image": f"{REGISTRY}/ranker:huge", "size_bytes": 11 * 1024**3, "labels": LABELS},
    ],
    "instance_types": [{"InstanceType": "m5.xlarge", "MemoryInfo": {"SizeInMiB": 16 * 1024}}],
    "subnets": [
        {"SubnetId": f"subnet-0{letter * 16}", "VpcId": f"vpc-{home}", "AvailableIpAddressCount": 50}
        for letter, home in (("a", "a"), ("c", "a"), ("b", "b"), ("d", "b"))
    ],
    "security_groups": [{"GroupId": f"sg-0{letter * 16}", "VpcId": f"vpc-{letter}"} for letter in "ab"],
    "vpc_endpoints": [
        {
            "VpcEndpointId": "vpce-a",
            "VpcEndpointType": "Gateway",
            "State": "available",
            "VpcId": "vpc-a",
            "ServiceName": f"com.amazonaws.{REGION}.s3",
            "RouteTableIds": ["rtb-vpc-a"],
        }
    ],
    "route_tables": [
        {"RouteTableId": f"rtb-{vpc}", "VpcId": vpc, "Associations": [{"Main": True}], "Routes": [OUT]}
        for vpc in ("vpc-a", "vpc-b")
    ],
    "keys": [
        {"KeyId": "1", "Aliases": ["alias/acme-volumes"]},
        {"KeyId": "2", "Aliases": ["alias/acme-sealed"], "Policy": SEALED},
    ],
    "topics": [{"Name": "ranker"}],
}
"""The account of tests/rules/online_account.py, declared."""
SERVICES = ("ecr", "ec2", "kms", "sns", "sts")
READS = {operation for operation, service in aws._SERVICES.items() if service in SERVICES}
RULES = [rule for rule in rules.all_rules() if isinstance(rule, OnlineRule) and READS & set(rule.reads)]


class Doubled:
    """The reader: the simulator for what was declared, the examples' own account for the rest."""

    def __init__(self, sim: Simulator) -> None:
        door = aws.Door(sim.before_send, sim.account)
        self.cloud = aws.Cloud(SystemClock(), region=REGION, door=door)
        self.largest = {"Contents": [{"Key": "giants/a.tar.gz", "Size": 40 * 1024**3, "ETag": "1"}]}
        self.answered: set[str] = set()

    def gather(self, calls: Any) -> list[Any]:
        return [self._answer(*call) for call in calls]

    def _answer(self, operation: str, params: Any) -> Any:
        if operation in READS:
            self.answered.add(operation)
            return self.cloud.gather([(operation, params)])[0]
        if operation == "ListObjectsV2" and params.get("Prefix", "").startswith("giants"):
            return self.largest
        return OWN[operation](params) if operation in OWN else CloudError(operation, "AccessDenied", "", status=403)


def declared(sim: Simulator) -> Simulator:
    sim.declare(ACCOUNT, region=REGION)
    return sim


def test_what_online_rules_read_of_these_services_is_declared_and_they_find_what_they_must() -> None:
    with Simulator.open() as sim:
        reader = Doubled(declared(sim))
        wrong, ours = [], {rule.id for rule in RULES}
        for rule in RULES:
            bad, good = (
                [found.rule for found in found_by(reader, text) if found.severity != "note" and found.rule in ours]
                for text in (rule.bad, rule.good)
            )
            if bad != [rule.id] or good:
                wrong.append((rule.id, bad, good))
        assert wrong == []
        assert reader.answered == READS


def test_both_doors_answer_in_the_services_own_protocols(door: Door) -> None:
    assert door.sim
    declared(door.sim)
    ecr, ec2, kms, sns = (door.client(service) for service in SERVICES[:4])
    (group,) = ec2.describe_security_groups(GroupIds=["sg-0" + "a" * 16])["SecurityGroups"]
    assert group == {"GroupId": "sg-0" + "a" * 16, "VpcId": "vpc-a"}
    found = ec2.describe_subnets(
        Filters=[{"Name": "vpc-id", "Values": ["vpc-b", "vpc-x"]}, {"Name": "subnet-id", "Values": ["subnet-0b*"]}]
    )
    assert [subnet["SubnetId"][-1] for subnet in found["Subnets"]] == ["b"]
    told = error_of(ec2.describe_subnets, Filters=[{"Name": "nonsense", "Values": ["x"]}])[:2]
    assert told == ("InvalidParameterValue", "The filter 'nonsense' is invalid")
    assert ec2.describe_route_tables()["RouteTables"][0]["Routes"] == [OUT]
    assert ec2.describe_instance_types()["InstanceTypes"][0]["MemoryInfo"]["SizeInMiB"] == 16384
    images = ecr.describe_images(repositoryName="ranker")["imageDetails"]
    assert [image["imageTags"] for image in images] == [["1.4"], ["1.4-arm64"], ["plain"], ["huge"]]
    again = ecr.describe_images(repositoryName="ranker", imageIds=[{"imageDigest": images[0]["imageDigest"]}])
    assert again["imageDetails"] == images[:1]
    answer = ecr.batch_get_image(repositoryName="ranker", imageIds=[{"imageTag": "plain"}, {"imageTag": "none"}])
    assert '"schemaVersion": 2' in answer["images"][0]["imageManifest"]
    assert answer["failures"][0]["failureCode"] == "ImageNotFound"
    key = kms.describe_key(KeyId="alias/acme-sealed")["KeyMetadata"]
    for name in (key["KeyId"], key["Arn"], key["Arn"].replace("key/2", "alias/acme-sealed")):
        assert kms.describe_key(KeyId=name)["KeyMetadata"] == key
    assert "role/other" in kms.get_key_policy(KeyId="2", PolicyName="default")["Policy"]
    arn = f"arn:aws:sns:{REGION}:123456789012:ranker"
    assert sns.get_topic_attributes(TopicArn=arn)["Attributes"]["TopicArn"] == arn


CALLS: list[tuple[str, str, dict[str, Any]]] = [
    ("ec2", "describe_subnets", {"SubnetIds": ["subnet-0123456789abcdef0"]}),
    ("ec2", "describe_vpc_endpoints", {"VpcEndpointIds": ["vpce-0123456789abcdef0"]}),
    ("ec2", "describe_route_tables", {"RouteTableIds": ["rtb-0123456789abcdef0"]}),
    ("ecr", "describe_images", {"repositoryName": "none", "imageIds": [{"imageTag": "1"}]}),
    ("ecr", "describe_images", {"repositoryName": "ranker", "imageIds": [{"imageTag": "9.9"}]}),
    ("ecr", "batch_get_image", {"repositoryName": "none", "imageIds": [{"imageTag": "1"}]}),
    ("kms", "describe_key", {"KeyId": "alias/none"}),
    ("kms", "describe_key", {"KeyId": "0f1e2d3c-4b5a-4968-8776-655443322110"}),
    ("sns", "get_topic_attributes", {"TopicArn": f"arn:aws:sns:{REGION}:123456789012:none"}),
]


@pytest.mark.parametrize(("service", "operation", "members"), CALLS, ids=lambda value: str(value)[:60])
def test_a_refusal_is_worded_as_another_simulator_recorded_it(
    service: str, operation: str, members: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        if service == "ecr":
            boto3.client("ecr", region_name=REGION).create_repository(repositoryName="ranker")
        with pytest.raises(ClientError) as recorded:
            getattr(boto3.client(service, region_name=REGION), operation)(**members)
    with Simulator.open() as sim:
        ours = error_of(getattr(Door(sim=declared(sim)).client(service), operation), **members)
    assert ours[:2] == (recorded.value.response["Error"]["Code"], recorded.value.response["Error"]["Message"])


def test_of_what_nobody_declared_nothing_is_known_and_an_empty_list_says_that_there_is_none(door: Door) -> None:
    code, message, status = error_of(door.client("ec2").describe_subnets)
    assert (code, status) == ("NotDeclared", 400)
    assert message == "The simulator knows no subnets of this region: none were declared."
    assert door.sim
    door.sim.declare({"subnets": []}, region=REGION)
    assert door.client("ec2").describe_subnets()["Subnets"] == []
    assert error_of(door.client("ec2", "us-east-1").describe_subnets)[0] == "NotDeclared"
    door.sim.reset()
    assert error_of(door.client("ec2").describe_subnets)[0] == "NotDeclared"


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ([], "expected a mapping with images"),
        ({"buckets": []}, "'buckets' is none of images"),
        ({"subnets": {}}, "`subnets` must be a list"),
        ({"subnets": [{"VpcId": "v"}]}, "subnets, entry 1: it has no SubnetId"),
        ({"subnets": [{"SubnetId": "s", "Vpc": "v"}]}, "subnets, entry 1: vpc: "),
        ({"topics": [{"Name": "a"}, "b"]}, "topics, entry 2: it has no Name"),
        ({"images": [{"image": "ranker:7"}]}, "images, entry 1: 'ranker:7' is no image in ECR with a tag"),
        ({"images": [{"image": f"{REGISTRY}/r:1", "size": 1}]}, "images, entry 1: 'size' is none of image"),
        ({"keys": [{"KeyId": "1", "Policy": "x"}]}, "keys, entry 1: Policy must be a dict"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cant_be_read_is_named_by_its_place_and_nothing_is_kept(document: Any, told: str) -> None:
    with Simulator.open() as sim:
        whole = {"instance_types": [], **document} if isinstance(document, dict) else document
        with pytest.raises(ValueError, match=told.replace("(", r"\(")):
            sim.declare(whole, region=REGION)
        assert error_of(Door(sim=sim).client("ec2").describe_instance_types)[0] == "NotDeclared"


def test_a_served_world_is_told_by_a_file_or_by_the_control(tmp_path: Path) -> None:
    with served("--declare", str(EXAMPLE)) as server:
        (topic,) = yaml.safe_load(EXAMPLE.read_text())["topics"]
        arn = f"arn:aws:sns:{REGION}:123456789012:{topic['Name']}"
        assert server.door.client("sns").get_topic_attributes(TopicArn=arn)["Attributes"]["TopicArn"] == arn
        server.door.control("POST", "/_mmeplan/declare?region=us-east-1", {"topics": []})
        assert error_of(server.door.client("sns", "us-east-1").get_topic_attributes, TopicArn=arn)[0] == "NotFound"
    (tmp_path / "account.yaml").write_text("subnets: [{VpcId: v}]\n")
    result = mmeplan("serve --declare account.yaml", tmp_path)
    assert result.code == 1
    assert "subnets, entry 1: it has no SubnetId" in result.stderr
