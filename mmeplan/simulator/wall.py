"""Real time, for a world that is served: the only place in the simulator that reads a real clock.

In: the store and a speed. Out: virtual time that moves `speed` times as fast as real time while a server runs, and
stands still while none does. It is the system's monotonic clock: a wall clock that is set moves no world.
Several servers on one store share the moment up to which time has been counted, so that it doesn't pass twice. Called
by the server before each request.
"""

from __future__ import annotations

import time
from typing import Final

from mmeplan.simulator.records import Records
from mmeplan.simulator.store import Store

TICK_NS: Final = 5_000_000
"""Time moves in ticks of 5 ms: finer ones would make every read a write."""

_PLACE: Final = ("wall", "", "", "")


class WallClock:
    """Moves a store's virtual time along with wall time."""

    def __init__(self, store: Store, records: Records, speed: float) -> None:
        """Start now: what passed while no server ran isn't counted."""
        self._store, self._records, self._speed = store, records, speed
        self._counted_ns = time.monotonic_ns()
        with store.lock, store.writing():
            records.put(*_PLACE, self._counted_ns)

    def tick(self) -> None:
        """Count the wall time that nobody has counted yet."""
        now_ns = time.monotonic_ns()
        if 0 <= now_ns - self._counted_ns < TICK_NS or self._speed == 0:
            return
        with self._store.lock, self._store.writing():
            counted_ns = int(self._records.get(*_PLACE) or now_ns)
            passed_ns = max(0, now_ns - counted_ns)  # another machine's count, or one from before a start
            self._records.put(*_PLACE, now_ns)
            self._store.advance(round(passed_ns * self._speed / 1000))
        self._counted_ns = now_ns
