"""What clients of others asked, asked again: the core of tests/clients/test_clients.py, without their packages."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mmeplan.simulator.services import SERVICES
from tests.clients.environments import CLIENTS
from tests.clients.exchanges import STORED, departures

NAMES = sorted(path.stem for path in STORED.glob("*.json"))


def test_each_client_has_its_exchange() -> None:
    assert set(NAMES) == set(CLIENTS)


def test_each_of_motos_tests_that_fails_does_so_for_one_reason() -> None:
    expected = json.loads((STORED.parent / "moto_expected.json").read_text())
    tests = [test for named in expected.values() for test in named]
    assert len(tests) == len(set(tests)) > 100
    assert all(len(reason) > 10 for reason in expected)
    simulated = {f"{service.name}: {name} isn't simulated" for service in SERVICES for name in service.operations}
    assert not simulated & expected.keys()


@pytest.mark.parametrize("name", NAMES)
def test_a_client_is_answered_what_it_was_answered(name: str) -> None:
    assert departures(json.loads((STORED / f"{name}.json").read_text()), CLIENTS[name].settings) == []


@pytest.mark.parametrize(
    "spoilt", [{"status": 400}, {"EndpointStatus": "Failed"}, {"NotThere": 1}, {"EndpointName": None}]
)
def test_an_answer_that_departs_is_noticed(spoilt: dict[str, Any]) -> None:
    exchanges = json.loads((STORED / "custodian.json").read_text())
    described = next(
        one for one in exchanges if isinstance(one["answer"], dict) and "EndpointStatus" in one["answer"]["json"]
    )
    (described if "status" in spoilt else described["answer"]["json"]).update(spoilt)
    assert len(departures(exchanges)) == 1


def test_an_answer_may_hold_more_than_was_stored() -> None:
    exchanges = json.loads((STORED / "custodian.json").read_text())
    for one in exchanges:
        if isinstance(one["answer"], dict):
            one["answer"]["json"].pop("EndpointArn", None)
    assert departures(exchanges) == []
