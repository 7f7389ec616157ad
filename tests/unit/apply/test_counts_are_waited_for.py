"""A change of counts is done when the instances are there: those that were asked for, and no others."""

from __future__ import annotations

from typing import Any

from mmeplan.apply import Event, Outcome, run
from mmeplan.identity import Deployment
from mmeplan.plan.step import DesiresAsSeen, InService, Step
from tests.unit.apply.cloud import Clock, FakeCloud
from tests.unit.apply.test_executor import plan_of

DESIRED = [
    {"VariantName": "fixed", "DesiredWeight": 2.0, "DesiredInstanceCount": 3},
    {"VariantName": "scaled", "DesiredWeight": 1.0},
]
STEP = Step(
    "scale",
    "endpoint/e",
    "UpdateEndpointWeightsAndCapacities",
    {"EndpointName": "e", "DesiredWeightsAndCapacities": DESIRED},
    guard=DesiresAsSeen("e", "c", Deployment("f"), tuple(DESIRED), {"fixed": {"DesiredInstanceCount": 1}}),
    wait=InService("e", "c", 3600, tuple(DESIRED)),
)


def endpoint(fixed: tuple[int, int], scaled: tuple[int, int], weight: float = 2.0) -> dict[str, Any]:
    """What Describe says; (desired, current) counts of its two variants."""
    variants = [
        {"VariantName": name, "DesiredWeight": to, "DesiredInstanceCount": desired, "CurrentInstanceCount": current}
        for name, to, (desired, current) in (("fixed", weight, fixed), ("scaled", 1.0, scaled))
    ]
    return {"EndpointStatus": "InService", "EndpointConfigName": "c", "ProductionVariants": variants}


class Moving(FakeCloud):
    """The endpoint as it is before the call, and look by look after it; the last stays."""

    def __init__(self, *after: dict[str, Any]) -> None:
        super().__init__({"e": endpoint((1, 1), (7, 5), weight=1.0)})
        self.after = list(after)
        self.called = False

    def write(self, operation: str, params: Any) -> dict[str, Any]:
        self.called = True
        return super().write(operation, params)

    def read(self, operation: str, params: Any) -> dict[str, Any]:
        if self.called and self.after and operation == "DescribeEndpoint":
            self.there["e"] = self.after.pop(0)
        return super().read(operation, params)


def carried_out(*after: dict[str, Any]) -> tuple[Outcome, int]:
    """How it ended, and how often it was said that it goes on."""
    cloud, clock, events = Moving(*after), Clock(), list[Event]()
    outcome = run(plan_of(STEP), cloud, cloud, clock, events.append)
    return outcome, sum(event.kind == "polled" for event in events)


def test_counts_of_an_autoscaler_that_move_hold_nothing_up() -> None:
    outcome, polls = carried_out(endpoint((3, 3), (7, 5)))
    assert outcome.complete
    assert polls == 0


def test_instances_that_were_asked_for_are_waited_for() -> None:
    starting = endpoint((3, 1), (7, 7))
    outcome, polls = carried_out(starting, starting, starting, starting, endpoint((3, 3), (7, 7)))
    assert outcome.complete
    assert polls == 4


def test_instances_that_never_come_end_the_wait_and_not_the_apply() -> None:
    outcome, _ = carried_out(endpoint((3, 1), (7, 7)))
    assert "after 60 minutes" in outcome.failed[0].detail
