"""Counts that aren't the file's, because it has none or SageMaker scales: never compared, kept across swaps.

Whole lives: create, re-scaling by others, swaps, rollback, import and status.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest

from mmeplan.diff.drift import manual_changes
from mmeplan.plan import Plan
from tests.simulation.test_drift import arn
from tests.simulation.test_import import adopts_and_settles, imported
from tests.simulation.world import ROLE, Fleet, World, model, one, serverless, variant

POOLS = [{"instance_type": "ml.m5.large", "priority": 1}, {"instance_type": "ml.m5.xlarge", "priority": 2}]
MANAGED = {"status": "ENABLED", "min_instance_count": 1, "max_instance_count": 8}


def pools(**more: Any) -> Fleet:
    """One endpoint on instance pools, without a count unless `more` has one."""
    return one({"main": {"model": "ranker", "instance_pools": POOLS, **more}})


def components(**more: Any) -> Fleet:
    """One endpoint for inference components: SageMaker scales its instances."""
    main = {"instance_type": "ml.g5.2xlarge", "managed_instance_scaling": MANAGED, **more}
    made = one({"main": main})
    made["endpoints"]["ranker"]["config"]["execution_role_arn"] = ROLE
    return {**made, "models": {}}


UNCOUNTED = {
    "pools": pools(),
    "managed": components(),
    "managed, with a first count": components(initial_instance_count=2),
    "a type alone": components(managed_instance_scaling={**MANAGED, "status": "DISABLED"}),
}


@pytest.fixture
def world() -> Iterator[World]:
    with World() as made:
        yield made


def scaled(world: World, count: int) -> None:
    """Somebody else re-scales the endpoint, and that is over."""
    desired = [{"VariantName": "main", "DesiredInstanceCount": count}]
    world.does("UpdateEndpointWeightsAndCapacities", EndpointName="ranker", DesiredWeightsAndCapacities=desired)
    world.sim.clock.sleep(600)


def unclaim(world: World) -> None:
    """Every tag of mmeplan's goes."""
    for kind in ("model", "endpoint_config", "endpoint"):
        for name in world.names(kind):
            world.does("DeleteTags", ResourceArn=arn(world, kind, name), TagKeys=list(world.tags(kind, name)))


def count_of(world: World) -> int:
    return int(world.endpoint()["ProductionVariants"][0]["DesiredInstanceCount"])


def is_empty(made: Plan) -> bool:
    return not made.steps and not made.has_changes and not made.drift


@pytest.mark.parametrize("text", UNCOUNTED.values(), ids=UNCOUNTED)
def test_a_count_of_others_is_never_compared(world: World, text: Fleet) -> None:
    world.live_through(text)
    for count in (5, 1):
        scaled(world, count)
        assert is_empty(world.plan(text))
        compiled = world.compile(text)
        assert manual_changes(compiled, world.observe(compiled)).found == ()


@pytest.mark.parametrize("text", UNCOUNTED.values(), ids=UNCOUNTED)
def test_a_swap_keeps_it_and_says_so(world: World, text: Fleet) -> None:
    world.live_through(text)
    scaled(world, 5)
    after = deepcopy(text)
    main = after["endpoints"]["ranker"]["config"]["production_variants"]["main"]
    main["routing_config"] = {"routing_strategy": "LEAST_OUTSTANDING_REQUESTS"}
    made = world.live_through(after)
    change = next(change for change in made.changes if change.kind == "endpoint")
    assert change.effect == "traffic_shift"
    assert [(item.instances_before, item.instances_after) for item in change.traffic] == [(5, 5)]
    assert count_of(world) == 5


def test_a_count_that_leaves_the_file_stays_as_it_is(world: World) -> None:
    world.live_through(pools(initial_instance_count=3))
    made = world.plan(pools())
    change = next(change for change in made.changes if change.kind == "endpoint")
    assert (change.effect, change.notes) == ("none", ("the count of main (3) is left as it is from now on",))
    world.live_through(pools())
    assert count_of(world) == 3


def test_a_count_that_comes_to_the_file_is_set_in_place(world: World) -> None:
    world.live_through(pools())
    scaled(world, 4)
    made = world.live_through(pools(initial_instance_count=2))
    change = next(change for change in made.changes if change.kind == "endpoint")
    assert (change.effect, [(field.before, field.after) for field in change.fields]) == ("in_place", [(4, 2)])
    assert "the count of main (4) is the file's from now on" in change.notes
    assert count_of(world) == 2


