"""specs/plan.schema.json is fresh, valid, and accepts the plans that are written."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest

from mmeplan import graph, plan
from mmeplan.live import Snapshot
from mmeplan.plan.schema import plan_schema, text
from mmeplan.spec import load

ROOT = Path(__file__).parents[3]
NOTHING = Snapshot("2026-01-01T00:00:00+00:00", "123456789012", "eu-west-1", "any", {})


def test_the_copy_under_specs_is_fresh() -> None:
    assert (ROOT / "specs" / "plan.schema.json").read_text() == text()


@pytest.mark.parametrize("fleet", sorted((ROOT / "examples").glob("*/fleet.yaml")), ids=lambda path: path.parent.name)
def test_the_plan_of_an_example_fits_the_schema(fleet: Path) -> None:
    document = plan.encode(plan.build(graph.compile(load(fleet)), NOTHING, created_at=NOTHING.observed_at))
    jsonschema.Draft202012Validator(plan_schema()).validate(document)


def test_a_plan_without_its_steps_does_not_fit() -> None:
    fleet = load(ROOT / "examples" / "serverless" / "fleet.yaml")
    document = plan.encode(plan.build(graph.compile(fleet), NOTHING, created_at=NOTHING.observed_at))
    del document["steps"]
    assert not jsonschema.Draft202012Validator(plan_schema()).is_valid(document)
