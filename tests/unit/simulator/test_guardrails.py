"""Deployments in full: who serves at each phase, what turns a deployment back, and where it ends."""

from __future__ import annotations

from collections import Counter

import pytest

from mmeplan.simulator.clock import EPOCH

ALARMS = {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "errors"}]}}


def blue_green(kind, wait=0, termination=0, timeout=None, **sizes):
    policy = {
        "TrafficRoutingConfiguration": {"Type": kind, "WaitIntervalInSeconds": wait, **sizes},
        "TerminationWaitInSeconds": termination,
    }
    if timeout:
        policy["MaximumExecutionTimeoutInSeconds"] = timeout
    return {"BlueGreenUpdatePolicy": policy, **ALARMS}


def rolling(percent, wait, **more):
    size = {"Type": "CAPACITY_PERCENT", "Value": percent}
    return {"RollingUpdatePolicy": {"MaximumBatchSize": size, "WaitIntervalInSeconds": wait, **more}, **ALARMS}


def percent(value):
    return {"Type": "CAPACITY_PERCENT", "Value": value}


def instances(value):
    return {"Type": "INSTANCE_COUNT", "Value": value}


@pytest.fixture
def ten(world):
    """An endpoint on ten instances, and a config of ten more; it is 180 s after the beginning."""
    world.model()
    world.config("c", world.variant(InitialInstanceCount=10))
    world.endpoint()
    world.sim.clock.sleep(180)
    world.config("c2", world.variant(InitialInstanceCount=10))
    return world


def statuses(world):
    pending = world.describe().get("PendingDeploymentSummary")
    return pending["ProductionVariants"][0]["VariantStatus"][0] if pending else None


def test_all_at_once_moves_all_traffic_when_the_new_fleet_is_whole(ten):
    ten.update(DeploymentConfig=blue_green("ALL_AT_ONCE", termination=300))
    assert statuses(ten)["StatusMessage"] == "Launching 10 instance(s)."
    assert ten.traffic() == ((1, 10, 10), (0, 0, 0))
    ten.sim.clock.sleep(215)
    assert statuses(ten)["Status"] == "ActivatingTraffic"
    assert ten.traffic() == ((1, 10, 10), (0, 0, 10))
    ten.sim.clock.sleep(25)
    assert statuses(ten)["StatusMessage"] == (
        "Baking for 300 seconds (TerminationWaitInSeconds) with traffic enabled on full capacity of 10 instance(s)."
    )
    assert ten.traffic() == ((0, 0, 10), (1, 10, 10))
    ten.sim.clock.sleep(300)
    assert ten.traffic() == ((1, 10, 10), (0, 0, 0))
    assert ten.describe()["EndpointConfigName"] == "c2"


def test_a_canary_takes_its_size_then_everything(ten):
    ten.update(DeploymentConfig=blue_green("CANARY", 600, 120, CanarySize=instances(3)))
    ten.sim.clock.sleep(240)
    assert statuses(ten)["StatusMessage"] == (
        "Baking for 600 seconds (WaitIntervalInSeconds) with traffic enabled on canary capacity of 3 instance(s)."
    )
    assert ten.traffic() == ((0.7, 10, 10), (0.3, 3, 10))
    ten.sim.clock.sleep(600)
    assert ten.traffic() == ((0, 0, 10), (1, 10, 10))
    ten.sim.clock.sleep(120)
    assert statuses(ten) is None


def test_linear_takes_equal_steps_and_keeps_the_old_fleet_until_the_end(ten):
    ten.update(DeploymentConfig=blue_green("LINEAR", 100, 50, LinearStepSize=percent(30)))
    seen = []
    ten.sim.clock.sleep(240)
    for _ in range(4):
        seen.append(ten.traffic())
        ten.sim.clock.sleep(100)
    assert [new for _, new in seen] == [(0.3, 3, 10), (0.6, 6, 10), (0.9, 9, 10), (1, 10, 10)]
    assert [old for old, _ in seen] == [(0.7, 7, 10), (0.4, 4, 10), (0.1, 1, 10), (0, 0, 10)]
    assert statuses(ten)["Status"] == "Baking"
    ten.sim.clock.sleep(50)
    assert statuses(ten) is None


