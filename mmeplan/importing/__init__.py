"""import: live endpoints → a fleet.yaml that plans to nothing but their adoption.

    select → observe → draft (what is live in the file's terms) → write (YAML with comments) → prove (load it, diff it)

Read-only. What can't be taken over is named, never dropped in silence.
"""

from __future__ import annotations

from dataclasses import dataclass

from mmeplan import graph
from mmeplan.diff import Action, diff
from mmeplan.importing.drafting import Draft, Skipped, draft, yaml_text
from mmeplan.importing.selecting import ScalableTarget, Selection, scalable_targets, select, select_from
from mmeplan.live import Snapshot
from mmeplan.spec import load_text


@dataclass(frozen=True, slots=True)
class Imported:
    """A fleet file, and what to know of it.

    `skipped` are endpoints that could not be taken over. `notes` are sentences on what the file can't hold or what
    stays outside. `secrets` are the places of environment values, which the file holds in clear. `unproved` says what
    a plan of the file would do beyond adoption; it is empty unless something live is stranger than import knows.
    """

    text: str
    endpoints: tuple[str, ...]
    configs: int
    models: int
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...]
    secrets: tuple[tuple[str, tuple[str, ...]], ...]
    unproved: tuple[str, ...]


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
    )


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
    "scalable_targets",
    "select",
    "select_from",
]
