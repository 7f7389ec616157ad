"""S3's multipart uploads: create, upload parts, complete, abort, list.

In: what `s3_wire` made of a request. Out: as in `s3`. An upload's parts are kept as objects of a hidden bucket until it
is completed. Source: the S3 API reference.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any, Final
from urllib.parse import quote

from mmeplan.simulator import checksums, object_tags, s3, s3_inputs
from mmeplan.simulator.blobs import Blob, Blobs
from mmeplan.simulator.call import Call
from mmeplan.simulator.wire import ServiceError

Json = dict[str, Any]

UPLOAD: Final = "upload"
COMPLETED: Final = "upload-completed"
PARTS: Final = 10_000
COPIED_RANGE: Final = (
    "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based "
    "offsets of the first and last bytes to copy"
)


def create_upload(call: Call, request: Json) -> Json:
    """CreateMultipartUpload."""
    headers = request["Headers"]
    kept: Json = {"Bucket": request["Bucket"], "Key": request["Key"]}
    kept["Headers"] = s3.metadata(headers) | s3.placement(call, headers)
    kept["Tags"] = object_tags.in_header(headers)
    kept["Made"] = s3.iso(call.now_us)
    kept["Algorithm"] = algorithm = headers.get("x-amz-checksum-algorithm", "").lower()
    if algorithm and algorithm not in checksums.ALGORITHMS:
        raise s3_inputs.not_implemented("header", "x-amz-checksum-algorithm")
    kept["Type"] = headers.get("x-amz-checksum-type") or ("FULL_OBJECT" if algorithm == "crc64nvme" else "COMPOSITE")
    Blobs(call.store).make_bucket(call.account, request["Bucket"], call.now_us, call.region)
    number = sum(1 for _ in call.records.all("upload-made", call.account, ""))
    upload = hashlib.sha256(f"{call.now_us} {number} {request['Bucket']}/{request['Key']}".encode()).hexdigest()
    call.records.put("upload-made", call.account, "", f"{number:09}", upload)
    call.records.put(UPLOAD, call.account, "", upload, kept)
    named = {"Bucket": request["Bucket"], "Key": request["Key"], "UploadId": upload}
    told = {"x-amz-checksum-algorithm": algorithm.upper(), "x-amz-checksum-type": kept["Type"]} if algorithm else {}
    return {"_headers": told | _encryption(kept), "_xml": ("InitiateMultipartUploadResult", named)}


def upload_part(call: Call, request: Json) -> Json:
    """UploadPart, and UploadPartCopy where a source is named."""
    upload, headers = _known(call, request), request["Headers"]
    body: bytes = request["Body"]
    copying = "x-amz-copy-source" in headers
    if copying:
        source = s3.copied(call, headers)
        wanted = headers.get("x-amz-copy-source-range", "")
        if wanted and not re.fullmatch(r"bytes=[0-9]+-[0-9]+", wanted):
            raise ServiceError("InvalidArgument", COPIED_RANGE)
        body = s3.get_object(call, source | {"Query": {}, "Headers": {"range": wanted} if wanted else {}})["_body"]
    sums = {} if copying else checksums.sent(headers)
    if upload["Algorithm"]:
        other = next((name for name in sums if name != upload["Algorithm"]), "")
        if other:
            expected = f"expected checksum Type: {upload['Algorithm']}, actual checksum Type: {other}"
            message = f"Checksum Type mismatch occurred, {expected}"
            raise ServiceError("InvalidRequest", message)
        sums = sums or {upload["Algorithm"]: checksums.of(upload["Algorithm"], body)}
    number = _number(request["Query"]["partNumber"])
    part = Blob(f"{number:05}", len(body), s3.md5_of(body), call.now_us, {}, checksums=sums)
    Blobs(call.store).put(call.account, _hidden(request), part, body)
    if copying:
        result = {"LastModified": s3.iso(call.now_us), "ETag": part.etag, **s3.named_checksums(sums)}
        return {"_headers": _encryption(upload), "_xml": ("CopyPartResult", result)}
    told = {checksums.HEADER + name: value for name, value in sums.items()}
    return {"_headers": {"ETag": part.etag} | told | _encryption(upload)}


def _encryption(upload: Json) -> dict[str, str]:
    """The headers that tell how an upload's object will be encrypted."""
    return {name: value for name, value in upload["Headers"].items() if name.startswith(s3.ENCRYPTION)}