def test_rolling_replaces_batch_by_batch_and_never_runs_more_than_one_batch_beyond(ten):
    ten.update(DeploymentConfig=rolling(40, 100))
    assert statuses(ten)["StatusMessage"] == "Launching 4 instance(s)."
    ten.sim.clock.sleep(240)
    seen = []
    for _ in range(3):
        seen.append(ten.traffic())
        ten.sim.clock.sleep(100)
    assert [new for _, new in seen] == [(0.4, 4, 4), (0.8, 8, 8), (1, 10, 10)]
    assert [old for old, _ in seen] == [(0.6, 6, 10), (0.2, 2, 6), (0, 0, 2)]
    assert all(old[2] + new[2] <= 14 for old, new in seen)
    assert ten.traffic() == ((1, 10, 10), (0, 0, 0))


def test_the_past_and_what_is_foreseen_can_be_asked_for(ten):
    ten.update(DeploymentConfig=blue_green("CANARY", 600, 0, CanarySize=percent(10)))
    assert ten.traffic(180 + 240) == ((0.9, 10, 10), (0.1, 1, 10))
    ten.sim.clock.sleep(5000)
    assert ten.traffic() == ((1, 10, 10), (0, 0, 0))
    assert ten.traffic(180 + 839) == ((0.9, 10, 10), (0.1, 1, 10))
    assert ten.traffic(100) == ((0, 0, 0), (0, 0, 0))
    ten("DeleteEndpoint", EndpointName="e")
    ten.sim.clock.sleep(60)
    assert ten.traffic() == ((0, 0, 0), (0, 0, 0))
    assert ten.traffic(500) == ((0.9, 10, 10), (0.1, 1, 10))


def test_a_moment_without_a_zone_is_refused(ten):
    with pytest.raises(ValueError, match="no time zone"):
        ten.sim.traffic("e", EPOCH.replace(tzinfo=None))


@pytest.mark.parametrize("kind", ["CANARY", "LINEAR", "ALL_AT_ONCE", "rolling"])
def test_an_alarm_during_a_deployment_brings_all_traffic_back_and_the_old_config(ten, kind):
    sizes = {"CANARY": {"CanarySize": percent(20)}, "LINEAR": {"LinearStepSize": percent(20)}}
    deployment = rolling(20, 600) if kind == "rolling" else blue_green(kind, 600, 600, **sizes.get(kind, {}))
    ten.alarm()
    ten.update(DeploymentConfig=deployment)
    ten.sim.clock.sleep(300)
    ten.set_alarm("errors", "ALARM")
    turning = ten.describe()
    assert (turning["EndpointStatus"], turning["EndpointConfigName"]) == ("Updating", "c")
    assert statuses(ten)["StatusMessage"] == "Rolling back to the old fleet."
    if kind != "rolling":
        assert ten.traffic()[0][0] == 1
    ten.sim.clock.sleep(30)
    ended = ten.describe()
    assert (ended["EndpointStatus"], ended["EndpointConfigName"]) == ("InService", "c")
    assert '"errors" is in ALARM state' in ended["FailureReason"]
    assert ten.traffic() == ((1, 10, 10), (0, 0, 0))
    assert "LastDeploymentConfig" not in ended


