"""`plan --base REF`: a branch that is behind deletes nothing of what others have merged."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import mmeplan

HEAD = """\
version: 1
fleet: scores
region: eu-west-1
models:
  scorer:
    execution_role_arn: arn:aws:iam::123456789012:role/serving
    primary_container: {image: "123456789012.dkr.ecr.eu-west-1.amazonaws.com/scorer:1"}
endpoints:
  "scores-{{ each.key }}":
    for_each: {file: tables/tenants.csv}
    config: {production_variants: {main: {model: scorer, instance_type: ml.m5.large, initial_instance_count: 1}}}
"""


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "init.defaultBranch=main"]
    return subprocess.run(["git", *identity, *words], cwd=folder, capture_output=True, text=True, check=True).stdout


def commit(folder: Path, *tenants: str, text: str = HEAD) -> None:
    table = folder / "fleets/tables/tenants.csv"
    table.parent.mkdir(parents=True, exist_ok=True)
    table.write_text("\n".join(("key", *tenants, "")))
    (folder / "fleets/fleet.yaml").write_text(text)
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "Tenants")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """On the branch `mine`, which left main before somebody added b there and applied that."""
    git(tmp_path, "init", "-q")
    (tmp_path / ".gitignore").write_text("*.db*\n.mmeplan\n")
    commit(tmp_path, "a", "gone")
    git(tmp_path, "branch", "mine")
    commit(tmp_path, "a", "gone", "b")
    assert mmeplan("apply --yes --local-db aws.db fleets/fleet.yaml", tmp_path).code == 0
    git(tmp_path, "switch", "-q", "mine")
    return tmp_path


def planned(folder: Path, options: str) -> dict[str, Any]:
    ended = mmeplan(f"plan --local-db aws.db --format json {options} fleets/fleet.yaml", folder)
    assert ended.code == 0, ended.stderr
    document: dict[str, Any] = json.loads(ended.stdout)
    return document


def done(document: dict[str, Any]) -> dict[str, list[str]]:
    return {c["address"]: c["actions"] for c in document["changes"] if c["actions"] != ["no-op"]}


def test_an_entry_that_is_on_main_is_not_deleted(repository: Path) -> None:
    assert planned(repository, "")["summary"]["worst_effect"] == "delete"
    document = planned(repository, "--base main")
    assert done(document) == {}
    assert document["options"]["behind"] == ["endpoint/scores-b", "endpoint_config/scores-b"]
    (change,) = [c for c in document["changes"] if c["address"] == "endpoint/scores-b"]
    assert change["notes"] == ["this entry is on main; the branch is behind"]
    page = " ".join(mmeplan("plan --local-db aws.db --base main fleets/fleet.yaml", repository).stdout.split())
    assert (
        "the branch is behind main, which has endpoint/scores-b, endpoint_config/scores-b: that is not deleted" in page
    )


def test_what_the_branch_itself_removes_is_deleted(repository: Path) -> None:
    commit(repository, "a")
    document = planned(repository, "--base main --out plan.json")
    assert set(done(document)) == {"endpoint/scores-gone", "endpoint_config/scores-gone"}
    assert document["applyable"] is False
    refused = mmeplan("apply --yes --local-db aws.db plan.json", repository)
    assert refused.code == 3
    assert "the branch is behind main" in refused.stderr
    git(repository, "checkout", "-q", "main", "--", ".")
    commit(repository, "a", "b")
    git(repository, "merge", "-q", "-s", "ours", "-m", "Merge", "main")
    document = planned(repository, "--base main --out plan.json")
    assert set(done(document)) == {"endpoint/scores-gone", "endpoint_config/scores-gone"}
    assert "behind" not in document["options"]
    assert mmeplan("apply --yes --local-db aws.db plan.json", repository).code == 0


def test_what_only_main_has_changed_is_told(repository: Path) -> None:
    git(repository, "switch", "-q", "main")
    commit(repository, "a", "gone", "b", text=HEAD.replace("scorer:1", "scorer:2"))
    assert mmeplan("apply --yes --local-db aws.db fleets/fleet.yaml", repository).code == 0
    git(repository, "switch", "-q", "mine")
    document = planned(repository, "--base main")
    assert "model/scorer" in document["options"]["outdated"]
    assert document["summary"]["delete"] == 0
    assert not document["applyable"]


@pytest.mark.parametrize(
    ("base", "why"), [("nowhere", "it isn't in this checkout"), ("main", "no history"), ("broken", "can't be read")]
)
def test_where_it_could_not_look_it_says_so(repository: Path, base: str, why: str) -> None:
    if base == "main":
        git(repository, "switch", "-q", "--orphan", "alone")
        commit(repository, "a", "gone")
    if base == "broken":
        git(repository, "switch", "-q", "-c", "broken")
        commit(repository, "a", text="nonsense: [\n")
        git(repository, "switch", "-q", "mine")
    document = planned(repository, f"--base {base}")
    assert document["summary"]["worst_effect"] == "delete"
    assert why in document["options"]["base_unseen"]
    markdown = mmeplan(f"plan --local-db aws.db --base {base} --format markdown fleets/fleet.yaml", repository).stdout
    assert "could not be looked at" in markdown
    assert "what looks deleted may only be missing in this branch" in markdown


def test_a_fleet_that_is_not_there_yet_has_no_base(repository: Path) -> None:
    git(repository, "switch", "-q", "--orphan", "other")
    (repository / "readme").write_text("")
    git(repository, "add", "readme")
    git(repository, "commit", "-q", "-m", "Empty")
    git(repository, "switch", "-q", "-c", "first")
    commit(repository, "a")
    document = planned(repository, "--base other")
    assert (document["options"]["base"], document["options"].get("behind")) == ("other", None)
