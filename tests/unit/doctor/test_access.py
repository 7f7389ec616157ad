"""What is said of the way to AWS: each state, and what to type next."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from mmeplan.cloud.surroundings import Heard, Keys, Surroundings
from mmeplan.doctor import access
from mmeplan.engine import FoundLock
from mmeplan.errors import CloudError, ConnectionFailedError, CredentialsError, MmeplanError
from mmeplan.render import CheckRow

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ahead_s", "state", "said"),
    [
        (0, "ok", "agrees"),
        (-59, "ok", "59 s"),
        (61, "warning", "61 s ahead of"),
        (-299, "warning", "5 min behind"),
        (300, "error", "5 min ahead of"),
        (-90000, "error", "25 h behind"),
    ],
)
def test_a_clock_is_wrong_from_where_signatures_are_refused(ahead_s: float, state: str, said: str) -> None:
    row = access.clock(Heard(403, ahead_s, True))
    assert (row.state, said in row.said) == (state, True), row.said
    assert bool(row.next) is (state != "ok")


@pytest.mark.parametrize("heard", [Heard(403, None, True), MmeplanError("no"), TimeoutError()])
def test_without_a_date_nothing_is_said_of_the_clock(heard: Heard | MmeplanError | TimeoutError) -> None:
    assert access.clock(heard).state == "skipped"


def of_keys(found: Keys | MmeplanError | TimeoutError | None) -> CheckRow:
    return access.credentials(Surroundings(), found, NOON)


def ends(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


CREDENTIALS = [
    (None, "error", "export AWS_PROFILE=NAME"),
    (TimeoutError(), "error", ""),
    (CredentialsError("Error loading SSO Token: Token for x does not exist"), "error", "aws sso login"),
    (CredentialsError("Credentials were refreshed, but are still expired"), "error", "aws configure list"),
    (Keys("env", None), "ok", ""),
    (Keys("env", ends(30)), "warning", ""),
    (Keys("env", ends(90)), "ok", ""),
    (Keys("sso", ends(30)), "ok", ""),
    (Keys("sso", ends(-1)), "error", "aws sso login"),
    (Keys("something-new", None), "ok", ""),
]


@pytest.mark.parametrize(("found", "state", "following"), CREDENTIALS, ids=str)
def test_credentials(found: Keys | MmeplanError | TimeoutError | None, state: str, following: str) -> None:
    row = of_keys(found)
    assert (row.state, row.next) == (state, following), row.said


def test_a_profile_is_named_where_it_is_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "deploy")
    error = CredentialsError("The SSO session associated with this profile has expired")
    assert of_keys(error).next == "aws sso login --profile deploy"
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "A")
    row = of_keys(Keys("env", None))
    assert (row.state, "win over AWS_PROFILE=deploy" in row.said) == ("warning", True)


@pytest.mark.parametrize(("wanted", "state"), [(None, "ok"), ("123456789012", "ok"), ("210987654321", "error")])
def test_the_account_is_the_one_of_the_fleet(wanted: str | None, state: str) -> None:
    row = access.account("123456789012", wanted, "arn:aws:iam::123456789012:user/ann")
    assert (row.state, "user/ann" in row.said) == (state, True)


@pytest.mark.parametrize(
    ("name", "variable", "state", "said"),
    [
        ("eu-west-1", "", "ok", "eu-west-1 (fleet.yaml)"),
        ("eu-west-1", "eu-west-1", "ok", ""),
        ("eu-west-1", "us-east-1", "warning", "AWS_REGION says us-east-1, which boto3 doesn't read"),
        ("eu-wset-1", "", "error", "did you mean eu-west-1"),
        ("", "", "error", "pass --region"),
        ("", "eu-west-1", "error", "boto3 doesn't read"),
    ],
)
def test_the_region(name: str, variable: str, state: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if variable:
        monkeypatch.setenv("AWS_REGION", variable)
    row = access.region(Surroundings(), name, "fleet.yaml")
    assert (row.state, said in row.said) == (state, True), row.said
    if not name and variable:
        assert row.next == "export AWS_DEFAULT_REGION=eu-west-1"


def test_a_region_without_sagemaker_may_only_be_newer_than_botocore(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Surroundings, "has_sagemaker", lambda *_: False)
    assert access.region(Surroundings(), "eu-west-1", "fleet.yaml").state == "warning"


def test_a_proxy_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://ann:s3cr3t@proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "")
    (row,) = access.proxies(Surroundings(), "eu-west-1")
    assert row.state == "ok"
    assert "http://proxy.example:3128" in row.said
    assert "s3cr3t" not in row.said
    monkeypatch.setenv("NO_PROXY", "amazonaws.com")
    (row,) = access.proxies(Surroundings(), "eu-west-1")
    assert "no proxy" in row.said


@pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"])
def test_a_file_of_cas_that_is_not_there_is_an_error(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, "/nowhere/ca.pem")
    (row,) = access.proxies(Surroundings(), "eu-west-1")
    assert (row.state, row.next) == ("error", f"unset {variable}")


LOCK = "s3://b/k"
FOUND = FoundLock(LOCK, "ann@host (pid 1), `mmeplan apply`\n  since 2026", True, False, None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("found", "state", "following"),
    [
        (None, "ok", ""),
        (FOUND, "warning", "mmeplan unlock s3://b/k"),
        (FoundLock(LOCK, "something", False, False, None), "error", ""),  # type: ignore[arg-type]
        (CloudError("GetObject", "AccessDenied", "no", status=403), "warning", ""),
        (CloudError("GetObject", "NoSuchBucket", "no", status=404), "error", "aws s3 mb s3://b"),
        (ConnectionFailedError("GetObject", "no"), "error", ""),
        (TimeoutError(), "error", ""),
    ],
    ids=str,
)
def test_the_lock(found: FoundLock | Exception | None, state: str, following: str) -> None:
    def find() -> FoundLock | None:
        if isinstance(found, Exception):
            raise found
        return found

    row = access.lock(LOCK, find, "mmeplan unlock s3://b/k")
    assert (row.state, row.next) == (state, following), row.said
    if found is FOUND:
        assert "ann@host" in row.said


@pytest.mark.parametrize(
    ("heard", "url", "state"),
    [
        (Heard(403, 0, True), "", "ok"),
        (Heard(200, 0, False), "", "warning"),
        (Heard(200, 0, False), "http://127.0.0.1:5010", "ok"),
        (ConnectionFailedError("ListModels", "no"), "", "error"),
        (TimeoutError(), "http://127.0.0.1:5010", "error"),
    ],
    ids=str,
)
def test_the_endpoint(
    heard: Heard | MmeplanError | TimeoutError, url: str, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    row = access.endpoint(Surroundings(), "eu-west-1", heard)
    assert row.state == state
    assert (url or "https://api.sagemaker.eu-west-1.amazonaws.com") in row.said


def test_a_simulated_sagemaker_beside_the_real_sts_is_worth_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER", "http://127.0.0.1:5010")
    row = access.endpoint(Surroundings(), "eu-west-1", Heard(200, None, True))
    assert (row.state, row.next) == ("warning", "export AWS_ENDPOINT_URL=http://127.0.0.1:5010")


def test_a_url_that_is_none_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "127.0.0.1:5010")
    row = access.endpoint(Surroundings(), "eu-west-1", MmeplanError("no"))
    assert (row.state, row.next) == ("error", "unset AWS_ENDPOINT_URL")
    assert [row.name for row in access.proxies(Surroundings(), "eu-west-1")] == ["network"]


PASSWORDS = ["s3/cr3t", "s3@cr3t", "s3/@/cr3t", "//s3cr3t@", "s3cr3t"]


@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize("scheme", ["http://", "https://"])
def test_no_part_of_a_password_is_shown(password: str, scheme: str) -> None:
    assert access.without_user(f"{scheme}ann:{password}@proxy.example:3128") == f"{scheme}proxy.example:3128"


@pytest.mark.parametrize("password", PASSWORDS)
def test_no_message_of_botocore_shows_a_password(password: str) -> None:
    said = f'Failed to connect to "https://ann:{password}@sts.example/x" for ann@example.com'
    rows = [
        of_keys(CredentialsError(said)),
        access.no_identity(Surroundings(), "eu-west-1", CloudError("GetCallerIdentity", "Refused", said)),
        access.no_identity(Surroundings(), "eu-west-1", ConnectionFailedError("GetCallerIdentity", said)),
        *(access.lock("s3://b/l", raising(error), "u") for error in (CloudError("GetObject", "403", said),)),
        *(access.lock("s3://b/l", raising(error), "u") for error in (CloudError("GetObject", "Odd", said),)),
        access.lock("s3://b/l", raising(MmeplanError(said)), "u"),
    ]
    assert not [row.said for row in rows if "cr3t" in row.said or "ann:" in row.said]
    assert all("sts.example/x" in row.said for row in rows)


def raising(error: MmeplanError) -> Callable[[], FoundLock | None]:
    def find() -> FoundLock | None:
        raise error

    return find
