"""What a forged plan, a changed folder or a bad moment could do with archives, and doesn't."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from mmeplan.errors import PlanRefused
from mmeplan.plan import Plan, encode, read
from mmeplan.plan.document import SourceFile
from mmeplan.plan.encoding import with_id
from tests.simulation.test_archives import Prices
from tests.simulation.world import World

DAY_S = 24 * 3600
ELSEWHERE = SourceFile("/nowhere/fleet.yaml", "0" * 64)


@pytest.fixture
def prices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Prices]:
    monkeypatch.chdir(tmp_path)
    with World() as world:
        yield Prices(world, tmp_path)


def saved(plan: Plan) -> Plan:
    """A plan as somebody wrote it, and as it is read again. Raises InputError where it can't be."""
    return read(json.dumps(encode(with_id(plan))), "plan.json")


def forged(plan: Plan, operation: str, **params: Any) -> Plan:
    """A plan whose files aren't here, with other params of a step."""
    steps = [replace(s, params={**s.params, **params}) if s.operation == operation else s for s in plan.steps]
    return replace(plan, steps=tuple(steps), source=(ELSEWHERE,))


def moved(prices: Prices) -> Plan:
    """A plan that has an archive to upload, and a pointer to move."""
    prices.tenants({"berlin": "1"})
    prices.converge()
    prices.tenants({"berlin": "2"})
    return prices.plan().plan


# --- plans whose files aren't here ------------------------------------------------------------------------------------


def test_archives_of_a_plan_whose_files_are_not_here_are_not_written(prices: Prices) -> None:
    secret = b"[default]\naws_secret_access_key=zzz\n"
    (prices.folder / "credentials").write_bytes(secret)
    row = ["x/1.tar.gz", "credentials", hashlib.sha256(secret).hexdigest(), len(secret), ""]
    beside = replace(ELSEWHERE, path="no.yaml")
    plan = saved(replace(forged(moved(prices), "UploadArchives", Archives=[row]), source=(beside,)))
    writes = prices.ports.writes
    with pytest.raises(PlanRefused, match=r"no\.yaml isn't here; the step UploadArchives:") as refused:
        prices.engine.apply(plan)
    assert "--verify PUBLICKEY" in refused.value.hint
    assert prices.ports.writes == writes
    assert prices.engine.recheck(plan, verified=True).plan == plan


def test_a_stale_prune_whose_files_are_not_here_deletes_nothing(prices: Prices) -> None:
    prices.members["keep"] = {"generations": 0, "days": 7}
    for content in "12":
        prices.tenants({"berlin": content})
        prices.converge()
        prices.world.sim.clock.sleep(30 * DAY_S)
    plan = saved(replace(prices.plan(prune=True).plan, source=(ELSEWHERE,)))
    assert [step.operation for step in plan.steps] == ["PruneArchives"]
    prices.tenants({"berlin": "1"})
    prices.converge()
    there = prices.keys()
    with pytest.raises(PlanRefused, match="PruneArchives"):
        prices.engine.apply(plan)
    assert prices.keys() == there


def test_where_the_files_are_here_forged_rows_are_not_written(prices: Prices) -> None:
    made = moved(prices)
    (prices.folder / "fleet.yaml").write_bytes(yaml.safe_dump(prices.document()).encode())
    (step,) = [step for step in made.steps if step.operation == "UploadArchives"]
    more = ["x/1.tar.gz", "fleet.yaml", "0" * 64, None, ""]
    plan = forged(made, "UploadArchives", Archives=[*step.params["Archives"], more])
    assert prices.engine.apply(saved(replace(plan, source=made.source))).complete
    assert set(prices.keys()).isdisjoint({"x/1.tar.gz"})
