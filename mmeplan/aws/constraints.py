"""The constraints of request shapes, enforced as the service does: required, type, min, max, pattern, enum.

In: a shape's name and a request. Out: `Violation`s, each with the path, the value and the service's own sentence.
The rules ask before any call is made, the simulator for each call, so that both refuse the same things.
botocore itself checks required members, types and minima only; maxima, patterns and enums come back from AWS.

Patterns are Java's (java.util.regex). What the two languages read differently and the models use is translated:
surrogate pairs, `\\z`, POSIX classes such as `\\p{Print}`, ASCII `\\w`, `\\d` and `\\s`, and the dot, which in
Java stops at five line ends. Source: the documentation of java.util.regex.Pattern.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
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
    a pattern, the list of enum values, or the type that was expected). `sentence` is the service's. The value of a
    `sensitive` shape isn't told. Of a plain member of a list, and of a map's keys and values, the service says what is
    wrong with the list or map: that is `whole`.
    """

    path: Path
    constraint: Constraint
    value: Any
    shape: str
    bound: Any
    sentence: str
    sensitive: bool = False
    whole: Violation | None = None

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
        if self.whole:
            return self.whole.message
        shown = "" if self.sensitive else "null " if self.value is None else f"'{_shown(self.value)}' "
        return f"Value {shown}at '{self.service_path}' failed to satisfy constraint: {self.sentence}"


def _shown(value: Any) -> str:
    """A value as Java writes it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}={_shown(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_shown(item) for item in value) + "]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def violations(model: ServiceModel, shape: str, request: Any) -> list[Violation]:
    """Every constraint of `shape` that `request` breaks, in the model's member order."""
    found: list[Violation] = []
    _compiled(model.name, shape, _Compiler(model))(request, (), found)
    return found


def validation_message(found: Iterable[Violation]) -> str:
    """The service's message for these violations: `2 validation errors detected: …; …`.

    What is wrong with several keys, values or plain members is said once.
    """
    sentences = list(dict.fromkeys(violation.message for violation in found))
    noun = "error" if len(sentences) == 1 else "errors"
    return f"{len(sentences)} validation {noun} detected: " + "; ".join(sentences)


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
        if kind in _TYPED:
            return _typed(name, kind, _TYPED[kind])
        if kind in ("integer", "long", "float", "double"):
            return _number(name, shape, kind)
        makers = {"structure": self._structure, "list": self._list, "map": self._map, "string": _string}
        return makers.get(kind, _blob)(name, shape)

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
        item_check = self._plain(shape["member"]["shape"], "Member must satisfy constraint", name)
        length = _length(name, shape)

        def check(value: Any, path: Path, found: list[Violation]) -> None:
            if not isinstance(value, (list, tuple)):
                found.append(_wrong_type(path, value, name, "list"))
                return
            length(value, path, found)
            for index, item in enumerate(value):
                item_check(item, (*path, index), found, value)

        return check

    def _map(self, name: str, shape: dict[str, Any]) -> Check:
        key_check = self._plain(shape["key"]["shape"], "Map keys must satisfy constraint", name)
        value_check = self._plain(shape["value"]["shape"], "Map value must satisfy constraint", name)
        length = _length(name, shape)

        def check(value: Any, path: Path, found: list[Violation]) -> None:
            if not isinstance(value, dict):
                found.append(_wrong_type(path, value, name, "map"))
                return
            length(value, path, found)
            for key, item in value.items():
                key_check(key, (*path, key), found, value)
                value_check(item, (*path, key), found, value)

        return check

    def _plain(self, inner: str, aspect: str, name: str) -> Callable[[Any, Path, list[Violation], Any], None]:
        """A check of members whose constraints the service tells as those of the list or map around them.

        Captured: sagemaker-sparkml-serving-container issue 12 (map values); CloudFormation and Lambda (lists).
        """
        check, shape = self.check(inner), self.model.shapes[inner]
        if shape["type"] not in _PLAIN:
            return lambda item, path, found, _whole: check(item, path, found)
        sentence, sensitive = f"{aspect}: [{_rules(shape)}]", bool(shape.get("sensitive"))

        def plain_check(item: Any, path: Path, found: list[Violation], whole: Any) -> None:
            before = len(found)
            check(item, path, found)
            for place in range(before, len(found)):
                one = found[place]
                if one.constraint != "type":
                    around = Violation(path[:-1], one.constraint, whole, name, one.bound, sentence, sensitive)
                    found[place] = replace(one, whole=around)

        return plain_check


_PLAIN: Final = frozenset({"string", "integer", "long", "float", "double"})


def _rules(shape: dict[str, Any]) -> str:
    """All constraints of a plain shape, in the service's order."""
    noun, least, most = "length" if shape["type"] == "string" else "value", shape.get("min"), shape.get("max")
    told = [] if most is None else [f"Member must have {noun} less than or equal to {most}"]
    if least is not None or (most is not None and noun == "length"):
        told.append(f"Member must have {noun} greater than or equal to {least or 0}")
    if "pattern" in shape:
        told.append(f"Member must satisfy regular expression pattern: {shape['pattern']}")
    if "enum" in shape:
        told.append(f"Member must satisfy enum value set: [{', '.join(shape['enum'])}]")
    return ", ".join(told)


def _wrong_type(path: Path, value: Any, shape: str, expected: str) -> Violation:
    return Violation(path, "type", value, shape, expected, f"Member must be of type {expected}")


