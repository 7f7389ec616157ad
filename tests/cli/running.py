"""Runs mmeplan's commands inside the test process, as a terminal-less shell would."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from click.testing import CliRunner

from mmeplan.cli.app import app


@dataclass(frozen=True)
class Result:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str


@contextmanager
def inside(folder: Path) -> Iterator[None]:
    """Work in a folder for a while."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def mmeplan(command: str, folder: Path, *, typed: str | None = None) -> Result:
    """Run `mmeplan COMMAND` in a folder, piped, with 100 columns where COLUMNS isn't set. Anything but a clean exit is
    raised: users must never see a traceback.
    """
    columns = {"COLUMNS": os.environ.get("COLUMNS", "100")}
    with inside(folder):
        result = CliRunner(env=columns).invoke(app, shlex.split(command), input=typed, prog_name="mmeplan")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Result(result.exit_code, result.stdout, result.stderr)
