"""The S3 calls that artifacts need, on the wire."""

from __future__ import annotations

import re

import pytest

from mmeplan.simulator import Request
from mmeplan.simulator.s3_wire import unchunked

EUROPE = b"<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>"


@pytest.fixture
def s3(world):
    def send(method, path, body=b"", host="127.0.0.1:5000", **headers):
        scope = f"{world.account}/20260101/{world.region}/s3/aws4_request"
        sent = {"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return world.sim.respond(Request(method, f"http://{host}/{path}", sent, body))

    return send


def code(response):
    return re.search(rb"<Code>(.*?)</Code>", response.body).group(1).decode(), response.status


def texts(response, tag):
    return [found.decode() for found in re.findall(rf"<{tag}>([^<]*)</{tag}>".encode(), response.body)]


def test_what_is_put_is_got_with_its_headers(s3):
    made = s3("PUT", "bucket/a/b.tar.gz", b"hello", Content_Type="application/gzip", x_amz_meta_sha="1")
    assert made.headers["ETag"] == '"5d41402abc4b2a76b9719d911017c592"'
    got = s3("GET", "bucket/a/b.tar.gz")
    assert (got.status, got.body) == (200, b"hello")
    assert (got.headers["Content-Type"], got.headers["x-amz-meta-sha"]) == ("application/gzip", "1")
    assert got.headers["Last-Modified"] == "Thu, 01 Jan 2026 00:00:00 GMT"
    head = s3("HEAD", "bucket/a/b.tar.gz")
    assert (head.body, head.headers["Content-Length"]) == (b"", "5")


@pytest.mark.parametrize(
    ("wanted", "body"),
    [("bytes=0-0", b"h"), ("bytes=1-3", b"ell"), ("bytes=3-", b"lo"), ("bytes=-2", b"lo"), ("bytes=0-99", b"hello")],
)
def test_a_range_is_a_part(s3, wanted, body):
    s3("PUT", "bucket/k", b"hello")
    got = s3("GET", "bucket/k", Range=wanted)
    assert (got.status, got.body) == (206, body)
    assert got.headers["Content-Range"].endswith("/5")


@pytest.mark.parametrize("wanted", ["bytes=5-", "bytes=-0", "bytes=5-9"])
def test_a_range_beyond_the_object_is_refused(s3, wanted):
    s3("PUT", "bucket/k", b"hello")
    assert code(s3("GET", "bucket/k", Range=wanted)) == ("InvalidRange", 416)


@pytest.mark.parametrize("wanted", ["bytes=1-0", "bytes=-1-", "bytes=0--1", "bytes=0-1,3-4", "bytes=-", "lines=1-2"])
def test_a_range_that_is_not_well_formed_or_is_several_is_passed_over(s3, wanted):
    s3("PUT", "bucket/k", b"hello")
    got = s3("GET", "bucket/k", Range=wanted)
    assert (got.status, got.body, "Content-Range" in got.headers) == (200, b"hello", False)


def test_what_is_not_there_is_said_in_s3s_words(s3):
    assert code(s3("GET", "bucket/k")) == ("NoSuchBucket", 404)
    s3("PUT", "bucket", EUROPE)
    assert code(s3("GET", "bucket/k")) == ("NoSuchKey", 404)
    assert s3("HEAD", "bucket/k").status == 404
    assert s3("DELETE", "bucket/k").status == 204
    assert code(s3("GET", "bucket?policy")) == ("NotImplemented", 501)


def test_if_none_match_never_overwrites(s3):
    assert s3("PUT", "bucket/k", b"1", If_None_Match="*").status == 200
    assert code(s3("PUT", "bucket/k", b"2", If_None_Match="*")) == ("PreconditionFailed", 412)
    assert code(s3("PUT", "bucket/k", x_amz_copy_source="/bucket/k", If_None_Match="*")) == ("PreconditionFailed", 412)
    assert s3("GET", "bucket/k").body == b"1"


def test_if_match_writes_and_deletes_only_what_was_seen(s3):
    assert code(s3("PUT", "b/lock", b"1", If_Match='"x"')) == ("NoSuchKey", 404)
    first = s3("PUT", "b/lock", b"1", If_None_Match="*").headers["ETag"]
    second = s3("PUT", "b/lock", b"2", If_Match=first).headers["ETag"]
    assert code(s3("PUT", "b/lock", b"3", If_Match=first)) == ("PreconditionFailed", 412)
    assert code(s3("DELETE", "b/lock", If_Match=first)) == ("PreconditionFailed", 412)
    assert s3("GET", "b/lock").body == b"2"
    assert s3("DELETE", "b/lock", If_Match=second).status == 204
    assert code(s3("DELETE", "b/lock", If_Match=second)) == ("NoSuchKey", 404)
    assert s3("DELETE", "b/lock").status == 204


def test_conditions_on_reading_are_kept(s3):
    etag = s3("PUT", "bucket/k", b"1").headers["ETag"]
    assert s3("GET", "bucket/k", If_None_Match=etag).status == 304
    assert code(s3("GET", "bucket/k", If_Match='"other"')) == ("PreconditionFailed", 412)
    assert s3("GET", "bucket/k", If_Match=etag).status == 200


def test_a_wrong_digest_is_refused(s3):
    assert code(s3("PUT", "bucket/k", b"1", Content_MD5="AAAA")) == ("BadDigest", 400)


def test_a_copy_keeps_metadata_unless_it_is_replaced(s3):
    s3("PUT", "bucket/a b", b"1", x_amz_meta_v="1")
    assert s3("PUT", "other/k", x_amz_copy_source="bucket/a%20b").status == 200
    assert s3("HEAD", "other/k").headers["x-amz-meta-v"] == "1"
    s3("PUT", "other/k", x_amz_copy_source="bucket/a%20b", x_amz_metadata_directive="REPLACE", x_amz_meta_v="2")
    assert s3("HEAD", "other/k").headers["x-amz-meta-v"] == "2"


@pytest.mark.parametrize("version", ["", "list-type=2&"])
def test_lists_go_by_prefix_and_delimiter(s3, version):
    for key in ("a/1", "a/2", "a/b/3", "ab", "z"):
        s3("PUT", f"bucket/{key}", b"1")
    listed = s3("GET", f"bucket?{version}prefix=a/&delimiter=/")
    assert texts(listed, "Key") == ["a/1", "a/2"]
    assert texts(listed, "Prefix") == ["a/", "a/b/"]
    assert texts(s3("GET", f"bucket?{version}prefix=a"), "Key") == ["a/1", "a/2", "a/b/3", "ab"]


@pytest.mark.parametrize("delimiter", ["", "/"])
@pytest.mark.parametrize("size", [1, 2, 3, 10])
def test_pages_show_everything_once(s3, size, delimiter):
    keys = ["a/1", "a/2", "b", "c/1", "c/2", "d"]
    for key in keys:
        s3("PUT", f"bucket/{key}", b"1")
    seen, token = [], ""
    for _ in range(10):
        page = s3("GET", f"bucket?list-type=2&max-keys={size}&delimiter={delimiter}{token}")
        found = texts(page, "Key") + texts(page, "Prefix")[1:]
        assert 0 < len(found) <= size
        seen += found
        following = texts(page, "NextContinuationToken")
        if not following:
            break
        token = f"&continuation-token={following[0]}"
        s3("DELETE", f"bucket/{found[-1]}")
    assert sorted(seen) == (["a/", "b", "c/", "d"] if delimiter else keys)


def test_a_bucket_is_made_listed_and_deleted_when_empty(s3):
    s3("PUT", "bucket", EUROPE)
    s3("PUT", "second/k", b"1")
    assert texts(s3("GET", ""), "Name") == ["bucket", "second"]
    assert s3("HEAD", "bucket").headers["x-amz-bucket-region"] == "eu-west-1"
    assert texts(s3("GET", "bucket?location"), "LocationConstraint") == []
    assert b"eu-west-1" in s3("GET", "bucket?location").body
    assert code(s3("DELETE", "second")) == ("BucketNotEmpty", 409)
    assert s3("DELETE", "bucket").status == 204
    assert s3("HEAD", "bucket").status == 404


def test_several_objects_are_deleted_at_once(s3):
    for key in ("a", "b", "c"):
        s3("PUT", f"bucket/{key}", b"1")
    body = b"<Delete><Object><Key>a</Key></Object><Object><Key>b</Key></Object></Delete>"
    assert texts(s3("POST", "bucket?delete", body), "Key") == ["a", "b"]
    assert texts(s3("GET", "bucket"), "Key") == ["c"]


def test_a_multipart_upload_becomes_one_object(s3):
    upload = texts(s3("POST", "bucket/big?uploads", x_amz_meta_v="1"), "UploadId")[0]
    etags = [
        s3("PUT", f"bucket/big?partNumber={n}&uploadId={upload}", part).headers["ETag"]
        for n, part in ((1, b"ab"), (2, b"c"))
    ]
    assert texts(s3("GET", f"bucket/big?uploadId={upload}"), "PartNumber") == ["1", "2"]
    assert texts(s3("GET", "bucket?uploads"), "Key") == ["big"]
    assert code(s3("GET", "bucket/big")) == ("NoSuchKey", 404)
    parts = "".join(f"<Part><PartNumber>{n}</PartNumber><ETag>{etag}</ETag></Part>" for n, etag in enumerate(etags, 1))
    done = s3(
        "POST", f"bucket/big?uploadId={upload}", f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()
    )
    assert texts(done, "ETag")[0].endswith('-2"')
    assert s3("GET", "bucket/big").body == b"abc"
    assert s3("HEAD", "bucket/big").headers["x-amz-meta-v"] == "1"
    assert code(s3("POST", f"bucket/big?uploadId={upload}", b"<X/>")) == ("NoSuchUpload", 404)


@pytest.mark.parametrize(
    ("parts", "why"),
    [("", "MalformedXML"), ("<Part><PartNumber>7</PartNumber><ETag>x</ETag></Part>", "InvalidPart")],
)
def test_an_upload_is_completed_with_parts_that_are_there(s3, parts, why):
    upload = texts(s3("POST", "bucket/big?uploads"), "UploadId")[0]
    answer = s3("POST", f"bucket/big?uploadId={upload}", f"<C>{parts}</C>".encode())
    assert code(answer)[0] == why
    assert s3("DELETE", f"bucket/big?uploadId={upload}").status == 204
    assert texts(s3("GET", "bucket?uploads"), "Key") == []


def test_a_bucket_in_the_host_name_is_understood(s3):
    s3("PUT", "k", b"1", host="bucket.s3.eu-west-1.amazonaws.com")
    assert s3("GET", "bucket/k").body == b"1"
    assert s3("GET", "k", host="bucket.localhost:5000").body == b"1"


def test_chunked_signatures_are_taken_off():
    framed = b"3;chunk-signature=0\r\nabc\r\n2\r\nde\r\n0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n"
    assert unchunked(framed) == (b"abcde", {"x-amz-checksum-crc32": "AAAA"})
    with pytest.raises(Exception, match="IncompleteBody"):
        unchunked(b"zz\r\n")


def test_members_that_the_service_does_not_know_are_passed_over_and_wrong_ones_are_not(s3):
    unknown = EUROPE.replace(b"</C", b"<Colour>blue</Colour></C")
    assert s3("PUT", "bucket", unknown).status == 200
    wrong = EUROPE.replace(b"eu-west-1", b"nowhere")
    assert code(s3("PUT", "other", wrong)) == ("IllegalLocationConstraintException", 400)


@pytest.mark.parametrize("body", [b"no xml", b'<!DOCTYPE x [<!ENTITY a "b">]><Delete/>'])
def test_xml_that_is_none_or_could_grow_is_refused(s3, body):
    s3("PUT", "bucket", EUROPE)
    assert code(s3("POST", "bucket?delete", body)) == ("MalformedXML", 400)


def test_an_upload_in_one_world_is_not_seen_in_another_account(world, s3):
    s3("PUT", "bucket/k", b"1")
    other = type(world)(world.sim, account="999999999999")
    scope = f"{other.account}/20260101/{other.region}/s3/aws4_request"
    sent = {"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"}
    assert code(world.sim.respond(Request("GET", "http://127.0.0.1/bucket/k", sent, b""))) == ("NoSuchBucket", 404)
