"""The drift report: what `mmeplan drift` shows, as data. specs/drift.schema.json describes its JSON document.

In: graph and snapshot. Out: `DriftReport`, with names and lines as in the fleet file. Pure. Its fields go from what was
applied last to what is live; those of a plan's `drift` go the other way, from what is live to what was applied.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final, Literal

from mmeplan.diff import FieldChange, Location, ManualChange, manual_changes
from mmeplan.graph import Graph
from mmeplan.kinds import Resource
from mmeplan.live import Snapshot
from mmeplan.plan.document import Plan
from mmeplan.plan.masking import masked_fields
from mmeplan.plan.places import location, planned_fields

DRIFT_FORMAT_VERSION: Final = "1.0"


@dataclass(frozen=True, slots=True)
class FoundDrift:
    """One thing that was done to one object.

    `name` is the object's physical name. `what` is one of content, scale, tags, ownership, deleted, broken, under_way.
    `fields` go from what was applied last (`before`) to what is live (`after`); null stands for absent.
    """

    address: str
    kind: str
    name: str
    what: str
    explanation: str
    location: Location = field(default_factory=Location)
    fields: tuple[FieldChange, ...] = ()


@dataclass(frozen=True, slots=True)
class DriftNote:
    """Something worth knowing that is no drift."""

    address: str
    text: str


@dataclass(frozen=True, slots=True)
class DriftReport:
    """Everything that was found, by address. `unreadable` says what could not be looked at, and why."""

    fleet: str
    environment: str
    account: str
    region: str
    observed_at: str
    drift: tuple[FoundDrift, ...]
    notes: tuple[DriftNote, ...]
    unreadable: tuple[str, ...]
    format_version: str = DRIFT_FORMAT_VERSION

    @property
    def has_drift(self) -> bool:
        """Whether anything was changed behind mmeplan's back."""
        return bool(self.drift)


def drift_report(graph: Graph, snapshot: Snapshot, *, show_environment: bool = False) -> DriftReport:
    """What was changed behind mmeplan's back. Environment values are masked unless asked for."""
    changes = manual_changes(graph, snapshot)
    found = tuple(_found(graph, change) for change in changes.found)
    if not show_environment:
        salt = snapshot.digest()
        found = tuple(replace(item, fields=masked_fields(item.fields, salt)) for item in found)
    return DriftReport(
        fleet=graph.fleet.name,
        environment=graph.fleet.environment or "",
        account=snapshot.account,
        region=snapshot.region,
        observed_at=snapshot.observed_at,
        drift=found,
        notes=tuple(DriftNote(at, text) for at, text in changes.notes),
        unreadable=(
            *(f"{live.kind} {live.name}: {live.error}" for live in snapshot.unreadable()),
            *([f"what carries the fleet's tag: {snapshot.inventory_error}"] if snapshot.inventory_error else []),
        ),
    )


Mended = Literal["all", "some", "none", "refused"]
"""How much of a drift an apply of the file puts back: `refused` says that the plan would be."""


def mended_by(plan: Plan, report: DriftReport) -> Mended:
    """How much of what was found a plan of the same file and snapshot puts back."""
    if plan.refused:
        return "refused"
    acting = [change for change in plan.changes if not change.is_noop]
    names = {(change.kind, name) for change in acting for name in (change.name, change.live_name)}
    addresses = {change.address for change in acting}
    left = [found for found in report.drift if not ({(found.kind, found.name)} & names or found.address in addresses)]
    if not left:
        return "all"
    return "some" if len(left) < len(report.drift) else "none"


def drift_document(report: DriftReport) -> dict[str, Any]:
    """The report as JSON data, its version first."""
    document = asdict(report)
    return {"format_version": document.pop("format_version"), **document}


def _found(graph: Graph, change: ManualChange) -> FoundDrift:
    resource: Resource | None = graph.resources.get(change.address)
    found = FoundDrift(change.address, change.kind, change.name, change.what, change.explanation)
    if resource is None:
        return replace(found, fields=tuple(replace(f, path=(), field=_plain(f.path)) for f in change.fields))
    of_itself = [f for f in change.fields if f.path[0] in ("Tags", "EndpointConfigName")]
    fields = [replace(f, path=(), field=_plain(f.path)) for f in of_itself]
    fields += planned_fields(graph, resource, [f for f in change.fields if f not in of_itself])
    return replace(found, location=location(graph, resource.path), fields=tuple(fields))


def _plain(path: tuple[str | int, ...]) -> str:
    """`tags.team`, `endpoint_config_name`: fields that don't stand in a config."""
    return f"tags.{path[1]}" if path[0] == "Tags" else "endpoint_config_name"
