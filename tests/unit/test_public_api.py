"""The public API: what its docstring shows runs, and importing it is cheap."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import mmeplan

ROOT = Path(__file__).parents[2]


def test_the_program_in_the_docstring_runs(tmp_path: Path) -> None:
    code = textwrap.dedent(mmeplan.__doc__.split("as a program:\n\n")[1].split("\n\nNames are imported")[0])
    fleet = ROOT / "examples" / "ab-variants" / "fleet.yaml"
    (tmp_path / "fleet.yaml").write_text(fleet.read_text())
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
    assert "4 to create" in result.stdout


def test_every_public_name_is_there() -> None:
    assert all(getattr(mmeplan, name) is not None for name in mmeplan.__all__)
    assert not hasattr(mmeplan, "no_such_name")


def test_importing_mmeplan_imports_nothing_heavy() -> None:
    code = "import mmeplan, sys; sys.exit(bool({'boto3', 'networkx', 'pydantic', 'yaml', 'jinja2'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": str(ROOT)}, timeout=60).returncode == 0
