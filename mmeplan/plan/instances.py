"""How many instances of each type an endpoint has: now, while each of its steps runs, and after it.

In: what Describe said, desired configs, and the steps. Out: `Job`s, one for each endpoint that changes, and the
instances of all endpoints now. Not counted: what an autoscaler adds meanwhile, the rollback of a rolling deployment,
and endpoints that the file neither declares nor owns. Of instance pools each type counts with the most that it may have
(`pools`).
DescribeEndpoint names no types: where the config in force is gone, a variant's instances are taken for those that the
file has it on.
Sources: deployment guardrails (blue/green: the whole new fleet beside the old one; rolling: a batch at a time);
botocore UpdateEndpointInput.RetainAllVariantProperties, ProductionVariantSummary.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any, Final

from mmeplan.aws.lifecycle import CREATING, FAILED
from mmeplan.aws.variants import KEYED, not_retained
from mmeplan.canonical import Canonical
from mmeplan.diff.inputs import Inputs
from mmeplan.graph import Graph
from mmeplan.kinds import ENDPOINT, ENDPOINT_CONFIG
from mmeplan.kinds.endpoint_config import launched_count
from mmeplan.live import LiveEndpoint, LiveVariant, Snapshot
from mmeplan.plan.pools import Held, Pool, kinds_of, launched
from mmeplan.plan.rollout import batches_of, deployment_by, moved_by, waits_s
from mmeplan.plan.step import EndpointNameIsFree, Step

UNKNOWN: Final = "unknown"
"""Stands for the type of instances of which nobody says what they are."""

Levels = Mapping[str, int]
"""Instance type, or ARN of a capacity reservation, → instances."""


def reservation_name(arn: str) -> str:
    """What a capacity reservation is called: the last part of its ARN."""
    return arn.rpartition("/")[2] or arn


_Fleet = dict[tuple[str, str], Held]
"""(member, variant) → its instances. A variant without any at the moment has the number 0."""


@dataclass(frozen=True, slots=True)
class Side:
    """An endpoint at one moment: its fleets, and the content of the config that it runs, empty where it isn't known."""

    fleets: tuple[_Fleet, ...]
    content: Canonical


LAUNCH_S: Final = 600  # about what a fleet takes to come up; it is held against the waits of rollouts, no more
_OLD: Final = 2  # the fleets that an endpoint may have before the plan: what serves, and what an update brings up

ENDPOINT_STEPS: Final = frozenset(ENDPOINT.operations)


