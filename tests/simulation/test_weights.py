"""Weights are float32 to SageMaker, and the shortest decimal to everybody else: 0.7, never 0.699999988079071."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmeplan import render
from mmeplan.apply import Event
from mmeplan.canonical import same_number, short_number
from mmeplan.plan import Plan, encode
from tests.simulation.world import Fleet, World, model, one, variant

NOISE = re.compile(r"[0-9]\.[0-9]{7,}")


def weighted(main: float, other: float, **more: Any) -> Fleet:
    """One endpoint with two variants of these weights."""
    both = {"main": main, "other": other}
    return one({name: variant(count=1, initial_variant_weight=weight) for name, weight in both.items()}, **more)


def shifted(world: World, weight: float) -> None:
    """Somebody changes the weight of `main` in place."""
    desired = [{"VariantName": "main", "DesiredWeight": weight}]
    world.does("UpdateEndpointWeightsAndCapacities", EndpointName="ranker", DesiredWeightsAndCapacities=desired)
    world.sim.clock.sleep(600)
    world.does("ListEndpoints")


def outputs(world: World, file: Fleet, made: Plan) -> dict[str, str]:
    """Everything that is shown, saved or sent of a plan and of what is live."""
    desired = world.desired(file)
    drift, status = world.engine.drift(desired), world.engine.status(desired)
    return {
        "text": render.text(made),
        "markdown": render.markdown(made),
        "html": render.html(made),
        "document": json.dumps({key: value for key, value in encode(made).items() if key != "snapshot"}),
        "drift": drift.text() + drift.json(),
        "status": status.text() + status.json(),
    }


@pytest.mark.parametrize("image", ["1", "2"], ids=["changed in place", "swapped"])
def test_no_output_has_the_noise_of_a_weight(image: str) -> None:
    with World() as world:
        world.live_through(weighted(0.7, 0.3))
        shifted(world, 0.8)
        file = {**weighted(0.7, 0.3), "models": {"ranker": model(image)}}
        made = world.plan(file)
        for name, text in outputs(world, file, made).items():
            assert not NOISE.search(text), name
        world.live_through(file)


def test_a_weight_is_shown_as_it_is_written() -> None:
    with World() as world:
        world.live_through(weighted(0.7, 0.3))
        shifted(world, 0.8)
        made = world.plan(weighted(0.7, 0.3))
        (change,) = (change for change in made.changes if change.kind == "endpoint")
        assert [(field.before, field.after) for field in change.fields] == [(0.8, 0.7)]
        (step,) = (step for step in made.steps if step.operation == "UpdateEndpointWeightsAndCapacities")
        assert step.params["DesiredWeightsAndCapacities"] == [{"VariantName": "main", "DesiredWeight": 0.7}]
        assert [item.share_after for item in change.traffic] == ["7/10", "3/10"]


def test_a_policy_compares_with_the_weight_that_is_written() -> None:
    policy = {
        "expression": "change.fields.all(f, f.after == 0.7)",
        "each": "changes",
        "message": "the weight is 0.7",
    }
    with World() as world:
        world.live_through(weighted(0.7, 0.3))
        shifted(world, 0.8)
        made = world.plan({**weighted(0.7, 0.3), "policies": {"weights": policy}})
        assert not made.refused


def test_a_swap_that_keeps_an_autoscalers_count_sends_the_weight_as_it_is_written() -> None:
    def file(weight: float, version: str) -> Fleet:
        both = {"main": variant(initial_variant_weight=weight, capacity="autoscaled"), "other": variant()}
        return {**one(both, retain_all_variant_properties=True), "models": {"ranker": model(version)}}

    with World() as world:
        world.live_through(file(0.7, "1"))
        made = world.plan(file(0.1, "2"))
        assert not NOISE.search(json.dumps([step.params for step in made.steps]))
        told: list[Event] = []
        assert world.engine.apply(made, observer=told.append).complete
        assert not NOISE.search(json.dumps([event.data for event in told], default=str))


def test_a_stand_in_has_the_weight_as_it_was_written() -> None:
    with World() as world:
        world.live_through(weighted(0.7, 0.3))
        world.does("DeleteEndpointConfig", EndpointConfigName=world.endpoint()["EndpointConfigName"])
        made = world.plan({**weighted(0.7, 0.3), "models": {"ranker": model("2")}})
        assert not NOISE.search(json.dumps([step.params for step in made.steps]))
        assert world.apply(made).complete


def test_a_weight_that_is_no_float32_is_no_change() -> None:
    with World() as world:
        world.live_through(weighted(0.123456789123, 1))
        assert not world.plan(weighted(0.1234567891, 1)).has_changes


@given(st.floats(0, 1e9, width=32))
def test_the_shortest_decimal_is_the_same_float32_and_no_longer_than_nine_digits(number: float) -> None:
    short = short_number(number)
    assert same_number(short) == same_number(number)
    assert short_number(short) == short
    assert float(f"{short:.9g}") == short
