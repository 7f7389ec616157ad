"""A plan whose environment values and variables are masked: what every output shows unless it is asked for the values.

In: a `Plan`. Out: the same plan with `***` for the value of each variable (--var), and each container `Environment`
value replaced by `(masked, 3f9c2a1b)`, a short digest salted with the plan's id, so that one sees that a value changed
and not what it is. `render.door` is where plans pass through it; policies and the drift report use its parts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Any, TypeVar

from mmeplan.diff import Change, Drift, FieldChange
from mmeplan.errors import LEFT_OUT
from mmeplan.masks import is_masked, mask_of
from mmeplan.plan.document import Options, Plan
from mmeplan.plan.places import is_in_environment
from mmeplan.plan.step import Step

__all__ = ["is_masked", "masked", "masked_changes", "masked_fields", "masked_options", "masked_steps"]

_Mask = Callable[[str], str]
_WithFields = TypeVar("_WithFields", Change, Drift)


def masked(plan: Plan) -> Plan:
    """The plan with masked environment values and variables. What holds none is shared with the original."""
    mask = _masking(plan.plan_id)
    return replace(
        plan,
        changes=tuple(_with_fields(change, mask) for change in plan.changes),
        steps=tuple(_step(step, mask) for step in plan.steps),
        drift=tuple(_with_fields(item, mask) for item in plan.drift),
        options=masked_options(plan),
    )


def masked_options(plan: Plan) -> Options:
    """The options of the run with the values of its variables (--var, --var-file) masked."""
    variables, files = plan.options.variables, plan.options.variable_files
    if not variables and not files:
        return plan.options
    mask = _masking(plan.plan_id)
    masked_files = tuple(replace(file, values=_every_text(file.values, mask)) for file in files)
    return replace(plan.options, variables=dict.fromkeys(variables, LEFT_OUT), variable_files=masked_files)


def masked_changes(plan: Plan) -> Iterator[Change]:
    """The changes with masked environment values, one at a time."""
    mask = _masking(plan.plan_id)
    return (_with_fields(change, mask) for change in plan.changes)


def masked_steps(plan: Plan) -> Iterator[Step]:
    """The steps with masked environment values, one at a time."""
    mask = _masking(plan.plan_id)
    return (_step(step, mask) for step in plan.steps)


def masked_fields(fields: tuple[FieldChange, ...], salt: str) -> tuple[FieldChange, ...]:
    """Fields with masked environment values; the same value gives the same mask with the same salt."""
    return _fields(fields, _masking(salt))


def _masking(salt: str) -> _Mask:
    """A function that masks one value; a plan has the same values again and again."""
    return cache(lambda value: value if is_masked(value) else mask_of(salt, value))


def _with_fields(item: _WithFields, mask: _Mask) -> _WithFields:
    fields = _fields(item.fields, mask)
    return item if fields is item.fields else replace(item, fields=fields)


def _fields(fields: tuple[FieldChange, ...], mask: _Mask) -> tuple[FieldChange, ...]:
    changed = tuple(_field(item, mask) for item in fields)
    return fields if all(new is old for new, old in zip(changed, fields, strict=True)) else changed


def _field(item: FieldChange, mask: _Mask) -> FieldChange:
    treat = _every_text if is_in_environment(item.field) else _environments
    before, after = treat(item.before, mask), treat(item.after, mask)
    if before is item.before and after is item.after:
        return item
    return replace(item, before=before, after=after)


def _step(step: Step, mask: _Mask) -> Step:
    if "PrimaryContainer" not in step.params and "Containers" not in step.params:
        return step
    params = _environments(step.params, mask)
    return step if params is step.params else replace(step, params=params)


def _environments(value: Any, mask: _Mask) -> Any:
    """The value with the texts of every `Environment` in it masked; the value itself where there is none."""
    if isinstance(value, Mapping):
        changed = {
            key: _every_text(item, mask) if key in ("Environment", "environment") else _environments(item, mask)
            for key, item in value.items()
        }
        return value if all(changed[key] is item for key, item in value.items()) else changed
    if isinstance(value, (list, tuple)):
        items = [_environments(item, mask) for item in value]
        return value if all(new is old for new, old in zip(items, value, strict=True)) else items
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
