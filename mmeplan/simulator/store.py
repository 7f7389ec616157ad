"""Where a simulated world lives: one SQLite file, or memory.

In: objects as the operations make them. Out: the same objects, the virtual time, the seeded generator's state.
Every object is one row: its names and times in columns (they are sorted and searched by), the rest as JSON.
Several processes may have one file open: writes are one `BEGIN IMMEDIATE` transaction each, so of two racing creates
one wins. WAL with `synchronous=NORMAL` survives a killed process; a power cut may lose the last transactions.
"""

from __future__ import annotations

import json
import math
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mmeplan.errors import MmeplanError

SCHEMA_VERSION: Final = 5
APPLICATION_ID: Final = 0x6D6D6570  # "mmep"
BUSY_TIMEOUT_S: Final = 30.0
"""How long a transaction waits for another process before it gives up; a transaction takes well under 1 ms."""

_WAL_TRIES: Final = 50

_SCHEMA: Final = """
CREATE TABLE world (
    id INTEGER PRIMARY KEY CHECK (id = 1), now_us INTEGER NOT NULL, seed INTEGER NOT NULL, chance TEXT NOT NULL
);
CREATE TABLE objects (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, account TEXT NOT NULL, region TEXT NOT NULL,
    name_lower TEXT NOT NULL, name TEXT NOT NULL, arn TEXT NOT NULL, created_us INTEGER NOT NULL,
    modified_us INTEGER NOT NULL, status TEXT NOT NULL, due_us INTEGER, body TEXT NOT NULL, tags TEXT
);
CREATE UNIQUE INDEX objects_by_name ON objects (account, region, kind, name_lower);
CREATE INDEX objects_by_age ON objects (account, region, kind, seq);
CREATE INDEX objects_by_due ON objects (account, region, due_us) WHERE due_us IS NOT NULL;
"""

_COLUMNS: Final = "seq, kind, account, region, name, arn, created_us, modified_us, status, due_us, body, tags"
_SELECT: Final = f"SELECT {_COLUMNS} FROM objects "  # noqa: S608  (constants only)

_encode = json.JSONEncoder(separators=(",", ":")).encode
_decode = json.JSONDecoder().raw_decode  # what we wrote ourselves has no spaces around it

_templates: dict[str, sqlite3.Connection] = {}
_templates_lock = threading.Lock()


class StoreError(MmeplanError):
    """The file can't be used as the simulated SageMaker's store."""


