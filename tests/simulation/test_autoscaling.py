"""Scalable targets and policies of a fleet: created, changed, restored, removed, adopted, and around every swap."""

from __future__ import annotations

from typing import Any

import pytest

from mmeplan.identity import CARRIES_TAG
from mmeplan.plan.duration import estimate
from mmeplan.simulator import SimulatedCrash
from tests.simulation.world import REGION, Fleet, World, fleet, model, one, variant

COUNT = "sagemaker:variant:DesiredInstanceCount"
TARGET = {"ServiceNamespace": "sagemaker", "ScalableDimension": COUNT, "ResourceId": "endpoint/ranker/variant/main"}
NAME = f"endpoint/ranker/variant/main {COUNT}"
AT = "scalable_target/ranker/main"
POLICY_AT = "scaling_policy/ranker/main/tracking"


def tracking(value: float = 70, **members: Any) -> Fleet:
    """A target tracking policy."""
    metric = {"predefined_metric_type": "SageMakerVariantInvocationsPerInstance"}
    of = {"target_value": value, "predefined_metric_specification": metric, **members}
    return {"policy_type": "TargetTrackingScaling", "target_tracking_scaling_policy_configuration": of}


def steps(**members: Any) -> Fleet:
    """A step policy."""
    of = {
        "adjustment_type": "ChangeInCapacity",
        "step_adjustments": [{"metric_interval_lower_bound": 0, "scaling_adjustment": 1}],
        **members,
    }
    return {"policy_type": "StepScaling", "step_scaling_policy_configuration": of}


def scaled(least: int = 1, most: int = 4, policies: Fleet | None = None, **more: Any) -> Fleet:
    """A fleet whose endpoint is scaled; `kind` is its instance type."""
    wanted = {"tracking": tracking()} if policies is None else policies
    own = {key: more.pop(key) for key in ("adopt", "allow", "suspended_state") if key in more}
    auto = {"min_capacity": least, "max_capacity": most, "policies": wanted, **own}
    kind = more.pop("kind", "ml.m5.large")
    return one({"main": variant(instance_type=kind, autoscaling=auto)}, **more)


def targets(world: World) -> list[dict[str, Any]]:
    return world.does("DescribeScalableTargets", ServiceNamespace="sagemaker")["ScalableTargets"]


def policies(world: World) -> dict[str, dict[str, Any]]:
    found = world.does("DescribeScalingPolicies", ServiceNamespace="sagemaker")["ScalingPolicies"]
    return {policy["PolicyName"]: policy for policy in found}


def bounds(world: World) -> list[tuple[int, int]]:
    return [(target["MinCapacity"], target["MaxCapacity"]) for target in targets(world)]


def tags(world: World) -> dict[str, str]:
    return world.does("ListTagsForResource", ResourceARN=targets(world)[0]["ScalableTargetARN"])["Tags"]


def what(plan: Any) -> dict[str, str]:
    return {change.address: str(change.action) for change in plan.changes if not change.is_noop}


@pytest.fixture
def world() -> Any:
    with World() as made:
        yield made


# --- one life ---------------------------------------------------------------------------------------------------------


def test_it_is_made_with_its_endpoint(world: World) -> None:
    operations = world.operations(scaled())
    assert operations[-3:] == ["CreateEndpoint", "RegisterScalableTarget", "PutScalingPolicy"]
    assert bounds(world) == [(1, 4)]
    assert list(policies(world)) == ["tracking"]
    assert tags(world)["mmeplan:address"] == AT


def test_bounds_are_changed_in_place(world: World) -> None:
    world.live_through(scaled())
    plan = world.live_through(scaled(2, 6))
    assert [step.operation for step in plan.steps] == ["RegisterScalableTarget", "TagResource"]
    assert bounds(world) == [(2, 6)]
    assert plan.format_version == "1.3"


