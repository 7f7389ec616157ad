"""`mmeplan serve`: the simulated SageMaker on a port, for any AWS client."""

from __future__ import annotations

import ipaddress
import os
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mmeplan.cli.door import say, tell
from mmeplan.cli.numbers import FiniteRange
from mmeplan.errors import InputError, Problem

if TYPE_CHECKING:
    from mmeplan.simulator import Simulator


@click.command(epilog="\b\nExample:\n  mmeplan serve --port 5010 --speed 60")
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="The address to listen on.")
@click.option(
    "--port", default=0, show_default=True, type=click.IntRange(0, 65_535), help="The port; 0 takes a free one."
)
@click.option("--db", metavar="FILE", type=click.Path(dir_okay=False), help="Keep the world in this file.")
@click.option(
    "--speed",
    default=1.0,
    show_default=True,
    type=FiniteRange(0, 1_000_000),
    help="How many times as fast as wall time the world's time runs; 0 lets it stand still.",
)
@click.option("--seed", default=0, show_default=True, type=int, help="The seed of a new world.")
@click.option(
    "--start",
    metavar="now|TIME",
    callback=lambda _context, _option, text: _moment(text),
    help="When the world's time starts, such as 2026-11-30T08:00:00Z; without it 2026-01-01.",
)
@click.option("--faults", metavar="FILE", type=click.Path(dir_okay=False), help="Faults to begin with, as YAML.")
@click.option(
    "--declare",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="What else the account has, as YAML: images, instance types, keys, subnets, ….",
)
def command(
    *,
    host: str,
    port: int,
    db: str | None,
    speed: float,
    seed: int,
    start: datetime | None,
    faults: str | None,
    declare: str | None,
) -> None:
    """Serve a simulated SageMaker (with S3, STS, CloudWatch alarms, autoscaling, quotas) until interrupted.

    Point AWS_ENDPOINT_URL at it; any credentials will do.
    """
    from mmeplan.simulator import Simulator
    from mmeplan.simulator.server import Server

    with Simulator.open(db or ":memory:", seed=seed, start=start) as simulator:
        if start and simulator.clock.now() > start:
            tell(f"warning: the world in {db} goes on at {simulator.clock.now().isoformat()}: its time never goes back")
        if faults:
            _read(simulator, faults, _ask)
        if declare:
            _read(simulator, declare, _declare)
        try:
            server = Server(simulator, host, port, speed)
        except OSError as error:
            why = error.strerror or str(error)
            raise InputError([Problem(f"can't listen on {host}:{port}: {why}", hint="name another --port")]) from None
        _warn_beyond_loopback(host)
        try:
            _stop_on_signals()
            server.start()
            say(f"serving {server.url}")
            sys.stdout.flush()
            signal.pause()
        except _Stopped:
            pass
        finally:
            server.stop()


def _moment(text: str | None) -> datetime | None:
    """What --start says; a time without a zone is UTC."""
    if text is None:
        return None
    if text == "now":
        from mmeplan.cloud.clock import SystemClock

        return SystemClock().now()
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise click.BadParameter("it must be `now` or a time such as 2026-11-30T08:00:00Z") from None


class _Stopped(BaseException):
    """SIGTERM or SIGINT has come."""


def _stop_on_signals() -> None:
    def stop(_number: int, _frame: Any) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise _Stopped

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)


def _ask(simulator: Simulator, entries: Any) -> None:
    from mmeplan.simulator import fault_list

    fault_list.ask(simulator.faults, entries)


def _declare(simulator: Simulator, document: Any) -> None:
    """The document's own `region`, or the one that the environment names."""
    region = document.pop("region", None) if isinstance(document, dict) else None
    simulator.declare(document, region=str(region or os.environ.get("AWS_DEFAULT_REGION", "us-east-1")))


def _read(simulator: Simulator, path: str, hand_over: Callable[[Simulator, Any], None]) -> None:
    """Hand the simulator what a YAML file holds. Raises InputError."""
    import yaml

    try:
        hand_over(simulator, yaml.safe_load(Path(path).read_text(encoding="utf-8")))
    except OSError as error:
        raise InputError([Problem(f"can't be read: {error.strerror}", path)]) from None
    except (ValueError, yaml.YAMLError) as error:
        raise InputError([Problem(str(error), path, hint="docs/simulator.md says what such a file holds")]) from None


def _warn_beyond_loopback(host: str) -> None:
    try:
        inside = ipaddress.ip_address(host).is_loopback
    except ValueError:
        inside = host == "localhost"
    if not inside:
        tell(f"warning: {host} is beyond this machine: whoever reaches it can do everything, unasked")
