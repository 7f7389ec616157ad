"""load: fleet.yaml → `Fleet`, or every problem at once.

    read YAML → header (environment, variables) → defaults + for_each + expressions per entry → types → Fleet

Raises nothing but InputError, whatever the bytes.
"""

from __future__ import annotations

import copy
import difflib
import hashlib
import re
from collections import ChainMap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, cast

from pydantic_core import ValidationError

from mmeplan.aws.partitions import REGION, known_regions
from mmeplan.aws.variants import KEYED
from mmeplan.errors import Command, InputError, Problem
from mmeplan.kinds import Kind, kind_named, kinds
from mmeplan.kinds.artifacts import Declared
from mmeplan.spec.artifacts import ArtifactsReader
from mmeplan.spec.budget import Budget, OverBudgetError, nodes_of
from mmeplan.spec.document import MAX_BYTES, Document, FilePath, parse_document, plain_scalar
from mmeplan.spec.expressions import MARK, RESERVED, ExpressionError, evaluate_text, names_in, steps_of
from mmeplan.spec.file_values import is_content, with_contents
from mmeplan.spec.fleet import Entry, Fleet, ForEach, IgnoredTags, Source, SourceMap, VariableFile
from mmeplan.spec.for_each import ForEachError, ItemFiles, Items, Opened, file_of, items_of, name_pattern
from mmeplan.spec.options import options_in, problem_of
from mmeplan.spec.policies import read_policies
from mmeplan.spec.prices import read_prices
from mmeplan.spec.problems import Refusals
from mmeplan.spec.quotas import read_quotas
from mmeplan.spec.rows import Row, Table, table_of
from mmeplan.spec.surface import INSIDE, fleet_validator, problems_of

MAX_LOGICAL_NAME: Final = 200  # characters; physical names of models and configs are shortened to the API's 63
LOGICAL_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9])*")
Origins = dict[str, dict[str, FilePath]]
"""Section → entry → where it stands in the file: its own place, or its for_each template's."""

_OF_THE_TEMPLATE: Final = ("for_each", "allow_empty")
"""Keys that say something about a `for_each` entry itself, and nothing about what it makes."""

_BATCH: Final = 500  # entries whose types are checked at a time
_OWN_TAGS: Final = "mmeplan:"
_RESERVED_TAGS: Final = ("aws:", _OWN_TAGS)


def load(
    path: str | Path,
    environment: str | None = None,
    variables: Mapping[str, str] | None = None,
    *,
    region: str | None = None,
    variable_files: Sequence[VariableFile] = (),
    looks: bool = True,
) -> Fleet:
    """Read a fleet file.

    `environment` is the one of -e. `variables` are those of --var, as texts; each is read as a YAML scalar. They win
    over those of `variable_files` (--var-file, `read_variables`), of which a later one wins. `region` (--region) wins
    over the file's. Local sources of archives are read for their digests unless `looks` is False: what deletes, rolls
    back or only looks at what is live needs none of them. Raises InputError with all problems, each with its line.
    """
    file = FleetFile.read(path)
    return file.load(environment, variables, region=region, variable_files=variable_files, looks=looks)


def load_text(
    raw: bytes,
    name: str = "fleet.yaml",
    environment: str | None = None,
    variables: Mapping[str, str] | None = None,
    *,
    region: str | None = None,
    variable_files: Sequence[VariableFile] = (),
    folder: Path = Path(),
) -> Fleet:
    """As `load`, from bytes; `folder` is where `for_each` files lie."""
    return FleetFile(raw, name, folder).load(environment, variables, region=region, variable_files=variable_files)


