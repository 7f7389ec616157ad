"""What `live` and `apply` need of the outside world, in their own words. `cloud` implements it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

Call = tuple[str, Mapping[str, Any]]
"""An operation's API name and its request."""

READS = ("Describe", "List", "Get", "BatchGet", "Simulate", "Head")
"""How the names of operations that change nothing begin."""

Answer = dict[str, Any]
Progress = Callable[[int, int], None]
"""Called with (done, of)."""


class Reader(Protocol):
    """Read-only calls. Implementations refuse any operation that isn't a Describe, List or Get."""

    def read(self, operation: str, params: Mapping[str, Any]) -> Answer:
        """One call, its answer as plain data (times as ISO 8601 text). Raises CloudError."""

    def gather(self, calls: Sequence[Call], progress: Progress | None = None) -> list[Answer | Exception]:
        """Many independent reads, bounded in number and rate, answers in the order of the calls.

        A call that failed has its CloudError in the place of its answer; nothing is raised for it.
        """


class ReadOnly:
    """A connection with its writes taken away: what `drift` and `import` get. It is a Reader, and nothing else."""

    __slots__ = ("_gather", "_read")

    def __init__(self, reader: Reader) -> None:
        self._read = reader.read
        self._gather = reader.gather

    def read(self, operation: str, params: Mapping[str, Any]) -> Answer:
        """As Reader.read. Raises ValueError for what isn't a read, whatever stands behind it would do."""
        return self._read(_a_read(operation), params)

    def gather(self, calls: Sequence[Call], progress: Progress | None = None) -> list[Answer | Exception]:
        """As Reader.gather. Raises ValueError for what isn't a read."""
        return self._gather([(_a_read(operation), params) for operation, params in calls], progress)


def _a_read(operation: str) -> str:
    if not operation.startswith(READS):
        raise ValueError(f"{operation} is not a read")
    return operation


class Writer(Protocol):
    """Calls that change something."""

    def write(self, operation: str, params: Mapping[str, Any]) -> Answer:
        """One call, made once: no hidden retries, because a write whose answer was lost must be looked up first.

        Raises CloudError.
        """


class Clock(Protocol):
    """Time and chance. Virtual under the simulator, so that an hour of waiting takes no time."""

    def now(self) -> datetime:
        """The present, in UTC: for what is shown and stored. It may step forward or back, as wall clocks do."""

    def monotonic(self) -> float:
        """Seconds since a moment of its own, which never step: every span is measured by it."""

    def sleep(self, seconds: float) -> None:
        """Let time pass; may return early when the user interrupts."""

    def uniform(self, low: float, high: float) -> float:
        """A number between the two, for jitter."""
