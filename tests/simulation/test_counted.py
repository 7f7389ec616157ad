"""What counts as an instance: of a type that nobody knows any more, at a count of 0, of a capacity reservation, and of
endpoints that are the file's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mmeplan import render
from mmeplan.live import live_endpoint, live_object
from mmeplan.plan import Plan, decode, encode
from mmeplan.planning import planned_from
from tests.simulation.world import Fleet, World, config, fleet, model, one, refused_for, serverless, variant

LARGE, XLARGE = "ml.m5.large", "ml.m5.xlarge"
AUTO: Fleet = {"capacity": "autoscaled"}
GATE = ("GATE-09", "")


def rows(made: Plan) -> dict[str, tuple[int, int, int]]:
    assert made.capacity is not None
    return {row.instance_type: (row.now, row.after, row.peak) for row in made.capacity.types}


def assumed(made: Plan) -> dict[str, int]:
    assert made.capacity is not None
    return {row.instance_type: row.assumed for row in made.capacity.types if row.assumed}


def lose_config(world: World, name: str = "ranker") -> None:
    """Somebody deletes the config that an endpoint runs."""
    world.does("DeleteEndpointConfig", EndpointConfigName=world.endpoint(name)["EndpointConfigName"])


def scaled(world: World, count: int, of: str = "main") -> None:
    """An autoscaler's decision, and the time until it is carried out."""
    desired = [{"VariantName": of, "DesiredInstanceCount": count}]
    world.does("UpdateEndpointWeightsAndCapacities", EndpointName="ranker", DesiredWeightsAndCapacities=desired)
    world.sim.clock.sleep(600)
    world.does("ListEndpoints")


def shown(made: Plan) -> dict[str, str]:
    """Every output of a plan for people."""
    outputs = {"text": render.text(made, width=120), "markdown": render.markdown(made), "html": render.html(made)}
    return {name: " ".join(text.split()) for name, text in outputs.items()}


# --- a config that is gone --------------------------------------------------------------------------------------------

NEW_IMAGE = {"models": {"ranker": model("2")}}


@pytest.mark.parametrize(
    ("before", "after", "counted", "unknown"),
    [
        ({"main": variant()}, {"main": variant()}, {LARGE: (2, 2, 4)}, {LARGE: 2}),
        ({"main": variant()}, {"main": variant(instance_type=XLARGE)}, {XLARGE: (2, 2, 4)}, {XLARGE: 2}),
        ({"main": variant()}, {"other": variant()}, {LARGE: (2, 2, 4)}, {LARGE: 2}),
        (
            {"main": variant()},
            {"other": variant(), "third": variant(instance_type=XLARGE)},
            {"unknown": (2, 0, 2), LARGE: (0, 2, 2), XLARGE: (0, 2, 2)},
            {"unknown": 2},
        ),
        ({"main": variant()}, {"main": variant(count=5, **AUTO)}, {LARGE: (2, 2, 4)}, {LARGE: 2}),
        ({"main": serverless()}, {"main": variant()}, {LARGE: (0, 2, 2)}, {}),
    ],
    ids=["the same type", "another type", "another variant", "two others", "an autoscaler's count", "serverless"],
)
def test_instances_whose_config_is_gone_count(
    before: Fleet, after: Fleet, counted: dict[str, tuple[int, int, int]], unknown: dict[str, int]
) -> None:
    with World() as world:
        world.live_through(one(before))
        lose_config(world)
        made = world.plan({**one(after), **NEW_IMAGE})
        assert rows(made) == counted
        assert assumed(made) == unknown
        assert world.apply(made).complete


def test_a_quota_counts_instances_whose_config_is_gone_and_every_output_says_that_their_type_is_not_known() -> None:
    with World() as world:
        world.live_through(one())
        lose_config(world)
        made = world.plan({**one(), **NEW_IMAGE, "quotas": {LARGE: 3}})
        assert refused_for(made) == {GATE}
        for name, text in shown(made).items():
            assert "2 instances now run on a config that was deleted, so nobody knows the type" in text, name


def test_a_type_that_nobody_knows_has_a_row_of_its_own() -> None:
    with World() as world:
        world.live_through(one())
        lose_config(world)
        made = world.plan(one({"other": variant(), "third": variant(instance_type=XLARGE)}))
        assert all("type not known" in text for text in shown(made).values())


