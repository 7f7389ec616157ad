"""What is said at the end of an apply that failed: by the class of the failure, and followed it leads to the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from mmeplan import render
from mmeplan.apply import Outcome
from mmeplan.engine import next_after, outcome_view
from tests.simulation.world import REGION, Fleet, World, model, one, variant

SMALL = one({"main": variant()})
LARGE = {**one({"main": variant(instance_type="ml.m5.xlarge")}), "models": {"ranker": model("2")}, "retain": 0}
AGAIN = "Run it again to go on from here."


@pytest.fixture
def world() -> Iterator[World]:
    with World() as made:
        yield made


def _refused(operation: str, code: str, message: str) -> Callable[[World], None]:
    def planted(world: World) -> None:
        world.sim.faults.error(operation, code=code, message=message, count=10_000)

    return planted


def _quota(world: World) -> None:
    world.sim.set_quota("ml.m5.xlarge", 1, region=REGION)


def _nothing_fails(world: World) -> None:
    world.sim.faults.reset()
    world.sim.set_quota("ml.m5.xlarge", 100, region=REGION)


@dataclass(frozen=True)
class Case:
    """What goes wrong, what it comes from, and the beginning of what is said; `before` was applied in peace."""

    plant: Callable[[World], None]
    cause: str
    said: str
    before: Fleet | None = None


DENIED = "User: arn:aws:iam::123456789012:user/x is not authorized to perform: sagemaker:"
CASES = {
    "a quota at a create": Case(_quota, "limit", "Ask for a higher quota first"),
    "a quota at an update": Case(_quota, "limit", "Ask for a higher quota first", SMALL),
    "a request that is wrong": Case(
        _refused("CreateEndpointConfig", "ValidationException", "1 validation error detected: …"),
        "request",
        "SageMaker refuses what is asked for: change the fleet file first.",
    ),
    "a denied create": Case(
        _refused("CreateModel", "AccessDeniedException", DENIED + "CreateModel"), "permission", "Grant the action"
    ),
    "a denied delete": Case(
        _refused("DeleteEndpointConfig", "AccessDeniedException", DENIED + "DeleteEndpointConfig"),
        "permission",
        "Grant the action that was denied first",
        SMALL,
    ),
    "denied tags": Case(
        _refused("AddTags", "AccessDeniedException", DENIED + "AddTags"), "permission", "Grant the action", SMALL
    ),
    "credentials that expired": Case(
        _refused("CreateModel", "ExpiredTokenException", "The security token included in the request is expired"),
        "credentials",
        "Sign in again first.",
    ),
    "a role that can't read the model": Case(
        _refused("CreateModel", "ValidationException", "Could not access model data at s3://x."), "access", "See to the"
    ),
    "an endpoint that comes up Failed": Case(
        lambda world: world.sim.faults.fail_create("ranker", "the container did not answer /ping"),
        "failed",
        "Mend what the reason says first",
    ),
    "an update that is rolled back": Case(
        lambda world: world.sim.faults.fail_update("ranker", "no capacity"),
        "rolled_back",
        "What was rolled back isn't tried again unasked",
        SMALL,
    ),
    "a service that fails": Case(_refused("CreateModel", "InternalFailure", "try again"), "", AGAIN),
    "too many calls": Case(_refused("CreateModel", "ThrottlingException", "Rate exceeded"), "", AGAIN),
}


def failed(world: World, case: Case) -> Outcome:
    if case.before:
        world.live_through(case.before)
    made = world.plan(LARGE)
    case.plant(world)
    outcome = world.apply(made)
    assert not outcome.complete
    return outcome


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_failed_says_what_to_mend_and_that_leads_to_the_end(world: World, case: Case) -> None:
    outcome = failed(world, case)
    assert {result.cause for result in outcome.failed} == {case.cause}
    last = " ".join(render.outcome_text(outcome_view(outcome), width=500).splitlines()[-1].split())
    assert case.said in last
    assert (AGAIN in last) is (case.said == AGAIN)
    command = str(next_after(world.plan(LARGE), outcome))
    assert command.startswith("mmeplan apply")
    _nothing_fails(world)
    again = world.plan(LARGE, retry_rolled_back="--retry-rolled-back" in command)
    assert world.apply(again).complete
    assert world.plan(LARGE).steps == ()


def test_several_causes_are_each_said_the_most_pressing_first(world: World) -> None:
    causes = ("request", "limit", "permission")
    last = render.outcome_text(render.OutcomeView(1, failed=(("s", "why"),), causes=causes), width=500)
    assert last.index("Grant the action") < last.index("Ask for a higher quota") < last.index("change the fleet file")


def test_an_endpoint_that_only_people_can_free_is_to_be_looked_at(world: World) -> None:
    rolling = {
        "deployment_config": {
            "rolling_update_policy": {
                "maximum_batch_size": {"type": "CAPACITY_PERCENT", "value": 50},
                "wait_interval_in_seconds": 60,
            },
            "auto_rollback_configuration": {"alarms": [{"alarm_name": "ranker-5xx"}]},
        }
    }
    world.live_through(one({"main": variant()}, **rolling))
    world.sim.faults.trip_alarm("ranker", phase="Baking")
    world.sim.faults.fail_rollback("ranker", "CapacityError")
    large = one({"main": variant(instance_type="ml.m5.xlarge")}, **rolling)
    made = world.plan(large)
    outcome = world.apply(made)
    assert [result.cause for result in outcome.failed] == ["stuck"]
    assert str(next_after(made, outcome)).startswith("mmeplan status")
    assert AGAIN not in render.outcome_text(outcome_view(outcome), width=500)
