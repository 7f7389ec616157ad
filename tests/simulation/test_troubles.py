"""What goes wrong on a Friday afternoon: rollbacks, foreign hands, lost objects. Nothing that serves is ever hurt."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from mmeplan.plan import Plan
from tests.simulation.world import Fleet, World, config, fleet, model, one, refused_for, unwatched, variant


@pytest.fixture
def world() -> Iterator[World]:
    with World() as made:
        yield made


SMALL, LARGE, HUGE = (one({"main": variant(instance_type=f"ml.m5.{size}")}) for size in ("large", "xlarge", "2xlarge"))


def change(made: Plan, address: str = "endpoint/ranker") -> Any:
    return next(found for found in made.changes if found.address == address)


def rescale(world: World, name: str = "ranker", wait_s: float = 120, **desired: Any) -> None:
    """Somebody else's UpdateEndpointWeightsAndCapacities."""
    variants = [{"VariantName": "main", **desired}]
    world.does("UpdateEndpointWeightsAndCapacities", EndpointName=name, DesiredWeightsAndCapacities=variants)
    world.sim.clock.sleep(wait_s)


def foreign_config(world: World, name: str = "theirs", instance_type: str = "ml.c5.large") -> str:
    variants = [{"VariantName": "main", "ModelName": world.names("model")[0], "InstanceType": instance_type}]
    world.does(
        "CreateEndpointConfig", EndpointConfigName=name, ProductionVariants=[{**variants[0], "InitialInstanceCount": 2}]
    )
    return name


# --- creations and updates that fail ----------------------------------------------------------------------------------


def test_a_failed_create_is_told_and_the_next_plan_explains_and_recreates(world: World) -> None:
    world.sim.faults.fail_create("ranker", "CannotStartContainerError: no /ping")
    outcome = world.apply(SMALL)
    assert not outcome.complete
    assert "no /ping" in outcome.failed[0].detail
    again = world.plan(SMALL)
    assert change(again).actions == ("delete", "create")
    assert "no /ping" in change(again).explanation
    assert again.applyable  # a Failed endpoint serves nothing: no outage has to be allowed
    world.live_through(SMALL)
    assert world.endpoint()["EndpointStatus"] == "InService"


def test_a_failed_create_can_be_mended_by_other_content(world: World) -> None:
    world.sim.faults.fail_create("ranker", "bad image")
    world.apply({**SMALL, "retain": 0})
    world.live_through({**LARGE, "models": {"ranker": model("2")}, "retain": 0})
    assert len(world.names("endpoint-config")) == 1
    assert len(world.names("model")) == 1


def test_an_update_that_was_rolled_back_is_recognised_although_the_endpoint_is_in_service(world: World) -> None:
    world.live_through(SMALL)
    before = world.endpoint()["EndpointConfigName"]
    world.sim.faults.fail_update("ranker", "alarm")
    outcome = world.apply(LARGE)
    assert not outcome.complete
    assert "rolled the update of ranker back" in outcome.failed[0].detail
    assert "alarm" in outcome.failed[0].detail
    assert (world.endpoint()["EndpointStatus"], world.endpoint()["EndpointConfigName"]) == ("InService", before)
    again = world.plan(LARGE, retry_rolled_back=True)
    assert [step.operation for step in again.steps] == ["UpdateEndpoint", "AddTags", "DeleteTags"]
    assert not again.drift  # what was applied last is what is live
    world.live_through(LARGE, retry_rolled_back=True)


def test_an_update_that_was_rolled_back_deletes_nothing(world: World) -> None:
    world.live_through({**SMALL, "retain": 0})
    world.sim.faults.fail_update("ranker", "alarm")
    outcome = world.apply({**LARGE, "retain": 0, "models": {"ranker": model("2")}})
    assert [result.step.split(":")[0] for result in outcome.skipped] == [
        "AddTags",
        "DeleteEndpointConfig",
        "DeleteModel",
    ]
    world.live_through({**SMALL, "retain": 0})
    assert len(world.names("endpoint-config")) == 1


def test_one_endpoint_that_fails_does_not_hold_up_the_others(world: World) -> None:
    world.sim.faults.fail_create("x", "no capacity")
    outcome = world.apply(fleet({name: {"config": config(main=variant())} for name in "wxyz"}))
    assert [result.address for result in outcome.failed] == ["endpoint/x"]
    assert not outcome.skipped
    assert {world.endpoint(name)["EndpointStatus"] for name in "wyz"} == {"InService"}


