"""Deployment guardrails: how much of a fleet a canary, a step or a batch may be (group DEP, sizes).

Sizes are percentages or instances. Those in instances are held against each variant whose count the file knows; the
counts of autoscaled variants are somebody else's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from mmeplan.resources.base import ApiPath
from mmeplan.rules.examples import blue_green, rolling
from mmeplan.rules.facts import Deployment, Endpoint
from mmeplan.rules.rule import Hit, Rule

_LINEAR: Final = "{type: LINEAR, linear_step_size: {type: %s, value: %s}, wait_interval_in_seconds: 60}%s"
_CANARY: Final = "{type: CANARY, canary_size: {type: %s, value: %s}, wait_interval_in_seconds: 60}%s"
_BATCH: Final = "{maximum_batch_size: {type: %s, value: %s}, wait_interval_in_seconds: 60}%s"
_FOUR: Final = "initial_instance_count: 4"


def _outside(endpoint: Endpoint, deployment: Deployment, least: int, most: int) -> Iterator[str]:
    """Why the size is not between two percentages of the fleet; a percentage above 100 is DEP-05's concern."""
    percent, instances = deployment.percent, deployment.instances
    allowed = f"at most {most} %" if least <= 0 else f"{least} to {most} %"
    if percent is not None:
        if (percent < least or percent > most) and percent <= 100:
            yield f"{percent} % of the fleet; {allowed} work"
        return
    for name, count in endpoint.counts() if instances is not None else ():
        share = 100 * (instances or 0)
        if share < least * count or share > most * count:
            yield f"{instances} of the {count} instances of {name!r}; {allowed} work"


class SizeIsPossible(Rule):
    id = "DEP-05"
    title = "A capacity size has a known type and at most 100 percent"
    severity = "error"
    basis = "shape"
    source = "botocore sagemaker/2017-07-24, shape CapacitySize"
    why = "A size is a number of instances or a percentage of the fleet."
    fix = "Write {type: CAPACITY_PERCENT, value: …} or {type: INSTANCE_COUNT, value: …}."
    bad = blue_green(_CANARY % ("CAPACITY_PERCENT", 250, "  # here"), variant=_FOUR)
    good = blue_green(_CANARY % ("CAPACITY_PERCENT", 25, ""), variant=_FOUR)
    members = ("DeploymentConfig",)

    def endpoint(self, endpoint: Endpoint) -> Iterator[Hit]:
        deployment = endpoint.deployment
        if deployment is not None and deployment.percent is not None and deployment.percent > 100:
            yield (*deployment.size_path, "Value"), f"{deployment.percent} % is more than the whole fleet"


class SizeOfRouting(Rule):
    """The size of one routing: from `least_percent` to half of every variant's instances; `noun` says it in words."""

    severity = "error"
    basis = "doc"
    members = ("DeploymentConfig",)
    routing: str
    least_percent: int
    noun: str

    def endpoint(self, endpoint: Endpoint) -> Iterator[Hit]:
        deployment = endpoint.deployment
        if deployment is not None and deployment.routing == self.routing:
            for reason in _outside(endpoint, deployment, self.least_percent, 50):
                yield (*deployment.size_path, "Value"), f"the {self.noun} is {reason}"


class CanaryIsHalf(SizeOfRouting):
    id = "DEP-06"
    title = "A canary is at most half of the fleet"
    source = "botocore sagemaker/2017-07-24, TrafficRoutingConfig.CanarySize"
    why = "The service takes a canary of up to 50 % of each variant's instances."
    fix = "Lower the canary's size, or use ALL_AT_ONCE."
    bad = blue_green(_CANARY % ("INSTANCE_COUNT", 3, "  # here"), variant=_FOUR)
    good = blue_green(_CANARY % ("INSTANCE_COUNT", 2, ""), variant=_FOUR)
    routing = "CANARY"
    least_percent = 0
    noun = "canary"


