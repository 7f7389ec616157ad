"""Instances by type: now, after the apply and at its peak, held against quotas; and an order in which they fit.

In: jobs (`plan.instances`), quotas, the parallelism. Out: `Capacity`, and steps that wait for others where only that
keeps the peak within a quota.

The peak is the most that a type can have at any instant, whatever lasts longest and whatever fails on the way. The
executor starts endpoints in the order of the steps, at most `parallelism` at a time. So when one starts, each of those
before it is either at rest, at its old or its new size, or still running, and at most `parallelism` - 1 are; those
after it are as they were.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from mmeplan.graph import Graph
from mmeplan.live import Snapshot
from mmeplan.plan.document import Capacity, InstanceCapacity, ReservedCapacity
from mmeplan.plan.instances import Counting, Job, Levels
from mmeplan.plan.step import Step
from mmeplan.spec import Quota


def is_reservation(kind: str) -> bool:
    """Whether instances are counted under this name because they are of a capacity reservation: it is an ARN."""
    return kind.startswith("arn:")


@dataclass(frozen=True, slots=True)
class Planned:
    """The capacity of a plan, and its steps, of which some may have come to wait for others."""

    capacity: Capacity
    steps: tuple[Step, ...]
    overruns: tuple[Overrun, ...] = ()


@dataclass(frozen=True, slots=True)
class Overrun:
    """A type or capacity reservation whose peak is beyond its quota in every order that was found.

    `fits` is the highest parallelism that would do, 0 where none was found; `alone` is the quota that one endpoint at a
    time would need.
    """

    row: InstanceCapacity | ReservedCapacity
    fits: int
    alone: int


def planned_capacity(
    graph: Graph, snapshot: Snapshot, steps: tuple[Step, ...], quotas: Mapping[str, Quota], parallelism: int
) -> Planned:
    """The capacity of these steps. Waits are added where a quota asks for them."""
    counting = Counting(graph, snapshot)
    (now, least_now), jobs = counting.now(), counting.jobs(steps)
    after = _after(now, ((job.before, job.after) for job in jobs))
    least_after = _after(least_now, ((job.least_before, job.least_after) for job in jobs))
    levels = (now, *(job.running for job in jobs))
    kinds = {kind for level in levels for kind, count in level.items() if count}
    rooms = counting.rooms()
    quotas = {**quotas, **{arn: Quota(room, "DescribeEndpoint") for arn, room in rooms.items()}}
    peaks = {kind: peak(jobs, kind, now.get(kind, 0), parallelism) for kind in sorted(kinds)}
    limits = {kind: quotas[kind].instances for kind in peaks if kind in quotas}
    tight = {kind for kind, limit in limits.items() if peaks[kind] > max(limit, now.get(kind, 0))}
    found = _fitting(jobs, now, limits, tight, parallelism) if tight else None
    if found is not None:
        peaks = {kind: found.peaks.get(kind, _unordered_peak(jobs, kind, now, parallelism)) for kind in peaks}
        steps = _waiting(steps, found)
    assumed = counting.assumed()
    typed: dict[str, InstanceCapacity] = {}
    reserved: dict[str, ReservedCapacity] = {}
    for kind, most in peaks.items():
        quota = quotas.get(kind)
        counts = (now.get(kind, 0), after.get(kind, 0), most)
        if is_reservation(kind):
            reserved[kind] = ReservedCapacity(kind, *counts, quota.instances if quota else None)
        else:
            held = (quota.instances, quota.source) if quota else (None, None)
            least = _below(least_now, kind, now), _below(least_after, kind, after)
            typed[kind] = InstanceCapacity(kind, *counts, held[0], held[1], assumed.get(kind, 0), *least)
    capacity = Capacity(parallelism, tuple(typed.values()), tuple(reserved.values()))
    rows: dict[str, InstanceCapacity | ReservedCapacity] = {**typed, **reserved}
    overruns = tuple(_overrun(jobs, kind, rows[kind], parallelism) for kind in sorted(tight)) if found is None else ()
    return Planned(capacity, steps, overruns)


def _after(now: Levels, jobs: Iterable[tuple[Levels, Levels]]) -> dict[str, int]:
    """What there is once every endpoint has gone from its first levels to its second."""
    after = dict(now)
    for before, then in jobs:
        for kind in {*before, *then}:
            after[kind] = after.get(kind, 0) + then.get(kind, 0) - before.get(kind, 0)
    return after


def _below(least: Levels, kind: str, most: Levels) -> int | None:
    """The least instances of a type; None where that is the most as well."""
    return least.get(kind, 0) if least.get(kind, 0) < most.get(kind, 0) else None


def peak(jobs: Sequence[Job], kind: str, now: int, parallelism: int) -> int:
    """The most instances of a type that the executor's own order can lead to; it is reached in the worst case."""
    most = at_rest = now
    running: list[int] = []  # what the parallelism - 1 greediest of those before have beyond their rest
    beyond = 0
    for job in jobs:
        before, idle, at_most = job.before.get(kind, 0), job.idle.get(kind, 0), job.running.get(kind, 0)
        if at_most == 0:
            continue
        most = max(most, at_rest + beyond + at_most - before)
        at_rest += idle - before
        if parallelism > 1:
            beyond += at_most - idle
            heapq.heappush(running, at_most - idle)
            if len(running) > parallelism - 1:
                beyond -= heapq.heappop(running)
    return max(most, at_rest + beyond)


