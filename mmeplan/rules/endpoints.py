"""Endpoints: the members that only UpdateEndpoint has (group EP)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mmeplan.rules.examples import fleet_file
from mmeplan.rules.facts import Endpoint
from mmeplan.rules.rule import Hit, Rule

_EXCLUDE: Final = "exclude_retained_variant_properties: [{variant_property_type: %s}]"
_RETAIN: Final = "retain_all_variant_properties: true\n"


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


RULES: Final = (ExclusionOfNothing(), ExclusionOfCapture(), TwoDeploymentConfigs())
