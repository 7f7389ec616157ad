"""judge: every status in every situation, and what one poller asks."""

from __future__ import annotations

from typing import Any

import pytest

from mmeplan.apply.retrying import LIST_POLL_ABOVE
from mmeplan.apply.waits import Waiting, judge, poll
from mmeplan.errors import CloudError
from mmeplan.live import LiveObject, live_endpoint, live_object
from mmeplan.plan import Step
from mmeplan.plan.step import Gone, InService
from tests.unit.apply.cloud import FakeCloud

STATUSES = (
    *("Creating", "Updating", "SystemUpdating", "RollingBack", "InService", "Deleting"),
    *("Failed", "OutOfService", "UpdateRollbackFailed"),
)


def wait_for(operation: str = "UpdateEndpoint", until: str = "InService", **more: Any) -> Waiting:
    blocked = more.pop("blocked", False)
    seen_busy = more.pop("seen_busy", False)
    wait = Gone("e", 3600) if until == "gone" else InService("e", "new", 3600, **more)
    return Waiting(Step("s", "endpoint/e", operation, {}, wait=wait), wait, 0.0, blocked, seen_busy)


def live(status: str = "InService", config: str = "new", **more: Any) -> LiveObject:
    described = {"EndpointName": "e", "EndpointStatus": status, "EndpointConfigName": config, **more}
    return live_object("endpoint", "e", "present", described)


def verdict(wait: Waiting, seen: LiveObject | None, after_s: float = 200) -> str:
    return judge(wait, seen, after_s).state


SWAPPED = dict.fromkeys(STATUSES, "waiting") | {
    "InService": "done",
    "Failed": "failed",
    "OutOfService": "failed",
    "UpdateRollbackFailed": "failed",
}
GONE = dict.fromkeys(STATUSES, "waiting") | {"Failed": "failed"}
FREE = dict.fromkeys(STATUSES, "done") | dict.fromkeys(
    ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"), "waiting"
)


@pytest.mark.parametrize("status", STATUSES)
def test_an_update_ends_by_the_table(status: str) -> None:
    assert verdict(wait_for(), live(status)) == SWAPPED[status]


@pytest.mark.parametrize("status", STATUSES)
def test_a_delete_ends_when_the_endpoint_is_gone_or_failed_to_go(status: str) -> None:
    assert verdict(wait_for("DeleteEndpoint", "gone", seen_busy=True), live(status)) == GONE[status]


@pytest.mark.parametrize("status", STATUSES)
def test_a_blocked_step_waits_for_the_statuses_that_refuse_writes(status: str) -> None:
    assert verdict(wait_for(blocked=True), live(status)) == FREE[status]


def test_in_service_with_the_old_config_is_a_rollback_once_it_was_seen_busy() -> None:
    found = judge(wait_for(seen_busy=True), live(config="old", FailureReason="alarm x"), 0.0)
    assert (found.state, found.status) == ("failed", "RolledBack")
    assert "alarm x" in found.detail


def test_in_service_with_the_old_config_right_after_the_call_is_not_visible_yet() -> None:
    assert verdict(wait_for(), live(config="old"), 10) == "waiting"
    assert verdict(wait_for(), live(config="old"), 100) == "failed"


def test_a_rollback_without_a_reason_is_a_rollback_too() -> None:
    assert "gave no reason" in judge(wait_for(seen_busy=True), live(config="old"), 0.0).detail


def test_a_pending_deployment_is_waited_for() -> None:
    assert verdict(wait_for(), live(PendingDeploymentSummary={"EndpointConfigName": "x"})) == "waiting"


def test_a_scaling_is_done_when_the_desired_counts_are_there() -> None:
    desired = [{"VariantName": "a", "DesiredInstanceCount": 3}]

    def variants(a_now: int, a_wanted: int, b_now: int = 1) -> Any:
        return [
            {"VariantName": "a", "CurrentInstanceCount": a_now, "DesiredInstanceCount": a_wanted},
            {"VariantName": "b", "CurrentInstanceCount": b_now, "DesiredInstanceCount": 9},
        ]

    def of(*counts: int) -> str:
        return verdict(wait_for(desired=desired, seen_busy=True), live(ProductionVariants=variants(*counts)))

    assert (of(3, 3), of(2, 3), of(2, 2)) == ("done", "waiting", "failed")
    assert of(3, 3, 5) == "done"  # b belongs to an autoscaler


@pytest.mark.parametrize(
    ("operation", "until", "after_s", "state"),
    [
        ("CreateEndpoint", "InService", 10, "waiting"),
        ("CreateEndpoint", "InService", 100, "failed"),
        ("UpdateEndpoint", "InService", 10, "failed"),
        ("DeleteEndpoint", "gone", 10, "done"),
    ],
)
def test_an_absent_endpoint_means_what_was_asked(operation: str, until: str, after_s: float, state: str) -> None:
    assert verdict(wait_for(operation, until), live_object("endpoint", "e", "absent"), after_s) == state


