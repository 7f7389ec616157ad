"""What to do is said once: where an error says it, the change beside it says only what happened."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmeplan import render
from mmeplan.plan import Plan

GOLDEN = Path(__file__).parents[2] / "golden"
INCOMPLETE = render.OutcomeView(1, failed=(("UpdateEndpoint:endpoint/ranker", "somebody was faster"),))


@pytest.mark.parametrize("output", ["text", "markdown", "html"])
@pytest.mark.parametrize(
    ("case", "advice", "fact"),
    [
        ("rolled_back", "or try exactly this once more with --retry-rolled-back", "alarm ranker-errors went off"),
        ("conflict", "or choose another", "exists and is not managed by mmeplan"),
    ],
)
def test_a_refused_change_leaves_the_advice_to_its_error(output: str, case: str, advice: str, fact: str) -> None:
    plan = Plan.read(GOLDEN / case / "plan.json")
    said = " ".join(render.OUTPUTS[output](plan, width=100).split())
    assert said.count(advice) == 1
    assert said.count(fact) >= 2


def test_an_apply_that_names_the_next_command_says_it_in_one_way() -> None:
    said = render.outcome_text(INCOMPLETE, next_command="mmeplan apply fleet.yaml")
    assert said.endswith("Apply incomplete: 1 step done, 1 failed, 0 skipped.\nNext: mmeplan apply fleet.yaml\n")


def test_without_a_command_it_says_so_in_words() -> None:
    assert "Run it again to go on from here." in render.outcome_text(INCOMPLETE, width=200)
