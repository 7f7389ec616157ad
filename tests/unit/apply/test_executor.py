"""The executor: order, bounds, what a failure takes with it, and how it stops."""

from __future__ import annotations

from typing import Any

import pytest

from mmeplan.apply import DEFAULT_PARALLELISM, Event, Outcome, run
from mmeplan.apply.executor import Executor
from mmeplan.errors import CloudError, ConnectionFailedError
from mmeplan.identity import Deployment
from mmeplan.plan import Options, Plan, Step, Summary
from mmeplan.plan.document import Observed
from mmeplan.plan.step import EndpointNameIsFree, InService, NameIsFree, Unreferenced
from tests.unit.apply.cloud import Clock, FakeCloud, missing


def plan_of(*steps: Step, applyable: bool = True) -> Plan:
    return Plan(
        *("0", "2026-01-01T00:00:00+00:00", "f", "", "123456789012", "eu-west-1", (), Options(), Observed("", "", {})),
        *(Summary(), (), steps, (), (), {}, True, applyable, False),
    )


def model(name: str, *after: str) -> Step:
    return Step(name, f"model/{name}", "CreateModel", {"ModelName": name}, after, guard=NameIsFree("model", name, name))


def create(name: str, *after: str) -> Step:
    guard, wait = EndpointNameIsFree(name, "c", Deployment("f")), InService(name, "c", 3600)
    return Step(name, f"endpoint/{name}", "CreateEndpoint", {"EndpointName": name}, after, guard, wait)


class Service(FakeCloud):
    """Endpoints are InService `after_s` seconds after they were created."""

    def __init__(self, clock: Clock, after_s: float = 100) -> None:
        super().__init__()
        self.clock, self.after_s = clock, after_s
        self.since: dict[str, Any] = {}
        self.most_at_once = 0

    def write(self, operation: str, params: Any) -> dict[str, Any]:
        answer = super().write(operation, params)
        if operation == "CreateEndpoint":
            self.since[params["EndpointName"]] = self.clock.now()
        elif operation == "CreateModel":
            self.there[params["ModelName"]] = {}
        self._settle()
        return answer

    def read(self, operation: str, params: Any) -> dict[str, Any]:
        self._settle()
        return super().read(operation, params)

    def _settle(self) -> None:
        for name, since in self.since.items():
            busy = (self.clock.now() - since).total_seconds() < self.after_s
            self.there[name] = {"EndpointStatus": "Creating" if busy else "InService", "EndpointConfigName": "c"}
        creating = [name for name in self.since if self.there[name]["EndpointStatus"] == "Creating"]
        self.most_at_once = max(self.most_at_once, len(creating))


class Run:
    """One run of a plan on a `Service`."""

    def __init__(self, *steps: Step, **how: Any) -> None:
        self.clock = Clock()
        self.cloud = Service(self.clock)
        self.events: list[Event] = []
        self.plan, self.how = plan_of(*steps), how

    def __call__(self) -> Outcome:
        executor = Executor(self.plan, self.cloud, self.cloud, self.clock, self.events.append, **self.how)
        return executor.run()


def ids(results: Any) -> list[str]:
    return [result.step for result in results]


def test_steps_run_in_the_order_of_what_they_need() -> None:
    going = Run(create("e", "m"), model("m"))
    assert ids(going().done) == ["e", "m"]
    assert [operation for operation in going.cloud.operations() if operation.startswith("Create")] == [
        "CreateModel",
        "CreateEndpoint",
    ]


def test_a_step_that_is_not_in_the_plan_is_not_waited_for() -> None:
    assert ids(Run(model("a", "elsewhere"), model("b", "a"))().done) == ["a", "b"]


@pytest.mark.parametrize("bound", [1, 3, DEFAULT_PARALLELISM])
def test_no_more_endpoints_are_under_way_than_allowed(bound: int) -> None:
    going = Run(*(create(f"e{number}") for number in range(25)), parallelism=bound)
    assert len(going().done) == 25
    assert going.cloud.most_at_once == bound


def test_a_failure_skips_its_descendants_and_nothing_else() -> None:
    going = Run(model("a"), model("b", "a"), model("c", "b"), model("d"))
    going.cloud.errors["CreateModel"] = [CloudError("CreateModel", "AccessDeniedException", "no")]
    outcome = going()
    assert (ids(outcome.failed), ids(outcome.skipped), ids(outcome.done)) == (["a"], ["b", "c"], ["d"])
    assert [found.detail for found in outcome.skipped] == ["a failed", "b was skipped"]
    assert not outcome.complete


def test_a_chain_of_thousands_that_fails_at_its_first_step_is_skipped_to_its_end() -> None:
    going = Run(model("0"), *(model(str(number), str(number - 1)) for number in range(1, 5000)))
    going.cloud.errors["CreateModel"] = [CloudError("CreateModel", "AccessDeniedException", "no")]
    assert len(going().skipped) == 4999


