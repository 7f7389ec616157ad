"""The commands on a real terminal: questions, colour, live progress, Ctrl-C."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "examples" / "ab-variants" / "fleet.yaml", tmp_path)
    return tmp_path


def spawn(command: str, folder: Path, **environment: str) -> pexpect.spawn:
    """`mmeplan COMMAND` on a pseudo-terminal of 80 columns."""
    settings = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", **environment}
    arguments = ["-m", "mmeplan", *command.split()]
    how: Any = {"cwd": str(folder), "env": settings, "dimensions": (50, 80), "encoding": "utf-8", "timeout": 60}
    return pexpect.spawn(sys.executable, arguments, preexec_fn=as_a_shell_would, **how)


def as_a_shell_would() -> None:
    """Ctrl-C and a terminal that closes reach the command, whatever the tests themselves were started to ignore."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@pytest.fixture
def terminal(folder: Path) -> Iterator[pexpect.spawn]:
    child = spawn("apply --local", folder)
    yield child
    child.close(force=True)


def end(child: pexpect.spawn) -> tuple[str, int]:
    """What was printed to the end, and the exit code."""
    child.expect(pexpect.EOF)
    child.close()
    return str(child.before), int(child.exitstatus if child.exitstatus is not None else -1)


def test_yes_applies_with_colour_and_a_proof(terminal: pexpect.spawn) -> None:
    terminal.expect_exact("Apply this plan? [y/N]: ")
    assert "\x1b[" in terminal.before
    terminal.sendline("y")
    text, code = end(terminal)
    assert "a second look proves it" in text
    assert code == 0


def test_no_changes_nothing(terminal: pexpect.spawn, folder: Path) -> None:
    terminal.expect_exact("[y/N]: ")
    terminal.sendline("n")
    text, code = end(terminal)
    assert ("nothing was done" in text, code) == (True, 1)
    assert "absent" in end(spawn("status --local", folder))[0]


def test_ctrl_c_at_the_question_ends_with_130(terminal: pexpect.spawn) -> None:
    terminal.expect_exact("[y/N]: ")
    terminal.sendintr()
    text, code = end(terminal)
    assert code == 130
    assert "Traceback" not in text


def test_destroy_wants_the_name_of_the_fleet(folder: Path) -> None:
    assert end(spawn("apply --local --yes", folder))[1] == 0
    child = spawn("destroy --local", folder)
    child.expect_exact("(house-prices) to go on")
    child.sendline("house")
    assert end(child)[1] == 1
    child = spawn("destroy --local", folder)
    child.expect_exact("(house-prices) to go on")
    child.sendline("house-prices")
    assert end(child)[1] == 0


def test_no_color_is_obeyed(folder: Path) -> None:
    assert "\x1b[3" not in end(spawn("plan --local", folder, NO_COLOR="1"))[0]
    assert "\x1b[3" not in end(spawn("plan --local --no-color", folder))[0]


def test_nothing_is_wider_than_the_terminal(folder: Path) -> None:
    text = end(spawn("plan --local --no-color", folder))[0]
    assert max(len(line.rstrip("\r")) for line in text.split("\n")) <= 80
