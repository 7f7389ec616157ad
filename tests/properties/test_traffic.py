"""Laws of traffic: a variant's share is its weight over the sum of all weights, exactly as they are written.

The service keeps a weight as float32 and answers with its noise; the share is that of the shortest decimal, 0.7.
"""

from __future__ import annotations

import struct
from fractions import Fraction
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from mmeplan.canonical import canonical
from mmeplan.plan.rollout import traffic_shares

LAW = settings(max_examples=200, derandomize=True, database=None)

weights = st.one_of(st.integers(0, 1000), st.integers(0, 9999).map(lambda tenths: tenths / 10))
names = st.text("abcdefgh", min_size=1, max_size=4)
rollouts = st.dictionaries(names, weights, min_size=1, max_size=6)


def config(weights: dict[str, Any]) -> dict[str, Any]:
    variants = [{"VariantName": name, "InitialVariantWeight": weight} for name, weight in weights.items()]
    return canonical({"ProductionVariants": variants})


@given(rollouts)
@LAW
def test_a_share_is_the_weight_over_the_sum_of_weights(weights: dict[str, Any]) -> None:
    exact = {name: Fraction(str(weight)) for name, weight in weights.items()}
    total = sum(exact.values())
    expected = {name: weight / total if total else Fraction(0) for name, weight in exact.items()}
    assert traffic_shares(config(weights)) == expected
    answered = {name: struct.unpack("f", struct.pack("f", weight))[0] for name, weight in weights.items()}
    assert traffic_shares(config(answered)) == expected


@given(rollouts)
@LAW
def test_shares_sum_to_one_unless_all_weights_are_zero(weights: dict[str, Any]) -> None:
    assert sum(traffic_shares(config(weights)).values()) == (1 if any(weights.values()) else 0)


@given(rollouts)
@LAW
def test_a_weight_of_zero_gets_nothing_and_any_other_something(weights: dict[str, Any]) -> None:
    shares = traffic_shares(config(weights))
    assert all((shares[name] == 0) == (weight == 0) for name, weight in weights.items())


@given(rollouts, st.sampled_from([2, 4, 8, 16, 0.5, 0.25]))
@LAW
def test_scaling_all_weights_changes_nothing(weights: dict[str, Any], factor: float) -> None:
    scaled = {name: weight * factor for name, weight in weights.items()}  # few digits: exact as decimals of a float32
    assert traffic_shares(config(scaled)) == traffic_shares(config(weights))


@given(rollouts, st.randoms(use_true_random=False))
@LAW
def test_the_order_of_variants_changes_nothing(weights: dict[str, Any], chance: Any) -> None:
    items = list(weights.items())
    chance.shuffle(items)
    assert traffic_shares(config(dict(items))) == traffic_shares(config(weights))


@given(st.integers(1, 10))
@LAW
def test_variants_without_a_weight_share_evenly(count: int) -> None:
    made = canonical({"ProductionVariants": [{"VariantName": f"v{number}"} for number in range(count)]})
    assert set(traffic_shares(made).values()) == {Fraction(1, count)}


def test_two_thirds_and_one_third() -> None:
    assert traffic_shares(config({"large": 2.0, "small": 1.0})) == {"large": Fraction(2, 3), "small": Fraction(1, 3)}
