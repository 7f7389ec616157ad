"""Artifacts of multi-model containers and models: what is in them, and what has become of them (ART).

Of an archive the beginning is read, by one ranged GetObject: the names of its members are listed, nothing is ever
extracted. Everything is bounded: bytes read, bytes unpacked, members, and archives of a run.
"""

from __future__ import annotations

import io
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Final, Literal

from mmeplan.live import created_at, live_endpoint
from mmeplan.live.ports import Answer
from mmeplan.rules.artifacts import (
    TOGETHER,
    Artifact,
    Listings,
    PrefixRule,
    is_folder,
    multi_model_prefixes,
    single_artifacts,
    stored_for,
    unseen,
    usable_prefixes,
)
from mmeplan.rules.examples import fleet_file
from mmeplan.rules.facts import FleetFacts
from mmeplan.rules.online import OnlineRule, Question, UnknownError

ARCHIVE_BYTES: Final = 1024 * 1024  # of one archive that are read
_PUBLISH: Final = "Developer Guide, add-models-to-endpoint"
_VERSIONED: Final = (
    "Only a bucket that keeps versions tells; the first 1,000 versions of a prefix are looked at, and only what was "
    "done since the live endpoint's last change."
)


def _shown(time: str) -> str:
    return time[:19].replace("T", " ")


VERSIONS: Final = 1000  # of objects beneath a prefix that are looked at: one page of ListObjectVersions


def _latest(answer: Answer) -> Answer:
    """The newest overwriting and the newest removal, each as (time, key); empty where there is none."""
    versions = [item for item in answer.get("Versions") or () if not is_folder(item)]
    seen: set[str] = {str(item["Key"]) for item in versions if not item.get("IsLatest")}
    latest = [item for item in versions if item.get("IsLatest")]
    return {
        "overwritten": max(
            ((str(item["LastModified"]), item["Key"]) for item in latest if item["Key"] in seen), default=()
        ),
        "removed": max(
            (
                (str(item["LastModified"]), item["Key"])
                for item in answer.get("DeleteMarkers") or ()
                if item.get("IsLatest") and not is_folder(item)
            ),
            default=(),
        ),
    }


def _versions(facts: FleetFacts) -> Iterator[Question]:
    """The versions beneath the prefixes of the endpoints that stand in the file, each endpoint asking for its own."""
    for endpoint, variant in facts.hosted():
        for artifact in usable_prefixes(variant.models):
            params = {"Bucket": artifact.bucket, "Prefix": artifact.key, "MaxKeys": VERSIONS}
            extra = (endpoint.resource.physical_name,)
            at = artifact.container.owner.resource, artifact.path, artifact.uri
            yield Question(*at, "ListObjectVersions", params, wanted=extra, condense=_latest)


def _since_last_change(question: Question, event: tuple[str, str]) -> Question:
    """Ask since when the endpoint has what it has."""
    (name,) = question.wanted
    at = question.resource, question.path, question.value
    return Question(*at, "DescribeEndpoint", {"EndpointName": name}, wanted=(name, *event))


def _is_news(question: Question, answer: Answer) -> bool:
    _, time, _ = question.wanted
    live = live_endpoint(answer)
    return bool("" < (live.modified_at or live.created_at) < time)


class PrefixHistory(OnlineRule):
    """What happened beneath a multi-model prefix while an endpoint served it: `event`, and its `effect` on that."""

    severity = "warning"
    basis = "doc"
    reads = ("ListObjectVersions", "DescribeEndpoint")
    absent = ("NoSuchBucket",)
    event: Literal["overwritten", "removed"]
    effect: str

    def questions(self, facts: FleetFacts) -> Iterator[Question]:
        return _versions(facts)

    def found(self, question: Question, answer: Answer) -> Iterator[str | Question]:
        if question.operation == "ListObjectVersions":
            if answer.get(self.event):
                yield _since_last_change(question, answer[self.event])
        elif _is_news(question, answer):
            name, time, key = question.wanted
            yield f"{key!r} was {self.event} at {_shown(time)}, while the endpoint {name!r} {self.effect}"


