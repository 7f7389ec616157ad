"""Ownership: which live objects are the fleet's, and which address each of them belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from mmeplan.graph import Graph
from mmeplan.live.objects import LiveEndpoint, LiveObject
from mmeplan.live.snapshot import Snapshot
from mmeplan.resources import Resource
from mmeplan.resources.identity import ADDRESS_TAG, FLEET_TAG


@dataclass(frozen=True)
class Ownership:
    """The desired graph and a snapshot, with the snapshot's objects by owner. Indexes are made when first asked for."""

    graph: Graph
    snapshot: Snapshot

    def owns(self, live: LiveObject) -> bool:
        """Whether the object carries this fleet's tag."""
        return live.tag(FLEET_TAG) == self.graph.fleet.name

    def address_of(self, live: LiveObject) -> str:
        """The address that an owned object belongs to, `renamed_from` followed; empty where no tag says."""
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
        for live in self.owned_at("endpoint", endpoint.address):
            if live.name.lower() not in self.declared_endpoints and isinstance(live, LiveEndpoint):
                return live
        return None

    def config_of(self, endpoint: Resource) -> Resource | None:
        """The fleet's config that an endpoint is to run; None where it lies outside the fleet."""
        return self.graph.resources[endpoint.config] if endpoint.config else None

    @cached_property
    def declared_endpoints(self) -> frozenset[str]:
        """The physical names of all declared endpoints, in lower case: to SageMaker letter case makes no new name."""
        return frozenset(resource.physical_name.lower() for resource in self.graph.of_kind("endpoint"))

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
