"""`mmeplan graph`: what depends on what, for a picture."""

from __future__ import annotations

from typing import Any

import click

from mmeplan import render
from mmeplan.cli.door import page
from mmeplan.cli.options import Settings, file_options, fleet_argument, format_option


@click.command(epilog="\b\nExample:\n  mmeplan graph --format dot | dot -Tsvg > fleet.svg")
@fleet_argument
@format_option("mermaid", "dot")
@file_options
def command(format_: str, **common: Any) -> None:
    """Print the dependency graph of FLEET: models, endpoint configs and endpoints."""
    graph = Settings(**common).compiled(looks=False).graph
    nodes = [(resource.address, resource.physical_name, resource.kind) for resource in graph.resources.values()]
    picture = render.mermaid if format_ == "mermaid" else render.dot
    page(picture(nodes, list(graph.edges())))
