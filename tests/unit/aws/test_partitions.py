"""The table of partitions, held against botocore's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import botocore
import botocore.session
import pytest

from mmeplan.aws.partitions import invoke_url, partition_of

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


FIRST = {partition: region for region, partition in reversed(REGIONS)}


@pytest.mark.parametrize("region", FIRST.values())
def test_an_endpoint_is_invoked_where_botocore_sends_the_request(region: str) -> None:
    session = botocore.session.Session()
    client = session.create_client("sagemaker-runtime", region, aws_access_key_id="a", aws_secret_access_key="b")
    operation = client.meta.service_model.operation_model
    for name, is_async in (("InvokeEndpoint", False), ("InvokeEndpointAsync", True)):
        uri = operation(name).http["requestUri"].format(EndpointName="ranker")
        assert invoke_url(region, "ranker", is_async=is_async) == client.meta.endpoint_url + uri
