"""Whether an answer is what its operation answers: botocore passes on whatever it finds, of whatever type.

In: an answer as botocore has parsed it, and the operation's model. Out: nothing, or ResponseParserError. Members and
values that the shapes don't know yet are no fault. Values are never repeated: an answer may hold secrets.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from botocore.model import Shape
from botocore.parsers import ResponseParserError
from botocore.response import StreamingBody

_PROMISED: Final[Mapping[str, tuple[str, ...]]] = {
    "GetCallerIdentityResponse": ("Account",),
    "GetObjectOutput": ("Body", "ETag"),
    "GetResourcesOutput": ("ResourceTagMappingList",),
    "PutObjectOutput": ("ETag",),
    "ResourceTagMapping": ("ResourceARN",),
}
"""Members that always come, of shapes that don't say which are required."""

_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "string": (str,),
    "character": (str,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "boolean": (bool,),
    "timestamp": (datetime,),
    "blob": (bytes, StreamingBody),
}
_PAGES: Final = (b"<!doctype html", b"<html")


def check(http_response: Any, parsed: Mapping[str, Any], model: Any, **_: Any) -> None:
    """Refuse what isn't an answer: a proxy's page with the status 200, missing members, members of other types.

    Raises ResponseParserError.
    """
    if http_response.status_code >= 300:
        return
    shape = model.output_shape
    if not model.has_streaming_output:  # a payload of bytes as well: read here, nobody could read it again
        content = http_response.content.strip()
        is_json = model.service_model.resolved_protocol == "json"
        wants = is_json and shape is not None and bool(shape.members)
        said = any(member != "ResponseMetadata" for member in parsed)
        if content.lower().startswith(_PAGES) or (is_json and not said and not _is_empty(content, missing=not wants)):
            begins = f": {content[:80]!r}" if content.startswith(b"<") else ""
            raise ResponseParserError(f"this is not what {model.name} answers{begins}")
    wrong = unfit(shape, parsed) if shape is not None else ""
    if wrong:
        raise ResponseParserError(f"this is not what {model.name} answers: {wrong}")


def _is_empty(content: bytes, *, missing: bool) -> bool:
    """Whether a body is a JSON object, whose members nobody knows; or none at all, where it may be missing.

    botocore takes half an object, and anything else that is no JSON, for one without members.
    """
    try:
        return isinstance(json.loads(content), dict) if content else missing
    except (ValueError, RecursionError):
        return False


def unfit(shape: Shape, value: Any, at: str = "") -> str:
    """The first place where a value isn't of the shape, as `Tags[0].Key is missing`; empty where it is throughout."""
    about = at or "the answer"
    if shape.type_name == "structure":
        if getattr(shape, "is_document_type", False) or getattr(shape, "is_eventstream", False):
            return ""
        if not isinstance(value, Mapping):
            return f"{about} is no structure"
        return _unfit_member(shape, value, at)
    if shape.type_name == "list":
        if not isinstance(value, list):
            return f"{about} is no list"
        found = (unfit(shape.member, item, f"{at}[{index}]") for index, item in enumerate(value))  # type: ignore[attr-defined]
        return next(filter(None, found), "")
    if shape.type_name == "map":
        if not isinstance(value, Mapping):
            return f"{about} is no mapping"
        found = (unfit(shape.value, item, f"{at}[…]") for item in value.values())  # type: ignore[attr-defined]
        return next(filter(None, found), "")
    types = _TYPES.get(shape.type_name)
    fits = types is None or (isinstance(value, types) and (bool in types or not isinstance(value, bool)))
    return "" if fits else f"{about} is no {shape.type_name}"


def _unfit_member(shape: Any, value: Mapping[str, Any], at: str) -> str:
    before = f"{at}." if at else ""
    for member in (*shape.required_members, *_PROMISED.get(shape.name, ())):
        if member not in value:
            return f"{before}{member} is missing"
    for member, item in value.items():
        inner = shape.members.get(member)
        wrong = unfit(inner, item, f"{before}{member}") if inner is not None else ""
        if wrong:
            return wrong
    return ""
