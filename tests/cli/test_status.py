"""`mmeplan status`: which of its words is the fleet file, and which are endpoints."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mmeplan.cloud.clock import SystemClock
from tests.cli.running import mmeplan
from tests.cli.test_terminal import end, spawn

ROOT = Path(__file__).parents[2]
URL = "https://runtime.sagemaker.eu-west-1.amazonaws.com/endpoints/house-prices/invocations"


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("applied")
    shutil.copy(ROOT / "examples" / "ab-variants" / "fleet.yaml", folder)
    assert mmeplan("apply --local --yes", folder).code == 0
    return folder


@pytest.fixture
def folder(applied: Path, tmp_path: Path) -> Path:
    shutil.copytree(applied, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.mark.parametrize(
    "words", ["house-prices", "endpoint/house-prices", "fleet.yaml house-prices", "house-prices ./fleet.yaml"]
)
def test_an_endpoint_is_named_beside_the_file_or_without_it(words: str, folder: Path) -> None:
    assert f"  {URL}\n" in mmeplan(f"status {words} --local", folder).stdout


def test_a_file_without_a_suffix_is_the_fleet(folder: Path) -> None:
    (folder / "fleet.yaml").rename(folder / "house")
    assert "InService" in mmeplan("status house --local", folder).stdout
    assert URL in mmeplan("status house house-prices --local", folder).stdout


def test_all_endpoints_have_their_url_in_json_alone(folder: Path) -> None:
    assert "https://" not in mmeplan("status --local", folder).stdout
    assert json.loads(mmeplan("status --local --format json", folder).stdout)[0]["url"] == URL


WRONG = [
    ("house-price", "no endpoint 'house-price' in this fleet; did you mean house-prices?"),
    ("x.yaml", "x.yaml"),
    ("fleet.yaml x.yaml", "fleet.yaml and x.yaml: expected one FLEET"),
]


@pytest.mark.parametrize(("words", "error"), WRONG)
def test_what_is_no_endpoint_is_told(words: str, error: str, folder: Path) -> None:
    result = mmeplan(f"status {words} --local", folder)
    assert (result.code, error in result.stderr) == (1, True), result.stderr


def test_options_of_a_named_file_count(folder: Path) -> None:
    file = folder / "fleet.yaml"
    file.write_text(f"{file.read_text()}\noptions:\n  format: json\n")
    assert mmeplan("status house-prices fleet.yaml --local", folder).stdout.startswith("[")


def looking(monkeypatch: pytest.MonkeyPatch, times: int, between: str, folder: Path) -> list[float]:
    """The pauses of a watch that Ctrl-C ends after so many looks; a command runs in the first."""
    pauses: list[float] = []

    def sleep(_: SystemClock, seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == times:
            raise KeyboardInterrupt
        if len(pauses) == 1:
            assert mmeplan(between, folder).code == 0

    monkeypatch.setattr(SystemClock, "sleep", sleep)
    return pauses


def test_a_watch_shows_a_block_for_each_look_until_ctrl_c(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses = looking(monkeypatch, 3, "destroy --local --yes", folder)
    result = mmeplan("status --local --watch --poll-interval 7", folder)
    assert (result.code, pauses) == (130, [7, 7, 7])
    assert [("InService" in block, "absent" in block) for block in result.stdout.split(" UTC\n")[1:]] == [
        (True, False),
        (False, True),
        (False, True),
    ]


def test_a_watch_in_json_is_a_document_for_each_look(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looking(monkeypatch, 2, "destroy --local --yes", folder)
    text = mmeplan("status --local --watch --format json", folder).stdout
    first, at = json.JSONDecoder().raw_decode(text)
    second = json.loads(text[at:])
    assert [row["status"] for row in (*first, *second)] == ["InService", "absent"]


def test_a_watch_does_not_make_the_simulators_time_pass(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses = looking(monkeypatch, 3, "status --local", folder)
    stamps = [line for line in mmeplan("status --local --watch", folder).stdout.splitlines() if line.endswith(" UTC")]
    assert len(stamps) == 3
    assert len(set(stamps)) == 1
    assert pauses == [1, 1, 1]


def test_an_interval_that_aws_would_throttle_is_refused_and_one_needs_a_watch(folder: Path) -> None:
    aws = "status --endpoint-url http://sagemaker.example --watch --poll-interval"
    assert "AWS throttles looks" in mmeplan(f"{aws} 5", folder).stderr
    assert "--poll-interval needs --watch" in mmeplan("status --local --poll-interval 60", folder).stderr


def test_a_watch_ends_where_nobody_reads_it(folder: Path) -> None:
    command = f"{sys.executable} -m mmeplan status --local --watch --poll-interval 0.01 | head -1"
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    result = subprocess.run(command, shell=True, cwd=folder, env=environment, capture_output=True, timeout=120)
    assert result.stdout.endswith(b" UTC\n")


def test_a_terminal_is_redrawn_and_ctrl_c_ends_with_130(folder: Path) -> None:
    child = spawn("status --local --watch --poll-interval 0.01", folder)
    child.expect_exact("67%")
    child.expect("\x1b\\[1A")
    child.sendintr()
    text, code = end(child)
    assert code == 130
    assert "Traceback" not in text
