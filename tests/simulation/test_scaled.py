"""A swap that an autoscaler stands in the way of is found before anything is made for it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from mmeplan import render
from mmeplan.engine import Engine, Planned
from mmeplan.errors import CloudError
from tests.simulation.world import REGION, Fleet, World, config, fleet, model, one, serverless, variant

COUNT = "sagemaker:variant:DesiredInstanceCount"
CONCURRENCY = "sagemaker:variant:DesiredProvisionedConcurrency"
XLARGE = "ml.m5.xlarge"
AUTO: Fleet = {"capacity": "autoscaled"}
SCALED = one({"main": variant(**AUTO)})


def registered(world: World, name: str = "ranker", of: str = "main", dimension: str = COUNT) -> None:
    """Somebody registers a scalable target."""
    client = world.foreigner._session.client("application-autoscaling")
    client.meta.events.register("before-send.*", world.sim.before_send)
    place = {"ServiceNamespace": "sagemaker", "ResourceId": f"endpoint/{name}/variant/{of}"}
    client.register_scalable_target(**place, ScalableDimension=dimension, MinCapacity=1, MaxCapacity=9)


class Asked:
    """The engine's reads, counted. `denied`: the caller may not ask for scalable targets."""

    def __init__(self, world: World, *, denied: bool = False) -> None:
        self.of, self.denied = world.cloud, denied
        self.calls: Counter[str] = Counter()
        self.engine = Engine(self, world.cloud, world.sim.clock, REGION)

    def read(self, operation: str, params: Any) -> Any:
        self.calls[operation] += 1
        if operation == "DescribeScalableTargets" and self.denied:
            raise CloudError(operation, "AccessDeniedException", "not authorized", status=400)
        return self.of.read(operation, params)

    def gather(self, calls: Any, progress: Any = None) -> Any:
        self.calls.update(operation for operation, _ in calls)
        return self.of.gather(calls, progress)


def found(planned: Planned) -> list[tuple[str, str, str]]:
    """What is found."""
    return [(finding.rule, finding.severity, finding.address) for finding in planned.findings]


TYPE = ("ASC-16", "endpoint/ranker")
GONE = ("ASC-17", "endpoint/ranker")
CALLERS = ("EP-18", "warning", "endpoint/ranker")
"""What callers have to change where a variant goes."""


@pytest.mark.parametrize(
    ("before", "after", "refusal"),
    [
        (SCALED, one({"main": variant(instance_type=XLARGE, **AUTO)}), TYPE),
        (SCALED, one({"main": variant(instance_type=XLARGE)}), TYPE),
        (SCALED, one({"other": variant(**AUTO)}), GONE),
        (SCALED, one({"other": variant()}), GONE),
        (one(), one({"main": variant(instance_type=XLARGE, **AUTO)}), TYPE),
        (SCALED, one({"main": variant(enable_ssm_access=True, **AUTO)}), None),
        (SCALED, one({"main": variant(**AUTO), "other": variant(instance_type=XLARGE)}), None),
        (SCALED, {**SCALED, "models": {"ranker": model("2")}}, None),
        (SCALED, SCALED, None),
    ],
    ids=[
        "another type",
        "another type, and a fixed count",
        "another name",
        "another name, and a fixed count",
        "another type, and an autoscaler from now on",
        "another setting",
        "a second variant",
        "another image",
        "nothing",
    ],
)
def test_a_registered_variant_that_moves_refuses_the_plan(
    before: Fleet, after: Fleet, refusal: tuple[str, str] | None
) -> None:
    with World() as world:
        world.live_through(before)
        registered(world)
        asked = Asked(world)
        planned = asked.engine.plan(world.desired(after))
        callers = [CALLERS] if refusal == GONE else []
        assert found(planned) == ([(refusal[0], "error", refusal[1]), *callers] if refusal else [])
        assert asked.calls["DescribeScalableTargets"] == (1 if refusal else 0)
        if refusal:
            (finding,) = [finding for finding in planned.findings if finding.rule == refusal[0]]
            assert "deregister-scalable-target" in finding.help
            assert "endpoint/ranker/variant/main" in finding.help
            assert finding.line
            assert not planned.applyable
        else:
            assert world.apply(planned.plan).complete


