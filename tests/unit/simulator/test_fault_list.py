"""Faults as data, foreign writes, and the control door over both."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from mmeplan.simulator import Request, fault_list
from mmeplan.simulator.control import respond


def control(sim, method, path, body=None):
    raw = b"" if body is None else json.dumps(body).encode()
    answer = respond(sim, Request(method, path, {}, raw))
    return answer.status, json.loads(answer.body)


EVERY_FAULT = [
    {"fault": "throttle", "operation": "DescribeEndpoint", "count": 2},
    {"fault": "error", "operation": "ListModels", "code": "InternalFailure", "message": "x", "status": 500},
    {"fault": "cut", "operation": "CreateModel", "when": "after"},
    {"fault": "hide", "operation": "CreateModel", "reads": [1, 3]},
    {"fault": "crash_at", "n": 3, "when": "before"},
    {"fault": "fail_create", "endpoint_name": "e", "reason": "r"},
    {"fault": "fail_update", "endpoint_name": "e", "reason": "r"},
    {"fault": "fail_rollback", "endpoint_name": "e", "reason": "r"},
    {"fault": "fail_scaling", "endpoint_name": "e", "reason": "r"},
    {"fault": "trip_alarm", "endpoint_name": "e", "phase": "Baking", "occurrence": 2},
    {"fault": "slow", "endpoint_name": "e", "seconds": 100},
    {"fault": "no_capacity", "instance_type": "ml.m5.large"},
    {"fault": "foreign_write", "n": 1, "operation": "DeleteModel", "request": {"ModelName": "m"}},
]


def test_every_fault_can_be_asked_for_as_data(sim):
    assert {entry["fault"] for entry in EVERY_FAULT} == set(fault_list.KINDS)
    assert fault_list.ask(sim.faults, {"faults": EVERY_FAULT}) == len(EVERY_FAULT)
    for entry in EVERY_FAULT:
        assert fault_list.ask(sim.faults, [entry]) == 1


@pytest.mark.parametrize(
    ("entries", "why"),
    [
        ("throttle", "expected a list"),
        ([{"fault": "fire"}], "entry 1: `fault` must be one of"),
        ([EVERY_FAULT[0], {"fault": "throttle"}], "entry 2 .*operation"),
        ([{"fault": "throttle", "operation": "Describe"}], "would never come"),
        ([{"fault": "slow", "endpoint_name": "e", "seconds": -1}], "up to"),
        ([{"fault": "slow", "endpoint_name": "e", "secs": 1}], "seconds"),
        ([{"fault": "trip_alarm", "endpoint_name": "e", "phase": "Cooking"}], "a phase is one of"),
        ([{"fault": "foreign_write", "n": 1, "operation": "ListModels", "request": {}}], "writes nothing"),
    ],
)
def test_an_entry_that_makes_no_sense_is_refused_and_none_is_asked_for(world, entries, why):
    with pytest.raises(ValueError, match=why):
        fault_list.ask(world.sim.faults, entries)
    world.model()
    world.config()
    world.endpoint()
    world.describe()


def test_a_foreign_write_comes_just_before_the_nth_write(world, refused):
    model = {"ModelName": "m", "ExecutionRoleArn": "arn:aws:iam::123456789012:role/x"}
    image = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/x"
    world.sim.faults.foreign_write(2, "CreateModel", model | {"PrimaryContainer": {"Image": image}})
    world.model("other")
    world("ListModels")
    assert refused(world.model, "m").startswith("Cannot create already existing model")
    assert [(event.kind, event.outcome) for event in world.sim.history()][-2:] == [
        ("fault", "foreign write 200"),
        ("call", "ValidationException"),
    ]


def test_a_foreign_write_that_is_refused_changes_nothing(world):
    world.sim.faults.foreign_write(1, "DeleteModel", {"ModelName": "gone"})
    world.model()
    assert [event.outcome for event in world.sim.history()] == ["foreign write ValidationException", "200"]


def test_the_control_resets_everything(world):
    world.in_service()
    before = world.sim.clock.now()
    assert control(world.sim, "POST", "/_mmeplan/faults", EVERY_FAULT) == (200, {"asked": len(EVERY_FAULT)})
    assert control(world.sim, "POST", "/moto-api/reset") == (200, {"status": "ok"})
    assert world("ListModels") == {"Models": []}
    assert world.sim.clock.now() < before
    assert len(world.sim.history()) == 1
    world.in_service()


def test_a_world_after_reset_is_a_new_world_to_the_byte(world):
    world.in_service()
    first = world.sim.dump()
    world.sim.reset()
    world.in_service()
    assert world.sim.dump() == first


def test_the_control_moves_the_clock_and_tells_the_state(world):
    world.in_service()
    status, state = control(world.sim, "POST", "/_mmeplan/clock", {"advance": 90})
    assert (status, state) == (200, {"now": "2026-01-01T00:04:30+00:00"})
    assert control(world.sim, "GET", "/_mmeplan/clock")[1] == state
    shown = control(world.sim, "GET", "/_mmeplan/state")[1]["endpoints"]
    assert [(entry["endpoint"], entry["status"], entry["old"]["serving"]) for entry in shown] == [("e", "InService", 2)]
    one = control(world.sim, "GET", "/_mmeplan/state?endpoint=e&region=eu-west-1&at=2026-01-01T00:01:00Z")[1]
    assert one["old"] == {"share": 0.0, "serving": 0, "running": 0}
    local = control(world.sim, "GET", "/_mmeplan/state?endpoint=e&region=eu-west-1&at=2026-01-01T00:01:00")[1]
    assert local == one  # a moment without an offset is one in UTC
    history = control(world.sim, "GET", "/_mmeplan/history")[1]["events"]
    assert [event["operation"] for event in history[:2]] == ["CreateModel", "CreateEndpointConfig"]
    assert history[0]["at"] == "2026-01-01T00:00:00+00:00"
    assert control(world.sim, "GET", "/_mmeplan/history?after=2")[1]["events"] == history[2:]
    assert control(world.sim, "DELETE", "/_mmeplan/faults")[0] == 200
    quota = {"instance_type": "ml.m5.large", "instances": 2, "region": "eu-west-1"}
    assert control(world.sim, "POST", "/_mmeplan/quota", quota)[0] == 200
    maintenance = {"endpoint": "e", "seconds": 60, "region": "eu-west-1"}
    assert control(world.sim, "POST", "/_mmeplan/system-update", maintenance)[0] == 200
    assert world.describe()["EndpointStatus"] == "SystemUpdating"


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/_mmeplan/nothing", None, 404),
        ("POST", "/_mmeplan/clock", {"advance": -1}, 400),
        ("POST", "/_mmeplan/clock", {}, 400),
        ("POST", "/_mmeplan/clock", [1], 400),
        ("POST", "/_mmeplan/faults", [{"fault": "fire"}], 400),
        ("POST", "/_mmeplan/system-update", {"endpoint": "gone", "seconds": 1}, 400),
        ("GET", "/_mmeplan/state?endpoint=e&at=yesterday", None, 400),
    ],
)
def test_the_control_answers_nonsense_with_a_json_error(sim, method, path, body, status):
    answered, said = control(sim, method, path, body)
    assert (answered, list(said)) == (status, ["error"])


def test_the_example_file_asks_for_every_kind_of_fault(sim):
    entries = yaml.safe_load((Path(__file__).parents[3] / "examples" / "simulator" / "faults.yaml").read_text())
    assert fault_list.ask(sim.faults, entries) == 13
    assert {entry["fault"] for entry in entries["faults"]} == set(fault_list.KINDS)
