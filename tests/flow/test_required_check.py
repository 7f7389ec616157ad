"""The example workflow as a required check: which of its jobs run, and what the last one says.

Its expressions are evaluated. A job whose condition is false is skipped, and so is one that needs a job that was
skipped or failed, unless its condition says always(): GitHub Docs, "Using conditions to control job execution".
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.flow.runner import ROOT, Blank, Runner, as_context, evaluated, filled, offline_pip
from tests.flow.test_pull_request import FLEET, git

PLAN = ROOT / "examples/workflows/github/mmeplan-plan.yml"
APPLY = ROOT / "examples/workflows/github/mmeplan-apply.yml"
OWN, FORK = {"full_name": "acme/fleets"}, {"full_name": "ann/fleets"}
HEAD_REF = f"refs/heads/gh-readonly-queue/main/pr-7-{'a' * 40}"


def event(name: str, repo: dict[str, str] = OWN, number: int = 7) -> dict[str, Any]:
    """The contexts of an event."""
    if name == "merge_group":
        happened: dict[str, Any] = {"merge_group": {"head_ref": HEAD_REF, "base_sha": "b" * 40}}
    else:
        happened = {"pull_request": {"number": number, "head": {"repo": repo}}}
    return {"event_name": name, "repository": "acme/fleets", "event": happened}


class Ran:
    """How a run of the workflow ended, job by job; `ends` says how those end that run."""

    def __init__(self, github: dict[str, Any], fleets: str, ends: dict[str, str]) -> None:
        self.jobs = yaml.safe_load(PLAN.read_text())["jobs"]
        self.github = github
        self.results: dict[str, str] = {}
        self.log = ""
        for name, job in self.jobs.items():
            self.results[name] = self._ended(name, job, fleets, ends)

    def _context(self, job: dict[str, Any], fleets: str) -> dict[str, Any]:
        needs = job.get("needs", [])
        listed = [needs] if isinstance(needs, str) else needs
        outputs = {"fleets": fleets if self.results.get("changes") == "success" else ""}
        told = {name: {"result": self.results[name], "outputs": outputs} for name in listed}
        return {"github": as_context(self.github), "needs": as_context(told)}

    def _ended(self, name: str, job: dict[str, Any], fleets: str, ends: dict[str, str]) -> str:
        condition = str(job.get("if", "success()"))
        context = self._context(job, fleets)
        good = all(need["result"] == "success" for need in context["needs"].values())
        if "always()" not in condition and not good:
            return "skipped"
        if not evaluated(condition, {**context, "success": lambda: good, "always": lambda: True}):
            return "skipped"
        if name != "result":
            return ends.get(name, "success")
        (step,) = job["steps"]
        env = {key: filled(value, context) for key, value in step["env"].items()}
        done = subprocess.run(["bash", "-eo", "pipefail", "-c", step["run"]], env=env, capture_output=True, text=True)
        self.log = done.stdout
        return "success" if done.returncode == 0 else "failure"


DUE = '["fleet.yaml"]'


@pytest.mark.parametrize(
    ("github", "fleets", "ends", "ran", "result"),
    [
        (event("pull_request"), "[]", {}, [], "success"),
        (event("pull_request"), DUE, {}, ["plan"], "success"),
        (event("pull_request"), DUE, {"plan": "failure"}, ["plan"], "failure"),
        (event("pull_request"), DUE, {"plan": "cancelled"}, ["plan"], "failure"),
        (event("pull_request"), DUE, {"changes": "failure"}, [], "failure"),
        (event("pull_request"), DUE, {"changes": "cancelled"}, [], "failure"),
        (event("pull_request"), "", {}, ["plan"], "failure"),
        (event("pull_request", FORK), "[]", {}, [], "success"),
        (event("pull_request", FORK), DUE, {}, ["speculative-plan"], "success"),
        (event("pull_request", FORK), DUE, {"speculative-plan": "failure"}, ["speculative-plan"], "failure"),
        (event("merge_group"), "[]", {}, [], "success"),
        (event("merge_group"), DUE, {}, ["plan"], "success"),
        (event("merge_group"), DUE, {"plan": "failure"}, ["plan"], "failure"),
    ],
)
def test_the_required_job_is_green_only_where_every_plan_that_was_due_was_made(
    github: dict[str, Any], fleets: str, ends: dict[str, str], ran: list[str], result: str
) -> None:
    made = Ran(github, fleets, ends)
    assert [name for name in ("plan", "speculative-plan") if made.results[name] != "skipped"] == ran
    assert made.results["result"] == result, made.log
    assert ("::error::" in made.log) is (result == "failure")


def test_it_starts_on_every_pull_request_and_in_the_queue_and_its_name_is_its_own() -> None:
    triggers = {name: yaml.safe_load(path.read_text()) for name, path in (("plan", PLAN), ("apply", APPLY))}
    assert triggers["plan"][True] == {"pull_request": {}, "merge_group": {}}
    names = [job["name"] for workflow in triggers.values() for job in workflow["jobs"].values()]
    assert len(names) == len(set(names))
    assert "paths" not in triggers["apply"][True]["push"]


def test_the_entries_of_a_queue_do_not_cancel_each_other() -> None:
    concurrency = yaml.safe_load(PLAN.read_text())["concurrency"]

    def group(github: dict[str, Any]) -> tuple[str, str]:
        context = {"github": as_context(github)}
        return filled(concurrency["group"], context), filled(concurrency["cancel-in-progress"], context)

    assert group(event("merge_group")) == (f"mmeplan-plan-{HEAD_REF}", "false")
    assert group(event("pull_request")) == ("mmeplan-plan-7", "true")
    assert group(event("pull_request")) != group(event("pull_request", number=8))


def test_the_action_says_which_fleets_a_trial_merge_touches(tmp_path: Path, machine: Path, wheels: Path) -> None:
    """The checkout of a pull request is its trial merge, whose first parent is the base."""
    folder = tmp_path / "fleets"
    folder.mkdir()
    for words in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "Empty"]):
        git(folder, *words)
    (folder / "fleet.yaml").write_text(FLEET)
    (folder / "README.md").write_text("Fleets\n")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "The fleet")
    step = yaml.safe_load(PLAN.read_text())["jobs"]["changes"]["steps"][-1]["with"]
    inputs = {name.replace("-", "_"): filled(value, {"github": Blank()}) for name, value in step.items()}
    inputs["changed_since"] = filled(step["changed-since"], {"github": as_context(event("pull_request"))})
    assert inputs["changed_since"] == "HEAD^1"
    for name, due in (
        ("fleet.yaml", ["fleet.yaml"]),
        ("README.md", []),
        (".github/workflows/mmeplan-plan.yml", ["fleet.yaml"]),
    ):
        git(folder, "switch", "-q", "-c", f"touch-{len(name)}", "main")
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        with (folder / name).open("a") as stream:
            stream.write("\n")
        git(folder, "add", ".")
        git(folder, "commit", "-q", "-m", "A change")
        git(folder, "switch", "-q", "--detach", "main")
        git(folder, "merge", "-q", "--no-ff", "-m", "Trial merge", f"touch-{len(name)}")
        ended = Runner(machine, folder, {}, environment=offline_pip(wheels)).act(("Install mmeplan",), **inputs)
        assert ended.code == 0, ended.log
        assert json.loads(ended.outputs["fleets"]) == due
    unread = Runner(machine, folder, {}).act(("Install mmeplan",), **{**inputs, "args": "--no-such-option"})
    assert unread.code != 0
    assert unread.outputs["fleets"] == ""
