"""How an apply is carried out: the options that `apply`, `destroy` and `rollback` share, and `Manner`, their sum."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import click

from mmeplan import apply as applying
from mmeplan.cli.locking import LockOptions, lock_options
from mmeplan.cli.options import Settings, parallelism_option
from mmeplan.errors import InputError, Problem


@dataclass(frozen=True)
class Manner:
    """What the user wants of the way there.

    `parallelism` is None where it isn't given: then it is the plan's. `json`: events on stdout, the rest on stderr.
    """

    yes: bool = False
    parallelism: int | None = None
    fail_fast: bool = False
    clean: bool = False
    wait_for_others: bool = True
    poll_interval_s: float = applying.POLL_INTERVAL_S
    json: bool = False
    lock: LockOptions = field(default_factory=LockOptions)

    @property
    def planned_parallelism(self) -> int:
        """What a plan that is made now counts with."""
        return self.parallelism or applying.DEFAULT_PARALLELISM

    def checked(self, settings: Settings) -> Manner:
        """The same. Raises InputError for an interval that AWS would throttle."""
        if self.poll_interval_s < applying.POLL_INTERVAL_S and not (settings.is_local or settings.is_loopback):
            least = f"{applying.POLL_INTERVAL_S:.0f} s"
            raise InputError(
                [Problem(f"--poll-interval {self.poll_interval_s:g}: AWS throttles looks more often than {least}")]
            )
        return self


def manner_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options; the command gets their values by the names of `Manner`'s members."""
    interval = click.option(
        "--poll-interval",
        "poll_interval_s",
        metavar="SECONDS",
        type=click.FloatRange(min=0.01),
        default=applying.POLL_INTERVAL_S,
        show_default=True,
        help="Time between two looks at what runs; less than the default only on this machine.",
    )
    waiting = click.option(
        "--wait-for-others/--no-wait-for-others",
        default=True,
        show_default=True,
        help="Wait for an endpoint that somebody else is updating, or fail.",
    )
    cleaning = click.option(
        "--clean", is_flag=True, help="Delete the new config and models of an update that SageMaker rolls back."
    )
    stream = click.option(
        "--json", is_flag=True, help="Print events as JSON lines on stdout (docs/events.md), the rest on stderr."
    )
    failing = click.option("--fail-fast", is_flag=True, help="Start nothing more after the first failure.")
    yes = click.option("-y", "--yes", is_flag=True, help="Don't ask.")
    return yes(parallelism_option(failing(cleaning(waiting(stream(interval(lock_options(command))))))))


def manner_of(values: dict[str, Any]) -> Manner:
    """Take the options' values out of a command's parameters."""
    return Manner(**{name: values.pop(name) for name in Manner.__dataclass_fields__})
