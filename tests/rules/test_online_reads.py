"""How online rules read: bounded, together, and no more than they say; and what they make of what they are told."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from mmeplan import graph, rules, spec
from mmeplan.cloud import aws
from mmeplan.cloud.aws import Cloud, Door
from mmeplan.cloud.clock import SystemClock
from mmeplan.errors import CloudError
from mmeplan.live import Answer
from mmeplan.live.ports import Call
from mmeplan.plan import Finding
from mmeplan.rules.examples import fleet_file
from mmeplan.rules.groups import artifacts as archives
from mmeplan.rules.groups.artifacts import ARCHIVE_BYTES, ARCHIVES, symlinks
from mmeplan.rules.online import HELD, PAGES, OnlineRule, Reads, UnknownError, check_online
from mmeplan.rules.policies import SIMULATED, permits
from mmeplan.simulator import Simulator
from tests.rules.online_account import HOME, OWN, archive

RULES = [rule for rule in rules.all_rules() if isinstance(rule, OnlineRule)]
LIVE, LATER = "2021-01-01T00:00:00+00:00", "2022-01-01T00:00:00+00:00"


def found(reads: Reads, text: str, *ids: str) -> list[Finding]:
    """What these rules find."""
    fleet = spec.load_text(text.encode())
    return check_online(fleet, graph.compile(fleet), reads, [rules.find(rule) for rule in ids])


def many_models(count: int) -> str:
    """A fleet of so many models, whose archives lie side by side."""
    models = [
        f"m{number:05}: {{execution_role_arn: 'arn:aws:iam::123456789012:role/sagemaker', primary_container: "
        f"{{image: '1.dkr/x:1', model_data_url: 's3://acme-models/v1/m{number:05}.tar.gz'}}}}"
        for number in range(count)
    ]
    return fleet_file(models="\n".join(models), variant="model: m00000", without=("model",))


class Fake:
    """Answers by operation; an operation without one is denied. Keeps what was asked, and how many at a time."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: list[Call] = []
        self.batches: list[list[str]] = []

    def gather(self, calls: Sequence[Call]) -> list[Answer | Exception]:
        self.asked += calls
        self.batches.append([operation for operation, _ in calls])
        return [self._answer(operation, params) for operation, params in calls]

    def _answer(self, operation: str, params: Mapping[str, Any]) -> Answer | Exception:
        answer = self.answers.get(operation, CloudError(operation, "AccessDenied", "no", status=403))
        made: Answer | Exception = answer(params) if callable(answer) else answer
        return made

    def count(self, operation: str) -> int:
        return sum(asked == operation for asked, _ in self.asked)


def bucket(keys: Sequence[str], *, endless: bool = False) -> Any:
    """ListObjectsV2 over these keys, a thousand a page; an endless one never comes to them."""

    def answer(params: Mapping[str, Any]) -> Answer:
        if endless and "Delimiter" in params:
            return {"Contents": [], "NextContinuationToken": "more"}
        at = int(params.get("ContinuationToken", 0))
        most = int(params.get("MaxKeys", 1000))
        listed = [key for key in keys if key.startswith(params["Prefix"])]
        more = {"NextContinuationToken": str(at + most)} if at + most < len(listed) else {}
        contents = [{"Key": key, "Size": 1, "LastModified": LIVE} for key in listed[at : at + most]]
        return {"Contents": contents, **more}

    return answer


def test_archives_side_by_side_are_listed_together() -> None:
    keys = [f"v1/m{number:05}.tar.gz" for number in range(2500) if number != 1234]
    reads = Fake(ListObjectsV2=bucket(keys), GetBucketLocation={"LocationConstraint": HOME})

    (missing,) = found(reads, many_models(2500), "MDL-21", "MDL-22", "CFG-21", "SLS-16")

    assert missing.address == "model/m01234"
    assert reads.count("ListObjectsV2") == 3
    assert reads.count("GetBucketLocation") == 1


