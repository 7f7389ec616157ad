"""Instances of a variant: types, counts, volumes, accelerators, quotas (CFG; the rest is in endpoint_configs.py)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from mmeplan.aws.instances import family, has_local_nvme
from mmeplan.kinds.resource import ApiPath, Resource
from mmeplan.live.ports import Answer
from mmeplan.rules.artifacts import Listings, bytes_of, hosted_artifacts, shown_bytes, single_artifacts, unseen
from mmeplan.rules.examples import fleet_file
from mmeplan.rules.facts import Config, Endpoint, FleetFacts, Variant, arn_of
from mmeplan.rules.online import OnlineRule, Question, UnknownError
from mmeplan.rules.quotas import ENDPOINTS, PARAMS, quota_in, quotas_question
from mmeplan.rules.rule import Constraints, Hit, Rule, ShapeRule

_RESERVED: Final = (
    "capacity_reservation_config: {{capacity_reservation_preference: capacity-reservations-only, "
    "ml_reservation_arn: 'arn:aws:sagemaker:{}:123456789012:training-plan/for-rank'}}"
)


class ReservationOfTheFleet(Rule):
    id = "CFG-43"
    title = "A capacity reservation is of the fleet's region and account"
    severity = "error"
    basis = "inf"
    source = (
        "botocore sagemaker/2017-07-24, shape MlReservationArn (region and account are parts of it); "
        "Developer Guide, use-training-plan-for-inference-endpoints-using-api-cli-sdk"
    )
    why = (
        "A reservation holds instances of one account in one region, and SageMaker launches the variant's instances "
        "nowhere else: an endpoint on a reservation elsewhere doesn't come up."
    )
    fix = "Use the ARN of a reservation of this region and account; a variable per environment keeps them apart."
    bad = fleet_file(variant=f"{_RESERVED.format('us-west-2')}  # here")
    good = fleet_file(variant=_RESERVED.format("eu-west-1"))

    def variant(self, variant: Variant) -> Iterator[Hit]:
        arn = arn_of("sagemaker", (variant.spec.get("CapacityReservationConfig") or {}).get("MlReservationArn"))
        if arn is None:
            return
        scope = variant.owner.scope
        for word, reserved, wanted in (("region", arn.region, scope.region), ("account", arn.account, scope.account)):
            if wanted not in (None, reserved):
                path = (*variant.path, "CapacityReservationConfig", "MlReservationArn")
                yield path, f"the capacity reservation is of the {word} {reserved}, and the fleet of {wanted}"


def _endpoint_types(answer: Answer) -> Answer:
    """The instance types that a list of quotas has for endpoints."""
    names = (str(quota.get("QuotaName", "")).lower() for quota in answer.get("Quotas") or ())
    types = frozenset(name.removesuffix(ENDPOINTS) for name in names if name.endswith(ENDPOINTS))
    return {"types": types, "IsTruncated": bool(answer.get("IsTruncated"))}


def _first_uses(facts: FleetFacts) -> dict[str, tuple[Resource, ApiPath]]:
    """Each instance type, with the place where the file first has it; pools included."""
    found: dict[str, tuple[Resource, ApiPath]] = {}
    for variant in facts.variants():
        for path, kind in variant.instance_types():
            found.setdefault(kind, (variant.owner.resource, path))
    return found


class TypeInRegion(OnlineRule):
    id = "CFG-07"
    title = "An instance type is offered in the region"
    severity = "warning"
    basis = "doc"
    source = (
        "SageMaker pricing and the AWS General Reference, by region; Service Quotas lists quotas of a region's types"
    )
    why = (
        "No call of SageMaker tells which types a region has. What can be read is Service Quotas' list of defaults: a "
        "region that has the type has a quota '… for endpoint usage' for it. Without one, CreateEndpoint most likely "
        "fails."
    )
    fix = "Choose a type that the region has, or another region; `allow` this where you know better."
    reads = ("ListAWSDefaultServiceQuotas",)
    given = "The region has no quota for ml.p5.48xlarge."
    bad = fleet_file(variant="instance_type: ml.p5.48xlarge  # here")
    good = fleet_file()

    def questions(self, facts: FleetFacts) -> Iterator[Question]:
        for kind, (resource, path) in _first_uses(facts).items():
            operation = "ListAWSDefaultServiceQuotas"
            yield Question(resource, path, kind, operation, PARAMS, "Quotas", condense=_endpoint_types)

    def found(self, question: Question, answer: Answer) -> Iterator[str]:
        types: frozenset[str] = answer.get("types") or frozenset()
        if not types or answer["IsTruncated"]:
            raise UnknownError("Service Quotas lists no quotas for endpoints here, or not all", everywhere=True)
        if question.value not in types:
            yield f"Service Quotas lists no `{question.value}` for endpoints in this region, which seems not to have it"


class NoAccelerator(Rule):
    id = "CFG-13"
    title = "No Elastic Inference accelerator"
    severity = "error"
    basis = "doc"
    source = "botocore sagemaker/2017-07-24, ProductionVariant.AcceleratorType: no longer supported"
    quote = "This parameter is no longer supported. Elastic Inference (EI) is no longer available."
    why = "Elastic Inference has ended."
    fix = "Drop `accelerator_type`; choose a GPU or Inferentia instance type where the model needs one."
    bad = fleet_file(variant="accelerator_type: ml.eia2.medium  # here")
    good = fleet_file()
    members = ("AcceleratorType",)

    def variant(self, variant: Variant) -> Iterator[Hit]:
        yield (*variant.path, "AcceleratorType"), "Elastic Inference accelerators are no longer supported"


class VolumeOnNvme(Rule):
    id = "CFG-16"
    title = "An instance with local NVMe takes no volume size"
    severity = "error"
    basis = "obs"
    source = (
        "SageMaker Python SDK, utils.volume_size_supported; CreateEndpointConfig answers "
        '"VolumeSize parameter is not allowed for the selected Instance type"'
    )
    why = "These instances store on their own NVMe disks; there is no EBS volume whose size could be chosen."
    fix = "Drop `volume_size_in_gb`, or choose an instance type without local storage."
    bad = fleet_file(variant="instance_type: ml.g5.2xlarge\nvolume_size_in_gb: 256  # here")
    good = fleet_file(variant="volume_size_in_gb: 256")
    members = ("VolumeSizeInGB",)

    def variant(self, variant: Variant) -> Iterator[Hit]:
        for _, kind in variant.instance_types():
            if has_local_nvme(kind):
                yield (*variant.path, "VolumeSizeInGB"), f"`{kind}` stores on local NVMe and takes no volume size"


UNLISTED_STORAGE: Final = ("g7", "g7e", "trn2", "p6-b200", "p6-b300", "p6e-gb200")
"""Accelerator families of which no AWS document says whether they take a volume."""


class VolumeUnlisted(Rule):
    id = "CFG-17"
    title = "A volume size is known to fit the instance family"
    severity = "warning"
    basis = "inf"
    source = "SageMaker Python SDK, utils.volume_size_supported: the family is not covered"
    why = (
        "No AWS document says whether the newest accelerator families take a volume; the service may refuse the config."
    )
    fix = "Try it once; where it works, allow this with that reason."
    bad = fleet_file(variant="instance_type: ml.trn2.48xlarge\nvolume_size_in_gb: 256  # here")
    good = fleet_file(variant="instance_type: ml.inf2.xlarge\nvolume_size_in_gb: 256")
    members = ("VolumeSizeInGB",)

    def variant(self, variant: Variant) -> Iterator[Hit]:
        for _, kind in variant.of_family(*UNLISTED_STORAGE):
            yield (*variant.path, "VolumeSizeInGB"), f"whether {kind} takes a volume size is not documented"


class KeyOnNvme(Rule):
    id = "CFG-18"
    title = "A config with a local-NVMe instance has no KMS key"
    severity = "error"
    basis = "conf"
    source = (
        "API reference CreateEndpointConfig, KmsKeyId: botocore 1.43 says that the call fails, botocore 1.44 that the "
        "key doesn't encrypt local storage"
    )
    why = (
        "The key encrypts the EBS volume, and local NVMe is encrypted by the hardware: with a key the call fails, or "
        "the key does nothing. AWS's documents have said both."
    )
    fix = "Drop `kms_key_id`, or choose instance types without local storage."
    bad = fleet_file(config="kms_key_id: alias/ranker  # here", variant="instance_type: ml.g5.2xlarge")
    good = fleet_file(config="kms_key_id: alias/ranker")
    members = ("KmsKeyId",)

    def config(self, config: Config) -> Iterator[Hit]:
        for variant in config.variants:
            for _, kind in variant.instance_types():
                if has_local_nvme(kind):
                    yield ("KmsKeyId",), f"the variant {variant.name!r} runs on {kind}, which stores on local NVMe"


LARGE_BYTES: Final = 30 * 1024**3  # realtime-endpoints-large-model-hosting: from here on volume and timeouts matter
_KEYS: Final = {
    "VolumeSizeInGB": "volume_size_in_gb",
    "ModelDataDownloadTimeoutInSeconds": "model_data_download_timeout_in_seconds",
    "ContainerStartupHealthCheckTimeoutInSeconds": "container_startup_health_check_timeout_in_seconds",
}
_LARGE: Final = "model_data_url: s3://acme-models/large.tar.gz"
_GENEROUS: Final = (
    "volume_size_in_gb: 200\nmodel_data_download_timeout_in_seconds: 3600\n"
    "container_startup_health_check_timeout_in_seconds: 1800"
)
_PATIENCE: Final = ("ModelDataDownloadTimeoutInSeconds", "ContainerStartupHealthCheckTimeoutInSeconds")


def _lacking(variant: Variant) -> Iterator[str]:
    kinds = [kind for _, kind in variant.instance_types()]
    if kinds and not any(has_local_nvme(kind) for kind in kinds) and "VolumeSizeInGB" not in variant.spec:
        yield "VolumeSizeInGB"
    yield from (member for member in _PATIENCE if member not in variant.spec)


class LargeArtifactHasRoom(OnlineRule):
    id = "CFG-21"
    title = "A large artifact has room and time"
    severity = "warning"
    basis = "doc"
    source = "Developer Guide, realtime-endpoints-large-model-hosting: models of more than 30 GB"
    why = (
        "What is larger than 30 GB doesn't fit the default volume, and takes longer to download and to load than the "
        "default timeouts allow: the endpoint fails after half an hour of waiting."
    )
    fix = (
        "Set `volume_size_in_gb` (not on instances with local NVMe), `model_data_download_timeout_in_seconds` and "
        "`container_startup_health_check_timeout_in_seconds` on the variant."
    )
    reads = ("ListObjectsV2",)
    absent = ("NoSuchBucket",)
    given = "The archive has 40 GiB."
    bad = fleet_file(container=_LARGE).replace("        main:\n", "        main:  # here\n")
    good = fleet_file(container=_LARGE, variant=_GENEROUS)

    def questions(self, facts: FleetFacts) -> Iterator[Question]:
        listings = Listings(single_artifacts(facts))
        for variant, artifact in hosted_artifacts(facts, serverless=False):
            lacking = tuple(_lacking(variant))
            if lacking:
                yield listings.question(artifact, variant.owner.resource, variant.path, lacking)

    def found(self, question: Question, answer: Answer) -> Iterator[str | Question]:
        artifact, lacking = question.wanted
        yield from unseen(question, answer)
        size = bytes_of(artifact, answer)
        if size > LARGE_BYTES:
            lacks = ", ".join(f"`{_KEYS[member]}`" for member in lacking)
            yield f"{artifact.uri!r} has {shown_bytes(size)}, and the variant doesn't set {lacks}"


class ShellAccess(Rule):
    id = "CFG-22"
    title = "Nobody opens a shell in production containers"
    severity = "warning"
    basis = "doc"
    source = "Developer Guide, ssm-access; botocore ProductionVariant.EnableSSMAccess"
    why = "`enable_ssm_access` gives a shell in the containers to whoever may use Systems Manager in the account."
    fix = "Turn it on for the hour in which you debug, or allow this with the reason."
    bad = fleet_file(variant="enable_ssm_access: true  # here")
    good = fleet_file(variant="enable_ssm_access: false")
    members = ("EnableSSMAccess",)

    def variant(self, variant: Variant) -> Iterator[Hit]:
        if variant.spec["EnableSSMAccess"]:
            yield (*variant.path, "EnableSSMAccess"), f"the variant {variant.name!r} can be entered with a shell"


class PoolsAreAlternatives(Rule):
    id = "CFG-28"
    title = "Instance pools stand alone, each with its own priority"
    severity = "error"
    basis = "inf"
    source = "botocore sagemaker/2017-07-24, ProductionVariant.InstancePools"
    why = "Pools take the place of `instance_type`, and their priorities are the order in which they are tried."
    fix = "Make the instance type the pool of priority 1, and number the pools."
    bad = fleet_file(variant="instance_pools: [{instance_type: ml.m5.2xlarge, priority: 1}]  # here")
    good = fleet_file(
        variant="instance_pools: [{instance_type: ml.m5.xlarge, priority: 1}, {instance_type: ml.m5.2xlarge, "
        "priority: 2}]",
        without=("instance_type",),
    )
    members = ("InstancePools",)

    def variant(self, variant: Variant) -> Iterator[Hit]:
        path = (*variant.path, "InstancePools")
        if "InstanceType" in variant.spec:
            yield path, f"the variant {variant.name!r} has `instance_pools` and `instance_type`"
        counts: Counter[int] = Counter()
        for index, pool in enumerate(variant.spec["InstancePools"]):
            priority = pool.get("Priority")
            counts[priority] += 1
            if priority is not None and counts[priority] == 2:
                yield (*path, index, "Priority"), f"two pools have the priority {priority}"


class Burstable(Rule):
    id = "CFG-37"
    title = "No burstable instances in a fleet"
    severity = "warning"
    basis = "doc"
    source = "Developer Guide, endpoint-auto-scaling-add-console: no autoscaling on T2"
    why = "T2 instances run out of CPU credits under load, which is when they matter, and can't be autoscaled."
    fix = "Choose an m, c or r family; ml.t2 is for trying things out."
    bad = fleet_file(variant="instance_type: ml.t2.medium  # here")
    good = fleet_file()
    members = ("InstanceType", "InstancePools")

    def variant(self, variant: Variant) -> Iterator[Hit]:
        for path, kind in variant.instance_types():
            if family(kind) == "t2":
                yield path, f"`{kind}` is burstable"


@dataclass(slots=True)
class _Demand:
    """What the fleet wants of an instance type; `resource` and `path` are where the file first asks for it.

    `updating` is what all its endpoints have while all of them are updated: old and new instances.
    """

    resource: Resource
    path: ApiPath
    steady: int = 0
    updating: int = 0


def _more(endpoint: Endpoint, count: int) -> int:
    """Instances beside the old ones in an update: a batch where it rolls, else the whole new fleet."""
    deployment = endpoint.deployment
    if deployment is None or deployment.routing != "ROLLING":
        return count
    if deployment.instances is not None:
        return deployment.instances
    return -(-count * (deployment.percent or 100) // 100)


def _demands(facts: FleetFacts) -> dict[str, _Demand]:
    """By instance type. Pools are left out: which of their types SageMaker takes is known when it has taken it."""
    found: dict[str, _Demand] = {}
    for endpoint, variant in facts.hosted():
        kind, count = variant.spec.get("InstanceType"), variant.spec.get("InitialInstanceCount")
        if kind and count:
            demand = found.setdefault(kind, _Demand(variant.owner.resource, (*variant.path, "InstanceType")))
            demand.steady += count
            demand.updating += count + _more(endpoint, count)
    return found


class QuotaCoversFleet(OnlineRule):
    id = "CFG-39"
    title = "Quotas cover the fleet's instances"
    severity = "warning"
    basis = "obs"
    source = (
        "SageMaker Python SDK issue 987; CreateEndpoint answers ResourceLimitExceeded, "
        '"The account-level service limit … for endpoint usage"'
    )
    why = "What goes beyond the quota of an instance type isn't created; the account's other endpoints use it as well."
    fix = "Ask for a higher quota in Service Quotas, or choose fewer instances or another type."
    reads = ("ListServiceQuotas",)
    given = "The quota for endpoints is 8 × ml.m5.xlarge."
    bad = fleet_file(variant="instance_type: ml.m5.xlarge  # here\ninitial_instance_count: 12")
    good = fleet_file(variant="initial_instance_count: 4")

    def questions(self, facts: FleetFacts) -> Iterator[Question]:
        for kind, demand in _demands(facts).items():
            yield quotas_question(demand.resource, demand.path, kind, demand.steady)

    def found(self, question: Question, answer: Answer) -> Iterator[str]:
        quota, (steady,) = quota_in(answer, question.value + ENDPOINTS), question.wanted
        if steady > quota:
            yield f"the fleet wants {steady} × {question.value}, and the quota for endpoints is {quota:g}"


class QuotaCoversUpdate(OnlineRule):
    id = "CFG-40"
    title = "Quotas cover the old and the new instances of an update"
    severity = "warning"
    basis = "doc"
    source = "Developer Guide, deployment-guardrails-blue-green: the new fleet stands beside the old one"
    why = (
        "An update brings up the whole new fleet before the old one goes, a rolling one a batch of it. Where the quota "
        "doesn't cover both, the update fails, and what was live stays."
    )
    fix = "Ask for a higher quota in Service Quotas, update fewer endpoints at once (`apply --parallelism 1`), or roll."
    reads = ("ListServiceQuotas",)
    given = "The quota for endpoints is 8 × ml.m5.xlarge."
    bad = fleet_file(variant="instance_type: ml.m5.xlarge  # here\ninitial_instance_count: 6")
    good = fleet_file(
        variant="initial_instance_count: 6",
        endpoint="deployment_config: {rolling_update_policy: {wait_interval_in_seconds: 60, "
        "maximum_batch_size: {type: INSTANCE_COUNT, value: 2}}, "
        "auto_rollback_configuration: {alarms: [{alarm_name: ranker-5xx}]}}",
    )

    def questions(self, facts: FleetFacts) -> Iterator[Question]:
        for kind, demand in _demands(facts).items():
            yield quotas_question(demand.resource, demand.path, kind, demand.steady, demand.updating)

    def found(self, question: Question, answer: Answer) -> Iterator[str]:
        quota, (steady, updating) = quota_in(answer, question.value + ENDPOINTS), question.wanted
        if steady <= quota < updating:  # CFG-39 tells of more
            yield (
                f"while all its endpoints are updated at once, the fleet has {updating} × {question.value}, and the "
                f"quota for endpoints is {quota:g}"
            )


SHAPES: Final = (
    ShapeRule(
        "CFG-06",
        "An instance type is one that SageMaker hosts on",
        "ProductionVariantInstanceType",
        bad=fleet_file(variant="instance_type: m5.xlarge  # here"),
        good=fleet_file(),
        fix="Hosting types begin with `ml.`; not every training or EC2 type is among them.",
    ),
    ShapeRule(
        "CFG-08",
        "An initial instance count is one that SageMaker takes",
        "InitialTaskCount",
        bad=fleet_file(variant="initial_instance_count: 0  # here\ncapacity: autoscaled"),
        good=fleet_file(),
        fix="Start with at least one instance; an autoscaler may scale in to zero later where the endpoint allows it.",
    ),
    ShapeRule(
        "CFG-14",
        "A core dump config has a destination in S3",
        "ProductionVariantCoreDumpConfig",
        constraints=Constraints(places=(("CoreDumpConfig", "DestinationS3Uri"),)),
        bad=fleet_file(variant="core_dump_config: {destination_s3_uri: acme/dumps}  # here"),
        good=fleet_file(variant="core_dump_config: {destination_s3_uri: s3://acme/dumps}"),
    ),
    ShapeRule(
        "CFG-15",
        "A volume size is one that SageMaker takes",
        "ProductionVariantVolumeSizeInGB",
        bad=fleet_file(variant="volume_size_in_gb: 1024  # here"),
        good=fleet_file(variant="volume_size_in_gb: 128"),
    ),
    ShapeRule(
        "CFG-19",
        "A model download timeout is one that SageMaker takes",
        "ProductionVariantModelDataDownloadTimeoutInSeconds",
        bad=fleet_file(variant="model_data_download_timeout_in_seconds: 30  # here"),
        good=fleet_file(variant="model_data_download_timeout_in_seconds: 1200"),
    ),
    ShapeRule(
        "CFG-20",
        "A startup health check timeout is one that SageMaker takes",
        "ProductionVariantContainerStartupHealthCheckTimeoutInSeconds",
        bad=fleet_file(variant="container_startup_health_check_timeout_in_seconds: 7200  # here"),
        good=fleet_file(variant="container_startup_health_check_timeout_in_seconds: 600"),
    ),
    ShapeRule(
        "CFG-23",
        "An inference AMI version is one that SageMaker knows",
        "ProductionVariantInferenceAmiVersion",
        bad=fleet_file(
            variant="instance_type: ml.p3.2xlarge\ninference_ami_version: al2-ami-sagemaker-inference-gpu  # here"
        ),
        good=fleet_file(
            variant="instance_type: ml.p3.2xlarge\ninference_ami_version: al2-ami-sagemaker-inference-gpu-2"
        ),
    ),
    ShapeRule(
        "CFG-25",
        "A capacity reservation has a known preference and an ARN",
        "ProductionVariantCapacityReservationConfig",
        constraints=Constraints(beneath=("CapacityReservationConfig",)),
        bad=fleet_file(
            variant="capacity_reservation_config: {capacity_reservation_preference: capacity-reservation-only}  # here"
        ),
        good=fleet_file(
            variant="capacity_reservation_config: {capacity_reservation_preference: capacity-reservations-only}"
        ),
    ),
    ShapeRule(
        "CFG-27",
        "Instance pools have a type and a priority each, within the API's numbers",
        "InstancePool",
        constraints=Constraints(places=(("InstancePools", "InstanceType"),), beneath=("InstancePools",)),
        bad=fleet_file(variant="instance_pools: [{instance_type: ml.m5.xlarge}]  # here", without=("instance_type",)),
        good=fleet_file(
            variant="instance_pools: [{instance_type: ml.m5.xlarge, priority: 1}]", without=("instance_type",)
        ),
    ),
    ShapeRule(
        "CFG-29",
        "An instance provision timeout is one that SageMaker takes",
        "VariantInstanceProvisionTimeoutInSeconds",
        bad=fleet_file(variant="variant_instance_provision_timeout_in_seconds: 60  # here"),
        good=fleet_file(variant="variant_instance_provision_timeout_in_seconds: 600"),
    ),
)
