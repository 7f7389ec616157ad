"""`mmeplan plan`: what an apply would do, and to whose traffic."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import click

from mmeplan import signing
from mmeplan.cli.base import base_of
from mmeplan.cli.commit import commit_of
from mmeplan.cli.door import document, tell
from mmeplan.cli.options import (
    Settings,
    address_options,
    fleets_options,
    format_option,
    full_option,
    max_change_option,
    online_option,
    parallelism_option,
    prune_artifacts_option,
    show_environment_option,
    snapshot_option,
)
from mmeplan.cli.outputs import PRINTED, Outputs, exit_code, write_option
from mmeplan.cli.reports import Folders, report
from mmeplan.engine import DEFAULT_PARALLELISM, Desired, Planned, files_of, next_of
from mmeplan.errors import Command, InputError, Problem
from mmeplan.files import is_folder
from mmeplan.plan import Plan
from mmeplan.plan.permissions import MANAGED_POLICY_CHARACTERS

EXAMPLES = """\b
Examples:
  mmeplan plan                             the fleet in ./fleet.yaml
  mmeplan plan -e prod --out plan.json     save it, for apply plan.json
  mmeplan plan --out plan.json --sign key.pem
                                           signed, for mmeplan apply --verify
  mmeplan plan --online                    with reads of S3, ECR and quotas
  mmeplan plan --local fleet.yaml          against the simulated SageMaker
  mmeplan plan --snapshot live.json        without credentials
  mmeplan plan --format html > plan.html   a report for a browser
  mmeplan plan fleets/*.yaml -e staging -e prod --out plans
                                           one report, a saved plan each
"""


@click.command(epilog=EXAMPLES)
@click.option(
    "--out",
    metavar="FILE|FOLDER",
    type=click.Path(),
    help="Save the plan (mode 0600: it holds environment values); of several each in a file of this folder.",
)
@click.option(
    "--sign",
    "key_file",
    metavar="KEYFILE",
    type=click.Path(dir_okay=False),
    help="Sign the saved plan with this Ed25519 key (PEM), in FILE.sig, for apply --verify.",
)
@format_option(*PRINTED)
@write_option
@click.option("--detailed-exitcode", is_flag=True, help="Exit 2 where there are changes, 0 where there are none.")
@address_options
@click.option("--retry-rolled-back", is_flag=True, help="Plan updates again that SageMaker has rolled back before.")
@max_change_option
@parallelism_option
@snapshot_option("Plan from a saved snapshot, without credentials; of several each from its own.", "FILE|FOLDER")
@online_option
@prune_artifacts_option
@click.option(
    "--iam", is_flag=True, help="Print the IAM policy that this plan and its apply need, instead of the plan."
)
@click.option(
    "--base",
    metavar="REF",
    help="Hold the file against this branch: what was added there since isn't deleted because this one is behind.",
)
@click.option("--together", is_flag=True, help="The report of several plans, also where there is one.")
@show_environment_option
@full_option
@fleets_options
def command(
    each: tuple[Settings, ...],
    out: str | None,
    key_file: str | None,
    format_: str,
    writes: tuple[tuple[str, str], ...],
    detailed_exitcode: bool,
    snapshot_file: str | None,
    iam: bool,
    show_environment: bool,
    full: bool,
    together: bool,
    **options: Any,
) -> None:
    """Show what an apply of each FLEET would do, and to whose traffic.

    Nothing is changed. Exits 0, or 2 with --detailed-exitcode where there are changes, or 3 where the plan is refused.
    Several fleets or environments make one report, the worst first, and end with the worst one's code; an error in one
    hides no other's plan.
    """
    settings = each[0]
    if options["online"] and snapshot_file:
        text = "--online reads live services; a plan from --snapshot reads none"
        raise InputError([Problem(text, settings.fleet)])
    if key_file and not out:
        raise click.UsageError("--sign signs what --out FILE saves")
    outputs = Outputs(
        settings,
        format_,
        writes,
        out,
        (*(one.fleet for one in each), snapshot_file, *settings.variable_files),
        show_environment,
        full,
        sign_by=signing.private_key(key_file) if key_file else None,
    )
    if together or len(each) > 1:
        _refuse_of_one(options, iam=iam)

        def plan_of(one: Settings, snapshot: str | None) -> Planned:
            return _made(one, Desired.of(one.load()), snapshot, **options)

        whole = report(each, replace(outputs, out=None), Folders(out, snapshot_file), plan_of)
        sys.exit(exit_code(whole, detailed=detailed_exitcode))
    if out and is_folder(out):
        raise InputError(
            [Problem("one plan is saved in a file, and this is a folder", out, hint=f"--out {out}/plan.json")]
        )
    with outputs.told_without_plan():
        planned = _planned(settings, snapshot_file, **options)
    applies = settings.next_apply(out) if out else settings.again(next_of(planned.plan), unmasked=show_environment)
    here, elsewhere = (applies, settings.again(_expecting(planned.plan))) if planned.applyable else ("", "")
    outputs.write(planned.plan, next_command=here, elsewhere=elsewhere)
    if iam:
        _show_policy(planned)
    else:
        outputs.show(planned.plan, next_command=here if format_ == "text" else elsewhere)
    sys.exit(exit_code(planned.plan, detailed=detailed_exitcode))


def _refuse_of_one(options: Mapping[str, Any], *, iam: bool) -> None:
    """Raises UsageError for options that say something about one fleet."""
    given = (("--target", "targets"), ("--replace", "replacements"), ("--allow-outage", "allow_outage"))
    named = [option for option, name in given if options[name]] + (["--iam"] if iam else [])
    if named:
        raise click.UsageError(f"{named[0]} is about one fleet in one environment, and here are several")


def _expecting(plan: Plan) -> Command:
    """What to type where a saved plan isn't at hand: it applies this plan and no other."""
    command = next_of(plan)
    return replace(command, words=(*command.words, "--expect", plan.plan_id.removeprefix("sha256:")[:12]))


def _planned(settings: Settings, snapshot_file: str | None, **options: Any) -> Planned:
    """The plan. Ends the command with 3 where rules refuse the file."""
    with settings.checked() as desired:
        return _made(settings, desired, snapshot_file, **options)


def _made(
    settings: Settings,
    desired: Desired,
    snapshot_file: str | None,
    *,
    replacements: tuple[str, ...],
    parallelism: int | None,
    base: str | None,
    **options: Any,
) -> Planned:
    with settings.engine(desired.fleet, snapshot=snapshot_file) as engine:
        return engine.plan(
            desired,
            replace=replacements,
            parallelism=parallelism or DEFAULT_PARALLELISM,
            commit=commit_of(files_of(desired.fleet)),
            base=base_of(settings, base) if base else None,
            **options,
        )


def _show_policy(planned: Planned) -> None:
    """Print the IAM policy of a plan on stdout. Where it is too long for a managed policy, stderr says so."""
    policy = planned.policy()
    size = len(json.dumps(policy, separators=(",", ":")))
    document(json.dumps(policy, indent=2))
    if size > MANAGED_POLICY_CHARACTERS:
        text = f"the policy has {size:,} characters, and a managed policy holds {MANAGED_POLICY_CHARACTERS:,}"
        tell(f"{text}: plan with --target, a part of the fleet at a time")
