"""Borders between ways of hosting that no update crosses, and what callers have to change with an update."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from mmeplan.errors import CloudError
from mmeplan.plan import Plan
from tests.simulation.world import (
    IMAGE,
    ROLE,
    Fleet,
    World,
    config,
    fleet,
    model,
    one,
    refused_for,
    serverless,
    unwatched,
    variant,
)

AT = "endpoint/ranker"
OUTPUT = {"output_config": {"s3_output_path": "s3://answers/ranker/"}}


@pytest.fixture
def world() -> Iterator[World]:
    with World() as made:
        yield made


def hosted(main: Fleet | None = None, **settings: Any) -> Fleet:
    return fleet({"ranker": {"config": {**config(main=main or variant()), **settings}}}, retain=2)


REAL_TIME, SERVERLESS = hosted(), hosted(serverless())
ASYNC = hosted(async_inference_config=OUTPUT)
ANYWHERE = hosted(async_inference_config={"output_config": {}})
"""Asynchronous without a path: the API's shape allows it, and the presence alone makes the endpoint asynchronous."""


def outages(made: Plan) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(c.reason, c.effect, c.actions) for c in made.changes if c.kind == "endpoint"]


@pytest.mark.parametrize(
    ("before", "after", "rule"),
    [
        pytest.param(ASYNC, REAL_TIME, "ASY-13", id="asynchronous to real-time"),
        pytest.param(REAL_TIME, ASYNC, "ASY-13", id="real-time to asynchronous"),
        pytest.param(ANYWHERE, REAL_TIME, "ASY-13", id="asynchronous without a path to real-time"),
        pytest.param(REAL_TIME, ANYWHERE, "ASY-13", id="real-time to asynchronous without a path"),
        pytest.param(ASYNC, SERVERLESS, "ASY-13", id="asynchronous to serverless"),
        pytest.param(SERVERLESS, ASYNC, "ASY-13", id="serverless to asynchronous"),
        pytest.param(REAL_TIME, SERVERLESS, "SLS-12", id="real-time to serverless"),
    ],
)
def test_hosting_that_no_update_changes_is_an_outage_that_has_to_be_allowed(
    world: World, before: Fleet, after: Fleet, rule: str
) -> None:
    world.live_through(before)
    made = world.plan(after)
    assert refused_for(made) == {(rule, AT)}
    assert outages(made) == [("hosting_changed", "outage", ("delete", "create"))]
    operations = world.operations(after, allow_outage=(AT,))
    assert operations[:3] == ["CreateEndpointConfig", "DeleteEndpoint", "CreateEndpoint"]


def test_what_an_asynchronous_endpoint_answers_to_is_said_with_the_outage(world: World) -> None:
    world.live_through(ASYNC)
    (finding,) = (found for found in world.plan(REAL_TIME).findings if found.rule == "ASY-13")
    assert "from InvokeEndpointAsync to InvokeEndpoint" in finding.message
    assert finding.help == f"--allow-outage {AT}"


def test_another_output_of_asynchronous_inference_is_a_swap(world: World) -> None:
    world.live_through(ASYNC)
    elsewhere = hosted(async_inference_config={"output_config": {"s3_output_path": "s3://elsewhere/"}})
    assert "UpdateEndpoint" in world.operations(elsewhere)


def test_serverless_becomes_instances_by_a_swap(world: World) -> None:
    world.live_through(SERVERLESS)
    assert "UpdateEndpoint" in world.operations(REAL_TIME)


@pytest.mark.parametrize(("before", "after"), [(ASYNC, REAL_TIME), (REAL_TIME, ASYNC)])
def test_a_lost_config_hides_no_border(world: World, before: Fleet, after: Fleet) -> None:
    world.live_through(before)
    with unwatched(world):
        world.does("DeleteEndpointConfig", EndpointConfigName=world.endpoint()["EndpointConfigName"])
    assert refused_for(world.plan(after)) == {("ASY-13", AT)}


