"""Where things stand on a line: indentation, right edge, wrapping, tables, trees. No words of its own.

In: texts (cleaned here) with the style they get. Out: `Styled` text of whole lines. Templates know a `Layout` as `ui`,
and whatever they interpolate is cleaned, unless it is `Styled`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import takewhile
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from mmeplan.render.style import Styled, clean, columns, finished, padded, paint, shorten, widths_of, wrapped
from mmeplan.render.values import FieldGroup, FieldRow

MIN_WIDTH: Final = 80
EDGE: Final = 100  # columns: on wider terminals prose and places end here, because eyes lose long lines; values don't
BRANCH: Final = 4  # columns of `  ├ `
_NAME_ROOM: Final = 40  # columns that names in a table may take; longer ones lose their middle
_GAP: Final = "  "


class Layout:
    """A page of a width. `depth` is how many columns the trees around the current text take."""

    def __init__(self, width: int, color: bool, depth: int = 0) -> None:
        self.color = color
        self.depth = depth
        self.width = max(width, MIN_WIDTH)
        self.room = self.width - depth
        self.edge = min(self.width, EDGE) - depth

    def inner(self) -> Layout:
        """The layout inside one more branch of a tree."""
        return Layout(self.width, self.color, self.depth + BRANCH)

    def paint(self, text: object, style: str = "") -> Styled:
        """The text cleaned and styled."""
        return paint(text, style, self.color)

    def flow(self, text: str, indent: int = 0, style: str = "", hang: int = 0) -> Styled:
        """Prose, wrapped; lines after the first stand `hang` columns further in."""
        lines = [self.paint(line, style) for line in wrapped(text, self.edge - indent - hang)]
        return Styled(" " * indent + f"\n{' ' * (indent + hang)}".join(lines))

    def line(self, text: str, right: str = "") -> Styled:
        """A bold text at the left, shortened if need be, and a dim one at the right edge."""
        left = shorten(text, self.edge - (columns(clean(right)) + 2 if right else 0))
        return self._with_right(self.paint(left, "bold"), columns(left), right)

    def _with_right(self, painted: str, used: int, right: str) -> Styled:
        if not right:
            return Styled(painted)
        right = clean(right)
        gap = max(2, self.edge - used - columns(right))
        return Styled(painted + " " * gap + self.paint(right, "dim"))

    def item(
        self,
        symbol: str,
        style: str,
        address: str,
        words: str = "",
        words_style: str = "",
        right: str = "",
        heavy: bool = False,
    ) -> Styled:
        """`+ model/x  new, x-461c1a29          fleet.yaml:12`; words that don't fit go to lines of their own."""
        kept = columns(clean(right)) + 2 if right else 0
        name = shorten(address, self.edge - 2 - kept)
        used = 2 + columns(name)
        first = self.paint(symbol, style) + " " + self.paint(name, "bold" if heavy else "dim" if style == "dim" else "")
        words = clean(words)
        if not words:
            return self._with_right(first, used, right)
        if used + 2 + columns(words) + kept <= self.edge:
            return self._with_right(first + _GAP + self.paint(words, words_style), used + 2 + columns(words), right)
        return Styled(self._with_right(first, used, right) + "\n" + self.flow(words, 2, words_style))

    def labelled(self, labels: Sequence[tuple[str, str]], text: str, hang: int = 4, style: str = "") -> Styled:
        """`fleet.yaml:12:5  warning  MME-21  the message, wrapped`, lines after the first `hang` columns further in.

        The last label loses its middle where the labels alone don't fit.
        """
        shown = [(clean(label), style_of) for label, style_of in labels if label]
        used = sum(columns(label) + 2 for label, _ in shown)
        if used - 2 > self.edge:
            last, style_of = shown.pop()
            shown.append((shorten(last, columns(last) - (used - 2 - self.edge)), style_of))
        lines = wrapped(text, self.edge - hang, max(0, self.edge - used))
        head = _GAP.join(self.paint(label, style_of) for label, style_of in shown)
        first = [head + _GAP + self.paint(lines[0], style) if lines and lines[0] else head]
        return Styled("\n".join([*first, *(" " * hang + self.paint(line, style) for line in lines[1:])]))

    # --- values ---------------------------------------------------------------------------------------------------

    def fields(self, group: FieldGroup, indent: int) -> Styled:
        """The fields under one parent: `name  before → after  :line`, aligned."""
        lines = [" " * indent + shorten(group.parent, self.edge - indent)] if group.parent else []
        at = indent + 2 if group.parent else indent
        widest = min(_NAME_ROOM, max(columns(row.name) for row in group.rows))
        for row in group.rows:
            lines += self._field(row, at, widest)
        return Styled("\n".join(lines))

    def _field(self, row: FieldRow, indent: int, widest: int) -> list[str]:
        name, start = shorten(row.name, widest), indent + widest + 2
        caution = f"  ! {row.caution}" if row.caution else ""
        painted = self.paint(caution, "warning")
        used = start + columns(row.before) + 3 + columns(row.after) + len(caution)
        margin = " " * indent
        if used + (columns(row.line) + 2 if row.line else 0) <= self.edge:
            pair = f"{self.paint(row.before, 'before')} → {self.paint(row.after, 'after')}{painted}"
            return [self._with_right(margin + padded(name, widest + 2) + pair, used, row.line)]
        before, after = shorten_pair(row.before, row.after, self.room - indent - 4)
        return [
            self._with_right(margin + name + painted, indent + columns(name) + len(caution), row.line),
            f"{margin}    {self.paint(before, 'before')}",
            f"{margin}  → {self.paint(after, 'after')}",
        ]

    def values(self, group: FieldGroup, indent: int) -> Styled:
        """The fields of a new object under one parent: `name  value`, aligned and wrapped."""
        lines = [" " * indent + shorten(group.parent, self.edge - indent)] if group.parent else []
        at = indent + 2 if group.parent else indent
        widest = min(_NAME_ROOM, max(columns(row.name) for row in group.rows))
        start = at + widest + 2
        for row in group.rows:
            caution = f"  ! {row.caution}" if row.caution else ""
            first, *rest = _beside(row.after, self.edge - start - len(caution), self.edge - at - 2, start, at + 2)
            name = padded(shorten(row.name, widest), widest)
            lines.append(" " * at + self.paint(name, "dim") + _GAP + first + self.paint(caution, "warning"))
            lines += rest
        return Styled("\n".join(lines))

    def details(self, rows: Sequence[tuple[str, str]], indent: int) -> Styled:
        """`image  123456789012.dkr.ecr…`: labels aligned, values wrapped."""
        widest = max(columns(label) for label, _ in rows)
        start = indent + widest + 2
        lines = []
        for label, value in rows:
            first, *rest = _beside(value, self.room - start, self.room - indent - 2, start, indent + 2)
            lines.append(" " * indent + self.paint(label.ljust(widest), "dim") + _GAP + first)
            lines += rest
        return Styled("\n".join(lines))

    def table(self, rows: Iterable[Sequence[str]], indent: int) -> Styled:
        """Rows of cells, aligned, without rules. Columns that are empty everywhere take no room."""
        cells = [[clean(cell) for cell in row] for row in rows]
        widths = widths_of(cells)
        widths = narrowed(widths, self.room - indent - 2 * (sum(1 for width in widths if width) - 1))
        lines = []
        for row in cells:
            shown = [padded(shorten(cell, width), width) for cell, width in zip(row, widths, strict=True) if width]
            lines.append(" " * indent + _GAP.join(shown).rstrip())
        return Styled("\n".join(lines))

    def branch(self, text: str, last: bool) -> Styled:
        """Finished lines as a branch of a tree. The filter of `{% filter branch(…) %}` in the templates."""
        lines = [line for line in text.split("\n") if line.strip()]
        first, others = ("└", " ") if last else ("├", "│")
        branch = [f"  {self.paint(first if not n else others, 'dim')} {line}" for n, line in enumerate(lines)]
        return Styled("\n".join(branch) + "\n")


