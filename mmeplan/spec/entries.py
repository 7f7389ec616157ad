"""From an entry's validated data to an `Entry`: mmeplan's own keys apart from the request, nulls left out.

Called by `loading` for each entry of the expanded fleet. Equal pieces of requests become one object: ten thousand
entries of a `for_each` often differ in a name and a URL alone. Nothing changes a request once it is loaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from mmeplan.aws.variants import KEYED
from mmeplan.spec.document import FilePath
from mmeplan.spec.fleet import Entry, EntryKind

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


class EntryMaker:
    """Makes the entries of one fleet. `tags` are the fleet's own, which every entry inherits."""

    def __init__(self, tags: Mapping[str, str]) -> None:
        self._tags = tags
        self._pieces: dict[str, Any] = {}

    def entry(self, kind: EntryKind, name: str, path: FilePath, value: dict[str, Any]) -> Entry:
        """The entry of this name; `path` is where it stands in the file."""
        own = {key: item for key, item in value.items() if key[:1].islower() and item is not None}
        config = own.get("config")
        if isinstance(config, dict):
            config = self.entry("endpoint_config", name, (*path, "config"), config)
        tags = {**self._tags, **(value.get("tags") or {})}
        request = {key: item for key, item in value.items() if not key[:1].islower()}
        return Entry(
            kind=kind,
            name=name,
            path=self._shared(path),
            request=self._members(request),
            tags=self._shared({key: text for key, text in tags.items() if text is not None}),
            pinned_name=own.get("name") or None,
            protect=own.get("protect", False),
            adopt=own.get("adopt", False),
            allow=own.get("allow") or _NOTHING,
            on_remove=own.get("on_remove", "delete"),
            renamed_from=own.get("renamed_from") or None,
            replace_salt=own.get("replace_salt") or None,
            config=config,
        )

    def _members(self, value: dict[str, Any]) -> dict[str, Any]:
        """A structure without its nulls: a null takes a default back, the API never sees it."""
        return {
            key: self._named(item) if key in KEYED else self._piece(item)
            for key, item in value.items()
            if item is not None
        }

    def _named(self, value: dict[str, Any]) -> dict[str, Any]:
        """A list of named things. One that is empty or null stays: its name says that it is wanted."""
        return {name: self._shared(self._members(item or {})) for name, item in value.items()}

    def _piece(self, value: Any) -> Any:
        if isinstance(value, dict):
            return self._shared(self._members(value))
        return [self._piece(item) for item in value] if isinstance(value, list) else value

    def _shared(self, piece: Any) -> Any:
        """The one object that stands for this piece and all that are written alike, types included."""
        return self._pieces.setdefault(repr(piece), piece)
