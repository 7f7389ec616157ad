"""An order of endpoints in which the instances of some types never go beyond their limits, and who waits for whom.

In: jobs, limits by type. Out: `Order`, or None where none was found. What gives instances back goes first, what keeps
more goes last; deletions of whole endpoints are never moved to the front, so their room doesn't count.

One at a time is the least that any order needs. So an order that fits one at a time is looked for; then each job waits
only for as many of those before it as it must: for all before its window, and for none inside it. That holds whatever
fails: what waits for a job that failed is skipped, and takes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mmeplan.plan.instances import Job

_PASSES: Final = 100  # over the jobs that give back: each pass finds one at least
_BUDGET: Final = 20_000  # orders that are tried one job at a time, before it is given up
_EXACT: Final = 16  # jobs for which all orders are tried within that budget


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

    index: int
    needs: tuple[int, ...]
    gains: tuple[int, ...]


def ordered(jobs: Sequence[Job], now: Mapping[str, int], limits: Mapping[str, int], parallelism: int) -> Order | None:
    """An order in which none of the types of `limits` goes beyond its limit; None where none was found."""
    kinds = list(limits)
    moves = [move for index, job in enumerate(jobs) if not job.removes and (move := _move(index, job, kinds))]
    room = tuple(limits[kind] - now.get(kind, 0) for kind in kinds)
    line = _line(moves, room)
    if line is None:
        return None
    starts, used = _windows(line, room, parallelism)
    waits: dict[str, tuple[str, ...]] = {}
    for place, start in enumerate(starts):
        known = starts[start - 1] if start else 0  # the last of those that are waited for waits for all before these
        before = tuple(jobs[move.index].last for move in line[known:start])
        if before:
            waits[jobs[line[place].index].first] = before
    addresses = tuple(jobs[move.index].address for move in line)
    return Order(addresses, waits, {kind: now.get(kind, 0) + most for kind, most in zip(kinds, used, strict=True)})


def _move(index: int, job: Job, kinds: Sequence[str]) -> _Move | None:
    """A job that moves any of these types; None for one that doesn't."""
    needs = tuple(job.running.get(kind, 0) - job.before.get(kind, 0) for kind in kinds)
    gains = tuple(job.after.get(kind, 0) - job.before.get(kind, 0) for kind in kinds)
    return _Move(index, needs, gains) if any(needs) or any(gains) else None


def _line(moves: Sequence[_Move], room: tuple[int, ...]) -> list[_Move] | None:
    """The jobs one after the other so that each finds room; None where no such line was found."""
    line, left, room = _givers_first(moves, room)
    if not left:
        return line
    for key in (_keeps_most, lambda move: -sum(move.needs), lambda move: sum(move.gains)):
        rest = sorted(left, key=key)
        if _fits_in_line(rest, room):
            return line + rest
    found = _searched(left, room) if len(left) <= _EXACT else None
    return line + found if found is not None else None


def _keeps_most(move: _Move) -> int:
    """The order of those that take: who gives back most of what it needed goes first."""
    return sum(gain - need for gain, need in zip(move.gains, move.needs, strict=True))


def _givers_first(moves: Sequence[_Move], room: tuple[int, ...]) -> tuple[list[_Move], list[_Move], tuple[int, ...]]:
    """Those that end with no more of any type, the least greedy first. It is never wrong to take one that fits."""
    line: list[_Move] = []
    left = sorted((move for move in moves if max(move.gains) <= 0), key=lambda move: (max(move.needs), move.index))
    takers = [move for move in moves if max(move.gains) > 0]
    for _ in range(_PASSES):
        waiting = []
        for move in left:
            if _has_room(move, room):
                line.append(move)
                room = _less(room, move.gains)
            else:
                waiting.append(move)
        if len(waiting) in (0, len(left)):
            return line, waiting + takers, room
        left = waiting
    return line, left + takers, room


def _fits_in_line(moves: Sequence[_Move], room: tuple[int, ...]) -> bool:
    for move in moves:
        if not _has_room(move, room):
            return False
        room = _less(room, move.gains)
    return True


def _searched(moves: Sequence[_Move], room: tuple[int, ...]) -> list[_Move] | None:
    """Every order, a set of jobs that are done at a time; within a budget."""
    dead: set[int] = set()
    line: list[_Move] = []
    budget = _BUDGET

    def search(done: int, room: tuple[int, ...]) -> bool:
        nonlocal budget
        if len(line) == len(moves):
            return True
        if done in dead or budget <= 0:
            return False
        for place, move in enumerate(moves):
            if not done >> place & 1 and _has_room(move, room):
                budget -= 1
                line.append(move)
                if search(done | 1 << place, _less(room, move.gains)):
                    return True
                line.pop()
        dead.add(done)
        return False

    return line if search(0, room) else None


def _windows(line: Sequence[_Move], room: tuple[int, ...], parallelism: int) -> tuple[list[int], tuple[int, ...]]:
    """For each job the place of the first in line that it doesn't wait for; and the most that is used of each type."""
    starts: list[int] = []
    start = 0
    used = tuple(0 for _ in room)  # by those before the window, all done, and by those in it, all running
    most = used
    for place, move in enumerate(line):
        while start < place and (place - start >= parallelism or not _has_room(move, _less(room, used))):
            first = line[start]
            used = tuple(now - need + gain for now, need, gain in zip(used, first.needs, first.gains, strict=True))
            start += 1
        starts.append(start)
        used = tuple(now + need for now, need in zip(used, move.needs, strict=True))
        most = tuple(map(max, most, used))
    return starts, most


def _has_room(move: _Move, room: tuple[int, ...]) -> bool:
    """Whether there is room for it. What needs no more of a type than it has always has it."""
    return all(need <= left or need <= 0 for need, left in zip(move.needs, room, strict=True))


def _less(room: tuple[int, ...], taken: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(left - more for left, more in zip(room, taken, strict=True))
