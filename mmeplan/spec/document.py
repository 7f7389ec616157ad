"""YAML text → plain values and the position of each of them, in one pass over libyaml's events.

In: text. Out: `Document` (values + positions).

Why not `yaml.safe_load`: fleet.yaml promises YAML 1.2 scalars (`no` and `22:22` are texts, `012` is twelve), duplicate
keys as errors with both lines, limits against alias bombs and deep nesting, and the line of every key, for 10,000
endpoints in about a second. PyYAML does the parsing; what an event becomes is decided here. Tags that would build
objects are refused.

A number remembers how it was written where that differs from how Python would write it: `1.10` is 1.1 where a number is
wanted, but "1.10" where an environment value or a piece of text is wanted. A version must not lose its zero.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

import yaml
from yaml.error import MarkedYAMLError
from yaml.events import AliasEvent, DocumentStartEvent, MappingStartEvent, NodeEvent, ScalarEvent
from yaml.reader import ReaderError

from mmeplan.errors import InputError, Problem
from mmeplan.spec.budget import MAX_READ, Budget

FilePath = tuple[str | int, ...]

MAX_BYTES: Final = 64 * 1024 * 1024  # 10,000 endpoints written out are about 10 MB
MAX_DEPTH: Final = 64  # the request shapes nest twelve deep
MAX_PROBLEMS: Final = 1000  # a file can be wrong in every line; nobody reads more than this at once
MAX_ALIAS_NODES: Final = 1_000_000  # nodes that aliases may add: what an alias bomb lives on

_TAGS = {
    "tag:yaml.org,2002:str": str,
    "tag:yaml.org,2002:map": dict,
    "tag:yaml.org,2002:seq": list,
    "!": str,
}
_SHALLOW: Final = 3  # keys: a section, an entry, a key of an entry. Deeper places are looked up when they are shown
_DEEP: Final = 2 * MAX_DEPTH
_TOO_MANY: Final = f"more than {MAX_READ:,} values in the fleet file and its `for_each` files"
_COLUMN_BITS: Final = 20
_MAX_COLUMN: Final = (1 << _COLUMN_BITS) - 1
_UNQUOTED = re.compile(r"\{\{.*?\}\}")
_STARTS_UNQUOTED = re.compile(r"[:\[,-]\s+(\{\{.*\}\}[^\s,\]}#]*)")
_LINE_END = re.compile("\r\n|[\n\r\x85\u2028\u2029]")  # what libyaml counts as the end of a line

Positions = dict[Any, Any]
"""Of a mapping: key → packed position of the key, (key,) → Positions of its value. Of a list: index likewise."""


@dataclass(frozen=True, slots=True)
class Document:
    """The value of a YAML file, and where everything in it stands.

    `positions` go as deep as plans of large fleets show them; the first look further down reads the text once more.
    `problems` are those after which reading went on; `failed` are the places whose value they left open.
    """

    file: str
    value: Any
    positions: Positions
    text: str
    problems: tuple[Problem, ...] = ()
    failed: frozenset[tuple[int, int]] = frozenset()
    _lines: list[str] = field(default_factory=list, repr=False, compare=False)
    _deep: list[Positions] = field(default_factory=list, repr=False, compare=False)

    def without_value(self) -> Document:
        """The places alone: what is kept once the value has become something else."""
        return Document(self.file, None, self.positions, self.text)

    def position(self, path: FilePath) -> tuple[int, int] | None:
        """Line and column, both from 1, of the key or item at `path`; None where the file has no such path."""
        here: Positions | None = self.positions if len(path) <= _SHALLOW else self._all_positions()
        packed = 0
        for depth, part in enumerate(path):
            if here is None or part not in here:
                return None
            packed = here[part]
            here = here.get((part,)) if depth < len(path) - 1 else here
        return _unpacked(packed)

    def _all_positions(self) -> Positions:
        if not self._deep:
            self._deep.append(_Reader(self.file, self.text, _DEEP).read()[1])
        return self._deep[0]

    def nearest(self, path: FilePath) -> tuple[int, int]:
        """Position of the path, or of the closest part of it that the file has."""
        for end in range(len(path), 0, -1):
            found = self.position(path[:end])
            if found:
                return found
        return (1, 1)

    def line(self, number: int) -> str:
        """The text of a line, counted from 1, without its end."""
        if not self._lines:
            self._lines.extend(lines_of(self.text))
        return self._lines[number - 1] if 0 < number <= len(self._lines) else ""


def dotted(path: Iterable[str | int]) -> str:
    """`endpoints.ranker.containers[0].image`, the way problems and findings name a place."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else (f".{part}" if text else part)
    return text


