"""What rules say begins with a word, a number, or a value in quotes: capitals at the beginning never change a value."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import mmeplan.rules

MODULES = sorted(Path(mmeplan.rules.__file__).parent.rglob("*.py"))
NUMBERS = {"count", "percent", "instances", "memory", "shadows"}
NOT_SENTENCES = {"__main__.py", "pages.py", "examples.py", "facts.py", "not_checked.py"}


def said(tree: ast.AST) -> Iterator[ast.JoinedStr]:
    """F-strings that are yielded, or assigned to `message`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Yield) and node.value is not None:
            parts = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
            yield from (part for part in parts if isinstance(part, ast.JoinedStr))
        elif isinstance(node, ast.Assign) and [getattr(target, "id", "") for target in node.targets] == ["message"]:
            yield from [node.value] if isinstance(node.value, ast.JoinedStr) else []


def begins_with_a_bare_value(text: ast.JoinedStr) -> bool:
    first = text.values[0]
    if not isinstance(first, ast.FormattedValue) or first.conversion == ord("r"):
        return False
    value = first.value
    number = isinstance(value, ast.Call) and getattr(value.func, "id", "") == "len"
    return not number and getattr(value, "id", getattr(value, "attr", "")) not in NUMBERS


@pytest.mark.parametrize(
    "path", [path for path in MODULES if path.name not in NOT_SENTENCES], ids=lambda path: path.name
)
def test_no_sentence_begins_with_a_value_as_it_is(path: Path) -> None:
    bare = [text.lineno for text in said(ast.parse(path.read_text())) if begins_with_a_bare_value(text)]

    assert bare == []
