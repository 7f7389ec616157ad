"""Laws of capacity: the peak is the worst that the executor's order can lead to, no less and no more; an order that
fits is found where there is one; and what waits keeps within the limit, whatever fails."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from itertools import permutations

from hypothesis import given, settings
from hypothesis import strategies as st

from mmeplan.plan.capacity import Order, ordered, peak
from mmeplan.plan.instances import Job

LAW = settings(max_examples=150, derandomize=True, database=None)
KINDS = ("ml.a.large", "ml.b.large")

counts = st.integers(0, 4)
levels = st.tuples(counts, counts)


@st.composite
def some_jobs(draw: st.DrawFn, most: int = 5, kinds: int = 1) -> list[Job]:
    """Endpoints that are swapped, scaled, created or deleted, by the numbers."""
    made = []
    for number in range(draw(st.integers(1, most))):
        before = dict(zip(KINDS[:kinds], draw(levels), strict=False))
        after = dict(zip(KINDS[:kinds], draw(levels), strict=False))
        removes = draw(st.integers(0, 5)) == 0
        after = dict.fromkeys(after, 0) if removes else after
        idle = {kind: max(before[kind], after[kind]) for kind in before}
        beside = not removes and draw(st.booleans())
        running = {kind: before[kind] + after[kind] if beside else idle[kind] for kind in before}
        made.append(Job(f"e{number}", f"first{number}", f"last{number}", before, after, idle, running, removes))
    return made


State = tuple[tuple[str, ...], ...]
"""Of each job: `old`, `running`, `done`, `failed` or `skipped`."""


def states(jobs: list[Job], parallelism: int, waits: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    """Every state that an executor can pass through: it starts whatever is ready, first things first, while there is
    room; what runs ends well or badly at any time; what waits for something that failed is skipped."""
    seen: set[tuple[str, ...]] = set()
    after = {job.last: number for number, job in enumerate(jobs)}
    needs = [[after[last] for last in waits.get(job.first, ())] for job in jobs]
    ahead = [tuple("old" for _ in jobs)]
    while ahead:
        state = ahead.pop()
        if state in seen:
            continue
        seen.add(state)
        yield state
        skipped = next((n for n, at in enumerate(state) if at == "old" and _failed(state, needs[n])), None)
        ready = [n for n, at in enumerate(state) if at == "old" and all(state[m] == "done" for m in needs[n])]
        if skipped is not None:
            ahead.append(_with(state, skipped, "skipped"))
        elif ready and state.count("running") < parallelism:
            ahead.append(_with(state, ready[0], "running"))
        else:
            for n, at in enumerate(state):
                if at == "running":
                    ahead += [_with(state, n, "done"), _with(state, n, "failed")]


def _failed(state: tuple[str, ...], needed: list[int]) -> bool:
    return any(state[n] in ("failed", "skipped") for n in needed)


def _with(state: tuple[str, ...], n: int, at: str) -> tuple[str, ...]:
    return (*state[:n], at, *state[n + 1 :])


def instances(jobs: list[Job], state: tuple[str, ...], kind: str) -> int:
    """A failed update leaves the old fleet; the worst of a failed chain is its `idle`."""
    level = {"running": "running", "done": "after"}
    total = 0
    for job, at in zip(jobs, state, strict=True):
        if at == "failed":
            total += job.before[kind]
        else:
            total += getattr(job, level.get(at, "before"))[kind]
    return total


@given(some_jobs(), st.integers(1, 4))
@LAW
def test_the_peak_is_the_worst_that_can_happen_and_can_happen(jobs: list[Job], parallelism: int) -> None:
    kind = KINDS[0]
    now = sum(job.before[kind] for job in jobs)
    worst = max(instances(jobs, state, kind) for state in states(jobs, parallelism, {}))
    assert peak(jobs, kind, now, parallelism) == worst


@given(some_jobs(most=8), st.integers(1, 6))
@LAW
def test_the_peak_grows_with_the_parallelism_and_is_no_less_than_before_and_after(
    jobs: list[Job], parallelism: int
) -> None:
    kind = KINDS[0]
    now, after = (sum(getattr(job, when)[kind] for job in jobs) for when in ("before", "after"))
    found = peak(jobs, kind, now, parallelism)
    assert max(now, after) <= found <= peak(jobs, kind, now, parallelism + 1)


def fits_one_at_a_time(jobs: list[Job], now: dict[str, int], limits: dict[str, int]) -> bool:
    """Whether there is any order at all: every one of them is tried."""

    @cache
    def found(left: frozenset[int]) -> bool:
        if not left:
            return True
        done = [job for n, job in enumerate(jobs) if n not in left and not job.removes]
        here = {k: now[k] + sum(job.after[k] - job.before[k] for job in done) for k in limits}
        for n in left:
            job = jobs[n]
            needs = {k: job.running[k] - job.before[k] for k in limits}
            if all(needs[k] <= 0 or here[k] + needs[k] <= limits[k] for k in limits) and found(left - {n}):
                return True
        return False

    return found(frozenset(n for n, job in enumerate(jobs) if not job.removes))


def limited(jobs: list[Job], room: tuple[int, ...]) -> tuple[dict[str, int], dict[str, int]]:
    kinds = list(jobs[0].before)
    now = {kind: sum(job.before[kind] for job in jobs) for kind in kinds}
    return now, {kind: now[kind] + more for kind, more in zip(kinds, room, strict=False)}


@given(some_jobs(most=6, kinds=2), st.tuples(st.integers(0, 6), st.integers(0, 6)), st.integers(1, 4))
@LAW
def test_an_order_is_found_exactly_where_there_is_one(jobs: list[Job], room: tuple[int, int], parallelism: int) -> None:
    now, limits = limited(jobs, room)
    assert (ordered(jobs, now, limits, parallelism) is not None) == fits_one_at_a_time(jobs, now, limits)


@given(some_jobs(most=5, kinds=2), st.tuples(st.integers(0, 6), st.integers(0, 6)), st.integers(1, 4))
@LAW
def test_in_a_found_order_no_limit_is_passed_whatever_fails(
    jobs: list[Job], room: tuple[int, int], parallelism: int
) -> None:
    now, limits = limited(jobs, room)
    found = ordered(jobs, now, limits, parallelism)
    if found is None:
        return
    for state in states(jobs, parallelism, found.waits):
        for kind, limit in limits.items():
            assert instances(jobs, state, kind) <= found.peaks[kind] <= limit


@given(some_jobs(most=5, kinds=2), st.tuples(st.integers(0, 6), st.integers(0, 6)), st.integers(1, 4))
@LAW
def test_the_peak_of_a_found_order_can_happen(jobs: list[Job], room: tuple[int, int], parallelism: int) -> None:
    """Started in the order's own line, as the plan's steps are. What is deleted is in no line, and moves nothing up."""
    now, limits = limited(jobs, room)
    found = ordered(jobs, now, limits, parallelism)
    if found is None:
        return
    line = [job for address in found.line for job in jobs if job.address == address]
    reached = list(states(line, parallelism, found.waits))
    for kind in limits:
        others = now[kind] - sum(job.before[kind] for job in line)
        worst = max(instances(line, state, kind) for state in reached) if line else 0
        assert found.peaks[kind] == others + worst


@given(some_jobs(most=6), st.integers(0, 6), st.integers(1, 4))
@LAW
def test_where_nothing_fails_everything_is_done_at_last(jobs: list[Job], room: int, parallelism: int) -> None:
    now, limits = limited(jobs, (room,))
    found = ordered(jobs, now, limits, parallelism)
    if found is not None:
        assert any(set(state) == {"done"} for state in states(jobs, parallelism, found.waits))


def test_what_gives_back_goes_first_and_order_matters() -> None:
    """4 → 1 and 1 → 4, both blue/green, with room for one at a time: only one order fits."""
    jobs = [job("grows", 1, 4), job("shrinks", 4, 1)]
    now, limits = {"k": 5}, {"k": 6}
    found = ordered(jobs, now, limits, 10)
    assert isinstance(found, Order)
    assert found.waits == {"grows-first": ("shrinks-last",)}
    fitting = [order for order in permutations(jobs) if _serial_peak(order, 5) <= 6]
    assert [[one.address for one in order] for order in fitting] == [["shrinks", "grows"]]


def test_a_thousand_endpoints_with_room_for_few_wait_for_few() -> None:
    """The waits of a large fleet stay small: each names those of one window, not all before it."""
    jobs = [job(f"e{n}", 2, 2) for n in range(1000)]
    found = ordered(jobs, {"k": 2000}, {"k": 2008}, 10)
    assert found is not None
    assert found.peaks == {"k": 2008}
    assert sum(map(len, found.waits.values())) <= 4 * 1000


HARD = (
    *(((3, 2), (2, 2)), ((0, 2), (3, 2)), ((1, 2), (0, 3)), ((0, 4), (3, 4)), ((1, 2), (4, 2)), ((1, 2), (3, 0))),
    *(((4, 1), (2, 2)), ((4, 1), (1, 4)), ((1, 1), (0, 2)), ((3, 2), (4, 3)), ((1, 1), (3, 0))),
)
"""Of each endpoint the instances of two types before and after: no rule of thumb finds an order, and few do."""


def test_a_rare_order_is_found() -> None:
    jobs = [_swap(f"e{n}", *levels) for n, levels in enumerate(HARD)]
    now = {kind: sum(job.before[kind] for job in jobs) for kind in KINDS}
    assert ordered(jobs, now, dict(zip(KINDS, (26, 25), strict=True)), 1) is not None


class Counted(int):
    """A number that counts how often numbers were compared with it, and gives up after too many."""

    compared, most = 0, 10_000

    def __sub__(self, other: int) -> Counted:
        return Counted(int(self) - int(other))

    def __le__(self, other: int) -> bool:
        Counted.compared += 1
        assert Counted.compared <= self.most, "the search for an order doesn't end"
        return int(self) <= int(other)


def test_the_search_for_an_order_ends_where_there_is_none() -> None:
    """Fifteen endpoints that fit in any order, and one that fits in none: no set of the fifteen is worth a try."""
    Counted.compared = 0
    takers = [((0, n % 3), (1, n % 3)) for n in range(15)]
    jobs = [_swap(f"e{n}", *levels) for n, levels in enumerate((*takers, ((0, 0), (50, 50))))]
    jobs = [replace(job, running={kind: Counted(count) for kind, count in job.running.items()}) for job in jobs]
    now = {kind: sum(job.before[kind] for job in jobs) for kind in KINDS}
    assert ordered(jobs, now, {kind: count + 30 for kind, count in now.items()}, 1) is None
    assert Counted.compared > 0


def _swap(name: str, before: tuple[int, int], after: tuple[int, int]) -> Job:
    """A blue/green swap."""
    levels = [dict(zip(KINDS, counts, strict=True)) for counts in (before, after)]
    idle = {kind: max(level[kind] for level in levels) for kind in KINDS}
    running = {kind: sum(level[kind] for level in levels) for kind in KINDS}
    return Job(name, f"{name}-first", f"{name}-last", *levels, idle, running)


def job(name: str, before: int, after: int) -> Job:
    running = before + after
    return Job(
        name, f"{name}-first", f"{name}-last", {"k": before}, {"k": after}, {"k": max(before, after)}, {"k": running}
    )


def _serial_peak(jobs: tuple[Job, ...], now: int) -> int:
    most = now
    for each in jobs:
        most = max(most, now + each.running["k"] - each.before["k"])
        now += each.after["k"] - each.before["k"]
    return most
