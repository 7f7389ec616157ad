"""Field by field: what differs between two canonical values. The only file that imports deepdiff."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mmeplan.diff.changes import FieldChange
from mmeplan.resources.canonical import UNORDERED

_CATEGORIES = (
    "values_changed",
    "type_changes",
    "dictionary_item_added",
    "dictionary_item_removed",
    "iterable_item_added",
    "iterable_item_removed",
)


def field_changes(before: Any, after: Any) -> tuple[FieldChange, ...]:
    """Every leaf that differs, sorted by path. Added and removed structures are spelled out leaf by leaf."""
    if before == after:
        return ()
    from deepdiff import DeepDiff  # imported when something differs: it takes as long as the rest of a small plan

    tree = DeepDiff(before, after, view="tree", ignore_numeric_type_changes=True, verbose_level=2)
    found: dict[tuple[str | int, ...], FieldChange] = {}
    for category in _CATEGORIES:
        for level in tree.get(category, ()):
            path = tuple(level.path(output_format="list"))
            for change in _leaves(*_whole_list(path, before, after)):
                found[change.path] = change
    return tuple(found[path] for path in sorted(found, key=lambda path: [str(part) for part in path]))


def _whole_list(path: tuple[str | int, ...], before: Any, after: Any) -> tuple[tuple[str | int, ...], Any, Any]:
    """A list without a meaningful order changes as a whole: `[a, b] → [a, c]`, not `[1]: b → c`."""
    for depth, part in enumerate(path):
        if part in UNORDERED:
            path = path[: depth + 1]
            break
    return path, _at(before, path), _at(after, path)


def _at(value: Any, path: tuple[str | int, ...]) -> Any:
    for part in path:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _leaves(path: tuple[str | int, ...], before: Any, after: Any) -> Iterator[FieldChange]:
    if isinstance(before, dict) or isinstance(after, dict):
        one = before if isinstance(before, dict) else {}
        other = after if isinstance(after, dict) else {}
        if one or other:
            for key in sorted({*one, *other}, key=str):
                if one.get(key) != other.get(key):
                    yield from _leaves((*path, key), one.get(key), other.get(key))
            return
    yield FieldChange(path, before, after)


def with_default_weight(change: FieldChange) -> FieldChange:
    """An absent weight is 1, and says so."""
    if change.path[2] != "InitialVariantWeight":
        return change
    before, after = (1 if value is None else value for value in (change.before, change.after))
    return FieldChange(change.path, before, after)
