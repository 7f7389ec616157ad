"""The services and operations that the simulator has, as one table.

A new service is one more row here; neither `routing` nor `core` changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from mmeplan.simulator import (
    alarms,
    asynchronous,
    components,
    declared,
    endpoints,
    iam,
    identity,
    immutables,
    logs,
    multipart,
    nothing,
    paging,
    pricing,
    protocols,
    quotas,
    registry,
    runtime,
    s3,
    scaling,
    showing,
    tagging,
    tags,
)
from mmeplan.simulator.call import Operation
from mmeplan.simulator.protocols import INVOCATION, JSON, QUERY, Protocol
from mmeplan.simulator.s3_wire import S3_REST


@dataclass(frozen=True, slots=True)
class Service:
    """One service. `name` is botocore's, `invalid` the code of what breaks a shape's constraints.

    `signing` is the service in the scope of its requests' signatures, `target` what stands before the operation in
    their `X-Amz-Target`, if anything does, and `queried` whether they may be written in the query protocol.
    """

    name: str
    protocol: Protocol
    operations: Mapping[str, Operation]
    signing: str
    target: str = ""
    queried: bool = False
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
        "CreateInferenceComponent": Operation(components.create, True, "InferenceComponentName"),
        "DescribeInferenceComponent": Operation(components.describe, False, "InferenceComponentName"),
        "ListInferenceComponents": Operation(paging.lister(components.COMPONENTS), False),
        "DeleteInferenceComponent": Operation(components.delete, True, "InferenceComponentName"),
        "CreateModelPackageGroup": Operation(registry.create_group, True, "ModelPackageGroupName"),
        "DescribeModelPackageGroup": Operation(registry.describe_group, False, "ModelPackageGroupName"),
        "ListModelPackageGroups": Operation(paging.lister(registry.GROUPS), False),
        "DeleteModelPackageGroup": Operation(registry.delete_group, True, "ModelPackageGroupName"),
        "CreateModelPackage": Operation(registry.create_package, True, "ModelPackageGroupName"),
        "DescribeModelPackage": Operation(registry.describe_package, False, "ModelPackageName"),
        "ListModelPackages": Operation(paging.lister(registry.PACKAGES), False),
        "UpdateModelPackage": Operation(registry.update_package, True, "ModelPackageArn"),
        "DeleteModelPackage": Operation(registry.delete_package, True, "ModelPackageName"),
        "AddTags": Operation(tags.add_tags, True, "ResourceArn"),
        "ListTags": Operation(tags.list_tags, False, "ResourceArn"),
        "DeleteTags": Operation(tags.delete_tags, True, "ResourceArn"),
        **{name: nothing.listing(name) for name in nothing.LISTS},
    },
    signing="sagemaker",
    target="SageMaker",
)
TAGGING: Final = Service(
    "resourcegroupstaggingapi",
    JSON,
    {"GetResources": Operation(tagging.get_resources, False)},
    signing="tagging",
    target="ResourceGroupsTaggingAPI_20170126",
    invalid="InvalidParameterException",
)
STS: Final = Service(
    "sts",
    QUERY,
    {
        "GetCallerIdentity": Operation(identity.get_caller_identity, False),
        "AssumeRole": Operation(identity.assume_role, True, "RoleArn"),
        "AssumeRoleWithWebIdentity": Operation(identity.assume_role_with_web_identity, True, "RoleArn"),
    },
    signing="sts",
    queried=True,
    invalid="ValidationError",
)
IAM: Final = Service(
    "iam",
    QUERY,
    {
        "CreateRole": Operation(iam.create_role, True, "RoleName"),
        "GetRole": Operation(iam.get_role, False, "RoleName"),
        "CreateOpenIDConnectProvider": Operation(iam.create_provider, True, "Url"),
        "SimulatePrincipalPolicy": Operation(iam.simulate_principal_policy, False, "PolicySourceArn"),
    },
    signing="iam",
    queried=True,
    invalid="ValidationError",
)
LOGS: Final = Service(
    "logs",
    JSON,
    {"FilterLogEvents": Operation(logs.filter_log_events, False, "logGroupName")},
    signing="logs",
    target="Logs_20140328",
    invalid="InvalidParameterException",
)
CLOUDWATCH: Final = Service(
    "cloudwatch",
    JSON,
    {
        "PutMetricAlarm": Operation(alarms.put_metric_alarm, True, "AlarmName"),
        "DescribeAlarms": Operation(alarms.describe_alarms, False),
        "SetAlarmState": Operation(alarms.set_alarm_state, True, "AlarmName"),
        "DeleteAlarms": Operation(alarms.delete_alarms, True),
    },
    signing="monitoring",
    target="GraniteServiceVersion20100801",
    queried=True,
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
        "PutScheduledAction": Operation(scaling.put_scheduled_action, True, "ScheduledActionName"),
        "DescribeScheduledActions": Operation(scaling.describe_scheduled_actions, False),
        "DeleteScheduledAction": Operation(scaling.delete_scheduled_action, True, "ScheduledActionName"),
        "TagResource": Operation(scaling.tag_resource, True, "ResourceARN"),
        "UntagResource": Operation(scaling.untag_resource, True, "ResourceARN"),
        "ListTagsForResource": Operation(scaling.list_tags_for_resource, False, "ResourceARN"),
    },
    signing="application-autoscaling",
    target="AnyScaleFrontendService",
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
    signing="servicequotas",
    target="ServiceQuotasV20190624",
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
    signing="sagemaker",
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
        "GetBucketEncryption": Operation(s3.get_bucket_encryption, False, "Bucket"),
        "PutBucketTagging": Operation(s3.put_bucket_tagging, True, "Bucket"),
        "GetBucketTagging": Operation(s3.get_bucket_tagging, False, "Bucket"),
        "DeleteBucketTagging": Operation(s3.delete_bucket_tagging, True, "Bucket"),
        "DeleteBucket": Operation(s3.delete_bucket, True, "Bucket"),
        "PutObject": Operation(s3.put_object, True, "Key"),
        "GetObject": Operation(s3.get_object, False, "Key"),
        "HeadObject": Operation(s3.head_object, False, "Key"),
        "GetObjectAttributes": Operation(s3.get_object_attributes, False, "Key"),
        "PutObjectTagging": Operation(s3.put_object_tagging, True, "Key"),
        "GetObjectTagging": Operation(s3.get_object_tagging, False, "Key"),
        "DeleteObjectTagging": Operation(s3.delete_object_tagging, True, "Key"),
        "DeleteObject": Operation(s3.delete_object, True, "Key"),
        "DeleteObjects": Operation(s3.delete_objects, True, "Bucket"),
        "CopyObject": Operation(s3.copy_object, True, "Key"),
        "ListObjects": Operation(s3.list_objects, False, "Bucket"),
        "ListObjectsV2": Operation(s3.list_objects, False, "Bucket"),
        "ListObjectVersions": Operation(s3.list_object_versions, False, "Bucket"),
        "GetBucketVersioning": Operation(s3.get_bucket_versioning, False, "Bucket"),
        "CreateMultipartUpload": Operation(multipart.create_upload, True, "Key"),
        "UploadPart": Operation(multipart.upload_part, True, "Key"),
        "UploadPartCopy": Operation(multipart.upload_part, True, "Key"),
        "CompleteMultipartUpload": Operation(multipart.complete_upload, True, "Key"),
        "AbortMultipartUpload": Operation(multipart.abort_upload, True, "Key"),
        "ListParts": Operation(multipart.list_parts, False, "Key"),
        "ListMultipartUploads": Operation(multipart.list_uploads, False, "Bucket"),
    },
    signing="s3",
)

ECR: Final = Service(
    "ecr",
    JSON,
    {
        "DescribeImages": Operation(declared.describe_images, False, "repositoryName"),
        "BatchGetImage": Operation(declared.batch_get_image, False, "repositoryName"),
    },
    signing="ecr",
    target="AmazonEC2ContainerRegistry_V20150921",
    invalid="InvalidParameterException",
)
EC2: Final = Service(
    "ec2",
    protocols.EC2,
    {network.operation: Operation(declared.describer(network), False) for network in declared.NETWORKS},
    signing="ec2",
    queried=True,
    invalid="InvalidParameterValue",
)
KMS: Final = Service(
    "kms",
    JSON,
    {
        "DescribeKey": Operation(declared.describe_key, False, "KeyId"),
        "GetKeyPolicy": Operation(declared.get_key_policy, False, "KeyId"),
    },
    signing="kms",
    target="TrentService",
)
SNS: Final = Service(
    "sns",
    QUERY,
    {"GetTopicAttributes": Operation(declared.get_topic_attributes, False, "TopicArn")},
    signing="sns",
    queried=True,
    invalid="InvalidParameter",
)
PRICING: Final = Service(
    "pricing",
    JSON,
    {"GetProducts": Operation(pricing.get_products, False, "ServiceCode")},
    signing="pricing",
    target="AWSPriceListService",
    invalid="InvalidParameterException",
)

SERVICES: Final = (
    *(SAGEMAKER, TAGGING, STS, IAM, LOGS, CLOUDWATCH, AUTOSCALING, QUOTAS, RUNTIME, S3),
    *(ECR, EC2, KMS, SNS, PRICING),
)
WRITES: Final = {name: operation.writes for service in SERVICES for name, operation in service.operations.items()}
"""Operation → whether it writes, over all services."""
BY_OPERATION: Final = {name: service for service in SERVICES for name in service.operations}
"""Operation → its service: no two services have one of the same name."""
