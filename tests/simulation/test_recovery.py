"""The recovery playbook, item by item: what happened, what the next plan says, and that it ends well.

docs/recovery.md has a row for each; the messages stand in tests/cli/recovery.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from mmeplan import plan as plans
from mmeplan.plan import Plan
from mmeplan.simulator import SimulatedCrash
from tests.simulation.world import Fleet, World, config, fleet, model, one, refused_for, unwatched, variant

ALARM = "ranker-5xx"
WATCHED = {"deployment_config": {"auto_rollback_configuration": {"alarms": [{"alarm_name": ALARM}]}}}
ROLLING = {
    "deployment_config": {
        "rolling_update_policy": {
            "maximum_batch_size": {"type": "INSTANCE_COUNT", "value": 1},
            "wait_interval_in_seconds": 120,
        },
        "auto_rollback_configuration": {"alarms": [{"alarm_name": ALARM}]},
    }
}


@pytest.fixture
def world() -> Iterator[World]:
    with World() as made:
        yield made


def sized(size: str, retain: int = 1, **endpoint: Any) -> Fleet:
    return {**one({"main": variant(instance_type=f"ml.m5.{size}")}, **endpoint), "retain": retain}


SMALL, LARGE, HUGE = sized("large"), sized("xlarge"), sized("2xlarge")


def change(made: Plan, address: str = "endpoint/ranker") -> Any:
    return next(found for found in made.changes if found.address == address)


def in_force(world: World) -> str:
    return str(world.endpoint()["EndpointConfigName"])


def wanted(world: World, text: Fleet) -> str:
    return next(r.physical_name for r in world.compile(text).of_kind("endpoint_config"))


def rolled_back(world: World, before: Fleet = SMALL, after: Fleet = LARGE, **how: Any) -> Any:
    """Live through `before`, then an apply of `after` that SageMaker rolls back."""
    world.live_through(before)
    world.sim.faults.fail_update("ranker", "no capacity")
    return world.apply(after, **how)


def refusals(made: Plan) -> str:
    return " ".join(finding.message for finding in made.findings if finding.severity == "error")


# --- a rolled-back update ---------------------------------------------------------------------------------------------


def test_a_rolled_back_update_names_endpoint_reason_and_both_configs(world: World) -> None:
    outcome = rolled_back(world)
    assert [result.rolled_back for result in outcome.failed] == [True]
    told = outcome.failed[0].detail
    assert all(word in told for word in ("ranker", "no capacity", wanted(world, SMALL), wanted(world, LARGE)))
    assert "is kept so that you can look at it" in told
    assert wanted(world, LARGE) in world.names("endpoint-config")


def test_an_update_that_an_alarm_rolled_back_names_the_alarm(world: World) -> None:
    world.live_through(sized("large", **WATCHED))
    world.sim.faults.trip_alarm("ranker", phase="ActivatingTraffic")
    told = world.apply(sized("xlarge", **WATCHED)).failed[0].detail
    assert ALARM in told


def test_where_sagemaker_gives_no_reason_the_alarms_that_watched_are_named(world: World) -> None:
    world.live_through(sized("large", **WATCHED))
    world.sim.faults.fail_update("ranker", "")
    told = world.apply(sized("xlarge", **WATCHED)).failed[0].detail
    assert f"gave no reason; the update was watched by the alarm {ALARM}" in told
    assert refused_for(world.plan(sized("xlarge", **WATCHED))) == {("GATE-03", "endpoint/ranker")}


def test_what_was_rolled_back_is_refused_until_it_is_asked_for(world: World) -> None:
    rolled_back(world)
    made = world.plan(LARGE)
    assert (refused_for(made), made.applyable) == ({("GATE-03", "endpoint/ranker")}, False)
    assert "--retry-rolled-back" in refusals(made)
    assert "no capacity" in refusals(made)
    assert [step for step in made.steps if step.operation == "UpdateEndpoint"] == []
    world.live_through(LARGE, retry_rolled_back=True)
    assert in_force(world) == wanted(world, LARGE)
    assert not world.plan(LARGE).has_changes


def test_another_try_that_fails_as_well_is_refused_again(world: World) -> None:
    rolled_back(world)
    world.sim.faults.fail_update("ranker", "still no capacity")
    assert not world.apply(world.plan(LARGE, retry_rolled_back=True)).complete
    assert "still no capacity" in refusals(world.plan(LARGE))


@pytest.mark.parametrize("seconds", [0, 400, 4000])
def test_a_rollback_that_nobody_saw_is_recognised_too(world: World, seconds: float) -> None:
    """The apply died while it waited: no mark was written. FailureReason and the times of both objects tell."""
    world.live_through(SMALL)
    world.sim.faults.fail_update("ranker", "no capacity")
    made = world.plan(LARGE)
    number = [step.operation for step in made.steps].index("UpdateEndpoint") + 1
    world.sim.faults.crash_at(number, "after")
    with pytest.raises(SimulatedCrash):
        world.apply(made)
    world.sim.clock.sleep(seconds)
    resumed = world.plan(LARGE)
    if not resumed.refused:  # it is still under way: the apply joins it, and sees the rollback itself
        assert not world.apply(resumed).complete
    assert refused_for(world.plan(LARGE)) == {("GATE-03", "endpoint/ranker")}
    assert in_force(world) == wanted(world, SMALL)


def test_an_apply_that_died_before_its_update_is_simply_resumed(world: World) -> None:
    world.live_through(SMALL)
    made = world.plan(LARGE)
    for number, step in enumerate(made.steps, start=1):
        if step.operation == "UpdateEndpoint":
            world.sim.faults.crash_at(number, "before")
    with pytest.raises(SimulatedCrash):
        world.apply(made)
    world.live_through(LARGE)


def test_other_content_is_tried_without_being_asked(world: World) -> None:
    rolled_back(world)
    world.live_through(HUGE)
    assert wanted(world, LARGE) not in world.names("endpoint-config")  # it never served: no generation, no leftover
    assert world.plan(HUGE).kept == {"endpoint/ranker": (wanted(world, SMALL),)}


def test_the_file_turned_back_is_an_empty_swap_and_the_failed_config_goes(world: World) -> None:
    rolled_back(world)
    made = world.live_through(SMALL)
    assert [step.operation for step in made.steps] == ["DeleteEndpointConfig"]
    assert "rolled back" in next(found.explanation for found in made.changes if found.actions == ("delete",))
    assert refused_for(world.plan(LARGE)) == {
        ("GATE-03", "endpoint/ranker")
    }  # the mark stays: the same content would fail the same way


def test_clean_deletes_what_the_rolled_back_update_was_made_for_and_nothing_else(world: World) -> None:
    after = {**LARGE, "models": {"ranker": model("2")}}
    configs, models = [wanted(world, SMALL)], None
    outcome = rolled_back(world, after=after, clean=True)
    assert "is deleted" in outcome.failed[0].detail
    models = world.names("model")
    assert world.names("endpoint-config") == configs
    assert len(models) == 1
    assert refused_for(world.plan(after)) == {("GATE-03", "endpoint/ranker")}
    world.live_through(after, retry_rolled_back=True)


def test_clean_leaves_a_config_that_another_endpoint_took(world: World) -> None:
    shared = {"endpoint_configs": {"c": config(main=variant())}, "retain": 0}
    pair = fleet({name: {"config": "c"} for name in ("ranker", "other")}, **shared)
    world.live_through(pair)
    world.sim.faults.fail_update("ranker", "no capacity")
    larger = {**pair, "endpoint_configs": {"c": config(main=variant(instance_type="ml.m5.xlarge"))}}
    outcome = world.apply(larger, clean=True)
    assert [result.detail for result in outcome.kept] == [
        f"{wanted(world, larger)} is still used by the endpoint other"
    ]
    assert world.endpoint("other")["EndpointConfigName"] == wanted(world, larger)


def test_clean_leaves_a_config_that_has_served(world: World) -> None:
    for text in (SMALL, LARGE):
        world.live_through(text)
    world.sim.faults.fail_update("ranker", "no capacity")
    outcome = world.apply(SMALL, clean=True)
    assert outcome.failed
    assert wanted(world, SMALL) in world.names("endpoint-config")


def test_a_config_that_was_rolled_back_is_never_kept_ahead_of_one_that_has_served(world: World) -> None:
    world.live_through(SMALL)
    world.live_through(LARGE)
    world.sim.faults.fail_update("ranker", "no capacity")
    world.apply(HUGE)
    fourth = sized("4xlarge")
    made = world.live_through(fourth)
    assert made.kept == {"endpoint/ranker": (wanted(world, LARGE),)}
    assert sorted(world.names("endpoint-config")) == sorted([wanted(world, LARGE), wanted(world, fourth)])


def test_the_record_of_who_has_served_survives_a_death_after_the_swap(world: World) -> None:
    two = [sized(size, retain=2) for size in ("large", "xlarge", "2xlarge")]
    world.live_through(two[0])
    made = world.plan(two[1])
    last = len(made.steps)
    world.sim.faults.crash_at(last, "before")  # the tags are not written
    with pytest.raises(SimulatedCrash):
        world.apply(made)
    world.sim.clock.sleep(900)
    made = world.live_through(two[2])
    assert made.kept["endpoint/ranker"] == (wanted(world, two[1]), wanted(world, two[0]))
    assert world.plan(two[2]).kept == made.kept


def test_an_update_to_a_config_outside_the_fleet_is_not_tried_again_either(world: World) -> None:
    world.foreign_endpoint("theirs")
    world.live_through(SMALL)
    outside = fleet({"ranker": {"endpoint_config_name": "theirs"}})
    world.sim.faults.fail_update("ranker", "no capacity")
    assert world.apply(outside).failed[0].rolled_back
    assert "--retry-rolled-back" in refusals(world.plan(outside))
    world.live_through(outside, retry_rolled_back=True)


def test_a_change_of_counts_writes_down_nothing_that_has_not_served(world: World) -> None:
    world.live_through(SMALL)
    before = world.tags("endpoint", "ranker")["mmeplan:served"]
    world.live_through(one({"main": variant(count=5)}))
    assert world.tags("endpoint", "ranker")["mmeplan:served"] == before


def test_a_stranded_rolling_update_stops_and_says_what_to_do(world: World) -> None:
    world.live_through(sized("large", **ROLLING))
    world.sim.faults.trip_alarm("ranker", phase="Baking")
    world.sim.faults.fail_rollback("ranker", "no capacity to go back")
    outcome = world.apply(sized("xlarge", **ROLLING))
    assert "UpdateRollbackFailed" in outcome.failed[0].detail
    assert "only DeleteEndpoint or AWS support ends that" in outcome.failed[0].detail
    made = world.plan(sized("xlarge", **ROLLING))
    assert refused_for(made) == {("EP-08", "endpoint/ranker")}
    assert {finding.rule for finding in made.findings} == {"EP-08"}
    assert not [step for step in made.steps if step.address == "endpoint/ranker"]


# --- somebody else ----------------------------------------------------------------------------------------------------


def foreign_scaling(world: World) -> None:
    variants = [{"VariantName": "main", "DesiredWeight": 3.0}]
    world.does("UpdateEndpointWeightsAndCapacities", EndpointName="ranker", DesiredWeightsAndCapacities=variants)


def test_an_endpoint_that_somebody_else_keeps_busy_is_waited_for_or_not(world: World) -> None:
    world.live_through(SMALL)
    made = world.plan(LARGE)
    foreign_scaling(world)
    outcome = world.apply(made, wait_for_others=False)
    assert "is Updating, and --no-wait-for-others was asked for" in outcome.failed[0].detail
    assert in_force(world) == wanted(world, SMALL)
    assert world.apply(world.plan(LARGE)).complete


def test_not_waiting_for_others_still_joins_what_leads_where_the_plan_wants(world: World) -> None:
    world.live_through(SMALL)
    world.live_through(LARGE)
    world.does("UpdateEndpoint", EndpointName="ranker", EndpointConfigName=wanted(world, SMALL))
    assert world.apply(world.plan(SMALL), wait_for_others=False).complete


def test_a_deployment_that_is_rolled_back_before_we_join_it_is_not_started_again(world: World) -> None:
    world.live_through(SMALL)
    world.sim.faults.fail_update("ranker", "no capacity")
    made = world.plan(LARGE)
    number = [step.operation for step in made.steps].index("UpdateEndpoint") + 1
    world.sim.faults.crash_at(number, "after")
    with pytest.raises(SimulatedCrash):
        world.apply(made)
    resumed = world.plan(LARGE)  # sees it under way
    world.sim.clock.sleep(3600)
    before = len(world.written)
    assert "which was under way, back" in world.apply(resumed).failed[0].detail
    assert "UpdateEndpoint" not in [operation for operation, _ in world.written[before:]]


# --- objects that disappeared -----------------------------------------------------------------------------------------


def lose_the_config(world: World) -> str:
    name = in_force(world)
    with unwatched(world):
        world.does("DeleteEndpointConfig", EndpointConfigName=name)
    return name


def test_a_stand_in_goes_when_the_apply_died_after_making_it(world: World) -> None:
    """Its content isn't what runs, so it must not be taken for it: the swap still has to come."""
    world.live_through(SMALL)
    lost = lose_the_config(world)
    made = world.plan(LARGE)
    creates = [step.operation for step in made.steps].index("CreateEndpointConfig") + 2
    world.sim.faults.crash_at(creates, "after")
    with pytest.raises(SimulatedCrash):
        world.apply(made)
    assert lost in world.names("endpoint-config")
    resumed = world.live_through(LARGE)
    assert "UpdateEndpoint" in [step.operation for step in resumed.steps]
    assert world.names("endpoint-config") == [wanted(world, LARGE)]


