"""One run: a fleet is made, changed or removed while everything goes wrong; then it is calm, and an apply finishes it.

What must hold, whatever the seed: a plan or an apply ends with an `Outcome` or a MmeplanError, never with another
exception; no law of `World` is broken by any write; a lock that was taken is given back, or it is told that it wasn't;
and in the calm the next applies reach the very world that a life without trouble ends in.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, Final

from mmeplan.apply import lock_place
from mmeplan.apply.locking import look
from mmeplan.engine import Desired, Engine, Planned
from mmeplan.errors import MmeplanError
from mmeplan.plan import Plan
from tests.faults.proxy import TROUBLES, Proxy, Trouble
from tests.simulation.world import REGION, Broken, Fleet, World, config, fleet, model, one, variant

LOCK: Final = lock_place("s3://acme-mmeplan/locks/f")
SMALL = {**one({"a": variant(), "b": variant()}), "retain": 0}
PAIR = fleet({name: {"config": "shared"} for name in "xy"}, endpoint_configs={"shared": config(main=variant())})
JOBS: Final[Mapping[str, tuple[Fleet, ...]]] = {
    "create": (SMALL,),
    "create two on one config": (PAIR,),
    "swap, nothing kept": (SMALL, {**SMALL, "models": {"ranker": model("2")}}),
    "swap and weights": (
        SMALL,
        {**one({"a": variant(count=3), "b": variant(instance_type="ml.m5.xlarge", initial_variant_weight=2)})},
    ),
    "scale and tag": (SMALL, {**one({"a": variant(count=4), "b": variant()}), "defaults": {"tags": {"team": "a"}}}),
    "one goes, one comes": (
        fleet({"x": {"config": config(main=variant())}}),
        fleet({"y": {"config": config(main=variant())}}, retain=0),
    ),
    "remove": (SMALL, fleet(models={}, retain=0)),
    "remove one of two": (PAIR, {**PAIR, "endpoints": {"x": {"config": "shared"}}}),
}
MOST_APPLIES: Final = 3  # in the calm, until the plan is empty


@dataclass
class Run:
    """What became of one seed."""

    job: str
    ends: Counter[str] = field(default_factory=Counter)
    met: Counter[str] = field(default_factory=Counter)
    calls: int = 0


class _Clock:
    """The world's clock, with the wall time that the proxy sets."""

    def __init__(self, world: World, proxy: Proxy) -> None:
        self.world, self.proxy = world, proxy
        self.monotonic = world.sim.clock.monotonic
        self.sleep = world.sim.clock.sleep
        self.uniform = world.sim.clock.uniform

    def now(self) -> datetime:
        return self.world.sim.clock.now() + self.proxy.stepped


def run(seed: int, only: tuple[Trouble, ...] = TROUBLES) -> Run:
    """The run of a seed. Raises Broken, or whatever a bug of mmeplan raises."""
    chance = random.Random(seed)
    job = list(JOBS)[seed % len(JOBS)]
    life = JOBS[job]
    done = Run(job)
    with World(seed) as world:
        proxy = Proxy(world.sim, chance, only)
        world.sim.before_send = proxy.before_send  # type: ignore[method-assign]
        clock = _Clock(world, proxy)
        world.engine = Engine(world.cloud, world.cloud, clock, REGION)
        for line in world.lines:
            line.now = clock.now
        world.foreign_endpoint()
        for text in life[:-1]:
            world.live_through(text)
        made = world.plan(life[-1]) if chance.random() < 0.7 else None
        proxy.calm = False
        for _ in range(chance.choice((1, 1, 2))):
            done.ends[_in_trouble(world, life[-1], made, locked=chance.random() < 0.4)] += 1
            made = None
        proxy.calm = True
        _in_the_calm(world, life[-1])
        if world.state() != wanted(job):
            raise Broken(f"another world than without trouble: {world.state()} instead of {wanted(job)}")
        done.met, done.calls = proxy.met, proxy.calls
    return done


def _in_trouble(world: World, text: Fleet, made: Plan | None, *, locked: bool) -> str:
    """Plan, unless that was done before, and apply. How it ended, in a word."""
    told: list[str] = []
    try:
        if not locked:
            return _applied(world, text, made, None)
        with world.engine.locked(LOCK.url, "f", problem=told.append) as lock:
            return _applied(world, text, made, lock)
    except MmeplanError as error:
        return type(error).__name__
    finally:
        _look_at_the_lock(world, told)


def _applied(world: World, text: Fleet, made: Plan | None, lock: Any) -> str:
    in_calm = made is not None  # else a page within its shape may have lost what nobody can miss
    if made is None:
        desired: Desired = world.desired(text)
        planned = world.engine.plan(desired)
        made = planned.plan
        if not made.steps:
            return "nothing to do" if made.complete else "incomplete plan"
        planned.required()
    else:
        planned = Planned(made)
    outcome = world.apply(made, lock=lock)
    if outcome.complete and in_calm and not outcome.kept:
        _check_complete(world, text)
    return "complete" if outcome.complete else "interrupted" if outcome.interrupted else "incomplete"


def _check_complete(world: World, text: Fleet) -> None:
    """Who says that all is done has done all."""
    proxy = world.sim.before_send.__self__  # type: ignore[attr-defined]
    proxy.calm = True
    left = world.plan(text)
    if left.steps:
        raise Broken(f"the apply said complete, and this is left: {[step.id for step in left.steps]}")
    proxy.calm = False


def _look_at_the_lock(world: World, told: list[str]) -> None:
    """A lock that lies there was told of; it goes, as `mmeplan unlock` would have it."""
    calm, world.sim.before_send.__self__.calm = world.sim.before_send.__self__.calm, True  # type: ignore[attr-defined]
    try:
        world.does("PutObject", Bucket=LOCK.bucket, Key="another", Body=b"")
        left = look(world.foreigner, LOCK)
        if left is not None and not told:
            raise Broken(f"the lock is left behind, and nobody was told: {left}")
        world.does("DeleteObject", Bucket=LOCK.bucket, Key=LOCK.key)
    finally:
        world.sim.before_send.__self__.calm = calm  # type: ignore[attr-defined]


def _in_the_calm(world: World, text: Fleet) -> None:
    """What was begun comes to its end; then applies finish the work, each of them without a failure."""
    world.sim.clock.sleep(3600)
    for _ in range(MOST_APPLIES):
        made = world.plan(text)
        if not made.steps:
            break
        outcome = world.apply(made)
        if not outcome.complete:
            raise Broken(f"in the calm it doesn't complete: {outcome}")
    world.live_through(text)


@cache
def wanted(job: str) -> dict[str, Any]:
    """The world in which the job ends without trouble."""
    with World() as world:
        world.foreign_endpoint()
        for text in JOBS[job]:
            world.live_through(text)
        return world.state()
