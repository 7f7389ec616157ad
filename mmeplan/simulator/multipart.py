"""S3's multipart uploads: create, upload parts, complete, abort, list.

In: what `s3_wire` made of a request. Out: as in `s3`. An upload's parts are kept as objects of a hidden bucket until it
is completed. Source: the S3 API reference.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final
from urllib.parse import unquote

from mmeplan.simulator import s3
from mmeplan.simulator.blobs import Blob, Blobs
from mmeplan.simulator.call import Call
from mmeplan.simulator.wire import ServiceError

Json = dict[str, Any]

UPLOAD: Final = "upload"
PARTS: Final = 10_000


def create_upload(call: Call, request: Json) -> Json:
    """CreateMultipartUpload."""
    Blobs(call.store).make_bucket(call.account, request["Bucket"], call.now_us)
    number = sum(1 for _ in call.records.all("upload-made", call.account, ""))
    upload = hashlib.sha256(f"{call.now_us} {number} {request['Bucket']}/{request['Key']}".encode()).hexdigest()
    call.records.put("upload-made", call.account, "", f"{number:09}", upload)
    kept = {"Bucket": request["Bucket"], "Key": request["Key"], "Headers": s3.kept_headers(request)}
    call.records.put(UPLOAD, call.account, "", upload, kept)
    named = {"Bucket": request["Bucket"], "Key": request["Key"], "UploadId": upload}
    return {"_xml": ("InitiateMultipartUploadResult", named)}


def upload_part(call: Call, request: Json) -> Json:
    """UploadPart, and UploadPartCopy where a source is named."""
    _known(call, request)
    source = request["Headers"].get("x-amz-copy-source")
    body: bytes = request["Body"]
    if source:
        bucket, _, key = unquote(source).lstrip("/").partition("/")
        wanted = request["Headers"].get("x-amz-copy-source-range", "")
        headers = {"range": wanted} if wanted else {}
        body = s3.get_object(call, {"Bucket": bucket, "Key": key, "Headers": headers})["_body"]
    number = _number(request["Query"]["partNumber"])
    etag = f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
    Blobs(call.store).put(call.account, _hidden(request), Blob(f"{number:05}", len(body), etag, call.now_us, {}), body)
    if source:
        return {"_xml": ("CopyPartResult", {"LastModified": s3.iso(call.now_us), "ETag": etag})}
    return {"_headers": {"ETag": etag}}


def complete_upload(call: Call, request: Json) -> Json:
    """CompleteMultipartUpload: the named parts, in rising order, become the object."""
    upload, blobs = _known(call, request), Blobs(call.store)
    s3.refuse_overwriting(call, request)
    numbers = [_number(number) for number, _ in request.get("Parts", ())]
    if not numbers:
        raise ServiceError("InvalidRequest", "You must specify at least one part")
    if numbers != sorted(set(numbers)):
        raise ServiceError("InvalidPartOrder", "The list of parts was not in ascending order.")
    body, digests = b"", b""
    for number, etag in zip(numbers, (etag for _, etag in request["Parts"]), strict=True):
        part = blobs.head(call.account, _hidden(request), f"{number:05}")
        if part is None or part.etag.strip('"') != etag.strip('"'):
            raise ServiceError("InvalidPart", "One or more of the specified parts could not be found.")
        body += blobs.body(call.account, _hidden(request), part.key)
        digests += bytes.fromhex(part.etag.strip('"'))
    etag = f'"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(numbers)}"'
    s3.store_object(call, upload, body, etag, upload["Headers"])
    _forget(call, request)
    named = {"Location": f"/{upload['Bucket']}/{upload['Key']}", "Bucket": upload["Bucket"], "Key": upload["Key"]}
    return {"_xml": ("CompleteMultipartUploadResult", named | {"ETag": etag})}


def abort_upload(call: Call, request: Json) -> Json:
    """AbortMultipartUpload."""
    _known(call, request)
    _forget(call, request)
    return {"_status": 204}


def list_parts(call: Call, request: Json) -> Json:
    """ListParts, all on one page."""
    upload = _known(call, request)
    parts = [
        {"PartNumber": int(part.key), "ETag": part.etag, "Size": part.size, "LastModified": s3.iso(part.modified_us)}
        for part in Blobs(call.store).listed(call.account, _hidden(request), "", "")
    ]
    named = {"Bucket": upload["Bucket"], "Key": upload["Key"], "UploadId": request["Query"]["uploadId"]}
    return {"_xml": ("ListPartsResult", {**named, "MaxParts": PARTS, "IsTruncated": False, "Part": parts})}


def list_uploads(call: Call, request: Json) -> Json:
    """ListMultipartUploads, all on one page."""
    found = [
        {"Key": upload["Key"], "UploadId": name}
        for name, upload in call.records.all(UPLOAD, call.account, "")
        if upload["Bucket"] == request["Bucket"]
    ]
    return {
        "_xml": ("ListMultipartUploadsResult", {"Bucket": request["Bucket"], "IsTruncated": False, "Upload": found})
    }


def _known(call: Call, request: Json) -> Json:
    upload = call.records.get(UPLOAD, call.account, "", request["Query"]["uploadId"])
    if upload is None or (upload["Bucket"], upload["Key"]) != (request["Bucket"], request["Key"]):
        raise ServiceError("NoSuchUpload", "The specified multipart upload does not exist.", 404)
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
        raise ServiceError("InvalidArgument", f"Part number must be an integer between 1 and {PARTS}, inclusive")
    return int(text)
