"""S3's objects as boto3 uses them: tags, presigned addresses, checksums, classes, encryption, attributes, parts."""

from __future__ import annotations

import base64
import hashlib
import http.client
import zlib
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.handlers import validate_bucket_name

from mmeplan.simulator import Request, checksums
from tests.contract.doors import IMAGE, REGION, ROLE, Door, error_of

AT = {"Bucket": "bucket", "Key": "k"}


def crc32(body: bytes) -> str:
    return base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()


def tags_of(s3: Any, key: str = "k") -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in s3.get_object_tagging(Bucket="bucket", Key=key)["TagSet"]}


def tag_set(**tags: str) -> dict[str, Any]:
    return {"TagSet": [{"Key": key, "Value": value} for key, value in tags.items()]}


def test_an_object_is_tagged_told_and_untagged(door: Door) -> None:
    s3 = door.client("s3")
    s3.put_object(**AT, Body=b"1", Tagging="stage=prod&owner=a%20b")
    assert tags_of(s3) == {"stage": "prod", "owner": "a b"}
    assert s3.head_object(**AT)["TagCount"] == s3.get_object(**AT)["TagCount"] == 2
    s3.put_object_tagging(**AT, Tagging=tag_set(stage="test"))
    assert tags_of(s3) == {"stage": "test"}
    assert s3.get_object(**AT)["Body"].read() == b"1"
    s3.delete_object_tagging(**AT)
    assert tags_of(s3) == {}
    assert "TagCount" not in s3.head_object(**AT)
    s3.put_object(**AT, Body=b"1", Tagging="a=1")
    s3.put_object(**AT, Body=b"2")
    assert tags_of(s3) == {}
    assert error_of(s3.get_object_tagging, Bucket="bucket", Key="no")[0] == "NoSuchKey"


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ({f"k{n}": "v" for n in range(11)}, "BadRequest"),
        ({"k" * 129: "v"}, "InvalidTag"),
        ({"k": "v" * 257}, "InvalidTag"),
        ({"aws:k": "v"}, "InvalidTag"),
    ],
)
def test_tags_beyond_their_limits_are_refused_and_leave_the_old_ones(
    door: Door, tags: dict[str, str], code: str
) -> None:
    s3 = door.client("s3")
    s3.put_object(**AT, Body=b"1", Tagging="a=1")
    assert error_of(s3.put_object_tagging, **AT, Tagging=tag_set(**tags))[0] == code
    header = "&".join(f"{key}={value}" for key, value in tags.items())
    assert error_of(s3.put_object, **AT, Body=b"2", Tagging=header)[0] == code
    assert tags_of(s3) == {"a": "1"}
    assert s3.get_object(**AT)["Body"].read() == b"1"
    most = {f"{n:0128}": "v" * 256 for n in range(10)}
    s3.put_object_tagging(**AT, Tagging=tag_set(**most))
    assert tags_of(s3) == most


def test_equal_tag_keys_are_refused(door: Door) -> None:
    s3 = door.client("s3")
    s3.put_object(**AT, Body=b"1")
    twice = {"TagSet": [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]}
    said = error_of(s3.put_object_tagging, **AT, Tagging=twice)
    assert said[:2] == ("InvalidTag", "Cannot provide multiple Tags with the same key")
    assert error_of(s3.put_object, **AT, Body=b"1", Tagging="a=1&a=2")[0] == "InvalidTag"
    said = ("InvalidTag", "Your TagKey cannot be prefixed with aws:", 400)
    assert error_of(s3.put_object, **AT, Body=b"1", Tagging="b=2&aws:a=1") == said


