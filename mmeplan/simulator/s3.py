"""The S3 calls that artifacts need: buckets, objects, copies and lists. Multipart uploads are in `multipart`.

In: what `s3_wire` made of a request: Bucket, Key, Query, Headers, Body. Out: dictionaries that it writes as XML, or
raw bodies. A bucket appears on first use. Called through the table of services.
Source: the S3 API reference; botocore's s3 model for names.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any, Final
from urllib.parse import quote, unquote

from mmeplan.aws import shapes
from mmeplan.aws.partitions import partition_of
from mmeplan.simulator import checksums, object_tags, s3_inputs
from mmeplan.simulator.blobs import Blob, Blobs
from mmeplan.simulator.call import Call
from mmeplan.simulator.clock import instant
from mmeplan.simulator.wire import ServiceError

Json = dict[str, Any]

MAX_KEYS: Final = 1000
UNCONSTRAINED: Final = "us-east-1"
"""The region of buckets that are made without a LocationConstraint; its address makes buckets everywhere."""
LARGEST: Final = 2**31 - 1
_BUCKET: Final = re.compile(
    r"(?!xn--|sthree-|amzn-s3-demo-|(?:[0-9]+\.){3}[0-9]+$)(?!.*(?:\.\.|-s3alias$|--ol-s3$|\.mrap$|--x-s3$|--table-s3$))"
    r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
    re.ASCII,
)
"""Names of general purpose buckets. Source: the S3 user guide, "General purpose bucket naming rules"."""
_NUMBER: Final = re.compile(r"-?[0-9]{1,20}", re.ASCII)
MAX_BUCKETS: Final = 10_000
STORED_HEADERS: Final = frozenset(
    {"content-type", "cache-control", "content-disposition", "content-encoding", "content-language", "expires"}
)
CLASS: Final = "x-amz-storage-class"
ENCRYPTION: Final = "x-amz-server-side-encryption"
KMS_KEY: Final = "x-amz-server-side-encryption-aws-kms-key-id"
PLACED_HEADERS: Final = (
    *(CLASS, "x-amz-website-redirect-location"),
    *(ENCRYPTION, KMS_KEY, "x-amz-server-side-encryption-bucket-key-enabled"),
)
ARCHIVED: Final = frozenset({"GLACIER", "DEEP_ARCHIVE"})
"""Storage classes whose objects are read after a restore only, which isn't here."""
_RANGE: Final = re.compile(r"bytes=(?=-?\d)(\d*)-(\d*)", re.ASCII)
PRECONDITION: Final = "At least one of the pre-conditions you specified did not hold"


def create_bucket(call: Call, request: Json) -> Json:
    """CreateBucket, with its tags. A bucket that appeared on first use may be asked for once.

    Raises ServiceError InvalidBucketName, IllegalLocationConstraintException for another region than that of the
    address, and BucketAlreadyOwnedByYou (409), but for a bucket of us-east-1. Source: the S3 API reference,
    CreateBucket, "List of error codes".
    """
    blobs, name, tags = Blobs(call.store), request["Bucket"], object_tags.valid_of_bucket(request.get("Tags", ()))
    region = _region_asked(call, request.get("LocationConstraint", ""))
    if not _BUCKET.fullmatch(name):
        raise ServiceError("InvalidBucketName", "The specified bucket is not valid.", 400, {"BucketName": name})
    there = blobs.bucket(call.account, name)
    if there and there.asked_for and (there.region, region) != (UNCONSTRAINED, UNCONSTRAINED):
        message = "Your previous request to create the named bucket succeeded and you already own it."
        raise ServiceError("BucketAlreadyOwnedByYou", message, 409, {"BucketName": name})
    blobs.make_bucket(call.account, name, call.now_us, region)
    blobs.ask_for_bucket(call.account, name)
    if tags:
        blobs.tag_bucket(call.account, name, tags)
    return {"_headers": {"Location": f"/{name}"}}


