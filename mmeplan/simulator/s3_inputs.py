"""What S3 refuses of a request because of its shape: headers, parameters of the query, the XML of a body.

In: an operation's name and what `s3_wire` made of a request. Out: nothing, or S3's own error. Called by `core`.
S3 doesn't speak of "validation errors": each header has an error of its own. Where the words are captured they stand
in `_WORDS`; the others are InvalidArgument in words of our own. Source: the S3 API reference, "Error responses";
botocore's s3 model for the values.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final
from xml.etree import ElementTree

from mmeplan.aws import shapes
from mmeplan.aws.constraints import full_match, violations
from mmeplan.simulator import checksums, s3_operations
from mmeplan.simulator.s3_wire import local_name, parsed_xml
from mmeplan.simulator.wire import ServiceError

Json = dict[str, Any]
Accepts = Callable[[str], object]

KEYS_AT_ONCE: Final = 1000
"""DeleteObjects: "The request can contain a list of up to 1,000 keys"."""
KEY_BYTES: Final = 1024
"""The S3 user guide, "Object key naming": at most so many bytes of UTF-8."""

_CHECKSUMS: Final = (
    "InvalidRequest",
    "Checksum algorithm provided is unsupported. Please try again with any of the valid types: "
    "[CRC32, CRC32C, CRC64NVME, SHA1, SHA256]",
)
_WORDS: Final = {
    "x-amz-storage-class": ("InvalidStorageClass", "The storage class you specified is not valid"),
    "x-amz-server-side-encryption": (
        "InvalidEncryptionAlgorithmError",
        "The encryption request you specified is not valid. The valid value is AES256.",
    ),
    "x-amz-sdk-checksum-algorithm": _CHECKSUMS,
    "x-amz-checksum-algorithm": _CHECKSUMS,
    "x-amz-copy-source": (
        "InvalidArgument",
        "Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
    ),
    "x-amz-metadata-directive": ("InvalidArgument", "Unknown metadata directive."),
    "x-amz-tagging-directive": ("InvalidArgument", "Unknown tagging directive."),
    "x-amz-object-lock-mode": ("InvalidArgument", "Unknown wormMode directive."),
    "x-amz-object-lock-legal-hold": ("InvalidArgument", "Legal Hold must be either of 'ON' or 'OFF'"),
    "encoding-type": ("InvalidArgument", "Invalid Encoding Method specified in Request"),
    "max-buckets": ("InvalidArgument", "Argument max-buckets must be an integer between 1 and 10000"),
}
_IGNORED: Final = {("CreateBucket", "x-amz-acl"): ("bucket-owner-read", "bucket-owner-full-control")}
"""Values of objects that a bucket's header may have: "If you specify this canned ACL when creating a bucket, Amazon S3
ignores it" (the S3 user guide, "Canned ACL").
"""
MALFORMED: Final = "The XML you provided was not well-formed or did not validate against our published schema"


_NOT_HERE: Final = re.compile(
    r"x-amz-((copy-source-)?server-side-encryption-customer-.*|object-lock-.*|write-offset-bytes|mfa|if-match-.*|"
    r"bypass-governance-retention|object-annotation-directive|bucket-object-lock-enabled|bucket-namespace|"
    r"checksum-xxhash.*)"
)
"""Headers of S3's that ask for what isn't here: SSE-C, locks, appending, directory buckets, annotations, xxHash."""
_OWNERS: Final = ("x-amz-expected-bucket-owner", "x-amz-source-expected-bucket-owner")
_ACLS_TAKEN: Final = frozenset({"private", "bucket-owner-full-control"})


def not_implemented(kind: str, name: str) -> ServiceError:
    """The refusal of a `header` or a `parameter` in S3's words, which a client doesn't try again."""
    message = f"A {kind} you provided implies functionality that is not implemented"
    return ServiceError("NotImplemented", message, 501, {kind.capitalize(): name})


def refuse(operation: str, request: Json, account: str) -> None:
    """Raise ServiceError for the first header, parameter, key or body that breaks the operation's shape.

    Then for what isn't the operation's, and for what S3 has and the simulator doesn't: nothing is passed over that
    would make another call of it.
    """
    _refuse_shape(operation, request)
    query, headers = request["Query"], request["Headers"]
    kind, name = s3_operations.accepted()[operation].foreign(query, headers)
    if kind:
        raise not_implemented(kind, name)
    _refuse_digest(operation, headers, request["Body"])
    for name, value in headers.items():
        if _NOT_HERE.fullmatch(name) or (name == "x-amz-object-ownership" and value != "BucketOwnerEnforced"):
            raise not_implemented("header", name)
        if name.startswith("x-amz-grant-") or (name == "x-amz-acl" and value not in _ACLS_TAKEN):
            raise ServiceError("AccessControlListNotSupported", "The bucket does not allow ACLs")
        if name in _OWNERS and value != account:
            raise ServiceError("AccessDenied", "Access Denied", 403)
    if query.get("versionId", "null") != "null":
        raise ServiceError("InvalidArgument", "Invalid version id specified", 400, {"ArgumentName": "versionId"})
    if "?" in headers.get("x-amz-copy-source", ""):
        raise not_implemented("header", "x-amz-copy-source")
    if operation == "ListMultipartUploads" and query.get("delimiter"):
        raise not_implemented("parameter", "delimiter")
    for item in request.get("Objects", ()):
        other = [member for member, text in item.items() if member != "Key" and (member, text) != ("VersionId", "null")]
        if other:
            raise not_implemented("parameter", other[0])


def _refuse_digest(operation: str, headers: Mapping[str, str], body: bytes) -> None:
    """Raise ServiceError where a body isn't the one that its MD5 or its checksum was made of."""
    given = headers.get("content-md5")
    if given and given != checksums.of("md5", body):
        raise ServiceError("BadDigest", "The Content-MD5 you specified did not match what we received.")
    if s3_operations.accepted()[operation].summed:
        checksums.verified(headers, body)


