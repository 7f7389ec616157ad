"""The wire protocols that the services speak, but for S3's: JSON 1.1, the query protocol, the runtime's REST calls.

In: a request. Out: the operation's input as a dictionary; and back again, answers and errors as `Reply`s.
A `Service` names its protocol; `core` calls it.
"""

from __future__ import annotations

import json
import re
import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any, Final, NoReturn
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.sax.saxutils import escape

from mmeplan.aws import shapes
from mmeplan.simulator.clock import instant
from mmeplan.simulator.wire import Request, ServiceError

Json = dict[str, Any]

ILLEGAL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""What XML 1.0 can't hold."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a protocol makes of an answer or an error."""

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Protocol:
    """How a service reads and writes. The first argument of `decode` and `answer` is the service's botocore name."""

    content_type: str
    decode: Callable[[str, str, Request], Json]
    answer: Callable[[str, str, Json | None, str], Reply]
    error: Callable[[ServiceError, str], Reply]


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON number")


def _decode_json(_service: str, _operation: str, request: Request) -> Json:
    body = request.body
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
        return [_without_nulls(item) for item in value if item is not None]
    return value


_JAVA_TYPES: Final = {
    "integer": "an Integer",
    "long": "a Long",
    "float": "a Float",
    "double": "a Double",
    "string": "a String",
    "boolean": "a Boolean",
    "timestamp": "a Date",
    "blob": "a ByteBuffer",
}


def unconvertible(value: Any, expected: str) -> ServiceError:
    """What a JSON service answers to a value of the wrong type. Captured from Athena, another JSON 1.1 service."""
    if isinstance(value, dict):
        message = "Start of structure or map found where not expected."
    elif isinstance(value, list):
        message = "Start of list found where not expected"
    elif expected == "list":
        message = "Expected list or null"
    elif expected in ("structure", "map"):
        message = "Expected null"
    else:
        kind = str(value).upper() if isinstance(value, bool) else "STRING" if isinstance(value, str) else "NUMBER"
        message = f"{kind}_VALUE can not be converted to {_JAVA_TYPES[expected]}"
    return ServiceError("SerializationException", message)


_encode = json.JSONEncoder(separators=(",", ":")).encode


def _json_answer(_service: str, _operation: str, answer: Json | None, _request_id: str) -> Reply:
    return Reply(b"" if answer is None else _encode(answer).encode())


def _json_error(error: ServiceError, _request_id: str) -> Reply:
    body = _encode({"__type": error.code, "message": error.message, **error.members}).encode()
    return Reply(body, error.status, {"x-amzn-ErrorType": error.code})


# -- query -----------------------------------------------------------------------------------------------------------


def form(request: Request) -> dict[str, str]:
    """The members of a query-protocol request, from its body or its URL."""
    text = request.body.decode(errors="replace") or urlsplit(request.url).query
    return dict(parse_qsl(text, keep_blank_values=True))


def _decode_query(service: str, operation: str, request: Request) -> Json:
    """Flat names (`Dimensions.member.1.Name`, EC2's `Filter.1.Name`) as the shape nests them."""
    model = shapes.service(service)
    shape = model.input_shape(operation)
    made: Json = _nested(model, shape, form(request), "") if shape else {}
    return made


def _is_ec2(model: shapes.ServiceModel) -> bool:
    """Whether it is EC2's kind of the query protocol: https://smithy.io/2.0/aws/protocols/aws-ec2-query-protocol.html."""
    return bool(model.metadata["protocol"] == "ec2")


def _nested(model: shapes.ServiceModel, shape_name: str, flat: Mapping[str, str], prefix: str) -> Any:
    shape = model.shapes[shape_name]
    if shape["type"] == "structure":
        made = {}
        for member, place in shape.get("members", {}).items():
            name = place.get("queryName") or place.get("locationName", member) if _is_ec2(model) else member
            path = f"{prefix}{name[:1].upper()}{name[1:]}" if _is_ec2(model) else f"{prefix}{name}"
            if path in flat or any(name.startswith(path + ".") for name in flat):
                below = model.shapes[place["shape"]]["type"] in ("structure", "list", "map")
                made[member] = _nested(model, place["shape"], flat, path + "." * below)
        return made
    if shape["type"] == "list":
        items, number, inner = [], 1, shape["member"]["shape"]
        prefix += "" if _is_ec2(model) else "member."
        while any(name == f"{prefix}{number}" or name.startswith(f"{prefix}{number}.") for name in flat):
            below = model.shapes[inner]["type"] in ("structure", "list", "map")
            items.append(_nested(model, inner, flat, f"{prefix}{number}" + "." * below))
            number += 1
        return items
    return _scalar(shape["type"], flat.get(prefix, ""))


