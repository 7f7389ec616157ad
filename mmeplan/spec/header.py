"""The head of a fleet file: environment, variables, fleet, account and region, and the names that expressions may use.

In: the root mapping, -e, --var, --region. Out: `Header`. Variables and the header's own keys may use one another in any
order, as long as they don't go in a circle. Called by `spec.loading`, before the entries.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from mmeplan.spec.document import FilePath
from mmeplan.spec.expressions import MARK, RESERVED, names_in
from mmeplan.spec.refusals import Refusals
from mmeplan.spec.scalars import plain_scalar

LANGUAGE_VERSION: Final = 1
FLEET_NAME = re.compile(r"[a-z0-9-]{1,40}")
ACCOUNT = re.compile(r"[0-9]{12}")
VARIABLE_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_HEADER_KEYS: Final = ("fleet", "account", "region")


@dataclass(frozen=True)
class Header:
    """The head of a file, evaluated.

    `values` are fleet, account and region as they hold in the chosen environment; `places` is where each of them
    stands. `names` is what expressions may use.
    """

    values: Mapping[str, Any]
    places: Mapping[str, FilePath]
    names: Mapping[str, Any]


def read_header(
    root: Mapping[str, Any],
    environment: str | None,
    overrides: Mapping[str, str],
    region: str | None,
    refusals: Refusals,
) -> Header:
    """Choose the environment, evaluate the variables and the header. Problems go to `refusals`."""
    _check_version(root, refusals)
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


def _check_version(root: Mapping[str, Any], refusals: Refusals) -> None:
    version = root.get("version", LANGUAGE_VERSION)
    if version != LANGUAGE_VERSION:
        known = f"this mmeplan reads version: {LANGUAGE_VERSION}"
        refusals.refuse(f"version {version!s:.40} of the language is not known; {known}", ("version",))


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
    for place, name in _environment_variables(root):
        if name not in raw:
            refusals.refuse(
                f"the environment sets {name!r}, which `variables` doesn't declare",
                place,
                f"declare it for all environments: variables: {{{name}: …}}",
            )
    for name, value in _mapping(chosen.get("variables")).items():
        raw[name] = (value, ("environments", str(environment), "variables", name))
    return raw


def _overridden(overrides: Mapping[str, str], declared: Raw, refusals: Refusals) -> dict[str, Any]:
    """The variables of --var: taken as they are, an expression in them is plain text."""
    for name in overrides:
        if name not in declared:
            close = difflib.get_close_matches(name, sorted(declared), n=1)
            hint = (
                f"did you mean --var {close[0]}=…?" if close else f"declared: {', '.join(sorted(declared)) or 'none'}"
            )
            refusals.refuse(f"--var {name}: the file declares no such variable", ("variables",), hint)
    return {name: plain_scalar(text) if text else "" for name, text in overrides.items()}


def _environment_variables(root: Mapping[str, Any]) -> Iterator[tuple[FilePath, str]]:
    for name, environment in _mapping(root.get("environments")).items():
        for variable in _mapping(_mapping(environment).get("variables")):
            yield ("environments", name, "variables", variable), variable


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
        if name not in self.refusals.broken:
            self._evaluate(name, value, path)

    def _evaluate(self, name: str, value: Any, path: FilePath) -> None:
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
    if "account" in header.names:
        _check_account(account, header.places["account"], refusals)
    for name, environment in _mapping(root.get("environments")).items():
        own = _mapping(environment).get("account")
        if not (isinstance(own, str) and MARK in own):
            _check_account(own, ("environments", name, "account"), refusals)


def _check_account(account: Any, path: FilePath, refusals: Refusals) -> None:
    if isinstance(account, str) and not ACCOUNT.fullmatch(account):
        refusals.refuse(f"{account!r} is not an account: twelve digits", path)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
