"""A run that is cancelled: what the step's shell makes of the runner's signals, and the lock that stays.

The shell gets SIGINT and SIGTERM as the runner sends them; `sleep` ends here as soon as the
first has arrived. What mmeplan
makes of a first and a second signal stands in tests/cli/test_interrupts.py.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.running import mmeplan
from tests.flow.runner import ROOT

STEPS = {step["name"]: step for step in yaml.safe_load((ROOT / "action.yml").read_text())["runs"]["steps"]}
LOCK = "s3://acme-mmeplan/locks/prices"
STUB = """\
#!{python}
import os, pathlib, signal, sys

folder = pathlib.Path({folder!r})
got = []

def on(number, frame):
    got.append(signal.Signals(number).name)
    (folder / "got").write_text(" ".join(got))
    if len(got) == {leaves}:
        print("the journal is written, the lock given back", flush=True)
        sys.exit(130)

for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, on)
(folder / "ready").write_text("now")
while True:
    signal.pause()
"""


def script(tmp_path: Path, python: str, leaves: int) -> dict[str, str]:
    """A machine whose mmeplan leaves at so many signals; the environment of the step."""
    for name in ("mmeplan/bin", "bin"):
        (tmp_path / name).mkdir(parents=True)
    for name, text in (
        ("mmeplan/bin/mmeplan", STUB.format(python=python, folder=str(tmp_path), leaves=leaves)),
        (
            "bin/sleep",
            f"#!/bin/sh\nuntil [ -s {tmp_path}/got ]; do :; done\n" if leaves > 1 else "#!/bin/sh\nexec /bin/sleep 5\n",
        ),
    ):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    (tmp_path / "mmeplan/bin/python").symlink_to(python)
    os.mkfifo(tmp_path / "ready")
    (tmp_path / "step.sh").write_text(STEPS["Run mmeplan"]["run"])
    names = dict.fromkeys(STEPS["Run mmeplan"]["env"], "")
    given = {"COMMAND": "apply", "PLAN_FILE": "plan.json", "LOCK": LOCK, "RUNNER_TEMP": str(tmp_path)}
    given |= {"GITHUB_WORKSPACE": str(tmp_path)}
    given |= {"GITHUB_OUTPUT": str(tmp_path / "output"), "PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    return {**names, **given}


def signalled(tmp_path: Path, env: dict[str, str], number: int) -> tuple[str, int]:
    """What the shell of a step prints, and its code, where it gets this signal while mmeplan runs."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    step = subprocess.Popen(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(tmp_path / "step.sh")],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    signal.signal(signal.SIGINT, before)
    (tmp_path / "ready").read_bytes()
    step.send_signal(number)  # to the shell alone, as the runner does
    log, _ = step.communicate(timeout=60)
    return log, step.returncode


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("leaves", [1, 2])
def test_the_first_signal_of_the_runner_reaches_mmeplan_twice_and_is_waited_for(
    tmp_path: Path, number: int, leaves: int
) -> None:
    import sys

    env = script(tmp_path, sys.executable, leaves)
    log, code = signalled(tmp_path, env, number)
    assert code == 0, log
    assert "the journal is written, the lock given back" in log
    assert (tmp_path / "got").read_text().split() == ["SIGTERM"] * leaves
    assert (tmp_path / "output").read_text() == "exit=130\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("leaves", [1, 2])
def test_so_it_does_in_gitlabs_job(tmp_path: Path, number: int, leaves: int) -> None:
    import sys

    env = script(tmp_path, sys.executable, leaves)
    env["PATH"] = f"{tmp_path / 'mmeplan/bin'}{os.pathsep}{env['PATH']}"
    (line,) = yaml.safe_load((ROOT / "examples/workflows/gitlab-ci.yml").read_text())["apply"]["script"]
    (tmp_path / "step.sh").write_text(line)
    log, code = signalled(tmp_path, env, number)
    assert code == 130, log
    assert "the journal is written, the lock given back" in log
    assert (tmp_path / "got").read_text().split() == ["SIGTERM"] * leaves


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """This process is a run of a workflow."""
    told = {"GITHUB_RUN_ID": "17", "GITHUB_RUN_ATTEMPT": "2", "GITHUB_REPOSITORY": "acme/fleets"}
    told["GITHUB_SERVER_URL"] = "https://github.example"
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    return told


