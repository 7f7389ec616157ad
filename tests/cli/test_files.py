"""`mmeplan files`: what fleets read, and which of them a change touches; with git as it is."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.cli.running import Result, mmeplan

TABLE = "name,instances\nberlin,2\n"
FLEET = """\
version: 1
fleet: {name}
region: eu-west-1
environments:
  prod: {{}}
  test: {{}}
models:
  "store-{{{{ each.key }}}}":
    for_each: {{file: {table}}}
    execution_role_arn: arn:aws:iam::123456789012:role/sagemaker-execution
    primary_container: {{image: "123456789012.dkr.ecr.eu-west-1.amazonaws.com/xgboost:1.7-1"}}
"""


def git(folder: Path, *words: str) -> None:
    identity = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two fleets that share a table above them, and one with a table of its own; all committed."""
    files = {
        "tables/stores.csv": TABLE,
        "berlin/fleet.yaml": FLEET.format(name="berlin", table="../tables/stores.csv"),
        "paris/fleet.yaml": FLEET.format(name="paris", table="../tables/stores.csv"),
        "rome/fleet.yaml": FLEET.format(name="rome", table="own.csv"),
        "rome/own.csv": TABLE,
        "README.md": "Fleets\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "Fleets")
    return tmp_path


def due(folder: Path, options: str = "") -> list[str]:
    ended = mmeplan(f"files --changed-since HEAD {options}", folder)
    assert ended.code == 0, ended.stderr
    made: list[str] = json.loads(ended.stdout)
    return made


def test_every_file_that_a_fleet_reads_one_a_line(repository: Path) -> None:
    ended = mmeplan("files berlin/fleet.yaml rome/fleet.yaml", repository)
    assert (ended.code, ended.stderr) == (0, "")
    assert ended.stdout.split() == ["berlin/fleet.yaml", "tables/stores.csv", "rome/fleet.yaml", "rome/own.csv"]


def test_the_tables_of_all_environments_where_none_is_chosen(repository: Path) -> None:
    path = repository / "rome/fleet.yaml"
    text = (
        path.read_text()
        .replace("test: {}", "test: {variables: {table: other.csv}}")
        .replace("own.csv", '"{{ table }}"')
    )
    path.write_text(text.replace("environments:", "variables: {table: own.csv}\nenvironments:"))
    (repository / "rome/other.csv").write_text(TABLE)
    assert mmeplan("files rome/fleet.yaml", repository).stdout.split()[1:] == ["rome/own.csv", "rome/other.csv"]
    assert mmeplan("files -e prod rome/fleet.yaml", repository).stdout.split()[1:] == ["rome/own.csv"]


@pytest.mark.parametrize(
    ("changed", "fleets"),
    [
        ("README.md", []),
        ("tables/stores.csv", ["berlin/fleet.yaml", "paris/fleet.yaml"]),
        ("rome/own.csv", ["rome/fleet.yaml"]),
        ("paris/fleet.yaml", ["paris/fleet.yaml"]),
    ],
)
def test_a_change_touches_the_fleets_that_read_the_file(repository: Path, changed: str, fleets: list[str]) -> None:
    assert due(repository) == []
    with (repository / changed).open("a") as stream:
        stream.write("\n")
    assert due(repository) == fleets
    git(repository, "commit", "-qam", "A change")
    assert due(repository) == []
    assert json.loads(mmeplan("files --changed-since HEAD^1", repository).stdout) == fleets


def test_what_is_not_committed_and_what_is_linked_to_counts(repository: Path) -> None:
    (repository / "rome/own.csv").unlink()
    (repository / "rome/own.csv").symlink_to("../tables/stores.csv")
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "A link")
    (repository / "tables/stores.csv").write_text(TABLE + "paris,1\n")
    (repository / "oslo").mkdir()
    (repository / "oslo/fleet.yml").write_text(FLEET.format(name="oslo", table="../tables/stores.csv"))
    everyone = ["berlin/fleet.yaml", "oslo/fleet.yml", "paris/fleet.yaml", "rome/fleet.yaml"]
    assert due(repository) == everyone
    inside = mmeplan("files --changed-since HEAD", repository / "rome")
    assert json.loads(inside.stdout) == ["fleet.yaml"]
    assert due(repository, "rome/fleet.yaml") == ["rome/fleet.yaml"]


def test_a_fleet_that_can_not_be_read_is_planned_so_that_the_plan_says_why(repository: Path) -> None:
    (repository / "rome/own.csv").unlink()
    git(repository, "commit", "-qam", "Gone")
    assert due(repository) == ["rome/fleet.yaml"]


def test_what_every_fleet_depends_on_is_watched(repository: Path) -> None:
    (repository / "README.md").write_text("New\n")
    assert due(repository, "--watch README.md") == ["berlin/fleet.yaml", "paris/fleet.yaml", "rome/fleet.yaml"]
    assert mmeplan("files --watch README.md", repository).code == 1


def test_a_commit_that_is_not_here_makes_every_fleet_due(repository: Path) -> None:
    ended = mmeplan(f"files --changed-since {'0' * 40}", repository)
    assert ended.code == 0
    assert len(json.loads(ended.stdout)) == 3
    assert "isn't in this repository" in ended.stderr
    assert json.loads(mmeplan("files --changed-since=--output=x", repository).stdout)
    assert not (repository / "x").exists()


def test_a_deleted_fleet_lives_on_and_is_told(repository: Path) -> None:
    (repository / "rome/fleet.yaml").unlink()
    git(repository, "commit", "-qam", "Away with Rome")
    ended = mmeplan("files --changed-since HEAD^1", repository)
    assert json.loads(ended.stdout) == []
    assert "rome/fleet.yaml is deleted; its endpoints live on" in ended.stderr
    assert "git restore --source='HEAD^1' -- rome/fleet.yaml && mmeplan destroy rome/fleet.yaml" in ended.stderr


def test_without_git_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_text(FLEET.format(name="x", table="t.csv"))
    ended: Result = mmeplan("files --changed-since HEAD", tmp_path)
    assert ended.code == 1
    assert "asks git" in ended.stderr


def test_a_shared_table_lies_within_the_repository(repository: Path) -> None:
    assert mmeplan("validate berlin/fleet.yaml", repository).code == 0
    path = repository / "berlin/fleet.yaml"
    path.write_text(path.read_text().replace("../tables/stores.csv", "../../elsewhere.csv"))
    (repository.parent / "elsewhere.csv").write_text(TABLE)
    refused = mmeplan("validate berlin/fleet.yaml", repository)
    assert refused.code == 1
    assert "elsewhere in its git repository" in " ".join(refused.stderr.split())


def test_validate_checks_the_fleets_that_read_a_table(repository: Path) -> None:
    (repository / "tables/stores.csv").write_text("name,instances\nber lin,2\n")
    (repository / "other.json").write_text("{}")
    ended = mmeplan("validate --readers tables/stores.csv other.json", repository)
    assert ended.code != 0
    told = ended.stdout + ended.stderr
    assert "berlin/fleet.yaml" in told
    assert "paris/fleet.yaml" in told
    assert "rome/fleet.yaml" not in told
    (repository / "tables/stores.csv").write_text(TABLE)
    assert mmeplan("validate --readers other.json rome/fleet.yaml", repository).code == 0
    assert mmeplan("validate --readers other.json", repository).stdout == "No findings.\n"
    slip = repository / "rome/fleet.yaml"
    slip.write_text(slip.read_text().replace("models:", "modelz:"))
    assert mmeplan("validate --readers rome/own.csv", repository).code == 1
