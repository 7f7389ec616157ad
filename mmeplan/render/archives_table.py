"""The archives beneath a multi-model prefix as a table, and what a look into them has found.

In: rows as plain values. Out: text. Keys are never broken, so that they can be copied.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from mmeplan.render.style import clean, finished, padded, paint, widths_of
from mmeplan.render.values import counted

ArchiveState = Literal["declared", "missing", "superseded", "stray"]


@dataclass(frozen=True, slots=True)
class ArchiveRow:
    """One archive. `name` is its logical key, empty for a stray; `size` is in bytes, None where nothing is there.

    `generation` is 0 for what is declared, 1 for the newest that it superseded. `modified` is ISO 8601, `age` the same
    for people.
    """

    key: str
    state: ArchiveState
    name: str = ""
    generation: int = 0
    size: int | None = None
    modified: str = ""
    age: str = ""


@dataclass(frozen=True, slots=True)
class ArchiveCheck:
    """What a look into one declared archive has found: sentences, none where it is fine. `answered` is the status of a
    smoke request, empty where none was sent.
    """

    key: str
    wrong: tuple[str, ...] = ()
    answered: str = ""


def archives_text(place: str, rows: Sequence[ArchiveRow], *, color: bool = False) -> str:
    """A line for each archive, and how many there are of each state."""
    table = [("KEY", "NAME", "STATE", "BYTES", "AGE")]
    for row in rows:
        state = f"{row.state} ({row.generation} back)" if row.state == "superseded" else row.state
        size = "" if row.size is None else f"{row.size:,}"
        table.append((clean(row.key), clean(row.name), state, size, row.age))
    widths = widths_of(table)
    lines = []
    for number, cells in enumerate(table):
        style = "bold" if not number else "red" if cells[2] == "missing" else "yellow" if cells[2] == "stray" else ""
        shown = [
            padded(cell, width) if at != 3 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        lines.append(paint("  ".join(shown).rstrip(), style, color))
    states = [
        (state, sum(row.state == state for row in rows)) for state in ("declared", "missing", "superseded", "stray")
    ]
    told = ", ".join(f"{number:,} {state}" for state, number in states if number)
    return finished("\n".join([*lines, "", f"{clean(place)}: {counted(len(rows), 'archive')}; {told or 'nothing'}."]))


def check_line(check: ArchiveCheck) -> str:
    """`✓ paris/1a2b3c4d.tar.gz`, or what is wrong with it."""
    if check.wrong:
        return clean(f"✗ {check.key}  {'; '.join(check.wrong)}")
    return clean(f"✓ {check.key}" + (f"  answered {check.answered}" if check.answered else ""))
