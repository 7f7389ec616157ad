"""Instance pools: SageMaker chooses among their types. A plan knows how many of each there may be; status counts them.

Source: Developer Guide, realtime-endpoints-heterogeneous.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest

from mmeplan import render
from mmeplan.plan import Plan, decode, encode
from mmeplan.plan.encoding import plain
from tests.simulation.reaching import Meter, copied
from tests.simulation.test_counted import GATE, LARGE, XLARGE, lose_config, scaled, shown
from tests.simulation.world import Fleet, World, model, one, refused_for, variant

POOLS = [{"instance_type": XLARGE, "priority": 2}, {"instance_type": LARGE, "priority": 1}]


def pools(count: int | None = 2, version: str = "1", **more: Any) -> Fleet:
    counted = {"initial_instance_count": count} if count else {}
    return {**one({"main": {"model": "ranker", "instance_pools": POOLS, **counted, **more}}), "models": models(version)}


def models(version: str) -> Fleet:
    return {"ranker": model(version)}


def ranges(made: Plan) -> dict[str, tuple[str, int, str]]:
    """Now, peak and after of each type, as every output has them."""
    assert made.capacity is not None
    assert decode(encode(made)).capacity == made.capacity
    return {row.name: (row.now_text, row.peak, row.after_text) for row in render.capacity.moving_types(made.capacity)}


def running(world: World) -> dict[str, int]:
    (main,) = world.endpoint()["ProductionVariants"]
    return {pool["InstanceType"]: pool["CurrentInstanceCount"] for pool in main["InstancePools"]}


@pytest.fixture
def world() -> Iterator[World]:
    with World() as made:
        yield made


# --- plans ------------------------------------------------------------------------------------------------------------


def test_from_one_type_to_pools_that_begin_with_it(world: World) -> None:
    world.live_through(one({"main": variant()}))
    made = world.plan(pools())
    assert ranges(made) == {LARGE: ("2", 4, "0–2"), XLARGE: ("0", 2, "0–2")}
    for name, text in shown(made).items():
        assert "0–2" in text, name
        assert "chooses among the types of instance pools" in text, name
    world.live_through(pools())
    assert running(world) == {LARGE: 2, XLARGE: 0}


def test_every_output_names_the_types_of_a_new_variant(world: World) -> None:
    for name, text in shown(world.plan(pools())).items():
        assert f"2 × {LARGE} or {XLARGE}" in text, name


def test_from_pools_to_one_type(world: World) -> None:
    world.sim.faults.no_capacity(LARGE)
    world.live_through(pools(3))
    assert running(world) == {LARGE: 0, XLARGE: 3}
    assert ranges(world.plan(one({"main": variant()}))) == {LARGE: ("0", 2, "2"), XLARGE: ("3", 3, "0")}


def test_what_is_known_of_live_pools_is_no_range(world: World) -> None:
    fell_back(world)
    assert ranges(world.plan(pools(3, "2"))) == {LARGE: ("2", 5, "0–3"), XLARGE: ("1", 4, "0–3")}
    assert plain(world.plan(pools(3)).capacity)["types"] == [
        {"instance_type": kind, "now": n, "after": n, "peak": n, "quota": None, "quota_source": None}
        for kind, n in ((LARGE, 2), (XLARGE, 1))
    ]


def test_a_count_that_shrinks_takes_the_lowest_priority_first(world: World) -> None:
    fell_back(world)
    assert ranges(world.plan(pools(2))) == {XLARGE: ("1", 1, "0")}
    world.live_through(pools(2))
    assert running(world) == {LARGE: 2, XLARGE: 0}


def test_a_count_that_grows_may_grow_on_any_type(world: World) -> None:
    fell_back(world)
    assert ranges(world.plan(pools(5))) == {LARGE: ("2", 4, "2–4"), XLARGE: ("1", 3, "1–3")}


def test_a_count_that_is_growing_may_grow_on_any_type(world: World) -> None:
    world.live_through(pools(None))
    desired = [{"VariantName": "main", "DesiredInstanceCount": 3}]
    world.does("UpdateEndpointWeightsAndCapacities", EndpointName="ranker", DesiredWeightsAndCapacities=desired)
    made = world.plan(pools(None, "2"))
    assert ranges(made) == {LARGE: ("1–3", 6, "0–3"), XLARGE: ("0–2", 5, "0–3")}


def test_pools_whose_config_is_gone_are_counted_as_they_run(world: World) -> None:
    fell_back(world)
    lose_config(world)
    made = world.plan(pools(3, "2"))
    assert ranges(made) == {LARGE: ("2", 5, "0–3"), XLARGE: ("1", 4, "0–3")}
    assert made.capacity is not None
    assert {row.assumed for row in made.capacity.types} == {0}


def test_a_rollback_out_of_pools_counts_both(world: World) -> None:
    world.live_through({**one({"main": variant()}), "retain": 1})
    world.live_through({**pools(), "retain": 1})
    planned = world.engine.rollback(world.desired({**pools(), "retain": 1}), "ranker")
    assert ranges(planned.plan) == {LARGE: ("2", 4, "2")}


def test_an_update_under_way_to_pools_is_counted(world: World) -> None:
    world.live_through(one({"main": variant()}))
    made = world.plan(pools())
    created = [step for step in made.steps if step.operation == "CreateEndpointConfig"]
    for step in created:
        world.does(step.operation, **step.params)
    name = created[0].params["EndpointConfigName"]
    world.does("UpdateEndpoint", EndpointName="ranker", EndpointConfigName=name)
    assert ranges(world.plan(pools())) == {LARGE: ("2–4", 4, "0–2")}  # of the other type nothing moves


# --- quotas -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quotas", "says"),
    [
        ({LARGE: 3, XLARGE: 2}, f"the rollout has up to 4 × {LARGE} at once, and the quota for endpoints is 3"),
        (
            {LARGE: 4, XLARGE: 1},
            f"the fleet may have up to 2 × {XLARGE}, and the quota for endpoints is 1",
        ),
        ({LARGE: 4, XLARGE: 2}, ""),
    ],
)
def test_the_most_of_each_type_is_held_against_its_quota(world: World, quotas: dict[str, int], says: str) -> None:
    world.live_through(one({"main": variant()}))
    made = world.plan({**pools(), "quotas": quotas})
    assert (GATE in refused_for(made)) is bool(says)
    assert says in " ".join(finding.message for finding in made.findings)


def test_quotas_of_the_service_are_asked_for_every_type_of_the_pools(world: World) -> None:
    for kind, quota in ((LARGE, 4), (XLARGE, 1)):
        world.sim.set_quota(kind, quota, region="eu-west-1")
    world.live_through(one({"main": variant()}))
    made = world.engine.plan(world.desired(pools()), online=True).plan
    assert made.capacity is not None
    assert {row.instance_type: row.quota for row in made.capacity.types} == {LARGE: 4, XLARGE: 1}


BEFORE = {
    "pools": pools(),
    "first type": one({"main": variant()}),
    "second": one({"main": variant(instance_type=XLARGE)}),
}
BATCHES = {"rolling_update_policy": {"maximum_batch_size": {"type": "CAPACITY_PERCENT", "value": 34}}}


@pytest.mark.parametrize("policy", [{}, {"deployment_config": BATCHES}], ids=["at once", "in batches"])
@pytest.mark.parametrize("before", BEFORE.values(), ids=BEFORE)
def test_no_run_has_more_than_the_peak_and_some_run_has_as_many(before: Fleet, policy: Fleet) -> None:
    after = pools(3, "2")
    after["endpoints"]["ranker"] |= deepcopy(policy)
    for batches in after["endpoints"]["ranker"].get("deployment_config", {}).values():
        batches["wait_interval_in_seconds"] = 60
    most: Counter[str] = Counter()
    with World() as base:
        base.live_through(before)
        made = base.plan(after)
        assert made.capacity is not None
        for lacking in ("", LARGE, XLARGE):
            with copied(base) as world:
                if lacking:
                    world.sim.faults.no_capacity(lacking)
                meter = Meter(world)
                assert world.apply(made).complete
                meter.look()
                most |= meter.most
                ended = Counter(running(world))
            for row in made.capacity.types:
                least = row.after if row.least_after is None else row.least_after
                assert least <= ended[row.instance_type] <= row.after <= row.peak
    peaks = {row.instance_type: row.peak for row in made.capacity.types}
    assert dict(most) == peaks if not policy else all(most[kind] <= peak for kind, peak in peaks.items())


def test_without_capacity_on_any_type_the_update_is_rolled_back(world: World) -> None:
    world.live_through(pools())
    made = world.plan(pools(version="2"))
    for kind in (LARGE, XLARGE):
        world.sim.faults.no_capacity(kind)
    assert not world.apply(made).complete
    assert "InsufficientInstanceCapacity" in world.endpoint()["FailureReason"]


# --- status -----------------------------------------------------------------------------------------------------------


def fell_back(world: World) -> None:
    """Two instances of the first type, and one of the second."""
    world.live_through(pools(2))
    world.sim.faults.no_capacity(LARGE)
    world.live_through(pools(3))
    world.sim.faults.reset()
    assert running(world) == {LARGE: 2, XLARGE: 1}


def test_status_counts_each_pool(world: World) -> None:
    fell_back(world)
    seen = world.engine.status(world.desired(pools(3)))
    assert f"2 × {LARGE}, 1 × {XLARGE}" in seen.text(width=160)
    (main,) = json.loads(seen.json())[0]["variants"]
    assert main["pools"] == [
        {"instance_type": LARGE, "current_count": 2},
        {"instance_type": XLARGE, "current_count": 1},
    ]
    assert (main["instance_type"], main["count"]) == ("", "3/3")


def test_status_of_pools_without_instances(world: World) -> None:
    world.live_through(pools(3))
    scaled(world, 0)
    assert "instance pools" in world.engine.status(world.desired(pools(3))).text(width=160)
