"""Models: their artifacts and environment (MDL; the rest is in models.py)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from mmeplan.aws.shapes import service
from mmeplan.live.ports import Answer
from mmeplan.resources.base import ApiPath
from mmeplan.rules.artifacts import (
    Listings,
    additional_sources,
    artifacts,
    bucket_location,
    containers,
    other_region,
    single_artifacts,
    stored_for,
    unseen,
)
from mmeplan.rules.examples import fleet_file
from mmeplan.rules.facts import Container, FleetFacts, Model
from mmeplan.rules.online import OnlineRule, Question
from mmeplan.rules.rule import Constraints, Hit, Rule, ShapeRule
from mmeplan.rules.sources import DATA_SOURCE_EXCLUSIONS

_SOURCE: Final = "model_data_source:\n  s3_data_source:\n    s3_uri: %s\n    s3_data_type: %s\n    compression_type: %s"


MAX_ENVIRONMENT_BYTES: Final = (
    32 * 1024
)  # keys and values of all containers of a model; ContainerDefinition.Environment


class EnvironmentSize(Rule):
    id = "MDL-15"
    title = "The environment of a model's containers is not too large together"
    severity = "error"
    basis = "doc"
    source = "botocore sagemaker/2017-07-24, ContainerDefinition.Environment: 32 KB over all containers"
    quote = (
        "If you pass multiple containers to a CreateModel request, then the maximum length of all of their maps, "
        "combined, is also 32 KB."
    )
    why = "The service refuses a model whose keys and values come to more, over all its containers."
    fix = "Move settings into a file of the artifact."
    bad = fleet_file(
        container="environment:\n" + "\n".join(f"  SETTING_{number}: {'x' * 1000}" for number in range(33))
    ).replace("  ranker:\n", "  ranker:  # here\n", 1)
    good = fleet_file(container="environment: {WORKERS: 2}")
    also = ("MDL-16",)

    def model(self, model: Model) -> Iterator[Hit]:
        size = 0
        for container in model.containers:
            if "Environment" in container.spec:
                size += sum(len(key.encode()) + len(value.encode()) for key, value in container.environment())
        if size > MAX_ENVIRONMENT_BYTES:
            yield (
                (),
                f"the environment comes to {size:,} bytes over all containers; the API takes {MAX_ENVIRONMENT_BYTES:,}",
            )


OLD_MAX_ENVIRONMENT: Final = 16  # entries per container in older revisions of the API reference


class ManyEnvironmentEntries(Rule):
    id = "MDL-16"
    title = "An environment fits older revisions of the API too"
    severity = "warning"
    basis = "conf"
    source = "API reference CreateModel: 16 entries in older revisions, more in the current shape"
    why = "Older tools and SDKs refuse what the current service takes."
    fix = "Nothing, where only current tools touch this model: allow it with that reason."
    bad = fleet_file(container="environment:  # here\n" + "\n".join(f"  SETTING_{number}: x" for number in range(17)))
    good = fleet_file(container="environment: {WORKERS: 2}")
    members = ("Environment",)

    def container(self, container: Container) -> Iterator[Hit]:
        count = len(container.spec["Environment"])
        most = service().shapes["EnvironmentMap"].get("max", count)
        if OLD_MAX_ENVIRONMENT < count <= most:  # above that MDL-12 speaks
            path = (*container.path, "Environment")
            yield path, f"{count} environment entries: older revisions of the API take {OLD_MAX_ENVIRONMENT}"


_SECRET_WORDS: Final = frozenset(
    ["PASSWORD", "PASSWD", "PASSPHRASE", "SECRET", "TOKEN", "CREDENTIAL", "CREDENTIALS", "APIKEY"]
)
_SECRET_KEYS: Final = frozenset(["API", "ACCESS", "PRIVATE", "SECRET", "SIGNING", "ENCRYPTION"])

_VOCABULARY: Final = frozenset(
    ["PAD", "EOS", "BOS", "UNK", "MASK", "SEP", "CLS", "STOP", "START", "END", "SPECIAL", "NEXT", "MAX"]
)
"""Words before TOKEN that speak of a tokenizer's vocabulary."""


