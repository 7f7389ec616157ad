"""How the kinds that are asked for will be described: none is registered, each is held against botocore's models.

docs/adding-a-kind.md shows the same as a table.
"""

from __future__ import annotations

from mmeplan.kinds import Kind, Lifecycle, LiveObject, Ownership

_OF_TARGET = ("ServiceNamespace", "ResourceId", "ScalableDimension")
_SAGEMAKER = {"ServiceNamespace": "sagemaker"}

SCALABLE_TARGET = Kind(
    name="scalable_target",
    noun="ScalableTarget",
    lifecycle=Lifecycle.MUTABLE,
    live=LiveObject,
    service="application-autoscaling",
    identity=_OF_TARGET,
    fixed=_SAGEMAKER,
    upsert="RegisterScalableTarget",
    verbs={
        "delete": "DeregisterScalableTarget",
        "describe": "DescribeScalableTargets",
        "list": "DescribeScalableTargets",
    },
    answer_member="ScalableTargets",
    plural={"ResourceId": "ResourceIds"},
    arn_member="ScalableTargetARN",
    answer_only=frozenset({*_OF_TARGET, "ScalableTargetARN", "CreationTime", "PredictedCapacity"}),
    parent="endpoint",
    parent_in=lambda name: name.split("/")[1],
    refers_to=("endpoint",),
    references=lambda members: [("endpoint", str(members["ResourceId"]).split("/")[1])],
)

SCALING_POLICY = Kind(
    name="scaling_policy",
    noun="ScalingPolicy",
    lifecycle=Lifecycle.MUTABLE,
    live=LiveObject,
    service="application-autoscaling",
    identity=(*_OF_TARGET, "PolicyName"),
    fixed=_SAGEMAKER,
    upsert="PutScalingPolicy",
    verbs={"describe": "DescribeScalingPolicies", "list": "DescribeScalingPolicies"},
    answer_member="ScalingPolicies",
    plural={"PolicyName": "PolicyNames"},
    arn_member="PolicyARN",
    arn_word=None,
    answer_only=frozenset({*_OF_TARGET, "PolicyName", "PolicyARN", "Alarms", "CreationTime"}),
    ownership=Ownership.PARENT,
    parent="scalable_target",
    parent_in=lambda name: " ".join(name.split(" ")[:2]),
    refers_to=("scalable_target",),
    references=lambda members: [("scalable_target", f"{members['ResourceId']} {members['ScalableDimension']}")],
)

SCHEDULED_ACTION = Kind(
    name="scheduled_action",
    noun="ScheduledAction",
    lifecycle=Lifecycle.MUTABLE,
    live=LiveObject,
    service="application-autoscaling",
    identity=(*_OF_TARGET, "ScheduledActionName"),
    fixed=_SAGEMAKER,
    upsert="PutScheduledAction",
    verbs={"describe": "DescribeScheduledActions", "list": "DescribeScheduledActions"},
    answer_member="ScheduledActions",
    plural={"ScheduledActionName": "ScheduledActionNames"},
    arn_member="ScheduledActionARN",
    arn_word=None,
    answer_only=frozenset({*_OF_TARGET, "ScheduledActionName", "ScheduledActionARN", "CreationTime"}),
    ownership=Ownership.PARENT,
    parent="scalable_target",
    parent_in=lambda name: " ".join(name.split(" ")[:2]),
)

ALARM = Kind(
    name="alarm",
    noun="Alarm",
    lifecycle=Lifecycle.MUTABLE,
    live=LiveObject,
    service="cloudwatch",
    section="alarms",
    upsert="PutMetricAlarm",
    verbs={"delete": "DeleteAlarms", "describe": "DescribeAlarms", "list": "DescribeAlarms"},
    answer_member="MetricAlarms",
    plural={"AlarmName": "AlarmNames"},
    deletes_many=True,
    answer_only=frozenset(
        {
            "AlarmName",
            "AlarmArn",
            "AlarmConfigurationUpdatedTimestamp",
            "EvaluationState",
            "StateReason",
            "StateReasonData",
            "StateTransitionedTimestamp",
            "StateUpdatedTimestamp",
            "StateValue",
        }
    ),
)

ARCHIVE = Kind(
    name="archive",
    noun="Object",
    lifecycle=Lifecycle.MUTABLE,
    live=LiveObject,
    service="s3",
    identity=("Bucket", "Key"),
    upsert="PutObject",
    verbs={"describe": "HeadObject", "list": "ListObjectsV2"},
    list_member="Contents",
    arn_word=None,
    ownership=Ownership.PARENT,
    parent="model",
)

COMING = (SCALABLE_TARGET, SCALING_POLICY, SCHEDULED_ACTION, ALARM, ARCHIVE)
