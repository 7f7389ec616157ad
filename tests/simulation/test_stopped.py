"""Stopped at every call in turn: the process dies before or after each write, and the next apply finishes the work.

The engine keeps no state, so "resume" is simply a new plan. The world that it ends in must be the one that an apply
without the accident ends in: the same names, contents and tags, and nothing left over.
"""

from __future__ import annotations

from typing import Any, Literal

import pytest

from mmeplan.identity import SERVED_TAG
from mmeplan.simulator import SimulatedCrash
from tests.simulation.world import Fleet, World, config, fleet, model, one, serverless, variant

SMALL = one({"a": variant(), "b": variant(initial_variant_weight=3)})
LARGE = one({"a": variant(instance_type="ml.m5.xlarge"), "b": variant(initial_variant_weight=3)})
PAIR = fleet({name: {"config": "shared"} for name in "xy"}, endpoint_configs={"shared": config(main=variant())})
AUTOSCALED = {"a": variant(capacity="autoscaled"), "b": variant()}
FORGETFUL = {"on_remove": "retain", "config": {**config(main=variant()), "on_remove": "retain"}}

SCENARIOS: dict[str, list[Fleet]] = {
    "create": [SMALL],
    "create several": [fleet({name: {"config": config(main=variant())} for name in "xyz"})],
    "swap": [SMALL, LARGE],
    "swap of a new model, nothing kept": [SMALL, {**LARGE, "models": {"ranker": model("2")}, "retain": 0}],
    "swap of a shared config": [PAIR, {**PAIR, "models": {"ranker": model("2")}, "retain": 0}],
    "third generation": [SMALL, LARGE, {**SMALL, "models": {"ranker": model("2")}}],
    "revert": [SMALL, LARGE, SMALL],
    "scale": [SMALL, one({"a": variant(count=4), "b": variant(count=3)})],
    "swap with an autoscaler": [
        one(AUTOSCALED),
        one({"a": variant(capacity="autoscaled", instance_type="ml.m5.xlarge"), "b": variant(count=5)}),
    ],
    "delete": [SMALL, fleet(models={})],
    "tags": [SMALL, {**SMALL, "defaults": {"tags": {"team": "a"}}}, {**SMALL, "defaults": {"tags": {"org": "b"}}}],
    "forget": [fleet({"ranker": FORGETFUL}, models={"ranker": model(on_remove="retain")}), fleet(models={})],
    "physical rename": [SMALL, one(name="scorer")],
    "logical rename": [SMALL, LARGE, fleet({"scorer": {**LARGE["endpoints"]["ranker"], "renamed_from": "ranker"}})],
    "serverless": [SMALL, one({"main": serverless()})],
    "one goes, one comes": [fleet({name: {"config": config(main=variant())}}) for name in "xy"],
}

OUTAGES = {"allow_outage": ("endpoint/ranker",)}


def lived(world: World, life: list[Fleet]) -> None:
    world.foreign_endpoint()
    for text in life:
        world.live_through(text)


def final_state(life: list[Fleet]) -> tuple[dict[str, Any], int]:
    """The state that the life ends in, and how many writes its last apply takes."""
    with World() as world:
        lived(world, life[:-1])
        before = len(world.written)
        world.live_through(life[-1], **OUTAGES)
        return world.state(), len(world.written) - before


def stopped_at(life: list[Fleet], number: int, when: Literal["before", "after"], *, poll_s: float) -> dict[str, Any]:
    """The state after the last apply died at a write, and a new one finished the work `poll_s` later."""
    with World() as world:
        lived(world, life[:-1])
        made = world.plan(life[-1], **OUTAGES)
        world.sim.faults.crash_at(number, when)
        with pytest.raises(SimulatedCrash):
            world.apply(made)
        world.sim.clock.sleep(poll_s)
        forgotten = _is_replaced(life) and _is_going(world)
        resumed = world.plan(life[-1], **OUTAGES)
        if resumed.steps:
            outcome = world.apply(resumed)
            assert outcome.complete, outcome
            assert not outcome.kept, outcome
        assert not world.plan(life[-1], **OUTAGES).has_changes
        return _sure(world.state()) if forgotten else world.state()


def _is_replaced(life: list[Fleet]) -> bool:
    """Whether the last apply deletes the endpoint `ranker` and creates it: the only way to serverless."""
    return life is SCENARIOS["serverless"]


def _is_going(world: World) -> bool:
    """Whether it is gone, or being deleted: its tags, which say what has served, go with it."""
    found = [item for item in world._stored("endpoint") if item.name == "ranker"]
    return not found or found[0].status == "Deleting"


def _sure(state: dict[str, Any]) -> dict[str, Any]:
    """The state without the mark of what nobody knows to have served any more."""
    tags = state["endpoint"]["ranker"]["tags"]
    ranker = {**state["endpoint"]["ranker"], "tags": {**tags, SERVED_TAG: tags[SERVED_TAG].replace(" / ", " ")}}
    return {**state, "endpoint": {**state["endpoint"], "ranker": ranker}}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_an_apply_that_died_at_any_call_is_finished_by_the_next(scenario: str) -> None:
    wanted, writes = final_state(SCENARIOS[scenario])
    assert writes
    for number in range(1, writes + 1):
        for when, poll_s in (("before", 0.0), ("after", 900.0 * (number % 2))):  # resumed while it runs, and later
            state = stopped_at(SCENARIOS[scenario], number, when, poll_s=poll_s)  # type: ignore[arg-type]
            assert state == wanted, f"{scenario}: stopped {when} write {number}, resumed {poll_s} s later"
