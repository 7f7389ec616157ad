"""What CreateEndpointConfig refuses, beyond its shape, and what it accepts although the endpoint then fails."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import Final

from mmeplan.aws.images import belongs_to_another
from mmeplan.aws.instances import has_local_nvme
from mmeplan.simulator.refusals.models import is_marketplace
from mmeplan.simulator.refusals.refusal import (
    Asked,
    Found,
    Json,
    Refusal,
    containers,
    hosted,
    is_multi_model,
    models_of,
    region_of,
    repeated,
    variants,
)
from mmeplan.simulator.refusals.tags import of_tags

_INSTANCE_MEMBERS: Final = ("InstanceType", "InitialInstanceCount", "InstancePools")
_INSTANCE_OPTIONS: Final = (
    *("VolumeSizeInGB", "ModelDataDownloadTimeoutInSeconds", "ContainerStartupHealthCheckTimeoutInSeconds"),
    *("EnableSSMAccess", "ManagedInstanceScaling", "RoutingConfig", "InferenceAmiVersion", "CapacityReservationConfig"),
    *("AcceleratorType", "CoreDumpConfig"),
)
"""What a variant says of instances beside their type and number."""
_OF_THE_CONFIG: Final = ("ExecutionRoleArn", "VpcConfig", "EnableNetworkIsolation")
_MEMORY_STEP_MB: Final = 1024
_FREQUENCIES_S: Final = (10, 30, 60, 120, 180, 240, 300)
_KEY_ID: Final = r"(?:mrk-[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
_KEY: Final = re.compile(rf"{_KEY_ID}|alias/.+|arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{{12}}:(?:key/{_KEY_ID}|alias/.+)")
"""Source: botocore CreateEndpointConfigInput.KmsKeyId: key ID, key ARN, alias name, alias name ARN."""

_FEATURE_MATRIX: Final = "model-deploy-feature-matrix.md: blank"
_SERVERLESS_DOC: Final = "serverless-endpoints.md, Feature exclusions"
_SHADOW_DOC: Final = "shadow-tests-exclusions.html: such requests lead to validation errors"


def _serverless(asked: Asked) -> list[Json]:
    return [variant for variant in variants(asked.request) if "ServerlessConfig" in variant]


def _hosted_serverless(asked: Asked) -> Iterator[Json]:
    return (model for variant, model in hosted(asked) if "ServerlessConfig" in variant)


def _is_async(asked: Asked) -> bool:
    return "AsyncInferenceConfig" in asked.request


def _hosted_async(asked: Asked) -> Iterator[Json]:
    return (model for _, model in hosted(asked) if _is_async(asked))


def _has_shadows(asked: Asked) -> bool:
    return bool(asked.request.get("ShadowProductionVariants"))


def _hosted_beside_shadows(asked: Asked) -> Iterator[Json]:
    return (model for _, model in hosted(asked) if _has_shadows(asked))


def _inf1(variant: Json) -> bool:
    types = [variant.get("InstanceType", ""), *(pool["InstanceType"] for pool in variant.get("InstancePools", ()))]
    return any(name.startswith("ml.inf1.") for name in types)


def _of_marketplace(model: Json) -> bool:
    return any(map(is_marketplace, containers(model)))


def doubled_names(asked: Asked) -> Found:
    """variants of the same name, production and shadow"""
    for name in repeated(variant["VariantName"] for variant in variants(asked.request)):
        yield {"name": name}


def managed_scaling_of_a_model(asked: Asked) -> Found:
    """ManagedInstanceScaling, unless DISABLED, of a variant with a model"""
    for variant in variants(asked.request):
        scaling = variant.get("ManagedInstanceScaling")
        if scaling is not None and scaling.get("Status") != "DISABLED" and "ModelName" in variant:
            yield {}


def serverless_on_instances(asked: Asked) -> Found:
    """a variant with ServerlessConfig and a type or number of instances"""
    for variant in _serverless(asked):
        for member in (*_INSTANCE_MEMBERS, *_INSTANCE_OPTIONS):
            if member in variant:
                yield {"name": variant["VariantName"], "member": member}


def neither(asked: Asked) -> Found:
    """a variant with neither instances nor ServerlessConfig"""
    for variant in variants(asked.request):
        if not {"ServerlessConfig", "InstanceType"} & variant.keys() and not variant.get("InstancePools"):
            yield {"name": variant["VariantName"]}


def type_without_count(asked: Asked) -> Found:
    """an InstanceType without InitialInstanceCount in a variant with a model"""
    for variant in variants(asked.request):
        counted = {"InitialInstanceCount", "InstancePools"} & variant.keys()
        if "InstanceType" in variant and variant.get("ModelName") and not counted:
            yield {"name": variant["VariantName"]}


def no_model_and_no_role(asked: Asked) -> Found:
    """a variant without a model in a config without ExecutionRoleArn"""
    for variant in variants(asked.request):
        if not models_of(variant) and not asked.request.get("ExecutionRoleArn"):
            yield {"name": variant["VariantName"]}


def role_beside_models(asked: Asked) -> Found:
    """ExecutionRoleArn, VpcConfig or EnableNetworkIsolation in a config with a variant with a model"""
    for member in _OF_THE_CONFIG:
        if asked.request.get(member) and any(map(models_of, variants(asked.request))):
            yield {"member": member}


def uneven_memory(asked: Asked) -> Found:
    """a MemorySizeInMB that isn't a multiple of 1024"""
    for variant in _serverless(asked):
        size = variant["ServerlessConfig"].get("MemorySizeInMB", 0)
        if size % _MEMORY_STEP_MB:
            yield {"size": size}


