"""What a swap does over time: the traffic shares of variants, a rollout in words, and how long to wait for it.

Sources: botocore DeploymentConfig and its members; InitialVariantWeight ("a variant's share is its weight over the sum
of all weights"); docs/sagemaker.md, "What an update does".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any, Final

from mmeplan.canonical import Canonical, short_number
from mmeplan.live import LiveEndpoint

CREATE_TIMEOUT_S: Final = 3600  # a crash-looping container was seen to fail after about 24 minutes; an hour is patient
UPDATE_TIMEOUT_S: Final = 3600
DELETE_TIMEOUT_S: Final = 1800
MARGIN_S: Final = 1800  # provisioning and rollback beyond the deployment's own limit


def traffic_shares(config: Canonical) -> dict[str, Fraction]:
    """The exact share of requests of each production variant of a canonical config: weight over the sum of weights.

    All weights zero: nothing gets traffic (what SageMaker does then is not documented).
    """
    variants = config.get("ProductionVariants", {})
    shares = _shares(tuple(variant.get("InitialVariantWeight", 1) for variant in variants.values()))
    return dict(zip(variants, shares, strict=True))


@lru_cache(maxsize=1024)
def _shares(weights: tuple[int | float, ...]) -> tuple[Fraction, ...]:
    exact = [Fraction(str(short_number(weight))) for weight in weights]
    total = sum(exact, Fraction(0))
    return tuple(weight / total if total else Fraction(0) for weight in exact)


def share_text(share: Fraction) -> str:
    """A share as people read it: `2/3`, or `66.67%` where the fraction would be unreadable."""
    if share in (0, 1) or share.denominator <= 100:
        return str(share)
    return f"{float(share) * 100:.4g}%"


def rollout_text(deployment: Mapping[str, Any] | None, *, degraded: bool = False, variants: int = 1) -> str:
    """What the swap does to traffic, in words. `variants` is how many production variants there are."""
    deployment = deployment or {}
    alarms = len((deployment.get("AutoRollbackConfiguration") or {}).get("Alarms") or ())
    watched = f"; rolled back by {'an alarm' if alarms == 1 else f'any of {alarms} alarms'}" if alarms else ""
    rolling = deployment.get("RollingUpdatePolicy")
    if rolling and not degraded:
        size = _size(rolling.get("MaximumBatchSize"), variants)
        return f"rolling, {size} at a time, {_seconds(rolling.get('WaitIntervalInSeconds'))} between batches{watched}"
    policy = deployment.get("BlueGreenUpdatePolicy") or {}
    routing = policy.get("TrafficRoutingConfiguration") or {}
    keeps = policy.get("TerminationWaitInSeconds")
    kept = f", the old fleet stays {_seconds(keeps)}" if keeps else ""
    wait = _seconds(routing.get("WaitIntervalInSeconds"))
    if degraded or routing.get("Type", "ALL_AT_ONCE") == "ALL_AT_ONCE":
        return f"blue/green, all at once{kept}{watched}"
    if routing["Type"] == "CANARY":
        canary = _size(routing.get("CanarySize"), variants)
        return f"blue/green, canary {canary} for {wait}, then the rest{kept}{watched}"
    return f"blue/green, linear, {_size(routing.get('LinearStepSize'), variants)} every {wait}{kept}{watched}"


def deployment_of(deployment: Mapping[str, Any] | None, *, renames: bool) -> Mapping[str, Any] | None:
    """The DeploymentConfig of a swap; one that renames, adds or removes variants moves its traffic at once.

    Canary, linear and rolling want the same variant names in both configs. Alarms, time limit and the old fleet's wait
    stay. Source: the developer guide, deployment-guardrails-exclusions.
    """
    if not deployment or not renames:
        return deployment
    policy = deployment.get("BlueGreenUpdatePolicy") or deployment.get("RollingUpdatePolicy") or {}
    kept = ("TerminationWaitInSeconds", "MaximumExecutionTimeoutInSeconds")
    routing = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}
    blue_green = {"TrafficRoutingConfiguration": routing, **{name: policy[name] for name in kept if name in policy}}
    rest = {name: value for name, value in deployment.items() if name == "AutoRollbackConfiguration"}
    return {"BlueGreenUpdatePolicy": blue_green, **rest}


def deployment_by(params: Mapping[str, Any], live: LiveEndpoint | None) -> Mapping[str, Any]:
    """The DeploymentConfig by which an UpdateEndpoint is carried out: its own, or the last one, where it says so."""
    given = params.get("DeploymentConfig")
    if given is None and params.get("RetainDeploymentConfig") and live is not None:
        given = live.last_deployment
    return given or {}


def update_timeout_s(deployment: Mapping[str, Any] | None) -> int:
    """How long to wait for an update, in seconds: longer than the deployment's own MaximumExecutionTimeout."""
    deployment = deployment or {}
    policies = [deployment.get("BlueGreenUpdatePolicy") or {}, deployment.get("RollingUpdatePolicy") or {}]
    limits = [policy.get("MaximumExecutionTimeoutInSeconds") or 0 for policy in policies]
    return max(UPDATE_TIMEOUT_S, *limits, waits_s(deployment)) + MARGIN_S


