"""Whole lives of a fleet, as people live them: each apply completes, and the plan after it is empty."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.simulation.world import World, config, fleet, model, one, refused_for, serverless, variant


@pytest.fixture
def world() -> Iterator[World]:
    with World() as made:
        yield made


SMALL, LARGE, HUGE = (one({"main": variant(instance_type=f"ml.m5.{size}")}) for size in ("large", "xlarge", "2xlarge"))


def test_the_first_apply_creates_model_config_and_endpoint_and_the_second_nothing(world: World) -> None:
    assert world.operations(SMALL) == ["CreateModel", "CreateEndpointConfig", "CreateEndpoint"]
    assert world.endpoint()["EndpointStatus"] == "InService"


def test_a_new_instance_type_swaps_to_a_new_config_and_leaves_the_model_alone(world: World) -> None:
    world.live_through(SMALL)
    models, first = world.names("model"), world.names("endpoint-config")
    assert world.operations(LARGE) == ["CreateEndpointConfig", "UpdateEndpoint", "AddTags"]
    assert world.names("model") == models
    assert set(first) < set(world.names("endpoint-config"))
    assert world.plan(LARGE).kept == {"endpoint/ranker": tuple(first)}


def test_a_revert_uses_the_kept_config_again_and_creates_nothing(world: World) -> None:
    world.live_through(SMALL)
    first = world.endpoint()["EndpointConfigName"]
    world.live_through(LARGE)
    assert world.operations(SMALL) == ["UpdateEndpoint", "AddTags"]
    assert world.endpoint()["EndpointConfigName"] == first


def test_the_third_generation_deletes_the_oldest(world: World) -> None:
    world.live_through(SMALL)
    oldest = world.endpoint()["EndpointConfigName"]
    world.live_through(LARGE)
    assert world.operations(HUGE)[-1] == "DeleteEndpointConfig"
    assert oldest not in world.names("endpoint-config")
    assert len(world.names("endpoint-config")) == 2


def test_with_retain_0_the_old_config_goes_after_the_swap(world: World) -> None:
    world.live_through({**SMALL, "retain": 0})
    assert world.operations({**LARGE, "retain": 0}) == [
        "CreateEndpointConfig",
        "UpdateEndpoint",
        "AddTags",
        "DeleteEndpointConfig",
    ]
    assert world.names("endpoint-config") == [world.endpoint()["EndpointConfigName"]]


def test_a_tag_edit_is_tag_calls_and_nothing_else(world: World) -> None:
    world.live_through({**SMALL, "defaults": {"tags": {"team": "a", "cost": "1"}}})
    assert set(world.operations({**SMALL, "defaults": {"tags": {"team": "b"}}})) == {"AddTags", "DeleteTags"}
    tags = world.tags("endpoint", "ranker")
    assert (tags["team"], "cost" in tags) == ("b", False)


def test_reordering_the_file_is_no_change(world: World) -> None:
    two = {"a": variant(), "b": variant(instance_type="ml.m5.xlarge")}
    world.live_through(fleet({"x": {"config": config(**two)}, "y": {"config": config(**two)}}))
    turned = {"b": two["b"], "a": two["a"]}
    assert not world.plan(fleet({"y": {"config": config(**turned)}, "x": {"config": config(**turned)}})).has_changes


def test_weights_and_counts_are_changed_in_place_one_capacity_a_call(world: World) -> None:
    world.live_through(one({"a": variant(count=2), "b": variant(count=2), "c": variant(count=1)}))
    before = world.endpoint()["EndpointConfigName"]
    made = world.live_through(
        one({"a": variant(count=3, initial_variant_weight=2), "b": variant(count=4), "c": variant(count=1)})
    )
    scaling = [step for step in made.steps if step.operation == "UpdateEndpointWeightsAndCapacities"]
    assert [step.operation for step in made.steps if step not in scaling] == ["AddTags"]
    for step in scaling:
        assert sum("DesiredInstanceCount" in item for item in step.params["DesiredWeightsAndCapacities"]) <= 1
    assert len(scaling) == 3
    assert world.endpoint()["EndpointConfigName"] == before
    assert [v["DesiredInstanceCount"] for v in world.endpoint()["ProductionVariants"]] == [3, 4, 1]


def test_serverless_concurrency_is_changed_in_place(world: World) -> None:
    world.live_through(one({"main": serverless(concurrency=5)}))
    assert world.operations(one({"main": serverless(concurrency=9)})) == [
        "UpdateEndpointWeightsAndCapacities",
        "AddTags",
    ]
    assert world.endpoint()["ProductionVariants"][0]["DesiredServerlessConfig"]["MaxConcurrency"] == 9


def test_a_new_environment_value_makes_a_new_model_and_swaps(world: World) -> None:
    def text(value: str, retain: int) -> dict[str, object]:
        return {**SMALL, "retain": retain, "models": {"ranker": model(environment={"LEVEL": value})}}

    world.live_through(text("1", 1))
    assert world.operations(text("2", 1)) == ["CreateModel", "CreateEndpointConfig", "UpdateEndpoint", "AddTags"]
    assert len(world.names("model")) == 2
    gone = world.operations(text("3", 0))
    assert gone[-4:] == ["DeleteEndpointConfig", "DeleteEndpointConfig", "DeleteModel", "DeleteModel"]
    assert len(world.names("model")) == 1


def test_an_entry_that_leaves_is_deleted_endpoint_first_and_its_parts_once_it_is_gone(world: World) -> None:
    world.live_through(SMALL)
    assert world.operations(fleet(models={})) == ["DeleteEndpoint", "DeleteEndpointConfig", "DeleteModel"]
    assert [world.names(kind) for kind in ("model", "endpoint-config", "endpoint")] == [[], [], []]
    history = [(event.operation, event.outcome) for event in world.sim.history()]
    assert history.index(("Endpoint", "Deleting → none")) < history.index(("DeleteEndpointConfig", "200"))


def test_an_entry_with_on_remove_retain_is_forgotten_and_stays(world: World) -> None:
    kept = one(on_remove="retain")
    kept["models"]["ranker"]["on_remove"] = "retain"
    world.live_through(kept)
    assert set(world.operations(fleet(models={}))) == {"DeleteTags"}
    assert world.names("endpoint") == ["ranker"]
    assert not [key for key in world.tags("endpoint", "ranker") if key.startswith("mmeplan:")]
    assert world.names("endpoint-config")
    assert world.names("model")


def test_forgetting_an_endpoint_does_not_forget_the_model_that_others_declare(world: World) -> None:
    pair = {"a": {"config": config(main=variant()), "on_remove": "retain"}, "b": {"config": config(main=variant())}}
    world.live_through(fleet(pair))
    world.live_through(fleet({"b": pair["b"]}))
    assert world.tags("model", world.names("model")[0])["mmeplan:fleet"] == "f"


def test_a_protected_entry_is_not_deleted_although_it_left_the_file(world: World) -> None:
    world.live_through(one(protect=True))
    made = world.plan(fleet())
    assert refused_for(made) == {("GATE-03", "endpoint/ranker")}
    assert not made.applyable
    world.live_through(one(protect=False))
    world.live_through(fleet())
    assert world.names("endpoint") == []


def test_a_protected_model_is_not_deleted_although_it_left_the_file(world: World) -> None:
    guarded = {**SMALL, "models": {"ranker": model(protect=True)}}
    world.live_through(guarded)
    assert refused_for(world.plan(fleet(models={}))) == {("GATE-03", "model/ranker")}
    world.live_through({**guarded, "models": {"ranker": model("2", protect=True)}, "retain": 0})
    assert len(world.names("model")) == 1  # a superseded generation of it may go


def test_an_endpoint_of_somebody_else_is_refused_until_it_is_adopted(world: World) -> None:
    world.foreign_endpoint("ranker")
    made = world.plan(SMALL)
    assert refused_for(made) == {("DEL-10", "endpoint/ranker")}
    assert any("adopt: true" in finding.message for finding in made.findings)


@pytest.mark.parametrize("size", ["large", "xlarge"])
def test_an_adopted_endpoint_is_ours_afterwards(world: World, size: str) -> None:
    world.foreign_endpoint("ranker")
    world.does("AddTags", ResourceArn=world.endpoint()["EndpointArn"], Tags=[{"Key": "theirs", "Value": "x"}])
    text = one({"main": variant(instance_type=f"ml.m5.{size}", count=1)}, adopt=True)
    text["models"] = {"ranker": model("9")}
    world.watching = False  # adoption touches what isn't ours yet
    made = world.live_through(text)
    assert next(change for change in made.changes if change.kind == "endpoint").actions[0] == "adopt"
    assert world.tags("endpoint", "ranker")["mmeplan:fleet"] == "f"
    assert "theirs" not in world.tags("endpoint", "ranker")
    assert "ranker" in world.names("model")  # theirs, never deleted
    world.live_through(fleet())
    assert "ranker" in world.names("endpoint-config")


def test_a_failed_endpoint_of_somebody_else_is_not_deleted_by_adopting_it(world: World) -> None:
    world.sim.faults.fail_create("ranker", "no image")
    world.foreign_endpoint("ranker")
    assert refused_for(world.plan(one(adopt=True))) == {("DEL-10", "endpoint/ranker")}


def test_renamed_from_moves_the_address_by_tags_alone(world: World) -> None:
    world.live_through(SMALL)
    world.live_through(LARGE)
    renamed = fleet({"scorer": {**LARGE["endpoints"]["ranker"], "renamed_from": "ranker"}})
    assert set(world.operations(renamed)) == {"AddTags"}
    assert {world.tags("endpoint-config", name)["mmeplan:address"] for name in world.names("endpoint-config")} == {
        "endpoint_config/scorer"
    }
    del renamed["endpoints"]["scorer"]["renamed_from"]
    renamed["endpoints"]["scorer"]["name"] = "ranker"
    assert not world.plan(renamed).has_changes


def test_another_logical_name_for_the_same_physical_one_deletes_nothing(world: World) -> None:
    world.live_through(SMALL)
    assert "DeleteEndpoint" not in world.operations(
        fleet({"scorer": {**SMALL["endpoints"]["ranker"], "name": "ranker"}})
    )
    assert world.names("endpoint") == ["ranker"]


def test_a_name_that_moves_to_another_entry_is_not_deleted(world: World) -> None:
    text = fleet({"a": {"name": "x", "config": config(main=variant())}})
    world.live_through(text)
    moved = fleet(
        {"a": {"name": "z", "config": config(main=variant())}, "b": {"name": "x", "config": config(main=variant())}}
    )
    world.live_through(moved)
    assert world.names("endpoint") == ["x", "z"]


def test_a_physical_rename_is_an_outage_that_has_to_be_allowed(world: World) -> None:
    world.live_through(SMALL)
    renamed = one(name="scorer")
    made = world.plan(renamed)
    assert refused_for(made) == {("DEL-08", "endpoint/ranker")}
    assert {finding.rule for finding in made.findings} == {"DEL-08"}
    assert world.operations(renamed, allow_outage=("endpoint/ranker",)) == ["CreateEndpoint", "DeleteEndpoint"]
    assert world.names("endpoint") == ["scorer"]


def test_a_protected_endpoint_is_not_renamed_even_where_the_outage_is_allowed(world: World) -> None:
    world.live_through(one(protect=True))
    made = world.plan(one(protect=True, name="scorer"), allow_outage=("endpoint/ranker",))
    assert {finding.rule for finding in made.findings} == {"GATE-05"}


def test_from_instances_to_serverless_is_an_outage_that_has_to_be_allowed(world: World) -> None:
    world.live_through(SMALL)
    text = one({"main": serverless()})
    made = world.plan(text)
    assert {finding.rule for finding in made.findings} == {"SLS-12"}
    assert made.summary.worst_effect == "outage"
    operations = world.operations(text, allow_outage=("endpoint/ranker",))
    assert operations[:3] == ["CreateEndpointConfig", "DeleteEndpoint", "CreateEndpoint"]


def test_one_config_and_one_model_serve_several_endpoints(world: World) -> None:
    def text(size: str, *names: str) -> dict[str, object]:
        shared = {"shared": config(main=variant(instance_type=f"ml.m5.{size}"))}
        return fleet({name: {"config": "shared"} for name in names}, endpoint_configs=shared)

    world.live_through(text("large", "a", "b"))
    assert len(world.names("endpoint-config")) == 1
    assert world.operations(text("xlarge", "a", "b")).count("UpdateEndpoint") == 2
    assert len(world.names("endpoint-config")) == 2
    world.live_through(text("2xlarge", "a", "b"))
    assert len(world.names("endpoint-config")) == 2
    world.live_through(text("2xlarge", "b"))
    assert world.names("endpoint") == ["b"]


def test_models_and_configs_outside_the_fleet_are_used_and_never_touched(world: World) -> None:
    world.foreign_endpoint("theirs")
    outside = {"model_name": "theirs", "instance_type": "ml.m5.large", "initial_instance_count": 1}
    text = fleet({"a": {"config": config(main=outside)}, "b": {"endpoint_config_name": "theirs"}})
    assert world.operations(text).count("CreateEndpoint") == 2
    world.live_through(fleet())
    assert world.names("endpoint") == ["theirs"]
    assert "theirs" in world.names("endpoint-config")
    assert "theirs" in world.names("model")


def test_an_endpoint_moves_from_one_config_outside_the_fleet_to_another(world: World) -> None:
    world.foreign_endpoint("one")
    world.foreign_endpoint("two")
    world.live_through(fleet({"a": {"endpoint_config_name": "one"}}))
    assert world.operations(fleet({"a": {"endpoint_config_name": "two"}})) == ["UpdateEndpoint", "AddTags"]


def test_an_unused_model_is_made_and_an_unused_config_too(world: World) -> None:
    text = fleet(endpoint_configs={"spare": config(main=variant())})
    assert world.operations(text) == ["CreateModel", "CreateEndpointConfig"]


def test_a_fresh_object_is_made_when_asked_and_the_next_plan_is_empty(world: World) -> None:
    world.live_through(SMALL)
    before = world.endpoint()["EndpointConfigName"]
    salts = {"model/ranker": "once"}
    made = world.plan(SMALL, salts)
    assert [step.operation for step in made.steps][:3] == ["CreateModel", "CreateEndpointConfig", "UpdateEndpoint"]
    assert world.apply(made).complete
    assert world.endpoint()["EndpointConfigName"] != before
    assert not world.plan(SMALL).has_changes
    world.live_through(LARGE)
    world.live_through({**HUGE, "retain": 0})
    assert (len(world.names("model")), len(world.names("endpoint-config"))) == (1, 1)


def test_a_pinned_name_can_not_be_replaced(world: World) -> None:
    text = {**SMALL, "models": {"ranker": model(name="mine")}}
    world.live_through(text)
    pinned = {("MDL-40", "model/ranker")}
    assert refused_for(world.plan(text, {"model/ranker": "once"})) == pinned
    assert refused_for(world.plan({**text, "models": {"ranker": model("2", name="mine")}})) == pinned


def test_a_target_takes_what_it_needs_and_leaves_the_rest(world: World) -> None:
    pair = {"a": {"config": config(main=variant())}, "b": {"config": config(main=variant())}}
    world.live_through({**fleet(pair), "retain": 0})
    pair = {name: {"config": config(main=variant(instance_type="ml.m5.xlarge"))} for name in pair}
    text = {**fleet(pair), "models": {"ranker": model("2")}, "retain": 0}
    made = world.plan(text, targets=("endpoint/a",))
    assert not made.complete
    assert {change.address for change in made.changes} == {"endpoint/a", "endpoint_config/a", "model/ranker"}
    assert "DeleteModel" not in [step.operation for step in made.steps]  # b still runs on it
    assert "DeleteEndpointConfig" in [step.operation for step in made.steps]
    assert world.apply(made).complete
    world.live_through(text)
    assert len(world.names("model")) == 1
    assert "DeleteEndpointConfig" not in [step.operation for step in world.plan(text, targets=("endpoint/b",)).steps]


def test_a_shared_config_that_an_endpoint_leaves_is_kept_for_its_rollback(world: World) -> None:
    shared = {"shared": config(main=variant())}
    world.live_through(fleet({"a": {"config": "shared"}}, endpoint_configs=shared))
    left = world.endpoint("a")["EndpointConfigName"]
    larger = {"a": {"config": config(main=variant(instance_type="ml.m5.xlarge"))}}
    world.live_through(fleet(larger))
    assert world.plan(fleet(larger)).kept == {"endpoint/a": (left,)}
    larger["a"]["config"]["production_variants"]["main"]["instance_type"] = "ml.m5.2xlarge"
    world.live_through(fleet(larger))
    assert left not in world.names("endpoint-config")


def test_two_entries_that_come_to_share_one_live_object_do_not_fight_for_its_tags(world: World) -> None:
    shared = {"shared": config(main=variant())}
    world.live_through(fleet({name: {"config": "shared"} for name in "ab"}, endpoint_configs=shared))
    inline = {name: {"config": config(main=variant())} for name in "ab"}
    made = world.live_through(fleet(inline))
    assert [step.operation for step in made.steps] == ["AddTags"]
    inline["a"] = {"config": config(main=variant(instance_type="ml.m5.xlarge"))}
    world.live_through({**fleet(inline), "retain": 0})
    assert len(world.names("endpoint-config")) == 2


def test_a_variant_that_leaves_the_file_is_not_taken_for_drift(world: World) -> None:
    two = one({"main": variant(), "other": variant()})
    world.live_through(two)
    assert not world.plan(one({"main": variant()})).drift
    world.live_through(one({"main": variant(), "other": variant(capacity="autoscaled")}))
    assert not world.plan(one({"main": variant()})).drift


def test_a_new_model_and_a_variant_less_are_not_taken_for_drift(world: World) -> None:
    world.live_through(one({"main": variant(), "other": variant()}))
    assert not world.plan({**one({"main": variant()}), "models": {"ranker": model("2")}}).drift


def test_variants_that_come_and_go_are_swapped_all_at_once_whatever_the_policy_says(world: World) -> None:
    size = {"type": "CAPACITY_PERCENT", "value": 50}
    routing = {"type": "CANARY", "canary_size": size, "wait_interval_in_seconds": 60}
    guarded = {"blue_green_update_policy": {"traffic_routing_configuration": routing}}
    world.live_through(one({"a": variant()}, deployment_config=guarded))
    world.live_through(one({"a": variant(), "b": variant()}, deployment_config=guarded))
    taken = world.endpoint()["LastDeploymentConfig"]["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]
    assert taken["Type"] == "ALL_AT_ONCE"
    world.live_through(one({"a": variant(instance_type="ml.m5.xlarge"), "b": variant()}, deployment_config=guarded))
    taken = world.endpoint()["LastDeploymentConfig"]["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]
    assert taken["Type"] == "CANARY"