def too_much_provisioned(asked: Asked) -> Found:
    """more ProvisionedConcurrency than MaxConcurrency"""
    for variant in _serverless(asked):
        yield from over_provisioned(variant["VariantName"], variant["ServerlessConfig"])


def over_provisioned(name: str, config: Json) -> Found:
    """a variant's ServerlessConfig whose ProvisionedConcurrency is greater than its MaxConcurrency"""
    provisioned, most = config.get("ProvisionedConcurrency", 0), config.get("MaxConcurrency", 0)
    if provisioned > most:
        yield {"name": name, "provisioned": provisioned, "most": most}


def volume_on_local_storage(asked: Asked) -> Found:
    """VolumeSizeInGB with an instance type of local NVMe"""
    for variant in variants(asked.request):
        instance_type = variant.get("InstanceType", "")
        if "VolumeSizeInGB" in variant and has_local_nvme(instance_type):
            yield {"type": instance_type}


def accelerator(asked: Asked) -> Found:
    """an AcceleratorType"""
    if any("AcceleratorType" in variant for variant in variants(asked.request)):
        yield {}


def other_frequency(asked: Asked) -> Found:
    """a MetricPublishFrequencyInSeconds that isn't one of the documented ones"""
    seconds = asked.request.get("MetricsConfig", {}).get("MetricPublishFrequencyInSeconds", 60)
    if seconds not in _FREQUENCIES_S:
        yield {"seconds": seconds}


def image_of_another_account(asked: Asked) -> Found:
    """serverless with an image of another account"""
    for model in _hosted_serverless(asked):
        for container in containers(model):
            if belongs_to_another(container.get("Image", ""), asked.account):
                yield {}


def serverless_beside_others(asked: Asked) -> Found:
    """serverless in a config of several production variants"""
    if _serverless(asked) and len(asked.request["ProductionVariants"]) > 1:
        yield {}


def serverless_with_shadows(asked: Asked) -> Found:
    """serverless in a config with shadow variants"""
    if _serverless(asked) and _has_shadows(asked):
        yield {}


def serverless_with(asked: Asked) -> Found:
    """serverless with DataCaptureConfig or AsyncInferenceConfig"""
    for member in ("DataCaptureConfig", "AsyncInferenceConfig"):
        if _serverless(asked) and member in asked.request:
            yield {"member": member}


