"""`mmeplan destroy`: delete everything that a fleet owns, in the order that keeps serving safe."""

from __future__ import annotations

import sys
from typing import Any

import click

from mmeplan.cli import session
from mmeplan.cli.apply import apply_fleet
from mmeplan.cli.manner import manner_of, manner_options
from mmeplan.cli.options import cloud_options, fleet_argument, spec_options
from mmeplan.plan import Options


@click.command(epilog="\b\nExample:\n  mmeplan destroy --local fleet.yaml")
@fleet_argument
@manner_options
@spec_options
@cloud_options
def command(fleet: str, **common: Any) -> None:
    """Delete everything that carries the tag of FLEET's fleet: endpoints first, then configs, then models.

    Shows the plan and asks for the fleet's name. Entries with `protect: true` refuse it; those with `on_remove: retain`
    are only forgotten. Nothing without the fleet's tag is touched.
    """
    manner = manner_of(common)
    settings = session.common(fleet, **common)
    options = Options(
        destroy=True,
        variables=dict(settings.variables),
        parallelism=manner.planned_parallelism,
    )
    sys.exit(apply_fleet(settings, options, manner.checked(settings), destroy=True))
