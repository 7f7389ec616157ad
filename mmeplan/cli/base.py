"""The fleet file of another branch: `plan --base` holds a fleet against it, so that a branch behind it deletes nothing.

In: a fleet file's settings and a git ref. Out: `Base`, the fleet there and where this branch left it; both with the
tables that they name, out of git. Nothing is asked of a remote.
"""

from __future__ import annotations

from pathlib import Path

from mmeplan.cli.changes import Checkout, GitFailedError
from mmeplan.cli.options import Settings
from mmeplan.engine import Base
from mmeplan.errors import InputError
from mmeplan.spec import Fleet, FleetFile
from mmeplan.spec.document import MAX_BYTES


def base_of(settings: Settings, ref: str) -> Base:
    """The base of a fleet file. Where it can't be looked at, it says why; raises nothing for that."""
    folder = Path(settings.fleet).absolute().parent
    try:
        checkout = Checkout(folder)
        there = checkout.commit(ref)
    except GitFailedError:
        return Base(ref, unseen="it isn't in this checkout")
    try:
        fork = checkout.fork(there)
    except GitFailedError:
        return Base(ref, unseen="this checkout has no history, a shallow clone say")
    try:
        return Base(ref, _fleet(settings, checkout, there), _fleet(settings, checkout, fork))
    except InputError as error:
        return Base(ref, unseen=f"its fleet file can't be read: {error}")


def _fleet(settings: Settings, checkout: Checkout, commit: str) -> Fleet | None:
    """The fleet of a commit; None where there is no such file."""
    path = Path(settings.fleet).absolute()

    def opened(name: str, most: int) -> bytes:
        return checkout.show(commit, path.parent / name, most)

    try:
        raw = opened(path.name, MAX_BYTES + 1)
    except OSError:
        return None
    file = FleetFile(raw, settings.fleet, path.parent, opened)
    variables, files = dict(settings.variables), settings.read_variable_files()
    return file.load(settings.environment, variables, region=settings.region, variable_files=files)
