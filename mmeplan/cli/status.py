"""`mmeplan status`: the fleet's endpoints as they are now."""

from __future__ import annotations

import click

from mmeplan.cli.door import document, page
from mmeplan.cli.options import Settings, fleet_options, format_option


@click.command(epilog="\b\nExample:\n  mmeplan status -e prod")
@format_option("text", "json")
@fleet_options
def command(settings: Settings, format_: str) -> None:
    """Show the endpoints of FLEET as they are now: status, config in force, variants with instances and traffic."""
    desired = settings.compiled()
    with settings.engine(desired.fleet) as engine:
        status = engine.status(desired)
    if format_ == "json":
        document(status.json())
    else:
        page(status.text(width=settings.width, color=settings.color))
