"""`mmeplan show`: a saved plan, as it was made; a stale one with a banner."""

from __future__ import annotations

from typing import Any

import click

from mmeplan import apply as applying
from mmeplan import render
from mmeplan.cli.apply import read_saved
from mmeplan.cli.options import Settings
from mmeplan.errors import InputError, Problem


@click.command(epilog="\b\nExample:\n  mmeplan show plan.json")
@click.argument("plan_file", metavar="PLAN", type=click.Path())
@click.option(
    "--format",
    "format_",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="What is printed.",
)
@click.option("--show-environment", is_flag=True, help="Show container environment values instead of masking them.")
@click.option("--no-color", is_flag=True, help="Never use colour (NO_COLOR does the same).")
def command(plan_file: str, format_: str, show_environment: bool, **common: Any) -> None:
    """Show a saved plan. Reads nothing but the file (and the fleet file beside it, to see whether that has changed)."""
    settings = Settings(plan_file, **common)
    plan = read_saved(plan_file)
    if plan is None:
        raise InputError([Problem("this is not a plan", plan_file, hint="mmeplan plan --out FILE writes one")])
    if format_ == "json":
        click.echo(render.json_text(plan, show_environment=show_environment), nl=False)
        return
    stale = tuple(applying.file_reasons(plan))
    click.echo(
        render.text(
            plan,
            width=settings.width,
            color=settings.color,
            show_environment=show_environment,
            next_command="" if stale or not plan.applyable else f"mmeplan apply {plan_file}",
            stale=stale,
        ),
        nl=False,
    )
