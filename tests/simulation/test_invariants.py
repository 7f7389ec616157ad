"""The invariants of every plan and apply see a bug on their other side: what is missing, what is too much, what is
refused for nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from mmeplan import apply, plan
from mmeplan.plan import Plan
from tests.simulation.world import Broken, World, config, fleet, one, variant

SMALL, LARGE, HUGE = (one({"main": variant(instance_type=f"ml.m5.{size}")}) for size in ("large", "xlarge", "2xlarge"))
Plant = Callable[[Plan], Plan]


def unlike(made: Plan, **members: Any) -> Plan:
    """Another plan; it is applied wherever it has steps, as one that knows no better."""
    other = replace(made, **members)
    return replace(other, applyable=bool(other.steps) and not other.refused)


def of_an_unchanged(made: Plan) -> Plan:
    """One call more, about something that doesn't change."""
    unchanged = [change for change in made.changes if change.is_noop]
    if not unchanged or not made.steps:
        return made
    return unlike(made, steps=(*made.steps, replace(made.steps[-1], id="more", address=unchanged[0].address)))


def without_deletions(made: Plan) -> Plan:
    """As though there were nothing to take away."""
    steps = tuple(step for step in made.steps if not step.operation.startswith("Delete"))
    changes = tuple(change for change in made.changes if change.actions != ("delete",))
    return unlike(made, steps=steps, changes=changes, summary=replace(made.summary, delete=0))


def keeps_all(made: Plan) -> Plan:
    """As though every generation were to stay."""
    more = tuple(change.live_name for change in made.changes if change.actions == ("delete",))
    kept = {at: (*names, *more, *names) for at, names in made.kept.items()}
    return unlike(made, kept=kept)


PLANTS: dict[str, tuple[Plant, str]] = {
    "applied although refused": (
        lambda made: replace(made, applyable=bool(made.steps)),
        "it says that it is applyable",
    ),
    "refused for nothing": (lambda made: replace(made, applyable=False), "it says that it is not applyable"),
    "a change without its steps": (lambda made: unlike(made, steps=made.steps[:-1]), "it says create, and no step is"),
    "a refusal without its finding": (lambda made: unlike(made, findings=()), "is refused, and no finding says so"),
    "a step for what doesn't change": (of_an_unchanged, "the step more: no change of"),
    "what is superseded stays": (without_deletions, "left over"),
    "more is kept than is asked for": (keeps_all, "and retain is 1"),
}


def live_and_look(world: World) -> None:
    """Three generations, one of which goes; and an endpoint of somebody else that the file claims."""
    for text in (SMALL, LARGE, HUGE):
        world.live_through(text)
    world.foreign_endpoint("theirs")
    world.plan(fleet({"theirs": {"config": config(main=variant())}}))


def test_no_invariant_is_broken_without_a_bug() -> None:
    with World() as world:
        live_and_look(world)


@pytest.mark.parametrize(("plant", "invariant"), PLANTS.values(), ids=PLANTS)
def test_a_planted_plan_breaks_its_invariant(plant: Plant, invariant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = plan.build
    monkeypatch.setattr(plan, "build", lambda *inputs, **more: plant(honest(*inputs, **more)))
    with World() as world, pytest.raises(Broken, match=invariant):
        live_and_look(world)


def test_an_apply_that_forgets_a_step_breaks_a_law(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = apply.run

    def forgetful(*inputs: Any, **more: Any) -> apply.Outcome:
        outcome = honest(*inputs, **more)
        return replace(outcome, done=outcome.done[1:])

    monkeypatch.setattr(apply, "run", forgetful)
    with World() as world, pytest.raises(Broken, match="no end of"):
        world.live_through(SMALL)