def test_a_rolling_rollback_builds_the_old_fleet_again_in_its_batches(ten):
    ten.alarm()
    ten.update(DeploymentConfig=rolling(40, 600, RollbackMaximumBatchSize=percent(50)))
    ten.sim.clock.sleep(240 + 700)
    assert ten.traffic() == ((0.2, 2, 6), (0.8, 8, 8))
    ten.set_alarm("errors", "ALARM")
    ten.describe()
    assert ten.traffic() == ((0.2, 2, 2), (0.8, 8, 8))
    ten.sim.clock.sleep(15)
    assert ten.traffic() == ((0.6, 6, 6), (0.4, 4, 4))
    ten.sim.clock.sleep(15)
    assert ten.traffic() == ((1, 10, 10), (0, 0, 0))


def test_an_alarm_that_is_alarming_already_turns_the_deployment_back_at_once(ten):
    ten.alarm(state="ALARM")
    ten.update(DeploymentConfig=blue_green("CANARY", 600, CanarySize=percent(10)))
    assert ten.describe()["EndpointStatus"] == "Updating"
    ten.sim.clock.sleep(30)
    assert ten.describe()["EndpointConfigName"] == "c"
    assert ten.describe()["EndpointStatus"] == "InService"


def test_an_alarm_that_the_deployment_does_not_watch_changes_nothing(ten):
    ten.alarm("other")
    ten.update(DeploymentConfig=blue_green("CANARY", 600, CanarySize=percent(10)))
    ten.sim.clock.sleep(300)
    ten.set_alarm("other", "ALARM")
    ten.sim.clock.sleep(600)
    assert ten.describe()["EndpointConfigName"] == "c2"


def test_a_tripping_alarm_comes_in_the_middle_of_its_phase_and_is_left_in_alarm(ten):
    ten.alarm()
    ten.sim.faults.trip_alarm("e", "Baking", occurrence=2)
    ten.update(DeploymentConfig=blue_green("LINEAR", 100, LinearStepSize=percent(50)))
    ten.sim.clock.sleep(240 + 149)
    assert ten.traffic() == ((0, 0, 10), (1, 10, 10))
    ten.sim.clock.sleep(1)
    assert ten.describe()["EndpointStatus"] == "Updating"
    assert ten.traffic() == ((1, 10, 10), (0, 0, 10))
    alarm = ten.call("cloudwatch", "DescribeAlarms")["MetricAlarms"][0]
    assert (alarm["StateValue"], alarm["StateUpdatedTimestamp"]) == ("ALARM", 1767225600 + 180 + 240 + 150)
    ten.sim.clock.sleep(30)
    assert ten.describe()["EndpointConfigName"] == "c"


def test_a_tripping_alarm_needs_a_deployment_that_watches_one(ten):
    ten.sim.faults.trip_alarm("e", "Creating")
    ten.update()
    ten.sim.clock.sleep(240)
    assert ten.describe()["EndpointConfigName"] == "c2"


def test_a_deployment_beyond_its_maximum_execution_time_is_rolled_back(ten):
    ten.update(DeploymentConfig=blue_green("CANARY", 600, 600, timeout=900, CanarySize=percent(10)))
    ten.sim.clock.sleep(899)
    assert ten.traffic()[1][0] == 1
    ten.sim.clock.sleep(1)
    assert ten.traffic()[1][0] == 0
    ten.sim.clock.sleep(30)
    ended = ten.describe()
    assert (ended["EndpointStatus"], ended["EndpointConfigName"]) == ("InService", "c")
    assert ended["FailureReason"] == "The deployment exceeded MaximumExecutionTimeoutInSeconds (900)."


def test_a_deployment_that_takes_just_its_maximum_execution_time_succeeds(ten):
    ten.update(DeploymentConfig=blue_green("ALL_AT_ONCE", 0, 660, timeout=900))
    ten.sim.clock.sleep(900)
    assert ten.describe()["EndpointConfigName"] == "c2"


