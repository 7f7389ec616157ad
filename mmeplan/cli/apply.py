"""`mmeplan apply`: carry out a fleet file or a saved plan, and prove the result."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mmeplan import render
from mmeplan.cli.commit import commit_of
from mmeplan.cli.defaults import typed
from mmeplan.cli.door import on_one_line, page, tell
from mmeplan.cli.interrupts import INTERRUPTS
from mmeplan.cli.numbers import FiniteRange
from mmeplan.cli.options import (
    ApplyOptions,
    Settings,
    address_options,
    apply_options,
    fleet_options,
    max_change_option,
    online_option,
    prune_artifacts_option,
)
from mmeplan.cli.outputs import as_committed, rendered
from mmeplan.cli.progress import Durations, display, json_line
from mmeplan.engine import (
    Engine,
    Planned,
    files_of,
    missing_files,
    next_after,
    outcome_view,
    parallelism_problem,
    run_address,
)
from mmeplan.errors import Command, ExitCode, InputError, MmeplanError, PlanRefused, Problem
from mmeplan.files import Writing, own_folder, text_of, write_all
from mmeplan.plan import Plan, read, read_file
from mmeplan.spec.options import options_of

if TYPE_CHECKING:
    from mmeplan.apply import Event, FleetLock

EXAMPLES = """\b
Examples:
  mmeplan apply                      plan ./fleet.yaml, ask, carry it out
  mmeplan apply plan.json            what was reviewed, if nothing has moved
  mmeplan apply --expect 64811fd7bd3d fleet.yaml
                                     only what was reviewed under this id
  mmeplan apply --local fleet.yaml   on the simulated SageMaker, without waits
  mmeplan apply --yes --json         events as JSON lines on stdout
  mmeplan apply --lock s3://acme-mmeplan/locks/house-prices
                                     one apply of this fleet at a time
