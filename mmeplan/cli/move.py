"""`mmeplan move`: hand an endpoint and what it runs on to another environment or fleet."""

from __future__ import annotations

import sys

import click

from mmeplan.cli.door import say
from mmeplan.cli.options import ApplyOptions, Settings, fleet_options, lock_options, offering
from mmeplan.errors import InputError, MmeplanError, Problem

EXAMPLES = """\b
Examples:
  mmeplan move ranker --to prod           from a fleet without environments
  mmeplan move ranker -e staging --to prod
  mmeplan move ranker --to-fleet search   to another fleet of this account
"""


@click.command(epilog=EXAMPLES)
@click.argument("address", metavar="ENDPOINT", shell_complete=offering("endpoints"))
@click.option("--to", "to", metavar="ENVIRONMENT", default="", help="The environment that gets it.")
@click.option("--to-fleet", metavar="NAME", default="", help="The fleet that gets it, if not this one.")
@click.option("-y", "--yes", is_flag=True, help="Don't ask.")
@lock_options
@fleet_options
def command(settings: Settings, how: ApplyOptions, address: str, to: str, to_fleet: str, yes: bool) -> None:
    """Hand ENDPOINT, its configs and its models over: to another environment of FLEET, or to another fleet.

    Only tags change; nothing is rolled and nothing is deleted. What an endpoint that stays runs on stays as well.
    ENDPOINT is a name or an address; endpoint_config/NAME and model/NAME hand over a single object.
    """
    if not to and not to_fleet:
        raise InputError([Problem("nobody is named who gets it", hint="add --to ENVIRONMENT or --to-fleet NAME")])
    desired = settings.compiled(looks=False)
    place = ("environments", to)
    if to and not to_fleet and not desired.fleet.source_map.document.position(place):
        text = f"the environment {to!r} is not in the file"
        raise InputError([Problem(text, settings.fleet, hint=f"environments: {{{to}: {{}}}}")])
    with settings.engine(desired.fleet) as engine, how.locked(settings, engine, "move", desired.fleet.name) as lock:
        move = engine.move(desired, address, environment=to, to_fleet=to_fleet)
        if not move.objects:
            say(f"nothing to do: {move.target.words} has {address} already")
            return
        say(move.text())
        if not yes:
            if not (sys.stdin.isatty() and sys.stderr.isatty()):
                raise MmeplanError("nobody can be asked here, so nothing was changed", hint="add --yes")
            if not click.confirm("\nHand them over?", err=True):
                raise MmeplanError("nothing was changed")
        engine.carry_out(move, lambda at: say(f"moved {at}"), lock=lock)
