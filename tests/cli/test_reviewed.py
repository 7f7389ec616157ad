"""After a merge: `comment --reviewed` beside the comment that was reviewed, and `apply --outcome` under the request."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from mmeplan import Engine, Plan
from mmeplan.cli import comment
from tests.cli.running import Result, inside, mmeplan
from tests.flow.clock import Clock
from tests.flow.fake_github import FakeGitHub, serving

ROOT = Path(__file__).parents[2]
TOKEN, BOT, SHA = "ghs_secret", "github-actions[bot]", "a" * 40


@pytest.fixture
def github(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGitHub]:
    """A step of a push whose commit the merge of pull request 7 has brought; its plan stands there."""
    (tmp_path / "fleet.yaml").write_text((ROOT / "examples/serverless/fleet.yaml").read_text())
    (tmp_path / "event.json").write_text("{}")
    with serving(FakeGitHub()) as fake:
        fake.user(TOKEN, BOT, bot=True)
        fake.merge(7, SHA)
        told = {"GITHUB_TOKEN": TOKEN, "GITHUB_API_URL": fake.url, "GITHUB_REPOSITORY": fake.repository}
        told |= {"GITHUB_EVENT_NAME": "push", "GITHUB_SHA": SHA, "GITHUB_EVENT_PATH": str(tmp_path / "event.json")}
        told |= {"GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"), "GITHUB_OUTPUT": str(tmp_path / "output")}
        told |= {"GITHUB_WORKSPACE": str(tmp_path), "GITHUB_RUN_ID": "", "GITHUB_REF": "refs/heads/main"}
        for name, value in told.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(comment, "SystemClock", Clock)
        assert mmeplan("plan --local --out plan.json --write md=plan.md", tmp_path).code == 0
        assert mmeplan("comment --file plan.md", tmp_path).code == 0
        yield fake


def reviewed(folder: Path, options: str = "") -> Result:
    assert mmeplan("plan --local --write md=now.md", folder).code == 0
    return mmeplan(f"comment --reviewed --file now.md {options}", folder)


def told(folder: Path) -> tuple[str, str]:
    return (folder / "output").read_text(), (folder / "summary.md").read_text()


def edit(folder: Path, old: str, new: str) -> None:
    path = folder / "fleet.yaml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def test_the_same_plan_is_equal(tmp_path: Path, github: FakeGitHub) -> None:
    ended = reviewed(tmp_path)
    assert (ended.code, ended.stdout[:29]) == (0, "equal: this is the plan ".ljust(24) + ended.stdout[24:29])
    output, summary = told(tmp_path)
    assert output == "reviewed=equal\n"
    assert f"<{github.comments[7][0]['html_url']}>" in summary
    assert len(github.sent()) == 1, "nothing is written"


def test_another_one_differs_and_the_lines_are_shown(tmp_path: Path, github: FakeGitHub) -> None:
    edit(tmp_path, "memory_size_in_mb: 3072", "memory_size_in_mb: 4096")
    ended = reviewed(tmp_path)
    assert ended.code == 0, ended.stderr
    output, summary = told(tmp_path)
    assert output == "reviewed=differs\n"
    lines = summary.partition("```diff\n")[2].partition("```")[0].splitlines()
    assert any(line.startswith("-") and "3072" in line for line in lines), summary
    assert any(line.startswith("+") and "4096" in line for line in lines), summary
    assert not any("Apply it" in line or "live side read" in line or "mmeplan:" in line for line in lines)


@pytest.mark.parametrize(
    ("case", "why"),
    [
        ("no request", "no pull request's merge brought this commit"),
        ("an open one", "no pull request's merge brought this commit"),
        ("another fleet", "no plan of this fleet"),
        ("withdrawn", "no plan of this fleet"),
        ("somebody else's", "no plan of this fleet"),
        ("there was no plan", "holds no plan"),
        ("no token", "Bad credentials"),
    ],
)
def test_what_can_not_be_said_is_unknown(tmp_path: Path, github: FakeGitHub, case: str, why: str) -> None:
    (only,) = github.comments[7]
    if case == "no request":
        github.pulls.clear()
    elif case == "an open one":
        github.pulls[SHA][0]["merged_at"] = None
    elif case == "another fleet":
        only["body"] = only["body"].replace("fleet=receipts", "fleet=x").replace("path=fleet", "path=x")
    elif case == "withdrawn":
        assert mmeplan("comment --withdraw", tmp_path).code == 0
    elif case == "somebody else's":
        only["user"]["login"] = "ann"
    elif case == "there was no plan":
        only["body"] = only["body"].partition("\n")[0] + "\n\n## there is no plan; 1 error\n"
    else:
        github.users.clear()
    ended = reviewed(tmp_path)
    assert ended.code == 0, ended.stderr
    output, summary = told(tmp_path)
    assert output == "reviewed=unknown\n"
    assert why in ended.stdout
    assert "[!WARNING]" in summary


def test_a_merge_of_that_very_commit_is_preferred(tmp_path: Path, github: FakeGitHub) -> None:
    github.pulls[SHA].insert(0, {"number": 3, "merged_at": "2026-01-01T00:00:00Z", "merge_commit_sha": "b" * 40})
    assert reviewed(tmp_path).stdout.startswith("equal")


def test_how_an_apply_ended_stands_beside_the_plan(tmp_path: Path, github: FakeGitHub) -> None:
    ended = mmeplan("apply --local -y --outcome applied.md plan.json", tmp_path)
    assert ended.code == 0, ended.stderr
    assert mmeplan("comment --file applied.md", tmp_path).stdout.startswith("created: ")
    assert mmeplan("comment --file applied.md", tmp_path).stdout.startswith("unchanged: ")
    plan, applied = (item["body"] for item in github.comments[7])
    assert "## `receipts`: applied; 3 steps done, and a second look proves it" in applied
    assert "| `endpoint/receipts` | create | starts | done | " in applied
    assert "Apply it" in plan
    assert mmeplan("comment --withdraw", tmp_path).stdout.count("withdrawn") == 1
    assert github.comments[7][1]["body"] == applied, "a plan that is withdrawn takes nothing of that with it"


def test_what_failed_is_told_with_what_to_do(tmp_path: Path, github: FakeGitHub) -> None:
    from mmeplan.engine import outcome_view
    from mmeplan.render import applied_markdown
    from mmeplan.simulator import Simulator

    simulator = Simulator.open(":memory:")
    simulator.faults.error("CreateEndpoint", code="AccessDeniedException", message="not authorized: <b>@all</b>")
    with inside(tmp_path), Engine.simulated(simulator, region="eu-west-1") as engine:
        plan = Plan.read("plan.json")
        outcome = engine.apply(plan)
        text = applied_markdown(plan, outcome_view(outcome), {"endpoint/receipts": 7_500.0}, run="https://ci.example/1")
    assert "## `receipts`: apply incomplete; 2 steps done, 1 failed, 0 skipped" in text
    assert "| `endpoint/receipts` | create | starts | **failed** | 2 h 5 min |" in text
    assert "### Failed\n\n- `CreateEndpoint:endpoint/receipts`: " in text
    assert "Grant the action that was denied first" in text
    assert "Re-run the failed job to go on" in text
    assert '<a href="https://ci.example/1">the run</a>' in text
    assert "<b>" not in text
    assert "@all" not in text


@pytest.mark.parametrize("saved", [True, False])
def test_what_was_not_applied_is_told_with_its_reasons(tmp_path: Path, github: FakeGitHub, saved: bool) -> None:
    edit(tmp_path, "memory_size_in_mb: 3072", "memory_size_in_mb: 4096")
    plan_id = json.loads((tmp_path / "plan.json").read_text())["plan_id"]
    what = "plan.json" if saved else f"--expect {plan_id} fleet.yaml"
    assert mmeplan(f"apply --local -y --outcome applied.md {what}", tmp_path).code == 4
    text = (tmp_path / "applied.md").read_text()
    assert "not applied; nothing was written" in text
    assert ("fleet.yaml has changed since" in text) is saved
    assert ("the plan that was reviewed" in text) is not saved


def test_a_refused_plan_of_a_file_is_told(tmp_path: Path, github: FakeGitHub) -> None:
    policy = "policies:\n  never: {expression: plan.summary.create == 0, message: nothing is made}\n"
    edit(tmp_path, "models:\n", f"{policy}models:\n")
    assert mmeplan("apply --local -y --outcome applied.md", tmp_path).code == 3
    text = (tmp_path / "applied.md").read_text()
    assert "not applied; nothing was written" in text
    assert "nothing is made" in text
