"""What an apply tells: a stream of `Event`s while it runs, an `Outcome` at its end.

One stream feeds every display: the terminal, plain lines, `--json` and the journal. docs/events.md is its contract.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

FORMAT_VERSION: Final = "1.1"

EventKind = Literal["began", "started", "called", "polled", "retried", "done", "failed", "skipped", "ended"]


Cause = Literal["", "request", "limit", "permission", "credentials", "access", "failed", "rolled_back", "stuck"]
"""What a failure comes from: the request itself, a quota, a missing permission, credentials that aren't valid, a role
or an object that SageMaker can't use, an endpoint that came up Failed, an update that was taken back, an endpoint that
only people can free."""


@dataclass(frozen=True, slots=True)
class StepResult:
    """How one step ended, and why. `rolled_back`: SageMaker accepted the update and took it back.

    `cause` is what has to be mended before the same step can end otherwise; empty where trying again may do.
    """

    step: str
    address: str
    detail: str
    rolled_back: bool = False
    cause: Cause = ""


@dataclass(frozen=True, slots=True)
class Began:
    """What is carried out: the first event. `steps` is how many there are; `format_version` is that of the stream."""

    plan_id: str
    fleet: str
    account: str
    region: str
    steps: int
    tool_version: str
    format_version: str = FORMAT_VERSION


@dataclass(frozen=True, slots=True)
class Ended:
    """How the apply ended: the last event. `done` is a count; `under_way` are steps that it left running.

    `complete`: every step ended well and a second look proved it. `interrupted`: by the user.
    """

    complete: bool
    interrupted: bool
    done: int
    failed: tuple[StepResult, ...] = ()
    skipped: tuple[StepResult, ...] = ()
    kept: tuple[StepResult, ...] = ()
    unverified: tuple[str, ...] = ()
    under_way: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened.

    `at` is ISO 8601 in the clock's time. `step` is the plan's step id; for a call that follows a rollback it is that
    step's with `#rolled-back-N`; empty for the whole apply. `detail` is a sentence; `status` is the endpoint's status
    where it was polled, `phase` the variants' own words (`Baking …`). `data` is there for `began` and `ended` only.
    """

    at: str
    kind: EventKind
    step: str = ""
    address: str = ""
    operation: str = ""
    detail: str = ""
    status: str = ""
    phase: str = ""
    data: Began | Ended | None = None

    def encode(self) -> dict[str, Any]:
        """The JSON object of specs/events.schema.json."""
        members = {name: getattr(self, name) for name in self.__slots__}
        return {**members, "data": asdict(self.data) if self.data else None}


Observer = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an apply ended.

    `done` were carried out or found to be as wanted already. `kept` are deletes that were not made because something
    still refers to the object: not a failure. `skipped` were not tried, because something they need failed or the apply
    was interrupted. `unverified` says what the second observation found to be otherwise than planned.
    """

    done: tuple[StepResult, ...]
    failed: tuple[StepResult, ...]
    skipped: tuple[StepResult, ...]
    kept: tuple[StepResult, ...]
    interrupted: bool = False
    unverified: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every step ended well and what is live was seen to be as planned."""
        return not (self.failed or self.skipped or self.interrupted or self.unverified)
