"""stdin, stdout and stderr that are full, closed or gone: what is printed is lost, and nothing else is."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.running import mmeplan

ROOT = Path(__file__).parents[2]
FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "examples" / "ab-variants" / "fleet.yaml", tmp_path)
    return tmp_path


def shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """`command` in bash, whose exit code is that of the first part of a pipe that fails."""
    words = command.replace("mmeplan", f"{sys.executable} -m mmeplan")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def is_applied(folder: Path) -> bool:
    return mmeplan("plan --local --detailed-exitcode", folder).code == 0


@FULL
@pytest.mark.parametrize(
    "streams",
    [
        "2>/dev/full",
        ">/dev/full 2>&1",
        "2>&1 | head -c 10",
        "2>&-",
        ">&-",
        "<&- >&- 2>&-",
        "--json >/dev/full",
        "--json >&-",
    ],
)
def test_an_apply_goes_on_to_its_end_whatever_becomes_of_what_it_prints(folder: Path, streams: str) -> None:
    ended = shell(f"mmeplan apply --local -y {streams}", folder)
    assert (ended.returncode, "Traceback" in ended.stderr) == (0, False), ended.stderr
    assert is_applied(folder)
    (journal,) = (folder / ".mmeplan" / "journal").iterdir()
    assert json.loads(journal.read_text().splitlines()[-1])["data"]["complete"] is True


@FULL
@pytest.mark.parametrize("command", ["plan --local", "validate", "schema", "show plan.json"])
def test_a_page_that_could_not_be_written_is_an_error_that_is_told(folder: Path, command: str) -> None:
    assert mmeplan("plan --local --out plan.json", folder).code == 0
    for stream, why in ((">/dev/full", "No space left on device"), (">&-", "Bad file descriptor")):
        ended = shell(f"mmeplan {command} {stream}", folder)
        assert (ended.returncode, ended.stderr) == (1, f"error: stdout could not be written: {why}\n")


def test_a_reader_that_goes_away_changes_no_exit_code(folder: Path) -> None:
    assert shell("mmeplan plan --local --detailed-exitcode | head -c 1", folder).returncode == 2
    assert shell("mmeplan rules | head -c 1", folder).returncode == 0


@FULL
def test_an_error_that_nobody_can_read_is_still_an_error(folder: Path) -> None:
    for stream in ("2>/dev/full", "2>&-", "2>&1 | true"):
        assert shell(f"mmeplan plan nowhere.yaml {stream}", folder).returncode == 1


@pytest.mark.parametrize("command", ["apply --local", "unlock s3://nobody/has-it --local"])
def test_a_closed_stdin_is_nobody_to_ask(folder: Path, command: str) -> None:
    ended = shell(f"mmeplan {command} <&-", folder)
    assert (ended.returncode, "Traceback" in ended.stderr) == (1, False)


def test_a_file_that_is_opened_never_takes_the_place_of_a_closed_stream(folder: Path) -> None:
    """The simulator's database would get number 1, and the plan's text."""
    assert shell("mmeplan apply --local -y >&- 2>&- <&-", folder).returncode == 0
    assert (folder / ".mmeplan" / "local.db").read_bytes().startswith(b"SQLite format 3\0")
    assert is_applied(folder)
