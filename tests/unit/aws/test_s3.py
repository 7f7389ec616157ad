"""Every documented style of an S3 address names its bucket and its key."""

from __future__ import annotations

import pytest

from mmeplan.aws.s3 import s3_place


@pytest.mark.parametrize(
    "address",
    [
        "s3://acme-models/prices/a.tar.gz",
        "https://s3.amazonaws.com/acme-models/prices/a.tar.gz",
        "https://s3.eu-west-1.amazonaws.com/acme-models/prices/a.tar.gz",
        "https://s3-eu-west-1.amazonaws.com/acme-models/prices/a.tar.gz",
        "https://s3.dualstack.eu-west-1.amazonaws.com/acme-models/prices/a.tar.gz",
        "https://s3-fips.us-east-1.amazonaws.com/acme-models/prices/a.tar.gz",
        "https://acme-models.s3.amazonaws.com/prices/a.tar.gz",
        "https://acme-models.s3.eu-west-1.amazonaws.com/prices/a.tar.gz",
        "https://acme-models.s3-eu-west-1.amazonaws.com/prices/a.tar.gz",
        "https://acme-models.s3.dualstack.eu-west-1.amazonaws.com/prices/a.tar.gz",
        "https://s3.cn-north-1.amazonaws.com.cn/acme-models/prices/a.tar.gz",
        "https://acme-models.s3.cn-north-1.amazonaws.com.cn/prices/a.tar.gz",
    ],
)
def test_an_address_names_bucket_and_key(address: str) -> None:
    assert s3_place(address) == ("acme-models", "prices/a.tar.gz")


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("s3://acme", ("acme", "")),
        ("s3://acme/", ("acme", "")),
        ("https://s3.amazonaws.com/acme", ("acme", "")),
        ("https://my.bucket.s3.eu-west-1.amazonaws.com/a%20b/", ("my.bucket", "a b/")),
        ("https://example.com/acme/a.tar.gz", ("", "")),
        ("https://s3.amazonaws.com.example.com/acme/a", ("", "")),
        ("acme/a.tar.gz", ("", "")),
        ("", ("", "")),
        (None, ("", "")),
    ],
)
def test_other_addresses(address: object, place: tuple[str, str]) -> None:
    assert s3_place(address) == place
