"""`mmeplan wait`: until nothing is under way on the fleet's endpoints."""

from __future__ import annotations

import sys

import click

from mmeplan.cli.door import say
from mmeplan.cli.numbers import FiniteRange
from mmeplan.cli.options import Settings, check_interval, endpoints_options, poll_interval_option
from mmeplan.cli.progress import PlainLines
from mmeplan.engine import Desired, Engine
from mmeplan.errors import CloudError, ExitCode, MmeplanError
from mmeplan.plan.duration import Span

EXAMPLES = """\b
Examples:
  mmeplan wait -e prod
  mmeplan wait ranker --timeout 30
"""


@click.command(epilog=EXAMPLES)
@click.option(
    "--timeout", metavar="MINUTES", type=FiniteRange(min=0), help="Default: as long as something is under way."
)
@poll_interval_option
@endpoints_options
def command(
    settings: Settings, endpoints: tuple[str, ...], timeout: float | None, poll_interval_s: float | None
) -> None:
    """Wait until endpoints are at rest: InService, and nothing is pending. Changes nothing.

    All of FLEET, or those of the NAMEs, which may be addresses: endpoint/ranker. Ends with 5 where one Failed, was
    rolled back or isn't there, and with 1 where one is still under way when the time is up.
    """
    desired = settings.compiled(looks=False)
    with settings.engine(desired.fleet) as engine:
        check_interval(poll_interval_s, engine)
        left = _left(engine, desired, endpoints)
        ends = engine.wait(
            desired,
            endpoints,
            timeout_s=None if timeout is None else timeout * 60,
            poll_interval_s=poll_interval_s,
            observer=PlainLines(engine.clock, left=left),
        )
    for end in ends:
        word = "still " * (end.state == "waiting") + (end.status or "unknown")
        said = f"{end.address}  {word}"
        say(f"{said}  ({end.detail})" if end.detail else said)
    if any(end.state == "failed" for end in ends):
        sys.exit(ExitCode.INCOMPLETE)
    late = [end.address for end in ends if end.state == "waiting"]
    if late:
        raise MmeplanError(
            f"still under way after {timeout:g} minutes: {', '.join(late)}", hint="mmeplan status says what it does"
        )


def _left(engine: Engine, desired: Desired, endpoints: tuple[str, ...]) -> dict[tuple[str, str], Span]:
    """About how long what is under way still takes, by address and status; nothing where that can't be read."""
    try:
        rows = engine.status(desired, endpoints).endpoints
    except CloudError:
        return {}  # `wait` itself needs to read less, and says what is wrong with that
    return {(row.address, row.status): row.left for row in rows if row.left is not None}
