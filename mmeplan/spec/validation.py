"""The types of fleet.yaml, enforced by pydantic-core: an entry in snake_case goes in, a request in API names comes out.

In: plain values whose expressions are evaluated. Out: values with the API's member names, or `Problem`s with paths.
The core schema is built from `spec.surface`; constraints beyond types (bounds, patterns, enums) are the rules' concern,
so that each of them has its rule, its page and its place in the plan.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Any

from pydantic_core import PydanticCustomError, SchemaValidator, ValidationError, core_schema

from mmeplan.aws.shapes import snake
from mmeplan.spec.document import FilePath
from mmeplan.spec.surface import Node, fleet_surface

_SHOWN_CHARS = 60
_EXPECTED = {
    "string_type": "a string",
    "int_type": "an integer",
    "float_type": "a number",
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "list_type": "a list",
    "finite_number": "a finite number",
}


@lru_cache(maxsize=1)
def fleet_validator() -> SchemaValidator:
    """Validates a whole fleet file, expressions evaluated and defaults merged."""
    return SchemaValidator(_schema(fleet_surface()))


def problems_of(error: ValidationError) -> Iterator[tuple[FilePath, str, str, Any]]:
    """(path, sentence, hint, value) for each thing that pydantic-core found wrong."""
    for found in error.errors(include_url=False, include_context=False):
        path, node = _follow(found["loc"])
        sentence, hint = _sentence(found["type"], found["input"], path, node, found["msg"])
        yield path, sentence, hint, found["input"]


def _sentence(kind: str, value: Any, path: FilePath, node: Node | None, message: str) -> tuple[str, str]:
    if kind == "extra_forbidden":
        return _unknown_key(str(path[-1]), tuple(sorted(node.keys)) if node else ())
    if kind == "missing":
        return f"the key {path[-1]!r} is missing", ""
    if kind in _EXPECTED:
        hint = ""
        if kind == "string_type" and isinstance(value, (int, float)):
            hint = f'put it in quotes: "{_spelled(value)}"'
        return f"expected {_EXPECTED[kind]}, got {_shown(value)}", hint
    return f"{message[:1].lower()}{message[1:]}", ""


@lru_cache(maxsize=10_000)
def _unknown_key(key: str, known: tuple[str, ...]) -> tuple[str, str]:
    if snake(key) in known and snake(key) != key:
        return "unknown key", f"write it in snake_case: {snake(key)}"
    close = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
    if close:
        return f"unknown key; did you mean {close[0]}?", ""
    shown = ", ".join(known[:12]) + (", …" if len(known) > 12 else "")
    return "unknown key", f"known here: {shown}" if known else ""


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    text = _spelled(value)
    shown = text if len(text) <= _SHOWN_CHARS else text[: _SHOWN_CHARS - 1] + "…"
    if isinstance(value, bool):
        return shown
    kinds = ((int, "the integer "), (float, "the number "), (str, "the string "))
    return next((name for kind, name in kinds if isinstance(value, kind)), "") + shown


def _spelled(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _follow(loc: FilePath) -> tuple[FilePath, Node | None]:
    """The file path of an error's location, and the node whose keys were allowed there."""
    node: Node | None = fleet_surface()
    path: list[str | int] = []
    holder = node
    for part in loc:
        if node is not None and node.kind == "either" and part in ("text", "config"):
            node = replace(node, kind="object")  # which of the two alternatives was tried is not part of the path
            continue
        if part == "[key]":
            continue
        holder = node
        path.append(part)
        if node is not None:
            node = node.keys.get(str(part)) if node.kind == "object" else node.item
    return tuple(path), holder


def _schema(node: Node) -> core_schema.CoreSchema:
    if node.kind in ("object", "either"):
        made = _object(node)
        return _either(made) if node.kind == "either" else made
    if node.kind in ("map", "named"):
        assert node.item is not None
        return core_schema.dict_schema(core_schema.str_schema(strict=True), _nullable(node.item), strict=True)
    if node.kind == "list":
        assert node.item is not None
        return core_schema.list_schema(_schema(node.item), strict=True)
    if node.kind == "text":
        return core_schema.no_info_before_validator_function(_environment_value, core_schema.str_schema(strict=True))
    if node.kind == "integer":
        return core_schema.int_schema(strict=True)
    if node.kind == "number":
        return core_schema.float_schema(strict=True, allow_inf_nan=False)
    if node.kind == "boolean":
        return core_schema.bool_schema(strict=True)
    if node.kind == "any":
        return core_schema.any_schema()
    text = core_schema.str_schema(strict=True)
    return core_schema.no_info_after_validator_function(_chooser(node.choices), text) if node.choices else text


def _object(node: Node) -> core_schema.CoreSchema:
    fields = {}
    for key, inner in node.keys.items():
        required = key in node.required and not node.shape  # the API's own `required` is a rule's concern
        fields[inner.api or key] = core_schema.typed_dict_field(
            _schema(inner) if required else _nullable(inner), required=required, validation_alias=key
        )
    return core_schema.typed_dict_schema(fields, extra_behavior="forbid", strict=True, config={"loc_by_alias": True})


def _nullable(node: Node) -> core_schema.CoreSchema:
    """Null, empty and absent are one in fleet.yaml, except for an environment value."""
    return _schema(node) if node.kind == "text" else core_schema.nullable_schema(_schema(node))


def _either(config: core_schema.CoreSchema) -> core_schema.CoreSchema:
    choices = {"text": core_schema.str_schema(strict=True), "config": config}
    return core_schema.tagged_union_schema(choices, discriminator=lambda v: "text" if isinstance(v, str) else "config")


def _chooser(choices: tuple[str, ...]) -> Any:
    def check(value: str) -> str:
        if value not in choices:
            raise PydanticCustomError("choice", f"expected one of {', '.join(choices)}, got {value!r}")
        return value

    return check


def _environment_value(value: Any) -> Any:
    """People write numbers and booleans in environment maps; the API wants strings (docs/fleet-yaml.md)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    return value
