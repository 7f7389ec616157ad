"""Bugs planted in the simulated runtime, each of which the tests of its calls must find."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mmeplan.simulator import Settings, Simulator, asynchronous, protocols, runtime
from tests.contract.doors import Door
from tests.unit.simulator import test_asynchronous as tests

Patch = pytest.MonkeyPatch


def serve_each_call_on_each_kind_of_endpoint(patch: Patch) -> None:
    def serving(call: Any, request: Any, *, asynchronous: bool) -> Any:
        del asynchronous
        return call.runtime.table(call.account, call.region, request["EndpointName"], call.now_us)

    patch.setattr(runtime, "serving", serving)


def call_any_container(patch: Patch) -> None:
    patch.setattr(runtime, "_refuse_container", lambda *_: None)


def lose_what_failed(patch: Patch) -> None:
    keep = asynchronous._keep
    patch.setattr(asynchronous, "_keep", lambda call, address, *rest: "error" in address or keep(call, address, *rest))


def draw_the_same_id_twice(patch: Patch) -> None:
    patch.setattr(asynchronous, "_id", lambda call: f"id-{call.store.seed()}")


def frame_a_part_without_its_checksum(patch: Patch) -> None:
    patch.setattr(protocols.zlib, "crc32", lambda _: 0)


PLANTED: list[tuple[Callable[[Patch], None], Callable[[Door], None]]] = [
    (serve_each_call_on_each_kind_of_endpoint, tests.test_each_kind_of_endpoint_refuses_the_others_calls),
    (call_any_container, tests.test_a_container_is_called_by_its_name_where_the_model_says_so),
    (lose_what_failed, lambda door: tests.test_a_failure_is_in_s3_and_says_why(door, "no input")),
    (draw_the_same_id_twice, tests.test_ids_are_of_the_seed_and_differ),
    (frame_a_part_without_its_checksum, lambda door: tests.test_an_answer_comes_in_parts_that_boto3_joins(door, 257)),
]


@pytest.mark.parametrize(("bug", "test"), PLANTED, ids=lambda value: getattr(value, "__name__", ""))
def test_a_planted_bug_of_the_runtime_is_found(
    bug: Callable[[Patch], None], test: Callable[[Door], None], monkeypatch: Patch
) -> None:
    with Simulator.open(settings=Settings(inference_s=2)) as sim:
        test(Door(sim=sim))
    bug(monkeypatch)
    with Simulator.open(settings=Settings(inference_s=2)) as sim:
        try:
            test(Door(sim=sim))
        except (Exception, pytest.fail.Exception):  # noqa: BLE001 - however it is found
            return
    raise AssertionError("the bug wasn't found")
