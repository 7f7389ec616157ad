"""The S3 calls that artifacts need: buckets, objects, copies and lists. Multipart uploads are in `multipart`.

In: what `s3_wire` made of a request: Bucket, Key, Query, Headers, Body. Out: dictionaries that it writes as XML, or
raw bodies. A bucket appears on first use. Called through the table of services.
Source: the S3 API reference; botocore's s3 model for names.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC
from email.utils import format_datetime
from typing import Any, Final
from urllib.parse import quote, unquote

from mmeplan.simulator.blobs import Blob, Blobs
from mmeplan.simulator.call import Call
from mmeplan.simulator.clock import instant
from mmeplan.simulator.wire import ServiceError

Json = dict[str, Any]

MAX_KEYS: Final = 1000
STORED_HEADERS: Final = ("content-type", "cache-control", "content-disposition", "content-encoding", "content-language")


def create_bucket(call: Call, request: Json) -> Json:
    """CreateBucket. The caller's own bucket may be made again."""
    Blobs(call.store).make_bucket(call.account, request["Bucket"], call.now_us)
    return {"_headers": {"Location": f"/{request['Bucket']}"}}


def delete_bucket(call: Call, request: Json) -> Json:
    """DeleteBucket, which has to be empty."""
    blobs, bucket = Blobs(call.store), known_bucket(call, request)
    if next(blobs.listed(call.account, bucket, "", ""), None) is not None:
        raise ServiceError("BucketNotEmpty", "The bucket you tried to delete is not empty", 409)
    blobs.drop_bucket(call.account, bucket)
    return {"_status": 204}


def head_bucket(call: Call, request: Json) -> Json:
    """HeadBucket."""
    known_bucket(call, request)
    return {"_headers": {"x-amz-bucket-region": call.region}}


def get_bucket_location(call: Call, request: Json) -> Json:
    """GetBucketLocation: the caller's region, since buckets are not bound to one here."""
    known_bucket(call, request)
    return {"_xml": ("LocationConstraint", "" if call.region == "us-east-1" else call.region)}


def list_buckets(call: Call, _request: Json) -> Json:
    """ListBuckets."""
    made = [{"Name": name, "CreationDate": iso(at_us)} for name, at_us in Blobs(call.store).buckets(call.account)]
    owner = {"ID": call.account, "DisplayName": "simulated"}
    return {"_xml": ("ListAllMyBucketsResult", {"Owner": owner, "Buckets": {"Bucket": made}})}


def put_object(call: Call, request: Json) -> Json:
    """PutObject, also conditional (`If-None-Match: *`, `If-Match`); a Content-MD5 that is wrong is refused."""
    refuse_overwriting(call, request)
    body: bytes = request["Body"]
    md5 = hashlib.md5(body, usedforsecurity=False)
    sent = request["Headers"].get("content-md5")
    if sent and sent != base64.b64encode(md5.digest()).decode():
        raise ServiceError("BadDigest", "The Content-MD5 you specified did not match what we received.")
    blob = store_object(call, request, body, f'"{md5.hexdigest()}"', kept_headers(request))
    return {"_headers": {"ETag": blob.etag}}


def store_object(call: Call, request: Json, body: bytes, etag: str, headers: dict[str, str]) -> Blob:
    """Keep an object, with its bucket."""
    blobs = Blobs(call.store)
    blobs.make_bucket(call.account, request["Bucket"], call.now_us)
    blob = Blob(request["Key"], len(body), etag, call.now_us, headers)
    blobs.put(call.account, request["Bucket"], blob, body)
    return blob


def kept_headers(request: Json) -> dict[str, str]:
    """The headers of a request that are kept with the object."""
    return {
        name: value
        for name, value in request["Headers"].items()
        if name.startswith("x-amz-meta-") or (name in STORED_HEADERS and value != "aws-chunked")
    }