def _refuse_shape(operation: str, request: Json) -> None:
    headers, query, body = _places(operation)
    for places, sent in ((headers, request["Headers"]), (query, request["Query"])):
        for name, value in sent.items():
            accepts = places.get(name)
            if accepts is not None and not accepts(value) and value not in _IGNORED.get((operation, name), ()):
                raise _invalid(name, value)
    if len(request["Key"].encode(errors="surrogatepass")) > KEY_BYTES:
        raise ServiceError("KeyTooLongError", "Your key is too long", 400, {"MaxSizeAllowed": KEY_BYTES})
    if body:
        _refuse_body(*body, request["Body"])


def _invalid(name: str, value: str) -> ServiceError:
    code, message = _WORDS.get(name, ("InvalidArgument", f"The value of {name} is not valid."))
    members = {"ArgumentName": name, "ArgumentValue": value} if code == "InvalidArgument" else {}
    return ServiceError(code, message, 400, members)


@lru_cache(maxsize=64)
def _places(operation: str) -> tuple[dict[str, Accepts], dict[str, Accepts], tuple[str, bool] | None]:
    """Headers and parameters that have a constraint, and the shape of the body's XML with whether it is required."""
    model = shapes.service("s3")
    shape = model.shapes[model.input_shape(operation) or ""]
    found: dict[str, dict[str, Accepts]] = {"header": {}, "querystring": {}}
    for place in shape["members"].values():
        accepts = _accepts(model, model.shapes[place["shape"]])
        if accepts and place.get("location") in found:
            found[place["location"]][place["locationName"].lower()] = accepts
    payload = shape.get("payload")
    inner = shape["members"][payload]["shape"] if payload else ""
    is_xml = bool(inner) and model.shapes[inner]["type"] == "structure"
    body = (inner, payload in shape.get("required", ())) if is_xml else None
    return found["header"], found["querystring"], body


def _accepts(model: shapes.ServiceModel, shape: Json) -> Accepts | None:
    if shape["type"] == "list":  # several values, between commas
        each = _accepts(model, model.shapes[shape["member"]["shape"]])
        return each and (lambda text: all(each(part.strip()) for part in text.split(",")))
    if "enum" in shape:
        return frozenset(shape["enum"]).__contains__
    if "pattern" in shape:
        return full_match(shape["pattern"])
    least, most = shape.get("min"), shape.get("max")
    if shape["type"] == "integer" and least is not None and most is not None:
        return lambda text: text.isascii() and text.isdigit() and least <= int(text[:9]) <= most
    return None


def _refuse_body(shape: str, required: bool, body: bytes) -> None:
    """Where a bucket may be made is CreateBucket's own question: it depends on the address."""
    if not body:
        if required:
            raise ServiceError("MissingRequestBodyError", "Request Body is empty")
        return
    model = shapes.service("s3")
    found = violations(model, shape, _value(model, shape, parsed_xml(body)))
    for violation in found:
        if violation.shape != "BucketLocationConstraint" and violation.constraint != "unknown":
            raise ServiceError("MalformedXML", MALFORMED)
    if shape == "Delete" and not 1 <= sum(local_name(node) == "Object" for node in parsed_xml(body)) <= KEYS_AT_ONCE:
        raise ServiceError("MalformedXML", MALFORMED)


def _value(model: shapes.ServiceModel, name: str, node: ElementTree.Element) -> Any:
    """An XML element as its shape nests it. A number or a flag that can't be read stays text: the wrong type."""
    shape = model.shapes[name]
    if shape["type"] == "structure":
        made: Json = {}
        for member, place in shape["members"].items():
            inner = model.shapes[place["shape"]]
            named = [child for child in node if local_name(child) == place.get("locationName", member)]
            if inner["type"] == "list" and named:
                made[member] = _items(model, inner, named)
            elif named:
                made[member] = _value(model, place["shape"], named[0])
        return made
    text = node.text or ""
    if shape["type"] in ("integer", "long") and text.lstrip("-").isdigit():
        return int(text)
    if shape["type"] == "boolean" and text in ("true", "false"):
        return text == "true"
    return text


def _items(model: shapes.ServiceModel, shape: Json, named: list[ElementTree.Element]) -> list[Any]:
    nodes = named if shape.get("flattened") else [child for node in named for child in node]
    return [_value(model, shape["member"]["shape"], node) for node in nodes]
