"""`mmeplan drift`: what was changed behind mmeplan's back. Reads only."""

from __future__ import annotations

import sys

import click

from mmeplan import render
from mmeplan.cli.door import document, page
from mmeplan.cli.options import Settings, fleet_options, format_option, show_environment_option, snapshot_option
from mmeplan.engine import Drift
from mmeplan.errors import ExitCode
from mmeplan.plan import DriftReport

EXAMPLES = """\b
Examples:
  mmeplan drift                         the fleet in ./fleet.yaml
  mmeplan drift -e prod --format json   for a nightly job: exits 2 for drift
"""


@click.command(epilog=EXAMPLES)
@format_option("text", "json")
@snapshot_option("Look at a saved snapshot, without credentials.")
@show_environment_option
@fleet_options
def command(settings: Settings, format_: str, snapshot_file: str | None, show_environment: bool) -> None:
    """Show how what is live differs from what was applied last: what others did, in a console or by a script.

    What FLEET asks anew is no drift; `mmeplan plan` shows that too. Nothing is ever written. Exits 0 where there is no
    drift, 2 where there is, 1 where it can't be told because something could not be read.
    """
    desired = settings.compiled()
    with settings.engine(desired.fleet, snapshot=snapshot_file) as engine:
        drift = engine.drift(desired)
        report = drift.report(show_environment=show_environment)
    if format_ == "json":
        document(render.drift_json(report))
    else:
        following = _following(settings, drift) if report.has_drift else ()
        text = render.drift_text(report, width=settings.width, color=settings.color, next_commands=following)
        page(text)
    sys.exit(_exit_code(report))


def _following(settings: Settings, drift: Drift) -> tuple[tuple[str, str], ...]:
    """What to type next, and what it does."""
    plan, apply = (settings.again(settings.same(word, settings.fleet)) for word in ("plan", "apply"))
    stays = "write into the file what is to stay"
    mended = drift.mended()
    if mended == "refused":
        return ((plan, f"says what to do first, for it would be refused; {stays}"),)
    if mended == "none":
        return ((plan, "shows that an apply puts nothing of it back"),)
    back = "puts it back" if mended == "all" else "puts back what the plan shows, and not the rest"
    return (plan, f"shows what puts it back; {stays}"), (apply, back)


def _exit_code(report: DriftReport) -> int:
    """The exit code of a report, from the same facts as its summary line."""
    if report.unreadable:
        return ExitCode.ERROR
    return ExitCode.CHANGES if report.has_drift else ExitCode.DONE