def refuse_overwriting(call: Call, request: Json) -> None:
    """Hold a write against its conditions.

    `If-None-Match: *` wants no object of that key, `If-Match` the one of that ETag. Raises ServiceError
    PreconditionFailed (412), or NoSuchKey (404) for an `If-Match` where nothing is. Source: the S3 user guide,
    "Prevent object overwrites with conditional writes".
    """
    headers = request["Headers"]
    none, match = headers.get("if-none-match"), headers.get("if-match")
    if none != "*" and match is None:
        return
    there = Blobs(call.store).head(call.account, request["Bucket"], request["Key"])
    if there is None and match is not None:
        raise ServiceError("NoSuchKey", "The specified key does not exist.", 404, {"Key": request["Key"]})
    overwrites = none == "*" and there is not None
    if overwrites or (there is not None and match is not None and match.strip('"') not in ("*", there.etag.strip('"'))):
        raise ServiceError("PreconditionFailed", "At least one of the pre-conditions you specified did not hold", 412)


def get_object(call: Call, request: Json) -> Json:
    """GetObject, whole or a range of bytes."""
    blob = _existing(call, request)
    _refuse_conditions(request, blob)
    body = Blobs(call.store).body(call.account, request["Bucket"], request["Key"])
    headers = described(blob)
    wanted = request["Headers"].get("range", "")
    if not wanted:
        return {"_headers": headers, "_body": body}
    first, last = _range(wanted, len(body))
    headers["Content-Range"] = f"bytes {first}-{last}/{len(body)}"
    return {"_status": 206, "_headers": headers, "_body": body[first : last + 1]}


def head_object(call: Call, request: Json) -> Json:
    """HeadObject: GetObject's headers."""
    blob = _existing(call, request)
    _refuse_conditions(request, blob)
    return {"_headers": described(blob) | {"Content-Length": str(blob.size)}, "_body": b""}


def delete_object(call: Call, request: Json) -> Json:
    """DeleteObject: one that isn't there is deleted all the same, unless `If-Match` asks for it."""
    bucket = known_bucket(call, request)
    if "if-match" in request["Headers"]:
        refuse_overwriting(call, request)
    Blobs(call.store).remove(call.account, bucket, request["Key"])
    return {"_status": 204}


def copy_object(call: Call, request: Json) -> Json:
    """CopyObject within the account. Metadata is the source's, unless the directive says REPLACE."""
    refuse_overwriting(call, request)
    source = unquote(request["Headers"]["x-amz-copy-source"].partition("?")[0]).lstrip("/")
    bucket, _, key = source.partition("/")
    blob = _existing(call, {"Bucket": bucket, "Key": key})
    body = Blobs(call.store).body(call.account, bucket, key)
    replace = request["Headers"].get("x-amz-metadata-directive", "COPY").upper() == "REPLACE"
    made = store_object(call, request, body, blob.etag, kept_headers(request) if replace else blob.headers)
    return {"_xml": ("CopyObjectResult", {"LastModified": iso(made.modified_us), "ETag": made.etag})}


def delete_objects(call: Call, request: Json) -> Json:
    """DeleteObjects: up to 1000 keys at once."""
    bucket, blobs = known_bucket(call, request), Blobs(call.store)
    for key in request["Keys"]:
        blobs.remove(call.account, bucket, key)
    gone = [] if request["Quiet"] else [{"Key": key} for key in request["Keys"]]
    return {"_xml": ("DeleteResult", {"Deleted": gone})}