@dataclass(slots=True)
class Stored:
    """One object. `tags` is None where it never had a tag; `due_us` is when its status changes by itself."""

    seq: int
    kind: str
    account: str
    region: str
    name: str
    arn: str
    created_us: int
    modified_us: int
    status: str
    due_us: int | None
    body: dict[str, Any]
    tags: dict[str, str] | None


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition of a page: SQL over the columns of `objects` with one parameter."""

    sql: str
    parameter: Any


class Store:
    """One open store. Callers hold `lock` around anything that must be seen as one step by other threads."""

    def __init__(self, path: str | Path, *, start_us: int, seed: int, schema: str = "") -> None:
        """Open the store at `path`, creating it with this start time and seed. Raises StoreError.

        `schema` holds the tables of those who keep things beside the objects.
        """
        self.lock = threading.RLock()
        self._schema = _SCHEMA + schema
        self._start_us = start_us
        self.path = str(path)
        self._alone = self.path == ":memory:"  # nobody else can write: what was read stays true until we write
        self._now_us: int | None = None  # known only where we are alone
        self._first_due: dict[tuple[str, str], float] = {}  # account, region → the first change; the same
        try:
            if not self._alone:
                _make_private(Path(path))
            self._db = sqlite3.connect(
                self.path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False, cached_statements=64
            )
        except (sqlite3.Error, ValueError) as error:  # ValueError: a NUL in the path
            raise _unusable(self.path, str(error)) from error
        try:
            self._prepare(start_us, seed)
        except (sqlite3.Error, UnicodeDecodeError) as error:
            self._db.close()
            raise _unusable(self.path, str(error)) from error
        except StoreError:
            self._db.close()
            raise
        self._execute = self._db.execute
        self.execute = self._execute

    def _prepare(self, start_us: int, seed: int) -> None:
        if self._alone:
            _copy_empty(self._schema, self._db)
            self._first_moment(start_us, seed)
            return
        self._db.execute("BEGIN")  # one look: another process may be creating the file between two
        empty = self._version() == 0
        self._db.execute("COMMIT")
        if empty:
            self._db.execute("BEGIN IMMEDIATE")
            if self._version() == 0:  # still so, now that no other process can be creating it
                _create(self._schema, self._db)
                self._first_moment(start_us, seed)
            self._db.execute("COMMIT")
        self._switch_to_wal()
        self._db.execute("PRAGMA synchronous = NORMAL")

    def _first_moment(self, start_us: int, seed: int) -> None:
        self._db.execute("INSERT INTO world VALUES (1, ?, ?, ?)", (start_us, seed, str(seed & (1 << 64) - 1)))

    def _switch_to_wal(self) -> None:
        """Once in a file's life. The switch doesn't wait for other processes: it is tried again once they are done."""
        for _ in range(_WAL_TRIES):
            try:
                self._db.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError:
                self._db.execute("BEGIN IMMEDIATE")  # waits for them
                self._db.execute("COMMIT")
        self._db.execute("PRAGMA journal_mode = WAL")

    def _version(self) -> int:
        """The schema version: 0 for an empty file, else ours. Raises StoreError for any other file."""
        application = self._db.execute("PRAGMA application_id").fetchone()[0]
        version = int(self._db.execute("PRAGMA user_version").fetchone()[0])
        tables = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if not tables and not version and not application:
            return 0
        if application != APPLICATION_ID:
            raise _unusable(self.path, "it is a SQLite file of another program")
        if version != SCHEMA_VERSION:
            raise StoreError(
                f"{self.path}: written by another version of mmeplan (store version {version}, "
                f"this one reads version {SCHEMA_VERSION})",
                hint="use the mmeplan that wrote it, or name another file to start an empty world",
            )
        return version

    @contextmanager
    def told(self) -> Iterator[None]:
        """What SQLite can't do (a full disk, a file that may only be read, a damaged one) is a StoreError."""
        try:
            yield
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise _unusable(self.path, str(error)) from error

    def close(self) -> None:
        """Close the file. A second close does nothing."""
        self._db.close()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One write transaction: committed at the end, rolled back by any exception. Inside another, a part of it."""
        if self._in_transaction():
            yield
            return
        self._execute("BEGIN IMMEDIATE")
        try:
            yield
            self._execute("COMMIT")
        except BaseException:
            if self._in_transaction():  # a full disk makes SQLite roll back by itself
                self._execute("ROLLBACK")
            self._forget()
            raise

    def empty(self) -> None:
        """Back to the beginning: no objects, the first moment, the seed's own generator."""
        with self.lock, self.writing():
            tables = self._execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'world'").fetchall()
            for (table,) in tables:
                self._execute(f"DELETE FROM {table}")  # noqa: S608  (names of our own tables)
            self._execute("UPDATE world SET now_us = ?", (self._start_us,))
            self._forget()
            self.set_chance(self.seed() & (1 << 64) - 1)

    def seed(self) -> int:
        """The seed that the world was made with."""
        return int(self._execute("SELECT seed FROM world").fetchone()[0])

    def version(self) -> tuple[int, int]:
        """Equal as long as neither this process nor another has written."""
        return self._db.total_changes, int(self._execute("PRAGMA data_version").fetchone()[0])

    def _in_transaction(self) -> bool:
        return self._db.in_transaction

    @contextmanager
    def step(self) -> Iterator[None]:
        """A part of a transaction that is undone alone when it raises."""
        self._execute("SAVEPOINT step")
        try:
            yield
        except BaseException:
            self._execute("ROLLBACK TO step")
            self._execute("RELEASE step")
            self._forget()
            raise
        self._execute("RELEASE step")

    def _forget(self) -> None:
        """What was read is no longer known to be true."""
        self._now_us = None
        self._first_due.clear()

    # -- the world -----------------------------------------------------------------------------------------------

    def now_us(self) -> int:
        """Virtual time, microseconds since 1970."""
        with self.lock:
            if self._now_us is not None:
                return self._now_us
            now_us = int(self._execute("SELECT now_us FROM world").fetchone()[0])
            self._now_us = now_us if self._alone else None
            return now_us

    def advance(self, by_us: int) -> None:
        """Move virtual time forward."""
        self._execute("UPDATE world SET now_us = now_us + ?", (by_us,))
        self._now_us = None

    def chance(self) -> int:
        """The generator's state (kept as text: it has 64 bits, SQLite's integers have 63)."""
        return int(self._execute("SELECT chance FROM world").fetchone()[0])

    def set_chance(self, state: int) -> None:
        """Keep the generator's state."""
        self._execute("UPDATE world SET chance = ?", (str(state),))

    # -- objects -------------------------------------------------------------------------------------------------

    def insert(self, new: Stored) -> None:
        """Add an object; its `seq` is given by the store, always higher than any before it."""
        self._first_due.clear()
        self._execute(
            "INSERT INTO objects (kind, account, region, name_lower, name, arn, created_us, modified_us, status,"
            " due_us, body, tags) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(new.kind, new.account, new.region, new.name.lower(), new.name, new.arn),
                *(new.created_us, new.modified_us, new.status, new.due_us, _encode(new.body), _encode_tags(new.tags)),
            ),
        )

    def arn(self, kind: str, account: str, region: str, name: str) -> str | None:
        """The ARN of the object of that name, whatever its letter case; None where there is none."""
        row = self._execute(
            "SELECT arn FROM objects WHERE account = ? AND region = ? AND kind = ? AND name_lower = ?",
            (account, region, kind, name.lower()),
        ).fetchone()
        return row[0] if row else None

    def find(self, kind: str, account: str, region: str, name: str) -> Stored | None:
        """The object of that name, whatever its letter case."""
        row = self._execute(
            _SELECT + "WHERE account = ? AND region = ? AND kind = ? AND name_lower = ?",
            (account, region, kind, name.lower()),
        ).fetchone()
        return _stored(row) if row else None

    def update(self, changed: Stored) -> None:
        """Keep an object's status, times and body."""
        self._first_due.clear()
        self._execute(
            "UPDATE objects SET modified_us = ?, status = ?, due_us = ?, body = ? WHERE seq = ?",
            (changed.modified_us, changed.status, changed.due_us, _encode(changed.body), changed.seq),
        )

    def set_tags(self, seq: int, tags: dict[str, str]) -> None:
        """Keep an object's tags."""
        self._execute("UPDATE objects SET tags = ? WHERE seq = ?", (_encode_tags(tags), seq))

    def delete(self, seq: int) -> None:
        """Forget an object."""
        self._first_due.clear()
        self._execute("DELETE FROM objects WHERE seq = ?", (seq,))

    def next_due(self, account: str, region: str, now_us: int) -> Stored | None:
        """The object whose status was to change first, among those due by now."""
        if self._alone and now_us < self._first(account, region):
            return None
        row = self._execute(
            _SELECT + "WHERE account = ? AND region = ? AND due_us <= ? ORDER BY due_us, seq LIMIT 1",
            (account, region, now_us),
        ).fetchone()
        return _stored(row) if row else None

    def _first(self, account: str, region: str) -> float:
        """When the first change of a status is due; never, where none is."""
        first = self._first_due.get((account, region))
        if first is None:
            asked = "SELECT min(due_us) FROM objects WHERE account = ? AND region = ? AND due_us IS NOT NULL"
            (due_us,) = self._execute(asked, (account, region)).fetchone()
            first = self._first_due[account, region] = math.inf if due_us is None else due_us
        return first

    def regions(self, account: str) -> list[str]:
        """The regions in which an account has objects."""
        rows = self._execute("SELECT DISTINCT region FROM objects WHERE account = ? ORDER BY region", (account,))
        return [str(region) for (region,) in rows]

    def page(
        self,
        scope: tuple[str, str, str],
        *,
        column: str,
        descending: bool,
        after: tuple[Any, int] | None,
        filters: Sequence[Filter],
        limit: int,
    ) -> list[Stored]:
        """Objects of a scope (kind, account, region) in the order of (`column`, seq), from behind the key `after`."""
        kind, account, region = scope
        where: list[str] = ["account = ? AND region = ? AND kind = ?"]
        parameters: list[Any] = [account, region, kind]
        comparison, direction = ("<", "DESC") if descending else (">", "ASC")
        if after is not None:
            where.append(f"({column}, seq) {comparison} (?, ?)" if column != "seq" else f"seq {comparison} ?")
            parameters += after if column != "seq" else after[1:]
        for condition in filters:
            where.append(condition.sql)
            parameters.append(condition.parameter)
        order = f"{column} {direction}, seq {direction}" if column != "seq" else f"seq {direction}"
        rows = self._execute(f"{_SELECT}WHERE {' AND '.join(where)} ORDER BY {order} LIMIT ?", (*parameters, limit))
        return [_stored(row) for row in rows]

    def tagged(self, account: str, region: str, after_seq: int) -> Iterator[Stored]:
        """Objects that have or had tags, oldest first, from behind `after_seq`."""
        rows = self._execute(
            _SELECT + "WHERE account = ? AND region = ? AND seq > ? AND tags IS NOT NULL ORDER BY seq",
            (account, region, after_seq),
        )
        for row in rows:
            yield _stored(row)

    def dump(self) -> str:
        """The whole content as SQL text: what two stores are compared by."""
        with self.lock:
            return "\n".join(self._db.iterdump())