# --- foreign hands ----------------------------------------------------------------------------------------------------


def test_weights_that_somebody_changed_are_drift_and_go_back(world: World) -> None:
    world.live_through(one({"main": variant(), "b": variant()}))
    rescale(world, DesiredWeight=7.0)
    made = world.plan(one({"main": variant(), "b": variant()}))
    assert [item.address for item in made.drift] == ["endpoint/ranker"]
    assert "the file did not change" in made.drift[0].explanation
    assert world.operations(one({"main": variant(), "b": variant()})) == ["UpdateEndpointWeightsAndCapacities"]


def test_drift_is_seen_although_the_file_has_changed_as_well(world: World) -> None:
    world.live_through(one({"main": variant(), "b": variant()}))
    rescale(world, DesiredWeight=7.0)
    made = world.plan(one({"main": variant(instance_type="ml.m5.xlarge"), "b": variant()}))
    assert "the file has changed since as well" in made.drift[0].explanation


def test_a_count_that_belongs_to_an_autoscaler_is_never_diffed(world: World) -> None:
    text = one({"main": variant(capacity="autoscaled")})
    world.live_through(text)
    rescale(world, DesiredInstanceCount=7)
    assert not world.plan(text).has_changes
    assert not world.plan(text).drift


def test_a_swap_keeps_the_autoscalers_count_and_sets_the_fixed_ones_after_it(world: World) -> None:
    world.live_through(one({"main": variant(capacity="autoscaled"), "b": variant(count=1)}))
    rescale(world, DesiredInstanceCount=7)
    larger = {"main": variant(capacity="autoscaled", instance_type="ml.m5.xlarge"), "b": variant(count=3)}
    made = world.live_through(one({**larger, "b": variant(count=3, initial_variant_weight=2)}))
    swap = next(step for step in made.steps if step.operation == "UpdateEndpoint")
    assert swap.params["RetainAllVariantProperties"] is True
    after = {found["VariantName"]: found for found in world.endpoint()["ProductionVariants"]}
    assert (after["main"]["DesiredInstanceCount"], after["b"]["DesiredInstanceCount"]) == (7, 3)
    assert after["b"]["DesiredWeight"] == 2


def test_retention_that_the_file_asks_for_is_kept_to_and_what_is_fixed_is_set_after_it(world: World) -> None:
    retaining = {"retain_all_variant_properties": True}
    world.live_through(one({"main": variant()}, **retaining))
    both = {"main": variant(instance_type="ml.m5.xlarge", count=4, initial_variant_weight=2)}
    world.live_through(one(both, **retaining))
    assert world.endpoint()["ProductionVariants"][0]["DesiredInstanceCount"] == 4


def test_an_update_of_somebody_else_is_waited_for_and_then_swapped_back(world: World) -> None:
    world.live_through(SMALL)
    world.does("UpdateEndpoint", EndpointName="ranker", EndpointConfigName=foreign_config(world))
    made = world.plan(SMALL)
    assert "under way that the file doesn't ask for" in change(made).explanation
    assert world.apply(made).complete
    assert not world.plan(SMALL).has_changes


def test_a_saved_plan_stops_where_somebody_else_has_swapped_since(world: World) -> None:
    world.live_through(SMALL)
    made = world.plan(LARGE)
    world.does("UpdateEndpoint", EndpointName="ranker", EndpointConfigName=foreign_config(world))
    outcome = world.apply(made)
    assert "plan again" in outcome.failed[0].detail
    assert world.endpoint()["EndpointConfigName"] == "theirs"
    world.live_through(LARGE)


def test_a_scaling_under_way_is_waited_for_before_a_swap(world: World) -> None:
    world.live_through(SMALL)
    made = world.plan(LARGE)
    rescale(world, wait_s=0, DesiredWeight=3.0)
    assert world.apply(made).complete
    assert world.endpoint()["EndpointConfigName"] == change(made, "endpoint_config/ranker").name


def test_an_update_that_leads_where_the_plan_wants_is_joined(world: World) -> None:
    world.live_through(SMALL)
    world.live_through(LARGE)
    kept = world.plan(LARGE).kept["endpoint/ranker"][0]
    world.does("UpdateEndpoint", EndpointName="ranker", EndpointConfigName=kept)
    made = world.plan(SMALL)
    writes = len(world.written)
    assert world.apply(made).complete
    assert "UpdateEndpoint" not in [operation for operation, _ in world.written[writes:]]
    assert not world.plan(SMALL).has_changes


