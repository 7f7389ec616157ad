"""`mmeplan show`: a saved plan, as it was made; a stale one with a banner."""

from __future__ import annotations

import click

from mmeplan.cli.options import Settings, format_option, full_option, no_color_option, show_environment_option
from mmeplan.cli.outputs import PRINTED, Outputs, write_option
from mmeplan.engine import changed_files
from mmeplan.plan import Plan


@click.command(epilog="\b\nExamples:\n  mmeplan show plan.json\n  mmeplan show plan.json --format html > plan.html")
@click.argument("plan_file", metavar="PLAN", type=click.Path())
@format_option(*PRINTED)
@write_option
@show_environment_option
@full_option
@no_color_option
def command(
    plan_file: str,
    format_: str,
    writes: tuple[tuple[str, str], ...],
    show_environment: bool,
    full: bool,
    no_color: bool,
) -> None:
    """Show a saved plan. Reads nothing but the file (and the fleet file beside it, to see whether that has changed)."""
    settings = Settings(plan_file, no_color=no_color)
    outputs = Outputs(settings, format_, writes, None, (plan_file,), show_environment, full)
    plan = Plan.read(plan_file)
    stale = tuple(changed_files(plan))
    next_command = "" if stale or not plan.applyable else f"mmeplan apply {plan_file}"
    outputs.write(plan, next_command=next_command, stale=stale)
    outputs.show(plan, next_command=next_command, stale=stale)