def complete_upload(call: Call, request: Json) -> Json:
    """CompleteMultipartUpload: the named parts, in rising order, become the object.

    Asked again, it answers again, whatever has become of the object. Source: moto's test_idempotent_multipart_upload,
    which was held against AWS.
    """
    done = call.records.get(COMPLETED, call.account, "", request["Query"]["uploadId"])
    if done and done["parts"] == request.get("Parts", []) and done["of"] == [request["Bucket"], request["Key"]]:
        return {"_headers": done["headers"], "_xml": ("CompleteMultipartUploadResult", done["named"])}
    upload, blobs = _known(call, request), Blobs(call.store)
    s3.refuse_overwriting(call, request)
    parts = _named_parts(call, request)
    bodies = [blobs.body(call.account, _hidden(request), part.key) for part in parts]
    body, digests = b"".join(bodies), b"".join(bytes.fromhex(part.etag.strip('"')) for part in parts)
    size = request["Headers"].get("x-amz-mp-object-size", str(len(body)))
    if size != str(len(body)):
        raise ServiceError("InvalidRequest", f"x-amz-mp-object-size is {size[:20]}, the parts have {len(body)} bytes.")
    sums = _sums(upload, parts, body)
    for algorithm, given in checksums.sent(request["Headers"]).items():
        checksums.refuse_other(algorithm, given, sums.get(algorithm) or checksums.of(algorithm, body))
    etag = f'"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(parts)}"'
    made = s3.store_object(
        *(call, upload, body, etag, upload["Headers"]),
        tags=upload["Tags"],
        checksums=sums,
        parts=tuple((int(part.key), part.size, part.checksums) for part in parts),
    )
    _forget(call, request)
    named = {"Location": f"/{upload['Bucket']}/{upload['Key']}", "Bucket": upload["Bucket"], "Key": upload["Key"]}
    named |= {"ETag": etag, **s3.named_checksums(sums)} | ({"ChecksumType": upload["Type"]} if sums else {})
    answered = {"headers": s3.encryption(made), "named": named, "parts": request["Parts"]}
    answered |= {"of": [request["Bucket"], request["Key"]]}
    call.records.put(COMPLETED, call.account, "", request["Query"]["uploadId"], answered)
    return {"_headers": answered["headers"], "_xml": ("CompleteMultipartUploadResult", named)}


def _sums(upload: Json, parts: list[Blob], body: bytes) -> dict[str, str]:
    """Algorithm → checksum of an upload's object, where its upload names an algorithm."""
    algorithm = upload["Algorithm"]
    if not algorithm:
        return {}
    if upload["Type"] == "FULL_OBJECT":
        return {algorithm: checksums.of(algorithm, body)}
    return {algorithm: checksums.composite(algorithm, [part.checksums[algorithm] for part in parts])}


def _named_parts(call: Call, request: Json) -> list[Blob]:
    """The parts that a completion names. Raises ServiceError where they aren't there, or not in rising order."""
    named: list[Json] = request.get("Parts", [])
    numbers = [_number(part.get("PartNumber", "")) for part in named]
    if not request["Body"]:
        raise ServiceError("InvalidRequest", "You must specify at least one part")
    if not numbers:  # moto's test_complete_multipart_with_empty_partlist
        raise ServiceError("MalformedXML", s3_inputs.MALFORMED)
    if numbers != sorted(set(numbers)):
        raise ServiceError("InvalidPartOrder", "The list of parts was not in ascending order.")
    found = []
    for number, told in zip(numbers, named, strict=True):
        part = Blobs(call.store).head(call.account, _hidden(request), f"{number:05}")
        wrong = part is None or part.etag.strip('"') != told.get("ETag", "").strip('"')
        if part is None or wrong or not _checksums(told) <= s3.named_checksums(part.checksums).items():
            raise ServiceError("InvalidPart", "One or more of the specified parts could not be found.")
        found.append(part)
    return found


def _checksums(told: Json) -> set[tuple[str, str]]:
    return {(name, value) for name, value in told.items() if name.startswith("Checksum")}


