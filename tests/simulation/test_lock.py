"""The lock: one run at a time, whatever happens to it. On the simulated S3, through the real boto3 stack."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from mmeplan.apply import FleetLock, LockOwner, Outcome, lock_place
from mmeplan.apply.locking import DEAD_S, REFRESH_S, after_loss, describe, look, remove
from mmeplan.engine import Planned
from mmeplan.errors import CloudError, InputError, LockedError
from tests.simulation.world import Broken, World, config, fleet, model, one, variant

PLACE = lock_place("s3://acme-mmeplan/locks/f")
SMALL, LARGE = (one({"main": variant(instance_type=f"ml.m5.{size}")}) for size in ("large", "xlarge"))
MANY = fleet({name: {"config": config(main=variant())} for name in "abc"})


@pytest.fixture
def world() -> Iterator[World]:
    with World() as made:
        yield made


def lock_of(world: World, who: str = "alice@one (pid 1)") -> FleetLock:
    since = world.sim.clock.now().isoformat()
    owner = LockOwner(who, "f", "apply", since, since, token=who)
    return FleetLock(PLACE, owner, world.cloud, world.cloud, world.sim.clock, unlock=f"mmeplan unlock {PLACE.url}")


def seen(world: World) -> Any:
    return look(world.cloud, PLACE)


def carry_out(world: World, text: Any, lock: FleetLock, observer: Any = lambda _: None, **how: Any) -> Outcome:
    """What the command does: the lock is the writer, and is looked at with every event."""
    return world.engine.apply(Planned(world.plan(text)), observer=observer, lock=lock, **how)


# --- taking it and giving it back -------------------------------------------------------------------------------------


def test_a_lock_says_who_holds_it_and_is_gone_when_it_is_given_back(world: World) -> None:
    lock = lock_of(world)
    lock.acquire()
    assert seen(world).owner == lock.owner
    assert lock.release() == ""
    assert seen(world) is None
    assert lock.release() == ""


def test_a_second_run_is_refused_at_once_and_told_who_since_when_and_what_to_type(world: World) -> None:
    lock_of(world).acquire()
    world.sim.clock.sleep(12 * 60)
    before = world.sim.clock.now()
    with pytest.raises(LockedError) as refused:
        lock_of(world, "bob@two (pid 2)").acquire()
    for part in (
        "alice@one (pid 1)",
        "`mmeplan apply` of the fleet f",
        "12 min ago",
        "may be gone",
        "nothing was done",
    ):
        assert part in refused.value.message
    assert f"mmeplan unlock {PLACE.url}" in refused.value.hint
    assert (world.sim.clock.now() - before).total_seconds() < 5
    assert seen(world).owner.who == "alice@one (pid 1)"


def test_a_run_that_waits_gets_the_lock_when_it_is_free(world: World) -> None:
    first, second, told = lock_of(world), lock_of(world, "bob@two (pid 2)"), []
    first.acquire()

    def waiting(text: str) -> None:
        told.append(text)
        first.release()

    second.acquire(timeout_s=600, waiting=waiting)
    assert len(told) == 1
    assert "alice@one" in told[0]
    assert seen(world).owner.who == "bob@two (pid 2)"


def test_a_run_that_waits_in_vain_says_so(world: World) -> None:
    lock_of(world).acquire()
    began = world.sim.clock.now()
    with pytest.raises(LockedError):
        lock_of(world, "bob@two (pid 2)").acquire(timeout_s=600)
    assert 600 <= (world.sim.clock.now() - began).total_seconds() < 620


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_lost_answer_neither_loses_a_lock_nor_doubles_it(world: World, when: str) -> None:
    lock = lock_of(world)
    world.sim.faults.cut("PutObject", when)
    lock.acquire()
    world.sim.clock.sleep(REFRESH_S)
    world.sim.faults.cut("PutObject", when)
    assert lock.held()
    world.sim.faults.cut("DeleteObject", when)
    assert lock.release() == ""
    assert seen(world) is None


def test_a_lock_that_was_taken_and_cannot_be_seen_is_given_back(world: World) -> None:
    """The answer is lost, the next try finds a lock, and whose it is may not be read."""
    world.sim.faults.cut("PutObject", "after")
    world.sim.faults.error("GetObject", code="AccessDenied", message="no", status=403)
    with pytest.raises(CloudError), world.engine.locked(PLACE.url, "f"):
        raise AssertionError("it is not known whose the lock is")
    assert seen(world) is None


def test_what_a_lock_says_cannot_write_on_a_terminal() -> None:
    owner = LockOwner("\x1b[2Jbob\n", "f", "apply\r", "2026-01-01T00:00:00+00:00", "2026-01-01T00:00:00+00:00", "t")
    shown = describe(owner, datetime(2026, 1, 1, 1, tzinfo=UTC), between="; ")
    assert "?[2Jbob" in shown
    assert not {"\x1b", "\r", "\n"} & set(shown)


def test_what_is_no_lock_is_never_overwritten_nor_taken_for_one(world: World) -> None:
    world.does("PutObject", Bucket=PLACE.bucket, Key=PLACE.key, Body=b"[1]")
    with pytest.raises(LockedError, match="not a lock of mmeplan"):
        lock_of(world).acquire()
    assert seen(world).owner is None


@pytest.mark.parametrize("url", ["", "s3://", "s3://b", "s3://bucket/", "s3://bucket/a/", "http://b/k", "s3://UPPER/k"])
def test_what_is_no_place_is_refused(url: str) -> None:
    with pytest.raises(InputError, match="is not a place for a lock"):
        lock_place(url)


# --- keeping it -------------------------------------------------------------------------------------------------------


def test_a_lock_shows_signs_of_life_while_a_rollout_runs(world: World) -> None:
    lock, ages = lock_of(world), []

    def observer(_: Any) -> None:
        there = seen(world)
        ages.append((world.sim.clock.now().isoformat(), there.owner.alive_at))

    lock.acquire()
    assert carry_out(world, SMALL, lock, observer).complete
    assert len({alive for _, alive in ages}) > 2
    assert "may be gone" not in describe(lock.owner, world.sim.clock.now())
    world.sim.clock.sleep(DEAD_S + 60)
    assert "may be gone" in describe(lock.owner, world.sim.clock.now())


def taken_by_bob(world: World) -> FleetLock:
    """What `mmeplan unlock` and another apply do."""
    remove(world.cloud, PLACE, seen(world))
    other = lock_of(world, "bob@two (pid 2)")
    other.acquire()
    return other


def test_a_lock_that_is_lost_starts_nothing_more_and_waits_for_what_runs(world: World) -> None:
    lock, others = lock_of(world), []
    lock.acquire()

    def observer(event: Any) -> None:
        if event.kind == "polled" and not others:
            others.append(taken_by_bob(world))

    outcome = carry_out(world, MANY, lock, observer, parallelism=1)
    assert not outcome.complete
    assert not outcome.interrupted  # exit 5, not 130
    assert "CreateEndpoint:endpoint/a" in [result.step for result in outcome.done]
    assert {result.step for result in outcome.skipped} == {"CreateEndpoint:endpoint/b", "CreateEndpoint:endpoint/c"}
    assert all("was taken by bob@two" in result.detail for result in outcome.skipped)
    assert world.endpoint("a")["EndpointStatus"] == "InService"
    assert lock.release() == ""
    assert seen(world).owner.who == "bob@two (pid 2)"  # what is another's is never given back


def test_a_write_after_the_loss_is_never_sent(world: World) -> None:
    lock = lock_of(world)
    lock.acquire()
    taken_by_bob(world)
    world.sim.clock.sleep(REFRESH_S)
    with pytest.raises(CloudError, match="LockLost"):
        lock.write("DeleteEndpoint", {"EndpointName": "ranker"})
    assert not world.written


def test_a_move_writes_nothing_after_the_loss(world: World) -> None:
    world.live_through(SMALL)
    lock = lock_of(world)
    lock.acquire()
    move = world.engine.move(world.desired(SMALL), "ranker", to_fleet="search")
    assert move.objects
    taken_by_bob(world)
    world.sim.clock.sleep(REFRESH_S)
    written = len(world.written)
    with pytest.raises(CloudError, match="LockLost"):
        world.engine.carry_out(move, lock=lock)
    assert len(world.written) == written


def test_a_lock_that_is_removed_without_a_successor_is_lost_as_well(world: World) -> None:
    lock = lock_of(world)
    lock.acquire()
    remove(world.cloud, PLACE, seen(world))
    world.sim.clock.sleep(REFRESH_S)
    assert not lock.held()
    assert "was removed" in lock.lost


def test_where_nobody_can_tell_whether_it_is_held_it_counts_as_lost(world: World) -> None:
    lock = lock_of(world)
    lock.acquire()
    world.sim.clock.sleep(REFRESH_S)
    for _ in range(8):
        world.sim.faults.cut("PutObject", "before")
    assert not lock.held()
    assert "can't be seen" in lock.lost


def test_unlock_removes_only_what_it_showed(world: World) -> None:
    lock = lock_of(world)
    lock.acquire()
    shown = seen(world)
    world.sim.clock.sleep(REFRESH_S)
    assert lock.held()  # its owner is alive after all
    assert not remove(world.cloud, PLACE, shown)
    assert seen(world).owner.who == "alice@one (pid 1)"
    assert remove(world.cloud, PLACE, seen(world))


# --- two applies of one fleet -----------------------------------------------------------------------------------------


def two_applies(world: World) -> None:
    """While alice's apply runs, bob tries at every event. Broken where both hold the lock, or bob's apply starts."""
    world.live_through(SMALL)
    lock, refused = lock_of(world), 0
    lock.acquire()

    def observer(event: Any) -> None:
        nonlocal refused
        other = lock_of(world, "bob@two (pid 2)")
        try:
            other.acquire()
        except LockedError:
            refused += 1
            return
        raise Broken(f"both held the lock at {event.step} {event.kind}")

    outcome = carry_out(world, {**LARGE, "models": {"ranker": model("2")}}, lock, observer)
    if not outcome.complete or refused < 5:
        raise Broken(f"the first apply was disturbed: {outcome}")
    if lock.release():
        raise Broken("not given back")
    lock_of(world, "bob@two (pid 2)").acquire()


def test_of_two_applies_of_one_fleet_one_runs(world: World) -> None:
    two_applies(world)


def test_a_crashed_owners_lock_stays_until_somebody_removes_it_and_then_the_next_run_goes_on(world: World) -> None:
    lock = lock_of(world)
    lock.acquire()
    world.sim.faults.crash_at(2, "after")
    with pytest.raises(Exception, match="the caller dies"):
        carry_out(world, SMALL, lock)
    world.sim.clock.sleep(3600)
    with pytest.raises(LockedError, match="may be gone"):
        lock_of(world, "bob@two (pid 2)").acquire()
    assert remove(world.cloud, PLACE, seen(world))
    second = lock_of(world, "bob@two (pid 2)")
    second.acquire()
    assert carry_out(world, SMALL, second).complete
    assert second.release() == ""


# --- planted bugs -----------------------------------------------------------------------------------------------------


def release_early(patch: pytest.MonkeyPatch) -> None:
    """Given back after the last call, before the rollouts have ended."""
    held = FleetLock.held

    def early(self: FleetLock) -> bool:
        still = held(self)
        if any(status == "Updating" for status in self.statuses()):  # type: ignore[attr-defined]
            self.release()
        return still

    def statuses(self: FleetLock) -> list[str]:
        return [item["EndpointStatus"] for item in self._reader.read("ListEndpoints", {})["Endpoints"]]

    patch.setattr(FleetLock, "statuses", statuses, raising=False)
    patch.setattr(FleetLock, "held", early)


def overwrite_whatever_is_there(patch: pytest.MonkeyPatch) -> None:
    put = FleetLock._put
    patch.setattr(FleetLock, "_put", lambda self, condition: put(self, {}))


def believe_every_lock_to_be_ours(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("mmeplan.apply.locking._is", lambda *_: True)


@pytest.mark.parametrize("bug", [release_early, overwrite_whatever_is_there, believe_every_lock_to_be_ours])
def test_a_planted_bug_is_found(bug: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    bug(monkeypatch)
    with World() as world, pytest.raises(Broken):
        two_applies(world)


def test_an_outcome_without_a_loss_stays_as_it_is(world: World) -> None:
    lock = lock_of(world)
    outcome = Outcome((), (), (), (), interrupted=True)
    assert after_loss(outcome, lock) is outcome
    lock.lost = "gone"
    assert after_loss(outcome, lock) == replace(outcome, interrupted=False)


# --- giving back, where it is not as it was ---------------------------------------------------------------------------


class Reads:
    """A reader of which the n-th look at the lock is refused."""

    def __init__(self, world: World, refused: int) -> None:
        self.cloud, self.left = world.cloud, refused

    def read(self, operation: str, params: Any) -> Any:
        self.left -= 1
        if self.left == 0:
            raise CloudError(operation, "AccessDenied", "no s3:GetObject")
        return self.cloud.read(operation, params)


class InterruptedRefresh:
    """A writer whose refresh arrives, and is interrupted before anybody hears of it."""

    def __init__(self, world: World) -> None:
        self.cloud, self.interrupts, self.deletes = world.cloud, False, 0

    def write(self, operation: str, params: Any) -> Any:
        self.deletes += operation == "DeleteObject"
        answer = self.cloud.write(operation, params)
        if self.interrupts and operation == "PutObject":
            raise KeyboardInterrupt
        return answer


def over(world: World, reader: Any = None, writer: Any = None) -> FleetLock:
    since = world.sim.clock.now().isoformat()
    owner = LockOwner("alice@one (pid 1)", "f", "apply", since, since, token="alice@one (pid 1)")
    ports = (reader or world.cloud, writer or world.cloud, world.sim.clock)
    made = FleetLock(PLACE, owner, *ports, unlock=f"mmeplan unlock {PLACE.url}")
    made.acquire()
    return made


def test_a_lock_that_goes_between_the_try_and_the_look_is_taken_at_once(world: World) -> None:
    class Vanishing:
        def read(self, operation: str, params: Any) -> Any:
            if seen(world) is not None:
                remove(world.cloud, PLACE, seen(world))
            return world.cloud.read(operation, params)

    over(world)
    before = world.sim.clock.now()
    owner = replace(lock_of(world).owner, who="bob@two (pid 2)", token="bob")
    lock = FleetLock(PLACE, owner, Vanishing(), world.cloud, world.sim.clock, unlock="")  # type: ignore[arg-type]
    lock.acquire()
    assert seen(world).owner.who == "bob@two (pid 2)"
    assert world.sim.clock.now() == before


@pytest.mark.parametrize(
    ("seconds", "said"), [(119, "119 s"), (120, "2 min"), (7199, "119 min"), (7200, "2 h"), (172_800, "2 d")]
)
def test_the_age_of_a_lock_is_told_in_the_unit_that_people_would_use(world: World, seconds: int, said: str) -> None:
    owner = lock_of(world).owner
    world.sim.clock.sleep(seconds)
    assert f"({said} ago)" in describe(owner, world.sim.clock.now())


def test_the_next_holders_lock_is_not_given_back_by_whoever_has_not_noticed_the_loss(world: World) -> None:
    lock = over(world)
    taken_by_bob(world)
    assert lock.release() == ""
    assert seen(world).owner.who == "bob@two (pid 2)"


def test_what_is_not_a_lock_of_mmeplan_is_not_given_back(world: World) -> None:
    lock = over(world)
    world.does("PutObject", Bucket=PLACE.bucket, Key=PLACE.key, Body=b"notes")
    assert lock.release() == ""
    assert seen(world).owner is None


def test_a_lock_that_somebody_has_removed_is_given_back_without_a_word(world: World) -> None:
    lock = over(world)
    remove(world.cloud, PLACE, seen(world))
    assert lock.release() == ""
    assert seen(world) is None


def test_a_lock_whose_refresh_was_interrupted_is_given_back_all_the_same(world: World) -> None:
    writer = InterruptedRefresh(world)
    lock = over(world, writer=writer)
    world.sim.clock.sleep(REFRESH_S)
    writer.interrupts = True
    with pytest.raises(KeyboardInterrupt):
        lock.held()
    assert lock.release() == ""
    assert seen(world) is None
    assert lock.release() == ""
    assert writer.deletes == 2  # as it was held last, and as it was found


def test_a_lock_that_cannot_be_given_back_says_what_removes_it(world: World) -> None:
    lock = over(world)
    world.sim.faults.error("DeleteObject", code="AccessDenied", message="no s3:DeleteObject", status=403)
    told = lock.release()
    assert "could not be given back (DeleteObject: AccessDenied: no s3:DeleteObject)" in told
    assert told.endswith(f"remove it: mmeplan unlock {PLACE.url}")


def test_a_loss_is_told_even_where_nobody_may_see_who_holds_the_lock_now(world: World) -> None:
    lock = over(world, reader=Reads(world, refused=2))
    taken_by_bob(world)
    world.sim.clock.sleep(REFRESH_S)
    assert not lock.held()
    assert lock.lost == f"the lock {PLACE.url} was taken away (GetObject: AccessDenied: no s3:GetObject)"
    assert not lock.held()
