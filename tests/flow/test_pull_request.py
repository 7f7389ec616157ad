"""A pull request's whole life, from checkout to comment to apply, with the action's own steps and without network.

SageMaker is the simulated one, GitHub's API a fake on this machine; git, bash, pip and mmeplan are real.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mmeplan.simulator import Simulator
from tests.cli.running import mmeplan
from tests.flow.fake_github import FakeGitHub, serving
from tests.flow.runner import HOSTILE_MODULES, ROOT, Ended, Runner, git, offline_pip

__all__ = ["git"]

TOKEN, BOT = "ghs_the_workflows_own_token", "github-actions[bot]"
SECRET = "not-for-everyone"
FLEET = """\
version: 1
fleet: prices
region: eu-west-1

models:
  ranker:
    execution_role_arn: arn:aws:iam::123456789012:role/sagemaker-execution
    primary_container:
      image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/xgboost-serving:1.7-1
      model_data_url: s3://acme-models/ranker/1.tar.gz
      environment:
        API_KEY: not-for-everyone

endpoints:
  ranker:
    config:
      production_variants:
        main:
          model: ranker
          instance_type: ml.m5.large
          initial_instance_count: 2
"""


@pytest.fixture
def github() -> Iterator[FakeGitHub]:
    with serving(FakeGitHub()) as fake:
        fake.user(TOKEN, BOT, bot=True)
        yield fake


class Repository:
    """A repository whose main branch is live, and the machines that its workflows run on."""

    def __init__(self, tmp_path: Path, machine: Path, github: FakeGitHub, pip: dict[str, str]) -> None:
        self.origin, self.machine, self.github = tmp_path / "origin", machine, github
        self.world, self.pip = tmp_path / "aws.db", pip
        self.tmp_path, self.runs = tmp_path, 0
        self.origin.mkdir()
        git(self.origin, "init", "-q")
        self.commit(FLEET, "The fleet")
        git(self.origin, "switch", "-q", "-c", "bigger")

    @property
    def aws(self) -> str:
        """The option that stands for AWS."""
        return f"--local-db={self.world}"

    def commit(self, fleet: str, message: str) -> None:
        (self.origin / "fleet.yaml").write_text(fleet)
        git(self.origin, "add", "fleet.yaml")
        git(self.origin, "commit", "-q", "-m", message)

    def checkout(self, branch: str, name: str) -> Path:
        """What actions/checkout does."""
        folder = self.tmp_path / name
        shutil.rmtree(folder, ignore_errors=True)
        git(self.tmp_path, "clone", "-q", "--branch", branch, str(self.origin), str(folder))
        return folder

    def runner(self, branch: str, event_name: str = "pull_request", token: str = TOKEN) -> Runner:
        folder = self.checkout(branch, f"checkout-{branch}")
        sha = git(folder, "rev-parse", "HEAD")
        head = {"sha": sha, "repo": {"full_name": self.github.repository if token == TOKEN else "ann/fleets"}}
        event = {"pull_request": {"number": 7, "head": head}} if event_name == "pull_request" else {}
        self.sha = sha
        self.runs += 1
        return Runner(
            self.machine,
            folder,
            event,
            event_name,
            token,
            self.github.url,
            sha=sha,
            run_id=self.runs,
            environment=self.pip,
        )

    def act(self, branch: str, event_name: str = "pull_request", token: str = TOKEN, **inputs: str) -> Ended:
        skip = ("Install mmeplan",)
        return self.runner(branch, event_name, token).act(skip, **{"args": self.aws, **inputs})

    @property
    def comment(self) -> str:
        (only,) = self.github.comments[7]
        return str(only["body"])


@pytest.fixture
def repository(tmp_path: Path, machine: Path, github: FakeGitHub, wheels: Path) -> Repository:
    """A fleet that is live as the main branch says."""
    made = Repository(tmp_path, machine, github, offline_pip(wheels))
    folder = made.checkout("main", "first")
    assert mmeplan(f"apply --yes {made.aws}", folder).code == 0
    return made


BIGGER = FLEET.replace("ml.m5.large", "ml.m5.xlarge")


def test_a_pull_request_from_checkout_to_comment_to_apply(repository: Repository) -> None:
    repository.commit(BIGGER, "Bigger instances")

    first = repository.act("bigger")
    assert first.code == 0, first.log
    assert repository.comment.startswith(
        "<!-- mmeplan:fleet=prices;environment=;path=fleet.yaml;region=eu-west-1;account=123456789012 -->\n"
    )
    assert "traffic shifts on 1 endpoint" in repository.comment
    assert "ml.m5.xlarge" in repository.comment
    assert first.outputs["exit"] == "2"
    assert first.outputs["worst_effect"] == "traffic_shift"
    assert first.outputs["labels"] == "mmeplan:traffic-shift"
    assert re.sub("<!-- mmeplan-run:.*\n", "", repository.comment) in first.summary
    assert "created: https://github.example/" in first.log

    second = repository.act("bigger")
    assert second.code == 0, second.log
    assert "unchanged: " in second.log
    assert [request.method for request in repository.github.sent()] == ["POST"]

    repository.commit(FLEET.replace("initial_instance_count: 2", "initial_instance_count: 3"), "More, not bigger")
    third = repository.act("bigger")
    assert third.outputs["worst_effect"] == "in_place"
    assert "1 endpoint changed in place" in repository.comment
    assert "ml.m5.xlarge" not in repository.comment
    assert [request.method for request in repository.github.sent()] == ["POST", "PATCH"]

    git(repository.origin, "switch", "-q", "main")
    git(repository.origin, "merge", "-q", "--no-ff", "-m", "Merge", "bigger")
    plan = repository.tmp_path / "plan.json"
    planned = repository.act("main", "push", plan_file=str(plan))
    assert planned.code == 0, planned.log
    assert planned.outputs["reviewed"] == "unknown"
    applied = repository.act("main", "push", command="apply", plan_file=str(plan))
    assert applied.code == 0, applied.log
    assert applied.outputs["exit"] == "0"
    assert repository.act("main", "push").outputs["exit"] == "0"
    assert len(repository.github.sent()) == 2, "a push comments on nothing"


def test_a_plan_that_the_world_left_behind_is_refused(repository: Repository) -> None:
    repository.commit(BIGGER, "Bigger instances")
    plan = repository.tmp_path / "plan.json"
    assert repository.act("bigger", plan_file=str(plan)).code == 0
    somebody_scales(repository)
    refused = repository.act("bigger", command="apply", plan_file=str(plan))
    assert refused.code == 4, refused.log
    assert "endpoint ranker has changed since the plan was made" in refused.log
    assert refused.outputs["exit"] == "4"


def somebody_scales(repository: Repository) -> None:
    """In a console, behind everybody's back."""
    from mmeplan.cloud.aws import Cloud, Door

    with Simulator.open(repository.world) as simulator:
        cloud = Cloud(simulator.clock, region="eu-west-1", door=Door(simulator.before_send, "123456789012"))
        wanted = [{"VariantName": "main", "DesiredInstanceCount": 5}]
        request = {"EndpointName": "ranker", "DesiredWeightsAndCapacities": wanted}
        cloud.write("UpdateEndpointWeightsAndCapacities", request)
        simulator.clock.sleep(3_600)


