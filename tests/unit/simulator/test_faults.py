"""Faults come when they were asked for, as often as they were asked for, and not otherwise."""

from __future__ import annotations

import json

import pytest

from mmeplan.simulator import ConnectionCut, Settings, SimulatedCrash, Simulator
from tests.unit.simulator.conftest import World


def names(world):
    return [model["ModelName"] for model in world("ListModels", MaxResults=100)["Models"]]


def test_a_create_fails_as_often_as_asked_and_then_succeeds(world):
    world.sim.faults.fail_create("E", "no capacity", count=2)
    statuses = [world.in_service()["EndpointStatus"]]
    for _ in range(2):
        world("DeleteEndpoint", EndpointName="e")
        world.sim.clock.sleep(60)
        world.endpoint()
        world.sim.clock.sleep(180)
        statuses.append(world.describe()["EndpointStatus"])
    assert statuses == ["Failed", "Failed", "InService"]
    assert "FailureReason" not in world.describe()


def test_a_failed_update_ends_on_the_old_config_with_a_reason_that_the_next_one_clears(world):
    world.sim.faults.fail_update("e", "alarm tripped")
    world.in_service()
    world.config("c2", world.variant(InitialInstanceCount=9))
    world("UpdateEndpoint", EndpointName="e", EndpointConfigName="c2")
    world.sim.clock.sleep(240)
    rolled_back = world.describe()
    assert (rolled_back["EndpointStatus"], rolled_back["EndpointConfigName"]) == ("InService", "c")
    assert rolled_back["FailureReason"] == "alarm tripped"
    assert rolled_back["ProductionVariants"][0]["CurrentInstanceCount"] == 2
    assert "PendingDeploymentSummary" not in rolled_back
    assert world.transitions()[-1] == (420, "Updating → InService", "alarm tripped")
    world("UpdateEndpoint", EndpointName="e", EndpointConfigName="c2")
    assert "FailureReason" not in world.describe()
    world.sim.clock.sleep(240)
    assert world.describe()["EndpointConfigName"] == "c2"


def test_an_empty_failure_reason_still_fails_the_update(world):
    world.sim.faults.fail_update("e", "")
    world.in_service()
    world.config("c2")
    world("UpdateEndpoint", EndpointName="e", EndpointConfigName="c2")
    world.sim.clock.sleep(240)
    assert world.describe()["EndpointConfigName"] == "c"
    assert "FailureReason" not in world.describe()


def test_an_error_refuses_the_call_without_effect(world):
    world.sim.faults.error("CreateModel", code="InternalFailure", message="oops", status=500)
    response = world.sim.respond(world.request("CreateModel", {}))
    assert response.status == 500
    assert json.loads(response.body) == {"__type": "InternalFailure", "message": "oops"}
    assert names(world) == []
    world.model()
    assert names(world) == ["m"]


def test_throttling_ends_after_its_count_and_touches_one_operation(world, refused):
    world.sim.faults.throttle("CreateModel", 2)
    assert names(world) == []
    for _ in range(2):
        with pytest.raises(Exception, match="ThrottlingException: Rate exceeded"):
            world.model()
    world.model()


@pytest.mark.parametrize(("when", "effect"), [("before", []), ("after", ["m"])])
def test_a_cut_connection_has_its_effect_only_if_cut_after(world, when, effect):
    world.sim.faults.cut("CreateModel", when)
    with pytest.raises(ConnectionCut) as cut:
        world.model()
    assert (cut.value.operation, cut.value.when) == ("CreateModel", when)
    assert names(world) == effect
    assert world.sim.history()[0].outcome == f"cut {when}"


@pytest.mark.parametrize(("when", "effect"), [("before", ["m0"]), ("after", ["m1", "m0"])])
def test_a_crash_comes_at_the_nth_write_and_reads_do_not_count(world, when, effect):
    world.sim.faults.crash_at(2, when)
    world.model("m0")
    names(world)
    with pytest.raises(SimulatedCrash):
        world.model("m1")
    assert names(world) == effect
    world.model("m2")
    assert world.sim.history()[2].outcome == f"crash {when}"


def test_a_crash_after_comes_even_where_the_call_is_refused(world):
    world.model()
    world.sim.faults.crash_at(1, "after")
    with pytest.raises(SimulatedCrash):
        world.model()


@pytest.mark.parametrize("create", ["CreateEndpoint", "UpdateEndpoint"])
def test_a_new_config_hides_from_dependents_for_so_many_reads_but_not_from_describe(world, refused, create):
    if create == "UpdateEndpoint":
        world.in_service()
    else:
        world.model()
    world.sim.faults.hide("CreateEndpointConfig", reads=2)
    arn = world.config("c2")
    for _ in range(2):
        assert world("DescribeEndpointConfig", EndpointConfigName="c2")["EndpointConfigArn"] == arn
        message = refused(world, create, EndpointName="e", EndpointConfigName="c2")
        assert message == f'Could not find endpoint configuration "{arn}".'
    world(create, EndpointName="e", EndpointConfigName="c2")


def test_a_new_model_hides_from_the_config_that_names_it(world, refused):
    world.sim.faults.hide("CreateModel", reads=1)
    arn = world.model()
    assert refused(world.config) == f'Could not find model "{arn}".'
    world.config()


def test_hiding_ends_with_zero_reads_and_with_reset(world):
    world.sim.faults.hide("CreateModel", reads=9)
    world.sim.faults.hide("CreateModel", reads=0)
    world.model()
    world.config()
    world.sim.faults.hide("CreateModel", reads=9)
    world.model("n")
    world.sim.faults.reset()
    world.config("c2", world.variant(ModelName="n"))


def test_reset_forgets_every_fault(world):
    faults = world.sim.faults
    faults.throttle("CreateModel")
    faults.cut("CreateModel")
    faults.crash_at(1)
    faults.fail_create("e", "x")
    faults.reset()
    assert world.in_service()["EndpointStatus"] == "InService"


@pytest.mark.parametrize(
    ("ask", "why"),
    [
        (lambda faults: faults.throttle("CreateModle"), "no operation 'CreateModle'"),
        (lambda faults: faults.throttle("CreateModel", 0), "a count starts at 1"),
        (lambda faults: faults.crash_at(0), "a count starts at 1"),
        (lambda faults: faults.cut("CreateModel", "during"), "'before' or 'after'"),
        (lambda faults: faults.hide("CreateEndpoint", 1), "can be hidden"),
        (lambda faults: faults.hide("CreateModel", (3, 1)), "rising pair"),
    ],
)
def test_a_fault_that_would_never_come_is_refused(sim, ask, why):
    with pytest.raises(ValueError, match=why):
        ask(sim.faults)


def test_a_fleet_that_is_launched_in_no_time_fails_in_no_time():
    with Simulator.open(settings=Settings(updating_s=0, activating_s=0)) as sim:
        world = World(sim)
        world.in_service()
        world.config("c2")
        sim.faults.fail_update("e", "no capacity")
        world.update("c2")
        sim.clock.sleep(3600)
        assert (world.describe()["EndpointConfigName"], world.describe()["FailureReason"]) == ("c", "no capacity")