class NeverOverwritten(PrefixHistory):
    id = "ART-05"
    title = "An artifact beneath a multi-model prefix is never overwritten"
    source = f"{_PUBLISH}: don't overwrite"
    why = (
        "Instances that loaded the model keep the old one, in memory and on disk; others load the new one: the same "
        f"request gets different answers, and no call flushes them. {_VERSIONED}"
    )
    fix = "Publish under a new name, and let callers ask for that; `apply --replace` gives an endpoint a fresh fleet."
    given = "The endpoint is live, and an archive was overwritten since."
    bad = fleet_file(multi_model=True, container="model_data_url: s3://acme-models/overwritten/  # here")
    good = fleet_file(multi_model=True)

    event = "overwritten"
    effect = "served it"


class StillLoadedWhenRemoved(PrefixHistory):
    id = "ART-06"
    title = "An artifact is removed when nobody asks for it any more"
    source = f"{_PUBLISH}; multi-model-endpoints: loaded models stay until they are unloaded"
    why = (
        "A removed archive's model goes on answering where it is loaded, and fails elsewhere: requests succeed or not "
        f"by the instance that they meet, until it is unloaded everywhere. {_VERSIONED}"
    )
    fix = "See that no caller asks for the model any more; `apply --replace` gives the endpoint a fresh fleet."
    given = "The endpoint is live, and an archive was deleted since."
    bad = fleet_file(multi_model=True, container="model_data_url: s3://acme-models/removed/  # here")
    good = fleet_file(multi_model=True)

    event = "removed"
    effect = "may have it loaded"


ARCHIVES: Final = 200  # of one run that are looked into: 200 MiB
PER_PREFIX: Final = 10  # of one multi-model prefix
MEMBERS: Final = 10_000  # of one archive that are listed
UNPACKED_BYTES: Final = 64 * 1024 * 1024  # that these may unpack to


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


def _look_into(artifact: Artifact, key: str) -> Question:
    params = {"Bucket": artifact.bucket, "Key": key, "Range": f"bytes=0-{ARCHIVE_BYTES - 1}"}
    uri = f"s3://{artifact.bucket}/{key}"
    return Question(artifact.container.owner.resource, artifact.path, uri, "GetObject", params, condense=_members)


class NoSymlinks(OnlineRule):
    id = "ART-07"
    title = "An archive holds no symbolic links"
    severity = "error"
    basis = "inf"
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


def times_by_model(answer: Answer) -> Answer:
    """When each model was made, by name."""
    listed = answer.get("Models") or ()
    made = {str(model["ModelName"]): created_at(model) for model in listed}
    return {"made": made, "IsTruncated": bool(answer.get("IsTruncated"))}


def _since_when(question: Question, many: bool, modified: str) -> Question:
    """Ask when the model was made: of many models by a list, a hundred a page."""
    at = question.resource, question.path, question.value
    if many:
        return Question(*at, "ListModels", {"MaxResults": 100}, "Models", (modified,), times_by_model)
    params = {"ModelName": question.resource.physical_name}
    return Question(*at, "DescribeModel", params, wanted=(modified,))


