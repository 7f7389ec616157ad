"""Every kind of plan that is saved beside its file is made again from it, and found to be the same: none is refused."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

import mmeplan
from mmeplan import Engine, InputError, Plan, PlanRefused, StalePlanError
from mmeplan.apply import file_reasons
from mmeplan.engine import Planned
from mmeplan.plan.document import SourceFile
from mmeplan.planning import Desired
from tests.golden.situations import SITUATIONS, Situation
from tests.simulation.forgeries import sealed
from tests.simulation.world import Fleet, World, config, fleet, model, one, variant

Made = Callable[[World, mmeplan.Fleet], Planned]


def saved(folder: Path, text: Fleet, world: World, made: Made, **more: Any) -> Plan:
    """A plan of the fleet, saved beside its file and read again."""
    (folder / "fleet.yaml").write_text(yaml.safe_dump(text, sort_keys=False))
    planned = made(world, mmeplan.load(folder / "fleet.yaml", **more))
    planned.save(folder / "plan.json")
    return Plan.read(folder / "plan.json")


@pytest.fixture
def again(monkeypatch: pytest.MonkeyPatch) -> list[Planned]:
    """The plans that were made again."""
    found: list[Planned] = []
    make = Engine._made_again

    def made(self: Engine, plan: Plan) -> Planned:
        found.append(make(self, plan))
        return found[-1]

    monkeypatch.setattr(Engine, "_made_again", made)
    return found


def plain(**options: Any) -> Made:
    return lambda world, loaded: world.engine.plan(Desired.of(loaded), **options)


def asked(situation: Situation) -> Made:
    options = dict(situation.options)
    if options.pop("destroy", False):
        return lambda world, loaded: world.engine.destroy(loaded)
    options.pop("speculative", None)
    return plain(**options)


@pytest.mark.parametrize("name", sorted(set(SITUATIONS) - {"unreadable", "findings", "pipeline"}))
def test_the_plans_of_the_golden_cases(name: str, tmp_path: Path, again: list[Planned]) -> None:
    situation = SITUATIONS[name]
    with World() as world:
        world.watching = False
        for each in situation.before:
            world.live_through(each)
        situation.life(world)
        plan = saved(tmp_path, situation.fleet, world, asked(situation))
        assert world.engine.recheck(plan).plan == plan
        (made,) = again
        assert made.plan.steps == plan.steps


LARGE = one({"main": variant(instance_type="ml.m5.xlarge")})


def lost_config(world: World) -> None:
    world.live_through(one())
    world.does(
        "DeleteEndpointConfig",
        EndpointConfigName=world.does("DescribeEndpoint", EndpointName="ranker")["EndpointConfigName"],
    )


def lived(*fleets: Fleet) -> Callable[[World], None]:
    def life(world: World) -> None:
        for each in fleets:
            world.live_through(each)

    return life


OTHERS = [f"calm{number}" for number in range(60)]
MANY = fleet({name: {"config": "all"} for name in OTHERS}, endpoint_configs={"all": config(main=variant(count=1))})
KINDS: dict[str, tuple[Callable[[World], None], Fleet, Made, dict[str, Any]]] = {
    "a rollback": (
        lived({**one(), "retain": 2}, {**LARGE, "retain": 2}),
        {**LARGE, "retain": 2},
        lambda world, loaded: world.engine.rollback(loaded, "ranker"),
        {},
    ),
    "a stand-in": (lost_config, LARGE, plain(), {}),
    "a restored config": (lost_config, {**one(), "retain": 1}, plain(), {}),
    "a replacement": (lived(one()), one(), plain(replace=["endpoint/ranker"]), {}),
    "a salt in the file": (lived(one()), {**one(), "models": {"ranker": model(replace_salt="x")}}, plain(), {}),
    "a pinned name": (lived(one()), {**one(), "models": {"ranker": model("2", name="ranker-20240101")}}, plain(), {}),
    "a target": (lived(one()), {**LARGE, "models": {"ranker": model("2")}}, plain(targets=["model/ranker"]), {}),
    "an environment": (
        lived(one()),
        {**LARGE, "environments": {"prod": {}}, "variables": {"size": "large"}},
        plain(),
        {"environment": "prod", "variables": {"size": "xlarge"}},
    ),
    "a region that is given": (lived(one()), LARGE, plain(), {"region": "eu-west-1"}),
    "an expression of the region": (
        lived(one()),
        {**LARGE, "models": {"ranker": model("{{ region }}")}},
        plain(),
        {"region": "eu-west-1"},
    ),
    "a quota that makes endpoints wait": (
        lived(MANY),
        {**MANY, "models": {"ranker": model("2")}, "quotas": {"ml.m5.large": 62}},
        plain(),
        {},
    ),
    "autoscaled counts": (
        lived(one({"main": variant(capacity="autoscaled")})),
        one({"main": variant(capacity="autoscaled", instance_type="ml.m5.xlarge")}),
        plain(),
        {},
    ),
    "an end": (lived(MANY), MANY, lambda world, loaded: world.engine.destroy(loaded), {}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_plan_of_each_kind_is_applied(kind: str, tmp_path: Path, again: list[Planned]) -> None:
    life, text, made, loading = KINDS[kind]
    with World() as world:
        life(world)
        plan = saved(tmp_path, text, world, made, **loading)
        assert plan.applyable
        assert world.engine.apply(plan).complete
        assert len(again) == 1


def test_files_of_a_fleet_are_read_again_too(tmp_path: Path, again: list[Planned]) -> None:
    (tmp_path / "names.yaml").write_text("[a, b]\n")
    endpoints = {"each": {"for_each": {"file": "names.yaml"}, "config": config(main=variant(count=1))}}
    with World() as world:
        plan = saved(tmp_path, fleet(endpoints), world, plain())
        assert [source.path for source in plan.source] == [str(tmp_path / "fleet.yaml"), "names.yaml"]
        assert world.engine.apply(plan).complete
        assert len(again) == 1


def test_what_came_since_is_left_alone(tmp_path: Path) -> None:
    """Something else of the fleet's, which a plan of now would delete: the saved plan doesn't speak of it."""
    with World() as world:
        world.live_through(one())
        plan = saved(tmp_path, LARGE, world, plain())
        world.foreign_endpoint("later")
        arn = world.does("DescribeEndpoint", EndpointName="later")["EndpointArn"]
        world.does("AddTags", ResourceArn=arn, Tags=[{"Key": "mmeplan:fleet", "Value": "f"}])
        world.sim.clock.sleep(900)
        assert "DeleteEndpoint" in [
            step.operation for step in world.engine.plan(Desired.of(loaded(tmp_path))).plan.steps
        ]
        assert world.engine.apply(plan).complete
        assert world.does("DescribeEndpoint", EndpointName="later")["EndpointStatus"] == "InService"


def loaded(folder: Path) -> mmeplan.Fleet:
    return mmeplan.load(folder / "fleet.yaml")


def test_what_somebody_else_uses_by_now_is_kept(tmp_path: Path) -> None:
    with World() as world:
        world.live_through({**one(), "retain": 0})
        old = world.does("DescribeEndpoint", EndpointName="ranker")["EndpointConfigName"]
        plan = saved(tmp_path, {**LARGE, "retain": 0}, world, plain())
        assert "DeleteEndpointConfig" in [step.operation for step in plan.steps]
        world.foreign_endpoint("theirs", config_name=old)
        outcome = world.engine.apply(plan)
        assert not outcome.failed
        assert [result.step for result in outcome.kept] == [f"DeleteEndpointConfig:endpoint_config/ranker@{old}"]


def test_what_can_not_be_read_any_more_makes_the_plan_stale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with World() as world:
        world.live_through(one())
        plan = saved(tmp_path, LARGE, world, plain())
        read = world.engine._reader.read

        def denied(operation: str, params: Any) -> Any:
            if operation in ("GetResources", "ListEndpoints"):
                raise mmeplan.CloudError(operation, "AccessDeniedException", "no")
            return read(operation, params)

        monkeypatch.setattr(world.engine._reader, "read", denied)
        with pytest.raises(StalePlanError, match="can't be read any more"):
            world.engine.recheck(plan)


def test_a_file_that_is_no_fleet_gives_no_plan(tmp_path: Path) -> None:
    with World() as world:
        plan = saved(tmp_path, one(), world, plain())
        assert world.engine.recheck(plan)
        other = tmp_path / "other.yaml"
        other.write_text("version: 1\n")
        forged = SourceFile(str(other), hashlib.sha256(other.read_bytes()).hexdigest())
        with pytest.raises(PlanRefused, match="no such plan can be made of its file"):
            world.engine.recheck(replace(plan, source=(forged,)))


@pytest.mark.parametrize("what", ["a device", "a pipe", "a folder"])
def test_what_is_no_regular_file_is_not_read(what: str, tmp_path: Path) -> None:
    with World() as world:
        plan = saved(tmp_path, one(), world, plain())
    path = tmp_path / "fleet.yaml"
    path.unlink()
    if what == "a device":
        path.symlink_to("/dev/zero")
    elif what == "a pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
    assert file_reasons(plan) == [f"{path} is not a regular file, so the plan can't be of it"]


def test_a_plan_whose_file_is_a_nul_is_not_read(tmp_path: Path) -> None:
    with World() as world:
        saved(tmp_path, one(), world, plain())
    text = (tmp_path / "plan.json").read_text().replace(str(tmp_path / "fleet.yaml"), "fleet\\u0000.yaml")
    with pytest.raises(InputError):
        Plan.read(_written(tmp_path / "nul.json", text))


def _written(path: Path, text: str) -> Path:
    path.write_text(json.dumps(sealed(json.loads(text))))
    return path


def test_a_policy_over_the_commit_holds_in_the_plan_that_is_made_again(tmp_path: Path) -> None:
    policy = {"expression": "plan.commit != null", "message": "only what is committed is applied"}
    with World() as world:
        text = {**one({"main": variant()}), "policies": {"committed": policy}}
        plan = saved(tmp_path, text, world, plain(commit="0" * 40))
        assert world.engine.recheck(plan).plan == plan


def test_what_somebody_else_uses_no_more_is_no_difference(tmp_path: Path) -> None:
    with World() as world:
        world.live_through(one({"main": variant()}))
        (name,) = world.names("endpoint-config")
        world.foreign_endpoint("theirs", config_name=name)
        plan = saved(tmp_path, {**fleet(models={}), "endpoints": {}}, world, plain())
        assert {change.reason for change in plan.changes if change.kind == "endpoint_config"} == {"in_use"}
        world.does("DeleteEndpoint", EndpointName="theirs")
        world.sim.clock.sleep(600)
        assert world.engine.recheck(plan).plan == plan
