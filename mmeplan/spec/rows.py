"""Where an item of a `for_each` stands: in a table beside the fleet file, or in the fleet file itself.

Asked only where something is wrong with an item, so that nothing is kept of those that are right.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from mmeplan.errors import InputError
from mmeplan.spec.document import Document, FilePath, parse_document
from mmeplan.spec.for_each import CSV_DIALECT

_MEMBER: Final = re.compile(r"each\s*\.\s*value\s*(?:\.\s*(\w+)|\[\s*['\"]([^'\"]+)['\"]\s*\])")
_NAME: Final = re.compile(r"\{\{\s*(\w+)\s*\}\}")


@dataclass(frozen=True, slots=True)
class Table:
    """Where the items of a `for_each` are written: in a file, or at one of these places of the fleet file."""

    file: str = ""
    raw: bytes = field(default=b"", repr=False)
    places: tuple[FilePath, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """An item: its key, and its number from 0."""

    table: Table
    key: str
    index: int

    def told(self, expression: str, document: Document) -> str:
        """`stores.csv:3:15, key paris`: where the member that an expression uses stands, as far as it is known."""
        place = self.place(document, member_of(expression))
        return ", ".join(part for part in (place, f"key {self.key}") if part)

    def place(self, document: Document, member: str = "") -> str:
        """`stores.csv:3:15`: where a member of it stands, or it begins; empty where that isn't known."""
        if self.table.file.lower().endswith(".csv"):
            line, column = _cell(_text(self.table.raw), self.index, member)
            return f"{self.table.file}:{line}:{column}"
        if self.table.file:
            return _position(_parsed(self.table.file, _text(self.table.raw)), (), self, member)
        found = (_position(document, place, self, member) for place in self.table.places)
        return next(filter(None, found), "")


def member_of(expression: str) -> str:
    """The member of an item that an expression uses first; empty where it uses the item as a whole, or its key."""
    match = _MEMBER.search(expression)
    return (match[1] or match[2]) if match else ""


def table_of(written: Any, file: str, raw: bytes, path: FilePath, environment: str | None) -> Table:
    """The table of a `for_each` as written; `file` is the one that it names, and `raw` its bytes."""
    if file:
        return Table(Path(file).as_posix(), raw)
    name = _NAME.fullmatch(written.strip()) if isinstance(written, str) else None
    if name is None:
        return Table(places=(path,) if isinstance(written, (dict, list)) else ())
    of_environment = (("environments", environment, "variables", name[1]),) if environment else ()
    return Table(places=(*of_environment, ("variables", name[1])))


def _position(document: Document | None, base: FilePath, row: Row, member: str) -> str:
    """The place of a member of an item in a YAML document; empty where there is none."""
    if document is None:
        return ""
    for item in (row.key, row.index):
        for path in ((*base, item, member), (*base, item)):
            found = document.position(path) if path[-1] != "" else None
            if found is not None:
                return f"{document.file}:{found[0]}:{found[1]}"
    return ""


def _text(raw: bytes) -> str:
    return raw.decode("utf-8-sig", "replace")


@lru_cache(maxsize=4)
def _parsed(file: str, text: str) -> Document | None:
    """A YAML or JSON table with its places: JSON is YAML, but for some corners."""
    try:
        return parse_document(file, text)
    except (InputError, RecursionError):
        return None


@lru_cache(maxsize=4)
def _lines(text: str) -> tuple[Mapping[str, int], tuple[int, ...]]:
    """The columns of a CSV table by name, and the line in which each row begins, from 1."""
    reader = csv.reader(io.StringIO(text, newline=""), **CSV_DIALECT)
    header = {column.strip(): number for number, column in enumerate(next(reader, []))}
    lines, before = [], reader.line_num
    for row in reader:
        if row:
            lines.append(before + 1)
        before = reader.line_num
    return header, tuple(lines)


def _cell(text: str, index: int, member: str) -> tuple[int, int]:
    """Line and column, from 1, of a row's cell in that column; of the row's first one where there is no such column."""
    header, lines = _lines(text)
    line, column, cell, quoted = lines[index], 1, 0, False
    wanted = header.get(member, 0)
    rest = "".join(io.StringIO(text, newline="").readlines()[line - 1 :])
    for char in rest:
        if cell == wanted and (quoted or char != " "):
            break
        column += 1
        if char == '"':
            quoted = not quoted
        elif char == "," and not quoted:
            cell += 1
        elif char == "\n":
            line, column = line + 1, 1
    return line, column
