"""Small things that a world keeps beside its SageMaker objects: alarms, scaling targets, quotas, points of the past.

In: a kind, an account, a region, a name (its letter case matters) and a JSON document. Out: the same.
Used by the services beside SageMaker; a transaction of the store is a transaction here too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from mmeplan.simulator.store import Store
from mmeplan.simulator.wire import ServiceError

SCHEMA: Final = """
CREATE TABLE records (
    kind TEXT NOT NULL, account TEXT NOT NULL, region TEXT NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (kind, account, region, name)
) WITHOUT ROWID;
CREATE TABLE in_use (
    account TEXT NOT NULL, region TEXT NOT NULL, quota TEXT NOT NULL, endpoint TEXT NOT NULL,
    amount INTEGER NOT NULL, PRIMARY KEY (account, region, quota, endpoint)
) WITHOUT ROWID;
CREATE INDEX in_use_by_endpoint ON in_use (account, region, endpoint);
"""

_encode = json.JSONEncoder(separators=(",", ":")).encode


def token(name: str) -> str:
    """A NextToken that stands behind a name, in letters that every service's shape of a token permits."""
    return name.encode().hex()


def name_of(next_token: str) -> str:
    """The name behind which a NextToken stands; an empty one for none. Raises ServiceError for one that isn't ours."""
    try:
        return bytes.fromhex(next_token).decode()
    except ValueError:
        raise ServiceError("InvalidNextTokenException", "The NextToken is not valid.") from None


class Records:
    """The records of one store."""

    def __init__(self, store: Store) -> None:
        self._execute = store.execute

    def get(self, kind: str, account: str, region: str, name: str) -> Any | None:
        """The document of that name; None where there is none."""
        row = self._execute(
            "SELECT body FROM records WHERE kind = ? AND account = ? AND region = ? AND name = ?",
            (kind, account, region, name),
        ).fetchone()
        return json.loads(row[0]) if row else None

    def put(self, kind: str, account: str, region: str, name: str, body: Any) -> None:
        """Keep a document, in the place of one of the same name."""
        self._execute(
            "INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?, ?)", (kind, account, region, name, _encode(body))
        )

    def remove(self, kind: str, account: str, region: str, name: str) -> bool:
        """Forget a document; whether there was one."""
        removed = self._execute(
            "DELETE FROM records WHERE kind = ? AND account = ? AND region = ? AND name = ?",
            (kind, account, region, name),
        )
        return bool(removed.rowcount)

    def all(self, kind: str, account: str, region: str, after: str = "") -> Iterator[tuple[str, Any]]:
        """Names and documents of a kind in the order of their names, from behind `after`."""
        rows = self._execute(
            "SELECT name, body FROM records WHERE kind = ? AND account = ? AND region = ? AND name > ? ORDER BY name",
            (kind, account, region, after),
        ).fetchall()
        for name, body in rows:
            yield name, json.loads(body)

    # -- what is in use of quotas ----------------------------------------------------------------------------------

    def use(self, account: str, region: str, endpoint: str, amounts: dict[str, int]) -> None:
        """How much of each quota an endpoint now has, both fleets of an update together."""
        self._execute(
            "DELETE FROM in_use WHERE account = ? AND region = ? AND endpoint = ?", (account, region, endpoint)
        )
        for quota, amount in amounts.items():
            self._execute("INSERT INTO in_use VALUES (?, ?, ?, ?, ?)", (account, region, quota, endpoint, amount))

    def used(self, account: str, region: str, quota: str, *, but: str = "") -> int:
        """What the endpoints of an account and region have of a quota, but for the one named `but`."""
        return int(
            self._execute(
                "SELECT coalesce(sum(amount), 0) FROM in_use"
                " WHERE account = ? AND region = ? AND quota = ? AND endpoint <> ?",
                (account, region, quota, but),
            ).fetchone()[0]
        )
