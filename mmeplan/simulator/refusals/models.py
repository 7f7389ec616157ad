"""What CreateModel refuses, beyond its shape, and what it accepts although the endpoint then fails."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import Final

from mmeplan.aws.images import REGISTRIES, UNLABELLED_ON_GPU, accelerator_of
from mmeplan.aws.jumpstart import EULA_REFUSAL, is_gated, jumpstart_region
from mmeplan.aws.packages import MARKETPLACE_ACCOUNTS
from mmeplan.aws.s3 import s3_place
from mmeplan.simulator.refusals.refusal import Asked, Found, Json, Refusal, containers, region_of, repeated
from mmeplan.simulator.refusals.tags import of_tags

_HOST: Final = (
    r"\d{12}\.dkr(?:\.ecr(?:-fips)?\.([a-z0-9-]+)\.[a-z0-9.-]+|-ecr(?:-fips)?\.([a-z0-9-]+)\.on\.[a-z0-9.-]+)"
)
_ECR: Final = re.compile(rf"{_HOST}/([^:@\s]+)(?::([^@\s]+))?(?:@\S+)?")
_CONTAINER_DOC: Final = "botocore ContainerDefinition"
_PRIVATE_DOC: Final = "your-algorithms-containers-inference-private.md"
_ENVIRONMENT_BYTES: Final = 32 * 1024

COULD_NOT_ACCESS: Final = (
    "Could not access model data at {uri}. Please ensure that the role {role} exists and that its trust relationship "
    'policy allows the action "sts:AssumeRole" for the service principal "sagemaker.amazonaws.com". Also ensure that '
    'the role has "s3:GetObject" permissions and that the object is located in {region}.'
)
"""CreateModel's ValidationException where it can't read model data. Source: docs/sagemaker.md, "Errors"."""

LABEL_MISSING: Final = (
    "Your Ecr Image {image} does not contain required com.amazonaws.sagemaker.capabilities.multi-models=true Docker "
    "label(s)."
)
"""CreateModel's ValidationException. Source: docs/sagemaker.md, "Errors"."""


def _sources(container: Json) -> Iterator[Json]:
    """The S3DataSources of a container, the additional ones too."""
    for holder in (container.get("ModelDataSource", {}), *container.get("AdditionalModelDataSources", ())):
        if "S3DataSource" in holder:
            yield holder["S3DataSource"]


def addresses(container: Json) -> Iterator[str]:
    """The S3 addresses of a container's model data."""
    if "ModelDataUrl" in container:
        yield container["ModelDataUrl"]
    yield from (source["S3Uri"] for source in _sources(container))


def _multi_model(asked: Asked) -> Iterator[Json]:
    return (container for container in containers(asked.request) if container.get("Mode") == "MultiModel")


def _by_vpc(container: Json) -> bool:
    return bool(container.get("ImageConfig", {}).get("RepositoryAccessMode") == "Vpc")


def both_or_neither(asked: Asked) -> Found:
    """both or neither of PrimaryContainer and Containers"""
    if (asked.request.get("PrimaryContainer") is None) == (not asked.request.get("Containers")):
        yield {}


def no_role(asked: Asked) -> Found:
    """no ExecutionRoleArn"""
    if not asked.request.get("ExecutionRoleArn"):
        yield {}


def no_image(asked: Asked) -> Found:
    """a container without Image and ModelPackageName"""
    for container in containers(asked.request):
        if not container.get("Image") and not container.get("ModelPackageName"):
            yield {}


def several_multi_model(asked: Asked) -> Found:
    """several containers in MultiModel mode"""
    if len(list(_multi_model(asked))) > 1:
        yield {}


def image_outside_ecr(asked: Asked) -> Found:
    """an image outside ECR without Vpc access"""
    for container in containers(asked.request):
        image = container.get("Image")
        if image and not _ECR.fullmatch(image) and not _by_vpc(container):
            yield {"image": image}


def image_elsewhere(asked: Asked) -> Found:
    """an ECR image of another region"""
    for container in containers(asked.request):
        match = _ECR.fullmatch(container.get("Image", ""))
        if match and (match.group(1) or match.group(2)) != asked.region:
            yield {"image": container["Image"], "region": asked.region}


