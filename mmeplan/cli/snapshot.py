"""`mmeplan snapshot`: save what is live, to plan from without credentials."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import click

from mmeplan.cli.door import document, tell
from mmeplan.cli.options import Settings, fleets_options
from mmeplan.cli.reports import snapshots
from mmeplan.errors import InputError, Problem
from mmeplan.files import PRIVATE, Writing, is_folder, text_of, write_all

EXAMPLES = """\b
Examples:
  mmeplan snapshot --out live.json && mmeplan plan --snapshot live.json
  mmeplan snapshot --out live fleets/*.yaml      a folder with one of each
  mmeplan plan --snapshot live fleets/*.yaml
"""


@click.command(epilog=EXAMPLES)
@click.option(
    "--out",
    metavar="FILE|FOLDER",
    type=click.Path(),
    help="Where to write it; stdout where it isn't given. Of several a folder.",
)
@click.option(
    "--masked",
    is_flag=True,
    help="Leave out the containers' environment values; a plan still tells which of them change.",
)
@click.option("--together", is_flag=True, help="A folder, also where there is one fleet.")
@fleets_options
def command(each: tuple[Settings, ...], out: str | None, masked: bool, together: bool) -> None:
    """Save what is live of each FLEET as JSON: every Describe answer and every tag, in full.

    `mmeplan plan --snapshot FILE` plans from it without credentials, for pull requests from forks. It holds the
    containers' environment values, as DescribeModel returns them, unless --masked leaves them out. Several fleets or
    environments make a folder, which `plan --snapshot` takes as well; an error in one hides no other's snapshot.
    """
    taken = partial(_taken, masked=masked)
    if together or len(each) > 1:
        if not out:
            raise click.UsageError("several snapshots need --out FOLDER")
        number = snapshots(each, out, taken)
        tell(f"wrote {number} snapshot{'' if number == 1 else 's'} to {out}")
        return
    if out and is_folder(out):
        hint = f"--out {out}/snapshot.json, or --together for a folder"
        raise InputError([Problem("one snapshot is saved in a file, and this is a folder", out, hint=hint)])
    text = taken(each[0])
    if not out:
        document(text)
        return
    write_all([Writing(Path(out), text_of(f"{text}\n"), PRIVATE)])
    tell(f"wrote {out}")


def _taken(settings: Settings, *, masked: bool) -> str:
    """What is live, as JSON. Raises MmeplanError."""
    desired = settings.compiled()
    with settings.engine(desired.fleet) as engine:
        return json.dumps(engine.snapshot(desired, masked=masked).encode(), indent=1)
