"""The archives beneath a multi-model prefix: what the file declares of them, and what a look at S3 has seen.

All archives of one model are one object of the graph, whose content is the table key → archive. They are no part of the
model: adding one changes neither its digest nor its config. Everything here is pure.
Sources: Developer Guide, "Add or Remove Models" (add-models-to-endpoint), "Invoke a Multi-Model Endpoint".
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal

from mmeplan.canonical import canonical
from mmeplan.identity import Deployment, address, digest
from mmeplan.kinds.kind import Kind, Lifecycle, Ownership, register
from mmeplan.kinds.live import LiveObject
from mmeplan.kinds.resource import Resource

if TYPE_CHECKING:
    from mmeplan.spec import Entry

UPLOAD: Final = "UploadArchives"
PUBLISH: Final = "PublishTargets"
PRUNE: Final = "PruneArchives"

DIGEST: Final = "\x01"  # in a form: where the source's SHA-256 stands,
DIGEST8: Final = "\x02"  # the first eight hex digits of it,
VERSION: Final = "\x03"  # and the version that the table gives
_HOLES: Final = {DIGEST: "[0-9a-f]{64}", DIGEST8: "[0-9a-f]{8}", VERSION: "[^/]+"}
SUFFIX: Final = ".tar.gz"
MOST_POINTER: Final = 64 * 1024 * 1024  # bytes of a pointer; a hundred thousand archives take about six million
FLEET_MARK: Final = "mmeplan-fleet"
ENVIRONMENT_MARK: Final = "mmeplan-environment"
DIGEST_MARK: Final = "mmeplan-digest"
"""Metadata of an object that mmeplan wrote: whose it is, and the SHA-256 of its source."""
MARKS: Final = frozenset({FLEET_MARK, ENVIRONMENT_MARK, DIGEST_MARK})


# --- what the file declares -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Archive:
    """One archive that the file declares.

    `name` is its logical key, `source` an `s3://` address or a path from the fleet file's folder on. `form` is its key
    beneath the prefix with holes for digest and version. `digest` is the SHA-256 of a local source (of a folder: of
    what it packs to, uncompressed), empty where S3 has to be asked. `size` is that of a local file in bytes, None where
    it isn't known before it is packed or read.
    """

    name: str
    source: str
    form: str
    version: str = ""
    digest: str = ""
    size: int | None = None

    @property
    def is_remote(self) -> bool:
        """Whether the source is in S3."""
        return self.source.startswith("s3://")

    @property
    def needs_digest(self) -> bool:
        """Whether the key holds the source's digest."""
        return DIGEST in self.form or DIGEST8 in self.form

    @property
    def is_plain(self) -> bool:
        """Whether the key says neither digest nor version, so that a listing can't tell what is under it."""
        return not any(hole in self.form for hole in _HOLES)

    def key(self, digest: str) -> str:
        """The key beneath the prefix of a source with that digest: its TargetModel."""
        return self.form.replace(DIGEST, digest).replace(DIGEST8, digest[:8]).replace(VERSION, self.version)

    @property
    def shown_key(self) -> str:
        """The key while the source's digest isn't known, for people: a star stands for it."""
        return self.form.replace(DIGEST, "*").replace(DIGEST8, "*").replace(VERSION, self.version)

    def pattern(self) -> re.Pattern[str]:
        """The keys of all its generations."""
        parts = re.split(f"([{''.join(_HOLES)}])", self.form)
        return re.compile("".join(_HOLES.get(part) or re.escape(part) for part in parts))


@dataclass(frozen=True, slots=True)
class Declared:
    """What `artifacts:` of a model says. `publish` is (bucket, key) of the pointer, empty texts for none.

    `generations` superseded archives of a logical key are kept, and those that were superseded less than `days` ago.
    `closed`: keys that aren't declared are findings. `table` is the file that they are read from, empty for none.
    `allow_empty`: that there are none may be what is wanted. `is_unseen`: local sources weren't looked at, so that
    nobody knows what is to be done.
    """

    archives: tuple[Archive, ...]
    publish: tuple[str, str] = ("", "")
    generations: int = 1
    days: float = 7
    closed: bool = False
    table: str = ""
    allow_empty: bool = False
    is_unseen: bool = False


def compile_artifacts(entry: Entry, declared: Declared, deployment: Deployment, place: tuple[str, str]) -> Resource:
    """The desired archives of a model. `entry` stands for them; `place` is bucket and prefix."""
    content = {"Archives": [[one.name, one.source, one.form, one.version, one.digest] for one in declared.archives]}
    request = {"Bucket": place[0], "Key": place[1]}
    return Resource(
        address=address(ARTIFACTS.name, entry.name),
        kind=ARTIFACTS.name,
        name=entry.name,
        physical_name=ARTIFACTS.name_in(request),
        entry=entry,
        request=request,
        deployment=deployment,
        references=(),
        content=canonical(content),
        digest=digest(ARTIFACTS.name, canonical(content)),
    )


