"""A `Snapshot` from its file: the members have the types that the document promises, and answers those of the API.

In: the bytes, the text or the plain data of a snapshot. Out: a `Snapshot`, or one InputError that names every place in
which it is damaged.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mmeplan.aws.constraints import violations
from mmeplan.aws.shapes import service
from mmeplan.documents import MOST_BYTES, DamagedError, parsed, place_text, refusal
from mmeplan.errors import InputError, Problem
from mmeplan.kinds import LiveObject, Status, is_kind, kind_named
from mmeplan.live.gathering import Beneath
from mmeplan.live.objects import live_object
from mmeplan.live.snapshot import FORMAT_VERSION, Snapshot

if TYPE_CHECKING:
    from pydantic import TypeAdapter

_HINT: Final = "mmeplan snapshot --out FILE writes one"
_MOMENTS: Final = ("CreationTime", "LastModifiedTime")
_NO_MOMENT: Final = "this is no ISO 8601 moment with a time zone"


@dataclass(frozen=True, kw_only=True)
class _Object:
    """One object of the document."""

    status: Status
    describe: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] | None = None
    by_digest: bool = False
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class _Document:
    """The document, but for its version."""

    observed_at: str
    account: str
    region: str
    fleet: str
    objects: Mapping[str, Mapping[str, _Object]]
    inventory_error: str = ""
    users: Mapping[str, str] | None = None
    components: Mapping[str, tuple[str, ...] | None] | None = None
    environment_salt: str = ""


def read_file(path: str) -> Snapshot:
    """The snapshot of a file. Raises InputError where it can't be read, is something else, or is damaged."""
    try:
        with Path(path).open("rb") as stream:  # opened once: it may be a pipe
            raw = stream.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:  # a NUL in the path
        raise InputError([Problem(f"can't be read: {getattr(error, 'strerror', '') or error}", path)]) from None
    if len(raw) > MOST_BYTES:
        raise refusal([f"this is not a snapshot: it is longer than {MOST_BYTES:,} bytes"], path, _HINT)
    try:
        return read(raw.decode("utf-8-sig"), path)
    except UnicodeDecodeError:
        raise refusal(["this is not a snapshot: not UTF-8"], path, _HINT) from None


def read(text: str, file: str) -> Snapshot:
    """A snapshot from the text of its file, its Describe answers held against the API's shapes. Raises InputError."""
    try:
        snapshot = decode(parsed(text), file)
    except DamagedError as error:
        raise refusal([f"this is not a snapshot: {error}"], file, _HINT) from None
    problems = [problem for live in snapshot.looked_for() for problem in _answer(live)]
    if problems:
        raise refusal(problems, file, _HINT, "this snapshot is damaged: ")
    return snapshot


def decode(document: Any, file: str = "") -> Snapshot:
    """A snapshot from its JSON document; members of a later minor version are ignored.

    Raises InputError where it is something else, of another major version, damaged, or holds objects of unknown kinds.
    """
    if not isinstance(document, dict) or "objects" not in document or "format_version" not in document:
        raise refusal(["this is not a snapshot"], file, _HINT)
    version = str(document["format_version"])
    if version.split(".")[0] != FORMAT_VERSION.split(".")[0]:
        raise refusal(
            [f"snapshot format {version[:20]} is not known; this mmeplan reads {FORMAT_VERSION}"], file, _HINT
        )
    objects = document["objects"]
    unknown = [kind for kind in objects if not is_kind(kind)] if isinstance(objects, dict) else []
    if unknown:
        named = ", ".join(sorted(map(str, unknown)))
        raise refusal([f"it holds objects of kinds that this mmeplan doesn't know: {named}"], file, _HINT)
    made = _typed(json.dumps(document), file)
    return Snapshot(
        observed_at=made.observed_at,
        account=made.account,
        region=made.region,
        fleet=made.fleet,
        objects={
            kind: {name: _live(kind, name, item) for name, item in made.objects[kind].items()} for kind in made.objects
        },
        inventory_error=made.inventory_error,
        users=made.users or {},
        components=made.components or {},
        environment_salt=made.environment_salt,
    )


def _live(kind: str, name: str, item: _Object) -> LiveObject:
    return live_object(kind, name, item.status, item.describe, item.tags, by_digest=item.by_digest, error=item.error)


def _typed(text: str, file: str) -> _Document:
    """The document with its types. Raises InputError."""
    from pydantic import ValidationError

    try:
        made = _adapter().validate_json(text, strict=True)
        problems = [] if _is_moment(made.observed_at) else [f"observed_at: {_NO_MOMENT}"]
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        problems = [f"{place_text(each['loc'])}: {each['msg']}" for each in found]
    if problems:
        raise refusal(problems, file, _HINT, "this snapshot is damaged: ")
    return made


@cache
def _adapter() -> TypeAdapter[_Document]:
    """Made once; pydantic is imported where a snapshot is read."""
    from pydantic import TypeAdapter

    return TypeAdapter(_Document)


def _answer(live: LiveObject) -> Iterator[str]:
    """What of a Describe answer has another type than the API's."""
    kind = kind_named(live.kind)
    if kind.is_gathered:
        yield from _gathered(live)
        return
    model = service(kind.service)
    at, shape = ("objects", live.kind, live.name, "describe"), kind.answer_shape(model)
    if live.is_present and not live.by_digest:
        for member in kind.needed_members:
            if not live.describe.get(member):
                yield f"{place_text((*at, member))}: every answer has it"
    for found in violations(model, shape, live.describe):
        if found.constraint == "type" or found.path[-1:] == ("VariantName",):
            yield f"{place_text((*at, *found.path))}: {found.sentence}"
    for member in _MOMENTS:
        if member in live.describe and not _is_moment(live.describe[member]):
            yield f"{place_text((*at, member))}: {_NO_MOMENT}"


def _gathered(live: LiveObject) -> Iterator[str]:
    """What of a listing isn't as `live.gathering` makes it."""
    from pydantic import TypeAdapter, ValidationError

    try:
        TypeAdapter(Beneath).validate_json(json.dumps(live.describe), strict=True)
    except ValidationError as error:
        for each in error.errors(include_url=False, include_input=False):
            yield f"{place_text(('objects', live.kind, live.name, 'describe', *each['loc']))}: {each['msg']}"
        return
    for index, item in enumerate(live.describe.get("Contents") or ()):
        if not _is_moment(item["LastModified"]):
            yield f"{place_text(('objects', live.kind, live.name, 'describe', 'Contents', index))}: {_NO_MOMENT}"


def _is_moment(text: Any) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except (TypeError, ValueError):
        return False
