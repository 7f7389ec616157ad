"""Every rule of stage `online`, in a mimicked account: found where its example is bad, silent where it is good."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from moto import mock_aws

from mmeplan import graph, rules, spec
from mmeplan.rules.online import ACTIONS, OnlineRule, check_online
from tests.rules.online_account import Account, build, found_by
from tests.rules.test_fixes_are_followed import INSTANCES as SHARED_INSTANCES
from tests.rules.test_fixes_are_followed import Edits, edited, may_be_allowed, with_allowance

RULES = [rule for rule in rules.all_rules() if isinstance(rule, OnlineRule)]
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}


@pytest.fixture(scope="module")
def _built() -> Iterator[None]:
    """The account, made once: nothing here changes it."""
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        for name, value in CREDENTIALS.items():
            patch.setenv(name, value)
        build(patch)
        yield


@pytest.fixture
def account(_built: None, monkeypatch: pytest.MonkeyPatch) -> Account:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    return Account()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_the_bad_example_breaks_its_rule_at_the_marked_line_and_no_other(rule: OnlineRule, account: Account) -> None:
    found = found_by(account, rule.bad)
    here = next(number for number, line in enumerate(rule.bad.splitlines(), 1) if line.endswith("# here"))

    assert [(finding.rule, finding.severity, finding.line) for finding in found] == [(rule.id, rule.severity, here)]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_the_good_example_breaks_none(rule: OnlineRule, account: Account) -> None:
    assert found_by(account, rule.good) == []


ROLLING = "{maximum_batch_size: {type: INSTANCE_COUNT, value: 2}, wait_interval_in_seconds: 60}"
ON_INSTANCES = ("serverless_config: {memory_size_in_mb: 2048, max_concurrency: 20}", SHARED_INSTANCES)
OTHER_WAYS: dict[str, tuple[Edits, ...]] = {
    "ASC-23": ((("          capacity: autoscaled\n", ""),),),
    "CFG-39": ((("_count: 12", "_count: 4"),), (("ml.m5.xlarge", "ml.p5.48xlarge"), ("_count: 12", "_count: 2"))),
    "CFG-40": ((("    config:\n", f"    deployment_config: {{rolling_update_policy: {ROLLING}}}\n    config:\n"),),),
    "MDL-21": ((("acme-elsewhere", "acme-models"),),),
    "MDL-39": ((("ml.m6g.xlarge", "ml.m5.xlarge"),),),
    "MME-25": ((("ml.m5.xlarge", "ml.m5.24xlarge"),),),
    "SLS-11": ((ON_INSTANCES,),),
    "SLS-16": ((("2048", "6144"),), (ON_INSTANCES,)),
}
"""What a rule says to do instead of what its good example does. Of the rest the good example follows the advice: in the
mimicked account its role has the grants, its image the label, its bucket the place that the advice names."""
WAYS = [(rule, edits) for rule, ways in OTHER_WAYS.items() for edits in ways]


@pytest.mark.parametrize(("rule", "edits"), WAYS, ids=[f"{rule}-{number}" for number, (rule, _) in enumerate(WAYS)])
def test_another_way_that_a_rule_names_ends_its_finding(rule: str, edits: Edits, account: Account) -> None:
    text = edited(rules.find(rule).bad, edits)
    assert [found for found in found_by(account, text) if found.rule == rule or found.severity == "error"] == []


@pytest.mark.parametrize("rule", [rule for rule in RULES if may_be_allowed(rule)], ids=lambda rule: rule.id)
def test_what_may_be_allowed_is_a_note_once_it_is(rule: OnlineRule, account: Account) -> None:
    found = [found for found in found_by(account, with_allowance(rule)) if found.rule == rule.id]
    assert {(finding.severity, finding.allowed) for finding in found} == {("note", "it was looked at")}


def test_a_rule_asks_for_nothing_that_it_doesnt_name(account: Account) -> None:
    for rule in RULES:
        reads = Account()
        fleet = spec.load_text(rule.bad.encode())
        check_online(fleet, graph.compile(fleet), reads, [rule])
        asked = {operation for operation, _ in reads.asked}

        assert asked, rule.id
        assert asked <= set(rule.reads), rule.id
        assert asked <= ACTIONS.keys(), rule.id