def test_the_nightly_job_finds_what_somebody_did(repository: Repository) -> None:
    calm = repository.act("main", "schedule", command="drift", issue="Drift in prices")
    assert (calm.code, calm.outputs["drift"]) == (0, "0"), calm.log
    assert repository.github.issues == []

    somebody_scales(repository)
    failing = repository.act("main", "schedule", command="drift")
    assert (failing.code, failing.outputs["drift"]) == (2, "1"), failing.log
    assert "::error::what is live is not what the fleet file says" in failing.log

    for _ in range(2):
        told = repository.act("main", "schedule", command="drift", issue="Drift in prices")
        assert told.code == 0, told.log
    (issue,) = repository.github.issues
    assert (issue["title"], issue["state"], issue["labels"]) == ("Drift in prices", "open", ["mmeplan"])
    assert "Changed outside mmeplan" in issue["body"]
    assert [request.method for request in repository.github.sent()] == ["POST"]

    assert mmeplan(f"apply --yes {repository.aws}", repository.checkout("main", "again")).code == 0
    assert repository.act("main", "schedule", command="drift", issue="Drift in prices").code == 0
    assert issue["state"] == "closed"


def test_a_fork_gets_a_speculative_plan_without_credentials(repository: Repository) -> None:
    """The main branch's job stores a snapshot; the fork's job has that, no credentials, and a token that only reads."""
    snapshot = repository.tmp_path / "snapshot.json"
    stored = repository.act("main", "push", command="snapshot", snapshot=str(snapshot))
    assert stored.code == 0, stored.log
    assert SECRET not in snapshot.read_text()
    repository.commit(BIGGER, "Bigger instances")
    repository.github.user("ghs_of_a_fork", BOT, bot=True, writes=False)
    ended = repository.act("bigger", token="ghs_of_a_fork", snapshot=str(snapshot), args="")
    assert ended.code == 0, ended.log
    assert "Speculative plan" in ended.summary
    assert ended.outputs["exit"] == "2"
    assert "warning: nothing was written" in ended.log
    assert "a pull request from a fork gets a token that can only read" in ended.log
    assert repository.github.comments == {}
    applied = repository.act("bigger", command="apply", plan_file="plan.json")
    assert applied.code != 0