def _region_asked(call: Call, constraint: str) -> str:
    """The region of a bucket that is made: the address's own; us-east-1's address makes buckets in all of them.

    Words and their order: moto's test_create_bucket_with_wrong_location_constraint, which was held against AWS.
    """
    asked = {"": UNCONSTRAINED, "EU": "eu-west-1"}.get(constraint, constraint)
    if call.region == UNCONSTRAINED:
        if constraint and constraint not in shapes.service("s3").shapes["BucketLocationConstraint"]["enum"]:
            message = "The specified location-constraint is not valid"
            raise ServiceError("InvalidLocationConstraint", message, 400, {"LocationConstraint": constraint})
    elif call.region != asked:
        message = (
            f"The {constraint or 'unspecified'} location constraint is incompatible for the region specific endpoint "
            "this request was sent to."
        )
        raise ServiceError("IllegalLocationConstraintException", message)
    return asked


def put_bucket_tagging(call: Call, request: Json) -> Json:
    """PutBucketTagging: these tags in the place of all others."""
    bucket, tags = known_bucket(call, request), object_tags.valid_of_bucket(request.get("Tags", ()))
    Blobs(call.store).tag_bucket(call.account, bucket, tags)
    return {"_status": 204}


def get_bucket_tagging(call: Call, request: Json) -> Json:
    """GetBucketTagging. Raises ServiceError NoSuchTagSet (404) where there are no tags."""
    bucket = Blobs(call.store).bucket(call.account, known_bucket(call, request))
    if bucket is None or not bucket.tags:
        raise ServiceError("NoSuchTagSet", "The TagSet does not exist", 404, {"BucketName": request["Bucket"]})
    return _tag_set(bucket.tags)


def delete_bucket_tagging(call: Call, request: Json) -> Json:
    """DeleteBucketTagging: of a bucket without tags, too."""
    bucket = Blobs(call.store).bucket(call.account, known_bucket(call, request))
    if bucket and bucket.tags:
        Blobs(call.store).tag_bucket(call.account, bucket.name, {})
    return {"_status": 204}


def _tag_set(tags: Mapping[str, str]) -> Json:
    return {"_xml": ("Tagging", {"TagSet": {"Tag": [{"Key": key, "Value": tags[key]} for key in sorted(tags)]}})}


def delete_bucket(call: Call, request: Json) -> Json:
    """DeleteBucket, which has to be empty."""
    blobs, bucket = Blobs(call.store), known_bucket(call, request)
    if next(blobs.listed(call.account, bucket, "", ""), None) is not None:
        raise ServiceError("BucketNotEmpty", "The bucket you tried to delete is not empty", 409, {"BucketName": bucket})
    blobs.drop_bucket(call.account, bucket)
    return {"_status": 204}


def head_bucket(call: Call, request: Json) -> Json:
    """HeadBucket."""
    bucket = known_bucket(call, request)
    region = Blobs(call.store).region(call.account, bucket)
    return {"_headers": {"x-amz-bucket-region": region, "Content-Type": "application/xml"}}


def get_bucket_location(call: Call, request: Json) -> Json:
    """GetBucketLocation: where the bucket was made. us-east-1 has no LocationConstraint."""
    region = Blobs(call.store).region(call.account, known_bucket(call, request))
    return {"_xml": ("LocationConstraint", "" if region == UNCONSTRAINED else region)}


def get_bucket_encryption(call: Call, request: Json) -> Json:
    """GetBucketEncryption: SSE-S3, what every bucket has where nothing else was said."""
    known_bucket(call, request)
    default = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": False}
    return {"_xml": ("ServerSideEncryptionConfiguration", {"Rule": default})}


