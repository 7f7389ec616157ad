"""The constraints of request shapes, enforced as the service does: required, type, min, max, pattern, enum.

In: a shape's name and a request. Out: `Violation`s, each with the path, the value and the service's own sentence.
Called by `rules` before any call is made and by `simulator` for each call, so that both refuse the same things.
botocore itself checks required members, types and minima only; maxima, patterns and enums come back from AWS.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, Literal

from mmeplan.aws.shapes import ServiceModel

Path = tuple[str | int, ...]
Constraint = Literal["required", "unknown", "type", "min", "max", "min_length", "max_length", "pattern", "enum"]
Check = Callable[[Any, Path, "list[Violation]"], None]

_MATCHES_KEPT: Final = 256  # texts a pattern: images, roles and types recur, names and URLs hardly do


@dataclass(frozen=True, slots=True)
class Violation:
    """One constraint that a request breaks.

    `path` holds API member names, list indices from 0 and map keys. `bound` is the constraint's own value (a number,
    a pattern, the list of enum values, or the type that was expected). `sentence` is the service's.
    """

    path: Path
    constraint: Constraint
    value: Any
    shape: str
    bound: Any
    sentence: str

    @property
    def service_path(self) -> str:
        """The path as the service writes it: `productionVariants.1.member.instanceType`."""
        parts: list[str] = []
        for part in self.path:
            parts.append(f"{part + 1}.member" if isinstance(part, int) else part[:1].lower() + part[1:])
        return ".".join(parts)

    @property
    def message(self) -> str:
        """`Value 'x' at 'endpointName' failed to satisfy constraint: …`, as in the service's ValidationException."""
        shown = "null" if self.value is None else f"'{self.value}'"
        return f"Value {shown} at '{self.service_path}' failed to satisfy constraint: {self.sentence}"


def violations(model: ServiceModel, shape: str, request: Any) -> list[Violation]:
    """Every constraint of `shape` that `request` breaks, in the model's member order."""
    found: list[Violation] = []
    _compiled(model.name, shape, _Compiler(model))(request, (), found)
    return found


def validation_message(found: Iterable[Violation]) -> str:
    """The service's message for these violations: `2 validation errors detected: …; …`."""
    sentences = [violation.message for violation in found]
    noun = "error" if len(sentences) == 1 else "errors"
    return f"{len(sentences)} validation {noun} detected: " + "; ".join(sentences)


def full_match(pattern: str) -> Callable[[str], Any]:
    """A matcher for a shape's pattern, which the service holds against the whole value (java.util.regex).

    `\\p{…}` classes need the `regex` module; everything else runs on `re`, with ASCII classes as in Java.
    """
    if r"\p{" in pattern:
        import regex

        return regex.compile(pattern.replace(r"\p{Print}", "[[:print:]]")).fullmatch
    return re.compile(pattern, re.ASCII).fullmatch


_checks: dict[tuple[str, str], Check] = {}


def _compiled(service: str, shape: str, compiler: _Compiler) -> Check:
    key = (service, shape)
    if key not in _checks:
        _checks[key] = compiler.check(shape)
    return _checks[key]


