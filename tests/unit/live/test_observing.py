"""observe: what is read, how it is read when there is much of it, and what failing reads become."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from mmeplan.identity import Deployment
from mmeplan.live import kind_and_name, models_of, observe, observe_objects
from mmeplan.live.observing import LIST_ABOVE
from tests.simulation.world import ACCOUNT, REGION, World, config, fleet, model, one, variant

MANY = LIST_ABOVE + 5


@pytest.fixture
def world() -> Iterator[World]:
    with World() as made:
        yield made


def many(version: str = "1") -> Any:
    return fleet(models={f"m{number}": model(version) for number in range(MANY)})


def calls(world: World, since: int) -> list[str]:
    return [event.operation for event in world.sim.history()[since:] if event.kind == "call"]


def test_many_models_are_listed_and_those_of_the_wanted_digest_are_not_described(world: World) -> None:
    world.live_through(many())
    since = len(world.sim.history())
    seen = world.observe(world.compile(many()))
    assert "DescribeModel" not in calls(world, since)
    assert all(live.by_digest and live.arn and live.created_at for live in seen.present("model"))
    assert len(list(seen.present("model"))) == MANY


def test_a_full_observation_describes_them_all_the_same(world: World) -> None:
    world.live_through(many())
    since = len(world.sim.history())
    observe(world.cloud, world.compile(many()), world.sim.clock.now(), REGION, full=True)
    assert calls(world, since).count("DescribeModel") == MANY


def test_a_large_fleet_lives_like_a_small_one(world: World) -> None:
    world.watching = False
    endpoints = {f"e{number}": {"config": config(main=variant())} for number in range(MANY)}
    world.live_through(fleet(endpoints))
    world.live_through(fleet(endpoints, models={"ranker": model("2")}, retain=0))
    assert len(world.names("endpoint-config")) == MANY
    made = world.plan(fleet(endpoints, models={"ranker": model("3")}, retain=0))
    since = len(world.sim.history())
    wanted = [tuple(at.split("/", 1)) for at in made.snapshot.fingerprints]
    observe_objects(world.cloud, Deployment("f"), wanted, world.sim.clock.now(), ACCOUNT, REGION)  # type: ignore[arg-type]
    assert "DescribeEndpointConfig" not in calls(world, since)
    world.live_through(fleet(models={}), max_change="100%")
    assert world.names("endpoint-config") == []


def test_a_digest_tag_that_somebody_removed_means_a_describe(world: World) -> None:
    world.live_through(many())
    arn = world.does("DescribeModel", ModelName=world.names("model")[0])["ModelArn"]
    world.does("DeleteTags", ResourceArn=arn, TagKeys=["mmeplan:digest"])
    seen = world.observe(world.compile(fleet(models={})))
    assert not [live for live in seen.present("model") if live.by_digest]


def test_everything_that_carries_the_tag_is_found_whatever_the_file_says(world: World) -> None:
    world.live_through(one())
    world.foreign_endpoint()
    seen = world.observe(world.compile(fleet(models={})))
    assert [live.name for live in seen.present("endpoint")] == ["ranker"]
    assert (seen.account, seen.region, seen.fleet) == (ACCOUNT, REGION, "f")


def test_names_from_lower_cased_arns_are_the_objects_own_names(world: World) -> None:
    text = fleet({"Ranker": {"config": config(main=variant("Ranker"))}}, models={"Ranker": model()})
    world.live_through(text)
    read = world.cloud.read

    def lower_cased(operation: str, params: Any) -> Any:
        answer = read(operation, params)
        for mapping in answer.get("ResourceTagMappingList", ()):
            head, _, name = mapping["ResourceARN"].rpartition("/")
            mapping["ResourceARN"] = f"{head}/{name.lower()}"
        return answer

    world.cloud.read = lower_cased  # type: ignore[method-assign]
    try:
        world.live_through(text)
        larger = {"Ranker": {"config": config(main=variant("Ranker", "ml.m5.xlarge"))}}
        world.live_through({**text, "endpoints": larger})
        world.live_through(fleet(models={}))
        assert world.names("model") == []
    finally:
        del world.cloud.read


def test_an_object_that_is_deleted_between_two_reads_is_absent(world: World) -> None:
    world.foreign_endpoint("ranker")
    world.sim.faults.error("ListTags", code="ValidationException", message='Could not find endpoint "x".')
    seen = world.observe(world.compile(fleet({"ranker": {"endpoint_config_name": "ranker"}}, models={})))
    assert seen.get("endpoint", "ranker").status == "absent"  # type: ignore[union-attr]


def test_tags_of_a_foreign_config_may_stay_unknown(world: World) -> None:
    world.foreign_endpoint("ranker")
    world.sim.faults.error("ListTags", code="AccessDeniedException", message="no", count=99)
    seen = world.observe(world.compile(one(name="other")))
    assert seen.unreadable() == []
    wanted = world.observe(world.compile(fleet({"ranker": {"endpoint_config_name": "x"}})))
    assert [live.name for live in wanted.unreadable()] == ["ranker"]
    assert "sagemaker:ListTags" in wanted.unreadable()[0].error


def test_models_in_instance_pools_and_shadow_variants_count() -> None:
    described = {
        "ProductionVariants": [{"ModelName": "a", "InstancePools": [{"ModelNameOverride": "b"}, {}]}],
        "ShadowProductionVariants": [{"ModelName": "c"}, {"ModelName": "a"}],
    }
    assert models_of(described) == ("a", "b", "c")


@pytest.mark.parametrize(
    ("arn", "wanted"),
    [
        ("arn:aws:sagemaker:eu-west-1:1:endpoint-config/x", ("endpoint_config", "x")),
        ("arn:aws-cn:sagemaker:cn-north-1:1:endpoint/x", ("endpoint", "x")),
        ("arn:aws:sagemaker:eu-west-1:1:training-job/x", ("", "x")),
        ("arn:aws:s3:::bucket", ("", "")),
    ],
)
def test_an_arn_says_kind_and_name(arn: str, wanted: tuple[str, str]) -> None:
    assert kind_and_name(arn) == wanted
