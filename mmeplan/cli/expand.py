"""`mmeplan expand`: the fleet file after defaults, expressions and `for_each`."""

from __future__ import annotations

import json
from typing import Any

import click

from mmeplan.cli.door import document, tell, verbatim
from mmeplan.cli.options import Settings, file_options, fleet_argument, format_option, show_environment_option
from mmeplan.expanding import MASKED, expanded, yaml_of
from mmeplan.spec.options import options_of


@click.command(epilog="\b\nExample:\n  mmeplan expand -e prod --show-environment > expanded.yaml")
@fleet_argument
@format_option("yaml", "json")
@show_environment_option
@file_options
def command(format_: str, show_environment: bool, **common: Any) -> None:
    """Print FLEET as it is after defaults, expressions and for_each, in the words of a fleet file.

    With --show-environment, and read in the same environment, it plans as FLEET does. It reads no service.
    """
    settings = Settings(**common)
    options = options_of(settings.fleet) if format_ == "yaml" else {}  # they are a block of YAML, or nothing
    made = expanded(settings.load(), options, show_environment=show_environment)
    if not show_environment:
        tell(MASKED)
    if format_ == "json":
        document(json.dumps(made, indent=2, ensure_ascii=False))
    else:
        verbatim(yaml_of(made, show_environment=show_environment))