class _Compiler:
    """Turns shapes into closures once, so that thirty thousand requests are walked in a second or two."""

    def __init__(self, model: ServiceModel) -> None:
        self.model = model
        self.building: dict[str, list[Check]] = {}

    def check(self, shape: str) -> Check:
        if shape in self.building:  # a recursive shape: defer to the check that is being built
            slot = self.building[shape]

            def deferred(value: Any, path: Path, found: list[Violation]) -> None:
                slot[0](value, path, found)

            return deferred
        slot = []
        self.building[shape] = slot
        made = self._make(shape, self.model.shapes[shape])
        slot.append(made)
        return made

    def _make(self, name: str, shape: dict[str, Any]) -> Check:
        kind = shape["type"]
        if kind == "structure":
            return self._structure(name, shape)
        if kind == "list":
            return self._list(name, shape)
        if kind == "map":
            return self._map(name, shape)
        if kind == "string":
            return _string(name, shape)
        if kind in ("integer", "long", "float", "double"):
            return _number(name, shape, integral=kind in ("integer", "long"))
        if kind == "boolean":
            return _typed(name, "boolean", lambda value: isinstance(value, bool))
        if kind == "timestamp":
            return _typed(name, "timestamp", lambda value: isinstance(value, (int, float, str, datetime)))
        return _typed(name, kind, lambda value: isinstance(value, (str, bytes)))

    def _structure(self, name: str, shape: dict[str, Any]) -> Check:
        members = {member: self.check(ref["shape"]) for member, ref in shape.get("members", {}).items()}
        shapes = {member: ref["shape"] for member, ref in shape.get("members", {}).items()}
        required = tuple(shape.get("required", ()))

        def check(value: Any, path: Path, found: list[Violation]) -> None:
            if not isinstance(value, dict):
                found.append(_wrong_type(path, value, name, "structure"))
                return
            for member in required:
                if value.get(member) is None:
                    found.append(
                        Violation((*path, member), "required", None, shapes[member], True, "Member must not be null")
                    )
            for member, inner in value.items():
                inner_check = members.get(member)
                if inner_check is None:
                    sentence = f"Unknown member; {name} has: {', '.join(members)}"
                    found.append(Violation((*path, member), "unknown", inner, name, tuple(members), sentence))
                elif inner is not None:
                    inner_check(inner, (*path, member), found)

        return check

    def _list(self, name: str, shape: dict[str, Any]) -> Check:
        item_check = self.check(shape["member"]["shape"])
        length = _length(name, shape)

        def check(value: Any, path: Path, found: list[Violation]) -> None:
            if not isinstance(value, (list, tuple)):
                found.append(_wrong_type(path, value, name, "list"))
                return
            length(value, path, found)
            for index, item in enumerate(value):
                item_check(item, (*path, index), found)

        return check

    def _map(self, name: str, shape: dict[str, Any]) -> Check:
        key_check, value_check = self.check(shape["key"]["shape"]), self.check(shape["value"]["shape"])
        length = _length(name, shape)

        def check(value: Any, path: Path, found: list[Violation]) -> None:
            if not isinstance(value, dict):
                found.append(_wrong_type(path, value, name, "map"))
                return
            length(value, path, found)
            for key, item in value.items():
                key_check(key, (*path, key), found)
                value_check(item, (*path, key), found)

        return check


def _wrong_type(path: Path, value: Any, shape: str, expected: str) -> Violation:
    return Violation(path, "type", value, shape, expected, f"Member must be of type {expected}")


def _typed(name: str, expected: str, accepts: Callable[[Any], bool]) -> Check:
    def check(value: Any, path: Path, found: list[Violation]) -> None:
        if not accepts(value):
            found.append(_wrong_type(path, value, name, expected))

    return check


def _length(name: str, shape: dict[str, Any]) -> Check:
    least, most = shape.get("min", 0), shape.get("max")

    def check(value: Any, path: Path, found: list[Violation]) -> None:
        size = len(value)
        if size < least:
            sentence = f"Member must have length greater than or equal to {least}"
            found.append(Violation(path, "min_length", value, name, least, sentence))
        if most is not None and size > most:
            sentence = f"Member must have length less than or equal to {most}"
            found.append(Violation(path, "max_length", value, name, most, sentence))

    return check


def _string(name: str, shape: dict[str, Any]) -> Check:
    length = _length(name, shape)
    enum, pattern = shape.get("enum"), shape.get("pattern")
    allowed = frozenset(enum or ())
    matches = full_match(pattern) if pattern else None
    matches = lru_cache(maxsize=_MATCHES_KEPT)(matches) if matches else None

    def check(value: Any, path: Path, found: list[Violation]) -> None:
        if not isinstance(value, str):
            found.append(_wrong_type(path, value, name, "string"))
            return
        length(value, path, found)
        if enum and value not in allowed:
            sentence = f"Member must satisfy enum value set: [{', '.join(enum)}]"
            found.append(Violation(path, "enum", value, name, tuple(enum), sentence))
        if matches and not matches(value):
            sentence = f"Member must satisfy regular expression pattern: {pattern}"
            found.append(Violation(path, "pattern", value, name, pattern, sentence))

    return check


def _number(name: str, shape: dict[str, Any], *, integral: bool) -> Check:
    least, most = shape.get("min"), shape.get("max")
    accepted: tuple[type, ...] = (int,) if integral else (int, float)
    expected = "integer" if integral else "float"

    def check(value: Any, path: Path, found: list[Violation]) -> None:
        if isinstance(value, bool) or not isinstance(value, accepted):
            found.append(_wrong_type(path, value, name, expected))
            return
        if least is not None and not value >= least:  # NaN compares false with everything
            sentence = f"Member must have value greater than or equal to {least}"
            found.append(Violation(path, "min", value, name, least, sentence))
        if most is not None and not value <= most:
            sentence = f"Member must have value less than or equal to {most}"
            found.append(Violation(path, "max", value, name, most, sentence))

    return check
