"""`mmeplan artifacts add`, `list` and `verify`, and `mmeplan outputs`, as a user meets them; waits take no time."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from mmeplan.cloud.aws import Cloud
from mmeplan.errors import CloudError, MmeplanError
from mmeplan.simulator import Simulator
from tests.cli.running import Result, mmeplan
from tests.contract.doors import Door
from tests.flow.runner import outputs_of

PLACE = {"Bucket": "acme-models"}
PLAIN = "{{ each.key }}.tar.gz"


def tar_of(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for info, body in members:
            info.size = len(body)
            archive.addfile(info, io.BytesIO(body))
    return made.getvalue()


def member(name: str, body: bytes = b"", **about: Any) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    for key, value in about.items():
        setattr(info, key, value)
    return info, body


def packed(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    return gzip.compress(tar_of(*members), mtime=0)


class Folder:
    """A fleet with one multi-model endpoint, a table of its archives, and its simulated account."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.artifacts: dict[str, Any] = {
            "for_each": {"file": "cities.csv"},
            "publish": "s3://acme-config/prices/targets.json",
        }
        self.variant = {"model": "prices", "instance_type": "ml.m5.xlarge", "initial_instance_count": 1}
        self.table("key,source\nberlin,berlin.tar.gz\nparis,./paris/\n")
        (path / "berlin.tar.gz").write_bytes(packed(member("weights", b"0.4")))
        (path / "paris").mkdir()
        (path / "paris" / "weights").write_text("0.5")
        self.write()

    def table(self, text: str) -> None:
        (self.path / "cities.csv").write_bytes(text.encode())

    @property
    def rows(self) -> str:
        return (self.path / "cities.csv").read_bytes().decode()

    def write(self) -> None:
        container = {
            "image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/prices:1",
            "mode": "MultiModel",
            "model_data_url": "s3://acme-models/prices/",
        }
        model = {
            "execution_role_arn": "arn:aws:iam::123456789012:role/sagemaker",
            "primary_container": container,
            "artifacts": self.artifacts,
        }
        config = {"production_variants": {"main": self.variant}}
        fleet = {
            "version": 1,
            "fleet": "prices",
            "region": "eu-west-1",
            "models": {"prices": model},
            "endpoints": {"prices": {"config": config}},
        }
        (self.path / "fleet.yaml").write_text(yaml.safe_dump(fleet))

    def does(self, command: str, *, typed: str | None = None) -> Result:
        words = command.split()
        group = 2 if words[0] == "artifacts" else 1
        return mmeplan(" ".join([*words[:group], "--local", *words[group:]]), self.path, typed=typed)

    @contextmanager
    def account(self) -> Iterator[Simulator]:
        with Simulator.open(self.path / ".mmeplan" / "local.db") as simulator:
            yield simulator

    def put(self, key: str, body: bytes, **more: Any) -> None:
        with self.account() as simulator:
            door = Door(sim=simulator)
            door.client("s3").put_object(**{**PLACE, "Key": key, "Body": body, **more})
            door.close()

    def pointer(self) -> Any:
        with self.account() as simulator:
            s3 = Door(sim=simulator).client("s3")
            return json.loads(s3.get_object(Bucket="acme-config", Key="prices/targets.json")["Body"].read())

    def listed(self) -> list[str]:
        with self.account() as simulator:
            answer = Door(sim=simulator).client("s3").list_objects_v2(Bucket="acme-models")
            return [item["Key"] for item in answer["Contents"]]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.fixture
def live(folder: Folder) -> Folder:
    """The folder after an apply."""
    ended = folder.does("apply --yes")
    assert ended.code == 0, ended.stderr
    return folder


# --- errors of all of them --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command", ["artifacts list pries", "artifacts verify pries", "artifacts add pries rome ./rome/"]
)
def test_a_model_that_is_not_there_is_told_with_those_that_are(folder: Folder, command: str) -> None:
    ended = folder.does(command)
    assert (ended.code, ended.stdout) == (1, "")
    assert "no model 'pries' with `artifacts` in this fleet" in ended.stderr
    assert "models with artifacts: prices" in ended.stderr


