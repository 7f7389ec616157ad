"""`mmeplan show`: a saved plan, as it was made; a stale one with a banner."""

from __future__ import annotations

from typing import Any

import click

from mmeplan import apply as applying
from mmeplan.cli.apply import read_saved
from mmeplan.cli.options import Settings
from mmeplan.cli.outputs import PRINTED, Outputs, write_option
from mmeplan.errors import InputError, Problem


@click.command(epilog="\b\nExamples:\n  mmeplan show plan.json\n  mmeplan show plan.json --format html > plan.html")
@click.argument("plan_file", metavar="PLAN", type=click.Path())
@click.option(
    "--format",
    "format_",
    type=click.Choice(PRINTED),
    default="text",
    show_default=True,
    help="What is printed.",
)
@write_option
@click.option("--show-environment", is_flag=True, help="Show container environment values instead of masking them.")
@click.option("--no-color", is_flag=True, help="Never use colour (NO_COLOR does the same).")
def command(
    plan_file: str, format_: str, writes: tuple[tuple[str, str], ...], show_environment: bool, **common: Any
) -> None:
    """Show a saved plan. Reads nothing but the file (and the fleet file beside it, to see whether that has changed)."""
    outputs = Outputs(Settings(plan_file, **common), format_, writes, None, (plan_file,), show_environment)
    plan = read_saved(plan_file)
    if plan is None:
        raise InputError([Problem("this is not a plan", plan_file, hint="mmeplan plan --out FILE writes one")])
    stale = tuple(applying.file_reasons(plan))
    next_command = "" if stale or not plan.applyable else f"mmeplan apply {plan_file}"
    outputs.write(plan, next_command=next_command, stale=stale)
    outputs.show(plan, next_command=next_command, stale=stale)
