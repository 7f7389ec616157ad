"""How a value is written whose form is wrong: a list where a mapping belongs, or the other way about.

In: the key, its node of the language, and what stands there. Out: a sentence with the user's own first item in the form
that is meant. What is nested in it, and what may be secret, is left out.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from mmeplan.aws.shapes import snake

if TYPE_CHECKING:
    from mmeplan.spec.surface import Node

_NAMES: Final = ("variant_name", "name", "key", "id")
"""Keys by which other tools name an item of a list."""

_VALUES: Final = ("value", "reason")
_SECRET: Final = frozenset({"environment"})
"""Keys whose values are never shown, whatever form they have."""

_SHOWN_ITEMS: Final = 8
_SHOWN_CHARS: Final = 120
_PLAIN: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_./:@+-]*[A-Za-z0-9_/@+-])?")


def form(key: str, node: Node, value: Any) -> str:
    """How to write what stands there; empty where nothing can be said."""
    if isinstance(value, list):
        first = value[0] if value else None
        if node.kind in ("named", "map"):
            how = "as a key with its value" if _is_plain(node) else "under its name, without a list"
            return f"write each item {how}: `{by_name(key, node, first)}`"
        if node.kind in ("object", "either") and isinstance(first, dict):
            how = "without the dash" if len(value) == 1 else "one mapping, as with the first of them"
            return f"{how}: `{key}: {_mapping(first)}`"
        return ""
    if node.kind == "object" and isinstance(value, str) and _only_text(node):
        return f"write it under its key: `{{{_only_text(node)}: {_shown(value)}}}`"
    if node.kind == "list" and isinstance(value, dict):
        name = _only_text(node.item)
        if name and len(value) == 1 and name not in value:
            return f"write it as an item: `{key}: [{{{name}: {_shown(next(iter(value)))}}}]`"
        shown = f"write it as an item, with a dash or in brackets: `{key}: [{_mapping(value)}]`"
        return shown if value else ""
    if node.kind == "list" and value is not None:
        if name := _only_text(node.item):
            return f"write it as an item, with a dash or in brackets: `{key}: [{{{name}: {_shown(value)}}}]`"
        return f"write it as an item, with a dash or in brackets: `{key}: [{_shown(value)}]`"
    return ""


def _only_text(node: Node | None) -> str:
    """The key of an object that has but one, whose value is a text; empty for any other node."""
    if node is None or node.kind != "object" or len(node.keys) != 1:
        return ""
    ((key, inner),) = node.keys.items()
    return key if inner.kind == "string" else ""


def under_a_name(key: str, node: Node, members: dict[str, Any]) -> str:
    """What is a mapping by name, with these members of an item under a name."""
    return f"{key}: {{{'main' if node.kind == 'named' else 'NAME'}: {_mapping(members)}}}"


def by_name(key: str, node: Node, first: Any) -> str:
    """What is a mapping by name, with this item in it: `production_variants: {main: {model: ranker}}`."""
    secret = node.item is not None and node.item.kind in ("text", "any")
    name, content = _named(first, "main" if node.kind == "named" else "NAME")
    if not _is_plain(node):
        return f"{key}: {{{name}: {_mapping(content)}}}"
    name = "NAME" if secret and isinstance(first, str) and "=" not in first else name  # it may be a value
    return f"{key}: {{{name}: {'VALUE' if secret or content is None else _shown(content)}}}"


def _is_plain(node: Node) -> bool:
    """Whether the items are values, and not mappings themselves."""
    return node.item is not None and node.item.kind not in ("object", "named")


def _named(item: Any, fallback: str) -> tuple[str, Any]:
    """The name of an item of a list, and the rest of it: `{name: A, value: b}`, `{A: b}` or `A=b`."""
    if isinstance(item, str):
        word, equals, text = item.partition("=")
        return _shown(word), text if equals else None
    if not isinstance(item, dict):
        return fallback, None
    known = {snake(str(key)): key for key in item}
    at = next((known[name] for name in _NAMES if name in known and isinstance(item[known[name]], str)), None)
    if at is not None:
        rest = {key: value for key, value in item.items() if key != at}
        alone = next((rest[key] for key in rest if len(rest) == 1 and snake(str(key)) in _VALUES), None)
        return _shown(item[at]), rest if alone is None else alone
    if len(item) == 1:
        ((name, content),) = item.items()
        if isinstance(content, dict) or fallback == "NAME":
            return _shown(name), content
    return fallback, item


def _mapping(value: Any) -> str:
    """A mapping in one line, its keys as this language writes them."""
    if not isinstance(value, dict) or not value:
        return "{…}"
    items = [f"{_key(key)}: {'{…}' if _key(key) in _SECRET else _shown(content)}" for key, content in value.items()]
    shown = items[:_SHOWN_ITEMS] + (["…"] if len(items) > _SHOWN_ITEMS else [])
    return "{" + ", ".join(shown) + "}"


def _key(key: Any) -> str:
    text = str(key)
    return snake(text) if _PLAIN.fullmatch(text) else _shown(text)


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "{…}"
    if isinstance(value, list):
        return "[…]"
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    text = str(value)
    text = text if len(text) <= _SHOWN_CHARS else text[: _SHOWN_CHARS - 1] + "…"
    plain = not isinstance(value, str) or (_PLAIN.fullmatch(text) and ": " not in text and not text[0].isdigit())
    return text if plain else json.dumps(text, ensure_ascii=False)