def lines_of(text: str) -> list[str]:
    """The lines of a text, counted as libyaml counts them, without their ends."""
    return _LINE_END.split(text)


def read_document(file: str, text: str, budget: Budget | None = None) -> Document:
    """Parse one YAML document in which nothing is wrong; its values are drawn from the budget.

    Raises InputError: not YAML, several documents, duplicate keys (all of them), or a limit exceeded.
    """
    document = parse_document(file, text, budget)
    if document.problems:
        raise InputError(document.problems)
    return document


def parse_document(file: str, text: str, budget: Budget | None = None) -> Document:
    """Parse one YAML document. What hides nothing else (a duplicate key, a merge key, a tag, an alias without an
    anchor) is in its `problems`, so that what else is wrong with the file can be told too.

    Raises InputError: not YAML, several documents, or a limit exceeded.
    """
    if len(text) > MAX_BYTES:
        raise InputError([Problem(f"the file is larger than {MAX_BYTES // 2**20} MiB", file)])
    budget = budget or Budget()
    reader = _Reader(file, text, max_nodes=MAX_READ - budget.nodes_read)
    try:
        value, positions = reader.read()
    except ReaderError as error:
        raise InputError([_character_problem(file, text, error)]) from None
    except MarkedYAMLError as error:
        raise InputError([_syntax_problem(file, text, error)]) from None
    except UnicodeError as error:
        raise InputError([Problem(f"not valid text: {error}", file)]) from None
    budget.read(reader.nodes)
    return Document(file, value, positions, text, tuple(reader.problems), frozenset(reader.failed))


def _syntax_problem(file: str, text: str, error: MarkedYAMLError) -> Problem:
    mark: Any = error.problem_mark  # libyaml marks each of its problems
    lines = lines_of(text)
    source = lines[mark.line] if mark.line < len(lines) else ""
    hint = "indent with spaces; YAML does not allow tabs" if "\t" in source[: mark.column + 1] else ""
    if value := _STARTS_UNQUOTED.search(source):
        hint = f'a value that begins with an expression needs quotes: "{value[1]}"'
    return Problem(f"not valid YAML: {error.problem}", file, mark.line + 1, mark.column + 1, "", hint, source)


def _character_problem(file: str, text: str, error: ReaderError) -> Problem:
    """A character that YAML forbids; libyaml tells its place as an offset in bytes."""
    before = lines_of(text.encode()[: error.position].decode(errors="ignore"))
    code = error.character if isinstance(error.character, int) else ord(error.character[:1] or "\0")
    source = lines_of(text)[len(before) - 1].replace("\0", "")
    return Problem(
        f"not valid YAML: the character U+{code:04X} is not allowed",
        file,
        len(before),
        len(before[-1]) + 1,
        "",
        'inside double quotes it may be written "\\xNN"',
        source,
    )


@dataclass(frozen=True, slots=True)
class _Anchored:
    """What an alias stands for: its value, where its parts stand, how many nodes it has, and how deep they nest."""

    value: Any
    positions: Positions
    nodes: int
    height: int


