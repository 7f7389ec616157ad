"""The forms in which `plan` and `show` print a plan."""

from __future__ import annotations

from typing import Final

from mmeplan import render
from mmeplan.cli.options import Settings
from mmeplan.plan import Plan

FORMATS: Final = tuple(render.OUTPUTS)


def rendered(
    plan: Plan,
    settings: Settings,
    format_: str,
    *,
    show_environment: bool,
    next_command: str = "",
    stale: tuple[str, ...] = (),
) -> str:
    """The plan in one of FORMATS. `next_command` is how to apply it, `stale` why it fits the world no more."""
    return render.OUTPUTS[format_](
        plan,
        width=settings.width,
        color=settings.color,
        show_environment=show_environment,
        next_command=next_command,
        stale=stale,
    )
