"""`mmeplan status`: the fleet's endpoints as they are now."""

from __future__ import annotations

import click

from mmeplan.cli.door import document, page
from mmeplan.cli.options import Settings, check_interval, endpoints_options, format_option, poll_interval_option
from mmeplan.engine import NEAR_POLL_INTERVAL_S, POLL_INTERVAL_S

EXAMPLES = """\b
Examples:
  mmeplan status -e prod
  mmeplan status ranker           one endpoint, with its URL
  mmeplan status --watch          again and again, until Ctrl-C
"""


@click.command(epilog=EXAMPLES)
@click.option("--watch", is_flag=True, help="Look again after every --poll-interval, until Ctrl-C (exit 130).")
@poll_interval_option
@format_option("text", "json")
@endpoints_options
def command(
    settings: Settings, endpoints: tuple[str, ...], format_: str, watch: bool, poll_interval_s: float | None
) -> None:
    """Show endpoints as they are now: status, config in force, variants with instances and traffic, what is under way.

    All of FLEET, or those of the NAMEs, which may be addresses: endpoint/ranker.
    """
    if poll_interval_s is not None and not watch:
        raise click.UsageError("--poll-interval needs --watch")
    desired, interval_s = settings.compiled(looks=False), POLL_INTERVAL_S

    def look() -> str:
        nonlocal interval_s
        with settings.engine(desired.fleet) as engine:
            if watch:
                check_interval(poll_interval_s, engine)
                interval_s = poll_interval_s or (NEAR_POLL_INTERVAL_S if engine.is_near else POLL_INTERVAL_S)
            status, now = engine.status(desired, endpoints), engine.clock.now()
        if format_ == "json":
            return status.json()
        text = status.text(width=settings.width, color=settings.color, urls=len(endpoints) == 1)
        return f"{now:%Y-%m-%d %H:%M:%S} UTC\n\n{text}" if watch else text

    show = document if format_ == "json" else page
    if not watch:
        show(look())
        return
    from mmeplan.cli.watching import again_and_again
    from mmeplan.cloud.clock import SystemClock

    again_and_again(look, show, SystemClock(), lambda: interval_s)
