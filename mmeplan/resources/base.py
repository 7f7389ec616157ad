"""`Resource`: one desired object, compiled. What `graph` makes, `rules` check, `diff` compares and `plan` creates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mmeplan.resources.canonical import Canonical, canonical
from mmeplan.resources.identity import address, digest, ownership_tags, physical_name
from mmeplan.spec import Entry, FilePath

ApiPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Reference:
    """A place in a request that names another object.

    `address` is the resource inside the fleet, None for an object outside it; `name` is the physical name either way.
    `path` is in API members, list items of named lists by their name: `("ProductionVariants", "large", "ModelName")`.
    """

    path: ApiPath
    kind: str
    name: str
    address: str | None


@dataclass(frozen=True, slots=True)
class Resource:
    """A desired Model, EndpointConfig or Endpoint.

    `fleet` is the fleet's name, `request` the exact Create request without tags. `content` is what the digest was taken
    over: the canonical request without its name. An endpoint's digest is taken over its *meaning*, which is large and
    made when it is asked for (`Graph.meaning`); its `content` is empty. `autoscaled` names the variants whose instance
    count is somebody else's (`capacity: autoscaled`). `update_options` are the members that only UpdateEndpoint has.
    """

    address: str
    kind: str
    name: str
    physical_name: str
    entry: Entry
    request: dict[str, Any]
    fleet: str
    references: tuple[Reference, ...]
    content: Canonical
    digest: str
    autoscaled: frozenset[str] = frozenset()
    update_options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def tags(self) -> dict[str, str]:
        """The complete tags, ownership included."""
        retain, protect = self.entry.on_remove == "retain", self.entry.protect
        own = ownership_tags(
            self.fleet, self.address, self.digest, tags=self.entry.tags, retain=retain, protect=protect
        )
        return {**self.entry.tags, **own}

    @property
    def pinned(self) -> bool:
        """Whether the file chose the physical name of something whose name otherwise holds its digest."""
        return self.kind != "endpoint" and self.entry.pinned_name is not None

    @property
    def config(self) -> str | None:
        """The address of an endpoint's config; None where that lies outside the fleet, and for other kinds."""
        return self.references[0].address if self.kind == "endpoint" and self.references else None

    @property
    def config_name(self) -> str:
        """The physical name of an endpoint's config, in the fleet or outside it; empty where there is none."""
        return str(self.request.get("EndpointConfigName") or "") if self.kind == "endpoint" else ""

    @property
    def path(self) -> FilePath:
        """Where it stands in the file."""
        return self.entry.path

    def dependencies(self) -> tuple[str, ...]:
        """Addresses of the fleet that must exist first."""
        return tuple(dict.fromkeys(reference.address for reference in self.references if reference.address))


def versioned(
    kind: str,
    entry: Entry,
    fleet: str,
    request: Mapping[str, Any],
    *,
    name_member: str,
    salt: str | None,
    base_name: str = "",
    references: Iterable[Reference] = (),
    autoscaled: Iterable[str] = (),
) -> Resource:
    """A Resource whose name holds the digest of its content.

    `name_member` is the request's member for that name, `base_name` what it begins with, `salt` overrides the entry's.
    """
    content = canonical(dict(request))
    content_digest = digest(kind, content, salt or entry.replace_salt)
    name = entry.pinned_name or physical_name(base_name or entry.renamed_from or entry.name, content_digest)
    return Resource(
        address=address(kind, entry.name),
        kind=kind,
        name=entry.name,
        physical_name=name,
        entry=entry,
        request={name_member: name, **request},
        fleet=fleet,
        references=tuple(references),
        content=content,
        digest=content_digest,
        autoscaled=frozenset(autoscaled),
    )