def test_an_update_under_way_says_the_types_of_its_fleet_although_its_config_is_gone() -> None:
    with World() as world:
        world.live_through(one())
        edited = world.plan(one({"main": variant(instance_type=XLARGE)}))
        for step in edited.steps[:2]:
            world.does(step.operation, **step.params)
        lost = world.endpoint()["PendingDeploymentSummary"]["EndpointConfigName"]
        world.does("DeleteEndpointConfig", EndpointConfigName=lost)
        made = world.plan(one({"main": variant()}))
        assert rows(made)[XLARGE][0] == 2


# --- a count of 0 -----------------------------------------------------------------------------------------------------


def test_a_variant_at_zero_that_the_file_scales_up_is_counted() -> None:
    with World() as world:
        world.live_through(one({"main": variant(count=4)}))
        scaled(world, 0)
        made = world.plan({**one({"main": variant(count=4)}), "quotas": {LARGE: 3}})
        assert rows(made) == {LARGE: (0, 4, 4)}
        assert refused_for(made) == {GATE}
        for name, text in shown(made).items():
            assert "0 → 4" in text, name
            assert "Instances" in text, name


def test_a_swap_that_keeps_an_autoscalers_zero_is_not_refused() -> None:
    file = one({"main": variant(count=4, **AUTO)})
    with World() as world:
        world.live_through(file)
        scaled(world, 0)
        made = world.plan({**file, **NEW_IMAGE, "quotas": {LARGE: 3}})
        assert rows(made) == {}
        assert made.applyable
        assert world.apply(made).complete
        assert world.endpoint()["ProductionVariants"][0]["DesiredInstanceCount"] == 0


def test_a_swap_of_a_fixed_count_onto_a_variant_at_zero_says_so() -> None:
    with World() as world:
        world.live_through(one({"main": variant(count=4)}))
        scaled(world, 0)
        made = world.plan({**one({"main": variant(count=4)}), **NEW_IMAGE})
        assert rows(made) == {LARGE: (0, 4, 4)}
        assert all("0 → 4" in text for text in shown(made).values())


@pytest.mark.parametrize(
    ("after", "words"),
    [
        ({"main": variant(count=4), "other": variant()}, "new, 2 × ml.m5.large"),
        ({"other": variant()}, "removed, was 0 instances"),
    ],
    ids=["beside a new one", "removed"],
)
def test_no_instances_and_no_variant_are_two_things(after: Fleet, words: str) -> None:
    with World() as world:
        world.live_through(one({"main": variant(count=4)}))
        scaled(world, 0)
        assert words in shown(world.plan(one(after)))["text"]


def test_serverless_that_gets_instances_had_no_count() -> None:
    with World() as world:
        world.live_through(one({"main": serverless()}))
        made = world.plan(one({"main": variant()}))
        assert "0 →" not in shown(made)["text"]
        assert "serverless → 2 × ml.m5.large" in shown(made)["text"]


# --- whose endpoints count --------------------------------------------------------------------------------------------


def test_a_pinned_config_with_new_content_leaves_what_runs_counted_by_its_own_type() -> None:
    def file(kind: str) -> Fleet:
        return fleet({"ranker": {"config": {"name": "fixed", **config(main=variant(instance_type=kind))}}})

    with World() as world:
        world.live_through(file(LARGE))
        made = world.plan(file(XLARGE))
        assert {rule for rule, _ in refused_for(made)} == {"CFG-38"}
        assert rows(made) == {LARGE: (2, 0, 2), XLARGE: (0, 2, 2)}


def test_endpoints_that_the_file_neither_declares_nor_owns_do_not_count() -> None:
    with World() as world:
        world.live_through(one())
        desired = world.desired({**one(), **NEW_IMAGE, "quotas": {LARGE: 4}})
        world.foreign_endpoint("theirs")
        seen = world.observe(desired.graph)
        theirs = live_endpoint(world.does("DescribeEndpoint", EndpointName="theirs"), {})
        runs = live_object(
            "endpoint_config",
            "theirs",
            "present",
            world.does("DescribeEndpointConfig", EndpointConfigName="theirs"),
            {},
        )
        objects = {kind: dict(found) for kind, found in seen.objects.items()}
        objects["endpoint"]["theirs"], objects["endpoint_config"]["theirs"] = theirs, runs
        with_theirs = planned_from(desired, replace(seen, objects=objects)).plan
        without = planned_from(desired, seen).plan
        assert rows(with_theirs) == rows(without) == {LARGE: (2, 2, 4)}
        assert not with_theirs.refused


