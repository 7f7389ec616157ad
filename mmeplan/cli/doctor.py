"""`mmeplan doctor`: whether what a run stands on is there."""

from __future__ import annotations

import sys

import click

from mmeplan.cli.door import document, page
from mmeplan.cli.numbers import FiniteRange
from mmeplan.cli.options import Settings, fleet_options, format_option, lock_option_of
from mmeplan.doctor import TIMEOUT_S, Asked, examine
from mmeplan.errors import ExitCode
from mmeplan.render import doctor_row, doctor_summary

EXAMPLES = """\b
Examples:
  mmeplan doctor
  mmeplan doctor -e prod --profile deploy
  mmeplan doctor --json
"""


@click.command(epilog=EXAMPLES)
@format_option("text", "json")
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option(
    "--timeout",
    "timeout_s",
    metavar="SECONDS",
    type=FiniteRange(min=0.1, max=3600),
    default=TIMEOUT_S,
    show_default=True,
    help="How long each check may take.",
)
@lock_option_of("Say who holds this lock.")
@fleet_options
def command(settings: Settings, format_: str, as_json: bool, timeout_s: float, lock_url: str | None) -> None:
    """Look at what a plan and an apply of FLEET stand on, and say what to type where something is wrong.

    Versions and optional parts, network, region, endpoint, clock, credentials, account, permissions (by IAM's
    simulation of just what this plan and its apply need), and the lock. Changes nothing. Exits 1 where something is
    wrong, else 0: what is only worth knowing, or can't be seen, is no error.
    """
    asked = Asked(
        file=settings.fleet,
        load=settings.load,
        connect=settings.engine,
        again=settings.again,
        same=settings.same,
        region=settings.region,
        profile=settings.profile,
        endpoint_url=settings.endpoint_url,
        where=str(settings.local_path) if settings.is_local else "",
        lock=lock_url or "",
        timeout_s=timeout_s,
    )
    if as_json or format_ == "json":
        report = examine(asked)
        document(report.json())
    else:
        report = examine(asked, lambda row: page(doctor_row(row, width=settings.width, color=settings.color)))
        page(doctor_summary(report.checks, color=settings.color))
    sys.exit(ExitCode.ERROR if report.has_errors else ExitCode.DONE)
