"""A few seeds of each kind of damaged input; `python -m tests.fuzz KIND --runs 10000` runs many."""

from __future__ import annotations

import pytest

from tests.fuzz import plans, snapshots


@pytest.mark.parametrize("start", range(0, 150, 50))
@pytest.mark.parametrize("kind", [plans, snapshots], ids=["plans", "snapshots"])
def test_damaged_input_gives_a_refusal_and_no_traceback(kind: object, start: int) -> None:
    ends = {kind.one(seed).partition(":")[0] for seed in range(start, start + 50)}  # type: ignore[attr-defined]
    assert "not read" in ends
