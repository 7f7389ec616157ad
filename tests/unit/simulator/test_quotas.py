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


@pytest.mark.parametrize("end", ["deleted", "failed"])
def test_a_deleted_or_failed_endpoint_frees_its_instances(four, end):
    four.sim.set_quota("ml.m5.large", 2, region=REGION)
    if end == "failed":
        four.sim.faults.fail_create("e", "no")
    four.endpoint()
    four.sim.clock.sleep(180)
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
