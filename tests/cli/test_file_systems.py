"""Files that can't be written, disks that are full, a damaged world: a sentence, and nothing half done."""

from __future__ import annotations

import json
import os
import random
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.running import mmeplan
from tests.cli.test_streams import is_applied, shell

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "examples" / "ab-variants" / "fleet.yaml", tmp_path)
    return tmp_path


WRITING = {
    "plan --snapshot live.json --out {}": 1,
    "plan --snapshot live.json --write json={} --write md=other.md": 1,
    "init {}": 1,
    "import --name * --fleet house-prices --snapshot live.json -o {}": 1,
}


@pytest.mark.parametrize("command", WRITING)
@pytest.mark.parametrize("place", ["missing/there", "fleet.yaml/there", "/dev/full", "folder", "n" * 300])
def test_what_cannot_be_written_is_told_and_nothing_is_left(folder: Path, command: str, place: str) -> None:
    shutil.copytree(applied(folder), folder, dirs_exist_ok=True)
    (folder / "folder").mkdir()
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    result = mmeplan(command.format(place), folder)
    said = ("can't be written: ", "is a directory", "this is a folder", "is there already")
    assert (result.code, any(words in result.stderr for words in said)) == (1, True)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def applied(folder: Path, made: dict[str, Path] = {}) -> Path:  # noqa: B006 - once for all cases
    """A folder with a fleet that is live in its `.mmeplan`, and a snapshot of it."""
    if "place" not in made:
        made["place"] = folder.parent / "applied"
        made["place"].mkdir()
        shutil.copy(folder / "fleet.yaml", made["place"])
        assert mmeplan("apply --local -y", made["place"]).code == 0
        assert mmeplan("snapshot --local --out live.json", made["place"]).code == 0
    return made["place"]


@pytest.mark.parametrize("command", WRITING)
def test_a_full_disk_leaves_no_half_of_a_file(folder: Path, command: str) -> None:
    shutil.copytree(applied(folder), folder, dirs_exist_ok=True)
    before = sorted(folder.rglob("*"))
    ended = shell(f"ulimit -f 0; mmeplan {command.format('new').replace('*', chr(39) + '*' + chr(39))}", folder)
    assert (ended.returncode, "can't be written: File too large" in ended.stderr) == (1, True), ended.stderr
    assert sorted(folder.rglob("*")) == before


def test_a_full_disk_ends_a_simulated_apply_with_a_sentence(folder: Path) -> None:
    shutil.copytree(applied(folder), folder, dirs_exist_ok=True)
    ended = shell("ulimit -f 0; mmeplan destroy --local -y", folder)
    assert (ended.returncode, "Traceback" in ended.stderr) == (1, False)
    assert "can't be used as a simulated SageMaker's store" in ended.stderr
    assert mmeplan("destroy --local -y", folder).code == 0


def test_where_the_own_folder_cannot_be_made_only_local_needs_it(folder: Path) -> None:
    (folder / ".mmeplan").write_text("in the way")
    for command in ("plan --local", "apply --local -y"):
        result = mmeplan(command, folder)
        assert (result.code, ".mmeplan: " in result.stderr.replace("  error  ", ": ")) == (1, True), result.stderr
    assert mmeplan("apply --local-db world.db -y", folder).code == 0  # without a journal


def test_a_full_disk_costs_the_journal_and_nothing_else(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = os.open

    def full(path: Any, *arguments: Any, **more: Any) -> int:
        if ".jsonl" in str(path):
            raise OSError(28, "No space left on device")
        return opened(path, *arguments, **more)

    monkeypatch.setattr(os, "open", full)
    assert mmeplan("apply --local -y", folder).code == 0
    assert is_applied(folder)


def test_the_own_folder_is_nobody_elses_and_stays_out_of_repositories(folder: Path) -> None:
    assert mmeplan("apply --local -y", folder).code == 0
    own = folder / ".mmeplan"
    assert (own / ".gitignore").read_text() == "*\n"
    (own / ".gitignore").write_text("# mine\n")
    kept = [path for path in own.rglob("*") if path.is_file() and path.name != ".gitignore"]
    assert len(kept) >= 2
    assert {path.stat().st_mode & 0o777 for path in kept} == {0o600}
    (own / "local.db").chmod(0o644)
    assert mmeplan("status --local", folder).code == 0
    assert (own / "local.db").stat().st_mode & 0o777 == 0o600
    assert (own / ".gitignore").read_text() == "# mine\n"


@pytest.mark.parametrize("seed", range(20))
def test_a_damaged_world_is_told(folder: Path, seed: int) -> None:
    shutil.copytree(applied(folder), folder, dirs_exist_ok=True)
    chance = random.Random(seed)
    database = folder / ".mmeplan" / "local.db"
    content = bytearray(database.read_bytes())
    if seed % 4 == 0:
        del content[chance.randrange(1, len(content)) :]
    else:
        for _ in range(seed * 3):
            at = chance.randrange(len(content))
            content[at : at + 16] = chance.randbytes(16)
    database.write_bytes(content)
    for command in ("plan --local", "status --local", "apply --local -y"):
        result = mmeplan(command, folder)
        assert result.code in (0, 1, 3, 5)
        assert result.code == 0 or "Traceback" not in result.stderr


def test_links_that_lead_in_a_circle_are_told(folder: Path) -> None:
    (folder / "a.csv").symlink_to("b.csv")
    (folder / "b.csv").symlink_to("a.csv")
    fleet = yaml.safe_load((folder / "fleet.yaml").read_text())
    fleet["models"]["each"] = {"for_each": {"file": "a.csv"}, **next(iter(fleet["models"].values()))}
    (folder / "fleet.yaml").write_text(yaml.safe_dump(fleet))
    result = mmeplan("validate", folder)
    assert (result.code, "Too many levels of symbolic links" in result.stderr) == (1, True)
    (folder / "loop.yaml").symlink_to("loop.yaml")
    for command in ("validate loop.yaml", "plan --local loop.yaml", "show loop.yaml", "plan --snapshot loop.yaml"):
        assert mmeplan(command, folder).code == 1


def test_a_whole_number_that_the_api_cannot_hold_is_found_with_its_bound_and_its_line(folder: Path) -> None:
    text = (folder / "fleet.yaml").read_text()
    assert "initial_instance_count: 2\n" in text
    (folder / "fleet.yaml").write_text(
        text.replace("initial_instance_count: 2\n", "initial_instance_count: 2147483648\n")
    )
    result = mmeplan("validate --format json", folder)
    (found,) = json.loads(result.stdout)
    assert (result.code, found["severity"]) == (3, "error")
    assert "2147483647" in found["message"]
    assert text.splitlines()[found["line"] - 1].endswith("initial_instance_count: 2")
