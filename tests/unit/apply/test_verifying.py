"""verify: one sentence for each thing that isn't as planned; none where everything is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mmeplan.apply import verify
from mmeplan.engine import Planned
from mmeplan.plan import Step
from mmeplan.plan.step import Gone, InService
from tests.simulation.world import IMAGE, World, config, fleet, model, variant
from tests.unit.apply.cloud import FakeCloud, denied
from tests.unit.apply.test_executor import plan_of

WAIT = InService("e", "c", 3600)
UPDATE = Step("u", "endpoint/e", "UpdateEndpoint", {"EndpointName": "e"}, wait=WAIT)
GONE = Step("g", "endpoint/e", "DeleteEndpoint", {"EndpointName": "e"}, wait=Gone("e", 3600))
DESIRED = [{"VariantName": "a", "DesiredInstanceCount": 3}]
SCALE = Step("s", "endpoint/e", "UpdateEndpointWeightsAndCapacities", {}, wait=replace(WAIT, desired=DESIRED))


def said(step: Step, there: Any = None, **tags: Any) -> str:
    return "; ".join(verify(plan_of(step), [step.id], FakeCloud(there, **tags)))


def endpoint(status: str = "InService", config: str = "c", **more: Any) -> dict[str, Any]:
    return {"e": {"EndpointStatus": status, "EndpointConfigName": config, **more}}


@pytest.mark.parametrize(
    ("step", "there", "sentence"),
    [
        (UPDATE, endpoint(), ""),
        (UPDATE, endpoint("SystemUpdating"), ""),
        (UPDATE, endpoint("Failed"), "endpoint e: is Failed, not InService"),
        (UPDATE, endpoint(config="old"), "endpoint e: runs old, not c"),
        (UPDATE, endpoint(PendingDeploymentSummary={"x": 1}), "endpoint e: has a pending deployment"),
        (UPDATE, {}, "endpoint e: is gone"),
        (GONE, {}, ""),
        (GONE, endpoint("Deleting"), "endpoint e: is still there"),
        (SCALE, endpoint(ProductionVariants=[{"VariantName": "a", "DesiredInstanceCount": 3}]), ""),
        (SCALE, endpoint(), "endpoint e: counts or weights are not as planned"),
        (Step("m", "model/m", "CreateModel", {"ModelName": "m"}), {"m": {}}, ""),
        (Step("m", "model/m", "CreateModel", {"ModelName": "m"}), {}, "model m: is not there"),
        (Step("m", "model/m", "DeleteModel", {"ModelName": "m"}), {"m": {}}, "model m: is still there"),
        (Step("c", "x", "DeleteEndpointConfig", {"EndpointConfigName": "c"}), {}, ""),
    ],
)  # fmt: skip
def test_the_second_observation_says(step: Step, there: Any, sentence: str) -> None:
    assert said(step, there) == sentence


def test_tags_that_are_not_as_planned_are_named() -> None:
    params = {"ResourceArn": "e", "Tags": [{"Key": "team", "Value": "a"}, {"Key": "x", "Value": "y"}]}
    step = Step("t", "endpoint/e", "AddTags", params)
    assert said(step, e={"team": "a", "x": "y"}) == ""
    assert said(step, e={"team": "b"}) == "e: the tags team, x are not as planned"
    gone = Step("t", "endpoint/e", "DeleteTags", {"ResourceArn": "e", "TagKeys": ["team"]})
    assert (said(gone, e={}), said(gone, e={"team": "b"})) == ("", "e: the tags team are not as planned")


def test_steps_that_did_not_end_well_are_not_looked_at() -> None:
    assert verify(plan_of(UPDATE), [], FakeCloud()) == ()


def test_an_observation_that_fails_proves_nothing() -> None:
    cloud = FakeCloud({"m": {}})
    cloud.errors["DescribeModel"] = [denied("DescribeModel")]
    step = Step("m", "model/m", "CreateModel", {"ModelName": "m"})
    assert "nothing is proved" in verify(plan_of(step), ["m"], cloud)[0]
    unreadable = FakeCloud(endpoint())
    unreadable.errors["DescribeEndpoint"] = [denied("DescribeEndpoint")]
    assert "sagemaker:DescribeEndpoint" in verify(plan_of(UPDATE), ["u"], unreadable)[0]


MODEL = Step("m", "model/m", "CreateModel", {"ModelName": "m", "PrimaryContainer": {"Image": "i"}, "Tags": []})
VARIANT = {"VariantName": "a", "ModelName": "m", "InstanceType": "ml.g5.xlarge", "InitialInstanceCount": 1}
CONFIG = Step("c", "x", "CreateEndpointConfig", {"EndpointConfigName": "c", "ProductionVariants": [VARIANT]})


@pytest.mark.parametrize(
    ("step", "answer", "sentence"),
    [
        (MODEL, {"ModelName": "m", "PrimaryContainer": {"Image": "i", "Mode": "SingleModel"}, "ModelArn": "a"}, ""),
        (MODEL, {"PrimaryContainer": {"Image": "evil"}}, "model m: holds another PrimaryContainer than planned"),
        (
            MODEL,
            {"PrimaryContainer": {"Image": "i"}, "ExecutionRoleArn": "r"},
            "model m: holds another ExecutionRoleArn than planned",
        ),
        (CONFIG, {"ProductionVariants": [{**VARIANT, "VolumeSizeInGB": 30, "InitialVariantWeight": 1.0}]}, ""),
        (
            CONFIG,
            {"ProductionVariants": [{**VARIANT, "InstanceType": "ml.p4d.24xlarge"}]},
            "endpoint config c: holds another ProductionVariants than planned",
        ),
    ],
)
def test_what_was_made_holds_what_was_planned(step: Step, answer: Any, sentence: str) -> None:
    assert said(step, {"m": answer} if step is MODEL else {"c": answer}) == sentence


@pytest.mark.parametrize("many", [1, 60])
def test_a_tag_is_no_proof_of_what_an_object_holds(many: int) -> None:
    """Somebody makes a model under the planned name, with the planned digest in its tag, just before the apply does."""
    names = [f"m{number}" for number in range(many)]
    text = fleet({"e": {"config": config(main=variant("m0"))}}, models={name: model() for name in names})
    with World() as world:
        made = world.plan(text)
        step = next(step for step in made.steps if step.id == "CreateModel:model/m0")
        world.does("CreateModel", **{**step.params, "PrimaryContainer": {"Image": f"{IMAGE}evil"}})
        outcome = world.engine.apply(Planned(made))
    assert not outcome.failed
    assert outcome.unverified == (f"model {step.params['ModelName']}: holds another PrimaryContainer than planned",)
