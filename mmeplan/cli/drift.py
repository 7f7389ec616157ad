"""`mmeplan drift`: what was changed behind mmeplan's back. It gets a connection that can't write."""

from __future__ import annotations

import sys
from typing import Any

import click

from mmeplan import graph as graphs
from mmeplan import live, render
from mmeplan.cli import session
from mmeplan.cli.options import Settings, cloud_options, fleet_argument, spec_options
from mmeplan.cli.plan import read_snapshot
from mmeplan.errors import ExitCode, RefusedError
from mmeplan.graph import Graph
from mmeplan.live import Snapshot
from mmeplan.plan import DriftReport, drift_report

EXAMPLES = """\b
Examples:
  mmeplan drift                         the fleet in ./fleet.yaml
  mmeplan drift -e prod --format json   for a nightly job: exits 2 where there is drift
"""


@click.command(epilog=EXAMPLES)
@fleet_argument
@click.option(
    "--format",
    "format_",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="What is printed.",
)
@click.option(
    "--snapshot",
    "snapshot_file",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="Look at a saved snapshot, without credentials.",
)
@click.option("--show-environment", is_flag=True, help="Show container environment values instead of masking them.")
@spec_options
@cloud_options
def command(fleet: str, format_: str, snapshot_file: str | None, show_environment: bool, **common: Any) -> None:
    """Show how what is live differs from what was applied last: what others did, in a console or by a script.

    What FLEET asks anew is no drift; `mmeplan plan` shows that too. Nothing is ever written. Exits 0 where there is no
    drift, 2 where there is, 1 where it can't be told because something could not be read.
    """
    settings = session.common(fleet, **common)
    loaded = session.load(settings)
    graph = graphs.compile(loaded)
    snapshot = read_snapshot(snapshot_file) if snapshot_file else _look(settings, graph)
    if loaded.account and snapshot.account and loaded.account != snapshot.account:
        raise RefusedError(
            f"the fleet is bound to the account {loaded.account}, and this is {snapshot.account}",
            hint="use --profile, or -e for another environment",
        )
    report = drift_report(graph, snapshot, show_environment=show_environment)
    if format_ == "json":
        click.echo(render.drift_json(report), nl=False)
    else:
        text = render.drift_text(
            report, width=settings.width, color=settings.color, next_commands=next_commands(settings)
        )
        click.echo(text, nl=False)
    sys.exit(exit_code(report))


def _look(settings: Settings, graph: Graph) -> Snapshot:
    with session.connect(settings, region=graph.fleet.region, account=graph.fleet.account) as connection:
        reader = live.ReadOnly(connection.cloud)
        region, now = connection.cloud.region, connection.clock.now()
        del connection  # from here on nothing at hand could write
        return session.read_live(reader, graph, now, region)


def exit_code(report: DriftReport) -> int:
    """The exit code of a report, from the same facts as its summary line."""
    if report.unreadable:
        return ExitCode.ERROR
    return ExitCode.CHANGES if report.has_drift else ExitCode.DONE


def next_commands(settings: Settings) -> tuple[tuple[str, str], ...]:
    """What may be typed about drift, and what it does."""
    return (
        (settings.again(f"plan {settings.fleet}"), "shows what puts it back; write into the file what is to stay"),
        (settings.again(f"apply {settings.fleet}"), "puts it back"),
    )
