"""A read that fails after a write, one after the other: steps fail, the apply never does, and the next one finishes.

As `test_stopped` has it for writes. The scenarios are those that are stopped there, and those that seeds have found;
all invariants of the simulated runs are watched, and every life ends with applies that must reach what the file says.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mmeplan.apply import Event, Outcome, run
from mmeplan.errors import CloudError, ConnectionFailedError
from mmeplan.live import Answer, Call, Progress
from mmeplan.plan import Plan
from tests.simulation.seeds.drawing import Scenario
from tests.simulation.seeds.hand import Hand
from tests.simulation.seeds.judging import SCENARIOS as KEPT
from tests.simulation.seeds.judging import read
from tests.simulation.seeds.living import Life
from tests.simulation.test_stopped import SCENARIOS as STOPPED
from tests.simulation.world import Broken, World, config, fleet, one, variant

Refusal = Callable[[str], CloudError]


def _refusal(code: str, message: str) -> Refusal:
    return lambda operation: CloudError(operation, code, message)


REFUSALS: dict[str, Refusal] = {
    "denied": _refusal("AccessDeniedException", "not authorized to perform this"),
    "throttled": _refusal("ThrottlingException", "Rate exceeded"),
    "lost": lambda operation: ConnectionFailedError(operation, "the connection was closed without an answer"),
    "not valid": _refusal("ValidationException", "1 validation error detected"),
    "absent": _refusal("ValidationException", 'Could not find what is there "arn".'),
    "expired": _refusal("ExpiredTokenException", "The security token included in the request is expired"),
}
"""How a read fails. `denied` lasts until the apply ends, for that operation; `expired` for every call."""

MOST = 10  # reads of a scenario that fail, spread over all of them: some have a hundred
MOST_OF_KEPT = 4  # likewise, of each of the many that seeds have found


@dataclass
class Fault:
    """The `number`-th read after an apply's first write fails, of the operation `only` if any. `hit` is what failed."""

    number: int
    kind: str
    only: str = ""
    seen: int = 0
    hit: str = ""
    over: bool = False

    def of_read(self, operation: str) -> CloudError | None:
        """The error of this read, if it is to fail."""
        if self.over:
            return None
        counts = self.only in ("", operation)
        self.seen += counts
        first = counts and self.seen == self.number
        self.hit = operation if first else self.hit
        lasts = self.kind == "expired" or (self.kind == "denied" and self.hit == operation)
        return REFUSALS[self.kind](operation) if first or (self.hit and lasts) else None

    def of_write(self, operation: str) -> CloudError | None:
        """The error of this write, if the session has ended."""
        return REFUSALS["expired"](operation) if self.hit and self.kind == "expired" and not self.over else None


class FailingHand(Hand):
    """The ports of one process, of which a read fails."""

    def __init__(self, fault: Fault, *ports: Any) -> None:
        super().__init__(*ports)
        self.fault = fault
        self.applies = False

    def begin(self, plan: Plan) -> None:
        super().begin(plan)
        self.applies = True

    def read(self, operation: str, params: Mapping[str, Any]) -> Answer:
        error = self._error(operation)
        if error is not None:
            raise error
        return super().read(operation, params)

    def gather(self, calls: Sequence[Call], progress: Progress | None = None) -> list[Answer | Exception]:
        errors = [self._error(operation) for operation, _ in calls]
        answers = super().gather(calls, progress)
        return [answer if error is None else error for error, answer in zip(errors, answers, strict=True)]

    def write(self, operation: str, params: Mapping[str, Any]) -> Answer:
        error = self.fault.of_write(operation) if self.applies else None
        if error is not None:
            raise error
        return super().write(operation, params)

    def _error(self, operation: str) -> CloudError | None:
        return self.fault.of_read(operation) if self.applies and self.writes else None


class FailingLife(Life):
    """A life in which one read fails."""

    def __init__(self, scenario: Scenario, fault: Fault) -> None:
        super().__init__(scenario)
        self.fault = fault
        self.hand_of = partial(FailingHand, fault)  # type: ignore[assignment]

    def carry_out(self, hand: Hand, made: Plan, act: Mapping[str, Any], lock: Any = None) -> Outcome:
        outcome = super().carry_out(hand, made, act, lock)
        self.fault.over = self.fault.over or bool(self.fault.hit)
        return outcome

    def end(self, fleet: Any, ends: str) -> None:
        self.fault.over = True
        super().end(fleet, ends)


def of_fleets(fleets: Sequence[Mapping[str, Any]]) -> Scenario:
    """A life of these files, one after the other, with others about."""
    acts = [{"fleet": {"retain": 2, **fleet}, "allow_outage": True, "later": 900} for fleet in fleets]
    return {"seed": 1, "others": [], "acts": acts, "ends": "fixpoint"}


def lived(scenario: Scenario, fault: Fault, calm: int = 0) -> Fault:
    """The fault after a life with it; in the first `calm` acts nothing fails. Raises Broken."""
    life = FailingLife(scenario, fault)
    try:
        for number, act in enumerate(scenario["acts"]):
            fault.over = number < calm or bool(fault.hit)
            life.act(act)
        life.end(scenario["acts"][-1]["fleet"], scenario["ends"])
    finally:
        life.close()
    return fault