def _names_a_secret(key: str) -> bool:
    words = key.upper().split("_")
    before = words[-2] if len(words) > 1 else ""
    if words[-1] == "TOKEN":
        return before not in _VOCABULARY
    return words[-1] in _SECRET_WORDS or (words[-1] == "KEY" and before in _SECRET_KEYS)


class SecretInEnvironment(Rule):
    id = "MDL-17"
    title = "The environment holds no secrets"
    severity = "warning"
    basis = "doc"
    source = "botocore sagemaker/2017-07-24, ContainerDefinition.Environment: don't include any sensitive data"
    why = (
        "Everybody who may call DescribeModel reads it, and it stands in plain text in fleet.yaml, in "
        "plans and in logs."
    )
    fix = "Keep it in AWS Secrets Manager, give the container its ARN, and let the execution role read it."
    bad = fleet_file(container="environment:\n  DATABASE_PASSWORD: hunter2  # here")
    good = fleet_file(
        container="environment:\n"
        "  DATABASE_SECRET_ARN: arn:aws:secretsmanager:eu-west-1:123456789012:secret:ranker\n"
        "  MAX_TOKENS: 512"
    )
    members = ("Environment",)

    def container(self, container: Container) -> Iterator[Hit]:
        for key, value in container.environment():
            if value and not value.startswith("arn:") and _names_a_secret(key):
                yield (*container.path, "Environment", key), f"`{key}` looks like a secret in plain text"


class ArchiveIsTarGz(Rule):
    id = "MDL-19"
    title = "A single model's artifact is a .tar.gz"
    severity = "error"
    basis = "doc"
    source = "botocore sagemaker/2017-07-24, ContainerDefinition.ModelDataUrl: a single gzip compressed tar archive"
    quote = "This path must point to a single gzip compressed tar archive (.tar.gz suffix)."
    why = (
        "SageMaker unpacks `model_data_url` with tar and gzip; anything else ends as a failed endpoint "
        "half an hour later."
    )
    fix = "Point to the .tar.gz; a prefix needs `mode: MultiModel`, an unpacked model `model_data_source`."
    bad = fleet_file(container="model_data_url: s3://acme-models/ranker/  # here")
    good = fleet_file(container="model_data_url: s3://acme-models/ranker.tar.gz")
    members = ("ModelDataUrl",)

    def container(self, container: Container) -> Iterator[Hit]:
        url = container.spec["ModelDataUrl"]
        if container.spec.get("Mode", "SingleModel") == "SingleModel" and not url.endswith(".tar.gz") and "://" in url:
            yield (*container.path, "ModelDataUrl"), f"`{url}` is not a .tar.gz, and the container is not MultiModel"


def _source(uri: str, data_type: str, compression: str) -> str:
    return fleet_file(container=_SOURCE % (uri, data_type, compression), without=("model_data_url",))


class OneArtifact(Rule):
    id = "MDL-20"
    title = "A container does not name its artifact twice"
    severity = "error"
    basis = "inf"
    source = "SageMaker Python SDK: model_data is a URL or a data source, never both"
    why = "`model_data_url` and `model_data_source` exclude each other, although Describe shows both for either."
    fix = "Keep one of them."
    bad = (
        fleet_file(container=_SOURCE % ("s3://acme/ranker/", "S3Prefix", "None") + "  # here")
        .replace("  # here", "")
        .replace("model_data_source:", "model_data_source:  # here")
    )
    good = _source("s3://acme/ranker/", "S3Prefix", "None")
    members = ("ModelDataSource",)

    def container(self, container: Container) -> Iterator[Hit]:
        if "ModelDataUrl" in container.spec and not container.multi_model:  # MME-07 says the rest
            path = (*container.path, "ModelDataSource")
            yield path, "the container has both `model_data_url` and `model_data_source`"


