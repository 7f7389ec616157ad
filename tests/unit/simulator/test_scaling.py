"""Application Auto Scaling, and what it means to its endpoint."""

from __future__ import annotations

import pytest

COUNT = "sagemaker:variant:DesiredInstanceCount"
TARGET = {"ServiceNamespace": "sagemaker", "ResourceId": "endpoint/e/variant/main", "ScalableDimension": COUNT}
TRACKING = {
    "TargetValue": 70.0,
    "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
}


def register(world, **members):
    return world.call(
        "autoscaling", "RegisterScalableTarget", **(TARGET | {"MinCapacity": 1, "MaxCapacity": 4} | members)
    )


def targets(world):
    return world.call("autoscaling", "DescribeScalableTargets", ServiceNamespace="sagemaker")["ScalableTargets"]


def policies(world):
    return world.call("autoscaling", "DescribeScalingPolicies", ServiceNamespace="sagemaker")["ScalingPolicies"]


def put_policy(world, name="p", **members):
    policy = {"PolicyName": name, "PolicyType": "TargetTrackingScaling"}
    return world.call(
        "autoscaling",
        "PutScalingPolicy",
        **TARGET,
        **policy,
        TargetTrackingScalingPolicyConfiguration=TRACKING | members,
    )


@pytest.fixture
def live(world):
    world.in_service()
    return world


def test_a_registered_variant_is_described_with_what_the_service_adds(live):
    arn = register(live)["ScalableTargetARN"]
    target = targets(live)[0]
    assert target["ScalableTargetARN"] == arn
    assert (target["MinCapacity"], target["MaxCapacity"]) == (1, 4)
    assert not any(target["SuspendedState"].values())
    assert target["RoleARN"].startswith("arn:aws:iam::123456789012:role/aws-service-role/")
    register(live, MaxCapacity=9)
    assert [target["MaxCapacity"] for target in targets(live)] == [9]


def test_a_registration_needs_an_endpoint_variant_that_is_there_in_its_exact_letter_case(live, refused):
    for resource in ("endpoint/E/variant/main", "endpoint/e/variant/Main", "endpoint/e/variant/x"):
        assert "doesn't exist" in refused(register, live, ResourceId=resource)
    assert "Unsupported" in refused(register, live, ResourceId="table/e")
    assert "required" in refused(live.call, "autoscaling", "RegisterScalableTarget", **TARGET)
    assert "less than minimum" in refused(register, live, MinCapacity=5)


def test_a_registration_moves_a_count_that_lies_outside_its_bounds(live):
    register(live, MinCapacity=3)
    assert live.describe()["EndpointStatus"] == "Updating"
    live.sim.clock.sleep(60)
    assert live.describe()["ProductionVariants"][0]["CurrentInstanceCount"] == 3


def test_the_instance_type_of_a_registered_variant_cannot_change(live, refused):
    register(live)
    live.config("c2", live.variant(InstanceType="ml.m5.xlarge"))
    assert "deregister it first" in refused(live.update)
    live.config("c3", live.variant("other"))
    assert "can't be removed" in refused(live.update, "c3")
    live.config("c4", live.variant(InitialInstanceCount=3))
    live.update("c4")
    live.sim.clock.sleep(240)
    live.call("autoscaling", "DeregisterScalableTarget", **TARGET)
    live.update("c2")
    live.sim.clock.sleep(240)
    assert live.describe()["EndpointConfigName"] == "c2"


def test_deleting_the_endpoint_deregisters_its_targets_and_their_policies(live):
    register(live)
    put_policy(live)
    assert len(policies(live)) == 1
    live("DeleteEndpoint", EndpointName="e")
    assert targets(live) == policies(live) == []


def test_a_policy_has_two_alarms_and_lasts_as_long_as_its_target(live):
    with pytest.raises(Exception, match="ObjectNotFoundException"):
        put_policy(live)
    register(live)
    made = put_policy(live)
    assert [alarm["AlarmName"].split("-")[-6] for alarm in made["Alarms"]] == ["AlarmHigh", "AlarmLow"]
    assert put_policy(live, ScaleInCooldown=60)["PolicyARN"] == made["PolicyARN"]
    shown = policies(live)
    assert [policy["TargetTrackingScalingPolicyConfiguration"]["ScaleInCooldown"] for policy in shown] == [60]
    put_policy(live, "q")
    live.call("autoscaling", "DeleteScalingPolicy", PolicyName="p", **TARGET)
    assert [policy["PolicyName"] for policy in policies(live)] == ["q"]
    live.call("autoscaling", "DeregisterScalableTarget", **TARGET)
    assert policies(live) == []
    with pytest.raises(Exception, match="ObjectNotFoundException"):
        live.call("autoscaling", "DeregisterScalableTarget", **TARGET)


def test_a_policy_names_exactly_one_metric(live, refused):
    register(live)
    both = {"CustomizedMetricSpecification": {"MetricName": "m", "Namespace": "n", "Statistic": "Sum"}}
    assert "Exactly one" in refused(put_policy, live, **both)


def test_a_registration_while_the_endpoint_is_updated_moves_nothing(live):
    live.config("c2", live.variant(ModelName="m"))
    live.update()
    assert register(live, MinCapacity=3)["ScalableTargetARN"]
    assert live.describe()["ProductionVariants"][0]["DesiredInstanceCount"] == 2


def test_a_registration_for_other_than_instances_moves_no_instances(live):
    register(live, ScalableDimension="sagemaker:variant:DesiredProvisionedConcurrency", MinCapacity=3)
    assert live.describe()["ProductionVariants"][0]["DesiredInstanceCount"] == 2
    assert live.describe()["EndpointStatus"] == "InService"
