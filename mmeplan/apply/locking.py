"""The lock on a fleet: one S3 object, written on conditions, that keeps two applies apart.

    acquire (If-None-Match: *) → held: refreshed with If-Match, which also tells that it is lost → release (If-Match)

In: a place in S3, ports, and who asks. The lock is advisory:
whoever applies without it isn't stopped. It is never taken from an owner, however old; `mmeplan unlock` does that.
Sources: the S3 user guide, "Prevent object overwrites with conditional writes" and "How to perform conditional
deletes"; docs/plan-and-apply.md, "Locking".
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Final, TypeVar

from mmeplan.apply.events import Outcome
from mmeplan.apply.retrying import Backoff
from mmeplan.aws.failures import Failure, failure_of
from mmeplan.errors import CloudError, InputError, LockedError, Problem
from mmeplan.live import Answer, Clock, Reader, Writer

REFRESH_S: Final = 15.0  # how long a look at the lock is trusted: what may be started after somebody took it away
DEAD_S: Final = 600.0  # without a sign of life for this long, the message says that the owner may be gone
ASK_AGAIN_S: Final = 5.0  # between two tries to get a lock that is held, with --lock-timeout
_PATIENCE: Final = Backoff(5, 1, 8)  # for throttling, server errors and lost answers of S3
_PASSING: Final = frozenset({Failure.THROTTLED, Failure.TRANSIENT, Failure.UNANSWERED})
_UNKNOWN: Final = frozenset({Failure.TRANSIENT, Failure.UNANSWERED})  # it may have had its effect
_CONFLICT: Final = "ConditionalRequestConflict"  # 409: another conditional write of the key is under way; try again
T = TypeVar("T")

_URL = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/([^\s\x00-\x1f\x7f]{1,1024})")


@dataclass(frozen=True, slots=True)
class LockPlace:
    """Where a lock lies."""

    bucket: str
    key: str

    @property
    def url(self) -> str:
        """`s3://bucket/key`."""
        return f"s3://{self.bucket}/{self.key}"


@dataclass(frozen=True, slots=True)
class LockOwner:
    """What a lock says: who, for which fleet and command, since when, last sign of life (ISO 8601).

    `who` is user@host and the process, and the address of the run of CI.

    `token` tells one run from another.
    """

    who: str
    fleet: str
    command: str
    since: str
    alive_at: str
    token: str


@dataclass(frozen=True, slots=True)
class SeenLock:
    """A lock as it was read. `owner` is None where the object isn't a lock that mmeplan wrote."""

    etag: str
    owner: LockOwner | None


def lock_place(url: str) -> LockPlace:
    """The place of `s3://bucket/key`. Raises InputError."""
    found = _URL.fullmatch(url)
    if found is None or found[2].endswith("/"):
        hint = "write --lock s3://BUCKET/KEY, such as s3://acme-mmeplan/locks/house-prices"
        raise InputError([Problem(f"{url!r} is not a place for a lock", hint=hint)])
    return LockPlace(found[1], found[2])


def look(reader: Reader, place: LockPlace) -> SeenLock | None:
    """The lock that lies there now; None where there is none. Raises CloudError."""
    try:
        answer = reader.read("GetObject", {"Bucket": place.bucket, "Key": place.key})
    except CloudError as error:
        if _is_missing(error):
            return None
        raise
    return SeenLock(str(answer["ETag"]), _owner(answer["Body"]))


def remove(writer: Writer, place: LockPlace, seen: SeenLock) -> bool:
    """Remove the lock that was seen, and no other. False where it has changed or gone since. Raises CloudError."""
    try:
        writer.write("DeleteObject", {"Bucket": place.bucket, "Key": place.key, "IfMatch": seen.etag})
    except CloudError as error:
        if _is_missing(error) or _is_other(error):
            return False
        raise
    return True


