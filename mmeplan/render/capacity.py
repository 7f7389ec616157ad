"""Instances by type, where their number changes on the way: now, at the peak, after, and against the quota.

In: a shown plan. Out: rows for text, rows for the report's chart, and a note on what they leave out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mmeplan.plan.document import Capacity
from mmeplan.plan.instances import UNKNOWN, reservation_name
from mmeplan.render.door import ShownPlan
from mmeplan.render.values import counted

ROOM: Final = 12  # types; a plan that touches more shows those with the least room
MOST_ROWS: Final = 100  # of the chart; AWS has a few hundred instance types
_FAR: Final = 3  # a quota further away than three times the peak would flatten the bars


@dataclass(frozen=True, slots=True)
class CapacityRow:
    """One instance type or capacity reservation, with what it is called. `assumed` are those of an unknown type."""

    name: str
    now: int
    after: int
    peak: int
    quota: int | None = None
    quota_source: str | None = None
    assumed: int = 0
    least_now: int | None = None
    least_after: int | None = None

    @property
    def now_text(self) -> str:
        """`2`, or `0–2` where SageMaker chooses among types."""
        return _range(self.least_now, self.now)

    @property
    def after_text(self) -> str:
        """As `now_text`."""
        return _range(self.least_after, self.after)


@dataclass(frozen=True, slots=True)
class ChartRow:
    """One type or reservation. Bars are in percent of the widest; `quota_at` is None where no quota is near."""

    item: CapacityRow
    quota: str
    over: bool
    now_bar: float
    after_bar: float
    peak_bar: float
    quota_at: float | None


def moving_types(capacity: Capacity | None) -> list[CapacityRow]:
    """The types and reservations whose number changes on the way."""
    if capacity is None:
        return []
    rows = [
        CapacityRow(
            "type not known" if row.instance_type == UNKNOWN else row.instance_type,
            row.now,
            row.after,
            row.peak,
            row.quota,
            row.quota_source,
            row.assumed,
            row.least_now,
            row.least_after,
        )
        for row in capacity.types
    ]
    rows += [
        CapacityRow(
            f"reservation {reservation_name(row.reservation)}", row.now, row.after, row.peak, row.quota, "reserved"
        )
        for row in capacity.reservations
    ]
    return [row for row in rows if not row.now == row.peak == row.after]


def _range(least: int | None, most: int) -> str:
    return f"{most:,}" if least is None else f"{least:,}–{most:,}"


def is_over(row: CapacityRow) -> bool:
    """Whether the peak is beyond the quota."""
    return row.quota is not None and row.peak > row.quota


def capacity_rows(plan: ShownPlan) -> tuple[tuple[str, ...], ...]:
    """The table, its heads first; empty where no number changes."""
    moving = moving_types(plan.capacity)
    if not moving:
        return ()
    shown = sorted(moving, key=lambda row: (-_taken(row), row.name))[:ROOM] if len(moving) > ROOM else moving
    known = any(row.quota is not None for row in shown)
    rows = [("Instances", "now", "peak", "after", "quota" if known else "")]
    for row in shown:
        quota = "" if row.quota is None else f"{row.quota:,} ({row.quota_source})"
        peak = f"{row.peak:,}{' !' if is_over(row) else ''}"
        rows.append((row.name, row.now_text, peak, row.after_text, quota))
    return tuple(rows)


def _taken(row: CapacityRow) -> float:
    """How much of its quota a type takes at the peak; the types without a known one come last."""
    return -1.0 if row.quota is None else row.peak / row.quota if row.quota else 2.0


def capacity_note(plan: ShownPlan) -> str:
    """What the table leaves out, what it can't know, and who waits for whom so that the peak fits."""
    rest = len(moving_types(plan.capacity)) - ROOM
    endpoints = {change.address for change in plan.changes if change.is_swapped}
    of = {step.id: step.address for step in plan.steps if step.address in endpoints}
    own = [step for step in plan.steps if step.id in of]
    # endpoints wait for other endpoints only for the sake of a quota
    waiting = len({s.address for s in own if any(of.get(needed, s.address) != s.address for needed in s.after)})
    notes = [f"and {counted(rest, 'more type')}"] if rest > 0 else []
    assumed = sum(row.assumed for row in moving_types(plan.capacity))
    if assumed:
        verb, pronoun = ("runs", "it is") if assumed == 1 else ("run", "they are")
        notes.append(
            f"{counted(assumed, 'instance')} now {verb} on a config that was deleted, so nobody knows the type: "
            f"{pronoun} counted as what the file wants there"
        )
    if any(row.least_now is not None or row.least_after is not None for row in moving_types(plan.capacity)):
        notes.append("SageMaker chooses among the types of instance pools; the quota is held against the most")
    if waiting:
        verb = "waits" if waiting == 1 else "wait"
        notes.append(f"{counted(waiting, 'endpoint')} {verb} for others, so that the peak stays within the quotas")
    return "; ".join(notes)


def chart_rows(capacity: Capacity | None) -> tuple[ChartRow, ...]:
    """The rows of the chart, those over their quota first, then by the peak."""
    moving = sorted(moving_types(capacity), key=lambda row: (not is_over(row), -row.peak, row.name))
    items = moving[:MOST_ROWS]
    widest = max((max(_longest(item), _near_quota(item) or 0) for item in items), default=0) or 1
    return tuple(_chart_row(item, widest) for item in items)


def _longest(item: CapacityRow) -> int:
    return max(item.now, item.after, item.peak)


def _near_quota(item: CapacityRow) -> int | None:
    return item.quota if item.quota is not None and item.quota <= _FAR * max(1, _longest(item)) else None


def _chart_row(item: CapacityRow, widest: int) -> ChartRow:
    quota = "not known" if item.quota is None else f"{item.quota:,}"
    if item.quota is not None and item.quota_source:
        quota += f" ({item.quota_source})"
    now, after, peak = (round(100 * number / widest, 2) for number in (item.now, item.after, item.peak))
    near = _near_quota(item)
    at = None if near is None else round(100 * near / widest, 2)
    return ChartRow(item, quota, is_over(item), now, after, peak, at)
