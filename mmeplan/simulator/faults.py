"""Faults on demand: what can go wrong with a call or with an endpoint, by name and count.

In: what a test or a rehearsal asks for. Out: to `core`, whether a call is refused, cut or its caller dies; to the
endpoint operations, whether a create or an update fails; to the creates, whether an object can't be found yet.
Faults live in the memory of one process: they are not stored, and other processes on the file don't see them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar

from mmeplan.simulator.wire import ServiceError

When = Literal["before", "after"]
HIDEABLE: Final = ("CreateModel", "CreateEndpointConfig")
PHASES: Final = ("Creating", "ActivatingTraffic", "Baking")
MAX_SLOW_S: Final = 31_536_000
"""A year: longer than any test waits, short enough for every timestamp."""


class ConnectionCut(Exception):  # noqa: N818  (an event at the wire, not an answer of the service)
    """The connection ended without an answer. `when` says whether the call had its effect (`after`)."""

    def __init__(self, operation: str, when: When) -> None:
        super().__init__(f"the connection was cut {when} the effect of {operation}")
        self.operation = operation
        self.when = when


class SimulatedCrash(Exception):  # noqa: N818  (the caller's death, not an error for it to look into)
    """The caller dies at this call. Nothing between the simulator and the test should catch it."""

    def __init__(self, operation: str, when: When) -> None:
        super().__init__(f"the caller dies {when} the effect of {operation}")
        self.operation = operation
        self.when = when


@dataclass(slots=True)
class _Countdown:
    left: int


@dataclass(slots=True)
class _Ending(_Countdown):
    reason: str


@dataclass(slots=True)
class Trip(_Countdown):
    """An alarm that goes to ALARM in the middle of the n-th phase with this VariantStatus."""

    status: str
    occurrence: int
    alarm: str


@dataclass(slots=True)
class _Slow(_Countdown):
    seconds: float


@dataclass(slots=True)
class Foreign(_Countdown):
    """A write of somebody else, just before a write of the caller."""

    operation: str
    request: dict[str, Any]


@dataclass(slots=True)
class _Error(_Countdown):
    error: ServiceError


@dataclass(slots=True)
class _Cut(_Countdown):
    when: When


class Faults:
    """The faults that are to come. Those of one operation come in the order in which they were asked for."""

    def __init__(self, operations: Mapping[str, bool], uniform: Callable[[float, float], float]) -> None:
        """`operations` maps each operation to whether it writes; `uniform` draws from the seeded generator."""
        self._operations = operations
        self._uniform = uniform
        self.reset()

    def reset(self) -> None:
        """Forget every fault."""
        self._creates: dict[str, list[_Ending]] = {}
        self._updates: dict[str, list[_Ending]] = {}
        self._rollbacks: dict[str, list[_Ending]] = {}
        self._scalings: dict[str, list[_Ending]] = {}
        self._trips: dict[str, list[Trip]] = {}
        self._slow: dict[str, list[_Slow]] = {}
        self._foreign: list[Foreign] = []
        self._errors: dict[str, list[_Error]] = {}
        self._cuts: dict[str, list[_Cut]] = {}
        self._hiding: dict[str, tuple[int, int]] = {}
        self._hidden: dict[tuple[str, str, str, str], int] = {}
        self._crashes: list[tuple[_Countdown, When]] = []
        self.lacking: set[str] = set()
        """Instance types of which there is no capacity."""

    def like(self) -> Faults:
        """Faults of the same operations, none of them asked for yet: to try a list on."""
        return Faults(self._operations, self._uniform)

    # -- asking for faults ---------------------------------------------------------------------------------------

    def fail_create(self, endpoint_name: str, reason: str, count: int = 1) -> None:
        """The next `count` CreateEndpoint calls of that name are accepted and end Failed with this FailureReason."""
        self._creates.setdefault(endpoint_name.lower(), []).append(_Ending(_positive(count), reason))

    def fail_update(self, endpoint_name: str, reason: str, count: int = 1) -> None:
        """The next `count` UpdateEndpoint calls end InService on the OLD config, with this FailureReason."""
        self._updates.setdefault(endpoint_name.lower(), []).append(_Ending(_positive(count), reason))

    def fail_rollback(self, endpoint_name: str, reason: str, count: int = 1) -> None:
        """The next `count` updates of it that turn back can't: UpdateRollbackFailed if rolling, Failed otherwise."""
        self._rollbacks.setdefault(endpoint_name.lower(), []).append(_Ending(_positive(count), reason))

    def fail_scaling(self, endpoint_name: str, reason: str, count: int = 1) -> None:
        """The next `count` re-scalings go Updating, RollingBack, InService with the former weights and counts."""
        self._scalings.setdefault(endpoint_name.lower(), []).append(_Ending(_positive(count), reason))

    def trip_alarm(
        self, endpoint_name: str, phase: str = "Baking", occurrence: int = 1, alarm: str = "", count: int = 1
    ) -> None:
        """In the next `count` updates an alarm of the deployment trips in the middle of a phase.

        `phase` is a VariantStatus (Creating, ActivatingTraffic, Baking), `occurrence` which of several, `alarm` which
        of the deployment's alarms (the first where it isn't given). A deployment without alarms, or without such a
        phase, has nothing that could trip.
        """
        if phase not in PHASES:
            raise ValueError(f"a phase is one of {', '.join(PHASES)}, not {phase!r}")
        trip = Trip(_positive(count), phase, _positive(occurrence), alarm)
        self._trips.setdefault(endpoint_name.lower(), []).append(trip)

    def no_capacity(self, instance_type: str) -> None:
        """From now on no instance of this type is launched, until `reset`: pools fall back, anything else fails."""
        self.lacking.add(instance_type)

    def slow(self, endpoint_name: str, seconds: float, count: int = 1) -> None:
        """The next `count` creates, updates, re-scalings or deletes of it take so many seconds more."""
        if not 0 <= seconds < MAX_SLOW_S:
            raise ValueError(f"a transition may take up to {MAX_SLOW_S} s more, not {seconds!r}")
        self._slow.setdefault(endpoint_name.lower(), []).append(_Slow(_positive(count), seconds))

    def foreign_write(self, n: int, operation: str, request: Mapping[str, Any]) -> None:
        """Just before the `n`-th write call from now, somebody else of the same account and region writes this."""
        if not self._operations[self._known(operation)]:
            raise ValueError(f"{operation} writes nothing")
        self._foreign.append(Foreign(_positive(n), operation, dict(request)))

    def error(self, operation: str, *, code: str, message: str, status: int = 400, count: int = 1) -> None:
        """The next `count` calls of the operation are refused with this error, without effect."""
        error = _Error(_positive(count), ServiceError(code, message, status))
        self._errors.setdefault(self._known(operation), []).append(error)

    def throttle(self, operation: str, count: int = 1) -> None:
        """The next `count` calls of the operation answer `ThrottlingException: Rate exceeded` (HTTP 400)."""
        self.error(operation, code="ThrottlingException", message="Rate exceeded", count=count)

    def cut(self, operation: str, when: When = "before", count: int = 1) -> None:
        """The next `count` calls of the operation get no answer; `when` is before or after their effect."""
        self._cuts.setdefault(self._known(operation), []).append(_Cut(_positive(count), _moment(when)))

    def hide(self, operation: str, reads: int | tuple[int, int]) -> None:
        """Eventual consistency after CreateModel or CreateEndpointConfig, until `reset`.

        What the operation creates from now on can't be found by the next `reads` calls that depend on it
        (CreateEndpointConfig for a model; CreateEndpoint and UpdateEndpoint for a config); Describe sees it at once.
        A pair (low, high) draws the number from the seeded generator for each object; 0 switches it off.
        Raises ValueError for another operation. Source: botocore CreateEndpoint, the note on DynamoDB.
        """
        if operation not in HIDEABLE:
            raise ValueError(f"only what {' and '.join(HIDEABLE)} create can be hidden, not {operation!r}")
        low, high = (reads, reads) if isinstance(reads, int) else reads
        if not 0 <= low <= high:
            raise ValueError(f"reads must be 0 or more, or a rising pair, not {reads!r}")
        self._hiding[operation] = (low, high)

    def crash_at(self, n: int, when: When = "before") -> None:
        """The `n`-th write call from now, counted from 1, raises SimulatedCrash before or after its effect."""
        self._crashes.append((_Countdown(_positive(n)), _moment(when)))

    # -- what the simulator asks ---------------------------------------------------------------------------------

    def count_write(self, operation: str) -> When | None:
        """Count a call; when its caller dies, if at all."""
        if not self._crashes or not self._operations[operation]:
            return None
        for crash, _ in self._crashes:
            crash.left -= 1
        dying = [when for crash, when in self._crashes if crash.left == 0]
        self._crashes = [crash for crash in self._crashes if crash[0].left > 0]
        return min(dying, key=("before", "after").index, default=None)

    def take_error(self, operation: str) -> ServiceError | None:
        """The error that this call is to answer, if any."""
        taken = _take(self._errors, operation)
        return taken.error if taken else None

    def take_cut(self, operation: str) -> When | None:
        """When this call's connection is to be cut, if at all."""
        taken = _take(self._cuts, operation)
        return taken.when if taken else None

    def take_create_failure(self, endpoint_name: str) -> str | None:
        """The FailureReason that this endpoint's creation is to end with, if any."""
        taken = _take(self._creates, endpoint_name.lower())
        return taken.reason if taken else None

    def take_update_failure(self, endpoint_name: str) -> str | None:
        """The FailureReason that this endpoint's update is to end with, if any."""
        taken = _take(self._updates, endpoint_name.lower())
        return taken.reason if taken else None

    def take_rollback_failure(self, endpoint_name: str) -> str | None:
        """Why this endpoint's way back fails, if it does."""
        taken = _take(self._rollbacks, endpoint_name.lower())
        return taken.reason if taken else None

    def take_scaling_failure(self, endpoint_name: str) -> str | None:
        """Why this re-scaling can't be carried out, if it can't."""
        taken = _take(self._scalings, endpoint_name.lower())
        return taken.reason if taken else None

    def take_trip(self, endpoint_name: str) -> Trip | None:
        """The alarm that trips during this update, if any."""
        return _take(self._trips, endpoint_name.lower())

    def take_slow_s(self, endpoint_name: str) -> float:
        """How many seconds more this transition takes."""
        taken = _take(self._slow, endpoint_name.lower())
        return taken.seconds if taken else 0.0

    def take_foreign(self, operation: str) -> list[Foreign]:
        """Count a call; the writes of others that come just before it."""
        if not self._foreign or not self._operations[operation]:
            return []
        for write in self._foreign:
            write.left -= 1
        coming = [write for write in self._foreign if write.left == 0]
        self._foreign = [write for write in self._foreign if write.left > 0]
        return coming

    def created(self, operation: str, scope: tuple[str, str, str], name: str) -> None:
        """An object of the scope (kind, account, region) was created by this operation: hide it if that was asked."""
        low, high = self._hiding.get(operation, (0, 0))
        reads = low if low == high else int(self._uniform(low, high + 1))
        if reads:
            self._hidden[(*scope, name.lower())] = reads

    def hidden(self, scope: tuple[str, str, str], name: str) -> bool:
        """Whether a dependent call can't find the object yet. Asking counts as one read."""
        key = (*scope, name.lower())
        left = self._hidden.get(key, 0)
        if left > 1:
            self._hidden[key] = left - 1
        elif left:
            del self._hidden[key]
        return left > 0

    def _known(self, operation: str) -> str:
        if operation not in self._operations:
            raise ValueError(f"the simulator has no operation {operation!r}: a fault there would never come")
        return operation


_Fault = TypeVar("_Fault", bound=_Countdown)


def _take(faults: dict[str, list[_Fault]], key: str) -> _Fault | None:
    waiting = faults.get(key)
    if not waiting:
        return None
    first = waiting[0]
    first.left -= 1
    if first.left == 0:
        waiting.pop(0)
    return first


def _positive(count: int) -> int:
    if count < 1:
        raise ValueError(f"a count starts at 1, not {count!r}")
    return count


def _moment(when: When) -> When:
    if when not in ("before", "after"):
        raise ValueError(f"when is 'before' or 'after' the effect, not {when!r}")
    return when
