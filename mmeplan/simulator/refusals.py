"""What the service refuses beyond the constraints of its shapes, one small function per rule.

In: a request whose shape is right. Out: the sentence of each refusal, as generators; `core` never sees them, the
operations call `refuse` with their table. A rule's docstring says where it comes from. Only what the service is seen
to refuse, or what its documentation says must be, is refused: doubtful combinations are accepted, as docs/simulator.md
lists. Rules that need the live world (a missing model, a busy endpoint) stand with the operations.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from mmeplan.aws.instances import has_local_nvme
from mmeplan.aws.jumpstart import EULA_REFUSAL, is_gated
from mmeplan.simulator.names import invalid

Json = dict[str, Any]
Rule = Callable[[Json], Iterator[str]]

_ECR = re.compile(r"\d{12}\.dkr(\.ecr(-fips)?\.[a-z0-9-]+\.[a-z0-9.-]+|-ecr(-fips)?\.[a-z0-9-]+\.on\.[a-z0-9.-]+)/\S+")
_INSTANCE_MEMBERS: Final = ("InstanceType", "InitialInstanceCount", "InstancePools")
_MEMORY_STEP_MB: Final = 1024


def refuse(rules: Sequence[Rule], request: Json) -> None:
    """Raise the first refusal of the table, if any, as ServiceError."""
    for rule in rules:
        for sentence in rule(request):
            raise invalid(sentence)


# -- CreateModel -----------------------------------------------------------------------------------------------------


def containers(model: Json) -> list[Json]:
    """The model's containers, whichever of the two members holds them."""
    primary = model.get("PrimaryContainer")
    return [primary] if primary is not None else list(model.get("Containers", ()))


def one_of_primary_and_containers(request: Json) -> Iterator[str]:
    """multi-container-endpoints.md: "use Containers instead of PrimaryContainer"; the message isn't captured."""
    if (request.get("PrimaryContainer") is None) == (not request.get("Containers")):
        yield "Exactly one of PrimaryContainer and Containers must be specified."


def execution_role(request: Json) -> Iterator[str]:
    """API reference of CreateModel, where it is required; the shape left it optional for inference components."""
    if not request.get("ExecutionRoleArn"):
        yield "ExecutionRoleArn is required."


def image_or_package(request: Json) -> Iterator[str]:
    """A container has to come from somewhere; the message isn't captured."""
    for container in containers(request):
        if not container.get("Image") and not container.get("ModelPackageName"):
            yield "Each container must specify either Image or ModelPackageName."


def one_multi_model_container(request: Json) -> Iterator[str]:
    """Captured in public issue threads; create-multi-model-endpoint.md."""
    if sum(container.get("Mode") == "MultiModel" for container in containers(request)) > 1:
        yield "More than one container in MultiModel mode is not supported with inference pipeline."


def image_registry(request: Json) -> Iterator[str]:
    """Captured in public issue threads; your-algorithms-containers-inference-private.md."""
    for container in containers(request):
        image = container.get("Image")
        mode = container.get("ImageConfig", {}).get("RepositoryAccessMode")
        if image and not _ECR.fullmatch(image) and mode != "Vpc":
            yield f'Using non-ECR image "{image}" without Vpc repository access mode is not supported.'


def license_of_gated_models(request: Json) -> Iterator[str]:
    """Captured: terraform-provider-aws issue 34795."""
    for container in containers(request):
        sources = [container.get("ModelDataSource", {}), *container.get("AdditionalModelDataSources", ())]
        for source in (holder.get("S3DataSource", {}) for holder in sources):
            accepted = source.get("ModelAccessConfig", {}).get("AcceptEula") is True
            if is_gated(source.get("S3Uri")) and not accepted:
                yield EULA_REFUSAL.format(uri=source["S3Uri"])


CREATE_MODEL: Final[tuple[Rule, ...]] = (
    one_of_primary_and_containers,
    execution_role,
    image_or_package,
    one_multi_model_container,
    image_registry,
    license_of_gated_models,
)

# -- CreateEndpointConfig --------------------------------------------------------------------------------------------


def variants(config: Json) -> list[Json]:
    """Production and shadow variants."""
    return [*config["ProductionVariants"], *config.get("ShadowProductionVariants", ())]


def unique_variant_names(request: Json) -> Iterator[str]:
    """Captured: mlflow PR 6486. Shadow variants share the names' space."""
    yield from _repeated(variant["VariantName"] for variant in variants(request))


def managed_scaling_without_model(request: Json) -> Iterator[str]:
    """Captured: only a variant without ModelName hosts inference components. Of DISABLED no refusal is known."""
    for variant in variants(request):
        scaling = variant.get("ManagedInstanceScaling")
        if variant.get("ModelName") and scaling and scaling.get("Status") != "DISABLED":
            yield "ManagedInstanceScaling is only supported for inference component endpoints."


def instance_or_serverless(request: Json) -> Iterator[str]:
    """API reference of ProductionVariant.ServerlessConfig: it replaces InstanceType and InitialInstanceCount.

    The messages aren't captured. An inference component's variant may leave its count to managed scaling.
    """
    for variant in variants(request):
        name, serverless = variant["VariantName"], "ServerlessConfig" in variant
        given = [member for member in _INSTANCE_MEMBERS if member in variant]
        if serverless and given:
            yield f'The variant "{name}" specifies both ServerlessConfig and {given[0]}.'
        elif not serverless and "InstanceType" not in variant and not variant.get("InstancePools"):
            yield f'The variant "{name}" must specify either InstanceType and InitialInstanceCount or ServerlessConfig.'
        elif variant.get("ModelName") and not serverless and not {"InitialInstanceCount", "InstancePools"} & {*given}:
            yield f'The variant "{name}" specifies InstanceType without InitialInstanceCount.'


