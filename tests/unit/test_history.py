"""History, from tags to what is known of an endpoint: which configs served, in which order, and what is marked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import pytest

from mmeplan import history
from mmeplan.graph import Graph
from mmeplan.identity import (
    ADDRESS_TAG,
    DIGEST_TAG,
    FLEET_TAG,
    ROLLED_BACK_TAG,
    SERVED_TAG,
    STAND_IN_TAG,
    WENT_BACK_TAG,
)
from mmeplan.live import LiveEndpoint, LiveObject, Ownership, Snapshot, live_object
from tests.simulation.instant import compiled
from tests.simulation.world import config, model, variant

FLEET = {
    "version": 1,
    "fleet": "f",
    "models": {"m": model()},
    "endpoints": {"e": {"config": config(main=variant("m", "ml.m5.large", 2))}},
}
GRAPH = compiled(FLEET)
ENDPOINT, CONFIG = GRAPH.resources["endpoint/e"], GRAPH.resources["endpoint_config/e"]
OURS = {FLEET_TAG: "f"}


def name(number: int) -> str:
    return f"e-{number:08x}"


def kept(number: int, created: int = 0, at: str = "endpoint_config/e", **tags: str) -> LiveObject:
    """A config of the fleet that is still there."""
    own = {**OURS, ADDRESS_TAG: at, DIGEST_TAG: f"{number:08x}" + "0" * 56}
    describe = {"CreationTime": f"2026-01-01T00:00:{created or number:02}+00:00"}
    return live_object("endpoint_config", name(number), "present", describe, {**own, **tags})


def endpoint(config_name: str, tags: Mapping[str, str] | None = None, **described: Any) -> LiveEndpoint:
    answer = {"EndpointName": "e", "EndpointConfigName": config_name, "EndpointStatus": "InService", **described}
    own = {**OURS, ADDRESS_TAG: "endpoint/e"}
    return LiveEndpoint("endpoint", "e", "present", answer, {**own, **(tags or {})})


def owned(*live: LiveObject, graph: Graph = GRAPH) -> Ownership:
    objects: dict[str, dict[str, LiveObject]] = {"model": {}, "endpoint_config": {}, "endpoint": {}}
    for item in live:
        objects[item.kind][item.name] = item
    return Ownership(graph, Snapshot("2026-01-01T00:00:00+00:00", "1", "eu-west-1", "f", objects))


def served(*numbers: int) -> dict[str, str]:
    return {SERVED_TAG: " ".join(f"{number:08x}" for number in numbers)}


# --- generations ------------------------------------------------------------------------------------------------------

THREE = (kept(1), kept(2), kept(3))


@pytest.mark.parametrize(
    ("live", "order"),
    [
        pytest.param(endpoint(name(2), served(2, 3, 1)), [2, 3, 1], id="as written"),
        pytest.param(
            endpoint(name(1), served(3, 2, 1)), [1, 3, 2], id="the one in force first, wherever it is written"
        ),
        pytest.param(endpoint(name(3), served(2, 1)), [3, 2, 1], id="the one in force although it isn't written"),
        pytest.param(endpoint(name(2), served(2, 1)), [2, 1], id="what isn't written has not served"),
        pytest.param(endpoint(name(2), served()), [2], id="nothing is written"),
        pytest.param(endpoint(name(2)), [2, 3, 1], id="no record: by age"),
        pytest.param(endpoint(name(2), {ROLLED_BACK_TAG: name(3)}), [2, 1], id="no record, and a rollback is marked"),
        pytest.param(endpoint(name(3), {ROLLED_BACK_TAG: name(3)}), [3, 2, 1], id="no record, marked and in force"),
        pytest.param(endpoint("theirs", served(3, 1)), [3, 1], id="somebody else's is in force"),
        pytest.param(endpoint(name(3), served(3, 2), EndpointStatus="Creating"), [2], id="it never came up"),
        pytest.param(endpoint(name(3), served(3, 2), EndpointStatus="Failed"), [2], id="it failed to come up"),
        pytest.param(endpoint(name(3), served(3, 2), EndpointStatus="InService"), [3, 2], id="it came up"),
        pytest.param(endpoint("gone", served(3), EndpointStatus="Failed"), [3], id="it failed by what is gone"),
        pytest.param(endpoint("", served(3), EndpointStatus="Failed"), [3], id="it failed, and names no config"),
        pytest.param(endpoint(name(3), EndpointStatus="Failed"), [3, 2, 1], id="it failed, and nothing is written"),
        pytest.param(
            endpoint(name(3), served(3, 2), EndpointStatus="OutOfService"), [3, 2], id="it served and stopped"
        ),
    ],
)
def test_generations_are_what_has_served_newest_first(live: LiveEndpoint, order: list[int]) -> None:
    found = history.generations(owned(live, *THREE), ENDPOINT)
    assert [config.name for config in found] == [name(number) for number in order]


def test_without_an_endpoint_age_orders_the_generations() -> None:
    found = history.generations(owned(kept(1, created=9), kept(2, created=3), kept(3, created=5)), ENDPOINT)
    assert [config.name for config in found] == [name(1), name(3), name(2)]


def test_a_placeholder_another_address_and_another_fleet_are_no_generations() -> None:
    others = (
        kept(4, **{STAND_IN_TAG: "true"}),
        kept(5, at="endpoint_config/other"),
        kept(6, **{FLEET_TAG: "g"}),
    )
    found = history.generations(owned(endpoint(name(1), served(6, 5, 4, 2, 1)), *THREE, *others), ENDPOINT)
    assert [config.name for config in found] == [name(1), name(2)]


@pytest.mark.parametrize("by", ["e-twin", name(2)])
def test_of_two_configs_of_one_digest_neither_has_served_where_it_never_came_up_by_one(by: str) -> None:
    twin = live_object("endpoint_config", "e-twin", "present", {}, kept(2).tags)
    live = endpoint(by, served(2, 1), EndpointStatus="Failed")
    assert [config.name for config in history.generations(owned(live, twin, *THREE), ENDPOINT)] == [name(1)]


@pytest.mark.parametrize(("older", "newer"), [("e-2", "pinned"), ("pinned", "e-2")])
def test_of_two_names_of_one_digest_the_newest_is_the_generation(older: str, newer: str) -> None:
    """A pin came or went: one of the two may go, and it is the older one."""
    assert older != newer
    found = {"e-2": kept(2), "pinned": replace(kept(2), name="pinned")}
    twins = [
        replace(config, describe={**config.describe, "CreationTime": f"2026-01-0{1 + (at == newer)}T00:00:00+00:00"})
        for at, config in found.items()
    ]
    live = endpoint(name(1), served(1, 2))
    names = [config.name for config in history.generations(owned(live, kept(1), *twins), ENDPOINT)]
    first = {"e-2": name(2), "pinned": "pinned"}
    assert names == [name(1), first[newer]]


def test_a_config_of_the_content_in_force_under_another_name_is_no_way_back() -> None:
    twin = replace(kept(3), name="pinned")
    found = history.generations(owned(endpoint(name(3), served(3, 2)), twin, *THREE), ENDPOINT)
    assert [config.name for config in found] == [name(3), name(2)]


@pytest.mark.parametrize("status", ["absent", "unreadable"])
def test_a_config_in_force_that_is_not_there_is_no_generation(status: Literal["absent", "unreadable"]) -> None:
    lost = live_object("endpoint_config", name(5), status, tags=kept(5).tags)
    found = history.generations(owned(endpoint(name(5), served(5, 1)), kept(1), lost), ENDPOINT)
    assert [config.name for config in found] == [name(1)]


def test_an_endpoint_of_others_keeps_its_record_whatever_it_runs() -> None:
    foreign = endpoint("x", {FLEET_TAG: "g", **served(2)})
    assert [config.name for config in history.generations(owned(foreign, *THREE), ENDPOINT)] == [name(2)]


@pytest.mark.parametrize("tags", [{STAND_IN_TAG: "true"}, {FLEET_TAG: "g"}])
def test_an_endpoint_of_others_on_a_placeholder_or_a_config_of_others_has_no_generations(tags: dict[str, str]) -> None:
    foreign, in_force = endpoint(name(4), {FLEET_TAG: "g"}), kept(4, **tags)
    assert history.generations(owned(foreign, in_force, *THREE), ENDPOINT) == ()


def test_the_marked_configs_are_those_of_owned_endpoints() -> None:
    marked, foreign = endpoint(name(1), {ROLLED_BACK_TAG: "x"}), live_object("endpoint", "g", "present", {}, {})
    assert history.rolled_back_configs(owned(marked, foreign)) == {"x"}


def test_a_shared_config_in_force_is_a_generation_whatever_its_address() -> None:
    other = kept(5, at="endpoint_config/other")
    found = history.generations(owned(endpoint(name(5), served(1)), kept(1), other), ENDPOINT)
    assert [config.name for config in found] == [name(5), name(1)]


def test_an_endpoint_that_loses_its_name_keeps_its_generations() -> None:
    old = LiveEndpoint(
        "endpoint",
        "old",
        "present",
        {"EndpointConfigName": name(1), "EndpointStatus": "InService"},
        {**OURS, ADDRESS_TAG: "endpoint/e", **served(1, 3)},
    )
    seen = owned(old, *THREE)
    assert [config.name for config in history.generations(seen, ENDPOINT, frozenset({"old"}))] == [name(1), name(3)]
    assert [config.name for config in history.generations(seen, ENDPOINT)] == [name(3), name(2), name(1)]


def test_what_others_made_has_no_generations_of_ours_until_it_runs_them() -> None:
    foreign = LiveEndpoint("endpoint", "e", "present", {"EndpointConfigName": "x", "EndpointStatus": "InService"}, {})
    assert history.generations(owned(foreign, *THREE), ENDPOINT) == ()
    running = LiveEndpoint(
        "endpoint", "e", "present", {"EndpointConfigName": name(1), "EndpointStatus": "InService"}, {}
    )
    assert len(history.generations(owned(running, *THREE), ENDPOINT)) == 3


@pytest.mark.parametrize(
    ("live", "doubtful"),
    [
        pytest.param(endpoint(name(1), {SERVED_TAG: "00000001 00000002 / 00000003"}), [3], id="as written"),
        pytest.param(endpoint(name(3), {SERVED_TAG: "00000001 00000002 / 00000003"}), [], id="in force"),
        pytest.param(endpoint(name(3), EndpointStatus="Failed"), [1, 2, 3], id="never in force"),
        pytest.param(endpoint(name(1)), [2, 3], id="no record: all but the one in force"),
        pytest.param(None, [1, 2, 3], id="no endpoint"),
    ],
)
def test_what_nobody_knows_to_have_served_is_doubtful(live: LiveEndpoint | None, doubtful: list[int]) -> None:
    kept_names = tuple(config.name for config in THREE)
    seen = owned(*([live] if live is not None else []), *THREE)
    assert history.doubts(seen, live, kept_names) == tuple(name(number) for number in doubtful)


# --- records ----------------------------------------------------------------------------------------------------------


def records(*live: LiveObject, **superseded: tuple[str, ...]) -> history.ServedRecords:
    return history.ServedRecords(owned(*live), {f"endpoint/{key}": names for key, names in superseded.items()})


NEXT = CONFIG.digest[:8]


@pytest.mark.parametrize("count", [0, 1, 26, 27, 28, 29, 60])
@pytest.mark.parametrize("in_force", [100, 1])
def test_a_record_never_grows_beyond_a_tag_and_drops_the_oldest(count: int, in_force: int) -> None:
    past = tuple(range(1, count + 1))
    live = endpoint(name(in_force), served(*past))
    text = records(live, kept(in_force)).after(ENDPOINT, live)
    assert len(text) <= 256 - len("/ ")
    whole = dict.fromkeys((NEXT, f"{in_force:08x}", *(f"{number:08x}" for number in past)))
    assert text.split() == list(whole)[:28]
    overdue = records(live, kept(in_force)).overdue(live)
    assert len(overdue) <= 256
    assert overdue.split() == ([] if in_force in past else [f"{number:08x}" for number in (in_force, *past)][:28])


@pytest.mark.parametrize(
    ("live", "swaps", "record"),
    [
        pytest.param(None, True, [NEXT, "/", "00000003"], id="made again, and one is kept"),
        pytest.param(endpoint(name(1), served(1)), True, [NEXT, "00000001"], id="a swap"),
        pytest.param(endpoint(name(1), served(2)), False, ["00000001", "00000002"], id="no swap"),
        pytest.param(endpoint(name(1)), True, [NEXT, "00000001", "/", "00000003"], id="no record: what is kept"),
        pytest.param(endpoint("theirs", served(1)), True, [NEXT, "00000001"], id="a config of others has no digest"),
        pytest.param(endpoint(CONFIG.physical_name, served(1)), True, [NEXT, "00000001"], id="to what is in force"),
        pytest.param(
            endpoint(name(1), {SERVED_TAG: "00000001 / 00000003"}),
            True,
            [NEXT, "00000001", "/", "00000003"],
            id="what is doubtful stays so",
        ),
        pytest.param(
            endpoint(name(3), {SERVED_TAG: "00000001 / 00000003"}),
            True,
            [NEXT, "00000003", "00000001"],
            id="what was doubtful, and is in force now",
        ),
        pytest.param(
            endpoint(name(1), served(1, 2), EndpointStatus="Failed"), True, [NEXT, "00000002"], id="it failed"
        ),
        pytest.param(
            endpoint(name(1), EndpointStatus="Failed"), True, [NEXT, "/", "00000003"], id="it failed, no record"
        ),
    ],
)
def test_a_record_has_what_is_swapped_to_what_is_left_and_those_before(
    live: LiveEndpoint | None, swaps: bool, record: list[str]
) -> None:
    seen = [live] if live is not None else []
    assert records(*seen, *THREE, e=(name(3),)).after(ENDPOINT, live, swaps=swaps).split() == record


def test_an_adopted_endpoint_gets_an_empty_record_unless_it_has_one_or_runs_ours() -> None:
    foreign, recorded, ours = endpoint("x"), endpoint("x", served(2)), endpoint(name(1))
    made = records(*THREE)
    assert made.at_adoption(ENDPOINT, foreign) == {SERVED_TAG: ""}
    assert made.at_adoption(ENDPOINT, recorded) == {}
    assert made.at_adoption(ENDPOINT, None) == {}
    assert made.at_adoption(ENDPOINT, ours) == {SERVED_TAG: "00000001"}


# --- marks ------------------------------------------------------------------------------------------------------------

LATER, EARLIER = "2026-01-01T00:00:50+00:00", "2026-01-01T00:00:01+00:00"
FAILED = {"FailureReason": "no capacity.", "LastModifiedTime": LATER}


@pytest.mark.parametrize(
    ("live", "why"),
    [
        pytest.param(endpoint(name(1), served(1), **FAILED), "no capacity", id="nobody saw it, and SageMaker says why"),
        pytest.param(endpoint(name(1), {ROLLED_BACK_TAG: name(2)}), "SageMaker gave no reason", id="marked"),
        pytest.param(
            endpoint(name(1), {ROLLED_BACK_TAG: name(2)}, **FAILED), "no capacity", id="marked, with a reason"
        ),
        pytest.param(endpoint(name(1), {ROLLED_BACK_TAG: name(3)}), "", id="another is marked"),
        pytest.param(endpoint(name(2), {ROLLED_BACK_TAG: name(2)}), "", id="it is in force after all"),
        pytest.param(endpoint(name(1), {ROLLED_BACK_TAG: name(2)}, EndpointStatus="Updating"), "", id="busy"),
        pytest.param(
            endpoint(name(1), {ROLLED_BACK_TAG: name(2)}, PendingDeploymentSummary={"EndpointConfigName": "x"}),
            "",
            id="a deployment is under way",
        ),
        pytest.param(endpoint(name(1), served(2, 1), **FAILED), "", id="it has served before"),
        pytest.param(endpoint(name(1), **FAILED), "", id="whether it served isn't known"),
        pytest.param(endpoint(name(1), served(1)), "", id="no reason, no mark"),
        pytest.param(
            endpoint(name(1), served(1), **{**FAILED, "LastModifiedTime": EARLIER}), "", id="it was made since"
        ),
    ],
)
def test_an_update_that_was_rolled_back_is_known_by_its_mark_or_by_what_is_live(live: LiveEndpoint, why: str) -> None:
    assert history.rolled_back(owned(live, *THREE), live, name(2)) == why


@pytest.mark.parametrize("tags", [{FLEET_TAG: "g"}, {}])
def test_only_a_config_of_the_fleet_counts_as_rolled_back_without_a_mark(tags: dict[str, str]) -> None:
    live = endpoint(name(1), served(1), **FAILED)
    foreign = live_object("endpoint_config", name(2), "present", {"CreationTime": EARLIER}, tags)
    assert history.rolled_back(owned(live, foreign), live, name(2)) == ""
    assert history.rolled_back(owned(live), live, name(2)) == ""


MARKED = endpoint(name(1), {ROLLED_BACK_TAG: name(2), WENT_BACK_TAG: name(3)})


@pytest.mark.parametrize(
    ("runs", "swaps", "outdated"),
    [
        (name(1), False, set()),
        (name(2), False, {ROLLED_BACK_TAG}),
        (name(3), False, {WENT_BACK_TAG}),
        (name(1), True, {WENT_BACK_TAG}),
        (name(2), True, {ROLLED_BACK_TAG, WENT_BACK_TAG}),
        ("", False, set()),
    ],
)
def test_a_mark_is_outdated_once_the_endpoint_runs_what_it_names_or_swaps_away(
    runs: str, swaps: bool, outdated: set[str]
) -> None:
    assert history.outdated_marks(MARKED, runs, swaps=swaps) == outdated
    assert history.outdated_marks(endpoint(name(1)), runs, swaps=swaps) == set()


def test_a_swap_that_undoes_a_rollback_says_so_and_one_under_way_is_joined() -> None:
    (forward,) = history.swap_notes(MARKED, name(3))
    assert f"took it from {name(3)} back to {name(1)}" in forward
    assert history.swap_notes(MARKED, name(2)) == ()
    assert history.swap_notes(endpoint(name(3), {WENT_BACK_TAG: name(3)}), name(3)) == ()
    (joined,) = history.swap_notes(
        endpoint(name(1), {WENT_BACK_TAG: name(3)}, PendingDeploymentSummary={"EndpointConfigName": name(3)}), name(3)
    )
    assert "under way already" in joined


@pytest.mark.parametrize(
    ("tags", "created", "modified", "own"),
    [
        ({**OURS}, 20, 10, True),
        ({}, 20, 10, False),
        ({}, 10, 20, True),
        ({}, 10, 10, True),
        (None, 20, 10, True),
        ({**OURS, STAND_IN_TAG: "true"}, 10, 20, False),
    ],
)
def test_a_config_made_by_others_after_the_endpoint_was_touched_is_not_the_one_it_began_with(
    tags: dict[str, str] | None, created: int, modified: int, own: bool
) -> None:
    live = endpoint(name(1), LastModifiedTime=f"2026-01-01T00:00:{modified}+00:00")
    found = live_object(
        "endpoint_config", name(1), "present", {"CreationTime": f"2026-01-01T00:00:{created}+00:00"}, tags
    )
    assert history.runs_its_own_config(live, found) is own


def test_a_foreign_config_under_a_served_name_is_not_its_own_unless_it_is_the_wanted_one() -> None:
    live = endpoint(name(1), served(1), LastModifiedTime=LATER)
    found = live_object("endpoint_config", name(1), "present", {"CreationTime": EARLIER}, {})
    assert not history.runs_its_own_config(live, found)
    assert history.runs_its_own_config(live, found, name(1))
    assert not history.runs_its_own_config(live, live_object("endpoint_config", name(1), "absent"), name(1))
