"""The file: shared by processes, kept through a kill, refused when it isn't ours."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import mmeplan.simulator
from mmeplan.errors import MmeplanError
from mmeplan.simulator import Simulator, StoreError
from mmeplan.simulator.store import SCHEMA_VERSION

ROOT = Path(mmeplan.simulator.__file__).parents[2]

RACER = """
import json, sys
from mmeplan.simulator import Request, Simulator
sim = Simulator.open(sys.argv[1])
won = 0
for number in range(40):
    body = {"ModelName": f"m{number}", "ExecutionRoleArn": "arn:aws:iam::123456789012:role/serving",
            "PrimaryContainer": {"Image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/x:1"}}
    request = Request("POST", "https://api.sagemaker.eu-west-1.amazonaws.com/",
                      {"x-amz-target": "SageMaker.CreateModel"}, json.dumps(body).encode())
    won += sim.respond(request).status == 200
    sim.clock.sleep(1)
print(won, flush=True)
if len(sys.argv) > 2:
    sys.stdin.read()
"""


def process(path: Path, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", RACER, str(path), *more],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stdin=subprocess.PIPE,
        text=True,
    )


def test_of_racing_creates_in_several_processes_one_wins(world, tmp_path):
    path = tmp_path / "world.db"
    racers = [process(path) for _ in range(4)]  # they race to make the file, too
    won = [int(racer.communicate(timeout=60)[0]) for racer in racers]
    assert [racer.returncode for racer in racers] == [0] * 4
    assert sum(won) == 40
    with Simulator.open(path) as sim:
        assert len(type(world)(sim)("ListModels", MaxResults=100)["Models"]) == 40
        assert sim.clock.now().timestamp() == 1767225600 + 4 * 40


OPENER = """
import sys
from mmeplan.simulator import Simulator
for number in range(150):
    Simulator.open(f"{sys.argv[1]}/{number}.db").close()
"""


def test_several_processes_may_create_a_file_at_once(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    openers = [subprocess.Popen([sys.executable, "-c", OPENER, str(tmp_path)], env=environment) for _ in range(6)]
    assert [opener.wait(timeout=60) for opener in openers] == [0] * 6


def test_what_a_killed_process_wrote_is_still_there(world, tmp_path):
    path = tmp_path / "world.db"
    with process(path, "stay") as racer:
        assert racer.stdout.readline() == "40\n"
        racer.send_signal(signal.SIGKILL)
    with Simulator.open(path) as sim:
        assert len(type(world)(sim)("ListModels", MaxResults=100)["Models"]) == 40


def test_two_simulators_on_one_file_share_objects_and_time(world, tmp_path):
    with Simulator.open(tmp_path / "world.db") as one, Simulator.open(tmp_path / "world.db") as two:
        first, second = type(world)(one), type(world)(two)
        first.model()
        first.config()
        second.endpoint()
        one.clock.sleep(100)
        assert second.describe()["EndpointStatus"] == "Creating"
        two.clock.sleep(80)
        assert one.clock.now() == two.clock.now()
        assert first.describe()["EndpointStatus"] == "InService"
        assert second.describe()["EndpointStatus"] == "InService"
        settled = [event for sim in (one, two) for event in sim.history() if "InService" in event.outcome]
        assert len(settled) == 1


def test_a_world_goes_on_when_its_file_is_opened_again(world, tmp_path):
    with Simulator.open(tmp_path / "world.db", seed=5) as sim:
        type(world)(sim).in_service()
        drawn = sim.clock.uniform(0, 1)
    with Simulator.open(tmp_path / "world.db", seed=5) as sim:
        assert type(world)(sim).describe()["EndpointStatus"] == "InService"
        assert sim.clock.uniform(0, 1) != drawn


def test_threads_of_one_process_may_call_at_once(world):
    names = [f"m{number}" for number in range(50)]
    won = []

    def create():
        for name in names:
            try:
                won.append(world.model(name))
            except Exception as error:  # noqa: BLE001
                assert "Cannot create already existing model" in str(error)  # noqa: PT017

    threads = [threading.Thread(target=create) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == len(set(won)) == 50


def test_a_refused_call_leaves_no_trace_in_the_store(world, refused):
    world.model()
    before = world.sim.dump()
    refused(world.model)
    refused(world.config, "c", world.variant(ModelName="gone"))
    assert world.sim.dump() == before


def foreign_database(path):
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE other (x)")
    database.commit()
    database.close()


def newer_store(path):
    Simulator.open(path).close()
    database = sqlite3.connect(path)
    database.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    database.close()


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda path: path.write_text("not a database at all, but long enough to look at" * 40), "not a database"),
        (foreign_database, "another program"),
        (newer_store, f"store version {SCHEMA_VERSION + 1}"),
        (lambda path: path.mkdir(), "unable to open"),
    ],
)
def test_a_file_that_is_not_ours_is_refused_with_a_way_out_and_left_alone(tmp_path, make, why):
    path = tmp_path / "world.db"
    make(path)
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(StoreError, match=why) as refusal:
        Simulator.open(path)
    assert isinstance(refusal.value, MmeplanError)
    assert str(path) in refusal.value.message
    assert refusal.value.hint
    assert (path.read_bytes() if path.is_file() else b"") == before


def test_a_directory_that_does_not_exist_is_said_so(tmp_path):
    with pytest.raises(StoreError, match="unable to open"):
        Simulator.open(tmp_path / "nowhere" / "world.db")


def test_a_world_starts_when_it_is_asked_to_and_begins_there_anew(tmp_path):
    noon = datetime(2026, 11, 30, 12, tzinfo=UTC)
    with Simulator.open(start=noon) as sim:
        sim.clock.sleep(60)
        assert sim.clock.now() == noon + timedelta(minutes=1)
        sim.reset()
        assert sim.clock.now() == noon
    with pytest.raises(ValueError, match="has no time zone"):
        Simulator.open(start=noon.replace(tzinfo=None))


def test_a_world_that_is_there_is_moved_on_to_its_start_and_never_back(tmp_path):
    file, noon = tmp_path / "w.db", datetime(2026, 11, 30, 12, tzinfo=UTC)
    with Simulator.open(file) as sim:
        assert sim.clock.now() == datetime(2026, 1, 1, tzinfo=UTC)
    with Simulator.open(file, start=noon) as sim:
        assert sim.clock.now() == noon
    with Simulator.open(file, start=noon - timedelta(days=1)) as sim:
        assert sim.clock.now() == noon
