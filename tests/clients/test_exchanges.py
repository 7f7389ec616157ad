"""What clients of others asked, asked again: the core of tests/clients/test_clients.py, without their packages."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.clients.environments import CLIENTS
from tests.clients.exchanges import STORED, departures

NAMES = sorted(path.stem for path in STORED.glob("*.json"))


def test_the_exchanges_are_those_of_clients() -> None:
    assert set(NAMES) <= set(CLIENTS)
    assert len(NAMES) >= 5


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
