"""The two wire protocols that the first services speak: JSON 1.1 and the query protocol.

In: a request's bytes. Out: the operation's input as a dictionary; and back again, answers and errors as bytes.
A `Service` names its protocol; `core` calls it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NoReturn
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from mmeplan.simulator.wire import ServiceError

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Protocol:
    """How a service writes what it says. `error_header` names the header that repeats the error code, if any."""

    content_type: str
    decode: Callable[[bytes], Json]
    answer: Callable[[str, Json | None, str], bytes]
    error: Callable[[str, str, str], bytes]
    error_header: str = ""


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON number")


def _decode_json(body: bytes) -> Json:
    try:
        decoded = json.loads(body or b"{}", parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise ServiceError("SerializationException", "The request body is not valid JSON.") from None
    if not isinstance(decoded, dict):
        raise ServiceError("SerializationException", "The request body is not a JSON object.")
    if b"null" in body:  # a null member means an absent one; looking for the word is cheaper than walking every body
        return {member: _without_nulls(value) for member, value in decoded.items() if value is not None}
    return decoded


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value


_encode = json.JSONEncoder(separators=(",", ":")).encode


def _json_answer(_operation: str, answer: Json | None, _request_id: str) -> bytes:
    return b"" if answer is None else _encode(answer).encode()


def _json_error(code: str, message: str, _request_id: str) -> bytes:
    return _encode({"__type": code, "message": message}).encode()


def _decode_query(body: bytes) -> Json:
    members = dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))
    members.pop("Action", None)
    members.pop("Version", None)
    return members


_STS_NAMESPACE: Final = "https://sts.amazonaws.com/doc/2011-06-15/"


def _query_answer(operation: str, answer: Json | None, request_id: str) -> bytes:
    members = "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in (answer or {}).items())
    return (
        f'<{operation}Response xmlns="{_STS_NAMESPACE}"><{operation}Result>{members}</{operation}Result>'
        f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{operation}Response>"
    ).encode()


def _query_error(code: str, message: str, request_id: str) -> bytes:
    return (
        f'<ErrorResponse xmlns="{_STS_NAMESPACE}"><Error><Type>Sender</Type><Code>{escape(code)}</Code>'
        f"<Message>{escape(message)}</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>"
    ).encode()


JSON: Final = Protocol("application/x-amz-json-1.1", _decode_json, _json_answer, _json_error, "x-amzn-ErrorType")
QUERY: Final = Protocol("text/xml", _decode_query, _query_answer, _query_error)
