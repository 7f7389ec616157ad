"""An endpoint's life: statuses, times, what each call does to it and which calls each status refuses."""

from __future__ import annotations

import pytest

from mmeplan.simulator import Settings, Simulator

CANARY = {
    "BlueGreenUpdatePolicy": {
        "TrafficRoutingConfiguration": {
            "Type": "CANARY",
            "WaitIntervalInSeconds": 300,
            "CanarySize": {"Type": "INSTANCE_COUNT", "Value": 1},
        },
        "TerminationWaitInSeconds": 120,
    }
}


def variant_of(described, name="main"):
    return next(v for v in described["ProductionVariants"] if v["VariantName"] == name)


def test_a_created_endpoint_is_creating_until_its_time_and_then_in_service(world):
    world.model()
    world.config()
    world.endpoint()
    world.sim.clock.sleep(179.999)
    creating = world.describe()
    assert creating["EndpointStatus"] == "Creating"
    assert "ProductionVariants" not in creating
    assert creating["PendingDeploymentSummary"]["ProductionVariants"][0]["VariantStatus"][0]["Status"] == "Creating"
    world.sim.clock.sleep(0.001)
    live = world.describe()
    assert (live["EndpointStatus"], live["EndpointConfigName"]) == ("InService", "c")
    assert "PendingDeploymentSummary" not in live
    assert variant_of(live)["CurrentInstanceCount"] == variant_of(live)["DesiredInstanceCount"] == 2


def test_a_transition_carries_the_moment_it_was_due_however_late_it_is_read(world):
    world.in_service()
    world.sim.clock.sleep(9999)
    described = world.describe()
    assert described["LastModifiedTime"] - described["CreationTime"] == 180


def test_an_update_shows_the_old_config_until_it_ends_and_the_new_one_afterwards(world):
    world.in_service()
    world.config("c2", world.variant(InitialInstanceCount=5))
    world("UpdateEndpoint", EndpointName="e", EndpointConfigName="c2")
    updating = world.describe()
    assert (updating["EndpointStatus"], updating["EndpointConfigName"]) == ("Updating", "c")
    assert updating["PendingDeploymentSummary"]["EndpointConfigName"] == "c2"
    assert variant_of(updating)["CurrentInstanceCount"] == 2
    world.sim.clock.sleep(240)
    live = world.describe()
    assert (live["EndpointStatus"], live["EndpointConfigName"]) == ("InService", "c2")
    assert variant_of(live)["CurrentInstanceCount"] == 5
    assert "PendingDeploymentSummary" not in live
    assert "LastDeploymentConfig" not in live


def test_an_update_ignores_live_counts_unless_they_are_retained(world):
    world.in_service()
    desired = [{"VariantName": "main", "DesiredInstanceCount": 7, "DesiredWeight": 3}]
    world("UpdateEndpointWeightsAndCapacities", EndpointName="e", DesiredWeightsAndCapacities=desired)
    world.sim.clock.sleep(60)
    world.config("c2", world.variant(InitialInstanceCount=1))
    world("UpdateEndpoint", EndpointName="e", EndpointConfigName="c2", RetainAllVariantProperties=True)
    world.sim.clock.sleep(240)
    kept = variant_of(world.describe())
    assert (kept["CurrentInstanceCount"], kept["CurrentWeight"]) == (7, 3.0)
    world(
        "UpdateEndpoint",
        EndpointName="e",
        EndpointConfigName="c2",
        RetainAllVariantProperties=True,
        ExcludeRetainedVariantProperties=[{"VariantPropertyType": "DesiredInstanceCount"}],
    )
    world.sim.clock.sleep(240)
    excluded = variant_of(world.describe())
    assert (excluded["CurrentInstanceCount"], excluded["CurrentWeight"]) == (1, 3.0)
    world("UpdateEndpoint", EndpointName="e", EndpointConfigName="c2")
    world.sim.clock.sleep(240)
    reset = variant_of(world.describe())
    assert (reset["CurrentInstanceCount"], reset["CurrentWeight"]) == (1, 1.0)


def test_a_canary_lasts_as_long_as_its_waits_and_becomes_the_last_deployment(world):
    world.in_service()
    world.config("c2")
    world("UpdateEndpoint", EndpointName="e", EndpointConfigName="c2", DeploymentConfig=CANARY)
    started = world.describe()["PendingDeploymentSummary"]["StartTime"]
    world.sim.clock.sleep(240 + 300 + 119)
    baking = world.describe()
    status = baking["PendingDeploymentSummary"]["ProductionVariants"][0]["VariantStatus"][0]
    assert (baking["EndpointStatus"], status["Status"]) == ("Updating", "Baking")
    assert "LastDeploymentConfig" not in baking
    world.sim.clock.sleep(1)
    live = world.describe()
    assert live["EndpointStatus"] == "InService"
    assert live["LastModifiedTime"] - started == 240 + 300 + 120
    assert live["LastDeploymentConfig"] == CANARY


