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
from mmeplan.cli.options import (
    Settings,
    cloud_options,
    fleet_argument,
    gate_options,
    online_option,
    spec_options,
)
from mmeplan.cli.progress import Interrupts, display
from mmeplan.errors import ExitCode, InputError, MmeplanError, Problem, RefusedError, StalePlanError
from mmeplan.plan import Options, Plan

EXAMPLES = """\b
Examples:
  mmeplan apply                       plan ./fleet.yaml, ask, carry it out
  mmeplan apply plan.json             carry out what was reviewed, if nothing has moved since
  mmeplan apply --local fleet.yaml    on the simulated SageMaker; waits take no time
"""


@click.command(epilog=EXAMPLES)
@fleet_argument
@click.option("-y", "--yes", is_flag=True, help="Don't ask.")
@gate_options
@click.option("--fail-fast", is_flag=True, help="Start nothing more after the first failure.")
@click.option(
    "--max-age", metavar="HOURS", type=click.FloatRange(min=0), help="Refuse a saved plan that is older than this."
)
@click.option(
    "--target", "targets", multiple=True, metavar="ADDRESS", help="Only this, and what it depends on. Repeatable."
)
@click.option(
    "--replace",
    "replacements",
    multiple=True,
    metavar="ADDRESS",
    help="A fresh object although nothing differs. Repeatable.",
)
@click.option(
    "--allow-outage", multiple=True, metavar="ADDRESS", help="Allow deleting and creating this endpoint. Repeatable."
)
@online_option
@spec_options
@cloud_options
def command(
    fleet: str,
    yes: bool,
    max_change: str,
    parallelism: int | None,
    fail_fast: bool,
    max_age: float | None,
    targets: tuple[str, ...],
    replacements: tuple[str, ...],
    allow_outage: tuple[str, ...],
    online: bool,
    **common: Any,
) -> None:
    """Make what is live into what FLEET says; FLEET is a fleet file or a saved plan.

    Create, swap, verify, delete, in this order. Exits 0 when a second look proves the result, 3 where the plan is
    refused, 4 where a saved plan is stale, 5 where something is left to do: run it again to go on.
    """
    settings = session.common(fleet, **common)
    saved = read_saved(fleet)
    if saved is None:
        options = Options(
            targets=targets,
            replace=replacements,
            allow_outage=allow_outage,
            variables=dict(settings.variables),
            parallelism=parallelism or applying.DEFAULT_PARALLELISM,
            max_change=max_change,
        )
        sys.exit(apply_fleet(settings, options, yes=yes, fail_fast=fail_fast, online=online))
    given = [
        name
        for name, value in (
            ("--target", targets),
            ("--replace", replacements),
            ("--allow-outage", allow_outage),
            ("--max-change", max_change),
            ("--online", online),
        )
        if value
    ]
    if given:
        raise InputError([Problem(f"{given[0]} belongs to `mmeplan plan`; a saved plan is applied as it is", fleet)])
    age = timedelta(hours=max_age) if max_age is not None else None
    planned = saved.options.parallelism
    if parallelism is not None and parallelism > planned:
        text = f"the plan was made for --parallelism {planned}, and its instances were counted with that"
        raise InputError([Problem(text, fleet, hint=f"mmeplan plan --parallelism {parallelism} --out FILE")])
    sys.exit(apply_saved(settings, saved, age, yes=yes, parallelism=parallelism or planned, fail_fast=fail_fast))


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
    settings: Settings,
    options: Options,
    *,
    yes: bool,
    fail_fast: bool,
    destroy: bool = False,
    online: bool = False,
) -> int:
    """Plan a fleet file, ask, and apply. Returns the exit code."""
    fleet = session.load(settings)
    graph = graphs.compile(fleet)
    findings = [] if destroy else session.check(fleet, graph)
    if destroy:
        graph = graphs.compile(emptied(fleet))
    planning.stop_if_refused(findings, fleet, settings)
    with session.connect(settings, region=fleet.region, account=fleet.account) as connection:
        plan = session.make_plan(graph, connection, findings, options, online=online)
        planning.show(plan, settings, "text", show_environment=False)
        if plan.refused:
            return ExitCode.REFUSED
        if not plan.steps:
            return ExitCode.DONE if plan.complete or options.targets else ExitCode.ERROR
        confirm(plan, yes=yes, destroy=destroy)
        return carry_out(plan, settings, connection, parallelism=options.parallelism, fail_fast=fail_fast)


def emptied(fleet: spec.Fleet) -> spec.Fleet:
    """The same fleet with nothing declared: what `destroy` plans towards."""
    from dataclasses import replace

    return replace(fleet, models={}, endpoint_configs={}, endpoints={})


def apply_saved(
    settings: Settings, plan: Plan, max_age: timedelta | None, *, yes: bool, parallelism: int, fail_fast: bool
) -> int:
    """Apply a saved plan if the world is still as it was. Returns the exit code."""
    if settings.environment or settings.variables:
        raise InputError(
            [Problem("-e and --var belong to `mmeplan plan`; a saved plan is applied as it is", settings.fleet)]
        )
    region = settings.region or plan.region
    with session.connect(settings, region=region, account=plan.account) as connection:
        reasons = applying.stale_reasons(
            plan, connection.cloud, connection.clock.now(), connection.cloud.region, max_age=max_age
        )
        if reasons:
            raise StalePlanError(reasons)
        planning.show(plan, settings, "text", show_environment=False)
        if plan.refused:
            raise RefusedError("the plan was refused when it was made", hint="mmeplan show " + settings.fleet)
        if not plan.steps:
            return ExitCode.DONE
        if not plan.applyable:
            raise RefusedError("the plan is not applyable: it was made from a snapshot", hint="mmeplan plan --out FILE")
        confirm(plan, yes=yes, destroy=plan.options.destroy)
        return carry_out(plan, settings, connection, parallelism=parallelism, fail_fast=fail_fast)


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
    plan: Plan, settings: Settings, connection: session.Connection, *, parallelism: int, fail_fast: bool
) -> int:
    """Run the plan with progress and journal, and print how it ended. Returns the exit code."""
    folder = settings.state_folder / "journal"
    started_at = connection.clock.now().isoformat()
    with (
        applying.Journal(folder, plan.plan_id, started_at) as journal,
        display(plan, connection.clock, color=settings.color) as show,
        Interrupts(connection.clock) as interrupts,
    ):

        def observer(event: applying.Event) -> None:
            journal(event)
            show(event)

        outcome = applying.run(
            plan,
            connection.cloud,
            connection.cloud,
            connection.clock,
            observer,
            parallelism=parallelism,
            fail_fast=fail_fast,
            stopping=interrupts.asked,
        )
    text = render.outcome_text(
        outcome_view(outcome),
        width=settings.width,
        color=settings.color,
        next_command=settings.again(f"apply {settings.fleet}"),
    )
    click.echo(text, nl=False)
    if outcome.interrupted and not outcome.complete:
        return ExitCode.INTERRUPTED
    return ExitCode.DONE if outcome.complete else ExitCode.INCOMPLETE


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
    )
