"""Where the simulated S3 keeps buckets and objects: two tables of the world's store.

In: account, bucket, key, bytes. Out: the same, with size, ETag and headers. An object's bytes are a row: meant for the
artifacts of tests, not for gigabytes. Used by `s3` and by the runtime, which looks for artifacts here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from mmeplan.simulator.store import Store

SCHEMA: Final = """
CREATE TABLE buckets (
    account TEXT NOT NULL, bucket TEXT NOT NULL, created_us INTEGER NOT NULL, region TEXT NOT NULL,
    asked_for INTEGER NOT NULL, tags TEXT, PRIMARY KEY (account, bucket)
) WITHOUT ROWID;
CREATE TABLE blobs (
    account TEXT NOT NULL, bucket TEXT NOT NULL, key TEXT NOT NULL, size INTEGER NOT NULL, etag TEXT NOT NULL,
    modified_us INTEGER NOT NULL, about TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (account, bucket, key)
);
"""


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket. `asked_for` is false of one that appeared on first use; `tags` is None where it never had a tag."""

    name: str
    created_us: int
    region: str
    asked_for: bool
    tags: dict[str, str] | None


@dataclass(frozen=True, slots=True)
class Blob:
    """An object without its bytes.

    `headers` holds what reads answer: content headers, `x-amz-meta-*`, storage class, encryption. `checksums` is
    algorithm → checksum in base64; `parts` the number, size and checksums of each part of an upload.
    """

    key: str
    size: int
    etag: str
    modified_us: int
    headers: dict[str, str]
    tags: dict[str, str] = field(default_factory=dict)
    checksums: dict[str, str] = field(default_factory=dict)
    parts: tuple[tuple[int, int, dict[str, str]], ...] = ()


class Blobs:
    """The buckets and objects of one store."""

    def __init__(self, store: Store) -> None:
        self._execute = store.execute

    def has_bucket(self, account: str, bucket: str) -> bool:
        """Whether the bucket is there."""
        found = self._execute("SELECT 1 FROM buckets WHERE account = ? AND bucket = ?", (account, bucket))
        return found.fetchone() is not None

    def make_bucket(self, account: str, bucket: str, at_us: int, region: str) -> None:
        """Let a bucket appear in a region on its first use; one that is there stays as it is."""
        self._execute("INSERT OR IGNORE INTO buckets VALUES (?, ?, ?, ?, 0, NULL)", (account, bucket, at_us, region))

    def ask_for_bucket(self, account: str, bucket: str) -> None:
        """Remember of a bucket that is there that somebody asked for it."""
        self._execute("UPDATE buckets SET asked_for = 1 WHERE account = ? AND bucket = ?", (account, bucket))

    def tag_bucket(self, account: str, bucket: str, tags: dict[str, str]) -> None:
        """Keep these tags of a bucket, in the place of all others."""
        text = json.dumps(tags)
        self._execute("UPDATE buckets SET tags = ? WHERE account = ? AND bucket = ?", (text, account, bucket))

    def bucket(self, account: str, bucket: str) -> Bucket | None:
        """A bucket; None where there is none."""
        columns = "bucket, created_us, region, asked_for, tags"
        found = self._execute(
            f"SELECT {columns} FROM buckets WHERE account = ? AND bucket = ?",  # noqa: S608  (a constant)
            (account, bucket),
        ).fetchone()
        return _bucket(found) if found else None

    def region(self, account: str, bucket: str) -> str:
        """Where a bucket is; empty where there is none."""
        found = self.bucket(account, bucket)
        return found.region if found else ""

    def drop_bucket(self, account: str, bucket: str) -> None:
        """Forget a bucket."""
        self._execute("DELETE FROM buckets WHERE account = ? AND bucket = ?", (account, bucket))

    def buckets(self, account: str) -> list[Bucket]:
        """The buckets of callers, by name."""
        rows = self._execute(
            "SELECT bucket, created_us, region, asked_for, tags FROM buckets"
            " WHERE account = ? AND bucket NOT LIKE '%/%' ORDER BY bucket",
            (account,),
        )
        return [_bucket(row) for row in rows]

    def put(self, account: str, bucket: str, blob: Blob, body: bytes) -> None:
        """Keep an object, in the place of one of the same key."""
        about = json.dumps([blob.headers, blob.tags, blob.checksums, blob.parts])
        self._execute(
            "INSERT OR REPLACE INTO blobs VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (account, bucket, blob.key, blob.size, blob.etag, blob.modified_us, about, body),
        )

    def head(self, account: str, bucket: str, key: str) -> Blob | None:
        """An object without its bytes; None where there is none."""
        row = self._execute(
            "SELECT key, size, etag, modified_us, about FROM blobs WHERE account = ? AND bucket = ? AND key = ?",
            (account, bucket, key),
        ).fetchone()
        return _blob(row) if row else None

    def body(self, account: str, bucket: str, key: str) -> bytes:
        """An object's bytes; none where there is no such object."""
        row = self._execute(
            "SELECT body FROM blobs WHERE account = ? AND bucket = ? AND key = ?", (account, bucket, key)
        ).fetchone()
        return bytes(row[0]) if row else b""

    def remove(self, account: str, bucket: str, key: str) -> None:
        """Forget an object, if it is there."""
        self._execute("DELETE FROM blobs WHERE account = ? AND bucket = ? AND key = ?", (account, bucket, key))

    def listed(self, account: str, bucket: str, prefix: str, after: str) -> Iterator[Blob]:
        """The objects under a prefix, from behind the key `after`, in the order of their keys' UTF-8 bytes."""
        lower = max(prefix, after)
        rows = self._execute(
            "SELECT key, size, etag, modified_us, about FROM blobs WHERE account = ? AND bucket = ? AND key >= ?"
            " ORDER BY key",
            (account, bucket, lower),
        )
        for row in rows:
            if not row[0].startswith(prefix):
                return
            if not after or row[0] > after:
                yield _blob(row)


def _bucket(row: tuple[Any, ...]) -> Bucket:
    name, created_us, region, asked_for, tags = row
    return Bucket(name, created_us, region, bool(asked_for), None if tags is None else json.loads(tags))


def _blob(row: tuple[Any, ...]) -> Blob:
    key, size, etag, modified_us, about = row
    headers, tags, checksums, parts = json.loads(about)
    return Blob(key, size, etag, modified_us, headers, tags, checksums, tuple((n, s, sums) for n, s, sums in parts))
