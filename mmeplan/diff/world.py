"""The two sides that a diff holds against each other, with the look-ups that both halves of it need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from mmeplan.graph import Graph
from mmeplan.live import LiveObject, Snapshot, models_of
from mmeplan.resources import Canonical, Resource
from mmeplan.resources.endpoint import meaning, model_stands_for, with_live_desires
from mmeplan.resources.endpoint_config import aligned_config, live_endpoint_config
from mmeplan.resources.identity import ADDRESS_TAG, DIGEST_TAG, FLEET_TAG, digest
from mmeplan.resources.model import aligned_model, live_model


@dataclass
class World:
    """The graph, the snapshot, and what the diff has found out so far.

    `needed` are addresses of models and configs whose desired object must exist after the apply. `bound` maps such an
    address to the live object that serves it already, whatever its name. `before` maps it to the generation that a
    swap leaves, `left` a config's to what that generation says, with the endpoint's live counts and weights. `running`
    maps an endpoint's address to the config it will run. `renamed` are the live names of endpoints that a physical
    rename deletes. `lost` maps a config in force that no longer exists to an endpoint that is to leave it.
    """

    graph: Graph
    snapshot: Snapshot
    needed: set[str] = field(default_factory=set)
    bound: dict[str, str] = field(default_factory=dict)
    before: dict[str, str] = field(default_factory=dict)
    left: dict[str, Canonical] = field(default_factory=dict)
    running: dict[str, str] = field(default_factory=dict)
    renamed: set[str] = field(default_factory=set)
    lost: dict[str, str] = field(default_factory=dict)

    @cached_property
    def declared_endpoints(self) -> frozenset[str]:
        """The physical names of all declared endpoints, in lower case: to SageMaker letter case makes no new name."""
        return frozenset(resource.physical_name.lower() for resource in self.graph.of_kind("endpoint"))

    def owns(self, live: LiveObject) -> bool:
        """Whether the object carries this fleet's tag."""
        return (live.tags or {}).get(FLEET_TAG) == self.graph.fleet.name

    def address_of(self, live: LiveObject) -> str:
        """The address an owned object belongs to, `renamed_from` followed."""
        tagged = (live.tags or {}).get(ADDRESS_TAG, "")
        return self.graph.moved.get(tagged, tagged)

    def owned(self, kind: str) -> tuple[LiveObject, ...]:
        """All live objects of a kind that carry the fleet's tag, by name."""
        return self._owned.get(kind, ())

    def owned_at(self, kind: str, at: str) -> tuple[LiveObject, ...]:
        """The owned objects that belong to an address, by name."""
        return self._owned_at.get((kind, at), ())

    @cached_property
    def _owned(self) -> Mapping[str, tuple[LiveObject, ...]]:
        return {kind: tuple(filter(self.owns, self.snapshot.present(kind))) for kind in self.snapshot.objects}

    @cached_property
    def _owned_at(self) -> Mapping[tuple[str, str], tuple[LiveObject, ...]]:
        made: dict[tuple[str, str], tuple[LiveObject, ...]] = {}
        for kind, owned in self._owned.items():
            for live in owned:
                key = (kind, self.address_of(live))
                made[key] = (*made.get(key, ()), live)
        return made

    def models_in(self, config_name: str) -> frozenset[str]:
        """The names of the models that a config refers to: as it is live, and as it is declared.

        Under a pinned name a live one may refer to other models of the same content: there what is live counts.
        """
        live = self.snapshot.get("endpoint_config", config_name)
        described = models_of(live.describe) if live is not None and live.status == "present" else []
        declared = self._declared_configs.get(config_name)
        if declared is None or (described and declared.pinned):
            return frozenset(described)
        return frozenset((*described, *(reference.name for reference in declared.references)))

    @cached_property
    def _declared_configs(self) -> Mapping[str, Resource]:
        return {config.physical_name: config for config in self.graph.of_kind("endpoint_config")}

    def claimant(self, resource: Resource, live: LiveObject) -> str:
        """The address that a live model or config belongs to, where several declared ones have come to share it.

        The one that its tag names, else the one whose name it bears, else the first. Only that one sets its tags.
        """
        sharing = self._sharing.get((live.kind, live.name)) or {resource.address: live.name}
        tagged = self.address_of(live)
        if tagged in sharing:
            return tagged
        return min(sharing, key=lambda at: (sharing[at] != live.name, at))

    @cached_property
    def _sharing(self) -> Mapping[tuple[str, str], dict[str, str]]:
        """(kind, live name) → the addresses that it serves, with their own names. Complete once endpoints were seen."""
        sharing: dict[tuple[str, str], dict[str, str]] = {}
        for resource in self.graph.resources.values():
            bound = self.bound.get(resource.address, "")
            name = bound if bound and resource.address not in self.needed else resource.physical_name
            sharing.setdefault((resource.kind, name), {})[resource.address] = resource.physical_name
        return sharing

    def config_of(self, endpoint: Resource) -> Resource | None:
        """The fleet's config that an endpoint is to run; None where it lies outside the fleet."""
        at = endpoint.config
        return self.graph.resources[at] if at else None

    def has_twins(self, config: Resource) -> bool:
        """Whether the fleet has live models, under other names, that say the same as those of a config."""
        declared = {model.physical_name: model for model in self.graph.of_kind("model")}
        wanted = [self.graph.resources[reference.address] for reference in config.references if reference.address]
        others = [live for live in self.owned("model") if live.name not in {model.physical_name for model in wanted}]

        def says(live: LiveObject, model: Resource) -> bool:
            content = declared[live.name].content if live.by_digest else self.live_model_content(model, live)
            return content == model.content

        return any(says(live, model) for live in others for model in wanted)

    def need(self, config: Resource) -> None:
        """Mark a config, and the models that it refers to, as objects that must exist."""
        self.needed.add(config.address)
        self.needed.update(reference.address for reference in config.references if reference.address)

    def bind(self, at: str, name: str) -> None:
        """Note that a live object serves an address; of several, the one of its own name, else one tagged with it."""
        known = self.bound.get(at)
        if known is None or self._fit(at, name) < self._fit(at, known):
            self.bound[at] = name

    def _fit(self, at: str, name: str) -> tuple[bool, bool, str]:
        resource = self.graph.resources[at]
        live = self.snapshot.get(resource.kind, name)
        return name != resource.physical_name, live is None or self.address_of(live) != at, name

    # --- the live side --------------------------------------------------------------------------------------------

    def live_config_content(self, config: Resource, live: LiveObject) -> Canonical:
        """The canonical content of the config that is live, aligned with the one that is wanted."""
        if live.by_digest:
            return config.content
        return aligned_config(config.content, live_endpoint_config(dict(live.describe)))

    def live_model_content(self, model: Resource, live: LiveObject) -> Canonical:
        """The canonical content of a live model, aligned with the one that is wanted."""
        if live.by_digest:
            return model.content
        return aligned_model(model.content, live_model(dict(live.describe)))

    def live_meaning(self, config: Resource, endpoint: LiveObject, live_config: LiveObject) -> Canonical:
        """What the endpoint means now, in the terms of what it is to mean."""
        wanted = {reference.path: reference for reference in config.references}
        content = with_live_desires(self.live_config_content(config, live_config), endpoint.describe)

        def model_of(path: tuple[str | int, ...], name: str) -> Any:
            reference = wanted.get(path)
            if reference is None or reference.address is None:
                return name
            return self._live_model_stands_for(self.graph.resources[reference.address], name)

        return meaning(content, model_of, config.autoscaled)

    def _live_model_stands_for(self, model: Resource, live_name: str) -> Any:
        live = self.snapshot.get("model", live_name)
        gone = live is None or live.status == "absent"  # deleted behind our back: what is made again is what is wanted
        if live_name == model.physical_name and (gone or not model.pinned):
            return model_stands_for(model.content, model.entry.replace_salt)
        if live is None or live.status != "present":
            return live_name
        content = self.live_model_content(model, live)
        salt = model.entry.replace_salt
        if salt is not None and (live.tags or {}).get(DIGEST_TAG) != digest("model", content, salt):
            salt = None
        return model_stands_for(content, salt)

    def live_models(self, config: Resource, live_config: LiveObject) -> list[tuple[str, str]]:
        """(Model address, name of the live model in its place), for a live config held against the wanted one.

        An address may stand there several times: a model may be wanted at places where equal ones of two names are.
        """
        if live_config.by_digest or (live_config.name == config.physical_name and not config.pinned):
            return [(r.address, r.name) for r in config.references if r.address]
        by_path: dict[tuple[str | int, ...], str] = {}
        content = live_endpoint_config(dict(live_config.describe))
        for member in ("ProductionVariants", "ShadowProductionVariants"):
            for name, variant in content.get(member, {}).items():
                by_path[(member, name, "ModelName")] = variant.get("ModelName", "")
                for index, pool in enumerate(variant.get("InstancePools", ())):
                    path = (member, name, "InstancePools", index, "ModelNameOverride")
                    by_path[path] = pool.get("ModelNameOverride", "")
        return [(r.address, by_path[r.path]) for r in config.references if r.address and by_path.get(r.path)]