def list_buckets(call: Call, request: Json) -> Json:
    """ListBuckets, by prefix and region, in pages where a size is asked for."""
    query = request["Query"]
    after, limit = _token(query), int(query.get("max-buckets", MAX_BUCKETS))
    made = [
        {"Name": bucket.name, "CreationDate": iso(bucket.created_us), "BucketRegion": bucket.region}
        for bucket in Blobs(call.store).buckets(call.account)
        if bucket.name > after
        and bucket.name.startswith(query.get("prefix", ""))
        and bucket.region == query.get("bucket-region", bucket.region)
    ]
    answer: Json = {"Owner": {"ID": call.account}, "Buckets": {"Bucket": made[:limit]}}
    answer |= {"Prefix": query["prefix"]} if "prefix" in query else {}
    answer |= {"ContinuationToken": _written(made[limit - 1]["Name"])} if len(made) > limit else {}
    return {"_xml": ("ListAllMyBucketsResult", answer)}


def put_object(call: Call, request: Json) -> Json:
    """PutObject, also conditional (`If-None-Match: *`, `If-Match`)."""
    refuse_overwriting(call, request)
    headers, body = request["Headers"], request["Body"]
    found = checksums.sent(headers)
    kept = metadata(headers) | placement(call, headers)
    tags = object_tags.in_header(headers)
    blob = store_object(call, request, body, md5_of(body), kept, tags=tags, checksums=found)
    return {"_headers": {"ETag": blob.etag} | encryption(blob) | checksum_headers(blob)}


def md5_of(body: bytes) -> str:
    """The ETag of an object that came at once."""
    return f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'


def store_object(call: Call, request: Json, body: bytes, etag: str, headers: dict[str, str], **members: Any) -> Blob:
    """Keep an object, with its bucket. `members` are further ones of its `Blob`."""
    blobs = Blobs(call.store)
    blobs.make_bucket(call.account, request["Bucket"], call.now_us, call.region)
    blob = Blob(request["Key"], len(body), etag, call.now_us, headers, **members)
    blobs.put(call.account, request["Bucket"], blob, body)
    return blob


