"""Rules of stage `online`: what they say where a read is denied, fails or tells too little; how they are asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from mmeplan import rules
from mmeplan.cloud.aws import Cloud
from mmeplan.errors import CloudError, InputError
from mmeplan.live import Answer
from mmeplan.live.ports import Call
from mmeplan.rules.examples import fleet_file
from mmeplan.rules.online import OnlineRule
from tests.cli.running import mmeplan
from tests.rules.online_account import Account, build, found_by

IAM = ("GetRole", "SimulatePrincipalPolicy")
RULES = [rule for rule in rules.all_rules() if isinstance(rule, OnlineRule)]


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """The account in which the examples are true."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    with mock_aws():
        build(monkeypatch)
        yield Account()


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

    assert {note.severity for note in notes} == {"note"}
    assert notes[0].message == f"Not checked, here and elsewhere: the caller lacks {rule.actions[0]}"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_failing_read_is_a_note_with_the_services_words(rule: OnlineRule) -> None:
    notes = [finding for finding in found_by(Refusing("InternalFailure", 500), rule.bad) if finding.rule == rule.id]

    assert {note.severity for note in notes} == {"note"}
    assert f"{rule.actions[0]} failed" in notes[0].message


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_no_rule_crashes_on_an_example_that_lost_a_line(rule: OnlineRule) -> None:
    lines = rule.bad.splitlines(keepends=True)
    for index in range(len(lines)):
        with suppress(InputError):
            found = found_by(Refusing("AccessDenied"), "".join(lines[:index] + lines[index + 1 :]))
            assert [finding for finding in found if finding.rule == "RULE-00"] == []


def test_a_container_of_a_package_is_not_asked_for_an_image() -> None:
    asked = Refusing("AccessDenied")
    package = "model_package_name: arn:aws:sagemaker:eu-west-1:123456789012:model-package/ranker/3"
    found = found_by(asked, fleet_file(containers=f"- {package}\n- {package}"))

    assert [finding for finding in found if finding.rule == "RULE-00"] == []
    assert {"DescribeImages", "BatchGetImage"}.isdisjoint(operation for operation, _ in asked.asked)


def test_a_bucket_that_is_not_there_is_a_missing_artifact_and_says_nothing_of_regions(account: Account) -> None:
    text = rules.find("MDL-22").good.replace("s3://acme-models/", "s3://acme-no-such-bucket/")

    assert [finding.rule for finding in found_by(account, text)] == ["MDL-22"]


def test_the_same_read_is_made_once() -> None:
    reads = Refusing("AccessDenied")
    text = rules.find("MME-23").good  # two multi-model containers under two prefixes of one bucket
    found_by(reads, text)

    operations = [operation for operation, _ in reads.asked]
    assert (operations.count("GetBucketLocation"), operations.count("ListObjectsV2")) == (1, 2)


def test_a_quota_that_is_not_listed_is_a_note_on_the_type(account: Account) -> None:
    found = found_by(account, rules.find("CFG-39").good.replace("ml.m5.xlarge", "ml.c5.xlarge"))

    assert [(finding.rule, finding.severity) for finding in found] == [("CFG-39", "note"), ("CFG-40", "note")]
    assert found[0].message == "Not checked: Service Quotas doesn't list the quota 'ml.c5.xlarge for endpoint usage'"


def test_every_endpoint_counts_and_a_config_without_one_does_not(account: Account) -> None:
    text = rules.find("CFG-39").good
    (config,) = (part for part in text.split("    config:\n")[1:])
    twice = f"{text}  second:\n    config:\n{config}  third:\n    config:\n{config}"
    spare = "production_variants: {main: {model: ranker, instance_type: ml.m5.xlarge, initial_instance_count: 20}}"
    unused = text.replace("endpoints:", f"endpoint_configs:\n  spare: {{{spare}}}\nendpoints:")

    assert [finding.rule for finding in found_by(account, twice)] == ["CFG-39"]
    assert "wants 12 × ml.m5.xlarge" in found_by(account, twice)[0].message
    assert found_by(account, unused) == []


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


def test_more_serverless_endpoints_than_a_region_takes_are_found(account: Account) -> None:
    text = rules.find("SLS-15").good.replace("max_concurrency: 20", "max_concurrency: 1")
    config = text.split("    config:\n")[1]
    many = text + "".join(f"  more{number}:\n    config:\n{config}" for number in range(50))

    (found,) = found_by(account, many)
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


def test_an_online_rule_that_crashes_is_a_finding(monkeypatch: pytest.MonkeyPatch, account: Account) -> None:
    def crash(*_: Any) -> Any:
        raise ZeroDivisionError("planted")

    rule = next(rule for rule in RULES if rule.id == "DEP-17")
    monkeypatch.setattr(rule, "found", crash)

    assert [finding.rule for finding in found_by(account, rule.good)] == ["RULE-00"]


def test_validate_looks_online_only_where_it_is_asked_to(
    tmp_path: Path, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    gather = Cloud.gather

    def with_iam(cloud: Cloud, calls: Sequence[Call], progress: Any = None) -> list[Answer | Exception]:
        """moto's answers, and the account's own of what moto lacks."""
        return [
            account.own[operation](params) if operation in IAM else gather(cloud, [(operation, params)])[0]
            for operation, params in calls
        ]

    monkeypatch.setattr(Cloud, "gather", with_iam)
    (tmp_path / "fleet.yaml").write_text(rules.find("MDL-22").bad)

    assert mmeplan("validate", tmp_path).code == 0
    asked = mmeplan("validate --online --format json", tmp_path)
    assert asked.code == 3
    assert [finding["rule"] for finding in json.loads(asked.stdout)] == ["MDL-22"]


def test_a_plan_carries_what_is_found_online_only_where_it_is_asked_to(tmp_path: Path) -> None:
    """The simulated account has none of the artifacts and no role, and of ECR nothing was declared."""
    (tmp_path / "fleet.yaml").write_text(rules.find("CFG-39").good)
    assert mmeplan("plan --local --out plan.json", tmp_path).code == 0

    asked = mmeplan("plan --local --online --out plan.json --format json", tmp_path)
    assert asked.code == 3
    severities = {finding["rule"]: finding["severity"] for finding in json.loads(asked.stdout)["findings"]}
    of_the_role = {"ARN-04": "error", "MDL-47": "warning", "MDL-48": "warning"}
    assert severities == {**of_the_role, "MDL-11": "note", "MDL-22": "error"}
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
