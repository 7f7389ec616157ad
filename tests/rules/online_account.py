"""The account in which the examples of online rules are true: moto where it knows a service well, answers of our own
where it doesn't (IAM's simulation, EC2 by fixed ids, what is live, bucket owners), behind the same port.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import boto3
from moto.s3.models import FakeKey
from moto.servicequotas.responses import ServiceQuotasResponse

from mmeplan import graph, rules, spec
from mmeplan.cloud.aws import Cloud
from mmeplan.cloud.clock import SystemClock
from mmeplan.errors import CloudError
from mmeplan.live import Answer
from mmeplan.live.ports import Call
from mmeplan.plan import Finding
from mmeplan.rules.images import BIND_TO_PORT, MULTI_MODEL
from mmeplan.rules.online import Reads

QUOTAS = {
    "ml.m5.large for endpoint usage": 4,
    "ml.m5.xlarge for endpoint usage": 8,
    "ml.m5.2xlarge for endpoint usage": 8,
    "ml.m6g.xlarge for endpoint usage": 8,
    "ml.m5.xlarge for training job usage": 1,
    "Maximum total concurrency that can be allocated across all serverless endpoints": 100,
}
DEFAULTS = {**QUOTAS, "ml.c5.xlarge for endpoint usage": 0}
QUOTAS["ml.p5.48xlarge for endpoint usage"] = 64  # of times when the region had them
HOME, ELSEWHERE = "eu-west-1", "us-east-1"
SIZES = {"large.tar.gz": 40 * 1024**3, "heavy.tar.gz": 4 * 1024**3, "giants/giant.tar.gz": 40 * 1024**3}
"""What moto should say of objects that nobody wants to hold in memory."""

LONG_AGO, LIVE_SINCE = datetime(2020, 1, 1, tzinfo=UTC), "2021-01-01T00:00:00+00:00"
NEW = {"changed.tar.gz", "overwritten/a.tar.gz", "removed/a.tar.gz"}
"""Keys that were written, or removed, after what is live was made; everything else is older."""

OBJECTS = (
    *("ranker.tar.gz", "changed.tar.gz", "large.tar.gz", "heavy.tar.gz", "ranker/a.tar.gz"),
    *("messy/a.tar.gz", "messy/notes.txt", "messy/", "giants/giant.tar.gz"),
    *("overwritten/a.tar.gz", "overwritten/a.tar.gz", "removed/a.tar.gz", "removed/b.tar.gz"),
)


def found_by(reads: Reads, text: str) -> list[Finding]:
    """What the online rules find in a fleet file."""
    fleet = spec.load_text(text.encode())
    return rules.check_online(fleet, graph.compile(fleet), reads)


def archive(*links: str) -> bytes:
    """A .tar.gz with a file, and symbolic links of these names."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as tar:
        member = tarfile.TarInfo("model.bin")
        member.size = 3
        tar.addfile(member, io.BytesIO(b"abc"))
        for name in links:
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, "model.bin"
            tar.addfile(link)
    return made.getvalue()


def build(monkeypatch: Any) -> None:
    """Make the account, inside moto."""
    _buckets(monkeypatch)
    _alarms()
    _images()
    _keys()
    boto3.client("sns", region_name=HOME).create_topic(Name="ranker")
    for operation, quotas in (
        ("list_service_quotas", QUOTAS),
        ("list_aws_default_service_quotas", DEFAULTS),
    ):
        monkeypatch.setattr(ServiceQuotasResponse, operation, _quota_list(quotas), raising=False)


def _buckets(monkeypatch: Any) -> None:
    here = boto3.client("s3", region_name=HOME)
    for bucket in ("acme-models", "acme-foreign"):
        here.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": HOME})
    here.put_bucket_versioning(Bucket="acme-models", VersioningConfiguration={"Status": "Enabled"})
    for key in OBJECTS:
        here.put_object(Bucket="acme-models", Key=key, Body=archive())
    here.put_object(Bucket="acme-models", Key="linked.tar.gz", Body=archive("current"))
    here.put_object(Bucket="acme-foreign", Key="ranker/a.tar.gz", Body=archive())
    here.delete_object(Bucket="acme-models", Key="removed/a.tar.gz")
    there = boto3.client("s3", region_name=ELSEWHERE)
    there.create_bucket(Bucket="acme-elsewhere")
    there.put_object(Bucket="acme-elsewhere", Key="ranker.tar.gz", Body=archive())
    size, modified = FakeKey.size.fget, FakeKey.last_modified_ISO8601.fget
    assert size is not None
    assert modified is not None
    monkeypatch.setattr(FakeKey, "size", property(lambda key: SIZES.get(key.name) or size(key)))
    old = LONG_AGO.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    monkeypatch.setattr(
        FakeKey, "last_modified_ISO8601", property(lambda key: modified(key) if key.name in NEW else old)
    )


