"""What others did to a fleet's scaling is not lost, not overwritten, and not taken for the fleet's own."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulation.test_autoscaling import (
    TARGET,
    XLARGE,
    bounds,
    nightly,
    policies,
    put,
    refused,
    scaled,
    targets,
    tracking,
)
from tests.simulation.world import World, fleet, one, variant

AUTO = {"min_capacity": 1, "max_capacity": 4, "policies": {"tracking": tracking()}}
UNSCALED = one({"main": variant(capacity="autoscaled")})


@pytest.fixture
def world() -> Any:
    with World() as made:
        yield made


def test_a_renamed_variant_is_refused_while_it_is_scaled(world: World) -> None:
    world.live_through(scaled())
    assert "is of a variant that is removed or renamed" in refused(world, one({"primary": variant(autoscaling=AUTO)}))


def test_a_rollback_to_other_variants_is_refused_while_they_are_scaled(world: World) -> None:
    world.live_through(one({"old": variant(capacity="autoscaled")}))
    text = one({"main": variant(capacity="autoscaled")})
    world.live_through(text)
    declared = one({"main": variant(autoscaling=AUTO)})
    world.live_through(declared)
    planned = world.engine.rollback(world.desired(declared), "ranker").plan
    assert not planned.applyable
    assert len(targets(world)) == 1


def test_an_endpoint_that_is_made_anew_takes_nothing_of_others_with_it(world: World) -> None:
    world.live_through(scaled())
    put(world)
    output = {"output_config": {"s3_output_path": "s3://acme-out/o/"}}
    config = {"production_variants": {"main": variant(autoscaling=AUTO)}, "async_inference_config": output}
    planned = world.engine.plan(
        world.desired(fleet({"ranker": {"config": config}})), allow_outage=("endpoint/ranker",)
    ).plan
    assert not planned.applyable
    assert "carries the scaling policy theirs" in " ".join(change.refusal for change in planned.changes)


def test_a_removal_stops_where_others_made_something_since_the_plan(world: World) -> None:
    world.live_through(scaled())
    plan = world.plan(UNSCALED)
    nightly(world)
    outcome = world.apply(plan)
    assert "the scheduled action nightly" in outcome.failed[0].detail
    assert bounds(world) == [(1, 4)]


def test_what_somebody_suspended_stays_suspended_across_a_swap(world: World) -> None:
    world.live_through(scaled())
    suspended = {"DynamicScalingInSuspended": True, "DynamicScalingOutSuspended": True}
    world.does("RegisterScalableTarget", **TARGET, SuspendedState=suspended)
    world.live_through(XLARGE)
    assert targets(world)[0]["SuspendedState"] == {**suspended, "ScheduledScalingSuspended": False}


def test_somebody_elses_target_is_not_the_fleets_because_it_looks_alike(world: World) -> None:
    world.live_through(UNSCALED)
    plan = world.plan(scaled())
    world.does("RegisterScalableTarget", **TARGET, MinCapacity=1, MaxCapacity=4)
    outcome = world.apply(plan)
    assert not outcome.complete
    assert "doesn't carry this fleet's tags" in outcome.failed[0].detail
    assert policies(world) == {}


def test_no_policy_is_put_on_a_target_that_others_registered_while_it_was_off(world: World) -> None:
    world.live_through(scaled())

    def registered_again() -> bool:
        if any(operation == "UpdateEndpoint" for operation, _ in world.written) and not targets(world):
            world.does("RegisterScalableTarget", **TARGET, MinCapacity=1, MaxCapacity=4)
        return False

    outcome = world.apply(world.plan(XLARGE), stopping=registered_again)
    assert not outcome.complete
    assert policies(world) == {}


def test_it_is_put_back_whole_without_waiting_for_others(world: World) -> None:
    world.live_through(scaled())
    world.apply(world.plan(scaled(3, 6, kind="ml.m5.xlarge")), wait_for_others=False)
    assert bounds(world) == [(3, 6)]
    assert list(policies(world)) == ["tracking"]


def test_what_was_not_taken_off_is_left_as_it_is(world: World) -> None:
    world.live_through(scaled())
    plan = world.plan(scaled(2, 8, kind="ml.m5.xlarge"))
    outcome = world.apply(
        plan, stopping=lambda: any(operation == "CreateEndpointConfig" for operation, _ in world.written)
    )
    assert outcome.interrupted
    assert outcome.failed == ()
    assert bounds(world) == [(1, 4)]
    assert [operation for operation, _ in world.written].count("RegisterScalableTarget") == 1  # when it was made
