"""What a loaded fleet file is: `Fleet`, its entries, and where everything stands.

Frozen from here on. Requests carry the API's member names; keys that are mmeplan's own (`model`, `capacity`) stay in
lower case inside them until `graph.compile` resolves them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from mmeplan.aws.prices import Prices
from mmeplan.aws.shapes import snake
from mmeplan.aws.variants import KEYED, REFERENCES
from mmeplan.kinds import ENDPOINT, ENDPOINT_CONFIG, MODEL, Kind, kinds
from mmeplan.kinds.artifacts import Declared
from mmeplan.spec.document import Document, FilePath, dotted

_LOGICAL_KEYS: dict[str | int, str] = {
    "endpoint_config_name": "config",
    **{snake(member): key for member, key in REFERENCES.items()},
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One model, endpoint config or endpoint of the file, defaults merged and expressions evaluated.

    `config` is an endpoint's: an inline Entry, the logical name of a shared config, or None where the API's own
    `endpoint_config_name` refers outside the fleet. `artifacts` are the archives of a multi-model prefix. `path` is
    where it stands in the file (a `for_each` entry's template for all that it expands to).
    """

    kind: str
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
    artifacts: Declared | None = None


@dataclass(frozen=True, slots=True)
class ForEach:
    """An entry with `for_each`: where it stands, and how many items it gave.

    `name` is the entry's key as written. `patterns` are the forms of the names that it makes, those of `renamed_from`
    too. `file` is the table that the items are read from, empty where they stand in the fleet file. `allow_empty` says
    that the entry may come to nothing.
    """

    kind: str
    name: str
    path: FilePath
    items: int
    patterns: tuple[NamePattern, ...]
    file: str = ""
    allow_empty: bool = False

    @property
    def address(self) -> str:
        """`endpoint/store-{{ each.key }}`: the address of no resource, but of what it makes."""
        return f"{self.kind}/{self.name}"

    def fit(self, name: str) -> int:
        """How many literal characters this name has in common with those it makes; -1 where it can't be one of them."""
        return max((len(p.literal) for p in self.patterns if p.regex.fullmatch(name)), default=-1)


@dataclass(frozen=True, slots=True)
class NamePattern:
    """The form of the names that a `for_each` makes: literal text, and anything where an item's own part stands."""

    regex: re.Pattern[str]
    literal: str


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
        return self.document.position(self.origin(path)) or self.document.nearest(path)

    def origin(self, path: FilePath) -> FilePath:
        """The closest place that the file has for a path: its own, or the one under `defaults` it was merged from."""
        for end in range(len(path), 0, -1):
            for place in _places(path[:end]):
                if self.document.position(place):
                    return place
        return ()

    def excerpt(self, line: int) -> str:
        """The text of a line of the file."""
        return self.document.line(line)


def _places(path: FilePath) -> list[FilePath]:
    """Where a path may stand: as it is, under the logical key in place of the API's name, or under `defaults`."""
    logical = _LOGICAL_KEYS.get(path[-1])
    paths = [path, (*path[:-1], logical)] if logical else [path]
    return [*paths, *(place for own in paths for place in _default_places(own))]


def _default_places(path: FilePath) -> list[FilePath]:
    """The places under `defaults` that an entry's missing path may have been merged from, the strongest first."""
    kind = next((kind for kind in kinds() if kind.section and kind.section == path[0]), None)
    if kind is None or len(path) < 3:
        return []
    below = path[2:]
    places: list[FilePath] = [("defaults", kind.name, *below)]
    inline = kind.inline.get(str(below[0]))
    if inline is not None and len(below) > 1:
        below = below[1:]
        places.append(("defaults", inline, *below))
    if below[0] == "tags":
        places.append(("defaults", *below))
    return places


@dataclass(frozen=True, slots=True)
class Quota:
    """How many instances of a type the account may have for endpoints; `source` is the file that says so."""

    instances: int
    source: str


