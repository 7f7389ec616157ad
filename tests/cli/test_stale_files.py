"""A saved plan knows every file that it was made from, wherever it is applied from: a changed one makes it stale."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.running import Result, mmeplan

FLEET = """\
version: 1
fleet: scores
region: eu-west-1
models:
  scorer:
    execution_role_arn: arn:aws:iam::123456789012:role/serving
    primary_container: {image: "123456789012.dkr.ecr.eu-west-1.amazonaws.com/scorer:1"}
endpoints:
  "scores-{{ each.key }}":
    for_each: {file: tables/stores.csv}
    config:
      production_variants:
        main: {model: scorer, instance_type: ml.m5.large, initial_instance_count: "{{ each.value.count | int }}"}
"""
STORES = "store,count\nberlin,1\nparis,2\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A repository whose fleet lies in a folder, with a table below it, planned from the root."""
    (tmp_path / "fleets" / "tables").mkdir(parents=True)
    (tmp_path / "fleets" / "fleet.yaml").write_text(FLEET)
    (tmp_path / "fleets" / "tables" / "stores.csv").write_text(STORES)
    planned = mmeplan("plan fleets/fleet.yaml --local --out plan.json", tmp_path)
    assert planned.code == 0, planned.stderr
    return tmp_path


def applied(folder: Path, plan: str = "plan.json") -> Result:
    return mmeplan(f"apply {plan} --local --yes", folder)


def test_a_plan_whose_files_are_as_they_were_is_applied(folder: Path) -> None:
    result = applied(folder)
    assert result.code == 0, result.stderr


@pytest.mark.parametrize(
    ("path", "said"),
    [("fleets/fleet.yaml", "fleets/fleet.yaml"), ("fleets/tables/stores.csv", "tables/stores.csv")],
)
def test_a_fleet_file_in_a_folder_and_a_table_beside_it_make_the_plan_stale(folder: Path, path: str, said: str) -> None:
    (folder / path).write_text((folder / path).read_text() + "\n")
    result = applied(folder)
    assert result.code == 4, result.stdout
    assert f"{said} has changed since the plan was made" in result.stderr
    assert "has changed" not in result.stderr.replace(f"{said} has changed", "")
    assert mmeplan("status fleets/fleet.yaml --local", folder).stdout.count("absent") == 2


def test_all_files_that_changed_are_told_at_once(folder: Path) -> None:
    for path in ("fleets/fleet.yaml", "fleets/tables/stores.csv"):
        (folder / path).write_text((folder / path).read_text() + "\n")
    assert applied(folder).stderr.count("has changed since the plan was made") == 2


def test_a_file_of_the_same_name_elsewhere_is_not_the_one(folder: Path) -> None:
    """The table is looked for beside the fleet file, not where the command runs."""
    (folder / "tables").mkdir()
    (folder / "tables" / "stores.csv").write_text("another\n")
    (folder / "fleet.yaml").write_text("another\n")
    assert applied(folder).code == 0


def test_a_plan_is_applied_where_its_files_are_not(folder: Path) -> None:
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    (folder / "plan.json").rename(elsewhere / "plan.json")
    assert mmeplan("apply plan.json --local-db ../.mmeplan/local.db --yes", elsewhere).code == 0


def test_a_file_whose_content_is_a_value_makes_the_plan_stale(folder: Path) -> None:
    scored = FLEET.replace('scorer:1"}', 'scorer:1", environment: {CHAT: {file: tables/chat.jinja}}}')
    (folder / "fleets" / "fleet.yaml").write_text(scored)
    (folder / "fleets" / "tables" / "chat.jinja").write_text("{{ one }}")
    assert mmeplan("plan fleets/fleet.yaml --local --out plan.json", folder).code == 0

    (folder / "fleets" / "tables" / "chat.jinja").write_text("{{ two }}")
    refused = applied(folder)

    assert refused.code == 4
    assert "tables/chat.jinja has changed since the plan was made" in refused.stderr


def test_a_saved_plan_of_a_table_elsewhere_in_the_repository_is_shown_and_applied(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "common.csv").write_text("name\nberlin\nparis\n")
    folder = tmp_path / "fleet"
    folder.mkdir()
    (folder / "fleet.yaml").write_text(
        """\
version: 1
fleet: shop
region: eu-west-1
policies:
  of-a-commit: {expression: "plan.fleet == 'shop'", message: "it is"}
models:
  ranker:
    execution_role_arn: arn:aws:iam::123456789012:role/sagemaker
    primary_container: {image: "123456789012.dkr.ecr.eu-west-1.amazonaws.com/ranker:1"}
endpoints:
  store:
    for_each: {file: ../common.csv}
    config: {production_variants: {main: {model: ranker, instance_type: ml.m5.large, initial_instance_count: 2}}}
"""
    )
    assert mmeplan("plan --local --out plan.json", folder).code == 0
    assert mmeplan("show plan.json", folder).code == 0
    assert mmeplan("apply plan.json --local --yes", folder).code == 0
