"""What the fleet costs a month: rows for every output, and a note on what the amounts are.

In: a shown plan. Out: rows of texts, the total last; nothing where the fleet file names no prices.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from mmeplan.plan.document import Cost, PricedUsage
from mmeplan.render.door import ShownPlan
from mmeplan.render.values import counted, listed

ROOM: Final = 12  # rows beside the total; a plan that moves more shows those that change the most
NAMED: Final = 5  # of what has no price


class CostRow(NamedTuple):
    """What one type costs, or the whole fleet: amounts as texts. `is_total`: all of it, also what isn't shown."""

    name: str
    now: str
    after: str
    change: str
    is_total: bool = False


def cost_rows(plan: ShownPlan) -> tuple[CostRow, ...]:
    """What changes, and the total."""
    if plan.cost is None:
        return ()
    cost = plan.cost
    moving = [row for row in cost.usage if _change(row) or row.least_per_month_now != row.least_per_month_after]
    moving.sort(key=lambda row: (row.price is not None, -abs(_change(row)), row.name))
    shown = [_row(row) for row in moving[:ROOM]]
    rest = f" and {counted(len(moving) - ROOM, 'more type')}" if len(moving) > ROOM else ""
    now = _range(cost.least_per_month_now, cost.per_month_now)
    after = _range(cost.least_per_month_after, cost.per_month_after)
    least = "at least " if cost.is_lower_bound else ""
    name = f"all endpoints{rest}"
    change = "not known" if cost.delta_per_month is None else signed(cost.delta_per_month)
    total = CostRow(name, f"{least}{now}", f"{least}{after}", change, is_total=True)
    return (*shown, total)


def _change(row: PricedUsage) -> float:
    return row.per_month_after - row.per_month_now


def _row(row: PricedUsage) -> CostRow:
    if row.price is None:
        return CostRow(row.name, "unpriced", "unpriced", "")
    now = _range(row.least_per_month_now, row.per_month_now)
    return CostRow(row.name, now, _range(row.least_per_month_after, row.per_month_after), signed(_change(row)))


def _range(least: float | None, most: float) -> str:
    return f"{most:,.2f}" if least is None else f"{least:,.2f}–{most:,.2f}"


def signed(amount: float) -> str:
    """`+12.00`, `-3.50`, `0.00`."""
    return f"{amount:+,.2f}" if round(amount, 2) else "0.00"


def cost_title(cost: Cost) -> str:
    """What the amounts are: `Cost a month, USD`."""
    return f"Cost a month, {cost.currency}"


def cost_about(plan: ShownPlan) -> tuple[str, str]:
    """The title and the note, for a page; empty where there are no prices."""
    return (cost_title(plan.cost), cost_note(plan)) if plan.cost else ("", "")


def cost_note(plan: ShownPlan) -> str:
    """Where the prices are from, what the rollout costs beyond, and what isn't counted."""
    cost = plan.cost
    if cost is None:
        return ""
    notes = [f"on demand in {cost.region}, prices of {cost.date} ({cost.source})"]
    if cost.overlap_per_hour:
        notes.append(f"the rollout's overlap is up to {cost.overlap_per_hour:,.2f} an hour beside that")
    if cost.unpriced:
        more = len(cost.unpriced) - NAMED
        named = listed([*cost.unpriced[:NAMED], *([f"{more} more"] if more > 0 else [])], NAMED + 1)
        notes.append(f"unpriced, and not counted: {named}")
    return "; ".join(notes)