@dataclass(frozen=True, slots=True)
class Job:
    """What the plan does to one endpoint, as instances.

    `idle` is the most it has whenever none of its steps runs, whatever has failed by then; `running` the most it ever
    has. `first` and `last` are the ids of its steps. `removes`: it is only deleted. `seconds` is about how long it
    lasts: launches, and what its rollouts wait. All levels are the most that may be of a type; `least_before` and
    `least_after` are the least.
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
    least_before: Levels = field(default_factory=dict)
    least_after: Levels = field(default_factory=dict)


class Counting:
    """Counts the instances of one plan. The configs' contents are looked up, never copied."""

    def __init__(self, graph: Graph, snapshot: Snapshot) -> None:
        self.graph = graph
        self.snapshot = snapshot
        self.inputs = Inputs(graph, snapshot)
        self.desired = {resource.physical_name: resource for resource in graph.of_kind(ENDPOINT_CONFIG.name)}

    def endpoints(self) -> Iterator[LiveEndpoint]:
        """The live endpoints that count: those that the file declares, and those that it owns."""
        declared = self.inputs.declared_endpoints
        return (live for live in self.snapshot.endpoints() if live.name.lower() in declared or self.inputs.owns(live))

    def now(self) -> tuple[dict[str, int], dict[str, int]]:
        """Instances of all endpoints that count: the most that it may be of each type, and the least."""
        most: dict[str, int] = {}
        least: dict[str, int] = {}
        for live in self.endpoints():
            fleets = self._live(live), self._pending(live)
            _add(most, _levels(*fleets))
            _add(least, _least(*fleets))
        return most, least

    def assumed(self) -> dict[str, int]:
        """Those of `now` whose type isn't known, by the type that they are taken for."""
        total: dict[str, int] = {}
        for live in self.endpoints():
            for fleet in (self._live(live), self._pending(live)):
                _add(total, _levels({at: held for at, held in fleet.items() if held.assumed}))
        return total

    def rooms(self) -> dict[str, int]:
        """What the fleet may have of each capacity reservation that a live variant runs on: what is free, and its own.

        Source: botocore ProductionVariantCapacityReservationSummary.
        """
        free: dict[str, int] = {}
        own: dict[str, int] = {}
        for live in self.endpoints():
            used: dict[str, int] = {}
            for variant in (*live.variants, *live.shadow_variants):
                seen = variant.reservation
                if seen is not None and seen.available is not None:
                    free[seen.arn] = min(seen.available, free.get(seen.arn, seen.available))
                    used[seen.arn] = max(seen.used or 0, used.get(seen.arn, 0))
            for arn, count in used.items():
                own[arn] = own.get(arn, 0) + count
        return {arn: count + own.get(arn, 0) for arn, count in free.items()}

    def jobs(self, steps: Iterable[Step]) -> list[Job]:
        """One job for each endpoint with a step of its own, in the order of their first steps."""
        own: dict[str, list[Step]] = {}
        for step in steps:
            if step.operation in ENDPOINT_STEPS:
                own.setdefault(step.address, []).append(step)
        return [self._job(address, steps) for address, steps in own.items()]

    def sides(self, steps: Iterable[Step]) -> Iterator[tuple[Side, Side]]:
        """What each endpoint that counts is now, and after these steps; those without a step, too."""
        own: dict[str, list[Step]] = {}
        for step in steps:
            if step.operation in ENDPOINT_STEPS:
                own.setdefault(str(step.params.get("EndpointName")), []).append(step)
        for live in self.endpoints():
            yield self._sides(live, own.pop(live.name, []))
        for new in own.values():
            yield self._sides(None, new)

    def _sides(self, live: LiveEndpoint | None, steps: list[Step]) -> tuple[Side, Side]:
        here = [self._live(live), self._pending(live)] if live else []
        content = (self._in_force(live.config) or {}) if live and live.endpoint_status != FAILED else {}
        now = after = Side(tuple(here), content)
        for step in steps:
            _, here = self._step(step, here, live)
            if "EndpointConfigName" in step.params:
                content = self._wanted(str(step.params["EndpointConfigName"]))
            elif step.operation == "DeleteEndpoint":
                content = {}
            after = Side(tuple(here), content)
        return now, after

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
        seconds = sum(LAUNCH_S + waits_s(deployment_by(step.params, old)) for step in steps)
        least = _least(live, pending), _least(*here)
        return Job(address, steps[0].id, steps[-1].id, before, _levels(*here), idle, running, removes, seconds, *least)

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
            new = _fleet(self._wanted(str(step.params["EndpointConfigName"])))
            deleting = isinstance(step.guard, EndpointNameIsFree) and step.guard.wait_until_gone
            here = [] if deleting else here
            return _levels(*here, new), [*here, new]
        if step.operation == "DeleteEndpoint":
            return _levels(*here), here[_OLD:]  # what was created beside it stays
        if step.operation == "UpdateEndpoint":
            if live is not None and live.pending_config == step.params["EndpointConfigName"]:
                return _levels(*here), here[-1:]  # this very update is under way: it is joined
            new = _launched(self._wanted(str(step.params["EndpointConfigName"])), _merged(here), step.params)
            during: dict[str, int] = {}
            for old in here:  # an update under way ends first, with either of its fleets
                _raise_to(during, _beside(old, new, deployment_by(step.params, live)))
            return during, [new]
        if step.operation == "UpdateEndpointWeightsAndCapacities":
            here = [_merged(here)]
            new = _rescaled(here[0], step.params["DesiredWeightsAndCapacities"])
            return _levels(new), [new]  # some counts grow, or some shrink: never both in a step
        return _levels(*here), [next(fleet for fleet in (*reversed(here), {}) if fleet or not any(here))]

    # --- what is there ------------------------------------------------------------------------------------------------

    def _wanted(self, name: str) -> Canonical:
        """The content of a config that a step leads to: the file's, else the live one's; empty if neither is known."""
        if name in self.desired:
            return self.desired[name].content
        return self._in_force(name) or {}

    def _in_force(self, name: str) -> Canonical | None:
        """The content of a config that is live; None where nobody knows it.

        One that is gone, or was listed only, holds what the file declares under its name, unless the name is pinned.
        """
        seen, declared = self.snapshot.get(ENDPOINT_CONFIG.name, name), self.desired.get(name)
        if seen is not None and seen.is_present and not seen.by_digest:
            return ENDPOINT_CONFIG.content(seen.describe)
        listed = seen is not None and seen.is_present
        return declared.content if declared is not None and (listed or not declared.pinned) else None

    def _file_of(self, live: LiveEndpoint) -> Canonical:
        """What the file has a live endpoint run; empty where it declares none."""
        by_name = self.graph.declared(ENDPOINT.name, live.name)
        endpoint = by_name or self.graph.resources.get(self.inputs.address_of(live))
        config = self.inputs.config_of(endpoint) if endpoint is not None else None
        return config.content if config is not None else {}

    def _live(self, live: LiveEndpoint) -> _Fleet:
        """The fleet that serves. One that is being created may not be shown yet; a Failed endpoint has none."""
        if live.endpoint_status == FAILED:
            return {}
        content = self._in_force(live.config)
        if live.endpoint_status == CREATING and not live.variants:
            return {} if live.has_pending_deployment else _fleet(content or self._file_of(live))
        return self._shown(live, (live.variants, live.shadow_variants), content)

    def _pending(self, live: LiveEndpoint) -> _Fleet:
        """The fleet that an update under way brings up beside it."""
        shown = (live.pending_variants, live.pending_shadow_variants)
        return self._shown(live, shown, self._in_force(live.pending_config))

    def _shown(self, live: LiveEndpoint, shown: Sequence[Sequence[LiveVariant]], content: Canonical | None) -> _Fleet:
        """The fleet of live variants: their counts, with the types of the config."""
        fleet: _Fleet = {}
        for member, variants in zip(KEYED, shown, strict=True):
            for variant in variants:
                counts = [count for count in (variant.current_count, variant.desired_count) if count is not None]
                said = (content or {}).get(member, {}).get(variant.name, {})
                held = self._typed(live, member, variant, said, max(counts, default=0), known=content is not None)
                if counts and held is not None:
                    fleet[member, variant.name] = held
        return fleet

    def _typed(
        self, live: LiveEndpoint, member: str, variant: LiveVariant, said: Canonical, count: int, *, known: bool
    ) -> Held | None:
        """A live variant's instances; None where it has none."""
        reservation = variant.reservation.arn if variant.reservation else _reservation(said)
        kinds = kinds_of(said) or ((variant.instance_type,) if variant.instance_type else ())
        if variant.pools:
            return _running(variant, kinds, count, reservation)
        if kinds:
            return Held(count, launched(kinds, count), reservation)
        if known or variant.is_serverless:
            return None
        wanted = self._file_of(live).get(member, {})
        every = {kinds_of(item) for item in wanted.values()}
        own = kinds_of(wanted.get(variant.name, {})) or (every.pop() if len(every) == 1 else ()) or (UNKNOWN,)
        return Held(count, launched(own, count), reservation, assumed=True)


