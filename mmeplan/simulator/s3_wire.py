"""S3's REST calls on the wire: which operation a request is, what it holds, and its answers as XML.

In: a request, in path style or with the bucket in its host name. Out: the operation and its input; and back again.
Called through `services`. Source: the S3 API reference; botocore's s3 model (`http` of each operation).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from mmeplan.simulator import s3_operations
from mmeplan.simulator.protocols import ILLEGAL, Protocol, Reply
from mmeplan.simulator.wire import Request, ServiceError

Json = dict[str, Any]

_NAMESPACE: Final = "http://s3.amazonaws.com/doc/2006-03-01/"
_IN_HOST = re.compile(
    r"(?P<bucket>[a-z0-9][a-z0-9.-]+)\.(?:s3[.-][a-z0-9.-]*(?:amazonaws\.com(?:\.cn)?|amazonaws\.eu|c2s\.ic\.gov|"
    r"sc2s\.sgov\.gov|csp\.hci\.ic\.gov|cloud\.adc-e\.uk)|localhost)"
)
"""A bucket in a host name. Source: botocore's partitions.json, `dnsSuffix`."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_SIGNED = re.compile(
    r"x-amz-(algorithm|credential|date|expires|signedheaders|signature|security-token|content-sha256)|x-id|"
    r"awsaccesskeyid|signature|expires",
    re.IGNORECASE,
)
"""Parameters of a presigned address, of either signature version, and `x-id`, by which SDKs name the operation."""
_HOISTED = ("x-amz-", "content-md5", "content-type")
"""Headers that signers move into a presigned address's query."""


def operation(request: Request) -> str:
    """The operation's name; empty for one that S3 doesn't have."""
    query, headers = _asked(request)
    return s3_operations.operation(request.method, *_place(request), query, headers)


def _asked(request: Request) -> tuple[dict[str, str], dict[str, str]]:
    """Parameters and headers (in lower case) without what presigning puts into the query."""
    query: dict[str, str] = {}
    headers = {header.lower(): value for header, value in request.headers.items()}
    text = urlsplit(request.url).query
    presigned = "X-Amz-Signature=" in text or "AWSAccessKeyId=" in text
    for name, value in parse_qsl(text, keep_blank_values=True):
        if _SIGNED.fullmatch(name):
            continue
        if presigned and name.lower().startswith(_HOISTED):
            headers[name.lower()] = value
        else:
            query[name] = value
    return query, headers


def _place(request: Request) -> tuple[str, str]:
    """Bucket and key."""
    parts = urlsplit(request.url)
    path = unquote(parts.path).removeprefix("/")
    hosted = _IN_HOST.fullmatch(parts.hostname or request.header("host").partition(":")[0])
    if hosted:
        return hosted.group("bucket"), path
    bucket, _, key = path.partition("/")
    return bucket, key


def _decode(_service: str, name: str, request: Request) -> Json:
    bucket, key = _place(request)
    query, headers = _asked(request)
    body = request.body
    _refuse_other_payload(headers.get("x-amz-content-sha256", ""), body)
    if "aws-chunked" in headers.get("content-encoding", "") or headers.get("x-amz-content-sha256", "").startswith(
        "STREAMING-"
    ):
        body, trailers = unchunked(body)
        headers |= trailers
    made: Json = {"Bucket": bucket, "Key": key, "Query": query, "Headers": headers, "Body": body}
    if name == "CompleteMultipartUpload" and body:
        parts = [node for node in parsed_xml(body) if local_name(node) == "Part"]
        made["Parts"] = [{local_name(child): child.text or "" for child in part} for part in parts]
    if name == "DeleteObjects" and body:
        tree = parsed_xml(body)
        objects = [node for node in tree if local_name(node) == "Object"]
        made["Objects"] = [{local_name(child): child.text or "" for child in node} for node in objects]
        made["Quiet"] = _text(tree, "Quiet") == "true"
    if name in ("PutObjectTagging", "PutBucketTagging", "CreateBucket") and body:
        tags = [node for node in parsed_xml(body).iter() if local_name(node) == "Tag"]
        made["Tags"] = [(_text(tag, "Key"), _text(tag, "Value")) for tag in tags]
    if name == "CreateBucket" and body:
        made["LocationConstraint"] = _text(parsed_xml(body), "LocationConstraint")
    return made