def test_a_retained_deployment_config_is_used_again(world):
    world.model()
    world.config()
    world("CreateEndpoint", EndpointName="e", EndpointConfigName="c", DeploymentConfig=CANARY)
    world.sim.clock.sleep(180)
    assert world.describe()["LastDeploymentConfig"] == CANARY
    world("UpdateEndpoint", EndpointName="e", EndpointConfigName="c", RetainDeploymentConfig=True)
    world.sim.clock.sleep(241)
    assert world.describe()["EndpointStatus"] == "Updating"


def test_weights_and_capacities_change_the_live_fleet_and_not_the_config(world):
    world.model()
    world.config("c", world.variant("a"), world.variant("b"))
    world.endpoint()
    world.sim.clock.sleep(180)
    desired = [{"VariantName": "b", "DesiredWeight": 0.1, "DesiredInstanceCount": 4}]
    world("UpdateEndpointWeightsAndCapacities", EndpointName="e", DesiredWeightsAndCapacities=desired)
    updating = world.describe()
    b = variant_of(updating, "b")
    assert updating["EndpointStatus"] == "Updating"
    assert "PendingDeploymentSummary" not in updating
    assert (b["CurrentInstanceCount"], b["DesiredInstanceCount"]) == (2, 4)
    assert b["VariantStatus"][0]["StatusMessage"] == "Scaling out desired instance count to 4."
    world.sim.clock.sleep(60)
    b = variant_of(world.describe(), "b")
    assert (b["CurrentInstanceCount"], b["CurrentWeight"]) == (4, 0.10000000149011612)
    assert "VariantStatus" not in b
    assert variant_of(world.describe(), "a")["CurrentInstanceCount"] == 2
    config = world("DescribeEndpointConfig", EndpointConfigName="c")
    assert [v["InitialInstanceCount"] for v in config["ProductionVariants"]] == [2, 2]


def test_a_serverless_variant_is_rescaled_by_its_own_config(world):
    world.model()
    serverless = {"MemorySizeInMB": 2048, "MaxConcurrency": 5}
    world.config("c", {"VariantName": "main", "ModelName": "m", "ServerlessConfig": serverless})
    world.endpoint()
    world.sim.clock.sleep(180)
    desired = [{"VariantName": "main", "ServerlessUpdateConfig": {"MaxConcurrency": 9}}]
    world("UpdateEndpointWeightsAndCapacities", EndpointName="e", DesiredWeightsAndCapacities=desired)
    assert variant_of(world.describe())["CurrentServerlessConfig"]["MaxConcurrency"] == 5
    world.sim.clock.sleep(60)
    live = variant_of(world.describe())
    assert live["CurrentServerlessConfig"] == {"MemorySizeInMB": 2048, "MaxConcurrency": 9}
    assert "CurrentInstanceCount" not in live


def test_instances_stand_in_the_pool_that_comes_first(world):
    world.model()
    pools = [{"InstanceType": "ml.m5.large", "Priority": 2}, {"InstanceType": "ml.m5.xlarge", "Priority": 1}]
    variant = {"VariantName": "main", "ModelName": "m", "InitialInstanceCount": 3, "InstancePools": pools}
    world.config("c", variant)
    world.endpoint()
    world.sim.clock.sleep(180)
    shown = variant_of(world.describe())["InstancePools"]
    assert shown == [
        {"InstanceType": "ml.m5.xlarge", "CurrentInstanceCount": 3},
        {"InstanceType": "ml.m5.large", "CurrentInstanceCount": 0},
    ]


def test_a_deleted_endpoint_is_deleting_and_then_could_not_be_found(world, refused):
    arn = world.in_service()["EndpointArn"]
    world("DeleteEndpoint", EndpointName="e")
    assert world.describe()["EndpointStatus"] == "Deleting"
    assert refused(world.endpoint) == f'Cannot create already existing endpoint "{arn}".'
    world.sim.clock.sleep(60)
    assert refused(world.describe) == f'Could not find endpoint "{arn}".'
    world.endpoint()
    assert world.describe()["EndpointStatus"] == "Creating"


@pytest.mark.parametrize("status", ["Creating", "Updating", "Deleting"])
def test_a_busy_endpoint_refuses_update_rescaling_and_delete(world, refused, status):
    if status == "Creating":
        world.model()
        world.config()
        world.endpoint()
    else:
        world.in_service()
        operation = {"Updating": "UpdateEndpoint", "Deleting": "DeleteEndpoint"}[status]
        world(operation, EndpointName="e", EndpointConfigName="c")
    described = world.describe()
    assert described["EndpointStatus"] == status
    expected = f'Cannot update in-progress endpoint "{described["EndpointArn"]}".'
    desired = [{"VariantName": "main", "DesiredWeight": 1}]
    assert refused(world, "UpdateEndpoint", EndpointName="e", EndpointConfigName="c") == expected
    assert refused(world, "DeleteEndpoint", EndpointName="e") == expected
    rescaling = refused(
        world, "UpdateEndpointWeightsAndCapacities", EndpointName="e", DesiredWeightsAndCapacities=desired
    )
    assert rescaling == expected


