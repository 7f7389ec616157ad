"""What lies beneath a multi-model prefix: one listing of a thousand keys a call, and a closer look where that says
nothing.

    listing → sources in S3 (those whose digest or ETag is needed) → the pointer → metadata of plain keys, and of those
    that would be pruned

In: a read-only port, and what the file declares. Out: a `LiveArchives`. What can't be read makes it unreadable.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from mmeplan.aws.failures import Failure, failure_of
from mmeplan.aws.s3 import s3_place
from mmeplan.errors import CloudError
from mmeplan.kinds import LiveArchives, Resource
from mmeplan.kinds.artifacts import MARKS, MOST_POINTER, Archive, Declared, is_archive, is_marked, known, undeclared
from mmeplan.live.ports import Answer, Reader
from mmeplan.live.sharing import READS as SHARERS_READS
from mmeplan.live.sharing import sharers

TOGETHER: Final = 20  # sources in one folder: from there on a listing of it is cheaper than asking for each
_READINGS: Final = 3  # times that a pointer is read which changes meanwhile
_ACTIONS: Final = {"ListObjectsV2": "ListBucket", "HeadObject": "GetObject"}
_LISTED: Final = ("Key", "Size", "ETag", "LastModified")


@dataclass(frozen=True, kw_only=True)
class _Listed:
    Key: str
    Size: int
    ETag: str
    LastModified: str


@dataclass(frozen=True, kw_only=True)
class _Pointer:
    ETag: str
    Targets: Mapping[str, str] | None
    Marks: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class _Source:
    ETag: str
    Size: int


@dataclass(frozen=True, kw_only=True)
class Beneath:
    """What a snapshot has of a prefix: `describe` of a `LiveArchives`."""

    Bucket: str = ""
    Key: str = ""
    Contents: tuple[_Listed, ...] = ()
    Pointer: _Pointer | None = None
    Sources: Mapping[str, _Source] = field(default_factory=dict)
    Marks: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    Sharers: tuple[str, ...] = ()


def look_beneath(reader: Reader, resource: Resource, *, for_prune: bool = False) -> LiveArchives:
    """What lies beneath the prefix of a desired set of archives. Raises nothing but a fault of the port."""
    declared, bucket, prefix = resource.entry.artifacts, resource.request["Bucket"], resource.request["Key"]
    assert declared is not None
    try:
        seen = _seen(reader, declared, bucket, prefix, for_prune=for_prune)
        marks = (seen.get("Marks") or {}).values()
        if for_prune and any(is_marked(each, resource.deployment) for each in marks):
            seen["Sharers"] = sharers(reader, resource.deployment, bucket, prefix)
    except CloudError as error:
        denied = failure_of(error) is Failure.DENIED or error.code == "403"
        why = f"denied: the caller lacks {_action(error.operation)}" if denied else str(error)
        return LiveArchives(resource.kind, resource.physical_name, "unreadable", error=why)
    return LiveArchives(resource.kind, resource.physical_name, "present", seen)


def _action(operation: str) -> str:
    """The IAM action of a read. Source: Service Authorization Reference, Amazon S3, Amazon SageMaker."""
    if f"sagemaker:{operation}" in SHARERS_READS:
        return f"sagemaker:{operation}"
    action = f"s3:{_ACTIONS.get(operation, operation)}"
    return f"{action}, or s3:ListBucket and there is no such object" if action == "s3:GetObject" else action


def _seen(reader: Reader, declared: Declared, bucket: str, prefix: str, *, for_prune: bool) -> dict[str, Any]:
    seen: dict[str, Any] = {"Bucket": bucket, "Key": prefix, "Contents": listed(reader, bucket, prefix)}
    live = LiveArchives("artifacts", "", "present", seen)
    asked = [one for one in declared.archives if one.is_remote and (one.needs_digest or one.key("") not in live.stored)]
    if asked:
        seen["Sources"] = _sources(reader, asked)
    if declared.publish[0] and (pointer := read_pointer(reader, *declared.publish)) is not None:
        seen["Pointer"] = pointer
    live = LiveArchives("artifacts", "", "present", seen)
    close = [one.key for one in known(declared, live) if one.archive.is_plain and one.key in live.stored]
    close += [one.stored.key for one in undeclared(declared, live)] if for_prune else []
    if close:
        seen["Marks"] = _marks(reader, bucket, prefix, close)
        _add_plain_sources(reader, declared, seen, close)
    return seen


def listed(reader: Reader, bucket: str, prefix: str) -> list[dict[str, Any]]:
    """Everything beneath a prefix, by its key from there on; nothing where there is no bucket. Raises CloudError."""
    found: list[dict[str, Any]] = []
    params: dict[str, Any] = {"Bucket": bucket, "Prefix": prefix}
    seen: set[str] = set()
    while True:
        try:
            answer = reader.read("ListObjectsV2", params)
        except CloudError as error:
            if error.code == "NoSuchBucket":
                return []
            raise
        for item in answer.get("Contents") or ():
            found.append({**{name: item[name] for name in _LISTED}, "Key": item["Key"].removeprefix(prefix)})
        token = answer.get("NextContinuationToken")
        if not token:
            return [item for item in found if item["Key"]]
        if token in seen:
            raise CloudError("ListObjectsV2", "RepeatedToken", "the listing has no end: a page's token came twice")
        seen.add(token)
        params = {**params, "ContinuationToken": token}


def read_pointer(reader: Reader, bucket: str, key: str) -> dict[str, Any] | None:
    """A pointer's ETag, what it says, and its metadata; None where there is none. Raises CloudError.

    A port answers with the beginning of a large body, so the rest is read range by range, of the same ETag. What is
    larger than `MOST_POINTER` is no pointer: none of that size is written.
    """
    for attempt in range(1, _READINGS + 1):
        try:
            answer, body = _whole(reader, {"Bucket": bucket, "Key": key})
        except CloudError as error:
            if error.code in ("NoSuchKey", "NoSuchBucket", "404"):
                return None
            if error.code in ("PreconditionFailed", "412") and attempt < _READINGS:
                continue  # another one was written between two ranges
            raise
        marks = _own_marks(answer)
        return {"ETag": answer["ETag"], "Targets": targets_in(body), "Marks": marks}
    raise AssertionError("the last reading answers or raises")


def _whole(reader: Reader, where: Mapping[str, str]) -> tuple[Answer, bytes]:
    """The first answer, and the body up to `MOST_POINTER`; no body where there is more. Raises CloudError."""
    answer = reader.read("GetObject", where)
    size = int(answer.get("ContentLength", len(answer["Body"])))
    if size > MOST_POINTER:
        return answer, b""
    body = bytearray(answer["Body"])
    while len(body) < size:
        asked = {**where, "Range": f"bytes={len(body)}-{size - 1}", "IfMatch": answer["ETag"]}
        piece = reader.read("GetObject", asked)["Body"]
        if not piece:
            raise CloudError("GetObject", "IncompleteRead", f"{len(body):,} of {size:,} bytes came")
        body += piece
    return answer, bytes(body)


def targets_in(body: bytes) -> dict[str, str] | None:
    """What a pointer says; None for what is no pointer: others' values, perhaps secrets, are in no snapshot."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    named = isinstance(found, dict) and all(isinstance(key, str) and is_archive(key) for key in found.values())
    return found if named else None


