"""The spine as a library: what is refused, what is raised, what is a function of what."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

import mmeplan
from mmeplan import (
    CredentialsError,
    Engine,
    FleetRefused,
    InputError,
    MmeplanError,
    Plan,
    PlanRefused,
    Simulator,
    StalePlanError,
)
from mmeplan.apply import StepResult
from mmeplan.engine import next_after
from mmeplan.planning import Desired, planned_from
from tests.simulation.world import REGION, Fleet, config, fleet, model, one, variant

SECRET = "a-secret-value"
FLEET: Fleet = {"account": "123456789012", "region": REGION}
SMALL = {**one({"main": variant()}), **FLEET, "models": {"ranker": model(environment={"KEY": SECRET})}, "retain": 2}
LARGE = {**SMALL, "endpoints": {"ranker": {"config": config(main=variant(instance_type="ml.m5.xlarge"))}}}
GHOST = {**FLEET, **fleet({"r": {"config": config(main={**variant(), "model_name": "ghost"})}}, models={})}
del GHOST["endpoints"]["r"]["config"]["production_variants"]["main"]["model"]


class Unreachable:
    """Ports through which nothing may go."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} was called")


class Silent:
    """Ports that never answer."""

    def __getattr__(self, name: str) -> Any:
        raise CredentialsError(f"{name} was called without credentials")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Simulator.open() as simulator:
        yield Engine.simulated(simulator, region=REGION)


def written(text: Fleet, **more: Any) -> mmeplan.Fleet:
    """The fleet, as it is loaded from fleet.yaml in the present folder."""
    Path("fleet.yaml").write_text(yaml.safe_dump(text, sort_keys=False))
    return mmeplan.load("fleet.yaml", **more)


def lived(engine: Engine, text: Fleet) -> mmeplan.Fleet:
    loaded = written(text)
    assert engine.apply(engine.plan(loaded)).complete
    return loaded


# --- refusals ---------------------------------------------------------------------------------------------------------


def test_a_model_that_is_nowhere_refuses_the_plan_and_the_apply(engine: Engine, folder: Path) -> None:
    planned = engine.plan(written(GHOST))
    assert (planned.refused, planned.applyable) == (True, False)
    assert any("ghost" in finding.message for finding in planned.findings if finding.severity == "error")
    with pytest.raises(PlanRefused, match="ghost") as refused:
        engine.apply(planned)
    assert any("ghost" in reason for reason in refused.value.reasons)
    planned.save("plan.json")
    with pytest.raises(PlanRefused, match="ghost"):
        engine.apply(Plan.read("plan.json"))


def test_the_rules_of_stage_plan_cannot_be_left_out(engine: Engine, folder: Path) -> None:
    """Whoever brings a compiled fleet leaves out the rules that need the file alone, and no others."""
    desired = Desired.unchecked(written(GHOST))
    assert planned_from(desired, engine.observe(desired)).refused


def test_what_rules_find_in_the_file_is_raised_before_anything_is_read(folder: Path) -> None:
    wrong = {**SMALL, "models": {"ranker": {**model(), "tags": {"team!": "ranking"}}}}
    nothing: Any = Unreachable()
    with pytest.raises(FleetRefused) as refused:
        Engine(nothing, nothing, nothing, REGION).plan(written(wrong))
    assert any(finding.severity == "error" and finding.line for finding in refused.value.findings)
    assert refused.value.exit_code == 3


def test_what_could_be_live_already_is_refused_once_it_was_looked_for(engine: Engine, folder: Path) -> None:
    """A model that stands with its content is not created. This one doesn't, or nobody can say."""
    wrong = {**SMALL, "models": {"ranker": {**model(), "primary_container": {"image": "no such image!"}}}}
    nobody: Any = Silent()
    for asked in (engine, Engine(nobody, nobody, engine.clock, REGION)):
        with pytest.raises(FleetRefused) as refused:
            asked.plan(written(wrong))
        assert any(finding.severity == "error" and finding.line for finding in refused.value.findings)
    with pytest.raises(FleetRefused):
        planned_from(written(wrong), engine.observe(Desired.of(written(wrong))))


def test_an_address_that_is_not_in_the_fleet_is_raised_before_anything_is_read(folder: Path) -> None:
    nothing: Any = Unreachable()
    with pytest.raises(InputError, match="no such address") as wrong:
        Engine(nothing, nothing, nothing, REGION).plan(written(SMALL), replace=["endpoint/rankr"])
    assert wrong.value.hint == "did you mean endpoint/ranker?"


