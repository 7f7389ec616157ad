"""What is done to a JSON document: members of other types, of other values, gone, twice; and its text cut or bent."""

from __future__ import annotations

import copy
import json
from random import Random
from typing import Any

NESTED = 4000
ODD: tuple[str, ...] = (
    "null", "true", "false", "0", "-1", "1.5", "1e400", "-1e999", "9" * 5000, str(2**64), "NaN", "Infinity",
    '""', '"\\ud800"', '"\\u0000"', '"x"', '"\\u001b[2J"', '"/dev/zero"', '"../../etc/passwd"', f'"{"y" * 3000}"',
    "[]", "{}", "[[]]", '[null]', '{"": 0}', '["a", "b"]', '{"Key": "k", "Value": 1}', "[" * NESTED + "]" * NESTED,
    '{"a":' * NESTED + "0" + "}" * NESTED,
)  # fmt: skip
"""Values as texts: some of them Python's own parser refuses."""
_MARK = "@@odd@@"


def places(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The paths of all members and items of a document."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = []
    for key, item in items:
        found += [(*path, key), *places(item, (*path, key))]
    return found


def damaged(document: dict[str, Any], random: Random, beneath: str = "") -> tuple[dict[str, Any] | None, str]:
    """The document after one to three changes, None where only a text of it can be had; and the text.

    `beneath`: of that member alone.
    """
    made = copy.deepcopy(document)
    marks: list[str] = []
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        _change(made, random, marks, beneath)
    text = json.dumps(made)
    for mark in marks:
        text = text.replace(f'"{_MARK}"', mark, 1)
    if random.random() < 0.1:
        return None, _bent(text, random)
    try:
        return (json.loads(text) if marks else made), text
    except (ValueError, RecursionError):
        return None, text


def _change(made: dict[str, Any], random: Random, marks: list[str], beneath: str) -> None:
    path = random.choice([place for place in places(made) if place[0] == beneath] or places(made))
    holder: Any = made
    for key in path[:-1]:
        holder = holder[key]
    key, value = path[-1], holder[path[-1]]
    how = random.random()
    if how < 0.45:
        marks.append(random.choice(ODD))
        holder[key] = _MARK
    elif how < 0.6:
        del holder[key]
    elif how < 0.7 and isinstance(holder, list):
        holder.append(copy.deepcopy(value))
    elif how < 0.8:
        other = random.choice(places(made))
        found: Any = made
        for part in other:
            found = found[part]
        holder[key] = copy.deepcopy(found)
    elif isinstance(value, str):
        holder[key] = random.choice((value.upper(), value[:-1], value + "x", value[::-1], value * 40))
    elif isinstance(value, (int, float)):
        holder[key] = random.choice((-value, value + 1, str(value), value * 2**40))
    elif isinstance(holder, dict):
        holder[f"{key}x"] = holder.pop(key)


def _bent(text: str, random: Random) -> str:
    at = random.randrange(len(text))
    how = random.randrange(4)
    if how == 0:
        return text[:at]
    if how == 1:
        return text[:at] + random.choice('{}[]",:\\0') + text[at + 1 :]
    return text[:at] + random.choice(ODD) + text[at + random.randrange(3) :]
