"""Partitions: which one a region lies in, the second part of every ARN.

Sources: botocore's data/partitions.json has `aws` and the seven others (`aws-cn` China, `aws-us-gov` GovCloud,
`aws-iso`, `aws-iso-b`, `aws-iso-e`, `aws-iso-f`, `aws-eusc` European Sovereign Cloud), each with the regular
expression of its regions; a region's first words decide in every one of them.
"""

from __future__ import annotations

from typing import Final

_BY_PREFIX: Final = {
    "cn-": "aws-cn",
    "us-gov-": "aws-us-gov",
    "us-iso-": "aws-iso",
    "us-isob-": "aws-iso-b",
    "eu-isoe-": "aws-iso-e",
    "us-isof-": "aws-iso-f",
    "eusc-": "aws-eusc",
}


def partition_of(region: str) -> str:
    """`eu-west-1` → `aws`, `cn-north-1` → `aws-cn`, …; `aws` for a region that no other partition has."""
    return next((partition for prefix, partition in _BY_PREFIX.items() if region.startswith(prefix)), "aws")


_DNS_SUFFIX: Final = {
    "aws-cn": "amazonaws.com.cn",
    "aws-iso": "c2s.ic.gov",
    "aws-iso-b": "sc2s.sgov.gov",
    "aws-iso-e": "cloud.adc-e.uk",
    "aws-iso-f": "csp.hci.ic.gov",
    "aws-eusc": "amazonaws.eu",
}
"""What the hosts of a partition end in: botocore's data/partitions.json, `outputs.dnsSuffix`."""


def dns_suffix(region: str) -> str:
    """`eu-west-1` → `amazonaws.com`, `cn-north-1` → `amazonaws.com.cn`."""
    return _DNS_SUFFIX.get(partition_of(region), "amazonaws.com")
