"""Endpoints: what an update takes along, and what comes and goes (EP and DEL)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from mmeplan.aws.variants import not_retained
from mmeplan.live import STACK_TAG
from mmeplan.rules.examples import BIGGER, CANARY, blue_green, fleet_file
from mmeplan.rules.facts import Endpoint
from mmeplan.rules.planned import PlannedFleet, PlanRule
from mmeplan.rules.rule import Constraints, FleetHit, Hit, Rule, ShapeRule

_EXCLUDE: Final = "exclude_retained_variant_properties: [{variant_property_type: %s}]"
_RETAIN: Final = "retain_all_variant_properties: true\n"
_UPDATE: Final = "botocore sagemaker/2017-07-24, UpdateEndpointInput"


class ConfigOutsideExists(PlanRule):
    id = "EP-02"
    title = "An endpoint config outside the fleet exists"
    severity = "error"
    basis = "obs"
    source = 'botocore sagemaker/2017-07-24, CreateEndpoint; it answers "Could not find endpoint configuration"'
    why = (
        "`endpoint_config_name` refers to a config that somebody else makes; without it the endpoint can't be created."
    )
    fix = "Correct the name or the region, create the config first, or write `config:`."
    absent = (("endpoint_config", "elsewhere"),)
    bad = fleet_file(models="{}", endpoint="endpoint_config_name: elsewhere  # here", without=("config",))
    good = fleet_file()

    def planned(self, fleet: PlannedFleet) -> Iterator[FleetHit]:
        for endpoint in fleet.facts.endpoints.values():
            for reference in endpoint.resource.references:
                seen = fleet.snapshot.get("endpoint_config", reference.name) if reference.address is None else None
                if seen is not None and seen.status == "absent":
                    message = f"there is no endpoint config {reference.name!r} in this account"
                    yield endpoint.resource, reference.path, message


class ExclusionOfNothing(Rule):
    id = "EP-11"
    title = "Properties are excluded from a retention that there is"
    severity = "warning"
    basis = "doc"
    source = "botocore sagemaker/2017-07-24, UpdateEndpointInput.ExcludeRetainedVariantProperties"
    why = "Without `retain_all_variant_properties: true` nothing is retained, so that there is nothing to exclude."
    fix = "Set `retain_all_variant_properties: true`, or drop the exclusions."
    bad = fleet_file(endpoint=_EXCLUDE % "DesiredWeight" + "  # here")
    good = fleet_file(endpoint=_RETAIN + _EXCLUDE % "DesiredWeight")
    members = ("ExcludeRetainedVariantProperties",)

    def endpoint(self, endpoint: Endpoint) -> Iterator[Hit]:
        options = endpoint.resource.update_options
        if options["ExcludeRetainedVariantProperties"] and not options.get("RetainAllVariantProperties"):
            yield ("ExcludeRetainedVariantProperties",), "nothing is retained, so the exclusions have no effect"


class ExclusionOfCapture(Rule):
    id = "EP-12"
    title = "Data capture is not excluded from retention"
    severity = "warning"
    basis = "doc"
    source = "botocore sagemaker/2017-07-24, shape VariantPropertyType: DataCaptureConfig is not supported"
    why = "The enum has DataCaptureConfig, but the service doesn't support excluding it."
    fix = "Drop it: the new config's data capture applies."
    bad = fleet_file(endpoint=_RETAIN + _EXCLUDE % "DataCaptureConfig" + "  # here")
    good = fleet_file(endpoint=_RETAIN + _EXCLUDE % "DesiredWeight")
    members = ("ExcludeRetainedVariantProperties",)

    def endpoint(self, endpoint: Endpoint) -> Iterator[Hit]:
        properties = endpoint.resource.update_options["ExcludeRetainedVariantProperties"]
        for index, excluded in enumerate(properties):
            if excluded.get("VariantPropertyType") == "DataCaptureConfig":
                path = ("ExcludeRetainedVariantProperties", index, "VariantPropertyType")
                yield path, "excluding DataCaptureConfig is not supported"


class TwoDeploymentConfigs(Rule):
    id = "EP-13"
    title = "The last deployment config is retained, or a new one is given"
    severity = "error"
    basis = "inf"
    source = "botocore sagemaker/2017-07-24, UpdateEndpointInput.RetainDeploymentConfig"
    why = "With both, it is not documented which of the two an update follows."
    fix = "Drop `retain_deployment_config`, or `deployment_config`."
    bad = fleet_file(
        endpoint="""
            retain_deployment_config: true  # here
            deployment_config:
              blue_green_update_policy:
                traffic_routing_configuration: {type: ALL_AT_ONCE, wait_interval_in_seconds: 0}
        """
    )
    good = fleet_file(endpoint="retain_deployment_config: true")
    members = ("RetainDeploymentConfig",)

    def endpoint(self, endpoint: Endpoint) -> Iterator[Hit]:
        if endpoint.resource.update_options["RetainDeploymentConfig"] and endpoint.deployment is not None:
            yield ("RetainDeploymentConfig",), "`retain_deployment_config: true` beside a `deployment_config`"


class SomeLastDeployment(PlanRule):
    id = "EP-14"
    title = "The last deployment config is retained where there is one"
    severity = "warning"
    basis = "inf"
    source = f"{_UPDATE}.RetainDeploymentConfig; DescribeEndpoint, LastDeploymentConfig"
    why = "There is no last deployment config to retain, so that the update runs all at once, without any guard."
    fix = "Write a `deployment_config`, and drop `retain_deployment_config`."
    before = fleet_file()
    bad = fleet_file(endpoint="retain_deployment_config: true  # here", variant=BIGGER)
    good = fleet_file(variant=BIGGER)

    def planned(self, fleet: PlannedFleet) -> Iterator[FleetHit]:
        for at, update in fleet.swaps():
            retains = update.params.get("RetainDeploymentConfig")
            if retains and at.live and not at.live.last_deployment:
                message = "the live endpoint has no last deployment config: the update runs all at once"
                yield at.endpoint.resource, ("RetainDeploymentConfig",), message


def _giving_up_counts(params: Any) -> tuple[str, ...]:
    """The member of an UpdateEndpoint that lets counts go; empty where they are retained."""
    if not params.get("RetainAllVariantProperties"):
        return ("RetainAllVariantProperties",)
    return ("ExcludeRetainedVariantProperties",) if "DesiredInstanceCount" in not_retained(params) else ()


class CountsAreKept(PlanRule):
    id = "EP-15"
    title = "An update keeps the counts that an autoscaler owns"
    severity = "warning"
    basis = "doc"
    source = f"Developer Guide, endpoint-scaling; {_UPDATE}.RetainAllVariantProperties"
    why = (
        "Unless all variant properties are retained, an update sets the count back to `initial_instance_count`, in the "
        "middle of whatever load the autoscaler has answered."
    )
    fix = "Drop `retain_all_variant_properties`: mmeplan retains what `capacity: autoscaled` says isn't the file's."
    before = fleet_file(variant="capacity: autoscaled\ninitial_instance_count: 2")
    bad = fleet_file(
        endpoint="retain_all_variant_properties: false  # here",
        variant=f"capacity: autoscaled\ninitial_instance_count: 4\n{BIGGER}",
    )
    good = fleet_file(variant=f"capacity: autoscaled\ninitial_instance_count: 4\n{BIGGER}")

    def planned(self, fleet: PlannedFleet) -> Iterator[FleetHit]:
        for at, update in fleet.swaps():
            path = _giving_up_counts(update.params)
            for variant in at.endpoint.config.production if at.endpoint.config and path else ():
                now = at.live_counts().get(variant.name)
                count = variant.spec.get("InitialInstanceCount")
                if variant.autoscaled and None not in (now, count) and now != count:
                    message = f"the update sets the variant {variant.name!r} from {now} instances back to {count}"
                    yield at.endpoint.resource, path, message


class NotAStacks(PlanRule):
    id = "EP-22"
    title = "What is adopted doesn't belong to a CloudFormation stack"
    severity = "warning"
    basis = "doc"
    source = "CloudFormation User Guide, aws-properties-resource-tags and aws-attribute-deletionpolicy"
    why = (
        "Two would manage one object: the stack's next update puts back what an apply has changed, and its deletion, "
        "or the removal of the resource from its template, deletes an endpoint in use. Whether the tag goes once the "
        "object has left the stack isn't documented."
    )
    fix = (
        "Take it out of the stack first: give it `DeletionPolicy: Retain` in the template and update the stack, then "
        "remove it from the template and update again. Where that is done, allow this with the reason."
    )
    before = fleet_file()
    tagged: Mapping[str, str] | None = {STACK_TAG: "ranker-stack"}
    bad = fleet_file(endpoint="adopt: true  # here")
    good = fleet_file()

    def planned(self, fleet: PlannedFleet) -> Iterator[FleetHit]:
        for resource, live in fleet.adopted:
            if live.stack:
                path = ("adopt",) if resource.entry.adopt else ()
                kind = live.kind.replace("_", " ")
                yield resource, path, f"the {kind} {live.name!r} belongs to the CloudFormation stack {live.stack!r}"


_EXCLUSIONS: Final = "Developer Guide, deployment-guardrails-exclusions"

_TWO: Final = """
    main: {model: ranker, instance_type: ml.m5.xlarge, initial_instance_count: 4}
    next: {model: ranker, instance_type: ml.m5.xlarge, initial_instance_count: 4}