class BucketInRegion(OnlineRule):
    id = "MDL-21"
    title = "A model's artifact lies in the fleet's region"
    severity = "error"
    basis = "doc"
    source = "botocore sagemaker/2017-07-24, ContainerDefinition.ModelDataUrl: the same region"
    quote = (
        "The model artifacts must be in an S3 bucket that is in the same region as the model or endpoint you are "
        "creating."
    )
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
        wanted = [*single_artifacts(facts), *additional_sources(containers(facts))]
        listings = Listings(wanted)
        for artifact in wanted:
            yield listings.question(artifact, artifact.container.owner.resource, artifact.path)

    def found(self, question: Question, answer: Answer) -> Iterator[str | Question]:
        (artifact,) = question.wanted
        again = list(unseen(question, answer))
        if again:
            yield from again
        elif not stored_for(artifact, answer) and not (artifact.is_prefix and answer.get("folders")):
            yield f"there is nothing at {question.value!r}"


def _s3_sources(container: Container) -> Iterator[tuple[ApiPath, dict[str, Any]]]:
    """The container's S3 data sources, its own and the additional ones."""
    own = (container.spec.get("ModelDataSource") or {}).get("S3DataSource")
    if own:
        yield (*container.path, "ModelDataSource", "S3DataSource"), own
    for index, item in enumerate(container.spec.get("AdditionalModelDataSources") or ()):
        if item.get("S3DataSource"):
            yield (*container.path, "AdditionalModelDataSources", index, "S3DataSource"), item["S3DataSource"]


class NoEmptyPart(Rule):
    id = "MDL-42"
    title = "The address of model data has no `//` in its key"
    severity = "error"
    basis = "conf"
    source = (
        "sagemaker-python-sdk issue 3413: S3 lists such a key, SageMaker's download answers NoSuchKey; Amazon S3 User "
        "Guide, object-keys: keys may hold any character"
    )
    why = (
        "SageMaker folds `//` in the key into one `/` before it downloads, and looks for an object that isn't there; "
        "S3 itself keeps the two apart. Most often a variable that ends with a slash stands before one that begins "
        "with it."
    )
    fix = "Write one `/`, and move the object to that key."
    bad = fleet_file(container="model_data_url: s3://acme-models//ranker.tar.gz  # here")
    good = fleet_file()

    def container(self, container: Container) -> Iterator[Hit]:
        own = container.spec.get("ModelDataUrl")
        named = [((*container.path, "ModelDataUrl"), own)] if own else []
        named += [((*path, "S3Uri"), source.get("S3Uri")) for path, source in _s3_sources(container)]
        for path, uri in named:
            if isinstance(uri, str) and "//" in uri.partition("://")[2]:
                yield path, f"`{uri}` has `//` in its key, which SageMaker's download doesn't find"


class PrefixEndsInSlash(Rule):
    id = "MDL-25"
    title = "An S3 prefix ends with a slash"
    severity = "error"
    basis = "doc"
    source = "botocore sagemaker/2017-07-24, S3ModelDataSource.S3DataType"
    quote = "A valid key name prefix identified by S3Uri always ends with a forward slash (/)."
    why = (
        "A prefix without it matches the siblings as well (`…/ranker` also means `…/ranker-old/`), and the "
        "service refuses it."
    )
    fix = "End `s3_uri` with `/`."
    bad = _source("s3://acme/ranker  # here", "S3Prefix", "None")
    good = _source("s3://acme/ranker/", "S3Prefix", "None")
    members = ("ModelDataSource", "AdditionalModelDataSources")

    def container(self, container: Container) -> Iterator[Hit]:
        for path, source in _s3_sources(container):
            uri = source.get("S3Uri") or ""
            is_prefix = source.get("S3DataType") == "S3Prefix" and source.get("CompressionType") != "Gzip"
            if is_prefix and uri and not uri.endswith("/"):
                yield (*path, "S3Uri"), f"`{uri}` is an S3Prefix, but doesn't end with `/`"


