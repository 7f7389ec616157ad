"""Structures that may be empty and whose presence says something, as whole lives on the simulated SageMaker."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.cli.running import mmeplan

FLEET = """\
version: 1
fleet: shop
region: eu-west-1
models:
  ranker:
    execution_role_arn: arn:aws:iam::123456789012:role/sagemaker
    primary_container: {image: "123456789012.dkr.ecr.eu-west-1.amazonaws.com/ranker:1"}
endpoints:
  ranker:
    config:
      production_variants:
        main: {model: ranker, instance_type: ml.m5.xlarge, initial_instance_count: 2}
"""
PRESENT = {
    "async": "      async_inference_config: {output_config: {}}\n",
    "explainer": "      explainer_config: {clarify_explainer_config: {shap_config: {shap_baseline_config: {}}}}\n",
}


@pytest.mark.parametrize("structure", PRESENT.values(), ids=PRESENT)
def test_an_empty_structure_that_was_applied_is_live(tmp_path: Path, structure: str) -> None:
    (tmp_path / "fleet.yaml").write_text(FLEET + structure)
    assert mmeplan("apply --local -y", tmp_path).code == 0
    for command in ("plan --local --detailed-exitcode", "drift --local"):
        result = mmeplan(command, tmp_path)
        assert (result.code, result.stderr) == (0, ""), result.stdout


@pytest.mark.parametrize("structure", PRESENT.values(), ids=PRESENT)
def test_taking_an_empty_structure_away_is_a_change(tmp_path: Path, structure: str) -> None:
    (tmp_path / "fleet.yaml").write_text(FLEET + structure)
    assert mmeplan("apply --local -y", tmp_path).code == 0
    (tmp_path / "fleet.yaml").write_text(FLEET)
    document = json.loads(mmeplan("plan --local --format json", tmp_path).stdout)
    endpoint = next(change for change in document["changes"] if change["kind"] == "endpoint")
    outage = "async" in structure
    assert endpoint["effect"] == ("outage" if outage else "traffic_shift")
    assert document["applyable"] is not outage


@pytest.mark.parametrize("structure", PRESENT.values(), ids=PRESENT)
def test_import_writes_an_empty_structure(tmp_path: Path, structure: str) -> None:
    (tmp_path / "fleet.yaml").write_text(FLEET + structure)
    assert mmeplan("apply --local -y", tmp_path).code == 0
    text = mmeplan("import --local ranker --fleet shop --region eu-west-1", tmp_path).stdout
    assert structure.split(":", maxsplit=1)[0].strip() in text, text


@pytest.mark.parametrize("structure", PRESENT.values(), ids=PRESENT)
def test_what_an_earlier_release_made_is_no_drift_whichever_way_the_file_says_it_now(
    tmp_path: Path, structure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "fleet.yaml").write_text(FLEET + structure)
    with monkeypatch.context() as earlier:  # empty structures were left out of digests
        module = sys.modules["mmeplan.canonical"]
        earlier.setattr(module, "REQUIRED", {})
        assert mmeplan("apply --local -y", tmp_path).code == 0
    assert mmeplan("drift --local", tmp_path).code == 0
    upgraded = json.loads(mmeplan("plan --local --format json", tmp_path).stdout)
    assert {step["operation"] for step in upgraded["steps"]} == {"AddTags"}
    (tmp_path / "fleet.yaml").write_text(FLEET)
    assert mmeplan("drift --local", tmp_path).code == 0
    assert json.loads(mmeplan("plan --local --format json", tmp_path).stdout)["drift"] == []
