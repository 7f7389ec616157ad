"""The public API: the programs in the docs run, what is documented is there, and importing it is cheap."""

from __future__ import annotations

import inspect
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import mmeplan

ROOT = Path(__file__).parents[2]
LIBRARY = (ROOT / "docs" / "library.md").read_text()


def program(page: str) -> str:
    """The program between a page's marks."""
    block = re.search(r"<!-- program -->\n```python\n(.*?)```\n<!-- end of program -->", page, re.DOTALL)
    assert block
    return block[1]


PROGRAMS = {
    "docstring": textwrap.dedent((mmeplan.__doc__ or "").split("rely on):\n\n")[1].split("\n\nNames are imported")[0]),
    "docs/library.md": program(LIBRARY),
    "README.md": program((ROOT / "README.md").read_text()),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_programs_that_are_shown_run(tmp_path: Path, name: str) -> None:
    example = ROOT / "examples" / "ab-variants"
    shutil.copytree(example, tmp_path / "examples" / "ab-variants")
    shutil.copy(example / "fleet.yaml", tmp_path / "fleet.yaml")
    environment = {"PYTHONPATH": str(ROOT)}
    run = [sys.executable, "-c", PROGRAMS[name]]
    result = subprocess.run(run, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    assert "4 to create" in result.stdout


def test_every_public_name_is_there() -> None:
    assert all(getattr(mmeplan, name) is not None for name in mmeplan.__all__)
    assert set(mmeplan._HOMES) | {"__version__"} == set(mmeplan.__all__)
    assert not hasattr(mmeplan, "no_such_name")


def test_the_page_names_every_method_of_the_engine_with_its_arguments() -> None:
    """`engine.NAME(argument=, …)`: what the page shows can be called, and what can be called is on the page."""
    shown = dict(re.findall(r"`engine\.(\w+)\(([^`]*)\)`", LIBRARY))
    inside = {"close", "observe", "find_lock", "remove_lock"}
    assert {name for name, _ in inspect.getmembers(mmeplan.Engine, inspect.isfunction) if name[0] != "_"} == {
        *shown,
        *inside,
    }
    for name, arguments in shown.items():
        known = inspect.signature(getattr(mmeplan.Engine, name)).parameters
        assert {word[:-1] for word in re.findall(r"\w+=", arguments)} <= set(known), name


def test_the_page_names_every_public_error() -> None:
    public = [getattr(mmeplan, name) for name in mmeplan.__all__]
    errors = {found.__name__ for found in public if inspect.isclass(found) and issubclass(found, Exception)}
    table = LIBRARY.split("## What is raised")[1].split("## What programs")[0]
    assert errors == set(re.findall(r"`(?:mmeplan\.)?(\w+(?:Error|Refused))`", table)) - {"ValueError", "TypeError"}


def test_importing_mmeplan_imports_nothing_heavy() -> None:
    code = "import mmeplan, sys; sys.exit(bool({'boto3', 'networkx', 'pydantic', 'yaml', 'jinja2'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": str(ROOT)}, timeout=60).returncode == 0


def test_importing_the_engine_imports_no_boto3() -> None:
    code = "import mmeplan, sys; mmeplan.Engine, mmeplan.Planned; sys.exit('boto3' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": str(ROOT)}, timeout=60).returncode == 0
