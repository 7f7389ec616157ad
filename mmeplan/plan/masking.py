"""A plan whose environment values are masked: what every rendering shows unless it is asked for the values.

In: a `Plan`. Out: the same plan with each container `Environment` value replaced by `(masked, 3f9c2a1b)`, a short
digest salted with the plan's id, so that one sees that a value changed and not what it is. Called by `render`.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from mmeplan.diff import Change, FieldChange
from mmeplan.plan.document import Plan, PlannedDrift
from mmeplan.plan.encoding import encode
from mmeplan.plan.step import Step

_Mask = Callable[[str], str]

_ENVIRONMENT_FIELD: Final = re.compile(r"(?:^|(?<!production_variants)\.)environment(?:\.|$)")
"""A dotted name inside an environment. A variant may be called `environment`, and its fields are no secrets."""


def masked(plan: Plan) -> Plan:
    """The plan with masked environment values. Whatever holds none is shared with the original, not copied."""
    mask = _masking(plan.plan_id)
    return replace(
        plan,
        changes=tuple(_change(change, mask) for change in plan.changes),
        steps=tuple(_step(step, mask) for step in plan.steps),
        drift=tuple(_drift(item, mask) for item in plan.drift),
    )


def masked_changes(plan: Plan) -> Iterator[Change]:
    """The changes with masked environment values, one at a time."""
    mask = _masking(plan.plan_id)
    return (_change(change, mask) for change in plan.changes)


def masked_steps(plan: Plan) -> Iterator[Step]:
    """The steps with masked environment values, one at a time."""
    mask = _masking(plan.plan_id)
    return (_step(step, mask) for step in plan.steps)


def masked_fields(fields: tuple[FieldChange, ...], salt: str) -> tuple[FieldChange, ...]:
    """Fields with masked environment values; the same value gives the same mask with the same salt."""
    return _fields(fields, _masking(salt))


def masked_document(plan: Plan) -> dict[str, Any]:
    """The JSON document of the masked plan. It says so (`"masked": true`), and so `plan.read` refuses to apply it."""
    return {**encode(masked(plan)), "masked": True}


def _masking(salt: str) -> _Mask:
    """A function that masks one value; the same value gives the same mask within one plan."""
    key = salt.encode("utf-8", "surrogatepass")
    known: dict[str, str] = {}

    def mask(value: str) -> str:
        if value not in known:
            digest = hmac.digest(key, value.encode("utf-8", "surrogatepass"), "sha256").hex()
            known[value] = f"(masked, {digest[:8]})"
        return known[value]

    return mask


def _change(change: Change, mask: _Mask) -> Change:
    fields = _fields(change.fields, mask)
    return change if fields is change.fields else replace(change, fields=fields)


def _drift(item: PlannedDrift, mask: _Mask) -> PlannedDrift:
    fields = _fields(item.fields, mask)
    return item if fields is item.fields else replace(item, fields=fields)


def _fields(fields: tuple[FieldChange, ...], mask: _Mask) -> tuple[FieldChange, ...]:
    made = tuple(_field(item, mask) for item in fields)
    same = all(one is other for one, other in zip(made, fields, strict=True))
    return fields if same else made


def _field(item: FieldChange, mask: _Mask) -> FieldChange:
    treat = _every_text if _ENVIRONMENT_FIELD.search(item.field) else _environments
    before, after = treat(item.before, mask), treat(item.after, mask)
    if before is item.before and after is item.after:
        return item
    return replace(item, before=before, after=after)


def _step(step: Step, mask: _Mask) -> Step:
    if not _holds_containers(step.params):
        return step
    params = _environments(step.params, mask)
    return step if params is step.params else replace(step, params=params)


def _holds_containers(params: Mapping[str, Any]) -> bool:
    return "PrimaryContainer" in params or "Containers" in params


def _environments(value: Any, mask: _Mask) -> Any:
    """The value with the texts of every `Environment` in it masked; the value itself where there is none."""
    if isinstance(value, Mapping):
        made = {
            key: _every_text(item, mask) if key in ("Environment", "environment") else _environments(item, mask)
            for key, item in value.items()
        }
        return value if all(made[key] is item for key, item in value.items()) else made
    if isinstance(value, (list, tuple)):
        items = [_environments(item, mask) for item in value]
        return value if all(one is other for one, other in zip(items, value, strict=True)) else items
    return value


def _every_text(value: Any, mask: _Mask) -> Any:
    """The value with all its texts masked. None (absent) stays."""
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, Mapping):
        return {key: _every_text(item, mask) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_every_text(item, mask) for item in value]
    return value
