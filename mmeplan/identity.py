"""Names that say what they hold: digests, physical names, addresses, ownership tags.

SageMaker can't change a Model or an EndpointConfig, so each content gets a name of its own, `NAME-DIGEST8`.
Digests are a contract: golden digests stand in tests/unit/resources. A changed algorithm is a new DIGEST_VERSION.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from mmeplan.canonical import first_form

DIGEST_VERSION: Final = 1
DIGEST_CHARS: Final = 8
TAGS_DIGEST_CHARS: Final = 16
MAX_NAME: Final = 63  # characters: ModelName, EndpointConfigName, EndpointName

FLEET_TAG: Final = "mmeplan:fleet"
ENVIRONMENT_TAG: Final = "mmeplan:environment"
ADDRESS_TAG: Final = "mmeplan:address"
DIGEST_TAG: Final = "mmeplan:digest"
ON_REMOVE_TAG: Final = "mmeplan:on-remove"
PROTECT_TAG: Final = "mmeplan:protect"
SERVED_TAG: Final = "mmeplan:served"
ROLLED_BACK_TAG: Final = "mmeplan:rolled-back"
WENT_BACK_TAG: Final = "mmeplan:went-back"
STAND_IN_TAG: Final = "mmeplan:stand-in"
TAGS_TAG: Final = "mmeplan:tags"
CARRIES_TAG: Final = "mmeplan:carries"
"""On an endpoint: that the fleet scales it. On a scalable target: which policies are the fleet's."""
OWN_PREFIX: Final = "mmeplan:"
UNSEALED_TAGS: Final = frozenset(
    {
        FLEET_TAG,
        ENVIRONMENT_TAG,
        ADDRESS_TAG,
        DIGEST_TAG,
        TAGS_TAG,
        SERVED_TAG,
        ROLLED_BACK_TAG,
        WENT_BACK_TAG,
        STAND_IN_TAG,
        CARRIES_TAG,
    }
)
"""Tags that `mmeplan:tags` doesn't cover: what names the object, and what applies write down on it."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """A fleet, deployed in one environment: the owner of objects. `environment` is empty for a plan without `-e`.

    Account and region belong to it by where the objects are. An object that carries the fleet's tag and no
    environment's is unclaimed: an apply with `-e` adds its tag to what it declares, and deletes nothing unclaimed.
    """

    fleet: str
    environment: str = ""

    @property
    def tags(self) -> dict[str, str]:
        """What its objects carry."""
        environment = {ENVIRONMENT_TAG: self.environment} if self.environment else {}
        return {FLEET_TAG: self.fleet, **environment}

    def owns(self, tags: Mapping[str, str]) -> bool:
        """Whether an object with these tags is this deployment's to delete."""
        return tags.get(FLEET_TAG) == self.fleet and tags.get(ENVIRONMENT_TAG, "") == self.environment

    def may_change(self, tags: Mapping[str, str]) -> bool:
        """Whether an object with these tags is this deployment's, or unclaimed."""
        return tags.get(FLEET_TAG) == self.fleet and tags.get(ENVIRONMENT_TAG, "") in ("", self.environment)

    @property
    def words(self) -> str:
        """`the fleet 'ranking'`, `the environment 'prod' of the fleet 'ranking'`."""
        fleet = f"the fleet {self.fleet!r}"
        return f"the environment {self.environment!r} of {fleet}" if self.environment else fleet


def owner_in(tags: Mapping[str, str]) -> Deployment | None:
    """The deployment whose tags an object carries; None for an object of nobody's."""
    fleet = tags.get(FLEET_TAG)
    return None if fleet is None else Deployment(fleet, tags.get(ENVIRONMENT_TAG, ""))


_canonical_json: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode


def digest(kind: str, content: Mapping[str, Any], salt: str | None = None) -> str:
    """SHA-256, in hex, over the canonical JSON of an object's content (no name, no tags), its salt and the version."""
    document: dict[str, Any] = {"digest": DIGEST_VERSION, "kind": kind, "content": content}
    if salt is not None:
        document["salt"] = salt
    return hashlib.sha256(_canonical_json(document).encode("ascii")).hexdigest()


def digests(kind: str, content: Mapping[str, Any]) -> tuple[str, ...]:
    """The digests that an object of this content may carry: today's, and that of releases up to 0.1 where it differs.

    Those left out empty structures, so an endpoint that they made keeps its name and its objects.
    """
    first = first_form(dict(content))
    return (digest(kind, content), digest(kind, first)) if first != content else (digest(kind, content),)


def physical_name(name: str, content_digest: str, owner: Deployment | None = None) -> str:
    """`NAME-` and the first eight hex digits of the digest; NAME is shortened, never the digest.

    With an owner: the name that an object has where another deployment's object of the same content has the plain one.
    """
    digits = content_digest[:DIGEST_CHARS]
    if owner is not None:
        whose = hashlib.sha256(_canonical_json([owner.fleet, owner.environment]).encode("ascii")).hexdigest()
        digits = f"{whose[:DIGEST_CHARS]}-{digits}"
    room = MAX_NAME - len(digits) - 1
    return f"{name[:room].rstrip('-')}-{digits}"


def digest_in(physical: str) -> str:
    """The digits at the end of a name that `physical_name` gave; of any other what follows its last dash."""
    return physical.rpartition("-")[2]


def address(kind: str, name: str) -> str:
    """`kind/name`, how plans, tags and options name a thing. Made at many places, kept in memory once."""
    return sys.intern(f"{kind}/{name}")


def tags_digest(tags: Mapping[str, str]) -> str:
    """What `mmeplan:tags` holds: a digest of all tags but AWS's own and those that mmeplan writes for itself.

    By it a tag that was edited by hand is told from one that was edited in the file. Empty where there is no such tag.
    """
    sealed = {
        key: value for key, value in tags.items() if not key.lower().startswith("aws:") and key not in UNSEALED_TAGS
    }
    return _sealed(tuple(sorted(sealed.items()))) if sealed else ""


@lru_cache(maxsize=1024)
def _sealed(tags: tuple[tuple[str, str], ...]) -> str:
    """Most objects of a fleet have the same tags."""
    return hashlib.sha256(_canonical_json(dict(tags)).encode("ascii")).hexdigest()[:TAGS_DIGEST_CHARS]


def ownership_tags(
    deployment: Deployment,
    at: str,
    content_digest: str,
    *,
    tags: Mapping[str, str] | None = None,
    retain: bool = False,
    protect: bool = False,
) -> dict[str, str]:
    """The tags that everything created carries; the last three only where the entry asks for it.

    They outlive the entry in the file: `on_remove` and `protect` matter most when the entry is gone.
    """
    own = {**deployment.tags, ADDRESS_TAG: at, DIGEST_TAG: content_digest}
    if retain:
        own[ON_REMOVE_TAG] = "retain"
    if protect:
        own[PROTECT_TAG] = "true"
    sealed = tags_digest({**(tags or {}), **own})
    return {**own, TAGS_TAG: sealed} if sealed else own
