"""Each phase for 1,000 endpoints: `pytest tests/benchmarks --benchmark-only`. Never part of the ordinary test run."""

from __future__ import annotations

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from mmeplan import graph, plan, render, rules
from mmeplan.errors import InputError
from mmeplan.graph import Graph
from mmeplan.live import Snapshot
from mmeplan.spec import Fleet, load_text
from tests.benchmarks.fleets import fleet

ENDPOINTS = 1_000
NOTHING = Snapshot("2026-01-01T00:00:00+00:00", "123456789012", "eu-west-1", "big", {})


@pytest.fixture(scope="module")
def text() -> bytes:
    return fleet(ENDPOINTS).encode()


@pytest.fixture(scope="module")
def loaded(text: bytes) -> Fleet:
    return load_text(text)


@pytest.fixture(scope="module")
def compiled(loaded: Fleet) -> Graph:
    return graph.compile(loaded)


def test_load(benchmark: BenchmarkFixture, text: bytes) -> None:
    assert len(benchmark(load_text, text).endpoints) == ENDPOINTS


def test_refuse(benchmark: BenchmarkFixture, text: bytes) -> None:
    wrong = text.replace(b"initial_instance_count: ", b"initial_instance_count: x")

    def refuse() -> int:
        with pytest.raises(InputError) as refused:
            load_text(wrong)
        return len(refused.value.problems)

    assert benchmark(refuse) >= ENDPOINTS


def test_compile(benchmark: BenchmarkFixture, loaded: Fleet) -> None:
    assert len(benchmark(graph.compile, loaded).resources) == 3 * ENDPOINTS


def test_check(benchmark: BenchmarkFixture, loaded: Fleet, compiled: Graph) -> None:
    assert not [finding for finding in benchmark(rules.check, loaded, compiled) if finding.severity == "error"]


def test_diff_and_plan(benchmark: BenchmarkFixture, compiled: Graph) -> None:
    made = benchmark(plan.build, compiled, NOTHING, created_at="2026-01-01T00:00:00+00:00")
    assert made.summary.create == 3 * ENDPOINTS


def test_render(benchmark: BenchmarkFixture, compiled: Graph) -> None:
    made = plan.build(compiled, NOTHING, created_at="2026-01-01T00:00:00+00:00")
    assert "3,000" in benchmark(render.text, made) or made.summary.create == 3 * ENDPOINTS
