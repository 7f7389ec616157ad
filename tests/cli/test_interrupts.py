"""Ctrl-C, SIGTERM and SIGHUP: at any moment they end a command with 130, and a lock is given back."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from mmeplan.apply import FleetLock
from mmeplan.apply.executor import Executor
from mmeplan.cli.interrupts import INTERRUPTS
from mmeplan.cloud.aws import Cloud
from mmeplan.engine import Engine
from tests.cli.running import Result, mmeplan
from tests.cli.test_terminal import end, spawn

ROOT = Path(__file__).parents[2]
LOCK = "s3://acme-mmeplan/locks/house-prices"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "examples" / "ab-variants" / "fleet.yaml", tmp_path)
    return tmp_path


@pytest.fixture(autouse=True)
def _as_in_a_shell() -> Any:
    """The tests may have been started with signals ignored; the command must not have been."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in SIGNALS}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, old in before.items():
        signal.signal(number, old)


def signalled(monkeypatch: pytest.MonkeyPatch, of: Any, name: str, *numbers: int, after: bool = False) -> None:
    """The process gets these signals when the method is called for the first time; before it runs, or after."""
    method, left = getattr(of, name), list(numbers)

    def calling(*arguments: Any, **more: Any) -> Any:
        if not after:
            send()
        answer = method(*arguments, **more)
        send()
        return answer

    def send() -> None:
        while left:
            os.kill(os.getpid(), left.pop(0))

    monkeypatch.setattr(of, name, calling)


def ended(result: Result, folder: Path) -> None:
    assert (result.code, "interrupted" in result.stderr) == (130, True)
    assert "is held by" not in mmeplan(f"unlock {LOCK} --local -y", folder).stdout


@pytest.mark.parametrize(
    ("number", "of", "name", "after"),
    [
        (signal.SIGINT, Engine, "plan", False),
        (signal.SIGTERM, Engine, "plan", True),
        (signal.SIGHUP, Engine, "plan", True),
        (signal.SIGHUP, Engine, "apply", False),
        (signal.SIGTERM, Engine, "apply", False),
        (signal.SIGHUP, FleetLock, "acquire", False),
        (signal.SIGTERM, FleetLock, "acquire", True),
        (signal.SIGHUP, Cloud, "read", False),
        (signal.SIGTERM, Cloud, "read", True),
    ],
)
def test_a_signal_before_the_first_step_ends_with_130_and_gives_the_lock_back(
    folder: Path, monkeypatch: pytest.MonkeyPatch, number: int, of: Any, name: str, after: bool
) -> None:
    with monkeypatch.context() as patch:
        signalled(patch, of, name, number, after=after)
        result = mmeplan(f"apply --local -y --lock {LOCK}", folder)
    ended(result, folder)


@pytest.mark.parametrize(("number", "after"), [(signal.SIGHUP, False), (signal.SIGTERM, True)])
def test_a_signal_while_the_lock_is_being_written_leaves_none(
    folder: Path, monkeypatch: pytest.MonkeyPatch, number: int, after: bool
) -> None:
    with monkeypatch.context() as patch:
        signalled(patch, Cloud, "write", number, after=after)
        result = mmeplan(f"apply --local -y --lock {LOCK}", folder)
    ended(result, folder)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_another_holds_the_lock_leaves_that_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(FleetLock, "release", lambda self: "")
        mmeplan(f"destroy --local -y --lock {LOCK}", folder)
    with monkeypatch.context() as patch:
        signalled(patch, FleetLock, "acquire", number)
        waiting = mmeplan(f"apply --local -y --lock {LOCK} --lock-timeout 60", folder)
    assert (waiting.code, waiting.stderr.splitlines()[-1]) == (130, "interrupted")
    assert "is held by" in mmeplan(f"unlock {LOCK} --local -y", folder).stdout


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_during_an_apply_starts_nothing_new_and_says_how_to_go_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    with monkeypatch.context() as patch:
        signalled(patch, Executor, "_call", number, after=True)
        result = mmeplan(f"apply --local -y --lock {LOCK}", folder)
    assert result.code == 130
    assert "interrupted" in result.stdout
    assert "not locked" in mmeplan(f"unlock {LOCK} --local", folder).stdout
    assert mmeplan("apply --local -y", folder).code == 0


@pytest.mark.parametrize(
    ("first", "second"),
    [(signal.SIGINT, signal.SIGINT), (signal.SIGINT, signal.SIGTERM), (signal.SIGHUP, signal.SIGHUP)],
)
def test_a_second_signal_during_an_apply_leaves_at_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch, first: int, second: int
) -> None:
    with monkeypatch.context() as patch:
        signalled(patch, Executor, "_call", first, second, after=True)
        result = mmeplan(f"apply --local -y --lock {LOCK}", folder)
    ended(result, folder)
    assert mmeplan("apply --local -y", folder).code == 0


@pytest.mark.parametrize("numbers", [(signal.SIGHUP,) * 5, (signal.SIGTERM, signal.SIGHUP), (signal.SIGINT,)])
def test_signals_while_the_lock_is_given_back_do_not_leave_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, numbers: tuple[int, ...]
) -> None:
    with monkeypatch.context() as patch:
        signalled(patch, FleetLock, "release", *numbers)
        assert mmeplan(f"apply --local -y --lock {LOCK}", folder).code == 0
    assert "not locked" in mmeplan(f"unlock {LOCK} --local", folder).stdout


def test_a_terminal_that_closes_sends_several_and_the_lock_is_given_back(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        signalled(patch, Engine, "plan", signal.SIGHUP)
        signalled(patch, FleetLock, "release", signal.SIGHUP, signal.SIGHUP)
        result = mmeplan(f"apply --local -y --lock {LOCK}", folder)
    ended(result, folder)


def test_what_was_ignored_when_the_command_began_stays_ignored(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`nohup` ignores SIGHUP, a shell's background job SIGINT."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signalled(monkeypatch, Engine, "plan", signal.SIGHUP, signal.SIGINT)
    assert mmeplan("apply --local -y", folder).code == 0


def test_what_handled_signals_before_does_so_again() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    with INTERRUPTS.handled():
        assert len({signal.getsignal(number) for number in SIGNALS} - set(before)) == 1
    assert [signal.getsignal(number) for number in SIGNALS] == before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_process_that_asks_ends_with_130_and_gives_its_lock_back(folder: Path, number: int) -> None:
    child = spawn(f"apply --local --lock {LOCK}", folder)
    child.expect_exact("[y/N]: ")
    child.kill(number)
    text, code = end(child)
    assert ("interrupted" in text, code) == (True, 130)
    assert "not locked" in mmeplan(f"unlock {LOCK} --local", folder).stdout