def test_a_copy_takes_metadata_and_tags_as_its_directives_say(door: Door) -> None:
    s3 = door.client("s3")
    placed = {"StorageClass": "STANDARD_IA", "ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "arn:aws:kms:a:1:key/x"}
    s3.put_object(**AT, Body=b"1", Metadata={"v": "1"}, ContentType="text/csv", Tagging="a=1", **placed)
    s3.copy_object(Bucket="bucket", Key="same", CopySource=AT)
    copy = s3.head_object(Bucket="bucket", Key="same")
    assert (copy["Metadata"], copy["ContentType"], tags_of(s3, "same")) == ({"v": "1"}, "text/csv", {"a": "1"})
    assert "StorageClass" not in copy  # how it is kept is asked for anew
    assert copy["ServerSideEncryption"] == "AES256"
    s3.copy_object(
        Bucket="bucket",
        Key="other",
        CopySource=AT,
        Metadata={"w": "2"},
        MetadataDirective="REPLACE",
        Tagging="b=2",
        TaggingDirective="REPLACE",
        StorageClass="GLACIER_IR",
    )
    copy = s3.head_object(Bucket="bucket", Key="other")
    assert (copy["Metadata"], copy["ContentType"], tags_of(s3, "other")) == (
        {"w": "2"},
        "binary/octet-stream",
        {"b": "2"},
    )
    assert copy["StorageClass"] == "GLACIER_IR"
    said = error_of(s3.copy_object, **AT, CopySource=AT)
    assert said[0] == "InvalidRequest"
    s3.copy_object(**AT, CopySource=AT, StorageClass="STANDARD")
    assert "StorageClass" not in s3.head_object(**AT)
    assert error_of(s3.copy_object, **AT, CopySource=AT, CopySourceIfMatch="x", StorageClass="STANDARD")[2] == 412


@pytest.mark.parametrize("address", ["s3://far/m.tar.gz", "https://far.s3.us-east-1.amazonaws.com/m.tar.gz"])
@pytest.mark.parametrize("additional", [False, True])
def test_model_data_lies_in_a_bucket_of_the_models_region(door: Door, address: str, additional: bool) -> None:
    door.client("s3", "us-east-1").put_object(Bucket="far", Key="m.tar.gz", Body=b"1")
    near = address.replace("far", "near")
    door.client("s3").put_object(Bucket="near", Key="m.tar.gz", Body=b"1")

    def create(region: str, uri: str) -> Any:
        source = {"S3DataSource": {"S3Uri": uri, "S3DataType": "S3Object", "CompressionType": "Gzip"}}
        data = {"AdditionalModelDataSources": [{"ChannelName": "a", **source}]} if additional else {"ModelDataUrl": uri}
        made = {"Image": IMAGE.replace(REGION, region), **data}
        sagemaker = door.client("sagemaker", region)
        return partial(sagemaker.create_model, ModelName="m", ExecutionRoleArn=ROLE, PrimaryContainer=made)

    for region, uri in ((REGION, address), ("us-east-1", near)):
        code, message, _ = error_of(create(region, uri))
        assert code == "ValidationException"
        assert message.startswith(f"Could not access model data at {uri}. ")
        assert message.endswith(f"the object is located in {region}.")
    create(REGION, near)()
    create("us-east-1", address)()


def test_class_and_encryption_are_remembered(door: Door) -> None:
    s3 = door.client("s3")
    made = s3.put_object(**AT, Body=b"1")
    assert made["ServerSideEncryption"] == "AES256"
    made = s3.put_object(**AT, Body=b"1", StorageClass="GLACIER", ServerSideEncryption="aws:kms", BucketKeyEnabled=True)
    key = f"arn:aws:kms:{REGION}:123456789012:key/aws-s3"
    for told in (made, s3.head_object(**AT)):
        assert (told["ServerSideEncryption"], told["SSEKMSKeyId"], told["BucketKeyEnabled"]) == ("aws:kms", key, True)
    assert s3.head_object(**AT)["StorageClass"] == "GLACIER"
    assert s3.list_objects_v2(Bucket="bucket")["Contents"][0]["StorageClass"] == "GLACIER"
    assert error_of(s3.get_object, **AT)[0] == "InvalidObjectState"
    assert error_of(s3.copy_object, Bucket="bucket", Key="c", CopySource=AT)[0] == "ObjectNotInActiveTierError"
    assert error_of(s3.put_object, **AT, Body=b"1", SSEKMSKeyId="x")[0] == "InvalidArgument"


CHECKSUMS = {
    "CRC32": "y/Q5Jg==",
    "CRC32C": "4waSgw==",
    "CRC64NVME": "rosUhgp5mIg=",
    "SHA1": base64.b64encode(hashlib.sha1(b"123456789").digest()).decode(),
    "SHA256": base64.b64encode(hashlib.sha256(b"123456789").digest()).decode(),
}
"""Of `123456789`, the CRCs as the catalogue of CRC algorithms has them ("check")."""


@pytest.mark.parametrize("algorithm", CHECKSUMS)
def test_a_checksum_is_kept_and_a_wrong_one_is_refused(door: Door, algorithm: str) -> None:
    s3 = door.client("s3", request_checksum_calculation="when_required")
    member, right = f"Checksum{algorithm}", CHECKSUMS[algorithm]
    assert s3.put_object(**AT, Body=b"123456789", **{member: right})[member] == right
    assert s3.head_object(**AT, ChecksumMode="ENABLED")[member] == right
    assert member not in s3.head_object(**AT)
    code, message, status = error_of(s3.put_object, **AT, Body=b"other", **{member: right})
    assert (code, status) == ("BadDigest", 400)
    assert message == f"The {algorithm} you specified did not match the calculated checksum."
    assert error_of(s3.put_object, **AT, Body=b"other", **{member: "AAA"})[0] == "InvalidRequest"
    assert s3.get_object(**AT)["Body"].read() == b"123456789"
    upload = s3.create_multipart_upload(**AT, ChecksumAlgorithm=algorithm)["UploadId"]
    part = {**AT, "UploadId": upload, "PartNumber": 1}
    assert error_of(s3.upload_part, **part, Body=b"other", **{member: right})[0] == "BadDigest"


def test_a_checksum_behind_the_body_and_a_payloads_digest_are_held_against_it(door: Door) -> None:
    s3 = door.client("s3")
    assert s3.put_object(**AT, Body=b"1")["ChecksumCRC32"] == crc32(b"1")  # boto3 sends one by itself
    scope = f"A/20260101/{REGION}/s3/aws4_request"
    signed = {"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"}

    def put(body: bytes, **headers: str) -> bytes:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return door.sim.respond(Request("PUT", "http://127.0.0.1/bucket/k", signed | named, body)).body

    for given, code in ((crc32(b"2"), b""), (crc32(b"3"), b"<Code>BadDigest</Code>")):
        framed = b"1\r\n2\r\n0\r\nx-amz-checksum-crc32:" + given.encode() + b"\r\n\r\n"
        chunked = {
            "x_amz_content_sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
            "x_amz_trailer": "x-amz-checksum-crc32",
        }
        assert code in put(framed, content_encoding="aws-chunked", **chunked)
    assert b"<Code>IncompleteBody</Code>" in put(b"9\r\n2\r\n0\r\n\r\n", content_encoding="aws-chunked")
    assert b"XAmzContentSHA256Mismatch" in put(b"4", x_amz_content_sha256=hashlib.sha256(b"5").hexdigest())
    two = {"x_amz_checksum_sha1": CHECKSUMS["SHA1"], "x_amz_checksum_crc32": CHECKSUMS["CRC32"]}
    assert b"Expecting a single x-amz-checksum- header" in put(b"123456789", **two)
    assert b"no corresponding x-amz-checksum-" in put(b"6", x_amz_sdk_checksum_algorithm="CRC32")
    assert s3.get_object(**AT)["Body"].read() == b"2"


@pytest.mark.parametrize("kind", ["COMPOSITE", "FULL_OBJECT"])
def test_an_uploads_object_has_the_checksum_of_its_parts(door: Door, kind: str) -> None:
    s3 = door.client("s3")
    upload = s3.create_multipart_upload(**AT, ChecksumAlgorithm="CRC32", ChecksumType=kind, Tagging="a=1")["UploadId"]
    parts = []
    for number, body in enumerate((b"ab", b"c"), 1):
        made = s3.upload_part(**AT, UploadId=upload, PartNumber=number, Body=body)
        parts.append({"PartNumber": number, "ETag": made["ETag"], "ChecksumCRC32": made["ChecksumCRC32"]})
    listed = s3.list_parts(**AT, UploadId=upload, MaxParts=1)
    assert (listed["Parts"][0]["ChecksumCRC32"], listed["IsTruncated"]) == (crc32(b"ab"), True)
    wrong = [parts[0] | {"ChecksumCRC32": crc32(b"x")}, parts[1]]
    done = {**AT, "UploadId": upload}
    assert error_of(s3.complete_multipart_upload, **done, MultipartUpload={"Parts": wrong})[0] == "InvalidPart"
    said = error_of(s3.complete_multipart_upload, **done, MultipartUpload={"Parts": parts}, ChecksumCRC32=crc32(b"x"))
    assert said[0] == "BadDigest"
    answer = s3.complete_multipart_upload(**done, MultipartUpload={"Parts": parts})
    both = base64.b64decode(crc32(b"ab")) + base64.b64decode(crc32(b"c"))
    expected = crc32(b"abc") if kind == "FULL_OBJECT" else f"{crc32(both)}-2"
    assert (answer["ChecksumCRC32"], answer["ChecksumType"]) == (expected, kind)
    attributes = s3.get_object_attributes(**AT, ObjectAttributes=["Checksum", "ObjectParts", "ObjectSize"])
    assert attributes["Checksum"] == {"ChecksumCRC32": expected.partition("-")[0], "ChecksumType": kind}
    assert (attributes["ObjectParts"]["TotalPartsCount"], attributes["ObjectSize"]) == (2, 3)
    assert [part["Size"] for part in attributes["ObjectParts"]["Parts"]] == [2, 1]
    second = s3.get_object(**AT, PartNumber=2)
    assert (second["Body"].read(), second["PartsCount"], second["ContentRange"]) == (b"c", 2, "bytes 2-2/3")
    assert error_of(s3.get_object, **AT, PartNumber=3)[2] == 416
    assert tags_of(s3) == {"a": "1"}


def test_attributes_are_those_that_are_asked_for(door: Door) -> None:
    s3 = door.client("s3")
    etag = s3.put_object(**AT, Body=b"12", StorageClass="STANDARD_IA")["ETag"].strip('"')
    answer = s3.get_object_attributes(**AT, ObjectAttributes=["ETag", "StorageClass", "ObjectSize", "ObjectParts"])
    told = {name: value for name, value in answer.items() if name not in ("ResponseMetadata", "LastModified")}
    assert told == {"ETag": etag, "StorageClass": "STANDARD_IA", "ObjectSize": 2}
    assert error_of(s3.get_object_attributes, Bucket="bucket", Key="no", ObjectAttributes=["ETag"])[0] == "NoSuchKey"


def test_a_bucket_is_where_it_was_made(door: Door) -> None:
    here, there = door.client("s3"), door.client("s3", region="us-east-1")
    here.create_bucket(Bucket="europe", CreateBucketConfiguration={"LocationConstraint": REGION})
    there.create_bucket(Bucket="america")
    there.create_bucket(Bucket="far", CreateBucketConfiguration={"LocationConstraint": "ap-southeast-2"})
    here.put_object(Bucket="by-use", Key="k", Body=b"1")
    for client in (here, there):
        located = {name: client.get_bucket_location(Bucket=name).get("LocationConstraint") for name in NAMES}
        assert located == {"europe": REGION, "america": None, "far": "ap-southeast-2", "by-use": REGION}
        assert client.head_bucket(Bucket="america")["BucketRegion"] == "us-east-1"
    assert [each["Name"] for each in here.list_buckets(BucketRegion=REGION)["Buckets"]] == ["by-use", "europe"]
    assert [each["Name"] for each in here.list_buckets(Prefix="a")["Buckets"]] == ["america"]
    pages = here.get_paginator("list_buckets").paginate(PaginationConfig={"PageSize": 3})
    assert [[each["Name"] for each in page["Buckets"]] for page in pages] == [["america", "by-use", "europe"], ["far"]]
    rule = here.get_bucket_encryption(Bucket="far")["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}


NAMES = ("europe", "america", "far", "by-use")


INCOMPATIBLE = "location constraint is incompatible for the region specific endpoint this request was sent to."


@pytest.mark.parametrize(
    ("region", "constraint", "code", "words"),
    [
        (REGION, "", "IllegalLocationConstraintException", f"The unspecified {INCOMPATIBLE}"),
        (REGION, "eu-west-3", "IllegalLocationConstraintException", f"The eu-west-3 {INCOMPATIBLE}"),
        (REGION, "us-east-1", "IllegalLocationConstraintException", f"The us-east-1 {INCOMPATIBLE}"),
        (REGION, "nowhere", "IllegalLocationConstraintException", f"The nowhere {INCOMPATIBLE}"),
        ("us-east-1", "us-east-1", "InvalidLocationConstraint", "The specified location-constraint is not valid"),
        ("us-east-1", "nowhere", "InvalidLocationConstraint", "The specified location-constraint is not valid"),
    ],
)
def test_a_bucket_is_not_made_elsewhere_than_the_address_is(
    door: Door, region: str, constraint: str, code: str, words: str
) -> None:
    s3 = door.client("s3", region=region)
    asked = {"CreateBucketConfiguration": {"LocationConstraint": constraint}} if constraint else {}
    assert error_of(s3.create_bucket, Bucket="bucket", **asked) == (code, words, 400)
    assert s3.list_buckets()["Buckets"] == []


@pytest.mark.parametrize("region", ["us-isob-east-1", "us-gov-west-1", "xx-newest-1"])
def test_a_bucket_is_made_in_regions_that_botocore_does_not_list(door: Door, region: str) -> None:
    s3 = door.client("s3", region=region)
    s3.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": region})
    assert s3.get_bucket_location(Bucket="bucket")["LocationConstraint"] == region


@pytest.mark.parametrize(
    ("call", "name"),
    [
        ("list_objects_v2", "MaxKeys"),
        ("list_multipart_uploads", "MaxUploads"),
        ("list_parts", "MaxParts"),
        ("list_parts", "PartNumberMarker"),
    ],
)
def test_a_number_of_a_list_is_within_its_bounds(door: Door, call: str, name: str) -> None:
    s3 = door.client("s3")
    upload = s3.create_multipart_upload(**AT)["UploadId"]
    listed = partial(
        getattr(s3, call), **({**AT, "UploadId": upload} if call == "list_parts" else {"Bucket": "bucket"})
    )
    code, below, _ = error_of(listed, **{name: -42})
    assert (code, below.partition(" must ")[2]) == ("InvalidArgument", "be an integer between 0 and 2147483647")
    code, beyond, _ = error_of(listed, **{name: 2**31})
    assert (code, beyond.partition(" not ")[2]) == ("InvalidArgument", "an integer or within integer range")
    listed(**{name: 2**31 - 1})


def test_uploads_tell_how_they_are_made(door: Door) -> None:
    s3 = door.client("s3")
    told = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "arn:aws:kms:eu-west-1:123456789012:key/x"}
    made = s3.create_multipart_upload(**AT, ChecksumAlgorithm="SHA256", StorageClass="STANDARD_IA", **told)
    where = {**AT, "UploadId": made["UploadId"]}
    part = s3.upload_part(**where, PartNumber=1, Body=b"1", ChecksumAlgorithm="SHA256")
    s3.put_object(Bucket="bucket", Key="source", Body=b"23")
    copied = s3.upload_part_copy(**where, PartNumber=2, CopySource="bucket/source")
    assert [{name: answer.get(name) for name in told} for answer in (made, part, copied)] == [told] * 3
    (upload,) = s3.list_multipart_uploads(Bucket="bucket")["Uploads"]
    about = {"StorageClass": "STANDARD_IA", "ChecksumAlgorithm": "SHA256", "ChecksumType": "COMPOSITE"}
    about |= {"Owner": {"ID": "123456789012"}, "Initiator": {"ID": "123456789012"}}
    assert upload.pop("Initiated").isoformat() == "2026-01-01T00:00:00+00:00"
    assert upload == about | {"Key": "k", "UploadId": made["UploadId"]}
    parts = s3.list_parts(**where)
    assert {name: parts[name] for name in about} == about


def test_parts_that_an_upload_does_not_take_are_refused_in_s3s_words(door: Door) -> None:
    s3 = door.client("s3")
    where = {**AT, "UploadId": s3.create_multipart_upload(**AT, ChecksumAlgorithm="SHA256")["UploadId"]}
    _, message, _ = error_of(s3.upload_part, **where, PartNumber=3, Body=b"1", ChecksumAlgorithm="CRC32")
    assert message == "Checksum Type mismatch occurred, expected checksum Type: sha256, actual checksum Type: crc32"
    assert error_of(s3.complete_multipart_upload, **where, MultipartUpload={"Parts": []})[0] == "MalformedXML"
    assert error_of(s3.complete_multipart_upload, **where)[0] == "InvalidRequest"
    with pytest.raises(ClientError) as refusal:
        s3.upload_part(**where, PartNumber=10_001, Body=b"1", ChecksumAlgorithm="SHA256")
    error = refusal.value.response["Error"]
    assert (error["ArgumentName"], error["ArgumentValue"]) == ("partNumber", "10001")


def test_a_continuation_goes_before_where_a_list_starts(door: Door) -> None:
    s3 = door.client("s3")
    for name in "abc":
        s3.put_object(Bucket="bucket", Key=name, Body=b"1")
    first = s3.list_objects_v2(Bucket="bucket", MaxKeys=1, StartAfter="a")
    assert (first["StartAfter"], [each["Key"] for each in first["Contents"]]) == ("a", ["b"])
    second = s3.list_objects_v2(Bucket="bucket", StartAfter="a", ContinuationToken=first["NextContinuationToken"])
    assert [each["Key"] for each in second["Contents"]] == ["c"]
    assert "StartAfter" not in second
    said = error_of(s3.list_objects_v2, Bucket="bucket", ContinuationToken="")
    assert said == ("InvalidArgument", "The continuation token provided is incorrect", 400)


def test_an_upload_that_is_completed_again_is_answered_again(door: Door) -> None:
    s3 = door.client("s3")
    where = {**AT, "UploadId": s3.create_multipart_upload(**AT, ChecksumAlgorithm="SHA256")["UploadId"]}
    etag = s3.upload_part(**where, PartNumber=1, Body=b"1", ChecksumAlgorithm="SHA256")["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
    first = s3.complete_multipart_upload(**where, MultipartUpload=parts)
    s3.delete_object(**AT)
    again = s3.complete_multipart_upload(**where, MultipartUpload=parts, IfNoneMatch="*")
    assert [answer.pop("ResponseMetadata")["HTTPStatusCode"] for answer in (first, again)] == [200, 200]
    assert first == again
    assert error_of(s3.head_object, **AT)[2] == 404
    others = {"Parts": [{"PartNumber": 2, "ETag": etag}]}
    assert error_of(s3.complete_multipart_upload, **where, MultipartUpload=others)[0] == "NoSuchUpload"
    elsewhere = {**where, "Key": "other"}
    assert error_of(s3.complete_multipart_upload, **elsewhere, MultipartUpload=parts)[0] == "NoSuchUpload"
    assert error_of(s3.upload_part, **where, PartNumber=1, Body=b"1")[0] == "NoSuchUpload"


def test_attributes_tell_the_checksum_of_parts_without_their_number(door: Door) -> None:
    s3 = door.client("s3")
    where = {**AT, "UploadId": s3.create_multipart_upload(**AT, ChecksumAlgorithm="SHA256")["UploadId"]}
    etag = s3.upload_part(**where, PartNumber=1, Body=b"1", ChecksumAlgorithm="SHA256")["ETag"]
    s3.complete_multipart_upload(**where, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})
    told = s3.head_object(**AT, ChecksumMode="ENABLED")["ChecksumSHA256"]
    attributes = s3.get_object_attributes(**AT, ObjectAttributes=["Checksum"])["Checksum"]
    assert told.endswith("=-1")
    assert attributes == {"ChecksumSHA256": told.removesuffix("-1"), "ChecksumType": "COMPOSITE"}


def test_what_has_no_body_has_no_type(door: Door) -> None:
    s3 = door.client("s3")
    put = s3.put_object(**AT, Body=b"1")
    kinds = {
        "put": put,
        "head": s3.head_object(**AT),
        "bucket": s3.head_bucket(Bucket="bucket"),
        "list": s3.list_buckets(),
        "delete": s3.delete_object(**AT),
    }
    told = {name: answer["ResponseMetadata"]["HTTPHeaders"].get("content-type") for name, answer in kinds.items()}
    xml, plain = "application/xml", "binary/octet-stream"
    assert told == {"put": None, "head": plain, "bucket": xml, "list": xml, "delete": None}


def test_each_object_is_its_only_version(door: Door) -> None:
    s3 = door.client("s3")
    assert error_of(s3.list_object_versions, Bucket="bucket")[0] == "NoSuchBucket"
    etag = s3.put_object(Bucket="bucket", Key="a b/ü", Body=b"12", ChecksumAlgorithm="SHA256")["ETag"]
    s3.put_object(Bucket="bucket", Key="a b/ü2", Body=b"1")
    s3.put_object(Bucket="bucket", Key="z", Body=b"1")
    first = s3.list_object_versions(Bucket="bucket", MaxKeys=1)
    (version,) = first["Versions"]
    assert version.pop("LastModified").isoformat() == "2026-01-01T00:00:00+00:00"
    kept = {"ETag": etag, "Size": 2, "StorageClass": "STANDARD", "Owner": {"ID": "123456789012"}}
    kept |= {"ChecksumAlgorithm": ["SHA256"], "ChecksumType": "FULL_OBJECT"}
    assert version == kept | {"Key": "a b/ü", "VersionId": "null", "IsLatest": True}
    assert (first["NextKeyMarker"], first["NextVersionIdMarker"]) == ("a b/ü", "null")
    folded = s3.list_object_versions(Bucket="bucket", Delimiter="/", MaxKeys=1)
    assert ([each["Prefix"] for each in folded["CommonPrefixes"]], folded["NextKeyMarker"]) == (["a b/"], "a b/")
    rest = s3.list_object_versions(Bucket="bucket", Delimiter="/", KeyMarker="a b/")
    assert [each["Key"] for each in rest["Versions"]] == ["z"]
    assert error_of(s3.list_object_versions, Bucket="bucket", VersionIdMarker="null")[0] == "InvalidArgument"
    every = [
        {"Key": each["Key"], "VersionId": each["VersionId"]}
        for each in s3.list_object_versions(Bucket="bucket")["Versions"]
    ]
    s3.delete_objects(Bucket="bucket", Delete={"Objects": every})
    s3.delete_bucket(Bucket="bucket")


def test_a_bucket_is_made_once_but_in_the_first_region(door: Door) -> None:
    here, there = door.client("s3"), door.client("s3", region="us-east-1")
    europe = {"Bucket": "europe", "CreateBucketConfiguration": {"LocationConstraint": "EU"}}
    here.put_object(Bucket="europe", Key="k", Body=b"1")
    here.create_bucket(**europe)
    assert here.get_object(Bucket="europe", Key="k")["Body"].read() == b"1"
    owned = ("BucketAlreadyOwnedByYou", 409)
    assert error_of(here.create_bucket, **europe)[::2] == owned
    assert error_of(there.create_bucket, **europe)[::2] == owned
    assert error_of(there.create_bucket, Bucket="europe")[::2] == owned
    there.create_bucket(Bucket="america")
    there.create_bucket(Bucket="america")
    assert error_of(there.create_bucket, Bucket="america", CreateBucketConfiguration={"LocationConstraint": "EU"})[
        ::2
    ] == (owned)
    here.delete_object(Bucket="europe", Key="k")
    here.delete_bucket(Bucket="europe")
    here.create_bucket(**europe)


@pytest.mark.parametrize(
    "name",
    ["xx", "x" * 64, "a..b", "192.168.5.4", "xn--a", "sthree-a", "a-s3alias", "a--ol-s3", "-ab", "ab.", "Abc", "a_b"],
)
def test_a_bucket_has_a_name_as_s3_takes_it(door: Door, name: str) -> None:
    s3 = door.client("s3", region="us-east-1")
    s3.meta.events.unregister("before-parameter-build.s3", validate_bucket_name)
    assert error_of(s3.create_bucket, Bucket=name) == ("InvalidBucketName", "The specified bucket is not valid.", 400)
    for fine in ("xyz", "x" * 63, "a.b-c", "1.2.3.4a", "192168"):
        s3.create_bucket(Bucket=fine)


def bucket_tags(s3: Any, bucket: str = "bucket") -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in s3.get_bucket_tagging(Bucket=bucket)["TagSet"]}