_TYPED: Final[dict[str, tuple[type, ...]]] = {"boolean": (bool,), "timestamp": (int, float, str, datetime)}


def _typed(name: str, expected: str, accepted: tuple[type, ...]) -> Check:
    def check(value: Any, path: Path, found: list[Violation]) -> None:
        if not isinstance(value, accepted):
            found.append(_wrong_type(path, value, name, expected))

    return check


def _blob(name: str, shape: dict[str, Any]) -> Check:
    length = _length(name, shape)

    def check(value: Any, path: Path, found: list[Violation]) -> None:
        if isinstance(value, (str, bytes)):
            length(value, path, found)
        else:
            found.append(_wrong_type(path, value, name, "blob"))

    return check


def _length(name: str, shape: dict[str, Any]) -> Check:
    least, most, sensitive = shape.get("min", 0), shape.get("max"), bool(shape.get("sensitive"))

    def check(value: Any, path: Path, found: list[Violation]) -> None:
        size = len(value)
        if size < least:
            sentence = f"Member must have length greater than or equal to {least}"
            found.append(Violation(path, "min_length", value, name, least, sentence, sensitive))
        if most is not None and size > most:
            sentence = f"Member must have length less than or equal to {most}"
            found.append(Violation(path, "max_length", value, name, most, sentence, sensitive))

    return check


def _string(name: str, shape: dict[str, Any]) -> Check:
    length = _length(name, shape)
    enum, pattern, sensitive = shape.get("enum"), shape.get("pattern"), bool(shape.get("sensitive"))
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
            found.append(Violation(path, "pattern", value, name, pattern, sentence, sensitive))

    return check


_BITS: Final = {"integer": 32, "long": 64}
"""How large a whole number of the API is, signed. Source: Smithy, "Simple types"; botocore sends larger ones."""


def _number(name: str, shape: dict[str, Any], kind: str) -> Check:
    integral = kind in _BITS
    half = 2 ** (_BITS[kind] - 1) if integral else None
    least = shape.get("min", -half if half else None)
    most = shape.get("max", half - 1 if half else None)
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


# --- patterns ---------------------------------------------------------------------------------------------------------


_POSIX: Final = {
    "Lower": "a-z",
    "Upper": "A-Z",
    "ASCII": r"\x00-\x7F",
    "Alpha": "A-Za-z",
    "Digit": "0-9",
    "Alnum": "A-Za-z0-9",
    "Punct": r"!-/:-@\[-`{-~",
    "Graph": "!-~",
    "Print": " -~",
    "Blank": r" \t",
    "Cntrl": r"\x00-\x1F\x7F",
    "XDigit": "0-9A-Fa-f",
    "Space": r" \t\n\x0B\f\r",
}
"""What `\\p{…}` means by these names in Java: ASCII, whatever the text. Other names are Unicode's categories."""
_SHORT: Final = {"w": "A-Za-z0-9_", "d": "0-9", "s": r" \t\n\x0B\f\r"}
_NOT_SHORT: Final = {
    "W": r"\x00-/:-@\[-\^`{-\U0010FFFF",
    "D": r"\x00-/:-\U0010FFFF",
    "S": r"\x00-\x08\x0E-\x1F!-\U0010FFFF",
}
"""The same negated, as members of a class: what isn't ASCII is no word, no digit and no space."""
_DOT: Final = r"[^\n\r\u0085\u2028\u2029]"
_ASTRAL: Final = (r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF")
"""In UTF-16 the characters beyond 16 bits are pairs; Python's strings hold them whole."""
_TOKEN = re.compile(r"\\[pP](?:\{(?P<name>\w+)\}|(?P<letter>\w))|\\(?P<escaped>.)|(?P<plain>.)", re.DOTALL)


def full_match(pattern: str) -> Callable[[str], Any]:
    """A matcher for a pattern, which the service holds against the whole value. Raises re.error for a broken one."""
    text = _python(pattern.replace(*_ASTRAL))
    if r"\p{" in text or r"\P{" in text:  # Unicode's categories, which `re` doesn't know
        import regex

        return regex.compile(text).fullmatch
    return re.compile(text).fullmatch


def _python(pattern: str) -> str:
    made: list[str] = []
    in_class = False
    for token in _TOKEN.finditer(pattern):
        name, escaped, plain = token["name"] or token["letter"], token["escaped"], token["plain"]
        if name:
            made.append(_category(name, in_class, negated=token[0].startswith(r"\P")))
        elif escaped:
            made.append(_escape(escaped, in_class))
        elif plain == "." and not in_class:
            made.append(_DOT)
        else:
            in_class = (in_class or plain == "[") and plain != "]"
            made.append(plain)
    return "".join(made)


def _category(name: str, in_class: bool, *, negated: bool) -> str:
    """`\\p{name}`. A negated POSIX class within a class stays out: no model has one, and `re` can't say it."""
    members = _POSIX.get(name)
    if members is None or (in_class and negated):
        return rf"\{'P' if negated else 'p'}{{{name}}}"
    return members if in_class else f"[{'^' * negated}{members}]"


def _escape(escaped: str, in_class: bool) -> str:
    if escaped == "z":
        return r"\Z"
    members = _SHORT.get(escaped) or _NOT_SHORT.get(escaped)
    if members is None:
        return "\\" + escaped
    return members if in_class else f"[{members}]"
