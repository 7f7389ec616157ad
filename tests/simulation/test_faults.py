"""Calls that fail: throttled, cut off, denied, not yet visible.

An apply completes where it can and says where it can't.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, Literal

import pytest

from mmeplan.apply.retrying import WRITES as BACKOFFS
from mmeplan.aws.failures import Failure
from mmeplan.errors import PlanRefused
from tests.simulation.world import Fleet, World, config, fleet, model, one, variant

SMALL = {**one({"a": variant(), "b": variant()}), "retain": 0}
SCALED = one({"a": variant(count=3), "b": variant(initial_variant_weight=2)})
LIFE: list[Fleet] = [
    SMALL,
    {**SMALL, "models": {"ranker": model("2")}, "defaults": {"tags": {"team": "a"}}},
    {**SCALED, "models": {"ranker": model("2")}, "retain": 0},
    fleet(models={}, retain=0),
]
WRITES = (
    "CreateModel",
    "CreateEndpointConfig",
    "CreateEndpoint",
    "UpdateEndpoint",
    "UpdateEndpointWeightsAndCapacities",
    "DeleteEndpoint",
    "DeleteEndpointConfig",
    "DeleteModel",
    "AddTags",
    "DeleteTags",
)
READS = ("DescribeModel", "DescribeEndpointConfig", "DescribeEndpoint", "ListTags", "GetResources", "ListEndpoints")


@pytest.fixture
def world() -> Iterator[World]:
    with World() as made:
        yield made


def deny(world: World, operation: str, count: int = 1000) -> None:
    message = f"User: arn:aws:iam::123456789012:user/x is not authorized to perform: {operation}"
    world.sim.faults.error(operation, code="AccessDeniedException", message=message, count=count)


def live_on(world: World) -> None:
    """The life, to its end; then nothing is left."""
    for text in LIFE:
        world.live_through(text)
    assert [world.names(kind) for kind in ("model", "endpoint-config", "endpoint")] == [[], [], []]


def test_the_life_makes_every_write_there_is(world: World) -> None:
    live_on(world)
    assert {operation for operation, _ in world.written} == set(WRITES)


@pytest.mark.parametrize("operation", WRITES)
def test_a_throttled_write_is_made_again(world: World, operation: str) -> None:
    world.sim.faults.throttle(operation, count=4)
    live_on(world)
    assert "retried" in {event.kind for event in world.events}


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("operation", WRITES)
def test_a_write_without_an_answer_is_looked_up_and_made_once(
    world: World, operation: str, when: Literal["before", "after"]
) -> None:
    world.sim.faults.cut(operation, when)
    live_on(world)


@pytest.mark.parametrize("operation", WRITES)
def test_a_write_that_the_service_fails_is_looked_up_and_made_again(world: World, operation: str) -> None:
    world.sim.faults.error(operation, code="InternalFailure", message="oops", status=500, count=2)
    live_on(world)


@pytest.mark.parametrize("operation", READS)
@pytest.mark.parametrize("kind", ["throttle", "cut"])
def test_a_read_that_fails_for_a_while_is_made_again(world: World, operation: str, kind: str) -> None:
    for text in LIFE:
        getattr(world.sim.faults, kind)(operation, count=3)
        world.live_through(text)


def test_what_was_just_created_may_not_be_visible_yet(world: World) -> None:
    world.sim.faults.hide("CreateModel", reads=(1, 4))
    world.sim.faults.hide("CreateEndpointConfig", reads=(1, 4))
    live_on(world)


def test_a_config_that_is_not_visible_yet_costs_repeated_calls_and_no_other_read() -> None:
    """CreateEndpoint and UpdateEndpoint read the config themselves, and may read what was a moment ago."""
    calls: list[Counter[str]] = []
    for hidden in (0, 3):
        with World() as other:
            other.sim.faults.hide("CreateEndpointConfig", reads=hidden)
            live_on(other)
            calls.append(Counter(event.operation for event in other.sim.history() if event.kind == "call"))
    more = calls[1] - calls[0]
    assert more["CreateEndpoint"] == 3 * calls[0]["CreateEndpoint"]
    assert more["UpdateEndpoint"] == 3 * calls[0]["UpdateEndpoint"]
    assert more["DescribeEndpointConfig"] == more["CreateEndpointConfig"] == 0
    assert calls[0]["UpdateEndpoint"] > 0


def test_a_config_that_never_becomes_visible_fails_its_endpoint_and_the_next_apply_goes_on(world: World) -> None:
    world.sim.faults.hide("CreateEndpointConfig", reads=BACKOFFS[Failure.NOT_FOUND].attempts)
    outcome = world.apply(one())
    (failed,) = outcome.failed
    assert (failed.address, world.names("endpoint")) == ("endpoint/ranker", [])
    assert "Could not find" in failed.detail
    world.sim.faults.reset()
    world.live_through(one())


def test_a_create_that_is_denied_fails_with_its_descendants_and_nothing_else(world: World) -> None:
    deny(world, "CreateModel", 1)
    pair = {"models": {"m": model("1"), "n": model("2")}}
    text = fleet({"x": {"config": config(main=variant("m"))}, "y": {"config": config(main=variant("n"))}}, **pair)
    outcome = world.apply(text)
    assert [result.address for result in outcome.failed] == ["model/m"]
    assert "AccessDenied" in outcome.failed[0].detail
    assert [result.address for result in outcome.skipped] == ["endpoint_config/x", "endpoint/x"]
    assert world.names("endpoint") == ["y"]
    world.live_through(text)


def test_a_used_up_quota_fails_the_step_at_once(world: World) -> None:
    world.sim.faults.error(
        "CreateEndpoint", code="ResourceLimitExceeded", message="The account-level service limit", count=9
    )
    outcome = world.apply(SMALL)
    assert "ResourceLimitExceeded" in outcome.failed[0].detail
    assert [operation for operation, _ in world.written].count("CreateEndpoint") == 1


@pytest.mark.parametrize("operation", ["DescribeModel", "DescribeEndpointConfig", "DescribeEndpoint", "ListTags"])
def test_a_denied_read_makes_the_plan_inapplicable_and_names_the_permission(world: World, operation: str) -> None:
    world.live_through(SMALL)
    if operation == "ListTags":
        deny(world, "GetResources")
    deny(world, operation)
    made = world.plan(LIFE[1])
    assert (made.complete, made.applyable, made.errored) == (False, False, True)
    assert any(f"sagemaker:{operation}" in finding.message for finding in made.findings)
    assert not [step for step in made.steps if step.operation.startswith("Delete")]
    if made.steps:
        with pytest.raises(PlanRefused, match=f"sagemaker:{operation}"):
            world.apply(made)


def test_without_the_tag_index_the_lists_are_walked(world: World) -> None:
    deny(world, "GetResources", 10_000)
    live_on(world)


def test_where_nothing_owned_can_be_listed_nothing_is_deleted(world: World) -> None:
    world.live_through(SMALL)
    deny(world, "GetResources")
    deny(world, "ListModels")
    made = world.plan(fleet(models={}))
    assert not made.steps
    assert not made.complete
    assert any("tag:GetResources" in finding.message for finding in made.findings)


@pytest.mark.parametrize("operation", ["ListEndpoints", "DescribeEndpoint", "DescribeEndpointConfig"])
def test_nothing_is_deleted_where_the_references_can_not_all_be_read(world: World, operation: str) -> None:
    world.foreign_endpoint()
    world.live_through(SMALL)
    made = world.plan(LIFE[1])
    observer = world.events.append

    def deny_at_the_end(event: Any) -> None:
        observer(event)
        if event.kind == "started" and event.operation == "DeleteEndpointConfig":
            deny(world, operation)

    world.events = type("Events", (list,), {"append": staticmethod(deny_at_the_end)})()
    outcome = world.apply(made)
    assert outcome.failed
    assert not [result for result in outcome.done if result.step.startswith("Delete")]
    assert len(world.names("endpoint-config")) == 3
    assert len(world.names("model")) == 3
    assert not outcome.complete


def test_polls_that_fail_do_not_end_a_wait(world: World) -> None:
    made = world.plan(SMALL)

    def fail_the_polls(event: Any) -> None:
        if event.kind == "called" and event.operation == "CreateEndpoint":
            deny(world, "DescribeEndpoint", 3)

    world.events = type("Events", (list,), {"append": staticmethod(fail_the_polls)})()
    assert world.apply(made).complete