def fail_in_turn(scenario: Scenario, most: int, calm: int = 0) -> None:
    """Live it again and again, each time with another read that fails, `most` of them, in another way each time."""
    count = lived(scenario, Fault(0, "lost"), calm).seen
    kinds = itertools.cycle(REFUSALS)
    for number in range(1, count + 1, max(1, -(-count // most))):
        kind = next(kinds)
        try:
            assert lived(scenario, Fault(number, kind), calm).hit
        except Broken as broken:
            raise Broken(f"{kind} at read {number} of {count}: {broken}") from broken


@pytest.mark.parametrize("scenario", STOPPED)
def test_a_read_that_fails_after_a_write_fails_steps_and_never_the_apply(scenario: str) -> None:
    fleets = STOPPED[scenario]
    fail_in_turn(of_fleets(fleets), MOST, calm=len(fleets) - 1)


@pytest.mark.parametrize("path", sorted(KEPT.glob("*.yaml")), ids=lambda path: path.stem)
def test_what_seeds_have_found_holds_while_reads_fail(path: Path) -> None:
    fail_in_turn(read(path), MOST_OF_KEPT)


MANY = {f"e{number}": {"config": config(main=variant(count=1))} for number in range(7)}


@pytest.mark.parametrize("kind", REFUSALS)
def test_where_many_are_waited_for_a_listing_that_fails_is_a_look_that_failed(kind: str) -> None:
    """More than a handful of endpoints are polled by listing."""
    listings = lived(of_fleets([fleet(MANY)]), Fault(0, "lost", "ListEndpoints")).seen
    assert listings > 2
    for number in (1, 2, listings):
        assert lived(of_fleets([fleet(MANY)]), Fault(number, kind, "ListEndpoints")).hit


def test_a_bug_that_ends_the_apply_at_a_failing_read_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """As any error of a read would, if it were not kept to its step."""

    def unguarded(*_: Any) -> Any:
        raise CloudError("DescribeEndpoint", "AccessDeniedException", "no")

    monkeypatch.setattr("mmeplan.apply.verify", unguarded)
    with pytest.raises(Broken, match="the apply ended with"):
        lived(of_fleets(STOPPED["create"]), Fault(0, "lost"))


# --- what is said of it -----------------------------------------------------------------------------------------------

SMALL, LARGE = one(), one({"main": variant(instance_type="ml.m5.xlarge")})


def rolled_back(world: World, denied: Mapping[str, str], **how: Any) -> Outcome:
    """SageMaker rolls the swap back; before a call that follows on it (its operation → the read) a read is denied."""
    world.live_through(SMALL)
    made = world.plan(LARGE)
    world.sim.faults.fail_update("ranker", "no capacity")

    def observer(event: Event) -> None:
        operation = denied.get(event.operation) if event.kind == "started" and "#rolled-back-" in event.step else None
        if operation:
            world.sim.faults.error(operation, code="AccessDeniedException", message="not authorized")

    return run(made, world.cloud, world.cloud, world.sim.clock, observer, **how)


def test_a_rollback_that_cannot_be_marked_says_so_where_the_step_failed() -> None:
    with World() as world:
        outcome = rolled_back(world, {"AddTags": "ListTags"})
    (failed,) = outcome.failed
    assert failed.rolled_back
    assert (
        "could not be marked on the endpoint: ListTags: AccessDeniedException: not authorized. It serves"
        in failed.detail
    )


def test_a_config_that_cannot_be_looked_at_is_not_cleaned_and_that_is_told() -> None:
    with World() as world:
        outcome = rolled_back(world, {"DeleteEndpointConfig": "DescribeEndpointConfig"}, clean=True)
        assert len(world.names("endpoint-config")) == 2
    assert [result.detail for result in outcome.failed if "#rolled-back-" in result.step] == [
        "DescribeEndpointConfig: AccessDeniedException: not authorized"
    ]


def test_a_create_that_was_refused_and_cannot_be_looked_at_fails_with_both_words() -> None:
    with World() as world:
        made = world.plan(SMALL)
        world.apply(made)
        before = len(world.events)
        for operation in ("DescribeModel", "DescribeEndpointConfig", "DescribeEndpoint"):
            world.sim.faults.error(operation, code="AccessDeniedException", message="not authorized", count=9)
        outcome = world.apply(replace(made, steps=tuple(replace(step, after=()) for step in made.steps)))
        polled = [event for event in world.events[before:] if event.kind == "polled"]
    said = {result.step.partition(":")[0]: result.detail for result in outcome.failed}
    assert set(said) == {"CreateModel", "CreateEndpointConfig", "CreateEndpoint"}
    for operation, detail in said.items():
        assert detail.startswith(f"{operation}: ValidationException: Cannot create already existing")
        assert detail.endswith(
            f"; and then {operation.replace('Create', 'Describe')}: AccessDeniedException: not authorized"
        )
    assert not polled
