"""Serverless variants (SLS)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mmeplan.aws.shapes import snake
from mmeplan.live.ports import Answer
from mmeplan.rules.artifacts import (
    Listings,
    bytes_of,
    hosted_artifacts,
    shown_bytes,
    single_artifacts,
    unseen,
)
from mmeplan.rules.examples import ALL_AT_ONCE_UPDATE, CANARY_UPDATE, ROLE, fleet_file
from mmeplan.rules.facts import Config, Endpoint, FleetFacts, Variant
from mmeplan.rules.images import hosted_images, own_images
from mmeplan.rules.online import OnlineRule, Question
from mmeplan.rules.planned import PlannedFleet, PlanRule
from mmeplan.rules.quotas import quota_in, quotas_question
from mmeplan.rules.rule import Constraints, FleetHit, Hit, Rule, ShapeRule
from mmeplan.rules.sources import SERVERLESS_EXCLUSIONS

_GUIDE: Final = "Developer Guide, serverless-endpoints"
_GOOD: Final = fleet_file(serverless=True)
_HERE: Final = ("max_concurrency: 20}", "max_concurrency: 20}  # here")


_MEMORY_STEP_MB: Final = 1024  # ServerlessConfig: 1 GB increments


class MemoryInSteps(Rule):
    id = "SLS-01"
    title = "Serverless memory comes in whole gigabytes"
    severity = "error"
    basis = "doc"
    source = "botocore sagemaker/2017-07-24, ProductionVariantServerlessConfig.MemorySizeInMB"
    quote = "Valid values are in 1 GB increments: 1024 MB, 2048 MB, 3072 MB, 4096 MB, 5120 MB, or 6144 MB."
    why = (
        "The service takes 1 GB increments; the shape shows a range only, so that botocore sends everything within it."
    )
    fix = "Choose a multiple of 1024 within the range."
    bad = fleet_file(
        serverless=True, variant="serverless_config: {memory_size_in_mb: 1536, max_concurrency: 20}  # here"
    )
    good = _GOOD
    members = ("ServerlessConfig",)
    constraints = Constraints(shapes=("ServerlessMemorySizeInMB",))

    def variant(self, variant: Variant) -> Iterator[Hit]:
        memory = variant.spec["ServerlessConfig"].get("MemorySizeInMB")
        if memory is not None and memory % _MEMORY_STEP_MB:
            path = (*variant.path, "ServerlessConfig", "MemorySizeInMB")
            yield path, f"{memory} MB is not a whole number of gigabytes; memory comes in steps of {_MEMORY_STEP_MB} MB"


class ProvisionedWithinMaximum(Rule):
    id = "SLS-03"
    title = "Provisioned concurrency is within the maximum"
    severity = "error"
    basis = "doc"
    source = "botocore sagemaker/2017-07-24, ProductionVariantServerlessConfig.ProvisionedConcurrency"
    quote = "Should be less than or equal to MaxConcurrency."
    why = "What is kept warm can't be more than what may run."
    fix = "Lower `provisioned_concurrency`, or raise `max_concurrency`."
    bad = fleet_file(
        serverless=True,
        variant="serverless_config: {memory_size_in_mb: 2048, max_concurrency: 20, provisioned_concurrency: "
        "40}  # here",
    )
    good = fleet_file(
        serverless=True,
        variant="serverless_config: {memory_size_in_mb: 2048, max_concurrency: 20, provisioned_concurrency: 5}",
    )
    members = ("ServerlessConfig",)
    constraints = Constraints(shapes=("ServerlessProvisionedConcurrency",))

    def variant(self, variant: Variant) -> Iterator[Hit]:
        config = variant.spec["ServerlessConfig"]
        warm, most = config.get("ProvisionedConcurrency"), config.get("MaxConcurrency")
        if warm is not None and most is not None and warm > most:
            path = (*variant.path, "ServerlessConfig", "ProvisionedConcurrency")
            yield path, f"provisioned_concurrency {warm} is above max_concurrency {most}"


_NOT_SERVERLESS: Final = (
    "InstanceType",
    "InitialInstanceCount",
    "InstancePools",
    "VolumeSizeInGB",
    "ModelDataDownloadTimeoutInSeconds",
    "ContainerStartupHealthCheckTimeoutInSeconds",
    "VariantInstanceProvisionTimeoutInSeconds",
    "InferenceAmiVersion",
    "EnableSSMAccess",
    "ManagedInstanceScaling",
    "RoutingConfig",
    "CapacityReservationConfig",
)


class NoInstances(Rule):
    id = "SLS-04"
    title = "A serverless variant has no instances, and nothing that belongs to them"
    severity = "error"
    basis = "inf"
    source = "Developer Guide, serverless-endpoints-create; API reference ProductionVariant.ServerlessConfig"
    why = "A variant is either serverless or runs on instances."
    fix = "Drop `serverless_config`, or everything that speaks of instances."
    bad = fleet_file(serverless=True, variant="instance_type: ml.m5.xlarge  # here")
    good = _GOOD
    members = ("ServerlessConfig",)

    def variant(self, variant: Variant) -> Iterator[Hit]:
        for member in _NOT_SERVERLESS:
            if variant.spec.get(member):
                yield (*variant.path, member), f"`{snake(member)}` on a serverless variant"


class OneServerlessVariant(Rule):
    id = "SLS-05"
    title = "A serverless endpoint has one production variant"
    severity = "error"
    basis = "doc"
    source = f"{_GUIDE}: multiple production variants are not supported"
    quote = SERVERLESS_EXCLUSIONS
    why = "Serverless inference does not split traffic."
    fix = "Give each variant an endpoint of its own."
    bad = fleet_file(
        variants="""
            main: {model: ranker, serverless_config: {memory_size_in_mb: 2048, max_concurrency: 20}}
            next: {model: ranker, serverless_config: {memory_size_in_mb: 2048, max_concurrency: 20}}
        """
    ).replace("production_variants:", "production_variants:  # here")
    good = _GOOD

    def config(self, config: Config) -> Iterator[Hit]:
        if len(config.production) > 1 and any(variant.serverless for variant in config.production):
            yield ("ProductionVariants",), f"{len(config.production)} production variants in a serverless config"


def _serverless(config: Config) -> Variant | None:
    return next((variant for variant in config.variants if variant.serverless), None)


class ServerlessCapture(Rule):
    id = "SLS-06"
    title = "A serverless endpoint captures no data"
    severity = "error"
    basis = "doc"
    source = f"{_GUIDE}: data capture is not supported"
    quote = SERVERLESS_EXCLUSIONS
    why = "Serverless inference has no data capture."
    fix = "Drop `data_capture_config`."
    bad = fleet_file(
        serverless=True,
        config="data_capture_config: {initial_sampling_percentage: 20, destination_s3_uri: s3://acme/capture, "
        "capture_options: [{capture_mode: Input}]}  # here",
    )
    good = _GOOD
    members = ("DataCaptureConfig",)

    def config(self, config: Config) -> Iterator[Hit]:
        variant = _serverless(config)
        if variant is not None:
            yield ("DataCaptureConfig",), f"the variant {variant.name!r} is serverless"


class ServerlessVpc(Rule):
    id = "SLS-07"
    title = "A model that is hosted serverless is in no VPC"
    severity = "error"
    basis = "doc"
    source = f"{_GUIDE}: VPC configuration is not supported"
    quote = SERVERLESS_EXCLUSIONS
    why = "Serverless inference can't reach a VPC."
    fix = (
        "Drop the model's `vpc_config`, or put `instance_type` and `initial_instance_count` in the place of "
        "`serverless_config`."
    )
    bad = fleet_file(
        serverless=True,
        model="vpc_config: {security_group_ids: [sg-0a1b2c3d], subnets: [subnet-0a1b2c3d, subnet-4e5f6a7b]}",
    ).replace(*_HERE)
    good = _GOOD
    members = ("ServerlessConfig",)

    def variant(self, variant: Variant) -> Iterator[Hit]:
        for model in variant.models:
            if model.request.get("VpcConfig") is not None:
                yield (*variant.path, "ServerlessConfig"), f"`{model.resource.address}` has a `vpc_config`"


class ServerlessIsolation(Rule):
    id = "SLS-08"
    title = "A model that is hosted serverless is not isolated"
    severity = "error"
    basis = "doc"
    source = f"{_GUIDE}: network isolation is not supported"
    quote = SERVERLESS_EXCLUSIONS
    why = "Serverless inference has no network isolation."
    fix = (
        "Drop the model's `enable_network_isolation`, or put `instance_type` and `initial_instance_count` in "
        "the place of `serverless_config`."
    )
    bad = fleet_file(serverless=True, model="enable_network_isolation: true").replace(*_HERE)
    good = _GOOD
    members = ("ServerlessConfig",)

    def variant(self, variant: Variant) -> Iterator[Hit]:
        for model in variant.models:
            if model.request.get("EnableNetworkIsolation"):
                yield (*variant.path, "ServerlessConfig"), f"`{model.resource.address}` is in network isolation"


_MATRIX: Final = "Developer Guide, model-deploy-feature-matrix"


class ServerlessAsync(Rule):
    id = "SLS-09"
    title = "A serverless endpoint is not asynchronous"
    severity = "error"
    basis = "inf"
    source = f"{_MATRIX}: the cell is blank"
    why = "Serverless and asynchronous inference exclude each other."
    fix = "Keep one of them."
    bad = fleet_file(
        serverless=True, config="async_inference_config: {output_config: {s3_output_path: s3://acme/out}}  # here"
    )
    good = _GOOD
    members = ("AsyncInferenceConfig",)

    def config(self, config: Config) -> Iterator[Hit]:
        variant = _serverless(config)
        if variant is not None:
            yield ("AsyncInferenceConfig",), f"the variant {variant.name!r} is serverless"


class ServerlessImage(Rule):
    id = "SLS-10"
    title = "A serverless variant hosts neither Marketplace packages nor private registries"
    severity = "error"
    basis = "doc"
    source = f"{_GUIDE}: Marketplace model packages and private Docker registries are not supported"
    quote = SERVERLESS_EXCLUSIONS
    why = "Serverless inference keeps a copy of an image from Amazon ECR, and takes no other."
    fix = (
        "Push the image to ECR, or put `instance_type` and `initial_instance_count` in the place of "
        "`serverless_config`."
    )
    bad = fleet_file(
        serverless=True,
        model=f"execution_role_arn: {ROLE}\nvpc_config: {{security_group_ids: [sg-0a1b2c3d], subnets: "
        f"[subnet-0a1b, subnet-4e5f]}}",
        container="image: registry.acme.example/ranker:1.4\nimage_config: {repository_access_mode: Vpc}",
    ).replace(*_HERE)
    good = _GOOD
    also = ("SLS-07",)  # such a registry is reached through a VPC, which is refused as well
    members = ("ServerlessConfig",)

    def variant(self, variant: Variant) -> Iterator[Hit]:
        path = (*variant.path, "ServerlessConfig")
        for model in variant.models:
            if model.marketplace:
                yield path, f"`{model.resource.address}` comes from AWS Marketplace"
            if any(container.reads_through_vpc for container in model.containers):
                yield path, f"`{model.resource.address}` pulls its image from a private registry"


SERVERLESS_IMAGE_BYTES: Final = 10 * 1024**3  # serverless-endpoints: 10 GB


class ServerlessImageSize(OnlineRule):
    id = "SLS-11"
    title = "A serverless variant's image is small enough"
    severity = "error"
    basis = "doc"
    source = "Developer Guide, serverless-endpoints: images of up to 10 GB"
    quote = "The maximum size of the container image you can use is 10 GB."
    why = "Serverless inference takes images of up to 10 GB. ECR tells the packed size; unpacked it is larger still."
    fix = "Leave out what the model doesn't need, or host it on instances."
    reads = ("DescribeImages",)
    absent = ("RepositoryNotFoundException", "ImageNotFoundException")
    given = "The image has 11 GB."
    bad = fleet_file(
        serverless=True, container="image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/ranker:huge  # here"
    )
    good = fleet_file(serverless=True)

    def questions(self, facts: FleetFacts) -> Iterator[Question]:
        for model in facts.models.values():
            if any(variant.serverless for variant in model.variants):
                yield from own_images(model.containers)

    def found(self, question: Question, answer: Answer) -> Iterator[str]:
        for image in answer.get("imageDetails") or ():
            size = image.get("imageSizeInBytes") or 0
            if size > SERVERLESS_IMAGE_BYTES:
                yield f"the image {question.value!r} has {size / 1e9:.1f} GB; serverless inference takes up to 10 GB"


class OneWayFromServerless(PlanRule):
    id = "SLS-13"
    title = "A serverless endpoint is not moved to instances by accident"
    severity = "warning"
    basis = "doc"
    source = "Developer Guide, serverless-endpoints-update"
    why = (
        "The update is possible in this direction only: going back means to delete and create the endpoint, an outage."
    )
    fix = "Allow it with the reason, or keep `serverless_config`."
    before = fleet_file(serverless=True)
    bad = fleet_file().replace("        main:", "        main:  # here")
    good = fleet_file(serverless=True, variant="serverless_config: {memory_size_in_mb: 4096, max_concurrency: 20}")

    def planned(self, fleet: PlannedFleet) -> Iterator[FleetHit]:
        for at, _ in fleet.swaps():
            config = at.endpoint.config
            if config is None or not at.live_is_serverless():
                continue
            for variant in config.production:
                if not variant.serverless:
                    message = f"`{at.endpoint.resource.address}` leaves serverless inference; there is no update back"
                    yield config.resource, variant.path, message


class ServerlessGuardrails(Rule):
    id = "SLS-14"
    title = "A serverless endpoint's updates are all at once"
    severity = "warning"
    basis = "doc"
    source = "Developer Guide, deployment-guardrails"
    why = "Canary and linear updates of a serverless endpoint silently become all-at-once updates."
    fix = "Write ALL_AT_ONCE, so that the file says what happens."
    bad = fleet_file(
        serverless=True,
        endpoint=CANARY_UPDATE,
    )
    good = fleet_file(
        serverless=True,
        endpoint=ALL_AT_ONCE_UPDATE,
    )
    members = ("DeploymentConfig",)

    def endpoint(self, endpoint: Endpoint) -> Iterator[Hit]:
        deployment = endpoint.deployment
        if endpoint.config is None or deployment is None or deployment.routing not in ("CANARY", "LINEAR"):
            return
        variant = _serverless(endpoint.config)
        if variant is not None:
            path = (*deployment.policy, "TrafficRoutingConfiguration", "Type")
            yield path, f"`{deployment.routing}` becomes ALL_AT_ONCE: the variant {variant.name!r} is serverless"


SERVERLESS_ENDPOINTS: Final = 50  # a region; serverless-endpoints
CONCURRENCY_QUOTA: Final = "Maximum total concurrency that can be allocated across all serverless endpoints"


class QuotaCoversServerless(OnlineRule):
    id = "SLS-15"
    title = "Quotas cover the fleet's serverless endpoints"
    severity = "warning"
    basis = "doc"
    source = "Developer Guide, serverless-endpoints: 50 serverless endpoints a region, and a total concurrency"
    why = "All serverless endpoints of an account and region share one concurrency; what goes beyond isn't created."
    fix = "Ask for a higher quota in Service Quotas, or lower `max_concurrency`."
    reads = ("ListServiceQuotas",)
    given = "The quota of total concurrency is 100."
    bad = fleet_file(
        serverless=True, variant="serverless_config: {memory_size_in_mb: 2048, max_concurrency: 120}  # here"
    )
    good = fleet_file(serverless=True)

    def questions(self, facts: FleetFacts) -> Iterator[Question]:
        hosted = [variant for _, variant in facts.hosted() if variant.serverless]
        if hosted:
            total = sum(variant.spec["ServerlessConfig"].get("MaxConcurrency") or 0 for variant in hosted)
            path = (*hosted[0].path, "ServerlessConfig")
            yield quotas_question(hosted[0].owner.resource, path, CONCURRENCY_QUOTA, len(hosted), total)

    def found(self, question: Question, answer: Answer) -> Iterator[str]:
        hosted, concurrency = question.wanted
        if hosted > SERVERLESS_ENDPOINTS:
            yield f"the fleet has {hosted} serverless variants; AWS documents {SERVERLESS_ENDPOINTS} for a region"
        quota = quota_in(answer, question.value)
        if concurrency > quota:
            yield f"the fleet's `max_concurrency` add up to {concurrency}, and the quota for all is {quota:g}"


class ServerlessMemoryHoldsModel(OnlineRule):
    id = "SLS-16"
    title = "A serverless variant's memory holds the model"
    severity = "warning"
    basis = "doc"
    source = "Developer Guide, serverless-endpoints: memory at least as large as the model"
    why = "A model that is larger than the memory doesn't load; the packed archive is larger already."
    fix = "Raise `memory_size_in_mb` (up to 6144), or host the model on instances."
    reads = ("ListObjectsV2",)
    absent = ("NoSuchBucket",)
    given = "The archive has 4 GiB."
    bad = fleet_file(
        serverless=True,
        container="model_data_url: s3://acme-models/heavy.tar.gz",
        variant="serverless_config: {memory_size_in_mb: 2048, max_concurrency: 20}  # here",
    )
    good = fleet_file(
        serverless=True,
        container="model_data_url: s3://acme-models/heavy.tar.gz",
        variant="serverless_config: {memory_size_in_mb: 6144, max_concurrency: 20}",
    )

    def questions(self, facts: FleetFacts) -> Iterator[Question]:
        listings = Listings(single_artifacts(facts))
        for variant, artifact in hosted_artifacts(facts, serverless=True):
            memory = (variant.spec.get("ServerlessConfig") or {}).get("MemorySizeInMB")
            if memory:
                path = (*variant.path, "ServerlessConfig")
                yield listings.question(artifact, variant.owner.resource, path, memory)

    def found(self, question: Question, answer: Answer) -> Iterator[str | Question]:
        artifact, memory = question.wanted
        yield from unseen(question, answer)
        size = bytes_of(artifact, answer)
        if size > memory * 1024**2:
            yield f"{artifact.uri!r} has {shown_bytes(size)} packed, and the variant {memory} MB of memory"


class KeyOfServerless(Rule):
    id = "SLS-17"
    title = "A serverless config's key is not taken for a volume's"
    severity = "warning"
    basis = "doc"
    source = "Developer Guide, serverless-endpoints-create"
    why = (
        "The key is legal, and encrypts the copy of the image that SageMaker keeps. There is no volume that it could "
        "encrypt, although that is what it does everywhere else."
    )
    fix = "Nothing, where the image is what you mean: allow it with that reason. Otherwise drop `kms_key_id`."
    bad = fleet_file(serverless=True, config="kms_key_id: alias/ranker  # here")
    good = _GOOD
    members = ("KmsKeyId",)

    def config(self, config: Config) -> Iterator[Hit]:
        variant = _serverless(config)
        if variant is not None and config.request["KmsKeyId"]:
            message = (
                f"the variant {variant.name!r} is serverless: the key encrypts the copy of its image, not a volume"
            )
            yield ("KmsKeyId",), message


_REGISTRY: Final = "763104351884.dkr.ecr.eu-west-1.amazonaws.com"


class ServerlessGpuImage(Rule):
    id = "SLS-18"
    title = "A serverless variant has no GPU image"
    severity = "warning"
    basis = "doc"
    source = "Developer Guide, serverless-endpoints: GPUs are not supported"
    why = "Serverless inference has no GPUs; the image is larger than it need be, or doesn't start."
    fix = "Choose the image's `cpu` tag, or host it on a GPU instance."
    bad = fleet_file(
        serverless=True,
        container=f"image: {_REGISTRY}/pytorch-inference:2.1.0-gpu-py310-cu118-ubuntu20.04-sagemaker",
    ).replace("max_concurrency: 20}", "max_concurrency: 20}  # here")
    good = fleet_file(
        serverless=True, container=f"image: {_REGISTRY}/pytorch-inference:2.1.0-cpu-py310-ubuntu20.04-sagemaker"
    )
    members = ("ServerlessConfig",)

    def variant(self, variant: Variant) -> Iterator[Hit]:
        for address, image in hosted_images(variant):
            if image.accelerator == "nvidia":
                yield (
                    (*variant.path, "ServerlessConfig"),
                    f"the image of {address} is for GPUs, and serverless has none",
                )


class ServerlessOwnImage(Rule):
    id = "SLS-19"
    title = "A serverless variant's image is of the fleet's account, or one of AWS's own"
    severity = "error"
    basis = "obs"
    source = (
        'CreateEndpointConfig answers "The container image URI is not a prebuilt SageMaker algorithm or deep learning '
        "image, or the bring-your-own container image URI does not reside in an Amazon ECR repository within the same "
        'AWS account creating the endpoint." (amazon-sagemaker-feedback issue 181)'
    )
    why = "Serverless inference doesn't pull images from another account's registry, whatever its policy allows."
    fix = "Replicate the image to this account's ECR, or host it on instances."
    bad = fleet_file(
        serverless=True, container="image: 210987654321.dkr.ecr.eu-west-1.amazonaws.com/ranker:1.4"
    ).replace(*_HERE)
    good = fleet_file(serverless=True)
    members = ("ServerlessConfig",)

    def variant(self, variant: Variant) -> Iterator[Hit]:
        for address, image in hosted_images(variant):
            if image.of_another_account:
                message = (
                    f"the image of {address} is in the registry of {image.account}, and the endpoint in {image.ours}"
                )
                yield (*variant.path, "ServerlessConfig"), message


SHAPES: Final = (
    ShapeRule(
        "SLS-02",
        "A serverless variant has a concurrency that SageMaker takes",
        "ServerlessMaxConcurrency",
        bad=fleet_file(
            serverless=True, variant="serverless_config: {memory_size_in_mb: 2048, max_concurrency: 500}  # here"
        ),
        good=fleet_file(serverless=True),
    ),
)