def test_a_failed_endpoint_that_is_being_deleted_may_still_say_failed() -> None:
    assert verdict(wait_for("DeleteEndpoint", "gone"), live("Failed"), 10) == "waiting"
    assert verdict(wait_for("DeleteEndpoint", "gone"), live("Failed"), 100) == "failed"


def test_what_can_not_be_read_is_waited_for() -> None:
    unreadable = live_object("endpoint", "e", "unreadable", error="denied")
    assert judge(wait_for(), unreadable, 0.0).detail == "denied"
    assert verdict(wait_for(), None) == "waiting"


def test_a_wait_ends_with_its_timeout_and_says_that_sagemaker_goes_on() -> None:
    late = judge(wait_for(), live("Updating"), 3601)
    assert late.state == "failed"
    assert "still Updating after 60 minutes" in late.detail


def test_the_phase_is_the_variants_own_words() -> None:
    entry = {"Status": "Baking", "StatusMessage": "Baking for 600 seconds"}
    described = {"PendingDeploymentSummary": {"ProductionVariants": [{"VariantStatus": [entry]}]}}
    assert live_endpoint(described).phase == "Baking: Baking for 600 seconds"
    assert live_endpoint({"ProductionVariants": [{"VariantStatus": [{"Status": "Creating"}]}]}).phase == "Creating"
    assert live_endpoint({}).phase == ""


class Listing:
    """A reader that counts; every endpoint is Updating but the last."""

    def __init__(self, names: list[str]) -> None:
        self.names = names
        self.asked: list[str] = []

    def read(self, operation: str, params: Any) -> dict[str, Any]:
        self.asked.append(f"{operation} {params['StatusEquals']}")
        busy = self.names[:-1] if params["StatusEquals"] == "Updating" else []
        return {"Endpoints": [{"EndpointName": name} for name in busy]}

    def gather(self, calls: Any, progress: Any = None) -> list[Any]:
        del progress
        self.asked += [f"{operation} {params['EndpointName']}" for operation, params in calls]
        return [{"EndpointName": params["EndpointName"], "EndpointStatus": "InService"} for _, params in calls]


def waits_for(names: list[str]) -> list[Waiting]:
    waits = [InService(name, "", 1) for name in names]
    return [Waiting(Step(wait.endpoint, wait.endpoint, "UpdateEndpoint", {}, wait=wait), wait, 0.0) for wait in waits]


def test_a_few_endpoints_are_described_and_many_are_listed() -> None:
    few = [f"e{number}" for number in range(LIST_POLL_ABOVE)]
    reader = Listing(few)
    poll(reader, waits_for(few))
    assert reader.asked == [f"DescribeEndpoint {name}" for name in few]
    many = [f"e{number}" for number in range(LIST_POLL_ABOVE + 20)]
    reader = Listing(many)
    waiting = waits_for(many)
    seen = poll(reader, waiting)
    assert [line for line in reader.asked if line.startswith("Describe")] == [f"DescribeEndpoint {many[-1]}"]
    assert [name for name, found in seen.items() if found] == [many[-1]]
    assert all(wait.seen_busy and wait.status == "Updating" for wait in waiting[:-1])


def test_two_waits_on_one_endpoint_both_learn_that_it_is_busy() -> None:
    names = [f"e{number}" for number in range(LIST_POLL_ABOVE + 2)]
    waiting = [*waits_for(names), *waits_for(names[:1])]
    poll(Listing(names), waiting)
    assert waiting[0].seen_busy
    assert waiting[-1].seen_busy


@pytest.mark.parametrize(("code", "raised"), [("AccessDeniedException", False), ("ThrottlingException", True)])
def test_where_endpoints_may_not_be_listed_each_is_asked_and_other_failures_are_told(code: str, raised: bool) -> None:
    there = {"EndpointStatus": "Updating", "EndpointConfigName": "old"}
    cloud = FakeCloud({f"e{n}": there for n in range(LIST_POLL_ABOVE + 1)})
    cloud.errors["ListEndpoints"] = [CloudError("ListEndpoints", code, "no")]
    waits = [
        Waiting(Step("s", "endpoint/e", "UpdateEndpoint", {}), InService(name, "new", 3600), 0.0)
        for name in cloud.there
    ]
    if raised:
        with pytest.raises(CloudError, match="ListEndpoints"):
            poll(cloud, waits)
        return
    assert {name: found.status for name, found in poll(cloud, waits).items()} == dict.fromkeys(cloud.there, "present")


def test_a_delete_that_is_not_visible_yet_is_waited_for() -> None:
    found = judge(wait_for("DeleteEndpoint", "gone"), live(), 0.0)
    assert (found.state, found.status) == ("waiting", "InService")