def _scalar(kind: str, text: str) -> Any:
    try:
        if kind in ("integer", "long"):
            return int(text)
    except ValueError:
        raise ServiceError("MalformedInput", f"{text} is not a number.") from None
    return text == "true" if kind == "boolean" else text


def _query_answer(service: str, operation: str, answer: Json | None, request_id: str) -> Reply:
    model = shapes.service(service)
    shape = model.output_shape(operation)
    members = _xml(model, shape, answer) if shape and answer else ""
    namespace = escape(str(model.metadata.get("xmlNamespace", "")))
    return Reply(
        f'<{operation}Response xmlns="{namespace}"><{operation}Result>{members}</{operation}Result>'
        f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{operation}Response>".encode()
    )


def _ec2_answer(service: str, operation: str, answer: Json | None, request_id: str) -> Reply:
    model = shapes.service(service)
    members = _xml(model, model.output_shape(operation) or "", answer or {})
    namespace = escape(str(model.metadata["xmlNamespace"]))
    text = f"<requestId>{request_id}</requestId>{members}"
    return Reply(f'<{operation}Response xmlns="{namespace}">{text}</{operation}Response>'.encode())


def _xml(model: shapes.ServiceModel, shape_name: str, value: Any) -> str:
    shape = model.shapes[shape_name]
    if shape["type"] == "structure":
        members = [(shape["members"][name], name, item) for name, item in value.items() if name in shape["members"]]
        named = [(place.get("locationName", name), place["shape"], item) for place, name, item in members]
        return "".join(f"<{tag}>{_xml(model, inner, item)}</{tag}>" for tag, inner, item in named)
    if shape["type"] == "list":
        tag = shape["member"].get("locationName", "member")
        return "".join(f"<{tag}>{_xml(model, shape['member']['shape'], item)}</{tag}>" for item in value)
    if shape["type"] == "map":
        pairs = ((escape(str(key)), _xml(model, shape["value"]["shape"], item)) for key, item in value.items())
        return "".join(f"<entry><key>{key}</key><value>{item}</value></entry>" for key, item in pairs)
    if shape["type"] == "boolean":
        return str(value).lower()
    if shape["type"] == "timestamp":
        moment = instant(round(value * 1_000_000)).astimezone(UTC).replace(tzinfo=None)
        return f"{moment.isoformat(timespec='milliseconds')}Z"
    return _escaped(str(value))


def _escaped(text: str) -> str:
    return escape(ILLEGAL.sub("\ufffd", text))


def _query_error(error: ServiceError, request_id: str) -> Reply:
    body = (
        f"<ErrorResponse><Error><Type>Sender</Type><Code>{_escaped(error.code)}</Code>"
        f"<Message>{_escaped(error.message)}</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>"
    )
    return Reply(body.encode(), error.status)


def _ec2_error(error: ServiceError, request_id: str) -> Reply:
    body = (
        f"<Response><Errors><Error><Code>{_escaped(error.code)}</Code><Message>{_escaped(error.message)}</Message></Error>"
        f"</Errors><RequestID>{request_id}</RequestID></Response>"
    )
    return Reply(body.encode(), error.status)


# -- RPC v2 CBOR, in which nothing is answered but refusals ------------------------------------------------------------


def _cbor_error(error: ServiceError, _request_id: str) -> Reply:
    """A map of two texts in RFC 8949's encoding. Source: the Smithy RPC v2 CBOR protocol, "Operation errors"."""
    members = b"".join(map(_cbor_text, ("__type", error.code, "message", error.message)))
    return Reply(b"\xa2" + members, error.status, {"smithy-protocol": "rpc-v2-cbor"})


