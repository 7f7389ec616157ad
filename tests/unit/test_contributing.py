"""CONTRIBUTING.md: its commands are there, CI's one command has them all, and its tasks name what there is."""

from __future__ import annotations

import inspect
import os
import re
from pathlib import Path

import pytest

from mmeplan.plan import step as steps
from mmeplan.render import OUTPUTS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
CHECK, RUN = ((ROOT / ".ci" / name).read_text(encoding="utf-8") for name in ("check", "run"))


def generators() -> list[str]:
    """The modules that write files of the repository: they are run with `--write`, and with `--check` in CI."""
    package = ROOT / "mmeplan"
    found = [
        ".".join(("mmeplan", *path.relative_to(package).with_suffix("").parts)).removesuffix(".__main__")
        for path in package.rglob("*.py")
        if re.search(r"python -m mmeplan[\w.]* --write", text := path.read_text(encoding="utf-8"))
        and (path.name == "__main__.py" or '__name__ == "__main__"' in text)
    ]
    return sorted(found)


def test_the_programs_of_ci_can_be_run() -> None:
    named = set(re.findall(r"\.ci/\w+(?:\.py)?", PAGE))
    assert named >= {".ci/run", ".ci/check"}
    for name in named:
        assert (ROOT / name).is_file()
        assert name.endswith(".py") or os.access(ROOT / name, os.X_OK)


def test_the_one_command_calls_all_others() -> None:
    assert "\n.ci/check\n" in RUN
    for marker in ("test-command", "try-command", "proof-command"):
        assert f"readme_command {marker}" in RUN
    for linter in ("ruff check .", "ruff format --check .", "mypy", "lint-imports"):
        assert f"\n  {linter}\n" in CHECK


def test_every_generated_file_is_checked() -> None:
    assert len(generators()) >= 5
    assert sorted(re.findall(r"python -m (mmeplan[\w.]*) --check", CHECK)) == generators()


def test_a_commit_is_held_against_the_same_list() -> None:
    assert "entry: .ci/check generated" in (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", re.findall(r"tests/\w[\w/]*\.py", PAGE))
def test_what_takes_accept_has_it(name: str) -> None:
    paragraph = next(part for part in PAGE.split("\n\n") if name in part)
    if "--accept" in paragraph:
        assert "accept" in (ROOT / name).read_text(encoding="utf-8")


def test_an_output_is_one_line_of_outputs() -> None:
    lines = (ROOT / "mmeplan/render/__init__.py").read_text(encoding="utf-8")
    assert len(OUTPUTS) >= 4
    for name in OUTPUTS:
        assert f'"{name}"' in lines


def test_guard_of_knows_every_guard() -> None:
    """Its source names each class of the module that decides and says its members."""
    guards = [
        name
        for name, found in inspect.getmembers(steps, inspect.isclass)
        if found.__module__ == steps.__name__ and hasattr(found, "check") and hasattr(found, "members")
    ]
    guards.remove("Guard")
    read_back = inspect.getsource(steps.guard_of) + inspect.getsource(steps._guard_of_immutable)
    assert len(guards) >= 7
    assert [name for name in guards if f"{name}(" not in read_back] == []
