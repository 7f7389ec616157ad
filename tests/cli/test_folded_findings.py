"""A finding that every entry of a `for_each` has stands once in each page of a plan, with how many have it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.running import mmeplan

ROWS = "".join(f"{number}\n" for number in range(101, 201))
FLEET = """\
version: 1
fleet: shop
region: eu-west-1
models:
  ranker:
    execution_role_arn: arn:aws:iam::123456789012:role/sagemaker
    primary_container: {image: "123456789012.dkr.ecr.eu-west-1.amazonaws.com/ranker:1"}
endpoints:
  store:
    for_each: {file: stores.csv}
    config: {production_variants: {main: {model: ranker, instance_type: ml.m5.large, initial_instance_count: 1}}}
"""


@pytest.mark.parametrize("output", ["text", "markdown", "html"])
def test_a_hundred_rows_with_one_finding_are_told_once(tmp_path: Path, output: str) -> None:
    (tmp_path / "fleet.yaml").write_text(FLEET)
    (tmp_path / "stores.csv").write_text("name\n" + ROWS)
    page = " ".join(mmeplan(f"plan --local --format {output}", tmp_path).stdout.split())
    assert page.count("depends on one instance in one availability zone") == 1
    assert "(100 entries: " in page
