"""`mmeplan prices`: what SageMaker's hosting costs on demand, as a file for `prices:` of a fleet file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mmeplan.cli.door import document, tell
from mmeplan.cli.options import Settings, cloud_options, region_option
from mmeplan.files import Writing, text_of, write_all

EXAMPLES = """\b
Examples:
  mmeplan prices --region eu-west-1 --out prices.yaml
\b
In the fleet file:
  prices: {file: prices.yaml}
"""


@click.command(epilog=EXAMPLES)
@click.option(
    "-o", "--out", metavar="FILE", type=click.Path(dir_okay=False), help="Where to write it; stdout otherwise."
)
@region_option
@cloud_options
def command(out: str | None, **common: Any) -> None:
    """Read AWS's price list: what instances and serverless memory cost on demand in a region.

    With `prices: {file: prices.yaml}` in a fleet file, its plans say what the fleet costs a month, now and after. Keep
    the file in the repository: so pull requests without credentials have the prices, too. Needs pricing:GetProducts.
    """
    with Settings(**common).engine() as engine:
        text = engine.prices()
    if not out:
        document(text)
        return
    write_all([Writing(Path(out), text_of(text))])
    tell(f"wrote {out}")
