"""What the tests of workflows share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.flow.runner import HOSTILE_MODULES, Runner, action_of, offline_pip
from tests.flow.wheelhouse import wheelhouse


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Wheels of mmeplan's dependencies, and of what builds it."""
    return wheelhouse(tmp_path_factory.mktemp("wheels"), "mmeplan[policies]", "hatchling")


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory, wheels: Path) -> Path:
    """A runner's temporary folder, with mmeplan installed by the action's own step into a bare environment."""
    temp, checkout = tmp_path_factory.mktemp("runner"), tmp_path_factory.mktemp("hostile")
    for name in HOSTILE_MODULES:
        (checkout / f"{name}.py").write_text(f"raise SystemExit('imported {name}')")
    action = {"GITHUB_ACTION_PATH": str(action_of(tmp_path_factory.mktemp("action") / "action", wheels))}
    runner = Runner(temp, checkout, {}, environment=offline_pip(wheels) | action)
    ended = runner.act(command="install")
    assert ended.code == 0, ended.log
    assert ended.ran == ["Install mmeplan"]
    assert "::warning" not in ended.log
    assert (temp / "mmeplan/bin/mmeplan").exists()
    return temp
