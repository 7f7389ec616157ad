"""`--lock s3://bucket/key`: the option, and the lock around a command that writes."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any

import click

from mmeplan.apply import FleetLock, LockOwner, lock_place
from mmeplan.cli import session
from mmeplan.cli.options import Settings
from mmeplan.render import clean


@dataclass(frozen=True)
class LockOptions:
    """--lock and --lock-timeout (minutes)."""

    url: str | None = None
    timeout_minutes: float = 0


def lock_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options; the command gets them as `lock`."""

    @wraps(command)
    def with_lock(*arguments: Any, lock_url: str | None, lock_timeout: float | None, **more: Any) -> Any:
        if lock_timeout is not None and not lock_url:
            raise click.UsageError("--lock-timeout needs --lock s3://BUCKET/KEY")
        return command(*arguments, lock=LockOptions(lock_url, lock_timeout or 0), **more)

    option = click.option(
        "--lock-timeout",
        metavar="MINUTES",
        type=click.FloatRange(min=0),
        help="Wait so long for a lock that is held. Default: don't wait.",
    )
    made = option(with_lock)
    return click.option(
        "--lock",
        "lock_url",
        metavar="s3://BUCKET/KEY",
        envvar="MMEPLAN_LOCK",
        show_envvar=True,
        help="Hold this lock for the whole run, so that no other run with it writes.",
    )(made)


@contextmanager
def locked(
    options: LockOptions, settings: Settings, connection: session.Connection, command: str, fleet: str
) -> Iterator[FleetLock | None]:
    """Hold the lock while the context is open, however it is left; None where none was asked for.

    Raises InputError, LockedError, CloudError.
    """
    if not options.url:
        yield None
        return
    place = lock_place(options.url)
    since = connection.clock.now().isoformat()
    token = f"{connection.clock.uniform(0, 1):.17f}"
    owner = LockOwner(_who(), fleet, command, since, since, token)
    lock = FleetLock(
        place, owner, connection.cloud, connection.cloud, connection.clock, unlock=unlock_command(settings, place.url)
    )
    lock.acquire(options.timeout_minutes * 60, waiting=lambda text: click.echo(clean(text), err=True))
    try:
        yield lock
    finally:
        problem = lock.lost or lock.release()
        if problem:
            click.echo(f"warning: {clean(problem)}", err=True)


def unlock_command(settings: Settings, url: str) -> str:
    """`mmeplan unlock URL` with the options that lead to the same S3."""
    local = str(settings.local_path) if settings.is_local else None
    same = replace(settings, environment=None, variables=(), local=False, local_db=local)
    return same.again(f"unlock {url}")


def _who() -> str:
    """`alice@build-7 (pid 4242)`."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()} (pid {os.getpid()})"