def license_not_accepted(asked: Asked) -> Found:
    """model data of a gated JumpStart model whose license isn't accepted"""
    for container in containers(asked.request):
        for source in _sources(container):
            if is_gated(source["S3Uri"]) and source.get("ModelAccessConfig", {}).get("AcceptEula") is not True:
                yield {"uri": source["S3Uri"]}


def package_elsewhere(asked: Asked) -> Found:
    """a model package of another region"""
    for container in containers(asked.request):
        if region_of(container.get("ModelPackageName", "")) not in ("", asked.region):
            yield {"region": asked.region}


def not_a_package(asked: Asked) -> Found:
    """a ModelPackageName that is the ARN of something else, such as a group"""
    for container in containers(asked.request):
        name = container.get("ModelPackageName", "")
        if region_of(name) and not name.split(":", 5)[5].startswith("model-package/"):
            yield {"arn": name}


def missing_version(asked: Asked) -> Found:
    """a version that its model package group doesn't have"""
    for name, approval in asked.approvals.items():
        if approval == "missing":
            yield {"package": name}


def not_approved(asked: Asked) -> Found:
    """a version of a model package group that isn't Approved"""
    for name, approval in asked.approvals.items():
        if approval not in ("missing", "Approved"):
            yield {"package": name, "approval": approval}


def marketplace_without_isolation(asked: Asked) -> Found:
    """an AWS Marketplace package without network isolation"""
    if not asked.request.get("EnableNetworkIsolation") and any(map(is_marketplace, containers(asked.request))):
        yield {}


def vpc_registry_without_vpc(asked: Asked) -> Found:
    """an image of a registry in a VPC, in a model without VpcConfig"""
    if "VpcConfig" not in asked.request and any(map(_by_vpc, containers(asked.request))):
        yield {}


def registry_login_without_vpc(asked: Asked) -> Found:
    """RepositoryAuthConfig without Vpc access"""
    for container in containers(asked.request):
        if "RepositoryAuthConfig" in container.get("ImageConfig", {}) and not _by_vpc(container):
            yield {}


def large_environment(asked: Asked) -> Found:
    """environments of more than 32 KB in all"""
    entries = [e for container in containers(asked.request) for e in container.get("Environment", {}).items()]
    size = sum(len(text.encode()) for entry in entries for text in entry)
    if size > _ENVIRONMENT_BYTES:
        yield {"size": size}


def data_twice(asked: Asked) -> Found:
    """ModelDataUrl beside ModelDataSource"""
    for container in containers(asked.request):
        if "ModelDataUrl" in container and "ModelDataSource" in container:
            yield {}


def prefix_without_slash(asked: Asked) -> Found:
    """an uncompressed S3Prefix that doesn't end with a slash"""
    for container in containers(asked.request):
        for source in _sources(container):
            # an archive as S3Prefix that is Gzip is hosted: aws/deep-learning-containers, test/vllm_tests
            plain = source.get("CompressionType") != "Gzip"
            if source.get("S3DataType") == "S3Prefix" and plain and not source["S3Uri"].endswith("/"):
                yield {"uri": source["S3Uri"]}


def data_elsewhere(asked: Asked) -> Found:
    """model data in a bucket of another region: JumpStart's, or one of the simulated S3"""
    for container in containers(asked.request):
        for uri in addresses(container):
            known = asked.buckets.get(s3_place(uri)[0], "") or jumpstart_region(uri)
            if known not in ("", asked.region):
                yield {"uri": uri, "role": asked.request.get("ExecutionRoleArn", ""), "region": asked.region}


def multi_model_without_prefix(asked: Asked) -> Found:
    """a multi-model container without ModelDataUrl, or with an archive instead of a prefix"""
    for container in _multi_model(asked):
        url = container.get("ModelDataUrl", "")
        if not url or url.endswith(".tar.gz"):
            yield {}


def multi_model_with_source(asked: Asked) -> Found:
    """a multi-model container with ModelDataSource or AdditionalModelDataSources"""
    for container in _multi_model(asked):
        for member in ("ModelDataSource", "AdditionalModelDataSources"):
            if container.get(member):
                yield {"member": member}


def multi_model_of_package(asked: Asked) -> Found:
    """a multi-model container made of a model package"""
    for container in _multi_model(asked):
        if "ModelPackageName" in container:
            yield {}


