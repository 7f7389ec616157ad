"""What happens to an endpoint when what is under way comes to its end, and to a request in its queue.

In: the store and the time. Out: endpoints in their next status, as of the moment when they were due, in time order.
Called by `core` before every call, so that no background thread is needed.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from mmeplan.aws.lifecycle import (
    CREATING,
    DELETING,
    FAILED,
    IN_SERVICE,
    ROLLING_BACK,
    UPDATE_ROLLBACK_FAILED,
    UPDATING,
)
from mmeplan.simulator import alarms, asynchronous, fleet, quotas, rollout, traffic
from mmeplan.simulator.call import Call
from mmeplan.simulator.names import INFERENCE
from mmeplan.simulator.store import Stored

Json = dict[str, Any]

ACTIVATING: Final = "ActivatingTraffic"


def settle(call: Call) -> None:
    """Carry out every transition of the caller's account and region that is due by now."""
    while True:
        due = call.store.next_due(call.account, call.region, call.now_us)
        if due is None:
            return
        (asynchronous.settle if due.kind == INFERENCE else _settle)(call, due)


def _settle(call: Call, endpoint: Stored) -> None:
    before, at_us = endpoint.status, endpoint.due_us or call.now_us
    if before == DELETING:
        call.store.delete(endpoint.seq)
        quotas.note(call, endpoint, free=True)
        traffic.keep(call.records, endpoint, at_us, gone=True)
        call.transition(endpoint.name, before, "", at_us=at_us)
        return
    pending, former = endpoint.body["pending"], endpoint.body.get("former")
    endpoint.due_us, reason = None, ""
    if pending and pending["stop"] and not pending["returning"]:
        turn_back(call, endpoint, at_us)
        if endpoint.status == before:
            call.store.update(endpoint)
            return
        reason = endpoint.body["failure_reason"]
    elif former and before == UPDATING:
        endpoint.body |= {"variants": former["variants"], "shadows": former["shadows"]}
        endpoint.status, endpoint.due_us = ROLLING_BACK, at_us + round(call.settings.rollback_s * 1_000_000)
    elif former:
        reason = endpoint.body.pop("former")["reason"]
        endpoint.body["failure_reason"] = reason
        endpoint.status = IN_SERVICE
    else:
        reason = _end(endpoint, call.faults.lacking)
    endpoint.modified_us = at_us
    call.store.update(endpoint)
    quotas.note(call, endpoint)
    traffic.keep(call.records, endpoint, at_us)
    call.transition(endpoint.name, before, endpoint.status, at_us=at_us, reason=reason)


def turn_back(call: Call, endpoint: Stored, at_us: int) -> None:
    """The rollout's stop has come: an alarm is set, and the way back begins. Where that fails too, it ends here."""
    body, pending = endpoint.body, endpoint.body["pending"]
    stop = pending["stop"]
    if stop["alarm"]:
        alarms.trip(call, stop["alarm"], stop["reason"], at_us)
    launching = at_us == pending["phases"][0]["until_us"] and not stop["alarm"]
    seconds = call.settings.rollback_s
    if launching:  # nothing serves yet: no longer than the traffic's activation would have taken
        seconds = min(seconds, sum(_length_s(phase) for phase in pending["phases"] if phase["status"] == ACTIVATING))
    if pending["stranded"] is not None:
        _strand(endpoint, at_us)
        return
    rollout.turn_back(pending, at_us, stop["reason"], seconds)
    endpoint.due_us = rollout.due_us(pending)
    traffic.keep(call.records, endpoint, at_us)
    body["pending"] = pending


def _length_s(phase: Json) -> float:
    return float(phase["until_us"] - phase["from_us"]) / 1_000_000


def _strand(endpoint: Stored, at_us: int) -> None:
    """The way back fails. A rolling deployment is left with a mix of both fleets; blue/green with a Failed endpoint.

    Source: botocore EndpointStatus, UpdateRollbackFailed and Failed.
    """
    body, pending = endpoint.body, endpoint.body["pending"]
    phase = rollout.phase_at(pending["phases"], at_us)
    body |= {"pending": None, "failure_reason": pending["stranded"]}
    if "RollingUpdatePolicy" not in (pending["in_force"] or {}):
        endpoint.status = FAILED
        return
    old, new = sum(fleet.counts(body["variants"])), sum(fleet.counts(pending["variants"]))
    body["mixed"] = traffic.split(phase, old, new, serves=True)
    body["mixed_fleet"] = {
        part: pending[part] for part in ("variants", "hosting", "config_name", "config", "started_us")
    }
    endpoint.status = UPDATE_ROLLBACK_FAILED


def _end(endpoint: Stored, lacking: Collection[str]) -> str:
    """End what is under way. Returns the FailureReason, empty where it succeeded.

    A create that fails leaves Failed, which only DeleteEndpoint ends; an update that fails leaves the old fleet.
    """
    body = endpoint.body
    pending, body["pending"] = body["pending"], None
    creating = endpoint.status == CREATING
    endpoint.status = IN_SERVICE
    if pending is None:  # weights or capacities, or the service's own maintenance
        body |= {part: fleet.settled(body[part] or (), lacking) for part in ("variants", "shadows")}
        return ""
    if pending["failure"] is not None:
        body["failure_reason"] = pending["failure"]
        if creating:
            endpoint.status = FAILED
            body |= {"variants": pending["variants"], "shadows": pending["shadows"]}
        return str(pending["failure"])
    body |= {
        "config_name": pending["config_name"],
        "config": pending["config"],
        "variants": fleet.settled(pending["variants"], lacking),
        "shadows": fleet.settled(pending["shadows"], lacking),
        "hosting": pending["hosting"],
        "fleet_id": pending["started_us"],
    }
    if pending["deployment"] is not None:
        body["last_deployment"] = pending["deployment"]
    return ""
