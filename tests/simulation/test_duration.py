"""An apply takes as long as was estimated: drawn fleets, rolled out on the virtual clock, and planted bugs.

The simulated SageMaker's own durations are drawn too, within what docs/sagemaker.md says of them.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from mmeplan.plan import Plan, duration
from mmeplan.plan.duration import Estimator, Span, estimate
from tests.simulation.world import Fleet, World, config, fleet, model, serverless, variant

RUNS = 24
PARALLELISM = (1, 2, 3, 10)
Patch = pytest.MonkeyPatch


def percent(value: int) -> Fleet:
    return {"type": "CAPACITY_PERCENT", "value": value}


def instances(value: int) -> Fleet:
    return {"type": "INSTANCE_COUNT", "value": value}


def rollout(chance: random.Random, count: int) -> Fleet:
    """A member of an endpoint of `count` instances: how it is updated."""
    kind = chance.choice(("", "ALL_AT_ONCE", "CANARY", "LINEAR", "ROLLING"))
    wait, kept = chance.choice((60, 300, 900)), chance.choice((0, 120, 600))
    size = instances(chance.randint(1, count // 2)) if count > 1 and chance.random() < 0.5 else percent(25)
    if not kind:
        return {}
    if kind == "ROLLING":
        return {"deployment_config": {"rolling_update_policy": rolling(size, wait)}}
    sizes = {"CANARY": {"canary_size": size}, "LINEAR": {"linear_step_size": size}}.get(kind, {})
    routing = {"type": kind, "wait_interval_in_seconds": 0 if kind == "ALL_AT_ONCE" else wait, **sizes}
    policy = {"traffic_routing_configuration": routing, "termination_wait_in_seconds": kept}
    return {"deployment_config": {"blue_green_update_policy": policy}}


def rolling(size: Fleet, wait: int) -> Fleet:
    return {"maximum_batch_size": size, "wait_interval_in_seconds": wait}


def drawn(chance: random.Random, image: str, rollouts: dict[str, Fleet]) -> Fleet:
    """A fleet of some endpoints. Those that are drawn again keep the way in which they are updated."""
    endpoints = {}
    for number in range(8):
        if chance.random() < 0.35:
            continue
        count = chance.randint(1, 4)
        name = f"e{number}"
        way = rollouts.setdefault(name, rollout(chance, 4))
        is_serverless = not way and chance.random() < 0.3
        main = serverless() if is_serverless else variant(count=max(count, 4 if way else 1))
        main["initial_variant_weight"] = chance.choice((1, 2))
        endpoints[name] = {"config": config(main=main), **way}
    return fleet(endpoints, models={"ranker": model(image)}, retain=chance.randint(0, 1))


@dataclass(frozen=True)
class Run:
    """What was estimated of an apply, in seconds, and what it took."""

    least_s: float
    most_s: float
    took_s: float

    @property
    def is_within(self) -> bool:
        return self.least_s <= self.took_s <= self.most_s


def lived(seed: int) -> list[Run]:
    """A life of three fleets: the first is created, the others follow by updates, deletes and changes of weights."""
    chance = random.Random(seed)
    runs, rollouts = [], dict[str, Fleet]()
    with World(seed) as world:
        slow = replace(
            world.sim.settings,
            creating_s=chance.uniform(120, 300),
            updating_s=chance.uniform(120, 330),
            scaling_s=chance.uniform(60, 120),
            deleting_s=chance.uniform(10, 180),
        )
        world.sim.settings = slow
        for image in ("1", "2", chance.choice(("2", "3"))):
            allowed = tuple(f"endpoint/e{number}" for number in range(8))
            text, at_once = drawn(chance, image, rollouts), chance.choice(PARALLELISM)
            made = world.plan(text, parallelism=at_once, allow_outage=allowed)
            if made.steps:
                runs.append(timed(world, made))
    return runs


def timed(world: World, made: Plan) -> Run:
    """The estimate of a plan, and how long its apply took on the virtual clock."""
    found, began_s = estimate(made), world.sim.clock.monotonic()
    outcome = world.apply(made, parallelism=made.options.parallelism)
    assert outcome.complete, outcome
    return Run(found.takes.least_s, found.takes.most_s, world.sim.clock.monotonic() - began_s)


def within(seeds: range) -> tuple[float, list[Run]]:
    """Which part of the runs lasted as long as was estimated, and the others."""
    runs = [run for seed in seeds for run in lived(seed)]
    outside = [run for run in runs if not run.is_within]
    return 1 - len(outside) / len(runs), outside


def test_an_apply_takes_as_long_as_was_estimated() -> None:
    part, outside = within(range(RUNS))
    assert part >= 0.95, outside


def test_what_waits_for_a_quota_is_counted_one_after_the_other() -> None:
    def of(image: str, **quotas: Any) -> Fleet:
        endpoints = {name: {"config": config(main=variant(count=2))} for name in ("a", "b", "c")}
        return fleet(endpoints, models={"ranker": model(image)}, **quotas)

    with World() as world:
        world.live_through(of("1"))
        assert estimate(world.plan(of("2"))).takes.least_s == duration.ORDINARY.least_s
        one_by_one = timed(world, world.plan(of("2", quotas={"ml.m5.large": 8})))
    assert one_by_one.least_s == 3 * duration.ORDINARY.least_s
    assert one_by_one.is_within


BUGS: dict[str, Callable[[Patch], None]] = {}


def bug(plant: Callable[[Patch], None]) -> Callable[[Patch], None]:
    BUGS[plant.__name__] = plant
    return plant


@bug
def forgets_the_baking(patch: Patch) -> None:
    patch.setattr(duration, "deployed", lambda deployment, traffic, up: up + duration.SHIFT)


@bug
def forgets_that_the_old_fleet_stays(patch: Patch) -> None:
    real = duration.deployed

    def short(deployment: Any, traffic: Any, up: Span) -> Span:
        policy = {**deployment.get("BlueGreenUpdatePolicy", {}), "TerminationWaitInSeconds": 0}
        return real({**deployment, "BlueGreenUpdatePolicy": policy}, traffic, up)

    patch.setattr(duration, "deployed", short)


@bug
def takes_all_endpoints_at_once(patch: Patch) -> None:
    real = Estimator.__init__
    patch.setattr(Estimator, "__init__", lambda self, plan, parallelism=0: real(self, plan, 1000))


@bug
def takes_one_endpoint_at_a_time(patch: Patch) -> None:
    real = Estimator.__init__
    patch.setattr(Estimator, "__init__", lambda self, plan, parallelism=0: real(self, plan, 1))


@pytest.mark.parametrize("name", BUGS)
def test_a_planted_bug_is_found(name: str, monkeypatch: Patch) -> None:
    BUGS[name](monkeypatch)
    part, _ = within(range(RUNS // 3))
    assert part < 0.95
