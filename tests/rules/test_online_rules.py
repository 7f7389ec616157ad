"""Every rule of stage `online`, in a mimicked account: found where its example is bad, silent where it is good, and a
note that names the IAM action where the read is denied.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.servicequotas.responses import ServiceQuotasResponse

from mmeplan import graph, rules, spec
from mmeplan.cloud import aws
from mmeplan.cloud.aws import Cloud
from mmeplan.cloud.clock import SystemClock
from mmeplan.errors import CloudError
from mmeplan.live import Answer
from mmeplan.live.ports import Call
from mmeplan.plan import Finding
from mmeplan.rules.image_label_rules import BIND_TO_PORT, MULTI_MODEL
from mmeplan.rules.online import OnlineRule, Reads
from tests.cli.running import mmeplan

RULES = [rule for rule in rules.all_rules() if isinstance(rule, OnlineRule)]
SERVICES = {
    "BatchGetImage": "ecr",
    "DescribeAlarms": "cloudwatch",
    "DescribeImages": "ecr",
    "GetBucketLocation": "s3",
    "ListObjectsV2": "s3",
    "ListServiceQuotas": "service-quotas",
}
QUOTAS = {
    "ml.m5.large for endpoint usage": 4,
    "ml.m5.xlarge for endpoint usage": 8,
    "ml.m6g.xlarge for endpoint usage": 8,
    "ml.m5.xlarge for training job usage": 1,
    "Maximum total concurrency that can be allocated across all serverless endpoints": 100,
}
HOME, ELSEWHERE = "eu-west-1", "us-east-1"


def found_by(reads: Reads, text: str) -> list[Finding]:
    fleet = spec.load_text(text.encode())
    return rules.check_online(fleet, graph.compile(fleet), reads)


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An account with a bucket here and one elsewhere, an image, two alarms of which one is burning, and quotas."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    for operation, service in SERVICES.items():
        monkeypatch.setitem(aws._SERVICES, operation, service)
    with mock_aws():
        here = boto3.client("s3", region_name=HOME)
        here.create_bucket(Bucket="acme-models", CreateBucketConfiguration={"LocationConstraint": HOME})
        for key in ("ranker.tar.gz", "ranker/a.tar.gz", "messy/a.tar.gz", "messy/notes.txt", "messy/"):
            here.put_object(Bucket="acme-models", Key=key, Body=b"x")
        there = boto3.client("s3", region_name=ELSEWHERE)
        there.create_bucket(Bucket="acme-elsewhere")
        there.put_object(Bucket="acme-elsewhere", Key="ranker.tar.gz", Body=b"x")
        alarms = boto3.client("cloudwatch", region_name=HOME)
        for name, state in (("ranker-5xx", "OK"), ("ranker-burning", "ALARM")):
            alarms.put_metric_alarm(
                AlarmName=name,
                ComparisonOperator="GreaterThanThreshold",
                EvaluationPeriods=1,
                MetricName="Invocation5XXErrors",
                Namespace="AWS/SageMaker",
                Period=60,
                Statistic="Sum",
                Threshold=1,
            )
            alarms.set_alarm_state(AlarmName=name, StateValue=state, StateReason="test")
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
        monkeypatch.setattr(ServiceQuotasResponse, "list_service_quotas", list_service_quotas, raising=False)
        yield


def schema_1(labels: dict[str, str]) -> dict[str, Any]:
    """The member of a schema 1 manifest that repeats the image's configuration; moto gives what was put."""
    return {"history": [{"v1Compatibility": json.dumps({"config": {"Labels": labels}})}]}


def list_service_quotas(response: ServiceQuotasResponse) -> str:
    """What moto lacks: ListServiceQuotas, in pages of one."""
    asked = json.loads(response.body)
    assert asked["ServiceCode"] == "sagemaker"
    at = int(asked.get("NextToken", 0))
    name, value = list(QUOTAS.items())[at]
    after = {"NextToken": str(at + 1)} if at + 1 < len(QUOTAS) else {}
    return json.dumps({"Quotas": [{"QuotaName": name, "Value": float(value)}], **after})