def test_a_file_that_is_wrong_takes_the_place_of_the_plan_in_the_comment(repository: Repository) -> None:
    repository.commit(BIGGER, "Bigger instances")
    assert repository.act("bigger").code == 0
    repository.commit(BIGGER.replace("endpoints:", "endpointz:"), "A slip")
    broken = repository.act("bigger")
    assert broken.code == 1, broken.log
    assert "there is no plan; 1 error" in repository.comment
    assert "::error file=fleet.yaml,line=14,col=1,title=INPUT::" in broken.log
    assert broken.outputs["exit"] == "1"
    assert "there is no plan" in broken.summary

    repository.commit(
        BIGGER.replace("        main:\n          model: ranker", "        main:\n          model: rnker"), "?"
    )
    assert repository.act("bigger").code != 0
    assert "there is no plan" in repository.comment
    assert "rnker" in repository.comment


def test_refused_by_a_rule_or_a_gate_is_red_and_told(repository: Repository) -> None:
    repository.commit(FLEET.replace("endpoints:\n  ranker:", "endpoints:\n  other:"), "Another name")
    moved = repository.act("bigger")
    assert "GONE" in repository.comment.upper() or "DELET" in repository.comment.upper()
    assert "mmeplan:delete" in moved.outputs["labels"]
    repository.commit(FLEET.replace("initial_instance_count: 2", "initial_instance_count: 0"), "None")
    refused = repository.act("bigger")
    assert refused.code in (1, 3), refused.log
    assert "mmeplan:" in refused.outputs["labels"]
    assert "error" in repository.comment


def test_a_change_that_is_taken_back_withdraws_its_plan(repository: Repository) -> None:
    repository.commit(BIGGER, "Bigger instances")
    assert repository.act("bigger").code == 0
    repository.commit(FLEET, "Not bigger after all")
    ended = repository.act("bigger", command="withdraw", due="[]", args="")
    assert ended.code == 0, ended.log
    assert "changes nothing that the fleet reads" in repository.comment
    assert "ml.m5.xlarge" not in repository.comment


def test_on_an_enterprise_server_the_comment_is_the_servers(repository: Repository) -> None:
    """GITHUB_API_URL is HOSTNAME/api/v3 there, and GraphQL beside it: whatever else was asked is a 404."""
    server = repository.github
    server.server, server.page = True, 1
    server.comment(7, "ann", "Looks good")
    server.comment(7, "ann", "Still does")
    server.url += "/api/v3"
    try:
        repository.commit(BIGGER, "Bigger instances")
        for told in ("created: ", "unchanged: "):
            ended = repository.act("bigger")
            assert ended.code == 0, ended.log
            assert told in ended.log
    finally:
        server.url = server.url.removesuffix("/api/v3")
    assert not [request.path for request in server.requests if "isn't there" in request.path]
    assert len(server.comments[7]) == 3


HOSTILE = (
    {
        "fleet": "$(touch pwned)`touch pwned`;touch pwned.yaml",
        "snapshot": "$(touch pwned)",
        "pull_request": "7;touch pwned",
    },
    {"args": "--var\nx=$(touch pwned)\n`touch pwned`", "environment": "'; touch pwned; '"},
    {"command": "plan; touch pwned", "issue": "$(touch pwned)"},
    {"plan_file": "$(touch pwned).json", "report": "`touch pwned`.html"},
)


@pytest.mark.parametrize("inputs", HOSTILE, ids="+".join)
def test_no_input_is_ever_a_command(repository: Repository, inputs: dict[str, str]) -> None:
    ended = repository.act("bigger", **inputs)
    assert not list(repository.tmp_path.rglob("pwned*"))
    assert "command not found" not in ended.log
    assert ended.ran


def test_no_secret_is_told_to_anybody(repository: Repository) -> None:
    repository.commit(BIGGER.replace(SECRET, f"{SECRET}-2"), "Another key")
    ended = repository.act("bigger", report="plan.html")
    everything = [ended.log, ended.summary, json.dumps(ended.outputs), repository.comment]
    everything.append((repository.tmp_path / "checkout-bigger" / "plan.html").read_text())
    for text in everything:
        assert SECRET not in text
        assert TOKEN not in text