def test_a_bucket_is_tagged_told_and_untagged(door: Door) -> None:
    s3 = door.client("s3")
    no_tags = ("NoSuchTagSet", "The TagSet does not exist", 404)
    for call in (
        s3.get_bucket_tagging,
        s3.delete_bucket_tagging,
        partial(s3.put_bucket_tagging, Tagging=tag_set(a="1")),
    ):
        assert error_of(call, Bucket="bucket")[::2] == ("NoSuchBucket", 404)
    asked = {"LocationConstraint": REGION, "Tags": tag_set(owner="a b", stage="<&>")["TagSet"]}
    s3.create_bucket(Bucket="bucket", CreateBucketConfiguration=asked)
    assert bucket_tags(s3) == {"owner": "a b", "stage": "<&>"}
    s3.put_object(**AT, Body=b"1", Tagging="a=1")
    s3.put_bucket_tagging(Bucket="bucket", Tagging=tag_set(stage="test"))
    assert bucket_tags(s3) == {"stage": "test"}
    assert tags_of(s3) == {"a": "1"}
    s3.put_object_tagging(**AT, Tagging=tag_set(b="2"))
    assert bucket_tags(s3) == {"stage": "test"}
    s3.put_bucket_tagging(Bucket="bucket", Tagging={"TagSet": []})
    assert error_of(s3.get_bucket_tagging, Bucket="bucket") == no_tags
    s3.put_bucket_tagging(Bucket="bucket", Tagging=tag_set(stage="test"))
    for _ in range(2):
        s3.delete_bucket_tagging(Bucket="bucket")
        assert error_of(s3.get_bucket_tagging, Bucket="bucket") == no_tags
    assert tags_of(s3) == {"b": "2"}
    s3.put_bucket_tagging(Bucket="bucket", Tagging=tag_set(stage="test"))
    s3.delete_object(**AT)
    s3.delete_bucket(Bucket="bucket")
    s3.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": REGION})
    assert error_of(s3.get_bucket_tagging, Bucket="bucket") == no_tags


