"""Rollback: the generations that an endpoint can return to, and the graph in which one of them is what is wanted.

From that graph on a rollback is planned, gated, shown and applied like anything else.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from mmeplan import history
from mmeplan.aws.variants import models
from mmeplan.diff.drift import applied_digest
from mmeplan.diff.inputs import Inputs
from mmeplan.errors import InputError, Problem
from mmeplan.graph import Graph
from mmeplan.identity import DIGEST_TAG, ON_REMOVE_TAG, OWN_PREFIX, PROTECT_TAG
from mmeplan.kinds import ENDPOINT_CONFIG, MODEL, Reference, Resource
from mmeplan.kinds.endpoint_config import (
    autoscaled_variants,
    live_request,
    uncounted_variants,
    without_volumes_of_its_own,
)
from mmeplan.live import LiveEndpointConfig, Snapshot


@dataclass(frozen=True, slots=True)
class Generation:
    """A config of ours that has served an endpoint. `back` is 0 for the one in force, 1 for the newest before it.

    `created_at` is ISO 8601. `missing` names the models that it needs and that are gone. `left` says that a rollback
    took the endpoint away from it, `doubtful` that nobody knows whether it has served.
    """

    name: str
    digest: str
    created_at: str
    back: int
    missing: tuple[str, ...] = ()
    left: bool = False
    doubtful: bool = False


def generations_of(inputs: Inputs, at: str) -> tuple[Generation, ...]:
    """The generations of the endpoint of that address, the one in force (if it is ours) first, then newest first."""
    endpoint, snapshot = inputs.graph.resources[at], inputs.snapshot
    live = snapshot.endpoint(endpoint.physical_name)
    in_force = live.config if live is not None and live.is_present else ""
    left = history.left_by_rollback(live)
    found, back = [], 0
    configs = history.generations(inputs, endpoint)
    under_way = history.coming(inputs, live) if live is not None and live.is_present else None
    if under_way is not None and under_way.name != in_force:  # it counts as what runs: a rollback leaves it
        in_force = under_way.name
        configs = (under_way, *(config for config in configs if config.name != in_force))
    for config in configs:
        back += config.name != in_force
        models = ((name, snapshot.model(name)) for name in inputs.models_in(config.name))
        missing = tuple(sorted(name for name, model in models if model is None or not model.is_present))
        number = 0 if config.name == in_force else back
        digest = history.short_digest(config)
        about = (config.name == left, history.is_doubtful(live, config))
        found.append(Generation(config.name, digest, config.created_at, number, missing, *about))
    return tuple(found)


def rollback_graph(graph: Graph, snapshot: Snapshot, at: str, generation: str) -> Graph:
    """The graph in which the endpoint of that address wants the live config of that name.

    The endpoint is marked with the config that it leaves, so that the next plan of the file can say what happened; its
    digest is that of what it goes back to, so that this isn't taken for drift. Raises InputError where the file has the
    endpoint run a config outside of the fleet.
    """
    inputs, endpoint = Inputs(graph, snapshot), graph.resources[at]
    config, target = inputs.config_of(endpoint), snapshot.endpoint_config(generation)
    if config is None:
        message = f"the file has {at} run a config outside of the fleet, which a rollback can't go back from"
        hint = "write the config that it is to run into the fleet file again, and apply that: a kept one is re-used"
        raise InputError([Problem(message, hint=hint)])
    if target is None or generation == config.physical_name:
        return graph  # what the file says already
    wanted = _as_declared(inputs, config, target)
    live = snapshot.endpoint(endpoint.physical_name)
    now, under_way = (live.config, live.pending_config) if live is not None else ("", "")
    mark = history.rollback_mark(under_way if under_way == config.physical_name else now)
    back = replace(
        endpoint,
        request={**endpoint.request, "EndpointConfigName": generation},
        references=(Reference(("EndpointConfigName",), ENDPOINT_CONFIG.name, generation, wanted.address),),
        digest=applied_digest(inputs, config, target),
        autoscaled=wanted.autoscaled,
        uncounted=wanted.uncounted,
        entry=replace(endpoint.entry, tags={**endpoint.entry.tags, **mark}),
    )
    resources = {**graph.resources, wanted.address: wanted, back.address: back}
    return replace(graph, resources=dict(sorted(resources.items())), replaced=(config,))


def _as_declared(inputs: Inputs, wanted: Resource, target: LiveEndpointConfig) -> Resource:
    """The live config as if the file declared it: its content, its models by name, its tags as they are."""
    declared = inputs.graph.declared(ENDPOINT_CONFIG.name, target.name) if target.by_digest else None
    content = without_volumes_of_its_own(inputs.live_content(target))
    names = frozenset(content.get("ProductionVariants", {}))
    at, tags = inputs.address_of(target), inputs.graph.fleet.ignore_tags.without(target.tags or {})
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
        request=declared.request if declared else live_request(target.describe),
        references=tuple(Reference(path, MODEL.name, name, None) for path, name in models(content)),
        content=content,
        digest=tags.get(DIGEST_TAG, ""),
        autoscaled=(wanted.autoscaled & names) | autoscaled_variants(content),
        uncounted=(wanted.uncounted & names) | uncounted_variants(content),
    )
