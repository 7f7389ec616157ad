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
from tests.simulation.test_archives import Prices, archive_of, sourced
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


# --- what a plan says of itself ---------------------------------------------------------------------------------------


def test_sources_of_one_content_and_one_key_are_uploaded_once(prices: Prices) -> None:
    for name in ("berlin", "paris"):
        prices.world.does("PutObject", Bucket="acme-builds", Key=f"{name}.tar.gz", Body=archive_of("1"))
    sources = {name: f"s3://acme-builds/{name}.tar.gz" for name in ("berlin", "paris")}
    sourced(prices, sources, key="{{ source.digest8 }}.tar.gz")
    plan = prices.plan().plan
    (step,) = [step for step in plan.steps if step.operation == "UploadArchives"]
    assert [row[1] for row in step.params["Archives"]] == ["s3://acme-builds/berlin.tar.gz"]
    assert saved(plan) == plan
    prices.converge()
    (key,) = prices.keys()
    assert prices.pointer() == {"berlin": key, "paris": key}


# --- what is superseded only by the same apply ------------------------------------------------------------------------


def pruned(prices: Prices) -> list[str]:
    """The keys that an apply now would prune."""
    steps = prices.plan(prune=True).plan.steps
    return [row[0] for step in steps if step.operation == "PruneArchives" for row in step.params["Archives"]]


@pytest.mark.parametrize("key", ["{{ each.key }}/{{ source.digest8 }}.tar.gz", "{{ source.digest8 }}.tar.gz"])
def test_what_the_same_apply_supersedes_is_kept_for_its_days(prices: Prices, key: str) -> None:
    prices.members = {"key": key, "keep": {"generations": 0, "days": 7}}
    prices.tenants({"berlin": "1", "paris": "2"})
    prices.converge()
    old = set(prices.keys())
    prices.world.sim.clock.sleep(30 * DAY_S)
    prices.tenants({"berlin": "3", "paris": "4"})
    assert pruned(prices) == []
    prices.converge(prune=True)
    assert prices.keys().keys() > old
    prices.world.sim.clock.sleep(8 * DAY_S)
    assert set(pruned(prices)) == old


def test_where_one_of_several_is_not_there_yet_none_is_pruned(prices: Prices) -> None:
    prices.members = {"key": "{{ source.digest8 }}.tar.gz", "keep": {"generations": 0, "days": 7}}
    for contents in ({"berlin": "1", "paris": "2"}, {"berlin": "3", "paris": "2"}):
        prices.tenants(contents)
        prices.converge()
        prices.world.sim.clock.sleep(30 * DAY_S)
    prices.tenants({"berlin": "3", "paris": "4"})
    assert pruned(prices) == []
