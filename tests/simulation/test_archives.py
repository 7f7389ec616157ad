"""Archives beneath a multi-model prefix, through whole lives: written before a swap, published, pruned last.

The laws: nothing is ever overwritten, a stray is never deleted, the pointer never names a key that isn't there, a rerun
after a crash at any call converges, and no archive moves a config.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import random
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from mmeplan.apply import transfers
from mmeplan.cloud.aws import BODY_BYTES
from mmeplan.engine import Desired, Engine, Planned
from mmeplan.errors import CloudError
from mmeplan.kinds.artifacts import pointer_body
from mmeplan.live import Answer, Call, Progress
from mmeplan.live.gathering import read_pointer
from mmeplan.plan import Plan
from mmeplan.spec import load_text
from tests.simulation.world import IMAGE, ROLE, World, config, variant

BUCKET, PREFIX = "acme-models", "prices/"
POINTER = {"Bucket": "acme-config", "Key": "prices/targets.json"}


class Crash(BaseException):
    """The process is gone."""


class Ports:
    """The world's connection, counted; it goes dead before or after the n-th write."""

    def __init__(self, world: World) -> None:
        self.inner = world.cloud
        self.calls: list[tuple[str, Mapping[str, Any]]] = []
        self.writes = 0
        self.dies_at = 0
        self.after = False

    def read(self, operation: str, params: Mapping[str, Any]) -> Answer:
        self.calls.append((operation, params))
        return self.inner.read(operation, params)

    def gather(self, calls: Sequence[Call], progress: Progress | None = None) -> list[Answer | Exception]:
        self.calls += calls
        return self.inner.gather(calls, progress)

    def write(self, operation: str, params: Mapping[str, Any]) -> Answer:
        self.writes += 1
        if self.writes == self.dies_at and not self.after:
            raise Crash
        self.calls.append((operation, params))
        answer = self.inner.write(operation, params)
        if self.writes == self.dies_at:
            raise Crash
        return answer

    def count(self, *operations: str) -> int:
        return sum(operation in operations for operation, _ in self.calls)


class Prices:
    """A fleet of one multi-model endpoint in a folder, and what lies in its buckets."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        self.folder = folder
        self.ports = Ports(world)
        self.engine = Engine(self.ports, self.ports, world.sim.clock, "eu-west-1")
        self.members: dict[str, Any] = {"publish": f"s3://{POINTER['Bucket']}/{POINTER['Key']}"}
        self.image = "1"

    def tenants(self, contents: Mapping[str, str]) -> None:
        """A file for each tenant, and the table."""
        rows = ["key,source"]
        for name, text in contents.items():
            path = self.folder / f"{name}.tar.gz"
            path.write_bytes(archive_of(text))
            rows.append(f"{name},{path.name}")
        (self.folder / "tenants.csv").write_text("\n".join(rows) + "\n")
        self.members["for_each"] = {"file": "tenants.csv"}

    def document(self) -> dict[str, Any]:
        container = {"image": IMAGE + self.image, "mode": "MultiModel", "model_data_url": f"s3://{BUCKET}/{PREFIX}"}
        return {
            "version": 1,
            "fleet": "f",
            "region": "eu-west-1",
            "models": {
                "prices": {"execution_role_arn": ROLE, "primary_container": container, "artifacts": self.members}
            },
            "endpoints": {"prices": {"config": config(main=variant("prices"))}},
        }

    def desired(self) -> Desired:
        return Desired.of(load_text(yaml.safe_dump(self.document()).encode(), folder=self.folder))

    def plan(self, *, prune: bool = False) -> Planned:
        return self.engine.plan(self.desired(), prune_artifacts=prune)

    def apply(self, *, prune: bool = False) -> Plan:
        planned = self.plan(prune=prune)
        outcome = self.engine.apply(planned)
        assert outcome.complete, outcome
        return planned.plan

    def converge(self, *, prune: bool = False) -> None:
        self.apply(prune=prune)
        again = self.plan(prune=prune).plan
        assert not again.steps, [step.id for step in again.steps]

    # --- what is there ------------------------------------------------------------------------------------------------

    def keys(self) -> dict[str, str]:
        """Key beneath the prefix → ETag."""
        found: dict[str, str] = {}
        params: dict[str, Any] = {"Bucket": BUCKET, "Prefix": PREFIX}
        with contextlib.suppress(CloudError):
            while True:
                answer = self.world.does("ListObjectsV2", **params)
                found |= {item["Key"].removeprefix(PREFIX): item["ETag"] for item in answer.get("Contents", ())}
                if not answer.get("NextContinuationToken"):
                    break
                params["ContinuationToken"] = answer["NextContinuationToken"]
        return found

    def pointer(self) -> dict[str, str]:
        try:
            return dict(json.loads(self.world.does("GetObject", **POINTER)["Body"]))
        except CloudError:
            return {}

    def put(self, key: str, body: bytes, **more: Any) -> None:
        """Somebody else's archive."""
        self.world.does("PutObject", Bucket=BUCKET, Key=PREFIX + key, Body=body, **more)


