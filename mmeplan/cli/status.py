"""`mmeplan status`: the fleet's endpoints as they are now."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any

import click

from mmeplan import graph as graphs
from mmeplan import render
from mmeplan.cli import session
from mmeplan.cli.options import cloud_options, fleet_argument, spec_options
from mmeplan.diff import generations_of
from mmeplan.graph import Graph
from mmeplan.live import LiveObject, Snapshot
from mmeplan.resources import Resource


@click.command(epilog="\b\nExample:\n  mmeplan status -e prod")
@fleet_argument
@click.option(
    "--format",
    "format_",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="What is printed.",
)
@spec_options
@cloud_options
def command(fleet: str, format_: str, **common: Any) -> None:
    """Show the endpoints of FLEET as they are now: status, config in force, variants with instances and traffic."""
    settings = session.common(fleet, **common)
    loaded = session.load(settings)
    graph = graphs.compile(loaded)
    with session.connect(settings, region=loaded.region, account=loaded.account) as connection:
        snapshot = session.observe(connection, graph)
        now = connection.clock.now()
    rows = [
        _row(endpoint, snapshot, _generations(graph, snapshot, endpoint, now)) for endpoint in graph.of_kind("endpoint")
    ]
    if format_ == "json":
        click.echo(json.dumps([asdict(row) for row in rows], indent=2))
    else:
        click.echo(render.status_text(rows, width=settings.width, color=settings.color), nl=False)


def _generations(graph: Graph, snapshot: Snapshot, endpoint: Resource, now: datetime) -> tuple[str, ...]:
    """The configs that `mmeplan rollback` can go back to, newest first, each with its age."""
    older = [one for one in generations_of(graph, snapshot, endpoint.address) if one.back]
    return tuple(f"{one.name} ({render.age_text(now, one.created_at)} old)" for one in older)


def _row(endpoint: Resource, snapshot: Snapshot, generations: tuple[str, ...]) -> render.StatusRow:
    live = snapshot.get("endpoint", endpoint.physical_name)
    if live is None or live.status == "absent":
        return render.StatusRow(endpoint.address, endpoint.physical_name, "absent")
    if live.status == "unreadable":
        return render.StatusRow(endpoint.address, endpoint.physical_name, "unreadable", failure=live.error)
    config = str(live.describe.get("EndpointConfigName", ""))
    pending = (live.describe.get("PendingDeploymentSummary") or {}).get("EndpointConfigName")
    return render.StatusRow(
        address=endpoint.address,
        name=endpoint.physical_name,
        status=str(live.describe.get("EndpointStatus")),
        config=config,
        variants=_variants(live, snapshot),
        note=f"moving to {pending}" if pending and pending != config else "",
        failure=str(live.describe.get("FailureReason", "")),
        generations=generations,
    )


def _variants(live: LiveObject, snapshot: Snapshot) -> tuple[render.VariantStatus, ...]:
    """Instances now of instances wanted, and the share of the traffic, variant by variant."""
    config = snapshot.get("endpoint_config", str(live.describe.get("EndpointConfigName", "")))
    types = {
        variant.get("VariantName"): variant.get("InstanceType")
        for variant in (config.describe.get("ProductionVariants") or () if config else ())
    }
    summaries = live.describe.get("ProductionVariants") or ()
    total = sum(float(summary.get("CurrentWeight") or 0) for summary in summaries)
    made = []
    for summary in summaries:
        name = summary.get("VariantName")
        share = float(summary.get("CurrentWeight") or 0) / total if total else 0.0
        counts = f"{summary.get('CurrentInstanceCount', 0)}/{summary.get('DesiredInstanceCount', 0)}"
        serverless = bool(summary.get("CurrentServerlessConfig"))
        instance_type = "serverless" if serverless else str(types.get(name) or "")
        made.append(render.VariantStatus(str(name), instance_type, "" if serverless else counts, f"{share:.0%}"))
    return tuple(made)