def _alarms() -> None:
    alarms = boto3.client("cloudwatch", region_name=HOME)
    for name, state, dimensions in (
        ("ranker-5xx", "OK", ("EndpointName", "VariantName", "EndpointConfigName")),
        ("ranker-burning", "ALARM", ("EndpointName", "VariantName", "EndpointConfigName")),
        ("ranker-both", "OK", ("EndpointName", "VariantName")),
    ):
        alarms.put_metric_alarm(
            AlarmName=name,
            ComparisonOperator="GreaterThanThreshold",
            Dimensions=[{"Name": dimension, "Value": "ranker"} for dimension in dimensions],
            EvaluationPeriods=1,
            MetricName="Invocation5XXErrors",
            Namespace="AWS/SageMaker",
            Period=60,
            Statistic="Sum",
            Threshold=1,
        )
        alarms.set_alarm_state(AlarmName=name, StateValue=state, StateReason="test")


def _images() -> None:
    images = boto3.client("ecr", region_name=HOME)
    images.create_repository(repositoryName="ranker")
    named = dict.fromkeys((MULTI_MODEL, BIND_TO_PORT), "true")
    for tag, size, labels, architecture in (
        ("1.4", 10**9, named, "amd64"),
        ("1.4-arm64", 10**9, named, "arm64"),
        ("plain", 10**9, {}, "amd64"),
        ("huge", 11 * 1024**3, named, "amd64"),
    ):
        kind = "application/vnd.docker.distribution.manifest.v2+json"
        layers = [{"digest": f"sha256:{tag}"}]
        manifest = {"schemaVersion": 1, "mediaType": kind, "config": {"size": size}, "layers": layers}
        manifest |= {"architecture": architecture, **schema_1(labels)}
        images.put_image(repositoryName="ranker", imageManifest=json.dumps(manifest), imageTag=tag)


def schema_1(labels: dict[str, str]) -> dict[str, Any]:
    """The member of a schema 1 manifest that repeats the image's configuration; moto gives what was put."""
    return {"history": [{"v1Compatibility": json.dumps({"config": {"Labels": labels}})}]}


