"""How the kinds that are asked for will be described: none is registered, each is held against botocore's models.

docs/adding-a-kind.md shows the same as a table.
"""

from __future__ import annotations

from mmeplan.kinds import Kind, Lifecycle, LiveObject, Ownership

_OF_TARGET = ("ServiceNamespace", "ResourceId", "ScalableDimension")
_SAGEMAKER = {"ServiceNamespace": "sagemaker"}

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

COMING = (SCHEDULED_ACTION, ALARM, ARCHIVE)
