"""Requests at and beyond every constraint of an operation's input, made from botocore's shapes.

Not from the code that enforces them: for each constraint that can be reached in an input, a request that is right but
for one value. `constraints_of` lists the constraints by a walk of its own, so that none is forgotten unseen.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import regex

from mmeplan.aws.shapes import ServiceModel

Path = tuple[str | int, ...]
Probe = tuple[str, Any, str, bool, bool]
"""Constraint, value, what is said where it is broken, whether it is, whether the value is right in all."""

SAMPLES = (
    *("a", "A1", "1", "sagemaker", "s3://bucket/key", "arn:aws:iam::123456789012:role/x", "ml.m5.large", "L-0123"),
    *("arn:aws:sns:eu-west-1:123456789012:topic", "arn:aws:sagemaker:eu-west-1:123456789012:model/m", "text/csv"),
    *("arn:aws:sagemaker:eu-west-1:123456789012:ml-reservation/x", "arn:aws:lambda:eu-west-1:123456789012:function:x"),
    *("2026-01-01T00:00:00Z", "subnet-1", "mig-1g.5gb", "/metrics", "application/json", "0.0.0.0", "aa"),
    *("arn:aws:sagemaker:eu-west-1:123456789012:model-package/a", "arn:aws:sagemaker:eu-west-1:123456789012:context/a"),
    *("arn:aws:s3:::bucket", "arn:aws:sagemaker:eu-west-1:123456789012:training-plan/x", "NEW_SESSION"),
    *(
        "arn:aws:ec2:eu-west-1:123456789012:x/y",
        "mig-1g.5gb+a",
        "/a~/",
        "arn:aws:sagemaker:~:123456789012:model-package/x/1",
        "arn:aws:sagemaker:eu-west-1:123456789012:model-package/x",
        "123456789012",
        f"sha256:{64 * chr(97)}",
    ),
    "arn:aws:application-autoscaling:eu-west-1:123456789012:scalable-target/~a",
)
"""Texts that fit some pattern each. They grow at their end, or where the `~` stands."""
WRONG = ("\x00", "é!", " ", "-", "\n", "", ":")
KEY, VALUE = "<key>", "<value>"
LONGEST = 140_000
MOST_ITEMS = 2_000
LONGEST_BODY = 10_000_000
PLAIN = ("string", "integer", "long", "float", "double")
NUMBERS = ("integer", "long", "float", "double")


@dataclass(frozen=True)
class Constraint:
    """One constraint at one place of an operation's input."""

    operation: str
    path: Path
    kind: str

    def __str__(self) -> str:
        return f"{self.operation} {'.'.join(map(str, self.path))} {self.kind}"


@dataclass(frozen=True)
class Case:
    """A request with one value at one place, and what is said where the constraint is broken there.

    `refused` is false where the value is at the bound: then that isn't said. Where the value is `right` in all, nothing
    is said of its place.
    """

    constraint: Constraint
    request: Any
    where: str
    sentence: str
    refused: bool
    right: bool = False


def constraints_of(model: ServiceModel, operation: str) -> set[Constraint]:
    """Every constraint below an operation's input; a shape within itself is entered once."""
    found: set[Constraint] = set()

    def walk(name: str, path: Path, above: tuple[str, ...]) -> None:
        shape = model.shapes[name]
        kinds = {kind for kind in ("min", "max", "pattern", "enum") if kind in shape}
        kinds -= {"min"} if shape["type"] not in NUMBERS and not shape.get("min") else set()  # 0 forbids nothing
        found.update(Constraint(operation, path, kind) for kind in kinds)
        found.update(Constraint(operation, (*path, member), "required") for member in shape.get("required", ()))
        if name in above:
            return
        below = (*above, name)
        for member, inner in shape.get("members", {}).items():
            walk(inner["shape"], (*path, member), below)
        if shape["type"] == "list":
            walk(shape["member"]["shape"], (*path, 0), below)
        if shape["type"] == "map":
            walk(shape["key"]["shape"], (*path, KEY), below)
            walk(shape["value"]["shape"], (*path, VALUE), below)

    top = model.input_shape(operation)
    if top:
        walk(top, (), ())
    return found