def test_a_scale_only_change_during_a_foreign_update_becomes_a_swap(world: World) -> None:
    world.live_through(SMALL)
    world.does("UpdateEndpoint", EndpointName="ranker", EndpointConfigName=foreign_config(world))
    text = one({"main": variant(count=5)})
    assert world.apply(text).complete
    assert not world.plan(text).has_changes
    assert world.endpoint()["ProductionVariants"][0]["DesiredInstanceCount"] == 5


def test_an_endpoint_that_is_being_created_is_waited_for(world: World) -> None:
    world.sim.faults.crash_at(3, "after")
    with pytest.raises(Exception, match="the caller dies"):
        world.apply(SMALL)
    made = world.plan(SMALL)
    assert change(made).reason == "in_progress"
    assert (made.summary.update, made.applyable) == (1, True)
    assert [step.operation for step in made.steps] == ["DescribeEndpoint"]
    world.live_through(SMALL)


def test_an_endpoint_that_is_being_created_is_changed_once_it_is_there(world: World) -> None:
    world.sim.faults.crash_at(3, "after")
    with pytest.raises(Exception, match="the caller dies"):
        world.apply(SMALL)
    world.live_through(LARGE)


def test_an_endpoint_that_is_being_deleted_is_created_once_it_is_gone(world: World) -> None:
    world.live_through(SMALL)
    world.does("DeleteEndpoint", EndpointName="ranker")
    assert world.operations(SMALL) == ["CreateEndpoint"]
    world.does("DeleteEndpoint", EndpointName="ranker")
    world.live_through(fleet(models={}))


def test_an_endpoint_that_somebody_deletes_while_we_wait_is_told(world: World) -> None:
    world.live_through(SMALL)
    made = world.plan(one({"main": variant(count=5)}))
    world.does("DeleteEndpoint", EndpointName="ranker")
    assert "is gone" in world.apply(made).failed[0].detail
    world.live_through(SMALL)


def test_an_endpoint_that_lost_our_tag_is_left_alone(world: World) -> None:
    world.live_through(SMALL)
    swap, gone = world.plan(LARGE), world.plan(fleet(models={}))
    arn = world.endpoint()["EndpointArn"]
    world.does("DeleteTags", ResourceArn=arn, TagKeys=["mmeplan:fleet"])
    for made in (swap, gone):
        assert any("left alone" in result.detail for result in world.apply(made).failed)
    assert world.endpoint()["EndpointStatus"] == "InService"


# --- references -------------------------------------------------------------------------------------------------------


def test_what_a_foreign_endpoint_runs_is_kept_and_the_apply_is_complete_all_the_same(world: World) -> None:
    world.live_through({**SMALL, "retain": 0})
    old_config, old_model = world.names("endpoint-config")[0], world.names("model")[0]
    world.foreign_endpoint("theirs", config_name=old_config)
    made = world.plan({**LARGE, "retain": 0, "models": {"ranker": model("2")}})
    assert not [step for step in made.steps if step.operation.startswith("Delete")]
    assert world.apply(made).complete
    second = world.live_through({**LARGE, "retain": 0, "models": {"ranker": model("2")}})
    kept = [found for found in second.changes if found.reason == "in_use"]
    assert (second.steps, [found.live_name for found in kept]) == ((), [old_config])  # and its model with it
    assert "theirs, an endpoint of somebody else, uses it" in kept[0].notes[0]
    assert old_model in world.names("model")


def test_what_a_foreign_endpoint_runs_since_the_plan_is_kept_by_the_scan_right_before_the_delete(world: World) -> None:
    world.live_through({**SMALL, "retain": 0})
    old_config, old_model = world.names("endpoint-config")[0], world.names("model")[0]
    made = world.plan({**LARGE, "retain": 0, "models": {"ranker": model("2")}})
    world.foreign_endpoint("theirs", config_name=old_config)
    outcome = world.apply(made)
    assert outcome.complete
    assert len(outcome.kept) == 2
    assert all("still used by the endpoint theirs" in result.detail for result in outcome.kept)
    assert old_config in world.names("endpoint-config")
    assert old_model in world.names("model")
    world.does("DeleteEndpoint", EndpointName="theirs")
    world.sim.clock.sleep(600)
    world.live_through({**LARGE, "retain": 0, "models": {"ranker": model("2")}})
    assert len(world.names("model")) == 1