@pytest.mark.parametrize(
    ("tags", "code", "words"),
    [
        ({f"k{n}": "v" for n in range(51)}, "BadRequest", "Bucket tag count cannot be greater than 50"),
        ({"k" * 129: "v"}, "InvalidTag", "The TagKey you have provided is invalid"),
        ({"k": "v" * 257}, "InvalidTag", "The TagValue you have provided is invalid"),
        ({"aws:k": "v"}, "InvalidTag", "System tags cannot be added/updated by requester"),
    ],
)
def test_tags_of_a_bucket_beyond_their_limits_are_refused_and_leave_the_old_ones(
    door: Door, tags: dict[str, str], code: str, words: str
) -> None:
    s3 = door.client("s3")
    s3.put_object(**AT, Body=b"1")
    most = {f"{n:0128}": "v" * 256 for n in range(50)}
    s3.put_bucket_tagging(Bucket="bucket", Tagging=tag_set(**most))
    assert error_of(s3.put_bucket_tagging, Bucket="bucket", Tagging=tag_set(**tags)) == (code, words, 400)
    assert bucket_tags(s3) == most
    twice = {"TagSet": [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]}
    said = error_of(s3.put_bucket_tagging, Bucket="bucket", Tagging=twice)
    assert said[:2] == ("InvalidTag", "Cannot provide multiple Tags with the same key")
    asked = {"LocationConstraint": REGION, "Tags": tag_set(**tags)["TagSet"]}
    assert error_of(s3.create_bucket, Bucket="other", CreateBucketConfiguration=asked) == (code, words, 400)
    assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == ["bucket"]