@pytest.mark.parametrize("command", ["artifacts list prices", "artifacts verify prices", "artifacts add prices a b"])
def test_a_model_without_artifacts_is_told(folder: Folder, command: str) -> None:
    text = yaml.safe_load((folder.path / "fleet.yaml").read_text())
    del text["models"]["prices"]["artifacts"]
    (folder.path / "fleet.yaml").write_text(yaml.safe_dump(text))
    ended = folder.does(command)
    assert ended.code == 1
    assert "models with artifacts: none" in ended.stderr


# --- verify -----------------------------------------------------------------------------------------------------------


def test_what_is_fine_is_said_of_each(live: Folder) -> None:
    ended = live.does("artifacts verify prices")
    assert ended.code == 0, ended.stderr
    *checks, last = ended.stdout.splitlines()
    assert [line[:9] for line in checks] == ["✓ berlin/", "✓ paris/9"]
    assert last == "2 looked at: all are fine"


def plainly(live: Folder, body: bytes, **more: Any) -> Result:
    """Verify of one archive that holds these bytes, which another wrote."""
    live.artifacts |= {"for_each": {"rome": "s3://acme-builds/rome.tar.gz"}, "key": PLAIN}
    live.write()
    live.put("rome.tar.gz", body, Bucket="acme-builds")
    live.put("prices/rome.tar.gz", body)
    return live.does("artifacts verify prices")


GOOD = packed(member("weights", bytes(range(256)) * 64))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (GOOD[:-40], "can't be read as gzip and tar"),
        (GOOD[:-8], "can't be read as gzip and tar"),
        (GOOD[:-8] + b"\0" * 8, "can't be read as gzip and tar: CRC check failed"),
        (gzip.compress(tar_of(member("weights", b"x" * 5000))[:3000]), "can't be read as gzip and tar"),
        (gzip.compress(b"no tar at all" * 100), "can't be read as gzip and tar"),
        (tar_of(member("weights", b"1")), "can't be read as gzip and tar"),
        (b"", "can't be read as gzip and tar"),
        (packed(), "holds no file"),
        (packed(member("w"), member("link", type=tarfile.SYMTYPE, linkname="/etc/passwd")), "holds the link 'link'"),
        (packed(member("w"), member("link", type=tarfile.LNKTYPE, linkname="w")), "holds the link 'link'"),
    ],
    ids=["cut", "no-trailer", "checksum", "cut-tar", "no-tar", "no-gzip", "empty", "no-member", "symlink", "hard-link"],
)
def test_what_is_wrong_with_an_archive_is_said_and_ends_in_5(live: Folder, body: bytes, said: str) -> None:
    ended = plainly(live, body)
    assert ended.code == 5, ended.stderr
    line, last = ended.stdout.splitlines()
    assert line.startswith(f"✗ rome.tar.gz  {said}"), line
    assert last == "1 looked at, 1 not as they should be"


def test_an_archive_that_is_not_there_and_a_source_that_is_gone_are_said(folder: Folder) -> None:
    folder.artifacts["for_each"] = {"berlin": "berlin.tar.gz", "rome": "s3://acme-builds/rome.tar.gz"}
    folder.write()
    ended = folder.does("artifacts verify prices")
    assert ended.code == 5
    first, second, last = ended.stdout.splitlines()
    assert first.startswith("✗ berlin/")
    assert first.endswith("is not there")
    assert second == "✗ rome  has no source: s3://acme-builds/rome.tar.gz is not there"
    assert last == "2 looked at, 2 not as they should be"


