"""Rules as text, for `mmeplan rules`: a table of many, or the page of one.

In: rows and sections as plain texts. Out: text. Examples keep their lines as they are, so that they can be copied.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from mmeplan.render.style import finished, padded, paint, widths_of, wrapped
from mmeplan.render.values import counted

_STYLES: Final = {"error": "danger", "warning": "warning"}
_MARK: Final = "# here"


@dataclass(frozen=True, slots=True)
class RuleRow:
    """One rule of the table."""

    id: str
    severity: str
    stage: str
    title: str


@dataclass(frozen=True, slots=True)
class RuleSection:
    """One part of a rule's page; paragraphs of `text` are separated by empty lines."""

    heading: str
    text: str
    example: str = ""


def rules_text(rows: Iterable[RuleRow], *, width: int = 80, color: bool = False) -> str:
    """The rules, one a line where they fit, and one line that counts them."""
    listed = list(rows)
    if not listed:
        return "No rule is like that.\n"
    heads = [(row.id, row.severity, row.stage) for row in listed]
    widths = widths_of(heads)
    hang = sum(widths) + 6
    lines = []
    for row, head in zip(listed, heads, strict=True):
        first, *rest = wrapped(row.title, max(20, width - hang)) or [""]
        styles = ("bold", _STYLES.get(row.severity, ""), "dim")
        cells = [paint(cell, style, color) for cell, style in zip(map(padded, head, widths), styles, strict=True)]
        lines += ["  ".join([*cells, first]), *(" " * hang + line for line in rest)]
    return finished("\n".join([*lines, "", f"{counted(len(listed), 'rule')}. `mmeplan rules ID` shows one."]))


def rule_text(
    rule_id: str, title: str, standing: str, sections: Sequence[RuleSection], *, width: int = 80, color: bool = False
) -> str:
    """The page of one rule."""
    lines: list[str] = [paint(line, "bold", color) for line in wrapped(f"{rule_id}: {title}", width)]
    lines += wrapped(standing, width)
    for section in sections:
        lines += ["", paint(section.heading, "bold", color)]
        for paragraph in section.text.split("\n\n") if section.text else ():
            lines += [f"  {line}" for line in wrapped(paragraph, width - 2)]
        for line in section.example.splitlines():
            lines.append(f"    {paint(line, 'danger' if line.endswith(_MARK) else 'dim', color)}")
    return finished("\n".join(lines))
