"""Colour and width: what decides, and that no word is broken at 80 columns."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pexpect
import pytest
from click.testing import CliRunner

from mmeplan.cli import door
from mmeplan.cli.app import COMMANDS, app
from tests.cli.running import mmeplan

ROOT = Path(__file__).parents[2]
ESCAPE = "\x1b["
RULE = "rules MME-02"


@pytest.fixture(autouse=True)
def _eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "examples" / "ab-variants" / "fleet.yaml", tmp_path)
    return tmp_path


COLOURED = [
    ("", {}, False),
    ("--color always", {}, True),
    ("", {"FORCE_COLOR": "1"}, True),
    ("", {"FORCE_COLOR": ""}, False),
    ("", {"MMEPLAN_COLOR": "always"}, True),
    ("", {"MMEPLAN_COLOR": "always", "NO_COLOR": "1"}, True),
    ("", {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ("--color never", {"FORCE_COLOR": "1"}, False),
    ("--no-color", {"FORCE_COLOR": "1"}, False),
    ("--color always --no-color", {}, False),
    ("--color always", {"NO_COLOR": "1", "TERM": "dumb"}, True),
    ("--color auto", {"MMEPLAN_COLOR": "always"}, False),
]


@pytest.mark.parametrize(("options", "variables", "coloured"), COLOURED)
def test_the_first_that_says_something_decides_about_colour(
    options: str, variables: dict[str, str], coloured: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert (ESCAPE in mmeplan(f"{RULE} {options}", tmp_path).stdout) is coloured


def test_errors_are_coloured_where_they_are_asked_to_be(tmp_path: Path) -> None:
    assert ESCAPE in mmeplan("plan nothing.yaml --color always", tmp_path).stderr
    assert ESCAPE not in mmeplan("plan nothing.yaml", tmp_path).stderr


@pytest.mark.parametrize(("said", "width"), [("", 80), ("100", 100), ("20", 80), ("wide", 80)])
def test_what_is_piped_is_as_wide_as_columns_says(
    said: str, width: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", said)
    widest = max(map(len, mmeplan(RULE, tmp_path).stdout.splitlines()))
    assert widest <= width
    assert widest > width - 15


@pytest.mark.parametrize("name", COMMANDS)
def test_help_fits_into_eighty_columns(name: str) -> None:
    text = CliRunner().invoke(app, [name, "--help"], prog_name="mmeplan", terminal_width=80).output
    assert [line for line in text.splitlines() if len(line) > 80] == []


@pytest.mark.parametrize("command", ["images", "rules", RULE, "plan --local", "graph", "status --local"])
def test_pages_fit_into_eighty_columns(command: str, folder: Path) -> None:
    assert [line for line in mmeplan(command, folder).stdout.splitlines() if len(line) > 80] == []


def test_an_address_is_whole_at_eighty_columns(folder: Path) -> None:
    shown = mmeplan("plan --local", folder).stdout
    assert "123456789012.dkr.ecr.eu-west-1.amazonaws.com/xgboost-serving:1.7-1\n" in shown
    assert "s3://acme-capture/house-prices\n" in shown


def on_a_terminal(command: str, folder: Path) -> str:
    """What is shown on 80 columns, line by line."""
    child: pexpect.spawn = pexpect.spawn(
        sys.executable,
        ["-m", "mmeplan", *command.split()],
        cwd=str(folder),
        env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "dumb"},
        dimensions=(50, 80),
        encoding="utf-8",
        timeout=60,
    )
    child.expect(pexpect.EOF)
    child.close()
    return str(child.before).replace("\r", "")


def test_sentences_and_errors_are_broken_between_words_on_a_terminal(folder: Path) -> None:
    text = (folder / "fleet.yaml").read_text().replace("instance_type:", "instance_tipe:", 1)
    (folder / "broken.yaml").write_text(text)
    for command in ("apply --local --yes", "plan a-name-that-is-not-short-at-all.yaml", "plan --local broken.yaml"):
        shown = on_a_terminal(command, folder)
        assert [line for line in shown.splitlines() if len(line) > 80] == []
    assert "did you mean instance_type?" in " ".join(shown.split())


def test_advice_in_words_is_broken_between_them_and_a_command_never(folder: Path) -> None:
    shown = on_a_terminal("plan", folder)
    assert "or try it on the simulated SageMaker with --local" in " ".join(shown.split())
    assert [line for line in shown.splitlines() if len(line) > 80] == []


@pytest.mark.parametrize(
    "program", ["mmeplan apply", "/opt/py/bin/python -m pip install", "aws s3 mb", "export A=b; unset"]
)
def test_what_can_be_copied_is_on_one_line_however_long(program: str) -> None:
    command = f"{program} {'word ' * 20}"
    assert door._fitted(f"  try: {command}", 80) == f"  try: {command}"
    assert "\n" in door._fitted(f"  try: say {command}", 80)