"""


@click.command(epilog=EXAMPLES)
@apply_options
@max_change_option
@click.option(
    "--max-age", metavar="HOURS", type=FiniteRange(min=0), help="Refuse a saved plan that is older than this."
)
@click.option(
    "--verify",
    "public_key",
    metavar="PUBLICKEY",
    type=click.Path(dir_okay=False),
    help="Apply a saved plan only if PLAN.sig is its signature by this key (plan --sign).",
)
@address_options
@click.option("--retry-rolled-back", is_flag=True, help="Make updates again that SageMaker has rolled back before.")
@online_option
@prune_artifacts_option
@fleet_options
def command(
    settings: Settings,
    how: ApplyOptions,
    max_change: str,
    max_age: float | None,
    public_key: str | None,
    targets: tuple[str, ...],
    replacements: tuple[str, ...],
    allow_outage: tuple[str, ...],
    retry_rolled_back: bool,
    online: bool,
    prune_artifacts: bool,
) -> None:
    """Make what is live into what FLEET says; FLEET is a fleet file or a saved plan.

    Create, swap, verify, delete, in this order. Exits 0 when a second look proves the result, 3 where the plan is
    refused, 4 where a saved plan is stale, 5 where something is left to do: run it again to go on.
    """
    saved = _verified(settings.fleet, public_key) if public_key else read_file(settings.fleet)
    if saved is not None:
        settings, how = _for_saved(settings, how, saved)
        given = {
            "--target": targets,
            "--replace": replacements,
            "--allow-outage": allow_outage,
            "--retry-rolled-back": retry_rolled_back,
            "--max-change": max_change,
            "--online": online,
            "--prune-artifacts": prune_artifacts,
        }
        _check_saved(saved, settings, how, [name for name, value in given.items() if value])
        most = timedelta(hours=max_age) if max_age is not None else None
        sys.exit(_apply_saved(settings, saved, most, how, verified=bool(public_key)))
    with (
        settings.checked() as desired,
        settings.engine(desired.fleet) as engine,
        how.locked(settings, engine, "apply", desired.fleet.name) as lock,
    ):
        planned = engine.plan(
            desired,
            targets=targets,
            replace=replacements,
            allow_outage=allow_outage,
            retry_rolled_back=retry_rolled_back,
            parallelism=how.planned_parallelism,
            max_change=max_change,
            online=online,
            prune_artifacts=prune_artifacts,
            commit=commit_of(files_of(desired.fleet)),
        )
        sys.exit(show_and_carry_out(planned, settings, engine, how, lock))


def _for_saved(settings: Settings, how: ApplyOptions, saved: Plan) -> tuple[Settings, ApplyOptions]:
    """The options for a saved plan, which has its own environment, region and parallelism: no variable changes them.
    The lock is that of the options, or of the fleet file that it was made from.
    """
    file = saved.source[0].path if saved.source else ""
    environment, region = typed("environment", settings.environment), typed("region", settings.region)
    lock = how.lock_url or options_of(file).get("lock")
    how = replace(how, parallelism=typed("parallelism", how.parallelism), lock_url=lock)
    return replace(settings, environment=environment, region=region), how


def _verified(path: str, public_key: str) -> Plan:
    """The saved plan of a file that is signed by that key; nothing of it is read before that is known."""
    from mmeplan import signing

    content = signing.verified(path, public_key)
    try:
        return read(content.decode("utf-8"), path)
    except UnicodeDecodeError:
        raise InputError([Problem("this is not a plan: not UTF-8", path)]) from None


def _check_saved(saved: Plan, settings: Settings, how: ApplyOptions, given: list[str]) -> None:
    """Raises InputError for options that shape a plan: a saved one has its shape."""
    if given:
        text = f"{given[0]} belongs to `mmeplan plan`; a saved plan is applied as it is"
        raise InputError([Problem(text, settings.fleet)])
    planned = saved.options.parallelism
    if (how.parallelism or 0) > planned:
        raise InputError([parallelism_problem(planned, how.parallelism or 0, settings.fleet)])
    if settings.environment or settings.variables or settings.variable_files:
        text = "-e, --var and --var-file belong to `mmeplan plan`; a saved plan is applied as it is"
        raise InputError([Problem(text, settings.fleet)])


def _apply_saved(
    settings: Settings, saved: Plan, max_age: timedelta | None, how: ApplyOptions, *, verified: bool
) -> int:
    """Apply a saved plan if what is live is still as it was; its signature may be `verified`. Returns the exit code."""
    with (
        _told(how, saved),
        settings.engine(region=settings.region or saved.region, account=saved.account) as engine,
        how.locked(settings, engine, "apply", saved.fleet) as lock,
    ):
        planned = engine.recheck(saved, max_age=max_age, verified=verified)
        for file in missing_files(saved)[:1]:
            tell(f"note: {on_one_line(file)} isn't here, so the plan was not made again from its files")
        if planned.plan.plan_id != saved.plan_id:
            tell("note: an apply of this plan has stopped before; this is what is left of it")
        return _shown_and_carried_out(planned, settings, engine, how, lock, reviewed=saved.plan_id)


def show_and_carry_out(
    planned: Planned,
    settings: Settings,
    engine: Engine,
    how: ApplyOptions,
    lock: FleetLock | None,
    *,
    agreed: Callable[[], None] = lambda: None,
) -> int:
    """Show a plan that was just made, ask, and carry it out. Returns the exit code.

    `agreed` is called before anything is done: the user said yes, or there is nothing to do.
    """
    with _told(how, planned.plan):
        return _shown_and_carried_out(planned, settings, engine, how, lock, agreed=agreed)


def _shown_and_carried_out(
    planned: Planned,
    settings: Settings,
    engine: Engine,
    how: ApplyOptions,
    lock: FleetLock | None,
    *,
    reviewed: str = "",
    agreed: Callable[[], None] = lambda: None,
) -> int:
    """The same of any plan; of the rest of a saved plan `reviewed` is the whole plan's id.

    Returns the exit code. Raises PlanRefused for a saved one.
    """
    plan, saved = planned.plan, planned.snapshot is None
    page(rendered(plan, settings, "text", show_environment=False), err=how.json)
    how.check_expected(reviewed or plan.plan_id)
    if plan.refused and not saved:
        errors = (found for found in plan.findings if found.severity == "error")
        _tell_not_applied(how, plan, [f"{found.rule}: {found.message}" for found in errors])
        return ExitCode.REFUSED
    try:
        planned.required()
    except PlanRefused as error:
        error.hint = error.hint or str(Command(("show", settings.fleet)))
        raise
    if not plan.steps:
        agreed()
        if how.json:  # the event stream begins and ends like any other
            engine.apply(planned, observer=json_line)
        _tell_outcome(how, plan, render.OutcomeView(0))
        return ExitCode.DONE if saved or plan.complete or plan.options.targets else ExitCode.ERROR
    _confirm(plan, yes=how.yes)
    agreed()
    return _carry_out(planned, settings, engine, how, lock)


@contextmanager
def _told(how: ApplyOptions, plan: Plan) -> Iterator[None]:
    """Where nothing comes of the plan, the file of --outcome says why."""
    try:
        yield
    except MmeplanError as error:
        _tell_not_applied(how, plan, getattr(error, "reasons", ()) or (str(error),))
        raise


def _tell_not_applied(how: ApplyOptions, plan: Plan, reasons: Sequence[str]) -> None:
    _write_outcome(how, plan, lambda committed, run: render.not_applied_markdown(committed, reasons, run=run))


def _tell_outcome(
    how: ApplyOptions, plan: Plan, outcome: render.OutcomeView, took_s: Mapping[str, float] | None = None
) -> None:
    _write_outcome(how, plan, lambda committed, run: render.applied_markdown(committed, outcome, took_s or {}, run=run))


def _write_outcome(how: ApplyOptions, plan: Plan, made: Callable[[Plan, str], str]) -> None:
    if how.outcome:
        text = made(as_committed(plan, os.environ), run_address(os.environ))
        write_all([Writing(Path(how.outcome), text_of(text))])


def _confirm(plan: Plan, *, yes: bool) -> None:
    """Ask on a terminal; without one, --yes must have been said. Raises MmeplanError, or click.Abort."""
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise MmeplanError("nobody can be asked here, so nothing was done", hint="add --yes")
    if plan.options.destroy:
        typed = click.prompt(f"\nThis deletes the fleet. Type its name ({render.clean(plan.fleet)}) to go on", err=True)
        agreed = typed == plan.fleet
    else:
        agreed = click.confirm("\nApply this plan?", err=True)
    if not agreed:
        raise MmeplanError("nothing was done")


def _carry_out(planned: Planned, settings: Settings, engine: Engine, how: ApplyOptions, lock: FleetLock | None) -> int:
    """Run the plan with progress and journal, and print how it ended. Returns the exit code."""
    with suppress(InputError):
        own_folder(settings.state_folder)  # an apply without a journal is no worse
    at_once = how.parallelism or planned.plan.options.parallelism
    with (
        display(
            planned.plan,
            engine.clock,
            parallelism=at_once,
            look_s=how.poll_interval_s or engine.poll_interval_s,
            color=settings.color,
        ) as show,
        INTERRUPTS.gently(engine.clock) as asked_to_stop,
    ):
        took = Durations()

        def observer(event: Event) -> None:
            show(event)
            took(event)
            if how.json:
                json_line(event)

        outcome = engine.apply(
            planned,
            observer=observer,
            parallelism=how.parallelism,
            fail_fast=how.fail_fast,
            clean=how.clean,
            wait_for_others=how.wait_for_others,
            poll_interval_s=how.poll_interval_s,
            stopping=asked_to_stop,
            lock=lock,
            journal=settings.state_folder / "journal",
        )
    view = outcome_view(outcome)
    _tell_outcome(how, planned.plan, view, took.seconds)
    text = render.outcome_text(
        view,
        width=settings.width,
        color=settings.color,
        next_command=settings.again(next_after(planned.plan, outcome)),
    )
    page(text, err=how.json)
    if outcome.interrupted and not outcome.complete:
        return ExitCode.INTERRUPTED
    return ExitCode.DONE if outcome.complete else ExitCode.INCOMPLETE
