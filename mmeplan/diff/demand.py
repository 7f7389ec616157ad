"""What endpoints ask of models and configs: each endpoint's decision, folded into one demand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from mmeplan.aws.variants import not_retained
from mmeplan.canonical import Canonical
from mmeplan.diff.changes import Change, Drift
from mmeplan.diff.inputs import Inputs
from mmeplan.kinds import ENDPOINT_CONFIG, Resource
from mmeplan.live import LiveObject


@dataclass(frozen=True, slots=True)
class LeftGeneration:
    """The config that a swap leaves: its name, its content with the endpoint's live counts and weights, its models."""

    name: str
    content: Canonical
    models: tuple[tuple[str, str], ...]
    """(Model address, name of the live model in its place)."""


@dataclass(frozen=True, slots=True)
class EndpointDecision:
    """What becomes of one declared endpoint, and what follows for models and configs.

    `runs` is the config that it will run, empty where it stays as it is for now. `needs` is the config that must exist,
    with its models. `serves` are (address, live name) of configs and models that serve it already, whatever their
    names. `leaves` is the generation that a swap of `needs` leaves. `lost` names a config in force that no longer
    exists. `renamed` is the live name that a rename deletes.
    """

    endpoint: Resource
    change: Change
    drift: Drift | None = None
    runs: str = ""
    needs: Resource | None = None
    serves: tuple[tuple[str, str], ...] = ()
    leaves: LeftGeneration | None = None
    lost: str = ""
    renamed: str = ""


@dataclass(frozen=True)
class Demand:
    """All endpoints' decisions together.

    `needed` are addresses of models and configs whose desired object must exist after the apply. `serving` maps such an
    address to the live object that serves it already. `before` maps it to the generation that a swap leaves, `left` a
    config's to that generation's content. `running` maps an endpoint's address to the config it will run. `renamed`
    are the live names of endpoints that a rename deletes. `lost` maps a config in force that no longer exists to the
    endpoints that are to leave it. `resets` are configs of endpoints that come up with the file's counts, whoever owns
    them: because they are created again, or because the file says that an update retains nothing.
    """

    inputs: Inputs
    needed: frozenset[str]
    serving: Mapping[str, str]
    before: Mapping[str, str]
    left: Mapping[str, Canonical]
    running: Mapping[str, str]
    renamed: frozenset[str]
    lost: Mapping[str, tuple[str, ...]]
    resets: frozenset[str] = frozenset()

    def keeps_counts(self, config: Resource) -> bool:
        """Whether all endpoints that come to a config keep the counts that somebody else owns."""
        return config.address not in self.resets

    def owner_of_tags(self, resource: Resource, live: LiveObject) -> str:
        """The address whose tags a live model or config carries, where several declared ones have come to share it.

        The one that its tag names, else the one whose name it bears, else the first.
        """
        sharing = self._sharing.get((live.kind, live.name)) or {resource.address: live.name}
        tagged = self.inputs.address_of(live)
        return tagged if tagged in sharing else min(sharing, key=lambda at: (sharing[at] != live.name, at))

    @cached_property
    def _sharing(self) -> Mapping[tuple[str, str], Mapping[str, str]]:
        """(kind, live name) → the addresses that it serves, with their own names."""
        sharing: dict[tuple[str, str], dict[str, str]] = {}
        for resource in self.inputs.graph.resources.values():
            serving = self.serving.get(resource.address, "")
            name = serving if serving and resource.address not in self.needed else resource.physical_name
            sharing.setdefault((resource.kind, name), {})[resource.address] = resource.physical_name
        return sharing

    @cached_property
    def running_configs(self) -> frozenset[str]:
        """The names of the configs in force of all live endpoints, whoever owns them."""
        return frozenset(live.config for live in self.inputs.snapshot.endpoints())


def demand(inputs: Inputs, decisions: Iterable[EndpointDecision]) -> Demand:
    """The demand of all endpoints, and of the configs that no endpoint refers to. Of several claims the first holds."""
    graph = inputs.graph
    needs = [config for config in graph.of_kind(ENDPOINT_CONFIG.name) if not graph.dependents(config.address)]
    serving: dict[str, str] = {}
    before: dict[str, str] = {}
    left: dict[str, Canonical] = {}
    running: dict[str, str] = {}
    lost: dict[str, tuple[str, ...]] = {}
    renamed: set[str] = set()
    resets: set[str] = set()
    for decision in decisions:
        if decision.runs:
            running[decision.endpoint.address] = decision.runs
        if decision.needs:
            needs.append(decision.needs)
            if decision.change.action.creates or not keeps_counts(decision.endpoint):
                resets.add(decision.needs.address)
        for at, name in decision.serves:
            if at not in serving or _fit(inputs, at, name) < _fit(inputs, at, serving[at]):
                serving[at] = name
        if decision.leaves and decision.needs:
            at = decision.needs.address
            if before.setdefault(at, decision.leaves.name) == decision.leaves.name:
                left.setdefault(at, decision.leaves.content)
            for model_at, name in decision.leaves.models:
                live = inputs.snapshot.model(name)
                if live is not None and inputs.address_of(live) == model_at:
                    before.setdefault(model_at, name)
        if decision.lost:
            lost[decision.lost] = (*lost.get(decision.lost, ()), decision.endpoint.address)
        if decision.renamed:
            renamed.add(decision.renamed)
    needed = frozenset(at for config in needs for at in (config.address, *config.dependencies()))
    return Demand(inputs, needed, serving, before, left, running, frozenset(renamed), lost, frozenset(resets))


def keeps_counts(endpoint: Resource) -> bool:
    """Whether an update keeps the counts that aren't the file's: unless the file says that it retains nothing."""
    options = endpoint.update_options
    return options.get("RetainAllVariantProperties", True) is True and "DesiredInstanceCount" not in not_retained(
        options
    )


def _fit(inputs: Inputs, at: str, name: str) -> tuple[bool, bool, str]:
    """Of several objects that serve an address the least counts: of its own name, else tagged with it."""
    resource = inputs.graph.resources[at]
    live = inputs.snapshot.get(resource.kind, name)
    return name != resource.physical_name, live is None or inputs.address_of(live) != at, name
