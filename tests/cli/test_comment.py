"""`mmeplan comment` as a user meets it: what the event tells, what is missing, a token that may not write."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from mmeplan.cli import comment
from tests.cli.running import Result, mmeplan
from tests.flow.clock import Clock
from tests.flow.fake_github import FakeGitHub, serving

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