def test_many_models_and_alarms_are_asked_for_by_the_hundred() -> None:
    text = many_models(250)
    name = graph.compile(spec.load_text(text.encode())).resources["model/m00007"].physical_name
    listed = {"Models": [{"ModelName": name, "CreationTime": LIVE}]}
    reads = Fake(
        ListObjectsV2={"Contents": [{"Key": "v1/m00007.tar.gz", "Size": 1, "LastModified": LATER}]}, ListModels=listed
    )
    (changed,) = found(reads, text, "ART-08")
    assert changed.address == "model/m00007"
    assert (reads.count("ListModels"), reads.count("DescribeModel")) == (1, 0)

    endless = Fake(
        ListObjectsV2={"Contents": [{"Key": "v1/m00007.tar.gz", "Size": 1, "LastModified": LATER}]},
        ListModels={"Models": [], "NextToken": "more"},
        DescribeModel={"CreationTime": LIVE},
    )
    assert [finding.address for finding in found(endless, text, "ART-08")] == ["model/m00007"]
    assert (endless.count("ListModels"), endless.count("DescribeModel")) == (PAGES, 1)

    reads = Fake(DescribeAlarms={"MetricAlarms": []})
    missing = found(reads, fleet_with_alarms(250), "DEP-17", "DEP-18", "DEP-19")
    assert len(missing) == 250
    assert reads.count("DescribeAlarms") == 3


def fleet_with_alarms(count: int) -> str:
    """A fleet of so many endpoints, each with an alarm of its own."""
    alarm = "    deployment_config: {auto_rollback_configuration: {alarms: [{alarm_name: alarm-0}]}}\n    config:\n"
    one = fleet_file().replace("    config:\n", alarm)
    body = one.split("endpoints:\n  ranker:\n")[1]
    return one + "".join(f"  e{number}:\n{body.replace('alarm-0', f'alarm-{number}')}" for number in range(1, count))


def test_a_listing_that_is_cut_off_claims_nothing_and_asks_for_each() -> None:
    keys = [f"v1/m{number:05}.tar.gz" for number in range(60) if number != 7]
    reads = Fake(ListObjectsV2=bucket(keys, endless=True))

    (missing,) = found(reads, many_models(60), "MDL-22")

    assert missing.address == "model/m00007"
    assert reads.count("ListObjectsV2") == PAGES + 60


def test_bodies_are_held_a_few_at_a_time_and_bounded_in_number() -> None:
    reads = Fake(GetObject=lambda params: {"Body": archive()})

    assert found(reads, many_models(ARCHIVES + 50), "ART-07") == []
    assert reads.count("GetObject") == ARCHIVES
    assert {len(batch) for batch in reads.batches} <= {0, HELD}
    assert {params["Range"] for _, params in reads.asked} == {f"bytes=0-{ARCHIVE_BYTES - 1}"}


def test_symlinks_are_listed_and_nothing_is_extracted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert symlinks(archive("code/current", "../../etc/passwd")) == (["code/current", "../../etc/passwd"], True)
    assert symlinks(archive()) == ([], True)
    assert list(tmp_path.iterdir()) == []


def test_an_archive_that_is_cut_off_tells_what_its_beginning_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "ARCHIVE_BYTES", 100)
    whole = archive("first", "second")

    assert symlinks(whole[:100]) == ([], False)
    with pytest.raises(UnknownError, match=r"can't be read as a \.tar\.gz"):
        symlinks(b"no archive")


def test_an_archive_that_unpacks_to_more_than_the_bound_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "UNPACKED_BYTES", 4096)
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        member = tarfile.TarInfo("zeros")
        member.size = 10**6
        tar.addfile(member, io.BytesIO(bytes(10**6)))
        link = tarfile.TarInfo("behind")
        link.type = tarfile.SYMTYPE
        tar.addfile(link)

    assert symlinks(gzip.compress(made.getvalue())) == ([], False)
    monkeypatch.setattr(archives, "MEMBERS", 2)
    assert symlinks(archive("one", "two", "three")) == (["one"], False)