class FleetFile:
    """A fleet file, read once, from which the fleet in each of its environments is made.

    Raises InputError where the bytes are not one YAML document.
    """

    def __init__(self, raw: bytes, name: str, folder: Path, opened: Opened | None = None) -> None:
        """`opened` reads the files that it names, where they aren't those of the folder."""
        try:
            budget = Budget()
            self._document = parse_document(name, raw.decode("utf-8-sig"), budget)
            self._nodes_read = budget.nodes_read
        except UnicodeDecodeError as error:
            raise InputError([Problem(f"not UTF-8: {error.reason} at byte {error.start}", name)]) from None
        except RecursionError:
            raise InputError([Problem("nested too deeply", name)]) from None
        self._raw, self._folder, self._opened = raw, folder, opened

    @classmethod
    def read(cls, path: str | Path) -> FleetFile:
        """The file of that path."""
        name = str(path)
        try:
            with Path(path).open("rb") as stream:
                raw = stream.read(MAX_BYTES + 1)
        except OSError as error:
            hint = "mmeplan init writes a starter fleet.yaml" if isinstance(error, FileNotFoundError) else ""
            raise InputError([Problem(f"can't be read: {error.strerror or error}", name, hint=hint)]) from None
        except ValueError as error:  # a NUL in the path
            raise InputError([Problem(f"{name!r} can't be read: {error}")]) from None
        return cls(raw, name, Path(path).parent)

    @property
    def environments(self) -> tuple[str, ...]:
        """The names of its environments, in the order of the file."""
        return tuple(_mapping(_mapping(self._document.value).get("environments")))

    @property
    def source_map(self) -> SourceMap:
        """Where everything in it stands."""
        return SourceMap(self._document.without_value())

    def load(
        self,
        environment: str | None = None,
        variables: Mapping[str, str] | None = None,
        *,
        region: str | None = None,
        variable_files: Sequence[VariableFile] = (),
        looks: bool = True,
    ) -> Fleet:
        """The fleet in this environment; see the function `load`. Raises InputError."""
        given = Overrides(variables or {}, tuple(variable_files))
        try:
            budget = Budget()
            budget.read(self._nodes_read + sum(nodes_of(file.values) for file in variable_files))
            files = ItemFiles(self._folder, budget, self._opened)
            return _Loader(self._document, self._raw, files, looks=looks).load(environment, given, region)
        except RecursionError:
            raise InputError([Problem("nested too deeply", self._document.file)]) from None
        except OverBudgetError as error:  # with what the files of variables hold
            raise InputError([Problem(str(error), self._document.file)]) from None