def archive_of(text: str) -> bytes:
    """A .tar.gz that holds one file."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        info = tarfile.TarInfo("weights")
        info.size = len(text)
        archive.addfile(info, io.BytesIO(text.encode()))
    return gzip.compress(made.getvalue(), mtime=0)


@pytest.fixture
def prices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Prices]:
    monkeypatch.chdir(tmp_path)
    with World() as world:
        yield Prices(world, tmp_path)


def test_archives_are_there_before_the_endpoint_and_the_pointer_after_it(prices: Prices) -> None:
    prices.tenants({"berlin": "1", "paris": "2"})
    made = prices.apply()
    done = [step.operation for step in made.steps]
    assert done == ["UploadArchives", "CreateModel", "CreateEndpointConfig", "CreateEndpoint", "PublishTargets"]
    assert set(prices.pointer().values()) == prices.keys().keys()
    assert set(prices.pointer()) == {"berlin", "paris"}
    assert not prices.plan().plan.steps


def test_a_new_archive_moves_no_config(prices: Prices) -> None:
    prices.tenants({"berlin": "1"})
    prices.converge()
    prices.tenants({"berlin": "2", "paris": "1"})
    made = prices.apply()
    assert [step.operation for step in made.steps] == ["UploadArchives", "PublishTargets"]
    assert len(prices.keys()) == 3


def test_a_swap_waits_for_the_archives_and_the_pointer_for_the_swap(prices: Prices) -> None:
    prices.tenants({"berlin": "1"})
    prices.converge()
    prices.tenants({"berlin": "2"})
    prices.image = "2"
    made = prices.apply()
    order = [step.operation for step in made.steps]
    assert order.index("UploadArchives") < order.index("UpdateEndpoint") < order.index("PublishTargets")
    swap = made.step("UpdateEndpoint:endpoint/prices")
    assert "UploadArchives:artifacts/prices" in swap.after
    assert swap.id in made.step("PublishTargets:artifacts/prices").after


def test_5000_archives_are_planned_in_six_listings_and_again_in_as_many(prices: Prices) -> None:
    (prices.folder / "shared.tar.gz").write_bytes(archive_of("1"))
    rows = "\n".join(f"t{number:04},shared.tar.gz" for number in range(5000))
    (prices.folder / "tenants.csv").write_text(f"key,source\n{rows}\n")
    prices.members["for_each"] = {"file": "tenants.csv"}

    first = prices.plan()
    assert prices.ports.count("ListObjectsV2") <= 6
    assert prices.ports.count("HeadObject") == 0
    assert len(first.plan.steps) == 5
    assert "5,000 archives are uploaded" in first.text()
    assert len(first.text().splitlines()) < 40
    assert prices.engine.apply(first).complete

    prices.ports.calls.clear()
    assert not prices.plan().plan.steps
    assert prices.ports.count("ListObjectsV2") <= 6
    assert prices.ports.count("HeadObject") == 0
    assert len(prices.pointer()) == len(prices.keys()) == 5000


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("seed", range(40))
def test_a_crash_at_any_call_is_finished_by_the_next_run(prices: Prices, seed: int, after: bool) -> None:
    """Between upload, pointer and prune: each write in turn is the last one of a process."""
    chance = random.Random(seed)
    prices.members["keep"] = {"generations": 0, "days": 0}
    prices.tenants({"berlin": "1", "paris": "1", "rome": "1"})
    prices.converge()
    prices.put("stray.tar.gz", b"theirs")
    prices.world.sim.clock.sleep(86400)
    prices.tenants({"berlin": "2", "oslo": "1", "rome": "2"})  # paris left
    before = prices.keys()
    planned = prices.plan(prune=True)
    prices.ports.writes, prices.ports.dies_at, prices.ports.after = 0, 1 + seed % 8, after
    with contextlib.suppress(Crash):
        prices.engine.apply(planned)
    prices.ports.dies_at = 0
    assert set(prices.pointer().values()) <= prices.keys().keys()
    for key, etag in prices.keys().items():
        assert before.get(key, etag) == etag
    if chance.random() < 0.5:
        prices.world.sim.clock.sleep(3600)
    prices.world.sim.clock.sleep(1)
    prices.apply(prune=True)
    prices.world.sim.clock.sleep(1)
    prices.converge(prune=True)
    assert prices.keys()["stray.tar.gz"] == before["stray.tar.gz"]
    assert set(prices.pointer()) == {"berlin", "oslo", "rome"}
    assert set(prices.keys()) - {"stray.tar.gz"} == set(prices.pointer().values())


def test_a_racing_writer_is_never_overwritten(prices: Prices) -> None:
    prices.tenants({"berlin": "1", "paris": "1"})
    planned = prices.plan()
    upload = next(step for step in planned.plan.steps if step.operation == "UploadArchives")
    key = upload.params["Archives"][0][0]
    prices.put(key, b"theirs")
    theirs = prices.keys()[key]
    outcome = prices.engine.apply(planned)
    assert not outcome.complete
    assert "never overwritten" in outcome.failed[0].detail
    assert prices.keys()[key] == theirs
    assert prices.pointer() == {}  # it waits for the archives


def test_the_same_archive_written_by_a_racing_run_is_success(prices: Prices) -> None:
    prices.tenants({"berlin": "1"})
    planned, other = prices.plan(), prices.plan()
    assert prices.engine.apply(other).complete
    outcome = prices.engine.apply(planned)
    assert outcome.complete, outcome


def test_a_pointer_that_somebody_else_wrote_is_left_alone(prices: Prices) -> None:
    prices.tenants({"berlin": "1"})
    prices.converge()
    prices.tenants({"berlin": "2"})
    planned = prices.plan()
    prices.world.does("PutObject", **POINTER, Body=b'{"berlin": "theirs.tar.gz"}')
    outcome = prices.engine.apply(planned)
    assert "somebody else wrote the pointer" in outcome.failed[0].detail
    assert prices.pointer() == {"berlin": "theirs.tar.gz"}


def test_an_archive_that_somebody_deletes_behind_the_listing_is_told_and_made_again(prices: Prices) -> None:
    """No condition can forbid it: paris, which this apply doesn't write, goes while the pointer is written."""
    prices.tenants({"berlin": "1", "paris": "1"})
    prices.converge()
    gone = prices.pointer()["paris"]
    prices.tenants({"berlin": "2", "paris": "1"})
    planned = prices.plan()
    write = prices.ports.write

    def overtaken(operation: str, params: Mapping[str, Any]) -> Answer:
        if operation == "PutObject" and params["Key"] == POINTER["Key"]:
            prices.world.does("DeleteObject", Bucket=BUCKET, Key=PREFIX + gone)
        return write(operation, params)

    prices.ports.write = overtaken  # type: ignore[method-assign]
    outcome = prices.engine.apply(planned)
    assert not outcome.complete
    assert f"s3://{BUCKET}/{PREFIX}: {gone} is not there" in str(outcome)
    prices.ports.write = write  # type: ignore[method-assign]
    prices.converge()
    assert set(prices.pointer().values()) <= prices.keys().keys()