def test_a_rolling_rollback_that_fails_leaves_a_mix_that_serves(ten, refused):
    ten.alarm()
    ten.sim.faults.fail_rollback("e", "CapacityError: no instances")
    ten.update(DeploymentConfig=rolling(40, 600))
    ten.sim.clock.sleep(300)
    ten.set_alarm("errors", "ALARM")
    stuck = ten.describe()
    assert (stuck["EndpointStatus"], stuck["FailureReason"]) == ("UpdateRollbackFailed", "CapacityError: no instances")
    assert ten.traffic() == ((0.6, 6, 10), (0.4, 4, 4))
    variant = stuck["ProductionVariants"][0]
    assert stuck["EndpointConfigName"] == "c"
    assert (variant["CurrentInstanceCount"], variant["DesiredInstanceCount"]) == (14, 10)
    assert "PendingDeploymentSummary" not in stuck
    went = Counter(ten.sim.invoke("e", region="eu-west-1").fleet for _ in range(100))
    assert abs(went["new"] - 40) <= 2
    refused(ten.update)
    ten("DeleteEndpoint", EndpointName="e")
    assert ten.describe()["EndpointStatus"] == "Deleting"


def test_a_mix_shows_the_images_of_both_fleets_and_counts_both_in_quotas(ten):
    ten.model("m2", Image="763104351884.dkr.ecr.eu-west-1.amazonaws.com/pytorch-inference:2.2-cpu")
    ten.config("c3", ten.variant(ModelName="m2", InitialInstanceCount=10, InstanceType="ml.m5.xlarge"))
    ten.alarm()
    ten.sim.faults.fail_rollback("e", "CapacityError: no instances")
    ten.update("c3", DeploymentConfig=rolling(40, 600))
    ten.sim.clock.sleep(300)
    ten.set_alarm("errors", "ALARM")
    images = ten.describe()["ProductionVariants"][0]["DeployedImages"]
    assert [image["SpecifiedImage"].rpartition(":")[2] for image in images] == ["2.1-cpu", "2.2-cpu"]
    ten.sim.set_quota("ml.m5.xlarge", 5, region="eu-west-1")
    ten.config("c4", ten.variant(InstanceType="ml.m5.xlarge", InitialInstanceCount=2))
    with pytest.raises(Exception, match="is 5 Instances, with current utilization of 4 Instances"):
        ten.endpoint("other", "c4")


def test_a_blue_green_rollback_that_fails_leaves_a_failed_endpoint(ten):
    ten.sim.faults.fail_rollback("e", "cannot roll back")
    ten.sim.faults.fail_update("e", "no /ping")
    ten.update()
    ten.sim.clock.sleep(240)
    failed = ten.describe()
    assert (failed["EndpointStatus"], failed["FailureReason"]) == ("Failed", "cannot roll back")
    assert ten.traffic() == ((0, 0, 0), (0, 0, 0))


def test_a_fleet_that_cannot_be_launched_never_takes_traffic(ten):
    ten.sim.faults.fail_update("e", "no /ping")
    ten.update(DeploymentConfig=blue_green("CANARY", 600, CanarySize=percent(10)))
    for _ in range(24):
        assert ten.traffic()[0][:2] == (1, 10)
        ten.sim.clock.sleep(10)
    assert (ten.describe()["EndpointStatus"], ten.describe()["EndpointConfigName"]) == ("InService", "c")


def test_a_serverless_fleet_is_updated_all_at_once_whatever_was_asked(world):
    world.model()
    for name in ("c", "c2"):
        serverless = {"MemorySizeInMB": 2048, "MaxConcurrency": 5}
        world.config(name, {"VariantName": "main", "ModelName": "m", "ServerlessConfig": serverless})
    world.endpoint()
    world.sim.clock.sleep(180)
    deployment = blue_green("CANARY", 600, 120, CanarySize=percent(10))
    world.update(DeploymentConfig=deployment)
    world.sim.clock.sleep(240)
    assert world.traffic()[1][0] == 1
    world.sim.clock.sleep(120)
    assert world.describe()["LastDeploymentConfig"] == deployment


