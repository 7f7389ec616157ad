"""Scalable targets and scaling policies that the file declares under a variant (`autoscaling:`).

In: variants with what the file says of their scaling. Targets that others registered are asked about in `scaling`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from textwrap import indent
from typing import Any, Final, Literal

from mmeplan.kinds import kind_named
from mmeplan.kinds.resource import ApiPath
from mmeplan.rules.examples import ROLE, fleet_file
from mmeplan.rules.facts import Variant
from mmeplan.rules.planned import PlannedFleet, PlanRule
from mmeplan.rules.rule import Basis, FleetHit, Hit, Rule

_REGISTER: Final = "Application Auto Scaling API, RegisterScalableTarget"
_PUT: Final = "Application Auto Scaling API, PutScalingPolicy"
_GUIDE: Final = "Developer Guide, endpoint-auto-scaling-prerequisites"
_TRACKING: Final = "TargetTrackingScalingPolicyConfiguration"
_STEPS: Final = "StepScalingPolicyConfiguration"
_CONFIGURED_BY: Final[Mapping[str, str]] = {"TargetTrackingScaling": _TRACKING, "StepScaling": _STEPS}
_OF_COUNTS: Final = (
    "SageMakerVariantInvocationsPerInstance",
    "SageMakerVariantConcurrentRequestsPerModelHighResolution",
)
_OF_CONCURRENCY: Final = ("SageMakerVariantProvisionedConcurrencyUtilization",)
_SECONDS: Final = ("ScaleInCooldown", "ScaleOutCooldown", "Cooldown")
_FIRST: Final = "initial_instance_count: 2\n"
_BOUNDS: Final = "min_capacity: 2\nmax_capacity: 4"
_METRIC: Final = "predefined_metric_specification: {predefined_metric_type: SageMakerVariantInvocationsPerInstance}"
_CUSTOM: Final = """\
target_value: 70
customized_metric_specification:
  metric_name: CPUUtilization
  namespace: /aws/sagemaker/Endpoints
  statistic: Average
  dimensions: [{name: EndpointName, value: ranker}, {name: VariantName, value: main}]"""
_BACKLOG: Final = """\
target_value: 5
customized_metric_specification:
  metric_name: ApproximateBacklogSizePerInstance
  namespace: AWS/SageMaker
  statistic: Average
  dimensions: [{name: EndpointName, value: ranker}]"""
_STEP: Final = """\
adjustment_type: ChangeInCapacity
step_adjustments: [{metric_interval_lower_bound: 0, scaling_adjustment: 1}]"""


def _scaled(bounds: str = _BOUNDS, policy: str = "", variant: str = _FIRST) -> str:
    """The lines of a variant that is scaled between bounds, by one policy."""
    inside = bounds + ("\npolicies:\n  by-load:\n" + indent(policy, "    ") if policy else "")
    return f"{variant}autoscaling:\n" + indent(inside, "  ")


def _tracking(lines: str = f"target_value: 70\n{_METRIC}") -> str:
    """The lines of a target tracking policy."""
    head = "policy_type: TargetTrackingScaling\ntarget_tracking_scaling_policy_configuration:\n"
    return head + indent(lines, "  ")


def _stepped(lines: str = _STEP) -> str:
    """The lines of a step policy."""
    return "policy_type: StepScaling\nstep_scaling_policy_configuration:\n" + indent(lines, "  ")


_GOOD: Final = fleet_file(variant=_scaled(policy=_tracking()))


Severity = Literal["error", "warning", "note"]


class _Scaling(Rule):
    """A rule about what the file says of a variant's scaling."""

    severity: Severity = "error"
    basis: Basis = "inf"
    source = _REGISTER
    good = _GOOD

    def variant(self, variant: Variant) -> Iterator[Hit]:
        if variant.scaling is not None:
            yield from self.target(variant, variant.scaling, (*variant.path, "autoscaling"))
            for name, policy in (variant.scaling.get("policies") or {}).items():
                yield from self.policy(variant, policy or {}, (*variant.path, "autoscaling", "policies", name))

    def target(self, variant: Variant, target: Mapping[str, Any], at: ApiPath) -> Iterator[Hit]:
        """Look at a scalable target, which stands at a path."""
        return iter(())

    def policy(self, variant: Variant, policy: Mapping[str, Any], at: ApiPath) -> Iterator[Hit]:
        """Look at a scaling policy, which stands at a path."""
        for member in (_TRACKING, _STEPS):
            if policy.get(member) is not None:
                yield from self.configuration(variant, policy[member], (*at, member))

    def configuration(self, variant: Variant, of: Mapping[str, Any], at: ApiPath) -> Iterator[Hit]:
        """Look at the configuration of a scaling policy."""
        return iter(())


