"""apply and verify: a plan's steps carried out with guards, waited for, and proved by a second observation.

freshness → executor (guard → call → wait, step by step) → verify → Outcome
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mmeplan import __version__
from mmeplan.apply.current import CurrentState
from mmeplan.apply.events import Began, Ended, Event, EventKind, Observer, Outcome, StepResult
from mmeplan.apply.executor import Executor
from mmeplan.apply.freshness import Staleness, at_hand, file_reasons, missing_files, staleness
from mmeplan.apply.journal import Journal
from mmeplan.apply.locking import FleetLock, LockOwner, LockPlace, SeenLock, after_loss, lock_place
from mmeplan.apply.references import References
from mmeplan.apply.resting import Rested, until_rest
from mmeplan.apply.transfers import TRANSFERS
from mmeplan.apply.verifying import verify
from mmeplan.live import Clock, Reader, Writer
from mmeplan.plan import Plan
from mmeplan.plan.document import DEFAULT_PARALLELISM, NEAR_POLL_INTERVAL_S, POLL_INTERVAL_S
from mmeplan.plan.step import EndpointNameIsFree, NameIsFree


def run(
    plan: Plan,
    reader: Reader,
    writer: Writer,
    clock: Clock,
    observer: Observer,
    *,
    parallelism: int = DEFAULT_PARALLELISM,
    fail_fast: bool = False,
    clean: bool = False,
    wait_for_others: bool = True,
    poll_interval_s: float = POLL_INTERVAL_S,
    stopping: Callable[[], bool] = lambda: False,
    transfers: int = 1,
) -> Outcome:
    """Carry out a plan and verify it.

    `observer` gets every event; `stopping` is asked before anything new is started (what runs is still waited for).
    `clean` deletes the new config of an update that was rolled back. Without `wait_for_others` an endpoint that
    somebody else keeps busy is a failure. `transfers` archives are written at once. `poll_interval_s` is the time
    between two looks at what runs, in seconds.

    Nothing that happens to a step is raised; it is in the outcome. Raises ValueError for a plan that isn't applyable;
    KeyboardInterrupt passes, after the event that tells of it.
    """
    if not plan.applyable and plan.steps:
        raise ValueError("this plan is not applyable")

    def tell(kind: EventKind, data: Began | Ended) -> None:
        observer(Event(clock.now().isoformat(), kind, data=data))

    executor = Executor(
        plan,
        reader,
        writer,
        clock,
        observer,
        parallelism=parallelism,
        fail_fast=fail_fast,
        clean=clean,
        wait_for_others=wait_for_others,
        poll_interval_s=poll_interval_s,
        stopping=stopping,
        transfers=transfers,
    )
    tell("began", Began(plan.plan_id, plan.fleet, plan.account, plan.region, len(plan.steps), __version__))
    try:
        outcome = executor.run()
        names = {
            step.id: step.guard.name for step in plan.steps if isinstance(step.guard, (NameIsFree, EndpointNameIsFree))
        }
        stays = [result.step for result in outcome.done if names.get(result.step) not in executor.cleaned]
        outcome = replace(outcome, unverified=verify(plan, stays, reader))
    except KeyboardInterrupt:
        under_way = tuple(sorted(executor.waits))
        done = sum(end == "done" for end, _ in executor.ends.values())
        tell("ended", Ended(complete=False, interrupted=True, done=done, under_way=under_way))
        raise
    results = (outcome.failed, outcome.skipped, outcome.kept, outcome.unverified)
    tell("ended", Ended(outcome.complete, outcome.interrupted, len(outcome.done), *results))
    return outcome


__all__ = [
    "DEFAULT_PARALLELISM",
    "NEAR_POLL_INTERVAL_S",
    "POLL_INTERVAL_S",
    "TRANSFERS",
    "Began",
    "CurrentState",
    "Ended",
    "Event",
    "FleetLock",
    "Journal",
    "LockOwner",
    "LockPlace",
    "Observer",
    "Outcome",
    "References",
    "Rested",
    "SeenLock",
    "Staleness",
    "StepResult",
    "after_loss",
    "at_hand",
    "file_reasons",
    "lock_place",
    "missing_files",
    "run",
    "staleness",
    "until_rest",
    "verify",
]
