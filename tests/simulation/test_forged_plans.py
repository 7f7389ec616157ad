"""Forged plans: each is refused with what is wrong, and nothing is written; what mmeplan saves is not."""

from __future__ import annotations

import copy
import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import mmeplan
from mmeplan import Engine, InputError, Plan, PlanRefused, Simulator
from mmeplan.plan import comparing, decode, read
from mmeplan.plan.consistency import _Look
from tests.simulation.forgeries import (
    CONTRADICTIONS,
    DEPARTURES,
    MANY,
    SECRET,
    Document,
    Forge,
    after,
    before,
    sealed,
    step,
)
from tests.simulation.world import REGION, Fleet


class Account:
    """A simulated account in which a fleet was applied, and a plan of the next file, saved in the present folder."""

    def __init__(self, folder: Path, many: int) -> None:
        self.folder = folder
        self.simulator = Simulator.open()
        self.engine = Engine.simulated(self.simulator, region=REGION)
        self.writes: list[str] = []
        assert self.engine.apply(self.engine.plan(self.written(before(many)))).complete
        planned = self.engine.plan(self.written(after(many)))
        assert planned.applyable
        planned.save(folder / "plan.json")
        self.saved: Document = json.loads((folder / "plan.json").read_text())
        self._write, self.engine._writer = self.engine._writer.write, self

    def written(self, text: Fleet) -> mmeplan.Fleet:
        (self.folder / "fleet.yaml").write_text(yaml.safe_dump(text, sort_keys=False))
        return mmeplan.load(self.folder / "fleet.yaml")

    def write(self, operation: str, params: Any) -> Any:
        self.writes.append(operation)
        return self._write(operation, params)

    def forged(self, forge: Forge) -> str:
        document = copy.deepcopy(self.saved)
        forge(document)
        return json.dumps(sealed(document))


@pytest.fixture(scope="module", params=[0, MANY], ids=["small", "large"])
def account(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    made = Account(tmp_path_factory.mktemp("forged"), request.param)
    yield made
    made.simulator.close()


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_a_plan_that_contradicts_itself_is_not_read(account: Account, name: str) -> None:
    forge, said = CONTRADICTIONS[name]
    text = account.forged(forge)
    with pytest.raises(InputError) as refused:
        read(text, "plan.json")
    told = [problem.message for problem in refused.value.problems]
    assert any(said in message for message in told), told
    assert all(
        problem.file == "plan.json" and "mmeplan plan --out" in problem.hint for problem in refused.value.problems
    )


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_nor_is_it_applied_by_whoever_has_it_in_memory(account: Account, name: str) -> None:
    forge, said = CONTRADICTIONS[name]
    document = json.loads(account.forged(forge))
    with pytest.raises(PlanRefused) as refused:
        account.engine.apply(decode(document))
    assert any(said in reason for reason in refused.value.reasons)
    assert account.writes == []


@pytest.mark.parametrize("name", DEPARTURES)
def test_a_plan_that_is_not_that_of_its_file_is_not_applied(account: Account, name: str) -> None:
    forge, said = DEPARTURES[name]
    plan = read(account.forged(forge), "plan.json")
    with pytest.raises(PlanRefused) as refused:
        account.engine.apply(plan)
    assert any(said in reason for reason in refused.value.reasons), refused.value.reasons
    assert account.writes == []
    assert not any(SECRET in reason or "another-secret" in reason for reason in refused.value.reasons)


def test_a_plan_of_files_that_it_does_not_name_is_not_applied(account: Account) -> None:
    other = account.folder / "other.yaml"
    other.write_bytes((account.folder / "fleet.yaml").read_bytes() + b"# more\n")

    def forge(document: Document) -> None:
        document["source"].append({"path": "other.yaml", "sha256": mmeplan.load(other).sources[0].sha256})

    with pytest.raises(PlanRefused, match="not of the files that it names"):
        account.engine.apply(read(account.forged(forge), "plan.json"))
    assert account.writes == []


def test_where_the_files_are_not_at_hand_the_plan_alone_is_looked_at(tmp_path: Path) -> None:
    here = Account(tmp_path, 0)
    (tmp_path / "fleet.yaml").unlink()
    plan = read(here.forged(lambda document: None), "plan.json")
    assert here.engine.apply(plan).complete
    assert sorted(here.writes) == sorted(each.operation for each in plan.steps)
    here.simulator.close()


def test_the_saved_plan_is_applied(tmp_path: Path) -> None:
    here = Account(tmp_path, MANY)
    outcome = here.engine.apply(Plan.read(tmp_path / "plan.json"))
    assert outcome.complete, outcome
    assert len(here.writes) == len(here.saved["steps"])
    assert step(here.saved, "CreateModel:model/ranker")
    here.simulator.close()


LOOKS = sorted(name for name, look in vars(_Look).items() if inspect.isgeneratorfunction(look) and name != "problems")


@pytest.mark.parametrize("look", LOOKS)
def test_a_look_that_is_left_out_lets_a_forgery_pass(
    look: str, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted bugs: each of the looks at a plan is needed."""
    monkeypatch.setattr(_Look, look, lambda *_: iter(()))

    def passes(forge: Forge) -> bool:
        try:
            return bool(read(account.forged(forge), "plan.json"))
        except InputError:
            return False

    assert any(passes(forge) for forge, _ in CONTRADICTIONS.values())


@pytest.mark.parametrize("left_out", ["_of_steps", "_of_changes"])
def test_both_halves_of_the_comparison_are_needed(
    left_out: str, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparing, left_out, lambda *_: iter(()))
    passed = []
    for name, (forge, _) in DEPARTURES.items():
        try:
            account.engine.recheck(read(account.forged(forge), "plan.json"))
            passed.append(name)
        except PlanRefused:
            pass
    assert passed
