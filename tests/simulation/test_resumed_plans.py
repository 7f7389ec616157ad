"""A saved plan that was carried out in part is carried out to its end: what it made itself makes it no stale one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

import mmeplan
from mmeplan import Plan, StalePlanError
from mmeplan.apply import Event
from mmeplan.planning import Desired
from tests.simulation.world import Fleet, World, config, fleet, model, variant

FIRST = {
    **fleet(
        {
            "calm": {"config": "small"},
            "old": {"config": "small"},
            "ranker": {"config": "small"},
        },
        endpoint_configs={"small": config(main=variant(count=1))},
    ),
    "retain": 0,
}
NEXT = {
    **fleet(
        {
            "calm": {"config": "small"},
            "new": {"config": "large"},
            "ranker": {"config": "large"},
        },
        endpoint_configs={
            "small": config(main=variant(count=2)),
            "large": config(main=variant(model="other", instance_type="ml.m5.xlarge")),
        },
        models={"ranker": model(), "other": model("2")},
        defaults={"tags": {"team": "a"}},
    ),
    "retain": 0,
}
SCALED = {**FIRST, "endpoint_configs": {"small": config(main=variant(count=3))}}


def saved(folder: Path, world: World, text: Fleet, **options: Any) -> Plan:
    (folder / "fleet.yaml").write_text(yaml.safe_dump(text, sort_keys=False))
    planned = world.engine.plan(Desired.of(loaded(folder)), **options)
    planned.save(folder / "plan.json")
    return Plan.read(folder / "plan.json")


def loaded(folder: Path) -> mmeplan.Fleet:
    return mmeplan.load(folder / "fleet.yaml")


def stopping_after(writes: int, world: World) -> Callable[[], bool]:
    """Says stop once so many calls were written."""
    begun = len(world.written)
    return lambda: len(world.written) - begun >= writes


def calls(plan: Plan) -> set[str]:
    return {step.id for step in plan.steps}


@pytest.mark.parametrize("text", [NEXT, SCALED], ids=["next", "scaled"])
def test_a_plan_that_was_stopped_after_any_write_goes_on(tmp_path: Path, text: Fleet) -> None:
    writes = 0
    while True:
        with World() as world:
            world.live_through(FIRST)
            plan = saved(tmp_path, world, text)
            world.engine.apply(plan, stopping=stopping_after(writes, world))
            rest = world.engine.recheck(plan).plan
            assert calls(rest) <= calls(plan), writes
            outcome = world.engine.apply(plan)
            assert outcome.complete, (writes, outcome)
            assert not world.engine.plan(Desired.of(loaded(tmp_path))).plan.steps
            if not rest.steps:
                break
        writes += 1
    assert writes >= len(calls(plan)) // 2


@pytest.mark.parametrize("kind", ["called", "polled"])
def test_an_apply_that_was_killed_goes_on(tmp_path: Path, kind: str) -> None:
    """Killed right before a call, or while an update is under way."""
    for at in range(0, 40, 3):
        with World() as world:
            world.live_through(FIRST)
            plan = saved(tmp_path, world, NEXT)
            left = at

            def killed(event: Event) -> None:
                nonlocal left
                left -= event.kind == kind
                if left < 0:
                    raise KeyboardInterrupt

            try:
                assert world.engine.apply(plan, observer=killed).complete
                return
            except KeyboardInterrupt:
                outcome = world.engine.apply(plan)
            assert outcome.complete, (at, outcome)
            assert not world.engine.plan(Desired.of(loaded(tmp_path))).plan.steps


def half_applied(folder: Path, world: World, text: Fleet = NEXT) -> Plan:
    """A plan whose swap of an endpoint was denied; its creates are done."""
    world.live_through(FIRST)
    plan = saved(folder, world, text)
    world.sim.faults.error("UpdateEndpoint", code="AccessDeniedException", message="no", count=1)
    assert world.engine.apply(plan).failed
    return plan


def test_what_was_denied_is_done_by_the_second_run(tmp_path: Path) -> None:
    with World() as world:
        plan = half_applied(tmp_path, world)
        begun = len(world.written)
        rest = world.engine.recheck(plan).plan
        assert "CreateEndpointConfig" not in {step.operation for step in rest.steps}
        outcome = world.engine.apply(plan)
        assert (outcome.failed, outcome.complete) == ((), True)
        assert len(world.written) - begun == len(rest.steps)


def swap_back(world: World) -> None:
    config_name = world.does("DescribeEndpoint", EndpointName="calm")["EndpointConfigName"]
    world.does("UpdateEndpoint", EndpointName="ranker", EndpointConfigName=config_name)
    world.sim.clock.sleep(1800)


def scale(world: World) -> None:
    wanted = [{"VariantName": "main", "DesiredInstanceCount": 4}]
    world.does("UpdateEndpointWeightsAndCapacities", EndpointName="ranker", DesiredWeightsAndCapacities=wanted)
    world.sim.clock.sleep(1800)


def lose_the_config(world: World) -> None:
    (name,) = (name for name in world.names("endpoint-config") if name.startswith("large"))
    world.does("DeleteEndpointConfig", EndpointConfigName=name)
    world.does(
        "CreateEndpointConfig",
        EndpointConfigName=name,
        ProductionVariants=[
            {
                "VariantName": "x",
                "ModelName": world.names("model")[0],
                "InstanceType": "ml.m5.large",
                "InitialInstanceCount": 1,
            }
        ],
    )


def tag(world: World) -> None:
    arn = world.does("DescribeEndpoint", EndpointName="ranker")["EndpointArn"]
    world.does("AddTags", ResourceArn=arn, Tags=[{"Key": "owner", "Value": "somebody"}])


@pytest.mark.parametrize(
    ("external", "swapped"),
    [
        (scale, False),
        (lose_the_config, False),
        (tag, False),
        (swap_back, True),
        (scale, True),
        (lose_the_config, True),
    ],
)
def test_what_others_did_since_makes_it_stale(tmp_path: Path, external: Callable[[World], None], swapped: bool) -> None:
    with World() as world:
        if swapped:
            world.live_through(FIRST)
            plan = saved(tmp_path, world, NEXT)
            world.sim.faults.error("DeleteEndpoint", code="AccessDeniedException", message="no", count=1)
            assert world.engine.apply(plan).failed
        else:
            plan = half_applied(tmp_path, world)
        external(world)
        with pytest.raises(StalePlanError, match="since the plan was made"):
            world.engine.recheck(plan)


def test_without_its_files_it_is_stale(tmp_path: Path) -> None:
    with World() as world:
        plan = half_applied(tmp_path, world)
        (tmp_path / "fleet.yaml").unlink()
        with pytest.raises(StalePlanError, match="has been created since"):
            world.engine.recheck(plan)


def test_what_sagemaker_rolled_back_is_not_done_again(tmp_path: Path) -> None:
    with World() as world:
        world.live_through(FIRST)
        plan = saved(tmp_path, world, NEXT)
        world.sim.faults.fail_update("ranker", "no health")
        assert any(result.rolled_back for result in world.engine.apply(plan).failed)
        with pytest.raises(StalePlanError):
            world.engine.recheck(plan)


def test_a_step_that_was_written_into_the_plan_is_not_carried_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is carried out is made of the files anew; of a plan whose digest was taken again nothing else is done."""
    with World() as world:
        plan = half_applied(tmp_path, world)
        delete = next(step for step in plan.steps if step.id == "DeleteEndpoint:endpoint/old")
        forged = replace(delete, id="DeleteEndpoint:endpoint/calm", address="endpoint/calm")
        forged = replace(forged, params={"EndpointName": "calm"}, wait=replace(delete.wait, endpoint="calm"))
        monkeypatch.setattr("mmeplan.plan.problems_of", lambda plan: ())
        rest = world.engine.recheck(replace(plan, steps=(*plan.steps, forged))).plan
        assert forged.id not in calls(rest)