class TargetHasBounds(_Scaling):
    id = "ASC-03"
    title = "A scalable target has a minimum and a maximum"
    why = "A target is registered with both bounds, and scales nothing where the maximum lies below the minimum."
    fix = "Write `min_capacity` and `max_capacity`, the maximum not below the minimum."
    bad = fleet_file(variant=_scaled("min_capacity: 4\nmax_capacity: 2  # here"))
    also = ("ASC-06",)

    def target(self, variant: Variant, target: Mapping[str, Any], at: ApiPath) -> Iterator[Hit]:
        least, most = target.get("MinCapacity"), target.get("MaxCapacity")
        missing = [key for key, value in (("min_capacity", least), ("max_capacity", most)) if value is None]
        if missing:
            yield at, f"the variant {variant.name!r} is to be scaled, and `{'` and `'.join(missing)}` is missing"
        elif most is not None and least is not None and most < least:
            yield (*at, "MaxCapacity"), f"at most {most} instances, and at least {least}"


class MinimumIsOne(_Scaling):
    id = "ASC-04"
    title = "A variant isn't scaled to nothing"
    basis = "conf"
    source = (
        f"{_GUIDE}: the minimum is at least 1; {_REGISTER}, MinCapacity: 0 is allowed for SageMaker endpoint variants"
    )
    why = "A variant without instances answers nothing; only asynchronous endpoints keep what comes meanwhile."
    fix = "Write `min_capacity: 1` or more, or add an `async_inference_config`."
    bad = fleet_file(variant=_scaled("min_capacity: 0  # here\nmax_capacity: 4"))

    def target(self, variant: Variant, target: Mapping[str, Any], at: ApiPath) -> Iterator[Hit]:
        least = target.get("MinCapacity")
        if least is not None and least < 1 and "AsyncInferenceConfig" not in variant.owner.request:
            yield (*at, "MinCapacity"), f"the variant {variant.name!r} may be scaled to {least}, and isn't asynchronous"


class BeginsWithinBounds(_Scaling):
    id = "ASC-06"
    title = "A scaled variant begins within its bounds"
    severity = "warning"
    basis = "doc"
    source = f"{_REGISTER}: the registration changes a capacity that lies outside the bounds"
    why = "The registration moves the count into the bounds at once: instances come or go right after the rollout."
    fix = "Write an initial count between `min_capacity` and `max_capacity`."
    bad = fleet_file(variant=_scaled(variant="initial_instance_count: 1  # here\n"))

    def target(self, variant: Variant, target: Mapping[str, Any], at: ApiPath) -> Iterator[Hit]:
        least, most = target.get("MinCapacity"), target.get("MaxCapacity")
        serverless = variant.spec.get("ServerlessConfig") or {}
        path: ApiPath = ("ServerlessConfig", "ProvisionedConcurrency") if serverless else ("InitialInstanceCount",)
        count = serverless.get(path[-1]) if serverless else variant.spec.get("InitialInstanceCount")
        if least is None or most is None or count is None:
            return
        if not least <= count <= most:
            yield (*variant.path, *path), f"it begins with {count}, and has {least} to {most} from then on"


