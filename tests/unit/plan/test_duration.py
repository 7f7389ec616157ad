"""How long an update takes by its DeploymentConfig, as a range, and what the words for a range are."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from typing import Any

import pytest

from mmeplan.diff import VariantTraffic
from mmeplan.plan.duration import ANY, Estimate, Span, deployed, launch
from mmeplan.render.duration import estimate_words, span_words

UP = Span(100, 200)
M5 = VariantTraffic("main", "1", "1", 4, 4, "ml.m5.large")


def blue_green(kind: str, size: dict[str, Any] | None = None, wait: int = 0, kept: int = 0, **more: int) -> Any:
    member = {"CANARY": "CanarySize", "LINEAR": "LinearStepSize"}.get(kind)
    routing = {"Type": kind, "WaitIntervalInSeconds": wait, **({member: size} if member else {})}
    return {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": kept, **more}}


def rolling(size: dict[str, Any], wait: int) -> Any:
    return {"RollingUpdatePolicy": {"MaximumBatchSize": size, "WaitIntervalInSeconds": wait}}


def percent(value: int) -> dict[str, Any]:
    return {"Type": "CAPACITY_PERCENT", "Value": value}


def count(value: int) -> dict[str, Any]:
    return {"Type": "INSTANCE_COUNT", "Value": value}


@pytest.mark.parametrize(
    ("deployment", "variant", "span"),
    [
        ({}, M5, Span(100, 320)),
        (blue_green("ALL_AT_ONCE", kept=600), M5, Span(700, 920)),
        (blue_green("CANARY", percent(25), 300, 600), M5, Span(1000, 1220)),
        (blue_green("LINEAR", count(1), 60), M5, Span(280, 560)),  # the last of four steps may bake, or may not
        (blue_green("LINEAR", percent(10), 60), M5, Span(280, 920)),  # ten steps, or one for each of four instances
        (rolling(count(2), 60), M5, Span(160, 640)),  # two batches, each launched, or both at once
        (rolling(percent(50), 60), M5, Span(160, 640)),
        (rolling(count(2), 60), replace(M5, kept=True), Span(160, 20 * 260 + 120)),  # the count is an autoscaler's
        (blue_green("CANARY", percent(25), 300, 600), replace(M5, instance_type="serverless"), Span(700, 920)),
        (blue_green("CANARY", percent(25), 300, 600), replace(M5, instance_type="ml.inf1.xlarge"), Span(100, 320)),
        (blue_green("ALL_AT_ONCE", kept=600, MaximumExecutionTimeoutInSeconds=800), M5, Span(700, 800)),
    ],
)
def test_an_update_takes_its_waits_and_a_launch(deployment: Any, variant: VariantTraffic, span: Span) -> None:
    assert deployed(deployment, [variant], UP) == span


def test_instances_come_up_all_at_once_and_the_slowest_decides() -> None:
    gpu = replace(M5, variant="gpu", instance_type="ml.g5.xlarge")
    assert launch([M5]) == Span(120, 300)
    assert launch([M5, gpu]) == launch([gpu]) == Span(300, 600)
    assert launch([replace(M5, instance_type="", pools=("ml.m5.large", "ml.g5.xlarge"))]) == Span(300, 600)
    assert launch([]) == launch([replace(gpu, share_after="")]) == ANY  # nothing says what it is hosted on


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (Span(0, 30), "less than a minute"),
        (Span(0, 61), "up to 2 minutes"),
        (Span(300, 300), "about 5 minutes"),
        (Span(59, 60), "less than a minute"),
        (Span(119, 841), "about 1 to 15 minutes"),
        (Span(6000, 6600), "about 100 to 110 minutes"),
        (Span(3540, 11100), "about 59 min to 3 h 5 min"),
        (Span(0, 7200), "up to 2 h"),
        (Span(250, inf), "at least 4 minutes"),
        (Span(7260, inf), "at least 2 h 1 min"),
        (Span(20, inf), "an unknown time"),
    ],
)
def test_a_range_in_words(span: Span, words: str) -> None:
    assert span_words(span) == words


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (Estimate(Span(0, 2)), "less than a minute"),
        (Estimate(Span(240, 300), "endpoint/a", Span(240, 300), 1), "about 4 to 5 minutes (endpoint/a)"),
        (
            Estimate(Span(240, 900), "endpoint/a", Span(240, 300), 3),
            "about 4 to 15 minutes; the longest is endpoint/a, about 4 to 5 minutes",
        ),
        (Estimate(Span(120, 300), "endpoint/a", Span(120, 300), 3, alike=True), "about 2 to 5 minutes (3 endpoints)"),
        (
            Estimate(Span(240, 900), "endpoint/a", Span(120, 450), 1_200, alike=True),
            "about 4 to 15 minutes (1,200 endpoints, each about 2 to 8 minutes)",
        ),
        (
            Estimate(Span(240, inf), "endpoint/a", Span(240, inf), 1, unknown=("endpoint/a", "endpoint/b")),
            "at least 4 minutes, and as long as what is under way on endpoint/a, endpoint/b goes on",
        ),
        (
            Estimate(Span(0, inf), "endpoint/a", Span(0, inf), 1, unknown=("endpoint/a",)),
            "as long as what is under way on endpoint/a goes on, which nobody knows",
        ),
        (
            Estimate(Span(120, inf), "endpoint/a", Span(120, inf), 1, kept_deployment=("endpoint/a",)),
            "at least 2 minutes, and what the last deployment config of endpoint/a waits for, "
            "which the plan doesn't hold",
        ),
        (
            Estimate(Span(120, 300), "endpoint/a", Span(120, 300), 1, uploads=1_200),
            "about 2 to 5 minutes (endpoint/a), beside the upload of 1,200 archives",
        ),
        (Estimate(Span(0, 2), uploads=1), "less than a minute, beside the upload of 1 archive"),
    ],
)
def test_an_estimate_in_words(found: Estimate, words: str) -> None:
    assert estimate_words(found) == words
