"""Ctrl-C, SIGTERM and SIGHUP: three ways to ask a command to end, and one answer.

    any time         the command ends: locks are given back, exit code 130
    during an apply  nothing new is started and what runs is waited for; asked again, it ends
    on its way out   a lock's return is broken off by Ctrl-C or SIGTERM twice more, and by no SIGHUP

A signal that is ignored when the command starts (`nohup`, a shell's background job) stays ignored.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mmeplan.live import Clock

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_STOPPING: Final = "stopping: nothing new is started, what runs is waited for; Ctrl-C again leaves at once"
_LEAVING: Final = "leaving: what is held is given back; Ctrl-C again leaves it behind"


class _Interrupts:
    """What was asked so far. One for the process, as signals are."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._wake: Callable[[], None] | None = None  # of the apply under way; None where none is
        self._asked = False
        self._leaving = False
        self._warned = False

    @contextmanager
    def handled(self) -> Iterator[None]:
        """For the length of a command, a signal ends it with KeyboardInterrupt. In the main thread only."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        self._begin()
        before = {number: signal.getsignal(number) for number in _SIGNALS}
        taken = {number: old for number, old in before.items() if old not in (signal.SIG_IGN, None)}
        for number in taken:
            signal.signal(number, self._on_signal)
        try:
            yield
        finally:
            for number, old in taken.items():
                signal.signal(number, old)

    @contextmanager
    def gently(self, clock: Clock) -> Iterator[Callable[[], bool]]:
        """For the length of an apply, the first signal is an answer to "stop?", and no more. Yields that question."""
        self._wake = getattr(clock, "interrupt", lambda: None)
        try:
            yield lambda: self._asked
        finally:
            self._wake = None

    @contextmanager
    def shielded(self) -> Iterator[None]:
        """For the length of what must not be broken off: a lock's return."""
        before, self._leaving = self._leaving, True
        try:
            yield
        finally:
            self._leaving = before

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self._leaving:
            if number == signal.SIGHUP:  # a terminal that closes sends several
                return
            if self._warned:
                raise KeyboardInterrupt
            self._warned = True
            _at_once(_LEAVING)
        elif self._wake is not None and not self._asked:
            self._asked = True
            _at_once(_STOPPING)
            self._wake()
        else:
            self._leaving = True
            raise KeyboardInterrupt


def _at_once(text: str) -> None:
    """On stderr, past its buffer: a handler may run in the middle of a write to it."""
    with suppress(OSError):
        os.write(2, f"\n{text}\n".encode())


INTERRUPTS: Final = _Interrupts()
