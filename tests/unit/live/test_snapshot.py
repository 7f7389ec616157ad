"""Snapshot: plain data both ways, and fingerprints that move only when something that matters does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from mmeplan.errors import InputError
from mmeplan.live import LiveObject, Snapshot, decode, live_object
from tests.simulation.world import World, one, variant


def snapshot(*objects: LiveObject, **more: Any) -> Snapshot:
    kinds: dict[str, dict[str, LiveObject]] = {"model": {}, "endpoint_config": {}, "endpoint": {}}
    for live in objects:
        kinds[live.kind][live.name] = live
    return Snapshot("2026-01-01T00:00:00+00:00", "123456789012", "eu-west-1", "f", kinds, **more)


def endpoint(**described: Any) -> LiveObject:
    base = {"EndpointName": "e", "EndpointStatus": "InService", "EndpointConfigName": "c"}
    return live_object("endpoint", "e", "present", {**base, **described}, {"mmeplan:fleet": "f"})


@pytest.fixture
def world() -> Iterator[World]:
    with World() as made:
        yield made


def test_a_snapshot_comes_back_as_it_was_saved(world: World) -> None:
    world.live_through(one({"main": variant()}))
    seen = world.observe(world.compile(one({"main": variant(count=3)})))
    assert decode(json.loads(json.dumps(seen.encode()))) == seen
    assert decode(seen.encode()).digest() == seen.digest()


def test_what_is_absent_or_unreadable_or_known_by_digest_comes_back_too() -> None:
    odd = snapshot(
        live_object("model", "a", "absent"),
        live_object("model", "b", "unreadable", error="denied"),
        live_object("model", "c", "present", {"ModelName": "c"}, {}, by_digest=True),
        inventory_error="denied",
    )
    assert decode(odd.encode()) == odd
    assert [live.name for live in odd.unreadable()] == ["b"]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "not a snapshot"),
        ({"objects": {}}, "not a snapshot"),
        ({"objects": {}, "format_version": "2.0"}, "format 2.0 is not known"),
        ({"objects": {"model": {"m": {}}}, "format_version": "1.0"}, "damaged"),
        ({"objects": [], "format_version": "1.0"}, "damaged"),
    ],
)
def test_what_is_no_snapshot_is_refused_with_a_hint(document: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as refused:
        decode(document, "snapshot.json")
    assert "mmeplan snapshot --out" in refused.value.hint


def test_a_newer_minor_version_is_read() -> None:
    document = {**snapshot().encode(), "format_version": "1.7", "new": 1}
    assert decode(document) == snapshot()


def test_objects_of_an_unknown_kind_are_refused() -> None:
    """Left out, they would be planned as if they weren't there."""
    document = {**snapshot().encode(), "format_version": "1.7"}
    document["objects"]["no_such_kind"] = {"x": {}}
    with pytest.raises(InputError, match="kinds that this mmeplan doesn't know: no_such_kind"):
        decode(document)


def test_the_digest_ignores_the_time_of_observation() -> None:
    seen = snapshot(endpoint())
    assert replace(seen, observed_at="later").digest() == seen.digest()


VARIANT = {"VariantName": "a", "DesiredInstanceCount": 2, "DesiredWeight": 1.0}


@pytest.mark.parametrize(
    "moved",
    [
        {"EndpointStatus": "Updating"},
        {"EndpointConfigName": "d"},
        {"PendingDeploymentSummary": {"EndpointConfigName": "d"}},
        {"ProductionVariants": [{**VARIANT, "DesiredInstanceCount": 3}]},
        {"ProductionVariants": [{**VARIANT, "DesiredWeight": 2.0}]},
    ],
)
def test_an_endpoints_fingerprint_moves_with_what_it_runs_and_wants(moved: dict[str, Any]) -> None:
    before = snapshot(endpoint(ProductionVariants=[VARIANT])).fingerprint("endpoint", "e")
    assert snapshot(endpoint(**{"ProductionVariants": [VARIANT], **moved})).fingerprint("endpoint", "e") != before


def test_a_fingerprint_stays_while_times_current_counts_and_phases_move() -> None:
    before = snapshot(endpoint(ProductionVariants=[VARIANT])).fingerprint("endpoint", "e")
    moved = endpoint(
        ProductionVariants=[{**VARIANT, "CurrentInstanceCount": 9, "VariantStatus": [{"Status": "Baking"}]}],
        LastModifiedTime="later",
        FailureReason="stale",
    )
    assert snapshot(moved).fingerprint("endpoint", "e") == before


def test_the_fingerprint_of_what_can_not_be_seen_says_so() -> None:
    seen = snapshot(live_object("model", "a", "absent"), live_object("model", "b", "unreadable"))
    assert [seen.fingerprint("model", name) for name in "abz"] == ["absent", "unreadable", "absent"]


def test_a_models_fingerprint_is_its_name_and_tags() -> None:
    def fingerprint(described: Any, tags: Any) -> str:
        return snapshot(live_object("model", "m", "present", described, tags)).fingerprint("model", "m")

    assert fingerprint({"ModelName": "m"}, {"a": "b"}) == fingerprint(
        {"ModelName": "m", "CreationTime": "x"}, {"a": "b"}
    )
    assert fingerprint({}, {"a": "b"}) != fingerprint({}, {"a": "c"})
