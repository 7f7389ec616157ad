"""Waits: one poller for everything that is under way, and what each answer means.

boto3's own waiter takes InService for success, which is what a rolled-back endpoint says too. Here an update is done
when the endpoint is InService *and* runs the config that was asked for *and* nothing is pending.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from mmeplan.apply.events import Cause
from mmeplan.apply.retrying import DENIED_POLLS, LIST_POLL_ABOVE, SETTLE_S
from mmeplan.aws.failures import Failure, failure_of
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
from mmeplan.errors import CloudError
from mmeplan.live import LiveEndpoint, Reader, observe_endpoints, pages
from mmeplan.plan.step import Desires, Gone, RunsConfig, Step, Wait, desires_met

Judgement = Literal["waiting", "done", "failed", "compare"]

ACCEPTORS: Final[Mapping[str, Mapping[str, Judgement]]] = {
    "InService": {IN_SERVICE: "compare", FAILED: "failed", UPDATE_ROLLBACK_FAILED: "failed", OUT_OF_SERVICE: "failed"},
    "gone": {FAILED: "failed"},
    "blocked": dict.fromkeys(BUSY, "waiting"),
}
"""What is waited for → what an endpoint's status says of it. `compare`: the config in force has to be looked at."""

OTHERWISE: Final[Mapping[str, Judgement]] = {"InService": "waiting", "gone": "waiting", "blocked": "done"}
"""What is waited for → what any other status says of it."""

ROLLED_BACK: Final = "RolledBack"
"""mmeplan's own status in a verdict: InService, and not on the config that was asked for."""


@dataclass
class Waiting:
    """A step that is waited for. `blocked`: not for its own end, but for the endpoint to accept a write.

    `since` is when it began, by the monotonic clock; `denied` counts the looks in a row that the caller wasn't
    permitted.
    """

    step: Step
    wait: Wait
    since: float
    blocked: bool = False
    seen_busy: bool = False
    status: str = ""
    denied: int = 0

    @property
    def endpoint(self) -> str:
        """The endpoint's name."""
        return self.wait.endpoint

    @property
    def expected(self) -> str:
        """The status in which a listing would show that the wait goes on."""
        if self.status in BUSY:
            return self.status
        return {"CreateEndpoint": CREATING, "DeleteEndpoint": DELETING}.get(self.step.operation, UPDATING)

    @property
    def until_gone(self) -> bool:
        """Whether it ends when the endpoint doesn't exist any more."""
        return isinstance(self.wait, Gone)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a poll says of a wait: it goes on, it ended well, or it ended badly, and from what."""

    state: Literal["waiting", "done", "failed"]
    detail: str = ""
    status: str = ""
    phase: str = ""
    cause: Cause = ""


class Polled(Protocol):
    """An endpoint that is looked at; `status` and `seen_busy` are noted."""

    status: str
    seen_busy: bool

    @property
    def endpoint(self) -> str:
        """The endpoint's name."""

    @property
    def expected(self) -> str:
        """The status in which a listing would show that the wait goes on."""


def poll(reader: Reader, waits: Iterable[Polled]) -> dict[str, LiveEndpoint | None]:
    """Endpoint name → what Describe says; None where a listing showed that it is still busy.

    Above a handful, the busy ones are found by listing (a hundred a call), and only what moved is described.
    """
    waiting: dict[str, list[Polled]] = {}
    for wait in waits:
        waiting.setdefault(wait.endpoint, []).append(wait)
    names = sorted(waiting)
    busy: dict[str, str] = {}
    if len(names) > LIST_POLL_ABOVE:
        busy = _listed(reader, sorted({wait.expected for several in waiting.values() for wait in several}))
    for name in busy.keys() & waiting.keys():
        for wait in waiting[name]:
            wait.seen_busy = True
            wait.status = busy[name]
    described = observe_endpoints(reader, [name for name in names if name not in busy])
    return {name: described.get(name) for name in names}


def _listed(reader: Reader, statuses: list[str]) -> dict[str, str]:
    """Endpoint name → status, of all that have one of these; empty where listing isn't permitted (each is asked)."""
    found = {}
    try:
        for status in statuses:
            for page in pages(reader, "ListEndpoints", {"StatusEquals": status, "MaxResults": 100}):
                found.update({summary["EndpointName"]: status for summary in page.get("Endpoints", ())})
    except CloudError as error:
        if failure_of(error) is not Failure.DENIED:
            raise
        return {}
    return found


def judge(wait: Waiting, live: LiveEndpoint | None, now: float) -> Verdict:
    """What one answer means for one wait. `now` is the monotonic clock's, as `wait.since` is."""
    elapsed_s = now - wait.since
    timeout_s = wait.wait.timeout_s
    verdict = _judge(wait, live, elapsed_s)
    if verdict.state == "waiting" and elapsed_s > timeout_s:
        text = (
            f"still {verdict.status or 'under way'} after {timeout_s / 60:.0f} minutes; "
            "SageMaker goes on without us, and the next apply joins it"
        )
        return Verdict("failed", text, verdict.status)
    return verdict


