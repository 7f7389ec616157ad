"""Sentences of AWS's documentation on which several rules rest, word for word."""

from __future__ import annotations

from typing import Final

SERVERLESS_EXCLUSIONS: Final = (
    "Some of the features currently available for SageMaker AI Real-time Inference are not supported for Serverless "
    "Inference, including GPUs, AWS marketplace model packages, private Docker registries, Multi-Model Endpoints, VPC "
    "configuration, network isolation, data capture, multiple production variants, Model Monitor, and inference "
    "pipelines."
)
"""Developer Guide, serverless-endpoints, Feature exclusions."""

DATA_SOURCE_EXCLUSIONS: Final = (
    "Currently you cannot use ModelDataSource in conjunction with SageMaker batch transform, SageMaker serverless "
    "endpoints, SageMaker multi-model endpoints, and SageMaker Marketplace."
)
"""botocore, ContainerDefinition.ModelDataSource."""

SAME_REGION: Final = (
    "The model artifacts must be in an S3 bucket that is in the same region as the model or endpoint you are creating."
)
"""botocore, ContainerDefinition.ModelDataUrl."""
