"""What real fleets write of S3 passes: every style of address, and an archive that is called a prefix."""

from __future__ import annotations

import pytest

from mmeplan import rules
from mmeplan.graph import compile
from mmeplan.rules.examples import fleet_file
from mmeplan.spec import load_text

SOURCE = "model_data_source: {s3_data_source: {s3_uri: %s, s3_data_type: S3Prefix, compression_type: %s}}"


def found(text: str) -> dict[str, str]:
    fleet = load_text(text.encode())
    return {finding.rule: finding.severity for finding in rules.check(fleet, compile(fleet))}


@pytest.mark.parametrize(
    "address",
    [
        "s3://acme-models/prices/",
        "https://s3-eu-west-1.amazonaws.com/acme-models/prices/",
        "https://s3.eu-west-1.amazonaws.com/acme-models/prices/",
        "https://acme-models.s3.amazonaws.com/prices/",
    ],
)
def test_a_multi_model_prefix_may_have_any_style_of_address(address: str) -> None:
    assert "MME-01" not in found(fleet_file(multi_model=True, container=f"model_data_url: {address}"))


@pytest.mark.parametrize("address", ["https://example.com/prices/", "https://s3.amazonaws.com/acme/a.tar.gz"])
def test_what_is_no_prefix_in_s3_is_refused(address: str) -> None:
    assert found(fleet_file(multi_model=True, container=f"model_data_url: {address}"))["MME-01"] == "error"


def test_one_archive_that_is_called_a_gzipped_prefix_is_noted_and_not_refused() -> None:
    archive = SOURCE % ("s3://acme/ranker.tar.gz", "Gzip")
    found_here = found(fleet_file(container=archive, without=("model_data_url",)))
    assert found_here["MDL-26"] == "note"
    assert "MDL-25" not in found_here


def test_an_unpacked_prefix_without_a_slash_is_refused() -> None:
    folder = SOURCE % ("s3://acme/ranker", "None")
    assert found(fleet_file(container=folder, without=("model_data_url",)))["MDL-25"] == "error"
