"""GitHub's API as a client must treat it: pages, limits, redirects, refusals; and one comment that stays one."""

from __future__ import annotations

import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from mmeplan.cloud import comments as module
from mmeplan.cloud.aws import Cloud
from mmeplan.cloud.comments import LIMIT, Marker, Posted, Run, close, issue, post, pull_request, withdraw
from mmeplan.cloud.github import GitHub
from mmeplan.cloud.rest import ATTEMPTS, LONGEST_WAIT_S
from mmeplan.errors import CloudError, ConnectionFailedError, InputError
from mmeplan.render.markup import NOTICE, fitted
from tests.flow.clock import Clock
from tests.flow.fake_github import FakeGitHub, Forced, serving

MARKER = "<!-- mmeplan:fleet=prices;environment=prod -->"
OTHER = "<!-- mmeplan:fleet=prices;environment=test -->"
BODY = (
    f"{MARKER}\n\n## prices: 1 to create\n\n<sub>Plan `1` · live side read at `2026-01-01 10:00 UTC` · mmeplan</sub>\n"
)
ME, BOT = "ghs_secret", "github-actions[bot]"
COMMENTS = r"/repos/acme/fleets/issues/7/comments"
PLACE = pull_request("acme/fleets", 7)


@pytest.fixture
def fake() -> Iterator[FakeGitHub]:
    with serving(FakeGitHub()) as github:
        github.user(ME, BOT, bot=True)
        yield github


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def client(fake: FakeGitHub, clock: Clock) -> GitHub:
    return GitHub(clock, ME, fake.url)


def posted(client: GitHub, body: str = BODY, **about: str) -> Posted:
    return post(client, PLACE, body, fitted, **about)


