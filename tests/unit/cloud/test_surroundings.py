"""What is told of the machine: where credentials come from and when they end, and how its clock stands."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmeplan.cloud.surroundings import Heard, Surroundings, _ahead, within
from mmeplan.errors import CredentialsError, MmeplanError

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
KEYS = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "s3cr3t"}


class Answering(HTTPServer):
    """An AWS of which only the head of its answers matters."""

    status, headers = 403, {"x-amzn-requestid": "1"}


class _Handler(BaseHTTPRequestHandler):
    server: Answering

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        assert "Authorization" not in self.headers
        self.send_response_only(self.server.status)
        for name, value in {"Content-Length": "2", **self.server.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def answering() -> Iterator[Answering]:
    server = Answering(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def asked(server: Answering) -> Heard:
    around = Surroundings(endpoint_url=f"http://127.0.0.1:{server.server_port}")
    return around.ask("eu-west-1", lambda: NOON)


def test_an_unsigned_question_is_answered_whatever_the_answer_is(answering: Answering) -> None:
    assert asked(answering) == Heard(403, None, True)
    answering.headers = {}
    assert not asked(answering).is_of_aws


@pytest.mark.parametrize("off_s", [-3600, -301, 0, 400, 86400])
def test_the_clock_is_held_against_the_date_of_the_answer(answering: Answering, off_s: int) -> None:
    answering.headers = {"Date": format_datetime(NOON - timedelta(seconds=off_s), usegmt=True)}
    found = asked(answering).ahead_s
    assert found is not None
    assert off_s - 1 <= found <= off_s or (off_s == 0 and found == 0)


@given(
    st.floats(-1e6, 1e6),
    st.floats(0, 60),
    st.floats(0, 60),
)
def test_a_slow_answer_is_no_fault_of_the_clock(ahead_s: float, there_s: float, back_s: float) -> None:
    """However long each way takes, a clock that is right is never called wrong, and a wrong one never by more."""
    said_at = NOON
    before = said_at + timedelta(seconds=ahead_s - there_s)
    after = said_at + timedelta(seconds=ahead_s + back_s)
    found = _ahead(format_datetime(said_at.replace(microsecond=0), usegmt=True), before, after)
    assert found is not None
    assert abs(found) <= abs(ahead_s) + 1e-5
    assert found * ahead_s >= 0
    assert abs(found) >= abs(ahead_s) - max(there_s, back_s) - 1 - 1e-5


@pytest.mark.parametrize("date", [None, "", "yesterday"])
def test_an_answer_without_a_date_says_nothing_of_the_clock(date: str | None) -> None:
    assert _ahead(date, NOON, NOON) is None


def test_nobody_answers_on_a_closed_port() -> None:
    with pytest.raises(MmeplanError, match="connect"):
        Surroundings(endpoint_url="http://127.0.0.1:9").ask("eu-west-1", lambda: NOON)


def test_of_credentials_only_the_provider_and_the_end_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Surroundings().keys() is None
    for name, value in {**KEYS, "AWS_CREDENTIAL_EXPIRATION": "2036-01-01T00:00:00Z"}.items():
        monkeypatch.setenv(name, value)
    keys = Surroundings().keys()
    assert keys is not None
    assert (keys.method, keys.ends_at) == ("env", datetime(2036, 1, 1, tzinfo=UTC))
    assert "s3cr3t" not in repr(keys)


def test_keys_of_the_environment_win_over_a_named_variable_and_not_over_an_option(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = tmp_path / "config"
    config.write_text("[profile a]\naws_access_key_id = A\naws_secret_access_key = B\nregion = eu-west-1\n")
    for name, value in {**KEYS, "AWS_CONFIG_FILE": str(config), "AWS_PROFILE": "a"}.items():
        monkeypatch.setenv(name, value)
    named, chosen = Surroundings(), Surroundings("a")
    assert (named.has_keys_beside_profile, named.keys().method) == (True, "env")  # type: ignore[union-attr]
    assert (chosen.has_keys_beside_profile, chosen.keys().method) == (False, "config-file")  # type: ignore[union-attr]
    assert named.region() == "eu-west-1"


def test_a_profile_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CredentialsError, match="nobody"):
        Surroundings("nobody").region()


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({}, ""),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "AWS_ENDPOINT_URL"),
        (
            {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ENDPOINT_URL_SAGEMAKER": "http://127.0.0.1:2"},
            "AWS_ENDPOINT_URL_SAGEMAKER",
        ),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}, ""),
    ],
)
def test_what_gives_the_endpoint_is_named_and_it_is_the_one_in_use(
    variables: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    around = Surroundings()
    assert around.endpoint_from() == said
    wanted = variables[said] if said else "https://api.sagemaker.eu-west-1.amazonaws.com"
    assert around.endpoint("sagemaker", "eu-west-1") == wanted


def test_within_gives_what_a_call_gives_and_raises_what_it_raises() -> None:
    def fails() -> None:
        raise ValueError("so")

    assert within(60, lambda: 7) == 7
    with pytest.raises(ValueError, match="so"):
        within(60, fails)


def test_a_call_without_an_end_is_left_alone() -> None:
    done = threading.Event()
    with pytest.raises(TimeoutError):
        within(0.01, done.wait)
    done.set()