def _keys() -> None:
    keys = boto3.client("kms", region_name=HOME)
    for alias, principal in (
        ("alias/acme-volumes", "arn:aws:iam::123456789012:root"),
        ("alias/acme-sealed", "arn:aws:iam::123456789012:role/other"),
    ):
        statement = {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "kms:*", "Resource": "*"}
        key = keys.create_key(Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
        keys.create_alias(AliasName=alias, TargetKeyId=key["KeyMetadata"]["KeyId"])


def _quota_list(quotas: Mapping[str, int]) -> Any:
    def list_quotas(response: ServiceQuotasResponse) -> str:
        """What moto lacks: SageMaker's quotas, in pages of one."""
        asked = json.loads(response.body)
        assert asked["ServiceCode"] == "sagemaker"
        at = int(asked.get("NextToken", 0))
        name, value = list(quotas.items())[at]
        after = {"NextToken": str(at + 1)} if at + 1 < len(quotas) else {}
        return json.dumps({"Quotas": [{"QuotaName": name, "Value": float(value)}], **after})

    return list_quotas


class Account:
    """The reader: our own answers where there are some, moto's elsewhere; keeps what was asked."""

    def __init__(self, **own: Any) -> None:
        self.cloud = Cloud(SystemClock(), region=HOME)
        self.own: dict[str, Any] = {**OWN, **own}
        self.asked: list[Call] = []

    def gather(self, calls: Sequence[Call]) -> list[Answer | Exception]:
        self.asked += calls
        return [self._answer(operation, params) for operation, params in calls]

    def _answer(self, operation: str, params: Mapping[str, Any]) -> Answer | Exception:
        if operation == "ListObjectsV2" and params.get("ExpectedBucketOwner") and params["Bucket"] == "acme-foreign":
            return CloudError(operation, "AccessDenied", "Access Denied", status=403)
        if operation in self.own:
            answer: Answer | Exception = self.own[operation](params)
            return answer
        return self.cloud.gather([(operation, params)])[0]


def _wanted(params: Mapping[str, Any]) -> list[str]:
    (only,) = params["Filters"]
    return list(only["Values"])


def subnets(params: Mapping[str, Any]) -> Answer:
    """Subnets a and c in a VPC with an endpoint for S3, b and d in one without."""
    homes = {"a": "vpc-a", "c": "vpc-a", "b": "vpc-b", "d": "vpc-b"}
    there = [name for name in _wanted(params) if name[-1] in homes]
    listed = [{"SubnetId": name, "VpcId": homes[name[-1]], "AvailableIpAddressCount": 50} for name in there]
    return {"Subnets": listed}


def security_groups(params: Mapping[str, Any]) -> Answer:
    return {"SecurityGroups": [{"GroupId": name, "VpcId": f"vpc-{name[-1]}"} for name in _wanted(params)]}


def vpc_endpoints(params: Mapping[str, Any]) -> Answer:
    door = {"VpcEndpointId": "vpce-a", "VpcEndpointType": "Gateway", "State": "available"}
    door |= {"ServiceName": f"com.amazonaws.{HOME}.s3", "RouteTableIds": ["rtb-vpc-a"]}
    return {"VpcEndpoints": [door] if _wanted(params) == ["vpc-a"] else []}


def route_tables(params: Mapping[str, Any]) -> Answer:
    """The main table of each VPC, with an internet gateway, which leads a private address nowhere."""
    out = {"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-1", "State": "active"}
    return {
        "RouteTables": [
            {"RouteTableId": f"rtb-{name}", "Associations": [{"Main": True}], "Routes": [out]}
            for name in _wanted(params)
        ]
    }


MAY_NOT = {
    "no-images": lambda action: action.startswith("ecr:"),
    "no-archives": lambda action: action in ("s3:GetObject", "s3:ListBucket"),
    "mute": lambda action: not action.startswith("ecr:") and action not in ("s3:GetObject", "s3:ListBucket"),
}
"""Role → which actions it may not do; every other role may do everything."""


def simulated(params: Mapping[str, Any]) -> Answer:
    """IAM's simulation of these roles."""
    refuses = MAY_NOT.get(params["PolicySourceArn"].rpartition("/")[2], lambda _: False)
    results = []
    for action in params["ActionNames"]:
        decision = "implicitDeny" if refuses(action) else "allowed"
        parts = [{"EvalResourceName": arn, "EvalResourceDecision": decision} for arn in params["ResourceArns"]]
        results.append({"EvalActionName": action, "EvalDecision": decision, "ResourceSpecificResults": parts})
    return {"EvaluationResults": results, "IsTruncated": False}


def role(params: Mapping[str, Any]) -> Answer:
    """A role that SageMaker may assume, unless it is of EC2."""
    service = "ec2.amazonaws.com" if params["RoleName"] == "of-ec2" else "sagemaker.amazonaws.com"
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return {"Role": {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [statement]}}}


def scalable_targets(params: Mapping[str, Any]) -> Answer:
    target = {"ResourceId": "endpoint/scaled/variant/main", "MinCapacity": 2, "MaxCapacity": 3}
    return {"ScalableTargets": [target]}


def endpoint(params: Mapping[str, Any]) -> Answer:
    variants = [{"VariantName": "main"}]
    return {"EndpointConfigName": "live", "ProductionVariants": variants, "LastModifiedTime": LIVE_SINCE}


def endpoint_config(params: Mapping[str, Any]) -> Answer:
    return {"ProductionVariants": [{"VariantName": "main", "InstanceType": "ml.m5.xlarge"}]}


def model_package(params: Mapping[str, Any]) -> Answer:
    """Version 3 is approved, every other waits for it."""
    approval = "Approved" if params["ModelPackageName"].endswith("/3") else "PendingManualApproval"
    return {"ModelPackageStatus": "Completed", "ModelApprovalStatus": approval}


OWN = {
    "DescribeSubnets": subnets,
    "DescribeSecurityGroups": security_groups,
    "DescribeVpcEndpoints": vpc_endpoints,
    "DescribeRouteTables": route_tables,
    "SimulatePrincipalPolicy": simulated,
    "GetRole": role,
    "DescribeScalableTargets": scalable_targets,
    "DescribeEndpoint": endpoint,
    "DescribeEndpointConfig": endpoint_config,
    "DescribeModelPackage": model_package,
    "DescribeModel": lambda params: {"CreationTime": LIVE_SINCE},
}