class _Loader:
    """One load of one file; what is wrong goes to `refusals` as it is found."""

    def __init__(self, document: Document, raw: bytes, files: ItemFiles, *, looks: bool) -> None:
        self.document = document
        self.budget = budget = files.budget
        self.refusals = Refusals(document, budget)
        self.sources = [Source(document.file, hashlib.sha256(raw).hexdigest())]
        self.files = files
        self.reader = ArtifactsReader(files, self.refusals, looks=looks)
        self.header = Header({}, {}, {})
        self.origins: Origins = {}
        self.rows: dict[tuple[str, str], Row] = {}
        self.artifacts: dict[tuple[str, str], Declared] = {}
        self.for_each: list[ForEach] = []

    def load(self, environment: str | None, overrides: Overrides, region: str | None) -> Fleet:
        root = self.document.value
        if not isinstance(root, dict):
            keys = "expected a mapping with the keys version, fleet, endpoints"
            self.refusals.refuse(keys, hint="mmeplan init writes a starter")
            self.refusals.stop_if_any()
        if what := _another_document(root, self.document.file):
            self.refusals.refuse(*what)
            self.refusals.stop_if_any()
        root = dict(root)
        self.header = read_header(root, environment, overrides, region, self.refusals)
        root |= {key: value for key, value in self.header.values.items() if value is not None or key in root}
        self._evaluate_top(root)
        entries = self._expand(root)
        validated = self._validate(root)
        with self.refusals.bounded(("quotas",)):
            quotas = read_quotas(root.get("quotas"), self.files, self.refusals)
        with self.refusals.bounded(("prices",)):
            prices = read_prices(root.get("prices"), self.files, self.refusals)
        policies = read_policies(validated.get("policies"), self.refusals)
        self.refusals.stop_if_any()
        fleet = self._fleet({**validated, **entries}, environment)
        fleet = replace(fleet, variables=dict(overrides.texts), variable_files=overrides.files)
        return replace(fleet, quotas=quotas, prices=prices, policies=policies)

    # --- above the entries ------------------------------------------------------------------------------------------

    def _evaluate_top(self, root: dict[str, Any]) -> None:
        """What holds for the whole fleet. The other defaults are evaluated with the entries they land in."""
        for key in ("retain", "allow", "ignore_tags", "quotas", "prices", "policies"):
            if key in root:
                root[key] = self.refusals.evaluated(root[key], (key,), self.header.names)
        self.ignored = _ignored(root.get("ignore_tags"))
        defaults = root.get("defaults")
        if isinstance(defaults, dict) and "tags" in defaults:
            tags = self.refusals.evaluated(defaults["tags"], ("defaults", "tags"), self.header.names)
            root["defaults"] = {**defaults, "tags": tags}
            self._check_tags(tags, ("defaults", "tags"))
        retain = root.get("retain")
        if isinstance(retain, int) and retain < 0:
            self.refusals.refuse("retain can't be negative", ("retain",))
        self._check_options(root.get("options"))
        self._check_reasons(root.get("allow"), ("allow",))
        self._check_ignored(root.get("ignore_tags"))

    # --- entries ----------------------------------------------------------------------------------------------------

    def _expand(self, root: dict[str, Any]) -> dict[str, dict[str, Any]]:
        """The entries by section: defaults merged, for_each expanded, expressions evaluated, types checked.

        They are taken out of `root`, a batch at a time, so that a large fleet is never in memory twice. `origins`
        learns where each of them stands.
        """
        made: dict[str, dict[str, Any]] = {}
        defaults = root.get("defaults")
        defaults = defaults if isinstance(defaults, dict) else {}
        for kind in _in_file():
            section, entries = kind.section, root.get(kind.section)
            if not isinstance(entries, dict):
                continue
            origins = self.origins[section] = {}
            made[section], batch = {}, {}
            with self.refusals.bounded(("defaults", kind.name)):
                self.budget.make(len(entries) * _repeated(kind, defaults))
            for name in list(entries):
                merged = _with_defaults(kind, entries[name], defaults)
                for full_name, made_of in self._entries(kind, name, merged):
                    with self.refusals.bounded((section, name)):
                        self.budget.add_entry()
                        value = self._with_files(made_of, (section, name))
                    self._check_entry(full_name, (section, name), value)
                    if full_name in origins:
                        self.refusals.refuse(f"two entries expand to the name {full_name!r}", (section, name))
                    batch[full_name] = value
                    origins[full_name] = (section, name)
                    if len(batch) >= _BATCH:
                        made[section] |= self._typed_entries(section, batch)
                        batch = {}
                self.refusals.row = None
            made[section] |= self._typed_entries(section, batch)
            root[section] = {}
        return made

    def _with_files(self, model: Any, path: FilePath) -> Any:
        return with_contents(model, self.files, lambda message, below: self.refusals.refuse(message, (*path, *below)))

    def _typed_entries(self, section: str, batch: dict[str, Any]) -> dict[str, Any]:
        return self._typed({"version": LANGUAGE_VERSION, "fleet": "", section: batch}).get(section) or {}

    def _entries(self, kind: Kind, name: str, merged: Any) -> Iterator[tuple[str, Any]]:
        """An entry, or all that its for_each makes of it, evaluated."""
        path: FilePath = (kind.section, name)
        if not isinstance(merged, dict) or merged.get("for_each") is None:
            if MARK in name:
                self.refusals.refuse("an expression in a name needs a for_each", path)
                return
            if isinstance(merged, dict) and merged.get("allow_empty") is not None:
                self.refusals.refuse("allow_empty needs a for_each beside it", (*path, "allow_empty"), "remove it")
            if isinstance(merged, dict) and (inside := {key: merged[key] for key in INSIDE if key in merged}):
                self._read_artifacts(name, path, inside, self.header.names)
                merged = {key: value for key, value in merged.items() if key not in INSIDE}
            yield name, self.refusals.evaluated(merged, path, self.header.names)
            return
        inside = {key: value for key, value in merged.items() if key in INSIDE}
        template = {key: value for key, value in merged.items() if key not in (*_OF_THE_TEMPLATE, *INSIDE)}
        items, table = self._items(kind, name, merged)
        with self.refusals.bounded((*path, "for_each")):
            self.budget.foresee(0, len(items) * steps_of([name, template]))
            self.budget.make(len(items) * nodes_of(template))
        for index, (key, item) in enumerate(items):
            row = self.refusals.row = Row(table, key, index)
            names = ChainMap({"each": {"key": key, "value": item}}, self.header.names)
            try:
                with self.refusals.bounded(path):
                    full_name = str(evaluate_text(name, names, self.budget)) if MARK in name else f"{name}-{key}"
            except ExpressionError as error:
                self.refusals.refuse_expression(str(error), path, name, names)
                return
            self.rows[kind.section, full_name] = row
            if inside:
                self._read_artifacts(full_name, path, inside, names)
            yield full_name, self.refusals.evaluated(template, path, names)

    def _read_artifacts(self, name: str, path: FilePath, inside: dict[str, Any], names: Mapping[str, Any]) -> None:
        """What an entry holds beside its request; expressions in it may use items of its own."""
        known = {kind.section: kind for kind in kinds() if kind.section}[str(path[0])]
        own = {child.inside for child in kinds() if child.parent == known.name}
        self._typed_entries(known.section, {str(path[1]): inside})
        for key, written in inside.items():
            if isinstance(written, dict) and key in own:
                self.artifacts[known.section, name] = self.reader.read(written, (*path, key), names)

    def _items(self, kind: Kind, name: str, merged: dict[str, Any]) -> tuple[Items, Table]:
        """The items of a `for_each`, and where they are written."""
        entry: FilePath = (kind.section, name)
        path, failures, names = (*entry, "for_each"), list[FilePath](), self.header.names
        made = self.refusals.evaluated(merged["for_each"], path, names, failures)
        empty = self.refusals.evaluated(merged.get("allow_empty"), (*entry, "allow_empty"), names)
        self._typed_entries(kind.section, {name: {"allow_empty": empty}})
        if failures:
            return [], Table()
        file = file_of(made)
        try:
            with self.refusals.bounded(path):
                items = items_of(made, self.files)
        except ForEachError as error:
            table = self._table(merged["for_each"], file, path)
            places = (Row(table, "", index).place(self.document) for index in error.items)
            at = f" ({' and '.join(filter(None, places))})" if error.items and (table.file or table.places) else ""
            used = merged["for_each"] if made is None else ""
            self.refusals.refuse_expression(f"for_each: {error}{at}", path, used, names)
            return [], Table()
        written = (name, merged.get("renamed_from"))
        with self.refusals.bounded(path):
            patterns = tuple(name_pattern(text, names, self.budget) for text in written if isinstance(text, str))
        self.for_each.append(ForEach(kind.name, name, entry, len(items), patterns, file, empty is True))
        return items, self._table(merged["for_each"], file, path)

    def _table(self, written: Any, file: str, path: FilePath) -> Table:
        return table_of(written, file, self.files.raw.get(file, b""), path, self.header.names.get("environment"))

    def _check_entry(self, name: str, path: FilePath, value: Any) -> None:
        """What types can't say of an entry, on the raw value, so that one kind of error never hides another."""
        if not (LOGICAL_NAME.fullmatch(name) and len(name) <= MAX_LOGICAL_NAME):
            rule = f"letters, digits, and - between them, at most {MAX_LOGICAL_NAME}"
            self.refusals.refuse(f"{name!r} can't be a name: {rule}", path)
        config = value.get("config") if isinstance(value, dict) else None
        for own, place in ((value, path), (config, (*path, "config"))):
            if isinstance(own, dict):
                self._check_tags(own.get("tags"), (*place, "tags"))
                self._check_reasons(own.get("allow"), (*place, "allow"))

    def _check_options(self, said: Any) -> None:
        """What commands see of `options` before they load the file has to be what it says."""
        if not isinstance(said, dict):
            return
        if options_in(self.document.text, self.document.file) != said:
            text = "expected a block of its own, at the beginning of a line, without anchors"
            self.refusals.refuse(text, ("options",))
        key, expected = problem_of(said) or ("", "")
        if key == "parallelism" and type(said[key]) is int:  # what else is wrong, types tell
            self.refusals.refuse(expected, ("options", key))

    def _check_ignored(self, written: Any) -> None:
        """mmeplan's own tags are never somebody else's, and an empty beginning is that of every key."""
        for member, wording in (("keys", "the key"), ("prefixes", "the beginning")):
            found = written.get(member) if isinstance(written, dict) else None
            for index, text in enumerate(found if isinstance(found, list) else ()):
                place, lower = ("ignore_tags", member, index), str(text).lower()
                hits = lower.startswith(_OWN_TAGS) or (member == "prefixes" and _OWN_TAGS.startswith(lower))
                if isinstance(text, str) and hits:
                    message = f"{wording} {text!r} covers tags that mmeplan writes" if text else "an empty text"
                    self.refusals.refuse(f"ignore_tags: {message}", place, "name only tags that others own")

    def _check_tags(self, tags: Any, path: FilePath) -> None:
        for key in tags if isinstance(tags, dict) else ():
            if self.ignored.covers(key):
                message = f"the tag {key} is among those that `ignore_tags` leaves to others"
                self.refusals.refuse(message, (*path, key), "take it out of one of the two")
            if key.lower().startswith(_RESERVED_TAGS):
                prefix = key.split(":")[0].lower()
                whose = "AWS" if prefix == "aws" else "mmeplan"
                message = f"tags that begin with {prefix}: belong to {whose}"
                self.refusals.refuse(message, (*path, key), "choose another key")

    def _check_reasons(self, allow: Any, path: FilePath) -> None:
        for rule, reason in allow.items() if isinstance(allow, dict) else ():
            if reason is None or (isinstance(reason, str) and not reason.strip()):
                hint = f'write {rule}: "why this is fine here"'
                self.refusals.refuse(f"allow {rule}: a reason is required", (*path, rule), hint)

    # --- the result -------------------------------------------------------------------------------------------------

    def _validate(self, root: dict[str, Any]) -> dict[str, Any]:
        """The fleet with API names. The defaults are checked by themselves as well, their expressions left alone."""
        defaults = root.get("defaults")
        if isinstance(defaults, dict):
            self._typed({"version": LANGUAGE_VERSION, "fleet": "", "defaults": defaults})
            root["defaults"] = {"tags": defaults.get("tags")}
        return self._typed(root)

    def _typed(self, root: dict[str, Any]) -> dict[str, Any]:
        try:
            return cast(dict[str, Any], fleet_validator().validate_python(root))
        except ValidationError as error:
            for found, message, hint, value in problems_of(error):
                path = self._place(found)
                in_default = len(found) > 2 and found[0] == "defaults"
                expression = isinstance(value, str) and MARK in value
                unevaluated = in_default and (expression or is_content(found, value))
                if not (unevaluated or self.refusals.failed(path)):
                    self.refusals.row = self.rows.get((str(found[0]), str(found[1]))) if len(found) > 1 else None
                    self.refusals.refuse(message, path, hint)
                if self.refusals.full:
                    break
            self.refusals.row = None
        return {}

    def _place(self, path: FilePath) -> FilePath:
        """Where the value at a path of the expanded fleet was written."""
        section = str(path[0]) if path else ""
        if len(path) == 1:
            return self.header.places.get(section, path)
        return (*self.origins.get(section, {}).get(str(path[1]), path[:2]), *path[2:]) if path else path

    def _fleet(self, validated: dict[str, Any], environment: str | None) -> Fleet:
        maker = EntryMaker((validated.get("defaults") or {}).get("tags") or {})
        made: dict[str, dict[str, Entry]] = {}
        for kind in _in_file():
            made[kind.section] = {
                name: maker.entry(kind, name, self.origins[kind.section][name], value or {})
                for name, value in (validated.get(kind.section) or {}).items()
            }
        for (section, name), declared in self.artifacts.items():
            made[section][name] = replace(made[section][name], artifacts=declared)
        return Fleet(
            name=validated["fleet"],
            account=validated.get("account"),
            region=validated.get("region"),
            environment=environment,
            sections=made,
            retain=1 if validated.get("retain") is None else validated["retain"],
            allow=validated.get("allow") or {},
            ignore_tags=_ignored(validated.get("ignore_tags")),
            sources=(*self.sources, *(self.files.sources[name] for name in sorted(self.files.sources))),
            source_map=self.refusals.source_map,
            for_each=tuple(self.for_each),
            unvalued=self.refusals.unvalued,
        )


