"""Rules that need what is live, and the plan (stage `plan`; groups CFG, EP, SLS, DEP, DEL and MME)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from mmeplan.rules.examples import BIGGER, CANARY, blue_green, fleet_file
from mmeplan.rules.planned import PlannedFleet, PlanRule
from mmeplan.rules.rule import FleetHit

GUARDRAILS_SINCE: Final = "2021-12-01"
"""Deployment guardrails were announced at the end of November 2021; ISO 8601 dates compare as text."""

_UPDATE: Final = "botocore sagemaker/2017-07-24, UpdateEndpointInput"
_EXCLUSIONS: Final = "Developer Guide, deployment-guardrails-exclusions"
_TWO: Final = """
    main: {model: ranker, instance_type: ml.m5.xlarge, initial_instance_count: 4}
    next: {model: ranker, instance_type: ml.m5.xlarge, initial_instance_count: 4}
"""


class ModelOutsideExists(PlanRule):
    id = "CFG-04"
    title = "A model outside the fleet exists"
    severity = "error"
    basis = "obs"
    source = 'CreateEndpointConfig answers "Could not find model"'
    why = "`model_name` refers to a model that somebody else makes; without it the config can't be created."
    fix = "Correct the name or the region, create the model first, or write `model:` for one of this fleet."
    absent = (("model", "elsewhere"),)
    bad = fleet_file(models="{}", variant="model_name: elsewhere  # here", without=("model",))
    good = fleet_file()

    def planned(self, fleet: PlannedFleet) -> Iterator[FleetHit]:
        for config in fleet.facts.configs.values():
            for reference in config.resource.references:
                seen = fleet.snapshot.get("model", reference.name) if reference.address is None else None
                if seen is not None and seen.status == "absent":
                    yield config.resource, reference.path, f"there is no model {reference.name!r} in this account"


class ConfigOutsideExists(PlanRule):
    id = "EP-02"
    title = "An endpoint config outside the fleet exists"
    severity = "error"
    basis = "doc"
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
            if (
                update.params.get("RetainDeploymentConfig")
                and at.live
                and not at.live.describe.get("LastDeploymentConfig")
            ):
                message = "the live endpoint has no last deployment config: the update runs all at once"
                yield at.endpoint.resource, ("RetainDeploymentConfig",), message


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
                now = at.live_variants().get(variant.name, {}).get("DesiredInstanceCount")
                count = variant.spec.get("InitialInstanceCount")
                if variant.autoscaled and None not in (now, count) and now != count:
                    message = f"the update sets the variant {variant.name!r} from {now} instances back to {count}"
                    yield at.endpoint.resource, path, message


def _giving_up_counts(params: Any) -> tuple[str, ...]:
    """The member of an UpdateEndpoint that lets counts go; empty where they are retained."""
    if not params.get("RetainAllVariantProperties"):
        return ("RetainAllVariantProperties",)
    excluded = params.get("ExcludeRetainedVariantProperties") or ()
    if any(item.get("VariantPropertyType") == "DesiredInstanceCount" for item in excluded):
        return ("ExcludeRetainedVariantProperties",)
    return ()


class OneWayFromServerless(PlanRule):
    id = "SLS-13"
    title = "A serverless endpoint is not moved to instances by accident"
    severity = "warning"
    basis = "doc"
    source = "Developer Guide, serverless-endpoints-update"
    why = (
        "The update is possible in this direction only: going back means to delete and create the endpoint, an outage."
    )
    fix = "Allow it with the reason, or keep `serverless_config`."
    before = fleet_file(serverless=True)
    bad = fleet_file().replace("        main:", "        main:  # here")
    good = fleet_file(serverless=True, variant="serverless_config: {memory_size_in_mb: 4096, max_concurrency: 20}")

    def planned(self, fleet: PlannedFleet) -> Iterator[FleetHit]:
        for at, _ in fleet.swaps():
            config = at.endpoint.config
            if config is None or not at.live_is_serverless():
                continue
            for variant in config.production:
                if not variant.serverless:
                    message = f"`{at.endpoint.resource.address}` leaves serverless inference; there is no update back"
                    yield config.resource, variant.path, message


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
            live = set(at.live_variants())
            if at.gradual and wanted and live and wanted != live:
                changed = ", ".join(repr(name) for name in sorted(wanted ^ live))
                message = f"variants come or go ({changed}): this update runs all at once, without its guardrails"
                yield at.endpoint.resource, ("DeploymentConfig",), message


class OldEndpoint(PlanRule):
    id = "DEP-27"
    title = "Guardrails are used on an endpoint that knows them"
    severity = "warning"
    basis = "doc"
    source = f"{_EXCLUSIONS}: endpoints that were created before guardrails fall back"
    why = "On endpoints that are older than guardrails, SageMaker silently shifts the traffic all at once."
    fix = "Create the endpoint anew under another name when you can, or allow this with the reason."
    before = blue_green(CANARY, variant="initial_instance_count: 4")
    seen: Mapping[str, Any] = {"CreationTime": "2020-05-04T12:00:00+00:00"}
    bad = blue_green(CANARY, variant=f"initial_instance_count: 4\n{BIGGER}").replace(
        "    deployment_config:", "    deployment_config:  # here"
    )
    good = fleet_file(variant=BIGGER)

    def planned(self, fleet: PlannedFleet) -> Iterator[FleetHit]:
        for at, _ in fleet.swaps():
            created = at.live.created_at if at.live else ""
            if at.gradual and created and created < GUARDRAILS_SINCE:
                message = f"the endpoint is of {created[:10]}, older than guardrails: this update runs all at once"
                yield at.endpoint.resource, ("DeploymentConfig",), message


class ColdModels(PlanRule):
    id = "MME-27"
    title = "An update of a multi-model endpoint is done when slow answers hurt least"
    severity = "warning"
    basis = "doc"
    source = "Developer Guide, multi-model-endpoints"
    why = (
        "The new fleet has no model loaded and no memory of where models were: after every update each model's first "
        "requests are slow, until they are spread again."
    )
    fix = "Apply at a quiet hour, and call the busiest models once; `allow` on the fleet says that you know."
    before = fleet_file(multi_model=True)
    bad = fleet_file(multi_model=True, variant=BIGGER).replace("endpoints:\n  ranker:", "endpoints:\n  ranker:  # here")
    good = fleet_file(multi_model=True)

    def planned(self, fleet: PlannedFleet) -> Iterator[FleetHit]:
        for at, _ in fleet.swaps():
            for variant in at.endpoint.config.production if at.endpoint.config else ():
                if variant.multi_model:
                    message = (
                        f"after this update the models of the variant {variant.name!r} are loaded anew, on first call"
                    )
                    yield at.endpoint.resource, (), message


RULES: Final = (
    ModelOutsideExists(),
    ConfigOutsideExists(),
    SomeLastDeployment(),
    CountsAreKept(),
    OneWayFromServerless(),
    SameVariants(),
    OldEndpoint(),
    ColdModels(),
)
