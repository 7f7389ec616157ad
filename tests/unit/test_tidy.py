"""The house keeps its own rules: sizes, names, and where time and chance may come in."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted((ROOT / "mmeplan").rglob("*.py"))
MAX_LINES = 800
MAX_FUNCTION_LINES = 60
TIME_AND_CHANCE = re.compile(
    r"\btime\.(sleep|time|monotonic)\(|\bdatetime\.(now|utcnow|today)\("
    r"|\brandom\.|\buuid[14]?\(|^\s*(import|from) (random|uuid)\b",
    re.MULTILINE,
)


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_opens_with_a_docstring_and_is_one_room(path: Path) -> None:
    text = path.read_text()
    assert ast.get_docstring(ast.parse(text)), "says what it is for"
    assert text.count("\n") <= MAX_LINES


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_function_fits_on_a_screen(path: Path) -> None:
    long = {node.name: (node.end_lineno or 0) - node.lineno for node in functions(path)}
    assert {name: lines for name, lines in long.items() if lines > MAX_FUNCTION_LINES} == {}


@pytest.mark.parametrize("path", [path for path in MODULES if "cloud" not in path.parts], ids=name_of)
def test_time_and_chance_come_in_through_ports(path: Path) -> None:
    assert not TIME_AND_CHANCE.search(path.read_text())


def test_no_test_is_timed() -> None:
    """Work is counted (tests/work.py); seconds are for benchmarks, and for what the seeds tell of themselves."""
    timing = re.compile(r"\b(process_time|perf_counter|thread_time)\(")
    timed = {name_of(path) for path in (ROOT / "tests").rglob("*.py") if timing.search(path.read_text())}
    assert {name for name in timed if not name.startswith("tests/benchmarks/")} == {"tests/simulation/seeds/command.py"}


def test_no_room_is_a_cupboard() -> None:
    cupboards = {"utils.py", "helpers.py", "helper.py", "manager.py", "common.py", "misc.py"}
    assert cupboards.isdisjoint(path.name for path in MODULES)


def test_nothing_is_left_unfinished() -> None:
    unfinished = re.compile(r"\b(TODO|FIXME|XXX)\b|NotImplementedError")
    assert [name_of(path) for path in MODULES if unfinished.search(path.read_text())] == []


def test_libraries_with_one_job_have_one_home_each() -> None:
    homes = {
        "networkx": {"mmeplan/graph.py"},
        "deepdiff": {"mmeplan/diff/fields.py"},
        "boto3": {"mmeplan/cloud/aws.py"},
        "cel_expr_python": {"mmeplan/spec/cel.py"},
        "urllib3": {"mmeplan/cloud/rest.py"},
    }
    for library, allowed in homes.items():
        importing = re.compile(rf"^\s*(import|from) {library}\b", re.MULTILINE)
        assert {name_of(path) for path in MODULES if importing.search(path.read_text())} == allowed
