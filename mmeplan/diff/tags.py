"""Tags: what has to be added and removed. Tags are outside every digest; editing them never rolls anything."""

from __future__ import annotations

from collections.abc import Mapping


def tag_changes(
    desired: Mapping[str, str], live: Mapping[str, str] | None, *, ignore: frozenset[str] = frozenset()
) -> tuple[dict[str, str], tuple[str, ...]]:
    """(tags to set, keys to remove). `aws:` tags belong to AWS; `ignore` names keys that are left as they are."""
    now = {key: value for key, value in (live or {}).items() if not key.lower().startswith("aws:")}
    added = {key: value for key, value in sorted(desired.items()) if now.get(key) != value and key not in ignore}
    removed = tuple(sorted(key for key in now if key not in desired and key not in ignore))
    return added, removed
