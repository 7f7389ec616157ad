"""The words of a report: there are some for everything that can happen, and reasons decide nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import pytest

from mmeplan.diff.changes import Reason
from mmeplan.plan import EFFECTS, Action, Change, Plan
from mmeplan.render import report
from mmeplan.render.relations import Relations
from tests.unit.render.test_text import EMPTY, FLEET, SWAPPED

BARE = Change("endpoint/a", "endpoint", Action.NO_OP, "same", "none", "a", "it is so")


@pytest.mark.parametrize("effect", EFFECTS)
@pytest.mark.parametrize("adopts", [False, True])
@pytest.mark.parametrize("action", Action)
def test_there_are_words_for_everything_that_can_happen(action: Action, adopts: bool, effect: Any) -> None:
    for kind in report.kinds_in_order():
        change = replace(BARE, kind=kind, action=action, adopts=adopts, effect=effect)
        texts = (report.sign_of(change).text, report.headline(change).text, report.words_of(change).text)
        assert all((*texts, report.BADGES[report.badge_of(change)], report.requests_of(change).text))
        assert all(report.actions_of(change))


@pytest.mark.parametrize("reason", get_args(Reason))
def test_signs_badges_and_states_do_not_depend_on_the_reason(reason: Any) -> None:
    for action in Action:
        for effect in EFFECTS:
            first = replace(BARE, action=action, effect=effect)
            other = replace(first, reason=reason)
            for look in (report.sign_of, report.badge_of, report.state_of, report.rank, report.requests_of):
                assert look(first) == look(other)


def test_effects_stand_in_one_order_everywhere() -> None:
    assert tuple(reversed(EFFECTS)) == report.WORST_FIRST
    assert list(report.BADGES) == ["refused", *report.WORST_FIRST]


# --- relations --------------------------------------------------------------------------------------------------------

ELSEWHERE = FLEET.replace("  ranker:\n    config:\n", "  front:\n    config:\n")


def endpoint(plan: Plan) -> Change:
    [change] = (change for change in plan.changes if change.kind == "endpoint")
    return change


def test_what_an_endpoint_needs_is_read_from_its_references(plan_of: Any, live: Any) -> None:
    """Config and model have names of their own, and no step or cause leads from one to the other."""
    made: Plan = plan_of(ELSEWHERE, live(ELSEWHERE))
    assert made.steps == ()
    assert Relations(made).needs(endpoint(made)) == ("endpoint_config/front", ("model/ranker",))


def test_without_references_causes_steps_and_names_tell_the_same(plan_of: Any, live: Any) -> None:
    for text, side in ((FLEET, None), (SWAPPED, live(FLEET)), (ELSEWHERE, None)):
        made: Plan = plan_of(text, side)
        older = replace(made, changes=tuple(replace(change, references=()) for change in made.changes))
        assert Relations(older).needs(endpoint(older)) == Relations(made).needs(endpoint(made))


def test_an_endpoint_that_goes_has_what_goes_after_it(plan_of: Any, live: Any) -> None:
    made: Plan = plan_of(EMPTY, live(ELSEWHERE))
    assert endpoint(made).references == ()
    assert set(Relations(made).family_of(endpoint(made))) == {"endpoint_config/front", "model/ranker"}
