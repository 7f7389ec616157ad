"""A wall clock that is set while an apply runs changes what is shown, and nothing else.

The same life, once with a clock that is right and then with one that steps by an hour, forward or back, at one of its
readings after the other: every call, pause and end must be the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from mmeplan.apply import FleetLock, LockOwner, lock_place
from mmeplan.engine import Engine, Planned
from mmeplan.errors import LockedError
from tests.simulation.world import REGION, World, fleet, model, one, variant

PLACE = lock_place("s3://acme-mmeplan/locks/f")
SMALL, LARGE = (one({"main": variant(instance_type=f"ml.m5.{size}")}) for size in ("large", "xlarge"))
HOUR = timedelta(hours=1)


class Stepping:
    """The world's clock, whose wall time is set at its `at`-th reading."""

    def __init__(self, world: World, at: int, by: timedelta) -> None:
        self.world, self.at, self.by = world, at, by
        self.readings = 0
        self.slept: list[float] = []

    def now(self) -> datetime:
        self.readings += 1
        return self.world.sim.clock.now() + (self.by if self.readings >= self.at > 0 else timedelta())

    def monotonic(self) -> float:
        return self.world.sim.clock.monotonic()

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.world.sim.clock.sleep(seconds)

    def uniform(self, low: float, high: float) -> float:
        return self.world.sim.clock.uniform(low, high)


def engine_of(world: World, clock: Stepping) -> Engine:
    for line in world.lines:
        line.now, line.monotonic, line.sleep = clock.now, clock.monotonic, clock.sleep
    return Engine(world.cloud, world.cloud, clock, REGION)


def held_by_another(world: World) -> FleetLock:
    since = world.sim.clock.now().isoformat()
    owner = LockOwner("bob@two (pid 2)", "f", "apply", since, since, token="bob")
    return FleetLock(PLACE, owner, world.foreigner, world.foreigner, world.sim.clock, unlock="unlock")


def refused_lock(world: World, engine: Engine) -> Iterator[Any]:
    """A lock that is waited for in vain, for two minutes."""
    another = held_by_another(world)
    another.acquire()
    with pytest.raises(LockedError), engine.locked(PLACE.url, "f", timeout_s=120):
        raise AssertionError("it is held")
    yield engine.clock.monotonic()
    another.release()


def swap(world: World, engine: Engine) -> Iterator[Any]:
    """A swap under a lock, that waits for somebody else first, deletes what it replaces, and is throttled."""
    with engine.locked(PLACE.url, "f") as lock:
        made = world.plan({**LARGE, "models": {"ranker": model("2")}, "retain": 0})
        change = {"VariantName": "main", "DesiredWeight": 2.0}
        world.does("UpdateEndpointWeightsAndCapacities", EndpointName="ranker", DesiredWeightsAndCapacities=[change])
        world.sim.faults.throttle("UpdateEndpoint", count=3)
        world.sim.faults.throttle("DescribeEndpoint", count=3)
        events: list[Any] = []
        outcome = engine.apply(Planned(made), observer=events.append, lock=lock)
        yield [(event.kind, event.step, event.detail, event.status) for event in events]
        yield outcome


def never_ends(world: World, engine: Engine) -> Iterator[Any]:
    """A swap that takes longer than anybody waits."""
    made = world.plan(LARGE)
    world.sim.faults.slow("ranker", 50 * 3600)
    events: list[Any] = []
    outcome = engine.apply(Planned(made), observer=events.append, poll_interval_s=3600)
    yield len(events)
    yield outcome


def destroyed(world: World, engine: Engine) -> Iterator[Any]:
    """Everything goes: scans of all references, which are looked at again when they are old."""
    events: list[Any] = []
    outcome = engine.apply(Planned(world.plan(fleet(models={}, retain=0))), observer=events.append)
    yield [(event.kind, event.step, event.detail) for event in events]
    yield outcome


def lived(deed: Any, at: int, by: timedelta) -> tuple[int, Any]:
    """How often the wall clock was read, and all that happened."""
    with World() as world:
        world.foreign_endpoint()
        world.live_through(SMALL)
        clock = Stepping(world, at, by)
        engine = engine_of(world, clock)
        told = list(deed(world, engine))
        calls = [(event.operation, event.subject, event.outcome) for event in world.sim.history()]
        return clock.readings, (told, calls, clock.slept, world.state())


@pytest.mark.parametrize("deed", [refused_lock, swap, never_ends, destroyed])
def test_a_clock_that_is_set_changes_nothing_but_what_is_shown(deed: Any) -> None:
    readings, right = lived(deed, 0, timedelta())
    assert readings
    for at in range(1, readings + 1, max(1, readings // 3)):
        for by in (HOUR, -HOUR):
            assert lived(deed, at, by)[1] == right, f"set by {by} at reading {at} of {readings}"