def waits_s(deployment: Mapping[str, Any]) -> int:
    """The sum of a deployment's own waits in seconds, an upper bound."""
    rolling = deployment.get("RollingUpdatePolicy")
    if rolling:
        return _steps(rolling.get("MaximumBatchSize")) * int(rolling.get("WaitIntervalInSeconds") or 0)
    policy = deployment.get("BlueGreenUpdatePolicy") or {}
    routing = policy.get("TrafficRoutingConfiguration") or {}
    wait = int(routing.get("WaitIntervalInSeconds") or 0)
    times = {"CANARY": 1, "LINEAR": _steps(routing.get("LinearStepSize"))}.get(routing.get("Type", ""), 0)
    return times * wait + int(policy.get("TerminationWaitInSeconds") or 0)


def _steps(size: Mapping[str, Any] | None) -> int:
    """How many steps of a size make the whole; a count of instances is taken for its worst case, 5 %."""
    percent = (size or {}).get("Value", 5) if (size or {}).get("Type") == "CAPACITY_PERCENT" else 5
    return -(-100 // max(1, int(percent)))


def _size(size: Mapping[str, Any] | None, variants: int) -> str:
    if not size:
        return "one part"
    value = size.get("Value")
    if size.get("Type") == "CAPACITY_PERCENT":
        return f"{value} %"
    return f"{value} {'instance' if value == 1 else 'instances'}{' of each variant' if variants > 1 else ''}"


def moved_by(size: Mapping[str, Any], instances: int, step: int) -> Fraction:
    """The part of a variant of so many instances that has moved after a step of this size, each variant by itself.

    What SageMaker makes of a percentage that gives no whole number is not documented. Source: botocore
    TrafficRoutingConfig.CanarySize and .LinearStepSize, RollingUpdatePolicy.MaximumBatchSize: "of the variant's total
    instance count".
    """
    whole = _PERCENT if size.get("Type") == "CAPACITY_PERCENT" else max(1, instances)
    return min(Fraction(1), Fraction(max(1, int(size.get("Value") or 0)) * step, whole))


def batches_of(size: Mapping[str, Any], instances: Sequence[int]) -> int:
    """In how many steps of this size variants of so many instances move: as many as the largest one takes."""
    part = max(1, int(size.get("Value") or 0))
    whole = _PERCENT if size.get("Type") == "CAPACITY_PERCENT" else max((*instances, 1))
    return -(-whole // part)


_PERCENT: Final = 100


def _seconds(value: Any) -> str:
    seconds = int(value or 0)
    if seconds >= 120 and seconds % 60 == 0:
        return f"{seconds // 60} min"
    return f"{seconds} s"
