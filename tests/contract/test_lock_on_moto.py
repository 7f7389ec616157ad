"""The lock against moto's S3, an implementation of conditional writes that isn't ours."""

from __future__ import annotations

from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws

from mmeplan.apply import FleetLock, LockOwner, lock_place
from mmeplan.apply.locking import REFRESH_S, look
from mmeplan.cloud.aws import Cloud
from mmeplan.errors import CloudError, LockedError
from tests.unit.apply.cloud import Clock

PLACE = lock_place("s3://acme-mmeplan/locks/f")


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    with mock_aws():
        boto3.client("s3", region_name="us-east-1").create_bucket(Bucket=PLACE.bucket)
        yield Cloud(Clock(), region="us-east-1")


def lock_of(cloud: Cloud, clock: Clock, who: str) -> FleetLock:
    since = clock.now().isoformat()
    owner = LockOwner(who, "f", "apply", since, since, who)
    return FleetLock(PLACE, owner, cloud, cloud, clock, unlock="mmeplan unlock")


def test_one_holds_it_refreshes_it_and_gives_it_back(cloud: Cloud) -> None:
    clock = Clock()
    first, second = lock_of(cloud, clock, "alice"), lock_of(cloud, clock, "bob")
    first.acquire()
    with pytest.raises(LockedError, match=r"held by\n  alice"):
        second.acquire()
    clock.sleep(REFRESH_S)
    assert first.held()
    assert first.release() == ""
    assert look(cloud, PLACE) is None
    second.acquire()
    seen = look(cloud, PLACE)
    assert seen is not None
    assert seen.owner == second.owner


def test_a_lock_that_another_has_by_now_is_lost(cloud: Cloud) -> None:
    clock = Clock()
    first, second = lock_of(cloud, clock, "alice"), lock_of(cloud, clock, "bob")
    first.acquire()
    cloud.write("DeleteObject", {"Bucket": PLACE.bucket, "Key": PLACE.key})
    second.acquire()
    clock.sleep(REFRESH_S)
    assert not first.held()
    assert "was taken by bob" in first.lost


def test_a_bucket_that_is_not_there_is_told(cloud: Cloud) -> None:
    clock = Clock()
    lock = FleetLock(
        lock_place("s3://no-such-bucket/k"), lock_of(cloud, clock, "a").owner, cloud, cloud, clock, unlock=""
    )
    with pytest.raises(CloudError, match="NoSuchBucket"):
        lock.acquire()
