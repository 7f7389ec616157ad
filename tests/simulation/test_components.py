"""Inference components, which no file declares: what they use is kept, what hosts them isn't deleted, and nothing else
asks for them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from mmeplan.apply import References
from mmeplan.live import COMPONENT_ACTIONS
from mmeplan.plan import Plan, encode
from mmeplan.plan import decode as decoded
from tests.simulation.world import ACCOUNT, ROLE, Broken, Fleet, World, config, fleet, model, one

GRANT = " and ".join(COMPONENT_ACTIONS)
MEMORY = {"MinMemoryRequiredInMb": 1024}
ASKS = ("ListInferenceComponents", "DescribeInferenceComponent")
DENIED = {"code": "AccessDeniedException", "message": "not authorized"}


def hosting(**models: Fleet) -> Fleet:
    """One endpoint for inference components, and models that no config refers to."""
    main = {"instance_type": "ml.g5.2xlarge", "initial_instance_count": 1}
    host = {"config": {"execution_role_arn": ROLE, **config(main=main)}}
    return fleet({"host": host}, models=models)


def without(text: Fleet, section: str, name: str) -> Fleet:
    return {**text, section: {key: entry for key, entry in text[section].items() if key != name}}


def place(world: World, name: str, of: str = "", endpoint: str = "host", **more: Any) -> None:
    """Somebody places a component on an endpoint."""
    specification = {"ModelName": of, "ComputeResourceRequirements": MEMORY} if of else more.pop("specification")
    named = {"InferenceComponentName": name, "EndpointName": endpoint}
    world.does("CreateInferenceComponent", **named, Specification=specification, **more)


@pytest.fixture
def world() -> Iterator[World]:
    with World() as made:
        yield made


@pytest.fixture
def asked(world: World, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often the engine asks for components."""
    found: Counter[str] = Counter()
    read = world.cloud.read

    def counted(operation: str, params: Any) -> Any:
        found[operation] += operation in ASKS
        return read(operation, params)

    monkeypatch.setattr(world.cloud, "read", counted)
    return found


def theirs(world: World) -> None:
    """Another team's endpoint for inference components."""
    main = {"VariantName": "main", "InstanceType": "ml.g5.2xlarge", "InitialInstanceCount": 1}
    world.does("CreateEndpointConfig", EndpointConfigName="theirs", ExecutionRoleArn=ROLE, ProductionVariants=[main])
    world.foreign_endpoint("theirs", config_name="theirs")


def kept(made: Plan) -> dict[str, str]:
    """Name of each model that is kept because something uses it → what the plan says of it."""
    return {found.live_name: found.notes[0] for found in made.changes if found.reason == "in_use"}


@pytest.mark.parametrize("whose", ["host", "theirs"])
def test_a_model_that_a_component_uses_is_kept(world: World, whose: str) -> None:
    text = {**one(), "models": {"ranker": model(), "spare": model("2")}, "endpoints": hosting()["endpoints"]}
    world.live_through(text)
    if whose == "theirs":
        theirs(world)
    (spare,) = (name for name in world.names("model") if name.startswith("spare"))
    place(world, "a", spare.upper() if whose == "host" else spare, whose)  # names collide in any letter case
    place(world, "b", spare, whose)
    less = without(text, "models", "spare")
    assert kept(world.plan(less)) == {
        spare: f"{spare} is no longer needed here, and kept: the inference components a and b use it"
    }
    world.live_through(less)
    assert spare in world.names("model")
    for name in "ab":
        world.does("DeleteInferenceComponent", InferenceComponentName=name)
    world.live_through(less)
    assert spare not in world.names("model")


def test_a_component_that_comes_after_the_plan_keeps_its_model(world: World) -> None:
    text = hosting(spare=model())
    world.live_through(text)
    (spare,) = world.names("model")
    made = world.plan(without(text, "models", "spare"))
    assert [step.operation for step in made.steps] == ["DeleteModel"]
    place(world, "late", spare)
    outcome = world.apply(made)
    assert outcome.complete
    assert [result.detail for result in outcome.kept] == [f"{spare} is still used by the inference component late"]
    assert world.names("model") == [spare]


def test_each_of_several_specifications_counts(world: World) -> None:
    text = hosting(spare=model(), other=model("2"))
    world.live_through(text)
    specifications = [
        {"InstanceType": kind, "ModelName": name, "ComputeResourceRequirements": MEMORY}
        for kind, name in zip(("ml.g5.2xlarge", "ml.g5.4xlarge"), world.names("model"), strict=True)
    ]
    named = {"InferenceComponentName": "a", "EndpointName": "host"}
    world.does("CreateInferenceComponent", **named, Specifications=specifications)
    assert sorted(kept(world.plan(hosting()))) == world.names("model")


def test_an_endpoint_with_components_is_not_deleted(world: World) -> None:
    text = hosting(spare=model())
    world.live_through(text)
    for number in range(7):
        place(world, f"c{number}", world.names("model")[0])
    made = world.plan(without(text, "endpoints", "host"))
    change = next(change for change in made.changes if change.address == "endpoint/host")
    assert made.refused
    assert change.refusal.startswith("the inference components c0, c1, c2, c3, c4 and 2 more are placed on host")
    assert "aws sagemaker delete-inference-component --inference-component-name c0` and the others" in change.refusal
    assert world.engine.destroy(world.desired(text)).refused
    for number in range(7):
        world.does("DeleteInferenceComponent", InferenceComponentName=f"c{number}")
    world.live_through(fleet(models={}))
    assert world.names("endpoint") == world.names("model") == []


