"""Going back: the generations that an endpoint can return to, and the graph in which one of them is what is wanted.

In: the file's graph and a snapshot. Out: `Generation`s, and a graph like the file's in which one endpoint asks for the
content of a config that is live. From there on a rollback is planned, gated, shown and applied like anything else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from mmeplan.aws.variants import KEYED
from mmeplan.diff.drift import applied_digest
from mmeplan.diff.generations import generations
from mmeplan.diff.world import World
from mmeplan.graph import Graph
from mmeplan.live import LiveObject, Snapshot
from mmeplan.resources import Canonical, Reference, Resource
from mmeplan.resources.endpoint_config import live_endpoint_config, live_request
from mmeplan.resources.identity import DIGEST_TAG, ON_REMOVE_TAG, OWN_PREFIX, PROTECT_TAG, WENT_BACK_TAG
from mmeplan.resources.memory import short_digest


@dataclass(frozen=True, slots=True)
class Generation:
    """A config of ours that has served an endpoint. `back` is 0 for the one in force, 1 for the newest before it.

    `created_at` is ISO 8601. `missing` names the models that it needs and that are gone. `left` says that a rollback
    took the endpoint away from it.
    """

    name: str
    digest: str
    created_at: str
    back: int
    missing: tuple[str, ...] = ()
    left: bool = False


def generations_of(graph: Graph, snapshot: Snapshot, at: str) -> tuple[Generation, ...]:
    """The generations of the endpoint of that address, the one in force (if it is ours) first, then newest first."""
    world, endpoint = World(graph, snapshot), graph.resources[at]
    live = snapshot.get("endpoint", endpoint.physical_name)
    described = live.describe if live is not None and live.status == "present" else {}
    in_force = described.get("EndpointConfigName")
    left = (live.tags or {}).get(WENT_BACK_TAG) if live is not None else None
    made, back = [], 0
    for config in generations(world, endpoint):
        back += config.name != in_force
        missing = tuple(sorted(name for name in world.models_in(config.name) if not _is_there(snapshot, name)))
        number = 0 if config.name == in_force else back
        digest = short_digest(config.tags)
        made.append(Generation(config.name, digest, config.created_at, number, missing, config.name == left))
    return tuple(made)


def _is_there(snapshot: Snapshot, model: str) -> bool:
    live = snapshot.get("model", model)
    return live is not None and live.status == "present"


def going_back(graph: Graph, snapshot: Snapshot, at: str, generation: str) -> Graph:
    """The graph in which the endpoint of that address wants the live config of that name.

    The endpoint is marked with the config that it leaves, so that the next plan of the file can say what happened; its
    digest is that of what it goes back to, so that this isn't taken for drift.
    """
    world, endpoint = World(graph, snapshot), graph.resources[at]
    config = world.config_of(endpoint)
    target = snapshot.get("endpoint_config", generation)
    if config is None or target is None or generation == config.physical_name:
        return graph  # what the file says: nothing to be turned round
    made = _config(world, config, target)
    live = snapshot.get("endpoint", endpoint.physical_name)
    left = str(live.describe.get("EndpointConfigName", "")) if live is not None else ""
    back = replace(
        endpoint,
        request={**endpoint.request, "EndpointConfigName": generation},
        references=(Reference(("EndpointConfigName",), "endpoint_config", generation, made.address),),
        digest=applied_digest(world, config, target),
        autoscaled=made.autoscaled,
        entry=replace(endpoint.entry, tags={**endpoint.entry.tags, WENT_BACK_TAG: left}),
    )
    resources = {**graph.resources, made.address: made, back.address: back}
    return replace(graph, resources=dict(sorted(resources.items())))


def _config(world: World, wanted: Resource, target: LiveObject) -> Resource:
    """The live config as if the file declared it: its content, its models by name, its tags as they are."""
    at = world.address_of(target)
    if target.by_digest:  # what another entry of the file declares word for word
        declared = next(r for r in world.graph.of_kind("endpoint_config") if r.physical_name == target.name)
        content, request = declared.content, declared.request
    else:
        content, request = live_endpoint_config(dict(target.describe)), live_request(target.describe)
    tags = target.tags or {}
    entry = replace(
        wanted.entry,
        name=at.partition("/")[2],
        tags={key: value for key, value in tags.items() if not key.startswith((OWN_PREFIX, "aws:"))},
        on_remove="retain" if tags.get(ON_REMOVE_TAG) == "retain" else "delete",
        protect=tags.get(PROTECT_TAG) == "true",
        pinned_name=target.name,
        renamed_from=None,
        replace_salt=None,
        adopt=False,
    )
    return replace(
        wanted,
        address=at,
        name=entry.name,
        physical_name=target.name,
        entry=entry,
        request=request,
        references=tuple(_models(content)),
        content=content,
        digest=tags.get(DIGEST_TAG, ""),
        autoscaled=wanted.autoscaled & frozenset(content.get("ProductionVariants", {})),
    )


def _models(content: Canonical) -> Iterator[Reference]:
    for member in KEYED:
        for name, variant in content.get(member, {}).items():
            if variant.get("ModelName"):
                yield Reference((member, name, "ModelName"), "model", variant["ModelName"], None)
            for index, pool in enumerate(variant.get("InstancePools", ())):
                if pool.get("ModelNameOverride"):
                    path = (member, name, "InstancePools", index, "ModelNameOverride")
                    yield Reference(path, "model", pool["ModelNameOverride"], None)