def test_a_plan_that_no_longer_fits_is_stale_and_writes_nothing(engine: Engine, folder: Path) -> None:
    lived(engine, SMALL)
    engine.plan(written(LARGE)).save("plan.json")
    saved = Plan.read("plan.json")
    lived(engine, {**LARGE, "models": {"ranker": model("2")}})
    with pytest.raises(StalePlanError) as stale:
        engine.apply(saved)
    assert any("fleet.yaml has changed" in reason for reason in stale.value.reasons)
    assert any("endpoint ranker has changed" in reason for reason in stale.value.reasons)


def test_more_at_once_than_was_counted_is_refused(engine: Engine, folder: Path) -> None:
    planned = engine.plan(written(SMALL), parallelism=2)
    with pytest.raises(InputError, match="made for --parallelism 2"):
        engine.apply(planned, parallelism=3)
    assert engine.apply(planned, parallelism=1).complete


# --- one function -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["plan", "replace", "target", "rollback", "destroy"])
def test_a_saved_plan_is_rebuilt_from_its_file_its_snapshot_and_its_options(
    engine: Engine, folder: Path, what: str
) -> None:
    lived(engine, SMALL)
    loaded = lived(engine, LARGE)
    if what in ("rollback", "destroy"):
        planned = engine.rollback(loaded, "ranker") if what == "rollback" else engine.destroy(loaded)
    else:
        options = {"replace": {"replace": ["endpoint/ranker"]}, "target": {"targets": ["model/ranker"]}}
        planned = engine.plan(written({**LARGE, "models": {"ranker": model("2")}}), **options.get(what, {}))
    planned.save("plan.json")
    saved, snapshot = Plan.read("plan.json"), planned.snapshot
    assert saved.steps
    assert snapshot is not None
    again = mmeplan.load(saved.source[0].path, saved.environment or None, dict(saved.options.variables))
    assert planned_from(again, snapshot, saved.options, created_at=saved.created_at).plan == saved


def test_the_variables_of_a_plan_are_those_that_its_file_was_loaded_with(engine: Engine, folder: Path) -> None:
    text = {**SMALL, "variables": {"size": "large"}}
    loaded = written(text, variables={"size": "xlarge"})
    assert engine.plan(loaded).plan.options.variables == {"size": "xlarge"}


def test_a_stored_snapshot_plans_the_same_and_applies_nothing(engine: Engine, folder: Path) -> None:
    lived(engine, SMALL)
    loaded = written(LARGE)
    stored = Engine.stored(engine.snapshot(loaded, masked=True))
    planned = stored.plan(loaded)
    assert planned.plan.steps == engine.plan(loaded).plan.steps
    assert (planned.plan.options.speculative, planned.applyable) == (True, False)
    with pytest.raises(PlanRefused, match="made from a snapshot"):
        stored.apply(planned)
    with pytest.raises(MmeplanError, match="can't be asked"):
        stored.plan(loaded, online=True)
    assert [row.status for row in stored.status(loaded).endpoints] == ["InService"]
    assert not stored.drift(loaded).report().has_drift
    assert [left.name for left in stored.import_(["ranker"]).skipped] == ["ranker"]  # it is a fleet's already


# --- outputs ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("output", ["text", "markdown", "html", "json"])
def test_outputs_are_masked_unless_asked_otherwise(engine: Engine, folder: Path, output: str) -> None:
    lived(engine, {**SMALL, "models": {"ranker": model(environment={"KEY": "before"})}})
    planned = engine.plan(written(SMALL))
    assert SECRET not in getattr(planned, output)()
    assert SECRET in getattr(planned, output)(show_environment=True)


def test_a_saved_plan_is_private_and_applies(engine: Engine, folder: Path) -> None:
    engine.plan(written(SMALL)).save("plan.json")
    assert Path("plan.json").stat().st_mode & 0o777 == 0o600
    events: list[mmeplan.Event] = []
    outcome = engine.apply(Plan.read("plan.json"), observer=events.append, journal="journal")
    assert outcome.complete
    (journal,) = Path("journal").iterdir()
    assert len(journal.read_text().splitlines()) == len(events)
    assert not engine.plan(mmeplan.load("fleet.yaml")).changes[0].fields


def test_what_is_no_plan_is_an_input_error(folder: Path) -> None:
    written(SMALL)
    for path in ("fleet.yaml", "missing.json"):
        with pytest.raises(InputError):
            Plan.read(path)


def test_drift_goes_from_what_was_applied_to_what_is_live(engine: Engine, folder: Path) -> None:
    loaded = lived(engine, SMALL)
    update = {"VariantName": "main", "DesiredInstanceCount": 5}
    engine._writer.write(
        "UpdateEndpointWeightsAndCapacities", {"EndpointName": "ranker", "DesiredWeightsAndCapacities": [update]}
    )
    engine.clock.sleep(3600)
    drift = engine.drift(loaded)
    assert "2 → 5" in drift.text()
    assert '"before": 2' in drift.json()


