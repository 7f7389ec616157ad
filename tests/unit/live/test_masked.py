"""A masked snapshot tells no value, and plans the same changes as the whole one."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmeplan import live
from mmeplan.live import LiveObject, Snapshot, decode
from mmeplan.plan import Options, Plan
from mmeplan.planning import Desired, planned_from
from mmeplan.spec import load_text
from tests.unit.render.conftest import Live

SECRET, OTHER = "a-secret-value", "another-value"
FLEET = """\
version: 1
fleet: prices
region: eu-west-1
account: "123456789012"
models:
  ranker:
    execution_role_arn: arn:aws:iam::123456789012:role/sagemaker-execution
    primary_container:
      image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/xgboost-serving:1.7-1
      model_data_url: s3://acme-models/ranker/1.tar.gz
      environment: {API_KEY: a-secret-value, MODE: fast}
endpoints:
  ranker:
    config:
      production_variants:
        main: {model: ranker, instance_type: ml.m5.large, initial_instance_count: 2}
"""
PIPELINE = FLEET.replace(
    """\
    primary_container:
      image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/xgboost-serving:1.7-1
      model_data_url: s3://acme-models/ranker/1.tar.gz
      environment: {API_KEY: a-secret-value, MODE: fast}
""",
    """\
    containers:
    - {image: "123456789012.dkr.ecr.eu-west-1.amazonaws.com/features:1", environment: {LEVEL: first-value}}
    - image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/xgboost-serving:1.7-1
      environment: {API_KEY: a-secret-value, MODE: fast}
    - {image: "123456789012.dkr.ecr.eu-west-1.amazonaws.com/ranks:1"}
""",
)
SHAPES = {"one container": FLEET, "pipeline": PIPELINE}
EDITS: dict[str, list[tuple[str, str]]] = {
    "nothing": [],
    "another value": [(SECRET, OTHER)],
    "a value more": [("MODE: fast", "MODE: fast, MORE: yes-please")],
    "a value less": [(", MODE: fast", "")],
    "the instances": [("ml.m5.large", "ml.m5.xlarge")],
    "both": [("ml.m5.large", "ml.m5.xlarge"), (SECRET, OTHER)],
    "values change places": [("API_KEY: a-secret-value, MODE: fast", "API_KEY: fast, MODE: a-secret-value")],
}


def edited(text: str, edit: str) -> str:
    for before, after in EDITS[edit]:
        assert before in text
        text = text.replace(before, after)
    return text


def snapshot(text: str = FLEET) -> Snapshot:
    seen = Live("prices").apply(text)
    document = {
        "format_version": "1.0",
        "observed_at": "2026-01-01T00:00:00+00:00",
        "account": "123456789012",
        "region": "eu-west-1",
        "fleet": "prices",
        "objects": seen.objects,
    }
    return decode(document)


def planned(text: str, seen: Snapshot) -> Plan:
    return planned_from(Desired.unchecked(load_text(text.encode())), seen, Options(speculative=True)).plan


@pytest.mark.parametrize("shape", SHAPES)
def test_no_value_is_in_it_and_none_can_be_looked_up(shape: str) -> None:
    made = live.masked(snapshot(SHAPES[shape]))
    text = json.dumps(made.encode())
    assert SECRET in json.dumps(snapshot(SHAPES[shape]).encode())
    assert SECRET not in text
    assert "fast" not in text
    assert "first-value" not in text
    assert "API_KEY" in text
    assert decode(json.loads(text)) == decode(made.encode())
    assert made.environment_salt != live.masked(live.unmasked(made, [])).environment_salt


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("shape", SHAPES)
def test_it_plans_what_the_whole_one_plans(shape: str, edit: str) -> None:
    text = SHAPES[shape]
    whole = planned(edited(text, edit), snapshot(text))
    stored = decode(json.loads(json.dumps(live.masked(snapshot(text)).encode())))
    made = planned(edited(text, edit), stored)
    assert (edit == "nothing") is (not made.has_changes)
    assert [(c.address, c.actions, c.effect, c.reason, c.name) for c in made.changes] == [
        (c.address, c.actions, c.effect, c.reason, c.name) for c in whole.changes
    ]
    assert [[f.field for f in c.fields] for c in made.changes] == [[f.field for f in c.fields] for c in whole.changes]
    assert made.steps == whole.steps
    assert made.drift == whole.drift == ()
    assert made.options.speculative
    assert not made.applyable


def test_what_is_known_is_unmasked_and_the_rest_says_so() -> None:
    stored = live.masked(snapshot())
    request = {"PrimaryContainer": {"Environment": {"MODE": "fast", "OTHER": SECRET}}}
    (model,) = live.unmasked(stored, [request]).present("model")
    environment = model.describe["PrimaryContainer"]["Environment"]
    assert environment["MODE"] == "fast"
    assert environment["API_KEY"].startswith("(masked, ")
    assert model.masked
    both = {"PrimaryContainer": {"Environment": {"MODE": "fast", "API_KEY": SECRET}}}
    (model,) = live.unmasked(stored, [both]).present("model")
    assert not model.masked


def test_a_snapshot_that_is_whole_stays_as_it_is() -> None:
    seen = snapshot()
    assert live.unmasked(seen, []) is seen
    assert "environment_salt" not in seen.encode()


def test_a_value_of_a_pipeline_that_is_not_known_is_said() -> None:
    stored = live.masked(snapshot(PIPELINE))
    containers = [{"Environment": {"LEVEL": "first-value"}}, {"Environment": {"MODE": "fast", "API_KEY": SECRET}}, {}]
    for known, masked in ((containers[:1], True), (containers[1:], True), (containers, False)):
        (model,) = live.unmasked(stored, [{"Containers": known}]).present("model")
        assert model.masked is masked


ENVIRONMENTS = st.dictionaries(st.text(max_size=3), st.text(max_size=6), max_size=3)
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=6))
TREES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["Environment", "Container", "Mode"]), inner, max_size=3)
        | st.fixed_dictionaries({"Environment": ENVIRONMENTS})
    ),
    max_leaves=6,
)


@settings(max_examples=60, derandomize=True, database=None)
@given(st.dictionaries(st.sampled_from(["PrimaryContainer", "Containers", "ModelName"]), TREES, max_size=3))
def test_masks_stand_in_the_place_of_all_environment_values_and_of_nothing_else(describe: dict[str, Any]) -> None:
    seen = replace(snapshot(), objects={"model": {"m": LiveObject("model", "m", "present", describe)}})
    stored = decode(json.loads(json.dumps(live.masked(seen).encode())))
    masks: set[str] = set()

    def check(value: Any, mask: Any, path: tuple[Any, ...] = ()) -> None:
        if isinstance(value, dict) and path[-1:] == ("Environment",):
            assert list(mask) == [str(name) for name in value]
            masks.update(mask.values())
        elif isinstance(value, dict):
            assert value.keys() == mask.keys()
            for key, inner in value.items():
                check(inner, mask[key], (*path, key))
        elif isinstance(value, list):
            assert len(value) == len(mask)
            for index, inner in enumerate(value):
                check(inner, mask[index], (*path, index))
        else:
            assert value == mask

    (model,) = stored.present("model")
    check(describe, dict(model.describe))
    assert all(re.fullmatch(r"\(masked, [0-9a-f]{8}\)", mask) for mask in masks)
    assert live.unmasked(stored, []).objects["model"]["m"].masked is bool(masks)
