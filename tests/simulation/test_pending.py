"""What is under way when a plan is made: it counts as serving, it is what the plan starts from, and it is said."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mmeplan import plan as plans
from mmeplan import render
from mmeplan.plan import Change, Plan
from mmeplan.simulator import SimulatedCrash
from tests.simulation.world import IMAGE, REGION, ROLE, Fleet, World, model, one, serverless, unwatched, variant

AT = "endpoint/ranker"


@pytest.fixture
def world() -> Iterator[World]:
    with World() as made:
        yield made


def image(version: str, retain: int = 1, **main: Any) -> Fleet:
    """A fleet of one endpoint; each version has a model and a config of its own."""
    return {**one({"main": variant(**main)}), "models": {"ranker": model(version)}, "retain": retain}


def wanted(world: World, text: Fleet, kind: str = "endpoint_config") -> str:
    return next(r.physical_name for r in world.compile(text).of_kind(kind))


def killed(world: World, text: Fleet, operation: str) -> None:
    """An apply that dies right after that call."""
    steps = [step.operation for step in world.plan(text).steps]
    world.sim.faults.crash_at(steps.index(operation) + 1, "after")
    with pytest.raises(SimulatedCrash):
        world.apply(text)


def offered(world: World, text: Fleet) -> list[str]:
    (row,) = world.engine.status(world.desired(text)).endpoints
    assert not any("not known" in line for line in row.generations)
    return [line.split()[0] for line in row.generations]


def back(world: World, text: Fleet) -> str:
    """The config that a rollback leads to."""
    return world.engine.rollback(world.desired(text), AT).plan.options.rollback


def change_of(made: Plan, at: str = AT) -> Change:
    return next(change for change in made.changes if change.address == at and change.action.value != "delete")


def there(world: World, text: Fleet) -> bool:
    """Whether the config of that fleet and its model are there."""
    found = (
        wanted(world, text) in world.names("endpoint-config"),
        wanted(world, text, "model") in world.names("model"),
    )
    assert found[0] is found[1]
    return found[0]


def test_what_was_coming_up_when_the_plan_was_made_is_a_generation_of_the_next(world: World) -> None:
    one_, two = image("1"), image("2")
    killed(world, one_, "CreateEndpoint")
    assert world.endpoint()["EndpointStatus"] == "Creating"
    made = world.plan(two)
    assert made.kept[AT] == (wanted(world, one_),)
    assert world.apply(made).complete
    assert world.plan(two).steps == ()
    assert (there(world, one_), offered(world, two), back(world, two)) == (
        True,
        [wanted(world, one_)],
        wanted(world, one_),
    )


def test_what_was_coming_up_and_failed_is_none(world: World) -> None:
    one_, two = image("1"), image("2")
    world.sim.faults.fail_create("ranker", "no capacity")
    killed(world, one_, "CreateEndpoint")
    assert not world.apply(two).complete
    world.live_through(two)
    assert offered(world, two) == []


@pytest.mark.parametrize(("retain", "kept"), [(0, []), (1, ["2"]), (2, ["2", "1"])])
def test_what_an_endpoint_was_moving_to_when_the_plan_was_made_is_its_newest_generation(
    world: World, retain: int, kept: list[str]
) -> None:
    world.live_through(image("1", retain))
    killed(world, image("2", retain), "UpdateEndpoint")
    assert world.endpoint()["EndpointStatus"] == "Updating"
    three = image("3", retain)
    made = world.plan(three)
    assert made.kept[AT] == tuple(wanted(world, image(version)) for version in kept)
    outcome = world.apply(made)
    assert outcome.complete
    assert not outcome.kept
    assert world.plan(three).steps == ()
    assert [there(world, image(version)) for version in ("1", "2")] == ["1" in kept, "2" in kept]
    assert offered(world, three) == list(made.kept[AT])
    if kept:
        assert back(world, three) == wanted(world, image("2"))


def test_the_plan_goes_from_what_is_pending_to_what_is_new(world: World) -> None:
    world.live_through(image("1", count=2))
    killed(world, image("2", count=4), "UpdateEndpoint")
    made = world.plan(image("3", count=5))
    (count,) = (field for field in change_of(made).fields if field.field.endswith("initial_instance_count"))
    assert (count.before, count.after) == (4, 5)
    config, wanted_model = (change_of(made, f"{kind}/ranker") for kind in ("endpoint_config", "model"))
    assert (config.live_name, wanted_model.live_name) == (
        wanted(world, image("2", count=4)),
        wanted(world, image("2"), "model"),
    )
    (of_image,) = (field for field in wanted_model.fields if field.field.endswith("image"))
    assert (of_image.before[-1], of_image.after[-1]) == ("2", "3")
    (traffic,) = change_of(made).traffic
    assert (traffic.instances_before, traffic.instances_after) == (4, 5)
    pending, now = wanted(world, image("2", count=4)), wanted(world, image("1", count=2))
    assert change_of(made).notes == (
        f"it is Updating now, on its way from {now} to {pending}; the apply waits until that is over",
    )


@pytest.mark.parametrize("saved", [False, True])
def test_where_that_update_is_rolled_back_what_served_stays(world: World, saved: bool) -> None:
    one_, two, three = image("1"), image("2"), image("3")
    world.live_through(one_)
    world.sim.faults.fail_update("ranker", "no capacity")
    killed(world, two, "UpdateEndpoint")
    made = world.plan(three)
    outcome = world.apply(plans.decode(plans.encode(made)) if saved else made)
    assert outcome.complete
    assert sorted(result.step.partition(":")[0] for result in outcome.kept) == [
        "AddTags",
        "DeleteEndpointConfig",
        "DeleteModel",
    ]
    assert there(world, one_)
    assert (offered(world, three), back(world, three)) == ([wanted(world, one_)], wanted(world, one_))
    world.live_through(three)
    assert (there(world, one_), there(world, two)) == (True, False)


def test_a_file_that_is_turned_back_while_its_update_is_under_way_leaves_that_as_a_generation(world: World) -> None:
    one_, two = image("1"), image("2")
    world.live_through(one_)
    killed(world, two, "UpdateEndpoint")
    assert world.apply(one_).complete
    assert world.plan(one_).steps == ()
    assert (offered(world, one_), back(world, one_)) == ([wanted(world, two)], wanted(world, two))


def test_a_rollback_during_an_update_leads_to_what_serves(world: World) -> None:
    one_, two, three = (image(version, 2) for version in "123")
    for text in (one_, two):
        world.live_through(text)
    killed(world, three, "UpdateEndpoint")
    assert back(world, three) == wanted(world, two)
    made = world.engine.rollback(world.desired(three), AT).plan
    assert world.apply(made).complete
    assert world.endpoint()["EndpointConfigName"] == wanted(world, two)
    assert "`mmeplan rollback` took it from " + wanted(world, three) in change_of(world.plan(three)).notes[0]


def test_an_update_of_others_that_is_under_way_is_where_the_plan_starts(world: World) -> None:
    world.live_through(image("1"))
    world.foreign_endpoint("theirs")
    world.does("UpdateEndpoint", EndpointName="ranker", EndpointConfigName="theirs")
    made = world.plan(image("2"))
    (of_type,) = (field for field in change_of(made).fields if field.field.endswith("initial_instance_count"))
    assert (of_type.before, of_type.after) == (1, 2)
    assert world.apply(made).complete
    assert world.plan(image("2")).steps == ()
    assert "theirs" in world.names("endpoint-config")
    assert offered(world, image("2")) == [wanted(world, image("1"))]


# --- a busy endpoint is said to be busy -------------------------------------------------------------------------------

WAITS = "the apply waits until that is over"


def patched(world: World) -> str:
    world.sim.system_update("ranker", 600, region=REGION)
    return f"it is SystemUpdating now: SageMaker is patching it, and it serves meanwhile; {WAITS}"


def rescaled(world: World) -> str:
    wish = [{"VariantName": "main", "DesiredWeight": 3.0}]
    world.does("UpdateEndpointWeightsAndCapacities", EndpointName="ranker", DesiredWeightsAndCapacities=wish)
    now = world.endpoint()["EndpointConfigName"]
    return f"it is Updating now, and stays on {now}: its counts or weights change; {WAITS}"


def swapped(world: World) -> str:
    world.foreign_endpoint("theirs")
    now = world.endpoint()["EndpointConfigName"]
    world.does("UpdateEndpoint", EndpointName="ranker", EndpointConfigName="theirs")
    return f"it is Updating now, on its way from {now} to theirs; {WAITS}"


PLANNED = {
    "another image": image("2"),
    "another count": image("1", count=5),
    "serverless": {**one({"main": serverless()}), "models": {"ranker": model("1")}},
    "another name": {**one({"main": variant()}, name="scorer"), "models": {"ranker": model("1")}},
    "its entry removed": {**one(), "models": {"ranker": model("1")}, "endpoints": {}},
}


@pytest.mark.parametrize("planned", PLANNED.values(), ids=PLANNED)
@pytest.mark.parametrize("busy", [patched, rescaled, swapped])
def test_what_an_endpoint_is_busy_with_is_said_with_every_change_that_waits_for_it(
    world: World, busy: Callable[[World], str], planned: Fleet
) -> None:
    world.live_through(image("1"))
    told = busy(world)
    made = world.plan(planned, allow_outage=(AT,))
    (change,) = (one_ for one_ in made.changes if one_.kind == "endpoint")
    assert told in change.notes
    for shown in (render.text(made, width=500), render.markdown(made), render.html(made), render.json_text(made)):
        assert WAITS in " ".join(shown.split())
    assert world.apply(made).complete


def test_what_is_being_created_by_others_and_adopted_is_said_to_be(world: World) -> None:
    world.does("CreateModel", ModelName="m", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE + "9"})
    main = {"VariantName": "main", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    world.does("CreateEndpointConfig", EndpointConfigName="c", ProductionVariants=[main])
    world.does("CreateEndpoint", EndpointName="ranker", EndpointConfigName="c")
    made = world.plan({**one(adopt=True), "models": {"ranker": model("1")}})
    assert f"it is Creating now, coming up by c; {WAITS}" in change_of(made).notes
    with unwatched(world):
        assert world.apply(made).complete


def test_where_only_tags_change_nothing_waits_and_nothing_is_said_of_waiting(world: World) -> None:
    world.live_through(image("1"))
    patched(world)
    made = world.plan({**one({"main": variant()}, tags={"team": "search"}), "models": {"ranker": model("1")}})
    assert made.steps
    assert not any(WAITS in note for change in made.changes for note in change.notes)


def test_an_update_that_the_file_does_not_ask_for_is_said_once(world: World) -> None:
    world.live_through(image("1"))
    swapped(world)
    change = change_of(world.plan(image("1")))
    assert "an update to theirs is under way that the file doesn't ask for" in change.explanation
    assert not any(WAITS in note for note in change.notes)


def named(text: Fleet, entry: str, **more: Any) -> Fleet:
    """The same endpoint under another entry of the file; clients call it `ranker` as before."""
    return {**text, "endpoints": {entry: {**text["endpoints"]["ranker"], "name": "ranker", **more}}}


def test_a_rename_that_an_apply_did_not_come_to_keeps_its_generations_until_the_swap_is_done(world: World) -> None:
    """`renamed_from` is gone from the file, and the endpoint's tags still have the former address."""
    first = named(image("1"), "ranker")
    world.live_through(first)
    world.live_through(named(image("2"), "ranker"))
    world.sim.faults.fail_update("ranker", "no capacity", count=2)
    killed(world, named(image("3"), "scorer", renamed_from="ranker"), "UpdateEndpoint")
    made = world.plan(named(image("3"), "scorer"))
    (delete,) = [step for step in made.steps if step.params.get("EndpointConfigName") == wanted(world, first)]
    assert delete.comes_last
    assert delete.after, "what goes waits for the swap that supersedes it"
    with unwatched(world):
        outcome = world.apply(made)
    assert outcome.failed
    assert wanted(world, first) in world.names("endpoint-config")