def test_a_failed_endpoint_can_only_be_deleted(world, refused):
    world.sim.faults.fail_create("e", "CannotStartContainerError")
    failed = world.in_service()
    assert (failed["EndpointStatus"], failed["FailureReason"]) == ("Failed", "CannotStartContainerError")
    assert failed["ProductionVariants"][0]["CurrentInstanceCount"] == 0
    refused(world, "UpdateEndpoint", EndpointName="e", EndpointConfigName="c")
    world("DeleteEndpoint", EndpointName="e")
    world.sim.clock.sleep(60)
    refused(world.describe)


def test_an_update_needs_the_config_in_force_to_exist_still(world, refused):
    world.in_service()
    world.config("c2")
    world("DeleteEndpointConfig", EndpointConfigName="c")
    message = refused(world, "UpdateEndpoint", EndpointName="e", EndpointConfigName="c2")
    assert message == (
        'Could not find endpoint configuration "arn:aws:sagemaker:eu-west-1:123456789012:endpoint-config/c".'
    )
    assert world.describe()["EndpointStatus"] == "InService"


def test_the_config_in_force_may_be_rolled_out_again(world):
    world.in_service()
    world("UpdateEndpoint", EndpointName="e", EndpointConfigName="c")
    assert world.describe()["EndpointStatus"] == "Updating"
    world.sim.clock.sleep(240)
    assert world.describe()["EndpointStatus"] == "InService"


def test_deleting_a_model_and_a_config_in_use_is_accepted(world):
    world.in_service()
    world("DeleteModel", ModelName="m")
    world("DeleteEndpointConfig", EndpointConfigName="c")
    assert world.describe()["EndpointStatus"] == "InService"


def test_transitions_of_several_endpoints_settle_in_the_order_of_time(world):
    world.model()
    world.config()
    world.endpoint("late")
    world.sim.clock.sleep(180)
    world.describe("late")
    world("DeleteEndpoint", EndpointName="late")
    world.sim.clock.sleep(1)
    world.endpoint("first")
    world("CreateEndpoint", EndpointName="second", EndpointConfigName="c")
    world.sim.clock.sleep(1000)
    world("ListEndpoints")
    assert [(at, change) for at, change, _ in world.transitions()][-3:] == [
        (240, "Deleting → none"),
        (361, "Creating → InService"),
        (361, "Creating → InService"),
    ]


def test_what_was_due_settles_even_where_the_call_is_refused(world, refused):
    world.in_service()
    world.config("c2")
    world("UpdateEndpoint", EndpointName="e", EndpointConfigName="c2")
    world.sim.clock.sleep(240)
    refused(world, "CreateEndpoint", EndpointName="e", EndpointConfigName="c2")
    assert world.transitions()[-1][1] == "Updating → InService"
    assert len([t for t in world.transitions() if t[1] == "Updating → InService"]) == 1
    assert world.describe()["EndpointConfigName"] == "c2"


def test_durations_are_settings_and_zero_settles_at_the_next_call(world):
    with Simulator.open(settings=Settings(creating_s=0)) as sim:
        assert type(world)(sim).in_service()["EndpointStatus"] == "InService"


def test_a_negative_duration_is_refused():
    with pytest.raises(ValueError, match="scaling_s must be 0 or more"):
        Settings(scaling_s=-1)


def test_accounts_and_regions_have_worlds_of_their_own(world, refused):
    world.in_service()
    for elsewhere in (type(world)(world.sim, region="us-east-1"), type(world)(world.sim, account="999999999999")):
        assert elsewhere("ListEndpoints") == {"Endpoints": []}
        refused(elsewhere.describe)
        assert elsewhere.model() != "arn:aws:sagemaker:eu-west-1:123456789012:model/m"


def test_a_shadow_variant_is_shown_and_rescaled_beside_production(world):
    world.model()
    world.config("c", ShadowProductionVariants=[world.variant("shadow", InitialInstanceCount=1)])
    world.endpoint()
    world.sim.clock.sleep(180)
    desired = [{"VariantName": "shadow", "DesiredInstanceCount": 3}]
    world("UpdateEndpointWeightsAndCapacities", EndpointName="e", DesiredWeightsAndCapacities=desired)
    world.sim.clock.sleep(60)
    live = world.describe()
    assert live["ShadowProductionVariants"][0]["CurrentInstanceCount"] == 3
    assert variant_of(live)["CurrentInstanceCount"] == 2
