"""`policies` of a fleet file, held against a plan: what isn't true of it becomes a finding.

In: a fleet and its plan. Out: findings of the rule `policy/NAME`. Expressions see the document that is printed, its
environment values masked. An expression that can't be evaluated counts as one that isn't true: nobody is let through by
a typing error. Expressions are evaluated in a child process with limits (spec/cel.py). Imported only where the file has
policies.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from itertools import islice
from typing import Any, Final

from mmeplan.diff import Location
from mmeplan.plan.document import Plan
from mmeplan.plan.encoding import plain
from mmeplan.plan.finding import Finding
from mmeplan.plan.masking import masked_changes, masked_options, masked_steps
from mmeplan.spec import Fleet, Policy, dotted
from mmeplan.spec.cel import MAX_ITEMS, Evaluator

PREFIX: Final = "policy/"  # of a finding's rule; the policy's name follows

_LISTS: Final = ("changes", "steps", "drift", "findings")
_BATCH: Final = 100  # items that are handed over at a time
_LONG: Final = ("kept", "snapshot")  # as long as the fleet
_SHARED: Final = {"plan": "small", "cost": "cost"}  # names of values that are handed over once
_COST: Final = re.compile(r"\bcost\b")
_QUOTED: Final = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'')
_NAMED: Final = 5  # of what has no price, in a message


def policy_findings(fleet: Fleet, plan: Plan) -> list[Finding]:
    """What the fleet's policies find in a plan, by their names."""
    policies = sorted(fleet.policies, key=lambda policy: policy.name)  # the order of the file means nothing
    if not policies:
        return []
    head = {each.name: plain(getattr(plan, each.name)) for each in fields(plan) if each.name not in _LISTS}
    head["options"] = plain(masked_options(plan))
    small = {name: value for name, value in head.items() if name not in _LONG}  # it is handed over again and again
    found = {policy.name: _undecided(fleet, plan, policy) for policy in policies}
    shared = {"small": small, "cost": head["cost"]}
    with Evaluator([(policy.expression, policy.names) for policy in policies], shared) as evaluator:
        decided = [(number, policy) for number, policy in enumerate(policies) if not found[policy.name]]
        for number, policy in decided:
            if policy.each is None:
                found[policy.name] += _whole(fleet, plan, head, policy, number, evaluator)
        changes = ((plain(each), each.address, each.location) for each in masked_changes(plan))
        _each(fleet, "change", changes, _of(decided, "changes"), found, evaluator)
        steps = ((plain(each), each.address, Location()) for each in masked_steps(plan))
        _each(fleet, "step", steps, _of(decided, "steps"), found, evaluator)
    return [finding for policy in policies for finding in found[policy.name]]


def _of(policies: Iterable[tuple[int, Policy]], each: str) -> list[tuple[int, Policy]]:
    return [(number, policy) for number, policy in policies if policy.each == each]


def _undecided(fleet: Fleet, plan: Plan, policy: Policy) -> list[Finding]:
    """The finding of a policy on the cost where that isn't known: a lower bound decides nothing."""
    if not _COST.search(_QUOTED.sub("", policy.expression)):
        return []
    if plan.cost is None:
        why, hint = "the file has no prices", "prices: {file: prices.yaml}, which mmeplan prices writes"
    elif plan.cost.is_lower_bound:
        named = ", ".join(plan.cost.unpriced[:_NAMED])
        more = len(plan.cost.unpriced) - _NAMED
        rest = f" and {more} more" if more > 0 else ""
        why, hint = f"the cost is a lower bound: no price is known of {named}{rest}", f"add them to {plan.cost.source}"
    else:
        return []
    return [_finding(fleet, policy, "", Location(), why, hint)]


def _whole(
    fleet: Fleet, plan: Plan, head: Mapping[str, Any], policy: Policy, number: int, evaluator: Evaluator
) -> Iterator[Finding]:
    """A policy over the whole plan. Lists are given to it where it names them, without what isn't touched."""
    document, too_long = dict(head), ""
    for name in _LISTS:
        if re.search(rf"\b{name}\b", policy.expression):
            items = _items(plan, name)
            document[name] = [plain(item) for item in items[:MAX_ITEMS]]
            if len(items) > MAX_ITEMS:
                too_long = f"the plan has {len(items):,} {name}, and a policy over the whole plan sees {MAX_ITEMS:,}"
    (reason,) = [too_long] if too_long else evaluator.reasons([(number, {**_SHARED, "plan": document})])
    if reason is not None:
        hint = "write it with each: changes or each: steps" if too_long else ""
        yield _finding(fleet, policy, "", Location(), reason, hint)


def _items(plan: Plan, name: str) -> Sequence[Any]:
    items: Iterable[Any] = getattr(plan, name)
    if name == "changes":
        items = (change for change in masked_changes(plan) if not change.is_noop)
    elif name == "steps":
        items = masked_steps(plan)
    return list(items)


def _each(
    fleet: Fleet,
    name: str,
    items: Iterable[tuple[Any, str, Location]],
    policies: Sequence[tuple[int, Policy]],
    found: Mapping[str, list[Finding]],
    evaluator: Evaluator,
) -> None:
    """Policies over each of the items, which are (what it is, its address, its place)."""
    waiting = iter(items) if policies else iter(())
    while batch := list(islice(waiting, _BATCH)):
        asked = [(item, policy, number) for item in batch for number, policy in policies]
        reasons = evaluator.reasons([(number, {**_SHARED, name: item[0]}) for item, _, number in asked])
        for (item, policy, _), reason in zip(asked, reasons, strict=True):
            if reason is not None:
                found[policy.name].append(_finding(fleet, policy, item[1], item[2], reason))


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