def test_two_endpoints_of_a_lost_config_swap_over_one_stand_in(world: World) -> None:
    shared = {"endpoint_configs": {"c": config(main=variant())}}
    pair = fleet({name: {"config": "c"} for name in ("ranker", "other")}, **shared)
    world.live_through(pair)
    lose_the_config(world)
    larger = {**pair, "endpoint_configs": {"c": config(main=variant(instance_type="ml.m5.xlarge"))}}
    made = world.live_through(larger)
    assert [step.operation for step in made.steps].count("CreateEndpointConfig") == 2
    assert world.names("endpoint-config") == [wanted(world, larger)]


def test_a_file_turned_back_onto_a_stand_in_is_refused_with_a_way_out(world: World) -> None:
    world.live_through(SMALL)
    lose_the_config(world)
    made = world.plan(LARGE)
    world.sim.faults.crash_at(2, "after")
    with pytest.raises(SimulatedCrash):
        world.apply(made)
    assert "set replace_salt" in refusals(world.plan(SMALL))
    salted = one({"main": variant()})
    salted["endpoints"]["ranker"]["config"]["replace_salt"] = "again"
    world.live_through(salted)


# --- permissions that go ----------------------------------------------------------------------------------------------


def deny(world: World, operation: str, count: int = 10_000) -> None:
    message = f"User: arn:aws:iam::123456789012:user/x is not authorized to perform: {operation}"
    world.sim.faults.error(operation, code="AccessDeniedException", message=message, count=count)


