"""`mmeplan schema`: the JSON Schema of fleet.yaml."""

from __future__ import annotations

import json

import click

from mmeplan.cli.door import verbatim
from mmeplan.spec.schema import fleet_schema

EXAMPLES = """\b
Examples:
  mmeplan schema > fleet.schema.json
\b
In the editor, on the first line of fleet.yaml:
  # yaml-language-server: $schema=fleet.schema.json
"""


@click.command(epilog=EXAMPLES)
def command() -> None:
    """Print the JSON Schema (draft 2020-12) of fleet.yaml, made from the installed botocore.

    An editor with a YAML language server completes, checks and documents every key from it.
    """
    verbatim(json.dumps(fleet_schema(), indent=1, ensure_ascii=False))
