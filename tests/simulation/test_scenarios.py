"""Scenarios that broke a law once, each made small from a seed, and what was wrong then: they hold now."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulation.seeds.judging import SCENARIOS, read, violation

FILES = sorted(SCENARIOS.glob("*.yaml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_broke_a_law_once_does_not_break_one_now(path: Path) -> None:
    assert violation(read(path)) == ""


def test_the_scenarios_say_what_they_show() -> None:
    assert len(FILES) >= 5
    for path in FILES:
        scenario = read(path)
        assert scenario["what"], path
        assert scenario["why"], path
