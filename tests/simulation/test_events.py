"""The event stream: every event of whole lives is valid, `began` comes first, `ended` last, and each step ends once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from mmeplan.apply.schema import FILE, events_schema, text
from tests.simulation.test_recovery_messages import ITEMS
from tests.simulation.test_stopped import OUTAGES, SCENARIOS
from tests.simulation.world import World, one

ROOT = Path(__file__).parents[2]
VALIDATOR = jsonschema.Draft202012Validator(events_schema())


@pytest.fixture
def world() -> Iterator[World]:
    with World() as made:
        yield made


def checked(world: World, steps: int | None = None) -> None:
    """The stream of one apply, as its reader gets it."""
    lines = [json.loads(json.dumps(event.encode())) for event in world.events]
    for line in lines:
        VALIDATOR.validate(line)
    assert (lines[0]["kind"], lines[-1]["kind"]) == ("began", "ended")
    assert [line["kind"] for line in lines].count("ended") == 1
    ends = [
        line["step"]
        for line in lines
        if line["kind"] in ("done", "failed", "skipped") and "#rolled" not in line["step"]
    ]
    assert len(ends) == len(set(ends)) == lines[0]["data"]["steps"]
    if steps is not None:
        assert lines[-1]["data"]["complete"]
        assert lines[0]["data"]["steps"] == steps


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_event_of_a_life_is_valid(world: World, scenario: str) -> None:
    for stage in SCENARIOS[scenario]:
        world.events = []
        made = world.plan(stage, **OUTAGES)
        assert world.apply(made).complete
        checked(world, len(made.steps))


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item.__name__)
def test_every_event_of_a_trouble_is_valid(world: World, item: Callable[[World], Any]) -> None:
    applied = world.apply

    def fresh(what: Any, **how: Any) -> Any:
        if isinstance(world.events, list) and type(world.events) is list:
            world.events = []
        return applied(what, **how)

    world.apply = fresh  # type: ignore[method-assign]
    outcome, _ = item(world)
    if outcome is not None and type(world.events) is list:
        checked(world)


def test_a_second_interrupt_tells_what_is_left_under_way(world: World) -> None:
    class Twice(list[Any]):
        def append(self, event: Any) -> None:
            super().append(event)
            if event.kind == "polled":
                raise KeyboardInterrupt

    world.events = Twice()
    with pytest.raises(KeyboardInterrupt):
        world.apply(one())
    last = world.events[-1].encode()
    VALIDATOR.validate(json.loads(json.dumps(last)))
    assert last["data"]["interrupted"]
    assert last["data"]["under_way"] == ("CreateEndpoint:endpoint/ranker",)


def test_the_copy_under_specs_is_fresh() -> None:
    assert (ROOT / FILE).read_text() == text(), "python -m mmeplan.apply.schema --write"


def test_an_invented_event_is_not_valid() -> None:
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate({"at": "now", "kind": "sang", "step": 1})
