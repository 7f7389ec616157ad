"""What the members of a plan document must be, before a plan is made of it: the types of its schema, and the API's.

In: a document, as text and parsed. Out: what is wrong, each with its place. The types are those of
`schema`, by which specs/plan.schema.json is made; the parameters of a step are held against botocore's request shapes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from mmeplan.aws.constraints import violations
from mmeplan.aws.shapes import service
from mmeplan.documents import place_text
from mmeplan.kinds import TAGGING as TAGGINGS
from mmeplan.kinds import kind_of_operation, tagging_call
from mmeplan.plan.document import Plan
from mmeplan.plan.gathered import wrong_params
from mmeplan.plan.schema import document_type
from mmeplan.plan.step import TAGGING

_SHAPES: Final = frozenset({"type", "unknown", "required"})
"""The constraints of a request without which it can't be understood; the others are SageMaker's to refuse."""


def members_wrong(text: str) -> list[str]:
    """What is wrong with the members of a document, in sentences that begin with the place; empty for nothing."""
    try:
        _adapter().validate_json(text, strict=True)
    except ValidationError as error:
        return [sentence(found["loc"], found["msg"]) for found in error.errors(include_url=False, include_input=False)]
    return []


def calls_wrong(document: Mapping[str, Any]) -> list[str]:
    """The same of the calls of a document whose members have their types."""
    steps: Sequence[Mapping[str, Any]] = document["steps"]
    return [problem for index, step in enumerate(steps) for problem in _calls(step, index)]


def _calls(step: Mapping[str, Any], index: int) -> Iterator[str]:
    place: tuple[str | int, ...] = ("steps", index)
    yield from _call(step, place)
    for number, call in enumerate(step.get("on_rollback") or ()):
        yield from _call(call, (*place, "on_rollback", number))


def _call(call: Mapping[str, Any], place: tuple[str | int, ...]) -> Iterator[str]:
    operation = str(call["operation"])
    kind = kind_of_operation(operation)
    if kind is None and operation not in TAGGING:
        yield f"{place_text((*place, 'operation'))}: mmeplan makes no call {operation!r}"
        return
    if kind is not None and kind.is_gathered:
        if wrong := wrong_params(operation, call["params"]):
            yield sentence((*place, "params"), wrong)
        return
    of_tags = next((name for name, tagging in TAGGINGS.items() if tagging == tagging_call(operation)), "sagemaker")
    model = service(kind.service if kind else of_tags)
    shape = model.input_shape(operation) or ""
    for found in violations(model, shape, call["params"]):
        if found.constraint in _SHAPES:
            yield sentence((*place, "params", *found.path), found.sentence)


def sentence(place: Sequence[str | int], message: str) -> str:
    """`steps[3].params.Tags: expected a list`."""
    return f"{place_text(place)}: {message[:1].lower()}{message[1:]}" if place else message


_adapters: dict[type, TypeAdapter[Any]] = {}


def _adapter() -> TypeAdapter[Any]:
    """Made once: it takes a tenth of a second."""
    if Plan not in _adapters:
        _adapters[Plan] = TypeAdapter(document_type(Plan))
    return _adapters[Plan]
