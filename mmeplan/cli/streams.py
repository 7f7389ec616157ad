"""stdin, stdout and stderr as a command may rely on them, whatever the shell made of them.

`guard` is called once, at the very beginning. After it a write never fails: what a full disk, a closed pipe or a
terminal that is gone doesn't take is dropped, and remembered. So progress, events and errors can't stop an apply, and
whoever wants to know asks for `lost`.
"""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from typing import Any

Buffer = Any


class _Standard(io.RawIOBase):
    """A file descriptor that takes everything. `lost` is why it no longer passes anything on."""

    def __init__(self, number: int, lost: OSError | None) -> None:
        self._number = number
        self.lost = lost

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._number

    def isatty(self) -> bool:
        return os.isatty(self._number)

    def write(self, data: Buffer, /) -> int:
        left = memoryview(data)
        while left and self.lost is None:
            try:
                left = left[os.write(self._number, left) :]
            except BlockingIOError:
                select.select([], [self._number], [])
            except OSError as error:
                self.lost = error
        return len(data)


def guard() -> None:
    """Put streams that don't fail in the place of stdin, stdout and stderr. A closed one is opened on nothing.

    Otherwise the next file that is opened, a database perhaps, would get its number and what is printed.
    """
    closed = _opened()
    sys.stdin = sys.stdin if sys.stdin is not None else open(0, encoding="utf-8")  # noqa: SIM115 - for good
    sys.stdout = _guarded(1, sys.stdout, closed)
    sys.stderr = _guarded(2, sys.stderr, closed)


def lost() -> OSError | None:
    """Why stdout did not take everything; None where it did, and where its reader simply went away (`| head`)."""
    found = _lost()
    return None if found is None or found.errno == errno.EPIPE else found


def is_read() -> bool:
    """Whether stdout still takes what is printed: its reader hasn't gone away."""
    return _lost() is None


def _lost() -> OSError | None:
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return raw.lost if isinstance(raw, _Standard) else None


def _opened() -> set[int]:
    """Open what is closed of 0, 1 and 2; which of them were."""
    closed = set()
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            closed.add(number)
            os.open(os.devnull, os.O_RDWR)  # the lowest free number: this one
    return closed


def _guarded(number: int, stream: Any, closed: set[int]) -> io.TextIOWrapper:
    gone = OSError(errno.EBADF, os.strerror(errno.EBADF)) if number in closed else None
    raw = _Standard(number, gone)
    buffered = io.BufferedWriter(raw)
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return io.TextIOWrapper(buffered, encoding=encoding, errors="backslashreplace", line_buffering=True)
