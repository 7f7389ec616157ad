"""`mmeplan status`: which of its words is the fleet file, and which are endpoints."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.running import mmeplan

ROOT = Path(__file__).parents[2]
URL = "https://runtime.sagemaker.eu-west-1.amazonaws.com/endpoints/house-prices/invocations"


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("applied")
    shutil.copy(ROOT / "examples" / "ab-variants" / "fleet.yaml", folder)
    assert mmeplan("apply --local --yes", folder).code == 0
    return folder


@pytest.fixture
def folder(applied: Path, tmp_path: Path) -> Path:
    shutil.copytree(applied, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.mark.parametrize(
    "words", ["house-prices", "endpoint/house-prices", "fleet.yaml house-prices", "house-prices ./fleet.yaml"]
)
def test_an_endpoint_is_named_beside_the_file_or_without_it(words: str, folder: Path) -> None:
    assert f"  {URL}\n" in mmeplan(f"status {words} --local", folder).stdout


def test_a_file_without_a_suffix_is_the_fleet(folder: Path) -> None:
    (folder / "fleet.yaml").rename(folder / "house")
    assert "InService" in mmeplan("status house --local", folder).stdout
    assert URL in mmeplan("status house house-prices --local", folder).stdout


def test_all_endpoints_have_their_url_in_json_alone(folder: Path) -> None:
    assert "https://" not in mmeplan("status --local", folder).stdout
    assert json.loads(mmeplan("status --local --format json", folder).stdout)[0]["url"] == URL


WRONG = [
    ("house-price", "no endpoint 'house-price' in this fleet; did you mean house-prices?"),
    ("x.yaml", "x.yaml"),
    ("fleet.yaml x.yaml", "fleet.yaml and x.yaml: expected one FLEET"),
]


@pytest.mark.parametrize(("words", "error"), WRONG)
def test_what_is_no_endpoint_is_told(words: str, error: str, folder: Path) -> None:
    result = mmeplan(f"status {words} --local", folder)
    assert (result.code, error in result.stderr) == (1, True), result.stderr


def test_options_of_a_named_file_count(folder: Path) -> None:
    file = folder / "fleet.yaml"
    file.write_text(f"{file.read_text()}\noptions:\n  format: json\n")
    assert mmeplan("status house-prices fleet.yaml --local", folder).stdout.startswith("[")
