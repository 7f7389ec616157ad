"""What the tests of workflows share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.flow.wheelhouse import wheelhouse


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Wheels of mmeplan's dependencies, and of what builds it."""
    return wheelhouse(tmp_path_factory.mktemp("wheels"), "mmeplan[policies]", "hatchling")
