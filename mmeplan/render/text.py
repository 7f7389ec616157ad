"""The plan as text: the page that decides whether somebody types `apply`.

In: a `Plan`. Out: the text of `plan`, `show` and `apply`. Pure: the same plan gives the same text, from memory or file.
"""

from __future__ import annotations

from mmeplan.plan.document import Plan
from mmeplan.plan.masking import masked
from mmeplan.render.templating import rendered
from mmeplan.render.view import view


def text(
    plan: Plan,
    *,
    width: int = 80,
    color: bool = False,
    show_environment: bool = False,
    next_command: str = "",
    stale: tuple[str, ...] = (),
) -> str:
    """The plan, dangers first, `width` columns wide (80 at least).

    `show_environment` shows the environment values of containers, which are masked otherwise. `next_command` is what to
    type next. `stale` are the reasons why the plan no longer fits the world; they become a banner.
    """
    shown = view(plan if show_environment else masked(plan))
    return rendered("plan.txt.j2", width=width, color=color, view=shown, next_command=next_command, stale=stale)
