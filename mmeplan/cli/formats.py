"""The forms in which `plan` and `show` print a plan."""

from __future__ import annotations

from typing import Final

from mmeplan import render
from mmeplan.cli.options import Settings
from mmeplan.plan import Plan

FORMATS: Final = ("text", "json", "markdown", "html")


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
    if format_ == "json":
        return render.json_text(plan, show_environment=show_environment)
    if format_ == "text":
        return render.text(
            plan,
            width=settings.width,
            color=settings.color,
            show_environment=show_environment,
            next_command=next_command,
            stale=stale,
        )
    made = {"markdown": render.markdown, "html": render.html}[format_]
    return made(plan, show_environment=show_environment, next_command=next_command, stale=stale)
