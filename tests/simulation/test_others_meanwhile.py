"""What others do between two calls of an apply: it is seen, it is called what it is, and it is left alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest

from mmeplan import apply
from mmeplan.apply import Event, Outcome
from mmeplan.live import Answer, Call, Progress
from mmeplan.plan import Plan
from tests.simulation.world import World, fleet, model, one, serverless, unwatched, variant

SMALL, LARGE = one(), one({"main": variant(instance_type="ml.m5.xlarge")})
ROLLED_BACK_TAG = "mmeplan:rolled-back"
FLEET_TAG = "mmeplan:fleet"


@pytest.fixture
def world() -> Iterator[World]:
    with World() as made:
        yield made


def carry_out(
    world: World, made: Plan, when: Callable[[Event], bool], external: Callable[[], None], **how: Any
) -> Outcome:
    """Apply; at the first event of that kind somebody does something."""
    done: list[Event] = []

    def observer(event: Event) -> None:
        if not done and when(event):
            done.append(event)
            external()

    outcome = apply.run(made, world.cloud, world.cloud, world.sim.clock, observer, **how)
    assert done, "it never came to that"
    return outcome


# --- a swap of somebody else ------------------------------------------------------------------------------------------


def swapped_meanwhile(world: World, **how: Any) -> Outcome:
    """Our update has ended, nobody has looked yet, and another team moves the endpoint to a config of its own."""
    world.foreign_endpoint()
    world.live_through(SMALL)
    made = world.plan(LARGE)

    def external() -> None:
        world.sim.clock.sleep(900)
        with unwatched(world):
            world.does("UpdateEndpoint", EndpointName="ranker", EndpointConfigName="theirs")

    return carry_out(world, made, lambda e: e.kind == "polled" and e.operation == "UpdateEndpoint", external, **how)


def test_a_swap_of_somebody_else_is_not_taken_for_a_rollback(world: World) -> None:
    outcome = swapped_meanwhile(world)
    (failed,) = outcome.failed
    assert "somebody else changed ranker meanwhile" in failed.detail
    assert "theirs" in failed.detail
    assert not failed.rolled_back
    assert ROLLED_BACK_TAG not in world.tags("endpoint", "ranker")


def test_a_swap_of_somebody_else_deletes_nothing_with_clean(world: World) -> None:
    before = len(world.plan(LARGE).steps)
    assert before
    outcome = swapped_meanwhile(world, clean=True)
    assert outcome.failed
    assert len([name for name in world.names("endpoint-config") if name != "theirs"]) == 2
    assert not any(operation == "DeleteEndpointConfig" for operation, _ in world.written)


# --- deletes ----------------------------------------------------------------------------------------------------------

DELETES = {"DeleteModel": "ModelName", "DeleteEndpointConfig": "EndpointConfigName", "DeleteEndpoint": "EndpointName"}


@pytest.mark.parametrize("operation", DELETES)
def test_what_somebody_deletes_between_the_guard_and_the_call_is_gone_at_once(world: World, operation: str) -> None:
    world.live_through({**SMALL, "retain": 0})
    made = world.plan({**SMALL, "models": {}, "endpoints": {}})
    (step,) = (step for step in made.steps if step.operation == operation)
    called = [at for at, other in enumerate(made.steps, start=1) if other.id == step.id]
    world.sim.faults.foreign_write(called[0], operation, step.params)
    outcome = world.apply(made)
    assert outcome.complete, outcome
    kinds = [event.kind for event in world.events if event.step == step.id]
    assert "retried" not in kinds
    if operation != "DeleteEndpoint":
        assert {result.step: result.detail for result in outcome.done}[step.id] == "is gone already"


@pytest.mark.parametrize("operation", ["DeleteModel", "DeleteEndpointConfig", "DeleteEndpoint"])
def test_a_delete_that_is_denied_is_not_taken_for_done(world: World, operation: str) -> None:
    world.live_through({**SMALL, "retain": 0})
    made = world.plan({**SMALL, "models": {}, "endpoints": {}})
    world.sim.faults.error(operation, code="AccessDeniedException", message="not authorized")
    outcome = world.apply(made)
    assert [result.step.partition(":")[0] for result in outcome.failed] == [operation]
    assert outcome.failed[0].detail == f"{operation}: AccessDeniedException: not authorized"


def test_a_config_that_is_missing_for_an_update_is_no_success(world: World) -> None:
    """Only of a delete is it one that the object can't be found."""
    world.live_through(SMALL)
    made = world.plan(LARGE)
    name = next(step.params["EndpointConfigName"] for step in made.steps if step.operation == "UpdateEndpoint")
    number = next(at for at, step in enumerate(made.steps, start=1) if step.operation == "UpdateEndpoint")
    with unwatched(world):
        world.sim.faults.foreign_write(number, "DeleteEndpointConfig", {"EndpointConfigName": name})
        outcome = world.apply(made)
    assert [result.step for result in outcome.failed] == ["UpdateEndpoint:endpoint/ranker"]
    assert "somebody deleted it" in outcome.failed[0].detail


