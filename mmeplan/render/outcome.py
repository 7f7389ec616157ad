"""How an apply ended: what was done, what failed and why, what is left, and what to type next.

In: `OutcomeView`, made by the command from the apply's outcome. Out: text; its last line agrees with the exit code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mmeplan.render.style import finished, paint, wrapped
from mmeplan.render.values import counted

Rows = tuple[tuple[str, str], ...]
MOST_ROWS = 50


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
