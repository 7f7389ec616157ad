"""What is inside archives, as far as their beginning tells (stage `online`; ART-07).

In: the first `ARCHIVE_BYTES` of a .tar.gz, by one ranged GetObject. Out: the names of its members, listed and never
extracted. Everything is bounded: bytes read, bytes unpacked, members, and archives of a run.
"""

from __future__ import annotations

import io
import tarfile
import zlib
from collections.abc import Iterator
from typing import Final

from mmeplan.live.ports import Answer
from mmeplan.rules.artifacts import Artifact, multi_model_prefixes, single_artifacts
from mmeplan.rules.examples import fleet_file
from mmeplan.rules.facts import FleetFacts
from mmeplan.rules.online import OnlineRule, Question, UnknownError

ARCHIVE_BYTES: Final = 1024 * 1024  # of one archive that are read
UNPACKED_BYTES: Final = 64 * 1024 * 1024  # that these may unpack to
MEMBERS: Final = 10_000  # of one archive that are listed
ARCHIVES: Final = 200  # of one run that are looked into: 200 MiB
PER_PREFIX: Final = 10  # of one multi-model prefix


class _Unpacked(io.RawIOBase):
    """The unpacked beginning of a gzip file, piece by piece; it ends where the bytes or the bound do."""

    def __init__(self, packed: bytes) -> None:
        self._packed = packed
        self._unpack = zlib.decompressobj(wbits=31)
        self._left = UNPACKED_BYTES

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        most = min(self._left, size if size > 0 else self._left)
        if most == 0 or self._unpack.eof:
            return b""
        piece = self._unpack.decompress(self._packed, most)
        self._packed = self._unpack.unconsumed_tail
        self._left -= len(piece)
        return piece


def symlinks(body: bytes) -> tuple[list[str], bool]:
    """(symlinks among the members that the beginning of an archive has, whether that was the whole archive).

    Raises UnknownError for what isn't a .tar.gz.
    """
    links: list[str] = []
    count = 0
    try:
        with tarfile.open(fileobj=_Unpacked(body), mode="r|") as archive:
            for count, member in enumerate(archive, start=1):
                if member.issym():
                    links.append(member.name)
                if count == MEMBERS:
                    return links, False
        return links, len(body) < ARCHIVE_BYTES
    except (tarfile.TarError, zlib.error, EOFError, ValueError, OverflowError):
        if not count and len(body) < ARCHIVE_BYTES:
            raise UnknownError("it can't be read as a .tar.gz") from None
        return links, False


def _members(answer: Answer) -> Answer:
    links, whole = symlinks(answer.get("Body") or b"")
    return {"links": links, "whole": whole}


class NoSymlinks(OnlineRule):
    id = "ART-07"
    title = "An archive holds no symbolic links"
    severity = "error"
    basis = "doc"
    source = "Developer Guide, deploy-model-troubleshoot: symlinks cause the model creation to fail"
    why = (
        "SageMaker refuses to unpack archives with symbolic links. The first MiB of an archive is listed, nothing is "
        f"extracted; {ARCHIVES} archives of a fleet are looked into, {PER_PREFIX} of each multi-model prefix."
    )
    fix = "Pack the files themselves: `tar --dereference -czf model.tar.gz …`, and upload it under a new name."
    reads = ("GetObject", "ListObjectsV2")
    absent = ("NoSuchKey", "NoSuchBucket")
    given = "The archive holds a symbolic link."
    bad = fleet_file(container="model_data_url: s3://acme-models/linked.tar.gz  # here")
    good = fleet_file()

    def questions(self, facts: FleetFacts) -> Iterator[Question]:
        seen: set[tuple[str, str]] = set()
        for artifact in single_artifacts(facts):
            at = artifact.bucket, artifact.key
            if artifact.key.endswith(".tar.gz") and at not in seen:
                seen.add(at)
                if len(seen) > ARCHIVES:
                    return
                yield _look_into(artifact, artifact.key)
        left = (ARCHIVES - len(seen)) // PER_PREFIX
        prefixes = {question.key: (artifact, question) for artifact, question in multi_model_prefixes(facts)}
        yield from [question for _, question in prefixes.values()][:left]

    def found(self, question: Question, answer: Answer) -> Iterator[str | Question]:
        if question.operation == "ListObjectsV2":
            (artifact,) = question.wanted
            archives = [key for key in answer.get("objects") or () if key.endswith(".tar.gz")]
            yield from (_look_into(artifact, key) for key in archives[:PER_PREFIX])
            return
        links = answer.get("links")
        if links:
            more = f" and {len(links) - 1} more" if len(links) > 1 else ""
            yield f"{question.value!r} holds a symbolic link, {links[0]!r}{more}"
        elif answer and not answer["whole"]:
            raise UnknownError("what lies behind the beginning of an archive (its first MiB)", everywhere=True)


def _look_into(artifact: Artifact, key: str) -> Question:
    params = {"Bucket": artifact.bucket, "Key": key, "Range": f"bytes=0-{ARCHIVE_BYTES - 1}"}
    uri = f"s3://{artifact.bucket}/{key}"
    return Question(artifact.container.owner.resource, artifact.path, uri, "GetObject", params, condense=_members)


RULES: Final = (NoSymlinks(),)
