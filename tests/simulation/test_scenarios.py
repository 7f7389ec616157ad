"""Scenarios that broke an invariant once, each made small from a seed, and what was wrong then: they hold now."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulation.seeds.judging import SCENARIOS, read, violation
from tests.simulation.seeds.mends import MENDS
from tests.simulation.seeds.shrinking import invariant_of
from tests.simulation.seeds.taking_out import NotThereError, taken_out

FILES = sorted(SCENARIOS.glob("*.yaml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_broke_a_law_once_does_not_break_one_now(path: Path) -> None:
    assert violation(read(path)) == ""


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_without_what_mends_it_a_scenario_breaks_its_law_again(path: Path) -> None:
    scenario = read(path)
    with taken_out(*MENDS[path.stem]):
        found = violation(scenario)
    assert invariant_of(found) == invariant_of(scenario["what"]), found
    assert violation(scenario) == ""


def test_a_mend_that_is_not_in_the_sources_is_told() -> None:
    with pytest.raises(NotThereError, match="0 times"), taken_out(("a text that is in no source", "")):
        pass  # pragma: no cover


def test_the_scenarios_say_what_they_show() -> None:
    assert len(FILES) >= 5
    for path in FILES:
        scenario = read(path)
        assert scenario["what"], path
        assert scenario["why"], path
