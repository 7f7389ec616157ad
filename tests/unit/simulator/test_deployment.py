"""How long a deployment lasts beyond the launch of its fleet."""

from __future__ import annotations

import pytest

from mmeplan.simulator.deployment import phases
from mmeplan.simulator.fleet import resolved


def blue_green(kind, wait=0, termination=0, **sizes):
    routing = {"Type": kind, "WaitIntervalInSeconds": wait, **sizes}
    policy = {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": termination}
    return {"BlueGreenUpdatePolicy": policy}


def rolling(kind, value, wait):
    return {"RollingUpdatePolicy": {"MaximumBatchSize": {"Type": kind, "Value": value}, "WaitIntervalInSeconds": wait}}


PERCENT = {"Type": "CAPACITY_PERCENT", "Value": 30}
COUNT = {"Type": "INSTANCE_COUNT", "Value": 2}


@pytest.mark.parametrize(
    ("deployment", "counts", "waits_s"),
    [
        (None, [4], 0),
        ({"AutoRollbackConfiguration": {}}, [4], 0),
        (blue_green("ALL_AT_ONCE", wait=500, termination=60), [4], 60),
        (blue_green("CANARY", wait=300, termination=60, CanarySize=COUNT), [4], 360),
        (blue_green("LINEAR", wait=100, termination=60, LinearStepSize=PERCENT), [4], 4 * 100 + 60),
        (blue_green("LINEAR", wait=100, LinearStepSize=COUNT), [4, 5], 3 * 100),
        (blue_green("LINEAR", wait=100), [4], 100),
        (rolling("CAPACITY_PERCENT", 50, 120), [4], 240),
        (rolling("INSTANCE_COUNT", 1, 120), [4], 480),
        (rolling("INSTANCE_COUNT", 1, 120), [], 120),
    ],
)
def test_a_deployment_lasts_its_launch_and_its_waits(deployment, counts, waits_s):
    first, *rest = phases(deployment, counts, 240)
    assert (first.status, first.seconds) == ("Creating", 240)
    assert sum(phase.seconds for phase in rest) == waits_s
    assert all(phase.status == "Baking" and phase.seconds > 0 for phase in rest)


@pytest.mark.parametrize(
    ("image", "repository"),
    [
        ("1.dkr.ecr.eu-west-1.amazonaws.com/a/b:1.0", "1.dkr.ecr.eu-west-1.amazonaws.com/a/b"),
        ("localhost:5000/a", "localhost:5000/a"),
        ("python:3", "python"),
    ],
)
def test_a_tag_resolves_to_a_digest_that_never_changes(image, repository):
    assert resolved(image).startswith(f"{repository}@sha256:")
    assert resolved(image) == resolved(image)
    assert resolved(image) != resolved(image + "x")


def test_a_digest_resolves_to_itself():
    assert resolved("a/b@sha256:0123") == "a/b@sha256:0123"