def metadata(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that say what an object is: a copy has them, too, unless it says REPLACE."""
    kept = {name: value for name, value in headers.items() if name in STORED_HEADERS or name.startswith("x-amz-meta-")}
    if "aws-chunked" in kept.get("content-encoding", ""):  # how it came, not what it is
        codings = [coding.strip() for coding in kept.pop("content-encoding").split(",")]
        others = ",".join(coding for coding in codings if coding != "aws-chunked")
        kept |= {"content-encoding": others} if others else {}
    return kept


def placement(call: Call, headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that say how an object is kept, which are asked for anew at each copy: class, encryption, redirect.

    Raises ServiceError InvalidArgument for a key without its kind of encryption.
    """
    kept = {name: headers[name] for name in PLACED_HEADERS if name in headers}
    if kept.get(CLASS) == "STANDARD":
        del kept[CLASS]
    by_key = kept.setdefault(ENCRYPTION, "AES256").startswith("aws:kms")
    if KMS_KEY in kept and not by_key:
        message = (
            "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : "
            "aws:kms"
        )
        raise ServiceError("InvalidArgument", message, 400, {"ArgumentName": ENCRYPTION, "ArgumentValue": "AES256"})
    if by_key:
        key = kept.setdefault(KMS_KEY, f"arn:{partition_of(call.region)}:kms:{call.region}:{call.account}:key/aws-s3")
        if re.fullmatch(r"[0-9a-fA-F-]{36}", key):
            kept[KMS_KEY] = f"arn:{partition_of(call.region)}:kms:{call.region}:{call.account}:key/{key}"
    return kept


def encryption(blob: Blob) -> dict[str, str]:
    """The headers that tell how an object is encrypted."""
    return {name: value for name, value in blob.headers.items() if name.startswith(ENCRYPTION)}


def checksum_headers(blob: Blob) -> dict[str, str]:
    """The headers that tell an object's checksum and whether it is of its parts."""
    if not blob.checksums:
        return {}
    named = {checksums.HEADER + algorithm: value for algorithm, value in blob.checksums.items()}
    return named | {"x-amz-checksum-type": checksum_type(blob)}


def checksum_type(blob: Blob) -> str:
    """`COMPOSITE` for the checksum of the parts' checksums, else `FULL_OBJECT`."""
    return "COMPOSITE" if any("-" in value for value in blob.checksums.values()) else "FULL_OBJECT"


def refuse_overwriting(call: Call, request: Json) -> None:
    """Hold a write against its conditions.

    `If-None-Match: *` wants no object of that key, `If-Match` the one of that ETag. Raises ServiceError
    PreconditionFailed (412), or NoSuchKey (404) for an `If-Match` where nothing is. Source: the S3 user guide,
    "Prevent object overwrites with conditional writes".
    """
    headers = request["Headers"]
    none, match = headers.get("if-none-match"), headers.get("if-match")
    if none not in (None, "*"):
        raise s3_inputs.not_implemented("header", "If-None-Match")
    if none is None and match is None:
        return
    there = Blobs(call.store).head(call.account, request["Bucket"], request["Key"])
    if there is None and match is not None:
        raise ServiceError("NoSuchKey", "The specified key does not exist.", 404, {"Key": request["Key"]})
    overwrites = none == "*" and there is not None
    if overwrites or (there is not None and match is not None and match.strip('"') not in ("*", there.etag.strip('"'))):
        condition = "If-Match" if none is None else "If-None-Match"
        raise ServiceError("PreconditionFailed", PRECONDITION, 412, {"Condition": condition})


def get_object(call: Call, request: Json) -> Json:
    """GetObject, whole, a range of bytes or one part of its upload."""
    blob = existing(call, request)
    refuse_conditions(request["Headers"], blob)
    if blob.headers.get(CLASS) in ARCHIVED:
        message = "The operation is not valid for the object's storage class"
        raise ServiceError("InvalidObjectState", message, 403, {"StorageClass": blob.headers[CLASS]})
    return _read(blob, Blobs(call.store).body(call.account, request["Bucket"], request["Key"]), request)


def head_object(call: Call, request: Json) -> Json:
    """HeadObject: GetObject's headers."""
    blob = existing(call, request)
    refuse_conditions(request["Headers"], blob)
    body = Blobs(call.store).body(call.account, request["Bucket"], request["Key"])
    answer = _read(blob, body, request)
    return answer | {"_headers": answer["_headers"] | {"Content-Length": str(len(answer["_body"]))}, "_body": b""}


def _read(blob: Blob, body: bytes, request: Json) -> Json:
    """What a read answers of an object. Raises ServiceError for a range or a part that isn't there."""
    query, wanted = request["Query"], request["Headers"].get("range", "")
    headers = described(blob)
    whole_body = not wanted and "partNumber" not in query
    if request["Headers"].get("x-amz-checksum-mode") == "ENABLED" and whole_body:
        headers |= checksum_headers(blob)
    headers |= {
        _title(name.removeprefix("response-")): value for name, value in query.items() if name.startswith("response-")
    }
    if "partNumber" in query:
        if wanted:
            message = "Cannot specify both Range header and partNumber query parameter"
            raise ServiceError("InvalidRequest", message)
        first, last = _part(blob, query["partNumber"])
        headers |= {"x-amz-mp-parts-count": str(len(blob.parts))} if blob.parts else {}
    else:
        asked = _range(wanted, len(body))
        if asked is None:
            return {"_headers": headers, "_body": body}
        first, last = asked
    headers["Content-Range"] = f"bytes {first}-{last}/{len(body)}"
    return {"_status": 206, "_headers": headers, "_body": body[first : last + 1]}


def _part(blob: Blob, text: str) -> tuple[int, int]:
    """The first and last byte of a part; an object that came at once is its own first."""
    sizes = [size for _, size, _ in blob.parts] or [blob.size]
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
    if not 1 <= number <= len(sizes):
        raise ServiceError("InvalidPartNumber", "The requested partnumber is not satisfiable", 416)
    first = sum(sizes[: number - 1])
    return first, first + sizes[number - 1] - 1


def get_object_attributes(call: Call, request: Json) -> Json:
    """GetObjectAttributes: those that are asked for, and that the object has."""
    blob = existing(call, request)
    refuse_conditions(request["Headers"], blob)
    headers = request["Headers"]
    asked = {name.strip() for name in headers["x-amz-object-attributes"].split(",")}
    known: Json = {"ETag": blob.etag.strip('"')}
    if blob.checksums:
        plain = {name: value.partition("-")[0] for name, value in blob.checksums.items()}  # as AWS tells it here
        known["Checksum"] = named_checksums(plain) | {"ChecksumType": checksum_type(blob)}
    if blob.parts:
        after, limit = whole(headers, "x-amz-part-number-marker", 0), whole(headers, "x-amz-max-parts", MAX_KEYS)
        further = [part for part in blob.parts if part[0] > after]
        shown = [{"PartNumber": n, "Size": size, **named_checksums(sums)} for n, size, sums in further[:limit]]
        known["ObjectParts"] = {
            "PartsCount": len(blob.parts),
            "PartNumberMarker": after,
            "NextPartNumberMarker": shown[-1]["PartNumber"] if shown else 0,
            "MaxParts": limit,
            "IsTruncated": len(further) > limit,
            "Part": shown if blob.checksums else [],
        }
    known |= {"StorageClass": blob.headers.get(CLASS, "STANDARD"), "ObjectSize": blob.size}
    answer = {name: value for name, value in known.items() if name in asked}
    return {
        "_headers": {"Last-Modified": described(blob)["Last-Modified"]},
        "_xml": ("GetObjectAttributesResponse", answer),
    }


def named_checksums(found: Mapping[str, str]) -> Json:
    """Checksums as members of XML: `ChecksumSHA256`."""
    return {f"Checksum{algorithm.upper()}": value for algorithm, value in found.items()}


def delete_object(call: Call, request: Json) -> Json:
    """DeleteObject: one that isn't there is deleted all the same, unless `If-Match` asks for it."""
    bucket = known_bucket(call, request)
    if "if-match" in request["Headers"]:
        refuse_overwriting(call, request)
    Blobs(call.store).remove(call.account, bucket, request["Key"])
    return {"_status": 204}


def copy_object(call: Call, request: Json) -> Json:
    """CopyObject within the account. Metadata and tags are the source's, unless their directive says REPLACE."""
    refuse_overwriting(call, request)
    headers = request["Headers"]
    source = copied(call, headers)
    blob, body = existing(call, source), Blobs(call.store).body(call.account, *source.values())
    replaces = headers.get("x-amz-metadata-directive", "COPY") == "REPLACE"
    same = (source["Bucket"], source["Key"]) == (request["Bucket"], request["Key"])
    if same and not replaces and not any(name in headers for name in PLACED_HEADERS):
        message = (
            "This copy request is illegal because it is trying to copy an object to itself without changing the "
            "object's metadata, storage class, website redirect location or encryption attributes."
        )
        raise ServiceError("InvalidRequest", message)
    told = metadata(headers if replaces else blob.headers) | placement(call, headers)
    tags = blob.tags
    if headers.get("x-amz-tagging-directive", "COPY") == "REPLACE":
        tags = object_tags.in_header(headers)
    algorithms = [headers["x-amz-checksum-algorithm"].lower()] if "x-amz-checksum-algorithm" in headers else []
    sums = {name: checksums.of(name, body) for name in algorithms or blob.checksums}
    made = store_object(call, request, body, md5_of(body), told, tags=tags, checksums=sums)
    result = {"LastModified": iso(made.modified_us), "ETag": made.etag, **named_checksums(sums)}
    return {"_headers": encryption(made), "_xml": ("CopyObjectResult", result)}


def copied(call: Call, headers: Mapping[str, str]) -> Json:
    """Bucket and key of a copy's source, held against its conditions. Raises ServiceError."""
    bucket, _, key = unquote(headers["x-amz-copy-source"].partition("?")[0]).lstrip("/").partition("/")
    source = {"Bucket": bucket, "Key": key}
    blob, prefix = existing(call, source), "x-amz-copy-source-"
    conditions = {name.removeprefix(prefix): value for name, value in headers.items() if name.startswith(prefix)}
    try:
        refuse_conditions(conditions, blob)
    except ServiceError:
        raise ServiceError("PreconditionFailed", PRECONDITION, 412) from None
    if blob.headers.get(CLASS) in ARCHIVED:
        message = "The source object of the COPY operation is not in the active tier"
        raise ServiceError("ObjectNotInActiveTierError", message, 403)
    return source


def delete_objects(call: Call, request: Json) -> Json:
    """DeleteObjects: up to 1000 keys at once."""
    bucket, blobs = known_bucket(call, request), Blobs(call.store)
    keys = [item.get("Key", "") for item in request["Objects"]]
    for key in keys:
        blobs.remove(call.account, bucket, key)
    return {"_xml": ("DeleteResult", {"Deleted": [] if request["Quiet"] else [{"Key": key} for key in keys]})}


def put_object_tagging(call: Call, request: Json) -> Json:
    """PutObjectTagging: these tags in the place of all others."""
    _tag(call, request, object_tags.valid(request.get("Tags", ())))
    return {}


def get_object_tagging(call: Call, request: Json) -> Json:
    """GetObjectTagging."""
    return _tag_set(existing(call, request).tags)


def delete_object_tagging(call: Call, request: Json) -> Json:
    """DeleteObjectTagging."""
    _tag(call, request, {})
    return {"_status": 204}


def _tag(call: Call, request: Json, tags: dict[str, str]) -> None:
    blobs, blob = Blobs(call.store), existing(call, request)
    body = blobs.body(call.account, request["Bucket"], blob.key)
    blobs.put(call.account, request["Bucket"], replace(blob, tags=tags), body)


def list_objects(call: Call, request: Json) -> Json:
    """ListObjects and ListObjectsV2, with prefix, delimiter and paging."""
    query, bucket = request["Query"], known_bucket(call, request)
    newer = query.get("list-type") == "2"
    owner, owned = {"ID": call.account}, not newer or query.get("fetch-owner") == "true"
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    limit = min(whole(query, "max-keys", MAX_KEYS), MAX_KEYS)
    after = _token(query) if newer else query.get("marker", "")
    blobs, folders, last, truncated = _page(call, bucket, query, after, limit)
    contents = [_content(blob) | ({"Owner": owner} if owned else {}) for blob in blobs]
    encoded = quote if query.get("encoding-type") == "url" else str
    answer: Json = {"Name": bucket, "Prefix": encoded(prefix), "MaxKeys": limit, "IsTruncated": truncated}
    answer |= {"Contents": [content | {"Key": encoded(content["Key"])} for content in contents]}
    answer |= {"CommonPrefixes": [{"Prefix": encoded(folder)} for folder in folders]}
    answer |= {"Delimiter": encoded(delimiter)} if delimiter else {}
    answer |= {"EncodingType": "url"} if "encoding-type" in query else {}
    if newer:
        answer["KeyCount"] = len(contents) + len(folders)
        if "continuation-token" in query:
            answer["ContinuationToken"] = query["continuation-token"]
        elif "start-after" in query:
            answer["StartAfter"] = encoded(query["start-after"])
        answer |= {"NextContinuationToken": _written(last)} if truncated else {}
    else:
        answer["Marker"] = encoded(after)
        answer |= {"NextMarker": encoded(last)} if truncated and delimiter else {}
    return {"_xml": ("ListBucketResult", answer)}


def _page(
    call: Call, bucket: str, query: Mapping[str, str], after: str, limit: int
) -> tuple[list[Blob], list[str], str, bool]:
    """The objects and the folders of a page, the last name on it, and whether there is more."""
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    contents: list[Blob] = []
    folders: list[str] = []
    last = ""
    for blob in Blobs(call.store).listed(call.account, bucket, prefix, after):
        rest, _, beyond = blob.key[len(prefix) :].partition(delimiter) if delimiter else (blob.key, "", "")
        folder = prefix + rest + delimiter if delimiter and (beyond or blob.key.endswith(delimiter)) else ""
        if folder and (folder in folders[-1:] or folder == after or (after.startswith(folder))):
            continue
        if len(contents) + len(folders) >= limit:
            return contents, folders, last, limit > 0
        if folder:
            folders.append(folder)
        else:
            contents.append(blob)
        last = folder or blob.key
    return contents, folders, last, False


def get_bucket_versioning(call: Call, request: Json) -> Json:
    """GetBucketVersioning: no bucket has had versions."""
    known_bucket(call, request)
    return {"_xml": ("VersioningConfiguration", "")}


def list_object_versions(call: Call, request: Json) -> Json:
    """ListObjectVersions: each object is its one version, null, as in every bucket that never had versions."""
    query, bucket = request["Query"], known_bucket(call, request)
    after, version = query.get("key-marker", ""), query.get("version-id-marker", "")
    if version and not after:
        message = "A version-id marker cannot be specified without a key marker."
        raise ServiceError("InvalidArgument", message, 400, {"ArgumentName": "version-id-marker"})
    limit = min(whole(query, "max-keys", MAX_KEYS), MAX_KEYS)
    blobs, folders, last, truncated = _page(call, bucket, query, after, limit)
    encoded = quote if query.get("encoding-type") == "url" else str
    answer: Json = {"Name": bucket, "Prefix": encoded(query.get("prefix", "")), "KeyMarker": encoded(after)}
    answer |= {"VersionIdMarker": version, "MaxKeys": limit, "IsTruncated": truncated}
    answer |= {"Delimiter": encoded(query["delimiter"])} if query.get("delimiter") else {}
    answer |= {"EncodingType": "url"} if "encoding-type" in query else {}
    if truncated:
        answer |= {"NextKeyMarker": encoded(last)}
        answer |= {} if last in folders else {"NextVersionIdMarker": "null"}
    only = {"VersionId": "null", "IsLatest": True, "Owner": {"ID": call.account}}
    answer["Version"] = [_content(blob) | {"Key": encoded(blob.key)} | only for blob in blobs]
    answer["CommonPrefixes"] = [{"Prefix": encoded(folder)} for folder in folders]
    return {"_xml": ("ListVersionsResult", answer)}


def _token(query: dict[str, str]) -> str:
    if "continuation-token" not in query:
        return query.get("start-after", "")
    try:
        last = base64.urlsafe_b64decode(query["continuation-token"]).decode()
    except ValueError:
        last = ""
    if not last:
        raise ServiceError("InvalidArgument", "The continuation token provided is incorrect")
    return last


def _written(last: str) -> str:
    """The token of a page that ends with this name."""
    return base64.urlsafe_b64encode(last.encode()).decode()


def whole(asked: Mapping[str, str], name: str, default: int) -> int:
    """A number of the query or the headers. Raises ServiceError InvalidArgument for something else."""
    text = asked.get(name, str(default))
    if _NUMBER.fullmatch(text) and -LARGEST <= int(text) <= LARGEST:
        if int(text) >= 0:
            return int(text)
        message = f"Argument {name} must be an integer between 0 and {LARGEST}"
    else:
        message = f"Provided {name} not an integer or within integer range"
    raise ServiceError("InvalidArgument", message, 400, {"ArgumentName": name, "ArgumentValue": text[:100]})


def _content(blob: Blob) -> Json:
    kept = {"Key": blob.key, "LastModified": iso(blob.modified_us), "ETag": blob.etag, "Size": blob.size}
    kept |= {"ChecksumAlgorithm": [name.upper() for name in blob.checksums]}
    kept |= {"ChecksumType": checksum_type(blob)} if blob.checksums else {}
    return kept | {"StorageClass": blob.headers.get(CLASS, "STANDARD")}


def known_bucket(call: Call, request: Json) -> str:
    """The request's bucket. Raises ServiceError NoSuchBucket (404)."""
    bucket: str = request["Bucket"]
    if not Blobs(call.store).has_bucket(call.account, bucket):
        raise ServiceError("NoSuchBucket", "The specified bucket does not exist", 404, {"BucketName": bucket})
    return bucket


def existing(call: Call, request: Json) -> Blob:
    """The request's object. Raises ServiceError NoSuchBucket or NoSuchKey (404)."""
    found = Blobs(call.store).head(call.account, known_bucket(call, request), request["Key"])
    if found is None:
        raise ServiceError("NoSuchKey", "The specified key does not exist.", 404, {"Key": request["Key"]})
    return found


def refuse_conditions(headers: Mapping[str, str], blob: Blob) -> None:
    """Hold a read against its conditions. Raises ServiceError PreconditionFailed (412) or NotModified (304).

    ETags go before dates. Source: the S3 API reference, GetObject, "Additional considerations about request headers".
    """
    match, none = headers.get("if-match"), headers.get("if-none-match")
    etag, modified_s = blob.etag.strip('"'), blob.modified_us // 1_000_000
    if match is not None:
        refused, condition = match.strip('"') not in ("*", etag), "If-Match"
    else:
        until = _moment(headers.get("if-unmodified-since", ""))
        refused, condition = until is not None and modified_s > until, "If-Unmodified-Since"
    if refused:
        raise ServiceError("PreconditionFailed", PRECONDITION, 412, {"Condition": condition})
    if none is not None:
        same = none.strip('"') in ("*", etag)
    else:
        since = _moment(headers.get("if-modified-since", ""))
        same = since is not None and modified_s <= since
    if same:
        raise ServiceError("NotModified", "Not Modified", 304, {"ETag": blob.etag})


def _moment(text: str) -> float | None:
    """An HTTP date in seconds since 1970; None for what is none, which is passed over."""
    try:
        return parsedate_to_datetime(text).timestamp()
    except ValueError:
        return None


def _range(wanted: str, size: int) -> tuple[int, int] | None:
    """The first and last byte of a Range header; None for one that isn't well formed, or is several: all is read then.

    Raises ServiceError InvalidRange (416). Source: RFC 9110, 14.2; S3 API reference, GetObject; moto's test_ranged_get.
    """
    match = _RANGE.fullmatch(wanted)
    if match is None or (match[1] and match[2] and int(match[1]) > int(match[2])):
        return None
    first = int(match[1]) if match[1] else max(0, size - int(match[2]))
    if first >= size:
        told: dict[str, str | int] = {"RangeRequested": wanted, "ActualObjectSize": size}
        raise ServiceError("InvalidRange", "The requested range is not satisfiable", 416, told)
    return first, min(int(match[2]), size - 1) if match[1] and match[2] else size - 1


def described(blob: Blob) -> dict[str, str]:
    """The headers that tell of an object."""
    at = format_datetime(instant(blob.modified_us).astimezone(UTC), usegmt=True)
    named = {_title(name): value for name, value in blob.headers.items()}
    kind = {"Content-Type": "binary/octet-stream"}
    counted = {"x-amz-tagging-count": str(len(blob.tags))} if blob.tags else {}
    return {"ETag": blob.etag, "Last-Modified": at, "Accept-Ranges": "bytes", **kind, **named, **counted}


def iso(at_us: int) -> str:
    """A moment as S3's XML writes it."""
    return instant(at_us).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _title(header: str) -> str:
    return header if header.startswith("x-amz-") else "-".join(part.capitalize() for part in header.split("-"))
