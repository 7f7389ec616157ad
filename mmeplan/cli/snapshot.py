"""`mmeplan snapshot`: save what is live, to plan from without credentials."""

from __future__ import annotations

import json
from pathlib import Path

import click

from mmeplan.cli.door import document, tell
from mmeplan.cli.options import Settings, fleet_options
from mmeplan.files import PRIVATE, Writing, text_of, write_all


@click.command(epilog="\b\nExample:\n  mmeplan snapshot --out live.json && mmeplan plan --snapshot live.json")
@click.option(
    "--out", metavar="FILE", type=click.Path(dir_okay=False), help="Where to write it; stdout where it isn't given."
)
@click.option(
    "--masked",
    is_flag=True,
    help="Leave out the containers' environment values; a plan still tells which of them change.",
)
@fleet_options
def command(settings: Settings, out: str | None, masked: bool) -> None:
    """Save what is live of FLEET as JSON: every Describe answer and every tag, in full.

    `mmeplan plan --snapshot FILE` plans from it without credentials, for pull requests from forks. It holds the
    containers' environment values, as DescribeModel returns them, unless --masked leaves them out.
    """
    desired = settings.compiled()
    with settings.engine(desired.fleet) as engine:
        snapshot = engine.snapshot(desired, masked=masked)
    text = json.dumps(snapshot.encode(), indent=1)
    if not out:
        document(text)
        return
    write_all([Writing(Path(out), text_of(f"{text}\n"), PRIVATE)])
    tell(f"wrote {out}")
