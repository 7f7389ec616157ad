"""GitLab's example file: its jobs against a stub of its API and a served world, with tokens of GitLab's form."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.doors import served
from tests.flow.fake_github import serving
from tests.flow.fake_gitlab import API, FakeGitLab
from tests.flow.pipelines import APPLY, PLAN, Machine, applied, behind, declare, iam, loaded, token
from tests.flow.runner import HOSTILE_MODULES, offline_pip
from tests.flow.test_bitbucket import steps
from tests.flow.test_pull_request import FLEET, SECRET, git
from tests.flow.test_workflows import clone, run, tool

HOST, PROJECT = "gitlab.example.com", "project_path:GROUP/PROJECT"
FEATURE, MAIN = (f"{PROJECT}:ref_type:branch:ref:{branch}" for branch in ("feature", "main"))
NOTE_TOKEN, BOT = "glpat-1", "project_42_bot_1"


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    """A served world whose clock agrees with this machine's, and whose roles trust GitLab as docs/roles.md says."""
    with served("--start", "now", "--speed", "30") as world:
        declare(iam(world.door.url), HOST)
        yield world.door.url


@pytest.fixture
def gitlab() -> Iterator[FakeGitLab]:
    with serving(FakeGitLab()) as fake:
        assert isinstance(fake, FakeGitLab)
        fake.user(NOTE_TOKEN, BOT)
        yield fake


@pytest.fixture
def machine(tmp_path: Path, aws: str, gitlab: FakeGitLab) -> Machine:
    """A checkout of a merge request that adds the fleet."""
    checkout = tmp_path / "builds" / "PROJECT"
    (tmp_path / "builds" / "PROJECT.tmp").mkdir(parents=True)
    checkout.mkdir()
    (checkout / "README.md").write_text("fleets\n")
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "Begin"], ["checkout", "-qb", "feature"]):
        git(checkout, *words)
    (checkout / "fleet.yaml").write_text(f"{FLEET}\nenvironments:\n  prod: {{}}\n")
    git(checkout, "add", ".")
    git(checkout, "commit", "-qm", "A fleet")
    variables = {
        "GITLAB_CI": "true",
        "CI_PROJECT_DIR": str(checkout),
        "CI_API_V4_URL": f"{gitlab.url}{API}",
        "CI_PIPELINE_ID": "500",
        "CI_JOB_ID": "9001",
        "CI_COMMIT_SHA": git(checkout, "rev-parse", "HEAD"),
        "MMEPLAN_PLAN_ROLE": PLAN,
        "MMEPLAN_APPLY_ROLE": APPLY,
    }
    return Machine(checkout, aws, variables)


def requested(machine: Machine, base: str = "main") -> dict[str, str]:
    """What a merge request's pipeline has besides."""
    return {
        "CI_PIPELINE_SOURCE": "merge_request_event",
        "CI_MERGE_REQUEST_PROJECT_ID": "42",
        "CI_MERGE_REQUEST_PROJECT_URL": "https://gitlab.example/GROUP/PROJECT",
        "CI_MERGE_REQUEST_IID": "7",
        "CI_MERGE_REQUEST_DIFF_BASE_SHA": git(machine.checkout, "rev-parse", base),
        "GITLAB_TOKEN": NOTE_TOKEN,
    }