@pytest.mark.parametrize("wanted", ["async_inference_config", "serverless_config"])
def test_a_config_outside_the_fleet_hides_no_border(world: World, wanted: str) -> None:
    world.live_through(REAL_TIME)
    main: dict[str, Any] = {"VariantName": "main", "ModelName": "theirs"}
    instances = {"InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    more: dict[str, Any] = {"AsyncInferenceConfig": {"OutputConfig": {"S3OutputPath": "s3://answers/"}}}
    if wanted == "serverless_config":
        more, instances = {}, {"ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 5}}
    world.does("CreateModel", ModelName="theirs", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE + "9"})
    world.does("CreateEndpointConfig", EndpointConfigName="theirs", ProductionVariants=[{**main, **instances}], **more)
    outside = fleet({"ranker": {"endpoint_config_name": "theirs"}}, models={})
    made = world.plan(outside)
    assert [rule for rule, _ in refused_for(made)] == ["SLS-12" if wanted == "serverless_config" else "ASY-13"]
    world.live_through(outside, allow_outage=(AT,))


@pytest.mark.parametrize(("before", "after"), [(ASYNC, REAL_TIME), (REAL_TIME, ASYNC), (SERVERLESS, ASYNC)])
def test_a_rollback_across_a_border_is_an_outage_that_has_to_be_allowed(
    world: World, before: Fleet, after: Fleet
) -> None:
    world.live_through(before)
    world.live_through(after, allow_outage=(AT,))
    refused = world.engine.rollback(world.desired(after), "ranker")
    assert {(found.rule, found.help) for found in refused.findings if found.severity == "error"} == {
        ("ASY-13", f"--allow-outage {AT}")
    }
    planned = world.engine.rollback(world.desired(after), "ranker", allow_outage=True)
    assert world.apply(planned.plan).complete
    assert ("AsyncInferenceConfig" in world.endpoint()) is (before is ASYNC)
    (change,) = (change for change in world.plan(after).changes if change.kind == "endpoint")
    assert "`mmeplan rollback` took it from" in change.notes[0]


def test_the_service_refuses_to_take_asynchronous_inference_away_and_not_to_change_it(world: World) -> None:
    world.live_through(ASYNC)
    with World() as other:
        real_time = next(r for r in other.compile(REAL_TIME).of_kind("endpoint_config"))
    variants = [{**real_time.request["ProductionVariants"][0], "ModelName": world.names("model")[0]}]
    world.does("CreateEndpointConfig", EndpointConfigName="real-time", ProductionVariants=variants)
    with pytest.raises(CloudError, match="AsyncInferenceConfig parameter cannot be removed from this endpoint ranker"):
        world.does("UpdateEndpoint", EndpointName="ranker", EndpointConfigName="real-time")
    assert world.endpoint()["EndpointStatus"] == "InService"


# --- callers ----------------------------------------------------------------------------------------------------------


def warned(made: Plan) -> list[str]:
    """What callers have to change, as the plan's warnings say it."""
    ids = ("EP-18", "EP-19", "EP-20", "EP-21")
    return [f"{found.rule}: {found.message.partition(': ')[2]}" for found in made.findings if found.rule in ids]


def multi() -> Fleet:
    container = {"image": IMAGE + "1", "mode": "MultiModel", "model_data_url": "s3://acme/ranker/"}
    return {"execution_role_arn": ROLE, "primary_container": container}


def pair(mode: str, *hostnames: str) -> Fleet:
    containers = [{"image": IMAGE + name, "container_hostname": name} for name in hostnames]
    return {"execution_role_arn": ROLE, "containers": containers, "inference_execution_config": {"mode": mode}}


def of(made: Fleet) -> Fleet:
    return {**one(), "models": {"ranker": made}}


TWO = one({"a": variant(), "b": variant(count=1)})


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        pytest.param(
            one(),
            one({"primary": variant()}),
            "EP-18: requests with TargetVariant 'main' are refused from then on; what there is then: 'primary'",
            id="a variant is renamed",
        ),
        pytest.param(
            TWO,
            one({"a": variant()}),
            "EP-18: requests with TargetVariant 'b' are refused from then on; what there is then: 'a'",
            id="a variant is removed",
        ),
        pytest.param(
            of(model()),
            of(multi()),
            "EP-19: it becomes a multi-model endpoint, so every request has to name its model by TargetModel",
            id="to multi-model",
        ),
        pytest.param(
            of(multi()),
            of(model()),
            "EP-19: it is no multi-model endpoint any more, so requests with TargetModel are refused from then on",
            id="from multi-model",
        ),
        pytest.param(
            of(pair("Serial", "x", "y")),
            of(pair("Direct", "x", "y")),
            "EP-20: its containers are called directly, so requests name one by TargetContainerHostname: 'x', 'y'",
            id="serial to direct",
        ),
        pytest.param(
            of(pair("Direct", "x", "y")),
            of(pair("Serial", "x", "y")),
            "EP-20: its containers aren't called directly any more, so requests stop sending TargetContainerHostname",
            id="direct to serial",
        ),
        pytest.param(
            of(pair("Direct", "x", "y")),
            of(pair("Direct", "x", "z")),
            "EP-20: requests with TargetContainerHostname 'y' find no such container any more",
            id="a container's hostname",
        ),
        pytest.param(TWO, one({"a": variant(), "b": variant(), "c": variant()}), "", id="a variant more"),
        pytest.param(of(multi()), of({**multi(), "tags": {"a": "b"}}), "", id="tags of a model"),
        pytest.param(of(model()), of(model("2")), "", id="another image"),
        pytest.param(of(pair("Serial", "x", "y")), of(pair("Serial", "x", "z")), "", id="hostnames nobody names"),
    ],
)
def test_a_swap_warns_of_what_callers_have_to_change(world: World, before: Fleet, after: Fleet, told: str) -> None:
    world.live_through(before)
    assert warned(world.plan(after)) == ([told] if told else [])
    world.live_through(after)


def test_a_rollback_warns_of_what_callers_have_to_change(world: World) -> None:
    world.live_through({**of(multi()), "retain": 1})
    world.live_through({**of(model()), "retain": 1})
    planned = world.engine.rollback(world.desired({**of(model()), "retain": 1}), "ranker")
    assert [line.partition(":")[0] for line in warned(planned.plan)] == ["EP-19"]


def test_an_endpoint_that_serves_nothing_has_no_callers_to_warn(world: World) -> None:
    world.sim.faults.fail_create("ranker", "no capacity")
    world.apply(of(model()))
    assert warned(world.plan(of(multi()))) == []