class ArtifactUnchanged(OnlineRule):
    id = "ART-08"
    title = "A model's artifact is as it was when the model was made"
    severity = "warning"
    basis = "doc"
    source = "Developer Guide, deployment-best-practices: don't change or delete artifacts of deployed models"
    why = (
        "Each instance that is added or replaced downloads the artifact anew. Where it was overwritten since the model "
        "was made, instances of one endpoint serve different models, and a rollback brings back the name only."
    )
    fix = (
        "Publish every artifact under a name of its own, and change `model_data_url`: mmeplan swaps it blue/green. "
        "Where the new content is what you want, `apply --replace model/NAME` swaps to a model that is made now."
    )
    reads = ("ListObjectsV2", "DescribeModel", "ListModels")
    absent = ("NoSuchBucket",)
    given = "The model is live, and the archive was written after it was made."
    bad = fleet_file(container="model_data_url: s3://acme-models/changed.tar.gz  # here")
    good = fleet_file()

    def questions(self, facts: FleetFacts) -> Iterator[Question]:
        wanted = single_artifacts(facts)
        listings = Listings(wanted)
        for artifact in wanted:
            yield listings.question(artifact, artifact.container.owner.resource, artifact.path, len(wanted) >= TOGETHER)

    def found(self, question: Question, answer: Answer) -> Iterator[str | Question]:
        if question.operation == "ListObjectsV2":
            artifact, many = question.wanted
            yield from unseen(question, answer)
            times = [stored.modified for stored in stored_for(artifact, answer)]
            if times:
                yield _since_when(question, many, max(times))
            return
        (modified,) = question.wanted
        name = question.resource.physical_name
        if question.operation == "ListModels" and answer["IsTruncated"] and name not in answer["made"]:
            yield _since_when(question, False, modified)
            return
        made = answer["made"].get(name, "") if question.operation == "ListModels" else created_at(answer)
        if made and modified > made:
            when = f"{_shown(modified)}, after the live model was made ({_shown(made)})"
            again = f"`--replace {question.resource.address}` makes one of what it is now"
            yield f"{question.value!r} was written at {when}; {again}"


class OnlyArchives(PrefixRule):
    id = "ART-09"
    title = "Nothing but archives lies beneath a multi-model prefix"
    severity = "warning"
    basis = "obs"
    source = "SageMaker Python SDK, MultiDataModel.list_models: it lists all keys"
    why = "Whatever lies there is taken for a model: by tools that list them, and by whoever may invoke the endpoint."
    fix = "Move it to another prefix."
    given = "A file that is no .tar.gz lies beneath the prefix."
    bad = fleet_file(multi_model=True, container="model_data_url: s3://acme-models/messy/  # here")
    good = fleet_file(multi_model=True)

    def found(self, question: Question, answer: Answer) -> Iterator[str]:
        stray = [key for key in answer.get("objects") or () if not key.endswith(".tar.gz")]
        if stray:
            more = f" and {len(stray) - 1} more" if len(stray) > 1 else ""
            yield f"{stray[0]!r}{more} beneath {question.value!r} is not a .tar.gz"


class OwnBucket(OnlineRule):
    id = "ART-12"
    title = "A multi-model prefix lies in a bucket of the fleet's account"
    severity = "warning"
    basis = "obs"
    source = "SageMaker Python SDK 2.257.6, MultiDataModel.add_model: it sends ExpectedBucketOwner"
    why = (
        "Whoever owns the bucket decides what the endpoint runs, and may take it away. A bucket whose name was given "
        "up can be made anew by anybody; copies into it should name its owner. Asked by ExpectedBucketOwner."
    )
    fix = "Name a bucket of the fleet's own account, and send ExpectedBucketOwner with each copy; or `allow` the owner."
    reads = ("ListObjectsV2",)
    absent = ("NoSuchBucket",)
    given = "The bucket belongs to another account, and the caller may list it."
    bad = fleet_file(multi_model=True, container="model_data_url: s3://acme-foreign/ranker/  # here")
    good = fleet_file(multi_model=True)

    def questions(self, facts: FleetFacts) -> Iterator[Question]:
        for artifact, question in multi_model_prefixes(facts) if facts.scope.account else ():
            yield replace(question, wanted=(artifact, facts.scope.account))

    def found(self, question: Question, answer: Answer) -> Iterator[str | Question]:
        artifact, account = question.wanted
        if question.condense is not None:
            if answer:  # the caller may list it, so that a refusal of the next call is about the owner
                params = {"Bucket": artifact.bucket, "MaxKeys": 1, "ExpectedBucketOwner": account}
                yield replace(question, params=params, condense=None, absent=("AccessDenied",))
        elif not answer:
            yield f"the bucket {artifact.bucket!r} doesn't belong to the account {account}"
