"""import: live endpoints → a fleet.yaml that plans to nothing but their adoption.

    select → observe → draft (what is live in the file's terms) → write (YAML with comments) → prove (load it, diff it)

Read-only. What can't be taken over is named, never dropped in silence.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from mmeplan import graph
from mmeplan.diff import Action, diff
from mmeplan.errors import CloudError
from mmeplan.importing.drafting import Draft, Skipped, draft, place, yaml_text
from mmeplan.importing.selecting import (
    ScalableTarget,
    Selection,
    inference_components,
    scalable_targets,
    select,
    select_from,
)
from mmeplan.live import Progress, Reader, Snapshot, observe_running
from mmeplan.spec import load_text


@dataclass(frozen=True, slots=True)
class Imported:
    """A fleet file, and what to know of it.

    `skipped` are endpoints that could not be taken over. `notes` are sentences on what the file can't hold or what
    stays outside. `secrets` are the places of environment values, which the file holds in clear. `unproved` says what
    a plan of the file would do beyond adoption; it is empty unless something live is stranger than import knows.
    `snapshot` is what it was made from, and `refusals` are what rules find that refuses a plan of the file.
    """

    text: str
    endpoints: tuple[str, ...]
    configs: int
    models: int
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...]
    secrets: tuple[tuple[str, tuple[str, ...]], ...]
    unproved: tuple[str, ...]
    snapshot: Snapshot = field(repr=False)
    refusals: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """Where the endpoints are: `eu-west-1 of the account 123456789012`."""
        return place(self.snapshot.region, self.snapshot.account)


def import_fleet(
    snapshot: Snapshot, names: list[str], fleet: str, targets: dict[tuple[str, str], ScalableTarget]
) -> Imported:
    """The fleet file of these live endpoints. `targets` are the counts that an autoscaler owns. Pure."""
    made = draft(snapshot, names, fleet, targets)
    text = yaml_text(made)
    return Imported(
        text=text,
        endpoints=tuple(entry["name"] for entry in made.endpoints.values()),
        configs=len(made.configs) + sum(isinstance(entry["config"], dict) for entry in made.endpoints.values()),
        models=len(made.models),
        skipped=tuple(made.skipped),
        notes=tuple(made.notes),
        secrets=tuple(made.secrets),
        unproved=_unproved(text, snapshot),
        snapshot=snapshot,
    )


def import_stored(snapshot: Snapshot, selection: Selection, fleet: str) -> Imported:
    """The fleet file of the endpoints of a stored snapshot. Pure."""
    snapshot = replace(snapshot, fleet=fleet)
    imported = import_fleet(snapshot, select_from(snapshot, selection), fleet, {})
    note = "a snapshot doesn't tell which counts an autoscaler owns: all are fixed"
    return replace(imported, notes=(*imported.notes, note))


def import_live(
    reader: Reader,
    selection: Selection,
    fleet: str,
    now: datetime,
    region: str,
    *,
    progress: Progress | None = None,
) -> Imported:
    """The fleet file of endpoints that are live. Reads only. Raises CloudError."""
    names = select(reader, selection)
    snapshot = observe_running(reader, fleet, names, now, region, progress=progress)
    targets, notes = _targets(reader, snapshot)
    imported = import_fleet(snapshot, names, fleet, targets)
    return replace(imported, notes=(*imported.notes, *notes, *_components(reader, snapshot, imported)))


def _targets(reader: Reader, snapshot: Snapshot) -> tuple[dict[tuple[str, str], ScalableTarget], tuple[str, ...]]:
    variants = [(endpoint.name, variant.name) for endpoint in snapshot.endpoints() for variant in endpoint.variants]
    try:
        return scalable_targets(reader, variants), ()
    except CloudError as error:
        why = f"which counts an autoscaler owns could not be read, so all are fixed: {error}"
        return {}, (f"{why}. Write `capacity: autoscaled` where one is at work",)


def _components(reader: Reader, snapshot: Snapshot, imported: Imported) -> tuple[str, ...]:
    """A sentence for each imported endpoint that hosts inference components."""
    hosting = [name for name in imported.endpoints if _hosts_components(snapshot, name)]
    return tuple(
        f"endpoint {name} is made for inference components, which fleet.yaml doesn't describe; {_as_they_are(found)}"
        for name, found in inference_components(reader, hosting).items()
    )


def _as_they_are(components: tuple[str, ...] | None) -> str:
    """What is there of them; None where that could not be read."""
    if components is None:
        return "they stay as they are (which there are could not be read: grant sagemaker:ListInferenceComponents)"
    return f"these stay as they are: {', '.join(components)}" if components else "it hosts none now"


def _hosts_components(snapshot: Snapshot, endpoint: str) -> bool:
    live = snapshot.endpoint(endpoint)
    config = snapshot.endpoint_config(live.config) if live is not None else None
    return config is not None and config.hosts_components


def _unproved(text: str, snapshot: Snapshot) -> tuple[str, ...]:
    """What a plan of the file would do beyond adoption. The file is loaded as any other is."""
    difference = diff(graph.compile(load_text(text.encode())), snapshot)
    return tuple(
        f"{change.address}: {change.refusal or change.explanation}"
        for change in difference.changes
        if change.refusal or change.action not in (Action.NO_OP, Action.TAG)
    )


__all__ = [
    "Draft",
    "Imported",
    "ScalableTarget",
    "Selection",
    "Skipped",
    "import_fleet",
    "import_live",
    "import_stored",
    "scalable_targets",
    "select",
    "select_from",
]
