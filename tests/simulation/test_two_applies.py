"""Two applies of one fleet at once, without a lock: one runs in the middle of the other, before every step in turn.

Neither may undo the other unseen: whoever says that the apply is complete was the last to change what it touched, or
both wanted the same. What serves is never hurt (the world's watcher looks after each call), and one more apply of
either file ends in what that file says. What is left is the moment between a guard's look and its call: that needs the
lock (docs/reliability.md).
"""

from __future__ import annotations

from typing import Any

import pytest

from mmeplan.apply import Outcome
from mmeplan.plan import Plan
from tests.simulation.world import Fleet, World, config, fleet, model, one, variant


def sized(size: str, version: str = "1", **more: Any) -> Fleet:
    return {**one({"main": variant(instance_type=f"ml.m5.{size}")}), "models": {"ranker": model(version)}, **more}


START = sized("large", retain=0)
MINE, THEIRS = sized("xlarge", "2", retain=0), sized("2xlarge", "3", retain=0)

PAIRS: dict[str, tuple[Fleet, Fleet, Fleet]] = {
    "two swaps": (START, MINE, THEIRS),
    "the same swap": (START, MINE, MINE),
    "a swap and a change of counts": (START, MINE, {**one({"main": variant(count=5)}), "retain": 0}),
    "a swap and the end": (START, MINE, fleet(models={}, retain=0)),
    "two creations": (fleet(models={}), MINE, THEIRS),
    "the same creation": (fleet(models={}), MINE, MINE),
    "a swap and a swap of a shared config": (
        fleet({name: {"config": "c"} for name in "xy"}, endpoint_configs={"c": config(main=variant())}),
        fleet(
            {name: {"config": "c"} for name in "xy"},
            endpoint_configs={"c": config(main=variant(instance_type="ml.m5.xlarge"))},
        ),
        fleet(
            {"x": {"config": "c"}, "y": {"config": config(main=variant(count=4))}},
            endpoint_configs={"c": config(main=variant())},
        ),
    ),
}


class Meddler:
    """Events of the first apply; before its n-th step the second one runs, from its plan to its end."""

    def __init__(self, world: World, second: Plan, number: int) -> None:
        self.world, self.second, self.left = world, second, number
        self.outcome: Outcome | None = None

    def append(self, event: Any) -> None:
        if event.kind != "started":
            return
        self.left -= 1
        if self.left == 0:
            mine, self.world.events = self.world.events, []
            written = len(self.world.written)
            self.outcome = self.world.apply(self.second) if self.second.applyable else None
            del self.world.written[written:]  # they were held against its own plan
            self.world.events = mine


def meddled(pair: tuple[Fleet, Fleet, Fleet], number: int, *, early: bool) -> tuple[World, Outcome, Outcome | None]:
    """The first apply with the second in its middle; `early`: both were planned before either began."""
    world = World()
    if pair[0]["endpoints"]:
        world.live_through(pair[0])
    mine = world.plan(pair[1])
    theirs = world.plan(pair[2]) if early else None
    meddler = Meddler(world, theirs or mine, number)
    if theirs is None:
        meddler = Late(world, pair[2], number)
    world.events = meddler  # type: ignore[assignment]
    return world, world.apply(mine), meddler.outcome


class Late(Meddler):
    """The second apply is planned when it runs: it sees what the first has done so far."""

    def __init__(self, world: World, text: Fleet, number: int) -> None:
        super().__init__(world, None, number)  # type: ignore[arg-type]
        self.text = text

    def append(self, event: Any) -> None:
        if event.kind == "started" and self.left == 1:
            self.second = self.world.plan(self.text)
        super().append(event)


def as_wanted(world: World, text: Fleet) -> bool:
    """Whether every endpoint of the file runs what the file says, and no other of the fleet is there."""
    return not [step for step in world.plan(text).steps if "Endpoint:" in step.id or "Capacities" in step.id]


@pytest.mark.parametrize("early", [True, False], ids=["planned before", "planned in between"])
@pytest.mark.parametrize("name", PAIRS)
def test_neither_undoes_the_other_unseen(name: str, early: bool) -> None:
    pair = PAIRS[name]
    with World() as world:
        if pair[0]["endpoints"]:
            world.live_through(pair[0])
        calls = len(world.plan(pair[1]).steps)
    for number in range(1, calls + 1):
        world, first, second = meddled(pair, number, early=early)
        with world:
            told = [result.detail for outcome in (first, second) if outcome for result in outcome.failed]
            told += [sentence for outcome in (first, second) if outcome for sentence in outcome.unverified]
            where = f"{name}, second before step {number}: {told}"
            if first.complete:
                assert as_wanted(world, pair[1]) or not second, where
            elif second is not None and second.complete:
                assert told, where
            assert all(len(text) > 20 and "Traceback" not in text for text in told), where
            world.events = []
            world.sim.clock.sleep(3600)
            for text in (pair[2], pair[1]):
                again = world.plan(text)
                assert not again.refused, f"{where}: {again.findings}"
                if again.steps:
                    assert world.apply(again).complete, where
                assert not world.plan(text).has_changes, where
