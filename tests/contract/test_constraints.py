"""Every constraint of every input shape: the value at its bound is accepted, the one beyond refused as AWS words it.

The cases are made from botocore's shapes, not from the code that enforces them: for each constraint that can be reached
in an operation's input, a request that is right but for one value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import pytest
import regex

from mmeplan.aws.shapes import ServiceModel, service
from mmeplan.simulator import Request, Simulator

TARGETS = {
    "sagemaker": ("SageMaker", "sagemaker", "ValidationException"),
    "resourcegroupstaggingapi": ("ResourceGroupsTaggingAPI_20170126", "tagging", "InvalidParameterException"),
    "cloudwatch": ("GraniteServiceVersion20100801", "monitoring", "ValidationError"),
    "application-autoscaling": ("AnyScaleFrontendService", "application-autoscaling", "ValidationException"),
    "service-quotas": ("ServiceQuotasV20190624", "servicequotas", "IllegalArgumentException"),
}
SAMPLES = (
    *("a", "A1", "1", "sagemaker", "s3://bucket/key", "arn:aws:iam::123456789012:role/x", "ml.m5.large", "L-0123"),
    *("arn:aws:sns:eu-west-1:123456789012:topic", "arn:aws:sagemaker:eu-west-1:123456789012:model/m", "text/csv"),
    *("arn:aws:sagemaker:eu-west-1:123456789012:ml-reservation/x", "arn:aws:lambda:eu-west-1:123456789012:function:x"),
    *(
        "2026-01-01T00:00:00Z",
        "subnet-1",
        "mig-1g.5gb",
        "/metrics",
        "application/json",
        "0.0.0.0",
        "aa",
        "arn:aws:s3:::bucket",
    ),
    *("arn:aws:sagemaker:eu-west-1:123456789012:training-plan/x", "arn:aws:ec2:eu-west-1:123456789012:x/y"),
)
LONGEST = 40_000
DEEPEST = 9


@dataclass(frozen=True)
class Case:
    """One value at one place of an operation's input; `sentence` is empty where it is to be accepted."""

    operation: str
    path: tuple[str | int, ...]
    request: str
    sentence: str

    @property
    def where(self) -> str:
        parts = [f"{part + 1}.member" if isinstance(part, int) else part[:1].lower() + part[1:] for part in self.path]
        return ".".join(parts)


