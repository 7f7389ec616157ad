"""Guards: the table of what is live against what the step wants, and the decision."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mmeplan.apply.current import CurrentState
from mmeplan.apply.references import References
from mmeplan.errors import CloudError
from mmeplan.identity import Deployment
from mmeplan.live import live_endpoint
from mmeplan.plan.step import (
    DesiresAsSeen,
    EndpointAsPlanned,
    EndpointNameIsFree,
    Guard,
    NameIsFree,
    RunsConfig,
    Unreferenced,
    desires_met,
    guard_of,
)
from tests.unit.apply.cloud import OURS, Clock, FakeCloud, denied


def current(cloud: FakeCloud) -> CurrentState:
    return CurrentState(cloud, References(cloud, Clock()))


def decide(guard: Guard, cloud: FakeCloud) -> str:
    return guard.check(current(cloud)).verdict


def endpoint(status: str = "InService", config: str = "old", pending: str = "", **more: Any) -> dict[str, Any]:
    summary = {"PendingDeploymentSummary": {"EndpointConfigName": pending}} if pending else {}
    return {"EndpointStatus": status, "EndpointConfigName": config, **summary, **more}


F = Deployment("f")
UPDATE = RunsConfig("e", "old", "other", F, "new")
DELETE = EndpointAsPlanned("e", F)
SCALE = DesiresAsSeen(
    "e", "old", F, ({"VariantName": "a", "DesiredInstanceCount": 3},), {"a": {"DesiredInstanceCount": 2}}
)
CREATE = EndpointNameIsFree("e", "new", F, wait_until_gone=True)


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (endpoint(), "call"),
        (endpoint(config="other"), "call"),  # the update that the plan saw under way has ended
        (endpoint(config="new"), "done"),
        (endpoint(config="third"), "fail"),
        (endpoint("Updating", pending="new"), "join"),
        (endpoint("Updating", pending="third"), "blocked"),
        (endpoint("Updating"), "blocked"),
        (endpoint("SystemUpdating", pending="new"), "blocked"),
        (endpoint("RollingBack"), "blocked"),
        (endpoint("Creating"), "blocked"),
        (endpoint("Deleting"), "blocked"),
        (endpoint("Failed"), "fail"),
        (endpoint("OutOfService"), "fail"),
        (endpoint("UpdateRollbackFailed"), "fail"),
    ],
)
def test_before_an_update(found: dict[str, Any], verdict: str) -> None:
    assert decide(UPDATE, FakeCloud({"e": found})) == verdict


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        ("InService", "call"),
        ("Failed", "call"),
        ("OutOfService", "call"),
        ("UpdateRollbackFailed", "call"),
        ("Deleting", "join"),
        ("Creating", "blocked"),
        ("Updating", "blocked"),
        ("SystemUpdating", "blocked"),
        ("RollingBack", "blocked"),
    ],
)
def test_before_an_endpoint_is_deleted(status: str, verdict: str) -> None:
    assert decide(DELETE, FakeCloud({"e": endpoint(status)})) == verdict


@pytest.mark.parametrize(
    ("status", "count", "config", "verdict"),
    [
        ("InService", 2, "old", "call"),
        ("InService", 3, "old", "done"),
        ("InService", 7, "old", "fail"),
        ("InService", 2, "new", "fail"),
        ("Updating", 3, "old", "join"),
        ("Updating", 2, "old", "blocked"),
        ("SystemUpdating", 3, "old", "blocked"),
        ("Failed", 2, "old", "fail"),
    ],
)
def test_before_a_scaling(status: str, count: int, config: str, verdict: str) -> None:
    variants = [{"VariantName": "a", "DesiredInstanceCount": count}]
    assert decide(SCALE, FakeCloud({"e": endpoint(status, config, ProductionVariants=variants)})) == verdict


def test_a_scaling_of_what_is_being_moved_to_waits_until_it_is_there() -> None:
    found = endpoint("Updating", "older", pending="old", ProductionVariants=[])
    assert decide(SCALE, FakeCloud({"e": found})) == "blocked"


@pytest.mark.parametrize(
    ("other", "verdict"),
    [
        ([{"VariantName": "b", "DesiredWeight": 1.0}], "call"),
        ([{"VariantName": "b", "DesiredWeight": 3.0}], "fail"),
        ([{"VariantName": "b"}], "call"),  # Describe doesn't tell
        ([], "fail"),
    ],
)
def test_a_scaling_is_made_only_while_everything_else_is_as_it_should_be(other: list[Any], verdict: str) -> None:
    """An update that the plan saw under way came to nothing, or somebody else was at it."""
    step = replace(SCALE, holds=({"VariantName": "b", "DesiredWeight": 1.0},))
    variants = [{"VariantName": "a", "DesiredInstanceCount": 2}, *other]
    assert decide(step, FakeCloud({"e": endpoint(ProductionVariants=variants)})) == verdict


@pytest.mark.parametrize("step", [UPDATE, DELETE])
def test_an_endpoint_without_our_tag_is_left_alone(step: Guard) -> None:
    assert decide(step, FakeCloud({"e": endpoint()}, e={"mmeplan:fleet": "other"})) == "fail"


def test_an_endpoint_that_is_gone_is_deleted_and_can_not_be_updated() -> None:
    assert (decide(DELETE, FakeCloud()), decide(UPDATE, FakeCloud()), decide(SCALE, FakeCloud())) == (
        "done",
        "fail",
        "fail",
    )


def test_what_can_not_be_read_raises() -> None:
    cloud = FakeCloud({"e": endpoint()})
    cloud.errors["DescribeEndpoint"] = [denied("DescribeEndpoint")]
    with pytest.raises(CloudError):
        decide(UPDATE, cloud)


@pytest.mark.parametrize(
    ("there", "tags", "verdict"),
    [
        ({}, OURS, "call"),
        ({"e": endpoint("Deleting")}, OURS, "blocked"),
        ({"e": endpoint("Creating", "new")}, OURS, "join"),
        ({"e": endpoint("InService", "new")}, OURS, "join"),
        ({"e": endpoint("InService", "new")}, {}, "fail"),
        ({"e": endpoint("InService", "old")}, OURS, "fail"),
        ({"e": endpoint("Failed", "new")}, OURS, "fail"),
    ],
)
def test_before_an_endpoint_is_created_again(there: Any, tags: Any, verdict: str) -> None:
    assert decide(CREATE, FakeCloud(there, e=tags)) == verdict


def test_a_create_that_says_it_exists_is_ours_if_its_digest_is() -> None:
    guard = NameIsFree("model", "m", "d")
    assert guard.after_exists(current(FakeCloud({"m": {}}, m={"mmeplan:digest": "d"}))).verdict == "done"
    assert guard.after_exists(current(FakeCloud({"m": {}}, m={}))).verdict == "fail"
    assert guard.after_exists(current(FakeCloud())).verdict == "blocked"


@pytest.mark.parametrize(
    ("there", "tags", "verdict"),
    [
        ({}, OURS, "done"),
        ({"c": {}}, OURS, "call"),
        ({"c": {}}, {}, "keep"),
        ({"c": {}, "e": endpoint(config="c")}, OURS, "keep"),
        ({"c": {}, "e": endpoint("Updating", "x", "c")}, OURS, "keep"),
        ({"c": {}, "e": endpoint(config="C")}, OURS, "keep"),
    ],
)
def test_before_a_config_is_deleted(there: Any, tags: Any, verdict: str) -> None:
    assert decide(Unreferenced("endpoint_config", "c", F), FakeCloud(there, c=tags)) == verdict


def tagging(operation: str, owned_by: str, **more: Any) -> Guard | None:
    return guard_of(operation, {"ResourceArn": "e", **more}, {"owned_by": owned_by})


ADD = [{"Key": "mmeplan:fleet", "Value": "f"}, {"Key": "team", "Value": "a"}]


@pytest.mark.parametrize(
    ("step", "tags", "verdict"),
    [
        (tagging("AddTags", "f", Tags=ADD), OURS, "call"),
        (tagging("AddTags", "f", Tags=ADD), {**OURS, "team": "a"}, "done"),
        (tagging("AddTags", "f", Tags=ADD), {"mmeplan:fleet": "g"}, "fail"),
        (tagging("AddTags", "f", Tags=ADD), {}, "fail"),
        (tagging("AddTags", "", Tags=ADD), {}, "call"),
        (tagging("AddTags", "", Tags=ADD), {"mmeplan:fleet": "g"}, "fail"),
        (tagging("AddTags", "", Tags=ADD), OURS, "call"),
        (tagging("DeleteTags", "f", TagKeys=["team"]), {**OURS, "team": "a"}, "call"),
        (tagging("DeleteTags", "f", TagKeys=["team"]), OURS, "done"),
        (tagging("DeleteTags", "f", TagKeys=["mmeplan:fleet", "mmeplan:digest"]), {"mmeplan:digest": "d"}, "call"),
        (tagging("DeleteTags", "f", TagKeys=["team"]), {"team": "a"}, "fail"),
    ],
)
def test_before_tags_are_changed(step: Guard, tags: Any, verdict: str) -> None:
    assert decide(step, FakeCloud({}, e=tags)) == verdict


def test_weights_are_compared_as_the_service_keeps_them() -> None:
    described = live_endpoint({"ProductionVariants": [{"VariantName": "a", "DesiredWeight": 0.10000000149011612}]})
    assert desires_met([{"VariantName": "a", "DesiredWeight": 0.1}], described)
    assert not desires_met([{"VariantName": "b", "DesiredWeight": 0.1}], described)
    assert not desires_met([{"VariantName": "a", "ServerlessUpdateConfig": {"MaxConcurrency": 3}}], described)


def test_an_update_to_what_runs_already_is_made_where_counts_are_not_the_files() -> None:
    """Somebody's update was under way when the plan was made, and came to nothing."""
    desired = [{"VariantName": "a", "DesiredWeight": 1.0, "DesiredInstanceCount": 2}]
    step = replace(UPDATE, desired=desired)
    for count, verdict in ((2, "done"), (4, "call")):
        variants = [{"VariantName": "a", "DesiredWeight": 1.0, "DesiredInstanceCount": count}]
        assert decide(step, FakeCloud({"e": endpoint(config="new", ProductionVariants=variants)})) == verdict


def test_an_endpoint_that_was_made_anew_since_the_plan_is_not_deleted() -> None:
    step = replace(DELETE, created_at="2026-01-01T00:00:00+00:00")
    for created, verdict in (("2026-01-01T00:00:00+00:00", "call"), ("2026-01-01T00:09:00+00:00", "fail")):
        assert decide(step, FakeCloud({"e": endpoint(CreationTime=created)})) == verdict


def test_a_name_that_exists_and_can_not_be_found_is_looked_at_again() -> None:
    guard = EndpointNameIsFree("e", "new", "f", False)
    assert guard.after_exists(current(FakeCloud())).verdict == "blocked"


def test_an_operation_that_no_step_has_has_no_guard() -> None:
    with pytest.raises(KeyError, match="CreateAlgorithm"):
        guard_of("CreateAlgorithm", {}, {})
