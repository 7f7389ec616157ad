"""The commands that keep generated schemas fresh, run as modules in a folder of their own."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

import mmeplan

MODULES = {"plan": ("plan.schema.json", "drift.schema.json", "report.schema.json"), "apply": ("events.schema.json",)}
PACKAGE = Path(mmeplan.__file__).parent
SPECS = PACKAGE.parent / "specs"


def run(package: str, option: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["schema", option])
    runpy.run_path(str(PACKAGE / package / "schema.py"), run_name="__main__")


@pytest.mark.parametrize("package", MODULES)
def test_a_stale_schema_is_told_and_written_anew(package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("specs").mkdir()
    for name in MODULES[package]:
        Path("specs", name).write_text("{}")
    with pytest.raises(SystemExit, match=rf"specs/.* is stale: python -m mmeplan.{package}.schema --write"):
        run(package, "--check", monkeypatch)
    run(package, "--write", monkeypatch)
    for name in MODULES[package]:
        assert Path("specs", name).read_text() == (SPECS / name).read_text()
    run(package, "--check", monkeypatch)


def test_the_fleet_schema_is_checked_where_it_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(SPECS.parent)
    run("spec", "--check", monkeypatch)
