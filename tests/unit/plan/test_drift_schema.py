"""specs/drift.schema.json is generated, and fresh."""

from __future__ import annotations

from pathlib import Path

from mmeplan.plan.schema import DRIFT_FILE, drift_schema, text

ROOT = Path(__file__).parents[3]


def test_the_copy_in_specs_is_fresh() -> None:
    assert (ROOT / DRIFT_FILE).read_text(encoding="utf-8") == text(drift_schema())
