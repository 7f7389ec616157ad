"""Bugs planted in what is done to archives: each write without one of its conditions. The laws must find every one."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from mmeplan.apply import transfers
from mmeplan.apply.transfers import Transfers
from mmeplan.live import Answer
from tests.simulation.test_archives import BUCKET, POINTER, PREFIX, Prices, archive_of, sourced
from tests.simulation.world import Broken, World

THEIRS = archive_of("theirs")
Scenario = Callable[[Prices], None]


def held(prices: Prices, key: str, where: str) -> None:
    """What somebody else wrote is there."""
    if prices.keys().get(key) != where:
        raise Broken(f"{key} was overwritten or deleted")


def a_racing_writer(prices: Prices) -> None:
    """Somebody else writes the key between the plan and its apply."""
    planned = prices.plan()
    (step,) = [step for step in planned.plan.steps if step.operation == "UploadArchives"]
    key = step.params["Archives"][0][0]
    prices.put(key, THEIRS)
    theirs = prices.keys()[key]
    prices.engine.apply(planned)
    held(prices, key, theirs)


def an_upload_overtaken(prices: Prices) -> None:
    prices.tenants({"berlin": "1"})
    a_racing_writer(prices)


def a_large_upload_overtaken(prices: Prices) -> None:
    (prices.folder / "big.tar.gz").write_bytes(random.Random(1).randbytes(2500))
    sourced(prices, {"big": "big.tar.gz"})
    a_racing_writer(prices)


def a_copy_overtaken(prices: Prices) -> None:
    prices.world.does("PutObject", Bucket="acme-builds", Key="rome.tar.gz", Body=archive_of("1")[:900])
    sourced(prices, {"rome": "s3://acme-builds/rome.tar.gz"})
    a_racing_writer(prices)


def another_source(prices: Prices, size: int) -> None:
    """The source becomes another between the plan and its apply."""
    where = {"Bucket": "acme-builds", "Key": "rome.tar.gz"}
    prices.world.does("PutObject", **where, Body=b"1" * size)
    sourced(prices, {"rome": "s3://acme-builds/rome.tar.gz"})
    planned = prices.plan()
    prices.world.does("PutObject", **where, Body=b"2" * size)
    prices.engine.apply(planned)
    if prices.keys():
        raise Broken("a key holds another source than its digest says")


def a_source_that_changed(prices: Prices) -> None:
    another_source(prices, 900)


def a_large_source_that_changed(prices: Prices) -> None:
    another_source(prices, 2500)


def a_pointer_that_moved(prices: Prices) -> None:
    """Somebody else moves the pointer between the plan and its apply."""
    prices.tenants({"berlin": "1"})
    prices.converge()
    prices.tenants({"berlin": "2"})
    pointer_of_another(prices)


def a_pointer_that_came(prices: Prices) -> None:
    """Somebody else writes the first pointer between the plan and its apply."""
    prices.tenants({"berlin": "1"})
    pointer_of_another(prices)


def pointer_of_another(prices: Prices) -> None:
    planned = prices.plan()
    prices.world.does("PutObject", **POINTER, Body=b'{"berlin": "theirs.tar.gz"}')
    prices.engine.apply(planned)
    if prices.pointer() != {"berlin": "theirs.tar.gz"}:
        raise Broken("a pointer that nobody had read was overwritten")


def a_prune_overtaken(prices: Prices) -> None:
    """Somebody writes the key again between the look at it and its delete."""
    prices.members["keep"] = {"generations": 0, "days": 0}
    prices.tenants({"berlin": "1"})
    prices.converge()
    prices.world.sim.clock.sleep(60)
    (key,) = prices.keys()
    prices.tenants({"berlin": "2"})
    prices.apply()
    prices.world.sim.clock.sleep(60)
    planned = prices.plan(prune=True)
    read = prices.ports.read

    def overtaken(operation: str, params: Mapping[str, Any]) -> Answer:
        answer = read(operation, params)
        if operation == "HeadObject" and params["Key"] == PREFIX + key:
            prices.put(key, THEIRS)
        return answer

    prices.ports.read = overtaken  # type: ignore[method-assign]
    prices.engine.apply(planned)
    if prices.world.does("ListObjectsV2", Bucket=BUCKET, Prefix=PREFIX + key)["KeyCount"] != 1:
        raise Broken("what somebody wrote meanwhile was deleted")


PLANTED: tuple[tuple[str, str, Scenario], ...] = (
    ("PutObject", "IfNoneMatch", an_upload_overtaken),
    ("CompleteMultipartUpload", "IfNoneMatch", a_large_upload_overtaken),
    ("CopyObject", "IfNoneMatch", a_copy_overtaken),
    ("CopyObject", "CopySourceIfMatch", a_source_that_changed),
    ("UploadPartCopy", "CopySourceIfMatch", a_large_source_that_changed),
    ("PutObject", "IfMatch", a_pointer_that_moved),
    ("PutObject", "IfNoneMatch", a_pointer_that_came),
    ("DeleteObject", "IfMatch", a_prune_overtaken),
)


@pytest.mark.parametrize(
    ("operation", "condition", "scenario"), PLANTED, ids=lambda each: getattr(each, "__name__", each)
)
def test_a_write_without_its_condition_is_found(
    operation: str, condition: str, scenario: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfers, "PART_BYTES", 1000)
    monkeypatch.setattr(transfers, "COPY_BYTES", 1000)
    for folder in ("without", "with"):
        (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path / "without")
    with World() as world:
        scenario(Prices(world, tmp_path / "without"))
    call = Transfers._call
    forgotten: list[str] = []

    def forgetful(self: Transfers, name: str, params: Mapping[str, Any]) -> Answer:
        left = {member: value for member, value in params.items() if (name, member) != (operation, condition)}
        forgotten.extend([name] if left != params else [])
        return call(self, name, left)

    monkeypatch.setattr(Transfers, "_call", forgetful)
    monkeypatch.chdir(tmp_path / "with")
    with World() as world, pytest.raises(Broken):
        scenario(Prices(world, tmp_path / "with"))
    assert forgotten
