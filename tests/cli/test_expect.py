"""`apply --expect ID`: the plan that was reviewed, and no other."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.running import mmeplan

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A fleet whose plan was reviewed and saved."""
    shutil.copy(ROOT / "examples" / "serverless" / "fleet.yaml", tmp_path)
    assert mmeplan("plan --local --out plan.json", tmp_path).code == 0
    return tmp_path


def reviewed(folder: Path) -> str:
    plan_id: str = json.loads((folder / "plan.json").read_text())["plan_id"]
    return plan_id


@pytest.mark.parametrize("what", ["fleet.yaml", "plan.json"])
@pytest.mark.parametrize("short", [False, True])
def test_the_plan_that_was_reviewed_is_applied(folder: Path, what: str, short: bool) -> None:
    expected = reviewed(folder).removeprefix("sha256:")[:12] if short else reviewed(folder)
    ended = mmeplan(f"apply --local -y --expect {expected} {what}", folder)
    assert ended.code == 0, ended.stderr


def test_another_plan_is_shown_and_not_applied(folder: Path) -> None:
    path = folder / "fleet.yaml"
    path.write_text(path.read_text().replace("memory_size_in_mb: 3072", "memory_size_in_mb: 4096"))
    expected = reviewed(folder).removeprefix("sha256:")[:12]
    other = mmeplan(f"apply --local -y --expect {expected} fleet.yaml", folder)
    assert other.code == 4
    assert "to create" in other.stdout
    assert f"the plan that was reviewed {expected}" in other.stderr
    assert "nothing was written" in other.stderr
    assert mmeplan("plan --local --detailed-exitcode", folder).code == 2
    found = other.stderr.split("--expect ")[1].split()[0]
    assert mmeplan(f"apply --local -y --expect {found} fleet.yaml", folder).code == 0


def test_what_was_applied_since_is_another_plan(folder: Path) -> None:
    assert mmeplan("apply --local -y", folder).code == 0
    assert mmeplan(f"apply --local -y --expect {reviewed(folder)} fleet.yaml", folder).code == 4
    assert mmeplan(f"destroy --local -y --expect {reviewed(folder)}", folder).code == 4


@pytest.mark.parametrize("wrong", ["64811fd7", "latest", "64811fd7bd3z"])
def test_what_is_no_id_is_refused(folder: Path, wrong: str) -> None:
    ended = mmeplan(f"apply --local -y --expect {wrong}", folder)
    assert ended.code == 1
    assert "twelve hex digits" in " ".join(ended.stderr.split())


def test_the_rest_of_a_plan_that_was_reviewed_is_that_plan(folder: Path) -> None:
    expected = reviewed(folder)
    plan = json.loads((folder / "plan.json").read_text())
    first = next(step["address"] for step in plan["steps"] if step["operation"] == "CreateModel")
    assert mmeplan(f"apply --local -y --target {first} fleet.yaml", folder).code == 0
    ended = mmeplan(f"apply --local -y --expect {expected} plan.json", folder)
    assert ended.code == 0, ended.stderr
    assert "this is what is left of it" in ended.stderr
    again = mmeplan(f"apply --local -y --expect {expected} plan.json", folder)
    assert (again.code, "No changes" in again.stdout) == (0, True), again.stdout + again.stderr


def test_a_comment_in_the_file_is_no_other_plan_and_makes_a_saved_one_stale(folder: Path) -> None:
    path, before = folder / "fleet.yaml", reviewed(folder)
    path.write_text(f"# a comment\n\n{path.read_text()}")
    stale = mmeplan("apply --local -y plan.json", folder)
    assert stale.code == 4
    assert "fleet.yaml has changed since the plan was made" in stale.stderr
    assert mmeplan("plan --local --out again.json", folder).code == 0
    again = json.loads((folder / "again.json").read_text())
    assert again["plan_id"] == before
    assert again["seal"] != json.loads((folder / "plan.json").read_text())["seal"]
    assert mmeplan(f"apply --local -y --expect {before}", folder).code == 0
