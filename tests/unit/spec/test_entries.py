"""Entries: what is written alike is one object, and nothing else is."""

from __future__ import annotations

from mmeplan.spec import load_text

TEXT = """
version: 1
fleet: shop
models:
  a: {primary_container: {image: x, environment: {WORKERS: "2"}}}
  b: {primary_container: {image: x, environment: {WORKERS: "2"}}}
  c: {primary_container: {image: x, environment: {WORKERS: "3"}}}
endpoints:
  e:
    config:
      data_capture_config: {enable_capture: true, capture_options: null}
      production_variants: {v: {model: a, initial_instance_count: 1}, w: null}
"""


def test_equal_pieces_of_requests_are_one_object() -> None:
    models = load_text(TEXT.encode()).models
    one, same, other = (models[name].request["PrimaryContainer"] for name in "abc")
    assert one is same
    assert one is not other
    assert one == {"Image": "x", "Environment": {"WORKERS": "2"}}
    assert other["Environment"] == {"WORKERS": "3"}
    assert models["a"].tags is models["b"].tags


def test_pieces_that_differ_in_type_alone_are_not_shared() -> None:
    text = TEXT.replace("initial_instance_count: 1", "initial_instance_count: 1, initial_variant_weight: 1.0")
    config = load_text(text.encode()).endpoints["e"].config
    assert config is not None
    assert not isinstance(config, str)
    variant = config.request["ProductionVariants"]["v"]
    assert [type(variant[member]) for member in ("InitialInstanceCount", "InitialVariantWeight")] == [int, float]


def test_nulls_are_left_out_and_a_named_thing_without_content_stays() -> None:
    config = load_text(TEXT.encode()).endpoints["e"].config
    assert config is not None
    assert not isinstance(config, str)
    assert config.request["DataCaptureConfig"] == {"EnableCapture": True}
    assert config.request["ProductionVariants"]["w"] == {}
