"""YAML 1.2's core schema, and numbers that remember how they were written."""

from __future__ import annotations

import math
from typing import Any

import pytest

from mmeplan.spec.document import MAX_NUMBER_CHARS, plain_scalar, read_document

TABLE = [
    ("no", "no"),
    ("yes", "yes"),
    ("on", "on"),
    ("off", "off"),
    ("y", "y"),
    ("22:22", "22:22"),
    ("1_000", "1_000"),
    ("2024-01-31", "2024-01-31"),
    ("0b11", "0b11"),
    ("true", True),
    ("True", True),
    ("FALSE", False),
    ("tRUE", "tRUE"),
    ("null", None),
    ("~", None),
    ("", None),
    ("nULL", "nULL"),
    ("12", 12),
    ("012", 12),
    ("-0", 0),
    ("+5", 5),
    ("0o17", 15),
    ("017", 17),
    ("0x1F", 31),
    ("0xZZ", "0xZZ"),
    ("1e3", 1000.0),
    ("1.", 1.0),
    (".5", 0.5),
    ("1.10", 1.1),
    ("-.inf", -math.inf),
    (".Inf", math.inf),
    (".", "."),
    ("-", "-"),
    ("+", "+"),
    ("1.2.3", "1.2.3"),
    ("1e", "1e"),
    ("inf", "inf"),
    ("nan", "nan"),
]


@pytest.mark.parametrize(("text", "value"), TABLE)
def test_an_unquoted_word_means_what_yaml_1_2_says(text: str, value: Any) -> None:
    made = plain_scalar(text)
    assert made == value
    assert isinstance(made, bool) == isinstance(value, bool)
    assert isinstance(made, str) == isinstance(value, str)


def test_not_a_number_is_a_number() -> None:
    assert math.isnan(plain_scalar(".nan"))


@pytest.mark.parametrize("text", ["1.10", "012", "0x1F", "1e3", "+5", "3.0", ".inf", "-0"])
def test_a_number_is_shown_as_it_was_written(text: str) -> None:
    assert str(plain_scalar(text)) == text


@pytest.mark.parametrize("prefix", ["", "0x", "0o", "-", "1."])
def test_a_number_longer_than_any_member_is_a_text(prefix: str) -> None:
    text = prefix + "1" * MAX_NUMBER_CHARS
    assert plain_scalar(text + "1") == text + "1"


@pytest.mark.parametrize("text", ["no", "012", "true", "~", "1e3"])
def test_a_quoted_word_is_always_text(text: str) -> None:
    assert read_document("f", f"a: \"{text}\"\nb: '{text}'").value == {"a": text, "b": text}
