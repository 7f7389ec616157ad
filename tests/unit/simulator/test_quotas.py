"""Quotas of instances: counted over endpoints, over both fleets of an update, and told by Service Quotas."""

from __future__ import annotations

import pytest

REGION = "eu-west-1"


@pytest.fixture
def four(world):
    """An account that may have four ml.m5.large, and a config of two."""
    world.sim.set_quota("ml.m5.large", 4, region=REGION)
    world.model()
    world.config()
    return world


def limit_of(action, *args, **members):
    with pytest.raises(Exception, match="ResourceLimitExceeded") as refusal:
        action(*args, **members)
    return refusal.value.message


def test_a_create_beyond_the_quota_is_refused_in_the_services_words(four):
    four.endpoint("a")
    four.endpoint("b")
    assert limit_of(four.endpoint, "c") == (
        "The account-level service limit 'ml.m5.large for endpoint usage' is 4 Instances, with current utilization of "
        "4 Instances and a request delta of 2 Instances. Please contact AWS support to request an increase for this "
        "limit."
    )


def test_an_update_counts_both_fleets_and_frees_the_old_one_at_its_end(four):
    four.endpoint()
    four.sim.clock.sleep(180)
    four.config("c2", four.variant(InitialInstanceCount=3))
    message = limit_of(four.update)
    assert "utilization of 2 Instances and a request delta of 3 Instances" in message
    assert four.describe()["EndpointStatus"] == "InService"
    four.config("c3")
    four.update("c3")
    limit_of(four.endpoint, "other")
    four.sim.clock.sleep(240)
    four.describe()
    four.endpoint("other")


def test_a_rolling_update_counts_one_batch_only(four):
    four.sim.set_quota("ml.m5.large", 5, region=REGION)
    four.config("c4", four.variant(InitialInstanceCount=4))
    four.endpoint("e", "c4")
    four.sim.clock.sleep(180)
    size = {"Type": "INSTANCE_COUNT", "Value": 1}
    limit_of(four.update, "c4")
    four.update("c4", DeploymentConfig={"RollingUpdatePolicy": {"MaximumBatchSize": size, "WaitIntervalInSeconds": 0}})


def test_rescaling_counts_too_and_shrinking_is_never_refused(four):
    four.endpoint()
    four.sim.clock.sleep(180)

    def rescale(count):
        desired = [{"VariantName": "main", "DesiredInstanceCount": count}]
        four("UpdateEndpointWeightsAndCapacities", EndpointName="e", DesiredWeightsAndCapacities=desired)
        four.sim.clock.sleep(60)

    limit_of(rescale, 5)
    rescale(4)
    four.describe()
    four.sim.set_quota("ml.m5.large", 1, region=REGION)
    rescale(3)


@pytest.mark.parametrize("end", ["deleted", "failed", "failed, being deleted"])
def test_a_deleted_or_failed_endpoint_frees_its_instances(four, end):
    four.sim.set_quota("ml.m5.large", 2, region=REGION)
    if end != "deleted":
        four.sim.faults.fail_create("e", "no")
    four.endpoint()
    four.sim.clock.sleep(180)
    if end == "failed, being deleted":
        four("DeleteEndpoint", EndpointName="e")
        assert four.describe()["EndpointStatus"] == "Deleting"
    if end == "deleted":
        four("DeleteEndpoint", EndpointName="e")
        limit_of(four.endpoint, "other")
        four.sim.clock.sleep(60)
    four("ListEndpoints")
    four.endpoint("other")


def test_other_types_and_regions_are_counted_apart(four):
    four.endpoint("a")
    four.endpoint("b")
    four.config("c2", four.variant(InstanceType="ml.m5.xlarge"))
    four.endpoint("c", "c2")


def test_service_quotas_tells_each_types_quota(four):
    listed, token = [], {}
    while True:
        page = four.call("quotas", "ListServiceQuotas", ServiceCode="sagemaker", **token)
        listed += page["Quotas"]
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    by_name = {quota["QuotaName"]: quota for quota in listed}
    assert len(listed) == len(by_name) > 200
    found = by_name["ml.m5.large for endpoint usage"]
    assert found["Value"] == 4
    assert by_name["ml.m5.xlarge for endpoint usage"]["Value"] >= 40
    named = {"ServiceCode": "sagemaker", "QuotaCode": found["QuotaCode"]}
    assert four.call("quotas", "GetServiceQuota", **named)["Quota"] == found
    assert four.call("quotas", "GetAWSDefaultServiceQuota", **named)["Quota"]["Value"] >= 40
    for unknown in ({"QuotaCode": "L-0"}, {"ServiceCode": "ec2"}):
        with pytest.raises(Exception, match="NoSuchResourceException"):
            four.call("quotas", "GetServiceQuota", **(named | unknown))


# -- serverless --------------------------------------------------------------------------------------------------------

ENDPOINTS = "Maximum number of serverless endpoints"
CONCURRENCY = "Maximum total concurrency that can be allocated across all serverless endpoints"
ADVICE = (
    "Please use AWS Service Quotas to request an increase for this quota. If AWS Service Quotas is not available, "
    "contact AWS support to request an increase for this quota."
)


