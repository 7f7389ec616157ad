"""`rollback`: back to a config that has served, by a plan like any other; and what the next plan of the file says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from mmeplan import plan as plans
from mmeplan.diff import Inputs, generations_of
from mmeplan.errors import InputError
from mmeplan.plan import Options, Plan
from mmeplan.planning import planned_from
from mmeplan.simulator import SimulatedCrash
from tests.simulation.world import REGION, Fleet, World, config, fleet, model, one, refused_for, unwatched, variant

AT = "endpoint/ranker"


@pytest.fixture
def world() -> Iterator[World]:
    with World() as made:
        yield made


def sized(size: str, version: str = "1", retain: int = 2, **main: Any) -> Fleet:
    text = one({"main": variant(instance_type=f"ml.m5.{size}", **main), "b": variant(count=1)})
    return {**text, "models": {"ranker": model(version)}, "retain": retain}


SMALL, LARGE, HUGE = sized("large"), sized("xlarge", "2"), sized("2xlarge", "3")
TWO = (SMALL, LARGE)


def wanted(world: World, text: Fleet) -> str:
    return next(r.physical_name for r in world.compile(text).of_kind("endpoint_config"))


def back(world: World, text: Fleet, to: str, **options: Any) -> Plan:
    desired = world.desired(text)
    snapshot = world.observe(desired.graph)
    return planned_from(desired, snapshot, Options(targets=(AT,), rollback=to, **options)).plan


def generations(world: World, text: Fleet) -> list[str]:
    graph = world.compile(text)
    return [one.name for one in generations_of(Inputs(graph, world.observe(graph)), AT)]


def test_the_generations_are_those_that_served_newest_first(world: World) -> None:
    for text in (SMALL, LARGE):
        world.live_through(text)
    world.sim.faults.fail_update("ranker", "no capacity")
    world.apply(sized("4xlarge"))
    world.live_through(HUGE)
    assert generations(world, HUGE) == [wanted(world, text) for text in (HUGE, LARGE, SMALL)]


@pytest.mark.parametrize("target", [LARGE, SMALL], ids=["newest", "older"])
def test_going_back_swaps_this_endpoint_and_changes_nothing_else(world: World, target: Fleet) -> None:
    for text in (SMALL, LARGE, HUGE):
        world.live_through(text)
    before = world.state()
    made = back(world, HUGE, wanted(world, target))
    assert [step.operation for step in made.steps] == ["UpdateEndpoint", "AddTags"]
    assert {field.field for field in made.changes[0].fields} >= {"production_variants.main.instance_type"}
    assert world.apply(made).complete
    after = world.state()
    assert world.endpoint()["EndpointConfigName"] == wanted(world, target)
    assert {kind: after[kind] for kind in ("model", "endpoint-config")} == {
        kind: before[kind] for kind in ("model", "endpoint-config")
    }


def test_the_next_plan_of_the_file_is_pending_not_drift_and_says_what_happened(world: World) -> None:
    for text in (SMALL, LARGE):
        world.live_through(text)
    world.apply(back(world, LARGE, wanted(world, SMALL)))
    made = world.plan(LARGE)
    change = next(found for found in made.changes if found.address == AT)
    assert (made.drift, change.effect, made.applyable) == ((), "traffic_shift", True)
    assert "`mmeplan rollback` took it from" in change.notes[0]
    world.live_through(LARGE)  # forward again, and the mark is gone
    assert "mmeplan:went-back" not in world.tags("endpoint", "ranker")


def test_going_forward_again_is_as_careful_as_the_first_time(world: World) -> None:
    canary = {
        "blue_green_update_policy": {
            "traffic_routing_configuration": {
                "type": "CANARY",
                "canary_size": {"type": "CAPACITY_PERCENT", "value": 50},
                "wait_interval_in_seconds": 60,
            }
        }
    }
    small, large = ({**text, "endpoints": {"ranker": {**text["endpoints"]["ranker"]}}} for text in (SMALL, LARGE))
    for text in (small, large):
        text["endpoints"]["ranker"]["deployment_config"] = canary
        world.live_through(text)
    world.apply(back(world, large, wanted(world, small)))
    (swap,) = (step for step in world.plan(large).steps if step.operation == "UpdateEndpoint")
    policy = swap.params["DeploymentConfig"]["BlueGreenUpdatePolicy"]
    assert policy["TrafficRoutingConfiguration"]["Type"] == "CANARY"


def test_a_file_that_follows_the_rollback_needs_nothing_but_tags(world: World) -> None:
    for text in (SMALL, LARGE):
        world.live_through(text)
    world.apply(back(world, LARGE, wanted(world, SMALL)))
    assert world.operations(SMALL) in (["AddTags"], [])
    assert generations(world, SMALL) == [wanted(world, SMALL), wanted(world, LARGE)]


def test_drift_after_a_rollback_is_still_seen(world: World) -> None:
    for text in (SMALL, LARGE):
        world.live_through(text)
    world.apply(back(world, LARGE, wanted(world, SMALL)))
    variants = [{"VariantName": "main", "DesiredWeight": 7.0}]
    world.does("UpdateEndpointWeightsAndCapacities", EndpointName="ranker", DesiredWeightsAndCapacities=variants)
    world.sim.clock.sleep(300)
    assert [found.address for found in world.plan(LARGE).drift] == [AT]


def test_an_autoscalers_count_is_kept_on_the_way_back(world: World) -> None:
    small, large = (sized(size, version, capacity="autoscaled") for size, version in (("large", "1"), ("xlarge", "2")))
    for text in (small, large):
        world.live_through(text)
    variants = [{"VariantName": "main", "DesiredInstanceCount": 7}]
    world.does("UpdateEndpointWeightsAndCapacities", EndpointName="ranker", DesiredWeightsAndCapacities=variants)
    world.sim.clock.sleep(300)
    world.apply(back(world, large, wanted(world, small)))
    counts = {found["VariantName"]: found["DesiredInstanceCount"] for found in world.endpoint()["ProductionVariants"]}
    assert counts == {"main": 7, "b": 1}


def test_one_of_two_endpoints_of_a_shared_config_goes_back_alone(world: World) -> None:
    def pair(size: str) -> Fleet:
        shared = {"endpoint_configs": {"c": config(main=variant(instance_type=f"ml.m5.{size}"))}}
        return fleet({name: {"config": "c"} for name in ("ranker", "other")}, **shared)

    for size in ("large", "xlarge"):
        world.live_through(pair(size))
    assert world.apply(back(world, pair("xlarge"), wanted(world, pair("large")))).complete
    assert world.endpoint("other")["EndpointConfigName"] == wanted(world, pair("xlarge"))
    world.live_through(pair("xlarge"))


def test_a_rollback_that_sagemaker_rolls_back_is_not_tried_again_unasked(world: World) -> None:
    for text in (SMALL, LARGE):
        world.live_through(text)
    world.sim.faults.fail_update("ranker", "no capacity")
    assert not world.apply(back(world, LARGE, wanted(world, SMALL))).complete
    assert refused_for(back(world, LARGE, wanted(world, SMALL))) == {("GATE-03", "endpoint/ranker")}
    assert world.apply(back(world, LARGE, wanted(world, SMALL), retry_rolled_back=True)).complete


def test_a_generation_whose_model_is_gone_says_so(world: World) -> None:
    for text in (SMALL, LARGE):
        world.live_through(text)
    old = next(name for name in world.names("model") if name != world.plan(LARGE).changes[-1].live_name)
    with unwatched(world):
        world.does("DeleteModel", ModelName=old)
    graph = world.compile(LARGE)
    assert [one.missing for one in generations_of(Inputs(graph, world.observe(graph)), AT)] == [(), (old,)]


def test_going_back_to_what_runs_already_does_nothing_and_says_so(world: World) -> None:
    """After --replace the fresh config says the same as the one before."""
    world.live_through(SMALL)
    kept = wanted(world, SMALL)
    world.apply(world.plan(SMALL, salts={"endpoint_config/ranker": "fresh"}))
    assert world.endpoint()["EndpointConfigName"] != kept
    made = back(world, SMALL, kept)
    assert (made.steps, made.refused) == ((), False)
    assert made.changes[0].notes == (f"what runs says the same as {kept}, so there is nothing to go back to",)


def test_going_back_to_the_config_of_a_replaced_model(world: World) -> None:
    """Its salt is not in the file, and what it means all the same is."""
    world.apply(world.plan(SMALL, salts={"model/ranker": "fresh"}))
    replaced = world.endpoint()["EndpointConfigName"]
    world.live_through(LARGE)
    assert world.apply(back(world, LARGE, replaced)).complete
    assert world.endpoint()["EndpointConfigName"] == replaced
    assert world.plan(LARGE).drift == ()


def test_the_same_content_under_another_models_name_is_no_drift(world: World) -> None:
    world.live_through(SMALL)
    world.live_through(SMALL, replace=(AT,))
    newest = world.endpoint()["EndpointConfigName"]
    world.live_through(SMALL, replace=("model/ranker",))
    assert world.endpoint()["EndpointConfigName"] != newest
    assert back(world, SMALL, newest).drift == ()


def test_what_an_adopted_endpoint_never_served_by_is_no_generation(world: World) -> None:
    """An apply had made the config, and stopped before it took the endpoint over."""
    world.foreign_endpoint("ranker")
    first, second = ({**text, "endpoints": {"ranker": {**text["endpoints"]["ranker"], "adopt": True}}} for text in TWO)
    made = world.plan(first)
    only = [step for step in made.steps if step.operation.startswith("Create")]
    world.watching = False  # adoption touches what isn't ours yet
    assert world.apply(replace(made, steps=tuple(only))).complete
    assert world.apply(second).complete
    assert generations(world, second) == [wanted(world, second)]


def refused(world: World, text: Fleet) -> str:
    with pytest.raises(InputError) as error:
        world.engine.rollback(world.desired(text), AT)
    return str(error.value)


def test_there_is_no_way_back_for_what_is_being_deleted_or_belongs_to_others(world: World) -> None:
    for text in (SMALL, LARGE):
        world.live_through(text)
    with unwatched(world):
        tags = ["mmeplan:fleet"]
        world.does("DeleteTags", ResourceArn=world.endpoint()["EndpointArn"], TagKeys=tags)
        assert "doesn't carry this fleet's tag" in refused(world, LARGE)
        world.does("DeleteEndpoint", EndpointName="ranker")
        assert "is being deleted" in refused(world, LARGE)


def test_a_saved_rollback_is_applied_like_any_other_plan(world: World) -> None:
    for text in (SMALL, LARGE):
        world.live_through(text)
    made = back(world, LARGE, wanted(world, SMALL))
    again = plans.decode(plans.encode(made))
    assert again == made
    assert world.apply(again).complete


# --- what only may have served ----------------------------------------------------------------------------------------


def status(world: World, text: Fleet) -> tuple[str, ...]:
    (row,) = world.engine.status(world.desired(text)).endpoints
    return tuple(f"{line.split()[0]}{' doubtful' if 'not known whether' in line else ''}" for line in row.generations)


def left_by_a_refused_create(world: World) -> str:
    """The config of a create that a quota refused. Another type is created after it."""
    world.sim.set_quota("ml.m5.2xlarge", 1, region=REGION)
    assert not world.apply(HUGE).complete
    assert world.names("endpoint") == []
    (left,) = world.names("endpoint-config")
    assert world.apply(SMALL).complete
    return left


def test_the_config_of_a_refused_create_is_never_gone_back_to_unasked(world: World) -> None:
    left = left_by_a_refused_create(world)
    assert status(world, SMALL) == (f"{left} doubtful",)
    assert "nobody knows whether an older config" in refused(world, SMALL)
    assert f"--to {left}" in refused_hint(world, SMALL)
    (known, doubtful) = world.tags("endpoint", "ranker")["mmeplan:served"].split("/")
    assert (known.strip(), doubtful.strip()) == (wanted(world, SMALL)[-8:], left[-8:])


def refused_hint(world: World, text: Fleet) -> str:
    with pytest.raises(InputError) as error:
        world.engine.rollback(world.desired(text), AT)
    return error.value.hint


def test_what_has_served_is_kept_before_what_only_may_have(world: World) -> None:
    left = left_by_a_refused_create(world)
    made = world.plan(LARGE)
    (change,) = (found for found in made.changes if found.address == AT)
    assert any(left in note and "not known whether" in note for note in change.notes)
    world.live_through(LARGE)
    assert status(world, LARGE) == (wanted(world, SMALL), f"{left} doubtful")
    assert world.engine.rollback(world.desired(LARGE), AT).plan.options.rollback == wanted(world, SMALL)
    assert world.engine.rollback(world.desired(LARGE), AT, to=left).plan.options.rollback == left


def test_an_update_that_was_rolled_back_is_not_offered(world: World) -> None:
    world.live_through(SMALL)
    world.sim.faults.fail_update("ranker", "no capacity")
    assert not world.apply(LARGE).complete
    assert status(world, LARGE) == ()
    world.live_through(HUGE)
    assert status(world, HUGE) == (wanted(world, SMALL),)


def test_an_update_whose_rollback_nobody_saw_is_not_offered_either(world: World) -> None:
    world.live_through(SMALL)
    world.sim.faults.fail_update("ranker", "no capacity")
    world.sim.faults.crash_at(3, "after")  # UpdateEndpoint
    with pytest.raises(SimulatedCrash):
        world.apply(LARGE)
    world.sim.clock.sleep(3600)
    assert status(world, LARGE) == ()


@pytest.mark.parametrize("gone", ["record", "endpoint"])
def test_where_the_record_is_gone_older_configs_are_doubtful(world: World, gone: str) -> None:
    for text in (SMALL, LARGE):
        world.live_through(text)
    with unwatched(world):
        if gone == "record":
            world.does("DeleteTags", ResourceArn=world.endpoint()["EndpointArn"], TagKeys=["mmeplan:served"])
        else:
            world.does("DeleteEndpoint", EndpointName="ranker")
            world.sim.clock.sleep(3600)
            world.live_through(LARGE)
    assert status(world, LARGE) == (f"{wanted(world, SMALL)} doubtful",)
    assert "nobody knows whether an older config" in refused(world, LARGE)
    planned = world.engine.rollback(world.desired(LARGE), AT, to="1")
    assert world.apply(planned.plan).complete
    assert wanted(world, SMALL) == world.endpoint()["EndpointConfigName"]
    assert status(world, LARGE) == (f"{wanted(world, LARGE)}",)
