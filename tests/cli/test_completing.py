"""What the shell offers: environments, addresses, endpoints and ids of rules."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.shell_completion import BashComplete

from mmeplan.cli.app import app
from tests.cli.running import inside

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "examples" / "ab-variants" / "fleet.yaml", tmp_path)
    return tmp_path


def offered(line: str, typed: str, folder: Path) -> list[str]:
    with inside(folder):
        completing = BashComplete(app, {}, "mmeplan", "_MMEPLAN_COMPLETE")
        return [item.value for item in completing.get_completions(line.split(), typed)]


OFFERED = [
    ("plan -e", "", ["prod"]),
    ("plan -e", "x", []),
    ("plan --target", "endpoint/", ["endpoint/house-prices"]),
    ("apply --replace", "model/c", ["model/challenger", "model/champion"]),
    ("apply other.yaml --allow-outage", "", []),
    ("apply other.yaml -e", "", []),
    ("rollback", "ho", ["house-prices"]),
    ("status", "ho", ["house-prices"]),
    ("status fleet.yaml", "endpoint/", ["endpoint/house-prices"]),
    ("status other.yaml", "", []),
    ("status house-prices -e", "", ["prod"]),
    ("rollback house-prices -e", "", ["prod"]),
    ("move", "endpoint/h", ["endpoint/house-prices"]),
    ("rules", "mme-02", ["MME-02"]),
]


@pytest.mark.parametrize(("line", "typed", "names"), OFFERED)
def test_the_shell_offers_what_the_file_has(line: str, typed: str, names: list[str], folder: Path) -> None:
    assert offered(line, typed, folder) == names


def test_addresses_are_those_of_the_environment(tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_text(
        "version: 1\nfleet: x\nvariables: {names: []}\nenvironments: {prod: {variables: {names: [a]}}}\n"
        "endpoints:\n  ranker: {for_each: '{{ names }}', allow_empty: true, config: shared}\n"
        "endpoint_configs:\n  shared: {production_variants: {main: {model: m, instance_type: ml.m5.large,"
        " initial_instance_count: 1}}}\n"
        "models:\n  m: {execution_role_arn: arn:aws:iam::123456789012:role/r, primary_container: {image: a}}\n"
    )
    assert offered("plan --target", "endpoint/", tmp_path) == []
    assert offered("plan -e prod --target", "endpoint/", tmp_path) == ["endpoint/ranker-a"]


def test_a_name_that_a_shell_would_take_apart_is_not_offered(tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_text('version: 1\nfleet: x\nenvironments: {"a\\nfile,b": {}, "$(x)": {}, ok: {}}\n')
    assert offered("plan -e", "", tmp_path) == ["ok"]
