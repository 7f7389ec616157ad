"""A fleet from a table: what happens when the table loses its rows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.running import mmeplan

FLEET = """\
version: 1
fleet: stores
region: eu-west-1
models:
  "store-{{ each.key }}":
    for_each: {file: stores.csv}
    primary_container: {image: "123456789012.dkr.ecr.eu-west-1.amazonaws.com/ranker:1"}
    execution_role_arn: arn:aws:iam::123456789012:role/sagemaker
endpoints:
  stores:
    for_each: {file: stores.csv}
    config:
      production_variants:
        main: {model: "store-{{ each.key }}", instance_type: ml.m5.large, initial_instance_count: 2}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A fleet of three stores, applied; then only the header of its table is left."""
    (tmp_path / "fleet.yaml").write_text(FLEET)
    (tmp_path / "stores.csv").write_text("name\nberlin\nparis\nrome\n")
    assert mmeplan("apply --local --yes", tmp_path).code == 0
    (tmp_path / "stores.csv").write_text("name\n")
    return tmp_path


def endpoints(folder: Path) -> list[str]:
    """The names of the live endpoints."""
    saved = mmeplan("snapshot --local --out seen.json", folder)
    assert saved.code == 0, saved.stderr
    return sorted(json.loads((folder / "seen.json").read_text())["objects"]["endpoint"])


def test_a_table_that_lost_its_rows_deletes_nothing(folder: Path) -> None:
    result = mmeplan("apply --local --yes", folder)
    assert result.code == 3
    assert result.stdout.count("GATE-10") == 2
    assert endpoints(folder) == ["stores-berlin", "stores-paris", "stores-rome"]
    assert "stores.csv` has no items" in mmeplan("validate", folder).stdout


def test_a_table_that_may_lose_them_does(folder: Path) -> None:
    meant = FLEET.replace("    for_each", "    allow_empty: true\n    for_each")
    (folder / "fleet.yaml").write_text(meant)
    assert mmeplan("validate", folder).stdout == "No findings.\n"
    result = mmeplan("apply --local --yes", folder)
    assert result.code == 0
    assert "as `allow_empty: true` says" in result.stdout
    assert endpoints(folder) == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("allow_empty: perhaps", "endpoints.stores.allow_empty: expected true or false, got the string perhaps"),
        ("allow_empty: '{{ maybe }}'", "'maybe' is undefined"),
    ],
)
def test_what_may_come_to_nothing_is_said_by_true_or_false(folder: Path, line: str, said: str) -> None:
    (folder / "fleet.yaml").write_text(FLEET.replace("  stores:\n", f"  stores:\n    {line}\n"))
    assert said in mmeplan("validate", folder).stderr


def test_an_entry_without_for_each_can_not_come_to_nothing(folder: Path) -> None:
    text = FLEET.replace("  stores:\n    for_each: {file: stores.csv}", "  stores:\n    allow_empty: true")
    (folder / "fleet.yaml").write_text(text)
    assert "allow_empty needs a for_each beside it" in mmeplan("validate", folder).stderr
