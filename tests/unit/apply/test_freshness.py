"""Freshness: each reason that makes a saved plan stale, and a plan that is fresh."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mmeplan.apply import file_reasons, staleness
from mmeplan.plan import Plan
from mmeplan.plan.document import SourceFile
from tests.simulation.world import REGION, World, fleet, model, one, variant

SMALL, LARGE = one(), one({"main": variant(instance_type="ml.m5.xlarge")})


@pytest.fixture
def world() -> Iterator[World]:
    with World() as made:
        made.live_through(SMALL)
        yield made


def reasons(world: World, plan: Plan, region: str = REGION, **more: Any) -> tuple[str, ...]:
    return staleness(plan, world.cloud, world.sim.clock.now(), region, **more).reasons


def test_a_plan_is_fresh_while_nothing_moves(world: World) -> None:
    made = world.plan({**LARGE, "models": {"ranker": model("2")}, "retain": 0})
    world.sim.clock.sleep(86_400)
    assert reasons(world, made) == ()


def test_a_plan_that_relies_on_foreign_objects_is_fresh_too(world: World) -> None:
    world.foreign_endpoint()
    arn = world.does("DescribeEndpointConfig", EndpointConfigName="theirs")["EndpointConfigArn"]
    world.does("AddTags", ResourceArn=arn, Tags=[{"Key": "k", "Value": "v"}])
    outside = {"model_name": "theirs", "instance_type": "ml.m5.large", "initial_instance_count": 1}
    text = fleet({"ranker": {"config": {"production_variants": {"main": outside}}}})
    world.live_through(text)
    world.does("UpdateEndpoint", EndpointName="ranker", EndpointConfigName="theirs")
    world.sim.clock.sleep(900)
    text["endpoints"]["ranker"]["tags"] = {"a": "b"}
    made = world.plan(text)
    assert made.steps
    assert reasons(world, made) == ()


def test_another_account_or_region_is_told_alone(world: World) -> None:
    made = world.plan(LARGE)
    assert reasons(world, replace(made, account="999999999999"), "us-east-1") == (
        "the plan is for the account 999999999999, and these credentials are of 123456789012",
        "the plan is for the region eu-west-1, not us-east-1",
    )


def test_a_plan_that_is_too_old_says_how_old(world: World) -> None:
    made = world.plan(LARGE)
    world.sim.clock.sleep(3 * 3600)
    assert reasons(world, made, max_age=timedelta(hours=4)) == ()
    assert reasons(world, made, max_age=timedelta(hours=2)) == (
        "what is live was read 3 h ago, longer than --max-age 2 h",
    )


@pytest.mark.parametrize(
    ("age", "most", "said"),
    [
        (timedelta(minutes=90), timedelta(minutes=30), ("90 min", "30 min")),
        (timedelta(minutes=120), timedelta(minutes=119), ("2 h", "119 min")),
        (timedelta(days=3), timedelta(hours=47), ("3 d", "47 h")),
    ],
)
def test_an_age_is_told_in_the_unit_that_people_would_use(
    world: World, age: timedelta, most: timedelta, said: tuple[str, str]
) -> None:
    made = world.plan(LARGE)
    world.sim.clock.sleep(age.total_seconds())
    assert reasons(world, made, max_age=most) == (
        f"what is live was read {said[0]} ago, longer than --max-age {said[1]}",
    )


def test_an_object_that_changed_went_or_appeared_is_told_with_all_the_others(world: World) -> None:
    made = world.plan({**LARGE, "models": {"ranker": model("2")}, "retain": 0})
    new_model = next(change.name for change in made.changes if change.kind == "model" and "create" in change.actions)
    role, image = "arn:aws:iam::123456789012:role/x", {"Image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/x:1"}
    world.does("CreateModel", ModelName=new_model, ExecutionRoleArn=role, PrimaryContainer=image)
    world.does("DeleteModel", ModelName=world.plan(SMALL).changes[-1].name)
    variants = [{"VariantName": "main", "DesiredWeight": 3.0}]
    world.does("UpdateEndpointWeightsAndCapacities", EndpointName="ranker", DesiredWeightsAndCapacities=variants)
    found = " | ".join(sorted(reasons(world, made)))
    assert "endpoint ranker has changed since" in found
    assert f"model {new_model} has been created since" in found
    assert "no longer exists since" in found


def test_a_tag_of_somebody_is_a_change_and_a_denied_read_a_reason(world: World) -> None:
    made = world.plan(LARGE)
    world.does("AddTags", ResourceArn=world.endpoint()["EndpointArn"], Tags=[{"Key": "k", "Value": "v"}])
    assert reasons(world, made) == ("endpoint ranker has changed since the plan was made",)
    world.sim.faults.error("DescribeEndpoint", code="AccessDeniedException", message="no", count=99)
    assert reasons(world, made) == ("endpoint ranker can't be read any more since the plan was made",)


def test_a_fleet_file_that_changed_is_told_and_one_that_is_not_here_is_not(tmp_path: Path, world: World) -> None:
    path = tmp_path / "fleet.yaml"
    path.write_text("version: 1\n")
    digest = "a9ad1c1a5c3d0c9fa1b0fd6c0bb4a6b4c8f1fe6e6a7f5f4ce5dd8d7a4d0c3f10"
    made = replace(world.plan(LARGE), source=(SourceFile(str(path), digest), SourceFile("gone.csv", digest)))
    assert file_reasons(made) == [f"{path} has changed since the plan was made"]
    assert file_reasons(replace(made, source=(SourceFile("nowhere.yaml", digest),))) == []


def test_only_regular_files_of_the_fleets_folder_are_read(tmp_path: Path, world: World) -> None:
    folder = tmp_path / "fleets"
    folder.mkdir()
    (folder / "fleet.yaml").write_text("version: 1\n")
    (tmp_path / "elsewhere.csv").write_text("a\n")
    os.mkfifo(folder / "pipe")
    own = SourceFile(str(folder / "fleet.yaml"), hashlib.sha256(b"version: 1\n").hexdigest())

    def told(*paths: str) -> list[str]:
        others = (SourceFile(path, "0" * 64) for path in paths)
        return file_reasons(replace(world.plan(LARGE), source=(own, *others)))

    special = "is not a regular file, so the plan can't be of it"
    assert told("pipe", ".", "a\0b") == [f"pipe {special}", f". {special}"]
    outside = "lies outside of what a fleet file may read: no plan is made of it"
    assert told("../elsewhere.csv", "/etc/hostname") == [f"../elsewhere.csv {outside}", f"/etc/hostname {outside}"]


def test_a_table_elsewhere_in_the_repository_is_one_of_the_fleets_files(tmp_path: Path, world: World) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "fleets").mkdir()
    digests = []
    for name in ("fleets/fleet.yaml", "stores.csv"):
        (tmp_path / name).write_text(name)
        digests.append(hashlib.sha256(name.encode()).hexdigest())
    source = (SourceFile(str(tmp_path / "fleets" / "fleet.yaml"), digests[0]), SourceFile("../stores.csv", digests[1]))
    made = replace(world.plan(LARGE), source=source)

    assert file_reasons(made) == []
    (tmp_path / "stores.csv").write_text("another")
    assert file_reasons(made) == ["../stores.csv has changed since the plan was made"]