def job(machine: Machine, name: str, subject: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a job: the file's variables, `extends`, before_script and script in one shell."""
    document = loaded("gitlab-ci.yml")
    own: dict[str, Any] = document[name]
    base: dict[str, Any] = document[own["extends"]]
    given = {**machine.variables, **variables}
    told = {key: str(value) for key, value in {**document["variables"], **own.get("variables", {})}.items()}
    expanded = {key: given.get(value[1:], "") if value.startswith("$") else value for key, value in told.items()}
    audience = base["id_tokens"]["AWS_ID_TOKEN"]["aud"]
    return machine.run(
        [*base["before_script"], *own["script"]], **expanded, AWS_ID_TOKEN=token(HOST, subject, audience), **variables
    )


def notes(gitlab: FakeGitLab) -> list[str]:
    return [note["body"] for note in gitlab.comments.get(7, [])]


def kept(name: str) -> list[str]:
    """The files that a job keeps."""
    artifacts = loaded("gitlab-ci.yml")[name]["artifacts"]
    return [*artifacts["paths"], *artifacts.get("reports", {}).values()]


def test_a_merge_requests_life(machine: Machine, gitlab: FakeGitLab) -> None:
    asked = requested(machine)
    planned = job(machine, "plan", FEATURE, **asked)
    assert planned.returncode == 0, planned.stdout
    assert "created: https://gitlab.example/GROUP/PROJECT/-/merge_requests/7#note_" in planned.stdout
    assert "`endpoint/ranker`" in notes(gitlab)[0]
    assert json.loads((machine.checkout / "tfplan.json").read_text()) == {"create": 3, "update": 0, "delete": 0}
    for name in kept("plan"):
        assert SECRET not in (machine.checkout / name).read_text()
    assert not (machine.checkout / "plan.json").exists()
    assert SECRET not in planned.stdout + notes(gitlab)[0]
    aws_token = machine.checkout.parent / "PROJECT.tmp" / "aws-token"
    assert aws_token.stat().st_mode & 0o077 == 0
    assert "AWS_ID_TOKEN" not in machine.seen, "the installation sees no token"
    assert "GITLAB_TOKEN" not in machine.seen

    again = job(machine, "plan", FEATURE, **asked, CI_PIPELINE_ID="501", CI_JOB_ID="9002")
    assert again.returncode == 0, again.stdout
    assert "unchanged: " in again.stdout

    git(machine.checkout, "checkout", "-q", "main")
    git(machine.checkout, "merge", "-q", "feature")
    merged = job(machine, "plan-to-apply", MAIN)
    assert merged.returncode == 0, merged.stdout
    assert (machine.checkout / "plan.json").stat().st_mode & 0o077 == 0
    denied = job(machine, "apply", FEATURE)
    assert denied.returncode != 0
    assert "Not authorized to perform sts:AssumeRoleWithWebIdentity" in denied.stdout
    done = job(machine, "apply", MAIN)
    assert done.returncode == 0, done.stdout
    empty = job(machine, "plan-to-apply", MAIN)
    assert empty.returncode == 0, empty.stdout
    nothing = job(machine, "apply", MAIN)
    assert nothing.returncode == 0, nothing.stdout
    drift = job(machine, "drift", MAIN)
    assert drift.returncode == 0, drift.stdout


def test_a_request_that_takes_its_change_back_withdraws_its_plan(machine: Machine, gitlab: FakeGitLab) -> None:
    asked = requested(machine)
    assert job(machine, "plan", FEATURE, **asked).returncode == 0
    newer = {**asked, "CI_PIPELINE_ID": "501", "CI_JOB_ID": "9002"}
    base = git(machine.checkout, "rev-parse", "HEAD")
    reverted = job(machine, "plan", FEATURE, **{**newer, "CI_MERGE_REQUEST_DIFF_BASE_SHA": base})
    assert reverted.returncode == 0, reverted.stdout
    assert "withdrawn: " in reverted.stdout
    assert "changes nothing that the fleet reads" in notes(gitlab)[0]
    assert job(machine, "plan", FEATURE, **newer, CI_COMMIT_SHA="b" * 40).returncode == 0
    git(machine.checkout, "rm", "-q", "fleet.yaml")
    deleted = job(machine, "plan", FEATURE, **{**newer, "CI_PIPELINE_ID": "502", "CI_JOB_ID": "9003"})
    assert deleted.returncode == 0, deleted.stdout
    assert "its endpoints live on" in notes(gitlab)[0]


def test_a_request_that_is_behind_deletes_nothing_of_what_others_have_merged(
    machine: Machine, gitlab: FakeGitLab
) -> None:
    fleet = (machine.checkout / "fleet.yaml").read_text().replace("fleet: prices", "fleet: shared")
    applied(machine, behind(machine.checkout, fleet.replace("\n  ranker:\n    config", "\n  shared:\n    config")))
    fork = git(machine.checkout, "rev-parse", "HEAD~1")
    asked = requested(machine, fork) | {"CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main"}
    planned = job(machine, "plan", FEATURE, **asked)
    assert planned.returncode == 0, planned.stdout
    (note,) = notes(gitlab)
    assert "The branch is behind origin/main, which has endpoint/of-others" in note
    assert "DELETION" not in note


def test_without_a_token_the_report_is_left(machine: Machine, gitlab: FakeGitLab) -> None:
    """The pipeline of a fork has no variable of the project's; its role trusts it neither."""
    asked = {**requested(machine), "GITLAB_TOKEN": ""}
    ended = job(machine, "plan", FEATURE, **asked)
    assert ended.returncode == 0, ended.stdout
    assert "no GITLAB_TOKEN: no note" in ended.stdout
    assert gitlab.requests == []
    assert (machine.checkout / "plan.html").exists()
    fork = job(machine, "plan", FEATURE.replace("GROUP", "EVIL"), **asked)
    assert fork.returncode != 0
    assert "Not authorized to perform sts:AssumeRoleWithWebIdentity" in fork.stdout


def test_a_plan_that_fails_is_red_and_told_in_the_note(machine: Machine, gitlab: FakeGitLab) -> None:
    asked = requested(machine)
    assert job(machine, "plan", FEATURE, **asked).returncode == 0
    path = machine.checkout / "fleet.yaml"
    path.write_text(path.read_text().replace("instance_type", "instance_tipe"))
    git(machine.checkout, "commit", "-qam", "Break it")
    ended = job(machine, "plan", FEATURE, **asked, CI_PIPELINE_ID="501", CI_JOB_ID="9002", CI_COMMIT_SHA="b" * 40)
    assert ended.returncode != 0
    assert "there is no plan" in notes(gitlab)[0]


def test_a_note_that_can_not_be_written_is_red(machine: Machine, gitlab: FakeGitLab) -> None:
    gitlab.user(NOTE_TOKEN, BOT, writes=False)
    ended = job(machine, "plan", FEATURE, **requested(machine))
    assert ended.returncode != 0
    assert "scope `api`" in ended.stdout


def test_a_job_installs_mmeplan_into_a_bare_environment(tmp_path: Path, wheels: Path) -> None:
    """pip and venv are real; a checkout full of modules of pip's names has no say."""
    checkout = tmp_path / "builds" / "PROJECT"
    (tmp_path / "builds" / "PROJECT.tmp").mkdir(parents=True)
    checkout.mkdir()
    for name in HOSTILE_MODULES:
        (checkout / f"{name}.py").write_text(f"raise SystemExit('imported {name}')")
    source, release = clone(tmp_path), loaded("gitlab-ci.yml")["variables"]["MMEPLAN"]
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", "\n".join([*loaded("gitlab-ci.yml")[".mmeplan"]["before_script"], CHECK])],
        cwd=checkout,
        env={
            **offline_pip(wheels),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "CI_PROJECT_DIR": str(checkout),
            "CI_JOB_ID": "1",
            "AWS_ID_TOKEN": "t",
            "MMEPLAN": f"{release.rpartition('@')[0]}@{git(source, 'rev-parse', 'HEAD')}",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"url.file://{source}.insteadOf",
            "GIT_CONFIG_VALUE_0": "https://git.example.com/OWNER/mmeplan",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{checkout}.tmp/mmeplan/bin/mmeplan" in done.stdout
    assert "mmeplan 0." in done.stdout
    assert "true" in done.stdout.splitlines()


CHECK = """\
command -v mmeplan
mmeplan --version
"$CI_PROJECT_DIR.tmp/mmeplan/bin/python" -I -c 'import cel_expr_python; print("true")'
"""


def test_the_shell_of_every_job_passes_shellcheck(tmp_path: Path) -> None:
    document = loaded("gitlab-ci.yml")
    scripts = {name: [*document[".mmeplan"]["before_script"], *one["script"]] for name, one in jobs(document).items()}
    scripts |= {f"bitbucket {name}": one["script"] for name, one in steps().items()}
    assert len(scripts) == 8
    for name, lines in scripts.items():
        (tmp_path / name).write_text("\n".join(lines))
    run(tool("shellcheck"), "--shell=bash", *(tmp_path / name for name in scripts))


def jobs(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: one for name, one in document.items() if isinstance(one, dict) and "extends" in one}


def test_every_job_has_a_timeout_and_no_request_keeps_a_plan_in_the_clear() -> None:
    document = loaded("gitlab-ci.yml")
    assert document[".mmeplan"]["timeout"]
    assert "--out" not in str(document["plan"])
    assert "plan.json" not in document["plan"]["artifacts"]["paths"]
    assert document["plan-to-apply"]["artifacts"]["access"] == "developer"
    [rule] = document["apply"]["rules"]
    assert (rule["when"], rule["allow_failure"]) == ("manual", False)
    assert rule["changes"] == document["plan-to-apply"]["rules"][0]["changes"]
    assert document["plan"]["artifacts"]["reports"] == {"terraform": "tfplan.json"}
