"""The table of partitions, held against botocore's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import botocore
import pytest

import mmeplan
from mmeplan.aws.partitions import partition_of

PARTITIONS: list[dict[str, Any]] = json.loads(
    (Path(botocore.__file__).parent / "data" / "partitions.json").read_text(encoding="utf-8")
)["partitions"]
REGIONS = [
    (region, partition["id"])
    for partition in PARTITIONS
    for region in partition["regions"]
    if not region.endswith("-global")
]


def test_botocore_lists_a_region_of_every_partition() -> None:
    assert {partition for _, partition in REGIONS} == {partition["id"] for partition in PARTITIONS}


@pytest.mark.parametrize(("region", "partition"), REGIONS)
def test_a_region_lies_in_the_partition_that_botocore_lists_it_under(region: str, partition: str) -> None:
    assert partition_of(region) == partition


@pytest.mark.parametrize("region", ["", "xx-new-1", "us-isometric-1", "isob-us-1"])
def test_a_region_that_no_other_partition_has_lies_in_aws(region: str) -> None:
    assert partition_of(region) == "aws"


def test_no_other_module_has_a_table_of_partitions() -> None:
    package = Path(mmeplan.__file__).parent
    naming = [path.relative_to(package).as_posix() for path in package.rglob("*.py") if '"aws-cn"' in path.read_text()]
    assert naming == ["aws/partitions.py"]
