"""Every rule of stage `plan`: found in the plan of its bad example, after what it says is live was applied."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from mmeplan import apply, graph, live, plan, rules, spec
from mmeplan.cloud.aws import Cloud, Door
from mmeplan.kinds import Resource
from mmeplan.plan import Finding
from mmeplan.rules import PlannedFleet, PlanRule
from mmeplan.rules.checking import check_plan
from mmeplan.simulator import Simulator
from tests.rules.test_fixes_are_followed import may_be_allowed, with_allowance

RULES = [rule for rule in rules.all_rules() if isinstance(rule, PlanRule)]
REGION = "eu-west-1"


class Account:
    """A simulated account, planned and applied against."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.cloud = Cloud(simulator.clock, region=REGION, door=Door(simulator.before_send, "123456789012"))

    def observe(
        self, text: str, rule: PlanRule | None = None
    ) -> tuple[spec.Fleet, graph.Graph, live.Snapshot, plan.Plan]:
        fleet = spec.load_text(text.encode())
        compiled = graph.compile(fleet)
        snapshot = live.observe(self.cloud, compiled, self.simulator.clock.now(), REGION, full=True)
        if rule is not None:
            snapshot = staged(snapshot, rule)
        made = plan.build(compiled, snapshot, created_at=self.simulator.clock.now().isoformat())
        return fleet, compiled, snapshot, made

    def apply(self, text: str) -> None:
        *_, made = self.observe(text)
        assert apply.run(made, self.cloud, self.cloud, self.simulator.clock, lambda _: None).complete
        self.simulator.clock.sleep(timedelta(hours=1).total_seconds())

    def findings(self, text: str, rule: PlanRule) -> list[Finding]:
        return rules.check_plan(*self.observe(text, rule))


def staged(snapshot: live.Snapshot, rule: PlanRule) -> live.Snapshot:
    """The snapshot with what the rule's example needs and no fleet file brings about."""
    objects = {kind: dict(named) for kind, named in snapshot.objects.items()}
    for kind, name in rule.absent:
        objects[kind][name] = live.live_object(kind, name, "absent")
    for name, seen in objects["endpoint"].items():
        if seen.status == "present":
            tags = seen.tags if rule.tagged is None else rule.tagged
            objects["endpoint"][name] = replace(seen, describe={**seen.describe, **rule.seen}, tags=tags)
    return replace(snapshot, objects=objects)


@pytest.fixture
def account() -> Iterator[Account]:
    with Simulator.open() as simulator:
        yield Account(simulator)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_the_bad_example_breaks_its_rule_at_the_marked_line_and_no_other_plan_rule(
    rule: PlanRule, account: Account
) -> None:
    if rule.before:
        account.apply(rule.before)
    found = account.findings(rule.bad, rule)
    here = next(number for number, line in enumerate(rule.bad.splitlines(), 1) if line.endswith("# here"))

    assert {(finding.rule, finding.severity, finding.line) for finding in found} == {(rule.id, rule.severity, here)}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_the_good_example_breaks_no_plan_rule_and_the_live_one_neither(rule: PlanRule, account: Account) -> None:
    if rule.before:
        account.apply(rule.before)
        assert account.findings(rule.before, rule) == []

    assert account.findings(rule.good, rule) == []


@pytest.mark.parametrize("rule", [rule for rule in RULES if may_be_allowed(rule)], ids=lambda rule: rule.id)
def test_what_may_be_allowed_is_a_note_once_it_is_and_the_allowance_is_not_called_idle(
    rule: PlanRule, account: Account
) -> None:
    text = with_allowance(rule)
    if rule.before:
        account.apply(rule.before)

    found = [found for found in account.findings(text, rule) if found.rule == rule.id]
    assert {(finding.severity, finding.allowed) for finding in found} == {("note", "it was looked at")}
    assert [found for found in rules.check(*account.observe(text)[:2]) if found.rule == "ALW-02"] == []


def test_nothing_is_found_about_what_was_never_looked_for(account: Account) -> None:
    rule = next(rule for rule in RULES if rule.id == "CFG-04")

    fleet, compiled, snapshot, made = account.observe(rule.bad)

    assert rules.check_plan(fleet, compiled, replace(snapshot, objects={**snapshot.objects, "model": {}}), made) == []


def test_a_plan_rule_that_crashes_is_a_finding(account: Account) -> None:
    class Crashing(PlanRule):
        id, title, severity, basis, source, why, fix = "BAD-01", "t", "warning", "policy", "s", "w.", "f."

        def planned(self, fleet: PlannedFleet) -> Iterator[tuple[Resource, tuple[str, ...], str]]:
            raise ZeroDivisionError("planted")

    found = check_plan(*account.observe(RULES[0].good), [Crashing()])

    assert [(finding.rule, finding.severity) for finding in found] == [("RULE-00", "error")]
    assert "BAD-01 crashed on the fleet: ZeroDivisionError: planted" in found[0].message
