"""Rules that read S3, CloudWatch and ECR (stage `online`; groups MDL, MME, CAP, DEP and ART)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from mmeplan.live.ports import Answer
from mmeplan.resources.base import ApiPath
from mmeplan.rules.deployment import ALL_AT_ONCE, blue_green
from mmeplan.rules.examples import fleet_file
from mmeplan.rules.facts import Container, FleetFacts
from mmeplan.rules.images import image_of
from mmeplan.rules.multi_model import prefix_is_usable
from mmeplan.rules.online import OnlineRule, Question

SERVERLESS_IMAGE_BYTES: Final = 10 * 1024**3  # serverless-endpoints: 10 GB
LISTED: Final = 1000  # keys of a prefix that are looked at: one page of ListObjectsV2

_GUIDE: Final = "Developer Guide, create-multi-model-endpoint"
_ALARMS: Final = "Developer Guide, deployment-guardrails-configuration; botocore AutoRollbackConfig.Alarms"
_HOME: Final = {None: "us-east-1", "": "us-east-1", "EU": "eu-west-1"}
"""What GetBucketLocation says for buckets of the oldest regions."""


def _containers(facts: FleetFacts) -> Iterator[Container]:
    return (container for model in facts.models.values() for container in model.containers)


def _s3(uri: Any) -> tuple[str, str]:
    """(bucket, key) of an S3 address; empty where it isn't one."""
    if not isinstance(uri, str) or not uri.startswith("s3://"):
        return "", ""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key


def _artifacts(container: Container) -> Iterator[tuple[ApiPath, str]]:
    """The S3 addresses that a container loads from."""
    url = container.spec.get("ModelDataUrl")
    if url:
        yield (*container.path, "ModelDataUrl"), url
    source = (container.spec.get("ModelDataSource") or {}).get("S3DataSource") or {}
    if source.get("S3Uri"):
        yield (*container.path, "ModelDataSource", "S3DataSource", "S3Uri"), source["S3Uri"]


class ArtifactExists(OnlineRule):
    id = "MDL-22"
    title = "A model's artifact exists"
    severity = "error"
    basis = "obs"
    source = 'CreateModel answers "Could not access model data at s3://…"'
    why = "CreateModel looks for the artifact, and refuses a model whose artifact isn't there."
    fix = "Upload it, or correct the address."
    action = "s3:ListBucket"
    absent = ("NoSuchBucket",)
    given = "The bucket has no such object."
    bad = fleet_file(container="model_data_url: s3://acme-models/missing.tar.gz  # here")
    good = fleet_file()

    def questions(self, facts: FleetFacts) -> Iterator[Question]:
        for container in _containers(facts):
            for path, uri in _artifacts(container) if not container.multi_model else ():
                bucket, key = _s3(uri)
                if bucket:
                    params = {"Bucket": bucket, "Prefix": key, "MaxKeys": 1}
                    yield Question(container.owner.resource, path, uri, "ListObjectsV2", params)

    def found(self, question: Question, answer: Answer) -> Iterator[str]:
        keys = [item["Key"] for item in answer.get("Contents") or ()]
        wanted = question.params["Prefix"]
        if not keys or (wanted and not wanted.endswith("/") and keys[0] != wanted):
            yield f"there is nothing at {question.value!r}"


class PrefixHasModels(OnlineRule):
    id = "MME-03"
    title = "A multi-model prefix holds an artifact"
    severity = "warning"
    basis = "conf"
    source = f"{_GUIDE}; CreateModel was seen to refuse an empty prefix, and an AWS notebook to deploy one"
    why = "Whether CreateModel takes an empty prefix is told both ways; every request fails until something is there."
    fix = "Upload a model first, or allow this with that reason."
    action = "s3:ListBucket"
    absent = ("NoSuchBucket",)
    given = "Nothing lies beneath the prefix."
    bad = fleet_file(multi_model=True, container="model_data_url: s3://acme-models/empty/  # here")
    good = fleet_file(multi_model=True)

    def questions(self, facts: FleetFacts) -> Iterator[Question]:
        yield from _prefixes(facts)

    def found(self, question: Question, answer: Answer) -> Iterator[str]:
        keys = [item["Key"] for item in answer.get("Contents") or ()]
        if not any(key != question.params["Prefix"] for key in keys):
            yield f"no artifact lies beneath {question.value!r}"


