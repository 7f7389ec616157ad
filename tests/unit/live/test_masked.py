"""A masked snapshot tells no value, and plans the same changes as the whole one."""

from __future__ import annotations

import json

import pytest

from mmeplan import live
from mmeplan.live import Snapshot, decode
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
BIGGER = FLEET.replace("ml.m5.large", "ml.m5.xlarge")
EDITS = {
    "nothing": FLEET,
    "another value": FLEET.replace(SECRET, OTHER),
    "a value more": FLEET.replace("MODE: fast", "MODE: fast, MORE: yes-please"),
    "a value less": FLEET.replace(", MODE: fast", ""),
    "the instances": BIGGER,
    "both": BIGGER.replace(SECRET, OTHER),
    "values change places": FLEET.replace("API_KEY: a-secret-value, MODE: fast", "API_KEY: fast, MODE: a-secret-value"),
}


def snapshot() -> Snapshot:
    seen = Live("prices").apply(FLEET)
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


def test_no_value_is_in_it_and_none_can_be_looked_up() -> None:
    made = live.masked(snapshot())
    text = json.dumps(made.encode())
    assert SECRET in json.dumps(snapshot().encode())
    assert SECRET not in text
    assert "fast" not in text
    assert "API_KEY" in text
    assert decode(json.loads(text)) == decode(made.encode())
    assert made.environment_salt != live.masked(live.unmasked(made, [])).environment_salt


@pytest.mark.parametrize("edit", EDITS)
def test_it_plans_what_the_whole_one_plans(edit: str) -> None:
    whole = planned(EDITS[edit], snapshot())
    stored = decode(json.loads(json.dumps(live.masked(snapshot()).encode())))
    made = planned(EDITS[edit], stored)
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