def test_tagged_buckets_are_among_the_resources_of_their_region(door: Door) -> None:
    s3, tagging = door.client("s3"), door.client("resourcegroupstaggingapi")
    for name in ("one", "two", "three"):
        s3.put_object(Bucket=name, Key="k", Body=b"1")
        s3.put_bucket_tagging(Bucket=name, Tagging=tag_set(team="search", name=name))
    s3.put_object(Bucket="untagged", Key="k", Body=b"1")
    model = {"ModelName": "m", "ExecutionRoleArn": ROLE, "PrimaryContainer": {"Image": IMAGE}}
    door.client().create_model(**model, Tags=[{"Key": "team", "Value": "search"}])

    def found(**wanted: Any) -> list[str]:
        pages = tagging.get_paginator("get_resources").paginate(**wanted, ResourcesPerPage=1)
        return [each["ResourceARN"].rpartition(":")[2] for page in pages for each in page["ResourceTagMappingList"]]

    assert found() == ["model/m", "one", "three", "two"]
    assert found(ResourceTypeFilters=["s3"]) == found(ResourceTypeFilters=["s3:bucket"]) == ["one", "three", "two"]
    assert found(ResourceTypeFilters=["sagemaker"]) == ["model/m"]
    assert found(TagFilters=[{"Key": "name", "Values": ["two"]}]) == ["two"]
    one = tagging.get_resources(ResourceARNList=["arn:aws:s3:::one"])["ResourceTagMappingList"]
    assert [tag["Value"] for tag in one[0]["Tags"]] == ["one", "search"]
    s3.delete_bucket_tagging(Bucket="one")
    assert found(TagFilters=[{"Key": "team"}]) == ["model/m", "three", "two"]
    assert door.client("resourcegroupstaggingapi", region="eu-west-3").get_resources()["ResourceTagMappingList"] == []


