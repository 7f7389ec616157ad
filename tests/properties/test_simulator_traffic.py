"""Where invocations go: each variant gets its share, exactly in the long run, whatever the weights and the moment."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmeplan.simulator import Request, Simulator

REGION = "us-east-1"
INVOCATIONS = 100_000
STANDARD_DEVIATIONS = 5
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/x"

WEIGHTS = st.lists(st.floats(0.0, 1000.0, width=32), min_size=1, max_size=10).filter(lambda w: sum(w) > 0.001)


def call(sim: Simulator, operation: str, **members: Any) -> Any:
    request = Request("POST", "/", {"X-Amz-Target": f"SageMaker.{operation}"}, json.dumps(members).encode())
    answer = sim.respond(request)
    assert answer.status == 200, answer.body
    return json.loads(answer.body or b"{}")


def config(sim: Simulator, name: str, weights: list[float], count: int = 2) -> None:
    variants = [
        {
            "VariantName": f"v{number}",
            "ModelName": "m",
            "InstanceType": "ml.m5.large",
            "InitialInstanceCount": count,
            "InitialVariantWeight": weight,
        }
        for number, weight in enumerate(weights)
    ]
    call(sim, "CreateEndpointConfig", EndpointConfigName=name, ProductionVariants=variants)


def live(sim: Simulator, weights: list[float], count: int = 2) -> None:
    role = "arn:aws:iam::123456789012:role/x"
    call(sim, "CreateModel", ModelName="m", ExecutionRoleArn=role, PrimaryContainer={"Image": IMAGE})
    config(sim, "c", weights, count)
    call(sim, "CreateEndpoint", EndpointName="e", EndpointConfigName="c")
    sim.clock.sleep(180)


@settings(max_examples=12)
@given(weights=WEIGHTS, seed=st.integers(0, 2**32))
def test_each_variant_is_hit_within_the_bound_of_the_exact_distribution(weights: list[float], seed: int) -> None:
    with Simulator.open(seed=seed) as sim:
        live(sim, weights)
        hits = sim.draw_variants("e", INVOCATIONS, region=REGION)
    total = sum(weights)
    assert sum(hits.values()) == INVOCATIONS
    for number, weight in enumerate(weights):
        share = weight / total
        bound = STANDARD_DEVIATIONS * math.sqrt(INVOCATIONS * share * (1 - share)) + 2
        assert abs(hits[f"v{number}"] - INVOCATIONS * share) <= bound
        assert weight or not hits[f"v{number}"]


@settings(max_examples=25)
@given(weights=WEIGHTS, seed=st.integers(0, 2**32), size=st.integers(1, 2000))
def test_it_is_exact_in_short_runs_too(weights: list[float], seed: int, size: int) -> None:
    with Simulator.open(seed=seed) as sim:
        live(sim, weights)
        hits = sim.draw_variants("e", size, region=REGION)
    for number, weight in enumerate(weights):
        assert abs(hits[f"v{number}"] - size * weight / sum(weights)) <= 2 + 2 * math.log2(size)


POLICIES = st.one_of(
    st.tuples(st.just("CANARY"), st.integers(1, 50)), st.tuples(st.just("LINEAR"), st.integers(10, 50))
)


@settings(max_examples=40)
@given(policy=POLICIES, count=st.integers(1, 12), wait=st.integers(1, 900), after=st.integers(0, 12_000))
def test_the_share_of_the_new_fleet_is_the_documented_one_at_every_moment(
    policy: tuple[str, int], count: int, wait: int, after: int
) -> None:
    kind, percent = policy
    size = {"Type": "CAPACITY_PERCENT", "Value": percent}
    routing = {"Type": kind, "WaitIntervalInSeconds": wait}
    routing |= {"CanarySize": size} if kind == "CANARY" else {"LinearStepSize": size}
    steps = (
        [percent / 100] if kind == "CANARY" else [min(1.0, n * percent / 100) for n in range(1, -(-100 // percent) + 1)]
    )
    with Simulator.open() as sim:
        live(sim, [1.0], count)
        config(sim, "c2", [1.0], count)
        blue_green = {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": 60}
        deployment = {"BlueGreenUpdatePolicy": blue_green}
        call(sim, "UpdateEndpoint", EndpointName="e", EndpointConfigName="c2", DeploymentConfig=deployment)
        sim.clock.sleep(after)
        now = sim.traffic("e", region=REGION)
        over = after >= 240 + wait * len(steps) + 60
        step = (after - 240) // wait
        expected = 0.0 if after < 240 else steps[step] if step < len(steps) else 1.0
        if over:
            assert (now.old.share, now.new.share, now.new.running) == (1.0, 0.0, 0)
            return
        assert now.new.share == pytest.approx(expected)
        assert now.old.share == pytest.approx(1 - expected)
        assert now.old.running == count, "blue/green keeps the old fleet whole until the end"
        hits = [sim.invoke("e", region=REGION).fleet for _ in range(300)]
        assert abs(hits.count("new") - 300 * expected) <= 20


@settings(max_examples=40)
@given(percent=st.integers(5, 50), count=st.integers(1, 20), trip=st.booleans(), wait=st.integers(1, 600))
def test_a_rolling_update_never_serves_with_less_than_it_had(percent: int, count: int, trip: bool, wait: int) -> None:
    with Simulator.open() as sim:
        live(sim, [1.0], count)
        config(sim, "c2", [1.0], count)
        rolling = {
            "MaximumBatchSize": {"Type": "CAPACITY_PERCENT", "Value": percent},
            "WaitIntervalInSeconds": wait,
        }
        deployment = {
            "RollingUpdatePolicy": rolling,
            "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "a"}]},
        }
        if trip:
            sim.faults.trip_alarm("e", "Baking", occurrence=1)
        call(sim, "UpdateEndpoint", EndpointName="e", EndpointConfigName="c2", DeploymentConfig=deployment)
        for _ in range(40):
            now = sim.traffic("e", region=REGION)
            assert now.old.running + now.new.running >= count
            assert now.old.serving + now.new.serving >= count
            assert now.old.share + now.new.share == pytest.approx(1)
            sim.clock.sleep(wait / 3 + 10)
