"""Bugs planted in the engine, each of which the checks of these tests must find.

A net that catches nothing is no net.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from mmeplan import history
from mmeplan.apply import executor, references, waits
from mmeplan.apply.current import CurrentState
from mmeplan.apply.waits import Verdict
from mmeplan.diff import endpoints as diff_endpoints
from mmeplan.live import Ownership
from mmeplan.plan import building
from mmeplan.plan.step import CALL, Decision, EndpointNameIsFree, NameIsFree, TagsOwnedBy, Unreferenced
from mmeplan.plan.steps import StepBuilder
from mmeplan.simulator import SimulatedCrash
from tests.simulation.world import Broken, World, config, fleet, model, one, unwatched, variant

SMALL = {**one(), "retain": 0}
LARGE = {**one({"main": variant(instance_type="ml.m5.xlarge")}), "retain": 0, "models": {"ranker": model("2")}}
KEPT = [
    {**one({"main": variant(instance_type=f"ml.m5.{size}")}), "retain": 2} for size in ("large", "xlarge", "2xlarge")
]

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


def two_rollbacks_in_a_row(world: World) -> None:
    """What was rolled back is not tried again unasked; and what is tried other than that is."""
    world.live_through(KEPT[0])
    world.sim.faults.fail_update("ranker", "no capacity")
    world.apply(KEPT[1])
    if not world.plan(KEPT[1]).refused:
        raise Broken("a rolled-back update would be made again, unasked")
    made = world.live_through(KEPT[2])
    if len(made.kept["endpoint/ranker"]) != 1 or world.tags("endpoint", "ranker")["mmeplan:served"].count(" ") != 1:
        raise Broken(f"a config that never served is kept as a generation: {made.kept}")


def unseen_rollback(world: World) -> None:
    world.live_through(KEPT[0])
    world.sim.faults.fail_update("ranker", "no capacity")
    made = world.plan(KEPT[1])
    world.sim.faults.crash_at([step.operation for step in made.steps].index("UpdateEndpoint") + 1, "after")
    with contextlib.suppress(SimulatedCrash):
        world.apply(made)
    world.sim.clock.sleep(4000)
    if not world.plan(KEPT[1]).refused:
        raise Broken("a rollback that nobody saw is not recognised")


def crash_before_the_record(world: World) -> None:
    world.live_through(KEPT[0])
    made = world.plan(KEPT[1])
    world.sim.faults.crash_at(len(made.steps), "before")
    with contextlib.suppress(SimulatedCrash):
        world.apply(made)
    world.sim.clock.sleep(900)
    made = world.plan(KEPT[2])
    world.sim.faults.crash_at(len(made.steps), "before")
    with contextlib.suppress(SimulatedCrash):
        world.apply(made)
    world.sim.clock.sleep(900)
    kept = world.live_through(KEPT[2]).kept["endpoint/ranker"]
    if len(kept) != 2:
        raise Broken(f"a generation that served was forgotten: {kept}")


def lost_config(world: World, *, crash: bool = False) -> None:
    world.live_through(SMALL)
    with unwatched(world):
        world.does("DeleteEndpointConfig", EndpointConfigName=world.names("endpoint-config")[0])
    made = world.plan(LARGE)
    if any(finding.severity == "error" for finding in made.findings):
        raise Broken("a lost config is an outage")
    if crash:
        stand_in = [step.id for step in made.steps].index("CreateEndpointConfig:endpoint_config/ranker@ranker-e5de3bd0")
        world.sim.faults.crash_at(stand_in + 1, "after")
        with contextlib.suppress(SimulatedCrash):
            world.apply(made)
    before = len(world.written)
    world.live_through(LARGE)
    if "UpdateEndpoint" not in [operation for operation, _ in world.written[before:]]:
        raise Broken("a stand-in was taken for what runs")


def lost_config_and_crash(world: World) -> None:
    lost_config(world, crash=True)


def foreign_user_of_an_old_config(world: World) -> None:
    world.live_through(SMALL)
    world.foreign_endpoint(config_name=world.names("endpoint-config")[0])
    world.live_through(LARGE)


def clean_after_a_shared_config_was_rolled_back(world: World) -> None:
    pair = {"endpoint_configs": {"c": config(main=variant())}, "retain": 0}
    text = fleet({name: {"config": "c"} for name in ("other", "ranker")}, **pair)
    world.live_through(text)
    world.sim.faults.fail_update("ranker", "no capacity")
    larger = {"c": config(main=variant(instance_type="ml.m5.xlarge"))}
    world.apply({**text, "endpoint_configs": larger}, clean=True)


def denied_looks(world: World) -> None:
    made = world.plan(SMALL)
    world.sim.faults.slow("ranker", 3000)

    def deny(event: Any) -> None:
        if event.kind == "called" and event.operation == "CreateEndpoint":
            world.sim.faults.error("DescribeEndpoint", code="AccessDeniedException", message="no", count=1000)

    world.events = type("Events", (list,), {"append": staticmethod(deny)})()
    began = world.sim.clock.now()
    world.apply(made)
    if (world.sim.clock.now() - began).total_seconds() > 1000:
        raise Broken("a wait went on that nobody could see the end of")


def overtaken_by_another_apply(world: World) -> None:
    """Another apply swaps the endpoint after our swap and before we write down whose it is."""
    world.live_through(KEPT[0])
    made, theirs = world.plan(KEPT[1]), KEPT[2]
    events: list[Any] = []

    def overtake(event: Any) -> None:
        if event.kind == "started" and event.operation == "AddTags" and not events:
            events.append(event)
            start = len(world.written)
            world.live_through(theirs)
            del world.written[start:]

    world.events = type("Events", (list,), {"append": staticmethod(overtake)})()
    world.apply(made)
    if world.plan(theirs).has_changes:
        raise Broken("what was written down is not what runs")


def delete_before_swap(patch: Patch) -> None:
    """Steps without order, deletes first."""
    built = StepBuilder.build

    def deletes_first(self: Any, changes: Any) -> Any:
        steps = [replace(step, after=()) for step in built(self, changes)]
        return tuple(sorted(steps, key=lambda step: not step.operation.startswith("Delete")))

    patch.setattr(StepBuilder, "build", deletes_first)
    patch.setattr(Unreferenced, "check", lambda *_: CALL)
    patch.setattr(executor.Executor, "_enqueue", lambda self, index: self.ready.append(index))


def trust_in_service_alone(patch: Patch) -> None:
    def judge(wait: Any, live: Any, now: Any) -> Verdict:
        status = live.describe.get("EndpointStatus") if live else ""
        return Verdict("done" if status == "InService" else "waiting")

    patch.setattr(executor, "judge", judge)
    patch.setattr("mmeplan.apply.verify", lambda *_: ())
    write_down_whatever_runs(patch)  # the guard of the tags after the swap would find it too


def skip_the_reference_scan(patch: Patch) -> None:
    patch.setattr(references.References, "user_of", lambda *_: "")


def ignore_the_ownership_tag_in_the_diff(patch: Patch) -> None:
    patch.setattr(Ownership, "owns", lambda *_: True)
    patch.setattr(CurrentState, "tags", lambda *_: {"mmeplan:fleet": "f"})


def ignore_the_ownership_tag_in_the_guard(patch: Patch) -> None:
    patch.setattr(CurrentState, "tags", lambda *_: {"mmeplan:fleet": "f"})


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

    def in_file_order(graph: Any, *about: Any) -> Any:
        changes = sorted_changes(graph, *about)
        return tuple(sorted(changes, key=lambda change: graph.fleet.source_map.locate(change.path)))

    patch.setattr(building, "_targeted", in_file_order)


def take_any_existing_object_for_ours(patch: Patch) -> None:
    for guard in (NameIsFree, EndpointNameIsFree):
        patch.setattr(guard, "after_exists", lambda *_: Decision("fail", "exists"))


def forget_that_it_was_rolled_back(patch: Patch) -> None:
    patch.setattr(history, "rolled_back", lambda *_: "")


def see_only_the_mark(patch: Patch) -> None:
    """Without a look at FailureReason and times."""
    patch.setattr(history, "served", lambda _live: None)


def take_every_old_config_for_a_generation(patch: Patch) -> None:
    patch.setattr(history, "_has_served", lambda *_: True)


def record_only_after_the_swap(patch: Patch) -> None:
    patch.setattr(history.ServedRecords, "overdue", lambda *_: "")


def an_outage_for_a_lost_config(patch: Patch) -> None:
    patch.setattr(diff_endpoints, "_border", lambda *_: diff_endpoints._TO_SERVERLESS)


def take_a_stand_in_for_what_runs(patch: Patch) -> None:
    patch.setattr(history, "runs_its_own_config", lambda _endpoint, config, _wanted="": config.is_present)


def plan_what_the_scan_will_keep(patch: Patch) -> None:
    patch.setattr("mmeplan.live.observe_users", lambda _reader, snapshot, _wanted: snapshot)


def clean_without_a_scan(patch: Patch) -> None:
    patch.setattr(executor.Executor, "_guarded", lambda self, step: CALL)


def wait_for_what_can_not_be_seen(patch: Patch) -> None:
    patch.setattr(waits, "DENIED_POLLS", 1_000_000)


def write_down_whatever_runs(patch: Patch) -> None:
    check = TagsOwnedBy.check

    def blind(guard: TagsOwnedBy, current: Any) -> Decision:
        return check(replace(guard, config=""), current)

    patch.setattr(TagsOwnedBy, "check", blind)


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
    forget_that_it_was_rolled_back: two_rollbacks_in_a_row,
    see_only_the_mark: unseen_rollback,
    take_every_old_config_for_a_generation: two_rollbacks_in_a_row,
    record_only_after_the_swap: crash_before_the_record,
    an_outage_for_a_lost_config: lost_config,
    take_a_stand_in_for_what_runs: lost_config_and_crash,
    plan_what_the_scan_will_keep: foreign_user_of_an_old_config,
    clean_without_a_scan: clean_after_a_shared_config_was_rolled_back,
    wait_for_what_can_not_be_seen: denied_looks,
    write_down_whatever_runs: overtaken_by_another_apply,
}


@pytest.mark.parametrize("bug", PLANTED, ids=lambda bug: bug.__name__)
def test_a_planted_bug_is_found(bug: Callable[[Patch], None], monkeypatch: Patch) -> None:
    with World() as world:
        PLANTED[bug](world)
    bug(monkeypatch)
    with World() as world, pytest.raises(Broken):
        PLANTED[bug](world)
