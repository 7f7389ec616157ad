"""Everything goes wrong between mmeplan and SageMaker, by seed. `python -m tests.faults --seeds N` runs more of it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from mmeplan.apply.executor import Executor
from mmeplan.apply.locking import FleetLock
from mmeplan.cloud import answers
from mmeplan.plan.step import Decision
from tests.faults import proxy
from tests.faults.proxy import TROUBLES, Trouble
from tests.faults.runs import JOBS, run

RUNS = 32  # of all troubles together; each job has its share
OF_ONE = 2  # runs of each trouble alone


def test_whatever_goes_wrong_ends_in_an_outcome_and_the_next_apply_finishes_the_work() -> None:
    ends: Counter[str] = Counter()
    for seed in range(RUNS):
        ends += run(seed).ends
    assert {"complete", "incomplete"} <= set(ends)


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.__name__)
def test_each_trouble_alone_is_met_and_overcome(trouble: Trouble) -> None:
    met: Counter[str] = Counter()
    for seed in range(OF_ONE):
        met += run(3 + 5 * seed, (trouble,)).met
    assert met


def test_every_job_is_done() -> None:
    assert 3 * len(JOBS) <= RUNS
    assert {run(seed, (proxy.clock_step,)).job for seed in range(len(JOBS))} == set(JOBS)


# --- planted bugs -----------------------------------------------------------------------------------------------------


def found(trouble: Trouble, first: int = 0) -> str:
    """What a bug breaks first, in the runs from that seed on; empty where none finds it."""
    for seed in range(first, first + 24):
        try:
            run(seed, (trouble,))
        except Exception as error:  # noqa: BLE001 - a bug may do anything
            return f"{type(error).__name__}: {error}"
    return ""


def test_answers_that_nobody_checks_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "unfit", lambda *_: "")
    assert found(proxy.wrong_member, first=16)


def test_a_lost_answer_that_is_taken_for_done_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Executor, "_after_error", lambda *_: Decision("done"))
    monkeypatch.setattr("mmeplan.apply.verify", lambda *_: ())
    assert "said complete" in found(proxy.cut_before)


def test_a_lock_that_is_not_given_back_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FleetLock, "release", lambda self: "")
    assert "the lock is left behind" in found(proxy.clock_step)


def test_a_listing_that_is_read_for_ever_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []

    def endless(reader: Any, operation: str, params: Any, token: str = "NextToken") -> Any:
        answer = reader.read(operation, params)
        yield answer
        while answer.get(token):
            read.append(1)
            if len(read) > 5:
                raise AssertionError("it goes on for ever")
            answer = reader.read(operation, {**params, token: answer[token]})
            yield answer

    monkeypatch.setattr("mmeplan.live.observing.pages", endless)
    assert "for ever" in found(proxy.endless_list)
