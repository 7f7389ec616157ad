"""Rollouts in words, the exact shares of traffic, and how long an update may take."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmeplan.plan.rollout import (
    MARGIN_S,
    UPDATE_TIMEOUT_S,
    deployment_of,
    rollout_text,
    share_text,
    traffic_shares,
    update_timeout_s,
    waits_s,
)


def blue_green(routing: dict[str, Any] | None = None, **policy: Any) -> dict[str, Any]:
    return {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing or {"Type": "ALL_AT_ONCE"}, **policy}}


CANARY = {"Type": "CANARY", "CanarySize": {"Type": "INSTANCE_COUNT", "Value": 1}, "WaitIntervalInSeconds": 90}
ALARMED = "blue/green, all at once; rolled back by any of 3 alarms"
LINEAR = {"Type": "LINEAR", "LinearStepSize": {"Type": "CAPACITY_PERCENT", "Value": 20}, "WaitIntervalInSeconds": 600}
QUARTERS = {"Type": "CAPACITY_PERCENT", "Value": 25}
THIRDS = {"Type": "CAPACITY_PERCENT", "Value": 33}
ROLLING = {
    "RollingUpdatePolicy": {"MaximumBatchSize": {"Type": "INSTANCE_COUNT", "Value": 2}, "WaitIntervalInSeconds": 60}
}


@pytest.mark.parametrize(
    ("deployment", "text"),
    [
        (None, "blue/green, all at once"),
        (
            blue_green({"Type": "LINEAR", "WaitIntervalInSeconds": 60}),
            "blue/green, linear, one part every 60 s",
        ),
        (blue_green(TerminationWaitInSeconds=120), "blue/green, all at once, the old fleet stays 2 min"),
        (blue_green(CANARY), "blue/green, canary 1 instance for 90 s, then the rest"),
        (blue_green(LINEAR), "blue/green, linear, 20 % every 10 min"),
        (ROLLING, "rolling, 2 instances at a time, 60 s between batches"),
        ({"AutoRollbackConfiguration": {"Alarms": [{}]}}, "blue/green, all at once; rolled back by an alarm"),
        ({"AutoRollbackConfiguration": {"Alarms": [{}] * 3}}, ALARMED),
    ],
)  # fmt: skip
def test_a_rollout_is_told_in_words(deployment: Any, text: str) -> None:
    assert rollout_text(deployment) == text


def test_guardrails_that_degrade_are_told_as_what_happens() -> None:
    assert rollout_text(blue_green(CANARY), degraded=True) == "blue/green, all at once"
    assert rollout_text(ROLLING, degraded=True) == "blue/green, all at once"


@pytest.mark.parametrize(
    ("deployment", "least_s"),
    [
        (None, UPDATE_TIMEOUT_S),
        (blue_green(MaximumExecutionTimeoutInSeconds=28_800), 28_800),
        (blue_green({**LINEAR, "WaitIntervalInSeconds": 3600}, TerminationWaitInSeconds=3600), 6 * 3600),
        ({"RollingUpdatePolicy": {**ROLLING["RollingUpdatePolicy"], "WaitIntervalInSeconds": 3600}}, 20 * 3600),
    ],
)  # fmt: skip
def test_an_update_is_waited_for_longer_than_it_may_take(deployment: Any, least_s: int) -> None:
    assert update_timeout_s(deployment) >= least_s + MARGIN_S


@pytest.mark.parametrize(
    ("deployment", "seconds"),
    [
        ({}, 0),
        (blue_green(TerminationWaitInSeconds=120), 120),
        (blue_green(CANARY, TerminationWaitInSeconds=10), 100),
        (blue_green(LINEAR), 5 * 600),
        (blue_green({**LINEAR, "LinearStepSize": THIRDS}), 4 * 600),
        (blue_green({**LINEAR, "LinearStepSize": {"Type": "INSTANCE_COUNT", "Value": 50}}), 20 * 600),
        (blue_green({**LINEAR, "LinearStepSize": None}), 20 * 600),
        (ROLLING, 20 * 60),
        ({"RollingUpdatePolicy": {"MaximumBatchSize": QUARTERS, "WaitIntervalInSeconds": 60}}, 4 * 60),
        ({"RollingUpdatePolicy": {"MaximumBatchSize": {**QUARTERS, "Value": 0}, "WaitIntervalInSeconds": 1}}, 100),
        ({"RollingUpdatePolicy": {"MaximumBatchSize": QUARTERS}}, 0),
    ],
)
def test_the_waits_of_a_deployment_are_those_of_its_steps_where_a_count_may_be_a_twentieth(
    deployment: Any, seconds: int
) -> None:
    assert waits_s(deployment) == seconds


@settings(derandomize=True)
@given(st.dictionaries(st.text(max_size=3), st.floats(0, 100, width=32), min_size=1, max_size=6))
def test_shares_are_exact_and_make_a_whole(weights: dict[str, float]) -> None:
    variants = {name: {"InitialVariantWeight": weight} for name, weight in weights.items()}
    shares = traffic_shares({"ProductionVariants": variants})
    assert sum(shares.values()) == (1 if any(weights.values()) else 0)


def test_an_absent_weight_is_one_and_unreadable_fractions_are_percent() -> None:
    shares = traffic_shares({"ProductionVariants": {"a": {}, "b": {"InitialVariantWeight": 2}}})
    assert [share_text(share) for share in shares.values()] == ["1/3", "2/3"]
    assert share_text(Fraction(333, 1000)) == "33.3%"
    assert [share_text(Fraction(number)) for number in (0, 1)] == ["0", "1"]


def test_a_swap_that_renames_variants_moves_its_traffic_at_once_with_its_alarms() -> None:
    alarms = {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "errors"}]}}
    at_once = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}
    canary = {**blue_green(CANARY, TerminationWaitInSeconds=60, MaximumExecutionTimeoutInSeconds=900), **alarms}
    assert deployment_of(canary, renames=False) is canary
    assert deployment_of(canary, renames=True) == {
        **blue_green(at_once, TerminationWaitInSeconds=60, MaximumExecutionTimeoutInSeconds=900),
        **alarms,
    }
    assert deployment_of(ROLLING, renames=True) == blue_green(at_once)
    assert deployment_of(None, renames=True) is None
