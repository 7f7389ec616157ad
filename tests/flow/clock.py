"""A clock that nobody waits for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class Clock:
    """Time moves by `sleep` only; `slept` is what was asked for. Chance is always nought."""

    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=UTC)
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return sum(self.slept)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += timedelta(seconds=seconds)

    def uniform(self, low: float, high: float) -> float:
        return low