def test_inf1_is_updated_all_at_once_without_baking(world):
    world.model()
    for name in ("c", "c2"):
        world.config(name, world.variant(InstanceType="ml.inf1.xlarge"))
    world.endpoint()
    world.sim.clock.sleep(180)
    world.update(DeploymentConfig=blue_green("CANARY", 600, 120, CanarySize=percent(10)))
    world.sim.clock.sleep(240)
    assert world.describe()["EndpointConfigName"] == "c2"


def test_shadow_variants_are_replaced_with_their_production_variants(world):
    world.model()
    for name, count in (("c", 1), ("c2", 3)):
        world.config(name, ShadowProductionVariants=[world.variant("shadow", InitialInstanceCount=count)])
    world.endpoint()
    world.sim.clock.sleep(180)
    world.update(DeploymentConfig=blue_green("CANARY", 60, CanarySize=percent(50)))
    world.sim.clock.sleep(250)
    pending = world.describe()["PendingDeploymentSummary"]["ShadowProductionVariants"][0]
    assert (pending["VariantName"], pending["CurrentInstanceCount"]) == ("shadow", 3)
    world.sim.clock.sleep(60)
    assert world.describe()["ShadowProductionVariants"][0]["CurrentInstanceCount"] == 3


def test_a_rescaling_that_fails_rolls_back_to_the_former_counts(ten):
    ten.sim.faults.fail_scaling("e", "CapacityError")
    desired = [{"VariantName": "main", "DesiredInstanceCount": 20, "DesiredWeight": 4}]
    ten("UpdateEndpointWeightsAndCapacities", EndpointName="e", DesiredWeightsAndCapacities=desired)
    assert ten.describe()["ProductionVariants"][0]["DesiredInstanceCount"] == 20
    ten.sim.clock.sleep(60)
    back = ten.describe()
    assert back["EndpointStatus"] == "RollingBack"
    assert back["ProductionVariants"][0]["DesiredInstanceCount"] == 10
    assert ten.traffic() == ((1, 10, 10), (0, 0, 0))
    ten.sim.clock.sleep(30)
    ended = ten.describe()
    assert (ended["EndpointStatus"], ended["FailureReason"]) == ("InService", "CapacityError")
    assert ended["ProductionVariants"][0]["CurrentWeight"] == 1
    assert [change for _, change, _ in ten.transitions()][-3:] == [
        "InService → Updating",
        "Updating → RollingBack",
        "RollingBack → InService",
    ]


def test_system_updating_refuses_everything_until_it_ends(ten, refused):
    ten.sim.system_update("e", 600, region="eu-west-1")
    assert ten.describe()["EndpointStatus"] == "SystemUpdating"
    refused(ten.update)
    refused(ten, "DeleteEndpoint", EndpointName="e")
    assert ten.traffic() == ((1, 10, 10), (0, 0, 0))
    ten.sim.clock.sleep(600)
    assert ten.describe()["EndpointStatus"] == "InService"


@pytest.mark.parametrize(("operation", "usual_s"), [("UpdateEndpoint", 240), ("DeleteEndpoint", 60)])
def test_a_slow_transition_takes_so_much_longer(ten, operation, usual_s):
    ten.sim.faults.slow("e", 1000)
    ten(operation, EndpointName="e", EndpointConfigName="c2")
    ten.sim.clock.sleep(usual_s + 999)
    assert ten.describe()["EndpointStatus"] in ("Updating", "Deleting")
    ten.sim.clock.sleep(1)
    remaining = ten("ListEndpoints")["Endpoints"]
    assert [item["EndpointStatus"] for item in remaining] == (["InService"] if operation == "UpdateEndpoint" else [])


# -- what is refused of a deployment -----------------------------------------------------------------------------------

OF_TOTAL = "of the variant's total instance count, not"


