"""Bugs planted in the engine, each of which the checks of these tests must find.

A net that catches nothing is no net.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from mmeplan.apply import executor, guards, references
from mmeplan.apply.guards import CALL, Decision
from mmeplan.apply.waits import Verdict
from mmeplan.diff.world import World as DiffWorld
from mmeplan.plan import building
from mmeplan.plan.steps import StepBuilder
from tests.simulation.world import Broken, World, fleet, model, one, variant

SMALL = {**one(), "retain": 0}
LARGE = {**one({"main": variant(instance_type="ml.m5.xlarge")}), "retain": 0, "models": {"ranker": model("2")}}

Patch = pytest.MonkeyPatch


def swap(world: World) -> None:
    world.live_through(SMALL)
    world.live_through(LARGE)


def three_generations_and_the_end(world: World) -> None:
    for text in (SMALL, LARGE, {**SMALL, "retain": 2}, fleet(models={})):
        world.live_through({"retain": 2, **text, **({"retain": 2} if text is LARGE else {})})


def rolled_back_swap(world: World) -> None:
    world.live_through(SMALL)
    world.sim.faults.fail_update("ranker", "alarm")
    if world.apply(LARGE).complete:
        raise Broken("a rolled-back update was taken for a success")


def swap_with_a_foreign_endpoint_that_came_to_the_old_config(world: World) -> None:
    world.live_through(SMALL)
    made = world.plan(LARGE)
    world.foreign_endpoint(config_name=world.names("endpoint-config")[0])
    world.apply(made)


def foreign_endpoint_of_our_name(world: World) -> None:
    world.foreign_endpoint("ranker")
    made = world.plan(LARGE)
    if made.applyable:
        world.apply(made)


def tag_lost_since_the_plan(world: World) -> None:
    world.live_through(SMALL)
    made = world.plan(fleet(models={}))
    world.does("DeleteTags", ResourceArn=world.endpoint()["EndpointArn"], TagKeys=["mmeplan:fleet"])
    world.apply(made)


def interrupted_create(world: World) -> None:
    made = world.plan(SMALL)
    world.sim.faults.cut("CreateEndpoint", "after")
    if not world.apply(made).complete:
        raise Broken("a create whose answer was lost was not found again")


def delete_before_swap(patch: Patch) -> None:
    """Steps without order, deletes first."""
    built = StepBuilder.build

    def deletes_first(self: Any, changes: Any) -> Any:
        steps = [replace(step, after=()) for step in built(self, changes)]
        loose = [
            replace(step, guard={**step.guard, "unreferenced": ""}) if "unreferenced" in step.guard else step
            for step in steps
        ]
        return tuple(sorted(loose, key=lambda step: not step.operation.startswith("Delete")))

    patch.setattr(StepBuilder, "build", deletes_first)
    patch.setattr(guards, "_before_delete", lambda *_: CALL)
    patch.setattr(executor.Executor, "_enqueue", lambda self, index: self.ready.append(index))


def trust_in_service_alone(patch: Patch) -> None:
    def judge(wait: Any, live: Any, now: Any) -> Verdict:
        status = live.describe.get("EndpointStatus") if live else ""
        return Verdict("done" if status == "InService" else "waiting")

    patch.setattr(executor, "judge", judge)
    patch.setattr("mmeplan.apply.verify", lambda *_: ())


def skip_the_reference_scan(patch: Patch) -> None:
    patch.setattr(references.References, "user_of", lambda *_: "")


def ignore_the_ownership_tag_in_the_diff(patch: Patch) -> None:
    patch.setattr(DiffWorld, "owns", lambda *_: True)
    patch.setattr(guards, "tags_of", lambda *_: {"mmeplan:fleet": "f"})


def ignore_the_ownership_tag_in_the_guard(patch: Patch) -> None:
    patch.setattr(guards, "tags_of", lambda *_: {"mmeplan:fleet": "f"})


def delete_the_endpoint_to_swap(patch: Patch) -> None:
    """UpdateEndpoint where nothing is planned: a call that isn't in the plan."""
    written = executor.Executor._call

    def call(self: Any, step: Any) -> Decision:
        if step.operation == "UpdateEndpoint":
            self.writer.write("DeleteEndpoint", {"EndpointName": step.params["EndpointName"]})
        return written(self, step)

    patch.setattr(executor.Executor, "_call", call)


def forget_the_steps_of_a_swap(patch: Patch) -> None:
    """The plan says that it swaps, and nothing does."""
    patch.setattr(StepBuilder, "_swap", lambda self, change, endpoint, live, after: after)


def two_steps_of_one_id(patch: Patch) -> None:
    patch.setattr(StepBuilder, "_suffix", lambda *_: "")
    patch.setattr(StepBuilder, "_delete_id", lambda self, change: f"Delete:{change.kind}")


def depend_on_the_order_of_the_file(patch: Patch) -> None:
    sorted_changes = building._targeted

    def in_file_order(graph: Any, difference: Any, targets: Any) -> Any:
        changes = sorted_changes(graph, difference, targets)
        return tuple(sorted(changes, key=lambda change: graph.fleet.source_map.locate(change.path)))

    patch.setattr(building, "_targeted", in_file_order)


def take_any_existing_object_for_ours(patch: Patch) -> None:
    patch.setattr(executor, "after_exists", lambda *_: Decision("fail", "exists"))


PLANTED: dict[Callable[[Patch], None], Callable[[World], None]] = {
    delete_before_swap: swap,
    trust_in_service_alone: rolled_back_swap,
    skip_the_reference_scan: swap_with_a_foreign_endpoint_that_came_to_the_old_config,
    ignore_the_ownership_tag_in_the_diff: foreign_endpoint_of_our_name,
    ignore_the_ownership_tag_in_the_guard: tag_lost_since_the_plan,
    delete_the_endpoint_to_swap: swap,
    forget_the_steps_of_a_swap: swap,
    two_steps_of_one_id: three_generations_and_the_end,
    depend_on_the_order_of_the_file: swap,
    take_any_existing_object_for_ours: interrupted_create,
}


@pytest.mark.parametrize("bug", PLANTED, ids=lambda bug: bug.__name__)
def test_a_planted_bug_is_found(bug: Callable[[Patch], None], monkeypatch: Patch) -> None:
    with World() as world:
        PLANTED[bug](world)
    bug(monkeypatch)
    with World() as world, pytest.raises(Broken):
        PLANTED[bug](world)