def test_a_page_of_resources_has_so_many_tags(door: Door) -> None:
    s3, tagging = door.client("s3"), door.client("resourcegroupstaggingapi")
    for number in range(5):
        s3.put_object(Bucket=f"bucket-{number}", Key="k", Body=b"1")
        s3.put_bucket_tagging(Bucket=f"bucket-{number}", Tagging=tag_set(**{f"k{n}": "v" for n in range(40)}))
    pages = list(tagging.get_paginator("get_resources").paginate(TagsPerPage=100))
    assert [len(page["ResourceTagMappingList"]) for page in pages] == [2, 2, 1]
    assert len({each["ResourceARN"] for page in pages for each in page["ResourceTagMappingList"]}) == 5
    assert len(tagging.get_resources()["ResourceTagMappingList"]) == 5
    for tags in (99, 501):
        assert error_of(tagging.get_resources, TagsPerPage=tags)[0] == "InvalidParameterException"
    both = {"ResourceARNList": ["arn:aws:s3:::bucket-1"], "TagsPerPage": 100}
    assert error_of(tagging.get_resources, **both)[0] == "InvalidParameterException"


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_presigned_addresses_of_both_versions_read_and_write(door: Door, version: str) -> None:
    s3 = door.client("s3", signature_version=version)

    def send(method: str, url: str, body: bytes = b"", headers: dict[str, str] | None = None) -> tuple[int, bytes]:
        if not door.url:
            answer = door.sim.respond(Request(method, url, headers or {}, body))
            return answer.status, answer.body
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(parts.netloc)
        connection.request(method, f"{parts.path}?{parts.query}", body, headers or {})
        with connection.getresponse() as reply:
            status, text = reply.status, reply.read()
        connection.close()
        return status, text

    sent = {**AT, "Metadata": {"v": "1"}, "ContentType": "text/csv", "StorageClass": "STANDARD_IA"}
    url = s3.generate_presigned_url("put_object", sent)
    assert ("X-Amz-Signature=" in url) == (version == "s3v4")
    headers = {"x-amz-meta-v": "1", "Content-Type": "text/csv", "x-amz-storage-class": "STANDARD_IA"}
    assert send("PUT", url, b"1,2", headers)[0] == 200
    assert s3.head_object(**AT)["Metadata"] == {"v": "1"}
    assert s3.head_object(**AT)["StorageClass"] == "STANDARD_IA"
    assert send("GET", s3.generate_presigned_url("get_object", AT)) == (200, b"1,2")
    told = s3.generate_presigned_url("get_object", {**AT, "ResponseContentType": "text/plain"})
    assert "response-content-type=text" in told
    assert send("GET", told)[0] == 200
    assert b"<Key>k</Key>" in send("GET", s3.generate_presigned_url("list_objects_v2", {"Bucket": "bucket"}))[1]
    hold = s3.generate_presigned_url("put_object_legal_hold", AT)
    assert send("PUT", hold, b"<LegalHold/>")[0] == 501
    assert s3.get_object(**AT)["Body"].read() == b"1,2"


