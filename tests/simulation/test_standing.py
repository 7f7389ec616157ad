"""What is live and could not be created today: it is adopted, kept and left unchanged; nothing like it is created."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import yaml

from mmeplan import FleetRefused, rules
from mmeplan.diff import Action, diff
from mmeplan.live import live_object
from mmeplan.plan import Finding, Options
from mmeplan.planning import Desired, planned_from
from mmeplan.rules import standing
from mmeplan.simulator import refusals
from mmeplan.spec import load_text
from tests.simulation.world import ACCOUNT, IMAGE, REGION, ROLE, Fleet, World, config, fleet, model, variant

SCALING = {"managed_instance_scaling": {"status": "ENABLED", "min_instance_count": 1, "max_instance_count": 4}}
BOUND: Fleet = {"account": ACCOUNT, "region": REGION}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """An endpoint of somebody else, of times when SageMaker took managed scaling beside a model."""
    with World() as made:
        with monkeypatch.context() as patch:
            patch.setattr(refusals, "first", lambda *_: None)  # neither refused nor failed by them
            made.does(
                "CreateModel",
                ModelName="old",
                ExecutionRoleArn=ROLE,
                PrimaryContainer={"Image": IMAGE + "1", "ModelDataUrl": "s3://b//old.tar.gz"},
            )
            of_old = {"VariantName": "main", "ModelName": "old", "InstanceType": "ml.m5.large"}
            scaling = {"Status": "ENABLED", "MinInstanceCount": 1, "MaxInstanceCount": 4}
            variants = [{**of_old, "InitialInstanceCount": 2, "ManagedInstanceScaling": scaling}]
            made.does("CreateEndpointConfig", EndpointConfigName="old", ProductionVariants=variants)
            made.does("CreateEndpoint", EndpointName="old", EndpointConfigName="old")
            made.sim.clock.sleep(3600)
        yield made


def written(text: Fleet) -> Any:
    return load_text(yaml.safe_dump({**BOUND, **text}).encode())


def old(names: bool = True, **changes: Any) -> Fleet:
    """The fleet file of what is live, and of another endpoint that is in order."""
    pinned = {"name": "old", "adopt": True} if names else {}
    container = {"image": IMAGE + "1", "model_data_url": "s3://b//old.tar.gz"}
    return fleet(
        {
            "old": {"adopt": True, "config": {**pinned, **config(main=variant("old", **{**SCALING, **changes}))}},
            "ranker": {"config": config(main=variant())},
        },
        models={
            "old": {**pinned, "execution_role_arn": ROLE, "primary_container": container},
            "ranker": model(),
        },
    )


def errors(findings: tuple[Finding, ...]) -> set[str]:
    return {finding.rule for finding in findings if finding.severity == "error"}


def notes(findings: tuple[Finding, ...]) -> set[str]:
    return {f.rule for f in findings if f.severity == "note" and f.message.endswith(standing.STANDS)}


@pytest.mark.parametrize("targets", [(), ("endpoint/old",), ("endpoint/ranker",)])
def test_it_is_adopted_and_everything_else_goes_on(world: World, targets: tuple[str, ...]) -> None:
    engine, text = world.engine, written(old())
    planned = engine.plan(text, targets=targets)
    assert errors(planned.findings) == set()
    assert notes(planned.findings) == {"CFG-32", "MDL-42"}
    assert engine.apply(planned).complete
    if not targets:
        again = engine.plan(text)  # unchanged, and no longer adopted
        assert (again.plan.steps, notes(again.findings)) == ((), {"CFG-32", "MDL-42"})
        assert engine.plan(written(old(count=3))).applyable  # the count is changed in place


def test_it_is_kept_without_its_pins_where_what_is_live_says_the_same(world: World) -> None:
    planned = world.engine.plan(written(old(names=False)))
    assert (errors(planned.findings), planned.applyable) == (set(), True)
    assert not [step for step in planned.plan.steps if step.address.endswith("/old") and "Create" in step.operation]


STARTED = {
    **old(),
    "endpoints": {"new": {"config": "old"}},
    "endpoint_configs": {"old": old()["endpoints"]["old"]["config"]},
}


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        (old(names=False, instance_type="ml.m5.xlarge"), {"CFG-32", "MDL-42"}),  # the config is made anew
        (STARTED, {"CFG-32"}),
    ],
)
def test_nothing_like_it_is_created_or_started(world: World, text: Fleet, refused: set[str]) -> None:
    with pytest.raises(FleetRefused) as told:
        world.engine.plan(written(text))
    assert errors(told.value.findings) >= {"CFG-32"}
    assert errors(told.value.findings) <= refused


def test_replaced_it_would_be_created(world: World) -> None:
    with pytest.raises(FleetRefused):
        world.engine.plan(written(old(names=False)), replace=["model/old"])


def test_what_is_done_to_an_older_generation_does_not_say_that_the_declared_one_stands(world: World) -> None:
    text = old(names=False)
    text["models"]["old"]["primary_container"]["image"] = IMAGE + "2"
    desired = Desired.of(written(text))
    changes = diff(desired.graph, world.engine.observe(desired)).changes
    (created,) = (change for change in changes if change.address == "model/old")
    assert created.action is Action.CREATE
    older = replace(created, action=Action.TAG, name="old-ffffffff")
    found = standing.standing(desired.findings, desired.graph, [*changes, older])
    assert "MDL-42" in errors(found)


@pytest.mark.parametrize("kind", ["endpoint", "endpoint_config", "model"])
def test_what_cannot_be_seen_is_no_excuse(world: World, kind: str) -> None:
    text = written(old())
    snapshot = world.engine.observe(Desired.of(text))

    def refused(status: Any) -> set[str]:
        seen = {name: live_object(kind, name, status) for name in snapshot.objects[kind]}
        try:
            return errors(planned_from(text, replace(snapshot, objects={**snapshot.objects, kind: seen})).findings)
        except FleetRefused as told:
            return errors(told.findings)

    assert refused("absent") == ({"MDL-42"} if kind == "model" else {"CFG-32"})
    assert refused("unreadable") & {"CFG-32", "MDL-42", "GATE-06"}


def test_rules_about_tags_and_a_companys_own_are_asked_of_everything(world: World) -> None:
    text = old()
    text["models"]["old"]["tags"] = {"team": "a&b"}
    with pytest.raises(FleetRefused) as told:
        world.engine.plan(written(text))
    assert "TAG-02" in errors(told.value.findings)


def test_what_other_services_say_of_it_is_a_warning_until_it_is_started(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "first", lambda *_: None)  # its model data stands at an address that is refused today
    plain = {"VariantName": "main", "ModelName": "old", "InstanceType": "ml.m5.large", "InitialInstanceCount": 2}
    world.does("CreateEndpointConfig", EndpointConfigName="plain", ProductionVariants=[plain])
    world.does("CreateEndpoint", EndpointName="plain", EndpointConfigName="plain")
    world.sim.clock.sleep(3600)

    def beside(count: int) -> Fleet:
        text = old()
        text["endpoints"]["plain"] = {"adopt": True, "config": config(main=variant("old", count=count))}
        return text

    desired = Desired.of(written(beside(2)))
    snapshot = world.engine.observe(desired)
    missing = rules.find("MDL-22")

    def severity(at: str, seen: Any, text: Fleet) -> str:
        wanted = Desired.of(written(text))
        finding = Finding("MDL-22", "error", at, "", missing.title)
        planned = planned_from(wanted, seen, Options(), findings=[finding])
        (told,) = [f for f in planned.findings if f.rule == "MDL-22"]
        return told.severity

    assert severity("model/old", snapshot, old()) == "warning"
    assert severity("model/ranker", snapshot, old()) == "error"  # it isn't there yet
    assert severity("model/old", snapshot, old(count=3)) == "warning"  # SageMaker scales: that count isn't the file's
    assert severity("model/old", snapshot, beside(2)) == "warning"
    assert severity("model/old", snapshot, beside(3)) == "error"  # instances are added
    other = {**old(instance_type="ml.m5.xlarge")}
    del other["endpoints"]["old"]["config"]["name"], other["endpoints"]["old"]["config"]["adopt"]
    assert severity("model/old", snapshot, other) == "error"  # a new fleet loads it


def test_import_asks_the_rules(world: World) -> None:
    imported = world.engine.import_(["old"])
    assert imported.refusals == ()
    assert {note.split()[0] for note in imported.notes if standing.STANDS in note} == {"CFG-32", "MDL-42"}


def test_a_count_that_a_change_in_place_would_set_is_refused_as_it_is() -> None:
    """The config stands, and the count that a rule is about doesn't: it is what the change would set."""
    with World() as world:
        world.live_through(fleet({"ranker": {"config": config(main=variant())}}))
        with pytest.raises(FleetRefused) as refused:
            world.engine.plan(written(fleet({"ranker": {"config": config(main=variant(count=0))}})))
        assert "CFG-08" in errors(refused.value.findings)
