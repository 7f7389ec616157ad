"""Thirty fleets in one repository, with the action's own steps: one comment, the worst first."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.flow.fake_github import LIMIT, FakeGitHub
from tests.flow.test_pull_request import (
    BIGGER,
    BOT,
    FLEET,
    SECRET,
    Repository,
    git,
    github,
    repository,
    somebody_scales,
)

__all__ = ["github", "repository"]

NAMES = [f"fleet-{number:02}" for number in range(30)]


def fleet(name: str) -> str:
    """A fleet of that name."""
    return FLEET.replace("fleet: prices", f'fleet: "{name}"').replace("endpoints:\n  ranker:", f"endpoints:\n  {name}:")


def write(repository: Repository, texts: dict[str, str], message: str) -> None:
    for name, text in texts.items():
        path = repository.origin / "fleets" / name / "fleet.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    git(repository.origin, "add", ".")
    git(repository.origin, "commit", "-q", "-m", message)


@pytest.fixture
def thirty(repository: Repository) -> Repository:
    write(repository, {name: fleet(name) for name in NAMES}, "Thirty fleets")
    return repository


def due(repository: Repository) -> str:
    """What `command: files` says of the branch."""
    return json.dumps([f"fleets/{name}/fleet.yaml" for name in NAMES])


def test_thirty_fleets_are_one_comment_the_worst_first(thirty: Repository, github: FakeGitHub) -> None:
    files = thirty.act("bigger", command="files", changed_since="origin/main", args="")
    assert json.loads(files.outputs["fleets"]) == json.loads(due(thirty))

    first = thirty.act("bigger", fleets=files.outputs["fleets"])
    assert first.code == 0, first.log
    assert (first.outputs["exit"], first.outputs["worst_effect"]) == ("2", "create")
    assert thirty.comment.startswith("<!-- mmeplan:fleet=%2A;environment= -->\n")
    assert "## 30 plans: new endpoints in 30" in thirty.comment
    assert len(thirty.comment) <= LIMIT
    assert f"commit `{thirty.runner('bigger').sha[:12]}`" in thirty.comment
    assert {path.name for path in Path(first.outputs["plan_file"]).iterdir()} == {
        f"fleets-{n}-fleet.json" for n in NAMES
    }

    broken = {"fleet-17": fleet("fleet-17") + "nonsense: [\n", "fleet-03": fleet("fleet-03").replace("ml.m5", "ml.no")}
    write(thirty, broken, "Broken")
    second = thirty.act("bigger", fleets=files.outputs["fleets"])
    assert second.code == 1, second.log
    rows = re.findall(r"^\| `fleets/(fleet-\d\d)/", thirty.comment, re.MULTILINE)
    assert rows[:3] == ["fleet-17", "fleet-03", "fleet-00"]
    assert len(rows) == 30
    assert second.outputs["labels"] == "mmeplan:error,mmeplan:refused,mmeplan:create"


def test_a_comment_only_where_something_changes(thirty: Repository, github: FakeGitHub) -> None:
    same = thirty.act("bigger", comment="changes")
    assert same.code == 0, same.log
    assert "nothing to say" in same.log
    assert github.comments == {}
    assert thirty.act("bigger", fleets='["fleet.yaml", "fleets/fleet-00/fleet.yaml"]', comment="changes").code == 0
    assert "## 2 plans: new endpoints in 1, 1 without changes" in thirty.comment


def test_two_uses_in_one_job_have_their_own_files(thirty: Repository) -> None:
    runner = thirty.runner("bigger", "push")
    uses = [
        runner.act(("Install mmeplan",), fleet=f"fleets/{name}/fleet.yaml", args=thirty.aws)
        for name in ("fleet-00", "fleet-01")
    ]
    for used, name in zip(uses, ("fleet-00", "fleet-01"), strict=True):
        assert used.code == 0, used.log
        assert name in Path(used.outputs["markdown"]).read_text()
        plan = json.loads((runner.workspace / used.outputs["plan_file"]).read_text())
        assert plan["fleet"] == name


def test_a_forks_fleets_are_one_report_from_the_snapshots_of_main(thirty: Repository, github: FakeGitHub) -> None:
    """No credentials, a token that only reads; `environment` and the names in the folder fit each other."""
    named = ["fleet.yaml", "fleets/fleet-03/fleet.yaml", "fleets/fleet-04/fleet.yaml"]
    folder = thirty.tmp_path / "snapshots"
    stored = thirty.act("bigger", "push", command="snapshot", fleets=json.dumps(named), snapshot=str(folder))
    assert stored.code == 0, stored.log
    assert SECRET not in "".join(path.read_text() for path in folder.iterdir())
    thirty.commit(BIGGER, "Bigger instances")
    github.user("ghs_of_a_fork", BOT, bot=True, writes=False)
    asked = {"token": "ghs_of_a_fork", "snapshot": str(folder), "args": "", "comment": "false", "report": "plan.html"}
    due = json.dumps(named[:2])
    ended = thirty.act("bigger", fleets=due, **asked)
    assert (ended.code, ended.outputs["exit"]) == (0, "2"), ended.log
    assert "## 2 plans: " in ended.summary
    assert "peculative" in ended.summary
    assert "`fleets/fleet-03/" in ended.summary
    assert (thirty.tmp_path / "checkout-bigger/plan.html").exists()
    assert github.sent() == []
    new = thirty.act("bigger", fleets=json.dumps([*named[:2], "fleets/fleet-05/fleet.yaml"]), **asked)
    assert new.code == 1
    assert "no snapshot of it is stored there" in new.log
    assert "## 3 plans: 1 without a plan" in new.summary


@pytest.mark.parametrize("fleets", ["fleet.yaml", "[]", "[1]", '[""]', "{}", "[fleet.yaml"])
def test_a_list_of_fleets_that_is_none_is_red(repository: Repository, github: FakeGitHub, fleets: str) -> None:
    """It isn't the plan of ./fleet.yaml then."""
    ended = repository.act("bigger", fleets=fleets)
    assert ended.code != 0
    assert "::error::the input fleets is no JSON list of fleet files" in ended.log
    assert "Traceback" not in ended.log
    assert github.comments == {}


def test_an_error_at_night_is_no_drift(repository: Repository, github: FakeGitHub) -> None:
    git(repository.origin, "switch", "-q", "main")
    repository.commit(FLEET + "nonsense: [\n", "Broken")
    night = repository.act("main", "schedule", command="drift", issue="Drift in prices")
    assert night.code == 1
    assert github.issues == []
    repository.commit(FLEET, "Mended")
    somebody_scales(repository)
    for _ in range(2):
        assert repository.act("main", "schedule", command="drift", issue="Drift in prices").code == 0
        (issue,) = github.issues
        issue["state"] = "closed"
