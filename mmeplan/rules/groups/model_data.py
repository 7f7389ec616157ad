"""Models: their artifacts (MDL; the rest is in models.py, the environment in environment.py)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from mmeplan.aws.jumpstart import is_gated, jumpstart_region
from mmeplan.kinds.resource import ApiPath
from mmeplan.live.ports import Answer
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
from mmeplan.rules.facts import Container, FleetFacts
from mmeplan.rules.online import OnlineRule, Question
from mmeplan.rules.rule import Constraints, Hit, Rule, ShapeRule
from mmeplan.rules.sources import DATA_SOURCE_EXCLUSIONS, SAME_REGION

_SOURCE: Final = "model_data_source:\n  s3_data_source:\n    s3_uri: %s\n    s3_data_type: %s\n    compression_type: %s"


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
    quote = SAME_REGION
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
    severity = "note"
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
                yield (
                    (*path, "CompressionType"),
                    "`compression_type: Gzip` is documented with `s3_data_type: S3Object` only",
                )


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


_GATED: Final = "s3://jumpstart-private-cache-prod-%s/meta-textgeneration/llama-2-7b/artifacts/v1.0.0/"
_ACCEPTED: Final = "\n    model_access_config: {accept_eula: true}"


def _jumpstart(region: str, access: str) -> str:
    source = _SOURCE % (_GATED % region, "S3Prefix", "None")
    return fleet_file(container=f"{source}{access}", without=("model_data_url",))


class LicenseIsAccepted(Rule):
    id = "MDL-52"
    title = "The license of a gated JumpStart model is accepted"
    severity = "error"
    basis = "inf"
    source = (
        'terraform-provider-aws issue 34795: CreateModel answers "The AcceptEula value must be explicitly defined as '
        'True in order to accept the end-user license agreement (EULA) that this … model requires."; SageMaker Python '
        "SDK, jumpstart.constants: the buckets of gated models"
    )
    why = (
        "What lies in jumpstart-private-cache-prod-REGION is under a license that has to be accepted in the request; "
        "CreateModel refuses it otherwise."
    )
    fix = "Read the license; where you accept it, write `model_access_config: {accept_eula: true}` beside `s3_uri`."
    bad = _jumpstart("eu-west-1", "").replace("v1.0.0/", "v1.0.0/  # here")
    good = _jumpstart("eu-west-1", _ACCEPTED)
    members = ("ModelDataSource", "AdditionalModelDataSources")

    def container(self, container: Container) -> Iterator[Hit]:
        for path, source in _s3_sources(container):
            access = source.get("ModelAccessConfig") or {}
            if is_gated(source.get("S3Uri")) and access.get("AcceptEula") is not True:
                message = "the model is under a license, and there is no `model_access_config: {accept_eula: true}`"
                yield (*path, "S3Uri"), message


class JumpStartInRegion(Rule):
    id = "MDL-53"
    title = "A JumpStart model comes from the bucket of the fleet's region"
    severity = "error"
    basis = "doc"
    source = (
        "botocore sagemaker/2017-07-24, ContainerDefinition.ModelDataUrl: the same region; SageMaker Python SDK, "
        "jumpstart.constants: JumpStart has a bucket for each region, which is in its name"
    )
    quote = SAME_REGION
    why = "SageMaker reads artifacts of its own region only."
    fix = "Name the bucket of this region: `{{ region }}` at the end of its name keeps one file good for several."
    bad = _jumpstart("us-east-1", _ACCEPTED).replace("v1.0.0/", "v1.0.0/  # here")
    good = _jumpstart("eu-west-1", _ACCEPTED)
    members = ("ModelDataSource", "AdditionalModelDataSources", "ModelDataUrl")

    def container(self, container: Container) -> Iterator[Hit]:
        region = container.owner.scope.region
        named = [((*container.path, "ModelDataUrl"), container.spec.get("ModelDataUrl"))]
        named += [((*path, "S3Uri"), source.get("S3Uri")) for path, source in _s3_sources(container)]
        for path, uri in named:
            theirs = jumpstart_region(uri)
            if theirs and region not in (None, theirs):
                yield path, f"the bucket is JumpStart's of {theirs}, the fleet in {region}"


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