def _refuse_other_payload(digest: str, body: bytes) -> None:
    """Raise ServiceError where the payload that was signed is another one than the payload that came."""
    if _SHA256.fullmatch(digest) and digest != hashlib.sha256(body).hexdigest():
        message = "The provided 'x-amz-content-sha256' header does not match what was computed."
        raise ServiceError("XAmzContentSHA256Mismatch", message)


def unchunked(body: bytes) -> tuple[bytes, dict[str, str]]:
    """The bytes inside `aws-chunked` framing (size in hex, `;chunk-signature=…`, data), and the trailers behind them.

    Raises ServiceError IncompleteBody where the framing is broken.
    """
    data: list[bytes] = []
    place = 0
    while True:
        end = body.find(b"\r\n", place)
        size_text = body[place : max(end, place)].partition(b";")[0]
        try:
            size = int(size_text, 16)
        except ValueError:
            raise _incomplete() from None
        if size == 0:
            lines = [line.decode("latin-1").partition(":") for line in body[end + 2 :].split(b"\r\n")]
            return b"".join(data), {name.strip().lower(): value.strip() for name, colon, value in lines if colon}
        data.append(body[end + 2 : end + 2 + size])
        if size < 0 or len(data[-1]) < size:
            raise _incomplete()
        place = end + 2 + size + 2


def _incomplete() -> ServiceError:
    return ServiceError("IncompleteBody", "The request body terminated unexpectedly")


def parsed_xml(body: bytes) -> ElementTree.Element:
    """The root of a body's XML. Raises ServiceError MalformedXML."""
    if b"<!" in body:  # no entity, no doctype: nothing that could grow
        raise ServiceError("MalformedXML", "The XML you provided was not well-formed")
    try:
        return ElementTree.fromstring(body)  # noqa: S314  (entities were refused above)
    except ElementTree.ParseError:
        raise ServiceError("MalformedXML", "The XML you provided was not well-formed") from None


def local_name(node: ElementTree.Element) -> str:
    """An element's name without its namespace."""
    return node.tag.rpartition("}")[2]


def _text(node: ElementTree.Element, tag: str) -> str:
    return next((child.text or "" for child in node if local_name(child) == tag), "")


def _answer(_service: str, _name: str, answer: Json | None, _request_id: str) -> Reply:
    answer = answer or {}
    headers = dict(answer.get("_headers", {}))
    if "_xml" in answer:
        root, members = answer["_xml"]
        inner = escape(members) if isinstance(members, str) else _xml(members)
        text = f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{_NAMESPACE}">{inner}</{root}>'
        return Reply(text.encode(), 200, headers | {"Content-Type": "application/xml"})
    return Reply(answer.get("_body", b""), answer.get("_status", 200), headers)


def _xml(members: Mapping[str, Any]) -> str:
    return "".join(_element(name, value) for name, value in members.items())


def _element(name: str, value: Any) -> str:
    if isinstance(value, list):
        return "".join(_element(name, item) for item in value)
    if isinstance(value, Mapping):
        return f"<{name}>{_xml(value)}</{name}>"
    text = ILLEGAL.sub("\ufffd", str(value).lower() if isinstance(value, bool) else str(value))
    return f"<{name}>{escape(text)}</{name}>"


def _error(error: ServiceError, request_id: str) -> Reply:
    if error.status == 304:
        return Reply(b"", 304, {name: str(value) for name, value in error.members.items()})
    members = {"Code": error.code, "Message": error.message, **error.members, "RequestId": request_id}
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{_xml(members)}</Error>'
    return Reply(text.encode(), error.status, {"Content-Type": "application/xml"})


S3_REST: Final = Protocol("application/xml", _decode, _answer, _error)
