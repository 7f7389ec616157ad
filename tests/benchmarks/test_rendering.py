"""A plan of 5,000 changed endpoints stays within each rendering's limit; `tests.benchmarks.rendering` has the times."""

from __future__ import annotations

import pytest

from mmeplan import render
from mmeplan.plan import Plan
from mmeplan.render.markup import length
from tests.benchmarks.rendering import FORMATS, swapping

ENDPOINTS = 5_000
MOST = {"text": 100_000, "markdown": 60_000, "html": 4_000_000, "json": 60_000_000}


@pytest.fixture(scope="module")
def large() -> Plan:
    made = swapping(ENDPOINTS)
    assert sum(change.effect == "traffic_shift" for change in made.changes) == ENDPOINTS
    return made


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_a_rendering_of_a_large_plan_is_not_too_long(name: str, large: Plan) -> None:
    assert length(FORMATS[name](large)) <= MOST[name]


def test_every_endpoint_of_a_large_plan_can_be_searched_for(large: Plan) -> None:
    page = render.html(large)
    assert all(change.address in page for change in large.changes if change.kind == "endpoint")
    assert page.count('class="box ') < 100


def test_the_comment_of_a_large_plan_counts_what_is_changed_alike(large: Plan) -> None:
    text = render.markdown(large)
    assert "traffic shifts on 5,000 endpoints" in text
    assert "| `endpoint/tenant-00000` and 4,999 more alike | update | shifts" in text


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_time(benchmark: object, name: str, large: Plan) -> None:
    assert benchmark(FORMATS[name], large)  # type: ignore[operator]
