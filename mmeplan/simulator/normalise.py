"""What Describe says of a model or a config that was never sent: defaults, mirrors, float32 weights.

In: the create request. Out: the Describe answer but for names, ARN and time, which the operation adds.
Pure. Source of each rule: docs/sagemaker.md, "What Describe returns that was not sent".
"""

from __future__ import annotations

import struct
from typing import Any, Final

from mmeplan.simulator.refusals import containers

Json = dict[str, Any]

SERVERLESS_VOLUME_GB: Final = 5
_FLOAT32_MAX: Final = 3.4028234663852886e38
_MODEL_MEMBERS: Final = ("InferenceExecutionConfig", "ExecutionRoleArn", "VpcConfig")
_CONFIG_MEMBERS: Final = (
    *("KmsKeyId", "AsyncInferenceConfig", "ExplainerConfig", "ExecutionRoleArn", "VpcConfig", "MetricsConfig"),
    "CrossRegionTrafficConfig",
)
_MAY_BE_EMPTY: Final = frozenset({"Environment", "OutputConfig", "ShapConfig", "ShapBaselineConfig"})
"""Source: botocore, `required` of AsyncInferenceConfig, ClarifyExplainerConfig, ClarifyShapConfig."""


def float32(value: float) -> float:
    """The number as the service keeps it: the shape's type is `float`, so 0.1 comes back as 0.10000000149011612."""
    limited = max(-_FLOAT32_MAX, min(_FLOAT32_MAX, float(value)))
    return float(struct.unpack("f", struct.pack("f", limited))[0])


def model(request: Json) -> Json:
    """What DescribeModel says of a CreateModel request. Tags are never among it."""
    described: Json = {member: request[member] for member in _MODEL_MEMBERS if member in request}
    if request.get("PrimaryContainer") is not None:
        described["PrimaryContainer"] = _container(request["PrimaryContainer"])
    else:
        described["Containers"] = [
            {"ContainerHostname": f"container-{position}", **_container(container)}
            for position, container in enumerate(containers(request), 1)
        ]
    described["EnableNetworkIsolation"] = request.get("EnableNetworkIsolation", False)
    return {member: _without_empty(value) for member, value in described.items()}


def _container(container: Json) -> Json:
    described = {"Mode": "SingleModel", "Environment": {}, **container}
    url = container.get("ModelDataUrl")
    if url and described["Mode"] == "SingleModel" and "ModelDataSource" not in container:
        source = {"S3Uri": url, "S3DataType": "S3Object", "CompressionType": "Gzip"}
        described["ModelDataSource"] = {"S3DataSource": source}
    return described


def config(request: Json) -> Json:
    """What DescribeEndpointConfig says of a CreateEndpointConfig request. Tags are never among it."""
    described: Json = {member: request[member] for member in _CONFIG_MEMBERS if member in request}
    for member in ("ProductionVariants", "ShadowProductionVariants"):
        if request.get(member):
            described[member] = [_variant(variant) for variant in request[member]]
    if "DataCaptureConfig" in request:
        described["DataCaptureConfig"] = {"EnableCapture": True, **request["DataCaptureConfig"]}
    described["EnableNetworkIsolation"] = request.get("EnableNetworkIsolation", False)
    return {member: _without_empty(value) for member, value in described.items()}


def _variant(variant: Json) -> Json:
    described = {**variant, "InitialVariantWeight": float32(variant.get("InitialVariantWeight", 1.0))}
    if "ServerlessConfig" in variant:
        described.setdefault("VolumeSizeInGB", SERVERLESS_VOLUME_GB)
    return described


def _without_empty(value: Any, member: str = "") -> Any:
    """Without empty lists and structures at any depth: an unset member is absent. An Environment may be empty, and so
    may a structure that its shape requires.
    """
    if member == "Environment" or not isinstance(value, (dict, list)):
        return value
    if isinstance(value, list):
        return [_without_empty(item) for item in value]
    pruned = {key: _without_empty(item, key) for key, item in value.items()}
    return {key: item for key, item in pruned.items() if item not in ({}, []) or key in _MAY_BE_EMPTY}
