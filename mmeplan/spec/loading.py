"""load: fleet.yaml → `Fleet`, or every problem at once.

    read YAML → header (environment, variables) → defaults + for_each + expressions per entry → types → Fleet

Called by the commands and by the public API. Raises nothing but InputError, whatever the bytes.
"""

from __future__ import annotations

import copy
import difflib
import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, cast

from pydantic_core import ValidationError

from mmeplan.errors import InputError, Problem
from mmeplan.spec.document import MAX_BYTES, Document, FilePath, plain_scalar, read_document
from mmeplan.spec.expressions import MARK, RESERVED, ExpressionError, evaluate, evaluate_text
from mmeplan.spec.fleet import SECTIONS, Entry, EntryKind, Fleet, Source, SourceMap
from mmeplan.spec.for_each import ForEachError, ItemFiles, items_of
from mmeplan.spec.validation import fleet_validator, problems_of

LANGUAGE_VERSION: Final = 1
_FLEET_NAME = re.compile(r"[a-z0-9-]{1,40}")
_LOGICAL_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,199}")
_VARIABLE_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
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
            [Problem(f"can't read {name}: {error.strerror or error}", name, hint=_create_hint(error))]
        ) from None
    except ValueError as error:  # a NUL in the path
        raise InputError([Problem(f"can't read {name!r}: {error}")]) from None
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
    """One load of one file; collects problems as it goes."""

    def __init__(self, document: Document, raw: bytes, folder: Path) -> None:
        self.document = document
        self.source_map = SourceMap(document)
        self.sources = [Source(document.file, hashlib.sha256(raw).hexdigest())]
        self.files = ItemFiles(folder)
        self.problems: dict[tuple[int, int, str], Problem] = {}
        self.failed_expressions: set[tuple[int, int]] = set()
        self.names: dict[str, Any] = {}
        self.has_expressions = MARK in document.text

    def refuse(self, message: str, path: FilePath = (), hint: str = "") -> None:
        line, column = self.source_map.locate(path)
        problem = self.document.problem(message, path, hint=hint)
        problem = Problem(message, problem.file, line, column, problem.path, hint, self.document.line(line))
        self.problems.setdefault((line, column, message), problem)

    def stop_if_refused(self) -> None:
        if self.problems:
            raise InputError([self.problems[key] for key in sorted(self.problems)])

    # --- the phases -------------------------------------------------------------------------------------------------

    def load(self, environment: str | None, overrides: Mapping[str, str], region: str | None) -> Fleet:
        root = self.document.value
        if not isinstance(root, dict):
            self.refuse(
                "expected a mapping with the keys version, fleet, endpoints", hint="mmeplan init writes a starter"
            )
            self.stop_if_refused()
        root = dict(root)
        if "version" in root and root["version"] != LANGUAGE_VERSION:
            self.refuse(
                f"version {root['version']!r} of the language is not known; this mmeplan reads {LANGUAGE_VERSION}",
                ("version",),
            )
        chosen = self._environment(root, environment)
        self._variables(root, chosen, overrides)
        for key in ("fleet", "account", "region"):
            if isinstance(root.get(key), str) and MARK in root[key]:
                root[key] = self._evaluated(root[key], (key,), self.names)
        for key in ("account", "region"):
            if chosen.get(key) is not None:
                root[key] = self._evaluated(chosen[key], ("environments", str(environment), key), self.names)
        root["region"] = region or root.get("region")
        self._give_names(root, environment)
        self._check_header(root)
        origins = self._expand(root)
        validated = self._validate(root, origins)
        self.stop_if_refused()
        return self._fleet(validated, origins, environment)

    def _environment(self, root: dict[str, Any], environment: str | None) -> dict[str, Any]:
        environments = root.get("environments")
        if environment is None:
            return {}
        known = environments if isinstance(environments, dict) else {}
        if environment not in known:
            close = difflib.get_close_matches(environment, list(known), n=1)
            hint = f"did you mean -e {close[0]}?" if close else f"known: {', '.join(known) or 'none'}"
            self.refuse(f"the environment {environment!r} is not in the file", ("environments",), hint)
            return {}
        chosen = known[environment]
        return chosen if isinstance(chosen, dict) else {}

    def _variables(self, root: dict[str, Any], chosen: dict[str, Any], overrides: Mapping[str, str]) -> None:
        declared = root.get("variables")
        self.names = dict(declared) if isinstance(declared, dict) else {}
        for name in self.names:
            if not _VARIABLE_NAME.fullmatch(name):
                self.refuse(f"{name!r} can't be a variable: letters, digits and _ only", ("variables", name))
            elif name in RESERVED:
                self.refuse(f"{name!r} is a name that mmeplan gives itself", ("variables", name), "choose another name")
        own = chosen.get("variables")
        for name, value in (own if isinstance(own, dict) else {}).items():
            if name not in self.names:
                self.refuse(f"the environment sets {name!r}, which `variables` doesn't declare", ("environments", name))
            self.names[name] = value
        for name, text in overrides.items():
            if name not in self.names:
                close = difflib.get_close_matches(name, list(self.names), n=1)
                hint = f"did you mean --var {close[0]}=…?" if close else f"declared: {', '.join(self.names) or 'none'}"
                self.refuse(f"--var {name}: the file declares no such variable", ("variables",), hint)
            self.names[name] = plain_scalar(text) if text else ""

    def _give_names(self, root: dict[str, Any], environment: str | None) -> None:
        given = {
            "fleet": root.get("fleet"),
            "environment": environment,
            "region": root["region"],
            "account": root.get("account"),
        }
        self.names = {**self.names, **{name: value for name, value in given.items() if value is not None}}

    def _evaluated(self, value: Any, path: FilePath, names: Mapping[str, Any]) -> Any:
        def refused(below: FilePath, message: str) -> None:
            self.failed_expressions.add(self.source_map.locate((*path, *below)))
            self.refuse(message, (*path, *below))

        return evaluate(value, names, refused)

    # --- entries ----------------------------------------------------------------------------------------------------

    def _expand(self, root: dict[str, Any]) -> dict[str, dict[str, FilePath]]:
        """Merge defaults, expand for_each and evaluate expressions, in place. Returns where each entry stands."""
        origins: dict[str, dict[str, FilePath]] = {}
        defaults = root.get("defaults")
        defaults = defaults if isinstance(defaults, dict) else {}
        for kind, section in SECTIONS.items():
            entries = root.get(section)
            if not isinstance(entries, dict):
                continue
            expanded: dict[str, Any] = {}
            origins[section] = {}
            for name, entry in entries.items():
                for full_name, value in self._entries(kind, section, name, entry, defaults):
                    self._check_entry(full_name, (section, name), value)
                    if full_name in expanded:
                        self.refuse(f"two entries expand to the name {full_name!r}", (section, name))
                    expanded[full_name] = value
                    origins[section][full_name] = (section, name)
            root[section] = expanded
        self._check_unused_defaults(root, defaults)
        return origins

    def _entries(
        self, kind: EntryKind, section: str, name: str, entry: Any, defaults: dict[str, Any]
    ) -> Iterator[tuple[str, Any]]:
        path: FilePath = (section, name)
        merged = _with_defaults(kind, entry, defaults)
        if not isinstance(merged, dict) or merged.get("for_each") is None:
            if MARK in name:
                self.refuse("an expression in a name needs a for_each", path)
            yield name, self._evaluated(merged, path, self.names) if self.has_expressions else merged
            return
        template = {key: value for key, value in merged.items() if key != "for_each"}
        try:
            items = items_of(self._evaluated(merged["for_each"], (*path, "for_each"), self.names), self.files)
        except ForEachError as error:
            self.refuse(f"for_each: {error}", (*path, "for_each"))
            return
        for key, item in items:
            names = {**self.names, "each": {"key": key, "value": item}}
            try:
                full_name = str(evaluate_text(name, names)) if MARK in name else f"{name}-{key}"
            except ExpressionError as error:
                self.refuse(str(error), path)
                return
            yield full_name, self._evaluated(template, path, names)

    def _check_unused_defaults(self, root: dict[str, Any], defaults: dict[str, Any]) -> None:
        """Defaults that no entry uses are validated too, their expressions left alone."""
        root["defaults"] = {
            key: value
            for key, value in defaults.items()
            if key not in SECTIONS or (not root.get(SECTIONS[cast(EntryKind, key)]) and MARK not in str(value))
        } or None

    def _validate(self, root: dict[str, Any], origins: dict[str, dict[str, FilePath]]) -> dict[str, Any]:
        try:
            return cast(dict[str, Any], fleet_validator().validate_python(root))
        except ValidationError as error:
            for path, message, hint in problems_of(error):
                section = str(path[0]) if path else ""
                if len(path) > 1 and section in origins:
                    path = (*origins[section].get(str(path[1]), path[:2]), *path[2:])
                if self.source_map.locate(path) not in self.failed_expressions:
                    self.refuse(message, path, hint)
        return {}

    # --- the result -------------------------------------------------------------------------------------------------

    def _check_header(self, root: dict[str, Any]) -> None:
        fleet, account, retain = root.get("fleet"), root.get("account"), root.get("retain")
        if isinstance(fleet, str) and not _FLEET_NAME.fullmatch(fleet):
            self.refuse(f"{fleet!r} can't be a fleet's name: a-z, 0-9 and -, at most 40", ("fleet",))
        if isinstance(account, str) and not re.fullmatch(r"[0-9]{12}", account):
            self.refuse(f"{account!r} is not an account: twelve digits", ("account",))
        if isinstance(retain, int) and retain < 0:
            self.refuse("retain can't be negative", ("retain",))
        defaults = root.get("defaults")
        self._check_tags(defaults.get("tags") if isinstance(defaults, dict) else None, ("defaults", "tags"))
        self._check_reasons(root.get("allow"), ("allow",))

    def _check_entry(self, name: str, path: FilePath, value: Any) -> None:
        """What types can't say of an entry, on the raw value, so that one kind of error never hides another."""
        if not _LOGICAL_NAME.fullmatch(name):
            self.refuse(f"{name!r} can't be a name: letters, digits, and - between them, at most 200", path)
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
                self.refuse(f"tags that begin with {prefix}: belong to {whose}", (*path, key), "choose another key")

    def _check_reasons(self, allow: Any, path: FilePath) -> None:
        for rule, reason in allow.items() if isinstance(allow, dict) else ():
            if reason is None or (isinstance(reason, str) and not reason.strip()):
                self.refuse(
                    f"allow {rule}: a reason is required", (*path, rule), f'write {rule}: "why this is fine here"'
                )

    # --- the result -------------------------------------------------------------------------------------------------

    def _fleet(
        self, validated: dict[str, Any], origins: dict[str, dict[str, FilePath]], environment: str | None
    ) -> Fleet:
        tags = (validated.get("defaults") or {}).get("tags") or {}
        made: dict[str, dict[str, Entry]] = {}
        for kind, section in SECTIONS.items():
            made[section] = {
                name: _entry(kind, name, origins[section][name], value or {}, tags)
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
            source_map=self.source_map,
        )


def _entry(kind: EntryKind, name: str, path: FilePath, value: dict[str, Any], tags: dict[str, str]) -> Entry:
    own = {key: item for key, item in value.items() if key[:1].islower() and item is not None}
    config = own.get("config")
    if isinstance(config, dict):
        config = _entry("endpoint_config", name, (*path, "config"), config, tags)
    return Entry(
        kind=kind,
        name=name,
        path=path,
        request={key: item for key, item in value.items() if not key[:1].islower() and item is not None},
        tags={**tags, **{key: text for key, text in own.get("tags", {}).items() if text is not None}},
        pinned_name=own.get("name"),
        protect=own.get("protect", False),
        adopt=own.get("adopt", False),
        allow=own.get("allow", {}),
        on_remove=own.get("on_remove", "delete"),
        renamed_from=own.get("renamed_from"),
        replace_salt=own.get("replace_salt"),
        config=config,
    )


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