@dataclass(frozen=True, slots=True)
class Policy:
    """An expression that must be true of a plan, or of each of its changes or steps. `message` says why.

    `severity` is what it means where it isn't: an error refuses the plan.
    """

    name: str
    expression: str
    message: str
    severity: Literal["error", "warning"] = "error"
    each: Literal["changes", "steps"] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """What the expression may use."""
        return ("plan", "cost", *({"changes": ["change"], "steps": ["step"]}[self.each] if self.each else ()))


@dataclass(frozen=True, slots=True)
class IgnoredTags:
    """Tags that others own, such as those of a company's automation: whole keys, and beginnings of keys."""

    keys: frozenset[str] = frozenset()
    prefixes: tuple[str, ...] = ()

    def covers(self, key: str) -> bool:
        """Whether a tag of that key is somebody else's."""
        return key in self.keys or key.startswith(self.prefixes)

    def without(self, tags: Mapping[str, str]) -> Mapping[str, str]:
        """The tags that are not."""
        return {key: value for key, value in tags.items() if not self.covers(key)}


@dataclass(frozen=True, slots=True)
class VariableFile:
    """A file of --var-file: its path as it was given, and the values of variables that it holds."""

    path: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Fleet:
    """A fleet file, loaded: what `graph.compile` works on. `variables` and `variable_files` are what it was loaded
    with.

    `unvalued` are the places whose expression gave null because a variable of it is null, with the names of those.
    """

    name: str
    account: str | None
    region: str | None
    environment: str | None
    sections: Mapping[str, Mapping[str, Entry]]
    retain: int
    allow: Mapping[str, str]
    sources: tuple[Source, ...]
    source_map: SourceMap = field(compare=False, repr=False)
    quotas: Mapping[str, Quota] = field(default_factory=dict)
    prices: Prices | None = None
    policies: tuple[Policy, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    variable_files: tuple[VariableFile, ...] = ()
    ignore_tags: IgnoredTags = IgnoredTags()
    for_each: tuple[ForEach, ...] = ()
    unvalued: Mapping[FilePath, frozenset[str]] = field(default_factory=dict)

    def entries(self, kind: Kind) -> Mapping[str, Entry]:
        """The entries of a kind's section, by logical name."""
        return self.sections.get(kind.section, {})

    @property
    def models(self) -> Mapping[str, Entry]:
        """The entries of `models`."""
        return self.entries(MODEL)

    @property
    def endpoint_configs(self) -> Mapping[str, Entry]:
        """The entries of `endpoint_configs`."""
        return self.entries(ENDPOINT_CONFIG)

    @property
    def endpoints(self) -> Mapping[str, Entry]:
        """The entries of `endpoints`."""
        return self.entries(ENDPOINT)

    def made_by(self, kind: str, name: str) -> ForEach | None:
        """The `for_each` entry that makes, or made, the entry of this name: of several that could, the one with the
        most literal text in common, and of equal ones an empty one. An endpoint's makes its inline config too.
        """
        makers = {kind, *(other.name for other in kinds() if kind in other.inline.values())}
        fits = [(entry.fit(name), not entry.items, entry) for entry in self.for_each if entry.kind in makers]
        best = max((fit for fit in fits if fit[0] >= 0), key=lambda fit: fit[:2], default=None)
        return best[2] if best else None


VERBATIM_BELOW: Final = frozenset({"AdditionalModelDataSources", "Environment", "Tags", "policies", *KEYED})
"""Members whose keys are the user's own names, the same in the API and in the file."""


def file_path(entry_path: FilePath, api_path: tuple[str | int, ...]) -> FilePath:
    """The place in the file of a member of an entry's request: API names become snake_case."""
    verbatim = False
    path: list[str | int] = list(entry_path)
    for part in api_path:
        path.append(snake(part) if isinstance(part, str) and not verbatim else part)
        verbatim = part in VERBATIM_BELOW and not verbatim
    return tuple(path)


__all__ = [
    "Entry",
    "Fleet",
    "ForEach",
    "IgnoredTags",
    "Policy",
    "Quota",
    "Source",
    "SourceMap",
    "VariableFile",
    "dotted",
    "file_path",
]
