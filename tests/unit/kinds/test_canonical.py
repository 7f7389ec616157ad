"""The canonical form: what means the same is spelled the same, and nothing else is."""

from __future__ import annotations

from typing import Any

import pytest

from mmeplan.canonical import DEFAULTS, UNORDERED, canonical, same_number


@pytest.mark.parametrize(
    ("request_", "form"),
    [
        ({"A": None, "B": "", "C": {}, "D": [], "E": {"F": None}, "G": 0, "H": False}, {"G": 0, "H": False}),
        ({"EnableNetworkIsolation": False}, {}),
        ({"EnableNetworkIsolation": 0}, {"EnableNetworkIsolation": 0}),
        ({"EnableNetworkIsolation": True}, {"EnableNetworkIsolation": True}),
        ({"PrimaryContainer": {"Image": "x", "Mode": "SingleModel"}}, {"PrimaryContainer": {"Image": "x"}}),
        ({"Containers": [{"Image": "x", "Mode": "SingleModel"}]}, {"Containers": [{"Image": "x"}]}),
        ({"Containers": [{"Image": "b"}, {"Image": "a"}]}, {"Containers": [{"Image": "b"}, {"Image": "a"}]}),
        ({"MultiModelConfig": {"ModelCacheSetting": "Enabled"}}, {}),
        ({"DataCaptureConfig": {"EnableCapture": True}}, {}),
        ({"DataCaptureConfig": {"EnableCapture": False}}, {"DataCaptureConfig": {"EnableCapture": False}}),
        ({"VpcConfig": {"Subnets": ["b", "a", "b"]}}, {"VpcConfig": {"Subnets": ["a", "b"]}}),
        ({"Mode": "SingleModel"}, {"Mode": "SingleModel"}),
    ],
)
def test_defaults_and_empties_are_absent(request_: dict[str, Any], form: dict[str, Any]) -> None:
    assert canonical(request_) == form


def test_variants_are_keyed_by_name_and_an_empty_one_stays() -> None:
    variants = [{"VariantName": "b", "InitialVariantWeight": 1.0}, {"VariantName": "a", "InitialVariantWeight": 2.0}]
    made = canonical({"ProductionVariants": variants})
    assert made == {"ProductionVariants": {"a": {"InitialVariantWeight": 2}, "b": {}}}
    assert list(made["ProductionVariants"]) == ["a", "b"]


def test_a_variant_may_have_the_name_of_a_member() -> None:
    for name in ("Environment", "Alarms", "Subnets", "MultiModelConfig"):
        request = {"ProductionVariants": [{"VariantName": name, "InitialVariantWeight": 1}]}
        assert canonical(canonical(request)) == canonical(request) == {"ProductionVariants": {name: {}}}


def test_environment_values_are_kept_as_they_are() -> None:
    environment = {"Mode": "SingleModel", "EMPTY": "", "Subnets": "b,a", "GONE": None}
    made = canonical({"PrimaryContainer": {"Environment": environment}})
    assert made == {"PrimaryContainer": {"Environment": {"Mode": "SingleModel", "EMPTY": "", "Subnets": "b,a"}}}


@pytest.mark.parametrize(
    ("value", "same"), [(1.0, 1), (0.1, 0.10000000149011612), (2, 2), (1e300, 1e300), (0.5, 0.5), (-0.0, 0)]
)
def test_floats_are_compared_as_the_service_keeps_them(value: float, same: float) -> None:
    assert same_number(value) == same
    assert isinstance(same_number(1.0), int)


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_what_is_no_number_does_not_break_the_form(value: float) -> None:
    assert str(same_number(value)) == str(value)


SOURCE = {"S3Uri": "s3://b/m.tar.gz", "S3DataType": "S3Object", "CompressionType": "Gzip"}
URL = {"ModelDataUrl": "s3://b/m.tar.gz"}


@pytest.mark.parametrize(
    ("container", "form"),
    [
        (URL, URL),
        ({"ModelDataSource": {"S3DataSource": SOURCE}}, URL),
        ({**URL, "ModelDataSource": {"S3DataSource": SOURCE}}, URL),
        (
            {"ModelDataUrl": "s3://b/other", "ModelDataSource": {"S3DataSource": SOURCE}},
            {"ModelDataUrl": "s3://b/other", "ModelDataSource": {"S3DataSource": SOURCE}},
        ),
        (
            {"ModelDataSource": {"S3DataSource": {**SOURCE, "ModelAccessConfig": {"AcceptEula": True}}}},
            {"ModelDataSource": {"S3DataSource": {**SOURCE, "ModelAccessConfig": {"AcceptEula": True}}}},
        ),
        (
            {"ModelDataSource": {"S3DataSource": {**SOURCE, "CompressionType": "None"}}},
            {"ModelDataSource": {"S3DataSource": {**SOURCE, "CompressionType": "None"}}},
        ),
    ],
)
def test_an_artifact_and_its_mirror_are_one(container: dict[str, Any], form: dict[str, Any]) -> None:
    assert canonical({"PrimaryContainer": container}) == {"PrimaryContainer": form}


def test_every_list_without_order_is_a_set_wherever_it_stands() -> None:
    for member in UNORDERED:
        assert canonical({"X": {member: ["b", "a"]}}) == {"X": {member: ["a", "b"]}}
    alarms = [{"AlarmName": "b"}, {"AlarmName": "a"}]
    assert canonical({"Alarms": alarms}) == {"Alarms": [{"AlarmName": "a"}, {"AlarmName": "b"}]}


def test_the_request_is_left_as_it_is() -> None:
    request = {"ProductionVariants": [{"VariantName": "a", "X": [1.0]}], "VpcConfig": {"Subnets": ["b", "a"]}}
    before = repr(request)
    canonical(request)
    assert repr(request) == before


def test_no_default_is_a_value_that_is_left_out_anyway() -> None:
    assert all(value not in (None, "", [], {}) or value is False or value == 0 for value in DEFAULTS.values())
