"""The direct door: the core's answers as plain data, with faults and constraints as behind every other door."""

from __future__ import annotations

import pytest

from mmeplan.simulator import ConnectionCut, ServiceError, Simulator

IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/i:1"
ROLE = "arn:aws:iam::123456789012:role/x"
MODEL = {"ModelName": "m", "ExecutionRoleArn": ROLE, "PrimaryContainer": {"Image": IMAGE}}


def test_a_call_answers_plain_data_and_leaves_the_request_alone() -> None:
    request = {**MODEL, "Unknown": 1}
    with Simulator.open() as sim:
        assert sim.call("CreateModel", request)["ModelArn"].endswith(":model/m")
        assert request["Unknown"] == 1
        described = sim.call("DescribeModel", {"ModelName": "m"})
        assert described["PrimaryContainer"]["Image"] == IMAGE
        assert isinstance(described["CreationTime"], float)
        assert sim.call("DeleteModel", {"ModelName": "m"}) == {}


def test_regions_are_apart() -> None:
    with Simulator.open() as sim:
        sim.call("CreateModel", MODEL, region="us-east-1")
        with pytest.raises(ServiceError, match="Could not find model"):
            sim.call("DescribeModel", {"ModelName": "m"}, region="eu-west-2")


def test_refusals_constraints_and_faults_are_those_of_every_door() -> None:
    with Simulator.open() as sim:
        with pytest.raises(ServiceError, match="failed to satisfy constraint"):
            sim.call("CreateModel", {**MODEL, "ModelName": "not a name"})
        sim.faults.cut("CreateModel", "after")
        with pytest.raises(ConnectionCut):
            sim.call("CreateModel", MODEL)
        with pytest.raises(ServiceError, match="Cannot create already existing"):
            sim.call("CreateModel", MODEL)
        assert [event.outcome for event in sim.history()] == ["ValidationException", "cut after", "ValidationException"]


def test_an_operation_that_no_service_has_is_a_mistake() -> None:
    with Simulator.open() as sim, pytest.raises(ValueError, match="no operation 'Nonsense'"):
        sim.call("Nonsense", {})
