"""`mmeplan images`: the images that AWS publishes for inference, as a fleet file names them."""

from __future__ import annotations

import difflib
import json
import sys
from typing import TYPE_CHECKING, Any

import click

from mmeplan.cli.door import document, page
from mmeplan.cli.options import format_option
from mmeplan.cli.screen import color_options, wants_color
from mmeplan.errors import InputError, Problem

if TYPE_CHECKING:
    from mmeplan.aws.image_uris import NamedImage

EXAMPLES = """\b
Examples:
  mmeplan images                              every framework and algorithm
  mmeplan images pytorch                      its versions
  mmeplan images pytorch --region eu-west-1   with their addresses there
"""


@click.command(epilog=EXAMPLES)
@click.argument("framework", metavar="[FRAMEWORK]", required=False)
@click.option("--region", metavar="REGION", help="Show addresses, of the images that have one in this region.")
@format_option("text", "json")
@color_options
def command(framework: str | None, region: str | None, format_: str) -> None:
    """List the images that `image: {framework: …}` and `image: {algorithm: …}` may name.

    Without FRAMEWORK, all of them with their newest versions. Reads a table that comes with mmeplan, and asks nobody.
    """
    from mmeplan.aws import image_uris
    from mmeplan.render import images_table

    known = (*image_uris.frameworks(), *image_uris.algorithms())
    if framework is not None and framework not in known:
        close = difflib.get_close_matches(framework, known, n=1)
        hint = f"did you mean {close[0]}?" if close else "mmeplan images lists them"
        raise InputError([Problem(f"AWS publishes no image for inference of the name {framework!r}", hint=hint)])
    found = [image for name in ([framework] if framework else known) for image in image_uris.images(name)]
    chosen = [image for image in found if region in (None, *image.accounts)]
    if format_ == "json":
        document(json.dumps([_entry(image, region) for image in chosen], indent=2) + "\n")
        return
    rows = [
        images_table.ImageRow(
            image.framework,
            image.version,
            image.processor,
            image.py_version,
            image.base_framework_version,
            image.address(region) if region else "",
        )
        for image in chosen
    ]
    text = images_table.images_text if framework else images_table.names_text
    page(text(rows, color=wants_color(sys.stdout)))


def _entry(image: NamedImage, region: str | None) -> dict[str, Any]:
    return {
        "framework": image.framework,
        "version": image.version,
        "processor": image.processor,
        "py_version": image.py_version,
        "base_framework_version": image.base_framework_version,
        "addresses": {name: image.address(name) for name in ([region] if region else image.accounts)},
    }
