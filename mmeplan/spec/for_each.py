"""`for_each`: the items that one entry is expanded over, inline, from an expression or from a file.

In: the value of a `for_each` key. Out: `(key, value)` pairs, each becoming `each.key` and `each.value`.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NoReturn

from mmeplan.errors import InputError
from mmeplan.spec.budget import Budget
from mmeplan.spec.document import MAX_BYTES, plain_scalar, read_document
from mmeplan.spec.expressions import MARK, pieces
from mmeplan.spec.fleet import NamePattern, Source

MAX_ITEMS: Final = 100_000
CSV_DIALECT: Final[Mapping[str, Any]] = {"strict": True}
MAX_TEXT_BYTES: Final = 2**20  # the API takes 32 KB for all of a model's environment
_JSON_TEXT: Final = re.compile(r'"(?:[^"\\]|\\.)*+"?', re.DOTALL)
FILE_TYPES: Final = ("yaml", "yml", "json", "csv")

_FOREIGN_DELIMITER: Final = re.compile(r"[;\t|]")

Items = list[tuple[str, Any]]


class ForEachError(Exception):
    """A `for_each` that can't be expanded; the message is a sentence. `items` are the numbers of those it is about."""

    def __init__(self, message: str, *items: int) -> None:
        super().__init__(message)
        self.items = items


_TEXT_STEP: Final = 16  # characters of a text that are a step of the budget


Opened = Callable[[str, int], bytes]


