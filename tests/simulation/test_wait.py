"""`wait`: until nothing is under way on endpoints, whoever began it; it writes nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mmeplan.apply import Event, Rested
from mmeplan.apply.retrying import DENIED_POLLS, LIST_POLL_ABOVE
from mmeplan.errors import InputError
from mmeplan.simulator import SimulatedCrash
from tests.simulation.world import Fleet, World, config, fleet, model, one, variant

BEFORE = one()
AFTER = {**one(), "models": {"ranker": model("2")}}


@pytest.fixture
def world() -> Iterator[World]:
    with World() as made:
        yield made


def killed(world: World, file: Fleet, operation: str = "UpdateEndpoint") -> None:
    """An apply that dies right after that call; SageMaker goes on."""
    steps = [step.operation for step in world.plan(file).steps]
    world.sim.faults.crash_at(len(steps) - steps[::-1].index(operation), "after")
    with pytest.raises(SimulatedCrash):
        world.apply(file)


def waited(world: World, file: Fleet, timeout_s: float | None = None) -> tuple[list[Rested], list[Event]]:
    events: list[Event] = []
    before = len(world.written)
    ends = world.engine.wait(world.desired(file), timeout_s=timeout_s, observer=events.append)
    assert world.written[before:] == []
    return list(ends), events


def test_what_is_at_rest_is_not_waited_for(world: World) -> None:
    world.live_through(BEFORE)
    (end,), events = waited(world, BEFORE)
    assert (end.address, end.state, end.status, events) == ("endpoint/ranker", "rest", "InService", [])


@pytest.mark.parametrize("operation", ["CreateEndpoint", "UpdateEndpoint"])
def test_what_is_under_way_is_waited_for(world: World, operation: str) -> None:
    if operation == "UpdateEndpoint":
        world.live_through(BEFORE)
    killed(world, AFTER, operation)
    (end,), events = waited(world, AFTER)
    assert (end.state, end.status) == ("rest", "InService")
    assert {event.kind for event in events} == {"polled"}
    assert "PendingDeploymentSummary" not in world.endpoint()


def test_a_failed_create_ends_badly(world: World) -> None:
    world.sim.faults.fail_create("ranker", "no capacity")
    killed(world, BEFORE, "CreateEndpoint")
    (end,), _ = waited(world, BEFORE)
    assert (end.state, end.status) == ("failed", "Failed")
    assert "no capacity" in end.detail


def test_an_update_that_is_rolled_back_ends_badly(world: World) -> None:
    world.live_through(BEFORE)
    world.sim.faults.fail_update("ranker", "no capacity")
    killed(world, AFTER)
    (end,), _ = waited(world, AFTER)
    assert (end.state, end.status) == ("failed", "InService")
    assert "no capacity" in end.detail


def test_the_time_is_up_at_the_minute(world: World) -> None:
    world.live_through(BEFORE)
    killed(world, AFTER)
    began = world.sim.clock.monotonic()
    (end,), _ = waited(world, AFTER, timeout_s=45)
    assert (end.state, end.status) == ("waiting", "Updating")
    assert world.sim.clock.monotonic() - began == pytest.approx(45)


def test_an_endpoint_that_is_not_there_is_not_waited_for(world: World) -> None:
    (end,), events = waited(world, BEFORE)
    assert (end.state, end.detail, events) == ("failed", "there is no such endpoint", [])


def test_an_endpoint_that_cannot_be_seen_is_given_up(world: World) -> None:
    world.live_through(BEFORE)
    world.sim.faults.error("DescribeEndpoint", code="AccessDeniedException", message="no", status=403, count=99)
    (end,), events = waited(world, BEFORE)
    assert (end.state, len(events)) == ("failed", DENIED_POLLS - 1)


def test_each_of_many_is_waited_for(world: World) -> None:
    names = [f"e{number}" for number in range(LIST_POLL_ABOVE + 1)]
    file = fleet({name: {"config": config(main=variant(count=1))} for name in names})
    killed(world, file, "CreateEndpoint")
    ends, events = waited(world, file)
    assert [(end.name, end.state) for end in ends] == [(name, "rest") for name in names]
    assert {event.address for event in events} == {f"endpoint/{name}" for name in names}


def test_a_name_that_is_not_in_the_file_is_refused(world: World) -> None:
    with pytest.raises(InputError, match="no endpoint 'x'"):
        world.engine.wait(world.desired(BEFORE), ["x"])
