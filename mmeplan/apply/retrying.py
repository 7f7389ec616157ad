"""When a call may be made again, and after how long. Each bound is named here once, with its unit and its reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mmeplan.aws.failures import Failure
from mmeplan.live import Clock


@dataclass(frozen=True, slots=True)
class Backoff:
    """At most `attempts` calls; the pause grows from `first_s` by doubling up to `most_s`, with jitter."""

    attempts: int
    first_s: float
    most_s: float

    def pause_s(self, clock: Clock, attempt: int) -> float:
        """Seconds to wait after the attempt of that number (from 1)."""
        longest = min(self.most_s, self.first_s * 2 ** (attempt - 1))
        return clock.uniform(longest / 2, longest)


WRITES: Final = {
    Failure.THROTTLED: Backoff(8, 1, 30),  # rejected before any effect, so it may simply be made again
    Failure.TRANSIENT: Backoff(5, 2, 20),  # the object is read before the call is made again
    Failure.UNANSWERED: Backoff(5, 2, 20),  # likewise
    Failure.NOT_FOUND: Backoff(7, 2, 20),  # eventual consistency after our own create: describe, then retry
    Failure.PROPAGATING: Backoff(8, 5, 20),  # IAM takes up to two minutes to reach SageMaker
}
"""What a failed write may be repeated for. Sources: docs/sagemaker.md, "Eventual consistency, timing, throttling"."""

DENIED_POLLS: Final = 5  # looks in a row that are denied before a wait is given up: some two and a half minutes
SETTLE_S: Final = 90.0  # how long a Describe may still show the time before our update
SCAN_VALID_S: Final = 60.0  # how old the reference scan before a delete may be
MODIFIED_MARGIN_S: Final = 300.0  # by how much a later scan overlaps the one before: the service's clocks may differ
LIST_POLL_ABOVE: Final = 5  # endpoints waited for: above it, listing by status is cheaper than describing each