def list_objects(call: Call, request: Json) -> Json:
    """ListObjects and ListObjectsV2, with prefix, delimiter and paging."""
    query, bucket = request["Query"], known_bucket(call, request)
    newer = query.get("list-type") == "2"
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    limit = min(_whole(query.get("max-keys", str(MAX_KEYS))), MAX_KEYS)
    after = _token(query) if newer else query.get("marker", "")
    contents: list[Json] = []
    folders: list[str] = []
    last, truncated = "", False
    for blob in Blobs(call.store).listed(call.account, bucket, prefix, after):
        rest, _, beyond = blob.key[len(prefix) :].partition(delimiter) if delimiter else (blob.key, "", "")
        folder = prefix + rest + delimiter if delimiter and (beyond or blob.key.endswith(delimiter)) else ""
        if folder and (folder in folders[-1:] or folder == after or (after.startswith(folder))):
            continue
        if len(contents) + len(folders) >= limit:
            truncated = limit > 0
            break
        if folder:
            folders.append(folder)
        else:
            contents.append(_content(blob))
        last = folder or blob.key
    encoded = quote if query.get("encoding-type") == "url" else str
    answer: Json = {"Name": bucket, "Prefix": encoded(prefix), "MaxKeys": limit, "IsTruncated": truncated}
    answer |= {"Contents": [content | {"Key": encoded(content["Key"])} for content in contents]}
    answer |= {"CommonPrefixes": [{"Prefix": encoded(folder)} for folder in folders]}
    answer |= {"Delimiter": encoded(delimiter)} if delimiter else {}
    answer |= {"EncodingType": "url"} if "encoding-type" in query else {}
    if newer:
        answer["KeyCount"] = len(contents) + len(folders)
        answer |= {"ContinuationToken": query["continuation-token"]} if "continuation-token" in query else {}
        answer |= {"NextContinuationToken": base64.urlsafe_b64encode(last.encode()).decode()} if truncated else {}
    else:
        answer["Marker"] = encoded(after)
        answer |= {"NextMarker": encoded(last)} if truncated and delimiter else {}
    return {"_xml": ("ListBucketResult", answer)}


def _token(query: dict[str, str]) -> str:
    if "continuation-token" not in query:
        return query.get("start-after", "")
    try:
        return base64.urlsafe_b64decode(query["continuation-token"]).decode()
    except ValueError:
        raise ServiceError("InvalidArgument", "The continuation token provided is incorrect") from None


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ServiceError("InvalidArgument", f"Provided max-keys not an integer or within integer range: {text[:100]}")
    return int(text[:9])


def _content(blob: Blob) -> Json:
    kept = {"Key": blob.key, "LastModified": iso(blob.modified_us), "ETag": blob.etag, "Size": blob.size}
    return kept | {"StorageClass": "STANDARD"}


def known_bucket(call: Call, request: Json) -> str:
    """The request's bucket. Raises ServiceError NoSuchBucket (404)."""
    bucket: str = request["Bucket"]
    if not Blobs(call.store).has_bucket(call.account, bucket):
        raise ServiceError("NoSuchBucket", "The specified bucket does not exist", 404, {"BucketName": bucket})
    return bucket


def _existing(call: Call, request: Json) -> Blob:
    found = Blobs(call.store).head(call.account, known_bucket(call, request), request["Key"])
    if found is None:
        raise ServiceError("NoSuchKey", "The specified key does not exist.", 404, {"Key": request["Key"]})
    return found


def _refuse_conditions(request: Json, blob: Blob) -> None:
    headers = request["Headers"]
    if "if-match" in headers and headers["if-match"].strip('"') not in ("*", blob.etag.strip('"')):
        raise ServiceError("PreconditionFailed", "At least one of the pre-conditions you specified did not hold", 412)
    if headers.get("if-none-match", "").strip('"') in ("*", blob.etag.strip('"')):
        raise ServiceError("NotModified", "Not Modified", 304)


def _range(wanted: str, size: int) -> tuple[int, int]:
    """The first and last byte of a Range header. Raises ServiceError InvalidRange (416)."""
    first, dash, last = wanted.removeprefix("bytes=").partition("-")
    digits = (first + last).isascii() and (first + last).isdigit()
    if dash and digits and wanted.startswith("bytes="):
        if not first:
            return max(0, size - int(last)), size - 1
        if int(first) < size:
            return int(first), min(int(last) if last else size - 1, size - 1)
    raise ServiceError("InvalidRange", "The requested range is not satisfiable", 416)


def described(blob: Blob) -> dict[str, str]:
    """The headers that tell of an object."""
    at = format_datetime(instant(blob.modified_us).astimezone(UTC), usegmt=True)
    named = {_title(name): value for name, value in blob.headers.items()}
    kind = {"Content-Type": "binary/octet-stream"}
    return {"ETag": blob.etag, "Last-Modified": at, "Accept-Ranges": "bytes", **kind, **named}


def iso(at_us: int) -> str:
    """A moment as S3's XML writes it."""
    return instant(at_us).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _title(header: str) -> str:
    return header if header.startswith("x-amz-") else "-".join(part.capitalize() for part in header.split("-"))
