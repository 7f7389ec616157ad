"""Every rule of stage `online`, in a mimicked account: found where its example is bad, silent where it is good, and a
note that names the IAM action where the read is denied.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from mmeplan import graph, rules, spec
from mmeplan.cloud import aws
from mmeplan.cloud.aws import Cloud
from mmeplan.cloud.clock import SystemClock
from mmeplan.errors import CloudError
from mmeplan.live import Answer
from mmeplan.live.ports import Call
from mmeplan.plan import Finding
from mmeplan.rules.online import OnlineRule, Reads
from tests.cli.running import mmeplan

RULES = [rule for rule in rules.all_rules() if isinstance(rule, OnlineRule)]
SERVICES = {
    "DescribeAlarms": "cloudwatch",
    "DescribeImages": "ecr",
    "GetBucketLocation": "s3",
    "ListObjectsV2": "s3",
}
HOME, ELSEWHERE = "eu-west-1", "us-east-1"


def found_by(reads: Reads, text: str) -> list[Finding]:
    fleet = spec.load_text(text.encode())
    return rules.check_online(fleet, graph.compile(fleet), reads)


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An account with a bucket here and one elsewhere, an image, and two alarms of which one is burning."""
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
        for tag, size in (("1.4", 10**9), ("huge", 11 * 1024**3)):
            kind = "application/vnd.docker.distribution.manifest.v2+json"
            layers = [{"digest": f"sha256:{tag}"}]
            manifest = {"schemaVersion": 2, "mediaType": kind, "config": {"size": size}, "layers": layers}
            images.put_image(repositoryName="ranker", imageManifest=json.dumps(manifest), imageTag=tag)
        yield


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
