"""The inputs of a comparison: desired graph and snapshot, with what is live put into the terms of what is wanted."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mmeplan.aws.variants import models
from mmeplan.canonical import Canonical
from mmeplan.identity import DIGEST_TAG, digest
from mmeplan.kinds import ENDPOINT_CONFIG, MODEL, Resource, kind_named
from mmeplan.kinds.endpoint import (
    meaning,
    model_stands_for,
    with_live_desires,
    without_unwritten_concurrency,
)
from mmeplan.live import LiveEndpoint, LiveObject, Ownership

ApiPath = tuple[str | int, ...]


@dataclass(frozen=True)
class Inputs(Ownership):
    """What a diff holds against each other. A listed object (`by_digest`) has what the file declares under its name."""

    @cached_property
    def configs_that_run(self) -> frozenset[str]:
        """The names of the configs that live endpoints run, or are on their way to."""
        return frozenset(name for live in self.snapshot.endpoints() if live.is_present for name in live.configs)

    def live_content(self, live: LiveObject) -> Canonical:
        """The canonical content of a live object."""
        declared = self.graph.declared(live.kind, live.name) if live.by_digest else None
        return declared.content if declared else kind_named(live.kind).content(live.describe)

    def aligned_content(self, resource: Resource, live: LiveObject) -> Canonical:
        """The content of a live object, without what the service filled in because `resource` left it open."""
        if live.by_digest and live.name == resource.physical_name:
            return resource.content
        return kind_named(live.kind).aligned(resource.content, self.live_content(live))

    def serving_content(self, config: Resource, live: LiveEndpoint, live_config: LiveObject) -> Canonical:
        """The content of the config in force, with the endpoint's live counts and weights for the initial ones."""
        return with_live_desires(self.aligned_content(config, live_config), live.describe)

    def live_meaning(self, config: Resource, live: LiveEndpoint, live_config: LiveObject) -> Canonical:
        """What the endpoint means now, in the terms of what it is to mean."""
        wanted = {reference.path: reference.address for reference in config.references}

        def model_of(path: ApiPath, name: str) -> Any:
            at = wanted.get(path)
            return self._live_model_stands_for(self.graph.resources[at], name) if at else name

        own = self.aligned_content(config, live_config)
        serving = without_unwritten_concurrency(self.serving_content(config, live, live_config), own, config.content)
        return meaning(serving, model_of, config.counts_of_others)

    def _live_model_stands_for(self, model: Resource, live_name: str) -> Any:
        live = self.snapshot.model(live_name)
        salt = model.entry.replace_salt
        is_gone = live is None or live.status == "absent"  # it is created again as what is wanted
        if live_name == model.physical_name and (is_gone or not model.pinned):
            return model_stands_for(model.content, salt)
        if live is None or not live.is_present:
            return live_name
        content = self.aligned_content(model, live)
        if salt is not None and live.tag(DIGEST_TAG) != digest(MODEL.name, content, salt):
            salt = None
        return model_stands_for(content, salt)

    def models_in(self, config_name: str) -> frozenset[str]:
        """The names of the models that a config refers to: as it is live, and as it is declared.

        Under a pinned name a live one may refer to other models of the same content: there what is live counts.
        """
        live = self.snapshot.endpoint_config(config_name)
        described = live.models if live is not None and live.is_present else ()
        declared = self.graph.declared(ENDPOINT_CONFIG.name, config_name)
        if declared is None or (described and declared.pinned):
            return frozenset(described)
        return frozenset((*described, *(reference.name for reference in declared.references)))

    def serving_models(self, config: Resource, live_config: LiveObject) -> tuple[tuple[str, str], ...]:
        """(Model address, name of the live model in its place), for a live config held against the wanted one.

        An address may stand there several times: a model may be wanted at places where equal ones of two names are.
        """
        if live_config.name == config.physical_name and (live_config.by_digest or not config.pinned):
            return tuple((r.address, r.name) for r in config.references if r.address)
        by_path = dict(models(self.live_content(live_config)))
        return tuple((r.address, by_path[r.path]) for r in config.references if r.address and by_path.get(r.path))

    def has_equal_models(self, config: Resource) -> bool:
        """Whether the fleet has live models, under other names, with the content of those of a config."""
        wanted = [self.graph.resources[reference.address] for reference in config.references if reference.address]
        names = {model.physical_name for model in wanted}
        return any(
            self.aligned_content(model, live) == model.content
            for live in self.owned(MODEL.name)
            if live.name not in names
            for model in wanted
        )
