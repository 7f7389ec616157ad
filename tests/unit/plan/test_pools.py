"""The instances of a variant by type: whatever SageMaker does within the bounds stays within the bounds."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from mmeplan.plan.pools import Held, Pool, kinds_of, launched

KINDS = ("ml.a", "ml.b", "ml.c")
ONE, MANY = KINDS[:1], KINDS


@st.composite
def helds(draw: st.DrawFn) -> tuple[Held, tuple[int, ...]]:
    """Bounds, and counts that are within them."""
    real = draw(st.lists(st.integers(0, 4), min_size=1, max_size=3))
    number = sum(real)
    pools = [
        Pool(kind, draw(st.integers(0, count)), draw(st.integers(count, number)))
        for kind, count in zip(KINDS, real, strict=False)
    ]
    if len(real) == 1:
        pools = [Pool(KINDS[0], number, number)]
    return Held(number, tuple(pools)), tuple(real)


def within(real: tuple[int, ...], held: Held) -> bool:
    return sum(real) == held.number and all(
        pool.least <= count <= pool.most for count, pool in zip(real, held.pools, strict=True)
    )


def spread(total: int, over: int) -> list[tuple[int, ...]]:
    """Every way to share a number out."""
    if over == 1:
        return [(total,)]
    return [(first, *rest) for first in range(total + 1) for rest in spread(total - first, over - 1)]


@given(helds(), st.integers(0, 4))
@settings(max_examples=100, derandomize=True, database=None)
def test_any_part_and_any_growth_is_within_the_bounds(drawn: tuple[Held, tuple[int, ...]], number: int) -> None:
    held, real = drawn
    fewer = min(number, held.number)
    for gone in spread(held.number - fewer, len(real)):
        left = tuple(count - away for count, away in zip(real, gone, strict=True))
        assert min(left) < 0 or within(left, held.part(fewer))
    for more in spread(number, len(real)):
        grown = tuple(count + new for count, new in zip(real, more, strict=True))
        assert within(grown, held.rescaled(held.number + number))
    released, left_to_go = list(real), held.number - fewer
    for place in reversed(range(len(released))):
        away = min(released[place], left_to_go)
        released[place] -= away
        left_to_go -= away
    assert within(tuple(released), held.rescaled(fewer))


@given(st.integers(0, 5), st.sampled_from((ONE, MANY)))
@settings(max_examples=12, derandomize=True, database=None)
def test_one_type_is_always_known(number: int, kinds: tuple[str, ...]) -> None:
    held = Held(3, launched(kinds, 3), "arn:plan")
    for made in (held, held.launched(number), held.rescaled(number), held.part(min(3, number))):
        known = dict(made.most()) == dict(made.least())
        assert known is (len(kinds) == 1 or made.number == 0)
        assert dict(made.most())["arn:plan"] == made.number


def test_a_type_in_two_pools_is_counted_once() -> None:
    held = Held(2, launched(("ml.a", "ml.a"), 2))
    assert dict(held.most()) == {"ml.a": 2}


def test_types_come_by_priority() -> None:
    pools = [{"InstanceType": "ml.b", "Priority": 2}, {"InstanceType": "ml.a", "Priority": 1}]
    assert kinds_of({"InstancePools": pools}) == ("ml.a", "ml.b")
    assert kinds_of({"InstanceType": "ml.c"}) == ("ml.c",)
    assert kinds_of({"ServerlessConfig": {}}) == ()
