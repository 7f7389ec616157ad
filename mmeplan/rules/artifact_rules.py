"""Rules about what lies in S3: that it is there, where it should be, and nothing else (stage `online`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mmeplan.live.ports import Answer
from mmeplan.rules.artifacts import (
    Listings,
    PrefixRule,
    artifacts,
    bucket_location,
    containers,
    other_region,
    single_artifacts,
    stored_for,
    unseen,
)
from mmeplan.rules.examples import fleet_file
from mmeplan.rules.facts import FleetFacts
from mmeplan.rules.online import OnlineRule, Question

_GUIDE: Final = "Developer Guide, create-multi-model-endpoint"


class ArtifactExists(OnlineRule):
    id = "MDL-22"
    title = "A model's artifact exists"
    severity = "error"
    basis = "obs"
    source = 'CreateModel answers "Could not access model data at s3://…"'
    why = "CreateModel looks for the artifact, and refuses a model whose artifact isn't there."
    fix = "Upload it, or correct the address."
    reads = ("ListObjectsV2",)
    absent = ("NoSuchBucket",)
    given = "The bucket has no such object."
    bad = fleet_file(container="model_data_url: s3://acme-models/missing.tar.gz  # here")
    good = fleet_file()

    def questions(self, facts: FleetFacts) -> Iterator[Question]:
        wanted = single_artifacts(facts)
        listings = Listings(wanted)
        for artifact in wanted:
            yield listings.question(artifact, artifact.container.owner.resource, artifact.path)

    def found(self, question: Question, answer: Answer) -> Iterator[str | Question]:
        (artifact,) = question.wanted
        again = list(unseen(question, answer))
        if again:
            yield from again
        elif not stored_for(artifact, answer):
            yield f"there is nothing at {question.value!r}"


class PrefixHasModels(PrefixRule):
    id = "MME-03"
    title = "A multi-model prefix holds an artifact"
    severity = "warning"
    basis = "conf"
    source = f"{_GUIDE}; CreateModel was seen to refuse an empty prefix, and an AWS notebook to deploy one"
    why = "Whether CreateModel takes an empty prefix is told both ways; every request fails until something is there."
    fix = "Upload a model first, or allow this with that reason."
    given = "Nothing lies beneath the prefix."
    bad = fleet_file(multi_model=True, container="model_data_url: s3://acme-models/empty/  # here")
    good = fleet_file(multi_model=True)

    def found(self, question: Question, answer: Answer) -> Iterator[str]:
        keys = answer.get("objects") or ()
        if not any(key != question.params["Prefix"] for key in keys):
            yield f"no artifact lies beneath {question.value!r}"


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


class BucketInRegion(OnlineRule):
    id = "MDL-21"
    title = "A model's artifact lies in the fleet's region"
    severity = "error"
    basis = "doc"
    source = "botocore sagemaker/2017-07-24, ContainerDefinition.ModelDataUrl: the same region"
    why = "SageMaker reads artifacts of its own region only."
    fix = "Replicate the bucket, and name the copy; `{{ region }}` in the address keeps one file good for several."
    reads = ("GetBucketLocation",)
    given = "The bucket is in another region."
    bad = fleet_file(container="model_data_url: s3://acme-elsewhere/ranker.tar.gz  # here")
    good = fleet_file()
    absent = ("NoSuchBucket",)

    def questions(self, facts: FleetFacts) -> Iterator[Question]:
        for artifact in artifacts(containers(facts)) if facts.scope.region else ():
            yield from bucket_location(artifact.container.owner.resource, artifact.path, artifact.uri, facts)

    def found(self, question: Question, answer: Answer) -> Iterator[str]:
        yield from other_region(question, answer)


class CaptureInRegion(OnlineRule):
    id = "CAP-10"
    title = "Captured data goes to a bucket of the fleet's region"
    severity = "warning"
    basis = "doc"
    source = "Developer Guide, model-monitor-data-capture-endpoint"
    why = "Captures are written by the endpoint, to a bucket of its own region; a failing write fails silently."
    fix = "Name a bucket of this region. Whether the role may write there, only IAM can tell."
    reads = ("GetBucketLocation",)
    absent = ("NoSuchBucket",)
    given = "The bucket is in another region."
    bad = fleet_file(
        config="data_capture_config: {initial_sampling_percentage: 20, capture_options: [{capture_mode: Input}], "
        "destination_s3_uri: s3://acme-elsewhere/capture}  # here"
    )
    good = fleet_file()

    def questions(self, facts: FleetFacts) -> Iterator[Question]:
        for config in facts.configs.values() if facts.scope.region else ():
            uri = (config.request.get("DataCaptureConfig") or {}).get("DestinationS3Uri")
            yield from bucket_location(config.resource, ("DataCaptureConfig", "DestinationS3Uri"), uri, facts)

    def found(self, question: Question, answer: Answer) -> Iterator[str]:
        yield from other_region(question, answer)


RULES: Final = (ArtifactExists(), PrefixHasModels(), OnlyArchives(), BucketInRegion(), CaptureInRegion())
