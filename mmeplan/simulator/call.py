"""One call under way: the world it acts on, whom it belongs to, and what an operation is.

In: built by `core` for each request. Out: handed to the operation, which reads and writes the store through it.
Law for operations: check everything first, write afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mmeplan.simulator import names
from mmeplan.simulator.clock import instant
from mmeplan.simulator.faults import Faults
from mmeplan.simulator.history import Event
from mmeplan.simulator.memory import Runtime
from mmeplan.simulator.records import Records
from mmeplan.simulator.settings import Settings
from mmeplan.simulator.store import Store, Stored

Json = dict[str, Any]


@dataclass(slots=True)
class Call:
    """The context of one call. `events` collects the transitions that it causes."""

    store: Store
    settings: Settings
    faults: Faults
    account: str
    region: str
    now_us: int
    records: Records
    runtime: Runtime
    request_id: str = ""
    caller: str = ""
    """The ARN of the session that calls; empty for the account's own user."""
    events: list[Event] = field(default_factory=list)

    def scope(self, kind: str) -> tuple[str, str, str]:
        """What the store and the faults call the caller's objects of a kind."""
        return kind, self.account, self.region

    def arn(self, kind: str, name: str) -> str:
        """The ARN of the caller's object of that kind and name."""
        known = name.lower() if self.settings.lower_case_arns else name
        return names.arn(kind, self.account, self.region, known)

    def existing(self, kind: str, name: str) -> Stored:
        """The caller's object. Raises ServiceError `Could not find …`."""
        found = self.store.find(*self.scope(kind), name)
        if found is None:
            raise names.could_not_find(kind, self.arn(kind, name))
        return found

    def depended_on(self, kind: str, name: str) -> Stored:
        """As `existing`, for an object that a create or update refers to: it may not be visible yet (`Faults.hide`)."""
        found = self.existing(kind, name)
        if self.faults.hidden(self.scope(kind), name):
            raise names.could_not_find(kind, found.arn)
        return found

    def refuse_existing(self, kind: str, name: str) -> None:
        """Raises ServiceError `Cannot create already existing …` where the name is taken, in any letter case."""
        arn = self.store.arn(*self.scope(kind), name)
        if arn is not None:
            raise names.already_exists(kind, arn)

    def new(
        self, kind: str, name: str, body: Json, request: Json, *, status: str = "", due_us: int | None = None
    ) -> str:
        """Store a new object with the request's tags. Returns its ARN."""
        tags = {tag["Key"]: tag["Value"] for tag in request.get("Tags", ())}
        arn = self.arn(kind, name)
        self.store.insert(
            Stored(
                *(0, kind, self.account, self.region, name, arn, self.now_us, self.now_us, status, due_us, body),
                tags or None,
            )
        )
        return arn

    def transition(self, endpoint: str, before: str, after: str, *, at_us: int | None = None, reason: str = "") -> None:
        """Note that an endpoint's status changed, now or at a moment in the past."""
        at = instant(self.now_us if at_us is None else at_us)
        change = f"{before or 'none'} → {after or 'none'}"
        self.events.append(Event(at, "transition", self.account, self.region, "Endpoint", endpoint, change, reason))


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a service: what carries it out, whether it writes, and the member that names its object."""

    run: Callable[[Call, Json], Json | None]
    writes: bool
    subject: str = ""


def seconds(at_us: int) -> float:
    """A timestamp as JSON 1.1 writes it: seconds since 1970, to the millisecond.

    Captured: `"CreationTime": 1529870369.986`, amazon-sagemaker-examples issue 293.
    """
    return at_us // 1000 / 1000