class _Reader:
    """Builds values from events. One instance reads one document."""

    def __init__(self, file: str, text: str, recorded_depth: int = _SHALLOW, max_nodes: int = MAX_READ) -> None:
        self.file = file
        self.max_nodes = max_nodes
        self.text = text
        self.recorded_depth = recorded_depth
        self.words: dict[str, Any] = {}  # plain scalars met so far: a fleet says the same few words again and again
        self.lines: list[str] = []
        self.problems: list[Problem] = []
        self.failed: set[tuple[int, int]] = set()
        self.expressions: set[tuple[int, int]] = set()  # where one stands without quotes, from 0
        self.anchors: dict[str, _Anchored] = {}
        self.alias_nodes = 0
        self.nodes = 0
        self.deepest = 0  # of the collections read since the innermost anchored one began

    def read(self) -> tuple[Any, Positions]:
        parser = yaml.CSafeLoader(self.text)
        try:
            documents = 0
            value: Any = None
            positions: Positions = {}
            while (event := parser.get_event()) is not None:
                if isinstance(event, DocumentStartEvent):
                    documents += 1
                    if documents > 1:
                        self._refuse(event, "a fleet file holds one YAML document; this is a second one")
                        break
                    value, positions = self._node(parser, parser.get_event(), 0)
            return value, positions
        finally:
            parser.dispose()

    def _refuse(self, event: Any, message: str, hint: str = "") -> None:
        self.lines = self.lines or lines_of(self.text)
        line, column = event.start_mark.line, event.start_mark.column
        source = self.lines[line] if line < len(self.lines) else ""
        self.problems.append(Problem(message, self.file, line + 1, column + 1, "", hint, source))
        if len(self.problems) >= MAX_PROBLEMS:
            raise InputError(self.problems)

    def _stop(self, event: Any, message: str, hint: str = "") -> NoReturn:
        self._refuse(event, message, hint)
        raise InputError(self.problems)

    def _node(self, parser: Any, event: Any, depth: int) -> tuple[Any, Positions]:
        self.nodes += 1
        kind = event.__class__
        if kind is AliasEvent:
            return self._alias(event, depth)
        if self.nodes > self.max_nodes:
            self._stop(event, _TOO_MANY)
        if kind is ScalarEvent:
            return self._scalar(event), {}
        if depth >= MAX_DEPTH:
            self._stop(event, f"nested deeper than {MAX_DEPTH} levels")
        outer, self.deepest = self.deepest, depth
        start = self.nodes
        value: Any
        if kind is MappingStartEvent:
            self._check_tag(event, dict)
            value, positions = self._mapping(parser, depth)
        else:
            self._check_tag(event, list)
            value, positions = self._sequence(parser, depth)
        if event.anchor:
            nodes, height = self.nodes - start + 1, self.deepest - depth + 1
            self.anchors[event.anchor] = _Anchored(value, positions, nodes, height)
        self.deepest = max(outer, self.deepest)
        return value, positions

    def _mapping(self, parser: Any, depth: int) -> tuple[dict[str, Any], Positions]:
        value: dict[str, Any] = {}
        positions: Positions = {}
        get_event = parser.get_event
        while (event := get_event()).__class__ is ScalarEvent or isinstance(event, NodeEvent):
            if event.__class__ is not ScalarEvent:
                self._refuse_key(event)
                self._node(parser, event, depth + 1)
                self._node(parser, parser.get_event(), depth + 1)
                continue
            key = sys.intern(event.value)
            if event.tag or event.anchor:
                self._check_tag(event, str)
            if event.anchor:
                self.anchors[event.anchor] = _Anchored(event.value, {}, 1, 0)
            if key in value:
                self._duplicate(parser, event, value, positions, depth)
                continue
            if key == "<<" and not event.style:
                self._refuse(event, "YAML 1.2 has no merge keys ('<<')", "use `defaults:` or repeat the value")
                self._node(parser, get_event(), depth + 1)
                continue
            positions[key] = _packed(event)
            known = len(self.problems)
            inner = get_event()
            if inner.__class__ is ScalarEvent:
                self.nodes += 1
                if self.nodes > self.max_nodes:
                    self._stop(inner, _TOO_MANY)
                value[key] = self._scalar(inner)
            else:
                value[key], below = self._node(parser, inner, depth + 1)
                if below and depth + 1 < self.recorded_depth:
                    positions[(key,)] = below
            if len(self.problems) > known and (_is_open(inner, value[key]) or self._is_unquoted(inner)):
                self.failed.add(_unpacked(positions[key]))
        return value, positions

    def _refuse_key(self, event: Any) -> None:
        """A mapping or list as a key: an expression without quotes is such a mapping to YAML."""
        self.lines = self.lines or lines_of(self.text)
        mark = event.start_mark
        expression = _UNQUOTED.match(self.lines[mark.line], max(0, mark.column - 1))
        if expression is None:
            self._refuse(event, "a mapping key must be a plain word or a quoted text")
            return
        self.expressions.add((mark.line, mark.column - 1))
        self._refuse(event, "an expression needs quotes around the whole value", f'write "{expression[0]}"')

    def _duplicate(self, parser: Any, event: Any, value: dict[str, Any], positions: Positions, depth: int) -> None:
        """A key that stands in the mapping already. Of two mappings both are looked at further, else the first."""
        key, first = event.value, (positions[event.value] >> _COLUMN_BITS) + 1
        self._refuse(event, f"duplicate key {key!r}; it stands in line {first} already", "remove one of them")
        again, below = self._node(parser, parser.get_event(), depth + 1)
        if isinstance(value[key], dict) and isinstance(again, dict):
            value[key], there = _joined(value[key], positions.get((key,), {}), again, below)
            if there and depth + 1 < self.recorded_depth:
                positions[(key,)] = there

    def _sequence(self, parser: Any, depth: int) -> tuple[list[Any], Positions]:
        value: list[Any] = []
        positions: Positions = {}
        while isinstance(event := parser.get_event(), NodeEvent):
            index = len(value)
            positions[index] = _packed(event)
            known = len(self.problems)
            item, below = self._node(parser, event, depth + 1)
            value.append(item)
            if len(self.problems) > known and (_is_open(event, item) or self._is_unquoted(event)):
                self.failed.add(_unpacked(positions[index]))
            if below and depth + 1 < self.recorded_depth:
                positions[(index,)] = below
        return value, positions

    def _is_unquoted(self, event: Any) -> bool:
        """Whether a mapping is an expression that stands there without quotes."""
        return (event.start_mark.line, event.start_mark.column) in self.expressions

    def _alias(self, event: Any, depth: int) -> tuple[Any, Positions]:
        anchored = self.anchors.get(event.anchor)
        if anchored is None:
            self._refuse(event, f"alias *{event.anchor} has no anchor before it")
            return None, {}
        self.alias_nodes += anchored.nodes
        self.nodes += anchored.nodes
        self.deepest = max(self.deepest, depth + anchored.height - 1)
        if self.alias_nodes > MAX_ALIAS_NODES:
            self._stop(event, f"aliases expand to more than {MAX_ALIAS_NODES:,} nodes")
        if depth + anchored.height > MAX_DEPTH:
            self._stop(event, f"nested deeper than {MAX_DEPTH} levels")
        if self.nodes > self.max_nodes:
            self._stop(event, _TOO_MANY)
        return anchored.value, anchored.positions

    def _check_tag(self, event: Any, kind: type) -> None:
        if event.tag and _TAGS.get(event.tag) is not kind:
            self._refuse(event, f"the tag {event.tag} is not allowed", "fleet files hold plain values only")

    def _scalar(self, event: Any) -> Any:
        text: str = event.value
        value: Any = text
        if event.tag:
            self._check_tag(event, str)
        elif not event.style:
            value = self.words[text] if text in self.words else self.words.setdefault(text, plain_scalar(text))
        if event.anchor:
            self.anchors[event.anchor] = _Anchored(value, {}, 1, 0)
        return value


