"""`mmeplan apply --prune-artifacts` against `mmeplan serve`, killed with SIGKILL right before or after each write.

Between uploads, parts, the pointer and the deletes of a prune: each round changes every tenant, applies, dies at the
next point, and is run again. After each kill and each rerun the pointer names nothing that isn't there, no key was
written twice, and what is another's is as it was.
"""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.contract.doors import Served, served
from tests.processes.runs import Run, forks
from tests.simulation.test_archives import BUCKET, POINTER, PREFIX, archive_of
from tests.simulation.world import IMAGE, ROLE, config, variant

TENANTS = 14
PARTS = 3
OLD = 10
POINTS = (TENANTS + 1) + (PARTS + 2) + 1 + OLD
"""The writes of an apply: an upload for each small file, the calls of a large one, the pointer, and deletes."""
SPEED = 20_000
PART_BYTES = 5_000


def dying(at: int, after: bool) -> None:
    """In the child: files go by parts from `PART_BYTES` on, and the n-th write is the last thing that happens."""
    from mmeplan.apply import transfers
    from mmeplan.cloud.aws import Cloud

    transfers.PART_BYTES = PART_BYTES  # type: ignore[misc]
    write, writes = Cloud.write, []

    def last(self: Cloud, operation: str, params: Any) -> Any:
        writes.append(operation)
        is_last = len(writes) == at
        if is_last and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        answer = write(self, operation, params)
        if is_last:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    Cloud.write = last  # type: ignore[method-assign]


def write_edition(folder: Path, number: int) -> set[str]:
    """What the file says in the n-th round: every tenant is another one, one comes, one went. Their names."""
    names = [f"t{tenant}" for tenant in range(TENANTS)] + [f"round{number}"]
    for name in names:
        (folder / f"{name}.tar.gz").write_bytes(archive_of(f"{name} {number}"))
    (folder / "big.tar.gz").write_bytes(f"{number:05}".encode() * (PART_BYTES * PARTS // 5))
    names.append("big")
    rows = "".join(f"{name},{name}.tar.gz\n" for name in names)
    (folder / "tenants.csv").write_text(f"key,source\n{rows}")
    artifacts = {
        "for_each": {"file": "tenants.csv"},
        "publish": f"s3://{POINTER['Bucket']}/{POINTER['Key']}",
        "keep": {"generations": 0, "days": 0},
    }
    container = {"image": f"{IMAGE}1", "mode": "MultiModel", "model_data_url": f"s3://{BUCKET}/{PREFIX}"}
    model = {"execution_role_arn": ROLE, "primary_container": container, "artifacts": artifacts}
    made = {
        "version": 1,
        "fleet": "f",
        "region": "eu-west-1",
        "models": {"prices": model},
        "endpoints": {"prices": {"config": config(main=variant("prices"))}},
    }
    (folder / "fleet.yaml").write_text(yaml.safe_dump(made))
    return set(names)


class Watcher:
    """Looks at the buckets, and says what must never be."""

    def __init__(self, world: Served) -> None:
        self.s3 = world.door.client("s3")
        self.seen: dict[str, str] = {}
        self.others = {"stray.tar.gz": {}, "anothers.tar.gz": {"mmeplan-fleet": "other"}}
        for key, marks in self.others.items():
            self.s3.put_object(Bucket=BUCKET, Key=PREFIX + key, Body=key.encode(), Metadata=marks)

    def leave(self, number: int) -> None:
        """Archives that the fleet wrote once and that nobody needs: what a prune finds in each round."""
        for index in range(OLD):
            key, marks = f"{PREFIX}gone{number}-{index}.tar.gz", {"mmeplan-fleet": "f"}
            self.s3.put_object(Bucket=BUCKET, Key=key, Body=b"1", Metadata=marks)

    def look(self) -> tuple[set[str], dict[str, str]]:
        """The keys beneath the prefix but for those of others, and the pointer."""
        found = self.s3.list_objects_v2(Bucket=BUCKET, Prefix=PREFIX)
        keys = {item["Key"].removeprefix(PREFIX): item["ETag"] for item in found["Contents"]}
        for key, etag in keys.items():
            assert self.seen.setdefault(key, etag) == etag, f"{key} was written twice"
        assert self.others.keys() <= keys.keys()
        pointer: dict[str, str] = json.loads(self.s3.get_object(**POINTER)["Body"].read())
        assert set(pointer.values()) <= keys.keys(), "the pointer names what isn't there"
        return keys.keys() - self.others.keys(), pointer


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_an_apply_of_archives_that_is_killed_at_any_write_is_finished_by_the_next(after: bool, tmp_path: Path) -> None:
    killed: list[str] = []  # the step of each
    with forks(), served("--speed", str(SPEED)) as world:
        watcher = Watcher(world)
        command = f"apply --prune-artifacts --yes --json --poll-interval 0.02 --endpoint-url {world.door.url}"
        configs = set()
        for number in range(POINTS + 1):
            names = write_edition(tmp_path, number)
            watcher.leave(number)
            if number:
                run = Run(command, tmp_path, partial(dying, number, after))
                run.read()
                run.process.join()
                assert run.process.exitcode == -signal.SIGKILL, run.text.decode()[-2000:]
                killed.append(json.loads(run.text.decode().rstrip().rpartition("\n")[2])["operation"])
                watcher.look()
            again = Run(command, tmp_path, partial(dying, 0, after))
            assert again.end() == 0, f"round {number}: {again.text.decode()[-2000:]}"
            _, pointer = watcher.look()
            assert pointer.keys() == names
            configs.add(world.door.client().describe_endpoint(EndpointName="prices")["EndpointConfigName"])
        assert len(configs) == 1, "an archive moved a config"
        assert Run(command, tmp_path, partial(dying, 0, after)).end() == 0  # what the pointer had named until then
        keys, pointer = watcher.look()
        assert keys == set(pointer.values())
    assert len(killed) == POINTS == 31
    assert Counter(killed) == {"UploadArchives": 20, "PublishTargets": 1, "PruneArchives": OLD}
