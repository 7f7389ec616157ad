"""What `mmeplan doctor` has found: columns for a terminal, JSON for a program.

In: `CheckRow`s. Out: text. A command that is shown is never broken, so that it can be copied.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Final, Literal

from mmeplan.render.layout import Layout
from mmeplan.render.style import clean, finished, padded, widths_of, wrapped

State = Literal["ok", "warning", "error", "skipped"]

_STYLES: Final = {"ok": "good", "warning": "warning", "error": "danger", "skipped": "dim"}
_LEAST: Final = 30  # columns of what is said


@dataclass(frozen=True, slots=True)
class CheckRow:
    """One thing that was looked at: its name, how it is, in a sentence, and what to type next; empty: nothing."""

    name: str
    state: State
    said: str
    next: str = ""


def doctor_text(rows: Sequence[CheckRow], *, width: int = 80, color: bool = False) -> str:
    """A line for each check, and one that counts them."""
    layout = Layout(width, color)
    names, states = widths_of([(clean(row.name), row.state) for row in rows])
    hang = names + states + 4
    lines = [line for row in rows for line in _row(layout, row, names, states, hang)]
    return finished("\n".join([*lines, "", layout.paint(_summary(rows), _STYLES[_worst(rows)])]))


def doctor_json(rows: Sequence[CheckRow]) -> str:
    """`{"ok": …, "checks": [{"name", "state", "said", "next"}, …]}`."""
    return json.dumps({"ok": _worst(rows) != "error", "checks": [asdict(row) for row in rows]}, indent=2) + "\n"


def _row(layout: Layout, row: CheckRow, names: int, states: int, hang: int) -> Iterator[str]:
    first, *rest = wrapped(row.said, max(_LEAST, layout.edge - hang)) or [""]
    name = layout.paint(padded(clean(row.name), names), "bold")
    yield f"{name}  {layout.paint(padded(row.state, states), _STYLES[row.state])}  {first}"
    yield from (f"{' ' * hang}{line}" for line in rest)
    for line in row.next.splitlines():
        yield f"{' ' * hang}try: {clean(line)}"


def _worst(rows: Sequence[CheckRow]) -> State:
    found = {row.state for row in rows}
    return "error" if "error" in found else "warning" if "warning" in found else "ok"


def _summary(rows: Sequence[CheckRow]) -> str:
    counts = [(state, sum(row.state == state for row in rows)) for state in ("error", "warning", "ok", "skipped")]
    words = {"error": "errors", "warning": "warnings", "ok": "ok", "skipped": "skipped"}
    return ", ".join(f"{count} {words[state] if count != 1 else state}" for state, count in counts if count) + "."
