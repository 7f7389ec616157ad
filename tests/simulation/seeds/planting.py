"""Bugs to plant in the engine: each is a mistake that somebody could make, and each must be found by some seed.

In: a monkeypatch. A net that catches nothing is no net: `test_seeds_find_bugs.py` holds the simulation to all of them.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from mmeplan import history
from mmeplan.apply import executor, references
from mmeplan.apply.current import CurrentState
from mmeplan.apply.events import Outcome
from mmeplan.apply.locking import FleetLock
from mmeplan.apply.waits import Verdict
from mmeplan.diff import drift, endpoints
from mmeplan.diff.demand import Demand
from mmeplan.diff.inputs import Inputs
from mmeplan.identity import Deployment
from mmeplan.live import LiveEndpoint, Ownership
from mmeplan.plan import building, scaling, steps
from mmeplan.plan.step import CALL, Decision, EndpointNameIsFree, NameIsFree, RunsConfig, Step, Unreferenced
from mmeplan.plan.steps import StepBuilder
from tests.simulation.seeds import living
from tests.simulation.seeds.drawing import draw
from tests.simulation.seeds.judging import violation

Patch = pytest.MonkeyPatch
Bug = Callable[[Patch], None]

removals = importlib.import_module("mmeplan.diff.removals")  # the package has a function of that name


def delete_before_swap(patch: Patch) -> None:
    """Deletes come first, and nothing waits for anything."""
    built = StepBuilder.build

    def deletes_first(self: Any, changes: Any) -> Any:
        made = [replace(step, after=()) for step in built(self, changes)]
        return tuple(sorted(made, key=lambda step: not step.operation.startswith("Delete")))

    patch.setattr(StepBuilder, "build", deletes_first)
    patch.setattr(Unreferenced, "check", lambda *_: CALL)
    patch.setattr(executor.Executor, "_enqueue", lambda self, index: self.ready.append(index))


def trust_in_service(patch: Patch) -> None:
    """InService is taken for success, whatever the endpoint runs, as boto3's waiter does."""

    judged = executor.judge

    def judge(wait: Any, live: Any, now: Any) -> Verdict:
        in_service = live is not None and live.endpoint_status == "InService"
        return Verdict("done") if in_service else judged(wait, live, now)

    patch.setattr(executor, "judge", judge)
    patch.setattr("mmeplan.apply.verify", lambda *_: ())


def skip_the_reference_scan(patch: Patch) -> None:
    """What is superseded is deleted without a look at who uses it."""
    patch.setattr(references.References, "user_of", lambda *_: "")
    patch.setattr("mmeplan.live.observe_users", lambda _reader, snapshot, _wanted: snapshot)


def ignore_the_pending_config(patch: Patch) -> None:
    """The scan asks what endpoints run, and not what they are moving to."""
    read_all = references.References._read_all

    def without_pending(self: Any, kind: str, names: list[str]) -> Any:
        answers = read_all(self, kind, names)
        return [{k: v for k, v in (a or {}).items() if k != "PendingDeploymentSummary"} if a else a for a in answers]

    patch.setattr(references.References, "_read_all", without_pending)
    patch.setattr("mmeplan.live.observe_users", lambda _reader, snapshot, _wanted: snapshot)


def forget_the_tags(patch: Patch) -> None:
    """What is created does not say whose it is."""

    def without_tags(resource: Any, *_: Any) -> Any:
        return dict(resource.request)

    patch.setattr(steps, "_with_tags", without_tags)


def take_whatever_exists_for_ours(patch: Patch) -> None:
    """A create is tried again blindly: that the name exists by now is taken for its own effect."""
    patch.setattr(NameIsFree, "after_exists", lambda *_: Decision("done"))
    patch.setattr(EndpointNameIsFree, "after_exists", lambda *_: Decision("join"))
    patch.setattr("mmeplan.apply.verify", lambda *_: ())


def drop_the_ownership_guard(patch: Patch) -> None:
    """The tags are not read again before a write."""
    patch.setattr(CurrentState, "tags", lambda *_: {"mmeplan:fleet": "f"})


def drop_the_update_guard(patch: Patch) -> None:
    """UpdateEndpoint looks at nothing but whether something is under way, and takes that for its own."""

    def before_update(_guard: RunsConfig, found: LiveEndpoint) -> Decision:
        return CALL if found.endpoint_status == "InService" else Decision("join")

    patch.setattr(RunsConfig, "_of", before_update)
    patch.setattr("mmeplan.apply.verify", lambda *_: ())


def poll_the_wrong_name(patch: Patch) -> None:
    """Every wait looks at the first endpoint."""
    polled = executor.poll

    def poll(reader: Any, waits: Iterable[Any]) -> Any:
        seen = polled(reader, list(waits))
        return dict.fromkeys(seen, next(iter(seen.values()), None))

    patch.setattr(executor, "poll", poll)
    patch.setattr("mmeplan.apply.verify", lambda *_: ())


