"""The commit of a plan's files: what the CI says, what git says, and nothing where the files aren't as committed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from mmeplan.cli.commit import VARIABLES, commit_of

ID = "0123456789abcdef0123456789abcdef01234567"
OUTSIDE_CI = {name: value for name, value in os.environ.items() if name not in VARIABLES and "GIT" not in name}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with a committed fleet file."""
    (tmp_path / "fleet.yaml").write_text("version: 1\n")
    for words in ("init -q", "add .", "-c user.name=a -c user.email=a@b.c commit -q -m first"):
        subprocess.run(["git", *words.split()], cwd=tmp_path, check=True, env=OUTSIDE_CI)
    return tmp_path


@pytest.mark.parametrize("name", VARIABLES)
def test_in_ci_the_commit_is_what_the_ci_says(name: str) -> None:
    assert commit_of([], {name: ID}) == ID
    assert commit_of([], {name: "<script>"}) is None


def test_elsewhere_git_says_it(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository.parent)
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=repository, capture_output=True, text=True).stdout.strip()
    assert commit_of([str(repository / "fleet.yaml")], OUTSIDE_CI) == head
    assert commit_of([f"{repository.name}/fleet.yaml"], OUTSIDE_CI) == head


def test_files_that_are_not_as_committed_have_no_commit(repository: Path) -> None:
    fleet, other = repository / "fleet.yaml", repository / "items.csv"
    other.write_text("a\n")
    assert commit_of([str(fleet)], OUTSIDE_CI)
    assert commit_of([str(fleet), str(other)], OUTSIDE_CI) is None
    (repository / ".gitignore").write_text("items.csv\n")
    assert commit_of([str(fleet), str(other)], OUTSIDE_CI) is None
    fleet.write_text("version: 2\n")
    assert commit_of([str(fleet)], OUTSIDE_CI) is None


def test_outside_git_and_without_git_there_is_none(tmp_path: Path) -> None:
    assert commit_of([str(tmp_path / "fleet.yaml")], OUTSIDE_CI) is None
    assert commit_of([str(tmp_path / "absent" / "fleet.yaml")], OUTSIDE_CI) is None
    assert commit_of([str(tmp_path / "fleet.yaml")], {**OUTSIDE_CI, "PATH": ""}) is None
    assert commit_of([], OUTSIDE_CI) is None