def _beside(text: str, room: int, below: int, start: int, indent: int) -> list[str]:
    """The lines of a value that begins beside its name, in `room` columns from the column `start` on.

    Where a word doesn't fit there, but on a line of its own (`below` columns from `indent` on), the value stands
    beneath its name: it is never broken within a word then, so that it can be copied.
    """
    longest = max(map(columns, clean(text).split()), default=0)
    if room < longest <= below:
        return ["", *(" " * indent + line for line in wrapped(text, below))]
    first, *rest = wrapped(text, room) or [""]
    return [first, *(" " * start + line for line in rest)]


def narrowed(widths: Sequence[int], room: int) -> list[int]:
    """The widths of a table's columns made to fit: the widest ones give way first."""
    fitted = list(widths)
    while sum(fitted) > room and max(fitted) > 1:
        widest = max(fitted)
        second = max((width for width in fitted if width < widest), default=1)
        number = fitted.count(widest)
        cut = max(widest - max(second, 1), 1)
        needed = -(-(sum(fitted) - room) // number)
        fitted = [width - min(cut, needed) if width == widest else width for width in fitted]
    return fitted


def shorten_pair(before: str, after: str, room: int) -> tuple[str, str]:
    """Two values shortened so that what differs stays in sight: what both begin with goes first."""
    if max(columns(before), columns(after)) <= room:
        return before, after
    common = takewhile(lambda pair: pair[0] == pair[1], zip(before, after, strict=False))
    drop = sum(1 for _ in common) - room // 3
    if drop > 1:
        before, after = f"…{before[drop:]}", f"…{after[drop:]}"
    return shorten(before, room), shorten(after, room)


# --- templates --------------------------------------------------------------------------------------------------------


def rendered(template: str, *, width: int, color: bool, **values: Any) -> str:
    """The named template with these values, as it is printed."""
    ui = Layout(width, color)
    return finished(_environment().get_template(template).render(ui=ui, tree=ui.inner(), **values))


@lru_cache(maxsize=1)
def _environment() -> Environment:
    text_environment = environment(lambda value: value if isinstance(value, Styled) else clean(value), autoescape=False)
    text_environment.filters["branch"] = lambda text, ui, last: ui.branch(text, last)
    return text_environment


def environment(finalize: Callable[[object], str], *, autoescape: bool) -> Environment:
    """A jinja2 environment over templates/, which hands whatever is interpolated to `finalize`."""
    return ImmutableSandboxedEnvironment(
        loader=PackageLoader("mmeplan.render", "templates"),
        autoescape=autoescape,
        finalize=finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