def test_an_archive_larger_than_the_memory_of_the_smallest_instance_is_told(live: Folder) -> None:
    mib = 1024 * 1024
    types = [
        {"InstanceType": "m5.xlarge", "MemoryInfo": {"SizeInMiB": 1}},
        {"InstanceType": "m5.4xlarge", "MemoryInfo": {"SizeInMiB": 65536}},
    ]
    with live.account() as simulator:
        simulator.declare({"instance_types": types}, region="eu-west-1")
    assert plainly(live, packed(member("w", b"\0" * mib))).code == 0
    ended = plainly(live, packed(member("w", b"\0" * (mib + 1))))
    assert ended.code == 5
    assert "✗ rome.tar.gz  unpacks to 1,048,577 bytes, and ml.m5.xlarge has 1,048,576 of memory" in ended.stdout


def test_an_archive_that_does_not_fit_the_volume_is_told(live: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    live.variant |= {"volume_size_in_gb": 1}
    live.write()
    monkeypatch.setattr("mmeplan.archives.GIB", 1024)
    body = packed(member("w", b"\0" * 2000))
    ended = plainly(live, body)
    assert ended.code == 5
    assert f"takes {2000 + len(body):,} bytes packed and unpacked, and the volume has 1,024" in ended.stdout


def refusing(monkeypatch: pytest.MonkeyPatch, code: str, count: int) -> None:
    """The next requests to endpoints are answered with this error."""
    left = [CloudError("InvokeEndpoint", code, "not now")] * count
    write = Cloud.write

    def written(self: Cloud, operation: str, params: Any) -> Any:
        if operation == "InvokeEndpoint" and left:
            raise left.pop()
        return write(self, operation, params)

    monkeypatch.setattr(Cloud, "write", written)


def test_invoke_asks_each_for_an_answer(live: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    (live.path / "request.csv").write_text("1,2")
    ended = live.does("artifacts verify prices --invoke request.csv")
    assert ended.code == 0, ended.stderr
    assert [line.split("  ")[1] for line in ended.stdout.splitlines()[:2]] == ["answered 200"] * 2
    refusing(monkeypatch, "ModelError", 1)
    ended = live.does("artifacts verify prices --invoke request.csv")
    assert ended.code == 5
    first, second, last = ended.stdout.splitlines()
    assert first.startswith("✗ berlin/")
    assert first.endswith("  ModelError: not now")
    assert second.endswith("  answered 200")
    assert last == "2 looked at, 1 not as they should be"


@pytest.mark.parametrize(("count", "code"), [(4, 0), (5, 5)])
def test_invoke_waits_for_a_model_that_is_loading_and_not_for_ever(
    live: Folder, monkeypatch: pytest.MonkeyPatch, count: int, code: int
) -> None:
    (live.path / "request.csv").write_text("1,2")
    refusing(monkeypatch, "ModelNotReadyException", count)
    ended = live.does("artifacts verify prices --invoke request.csv")
    assert ended.code == code
    assert ("ModelNotReadyException: not now" in ended.stdout) == (code == 5)


def test_invoke_without_its_file_or_an_endpoint_says_so(folder: Folder) -> None:
    ended = folder.does("artifacts verify prices --invoke request.csv")
    assert ended.code == 1
    assert "request.csv  error  can't be read: No such file or directory" in ended.stderr
    (folder.path / "request.csv").write_text("1")
    ended = folder.does("artifacts verify prices --invoke request.csv")
    assert ended.code == 5
    assert "is not there" in ended.stdout


# --- add --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def rome(live: Folder) -> Folder:
    (live.path / "rome").mkdir()
    (live.path / "rome" / "weights").write_text("0.7")
    return live


def test_add_writes_the_row_and_the_archive_and_moves_the_pointer(rome: Folder) -> None:
    ended = rome.does("artifacts add prices rome ./rome/ --yes")
    assert ended.code == 0, ended.stderr
    assert rome.rows == "key,source\nberlin,berlin.tar.gz\nparis,./paris/\nrome,./rome/\n"
    assert "cities.csv has rome: commit it" in ended.stderr
    assert sorted(rome.pointer()) == ["berlin", "paris", "rome"]
    assert rome.does("plan --detailed-exitcode").code == 0


@pytest.mark.parametrize("answer", [None, "n", "y"])
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "bom"])
def test_without_a_yes_the_table_stays_as_it_was(
    rome: Folder, monkeypatch: pytest.MonkeyPatch, answer: str | None, mark: str
) -> None:
    rome.table(mark + rome.rows)
    before = rome.rows
    if answer is not None:
        monkeypatch.setattr("mmeplan.cli.apply._confirm", confirming(answer == "y"))
    ended = rome.does("artifacts add prices rome ./rome/")
    assert (ended.code == 0) == (answer == "y")
    assert ("commit it" in ended.stderr) == (answer == "y")
    assert rome.rows == before + ("rome,./rome/\n" if answer == "y" else "")
    assert sorted(rome.pointer()) == ["berlin", "paris", *(["rome"] if answer == "y" else [])]