def test_what_lies_behind_the_beginning_is_said_once() -> None:
    class Endless:
        def gather(self, calls: Sequence[Call]) -> list[Answer | Exception]:
            return [{"Body": archive()[:-30].ljust(ARCHIVE_BYTES, b"\0")} for _ in calls]

    notes = found(Endless(), many_models(3), "ART-07")

    assert [note.severity for note in notes] == ["note"]
    assert "first MiB" in notes[0].message


def _policy(**statement: Any) -> str:
    return json.dumps({"Statement": {"Effect": "Allow", "Action": "kms:*", "Resource": "*", **statement}})


ROOT = "arn:aws:iam::123456789012:root"


@pytest.mark.parametrize(
    ("policy", "permitted"),
    [
        (_policy(Principal={"AWS": ROOT}), True),
        (_policy(Principal={"AWS": ["arn:aws:iam::1:role/x", ROOT]}), True),
        (_policy(Principal="*"), True),
        (_policy(Principal={"AWS": "*"}), True),
        (_policy(Principal={"AWS": ROOT}, Action="KMS:creategrant"), True),
        (_policy(Principal={"AWS": ROOT}, Action=["kms:Decrypt", "kms:Create?rant"]), True),
        (_policy(Principal={"AWS": ROOT}, Action="kms:Decrypt"), False),
        (_policy(Principal={"AWS": ROOT}, NotAction="kms:Decrypt").replace('"Action": "kms:*", ', ""), True),
        (_policy(Principal={"AWS": ROOT}, NotAction="kms:*").replace('"Action": "kms:*", ', ""), False),
        (_policy(Principal={"AWS": ROOT}, Resource="arn:aws:kms:*:*:key/other"), False),
        (_policy(Principal={"AWS": "arn:aws:iam::1:role/x"}), False),
        (_policy(Principal={"Service": "sagemaker.amazonaws.com"}), False),
        (_policy(Principal={"AWS": ROOT}, Condition={"Bool": {"aws:x": "true"}}), True),
        (_policy(Principal={"AWS": ROOT}, Effect="Deny"), False),
    ],
)
def test_a_policy_permits_what_it_says(policy: str, permitted: bool) -> None:
    assert permits(policy, "kms:CreateGrant", "arn:aws:kms:eu-west-1:123456789012:key/k", [ROOT]) is permitted


