"""Values as people read them: field values, traffic shares, counts, places in a file. Pure, text in and out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any, Final

from mmeplan.plan import FieldChange, Location, cautions
from mmeplan.render.door import is_masked
from mmeplan.render.style import clean, shorten_left

ABSENT: Final = "(absent)"
FILE_ROOM: Final = 40  # columns for `fleet.yaml:12`; longer paths lose their beginning

_LOOKS_OTHERWISE: Final = re.compile(r"[\[{\"'(]|(?:true|false|null|yes|no|-?\d[\d_.eE+-]*)$", re.IGNORECASE)
_PARENT: Final = re.compile(r"(.*?\benvironment|.*)\.(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class FieldRow:
    """One field that differs, as texts. `line` is `:12`, or empty. `caution` is a word of `plan.cautions`, or empty."""

    name: str
    before: str
    after: str
    line: str
    caution: str = ""


@dataclass(frozen=True, slots=True)
class FieldGroup:
    """The fields that stand under the same parent (`production_variants.large`; empty at the top)."""

    parent: str
    rows: tuple[FieldRow, ...]


def value_text(value: Any) -> str:
    """A value as in the file. Texts are quoted only where they would be read as something else."""
    if value is None:
        return ABSENT
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, str):
        plain = value == value.strip() != "" and "→" not in value and not _LOOKS_OTHERWISE.match(value)
        return clean(value if plain or is_masked(value) else json.dumps(value, ensure_ascii=False))
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(value_text, value)) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{clean(key)}: {value_text(item)}" for key, item in value.items()) + "}"
    return clean(value)


def field_groups(fields: Iterable[FieldChange], account: str = "") -> tuple[FieldGroup, ...]:
    """The fields by their parent; a parent stands before what is inside it. `account` is that of the plan."""
    fields = tuple(fields)
    words = cautions(fields, account)
    grouped: dict[str, list[FieldRow]] = {}
    for item in fields:
        split = _PARENT.fullmatch(item.field)  # the key of an environment variable stays whole
        parent, name = (clean(split[1]), clean(split[2])) if split else ("", clean(item.field))
        line = f":{item.line}" if item.line else ""
        row = FieldRow(name, value_text(item.before), value_text(item.after), line, words.get(item.field, ""))
        grouped.setdefault(parent, []).append(row)
    parents = sorted(grouped, key=lambda parent: parent.split("."))
    return tuple(FieldGroup(parent, tuple(grouped[parent])) for parent in parents)


def percent(share: str) -> str:
    """`2/3` → `66.7 %`. What is no fraction is shown as it stands."""
    if not share:
        return ""
    try:
        number = float(Fraction(share)) * 100
    except (ValueError, ZeroDivisionError, OverflowError):
        return clean(share).replace("%", " %")
    if 0 < number < 0.1:
        return "<0.1 %"
    return f"{number:.1f}".removesuffix(".0") + " %"


def before_after(before: str, after: str) -> str:
    """`2 → 4`, or the one value where both are the same."""
    return after if before == after else f"{before} → {after}"


def counted(number: int, word: str) -> str:
    """`1 endpoint`, `9,980 endpoints`."""
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"


def time_text(moment: str) -> str:
    """`2026-01-01 00:03 UTC`; what is no time in ISO 8601 is shown as it stands."""
    try:
        return f"{datetime.fromisoformat(moment).astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    except (ValueError, OverflowError):
        return clean(moment)


def place(location: Location) -> str:
    """`fleet.yaml:21`, empty where nothing in the file is meant."""
    if not location.line:
        return ""
    return shorten_left(f"{location.file}:{location.line}", FILE_ROOM)


def where(file: str, line: int, column: int) -> str:
    """`fleet.yaml:41:9`, as far as it is known."""
    if not file or not line:
        return shorten_left(file, FILE_ROOM)
    return shorten_left(f"{file}:{line}:{column}" if column else f"{file}:{line}", FILE_ROOM)


def listed(names: Sequence[str], room: int) -> str:
    """`a, b, c and 4 more`."""
    rest = f" and {len(names) - room:,} more" if len(names) > room else ""
    return ", ".join(names[:room]) + rest
