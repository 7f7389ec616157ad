"""What a forged plan, a changed folder or a bad moment could do with archives, and doesn't."""

from __future__ import annotations

import hashlib
import json
import os
import random
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from mmeplan.apply import transfers
from mmeplan.apply.transfers import Transfers
from mmeplan.engine import Planned
from mmeplan.errors import InputError, PlanRefused
from mmeplan.kinds.artifacts import source_digest
from mmeplan.live import Answer
from mmeplan.plan import Plan, Step, encode, read
from mmeplan.plan.document import SourceFile
from mmeplan.plan.encoding import with_id
from mmeplan.plan.gathered import wrong_params
from tests.simulation.test_archives import POINTER, Prices, archive_of, sourced
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


# --- rows that no plan has --------------------------------------------------------------------------------------------

SIX = source_digest('"abc"', 6)


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (["x/1.tar.gz", "a.tar.gz", "0" * 63, None, ""], "doesn't have the SHA-256"),
        (["x/1.tar.gz", "a.tar.gz", "0" * 64, None, '"abc"'], "doesn't have the SHA-256"),
        (["x/1.tar.gz", "s3://hr/pay.csv", SIX, 6, ""], "doesn't have bytes and ETag"),
        (["x/1.tar.gz", "s3://hr/pay.csv", SIX, None, '"abc"'], "doesn't have bytes and ETag"),
        (["x/1.tar.gz", "s3://hr/pay.csv", "0" * 64, 6, '"abc"'], "doesn't have bytes and ETag"),
        (["x/1.tar.gz", "s3://hr/pay.csv", source_digest("*", 6), 6, "*"], "doesn't have bytes and ETag"),
        (["x/1.tar.gz", "s3://hr/pay.csv", source_digest('"*"', 6), 6, '"*"'], "doesn't have bytes and ETag"),
    ],
)
def test_a_row_without_a_condition_is_no_row(prices: Prices, row: list[Any], why: str) -> None:
    with pytest.raises(InputError, match=why):
        saved(forged(moved(prices), "UploadArchives", Archives=[row]))
    assert saved(forged(moved(prices), "UploadArchives", Archives=[["x/1.tar.gz", "s3://hr/a", SIX, 6, '"abc"']]))


@pytest.mark.parametrize("etag", ["*", '""', "abc", '"*"'])
def test_a_pointer_or_a_prune_on_no_condition_is_refused(prices: Prices, etag: str) -> None:
    plan = moved(prices)
    with pytest.raises(InputError, match="is no ETag"):
        saved(forged(plan, "PublishTargets", ETag=etag))
    (publish,) = [step for step in plan.steps if step.operation == "PublishTargets"]
    params = {name: value for name, value in publish.params.items() if name not in ("ETag", "Targets")}
    assert "is no ETag" in wrong_params("PruneArchives", {**params, "Archives": [["x/1.tar.gz", etag]]})
    assert not wrong_params("PruneArchives", {**params, "Archives": [["x/1.tar.gz", '"abc-2"']]})


def test_a_config_that_took_the_pointers_place_is_not_overwritten(prices: Prices) -> None:
    planned = Planned(moved(prices))
    prices.world.does("PutObject", **POINTER, Body=b'{"db_host": "x"}')
    (step,) = [step for step in planned.plan.steps if step.operation == "PublishTargets"]
    now = prices.world.does("HeadObject", **POINTER)["ETag"]
    said = transfers_of(prices).carry_out(
        replace(step, params={**step.params, "ETag": now, "Targets": {}}), told.append
    )
    assert (said.verdict, "another object" in said.detail) == ("fail", True)
    assert prices.pointer() == {"db_host": "x"}


# --- stops within a file ----------------------------------------------------------------------------------------------

told: list[str] = []


def transfers_of(prices: Prices, **more: Any) -> Transfers:
    return Transfers(prices.ports, prices.ports, prices.world.sim.clock, prices.folder, **more)


def large(prices: Prices, monkeypatch: pytest.MonkeyPatch) -> Step:
    """A step that uploads ten parts."""
    monkeypatch.setattr(transfers, "PART_BYTES", 1000)
    (prices.folder / "big.tar.gz").write_bytes(random.Random(1).randbytes(10_000))
    sourced(prices, {"big": "big.tar.gz"})
    return prices.plan().plan.step("UploadArchives:artifacts/prices")


def test_a_stop_reaches_into_a_large_file(prices: Prices, monkeypatch: pytest.MonkeyPatch) -> None:
    step = large(prices, monkeypatch)
    said = transfers_of(prices, stopping=lambda: prices.ports.count("UploadPart") >= 3).carry_out(step, told.append)
    assert (said.verdict, said.detail[:11]) == ("fail", "interrupted")
    assert [prices.ports.count(name) for name in ("UploadPart", "AbortMultipartUpload")] == [3, 1]
    assert not prices.keys()


def test_a_stop_reaches_into_a_large_copy(prices: Prices, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfers, "COPY_BYTES", 1000)
    prices.world.does("PutObject", Bucket="acme-builds", Key="big.tar.gz", Body=b"1" * 10_000)
    sourced(prices, {"big": "s3://acme-builds/big.tar.gz"})
    step = prices.plan().plan.step("UploadArchives:artifacts/prices")
    stopping = transfers_of(prices, stopping=lambda: prices.ports.count("UploadPartCopy") >= 3)
    assert stopping.carry_out(step, told.append).verdict == "fail"
    assert prices.ports.count("UploadPartCopy") == 3


def test_a_failure_ends_the_large_file_beside_it(prices: Prices, monkeypatch: pytest.MonkeyPatch) -> None:
    step = large(prices, monkeypatch)
    big = step.params["Archives"][0]
    both = replace(step, params={**step.params, "Archives": [big, ["s.tar.gz", "gone.tar.gz", "0" * 64, 1, ""]]})
    over = threading.Event()
    shutdown = transfers.ThreadPoolExecutor.shutdown

    def shut(pool: Any, *args: Any, **more: Any) -> None:
        over.set()
        shutdown(pool, *args, **more)

    write = prices.ports.write

    def waiting(operation: str, params: Mapping[str, Any]) -> Answer:
        if operation == "UploadPart":
            assert over.wait(30)
        return write(operation, params)

    monkeypatch.setattr(transfers.ThreadPoolExecutor, "shutdown", shut)
    monkeypatch.setattr(prices.ports, "write", waiting)
    said = transfers_of(prices, at_once=2).carry_out(both, told.append)
    assert "gone.tar.gz can't be read" in said.detail
    assert prices.ports.count("UploadPart") <= 1
    assert prices.ports.count("CompleteMultipartUpload") == 0


def test_a_pipe_in_the_place_of_a_source_is_not_waited_for(prices: Prices) -> None:
    prices.tenants({"berlin": "1"})
    step = prices.plan().plan.step("UploadArchives:artifacts/prices")
    (prices.folder / "berlin.tar.gz").unlink()
    os.mkfifo(prices.folder / "berlin.tar.gz")
    said: list[str] = []
    ending = threading.Thread(target=lambda: said.append(transfers_of(prices).carry_out(step, told.append).detail))
    ending.daemon = True
    ending.start()
    ending.join(10)
    assert said == ["berlin.tar.gz is neither file nor folder any more; plan again"]
