"""Text for terminals: cleaning, measuring, shortening, wrapping and painting. The leaves that every renderer stands on.

In: any text, hostile ones included. Out: text without control characters that is as wide as it says. A name from a
fleet file or from AWS can never write an escape sequence, because `paint` cleans before it colours.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Final

CODES: Final = {
    "bold": "1",
    "dim": "2",
    "create": "32",
    "update": "33",
    "delete": "31",
    "before": "31",
    "after": "32",
    "danger": "1;31",
    "warning": "33",
    "good": "1;32",
}
"""Styles by what they mean, as SGR codes. Everything is understandable without them."""

MAX_PROSE: Final = 2_000  # columns of one message: nobody reads on, and a hostile one shall not fill the screen
_TRAILING: Final = re.compile(r"\s+((?:\x1b\[[0-9;]*m)*)$")  # spaces at the end of a line, coloured or not
_SHORT_ESCAPES: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_BREAK_AFTER: Final = "/-_.,:;=&"
_BREAK_WITHIN: Final = 24  # columns from the end of a line in which a better place to break a long word is looked for


class Styled(str):
    """Text that was cleaned already and may hold colours and line breaks of our own making."""

    __slots__ = ()


def clean(value: object) -> str:
    """The value as one line of printable text: control, format and bidi characters become visible escapes."""
    text = value if isinstance(value, str) else str(value)
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _visible(char) for char in text)


def _visible(char: str) -> str:
    if char in _SHORT_ESCAPES:
        return _SHORT_ESCAPES[char]
    if unicodedata.category(char) == "Zs":
        return " "
    code = ord(char)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def columns(text: str) -> int:
    """How many terminal columns a cleaned text takes: wide characters two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(map(_columns_of, text))


def _columns_of(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def padded(text: str, width: int) -> str:
    """The cleaned text with spaces up to `width` columns."""
    return text + " " * (width - columns(text))


def widths_of(rows: Sequence[Sequence[str]]) -> list[int]:
    """The width of each column of a table of cleaned cells."""
    return [max(map(columns, column)) for column in zip(*rows, strict=True)]


def head_of(text: str, room: int) -> str:
    """As much of the beginning as fits into `room` columns."""
    if text.isascii():
        return text[: max(0, room)]
    used = 0
    for index, char in enumerate(text):
        used += _columns_of(char)
        if used > room:
            return text[:index]
    return text


def tail_of(text: str, room: int) -> str:
    """As much of the end as fits into `room` columns."""
    return head_of(text[::-1], room)[::-1]


def shorten(text: str, room: int) -> str:
    """The cleaned text in at most `room` columns, its middle left out: `arn:aws:…/predictor`."""
    text = clean(text)
    if columns(text) <= room:
        return text
    front = (room - 1) // 2
    return f"{head_of(text, front)}…{tail_of(text, room - 1 - front)}"


def shorten_left(text: str, room: int) -> str:
    """The cleaned text in at most `room` columns, its beginning left out: `…/fleets/prod.yaml:12`."""
    text = clean(text)
    return text if columns(text) <= room else f"…{tail_of(text, room - 1)}"


def wrapped(text: str, room: int, first: int | None = None) -> list[str]:
    """The cleaned text as lines of at most `room` columns (the first one: `first`).

    Broken between words, and inside words that are too long. A first line too short for any word is empty.
    """
    lines: list[str] = []
    line, used = "", 0
    left = room if first is None else first
    for word in shorten(text, MAX_PROSE).split():
        if first is not None and not line and not lines and columns(word) > left:
            lines, left = [""], room
        for piece in _pieces(word, room):
            taken = columns(piece)
            if line and used + 1 + taken <= left:
                line, used = f"{line} {piece}", used + 1 + taken
                continue
            if line:
                lines.append(line)
                left = room
            line, used = piece, taken
    return [*lines, line] if line else lines


def _pieces(word: str, room: int) -> Iterator[str]:
    """A word in parts that fit a line each, broken after punctuation where there is some."""
    while columns(word) > room:
        head = head_of(word, room) or word[0]
        slash = head.rfind("/") + 1  # between the parts of a path or an image, where there is one
        cut = max((head.rfind(mark) for mark in _BREAK_AFTER), default=-1) + 1
        if slash > len(head) // 2:
            head = head[:slash]
        elif 0 < cut < len(head) and len(head) - cut <= _BREAK_WITHIN:
            head = head[:cut]
        yield head
        word = word[len(head) :]
    if word:
        yield word


def paint(text: object, style: str, color: bool) -> Styled:
    """The text cleaned, then coloured. Styled text is taken as it is."""
    cleaned = text if isinstance(text, Styled) else clean(text)
    if not color or not style or not cleaned.strip():
        return Styled(cleaned)
    return Styled(f"\x1b[{CODES[style]}m{cleaned}\x1b[0m")


def finished(text: str) -> str:
    """A rendering as it is printed: no trailing spaces, never two empty lines in a row, one newline at the end."""
    lines: list[str] = []
    for line in (_TRAILING.sub(r"\1", part) for part in text.strip("\n").split("\n")):
        if line or (lines and lines[-1]):
            lines.append(line)
    return "\n".join(lines) + "\n"
