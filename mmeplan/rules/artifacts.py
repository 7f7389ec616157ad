"""Artifacts in S3: which ones the fleet loads, and the listings that tell of them (for the rules of stage `online`).

In: facts. Out: `Artifact`s and the questions about them. Archives that lie side by side are listed together, a thousand
a page, where there are many: ten thousand models under one prefix are ten reads and not ten thousand.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from mmeplan.aws.s3 import s3_place
from mmeplan.kinds.resource import ApiPath, Resource
from mmeplan.live.ports import Answer
from mmeplan.rules.facts import Container, FleetFacts, Model, Variant
from mmeplan.rules.online import OnlineRule, Question

LISTED: Final = 1000  # keys of a prefix that are looked at: one page of ListObjectsV2
TOGETHER: Final = 50  # archives of one folder from which on the folder is listed instead


@dataclass(frozen=True, slots=True)
class Artifact:
    """What a container loads: an object, or everything beneath a prefix that ends in a slash."""

    container: Container
    path: ApiPath
    uri: str
    bucket: str
    key: str

    @property
    def is_prefix(self) -> bool:
        return self.key.endswith("/") or not self.key


@dataclass(frozen=True, slots=True)
class Stored:
    """What a listing says of an object: bytes, and when it was written (ISO 8601, UTC)."""

    size: int
    modified: str


def containers(facts: FleetFacts) -> Iterator[Container]:
    """Every container of every model."""
    return (container for model in facts.models.values() for container in model.containers)


def artifacts(holders: Iterable[Container]) -> Iterator[Artifact]:
    """Everything in S3 that these containers name, multi-model prefixes included."""
    for container in holders:
        source = (container.spec.get("ModelDataSource") or {}).get("S3DataSource") or {}
        for path, uri in (
            ((*container.path, "ModelDataUrl"), container.spec.get("ModelDataUrl")),
            ((*container.path, "ModelDataSource", "S3DataSource", "S3Uri"), source.get("S3Uri")),
        ):
            bucket, key = s3_place(uri)
            if bucket:
                yield Artifact(container, path, str(uri), bucket, key)


def single_artifacts(facts: FleetFacts) -> list[Artifact]:
    """What the containers load that aren't multi-model."""
    return list(artifacts(container for container in containers(facts) if not container.multi_model))


def additional_sources(holders: Iterable[Container]) -> Iterator[Artifact]:
    """What these containers load beside their main artifact (`AdditionalModelDataSources`)."""
    for container in holders:
        for index, source in enumerate(container.spec.get("AdditionalModelDataSources") or ()):
            uri = (source.get("S3DataSource") or {}).get("S3Uri")
            bucket, key = s3_place(uri)
            if bucket:
                path = (*container.path, "AdditionalModelDataSources", index, "S3DataSource", "S3Uri")
                yield Artifact(container, path, str(uri), bucket, key)


class Listings:
    """The listing that tells of each of these artifacts. All rules that look at all artifacts share the reads."""

    def __init__(self, wanted: Iterable[Artifact]) -> None:
        beside: dict[tuple[str, str], set[str]] = defaultdict(set)
        for artifact in wanted:
            if not artifact.is_prefix:
                beside[_folder(artifact)].add(artifact.key)
        self._common = {folder: _common_start(keys) for folder, keys in beside.items() if len(keys) >= TOGETHER}

    def question(self, artifact: Artifact, resource: Resource, path: ApiPath, *wanted: Any) -> Question:
        """Ask for the listing in which the artifact is, or would be."""
        common = self._common.get(_folder(artifact))
        if common is None or artifact.is_prefix:
            return listing(artifact, resource, path, *wanted)
        params = {"Bucket": artifact.bucket, "Prefix": common, "Delimiter": "/"}
        extra = (artifact, *wanted)
        return Question(resource, path, artifact.uri, "ListObjectsV2", params, "Contents", extra, stored_objects)


def listing(artifact: Artifact, resource: Resource, path: ApiPath, *wanted: Any) -> Question:
    """Ask for an artifact alone, or for the first page of a prefix."""
    most = LISTED if artifact.is_prefix else 1
    params = {"Bucket": artifact.bucket, "Prefix": artifact.key, "MaxKeys": most}
    extra = (artifact, *wanted)
    return Question(resource, path, artifact.uri, "ListObjectsV2", params, wanted=extra, condense=stored_objects)


def unseen(question: Question, answer: Answer) -> Iterator[Question]:
    """The question about its artifact alone, where a common listing was cut off before the artifact came."""
    artifact, *wanted = question.wanted
    if question.pages and answer.get("IsTruncated") and artifact.key not in answer["objects"]:
        yield listing(artifact, question.resource, question.path, *wanted)