class Maker:
    """Makes the cases of one service."""

    def __init__(self, model: ServiceModel) -> None:
        self.model = model

    def cases(self, operation: str) -> Iterator[Case]:
        """Every case of an operation."""
        top = self.model.input_shape(operation)
        if top is None:
            return
        base = self.valid(top)
        for path, name in self.places(top, (), ()):
            for kind, value, sentence, refused, right in self.probes(name):
                where, said = path, sentence
                if path[-1] in (0, KEY, VALUE) and self.model.shapes[name]["type"] in PLAIN:
                    if not refused and not right:
                        continue  # what is said of the whole tells all its members' constraints at once
                    where, said = path[:-1], self.told_of_the_whole(name, path[-1])
                request = self.placed(base, top, path, value)
                yield Case(Constraint(operation, path, kind), request, written(where), said, refused, right)
        for path, member in self.required(top):
            request = self.placed(base, top, path, ...) if path else copy.deepcopy(base)
            holder = request
            for part in path:
                holder = holder[self.key_of(holder, part)]
            holder.pop(member, None)
            yield Case(
                Constraint(operation, (*path, member), "required"),
                request,
                written((*path, member)),
                "Member must not be null",
                refused=True,
            )

    def told_of_the_whole(self, name: str, part: str | int) -> str:
        """What the service says of a list or map whose plain member is wrong."""
        shape = self.model.shapes[name]
        noun = "length" if shape["type"] == "string" else "value"
        rules = []
        if "max" in shape:
            rules.append(f"Member must have {noun} less than or equal to {shape['max']}")
        if "max" in shape or "min" in shape:
            rules.append(f"Member must have {noun} greater than or equal to {shape.get('min', 0)}")
        if "pattern" in shape:
            rules.append(f"Member must satisfy regular expression pattern: {shape['pattern']}")
        if "enum" in shape:
            rules.append(f"Member must satisfy enum value set: [{', '.join(shape['enum'])}]")
        aspect = {0: "Member", KEY: "Map keys", VALUE: "Map value"}[part]
        return f"{aspect} must satisfy constraint: [{', '.join(rules)}]"

    def places(self, name: str, path: Path, above: tuple[str, ...]) -> Iterator[tuple[Path, str]]:
        """Every place below a shape, with the name of its own shape."""
        shape = self.model.shapes[name]
        if path:
            yield path, name
        if name in above:
            return
        below = (*above, name)
        if shape["type"] == "structure":
            for member, inner in self.model.members(name).items():
                yield from self.places(inner, (*path, member), below)
        elif shape["type"] == "list":
            yield from self.places(shape["member"]["shape"], (*path, 0), below)
        elif shape["type"] == "map":
            yield from self.places(shape["key"]["shape"], (*path, KEY), below)
            yield from self.places(shape["value"]["shape"], (*path, VALUE), below)

    def required(self, top: str) -> Iterator[tuple[Path, str]]:
        for place, name in [((), top), *self.places(top, (), ())]:
            for member in self.model.shapes[name].get("required", ()):
                yield place, member

    def probes(self, name: str) -> Iterator[Probe]:
        """Values at the bounds and just beyond."""
        shape = self.model.shapes[name]
        if shape["type"] == "string":
            yield from self.strings(shape)
        elif shape["type"] in NUMBERS:
            for kind, beyond, words in (("min", -1, "greater"), ("max", 1, "less")):
                if kind in shape:
                    bound = shape[kind]
                    sentence = f"Member must have value {words} than or equal to {bound}"
                    yield kind, bound, sentence, False, True
                    yield kind, bound + beyond, sentence, True, False
        elif shape["type"] == "list":
            item = self.valid(shape["member"]["shape"])
            yield from lengths(shape, lambda size: [item] * size, MOST_ITEMS)
        elif shape["type"] == "map":
            value = self.valid(shape["value"]["shape"])
            yield from lengths(shape, lambda size: {f"a{number}": value for number in range(size)}, MOST_ITEMS)
        elif shape["type"] == "blob":
            yield from lengths(shape, lambda size: b"x" * size, LONGEST_BODY)

    def strings(self, shape: dict[str, Any]) -> Iterator[Probe]:
        if "enum" in shape:
            sentence = f"Member must satisfy enum value set: [{', '.join(shape['enum'])}]"
            yield "enum", shape["enum"][-1], sentence, False, True
            yield "enum", "no such value", sentence, True, False
            return
        pattern = shape.get("pattern")
        if pattern:
            sentence = f"Member must satisfy regular expression pattern: {pattern}"
            yield "pattern", self.sample(shape), sentence, False, True
            wrong = next((text for text in WRONG if not matches(pattern, text)), None)
            if wrong is not None:
                yield "pattern", wrong, sentence, True, False
        for kind, length, sentence, refused, right in lengths(shape, lambda size: size, LONGEST):
            fitting = self.of_length(shape, length)
            yield kind, "a" * length if fitting is None else fitting, sentence, refused, right and fitting is not None

    def of_length(self, shape: dict[str, Any], length: int) -> str | None:
        pattern = shape.get("pattern")
        for sample in SAMPLES:
            filled = sample.replace("~", "a" * (length - len(sample) + 1))
            for text in (filled, (sample + sample[-1] * length)[:length], (sample * length)[:length]):
                if len(text) == length and (not pattern or matches(pattern, text)):
                    return text
        return None

    @cache  # noqa: B019  (a maker lives as long as its module)
    def valid(self, name: str) -> Any:
        """A value that breaks nothing, with the required members only."""
        shape = self.model.shapes[name]
        kind = shape["type"]
        if kind == "structure":
            return {member: self.valid(self.model.members(name)[member]) for member in shape.get("required", ())}
        if kind == "list":
            return [self.valid(shape["member"]["shape"])] * max(1, shape.get("min", 0))  # a form has no words for none
        if kind == "map":
            return {f"a{number}": self.valid(shape["value"]["shape"]) for number in range(shape.get("min", 0))}
        if kind == "string":
            return self.sample(shape)
        if kind in NUMBERS:
            return shape.get("min", 1)
        return {"boolean": True, "timestamp": 1_767_225_600, "blob": b""}[kind]

    def sample(self, shape: dict[str, Any]) -> str:
        if "enum" in shape:
            return str(shape["enum"][0])
        least, most, pattern = shape.get("min", 0), shape.get("max", LONGEST), shape.get("pattern")
        for sample in SAMPLES:
            text = sample.replace("~", "") + sample[-1] * (least - len(sample))
            if len(text) <= most and (not pattern or matches(pattern, text)):
                return text
        raise AssertionError(f"no sample fits {shape}")

    @staticmethod
    def key_of(holder: Any, part: str | int) -> Any:
        """The key of a place in a holder: `<value>` of a map stands for its only entry."""
        return next(iter(holder)) if part == VALUE else part

    def placed(self, base: Any, top: str, path: Path, value: Any) -> Any:
        """A copy of the request with a value at a place, and what is required on the way; `...` is a valid value."""
        request = copy.deepcopy(base)
        holder, name = request, top
        for position, part in enumerate(path):
            shape = self.model.shapes[name]
            last = position == len(path) - 1
            if part == KEY:
                holder.clear()
                holder[value] = copy.deepcopy(self.valid(shape["value"]["shape"]))
                return request
            name = self.below(shape, part)
            key = part if part != VALUE else next(iter(holder), "") or self.sample(self.key_shape(shape))
            there = holder[key] if (key in holder if isinstance(key, str) else len(holder) > key) else None
            made = value if last and value is not ... else there or copy.deepcopy(self.valid(name))
            if isinstance(key, int) and len(holder) <= key:
                holder.append(made)
            else:
                holder[key] = made
            holder = made
        return request

    def key_shape(self, shape: dict[str, Any]) -> dict[str, Any]:
        return self.model.shapes[shape["key"]["shape"]]

    def below(self, shape: dict[str, Any], part: str | int) -> str:
        """The name of the shape at a part of a path."""
        if part in (KEY, VALUE):
            return str(shape["key" if part == KEY else "value"]["shape"])
        return str(shape["member"]["shape"]) if isinstance(part, int) else str(shape["members"][part]["shape"])


