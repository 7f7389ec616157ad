"""Endpoints in states that the simulator doesn't reach, from snapshots made by hand: what the diff says of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from mmeplan import plan
from mmeplan.diff import Change, Difference, diff
from mmeplan.live import Snapshot, live_object
from tests.simulation.world import World, one, variant

SMALL, LARGE = one(), one({"main": variant(instance_type="ml.m5.xlarge")})
Seen = Callable[..., Difference]


@pytest.fixture
def world() -> Iterator[World]:
    with World() as made:
        made.live_through(SMALL)
        yield made


def altered(world: World, text: Any, **described: Any) -> tuple[Any, Snapshot]:
    compiled = world.compile(text)
    seen = world.observe(compiled)
    live = seen.objects["endpoint"]["ranker"]
    changed = replace(live, describe={**live.describe, **described})
    return compiled, replace(seen, objects={**seen.objects, "endpoint": {"ranker": changed}})


def change(world: World, text: Any, **described: Any) -> Change:
    compiled, seen = altered(world, text, **described)
    return next(found for found in diff(compiled, seen).changes if found.kind == "endpoint")


def test_patching_by_sagemaker_is_no_change_and_is_noted(world: World) -> None:
    found = change(world, SMALL, EndpointStatus="SystemUpdating")
    assert found.is_noop
    assert "SystemUpdating" in found.notes[0]
    compiled, seen = altered(world, SMALL, EndpointStatus="SystemUpdating")
    assert not plan.build(compiled, seen, created_at="").has_changes


def test_an_endpoint_that_is_patched_is_swapped_after_it(world: World) -> None:
    assert change(world, LARGE, EndpointStatus="SystemUpdating").reason == "dependency_changed"


@pytest.mark.parametrize("text", [SMALL, LARGE])
def test_an_endpoint_between_two_configs_needs_people(world: World, text: Any) -> None:
    found = change(world, text, EndpointStatus="UpdateRollbackFailed", FailureReason="both failed")
    assert (found.reason, found.actions) == ("unrecoverable", ("read",))
    assert "both failed" in found.refusal
    compiled, seen = altered(world, text, EndpointStatus="UpdateRollbackFailed")
    made = plan.build(compiled, seen, created_at="")
    assert made.refused
    assert not [step for step in made.steps if step.operation.startswith("Delete")]


def test_an_endpoint_out_of_service_is_an_outage_and_a_failed_one_is_not(world: World) -> None:
    assert change(world, SMALL, EndpointStatus="OutOfService").effect == "outage"
    assert change(world, SMALL, EndpointStatus="Failed").effect == "create"


def test_a_rescaling_towards_what_the_file_says_is_waited_for(world: World) -> None:
    for status in ("Updating", "RollingBack"):
        assert change(world, SMALL, EndpointStatus=status).reason == "in_progress"


def test_an_unreadable_config_in_force_is_never_taken_for_a_lost_one(world: World) -> None:
    compiled = world.compile(LARGE)
    seen = world.observe(compiled)
    name = seen.objects["endpoint"]["ranker"].describe["EndpointConfigName"]
    configs = {**seen.objects["endpoint_config"], name: live_object("endpoint_config", name, "unreadable", error="x")}
    found = diff(compiled, replace(seen, objects={**seen.objects, "endpoint_config": configs}))
    endpoint = next(item for item in found.changes if item.kind == "endpoint")
    assert (endpoint.reason, endpoint.effect) == ("unreadable", "none")
    assert not [item for item in found.changes if "delete" in item.actions]


def test_a_stale_failure_reason_changes_nothing(world: World) -> None:
    assert change(world, SMALL, FailureReason="an old alarm").is_noop


def test_an_incomplete_inventory_removes_nothing(world: World) -> None:
    compiled, seen = altered(world, {**LARGE, "retain": 0})
    found = diff(compiled, replace(seen, inventory_error="denied"))
    assert not [item for item in found.changes if "delete" in item.actions]
