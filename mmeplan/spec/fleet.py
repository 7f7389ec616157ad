"""What a loaded fleet file is: `Fleet`, its entries, and where everything stands.

Frozen from here on. Requests carry the API's member names; keys that are mmeplan's own (`model`, `capacity`) stay in
lower case inside them until `graph.compile` resolves them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from mmeplan.aws.shapes import snake
from mmeplan.spec.document import Document, FilePath, dotted

EntryKind = Literal["model", "endpoint_config", "endpoint"]
SECTIONS: dict[EntryKind, str] = {"model": "models", "endpoint_config": "endpoint_configs", "endpoint": "endpoints"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One model, endpoint config or endpoint of the file, defaults merged and expressions evaluated.

    `config` is an endpoint's: an inline Entry, the logical name of a shared config, or None where the API's own
    `endpoint_config_name` refers outside the fleet. `path` is where it stands in the file (a `for_each` entry's
    template for all that it expands to).
    """

    kind: EntryKind
    name: str
    path: FilePath
    request: dict[str, Any]
    tags: dict[str, str]
    pinned_name: str | None = None
    protect: bool = False
    adopt: bool = False
    allow: Mapping[str, str] = field(default_factory=dict)
    on_remove: Literal["delete", "retain"] = "delete"
    renamed_from: str | None = None
    replace_salt: str | None = None
    config: Entry | str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A file that the fleet was read from: the path as given, and the SHA-256 of its bytes."""

    path: str
    sha256: str


@dataclass(frozen=True, slots=True)
class SourceMap:
    """Where a path of the fleet stands in its file; entries fall back to the defaults they came from."""

    document: Document

    @property
    def file(self) -> str:
        return self.document.file

    def locate(self, path: FilePath) -> tuple[int, int]:
        """Line and column, from 1, of a path: in the entry, else in the defaults it was merged from, else nearby."""
        exact = self.document.position(path)
        if exact:
            return exact
        default = _default_path(path)
        found = self.document.position(default) if default else None
        return found or self.document.nearest(path)

    def excerpt(self, line: int) -> str:
        """The text of a line of the file."""
        return self.document.line(line)


def _default_path(path: FilePath) -> FilePath | None:
    """The place under `defaults` that an entry's missing path was merged from, if it can be one."""
    if len(path) < 3:
        return None
    if path[0] == "endpoints" and path[2] == "config" and len(path) > 3:
        return ("defaults", "endpoint_config", *path[3:])
    for kind, section in SECTIONS.items():
        if path[0] == section:
            return ("defaults", "tags", *path[3:]) if path[2] == "tags" else ("defaults", kind, *path[2:])
    return None


@dataclass(frozen=True, slots=True)
class Fleet:
    """A fleet file, loaded: what `graph.compile` works on."""

    name: str
    account: str | None
    region: str | None
    environment: str | None
    models: Mapping[str, Entry]
    endpoint_configs: Mapping[str, Entry]
    endpoints: Mapping[str, Entry]
    retain: int
    allow: Mapping[str, str]
    sources: tuple[Source, ...]
    source_map: SourceMap = field(compare=False, repr=False)


def file_path(entry_path: FilePath, api_path: tuple[str | int, ...]) -> FilePath:
    """The place in the file of a member of an entry's request: API names become snake_case."""
    opaque = False
    path: list[str | int] = list(entry_path)
    for part in api_path:
        named = isinstance(part, str) and not opaque
        path.append(snake(part) if named else part)  # type: ignore[arg-type]
        opaque = part in ("Environment", "ProductionVariants", "ShadowProductionVariants") and not opaque
    return tuple(path)


__all__ = ["SECTIONS", "Entry", "EntryKind", "Fleet", "Source", "SourceMap", "dotted", "file_path"]