def _make_private(path: Path) -> None:
    """The file, where it isn't there yet; nobody else may read it: it holds environment values."""
    with suppress(OSError):  # SQLite says what is wrong
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _create(schema: str, database: sqlite3.Connection) -> None:
    for statement in schema.split(";"):
        database.execute(statement)
    database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _copy_empty(schema: str, database: sqlite3.Connection) -> None:
    """The tables of a world in memory: a copy of a template, a tenth of the time that it takes to create them."""
    with _templates_lock:
        if schema not in _templates:
            template = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
            _create(schema, template)
            _templates[schema] = template
        _templates[schema].backup(database)


def _encode_tags(tags: dict[str, str] | None) -> str | None:
    return None if tags is None else _encode(tags)


def _stored(row: tuple[Any, ...]) -> Stored:
    body, tags = row[-2:]
    try:
        decoded: list[Any] = [*row[:-2], _decode(body)[0], None if tags is None else _decode(tags)[0]]
    except (ValueError, TypeError):
        raise sqlite3.DatabaseError(f"the row of {row[4]!r} is damaged") from None
    return Stored(*decoded)


def _unusable(path: str, why: str) -> StoreError:
    return StoreError(
        f"{path}: can't be used as a simulated SageMaker's store: {why}",
        hint="name a file that mmeplan made, or one that doesn't exist yet in a directory that does",
    )
