"""What to write instead of a key that isn't known, and of a text where a number belongs.

In: the key or value, and the nodes of the language around it. Out: the end of a sentence, or an empty text.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from mmeplan.aws.shapes import snake
from mmeplan.spec.document import plain_scalar

if TYPE_CHECKING:
    from mmeplan.spec.surface import Node

_MOST_MEANT: Final = 3  # keys of which a word may be a part before all of them are listed
_SURE: Final = 0.85  # likeness of a misspelled key
_SHORTEST_PART: Final = 3  # characters
_AMOUNT: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z%]+)")
_SECONDS: Final = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
_MEBIBYTES: Final = {"mb": 1, "mib": 1, "m": 1, "gb": 1024, "gib": 1024, "g": 1024}
_UNITS: Final[Mapping[str, Mapping[str, int | Fraction]]] = {
    "in_seconds": _SECONDS,
    "in_mb": _MEBIBYTES,
    "in_gb": {unit: Fraction(size, 1024) for unit, size in _MEBIBYTES.items()},
}
"""End of a key → how many of its unit one of another is."""


def unknown_key(key: str, value: Any, holders: Sequence[tuple[str, Node]]) -> tuple[str, str]:
    """What is said of a key that isn't known, and what to write. `holders` are the nodes around it with their keys, the
    outermost first.
    """
    node = holders[-1][1] if holders else None
    known = sorted(node.keys) if node else []
    if node is None or not known:
        return "unknown key", ""
    if snake(key) in known and snake(key) != key:
        return "unknown key", f"write it in snake_case: {snake(key)}"
    close = difflib.get_close_matches(key, known, n=1, cutoff=_SURE)
    if not close and (place := _further_in(key, value, node)):
        return "unknown key", place
    close = close or difflib.get_close_matches(key, known, n=1, cutoff=0.6) or list(_with_part(key, known))
    if close and len(close) <= _MOST_MEANT:
        return f"unknown key; did you mean {' or '.join(close)}?", ""
    if place := _further_out(key, holders):
        return "unknown key", place
    return "unknown key", f"known here: {', '.join(known)}"


def _with_part(word: str, known: Sequence[str]) -> Iterator[str]:
    """The keys of which the word is a part, or the beginning of one: `role` of `execution_role_arn`."""
    if len(word) >= _SHORTEST_PART:
        yield from (key for key in known if any(part.startswith(word) for part in key.split("_")))


def _further_in(key: str, value: Any, node: Node) -> str:
    """Where the key, or a name that it is, belongs one level in."""
    for inner, child in node.keys.items():
        if child.kind in ("object", "either") and key in child.keys:
            return f"it belongs under `{inner}`: `{inner}: {{{key}: …}}`"
        if child.kind == "named" and child.item is not None and key in child.item.keys:
            return f"it belongs to a variant: `{inner}: {{main: {{{key}: …}}}}`"
    if isinstance(value, dict) and value:
        for inner, child in node.keys.items():
            fits = child.kind in ("named", "map") and child.item is not None and child.item.kind == "object"
            if fits and child.item is not None and {snake(str(name)) for name in value} <= child.item.keys.keys():
                return f"write it under `{inner}`: `{inner}: {{{key}: …}}`"
    return ""


def _further_out(key: str, holders: Sequence[tuple[str, Node]]) -> str:
    """Beside which key, further out, the key belongs."""
    for (beside, _), (_, outer) in zip(reversed(holders[1:]), reversed(holders[:-1]), strict=True):
        if outer.kind in ("object", "either") and key in outer.keys:
            return f"it belongs further out, beside `{beside}`"
    return ""


def plain_value(key: str, expected: str, value: Any) -> str:
    """What to write for a text, or a fraction, where a number or `true` belongs; empty where nobody can know."""
    if isinstance(value, float) and not isinstance(value, bool) and value.is_integer() and expected == "int_type":
        return f"write {int(value)}"
    if not isinstance(value, str):
        return ""
    text = value.strip()
    if expected == "bool_type":
        meant = {"true": "true", "yes": "true", "on": "true", "false": "false", "no": "false", "off": "false"}
        found = meant.get(text.lower(), "")
        return found and f"write {found}" + (", without quotes" if found == text else "")
    number = plain_scalar(text) if text else None
    if isinstance(number, (int, float)) and not isinstance(number, bool):
        whole = expected == "float_type" or isinstance(number, int)
        return f"write {text}, without quotes" if whole else ""
    amount = _amount(key, text)
    return f"write {amount}" if amount else ""


def _amount(key: str, text: str) -> str:
    """`10m` of a key that ends in `_in_seconds` as `600`; a number with a unit of its own without it."""
    match = _AMOUNT.fullmatch(text)
    if match is None:
        return ""
    number, unit = Fraction(match[1]), match[2].lower()
    for ending, units in _UNITS.items():
        if key.endswith(ending):
            made = number * units[unit] if unit in units else None
            return str(made) if made is not None and made.denominator == 1 else ""
    return match[1] if unit == "%" else ""