def _reservation(variant: Canonical) -> str:
    """The ARN of the capacity reservation of a variant of a config; empty where it has none."""
    return str((variant.get("CapacityReservationConfig") or {}).get("MlReservationArn") or "")


def _running(variant: LiveVariant, kinds: Sequence[str], count: int, reservation: str) -> Held:
    """The instances of a live variant on pools; those that are still to come may be of any type."""
    places = {kind: place for place, kind in enumerate(kinds)}
    pools = sorted(variant.pools, key=lambda pool: places.get(pool[0], len(places)))
    held = Held(sum(number for _, number in pools), tuple(Pool(kind, number, number) for kind, number in pools))
    return held.rescaled(max(count, held.number))._replace(reservation=reservation)


def _fleet(content: Canonical) -> _Fleet:
    """The fleet that a config launches."""
    fleet: _Fleet = {}
    for member in KEYED:
        for name, variant in content.get(member, {}).items():
            kinds = kinds_of(variant)
            if kinds and "ServerlessConfig" not in variant:
                count = launched_count(variant)
                fleet[member, name] = Held(count, launched(kinds, count), _reservation(variant))
    return fleet


def _launched(content: Canonical, old: _Fleet, params: Mapping[str, Any]) -> _Fleet:
    """The fleet that an UpdateEndpoint launches: with the live counts, where it retains them."""
    new = _fleet(content)
    if not params.get("RetainAllVariantProperties") or "DesiredInstanceCount" in not_retained(params):
        return new
    return {place: held.launched(old.get(place, held).number) for place, held in new.items()}