def left_behind(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock whose run was killed."""
    from mmeplan.apply import FleetLock

    (folder / "fleet.yaml").write_text((ROOT / "examples/serverless/fleet.yaml").read_text())
    with monkeypatch.context() as patch:
        patch.setattr(FleetLock, "release", lambda self: "")
        assert mmeplan(f"apply --local-db aws.db -y --lock {LOCK}", folder).code == 0


def given_back(folder: Path, env: dict[str, str], args: str, lock: str = "") -> str:
    """What the action's step says, run as it stands; mmeplan is the one of this environment."""
    import sys

    (folder / "mmeplan/bin").mkdir(parents=True, exist_ok=True)
    link = folder / "mmeplan/bin/mmeplan"
    if not link.exists():
        link.symlink_to(Path(sys.executable).parent / "mmeplan")
    script = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", STEPS["Give the lock back"]["run"]]
    env = {**os.environ, **env, "RUNNER_TEMP": str(folder), "ARGS": args, "LOCK": lock}
    done = subprocess.run(script, cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_runs_own_lock_is_given_back_and_no_other(
    tmp_path: Path, run: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    left_behind(tmp_path, monkeypatch)
    held = mmeplan(f"unlock {LOCK} --local-db aws.db", tmp_path).stdout
    assert "https://github.example/acme/fleets/actions/runs/17/attempts/2" in held
    args = f"--lock\n{LOCK}\n--local-db=aws.db\n"
    assert "another run's: left alone" in given_back(tmp_path, {**run, "GITHUB_RUN_ID": "18"}, args)
    assert "another run's: left alone" in given_back(tmp_path, {**run, "GITHUB_RUN_ATTEMPT": "3"}, args)
    said = given_back(tmp_path, run, args)
    assert "removed" in said
    assert "goes on in SageMaker" in said
    assert "is not locked" in given_back(tmp_path, run, "--local-db\naws.db", LOCK)


def test_the_step_runs_only_where_an_apply_was_cancelled() -> None:
    assert STEPS["Give the lock back"]["if"] == "cancelled() && inputs.command == 'apply'"


def test_outside_of_ci_no_lock_is_the_runs_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_RUN_ID", "CI_JOB_URL", "BITBUCKET_BUILD_NUMBER"):
        monkeypatch.delenv(name, raising=False)
    left_behind(tmp_path, monkeypatch)
    assert "left alone" in mmeplan(f"unlock {LOCK} --local-db aws.db --own -y", tmp_path).stdout


@pytest.mark.parametrize(
    ("told", "address"),
    [
        ({"CI_JOB_URL": "https://gitlab.example/acme/fleets/-/jobs/5"}, "https://gitlab.example/acme/fleets/-/jobs/5"),
        (
            {"BITBUCKET_BUILD_NUMBER": "9", "BITBUCKET_REPO_FULL_NAME": "acme/fleets"},
            "https://bitbucket.org/acme/fleets/pipelines/results/9",
        ),
        (
            {"GITHUB_RUN_ID": "17", "GITHUB_REPOSITORY": "acme/fleets"},
            "https://github.com/acme/fleets/actions/runs/17/attempts/1",
        ),
        ({}, ""),
    ],
)
def test_the_address_of_a_run(told: dict[str, str], address: str) -> None:
    from mmeplan.apply.running import run_address

    assert run_address(told) == address


def test_within_seven_seconds_of_the_first_signal_the_journal_is_written_and_the_lock_given_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the virtual clock. The action's shell sends the second signal as long after the first as it says."""
    (pause,) = re.findall(r"\(sleep (\d+); kill -TERM", STEPS["Run mmeplan"]["run"])
    from mmeplan.apply import FleetLock
    from mmeplan.simulator import Simulator
    from mmeplan.simulator.clock import VirtualClock

    (tmp_path / "fleet.yaml").write_text((ROOT / "examples/serverless/fleet.yaml").read_text())
    sleep, release, opened = VirtualClock.sleep, FleetLock.release, Simulator.open
    at: dict[str, float] = {}

    def sleeping(clock: VirtualClock, seconds: float) -> None:
        if seconds > 10 and not at:
            sleep(clock, 1)
            at["first"] = clock.monotonic()
            os.kill(os.getpid(), signal.SIGTERM)
            sleep(clock, int(pause))
            os.kill(os.getpid(), signal.SIGTERM)
        sleep(clock, seconds)

    def releasing(lock: FleetLock) -> str:
        said = release(lock)
        at["released"] = lock._clock.monotonic()
        return said

    def throttled(*arguments: Any) -> Simulator:
        simulator = opened(*arguments)
        simulator.faults.throttle("DeleteObject", count=2)
        return simulator

    monkeypatch.setattr(VirtualClock, "sleep", sleeping)
    monkeypatch.setattr(FleetLock, "release", releasing)
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(Simulator, "open", staticmethod(throttled))
            ended = mmeplan(f"apply --local-db aws.db -y --lock {LOCK}", tmp_path)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert ended.code == 130, ended.stderr
    assert int(pause) < at["released"] - at["first"] <= 7
    assert "is not locked" in mmeplan(f"unlock {LOCK} --local-db aws.db", tmp_path).stdout
    (journal,) = (tmp_path / ".mmeplan" / "journal").iterdir()
    last = json.loads(journal.read_text().splitlines()[-1])
    assert (last["kind"], last["data"]["interrupted"]) == ("ended", True)
    assert last["data"]["under_way"]
