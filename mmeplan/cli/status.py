"""`mmeplan status`: the fleet's endpoints as they are now."""

from __future__ import annotations

import click

from mmeplan.cli.door import document, page
from mmeplan.cli.options import Settings, endpoints_options, format_option

EXAMPLES = """\b
Examples:
  mmeplan status -e prod
  mmeplan status ranker           one endpoint, with its URL
"""


@click.command(epilog=EXAMPLES)
@format_option("text", "json")
@endpoints_options
def command(settings: Settings, endpoints: tuple[str, ...], format_: str) -> None:
    """Show endpoints as they are now: status, config in force, variants with instances and traffic, what is under way.

    All of FLEET, or those of the NAMEs, which may be addresses: endpoint/ranker.
    """
    desired = settings.compiled()
    with settings.engine(desired.fleet) as engine:
        status = engine.status(desired, endpoints)
    if format_ == "json":
        document(status.json())
    else:
        page(status.text(width=settings.width, color=settings.color, urls=len(endpoints) == 1))
