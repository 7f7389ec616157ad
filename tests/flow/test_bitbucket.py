"""Bitbucket's example file: its steps run against a served world, with tokens of Bitbucket's form."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.doors import served
from tests.flow.pipelines import APPLY, PLAN, WORKSPACE, Machine, applied, behind, declare, iam, loaded, token
from tests.flow.test_pull_request import FLEET, SECRET

STEP = "{REPOSITORY_UUID}:{STEP}"
DEPLOYMENT = "{REPOSITORY_UUID}:{ENVIRONMENT_UUID}:{STEP}"


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    with served("--start", "now", "--speed", "30") as world:
        declare(iam(world.door.url), WORKSPACE)
        yield world.door.url


@pytest.fixture
def machine(tmp_path: Path, aws: str) -> Machine:
    checkout = tmp_path / "build" / "clone"
    checkout.mkdir(parents=True)
    (checkout / "fleet.yaml").write_text(f"{FLEET}\nenvironments:\n  prod: {{}}\n")
    variables = {
        "BITBUCKET_CLONE_DIR": str(checkout),
        "BITBUCKET_COMMIT": "a" * 40,
        "MMEPLAN_PLAN_ROLE": PLAN,
        "MMEPLAN_APPLY_ROLE": APPLY,
    }
    return Machine(checkout, aws, variables)


def steps() -> dict[str, dict[str, Any]]:
    """Every step by its name."""
    pipelines = loaded("bitbucket-pipelines.yml")["pipelines"]
    lists = [*pipelines["pull-requests"].values(), *pipelines["branches"].values(), *pipelines["custom"].values()]
    return {item["step"]["name"]: item["step"] for steps in lists for item in steps}


def step(machine: Machine, name: str, subject: str) -> subprocess.CompletedProcess[str]:
    return machine.run(steps()[name]["script"], BITBUCKET_STEP_OIDC_TOKEN=token(WORKSPACE, subject))


def test_a_pull_requests_life(machine: Machine) -> None:
    planned = step(machine, "Plan", STEP)
    assert planned.returncode == 0, planned.stdout
    assert not (machine.checkout / "plan.json").exists()
    for name in steps()["Plan"]["artifacts"]:
        text = (machine.checkout / name).read_text()
        assert SECRET not in text
    page = (machine.checkout / "plan.md").read_text()
    assert page.startswith("## ")
    assert "`endpoint/ranker`" in page
    assert "<" not in page
    assert "BITBUCKET_STEP_OIDC_TOKEN" not in machine.seen, "the installation sees no token"
    assert (machine.checkout.parent / "aws-token").stat().st_mode & 0o077 == 0

    assert step(machine, "Plan to apply", STEP).returncode == 0
    denied = step(machine, "Apply", STEP)
    assert denied.returncode != 0
    assert "Not authorized to perform sts:AssumeRoleWithWebIdentity" in denied.stdout
    ended = step(machine, "Apply", DEPLOYMENT)
    assert ended.returncode == 0, ended.stdout
    drift = step(machine, "Drift", STEP)
    assert drift.returncode == 0, drift.stdout


def test_a_request_that_is_behind_deletes_nothing_of_what_others_have_merged(machine: Machine) -> None:
    fleet = (machine.checkout / "fleet.yaml").read_text().replace("fleet: prices", "fleet: shared")
    applied(machine, behind(machine.checkout, fleet.replace("\n  ranker:\n    config", "\n  shared:\n    config")))
    machine.variables["BITBUCKET_PR_DESTINATION_BRANCH"] = "main"
    planned = step(machine, "Plan", STEP)
    assert planned.returncode == 0, planned.stdout
    page = (machine.checkout / "plan.md").read_text()
    assert "The branch is behind origin/main, which has endpoint/of-others" in page
    assert "DELETION" not in page
    machine.variables["BITBUCKET_PR_DESTINATION_BRANCH"] = "gone"
    unseen = step(machine, "Plan", STEP)
    assert unseen.returncode == 0, unseen.stdout
    assert "no origin/gone" in unseen.stdout
    assert (
        "The branch origin/gone could not be looked at (it isn't in this checkout)"
        in (machine.checkout / "plan.md").read_text()
    )


def test_every_step_has_a_bound_and_only_changes_of_the_fleet_start_one() -> None:
    for name, one in steps().items():
        assert one["max-time"] > 0, name
        assert name == "Drift" or one["condition"]["changesets"]["includePaths"], name
    assert "plan.json" not in steps()["Plan"]["artifacts"]
