"""Checking takes work in proportion to the fleet: twice the endpoints, twice the calls, counted and not timed."""

from __future__ import annotations

from mmeplan import graph, rules, spec
from tests.benchmarks.fleets import fleet
from tests.rules.online_account import OWN
from tests.rules.test_online_reads import Fake, bucket, fleet_with_alarms, many_models
from tests.work import calls_of


def calls_of_a_check(endpoints: int) -> int:
    """How many functions a check of that many endpoints calls."""
    loaded = spec.load_text(fleet(endpoints).encode())
    desired = graph.compile(loaded)
    return calls_of(lambda: rules.check(loaded, desired))


def work_online(endpoints: int) -> tuple[int, int]:
    """(calls, reads) of the online rules over that many endpoints, whose archives lie side by side."""
    loaded = spec.load_text(fleet_with_alarms(endpoints).encode())
    desired = graph.compile(loaded)
    keys = ["ranker.tar.gz"]
    reads = Fake(**{**OWN, "ListObjectsV2": bucket(keys), "DescribeAlarms": {"MetricAlarms": []}})
    return calls_of(lambda: rules.check_online(loaded, desired, reads)), len(reads.asked)


def test_the_work_of_a_check_grows_with_the_fleet_and_not_faster() -> None:
    calls_of_a_check(10)  # shapes are read and patterns compiled once
    few, more, many = (calls_of_a_check(number) for number in (50, 100, 200))

    assert many - more <= 2.1 * (more - few)
    assert more > few


def test_the_work_online_grows_with_the_fleet_and_not_faster() -> None:
    work_online(100)
    (few, _), (more, _), (many, reads) = (work_online(number) for number in (100, 200, 400))

    assert many - more <= 2.1 * (more - few)
    assert more > few
    assert reads <= 40


def test_a_common_listing_is_looked_into_once_for_each_artifact() -> None:
    def calls(models: int) -> int:
        loaded = spec.load_text(many_models(models).encode())
        desired = graph.compile(loaded)
        keys = [f"v1/m{number:05}.tar.gz" for number in range(models)]
        reads = Fake(ListObjectsV2=bucket(keys), ListModels={"Models": []})
        return calls_of(lambda: rules.check_online(loaded, desired, reads))

    calls(100)
    few, more, many = calls(200), calls(400), calls(800)

    assert many - more <= 2.1 * (more - few)
