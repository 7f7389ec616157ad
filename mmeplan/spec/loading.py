"""load: fleet.yaml → `Fleet`, or every problem at once.

    read YAML → header (environment, variables) → defaults + for_each + expressions per entry → types → Fleet

Called by the commands and by the public API. Raises nothing but InputError, whatever the bytes.
"""

from __future__ import annotations

import copy
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, cast

from pydantic_core import ValidationError

from mmeplan.errors import InputError, Problem
from mmeplan.spec.document import MAX_BYTES, Document, FilePath, read_document
from mmeplan.spec.entries import EntryMaker
from mmeplan.spec.expressions import MARK, ExpressionError, evaluate_text
from mmeplan.spec.fleet import SECTIONS, Entry, EntryKind, Fleet, Source
from mmeplan.spec.for_each import ForEachError, ItemFiles, Items, items_of
from mmeplan.spec.header import LANGUAGE_VERSION, Header, read_header
from mmeplan.spec.policies import read_policies
from mmeplan.spec.quotas import read_quotas
from mmeplan.spec.refusals import Refusals
from mmeplan.spec.validation import fleet_validator, problems_of

MAX_LOGICAL_NAME: Final = 200  # characters; physical names of models and configs are shortened to the API's 63
LOGICAL_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9])*")
Origins = dict[str, dict[str, FilePath]]
"""Section → entry → where it stands in the file: its own place, or its for_each template's."""

_BATCH: Final = 500  # entries whose types are checked at a time
_RESERVED_TAGS: Final = ("aws:", "mmeplan:")


def load(
    path: str | Path,
    environment: str | None = None,
    variables: Mapping[str, str] | None = None,
    *,
    region: str | None = None,
) -> Fleet:
    """Read a fleet file.

    `environment` is the one of -e. `variables` are those of --var, as texts; each is read as a YAML scalar. `region`
    (--region) wins over the file's. Raises InputError with all problems, each with its line.
    """
    name = str(path)
    try:
        with Path(path).open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(
            [Problem(f"can't be read: {error.strerror or error}", name, hint=_create_hint(error))]
        ) from None
    except ValueError as error:  # a NUL in the path
        raise InputError([Problem(f"{name!r} can't be read: {error}")]) from None
    return load_text(raw, name, environment, variables, region=region, folder=Path(path).parent)