def _another_document(root: Mapping[str, Any], file: str) -> tuple[str, FilePath, str] | None:
    """What is said of a file that is one of mmeplan's own, and no fleet file."""
    if {"format_version", "plan_id", "changes"} <= root.keys():
        hint = f"{Command(('show', file))} shows it, {Command(('apply', file))} carries it out"
        return "this is a saved plan, and a fleet file is wanted", (), hint
    if {"format_version", "observed_at", "objects"} <= root.keys():
        return (
            "this is a snapshot, and a fleet file is wanted",
            (),
            f"{Command(('plan', '--snapshot', file, 'FLEET'))} plans from it",
        )
    return None


def _ignored(written: Any) -> IgnoredTags:
    """What `ignore_tags` says; what isn't as it should be is refused elsewhere."""

    def texts(member: str) -> tuple[str, ...]:
        found = written.get(member) if isinstance(written, dict) else None
        return tuple(text for text in found if isinstance(text, str)) if isinstance(found, list) else ()

    return IgnoredTags(frozenset(texts("keys")), texts("prefixes"))


def _with_defaults(kind: Kind, entry: Any, defaults: dict[str, Any]) -> Any:
    if entry is None:
        entry = {}
    if not isinstance(entry, dict) or not defaults:
        return entry
    base = defaults.get(kind.name)
    merged = _merge(base, entry) if isinstance(base, dict) else entry
    for key, inline_kind in kind.inline.items():
        inline, inline_base = merged.get(key), defaults.get(inline_kind)
        if isinstance(inline, dict) and isinstance(inline_base, dict):
            merged = {**merged, key: _merge(inline_base, inline)}
    return merged


