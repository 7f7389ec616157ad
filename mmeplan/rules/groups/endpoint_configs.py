"""Endpoint configs: their variants and what these host (CFG; instances are in instances.py)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from mmeplan.aws.variants import REFERENCES
from mmeplan.rules.examples import ROLE, fleet_file
from mmeplan.rules.facts import Config, Endpoint, Model, Variant, written_at
from mmeplan.rules.planned import PlannedFleet, PlanRule
from mmeplan.rules.rule import Constraints, FleetHit, Hit, Rule, ShapeRule

_VARIANT: Final = "{model: ranker, instance_type: ml.m5.xlarge, initial_instance_count: 2}"
_COMPONENT: Final = "{instance_type: ml.g5.2xlarge, initial_instance_count: 2}"
_INSTANCE_ROLE: Final = f"execution_role_arn: {ROLE}"
_COMPONENTS: Final = fleet_file(models="{}", config=_INSTANCE_ROLE, variants=f"main: {_COMPONENT}")


class UniqueVariants(Rule):
    id = "CFG-02"
    title = "A variant's name is unique over production and shadow variants"
    severity = "error"
    basis = "obs"
    source = 'CreateEndpointConfig answers "The variant name … was non-unique within the request."'
    why = "Weights, metrics and logs name a variant by it."
    fix = "Give the shadow variant a name of its own."
    bad = fleet_file(config=f"shadow_production_variants:\n  main: {_VARIANT}  # here")
    good = fleet_file(config=f"shadow_production_variants:\n  candidate: {_VARIANT}")
    members = ("ShadowProductionVariants",)

    def config(self, config: Config) -> Iterator[Hit]:
        names = {variant.name for variant in config.production}
        for variant in config.shadows:
            if variant.name in names:
                yield variant.path, f"{variant.name!r} is a production and a shadow variant"


class VariantHasModel(Rule):
    id = "CFG-03"
    title = "A variant hosts a model"
    severity = "error"
    basis = "inf"
    source = "API reference CreateEndpointConfig, ProductionVariant.ModelName"
    why = (
        "Only variants of inference-component endpoints go without a model, and these need `execution_role_arn` in the "
        "config, which is not there."
    )
    fix = (
        "Write `model: NAME`, or `model_name:` for a model outside the fleet; for inference components "
        "give the config a role."
    )
    bad = fleet_file(models="{}", without=("model",)).replace("  main:", "  main:  # here")
    good = fleet_file()

    def config(self, config: Config) -> Iterator[Hit]:
        if config.request.get("ExecutionRoleArn"):
            return
        for variant in config.variants:
            if not variant.model_based:
                yield variant.path, f"the variant {variant.name!r} names no model"


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


class VariantHasCapacity(Rule):
    id = "CFG-05"
    title = "A variant says what it runs on"
    severity = "error"
    basis = "inf"
    source = (
        "API reference ProductionVariant: InstanceType and InitialInstanceCount, InstancePools, or ServerlessConfig"
    )
    why = "There is nothing to run on. The shape requires none of them, so that botocore sends it."
    fix = "Give `instance_type` and `initial_instance_count`, or `instance_pools`, or `serverless_config`."
    bad = fleet_file(without=("initial_instance_count",)).replace("  main:", "  main:  # here")
    good = fleet_file()

    def variant(self, variant: Variant) -> Iterator[Hit]:
        spec = variant.spec
        if "InstanceType" in spec and "InitialInstanceCount" in spec:
            return
        if "ServerlessConfig" in spec or "InstancePools" in spec or not variant.model_based:
            return
        missing = [key for key in ("InstanceType", "InitialInstanceCount") if key not in spec]
        words = {"InstanceType": "`instance_type`", "InitialInstanceCount": "`initial_instance_count`"}
        yield variant.path, f"the variant {variant.name!r} has no {' and no '.join(words[key] for key in missing)}"


class TwoInstances(Rule):
    id = "CFG-09"
    title = "A production variant has at least two instances"
    severity = "warning"
    basis = "doc"
    source = "Developer Guide, deployment-best-practices and realtime-endpoints-deployment"
    why = "SageMaker spreads instances over availability zones; one instance stands in one zone, and fails with it."
    fix = "Set `initial_instance_count: 2` or more, or `capacity: autoscaled` where an autoscaler owns the count."
    bad = fleet_file(variant="initial_instance_count: 1  # here")
    good = fleet_file(variant="initial_instance_count: 2")
    members = ("InitialInstanceCount",)

    def variant(self, variant: Variant) -> Iterator[Hit]:
        if variant.spec["InitialInstanceCount"] != 1 or variant.shadow or variant.autoscaled:
            return
        own_rule = variant.serverless or variant.multi_model or variant.managed_scaling
        if not own_rule and variant.owner.request.get("AsyncInferenceConfig") is None:
            path = (*variant.path, "InitialInstanceCount")
            yield path, f"the variant {variant.name!r} depends on one instance in one availability zone"


class SomeWeight(Rule):
    id = "CFG-11"
    title = "Some production variant has a weight"
    severity = "error"
    basis = "inf"
    source = "botocore sagemaker/2017-07-24, ProductionVariant.InitialVariantWeight: the weight over the sum of weights"
    why = "A variant's share of the traffic is its weight over the sum of weights, and that sum is 0."
    fix = "Give one of them a weight above 0."
    bad = fleet_file(variant="initial_variant_weight: 0").replace(
        "production_variants:", "production_variants:  # here"
    )
    good = fleet_file(variants=f"main: {_VARIANT}\nnext: {_VARIANT[:-1]}, initial_variant_weight: 0}}").replace(
        "main: {", "main: {initial_variant_weight: 1, "
    )

    def config(self, config: Config) -> Iterator[Hit]:
        if config.production and all(variant.weight == 0 for variant in config.production):
            yield ("ProductionVariants",), "the weights of all production variants are 0: the traffic has nowhere to go"


class WeightsOnAll(Rule):
    id = "CFG-12"
    title = "All production variants say their weight, or none does"
    severity = "warning"
    basis = "doc"
    source = "botocore sagemaker/2017-07-24, ProductionVariant.InitialVariantWeight: default 1.0"
    why = "A variant without a weight has 1.0: beside a weight of 90 it gets one request in 91, which few people mean."
    fix = "Write `initial_variant_weight` on every variant."
    bad = fleet_file(variants=f"main: {_VARIANT[:-1]}, initial_variant_weight: 90}}\nnext: {_VARIANT}  # here")
    good = fleet_file(
        variants=f"main: {_VARIANT[:-1]}, initial_variant_weight: 90}}\nnext: {_VARIANT[:-1]}, "
        f"initial_variant_weight: 10}}"
    )

    def config(self, config: Config) -> Iterator[Hit]:
        if len(config.production) < 2:
            return
        weighted = [variant for variant in config.production if "InitialVariantWeight" in variant.spec]
        if not any(variant.weight != 1 for variant in weighted):
            return
        for variant in config.production:
            if "InitialVariantWeight" not in variant.spec:
                shown = ", ".join(f"{other.name}: {other.weight:g}" for other in weighted)
                yield variant.path, f"the variant {variant.name!r} has the default weight 1 beside {shown}"


_TERRAFORM: Final = "terraform-provider-aws, pull requests 48738 and 48884"


class RoleOfTheConfig(Rule):
    id = "CFG-30"
    title = "A config of model-based variants has no role, VPC or isolation of its own"
    severity = "error"
    basis = "inf"
    source = f"{_TERRAFORM}: the provider refuses it, the service's answer isn't shown"
    why = "These members are for inference-component endpoints; where variants name models, the models have them."
    fix = "Move them to the models."
    bad = fleet_file(config=f"{_INSTANCE_ROLE}  # here")
    good = _COMPONENTS
    members = ("ExecutionRoleArn", "VpcConfig", "EnableNetworkIsolation")

    def config(self, config: Config) -> Iterator[Hit]:
        if config.variants and all(variant.model_based for variant in config.variants):
            for member, key in zip(
                self.members, ("execution_role_arn", "vpc_config", "enable_network_isolation"), strict=True
            ):
                if config.request.get(member):
                    yield (member,), f"`{key}` in a config whose variants name models"


class OneKindOfVariant(Rule):
    id = "CFG-31"
    title = "Variants with and without a model don't share a config"
    severity = "error"
    basis = "inf"
    source = 'CreateInferenceComponent answers "Inference Components are not supported in this Endpoint"'
    why = "An endpoint hosts either models or inference components."
    fix = "Give each kind an endpoint of its own."
    bad = fleet_file(config=_INSTANCE_ROLE, variants=f"main: {_VARIANT}\ncomponents: {_COMPONENT}").replace(
        "production_variants:", "production_variants:  # here"
    )
    good = _COMPONENTS
    members = ("ExecutionRoleArn",)

    def config(self, config: Config) -> Iterator[Hit]:
        if not config.request["ExecutionRoleArn"]:
            return
        hosting = [variant.name for variant in config.variants if variant.model_based]
        empty = [variant.name for variant in config.variants if not variant.model_based]
        if hosting and empty:
            yield ("ProductionVariants",), f"{hosting[0]!r} hosts a model, {empty[0]!r} inference components"


class ScalingOfComponents(Rule):
    id = "CFG-32"
    title = "Managed instance scaling is for inference components"
    severity = "error"
    basis = "obs"
    source = (
        'CreateEndpointConfig answers "ManagedInstanceScaling is only supported for inference component endpoints."'
    )
    why = (
        "A variant that hosts a model is scaled by Application Auto Scaling. Of `status: DISABLED` no refusal is known."
    )
    fix = "Drop `managed_instance_scaling`, and write `capacity: autoscaled` where an autoscaler owns the count."
    bad = fleet_file(
        variant="managed_instance_scaling: {status: ENABLED, min_instance_count: 1, max_instance_count: 4}  # here"
    )
    good = fleet_file(variant="capacity: autoscaled")
    members = ("ManagedInstanceScaling",)

    def variant(self, variant: Variant) -> Iterator[Hit]:
        # MME-20 says it for multi-model variants
        if variant.managed_scaling and variant.model_based and not variant.multi_model:
            yield (*variant.path, "ManagedInstanceScaling"), f"the variant {variant.name!r} hosts a model"


class ScalingBounds(Rule):
    id = "CFG-44"
    title = "Managed instance scaling begins within its bounds"
    severity = "error"
    basis = "inf"
    source = "botocore sagemaker/2017-07-24, ProductionVariantManagedInstanceScaling: a minimum, a maximum"
    why = (
        "A variant that begins outside the range in which SageMaker scales it contradicts itself. What is DISABLED has "
        "no say: its bounds aren't compared."
    )
    fix = "Order them: min_instance_count ≤ initial_instance_count ≤ max_instance_count."
    bad = fleet_file(
        models="{}",
        config=_INSTANCE_ROLE,
        variant="managed_instance_scaling: {status: ENABLED, min_instance_count: 3, max_instance_count: 4}  # here",
        without=("model",),
    )
    good = fleet_file(
        models="{}",
        config=_INSTANCE_ROLE,
        variant="managed_instance_scaling: {status: ENABLED, min_instance_count: 1, max_instance_count: 4}",
        without=("model",),
    )
    members = ("ManagedInstanceScaling",)

    def variant(self, variant: Variant) -> Iterator[Hit]:
        scaling = variant.managed_scaling
        given = (
            ("min_instance_count", scaling.get("MinInstanceCount")),
            ("initial_instance_count", variant.spec.get("InitialInstanceCount")),
            ("max_instance_count", scaling.get("MaxInstanceCount")),
        )
        known = [(key, count) for key, count in given if count is not None] if scaling else []
        for (low_key, low), (high_key, high) in pairwise(known):
            if low > high:
                yield (*variant.path, "ManagedInstanceScaling"), f"`{low_key}` {low} is above {high_key} {high}"


METRIC_INTERVALS_S: Final = (10, 30, 60, 120, 180, 240, 300)  # MetricsConfig, documentation of the member


class MetricFrequency(Rule):
    id = "CFG-34"
    title = "Metrics are published at a documented interval"
    severity = "error"
    basis = "doc"
    source = "botocore sagemaker/2017-07-24, MetricsConfig.MetricPublishFrequencyInSeconds: valid values"
    quote = "Valid values: 10, 30, 60, 120, 180, 240, 300."
    why = "The shape is any integer, so that botocore sends it; the documentation lists the intervals that there are."
    fix = "Write one of the intervals that the message names; 60 is the default."
    bad = fleet_file(config="metrics_config: {metric_publish_frequency_in_seconds: 45}  # here")
    good = fleet_file(config="metrics_config: {metric_publish_frequency_in_seconds: 30}")
    members = ("MetricsConfig",)

    def config(self, config: Config) -> Iterator[Hit]:
        seconds = (config.request["MetricsConfig"] or {}).get("MetricPublishFrequencyInSeconds")
        if seconds is not None and seconds not in METRIC_INTERVALS_S:
            path = ("MetricsConfig", "MetricPublishFrequencyInSeconds")
            yield path, f"an interval of {seconds} s is not one of {', '.join(map(str, METRIC_INTERVALS_S))}"


class Unused(Rule):
    id = "CFG-41"
    title = "Every model and every shared config is used"
    severity = "warning"
    basis = "inf"
    source = "docs/fleet-yaml.md, what counts as a change"
    why = "It is created, tagged and kept for nobody; more often it is what remains of a rename."
    fix = "Remove the entry, or allow this with the reason why it is kept."
    bad = fleet_file(
        models=f"""
            ranker:
              execution_role_arn: {ROLE}
              primary_container: {{image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/ranker:1.4}}
            ranker-old:  # here
              execution_role_arn: {ROLE}
              primary_container: {{image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/ranker:1.3}}
        """
    )
    good = fleet_file()

    def model(self, model: Model) -> Iterator[Hit]:
        if not model.variants:
            yield (), f"no variant of the fleet hosts {model.resource.address}"

    def config(self, config: Config) -> Iterator[Hit]:
        if not config.endpoints:
            yield (), f"no endpoint of the fleet runs {config.resource.address}"


class LogicalReference(Rule):
    id = "CFG-42"
    title = "What belongs to the fleet is referred to by its entry's name"
    severity = "warning"
    basis = "inf"
    source = "docs/fleet-yaml.md, references"
    why = (
        "`model_name` and `endpoint_config_name` are for what lies outside the fleet. A physical name that an entry of "
        "this file has is taken for that entry all the same; but a name without a pin changes with the content, and "
        "then the reference leads elsewhere."
    )
    fix = "Write `model:`, `model_override:` or `config:` with the entry's name."
    bad = fleet_file(model="name: ranker-7", variant="model_name: ranker-7  # here", without=("model",))
    good = fleet_file(model="name: ranker-7")

    def config(self, config: Config) -> Iterator[Hit]:
        for reference in config.resource.references:
            logical = REFERENCES[str(reference.path[-1])]
            if reference.address and logical not in written_at(config.resource.entry, reference.path[:-1]):
                name = reference.address.partition("/")[2]
                yield reference.path, f"{reference.name!r} is this fleet's own; `{logical}: {name}` says the same"

    def endpoint(self, endpoint: Endpoint) -> Iterator[Hit]:
        config = endpoint.config
        if config is not None and endpoint.resource.entry.config is None:
            name = config.resource.name
            yield ("EndpointConfigName",), f"{config.resource.physical_name!r} is this fleet's own config {name!r}"


SHAPES: Final = (
    ShapeRule(
        "CFG-01",
        "A config has production variants, and no more than SageMaker takes",
        "ProductionVariantList",
        bad=fleet_file(models="{}", without=("production_variants",), config="metrics_config: {}").replace(
            "    config:", "    config:  # here"
        ),
        good=fleet_file(),
    ),
    ShapeRule(
        "CFG-10",
        "A variant's weight is not negative",
        "VariantWeight",
        bad=fleet_file(variant="initial_variant_weight: -1  # here"),
        good=fleet_file(variant="initial_variant_weight: 1"),
    ),
    ShapeRule(
        "CFG-26",
        "A routing strategy is one that SageMaker knows",
        "RoutingStrategy",
        bad=fleet_file(variant="routing_config: {routing_strategy: LEAST_OUTSTANDING}  # here"),
        good=fleet_file(variant="routing_config: {routing_strategy: LEAST_OUTSTANDING_REQUESTS}"),
    ),
    ShapeRule(
        "CFG-33",
        "Managed instance scaling is within the API's bounds",
        "ProductionVariantManagedInstanceScaling",
        constraints=Constraints(beneath=("ManagedInstanceScaling",)),
        bad=fleet_file(
            models="{}",
            config=_INSTANCE_ROLE,
            variant="managed_instance_scaling: {status: ENABLE, min_instance_count: 1, max_instance_count: 4}  # here",
            without=("model",),
        ),
        good=fleet_file(
            models="{}",
            config=_INSTANCE_ROLE,
            variant="managed_instance_scaling: {status: ENABLED, min_instance_count: 1, max_instance_count: 4}",
            without=("model",),
        ),
    ),
    ShapeRule(
        "CFG-35",
        "An explainer config is complete and within the API's bounds",
        "ExplainerConfig",
        constraints=Constraints(places=(("ShapBaselineConfig", "ShapBaselineUri"),), beneath=("ExplainerConfig",)),
        bad=fleet_file(
            config="explainer_config: {clarify_explainer_config: {shap_config: {number_of_samples: 100}}}  # here"
        ),
        good=fleet_file(
            config="explainer_config: {clarify_explainer_config: {shap_config: {shap_baseline_config: "
            "{shap_baseline: '1,2'}}}}"
        ),
    ),
)
