"""S3's conditional writes, each of which an apply of archives stands on: a condition that doesn't hold changes nothing.

Source: the S3 user guide, "Add preconditions to S3 operations with conditional requests"; API reference of each call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.doors import Door

AT = {"Bucket": "bucket", "Key": "k"}
SOURCE = {"Bucket": "bucket", "Key": "source"}
Write = Callable[..., Any]


def put(s3: Any, **more: Any) -> None:
    s3.put_object(**AT, Body=b"new", **more)


def complete(s3: Any, **more: Any) -> None:
    where = {**AT, "UploadId": s3.create_multipart_upload(**AT)["UploadId"]}
    etag = s3.upload_part(**where, PartNumber=1, Body=b"new")["ETag"]
    s3.complete_multipart_upload(**where, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]}, **more)


def copy(s3: Any, **more: Any) -> None:
    s3.copy_object(**AT, CopySource=SOURCE, **more)


def delete(s3: Any, **more: Any) -> None:
    s3.delete_object(**AT, **more)


def body(s3: Any) -> bytes | None:
    try:
        return bytes(s3.get_object(**AT)["Body"].read())
    except s3.exceptions.NoSuchKey:
        return None


def said(write: Write, s3: Any, **condition: Any) -> tuple[str, int]:
    """Code and status; of a success ("", 200)."""
    try:
        write(s3, **condition)
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
    return "", 200


def prepared(door: Door, there: bool) -> tuple[Any, str]:
    """A client, and the ETag of what is there (of nothing: one that was there once)."""
    s3 = door.client("s3")
    s3.put_object(**SOURCE, Body=b"new")
    etag = s3.put_object(**AT, Body=b"old")["ETag"]
    if not there:
        s3.delete_object(**AT)
    return s3, etag


FAILED = ("PreconditionFailed", 412)
GONE = ("NoSuchKey", 404)


@pytest.mark.parametrize("write", [put, complete, copy])
def test_if_none_match_writes_only_where_nothing_is(door: Door, write: Write) -> None:
    s3, _ = prepared(door, there=True)
    assert said(write, s3, IfNoneMatch="*") == FAILED
    assert body(s3) == b"old"
    s3.delete_object(**AT)
    assert said(write, s3, IfNoneMatch="*") == ("", 200)
    assert body(s3) == b"new"
    assert said(write, s3, IfNoneMatch="*") == FAILED


@pytest.mark.parametrize(("write", "after"), [(put, b"new"), (complete, b"new"), (copy, b"new"), (delete, None)])
def test_if_match_writes_only_over_the_object_of_that_etag(door: Door, write: Write, after: bytes | None) -> None:
    s3, etag = prepared(door, there=True)
    assert said(write, s3, IfMatch='"other"') == FAILED
    assert body(s3) == b"old"
    assert said(write, s3, IfMatch=etag) == ("", 200)
    assert body(s3) == after
    assert said(write, s3, IfMatch=etag) == (FAILED if after else GONE)


@pytest.mark.parametrize("write", [put, complete, copy, delete])
def test_if_match_makes_nothing_where_nothing_is(door: Door, write: Write) -> None:
    s3, etag = prepared(door, there=False)
    assert said(write, s3, IfMatch=etag) == GONE
    assert body(s3) is None


def test_a_completion_that_was_refused_can_be_aborted_or_made_again(door: Door) -> None:
    s3, _ = prepared(door, there=True)
    assert said(complete, s3, IfNoneMatch="*") == FAILED
    (upload,) = s3.list_multipart_uploads(Bucket="bucket")["Uploads"]
    s3.abort_multipart_upload(**AT, UploadId=upload["UploadId"])
    assert "Uploads" not in s3.list_multipart_uploads(Bucket="bucket")


def copy_part(s3: Any, **more: Any) -> None:
    where = {**AT, "UploadId": s3.create_multipart_upload(**AT)["UploadId"]}
    try:
        part = s3.upload_part_copy(**where, PartNumber=1, CopySource=SOURCE, CopySourceRange="bytes=0-2", **more)
    except ClientError:
        assert "Parts" not in s3.list_parts(**where)
        raise
    parts = [{"PartNumber": 1, "ETag": part["CopyPartResult"]["ETag"]}]
    s3.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})


@pytest.mark.parametrize("write", [copy, copy_part])
def test_a_copy_is_of_the_source_of_that_etag(door: Door, write: Write) -> None:
    s3, _ = prepared(door, there=True)
    etag = s3.head_object(**SOURCE)["ETag"]
    assert said(write, s3, CopySourceIfMatch='"other"') == FAILED
    assert said(write, s3, CopySourceIfNoneMatch=etag) == FAILED
    assert body(s3) == b"old"
    assert said(write, s3, CopySourceIfMatch=etag) == ("", 200)
    assert body(s3) == b"new"
    s3.put_object(**SOURCE, Body=b"newer")
    assert said(write, s3, CopySourceIfMatch=etag) == FAILED
    assert body(s3) == b"new"
