"""Wall time in a served world: so many times as fast, once for all servers, and never while none runs."""

from __future__ import annotations

import pytest

from mmeplan.simulator import Simulator, wall
from mmeplan.simulator.wall import WallClock

SECOND = 1_000_000_000


@pytest.fixture
def watch(monkeypatch):
    """A wall clock that the test sets, in seconds."""
    state = {"now": 1000.0}
    monkeypatch.setattr(wall.time, "monotonic_ns", lambda: round(state["now"] * SECOND))
    return state


def passed(sim):
    return sim.clock.now().timestamp() - 1767225600


@pytest.mark.parametrize(("speed", "expected"), [(1, 2), (60, 120), (0.5, 1), (0, 0)])
def test_virtual_time_runs_at_the_speed(sim, watch, speed, expected):
    clock = WallClock(sim.store, sim.records, speed)
    watch["now"] += 2
    clock.tick()
    assert passed(sim) == pytest.approx(expected)


def test_nothing_shorter_than_a_tick_is_lost(sim, watch):
    clock = WallClock(sim.store, sim.records, 1)
    for _ in range(100):
        watch["now"] += 0.001
        clock.tick()
    assert passed(sim) == pytest.approx(0.1)


def test_two_servers_count_the_same_time_once(watch, tmp_path):
    with Simulator.open(tmp_path / "w.db") as one, Simulator.open(tmp_path / "w.db") as two:
        clocks = [WallClock(sim.store, sim.records, 10) for sim in (one, two)]
        for _ in range(10):
            watch["now"] += 1
            for clock in clocks:
                clock.tick()
        assert passed(one) == passed(two) == pytest.approx(100)


def test_time_stands_still_while_no_server_runs_and_when_the_wall_clock_is_set_back(sim, watch):
    WallClock(sim.store, sim.records, 1)
    watch["now"] += 10_000
    clock = WallClock(sim.store, sim.records, 1)
    watch["now"] += 1
    clock.tick()
    watch["now"] -= 500
    clock.tick()
    watch["now"] += 1
    clock.tick()
    assert passed(sim) == pytest.approx(2)