def multi_model_without_label(asked: Asked) -> Found:
    """a multi-model container with one of AWS's images for GPUs that lack the label"""
    for container in _multi_model(asked):
        match = _ECR.fullmatch(container.get("Image", ""))
        if match is None or container["Image"][:12] not in REGISTRIES:
            continue
        repository, tag = match.group(3), match.group(4) or ""
        if repository in UNLABELLED_ON_GPU and accelerator_of(repository, tag) == "nvidia":
            yield {"image": container["Image"]}


def execution_without_containers(asked: Asked) -> Found:
    """InferenceExecutionConfig beside PrimaryContainer"""
    if "InferenceExecutionConfig" in asked.request and asked.request.get("PrimaryContainer") is not None:
        yield {}


def direct_with_one(asked: Asked) -> Found:
    """Mode Direct with one container"""
    if _is_direct(asked) and len(asked.request.get("Containers", ())) == 1:
        yield {}


def direct_without_hostnames(asked: Asked) -> Found:
    """Mode Direct with a container without ContainerHostname"""
    if _is_direct(asked) and not all("ContainerHostname" in c for c in asked.request.get("Containers", ())):
        yield {}


def some_hostnames(asked: Asked) -> Found:
    """ContainerHostname for some of the containers only"""
    named = ["ContainerHostname" in container for container in asked.request.get("Containers", ())]
    if any(named) and not all(named):
        yield {}


def doubled_hostnames(asked: Asked) -> Found:
    """containers of the same ContainerHostname"""
    given = (c["ContainerHostname"] for c in asked.request.get("Containers", ()) if "ContainerHostname" in c)
    for name in repeated(given):
        yield {"name": name}


def _is_direct(asked: Asked) -> bool:
    return bool(asked.request.get("InferenceExecutionConfig", {}).get("Mode") == "Direct")


_refused = partial(Refusal, "CreateModel")

CREATE_MODEL: Final = (
    *of_tags("CreateModel"),
    _refused(
        both_or_neither,
        "Exactly one of PrimaryContainer and Containers must be specified.",
        'multi-container-endpoints.md: "use Containers instead of PrimaryContainer"',
    ),
    _refused(no_role, "ExecutionRoleArn is required.", "API reference of CreateModel; optional in the shape only"),
    _refused(
        no_image,
        "Each container must specify either Image or ModelPackageName.",
        f"{_CONTAINER_DOC}: a container comes from one of both",
    ),
    _refused(
        several_multi_model,
        "More than one container in MultiModel mode is not supported with inference pipeline.",
        "public issue threads; create-multi-model-endpoint.md",
        observed=True,
    ),
    _refused(
        image_outside_ecr,
        'Using non-ECR image "{image}" without Vpc repository access mode is not supported.',
        f"public issue threads; {_PRIVATE_DOC}",
        observed=True,
    ),
    _refused(
        image_elsewhere,
        'Region of "{image}" does not match expected region of {region}. Cross region ECR image pulls are not allowed.',
        "sagemaker-pytorch-inference-toolkit PR 7",
        observed=True,
    ),
    _refused(license_not_accepted, EULA_REFUSAL, "terraform-provider-aws issue 34795", observed=True),
    _refused(
        package_elsewhere,
        "ARN should be scoped to correct region: {region}",
        "amazon-sagemaker-examples issues 1438 and 1444",
        observed=True,
    ),
    _refused(
        not_a_package,
        'The ARN "{arn}" is not that of a model package.',
        "model-registry-models.html: a version's ARN ends in model-package/GROUP/VERSION",
    ),
    _refused(
        missing_version,
        "ModelPackage {package} does not exist.",
        "DescribeModelPackage's words: docs/sagemaker.md, Model registry",
    ),
    _refused(
        not_approved,
        "ModelPackage {package} is {approval}: only an Approved version can be deployed.",
        'botocore CreateModelPackageInput.ModelApprovalStatus: "must be set to Approved to deploy the model"',
    ),
    _refused(
        marketplace_without_isolation,
        "EnableNetworkIsolation must be true for AWS Marketplace model packages.",
        "mkt-algo-model-internet-free.md",
    ),
    _refused(
        vpc_registry_without_vpc,
        "RepositoryAccessMode Vpc requires VpcConfig in the model.",
        _PRIVATE_DOC,
    ),
    _refused(
        registry_login_without_vpc,
        "RepositoryAuthConfig is supported with RepositoryAccessMode Vpc only.",
        "botocore ImageConfig.RepositoryAuthConfig",
    ),
    _refused(
        large_environment,
        "The environment variables of all containers must not exceed 32 KB, and have {size} bytes.",
        f"{_CONTAINER_DOC}.Environment",
    ),
    _refused(
        data_twice,
        "A container must specify only one of ModelDataUrl and ModelDataSource.",
        "SageMaker Python SDK: model_data is a URL or a data source",
    ),
    _refused(
        prefix_without_slash,
        'The S3Uri "{uri}" of an S3Prefix must end with a forward slash (/).',
        "botocore S3ModelDataSource.S3DataType",
    ),
    _refused(
        data_elsewhere,
        COULD_NOT_ACCESS,
        "docs/sagemaker.md, Errors; botocore ContainerDefinition.ModelDataUrl",
        observed=True,
    ),
    _refused(
        multi_model_without_prefix,
        "A container in MultiModel mode must specify an S3 prefix as ModelDataUrl.",
        "create-multi-model-endpoint.md",
    ),
    _refused(
        multi_model_with_source,
        "{member} is not supported for containers in MultiModel mode.",
        f"{_CONTAINER_DOC}.ModelDataSource and .AdditionalModelDataSources",
    ),
    _refused(
        multi_model_of_package,
        "ModelPackageName is not supported for containers in MultiModel mode.",
        "model-deploy-feature-matrix.md: blank",
    ),
    _refused(
        multi_model_without_label,
        LABEL_MISSING,
        "deep-learning-containers issue 2465; amazon-sagemaker-examples issue 3925",
        observed=True,
    ),
    _refused(
        execution_without_containers,
        "InferenceExecutionConfig is not supported with PrimaryContainer.",
        "multi-container-endpoints.md",
    ),
    _refused(
        direct_with_one,
        "Inference execution mode Direct requires more than one container.",
        "multi-container-direct.md",
    ),
    _refused(
        direct_without_hostnames,
        "ContainerHostname is required for each container with inference execution mode Direct.",
        "multi-container-endpoints.md",
    ),
    _refused(
        some_hostnames,
        "ContainerHostname must be specified for every container, or for none.",
        f"{_CONTAINER_DOC}.ContainerHostname",
    ),
    _refused(
        doubled_hostnames,
        'The ContainerHostname "{name}" is not unique within the model.',
        f"{_CONTAINER_DOC}.ContainerHostname: uniquely identifies the container",
    ),
)