def _prefixes(facts: FleetFacts) -> Iterator[Question]:
    for container in _containers(facts):
        url = container.spec.get("ModelDataUrl")
        if container.multi_model and prefix_is_usable(url):
            bucket, key = _s3(url)
            params = {"Bucket": bucket, "Prefix": key, "MaxKeys": LISTED}
            path = (*container.path, "ModelDataUrl")
            yield Question(container.owner.resource, path, str(url), "ListObjectsV2", params)


class OnlyArchives(OnlineRule):
    id = "ART-09"
    title = "Nothing but archives lies beneath a multi-model prefix"
    severity = "warning"
    basis = "obs"
    source = "SageMaker Python SDK, MultiDataModel.list_models: it lists all keys"
    why = "Whatever lies there is taken for a model: by tools that list them, and by whoever may invoke the endpoint."
    fix = "Move it to another prefix."
    action = "s3:ListBucket"
    absent = ("NoSuchBucket",)
    given = "A file that is no .tar.gz lies beneath the prefix."
    bad = fleet_file(multi_model=True, container="model_data_url: s3://acme-models/messy/  # here")
    good = fleet_file(multi_model=True)

    def questions(self, facts: FleetFacts) -> Iterator[Question]:
        yield from _prefixes(facts)

    def found(self, question: Question, answer: Answer) -> Iterator[str]:
        stray = [item["Key"] for item in answer.get("Contents") or () if not item["Key"].endswith(".tar.gz")]
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
    action = "s3:GetBucketLocation"
    given = "The bucket is in another region."
    bad = fleet_file(container="model_data_url: s3://acme-elsewhere/ranker.tar.gz  # here")
    good = fleet_file()
    absent = ("NoSuchBucket",)

    def questions(self, facts: FleetFacts) -> Iterator[Question]:
        for container in _containers(facts) if facts.scope.region else ():
            for path, uri in _artifacts(container):
                yield from _location(container.owner.resource, path, uri, facts)

    def found(self, question: Question, answer: Answer) -> Iterator[str]:
        yield from _elsewhere(question, answer)


def _location(resource: Any, path: ApiPath, uri: Any, facts: FleetFacts) -> Iterator[Question]:
    bucket, _ = _s3(uri)
    if bucket:
        yield Question(resource, path, str(facts.scope.region), "GetBucketLocation", {"Bucket": bucket})


def _elsewhere(question: Question, answer: Answer) -> Iterator[str]:
    if not answer:
        return  # there is no such bucket, which the other rules say
    told = answer.get("LocationConstraint")
    region = _HOME.get(told, told)
    if region != question.value:
        yield f"the bucket {question.params['Bucket']!r} is in {region}, the fleet in {question.value}"


class CaptureInRegion(OnlineRule):
    id = "CAP-10"
    title = "Captured data goes to a bucket of the fleet's region"
    severity = "warning"
    basis = "doc"
    source = "Developer Guide, model-monitor-data-capture-endpoint"
    why = "Captures are written by the endpoint, to a bucket of its own region; a failing write fails silently."
    fix = "Name a bucket of this region. Whether the role may write there, only IAM can tell."
    action = "s3:GetBucketLocation"
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
            yield from _location(config.resource, ("DataCaptureConfig", "DestinationS3Uri"), uri, facts)

    def found(self, question: Question, answer: Answer) -> Iterator[str]:
        yield from _elsewhere(question, answer)


class AlarmExists(OnlineRule):
    id = "DEP-17"
    title = "A rollback alarm exists"
    severity = "error"
    basis = "doc"
    source = _ALARMS
    why = "An alarm that isn't there rolls nothing back; it is looked for in the endpoint's account and region."
    fix = "Correct the name, or create the alarm first."
    action = "cloudwatch:DescribeAlarms"
    given = "There is no alarm of that name."
    bad = blue_green(
        ALL_AT_ONCE, deployment="auto_rollback_configuration: {alarms: [{alarm_name: missing-alarm}]}  # here"
    )
    good = blue_green(ALL_AT_ONCE)

    def questions(self, facts: FleetFacts) -> Iterator[Question]:
        yield from _alarms(facts)

    def found(self, question: Question, answer: Answer) -> Iterator[str]:
        if not _states(answer):
            yield f"there is no alarm {question.value!r}"


