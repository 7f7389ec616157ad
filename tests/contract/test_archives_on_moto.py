"""Archives against moto's S3, an implementation of listings and conditional writes that isn't ours.

moto 5.2 holds the conditions of PutObject, CompleteMultipartUpload and DeleteObject. Those of copies it passes over:
they are proved on the simulator alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from moto import mock_aws

from mmeplan.apply import transfers
from mmeplan.cloud.aws import Cloud
from mmeplan.engine import Desired, Engine, Planned
from mmeplan.spec import load_text
from tests.simulation.test_archives import archive_of
from tests.simulation.world import IMAGE, ROLE
from tests.unit.apply.cloud import Clock

REGION = "us-east-1"
BUCKET, POINTER = "acme-models", {"Bucket": "acme-config", "Key": "targets.json"}
MANY = 1200  # two pages of a listing


class Account:
    """moto's account with the two buckets, a folder with a fleet, and the engine over real boto3."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.s3 = boto3.client("s3", region_name=REGION)
        for bucket in (BUCKET, POINTER["Bucket"], "acme-builds"):
            self.s3.create_bucket(Bucket=bucket)
        self.calls: list[str] = []
        clock = Clock()
        clock.at = datetime.now(UTC) + timedelta(hours=1)  # moto's objects are as old as they really are
        cloud = Cloud(clock, region=REGION, trace=lambda text: self.calls.append(text.split()[0]))
        self.engine = Engine(cloud, cloud, clock, REGION)

    def plan(self, table: dict[str, str], *, prune: bool = False, days: float = 7) -> Planned:
        container = {"image": f"{IMAGE}1", "mode": "MultiModel", "model_data_url": f"s3://{BUCKET}/prices/"}
        artifacts = {
            "for_each": table,
            "publish": f"s3://{POINTER['Bucket']}/{POINTER['Key']}",
            "keep": {"generations": 0, "days": days},
        }
        model = {"execution_role_arn": ROLE, "primary_container": container, "artifacts": artifacts}
        text = {"version": 1, "fleet": "f", "models": {"prices": model}, "endpoints": {}}
        desired = Desired.of(load_text(yaml.safe_dump(text).encode(), folder=self.folder))
        self.calls.clear()
        return self.engine.plan(desired, targets=("artifacts/prices",), prune_artifacts=prune)

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_bytes(archive_of(text))

    def keys(self) -> dict[str, str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix="prices/")
        return {
            each["Key"].removeprefix("prices/"): each["ETag"] for page in pages for each in page.get("Contents", ())
        }

    def pointer(self) -> Any:
        return yaml.safe_load(self.s3.get_object(**POINTER)["Body"].read())


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Account]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.chdir(tmp_path)
    with mock_aws():
        yield Account(tmp_path)


def test_more_than_a_page_of_archives_is_planned_applied_and_planned_again_as_nothing(account: Account) -> None:
    account.write("one.tar.gz", "1")
    table = {f"t{number:04}": "one.tar.gz" for number in range(MANY)}
    planned = account.plan(table)
    assert account.calls.count("ListObjectsV2") == 1
    assert [step.operation for step in planned.plan.steps] == ["UploadArchives", "PublishTargets"]
    outcome = account.engine.apply(planned)
    assert outcome.complete, outcome
    assert len(account.keys()) == MANY
    assert set(account.pointer().values()) == account.keys().keys()
    again = account.plan(table)
    assert not again.plan.steps
    assert account.calls.count("ListObjectsV2") == 2
    assert account.calls.count("HeadObject") == 0


LARGE = bytes(range(256)) * (11 * 4096)
PART_BYTES = 5 * 1024 * 1024


@pytest.mark.parametrize("body", [archive_of("1"), LARGE], ids=["at-once", "by-parts"])
def test_a_racing_writer_is_not_overwritten_and_an_equal_one_is_success(
    account: Account, monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    monkeypatch.setattr(transfers, "PART_BYTES", PART_BYTES)
    (account.folder / "one.tar.gz").write_bytes(body)
    first, second = account.plan({"a": "one.tar.gz"}), account.plan({"a": "one.tar.gz"})
    key = first.plan.steps[0].params["Archives"][0][0]
    account.s3.put_object(Bucket=BUCKET, Key=f"prices/{key}", Body=b"theirs")
    theirs = account.keys()
    outcome = account.engine.apply(first)
    assert "never overwritten" in outcome.failed[0].detail
    assert account.keys() == theirs
    assert "Uploads" not in account.s3.list_multipart_uploads(Bucket=BUCKET)
    account.s3.delete_object(Bucket=BUCKET, Key=f"prices/{key}")
    assert account.engine.apply(second).complete
    assert account.engine.apply(first).complete
    assert account.pointer() == {"a": key}


def test_a_pointer_that_somebody_else_wrote_is_not_overwritten(account: Account) -> None:
    account.write("one.tar.gz", "1")
    planned = account.plan({"a": "one.tar.gz"})
    account.s3.put_object(**POINTER, Body=b'{"a": "first.tar.gz"}')
    assert "somebody else wrote the pointer" in account.engine.apply(planned).failed[0].detail
    planned = account.plan({"a": "one.tar.gz"})
    account.s3.put_object(**POINTER, Body=b'{"a": "second.tar.gz"}')
    assert "somebody else wrote the pointer" in account.engine.apply(planned).failed[0].detail
    assert account.pointer() == {"a": "second.tar.gz"}
    assert account.engine.apply(account.plan({"a": "one.tar.gz"})).complete
    assert account.pointer()["a"].startswith("a/")


def test_parts_copies_and_prunes(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfers, "PART_BYTES", PART_BYTES)
    (account.folder / "big.tar.gz").write_bytes(LARGE)
    account.s3.put_object(Bucket="acme-builds", Key="rome.tar.gz", Body=archive_of("rome"))
    account.s3.put_object(Bucket=BUCKET, Key="prices/stray.tar.gz", Body=b"theirs")
    table = {"big": "big.tar.gz", "rome": "s3://acme-builds/rome.tar.gz"}
    outcome = account.engine.apply(account.plan(table))
    assert outcome.complete, outcome
    big = account.pointer()["big"]
    assert account.s3.get_object(Bucket=BUCKET, Key=f"prices/{big}")["Body"].read() == LARGE
    assert not account.plan(table).plan.steps
    assert account.engine.apply(account.plan({"big": "big.tar.gz"})).complete
    overtaken = account.plan({"big": "big.tar.gz"}, prune=True, days=0)
    pruned = account.plan({"big": "big.tar.gz"}, prune=True, days=0)
    (rome,) = account.keys().keys() - {big, "stray.tar.gz"}
    ours = account.s3.head_object(Bucket=BUCKET, Key=f"prices/{rome}")["Metadata"]
    written = account.s3.get_object(Bucket=BUCKET, Key=f"prices/{rome}")["Body"].read()
    account.s3.put_object(Bucket=BUCKET, Key=f"prices/{rome}", Body=b"another", Metadata=ours)
    account.engine.apply(overtaken)
    assert len(account.keys()) == 3
    account.s3.put_object(Bucket=BUCKET, Key=f"prices/{rome}", Body=written, Metadata=ours)
    assert [step.operation for step in pruned.plan.steps] == ["PruneArchives"]
    outcome = account.engine.apply(pruned)
    assert outcome.complete, outcome
    assert account.keys().keys() == {big, "stray.tar.gz"}
