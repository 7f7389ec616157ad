"""`mmeplan apply`: carry out a fleet file or a saved plan, and prove the result."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from mmeplan import apply as applying
from mmeplan import graph as graphs
from mmeplan import plan as plans
from mmeplan import render, spec
from mmeplan.cli import plan as planning
from mmeplan.cli import session
from mmeplan.cli.locking import locked
from mmeplan.cli.manner import Manner, manner_of, manner_options
from mmeplan.cli.options import (
    Settings,
    address_options,
    cloud_options,
    fleet_argument,
    max_change_option,
    online_option,
    spec_options,
)
from mmeplan.cli.progress import Interrupts, JsonLines, display
from mmeplan.errors import ExitCode, InputError, MmeplanError, Problem, RefusedError, StalePlanError
from mmeplan.plan import Options, Plan

EXAMPLES = """\b
Examples:
  mmeplan apply                       plan ./fleet.yaml, ask, carry it out
  mmeplan apply plan.json             carry out what was reviewed, if nothing has moved since
  mmeplan apply --local fleet.yaml    on the simulated SageMaker; waits take no time
  mmeplan apply --yes --json          events as JSON lines on stdout, for programs
  mmeplan apply --lock s3://acme-mmeplan/locks/house-prices
                                      one apply of this fleet at a time