def describe(owner: LockOwner | None, now: datetime, between: str = "; ") -> str:
    """`alice@build-7 (pid 4242), `mmeplan apply` of the fleet f; since … (12 min ago); last sign of life 20 s ago`.

    What a lock says was written by somebody: nothing in it that can't be printed reaches a terminal.
    """
    if owner is None:
        return "something that is not a lock of mmeplan"
    alive_s = _seconds(owner.alive_at, now)
    may_be_gone = ": it may be gone" if alive_s > DEAD_S else ""
    parts = (
        f"{owner.who}, `mmeplan {owner.command}` of the fleet {owner.fleet}",
        f"since {owner.since[:19].replace('T', ' ')} UTC ({_age(_seconds(owner.since, now))} ago)",
        f"last sign of life {_age(alive_s)} ago{may_be_gone}",
    )
    return between.join("".join(c if c.isprintable() else "?" for c in part) for part in parts)


class FleetLock:
    """A lock that this run takes, keeps and gives back. A context manager; `lost` says that it is another's by now.

    It is also a `Writer`: a write goes through while the lock is held, and not after it was lost.
    """

    def __init__(
        self, place: LockPlace, owner: LockOwner, reader: Reader, writer: Writer, clock: Clock, *, unlock: str
    ) -> None:
        """`unlock` is the command that removes it, for the message to whoever finds it held."""
        self.place = place
        self.owner = owner
        self.lost = ""
        self._reader = reader
        self._writer = writer
        self._clock = clock
        self._unlock = unlock
        self._etag = ""
        self._unsure = False  # whether a write was sent of which it isn't known whether it took effect
        self._looked_at = clock.monotonic()
        self._asking = threading.Lock()

    # --- taking and giving back ---------------------------------------------------------------------------------------

    def acquire(self, timeout_s: float = 0, waiting: Callable[[str], None] = lambda _: None) -> None:
        """Take the lock; wait for it up to `timeout_s` where another holds it (`waiting` is told whom for).

        Raises LockedError, or CloudError where S3 refuses.
        """
        began, told = self._clock.monotonic(), False
        while True:
            etag = self._put({"IfNoneMatch": "*"})
            if etag:
                self._etag, self._looked_at = etag, self._clock.monotonic()
                return
            seen = look(self._reader, self.place)
            now = self._clock.now()
            if seen is not None and self._clock.monotonic() - began >= timeout_s:
                raise self._held(seen, now)
            if seen is not None and not told:
                waiting(f"waiting for the lock {self.place.url}: {describe(seen.owner, now)}")
                told = True
            if seen is not None:
                self._clock.sleep(ASK_AGAIN_S + self._clock.uniform(0, 1))

    def _held(self, seen: SeenLock, now: datetime) -> LockedError:
        owner = describe(seen.owner, now, between="\n  ")
        hint = f"--lock-timeout 10 waits for it (minutes); or, if that run is dead:\n  {self._unlock}"
        return LockedError(f"nothing was done, because the lock {self.place.url} is held by\n  {owner}", hint=hint)

    def release(self) -> str:
        """Give the lock back. Why that did not work, as a sentence; empty where it did. Raises nothing."""
        if self.lost or not (self._etag or self._unsure):
            return ""
        seen = SeenLock(self._etag, self.owner)
        try:
            gone = bool(self._etag) and self._patiently(lambda: remove(self._writer, self.place, seen))
            there = None if gone else look(self._reader, self.place)
            if there is not None and _is(there.owner, self.owner):  # a refresh whose answer was lost
                remove(self._writer, self.place, there)
        except CloudError as error:
            if error.code == "NoSuchBucket":
                return ""
            return f"the lock {self.place.url} could not be given back ({error}); remove it: {self._unlock}"
        self._etag, self._unsure = "", False
        return ""

    # --- keeping ------------------------------------------------------------------------------------------------------

    def held(self) -> bool:
        """Whether the lock is still ours; a look is trusted for REFRESH_S. Once lost it stays lost."""
        with self._asking:  # archives are written from several threads
            return self._held_now()

    def _held_now(self) -> bool:
        if self.lost:
            return False
        if self._clock.monotonic() - self._looked_at < REFRESH_S:
            return True
        self.owner = replace(self.owner, alive_at=self._clock.now().isoformat())
        try:
            etag = self._put({"IfMatch": self._etag})
        except CloudError as error:
            self.lost = f"it can't be seen whether the lock {self.place.url} is still ours ({error})"
            return False
        if not etag:
            self.lost = self._why_lost()
            return False
        self._etag, self._looked_at = etag, self._clock.monotonic()
        return True

    def write(self, operation: str, params: Mapping[str, Any]) -> Answer:
        """A write of the apply. Raises CloudError: the service's, or `LockLost` before anything is sent."""
        if not self.held():
            raise CloudError(operation, "LockLost", f"nothing was sent: {self.lost}")
        return self._writer.write(operation, params)

    def _why_lost(self) -> str:
        try:
            seen = look(self._reader, self.place)
        except CloudError as error:
            return f"the lock {self.place.url} was taken away ({error})"
        if seen is None:
            return f"the lock {self.place.url} was removed"
        return f"the lock {self.place.url} was taken by {describe(seen.owner, self._clock.now())}"

    # --- S3 -----------------------------------------------------------------------------------------------------------

    def _put(self, condition: Mapping[str, str]) -> str:
        """Write the lock on a condition. Its ETag; empty where the condition does not hold. Raises CloudError."""
        body = json.dumps(asdict(self.owner), sort_keys=True).encode()
        where = {"Bucket": self.place.bucket, "Key": self.place.key}

        def put() -> str:
            try:
                sent = {**where, "Body": body, "ContentType": "application/json", **condition}
                unsure, self._unsure = self._unsure, True
                return str(self._writer.write("PutObject", sent)["ETag"])
            except CloudError as error:
                self._unsure = unsure or failure_of(error) in _UNKNOWN
                if not (_is_other(error) or (_is_missing(error) and "IfMatch" in condition)):
                    raise
            seen = look(self._reader, self.place)  # an attempt before this one may have had its effect
            return seen.etag if seen is not None and _is(seen.owner, self.owner) else ""

        return self._patiently(put)

    def _patiently(self, call: Callable[[], T]) -> T:
        attempt = 1
        while True:
            try:
                return call()
            except CloudError as error:
                passing = failure_of(error) in _PASSING or error.code == _CONFLICT
                if not passing or attempt >= _PATIENCE.attempts:
                    raise
            self._clock.sleep(_PATIENCE.pause_s(self._clock, attempt))
            attempt += 1


