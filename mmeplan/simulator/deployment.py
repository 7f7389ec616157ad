"""How an update unfolds in time: a DeploymentConfig as a list of phases, each with its length.

In: a DeploymentConfig, the variants' instance counts, how long a fleet takes to launch. Out: `Phase`s; the update
ends when the last one does. Pure: the endpoint operations store the phases, Describe reads which one it is.
Sources: the guardrail pages of the developer guide; botocore TrafficRoutingConfig, RollingUpdatePolicy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of an update: the VariantStatus it shows, with its message, and how long it lasts."""

    status: str
    message: str
    seconds: float


def phases(deployment: Json | None, counts: Sequence[int], launching_s: float) -> tuple[Phase, ...]:
    """The phases of a deployment onto variants of these instance counts (empty for serverless ones).

    ALL_AT_ONCE bakes for TerminationWait; CANARY for WaitInterval and TerminationWait; LINEAR for WaitInterval after
    each step and TerminationWait; ROLLING for WaitInterval after each batch. Waits of 0 s leave no phase.
    """
    launching = Phase("Creating", f"Launching {sum(counts)} instance(s).", launching_s)
    return (launching, *(phase for phase in _baking(deployment or {}, counts) if phase.seconds))


def _baking(deployment: Json, counts: Sequence[int]) -> list[Phase]:
    rolling = deployment.get("RollingUpdatePolicy")
    if rolling is not None:
        batches = _parts(rolling["MaximumBatchSize"], counts)
        return [_wait(rolling["WaitIntervalInSeconds"], "WaitIntervalInSeconds")] * batches
    policy = deployment.get("BlueGreenUpdatePolicy", {})
    routing = policy.get("TrafficRoutingConfiguration", {})
    interval = _wait(routing.get("WaitIntervalInSeconds", 0), "WaitIntervalInSeconds")
    termination = _wait(policy.get("TerminationWaitInSeconds", 0), "TerminationWaitInSeconds")
    if routing.get("Type") == "CANARY":
        return [interval, termination]
    if routing.get("Type") == "LINEAR":
        return [interval] * _parts(routing.get("LinearStepSize"), counts) + [termination]
    return [termination]


def _wait(seconds: int, member: str) -> Phase:
    return Phase("Baking", f"Baking for {seconds} seconds ({member}) with traffic enabled.", seconds)


def _parts(size: Json | None, counts: Sequence[int]) -> int:
    """In how many parts of this size a fleet is moved; a variant with more instances takes more parts."""
    if size is None:
        return 1
    whole = 100 if size["Type"] == "CAPACITY_PERCENT" else max(counts, default=1)
    return max(1, -(-whole // int(size["Value"])))
