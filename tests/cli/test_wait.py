"""`mmeplan wait`: its words and exit codes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mmeplan.apply import Rested
from mmeplan.engine import Engine
from tests.cli.running import mmeplan

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "examples" / "ab-variants" / "fleet.yaml", tmp_path)
    return tmp_path


def test_an_endpoint_at_rest_ends_with_0_and_one_that_is_not_there_with_5(folder: Path) -> None:
    missing = mmeplan("wait --local", folder)
    assert (missing.code, "there is no such endpoint" in missing.stdout) == (5, True)
    assert mmeplan("apply --local --yes", folder).code == 0
    rest = mmeplan("wait house-prices --local", folder)
    assert (rest.code, rest.stdout) == (0, "endpoint/house-prices  InService\n")


def test_time_that_is_up_ends_with_1_and_names_the_endpoint(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    late = Rested("endpoint/house-prices", "house-prices", "waiting", "Updating", "Baking")
    monkeypatch.setattr(Engine, "wait", lambda *_, **__: (late,))
    result = mmeplan("wait --local --timeout 0.5", folder)
    assert (result.code, result.stdout) == (1, "endpoint/house-prices  still Updating  (Baking)\n")
    assert "still under way after 0.5 minutes: endpoint/house-prices" in result.stderr


def test_what_is_waited_for_says_how_long_it_still_takes(folder: Path) -> None:
    assert mmeplan("apply --local --yes", folder).code == 0
    with Engine.simulated(folder / ".mmeplan" / "local.db", region="eu-west-1") as engine:
        counts = [{"VariantName": "champion", "DesiredInstanceCount": 3}]
        params = {"EndpointName": "house-prices", "DesiredWeightsAndCapacities": counts}
        engine._writer.write("UpdateEndpointWeightsAndCapacities", params)
    assert "under way, 1 to 5 min left" in " ".join(mmeplan("status --local", folder).stdout.split())
    waited = mmeplan("wait --local", folder)
    assert waited.code == 0
    assert waited.stderr.splitlines()[0].endswith("1 to 5 min left")