def serverless_multi_model(asked: Asked) -> Found:
    """serverless with a multi-model container"""
    if any(map(is_multi_model, _hosted_serverless(asked))):
        yield {}


def serverless_pipeline(asked: Asked) -> Found:
    """serverless with a model of several containers"""
    if any(len(containers(model)) > 1 for model in _hosted_serverless(asked)):
        yield {}


def serverless_with_network(asked: Asked) -> Found:
    """serverless with a model that has a VpcConfig or network isolation"""
    for model in _hosted_serverless(asked):
        for member in ("VpcConfig", "EnableNetworkIsolation"):
            if model.get(member):
                yield {"member": member}


def serverless_private_registry(asked: Asked) -> Found:
    """serverless with an image of a private Docker registry"""
    found = (container for model in _hosted_serverless(asked) for container in containers(model))
    if any(container.get("ImageConfig", {}).get("RepositoryAccessMode") == "Vpc" for container in found):
        yield {}


def serverless_marketplace(asked: Asked) -> Found:
    """serverless with an AWS Marketplace package"""
    if any(map(_of_marketplace, _hosted_serverless(asked))):
        yield {}


def serverless_source(asked: Asked) -> Found:
    """serverless with a ModelDataSource"""
    for model in _hosted_serverless(asked):
        # DescribeModel shows a ModelDataUrl as a ModelDataSource, too
        if any("ModelDataSource" in c and "ModelDataUrl" not in c for c in containers(model)):
            yield {}


def async_with_several(asked: Asked) -> Found:
    """asynchronous inference with several production variants"""
    if _is_async(asked) and len(asked.request["ProductionVariants"]) > 1:
        yield {}


def async_with(asked: Asked) -> Found:
    """asynchronous inference with shadow variants or DataCaptureConfig"""
    for member in ("ShadowProductionVariants", "DataCaptureConfig"):
        if _is_async(asked) and asked.request.get(member):
            yield {"member": member}


def async_multi_model(asked: Asked) -> Found:
    """asynchronous inference with a multi-model container"""
    if any(map(is_multi_model, _hosted_async(asked))):
        yield {}


def async_pipeline(asked: Asked) -> Found:
    """asynchronous inference with a model of several containers"""
    if any(len(containers(model)) > 1 for model in _hosted_async(asked)):
        yield {}


def async_marketplace(asked: Asked) -> Found:
    """asynchronous inference with an AWS Marketplace package"""
    if any(map(_of_marketplace, _hosted_async(asked))):
        yield {}


def async_inf1(asked: Asked) -> Found:
    """asynchronous inference on ml.inf1"""
    if _is_async(asked) and any(map(_inf1, variants(asked.request))):
        yield {}


def several_beside_shadows(asked: Asked) -> Found:
    """shadow variants other than one beside one production variant"""
    if _has_shadows(asked) and len(variants(asked.request)) > 2:
        yield {}


def shadow_multi_model(asked: Asked) -> Found:
    """shadow variants with a multi-model container"""
    if any(map(is_multi_model, _hosted_beside_shadows(asked))):
        yield {}


def shadow_pipeline(asked: Asked) -> Found:
    """shadow variants with a model of several containers"""
    if any(len(containers(model)) > 1 for model in _hosted_beside_shadows(asked)):
        yield {}


def shadow_marketplace(asked: Asked) -> Found:
    """shadow variants with an AWS Marketplace package"""
    if any(map(_of_marketplace, _hosted_beside_shadows(asked))):
        yield {}


def shadow_inf1(asked: Asked) -> Found:
    """shadow variants on ml.inf1"""
    if _has_shadows(asked) and any(map(_inf1, variants(asked.request))):
        yield {}


def multi_model_inf1(asked: Asked) -> Found:
    """a multi-model container on ml.inf1"""
    if any(is_multi_model(model) and _inf1(variant) for variant, model in hosted(asked)):
        yield {}


