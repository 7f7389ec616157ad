"""Models out of JumpStart's buckets: their license and their region."""

from __future__ import annotations

import pytest

from mmeplan.rules.examples import fleet_file
from tests.rules.test_examples import findings_of

SOURCE = """
model_data_source:
  s3_data_source: {s3_uri: s3://%s/meta-textgeneration/llama/v1/, s3_data_type: S3Prefix, compression_type: None%s}
"""
EXTRA = """
additional_model_data_sources:
  - channel_name: draft
    s3_data_source: {s3_uri: s3://%s/draft/v1/, s3_data_type: S3Prefix, compression_type: None%s}
"""
ACCEPTED, REFUSED = (f", model_access_config: {{accept_eula: {value}}}" for value in ("true", "false"))


def found(container: str) -> set[str]:
    return {finding.rule for finding in findings_of(fleet_file(container=container, without=("model_data_url",)))}


@pytest.mark.parametrize(
    ("bucket", "access", "rules"),
    [
        ("jumpstart-private-cache-prod-eu-west-1", "", {"MDL-52"}),
        ("jumpstart-private-cache-prod-eu-west-1", REFUSED, {"MDL-52"}),
        ("jumpstart-private-cache-prod-eu-west-1", ACCEPTED, set()),
        ("jumpstart-private-cache-prod-us-east-1", ACCEPTED, {"MDL-53"}),
        ("jumpstart-private-cache-prod-us-east-1", "", {"MDL-52", "MDL-53"}),
        ("jumpstart-cache-prod-eu-west-1", "", set()),
        ("jumpstart-cache-prod-us-west-2", "", {"MDL-53"}),
        ("sagemaker-sd-models-prod-us-west-2", "", {"MDL-53"}),
        ("acme-jumpstart-private-cache-prod-us-east-1", "", set()),
        ("jumpstart-private-cache-prod", "", set()),
    ],
)
@pytest.mark.parametrize("form", [SOURCE, EXTRA], ids=["source", "additional"])
def test_the_license_and_the_region_of_a_bucket_are_told(form: str, bucket: str, access: str, rules: set[str]) -> None:
    assert found(form % (bucket, access)) == rules


@pytest.mark.parametrize(
    "url",
    [
        "s3://jumpstart-cache-prod-us-east-1/infer/v1.0.0.tar.gz",
        "https://jumpstart-cache-prod-us-east-1.s3.us-east-1.amazonaws.com/infer/v1.0.0.tar.gz",
    ],
)
def test_an_archive_of_another_region_is_told_by_every_style_of_address(url: str) -> None:
    assert found(f"model_data_url: {url}") == {"MDL-53"}
