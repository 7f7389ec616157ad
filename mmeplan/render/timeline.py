"""What a rollout does over time: stages with the share of the requests that the old and the new fleet answer.

In: an endpoint's change and the parameters of its UpdateEndpoint. Out: `Stage`s from before to after. Called by `page`.
Sources: botocore DeploymentConfig and its members; SageMaker Developer Guide, "Deployment guardrails" (canary, linear,
rolling; the waits are baking periods; the old fleet goes after TerminationWaitInSeconds).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from mmeplan.plan import Change
from mmeplan.render.values import counted

MOST_STAGES: Final = 12  # more are told by one that stands for those in between
_ALL_AT_ONCE: Final = "blue/green, all at once"


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage: its name, the shares of the old and the new fleet (0 to 1), and what is waited for, in words."""

    name: str
    old: float
    new: float
    hold: str = ""

    @property
    def shares(self) -> str:
        """The shares in words: `old 90 %, new 10 %`."""
        if not self.old and not self.new:
            return "nothing answers"
        parts = (("old", self.old), ("new", self.new))
        return ", ".join(f"{name} {share * 100:.3g} %" for name, share in parts if share)


def stages(change: Change, update: Mapping[str, Any]) -> tuple[Stage, ...]:
    """The stages of an endpoint's change; none where requests notice nothing."""
    match change.effect:
        case "outage":
            down = Stage("deleted and created", 0, 0, "until the new endpoint is in service")
            return Stage("before", 1, 0), down, Stage("after", 0, 1)
        case "delete":
            return Stage("before", 1, 0), Stage("after", 0, 0)
        case "traffic_shift":
            return _few(tuple(_shift(change, update.get("DeploymentConfig") or {})))
    return ()


def _few(made: tuple[Stage, ...]) -> tuple[Stage, ...]:
    """At most MOST_STAGES stages: the first ones and the last two, and between them one that counts the others."""
    if len(made) <= MOST_STAGES:
        return made
    head, tail = made[: MOST_STAGES - 3], made[-2:]
    between = len(made) - len(head) - len(tail)
    last = made[-3]
    return (*head, Stage(f"{counted(between, 'more step')}", last.old, last.new, last.hold), *tail)


def _shift(change: Change, deployment: Mapping[str, Any]) -> Iterator[Stage]:
    """A blue/green or rolling update: from the old fleet to the new one."""
    instances = sum(item.instances_after for item in change.traffic)
    policy = deployment.get("BlueGreenUpdatePolicy") or {}
    routing = policy.get("TrafficRoutingConfiguration") or {}
    rolling = deployment.get("RollingUpdatePolicy")
    kept = _hold("old fleet stays", policy.get("TerminationWaitInSeconds"))
    yield Stage("before", 1, 0, "the new fleet is prepared")
    if change.rollout.startswith(_ALL_AT_ONCE):
        yield Stage("all at once", 0, 1, kept)
    elif rolling:
        part = _part(rolling.get("MaximumBatchSize"), instances)
        yield from _steps("batch", part, _hold("bakes", rolling.get("WaitIntervalInSeconds")))
    elif routing.get("Type") == "CANARY":
        part = _part(routing.get("CanarySize"), instances)
        yield Stage("canary", 1 - part, part, _hold("bakes", routing.get("WaitIntervalInSeconds")))
        yield Stage("the rest", 0, 1, kept)
    elif routing.get("Type") == "LINEAR":
        part = _part(routing.get("LinearStepSize"), instances)
        yield from _steps("step", part, _hold("bakes", routing.get("WaitIntervalInSeconds")), kept)
    else:
        yield Stage("all at once", 0, 1, kept)
    yield Stage("after", 0, 1)


def _steps(word: str, part: float, hold: str, last: str = "") -> Iterator[Stage]:
    number = max(1, -(-1000 // max(1, round(part * 1000))))
    for index in range(1, number + 1):
        new = 1.0 if index == number else part * index
        yield Stage(f"{word} {index}", 1 - new, new, last if index == number and last else hold)


def _part(size: Mapping[str, Any] | None, instances: int) -> float:
    """The part of the fleet that a size means; one instance of an unknown number is taken for a tenth."""
    value = float((size or {}).get("Value") or 0)
    if (size or {}).get("Type") == "CAPACITY_PERCENT":
        return min(1.0, max(0.01, value / 100))
    return min(1.0, max(0.01, value / instances)) if instances else 0.1


def _hold(word: str, seconds: Any) -> str:
    number = int(seconds or 0)
    if not number:
        return ""
    return f"{word} {number // 60} min" if number >= 120 and number % 60 == 0 else f"{word} {number} s"
