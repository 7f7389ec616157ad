"""CloudWatch alarms: put, describe, set, delete."""

from __future__ import annotations

import pytest


def alarms(world, **members):
    return world.call("cloudwatch", "DescribeAlarms", **members)


def test_a_new_alarm_has_insufficient_data_and_an_old_one_keeps_its_state(world):
    world.alarm()
    shown = alarms(world)["MetricAlarms"][0]
    assert shown["StateValue"] == "INSUFFICIENT_DATA"
    assert shown["AlarmArn"] == "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:errors"
    world.set_alarm("errors", "OK")
    world.sim.clock.sleep(5)
    world.alarm()
    again = alarms(world)["MetricAlarms"][0]
    assert again["StateValue"] == "OK"
    assert again["AlarmConfigurationUpdatedTimestamp"] - again["StateUpdatedTimestamp"] == 5


def test_alarms_are_found_by_name_prefix_and_state_and_in_pages(world):
    for name in ("a1", "a2", "B1"):
        world.alarm(name)
    world.set_alarm("a2", "ALARM")

    def named(**members):
        return [alarm["AlarmName"] for alarm in alarms(world, **members)["MetricAlarms"]]

    assert named() == ["B1", "a1", "a2"]
    assert named(AlarmNames=["B1", "b1"]) == ["B1"]
    assert named(AlarmNamePrefix="a") == ["a1", "a2"]
    assert named(StateValue="ALARM") == ["a2"]
    assert named(AlarmTypes=["CompositeAlarm"]) == []
    first = alarms(world, MaxRecords=2)
    assert [alarm["AlarmName"] for alarm in first["MetricAlarms"]] == ["B1", "a1"]
    assert named(NextToken=first["NextToken"]) == ["a2"]


def test_a_deleted_alarm_is_gone_and_an_unknown_one_is_refused(world):
    world.alarm()
    world.call("cloudwatch", "DeleteAlarms", AlarmNames=["errors"])
    assert alarms(world)["MetricAlarms"] == []
    for operation, members in (
        ("DeleteAlarms", {"AlarmNames": ["errors"]}),
        ("SetAlarmState", {"AlarmName": "errors", "StateValue": "OK", "StateReason": "r"}),
    ):
        with pytest.raises(Exception, match="ResourceNotFound"):
            world.call("cloudwatch", operation, **members)
