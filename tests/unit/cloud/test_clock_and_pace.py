"""SystemClock and Pace: the only places where time passes."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from mmeplan.cloud.clock import BURST, CALLS_PER_SECOND, Pace, SystemClock
from tests.unit.apply.cloud import Clock


def test_an_interrupt_ends_the_next_sleep_once() -> None:
    clock = SystemClock()
    clock.interrupt()
    started = time.monotonic()
    clock.sleep(60)
    assert time.monotonic() - started < 10
    clock.sleep(0)
    clock.sleep(-1)


def test_the_time_is_utc_and_chance_stays_between_its_bounds() -> None:
    clock = SystemClock()
    assert clock.now().tzinfo is UTC
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(minutes=1)
    assert all(2 <= clock.uniform(2, 3) <= 3 for _ in range(100))


def test_a_burst_is_free_and_what_follows_is_paced() -> None:
    clock = Clock()
    pace = Pace(clock)
    for _ in range(BURST):
        pace.wait()
    assert clock.slept == []
    calls = 200
    for _ in range(calls):
        pace.wait()
    assert abs(sum(clock.slept) - calls / CALLS_PER_SECOND) < 1


def test_a_long_pause_saves_no_more_than_a_burst() -> None:
    clock = Clock()
    pace = Pace(clock)
    clock.at += timedelta(days=1)
    for _ in range(BURST + 10):
        pace.wait()
    assert clock.slept


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_wall_clock_that_is_set_neither_stalls_calls_nor_lets_more_through(hours: int) -> None:
    clock = Clock()
    pace = Pace(clock)
    clock.stepped = timedelta(hours=hours)
    for _ in range(BURST + 10):
        pace.wait()
    assert sum(clock.slept) == pytest.approx(10 / CALLS_PER_SECOND)


def test_spans_are_measured_by_a_clock_that_nobody_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "monotonic", lambda: 42.0)
    assert SystemClock().monotonic() == 42.0