"""


class SameVariants(PlanRule):
    id = "DEL-07"
    title = "A gradual update keeps the variants' names"
    severity = "warning"
    basis = "doc"
    source = _EXCLUSIONS
    why = (
        "Where variants are added, removed or renamed, guardrails don't apply: SageMaker shifts the traffic all at "
        "once, whatever `deployment_config` says."
    )
    fix = "Change the variants and their contents in two applies, or allow this with the reason."
    before = blue_green(CANARY, variant="initial_instance_count: 4")
    bad = blue_green(CANARY, variants=_TWO).replace("    deployment_config:", "    deployment_config:  # here")
    good = blue_green(CANARY, variant=f"initial_instance_count: 4\n{BIGGER}")

    def planned(self, fleet: PlannedFleet) -> Iterator[FleetHit]:
        for at, _ in fleet.swaps():
            wanted = {variant.name for variant in at.endpoint.config.production} if at.endpoint.config else set()
            live = at.live_variants()
            if at.gradual and wanted and live and wanted != live:
                changed = ", ".join(repr(name) for name in sorted(wanted ^ live))
                message = f"variants come or go ({changed}): this update runs all at once, without its guardrails"
                yield at.endpoint.resource, ("DeploymentConfig",), message


SHAPES: Final = (
    ShapeRule(
        "EP-10",
        "Excluded variant properties are ones that SageMaker knows",
        "VariantPropertyType",
        constraints=Constraints(shapes=("VariantPropertyList", "VariantPropertyType")),
        bad=fleet_file(
            endpoint="retain_all_variant_properties: true\n"
            "exclude_retained_variant_properties: [{variant_property_type: DesiredCount}]  # here"
        ),
        good=fleet_file(
            endpoint="retain_all_variant_properties: true\n"
            "exclude_retained_variant_properties: [{variant_property_type: DesiredWeight}]"
        ),
    ),
)
