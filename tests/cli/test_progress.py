"""Progress of an apply: how much is done of all, how long it runs and still takes, on a terminal and in plain lines."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

import pexpect
import pytest
import yaml

from mmeplan.render.style import columns
from tests.cli.running import mmeplan

ROOT = Path(__file__).parents[2]
LONG = "a-ranker-of-search-results-whose-name-is-as-long-as-names-can"
_CONTROLS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")

PHASE = "main: Baking (Baking for 600 seconds (TerminationWaitInSeconds) with traffic enabled on full capacity)"
DRIVEN = (
    f"PHASE = {PHASE!r}"
    + """
from mmeplan import plan as plans
from mmeplan.apply import Event
from mmeplan.cli.progress import live_lines
from mmeplan.cli.tally import Tally

class Clock:
    now_s = 0.0
    def monotonic(self):
        return self.now_s

made, clock = plans.Plan.read("plan.json"), Clock()
tally = Tally(made, clock, parallelism=10, look_s=30)
waited = [step for step in made.steps if step.wait]
with live_lines(tally, clock) as show:
    def tell(kind, step, **more):
        show(Event("2026-01-01T00:00:00+00:00", kind, step.id, step.address, step.operation, **more))
        show._console._live_stack[-1].refresh()
    for step in made.steps:
        tell("started", step)
        tell("called", step)
        if not step.wait:
            tell("done", step)
    for seconds in (30, 60, 90, 4000):
        clock.now_s = seconds
        for step in waited:
            tell("polled", step, status="Creating", phase=PHASE)
    tell("failed", waited[0], detail="SageMaker rolled the update back because " + "of this and that and " * 12)
    for step in waited[1:]:
        tell("done", step)
"""
)


def fleet(endpoints: int) -> str:
    """A fleet of as many endpoints, the first of which has the longest name that there can be."""
    model = {
        "execution_role_arn": "arn:aws:iam::123456789012:role/serving",
        "primary_container": {"image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/ranker:1"},
    }
    main = {"model": "ranker", "instance_type": "ml.m5.large", "initial_instance_count": 2}
    config = {"production_variants": {"main": main}}
    names = [LONG, *(f"e{number}" for number in range(1, endpoints))]
    return yaml.safe_dump(
        {
            "version": 1,
            "fleet": "f",
            "region": "eu-west-1",
            "models": {"ranker": model},
            "endpoints": {name: {"config": config} for name in names},
        }
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "fleet.yaml").write_text(fleet(3))
    assert mmeplan("plan --local --out plan.json fleet.yaml", tmp_path).code == 0
    return tmp_path


def on_a_terminal(arguments: list[str], folder: Path, width: int) -> str:
    """What a command writes to a pseudo-terminal of so many columns."""
    settings = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color"}
    how: Any = {"cwd": str(folder), "env": settings, "dimensions": (30, width), "encoding": "utf-8", "timeout": 60}
    child = pexpect.spawn(sys.executable, arguments, **how)
    child.expect(pexpect.EOF)
    child.close()
    return str(child.before)


def lines(text: str) -> list[str]:
    return [line.rstrip() for line in _CONTROLS.sub("", text).replace("\r", "\n").split("\n")]


@pytest.mark.parametrize("width", [80, 140])
def test_no_line_of_the_display_is_wider_than_the_terminal_and_none_breaks_a_word(folder: Path, width: int) -> None:
    text = on_a_terminal(["-c", DRIVEN], folder, width)
    shown = lines(text)
    assert "Traceback" not in text
    assert max(columns(line) for line in shown) <= width, [line for line in shown if columns(line) > width]
    bars = [line for line in shown if line.startswith("applying")]
    assert any(line.endswith("4/7  0m00s  2 to 6 min left") for line in bars)
    assert any(line.endswith("4/7  1m30s  up to 5 min left") for line in bars)
    assert any("1h06m40s" in line and line.endswith("longer than estimated") for line in bars)
    assert bars[-1].endswith("7/7  1h06m40s")
    baking = [line for line in shown if line.startswith("endpoint/e1  Creating  1m00s")]
    assert baking
    words = set(PHASE.split())
    assert all(set(line.removesuffix("…").split()[3:]) <= words for line in baking)
    assert any(line.startswith("endpoint/a-ranker") and "Creating" in line for line in shown)


@pytest.mark.parametrize("width", [80, 140])
def test_an_apply_ends_with_all_of_its_steps(folder: Path, width: int) -> None:
    text = on_a_terminal(["-m", "mmeplan", "apply", "--local", "--yes", "fleet.yaml"], folder, width)
    assert "7/7" in text
    assert "a second look proves it" in text
    assert max(columns(line) for line in lines(text)) <= width


LARGE = 5 * 1024 * 1024
UPLOADING = f"""
import sys
from mmeplan.apply import transfers
from mmeplan.cli import progress
from mmeplan.cli.app import app

