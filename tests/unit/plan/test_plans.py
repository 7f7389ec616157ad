"""Plans: gates, targets, order and waits of steps, and the document both ways."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from mmeplan import plan
from mmeplan.errors import InputError
from mmeplan.plan import Options, decode, encode
from mmeplan.planning import planned_from
from tests.simulation.world import World, config, fleet, model, one, serverless, variant

SMALL, LARGE = one(), one({"main": variant(instance_type="ml.m5.xlarge")})


@pytest.fixture
def world() -> Iterator[World]:
    with World() as made:
        yield made


def rules(made: plan.Plan) -> list[str]:
    return [finding.rule for finding in made.findings]


def test_another_account_and_another_region_close_the_gate(world: World) -> None:
    made = world.plan({**SMALL, "account": "999999999999", "region": "us-east-1"})
    assert rules(made) == ["GATE-01", "GATE-02"]
    assert made.findings[0].line > 0
    assert not made.applyable


def test_a_speculative_plan_is_shown_and_never_applied(world: World) -> None:
    desired = world.desired(SMALL)
    made = planned_from(desired, world.observe(desired.graph), Options(speculative=True)).plan
    assert made.steps
    assert not made.applyable


def test_the_summary_counts_objects_and_names_the_worst_effect(world: World) -> None:
    made = world.live_through(SMALL)
    assert (made.summary.create, made.summary.changes, made.summary.worst_effect) == (3, 3, "create")
    made = world.plan({**LARGE, "models": {"ranker": model("2")}, "retain": 0})
    counted = (made.summary.create, made.summary.update, made.summary.delete, made.summary.noop)
    assert (counted, made.summary.worst_effect) == ((2, 1, 2, 0), "traffic_shift")
    made = world.plan(one({"main": serverless()}), allow_outage=("endpoint/ranker",))
    assert (made.summary.create, made.summary.delete, made.summary.worst_effect) == (2, 1, "outage")
    assert world.plan(SMALL).summary.worst_effect == "none"


def test_a_target_that_does_not_exist_is_refused_with_a_suggestion(world: World) -> None:
    with pytest.raises(InputError, match="no such address") as refused:
        world.plan(SMALL, targets=("endpoint/rankr",))
    assert "endpoint/ranker" in refused.value.hint
    for options in (Options(replace=("model/x",)), Options(allow_outage=("endpoint/x",))):
        with pytest.raises(InputError, match="no such address"):
            plan.require_addresses(world.compile(SMALL), options)


def test_what_is_to_be_replaced_must_be_targeted_where_anything_is(world: World) -> None:
    """Left out, it would not be replaced, and the plan would say that all is well."""
    replaced = Options(targets=("model/ranker",), replace=("endpoint/ranker",))
    with pytest.raises(InputError, match="--target leaves it out") as refused:
        plan.require_addresses(world.compile(SMALL), replaced)
    assert refused.value.hint == "add --target endpoint/ranker"
    plan.require_addresses(world.compile(SMALL), replace(replaced, targets=("endpoint/ranker",)))
    plan.require_addresses(world.compile(SMALL), Options(targets=("endpoint/ranker",), replace=("model/ranker",)))


@pytest.mark.parametrize("at", ["endpoint/ranker", "endpoint_config/ranker", "model/ranker"])
def test_what_has_a_pinned_name_is_not_replaced_nor_what_it_refers_to(world: World, at: str) -> None:
    """Under its name it would come to say something else than what runs."""
    pinned = fleet({"ranker": {"config": {**config(main=variant()), "name": "ranker-v1"}}})
    with pytest.raises(InputError, match="`name:` pins that of endpoint_config/ranker"):
        plan.require_addresses(world.compile(pinned), Options(replace=(at,)))


def test_a_removed_entry_may_be_targeted(world: World) -> None:
    world.live_through(fleet({name: {"config": config(main=variant())} for name in "ab"}))
    made = world.plan(fleet(), targets=("endpoint/a",))
    assert [step.id for step in made.steps] == ["DeleteEndpoint:endpoint/a"]


def test_creations_come_before_swaps_and_deletes_after_what_leaves(world: World) -> None:
    world.live_through(SMALL)
    made = world.plan({**LARGE, "models": {"ranker": model("2")}, "retain": 0})
    after = {step.operation: step.after for step in made.steps}
    assert after["CreateEndpointConfig"] == ("CreateModel:model/ranker",)
    assert set(after["UpdateEndpoint"]) == {"CreateModel:model/ranker", "CreateEndpointConfig:endpoint_config/ranker"}
    assert after["DeleteEndpointConfig"] == ("UpdateEndpoint:endpoint/ranker",)
    assert after["DeleteModel"] == tuple(step.id for step in made.steps if step.operation == "DeleteEndpointConfig")
    swap = made.step("UpdateEndpoint:endpoint/ranker")
    assert swap.guard.members()["owned_by"] == "f"
    assert swap.wait.members()["config"] == swap.params["EndpointConfigName"]


def test_a_wait_is_longer_than_what_the_file_itself_allows_for(world: World) -> None:
    linear = {
        "type": "LINEAR",
        "linear_step_size": {"type": "CAPACITY_PERCENT", "value": 10},
        "wait_interval_in_seconds": 1800,
    }
    rollout = {
        "blue_green_update_policy": {"traffic_routing_configuration": linear, "termination_wait_in_seconds": 600}
    }
    slow = variant(container_startup_health_check_timeout_in_seconds=3600, model_data_download_timeout_in_seconds=1200)
    world.live_through(one({"main": slow}, deployment_config=rollout))
    made = world.plan(one({"main": {**slow, "instance_type": "ml.m5.xlarge"}}, deployment_config=rollout))
    waits = {step.operation: step.wait for step in made.steps}
    assert waits["UpdateEndpoint"].timeout_s >= 10 * 1800 + 600 + 4800
    scaled = world.plan(one({"main": {**slow, "initial_instance_count": 9}}, deployment_config=rollout))
    assert scaled.steps[0].wait.timeout_s >= 3600 + 4800


def test_a_swap_says_its_rollout_and_its_traffic(world: World) -> None:
    canary = {
        "type": "CANARY",
        "canary_size": {"type": "CAPACITY_PERCENT", "value": 25},
        "wait_interval_in_seconds": 300,
    }
    rollout = {"blue_green_update_policy": {"traffic_routing_configuration": canary}}
    two = {"a": variant(initial_variant_weight=2), "b": variant()}
    world.live_through(one(two, deployment_config=rollout))
    made = world.plan(one({**two, "b": variant(instance_type="ml.m5.xlarge")}, deployment_config=rollout))
    endpoint = next(change for change in made.changes if change.kind == "endpoint")
    assert "canary 25 % for 5 min" in endpoint.rollout
    assert [(found.variant, found.share_after) for found in endpoint.traffic] == [("a", "2/3"), ("b", "1/3")]
    renamed = world.plan(one({"a": two["a"], "c": variant()}, deployment_config=rollout))
    assert "all at once" in next(change.rollout for change in renamed.changes if change.kind == "endpoint")


def test_a_changed_line_of_the_file_is_named(world: World) -> None:
    world.live_through(SMALL)
    made = world.plan(LARGE)
    endpoint = next(change for change in made.changes if change.kind == "endpoint")
    field = endpoint.fields[0]
    assert (field.field, field.before, field.after) == (
        "production_variants.main.instance_type",
        "ml.m5.large",
        "ml.m5.xlarge",
    )
    assert field.line > endpoint.location.line > 0


def documents(world: World) -> Any:
    world.live_through(SMALL)
    yield world.plan(SMALL)
    yield world.plan({**LARGE, "defaults": {"tags": {"a": "b"}}}, targets=("endpoint/ranker",))
    yield world.plan(one({"main": variant(count=5)}))
    yield world.plan(fleet(models={}))


def test_a_plan_comes_back_from_its_document_as_it_was(world: World) -> None:
    for made in documents(world):
        assert decode(json.loads(json.dumps(encode(made)))) == made


def test_a_step_that_is_not_in_the_plan_is_no_other(world: World) -> None:
    made = world.plan(SMALL)
    assert [made.step(step.id) for step in made.steps] == list(made.steps)
    with pytest.raises(KeyError):
        made.step("CreateModel:model/other")


def test_the_plan_id_stands_for_what_is_done_and_the_seal_for_everything_but_time(world: World) -> None:
    compiled = world.compile(SMALL)
    seen = world.observe(compiled)
    first = plan.build(compiled, seen, created_at="a")
    assert plan.build(compiled, replace(seen, observed_at="later"), created_at="b").plan_id == first.plan_id
    assert plan.build(compiled, seen, created_at="a").seal == first.seal
    allowed = plan.build(compiled, seen, created_at="a", options=Options(allow_outage=("x",)))
    assert allowed.plan_id == first.plan_id
    assert allowed.seal != first.seal
    other = world.compile(fleet(models={}))
    assert plan.build(other, seen, created_at="a").plan_id != first.plan_id
