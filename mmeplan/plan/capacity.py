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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mmeplan.graph import Graph
from mmeplan.live import Snapshot
from mmeplan.plan.document import Capacity, InstanceCapacity
from mmeplan.plan.instances import Counting, Job
from mmeplan.plan.ordering import Order, ordered
from mmeplan.plan.step import Step
from mmeplan.spec import Quota


@dataclass(frozen=True, slots=True)
class Planned:
    """The capacity of a plan, and its steps, of which some may have come to wait for others."""

    capacity: Capacity
    steps: tuple[Step, ...]
    overruns: tuple[Overrun, ...] = ()


@dataclass(frozen=True, slots=True)
class Overrun:
    """A type whose peak is beyond its quota in every order that was found.

    `fits` is the highest parallelism that would do, 0 where none was found; `alone` is the quota that one endpoint at a
    time would need.
    """

    row: InstanceCapacity
    fits: int
    alone: int


def planned_capacity(
    graph: Graph, snapshot: Snapshot, steps: tuple[Step, ...], quotas: Mapping[str, Quota], parallelism: int
) -> Planned:
    """The capacity of these steps. Waits are added where a quota asks for them."""
    counting = Counting(graph, snapshot)
    now, jobs = counting.now(), counting.jobs(steps)
    after = dict(now)
    for job in jobs:
        for kind in {*job.before, *job.after}:
            after[kind] = after.get(kind, 0) + job.after.get(kind, 0) - job.before.get(kind, 0)
    kinds = {kind for job in jobs for kind in job.running} | {kind for kind, count in now.items() if count}
    peaks = {kind: peak(jobs, kind, now.get(kind, 0), parallelism) for kind in sorted(kinds)}
    limits = {kind: quotas[kind].instances for kind in peaks if kind in quotas}
    tight = {kind for kind, limit in limits.items() if peaks[kind] > max(limit, now.get(kind, 0))}
    overruns: tuple[Overrun, ...] = ()
    if tight:
        found = _fitting(jobs, now, limits, tight, parallelism)
        if found is None:
            overruns = tuple(_overrun(jobs, kind, now, after, peaks, quotas, parallelism) for kind in sorted(tight))
        else:
            peaks = {kind: found.peaks.get(kind, _unordered_peak(jobs, kind, now, parallelism)) for kind in peaks}
            steps = _waiting(steps, found)
    rows = (_row(kind, now, after, peaks, quotas) for kind in peaks)
    return Planned(Capacity(parallelism, tuple(rows)), steps, overruns)


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


def _overrun(
    jobs: Sequence[Job],
    kind: str,
    now: Mapping[str, int],
    after: Mapping[str, int],
    peaks: Mapping[str, int],
    quotas: Mapping[str, Quota],
    parallelism: int,
) -> Overrun:
    limit, here = quotas[kind].instances, now.get(kind, 0)
    low, high = 0, parallelism - 1  # the peak grows with the parallelism
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if peak(jobs, kind, here, middle) <= limit else (low, middle - 1)
    return Overrun(_row(kind, now, after, peaks, quotas), low, peak(jobs, kind, here, 1))


def _row(
    kind: str,
    now: Mapping[str, int],
    after: Mapping[str, int],
    peaks: Mapping[str, int],
    quotas: Mapping[str, Quota],
) -> InstanceCapacity:
    quota = quotas.get(kind)
    return InstanceCapacity(
        kind,
        now.get(kind, 0),
        after.get(kind, 0),
        peaks[kind],
        quota.instances if quota else None,
        quota.source if quota else None,
    )
