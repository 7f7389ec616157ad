"""The real clock, and how calls are spread over time: a rate limit, and the pauses of repeated reads.

The only place where time passes and chance is drawn. Nothing is inherited from botocore's defaults, which have changed.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Final, TypeVar
from urllib.parse import urlsplit

from mmeplan.aws.failures import Failure, failure_of
from mmeplan.errors import CloudError
from mmeplan.live import Clock

CALLS_PER_SECOND: Final = (
    10.0  # no limits are documented for the hosting calls; ten a second was never throttled for long
)
BURST: Final = 20  # calls that may be made at once after a pause
READ_ATTEMPTS: Final = 7  # about a minute of patience in all
FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 20.0
FIRST_ATTEMPTS: Final = 4  # before anything ever answered: a wrong endpoint or no network is told within seconds
UNTRUSTED: Final = "CERTIFICATE_VERIFY_FAILED"
"""How OpenSSL calls a certificate of a CA that nobody told it of."""
_REPEATABLE: Final = frozenset({Failure.THROTTLED, Failure.TRANSIENT, Failure.UNANSWERED})

T = TypeVar("T")


class SystemClock:
    """The system's time. `interrupt()` ends a sleep early, so that Ctrl-C is noticed at once."""

    def __init__(self) -> None:
        self._wake = threading.Event()
        self._random = random.Random()  # noqa: S311 - jitter, not secrecy

    def now(self) -> datetime:
        """The present, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that no setting of the wall clock changes."""
        return time.monotonic()

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


def is_loopback(url: str | None) -> bool:
    """Whether a URL is on this machine: a simulated service needs no sparing."""
    host = urlsplit(url or "").hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


class Pace:
    """A token bucket shared by all threads: at most CALLS_PER_SECOND on average, BURST at once."""

    def __init__(self, clock: Clock, calls_per_second: float = CALLS_PER_SECOND) -> None:
        self._clock = clock
        self._per_second = calls_per_second
        self._tokens = float(BURST)
        self._last = clock.monotonic()
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Take a token; sleeps until there is one."""
        with self._lock:
            now = self._clock.monotonic()
            self._tokens = min(float(BURST), self._tokens + (now - self._last) * self._per_second)
            self._last = now
            self._tokens -= 1
            short_s = -self._tokens / self._per_second
        if short_s > 0:
            self._clock.sleep(short_s)


def repeated(call: Callable[[], T], clock: Clock, heard: Callable[[], bool] = lambda: True) -> T:
    """A read, made again with growing pauses while the failure is one that passes. Raises the last CloudError.

    `heard` says whether the service has ever answered.
    """
    attempt = 1
    while True:
        try:
            return call()
        except CloudError as error:
            meaning = failure_of(error)
            most = READ_ATTEMPTS if heard() or meaning is not Failure.UNANSWERED else FIRST_ATTEMPTS
            if meaning not in _REPEATABLE or attempt >= most:
                raise
        longest = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** (attempt - 1))
        clock.sleep(clock.uniform(longest / 2, longest))
        attempt += 1
