"""API data in the words of fleet.yaml: snake_case keys in the API's order, and texts that no expression can hide in.

In: canonical requests (`resources`). Out: plain values as `spec.load` reads them. The inverse of `spec.validation`;
both go by the one tree of `spec.surface`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from mmeplan.resources.canonical import same_number
from mmeplan.spec.expressions import MARK, MAX_EXPRESSION
from mmeplan.spec.surface import Node

Refuse = Callable[[str], None]
"""Told the dotted place of a member that the language doesn't have."""


class UnwritableError(ValueError):
    """A text that no fleet file can hold; the message is a sentence."""


def worded(value: Any, node: Node, refuse: Refuse, place: str = "") -> Any:
    """A value in the file's words. Members that the language doesn't know go to `refuse`, and are left out."""
    if value is None:
        return None
    if node.kind in ("object", "either") and isinstance(value, dict):
        return _object(value, node, refuse, place)
    if node.kind in ("named", "map") and isinstance(value, dict):
        assert node.item is not None
        return {key: worded(item, node.item, refuse, f"{place}.{key}") for key, item in value.items()}
    if node.kind == "list" and isinstance(value, list):
        assert node.item is not None
        return [worded(item, node.item, refuse, f"{place}[{index}]") for index, item in enumerate(value)]
    return literal(value)


def _object(value: dict[str, Any], node: Node, refuse: Refuse, place: str) -> dict[str, Any]:
    keys = {inner.api: key for key, inner in node.keys.items() if inner.api}
    for member in value:
        if member not in keys and not member[:1].islower():
            refuse(f"{place}.{member}".lstrip("."))
    made: dict[str, Any] = {}
    for key in ("model", "model_override"):  # logical references stand first
        if key in value:
            made[key] = value[key]
    for member, key in keys.items():
        if member in value:
            inner = worded(value[member], node.keys[key], refuse, f"{place}.{key}".lstrip("."))
            if inner is not None:
                made[key] = inner
    if "capacity" in value:
        made["capacity"] = value["capacity"]
    return made


def literal(value: Any) -> Any:
    """A value that the loader gives back as it is: a text with `{{` in it becomes an expression that says that text.

    Raises UnwritableError where it would be longer than an expression may be.
    """
    if isinstance(value, float):
        return short_number(value)
    if not isinstance(value, str) or MARK not in value:
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\r", "\\r")
    made = "{{ '" + escaped + "' }}"
    if len(made) > MAX_EXPRESSION:
        raise UnwritableError(f"a text of {len(value):,} characters with {MARK} in it can't be written in a fleet file")
    return made


_MOST_DIGITS: Final = 17  # a double needs no more


def short_number(value: float) -> int | float:
    """The shortest decimal number that the service keeps as the same float32: 0.1 for 0.10000000149011612."""
    for digits in range(1, _MOST_DIGITS):
        short = float(f"{value:.{digits}g}")
        if same_number(short) == same_number(value):
            return int(short) if short.is_integer() else short
    return value
