"""The JSON Schema: fresh, valid, and of one mind with the loader."""

from __future__ import annotations

import json
import re
from typing import Any

import botocore
import pytest
from jsonschema import Draft202012Validator

from mmeplan.spec.document import read_document
from mmeplan.spec.schema import CHECKED_IN, MAX_DOC, description, ecma_pattern, fleet_schema, main, schema_text

EXAMPLE = """
version: 1
fleet: house-prices
account: "123456789012"
region: eu-west-1
variables: {instances: 2}
environments: {prod: {account: "210987654321", variables: {instances: 4}}}
defaults:
  model: {execution_role_arn: "arn:aws:iam::123456789012:role/sagemaker"}
  tags: {team: pricing}
models:
  house-prices:
    primary_container:
      image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/xgboost:1.7-1
      mode: MultiModel
      model_data_url: s3://acme-models/house-prices/
      multi_model_config: {model_cache_setting: Disabled}
      environment: {SAGEMAKER_PROGRAM: inference.py, WORKERS: 8, DEBUG: true}
  "small-{{ each.key }}": {for_each: {file: items.csv}, primary_container: {image: "{{ each.value }}"}}
endpoints:
  house-prices:
    config:
      production_variants:
        large:
          model: house-prices
          instance_type: ml.m5.xlarge
          initial_instance_count: "{{ instances }}"
          initial_variant_weight: 2
        small: {model: house-prices, instance_type: ml.m5.large, initial_instance_count: 2, capacity: autoscaled}
      data_capture_config:
        initial_sampling_percentage: 20
        destination_s3_uri: "{{ bucket }}"
        capture_options: [{capture_mode: Input}, {capture_mode: Output}]
    deployment_config:
      blue_green_update_policy:
        traffic_routing_configuration:
          type: CANARY
          canary_size: {type: CAPACITY_PERCENT, value: 25}
          wait_interval_in_seconds: 300
        termination_wait_in_seconds: 120
      auto_rollback_configuration: {alarms: [{alarm_name: house-prices-5xx}]}
    protect: true
  other: {config: shared, on_remove: retain}
endpoint_configs: {}
"""


def errors(text: str) -> list[str]:
    value = read_document("fleet.yaml", text).value
    return [error.json_path for error in Draft202012Validator(fleet_schema()).iter_errors(value)]


def test_the_checked_in_copy_is_fresh() -> None:
    made_with = json.loads(CHECKED_IN.read_text(encoding="utf-8"))["$comment"]
    if f"botocore {botocore.__version__} " not in made_with:
        pytest.skip(f"the copy is of another botocore: {made_with}")
    assert CHECKED_IN.read_text(encoding="utf-8") == schema_text()
    main(["--check"])