def test_an_endpoint_with_components_is_not_deleted_for_another_name(world: World) -> None:
    text = hosting()
    world.live_through(text)
    place(world, "a", specification={"Container": {"Image": f"{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com/a:1"}})
    renamed = {**text, "endpoints": {"host": {**text["endpoints"]["host"], "name": "elsewhere"}}}
    made = world.plan(renamed, allow_outage=("endpoint/host",))
    assert [found.message for found in made.findings if found.severity == "error"] == [
        "endpoint/host: the inference component a is placed on host, and SageMaker deletes no endpoint with inference "
        "components; once nothing calls them, `aws sagemaker delete-inference-component --inference-component-name a`"
    ]


def test_a_saved_plan_that_deletes_an_endpoint_is_refused_once_it_hosts_components(world: World) -> None:
    text = hosting(spare=model())
    world.live_through(text)
    made = world.plan(without(text, "endpoints", "host"))
    assert not made.refused
    place(world, "a", world.names("model")[0])
    outcome = world.apply(made)
    assert [result.detail for result in outcome.failed] == [
        "DeleteEndpoint: ValidationException: Cannot delete endpoint with inference component associated. Please "
        "delete inference component and try it again."
    ]
    assert world.names("endpoint") == ["host"]


def test_who_may_not_read_components_keeps_what_they_may_use_and_ends_well(world: World) -> None:
    text = {**hosting(spare=model(), other=model("2")), "retain": 0}
    world.live_through(text)
    changed = without(text, "models", "spare")
    world.sim.faults.error("ListInferenceComponents", **DENIED, count=9)
    made = world.plan(changed)
    (note,) = kept(made).values()
    assert note.endswith(
        f"whether an inference component uses it can't be read: grant {' and '.join(COMPONENT_ACTIONS)}"
    )
    assert not made.steps
    world.sim.faults.reset()
    made = world.plan(changed)
    world.sim.faults.error("ListInferenceComponents", **DENIED, count=9)
    outcome = world.apply(made)
    assert outcome.complete
    assert [result.detail.endswith(f"grant {GRANT}") for result in outcome.kept] == [True]


def test_who_may_not_read_components_is_told_so_of_an_endpoint(world: World) -> None:
    text = hosting()
    world.live_through(text)
    world.sim.faults.error("ListInferenceComponents", **DENIED, count=9)
    made = world.plan(fleet(models={}))
    change = next(change for change in made.changes if change.address == "endpoint/host")
    assert change.notes[-1].startswith("whether inference components are placed on host can't be read: grant ")
    assert not made.refused
    assert world.apply(made).complete


def test_reads_that_fail_otherwise_delete_nothing(world: World) -> None:
    text = hosting(spare=model())
    world.live_through(text)
    made = world.plan(without(text, "models", "spare"))
    world.sim.faults.error("ListInferenceComponents", code="InternalFailure", message="no", count=99, status=500)
    outcome = world.apply(made)
    assert [result.step for result in outcome.failed] == [made.steps[-1].id]
    assert len(world.names("model")) == 1


def test_no_other_plan_asks_for_components(world: World, asked: Counter[str]) -> None:
    """Not what deletes nothing, and nothing at all where each variant of the account names a model."""
    text = {**one(), "retain": 0}
    world.foreign_endpoint()
    world.live_through(text)
    world.live_through({**text, "models": {"ranker": model("2")}})  # deletes a model and a config
    world.live_through(fleet(models={}))  # deletes the endpoint
    assert +asked == {}
    text = hosting(spare=model())
    world.live_through(text)
    world.live_through({**text, "endpoints": {"host": {**text["endpoints"]["host"], "tags": {"a": "b"}}}})
    assert +asked == {}
    for number in range(3):
        place(world, f"c{number}", world.names("model")[0])
    assert kept(world.plan(hosting()))
    assert +asked == {"ListInferenceComponents": 1, "DescribeInferenceComponent": 3}


def test_what_is_asked_for_an_endpoint_is_of_that_endpoint(world: World, asked: Counter[str]) -> None:
    world.live_through(hosting())
    theirs(world)
    place(world, "a", specification={"Container": {}}, endpoint="theirs")
    world.live_through(fleet(models={}))
    assert +asked == {"ListInferenceComponents": 1}


def test_the_policy_of_a_deleting_plan_has_what_is_asked(world: World) -> None:
    text = hosting(spare=model())
    world.live_through(text)

    def actions(of: Fleet) -> set[str]:
        policy = world.engine.plan(world.desired(of)).policy()
        return {action for statement in policy["Statement"] for action in statement["Action"]}

    assert set(COMPONENT_ACTIONS) <= actions(without(text, "models", "spare"))
    assert set(COMPONENT_ACTIONS) <= actions(fleet(models={}))
    assert not set(COMPONENT_ACTIONS) & actions({**text, "models": {**text["models"], "more": model("3")}})


def test_a_scan_that_forgets_components_is_seen(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    text = hosting(spare=model())
    world.live_through(text)
    made = world.plan(without(text, "models", "spare"))
    place(world, "late", world.names("model")[0])
    monkeypatch.setattr(References, "component_of", lambda *_: "")
    with pytest.raises(Broken, match="left the inference component late without its model"):
        world.apply(made)


def test_a_refused_plan_is_read_as_it_was_written(world: World) -> None:
    world.live_through(hosting())
    place(world, "a", specification={"Container": {}})
    made = world.plan(fleet(models={}))
    assert made.refused
    assert encode(decoded(encode(made))) == encode(made)
