"""The reads of stage `online`: the IAM action that each needs, and how its list goes on.

Data, for `rules.online`, the rules' pages and docs/rules/index.md. Sources: the Service Authorization Reference; each
service's botocore model and paginators.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

PAGES: Final = 200  # of one list: SageMaker has some thousands of quotas in pages of 100, S3 gives 1,000 keys a page

ACTIONS: Final = {
    "BatchGetImage": "ecr:BatchGetImage",
    "DescribeAlarms": "cloudwatch:DescribeAlarms",
    "DescribeEndpoint": "sagemaker:DescribeEndpoint",
    "DescribeEndpointConfig": "sagemaker:DescribeEndpointConfig",
    "DescribeImages": "ecr:DescribeImages",
    "DescribeInstanceTypes": "ec2:DescribeInstanceTypes",
    "DescribeKey": "kms:DescribeKey",
    "DescribeModel": "sagemaker:DescribeModel",
    "DescribeRouteTables": "ec2:DescribeRouteTables",
    "DescribeScalableTargets": "application-autoscaling:DescribeScalableTargets",
    "DescribeSecurityGroups": "ec2:DescribeSecurityGroups",
    "DescribeSubnets": "ec2:DescribeSubnets",
    "DescribeVpcEndpoints": "ec2:DescribeVpcEndpoints",
    "GetBucketLocation": "s3:GetBucketLocation",
    "GetCallerIdentity": "sts:GetCallerIdentity",
    "GetKeyPolicy": "kms:GetKeyPolicy",
    "GetObject": "s3:GetObject",
    "GetTopicAttributes": "sns:GetTopicAttributes",
    "ListAWSDefaultServiceQuotas": "servicequotas:ListAWSDefaultServiceQuotas",
    "ListModels": "sagemaker:ListModels",
    "ListObjectVersions": "s3:ListBucketVersions",
    "ListObjectsV2": "s3:ListBucket",
    "ListServiceQuotas": "servicequotas:ListServiceQuotas",
    "SimulatePrincipalPolicy": "iam:SimulatePrincipalPolicy",
}
"""The IAM action of each operation that a rule here asks for."""

TOKENS: Final[Mapping[str, Mapping[str, str]]] = {
    "ListObjectVersions": {"KeyMarker": "NextKeyMarker", "VersionIdMarker": "NextVersionIdMarker"},
    "ListObjectsV2": {"ContinuationToken": "NextContinuationToken"},
    "SimulatePrincipalPolicy": {"Marker": "Marker"},
}
"""Request member → member of the answer that it repeats for the next page. Elsewhere both are NextToken."""