def serverless_memory(request: Json) -> Iterator[str]:
    """API reference of ServerlessConfig.MemorySizeInMB: multiples of 1 GB; the shape says 1024 to 6144 only."""
    for variant in variants(request):
        size = variant.get("ServerlessConfig", {}).get("MemorySizeInMB", 0)
        if size % _MEMORY_STEP_MB:
            yield f"MemorySizeInMB must be one of 1024, 2048, 3072, 4096, 5120 or 6144, not {size}."


def provisioned_concurrency(request: Json) -> Iterator[str]:
    """API reference of ProductionVariantServerlessConfig: "Should be less than or equal to MaxConcurrency"."""
    for variant in variants(request):
        yield from _too_much_provisioned(variant["VariantName"], variant.get("ServerlessConfig", {}))


def _too_much_provisioned(name: str, config: Json) -> Iterator[str]:
    provisioned, most = config.get("ProvisionedConcurrency", 0), config.get("MaxConcurrency", 0)
    if provisioned > most:
        yield (
            f'The variant "{name}" specifies ProvisionedConcurrency {provisioned}, which is greater than '
            f"MaxConcurrency {most}."
        )


def volume_on_local_storage(request: Json) -> Iterator[str]:
    """Captured: autogluon-cloud PR 50. The families: SageMaker Python SDK, `utils.volume_size_supported`."""
    for variant in variants(request):
        instance_type = variant.get("InstanceType", "")
        if "VolumeSizeInGB" in variant and has_local_nvme(instance_type):
            yield f"VolumeSize parameter is not allowed for the selected Instance type {instance_type}"


CREATE_ENDPOINT_CONFIG: Final[tuple[Rule, ...]] = (
    unique_variant_names,
    managed_scaling_without_model,
    instance_or_serverless,
    serverless_memory,
    provisioned_concurrency,
    volume_on_local_storage,
)

# -- endpoints -------------------------------------------------------------------------------------------------------


def one_update_policy(request: Json) -> Iterator[str]:
    """botocore DeploymentConfig: "Only one update policy" may be given; the message isn't captured."""
    deployment = request.get("DeploymentConfig", {})
    if "BlueGreenUpdatePolicy" in deployment and "RollingUpdatePolicy" in deployment:
        yield "DeploymentConfig must specify only one of BlueGreenUpdatePolicy and RollingUpdatePolicy."


def unique_desired_variants(request: Json) -> Iterator[str]:
    """The same sentence as for a config's variants; recorded by another simulator of AWS, not captured here."""
    yield from _repeated(desired["VariantName"] for desired in request["DesiredWeightsAndCapacities"])


def _repeated(names: Iterator[str]) -> Iterator[str]:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            yield f'The variant name "{name}" was non-unique within the request.'
        seen.add(name)


CREATE_ENDPOINT: Final[tuple[Rule, ...]] = (one_update_policy,)
UPDATE_ENDPOINT: Final[tuple[Rule, ...]] = (one_update_policy,)
UPDATE_WEIGHTS: Final[tuple[Rule, ...]] = (unique_desired_variants,)


def to_serverless(endpoint_variants: Sequence[Json], config: Json) -> Iterator[str]:
    """serverless-endpoints-update.md: instances can't be updated to serverless; the message isn't captured."""
    instance_based = any("DesiredInstanceCount" in variant for variant in endpoint_variants)
    if instance_based and any("ServerlessConfig" in variant for variant in config["ProductionVariants"]):
        yield "An instance-based endpoint can't be updated to a serverless endpoint."


def from_async(name: str, in_force: Json, config: Json) -> Iterator[str]:
    """The beginning was captured: SageMaker Python SDK, PR 3124. Adding one: no refusal is known."""
    if "AsyncInferenceConfig" in in_force and "AsyncInferenceConfig" not in config:
        yield f"The AsyncInferenceConfig parameter cannot be removed from this endpoint {name}."


def desired_variants(request: Json, endpoint_variants: Sequence[Json], config_name: str) -> Iterator[str]:
    """Unknown variants: recorded by another simulator of AWS. Members of the other kind: no effect is documented."""
    by_name = {variant["VariantName"]: variant for variant in endpoint_variants}
    wanted = request["DesiredWeightsAndCapacities"]
    unknown = [desired["VariantName"] for desired in wanted if desired["VariantName"] not in by_name]
    if unknown:
        names = ", ".join(unknown)
        yield f'The variant name(s) "{names}" is/are not present within endpoint configuration "{config_name}".'
    for desired in wanted:
        name = desired["VariantName"]
        serverless = "DesiredServerlessConfig" in by_name.get(name, {})
        if serverless and "DesiredInstanceCount" in desired:
            yield f'The variant "{name}" is serverless: DesiredInstanceCount is not supported.'
        if not serverless and "ServerlessUpdateConfig" in desired:
            yield f'The variant "{name}" is not serverless: ServerlessUpdateConfig is not supported.'
        if serverless:
            config = by_name[name]["DesiredServerlessConfig"] | desired.get("ServerlessUpdateConfig", {})
            yield from _too_much_provisioned(name, config)
