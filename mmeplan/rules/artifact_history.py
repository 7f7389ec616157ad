"""Rules about what has become of artifacts since they were deployed (stage `online`; group ART)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final, Literal

from mmeplan.live.ports import Answer
from mmeplan.rules.artifacts import (
    TOGETHER,
    Listings,
    artifacts,
    multi_model_prefixes,
    prefix_is_usable,
    single_artifacts,
    stored_for,
    unseen,
)
from mmeplan.rules.examples import fleet_file
from mmeplan.rules.facts import FleetFacts
from mmeplan.rules.online import OnlineRule, Question

VERSIONS: Final = 1000  # of objects beneath a prefix that are looked at: one page of ListObjectVersions

_PUBLISH: Final = "Developer Guide, add-models-to-endpoint"
_VERSIONED: Final = (
    "Only a bucket that keeps versions tells; the first 1,000 versions of a prefix are looked at, and only what was "
    "done since the live endpoint's last change."
)


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
    fix = "Publish every artifact under a name of its own, and change `model_data_url`: mmeplan swaps it blue/green."
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
        made = answer["made"].get(name, "") if question.operation == "ListModels" else answer.get("CreationTime") or ""
        if made and modified > made:
            when = f"{_shown(modified)}, after the live model was made ({_shown(made)})"
            yield f"{question.value!r} was written at {when}"


def _since_when(question: Question, many: bool, modified: str) -> Question:
    """Ask when the model was made: of many models by a list, a hundred a page."""
    at = question.resource, question.path, question.value
    if many:
        return Question(*at, "ListModels", {"MaxResults": 100}, "Models", (modified,), times_by_model)
    params = {"ModelName": question.resource.physical_name}
    return Question(*at, "DescribeModel", params, wanted=(modified,))


def times_by_model(answer: Answer) -> Answer:
    """When each model was made, by name."""
    listed = answer.get("Models") or ()
    made = {str(model["ModelName"]): str(model.get("CreationTime") or "") for model in listed}
    return {"made": made, "IsTruncated": bool(answer.get("IsTruncated"))}


def _shown(time: str) -> str:
    return time[:19].replace("T", " ")


def _versions(facts: FleetFacts) -> Iterator[Question]:
    """The versions beneath the prefixes of the endpoints that stand in the file, each endpoint asking for its own."""
    for endpoint in facts.endpoints.values():
        for variant in endpoint.config.variants if endpoint.config else ():
            for model in variant.models:
                for artifact in artifacts(one for one in model.containers if one.multi_model):
                    if prefix_is_usable(artifact.uri):
                        params = {"Bucket": artifact.bucket, "Prefix": artifact.key, "MaxKeys": VERSIONS}
                        extra = (endpoint.resource.physical_name,)
                        at = model.resource, artifact.path, artifact.uri
                        yield Question(*at, "ListObjectVersions", params, wanted=extra, condense=_latest)


def _latest(answer: Answer) -> Answer:
    """The newest overwriting and the newest removal, each as (time, key); empty where there is none."""
    seen: set[str] = {str(item["Key"]) for item in answer.get("Versions") or () if not item.get("IsLatest")}
    latest = [item for item in answer.get("Versions") or () if item.get("IsLatest")]
    return {
        "overwritten": max(
            ((str(item["LastModified"]), item["Key"]) for item in latest if item["Key"] in seen), default=()
        ),
        "removed": max(
            (
                (str(item["LastModified"]), item["Key"])
                for item in answer.get("DeleteMarkers") or ()
                if item.get("IsLatest")
            ),
            default=(),
        ),
    }


def _since_last_change(question: Question, event: tuple[str, str]) -> Question:
    """Ask since when the endpoint has what it has."""
    (name,) = question.wanted
    at = question.resource, question.path, question.value
    return Question(*at, "DescribeEndpoint", {"EndpointName": name}, wanted=(name, *event))


def _is_news(question: Question, answer: Answer) -> bool:
    _, time, _ = question.wanted
    changed = str(answer.get("LastModifiedTime") or answer.get("CreationTime") or "")
    return bool(changed) and time > changed


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


RULES: Final = (ArtifactUnchanged(), NeverOverwritten(), StillLoadedWhenRemoved(), OwnBucket())
