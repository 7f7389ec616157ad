"""How an update unfolds in time: a DeploymentConfig as a list of phases, each with its length and its traffic.

In: a DeploymentConfig, the variants' instance counts, how long a fleet takes to launch. Out: `Phase`s; the update
ends when the last one does. Pure: the endpoint operations store the phases, Describe and `traffic` read them.
Sources: the guardrail pages of the developer guide (all-at-once, canary, linear, rolling); botocore
TrafficRoutingConfig, RollingUpdatePolicy; the sample messages of "monitor a deployment" there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of an update: the VariantStatus it shows, with its message, how long it lasts, who serves.

    `share` is the new fleet's part of the traffic. `new` and `old` are each fleet's (serving, running) parts of its
    instances: an instance that runs and takes no traffic is billed all the same.
    """

    status: str
    message: str
    seconds: float
    share: float = 0.0
    new: tuple[float, float] = (0.0, 1.0)
    old: tuple[float, float] = (1.0, 1.0)


def phases(
    deployment: Json | None, counts: Sequence[int], launching_s: float, activating_s: float = 0.0
) -> tuple[Phase, ...]:
    """The phases of a deployment onto variants of these instance counts (empty for serverless ones).

    ALL_AT_ONCE bakes for TerminationWait; CANARY for WaitInterval and TerminationWait; LINEAR for WaitInterval after
    each step and TerminationWait; ROLLING for WaitInterval after each batch. Waits of 0 s leave no phase.
    """
    total = sum(counts)
    running = _first_batch(deployment or {}, counts)
    launching = Phase("Creating", f"Launching {round(total * running)} instance(s).", launching_s, new=(0.0, 0.0))
    activating = Phase("ActivatingTraffic", "Activating traffic on the new fleet.", activating_s, new=(0.0, running))
    later = (activating, *_baking(deployment or {}, counts))
    return (launching, *(phase for phase in later if phase.seconds))


def in_force(deployment: Json | None, *, serverless: bool, unbaked: bool) -> Json | None:
    """The deployment that is carried out where guardrails fall back to all-at-once.

    Source: deployment-guardrails-exclusions.md: serverless variants are only updated all at once; inf1 and
    Marketplace models (`unbaked`) all at once and without baking.
    """
    if deployment is None or not (serverless or unbaked):
        return deployment
    policy = deployment.get("BlueGreenUpdatePolicy", {})
    routing = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}
    wait = 0 if unbaked else policy.get("TerminationWaitInSeconds", 0)
    kept = {key: policy[key] for key in ("MaximumExecutionTimeoutInSeconds",) if key in policy}
    blue_green = {**kept, "TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": wait}
    rollback = {key: deployment[key] for key in ("AutoRollbackConfiguration",) if key in deployment}
    return {**rollback, "BlueGreenUpdatePolicy": blue_green}


def timeout_s(deployment: Json | None) -> float | None:
    """MaximumExecutionTimeoutInSeconds, where the policy has one: an update that lasts longer is rolled back."""
    for policy in ("BlueGreenUpdatePolicy", "RollingUpdatePolicy"):
        limit = (deployment or {}).get(policy, {}).get("MaximumExecutionTimeoutInSeconds")
        if limit is not None:
            return float(limit)
    return None


def alarms(deployment: Json | None) -> list[str]:
    """The names of the alarms that the deployment watches."""
    watched = (deployment or {}).get("AutoRollbackConfiguration", {}).get("Alarms", ())
    return [alarm["AlarmName"] for alarm in watched if "AlarmName" in alarm]


def rollback(deployment: Json | None, reached: Phase, counts: Sequence[int], seconds: float) -> tuple[Phase, ...]:
    """The way back to the old fleet from a phase: at once for blue/green, in batches of instances for rolling.

    Blue/green keeps the old fleet whole, so all traffic returns at once. A rolling deployment builds what it took
    from the old fleet again, in parts of RollbackMaximumBatchSize (all of it where none is given).
    """
    message = "Rolling back to the old fleet."
    rolling = (deployment or {}).get("RollingUpdatePolicy")
    if rolling is None:
        return (Phase("Deleting", message, seconds, 0.0, (0.0, reached.new[1])),)
    parts = _parts(rolling.get("RollbackMaximumBatchSize"), counts)
    built = []
    for part in range(1, parts + 1):
        left = 1 - (part - 1) / parts
        old = min(1.0, 1 - (1 - reached.old[0]) * left)
        share = reached.share * left
        built.append(Phase("Deleting", message, seconds / parts, share, (share, reached.new[1] * left), (old, old)))
    return tuple(built)


def _baking(deployment: Json, counts: Sequence[int]) -> list[Phase]:
    rolling = deployment.get("RollingUpdatePolicy")
    if rolling is not None:
        return _batches(rolling, counts)
    policy = deployment.get("BlueGreenUpdatePolicy", {})
    routing = policy.get("TrafficRoutingConfiguration", {})
    interval = routing.get("WaitIntervalInSeconds", 0)
    termination = _baked(
        policy.get("TerminationWaitInSeconds", 0), "TerminationWaitInSeconds", "full", 1.0, counts, (0.0, 1.0)
    )
    if routing.get("Type") == "CANARY":
        share = _portion(routing.get("CanarySize"), counts)
        return [_baked(interval, "WaitIntervalInSeconds", "canary", share, counts, (1.0, 1.0)), termination]
    if routing.get("Type") == "LINEAR":
        size = routing.get("LinearStepSize")
        step = _portion(size, counts)
        shares = [min(1.0, step * number) for number in range(1, _parts(size, counts) + 1)]
        steps = [_baked(interval, "WaitIntervalInSeconds", "linear", s, counts, (1 - s, 1.0)) for s in shares]
        return [*steps, termination]
    return [termination]


def _batches(rolling: Json, counts: Sequence[int]) -> list[Phase]:
    """One phase per batch. The instances that a batch replaces run on, without traffic, until its baking is over."""
    size, wait = rolling["MaximumBatchSize"], rolling["WaitIntervalInSeconds"]
    batch = _portion(size, counts)
    made = []
    for number in range(1, _parts(size, counts) + 1):
        share = min(1.0, batch * number)
        old = (1 - share, 1 - batch * (number - 1))
        made.append(_baked(wait, "WaitIntervalInSeconds", "batch", share, counts, old, running=share))
    return made


def _baked(
    seconds: int,
    member: str,
    what: str,
    share: float,
    counts: Sequence[int],
    old: tuple[float, float],
    running: float = 1.0,
) -> Phase:
    taking = -(-round(sum(counts) * share * 1_000_000) // 1_000_000)
    message = (
        f"Baking for {seconds} seconds ({member}) with traffic enabled on {what} capacity of {taking} instance(s)."
    )
    return Phase("Baking", message, seconds, share, (share, running), old)


def _first_batch(deployment: Json, counts: Sequence[int]) -> float:
    rolling = deployment.get("RollingUpdatePolicy")
    return 1.0 if rolling is None else _portion(rolling["MaximumBatchSize"], counts)


def _portion(size: Json | None, counts: Sequence[int]) -> float:
    """A CapacitySize as a part of the fleet."""
    return 1.0 if size is None else min(1.0, int(size["Value"]) / _whole(size, counts))


def _parts(size: Json | None, counts: Sequence[int]) -> int:
    """In how many parts of this size a fleet is moved; a variant with more instances takes more parts."""
    return 1 if size is None else max(1, -(-_whole(size, counts) // int(size["Value"])))


def _whole(size: Json, counts: Sequence[int]) -> int:
    return 100 if size["Type"] == "CAPACITY_PERCENT" else max(1, max(counts, default=1))
