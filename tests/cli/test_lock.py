"""`--lock` and `unlock` as people meet them: on the simulated S3, and between two processes through `mmeplan serve`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mmeplan.apply import FleetLock
from mmeplan.cloud.aws import Cloud, Door
from mmeplan.simulator import Simulator
from tests.cli.running import mmeplan
from tests.cli.test_terminal import ROOT, end, spawn
from tests.contract.doors import served

LOCK = "s3://acme-mmeplan/locks/house-prices"
TWO_MORE = """
  second:
    config: {production_variants: {main: {model: champion, instance_type: ml.m5.large, initial_instance_count: 1}}}
"""
WHERE = {"Bucket": "acme-mmeplan", "Key": "locks/house-prices"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "examples" / "ab-variants" / "fleet.yaml", tmp_path)
    return tmp_path


def put(folder: Path, body: bytes | None = None) -> None:
    """A lock that somebody else holds."""
    (folder / ".mmeplan").mkdir(exist_ok=True)
    with Simulator.open(folder / ".mmeplan" / "local.db") as simulator:
        cloud = Cloud(simulator.clock, region="eu-west-1", door=Door(simulator.before_send, "123456789012"))
        now = simulator.clock.now().isoformat()
        owner = {"who": "bob@ci-7 (pid 42)", "fleet": "house-prices", "command": "apply", "token": "1"}
        owner |= {"since": now, "alive_at": now}
        cloud.write("PutObject", {**WHERE, "Body": body or json.dumps(owner).encode()})
        simulator.clock.sleep(1200)


def test_an_apply_with_a_lock_leaves_none_behind(folder: Path) -> None:
    assert mmeplan(f"apply --local -y --lock {LOCK}", folder).code == 0
    assert mmeplan(f"apply --local -y --lock {LOCK}", folder).code == 0
    assert mmeplan(f"destroy --local -y --lock {LOCK}", folder).code == 0
    assert mmeplan(f"unlock {LOCK} --local", folder).stdout == f"{LOCK} is not locked\n"


def test_a_lock_that_is_held_stops_apply_and_destroy_before_anything_is_read(folder: Path) -> None:
    put(folder)
    for command in ("apply", "destroy"):
        result = mmeplan(f"{command} --local -y --lock {LOCK}", folder)
        assert (result.code, result.stdout) == (1, "")
        assert f"because the lock {LOCK} is held by\n  bob@ci-7 (pid 42), `mmeplan apply` of the fleet" in result.stderr
        assert "20 min ago" in result.stderr
        assert f"mmeplan unlock {LOCK} --local-db" in result.stderr
    assert "absent" in mmeplan("status --local", folder).stdout


def test_a_refused_apply_gives_the_lock_back(folder: Path) -> None:
    assert mmeplan(f"apply --local --lock {LOCK}", folder).code == 1  # nobody to ask
    assert "not locked" in mmeplan(f"unlock {LOCK} --local", folder).stdout


def test_the_message_of_a_held_lock_says_what_removes_it(folder: Path) -> None:
    put(folder)
    told = mmeplan(f"apply --local -y --lock {LOCK}", folder).stderr
    command = told.rpartition("mmeplan unlock ")[2].strip()
    removed = mmeplan(f"unlock {command} --yes", folder)
    assert (removed.code, removed.stdout.splitlines()[-1]) == (0, "removed")
    assert mmeplan(f"apply --local -y --lock {LOCK}", folder).code == 0


def test_unlock_asks_and_without_anybody_to_ask_removes_nothing(folder: Path) -> None:
    put(folder)
    result = mmeplan(f"unlock {LOCK} --local", folder)
    assert result.code == 1
    assert "bob@ci-7" in result.stdout
    assert "add --yes" in result.stderr
    child = spawn(f"unlock {LOCK} --local", folder)
    child.expect_exact("[y/N]: ")
    child.sendline("n")
    text, code = end(child)
    assert ("nothing was removed" in text, code) == (True, 1)
    child = spawn(f"unlock {LOCK} --local", folder)
    child.expect_exact("[y/N]: ")
    child.sendline("y")
    assert end(child)[1] == 0


def test_unlock_leaves_alone_what_is_no_lock(folder: Path) -> None:
    put(folder, b"a model")
    result = mmeplan(f"unlock {LOCK} --local --yes", folder)
    assert result.code == 1
    assert "did not write this object" in result.stderr


def test_a_lock_that_is_lost_in_the_middle_ends_with_5_and_says_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = FleetLock.held

    def taken_during_the_rollout(self: FleetLock) -> bool:
        if self._looked_at > began[0] + 60:
            self._writer.write("DeleteObject", WHERE)
        return held(self)

    began: list[Any] = []
    acquire = FleetLock.acquire

    def noted(self: FleetLock, *arguments: Any, **more: Any) -> None:
        acquire(self, *arguments, **more)
        began.append(self._looked_at)

    monkeypatch.setattr(FleetLock, "acquire", noted)
    monkeypatch.setattr(FleetLock, "held", taken_during_the_rollout)
    (folder / "fleet.yaml").write_text((folder / "fleet.yaml").read_text() + TWO_MORE)
    result = mmeplan(f"apply --local -y --parallelism 1 --lock {LOCK}", folder)
    assert result.code == 5
    assert f"warning: the lock {LOCK} was removed" in result.stderr
    assert f"not started: the lock {LOCK} was removed" in " ".join(result.stdout.split())
    assert "Apply incomplete" in result.stdout


def test_the_environment_may_name_the_lock(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(folder)
    monkeypatch.setenv("MMEPLAN_LOCK", LOCK)
    assert "is held by\n  bob" in mmeplan("apply --local -y", folder).stderr


@pytest.mark.parametrize("wrong", ["--lock nonsense", "--lock-timeout 3"])
def test_what_makes_no_sense_is_told_before_anything_is_done(folder: Path, wrong: str) -> None:
    result = mmeplan(f"apply --local -y {wrong}", folder)
    assert result.code in (1, 2)
    assert "s3://BUCKET/KEY" in result.stderr


def test_ctrl_c_in_the_middle_gives_the_lock_back(folder: Path) -> None:
    child = spawn(f"apply --local --lock {LOCK}", folder)
    child.expect_exact("[y/N]: ")
    child.sendintr()
    assert end(child)[1] == 130
    assert "not locked" in mmeplan(f"unlock {LOCK} --local", folder).stdout


def test_of_two_processes_that_apply_one_fleet_one_is_refused_and_says_who_runs(folder: Path) -> None:
    with served("--speed", "2000") as server:
        keys = {"AWS_ACCESS_KEY_ID": "123456789012", "AWS_SECRET_ACCESS_KEY": "x"}
        environment = {**os.environ, **keys, "PYTHONPATH": str(ROOT), "AWS_EC2_METADATA_DISABLED": "true"}
        words = [sys.executable, "-m", "mmeplan", "apply", "fleet.yaml", "--lock", LOCK]
        words += ["--region", "eu-west-1", "--endpoint-url", server.door.url]
        first = spawn(" ".join(words[3:]), folder, **keys)
        first.expect_exact("[y/N]: ")  # it holds the lock while it asks
        second = subprocess.run([*words, "-y"], cwd=folder, env=environment, capture_output=True, text=True, timeout=60)
        assert second.returncode == 1
        assert f"(pid {first.pid})" in second.stderr
        first.sendline("n")
        assert end(first)[1] == 1
        third = subprocess.run(
            [*words[:-2], "--endpoint-url", server.door.url],
            cwd=folder,
            env=environment,
            capture_output=True,
            timeout=60,
        )
        assert b"nobody can be asked" in third.stderr  # the lock was free