@pytest.mark.parametrize(
    ("deployment", "message"),
    [
        (blue_green("CANARY", CanarySize=percent(51)), f"CanarySize must be at most 50% {OF_TOTAL} 51%."),
        (blue_green("LINEAR", LinearStepSize=percent(9)), f"LinearStepSize must be between 10% and 50% {OF_TOTAL} 9%."),
        (blue_green("LINEAR", LinearStepSize=percent(51)), f"between 10% and 50% {OF_TOTAL} 51%."),
        (rolling(4, 0), f"MaximumBatchSize must be between 5% and 50% {OF_TOTAL} 4%."),
        (rolling(51, 0), f"between 5% and 50% {OF_TOTAL} 51%."),
        (rolling(50, 0, RollbackMaximumBatchSize=percent(101)), f"must be at most 100% {OF_TOTAL} 101%."),
        (blue_green("CANARY"), "CanarySize is required for traffic routing of type CANARY."),
        (blue_green("LINEAR"), "LinearStepSize is required for traffic routing of type LINEAR."),
    ],
)
def test_a_size_that_no_fleet_can_have_is_refused_by_create_and_by_update(ten, refused, deployment, message):
    assert message in refused(ten.update, DeploymentConfig=deployment)
    create = {"EndpointName": "e2", "EndpointConfigName": "c", "DeploymentConfig": deployment}
    assert message in refused(ten, "CreateEndpoint", **create)
    assert ten.describe()["EndpointStatus"] == "InService"


@pytest.mark.parametrize(
    ("kind", "at", "beyond"), [("CANARY", [1, 5], [6]), ("LINEAR", [1, 5], [6]), ("rolling", [1, 5], [6])]
)
def test_a_size_in_instances_is_held_against_the_fleet_that_is_launched(ten, refused, kind, at, beyond):
    def deployment(count):
        size = {"CANARY": "CanarySize", "LINEAR": "LinearStepSize"}.get(kind)
        if size:
            return blue_green(kind, **{size: instances(count)})
        return rolling(50, 0) | {
            "RollingUpdatePolicy": {"MaximumBatchSize": instances(count), "WaitIntervalInSeconds": 0}
        }

    for count in beyond:
        assert f"{count} of the 10 instances of main" in refused(ten.update, DeploymentConfig=deployment(count))
    for count in at:
        ten.update(DeploymentConfig=deployment(count))
        ten.sim.clock.sleep(3600)
        ten.describe()
    ten.config("c30", ten.variant(InitialInstanceCount=30))
    if kind != "CANARY":
        assert "1 of the 30 instances of main" in refused(ten.update, "c30", DeploymentConfig=deployment(1))
    ten.update("c30", DeploymentConfig=deployment(3))
    ten.sim.clock.sleep(36000)
    ten("UpdateEndpointWeightsAndCapacities", EndpointName="e", DesiredWeightsAndCapacities=[DOWN])
    ten.sim.clock.sleep(60)
    kept = {"RetainAllVariantProperties": True, "DeploymentConfig": deployment(3)}
    assert "3 of the 4 instances of main" in refused(ten.update, "c30", **kept)
    assert "3 of the 4 instances of main" in refused(
        ten.update, "c30", RetainAllVariantProperties=True, RetainDeploymentConfig=True
    )


DOWN = {"VariantName": "main", "DesiredInstanceCount": 4}


def test_a_creation_keeps_sizes_in_instances_whatever_its_fleet(world):
    world.model()
    world.config()
    deployment = blue_green("CANARY", CanarySize=instances(50))
    world("CreateEndpoint", EndpointName="e", EndpointConfigName="c", DeploymentConfig=deployment)
    world.sim.clock.sleep(180)
    assert world.describe()["LastDeploymentConfig"] == deployment