def test_a_step_that_two_failures_take_along_is_skipped_once() -> None:
    going = Run(model("a"), model("b"), model("c", "a", "b"))
    going.cloud.errors["CreateModel"] = [CloudError("CreateModel", "AccessDeniedException", "no")] * 2
    assert ids(going().skipped) == ["c"]
    assert [event.kind for event in going.events if event.step == "c"] == ["skipped"]


def test_fail_fast_starts_nothing_more_and_still_waits_for_what_runs() -> None:
    going = Run(create("e"), model("bad"), model("never"), fail_fast=True)
    going.cloud.errors["CreateModel"] = [CloudError("CreateModel", "AccessDeniedException", "no")]
    outcome = going()
    assert (ids(outcome.done), ids(outcome.failed), ids(outcome.skipped)) == (["e"], ["bad"], ["never"])
    assert "--fail-fast" in outcome.skipped[0].detail
    assert not outcome.interrupted


def test_ctrl_c_waits_for_what_runs_and_skips_the_rest() -> None:
    going = Run(create("e"), model("next", "e"), parallelism=1)
    going.how["stopping"] = lambda: "e" in going.cloud.since
    outcome = going()
    assert (ids(outcome.done), ids(outcome.skipped), outcome.interrupted) == (["e"], ["next"], True)
    assert outcome.skipped[0].detail == "interrupted"


def test_ctrl_c_after_the_last_step_interrupts_nothing() -> None:
    going = Run(create("e"))
    going.how["stopping"] = lambda: "e" in going.cloud.since
    outcome = going()
    assert outcome.complete
    assert not outcome.interrupted


def test_ctrl_c_before_the_first_step_writes_nothing() -> None:
    going = Run(model("a"), stopping=lambda: True)
    assert ids(going().skipped) == ["a"]
    assert going.cloud.calls == []


def test_deletes_of_models_and_configs_come_when_everything_else_has_ended() -> None:
    guard = Unreferenced("model", "old", Deployment("f"))
    going = Run(Step("d", "model/old", "DeleteModel", {"ModelName": "old"}, guard=guard), create("e"))
    going.cloud.there |= {"old": {}, "c": {}}
    going()
    writes = [operation for operation in going.cloud.operations() if operation[:6] in ("Create", "Delete")]
    assert writes == ["CreateEndpoint", "DeleteModel"]


def test_a_create_that_exists_and_can_not_be_read_yet_is_tried_again() -> None:
    going = Run(model("m"))
    exists = CloudError("CreateModel", "ValidationException", 'Cannot create already existing model "m".')
    going.cloud.errors["CreateModel"] = [exists]
    assert ids(going().done) == ["m"]
    assert going.clock.slept


def test_an_endpoint_that_always_says_it_is_busy_is_not_waited_for_without_end() -> None:
    going = Run(create("e"))
    busy = CloudError("CreateEndpoint", "ValidationException", 'Cannot update in-progress endpoint "e".')
    going.cloud.errors["CreateEndpoint"] = [busy] * 10_000
    outcome = going()
    assert ids(outcome.failed) == ["e"]
    assert sum(going.clock.slept) < 2 * 3600


@pytest.mark.parametrize(
    ("error", "times", "ends"),
    [
        (CloudError("CreateModel", "ThrottlingException", "Rate exceeded"), 7, "done"),
        (CloudError("CreateModel", "ThrottlingException", "Rate exceeded"), 8, "failed"),
        (ConnectionFailedError("CreateModel", "cut"), 4, "done"),
        (ConnectionFailedError("CreateModel", "cut"), 5, "failed"),
        (missing("CreateModel"), 6, "done"),
        (missing("CreateModel"), 7, "failed"),
        (CloudError("CreateModel", "ValidationException", "Could not access model data at s3://x"), 7, "done"),
        (CloudError("CreateModel", "ResourceLimitExceeded", "quota"), 1, "failed"),
        (CloudError("CreateModel", "ValidationException", "1 validation error detected"), 1, "failed"),
    ],
)
def test_a_call_is_repeated_as_often_as_its_failure_deserves(error: CloudError, times: int, ends: str) -> None:
    going = Run(model("m"))
    going.cloud.errors["CreateModel"] = [error] * times
    assert ids(getattr(going(), ends)) == ["m"]
    assert [event.kind for event in going.events].count("retried") == times - (ends == "failed")


def test_a_plan_that_is_not_applyable_is_refused() -> None:
    clock = Clock()
    cloud = Service(clock)
    with pytest.raises(ValueError, match="not applyable"):
        run(plan_of(model("m"), applyable=False), cloud, cloud, clock, lambda _: None)
    assert cloud.calls == []


def test_every_step_starts_before_it_is_called_and_ends_once() -> None:
    going = Run(model("m"), create("e", "m"))
    going()
    for step in ("m", "e"):
        kinds = [event.kind for event in going.events if event.step == step and event.kind != "polled"]
        assert kinds == ["started", "called", "done"]
    assert {event.encode()["step"] for event in going.events} == {"m", "e"}
