"""What an endpoint remembers in its own tags: which configs have served it, and which updates were taken back.

There is no state file, and DescribeEndpoint tells the present only. So three tags of the endpoint hold the past:

    mmeplan:served        the configs that have served it, newest first, by the first eight hex digits of their digests
    mmeplan:rolled-back   the config whose update SageMaker rolled back last
    mmeplan:went-back     the config that `mmeplan rollback` took the endpoint away from

A config that is in force has served by that alone, written or not; so no crash makes a claim that isn't true. A config
whose update was rolled back is never among those that have served.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from mmeplan.resources.identity import DIGEST_CHARS, DIGEST_TAG, ROLLED_BACK_TAG, SERVED_TAG, WENT_BACK_TAG

MEMORY_TAGS: Final = frozenset({SERVED_TAG, ROLLED_BACK_TAG, WENT_BACK_TAG})
"""Tags that the file doesn't decide: never added or removed because the file lacks them."""

MOST: Final = 28  # digests that fit into a tag's value: 256 characters (botocore TagValue)


def short_digest(tags: Mapping[str, str] | None) -> str:
    """The first eight hex digits of an object's digest tag; empty where it has none."""
    return (tags or {}).get(DIGEST_TAG, "")[:DIGEST_CHARS]


def served(tags: Mapping[str, str] | None) -> tuple[str, ...] | None:
    """The short digests of the configs that have served, newest first; None where nothing was written down."""
    written = (tags or {}).get(SERVED_TAG)
    return tuple(written.split()) if written is not None else None


def served_text(digests: Iterable[str]) -> str:
    """The tag's value for these short digests, newest first; repeated and empty ones are left out."""
    return " ".join(list(dict.fromkeys(digest for digest in digests if digest))[:MOST])