@pytest.mark.parametrize("endpoints", [1, 8])
def test_reads_that_stay_denied_end_the_wait_and_name_the_action(world: World, endpoints: int) -> None:
    text = fleet({f"e{number}": {"config": config(main=variant())} for number in range(endpoints)})
    made = world.plan(text)
    world.sim.faults.slow("e0", 3000)
    left = [endpoints]

    def deny_once_created(event: Any) -> None:
        left[0] -= event.kind == "called" and event.operation == "CreateEndpoint"
        if left[0] == 0:
            left[0] = -1
            deny(world, "DescribeEndpoint")
            deny(world, "ListEndpoints")

    world.events = type("Events", (list,), {"append": staticmethod(deny_once_created)})()
    began = world.sim.clock.now()
    outcome = world.apply(made)
    assert len(outcome.failed) == endpoints
    assert all("sagemaker:DescribeEndpoint" in result.detail for result in outcome.failed)
    assert (world.sim.clock.now() - began).total_seconds() < 600


def test_a_denied_list_leaves_the_describes(world: World) -> None:
    text = fleet({f"e{number}": {"config": config(main=variant())} for number in range(8)})
    made = world.plan(text)
    deny(world, "ListEndpoints")
    assert world.apply(made).complete


def test_a_foreign_config_that_was_made_since_does_not_say_what_runs(world: World) -> None:
    """It says just what the file wants, and the endpoint was last touched before it was made."""
    world.foreign_endpoint("ranker")
    adopting = one(adopt=True)
    made = world.plan(adopting)
    creates = tuple(step for step in made.steps if step.operation.startswith("Create"))
    world.watching = False  # adoption touches what isn't ours yet
    assert world.apply(replace(made, steps=creates)).complete
    theirs = world.endpoint()["EndpointConfigName"]
    wanted = next(step for step in creates if step.operation == "CreateEndpointConfig").params
    world.does("DeleteEndpointConfig", EndpointConfigName=theirs)
    world.sim.clock.sleep(60)
    variants = wanted["ProductionVariants"]
    world.does("CreateEndpointConfig", EndpointConfigName=theirs, ProductionVariants=variants)
    change = next(change for change in world.plan(adopting).changes if change.kind == "endpoint")
    assert change.effect == "traffic_shift"
    assert world.apply(adopting).complete
    assert world.endpoint()["EndpointConfigName"] == wanted["EndpointConfigName"]


@pytest.mark.parametrize(("image", "effect"), [("2", "none"), ("1", "refused")])
def test_a_pinned_config_is_made_again_where_no_model_is_like_its_own(world: World, image: str, effect: str) -> None:
    """In a large fleet models are known by their names, unread: of those too it is known what they say."""
    pinned = {**config(main=variant()), "name": "ranker-v1"}
    of_other = {"config": config(main=variant("other"))}
    both = fleet({"ranker": {"config": pinned}, "other": of_other}, models={"ranker": model(), "other": model(image)})
    world.live_through(both)
    with unwatched(world):
        world.does("DeleteEndpointConfig", EndpointConfigName="ranker-v1")
    graph = world.compile(both)
    seen = world.observe(graph)
    for models in (seen.objects["model"], {n: replace(m, by_digest=True) for n, m in seen.objects["model"].items()}):
        made = plans.build(graph, replace(seen, objects={**seen.objects, "model": models}), created_at="")
        assert made.refused == (effect == "refused")
