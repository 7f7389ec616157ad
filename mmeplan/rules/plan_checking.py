"""check, second half: `Fleet`, `Graph`, `Snapshot` and `Plan` → findings of the rules of stage `plan`.

Pure, like the first half: a rule that crashes is a finding. Called after `plan.build`; its findings belong into the
plan, which is refused where one of them is an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from mmeplan.graph import Graph
from mmeplan.live import Snapshot
from mmeplan.plan.document import Plan
from mmeplan.plan.finding import Finding
from mmeplan.rules.planned import PlanRule, gather_plan
from mmeplan.rules.recording import Record
from mmeplan.rules.rule import Rule
from mmeplan.spec import Fleet


def check_plan(fleet: Fleet, graph: Graph, snapshot: Snapshot, plan: Plan, rules: Sequence[Rule]) -> list[Finding]:
    """The findings of those of these rules that are of stage `plan`, unique, in the order of the file."""
    record = Record(fleet, rules)
    planned = gather_plan(graph, snapshot, plan)
    for rule in _of_stage_plan(tuple(rules)):
        try:
            for resource, path, message in rule.planned(planned):
                record.hit(rule, resource, path, message)
        except Exception as error:  # noqa: BLE001 - a crash of a rule is a finding about the rule
            record.crashed(rule, None, error)
    planned.facts.unlink()
    return record.findings()


@lru_cache(maxsize=4)
def _of_stage_plan(rules: tuple[Rule, ...]) -> tuple[PlanRule, ...]:
    """Those that look at a plan; asked once for a set of rules."""
    return tuple(rule for rule in rules if isinstance(rule, PlanRule))
