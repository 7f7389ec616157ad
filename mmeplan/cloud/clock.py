"""The real clock. The only place where time passes and chance is drawn."""

from __future__ import annotations

import random
import threading
from datetime import UTC, datetime


class SystemClock:
    """Wall time. `interrupt()` ends a sleep early, so that Ctrl-C is noticed at once."""

    def __init__(self) -> None:
        self._wake = threading.Event()
        self._random = random.Random()  # noqa: S311 - jitter, not secrecy

    def now(self) -> datetime:
        """The present, in UTC."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Wait; returns early once after `interrupt()`."""
        self._wake.wait(max(0.0, seconds))
        self._wake.clear()

    def uniform(self, low: float, high: float) -> float:
        """A number between the two."""
        return self._random.uniform(low, high)

    def interrupt(self) -> None:
        """End the present sleep, or the next one."""
        self._wake.set()
