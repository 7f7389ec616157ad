"""The capacity chart: instances of each type now, after, and at the peak of the rollout, against the quota.

In: the plan's capacity. Out: rows with the lengths of their bars in percent of the widest. Called by `page`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mmeplan.plan.document import Capacity, InstanceCapacity
from mmeplan.render.capacity import moving_types

MOST_ROWS: Final = 100  # instance types; AWS has a few hundred
_FAR: Final = 3  # a quota further away than three times the peak would flatten the bars


@dataclass(frozen=True, slots=True)
class ChartRow:
    """One instance type. Bars are in percent; `quota_at` is None where no quota is known or near."""

    instance_type: str
    now: int
    after: int
    peak: int
    quota: str
    over: bool
    now_bar: float
    after_bar: float
    peak_bar: float
    quota_at: float | None


def chart_rows(capacity: Capacity | None) -> tuple[ChartRow, ...]:
    """The rows, those over their quota first, then by the peak."""
    items = sorted(moving_types(capacity), key=lambda item: (not _is_over(item), -item.peak, item.instance_type))[
        :MOST_ROWS
    ]
    widest = max((max(_longest(item), _near_quota(item) or 0) for item in items), default=0) or 1
    return tuple(_row(item, widest) for item in items)


def _longest(item: InstanceCapacity) -> int:
    return max(item.now, item.after, item.peak)


def _is_over(item: InstanceCapacity) -> bool:
    return item.quota is not None and item.peak > item.quota


def _near_quota(item: InstanceCapacity) -> int | None:
    if item.quota is None or item.quota > _FAR * max(1, _longest(item)):
        return None
    return item.quota


def _row(item: InstanceCapacity, widest: int) -> ChartRow:
    quota = "not known" if item.quota is None else f"{item.quota:,}"
    if item.quota is not None and item.quota_source:
        quota += f" ({item.quota_source})"
    near = _near_quota(item)
    now, after, peak = (round(100 * number / widest, 2) for number in (item.now, item.after, item.peak))
    at = None if near is None else round(100 * near / widest, 2)
    return ChartRow(item.instance_type, item.now, item.after, item.peak, quota, _is_over(item), now, after, peak, at)
