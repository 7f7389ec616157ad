"""`Resource`: one desired object, compiled. What `graph` makes, `rules` check, `diff` compares and `plan` creates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mmeplan.canonical import Canonical, canonical
from mmeplan.identity import CARRIES_TAG, Deployment, address, digest, ownership_tags, physical_name
from mmeplan.kinds.kind import Kind, kind_named

if TYPE_CHECKING:
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
    """A desired object.

    `deployment` is whose it is, `request` the exact Create request without tags. `content` is what the digest was taken
    over: the canonical request without its name. An endpoint's digest is taken over its *meaning*, which is large and
    made when it is asked for (`Graph.meaning`); its `content` is empty. `autoscaled` names the variants whose instance
    count is an autoscaler's (`capacity: autoscaled`, managed instance scaling), `uncounted` those whose count isn't
    written. `update_options` are the members that only UpdateEndpoint has. `base_name` is what the physical name of a
    model or config begins with. `salt` is what its digest was taken with besides its content; None for none. `carries`
    is the record of what is declared inside its entry.
    """

    address: str
    kind: str
    name: str
    physical_name: str
    entry: Entry
    request: dict[str, Any]
    deployment: Deployment
    references: tuple[Reference, ...]
    content: Canonical
    digest: str
    autoscaled: frozenset[str] = frozenset()
    uncounted: frozenset[str] = frozenset()
    update_options: Mapping[str, Any] = field(default_factory=dict)
    base_name: str = ""
    salt: str | None = None
    carries: tuple[str, ...] = ()

    @property
    def tags(self) -> dict[str, str]:
        """The complete tags, ownership included."""
        retain, protect = self.entry.on_remove == "retain", self.entry.protect
        own = ownership_tags(
            self.deployment, self.address, self.digest, tags=self.entry.tags, retain=retain, protect=protect
        )
        record = {CARRIES_TAG: " ".join(self.carries)} if self.carries else {}
        return {**self.entry.tags, **own, **record}

    @property
    def own_name(self) -> str:
        """What a model or config is called where another deployment's object has its plain name."""
        return physical_name(self.base_name, self.digest, self.deployment)

    @property
    def pinned(self) -> bool:
        """Whether the file chose the physical name of something whose name otherwise holds its digest."""
        return kind_named(self.kind).is_immutable and self.entry.pinned_name is not None

    @property
    def counts_of_others(self) -> frozenset[str]:
        """The variants whose count isn't the file's: never compared, and kept across swaps."""
        return self.autoscaled | self.uncounted

    @property
    def config(self) -> str | None:
        """The address of an endpoint's config; None where that lies outside the fleet, and for other kinds."""
        return self._swapped_to.address if self._swapped_to else None

    @property
    def config_name(self) -> str:
        """The physical name of an endpoint's config, in the fleet or outside it; empty where there is none."""
        return self._swapped_to.name if self._swapped_to else ""

    @property
    def _swapped_to(self) -> Reference | None:
        """What swaps lead to; None for a kind that isn't swapped."""
        wanted = kind_named(self.kind).swaps_to
        return next((reference for reference in self.references if reference.kind == wanted), None)

    @property
    def path(self) -> FilePath:
        """Where it stands in the file."""
        return self.entry.path

    def dependencies(self) -> tuple[str, ...]:
        """Addresses of the fleet that must exist first."""
        return tuple(dict.fromkeys(reference.address for reference in self.references if reference.address))


def changed_in_place(
    kind: Kind, entry: Entry, deployment: Deployment, references: Iterable[Reference] = ()
) -> Resource:
    """A Resource whose name is its entry's."""
    name = entry.pinned_name or entry.renamed_from or entry.name
    members = {member: value for member, value in entry.request.items() if not member[:1].islower()}
    content = canonical(members)
    return Resource(
        address=address(kind.name, entry.name),
        kind=kind.name,
        name=entry.name,
        physical_name=name,
        entry=entry,
        request={**kind.named(name), **members},
        deployment=deployment,
        references=tuple(references),
        content=content,
        digest=digest(kind.name, content),
    )


def versioned(
    kind: Kind,
    entry: Entry,
    deployment: Deployment,
    request: Mapping[str, Any],
    *,
    salt: str | None,
    apart: bool = False,
    base_name: str = "",
    references: Iterable[Reference] = (),
    autoscaled: Iterable[str] = (),
    uncounted: Iterable[str] = (),
) -> Resource:
    """A Resource whose name holds the digest of its content.

    `base_name` is what that name begins with, `salt` overrides the entry's.
    `apart`: another deployment's object has the plain name.
    """
    content = canonical(dict(request))
    salt = salt or entry.replace_salt
    content_digest = digest(kind.name, content, salt)
    base_name = base_name or entry.renamed_from or entry.name
    name = entry.pinned_name or physical_name(base_name, content_digest, deployment if apart else None)
    return Resource(
        address=address(kind.name, entry.name),
        kind=kind.name,
        name=entry.name,
        physical_name=name,
        entry=entry,
        request={kind.name_member: name, **request},
        deployment=deployment,
        references=tuple(references),
        content=content,
        digest=content_digest,
        autoscaled=frozenset(autoscaled),
        uncounted=frozenset(uncounted),
        base_name=base_name,
        salt=salt,
    )
