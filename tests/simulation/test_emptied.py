"""A `for_each` that gives nothing any more deletes nothing, whatever the count, unless the file says that it may."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from mmeplan.live import Snapshot
from mmeplan.plan import Finding, Plan
from mmeplan.plan.gates import EMPTIED
from mmeplan.planning import Desired, planned_from
from mmeplan.spec import load_text
from tests.simulation.world import Fleet, World, config, fleet, model, variant


@pytest.fixture
def world() -> Iterator[World]:
    with World() as made:
        yield made


def stores(*names: str, key: str = "stores", **entry: Any) -> Fleet:
    """A fleet with an endpoint for each of these names."""
    return fleet({key: {"for_each": list(names), "config": config(main=variant()), **entry}})


def gates(made: Plan, severity: str = "error") -> list[Finding]:
    return [finding for finding in made.findings if finding.rule == EMPTIED and finding.severity == severity]


def deletions(made: Plan) -> list[str]:
    return [step.address for step in made.steps if step.operation == "DeleteEndpoint"]


@pytest.mark.parametrize("names", [("berlin",), ("berlin", "paris", "rome")])
def test_an_entry_that_loses_all_its_items_is_refused_whatever_their_number(
    world: World, names: tuple[str, ...]
) -> None:
    world.live_through(stores(*names))
    made = world.plan(stores())

    (refusal,) = gates(made)
    assert not made.applyable
    assert (refusal.address, refusal.path) == ("endpoint/stores", "endpoints.stores.for_each")
    assert refusal.line > 0
    assert all(f"endpoint/stores-{name}" in refusal.message for name in names)
    assert "allow_empty: true" in refusal.help


def test_an_entry_that_may_come_to_nothing_does_and_the_plan_says_so(world: World) -> None:
    world.live_through(stores("berlin", "paris"))
    empty = stores(allow_empty=True)
    made = world.plan(empty)

    assert not gates(made)
    (note,) = gates(made, "note")
    assert "endpoint/stores-berlin, endpoint/stores-paris" in note.message
    assert note.path == "endpoints.stores.allow_empty"
    assert world.apply(made).complete
    assert not world.names("endpoint")


def test_an_item_among_others_may_go(world: World) -> None:
    world.live_through(stores("berlin", "paris"))
    made = world.plan(stores("paris"))

    assert deletions(made) == ["endpoint/stores-berlin"]
    assert made.applyable


def test_an_entry_that_left_the_file_was_meant_to(world: World) -> None:
    world.live_through(stores("berlin"))

    assert world.plan(fleet()).applyable


def test_an_entry_that_was_always_empty_stops_nothing(world: World) -> None:
    world.live_through(fleet({"ranker": {"config": config(main=variant())}}))
    assert world.plan({**stores(), "retain": 0}).applyable


def test_nothing_of_another_entry_is_taken_for_an_emptied_ones(world: World) -> None:
    """`store-eu-berlin` fits `store-{{ each.key }}` as well, but its own entry says more of its name."""
    both = {
        "store-{{ each.key }}": {"for_each": [], "config": config(main=variant())},
        "store-eu-{{ each.key }}": {"for_each": ["berlin", "paris"], "config": config(main=variant())},
    }
    world.live_through(fleet(both))
    fewer = {**both, "store-eu-{{ each.key }}": {**both["store-eu-{{ each.key }}"], "for_each": ["paris"]}}
    made = world.plan(fleet(fewer))

    assert deletions(made) == ["endpoint/store-eu-berlin"]
    assert made.applyable


def test_a_name_that_variables_and_items_make_is_known_again(world: World) -> None:
    def of(*names: str) -> Fleet:
        text = stores(*names, key="{{ stage }}-{{ each.value | lower }}-eu")
        return {**text, "variables": {"stage": "prod"}}

    world.live_through(of("Berlin"))
    (refusal,) = gates(world.plan(of()))
    assert "endpoint/prod-berlin-eu" in refusal.message


def test_a_renamed_entry_is_known_by_its_old_name(world: World) -> None:
    world.live_through(stores("berlin"))
    made = world.plan(stores(key="shops", renamed_from="stores-{{ each.key }}"))

    assert "endpoint/stores-berlin" in gates(made)[0].message


def test_models_and_configs_are_kept_as_endpoints_are(world: World) -> None:
    def of(*names: str) -> Fleet:
        models = {"m-{{ each.key }}": {"for_each": list(names), **model()}}
        shared = {"c": {"for_each": list(names), **config(main=variant("m-{{ each.key }}"))}}
        return fleet(models=models, endpoint_configs=shared)

    world.live_through(of("a", "b"))
    found = gates(world.plan(of()))
    assert {finding.address for finding in found} == {"model/m-{{ each.key }}", "endpoint_config/c"}


def test_what_would_only_leave_the_fleet_is_kept_too(world: World) -> None:
    world.live_through(stores("berlin", on_remove="retain"))
    (refusal,) = gates(world.plan(stores(on_remove="retain")))
    assert "would leave the fleet" in refusal.message


def test_a_target_is_no_way_around(world: World) -> None:
    world.live_through(stores("berlin", "paris"))
    assert gates(world.plan(stores(), targets=("endpoint/stores-berlin",)))


def test_an_end_is_an_end(world: World) -> None:
    world.live_through(stores("berlin"))
    for text in (stores("berlin"), stores()):
        made = world.engine.destroy(world.desired(text)).plan
        assert deletions(made) == ["endpoint/stores-berlin"]
        assert made.applyable


def test_each_environment_has_items_of_its_own(world: World) -> None:
    def of(*prod: str) -> Desired:
        text = stores(key="{{ environment }}-{{ each.key }}")
        text["endpoints"]["{{ environment }}-{{ each.key }}"]["for_each"] = "{{ names }}"
        text |= {"variables": {"names": []}, "environments": {"dev": {}, "prod": {"variables": {"names": list(prod)}}}}
        return Desired.of(load_text(yaml.safe_dump(text).encode(), environment="prod"))

    first = of("berlin")
    world.engine.apply(planned_from(first, observed(world, first)))
    emptied = of()
    assert gates(planned_from(emptied, observed(world, emptied)).plan)


def observed(world: World, desired: Desired) -> Snapshot:
    return world.engine.observe(desired)