class BurstableIsNotScaled(_Scaling):
    id = "ASC-07"
    title = "Burstable instances aren't scaled"
    source = "Developer Guide, endpoint-auto-scaling-add-console: no automatic scaling on T2"
    why = "Automatic scaling doesn't support burstable instances such as T2."
    fix = "Choose another instance type, or drop `autoscaling`."
    bad = fleet_file(variant=_scaled(variant="instance_type: ml.t2.medium  # here\ninitial_instance_count: 2\n"))
    also = ("CFG-37",)

    def target(self, variant: Variant, target: Mapping[str, Any], at: ApiPath) -> Iterator[Hit]:
        if str(variant.spec.get("InstanceType") or "").startswith("ml.t2."):
            yield (
                (*variant.path, "InstanceType"),
                f"burstable instances ({variant.spec['InstanceType']}) aren't scaled",
            )


class TargetValueIsPositive(_Scaling):
    id = "ASC-08"
    title = "What a policy aims at is more than 0"
    source = f"{_PUT}, TargetTrackingScalingPolicyConfiguration"
    why = "A target tracking policy keeps the metric at its target value; at 0 or below it would scale out forever."
    fix = "Write a `target_value` above 0."
    bad = fleet_file(variant=_scaled(policy=_tracking(f"target_value: 0  # here\n{_METRIC}")))

    def configuration(self, variant: Variant, of: Mapping[str, Any], at: ApiPath) -> Iterator[Hit]:
        value = of.get("TargetValue")
        if at[-1] == _TRACKING and value is not None and value <= 0:
            yield (*at, "TargetValue"), f"a target value of {value:g}"


class OneMetric(_Scaling):
    id = "ASC-09"
    title = "A target tracking policy has one metric"
    source = f"{_PUT}: you can specify either a predefined metric or a customized metric"
    why = "A policy follows a predefined metric or a customized one; it is refused with both, and with neither."
    fix = "Write one of `predefined_metric_specification` and `customized_metric_specification`."
    bad = fleet_file(
        variant=_scaled(policy=_tracking("target_value: 70")).replace("configuration:", "configuration:  # here")
    )

    def configuration(self, variant: Variant, of: Mapping[str, Any], at: ApiPath) -> Iterator[Hit]:
        given = [m for m in ("PredefinedMetricSpecification", "CustomizedMetricSpecification") if of.get(m) is not None]
        if at[-1] == _TRACKING and len(given) != 1:
            yield at, "it has both kinds of metric" if given else "it has no metric"


class MetricOfSageMaker(_Scaling):
    id = "ASC-10"
    title = "A predefined metric is one of a variant's"
    source = "botocore application-autoscaling/2016-02-06, shape MetricType"
    why = "Most predefined metrics are those of other services: there are none of them for a variant."
    fix = f"Write one of {', '.join((*_OF_COUNTS, *_OF_CONCURRENCY))}."
    bad = fleet_file(
        variant=_scaled(
            policy=_tracking(
                "target_value: 70\npredefined_metric_specification:\n"
                "  predefined_metric_type: ECSServiceAverageCPUUtilization  # here"
            )
        )
    )

    def configuration(self, variant: Variant, of: Mapping[str, Any], at: ApiPath) -> Iterator[Hit]:
        metric = _metric_of(of)
        if metric and metric not in (*_OF_COUNTS, *_OF_CONCURRENCY):
            path = (*at, "PredefinedMetricSpecification", "PredefinedMetricType")
            yield path, f"a variant has no metric {metric}"


class MetricFitsTheDimension(_Scaling):
    id = "ASC-11"
    title = "A metric fits what is scaled"
    source = "Developer Guide, serverless-endpoints-autoscale-apply"
    why = (
        "Of a serverless variant the provisioned concurrency is scaled, by its utilization; of others the instance "
        "count, by invocations."
    )
    fix = "Write the metric of what is scaled."
    bad = fleet_file(
        variant=_scaled(
            policy=_tracking(
                "target_value: 0.7\npredefined_metric_specification:\n"
                "  predefined_metric_type: SageMakerVariantProvisionedConcurrencyUtilization  # here"
            )
        )
    )

    def configuration(self, variant: Variant, of: Mapping[str, Any], at: ApiPath) -> Iterator[Hit]:
        metric = _metric_of(of)
        wrong = _OF_COUNTS if variant.serverless else _OF_CONCURRENCY
        if metric in wrong:
            what = "serverless" if variant.serverless else "on instances"
            path = (*at, "PredefinedMetricSpecification", "PredefinedMetricType")
            yield path, f"the variant {variant.name!r} is {what}, and has no {metric}"


class AsyncHasNoInvocations(_Scaling):
    id = "ASC-12"
    title = "An asynchronous endpoint is scaled by its backlog"
    severity = "warning"
    basis = "doc"
    source = "Developer Guide, async-inference-autoscale and async-inference-monitor"
    why = "Asynchronous endpoints don't emit invocations per instance, so that a policy on them never scales."
    fix = "Follow ApproximateBacklogSizePerInstance of AWS/SageMaker with a `customized_metric_specification`."
    bad = fleet_file(
        config="async_inference_config: {output_config: {s3_output_path: s3://acme-models/out/}}",
        variant=_scaled(
            policy=_tracking(
                "target_value: 70\npredefined_metric_specification:\n"
                "  predefined_metric_type: SageMakerVariantInvocationsPerInstance  # here"
            )
        ),
    )

    good = fleet_file(
        config="async_inference_config: {output_config: {s3_output_path: s3://acme-models/out/}}",
        variant=_scaled(policy=_tracking(_BACKLOG)),
    )

    def configuration(self, variant: Variant, of: Mapping[str, Any], at: ApiPath) -> Iterator[Hit]:
        if "AsyncInferenceConfig" in variant.owner.request and _metric_of(of) == _OF_COUNTS[0]:
            path = (*at, "PredefinedMetricSpecification", "PredefinedMetricType")
            yield path, f"the endpoint is asynchronous, and doesn't emit {_OF_COUNTS[0]}"


class CustomMetricIsWhole(_Scaling):
    id = "ASC-13"
    title = "A customized metric is whole"
    source = f"{_PUT}, CustomizedMetricSpecification"
    why = "A metric is found by its name, its namespace and a statistic, or by `metrics` that are computed with."
    fix = "Write `metric_name`, `namespace` and `statistic`, or `metrics`."
    bad = fleet_file(
        variant=_scaled(
            policy=_tracking(
                "target_value: 70\ncustomized_metric_specification:  # here\n  metric_name: CPUUtilization\n"
                "  dimensions: [{name: EndpointName, value: ranker}, {name: VariantName, value: main}]"
            )
        )
    )
    good = fleet_file(variant=_scaled(policy=_tracking(_CUSTOM)))

    def configuration(self, variant: Variant, of: Mapping[str, Any], at: ApiPath) -> Iterator[Hit]:
        metric = of.get("CustomizedMetricSpecification")
        if metric is None or metric.get("Metrics"):
            return
        parts = (("metric_name", "MetricName"), ("namespace", "Namespace"), ("statistic", "Statistic"))
        missing = [key for key, member in parts if not metric.get(member)]
        if missing:
            yield (*at, "CustomizedMetricSpecification"), f"the metric has no {' and no '.join(missing)}"


class CustomMetricIsOfTheVariant(_Scaling):
    id = "ASC-14"
    title = "A customized metric is the variant's"
    severity = "warning"
    basis = "conf"
    source = (
        "Developer Guide, monitoring-cloudwatch: EndpointName and VariantName; the multi-model guide says ModelName"
    )
    why = "SageMaker emits an endpoint's metrics with the dimensions EndpointName and VariantName; others find nothing."
    fix = "Write both dimensions."
    bad = fleet_file(
        variant=_scaled(
            policy=_tracking(
                "target_value: 70\ncustomized_metric_specification:\n  metric_name: CPUUtilization\n"
                "  namespace: /aws/sagemaker/Endpoints\n  statistic: Average\n"
                "  dimensions: [{name: EndpointName, value: ranker}]  # here"
            )
        )
    )
    good = fleet_file(variant=_scaled(policy=_tracking(_CUSTOM)))

    def configuration(self, variant: Variant, of: Mapping[str, Any], at: ApiPath) -> Iterator[Hit]:
        metric = of.get("CustomizedMetricSpecification") or {}
        if metric.get("Namespace") != "/aws/sagemaker/Endpoints":
            return
        given = {str(dimension.get("Name")) for dimension in metric.get("Dimensions") or ()}
        if given != {"EndpointName", "VariantName"}:
            path = (*at, "CustomizedMetricSpecification", *(("Dimensions",) if given else ()))
            yield path, f"the dimensions are {', '.join(sorted(given)) or 'none'}, not EndpointName and VariantName"


class CooldownsAreTimes(_Scaling):
    id = "ASC-15"
    title = "A cooldown isn't negative"
    source = f"{_GUIDE}: cooldowns are seconds, 300 where none is given"
    why = "A cooldown is a time in seconds."
    fix = "Write 0 or more."
    bad = fleet_file(variant=_scaled(policy=_tracking(f"target_value: 70\n{_METRIC}\nscale_in_cooldown: -1  # here")))

    def configuration(self, variant: Variant, of: Mapping[str, Any], at: ApiPath) -> Iterator[Hit]:
        for member in _SECONDS:
            if of.get(member) is not None and of[member] < 0:
                yield (*at, member), f"a cooldown of {of[member]} seconds"


class OneController(_Scaling):
    id = "ASC-20"
    title = "One of two scales a count"
    severity = "warning"
    source = "botocore sagemaker/2017-07-24, ProductionVariantManagedInstanceScaling"
    why = "SageMaker's managed scaling and Application Auto Scaling would both change the count, against each other."
    fix = "Drop `managed_instance_scaling`, or `autoscaling`."
    _managed = "managed_instance_scaling: {status: ENABLED, min_instance_count: 1, max_instance_count: 4}\n"
    bad = fleet_file(
        models="{}",
        config=f"execution_role_arn: {ROLE}",
        variant=_scaled(variant=_FIRST + _managed).replace("autoscaling:", "autoscaling:  # here"),
        without=("model",),
    )

    good = fleet_file(models="{}", config=f"execution_role_arn: {ROLE}", variant=_scaled(), without=("model",))

    def target(self, variant: Variant, target: Mapping[str, Any], at: ApiPath) -> Iterator[Hit]:
        if variant.managed_scaling:
            yield at, f"SageMaker scales the variant {variant.name!r} already (managed_instance_scaling)"


class FixedBesideAutoscaling(_Scaling):
    id = "ASC-26"
    title = "A count that is scaled isn't said to be fixed"
    basis = "own"
    source = "docs/autoscaling.md; docs/fleet-yaml.md, `capacity`"
    why = "`autoscaling:` gives the count to Application Auto Scaling; `capacity: fixed` asks for the opposite."
    fix = "Drop `capacity: fixed`, or `autoscaling`."
    bad = fleet_file(variant=_scaled(variant=_FIRST + "capacity: fixed  # here\n"))

    def target(self, variant: Variant, target: Mapping[str, Any], at: ApiPath) -> Iterator[Hit]:
        if variant.capacity == "fixed":
            yield (*variant.path, "capacity"), f"`capacity: fixed`, and the variant {variant.name!r} is scaled"


class StepsAreWhole(_Scaling):
    id = "ASC-27"
    title = "A step policy says how it scales"
    source = f"{_PUT}, StepScalingPolicyConfiguration"
    why = (
        "A step policy has an adjustment type and one step or more; a step's lower bound lies below its upper one, and "
        "both are relative to the alarm's threshold."
    )
    fix = "Write `adjustment_type` and `step_adjustments`."
    bad = fleet_file(
        variant=_scaled(policy=_stepped("adjustment_type: ChangeInCapacity")).replace(
            "step_scaling_policy_configuration:", "step_scaling_policy_configuration:  # here"
        )
    )
    good = fleet_file(variant=_scaled(policy=_stepped()))

    def configuration(self, variant: Variant, of: Mapping[str, Any], at: ApiPath) -> Iterator[Hit]:
        if at[-1] != _STEPS:
            return
        parts = (("adjustment_type", "AdjustmentType"), ("step_adjustments", "StepAdjustments"))
        missing = [key for key, member in parts if not of.get(member)]
        if missing:
            yield at, f"it has no {' and no '.join(missing)}"
        for index, step in enumerate(of.get("StepAdjustments") or ()):
            low, high = step.get("MetricIntervalLowerBound"), step.get("MetricIntervalUpperBound")
            if None not in (low, high) and low >= high:
                yield (*at, "StepAdjustments", index), f"the step begins at {low:g} and ends at {high:g}"


class PolicyIsConfigured(_Scaling):
    id = "ASC-28"
    title = "A policy has the configuration of its type"
    source = f"{_PUT}, PolicyType: predictive scaling is ECS's alone"
    why = "PutScalingPolicy takes the configuration of the policy's own type and no other."
    fix = "Write `policy_type: TargetTrackingScaling` or `StepScaling`, and its configuration."
    bad = fleet_file(
        variant=_scaled(policy=_stepped()).replace("policy_type: StepScaling", "policy_type: PredictiveScaling  # here")
    )

    good = fleet_file(variant=_scaled(policy=_stepped()))

    def policy(self, variant: Variant, policy: Mapping[str, Any], at: ApiPath) -> Iterator[Hit]:
        kind = policy.get("PolicyType")
        wanted = _CONFIGURED_BY.get(str(kind or ""))
        given = [member for member in _CONFIGURED_BY.values() if policy.get(member) is not None]
        if kind is None:
            yield at, "the policy has no policy_type"
        elif wanted is None:
            yield (*at, "PolicyType"), f"a variant has no policies of type {kind}"
        elif given != [wanted]:
            yield at, f"a policy of type {kind} has {'no' if wanted not in given else 'another'} configuration"


def _metric_of(configuration: Mapping[str, Any]) -> str:
    """The predefined metric of a configuration; empty for none."""
    return str((configuration.get("PredefinedMetricSpecification") or {}).get("PredefinedMetricType") or "")


class StepPolicyKeepsItsAlarms(PlanRule):
    id = "ASC-29"
    title = "The alarms of a step policy that is put back are known"
    severity = "error"
    basis = "inf"
    source = f"{_PUT}: a policy that is created anew has a new ARN; CloudWatch, PutMetricAlarm: an action is an ARN"
    why = (
        "Where a variant gets another instance type its scalable target is taken off, and its policies with it. A "
        "step policy that is put back has another ARN than before, and the alarms that scale by it still name the old "
        "one: nothing scales until they are changed."
    )
    fix = "Allow it (`allow: {ASC-29: who changes the alarms, and when}`), and give the alarms the new ARN afterwards."
    before = fleet_file(variant=_scaled(policy=_stepped()))
    bad = fleet_file(
        variant=_scaled(policy=_stepped(), variant="instance_type: ml.m5.2xlarge\ninitial_instance_count: 2\n").replace(
            "by-load:", "by-load:  # here"
        )
    )
    good = fleet_file(variant=_scaled("min_capacity: 2\nmax_capacity: 6", policy=_stepped()))

    def planned(self, fleet: PlannedFleet) -> Iterator[FleetHit]:
        for change, resource, live in fleet.made_anew():
            words = fleet.snapshot.users.get(f"{change.kind}/{change.live_name}")
            if words == "" or not any(True for _ in kind_named(change.kind).pointed_at(live)):
                continue
            named = words or "alarms that weren't looked for"
            yield resource, (), f"the policy {resource.name!r} gets a new ARN, and the old one is named by {named}"
