"""What `mmeplan doctor` has found: columns for a terminal, JSON for a program.

In: `CheckRow`s. Out: text. A command that is shown is never broken, so that it can be copied.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final, Literal

from mmeplan.render.layout import Layout
from mmeplan.render.style import clean, finished, padded, paint, wrapped

State = Literal["ok", "warning", "error", "skipped"]

_STYLES: Final = {"ok": "good", "warning": "warning", "error": "danger", "skipped": "dim"}
_LEAST: Final = 30  # columns of what is said
_NAMES: Final = 14  # columns of the longest name of a check, `extra policies`
_STATES: Final = 7


@dataclass(frozen=True, slots=True)
class CheckRow:
    """One thing that was looked at: its name, how it is, in a sentence, and what to type next; empty: nothing."""

    name: str
    state: State
    said: str
    next: str = ""


def doctor_row(row: CheckRow, *, width: int = 80, color: bool = False) -> str:
    """The lines of one check; of every check's the columns are the same, so that each can be shown once it is known."""
    layout, hang = Layout(width, color), _NAMES + _STATES + 4
    first, *rest = wrapped(row.said, max(_LEAST, layout.edge - hang)) or [""]
    name, state = padded(clean(row.name), _NAMES), padded(row.state, _STATES)
    lines = [f"{layout.paint(name, 'bold')}  {layout.paint(state, _STYLES[row.state])}  {first}"]
    lines += [f"{' ' * hang}{line}" for line in rest]
    lines += [f"{' ' * hang}try: {clean(line)}" for line in row.next.splitlines()]
    return finished("\n".join(lines))


def doctor_summary(rows: Sequence[CheckRow], *, color: bool = False) -> str:
    """`1 error, 9 ok, 2 skipped.`, after an empty line."""
    counts = [(state, sum(row.state == state for row in rows)) for state in ("error", "warning", "ok", "skipped")]
    words = {"error": "errors", "warning": "warnings", "ok": "ok", "skipped": "skipped"}
    said = ", ".join(f"{count} {words[state] if count != 1 else state}" for state, count in counts if count)
    return f"\n{paint(f'{said}.', _STYLES[_worst(rows)], color)}\n"


def doctor_json(rows: Sequence[CheckRow]) -> str:
    """`{"ok": …, "checks": [{"name", "state", "said", "next"}, …]}`."""
    return json.dumps({"ok": _worst(rows) != "error", "checks": [asdict(row) for row in rows]}, indent=2) + "\n"


def _worst(rows: Sequence[CheckRow]) -> State:
    found = {row.state for row in rows}
    return "error" if "error" in found else "warning" if "warning" in found else "ok"