@contextmanager
def untrusted(folder: Path) -> Iterator[tuple[str, list[int]]]:
    """A server whose certificate nobody knows, and how often it was asked for one."""
    key, name = (
        ec.generate_private_key(ec.SECP256R1()),
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")]),
    )
    start = datetime(2026, 1, 1, tzinfo=UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(start).not_valid_after(start + timedelta(days=36_500))
    pem = made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
    pem += key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "server.pem").write_bytes(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    asked: list[int] = []

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

        def finish_request(self, request: Any, client_address: Any) -> None:
            asked.append(1)
            with suppress(OSError), context.wrap_socket(request, server_side=True) as secured:
                secured.recv(1)

    with Server(("127.0.0.1", 0), socketserver.BaseRequestHandler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"https://localhost:{server.server_address[1]}", asked
        server.shutdown()
        thread.join()


def test_a_missing_ca_fails_at_once_and_its_variable_is_named(clock: Clock, tmp_path: Path) -> None:
    with untrusted(tmp_path) as (url, asked):
        with pytest.raises(ConnectionFailedError) as failed:
            GitHub(clock, ME, url).call("GET", "/rate_limit")
        assert "SSL_CERT_FILE" in failed.value.hint
        assert (len(asked), clock.slept) == (1, [])
        cloud = Cloud(clock, region="eu-west-1", endpoint_url=url)
        keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
        with patch.dict("os.environ", keys), pytest.raises(CloudError) as refused:
            cloud.read("ListModels", {})
        assert refused.value.code == "UntrustedCertificate"
        assert "AWS_CA_BUNDLE" in refused.value.hint
        assert (len(asked), clock.slept) == (2, [])


# --- one comment ------------------------------------------------------------------------------------------------------


def test_the_first_run_creates_the_comment(fake: FakeGitHub, client: GitHub) -> None:
    assert posted(client).done == "created"
    assert [item["body"] for item in fake.comments[7]] == [BODY]


def test_a_second_run_with_the_same_plan_sends_nothing(fake: FakeGitHub, client: GitHub) -> None:
    posted(client)
    later = BODY.replace("10:00", "11:30").replace("\n", "\r\n")
    assert posted(client, later).done == "unchanged"
    assert [request.method for request in fake.sent()] == ["POST"]


def test_a_changed_plan_is_changed_in_place(fake: FakeGitHub, client: GitHub) -> None:
    posted(client)
    first = fake.comments[7][0]["id"]
    assert posted(client, BODY.replace("1 to create", "2 to create")).done == "updated"
    assert [(item["id"], "2 to create" in item["body"]) for item in fake.comments[7]] == [(first, True)]


def test_a_marker_alone_makes_no_comment_ours(fake: FakeGitHub, client: GitHub) -> None:
    """Another bot, a person of nearly our name, a quotation of ours, and another environment's are left alone."""
    theirs = [
        fake.comment(7, "other-bot[bot]", BODY, bot=True),
        fake.comment(7, "github-actions", BODY),
        fake.comment(7, "ann", f"> look:\n\n{BODY}"),
        fake.comment(7, BOT, f"I quote: {BODY}", bot=True),
        fake.comment(7, BOT, BODY.replace(MARKER, OTHER), bot=True),
    ]
    before = [item["body"] for item in theirs]
    assert posted(client, BODY + "new").done == "created"
    assert [item["body"] for item in fake.comments[7][:5]] == before
    assert posted(client, BODY + "newer").done == "updated"
    assert [item["body"] for item in fake.comments[7]] == [*before, BODY + "newer"]


@pytest.mark.parametrize("at", [0, 99, 100, 231])
def test_ours_is_found_on_whatever_page_it_is(fake: FakeGitHub, client: GitHub, at: int) -> None:
    for number in range(232):
        ours = number == at
        fake.comment(7, BOT if ours else "ann", BODY if ours else "hm", bot=ours)
    assert posted(client, BODY + "new").done == "updated"
    assert len(fake.comments[7]) == 232
    assert fake.comments[7][at]["body"] == BODY + "new"


def test_a_login_may_be_given(fake: FakeGitHub, client: GitHub) -> None:
    fake.comment(7, "fleet-app[bot]", BODY, bot=True)
    assert posted(client, BODY + "new", author="fleet-app").done == "updated"
    assert not any(request.path == "/graphql" for request in fake.requests)


def test_who_we_are_is_the_actions_bot_where_github_does_not_tell(fake: FakeGitHub, client: GitHub) -> None:
    fake.forced.append(Forced("POST", "/graphql", 403, {"message": "Resource not accessible by integration"}))
    fake.comment(7, BOT, BODY, bot=True)
    assert posted(client).done == "unchanged"


def test_a_comment_that_was_deleted_meanwhile_is_made_anew(fake: FakeGitHub, client: GitHub) -> None:
    fake.comment(7, BOT, BODY, bot=True)
    fake.forced.append(Forced("PATCH", ".*", 404, {"message": "Not Found"}))
    assert posted(client, BODY + "new").done == "created"


# --- length -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("char", ["x", "é", "🚀"])
def test_no_body_is_too_long(fake: FakeGitHub, client: GitHub, char: str) -> None:
    long = f"{MARKER}\n\n## prices\n\n" + "".join(f"- {char * 99}\n" for _ in range(2_000))
    assert posted(client, long).done == "created"
    sent = fake.comments[7][0]["body"]
    assert len(sent.encode("utf-16-le")) // 2 <= LIMIT
    assert sent.startswith(MARKER)
    assert sent.endswith(f"{NOTICE}\n")
    assert posted(client, long).done == "unchanged"


def test_a_body_that_github_finds_too_long_after_all_is_halved(fake: FakeGitHub, client: GitHub) -> None:
    fake.limit = 40_000
    assert posted(client, BODY + "- x\n" * 15_000).done == "created"
    assert len(fake.comments[7][0]["body"]) <= LIMIT // 2


WRONG_HOUR = {  # what the limit is, by GitHub's own clock, where ours is wrong by an hour
    "X-RateLimit-Remaining": "0",
    "X-RateLimit-Reset": "1767229290",
    "Date": "Thu, 01 Jan 2026 01:00:00 GMT",
}


# --- trouble ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "headers", "body", "waits"),
    [
        (429, {"Retry-After": "17"}, {}, 17),
        (403, {"Retry-After": "60"}, {"message": "You have exceeded a secondary rate limit"}, 60),
        (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1767225690"}, {"message": "API rate limit"}, 90),
        (403, WRONG_HOUR, {"message": "API rate limit"}, 90),
        (403, {}, {"message": "You have exceeded a secondary rate limit."}, 60),
        (429, {}, {}, 60),
    ],
)
def test_a_limit_is_waited_for_as_github_asks(
    fake: FakeGitHub,
    client: GitHub,
    clock: Clock,
    status: int,
    headers: dict[str, str],
    body: dict[str, str],
    waits: int,
) -> None:
    fake.forced.append(Forced("POST", COMMENTS, status, body, headers))
    assert posted(client).done == "created"
    assert clock.slept == [waits]
    assert len(fake.comments[7]) == 1


def test_a_limit_that_lasts_too_long_is_told(fake: FakeGitHub, client: GitHub, clock: Clock) -> None:
    late = {"Retry-After": str(int(LONGEST_WAIT_S) + 1)}
    fake.forced.append(Forced("GET", COMMENTS, 429, {"message": "Slow down"}, late))
    with pytest.raises(CloudError, match=r"Slow down \(GitHub asks to wait 5 min\)"):
        posted(client)
    assert clock.slept == []


@pytest.mark.parametrize("status", [500, 502, 0])
def test_reads_and_changes_are_repeated(fake: FakeGitHub, client: GitHub, clock: Clock, status: int) -> None:
    fake.comment(7, BOT, BODY, bot=True)
    fake.forced += [Forced("GET", COMMENTS, status), Forced("PATCH", ".*", status), Forced("POST", "/graphql", status)]
    assert posted(client, BODY + "new").done == "updated"
    assert clock.slept == [1, 1, 1]


@pytest.mark.parametrize("status", [502, 0])
@pytest.mark.parametrize("act", [True, False])
def test_a_lost_answer_makes_no_second_comment(fake: FakeGitHub, client: GitHub, status: int, act: bool) -> None:
    fake.forced.append(Forced("POST", COMMENTS, status, act=act))
    posted(client)
    assert [item["body"] for item in fake.comments[7]] == [BODY]


def test_an_api_that_never_answers_is_told(fake: FakeGitHub, client: GitHub, clock: Clock) -> None:
    fake.forced += [Forced("GET", COMMENTS, 0)] * ATTEMPTS
    with pytest.raises(ConnectionFailedError, match="no answer"):
        posted(client)
    assert clock.slept == [1, 2, 4, 8]


def test_a_refusal_is_not_repeated(fake: FakeGitHub, client: GitHub) -> None:
    fake.user(ME, BOT, bot=True, writes=False)
    with pytest.raises(CloudError, match="Resource not accessible by integration") as refused:
        posted(client)
    assert refused.value.status == 403
    assert len(fake.sent()) == 1


def test_a_renamed_repository_is_followed(fake: FakeGitHub, client: GitHub) -> None:
    fake.forced.append(Forced("POST", COMMENTS, 307, headers={"Location": f"{fake.url}{COMMENTS}"}))
    fake.forced.append(Forced("GET", COMMENTS, 301, headers={"Location": f"{COMMENTS}?per_page=100"}))
    assert posted(client).done == "created"
    assert fake.comments[7][0]["body"] == BODY


def test_the_token_goes_to_no_other_host(fake: FakeGitHub, client: GitHub) -> None:
    with serving(FakeGitHub()) as other:
        for elsewhere in (Forced("GET", COMMENTS, 302, headers={"Location": f"{other.url}{COMMENTS}"}),):
            fake.forced.append(elsewhere)
            with pytest.raises(CloudError, match="another host"):
                posted(client)
        link = {"Link": f'<{other.url}/x>; rel="next"'}
        fake.forced.append(Forced("GET", COMMENTS, 200, [], link))  # type: ignore[arg-type]
        with pytest.raises(CloudError, match="another host"):
            posted(client)
        assert other.requests == []


@pytest.mark.parametrize(
    "url", ["http://api.github.com", "ftp://x", "file:///etc/passwd", "http://127.0.0.1.evil.example"]
)
def test_the_token_is_not_sent_in_the_clear(clock: Clock, url: str) -> None:
    with pytest.raises(InputError, match="https"):
        GitHub(clock, ME, url)


@pytest.mark.parametrize("token", ["", " ", "a b", "a\nX-Other: 1", "ä"])
def test_what_is_no_token_is_not_sent(clock: Clock, token: str) -> None:
    with pytest.raises(InputError, match="not a token") as refused:
        GitHub(clock, token)
    assert token.strip() == "" or token not in str(refused.value)


def test_the_graphql_of_an_enterprise_server_stands_beside_its_rest(clock: Clock) -> None:
    client = GitHub(clock, ME, "https://git.acme.example/api/v3/")
    assert client.url.removesuffix("/v3") + "/graphql" == "https://git.acme.example/api/graphql"


# --- issues -----------------------------------------------------------------------------------------------------------


def test_an_issue_is_opened_updated_and_closed(fake: FakeGitHub, client: GitHub) -> None:
    fake.issue("ann", "Drift in prod", BODY, labels=["mmeplan"])
    fake.issue(BOT, "a pull request", BODY, bot=True, labels=["mmeplan"], pull_request={})
    place = issue("acme/fleets", "Drift in prod")
    assert post(client, place, BODY, fitted).done == "created"
    fake.issues[-1]["labels"] = []  # somebody took the label away
    assert post(client, place, BODY, fitted).done == "unchanged"
    assert post(client, place, BODY + "more", fitted).done == "updated"
    assert close(client, place, Marker.of(MARKER)).done == "closed"
    assert close(client, place, Marker.of(MARKER)).done == "nothing to close"
    assert [(item["state"], item["body"]) for item in fake.issues] == [
        ("open", BODY),
        ("open", BODY),
        ("closed", BODY + "more"),
    ]
    assert post(client, place, BODY, fitted).done == "created"


def test_the_time_of_the_read_is_what_a_plan_says() -> None:
    """What is left out when two comments are compared is what the footer writes."""
    assert module._READ_AT.search("live side read at `2026-01-01 10:00 UTC`")


# --- proxies ----------------------------------------------------------------------------------------------------------


def test_calls_go_through_the_proxy_that_the_environment_names(
    fake: FakeGitHub, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proxy is asked for the API's own URL; here it answers in its place."""
    monkeypatch.setenv("http_proxy", fake.url)
    monkeypatch.delenv("no_proxy", raising=False)
    client = GitHub(clock, ME, "http://localhost:9")
    assert posted(client).done == "created"
    assert {request.headers["host"] for request in fake.requests} == {"localhost:9"}


def test_a_host_that_needs_no_proxy_is_asked_itself(
    fake: FakeGitHub, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert posted(GitHub(clock, ME, fake.url)).done == "created"


def test_a_proxy_is_told_its_own_credentials_and_never_the_token(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "user:p%40ss@proxy.example:3128")
    monkeypatch.delenv("no_proxy", raising=False)
    connections = GitHub(clock, ME)._connections
    assert connections.proxy.url.endswith("proxy.example:3128")
    assert connections.proxy_headers == {"proxy-authorization": "Basic dXNlcjpwQHNz"}


def test_a_limit_that_asks_for_nothing_readable_is_waited_for_a_minute(
    fake: FakeGitHub, client: GitHub, clock: Clock
) -> None:
    """urllib3 would raise for a Retry-After that is neither a number nor a date."""
    fake.forced.append(Forced("GET", COMMENTS, 429, {}, {"Retry-After": "soon"}))
    assert posted(client).done == "created"
    assert clock.slept == [60]


def test_too_many_redirects_end_as_an_error(fake: FakeGitHub, client: GitHub, clock: Clock) -> None:
    fake.forced += [Forced("GET", COMMENTS, 301, headers={"Location": f"{fake.url}{COMMENTS}"})] * 9
    with pytest.raises(CloudError) as refused:
        posted(client)
    assert refused.value.status == 301
    assert clock.slept == []


# --- which comment ----------------------------------------------------------------------------------------------------


def about(*, run: str = "", more: str = "", **members: str) -> str:
    """A plan's text about a deployment: a region's, an account's, a file's."""
    named = {"fleet": "prices", "environment": "prod", **members}
    pairs = ";".join(f"{name}={value}" for name, value in named.items())
    return f"<!-- mmeplan:{pairs} -->\n{run}\n## prices {more}\n"


@pytest.mark.parametrize("member", ["region", "account", "path", "key"])
def test_what_tells_two_deployments_apart_gives_each_a_comment(fake: FakeGitHub, client: GitHub, member: str) -> None:
    one, two = about(fleet="prices", path="a"), about(fleet="prices", path="a")
    one, two = one.replace(" -->", f";{member}=1 -->"), two.replace(" -->", f";{member}=2 -->")
    if member == "path":
        one, two = about(path="a.yaml"), about(path="b.yaml")
    assert post(client, PLACE, one, fitted, run=Run(5, 1, "a" * 40)).done == "created"
    assert post(client, PLACE, two, fitted, run=Run(5, 1, "a" * 40)).done == "created"
    for body in (one, two):
        assert post(client, PLACE, body + "more", fitted, run=Run(6, 1, "b" * 40)).done == "updated"
    assert len(fake.comments[7]) == 2


def test_a_comment_of_before_is_found_by_fleet_and_environment(fake: FakeGitHub, client: GitHub) -> None:
    fake.comment(7, BOT, about(), bot=True)
    assert post(client, PLACE, about(region="eu-west-1", path="fleet.yaml"), fitted).done == "updated"
    assert post(client, PLACE, about(region="us-east-1", path="fleet.yaml"), fitted).done == "created"
    assert len(fake.comments[7]) == 2


@pytest.mark.parametrize(
    "later",
    [
        about(fleet="", path="fleet.yaml"),
        about(fleet="costs", path="fleet.yaml", region="eu-west-1"),
        about(fleet="prices", path="fleets/prices.yaml", region="eu-west-1"),
    ],
    ids=["no name is known", "renamed", "moved"],
)
def test_a_fleet_that_was_renamed_or_moved_or_can_not_be_read_keeps_its_comment(
    fake: FakeGitHub, client: GitHub, later: str
) -> None:
    post(client, PLACE, about(path="fleet.yaml", region="eu-west-1"), fitted, run=Run(5, 1, "a" * 40))
    assert post(client, PLACE, later, fitted, run=Run(6, 1, "b" * 40)).done == "updated"
    assert len(fake.comments[7]) == 1


def test_a_fleet_that_can_not_be_planned_leaves_the_comment_of_another_file_of_its_name(
    fake: FakeGitHub, client: GitHub
) -> None:
    dev = about(path="dev/fleet.yaml", region="eu-west-1", account="111111111111")
    post(client, PLACE, dev, fitted, run=Run(5, 1, "a" * 40))
    prod = about(path="prod/fleet.yaml", region="eu-west-1")  # its credentials failed, so its account isn't known
    assert post(client, PLACE, prod, fitted, run=Run(6, 1, "b" * 40)).done == "created"
    assert len(fake.comments[7]) == 2


def test_another_plan_of_the_same_run_is_not_overwritten(fake: FakeGitHub, client: GitHub) -> None:
    run = Run(5, 1, "a" * 40)
    post(client, PLACE, about(more="one"), fitted, run=run)
    with pytest.raises(InputError, match="another plan of this run") as refused:
        post(client, PLACE, about(more="two"), fitted, run=run)
    assert "comment-key" in refused.value.problems[0].hint
    assert "one" in fake.comments[7][0]["body"]
    assert post(client, PLACE, about(more="one"), fitted, run=run).done == "unchanged"
    assert post(client, PLACE, about(more="two"), fitted, run=Run(5, 2, "a" * 40)).done == "updated"


def test_a_clean_night_in_one_region_leaves_the_issue_of_another(fake: FakeGitHub, client: GitHub) -> None:
    place = issue("acme/fleets", "Drift")
    post(client, place, about(region="eu-west-1"), fitted)
    assert close(client, place, Marker.of(about(region="us-east-1"))).done == "nothing to close"
    assert close(client, place, Marker.of(about(region="eu-west-1"))).done == "closed"


@pytest.mark.parametrize(
    ("run", "done"),
    [
        (Run(5, 1, "a" * 40), "kept"),
        (Run(5, 2, "a" * 40), "kept"),
        (Run(5, 2, "b" * 40), "updated"),
        (Run(7, 1, "a" * 40), "updated"),
        (Run(6, 2, "b" * 40), "updated"),
        (Run(), "updated"),
    ],
)
def test_an_older_run_never_overwrites_a_newer_one(fake: FakeGitHub, client: GitHub, run: Run, done: str) -> None:
    post(client, PLACE, about(more="new"), fitted, run=Run(6, 1, "b" * 40))
    assert post(client, PLACE, about(more="other"), fitted, run=run).done == done
    assert ("new" in fake.comments[7][0]["body"]) is (done == "kept")


# --- what doesn't hold any more ---------------------------------------------------------------------------------------


def test_doubles_are_folded_once_and_the_plan_stands_in_one(fake: FakeGitHub, client: GitHub) -> None:
    for _ in range(3):
        fake.comment(7, BOT, about(path="a.yaml"), bot=True)
    fake.comment(7, "ann", about(path="a.yaml"))
    post(client, PLACE, about(path="a.yaml", more="new"), fitted, run=Run(6, 1, "b" * 40))
    first, second, third, hers = fake.comments[7]
    assert "prices new" in first["body"]
    for double in (second, third):
        assert first["html_url"] in double["body"]
        assert "## prices" not in double["body"]
    assert hers["body"] == about(path="a.yaml")
    sent = len(fake.sent())
    assert post(client, PLACE, about(path="a.yaml", more="newer"), fitted, run=Run(7, 1, "c" * 40)).done == "updated"
    assert "prices newer" in first["body"]
    assert len(fake.sent()) == sent + 1


def test_a_comment_of_an_earlier_release_beside_a_newer_one_is_folded(fake: FakeGitHub, client: GitHub) -> None:
    fake.comment(7, BOT, about(), bot=True)
    fake.comment(7, BOT, about(path="a.yaml", region="eu-west-1"), bot=True)
    fake.comment(7, BOT, about(path="a.yaml", region="us-east-1"), bot=True)
    text = about(path="a.yaml", region="eu-west-1", more="new")
    assert post(client, PLACE, text, fitted, run=Run(6, 1, "b" * 40)).done == "updated"
    early, ours, elsewhere = (item["body"] for item in fake.comments[7])
    assert "another comment" in early
    assert "prices new" in ours
    assert elsewhere == about(path="a.yaml", region="us-east-1")


def test_what_is_not_due_is_withdrawn_and_comes_back(fake: FakeGitHub, client: GitHub) -> None:
    texts = [about(path="a.yaml"), about(path="b.yaml"), about(path="c.yaml", key="k"), about(environment="test")]
    for text in texts:
        post(client, PLACE, text, fitted, run=Run(5, 1, "a" * 40))
    of = Marker({"environment": "prod", "key": ""})

    def withdrawn(run: Run, *due: str) -> int:
        return len(withdraw(client, PLACE, of, due, lambda marker: f"gone: {marker.get('path')}", run=run))

    assert withdrawn(Run(4, 1, "9" * 40)) == 0, "an older run"
    assert withdrawn(Run(6, 1, "b" * 40), "b.yaml") == 1
    assert withdrawn(Run(6, 1, "b" * 40), "b.yaml") == 0
    assert [("gone: a.yaml" in item["body"], "## prices" in item["body"]) for item in fake.comments[7]] == [
        (True, False),
        (False, True),
        (False, True),
        (False, True),
    ]
    back = post(client, PLACE, about(path="a.yaml", more="again"), fitted, run=Run(7, 1, "c" * 40))
    assert back.done == "updated"
    assert len(fake.comments[7]) == 4
    assert "again" in fake.comments[7][0]["body"]
