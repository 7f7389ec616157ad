"""Bad input: each file of bad_input/ holds files, a command, and the whole answer. `pytest --accept` rewrites answers.

A case reads:

    --- fleet.yaml            a file
    …
    --- run COMMAND           a command before the one that counts
    --- replace FILE OLD NEW  an edit in between
    --- $ COMMAND             the command that counts
    --- exit N                its exit code, and below it all that it prints (stdout, then stderr)
"""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.cli.running import mmeplan

CASES = sorted((Path(__file__).parent / "bad_input").glob("*.txt"))


@pytest.fixture(autouse=True)
def _eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def sections(text: str) -> list[tuple[str, str]]:
    """(heading, body) pairs of a case."""
    made: list[tuple[str, list[str]]] = []
    for line in text.splitlines(keepends=True):
        if line.startswith("--- "):
            made.append((line[4:].strip(), []))
        else:
            made[-1][1].append(line)
    return [(heading, "".join(body)) for heading, body in made]


def answer(case: str, folder: Path) -> tuple[str, str]:
    """The case without its answer, and the answer as it is now."""
    kept, shown = "", ""
    for heading, body in sections(case):
        if heading.startswith("exit "):
            break
        kept += f"--- {heading}\n{body}"
        word, _, rest = heading.partition(" ")
        if word == "run":
            mmeplan(rest, folder)
        elif word == "replace":
            name, old, new = shlex.split(rest)
            path = folder / name
            old, new = old.replace("\\n", "\n"), new.replace("\\n", "\n")
            assert old in path.read_text(), f"{old!r} is not in {name}"
            path.write_text(path.read_text().replace(old, new, 1))
        elif word == "bytes":
            (folder / rest).write_bytes(bytes.fromhex(body))
        elif word == "folder":
            (folder / rest).mkdir()
        elif word == "$":
            result = mmeplan(rest, folder)
            shown = f"--- exit {result.code}\n{result.stdout}{result.stderr}"
        else:
            (folder / heading).write_text(body)
    return kept, shown


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_bad_input_gives_its_message_and_its_exit_code(case: Path, tmp_path: Path, accept: bool) -> None:
    kept, shown = answer(case.read_text(), tmp_path)
    if accept:
        case.write_text(kept + shown)
    assert case.read_text() == kept + shown
    assert "Traceback" not in shown
    assert not shown.startswith("--- exit 0"), "a bad input must not end well"


def test_there_are_at_least_sixty_cases() -> None:
    assert len(CASES) >= 60