def confirming(agreed: bool) -> Any:
    def confirm(*_: Any, **__: Any) -> None:
        if not agreed:
            raise MmeplanError("nothing was done")

    return confirm


def test_what_somebody_wrote_into_the_table_meanwhile_stays(rome: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    edited = "key,source\nberlin,berlin.tar.gz\n"

    def confirm(*_: Any, **__: Any) -> None:
        rome.table(edited)
        raise MmeplanError("nothing was done")

    monkeypatch.setattr("mmeplan.cli.apply._confirm", confirm)
    assert rome.does("artifacts add prices rome ./rome/").code != 0
    assert rome.rows == edited


@pytest.mark.parametrize("table", ["", "\n", "\ufeff"])
def test_a_table_without_a_header_is_told(rome: Folder, table: str) -> None:
    rome.table(table)
    ended = rome.does("artifacts add prices rome ./rome/ --yes")
    assert "the table has no column 'key'" in ended.stderr
    assert rome.rows == table


def test_what_is_there_already_is_written_into_the_table(rome: Folder) -> None:
    """The archive and the pointer came from another branch: nothing is to do, and the row stays."""
    before = rome.rows
    assert rome.does("artifacts add prices rome ./rome/ --yes").code == 0
    rome.table(before)
    ended = rome.does("artifacts add prices rome ./rome/ --yes")
    assert ended.code == 0, ended.stderr
    assert rome.rows == before + "rome,./rome/\n"


def test_a_key_that_exists_gets_the_new_source(rome: Folder) -> None:
    before = rome.pointer()
    ended = rome.does("artifacts add prices paris ./rome/ --yes")
    assert ended.code == 0, ended.stderr
    assert rome.rows == "key,source\nberlin,berlin.tar.gz\nparis,./rome/\n"
    after = rome.pointer()
    assert after["berlin"] == before["berlin"]
    assert after["paris"] != before["paris"]


def test_the_same_once_more_changes_nothing(rome: Folder) -> None:
    before = rome.rows, rome.pointer()
    ended = rome.does("artifacts add prices paris ./paris/ --yes")
    assert ended.code == 0, ended.stderr
    assert (rome.rows, rome.pointer()) == before


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("./nowhere/", "isn't there"),
        ("s3://acme-builds/nowhere.tar.gz", "1 source is not there: s3://acme-builds/nowhere.tar.gz"),
        ("../../outside.tar.gz", "must lie beside the fleet file"),
        ("linked", "'link' is a link"),
    ],
)
def test_a_source_that_can_not_be_added_leaves_the_table_as_it_was(rome: Folder, source: str, said: str) -> None:
    (rome.path / "linked").mkdir()
    (rome.path / "linked" / "link").symlink_to("/etc/passwd")
    before = rome.rows
    ended = rome.does(f"artifacts add prices rome {source} --yes")
    assert ended.code not in (0, 5)
    assert said in ended.stderr + ended.stdout
    assert "commit it" not in ended.stderr
    assert rome.rows == before


def test_line_ends_other_columns_and_versions_are_kept(rome: Folder) -> None:
    rome.table("owner,key,source,version\r\nana,berlin,berlin.tar.gz,1\r\nbo,paris,./paris/,1\r\n")
    rome.artifacts["key"] = "{{ each.key }}-{{ source.version }}.tar.gz"
    rome.write()
    assert rome.does("artifacts add prices paris ./rome/ --version 2 --yes").code == 0
    assert rome.rows == "owner,key,source,version\r\nana,berlin,berlin.tar.gz,1\r\nbo,paris,./rome/,2\r\n"
    assert rome.pointer()["paris"] == "paris-2.tar.gz"


