"""Every rule of stage `online`, in a mimicked account: found where its example is bad, silent where it is good."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from moto import mock_aws

from mmeplan import graph, rules, spec
from mmeplan.rules.online import ACTIONS, OnlineRule, check_online
from tests.rules.online_account import Account, build, found_by

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


def test_a_rule_asks_for_nothing_that_it_doesnt_name(account: Account) -> None:
    for rule in RULES:
        reads = Account()
        fleet = spec.load_text(rule.bad.encode())
        check_online(fleet, graph.compile(fleet), reads, [rule])
        asked = {operation for operation, _ in reads.asked}

        assert asked, rule.id
        assert asked <= set(rule.reads), rule.id
        assert asked <= ACTIONS.keys(), rule.id
