"""`mmeplan images` as users meet it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.running import mmeplan

FLEET = """\
version: 1
fleet: shop
region: eu-west-1
models:
  ranker:
    execution_role_arn: arn:aws:iam::123456789012:role/sagemaker
    primary_container:
      image: {framework: xgboost, version: "1.7-1"}
      model_data_url: s3://shop/ranker.tar.gz
endpoints:
  ranker:
    config:
      production_variants: {main: {model: ranker, instance_type: ml.m5.large, initial_instance_count: 2}}
"""
ADDRESS = "141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-xgboost:1.7-1"


def test_the_names_are_listed_with_their_newest_versions(tmp_path: Path) -> None:
    lines = mmeplan("images", tmp_path).stdout.splitlines()
    assert lines[0].split() == ["NAME", "NEWEST", "FOR"]
    assert any(line.startswith("pytorch ") and "2.6.0" in line and "cpu, gpu, graviton" in line for line in lines)
    assert lines[-1].endswith("`mmeplan images NAME` lists the versions of one.")


def test_the_versions_of_a_name_are_listed_the_newest_first(tmp_path: Path) -> None:
    lines = mmeplan("images xgboost", tmp_path).stdout.splitlines()
    versions = [line.split()[0] for line in lines[1:-2]]
    assert versions.index("3.0-5") < versions.index("1.7-1") < versions.index("0.90-2")
    assert ADDRESS in mmeplan("images xgboost --region eu-west-1", tmp_path).stdout


def test_programs_get_every_address(tmp_path: Path) -> None:
    found = json.loads(mmeplan("images xgboost --format json", tmp_path).stdout)
    (image,) = [item for item in found if (item["version"], item["processor"]) == ("1.7-1", "any")]
    assert image["addresses"]["eu-west-1"] == ADDRESS
    assert json.loads(mmeplan("images --format json --region mx-central-1", tmp_path).stdout)


@pytest.mark.parametrize(("name", "hint"), [("pytoch", "did you mean pytorch?"), ("acme", "mmeplan images lists them")])
def test_a_name_that_there_is_not(tmp_path: Path, name: str, hint: str) -> None:
    told = mmeplan(f"images {name}", tmp_path)
    assert (told.code, told.stdout) == (1, "")
    assert hint in told.stderr


def test_a_plan_shows_address_and_name_and_the_next_one_is_empty(tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_text(FLEET)
    for output in ("text", "markdown"):
        page = " ".join(mmeplan(f"plan --local --format {output}", tmp_path).stdout.split())
        assert f"{ADDRESS} (xgboost 1.7-1)" in page.replace("`", "")
    assert mmeplan("apply --local --yes", tmp_path).code == 0
    assert mmeplan("plan --local --detailed-exitcode", tmp_path).code == 0
    (tmp_path / "fleet.yaml").write_text(FLEET.replace('{framework: xgboost, version: "1.7-1"}', ADDRESS))
    assert mmeplan("plan --local --detailed-exitcode", tmp_path).code == 0


def test_the_region_of_the_command_chooses_the_address(tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_text(FLEET.replace("region: eu-west-1\n", ""))
    assert "write `region:`, or pass --region" in mmeplan("plan --local", tmp_path).stderr
    assert "us-west-2" in mmeplan("plan --local --region us-west-2", tmp_path).stdout
