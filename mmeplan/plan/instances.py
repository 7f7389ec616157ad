"""How many instances of each type an endpoint has: now, while each of its steps runs, and after it.

In: what Describe said, desired configs, and the steps. Out: `Job`s, one for each endpoint that changes, and the
instances of all endpoints now. Not counted: what an autoscaler adds meanwhile, the rollback of a rolling deployment,
instance pools (SageMaker chooses among their types), and endpoints that the snapshot doesn't hold.
Sources: deployment guardrails (blue/green: the whole new fleet beside the old one; rolling: a batch at a time);
botocore UpdateEndpointInput.RetainAllVariantProperties, ProductionVariantSummary.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mmeplan.aws.lifecycle import CREATING, FAILED
from mmeplan.aws.variants import KEYED
from mmeplan.graph import Graph
from mmeplan.live import LiveEndpoint, LiveVariant, Snapshot
from mmeplan.plan.rollout import waits_s
from mmeplan.plan.step import KIND_OF, EndpointNameIsFree, Step
from mmeplan.resources.canonical import Canonical
from mmeplan.resources.endpoint_config import live_endpoint_config

Levels = Mapping[str, int]
"""Instance type → instances."""

_Fleet = dict[tuple[str, str], tuple[str, int]]
"""(member, variant) → its instance type and count."""

LAUNCH_S: Final = 600  # about what a fleet takes to come up; it is held against the waits of rollouts, no more
_OLD: Final = 2  # the fleets that an endpoint may have before the plan: what serves, and what an update brings up

ENDPOINT_STEPS: Final = frozenset(operation for operation, kind in KIND_OF.items() if kind == "endpoint")


@dataclass(frozen=True, slots=True)
class Job:
    """What the plan does to one endpoint, as instances.

    `idle` is the most it has whenever none of its steps runs, whatever has failed by then; `running` the most it ever
    has. `first` and `last` are the ids of its steps. `removes`: it is only deleted. `seconds` is about how long it
    lasts: launches, and what its rollouts wait.
    """

    address: str
    first: str
    last: str
    before: Levels
    after: Levels
    idle: Levels
    running: Levels
    removes: bool = False
    seconds: int = LAUNCH_S


class Counting:
    """Counts the instances of one plan. The configs' contents are looked up, never copied."""

    def __init__(self, graph: Graph, snapshot: Snapshot) -> None:
        self.graph = graph
        self.snapshot = snapshot
        self.desired = {
            resource.physical_name: resource.content
            for resource in graph.resources.values()
            if resource.kind == "endpoint_config"
        }

    def now(self) -> Counter[str]:
        """Instances of all endpoints of the snapshot."""
        total: Counter[str] = Counter()
        for live in self.snapshot.endpoints():
            _add(total, self._live(live).values())
            _add(total, self._pending(live).values())
        return total

    def jobs(self, steps: Iterable[Step]) -> list[Job]:
        """One job for each endpoint with a step of its own, in the order of their first steps."""
        own: dict[str, list[Step]] = {}
        for step in steps:
            if step.operation in ENDPOINT_STEPS:
                own.setdefault(step.address, []).append(step)
        return [self._job(address, steps) for address, steps in own.items()]

    # --- one endpoint -------------------------------------------------------------------------------------------------

    def _job(self, address: str, steps: list[Step]) -> Job:
        old = self._live_of(steps)
        live = self._live(old) if old else {}
        pending = self._pending(old) if old else {}
        before = _levels(live, pending)
        idle, running = dict(before), dict(before)
        here: list[_Fleet] = [live, pending]  # the fleets that run, the oldest first
        for step in steps:
            during, here = self._step(step, here, old)
            _raise_to(running, during)
            _raise_to(running, _levels(*here))
            _raise_to(idle, _levels(*here))
        removes = all(step.operation == "DeleteEndpoint" for step in steps)
        seconds = sum(LAUNCH_S + waits_s(_deployment(step.params, old)) for step in steps)
        return Job(address, steps[0].id, steps[-1].id, before, _levels(*here), idle, running, removes, seconds)

    def _live_of(self, steps: list[Step]) -> LiveEndpoint | None:
        """The endpoint that is there before the first step."""
        for step in steps:
            live = self.snapshot.endpoint(str(step.params.get("EndpointName")))
            if live is not None and live.is_present:
                return live
        return None

    def _step(self, step: Step, here: list[_Fleet], live: LiveEndpoint | None) -> tuple[Levels, list[_Fleet]]:
        """The most that runs during a step, and the fleets that run after it."""
        if step.operation == "CreateEndpoint":
            new = _fleet(self._content(str(step.params["EndpointConfigName"])))
            deleting = isinstance(step.guard, EndpointNameIsFree) and step.guard.wait_until_gone
            here = [] if deleting else here
            return _levels(*here, new), [*here, new]
        if step.operation == "DeleteEndpoint":
            return _levels(*here), here[_OLD:]  # what was created beside it stays
        if step.operation == "UpdateEndpoint":
            if live is not None and live.pending_config == step.params["EndpointConfigName"]:
                return _levels(*here), here[-1:]  # this very update is under way: it is joined
            new = _launched(self._content(str(step.params["EndpointConfigName"])), _merged(here), step.params)
            during: dict[str, int] = {}
            for old in here:  # an update under way ends first, with either of its fleets
                _raise_to(during, _beside(old, new, _deployment(step.params, live)))
            return during, [new]
        if step.operation == "UpdateEndpointWeightsAndCapacities":
            here = [_merged(here)]
            new = _rescaled(here[0], step.params["DesiredWeightsAndCapacities"])
            return _levels(new), [new]  # some counts grow, or some shrink: never both in a step
        return _levels(*here), [next(fleet for fleet in (*reversed(here), {}) if fleet or not any(here))]

    # --- what is there ------------------------------------------------------------------------------------------------

    def _content(self, name: str) -> Canonical:
        """The content of a config: the file's, else the live one's; empty where neither is known."""
        if name in self.desired:
            return self.desired[name]
        seen = self.snapshot.get("endpoint_config", name)
        if seen is None or seen.status != "present" or seen.by_digest:
            return {}
        return live_endpoint_config(dict(seen.describe))

    def _live(self, live: LiveEndpoint) -> _Fleet:
        """The fleet that serves. One that is being created may not be shown yet; a Failed endpoint has none."""
        if live.endpoint_status == FAILED:
            return {}
        content = self._content(live.config)
        if live.endpoint_status == CREATING and not live.variants:
            return {} if live.has_pending_deployment else _fleet(content)
        return _shown(live.variants, live.shadow_variants, content)

    def _pending(self, live: LiveEndpoint) -> _Fleet:
        """The fleet that an update under way brings up beside it."""
        return _shown(live.pending_variants, live.pending_shadow_variants, self._content(live.pending_config))


