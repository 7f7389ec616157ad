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
    deployment: Json | None,
    counts: Sequence[int],
    launching_s: float,
    activating_s: float = 0.0,
    weights: Sequence[float] = (),
) -> tuple[Phase, ...]:
    """The phases of a deployment onto variants of these instance counts (empty for serverless ones).

    `weights` are theirs, by which the requests are shared out; without them each instance answers as many.
    A CapacitySize of instances is taken from each variant by itself.

    ALL_AT_ONCE bakes for TerminationWait; CANARY for WaitInterval and TerminationWait; LINEAR for WaitInterval after
    each step and TerminationWait; ROLLING for WaitInterval after each batch. Waits of 0 s leave no phase.
    """
    total = sum(counts)
    running = _first_batch(deployment or {}, counts)
    what = f"{round(total * running)} instance(s)" if counts else "serverless capacity"
    launching = Phase("Creating", f"Launching {what}.", launching_s, new=(0.0, 0.0))
    activating = Phase("ActivatingTraffic", "Activating traffic on the new fleet.", activating_s, new=(0.0, running))
    later = (activating, *_baking(deployment or {}, counts, weights))
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


def _baking(deployment: Json, counts: Sequence[int], weights: Sequence[float]) -> list[Phase]:
    rolling = deployment.get("RollingUpdatePolicy")
    if rolling is not None:
        return _batches(rolling, counts, weights)
    policy = deployment.get("BlueGreenUpdatePolicy", {})
    routing = policy.get("TrafficRoutingConfiguration", {})
    interval = routing.get("WaitIntervalInSeconds", 0)
    termination = _baked(
        policy.get("TerminationWaitInSeconds", 0), "TerminationWaitInSeconds", "full", 1.0, counts, (0.0, 1.0)
    )
    if routing.get("Type") == "CANARY":
        return [_step(routing.get("CanarySize"), 1, interval, "canary", counts, weights), termination]
    if routing.get("Type") == "LINEAR":
        size = routing.get("LinearStepSize")
        numbers = range(1, _parts(size, counts) + 1)
        return [*(_step(size, number, interval, "linear", counts, weights) for number in numbers), termination]
    return [termination]


def _step(
    size: Json | None, number: int, interval: float, what: str, counts: Sequence[int], weights: Sequence[float]
) -> Phase:
    """A canary, or a linear step. The old fleet stays whole, and serves with what linear steps have left it."""
    part = _instances(size, number, counts)
    old = (1.0, 1.0) if what == "canary" else (1 - part, 1.0)
    share = _requests(size, number, counts, weights)
    return _baked(interval, "WaitIntervalInSeconds", what, share, counts, old, part=part)


def _batches(rolling: Json, counts: Sequence[int], weights: Sequence[float]) -> list[Phase]:
    """One phase per batch. The instances that a batch replaces run on, without traffic, until its baking is over."""
    size, wait = rolling["MaximumBatchSize"], rolling["WaitIntervalInSeconds"]
    made = []
    for number in range(1, _parts(size, counts) + 1):
        part, share = _instances(size, number, counts), _requests(size, number, counts, weights)
        old = (1 - part, 1 - _instances(size, number - 1, counts))
        made.append(_baked(wait, "WaitIntervalInSeconds", "batch", share, counts, old, running=part, part=part))
    return made


def _baked(
    seconds: float,
    member: str,
    what: str,
    share: float,
    counts: Sequence[int],
    old: tuple[float, float],
    running: float = 1.0,
    part: float = 1.0,
) -> Phase:
    """A phase in which the new fleet answers `share` of the requests with `part` of its instances."""
    taking = -(-round(sum(counts) * part * 1_000_000) // 1_000_000)
    number = f" of {taking} instance(s)" if counts else ""
    message = f"Baking for {seconds} seconds ({member}) with traffic enabled on {what} capacity{number}."
    return Phase("Baking", message, seconds, share, (part, running), old)


def _first_batch(deployment: Json, counts: Sequence[int]) -> float:
    rolling = deployment.get("RollingUpdatePolicy")
    return 1.0 if rolling is None else _instances(rolling["MaximumBatchSize"], 1, counts)


def first_batch(deployment: Json | None, count: int) -> int:
    """How many of a variant's instances the first batch of a rolling update launches; all of them in any other."""
    rolling = (deployment or {}).get("RollingUpdatePolicy")
    return count if rolling is None else round(count * _moved(rolling["MaximumBatchSize"], 1, count) + 0.499_999)


def _moved(size: Json | None, number: int, count: int) -> float:
    """The part of a variant of so many instances that has moved after so many steps.

    Source: botocore TrafficRoutingConfig.CanarySize, RollingUpdatePolicy.MaximumBatchSize: "of the variant's total
    instance count".
    """
    return 1.0 if size is None else min(1.0, int(size["Value"]) * number / _whole(size, [count]))


def _instances(size: Json | None, number: int, counts: Sequence[int]) -> float:
    """The part of all instances that has moved after so many steps."""
    total = sum(counts)
    return sum(_moved(size, number, n) * n for n in counts) / total if total else _moved(size, number, 1)


def _requests(size: Json | None, number: int, counts: Sequence[int], weights: Sequence[float]) -> float:
    """The part of the requests that the new fleet answers after so many steps."""
    total = sum(weights)
    if not total or len(weights) != len(counts):
        return _instances(size, number, counts)
    return sum(_moved(size, number, n) * weight for n, weight in zip(counts, weights, strict=True)) / total


def _parts(size: Json | None, counts: Sequence[int]) -> int:
    """In how many parts of this size a fleet is moved; a variant with more instances takes more parts."""
    return 1 if size is None else max(1, -(-_whole(size, counts) // int(size["Value"])))


def _whole(size: Json, counts: Sequence[int]) -> int:
    return 100 if size["Type"] == "CAPACITY_PERCENT" else max(1, max(counts, default=1))