@pytest.mark.parametrize(
    ("table", "options", "said"),
    [
        ("key,source\n", "--version 2", "the table has no column 'version'"),
        ("name,source\n", "", "key"),
    ],
)
def test_a_table_without_the_column_is_told(rome: Folder, table: str, options: str, said: str) -> None:
    rome.table(table + "berlin,berlin.tar.gz\n")
    before = rome.rows
    ended = rome.does(f"artifacts add prices rome ./rome/ --yes {options}")
    assert ended.code == 1
    assert said in ended.stderr
    assert rome.rows == before


def test_archives_that_are_in_no_table_are_not_rewritten(rome: Folder) -> None:
    rome.artifacts["for_each"] = {"berlin": "berlin.tar.gz"}
    rome.write()
    ended = rome.does("artifacts add prices rome ./rome/ --yes")
    assert ended.code == 1
    assert "the archives aren't in a CSV table" in ended.stderr
    assert "mmeplan apply --target artifacts/prices" in ended.stderr


# --- list and outputs -------------------------------------------------------------------------------------------------


def test_list_tells_declared_missing_superseded_and_stray(live: Folder) -> None:
    live.put("prices/theirs.tar.gz", GOOD)
    (live.path / "paris" / "weights").write_text("0.6")
    ended = live.does("artifacts list prices --format json")
    assert ended.code == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert (found["model"], found["prefix"]) == ("prices", "s3://acme-models/prices/")
    assert [(row["name"], row["state"], row["generation"]) for row in found["archives"]] == [
        ("berlin", "declared", 0),
        ("paris", "missing", 0),
        ("paris", "superseded", 1),
        ("", "stray", 0),
    ]
    assert found["archives"][0]["size"] == (live.path / "berlin.tar.gz").stat().st_size
    text = live.does("artifacts list prices").stdout
    assert "theirs.tar.gz" in text
    assert "superseded (1 back)" in text


def test_list_names_an_archive_whose_source_is_not_there(live: Folder) -> None:
    live.artifacts["for_each"] = {"berlin": "berlin.tar.gz", "rome": "s3://acme-builds/rome.tar.gz"}
    live.write()
    found = json.loads(live.does("artifacts list prices --format json").stdout)["archives"]
    assert [(row["name"], row["state"]) for row in found[:2]] == [("berlin", "declared"), ("rome", "missing")]
    assert found[1]["key"] == "rome/*.tar.gz"
    assert "1 missing" in live.does("artifacts list prices").stdout


def test_outputs_have_names_arns_urls_and_targets(live: Folder) -> None:
    ended = live.does("outputs")
    assert ended.code == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert (found["fleet"], found["environment"], found["region"]) == ("prices", "", "eu-west-1")
    arn = f"arn:aws:sagemaker:eu-west-1:{found['account']}:endpoint/prices"
    url = "https://runtime.sagemaker.eu-west-1.amazonaws.com/endpoints/prices/invocations"
    assert found["endpoints"] == {"prices": {"name": "prices", "arn": arn, "url": url}}
    archives = found["archives"]["prices"]
    assert archives["pointer"] == "s3://acme-config/prices/targets.json"
    assert archives["prefix"] == "s3://acme-models/prices/"
    assert archives["targets"] == live.pointer()


def test_what_is_not_live_yet_is_in_no_output(folder: Folder) -> None:
    ended = folder.does("outputs")
    assert ended.code == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert found["endpoints"] == {}
    assert found["archives"]["prices"]["targets"] == {}