# -- what is accepted, although the endpoint then fails ----------------------------------------------------------------


def data_is_no_archive(asked: Asked) -> Found:
    """model data of a single model whose address doesn't end in .tar.gz"""
    for position, container in enumerate(containers(asked.request), 1):
        url = container.get("ModelDataUrl", "")
        if url and container.get("Mode") != "MultiModel" and not url.endswith(".tar.gz"):
            yield {"position": position, "url": url}


def data_with_two_slashes(asked: Asked) -> Found:
    """model data whose key has `//`: it is folded before the download, and the object isn't there"""
    for position, container in enumerate(containers(asked.request), 1):
        for uri in addresses(container):
            if container.get("Mode") != "MultiModel" and "//" in "/" + s3_place(uri)[1]:
                yield {"position": position, "url": uri}


_fails = partial(Refusal, "CreateEndpoint", observed=True)

HOSTING: Final = (
    _fails(
        data_with_two_slashes,
        'Failed to download model data for container "container_{position}" from URL: "{url}". Please ensure that '
        "there is an object located at the URL and that the role passed to CreateModel has permissions to download "
        "the object.",
        "sagemaker-python-sdk issue 3413; the words: mlflow issue 2573",
    ),
    _fails(
        data_is_no_archive,
        'Failed to extract model data archive for container "container_{position}" from URL "{url}". Please ensure '
        "that the object located at the URL is a valid tar.gz archive.",
        "deep-learning-containers PR 569; botocore ContainerDefinition.ModelDataUrl",
    ),
)
"""FailureReasons of endpoints that host such a model. The request is the model's."""


def is_marketplace(container: Json) -> bool:
    """Whether a container is made of a package of AWS Marketplace, as far as its ARN tells."""
    parts = str(container.get("ModelPackageName", "")).split(":")
    return len(parts) > 5 and parts[4] in MARKETPLACE_ACCOUNTS and parts[5].startswith("model-package/")
