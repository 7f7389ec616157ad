"""`mmeplan plan`: what an apply would do, and to whose traffic."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from mmeplan import signing
from mmeplan.cli.commit import commit_of
from mmeplan.cli.door import document, tell
from mmeplan.cli.options import (
    Settings,
    address_options,
    fleet_options,
    format_option,
    full_option,
    max_change_option,
    online_option,
    parallelism_option,
    show_environment_option,
    snapshot_option,
)
from mmeplan.cli.outputs import PRINTED, Outputs, exit_code, write_option
from mmeplan.engine import DEFAULT_PARALLELISM, Planned, files_of, next_of
from mmeplan.errors import InputError, Problem
from mmeplan.plan.permissions import MANAGED_POLICY_CHARACTERS

EXAMPLES = """\b
Examples:
  mmeplan plan                                  the fleet in ./fleet.yaml
  mmeplan plan -e prod --out plan.json          save it, for mmeplan apply plan.json
  mmeplan plan --out plan.json --sign key.pem   signed, for mmeplan apply --verify
  mmeplan plan --online                         with reads of S3, ECR, CloudWatch and quotas
  mmeplan plan --local fleet.yaml               against the simulated SageMaker
  mmeplan plan --snapshot live.json             without credentials
  mmeplan plan --format html > plan.html        a report for a browser; markdown for a comment
"""


@click.command(epilog=EXAMPLES)
@click.option(
    "--out",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="Save the plan (mode 0600: it holds environment values).",
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
@snapshot_option("Plan from a saved snapshot, without credentials.")
@online_option
@click.option(
    "--iam", is_flag=True, help="Print the IAM policy that this plan and its apply need, instead of the plan."
)
@show_environment_option
@full_option
@fleet_options
def command(
    settings: Settings,
    out: str | None,
    key_file: str | None,
    format_: str,
    writes: tuple[tuple[str, str], ...],
    detailed_exitcode: bool,
    snapshot_file: str | None,
    iam: bool,
    show_environment: bool,
    full: bool,
    **options: Any,
) -> None:
    """Show what an apply of FLEET would do, and to whose traffic.

    Nothing is changed. Exits 0, or 2 with --detailed-exitcode where there are changes, or 3 where the plan is refused.
    """
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
        (settings.fleet, snapshot_file, *settings.variable_files),
        show_environment,
        full,
        sign_by=signing.private_key(key_file) if key_file else None,
    )
    with outputs.told_without_plan():
        planned = _planned(settings, snapshot_file, **options)
    applies = settings.next_apply(out) if out else settings.again(next_of(planned.plan), unmasked=show_environment)
    next_command = applies if planned.applyable else ""
    outputs.write(planned.plan, next_command=next_command)
    if iam:
        _show_policy(planned)
    else:
        outputs.show(planned.plan, next_command=next_command)
    sys.exit(exit_code(planned.plan, detailed=detailed_exitcode))


def _planned(
    settings: Settings,
    snapshot_file: str | None,
    *,
    replacements: tuple[str, ...],
    parallelism: int | None,
    **options: Any,
) -> Planned:
    """The plan. Ends the command with 3 where rules refuse the file."""
    with settings.checked() as desired, settings.engine(desired.fleet, snapshot=snapshot_file) as engine:
        return engine.plan(
            desired,
            replace=replacements,
            parallelism=parallelism or DEFAULT_PARALLELISM,
            commit=commit_of(files_of(desired.fleet)),
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
