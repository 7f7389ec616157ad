"""Drift: every kind of hand-made change is found, and only those. On whole fleets, applied and then meddled with."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmeplan import live
from mmeplan.kinds.endpoint import meaning
from mmeplan.live import ReadOnly
from mmeplan.plan import DriftReport, drift_report
from tests.simulation.fleets import lives
from tests.simulation.test_troubles import foreign_config, rescale
from tests.simulation.test_whole_lives import ROBUST
from tests.simulation.world import REGION, Fleet, World, config, fleet, model, one, serverless, unwatched, variant

TWO = one({"main": variant(), "b": variant(count=1)})
TAGGED = {**TWO, "defaults": {"tags": {"team": "search", "cost": "1"}}}
Found = set[tuple[str, str]]


@pytest.fixture
def world() -> Iterator[World]:
    with World() as made:
        yield made


def report(world: World, text: Fleet) -> DriftReport:
    compiled = world.compile(text)
    reads = len(world.written)
    snapshot = live.observe(ReadOnly(world.cloud), compiled, world.sim.clock.now(), REGION)
    assert len(world.written) == reads
    made = drift_report(compiled, snapshot)
    assert made == drift_report(compiled, snapshot)
    return made


def drift(world: World, text: Fleet) -> Found:
    return {(found.name, found.what) for found in report(world, text).drift}


def fields(world: World, text: Fleet) -> list[tuple[str, Any, Any]]:
    return [(f.field, f.before, f.after) for found in report(world, text).drift for f in found.fields]


def hand(world: World, operation: str, **params: Any) -> None:
    with unwatched(world):
        world.does(operation, **params)


def arn(world: World, kind: str, name: str) -> str:
    word = {"endpoint": "Endpoint", "endpoint-config": "EndpointConfig", "model": "Model"}[kind]
    return str(world.does(f"Describe{word}", **{f"{word}Name": name})[f"{word}Arn"])


def tag(world: World, kind: str, name: str, **tags: str) -> None:
    hand(world, "AddTags", ResourceArn=arn(world, kind, name), Tags=[{"Key": k, "Value": v} for k, v in tags.items()])


def untag(world: World, kind: str, name: str, *keys: str) -> None:
    hand(world, "DeleteTags", ResourceArn=arn(world, kind, name), TagKeys=list(keys))


# --- each kind, with before → after -----------------------------------------------------------------------------------


def test_nothing_was_done_and_nothing_is_found(world: World) -> None:
    for text in (TAGGED, one({"main": serverless()}), fleet(models={})):
        world.live_through(text, allow_outage=tuple(f"endpoint/{name}" for name in text["endpoints"]))
        assert report(world, text).drift == ()


def test_what_the_file_asks_anew_is_no_drift(world: World) -> None:
    world.live_through(TAGGED)
    edits: list[Fleet] = [
        {**TAGGED, "models": {"ranker": model("2")}},
        {**TAGGED, "defaults": {"tags": {"team": "other"}}},
        {**TAGGED, "defaults": {}},
        {**one({"main": variant(count=9), "b": variant(instance_type="ml.m5.xlarge")}), "defaults": TAGGED["defaults"]},
        {**one({"main": variant(capacity="autoscaled"), "b": variant(count=1)}), "defaults": TAGGED["defaults"]},
        {**one({"main": variant(volume_size_in_gb=50)}), "defaults": TAGGED["defaults"]},
        {**one(), "defaults": TAGGED["defaults"], "models": {"ranker": model(replace_salt="again")}},
        {**fleet({"ranker": {"endpoint_config_name": "theirs"}}), "defaults": TAGGED["defaults"]},
        fleet({"other": {"config": config(main=variant())}}),
        fleet(models={}),
        {**TAGGED, "endpoints": {"new": TAGGED["endpoints"]["ranker"] | {"renamed_from": "ranker"}}},
        {**TAGGED, "endpoints": {"ranker": TAGGED["endpoints"]["ranker"] | {"protect": True, "on_remove": "retain"}}},
    ]
    for edit in edits:
        assert report(world, edit).drift == (), edit


def test_counts_and_weights_that_were_changed_in_place(world: World) -> None:
    world.live_through(TWO)
    rescale(world, DesiredInstanceCount=5)
    rescale(world, DesiredWeight=3.0)
    assert fields(world, TWO) == [
        ("production_variants.main.initial_instance_count", 2, 5),
        ("production_variants.main.initial_variant_weight", 1, 3),
    ]
    assert drift(world, TWO) == {("ranker", "scale")}
    world.live_through(TWO)
    assert drift(world, TWO) == set()


def test_a_count_that_is_an_autoscalers_is_no_drift_whatever_the_file_says_of_it_now(world: World) -> None:
    text = one({"main": variant(capacity="autoscaled"), "b": variant()})
    world.live_through(text)
    rescale(world, DesiredInstanceCount=7)
    assert drift(world, text) == set()
    assert (
        drift(world, one({"main": variant(), "b": variant()})) == set()
    )  # the file takes the count back: it asks anew
    rescale(world, DesiredWeight=2.0)
    assert drift(world, text) == {("ranker", "scale")}


def test_a_config_that_was_swapped_in_the_console(world: World) -> None:
    world.live_through(TWO)
    world.does("UpdateEndpoint", EndpointName="ranker", EndpointConfigName=foreign_config(world))
    assert drift(world, TWO) == {("ranker", "under_way")}
    world.sim.clock.sleep(3600)
    found = report(world, TWO).drift
    assert [one.what for one in found] == ["content"]
    assert "runs theirs" in found[0].explanation
    assert ("production_variants.main.instance_type", "ml.m5.large", "ml.c5.large") in fields(world, TWO)


def test_drift_is_told_from_what_the_file_asks_anew_at_the_same_time(world: World) -> None:
    world.live_through(TWO)
    rescale(world, DesiredInstanceCount=5)
    edit = {**one({"main": variant(count=3, instance_type="ml.m5.xlarge"), "b": variant()}), "models": TWO["models"]}
    assert fields(world, edit) == [("production_variants.main.initial_instance_count", 2, 5)]


def test_where_what_was_applied_is_no_longer_there_that_is_said(world: World) -> None:
    world.live_through(one())
    old = world.names("endpoint-config")[0]
    world.does("UpdateEndpoint", EndpointName="ranker", EndpointConfigName=foreign_config(world))
    world.sim.clock.sleep(3600)
    hand(world, "DeleteEndpointConfig", EndpointConfigName=old)
    found = report(world, one({"main": variant(count=3)})).drift
    assert "what it was can't be told" in found[0].explanation
    assert found[0].fields == ()


def test_tags_that_were_edited_removed_and_added(world: World) -> None:
    world.live_through(TAGGED)
    tag(world, "endpoint", "ranker", team="ops", extra="1")
    untag(world, "endpoint", "ranker", "cost")
    assert fields(world, TAGGED) == [
        ("tags.cost", "1", None),
        ("tags.extra", None, "1"),
        ("tags.team", "search", "ops"),
    ]
    both = {**TAGGED, "defaults": {"tags": {"team": "file"}}}
    found = report(world, both).drift
    assert [one.what for one in found] == ["tags"]
    assert "can't be told" in found[0].explanation


def test_a_protection_that_was_taken_away_is_found(world: World) -> None:
    text = one({"main": variant()}, protect=True)
    world.live_through(text)
    untag(world, "endpoint", "ranker", "mmeplan:protect")
    assert fields(world, text) == [("tags.mmeplan:protect", "true", None)]


@pytest.mark.parametrize("keys", [("mmeplan:fleet",), ("mmeplan:fleet", "mmeplan:address", "mmeplan:digest")])
def test_ownership_tags_that_were_taken_away(world: World, keys: tuple[str, ...]) -> None:
    world.live_through(TWO)
    names = {kind: world.names(kind)[0] for kind in ("endpoint", "endpoint-config", "model")}
    for count, (kind, name) in enumerate(names.items(), start=1):
        untag(world, kind, name, *keys)
        assert drift(world, TWO) == {(found, "ownership") for found in list(names.values())[:count]}


def test_ownership_tags_that_were_edited(world: World) -> None:
    world.live_through(TWO)
    config_name = world.names("endpoint-config")[0]
    tag(world, "endpoint", "ranker", **{"mmeplan:digest": "x"})
    tag(world, "endpoint-config", config_name, **{"mmeplan:digest": "0" * 64})
    assert drift(world, TWO) == {("ranker", "ownership"), (config_name, "ownership")}
    tag(world, "endpoint", "ranker", **{"mmeplan:fleet": "another"})
    found = next(one for one in report(world, TWO).drift if one.name == "ranker")
    assert "was given to the fleet 'another'" in found.explanation


def test_what_somebody_else_made_is_no_drift(world: World) -> None:
    world.foreign_endpoint("ranker")
    assert drift(world, TWO) == set()
    assert drift(world, one({"main": variant()}, adopt=True)) == set()


def test_objects_that_were_deleted(world: World) -> None:
    world.live_through(TWO)
    model_name = world.names("model")[0]
    hand(world, "DeleteModel", ModelName=model_name)
    assert drift(world, TWO) == {(model_name, "deleted")}
    hand(world, "DeleteEndpoint", EndpointName="ranker")
    assert "is being deleted" in report(world, TWO).drift[0].explanation
    world.sim.clock.sleep(600)
    assert ("ranker", "deleted") in drift(world, TWO)


def test_a_config_that_was_deleted(world: World) -> None:
    world.live_through(TWO)
    config_name = world.names("endpoint-config")[0]
    hand(world, "DeleteEndpointConfig", EndpointConfigName=config_name)
    assert drift(world, TWO) == {(config_name, "deleted")}


def test_an_endpoint_that_failed(world: World) -> None:
    world.sim.faults.fail_create("ranker", "no /ping")
    world.apply(TWO)
    found = report(world, TWO).drift
    assert [(one.what, one.explanation) for one in found] == [("broken", "is Failed: no /ping")]


def test_an_update_that_was_rolled_back_is_told_and_is_no_drift_for_it_serves_what_was_applied(world: World) -> None:
    world.live_through(TWO)
    world.sim.faults.fail_update("ranker", "alarm x")
    world.does("UpdateEndpoint", EndpointName="ranker", EndpointConfigName=foreign_config(world))
    world.sim.clock.sleep(3600)
    made = report(world, TWO)
    assert made.drift == ()
    assert [(note.address, "alarm x" in note.text) for note in made.notes] == [("endpoint/ranker", True)]


def test_an_update_of_ours_that_runs_is_no_drift(world: World) -> None:
    world.live_through(TWO)
    text = one({"main": variant(count=4), "b": variant(instance_type="ml.m5.xlarge")})
    made = world.plan(text)
    seen: list[DriftReport] = []
    from mmeplan import apply

    def look(event: Any) -> None:
        if event.kind == "polled" and event.status == "Updating" and not seen:
            seen.append(report(world, text))

    apply.run(made, world.cloud, world.cloud, world.sim.clock, look)
    assert seen
    assert seen[0].drift == ()
    assert "is what the file says" in seen[0].notes[0].text


def test_an_endpoint_whose_config_lies_outside(world: World) -> None:
    world.live_through(one())
    foreign_config(world, "a")
    foreign_config(world, "b")
    text = fleet({"x": {"endpoint_config_name": "a"}, "ranker": one()["endpoints"]["ranker"]})
    world.live_through(text)
    assert drift(world, text) == set()
    world.does("UpdateEndpoint", EndpointName="x", EndpointConfigName="b")
    world.sim.clock.sleep(3600)
    assert fields(world, text) == [("endpoint_config_name", "a", "b")]


def test_environment_values_are_masked(world: World) -> None:
    text = {**one(), "models": {"ranker": model(environment={"KEY": "hunter2"})}}
    world.live_through(text)
    world.does(
        "CreateModel",
        ModelName="theirs",
        ExecutionRoleArn=model()["execution_role_arn"],
        PrimaryContainer={"Image": model()["primary_container"]["image"], "Environment": {"KEY": "s3cret"}},
    )
    tag(
        world,
        "model",
        "theirs",
        **{"mmeplan:fleet": "f", "mmeplan:address": "model/ranker", "mmeplan:digest": "0" * 64},
    )
    main = {"VariantName": "main", "ModelName": "theirs", "InstanceType": "ml.m5.large", "InitialInstanceCount": 2}
    world.does("CreateEndpointConfig", EndpointConfigName="c", ProductionVariants=[main])
    world.does("UpdateEndpoint", EndpointName="ranker", EndpointConfigName="c")
    world.sim.clock.sleep(3600)
    shown = str(report(world, text))
    assert "environment" in shown
    assert "masked" in shown
    assert "hunter2" not in shown
    assert "s3cret" not in shown


# --- read-only by construction ----------------------------------------------------------------------------------------


def test_what_drift_gets_has_no_write() -> None:
    assert not hasattr(ReadOnly, "write")
    assert not hasattr(live.Reader, "write")
    assert ReadOnly.__slots__ == ("_gather", "_read")


@pytest.mark.parametrize("by", ["read", "gather", "write"])
def test_a_planted_write_never_leaves(world: World, by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    world.live_through(TWO)
    observed = live.observing._Observation._inventory

    def planted(self: Any) -> None:
        observed(self)
        call = ("DeleteEndpoint", {"EndpointName": "ranker"})
        if by == "gather":
            self.reader.gather([call])
        else:
            getattr(self.reader, by)(*call)

    monkeypatch.setattr(live.observing._Observation, "_inventory", planted)
    written = len(world.written)
    with pytest.raises((ValueError, AttributeError)):
        report(world, TWO)
    assert len(world.written) == written
    assert world.endpoint()["EndpointStatus"] == "InService"


# --- random fleets, random hands --------------------------------------------------------------------------------------


def _swap(draw: Any, world: World, name: str) -> Found:
    described = world.endpoint(name)
    variants = [
        {"VariantName": found["VariantName"], "ModelName": world.names("model")[0], "InstanceType": "ml.r5.large"}
        for found in described["ProductionVariants"]
    ]
    if any("DesiredServerlessConfig" in found for found in described["ProductionVariants"]):
        return set()
    variants = [{**found, "InitialInstanceCount": 9} for found in variants]
    world.does("CreateEndpointConfig", EndpointConfigName=f"hand-{name}", ProductionVariants=variants)
    world.does("UpdateEndpoint", EndpointName=name, EndpointConfigName=f"hand-{name}")
    if draw(st.booleans()):
        return {(name, "under_way")}
    world.sim.clock.sleep(3600)
    return {(name, "content")}


def _weigh(draw: Any, world: World, name: str) -> Found:
    first = world.endpoint(name)["ProductionVariants"][0]
    changed = {"VariantName": first["VariantName"], "DesiredWeight": draw(st.sampled_from((7.5, 40.0)))}
    world.does("UpdateEndpointWeightsAndCapacities", EndpointName=name, DesiredWeightsAndCapacities=[changed])
    world.sim.clock.sleep(3600)
    return {(name, "scale")}


def _count(draw: Any, world: World, name: str, autoscaled: bool) -> Found:
    first = world.endpoint(name)["ProductionVariants"][0]
    if "DesiredInstanceCount" not in first:
        return set()
    changed = {"VariantName": first["VariantName"], "DesiredInstanceCount": draw(st.integers(10, 12))}
    world.does("UpdateEndpointWeightsAndCapacities", EndpointName=name, DesiredWeightsAndCapacities=[changed])
    world.sim.clock.sleep(3600)
    return set() if autoscaled else {(name, "scale")}


def _meddle(draw: Any, world: World, text: Fleet, name: str) -> Found:
    """One change by hand to one endpoint, and what drift is to find."""
    compiled = world.compile(text)
    resource = next(found for found in compiled.of_kind("endpoint") if found.physical_name == name)
    act = draw(st.sampled_from(("swap", "weigh", "count", "tag", "untag", "disown", "mangle", "delete", "lose_config")))
    if act == "swap":
        return _swap(draw, world, name)
    if act == "weigh":
        return _weigh(draw, world, name)
    if act == "count":
        first = world.endpoint(name)["ProductionVariants"][0]["VariantName"]
        return _count(draw, world, name, first in resource.autoscaled)
    if act == "tag":
        tag(world, "endpoint", name, hand="1")
        return {(name, "tags")}
    if act == "untag":
        own = [key for key in world.tags("endpoint", name) if not key.startswith("mmeplan:")]
        untag(world, "endpoint", name, *own[:1]) if own else None
        return {(name, "tags")} if own else set()
    if act == "disown":
        untag(world, "endpoint", name, "mmeplan:fleet")
        return {(name, "ownership")}
    if act == "mangle":
        key = draw(st.sampled_from(("mmeplan:digest", "mmeplan:address")))
        tag(world, "endpoint", name, **{key: "by hand"})
        return {(name, "ownership")}
    if act == "delete":
        hand(world, "DeleteEndpoint", EndpointName=name)
        world.sim.clock.sleep(3600)
        return {(name, "deleted")}
    config_name = world.endpoint(name)["EndpointConfigName"]
    hand(world, "DeleteEndpointConfig", EndpointConfigName=config_name)
    return {(config_name, "deleted")}


@settings(ROBUST, max_examples=40)
@given(lives(edits=2), st.data())
def test_what_hands_did_is_found_exactly(life: list[Fleet], data: Any) -> None:
    with World() as world:
        for text in life:
            world.live_through(text, allow_outage=tuple(f"endpoint/{name}" for name in text["endpoints"]))
        text = copy.deepcopy(life[-1])
        assert drift(world, text) == set()
        expected: Found = set()
        for name in world.names("endpoint"):
            if data.draw(st.booleans(), label=name):
                expected |= _meddle(data.draw, world, text, name)
        found = drift(world, text)
        assert found == expected


def count_for_autoscalers_too(patch: pytest.MonkeyPatch) -> None:
    for module in ("mmeplan.diff.inputs", "mmeplan.diff.drift"):
        patch.setattr(f"{module}.meaning", lambda config, model_of, _: meaning(config, model_of, frozenset()))


def never_look_at_tags(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("mmeplan.diff.drift._Finder.tags", lambda *_: None)


def hold_live_against_the_file_alone(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("mmeplan.diff.drift._is_as_applied", lambda *_: False)


PLANTED: dict[Callable[[pytest.MonkeyPatch], None], Callable[[World], None]] = {
    count_for_autoscalers_too: test_a_count_that_is_an_autoscalers_is_no_drift_whatever_the_file_says_of_it_now,
    never_look_at_tags: test_tags_that_were_edited_removed_and_added,
    hold_live_against_the_file_alone: test_what_the_file_asks_anew_is_no_drift,
}


@pytest.mark.parametrize("bug", PLANTED, ids=lambda bug: bug.__name__)
def test_a_planted_bug_is_found(bug: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch) -> None:
    bug(monkeypatch)
    with World() as world, pytest.raises(AssertionError):
        PLANTED[bug](world)


def test_what_has_not_the_content_that_its_name_says_was_never_the_fleets(world: World) -> None:
    """Somebody else's object that took the name before us, while a replaced one serves."""
    world.apply(world.plan(TWO, salts={"endpoint_config/ranker": "fresh"}))
    name = next(r.physical_name for r in world.compile(TWO).of_kind("endpoint_config"))
    variants = [{"VariantName": "other", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}]
    of = world.names("model")[0]
    made = [{**variant, "ModelName": of} for variant in variants]
    world.does("CreateEndpointConfig", EndpointConfigName=name, ProductionVariants=made)
    assert drift(world, TWO) == set()
