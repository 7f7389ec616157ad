"""What `live` and `apply` need of the outside world, in their own words. `cloud` implements it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

Call = tuple[str, Mapping[str, Any]]
"""An operation's API name and its request."""

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


class Writer(Protocol):
    """Calls that change something."""

    def write(self, operation: str, params: Mapping[str, Any]) -> Answer:
        """One call, made once: no hidden retries, because a write whose answer was lost must be looked up first.

        Raises CloudError.
        """


class Clock(Protocol):
    """Time and chance. Virtual under the simulator, so that an hour of waiting takes no time."""

    def now(self) -> datetime:
        """The present, in UTC."""

    def sleep(self, seconds: float) -> None:
        """Let time pass; may return early when the user interrupts."""

    def uniform(self, low: float, high: float) -> float:
        """A number between the two, for jitter."""
