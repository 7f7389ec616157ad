"""A small reference model of SageMaker hosting, written from the documented state machine alone.

It knows what may be called when, when things happen and what they leave behind; it doesn't know how anything is stored.
Times are seconds since the world began. Sources: docs/sagemaker.md, "The life of an endpoint" and the legality matrix.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

ARN = "arn:aws:sagemaker:us-east-1:123456789012"
NOUNS = {"model": "model", "endpoint-config": "endpoint configuration", "endpoint": "endpoint"}
CREATING, UPDATING, SCALING, DELETING, ROLLING_BACK, LAUNCHING = 180, 240, 60, 60, 30, 210
SERVING = ("InService", "Updating", "SystemUpdating", "RollingBack", "UpdateRollbackFailed")

Json = dict[str, Any]
Fleet = dict[str, tuple[int, float]]
"""Variant → instances and weight."""


def missing(kind: str, name: str) -> str:
    """What is said of an object that isn't there."""
    return f'Could not find {NOUNS[kind]} "{ARN}:{kind}/{name}".'


def taken(kind: str, name: str) -> str:
    """What is said of a name that is taken."""
    return f'Cannot create already existing {NOUNS[kind]} "{ARN}:{kind}/{name}".'


def lasts(deployment: Json | None) -> int:
    """How long a successful update takes: the launch of the new fleet, and the waits of its policy."""
    policy = (deployment or {}).get("BlueGreenUpdatePolicy")
    if policy is None:
        rolling = (deployment or {}).get("RollingUpdatePolicy", {"WaitIntervalInSeconds": 0})
        return UPDATING + 2 * int(rolling["WaitIntervalInSeconds"])  # batches of 50 %
    routing = policy["TrafficRoutingConfiguration"]
    waits = {"ALL_AT_ONCE": 0, "CANARY": 1, "LINEAR": 2}[routing["Type"]]  # steps of 50 %
    return UPDATING + waits * int(routing["WaitIntervalInSeconds"]) + int(policy.get("TerminationWaitInSeconds", 0))


def is_gradual(deployment: Json | None) -> bool:
    """Whether traffic moves in steps."""
    policy = (deployment or {}).get("BlueGreenUpdatePolicy")
    if policy:
        return str(policy["TrafficRoutingConfiguration"]["Type"]) != "ALL_AT_ONCE"
    return "RollingUpdatePolicy" in (deployment or {})


@dataclass
class Config:
    """An endpoint config: its variants' initial values and the model that each hosts."""

    name: str
    fleet: Fleet
    model: str


@dataclass
class Endpoint:
    """What the documentation says of an endpoint. `then` is done when `until` has come, in the status that it gives."""

    name: str
    config: str
    made: float
    modified: float
    status: str = "Creating"
    until: float = float("inf")
    then: Callable[[Endpoint], None] | None = None
    reason: str = ""
    pending: str = ""
    mixed: bool = False
    deployment: Json | None = None
    current: Fleet | None = None
    desired: Fleet = field(default_factory=dict)

    def begin(self, status: str, now: float, seconds: float, then: Callable[[Endpoint], None]) -> None:
        """Set in motion: what was said of the last failure is forgotten."""
        self.status, self.modified, self.until, self.then = status, now, now + seconds, then

    def settle(self, now: float) -> None:
        """Carry out what is due by now."""
        while self.then and self.until <= now:
            then, at = self.then, self.until
            self.then, self.until, self.modified = None, float("inf"), at
            then(self)


def end(status: str, **values: Any) -> Callable[[Endpoint], None]:
    """An end that sets these values."""

    def done(endpoint: Endpoint) -> None:
        endpoint.status, endpoint.pending = status, ""
        for name, value in values.items():
            setattr(endpoint, name, value)

    return done


def create(endpoint: Endpoint, config: Config, failure: str, now: float) -> None:
    """CreateEndpoint: InService, or Failed with a fleet that never ran."""
    idle = {name: (0, weight) for name, (_, weight) in config.fleet.items()}
    done = end("Failed", reason=failure, current=idle) if failure else end("InService", current=dict(config.fleet))
    endpoint.begin("Creating", now, CREATING, done)
    endpoint.pending, endpoint.desired = config.name, dict(config.fleet)


def update(
    endpoint: Endpoint, config: Config, chosen: Json | None, fleet: Fleet, failure: str, stuck: str, now: float
) -> None:
    """UpdateEndpoint: the new config; the old one with a reason; or stuck where the way back fails too."""
    endpoint.reason, endpoint.pending = "", config.name
    if failure and stuck:
        status = "UpdateRollbackFailed" if "RollingUpdatePolicy" in (chosen or {}) else "Failed"
        endpoint.begin("Updating", now, LAUNCHING, end(status, reason=stuck, mixed=status == "UpdateRollbackFailed"))
    elif failure:
        endpoint.begin("Updating", now, UPDATING, end("InService", reason=failure))
    else:
        last = {"deployment": chosen} if chosen is not None else {}
        done = end("InService", config=config.name, current=dict(fleet), desired=dict(fleet), **last)
        endpoint.begin("Updating", now, lasts(chosen), done)


def rescale(endpoint: Endpoint, wanted: Fleet, failure: str, now: float) -> None:
    """UpdateEndpointWeightsAndCapacities: Desired at once, Current at the end; or back as before."""
    former, endpoint.reason = dict(endpoint.desired), ""
    endpoint.desired = {**endpoint.desired, **wanted}
    if not failure:
        endpoint.begin("Updating", now, SCALING, end("InService", current=dict(endpoint.desired)))
        return

    def back(endpoint: Endpoint) -> None:
        endpoint.desired = former
        at = endpoint.modified
        endpoint.begin("RollingBack", at, ROLLING_BACK, end("InService", reason=failure))

    endpoint.begin("Updating", now, SCALING, back)


def retained(config: Config, live: Fleet, retain: bool, excluded: tuple[str, ...]) -> Fleet:
    """The new fleet's desired values: live ones of variants of equal name where they are retained and not excluded."""
    made = {}
    for name, (count, weight) in config.fleet.items():
        if retain and name in live:
            kept_count = count if "DesiredInstanceCount" in excluded else live[name][0]
            kept_weight = weight if "DesiredWeight" in excluded else live[name][1]
            made[name] = (kept_count, kept_weight)
        else:
            made[name] = (count, weight)
    return made
