"""What is shown once an apply has ended, and what to type: the command that plans just this anew and carries it out.

In: a plan, and how its apply ended. Out: a view for `render`, and a `Command`.
"""

from __future__ import annotations

from mmeplan.apply import Outcome, StepResult
from mmeplan.errors import Command
from mmeplan.plan import Plan
from mmeplan.plan.document import DEFAULT_PARALLELISM
from mmeplan.render import OutcomeView


def next_after(plan: Plan, outcome: Outcome) -> Command:
    """What to type once what failed is mended. A saved plan is stale by then: its fleet file is planned anew.

    The options of the plan come again: without them something else would be planned.
    """
    if any(result.cause == "stuck" for result in outcome.failed):
        file = plan.source[0].path if plan.source else ""
        return plan.options.command(("status", file), plan.environment)
    return next_of(plan, retry_rolled_back=any(result.rolled_back for result in outcome.failed))


def next_of(plan: Plan, *, retry_rolled_back: bool = False) -> Command:
    """What to type so that just this is planned anew and carried out: the plan's command with all of its options."""
    file, options = plan.source[0].path if plan.source else "", plan.options
    words: tuple[str, ...] = ("destroy" if options.destroy else "apply", file)
    if options.rollback:
        words = ("rollback", options.targets[0].partition("/")[2], file, "--to", options.rollback)
    else:
        words += tuple(word for at in options.targets for word in ("--target", at))
        words += tuple(word for at in options.replace for word in ("--replace", at))
        words += ("--max-change", options.max_change) if options.max_change else ()
    words += tuple(word for at in options.allow_outage for word in ("--allow-outage", at))
    words += ("--parallelism", str(options.parallelism)) if options.parallelism != DEFAULT_PARALLELISM else ()
    words += ("--prune-artifacts",) if options.prune_artifacts else ()
    if options.retry_rolled_back or retry_rolled_back:
        words = (*words, "--retry-rolled-back")
    return options.command(words, plan.environment)


def outcome_view(outcome: Outcome) -> OutcomeView:
    """An outcome as `render` takes it."""

    def rows(results: tuple[StepResult, ...]) -> tuple[tuple[str, str], ...]:
        return tuple((result.step, result.detail) for result in results)

    return OutcomeView(
        done=len(outcome.done),
        failed=rows(outcome.failed),
        skipped=rows(outcome.skipped),
        kept=rows(outcome.kept),
        unverified=outcome.unverified,
        interrupted=outcome.interrupted,
        causes=tuple(sorted({result.cause for result in outcome.failed} - {""})),
    )