def _cbor_text(text: str) -> bytes:
    raw = text.encode(errors="replace")[:0xFFFF]
    return b"\x79" + len(raw).to_bytes(2, "big") + raw


# -- the runtime's REST calls ----------------------------------------------------------------------------------------


def _decode_invocation(service: str, operation: str, request: Request) -> Json:
    """Members from the path, the headers and the body, as the shape places them."""
    model = shapes.service(service)
    shape = model.shapes[model.input_shape(operation) or ""]
    made: Json = {"Body": request.body} if request.body or "Body" in shape["required"] else {}
    headers = {name.lower(): value for name, value in request.headers.items()}
    for member, place in shape["members"].items():
        if place.get("location") == "uri":
            made[member] = unquote(urlsplit(request.url).path.split("/")[2])
        elif place.get("location") == "header" and place["locationName"].lower() in headers:
            text = headers[place["locationName"].lower()]
            made[member] = _scalar(model.shapes[place["shape"]]["type"], text)
    return made


def _invocation_answer(service: str, operation: str, answer: Json | None, _request_id: str) -> Reply:
    model = shapes.service(service)
    shape = model.shapes[model.output_shape(operation) or ""]
    places, answer = shape["members"], answer or {}
    placed = {member: value for member, value in answer.items() if "location" in places[member]}
    headers = {places[member]["locationName"]: value for member, value in placed.items()}
    status = model.operations[operation]["http"].get("responseCode", 200)
    if "payload" not in shape:
        rest = {member: value for member, value in answer.items() if member not in placed}
        return Reply(_encode(rest).encode(), status, headers | {"Content-Type": "application/json"})
    if model.shapes[places["Body"]["shape"]].get("eventstream"):
        kind = {"Content-Type": "application/vnd.amazon.eventstream"}
        return Reply(_event_stream(answer["Body"]), status, headers | kind)
    return Reply(answer["Body"], status, headers)


PART_BYTES: Final = 256
"""The most of a streamed answer in one event: small, so that clients meet parts that end anywhere."""


def _event_stream(body: bytes) -> bytes:
    """An answer as the events of a response stream, each with a PayloadPart."""
    return b"".join(_event(body[at : at + PART_BYTES]) for at in range(0, len(body), PART_BYTES))


def _event(payload: bytes) -> bytes:
    """One message of vnd.amazon.eventstream: lengths and their CRC, headers of text (type 7), payload, CRC of it all.

    Source: Amazon Transcribe's Developer Guide, "Event stream encoding"; botocore.eventstream reads it.
    """
    named = {":message-type": "event", ":event-type": "PayloadPart", ":content-type": "application/octet-stream"}
    headers = b"".join(
        struct.pack("!B", len(name)) + name.encode() + struct.pack("!BH", 7, len(value)) + value.encode()
        for name, value in named.items()
    )
    lengths = struct.pack("!II", 16 + len(headers) + len(payload), len(headers))
    message = lengths + struct.pack("!I", zlib.crc32(lengths)) + headers + payload
    return message + struct.pack("!I", zlib.crc32(message))


def _invocation_error(error: ServiceError, _request_id: str) -> Reply:
    body = _encode({"Message": error.message, **error.members}).encode()
    headers = {"x-amzn-ErrorType": error.code, "Content-Type": "application/json"}
    return Reply(body, error.status, headers)


JSON: Final = Protocol("application/x-amz-json-1.1", _decode_json, _json_answer, _json_error)
QUERY: Final = Protocol("text/xml", _decode_query, _query_answer, _query_error)
INVOCATION: Final = Protocol("application/octet-stream", _decode_invocation, _invocation_answer, _invocation_error)
EC2: Final = Protocol("text/xml", _decode_query, _ec2_answer, _ec2_error)
CBOR: Final = Protocol("application/cbor", _decode_json, _json_answer, _cbor_error)
XML: Final = Protocol("application/xml", _decode_query, _query_answer, _query_error)
"""CBOR and the XML of REST calls are for refusals: no service here speaks them. S3's own is in `s3_wire`."""
