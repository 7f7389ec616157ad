"""A forged plan, as its reader sees it: `show` and `apply` refuse it, say why, and write nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.running import Result, mmeplan
from tests.cli.test_stale_files import FLEET, STORES
from tests.simulation.forgeries import Document, Forge, sealed


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tables").mkdir()
    (tmp_path / "fleet.yaml").write_text(FLEET)
    (tmp_path / "tables" / "stores.csv").write_text(STORES)
    assert mmeplan("plan --local --out plan.json", tmp_path).code == 0
    return tmp_path


def forged(folder: Path, forge: Forge) -> None:
    document: Document = json.loads((folder / "plan.json").read_text())
    forge(document)
    (folder / "plan.json").write_text(json.dumps(sealed(document)))


def nothing_was_written(folder: Path) -> bool:
    return mmeplan("status --local", folder).stdout.count("absent") == 2


def no_waits(document: Document) -> None:
    for step in document["steps"]:
        step["wait"] = {}


def short_waits(document: Document) -> None:
    for step in document["steps"]:
        if step["wait"]:
            step["wait"]["timeout_s"] = 1


@pytest.mark.parametrize("command", ["show plan.json", "apply --local --yes plan.json"])
def test_a_plan_that_contradicts_itself_is_neither_shown_nor_applied(folder: Path, command: str) -> None:
    forged(folder, no_waits)
    result = mmeplan(command, folder)
    assert (result.code, result.stdout) == (1, "")
    assert result.stderr.count("plan.json  error  this plan contradicts itself: the step CreateEndpoint") == 2
    assert nothing_was_written(folder)


def applied(folder: Path) -> Result:
    return mmeplan("apply --local --yes plan.json", folder)


def test_a_plan_that_is_not_that_of_its_file_says_what_differs(folder: Path) -> None:
    forged(folder, short_waits)
    result = applied(folder)
    assert (result.code, result.stdout) == (3, "")
    differs = "the plan says 1 for wait.timeout_s, and a plan of the same file says 3600"
    assert result.stderr.splitlines() == [
        "error: the plan is not what its file gives",
        f"  - the step CreateEndpoint:endpoint/scores-berlin: {differs}",
        f"  - the step CreateEndpoint:endpoint/scores-paris: {differs}",
        "  try: mmeplan plan --out FILE",
    ]
    assert nothing_was_written(folder)


def test_where_a_file_is_missing_that_is_told(folder: Path) -> None:
    (folder / "tables" / "stores.csv").unlink()
    result = applied(folder)
    assert result.code == 0
    assert "note: tables/stores.csv isn't here, so the plan was not made again from its files" in result.stderr
    assert "isn't here" not in mmeplan("show plan.json", folder).stderr


def test_where_all_files_are_there_nothing_is_said(folder: Path) -> None:
    result = applied(folder)
    assert result.code == 0
    assert "note:" not in result.stderr
