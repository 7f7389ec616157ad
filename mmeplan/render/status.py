"""What the fleet's endpoints are doing, as a table (`status`), and how an apply ended.

In: `StatusRow`s, one line for each variant where the terminal is wide enough; otherwise the variants stand beneath
their endpoint. Or an `OutcomeView`: what was done, what failed and why, what is left, and what to type next. Out: text;
its last line agrees with the exit code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from mmeplan.render.layout import Layout
from mmeplan.render.style import clean, columns, finished, paint, shorten, wrapped
from mmeplan.render.values import counted

HEADINGS: Final = ("ENDPOINT", "STATUS", "CONFIG IN FORCE", "VARIANT", "TYPE", "COUNT", "SHARE", "NOTE")
_GOOD: Final = ("InService",)
_BAD: Final = ("Failed", "OutOfService", "UpdateRollbackFailed", "missing", "unreadable")
_STATUS_COLUMN: Final = 1
_STATUS_ROOM: Final = 24  # columns that the longest status takes beside a long address


@dataclass(frozen=True, slots=True)
class VariantStatus:
    """One variant as it runs: `large  ml.m5.xlarge  2/2  66.7 %`. `count` is `current/desired`, empty if serverless."""

    name: str
    instance_type: str = ""
    count: str = ""
    share: str = ""


@dataclass(frozen=True, slots=True)
class StatusRow:
    """One endpoint. `config` is the physical name of the config in force; `failure` is SageMaker's reason, if any.

    `generations` are the superseded configs that a rollback can lead to, newest first, in words.
    """

    address: str
    name: str
    status: str
    config: str = ""
    variants: tuple[VariantStatus, ...] = ()
    note: str = ""
    failure: str = ""
    generations: tuple[str, ...] = ()


def status_text(rows: Sequence[StatusRow], *, width: int = 80, color: bool = False) -> str:
    """The table, endpoints in the order given."""
    if not rows:
        return "No endpoints.\n"
    layout = Layout(width, color)
    cells = [HEADINGS, *(line for row in rows for line in _cells(row))]
    widths = [max(columns(clean(cell)) for cell in column) for column in zip(*cells, strict=True)]
    fits = sum(widths) + 2 * (len(widths) - 1) <= layout.room
    return finished(_wide(layout, rows, widths) if fits else _narrow(layout, rows))


def _cells(row: StatusRow) -> list[tuple[str, ...]]:
    """The lines of an endpoint; all but the first leave out what is the same for all its variants."""
    variants = row.variants or (VariantStatus(""),)
    title = row.address if row.name in ("", row.address.partition("/")[2]) else f"{row.address} ({row.name})"
    made: list[tuple[str, ...]] = []
    for number, item in enumerate(variants):
        head = ("", "", "") if number else (title, row.status, row.config)
        made.append((*head, item.name, item.instance_type, item.count, item.share, "" if number else row.note))
    return made


def _wide(layout: Layout, rows: Sequence[StatusRow], widths: Sequence[int]) -> str:
    lines = [str(layout.paint("  ".join(_padded(HEADINGS, widths)).rstrip(), "bold"))]
    for row in rows:
        for cells in _cells(row):
            padded = _padded(cells, widths)
            padded[_STATUS_COLUMN] = _painted_status(padded[_STATUS_COLUMN], layout)
            lines.append("  ".join(padded).rstrip())
        lines += _failure(layout, row)
    return "\n".join(lines)


def _padded(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [clean(cell) + " " * (width - columns(clean(cell))) for cell, width in zip(cells, widths, strict=True)]


def _narrow(layout: Layout, rows: Sequence[StatusRow]) -> str:
    blocks = []
    for row in rows:
        title, *_ = _cells(row)[0]
        labels = ((shorten(title, layout.edge - _STATUS_ROOM), "bold"), (row.status, _status_style(row.status)))
        lines = [str(layout.labelled(labels, row.config, 2))]
        lines += [str(layout.flow(row.note, 2, "dim"))] if row.note else []
        if row.variants:
            lines.append(str(layout.table([(v.name, v.instance_type, v.count, v.share) for v in row.variants], 4)))
        blocks.append("\n".join([*lines, *_failure(layout, row)]))
    return "\n\n".join(blocks)


def _painted_status(status: str, layout: Layout) -> str:
    """The status in its colour, padding left outside."""
    word = status.rstrip()
    return paint(word, _status_style(word), layout.color) + " " * (len(status) - len(word))


def _status_style(status: str) -> str:
    return "good" if status in _GOOD else "danger" if status in _BAD else "update"


def _failure(layout: Layout, row: StatusRow) -> list[str]:
    lines = [str(layout.flow(f"reason: {row.failure}", 2, "danger", 2))] if row.failure else []
    if row.generations:
        lines.append(str(layout.flow(f"kept for a rollback: {', '.join(row.generations)}", 2, "dim", 2)))
    return lines


def age_text(now: datetime, then: str) -> str:
    """How long ago an ISO 8601 moment was, in one unit: `40 min`, `7 h`, `3 d`."""
    minutes = max(0, int((now - datetime.fromisoformat(then)).total_seconds() // 60)) if then else 0
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // (24 * 60)} d"


# --- how an apply ended -----------------------------------------------------------------------------------------------

Rows = tuple[tuple[str, str], ...]
MOST_ROWS: Final = 50


@dataclass(frozen=True, slots=True)
class OutcomeView:
    """An outcome as plain data: (step, why) pairs; `done` is a count. `rolled_back`: SageMaker took an update back."""

    done: int
    failed: Rows = ()
    skipped: Rows = ()
    kept: Rows = ()
    unverified: tuple[str, ...] = ()
    interrupted: bool = False
    rolled_back: bool = False


def outcome_text(outcome: OutcomeView, *, width: int = 80, color: bool = False, next_command: str = "") -> str:
    """The end of an apply. `next_command` is shown where something is left to do."""
    lines: list[str] = []
    lines += _section("Failed:", outcome.failed, "danger", width, color)
    lines += _section("Skipped:", outcome.skipped, "warning", width, color)
    lines += _section("Kept, because something still needs it:", outcome.kept, "warning", width, color)
    lines += _section(
        "Not as planned:", tuple((sentence, "") for sentence in outcome.unverified), "danger", width, color
    )
    lines += _summary(outcome, width, color)
    if next_command and (outcome.failed or outcome.skipped or outcome.unverified or outcome.interrupted):
        lines.append(f"Next: {next_command}")
    return finished("\n".join(lines))


def _section(title: str, rows: Sequence[tuple[str, str]], style: str, width: int, color: bool) -> list[str]:
    if not rows:
        return []
    lines = [str(paint(title, style, color))]
    for step, why in rows[:MOST_ROWS]:
        sentence = f"{step}: {why}" if why else step
        lines += [("  " if index == 0 else "    ") + line for index, line in enumerate(wrapped(sentence, width - 4))]
    if len(rows) > MOST_ROWS:
        lines.append(f"  … and {len(rows) - MOST_ROWS:,} more")
    return [*lines, ""]


def _summary(outcome: OutcomeView, width: int, color: bool) -> list[str]:
    done = counted(outcome.done, "step")
    if not (outcome.failed or outcome.skipped or outcome.unverified):
        return [str(paint(f"Apply complete: {done} done, and a second look proves it.", "good", color))]
    word = "Interrupted" if outcome.interrupted else "Apply incomplete"
    parts = [f"{done} done", f"{len(outcome.failed):,} failed", f"{len(outcome.skipped):,} skipped"]
    onward = "Run it again to go on from here."
    if outcome.rolled_back:
        onward = "What was rolled back isn't tried again unasked: mend the cause or change the file first."
    return [str(paint(line, "danger", color)) for line in wrapped(f"{word}: {', '.join(parts)}. {onward}", width)]