def test_a_stale_copy_is_noticed_and_written_anew(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = tmp_path / "fleet.schema.json"
    monkeypatch.setattr("mmeplan.spec.schema.CHECKED_IN", copy)
    with pytest.raises(SystemExit, match="is not fresh"):
        main(["--check"])
    main(["--write"])
    main(["--check"])
    copy.write_text(copy.read_text().replace('"on_remove"', '"on_removal"'))
    with pytest.raises(SystemExit, match="is not fresh"):
        main(["--check"])
    with pytest.raises(SystemExit, match="usage"):
        main([])


def test_another_botocore_is_no_reason_to_fail(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "fleet.schema.json"
    monkeypatch.setattr("mmeplan.spec.schema.CHECKED_IN", copy)
    older = schema_text().replace(f"botocore {botocore.__version__} ", "botocore 1.0.0 ")
    copy.write_text(older)
    main(["--check"])
    assert capsys.readouterr().err == ""
    copy.write_text(older.replace('"on_remove"', '"on_removal"'))
    main(["--check"])
    assert "is of another botocore" in capsys.readouterr().err


def test_it_is_a_schema_and_the_caller_may_change_its_copy() -> None:
    made = fleet_schema()
    Draft202012Validator.check_schema(made)
    made["properties"].clear()
    assert fleet_schema()["properties"]


def test_the_example_is_valid() -> None:
    assert errors(EXAMPLE) == []


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("version: 1", "version: 2"),
        ("fleet: house-prices", "fleet: House_Prices"),
        ('account: "123456789012"', "account: 123456789012"),
        ("region: eu-west-1", "regoin: eu-west-1"),
        ("{prod: {account", "{prod: {acount"),
        ("variables: {instances: 2}", "variables: {in-stances: 2}"),
        ("mode: MultiModel", "mode: Multi"),
        ("model_data_url: s3://", "model_data_url: gs://"),
        ("SAGEMAKER_PROGRAM:", "1SAGEMAKER_PROGRAM:"),
        ("WORKERS: 8", "WORKERS: [8]"),
        ("instance_type: ml.m5.xlarge", "instance_type: m5.xlarge"),
        ("instance_type: ml.m5.xlarge", "InstanceType: ml.m5.xlarge"),
        ('initial_instance_count: "{{ instances }}"', 'initial_instance_count: "2"'),
        ('initial_instance_count: "{{ instances }}"', "initial_instance_count: 0"),
        ("initial_variant_weight: 2", "initial_variant_weight: -1"),
        ("        large:", "        large_one:"),
        ("capacity: autoscaled", "capacity: elastic"),
        ("initial_sampling_percentage: 20", "initial_sampling_percentage: 101"),
        ("[{capture_mode: Input}, {capture_mode: Output}]", "{capture_mode: Input}"),
        ("type: CANARY", "type: CANNARY"),
        ("{alarm_name: house-prices-5xx}", "house-prices-5xx"),
        ("protect: true", "protect: 'yes'"),
        ("on_remove: retain", "on_remove: keep"),
        ("tags: {team: pricing}", "tags: {'mmeplan:team': pricing}"),
        ("tags: {team: pricing}", "tags: {'AWS:team': pricing}"),
        ("tags: {team: pricing}", "tags: {team: 5}"),
        ("{file: items.csv}", "3"),
        ("  house-prices:\n    primary", "  house_prices:\n    primary"),
    ],
)
def test_a_typical_mistake_is_not_valid(right: str, wrong: str) -> None:
    assert right in EXAMPLE
    assert errors(EXAMPLE.replace(right, wrong, 1)) != []


def test_nothing_is_required_that_the_loader_does_not_require() -> None:
    assert errors("version: 1\nfleet: f\nmodels: {m: {}, n: null}\nendpoints: {e: {config: {}}}\ndefaults:\n") == []
    assert errors("fleet: f\n") == ["$"]


def test_every_key_of_the_api_is_documented_in_plain_text() -> None:
    schema = fleet_schema()
    variant = schema["$defs"]["ProductionVariant"]["anyOf"][0]["properties"]
    assert "variant_name" not in variant
    assert variant["initial_instance_count"]["description"].startswith("Number of instances to launch initially")
    docs = re.findall(r'"description": "((?:[^"\\]|\\.)*)"', schema_text())
    assert len(docs) > 150
    assert all(len(json.loads(f'"{doc}"')) <= MAX_DOC and "</" not in doc and "  " not in doc for doc in docs)


def test_html_becomes_one_line() -> None:
    assert description("<p>See <a href='x'>this</a>.</p>\n <ul><li>a &lt; b</li></ul>") == "See this. a < b"
    assert description("word " * 1000).endswith("word …")


@pytest.mark.parametrize(
    ("java", "ecma"),
    [
        ("[a-z]+", "^(?:[a-z]+)$"),
        ("a|b", "^(?:a|b)$"),
        (r"a\-b[c\-d]\/e", r"^(?:a-b[c\-d]/e)$"),
        (r"(?!.*\.\.)x(?<!-)", r"^(?:(?!.*\.\.)x(?<!-))$"),
        (r"\p{L}+", None),
        ("a*+", None),
        ("(?i)a", None),
        ("[[:print:]]", None),
        ("[a&&b]", None),
        (r"\Aa", None),
        ("(", None),
    ],
)
def test_patterns_are_anchored_or_left_out(java: str, ecma: str | None) -> None:
    assert ecma_pattern(java) == ecma