@pytest.mark.parametrize("counts", [(2, None), (None, 2)])
def test_a_rollback_keeps_it(world: World, counts: tuple[int | None, int | None]) -> None:
    for version, count in zip("12", counts, strict=True):
        more = {"initial_instance_count": count} if count else {}
        text = {**pools(**more), "models": {"ranker": model(version)}, "retain": 1}
        world.live_through(text)
    scaled(world, 5)
    planned = world.engine.rollback(world.desired(text), "ranker")
    assert world.apply(planned.plan).complete
    assert count_of(world) == 5


@pytest.mark.parametrize("text", UNCOUNTED.values(), ids=UNCOUNTED)
def test_import_adopts_the_config_and_leaves_the_count(world: World, text: Fleet) -> None:
    world.live_through(text)
    scaled(world, 5)
    unclaim(world)
    made = imported(world)
    assert "capacity:" not in made.text
    assert "initial_instance_count: 5" not in made.text
    adopts_and_settles(world, made)
    assert count_of(world) == 5


@pytest.mark.parametrize("count", [2, 3])
def test_what_an_earlier_release_made_is_tagged_anew_and_not_rolled(
    world: World, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Managed scaling left the count to the file, and so to the endpoint's digest."""
    text = components(initial_instance_count=2)
    with monkeypatch.context() as earlier:
        earlier.setattr("mmeplan.kinds.endpoint_config.autoscaled_variants", lambda _config: frozenset())
        world.live_through(text)
    if count != 2:
        scaled(world, count)
    compiled = world.compile(text)
    assert manual_changes(compiled, world.observe(compiled)).found == ()
    made = world.plan(text)
    assert {step.operation for step in made.steps} == {"AddTags"}
    assert not made.drift
    world.live_through(text)
    assert count_of(world) == count


# --- provisioned concurrency ------------------------------------------------------------------------------------------


def warmed(world: World, concurrency: int) -> None:
    """Somebody else gives the serverless variant provisioned concurrency."""
    update = {"MaxConcurrency": 10, "ProvisionedConcurrency": concurrency}
    desired = [{"VariantName": "main", "ServerlessUpdateConfig": update}]
    world.does("UpdateEndpointWeightsAndCapacities", EndpointName="ranker", DesiredWeightsAndCapacities=desired)
    world.sim.clock.sleep(900)


def warm(count: int) -> Fleet:
    config = {"memory_size_in_mb": 2048, "max_concurrency": 10, "provisioned_concurrency": count}
    return one({"main": {"model": "ranker", "serverless_config": config}})


COLD = one({"main": serverless(concurrency=10)})


def test_provisioned_concurrency_that_nobody_wrote_is_left_as_it_is(world: World) -> None:
    world.live_through(COLD)
    warmed(world, 5)
    assert is_empty(world.plan(COLD))
    compiled = world.compile(COLD)
    assert manual_changes(compiled, world.observe(compiled)).found == ()


def test_provisioned_concurrency_that_leaves_the_file_goes(world: World) -> None:
    world.live_through(warm(5))
    made = world.live_through(COLD)
    assert next(change for change in made.changes if change.kind == "endpoint").effect == "traffic_shift"
    assert "ProvisionedConcurrency" not in world.endpoint()["ProductionVariants"][0]["DesiredServerlessConfig"]


def test_provisioned_concurrency_that_comes_to_the_file_as_it_is_changes_nothing(world: World) -> None:
    world.live_through(COLD)
    warmed(world, 5)
    made = world.live_through(warm(5))
    assert next(change for change in made.changes if change.kind == "endpoint").effect == "none"


# --- shadow variants --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("moved", [{"DesiredInstanceCount": 3}, {"DesiredWeight": 5}])
def test_what_others_changed_of_a_shadow_variant_is_put_back_in_place(world: World, moved: dict[str, int]) -> None:
    """A swap to the config that is in force already would set nothing."""
    text = one()
    text["endpoints"]["ranker"]["config"]["shadow_production_variants"] = {"shadow": variant(count=1)}
    world.live_through(text)
    desired = [{"VariantName": "shadow", **moved}]
    world.does("UpdateEndpointWeightsAndCapacities", EndpointName="ranker", DesiredWeightsAndCapacities=desired)
    world.sim.clock.sleep(600)
    compiled = world.compile(text)
    (found,) = manual_changes(compiled, world.observe(compiled)).found
    assert (found.what, found.explanation.partition(";")[0]) == (
        "scale",
        "weights, counts or concurrency were changed in place",
    )
    made = world.live_through(text)
    assert next(change for change in made.changes if change.kind == "endpoint").effect == "in_place"
    (shadow,) = world.endpoint()["ShadowProductionVariants"]
    assert (shadow["DesiredInstanceCount"], shadow["DesiredWeight"]) == (1, 1)