"""


@click.command(epilog=EXAMPLES)
@fleet_argument
@manner_options
@max_change_option
@click.option(
    "--max-age", metavar="HOURS", type=click.FloatRange(min=0), help="Refuse a saved plan that is older than this."
)
@address_options
@click.option("--retry-rolled-back", is_flag=True, help="Make updates again that SageMaker has rolled back before.")
@online_option
@spec_options
@cloud_options
def command(
    fleet: str,
    max_change: str,
    max_age: float | None,
    targets: tuple[str, ...],
    replacements: tuple[str, ...],
    allow_outage: tuple[str, ...],
    retry_rolled_back: bool,
    online: bool,
    **common: Any,
) -> None:
    """Make what is live into what FLEET says; FLEET is a fleet file or a saved plan.

    Create, swap, verify, delete, in this order. Exits 0 when a second look proves the result, 3 where the plan is
    refused, 4 where a saved plan is stale, 5 where something is left to do: run it again to go on.
    """
    manner = manner_of(common)
    settings = session.common(fleet, **common)
    manner.checked(settings)
    saved = read_saved(fleet)
    if saved is None:
        options = Options(
            targets=targets,
            replace=replacements,
            allow_outage=allow_outage,
            retry_rolled_back=retry_rolled_back,
            variables=dict(settings.variables),
            parallelism=manner.planned_parallelism,
            max_change=max_change,
        )
        sys.exit(apply_fleet(settings, options, manner, online=online))
    given = [
        name
        for name, value in (
            ("--target", targets),
            ("--replace", replacements),
            ("--allow-outage", allow_outage),
            ("--retry-rolled-back", retry_rolled_back),
            ("--max-change", max_change),
            ("--online", online),
        )
        if value
    ]
    if given:
        raise InputError([Problem(f"{given[0]} belongs to `mmeplan plan`; a saved plan is applied as it is", fleet)])
    age = timedelta(hours=max_age) if max_age is not None else None
    planned = saved.options.parallelism
    if (manner.parallelism or 0) > planned:
        text = f"the plan was made for --parallelism {planned}, and its instances were counted with that"
        raise InputError([Problem(text, fleet, hint=f"mmeplan plan --parallelism {manner.parallelism} --out FILE")])
    sys.exit(apply_saved(settings, saved, age, manner))


def read_saved(path: str) -> Plan | None:
    """The saved plan at a path; None where it is a fleet file. Raises InputError."""
    try:
        with Path(path).open("rb") as stream:
            first = stream.read(1)
            if first != b"{" and not path.endswith(".json"):
                return None
            return plans.read((first + stream.read()).decode("utf-8"), path)
    except UnicodeDecodeError:
        raise InputError([Problem("this is not a plan: not UTF-8", path)]) from None
    except OSError as error:
        starts = "mmeplan plan --out FILE writes a plan" if path.endswith(".json") else "mmeplan init writes a starter"
        hint = starts if isinstance(error, FileNotFoundError) else ""
        raise InputError([Problem(f"can't be read: {error.strerror or error}", path, hint=hint)]) from None


def apply_fleet(
    settings: Settings, options: Options, manner: Manner, *, destroy: bool = False, online: bool = False
) -> int:
    """Plan a fleet file, ask, and apply. Returns the exit code."""
    fleet = session.load(settings)
    graph = graphs.compile(fleet)
    findings = [] if destroy else session.check(fleet, graph)
    if destroy:
        graph = graphs.compile(emptied(fleet))
    planning.stop_if_refused(findings, fleet, settings)
    with (
        session.connect(settings, region=fleet.region, account=fleet.account) as connection,
        locked(manner.lock, settings, connection, "destroy" if destroy else "apply", fleet.name) as holder,
    ):
        plan = session.make_plan(graph, connection, findings, options, online=online)
        return show_and_carry_out(plan, settings, connection, manner, holder)


def show_and_carry_out(
    plan: Plan,
    settings: Settings,
    connection: session.Connection,
    manner: Manner,
    lock: applying.FleetLock | None,
) -> int:
    """Show a plan that was just made, ask, and carry it out. Returns the exit code."""
    planning.show(plan, settings, "text", show_environment=False, err=manner.json)
    if plan.refused:
        return ExitCode.REFUSED
    if not plan.steps:
        tell_of_nothing(plan, connection, manner)
        return ExitCode.DONE if plan.complete or plan.options.targets else ExitCode.ERROR
    confirm(plan, yes=manner.yes, destroy=plan.options.destroy)
    return carry_out(plan, settings, connection, manner, lock)


def tell_of_nothing(plan: Plan, connection: session.Connection, manner: Manner) -> None:
    """The event stream of an apply that has nothing to do: it begins and ends like any other."""
    if manner.json:
        applying.run(plan, connection.cloud, connection.cloud, connection.clock, JsonLines())


def emptied(fleet: spec.Fleet) -> spec.Fleet:
    """The same fleet with nothing declared: what `destroy` plans towards."""
    from dataclasses import replace

    return replace(fleet, models={}, endpoint_configs={}, endpoints={})


def apply_saved(settings: Settings, plan: Plan, max_age: timedelta | None, manner: Manner) -> int:
    """Apply a saved plan if the world is still as it was. Returns the exit code."""
    if settings.environment or settings.variables:
        raise InputError(
            [Problem("-e and --var belong to `mmeplan plan`; a saved plan is applied as it is", settings.fleet)]
        )
    region = settings.region or plan.region
    with (
        session.connect(settings, region=region, account=plan.account) as connection,
        locked(manner.lock, settings, connection, "apply", plan.fleet) as holder,
    ):
        reasons = applying.stale_reasons(
            plan, connection.cloud, connection.clock.now(), connection.cloud.region, max_age=max_age
        )
        if reasons:
            raise StalePlanError(reasons)
        planning.show(plan, settings, "text", show_environment=False, err=manner.json)
        if plan.refused:
            raise RefusedError("the plan was refused when it was made", hint="mmeplan show " + settings.fleet)
        if not plan.steps:
            tell_of_nothing(plan, connection, manner)
            return ExitCode.DONE
        if not plan.applyable:
            raise RefusedError("the plan is not applyable: it was made from a snapshot", hint="mmeplan plan --out FILE")
        confirm(plan, yes=manner.yes, destroy=plan.options.destroy)
        return carry_out(plan, settings, connection, manner, holder)


def confirm(plan: Plan, *, yes: bool, destroy: bool) -> None:
    """Ask on a terminal; without one, --yes must have been said. Raises MmeplanError, or click.Abort."""
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise MmeplanError("nobody can be asked here, so nothing was done", hint="add --yes")
    if destroy:
        typed = click.prompt(f"\nThis deletes the fleet. Type its name ({plan.fleet}) to go on", err=True)
        agreed = typed == plan.fleet
    else:
        agreed = click.confirm("\nApply this plan?", err=True)
    if not agreed:
        raise MmeplanError("nothing was done")


def carry_out(
    plan: Plan,
    settings: Settings,
    connection: session.Connection,
    manner: Manner,
    lock: applying.FleetLock | None,
) -> int:
    """Run the plan with progress and journal, and print how it ended. Returns the exit code."""
    folder = settings.state_folder / "journal"
    started_at = connection.clock.now().isoformat()
    with (
        applying.Journal(folder, plan.plan_id, started_at) as journal,
        display(plan, connection.clock, color=settings.color) as show,
        Interrupts(connection.clock) as interrupts,
    ):
        observers: list[applying.Observer] = [journal, show, *([JsonLines()] if manner.json else [])]

        def observer(event: applying.Event) -> None:
            for told in observers:
                told(event)
            if lock is not None:
                lock.held()  # a sign of life, and a look whether it still is

        outcome = applying.run(
            plan,
            connection.cloud,
            lock or connection.cloud,
            connection.clock,
            observer,
            parallelism=manner.parallelism or plan.options.parallelism,
            fail_fast=manner.fail_fast,
            clean=manner.clean,
            wait_for_others=manner.wait_for_others,
            poll_interval_s=manner.poll_interval_s,
            stopping=lambda: interrupts.asked() or (lock is not None and not lock.held()),
        )
    if lock is not None:
        outcome = applying.after_loss(outcome, lock)
    view = outcome_view(outcome)
    next_command = next_after(plan, settings, rolled_back=view.rolled_back)
    text = render.outcome_text(view, width=settings.width, color=settings.color, next_command=next_command)
    click.echo(text, nl=False, err=manner.json)
    if outcome.interrupted and not outcome.complete:
        return ExitCode.INTERRUPTED
    return ExitCode.DONE if outcome.complete else ExitCode.INCOMPLETE


def next_after(plan: Plan, settings: Settings, *, rolled_back: bool) -> str:
    """What to type after an incomplete apply. A saved plan is stale by then: its fleet file is planned anew."""
    from dataclasses import replace

    options = plan.options
    if plan.source and settings.fleet != plan.source[0].path:
        settings = replace(settings, fleet=plan.source[0].path, environment=plan.environment or None)
        settings = replace(settings, variables=tuple(options.variables.items()))
    if options.rollback:
        target = options.targets[0].partition("/")[2]
        return settings.again(f"rollback {target} {settings.fleet} --to {options.rollback}")
    command = "destroy" if options.destroy else "apply"
    return settings.again(f"{command} {settings.fleet}{' --retry-rolled-back' if rolled_back else ''}")


def outcome_view(outcome: applying.Outcome) -> render.OutcomeView:
    """The outcome as `render` takes it."""

    def rows(results: tuple[applying.StepResult, ...]) -> tuple[tuple[str, str], ...]:
        return tuple((result.step, result.detail) for result in results)

    return render.OutcomeView(
        done=len(outcome.done),
        failed=rows(outcome.failed),
        skipped=rows(outcome.skipped),
        kept=rows(outcome.kept),
        unverified=outcome.unverified,
        interrupted=outcome.interrupted,
        rolled_back=any(result.rolled_back for result in outcome.failed),
    )
