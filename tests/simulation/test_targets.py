"""Single-run options: what --target and --replace take along, and what they leave out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mmeplan import plan
from mmeplan.errors import InputError
from mmeplan.plan import Options
from tests.simulation.world import World, config, fleet, model, one, unwatched, variant

SMALL, LARGE = one(), one({"main": variant(instance_type="ml.m5.xlarge")})


@pytest.fixture
def world() -> Iterator[World]:
    with World() as made:
        yield made


def lose_the_config(world: World) -> str:
    """Somebody deletes the config that `ranker` runs."""
    name = str(world.endpoint()["EndpointConfigName"])
    with unwatched(world):
        world.does("DeleteEndpointConfig", EndpointConfigName=name)
    return name


def made_configs(made: plan.Plan) -> list[str]:
    return [s.params["EndpointConfigName"] for s in made.steps if s.operation == "CreateEndpointConfig"]


def test_no_stand_in_is_made_for_an_endpoint_that_is_not_targeted(world: World) -> None:
    """Nothing would take it away again, and it says something else than what served under its name."""
    world.live_through(SMALL)
    lost = lose_the_config(world)
    made = world.plan(LARGE, targets=("endpoint_config/ranker",))
    assert [step.operation for step in made.steps] == ["CreateEndpointConfig"]
    assert lost not in made_configs(made)
    assert world.apply(made).complete
    assert lost not in world.names("endpoint-config")


def test_a_stand_in_is_made_for_the_endpoint_that_is_targeted(world: World) -> None:
    world.live_through(SMALL)
    lost = lose_the_config(world)
    made = world.plan(LARGE, targets=("endpoint/ranker",))
    assert lost in made_configs(made)
    assert world.apply(made).complete
    assert lost not in world.names("endpoint-config")


APART = fleet(
    {
        "a": {"config": config(main=variant(instance_type="ml.m5.xlarge"))},
        "b": {"config": config(main=variant(of="other"))},
        "c": {"config": "shared"},
    },
    models={"ranker": model(), "other": model("2")},
    endpoint_configs={"shared": config(main=variant(count=3))},
)


LARGE_CONFIG = {"large": config(main=variant(instance_type="ml.m5.xlarge"))}


def lose_the_shared_config(world: World) -> str:
    """`a` and `b` run one config, which somebody deletes; `c` is the only endpoint of it that the file leaves there."""
    shared = {"endpoint_configs": {"shared": config(main=variant())}}
    world.live_through(fleet({name: {"config": "shared"} for name in "ab"}, **shared))
    (lost,) = world.names("endpoint-config")
    with unwatched(world):
        world.does("DeleteEndpointConfig", EndpointConfigName=lost)
    return lost


@pytest.mark.parametrize(
    "applies", [((),), (("endpoint/a",), ("endpoint/b",)), (("endpoint/b",), ("endpoint/a",))], ids=["all", "ab", "ba"]
)
def test_whoever_is_targeted_leaves_a_shared_config_that_was_lost(
    world: World, applies: tuple[tuple[str, ...], ...]
) -> None:
    """The stand-in has the models of the one that leaves; of the other's, none need be there."""
    lost = lose_the_shared_config(world)
    for number, targets in enumerate(applies):
        made = world.plan(APART, targets=targets)
        assert made_configs(made).count(lost) == (number == 0)
        assert world.apply(made).complete
        assert (lost in world.names("endpoint-config")) is bool(targets)
    world.live_through(APART)
    assert lost not in world.names("endpoint-config")
    runs = {world.does("DescribeEndpoint", EndpointName=name)["EndpointConfigName"] for name in "ab"}
    assert len(runs) == 2
    assert lost not in runs


def test_no_stand_in_is_made_for_an_endpoint_that_never_ran_the_lost_config(world: World) -> None:
    """`c` shares its config with `a` in the file, and nothing else."""
    lost = lose_the_shared_config(world)
    file = fleet({"a": {"config": "large"}, "c": {"config": "large"}}, endpoint_configs=LARGE_CONFIG)
    made = world.plan(file, targets=("endpoint/c",))
    assert lost not in made_configs(made)
    assert world.apply(made).complete
    assert lost not in world.names("endpoint-config")


def test_a_physical_rename_can_be_targeted(world: World) -> None:
    world.live_through(SMALL)
    options = {"targets": ("endpoint/ranker",), "allow_outage": ("endpoint/ranker",)}
    assert world.operations(one(name="scorer"), **options) == ["CreateEndpoint", "DeleteEndpoint"]


@pytest.mark.parametrize(
    ("leaves", "deleted"),
    [(("endpoint/a", "endpoint/b"), True), (("endpoint/a",), False), (("endpoint/b",), False)],
)
def test_a_superseded_model_goes_only_with_all_who_leave_it(
    world: World, leaves: tuple[str, ...], deleted: bool
) -> None:
    pair = {name: {"config": config(main=variant())} for name in "ab"}
    world.live_through(fleet(pair, retain=0))
    made = world.plan(fleet(pair, retain=0, models={"ranker": model("2")}), targets=leaves)
    assert ("DeleteModel" in [step.operation for step in made.steps]) is deleted
    assert world.apply(made).complete
    assert len(world.names("model")) == (1 if deleted else 2)


def test_an_endpoint_of_a_config_outside_the_fleet_can_be_named_for_replacement(world: World) -> None:
    """Nothing of the fleet stands under it, so there is no pinned name that could be in the way."""
    world.foreign_endpoint("theirs")
    text = fleet({"a": {"endpoint_config_name": "theirs"}})
    plan.require_addresses(world.compile(text), Options(replace=("endpoint/a",)))
    world.live_through(text)
    assert world.plan(text, {"endpoint/a": "once"}, replace=("endpoint/a",)).steps == ()


@pytest.mark.parametrize(
    ("at", "pinned"),
    [
        ("model/ranker", ("endpoint_config/ranker",)),
        ("endpoint_config/ranker", ("endpoint_config/ranker",)),
        ("endpoint/ranker", ("endpoint_config/ranker",)),
        ("endpoint/other", ()),
        ("endpoint_config/other", ()),
    ],
)
def test_a_replacement_is_refused_for_the_pinned_name_that_it_would_meet(
    world: World, at: str, pinned: tuple[str, ...]
) -> None:
    text = fleet(
        {
            "ranker": {"config": {**config(main=variant()), "name": "ranker-v1"}},
            "other": {"config": config(main=variant(of="free"))},
        },
        models={"ranker": model(), "free": model("2")},
    )
    options = Options(replace=(at,))
    if not pinned:
        plan.require_addresses(world.compile(text), options)
        return
    with pytest.raises(InputError) as refused:
        plan.require_addresses(world.compile(text), options)
    assert [problem.message.rpartition(" ")[2] for problem in refused.value.problems] == list(pinned)