def test_an_endpoint_that_is_to_be_adopted_counts() -> None:
    with World() as world:
        world.foreign_endpoint("ranker")
        made = world.plan(one({"main": variant(count=1)}, adopt=True))
        assert rows(made)[LARGE][0] == 1


# --- counts that are an autoscaler's ----------------------------------------------------------------------------------

KEPT = "kept (autoscaled)"


def warm(world: World, count: int) -> None:
    """An autoscaler's decision about provisioned concurrency."""
    desired = [{"VariantName": "main", "ServerlessUpdateConfig": {"ProvisionedConcurrency": count}}]
    world.does("UpdateEndpointWeightsAndCapacities", EndpointName="ranker", DesiredWeightsAndCapacities=desired)
    world.sim.clock.sleep(600)
    world.does("ListEndpoints")


def warmed(count: int | None, concurrency: int = 20, **more: Any) -> Fleet:
    """One serverless endpoint with provisioned concurrency."""
    main = serverless(concurrency=concurrency, **more)
    if count is not None:
        main["serverless_config"]["provisioned_concurrency"] = count
    return one({"main": main})


def provisioned(world: World) -> int | None:
    return world.endpoint()["ProductionVariants"][0]["DesiredServerlessConfig"].get("ProvisionedConcurrency")


def test_a_count_that_a_swap_keeps_is_shown_as_kept_and_not_as_a_change() -> None:
    with World() as world:
        world.live_through(one({"main": variant(count=2, **AUTO)}))
        scaled(world, 7)
        made = world.plan({**one({"main": variant(count=2, **AUTO)}), "models": {"ranker": model("2")}})
        for name, text in shown(made).items():
            assert "7 × ml.m5.large, kept (autoscaled)" in text, name
            assert "initial_instance_count" not in text, name
        assert all("initial_instance_count" not in f.field for change in made.changes for f in change.fields)
        (traffic,) = next(change.traffic for change in made.changes if change.kind == "endpoint")
        assert (traffic.instances_before, traffic.instances_after, traffic.kept) == (7, 7, True)


@pytest.mark.parametrize(
    "edit",
    [{"retain_all_variant_properties": False}, {"name": "renamed"}],
    ids=["the file retains nothing", "the endpoint is created again"],
)
def test_a_count_that_is_set_back_is_shown_as_a_change(edit: Fleet) -> None:
    with World() as world:
        world.live_through(one({"main": variant(count=2, **AUTO)}))
        scaled(world, 7)
        after = {**one({"main": variant(count=2, **AUTO)}, **edit), "models": {"ranker": model("2")}}
        made = world.plan(after, allow_outage=("endpoint/ranker",))
        assert KEPT not in shown(made)["text"]
        (traffic,) = next(change.traffic for change in made.changes if change.kind == "endpoint")
        assert (traffic.instances_before, traffic.instances_after, traffic.kept) == (7, 2, False)


def shaded(count: int) -> Fleet:
    """One endpoint with an autoscaled variant, and a shadow variant of this count."""
    file = one({"main": variant(**AUTO)})
    file["endpoints"]["ranker"]["config"]["shadow_production_variants"] = {"shade": variant(count=count)}
    return file


@pytest.mark.parametrize(("before", "after"), [(1, 3), (3, 1)])
def test_a_shadows_count_that_a_swap_retains_becomes_the_files(before: int, after: int) -> None:
    with World() as world:
        world.live_through(shaded(before))
        scaled(world, 5)
        made = world.plan(shaded(after))
        assert rows(made) == {LARGE: (5 + before, 5 + after, 2 * (5 + before))}
        world.live_through(shaded(after))
        assert world.endpoint()["ShadowProductionVariants"][0]["DesiredInstanceCount"] == after
        assert world.endpoint()["ProductionVariants"][0]["DesiredInstanceCount"] == 5


def test_a_rollout_that_is_retained_is_shown_as_what_it_is() -> None:
    size = {"type": "INSTANCE_COUNT", "value": 1}
    policy = {"rolling_update_policy": {"maximum_batch_size": size, "wait_interval_in_seconds": 3600}}
    with World() as world:
        for version in ("1", "2"):
            rolling = one({"main": variant(count=4)}, deployment_config=policy)
            world.live_through({**rolling, "models": {"ranker": model(version)}})
        retaining = one({"main": variant(count=4)}, retain_deployment_config=True)
        made = world.plan({**retaining, "models": {"ranker": model("3")}})
        (rollout,) = (change.rollout for change in made.changes if change.kind == "endpoint")
        assert rollout == "rolling, 1 instance at a time, 60 min between batches"
        (update,) = (step for step in made.steps if step.operation == "UpdateEndpoint")
        assert update.members()["wait"]["timeout_s"] > 20 * 3600


