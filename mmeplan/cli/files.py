"""`mmeplan files`: what fleets read, and which of them a change touches: what a workflow has to plan."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import click

from mmeplan.cli.changes import Checkout, GitFailedError, touched
from mmeplan.cli.defaults import DEFAULT_FLEET
from mmeplan.cli.door import document, tell, verbatim
from mmeplan.cli.options import Settings, file_options
from mmeplan.engine import files_of
from mmeplan.errors import InputError, Problem
from mmeplan.render import clean
from mmeplan.spec import FleetFile

_TABLES: Final = (".csv", ".json")
"""What a fleet may read and can't be, by its name."""

EXAMPLES = """\b
Examples:
  mmeplan files                          ./fleet.yaml and each table it reads
  mmeplan files --changed-since main     ["fleets/berlin/fleet.yaml"]
  mmeplan files --changed-since HEAD^1 fleets/*.yaml
"""


@click.command(epilog=EXAMPLES)
@click.argument("fleets", metavar="[FLEET]...", nargs=-1, type=click.Path())
@click.option(
    "--changed-since",
    "commit",
    metavar="REF",
    help="Print, as a JSON list, the fleets that read something that differs from this commit.",
)
@click.option(
    "--watch",
    multiple=True,
    metavar="PATH",
    help="What every fleet depends on: where it has changed, all of them are printed. Repeatable.",
)
@file_options
def command(fleets: tuple[str, ...], commit: str | None, watch: tuple[str, ...], **common: Any) -> None:
    """Print every file that each FLEET reads, one a line: the fleet file, and what it names with `file`.

    Without -e those of all environments. With --changed-since: the fleets to plan, of those given, else of every
    fleet.yaml and fleet.yml of the repository at or below this folder. What isn't committed counts as changed. A fleet
    whose file can't be read is printed, and so are all where the commit isn't in the repository: their plan says more.
    """
    if commit is None:
        if watch:
            raise click.UsageError("--watch needs --changed-since REF")
        for fleet in fleets or (DEFAULT_FLEET,):
            for file in _files(Settings(fleet, **common)):
                verbatim(f"{file}\n")
        return
    try:
        checkout = Checkout(Path())
        named = list(fleets) or [str(path) for path in checkout.fleets()]
    except GitFailedError as error:
        raise InputError([Problem(f"--changed-since asks git: {clean(str(error))}")]) from None
    document(json.dumps(_due(checkout, commit, named, watch, common)))


def _due(
    checkout: Checkout, commit: str, fleets: list[str], watch: tuple[str, ...], common: dict[str, Any]
) -> list[str]:
    """The fleets to plan; what was deleted is told on stderr."""
    try:
        changed = checkout.changed_since(commit)
    except GitFailedError:
        note = f"note: {clean(commit)} isn't in this repository (a shallow clone?), so every fleet is planned"
        tell(note)
        return fleets
    for path in sorted(path for path in changed if path.name in ("fleet.yaml", "fleet.yml") and not path.exists()):
        gone = os.path.relpath(path)
        tell(f"note: {clean(gone)} is deleted; its endpoints live on. To delete them, before the merge:")
        quoted = shlex.quote(clean(gone))
        tell(f"  git restore --source={shlex.quote(clean(commit))} -- {quoted} && mmeplan destroy {quoted}")
    if touched(watch, changed):
        return fleets
    return [fleet for fleet in fleets if not Path(fleet).exists() or _touches(Settings(fleet, **common), changed)]


def _touches(settings: Settings, changed: set[Path]) -> bool:
    if touched([settings.fleet], changed):
        return True
    try:
        return touched(_files(settings), changed)
    except InputError:
        return True


def readers(paths: Iterable[str], common: dict[str, Any]) -> list[str]:
    """The fleets that these files are, or that read them; a table that nobody reads stands for none.

    Asked are the repository's fleets. One that can't be read counts as a reader of every table: its check says why.
    """
    try:
        fleets = [str(path) for path in Checkout(Path()).fleets()]
    except GitFailedError as error:
        raise InputError([Problem(f"--readers asks git: {clean(str(error))}")]) from None
    reads: dict[str, list[str] | None] = {}
    for fleet in fleets:
        try:
            reads[fleet] = _files(Settings(fleet, **common))[1:]
        except InputError:
            reads[fleet] = None
    found: dict[str, None] = {}
    for path in paths:
        changed = {Path(os.path.realpath(path))}
        by = [fleet for fleet, files in reads.items() if files is not None and touched(files, changed)]
        if Path(path).suffix in _TABLES and not by:
            by = [fleet for fleet, files in reads.items() if files is None]
        elif not by:
            by = [path]
        found |= dict.fromkeys(by)
    return list(found)


def _files(settings: Settings) -> list[str]:
    """The fleet file and what it reads, in all environments where -e names none. Raises InputError."""
    file = FleetFile.read(settings.fleet)
    environments = [settings.environment] if settings.environment else [*file.environments] or [""]
    found: dict[str, None] = {settings.fleet: None}
    for environment in environments:
        fleet = file.load(environment or None, dict(settings.variables), region=settings.region)
        found |= dict.fromkeys(os.path.normpath(path) for path in files_of(fleet))
    return list(found)