def lengths(shape: dict[str, Any], made: Any, longest: int) -> Iterator[Probe]:
    """Lengths at the bounds and one beyond; none beyond `longest`, and none below 0."""
    least, most = shape.get("min"), shape.get("max")
    if least:
        sentence = f"Member must have length greater than or equal to {least}"
        yield "min", made(least), sentence, False, True
        yield "min", made(least - 1), sentence, True, False
    if most is not None and most <= longest:
        sentence = f"Member must have length less than or equal to {most}"
        yield "max", made(most), sentence, False, True
        yield "max", made(most + 1), sentence, True, False


def written(path: Path) -> str:
    """A path as the service writes it."""
    return ".".join(f"{part + 1}.member" if isinstance(part, int) else part[:1].lower() + part[1:] for part in path)


@lru_cache(maxsize=4096)
def matches(pattern: str, text: str) -> bool:
    """As java.util.regex matches the whole of it."""
    python = pattern.replace(r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF").replace(
        r"\p{ASCII}", r"[\x00-\x7f]"
    )
    python = re.sub(r"(\[?)\\p\{Print\}(\]?)", r"[\\x20-\\x7e]", python).removeprefix(r"\A").removesuffix(r"\z")
    python = python.replace(r"\p{Alnum}", "a-zA-Z0-9")
    engine = regex if r"\p{" in python else re
    return engine.compile(python, re.ASCII if engine is re else 0).fullmatch(text) is not None
