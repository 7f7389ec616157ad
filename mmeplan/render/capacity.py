"""Instances by type as rows: the types whose number changes on the way, or that come near their quota.

In: a plan. Out: rows of texts, the first of them the heads; none where nothing changes. Called by `view`,
`markdown_parts` and `chart`.
"""

from __future__ import annotations

from typing import Final

from mmeplan.plan.document import Capacity, InstanceCapacity, Plan
from mmeplan.render.values import counted

ROOM: Final = 12  # types; a plan that touches more shows those with the least room

_HEADS: Final = ("Instances", "now", "peak", "after")


def capacity_rows(plan: Plan) -> tuple[tuple[str, ...], ...]:
    """The table; empty where no number changes."""
    moving = moving_types(plan.capacity)
    if not moving:
        return ()
    shown = sorted(moving, key=_room)[:ROOM] if len(moving) > ROOM else moving
    known = any(row.quota is not None for row in shown)
    return ((*_HEADS, "quota" if known else ""), *(_row(row) for row in shown))


def capacity_note(plan: Plan) -> str:
    """What the table leaves out, and who waits for whom so that the peak fits."""
    rest = len(moving_types(plan.capacity)) - ROOM
    waiting = waiting_endpoints(plan)
    notes = [f"and {counted(rest, 'more type')}" if rest > 0 else ""]
    if waiting:
        verb = "waits" if waiting == 1 else "wait"
        notes.append(f"{counted(waiting, 'endpoint')} {verb} for others, so that the peak stays within the quotas")
    return "; ".join(note for note in notes if note)


def waiting_endpoints(plan: Plan) -> int:
    """How many endpoints wait for other endpoints: only ever for the sake of a quota."""
    of = {step.id: step.address for step in plan.steps if step.address.startswith("endpoint/")}
    waiting = {
        step.address
        for step in plan.steps
        if step.id in of and any(of.get(needed, step.address) != step.address for needed in step.after)
    }
    return len(waiting)


def moving_types(capacity: Capacity | None) -> list[InstanceCapacity]:
    """The types whose number changes on the way."""
    types = capacity.types if capacity else ()
    return [row for row in types if not row.now == row.peak == row.after]


def _room(row: InstanceCapacity) -> tuple[float, str]:
    return (row.peak / row.quota if row.quota else -1.0 if row.quota is None else 2.0) * -1, row.instance_type


def _row(row: InstanceCapacity) -> tuple[str, ...]:
    quota = "" if row.quota is None else f"{row.quota:,} ({row.quota_source})"
    over = " !" if row.quota is not None and row.peak > row.quota else ""
    return (row.instance_type, f"{row.now:,}", f"{row.peak:,}{over}", f"{row.after:,}", quota)