def test_the_log_of_a_hostile_fleet_holds_no_command(repository: Repository) -> None:
    """A value that looks like a command stands where the runner doesn't listen."""
    evil = BIGGER.replace(
        "  ranker:\n    config:", '  ranker:\n    tags: {"::error::pwned": "::error::pwned"}\n    config:'
    )
    repository.commit(evil, "Evil")
    ended = repository.act("bigger")
    assert "::error::pwned" in ended.log, "the value is shown, so that the test says something"
    assert [line for line in heard_by_the_runner(ended.log) if "pwned" in line] == []


def heard_by_the_runner(log: str) -> list[str]:
    """The lines that the runner looks into: those outside of stop-commands."""
    heard, stopped = [], ""
    for line in log.splitlines():
        if stopped:
            stopped = "" if line.strip() == f"::{stopped}::" else stopped
        elif line.strip().startswith("::stop-commands::"):
            stopped = line.strip().removeprefix("::stop-commands::")
        else:
            heard.append(line)
    assert not stopped
    return heard


@pytest.mark.parametrize("command", ["plan", "drift"])
def test_a_typing_mistake_in_args_is_red(repository: Repository, command: str) -> None:
    inputs = {"command": command, "args": f"{repository.aws}\n--max-chnage=20%", "issue": "Drift"}
    ended = repository.act("main", "push", **inputs)
    assert ended.code != 0
    assert ended.outputs["exit"] == "1"
    assert "No such option" in ended.log


def test_the_bare_environment_reads_policies(repository: Repository) -> None:
    """The environment is the action's own: nothing of the developer's is in it."""
    policies = "policies:\n  no-large: {expression: plan.summary.delete == 0, message: nothing is deleted}\n"
    repository.commit(BIGGER + policies, "A policy")
    ended = repository.act("bigger")
    assert ended.outputs["exit"] == "2", ended.log
    python = repository.machine / "mmeplan/bin/python"
    assert subprocess.run([python, "-c", "import pytest"], env={}, capture_output=True).returncode != 0


def test_the_input_packages_adds_rules(repository: Repository, tmp_path: Path) -> None:
    rules = shutil.copytree(ROOT / "examples/rules-package", tmp_path / "rules-package")
    python = repository.machine / "mmeplan/bin/python"
    try:
        ended = repository.act("bigger", packages=f"{rules}\n")
    finally:
        subprocess.run([python, "-m", "pip", "uninstall", "-qy", "acme-fleet-rules"], check=True)
    assert (ended.code, ended.outputs["exit"]) == (3, "3"), ended.log
    assert "ACME-01" in ended.log


def test_a_package_may_not_change_what_mmeplan_was_installed_with(repository: Repository, tmp_path: Path) -> None:
    package = tmp_path / "greedy"
    package.mkdir()
    (package / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "greedy"\nversion = "1"\ndependencies = ["click<8"]\n'
        "[tool.hatch.build.targets.wheel]\nbypass-selection = true\n"
    )
    ended = repository.runner("bigger").act(("Install mmeplan",), packages=str(package), args=repository.aws)
    assert ended.code != 0
    assert "click" in ended.log
    assert ended.ran == ["Install more packages"]


def test_no_module_of_the_checkout_is_imported(repository: Repository) -> None:
    runner = repository.runner("bigger")
    for name in HOSTILE_MODULES:
        (runner.workspace / f"{name}.py").write_text(f"print('imported {name}')\nraise SystemExit('imported {name}')")
    ended = runner.act(args=repository.aws)
    assert (ended.code, "imported" in ended.log) == (0, False), ended.log
    assert "Run mmeplan" in ended.ran


@pytest.mark.parametrize("inputs", [{"plan_file": "out/plan.json"}, {"report": "out/plan.html"}])
def test_nothing_is_written_through_a_symlink_out_of_the_workspace(
    repository: Repository, tmp_path: Path, inputs: dict[str, str]
) -> None:
    outside, runner = tmp_path / "outside", repository.runner("bigger")
    outside.mkdir()
    (runner.workspace / "out").symlink_to(outside)
    ended = runner.act(args=repository.aws, **inputs)
    assert ended.code == 1
    assert "lies outside of the workspace" in ended.log
    assert list(outside.iterdir()) == []


def test_what_the_action_installs_fits_the_project() -> None:
    done = subprocess.run([sys.executable, str(ROOT / ".ci" / "locked.py")], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "they fit\n")