def test_a_model_of_ours_in_a_foreign_config_is_kept_too(world: World) -> None:
    world.live_through({**SMALL, "retain": 0})
    old_model = world.names("model")[0]
    world.foreign_endpoint("theirs", of=old_model)
    made = world.live_through({**SMALL, "retain": 0, "models": {"ranker": model("2")}})
    assert [found.live_name for found in made.changes if found.reason == "in_use"] == [old_model]
    assert old_model in world.names("model")


def test_a_config_that_a_foreign_update_is_moving_to_is_kept(world: World) -> None:
    world.foreign_endpoint("theirs")
    world.live_through({**SMALL, "retain": 0})
    old_config = world.names("endpoint-config")
    made = world.plan({**LARGE, "retain": 0})
    ours = next(name for name in old_config if name != "theirs")
    world.does("UpdateEndpoint", EndpointName="theirs", EndpointConfigName=ours)
    assert [result.step.split("@")[1] for result in world.apply(made).kept] == [ours]


# --- objects that disappeared -----------------------------------------------------------------------------------------


def lose(world: World, operation: str, **params: str) -> None:
    with unwatched(world):
        world.does(operation, **params)


@pytest.mark.parametrize("pin", [{}, {"name": "mine"}])
def test_a_config_deleted_while_in_use_is_made_again_under_its_name(world: World, pin: Fleet) -> None:
    text = fleet({"ranker": {"config": {**config(main=variant()), **pin}}})
    world.live_through(text)
    name = world.names("endpoint-config")[0]
    lose(world, "DeleteEndpointConfig", EndpointConfigName=name)
    assert change(world.plan(text), "endpoint_config/ranker").reason == "restored"
    assert world.operations(text) == ["CreateEndpointConfig"]
    assert world.names("endpoint-config") == [name]


@pytest.mark.parametrize("pin", [{}, {"name": "mine"}])
def test_a_model_deleted_while_in_use_is_made_again_under_its_name(world: World, pin: Fleet) -> None:
    text = {**SMALL, "models": {"ranker": model(**pin)}}
    world.live_through(text)
    name = world.names("model")[0]
    lose(world, "DeleteModel", ModelName=name)
    assert change(world.plan(text), "model/ranker").reason == "restored"
    assert world.operations(text) == ["CreateModel"]
    assert world.names("model") == [name]


def test_config_and_model_deleted_while_in_use_are_both_made_again(world: World) -> None:
    world.live_through(SMALL)
    lose(world, "DeleteEndpointConfig", EndpointConfigName=world.names("endpoint-config")[0])
    lose(world, "DeleteModel", ModelName=world.names("model")[0])
    assert world.operations(SMALL) == ["CreateModel", "CreateEndpointConfig"]


def test_a_change_on_top_of_a_lost_config_is_a_swap_over_a_stand_in(world: World) -> None:
    world.live_through(SMALL)
    lost = world.names("endpoint-config")[0]
    lose(world, "DeleteEndpointConfig", EndpointConfigName=lost)
    made = world.plan(LARGE)
    assert (change(made).effect, change(made).actions) == ("traffic_shift", ("update",))
    assert "a placeholder config takes that name" in change(made).explanation
    world.live_through(LARGE)
    assert lost not in world.names("endpoint-config")
    assert "DeleteEndpoint" not in [operation for operation, _ in world.written]


def test_a_change_on_top_of_a_lost_model_is_a_swap(world: World) -> None:
    world.live_through(SMALL)
    lose(world, "DeleteModel", ModelName=world.names("model")[0])
    assert "UpdateEndpoint" in world.operations(LARGE)


def test_an_object_of_our_name_with_other_content_is_refused(world: World) -> None:
    name = world.plan(SMALL).changes[-1].name
    container = {"Image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/other:1"}
    role = "arn:aws:iam::123456789012:role/other"
    world.does("CreateModel", ModelName=name, ExecutionRoleArn=role, PrimaryContainer=container)
    made = world.plan(SMALL)
    assert change(made, "model/ranker").reason == "tampered"
    assert refused_for(made) == {("MDL-40", "model/ranker")}
