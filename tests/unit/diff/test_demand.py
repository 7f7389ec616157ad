"""Endpoints' decisions, folded into one demand: of claims the first, of objects that serve the one that fits best."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import permutations
from typing import Any

import pytest

from mmeplan.diff.changes import Action, Change
from mmeplan.diff.demand import Demand, EndpointDecision, LeftGeneration, demand
from mmeplan.diff.inputs import Inputs
from mmeplan.graph import Graph
from mmeplan.identity import ADDRESS_TAG, FLEET_TAG
from mmeplan.live import LiveObject, Snapshot, live_object
from tests.simulation.instant import compiled
from tests.simulation.world import config, model, variant

CONFIG = config(main=variant("m", "ml.m5.large", 2))
GRAPH = compiled(
    {
        "version": 1,
        "fleet": "f",
        "models": {"m": model(), "n": model("2")},
        "endpoint_configs": {"c": CONFIG, "unused": config(main=variant("n", "ml.m5.large", 2))},
        "endpoints": {"a": {"config": "c"}, "b": {"config": "c"}, "own": {"config": CONFIG}},
    }
)
MODEL, SHARED, OWN = "model/m", "endpoint_config/c", "endpoint_config/own"


def inputs(*live: LiveObject, graph: Graph = GRAPH) -> Inputs:
    objects: dict[str, dict[str, LiveObject]] = {"model": {}, "endpoint_config": {}, "endpoint": {}}
    for item in live:
        objects[item.kind][item.name] = item
    return Inputs(graph, Snapshot("2026-01-01T00:00:00+00:00", "1", "eu-west-1", "f", objects))


def owned(kind: str, name: str, at: str) -> LiveObject:
    return live_object(kind, name, "present", {}, {FLEET_TAG: "f", ADDRESS_TAG: at})


def decision(endpoint: str, **more: Any) -> EndpointDecision:
    change = Change(f"endpoint/{endpoint}", "endpoint", Action.NO_OP, "same", "none", endpoint, "")
    return EndpointDecision(GRAPH.resources[f"endpoint/{endpoint}"], change, **more)


def folded(*decisions: EndpointDecision, live: Iterable[LiveObject] = ()) -> Demand:
    return demand(inputs(*live), decisions)


def leaving(endpoint: str, name: str, *models: tuple[str, str], at: str = SHARED) -> EndpointDecision:
    return decision(endpoint, needs=GRAPH.resources[at], leaves=LeftGeneration(name, {"Left": name}, models))


def test_a_config_is_needed_with_its_models_only_where_an_endpoint_or_nothing_refers_to_it() -> None:
    unused = {"endpoint_config/unused", "model/n"}
    assert folded().needed == unused
    assert folded(decision("a", runs="x")).needed == unused
    assert folded(decision("a", needs=GRAPH.resources[SHARED])).needed == unused | {SHARED, MODEL}


def test_of_two_generations_that_are_left_for_one_config_the_first_is_the_one_before() -> None:
    found = folded(leaving("a", "first"), leaving("b", "second"))
    assert (found.before, found.left) == ({SHARED: "first"}, {SHARED: {"Left": "first"}})


def test_what_leaves_without_need_leaves_nothing() -> None:
    found = folded(decision("a", leaves=LeftGeneration("first", {}, ())))
    assert not found.before


def test_a_model_was_before_only_where_its_tag_names_the_address() -> None:
    live = (owned("model", "m-1", MODEL), owned("model", "m-2", MODEL), owned("model", "n-1", "model/n"))
    foreign = folded(leaving("a", "x", (MODEL, "n-1"), (MODEL, "never-seen")), live=live)
    assert foreign.before == {SHARED: "x"}
    known = folded(leaving("a", "x", (MODEL, "n-1"), (MODEL, "m-2"), (MODEL, "m-1")), live=live)
    assert known.before == {SHARED: "x", MODEL: "m-2"}


def test_two_endpoints_that_leave_configs_of_their_own_claim_nothing_of_each_other() -> None:
    found = folded(leaving("a", "shared"), leaving("own", "inline", at=OWN))
    assert found.before == {SHARED: "shared", OWN: "inline"}
    assert found.left == {SHARED: {"Left": "shared"}, OWN: {"Left": "inline"}}


NAMED = GRAPH.resources[MODEL].physical_name
TAGGED = owned("model", "z-tagged", MODEL)
OTHERS = tuple(owned("model", name, "model/n") for name in ("a-other", "b-other"))


@pytest.mark.parametrize(
    ("names", "best"),
    [
        ((NAMED, "z-tagged", "a-other"), NAMED),
        (("z-tagged", "a-other", "never-seen"), "z-tagged"),
        (("b-other", "a-other"), "a-other"),
        (("never-seen", "b-other"), "b-other"),
    ],
)
def test_the_object_of_its_own_name_serves_else_the_tagged_one_else_the_first_by_name(
    names: tuple[str, ...], best: str
) -> None:
    for order in permutations(names):
        decisions = [decision("a", serves=((MODEL, name),)) for name in order]
        assert folded(*decisions, live=(TAGGED, *OTHERS)).serving == {MODEL: best}


def test_what_runs_what_is_lost_and_what_is_renamed_is_kept_by_endpoint() -> None:
    found = folded(decision("a", runs="c-1", lost="gone"), decision("b", lost="gone", renamed="old"), decision("own"))
    assert found.running == {"endpoint/a": "c-1"}
    assert found.lost == {"gone": ("endpoint/a", "endpoint/b")}
    assert found.renamed == {"old"}


@pytest.mark.parametrize(
    ("tagged", "owner"), [(SHARED, SHARED), (OWN, OWN), ("endpoint_config/left", OWN), ("", OWN), (MODEL, OWN)]
)
def test_a_config_that_serves_two_addresses_carries_the_tags_of_one(tagged: str, owner: str) -> None:
    live = owned("endpoint_config", GRAPH.resources[OWN].physical_name, tagged)
    found = folded(
        decision("a", serves=((SHARED, live.name),)), decision("own", serves=((OWN, live.name),)), live=[live]
    )
    for at in (SHARED, OWN):
        assert found.owner_of_tags(GRAPH.resources[at], live) == owner


def test_a_config_that_is_needed_under_its_own_name_has_its_own_tags() -> None:
    live = owned("endpoint_config", GRAPH.resources[OWN].physical_name, OWN)
    found = folded(
        decision("a", needs=GRAPH.resources[SHARED], serves=((SHARED, live.name),)),
        decision("own", serves=((OWN, live.name),)),
        live=[live],
    )
    mistagged = live_object("endpoint_config", live.name, "present", {}, {FLEET_TAG: "f", ADDRESS_TAG: SHARED})
    assert found.owner_of_tags(GRAPH.resources[OWN], mistagged) == OWN
