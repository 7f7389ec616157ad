"""The door of the command line: no text of others reaches a terminal as a control, or a runner as a command."""

from __future__ import annotations

import ast
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from mmeplan.cli import door
from mmeplan.cli.door import document
from mmeplan.cloud.aws import Cloud
from mmeplan.engine import Engine
from mmeplan.errors import CloudError, InputError, LockedError, MmeplanError, PlanRefused, Problem, StalePlanError
from tests.cli.running import Result, mmeplan

ROOT = Path(__file__).parents[2]
HOSTILE = "x\x1b[31mred\x9b2J\x07\r\n::error::told\n  ::add-mask::told\n##[error]told ##[debug]told\u202e\ud800\x7f"
ERRORS: dict[str, MmeplanError] = {
    "any": MmeplanError(HOSTILE, hint=HOSTILE),
    "input": InputError([Problem(HOSTILE, HOSTILE, 1, 1, HOSTILE, HOSTILE, HOSTILE)]),
    "refused": PlanRefused(HOSTILE, [HOSTILE], hint=HOSTILE),
    "stale": StalePlanError([HOSTILE, HOSTILE], hint=HOSTILE),
    "locked": LockedError(HOSTILE, hint=HOSTILE),
    "cloud": CloudError(HOSTILE, HOSTILE, HOSTILE, request_id=HOSTILE),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "examples" / "ab-variants" / "fleet.yaml", tmp_path)
    return tmp_path


def is_harmless(result: Result, *, stdout: bool = True) -> None:
    for text in (result.stderr, result.stdout) if stdout else (result.stderr,):
        for line in text.split("\n"):
            assert line.isprintable(), ascii(line)
            assert not line.lstrip().startswith("::"), line
            assert "##[" not in line, line


@pytest.mark.parametrize("format_", ["text", "github"])
@pytest.mark.parametrize("kind", ERRORS)
def test_what_an_error_says_is_text(folder: Path, monkeypatch: pytest.MonkeyPatch, kind: str, format_: str) -> None:
    def fails(*_: Any, **__: Any) -> Any:
        raise ERRORS[kind]

    monkeypatch.setattr(Engine, "plan", fails)
    result = mmeplan(f"plan --local --format {format_}", folder)
    assert "red" in result.stderr
    is_harmless(result, stdout=format_ == "text")
    commands = [line for line in result.stdout.split("\n") if line]
    assert all(line.startswith("::error ") and line.isprintable() for line in commands)


@pytest.mark.parametrize("json_", ["", "--json"])
def test_what_happens_to_a_step_is_text(folder: Path, monkeypatch: pytest.MonkeyPatch, json_: str) -> None:
    def fails(self: Cloud, operation: str, params: Any) -> Any:
        raise CloudError(operation, HOSTILE, HOSTILE)

    monkeypatch.setattr(Cloud, "write", fails)
    result = mmeplan(f"apply --local -y -v {json_}", folder)
    assert (result.code, "told" in result.stdout + result.stderr) == (5, True)
    is_harmless(result)


@pytest.mark.parametrize("option", ["--nonsense", "--var", "--max-change", "--write"])
def test_what_was_typed_is_text(folder: Path, option: str) -> None:
    words = HOSTILE.replace("\ud800", "")
    is_harmless(mmeplan(f"plan --local {option} '{words}'", folder))
    is_harmless(mmeplan(f"'{words}'", folder))
    is_harmless(mmeplan(f"plan '{words}'", folder))


def test_a_document_says_the_same_with_nothing_in_it_that_a_terminal_obeys(capsys: pytest.CaptureFixture[str]) -> None:
    said = {HOSTILE: [HOSTILE, "ü → 😀"]}
    door.document(json.dumps(said, indent=2, ensure_ascii=False))
    printed = capsys.readouterr().out
    assert json.loads(printed) == said
    assert "ü → 😀" in printed
    is_harmless(Result(0, printed, ""))


def test_half_a_surrogate_is_refused_in_a_snapshot_and_escaped_in_a_document(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert mmeplan("apply --local -y", folder).code == 0
    assert mmeplan("snapshot --local --out live.json", folder).code == 0
    text = (folder / "live.json").read_text()
    first = text.index('"mmeplan:address"')
    (folder / "live.json").write_text(text[:first] + '"odd": "\\ud83d", ' + text[first:])
    result = mmeplan("drift --snapshot live.json --format json", folder)
    assert result.code == 1
    assert "half of a surrogate pair is no text" in result.stderr
    is_harmless(result)
    document('{"odd": "\ud83d"}')
    assert json.loads(capsys.readouterr().out) == {"odd": "\ud83d"}


def test_everything_that_is_printed_goes_through_the_door() -> None:
    """But a counter that takes its line back, and the one error that is told when all is over."""
    printing = [
        f"{path.name}:{node.lineno}"
        for path in sorted((ROOT / "mmeplan" / "cli").glob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in PRINTS
    ]
    assert [place.partition(":")[0] for place in printing if not place.startswith("door.py")] == EXCEPT


PRINTS = ("click.echo", "click.secho", "print", "sys.stdout.write", "sys.stderr.write", "error.show")
EXCEPT = ["__init__.py", "progress.py"]


@pytest.fixture(autouse=True)
def _runner_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"):
        monkeypatch.setenv(name, str(tmp_path / name))
