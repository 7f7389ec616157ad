"""Two processes at once, in the same order each time: of two threads one runs, and a random source says which.

Every call and every sleep is a place where the other one may get its turn.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from tests.simulation.seeds.random_source import RandomSource

Process = Callable[[Callable[[], None]], Any]


class _Stopped(BaseException):
    """The other one found an invariant broken: there is nothing left to do."""


def together(rng: RandomSource, *processes: Process) -> None:
    """Run the processes, one at a time, in turns drawn at random. Raises what the first of them raised."""
    baton = _Baton(rng, len(processes))
    threads = [
        threading.Thread(target=baton.run, args=(number, process), daemon=True)
        for number, process in enumerate(processes)
    ]
    for thread in threads:
        thread.start()
    baton.pass_on(0)
    for thread in threads:
        thread.join()
    if baton.error is not None:
        raise baton.error


class _Baton:
    def __init__(self, rng: RandomSource, count: int) -> None:
        self.rng = rng
        self.locks = [threading.Semaphore(0) for _ in range(count)]
        self.running = list(range(count))
        self.error: BaseException | None = None

    def pass_on(self, number: int) -> None:
        self.locks[number].release()

    def run(self, number: int, process: Process) -> None:
        self.locks[number].acquire()
        try:
            process(lambda: self.turn(number))
        except _Stopped:
            pass
        except BaseException as error:  # noqa: BLE001 - raised again by `together`
            self.error = self.error or error
        self.running.remove(number)
        if self.running:
            self.pass_on(self.running[0])

    def turn(self, number: int) -> None:
        """Perhaps the other one goes first."""
        if self.error is not None:
            raise _Stopped
        if len(self.running) > 1 and self.rng.flip(0.3):
            self.pass_on(self.rng.pick([other for other in self.running if other != number]))
            self.locks[number].acquire()
            if self.error is not None:
                raise _Stopped
