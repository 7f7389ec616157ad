"""What happened in a simulated world, as tests read it.

In: answered calls, state transitions and faults, from `core`. Out: `Event`s in the order in which they happened,
kept in the memory of the process that saw them. The same seed, calls and sleeps give equal events.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened, at a virtual time.

    kind         operation        subject               outcome                              detail
    call         `CreateModel`    the object's name     `200`, or the error's code           the error's message
    transition   `Endpoint`       the endpoint's name   `Creating → InService`               the FailureReason, if any
    fault        `CreateModel`    the object's name     `crash before`, `cut after`, …       empty

    An endpoint that doesn't exist yet, or no longer, has the status `none` in a transition.
    """

    at: datetime
    kind: Literal["call", "transition", "fault"]
    account: str
    region: str
    operation: str
    subject: str
    outcome: str
    detail: str = ""