def serverless(world, name, concurrency, memory=2048, **more):
    config = {"MemorySizeInMB": memory, "MaxConcurrency": concurrency, **more}
    world.config(name, {"VariantName": "main", "ModelName": "m", "ServerlessConfig": config})


def test_serverless_endpoints_are_counted_and_a_deleted_one_is_free_again(world):
    world.sim.set_quota(ENDPOINTS, 2, region=REGION)
    world.model()
    serverless(world, "c", 1)
    world.endpoint("a")
    world.endpoint("b")
    assert limit_of(world.endpoint, "d") == (
        f"The account-level service limit '{ENDPOINTS}' is 2 Endpoints, with current utilization of 2 Endpoints and a "
        f"request delta of 1 Endpoints. {ADVICE}"
    )
    world.config("instances")
    world.endpoint("e", "instances")
    world.sim.clock.sleep(180)
    world("DeleteEndpoint", EndpointName="a")
    world.sim.clock.sleep(60)
    world("ListEndpoints")
    world.endpoint("d")


@pytest.mark.parametrize(("region", "most"), [("eu-west-1", 1000), ("eu-west-3", 500)])
def test_the_concurrency_of_all_serverless_endpoints_of_a_region_is_the_documented_one(world, region, most):
    world.region = region
    world.model()
    serverless(world, "c", 200)
    for number in range(most // 200):
        world.endpoint(f"e{number}")
    serverless(world, "c2", most % 200 + 1)
    message = limit_of(world.endpoint, "last", "c2")
    assert message.startswith(f"The account-level service limit '{CONCURRENCY}' is {most} Invocations, with current ")
    assert message.endswith(ADVICE)


def test_an_update_of_a_serverless_endpoint_takes_the_larger_of_both_configs(world):
    world.sim.set_quota(CONCURRENCY, 10, region=REGION)
    world.model()
    for name, concurrency in (("c", 5), ("same", 5), ("more", 6)):
        serverless(world, name, concurrency)
    world.endpoint("e")
    world.endpoint("other")
    world.sim.clock.sleep(180)
    message = limit_of(world.update, "more")
    assert "current utilization of 10 Invocations and a request delta of 1 Invocations" in message
    world.update("same")
    world.sim.clock.sleep(240)
    assert world.describe()["EndpointConfigName"] == "same"


def test_rescaling_a_serverless_variant_is_held_against_the_quotas(world):
    world.sim.set_quota(CONCURRENCY, 10, region=REGION)
    world.model()
    serverless(world, "c", 5, ProvisionedConcurrency=2)
    world.endpoint()
    world.sim.clock.sleep(180)

    def rescale(**members):
        desired = [{"VariantName": "main", "ServerlessUpdateConfig": members}]
        world("UpdateEndpointWeightsAndCapacities", EndpointName="e", DesiredWeightsAndCapacities=desired)

    limit_of(rescale, MaxConcurrency=11)
    rescale(MaxConcurrency=10, ProvisionedConcurrency=10)
    world.sim.clock.sleep(60)
    variant = world.describe()["ProductionVariants"][0]
    assert variant["CurrentServerlessConfig"] == {
        "MemorySizeInMB": 2048,
        "MaxConcurrency": 10,
        "ProvisionedConcurrency": 10,
    }


def test_memory_and_concurrency_have_a_limit_for_each_endpoint(world):
    world.sim.set_quota("Memory size in MB per serverless endpoint", 3072, region=REGION)
    world.model()
    serverless(world, "c", 5, memory=3072)
    world.endpoint("a")
    world.endpoint("b")
    serverless(world, "large", 5, memory=4096)
    assert limit_of(world.endpoint, "d", "large") == (
        "The account-level service limit 'Memory size in MB per serverless endpoint' is 3072 MBs, with current "
        f"utilization of 0 MBs and a request delta of 4096 MBs. {ADVICE}"
    )
    world.sim.set_quota("Maximum concurrency per serverless endpoint", 4, region=REGION)
    assert "'Maximum concurrency per serverless endpoint' is 4 Invocations" in limit_of(world.endpoint, "d")


def test_service_quotas_tells_the_serverless_quotas_by_their_names(world):
    world.sim.set_quota(CONCURRENCY, 10, region=REGION)
    code = {"ServiceCode": "sagemaker", "QuotaCode": "L-96300102"}
    found = world.call("quotas", "GetServiceQuota", **code)["Quota"]
    assert (found["QuotaName"], found["Value"]) == (CONCURRENCY, 10)
    assert world.call("quotas", "GetAWSDefaultServiceQuota", **code)["Quota"]["Value"] == 1000


@pytest.mark.parametrize(("name", "value"), [("ml.m5.huge", 1), ("ml.m5.large", -1)])
def test_a_quota_that_there_cannot_be_is_refused(sim, name, value):
    with pytest.raises(ValueError, match=r"neither an instance type|0 or more"):
        sim.set_quota(name, value)