class GzipIsAnObject(Rule):
    id = "MDL-26"
    title = "A gzipped data source is one object"
    severity = "warning"
    basis = "inf"
    source = "botocore sagemaker/2017-07-24, S3ModelDataSource.CompressionType: only three combinations are defined"
    why = (
        "Gzip is defined for a single archive; what a compressed prefix would be, nobody says. SageMaker takes the "
        "combination for one archive: AWS's own container tests deploy it."
    )
    fix = "Use `s3_data_type: S3Object` for the archive, or `compression_type: None` for the prefix."
    bad = _source("s3://acme/ranker/", "S3Prefix", "Gzip  # here")
    good = _source("s3://acme/ranker.tar.gz", "S3Object", "Gzip")
    members = ("ModelDataSource", "AdditionalModelDataSources")

    def container(self, container: Container) -> Iterator[Hit]:
        for path, source in _s3_sources(container):
            if source.get("CompressionType") == "Gzip" and source.get("S3DataType") == "S3Prefix":
                yield (*path, "CompressionType"), "`compression_type: Gzip` goes with `s3_data_type: S3Object` only"


class SourceFitsHosting(Rule):
    id = "MDL-27"
    title = "A data source belongs to a model that is hosted on instances"
    severity = "error"
    basis = "doc"
    source = "botocore sagemaker/2017-07-24, ContainerDefinition.ModelDataSource: not with serverless or Marketplace"
    quote = DATA_SOURCE_EXCLUSIONS
    why = "Serverless variants and Marketplace packages take packed artifacts only."
    fix = "Use `model_data_url` with a .tar.gz, or host the model on instances."
    bad = fleet_file(
        serverless=True,
        container="model_data_source:  # here\n  s3_data_source: {s3_uri: s3://acme/ranker/, s3_data_type: S3Prefix, "
        "compression_type: None}",
        without=("model_data_url",),
    )
    good = _source("s3://acme/ranker/", "S3Prefix", "None")
    members = ("ModelDataSource",)

    def container(self, container: Container) -> Iterator[Hit]:
        path = (*container.path, "ModelDataSource")
        serverless = next((variant for variant in container.owner.variants if variant.serverless), None)
        if serverless is not None:
            where = serverless.owner.resource.address
            yield path, f"the variant {serverless.name!r} of {where} is serverless, and takes `model_data_url` only"
        if container.marketplace:
            yield path, "a Marketplace package takes no `model_data_source`"


_TWO_CHANNELS: Final = (
    "additional_model_data_sources:\n"
    "  - {channel_name: %s, s3_data_source: {s3_uri: s3://acme/one/, s3_data_type: S3Prefix, compression_type: None}}\n"
    "  - {channel_name: %s, s3_data_source: {s3_uri: s3://acme/two/, s3_data_type: S3Prefix, compression_type: None}}"
)


class ChannelsAreUnique(Rule):
    id = "MDL-49"
    title = "Additional data sources have different channels"
    severity = "error"
    basis = "inf"
    source = "botocore sagemaker/2017-07-24, AdditionalModelDataSource.ChannelName"
    why = "Each channel becomes a folder of its name in the container."
    fix = "Give each channel a name of its own."
    bad = fleet_file(container=_TWO_CHANNELS % ("draft", "draft") + "  # here")
    good = fleet_file(container=_TWO_CHANNELS % ("draft", "adapter"))
    members = ("AdditionalModelDataSources",)

    def container(self, container: Container) -> Iterator[Hit]:
        counts: Counter[str] = Counter()
        for index, source in enumerate(container.spec["AdditionalModelDataSources"]):
            name = source.get("ChannelName")
            counts[name] += 1
            if name is not None and counts[name] == 2:
                path = (*container.path, "AdditionalModelDataSources", index, "ChannelName")
                yield path, f"two additional data sources have the channel {name!r}"