def _packed(event: Any) -> int:
    """Line and column of an event, from 0, in one integer."""
    mark = event.start_mark
    return int((mark.line << _COLUMN_BITS) | min(mark.column, _MAX_COLUMN))


def _is_open(event: Any, value: Any) -> bool:
    """Whether a problem of this very node leaves its value open: a collection's may be those of its parts."""
    if not isinstance(value, (dict, list)):
        return True
    return bool(getattr(event, "tag", None)) and _TAGS.get(event.tag) is not type(value)


def _unpacked(packed: int) -> tuple[int, int]:
    """Line and column, both from 1."""
    return ((packed >> _COLUMN_BITS) + 1, (packed & _MAX_COLUMN) + 1)


def _joined(
    first: dict[str, Any], places: Positions, second: dict[str, Any], further: Positions
) -> tuple[dict[str, Any], Positions]:
    """Two mappings under one key as one, the first before the second where both have a key that isn't a mapping."""
    value, positions = {**second, **first}, {**further, **places}
    for key in first.keys() & second.keys():
        if isinstance(first[key], dict) and isinstance(second[key], dict):
            below = (places.get((key,), {}), further.get((key,), {}))
            value[key], positions[(key,)] = _joined(first[key], below[0], second[key], below[1])
    return value, positions


# --- scalars: the core schema of YAML 1.2, for YAML files, CSV cells and --var ----------------------------------------


MAX_NUMBER_CHARS: Final = 400  # a longer number is a text: nothing in the API is that large

_INTEGER = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEX = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_CONSTANTS: Final[dict[str, Any]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INFINITIES: Final = frozenset({".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF"})
_NOT_NUMBERS: Final = frozenset({".nan", ".NaN", ".NAN"})
_NUMBER_STARTS: Final = frozenset("0123456789+-.")


class Written:
    """A number whose text is how it was written."""

    written: str

    def __str__(self) -> str:
        return self.written


class WrittenInteger(Written, int):
    """`0x1F`, `012`, `+5`."""


class WrittenNumber(Written, float):
    """`1.10`, `1e3`."""


def plain_scalar(text: str) -> Any:
    """The value of an unquoted scalar."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text[0] in _NUMBER_STARTS and len(text) <= MAX_NUMBER_CHARS:
        return _number(text)
    return text


def _number(text: str) -> Any:
    if _INTEGER.fullmatch(text):
        return _as_written(text, int(text))
    if _FLOAT.fullmatch(text):
        return _as_written(text, float(text))
    if _OCTAL.fullmatch(text):
        return _as_written(text, int(text[2:], 8))
    if _HEX.fullmatch(text):
        return _as_written(text, int(text[2:], 16))
    if text in _INFINITIES:
        return _as_written(text, float(text.replace(".", "").lower()))
    return _as_written(text, float("nan")) if text in _NOT_NUMBERS else text


def _as_written(text: str, value: int | float) -> int | float:
    """The number; with its text where Python would write it in another way."""
    if str(value) == text:
        return value
    kept = WrittenInteger(value) if isinstance(value, int) else WrittenNumber(value)
    kept.written = text
    return kept