def let_a_failed_look_end_the_apply(patch: Patch) -> None:
    """What a step's guard can't read ends the whole apply."""

    def start(self: executor.Executor, step: Step) -> None:
        self._tell("started", step)
        self._follow(step, self._guarded(step))

    patch.setattr(executor.Executor, "_start", start)


def collect_pinned_configs(patch: Patch) -> None:
    """What has a name of its own isn't known as declared, isn't looked for by the scan, and goes."""
    needed, running, user_of = removals._needed_names, removals._configs_that_run, references.References.user_of

    def pinned(demand: Demand, kind: str) -> set[str]:
        return {resource.physical_name for resource in demand.inputs.graph.of_kind(kind) if resource.pinned}

    def needed_unpinned(demand: Demand, kind: str) -> set[str]:
        return needed(demand, kind) - pinned(demand, kind)

    def running_unpinned(demand: Demand, changes: Any) -> set[str]:
        runs = {at: name for at, name in demand.running.items() if name not in pinned(demand, "endpoint_config")}
        return running(replace(demand, running=runs), changes)

    def user_of_unpinned(self: Any, kind: str, name: str, *more: Any) -> str:
        return user_of(self, kind, name, *more) if re.search("-[0-9a-f]{8}$", name) else ""

    patch.setattr(removals, "_needed_names", needed_unpinned)
    patch.setattr(removals, "_configs_that_run", running_unpinned)
    patch.setattr(references.References, "user_of", user_of_unpinned)


def count_drift_for_autoscaled_variants(patch: Patch) -> None:
    """The autoscaler's count is held against the file's."""
    for place in ("mmeplan.diff.inputs.meaning", "mmeplan.kinds.endpoint.meaning"):
        meant = _at(place)
        patch.setattr(place, lambda config, model_of, _autoscaled, meant=meant: meant(config, model_of, frozenset()))


def resume_from_the_journal(patch: Patch) -> None:
    """What an earlier apply wrote down as done isn't done again, whatever the world says."""
    journal: set[str] = set()
    guarded, ended = executor.Executor._guarded, executor.Executor._end

    def from_journal(self: Any, step: Any) -> Decision:
        known = (id(self.clock.account), step.id, str(step.params)) if hasattr(self.clock, "account") else None
        return Decision("done", "the journal says so") if str(known) in journal else guarded(self, step)

    def noted(self: Any, step: Any, end: Any, detail: str = "") -> None:
        if end == "done":
            journal.add(str((id(self.clock.account), step.id, str(step.params))))
        ended(self, step, end, detail)

    began = living.Life.__init__

    def begin(self: Any, scenario: Any) -> None:
        journal.clear()
        began(self, scenario)

    patch.setattr(living.Life, "__init__", begin)
    patch.setattr(executor.Executor, "_guarded", from_journal)
    patch.setattr(executor.Executor, "_end", noted)
    patch.setattr("mmeplan.apply.verify", lambda *_: ())


def forget_to_retain_capacity(patch: Patch) -> None:
    """A swap sets the counts of autoscaled variants back to the file's."""
    patch.setattr(scaling, "retention", lambda *_: {})
    patch.setattr(steps, "retention", lambda *_: {})


def delete_the_endpoint_to_swap(patch: Patch) -> None:
    """A call that isn't in the plan, in the place of one that is."""
    called = executor.Executor._call

    def call(self: Any, step: Any) -> Decision:
        if step.operation == "UpdateEndpoint":
            self.writer.write("DeleteEndpoint", {"EndpointName": step.params["EndpointName"]})
        return called(self, step)

    patch.setattr(executor.Executor, "_call", call)


def say_that_all_is_well(patch: Patch) -> None:
    """Failed steps are not told."""
    patch.setattr(Outcome, "complete", property(lambda _self: True))


def keep_every_generation(patch: Patch) -> None:
    """`retain` isn't looked at."""
    kept = removals._kept

    def all_of_them(demand: Demand, running: set[str]) -> Any:
        graph = demand.inputs.graph
        unbounded = replace(graph, fleet=replace(graph.fleet, retain=99))
        return kept(replace(demand, inputs=Inputs(unbounded, demand.inputs.snapshot)), running)

    patch.setattr(removals, "_kept", all_of_them)


def own_everything(patch: Patch) -> None:
    """The diff takes what it meets for the fleet's."""
    patch.setattr(Ownership, "owns", lambda *_: True)
    patch.setattr(CurrentState, "tags", lambda *_: {"mmeplan:fleet": "f"})


def follow_the_order_of_the_file(patch: Patch) -> None:
    """Changes come as their entries stand in the file."""
    targeted = building._targeted

    def in_file_order(graph: Any, *about: Any) -> Any:
        changes = targeted(graph, *about)
        return tuple(sorted(changes, key=lambda change: graph.fleet.source_map.locate(change.path)))

    patch.setattr(building, "_targeted", in_file_order)


