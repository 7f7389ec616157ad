"""`policies` of a fleet file, held against a plan: what isn't true of it becomes a finding.

In: a fleet and its plan. Out: findings of the rule `policy/NAME`. Expressions see the document that is printed, its
environment values masked. An expression that can't be evaluated counts as one that isn't true: nobody is let through by
a typing error. Called by `plan.building`, and only where the file has policies.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any, Final

from mmeplan.diff import Location
from mmeplan.plan.document import Plan
from mmeplan.plan.encoding import plain
from mmeplan.plan.finding import Finding
from mmeplan.plan.masking import masked_changes, masked_steps
from mmeplan.spec import Fleet, Policy, dotted
from mmeplan.spec.policies import MAX_ITEMS, CelEvaluationError, Expression

PREFIX: Final = "policy/"  # of a finding's rule; the policy's name follows

_LISTS: Final = ("changes", "steps", "drift", "findings")
_LONG: Final = ("kept", "snapshot")  # as long as the fleet


def policy_findings(fleet: Fleet, plan: Plan) -> list[Finding]:
    """What the fleet's policies find in a plan, by their names."""
    head = {each.name: plain(getattr(plan, each.name)) for each in fields(plan) if each.name not in _LISTS}
    policies = sorted(fleet.policies, key=lambda policy: policy.name)  # the order of the file means nothing
    compiled = [(policy, Expression(policy.expression, policy.names)) for policy in policies]
    found: dict[str, list[Finding]] = {policy.name: [] for policy in policies}
    for policy, expression in compiled:
        if policy.each is None:
            found[policy.name] += _whole(fleet, plan, head, policy, expression)
    small = {name: value for name, value in head.items() if name not in _LONG}  # it is handed over again and again
    changes = [pair for pair in compiled if pair[0].each == "changes"]
    if changes:
        for change in masked_changes(plan):
            _each(fleet, small, "change", plain(change), change.address, change.location, changes, found)
    steps = [pair for pair in compiled if pair[0].each == "steps"]
    if steps:
        for step in masked_steps(plan):
            _each(fleet, small, "step", plain(step), step.address, Location(), steps, found)
    return [finding for policy in policies for finding in found[policy.name]]


def _whole(
    fleet: Fleet, plan: Plan, head: Mapping[str, Any], policy: Policy, expression: Expression
) -> Iterator[Finding]:
    """A policy over the whole plan. Lists are given to it where it names them, without what isn't touched."""
    document, too_long = dict(head), ""
    for name in _LISTS:
        if re.search(rf"\b{name}\b", policy.expression):
            items = _items(plan, name)
            document[name] = [plain(item) for item in items[:MAX_ITEMS]]
            if len(items) > MAX_ITEMS:
                too_long = f"the plan has {len(items):,} {name}, and a policy over the whole plan sees {MAX_ITEMS:,}"
    reason = too_long or _reason(expression, {"plan": document})
    if reason is not None:
        hint = "write it with each: changes or each: steps" if too_long else ""
        yield _finding(fleet, policy, "", Location(), reason, hint)


def _items(plan: Plan, name: str) -> Sequence[Any]:
    made: Iterable[Any] = getattr(plan, name)
    if name == "changes":
        made = (change for change in masked_changes(plan) if not change.is_noop)
    elif name == "steps":
        made = masked_steps(plan)
    return list(made)


def _each(
    fleet: Fleet,
    head: Mapping[str, Any],
    name: str,
    item: Mapping[str, Any],
    address: str,
    location: Location,
    policies: Iterable[tuple[Policy, Expression]],
    found: Mapping[str, list[Finding]],
) -> None:
    for policy, expression in policies:
        reason = _reason(expression, {"plan": head, name: item})
        if reason is not None:
            found[policy.name].append(_finding(fleet, policy, address, location, reason))


def _reason(expression: Expression, values: Mapping[str, Any]) -> str | None:
    """None where it is true; else why it couldn't be evaluated, empty where it is simply not true."""
    try:
        return None if expression.evaluate(values) else ""
    except CelEvaluationError as error:
        return str(error)


def _finding(fleet: Fleet, policy: Policy, address: str, location: Location, reason: str, hint: str = "") -> Finding:
    path = ("policies", policy.name)
    line, column = fleet.source_map.locate(path)
    message = f"{address}: {policy.message}" if address else policy.message
    if reason:
        message += f" (it couldn't be evaluated: {reason})"
    if not location.line:
        location = Location(fleet.source_map.file, line, column)
    return Finding(
        f"{PREFIX}{policy.name}",
        policy.severity,
        address,
        dotted(path),
        message,
        hint or f"policies.{policy.name} in {fleet.source_map.file} says so",
        "",
        location.file,
        location.line,
        location.column,
    )