def test_a_rollback_says_that_it_leaves_the_file(engine: Engine, folder: Path) -> None:
    lived(engine, SMALL)
    loaded = lived(engine, LARGE)
    back = engine.rollback(loaded, "ranker")
    assert back.departs
    assert engine.apply(back).complete
    forward = engine.rollback(loaded, "endpoint/ranker", to="1")
    assert not forward.departs
    with pytest.raises(InputError, match="no endpoint 'rankr' in this fleet"):
        engine.rollback(loaded, "rankr")


# --- locks ------------------------------------------------------------------------------------------------------------


def test_a_lock_is_held_while_its_context_is_open(engine: Engine, folder: Path) -> None:
    url = "s3://acme-mmeplan/locks/f"
    planned = engine.plan(written(SMALL))
    with engine.locked(url, "f") as lock:
        found = engine.find_lock(url)
        assert found is not None
        assert found.is_lock
        assert "`mmeplan apply` of the fleet f" in found.owner
        with pytest.raises(mmeplan.LockedError, match="nothing was done"), engine.locked(url, "f"):
            pass
        assert engine.apply(planned, lock=lock).complete
    assert engine.find_lock(url) is None
    assert not engine.remove_lock(found)


def test_an_apply_whose_lock_was_taken_away_says_so(engine: Engine, folder: Path) -> None:
    url, problems = "s3://acme-mmeplan/locks/f", []
    planned = engine.plan(written(SMALL))
    with engine.locked(url, "f", problem=problems.append) as lock:
        found = engine.find_lock(url)
        assert found is not None
        assert engine.remove_lock(found)
        engine.clock.sleep(60)
        outcome = engine.apply(planned, lock=lock)
    assert not outcome.complete
    assert {result.detail for result in outcome.skipped} == {f"not started: {lock.lost}"}
    assert problems == [lock.lost]


# --- what to type next ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "rolled_back", "command"),
    [
        ({}, False, "mmeplan apply fleet.yaml -e prod --var a=b"),
        ({}, True, "mmeplan apply fleet.yaml --retry-rolled-back -e prod --var a=b"),
        ({"destroy": True}, False, "mmeplan destroy fleet.yaml -e prod --var a=b"),
        (
            {"rollback": "ranker-3f9c2a1b", "targets": ("endpoint/ranker",)},
            True,
            "mmeplan rollback ranker fleet.yaml --to ranker-3f9c2a1b --retry-rolled-back -e prod --var a=b",
        ),
        (
            {"rollback": "ranker-3f9c2a1b", "targets": ("endpoint/ranker",), "allow_outage": ("endpoint/ranker",)},
            False,
            "mmeplan rollback ranker fleet.yaml --to ranker-3f9c2a1b --allow-outage endpoint/ranker -e prod --var a=b",
        ),
        (
            {
                "targets": ("endpoint/a",),
                "replace": ("endpoint/a",),
                "allow_outage": ("endpoint/b",),
                "max_change": "5",
                "retry_rolled_back": True,
            },
            False,
            "mmeplan apply fleet.yaml --target endpoint/a --replace endpoint/a --max-change 5 "
            "--allow-outage endpoint/b --retry-rolled-back -e prod --var a=b",
        ),
    ],
)
def test_what_to_type_after_an_apply_that_is_not_complete(
    engine: Engine, folder: Path, options: dict[str, Any], rolled_back: bool, command: str
) -> None:
    plan = engine.plan(written(SMALL)).plan
    plan = replace(plan, environment="prod", options=replace(plan.options, variables={"a": "b"}, **options))
    failed = StepResult("s", "endpoint/ranker", "why", rolled_back=rolled_back)
    following = next_after(plan, mmeplan.Outcome((), (failed,), (), ()))
    assert following.unmasked() == command
    assert str(following) == command.replace("--var a=b", "--var 'a=***'")


@pytest.mark.parametrize(
    ("variables", "interval_s"),
    [({}, 30), ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, 1), ({"AWS_ENDPOINT_URL": "http://sagemaker.example"}, 30)],
)
def test_a_server_on_this_machine_is_looked_at_each_second(
    variables: dict[str, str], interval_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert Engine.aws(region="eu-west-1").poll_interval_s == interval_s
    assert Engine.aws(region="eu-west-1", endpoint_url="http://localhost:9").poll_interval_s == 1
    assert Engine.simulated().poll_interval_s == 30