def release_the_lock_early(patch: Patch) -> None:
    """Given back after the first write; the rest of the run believes that it has it."""
    wrote = FleetLock.write

    def write(self: Any, operation: str, params: Any) -> Any:
        try:
            return wrote(self, operation, params)
        finally:
            self.release()

    held = FleetLock.held
    patch.setattr(FleetLock, "write", write)
    patch.setattr(FleetLock, "held", lambda self: held(self) if self._etag else True)


def release_the_lock_before_the_rollouts_end(patch: Patch) -> None:
    """Given back when an endpoint is seen to move: the calls have been made, the rollouts go on."""
    polled, held = executor.poll, FleetLock.held
    locks: list[Any] = []

    def remember(self: Any) -> bool:
        locks[:] = [self]
        return held(self) if self._etag else True

    def poll(reader: Any, waits: Iterable[Any]) -> Any:
        for lock in locks:
            lock.release()
        return polled(reader, waits)

    patch.setattr(FleetLock, "held", remember)
    patch.setattr(executor, "poll", poll)


def take_the_lock_whoever_holds_it(patch: Patch) -> None:
    """The lock is written without a condition."""
    put = FleetLock._put
    patch.setattr(FleetLock, "_put", lambda self, _condition: put(self, {}))


def write_on_without_the_lock(patch: Patch) -> None:
    """Nobody looks whether the lock is still there."""
    patch.setattr(FleetLock, "held", lambda _self: True)


def go_back_to_what_never_served(patch: Patch) -> None:
    """Every config of an endpoint's address is taken for a generation."""
    patch.setattr(history, "_has_served", lambda *_: True)


def forget_what_is_under_way(patch: Patch) -> None:
    """What an endpoint is coming up by or moving to when a plan is made is superseded by what is planned."""
    patch.setattr(history, "coming", lambda *_: None)


def replace_nothing(patch: Patch) -> None:
    """`--replace` is taken, and nothing comes of it."""
    patch.setattr("mmeplan.planning.replacement_salts", lambda *_: {})


def forget_the_target(patch: Patch) -> None:
    """`--target` is taken, and everything is planned."""
    patch.setattr(building, "_targeted", lambda _graph, _snapshot, difference, _targets: difference.changes)


def take_over_whatever_is_there(patch: Patch) -> None:
    """An endpoint of somebody else under our name is taken for ours, whether the file says `adopt: true` or not."""
    patch.setattr(endpoints, "_ownership_refusal", lambda *_: None)
    patch.setattr(CurrentState, "tags", lambda *_: {"mmeplan:fleet": "f"})


def tell_a_stand_in_for_drift(patch: Patch) -> None:
    """What takes the place of a lost config is held against its name."""
    patch.setattr(drift, "is_placeholder", lambda _config: False)


def take_environments_for_one(patch: Patch) -> None:
    """Whoever carries the fleet's tag is ours, whatever environment it belongs to."""

    def is_of_the_fleet(deployment: Deployment, tags: Mapping[str, str]) -> bool:
        return tags.get("mmeplan:fleet") == deployment.fleet

    patch.setattr(Deployment, "owns", is_of_the_fleet)
    patch.setattr(Deployment, "may_change", is_of_the_fleet)


def share_what_others_own(patch: Patch) -> None:
    """Another deployment's models and configs are used where their content is what is wanted."""
    patch.setattr(Ownership, "needs_own_name", lambda *_: False)


BUGS: tuple[Bug, ...] = (
    delete_before_swap,
    trust_in_service,
    skip_the_reference_scan,
    ignore_the_pending_config,
    forget_the_tags,
    take_whatever_exists_for_ours,
    drop_the_ownership_guard,
    drop_the_update_guard,
    poll_the_wrong_name,
    let_a_failed_look_end_the_apply,
    collect_pinned_configs,
    count_drift_for_autoscaled_variants,
    resume_from_the_journal,
    forget_to_retain_capacity,
    delete_the_endpoint_to_swap,
    say_that_all_is_well,
    keep_every_generation,
    own_everything,
    follow_the_order_of_the_file,
    release_the_lock_early,
    release_the_lock_before_the_rollouts_end,
    take_the_lock_whoever_holds_it,
    write_on_without_the_lock,
    go_back_to_what_never_served,
    forget_what_is_under_way,
    replace_nothing,
    forget_the_target,
    take_over_whatever_is_there,
    tell_a_stand_in_for_drift,
    take_environments_for_one,
    share_what_others_own,
)


def found_by(bug: Bug, seeds: Iterable[int]) -> tuple[int, str] | None:
    """The first of the seeds that finds the bug, and what it says; None where none does."""
    with pytest.MonkeyPatch.context() as patch:
        living.forget_compiled()
        bug(patch)
        try:
            for seed in seeds:
                what = violation(draw(seed))
                if what:
                    return seed, what
        finally:
            living.forget_compiled()
    return None


def _at(place: str) -> Any:
    module, _, name = place.rpartition(".")
    import importlib

    return getattr(importlib.import_module(module), name)
