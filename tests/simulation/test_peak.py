"""The plan's peak is reached: no run of an apply has more instances of a type, and some run has as many.

Where the peak is a bound only:
* rolling updates of several endpoints at once, whose fullest batches need not coincide (a bound in test_capacity);
* types that aren't tight themselves while the quota of another type sets the order (`test_in_a_set_order…`);
* a rolling update that is retained although the variants differ, which SageMaker refuses;
* an update under way that leads away from what the file says, onto which the plan goes back: it may have to be updated
  once that is over, or come back by itself (`test_going_back…`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from mmeplan.plan import Plan
from tests.simulation.reaching import Meter, copied, in_all, reached
from tests.simulation.world import REGION, ROLE, Fleet, World, config, fleet, model, one, serverless, variant

PHASES = (Phase.explicit, Phase.generate)  # a life is short, and its shrinking long
LIFE = settings(max_examples=10, derandomize=True, database=None, phases=PHASES)
TYPES = ("ml.m5.large", "ml.m5.xlarge")


def percent(value: int) -> Fleet:
    return {"type": "CAPACITY_PERCENT", "value": value}


def instances(value: int) -> Fleet:
    return {"type": "INSTANCE_COUNT", "value": value}


def rolling(size: Fleet) -> Fleet:
    """A member of an endpoint: batches of this size, each of which bakes."""
    return {
        "deployment_config": {"rolling_update_policy": {"maximum_batch_size": size, "wait_interval_in_seconds": 120}}
    }


ROUTING: Fleet = {"type": "CANARY", "canary_size": percent(25), "wait_interval_in_seconds": 120}
CANARY: Fleet = {
    "deployment_config": {
        "blue_green_update_policy": {"traffic_routing_configuration": ROUTING, "termination_wait_in_seconds": 120}
    }
}


def peaks(made: Plan) -> dict[str, int]:
    assert made.capacity is not None
    return {row.instance_type: row.peak for row in made.capacity.types if row.peak}


def scaled(world: World, name: str, count: int, of: str = "main") -> None:
    """An autoscaler's decision, and the time until it is carried out."""
    desired = [{"VariantName": of, "DesiredInstanceCount": count}]
    world.does("UpdateEndpointWeightsAndCapacities", EndpointName=name, DesiredWeightsAndCapacities=desired)
    world.sim.clock.sleep(600)
    world.does("ListEndpoints")


def assert_reached(world: World, made: Plan) -> None:
    """The peak of each type is what the worst run comes to; where nothing is to be done, what is there."""
    assert made.applyable is bool(made.steps)
    found = reached(world, made, peaks(made)) if made.steps else in_all(world)
    assert found == peaks(made)


