"""What plans say of weights, deletions, rollbacks, retries and several variants is true."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import pytest

from mmeplan import render
from mmeplan.plan import Plan, drift_report
from mmeplan.plan.rollout import batches_of, moved_by
from mmeplan.render.relations import Relations
from mmeplan.render.traffic import stages
from mmeplan.simulator.deployment import first_batch, phases
from tests.simulation.world import Fleet, World, model, one, serverless, variant

CANARY_ONE = {
    "blue_green_update_policy": {
        "traffic_routing_configuration": {
            "type": "CANARY",
            "canary_size": {"type": "INSTANCE_COUNT", "value": 1},
            "wait_interval_in_seconds": 300,
        }
    }
}
LINEAR_ONE = {
    "blue_green_update_policy": {
        "traffic_routing_configuration": {
            "type": "LINEAR",
            "linear_step_size": {"type": "INSTANCE_COUNT", "value": 1},
            "wait_interval_in_seconds": 60,
        }
    }
}


@pytest.fixture
def world() -> Iterator[World]:
    with World() as made:
        yield made


def fleet(image: str, deployment: Fleet | None = None, **variants: Fleet) -> Fleet:
    more = {"deployment_config": deployment} if deployment else {}
    made = {**one(variants or {"main": variant()}, **more), "models": {"ranker": model(image)}}
    made["models"]["ranker"]["primary_container"]["model_data_url"] = f"s3://acme-models/{image}/model.tar.gz"
    return made


def text(made: Plan) -> str:
    return render.text(made, width=100)


def flat(made: Plan) -> str:
    return " ".join(text(made).split())


def deleted(world: World) -> None:
    world.does("DeleteEndpoint", EndpointName="ranker")
    world.sim.clock.sleep(3600)
    world.does("ListEndpoints")


# --- several variants -------------------------------------------------------------------------------------------------

TWO = {"large": variant(count=4, initial_variant_weight=1), "small": variant(count=2, initial_variant_weight=1)}


def swapped(world: World, deployment: Fleet) -> Plan:
    world.live_through(fleet("1", deployment, **TWO))
    return world.plan(fleet("2", deployment, **TWO))


def test_a_canary_of_instances_is_taken_from_each_variant(world: World) -> None:
    made = swapped(world, CANARY_ONE)
    assert "canary 1 instance of each variant for 5 min" in text(made)
    change = next(change for change in made.changes if change.kind == "endpoint")
    update = Relations(made).params(change.address, "UpdateEndpoint")  # type: ignore[arg-type]
    canary = next(stage for stage in stages(change, update) if stage.name == "canary")
    assert canary.new == pytest.approx(0.5 / 4 + 0.5 / 2)
    baking = next(
        phase for phase in phases(update["DeploymentConfig"], [4, 2], 60, 0, [1, 1]) if phase.status == "Baking"
    )
    assert baking.share == pytest.approx(canary.new)
    assert "of 2 instance(s)" in baking.message, "one of each"


def test_one_variant_has_no_each(world: World) -> None:
    world.live_through(fleet("1", CANARY_ONE))
    assert "canary 1 instance for 5 min" in text(world.plan(fleet("2", CANARY_ONE)))


def test_linear_steps_are_taken_from_each_variant(world: World) -> None:
    made = swapped(world, LINEAR_ONE)
    assert "linear, 1 instance of each variant every 60 s" in flat(made)
    change = next(change for change in made.changes if change.kind == "endpoint")
    update = Relations(made).params(change.address, "UpdateEndpoint")  # type: ignore[arg-type]
    steps = [stage.new for stage in stages(change, update) if stage.name.startswith("step")]
    assert steps == pytest.approx([0.375, 0.75, 0.875, 1.0])
    baking = [phase for phase in phases(update["DeploymentConfig"], [4, 2], 60, 0, [1, 1]) if phase.status == "Baking"]
    assert [phase.share for phase in baking] == pytest.approx(steps)
    assert [round(6 * phase.new[0]) for phase in baking] == [2, 4, 5, 6]


def test_a_batch_of_instances_is_taken_from_each_variant() -> None:
    """SageMaker refuses rolling updates of several production variants; one may have a shadow beside it."""
    size = {"Type": "INSTANCE_COUNT", "Value": 1}
    assert [moved_by(size, count, 1) for count in (4, 2, 0)] == [Fraction(1, 4), Fraction(1, 2), 1]
    assert batches_of(size, [4, 2]) == 4
    assert [first_batch({"RollingUpdatePolicy": {"MaximumBatchSize": size}}, count) for count in (4, 2)] == [1, 1]
    percent = {"Type": "CAPACITY_PERCENT", "Value": 30}
    assert first_batch({"RollingUpdatePolicy": {"MaximumBatchSize": percent}}, 4) == 2


# --- drift ------------------------------------------------------------------------------------------------------------


def weighed(world: World) -> None:
    desired = [{"VariantName": "main", "DesiredWeight": 9.0}]
    world.does("UpdateEndpointWeightsAndCapacities", EndpointName="ranker", DesiredWeightsAndCapacities=desired)
    world.sim.clock.sleep(600)
    world.does("ListEndpoints")


def test_a_weight_that_the_file_leaves_out_is_one(world: World) -> None:
    world.live_through(fleet("1"))
    weighed(world)
    same, changed = (world.plan(fleet(image)) for image in ("1", "2"))
    assert "initial_variant_weight 1 → 9" in flat(same)
    for made in (same, changed):
        assert "initial_variant_weight 9 → 1" in flat(made)
        assert "(absent)" not in text(made)


def test_a_variant_that_goes_takes_its_weight_along(world: World) -> None:
    world.live_through(fleet("1", None, **TWO))
    assert "initial_variant_weight 1 → (absent)" not in flat(world.plan(fleet("1", None, large=TWO["large"])))
    assert "model_name" in flat(world.plan(fleet("1", None, large=TWO["large"])))


def test_plan_and_drift_say_the_same_of_a_deleted_endpoint(world: World) -> None:
    world.live_through(fleet("1"))
    deleted(world)
    made = world.plan(fleet("1"))
    (found,) = drift_report(world.compile(fleet("1")), world.observe(world.compile(fleet("1")))).drift
    assert "although its config ranker-" in found.explanation
    assert [drift.explanation for drift in made.drift] == [found.explanation]
    assert "nothing of that name is live" not in text(made)
    assert flat(made).count(found.explanation) == 2, "at the endpoint, and in the section of drift"


def test_an_endpoint_that_is_new_in_the_file_is_no_drift(world: World) -> None:
    shared = {"endpoint_configs": {"all": {"production_variants": {"main": variant()}}}}
    first = {**fleet("1"), **shared, "endpoints": {"a": {"config": "all"}}}
    world.live_through(first)
    made = world.plan({**first, "endpoints": {"a": {"config": "all"}, "b": {"config": "all"}}})
    assert made.drift == ()
    assert "created: nothing of that name is live" in text(made)


# --- back, and once more ----------------------------------------------------------------------------------------------


def test_a_rollback_shows_which_image_and_data_differ(world: World) -> None:
    world.live_through(fleet("1"))
    world.live_through(fleet("2"))
    made = world.engine.rollback(world.desired(fleet("2")), "endpoint/ranker").plan
    assert "ranker:2 → " in flat(made)
    assert "s3://acme-models/2/model.tar.gz → s3://acme-models/1/model.tar.gz" in flat(made)


def rolled_back(world: World) -> Plan:
    world.live_through(fleet("1"))
    world.sim.faults.fail_update("ranker", "alarm ranker-errors went off")
    world.apply(fleet("2"))
    return world.plan(fleet("2"))


def test_a_refused_retry_shows_which_image_and_data_differ_and_offers_nothing_that_runs(world: World) -> None:
    made = rolled_back(world)
    assert made.refused
    assert "s3://acme-models/1/model.tar.gz → s3://acme-models/2/model.tar.gz" in flat(made)
    assert "kept for a rollback" not in text(made)


def test_environment_values_of_a_model_that_is_there_stay_masked(world: World) -> None:
    def with_token(image: str, token: str) -> Fleet:
        made = fleet(image)
        made["models"]["ranker"]["primary_container"]["environment"] = {"TOKEN": token}
        return made

    world.live_through(with_token("1", "hunter1"))
    world.live_through(with_token("2", "hunter2"))
    made = world.engine.rollback(world.desired(with_token("2", "hunter2")), "endpoint/ranker").plan
    assert "TOKEN (masked, " in flat(made)
    assert "hunter" not in text(made)


def test_destroy_says_that_it_was_asked_for(world: World) -> None:
    world.live_through(fleet("1"))
    made = world.engine.destroy(world.desired(fleet("1"))).plan
    assert "DELETED: destroy was asked for" in text(made)
    assert "left the file" not in text(made)


def test_destroy_keeps_what_is_to_be_retained_and_says_so(world: World) -> None:
    retained: Any = fleet("1")
    retained["endpoints"]["ranker"]["on_remove"] = "retain"
    world.live_through(retained)
    made = world.engine.destroy(world.desired(retained)).plan
    assert "left the file" not in text(made)


@pytest.mark.parametrize("termination_s", [0, 60])
def test_serverless_launches_no_instances(termination_s: int) -> None:
    deployment = {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0},
            "TerminationWaitInSeconds": termination_s,
        }
    }
    messages = [phase.message for phase in phases(deployment, [], 60)]
    assert messages[0] == "Launching serverless capacity."
    assert not any("instance" in message for message in messages)


def test_a_serverless_endpoint_says_so_while_it_changes(world: World) -> None:
    world.live_through(fleet("1", None, main=serverless(concurrency=5)))
    for step in world.plan(fleet("2", None, main=serverless(concurrency=5))).steps:
        if step.operation != "AddTags":
            world.cloud.write(step.operation, dict(step.params))
    shown = str(world.does("DescribeEndpoint", EndpointName="ranker"))
    assert "instance(s)" not in shown