def test_outputs_for_a_workflow_are_lines_that_a_runner_reads(live: Folder) -> None:
    ended = live.does("outputs --format github")
    assert ended.code == 0, ended.stderr
    (live.path / "output").write_text(ended.stdout)
    said = outputs_of(live.path / "output")
    assert json.loads(said["outputs"]) == json.loads(live.does("outputs").stdout)
    assert said["endpoint-prices"] == "prices"
    assert said["url-prices"].startswith("https://runtime.sagemaker.")
    assert sorted(said) == ["endpoint-prices", "outputs", "url-prices"]


@pytest.mark.parametrize("masked", ["", " --masked"])
def test_a_snapshot_holds_nothing_of_what_is_no_pointer(folder: Folder, masked: str) -> None:
    (folder.path / ".mmeplan").mkdir()
    body, marks = json.dumps({"db_password": "hunter2"}).encode(), {"token": "t0ps3cret"}
    folder.put("prices/targets.json", body, Bucket="acme-config", Metadata=marks)
    folder.artifacts["key"] = PLAIN
    folder.write()
    folder.put("prices/berlin.tar.gz", b"x", Metadata=marks)
    assert folder.does(f"snapshot --out s.json{masked}").code == 0
    text = (folder.path / "s.json").read_text()
    assert "hunter2" not in text
    assert "t0ps3cret" not in text
    del folder.artifacts["key"]
    folder.write()
    refused = folder.does("plan")
    assert refused.code == 3
    said = " ".join(refused.stdout.split())
    assert "s3://acme-config/prices/targets.json holds something else than a pointer" in said


def test_an_empty_mapping_that_nobody_marked_is_no_pointer(folder: Folder) -> None:
    (folder.path / ".mmeplan").mkdir()
    folder.put("prices/targets.json", b"{}", Bucket="acme-config")
    refused = folder.does("apply --yes")
    assert refused.code == 3
    said = " ".join(refused.stdout.split())
    assert "holds an empty mapping without mmeplan's mark, which mmeplan never overwrites" in said
    assert folder.pointer() == {}
    folder.put("prices/targets.json", b"{}", Bucket="acme-config", Metadata={"mmeplan-fleet": "prices"})
    assert folder.does("apply --yes").code == 0
    assert set(folder.pointer()) == {"berlin", "paris"}


@pytest.mark.parametrize("for_each", [{"file": "cities.csv"}, {"glob": "*r*/"}])
def test_what_needs_no_local_source_runs_without_them(folder: Folder, for_each: dict[str, str]) -> None:
    folder.artifacts["for_each"] = for_each
    folder.write()
    assert folder.does("apply --yes").code == 0
    folder.variant["instance_type"] = "ml.m5.2xlarge"
    folder.write()
    assert folder.does("apply --yes").code == 0
    before, pointed = folder.listed(), folder.pointer()
    shutil.rmtree(folder.path / "paris")
    (folder.path / "berlin.tar.gz").unlink()
    assert folder.does("plan").code == 1
    for command in ("status", "wait", "rollback prices --yes", "destroy --yes"):
        ended = folder.does(command)
        assert ended.code == 0, (command, ended.stdout, ended.stderr)
        assert (folder.listed(), folder.pointer()) == (before, pointed)


def test_the_policy_lets_the_pointer_and_sources_be_looked_for(live: Folder) -> None:
    ended = live.does("plan --iam")
    assert ended.code == 0, ended.stderr
    found = {
        (action, arn)
        for statement in json.loads(ended.stdout[ended.stdout.index("{") :])["Statement"]
        for action in statement["Action"]
        for arn in statement["Resource"]
    }
    assert ("s3:ListBucket", "arn:aws:s3:::acme-config") in found
    assert ("s3:GetObject", "arn:aws:s3:::acme-config/prices/targets.json") in found
    assert ("s3:PutObject", "arn:aws:s3:::acme-config/prices/targets.json") not in found
    live.table("key,source\nrome,s3://acme-builds/out/rome.tar.gz\n")
    text = live.does("plan --iam").stdout
    assert '"arn:aws:s3:::acme-builds"' in text
    assert '"arn:aws:s3:::acme-builds/out/*"' in text
