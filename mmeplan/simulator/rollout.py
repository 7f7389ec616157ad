"""A rollout under way: its timeline, what stops it, and the way back.

In: a deployment's phases and the faults that were asked for. Out: the `pending` part of an endpoint's document,
changed in place. Called by `endpoints` (begin), `alarms` (an alarm trips) and `transitions` (the moment has come).

`pending` holds:
    config_name, config, variants, shadows, hosting     what becomes the endpoint's when the rollout succeeds
    started_us, phases, deployment                      the timeline; the DeploymentConfig as it was sent
    stop        {at_us, reason, alarm}                  when and why the rollout turns back; null where it doesn't
    returning   true once it has turned back
    failure     the FailureReason it ends with; null where it succeeds
    stranded    the reason why the way back fails too; null where it works
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mmeplan.simulator import deployment, fleet
from mmeplan.simulator.deployment import Phase

Json = dict[str, Any]

Stop = tuple[int, str, str]
"""When a rollout turns back, the FailureReason, and the alarm that did it (or an empty string)."""


def timeline(phases: Iterable[Phase], start_us: int) -> list[Json]:
    """Phases with their moments, as the document keeps them."""
    dated = []
    for phase in phases:
        until_us = start_us + round(phase.seconds * 1_000_000)
        dated.append(
            {
                "status": phase.status,
                "message": phase.message,
                "from_us": start_us,
                "until_us": until_us,
                "share": phase.share,
                "new": list(phase.new),
                "old": list(phase.old),
            }
        )
        start_us = until_us
    return dated


def slow_down(pending: Json, seconds: float) -> None:
    """Let the launch last so much longer, and everything after it come so much later."""
    later_us = round(seconds * 1_000_000)
    for number, phase in enumerate(pending["phases"]):
        phase["from_us"] += later_us if number else 0
        phase["until_us"] += later_us


def due_us(pending: Json) -> int:
    """When the rollout's next step is due: its turning back, or its end."""
    stop = pending["stop"]
    return int(pending["phases"][-1]["until_us"] if stop is None or pending["returning"] else stop["at_us"])


def stop_at_first(pending: Json, stops: Iterable[Stop]) -> None:
    """Let the rollout turn back at the earliest of these moments that comes before its end."""
    end_us = pending["phases"][-1]["until_us"]
    coming = [stop for stop in stops if stop[0] < end_us]
    if coming:
        at_us, reason, alarm = min(coming)
        pending["stop"] = {"at_us": at_us, "reason": reason, "alarm": alarm}


def turn_back(pending: Json, at_us: int, reason: str, seconds: float) -> None:
    """Cut the timeline at `at_us` and go back to the old fleet, in `seconds`."""
    reached = phase_at(pending["phases"], at_us)
    kept = [phase for phase in pending["phases"] if phase["from_us"] < at_us]
    for phase in kept:
        phase["until_us"] = min(phase["until_us"], at_us)
    last = Phase("", "", 0, reached["share"], tuple(reached["new"]), tuple(reached["old"]))
    way = deployment.rollback(pending["in_force"], last, fleet.counts(pending["variants"]), seconds)
    pending["phases"] = kept + timeline(way, at_us)
    pending["stop"] = pending["stop"] or {"at_us": at_us, "reason": reason, "alarm": ""}
    pending |= {"returning": True, "failure": reason}


def phase_at(phases: list[Json], at_us: int) -> Json:
    """The phase of that moment; the last one for any later moment."""
    return next((phase for phase in phases if at_us < phase["until_us"]), phases[-1])


def phase_named(phases: list[Json], status: str, occurrence: int) -> Json | None:
    """The n-th phase, counted from 1, that shows this VariantStatus."""
    found = [phase for phase in phases if phase["status"] == status]
    return found[occurrence - 1] if len(found) >= occurrence else None
