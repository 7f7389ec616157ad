"""Gates: what stops a plan although every request in it is valid. Each refusal is a Finding that names its line.

In: changes, options, the fleet. Out: findings of severity error. Where SageMaker's own rule is what refuses, the id is
that rule's (docs/rules/not-checked.md lists it); what is mmeplan's own promise has an id that begins with GATE.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from mmeplan.diff import Change, Reason
from mmeplan.graph import Graph
from mmeplan.live import Snapshot
from mmeplan.plan.document import Options
from mmeplan.plan.finding import Finding
from mmeplan.resources import Resource
from mmeplan.spec import FilePath, dotted

REFUSED: Final = "GATE-03"
OUTAGE: Final = "GATE-04"

_REFUSALS: Final[Mapping[tuple[str, Reason], str]] = {
    ("model", "conflict"): "DEL-10",
    ("endpoint_config", "conflict"): "DEL-10",
    ("endpoint", "conflict"): "DEL-10",
    ("model", "pinned"): "MDL-40",
    ("model", "tampered"): "MDL-40",
    ("endpoint_config", "pinned"): "CFG-38",
    ("endpoint_config", "tampered"): "CFG-38",
    ("endpoint", "unrecoverable"): "EP-08",
}
"""(kind, reason) of a change that is refused for good → the rule of the catalogue that says so."""

_OUTAGES: Final[Mapping[Reason, str]] = {
    "hosting_changed": "SLS-12",
    "renamed_physically": "DEL-08",
    "failed": "EP-06",
}
"""Reason of a change that is an outage → the rule because of which there is no way without one."""

OUTAGE_GATES: Final = frozenset({OUTAGE, *_OUTAGES.values()})
"""The ids with which an outage is refused."""


def gate_findings(graph: Graph, snapshot: Snapshot, changes: tuple[Change, ...], options: Options) -> Iterator[Finding]:
    """Every reason why this plan may not be applied."""
    fleet = graph.fleet
    if fleet.account and snapshot.account and fleet.account != snapshot.account:
        message = f"the fleet is bound to the account {fleet.account}, and these credentials are of {snapshot.account}"
        yield _finding(graph, "GATE-01", "", ("account",), message, "use --profile, or -e for another environment")
    if fleet.region and snapshot.region and fleet.region != snapshot.region:
        message = f"the fleet is bound to the region {fleet.region}, and the plan looks at {snapshot.region}"
        yield _finding(graph, "GATE-02", "", ("region",), message, "use --region, or a snapshot of that region")
    for change in changes:
        yield from _change_findings(graph, change, options)
    for live in snapshot.unreadable():
        needed = "; the plan may not be applied while this is unknown"
        yield _finding(
            graph,
            "GATE-06",
            f"{live.kind}/{live.name}",
            (),
            f"{live.kind} {live.name}: {live.error}{needed}",
            "grant the action to the caller",
        )
    if snapshot.inventory_error:
        message = f"what the fleet owns could not be listed, so nothing can be removed: {snapshot.inventory_error}"
        yield Finding(
            "GATE-07", "warning", "", "", message, "grant tag:GetResources, or sagemaker:List* and sagemaker:ListTags"
        )


def _change_findings(graph: Graph, change: Change, options: Options) -> Iterator[Finding]:
    resource = graph.resources.get(change.address)
    if change.refusal:
        rule = _REFUSALS.get((change.kind, change.reason), REFUSED)
        yield _finding(graph, rule, change.address, _path(resource), f"{change.address}: {change.refusal}", "")
    protected = resource is not None and resource.entry.protect and resource.kind == change.kind
    if change.effect == "outage" and change.address not in options.allow_outage:
        message = f"{change.address} would be deleted and created, which is an outage: {change.explanation}"
        rule = _OUTAGES.get(change.reason, OUTAGE)
        yield _finding(graph, rule, change.address, _path(resource), message, f"--allow-outage {change.address}")
    if change.effect in ("outage", "delete") and protected:
        message = (
            f"{change.address} is protected, and this would {'recreate' if 'create' in change.actions else 'delete'} it"
        )
        yield _finding(
            graph,
            "GATE-05",
            change.address,
            (*_path(resource), "protect"),
            message,
            "set protect: false and apply that first",
        )


def _path(resource: Resource | None) -> FilePath:
    return resource.path if resource else ()


def _finding(graph: Graph, rule: str, address: str, path: FilePath, message: str, help_text: str) -> Finding:
    source = graph.fleet.source_map
    line, column = source.locate(path) if path else (0, 0)
    file = source.file if path else ""
    return Finding(rule, "error", address, dotted(path), message, help_text, "", file, line, column)
