"""What people read when something went wrong: the end of the apply, and the next plan. Goldens, `pytest --accept`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mmeplan import render
from mmeplan.apply import Outcome
from mmeplan.engine import outcome_view
from mmeplan.simulator import SimulatedCrash
from tests.simulation.test_recovery import (
    ALARM,
    LARGE,
    ROLLING,
    SMALL,
    WATCHED,
    deny,
    foreign_scaling,
    in_force,
    lose_the_config,
    rolled_back,
    sized,
)
from tests.simulation.world import Fleet, World, config, fleet, model, unwatched, variant

FOLDER = Path(__file__).parent / "messages"

Told = tuple[Outcome | None, Fleet]
"""How the apply ended, and the file that is planned after it."""


@pytest.fixture
def world() -> Iterator[World]:
    with World() as made:
        yield made


def failed_create(world: World) -> Told:
    world.sim.faults.fail_create("ranker", "CannotStartContainerError: the container did not answer /ping")
    return world.apply(SMALL), SMALL


def rolled_back_for_a_reason(world: World) -> Told:
    return rolled_back(world), LARGE


def rolled_back_by_an_alarm(world: World) -> Told:
    world.live_through(sized("large", **WATCHED))
    world.sim.faults.trip_alarm("ranker", phase="ActivatingTraffic")
    return world.apply(sized("xlarge", **WATCHED)), sized("xlarge", **WATCHED)


def rolled_back_without_a_reason(world: World) -> Told:
    world.live_through(sized("large", **WATCHED))
    world.sim.faults.fail_update("ranker", "")
    return world.apply(sized("xlarge", **WATCHED)), sized("xlarge", **WATCHED)


def rolled_back_and_cleaned(world: World) -> Told:
    return rolled_back(world, clean=True), LARGE


def rollback_failed(world: World) -> Told:
    world.live_through(sized("large", **ROLLING))
    world.sim.faults.trip_alarm("ranker", phase="Baking")
    world.sim.faults.fail_rollback("ranker", f"CapacityError after the alarm {ALARM}")
    return world.apply(sized("xlarge", **ROLLING)), sized("xlarge", **ROLLING)


def interrupted(world: World) -> Told:
    world.live_through(SMALL)
    asked = iter((False, False, True))
    return world.apply(LARGE, stopping=lambda: next(asked, True)), LARGE


def busy_with_somebody_else(world: World) -> Told:
    world.live_through(SMALL)
    made = world.plan(LARGE)
    foreign_scaling(world)
    return world.apply(made, wait_for_others=False), LARGE


def pending_deployment(world: World) -> Told:
    world.live_through(SMALL)
    made = world.plan(LARGE)
    world.sim.faults.crash_at([step.operation for step in made.steps].index("UpdateEndpoint") + 1, "after")
    with pytest.raises(SimulatedCrash):
        world.apply(made)
    return None, LARGE


def lost_config(world: World) -> Told:
    world.live_through(SMALL)
    lose_the_config(world)
    return None, SMALL


def lost_config_and_changed_file(world: World) -> Told:
    world.live_through(SMALL)
    lose_the_config(world)
    return None, LARGE


def lost_pinned_config(world: World) -> Told:
    small, large = (
        fleet({"ranker": {"config": {**config(main=variant(instance_type=kind)), "name": "ranker-v1"}}})
        for kind in ("ml.m5.large", "ml.m5.xlarge")
    )
    world.live_through(small)
    lose_the_config(world)
    return None, large


def lost_model(world: World) -> Told:
    world.live_through(SMALL)
    with unwatched(world):
        world.does("DeleteModel", ModelName=world.names("model")[0])
    return None, SMALL


def lost_answer(world: World) -> Told:
    world.live_through(SMALL)
    world.sim.faults.cut("UpdateEndpoint", "after")
    return world.apply(LARGE), LARGE


def permission_lost(world: World) -> Told:
    made = world.plan(SMALL)
    world.sim.faults.slow("ranker", 3000)

    def deny_once_created(event: Any) -> None:
        if event.kind == "called" and event.operation == "CreateEndpoint":
            deny(world, "DescribeEndpoint", 8)

    world.events = type("Events", (list,), {"append": staticmethod(deny_once_created)})()
    return world.apply(made), SMALL


def used_by_somebody_else(world: World) -> Told:
    text = {**SMALL, "retain": 0}
    world.live_through(text)
    world.foreign_endpoint("theirs", config_name=in_force(world))
    text = {**LARGE, "retain": 0, "models": {"ranker": model("2")}}
    return world.apply(text), text


def swapped_by_somebody_else(world: World) -> Told:
    world.live_through(SMALL)
    made = world.plan(LARGE)
    world.foreign_endpoint("theirs")
    world.does("UpdateEndpoint", EndpointName="ranker", EndpointConfigName="theirs")
    world.sim.clock.sleep(900)
    return world.apply(made), LARGE


def deleted_by_somebody_else(world: World) -> Told:
    world.live_through(SMALL)
    made = world.plan(LARGE)
    world.does("DeleteEndpoint", EndpointName="ranker")
    world.sim.clock.sleep(900)
    return world.apply(made), LARGE


ITEMS: tuple[Callable[[World], Told], ...] = (
    *(failed_create, rolled_back_for_a_reason, rolled_back_by_an_alarm, rolled_back_without_a_reason),
    *(rolled_back_and_cleaned, rollback_failed, interrupted, busy_with_somebody_else, pending_deployment),
    *(lost_config, lost_config_and_changed_file, lost_pinned_config, lost_model, lost_answer, permission_lost),
    *(used_by_somebody_else, swapped_by_somebody_else, deleted_by_somebody_else),
)


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item.__name__)
def test_the_message_is_the_golden_one(item: Callable[[World], Told], world: World, accept: bool) -> None:
    outcome, text = item(world)
    shown = ""
    if outcome is not None:
        shown += "--- the apply\n" + render.outcome_text(outcome_view(outcome), width=80)
    shown += "--- the next plan\n" + render.text(world.plan(text), width=80)
    golden = FOLDER / f"{item.__name__}.txt"
    if accept:
        FOLDER.mkdir(exist_ok=True)
        golden.write_text(shown)
    assert golden.read_text() == shown


def test_every_item_has_its_row_in_the_playbook() -> None:
    rows = (Path(__file__).parents[2] / "docs" / "recovery.md").read_text()
    assert [item.__name__ for item in ITEMS if f"`{item.__name__}`" not in rows] == []
