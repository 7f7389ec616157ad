"""`mmeplan comment` as a user meets it: what the event tells, what is missing, a token that may not write."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from mmeplan.cli import comment
from tests.cli.running import Result, mmeplan
from tests.flow.clock import Clock
from tests.flow.fake_github import FakeGitHub, Forced, serving

TOKEN, BOT = "ghs_secret", "github-actions[bot]"
BODY = "<!-- mmeplan:fleet=prices;environment= -->\n\n## prices\n"


@pytest.fixture
def github(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGitHub]:
    """A workflow's step for pull request 7, with the plan in plan.md."""
    (tmp_path / "plan.md").write_text(BODY)
    (tmp_path / "event.json").write_text(json.dumps({"pull_request": {"number": 7}}))
    with serving(FakeGitHub()) as fake:
        fake.user(TOKEN, BOT, bot=True)
        for name in ("GH_TOKEN", "GITHUB_REF"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
        monkeypatch.setenv("GITHUB_API_URL", fake.url)
        monkeypatch.setenv("GITHUB_REPOSITORY", fake.repository)
        monkeypatch.setenv("GITHUB_EVENT_PATH", str(tmp_path / "event.json"))
        monkeypatch.setattr(comment, "SystemClock", Clock)
        yield fake


def commented(folder: Path, options: str = "") -> Result:
    return mmeplan(f"comment --file plan.md {options}", folder)


def test_the_event_says_which_pull_request(tmp_path: Path, github: FakeGitHub) -> None:
    ended = commented(tmp_path)
    assert (ended.code, ended.stderr) == (0, "")
    assert ended.stdout.startswith("created: https://github.example/acme/fleets/pull/7#issuecomment-")
    assert commented(tmp_path).stdout.startswith("unchanged: ")
    assert [item["body"] for item in github.comments[7]] == [BODY]


def test_so_does_the_ref(tmp_path: Path, github: FakeGitHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_EVENT_PATH")
    monkeypatch.setenv("GITHUB_REF", "refs/pull/9/merge")
    assert commented(tmp_path).code == 0
    assert list(github.comments) == [9]


def test_a_merge_queue_names_the_pull_request_in_its_branch(tmp_path: Path, github: FakeGitHub) -> None:
    ref = f"refs/heads/gh-readonly-queue/release/1.0/pr-12-{'a' * 40}"
    (tmp_path / "event.json").write_text(json.dumps({"merge_group": {"head_ref": ref}}))
    assert commented(tmp_path).code == 0
    assert list(github.comments) == [12]


def test_options_win(tmp_path: Path, github: FakeGitHub) -> None:
    github.repository = "acme/other"
    assert commented(tmp_path, "--repo acme/other --pull-request 12").code == 0
    assert list(github.comments) == [12]


def test_an_issue(tmp_path: Path, github: FakeGitHub) -> None:
    assert commented(tmp_path, "--issue Drift").stdout.startswith("created: ")
    assert commented(tmp_path, "--issue Drift --close").stdout.startswith("closed: ")
    assert commented(tmp_path, "--issue Drift --close").stdout == "nothing to close\n"
    assert [(item["title"], item["state"]) for item in github.issues] == [("Drift", "closed")]


@pytest.mark.parametrize(("choice", "code"), [("", 1), ("--if-denied fail", 1), ("--if-denied warn", 0)])
def test_a_token_that_only_reads(tmp_path: Path, github: FakeGitHub, choice: str, code: int) -> None:
    github.user(TOKEN, BOT, bot=True, writes=False)
    ended = commented(tmp_path, choice)
    assert (ended.code, ended.stdout) == (code, "")
    assert "Resource not accessible by integration" in ended.stderr
    assert "`pull-requests: write`" in ended.stderr
    assert "fork" in ended.stderr
    assert TOKEN not in ended.stderr


def test_a_wrong_token_is_an_error_whatever_is_allowed(tmp_path: Path, github: FakeGitHub) -> None:
    github.users.clear()
    ended = commented(tmp_path, "--if-denied warn")
    assert ended.code == 1
    assert "Bad credentials" in ended.stderr


@pytest.mark.parametrize(
    ("name", "value", "options", "told"),
    [
        ("GITHUB_TOKEN", "", "", "GITHUB_TOKEN isn't set"),
        ("GITHUB_REPOSITORY", "", "", "the repository isn't known"),
        ("GITHUB_REPOSITORY", "acme/../x", "", "is no repository"),
        ("GITHUB_REPOSITORY", "acme/..", "", "is no repository"),
        ("GITHUB_EVENT_PATH", "", "", "this is no pull request's run"),
        ("GITHUB_EVENT_PATH", "/nonexistent", "", "this is no pull request's run"),
        ("GITHUB_API_URL", "http://api.example.com", "", "over https only"),
        ("X", "", "--close", "--close is about an issue"),
        ("X", "", "--file missing.md", "missing.md  error  can't be read"),
        ("X", "", "--file event.json", "doesn't begin with mmeplan's hidden marker"),
        ("X", "", "--pull-request 0", "x>=1"),
    ],
)
def test_what_is_missing_is_said(
    tmp_path: Path,
    github: FakeGitHub,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: str,
    options: str,
    told: str,
) -> None:
    monkeypatch.setenv(name, value)
    ended = commented(tmp_path, options)
    assert ended.code in (1, 2)
    assert told in ended.stderr
    assert github.sent() == []


@pytest.mark.parametrize(
    ("missing", "options", "hint", "variables", "followed"),
    [
        (
            "GITHUB_TOKEN",
            "",
            "in a workflow: env: {GITHUB_TOKEN: ${{ github.token }}}",
            {"GITHUB_TOKEN": TOKEN},
            "",
        ),
        ("GITHUB_REPOSITORY", "", "say which: --repo OWNER/NAME", {}, "--repo acme/fleets"),
        ("GITHUB_EVENT_PATH", "", "say which: --pull-request NUMBER", {}, "--pull-request 7"),
        ("", "--close", "name it: --issue TITLE", {}, "--close --issue Drift"),
        ("", "--file missing.md", "mmeplan plan --write md=FILE writes it", {}, ""),
    ],
)
def test_what_is_said_of_what_is_missing_leads_to_a_comment(
    tmp_path: Path,
    github: FakeGitHub,
    monkeypatch: pytest.MonkeyPatch,
    missing: str,
    options: str,
    hint: str,
    variables: dict[str, str],
    followed: str,
) -> None:
    monkeypatch.setenv(missing or "X", "")
    assert hint in " ".join(commented(tmp_path, options).stderr.split())
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert commented(tmp_path, followed).code == 0


def test_a_comment_key_is_part_of_the_marker(tmp_path: Path, github: FakeGitHub) -> None:
    for key in ("team a", "team b", "team a"):
        assert commented(tmp_path, f"--comment-key '{key}'").code == 0
    first, second = github.comments[7]
    assert first["body"].startswith("<!-- mmeplan:fleet=prices;environment=;key=team%20a -->\n")
    assert "key=team%20b" in second["body"]


def test_the_run_is_written_down(tmp_path: Path, github: FakeGitHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_RUN_ID", "17")
    monkeypatch.setenv("GITHUB_RUN_ATTEMPT", "2")
    monkeypatch.setenv("GITHUB_SHA", "b" * 40)
    (tmp_path / "event.json").write_text(json.dumps({"pull_request": {"number": 7, "head": {"sha": "a" * 40}}}))
    assert commented(tmp_path).code == 0
    written = github.comments[7][0]["body"].splitlines()
    assert written[1] == f"<!-- mmeplan-run:id=17;attempt=2;sha={'a' * 40} -->"
    (tmp_path / "plan.md").write_text(BODY + "more\n")
    monkeypatch.setenv("GITHUB_RUN_ID", "16")
    (tmp_path / "event.json").write_text(json.dumps({"pull_request": {"number": 7, "head": {"sha": "c" * 40}}}))
    late = commented(tmp_path)
    assert (late.code, late.stdout[:6]) == (0, "kept: ")
    assert "newer run" in late.stderr


def test_another_job_of_the_run_is_an_error_in_every_attempt(
    tmp_path: Path, github: FakeGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Failed jobs alone are run again: what the others have written is of the attempt before."""

    def ran(job: str, attempt: int, text: str) -> Result:
        for name, value in (("GITHUB_RUN_ID", "17"), ("GITHUB_RUN_ATTEMPT", str(attempt)), ("GITHUB_JOB", job)):
            monkeypatch.setenv(name, value)
        (tmp_path / "plan.md").write_text(BODY + text)
        return commented(tmp_path)

    assert ran("eu", 1, "eu\n").code == 0
    for attempt in (1, 2):
        refused = ran("us", attempt, "us\n")
        assert refused.code == 1
        assert "`comment-key` of the action" in refused.stderr
    assert ran("eu", 2, "eu, again\n").stdout.startswith("updated: ")
    assert [item["body"].endswith("eu, again\n") for item in github.comments[7]] == [True]


RATE = "You have exceeded a secondary rate limit and have been temporarily blocked from content creation."


@pytest.mark.parametrize(
    ("status", "message", "code", "advice"),
    [
        (403, "Resource not accessible by integration", 0, "`pull-requests: write`"),
        (403, "Unable to create comment because issue is locked.", 0, "the conversation is locked"),
        (403, RATE, 1, "limit of GitHub's"),
        (403, "Repository was archived so is read-only.", 1, "archived"),
        (403, "Resource protected by organization SAML enforcement.", 1, "authorised"),
        (403, "User is blocked", 1, "GitHub's words say why"),
        (404, "Not Found", 1, "no such pull request"),
    ],
)
def test_only_what_github_says_is_denied_is_let_pass(
    tmp_path: Path,
    github: FakeGitHub,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    message: str,
    code: int,
    advice: str,
) -> None:
    summary = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    github.forced += [Forced("POST", ".*/comments", status, {"message": message})] * 5
    ended = commented(tmp_path, "--if-denied warn")
    assert ended.code == code, ended.stderr
    assert advice in " ".join(ended.stderr.split())
    assert ("the conversation is locked" in ended.stderr) is (advice == "the conversation is locked")
    assert "what stands there is older" in summary.read_text()


def test_a_plan_that_is_not_asked_for_any_more_is_withdrawn(
    tmp_path: Path, github: FakeGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("here.yaml", "gone.yaml", "due.yaml"):
        (tmp_path / "plan.md").write_text(f"<!-- mmeplan:fleet={name};environment=;path={name} -->\n\n## {name}\n")
        assert commented(tmp_path).code == 0
    (tmp_path / "here.yaml").touch()
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path))
    ended = mmeplan("comment --withdraw --due '[\"./due.yaml\"]'", tmp_path)
    assert (ended.code, ended.stdout.count("withdrawn: https://github.example/")) == (0, 2), ended.stderr
    here, gone, due = (item["body"] for item in github.comments[7])
    assert "changes nothing that the fleet reads" in here
    assert "its endpoints live on" in gone
    assert "mmeplan destroy gone.yaml" in gone
    assert due.endswith("## due.yaml\n")


@pytest.mark.parametrize(
    ("options", "told"),
    [("", "--file FILE"), ("--withdraw --file plan.md", "--file FILE"), ("--withdraw --due x", "no JSON list")],
)
def test_what_is_withdrawn_is_said(tmp_path: Path, github: FakeGitHub, options: str, told: str) -> None:
    ended = mmeplan(f"comment {options}", tmp_path)
    assert ended.code == 1
    assert told in ended.stderr
    assert github.sent() == []


MARKED = "<!-- mmeplan:fleet=prices;environment=;path=fleet.yaml;region=eu-west-1 -->\n"


def by_another(github: FakeGitHub, sha: str, marker: str = MARKED) -> str:
    body = f"{marker}<!-- mmeplan-run:id=3;attempt=1;sha={sha} -->\n\n## prices\n"
    return str(github.comment(7, "ann", body)["node_id"])


@pytest.mark.parametrize("refused", [False, True])
def test_an_older_plan_of_another_token_is_hidden(
    tmp_path: Path, github: FakeGitHub, monkeypatch: pytest.MonkeyPatch, refused: bool
) -> None:
    """A token was changed: what the old one wrote can't be found as ours, and would stay there looking good."""
    event = {"pull_request": {"number": 7, "head": {"sha": "b" * 40}}}
    (tmp_path / "event.json").write_text(json.dumps(event))
    (tmp_path / "plan.md").write_text(f"{MARKED}\n## prices\n")
    monkeypatch.setenv("GITHUB_RUN_ID", "5")
    older = by_another(github, "a" * 40)
    by_another(github, "b" * 40)
    by_another(github, "a" * 40, MARKED.replace("eu-west-1", "us-east-1"))
    github.comment(7, "ann", f"> {MARKED}")
    before = [item["body"] for item in github.comments[7]]
    if refused:
        answer = {"errors": [{"message": "Resource not accessible by integration"}]}
        github.forced.append(Forced("POST", "/graphql", 200, {"data": {"viewer": {"login": BOT}}}))
        github.forced.append(Forced("POST", "/graphql", 200, {"data": {"viewer": {"login": BOT}}}))
        github.forced.append(Forced("POST", "/graphql", 200, answer))
    ended = commented(tmp_path)
    assert ended.code == 0, ended.stderr
    assert github.hidden == ([] if refused else [older])
    assert ("it could not be hidden" if refused else "hidden, as outdated") in ended.stderr
    assert [item["body"] for item in github.comments[7]][:-1] == before


def test_a_file_that_was_moved_is_not_to_be_destroyed(
    tmp_path: Path, github: FakeGitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path))
    for name in ("old.yaml", "other.yaml"):
        fleet = name.partition(".")[0]
        (tmp_path / "plan.md").write_text(f"<!-- mmeplan:fleet={fleet};environment=;path={name} -->\n\n## {name}\n")
        assert commented(tmp_path).code == 0
    (tmp_path / "new.yaml").write_text("version: 1\nfleet: old\n")
    assert mmeplan("comment --withdraw --due '[\"new.yaml\"]'", tmp_path).code == 0
    moved, gone = (item["body"] for item in github.comments[7])
    assert "`old.yaml` is moved to `new.yaml`" in moved
    assert "destroy" not in moved
    assert "Don't where another file declares the fleet `other` now" in gone


def plan_text(worst: str, plan_id: str = "sha256:1", drift: int = 0) -> str:
    head, _, rest = BODY.partition("\n")
    return f"{head}\n<!-- mmeplan-plan:id={plan_id};worst={worst};drift={drift} -->\n{rest}{worst} {drift}\n"


def test_only_what_has_got_worse_notifies(tmp_path: Path, github: FakeGitHub) -> None:
    told = []
    for worst in ("create", "in_place", "outage", "traffic_shift", "refused", "delete", "delete", "unchanged"):
        (tmp_path / "plan.md").write_text(plan_text(worst))
        assert commented(tmp_path).code == 0
        told.append(len(github.comments[7]) - 1)
    assert told == [0, 1, 2, 2, 2, 3, 3, 3]
    plan, *notes = (item["body"] for item in github.comments[7])
    assert plan == plan_text("unchanged")
    url = github.comments[7][0]["html_url"]
    words = "its worst effect is **an OUTAGE**, and was a change in place"
    assert notes[1] == f"The plan has got worse: {words}. It stands [here]({url}).\n"
    assert not any(note.startswith("<!--") for note in notes)


def test_a_plan_without_changes_gets_no_comment_where_that_is_asked_for(tmp_path: Path, github: FakeGitHub) -> None:
    (tmp_path / "plan.md").write_text(plan_text("unchanged"))
    assert commented(tmp_path, "--when changes").stdout == "nothing to say\n"
    assert github.comments == {}
    (tmp_path / "plan.md").write_text(plan_text("none"))
    assert commented(tmp_path, "--when changes").stdout.startswith("created: ")
    (tmp_path / "plan.md").write_text(plan_text("unchanged"))
    assert commented(tmp_path, "--when changes").stdout.startswith("updated: ")
    assert [item["body"] for item in github.comments[7]] == [plan_text("unchanged")]
    (tmp_path / "plan.md").write_text(plan_text("error"))
    github.comments.clear()
    assert commented(tmp_path, "--when changes").stdout.startswith("created: ")


def test_an_issue_that_was_closed_by_hand_stays_closed_for_the_same_drift(tmp_path: Path, github: FakeGitHub) -> None:
    def night(*drift: str | int) -> str:
        (tmp_path / "plan.md").write_text(plan_text("in_place", *drift))  # type: ignore[arg-type]
        return commented(tmp_path, "--issue Drift").stdout

    assert night("sha256:1", 1).startswith("created: ")
    github.issues[0]["state"] = "closed"
    assert night("sha256:1", 1).startswith("left closed: ")
    assert night("sha256:2", 1).startswith("created: ")
    assert [issue["state"] for issue in github.issues] == ["closed", "open"]
    assert night("sha256:3", 2).startswith("updated: ")
    (note,) = github.comments[2]
    assert "2 endpoints have drifted, 1 before" in note["body"]
    assert commented(tmp_path, "--issue Drift --close").stdout.startswith("closed: ")
    assert night("sha256:3", 2).startswith("created: "), "mmeplan closed it, because the drift was gone"
