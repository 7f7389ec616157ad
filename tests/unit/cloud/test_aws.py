"""The ports over boto3: what errors become, what reads are, and that nothing hangs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from botocore import exceptions
from botocore.loaders import JSONFileLoader
from botocore.parsers import ResponseParserError

from mmeplan.aws.failures import Failure, classify
from mmeplan.cloud.aws import CONCURRENCY, Cloud, Door
from mmeplan.cloud.clock import BURST, READ_ATTEMPTS
from mmeplan.errors import CloudError, ConnectionFailedError, CredentialsError
from mmeplan.simulator import Response, Simulator
from mmeplan.simulator.in_process import send
from tests.unit.apply.cloud import Clock


class Client:
    """In the place of a boto3 client: answers with what it is given, or raises it."""

    def __init__(self, answer: Callable[[], Any]) -> None:
        self.answer, self.calls = answer, 0

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(**params: Any) -> Any:
            del params
            self.calls += 1
            return self.answer()

        return call


def cloud(answer: Any, *, threads: bool = False) -> tuple[Cloud, Client, Clock]:
    def answering() -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer() if callable(answer) else dict(answer)

    clock = Clock()
    made = Cloud(clock, region="eu-west-1", door=None if threads else Door(lambda *_, **__: None, "123456789012"))
    client = Client(answering)
    made._client = lambda service: client  # type: ignore[method-assign]
    return made, client, clock


def service_error(code: str = "ValidationException", message: str = "no", status: int = 400) -> exceptions.ClientError:
    response = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status, "RequestId": "r"},
    }
    return exceptions.ClientError(response, "DescribeModel")  # type: ignore[arg-type]


URL = "https://api.sagemaker.eu-west-1.amazonaws.com"


@pytest.mark.parametrize(
    "error",
    [
        exceptions.EndpointConnectionError(endpoint_url=URL),
        exceptions.ConnectTimeoutError(endpoint_url=URL),
        exceptions.ReadTimeoutError(endpoint_url=URL),
        exceptions.ConnectionClosedError(endpoint_url=URL),
        exceptions.ProxyConnectionError(proxy_url=URL),
        exceptions.SSLError(endpoint_url=URL, error="eof"),
        exceptions.IncompleteReadError(actual_bytes=1, expected_bytes=2),
        ResponseParserError("Unable to parse response (<html>502 Bad Gateway)"),
    ],
)
def test_no_answer_is_one_failure_however_the_network_puts_it(error: Exception) -> None:
    made, client, _ = cloud(error)
    with pytest.raises(ConnectionFailedError):
        made.write("CreateModel", {})
    assert client.calls == 1
    with pytest.raises(ConnectionFailedError):
        made.read("DescribeModel", {})
    assert client.calls == 1 + READ_ATTEMPTS


@pytest.mark.parametrize(
    "error",
    [
        exceptions.NoCredentialsError(),
        exceptions.PartialCredentialsError(provider="env", cred_var="x"),
        exceptions.ProfileNotFound(profile="x"),
        exceptions.UnauthorizedSSOTokenError(),
        exceptions.SSOTokenLoadError(error_msg="x"),
        exceptions.TokenRetrievalError(provider="sso", error_msg="x"),
        exceptions.NoAuthTokenError(),
    ],
)
def test_missing_credentials_are_told_once_and_with_a_hint(error: Exception) -> None:
    made, client, _ = cloud(error)
    with pytest.raises(CredentialsError) as refused:
        made.read("DescribeModel", {})
    assert client.calls == 1
    assert "--local" in refused.value.hint


def test_the_services_own_words_are_kept() -> None:
    made, _, _ = cloud(service_error(message='Could not find model "m".'))
    with pytest.raises(CloudError) as refused:
        made.read("DescribeModel", {})
    error = refused.value
    assert (error.operation, error.code, error.message) == (
        "DescribeModel",
        "ValidationException",
        'Could not find model "m".',
    )
    assert (error.status, error.request_id) == (400, "r")
    assert classify(error.code, error.message, error.status) is Failure.NOT_FOUND


def test_a_request_that_botocore_refuses_is_an_error_and_not_repeated() -> None:
    made, client, _ = cloud(exceptions.ParamValidationError(report="Missing required parameter"))
    with pytest.raises(CloudError, match="Missing required"):
        made.read("DescribeModel", {})
    assert client.calls == 1


@pytest.mark.parametrize(
    "failure", [("ThrottlingException", 400), ("InternalFailure", 500), ("Whatever", 503), ("Other", 429)]
)
def test_reads_are_repeated_with_growing_pauses_and_writes_are_not(failure: tuple[str, int]) -> None:
    made, client, clock = cloud(service_error(failure[0], "x", failure[1]))
    with pytest.raises(CloudError):
        made.read("DescribeModel", {})
    assert client.calls == READ_ATTEMPTS
    assert clock.slept == sorted(clock.slept)
    client.calls = 0
    with pytest.raises(CloudError):
        made.write("CreateModel", {})
    assert client.calls == 1


@pytest.mark.parametrize("operation", ["CreateModel", "DeleteEndpoint", "UpdateEndpoint", "AddTags", "InvokeEndpoint"])
def test_a_reader_refuses_to_write(operation: str) -> None:
    made, client, _ = cloud({})
    with pytest.raises(ValueError, match="is not a read"):
        made.read(operation, {})
    assert client.calls == 0


def test_answers_are_plain_data_without_metadata() -> None:
    at = datetime(2026, 1, 1, 1, tzinfo=UTC)
    made, _, _ = cloud({"CreationTime": at, "Inner": [{"At": at}], "ResponseMetadata": {"HTTPStatusCode": 200}})
    assert made.read("DescribeModel", {}) == {
        "CreationTime": "2026-01-01T01:00:00+00:00",
        "Inner": [{"At": "2026-01-01T01:00:00+00:00"}],
    }


@pytest.mark.parametrize("threads", [False, True])
def test_many_reads_answer_in_order_with_errors_in_their_place(threads: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    made, _, _ = cloud({}, threads=threads)

    def read(operation: str, params: Any) -> Any:
        if params["n"] % 7 == 3:
            raise CloudError(operation, "AccessDeniedException", str(params["n"]))
        return params

    monkeypatch.setattr(made, "read", read)
    seen: list[tuple[int, int]] = []
    answers = made.gather([("DescribeModel", {"n": n}) for n in range(40)], lambda done, of: seen.append((done, of)))
    assert [answer["n"] if isinstance(answer, dict) else int(answer.message) for answer in answers] == list(range(40))  # type: ignore[union-attr]
    assert seen == [(n, 40) for n in range(1, 41)]


def test_no_more_reads_are_under_way_than_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    made, _, _ = cloud({}, threads=True)
    lock, now, most = threading.Lock(), [0], [0]
    gate = threading.Barrier(CONCURRENCY)

    def read(operation: str, params: Any) -> Any:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        gate.wait(10)
        with lock:
            now[0] -= 1
        return params

    monkeypatch.setattr(made, "read", read)
    made.gather([("DescribeModel", {})] * (CONCURRENCY * 3))
    assert most[0] == CONCURRENCY


def test_an_interrupt_does_not_wait_for_reads_that_have_yet_to_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    made, _, _ = cloud({}, threads=True)
    begun: list[bool] = []

    def interrupted(done: int, of: int) -> None:
        raise KeyboardInterrupt

    never = threading.Event()

    def read(operation: str, params: Any) -> Any:
        begun.append(never.wait(0.02))
        return params

    monkeypatch.setattr(made, "read", read)
    with pytest.raises(KeyboardInterrupt):
        made.gather([("DescribeModel", {})] * 1000, interrupted)
    assert len(begun) < 500


def test_an_unknown_profile_and_no_region_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    with pytest.raises(CredentialsError, match="no-such-profile"):
        Cloud(Clock(), profile="no-such-profile")
    with pytest.raises(CredentialsError, match="no region"):
        Cloud(Clock())


ARN = "arn:aws:sagemaker:eu-west-1:123456789012:endpoint/a"
READS: dict[str, dict[str, Any]] = {
    "DescribeEndpoint": {"EndpointName": "a"},
    "DescribeEndpointConfig": {"EndpointConfigName": "a"},
    "DescribeModel": {"ModelName": "a"},
    "ListEndpoints": {},
    "ListTags": {"ResourceArn": ARN},
    "GetCallerIdentity": {},
    "GetResources": {},
}
PAGES = [b"", b"<html>sign in to the network</html>", b"[]", b"null", b"\xff\xfe", b'"answer"']
BAD_MEMBERS = (
    b'{"Endpoints": 1, "Tags": 1, "ResourceTagMappingList": 1, "CreationTime": "never", "PrimaryContainer": 1}'
)


class Answering:
    """A cloud behind which something answers every call with the same bytes."""

    def __init__(self) -> None:
        self.response = Response(200, {}, b"")
        self.clock = Clock()
        door = Door(lambda request, **_: send(lambda _: self.response, request), "123456789012")
        self.cloud = Cloud(self.clock, region="eu-west-1", door=door)

    def __call__(self, body: bytes, status: int = 200) -> Cloud:
        self.response = Response(status, {}, body)
        self.clock.slept.clear()
        return self.cloud


@pytest.fixture(scope="module")
def answering() -> Answering:
    """One for all cases: making clients takes longer than all calls."""
    return Answering()


@pytest.mark.parametrize("operation", READS)
@pytest.mark.parametrize("body", [*PAGES, BAD_MEMBERS], ids=[*map(ascii, PAGES), "members of other types"])
def test_a_page_that_is_no_answer_of_the_service_is_no_answer_and_asked_for_again(
    answering: Answering, operation: str, body: bytes
) -> None:
    answering(b"{}").read("ListTags", READS["ListTags"])  # the service has been heard
    with pytest.raises(ConnectionFailedError) as failed:
        answering(body).read(operation, READS[operation])
    assert failed.value.operation == operation
    assert len(answering.clock.slept) == READ_ATTEMPTS - 1


@pytest.mark.parametrize("operation", ["DescribeEndpoint", "DescribeEndpointConfig", "DescribeModel", "ListEndpoints"])
def test_an_answer_without_the_members_that_it_always_has_is_none(answering: Answering, operation: str) -> None:
    with pytest.raises(ConnectionFailedError):
        answering(b"{}").read(operation, READS[operation])


def test_an_answer_may_have_no_members_where_nothing_is_promised(answering: Answering) -> None:
    assert answering(b"{}").read("ListTags", READS["ListTags"]) == {}
    assert answering(b"").write("DeleteEndpoint", {"EndpointName": "a"}) == {}


def test_a_refusal_that_cannot_be_read_is_still_an_error_of_the_call(answering: Answering) -> None:
    with pytest.raises(ConnectionFailedError):
        answering(b"[]", 502).read("ListEndpoints", {})
    with pytest.raises(CloudError, match="sign in") as refused:
        answering(PAGES[1], 407).read("ListEndpoints", {})
    assert refused.value.status == 407


KEYS = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any"}
LOOPBACK = "http://127.0.0.1:5010"
NEAR_PROFILE = f"[profile near]\nendpoint_url = {LOOPBACK}\naws_access_key_id = any\naws_secret_access_key = any\n"
NEAR: dict[str, tuple[dict[str, str], str, dict[str, str]]] = {
    "--endpoint-url": ({}, "", {"endpoint_url": LOOPBACK}),
    "AWS_ENDPOINT_URL": ({"AWS_ENDPOINT_URL": LOOPBACK}, "", {}),
    "another name of this machine": ({"AWS_ENDPOINT_URL": "http://sagemaker.localhost:4566"}, "", {}),
    "another address of this machine": ({"AWS_ENDPOINT_URL": "http://127.0.1.1:4566"}, "", {}),
    "AWS_ENDPOINT_URL_SAGEMAKER": ({"AWS_ENDPOINT_URL_SAGEMAKER": LOOPBACK}, "", {}),
    "endpoint_url of the default profile": ({}, f"[default]\nendpoint_url = {LOOPBACK}\n", {}),
    "endpoint_url of --profile": ({}, NEAR_PROFILE, {"profile": "near"}),
    "endpoint_url of AWS_PROFILE": ({"AWS_PROFILE": "near"}, NEAR_PROFILE, {}),
    "a services section": (
        {},
        f"[default]\nservices = here\n[services here]\nsagemaker =\n  endpoint_url = {LOOPBACK}\n",
        {},
    ),
    "the service's own wins": (
        {"AWS_ENDPOINT_URL": "https://sagemaker.example", "AWS_ENDPOINT_URL_SAGEMAKER": LOOPBACK},
        "",
        {},
    ),
}
FAR: dict[str, tuple[dict[str, str], str, dict[str, str]]] = {
    "AWS": ({}, "", {}),
    "another URL": ({"AWS_ENDPOINT_URL": "https://127.0.0.1.example"}, "", {}),
    "--endpoint-url wins": ({"AWS_ENDPOINT_URL": LOOPBACK}, "", {"endpoint_url": "https://sagemaker.example"}),
    "another service's": ({"AWS_ENDPOINT_URL_S3": LOOPBACK}, "", {}),
    "another profile's": ({}, NEAR_PROFILE, {}),
    "told to ignore it": ({"AWS_ENDPOINT_URL": LOOPBACK, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}, "", {}),
}


@pytest.mark.parametrize(("ways", "near"), [(NEAR, True), (FAR, False)], ids=["near", "far"])
def test_sagemaker_is_near_where_its_url_is_on_this_machine_however_it_was_given(
    ways: dict[str, tuple[dict[str, str], str, dict[str, str]]],
    near: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read_once = staticmethod(cache(JSONFileLoader().load_file))  # SageMaker's shapes take a third of a second each time
    monkeypatch.setattr(JSONFileLoader, "load_file", read_once)
    config = tmp_path / "config"
    for way, (environment, profile, options) in ways.items():
        config.write_text(profile)
        with pytest.MonkeyPatch.context() as patch:
            for name, value in {**environment, "AWS_CONFIG_FILE": str(config)}.items():
                patch.setenv(name, value)
            assert Cloud(Clock(), region="eu-west-1", **options).is_near is near, way  # type: ignore[arg-type]


def test_only_what_is_near_is_asked_as_often_as_one_likes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"AWS_ENDPOINT_URL_SAGEMAKER": LOOPBACK, **KEYS}.items():
        monkeypatch.setenv(name, value)
    clock = Clock()
    made = Cloud(clock, region="eu-west-1")
    with Simulator.open() as simulator:
        for service in ("sagemaker", "sts"):
            made._client(service).meta.events.register("before-send.*", simulator.before_send)
        for _ in range(BURST + 5):
            made.read("ListModels", {})
        assert clock.slept == []
        for _ in range(BURST + 5):
            made.read("GetCallerIdentity", {})
    assert clock.slept != []


def test_a_url_that_is_none_is_told_before_any_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "127.0.0.1:5010")
    with pytest.raises(CredentialsError, match=r"127\.0\.0\.1:5010"):
        Cloud(Clock(), region="eu-west-1").is_near  # noqa: B018
