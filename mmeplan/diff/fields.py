"""Field by field: what differs between two canonical values or two sets of tags. Only this file imports deepdiff."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final

from mmeplan.aws.variants import KEYED
from mmeplan.canonical import BY_NAME, UNORDERED, short_number
from mmeplan.diff.changes import FieldChange
from mmeplan.identity import ADDRESS_TAG, ENVIRONMENT_TAG, ON_REMOVE_TAG, OWN_PREFIX, PROTECT_TAG
from mmeplan.spec import IgnoredTags

_CATEGORIES: Final = (
    "values_changed",
    "type_changes",
    "dictionary_item_added",
    "dictionary_item_removed",
    "iterable_item_added",
    "iterable_item_removed",
)
_WEIGHT_DEPTH: Final = 3  # ("ProductionVariants", name, "InitialVariantWeight")
_CONCURRENCY: Final = ("MaxConcurrency", "ProvisionedConcurrency")
_PRODUCTION: Final = ("ProductionVariants",)
_SCALED: Final = ("InitialInstanceCount", "ProvisionedConcurrency")

LEFT_TO_AUTOSCALER: Final = "where an autoscaler did it, `capacity: autoscaled` on the variant leaves that to it"
"""What to do about a count in the file that somebody else changes."""


def field_changes(before: Any, after: Any) -> tuple[FieldChange, ...]:
    """Every leaf that differs, sorted by path. Added and removed structures are spelled out leaf by leaf.

    A weight that a variant doesn't give is the default, 1.
    """
    if before == after:
        return ()
    before, after = _unequal(_by_name(before), _by_name(after))
    return _differences(json.dumps([before, after]))


def _unequal(before: Any, after: Any) -> tuple[Any, Any]:
    """Both values without the members in which they are equal, at every depth."""
    if not (isinstance(before, dict) and isinstance(after, dict)):
        return before, after
    old, new = {}, {}
    for key in {**before, **after}:
        if key not in after:
            old[key] = before[key]
        elif key not in before:
            new[key] = after[key]
        elif before[key] != after[key]:
            old[key], new[key] = _unequal(before[key], after[key])
    return old, new


@lru_cache(maxsize=4096)
def _differences(pair: str) -> tuple[FieldChange, ...]:
    """The leaves of a pair of values (JSON), once for all endpoints that change alike."""
    from deepdiff import DeepDiff  # imported when something differs: it takes as long as the rest of a small plan

    before, after = json.loads(pair)
    tree = DeepDiff(before, after, view="tree", ignore_numeric_type_changes=True, verbose_level=2)
    found: dict[tuple[str | int, ...], FieldChange] = {}
    for category in _CATEGORIES:
        for level in tree.get(category, ()):
            path = tuple(level.path(output_format="list"))
            for change in _leaves(*_whole_list(path, before, after)):
                found[change.path] = change
    ordered = (found[path] for path in sorted(found, key=lambda path: [str(part) for part in path]))
    return tuple(_with_default_weight(change, before, after) for change in ordered)


def _by_name(value: Any, member: str = "") -> Any:
    """The value with its lists of uniquely named structures as mappings: `sources.a` goes, not `sources[0]: a → b`."""
    if isinstance(value, dict):
        return {key: _by_name(inner, key) for key, inner in value.items()}
    if not isinstance(value, list):
        return value
    name = BY_NAME.get(member, "")
    items = [_by_name(item) for item in value]
    if not name or not all(isinstance(item, dict) and name in item for item in items):
        return items
    return {str(item[name]): {key: inner for key, inner in item.items() if key != name} for item in items}


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
        old = before if isinstance(before, dict) else {}
        new = after if isinstance(after, dict) else {}
        if old or new:
            for key in sorted({*old, *new}, key=str):
                if old.get(key) != new.get(key):
                    yield from _leaves((*path, key), old.get(key), new.get(key))
            return
    yield FieldChange(path, _short(before), _short(after))


def _short(value: Any) -> Any:
    return short_number(value) if isinstance(value, float) else value


def _with_default_weight(change: FieldChange, before: Any, after: Any) -> FieldChange:
    """The change with the default weight, 1, written out where it is absent of a variant that stays."""
    if len(change.path) != _WEIGHT_DEPTH or change.path[0] not in KEYED or change.path[2] != "InitialVariantWeight":
        return change
    if not all(isinstance(_at(side, change.path[:2]), dict) for side in (before, after)):
        return change
    old, new = (1 if value is None else value for value in (change.before, change.after))
    return replace(change, before=old, after=new)


def is_scale_only(fields: tuple[FieldChange, ...], *, shadows: bool = False) -> bool:
    """Whether all of it can be changed in place, without a new fleet; of shadow variants only where that is asked."""
    return bool(fields) and all(_is_scale(change, tuple(KEYED) if shadows else _PRODUCTION) for change in fields)


def _is_scale(change: FieldChange, members: tuple[str, ...]) -> bool:
    """Whether UpdateEndpointWeightsAndCapacities can make the change: variants that exist on both sides."""
    if len(change.path) < 3 or change.path[0] not in members:
        return False
    if change.path[2] == "InitialVariantWeight" and len(change.path) == 3:
        return True  # an absent weight is the default, 1
    both = change.before is not None and change.after is not None
    if change.path[2] == "InitialInstanceCount" and len(change.path) == 3:
        return both
    return both and change.path[2] == "ServerlessConfig" and len(change.path) == 4 and change.path[3] in _CONCURRENCY


def is_count(fields: tuple[FieldChange, ...]) -> bool:
    """Whether a variant's count, or its provisioned concurrency, is another one: what an autoscaler changes."""
    return any(c.path[-1] in _SCALED and c.before is not None and c.after is not None for c in fields)


