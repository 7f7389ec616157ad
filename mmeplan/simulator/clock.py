"""The virtual clock and the seeded generator of a simulated world.

In: the store, which holds both, so that every process on one file shares them. Out: the time, and numbers that look
random and aren't. Time moves by `sleep` only; no call of the service advances it.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Final

from mmeplan.simulator.store import Store

EPOCH: Final = datetime(2026, 1, 1, tzinfo=UTC)
EPOCH_US: Final = int(EPOCH.timestamp()) * 1_000_000
_MASK: Final = (1 << 64) - 1


def instant(at_us: int) -> datetime:
    """Microseconds since 1970 as an aware UTC datetime."""
    return EPOCH + timedelta(microseconds=at_us - EPOCH_US)


def microseconds(moment: datetime) -> int:
    """An aware datetime as microseconds since 1970."""
    return EPOCH_US + (moment - EPOCH) // timedelta(microseconds=1)


def drawn(store: Store) -> int:
    """64 bits of the store's seeded generator, inside a transaction: SplitMix64, whose state the store keeps."""
    state = (store.chance() + 0x9E3779B97F4A7C15) & _MASK
    store.set_chance(state)
    mixed = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
    return mixed ^ (mixed >> 31)


class VirtualClock:
    """The time of one simulated world, shared by all who have its store open."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def now(self) -> datetime:
        """The virtual time, UTC."""
        with self._store.told():
            return instant(self._store.now_us())

    def monotonic(self) -> float:
        """The virtual time in seconds; it moves forward only."""
        with self._store.told():
            return self._store.now_us() / 1_000_000

    def sleep(self, seconds: float) -> None:
        """Advance virtual time by `seconds` and return at once. Raises ValueError for a negative or endless sleep."""
        if not (seconds >= 0 and math.isfinite(seconds)):
            raise ValueError(f"can't sleep {seconds!r} s: virtual time moves forward, by a finite amount")
        with self._store.told(), self._store.lock, self._store.writing():
            self._store.advance(round(seconds * 1_000_000))

    def uniform(self, low: float, high: float) -> float:
        """A number in [low, high) from the store's seeded generator."""
        with self._store.told(), self._store.lock, self._store.writing():
            return low + (high - low) * (drawn(self._store) >> 11) / (1 << 53)