def _unordered_peak(jobs: Sequence[Job], kind: str, now: Mapping[str, int], parallelism: int) -> int:
    """As `peak`, whatever the order: once some steps wait for others, any endpoint may come before any other."""
    rest = sum(job.idle.get(kind, 0) - job.before.get(kind, 0) for job in jobs)
    beyond = (job.running.get(kind, 0) - job.idle.get(kind, 0) for job in jobs)
    return now.get(kind, 0) + rest + sum(heapq.nlargest(parallelism, beyond))


def _fitting(
    jobs: Sequence[Job], now: Mapping[str, int], limits: Mapping[str, int], tight: set[str], parallelism: int
) -> Order | None:
    """An order in which all types fit. A type that fitted in the executor's own order may not in another: then it is
    among those that are ordered."""
    tight = set(tight)
    while True:
        most = {kind: max(limits[kind], now.get(kind, 0)) for kind in sorted(tight)}
        found = ordered(jobs, now, most, parallelism)
        if found is None:
            return None
        more = {
            kind
            for kind, limit in limits.items()
            if kind not in tight and _unordered_peak(jobs, kind, now, parallelism) > max(limit, now.get(kind, 0))
        }
        if not more:
            return found
        tight |= more


def _waiting(steps: Sequence[Step], order: Order) -> tuple[Step, ...]:
    """The steps with their waits, the endpoints in line where the first of them stood: all that they need is before."""
    own: dict[str, list[Step]] = {address: [] for address in order.line}
    first = next((place for place, step in enumerate(steps) if step.address in own), len(steps))
    others: list[Step] = []
    for step in steps:
        waits = order.waits.get(step.id, ())
        made = replace(step, after=(*step.after, *(at for at in waits if at not in step.after))) if waits else step
        own.get(step.address, others).append(made)
    in_line = (step for address in order.line for step in own[address])
    return (*others[:first], *in_line, *others[first:])


def _overrun(jobs: Sequence[Job], kind: str, row: InstanceCapacity | ReservedCapacity, parallelism: int) -> Overrun:
    low, high = 0, parallelism - 1  # the peak grows with the parallelism
    while low < high:
        middle = (low + high + 1) // 2
        fits = peak(jobs, kind, row.now, middle) <= (row.quota or 0)
        low, high = (middle, high) if fits else (low, middle - 1)
    return Overrun(row, low, peak(jobs, kind, row.now, 1))


# --- an order that fits -----------------------------------------------------------------------------------------------

_LOOK: Final = 16  # jobs in line that are looked at whenever there may be room; bounds the work of a large fleet
_FEW: Final = 8  # jobs of which each is tried in every place of the line: some hundred schedules
_EXACT: Final = 16  # jobs for which the sets that may be done are looked at, before an order is given up
_SETS: Final = 4096  # sets of them that lead nowhere, after which it is given up: all of twelve jobs


@dataclass(frozen=True, slots=True)
class Order:
    """The endpoints' addresses in line, and who waits for whom: id of a first step → ids of the last steps of others.

    `peaks` are the types' peaks.
    """

    line: tuple[str, ...]
    waits: Mapping[str, tuple[str, ...]]
    peaks: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _Move:
    """A job as numbers, by place of the type: what it needs beyond what it has, and what it has more when done."""

    job: Job
    needs: tuple[int, ...]
    gains: tuple[int, ...]

    @property
    def gives(self) -> bool:
        """Whether it ends with no more of any type: it is never wrong to start it where there is room."""
        return max(self.gains) <= 0


def ordered(jobs: Sequence[Job], now: Mapping[str, int], limits: Mapping[str, int], parallelism: int) -> Order | None:
    """An order in which none of the types of `limits` goes beyond its limit; None where none was found.

    Schedules are drawn up by starting, whenever there is room, the first in line that finds some: what gives
    instances back before what keeps more, then the longest; or, where that gets stuck, what keeps the least. Then each
    job waits for all that has ended in the schedule when it starts. So jobs that may run at once are jobs that the
    schedule has running at once, whatever each of them lasts, and its peak is the peak. It holds whatever fails: what
    waits for a job that failed is skipped, and takes nothing. Deletions of whole endpoints are never moved to the
    front, so their room doesn't count.
    """
    kinds = list(limits)
    moves = [move for job in jobs if not job.removes and (move := _move(job, kinds)) is not None]
    room = tuple(limits[kind] - now.get(kind, 0) for kind in kinds)
    found = (
        schedule
        for line in _lines(moves, room)
        for look in (_LOOK, 1)
        if (schedule := _scheduled(line, room, parallelism, look)) is not None
    )
    best = min(found, key=lambda schedule: schedule.seconds, default=None) if len(moves) <= _FEW else next(found, None)
    if best is None and (line := _searched(moves, room) if len(moves) <= _EXACT else None) is not None:
        best = _scheduled(line, room, parallelism, 1)
    if best is None:
        return None
    peaks = {kind: now.get(kind, 0) + most for kind, most in zip(kinds, best.most, strict=True)}
    return Order(tuple(move.job.address for move, _ in best.started), best.waits(), peaks)