def test_a_deny_wins_unless_it_has_a_condition() -> None:
    allow = {"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*"}
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::closed/*"}

    def permitted(*statements: dict[str, Any]) -> bool:
        return permits(json.dumps({"Statement": statements}), "s3:GetObject", "arn:aws:s3:::closed/a")

    assert not permitted(allow, deny)
    assert permitted(allow, {**deny, "Condition": {"Bool": {"aws:SecureTransport": "false"}}})
    assert permitted(allow, {**deny, "Resource": "arn:aws:s3:::other/*"})
    for text in ("{", "[]", '{"Statement": [1]}', "null"):
        with pytest.raises(UnknownError):
            permits(text, "s3:GetObject", "x")


def test_a_role_is_asked_about_many_alarms_at_once() -> None:
    text = fleet_with_alarms(100)
    reads = Fake(SimulatePrincipalPolicy=OWN["SimulatePrincipalPolicy"])

    assert found(reads, text, "DEP-20") == []
    assert reads.count("SimulatePrincipalPolicy") == 100 // SIMULATED


@pytest.mark.parametrize(
    ("answer", "severity", "words"),
    [
        ({"EvaluationResults": []}, "note", "doesn't tell whether"),
        (
            {
                "EvaluationResults": [
                    {"EvalResourceName": "*", "EvalDecision": "implicitDeny", "MissingContextValues": ["aws:SourceVpc"]}
                ]
            },
            "note",
            "doesn't tell whether",
        ),
        (CloudError("SimulatePrincipalPolicy", "NoSuchEntity", "gone", status=404), "warning", "There is no role"),
    ],
)
def test_a_simulation_that_cant_tell_is_a_note(answer: Any, severity: str, words: str) -> None:
    (finding,) = found(Fake(SimulatePrincipalPolicy=answer), rules.find("DEP-20").bad, "DEP-20")

    assert finding.severity == severity
    assert words in finding.message


VPC = "vpc_config: {subnets: [subnet-0aaaaaaaaaaaaaaaa, subnet-0cccccccccccccccc], security_group_ids: [sg-0a]}"


def _network(**answers: Any) -> Fake:
    names = ("DescribeSubnets", "DescribeSecurityGroups", "DescribeVpcEndpoints", "DescribeRouteTables")
    return Fake(**{name: OWN[name] for name in names} | answers)


def _subnets(*homes: str, free: int = 50) -> Answer:
    ids = ("subnet-0aaaaaaaaaaaaaaaa", "subnet-0cccccccccccccccc")
    return {
        "Subnets": [
            {"SubnetId": name, "VpcId": home, "AvailableIpAddressCount": free}
            for name, home in zip(ids, homes, strict=False)
        ]
    }


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({"DescribeSubnets": _subnets("vpc-a", "vpc-a", free=1)}, "have 2 free addresses; 2 instances"),
        ({"DescribeSubnets": _subnets("vpc-a", "vpc-b")}, "in different VPCs: vpc-a, vpc-b"),
        ({"DescribeSubnets": _subnets("vpc-a")}, "no subnet 'subnet-0cccccccccccccccc'"),
        ({"DescribeSecurityGroups": {"SecurityGroups": []}}, "no security group 'sg-0a'"),
        (
            {"DescribeSecurityGroups": {"SecurityGroups": [{"GroupId": "sg-0a", "VpcId": "vpc-z"}]}},
            "is of vpc-z, the subnets are of vpc-a",
        ),
    ],
)
def test_what_is_wrong_with_a_network_is_said(answers: dict[str, Any], words: str) -> None:
    text = fleet_file(model=VPC)

    assert found(_network(), text, "MDL-33", "MDL-34") == []
    assert any(words in finding.message for finding in found(_network(**answers), text, "MDL-33"))


def _door(**members: Any) -> Answer:
    door = {"VpcEndpointId": "vpce-1", "VpcEndpointType": "Gateway", "RouteTableIds": ["rtb-vpc-a"]}
    return {"VpcEndpoints": [{**door, "State": "available", "ServiceName": "com.amazonaws.eu-west-1.s3", **members}]}


def _tables(*routes: Mapping[str, str]) -> Answer:
    own = {"RouteTableId": "rtb-own", "Associations": [{"SubnetId": "subnet-0aaaaaaaaaaaaaaaa"}], "Routes": []}
    main = {"RouteTableId": "rtb-vpc-a", "Associations": [{"Main": True}], "Routes": list(routes)}
    return {"RouteTables": [main, own]}


CLOSED = json.dumps(
    {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "arn:aws:s3:::x/*"}]}
)
NONE = {"VpcEndpoints": []}
NAT = {"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-1", "State": "active"}


@pytest.mark.parametrize(
    ("doors", "tables", "words"),
    [
        (_door(), _tables(), "'subnet-0aaaaaaaaaaaaaaaa' of vpc-a there is no way to S3"),
        (_door(RouteTableIds=["rtb-vpc-a", "rtb-own"]), _tables(), ""),
        (_door(VpcEndpointType="Interface", RouteTableIds=[]), _tables(), ""),
        (_door(State="pending"), _tables(NAT), "'subnet-0aaaaaaaaaaaaaaaa' of vpc-a"),
        (NONE, _tables(NAT), "'subnet-0aaaaaaaaaaaaaaaa' of vpc-a"),
        (NONE, _tables({**NAT, "State": "blackhole"}), "'subnet-0aaaaaaaaaaaaaaaa', 'subnet-0cccccccccccccccc'"),
        (
            _door(PolicyDocument=CLOSED),
            _tables(),
            "doesn't permit s3:GetObject on 'arn:aws:s3:::acme-models/ranker.tar",
        ),
    ],
)
def test_the_way_to_s3_is_found(doors: Answer, tables: Answer, words: str) -> None:
    reads = _network(DescribeVpcEndpoints=doors, DescribeRouteTables=tables)
    messages = [finding.message for finding in found(reads, fleet_file(model=VPC), "MDL-34")]

    assert bool(messages) is bool(words)
    assert any(words in message for message in messages) or not words


@pytest.fixture
def _moto(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        yield


@pytest.mark.usefixtures("_moto")
def test_a_network_as_ec2_describes_it() -> None:
    ec2 = boto3.client("ec2", region_name=HOME)
    home = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    ids = [
        ec2.create_subnet(VpcId=home, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=f"{HOME}{zone}")["Subnet"][
            "SubnetId"
        ]
        for n, zone in enumerate("ab")
    ]
    group = ec2.create_security_group(VpcId=home, GroupName="g", Description="g")["GroupId"]
    text = fleet_file(model=f"vpc_config: {{subnets: [{', '.join(ids)}], security_group_ids: [{group}]}}")
    cloud = Cloud(SystemClock(), region=HOME)

    (before,) = found(cloud, text, "MDL-33", "MDL-34")
    assert (before.rule, before.severity) == ("MDL-34", "warning")

    filters = [{"Name": "vpc-id", "Values": [home]}]
    (table,) = ec2.describe_route_tables(Filters=filters)["RouteTables"]
    ec2.create_vpc_endpoint(VpcId=home, ServiceName=f"com.amazonaws.{HOME}.s3", RouteTableIds=[table["RouteTableId"]])
    assert found(cloud, text, "MDL-33", "MDL-34") == []


@pytest.mark.usefixtures("_moto")
def test_a_body_is_read_up_to_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aws, "BODY_BYTES", 5)
    s3 = boto3.client("s3", region_name="us-east-1")
    s3.create_bucket(Bucket="acme")
    s3.put_object(Bucket="acme", Key="k", Body=b"0123456789")

    assert (
        Cloud(SystemClock(), region="us-east-1").read("GetObject", {"Bucket": "acme", "Key": "k"})["Body"] == b"01234"
    )


KEY = {"KeyId": "k", "Arn": "arn:aws:kms:eu-west-1:123456789012:key/k", "AWSAccountId": "123456789012"}


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({"DescribeKey": CloudError("DescribeKey", "NotFoundException", "gone")}, "There is no key"),
        ({"DescribeKey": {"KeyMetadata": {**KEY, "KeyState": "PendingDeletion"}}}, "is PendingDeletion"),
        ({"GetCallerIdentity": {"Arn": "arn:aws:iam::123456789012:user/a"}}, "lets neither the account"),
        ({"GetCallerIdentity": {"Arn": "arn:aws:sts::123456789012:assumed-role/deployer/me"}}, ""),
        ({"GetKeyPolicy": {"Policy": _policy(Principal={"AWS": "arn:aws:iam::123456789012:role/sagemaker"})}}, ""),
    ],
)
def test_a_key_is_usable_and_lets_somebody_in(answers: dict[str, Any], words: str) -> None:
    let_in = _policy(Principal={"AWS": "arn:aws:iam::123456789012:role/deployer"})
    usual = {"DescribeKey": {"KeyMetadata": {**KEY, "KeyState": "Enabled"}}, "GetKeyPolicy": {"Policy": let_in}}
    messages = [finding.message for finding in found(Fake(**usual | answers), rules.find("KMS-02").bad, "KMS-02")]

    assert bool(messages) is bool(words)
    assert all(words in message for message in messages)


def test_a_topic_that_is_not_there_is_told() -> None:
    gone = CloudError("GetTopicAttributes", "NotFound", "Topic does not exist", status=404)
    reads = Fake(SimulatePrincipalPolicy=OWN["SimulatePrincipalPolicy"], GetTopicAttributes=gone)

    (finding,) = found(reads, rules.find("ASY-11").good, "ASY-11")
    assert "There is no topic 'arn:aws:sns:" in finding.message


GONE = CloudError("DescribeEndpoint", "ValidationException", 'Could not find endpoint "scaled".')


@pytest.mark.parametrize("rule", ["ASC-16", "ASC-17"])
def test_a_target_without_a_live_variant_hinders_nothing(rule: str) -> None:
    targets = OWN["DescribeScalableTargets"]
    live = {"EndpointConfigName": "live", "ProductionVariants": [{"VariantName": "elsewhere"}]}
    config = {"ProductionVariants": [{"VariantName": "elsewhere", "InstanceType": "ml.t2.medium"}]}

    for reads in (
        Fake(DescribeScalableTargets=targets, DescribeEndpoint=GONE),
        Fake(DescribeScalableTargets=targets, DescribeEndpoint=live, DescribeEndpointConfig=config),
    ):
        assert found(reads, rules.find(rule).bad, rule) == []
        assert reads.count("DescribeScalableTargets") == 1


@pytest.mark.parametrize(("concurrency", "said"), [(2, 0), (9, 1)], ids=["within", "beyond"])
def test_a_target_of_provisioned_concurrency_is_one_too(concurrency: int, said: int) -> None:
    serverless = (
        f"serverless_config: {{memory_size_in_mb: 2048, max_concurrency: 20, provisioned_concurrency: {concurrency}}}"
    )
    without = ("instance_type", "initial_instance_count")
    target = {
        "ResourceId": "endpoint/scaled/variant/main",
        "ScalableDimension": "sagemaker:variant:DesiredProvisionedConcurrency",
        "MinCapacity": 1,
        "MaxCapacity": 4,
    }
    fixed = fleet_file(endpoint="name: scaled", variant=serverless, without=without)
    reads = Fake(DescribeScalableTargets={"ScalableTargets": [target]})
    assert len(found(reads, fixed, "ASC-18")) == 1
    assert len(found(reads, fixed, "UWC-09")) == said


def test_one_list_of_targets_serves_all_endpoints() -> None:
    text = rules.find("ASC-18").good
    body = text.split("endpoints:\n  ranker:\n    name: scaled\n")[1]
    many = text + "".join(f"  e{number}:\n{body}" for number in range(300))
    pages = iter(["a", "b", None])

    def page(params: Mapping[str, Any]) -> Answer:
        return {"ScalableTargets": [], "NextToken": next(pages)}

    reads = Fake(DescribeScalableTargets=page)
    assert found(reads, many, "ASC-16", "ASC-17", "ASC-18", "UWC-09") == []
    assert reads.count("DescribeScalableTargets") == 3


@pytest.mark.parametrize("rule", ["ART-05", "ART-06", "ART-08"])
def test_what_became_of_artifacts_before_the_live_one_is_no_news(rule: str) -> None:
    def versions(params: Mapping[str, Any]) -> Answer:
        old = {"Key": "ranker/a.tar.gz", "IsLatest": False, "LastModified": "2019-01-01T00:00:00+00:00"}
        marker = {"Key": "ranker/b.tar.gz", "IsLatest": True, "LastModified": "2020-01-01T00:00:00+00:00"}
        return {"Versions": [old, {**old, "IsLatest": True}], "DeleteMarkers": [marker]}

    def findings(since: str) -> list[Finding]:
        reads = Fake(
            ListObjectVersions=versions,
            ListObjectsV2={"Contents": [{"Key": "changed.tar.gz", "Size": 1, "LastModified": LIVE}]},
            DescribeEndpoint={"LastModifiedTime": since},
            DescribeModel={"CreationTime": since},
        )
        return found(reads, rules.find(rule).bad, rule)

    assert findings(LATER) == []
    assert [finding.severity for finding in findings("2018-01-01T00:00:00+00:00")] == ["warning"]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_what_the_simulated_account_lacks_is_a_note(rule: OnlineRule, tmp_path: Path) -> None:
    with Simulator.open(tmp_path / "local.db") as simulator:
        cloud = Cloud(simulator.clock, region=HOME, door=Door(simulator.before_send, "123456789012"))
        said = found(cloud, rule.bad, rule.id)

    assert {finding.rule for finding in said} <= {rule.id}
