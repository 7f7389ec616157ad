"""CloudWatch alarms, as far as deployments watch them: put, describe, set, delete.

In: validated requests. Out: answers, alarms among the world's records, and rollouts that turn back when one of their
alarms goes to ALARM. No metric is evaluated: an alarm's state changes by SetAlarmState, or by a fault.
Sources: botocore cloudwatch PutMetricAlarm, DescribeAlarms, SetAlarmState, DeleteAlarms; a deployment ends by an alarm,
deployment-guardrails-configuration.md.
"""

from __future__ import annotations

from typing import Any, Final

from mmeplan.aws.lifecycle import UPDATING
from mmeplan.aws.partitions import partition_of
from mmeplan.simulator import deployment, rollout
from mmeplan.simulator.call import Call, seconds
from mmeplan.simulator.names import ENDPOINT
from mmeplan.simulator.store import Filter
from mmeplan.simulator.wire import ServiceError

Json = dict[str, Any]

ALARM: Final = "alarm"
ALARMING: Final = "ALARM"
PAGE_SIZE: Final = 100
"""DescribeAlarms' MaxRecords where none is given (and at most), as its documentation says."""

_STATE: Final = ("StateValue", "StateReason", "StateReasonData", "StateUpdatedTimestamp", "StateTransitionedTimestamp")
_NOT_SHOWN: Final = ("Tags",)


def put_metric_alarm(call: Call, request: Json) -> None:
    """PutMetricAlarm: a new alarm is INSUFFICIENT_DATA; an old one keeps its state and loses its configuration."""
    name, at_s = request["AlarmName"], seconds(call.now_us)
    known = _get(call, name)
    state = {
        "StateValue": "INSUFFICIENT_DATA",
        "StateReason": "Unchecked: Initial alarm creation",
        "StateUpdatedTimestamp": at_s,
        "StateTransitionedTimestamp": at_s,
    }
    if known:
        state = {member: known[member] for member in _STATE if member in known}
    arn = f"arn:{partition_of(call.region)}:cloudwatch:{call.region}:{call.account}:alarm:{name}"
    alarm = {
        "AlarmName": name,
        "AlarmArn": arn,
        "AlarmConfigurationUpdatedTimestamp": at_s,
        "ActionsEnabled": True,
        **{member: value for member, value in request.items() if member not in _NOT_SHOWN and value != []},
        **state,
    }
    _put(call, alarm)


def describe_alarms(call: Call, request: Json) -> Json:
    """DescribeAlarms, by name. A NextToken is the last name shown."""
    wanted, prefix = request.get("AlarmNames"), request.get("AlarmNamePrefix", "")
    if wanted and prefix:
        raise ServiceError("ValidationError", "AlarmNames and AlarmNamePrefix can't be given together.")
    if "MetricAlarm" not in request.get("AlarmTypes", ["MetricAlarm"]):
        return {"MetricAlarms": [], "CompositeAlarms": []}
    after, limit = request.get("NextToken", ""), request.get("MaxRecords", PAGE_SIZE)
    state = request.get("StateValue")
    found = [
        alarm
        for name, alarm in call.records.all(ALARM, call.account, call.region, after)
        if (not wanted or name in wanted) and name.startswith(prefix) and state in (None, alarm["StateValue"])
    ]
    answer: Json = {"MetricAlarms": found[:limit], "CompositeAlarms": []}
    if len(found) > limit:
        answer["NextToken"] = found[limit - 1]["AlarmName"]
    return answer


def set_alarm_state(call: Call, request: Json) -> None:
    """SetAlarmState: the way to make a deployment's alarm trip."""
    alarm = _get(call, request["AlarmName"])
    if alarm is None:
        raise ServiceError("ResourceNotFound", "Alarm does not exist.", 404)
    _set(call, alarm, request["StateValue"], request["StateReason"], call.now_us)
    if request["StateValue"] == ALARMING:
        _turn_back(call, request["AlarmName"])


def delete_alarms(call: Call, request: Json) -> None:
    """DeleteAlarms: those that exist are deleted, even where one of the names is wrong."""
    gone = [call.records.remove(ALARM, call.account, call.region, name) for name in request["AlarmNames"]]
    if not all(gone) and len(gone) == 1:
        raise ServiceError("ResourceNotFound", "Alarm does not exist.", 404)


def reason(name: str) -> str:
    """The FailureReason of an update that an alarm ended. The service's words aren't captured."""
    return f'The deployment was rolled back because the CloudWatch alarm "{name}" is in ALARM state.'


def is_alarming(call: Call, name: str) -> bool:
    """Whether the alarm exists and is in ALARM."""
    alarm = _get(call, name)
    return alarm is not None and alarm["StateValue"] == ALARMING


def trip(call: Call, name: str, why: str, at_us: int) -> None:
    """Set an alarm to ALARM, if it exists: the alarms of a deployment aren't looked up when it is accepted."""
    alarm = _get(call, name)
    if alarm and alarm["StateValue"] != ALARMING:
        _set(call, alarm, ALARMING, why, at_us)


def _turn_back(call: Call, name: str) -> None:
    """Let every deployment that watches this alarm turn back, now."""
    updating = [Filter("status = ?", UPDATING)]
    scope = call.scope(ENDPOINT)
    for endpoint in call.store.page(scope, column="seq", descending=False, after=None, filters=updating, limit=-1):
        pending = endpoint.body["pending"]
        if pending and not pending["returning"] and name in deployment.alarms(pending["in_force"]):
            rollout.stop_at_first(pending, [(call.now_us, reason(name), name)])
            endpoint.due_us = rollout.due_us(pending)
            call.store.update(endpoint)


def _set(call: Call, alarm: Json, value: str, why: str, at_us: int) -> None:
    moment = seconds(at_us)
    if alarm["StateValue"] != value:
        alarm["StateTransitionedTimestamp"] = moment
    _put(call, alarm | {"StateValue": value, "StateReason": why, "StateUpdatedTimestamp": moment})


def _get(call: Call, name: str) -> Json | None:
    found: Json | None = call.records.get(ALARM, call.account, call.region, name)
    return found


def _put(call: Call, alarm: Json) -> None:
    call.records.put(ALARM, call.account, call.region, alarm["AlarmName"], alarm)
