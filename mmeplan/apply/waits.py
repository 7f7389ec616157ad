"""Waits: one poller for everything that is under way, and what each answer means.

boto3's own waiter takes InService for success, which is what a rolled-back endpoint says too. Here an update is done
when the endpoint is InService *and* runs the config that was asked for *and* nothing is pending.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from mmeplan.apply.guards import desires_met
from mmeplan.apply.retrying import LIST_POLL_ABOVE, SETTLE_S
from mmeplan.aws.lifecycle import (
    BUSY,
    CREATING,
    DELETING,
    FAILED,
    IN_SERVICE,
    OUT_OF_SERVICE,
    UPDATE_ROLLBACK_FAILED,
    UPDATING,
)
from mmeplan.live import LiveObject, Reader, observe_endpoints, pages
from mmeplan.plan import Step


@dataclass
class Wait:
    """Something that is waited for. `blocked`: not for the step's own end, but for the endpoint to accept a write."""

    step: Step
    since: datetime
    blocked: bool = False
    seen_busy: bool = False
    status: str = field(default="")

    @property
    def endpoint(self) -> str:
        """The endpoint's name."""
        return str(self.step.wait["endpoint"])


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a poll says of a wait: it goes on, it ended well, or it ended badly."""

    state: Literal["waiting", "done", "failed"]
    detail: str = ""
    status: str = ""
    phase: str = ""


def poll(reader: Reader, waits: Iterable[Wait]) -> dict[str, LiveObject | None]:
    """Endpoint name → what Describe says; None where a listing showed that it is still busy.

    Above a handful, the busy ones are found by listing (a hundred a call), and only what moved is described.
    """
    waiting: dict[str, list[Wait]] = {}
    for wait in waits:
        waiting.setdefault(wait.endpoint, []).append(wait)
    names = sorted(waiting)
    busy: dict[str, str] = {}
    if len(names) > LIST_POLL_ABOVE:
        for status in sorted({_expected(wait) for several in waiting.values() for wait in several}):
            for page in pages(reader, "ListEndpoints", {"StatusEquals": status, "MaxResults": 100}):
                busy.update({summary["EndpointName"]: status for summary in page.get("Endpoints", ())})
    for name in busy.keys() & waiting.keys():
        for wait in waiting[name]:
            wait.seen_busy = True
            wait.status = busy[name]
    described = observe_endpoints(reader, [name for name in names if name not in busy])
    return {name: described.get(name) for name in names}


def _expected(wait: Wait) -> str:
    """The status in which a listing would show that the wait goes on."""
    if wait.status in BUSY:
        return wait.status
    return {"CreateEndpoint": CREATING, "DeleteEndpoint": DELETING}.get(wait.step.operation, UPDATING)


def judge(wait: Wait, live: LiveObject | None, now: datetime) -> Verdict:
    """What one answer means for one wait."""
    elapsed_s = (now - wait.since).total_seconds()
    timeout_s = float(wait.step.wait["timeout_s"])
    verdict = _judge(wait, live, elapsed_s)
    if verdict.state == "waiting" and elapsed_s > timeout_s:
        text = (
            f"still {verdict.status or 'under way'} after {timeout_s / 60:.0f} minutes; "
            "SageMaker goes on without us: apply again to join it"
        )
        return Verdict("failed", text, verdict.status)
    return verdict


def _judge(wait: Wait, live: LiveObject | None, elapsed_s: float) -> Verdict:
    if live is None:
        return Verdict("waiting", status=wait.status)
    if live.status == "unreadable":
        return Verdict("waiting", live.error, wait.status)
    if live.status == "absent":
        return _gone(wait, elapsed_s)
    status = str(live.describe.get("EndpointStatus"))
    wait.status = status
    wait.seen_busy = wait.seen_busy or status in BUSY
    if wait.blocked:
        if status in BUSY:
            return Verdict("waiting", "another operation is under way", status, phase_of(live.describe))
        return Verdict("done", status=status)
    if wait.step.wait["until"] == "gone":
        unseen = (
            not wait.seen_busy and elapsed_s < SETTLE_S
        )  # a Failed endpoint is deleted too, and says so for a while
        if status != FAILED or unseen:
            return Verdict("waiting", status=status)
        return Verdict("failed", f"it couldn't be deleted: {_reason(live)}", status)
    return _in_service(wait, live.describe, status, elapsed_s)


def _gone(wait: Wait, elapsed_s: float) -> Verdict:
    if wait.blocked or wait.step.wait["until"] == "gone":
        return Verdict("done", "is gone")
    if elapsed_s < SETTLE_S and wait.step.operation == "CreateEndpoint":
        return Verdict("waiting", "not visible yet")
    return Verdict("failed", "the endpoint is gone: somebody deleted it")


def _in_service(wait: Wait, described: Mapping[str, Any], status: str, elapsed_s: float) -> Verdict:
    reason = described.get("FailureReason") or "SageMaker gave no reason"
    if status == FAILED:
        return Verdict("failed", f"the endpoint Failed: {reason}", status)
    if status in (UPDATE_ROLLBACK_FAILED, OUT_OF_SERVICE):
        return Verdict("failed", f"the endpoint is {status}: {reason}; look at it before anything else", status)
    if status != IN_SERVICE:
        return Verdict("waiting", status=status, phase=phase_of(described))
    wanted, in_force = wait.step.wait["config"], described.get("EndpointConfigName")
    if described.get("PendingDeploymentSummary"):
        return Verdict("waiting", "a deployment is pending", status)
    desired = wait.step.wait.get("desired")
    if in_force == wanted and (not desired or (desires_met(desired, described) and _settled(desired, described))):
        return Verdict("done", status=status)
    if not wait.seen_busy and elapsed_s < SETTLE_S:
        return Verdict("waiting", "the change is not visible yet", status)
    if in_force != wanted:
        text = (
            f"SageMaker rolled the update back: the endpoint is InService, but runs {in_force}, not {wanted} ({reason})"
        )
        return Verdict(
            "failed", f"{text}. It serves as before; {wanted} is kept so that you can look at it", "RolledBack"
        )
    if desired and not desires_met(desired, described):
        return Verdict("failed", f"SageMaker went back to the former weights or counts: {reason}", "RolledBack")
    return Verdict("waiting", "instances are still starting", status)


def _settled(desired: list[Mapping[str, Any]], described: Mapping[str, Any]) -> bool:
    """Whether the counts that were asked for are there; other variants' counts may be an autoscaler's, and move."""
    counted = {item["VariantName"] for item in desired if "DesiredInstanceCount" in item}
    return all(
        summary.get("CurrentInstanceCount") == summary.get("DesiredInstanceCount")
        for summary in described.get("ProductionVariants") or ()
        if summary.get("VariantName") in counted
    )


def _reason(live: LiveObject) -> str:
    return str(live.describe.get("FailureReason") or "SageMaker gave no reason")


def phase_of(described: Mapping[str, Any]) -> str:
    """What the variants say of themselves: `Baking: Baking for 600 seconds …`."""
    pending = (described.get("PendingDeploymentSummary") or {}).get("ProductionVariants") or ()
    for summary in (*pending, *(described.get("ProductionVariants") or ())):
        for entry in summary.get("VariantStatus") or ():
            message = entry.get("StatusMessage")
            return f"{entry.get('Status')}: {message}" if message else str(entry.get("Status"))
    return ""