def test_what_the_advice_says_makes_the_plan_fit() -> None:
    after = one({"main": variant(instance_type=XLARGE, **AUTO)})
    with World() as world:
        world.live_through(SCALED)
        registered(world)
        planned = world.engine.plan(world.desired(after))
        words = planned.findings[0].help.split(";")[0].split()
        given = dict(zip(words[3::2], words[4::2], strict=True))
        client = world.foreigner._session.client("application-autoscaling")
        client.meta.events.register("before-send.*", world.sim.before_send)
        client.deregister_scalable_target(
            ServiceNamespace=given["--service-namespace"],
            ResourceId=given["--resource-id"],
            ScalableDimension=given["--scalable-dimension"],
        )
        world.live_through(after)


def test_where_it_may_not_be_asked_a_warning_says_what_may_happen() -> None:
    with World() as world:
        world.live_through(SCALED)
        asked = Asked(world, denied=True)
        planned = asked.engine.plan(world.desired(one({"main": variant(instance_type=XLARGE, **AUTO)})))
        assert found(planned) == [("ASC-16", "warning", "endpoint/ranker")]
        (finding,) = planned.findings
        assert "application-autoscaling:DescribeScalableTargets" in finding.help
        assert planned.applyable
        for text in (render.text(planned.plan), render.markdown(planned.plan), render.html(planned.plan)):
            assert "ASC-16" in text


def test_a_snapshot_can_not_say_it_and_a_warning_does() -> None:
    with World() as world:
        world.live_through(SCALED)
        desired = world.desired(one({"main": variant(instance_type=XLARGE, **AUTO)}))
        stored = Engine.stored(world.observe(desired.graph))
        assert found(stored.plan(desired)) == [("ASC-16", "warning", "endpoint/ranker")]


def test_a_type_that_is_not_known_any_more_is_a_warning() -> None:
    with World() as world:
        world.live_through(SCALED)
        registered(world)
        world.does("DeleteEndpointConfig", EndpointConfigName=world.endpoint()["EndpointConfigName"])
        planned = world.engine.plan(world.desired({**SCALED, "models": {"ranker": model("2")}}))
        assert found(planned) == [("ASC-16", "warning", "endpoint/ranker")]


def test_nothing_is_asked_where_no_count_is_somebody_elses() -> None:
    with World() as world:
        world.live_through(one())
        asked = Asked(world)
        planned = asked.engine.plan(world.desired(one({"main": variant(instance_type=XLARGE)})))
        assert planned.applyable
        assert asked.calls["DescribeScalableTargets"] == 0


def test_the_dimension_of_a_serverless_variant_counts_too() -> None:
    def warmed(name: str) -> Fleet:
        main = serverless(concurrency=20, **AUTO)
        main["serverless_config"]["provisioned_concurrency"] = 2
        return one({name: main})

    with World() as world:
        world.live_through(warmed("main"))
        registered(world, dimension=CONCURRENCY)
        planned = world.engine.plan(world.desired(warmed("other")))
        assert found(planned) == [("ASC-17", "error", "endpoint/ranker"), CALLERS]
        assert CONCURRENCY in planned.findings[0].help


def test_a_rollback_to_another_type_is_refused_as_well() -> None:
    with World() as world:
        world.live_through(SCALED)
        after = one({"main": variant(instance_type=XLARGE, **AUTO)})
        world.live_through(after)
        registered(world)
        planned = world.engine.rollback(world.desired(after), "ranker")
        assert found(planned) == [("ASC-16", "error", "endpoint/ranker")]


def test_one_call_asks_for_fifty_variants() -> None:
    def many(kind: str) -> Fleet:
        return fleet(
            {f"e{number}": {"config": config(main=variant(instance_type=kind, **AUTO))} for number in range(4)}
        )

    with World() as world:
        world.live_through(many("ml.m5.large"))
        registered(world, "e2")
        asked = Asked(world)
        planned = asked.engine.plan(world.desired(many(XLARGE)))
        assert found(planned) == [("ASC-16", "error", "endpoint/e2")]
        assert asked.calls["DescribeScalableTargets"] == 1


def test_the_policy_of_such_a_plan_has_the_read_and_that_of_others_has_not() -> None:
    action = "application-autoscaling:DescribeScalableTargets"
    with World() as world:
        world.live_through(SCALED)
        asking = world.engine.plan(world.desired(one({"main": variant(instance_type=XLARGE, **AUTO)})))
        assert any(action in statement["Action"] for statement in asking.policy()["Statement"])
        silent = world.engine.plan(world.desired({**SCALED, "models": {"ranker": model("2")}}))
        assert not any(action in statement["Action"] for statement in silent.policy()["Statement"])


def test_a_simulated_service_refuses_such_an_update() -> None:
    with World() as world:
        world.live_through(SCALED)
        made = world.plan(one({"main": variant(instance_type=XLARGE, **AUTO)}))
        registered(world)
        assert not world.apply(made).complete
