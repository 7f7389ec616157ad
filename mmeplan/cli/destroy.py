"""`mmeplan destroy`: delete everything that a fleet owns, in the order that keeps serving safe."""

from __future__ import annotations

import sys

import click

from mmeplan.cli.apply import show_and_carry_out
from mmeplan.cli.commit import commit_of
from mmeplan.cli.options import ApplyOptions, Settings, apply_options, fleet_options
from mmeplan.engine import files_of


@click.command(epilog="\b\nExample:\n  mmeplan destroy --local fleet.yaml")
@apply_options
@fleet_options
def command(settings: Settings, how: ApplyOptions) -> None:
    """Delete everything that carries the tag of FLEET's fleet: endpoints first, then configs, then models.

    Shows the plan and asks for the fleet's name. Entries with `protect: true` refuse it; those with `on_remove: retain`
    are only forgotten. Nothing without the fleet's tag is touched.
    """
    desired = settings.compiled(looks=False)
    fleet = desired.fleet
    with settings.engine(fleet) as engine, how.locked(settings, engine, "destroy", fleet.name) as lock:
        planned = engine.destroy(desired, parallelism=how.planned_parallelism, commit=commit_of(files_of(fleet)))
        sys.exit(show_and_carry_out(planned, settings, engine, how, lock))
