"""What `status --format json` tells programs: numbers, ARNs, models; and what it always told."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mmeplan.errors import InputError
from mmeplan.live import LIST_ABOVE
from mmeplan.simulator import SimulatedCrash
from tests.simulation.world import REGION, Fleet, World, config, fleet, model, one, serverless, variant

TOLD: dict[str, type | tuple[type, ...]] = {
    "address": str,
    "name": str,
    "status": str,
    "config": str,
    "variants": list,
    "note": str,
    "failure": str,
    "generations": list,
}
"""Members that programs read since the first version."""


def status(world: World, file: Fleet) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(world.engine.status(world.desired(file)).json())
    return rows


BOTH = one({"main": variant(count=3, initial_variant_weight=0.7, capacity="autoscaled"), "other": variant(count=1)})


def test_what_programs_read_already_is_there_still() -> None:
    with World() as world:
        world.live_through(BOTH)
        (row,) = status(world, BOTH)
        assert {name: type(row[name]) for name in TOLD} == TOLD
        assert (
            row["variants"][0] | {"name": "main", "instance_type": "ml.m5.large", "count": "3/3", "share": "41%"}
            == (row["variants"][0])
        )


def test_counts_weights_and_shares_are_numbers() -> None:
    with World() as world:
        world.live_through(BOTH)
        desired = [{"VariantName": "main", "DesiredInstanceCount": 5}]
        world.does("UpdateEndpointWeightsAndCapacities", EndpointName="ranker", DesiredWeightsAndCapacities=desired)
        (row,) = status(world, BOTH)
        main, other = row["variants"]
        assert (main["current_count"], main["desired_count"]) == (3, 5)
        assert (main["current_weight"], main["desired_weight"], other["desired_weight"]) == (0.7, 0.7, 1)
        assert main["traffic"] == pytest.approx(0.7 / 1.7, abs=1e-6)
        assert (main["autoscaled"], other["autoscaled"]) == (True, False)


def test_a_count_of_zero_is_zero_and_no_count_is_null() -> None:
    with World() as world:
        both = fleet({"ranker": {"config": config(main=variant())}, "warm": {"config": config(warm=serverless())}})
        world.live_through(both)
        desired = [{"VariantName": "main", "DesiredInstanceCount": 0}]
        world.does("UpdateEndpointWeightsAndCapacities", EndpointName="ranker", DesiredWeightsAndCapacities=desired)
        world.sim.clock.sleep(600)
        (main,), (warm,) = (row["variants"] for row in status(world, both))
        assert (main["current_count"], main["desired_count"], main["current_serverless"]) == (0, 0, None)
        assert (warm["current_count"], warm["desired_count"], warm["count"]) == (None, None, "")
        assert warm["desired_serverless"]["MaxConcurrency"] == 5


def test_everything_that_an_endpoint_runs_on_has_its_arn() -> None:
    with World() as world:
        world.live_through(BOTH)
        (row,) = status(world, BOTH)
        endpoint = world.endpoint()
        assert row["arn"] == endpoint["EndpointArn"]
        assert row["created_at"]
        assert row["config_in_force"]["name"] == endpoint["EndpointConfigName"]
        described = world.does("DescribeEndpointConfig", EndpointConfigName=row["config"])
        assert row["config_in_force"]["arn"] == described["EndpointConfigArn"]
        (used,) = row["models"]
        assert used["arn"] == world.does("DescribeModel", ModelName=used["name"])["ModelArn"]
        assert row["variants"][0]["models"] == [used["name"]]
        assert used["exists"] is True


def test_a_generation_is_an_object_with_its_models() -> None:
    with World() as world:
        world.live_through(BOTH)
        before = world.endpoint()["EndpointConfigName"]
        after = {**BOTH, "models": {"ranker": model("2")}}
        world.live_through(after)
        (row,) = status(world, after)
        (kept,) = row["kept"]
        assert kept["name"] == before
        assert kept["arn"].endswith(f"endpoint-config/{before}")
        assert set(kept["models"]) <= set(world.names("model"))
        assert row["generations"][0].startswith(before)


def test_a_config_that_is_gone_is_told_as_gone() -> None:
    with World() as world:
        world.live_through(one())
        world.does("DeleteEndpointConfig", EndpointConfigName=world.endpoint()["EndpointConfigName"])
        (row,) = status(world, one())
        assert row["config_in_force"]["exists"] is False
        assert row["variants"][0]["desired_count"] == 2


def test_an_endpoint_that_is_not_there_has_no_numbers() -> None:
    with World() as world:
        (row,) = status(world, one())
        assert (row["status"], row["arn"], row["variants"], row["config_in_force"]) == ("absent", "", [], None)


def test_a_large_fleet_has_types_and_models_too() -> None:
    """Its configs are listed, not described."""
    endpoints = {f"e{number:02}": {"config": config(main=variant(count=1))} for number in range(LIST_ABOVE + 1)}
    with World() as world:
        world.live_through(fleet(endpoints))
        rows = status(world, fleet(endpoints))
        assert {row["variants"][0]["instance_type"] for row in rows} == {"ml.m5.large"}
        assert all(row["models"][0]["arn"] and row["config_in_force"]["arn"] for row in rows)


def test_shadow_variants_are_told_apart() -> None:
    with World() as world:
        file = one()
        file["endpoints"]["ranker"]["config"]["shadow_production_variants"] = {"shade": variant(count=1)}
        world.live_through(file)
        (row,) = status(world, file)
        assert [item["name"] for item in row["variants"]] == ["main"]
        assert [(item["name"], item["desired_count"]) for item in row["shadow_variants"]] == [("shade", 1)]


def named(name: str) -> Fleet:
    """Two endpoints, one of them `ranker`."""
    return fleet({"ranker": {"config": config(main=variant())}, name: {"config": config(main=variant())}})


def under_way(world: World, file: Fleet) -> None:
    """The endpoint `ranker` is being swapped to the config of this file."""
    steps = [step.operation for step in world.plan(file).steps]
    world.sim.faults.crash_at(steps.index("UpdateEndpoint") + 1, "after")
    with pytest.raises(SimulatedCrash):
        world.apply(file)


def test_what_an_update_is_doing_is_said_in_sagemakers_words_and_since_when() -> None:
    with World() as world:
        world.live_through(BOTH)
        after = {**BOTH, "models": {"ranker": model("2")}}
        under_way(world, after)
        pending = world.endpoint()["PendingDeploymentSummary"]
        said = pending["ProductionVariants"][0]["VariantStatus"][0]
        world.sim.clock.sleep(61)
        (row,) = status(world, after)
        first = row["phases"][0]
        assert (first["variant"], first["config"]) == ("main", pending["EndpointConfigName"])
        assert (first["status"], first["message"]) == (said["Status"], said["StatusMessage"])
        assert (first["since"], first["age"]) == (said["StartTime"], "1 min")
        assert row["deploying_since"] == pending["StartTime"]
        assert [phase["variant"] for phase in row["phases"]] == ["main", "other"]
        text = " ".join(world.engine.status(world.desired(after)).text(width=80).split())
        assert f"main: {said['Status']}, {said['StatusMessage'].rstrip('.')} (for 1 min)" in text


def test_what_is_at_rest_does_nothing() -> None:
    with World() as world:
        world.live_through(BOTH)
        (row,) = status(world, BOTH)
        assert (row["phases"], row["deploying_since"]) == ([], "")


def test_named_endpoints_are_shown_alone_and_one_with_its_url() -> None:
    with World() as world:
        file = named("other")
        world.live_through(file)
        desired = world.desired(file)
        (row,) = world.engine.status(desired, ["ranker"]).endpoints
        assert row.url == f"https://runtime.sagemaker.{REGION}.amazonaws.com/endpoints/ranker/invocations"
        both = world.engine.status(desired, ["endpoint/other", "ranker"])
        assert [row.name for row in both.endpoints] == ["other", "ranker"]
        assert "https://" not in both.text()
        assert f"  {row.url}\n" in both.text(width=80, urls=True)
        with pytest.raises(InputError, match="no endpoint 'rankre'"):
            world.engine.status(desired, ["rankre"])


def test_an_asynchronous_endpoint_is_invoked_elsewhere() -> None:
    with World() as world:
        file = one()
        file["endpoints"]["ranker"]["config"]["async_inference_config"] = {
            "output_config": {"s3_output_path": "s3://acme-output/ranker"}
        }
        world.live_through(file)
        assert status(world, file)[0]["url"].endswith("/endpoints/ranker/async-invocations")


BAKING = {
    "deployment_config": {
        "blue_green_update_policy": {
            "traffic_routing_configuration": {"type": "ALL_AT_ONCE", "wait_interval_in_seconds": 0},
            "termination_wait_in_seconds": 600,
        }
    }
}


def test_an_update_to_what_the_file_wants_says_how_long_it_still_takes_and_takes_it() -> None:
    with World() as world:
        world.live_through(one(**BAKING))
        after = {**one(**BAKING), "models": {"ranker": model("2")}}
        under_way(world, after)
        began = world.endpoint()["PendingDeploymentSummary"]["StartTime"]
        world.sim.clock.sleep(300)
        (row,) = status(world, after)
        assert (row["under_way_since"], row["under_way_for"]) == (began, "5 min")
        assert (row["least_left_s"], row["most_left_s"]) == (420, 720)  # 120 to 420 s of launch, and ten minutes
        assert "under way for 5 min, 7 to 12 min left" in world.engine.status(world.desired(after)).text(width=80)
        world.sim.clock.sleep(row["least_left_s"])
        assert status(world, after)[0]["status"] == "Updating"
        world.sim.clock.sleep(row["most_left_s"] - row["least_left_s"])
        (row,) = status(world, after)
        assert (row["status"], row["under_way_since"], row["most_left_s"]) == ("InService", "", None)


def test_of_an_update_that_leads_elsewhere_only_its_beginning_is_known() -> None:
    with World() as world:
        world.live_through(BOTH)
        under_way(world, {**BOTH, "models": {"ranker": model("2")}})
        world.sim.clock.sleep(120)
        (row,) = status(world, BOTH)
        assert (row["under_way_for"], row["least_left_s"], row["most_left_s"]) == ("2 min", None, None)
        assert "under way for 2 min\n" in world.engine.status(world.desired(BOTH)).text(width=80)


@pytest.mark.parametrize(
    ("count", "left"),
    [(3, (60, 300)), (1, (15, 120))],  # an instance that is added comes up; one that goes is quickly gone
)
def test_a_change_of_counts_says_how_long_it_takes(count: int, left: tuple[int, int]) -> None:
    with World() as world:
        world.live_through(one())
        desired = [{"VariantName": "main", "DesiredInstanceCount": count}]
        world.does("UpdateEndpointWeightsAndCapacities", EndpointName="ranker", DesiredWeightsAndCapacities=desired)
        (row,) = status(world, one())
        assert (row["least_left_s"], row["most_left_s"]) == left


def test_a_create_and_a_delete_say_how_long_they_take() -> None:
    with World() as world:
        world.live_through(one())
        world.does("DeleteEndpoint", EndpointName="ranker")
        (row,) = status(world, one())
        assert (row["status"], row["least_left_s"], row["most_left_s"]) == ("Deleting", 10, 180)
        world.sim.clock.sleep(600)
        config_name = world.names("endpoint-config")[0]
        world.does("CreateEndpoint", EndpointName="ranker", EndpointConfigName=config_name)
        world.sim.clock.sleep(100)
        (row,) = status(world, one())
        assert (row["status"], row["least_left_s"], row["most_left_s"]) == ("Creating", 20, 200)