def _repeated(kind: Kind, defaults: dict[str, Any]) -> int:
    """How many values of the defaults are in each entry of a kind, at most."""
    names = (kind.name, *kind.inline.values())
    return sum(nodes_of(defaults[name]) for name in names if name in defaults)


def _in_file() -> list[Kind]:
    """The kinds that have a section of the file."""
    return [kind for kind in kinds() if kind.section]


def _merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`over` on top of `base`: mappings merge, everything else is replaced. Shares nothing that is changed later."""
    merged = copy.copy(base)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = _merge(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


# --- the header: environment, variables, fleet, account, region, and the names for expressions ------------------------


LANGUAGE_VERSION: Final = 1
FLEET_NAME = re.compile(r"[a-z0-9-]{1,40}")
ACCOUNT = re.compile(r"[0-9]{12}")
VARIABLE_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_HEADER_KEYS: Final = ("fleet", "account", "region")


@dataclass(frozen=True)
class Overrides:
    """Values of variables from outside: `texts` of --var, over `files` of --var-file."""

    texts: Mapping[str, str]
    files: tuple[VariableFile, ...] = ()


@dataclass(frozen=True)
class Header:
    """The head of a file, evaluated.

    `values` are fleet, account and region as they hold in the chosen environment; `places` is where each of them
    stands. `names` is what expressions may use.
    """

    values: Mapping[str, Any]
    places: Mapping[str, FilePath]
    names: dict[str, Any]


def read_header(
    root: Mapping[str, Any],
    environment: str | None,
    overrides: Overrides,
    region: str | None,
    refusals: Refusals,
) -> Header:
    """Choose the environment, evaluate the variables and the header. Problems go to `refusals`."""
    version = root.get("version", LANGUAGE_VERSION)
    if isinstance(version, (int, float)) and version != LANGUAGE_VERSION:
        known = f"this mmeplan reads version: {LANGUAGE_VERSION}"
        refusals.refuse(f"version {version!s:.40} of the language is not known; {known}", ("version",))
    chosen = _chosen_environment(root, environment, refusals)
    raw = _variables(root, environment, chosen, refusals)
    given = _overridden(overrides, raw, refusals)
    given |= {name: value for name, value in (("environment", environment), ("region", region)) if value is not None}
    for key in _HEADER_KEYS:
        if chosen.get(key) is not None and key != "fleet":
            raw[key] = (chosen[key], ("environments", str(environment), key))
        elif root.get(key) is not None:
            raw[key] = (root[key], (key,))
    names = _Names(raw, given, refusals).resolved()
    header = Header(
        values={key: names.get(key, raw[key][0] if key in raw else None) for key in _HEADER_KEYS},
        places={key: raw[key][1] if key in raw else (key,) for key in _HEADER_KEYS},
        names=names,
    )
    _check(header, root, refusals)
    return header


def _chosen_environment(root: Mapping[str, Any], environment: str | None, refusals: Refusals) -> Mapping[str, Any]:
    if environment is None:
        return {}
    known = _mapping(root.get("environments"))
    if environment not in known:
        close = difflib.get_close_matches(environment, list(known), n=1)
        hint = f"did you mean -e {close[0]}?" if close else f"known: {', '.join(known) or 'none'}"
        refusals.refuse(f"the environment {environment!r} is not in the file", ("environments",), hint)
    return _mapping(known.get(environment))


Raw = dict[str, tuple[Any, FilePath]]
"""Name → value as written, and where it stands."""


def _variables(root: Mapping[str, Any], environment: str | None, chosen: Mapping[str, Any], refusals: Refusals) -> Raw:
    """The variables as written: those of the file, under those of the environment."""
    raw: Raw = {name: (value, ("variables", name)) for name, value in _mapping(root.get("variables")).items()}
    for name in raw:
        if not VARIABLE_NAME.fullmatch(name):
            refusals.refuse(f"{name!r} can't be a variable: letters, digits and _ only", ("variables", name))
        elif name in RESERVED:
            refusals.refuse(f"{name!r} is a name that mmeplan gives itself", ("variables", name), "choose another name")
    for other, values in _mapping(root.get("environments")).items():
        for name in _mapping(_mapping(values).get("variables")).keys() - raw.keys():
            refusals.refuse(
                f"the environment sets {name!r}, which `variables` doesn't declare",
                ("environments", other, "variables", name),
                f"declare it for all environments: variables: {{{name}: …}}",
            )
    for name, value in _mapping(chosen.get("variables")).items():
        raw[name] = (value, ("environments", str(environment), "variables", name))
    return raw


def _overridden(overrides: Overrides, declared: Raw, refusals: Refusals) -> dict[str, Any]:
    """The variables of --var-file and --var: taken as they are, an expression in them is plain text."""

    def check(name: str, wording: str, meant: str) -> None:
        if name not in declared:
            close = difflib.get_close_matches(name, sorted(declared), n=1)
            known = f"declared: {', '.join(sorted(declared)) or 'none'}"
            hint = f"did you mean {meant.format(close[0])}?" if close else known
            refusals.refuse(f"{wording}: the file declares no such variable", ("variables",), hint)

    given: dict[str, Any] = {}
    for file in overrides.files:
        for name in file.values:
            check(name, f"{name!r} of --var-file {file.path}", "{}")
        given |= file.values
    for name, text in overrides.texts.items():
        check(name, f"--var {name}", "--var {}=…")
        given[name] = plain_scalar(text) if text else ""
    return given


class _Names:
    """Evaluates names that use one another, each after those that it uses."""

    def __init__(self, raw: Raw, given: Mapping[str, Any], refusals: Refusals) -> None:
        self.raw = raw
        self.refusals = refusals
        self.done: dict[str, Any] = dict(given)
        self.under_way: list[str] = []

    def resolved(self) -> dict[str, Any]:
        for name in self.raw:
            self._resolve(name)
        return self.done

    def _resolve(self, name: str) -> None:
        if name in self.done or name in self.refusals.broken:
            return
        value, path = self.raw[name]
        if name in self.under_way:
            circle = " → ".join([*self.under_way[self.under_way.index(name) :], name])
            self.refusals.refuse(f"the value goes in a circle: {circle}", path)
            self.refusals.broken.update(self.under_way[self.under_way.index(name) :])
            return
        self.under_way.append(name)
        for other in sorted(names_in(value) & self.raw.keys()):
            self._resolve(other)
        self.under_way.pop()
        if name in self.refusals.broken:
            return
        failures: list[FilePath] = []
        made = self.refusals.evaluated(value, path, self.done, failures=failures)
        if failures:
            self.refusals.broken.add(name)
        else:
            self.done[name] = made


def _check(header: Header, root: Mapping[str, Any], refusals: Refusals) -> None:
    fleet, account = header.values.get("fleet"), header.values.get("account")
    if isinstance(fleet, str) and "fleet" in header.names and not FLEET_NAME.fullmatch(fleet):
        refusals.refuse(f"{fleet!r} can't be a fleet's name: a-z, 0-9 and -, at most 40", ("fleet",))
    _check_region(root.get("region"), ("region",), refusals)
    if "account" in header.names:
        _check_account(account, header.places["account"], refusals)
    for name, environment in _mapping(root.get("environments")).items():
        _check_region(_mapping(environment).get("region"), ("environments", name, "region"), refusals)
        own = _mapping(environment).get("account")
        if not (isinstance(own, str) and MARK in own):
            _check_account(own, ("environments", name, "account"), refusals)


def _check_region(region: Any, path: FilePath, refusals: Refusals) -> None:
    if isinstance(region, str) and MARK not in region and region and not REGION.fullmatch(region):
        close = difflib.get_close_matches(region.lower().replace("_", "-"), known_regions(), n=1)
        hint = f"did you mean {close[0]}?" if close else "the form is eu-west-1"
        refusals.refuse(f"{region!r} is not the name of a region", path, hint)


def _check_account(account: Any, path: FilePath, refusals: Refusals) -> None:
    if isinstance(account, str) and not ACCOUNT.fullmatch(account):
        refusals.refuse(f"{account!r} is not an account: twelve digits", path)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


# --- from validated data to entries -----------------------------------------------------------------------------------


_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


class EntryMaker:
    """Makes the entries of one fleet. `tags` are the fleet's own, which every entry inherits."""

    def __init__(self, tags: Mapping[str, str]) -> None:
        self._tags = tags
        self._pieces: dict[str, Any] = {}

    def entry(self, kind: Kind, name: str, path: FilePath, value: dict[str, Any]) -> Entry:
        """The entry of this name; `path` is where it stands in the file."""
        own = {key: item for key, item in value.items() if key[:1].islower() and item is not None}
        config = own.get("config")
        if isinstance(config, dict):
            config = self.entry(kind_named(kind.inline["config"]), name, (*path, "config"), config)
        tags = {**self._tags, **(value.get("tags") or {})}
        request = {key: item for key, item in value.items() if not key[:1].islower()}
        return Entry(
            kind=kind.name,
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
        """A structure without its nulls: a null takes a default back, the API never sees it.

        In a list of named things one that is empty or null stays: its name says that it is wanted.
        """
        return {
            key: self._piece(item)
            if key not in KEYED
            else {name: self._shared(self._members(inner or {})) for name, inner in item.items()}
            for key, item in value.items()
            if item is not None
        }

    def _piece(self, value: Any) -> Any:
        if isinstance(value, dict):
            return self._shared(self._members(value))
        return [self._piece(item) for item in value] if isinstance(value, list) else value

    def _shared(self, piece: Any) -> Any:
        """The one object that stands for this piece and all that are written alike, types included."""
        return self._pieces.setdefault(repr(piece), piece)