def _shown(production: Sequence[LiveVariant], shadow: Sequence[LiveVariant], content: Canonical) -> _Fleet:
    """The fleet of live variants: their counts, with the types of the config."""
    fleet: _Fleet = {}
    for member, variants in zip(KEYED, (production, shadow), strict=True):
        types = content.get(member, {})
        for variant in variants:
            instance_type = types.get(variant.name, {}).get("InstanceType")
            count = max(variant.current_count or 0, variant.desired_count or 0)
            if instance_type and count:
                fleet[member, variant.name] = (instance_type, count)
    return fleet


def _fleet(content: Canonical) -> _Fleet:
    """The fleet that a config launches."""
    fleet: _Fleet = {}
    for member in KEYED:
        for name, variant in content.get(member, {}).items():
            if variant.get("InstanceType") and "ServerlessConfig" not in variant:
                count = variant.get("InitialInstanceCount")
                if count is None:
                    count = (variant.get("ManagedInstanceScaling") or {}).get("MinInstanceCount") or 1
                fleet[member, name] = (variant["InstanceType"], int(count))
    return fleet


def _launched(content: Canonical, old: _Fleet, params: Mapping[str, Any]) -> _Fleet:
    """The fleet that an UpdateEndpoint launches: with the live counts, where it retains them."""
    new = _fleet(content)
    excluded = {item.get("VariantPropertyType") for item in params.get("ExcludeRetainedVariantProperties") or ()}
    if not params.get("RetainAllVariantProperties") or "DesiredInstanceCount" in excluded:
        return new
    return {place: (kind, old[place][1] if place in old else count) for place, (kind, count) in new.items()}


def _rescaled(fleet: _Fleet, desires: Iterable[Mapping[str, Any]]) -> _Fleet:
    new = dict(fleet)
    for item in desires:
        place = ("ProductionVariants", str(item["VariantName"]))
        if place in new and item.get("DesiredInstanceCount") is not None:
            new[place] = (new[place][0], int(item["DesiredInstanceCount"]))
    return new


def _deployment(params: Mapping[str, Any], live: LiveEndpoint | None) -> Mapping[str, Any]:
    given = params.get("DeploymentConfig")
    if given is None and params.get("RetainDeploymentConfig") and live is not None:
        given = live.last_deployment
    return given or {}


def _beside(old: _Fleet, new: _Fleet, deployment: Mapping[str, Any]) -> Levels:
    """The most of each type while `new` takes the place of `old`: both whole, or batch by batch.

    Guardrails fall back to both whole where variants come, go or are inf1. Source: deployment-guardrails-exclusions.
    """
    size = (deployment.get("RollingUpdatePolicy") or {}).get("MaximumBatchSize")
    whole = not size or old.keys() != new.keys() or any(kind.startswith("ml.inf1.") for kind, _ in new.values())
    if whole or not size:
        return _levels(old, new)
    largest = max((count for _, count in new.values()), default=1)
    part, of = int(size["Value"]), 100 if size["Type"] == "CAPACITY_PERCENT" else max(1, largest)
    most: dict[str, int] = {}
    for batch in range(1, -(-of // max(1, part)) + 1):
        here: Counter[str] = Counter()
        for kind, count in new.values():
            here[kind] += -(-count * min(of, part * batch) // of)
        for kind, count in old.values():
            here[kind] += -(-count * max(0, of - part * (batch - 1)) // of)
        _raise_to(most, here)
    return most


def _merged(fleets: Iterable[_Fleet]) -> _Fleet:
    """Fleets as one, the later one's variants in place of those of equal name: what an update under way leads to."""
    return {at: held for fleet in fleets for at, held in fleet.items()}


def _levels(*fleets: _Fleet) -> dict[str, int]:
    total: dict[str, int] = {}
    for fleet in fleets:
        for kind, count in fleet.values():
            total[kind] = total.get(kind, 0) + count
    return total


def _add(total: Counter[str], variants: Iterable[tuple[str, int]]) -> None:
    for kind, count in variants:
        total[kind] += count


def _raise_to(most: dict[str, int], levels: Levels) -> None:
    for kind, count in levels.items():
        if count > most.get(kind, 0):
            most[kind] = count
