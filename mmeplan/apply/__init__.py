"""apply and verify: a plan's steps carried out with guards, waited for, and proved by a second observation.

    freshness → executor (guard → call → wait, step by step) → verify → Outcome

Called by the commands `apply` and `destroy`, and by the public API.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mmeplan.apply.events import Event, Observer, Outcome, StepResult
from mmeplan.apply.executor import Executor
from mmeplan.apply.freshness import file_reasons, stale_reasons
from mmeplan.apply.journal import Journal
from mmeplan.apply.verifying import verify
from mmeplan.live import Clock, Reader, Writer
from mmeplan.plan import Plan
from mmeplan.plan.document import DEFAULT_PARALLELISM


def run(
    plan: Plan,
    reader: Reader,
    writer: Writer,
    clock: Clock,
    observer: Observer,
    *,
    parallelism: int = DEFAULT_PARALLELISM,
    fail_fast: bool = False,
    stopping: Callable[[], bool] = lambda: False,
) -> Outcome:
    """Carry out a plan and verify it.

    `observer` gets every event; `stopping` is asked before anything new is started (what runs is still waited for).
    Nothing that happens to a step is raised; it is in the outcome. Raises ValueError for a plan that isn't applyable.
    """
    if not plan.applyable and plan.steps:
        raise ValueError("this plan is not applyable")
    executor = Executor(
        plan, reader, writer, clock, observer, parallelism=parallelism, fail_fast=fail_fast, stopping=stopping
    )
    outcome = executor.run()
    return replace(outcome, unverified=verify(plan, (result.step for result in outcome.done), reader))


__all__ = [
    "DEFAULT_PARALLELISM",
    "Event",
    "Journal",
    "Observer",
    "Outcome",
    "StepResult",
    "file_reasons",
    "run",
    "stale_reasons",
    "verify",
]
