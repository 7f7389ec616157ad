"""diff: the graph against a snapshot → every `Change`, with its reason, its fields and its effect on traffic.

    inputs ─decide→ a decision for each endpoint ─demand→ what must exist ─→ models and configs
                                                                        └──→ what is owned and no longer needed

Decisions flow down: nothing is written back. Pure: the same inputs give the same changes, in the same order.
"""

from collections.abc import Collection

from mmeplan.diff.around import around_swaps, needs_it_off
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
    declared_changes,
)
from mmeplan.diff.components import without_components
from mmeplan.diff.demand import demand
from mmeplan.diff.drift import ManualChange, ManualChanges, in_place_drift, manual_changes
from mmeplan.diff.endpoints import VARIANTS_DIFFER, decide, placeholder_changes
from mmeplan.diff.gathered import doing_of, gathered_change, strays
from mmeplan.diff.immutables import immutable_change
from mmeplan.diff.in_place import in_place_change
from mmeplan.diff.inputs import Inputs
from mmeplan.diff.removals import removals
from mmeplan.diff.rollback import Generation, generations_of, rollback_graph
from mmeplan.graph import Graph
from mmeplan.kinds import ENDPOINT, immutable_kinds, kind_named, kinds
from mmeplan.live import Snapshot


def diff(graph: Graph, snapshot: Snapshot, targets: Collection[str] = (), *, prune: bool = False) -> Difference:
    """Every change that makes what is live into what the file says, and what has drifted.

    `targets` are the addresses that a plan is limited to, where it is: a placeholder is that of their endpoint.
    `prune`: archives that nobody needs any more go.
    """
    inputs = Inputs(graph, snapshot)
    decisions = [decide(inputs, endpoint) for endpoint in graph.of_kind(ENDPOINT.name)]
    needed = demand(inputs, decisions)
    changes = [decision.change for decision in decisions]
    for kind in reversed([*immutable_kinds()]):
        changes += [immutable_change(needed, resource) for resource in graph.of_kind(kind.name)]
    in_place = [each for kind in kinds() if kind.is_changed_in_place for each in graph.of_kind(kind.name)]
    changes += [in_place_change(inputs, resource) for resource in in_place]
    gathered = (each for each in graph.resources.values() if kind_named(each.kind).is_gathered)
    changes += [gathered_change(inputs, resource, prune=prune) for resource in gathered]
    removed = removals(needed)
    changes += [*placeholder_changes(needed, targets), *removed.changes]
    changes = [without_components(snapshot, change) for change in changes]
    changes = around_swaps(inputs, changes)
    changes.sort(key=lambda change: (change.address, change.name))
    found = (*(decision.drift for decision in decisions), *(in_place_drift(inputs, each) for each in in_place))
    drift = tuple(item for item in found if item)
    return Difference(tuple(changes), drift, removed.kept)


__all__ = [
    "EFFECTS",
    "VARIANTS_DIFFER",
    "Action",
    "Change",
    "Difference",
    "Drift",
    "Effect",
    "FieldChange",
    "Generation",
    "Inputs",
    "Location",
    "ManualChange",
    "ManualChanges",
    "Outage",
    "Reason",
    "Refusal",
    "VariantTraffic",
    "action_of",
    "declared_changes",
    "diff",
    "doing_of",
    "generations_of",
    "manual_changes",
    "needs_it_off",
    "rollback_graph",
    "strays",
]
