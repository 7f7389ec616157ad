"""`mmeplan snapshot`: save what is live, to plan from without credentials."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from mmeplan import graph as graphs
from mmeplan import live
from mmeplan.cli import session
from mmeplan.cli.options import cloud_options, fleet_argument, spec_options
from mmeplan.cli.writing import PRIVATE, Writing, text_of, write_all


@click.command(epilog="\b\nExample:\n  mmeplan snapshot --out live.json && mmeplan plan --snapshot live.json")
@fleet_argument
@click.option(
    "--out", metavar="FILE", type=click.Path(dir_okay=False), help="Where to write it; stdout where it isn't given."
)
@click.option(
    "--masked",
    is_flag=True,
    help="Leave out the containers' environment values; a plan still tells which of them change.",
)
@spec_options
@cloud_options
def command(fleet: str, out: str | None, masked: bool, **common: Any) -> None:
    """Save what is live of FLEET as JSON: every Describe answer and every tag, in full.

    `mmeplan plan --snapshot FILE` plans from it without credentials, for pull requests from forks. It holds the
    containers' environment values, as DescribeModel returns them, unless --masked leaves them out.
    """
    settings = session.common(fleet, **common)
    loaded = session.load(settings)
    graph = graphs.compile(loaded)
    with session.connect(settings, region=loaded.region, account=loaded.account) as connection:
        snapshot = session.observe(connection, graph, full=True)
    text = json.dumps((live.masked(snapshot) if masked else snapshot).encode(), indent=1)
    if not out:
        click.echo(text)
        return
    write_all([Writing(Path(out), text_of(f"{text}\n"), PRIVATE)])
    click.echo(f"wrote {out}", err=True)