@pytest.mark.parametrize("written", [1, None], ids=["a first value in the file", "none in the file"])
def test_provisioned_concurrency_of_an_autoscaler_is_no_change_and_no_drift(written: int | None) -> None:
    file = warmed(written, **AUTO)
    with World() as world:
        world.live_through(warmed(1, **AUTO))
        world.live_through(file)
        warm(world, 8)
        made = world.plan(file)
        assert not made.has_changes
        assert not made.drift
        assert not world.engine.drift(world.desired(file)).report().drift


def test_a_swap_keeps_the_provisioned_concurrency_of_an_autoscaler() -> None:
    with World() as world:
        world.live_through(warmed(1, **AUTO))
        warm(world, 8)
        edited = {**warmed(1, **AUTO), "models": {"ranker": model("2")}}
        made = world.plan(edited)
        assert all(KEPT in text for text in shown(made).values())
        assert all("provisioned_concurrency" not in text for text in shown(made).values())
        assert all("8 kept warm" in text or name == "html" for name, text in shown(made).items())
        world.live_through(edited)
        assert provisioned(world) == 8


def test_provisioned_concurrency_is_kept_within_the_new_maximum() -> None:
    with World() as world:
        world.live_through(warmed(1, **AUTO))
        warm(world, 8)
        world.live_through({**warmed(1, concurrency=5, **AUTO), "models": {"ranker": model("2")}})
        assert provisioned(world) == 5


def test_provisioned_concurrency_that_is_the_files_is_set_back() -> None:
    with World() as world:
        world.live_through(warmed(1))
        warm(world, 8)
        world.live_through(warmed(1))
        assert provisioned(world) == 1


@pytest.mark.parametrize(
    ("before", "moved", "after", "note"),
    [
        (variant(count=4), None, variant(count=4, **AUTO), "the count of main (4) is an autoscaler's from now on"),
        (variant(count=4), 7, variant(count=4, **AUTO), "the count of main (7) is an autoscaler's from now on"),
        (variant(count=4), None, variant(count=2, **AUTO), "the count of main (4) is an autoscaler's from now on"),
        (variant(count=4, **AUTO), None, variant(count=4), "the count of main (4) is the file's from now on"),
        (variant(count=4, **AUTO), 7, variant(count=4), "the count of main (7) is the file's from now on"),
        (variant(count=4, **AUTO), 7, variant(count=4, enable_ssm_access=True, **AUTO), ""),
        (variant(count=4), None, variant(count=4, enable_ssm_access=True), ""),
        (
            variant(count=4),
            None,
            variant(count=4, enable_ssm_access=True, **AUTO),
            "the count of main (4) is an autoscaler's from now on",
        ),
    ],
)
def test_who_owns_a_count_from_now_on_is_said(before: Fleet, moved: int | None, after: Fleet, note: str) -> None:
    with World() as world:
        world.live_through(one({"main": before}))
        if moved is not None:
            scaled(world, moved)
        made = world.plan(one({"main": after}))
        for name, text in shown(made).items():
            assert (note or "from now on") in text.replace("&#39;", "'") or not note, name
            assert note or "from now on" not in text, name
        world.live_through(one({"main": after}))


def test_provisioned_concurrency_that_an_autoscaler_owns_from_now_on_is_said() -> None:
    with World() as world:
        world.live_through(warmed(2))
        made = world.plan(warmed(2, **AUTO))
        assert "the provisioned concurrency of main (2) is an autoscaler's from now on" in shown(made)["text"]


# --- capacity reservations --------------------------------------------------------------------------------------------

ARN = "arn:aws:sagemaker:eu-west-1:123456789012:training-plan/for-rank"
RESERVED: dict[str, Any] = {
    "capacity_reservation_config": {
        "capacity_reservation_preference": "capacity-reservations-only",
        "ml_reservation_arn": ARN,
    }
}


def reserved(made: Plan) -> dict[str, tuple[int, int, int, int | None]]:
    assert made.capacity is not None
    return {row.reservation: (row.now, row.after, row.peak, row.quota) for row in made.capacity.reservations}


