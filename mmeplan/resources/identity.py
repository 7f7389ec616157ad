"""Names that say what they hold: digests, physical names, addresses, ownership tags.

SageMaker can't change a Model or an EndpointConfig, so each content gets a name of its own, `NAME-DIGEST8`.
Digests are a contract: golden digests stand in tests/unit/resources. A changed algorithm is a new DIGEST_VERSION.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from typing import Any, Final

DIGEST_VERSION: Final = 1
DIGEST_CHARS: Final = 8
MAX_NAME: Final = 63  # characters: ModelName, EndpointConfigName, EndpointName

FLEET_TAG: Final = "mmeplan:fleet"
ADDRESS_TAG: Final = "mmeplan:address"
DIGEST_TAG: Final = "mmeplan:digest"
ON_REMOVE_TAG: Final = "mmeplan:on-remove"
PROTECT_TAG: Final = "mmeplan:protect"
OWN_PREFIX: Final = "mmeplan:"


_canonical_json: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode


def digest(kind: str, content: Mapping[str, Any], salt: str | None = None) -> str:
    """SHA-256, in hex, over the canonical JSON of an object's content (no name, no tags), its salt and the version."""
    document: dict[str, Any] = {"digest": DIGEST_VERSION, "kind": kind, "content": content}
    if salt is not None:
        document["salt"] = salt
    return hashlib.sha256(_canonical_json(document).encode("ascii")).hexdigest()


def physical_name(name: str, content_digest: str) -> str:
    """`NAME-` and the first eight hex digits of the digest; NAME is shortened, never the digest."""
    room = MAX_NAME - DIGEST_CHARS - 1
    return f"{name[:room].rstrip('-')}-{content_digest[:DIGEST_CHARS]}"


def address(kind: str, name: str) -> str:
    """`kind/name`, how plans, tags and options name a thing. Made at many places, kept in memory once."""
    return sys.intern(f"{kind}/{name}")


def ownership_tags(
    fleet: str, at: str, content_digest: str, *, retain: bool = False, protect: bool = False
) -> dict[str, str]:
    """The tags that everything created carries; the last two only where the entry asks for it.

    They outlive the entry in the file: `on_remove` and `protect` matter most when the entry is gone.
    """
    tags = {FLEET_TAG: fleet, ADDRESS_TAG: at, DIGEST_TAG: content_digest}
    if retain:
        tags[ON_REMOVE_TAG] = "retain"
    if protect:
        tags[PROTECT_TAG] = "true"
    return tags
