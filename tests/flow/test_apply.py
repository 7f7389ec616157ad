"""After the merge: is it the plan that was reviewed, what did the apply do, what does a second run make of the first?

With the action's own steps, as tests/flow/test_pull_request.py.
"""

from __future__ import annotations

import json

import pytest

from mmeplan import Engine, Plan
from mmeplan.apply import Event
from tests.cli.running import inside
from tests.flow.runner import Ended
from tests.flow.test_pull_request import (
    BIGGER,
    SECRET,
    Repository,
    git,
    github,
    repository,
    somebody_scales,
)

__all__ = ["github", "repository"]


@pytest.fixture
def merged(repository: Repository) -> Repository:
    """A request for bigger instances that was planned, reviewed and merged."""
    repository.commit(BIGGER, "Bigger instances")
    assert repository.act("bigger").code == 0
    merge(repository)
    return repository


def merge(repository: Repository) -> None:
    git(repository.origin, "switch", "-q", "main")
    git(repository.origin, "merge", "-q", "--no-ff", "-m", "Merge", "bigger")
    repository.github.merge(7, git(repository.origin, "rev-parse", "HEAD"))


def planned(repository: Repository, event: str = "push") -> Ended:
    return repository.act("main", event, plan_file=str(repository.tmp_path / "plan.json"))


def applied(repository: Repository, **inputs: str) -> Ended:
    given = {"plan_file": str(repository.tmp_path / "plan.json"), **inputs}
    return repository.act("main", "push", command="apply", **given)


def comments(repository: Repository) -> list[str]:
    return [item["body"] for item in repository.github.comments[7]]


def test_the_plan_of_main_is_the_one_that_was_reviewed_and_the_request_is_told_what_the_apply_did(
    merged: Repository,
) -> None:
    last = merged.comment.strip().splitlines()[-1]
    assert last.startswith("Apply it: `mmeplan apply fleet.yaml --expect "), "a file that isn't kept is no advice"
    assert "plan.json" not in merged.comment
    ended = planned(merged)
    assert (ended.code, ended.outputs["reviewed"]) == (0, "equal"), ended.log
    assert "equal: this is the plan" in ended.log
    assert "**Equal**" in ended.summary
    done = applied(merged)
    assert done.code == 0, done.log
    plan, told = comments(merged)
    assert "ml.m5.xlarge" in plan, "the plan that was reviewed stays"
    assert "`prices`: applied;" in told
    assert "| `endpoint/ranker` | update | shifts" in told
    assert " min |" in told
    assert told.partition("\n## ")[2] in done.summary
    assert SECRET not in told


def test_where_it_differs_it_is_said_in_what_and_the_stale_plan_is_told(merged: Repository) -> None:
    assert planned(merged).code == 0
    somebody_scales(merged)
    ended = merged.act("main", "workflow_dispatch", plan_file=str(merged.tmp_path / "now.json"))
    assert (ended.code, ended.outputs["reviewed"]) == (0, "differs"), ended.log
    told = ended.summary.partition("`-` reviewed, `+` now:")[2]
    assert "\n+" in told
    assert SECRET not in ended.summary
    refused = applied(merged)
    assert refused.code == 4, refused.log
    _, told = comments(merged)
    assert "not applied; nothing was written" in told
    assert "endpoint ranker has changed since the plan was made" in told
    assert "Re-run all jobs" in told


def test_a_commit_without_a_request_is_told_nowhere(repository: Repository) -> None:
    git(repository.origin, "switch", "-q", "main")
    repository.commit(BIGGER, "Straight to main")
    ended = planned(repository)
    assert (ended.code, ended.outputs["reviewed"]) == (0, "unknown"), ended.log
    assert "no pull request's merge brought this commit" in ended.summary
    done = applied(repository)
    assert done.code == 0, done.log
    assert repository.github.comments == {}


def test_the_failed_job_is_run_again_with_the_same_plan(merged: Repository) -> None:
    """What the first attempt has made is no reason to refuse the second. What can't be told makes the job red."""
    assert planned(merged).code == 0
    file = merged.tmp_path / "plan.json"
    with inside(merged.checkout("main", "stopped")), Engine.simulated(merged.world, region="eu-west-1") as engine:
        events: list[Event] = []
        outcome = engine.apply(
            Plan.read(file), observer=events.append, stopping=lambda: any(event.kind == "done" for event in events)
        )
    assert outcome.skipped
    assert outcome.done
    merged.github.user("ghs_reads", "github-actions[bot]", bot=True, writes=False)
    expected = json.loads(file.read_text())["plan_id"]
    again = merged.act("main", "push", token="ghs_reads", command="apply", plan_file=str(file), expect=expected)
    assert "this is what is left of it" in again.log
    assert (again.code, again.outputs["exit"]) == (1, "0"), again.log
    assert "`pull-requests: write`" in again.log
    assert applied(merged, expect=expected).code == 0
    assert "`prices`: applied;" in comments(merged)[-1]


def test_a_plan_is_approved_by_its_id_where_none_is_stored(merged: Repository) -> None:
    """mmeplan-apply-by-hand.yml: main is planned anew, and applied only if it is the plan that was read."""
    expected = planned(merged).outputs["plan_id"].removeprefix("sha256:")[:12]
    other = applied(merged, plan_file="", expect="0" * 12)
    assert other.code == 4, other.log
    assert "not applied; nothing was written" in comments(merged)[-1]
    hostile = applied(merged, plan_file="", expect="$(touch pwned)")
    assert hostile.code == 1
    assert not list(merged.tmp_path.rglob("pwned*"))
    done = applied(merged, plan_file="", expect=expected)
    assert done.code == 0, done.log
    assert "`prices`: applied;" in comments(merged)[-1]