class ItemFiles:
    """Reads the files beside fleet.yaml that the file names, each once, and remembers their digests.

    `opened` takes the place of the file system: it gives so many bytes of a file at most, or raises OSError.
    """

    def __init__(self, folder: Path, budget: Budget | None = None, opened: Opened | None = None) -> None:
        self.folder = folder
        self.is_of_folder = opened is None
        self._opened = opened or self._beside
        self.budget = budget or Budget()
        self._read: dict[str, Any] = {}
        self.raw: dict[str, bytes] = {}
        self._texts: dict[str, str] = {}
        self.sources: dict[str, Source] = {}

    def items(self, name: str) -> Any:
        """The content of a YAML, JSON or CSV file. Raises ForEachError, OverBudgetError."""
        if name not in self._read:
            raw = self._bytes(name, MAX_BYTES)
            self.raw[name] = raw
            self._read[name] = content_of(name, raw, self.budget)
        return self._read[name]

    def text(self, name: str) -> str:
        """The content of a text file, as it stands there. Raises ForEachError, OverBudgetError."""
        if name not in self._texts:
            text = _decoded(name, self._bytes(name, MAX_TEXT_BYTES))
            if "\0" in text:
                raise ForEachError(f"{name!r} holds a NUL, which no environment variable can")
            self._texts[name] = text
            self.budget.make(0, len(text))
        self.budget.work(len(self._texts[name]) // _TEXT_STEP)  # each entry that has it is looked at with all of it
        return self._texts[name]

    def _bytes(self, name: str, most: int) -> bytes:
        try:
            raw = self._opened(name, most)
        except (OSError, ValueError) as error:  # ValueError: a NUL in the name
            reason = getattr(error, "strerror", None) or error
            raise ForEachError(f"can't read {name!r}: {reason}") from None
        if len(raw) > most:
            raise ForEachError(f"{name!r} is larger than {most // 2**20} MiB")
        self.sources[name] = Source(name, hashlib.sha256(raw).hexdigest())
        return raw

    def _beside(self, name: str, most: int) -> bytes:
        path = self.folder / name
        if Path(name).is_absolute() or not _real(path).is_relative_to(shared_folder(_real(self.folder))):
            raise ForEachError(f"{name!r} must lie beside the fleet file, below it, or elsewhere in its git repository")
        if path.exists() and not path.is_file():
            raise ForEachError(f"{name!r} is not a file")
        with path.open("rb") as stream:
            return stream.read(most + 1)


def shared_folder(folder: Path) -> Path:
    """The folder whose files a fleet file may read: the root of its git repository; its own where it is in none."""
    return next((above for above in (folder, *folder.parents) if (above / ".git").exists()), folder)


def _real(path: Path) -> Path:
    """Where a path leads. Unlike `Path.resolve` it raises nothing for links that lead in a circle; reading does."""
    return Path(os.path.realpath(path))


def items_of(value: Any, files: ItemFiles) -> Items:
    """The pairs of an evaluated `for_each` value.

    A mapping gives its own keys. A list of texts or numbers gives each as key and value; a list of mappings is keyed
    by the item's `key`, else its `name`, else (CSV) its first column. Raises ForEachError.
    """
    if file := file_of(value):
        value = files.items(file)
    if isinstance(value, dict):
        pairs = [(str(key), item) for key, item in value.items()]
    elif isinstance(value, list):
        pairs = [(_key(item, index), item) for index, item in enumerate(value)]
    else:
        raise ForEachError("expected a list, a mapping, or {file: NAME}")
    if len(pairs) > MAX_ITEMS:
        raise ForEachError(f"more than {MAX_ITEMS:,} items")
    seen: dict[str, int] = {}
    for index, (key, _) in enumerate(pairs):
        if key in seen:
            raise ForEachError(f"two items have the key {key!r}", seen[key], index)
        seen[key] = index
    return pairs


def name_pattern(template: str, names: Mapping[str, Any], budget: Budget | None = None) -> NamePattern:
    """The form of the names that an entry's name makes; without an expression in it they are `NAME-KEY`."""
    found = pieces(template, names, budget) if MARK in template else [f"{template}-", None]
    regex = "".join(".+" if piece is None else re.escape(piece) for piece in found)
    return NamePattern(re.compile(regex, re.DOTALL), "".join(piece or "" for piece in found))


def file_of(value: Any) -> str:
    """The file that an evaluated value, `{file: NAME}`, names; empty where it names none."""
    named = isinstance(value, dict) and set(value) == {"file"} and isinstance(value["file"], str)
    return value["file"] if named else ""


def _key(item: Any, index: int) -> str:
    if isinstance(item, dict):
        for name in ("key", "name", *list(item)[:1]):
            if _is_key(item.get(name)):
                return str(item[name])
        raise ForEachError(f"item {index} has no `key` or `name`", index)
    if _is_key(item):
        return str(item)
    raise ForEachError(f"item {index} can't be a key; use a mapping with a `key`", index)


def _is_key(value: Any) -> bool:
    return isinstance(value, (str, int, float)) and not isinstance(value, bool) and value != ""


def _decoded(name: str, raw: bytes) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ForEachError(f"{name!r} is not UTF-8: {error.reason} at byte {error.start}") from None


def content_of(name: str, raw: bytes, budget: Budget) -> Any:
    """What a YAML, JSON or CSV file holds, by the end of its name. Raises ForEachError."""
    text = _decoded(name, raw)
    suffix = Path(name).suffix.lower()
    if suffix == ".csv":
        return _csv(name, text, budget)
    if suffix == ".json":
        return _json(name, text, budget)
    if suffix in (".yaml", ".yml"):
        try:
            return read_document(name, text, budget).value
        except InputError as error:
            raise ForEachError(str(error)) from None
    raise ForEachError(f"{name!r}: expected a file of the type {', '.join(FILE_TYPES)}")


def _json(name: str, text: str, budget: Budget) -> Any:
    budget.read(_json_nodes(text))

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(found)
        if len(made) < len(found):
            raise ForEachError(f"{name!r}: an object has the same key twice: {', '.join(key for key, _ in found)}")
        return made

    def refuse(word: str) -> NoReturn:
        raise ForEachError(f"{name!r} is not JSON: {word} is not a value")

    try:
        value = json.loads(text, object_pairs_hook=pairs, parse_constant=refuse)
        json.dumps(value, ensure_ascii=False).encode()  # half of a surrogate pair is no text
    except (ValueError, RecursionError) as error:  # ValueError: also an integer of thousands of digits
        raise ForEachError(f"{name!r} is not JSON: {error}") from None
    return value


def _json_nodes(text: str) -> int:
    """How many values the text of a JSON file has, at most: each is followed by a comma or an end."""
    without_texts = _JSON_TEXT.sub("", text)
    return sum(map(without_texts.count, ",]}")) + 1


def _csv(name: str, text: str, budget: Budget) -> list[dict[str, Any]]:
    """Rows as mappings; cells are read as YAML scalars, so that `2` is a number and `no` is a text."""
    reader = csv.reader(io.StringIO(text, newline=""), **CSV_DIALECT)
    try:
        header = [column.strip() for column in next(reader, [])]
        if len(header) == 1 and (found := _FOREIGN_DELIMITER.search(header[0])):
            raise ForEachError(f"{name}:1: the columns are separated by {found[0]!r}; save the table with commas")
        if len(set(header)) < len(header) or not all(header):
            raise ForEachError(f"{name}:1: the columns of the header must have names, each its own")
        rows = []
        for row in reader:
            if not row:
                continue  # an empty line
            budget.read(1 + len(row))
            if len(row) != len(header):
                raise ForEachError(
                    f"{name}:{reader.line_num}: the row has {len(row)} cells, the header has {len(header)}"
                )
            rows.append({column: _cell(cell.strip()) for column, cell in zip(header, row, strict=True)})
        return rows
    except csv.Error as error:
        raise ForEachError(f"{name}:{reader.line_num}: not CSV: {error}") from None


def _cell(text: str) -> Any:
    return plain_scalar(text) if text else ""
