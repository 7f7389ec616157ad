"""The calls that change counts, weights and concurrency in place, and their order."""

from __future__ import annotations

from mmeplan.diff import FieldChange
from mmeplan.plan.scaling import scale_requests, set_by_swap

COUNTS = (("a", 1), ("b", 3), ("c", 2))


def change(variant: str, member: str, before: float, after: float) -> FieldChange:
    return FieldChange(("ProductionVariants", variant, *member.split(".")), before, after)


def test_what_grows_comes_before_the_weights_and_what_shrinks_after_them() -> None:
    fields = (
        change("a", "InitialInstanceCount", 3, 1),
        change("b", "InitialInstanceCount", 1, 3),
        change("a", "InitialVariantWeight", 3, 1),
    )
    assert [request["variants"] for request in scale_requests(fields)] == [
        [{"VariantName": "b", "DesiredInstanceCount": 3}],
        [{"VariantName": "a", "DesiredWeight": 1.0}],
        [{"VariantName": "a", "DesiredInstanceCount": 1}],
    ]


def test_concurrency_that_is_taken_away_goes_last() -> None:
    fields = (
        change("a", "ServerlessConfig.MaxConcurrency", 5, 2),
        change("b", "ServerlessConfig.MaxConcurrency", 2, 5),
    )
    assert [request["variants"][0]["VariantName"] for request in scale_requests(fields)] == ["b", "a"]


def test_a_request_holds_to_what_is_set_already() -> None:
    """An update under way may show what never comes: nothing shrinks, and no traffic moves, before it is there."""
    fields = (
        change("a", "InitialInstanceCount", 3, 1),
        change("b", "InitialInstanceCount", 1, 3),
        change("a", "InitialVariantWeight", 3, 1),
    )
    wanted = [{"VariantName": name, "DesiredWeight": 1.0, "DesiredInstanceCount": count} for name, count in COUNTS]
    other = wanted[2]
    assert [request["holds"] for request in scale_requests(fields, wanted)] == [
        [{"VariantName": "b", "DesiredWeight": 1.0}, other],
        [wanted[1], other],
        [{"VariantName": "a", "DesiredWeight": 1.0}, wanted[1], other],
    ]


def test_what_a_swap_retains_it_does_not_set() -> None:
    desired = [{"VariantName": "a", "DesiredWeight": 1.0, "DesiredInstanceCount": 2}]
    retains = {"RetainAllVariantProperties": True}
    excluded = {"ExcludeRetainedVariantProperties": [{"VariantPropertyType": "DesiredWeight"}]}
    assert set_by_swap(desired, {}) == desired
    assert set_by_swap(desired, retains) == []
    assert set_by_swap(desired, {**retains, **excluded}) == [{"VariantName": "a", "DesiredWeight": 1.0}]