class StepIsTenthToHalf(SizeOfRouting):
    id = "DEP-07"
    title = "A linear step is a tenth to a half of the fleet"
    source = "botocore sagemaker/2017-07-24, TrafficRoutingConfig.LinearStepSize"
    why = "The service takes steps of 10 to 50 % of each variant's instances."
    fix = "Choose a step within these bounds."
    bad = blue_green(_LINEAR % ("CAPACITY_PERCENT", 60, "  # here"), variant=_FOUR)
    good = blue_green(_LINEAR % ("CAPACITY_PERCENT", 25, ""), variant=_FOUR)
    routing = "LINEAR"
    least_percent = 10
    noun = "step"


class BatchIsTwentiethToHalf(SizeOfRouting):
    id = "DEP-13"
    title = "A rolling batch is a twentieth to a half of the fleet"
    source = "botocore sagemaker/2017-07-24, RollingUpdatePolicy.MaximumBatchSize"
    why = "The service takes batches of 5 to 50 % of the variant's instances."
    fix = "Choose a batch within these bounds."
    bad = rolling(_BATCH % ("INSTANCE_COUNT", 3, "  # here"), variant=_FOUR)
    good = rolling(_BATCH % ("INSTANCE_COUNT", 2, ""), variant=_FOUR)
    routing = "ROLLING"
    least_percent = 5
    noun = "batch"


class RollbackBatch(Rule):
    id = "DEP-14"
    title = "A rollback batch is at most the whole fleet"
    severity = "error"
    basis = "doc"
    source = "botocore sagemaker/2017-07-24, RollingUpdatePolicy.RollbackMaximumBatchSize"
    why = (
        "The service takes rollback batches of up to 100 % of the variant's instances; without the member it is 100 %."
    )
    fix = "Lower it, or drop it and roll back at once."
    bad = rolling(
        "{maximum_batch_size: {type: INSTANCE_COUNT, value: 1}, wait_interval_in_seconds: 60, "
        "rollback_maximum_batch_size: {type: CAPACITY_PERCENT, value: 150}}  # here"
    )
    good = rolling(
        "{maximum_batch_size: {type: INSTANCE_COUNT, value: 1}, wait_interval_in_seconds: 60, "
        "rollback_maximum_batch_size: {type: CAPACITY_PERCENT, value: 100}}"
    )
    members = ("DeploymentConfig",)

    def endpoint(self, endpoint: Endpoint) -> Iterator[Hit]:
        policy = endpoint.request["DeploymentConfig"].get("RollingUpdatePolicy") or {}
        size: dict[str, Any] = policy.get("RollbackMaximumBatchSize") or {}
        value = size.get("Value") or 0
        path: ApiPath = ("DeploymentConfig", "RollingUpdatePolicy", "RollbackMaximumBatchSize", "Value")
        if size.get("Type") == "CAPACITY_PERCENT" and value > 100:
            yield path, f"the rollback batch is {value} %, more than the whole fleet"
        for name, count in endpoint.counts() if size.get("Type") == "INSTANCE_COUNT" else ():
            if value > count:
                yield path, f"the rollback batch is {value} instances; {name!r} has {count}"


class ShareOfOne(Rule):
    id = "DEP-22"
    title = "A percentage is of more than one instance"
    severity = "warning"
    basis = "inf"
    source = "botocore sagemaker/2017-07-24, shape CapacitySize; how a share is rounded is not documented"
    why = "Half of one instance is no instance: how SageMaker rounds it, nobody says."
    fix = "Give the variant two instances, or use ALL_AT_ONCE."
    bad = blue_green(
        _CANARY % ("CAPACITY_PERCENT", 50, "  # here"),
        variant="initial_instance_count: 1",
        config='allow: {CFG-09: "a test"}',
    )
    good = blue_green(_CANARY % ("CAPACITY_PERCENT", 50, ""), variant="initial_instance_count: 2")
    members = ("DeploymentConfig",)

    def endpoint(self, endpoint: Endpoint) -> Iterator[Hit]:
        deployment = endpoint.deployment
        if deployment is None or deployment.percent is None:
            return
        for name, count in endpoint.counts():
            if count == 1:
                yield (*deployment.size_path, "Value"), f"{deployment.percent} % of the one instance of {name!r}"


RULES: Final = (
    SizeIsPossible(),
    CanaryIsHalf(),
    StepIsTenthToHalf(),
    BatchIsTwentiethToHalf(),
    RollbackBatch(),
    ShareOfOne(),
)
