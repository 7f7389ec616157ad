"""Inference components: placed on endpoints whose variants name no model, and in the way of their deletion."""

from __future__ import annotations

import pytest

from mmeplan.simulator.components import ASSOCIATED
from tests.unit.simulator.conftest import ROLE, Refused

MEMORY = {"MinMemoryRequiredInMb": 1024}


def hosting(world, name="e"):
    """An endpoint in service whose one variant names no model."""
    variant = {"VariantName": "main", "InstanceType": "ml.g5.2xlarge", "InitialInstanceCount": 1}
    world.config(f"{name}-config", variant, ExecutionRoleArn=ROLE)
    world("CreateEndpoint", EndpointName=name, EndpointConfigName=f"{name}-config")
    world.sim.clock.sleep(600)


def component(world, name="c", endpoint="e", **specification):
    specification = {"ModelName": "m", "ComputeResourceRequirements": MEMORY, **specification}
    return world(
        "CreateInferenceComponent",
        InferenceComponentName=name,
        EndpointName=endpoint,
        Specification=specification,
        RuntimeConfig={"CopyCount": 2},
    )["InferenceComponentArn"]


def listed(world, **members):
    answer = world("ListInferenceComponents", **members)
    return [found["InferenceComponentName"] for found in answer["InferenceComponents"]]


def test_a_component_is_described_as_it_was_created(world):
    world.model()
    hosting(world)
    arn = component(world)
    assert arn.endswith(":inference-component/c")
    described = world("DescribeInferenceComponent", InferenceComponentName="c")
    assert described["Specification"] == {"ModelName": "m", "ComputeResourceRequirements": MEMORY}
    assert (described["EndpointName"], described["VariantName"]) == ("e", "main")
    assert described["InferenceComponentStatus"] == "InService"
    assert described["RuntimeConfig"] == {"DesiredCopyCount": 2, "CurrentCopyCount": 2}


def test_several_specifications_come_back_and_an_image_has_its_digest(world):
    world.model()
    hosting(world)
    image = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/ranker:1"
    several = [{"InstanceType": "ml.g5.2xlarge", "ModelName": "m"}, {"Container": {"Image": image, "Environment": {}}}]
    world("CreateInferenceComponent", InferenceComponentName="c", EndpointName="e", Specifications=several)
    described = world("DescribeInferenceComponent", InferenceComponentName="c")
    assert "Specification" not in described
    first, second = described["Specifications"]
    assert first == several[0]
    assert second["Container"]["DeployedImage"]["SpecifiedImage"] == image
    assert "@sha256:" in second["Container"]["DeployedImage"]["ResolvedImage"]


def test_lists_are_of_an_endpoint_where_that_is_asked_for(world):
    world.model()
    hosting(world)
    hosting(world, "other")
    component(world, "a")
    component(world, "b")
    component(world, "of-other", "other")
    assert sorted(listed(world)) == ["a", "b", "of-other"]
    assert sorted(listed(world, EndpointNameEquals="E")) == ["a", "b"]
    assert listed(world, EndpointNameEquals="other", VariantNameEquals="main") == ["of-other"]
    assert listed(world, EndpointNameEquals="other", VariantNameEquals="else") == []
    assert listed(world, EndpointNameEquals="e", SortBy="Name", SortOrder="Ascending", MaxResults=1) == ["a"]


def test_an_endpoint_with_components_is_not_deleted(world):
    world.model()
    hosting(world)
    component(world)
    with pytest.raises(Refused) as refused:
        world("DeleteEndpoint", EndpointName="e")
    assert (refused.value.code, refused.value.message) == ("ValidationException", ASSOCIATED)
    world("DeleteModel", ModelName="m")  # accepted, as the service accepts it of a model in use
    world("DeleteInferenceComponent", InferenceComponentName="c")
    world("DeleteEndpoint", EndpointName="e")


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"EndpointName": "none"}, "Could not find endpoint "),
        ({"Specification": {"ModelName": "none"}}, "Could not find model "),
        ({"Specification": {"BaseInferenceComponentName": "none"}}, "Could not find inference component "),
        ({"Specification": {}}, "An inference component needs a model"),
        ({"VariantName": "none"}, 'has no variant "none"'),
        ({"EndpointName": "plain"}, "hosts models"),
        ({"InferenceComponentName": "C"}, "Cannot create already existing inference component"),
    ],
)
def test_what_does_not_fit_is_refused(world, members, words):
    world.model()
    world.config("plain")
    world("CreateEndpoint", EndpointName="plain", EndpointConfigName="plain")
    hosting(world)
    component(world)
    asked = {"InferenceComponentName": "d", "EndpointName": "e", "Specification": {"ModelName": "m"}, **members}
    with pytest.raises(Refused, match=words):
        world("CreateInferenceComponent", **asked)
    assert listed(world) == ["c"]


def test_an_endpoint_that_is_not_in_service_takes_none(world):
    world.model()
    hosting(world)
    world("DeleteEndpoint", EndpointName="e")
    with pytest.raises(Refused, match="in-progress"):
        component(world)