@pytest.mark.parametrize("operation", ["CreateEndpoint", "UpdateEndpoint"])
def test_rolling_takes_one_variant_with_instances(ten, refused, operation):
    ten.config("two", ten.variant("main"), ten.variant("next"))
    serverless = {"MemorySizeInMB": 2048, "MaxConcurrency": 5}
    ten.config("serverless", {"VariantName": "main", "ModelName": "m", "ServerlessConfig": serverless})
    for config, name in (("c", "e"), ("serverless", "s")):
        if name != "e":
            ten.endpoint(name, config)
            ten.sim.clock.sleep(180)
    for name, config, why in (
        ("e", "two", "multiple production variants"),
        ("s", "serverless", "serverless endpoints"),
    ):
        members = {"EndpointName": name if operation == "UpdateEndpoint" else "new", "EndpointConfigName": config}
        message = refused(ten, operation, **members, DeploymentConfig=rolling(50, 0))
        assert message == f"RollingUpdatePolicy is not supported for {'endpoints with ' * (config == 'two')}{why}."


@pytest.mark.parametrize(
    "deployment", [blue_green("CANARY", CanarySize=percent(50)), blue_green("LINEAR", LinearStepSize=percent(50)), None]
)
def test_gradual_deployments_want_the_same_variant_names(ten, refused, deployment):
    ten.config("renamed", ten.variant("other"))
    if deployment is None:
        assert "must have the same variant names" in refused(ten.update, "renamed", DeploymentConfig=rolling(50, 0))
    else:
        assert "must have the same variant names" in refused(ten.update, "renamed", DeploymentConfig=deployment)
    ten.update("renamed", DeploymentConfig=blue_green("ALL_AT_ONCE", termination=60))
    ten.sim.clock.sleep(300)
    assert ten.describe()["EndpointConfigName"] == "renamed"
    ten.update("c2")
    ten.sim.clock.sleep(240)
    assert ten.describe()["EndpointConfigName"] == "c2"


def test_what_falls_back_to_all_at_once_is_not_held_against_what_it_does_not_do(world):
    world.model()
    world.config("c", world.variant("a", InstanceType="ml.inf1.xlarge"))
    world.config("c2", world.variant("b", InstanceType="ml.inf1.xlarge"))
    world.endpoint()
    world.sim.clock.sleep(180)
    world.update(DeploymentConfig=blue_green("CANARY", 600, CanarySize=percent(90)))
    world.sim.clock.sleep(240)
    assert world.describe()["EndpointConfigName"] == "c2"


def test_a_refused_update_uses_up_no_fault(ten, refused):
    ten.sim.faults.fail_update("e", "no capacity")
    ten.sim.faults.slow("e", 1000)
    refused(ten.update, DeploymentConfig=blue_green("CANARY", CanarySize=percent(51)))
    ten.sim.set_quota("ml.m5.large", 15, region="eu-west-1")
    with pytest.raises(Exception, match="ResourceLimitExceeded"):
        ten.update()
    ten.sim.set_quota("ml.m5.large", 20, region="eu-west-1")
    ten.update()
    ten.sim.clock.sleep(1239)
    assert ten.describe()["EndpointStatus"] == "Updating"
    ten.sim.clock.sleep(1)
    assert ten.describe()["FailureReason"] == "no capacity"


def test_more_provisioned_than_maximum_concurrency_is_refused(world, refused):
    world.model()
    config = {"MemorySizeInMB": 2048, "MaxConcurrency": 5, "ProvisionedConcurrency": 6}
    variant = {"VariantName": "main", "ModelName": "m", "ServerlessConfig": config}
    assert "ProvisionedConcurrency 6, which is greater than MaxConcurrency 5" in refused(world.config, "c", variant)
    world.config("c", variant | {"ServerlessConfig": config | {"ProvisionedConcurrency": 5}})
    world.endpoint()
    world.sim.clock.sleep(180)
    desired = [{"VariantName": "main", "ServerlessUpdateConfig": {"MaxConcurrency": 4}}]
    rescale = ("UpdateEndpointWeightsAndCapacities",)
    message = refused(world, *rescale, EndpointName="e", DesiredWeightsAndCapacities=desired)
    assert "ProvisionedConcurrency 5, which is greater than MaxConcurrency 4" in message
