"""The same seed, calls and sleeps give the same world, to the byte."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import mmeplan.simulator
from mmeplan.simulator import Settings, Simulator


def life(world_type, path, seed=7):
    """A life with creates, failures, chance and refusals. Returns its history and its store's content."""
    with Simulator.open(path, seed=seed) as sim:
        world = world_type(sim)
        sim.faults.hide("CreateEndpointConfig", reads=(0, 5))
        sim.faults.fail_update("e", "capacity")
        world.model(tags={"a": "b"})
        for number in range(8):
            world.config(f"c{number}")
            sim.clock.sleep(sim.clock.uniform(1, 30))
            for _ in range(8):
                try:
                    world("CreateEndpoint", EndpointName=f"e{number}", EndpointConfigName=f"c{number}")
                except Exception as refusal:  # noqa: BLE001
                    sim.clock.sleep(1 + len(str(refusal)) % 3)
        sim.clock.sleep(500)
        world("UpdateEndpoint", EndpointName="e1", EndpointConfigName="c2")
        sim.clock.sleep(500)
        world("ListEndpoints")
        return sim.history(), sim.dump()


def test_one_seed_gives_one_life_in_memory_and_on_disk(world, tmp_path):
    in_memory = life(type(world), ":memory:")
    assert in_memory == life(type(world), ":memory:")
    assert in_memory == life(type(world), tmp_path / "world.db")


def test_another_seed_gives_another_life(world):
    assert life(type(world), ":memory:", seed=7)[0] != life(type(world), ":memory:", seed=8)[0]


def rich_life(world_type, seed):
    """A life with a canary that an alarm ends, artifacts, registrations and invocations."""
    with Simulator.open(seed=seed) as sim:
        world = world_type(sim)
        world.model(Mode="MultiModel", ModelDataUrl="s3://artifacts/all/")
        world.config("c", world.variant("a"), world.variant("b", InitialVariantWeight=3))
        world.config("c2", world.variant("a"), world.variant("b"))
        world.alarm()
        world.endpoint()
        sim.clock.sleep(180)
        size = {"Type": "CAPACITY_PERCENT", "Value": 10}
        routing = {"Type": "CANARY", "WaitIntervalInSeconds": 600, "CanarySize": size}
        deployment = {
            "BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing},
            "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "errors"}]},
        }
        sim.faults.trip_alarm("e", "Baking")
        world.update(DeploymentConfig=deployment)
        went = []
        for number in range(60):
            sim.clock.sleep(20)
            model = f"model-{int(sim.clock.uniform(0, 40))}"
            went.append(sim.invoke("e", b"%d" % number, target_model=model, region="eu-west-1"))
        return sim.history(), sim.dump(), went, sim.loaded_models("e", "b", region="eu-west-1")


def test_deployments_invocations_and_loaded_models_follow_from_the_seed_too(world):
    first = rich_life(type(world), 3)
    assert first == rich_life(type(world), 3)
    assert any(went.fleet == "new" for went in first[2])
    assert first[2] != rich_life(type(world), 4)[2]


def test_the_clock_starts_at_the_epoch_and_moves_by_sleep_only(world):
    assert world.sim.clock.now().isoformat() == "2026-01-01T00:00:00+00:00"
    world.in_service()
    assert world.sim.clock.now().isoformat() == "2026-01-01T00:03:00+00:00"
    world.sim.clock.sleep(0.000001)
    assert world.sim.clock.now().microsecond == 1


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf")])
def test_time_neither_goes_back_nor_ends(sim, seconds):
    with pytest.raises(ValueError, match="virtual time moves forward"):
        sim.clock.sleep(seconds)


def test_uniform_numbers_stay_in_their_bounds_and_spread(sim):
    drawn = [sim.clock.uniform(10, 20) for _ in range(500)]
    assert all(10 <= number < 20 for number in drawn)
    assert 14.3 < sum(drawn) / len(drawn) < 15.7
    assert len(set(drawn)) == 500


def test_history_holds_calls_refusals_and_transitions_in_order(world, refused):
    world.in_service()
    refused(world.model)
    events = [(event.kind, event.operation, event.subject, event.outcome) for event in world.sim.history()]
    assert events == [
        ("call", "CreateModel", "m", "200"),
        ("call", "CreateEndpointConfig", "c", "200"),
        ("transition", "Endpoint", "e", "none → Creating"),
        ("call", "CreateEndpoint", "e", "200"),
        ("transition", "Endpoint", "e", "Creating → InService"),
        ("call", "DescribeEndpoint", "e", "200"),
        ("call", "CreateModel", "m", "ValidationException"),
    ]
    assert world.sim.history()[-1].detail.startswith("Cannot create already existing model")


def test_history_forgets_the_oldest_beyond_its_limit(world):
    with Simulator.open(settings=Settings(history_limit=3)) as sim:
        small = type(world)(sim)
        for number in range(5):
            small.model(f"m{number}")
        assert [event.subject for event in sim.history()] == ["m2", "m3", "m4"]


FORBIDDEN = {"random", "uuid", "time", "secrets", "threading.Timer", "boto3"}


MODULES = [path for path in sorted(Path(mmeplan.simulator.__file__).parent.glob("*.py")) if path.name != "wall.py"]


@pytest.mark.parametrize("module", MODULES, ids=lambda p: p.name)
def test_no_module_reads_the_real_clock_or_draws_real_chance(module):
    tree = ast.parse(module.read_text())
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(node.module)
    assert not imported & FORBIDDEN
    called = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert not called & {"utcnow", "today", "monotonic", "perf_counter", "urandom"}