def load_text(
    raw: bytes,
    name: str = "fleet.yaml",
    environment: str | None = None,
    variables: Mapping[str, str] | None = None,
    *,
    region: str | None = None,
    folder: Path = Path(),
) -> Fleet:
    """As `load`, from bytes; `folder` is where `for_each` files lie."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError([Problem(f"not UTF-8: {error.reason} at byte {error.start}", name)]) from None
    try:
        document = read_document(name, text)
        return _Loader(document, raw, folder).load(environment, variables or {}, region)
    except RecursionError:
        raise InputError([Problem("nested too deeply", name)]) from None


def _create_hint(error: OSError) -> str:
    return "mmeplan init writes a starter fleet.yaml" if isinstance(error, FileNotFoundError) else ""


class _Loader:
    """One load of one file; what is wrong goes to `refusals` as it is found."""

    def __init__(self, document: Document, raw: bytes, folder: Path) -> None:
        self.document = document
        self.refusals = Refusals(document)
        self.sources = [Source(document.file, hashlib.sha256(raw).hexdigest())]
        self.files = ItemFiles(folder)
        self.names: Mapping[str, Any] = {}

    def load(self, environment: str | None, overrides: Mapping[str, str], region: str | None) -> Fleet:
        root = self.document.value
        if not isinstance(root, dict):
            keys = "expected a mapping with the keys version, fleet, endpoints"
            self.refusals.refuse(keys, hint="mmeplan init writes a starter")
            self.refusals.stop_if_any()
        root = dict(root)
        header = read_header(root, environment, overrides, region, self.refusals)
        self.names = header.names
        for key, value in header.values.items():
            if value is not None or key in root:
                root[key] = value
        self._evaluate_top(root)
        self._check_top(root)
        origins: Origins = {}
        entries = self._expand(root, origins, header)
        validated = self._validate(root, origins, header)
        quotas = read_quotas(root.get("quotas"), self.files, self.refusals)
        policies = read_policies(validated.get("policies"), self.refusals)
        self.refusals.stop_if_any()
        made = self._fleet({**validated, **entries}, origins, environment)
        return replace(made, quotas=quotas, policies=policies, variables=dict(overrides))

    # --- above the entries ------------------------------------------------------------------------------------------

    def _evaluate_top(self, root: dict[str, Any]) -> None:
        """Evaluate what holds for the whole fleet. The other defaults are evaluated with the entries they land in."""
        for key in ("retain", "allow", "quotas", "policies"):
            if key in root:
                root[key] = self.refusals.evaluated(root[key], (key,), self.names)
        defaults = root.get("defaults")
        if isinstance(defaults, dict) and "tags" in defaults:
            tags = self.refusals.evaluated(defaults["tags"], ("defaults", "tags"), self.names)
            root["defaults"] = {**defaults, "tags": tags}

    def _check_top(self, root: dict[str, Any]) -> None:
        retain, defaults = root.get("retain"), root.get("defaults")
        if isinstance(retain, int) and retain < 0:
            self.refusals.refuse("retain can't be negative", ("retain",))
        self._check_tags(defaults.get("tags") if isinstance(defaults, dict) else None, ("defaults", "tags"))
        self._check_reasons(root.get("allow"), ("allow",))

    # --- entries ----------------------------------------------------------------------------------------------------

    def _expand(self, root: dict[str, Any], origins: Origins, header: Header) -> dict[str, dict[str, Any]]:
        """The entries by section: defaults merged, for_each expanded, expressions evaluated, types checked.

        They are taken out of `root`, a batch at a time, so that a large fleet is never in memory twice. `origins`
        learns where each of them stands.
        """
        made: dict[str, dict[str, Any]] = {}
        defaults = root.get("defaults")
        defaults = defaults if isinstance(defaults, dict) else {}
        for kind, section in SECTIONS.items():
            entries = root.get(section)
            if not isinstance(entries, dict):
                continue
            origins[section], made[section], batch = {}, {}, {}
            for name in list(entries):
                merged = _with_defaults(kind, entries[name], defaults)
                for full_name, value in self._entries(section, name, merged):
                    self._check_entry(full_name, (section, name), value)
                    if full_name in origins[section]:
                        self.refusals.refuse(f"two entries expand to the name {full_name!r}", (section, name))
                    batch[full_name] = value
                    origins[section][full_name] = (section, name)
                    if len(batch) >= _BATCH:
                        made[section] |= self._typed_entries(section, batch, origins, header)
                        batch = {}
            made[section] |= self._typed_entries(section, batch, origins, header)
            root[section] = {}
        return made

    def _typed_entries(self, section: str, batch: dict[str, Any], origins: Origins, header: Header) -> dict[str, Any]:
        alone = {"version": LANGUAGE_VERSION, "fleet": "", section: batch}
        return self._typed(alone, origins, header).get(section) or {}

    def _entries(self, section: str, name: str, merged: Any) -> Iterator[tuple[str, Any]]:
        """An entry, or all that its for_each makes of it, evaluated."""
        path: FilePath = (section, name)
        if not isinstance(merged, dict) or merged.get("for_each") is None:
            if MARK in name:
                self.refusals.refuse("an expression in a name needs a for_each", path)
                return
            yield name, self.refusals.evaluated(merged, path, self.names)
            return
        template = {key: value for key, value in merged.items() if key != "for_each"}
        for key, item in self._items(merged["for_each"], (*path, "for_each")):
            names = {**self.names, "each": {"key": key, "value": item}}
            try:
                full_name = str(evaluate_text(name, names)) if MARK in name else f"{name}-{key}"
            except ExpressionError as error:
                self.refusals.refuse(str(error), path)
                return
            yield full_name, self.refusals.evaluated(template, path, names)

    def _items(self, value: Any, path: FilePath) -> Items:
        failures: list[FilePath] = []
        made = self.refusals.evaluated(value, path, self.names, failures)
        if failures:
            return []
        try:
            return items_of(made, self.files)
        except ForEachError as error:
            self.refusals.refuse(f"for_each: {error}", path)
            return []

    def _check_entry(self, name: str, path: FilePath, value: Any) -> None:
        """What types can't say of an entry, on the raw value, so that one kind of error never hides another."""
        if not (LOGICAL_NAME.fullmatch(name) and len(name) <= MAX_LOGICAL_NAME):
            rule = f"letters, digits, and - between them, at most {MAX_LOGICAL_NAME}"
            self.refusals.refuse(f"{name!r} can't be a name: {rule}", path)
        if isinstance(value, dict):
            self._check_tags(value.get("tags"), (*path, "tags"))
            self._check_reasons(value.get("allow"), (*path, "allow"))
            config = value.get("config")
            if isinstance(config, dict):
                self._check_tags(config.get("tags"), (*path, "config", "tags"))
                self._check_reasons(config.get("allow"), (*path, "config", "allow"))

    def _check_tags(self, tags: Any, path: FilePath) -> None:
        for key in tags if isinstance(tags, dict) else ():
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

    def _validate(self, root: dict[str, Any], origins: Origins, header: Header) -> dict[str, Any]:
        """The fleet with API names. The defaults are checked by themselves as well, their expressions left alone."""
        defaults = root.get("defaults")
        if isinstance(defaults, dict):
            alone = {"version": LANGUAGE_VERSION, "fleet": "", "defaults": defaults}
            self._typed(alone, {}, header)
            root["defaults"] = {"tags": defaults.get("tags")}
        return self._typed(root, origins, header)

    def _typed(self, root: dict[str, Any], origins: Origins, header: Header) -> dict[str, Any]:
        try:
            return cast(dict[str, Any], fleet_validator().validate_python(root))
        except ValidationError as error:
            for found, message, hint, value in problems_of(error):
                path = _place(found, origins, header)
                in_default = len(found) > 2 and found[0] == "defaults"
                unevaluated = in_default and isinstance(value, str) and MARK in value
                if not (unevaluated or self.refusals.failed(path)):
                    self.refusals.refuse(message, path, hint)
                if self.refusals.full:
                    break
        return {}

    def _fleet(self, validated: dict[str, Any], origins: Origins, environment: str | None) -> Fleet:
        maker = EntryMaker((validated.get("defaults") or {}).get("tags") or {})
        made: dict[str, dict[str, Entry]] = {}
        for kind, section in SECTIONS.items():
            made[section] = {
                name: maker.entry(kind, name, origins[section][name], value or {})
                for name, value in (validated.get(section) or {}).items()
            }
        return Fleet(
            name=validated["fleet"],
            account=validated.get("account"),
            region=validated.get("region"),
            environment=environment,
            models=made["models"],
            endpoint_configs=made["endpoint_configs"],
            endpoints=made["endpoints"],
            retain=1 if validated.get("retain") is None else validated["retain"],
            allow=validated.get("allow") or {},
            sources=(*self.sources, *(self.files.sources[name] for name in sorted(self.files.sources))),
            source_map=self.refusals.source_map,
        )


def _place(path: FilePath, origins: Origins, header: Header) -> FilePath:
    """Where the value at a path of the expanded fleet was written."""
    section = str(path[0]) if path else ""
    if len(path) == 1 and section in header.places:
        return header.places[section]
    if len(path) > 1 and section in origins:
        return (*origins[section].get(str(path[1]), path[:2]), *path[2:])
    return path


def _with_defaults(kind: EntryKind, entry: Any, defaults: dict[str, Any]) -> Any:
    if entry is None:
        entry = {}
    if not isinstance(entry, dict) or not defaults:
        return entry
    base = defaults.get(kind)
    merged = _merge(base, entry) if isinstance(base, dict) else entry
    inline, config_base = merged.get("config"), defaults.get("endpoint_config")
    if kind == "endpoint" and isinstance(inline, dict) and isinstance(config_base, dict):
        merged = {**merged, "config": _merge(config_base, inline)}
    return merged


def _merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`over` on top of `base`: mappings merge, everything else is replaced. Shares nothing that is changed later."""
    merged = copy.copy(base)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = _merge(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged
