"""Deployment guardrails: policies, alarms and time (group DEP; sizes are in deployment_sizes.py)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from math import ceil
from typing import Final

from mmeplan.rules.examples import ALARMS, ALL_AT_ONCE, CANARY, blue_green, rolling
from mmeplan.rules.facts import Deployment, Endpoint
from mmeplan.rules.rule import Hit, Rule

_TYPES: Final = "botocore sagemaker/2017-07-24, shape TrafficRoutingConfig"
_EXCLUSIONS: Final = "Developer Guide, deployment-guardrails-exclusions"
PROVISIONING_S: Final = 15 * 60  # what a new fleet commonly takes to come InService, beside all waiting


_ROLLING: Final = "{maximum_batch_size: {type: INSTANCE_COUNT, value: 1}, wait_interval_in_seconds: 60}"
_GOOD: Final = blue_green(CANARY, variant="initial_instance_count: 4")


class OnePolicy(Rule):
    id = "DEP-01"
    title = "A deployment has one update policy"
    severity = "error"
    basis = "doc"
    source = "botocore sagemaker/2017-07-24, DeploymentConfig: only one update policy"
    why = "Blue/green and rolling updates exclude each other."
    fix = "Keep `blue_green_update_policy` or `rolling_update_policy`."
    bad = blue_green(ALL_AT_ONCE, deployment=f"rolling_update_policy: {_ROLLING}\n{ALARMS}").replace(
        "    deployment_config:", "    deployment_config:  # here"
    )
    good = _GOOD
    members = ("DeploymentConfig",)

    def endpoint(self, endpoint: Endpoint) -> Iterator[Hit]:
        given = endpoint.request["DeploymentConfig"]
        if given.get("BlueGreenUpdatePolicy") is not None and given.get("RollingUpdatePolicy") is not None:
            yield ("DeploymentConfig",), "a blue/green and a rolling update policy in one deployment"


class SizeFitsType(Rule):
    id = "DEP-04"
    title = "A canary has a canary size, a linear update a step size, and no other type has either"
    severity = "error"
    basis = "doc"
    source = f"{_TYPES}; Developer Guide, deployment-guardrails-blue-green-canary and -linear"
    why = "The shape requires neither, so that botocore sends it; the service refuses it."
    fix = "CANARY takes `canary_size`, LINEAR `linear_step_size`, ALL_AT_ONCE none."
    bad = blue_green("{type: CANARY, wait_interval_in_seconds: 300}  # here")
    good = _GOOD
    members = ("DeploymentConfig",)

    def endpoint(self, endpoint: Endpoint) -> Iterator[Hit]:
        policy = endpoint.request["DeploymentConfig"].get("BlueGreenUpdatePolicy") or {}
        routing = policy.get("TrafficRoutingConfiguration") or {}
        kind = routing.get("Type")
        if kind not in ("ALL_AT_ONCE", "CANARY", "LINEAR"):
            return
        path = ("DeploymentConfig", "BlueGreenUpdatePolicy", "TrafficRoutingConfiguration")
        for owner, member, key in (
            ("CANARY", "CanarySize", "canary_size"),
            ("LINEAR", "LinearStepSize", "linear_step_size"),
        ):
            given = routing.get(member) is not None
            if kind == owner and not given:
                yield path, f"`{kind}` needs `{key}`"
            elif kind != owner and given:
                yield (*path, member), f"`{kind}` takes no `{key}`"


def _steps(deployment: Deployment, counts: list[int]) -> int | None:
    """How many waits an update takes at most; None where the size or the counts aren't known."""
    if deployment.routing in ("ALL_AT_ONCE", ""):
        return 0
    if deployment.routing == "CANARY":
        return 1
    if deployment.percent:
        return ceil(100 / deployment.percent)
    if deployment.instances and counts:
        return ceil(max(counts) / deployment.instances)
    return None


def _waiting_s(endpoint: Endpoint) -> int | None:
    """The seconds that the endpoint's update spends waiting; None where they can't be known."""
    deployment = endpoint.deployment
    if deployment is None or deployment.timeout_s is None:
        return None
    steps = _steps(deployment, [count for _, count in endpoint.counts()])
    return None if steps is None else steps * deployment.wait_s + deployment.termination_wait_s


class TimeoutAboveWaits(Rule):
    id = "DEP-10"
    title = "The maximum execution timeout is longer than all waiting"
    severity = "error"
    basis = "doc"
    source = "botocore sagemaker/2017-07-24, BlueGreenUpdatePolicy.MaximumExecutionTimeoutInSeconds"
    why = "An update that waits longer than it may last always ends in a rollback, however good the new version is."
    fix = "Raise the timeout, or wait less."
    bad = blue_green(
        "{type: LINEAR, linear_step_size: {type: CAPACITY_PERCENT, value: 10}, wait_interval_in_seconds: 600}",
        rest="maximum_execution_timeout_in_seconds: 3600  # here",
        variant="initial_instance_count: 10",
    )
    good = blue_green(
        "{type: LINEAR, linear_step_size: {type: CAPACITY_PERCENT, value: 10}, wait_interval_in_seconds: 600}",
        rest="maximum_execution_timeout_in_seconds: 14400",
        variant="initial_instance_count: 10",
    )
    members = ("DeploymentConfig",)

    def endpoint(self, endpoint: Endpoint) -> Iterator[Hit]:
        waiting, deployment = _waiting_s(endpoint), endpoint.deployment
        if waiting is not None and deployment and deployment.timeout_s is not None and deployment.timeout_s <= waiting:
            path = (*deployment.policy, "MaximumExecutionTimeoutInSeconds")
            yield path, f"the update may last {deployment.timeout_s} s, but waits {waiting} s"


class TimeToProvision(Rule):
    id = "DEP-11"
    title = "The maximum execution timeout leaves time to start instances"
    severity = "warning"
    basis = "inf"
    source = "Developer Guide, deployment-guardrails-blue-green; provisioning commonly takes several minutes"
    why = (
        "The timeout counts from the start of the update: instances, images and models must come up within it as well."
    )
    fix = "Leave a quarter of an hour beyond all waiting."
    bad = blue_green(
        CANARY, rest="maximum_execution_timeout_in_seconds: 900  # here", variant="initial_instance_count: 4"
    )
    good = blue_green(CANARY, rest="maximum_execution_timeout_in_seconds: 3600", variant="initial_instance_count: 4")
    members = ("DeploymentConfig",)

    def endpoint(self, endpoint: Endpoint) -> Iterator[Hit]:
        waiting, deployment = _waiting_s(endpoint), endpoint.deployment
        if waiting is None or deployment is None or deployment.timeout_s is None:
            return
        left = deployment.timeout_s - waiting
        if 0 < left < PROVISIONING_S:
            path = (*deployment.policy, "MaximumExecutionTimeoutInSeconds")
            yield path, f"beyond {waiting} s of waiting the update has {left} s to start the new fleet"


class AlarmsOnce(Rule):
    id = "DEP-16"
    title = "Each rollback alarm is named once"
    severity = "warning"
    basis = "inf"
    source = "botocore sagemaker/2017-07-24, shape AutoRollbackConfig"
    why = "The number of alarms is limited, and one that stands there twice is often a typing error for another."
    fix = "Remove one, or correct its name."
    bad = blue_green(
        ALL_AT_ONCE,
        deployment="auto_rollback_configuration: {alarms: [{alarm_name: ranker-5xx}, {alarm_name: "
        "ranker-5xx}]}  # here",
    )
    good = _GOOD
    members = ("DeploymentConfig",)

    def endpoint(self, endpoint: Endpoint) -> Iterator[Hit]:
        counts: Counter[str] = Counter()
        for index, alarm in enumerate(endpoint.deployment.alarms if endpoint.deployment else ()):
            name = alarm.get("AlarmName") or ""
            counts[name] += 1
            if name and counts[name] == 2:
                path = ("DeploymentConfig", "AutoRollbackConfiguration", "Alarms", index, "AlarmName")
                yield path, f"the alarm {name!r} is named twice"


class SomethingWatches(Rule):
    id = "DEP-21"
    title = "An update that bakes has alarms to watch"
    severity = "warning"
    basis = "doc"
    source = "Developer Guide, deployment-guardrails-configuration"
    why = (
        "Without alarms nothing is watched while a canary or a step bakes, and nothing rolls back by "
        "itself: it only takes longer."
    )
    fix = "Name CloudWatch alarms in `auto_rollback_configuration`."
    bad = blue_green(CANARY, deployment="", variant="initial_instance_count: 4").replace(
        "    deployment_config:", "    deployment_config:  # here"
    )
    good = _GOOD
    members = ("DeploymentConfig",)

    def endpoint(self, endpoint: Endpoint) -> Iterator[Hit]:
        deployment = endpoint.deployment
        if deployment is None or deployment.alarms:
            return
        if deployment.gradual:
            yield (
                ("DeploymentConfig",),
                f"a {deployment.routing} update without alarms: nothing rolls it back by itself",
            )
        elif deployment.termination_wait_s > 0:
            message = f"the old fleet is kept for {deployment.termination_wait_s} s, but no alarm can bring it back"
            yield ("DeploymentConfig",), message


class SilentFallback(Rule):
    id = "DEP-24"
    title = "Guardrails are used where SageMaker supports them"
    severity = "warning"
    basis = "doc"
    source = _EXCLUSIONS
    why = (
        "With Marketplace packages, inf1 and Elastic Inference, guardrails silently become all-at-once without baking."
    )
    fix = "Write ALL_AT_ONCE, so that the file says what happens."
    bad = blue_green(f"{CANARY}  # here", variant="initial_instance_count: 4\ninstance_type: ml.inf1.xlarge")
    good = _GOOD
    members = ("DeploymentConfig",)

    def endpoint(self, endpoint: Endpoint) -> Iterator[Hit]:
        deployment = endpoint.deployment
        if deployment is None or endpoint.config is None or not deployment.gradual:
            return
        path = deployment.policy
        if deployment.routing != "ROLLING":
            path = (*path, "TrafficRoutingConfiguration", "Type")
        for variant in endpoint.config.variants:
            kinds = [kind for _, kind in variant.of_family("inf1")]
            reason = f"runs on {kinds[0]}" if kinds else ""
            if any(model.marketplace for model in variant.models):
                reason = "hosts a Marketplace package"
            if "AcceleratorType" in variant.spec:
                reason = "uses Elastic Inference"
            if reason:
                yield path, f"`{deployment.routing}` becomes all-at-once: the variant {variant.name!r} {reason}"


class ServerlessRolling(Rule):
    id = "DEP-25"
    title = "A serverless endpoint is not updated in batches"
    severity = "error"
    basis = "doc"
    source = _EXCLUSIONS
    why = "Rolling updates replace instances batch by batch; a serverless variant has none."
    fix = "Drop `rolling_update_policy`."
    bad = rolling(
        f"{_ROLLING}  # here", variant="serverless_config: {memory_size_in_mb: 2048, max_concurrency: 20}"
    ).replace("          instance_type: ml.m5.xlarge\n          initial_instance_count: 2\n", "")
    good = rolling(_ROLLING)
    members = ("DeploymentConfig",)

    def endpoint(self, endpoint: Endpoint) -> Iterator[Hit]:
        if endpoint.request["DeploymentConfig"].get("RollingUpdatePolicy") is None or endpoint.config is None:
            return
        for variant in endpoint.config.variants:
            if variant.serverless:
                yield ("DeploymentConfig", "RollingUpdatePolicy"), f"the variant {variant.name!r} is serverless"


class RollingOfSeveral(Rule):
    id = "DEP-26"
    title = "An endpoint that is updated in batches has one production variant"
    severity = "error"
    basis = "doc"
    source = _EXCLUSIONS
    why = "Rolling updates support one production variant."
    fix = "Use `blue_green_update_policy`, or one variant."
    bad = rolling(
        f"{_ROLLING}  # here",
        variants="main: {model: ranker, instance_type: ml.m5.xlarge, initial_instance_count: 2}\n"
        "next: {model: ranker, instance_type: ml.m5.xlarge, initial_instance_count: 2}",
    )
    good = rolling(_ROLLING)
    members = ("DeploymentConfig",)

    def endpoint(self, endpoint: Endpoint) -> Iterator[Hit]:
        if endpoint.request["DeploymentConfig"].get("RollingUpdatePolicy") is None or endpoint.config is None:
            return
        count = len(endpoint.config.production)
        if count > 1:
            yield ("DeploymentConfig", "RollingUpdatePolicy"), f"a rolling update of {count} production variants"


RULES: Final = (
    OnePolicy(),
    SizeFitsType(),
    TimeoutAboveWaits(),
    TimeToProvision(),
    AlarmsOnce(),
    SomethingWatches(),
    SilentFallback(),
    ServerlessRolling(),
    RollingOfSeveral(),
)