def _own_marks(answer: Answer) -> dict[str, str]:
    """What mmeplan wrote into an object's metadata; what others keep there is in no snapshot."""
    return {key: value for key, value in (answer.get("Metadata") or {}).items() if key in MARKS}


def _sources(reader: Reader, asked: Iterable[Archive]) -> dict[str, Any]:
    """ETag and bytes of sources in S3, by address; those that aren't there are left out. Raises CloudError."""
    by_folder: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for one in asked:
        bucket, key = s3_place(one.source)
        by_folder[bucket, key.rpartition("/")[0]][key] = one.source
    found: dict[str, Any] = {}
    single: list[tuple[str, str, str]] = []
    for (bucket, _), sources in sorted(by_folder.items()):
        if len(sources) < TOGETHER:
            single += [(bucket, key, uri) for key, uri in sources.items()]
            continue
        common = os.path.commonprefix(sorted(sources))  # noqa: RUF071 - of keys, which have no components
        for item in listed(reader, bucket, common):
            if (uri := sources.get(common + item["Key"])) is not None:
                found[uri] = {"ETag": item["ETag"], "Size": item["Size"]}
    answers = _heads(reader, [(bucket, key) for bucket, key, _ in single])
    for (_, _, uri), answer in zip(single, answers, strict=True):
        if answer is not None:
            found[uri] = {"ETag": answer["ETag"], "Size": answer["ContentLength"]}
    return dict(sorted(found.items()))


def _heads(reader: Reader, places: list[tuple[str, str]]) -> list[Answer | None]:
    """HeadObject of each; None where there is no such object. Raises CloudError."""
    answers = reader.gather([("HeadObject", {"Bucket": bucket, "Key": key}) for bucket, key in places])
    found: list[Answer | None] = []
    for answer in answers:
        if not isinstance(answer, Exception):
            found.append(answer)
        elif isinstance(answer, CloudError) and answer.code in ("404", "NoSuchKey", "NoSuchBucket", "NotFound"):
            found.append(None)
        else:
            raise answer
    return found


def _marks(reader: Reader, bucket: str, prefix: str, keys: list[str]) -> dict[str, Any]:
    """The metadata of keys. Raises CloudError."""
    answers = _heads(reader, [(bucket, prefix + key) for key in keys])
    pairs = sorted(zip(keys, answers, strict=True), key=lambda pair: pair[0])
    return {key: _own_marks(answer) for key, answer in pairs if answer is not None}


def _add_plain_sources(reader: Reader, declared: Declared, seen: dict[str, Any], keys: Iterable[str]) -> None:
    """Of plain keys that are there the source is asked for too: whether it is what lies there."""
    close = set(keys)
    have: Mapping[str, Any] = seen.get("Sources") or {}
    left = [one for one in declared.archives if one.is_remote and one.is_plain and one.form in close]
    if more := _sources(reader, [one for one in left if one.source not in have]):
        seen["Sources"] = dict(sorted({**have, **more}.items()))