def _judge(wait: Waiting, live: LiveEndpoint | None, elapsed_s: float) -> Verdict:
    if live is None:
        return Verdict("waiting", status=wait.status)
    if live.status == "unreadable":
        return _unreadable(wait, live.error)
    wait.denied = 0
    if live.status == "absent":
        return _gone(wait, elapsed_s)
    status = wait.status = live.endpoint_status
    wait.seen_busy = wait.seen_busy or status in BUSY
    until = "blocked" if wait.blocked else "gone" if wait.until_gone else "InService"
    judgement = ACCEPTORS[until].get(status, OTHERWISE[until])
    if judgement == "compare":
        return _compared(wait, live, elapsed_s)
    if judgement == "failed":
        return _failed(wait, live, elapsed_s)
    detail = "another operation is under way" if wait.blocked and judgement == "waiting" else ""
    return Verdict(judgement, detail, status, live.phase if judgement == "waiting" and until != "gone" else "")


def _unreadable(wait: Waiting, error: str) -> Verdict:
    """A look that failed: the next may work. Where it is denied again and again, nobody will ever see the end."""
    if not error.startswith("denied"):
        return Verdict("waiting", error, wait.status)
    wait.denied += 1
    if wait.denied < DENIED_POLLS:
        return Verdict("waiting", error, wait.status)
    text = f"{wait.endpoint} can't be looked at any more ({error}); SageMaker goes on without us, "
    return Verdict("failed", text + "and the next apply joins it", wait.status, cause="permission")


def _failed(wait: Waiting, live: LiveEndpoint, elapsed_s: float) -> Verdict:
    status, reason = live.endpoint_status, _reason(live)
    if wait.until_gone:
        if not wait.seen_busy and elapsed_s < SETTLE_S:
            return Verdict("waiting", status=status)  # a Failed endpoint is deleted too, and says so for a while
        return Verdict("failed", f"it couldn't be deleted: {reason}", status, cause="stuck")
    if status == FAILED:
        return Verdict("failed", f"the endpoint {wait.endpoint} Failed: {reason}", status, cause="failed")
    text = f"the endpoint {wait.endpoint} is {status}: {reason}; look at it before anything else"
    if status == UPDATE_ROLLBACK_FAILED:
        text += ": it serves with a mix of the old and the new config, and only DeleteEndpoint or AWS support ends that"
    return Verdict("failed", text, status, cause="stuck")


def _gone(wait: Waiting, elapsed_s: float) -> Verdict:
    if wait.blocked or wait.until_gone:
        return Verdict("done", "is gone")
    if elapsed_s < SETTLE_S and wait.step.operation == "CreateEndpoint":
        return Verdict("waiting", "not visible yet")
    return Verdict("failed", "the endpoint is gone: somebody deleted it")


def _compared(wait: Waiting, live: LiveEndpoint, elapsed_s: float) -> Verdict:
    """The endpoint is InService: by what was asked for, by something else, or not yet."""
    status = live.endpoint_status
    if isinstance(wait.wait, Gone):
        return Verdict("waiting", status=status)
    if live.has_pending_deployment:
        return Verdict("waiting", "a deployment is pending", status)
    wanted, desired = wait.wait.config, wait.wait.desired
    if live.config == wanted and (not desired or (desires_met(desired, live) and _settled(desired, live))):
        return Verdict("done", status=status)
    if not wait.seen_busy and elapsed_s < SETTLE_S:
        return Verdict("waiting", "the change is not visible yet", status)
    if live.config != wanted:
        return _elsewhere(wait, wanted, live)
    if desired and not desires_met(desired, live):
        text = f"SageMaker went back to the former weights or counts of {wait.endpoint}: {_reason(live)}"
        return Verdict("failed", text, ROLLED_BACK, cause="rolled_back")
    return Verdict("waiting", "instances are still starting", status)


def _elsewhere(wait: Waiting, wanted: str, live: LiveEndpoint) -> Verdict:
    """The endpoint runs another config than was asked for: SageMaker rolled the update back, or somebody else came.

    A rollback has a reason, or alarms that watched the update (after an alarm the reason is sometimes empty).
    """
    now = f"it is InService, but runs {live.config}"
    guard = wait.step.guard
    as_planned = guard is None or (isinstance(guard, RunsConfig) and live.config in (guard.config, guard.pending))
    if not as_planned:
        text = f"somebody else changed {wait.endpoint} meanwhile: {now}, not {wanted}; plan again"
        return Verdict("failed", text, live.endpoint_status)
    reason = _reason(live).rstrip(".")
    rollback = (wait.step.params.get("DeploymentConfig") or {}).get("AutoRollbackConfiguration") or {}
    alarms = [str(alarm.get("AlarmName")) for alarm in rollback.get("Alarms") or ()]
    if not live.failure_reason and not alarms:
        text = (
            f"the update of {wait.endpoint} did not last: {now} as before, not {wanted}, and SageMaker gave no reason"
        )
        return Verdict("failed", f"{text}; did somebody else change it back? Plan again", live.endpoint_status)
    if not any(name in reason for name in alarms) and alarms:
        reason += f"; the update was watched by the {'alarm' if len(alarms) == 1 else 'alarms'} {', '.join(alarms)}"
    text = f"SageMaker rolled the update of {wait.endpoint} back: {now} as before, not {wanted} ({reason})"
    return Verdict("failed", text, ROLLED_BACK, cause="rolled_back")


def _settled(desired: Desires, live: LiveEndpoint) -> bool:
    """Whether the counts that were asked for are there; other variants' counts may be an autoscaler's, and move."""
    counted = {item["VariantName"] for item in desired if "DesiredInstanceCount" in item}
    return all(variant.current_count == variant.desired_count for variant in live.variants if variant.name in counted)


def _reason(live: LiveEndpoint) -> str:
    return live.failure_reason or "SageMaker gave no reason"
