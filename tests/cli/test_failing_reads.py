"""`mmeplan apply` while reads fail after its first write: it ends with 5 and says why; once more, and it is done."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mmeplan.cloud.aws import Cloud
from mmeplan.errors import CloudError
from mmeplan.live import Answer
from tests.cli.running import mmeplan

FLEET = """\
version: 1
fleet: scores
region: eu-west-1
retain: 0
models:
  scorer:
    execution_role_arn: arn:aws:iam::123456789012:role/serving
    primary_container: {image: "123456789012.dkr.ecr.eu-west-1.amazonaws.com/scorer:VERSION"}
endpoints:
  scores:
    config:
      production_variants:
        main: {model: scorer, instance_type: ml.m5.large, initial_instance_count: 1}
"""


def deny_after_the_first_write(patch: pytest.MonkeyPatch, denied: str) -> None:
    """From the first write on, reads of this operation are denied."""
    writes: list[str] = []
    read, write = Cloud.read, Cloud.write

    def reading(self: Cloud, operation: str, params: Mapping[str, Any]) -> Answer:
        if writes and operation == denied:
            raise CloudError(operation, "AccessDeniedException", "not authorized")
        return read(self, operation, params)

    def writing(self: Cloud, operation: str, params: Mapping[str, Any]) -> Answer:
        writes.append(operation)
        return write(self, operation, params)

    patch.setattr(Cloud, "read", reading)
    patch.setattr(Cloud, "write", writing)


@pytest.mark.parametrize(
    "operation",
    ["DescribeEndpoint", "DescribeEndpointConfig", "DescribeModel", "ListTags", "ListEndpoints"],
)
def test_an_apply_whose_reads_are_denied_is_incomplete_and_the_next_one_finishes(
    tmp_path: Path, operation: str
) -> None:
    file = tmp_path / "fleet.yaml"
    file.write_text(FLEET.replace("VERSION", "1"))
    assert mmeplan("apply --local --yes", tmp_path).code == 0
    file.write_text(FLEET.replace("VERSION", "2"))
    with pytest.MonkeyPatch.context() as patch:
        deny_after_the_first_write(patch, operation)
        result = mmeplan("apply --local --yes", tmp_path)
    assert result.code == 5, result.stdout
    assert "Apply incomplete" in result.stdout
    assert operation in result.stdout
    assert mmeplan("apply --local --yes", tmp_path).code == 0
    assert mmeplan("plan --local --detailed-exitcode", tmp_path).code == 0