def tag_changes(
    desired: Mapping[str, str],
    live: Mapping[str, str] | None,
    others: IgnoredTags,
    *,
    ignore: frozenset[str] = frozenset(),
) -> tuple[dict[str, str], tuple[str, ...]]:
    """(tags to set, keys to remove). `aws:` tags belong to AWS, `others` to whom the file leaves them; `ignore` names
    keys that are left as they are.

    Tags are outside every digest: editing them never rolls anything.
    """
    now = {key: value for key, value in (live or {}).items() if not key.lower().startswith("aws:")}
    added = {key: value for key, value in sorted(desired.items()) if now.get(key) != value and key not in ignore}
    removed = tuple(sorted(key for key in now if key not in desired and key not in ignore and not others.covers(key)))
    return added, removed


def claimed(added: Mapping[str, str], removed: Sequence[str] = ()) -> str:
    """What a change of tags says that does nothing but claim an object for an environment; empty for any other."""
    if tuple(added) != (ENVIRONMENT_TAG,) or removed:
        return ""
    return f"claimed for the environment {added[ENVIRONMENT_TAG]!r}; nothing is rolled"


def tags_told(
    added: Mapping[str, str], removed: Sequence[str], live: Mapping[str, str] | None, moved: Mapping[str, str]
) -> str:
    """What a change of tags alone comes to: what mmeplan's own among them mean, else `only tags differ`.

    `moved` are the addresses that `renamed_from` says were renamed, old → new.
    """
    means = [words for tag, words in _REMOVED_MEANS.items() if tag in removed]
    means += [words for tag, words in _ADDED_MEANS.items() if tag in added]
    was = (live or {}).get(ADDRESS_TAG, "")
    if ADDRESS_TAG in added and was:
        means.insert(0, f"renamed in the file, from {was}" if was in moved else f"its address was {was}")
    if not means:
        return "only tags differ"
    others = any(not tag.startswith(OWN_PREFIX) for tag in (*added, *removed))
    return listed([*means, "tags differ"] if others else means)


_REMOVED_MEANS: Final = {PROTECT_TAG: "no longer protected", ON_REMOVE_TAG: "deleted once it leaves the file"}
_ADDED_MEANS: Final = {PROTECT_TAG: "protected from now on", ON_REMOVE_TAG: "stays live once it leaves the file"}


def listed(words: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(part for part in (", ".join(words[:-1]), words[-1]) if part)
