"""`mmeplan comment` in a job of GitLab CI: the note of a merge request, found again and changed in place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mmeplan.cli import comment
from tests.cli.running import Result, mmeplan
from tests.flow.clock import Clock
from tests.flow.fake_github import Forced, serving
from tests.flow.fake_gitlab import API, FakeGitLab

TOKEN, BOT = "glpat-secret", "project_42_bot_1"
BODY = "<!-- mmeplan:fleet=prices;environment= -->\n\n## prices\n"
NOTES = f"{API}/projects/42/merge_requests/7/notes"


@pytest.fixture
def gitlab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGitLab]:
    """A job for merge request 7, with the plan in plan.md."""
    (tmp_path / "plan.md").write_text(BODY)
    with serving(FakeGitLab()) as fake:
        assert isinstance(fake, FakeGitLab)
        fake.user(TOKEN, BOT)
        for name in ("GITHUB_TOKEN", "GH_TOKEN", "GITHUB_REPOSITORY", "GITHUB_RUN_ID"):
            monkeypatch.delenv(name, raising=False)
        variables = {
            "GITLAB_CI": "true",
            "GITLAB_TOKEN": TOKEN,
            "CI_API_V4_URL": f"{fake.url}{API}",
            "CI_MERGE_REQUEST_PROJECT_ID": "42",
            "CI_MERGE_REQUEST_PROJECT_URL": "https://gitlab.example/acme/fleets",
            "CI_MERGE_REQUEST_IID": "7",
            "CI_PIPELINE_ID": "500",
            "CI_JOB_ID": "9001",
            "CI_COMMIT_SHA": "a" * 40,
        }
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(comment, "SystemClock", Clock)
        yield fake


def commented(folder: Path, options: str = "--file plan.md") -> Result:
    return mmeplan(f"comment {options}", folder)


def bodies(gitlab: FakeGitLab, number: int = 7) -> list[str]:
    return [note["body"] for note in gitlab.comments.get(number, [])]


def test_a_note_is_made_once_and_changed_in_place(
    tmp_path: Path, gitlab: FakeGitLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    gitlab.page = 2
    for number in range(5):
        gitlab.note(7, "ann", f"{BODY}quoted by Ann, {number}")
    made = commented(tmp_path)
    assert (made.code, made.stderr) == (0, "")
    assert made.stdout.startswith("created: https://gitlab.example/acme/fleets/-/merge_requests/7#note_")
    assert commented(tmp_path).stdout.startswith("unchanged: ")
    monkeypatch.setenv("CI_JOB_ID", "9002")
    (tmp_path / "plan.md").write_text(BODY + "more\n")
    assert commented(tmp_path).stdout.startswith("updated: ")
    assert [request.method for request in gitlab.sent()] == ["POST", "PUT"]
    assert len(bodies(gitlab)) == 6
    assert bodies(gitlab)[5].endswith("## prices\nmore\n")
    assert f"<!-- mmeplan-run:id=500;attempt=9002;sha={'a' * 40} -->" in bodies(gitlab)[5]


def test_an_older_pipeline_leaves_the_note_of_a_newer_one(
    tmp_path: Path, gitlab: FakeGitLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert commented(tmp_path).code == 0
    (tmp_path / "plan.md").write_text(BODY + "older\n")
    monkeypatch.setenv("CI_PIPELINE_ID", "499")
    monkeypatch.setenv("CI_JOB_ID", "8999")
    monkeypatch.setenv("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA", "b" * 40)
    late = commented(tmp_path)
    assert (late.code, late.stdout[:6]) == (0, "kept: ")
    assert "older" not in bodies(gitlab)[0]


def test_two_plans_of_one_job_need_a_key(tmp_path: Path, gitlab: FakeGitLab) -> None:
    assert commented(tmp_path).code == 0
    (tmp_path / "plan.md").write_text(BODY + "another\n")
    again = commented(tmp_path)
    assert again.code == 1
    assert "--comment-key" in again.stderr
    assert commented(tmp_path, "--file plan.md --comment-key b").code == 0
    assert len(bodies(gitlab)) == 2


def test_two_jobs_of_one_pipeline_need_a_key_and_a_job_may_be_run_again(
    tmp_path: Path, gitlab: FakeGitLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ran(job: str, number: int, text: str, options: str = "") -> Result:
        monkeypatch.setenv("CI_JOB_NAME", job)
        monkeypatch.setenv("CI_JOB_ID", str(number))
        (tmp_path / "plan.md").write_text(BODY + text)
        return commented(tmp_path, f"--file plan.md {options}")

    assert ran("plan: [eu, -->; 1/2]", 9001, "one\n").code == 0
    assert f"<!-- mmeplan-run:id=500;attempt=9001;sha={'a' * 40};job=plan%3A%20%5Beu" in bodies(gitlab)[0]
    other = ran("plan-us", 9002, "another\n")
    assert other.code == 1
    assert "another plan of this run stands there already" in other.stderr
    assert "--comment-key" in other.stderr
    assert "another" not in bodies(gitlab)[0]
    assert ran("plan-us", 9003, "another\n").code == 1, "run again it is another job still"
    assert ran("plan-us", 9003, "another\n", "--comment-key us").code == 0
    assert ran("plan: [eu, -->; 1/2]", 9004, "one, again\n").stdout.startswith("updated: ")
    assert ran("plan-us", 9005, "one, again\n").stdout.startswith("unchanged: ")
    monkeypatch.setenv("CI_PIPELINE_ID", "501")
    assert ran("plan-us", 9006, "of the next pipeline\n").stdout.startswith("updated: ")
    assert len(bodies(gitlab)) == 2


def test_a_plan_that_is_not_asked_for_any_more_is_withdrawn(
    tmp_path: Path, gitlab: FakeGitLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "plan.md").write_text("<!-- mmeplan:fleet=a;environment=;path=gone.yaml -->\n\n## a\n")
    assert commented(tmp_path).code == 0
    monkeypatch.setenv("CI_PROJECT_DIR", str(tmp_path))
    ended = commented(tmp_path, "--withdraw")
    assert (ended.code, ended.stdout[:11]) == (0, "withdrawn: "), ended.stderr
    assert "its endpoints live on" in bodies(gitlab)[0]


def test_the_project_and_the_merge_request_may_be_named(tmp_path: Path, gitlab: FakeGitLab) -> None:
    gitlab.repository = "acme/eu/fleets"
    ended = commented(tmp_path, "--file plan.md --repo acme/eu/fleets --merge-request 12")
    assert "/-/merge_requests/12#note_" in ended.stdout
    assert bodies(gitlab, 12)


@pytest.mark.parametrize(
    ("name", "value", "options", "told"),
    [
        ("GITLAB_TOKEN", "", "", "GITLAB_TOKEN isn't set"),
        ("GITLAB_TOKEN", "", "", "CI_JOB_TOKEN) can't write notes"),
        ("GITLAB_TOKEN", "a b", "", "GITLAB_TOKEN is not a token"),
        ("CI_MERGE_REQUEST_IID", "", "", "this is no merge request's pipeline"),
        ("CI_MERGE_REQUEST_PROJECT_ID", "", "", "this is no merge request's pipeline"),
        ("CI_API_V4_URL", "http://gitlab.example/api/v4", "", "CI_API_V4_URL is 'http://gitlab.example/api/v4'"),
        ("X", "", "--issue Drift", "--issue is about GitHub"),
    ],
)
def test_what_is_missing_is_said(
    tmp_path: Path,
    gitlab: FakeGitLab,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: str,
    options: str,
    told: str,
) -> None:
    monkeypatch.setenv(name, value)
    ended = commented(tmp_path, f"--file plan.md {options}")
    assert ended.code == 1
    assert told in " ".join(ended.stderr.split())
    assert gitlab.requests == []


def test_a_token_that_may_not_write_is_red(tmp_path: Path, gitlab: FakeGitLab) -> None:
    gitlab.user(TOKEN, BOT, writes=False)
    ended = commented(tmp_path)
    assert ended.code == 1
    assert "The request requires higher privileges" in ended.stderr
    assert "scope `api`" in ended.stderr
    assert TOKEN not in ended.stderr
    gitlab.users.clear()
    assert "rotate it" in commented(tmp_path).stderr


def test_a_limit_is_waited_for(tmp_path: Path, gitlab: FakeGitLab) -> None:
    gitlab.forced.append(Forced("POST", NOTES, 429, {"message": "Retry later"}, {"Retry-After": "7"}))
    assert commented(tmp_path).stdout.startswith("created: ")
    gitlab.comments.clear()
    gitlab.forced.append(Forced("POST", NOTES, 429, {"message": "Retry later"}, {"Retry-After": "7000"}))
    ended = commented(tmp_path)
    assert ended.code == 1
    assert "GitLab asks to wait 117 min" in " ".join(ended.stderr.split())
