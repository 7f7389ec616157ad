"""Laws of the canonical form: it is idempotent, pure, and JSON."""

from __future__ import annotations

import copy
import json
import math
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from mmeplan.aws.variants import KEYED
from mmeplan.canonical import DEFAULTS, REQUIRED, UNORDERED, canonical, same_number

LAW = settings(max_examples=200, derandomize=True, database=None)

OTHERS = {"Image", "Environment", "ModelDataSource", "ModelDataUrl", "S3DataSource", "S3Uri", "X", "Alarm"}
members = st.sampled_from(
    sorted({member for pair in DEFAULTS for member in pair if member} | UNORDERED | OTHERS)
).filter(lambda member: member not in KEYED)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 70),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.sampled_from(["", "a", "SingleModel", "Enabled", "Gzip", "S3Object", "s3://b/k"]),
)


def structures(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(members, inner, max_size=4).map(_plausible)


def _plausible(structure: dict[str, Any]) -> dict[str, Any]:
    """A structure as the API's shapes allow it: a data source is a structure, an environment a map of texts."""
    made = dict(structure)
    if "ModelDataSource" in made and not isinstance(made["ModelDataSource"], dict):
        made["ModelDataSource"] = {"S3DataSource": {"S3Uri": "u", "S3DataType": "S3Object", "CompressionType": "Gzip"}}
    if isinstance(made.get("ModelDataSource"), dict) and not isinstance(
        made["ModelDataSource"].get("S3DataSource", {}), dict
    ):
        made["ModelDataSource"] = {}
    if "Environment" in made:
        made["Environment"] = {"A": "", "Mode": "SingleModel", "B": None}
    return made


values = st.recursive(scalars, lambda inner: structures(inner) | st.lists(inner, max_size=3), max_leaves=10)
variants = st.lists(
    st.builds(lambda name, rest: {"VariantName": name, **rest}, st.sampled_from("abcd"), structures(values)),
    max_size=3,
    unique_by=lambda variant: variant["VariantName"],
)
requests = st.builds(
    lambda rest, named: {**rest, "ProductionVariants": named} if named else rest, structures(values), variants
)


@given(requests)
@LAW
def test_the_form_of_a_form_is_itself(request: dict[str, Any]) -> None:
    once = canonical(request)
    assert canonical(once) == once
    assert json.dumps(canonical(once), sort_keys=True) == json.dumps(once, sort_keys=True)


@given(requests)
@LAW
def test_the_request_is_never_changed(request: dict[str, Any]) -> None:
    before = copy.deepcopy(request)
    canonical(request)
    assert request == before


@given(requests)
@LAW
def test_nothing_in_a_form_is_null_or_an_empty_member_but_what_the_api_requires(request: dict[str, Any]) -> None:
    def walk(value: Any, holder: str) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                assert inner is not None
                if holder not in (*KEYED, "Environment") and REQUIRED.get(holder) != key:
                    assert inner not in ("", [], {}) or isinstance(inner, (bool, int))
                walk(inner, key)

    walk(canonical(request), "")


@given(st.floats())
@LAW
def test_a_number_of_the_service_is_stable(value: float) -> None:
    once = same_number(value)
    assert math.isnan(once) if math.isnan(value) else same_number(once) == once
