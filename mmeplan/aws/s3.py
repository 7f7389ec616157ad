"""S3 addresses: the bucket and the key that each documented style of address names."""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import unquote

_HOST: Final = re.compile(
    r"https?://"
    r"(?:(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])\.)??"
    r"s3(?:-fips|-accelerate)?(?:[.-](?:dualstack\.)?[a-z0-9-]+)?"
    r"\.amazonaws\.com(?:\.cn)?"
    r"(?:/(?P<path>.*))?",
    re.IGNORECASE,
)
"""A path-style or virtual-hosted address, of a region or none, dual-stack or not.

Source: Amazon S3 User Guide, "Virtual hosting of general purpose buckets" and "Using dual-stack endpoints"; AWS General
Reference, "Amazon S3 endpoints and quotas".
"""


def s3_place(address: Any) -> tuple[str, str]:
    """(bucket, key) of an S3 address in any documented style; empty texts where it isn't one."""
    if not isinstance(address, str):
        return "", ""
    if address.startswith("s3://"):
        bucket, _, key = address.removeprefix("s3://").partition("/")
        return bucket, key
    match = _HOST.fullmatch(address)
    if match is None:
        return "", ""
    path = unquote(match["path"] or "")
    if match["bucket"]:
        return match["bucket"], path
    bucket, _, key = path.partition("/")
    return bucket, key
