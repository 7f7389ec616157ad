"""diff: the graph against a snapshot → every `Change`, with its reason, its fields and its effect on traffic.

    endpoints first (what differs decides what is needed) → models and configs → what is owned and no longer needed

Pure: the same inputs give the same changes, in the same order. Called by `plan`, `apply` (verify) and `status`.
"""

from mmeplan.diff.changes import (
    EFFECTS,
    Action,
    Change,
    Difference,
    Drift,
    Effect,
    FieldChange,
    Location,
    Outage,
    Reason,
    Refusal,
    VariantTraffic,
    action_of,
)
from mmeplan.diff.endpoints import endpoint_change, stand_in_changes
from mmeplan.diff.going_back import Generation, generations_of, going_back
from mmeplan.diff.handmade import BehindOurBack, HandMade, hand_made
from mmeplan.diff.immutables import immutable_change
from mmeplan.diff.removals import Removals
from mmeplan.diff.weighing import VARIANTS_DIFFER, says_what_runs
from mmeplan.diff.world import World
from mmeplan.graph import Graph
from mmeplan.live import Snapshot


def diff(graph: Graph, snapshot: Snapshot) -> Difference:
    """Every change that makes what is live into what the file says, and what has drifted."""
    world = World(graph, snapshot)
    changes: list[Change] = []
    drift: list[Drift] = []
    for endpoint in graph.of_kind("endpoint"):
        change, drifted = endpoint_change(world, endpoint)
        changes.append(change)
        if drifted:
            drift.append(drifted)
    for config in graph.of_kind("endpoint_config"):
        if not graph.dependents(config.address):
            world.need(config)
    for kind in ("endpoint_config", "model"):
        changes += [immutable_change(world, resource) for resource in graph.of_kind(kind)]
    changes += stand_in_changes(world)
    removals = Removals(world)
    removals.find()
    changes += removals.changes
    changes.sort(key=lambda change: (change.address, change.name))
    return Difference(tuple(changes), tuple(drift), removals.kept)


__all__ = [
    "EFFECTS",
    "VARIANTS_DIFFER",
    "Action",
    "BehindOurBack",
    "Change",
    "Difference",
    "Drift",
    "Effect",
    "FieldChange",
    "Generation",
    "HandMade",
    "Location",
    "Outage",
    "Reason",
    "Refusal",
    "VariantTraffic",
    "action_of",
    "diff",
    "generations_of",
    "going_back",
    "hand_made",
    "says_what_runs",
]