def test_a_policy_is_changed_in_place(world: World) -> None:
    world.live_through(scaled())
    arn = policies(world)["tracking"]["PolicyARN"]
    assert world.operations(scaled(policies={"tracking": tracking(50)})) == ["PutScalingPolicy"]
    made = policies(world)["tracking"]
    assert made["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] == 50
    assert made["PolicyARN"] == arn


def test_policies_come_and_go(world: World) -> None:
    world.live_through(scaled())
    assert world.operations(scaled(policies={"tracking": tracking(), "steps": steps()})) == [
        "TagResource",
        "PutScalingPolicy",
    ]
    assert sorted(policies(world)) == ["steps", "tracking"]
    assert world.operations(scaled(policies={"steps": steps()})) == ["DeleteScalingPolicy", "TagResource"]
    assert list(policies(world)) == ["steps"]


def test_it_goes_with_its_key(world: World) -> None:
    world.live_through(scaled())
    operations = world.operations(one({"main": variant(capacity="autoscaled")}))
    assert operations[:2] == ["DeleteScalingPolicy", "DeregisterScalableTarget"]
    assert targets(world) == []
    assert CARRIES_TAG not in {tag["Key"] for tag in endpoint_tags(world)}


def endpoint_tags(world: World) -> list[dict[str, str]]:
    arn = world.does("DescribeEndpoint", EndpointName="ranker")["EndpointArn"]
    return world.does("ListTags", ResourceArn=arn)["Tags"]


def test_it_goes_with_its_endpoint(world: World) -> None:
    world.live_through(scaled())
    plan = world.live_through(fleet({}, models={}), allow_outage=(), max_change="100%")
    done = [step.operation for step in plan.steps]
    assert done.index("DeregisterScalableTarget") < done.index("DeleteEndpoint")
    assert targets(world) == []


def test_a_fleet_without_it_asks_nothing_more(world: World) -> None:
    world.live_through(one())
    world.sim.faults  # noqa: B018 - the account has faults, and none of them are set
    plan = world.plan(one())
    assert plan.format_version == "1.2"
    assert not any(event.operation.startswith("DescribeScal") for event in world.sim.history())


# --- others -----------------------------------------------------------------------------------------------------------


def test_what_others_changed_is_drift_and_is_restored(world: World) -> None:
    world.live_through(scaled())
    world.does("RegisterScalableTarget", **TARGET, MinCapacity=1, MaxCapacity=9)
    plan = world.plan(scaled())
    assert what(plan) == {AT: "update"}
    assert [drift.address for drift in plan.drift] == [AT]
    world.live_through(scaled())
    assert bounds(world) == [(1, 4)]


def test_what_others_deleted_is_restored(world: World) -> None:
    world.live_through(scaled())
    world.does("DeregisterScalableTarget", **TARGET)
    assert world.operations(scaled()) == ["RegisterScalableTarget", "PutScalingPolicy"]


def test_what_others_suspended_is_left_as_it_is_unless_it_is_declared(world: World) -> None:
    world.live_through(scaled())
    world.does("RegisterScalableTarget", **TARGET, SuspendedState={"ScheduledScalingSuspended": True})
    assert not world.plan(scaled()).steps
    state = {"scheduled_scaling_suspended": False}
    assert world.operations(scaled(suspended_state=state)) == ["RegisterScalableTarget", "TagResource"]


def registered(world: World, least: int = 1, most: int = 4) -> None:
    world.live_through(one({"main": variant(capacity="autoscaled")}))
    world.does("RegisterScalableTarget", **TARGET, MinCapacity=least, MaxCapacity=most)


def refused(world: World, text: Fleet) -> str:
    plan = world.plan(text)
    assert not plan.applyable
    return " ".join(finding.message for finding in plan.findings if finding.severity == "error")


def test_somebody_elses_target_is_refused(world: World) -> None:
    registered(world)
    assert "isn't this fleet's" in refused(world, scaled(policies={}))


def test_somebody_elses_target_is_adopted(world: World) -> None:
    registered(world)
    world.live_through(scaled(policies={}, adopt=True))
    assert tags(world)["mmeplan:fleet"] == "f"


def test_somebody_elses_target_with_other_bounds_is_not_overwritten(world: World) -> None:
    registered(world, 2, 9)
    assert "its content is another one" in refused(world, scaled(policies={}, adopt=True))


def put(world: World, name: str = "theirs", value: float = 5.0) -> None:
    metric = {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}
    of = {"TargetValue": value, "PredefinedMetricSpecification": metric}
    kind = "TargetTrackingScaling"
    world.does(
        "PutScalingPolicy", **TARGET, PolicyName=name, PolicyType=kind, TargetTrackingScalingPolicyConfiguration=of
    )


def test_somebody_elses_policy_is_left_alone(world: World) -> None:
    world.live_through(scaled())
    put(world)
    assert not world.plan(scaled()).steps


def test_somebody_elses_policy_of_a_wanted_name_is_refused_or_adopted(world: World) -> None:
    world.live_through(scaled())
    put(world, value=70.0)
    both = {"tracking": tracking(), "theirs": tracking()}
    assert "isn't this fleet's" in refused(world, scaled(policies=both))
    world.live_through(scaled(policies={**both, "theirs": {**tracking(), "adopt": True}}))
    assert world.operations(scaled()) == ["DeleteScalingPolicy", "TagResource"]


def test_a_target_that_carries_others_things_is_not_removed(world: World) -> None:
    world.live_through(scaled())
    put(world)
    assert "the scaling policy theirs" in refused(world, one({"main": variant(capacity="autoscaled")}))


# --- around a swap ----------------------------------------------------------------------------------------------------

XLARGE = scaled(kind="ml.m5.xlarge")


def test_another_image_leaves_it_alone(world: World) -> None:
    world.live_through(scaled())
    plan = world.live_through({**scaled(), "models": {"ranker": model("2")}})
    assert "DeregisterScalableTarget" not in [step.operation for step in plan.steps]


def test_another_type_takes_it_off_and_puts_it_back(world: World) -> None:
    world.live_through(scaled())
    plan = world.live_through(XLARGE)
    done = [step.operation for step in plan.steps]
    around = ["DeregisterScalableTarget", "UpdateEndpoint", "RegisterScalableTarget", "PutScalingPolicy"]
    assert [operation for operation in done if operation in around] == around
    assert what(plan)[AT] == "delete_then_create"
    assert bounds(world) == [(1, 4)]
    assert list(policies(world)) == ["tracking"]


def test_what_is_taken_off_and_put_back_takes_no_time_of_its_own(world: World) -> None:
    world.live_through(scaled())
    found = estimate(world.plan(scaled(kind="ml.m5.xlarge")))
    assert found.unknown == ()
    assert (found.waits, found.longest) == (1, "endpoint/ranker")
    assert not found.takes.is_open


def test_another_type_and_other_bounds(world: World) -> None:
    world.live_through(scaled())
    world.live_through(scaled(2, 8, kind="ml.m5.xlarge", policies={"steps": steps()}))
    assert bounds(world) == [(2, 8)]
    assert list(policies(world)) == ["steps"]


def test_a_scaled_variant_leaves_once_its_scaling_has(world: World) -> None:
    """Where SageMaker rolled the update back, nothing would scale the variant that serves on."""
    auto = {"min_capacity": 1, "max_capacity": 4}
    world.live_through(one({"main": variant(autoscaling=auto), "side": variant(autoscaling=auto)}))
    without = one({"main": variant(autoscaling=auto)})
    assert "drop its `autoscaling:` and apply that first" in refused(world, without)
    world.live_through(one({"main": variant(autoscaling=auto), "side": variant(capacity="autoscaled")}))
    world.live_through(without)
    assert len(targets(world)) == 1


def test_somebody_elses_target_refuses_another_type(world: World) -> None:
    auto = {"min_capacity": 1, "max_capacity": 4}
    before = {"main": variant(autoscaling=auto), "side": variant(capacity="autoscaled")}
    world.live_through(one(before))
    side = {**TARGET, "ResourceId": "endpoint/ranker/variant/side"}
    world.does("RegisterScalableTarget", **side, MinCapacity=1, MaxCapacity=3)
    after = {**before, "side": variant(instance_type="ml.m5.xlarge", capacity="autoscaled")}
    assert "endpoint/ranker/variant/side isn't this fleet's" in refused(world, one(after))


def test_somebody_elses_policy_refuses_another_type(world: World) -> None:
    world.live_through(scaled())
    put(world)
    text = refused(world, XLARGE)
    assert "the scaling policy theirs" in text
    assert "declare it" in text


def test_a_scheduled_action_refuses_another_type(world: World) -> None:
    world.live_through(scaled())
    nightly(world)
    assert "the scheduled action nightly" in refused(world, XLARGE)


def nightly(world: World) -> None:
    action = {"MinCapacity": 2, "MaxCapacity": 4}
    client = world.foreigner._session.client("application-autoscaling")
    client.meta.events.register("before-send.*", world.sim.before_send)
    when = {"ScheduledActionName": "nightly", "Schedule": "cron(0 22 * * ? *)"}
    client.put_scheduled_action(**TARGET, **when, ScalableTargetAction=action)


def test_what_was_made_since_the_plan_stops_the_swap_and_all_is_left_as_it_was(world: World) -> None:
    world.live_through(scaled())
    plan = world.plan(XLARGE)
    nightly(world)
    outcome = world.apply(plan)
    assert "the scheduled action nightly" in outcome.failed[0].detail
    assert bounds(world) == [(1, 4)]
    assert list(policies(world)) == ["tracking"]
    assert world.does("DescribeEndpoint", EndpointName="ranker")["EndpointStatus"] == "InService"


def test_it_is_put_back_where_sagemaker_rolls_back(world: World) -> None:
    world.live_through(scaled())
    world.sim.faults.fail_update("ranker", "the containers didn't come up")
    plan = world.plan(XLARGE)
    outcome = world.apply(plan)
    assert not outcome.complete
    assert bounds(world) == [(1, 4)]
    assert list(policies(world)) == ["tracking"]


def test_it_is_put_back_where_the_update_is_refused(world: World) -> None:
    world.live_through(scaled())
    plan = world.plan(XLARGE)
    world.sim.faults.error("UpdateEndpoint", code="ValidationException", message="no")
    outcome = world.apply(plan)
    assert [result.step for result in outcome.failed] == ["UpdateEndpoint:endpoint/ranker"]
    assert bounds(world) == [(1, 4)]
    assert list(policies(world)) == ["tracking"]


def test_an_interrupt_before_the_update_puts_it_back(world: World) -> None:
    world.live_through(scaled())
    plan = world.plan(XLARGE)
    outcome = world.apply(
        plan, stopping=lambda: any(operation == "DeregisterScalableTarget" for operation, _ in world.written)
    )
    assert outcome.interrupted
    assert bounds(world) == [(1, 4)]
    assert list(policies(world)) == ["tracking"]
    assert ("UpdateEndpoint" in [operation for operation, _ in world.written]) is False


# --- deaths -----------------------------------------------------------------------------------------------------------


def crashed(world: World, plan: Any, at: int, when: str) -> bool:
    """An apply that dies at its write of this number. Whether it got so far."""
    world.sim.faults.crash_at(at, when)  # type: ignore[arg-type]
    try:
        world.apply(plan)
    except SimulatedCrash:
        world.sim.clock.sleep(7200)
        return True
    world.sim.faults.reset()
    return False


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("goes_on", ["on", "back"])
def test_wherever_an_apply_dies_the_next_run_puts_back_what_is_declared(when: str, goes_on: str) -> None:
    policies_wanted = {"tracking": tracking(), "steps": steps()}
    before, after = scaled(policies=policies_wanted), scaled(2, 5, kind="ml.m5.xlarge", policies=policies_wanted)
    allowed = {"ASC-29": "tested"}
    for at in range(1, 20):
        with World() as world:
            world.live_through(before)
            if not crashed(world, world.plan({**after, "allow": allowed}), at, when):
                assert at > 7
                return
            world.live_through({**(after if goes_on == "on" else before), "allow": allowed})
            assert bounds(world) == [(2, 5) if goes_on == "on" else (1, 4)]
            assert sorted(policies(world)) == ["steps", "tracking"]
    raise AssertionError("it never ends")


@pytest.mark.parametrize("when", ["before", "after"])
def test_wherever_a_removal_dies_the_next_run_completes_it(when: str) -> None:
    without = one({"main": variant(capacity="autoscaled")})
    for at in range(1, 20):
        with World() as world:
            world.live_through(scaled())
            if not crashed(world, world.plan(without), at, when):
                assert at > 2
                return
            world.live_through(without)
            assert targets(world) == []
            assert policies(world) == {}
    raise AssertionError("it never ends")


@pytest.mark.parametrize("when", ["before", "after"])
def test_wherever_a_create_dies_the_next_run_completes_it(when: str) -> None:
    for at in range(1, 20):
        with World() as world:
            if not crashed(world, world.plan(scaled()), at, when):
                assert at > 4
                return
            world.live_through(scaled())
            assert bounds(world) == [(1, 4)]
            assert list(policies(world)) == ["tracking"]
    raise AssertionError("it never ends")


def test_what_is_missing_is_restored_before_anything_else(world: World) -> None:
    world.live_through(scaled())
    world.does("DeregisterScalableTarget", **TARGET)
    plan = world.live_through({**scaled(), "models": {"ranker": model("2")}})
    done = [step.operation for step in plan.steps]
    assert done.index("RegisterScalableTarget") < done.index("UpdateEndpoint")
    assert done.index("PutScalingPolicy") < done.index("UpdateEndpoint")


def test_step_policies_are_put_back_only_where_that_is_allowed(world: World) -> None:
    text = scaled(policies={"steps": steps()})
    world.live_through(text)
    arn = policies(world)["steps"]["PolicyARN"]
    world.sim.clock.sleep(60)
    alarm(world, arn)
    after = scaled(policies={"steps": steps()}, kind="ml.m5.xlarge")
    planned = world.engine.plan(world.desired(after))
    (finding,) = [found for found in planned.findings if found.rule == "ASC-29"]
    assert "the alarm busy" in finding.message
    assert not planned.plan.applyable
    world.live_through({**after, "allow": {"ASC-29": "the alarm is changed right after it"}})
    assert policies(world)["steps"]["PolicyARN"] != arn


def alarm(world: World, action: str) -> None:
    client = world.foreigner._session.client("cloudwatch")
    client.meta.events.register("before-send.*", world.sim.before_send)
    of = {"MetricName": "CPUUtilization", "Namespace": "/aws/sagemaker/Endpoints", "Statistic": "Average"}
    how = {"Period": 60, "EvaluationPeriods": 1, "Threshold": 70.0, "ComparisonOperator": "GreaterThanThreshold"}
    client.put_metric_alarm(AlarmName="busy", AlarmActions=[action], **of, **how)


def test_a_type_change_that_waits_for_somebody_elses_update(world: World) -> None:
    world.live_through(scaled())
    plan = world.plan(XLARGE)
    world.sim.system_update("ranker", 600, region=REGION)
    outcome = world.apply(plan)
    assert outcome.complete
    assert bounds(world) == [(1, 4)]


def test_rename_and_hosting(world: World) -> None:
    world.live_through(scaled())
    renamed = scaled(name="ranker-2")
    world.live_through(renamed, allow_outage=("endpoint/ranker",))
    (target,) = targets(world)
    assert target["ResourceId"] == "endpoint/ranker-2/variant/main"


def test_an_endpoint_that_is_forgotten_keeps_its_target(world: World) -> None:
    world.live_through(scaled(on_remove="retain"))
    world.live_through(fleet({}, models={}), max_change="100%")
    assert bounds(world) == [(1, 4)]
    assert list(policies(world)) == ["tracking"]
    assert not any(key.startswith("mmeplan:") for key in tags(world))


def test_a_targeted_swap_takes_it_off_and_puts_it_back(world: World) -> None:
    world.live_through(scaled())
    plan = world.live_through(XLARGE, targets=("endpoint/ranker",))
    done = [step.operation for step in plan.steps]
    assert done.index("DeregisterScalableTarget") < done.index("UpdateEndpoint") < done.index("RegisterScalableTarget")
    assert bounds(world) == [(1, 4)]


def test_a_rollback_to_another_type_puts_it_back(world: World) -> None:
    world.live_through(scaled())
    world.live_through(XLARGE)
    planned = world.engine.rollback(world.desired(XLARGE), "ranker")
    done = [step.operation for step in planned.plan.steps]
    assert done.index("DeregisterScalableTarget") < done.index("UpdateEndpoint") < done.index("RegisterScalableTarget")
    assert world.engine.apply(planned).complete
    assert bounds(world) == [(1, 4)]
    assert list(policies(world)) == ["tracking"]
