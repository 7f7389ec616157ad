"""S3's REST calls on the wire: which operation a request is, what it holds, and its answers as XML.

In: a request, in path style or with the bucket in its host name. Out: the operation and its input; and back again.
Called through `services`. Source: the S3 API reference; botocore's s3 model (`http` of each operation).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from mmeplan.simulator.protocols import ILLEGAL, Protocol, Reply
from mmeplan.simulator.wire import Request, ServiceError

Json = dict[str, Any]

_NAMESPACE: Final = "http://s3.amazonaws.com/doc/2006-03-01/"
_HOSTED = re.compile(r"(?P<bucket>[a-z0-9][a-z0-9.-]+)\.(?:s3[.-][a-z0-9.-]*amazonaws\.com(?:\.cn)?|localhost)")

_ON_BUCKET: Final = {"PUT": "CreateBucket", "HEAD": "HeadBucket", "DELETE": "DeleteBucket", "GET": "ListObjects"}
_ON_KEY: Final = {"PUT": "PutObject", "GET": "GetObject", "HEAD": "HeadObject", "DELETE": "DeleteObject"}
_SUBRESOURCES: Final = frozenset(
    {"acl", "cors", "encryption", "lifecycle", "logging", "notification", "policy", "replication", "tagging"}
    | {"versioning", "versions", "website", "publicAccessBlock", "ownershipControls", "object-lock", "torrent"}
)


def operation(request: Request) -> str:
    """The operation's name; empty for one that S3 has and the simulator doesn't."""
    bucket, key = _place(request)
    query, method = _query(request), request.method
    if _SUBRESOURCES & set(query):
        return ""
    if not bucket:
        return "ListBuckets" if method == "GET" else ""
    if not key:
        if "delete" in query:
            return "DeleteObjects" if method == "POST" else ""
        if method == "GET" and ("uploads" in query or "location" in query):
            return "ListMultipartUploads" if "uploads" in query else "GetBucketLocation"
        if method == "GET" and query.get("list-type") == "2":
            return "ListObjectsV2"
        return _ON_BUCKET.get(method, "")
    if "uploads" in query:
        return "CreateMultipartUpload" if method == "POST" else ""
    if "uploadId" in query:
        copying = method == "PUT" and request.header("x-amz-copy-source")
        parts = {"PUT": "UploadPart", "POST": "CompleteMultipartUpload", "DELETE": "AbortMultipartUpload"}
        return "UploadPartCopy" if copying else {**parts, "GET": "ListParts"}.get(method, "")
    if method == "PUT" and request.header("x-amz-copy-source"):
        return "CopyObject"
    return _ON_KEY.get(method, "")


def _place(request: Request) -> tuple[str, str]:
    """Bucket and key."""
    parts = urlsplit(request.url)
    path = unquote(parts.path).removeprefix("/")
    hosted = _HOSTED.fullmatch(parts.hostname or request.header("host").partition(":")[0])
    if hosted:
        return hosted.group("bucket"), path
    bucket, _, key = path.partition("/")
    return bucket, key


def _query(request: Request) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(request.url).query, keep_blank_values=True))


def _decode(_service: str, name: str, request: Request) -> Json:
    bucket, key = _place(request)
    headers = {header.lower(): value for header, value in request.headers.items()}
    body = request.body
    if "aws-chunked" in headers.get("content-encoding", "") or headers.get("x-amz-content-sha256", "").startswith(
        "STREAMING-"
    ):
        body = unchunked(body)
    made: Json = {"Bucket": bucket, "Key": key, "Query": _query(request), "Headers": headers, "Body": body}
    if name == "CompleteMultipartUpload" and body:
        parts = [node for node in parsed_xml(body) if local_name(node) == "Part"]
        made["Parts"] = [(_text(part, "PartNumber"), _text(part, "ETag")) for part in parts]
    if name == "DeleteObjects" and body:
        tree = parsed_xml(body)
        made["Keys"] = [_text(node, "Key") for node in tree if local_name(node) == "Object"]
        made["Quiet"] = _text(tree, "Quiet") == "true"
    return made


def unchunked(body: bytes) -> bytes:
    """The bytes inside `aws-chunked` framing: size in hex, `;chunk-signature=…`, data; trailers are dropped.

    Raises ServiceError IncompleteBody where the framing is broken.
    """
    data, place = b"", 0
    while True:
        end = body.find(b"\r\n", place)
        size_text = body[place : max(end, place)].partition(b";")[0]
        try:
            size = int(size_text, 16)
        except ValueError:
            raise ServiceError("IncompleteBody", "The request body terminated unexpectedly") from None
        if size == 0:
            return data
        data += body[end + 2 : end + 2 + size]
        place = end + 2 + size + 2


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
        return Reply(b"", 304)
    members = {"Code": error.code, "Message": error.message, **error.members, "RequestId": request_id}
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{_xml(members)}</Error>'
    return Reply(text.encode(), error.status, {"Content-Type": "application/xml"})


S3_REST: Final = Protocol("application/xml", _decode, _answer, _error)