_refused = partial(Refusal, "CreateEndpointConfig")

CREATE_ENDPOINT_CONFIG: Final = (
    *of_tags("CreateEndpointConfig"),
    _refused(
        doubled_names, 'The variant name "{name}" was non-unique within the request.', "mlflow PR 6486", observed=True
    ),
    _refused(
        managed_scaling_of_a_model,
        "ManagedInstanceScaling is only supported for inference component endpoints.",
        "terraform-provider-aws PR 45926",
        observed=True,
    ),
    _refused(
        serverless_on_instances,
        'The variant "{name}" specifies both ServerlessConfig and {member}.',
        "serverless-endpoints-create.md; AWS CLI reference of create-endpoint-config",
    ),
    _refused(
        neither,
        'The variant "{name}" must specify either InstanceType and InitialInstanceCount or ServerlessConfig.',
        "botocore ProductionVariant.ServerlessConfig",
    ),
    _refused(
        type_without_count,
        'The variant "{name}" specifies InstanceType without InitialInstanceCount.',
        "AWS CLI reference of create-endpoint-config",
    ),
    _refused(
        no_model_and_no_role,
        'The variant "{name}" must specify ModelName, or the endpoint configuration ExecutionRoleArn.',
        "API reference of CreateEndpointConfig; only inference components go without a model",
    ),
    _refused(
        role_beside_models,
        "{member} is only supported for inference component endpoints.",
        "terraform-provider-aws PR 48738 and 48884",
    ),
    _refused(
        uneven_memory,
        "MemorySizeInMB must be one of 1024, 2048, 3072, 4096, 5120 or 6144, not {size}.",
        "botocore ProductionVariantServerlessConfig.MemorySizeInMB",
    ),
    _refused(
        too_much_provisioned,
        'The variant "{name}" specifies ProvisionedConcurrency {provisioned}, which is greater than MaxConcurrency '
        "{most}.",
        "botocore ProductionVariantServerlessConfig.ProvisionedConcurrency",
    ),
    _refused(
        volume_on_local_storage,
        "VolumeSize parameter is not allowed for the selected Instance type {type}",
        "autogluon-cloud PR 50; SageMaker Python SDK, utils.volume_size_supported",
        observed=True,
    ),
    _refused(
        accelerator,
        "AcceleratorType is no longer supported.",
        "botocore ProductionVariant.AcceleratorType",
    ),
    _refused(
        other_frequency,
        "MetricPublishFrequencyInSeconds must be one of 10, 30, 60, 120, 180, 240 or 300, not {seconds}.",
        "botocore MetricsConfig.MetricPublishFrequencyInSeconds",
    ),
    _refused(
        image_of_another_account,
        "The container image URI is not a prebuilt SageMaker algorithm or deep learning image, or the bring-your-own "
        "container image URI does not reside in an Amazon ECR repository within the same AWS account creating the "
        "endpoint.",
        "amazon-sagemaker-feedback issue 181",
        observed=True,
    ),
    _refused(
        serverless_beside_others,
        "Multiple production variants are not supported for serverless endpoints.",
        _SERVERLESS_DOC,
    ),
    _refused(
        serverless_with_shadows, "ShadowProductionVariants are not supported for serverless endpoints.", _SHADOW_DOC
    ),
    _refused(
        serverless_with,
        "{member} is not supported for serverless endpoints.",
        f"{_SERVERLESS_DOC}; model-deploy-feature-matrix.md",
    ),
    _refused(
        serverless_multi_model, "Multi-model containers are not supported for serverless endpoints.", _SERVERLESS_DOC
    ),
    _refused(
        serverless_pipeline, "Models of several containers are not supported for serverless endpoints.", _SERVERLESS_DOC
    ),
    _refused(
        serverless_with_network,
        "{member} of the model is not supported for serverless endpoints.",
        _SERVERLESS_DOC,
    ),
    _refused(
        serverless_private_registry,
        "Images of private Docker registries are not supported for serverless endpoints.",
        _SERVERLESS_DOC,
    ),
    _refused(
        serverless_marketplace,
        "AWS Marketplace model packages are not supported for serverless endpoints.",
        _SERVERLESS_DOC,
    ),
    _refused(
        serverless_source,
        "ModelDataSource is not supported for serverless endpoints.",
        "botocore ContainerDefinition.ModelDataSource",
    ),
    _refused(
        async_with_several,
        "Multiple production variants are not supported when specifying an AsyncInferenceConfig.",
        f"{_FEATURE_MATRIX}; aws-cdk-rfcs PR 433",
    ),
    _refused(async_with, "{member} is not supported when specifying an AsyncInferenceConfig.", f"{_FEATURE_MATRIX}"),
    _refused(
        async_multi_model,
        "Multi-model containers are not supported when specifying an AsyncInferenceConfig.",
        _FEATURE_MATRIX,
    ),
    _refused(
        async_pipeline,
        "Models of several containers are not supported when specifying an AsyncInferenceConfig.",
        _FEATURE_MATRIX,
    ),
    _refused(
        async_marketplace,
        "Marketplace images are not supported when specifying an AsyncInferenceConfig.",
        "sagemaker-python-sdk issue 3969",
        observed=True,
    ),
    _refused(async_inf1, "Inf1 instances are not supported when specifying an AsyncInferenceConfig.", _FEATURE_MATRIX),
    _refused(
        several_beside_shadows,
        "Only one production variant and one shadow production variant may be specified together.",
        "botocore CreateEndpointConfigInput.ShadowProductionVariants",
    ),
    _refused(shadow_multi_model, "Multi-model containers are not supported with shadow variants.", _SHADOW_DOC),
    _refused(shadow_pipeline, "Models of several containers are not supported with shadow variants.", _SHADOW_DOC),
    _refused(shadow_marketplace, "AWS Marketplace model packages are not supported with shadow variants.", _SHADOW_DOC),
    _refused(shadow_inf1, "Inf1 instances are not supported with shadow variants.", _SHADOW_DOC),
    _refused(multi_model_inf1, "Multi-model containers are not supported on Inf1 instances.", _FEATURE_MATRIX),
)