class Maker:
    """Makes the cases of one service."""

    def __init__(self, model: ServiceModel) -> None:
        self.model = model
        self.unreached: list[str] = []

    def cases(self, operation: str) -> Iterator[Case]:
        top = self.model.input_shape(operation)
        if top is None:
            return
        base = self.valid(top)
        for path, shape_name in self.places(top, ()):
            for value, sentence in self.probes(shape_name):
                yield Case(operation, path, json.dumps(placed(self, base, top, path, value)), sentence)
        for path, member in self.required(top, ()):
            request = placed(self, base, top, path, ...) if path else json.loads(json.dumps(base))
            holder = request
            for part in path:
                holder = holder[part]
            holder.pop(member, None)
            yield Case(operation, (*path, member), json.dumps(request), "Member must not be null")

    def places(self, shape_name: str, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Every place below a shape, but for what lies deeper than `DEEPEST` or within a shape of its own name."""
        shape = self.model.shapes[shape_name]
        if path:
            yield path, shape_name
        if len(path) >= DEEPEST:
            return
        if shape["type"] == "structure":
            for member, inner in self.model.members(shape_name).items():
                yield from self.places(inner, (*path, member))
        elif shape["type"] == "list":
            yield from self.places(shape["member"]["shape"], (*path, 0))

    def required(self, shape_name: str, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
        for place, name in [((), shape_name), *self.places(shape_name, ())]:
            for member in self.model.shapes[name].get("required", ()):
                yield place, member

    def probes(self, shape_name: str) -> Iterator[tuple[Any, str]]:
        shape = self.model.shapes[shape_name]
        least, most = shape.get("min"), shape.get("max")
        if shape["type"] == "string":
            yield from self.strings(shape_name, shape)
        elif shape["type"] in ("integer", "long", "float", "double"):
            if least is not None:
                yield least, ""
                yield least - 1, f"Member must have value greater than or equal to {least}"
            if most is not None:
                yield most, ""
                yield most + 1, f"Member must have value less than or equal to {most}"
        elif shape["type"] == "list":
            item = self.valid(shape["member"]["shape"])
            yield from lengths(least, most, lambda size: [item] * size)
        elif shape["type"] == "map":
            value = self.valid(shape["value"]["shape"])
            yield from lengths(least, most, lambda size: {f"a{number}": value for number in range(size)})

    def strings(self, shape_name: str, shape: dict[str, Any]) -> Iterator[tuple[Any, str]]:
        if "enum" in shape:
            yield shape["enum"][-1], ""
            allowed = ", ".join(shape["enum"])
            yield "no such value", f"Member must satisfy enum value set: [{allowed}]"
            return
        pattern, most = shape.get("pattern"), shape.get("max")
        if pattern:
            wrong = next((text for text in ("\x00", "é!", " ", "") if not matches(pattern, text)), None)
            if wrong is not None and not (wrong == "" and shape.get("min", 0) > 0):
                yield wrong, f"Member must satisfy regular expression pattern: {pattern}"
        if most is not None and most <= LONGEST:
            longest = self.of_length(shape, most)
            if longest is None:
                self.unreached.append(shape_name)
            else:
                yield longest, ""
                yield longest + longest[-1:], f"Member must have length less than or equal to {most}"
        if shape.get("min", 0) > 0:
            yield "", f"Member must have length greater than or equal to {shape['min']}"

    def of_length(self, shape: dict[str, Any], length: int) -> str | None:
        pattern = shape.get("pattern")
        for sample in SAMPLES:
            text = (sample + sample[-1] * length)[:length]
            if not pattern or matches(pattern, text):
                return text
        return None

    @cache  # noqa: B019  (a maker lives as long as its module)
    def valid(self, shape_name: str) -> Any:
        """A value that breaks nothing, with the required members only."""
        shape = self.model.shapes[shape_name]
        kind = shape["type"]
        if kind == "structure":
            return {member: self.valid(self.model.members(shape_name)[member]) for member in shape.get("required", ())}
        if kind == "list":
            return [self.valid(shape["member"]["shape"])] * shape.get("min", 0)
        if kind == "map":
            return {f"a{number}": self.valid(shape["value"]["shape"]) for number in range(shape.get("min", 0))}
        if kind == "string":
            return self.sample(shape_name, shape)
        if kind in ("integer", "long", "float", "double"):
            return shape.get("min", 1)
        return {"boolean": True, "timestamp": 1_767_225_600, "blob": ""}[kind]

    def sample(self, shape_name: str, shape: dict[str, Any]) -> str:
        if "enum" in shape:
            return str(shape["enum"][0])
        least, most, pattern = shape.get("min", 0), shape.get("max", LONGEST), shape.get("pattern")
        for sample in SAMPLES:
            text = sample + sample[-1] * (least - len(sample))
            if len(text) <= most and (not pattern or matches(pattern, text)):
                return text
        raise AssertionError(f"no sample fits {shape_name}: {pattern}")


def lengths(least: int | None, most: int | None, made: Any) -> Iterator[tuple[Any, str]]:
    if least:
        yield made(least), ""
        yield made(least - 1), f"Member must have length greater than or equal to {least}"
    if most is not None and most <= 2000:
        yield made(most), ""
        yield made(most + 1), f"Member must have length less than or equal to {most}"


@lru_cache(maxsize=4096)
def matches(pattern: str, text: str) -> bool:
    """As java.util.regex matches the whole of it."""
    python = pattern.replace(r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF").replace(r"\p{Print}", r"\x20-\x7e")
    python = python.removeprefix(r"\A").removesuffix(r"\z")
    if python in (r"\x20-\x7e+", r"\x20-\x7e*"):
        python = f"[{python[:-1]}]{python[-1]}"
    engine = regex if r"\p{" in python else re
    return engine.compile(python, re.ASCII if engine is re else 0).fullmatch(text) is not None


def placed(maker: Maker, base: Any, top: str, path: tuple[str | int, ...], value: Any) -> Any:
    """A copy of the request with a value at a place, and what is required on the way there; `...` is a valid value."""
    request = json.loads(json.dumps(base))
    holder, shape_name = request, top
    for position, part in enumerate(path):
        shape = maker.model.shapes[shape_name]
        shape_name = shape["member"]["shape"] if isinstance(part, int) else maker.model.members(shape_name)[part]
        last = position == len(path) - 1
        if last and value is not ...:
            made = value
        else:
            there = holder[part] if (part in holder if isinstance(part, str) else len(holder) > part) else None
            made = there if there else json.loads(json.dumps(maker.valid(shape_name)))
        if isinstance(part, int) and len(holder) <= part:
            holder.append(made)
        else:
            holder[part] = made
        holder = made
    return request


def operations() -> list[tuple[str, str]]:
    from mmeplan.simulator.services import SERVICES

    return [(each.name, name) for each in SERVICES if each.name in TARGETS for name in each.operations]


@lru_cache(maxsize=8)
def maker(name: str) -> Maker:
    return Maker(service(name))


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with Simulator.open() as simulator:
        yield simulator


@pytest.mark.parametrize(("name", "operation"), operations())
def test_every_constraint_is_enforced_at_its_bound_and_in_the_services_words(
    sim: Simulator, name: str, operation: str
) -> None:
    target, scope, code = TARGETS[name]
    headers = {
        "X-Amz-Target": f"{target}.{operation}",
        "Authorization": f"AWS4-HMAC-SHA256 Credential=any/20260101/eu-west-1/{scope}/aws4_request, SignedHeaders=host",
    }
    wrong = []
    total = 0
    for case in maker(name).cases(operation):
        total += 1
        answer = sim.respond(Request("POST", "http://127.0.0.1/", headers, case.request.encode()))
        said = json.loads(answer.body or b"{}")
        message = said.get("message", "") if answer.status >= 300 else ""
        if not case.sentence:
            accepted = f"at '{case.where}' failed" not in message
            wrong += [] if accepted else [(case.where, "accepted", message[:300])]
        elif (
            said.get("__type") != code
            or f"at '{case.where}' failed to satisfy constraint: {case.sentence}" not in message
        ):
            wrong.append((case.where, case.sentence[:200], message[:300]))
    assert wrong[:5] == []
    assert total >= (0 if maker(name).model.input_shape(operation) is None else 1)


def test_the_cases_are_many_and_hardly_any_bound_is_left_out() -> None:
    total = sum(1 for name, operation in operations() for _ in maker(name).cases(operation))
    assert total > 1000
    unreached = {shape for name in TARGETS for shape in maker(name).unreached}
    assert len(unreached) <= 6, unreached
