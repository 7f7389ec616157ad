"""The counts that GitLab shows in a merge request."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mmeplan import render
from mmeplan.plan import Plan

CASES = sorted(path.parent for path in (Path(__file__).parents[2] / "golden").glob("*/plan.json"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_gitlab_gets_the_three_members_that_it_reads_in_their_order(case: Path) -> None:
    """GitLab's parser compares the list of keys; more or fewer, or another order, is `invalid_json_keys`."""
    plan = Plan.read(case / "plan.json")
    counts = json.loads(render.OUTPUTS["gitlab"](plan))
    assert list(counts) == ["create", "update", "delete"]
    assert tuple(counts.values()) == (plan.summary.create, plan.summary.update, plan.summary.delete)
