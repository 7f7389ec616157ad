"""`mmeplan rollback`: back to a config that has served before, by a plan like any other."""

from __future__ import annotations

import sys
from dataclasses import replace

import click

from mmeplan.cli.apply import show_and_carry_out
from mmeplan.cli.commit import commit_of
from mmeplan.cli.door import tell
from mmeplan.cli.options import ApplyOptions, Settings, apply_options, fleet_options, offering
from mmeplan.cli.outputs import Outputs, exit_code
from mmeplan.engine import files_of
from mmeplan.errors import ExitCode, InputError, Problem

EXAMPLES = """\b
Examples:
  mmeplan rollback ranker                   to the config that served before
  mmeplan rollback ranker --to 2            to the one before that
  mmeplan rollback ranker --to ranker-3f9c2a1b
  mmeplan rollback ranker --out back.json   save the plan, for mmeplan apply
"""


@click.command(epilog=EXAMPLES)
@click.argument("endpoint", shell_complete=offering("endpoints"))
@click.option(
    "--to",
    "wanted",
    metavar="GENERATION",
    default="",
    help="A config's name, its eight hex digits, or how far back (1: the newest before the present one).",
)
@click.option(
    "--out", metavar="FILE", type=click.Path(dir_okay=False), help="Save the plan (mode 0600) and change nothing."
)
@click.option(
    "--allow-outage",
    multiple=True,
    metavar="ADDRESS",
    help="Delete and create ENDPOINT where no update leads back: its name or address, once more.",
)
@click.option("--retry-rolled-back", is_flag=True, help="Also to a config whose update SageMaker has rolled back.")
@apply_options
@fleet_options
def command(
    settings: Settings,
    how: ApplyOptions,
    endpoint: str,
    wanted: str,
    out: str | None,
    allow_outage: tuple[str, ...],
    retry_rolled_back: bool,
) -> None:
    """Swap ENDPOINT of FLEET back to a kept config that has served it before.

    Shows the plan and asks, like apply; every gate holds. The fleet file stays as it is: change it as well, or the next
    apply goes forward again. `mmeplan status` lists the generations.
    """
    outputs = Outputs(settings, "text", out=out, inputs=(settings.fleet, *settings.variable_files))
    desired = settings.compiled(looks=False)
    fleet, at = desired.fleet, desired.address(endpoint)
    for other in (allowed for allowed in map(desired.address, allow_outage) if allowed != at):
        raise InputError([Problem(f"--allow-outage {other}: this rolls {at} back, and no other", settings.fleet)])
    with settings.engine(fleet) as engine, how.locked(settings, engine, "rollback", fleet.name) as lock:
        try:
            planned = engine.rollback(
                desired,
                at,
                to=wanted,
                allow_outage=bool(allow_outage),
                retry_rolled_back=retry_rolled_back,
                parallelism=how.planned_parallelism,
                commit=commit_of(files_of(fleet)),
            )
        except InputError as error:
            if error.following is None:
                raise
            hint = settings.again(error.following)
            raise InputError([replace(problem, hint=hint) for problem in error.problems]) from None
        if not out:
            code = show_and_carry_out(planned, settings, engine, how, lock)
            if code == ExitCode.DONE and planned.departs:
                text = f"{settings.fleet} still asks for what was left: change it, or the next apply goes forward again"
                tell(text)
            sys.exit(code)
    outputs.write(planned.plan)
    outputs.show(planned.plan, next_command=settings.next_apply(out) if planned.applyable else "")
    sys.exit(exit_code(planned.plan, detailed=False))
