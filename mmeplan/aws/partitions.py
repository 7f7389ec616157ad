"""Partitions: which one a region lies in, the second part of every ARN.

Sources: botocore's data/partitions.json has `aws` and the seven others (`aws-cn` China, `aws-us-gov` GovCloud,
`aws-iso`, `aws-iso-b`, `aws-iso-e`, `aws-iso-f`, `aws-eusc` European Sovereign Cloud), each with the regular
expression of its regions; a region's first words decide in every one of them.
"""

from __future__ import annotations

import difflib
import json
import re
from functools import lru_cache
from typing import Final

from mmeplan.aws.shapes import botocore_folder

_BY_PREFIX: Final = {
    "cn-": "aws-cn",
    "us-gov-": "aws-us-gov",
    "us-iso-": "aws-iso",
    "us-isob-": "aws-iso-b",
    "eu-isoe-": "aws-iso-e",
    "us-isof-": "aws-iso-f",
    "eusc-": "aws-eusc",
}


REGION: Final = re.compile(r"[a-z]{2,}(?:-[a-z]+)+-[0-9]+")
"""The form of every region's name; botocore's data/partitions.json, `regionRegex`, has narrower ones."""


@lru_cache(maxsize=1)
def known_regions() -> tuple[str, ...]:
    """The regions that the installed botocore knows, in its data/partitions.json. AWS may have opened others since."""
    data = json.loads((botocore_folder() / "data" / "partitions.json").read_text(encoding="utf-8"))
    names = (name for partition in data["partitions"] for name in partition["regions"])
    return tuple(sorted(name for name in names if REGION.fullmatch(name)))


def region_doubt(region: str) -> str:
    """`no region eu-wset-1 is known; did you mean eu-west-1?`; empty for one that botocore knows."""
    if region in known_regions():
        return ""
    close = difflib.get_close_matches(region, known_regions(), n=3, cutoff=0.8)
    return f"no region {region} is known" + (f"; did you mean {' or '.join(close)}?" if close else "")


def partition_of(region: str) -> str:
    """`eu-west-1` → `aws`, `cn-north-1` → `aws-cn`, …; `aws` for a region that no other partition has."""
    return next((partition for prefix, partition in _BY_PREFIX.items() if region.startswith(prefix)), "aws")


def currency_of(region: str) -> str:
    """The currency of a region's prices: yuan in China, US dollars elsewhere. Source: AWS China's price list."""
    return "CNY" if region.startswith("cn-") else "USD"


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


def invoke_url(region: str, endpoint: str, *, is_async: bool = False) -> str:
    """Where clients send their requests to an endpoint, by its name.

    Source: botocore sagemaker-runtime, the endpoint rule set and the URIs of InvokeEndpoint and InvokeEndpointAsync.
    """
    uri = "async-invocations" if is_async else "invocations"
    return f"https://runtime.sagemaker.{region}.{dns_suffix(region)}/endpoints/{endpoint}/{uri}"