transfers.PART_BYTES = {LARGE}
shown = progress.LiveLines.__call__

def refreshed(self, event):
    shown(self, event)
    self._console._live_stack[-1].refresh()

progress.LiveLines.__call__ = refreshed
app(sys.argv[1:], prog_name="mmeplan")
"""


def with_archives(folder: Path, *sizes: int) -> None:
    """The fleet with a multi-model prefix and archives of so many bytes."""
    text = yaml.safe_load((folder / "fleet.yaml").read_text())
    for number, size in enumerate(sizes):
        (folder / f"a{number}.tar.gz").write_bytes(bytes([number]) * size)
    made = text["models"]["ranker"]
    made["primary_container"] |= {"mode": "MultiModel", "model_data_url": "s3://acme-models/prices/"}
    made["artifacts"] = {"for_each": {f"a{number}": f"a{number}.tar.gz" for number in range(len(sizes))}}
    (folder / "fleet.yaml").write_text(yaml.safe_dump(text))


def shares(shown: list[str]) -> list[int]:
    """The percentages that lines tell, in their order, each once."""
    found = [int(match[1]) for line in shown if (match := re.search(r"(\d+) % of ", line))]
    return [share for number, share in enumerate(found) if number == 0 or found[number - 1] != share]


@pytest.mark.parametrize("width", [80, 140])
@pytest.mark.parametrize(
    ("sizes", "told"), [((4 * LARGE,), [25, 50, 75]), ((3 * LARGE, LARGE), [25, 50, 75, 100])], ids=["one", "two"]
)
def test_a_large_file_moves_the_bar_while_it_is_uploaded(
    folder: Path, width: int, sizes: tuple[int, ...], told: list[int]
) -> None:
    with_archives(folder, *sizes)
    text = on_a_terminal(["-c", UPLOADING, "apply", "--local", "--yes", "--parallelism", "1"], folder, width)
    shown = lines(text)
    assert "Traceback" not in text
    assert max(columns(line) for line in shown) <= width, [line for line in shown if columns(line) > width]
    moving = [line for line in shown if line.startswith("artifacts/ranker")]
    assert shares(moving) == told
    bars = [line.split("  ")[1] for line in moving if " % of " in line]
    assert {(len(bar), set(bar) <= set("━╌")) for bar in bars} == {(20, True)}
    assert [bar.count("━") for bar in dict.fromkeys(bars)] == [share // 5 for share in told]
    assert all(line.endswith("% of 21.0 MB") for line in moving if " % of " in line and len(sizes) == 1)


def test_plain_lines_tell_the_bytes_of_a_large_file_without_a_bar(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mmeplan.apply.transfers.PART_BYTES", LARGE)
    with_archives(folder, 4 * LARGE)
    told = mmeplan("apply --local --yes fleet.yaml", folder).stderr
    assert shares(told.splitlines()) == [25, 50, 75]
    assert "\x1b" not in told
    assert "━" not in told
    assert "… artifacts/ranker UploadArchives (25 % of 21.0 MB)" in told


def test_plain_lines_have_the_number_of_steps_the_time_and_what_is_left(folder: Path) -> None:
    told = mmeplan("apply --local --yes fleet.yaml", folder).stderr.splitlines()
    assert told[0].split()[:2] == ["0m00s", "1/7"]
    assert any(re.search(r"^ +0m3\ds  4/7  … endpoint/e1 CreateEndpoint Creating .* min left$", line) for line in told)
    assert told[-1].split()[1] == "7/7"