def source_digest(etag: str, size: int) -> str:
    """The digest of a source in S3: of its ETag and size, because its bytes aren't read."""
    return hashlib.sha256(f"{etag.strip(chr(34))} {size}".encode()).hexdigest()


def marks(deployment: Deployment, content: str) -> dict[str, str]:
    """The metadata of what is written for a deployment; `content` is the digest of the source."""
    environment = {ENVIRONMENT_MARK: deployment.environment} if deployment.environment else {}
    return {FLEET_MARK: deployment.fleet, **environment, DIGEST_MARK: content}


def is_marked(metadata: Mapping[str, str], deployment: Deployment) -> bool:
    """Whether an object's metadata says that it is this deployment's."""
    return (metadata.get(FLEET_MARK), metadata.get(ENVIRONMENT_MARK, "")) == (deployment.fleet, deployment.environment)


def pointer_body(targets: Mapping[str, str]) -> bytes:
    """The pointer as it is written: one key a line, sorted."""
    return (json.dumps(dict(sorted(targets.items())), indent=1, ensure_ascii=False) + "\n").encode()


def is_archive(key: str) -> bool:
    """Whether a listed key is an archive. The empty keys that consoles make for folders are none."""
    return key.endswith(SUFFIX)


# --- what a look at S3 has seen ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stored:
    """One object beneath the prefix: its key from there on, bytes, ETag, and when it was written (ISO 8601)."""

    key: str
    size: int
    etag: str
    modified: str


@dataclass(frozen=True, slots=True)
class Source:
    """An object that an archive is copied from: its ETag and bytes."""

    etag: str
    size: int

    @property
    def digest(self) -> str:
        """What stands for its content."""
        return source_digest(self.etag, self.size)


@dataclass(frozen=True)
class LiveArchives(LiveObject):
    """A multi-model prefix that was listed.

    `describe` has the listing (`Contents`, keys from the prefix on), the pointer as it was read (`Pointer`: ETag,
    Targets, which are None for what is no pointer, and Marks, its metadata), sources in S3 (`Sources`, by address), and
    the metadata of keys that were looked at (`Marks`, by key); before a prune, the models of others there (`Sharers`).
    """

    @cached_property
    def stored(self) -> Mapping[str, Stored]:
        """Everything beneath the prefix by its key from there on, but for folder markers."""
        items = (item for item in self.describe.get("Contents") or () if not item["Key"].endswith("/"))
        return {i["Key"]: Stored(i["Key"], int(i["Size"]), str(i["ETag"]), str(i["LastModified"])) for i in items}

    @property
    def pointer_etag(self) -> str:
        """The ETag of the pointer; empty where there was none."""
        return str((self.describe.get("Pointer") or {}).get("ETag", ""))

    @property
    def targets(self) -> Mapping[str, str] | None:
        """What the pointer says; None where there is none, or it is something else."""
        found: Mapping[str, str] | None = (self.describe.get("Pointer") or {}).get("Targets")
        return found

    @property
    def pointer_marks(self) -> Mapping[str, str]:
        """The metadata of the pointer."""
        found: Mapping[str, str] = (self.describe.get("Pointer") or {}).get("Marks") or {}
        return found

    @property
    def sharers(self) -> tuple[str, ...]:
        """The models of others that serve from beneath the prefix; asked before a prune alone."""
        return tuple(self.describe.get("Sharers") or ())

    @property
    def sources(self) -> tuple[str, ...]:
        """The addresses of the sources in S3 that were asked for."""
        return tuple(self.describe.get("Sources") or ())

    def source(self, uri: str) -> Source | None:
        """A source in S3; None where there is no such object."""
        found = (self.describe.get("Sources") or {}).get(uri)
        return Source(str(found["ETag"]), int(found["Size"])) if found else None

    def marks(self, key: str) -> Mapping[str, str] | None:
        """The metadata of a key; None where nobody looked."""
        found: Mapping[str, str] | None = (self.describe.get("Marks") or {}).get(key)
        return found


@dataclass(frozen=True, slots=True)
class Known:
    """A declared archive whose key is known. `digest` is that of its source, empty where that wasn't asked for."""

    archive: Archive
    key: str
    digest: str


def known(declared: Declared, live: LiveArchives) -> Iterator[Known]:
    """The declared archives with their keys; those whose source is missing are left out."""
    for one in declared.archives:
        found = live.source(one.source) if one.is_remote else None
        content = one.digest or (found.digest if found else "")
        if content or not one.needs_digest:
            yield Known(one, one.key(content), content)


@dataclass(frozen=True, slots=True)
class Superseded:
    """An archive that isn't declared any more. `back` counts the generations from 1, the newest; 0 is a stray.

    `name` is the logical key whose generation it is; empty for a stray, and where several logical keys have one form of
    key. `since` is when the one after it was written (of a stray: itself), as ISO 8601; empty where that isn't known.
    """

    stored: Stored
    name: str = ""
    back: int = 0
    since: str = ""