def _common_start(keys: set[str]) -> str:
    """What all keys begin with: all between the first and the last begin with what these two share."""
    first, last = min(keys), max(keys)
    shared = next((at for at, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), len(first))
    return first[:shared]


def _folder(artifact: Artifact) -> tuple[str, str]:
    return artifact.bucket, artifact.key.rpartition("/")[0]


def is_folder(item: Answer) -> bool:
    """Whether a listed key is the empty one that the S3 console (`KEY/`) or Hadoop (`KEY_$folder$`) makes for a folder.

    A delete marker has no size.
    """
    return str(item["Key"]).endswith(("/", "_$folder$")) and not item.get("Size")


def stored_objects(answer: Answer) -> Answer:
    """A listing by key: `objects`, each `Stored`. What only stands for a folder is none, and said by `folders`."""
    contents = answer.get("Contents") or ()
    listed = [item for item in contents if not is_folder(item)]
    found = {item["Key"]: Stored(int(item.get("Size") or 0), str(item.get("LastModified") or "")) for item in listed}
    folders = len(listed) < len(contents)
    return {"objects": found, "folders": folders, "IsTruncated": bool(answer.get("IsTruncated"))}


def stored_for(artifact: Artifact, answer: Answer) -> list[Stored]:
    """What a listing has of the artifact: the object, or what is listed beneath the prefix; empty where nothing is."""
    objects: dict[str, Stored] = answer.get("objects") or {}
    if artifact.is_prefix:
        return list(objects.values())
    return [objects[artifact.key]] if artifact.key in objects else []


def bytes_of(artifact: Artifact, answer: Answer) -> int:
    """The artifact's bytes by its listing, at least: of a prefix, those of the objects that are listed.

    An archive is larger when it is unpacked: what is too large here is so in any case.
    """
    return sum(stored.size for stored in stored_for(artifact, answer))


def shown_bytes(size: float) -> str:
    """`1.5 GiB`: bytes for people."""
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"


def multi_model_prefixes(facts: FleetFacts) -> Iterator[tuple[Artifact, Question]]:
    """Each multi-model prefix, with the question that lists it."""
    for artifact in usable_prefixes(facts.models.values()):
        yield artifact, listing(artifact, artifact.container.owner.resource, artifact.path)


def usable_prefixes(models: Iterable[Model]) -> Iterator[Artifact]:
    """What the multi-model containers of these models load from, where it is a prefix at all."""
    holders = (container for model in models for container in model.containers if container.multi_model)
    return (artifact for artifact in artifacts(holders) if prefix_is_usable(artifact.uri))


def prefix_is_usable(url: object) -> bool:
    """Whether a multi-model container's ModelDataUrl is an S3 prefix at all."""
    return isinstance(url, str) and bool(s3_place(url)[0]) and not url.endswith(".tar.gz")


def hosted_artifacts(facts: FleetFacts, *, serverless: bool) -> Iterator[tuple[Variant, Artifact]]:
    """What variants load that isn't multi-model, model by model."""
    for variant in facts.variants():
        for model in variant.models if variant.serverless is serverless else ():
            for artifact in artifacts(container for container in model.containers if not container.multi_model):
                yield variant, artifact


class PrefixRule(OnlineRule):
    """A rule about what lies beneath multi-model prefixes."""

    reads = ("ListObjectsV2",)
    absent = ("NoSuchBucket",)

    def questions(self, facts: FleetFacts) -> Iterator[Question]:
        return (question for _, question in multi_model_prefixes(facts))


_HOME: Final = {None: "us-east-1", "": "us-east-1", "EU": "eu-west-1"}
"""What GetBucketLocation says for buckets of the oldest regions."""


def bucket_location(resource: Resource, path: ApiPath, uri: Any, facts: FleetFacts) -> Iterator[Question]:
    """Ask in which region the bucket of an S3 address is; nothing where it isn't one."""
    bucket, _ = s3_place(uri)
    if bucket:
        yield Question(resource, path, str(facts.scope.region), "GetBucketLocation", {"Bucket": bucket})


def other_region(question: Question, answer: Answer) -> Iterator[str]:
    """What is wrong where the bucket is in another region than the fleet."""
    if not answer:
        return  # there is no such bucket, which the other rules say
    told = answer.get("LocationConstraint")
    region = _HOME.get(told, told)
    if region != question.value:
        yield f"the bucket {question.params['Bucket']!r} is in {region}, the fleet in {question.value}"
