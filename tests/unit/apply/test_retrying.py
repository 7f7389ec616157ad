"""Backoff: doubling, bounded, with jitter; and only for failures that pass."""

from __future__ import annotations

from mmeplan.apply.retrying import WRITES, Backoff
from mmeplan.aws.failures import Failure
from tests.unit.apply.cloud import Clock


def test_pauses_double_up_to_the_longest_and_keep_half_for_chance() -> None:
    backoff = Backoff(8, 2, 20)
    assert [backoff.pause_s(Clock(), attempt) for attempt in range(1, 7)] == [1.5, 3, 6, 12, 15, 15]


def test_what_never_passes_is_never_repeated() -> None:
    assert not WRITES.keys() & {Failure.DENIED, Failure.LIMIT, Failure.INVALID, Failure.EXISTS, Failure.BUSY}