# -- what is accepted, although the endpoint then fails ----------------------------------------------------------------


def no_key(asked: Asked) -> Found:
    """a KmsKeyId that isn't a key's id or ARN, or an alias or its ARN"""
    key = asked.config.get("KmsKeyId", "")
    if key and not _KEY.fullmatch(key):
        yield {"key": key}


def key_elsewhere(asked: Asked) -> Found:
    """a KmsKeyId of another region"""
    key = asked.config.get("KmsKeyId", "")
    if region_of(key) not in ("", asked.region):
        yield {"key": key}


def reservation_elsewhere(asked: Asked) -> Found:
    """a capacity reservation of another account or region"""
    for variant in variants(asked.config):
        arn = variant.get("CapacityReservationConfig", {}).get("MlReservationArn", "")
        if arn and arn.split(":")[3:5] != [asked.region, asked.account]:
            yield {"arn": arn}


_fails = partial(Refusal, "CreateEndpoint")

LAUNCHING: Final = (
    _fails(
        no_key,
        "The KMS key {key} does not exist.",
        "botocore CreateEndpointConfigInput.KmsKeyId: the four formats",
    ),
    _fails(
        key_elsewhere,
        "The KMS key {key} is not in this region.",
        "KMS Developer Guide, concepts: a key is used in its own region",
    ),
    _fails(
        reservation_elsewhere,
        "The capacity reservation {arn} is not of this account and region.",
        "use-training-plan-for-inference-endpoints-using-api-cli-sdk.html; botocore MlReservationArn",
    ),
)
"""FailureReasons of endpoints that run such a config."""
