"""Several server processes on one store, and servers that are killed."""

from __future__ import annotations

import signal
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from mmeplan.simulator import Simulator
from tests.cli.running import mmeplan
from tests.contract.doors import IMAGE, ROLE, VARIANT, Door, Served, create, http, served


def names(client: object) -> list[str]:
    pages = client.get_paginator("list_models").paginate(PaginationConfig={"PageSize": 100})  # type: ignore[attr-defined]
    return [model["ModelName"] for page in pages for model in page["Models"]]


def test_two_servers_on_one_store_agree_and_time_passes_once(tmp_path: Path) -> None:
    file = str(tmp_path / "world.db")
    with served("--db", file, "--speed", "0") as one, served("--db", file, "--speed", "0") as two:
        first, second = one.door.client(), two.door.client()
        create(first)
        one.door.advance(100)
        two.door.advance(79)
        assert second.describe_endpoint(EndpointName="e")["EndpointStatus"] == "Creating"
        two.door.advance(1)
        assert first.describe_endpoint(EndpointName="e")["EndpointStatus"] == "InService"
        second.create_endpoint_config(EndpointConfigName="c2", ProductionVariants=[VARIANT])
        first.update_endpoint(EndpointName="e", EndpointConfigName="c2")
        with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
            second.delete_endpoint(EndpointName="e")
        assert one.door.control("GET", "/_mmeplan/clock") == two.door.control("GET", "/_mmeplan/clock")


def test_of_creates_that_race_through_two_servers_each_has_one_winner(tmp_path: Path) -> None:
    file = str(tmp_path / "world.db")
    with served("--db", file) as one, served("--db", file) as two:
        won: list[str] = []
        lost: list[str] = []

        def make(server: Served) -> None:
            client = server.door.client()
            for number in range(20):
                try:
                    client.create_model(
                        ModelName=f"m{number}", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE}
                    )
                    won.append(f"m{number}")
                except ClientError as refusal:
                    lost.append(str(refusal))

        racers = [threading.Thread(target=make, args=(server,)) for server in (one, two)]
        for racer in racers:
            racer.start()
        for racer in racers:
            racer.join()
        assert sorted(won) == sorted(names(one.door.client()))
        assert len(set(won)) == len(won) == len(lost) == 20
        assert all("Cannot create already existing model" in refusal for refusal in lost)


def test_a_killed_server_loses_no_write_that_it_acknowledged(tmp_path: Path) -> None:
    file = str(tmp_path / "world.db")
    acknowledged: list[str] = []
    enough = threading.Event()
    with served("--db", file) as one:
        client = one.door.client()

        def write() -> None:
            for number in range(100_000):
                try:
                    client.create_model(
                        ModelName=f"m{number}", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE}
                    )
                except (BotoCoreError, ClientError):
                    return
                acknowledged.append(f"m{number}")
                if number == 150:
                    enough.set()

        writer = threading.Thread(target=write)
        writer.start()
        assert enough.wait(30)
        assert one.stop(signal.SIGKILL)[0] == -signal.SIGKILL
        writer.join(30)
    with served("--db", file) as again:
        kept = set(names(again.door.client()))
        assert set(acknowledged) <= kept
        assert len(kept) - len(acknowledged) in (0, 1)


def test_both_doors_lead_to_the_same_world_to_the_byte() -> None:
    def life(door: Door) -> tuple[object, str]:
        client = door.client()
        create(client)
        door.advance(180)
        client.update_endpoint(EndpointName="e", EndpointConfigName="c")
        door.advance(240)
        client.describe_endpoint(EndpointName="e")
        door.client("s3").put_object(Bucket="bucket", Key="k", Body=b"1")
        assert door.sim
        events = [(event.at, event.kind, event.operation, event.outcome) for event in door.sim.history()]
        kept = [line for line in door.sim.dump().splitlines() if "'wall'" not in line]
        return events, "\n".join(kept)

    with Simulator.open() as one, Simulator.open() as two, http(two) as served_door:
        assert life(Door(sim=one)) == life(served_door)


def test_a_served_world_starts_when_it_is_asked_to(tmp_path: Path) -> None:
    file = str(tmp_path / "world.db")
    with served("--start", "2026-11-30T12:00:00+01:00", "--speed", "0", "--db", file) as one:
        assert one.door.control("GET", "/_mmeplan/clock")["now"] == "2026-11-30T11:00:00+00:00"
    with served("--start", "2026-11-30T10:00:00", "--speed", "0", "--db", file) as again:
        assert again.door.control("GET", "/_mmeplan/clock")["now"] == "2026-11-30T11:00:00+00:00"
        assert "goes on at 2026-11-30T11:00:00+00:00: its time never goes back" in again.stop()[1]
    before = datetime.now(UTC)
    with served("--start", "now", "--speed", "0") as now:
        told = datetime.fromisoformat(now.door.control("GET", "/_mmeplan/clock")["now"])
        assert before <= told <= datetime.now(UTC)


def test_a_start_that_is_no_time_is_refused(tmp_path: Path) -> None:
    result = mmeplan("serve --start yesterday", tmp_path)
    assert result.code != 0
    assert "it must be `now` or a time such as 2026-11-30T08:00:00Z" in result.stderr
