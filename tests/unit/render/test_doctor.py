"""The columns of `mmeplan doctor`."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from mmeplan.render import CheckRow, State, doctor_json, doctor_row, doctor_summary
from mmeplan.render.style import columns

TEXTS = st.text(max_size=300)
STATES = st.sampled_from(["ok", "warning", "error", "skipped"])


@given(STATES, TEXTS, TEXTS, st.integers(80, 160))
def test_a_row_fits_whatever_it_says_and_what_to_type_is_on_one_line(
    state, said: str, following: str, width: int
) -> None:  # type: ignore[no-untyped-def]
    lines = doctor_row(CheckRow("permissions", state, said, following), width=width).splitlines()
    typed = [line for line in lines if line.strip().startswith("try: ")]
    assert all(columns(line) <= width for line in lines if line not in typed)
    assert all(line.isprintable() for line in lines)
    assert lines[0].startswith(f"permissions     {state}")


@given(st.lists(STATES, min_size=1, max_size=12))
def test_the_summary_counts_every_row_and_the_document_says_whether_all_is_well(states: list[State]) -> None:
    rows = [CheckRow("x", state, "y") for state in states]
    counted = doctor_summary(rows).strip().rstrip(".").split(", ")
    assert sum(int(part.split()[0]) for part in counted) == len(rows)
    assert json.loads(doctor_json(rows))["ok"] is ("error" not in states)