def _rescaled(fleet: _Fleet, desires: Iterable[Mapping[str, Any]]) -> _Fleet:
    new = dict(fleet)
    for item in desires:
        for place in ((member, str(item["VariantName"])) for member in KEYED):
            if place in new and item.get("DesiredInstanceCount") is not None:
                new[place] = new[place].rescaled(int(item["DesiredInstanceCount"]))
    return new


def _beside(old: _Fleet, new: _Fleet, deployment: Mapping[str, Any]) -> Levels:
    """The most of each type while `new` takes the place of `old`: both whole, or batch by batch.

    Guardrails fall back to both whole where variants come, go or are inf1. Source: deployment-guardrails-exclusions.
    """
    size = (deployment.get("RollingUpdatePolicy") or {}).get("MaximumBatchSize")
    whole = not size or old.keys() != new.keys() or _on_inf1(new)
    if whole or not size:
        return _levels(old, new)
    most: dict[str, int] = {}
    for batch in range(1, batches_of(size, [held.number for held in new.values()]) + 1):
        here = (
            {at: held.part(ceil(held.number * moved_by(size, held.number, batch))) for at, held in new.items()},
            {
                at: held.part(ceil(held.number * (1 - moved_by(size, new[at].number, batch - 1))))
                for at, held in old.items()
            },
        )
        _raise_to(most, _levels(*here))
    return most


def _on_inf1(fleet: _Fleet) -> bool:
    return any(kind.startswith("ml.inf1.") for held in fleet.values() for kind in held.kinds())


def _merged(fleets: Iterable[_Fleet]) -> _Fleet:
    """Fleets as one, the later one's variants in place of those of equal name: what an update under way leads to."""
    return {at: held for fleet in fleets for at, held in fleet.items()}


def _levels(*fleets: _Fleet) -> dict[str, int]:
    """The most instances of each type, and of each capacity reservation."""
    total: dict[str, int] = {}
    for fleet in fleets:
        for held in fleet.values():
            _add(total, dict(held.most()))
    return total


def _least(*fleets: _Fleet) -> dict[str, int]:
    """The least instances of each type, and of each capacity reservation."""
    total: dict[str, int] = {}
    for fleet in fleets:
        for held in fleet.values():
            for kind, number in held.least():
                _add(total, {kind: number})
    return total


def _add(total: dict[str, int], levels: Levels) -> None:
    for kind, count in levels.items():
        total[kind] = total.get(kind, 0) + count


def _raise_to(most: dict[str, int], levels: Levels) -> None:
    for kind, count in levels.items():
        if count > most.get(kind, 0):
            most[kind] = count
