"""Who a served simulator answers, and what its control says to nonsense."""

from __future__ import annotations

import http.client
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from mmeplan.simulator import Simulator
from mmeplan.simulator.callers import Callers
from mmeplan.simulator.server import Server

LOCAL = ("127.0.0.1:5010", "localhost:5010", "LOCALHOST", "[::1]:5010", "bucket.localhost:5010", "127.8.9.1")
EVIL = ("evil.example:5010", "127.0.0.1.evil.example", "localhost.evil.example", "169.254.169.254", "", "a]b", "evil@")


@pytest.mark.parametrize("host", LOCAL)
def test_loopback_names_are_answered(host: str) -> None:
    for headers in ({"host": host}, {"host": "127.0.0.1", "origin": f"http://{host}"}):
        assert Callers("127.0.0.1").refusal(headers) == ""


@pytest.mark.parametrize("host", EVIL)
def test_other_names_are_not(host: str) -> None:
    assert "no name of this server" in Callers("127.0.0.1").refusal({"host": host})
    for origin in (f"http://{host}", "null", "file://"):
        assert "another origin" in Callers("127.0.0.1").refusal({"host": "localhost", "origin": origin})


@pytest.mark.parametrize(
    ("listens", "host", "answered"),
    [
        ("0.0.0.0", "simulator:5010", True),
        ("0.0.0.0", "10.1.2.3:5010", True),
        ("::", "[fd00::1]", True),
        ("0.0.0.0", "evil.example", False),
        ("10.1.2.3", "10.1.2.3:5010", True),
        ("10.1.2.3", "10.1.2.4:5010", False),
        ("sim.internal", "sim.internal:1", True),
        ("sim.internal", "bucket.sim.internal:1", True),
        ("sim.internal", "simulator", False),
    ],
)
def test_what_host_asks_for_is_answered(listens: str, host: str, answered: bool) -> None:
    assert (Callers(listens).refusal({"host": host}) == "") is answered


@pytest.fixture
def server() -> Iterator[Server]:
    with Simulator.open(":memory:") as simulator:
        made = Server(simulator, speed=0)
        made.start()
        try:
            yield made
        finally:
            made.stop()


def ask(server: Server, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def test_a_web_page_resets_nothing_and_reads_nothing(server: Server) -> None:
    assert ask(server, "POST", "/_mmeplan/clock", b'{"advance": 90}')[0] == 200
    before = ask(server, "GET", "/_mmeplan/clock")
    origin = {"Origin": "https://evil.example"}
    assert ask(server, "POST", "/_mmeplan/reset", **origin)[0] == 403
    assert ask(server, "POST", "/_mmeplan/reset", Origin="null")[0] == 403
    assert ask(server, "GET", "/_mmeplan/state", Host="rebound.example")[0] == 403
    assert ask(server, "POST", "/", b"{}", Host="rebound.example")[0] == 403
    assert ask(server, "GET", "/_mmeplan/clock") == before


NONSENSE = (None, True, 0, -1, 1e400, 10**30, "x", "\ud800", [], [1], {}, {"a": 1}, [[]], "9" * 5000)
MEMBERS = ("advance", "endpoint", "seconds", "region", "quota", "value", "instance_type", "instances", "fault")
PATHS = ("clock", "faults", "quota", "system-update")


def test_the_control_answers_nonsense_with_a_sentence(server: Server, capfd: pytest.CaptureFixture[str]) -> None:
    rng = random.Random(20260801)
    bodies = [b"{", b"\xff", b"[" * 100_000, b"nul", b"1" * 5000, *(json.dumps(each).encode() for each in NONSENSE)]
    for _ in range(300):
        chosen = {rng.choice(MEMBERS): rng.choice(NONSENSE) for _ in range(rng.randint(1, 4))}
        bodies.append(json.dumps([chosen] if rng.random() < 0.3 else chosen).encode())
    for body in bodies:
        status, answer = ask(server, "POST", f"/_mmeplan/{rng.choice(PATHS)}", body)
        assert status in (200, 400, 404), (body[:100], answer)
        assert status == 200 or len(answer["error"].split()) > 2, (body[:100], answer)
    for query in ("at=x", "at=0001-01-01T00:00:00%2B14:00", "at=2026-01-01", "endpoint=%ff", "after=x", "after=-1"):
        for path in ("state?endpoint=e&", "history?"):
            status, answer = ask(server, "GET", f"/_mmeplan/{path}{query}")
            assert status in (200, 400, 404), (path, query, answer)
    assert capfd.readouterr().err == ""
