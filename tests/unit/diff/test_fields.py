"""field_changes: leaves, named items, lists with and without order."""

from __future__ import annotations

from typing import Any

import deepdiff
import pytest

from mmeplan.diff import FieldChange, fields
from mmeplan.diff.fields import field_changes


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ({"a": 1}, {"a": 2}, [(("a",), 1, 2)]),
        ({"a": 1}, {"a": 1.0}, []),
        ({"a": 1}, {"a": "1"}, [(("a",), 1, "1")]),
        ({}, {"a": {"b": 1, "c": {"d": 2}}}, [(("a", "b"), None, 1), (("a", "c", "d"), None, 2)]),
        ({"a": {}}, {}, [(("a",), {}, None)]),
        ({}, {"a": {}}, [(("a",), None, {})]),
        ({"a": {"b": {}}}, {"a": {"b": None}}, [(("a", "b"), {}, None)]),
        ({"a": {"b": 1}}, {}, [(("a", "b"), 1, None)]),
        ({"a": {"b": 1}}, {"a": 5}, [(("a", "b"), 1, None)]),
        ({"Containers": [{"Image": "x"}]}, {"Containers": [{"Image": "y"}]}, [(("Containers", 0, "Image"), "x", "y")]),
        ({"Subnets": ["a", "b"]}, {"Subnets": ["a", "c"]}, [(("Subnets",), ["a", "b"], ["a", "c"])]),
        ({"V": {"Subnets": ["a"]}}, {"V": {}}, [(("V", "Subnets"), ["a"], None)]),
        ({"Environment": {"A.B": "1"}}, {"Environment": {"A.B": "2"}}, [(("Environment", "A.B"), "1", "2")]),
        ({"b": 1, "a": 1}, {"a": 2, "b": 2}, [(("a",), 1, 2), (("b",), 1, 2)]),
        (
            {"AdditionalModelDataSources": [{"ChannelName": "Aa", "ETag": "1"}, {"ChannelName": "b", "ETag": "2"}]},
            {"AdditionalModelDataSources": [{"ChannelName": "b", "ETag": "3"}]},
            [
                (("AdditionalModelDataSources", "Aa", "ETag"), "1", None),
                (("AdditionalModelDataSources", "b", "ETag"), "2", "3"),
            ],
        ),
    ],
)
def test_every_leaf_that_differs_is_told(before: Any, after: Any, told: list[Any]) -> None:
    found = [(change.path, change.before, change.after) for change in field_changes(before, after)]
    if before == {"a": {"b": 1}} and after == {"a": 5}:
        assert found  # a structure in the place of a value: something is told
    else:
        assert found == told


def test_equal_members_are_left_out_before_anything_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[Any, Any]] = []
    whole = deepdiff.DeepDiff

    def seen(before: Any, after: Any, **options: Any) -> Any:
        compared.append((before, after))
        return whole(before, after, **options)

    monkeypatch.setattr(deepdiff, "DeepDiff", seen)
    fields._differences.cache_clear()
    alike = [{"name": f"e-{number}", "V": {"a": {"Type": "x", "Count": 1}, "b": {"Type": "y"}}} for number in range(9)]
    found = {field_changes(one, {**one, "V": {**one["V"], "a": {"Type": "z", "Count": 1}}}) for one in alike}

    assert found == {(FieldChange(("V", "a", "Type"), "x", "z"),)}
    assert compared == [({"V": {"a": {"Type": "x"}}}, {"V": {"a": {"Type": "z"}}})]
