"""The plan as a comment of a pull request: Markdown that GitHub, GitLab and Bitbucket render.

In: a `Plan`. Out: Markdown within a budget of characters, whatever the plan: first whole details go, the largest first,
then the rows of the table become counts; what is dangerous stays, and the page says what is missing. Pure.

Sources: GitHub, "Body is too long (maximum is 65536 characters)"; a step summary takes 1 MiB, which is more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from mmeplan.plan.document import Plan
from mmeplan.plan.masking import masked
from mmeplan.render.markdown_details import Detail, details
from mmeplan.render.markdown_parts import (
    alert,
    banner,
    capacity,
    drift,
    findings,
    footer,
    heading,
    remark_lines,
)
from mmeplan.render.markdown_table import table
from mmeplan.render.markup import code, length, marker
from mmeplan.render.relations import Relations
from mmeplan.render.style import shorten
from mmeplan.render.values import counted

BUDGET: Final = 60_000  # characters: GitHub takes 65,536, and the step that posts the comment may want to add a line
SMALLEST: Final = 20_000  # characters in which the parts that are never left out have room
_ALERT_SHARE: Final = 4  # a quarter of the budget for what is dangerous
_OTHER_SHARE: Final = 10  # a tenth each for findings, drift, capacity and notes
_NAMED: Final = 5  # details that are left out and named
_NAME_ROOM: Final = 80  # columns of such a name


def markdown(
    plan: Plan,
    *,
    show_environment: bool = False,
    next_command: str = "",
    stale: tuple[str, ...] = (),
    budget: int = BUDGET,
) -> str:
    """The plan as Markdown of at most `budget` characters (20,000 at least), counted as UTF-16 units.

    `next_command` is how to apply it. `stale` are the reasons why the plan no longer fits the world.
    """
    budget = max(budget, SMALLEST)
    shown = plan if show_environment else masked(plan)
    relations = Relations(shown)
    share = budget // _OTHER_SHARE
    before = [
        marker(shown.fleet, shown.environment),
        heading(shown),
        banner(shown, stale, budget // _ALERT_SHARE),
        alert(shown, budget // _ALERT_SHARE),
    ]
    after = [findings(shown, share), drift(shown, share), capacity(shown, share), remark_lines(shown, share)]
    end = footer(shown, next_command)
    room = budget - sum(_with_gap(part) for part in (*before, *after, end))
    rows = table(shown, relations, room)
    folded = _folded(*details(shown, relations), room - _with_gap(rows))
    return "\n\n".join(part for part in (*before, rows, *after, folded, end) if part) + "\n"


def _with_gap(part: str) -> int:
    return length(part) + 2 if part else 0


def _folded(made: Sequence[Detail], beyond: int, room: int) -> str:
    """The folded details that fit; whole ones are left out, the largest first, and a line says so.

    `beyond` details were not even made.
    """
    if not made:
        return ""
    title = "### Details"
    room -= length(title) + 4
    sizes = [length(detail.text) + 2 for detail in made]
    largest = sorted(range(len(made)), key=lambda index: (-sizes[index], index))
    total, dropped = sum(sizes), 0
    if beyond or total > room:
        room -= length(_left_out([made[index].address for index in largest], beyond, len(made))) + 2
        while dropped < len(made) and total > room:
            total -= sizes[largest[dropped]]
            dropped += 1
        if room < 0:
            return ""
    gone = largest[:dropped]
    note = _left_out([made[index].address for index in gone], beyond, len(made)) if dropped or beyond else ""
    kept = [detail.text for index, detail in enumerate(made) if index not in set(gone)]
    return "\n\n".join(part for part in (title, note, *kept) if part)


def _left_out(dropped: Sequence[str], beyond: int, made: int) -> str:
    named = ", ".join(code(shorten(address, _NAME_ROOM)) for address in dropped[:_NAMED])
    number = len(dropped) + beyond
    rest = f" and {number - min(len(dropped), _NAMED):,} more" if number > min(len(dropped), _NAMED) else ""
    return (
        f"_Left out, because a comment may only be so long: {number:,} of {counted(made + beyond, 'detail')}, "
        f"the largest first ({named}{rest}). `mmeplan show` and the HTML report have them all._"
    )
