"""The services and operations that the simulator has, as one table, and how a request finds its own.

In: a request. Out: the `Service` and the operation's name. A new service is one more row here; `core` doesn't change.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlsplit

from mmeplan.simulator import (
    alarms,
    asynchronous,
    endpoints,
    identity,
    immutables,
    multipart,
    paging,
    quotas,
    runtime,
    s3,
    s3_wire,
    scaling,
    showing,
    tagging,
    tags,
)
from mmeplan.simulator.call import Operation
from mmeplan.simulator.protocols import INVOCATION, JSON, QUERY, Protocol, form
from mmeplan.simulator.s3_wire import S3_REST
from mmeplan.simulator.wire import Caller, Request, ServiceError


@dataclass(frozen=True, slots=True)
class Service:
    """One service. `name` is botocore's, `invalid` the code of what breaks a shape's constraints."""

    name: str
    protocol: Protocol
    operations: Mapping[str, Operation]
    invalid: str = "ValidationException"


SAGEMAKER: Final = Service(
    "sagemaker",
    JSON,
    {
        "CreateModel": Operation(immutables.create_model, True, "ModelName"),
        "DescribeModel": Operation(immutables.describe_model, False, "ModelName"),
        "ListModels": Operation(paging.lister(paging.MODELS), False),
        "DeleteModel": Operation(immutables.delete_model, True, "ModelName"),
        "CreateEndpointConfig": Operation(immutables.create_endpoint_config, True, "EndpointConfigName"),
        "DescribeEndpointConfig": Operation(immutables.describe_endpoint_config, False, "EndpointConfigName"),
        "ListEndpointConfigs": Operation(paging.lister(paging.ENDPOINT_CONFIGS), False),
        "DeleteEndpointConfig": Operation(immutables.delete_endpoint_config, True, "EndpointConfigName"),
        "CreateEndpoint": Operation(endpoints.create_endpoint, True, "EndpointName"),
        "DescribeEndpoint": Operation(showing.describe_endpoint, False, "EndpointName"),
        "ListEndpoints": Operation(paging.lister(paging.ENDPOINTS), False),
        "UpdateEndpoint": Operation(endpoints.update_endpoint, True, "EndpointName"),
        "UpdateEndpointWeightsAndCapacities": Operation(endpoints.update_weights_and_capacities, True, "EndpointName"),
        "DeleteEndpoint": Operation(endpoints.delete_endpoint, True, "EndpointName"),
        "AddTags": Operation(tags.add_tags, True, "ResourceArn"),
        "ListTags": Operation(tags.list_tags, False, "ResourceArn"),
        "DeleteTags": Operation(tags.delete_tags, True, "ResourceArn"),
    },
)
TAGGING: Final = Service(
    "resourcegroupstaggingapi",
    JSON,
    {"GetResources": Operation(tagging.get_resources, False)},
    invalid="InvalidParameterException",
)
STS: Final = Service("sts", QUERY, {"GetCallerIdentity": Operation(identity.get_caller_identity, False)})
CLOUDWATCH: Final = Service(
    "cloudwatch",
    JSON,
    {
        "PutMetricAlarm": Operation(alarms.put_metric_alarm, True, "AlarmName"),
        "DescribeAlarms": Operation(alarms.describe_alarms, False),
        "SetAlarmState": Operation(alarms.set_alarm_state, True, "AlarmName"),
        "DeleteAlarms": Operation(alarms.delete_alarms, True),
    },
    invalid="ValidationError",
)
AUTOSCALING: Final = Service(
    "application-autoscaling",
    JSON,
    {
        "RegisterScalableTarget": Operation(scaling.register_scalable_target, True, "ResourceId"),
        "DescribeScalableTargets": Operation(scaling.describe_scalable_targets, False),
        "DeregisterScalableTarget": Operation(scaling.deregister_scalable_target, True, "ResourceId"),
        "PutScalingPolicy": Operation(scaling.put_scaling_policy, True, "PolicyName"),
        "DescribeScalingPolicies": Operation(scaling.describe_scaling_policies, False),
        "DeleteScalingPolicy": Operation(scaling.delete_scaling_policy, True, "PolicyName"),
    },
)
QUOTAS: Final = Service(
    "service-quotas",
    JSON,
    {
        "GetServiceQuota": Operation(quotas.get_service_quota, False, "QuotaCode"),
        "ListServiceQuotas": Operation(quotas.list_service_quotas, False),
        "GetAWSDefaultServiceQuota": Operation(quotas.get_default_quota, False, "QuotaCode"),
        "ListAWSDefaultServiceQuotas": Operation(quotas.list_default_quotas, False),
    },
    invalid="IllegalArgumentException",
)
RUNTIME: Final = Service(
    "sagemaker-runtime",
    INVOCATION,
    {
        "InvokeEndpoint": Operation(runtime.invoke_endpoint, False, "EndpointName"),
        "InvokeEndpointAsync": Operation(asynchronous.invoke_endpoint_async, True, "EndpointName"),
        "InvokeEndpointWithResponseStream": Operation(runtime.invoke_endpoint, False, "EndpointName"),
    },
    invalid="ValidationError",
)
S3: Final = Service(
    "s3",
    S3_REST,
    {
        "ListBuckets": Operation(s3.list_buckets, False),
        "CreateBucket": Operation(s3.create_bucket, True, "Bucket"),
        "HeadBucket": Operation(s3.head_bucket, False, "Bucket"),
        "GetBucketLocation": Operation(s3.get_bucket_location, False, "Bucket"),
        "DeleteBucket": Operation(s3.delete_bucket, True, "Bucket"),
        "PutObject": Operation(s3.put_object, True, "Key"),
        "GetObject": Operation(s3.get_object, False, "Key"),
        "HeadObject": Operation(s3.head_object, False, "Key"),
        "DeleteObject": Operation(s3.delete_object, True, "Key"),
        "DeleteObjects": Operation(s3.delete_objects, True, "Bucket"),
        "CopyObject": Operation(s3.copy_object, True, "Key"),
        "ListObjects": Operation(s3.list_objects, False, "Bucket"),
        "ListObjectsV2": Operation(s3.list_objects, False, "Bucket"),
        "CreateMultipartUpload": Operation(multipart.create_upload, True, "Key"),
        "UploadPart": Operation(multipart.upload_part, True, "Key"),
        "UploadPartCopy": Operation(multipart.upload_part, True, "Key"),
        "CompleteMultipartUpload": Operation(multipart.complete_upload, True, "Key"),
        "AbortMultipartUpload": Operation(multipart.abort_upload, True, "Key"),
        "ListParts": Operation(multipart.list_parts, False, "Key"),
        "ListMultipartUploads": Operation(multipart.list_uploads, False, "Bucket"),
    },
)

SERVICES: Final = (SAGEMAKER, TAGGING, STS, CLOUDWATCH, AUTOSCALING, QUOTAS, RUNTIME, S3)
WRITES: Final = {name: operation.writes for service in SERVICES for name, operation in service.operations.items()}
"""Operation → whether it writes, over all services."""
BY_OPERATION: Final = {name: service for service in SERVICES for name in service.operations}
"""Operation → its service: no two services have one of the same name."""

_BY_TARGET: Final = {
    "SageMaker": SAGEMAKER,
    "ResourceGroupsTaggingAPI_20170126": TAGGING,
    "GraniteServiceVersion20100801": CLOUDWATCH,
    "AnyScaleFrontendService": AUTOSCALING,
    "ServiceQuotasV20190624": QUOTAS,
}
_BY_QUERY: Final = {"sts": STS, "monitoring": replace(CLOUDWATCH, protocol=QUERY)}
_QUERY_ACTIONS: Final = {action: name for name, service in _BY_QUERY.items() for action in service.operations}


def route(request: Request, caller: Caller) -> tuple[Service, str]:
    """The service and the operation of a request; the operation may be one that the service doesn't have.

    JSON services say both in `X-Amz-Target`; the query protocol says its `Action` in the body or the URL; the runtime
    and S3 are told by the signature's scope and the path. Whatever fits nothing is answered as a JSON service would.
    """
    prefix, _, operation = request.header("x-amz-target").partition(".")
    if prefix in _BY_TARGET:
        return _BY_TARGET[prefix], operation
    if caller.service == "s3":
        return S3, s3_wire.operation(request)
    invocation = _INVOCATION.fullmatch(urlsplit(request.url).path)
    if invocation and caller.service in ("sagemaker", ""):
        return RUNTIME, _INVOCATIONS[invocation.group(1)] if request.method == "POST" else ""
    if caller.service in _BY_QUERY or b"Action=" in request.body:
        action = form(request).get("Action", "")
        named = caller.service if caller.service in _BY_QUERY else _QUERY_ACTIONS.get(action, "")
        if named:
            return _BY_QUERY[named], action
    return SAGEMAKER, operation or prefix


_INVOCATIONS: Final = {
    "invocations": "InvokeEndpoint",
    "async-invocations": "InvokeEndpointAsync",
    "invocations-response-stream": "InvokeEndpointWithResponseStream",
}
_INVOCATION = re.compile(rf"/endpoints/[^/]+/({'|'.join(_INVOCATIONS)})")


def unknown_operation(service: Service, operation: str) -> ServiceError:
    """The answer to an operation that the simulator doesn't have."""
    if service is S3:
        return ServiceError("NotImplemented", "The simulated s3 has no such operation.", 501)
    code = "InvalidAction" if service.protocol is QUERY else "UnknownOperationException"
    return ServiceError(code, f"The simulated {service.name} has no operation {operation or '(none given)'}.")
