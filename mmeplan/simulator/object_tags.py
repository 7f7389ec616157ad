"""The tags of S3's objects and buckets, within their limits.

In: the header `x-amz-tagging`, or pairs of a key and a value. Out: a dictionary, or S3's own error. Sources: the S3
user guide, "Categorizing your objects using tags"; the S3 API reference, "List of Tagging-related error codes"; a
bucket's limit and its words, and that tags are looked at one by one before they are counted: scality/cloudserver, pull
request 4451, which was held against AWS.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import parse_qsl

from mmeplan.simulator.wire import ServiceError

TAGS: Final = 10
BUCKET_TAGS: Final = 50
KEY_CHARACTERS: Final = 128
VALUE_CHARACTERS: Final = 256


def in_header(headers: Mapping[str, str]) -> dict[str, str]:
    """The tags of a header `x-amz-tagging`, which is written as a query is. Raises ServiceError."""
    text = headers.get("x-amz-tagging", "")
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text))
    except ValueError:
        message = (
            "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag "
            "name duplicates."
        )
        raise ServiceError("InvalidArgument", message, 400, {"ArgumentName": "x-amz-tagging"}) from None
    system = next((key for key, _ in pairs if key.startswith("aws:")), "")
    if system:  # moto's test_put_object_with_tagging, which was held against AWS
        raise ServiceError("InvalidTag", "Your TagKey cannot be prefixed with aws:", 400, {"TagKey": system})
    return valid(pairs)


def valid(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The tags of an object within their limits. Raises ServiceError BadRequest or InvalidTag."""
    tags = _each_valid(pairs)
    if len(tags) > TAGS:
        raise ServiceError("BadRequest", f"Object tags cannot be greater than {TAGS}")
    return tags


def valid_of_bucket(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The tags of a bucket within their limits. Raises ServiceError BadRequest or InvalidTag."""
    tags = _each_valid(pairs)
    if len(tags) > BUCKET_TAGS:
        raise ServiceError("BadRequest", f"Bucket tag count cannot be greater than {BUCKET_TAGS}")
    return tags


def _each_valid(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    tags: dict[str, str] = {}
    for key, value in pairs:
        if key in tags:
            raise ServiceError("InvalidTag", "Cannot provide multiple Tags with the same key", 400, {"TagKey": key})
        if key.startswith("aws:"):
            raise ServiceError("InvalidTag", "System tags cannot be added/updated by requester", 400, {"TagKey": key})
        if not 1 <= len(key) <= KEY_CHARACTERS:
            raise ServiceError("InvalidTag", "The TagKey you have provided is invalid", 400, {"TagKey": key})
        if len(value) > VALUE_CHARACTERS:
            raise ServiceError("InvalidTag", "The TagValue you have provided is invalid", 400, {"TagKey": key})
        tags[key] = value
    return tags