def test_what_was_moved_into_a_presigned_address_counts_as_a_header(door: Door) -> None:
    """Other SDKs than boto3 move headers into the query; those that sign in version 2 do, too."""
    credential = f"A%2F20260101%2F{REGION}%2Fs3%2Faws4_request"
    signed = (
        f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={credential}&X-Amz-SignedHeaders=host&X-Amz-Signature=0"
    )
    asked = "x-amz-storage-class=STANDARD_IA&x-amz-meta-v=1&x-id=PutObject"
    for query in (f"{signed}&{asked}", f"AWSAccessKeyId=A&Signature=0&Expires=1&{asked}"):
        door.sim.reset()
        assert door.sim.respond(Request("PUT", f"http://127.0.0.1/bucket/k?{query}", {}, b"1")).status == 200
        head = door.client("s3").head_object(**AT)
        assert (head["StorageClass"], head["Metadata"]) == ("STANDARD_IA", {"v": "1"})


@pytest.mark.parametrize(
    ("call", "members", "code"),
    [
        ("put_object", {"ACL": "public-read"}, "AccessControlListNotSupported"),
        ("put_object", {"GrantRead": "id=1"}, "AccessControlListNotSupported"),
        ("put_object", {"ObjectLockLegalHoldStatus": "ON"}, "NotImplemented"),
        ("put_object", {"SSECustomerKey": b"1" * 32, "SSECustomerAlgorithm": "AES256"}, "NotImplemented"),
        ("put_object", {"WriteOffsetBytes": 1}, "NotImplemented"),
        ("put_object", {"IfNoneMatch": "abc"}, "NotImplemented"),
        ("put_object", {"ExpectedBucketOwner": "999999999999"}, "AccessDenied"),
        ("get_object", {"VersionId": "abc"}, "InvalidArgument"),
        ("delete_object", {"VersionId": "abc"}, "InvalidArgument"),
        ("delete_object", {"IfMatchSize": 1}, "NotImplemented"),
    ],
)
def test_what_s3_has_and_is_not_here_is_refused_and_changes_nothing(
    door: Door, call: str, members: dict[str, Any], code: str
) -> None:
    config = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1})
    s3 = boto3.client(
        "s3",
        region_name=REGION,
        aws_access_key_id="any",
        aws_secret_access_key="any",
        endpoint_url=door.url or f"https://s3.{REGION}.amazonaws.com",
        config=config,
    )
    if not door.url:
        s3.meta.events.register("before-send.*", door.sim.before_send)
    s3.put_object(**AT, Body=b"1")
    before = door.sim.dump()
    assert error_of(getattr(s3, call), **AT, **members)[0] == code
    assert door.sim.dump() == before
    s3.close()


