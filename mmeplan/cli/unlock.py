"""`mmeplan unlock`: remove the lock that a dead apply left behind, after a look at whose it is."""

from __future__ import annotations

import sys
from typing import Any

import click

from mmeplan.cli.door import say
from mmeplan.cli.options import Settings, cloud_options, region_option_of
from mmeplan.errors import MmeplanError


@click.command(epilog="\b\nExample:\n  mmeplan unlock s3://acme-mmeplan/locks/house-prices")
@click.argument("lock", metavar="s3://BUCKET/KEY")
@click.option("-y", "--yes", is_flag=True, help="Don't ask.")
@click.option("--own", is_flag=True, help="Only where this run of CI took it, on this machine; else it is left alone.")
@region_option_of("The region of the bucket.")
@cloud_options
def command(lock: str, yes: bool, own: bool, **common: Any) -> None:
    """Remove a lock whose owner is gone.

    Shows who holds it, since when, and its last sign of life, and asks. Only the lock that was shown is removed: where
    its owner was alive after all, and refreshed it meanwhile, nothing is. With --local the lock is in ./.mmeplan.
    """
    with Settings(**common).engine() as engine:
        found = engine.find_lock(lock)
        if found is None:
            say(f"{lock} is not locked")
            return
        say(f"{found.url} is held by\n  {found.owner}")
        if own and not found.is_own:
            say("it is another run's: left alone")
            return
        _confirm(yes=yes, is_lock=found.is_lock)
        if not engine.remove_lock(found):
            raise MmeplanError(
                "the lock has changed since it was shown, so its owner is alive; nothing was removed",
                hint="wait for that run to end",
            )
    say("removed")


def _confirm(*, yes: bool, is_lock: bool) -> None:
    """Raises MmeplanError where nobody agrees, or where the object is no lock."""
    if not is_lock:
        raise MmeplanError(
            "mmeplan did not write this object, and leaves it alone", hint="name the place of the lock: s3://BUCKET/KEY"
        )
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise MmeplanError("nobody can be asked here, so nothing was removed", hint="add --yes")
    if not click.confirm("\nRemove it? If that run is alive, it stops starting anything new.", err=True):
        raise MmeplanError("nothing was removed")