def _move(job: Job, kinds: Sequence[str]) -> _Move | None:
    """A job that moves any of these types; None for one that doesn't."""
    needs = tuple(job.running.get(kind, 0) - job.before.get(kind, 0) for kind in kinds)
    gains = tuple(job.after.get(kind, 0) - job.before.get(kind, 0) for kind in kinds)
    return _Move(job, needs, gains) if any(needs) or any(gains) else None


def _lines(moves: Sequence[_Move], room: tuple[int, ...]) -> Iterator[list[_Move]]:
    """The lines to try, the likeliest first."""
    by_length = sorted(moves, key=lambda move: (not move.gives, -move.job.seconds, sum(move.gains)))
    by_room = sorted(moves, key=lambda move: (not move.gives, max(move.needs) if move.gives else _kept(move)))
    yield by_length
    yield by_room
    if len(moves) <= _FEW:
        for line in (by_length, by_room):
            for place, move in enumerate(line):
                rest = line[:place] + line[place + 1 :]
                yield from ([*rest[:to], move, *rest[to:]] for to in range(len(line)) if to != place)


def _kept(move: _Move) -> int:
    """How much of what it needs a job keeps, below zero: who gives back most goes first."""
    return sum(gain - need for gain, need in zip(move.gains, move.needs, strict=True))


@dataclass(frozen=True, slots=True)
class _Schedule:
    """Jobs in the order of their starts, each with how many had ended by then; `ended` are places in that order."""

    started: list[tuple[_Move, int]]
    ended: list[int]
    most: tuple[int, ...]
    seconds: int

    def waits(self) -> dict[str, tuple[str, ...]]:
        """Who waits for whom. The last start among those that are waited for has waited for all before its own."""
        known = [0]
        for place in self.ended:
            known.append(max(known[-1], self.started[place][1]))
        waits = {}
        for move, ended in self.started:
            if before := self.ended[known[ended] : ended]:
                waits[move.job.first] = tuple(self.started[place][0].job.last for place in before)
        return waits


def _scheduled(line: Sequence[_Move], room: tuple[int, ...], parallelism: int, look: int) -> _Schedule | None:
    """The schedule of a line of which the first `look` may start before one another; None where it gets stuck."""
    waiting, all_room, most = list(line), room, tuple(0 for _ in room)
    started: list[tuple[_Move, int]] = []
    running: list[tuple[int, int]] = []  # at which second it ends, and its place among those started
    ended: list[int] = []
    second = 0
    while waiting or running:
        place = 0
        while place < min(look, len(waiting)) and len(running) < parallelism:
            if _has_room(waiting[place], room):
                move = waiting.pop(place)
                heapq.heappush(running, (second + move.job.seconds, len(started)))
                started.append((move, len(ended)))
                room = _less(room, move.needs)
            else:
                place += 1
        if not running:
            return None
        most = tuple(map(max, most, _less(all_room, room)))
        second, place = heapq.heappop(running)
        ended.append(place)
        move = started[place][0]
        room = tuple(left + need - gain for left, need, gain in zip(room, move.needs, move.gains, strict=True))
    return _Schedule(started, ended, most, second)


def _searched(moves: Sequence[_Move], room: tuple[int, ...]) -> list[_Move] | None:
    """The jobs one after the other so that each finds room: the sets of them that may be done are looked at."""
    stuck: set[tuple[int, ...]] = set()

    def search(left: tuple[int, ...], room: tuple[int, ...]) -> list[_Move] | None:
        if not left or left in stuck:
            return None if left else []
        for place in left if len(stuck) < _SETS else ():
            move, others = moves[place], tuple(other for other in left if other != place)
            if _has_room(move, room) and (rest := search(others, _less(room, move.gains))) is not None:
                return [move, *rest]
        stuck.add(left)
        return None

    return search(tuple(range(len(moves))), room)


def _has_room(move: _Move, room: tuple[int, ...]) -> bool:
    """Whether there is room for it. What needs no more of a type than it has always has it."""
    return all(need <= left or need <= 0 for need, left in zip(move.needs, room, strict=True))


def _less(room: tuple[int, ...], taken: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(left - more for left, more in zip(room, taken, strict=True))
