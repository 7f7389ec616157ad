"""What an apply tells: a stream of `Event`s while it runs, an `Outcome` at its end.

One stream feeds every display: the terminal, plain lines, `--json` and the journal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

EventKind = Literal["started", "called", "polled", "retried", "done", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened.

    `at` is ISO 8601 in the clock's time. `step` is the plan's step id. `detail` is a sentence; `status` is the
    endpoint's status where it was polled, `phase` the variants' own words (`Baking …`).
    """

    at: str
    kind: EventKind
    step: str
    address: str
    operation: str
    detail: str = ""
    status: str = ""
    phase: str = ""

    def encode(self) -> dict[str, Any]:
        """The JSON object of specs/events.schema.json."""
        return {name: getattr(self, name) for name in self.__slots__}


Observer = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class StepResult:
    """How one step ended, and why."""

    step: str
    address: str
    detail: str


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
        """Whether every step ended well and the world was seen to be as planned."""
        return not (self.failed or self.skipped or self.interrupted or self.unverified)