def test_what_is_no_pointer_is_not_overwritten(prices: Prices) -> None:
    prices.tenants({"berlin": "1"})
    prices.world.does("PutObject", **POINTER, Body=b"theirs")
    made = prices.plan().plan
    assert made.refused
    (finding,) = [each for each in made.findings if each.severity == "error"]
    assert "s3://acme-config/prices/targets.json holds something else than a pointer" in finding.message
    assert prices.world.does("GetObject", **POINTER)["Body"] == b"theirs"


def test_a_pointer_that_no_answer_holds_at_once_is_read_to_its_end(
    prices: Prices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mmeplan.cloud.aws.BODY_BYTES", 30)
    prices.tenants({f"t{number}": "1" for number in range(12)})
    prices.converge()
    assert prices.ports.count("GetObject") > 12
    prices.tenants({f"t{number}": "1" for number in range(11)})
    made = prices.apply()
    assert [step.operation for step in made.steps] == ["PublishTargets"]
    assert not prices.plan().plan.steps


def test_the_pointer_of_ninety_thousand_tenants_is_read_and_a_torn_reading_is_made_again(prices: Prices) -> None:
    targets = {f"tenant-{number:06}": f"tenant-{number:06}/0123abcd.tar.gz" for number in range(90_000)}
    body = pointer_body(targets)
    assert len(body) > BODY_BYTES
    prices.world.does("PutObject", **POINTER, Body=body)
    other = targets | {"tenant-000000": "tenant-000000/ffff0000.tar.gz"}
    reads: list[str] = []

    class Torn:
        """Somebody writes another pointer after the first piece was read."""

        def read(self, operation: str, params: Mapping[str, Any]) -> Answer:
            reads.append(params.get("Range", ""))
            answer = prices.ports.read(operation, params)
            if len(reads) == 1:
                prices.world.does("PutObject", **POINTER, Body=pointer_body(other))
            return answer

        gather = prices.ports.gather

    seen = read_pointer(Torn(), POINTER["Bucket"], POINTER["Key"])
    assert seen is not None
    assert seen["Targets"] == other
    assert len(reads) == 4


def test_what_the_pointer_names_and_what_is_anothers_is_not_pruned(prices: Prices) -> None:
    prices.members["keep"] = {"generations": 0, "days": 0}
    prices.tenants({"berlin": "1", "paris": "1"})
    prices.converge()
    prices.put("anothers.tar.gz", b"1", Metadata={"mmeplan-fleet": "other"})
    prices.put("nobodys.tar.gz", b"1")
    prices.world.does("PutObject", Bucket=BUCKET, Key=PREFIX, Body=b"")  # a folder marker
    prices.world.sim.clock.sleep(60)
    prices.tenants({"berlin": "1"})
    first = prices.apply(prune=True)
    assert [step.operation for step in first.steps] == [
        "PublishTargets"
    ]  # paris was named by the pointer that was read
    prices.world.sim.clock.sleep(60)
    second = prices.apply(prune=True)
    assert [step.operation for step in second.steps] == ["PruneArchives"]
    assert set(prices.keys()) - {""} == {
        *prices.pointer().values(),
        "anothers.tar.gz",
        "nobodys.tar.gz",
    }


def test_sixty_days_of_tenants_that_come_change_and_go(prices: Prices) -> None:
    chance = random.Random(7)
    clock = prices.world.sim.clock
    tenants = {f"t{number}": "0" for number in range(6)}
    prices.tenants(tenants)
    prices.converge()
    before = prices.world.endpoint("prices")["EndpointConfigName"]
    written, pruned = len(prices.keys()), 0
    for day in range(1, 61):
        clock.sleep(86400)
        for name in [name for name in tenants if chance.random() < 0.2]:
            tenants[name] = str(day)
        if chance.random() < 0.4:
            tenants[f"d{day}"] = "0"
        if len(tenants) > 3 and chance.random() < 0.3:
            del tenants[chance.choice(sorted(tenants))]
        prices.tenants(tenants)
        made = prices.apply(prune=day % 3 == 0)
        rows = {step.operation: len(step.params.get("Archives", ())) for step in made.steps}
        assert rows.keys() <= {"UploadArchives", "PublishTargets", "PruneArchives"}
        written, pruned = written + rows.get("UploadArchives", 0), pruned + rows.get("PruneArchives", 0)
        assert prices.world.endpoint("prices")["EndpointConfigName"] == before
        pointer = prices.pointer()
        assert pointer.keys() == tenants.keys()
        for name, target in pointer.items():
            body = prices.world.does("GetObject", Bucket=BUCKET, Key=PREFIX + target)["Body"]
            assert weights(body) == tenants[name]
            answered(prices, target)
    assert len(prices.keys()) == written - pruned
    assert pruned > 20


def weights(body: bytes) -> str:
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        member = archive.extractfile("weights")
        assert member is not None
        return member.read().decode()


def answered(prices: Prices, target: str) -> None:
    """The answer comes from the archive that lies under the key: its ETag is what the instance has loaded."""
    prices.world.sim.answer_invocations(lambda went, _: went.artifact.encode())
    sent = {"EndpointName": "prices", "TargetModel": target, "Body": b"x", "ContentType": "text/csv"}
    answer = prices.world.foreigner.write("InvokeEndpoint", sent)
    assert answer["InvokedProductionVariant"] == "main"
    assert answer["Body"].decode() == prices.keys()[target]


# --- sources ----------------------------------------------------------------------------------------------------------


def sourced(prices: Prices, sources: Mapping[str, str], **members: Any) -> None:
    prices.members |= {"for_each": dict(sources), **members}


def test_a_source_in_s3_is_copied_as_the_plan_saw_it(prices: Prices) -> None:
    body = archive_of("1")
    prices.world.does("PutObject", Bucket="acme-builds", Key="rome-1.tar.gz", Body=body)
    sourced(prices, {"rome": "s3://acme-builds/rome-1.tar.gz"})
    made = prices.apply()
    assert "1 archive is copied" in Planned(made).text()
    assert prices.ports.count("CopyObject") == 1
    (key,) = prices.keys()
    assert prices.world.does("GetObject", Bucket=BUCKET, Key=PREFIX + key)["Body"] == body
    assert not prices.plan().plan.steps
    prices.world.does("PutObject", Bucket="acme-builds", Key="rome-1.tar.gz", Body=archive_of("2"))
    planned = prices.plan()
    prices.world.does("PutObject", Bucket="acme-builds", Key="rome-1.tar.gz", Body=archive_of("3"))
    outcome = prices.engine.apply(planned)
    assert "was changed since the plan was made" in outcome.failed[0].detail
    assert len(prices.keys()) == 1


def test_a_source_that_is_not_there_refuses_the_plan(prices: Prices) -> None:
    sourced(prices, {"rome": "s3://acme-builds/rome-1.tar.gz"})
    made = prices.plan().plan
    assert made.refused
    assert not made.applyable
    assert "1 source is not there" in made.findings[-1].message


def test_versions_in_the_table_ask_s3_for_nothing_that_is_there(prices: Prices) -> None:
    prices.world.does("PutObject", Bucket="acme-builds", Key="rome.tar.gz", Body=archive_of("1"))
    (prices.folder / "t.csv").write_text("key,source,version\nrome,s3://acme-builds/rome.tar.gz,7\n")
    prices.members |= {"for_each": {"file": "t.csv"}, "key": "{{ each.key }}-{{ source.version }}.tar.gz"}
    prices.converge()
    assert list(prices.keys()) == ["rome-7.tar.gz"]
    prices.ports.calls.clear()
    assert not prices.plan().plan.steps
    assert prices.ports.count("HeadObject") == 0


def test_changed_content_under_a_plain_key_is_refused(prices: Prices) -> None:
    (prices.folder / "rome").mkdir()
    (prices.folder / "rome" / "w").write_text("1")
    sourced(prices, {"rome": "./rome"}, key="{{ each.key }}.tar.gz")
    prices.converge()
    etag = prices.keys()["rome.tar.gz"]
    (prices.folder / "rome" / "w").write_text("2")
    made = prices.plan().plan
    assert made.refused
    (finding,) = [each for each in made.findings if each.severity == "error"]
    assert finding.rule == "ART-05"
    assert "put {{ source.digest8 }} or a version into `key`" in finding.message
    assert prices.keys()["rome.tar.gz"] == etag


def test_a_large_file_goes_by_parts_and_overwrites_nothing(prices: Prices, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfers, "PART_BYTES", 5 * 1024 * 1024)
    body = random.Random(1).randbytes(11 * 1024 * 1024)
    (prices.folder / "big.tar.gz").write_bytes(body)
    sourced(prices, {"big": "big.tar.gz"})
    planned = prices.plan()
    prices.apply()
    assert prices.ports.count("UploadPart") == 3
    (key,) = prices.keys()
    etag = prices.keys()[key]
    assert prices.engine.apply(planned).complete  # once more: the completion is refused, and it is there
    assert prices.keys()[key] == etag
    assert prices.ports.count("CreateMultipartUpload") == 1 + prices.ports.count("AbortMultipartUpload")


def copied_by_parts(prices: Prices, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """A source in S3 that is larger than one call copies."""
    monkeypatch.setattr(transfers, "COPY_BYTES", 1000)
    body = random.Random(1).randbytes(2500)
    prices.world.does("PutObject", Bucket="acme-builds", Key="big.tar.gz", Body=body)
    sourced(prices, {"big": "s3://acme-builds/big.tar.gz"})
    return body


def under_way(prices: Prices) -> int:
    """Multipart uploads that were begun and neither completed nor aborted."""
    return sum(1 for _ in prices.world.sim.records.all("upload", prices.world.sim.account, ""))


def test_a_large_source_is_copied_by_parts_and_overwrites_nothing(
    prices: Prices, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = copied_by_parts(prices, monkeypatch)
    planned = prices.plan()
    prices.apply()
    parts = [params for operation, params in prices.ports.calls if operation == "UploadPartCopy"]
    assert [one["CopySourceRange"] for one in parts] == ["bytes=0-999", "bytes=1000-1999", "bytes=2000-2499"]
    assert len({one["CopySourceIfMatch"] for one in parts}) == 1
    (key,) = prices.keys()
    assert prices.world.does("GetObject", Bucket=BUCKET, Key=PREFIX + key)["Body"] == body
    assert not prices.plan().plan.steps
    etag = prices.keys()[key]
    assert prices.engine.apply(planned).complete  # once more: the completion is refused, and it is there
    assert prices.keys() == {key: etag}
    assert under_way(prices) == 0


def test_a_source_that_changes_between_two_parts_is_not_copied(prices: Prices, monkeypatch: pytest.MonkeyPatch) -> None:
    copied_by_parts(prices, monkeypatch)
    planned = prices.plan()
    write = prices.ports.write

    def overtaken(operation: str, params: Mapping[str, Any]) -> Answer:
        answer = write(operation, params)
        if operation == "UploadPartCopy" and params["PartNumber"] == 1:
            prices.world.does("PutObject", Bucket="acme-builds", Key="big.tar.gz", Body=b"other" * 500)
        return answer

    monkeypatch.setattr(prices.ports, "write", overtaken)
    outcome = prices.engine.apply(planned)
    assert "was changed since the plan was made" in outcome.failed[0].detail
    assert prices.keys() == {}
    assert under_way(prices) == 0


@pytest.mark.parametrize("made", [True, False])
def test_an_upload_that_is_not_known_any_more_is_success_where_the_archive_is_there(
    prices: Prices, monkeypatch: pytest.MonkeyPatch, made: bool
) -> None:
    """The answer of a completion was lost, and S3 has forgotten the upload; or somebody aborted it."""
    monkeypatch.setattr(transfers, "PART_BYTES", 1000)
    (prices.folder / "big.tar.gz").write_bytes(random.Random(1).randbytes(2500))
    sourced(prices, {"big": "big.tar.gz"})
    planned = prices.plan()
    write = prices.ports.write

    def lost(operation: str, params: Mapping[str, Any]) -> Answer:
        if operation == "CompleteMultipartUpload":
            if made:
                write(operation, params)
            raise CloudError(operation, "NoSuchUpload", "The specified upload does not exist.", status=404)
        return write(operation, params)

    monkeypatch.setattr(prices.ports, "write", lost)
    outcome = prices.engine.apply(planned)
    assert outcome.complete == made
    assert len(prices.keys()) == made
    assert made or "NoSuchUpload" in str(outcome.failed[0])


def test_a_file_that_changes_between_two_parts_is_not_uploaded(prices: Prices, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfers, "PART_BYTES", 65_536)
    path = prices.folder / "big.tar.gz"
    path.write_bytes(random.Random(1).randbytes(160_000))
    sourced(prices, {"big": "big.tar.gz"})
    planned = prices.plan()
    write = prices.ports.write

    def overtaken(operation: str, params: Mapping[str, Any]) -> Answer:
        answer = write(operation, params)
        if operation == "UploadPart" and params["PartNumber"] == 1:
            path.write_bytes(b"other" * 32_000)
        return answer

    monkeypatch.setattr(prices.ports, "write", overtaken)
    outcome = prices.engine.apply(planned)
    assert "was changed since the plan was made" in outcome.failed[0].detail
    assert prices.keys() == {}
    assert under_way(prices) == 0


def test_a_source_that_changed_since_the_plan_is_not_uploaded(prices: Prices) -> None:
    prices.tenants({"berlin": "1"})
    planned = prices.plan()
    (prices.folder / "berlin.tar.gz").write_bytes(archive_of("other"))
    outcome = prices.engine.apply(planned)
    assert "was changed since the plan was made" in outcome.failed[0].detail
    assert prices.keys() == {}


def test_a_plan_from_a_snapshot_reads_the_listing_from_there(prices: Prices) -> None:
    prices.tenants({"berlin": "1"})
    prices.converge()
    stored = prices.engine.snapshot(prices.desired())
    prices.tenants({"berlin": "1", "paris": "1"})
    from mmeplan.live import decoding

    again = decoding.read(json.dumps(stored.encode()), "snapshot.json")
    made = Engine.stored(again).plan(prices.desired()).plan
    assert [step.operation for step in made.steps] == ["UploadArchives", "PublishTargets"]
    assert not made.applyable
    assert "1 archive is uploaded" in Planned(made).text()


def test_a_saved_plan_that_was_carried_out_in_part_does_the_rest(prices: Prices) -> None:
    prices.tenants({"berlin": "1"})
    (prices.folder / "fleet.yaml").write_bytes(yaml.safe_dump(prices.document()).encode())
    prices.converge()
    prices.tenants({"berlin": "2", "paris": "1"})
    prices.plan().save(prices.folder / "plan.json")
    saved = Plan.read(prices.folder / "plan.json")
    assert saved.format_version == "1.3"
    prices.ports.writes, prices.ports.dies_at, prices.ports.after = 0, 1, True
    with contextlib.suppress(Crash):
        prices.engine.apply(saved)
    prices.ports.dies_at = 0
    assert prices.engine.apply(saved).complete
    assert set(prices.pointer()) == {"berlin", "paris"}


def test_a_closed_prefix_warns_of_strays(prices: Prices) -> None:
    prices.tenants({"berlin": "1"})
    prices.members["membership"] = "closed"
    prices.put("theirs.tar.gz", b"1")
    made = prices.plan().plan
    (finding,) = [each for each in made.findings if each.rule == "GATE-11"]
    assert (finding.severity, finding.address, finding.line > 0) == ("warning", "artifacts/prices", True)
    assert "theirs.tar.gz" in finding.message


# --- what isn't this fleet's, or can't be meant -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "marks", "why"),
    [
        (b"resource {}", {}, "holds something else than a pointer"),
        (b'{"colour": "blue"}', {}, "holds something else than a pointer"),
        (b'{"berlin": "b/1.tar.gz"}', {"mmeplan-fleet": "other"}, "is the pointer of the fleet 'other'"),
        (b"{}", {"mmeplan-fleet": "f", "mmeplan-environment": "prod"}, "is the pointer of the environment 'prod'"),
    ],
)
def test_an_object_of_others_is_never_the_pointer(
    prices: Prices, body: bytes, marks: Mapping[str, str], why: str
) -> None:
    prices.tenants({"berlin": "1"})
    prices.world.does("PutObject", **POINTER, Body=body, Metadata=marks)
    planned = prices.plan()
    assert planned.plan.refused
    assert why in planned.text().replace("\n    ", " ").replace("\n  ", " ")
    assert prices.world.does("GetObject", **POINTER)["Body"] == body


def test_a_pointer_that_a_script_wrote_is_taken_over(prices: Prices) -> None:
    prices.tenants({"berlin": "1"})
    prices.world.does("PutObject", **POINTER, Body=b'{"berlin": "berlin-old.tar.gz"}')
    prices.converge()
    assert list(prices.pointer()) == ["berlin"]


def test_a_table_that_lost_everything_is_refused_unless_the_file_says_so(prices: Prices) -> None:
    prices.tenants({"berlin": "1", "paris": "1"})
    prices.converge()
    before = prices.pointer()
    prices.tenants({})
    assert "the table is empty" in prices.plan().text()
    assert prices.plan().plan.refused
    assert prices.pointer() == before
    prices.members["allow_empty"] = True
    prices.converge()
    assert prices.pointer() == {}
    prices.members |= {"allow_empty": False, "keep": {"generations": 0, "days": 0}}
    prices.world.sim.clock.sleep(60)
    assert prices.plan(prune=True).plan.refused
    assert len(prices.keys()) == 2


def test_a_plan_says_which_names_leave_the_pointer(prices: Prices) -> None:
    prices.tenants(dict.fromkeys(("berlin", "oslo", "paris", "prague", "rome"), "1"))
    prices.converge()
    prices.tenants({"rome": "1"})
    text = " ".join(prices.plan().text().split())
    assert "targets.json moves, without berlin, oslo, paris and 1 more" in text


DAY = 24 * 60 * 60


def pruned(prices: Prices) -> list[str]:
    """The keys that a prune would take now."""
    steps = [step for step in prices.plan(prune=True).plan.steps if step.operation == "PruneArchives"]
    return [key for step in steps for key, _ in step.params["Archives"]]


def test_what_a_way_back_has_just_superseded_stays(prices: Prices) -> None:
    prices.members["keep"] = {"generations": 0, "days": 7}
    for content in ("1", "2", "1"):
        prices.tenants({"berlin": content})
        prices.converge()
        assert not pruned(prices)
        prices.world.sim.clock.sleep(10 * DAY)


def test_keys_of_one_form_are_kept_until_the_newest_is_old_enough(prices: Prices) -> None:
    prices.members |= {"key": "{{ source.digest8 }}.tar.gz", "membership": "closed"}
    prices.tenants({"berlin": "b1", "paris": "p1", "rome": "r1"})
    prices.converge()
    for contents in ({"berlin": "b1", "paris": "p2", "rome": "r1"}, {"berlin": "b2", "paris": "p3", "rome": "r2"}):
        prices.world.sim.clock.sleep(30 * DAY)
        prices.tenants(contents)
        prices.converge()
        assert not pruned(prices)
        assert "not declared" not in prices.plan().text()
    prices.world.sim.clock.sleep(8 * DAY)
    assert len(pruned(prices)) == 1  # of four, as many stay as there are names


def test_a_generation_belongs_to_the_name_that_says_most_of_its_key(prices: Prices) -> None:
    prices.members |= {"key": "{{ each.key }}-{{ source.version }}.tar.gz", "keep": {"generations": 0, "days": 7}}

    def versions(**of: str) -> None:
        prices.tenants({name.replace("_", "-"): text for name, text in of.items()})
        rows = [f"{name},{name}.tar.gz,{of[name.replace('-', '_')]}" for name in ("paris", "paris-north")]
        (prices.folder / "tenants.csv").write_text("\n".join(["key,source,version", *rows]) + "\n")

    versions(paris="1", paris_north="1")
    prices.converge()
    prices.world.sim.clock.sleep(30 * DAY)
    versions(paris="1", paris_north="2")
    prices.converge()
    assert not pruned(prices)
    prices.world.sim.clock.sleep(8 * DAY)
    assert pruned(prices) == ["paris-north-1.tar.gz"]


def test_nothing_is_pruned_beneath_a_prefix_that_a_model_of_others_serves_from(prices: Prices) -> None:
    """Two environments with one table: what the first wrote, the second uses without a mark of its own."""
    prices.members["keep"] = {"generations": 0, "days": 0}
    prices.tenants({"berlin": "1"})
    prices.converge()
    container = {"Image": IMAGE + "1", "Mode": "MultiModel", "ModelDataUrl": f"s3://{BUCKET}/{PREFIX}"}
    tags = [{"Key": "mmeplan:fleet", "Value": "f"}, {"Key": "mmeplan:environment", "Value": "prod"}]
    theirs = {"ModelName": "of-prod", "PrimaryContainer": container, "ExecutionRoleArn": ROLE, "Tags": tags}
    prices.tenants({"berlin": "2"})
    prices.converge()
    prices.world.sim.clock.sleep(60)
    planned = prices.plan(prune=True)
    assert [step.operation for step in planned.plan.steps] == ["PruneArchives"]
    prices.world.does("CreateModel", **theirs)
    again = prices.plan(prune=True)
    assert again.plan.refused
    assert "1 model of others (of-prod)" in " ".join(again.text().split())
    outcome = prices.engine.apply(planned)  # made before that model was there
    assert [result.detail for result in outcome.kept] == [
        "the model of-prod, which isn't this fleet's, serves from there, too"
    ]
    assert len(prices.keys()) == 2
    assert not prices.plan().plan.refused


def test_another_objects_place_is_not_taken_by_a_plan_that_knows_its_etag(prices: Prices) -> None:
    """A fleet's own pointer and another's may say the same: their ETags are equal then."""
    prices.tenants({"berlin": "1"})
    prices.converge()
    prices.tenants({"berlin": "2"})
    planned = prices.plan()
    body = prices.world.does("GetObject", **POINTER)["Body"]
    prices.world.does("PutObject", **POINTER, Body=body, Metadata={"mmeplan-fleet": "other"})
    outcome = prices.engine.apply(planned)
    assert "another fleet's pointer" in outcome.failed[0].detail
    assert prices.world.does("GetObject", **POINTER)["Body"] == body