def after_loss(outcome: Outcome, lock: FleetLock) -> Outcome:
    """An outcome that says why nothing more was started: not an interrupt, but a lock that was lost."""
    if not lock.lost:
        return outcome
    why = f"not started: {lock.lost}"
    skipped = tuple(
        replace(one, detail=why) if one.detail.startswith("interrupted") else one for one in outcome.skipped
    )
    return replace(outcome, skipped=skipped, interrupted=False)


def _is(found: LockOwner | None, owner: LockOwner) -> bool:
    return found is not None and found.token == owner.token


def _is_missing(error: CloudError) -> bool:
    return error.code in ("NoSuchKey", "404")


def _is_other(error: CloudError) -> bool:
    return error.code in ("PreconditionFailed", "412")


def _owner(body: bytes) -> LockOwner | None:
    try:
        found = json.loads(body)
        owner = LockOwner(**{name: found[name] for name in LockOwner.__slots__})
        datetime.fromisoformat(owner.since), datetime.fromisoformat(owner.alive_at)
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return owner if all(isinstance(getattr(owner, name), str) for name in LockOwner.__slots__) else None


def _seconds(then: str, now: datetime) -> float:
    """Seconds since a moment; none where that machine's clock is ahead of this one."""
    moment = datetime.fromisoformat(then)
    return max(0.0, (now - (moment if moment.tzinfo else moment.replace(tzinfo=now.tzinfo))).total_seconds())


def _age(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = int(seconds // 60)
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // (24 * 60)} d"
