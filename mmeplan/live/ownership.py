"""Ownership: which live objects are the fleet's, and which address each of them belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from mmeplan.graph import Graph, compile
from mmeplan.identity import ADDRESS_TAG, CARRIES_TAG, address, owner_in
from mmeplan.kinds import ENDPOINT, ENDPOINT_CONFIG, MODEL, LiveEndpoint, LiveObject, Resource, as_a, kind_named
from mmeplan.live.snapshot import Snapshot


def with_own_names(graph: Graph, snapshot: Snapshot) -> Graph:
    """The graph in which each model and config has a name that no other deployment's object bears.

    Names come from content, so two deployments of one file ask for the same ones. The second gets names of its own, and
    keeps them when the first's objects go. The same graph where nothing is to be told apart.
    """
    while True:
        owned = Ownership(graph, snapshot)
        apart = {at for at, resource in graph.resources.items() if owned.needs_own_name(resource)}
        if apart <= graph.apart:
            return graph
        graph = compile(graph.fleet, apart=graph.apart | apart)


@dataclass(frozen=True)
class Ownership:
    """The desired graph and a snapshot, with the snapshot's objects by owner. Indexes are made when first asked for."""

    graph: Graph
    snapshot: Snapshot

    def owns(self, live: LiveObject) -> bool:
        """Whether the object is this deployment's, or carries the fleet's tag and is unclaimed."""
        kind = kind_named(live.kind)
        if kind.is_tagged:
            return self.graph.deployment.may_change(live.tags or {})
        parent = self.parent_of(live)
        if parent is None or not parent.is_present or not self.owns(parent):
            return False
        return kind.key_of(live.name) in (parent.tag(CARRIES_TAG) or "").split()

    def parent_of(self, live: LiveObject) -> LiveObject | None:
        """The object that another one is part of, as it was seen; None where it wasn't looked for."""
        kind = kind_named(live.kind)
        return self.snapshot.get(kind.parent, kind.parent_in(live.name)) if kind.parent else None

    def root_of(self, live: LiveObject) -> LiveObject:
        """What an object is part of in the end: the endpoint of a scaling policy; itself where it is part of none."""
        parent = self.parent_of(live)
        return live if parent is None else self.root_of(parent)

    def is_unclaimed(self, live: LiveObject) -> bool:
        """Whether it carries the fleet's tag and no environment's, where the fleet is deployed in one."""
        if not self.owns(live):
            return False
        parent = None if kind_named(live.kind).is_tagged else self.parent_of(live)
        return self.is_unclaimed(parent) if parent else not self.graph.deployment.owns(live.tags or {})

    def needs_own_name(self, resource: Resource) -> bool:
        """Whether another deployment's object has the plain name of a model or config, or had it when ours was made.

        Ours is known by its tags, and by what endpoints run, be it deleted.
        """
        if not kind_named(resource.kind).is_immutable or resource.pinned or resource.address in self.graph.apart:
            return False
        if (resource.kind, resource.own_name) in self._in_force:
            return True
        live = self.snapshot.get(resource.kind, resource.physical_name)
        if live is not None and live.is_present:
            return owner_in(live.tags or {}) is not None and not self.owns(live)
        ours = self.snapshot.get(resource.kind, resource.own_name)
        return ours is not None and ours.is_present and self.owns(ours)

    def address_of(self, live: LiveObject) -> str:
        """The address that an owned object belongs to, `renamed_from` followed; empty where no tag says."""
        kind = kind_named(live.kind)
        parent = None if kind.is_tagged else self.parent_of(live)
        if parent is not None:
            own = live.name.removeprefix(f"{parent.name} ")
            return address(kind.name, f"{self.address_of(parent).partition('/')[2]}/{own}")
        tagged = live.tag(ADDRESS_TAG) or ""
        return self.graph.moved.get(tagged, tagged)

    def owned(self, kind: str) -> tuple[LiveObject, ...]:
        """All live objects of a kind that carry the fleet's tag, by name."""
        return self._owned.get(kind, ())

    def owned_at(self, kind: str, at: str) -> tuple[LiveObject, ...]:
        """The owned objects that belong to an address, by name."""
        return tuple(self._owned_at.get((kind, at), ()))

    def under_another_name(self, endpoint: Resource) -> LiveEndpoint | None:
        """A live endpoint that belongs to this one's address and bears a name that no entry declares."""
        free = (
            live
            for live in self.owned_at(ENDPOINT.name, endpoint.address)
            if live.name.lower() not in self.declared_endpoints
            and not self.is_unclaimed(live)  # an unclaimed one may be another environment's
        )
        return as_a(next(free, None), LiveEndpoint)

    def config_of(self, endpoint: Resource) -> Resource | None:
        """The fleet's config that an endpoint is to run; None where it lies outside the fleet."""
        return self.graph.resources[endpoint.config] if endpoint.config else None

    @cached_property
    def declared_endpoints(self) -> frozenset[str]:
        """The physical names of all declared endpoints, in lower case: to SageMaker letter case makes no new name."""
        return frozenset(resource.physical_name.lower() for resource in self.graph.of_kind(ENDPOINT.name))

    @cached_property
    def _in_force(self) -> frozenset[tuple[str, str]]:
        """(Kind, name) of the configs that endpoints run or move to, and of the models that those refer to."""
        configs = {name for live in self.snapshot.endpoints() for name in live.configs}
        found = (self.snapshot.endpoint_config(name) for name in configs)
        models = (name for config in found if config is not None and config.is_present for name in config.models)
        return frozenset(
            {*((ENDPOINT_CONFIG.name, name) for name in configs), *((MODEL.name, name) for name in models)}
        )

    @cached_property
    def run_by_unclaimed(self) -> frozenset[str]:
        """The names of the configs and models that unclaimed endpoints run on: they go with those."""
        endpoints = [live for live in self.snapshot.endpoints() if self.is_unclaimed(live)]
        configs = {
            name for live in endpoints if live.name.lower() not in self.declared_endpoints for name in live.configs
        }
        found = (self.snapshot.endpoint_config(name) for name in configs)
        return frozenset(
            configs.union(*(config.models for config in found if config is not None and config.is_present))
        )

    @cached_property
    def _owned(self) -> Mapping[str, tuple[LiveObject, ...]]:
        return {kind: tuple(filter(self.owns, self.snapshot.present(kind))) for kind in self.snapshot.objects}

    @cached_property
    def _owned_at(self) -> Mapping[tuple[str, str], list[LiveObject]]:
        by_address: dict[tuple[str, str], list[LiveObject]] = {}
        for kind, owned in self._owned.items():
            for live in owned:
                by_address.setdefault((kind, self.address_of(live)), []).append(live)
        return by_address
