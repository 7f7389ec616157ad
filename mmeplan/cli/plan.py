"""`mmeplan plan`: what an apply would do, and to whose traffic."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from mmeplan import graph as graphs
from mmeplan import live, render, rules, spec
from mmeplan.cli import session
from mmeplan.cli.formats import rendered
from mmeplan.cli.options import (
    Settings,
    address_options,
    cloud_options,
    fleet_argument,
    max_change_option,
    online_option,
    parallelism_option,
    spec_options,
)
from mmeplan.cli.outputs import PRINTED, Outputs, Refused, write_option
from mmeplan.errors import ExitCode, InputError, Problem
from mmeplan.plan import Finding, Options, Plan
from mmeplan.plan.document import DEFAULT_PARALLELISM
from mmeplan.plan.permissions import MANAGED_POLICY_CHARACTERS, iam_policy

EXAMPLES = """\b
Examples:
  mmeplan plan                                  the fleet in ./fleet.yaml
  mmeplan plan -e prod --out plan.json          save it, for mmeplan apply plan.json
  mmeplan plan --online                         with reads of S3, ECR, CloudWatch and quotas
  mmeplan plan --local fleet.yaml               against the simulated SageMaker
  mmeplan plan --snapshot live.json             without credentials
  mmeplan plan --format html > plan.html        a report for a browser; markdown for a comment
"""


@click.command(epilog=EXAMPLES)
@fleet_argument
@click.option(
    "--out",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="Save the plan (mode 0600: it holds environment values).",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(PRINTED),
    default="text",
    show_default=True,
    help="What is printed.",
)
@write_option
@click.option("--detailed-exitcode", is_flag=True, help="Exit 2 where there are changes, 0 where there are none.")
@address_options
@click.option("--retry-rolled-back", is_flag=True, help="Plan updates again that SageMaker has rolled back before.")
@max_change_option
@parallelism_option
@click.option(
    "--snapshot",
    "snapshot_file",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="Plan from a saved snapshot, without credentials.",
)
@online_option
@click.option(
    "--iam", is_flag=True, help="Print the IAM policy that this plan and its apply need, instead of the plan."
)
@click.option("--show-environment", is_flag=True, help="Show container environment values instead of masking them.")
@spec_options
@cloud_options
def command(
    fleet: str,
    out: str | None,
    format_: str,
    writes: tuple[tuple[str, str], ...],
    detailed_exitcode: bool,
    targets: tuple[str, ...],
    replacements: tuple[str, ...],
    allow_outage: tuple[str, ...],
    retry_rolled_back: bool,
    max_change: str,
    parallelism: int | None,
    snapshot_file: str | None,
    online: bool,
    iam: bool,
    show_environment: bool,
    **common: Any,
) -> None:
    """Show what an apply of FLEET would do, and to whose traffic.

    Nothing is changed. Exits 0, or 2 with --detailed-exitcode where there are changes, or 3 where the plan is refused.
    """
    settings = session.common(fleet, **common)
    options = Options(
        targets=targets,
        replace=replacements,
        allow_outage=allow_outage,
        retry_rolled_back=retry_rolled_back,
        variables=dict(settings.variables),
        parallelism=parallelism or DEFAULT_PARALLELISM,
        max_change=max_change,
    )
    if online and snapshot_file:
        raise InputError([Problem("--online reads live services; a plan from --snapshot reads none", fleet)])
    outputs = Outputs(settings, format_, writes, out, (fleet, snapshot_file), show_environment)
    with outputs.told_without_plan():
        plan, snapshot, actions = make(settings, options, snapshot_file, online=online)
    next_command = _next_command(plan, settings, out)
    outputs.write(plan, next_command=next_command)
    if iam:
        show_policy(plan, snapshot, actions)
    else:
        outputs.show(plan, next_command=next_command)
    sys.exit(exit_code(plan, detailed=detailed_exitcode))


def make(
    settings: Settings, options: Options, snapshot_file: str | None, *, online: bool
) -> tuple[Plan, live.Snapshot, tuple[str, ...]]:
    """The plan, the snapshot it was made from, and the IAM actions that its reads of other services need.

    Ends the command with 3 where rules refuse the file: then no call is made.
    """
    fleet = session.load(settings)
    graph = graphs.compile(fleet)
    findings = session.check(fleet, graph)
    stop_if_refused(findings, fleet, settings)
    if snapshot_file:
        snapshot = read_snapshot(snapshot_file)
        return session.plan_from_snapshot(graph, snapshot, findings, options), snapshot, ()
    with session.connect(settings, region=fleet.region, account=fleet.account) as connection:
        plan, snapshot = session.observed_plan(graph, connection, findings, options, online=online)
        return plan, snapshot, rules.online_actions(graph) if online else ()


def show_policy(plan: Plan, snapshot: live.Snapshot, actions: tuple[str, ...]) -> None:
    """Print the IAM policy of a plan on stdout. Where it is too long for a managed policy, stderr says so."""
    policy = iam_policy(plan, snapshot, actions)
    size = len(json.dumps(policy, separators=(",", ":")))
    click.echo(json.dumps(policy, indent=2))
    if size > MANAGED_POLICY_CHARACTERS:
        text = f"the policy has {size:,} characters, and a managed policy holds {MANAGED_POLICY_CHARACTERS:,}"
        click.echo(f"{text}: plan with --target, a part of the fleet at a time", err=True)


def stop_if_refused(findings: list[Finding], fleet: spec.Fleet, settings: Settings) -> None:
    """Print the findings and exit 3 where any of them is an error."""
    if any(finding.severity == "error" for finding in findings):
        excerpt = fleet.source_map.excerpt if sys.stderr.isatty() else None
        text = render.findings_text(findings, width=settings.width, color=settings.color, excerpt=excerpt)
        click.echo(text, err=True, nl=False)
        raise Refused(findings, fleet)


def show(
    plan: Plan,
    settings: Settings,
    format_: str,
    *,
    show_environment: bool,
    next_command: str = "",
    err: bool = False,
) -> None:
    """Print a plan on stdout; with `err` on stderr, where stdout carries something else."""
    text = rendered(plan, settings, format_, show_environment=show_environment, next_command=next_command)
    click.echo(text, nl=False, err=err)


def exit_code(plan: Plan, *, detailed: bool) -> int:
    """The exit code of a plan, from the same facts as its summary line."""
    if plan.refused:
        return ExitCode.REFUSED
    return ExitCode.CHANGES if detailed and plan.has_changes else ExitCode.DONE


def _next_command(plan: Plan, settings: Settings, out: str | None) -> str:
    if not plan.applyable:
        return ""
    if out:
        return settings.again(f"apply {out}") if not settings.environment else f"mmeplan apply {out}"
    return settings.again(f"apply {settings.fleet}")


def read_snapshot(path: str) -> live.Snapshot:
    """A saved snapshot. Raises InputError."""
    try:
        document = json.loads(Path(path).read_bytes())
    except OSError as error:
        raise InputError([Problem(f"can't be read: {error.strerror or error}", path)]) from None
    except (ValueError, RecursionError) as error:
        raise InputError(
            [Problem(f"this is not a snapshot: {error}", path, hint="mmeplan snapshot --out FILE writes one")]
        ) from None
    return live.decode(document, path)
