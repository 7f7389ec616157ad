"""`mmeplan show`: a saved plan, as it was made; a stale one with a banner."""

from __future__ import annotations

import click

from mmeplan.cli.door import tell
from mmeplan.cli.options import Settings, format_option, full_option, show_environment_option
from mmeplan.cli.outputs import PRINTED, Outputs, write_option
from mmeplan.cli.screen import color_options
from mmeplan.engine import changed_files
from mmeplan.errors import Command, InputError, Problem
from mmeplan.plan import read_to_show


@click.command(epilog="\b\nExamples:\n  mmeplan show plan.json\n  mmeplan show plan.json --format html > plan.html")
@click.argument("plan_file", metavar="PLAN", type=click.Path())
@format_option(*PRINTED)
@write_option
@show_environment_option
@full_option
@color_options
def command(
    plan_file: str,
    format_: str,
    writes: tuple[tuple[str, str], ...],
    show_environment: bool,
    full: bool,
) -> None:
    """Show a saved plan. Reads nothing but the file (and the fleet file beside it, to see whether that has changed).

    Also what `plan --format json` printed, whose environment values are masked.
    """
    settings = Settings(plan_file)
    outputs = Outputs(settings, format_, writes, None, (plan_file,), show_environment, full)
    plan, is_masked = read_to_show(plan_file)
    if is_masked:
        if show_environment:
            text = "its environment values are masked: they are not in the file"
            raise InputError([Problem(text, plan_file, hint="show the plan that `mmeplan plan --out FILE` wrote")])
        tell(f"{plan_file}: a rendering with masked environment values, which can't be applied")
    stale = tuple(changed_files(plan))
    next_command = "" if stale or is_masked or not plan.applyable else str(Command(("apply", plan_file)))
    outputs.write(plan, next_command=next_command, stale=stale)
    outputs.show(plan, next_command=next_command, stale=stale)