def cloud() -> Cloud:
    return Cloud(SystemClock(), region=HOME)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_the_bad_example_breaks_its_rule_at_the_marked_line_and_no_other(rule: OnlineRule, account: None) -> None:
    found = found_by(cloud(), rule.bad)
    here = next(number for number, line in enumerate(rule.bad.splitlines(), 1) if line.endswith("# here"))

    assert [(finding.rule, finding.severity, finding.line) for finding in found] == [(rule.id, rule.severity, here)]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_the_good_example_breaks_none(rule: OnlineRule, account: None) -> None:
    assert found_by(cloud(), rule.good) == []


class Refusing:
    """Answers every read with an error, and counts them."""

    def __init__(self, code: str, status: int = 403) -> None:
        self.code, self.status = code, status
        self.asked: list[Call] = []

    def gather(self, calls: Sequence[Call]) -> list[Answer | Exception]:
        self.asked += calls
        return [CloudError(operation, self.code, "no", status=self.status) for operation, _ in calls]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_denied_read_is_one_note_that_names_the_action(rule: OnlineRule) -> None:
    notes = [finding for finding in found_by(Refusing("AccessDenied"), rule.bad) if finding.rule == rule.id]

    assert [note.severity for note in notes] == ["note"]
    assert notes[0].message == f"Not checked, here and elsewhere: the caller lacks {rule.action}"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_failing_read_is_a_note_with_the_services_words(rule: OnlineRule) -> None:
    notes = [finding for finding in found_by(Refusing("InternalFailure", 500), rule.bad) if finding.rule == rule.id]

    assert [note.severity for note in notes] == ["note"]
    assert f"{rule.action} failed" in notes[0].message


def test_a_bucket_that_is_not_there_is_a_missing_artifact_and_says_nothing_of_regions(account: None) -> None:
    text = rules.find("MDL-22").good.replace("s3://acme-models/", "s3://acme-no-such-bucket/")

    assert [finding.rule for finding in found_by(cloud(), text)] == ["MDL-22"]


def test_the_same_read_is_made_once() -> None:
    reads = Refusing("AccessDenied")
    text = rules.find("MME-23").good  # two multi-model containers under two prefixes of one bucket
    found_by(reads, text)

    operations = [operation for operation, _ in reads.asked]
    assert (operations.count("GetBucketLocation"), operations.count("ListObjectsV2")) == (1, 2)


def test_a_quota_that_is_not_listed_is_a_note_on_the_type(account: None) -> None:
    found = found_by(cloud(), rules.find("CFG-39").good.replace("ml.m5.xlarge", "ml.c5.xlarge"))

    assert [(finding.rule, finding.severity) for finding in found] == [("CFG-39", "note"), ("CFG-40", "note")]
    assert found[0].message == "Not checked: Service Quotas doesn't list the quota 'ml.c5.xlarge for endpoint usage'"


def test_every_endpoint_counts_and_a_config_without_one_does_not(account: None) -> None:
    text = rules.find("CFG-39").good
    (config,) = (part for part in text.split("    config:\n")[1:])
    twice = f"{text}  second:\n    config:\n{config}  third:\n    config:\n{config}"
    spare = "production_variants: {main: {model: ranker, instance_type: ml.m5.xlarge, initial_instance_count: 20}}"
    unused = text.replace("endpoints:", f"endpoint_configs:\n  spare: {{{spare}}}\nendpoints:")

    assert [finding.rule for finding in found_by(cloud(), twice)] == ["CFG-39"]
    assert "wants 12 × ml.m5.xlarge" in found_by(cloud(), twice)[0].message
    assert found_by(cloud(), unused) == []


def test_a_page_that_fails_leaves_the_whole_list_unread() -> None:
    class Paging:
        def gather(self, calls: Sequence[Call]) -> list[Answer | Exception]:
            return [self.answer(operation, params) for operation, params in calls]

        def answer(self, operation: str, params: Mapping[str, Any]) -> Answer | Exception:
            if operation != "ListServiceQuotas":
                return CloudError(operation, "AccessDenied", "no", status=403)
            if "NextToken" in params:
                return CloudError(operation, "AccessDenied", "no", status=403)
            quota = {"QuotaName": "ml.m5.xlarge for endpoint usage", "Value": 1.0}
            return {"Quotas": [quota], "NextToken": "more"}

    found = {finding.rule: finding for finding in found_by(Paging(), rules.find("CFG-39").bad)}

    assert found["CFG-39"].severity == "note"
    assert found["CFG-39"].message.endswith("the caller lacks servicequotas:ListServiceQuotas")


