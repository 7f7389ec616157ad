"""Laws of --max-change: more is never refused less, and the boundary is exact."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from mmeplan.plan.gates import DEFAULT_FROM, DEFAULT_MAX_PERCENT, max_change

LAW = settings(max_examples=300, derandomize=True, database=None)

numbers = st.integers(0, 20_000)
percents = st.decimals(0, 100, places=2).map(lambda number: f"{number}%")
limits = st.one_of(percents, numbers.map(str))


@given(limits, numbers, numbers)
@LAW
def test_losing_more_is_never_allowed_where_losing_less_is_not(limit: str, lost: int, live: int) -> None:
    most = max_change(limit)
    if most.refuses(lost, live):
        assert most.refuses(lost + 1, live)


@given(percents, percents, numbers, numbers)
@LAW
def test_a_higher_limit_never_refuses_more(one: str, other: str, lost: int, live: int) -> None:
    low, high = sorted((one, other), key=lambda text: Fraction(text[:-1]))
    assert max_change(low).refuses(lost, live) or not max_change(high).refuses(lost, live)


@given(percents, numbers)
@LAW
def test_the_boundary_of_a_percentage_is_exact(limit: str, live: int) -> None:
    allowed = int(Fraction(limit[:-1]) * live / 100)
    assert not max_change(limit).refuses(allowed, live)
    assert max_change(limit).refuses(allowed + 1, live)


@given(numbers, numbers)
@LAW
def test_the_boundary_of_a_count_is_exact(limit: int, live: int) -> None:
    assert not max_change(str(limit)).refuses(limit, live)
    assert max_change(str(limit)).refuses(limit + 1, live)


@given(numbers, numbers)
@LAW
def test_the_default_is_thirty_percent_of_ten_or_more(lost: int, live: int) -> None:
    assert (DEFAULT_MAX_PERCENT, DEFAULT_FROM) == (30, 10)
    assert max_change("").refuses(lost, live) == (live >= 10 and lost * 100 > 30 * live)
