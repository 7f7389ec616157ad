"""Java's patterns as Python matches them: every one of every service in use, and what the languages read apart."""

from __future__ import annotations

import re
import warnings

import pytest

from mmeplan.aws.constraints import full_match
from mmeplan.aws.shapes import service
from mmeplan.simulator.services import SERVICES

PATTERNS = [
    (each.name, pattern)
    for each in SERVICES
    for pattern in sorted({shape["pattern"] for shape in service(each.name).shapes.values() if "pattern" in shape})
]


def test_every_pattern_of_every_service_model_compiles_without_a_warning() -> None:
    assert len(PATTERNS) > 250
    assert {name for name, _ in PATTERNS} == {each.name for each in SERVICES}
    broken = []
    for name, pattern in PATTERNS:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                full_match(pattern)("x")
        except Exception as error:  # noqa: BLE001
            broken.append((name, pattern, str(error)))
    assert broken == []


@pytest.mark.parametrize(
    ("pattern", "matched", "not_matched"),
    [
        (r"\A\S[\p{Print}]*\z", ["a", "a b", "ä~"], ["", " a", "a\n", "aä", "a\x7f"]),
        (r"\p{Print}+", [" a~"], ["ä", "\t", ""]),
        (r"\p{ASCII}*", ["", "\x00\x7f"], ["ä"]),
        (r"[\p{Alnum}\-]+", ["aZ9-"], ["ä", "_"]),
        (r"\P{Alpha}", ["1", "ä"], ["a"]),
        (r"\p{L}+", ["käse"], ["1"]),
        (r"[\p{L}\p{Z}\w]*", ["kä se_1"], ["-", "٣"]),
        (r"\w+", ["aZ_9"], ["käse", "a\n", "٣"]),
        (r"[\d\s]+", ["1 \t\n\x0b\f\r"], ["٣", "\u00a0"]),
        (r"\D\W\S", ["٣ä٣"], ["1ä٣"]),
        (r"[\S\s]*", ["", "a\x85\xa0\u2003\n"], []),
        (r"[\D]+[\W]", ["٣ä", "-^"], ["1ä", "-_", "-a"]),
        (r"[^\S]", [" "], ["\xa0", "a"]),
        (r".*", ["", "a\u000bb"], ["a\nb", "a\rb", "a\u0085b", "a\u2028", "a\u2029"]),
        (r"[.]\.", [".."], ["a."]),
        (r"^a$", ["a"], ["a\n"]),
        (
            r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*",
            ["", "a\n", "\U0001f600"],
            ["\x00", "\uffff"],
        ),
        (r"[\[a\]]+", ["[a]"], ["\\"]),
        (r"\\p.", ["\\pa"], ["pa"]),
    ],
)
def test_a_pattern_means_what_it_means_in_java(pattern: str, matched: list[str], not_matched: list[str]) -> None:
    matches = full_match(pattern)
    assert [text for text in matched if not matches(text)] == []
    assert [text for text in not_matched if matches(text)] == []


def test_a_broken_pattern_is_an_error() -> None:
    with pytest.raises(re.error):
        full_match("[a")