def test_more_serverless_endpoints_than_a_region_takes_are_found(account: None) -> None:
    text = rules.find("SLS-15").good.replace("max_concurrency: 20", "max_concurrency: 1")
    config = text.split("    config:\n")[1]
    many = text + "".join(f"  more{number}:\n    config:\n{config}" for number in range(50))

    (found,) = found_by(cloud(), many)
    assert (found.rule, found.message[:36]) == ("SLS-15", "The fleet has 51 serverless variants")


class Manifest:
    """Answers BatchGetImage with a manifest, or a failure, and nothing else with anything."""

    def __init__(self, manifest: dict[str, Any] | None, failure: str = "") -> None:
        images = [{"imageManifest": json.dumps(manifest)}] if manifest else []
        self.answer = {"images": images, "failures": [{"failureCode": failure, "failureReason": "so"}]}

    def gather(self, calls: Sequence[Call]) -> list[Answer | Exception]:
        other = CloudError("Other", "AccessDenied", "no", status=403)
        return [self.answer if operation == "BatchGetImage" else other for operation, _ in calls]


@pytest.mark.parametrize("rule", ["MME-08", "PIP-06", "MDL-39"])
def test_an_image_that_ecr_says_too_little_of_is_a_note(rule: str) -> None:
    for reads in (Manifest({"schemaVersion": 2, "config": {}}), Manifest(None, "UnsupportedImageType")):
        found = [finding for finding in found_by(reads, rules.find(rule).bad) if finding.rule == rule]
        assert {finding.severity for finding in found} == {"note"}
        assert found[0].message.startswith("Not checked: ECR")
    assert rule not in {item.rule for item in found_by(Manifest(None, "ImageNotFound"), rules.find(rule).bad)}


def test_an_image_for_several_architectures_may_be_one_for_graviton() -> None:
    def severities(*architectures: str) -> list[str]:
        manifests = [{"platform": {"os": "linux", "architecture": name}} for name in architectures]
        found = found_by(Manifest({"schemaVersion": 2, "manifests": manifests}), rules.find("MDL-39").bad)
        return [finding.severity for finding in found if finding.rule == "MDL-39"]

    assert severities("amd64", "arm64") == []
    assert severities("amd64", "s390x") == ["error"]


def test_an_online_rule_that_crashes_is_a_finding(monkeypatch: pytest.MonkeyPatch, account: None) -> None:
    def crash(*_: Any) -> Any:
        raise ZeroDivisionError("planted")

    rule = next(rule for rule in RULES if rule.id == "DEP-17")
    monkeypatch.setattr(rule, "found", crash)

    assert [finding.rule for finding in found_by(cloud(), rule.good)] == ["RULE-00"]


def test_validate_looks_online_only_where_it_is_asked_to(tmp_path: Path, account: None) -> None:
    (tmp_path / "fleet.yaml").write_text(rules.find("MDL-22").bad)

    assert mmeplan("validate", tmp_path).code == 0
    asked = mmeplan("validate --online --format json", tmp_path)
    assert asked.code == 3
    assert [finding["rule"] for finding in json.loads(asked.stdout)] == ["MDL-22"]


def test_a_plan_carries_what_is_found_online_only_where_it_is_asked_to(tmp_path: Path) -> None:
    """The simulated account has none of the artifacts, and no ECR to ask."""
    (tmp_path / "fleet.yaml").write_text(rules.find("CFG-39").good)
    assert mmeplan("plan --local --out plan.json", tmp_path).code == 0

    asked = mmeplan("plan --local --online --out plan.json --format json", tmp_path)
    assert asked.code == 3
    severities = {finding["rule"]: finding["severity"] for finding in json.loads(asked.stdout)["findings"]}
    assert severities == {"MDL-11": "note", "MDL-22": "error"}
    assert mmeplan("apply --local --yes plan.json", tmp_path).code == 3
    assert mmeplan("apply --local --yes --online", tmp_path).code == 3
    assert mmeplan("apply --local --yes", tmp_path).code == 0


def test_online_goes_with_live_reads_only(tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_text(rules.find("CFG-39").good)
    mmeplan("plan --local --out plan.json", tmp_path)

    for command in ("plan --online --snapshot live.json", "apply --local --online --yes plan.json"):
        refused = mmeplan(command, tmp_path)
        assert refused.code == 1, command
        assert "--online" in refused.stderr