class AlarmIsQuiet(OnlineRule):
    id = "DEP-18"
    title = "A rollback alarm is quiet before an update"
    severity = "warning"
    basis = "doc"
    source = _ALARMS
    why = "An alarm that is in ALARM already rolls an update back as soon as it begins."
    fix = "Find out why it is in ALARM, and wait until it is OK before you apply."
    action = "cloudwatch:DescribeAlarms"
    given = "The alarm is in ALARM."
    bad = blue_green(
        ALL_AT_ONCE, deployment="auto_rollback_configuration: {alarms: [{alarm_name: ranker-burning}]}  # here"
    )
    good = blue_green(ALL_AT_ONCE)

    def questions(self, facts: FleetFacts) -> Iterator[Question]:
        yield from _alarms(facts)

    def found(self, question: Question, answer: Answer) -> Iterator[str]:
        if "ALARM" in _states(answer):
            yield f"the alarm {question.value!r} is in ALARM: an update would be rolled back at once"


def _alarms(facts: FleetFacts) -> Iterator[Question]:
    for endpoint in facts.endpoints.values():
        for index, alarm in enumerate(endpoint.deployment.alarms if endpoint.deployment else ()):
            name = alarm.get("AlarmName")
            if name:
                path = ("DeploymentConfig", "AutoRollbackConfiguration", "Alarms", index, "AlarmName")
                params = {"AlarmNames": [name], "AlarmTypes": ["MetricAlarm", "CompositeAlarm"]}
                yield Question(endpoint.resource, path, name, "DescribeAlarms", params)


def _states(answer: Answer) -> list[str]:
    alarms = [*(answer.get("MetricAlarms") or ()), *(answer.get("CompositeAlarms") or ())]
    return [str(alarm.get("StateValue")) for alarm in alarms]


class ImageExists(OnlineRule):
    id = "MDL-11"
    title = "An image of the fleet's own registry exists"
    severity = "error"
    basis = "obs"
    source = 'CreateModel answers "Requested image … not found."'
    why = (
        "CreateModel looks for the image. Registries of other accounts answer their own people only, and aren't asked."
    )
    fix = "Push the image, or correct its name."
    action = "ecr:DescribeImages"
    absent = ("RepositoryNotFoundException", "ImageNotFoundException")
    given = "The repository has no such tag."
    bad = fleet_file(container="image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/ranker:9.9  # here")
    good = fleet_file()

    def questions(self, facts: FleetFacts) -> Iterator[Question]:
        yield from _images(_containers(facts))

    def found(self, question: Question, answer: Answer) -> Iterator[str]:
        if not answer.get("imageDetails"):
            yield f"there is no image {question.value!r}"


class ServerlessImageSize(OnlineRule):
    id = "SLS-11"
    title = "A serverless variant's image is small enough"
    severity = "error"
    basis = "doc"
    source = "Developer Guide, serverless-endpoints: images of up to 10 GB"
    why = "Serverless inference takes images of up to 10 GB. ECR tells the packed size; unpacked it is larger still."
    fix = "Leave out what the model doesn't need, or host it on instances."
    action = "ecr:DescribeImages"
    absent = ("RepositoryNotFoundException", "ImageNotFoundException")
    given = "The image has 11 GB."
    bad = fleet_file(
        serverless=True, container="image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/ranker:huge  # here"
    )
    good = fleet_file(serverless=True)

    def questions(self, facts: FleetFacts) -> Iterator[Question]:
        for model in facts.models.values():
            if any(variant.serverless for variant in model.variants):
                yield from _images(iter(model.containers))

    def found(self, question: Question, answer: Answer) -> Iterator[str]:
        for image in answer.get("imageDetails") or ():
            size = image.get("imageSizeInBytes") or 0
            if size > SERVERLESS_IMAGE_BYTES:
                yield f"the image {question.value!r} has {size / 1e9:.1f} GB; serverless inference takes up to 10 GB"


def _images(containers: Iterator[Container]) -> Iterator[Question]:
    """Images of the fleet's own registry: those of other accounts answer their own people only."""
    for container in containers:
        image = image_of(container)
        if image is None or not image.account or image.account != image.ours:
            continue
        wanted = {"imageDigest": image.digest} if image.digest else {"imageTag": image.tag or "latest"}
        params = {"registryId": image.account, "repositoryName": image.repository, "imageIds": [wanted]}
        path = (*container.path, "Image")
        yield Question(container.owner.resource, path, container.spec["Image"], "DescribeImages", params)


RULES: Final = (
    ArtifactExists(),
    PrefixHasModels(),
    OnlyArchives(),
    BucketInRegion(),
    CaptureInRegion(),
    AlarmExists(),
    AlarmIsQuiet(),
    ImageExists(),
    ServerlessImageSize(),
)
