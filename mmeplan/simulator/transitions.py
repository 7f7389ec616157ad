"""What happens to an endpoint when what is under way comes to its end.

In: the store and the time. Out: endpoints in their next status, as of the moment when they were due, in time order.
Called by `core` before every call, so that no background thread is needed.
"""

from __future__ import annotations

from mmeplan.aws.lifecycle import CREATING, DELETING, FAILED, IN_SERVICE
from mmeplan.simulator import fleet
from mmeplan.simulator.call import Call
from mmeplan.simulator.store import Stored


def settle(call: Call) -> None:
    """Carry out every transition of the caller's account and region that is due by now."""
    while True:
        endpoint = call.store.next_due(call.account, call.region, call.now_us)
        if endpoint is None:
            return
        _settle(call, endpoint)


def _settle(call: Call, endpoint: Stored) -> None:
    before, at_us = endpoint.status, endpoint.due_us
    if before == DELETING:
        call.store.delete(endpoint.seq)
        call.transition(endpoint.name, before, "", at_us=at_us)
        return
    reason = _end(endpoint)
    endpoint.modified_us, endpoint.due_us = at_us or call.now_us, None
    call.store.update(endpoint)
    call.transition(endpoint.name, before, endpoint.status, at_us=at_us, reason=reason)


def _end(endpoint: Stored) -> str:
    """End what is under way. Returns the FailureReason, empty where it succeeded.

    A create that fails leaves Failed, which only DeleteEndpoint ends; an update that fails leaves the old fleet.
    """
    body = endpoint.body
    pending, body["pending"] = body["pending"], None
    creating = endpoint.status == CREATING
    endpoint.status = IN_SERVICE
    if pending is None:  # weights or capacities
        body |= {"variants": fleet.settled(body["variants"]), "shadows": fleet.settled(body["shadows"])}
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
        "variants": fleet.settled(pending["variants"]),
        "shadows": fleet.settled(pending["shadows"]),
    }
    if pending["deployment"] is not None:
        body["last_deployment"] = pending["deployment"]
    return ""
