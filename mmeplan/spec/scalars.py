"""What an unquoted word of YAML is: the core schema of YAML 1.2, where `no` and `22:22` are texts and `012` is twelve.

In: the text of a plain scalar. Out: a text, a number, a boolean or None. Called for YAML files, CSV cells and --var.

A number remembers how it was written where that differs from how Python would write it: `1.10` is 1.1 where a number is
wanted, but "1.10" where an environment value or a piece of text is wanted. A version must not lose its zero.
"""

from __future__ import annotations

import re
from typing import Any, Final

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


class WrittenInteger(int):
    """An integer whose text is how it was written: `0x1F`, `012`, `+5`."""

    written: str

    def __str__(self) -> str:
        return self.written


class WrittenNumber(float):
    """A float whose text is how it was written: `1.10`, `1e3`."""

    written: str

    def __str__(self) -> str:
        return self.written


def plain_scalar(text: str) -> Any:
    """The value of an unquoted scalar."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text[0] in _NUMBER_STARTS and len(text) <= MAX_NUMBER_CHARS:
        return _number(text)
    return text


def _number(text: str) -> Any:
    if _INTEGER.fullmatch(text):
        return _integer(text, int(text))
    if _FLOAT.fullmatch(text):
        return _float(text, float(text))
    if _OCTAL.fullmatch(text):
        return _integer(text, int(text[2:], 8))
    if _HEX.fullmatch(text):
        return _integer(text, int(text[2:], 16))
    if text in _INFINITIES:
        return _float(text, float(text.replace(".", "").lower()))
    return _float(text, float("nan")) if text in _NOT_NUMBERS else text


def _integer(text: str, value: int) -> int:
    if str(value) == text:
        return value
    kept = WrittenInteger(value)
    kept.written = text
    return kept


def _float(text: str, value: float) -> float:
    if str(value) == text:
        return value
    kept = WrittenNumber(value)
    kept.written = text
    return kept
