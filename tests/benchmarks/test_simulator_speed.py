"""The served simulator is fast and small; beside moto's server where that is installed."""

from __future__ import annotations

import pytest

from tests.benchmarks.simulator_side_by_side import measure, moto_server

IDLE_MB = 60
SMALL_RUN = 300


def test_the_idle_server_is_small() -> None:
    assert measure_ours().idle_mb <= IDLE_MB


def measure_ours():
    return measure(SMALL_RUN)[0]


@pytest.mark.skipif(moto_server() is None, reason="moto's server isn't installed (pip install 'moto[server]')")
def test_it_answers_at_least_five_times_as_many_calls_a_second_as_motos_server() -> None:
    ours, moto = measure(SMALL_RUN)
    assert all(ours.per_s[name] >= 5 * moto.per_s[name] for name in ("CreateModel", "DescribeModel"))