def test_deleting_versions_and_conditional_deletes_of_several_objects_are_refused(door: Door) -> None:
    s3 = door.client("s3")
    s3.put_object(**AT, Body=b"1")
    for further in ({"VersionId": "abc"}, {"ETag": "abc"}):
        said = error_of(s3.delete_objects, Bucket="bucket", Delete={"Objects": [{"Key": "k", **further}]})
        assert said[0] == "NotImplemented"
    assert s3.get_object(**AT)["Body"].read() == b"1"


def test_refusals_say_what_they_are_about(door: Door) -> None:
    s3 = door.client("s3")
    etag = s3.put_object(**AT, Body=b"1")["ETag"]

    def told(call: Any, **members: Any) -> Any:
        with pytest.raises(ClientError) as refusal:
            call(**members)
        return refusal.value.response

    found = told(s3.get_object, **AT, Range="bytes=7-")["Error"]
    assert (found["Code"], found["RangeRequested"], found["ActualObjectSize"]) == ("InvalidRange", "bytes=7-", "1")
    assert told(s3.get_object, **AT, IfMatch="x")["Error"]["Condition"] == "If-Match"
    assert told(s3.put_object, **AT, Body=b"2", IfNoneMatch="*")["Error"]["Condition"] == "If-None-Match"
    assert told(s3.put_object, **AT, Body=b"2", IfMatch="x")["Error"]["Condition"] == "If-Match"
    for read in (s3.get_object, s3.head_object):
        headers = told(read, **AT, IfNoneMatch=etag)["ResponseMetadata"]["HTTPHeaders"]
        assert headers["etag"] == etag
    assert told(s3.delete_bucket, Bucket="bucket")["Error"]["BucketName"] == "bucket"
    gone = told(s3.abort_multipart_upload, **AT, UploadId="none")["Error"]
    assert gone["Message"].startswith("The specified upload does not exist. The upload ID may be invalid, or")
    assert gone["UploadId"] == "none"
    upload = {**AT, "UploadId": s3.create_multipart_upload(**AT)["UploadId"], "PartNumber": 1, "CopySource": AT}
    assert told(s3.upload_part_copy, **upload, CopySourceRange="0-3")["Error"]["Code"] == "InvalidArgument"
    assert s3.upload_part_copy(**upload, CopySourceRange="bytes=0-0")["CopyPartResult"]["ETag"] == etag
    assert s3.list_objects_v2(Bucket="bucket", StartAfter="a b")["StartAfter"] == "a b"


def test_dates_are_conditions_where_no_etag_is(door: Door) -> None:
    s3 = door.client("s3")
    made = s3.put_object(**AT, Body=b"1")
    at = s3.head_object(**AT)["LastModified"]
    door.advance(60)
    assert error_of(s3.get_object, **AT, IfModifiedSince=at)[2] == 304
    assert s3.get_object(**AT, IfUnmodifiedSince=at)["ETag"] == made["ETag"]
    door.advance(60)
    s3.put_object(**AT, Body=b"2")
    assert s3.get_object(**AT, IfModifiedSince=at)["Body"].read() == b"2"
    assert error_of(s3.get_object, **AT, IfUnmodifiedSince=at)[2] == 412


@pytest.mark.parametrize("algorithm", checksums.ALGORITHMS)
def test_every_checksum_has_its_size_and_changes_with_the_body(algorithm: str) -> None:
    assert checksums.of(algorithm, b"123456789") != checksums.of(algorithm, b"123456780")
    assert len(checksums.ALGORITHMS[algorithm](b"")) == len(checksums.ALGORITHMS[algorithm](b"1"))
