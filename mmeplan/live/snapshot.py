"""`Snapshot`: what the Describe calls said, as plain data that can be saved and planned from without credentials.

Made by `live.observe`, or from its file by `decoding`; read by `diff`, `plan` and the plan-stage rules. "Unreadable" is
data here, not an error.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from mmeplan.kinds import (
    ENDPOINT,
    ENDPOINT_CONFIG,
    MODEL,
    LiveEndpoint,
    LiveEndpointConfig,
    LiveModel,
    LiveObject,
    as_a,
    kind_named,
)

FORMAT_VERSION: Final = "1.0"


@dataclass(frozen=True)
class Snapshot:
    """Everything that was observed at one time in one account and region.

    `inventory_error` is empty when everything that carries the fleet's tag was found; otherwise nothing may be deleted.
    `users` maps `kind/name` of owned models and configs to an endpoint outside the fleet that uses them; it is looked
    for where something would be deleted (`observe_users`). `components` maps `kind/name` of models and endpoints that
    would be deleted to the inference components that use them or are placed on them; None where those can't be read.
    It is empty where no endpoint of the account may host any.
    `environment_salt` is what environment values are masked with; empty where they are as they were read.
    """

    observed_at: str
    account: str
    region: str
    fleet: str
    objects: Mapping[str, Mapping[str, LiveObject]]
    inventory_error: str = ""
    users: Mapping[str, str] = field(default_factory=dict)
    components: Mapping[str, tuple[str, ...] | None] = field(default_factory=dict)
    environment_salt: str = ""

    @property
    def used(self) -> frozenset[str]:
        """`kind/name` of everything that others use, or may use."""
        users = (at for at, user in self.users.items() if user)
        return frozenset((*users, *(at for at, names in self.components.items() if names is None or names)))

    @property
    def was_asked_for_users(self) -> bool:
        """Whether a plan of it may be another one than before others were asked for what they use."""
        return bool(self.users or self.components)

    def get(self, kind: str, name: str) -> LiveObject | None:
        """The object of that name; None where it was never looked for."""
        return self.objects.get(kind, {}).get(name)

    def endpoint(self, name: str) -> LiveEndpoint | None:
        """The endpoint of that name; None where it was never looked for."""
        return as_a(self.get(ENDPOINT.name, name), LiveEndpoint)

    def endpoint_config(self, name: str) -> LiveEndpointConfig | None:
        """The endpoint config of that name; None where it was never looked for."""
        return as_a(self.get(ENDPOINT_CONFIG.name, name), LiveEndpointConfig)

    def model(self, name: str) -> LiveModel | None:
        """The model of that name; None where it was never looked for."""
        return as_a(self.get(MODEL.name, name), LiveModel)

    def endpoints(self) -> Iterator[LiveEndpoint]:
        """All endpoints that exist, by name."""
        return (found for live in self.present(ENDPOINT.name) if (found := as_a(live, LiveEndpoint)))

    def present(self, kind: str) -> Iterator[LiveObject]:
        """All objects of a kind that exist, by name."""
        return (live for _, live in sorted(self.objects.get(kind, {}).items()) if live.status == "present")

    def looked_for(self) -> Iterator[LiveObject]:
        """Everything that was looked for, there or not, by kind and name."""
        return (live for _, named in sorted(self.objects.items()) for _, live in sorted(named.items()))

    def unreadable(self) -> list[LiveObject]:
        """All objects that could not be read, by kind and name."""
        return [live for live in self.looked_for() if live.status == "unreadable"]

    def fingerprint(self, kind: str, name: str) -> str:
        """What freshness compares: a short digest of the object's describe and tags, without what changes by itself."""
        live = self.get(kind, name)
        if live is None or live.status != "present":
            return live.status if live else "absent"
        content = {"describe": kind_named(kind).stable(live.describe, live.name), "tags": dict(live.tags or {})}
        return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:16]

    def digest(self) -> str:
        """SHA-256 over the whole snapshot without its time."""
        document = self.encode()
        del document["observed_at"]
        return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()

    def encode(self) -> dict[str, Any]:
        """The JSON document (specs/snapshot.schema.json)."""
        return {
            "format_version": FORMAT_VERSION,
            "observed_at": self.observed_at,
            "account": self.account,
            "region": self.region,
            "fleet": self.fleet,
            "inventory_error": self.inventory_error,
            **({"users": dict(sorted(self.users.items()))} if self.users else {}),
            **({"components": _components(self.components)} if self.components else {}),
            **({"environment_salt": self.environment_salt} if self.environment_salt else {}),
            "objects": {
                kind: {name: _encode(live) for name, live in sorted(named.items())}
                for kind, named in sorted(self.objects.items())
            },
        }


def _components(found: Mapping[str, tuple[str, ...] | None]) -> dict[str, list[str] | None]:
    return {at: None if names is None else list(names) for at, names in sorted(found.items())}


def _encode(live: LiveObject) -> dict[str, Any]:
    document: dict[str, Any] = {"status": live.status}
    if live.describe:
        document["describe"] = dict(live.describe)
    if live.tags is not None:
        document["tags"] = dict(sorted(live.tags.items()))
    if live.by_digest:
        document["by_digest"] = True
    if live.error:
        document["error"] = live.error
    return document