@st.composite
def single_edits(draw: st.DrawFn) -> tuple[Fleet, Fleet, int]:
    """One endpoint before and after, and what its autoscaler has made of `main` before the plan; 0: nothing."""
    both = draw(st.booleans())
    auto = {"capacity": "autoscaled"} if draw(st.booleans()) else {}
    counts = [draw(st.integers(1, 7)) for _ in range(2)]
    smallest = min(counts)
    sizes = [percent(draw(st.integers(5, 50)))]
    if smallest > 1 and not auto:
        sizes.append(instances(draw(st.integers(1, smallest // 2))))
    policies = [{}, CANARY, *(rolling(size) for size in sizes if not both)]
    policy = draw(st.sampled_from(policies))
    retained = policy and draw(st.booleans())
    sides = []
    for side, count in enumerate(counts):
        variants = {"main": variant(instance_type=draw(st.sampled_from(TYPES)), count=count, **auto)}
        if both and (side or draw(st.booleans())):
            variants["other"] = variant(instance_type=draw(st.sampled_from(TYPES)), count=draw(st.integers(1, 4)))
        kept = {"retain_deployment_config": True} if retained and side else policy
        sides.append({**one(variants, **kept), "models": {"ranker": model(draw(st.sampled_from(("1", "2"))))}})
    if retained:
        first, second = (side["endpoints"]["ranker"]["config"]["production_variants"] for side in sides)
        if set(first) != set(second):
            first["other"] = dict(second["other"])
    return sides[0], sides[1], draw(st.integers(1, 9)) if auto else 0


@given(single_edits())
@LIFE
def test_one_endpoint_comes_to_its_peak(edit: tuple[Fleet, Fleet, int]) -> None:
    before, after, moved = edit
    with World() as world:
        world.live_through(before)
        if moved:
            scaled(world, "ranker", moved)
        assert_reached(world, world.plan(after))


@st.composite
def fleet_edits(draw: st.DrawFn) -> tuple[Fleet, Fleet, dict[str, int]]:
    """Up to three endpoints that are swapped, scaled, made, deleted or hosted otherwise, and what autoscalers did."""
    sides: list[dict[str, Fleet]] = [{}, {}]
    moved = {}
    for name in ("e0", "e1", "e2")[: draw(st.integers(1, 3))]:
        auto = draw(st.integers(0, 3)) == 0
        for side in sides:
            main = variant(instance_type=draw(st.sampled_from(TYPES)), count=draw(st.integers(1, 4)))
            hosting = draw(st.integers(0, 7))
            if hosting == 1:
                main = serverless()
            elif auto:
                main["capacity"] = "autoscaled"
            if hosting:
                side[name] = {"config": config(main=main)}
        first = sides[0].get(name, {}).get("config", {}).get("production_variants", {}).get("main", {})
        if "capacity" in first:
            moved[name] = draw(st.integers(1, 6))
    image = draw(st.sampled_from(("1", "2", "2")))
    return fleet(sides[0]), fleet(sides[1], models={"ranker": model(image)}, retain=draw(st.integers(0, 1))), moved


@given(fleet_edits(), st.integers(1, 3))
@LIFE
def test_a_fleet_comes_to_its_peak(edit: tuple[Fleet, Fleet, dict[str, int]], parallelism: int) -> None:
    before, after, moved = edit
    outages = tuple(f"endpoint/{name}" for name in after["endpoints"])
    with World() as world:
        world.live_through(before)
        for name, count in moved.items():
            scaled(world, name, count)
        made = world.plan(after, parallelism=parallelism, allow_outage=outages, max_change="100%")
        assert_reached(world, made)


# --- each kind of step, by the numbers --------------------------------------------------------------------------------

LARGE, XLARGE, INF = *TYPES, "ml.inf1.xlarge"
AUTO: Fleet = {"capacity": "autoscaled"}
ONE_BY_ONE = rolling(instances(1))


def of(kind: str, count: int, **more: Any) -> Fleet:
    """The variant `main`."""
    return {"main": variant(instance_type=kind, count=count, **more)}


def components(**scaling: Any) -> Fleet:
    """An endpoint for inference components, whose count SageMaker manages."""
    main = {"instance_type": LARGE, "managed_instance_scaling": {"status": "ENABLED", **scaling}}
    return fleet({"ranker": {"config": {"execution_role_arn": ROLE, **config(main=main)}}})


def two(kind: str, count: int, **more: Any) -> Fleet:
    """The variant `other` beside `main`, one instance."""
    return {**of(LARGE, 1, **AUTO), "other": variant(instance_type=kind, count=count, **more)}


def shadowed(count: int, shadow: int, kind: str = LARGE) -> Fleet:
    made = one(of(kind, count))
    made["endpoints"]["ranker"]["config"]["shadow_production_variants"] = {"shadow": variant(count=shadow)}
    return made


def moved(count: int) -> Callable[[World], None]:
    return lambda world: scaled(world, "ranker", count)


def config_lost(world: World) -> None:
    """Somebody deletes the config in force: nothing says any more of what type the instances are."""
    world.does("DeleteEndpointConfig", EndpointConfigName=world.endpoint()["EndpointConfigName"])


def moved_and_config_lost(world: World) -> None:
    scaled(world, "ranker", 3)
    config_lost(world)


def under_way(text: Fleet, *, fails: bool = False) -> Callable[[World], None]:
    """The calls of an apply that isn't there any more; what they have set in motion isn't over yet."""

    def life(world: World) -> None:
        if fails:
            world.sim.faults.fail_update("ranker", "alarm")
        for step in world.plan(text).steps:
            if step.operation not in ("AddTags", "DeleteEndpointConfig"):
                world.cloud.write(step.operation, dict(step.params))

    return life


def failed(world: World) -> None:
    world.sim.faults.fail_create("ranker", "no image")
    world.apply(one(of(LARGE, 3)))


def deleting(world: World) -> None:
    world.does("DeleteEndpoint", EndpointName="ranker")


def maintained(world: World) -> None:
    world.sim.system_update("ranker", 600, region=REGION)


RETAINED: Fleet = {"retain_all_variant_properties": True}
RESET: Fleet = {**RETAINED, "exclude_retained_variant_properties": [{"variant_property_type": "DesiredInstanceCount"}]}

Rows = dict[str, tuple[int, int, int]]
"""Instance type → now, after, at the peak."""

CASES: dict[str, tuple[Fleet | None, Callable[[World], None] | None, Fleet, Rows]] = {
    "a create has what it creates": (None, None, one(of(LARGE, 3)), {LARGE: (0, 3, 3)}),
    "a create takes the least that managed scaling allows": (
        None,
        None,
        components(min_instance_count=3, max_instance_count=5),
        {LARGE: (0, 3, 3)},
    ),
    "a create takes one instance where nothing is said": (
        None,
        None,
        components(max_instance_count=5),
        {LARGE: (0, 1, 1)},
    ),
    "shadow variants count": (shadowed(2, 3), None, shadowed(2, 3, XLARGE), {LARGE: (5, 3, 8), XLARGE: (0, 2, 2)}),
    "a swap has both fleets": (one(of(LARGE, 2)), None, one(of(XLARGE, 4)), {LARGE: (2, 0, 2), XLARGE: (0, 4, 4)}),
    "a change of counts has the larger one": (one(of(LARGE, 2)), None, one(of(LARGE, 5)), {LARGE: (2, 5, 5)}),
    "a change to fewer has the larger one": (one(of(LARGE, 5)), None, one(of(LARGE, 2)), {LARGE: (5, 2, 5)}),
    "weights alone change no instances": (
        one(of(LARGE, 5)),
        None,
        one(of(LARGE, 5, initial_variant_weight=2)),
        {LARGE: (5, 5, 5)},
    ),
    "what an autoscaler added comes up in the new fleet as well": (
        one(of(LARGE, 2, **AUTO)),
        moved(7),
        one(of(XLARGE, 2, **AUTO)),
        {LARGE: (7, 0, 7), XLARGE: (0, 7, 7)},
    ),
    "what an autoscaler took away stays away": (
        one(of(LARGE, 4, **AUTO)),
        moved(1),
        one(of(XLARGE, 4, **AUTO)),
        {LARGE: (1, 0, 1), XLARGE: (0, 1, 1)},
    ),
    "counts that are the file's come up as the file says": (
        one(of(LARGE, 2)),
        moved(6),
        one(of(XLARGE, 3)),
        {LARGE: (6, 0, 6), XLARGE: (0, 3, 3)},
    ),
    "an autoscaler's count of zero is kept": (
        one(of(LARGE, 4, **AUTO)),
        moved(0),
        one(of(XLARGE, 4, **AUTO)),
        {},
    ),
    "a count of zero grows in place": (one(of(LARGE, 2)), moved(0), one(of(LARGE, 2)), {LARGE: (0, 2, 2)}),
    "a count of zero is swapped for the file's": (
        one(of(LARGE, 2)),
        moved(0),
        one(of(XLARGE, 3)),
        {XLARGE: (0, 3, 3)},
    ),
    "a fleet whose config is gone is there still": (
        one(of(LARGE, 2)),
        config_lost,
        {**one(of(LARGE, 2)), "models": {"ranker": model("2")}},
        {LARGE: (2, 2, 4)},
    ),
    "an autoscaler's count is kept although its config is gone": (
        one(of(LARGE, 2, **AUTO)),
        moved_and_config_lost,
        {**one(of(LARGE, 2, **AUTO)), "models": {"ranker": model("2")}},
        {LARGE: (3, 3, 6)},
    ),
    "a variant that is new has the file's count": (
        one(of(LARGE, 1, **AUTO)),
        moved(3),
        one(two(XLARGE, 5, **AUTO)),
        {LARGE: (3, 3, 6), XLARGE: (0, 5, 5)},
    ),
    "counts that the file retains stay": (
        one(of(LARGE, 1, **AUTO)),
        moved(3),
        one(of(XLARGE, 1, **AUTO), **RETAINED),
        {LARGE: (3, 0, 3), XLARGE: (0, 3, 3)},
    ),
    "counts that the file excludes from what is retained are the file's": (
        one(of(LARGE, 1, **AUTO)),
        moved(3),
        one(of(XLARGE, 1, **AUTO), **RESET),
        {LARGE: (3, 0, 3), XLARGE: (0, 1, 1)},
    ),
    "a rolling update has one batch more": (
        one(of(LARGE, 4), **rolling(percent(25))),
        None,
        {**one(of(LARGE, 4), **rolling(percent(25))), "models": {"ranker": model("2")}},
        {LARGE: (4, 4, 5)},
    ),
    "a rolling update rounds each batch up": (
        one(of(LARGE, 3), **rolling(percent(25))),
        None,
        one(of(XLARGE, 3), **rolling(percent(25))),
        {LARGE: (3, 0, 3), XLARGE: (0, 3, 3)},
    ),
    "a rolling update that grows is fullest at its end": (
        one(of(LARGE, 2), **rolling(percent(50))),
        None,
        {**one(of(LARGE, 6), **rolling(percent(50))), "models": {"ranker": model("2")}},
        {LARGE: (2, 6, 7)},
    ),
    "a rolling update by instances goes by the new fleet's count": (
        one(of(LARGE, 2), **ONE_BY_ONE),
        None,
        {**one(of(LARGE, 5), **ONE_BY_ONE), "models": {"ranker": model("2")}},
        {LARGE: (2, 5, 6)},
    ),
    "a rolling update by instances rounds the last of the old fleet up": (
        one(of(LARGE, 7), **ONE_BY_ONE),
        None,
        {**one(of(LARGE, 3), **ONE_BY_ONE), "models": {"ranker": model("2")}},
        {LARGE: (7, 3, 8)},
    ),
    "a batch that doesn't divide the fleet has a smaller last batch": (
        one(of(LARGE, 5), **rolling(instances(2))),
        None,
        {
            **one(of(LARGE, 5), **rolling(instances(2))),
            "models": {"ranker": model("2")},
        },
        {LARGE: (5, 5, 7)},
    ),
    "a rolling update that is retained is one": (
        one(of(LARGE, 4), **rolling(percent(25))),
        None,
        {**one(of(LARGE, 4), retain_deployment_config=True), "models": {"ranker": model("2")}},
        {LARGE: (4, 4, 5)},
    ),
    "a rolling update that isn't retained is none": (
        one(of(LARGE, 4), **rolling(percent(25))),
        None,
        {**one(of(LARGE, 4)), "models": {"ranker": model("2")}},
        {LARGE: (4, 4, 8)},
    ),
    "what the file says wins over what was deployed last": (
        one(of(LARGE, 4), **rolling(percent(25))),
        None,
        {
            **one(of(LARGE, 4), **rolling(percent(50)), retain_deployment_config=True),
            "models": {"ranker": model("2")},
        },
        {LARGE: (4, 4, 6)},
    ),
    "inf1 is swapped as a whole": (
        one(of(INF, 4), **rolling(percent(25))),
        None,
        {**one(of(INF, 4), **rolling(percent(25))), "models": {"ranker": model("2")}},
        {INF: (4, 4, 8)},
    ),
    "a variant of another name is swapped as a whole": (
        one(of(LARGE, 4), **rolling(percent(25))),
        None,
        one({"other": variant(count=4)}, **rolling(percent(25))),
        {LARGE: (4, 4, 8)},
    ),
    "an update under way leads to what the file says": (
        one(of(LARGE, 2)),
        under_way(one(of(LARGE, 5, enable_ssm_access=True))),
        one(of(LARGE, 5, enable_ssm_access=True)),
        {LARGE: (7, 5, 7)},
    ),
    "an update under way ends before the next begins": (
        one(of(LARGE, 2)),
        under_way(one(of(LARGE, 5, enable_ssm_access=True))),
        one(of(XLARGE, 3)),
        {LARGE: (7, 0, 7), XLARGE: (0, 3, 3)},
    ),
    "an update under way may leave the larger fleet": (
        one(of(LARGE, 2)),
        under_way(one(of(LARGE, 5, enable_ssm_access=True))),
        {**one(of(LARGE, 3)), "models": {"ranker": model("2")}},
        {LARGE: (7, 3, 8)},
    ),
    "an update under way may come to nothing": (
        one(of(LARGE, 5)),
        under_way(one(of(LARGE, 2, enable_ssm_access=True)), fails=True),
        {**one(of(LARGE, 3)), "models": {"ranker": model("2")}},
        {LARGE: (7, 3, 8)},
    ),
    "an autoscaled fleet under way keeps its count": (
        one(of(LARGE, 2, **AUTO)),
        under_way(one(of(LARGE, 5, **AUTO, enable_ssm_access=True))),
        one(of(XLARGE, 1, **AUTO)),
        {LARGE: (4, 0, 4), XLARGE: (0, 2, 2)},
    ),
    "a create under way is there already": (
        None,
        under_way(one(of(LARGE, 3))),
        one(of(LARGE, 3)),
        {LARGE: (3, 3, 3)},
    ),
    "maintenance under way changes nothing": (one(of(LARGE, 3)), maintained, one(of(LARGE, 3)), {LARGE: (3, 3, 3)}),
    "a failed endpoint has nothing": (None, failed, one(of(LARGE, 2)), {LARGE: (0, 2, 2)}),
    "an endpoint that is being deleted is gone before it is made again": (
        one(of(LARGE, 4)),
        deleting,
        one(of(LARGE, 3)),
        {LARGE: (4, 3, 4)},
    ),
    "a renamed endpoint stands beside the old one": (
        one(of(LARGE, 4)),
        None,
        one(of(LARGE, 3), name="scorer"),
        {LARGE: (4, 3, 7)},
    ),
    "another hosting frees what there was first": (
        one({"main": serverless()}),
        None,
        one(of(LARGE, 3)),
        {LARGE: (0, 3, 3)},
    ),
    "and the other way round": (one(of(LARGE, 3)), None, one({"main": serverless()}), {LARGE: (3, 0, 3)}),
    "variants that exchange their counts": (
        one({"main": variant(count=2), "other": variant(count=3)}),
        None,
        one({"main": variant(count=3), "other": variant(count=2)}),
        {LARGE: (5, 5, 6)},
    ),
    "a deletion needs no more": (one(of(LARGE, 3)), None, fleet(), {LARGE: (3, 0, 3)}),
}


def rows(made: Plan) -> Rows:
    assert made.capacity is not None
    return {row.instance_type: (row.now, row.after, row.peak) for row in made.capacity.types}


@pytest.mark.parametrize(("before", "life", "after", "wanted"), CASES.values(), ids=CASES)
def test_instances_now_after_and_at_the_peak(
    before: Fleet | None, life: Callable[[World], None] | None, after: Fleet, wanted: Rows
) -> None:
    with World() as world:
        if before:
            world.live_through(before)
        if life:
            life(world)
        outages = ("endpoint/ranker",) if "ranker" in after["endpoints"] else ()
        made = world.plan(after, allow_outage=outages, max_change="100%")
        assert rows(made) == wanted
        assert +in_all(world) == {kind: now for kind, (now, _, _) in wanted.items() if now}
        assert +reached(world, made, wanted) == {kind: peak for kind, (_, _, peak) in wanted.items()}
        with copied(world) as twin:
            assert twin.apply(made).complete
            twin.sim.clock.sleep(7200)
            twin.does("ListEndpoints")
            assert +in_all(twin) == {kind: rest for kind, (_, rest, _) in wanted.items() if rest}


def test_a_retained_rolling_update_of_other_variants_has_a_bound_only() -> None:
    """SageMaker refuses it: a rolling update wants the same variants. So nothing more comes up than there is."""
    with World() as world:
        world.live_through(one(of(LARGE, 4), **rolling(percent(25))))
        made = world.plan(one({"other": variant(count=4)}, retain_deployment_config=True))
        assert rows(made) == {LARGE: (4, 4, 8)}
        assert reached(world, made, rows(made)) == {LARGE: 4}


def test_going_back_from_an_update_under_way_has_a_bound_only() -> None:
    """It is counted as though it came to nothing and were repeated; where it came to nothing, nothing is done."""
    with World() as world:
        world.live_through(one(of(LARGE, 5)))
        under_way(one(of(LARGE, 2, enable_ssm_access=True)))(world)
        made = world.plan(one(of(LARGE, 5)))
        assert rows(made) == {LARGE: (7, 5, 10)}
        assert reached(world, made, rows(made)) == {LARGE: 7}


def test_instance_pools_that_are_swapped_batch_by_batch_have_a_bound_for_each_type() -> None:
    """SageMaker chooses among their types: all of the new fleet may come up on either."""
    pools = [{"instance_type": LARGE, "priority": 1}, {"instance_type": XLARGE, "priority": 2}]
    file = one({"main": {"model": "ranker", "instance_pools": pools, "initial_instance_count": 4}}, **ONE_BY_ONE)
    with World() as world:
        world.live_through(file)
        made = world.plan({**file, "models": {"ranker": model("2")}})
        assert [step.operation for step in made.steps[:3]] == ["CreateModel", "CreateEndpointConfig", "UpdateEndpoint"]
        assert rows(made) == {LARGE: (4, 4, 5), XLARGE: (0, 4, 4)}
        assert reached(world, made, rows(made)) == {LARGE: 5}
        assert run_lacking(world, made, LARGE) == {LARGE: 4, XLARGE: 4}


def run_lacking(base: World, made: Plan, kind: str) -> dict[str, int]:
    """The most of each type while nothing can be launched on one."""
    with copied(base) as world:
        world.sim.faults.no_capacity(kind)
        meter = Meter(world)
        world.apply(made)
        meter.look()
        return dict(meter.most)


# --- under a quota ----------------------------------------------------------------------------------------------------


def both(sides: Mapping[str, tuple[tuple[int, int], tuple[int, int]]]) -> tuple[Fleet, Fleet]:
    """Endpoints with instances of two types, (before, after) of each; all of them are swapped."""

    def side(index: int) -> Fleet:
        endpoints = {}
        for name, levels in sides.items():
            counts = [(kind, level[index]) for kind, level in zip(TYPES, levels, strict=True) if level[index]]
            variants = {kind[-6:].strip("."): variant(instance_type=kind, count=count) for kind, count in counts}
            endpoints[name] = {"config": config(**variants)}
        return fleet(endpoints, models={"ranker": model(str(index))}, retain=0)

    return side(0), side(1)


def under(quotas: Mapping[str, int], world: World, before: Fleet, after: Fleet, parallelism: int) -> Plan:
    world.live_through(before)
    for kind, quota in quotas.items():
        world.sim.set_quota(kind, quota, region=REGION)
    return world.plan({**after, "quotas": dict(quotas)}, parallelism=parallelism)


SWAP = (2, 2)


@pytest.mark.parametrize(
    ("parallelism", "peak"),
    [(1, 4 + 1 + 3), (2, 4 + 1 + 3 + 1), (10, 4 + 1 + 3 + 1)],
)
def test_a_type_without_a_quota_keeps_its_peak_while_another_sets_the_order(parallelism: int, peak: int) -> None:
    """xlarge has 1 + 3 and comes to 1 + 4: the second grows by one, and stands beside itself with three more."""
    before, after = both({"e0": (SWAP, (0, 0)), "e1": (SWAP, (0, 0)), "e2": ((0, 0), (1, 1)), "e3": ((0, 0), (3, 4))})
    with World() as world:
        made = under({LARGE: 6}, world, before, after, parallelism)
        assert rows(made) == {LARGE: (4, 4, 6), XLARGE: (4, 5, peak)}
        assert +reached(world, made, rows(made)) == {LARGE: 6, XLARGE: peak}


def test_in_a_set_order_a_type_without_a_quota_has_a_bound_only() -> None:
    """The endpoint that grows comes last here, and the bound allows for any place of it."""
    before, after = both({"e0": (SWAP, (3, 3)), "e1": (SWAP, (1, 2))})
    with World() as world:
        made = under({LARGE: 6}, world, before, after, 2)
        assert rows(made) == {LARGE: (4, 4, 6), XLARGE: (4, 5, 9)}
        assert reached(world, made, rows(made)) == {LARGE: 6, XLARGE: 7}


@pytest.mark.parametrize(("room", "fits"), [(7, False), (8, True)])
def test_an_order_for_one_type_takes_no_other_beyond_its_quota(room: int, fits: bool) -> None:
    """large fits only with `b` first; then `b` has grown by an xlarge before `a` stands beside itself with three."""
    before, after = both({"a": ((1, 4), (3, 3)), "b": ((4, 1), (1, 2))})
    with World() as world:
        made = under({LARGE: 6, XLARGE: room}, world, before, after, 1)
        assert ([finding.rule for finding in made.findings] == []) is fits
        if not fits:
            assert {finding.rule for finding in made.findings} == {"GATE-09"}
            return
        assert rows(made) == {LARGE: (5, 5, 6), XLARGE: (4, 5, 8)}
        assert +reached(world, made, rows(made)) == {LARGE: 6, XLARGE: 8}
        assert world.apply(made, parallelism=1).complete


levels = st.tuples(st.integers(1, 3), st.integers(1, 3))
sides = st.dictionaries(st.sampled_from(("e0", "e1", "e2")), st.tuples(levels, levels), min_size=1)


@given(sides, st.integers(0, 6), st.integers(0, 6), st.integers(1, 3))
@LIFE
def test_a_plan_is_refused_for_the_quota_that_it_would_pass_and_for_no_other(
    fleets: dict[str, tuple[tuple[int, int], tuple[int, int]]], large: int, xlarge: int, parallelism: int
) -> None:
    before, after = both(fleets)
    now = [sum(level[place][0] for level in fleets.values()) for place in range(2)]
    quotas = {LARGE: now[0] + large, XLARGE: now[1] + xlarge}
    with World() as world:
        made = under(quotas, world, before, after, parallelism)
        beyond = {kind for kind, (_, _, peak) in rows(made).items() if peak > quotas[kind]}
        assert len(made.findings) == len(beyond)
        assert all(
            finding.rule == "GATE-09" and any(kind in finding.message for kind in beyond) for finding in made.findings
        )
        assert made.applyable is not bool(beyond)
        if made.applyable:
            assert all(count <= rows(made)[kind][2] for kind, count in reached(world, made, quotas).items())
            assert world.apply(made, parallelism=parallelism).complete
