"""Where the simulated S3 keeps buckets and objects: two tables of the world's store.

In: account, bucket, key, bytes. Out: the same, with size, ETag and headers. An object's bytes are a row: meant for the
artifacts of tests, not for gigabytes. Used by `s3` and by the runtime, which looks for artifacts here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from mmeplan.simulator.store import Store

SCHEMA: Final = """
CREATE TABLE buckets (
    account TEXT NOT NULL, bucket TEXT NOT NULL, created_us INTEGER NOT NULL, PRIMARY KEY (account, bucket)
) WITHOUT ROWID;
CREATE TABLE blobs (
    account TEXT NOT NULL, bucket TEXT NOT NULL, key TEXT NOT NULL, size INTEGER NOT NULL, etag TEXT NOT NULL,
    modified_us INTEGER NOT NULL, headers TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (account, bucket, key)
);
"""


@dataclass(frozen=True, slots=True)
class Blob:
    """An object without its bytes. `headers` holds its content headers and its `x-amz-meta-*`."""

    key: str
    size: int
    etag: str
    modified_us: int
    headers: dict[str, str]


class Blobs:
    """The buckets and objects of one store."""

    def __init__(self, store: Store) -> None:
        self._execute = store.execute

    def has_bucket(self, account: str, bucket: str) -> bool:
        """Whether the bucket is there."""
        found = self._execute("SELECT 1 FROM buckets WHERE account = ? AND bucket = ?", (account, bucket))
        return found.fetchone() is not None

    def make_bucket(self, account: str, bucket: str, at_us: int) -> None:
        """Make a bucket; one that is there stays as it is."""
        self._execute("INSERT OR IGNORE INTO buckets VALUES (?, ?, ?)", (account, bucket, at_us))

    def drop_bucket(self, account: str, bucket: str) -> None:
        """Forget a bucket."""
        self._execute("DELETE FROM buckets WHERE account = ? AND bucket = ?", (account, bucket))

    def buckets(self, account: str) -> list[tuple[str, int]]:
        """Names of the buckets that callers made, with their moments."""
        rows = self._execute(
            "SELECT bucket, created_us FROM buckets WHERE account = ? AND bucket NOT LIKE '%/%' ORDER BY bucket",
            (account,),
        )
        return [(str(name), int(at_us)) for name, at_us in rows]

    def put(self, account: str, bucket: str, blob: Blob, body: bytes) -> None:
        """Keep an object, in the place of one of the same key."""
        self._execute(
            "INSERT OR REPLACE INTO blobs VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (account, bucket, blob.key, blob.size, blob.etag, blob.modified_us, json.dumps(blob.headers), body),
        )

    def head(self, account: str, bucket: str, key: str) -> Blob | None:
        """An object without its bytes; None where there is none."""
        row = self._execute(
            "SELECT key, size, etag, modified_us, headers FROM blobs WHERE account = ? AND bucket = ? AND key = ?",
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
            "SELECT key, size, etag, modified_us, headers FROM blobs WHERE account = ? AND bucket = ? AND key >= ?"
            " ORDER BY key",
            (account, bucket, lower),
        )
        for row in rows:
            if not row[0].startswith(prefix):
                return
            if not after or row[0] > after:
                yield _blob(row)


def _blob(row: tuple[Any, ...]) -> Blob:
    key, size, etag, modified_us, headers = row
    return Blob(key, size, etag, modified_us, json.loads(headers))
