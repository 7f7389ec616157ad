"""The lock on the fleet in a life: who holds it, who was refused, and the invariant that only its holder writes.

In: the engine's `FleetLock`, used as `Engine.locked` uses it, on the simulated S3. Out: `Broken`.

    lock    while an apply with --lock runs, the object says that the lock is its own, until a person takes it away;
            writes of two applies with one lock never alternate; a refused one writes nothing and says who holds it;
            whoever ends has given the lock back, or says why not

What an apply may still start after a person took its lock away is what REFRESH_S allows: SageMaker knows of no lock.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mmeplan.apply import FleetLock, LockOwner, lock_place
from mmeplan.apply.locking import REFRESH_S
from mmeplan.errors import LockedError, MmeplanError
from mmeplan.live import Answer
from mmeplan.simulator.blobs import Blobs
from tests.simulation.seeds.account import ACCOUNT, Account
from tests.simulation.world import Broken

if TYPE_CHECKING:
    from tests.simulation.seeds.door import DirectCloud
    from tests.simulation.seeds.hand import Hand

PLACE = lock_place("s3://acme-mmeplan/locks/f")
CALLS = frozenset({"PutObject", "GetObject", "DeleteObject"})  # a lock's: no step of a plan
_HEADERS = {"IfNoneMatch": "if-none-match", "IfMatch": "if-match", "ContentType": "content-type"}
UNLOCK = f"mmeplan unlock {PLACE.url}"


class Locks:
    """What is known, from behind, of the one lock that the applies of a life share."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.alive: set[str] = set()  # tokens of the processes that hold the lock, or are about to
        self.unlocked_us = -1  # when a person last took it away
        self.last = ""  # whose write was the last
        self.overtaken: set[str] = set()  # who wrote before somebody else did
        self.count = 0

    def owner(self) -> str:
        """The token that lies in S3; "" for none."""
        blobs, where = Blobs(self.account.sim.store), (ACCOUNT, PLACE.bucket, PLACE.key)
        return str(json.loads(blobs.body(*where))["token"]) if blobs.head(*where) else ""

    def unlock(self) -> bool:
        """A person removes the lock: `mmeplan unlock`."""
        if not self.owner():
            return False
        self.account.call("DeleteObject", **_sent({"Bucket": PLACE.bucket, "Key": PLACE.key}))
        self.unlocked_us = self.account.now_us()
        return True

    # --- one process ----------------------------------------------------------------------------------------------

    @contextmanager
    def held(self, hand: Hand, act: Mapping[str, Any]) -> Iterator[FleetLock | None]:
        """As `Engine.locked`: the whole run holds the lock. Whoever dies leaves it. Raises LockedError."""
        if not act.get("lock"):
            yield None
            return
        self.count += 1
        since, token = hand.now().isoformat(), f"run {self.count}"
        owner = LockOwner(f"person@build (pid {self.count})", "f", "apply", since, since, token)
        lock = FleetLock(PLACE, owner, hand, hand, hand, unlock=UNLOCK)
        self.alive.add(token)
        try:
            lock.acquire(act.get("lock_timeout", 0) * 60)
            hand.lock = lock
            try:
                yield lock
            except MmeplanError:
                self._give_back(lock)
                raise
            self._give_back(lock)
        finally:
            self.alive.discard(token)

    def _give_back(self, lock: FleetLock) -> None:
        self.hold_to(lock)
        problem = lock.lost or lock.release()
        if not problem and self.owner() == lock.owner.token:
            raise Broken(f"lock: {lock.owner.token} has ended, says nothing, and its lock is still there")

    # --- the invariant ------------------------------------------------------------------------------------------------

    def before_write(self, lock: FleetLock) -> None:
        """The lock is this run's, and nobody else with it has written since this one began to write."""
        token = lock.owner.token
        self.hold_to(lock, writes=True)
        robbed = _began_us(lock) <= self.unlocked_us  # by a person: what it still writes overtakes nobody
        if self.last not in ("", token) and not robbed:
            self.overtaken.add(self.last)
        if token in self.overtaken and self.unlocked_us < _began_us(lock):
            raise Broken(f"lock: {token} and {self.last} both have the lock, and write in turns")
        self.last = token

    def hold_to(self, lock: FleetLock, *, writes: bool = False) -> None:
        """The lock is this run's; where it isn't, a person took it away, and what may be written ends soon."""
        there, taken_us = self.owner(), self.unlocked_us
        if there == lock.owner.token or (lock.lost and not writes):
            return
        if taken_us < _began_us(lock):
            raise Broken(f"lock: {lock.owner.token} still runs, and the lock is {there or 'nobody'}'s")
        if writes and self.account.now_us() - taken_us > REFRESH_S * 1e6:
            raise Broken(f"lock: {lock.owner.token} writes, and its lock was taken away long ago")

    def held_out(self, refused: LockedError, hand: Hand) -> bool:
        """An apply was refused: rightly, clearly, and before it did anything. Whether its owner is dead."""
        there = self.owner()
        if hand.writes:
            raise Broken("lock: an apply was refused because of a lock, and has written")
        pid = f"(pid {there.removeprefix('run ')})"
        if there and (pid not in refused.message or UNLOCK not in refused.hint):
            raise Broken(f"lock: the refusal doesn't say who holds the lock, or what to type: {refused.message}")
        return there not in self.alive


class DirectS3:
    """S3's calls through the direct door: what boto3 would have spread over the headers, and the answer's members."""

    def __init__(self, door: DirectCloud) -> None:
        self.door = door

    def read(self, operation: str, params: Mapping[str, Any]) -> Answer:
        return _received(self.door.read(operation, _sent(params)))

    def write(self, operation: str, params: Mapping[str, Any]) -> Answer:
        return _received(self.door.write(operation, _sent(params)))


def _sent(params: Mapping[str, Any]) -> dict[str, Any]:
    headers = {header: params[member] for member, header in _HEADERS.items() if member in params}
    where = {"Bucket": params["Bucket"], "Key": params["Key"]}
    return {**where, "Query": {}, "Headers": headers, "Body": params.get("Body", b"")}


def _received(answer: Answer) -> Answer:
    return {"ETag": answer.get("_headers", {}).get("ETag", ""), "Body": answer.get("_body", b"")}


def _began_us(lock: FleetLock) -> float:
    """When a run asked for its lock, microseconds since 1970."""
    return datetime.fromisoformat(lock.owner.since).timestamp() * 1e6
