"""What an apply of a plan can come to, measured: the other side of the plan's peak, which must be reached and not only
bound.

In: an account before the apply, and the plan. Out: the most instances of each type that some run of it has at once.
Runs differ in which updates fail and in which endpoints take long; they are chosen from what two runs have shown of
each endpoint alone: one in which nothing fails, and one in which every update does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import combinations
from typing import Any

from mmeplan.plan import Plan
from mmeplan.simulator.fleet import placed
from tests.simulation.world import World

Levels = dict[str, Counter[str]]
"""Endpoint → instance type → instances."""

LONG_S = 3000  # longer than all other endpoints of a run take together, and shorter than any patience
TRIES = 3  # runs for each type, the most promising first


@contextmanager
def copied(base: World) -> Iterator[World]:
    """The same account once more, to run something else on it."""
    with World() as twin:
        base.sim.store._db.backup(twin.sim.store._db)
        twin.sim.store._forget()
        twin.watching = False
        yield twin


def instances(world: World) -> Levels:
    """What each endpoint has at this moment: of a rolling update, the batches; of any other, both fleets whole."""
    now_us = world.sim.store.now_us()
    found: Levels = {}
    for endpoint in world._stored("endpoint"):
        body, pending = endpoint.body, endpoint.body["pending"]
        old, new = (_fleet(part, world.sim.faults.lacking) for part in (body, pending or {}))
        if pending and "RollingUpdatePolicy" in (pending["in_force"] or {}):
            phases = pending["phases"]
            phase = next((phase for phase in phases if now_us < phase["until_us"]), phases[-1])
            first_batch = phases[1]["new"][1]
            old, new = _part(old, phase["old"][1]), _part(new, max(phase["new"][1], first_batch))
        never_came_up = endpoint.status == "Deleting" and not body["fleet_id"]
        found[endpoint.name] = Counter() if endpoint.status == "Failed" or never_came_up else old + new
    return found


def in_all(world: World) -> Counter[str]:
    """What all endpoints have at this moment."""
    return sum(instances(world).values(), Counter())


def _fleet(part: Mapping[str, Any], lacking: Collection[str]) -> Counter[str]:
    config = part.get("config", {})
    variants = (*config.get("ProductionVariants", ()), *config.get("ShadowProductionVariants", ()))
    kinds = {variant["VariantName"]: variant.get("InstanceType") for variant in variants}
    total: Counter[str] = Counter()
    for summary in (*(part.get("variants") or ()), *(part.get("shadows") or ())):
        count = summary.get("DesiredInstanceCount", 0)
        if kinds[summary["VariantName"]]:
            total[kinds[summary["VariantName"]]] += count
        for pool in placed(summary["InstancePools"], count, lacking) if "InstancePools" in summary else ():
            total[pool["InstanceType"]] += pool["CurrentInstanceCount"]
    return total


def _part(fleet: Counter[str], part: float) -> Counter[str]:
    return Counter({kind: -(-round(count * part * 1_000_000) // 1_000_000) for kind, count in fleet.items()})


class Meter:
    """Reads what every endpoint has, whenever the engine reports something."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.most: Counter[str] = Counter()
        self.alone: Levels = {}
        world.events = self  # type: ignore[assignment]
        self.look()

    def append(self, _event: Any) -> None:
        self.look()

    def look(self) -> None:
        self.now = instances(self.world)
        for name, levels in self.now.items():
            self.alone[name] = self.alone.get(name, Counter()) | levels
        self.most |= sum(self.now.values(), Counter())


def run(base: World, made: Plan, failing: Iterable[str] = (), slow: Iterable[str] = ()) -> Meter:
    """One apply of the plan: these endpoints' updates fail, and these take long."""
    with copied(base) as world:
        for name in failing:
            world.sim.faults.fail_update(name, "alarm")
        for name in slow:
            world.sim.faults.slow(name, LONG_S, 3)
        meter = Meter(world)
        world.apply(made, parallelism=made.options.parallelism)
        world.does("ListEndpoints")
        meter.look()
        return meter


def reached(base: World, made: Plan, kinds: Iterable[str]) -> Counter[str]:
    """The most instances of each type that a run of the plan comes to."""
    before = instances(base)
    order = list(dict.fromkeys(str(s.params["EndpointName"]) for s in made.steps if "EndpointName" in s.params))
    calm, troubled = run(base, made), run(base, made, failing=order)
    most = calm.most | troubled.most
    for kind in kinds:

        def of(levels: Levels, name: str, kind: str = kind) -> int:
            return levels.get(name, Counter())[kind]

        failing = [name for name in order if of(troubled.now, name) > of(calm.now, name)]
        rest = {name: max(of(levels, name) for levels in (before, calm.now, troubled.now)) for name in order}
        high = {name: max(of(calm.alone, name), of(troubled.alone, name)) for name in order}
        guesses = []
        for place, name in enumerate(order):
            for slow in combinations(order[:place], min(place, made.options.parallelism - 1)):
                done = sum(rest[other] for other in order[:place] if other not in slow)
                later = sum(of(before, other) for other in order[place:])
                guesses.append((done + sum(high[other] for other in slow) + high[name] + later, slow))
        guesses.sort(key=lambda guess: -guess[0])
        for _, slow in guesses[:TRIES]:
            if most[kind] < _peak(made, kind):
                most |= run(base, made, failing, slow).most
    return most


def _peak(made: Plan, kind: str) -> int:
    assert made.capacity is not None
    return next((row.peak for row in made.capacity.types if row.instance_type == kind), 0)