# --- the second look --------------------------------------------------------------------------------------------------


def of(concurrency: int, memory: int = 2048) -> dict[str, Any]:
    sizes = {"memory_size_in_mb": memory, "max_concurrency": concurrency, "provisioned_concurrency": 1}
    return one({"main": serverless(serverless_config=sizes)})


CHANGED: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "concurrency": (of(5), of(5, memory=4096), {"ServerlessUpdateConfig": {"MaxConcurrency": 9}}),
    "provisioned": (of(5), of(5, memory=4096), {"ServerlessUpdateConfig": {"ProvisionedConcurrency": 3}}),
    "count": (SMALL, LARGE, {"DesiredInstanceCount": 7}),
    "weight": (SMALL, LARGE, {"DesiredWeight": 3.0}),
}


@pytest.mark.parametrize("what", CHANGED)
def test_what_somebody_changes_after_a_swap_is_found_by_the_second_look(world: World, what: str) -> None:
    first, second, member = CHANGED[what]
    world.live_through(first)
    made = world.plan(second)

    def external() -> None:
        with unwatched(world):
            items = [{"VariantName": "main", **member}]
            world.does("UpdateEndpointWeightsAndCapacities", EndpointName="ranker", DesiredWeightsAndCapacities=items)
        world.sim.clock.sleep(600)

    outcome = carry_out(world, made, lambda e: e.kind == "done" and e.operation == "UpdateEndpoint", external)
    assert outcome.unverified == ("endpoint ranker: counts or weights are not as planned",)
    assert not outcome.complete


# --- tags -------------------------------------------------------------------------------------------------------------


class OneTagAPage:
    """A reader to which ListTags shows one tag a page. The service is free to."""

    def __init__(self, world: World) -> None:
        self.cloud, self.pages = world.cloud, 0

    def read(self, operation: str, params: Mapping[str, Any]) -> Answer:
        if operation != "ListTags":
            return self.cloud.read(operation, params)
        self.pages += 1
        tags = self.cloud.read(operation, {"ResourceArn": params["ResourceArn"]})["Tags"]
        at = int(params.get("NextToken", "0"))
        more = {"NextToken": str(at + 1)} if at + 1 < len(tags) else {}
        return {"Tags": tags[at : at + 1], **more}

    def gather(self, calls: Sequence[Call], progress: Progress | None = None) -> list[Answer | Exception]:
        return self.cloud.gather(calls, progress)


def test_tags_on_a_second_page_count(world: World) -> None:
    """Whose it is stands behind its address, and what a create asks for stands before it."""
    tagged = {"defaults": {"tags": {"a": "1", "z": "2"}}}
    world.live_through({**SMALL, **tagged})
    made = world.plan({**LARGE, **tagged, "models": {"ranker": model("2")}, "retain": 0})
    assert {"UpdateEndpoint", "AddTags", "DeleteEndpointConfig", "DeleteModel"} <= {s.operation for s in made.steps}
    reader = OneTagAPage(world)
    outcome = apply.run(made, reader, world.cloud, world.sim.clock, lambda _: None)
    assert outcome.complete, outcome
    assert not outcome.kept
    assert reader.pages > 20


ADOPTED = fleet({"theirs": {"config": SMALL["endpoints"]["ranker"]["config"], "adopt": True}})


def adopts(world: World) -> Plan:
    world.foreign_endpoint()
    made = world.plan(ADOPTED)
    assert made.steps[-1].operation == "AddTags"
    return made


def test_an_adoption_that_was_interrupted_is_finished_by_the_same_plan(world: World) -> None:
    made = adopts(world)
    taking = next(step for step in made.steps if step.operation == "AddTags" and step.address == "endpoint/theirs")
    with unwatched(world):
        world.does("AddTags", **{**taking.params, "Tags": taking.params["Tags"][:-1]})  # the last one is missing
        assert {"Key": FLEET_TAG, "Value": "f"} in taking.params["Tags"][:-1]
        outcome = world.apply(made)
    assert not outcome.failed, outcome
    assert world.tags("endpoint", "theirs")[FLEET_TAG] == "f"


def test_what_another_fleet_has_taken_meanwhile_is_not_adopted(world: World) -> None:
    made = adopts(world)
    with unwatched(world):
        arn = world.endpoint("theirs")["EndpointArn"]
        world.does("AddTags", ResourceArn=arn, Tags=[{"Key": FLEET_TAG, "Value": "g"}])
        outcome = world.apply(made)
    assert "it belongs to the fleet 'g' by now" in " ".join(result.detail for result in outcome.failed)
    assert world.tags("endpoint", "theirs") == {FLEET_TAG: "g"}
