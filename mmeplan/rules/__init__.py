"""check: `rules.check(fleet, graph)` → findings; `check_plan` and `check_online` look further than the file.

One small class per rule; the framework finds file and line. Other packages add rules of their own (`rules.plugins`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from mmeplan.graph import Graph
from mmeplan.plan.finding import Finding
from mmeplan.rules.planned import PlannedFleet, PlanRule
from mmeplan.rules.registry import ALL_RULES
from mmeplan.rules.rule import Rule
from mmeplan.spec import Fleet

if TYPE_CHECKING:
    from mmeplan.live import Snapshot
    from mmeplan.plan import Plan
    from mmeplan.rules.online import Reads

__all__ = [
    "PlanRule",
    "PlannedFleet",
    "Rule",
    "all_rules",
    "check",
    "check_online",
    "check_plan",
    "find",
    "instance_quotas",
]


_OWN = frozenset(rule.id for rule in ALL_RULES)


def all_rules() -> tuple[Rule, ...]:
    """Every rule, by id: mmeplan's own, and those of installed packages that can be used."""
    theirs, _ = _third_party()
    return tuple(sorted((*ALL_RULES, *theirs), key=lambda rule: rule.id)) if theirs else ALL_RULES


def find(rule_id: str) -> Rule:
    """The rule of that id. Raises KeyError."""
    return {rule.id: rule for rule in all_rules()}[rule_id]


def check(fleet: Fleet, graph: Graph) -> list[Finding]:
    """Everything the rules find in a fleet, unique, sorted by line, column, rule and address."""
    from mmeplan.rules.checking import check as run

    return run(fleet, graph, all_rules(), _third_party()[1])


def check_plan(fleet: Fleet, graph: Graph, snapshot: Snapshot, plan: Plan) -> list[Finding]:
    """What the rules of stage `plan` find in what is live and what is planned; sorted as those of `check`."""
    from mmeplan.rules.checking import check_plan as run

    return run(fleet, graph, snapshot, plan, all_rules())


def check_online(fleet: Fleet, graph: Graph, reads: Reads) -> list[Finding]:
    """What the rules of stage `online` find with reads of other services; sorted as those of `check`."""
    from mmeplan.rules.online import check_online as run

    return run(fleet, graph, reads, all_rules())


def online_actions(graph: Graph) -> tuple[str, ...]:
    """The IAM actions that the rules of stage `online` need for this fleet, sorted."""
    from mmeplan.rules.online import actions

    return actions(graph, all_rules())


def instance_quotas(reads: Reads, types: Iterable[str]) -> dict[str, int]:
    """The quotas of these instance types for endpoints, as Service Quotas lists them; none where it can't be read."""
    from mmeplan.rules.quotas import instance_quotas as run

    return run(reads, types)


def _third_party() -> tuple[tuple[Rule, ...], tuple[str, ...]]:
    from mmeplan.rules.plugins import third_party

    return third_party(_OWN)
