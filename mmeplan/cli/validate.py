"""`mmeplan validate`: every rule over a fleet file, without any call."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Any

import click

from mmeplan import graph as graphs
from mmeplan import render
from mmeplan.cli import session
from mmeplan.cli.options import fleet_argument, spec_options
from mmeplan.errors import ExitCode

EXAMPLES = """\b
Examples:
  mmeplan validate                        ./fleet.yaml
  mmeplan validate -e prod --format json fleet.yaml
"""


@click.command(epilog=EXAMPLES)
@fleet_argument
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True, help="What is printed.")
@spec_options
def command(fleet: str, format_: str, **common: Any) -> None:
    """Check FLEET against every rule, without any call and without credentials.

    Exits 0 where there is no error (warnings don't count), 1 where the file can't be read, 3 where rules refuse it.
    """
    settings = session.common(fleet, **common)
    loaded = session.load(settings)
    findings = session.check(loaded, graphs.compile(loaded))
    if format_ == "json":
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        excerpt = loaded.source_map.excerpt if sys.stdout.isatty() else None
        click.echo(render.findings_text(findings, width=settings.width, color=settings.color, excerpt=excerpt), nl=False)
    sys.exit(ExitCode.REFUSED if any(finding.severity == "error" for finding in findings) else ExitCode.DONE)
