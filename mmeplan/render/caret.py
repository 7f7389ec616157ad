"""A line of the fleet file with a caret under the column that is meant, whatever stands in the line.

In: the line as it is in the file, tabs, wide and control characters included. Out: two lines of cleaned text.
Called by `findings` and `problems`.
"""

from __future__ import annotations

from typing import Final

from mmeplan.render.style import clean, columns, head_of, tail_of

TAB: Final = 4  # columns between tab stops
LINE_ROOM: Final = 64  # columns of an excerpt; of longer lines the part around the caret is shown


def caret_lines(source: str, line: int, column: int) -> tuple[str, ...]:
    """`41 │     instance_tipe: ml.m5.large` and beneath it the caret. Nothing for an empty line."""
    if not source.strip():
        return ()
    before = _shown(source[: max(0, column - 1)])
    shown = before + _shown(source[max(0, column - 1) :], columns(before))
    at = columns(before)
    if columns(shown.rstrip()) > LINE_ROOM:
        shown, at = _cropped(before, shown[len(before) :])
    number = str(line) if line else ""
    made = f"{number} │ {shown}".rstrip()
    return (made, f"{' ' * len(number)} │ {' ' * at}^") if column else (made,)


def _shown(text: str, start: int = 0) -> str:
    """The text cleaned, with tabs as the spaces they stand for from the column `start` on."""
    first, *rest = text.rstrip("\r\n").split("\t")
    made = clean(first)
    for part in rest:
        made += " " * (TAB - (start + columns(made)) % TAB) + clean(part)
    return made


def _cropped(before: str, after: str) -> tuple[str, int]:
    """The part around the caret, in at most LINE_ROOM columns."""
    front = before if columns(before) <= LINE_ROOM // 2 else f"…{tail_of(before, LINE_ROOM // 2 - 1)}"
    room = LINE_ROOM - columns(front)
    back = after if columns(after) <= room else f"{head_of(after, room - 1)}…"
    return front + back, columns(front)