def abort_upload(call: Call, request: Json) -> Json:
    """AbortMultipartUpload."""
    _known(call, request)
    _forget(call, request)
    return {"_status": 204}


def list_parts(call: Call, request: Json) -> Json:
    """ListParts."""
    upload, query = _known(call, request), request["Query"]
    after, limit = s3.whole(query, "part-number-marker", 0), s3.whole(query, "max-parts", s3.MAX_KEYS)
    found = list(Blobs(call.store).listed(call.account, _hidden(request), "", f"{after:05}"))
    parts = [
        {"PartNumber": int(part.key), "ETag": part.etag, "Size": part.size, "LastModified": s3.iso(part.modified_us)}
        | s3.named_checksums(part.checksums)
        for part in found[:limit]
    ]
    named = {"Bucket": upload["Bucket"], "Key": upload["Key"], "UploadId": query["uploadId"], "MaxParts": limit}
    named |= {"PartNumberMarker": after, "NextPartNumberMarker": parts[-1]["PartNumber"] if parts else 0}
    rest = {"IsTruncated": len(found) > limit, "Part": parts}
    return {"_xml": ("ListPartsResult", named | _about(call, upload) | rest)}


def _about(call: Call, upload: Json) -> Json:
    """What lists tell of an upload."""
    told: Json = {"StorageClass": upload["Headers"].get(s3.CLASS, "STANDARD")}
    if upload["Algorithm"]:
        told |= {"ChecksumAlgorithm": upload["Algorithm"].upper(), "ChecksumType": upload["Type"]}
    return told | {"Owner": {"ID": call.account}, "Initiator": {"ID": call.account}}


def list_uploads(call: Call, request: Json) -> Json:
    """ListMultipartUploads, in the order of keys."""
    bucket, query = s3.known_bucket(call, request), request["Query"]
    limit, prefix = s3.whole(query, "max-uploads", s3.MAX_KEYS), query.get("prefix", "")
    marker = (query.get("key-marker", ""), query.get("upload-id-marker", "\U0010ffff"))
    found = sorted(
        (
            (upload["Key"], name, upload)
            for name, upload in call.records.all(UPLOAD, call.account, "")
            if upload["Bucket"] == bucket and upload["Key"].startswith(prefix) and (upload["Key"], name) > marker
        ),
        key=lambda each: each[:2],
    )
    shown, encoded = found[:limit], quote if query.get("encoding-type") == "url" else str
    answer: Json = {"Bucket": bucket, "Prefix": encoded(prefix), "MaxUploads": limit, "KeyMarker": encoded(marker[0])}
    answer |= {"EncodingType": "url"} if "encoding-type" in query else {}
    answer |= {"IsTruncated": len(found) > limit}
    answer |= {"NextKeyMarker": encoded(shown[-1][0]), "NextUploadIdMarker": shown[-1][1]} if shown else {}
    answer |= {
        "Upload": [
            {"Key": encoded(key), "UploadId": name, "Initiated": upload["Made"], **_about(call, upload)}
            for key, name, upload in shown
        ]
    }
    return {"_xml": ("ListMultipartUploadsResult", answer)}


def _known(call: Call, request: Json) -> Json:
    upload = call.records.get(UPLOAD, call.account, "", request["Query"]["uploadId"])
    if upload is None or (upload["Bucket"], upload["Key"]) != (request["Bucket"], request["Key"]):
        message = (
            "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or "
            "completed."
        )
        raise ServiceError("NoSuchUpload", message, 404, {"UploadId": request["Query"]["uploadId"]})
    known: Json = upload
    return known


def _forget(call: Call, request: Json) -> None:
    blobs = Blobs(call.store)
    for part in list(blobs.listed(call.account, _hidden(request), "", "")):
        blobs.remove(call.account, _hidden(request), part.key)
    call.records.remove(UPLOAD, call.account, "", request["Query"]["uploadId"])


def _hidden(request: Json) -> str:
    """A bucket's name that no caller can use."""
    return f"/upload/{request['Query']['uploadId']}"


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= PARTS):
        message = f"Part number must be an integer between 1 and {PARTS}, inclusive"
        raise ServiceError("InvalidArgument", message, 400, {"ArgumentName": "partNumber", "ArgumentValue": text})
    return int(text)
