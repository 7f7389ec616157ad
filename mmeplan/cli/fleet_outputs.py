"""`mmeplan outputs`: what clients and the next step of a pipeline need of a fleet."""

from __future__ import annotations

import click

from mmeplan.cli.door import document
from mmeplan.cli.options import Settings, fleet_options, format_option

EXAMPLES = """\b
Examples:
  mmeplan outputs -e prod
  mmeplan outputs | jq -r '.archives.prices.targets.berlin'
  mmeplan outputs --format github >> "$GITHUB_OUTPUT"
"""


@click.command(epilog=EXAMPLES)
@format_option("json", "github")
@fleet_options
def command(settings: Settings, format_: str) -> None:
    """Print endpoint names, ARNs and URLs, and which TargetModel each archive has, as they are live.

    What isn't live yet is left out.
    """
    desired = settings.compiled()
    with settings.engine(desired.fleet) as engine:
        outputs = engine.outputs(desired)
    document(outputs.github() if format_ == "github" else outputs.json())
