"""`mmeplan graph`: what depends on what, for a picture."""

from __future__ import annotations

from typing import Any

import click

from mmeplan import graph as graphs
from mmeplan import render
from mmeplan.cli import session
from mmeplan.cli.options import fleet_argument, spec_options


@click.command(epilog="\b\nExample:\n  mmeplan graph --format dot | dot -Tsvg > fleet.svg")
@fleet_argument
@click.option(
    "--format",
    "format_",
    type=click.Choice(["mermaid", "dot"]),
    default="mermaid",
    show_default=True,
    help="What is printed.",
)
@spec_options
def command(fleet: str, format_: str, **common: Any) -> None:
    """Print the dependency graph of FLEET: models, endpoint configs and endpoints."""
    settings = session.common(fleet, **common)
    graph = graphs.compile(session.load(settings))
    nodes = [(resource.address, resource.physical_name, resource.kind) for resource in graph.resources.values()]
    picture = render.mermaid if format_ == "mermaid" else render.dot
    click.echo(picture(nodes, list(graph.edges())), nl=False)