def undeclared(declared: Declared, live: LiveArchives) -> tuple[Superseded, ...]:
    """What lies beneath the prefix and isn't declared: older generations by their logical key, and strays.

    Of two forms that a key fits, the one that says more of it is its own.
    """
    wanted = {one.archive.name: one.key for one in known(declared, live)}
    taken = set(wanted.values())
    rest = {key: stored for key, stored in live.stored.items() if key not in taken and is_archive(key)}
    forms: dict[str, list[Archive]] = {}
    for one in declared.archives if rest else ():
        if not one.is_plain:
            forms.setdefault(one.form, []).append(one)
    found: list[Superseded] = []
    for _, some in sorted(forms.items(), key=lambda form: (-len(_start(form[0])), form[0])):
        keys = {wanted.get(one.name, "") for one in some}
        there = [live.stored[key].modified for key in keys if key in live.stored]
        newest = max(there) if len(there) == len(keys) else ""
        for each in _superseded(some, _generations(some[0], rest), newest):
            found.append(each)
            del rest[each.stored.key]
    found += [Superseded(stored, since=stored.modified) for stored in rest.values()]
    return tuple(sorted(found, key=lambda one: one.stored.key))


def _superseded(some: list[Archive], own: list[Stored], newest: str) -> Iterator[Superseded]:
    """The older generations of archives whose keys have one form; `newest` is when the newest that is declared was
    written, empty where not all are there yet: what they will supersede has been in use until then.

    Where several have it, nobody knows which is whose: what would be kept of each is kept, and the newest that is
    declared may have superseded any. One that was written after what is declared was superseded by a way back.
    """
    if len(some) > 1:
        for index, stored in enumerate(own):
            since = max(newest, own[0].modified) if newest else ""
            yield Superseded(stored, "", index // len(some) + 1, since)
        return
    newer = newest
    for back, stored in enumerate(own, start=1):
        yield Superseded(stored, some[0].name, back, newer if newer >= stored.modified else "")
        newer = stored.modified


def _start(form: str) -> str:
    """What a form of keys begins with, before the first hole."""
    return re.split(f"[{''.join(_HOLES)}]", form)[0]


def _generations(one: Archive, rest: Mapping[str, Stored]) -> list[Stored]:
    """The stored generations of an archive, the newest first. Keys that can't be its are passed over at once."""
    start, pattern = _start(one.form), one.pattern()
    own = [stored for key, stored in rest.items() if key.startswith(start) and pattern.fullmatch(key)]
    return sorted(own, key=lambda stored: (stored.modified, stored.key), reverse=True)


# --- what steps carry -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Transfer:
    """One archive that an apply writes: key beneath the prefix, source, digest; of a source in S3 its ETag and bytes.

    `size` is None for a folder, whose bytes are known once it is packed.
    """

    key: str
    source: str
    digest: str
    size: int | None = None
    etag: str = ""

    def row(self) -> list[Any]:
        """As a plan's step has it."""
        return [self.key, self.source, self.digest, self.size, self.etag]

    @classmethod
    def of(cls, row: Iterable[Any]) -> Transfer:
        """From a plan's step. Raises ValueError or TypeError for a damaged one."""
        key, source, content, size, etag = row
        texts = all(isinstance(text, str) for text in (key, source, content, etag))
        if not texts or not key or not source or not (size is None or (type(size) is int and size >= 0)):
            raise TypeError("a row of an archive is [key, source, digest, bytes, ETag]")
        return cls(key, source, content, size, etag)


@dataclass(frozen=True, slots=True)
class Doing:
    """What is done to the archives of a model. `targets` is None where the pointer stays as it is.

    `pointer` is (bucket, key) and `pointer_etag` the ETag that was read, empty for none. `prune` are (key, ETag),
    `leaving` the logical keys that the pointer names and won't.
    """

    uploads: tuple[Transfer, ...] = ()
    targets: Mapping[str, str] | None = None
    pointer: tuple[str, str] = ("", "")
    pointer_etag: str = ""
    prune: tuple[tuple[str, str], ...] = ()
    leaving: tuple[str, ...] = ()


ARTIFACTS: Final = register(
    Kind(
        name="artifacts",
        noun="Artifacts",
        lifecycle=Lifecycle.GATHERED,
        live=LiveArchives,
        service="s3",
        parent="model",
        inside="artifacts",
        doc="The archives that lie beneath the prefix of the model's MultiModel container.",
        ownership=Ownership.PARENT,
        identity=("Bucket", "Key"),
        between="/",
        upsert=UPLOAD,
        verbs={"delete": PRUNE, "describe": "ListObjectsV2", "list": "ListObjectsV2"},
        list_member="Contents",
        also=(PUBLISH,),
        arn_word=None,
        plan_format="1.3",
        refusals={"content": "ART-05"},
        shapes=(('[["', '"]]'), "folder"),
    )
)

Membership = Literal["open", "closed"]
