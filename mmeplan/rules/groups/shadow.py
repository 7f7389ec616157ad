"""Shadow tests (SHD)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mmeplan.rules.examples import fleet_file
from mmeplan.rules.facts import Config
from mmeplan.rules.rule import Hit, Rule

_EXCLUSIONS: Final = "Developer Guide, shadow-tests-exclusions: of inference experiments, which make shadow variants"
_VARIANT: Final = "{model: ranker, instance_type: ml.m5.xlarge, initial_instance_count: 2}"
_SHADOW: Final = f"shadow_production_variants:%s\n  candidate: {_VARIANT}"
_GOOD: Final = fleet_file(config=_SHADOW % "")


class OneAgainstOne(Rule):
    id = "SHD-01"
    title = "A shadow test has one shadow and one production variant"
    severity = "error"
    basis = "doc"
    source = "botocore sagemaker/2017-07-24, CreateEndpointConfigInput.ShadowProductionVariants"
    quote = (
        "If you use this field, you can only specify one variant for ProductionVariants and one variant for "
        "ShadowProductionVariants."
    )
    why = (
        "The requests of the one production variant are copied to the one shadow; the shape allows more, "
        "the service doesn't."
    )
    fix = "Compare two versions per endpoint."
    bad = fleet_file(config=_SHADOW % "  # here", variants=f"main: {_VARIANT}\nnext: {_VARIANT}")
    good = _GOOD
    members = ("ShadowProductionVariants",)

    def config(self, config: Config) -> Iterator[Hit]:
        production, shadows = len(config.production), len(config.shadows)
        if shadows and (production, shadows) != (1, 1):
            yield (
                ("ShadowProductionVariants",),
                f"{shadows} shadow beside {production} production variants; 1 beside 1 works",
            )


class ServerlessShadow(Rule):
    id = "SHD-02"
    title = "A shadow test has no serverless variants"
    severity = "error"
    basis = "inf"
    source = _EXCLUSIONS
    why = "Shadow tests exclude serverless inference, on either side."
    fix = "Run both variants on instances."
    bad = fleet_file(serverless=True, config=_SHADOW % "  # here")
    good = _GOOD
    members = ("ShadowProductionVariants",)

    def config(self, config: Config) -> Iterator[Hit]:
        for variant in config.variants if config.shadows else ():
            if variant.serverless:
                yield ("ShadowProductionVariants",), f"the variant {variant.name!r} is serverless"


class AsyncShadow(Rule):
    id = "SHD-03"
    title = "A shadow test is not asynchronous"
    severity = "error"
    basis = "inf"
    source = _EXCLUSIONS
    why = "Shadow tests exclude asynchronous inference."
    fix = "Drop `async_inference_config`, or the shadow."
    bad = fleet_file(
        config="async_inference_config: {output_config: {s3_output_path: s3://acme/out}}\n" + _SHADOW % "  # here"
    )
    good = _GOOD
    members = ("ShadowProductionVariants",)

    def config(self, config: Config) -> Iterator[Hit]:
        if config.shadows and config.request.get("AsyncInferenceConfig") is not None:
            yield ("ShadowProductionVariants",), "a shadow variant in an asynchronous config"


class MarketplaceShadow(Rule):
    id = "SHD-04"
    title = "A shadow test hosts no Marketplace packages"
    severity = "error"
    basis = "inf"
    source = _EXCLUSIONS
    why = "Shadow tests exclude packages of AWS Marketplace, on either side."
    fix = "Drop the shadow."
    bad = fleet_file(
        model="enable_network_isolation: true",
        container="model_package_name: arn:aws:sagemaker:eu-west-1:985815980388:model-package/ranker-0f1e2d3c",
        config=_SHADOW % "  # here",
        without=("image", "model_data_url"),
    )
    good = _GOOD
    members = ("ShadowProductionVariants",)

    def config(self, config: Config) -> Iterator[Hit]:
        for variant in config.variants if config.shadows else ():
            if any(model.marketplace for model in variant.models):
                yield ("ShadowProductionVariants",), f"the variant {variant.name!r} hosts a Marketplace package"


class Inf1Shadow(Rule):
    id = "SHD-05"
    title = "A shadow test does not run on inf1"
    severity = "error"
    basis = "inf"
    source = _EXCLUSIONS
    why = "Shadow tests exclude the first Inferentia generation."
    fix = "Choose another instance type."
    bad = fleet_file(config=_SHADOW % "", variant="instance_type: ml.inf1.xlarge  # here")
    good = _GOOD
    members = ("ShadowProductionVariants",)

    def config(self, config: Config) -> Iterator[Hit]:
        for variant in config.variants if config.shadows else ():
            for path, kind in variant.of_family("inf1"):
                yield path, f"`{kind}` in a shadow test"


class ShadowWeight(Rule):
    id = "SHD-06"
    title = "A shadow's weight is at most the production variant's"
    severity = "warning"
    basis = "inf"
    source = "Developer Guide, model-shadow-deployment"
    why = (
        "A shadow's weight over the production weight is the share of requests that are copied; above 1 it "
        "says nothing."
    )
    fix = "Write the share: a weight between 0 and the production variant's."
    bad = fleet_file(config=(_SHADOW % "").replace("2}", "2, initial_variant_weight: 2}  # here"))
    good = fleet_file(config=(_SHADOW % "").replace("2}", "2, initial_variant_weight: 0.5}"))
    members = ("ShadowProductionVariants",)

    def config(self, config: Config) -> Iterator[Hit]:
        if len(config.production) != 1:
            return
        weight = config.production[0].weight
        for shadow in config.shadows:
            if shadow.weight > weight:
                path = (*shadow.path, "InitialVariantWeight")
                yield path, f"the shadow's weight {shadow.weight:g} is above the production weight {weight:g}"