def holds(world: World, instances: int) -> None:
    world.sim.set_quota(ARN, instances, region="eu-west-1")


def test_a_swap_that_a_reservation_has_no_room_for_is_refused_in_every_output() -> None:
    with World() as world:
        holds(world, 2)
        world.live_through(one({"main": variant(**RESERVED)}))
        made = world.plan({**one({"main": variant(**RESERVED)}), "models": {"ranker": model("2")}})
        assert reserved(made) == {ARN: (2, 2, 4, 2)}
        assert rows(made) == {LARGE: (2, 2, 4)}
        assert refused_for(made) == {GATE}
        (finding,) = [finding for finding in made.findings if finding.severity == "error"]
        assert finding.path.endswith("capacity_reservation_config")
        for name, text in shown(made).items():
            assert "up to 4 at once in the capacity reservation for-rank" in text, name
            assert "reservation for-rank" in text, name


def test_what_a_full_reservation_asks_for_leads_to_a_swap() -> None:
    changed = {**one({"main": variant(**RESERVED)}), "models": {"ranker": model("2")}}
    with World() as world:
        holds(world, 2)
        world.live_through(one({"main": variant(**RESERVED)}))
        (finding,) = [finding for finding in world.plan(changed).findings if finding.severity == "error"]
        assert "a reservation with room for 4 would do, or drop `capacity_reservation_config`" in finding.help
        assert world.plan({**changed, **one({"main": variant()})}).applyable
        holds(world, 4)
        assert world.apply(world.plan(changed)).complete


def test_a_swap_that_a_reservation_has_no_room_for_would_be_rolled_back() -> None:
    with World() as world:
        holds(world, 4)
        world.live_through(one({"main": variant(**RESERVED)}))
        made = world.plan({**one({"main": variant(**RESERVED)}), "models": {"ranker": model("2")}})
        assert made.applyable
        holds(world, 2)
        assert not world.apply(made).complete
        assert "no capacity available" in world.endpoint()["FailureReason"]


@pytest.mark.parametrize(
    ("room", "after", "fits"),
    [
        (4, variant(**RESERVED, enable_ssm_access=True), True),
        (3, variant(**RESERVED, enable_ssm_access=True), False),
        (2, variant(enable_ssm_access=True), True),
        (4, variant(count=4, **RESERVED), True),
        (3, variant(count=4, **RESERVED), False),
    ],
    ids=["room for both", "one too few", "away from it", "grown in place", "grown beyond it"],
)
def test_a_plan_fits_a_reservation_exactly_where_its_apply_does(room: int, after: Fleet, fits: bool) -> None:
    with World() as world:
        holds(world, room)
        world.live_through(one({"main": variant(**RESERVED)}))
        made = world.plan(one({"main": after}))
        assert made.applyable is fits
        if fits:
            assert world.apply(made).complete


def test_what_others_have_of_a_reservation_is_not_the_fleets() -> None:
    with World() as world:
        holds(world, 6)
        world.live_through(one({"main": variant(**RESERVED)}))
        others = fleet({"theirs": {"config": config(main=variant(count=3, **RESERVED))}}, fleet="theirs")
        world.live_through(others)
        made = world.plan({**one({"main": variant(**RESERVED)}), "models": {"ranker": model("2")}})
        assert reserved(made) == {ARN: (2, 2, 4, 3)}
        assert refused_for(made) == {GATE}


def test_endpoints_wait_for_one_another_where_only_that_fits_a_reservation() -> None:
    def of(version: str) -> Fleet:
        endpoints = {name: {"config": config(main=variant(**RESERVED))} for name in ("a", "b")}
        return fleet(endpoints, models={"ranker": model(version)})

    with World() as world:
        holds(world, 6)
        world.live_through(of("1"))
        made = world.plan(of("2"))
        assert reserved(made) == {ARN: (4, 4, 6, 6)}
        assert world.apply(made).complete


def test_a_reservation_on_which_nothing_is_live_has_no_quota_that_is_known() -> None:
    with World() as world:
        made = world.plan(one({"main": variant(**RESERVED)}))
        assert reserved(made) == {ARN: (0, 2, 2, None)}
        assert made.applyable


def test_a_plan_with_reservations_is_read_as_it_was_written() -> None:
    with World() as world:
        holds(world, 4)
        world.live_through(one({"main": variant(**RESERVED)}))
        made = world.plan({**one({"main": variant(**RESERVED)}), "models": {"ranker": model("2")}})
        assert decode(encode(made)) == made