_REMOTE = re.compile(r"(https?|s3)://(?!localhost|127\.|0\.0\.0\.0|\[::1\])", re.IGNORECASE)


class RemoteInIsolation(Rule):
    id = "MDL-38"
    title = "An isolated container is told of no remote addresses"
    severity = "warning"
    basis = "doc"
    source = (
        "botocore sagemaker/2017-07-24, CreateModelInput.EnableNetworkIsolation: no inbound or outbound network calls"
    )
    why = (
        "With network isolation the container reaches nothing, so an address in its environment points to a lost hope."
    )
    fix = "Put what it needs into the artifact, or drop `enable_network_isolation`."
    bad = fleet_file(
        model="enable_network_isolation: true",
        container="environment:\n  FEATURE_STORE: https://features.acme.example  # here",
    )
    good = fleet_file(container="environment:\n  FEATURE_STORE: https://features.acme.example")
    members = ("EnableNetworkIsolation",)

    def model(self, model: Model) -> Iterator[Hit]:
        if not model.request["EnableNetworkIsolation"]:
            return
        for container in model.containers:
            for key, value in container.environment():
                if _REMOTE.match(value):
                    path = (*container.path, "Environment", key)
                    yield path, f"`{key}` names {value}, but the container has no network"


SHAPES: Final = (
    ShapeRule(
        "MDL-28",
        "Additional data sources are complete, and no more than SageMaker takes",
        "AdditionalModelDataSources, AdditionalModelDataSource",
        constraints=Constraints(
            shapes=("AdditionalModelDataSources", "AdditionalModelChannelName"),
            places=(("AdditionalModelDataSources", "S3DataSource"),),
        ),
        bad=fleet_file(container=_TWO_CHANNELS % ("draft", "'a draft'") + "  # here"),
        good=fleet_file(container=_TWO_CHANNELS % ("draft", "adapter")),
    ),
    ShapeRule(
        "MDL-12",
        "A container has no more environment entries than SageMaker takes",
        "EnvironmentMap",
        bad=fleet_file(
            container="environment:  # here\n" + "\n".join(f"  SETTING_{number}: x" for number in range(101))
        ),
        good=fleet_file(container="environment: {WORKERS: 2}"),
        fix="Move settings into a file of the artifact.",
    ),
    ShapeRule(
        "MDL-13",
        "An environment key is a shell name",
        "EnvironmentKey",
        bad=fleet_file(container="environment:\n  log.level: debug  # here"),
        good=fleet_file(container="environment:\n  LOG_LEVEL: debug"),
        fix="Use letters, digits and underscores; neither dots nor hyphens.",
    ),
    ShapeRule(
        "MDL-14",
        "An environment value is of a length that SageMaker takes",
        "EnvironmentValue",
        bad=fleet_file(container=f"environment:\n  PROMPT: {'long ' * 205}text  # here"),
        good=fleet_file(container="environment:\n  PROMPT: short"),
        fix="Shorten it, or put it into a file of the artifact.",
    ),
    ShapeRule(
        "MDL-18",
        "A model data URL is an S3 or https address",
        "Url",
        bad=fleet_file(container="model_data_url: acme-models/ranker.tar.gz  # here"),
        good=fleet_file(),
        fix="Write s3://BUCKET/KEY.tar.gz.",
    ),
    ShapeRule(
        "MDL-24",
        "A model data source is complete and of a known kind",
        "S3ModelDataSource",
        constraints=Constraints(shapes=("S3ModelUri", "S3ModelDataType", "ModelCompressionType")),
        bad=fleet_file(
            container="model_data_source: {s3_data_source: {s3_uri: s3://acme/ranker/, s3_data_type: "
            "S3Prefix}}  # here",
            without=("model_data_url",),
        ),
        good=fleet_file(
            container="model_data_source: {s3_data_source: {s3_uri: s3://acme/ranker/, s3_data_type: "
            "S3Prefix, compression_type: None}}",
            without=("model_data_url",),
        ),
    ),
)
