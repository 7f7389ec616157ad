"""Checking takes work in proportion to the fleet: twice the endpoints, twice the calls, counted and not timed."""

from __future__ import annotations

import sys
from typing import Any

from mmeplan import graph, rules, spec
from tests.benchmarks.fleets import fleet


def calls_of_a_check(endpoints: int) -> int:
    """How many Python functions a check of that many endpoints calls."""
    loaded = spec.load_text(fleet(endpoints).encode())
    desired = graph.compile(loaded)
    count = 0

    def counting(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal count
        count += event == "call"

    before = sys.getprofile()
    sys.setprofile(counting)
    try:
        rules.check(loaded, desired)
    finally:
        sys.setprofile(before)
    return count


def test_the_work_of_a_check_grows_with_the_fleet_and_not_faster() -> None:
    calls_of_a_check(10)  # shapes are read and patterns compiled once
    few, more, many = (calls_of_a_check(number) for number in (50, 100, 200))

    assert many - more <= 2.1 * (more - few)
    assert more > few
