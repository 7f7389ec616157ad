"""Multi-model containers: where they may be hosted, and how (MME; the rest is in multi_model.py)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from mmeplan.live.ports import Answer
from mmeplan.rules.artifacts import listing, shown_bytes, usable_prefixes
from mmeplan.rules.examples import ALL_AT_ONCE_UPDATE, BIGGER, CANARY_UPDATE, fleet_file
from mmeplan.rules.facts import Config, Endpoint, FleetFacts, Variant
from mmeplan.rules.online import OnlineRule, Question, UnknownError
from mmeplan.rules.planned import PlannedFleet, PlanRule
from mmeplan.rules.rule import FleetHit, Hit, Rule
from mmeplan.rules.sources import SERVERLESS_EXCLUSIONS

_MATRIX: Final = "Developer Guide, model-deploy-feature-matrix"
_VARIANT: Final = "{model: ranker, instance_type: ml.m5.xlarge, initial_instance_count: 2}"
GOOD: Final = fleet_file(multi_model=True)


class ServerlessMultiModel(Rule):
    id = "MME-10"
    title = "A multi-model container is not hosted serverless"
    severity = "error"
    basis = "doc"
    source = "Developer Guide, serverless-endpoints, Feature exclusions"
    quote = SERVERLESS_EXCLUSIONS
    why = "Serverless inference does not support multi-model endpoints."
    fix = (
        "Put `instance_type` and `initial_instance_count` in the place of `serverless_config`, or give the "
        "model a single artifact."
    )
    bad = fleet_file(multi_model=True, serverless=True).replace("max_concurrency: 20}", "max_concurrency: 20}  # here")
    good = GOOD
    members = ("ServerlessConfig",)

    def variant(self, variant: Variant) -> Iterator[Hit]:
        if variant.multi_model:
            yield (*variant.path, "ServerlessConfig"), f"`{variant.models[0].resource.address}` is multi-model"


_ASYNC: Final = "async_inference_config: {output_config: {s3_output_path: s3://acme/out}}"


def multi_model_variant(config: Config) -> Variant | None:
    """The first variant of a config that hosts a multi-model container of the fleet."""
    return next((variant for variant in config.variants if variant.multi_model), None)


class AsyncMultiModel(Rule):
    id = "MME-11"
    title = "A multi-model container is not hosted for asynchronous inference"
    severity = "error"
    basis = "inf"
    source = f"{_MATRIX}: the cell is blank"
    why = "Asynchronous inference does not support multi-model endpoints."
    fix = "Drop `async_inference_config`, or host a single model."
    bad = fleet_file(multi_model=True, config=f"{_ASYNC}  # here")
    good = GOOD
    members = ("AsyncInferenceConfig",)

    def config(self, config: Config) -> Iterator[Hit]:
        variant = multi_model_variant(config)
        if variant is not None:
            yield ("AsyncInferenceConfig",), f"the variant {variant.name!r} hosts a multi-model container"


_SHADOW: Final = f"shadow_production_variants:\n  candidate: {_VARIANT}"


class ShadowMultiModel(Rule):
    id = "MME-12"
    title = "A multi-model container takes no part in a shadow test"
    severity = "error"
    basis = "inf"
    source = "Developer Guide, shadow-tests-exclusions: of inference experiments, which make shadow variants"
    why = "Shadow tests exclude multi-model endpoints, on either side."
    fix = "Drop `shadow_production_variants`; compare with a weighted production variant in its stead."
    bad = fleet_file(multi_model=True, config=_SHADOW.replace("variants:", "variants:  # here"))
    good = GOOD
    members = ("ShadowProductionVariants",)

    def config(self, config: Config) -> Iterator[Hit]:
        variant = multi_model_variant(config)
        if variant is not None and config.shadows:
            yield ("ShadowProductionVariants",), f"the variant {variant.name!r} hosts a multi-model container"


_CAPTURE: Final = (
    "data_capture_config: {initial_sampling_percentage: 20, destination_s3_uri: s3://acme/capture, "
    "capture_options: [{capture_mode: Input}]}"
)


class CaptureMultiModel(Rule):
    id = "MME-13"
    title = "Data capture is not relied on with a multi-model container"
    severity = "warning"
    basis = "conf"
    source = f"Developer Guide, model-monitor: single-model endpoints only; {_MATRIX}: not applicable"
    why = (
        "The API accepts it, but Model Monitor reads single-model endpoints only: captures of all models arrive in one "
        "place, without a word on which model answered."
    )
    fix = "Monitor the models behind endpoints of their own, or allow this with the reason why captures are enough."
    bad = fleet_file(multi_model=True, config=f"{_CAPTURE}  # here")
    good = GOOD
    members = ("DataCaptureConfig",)

    def config(self, config: Config) -> Iterator[Hit]:
        variant = multi_model_variant(config)
        if variant is not None and config.captures:
            yield (
                ("DataCaptureConfig",),
                f"the variant {variant.name!r} hosts a multi-model container; Model Monitor can't read it",
            )


class Inf1MultiModel(Rule):
    id = "MME-16"
    title = "A multi-model container is not hosted on inf1"
    severity = "error"
    basis = "inf"
    source = f"{_MATRIX}: the cell is blank"
    why = "Multi-model endpoints are not supported on the first Inferentia generation."
    fix = "Choose a CPU type, or a GPU type with an image that supports multi-model mode."
    bad = fleet_file(multi_model=True, variant="instance_type: ml.inf1.xlarge  # here")
    good = GOOD
    members = ("InstanceType", "InstancePools")

    def variant(self, variant: Variant) -> Iterator[Hit]:
        if variant.multi_model:
            for path, kind in variant.of_family("inf1"):
                yield path, f"`{kind}` doesn't support multi-model containers"


class MixedVariants(Rule):
    id = "MME-18"
    title = "A multi-model container shares its config with multi-model containers only"
    severity = "warning"
    basis = "conf"
    source = f"Developer Guide, multi-model-endpoints: A/B testing; {_MATRIX} leaves several variants blank"
    why = (
        "Requests to a multi-model variant must name a `TargetModel`, requests to another must not, and the endpoint "
        "spreads both by weight. Variants that are all multi-model are the guide's own A/B test."
    )
    fix = "Give the single model an endpoint of its own."
    bad = fleet_file(
        models="""
            ranker:
              execution_role_arn: arn:aws:iam::123456789012:role/sagemaker
              primary_container:
                image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/ranker:1.4
                mode: MultiModel
                model_data_url: s3://acme-models/ranker/
            fallback:
              execution_role_arn: arn:aws:iam::123456789012:role/sagemaker
              primary_container:
                image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/ranker:1.4
                model_data_url: s3://acme-models/fallback.tar.gz
        """,
        variants=f"main: {_VARIANT}\nrest: {_VARIANT}".replace("rest: {model: ranker", "rest: {model: fallback"),
    ).replace("production_variants:", "production_variants:  # here")
    good = fleet_file(multi_model=True, variants=f"main: {_VARIANT}\nnext: {_VARIANT}")

    def config(self, config: Config) -> Iterator[Hit]:
        if len(config.production) < 2:
            return
        known = [variant for variant in config.production if variant.models]
        multi = [variant.name for variant in known if variant.multi_model]
        single = [variant.name for variant in known if not variant.multi_model]
        if multi and single:
            message = (
                f"{multi[0]!r} is multi-model and needs a TargetModel in each request, {single[0]!r} can't take one"
            )
            yield ("ProductionVariants",), message


class GuardedMultiModel(Rule):
    id = "MME-19"
    title = "Gradual updates of a multi-model container are tried out before they are relied on"
    severity = "warning"
    basis = "conf"
    source = f"Developer Guide, deployment-guardrails-exclusions: not excluded; {_MATRIX}: blank"
    why = (
        "AWS's documents disagree on whether guardrails support it. And the new fleet starts with no model "
        "loaded, so that "
        "the canary's latency is that of first loads: alarms on latency roll back a good version."
    )
    fix = (
        "Try the update on a test endpoint, base alarms on errors instead of latency, and allow this with that reason."
    )
    bad = fleet_file(
        multi_model=True,
        endpoint=CANARY_UPDATE,
    )
    good = fleet_file(
        multi_model=True,
        endpoint=ALL_AT_ONCE_UPDATE,
    )
    members = ("DeploymentConfig",)

    def endpoint(self, endpoint: Endpoint) -> Iterator[Hit]:
        variant = multi_model_variant(endpoint.config) if endpoint.config else None
        if variant is None:
            return
        deployment = endpoint.request["DeploymentConfig"] or {}
        routing = (deployment.get("BlueGreenUpdatePolicy") or {}).get("TrafficRoutingConfiguration") or {}
        if routing.get("Type") in ("CANARY", "LINEAR"):
            path = ("DeploymentConfig", "BlueGreenUpdatePolicy", "TrafficRoutingConfiguration", "Type")
            yield path, f"`{routing['Type']}` on a multi-model container, whose new fleet starts with no model loaded"
        elif deployment.get("RollingUpdatePolicy") is not None:
            yield ("DeploymentConfig", "RollingUpdatePolicy"), "a rolling update of a multi-model container"


class ScaledMultiModel(Rule):
    id = "MME-20"
    title = "A multi-model container has no managed instance scaling"
    severity = "error"
    basis = "obs"
    source = (
        'CreateEndpointConfig answers "ManagedInstanceScaling is only supported for inference component endpoints."'
    )
    why = "Managed instance scaling belongs to inference components, which host models without a multi-model container."
    fix = "Use Application Auto Scaling and `capacity: autoscaled`."
    bad = fleet_file(
        multi_model=True,
        variant="managed_instance_scaling: {status: ENABLED, min_instance_count: 1, max_instance_count: 4}  # here",
    )
    good = fleet_file(multi_model=True, variant="capacity: autoscaled")
    members = ("ManagedInstanceScaling",)

    def variant(self, variant: Variant) -> Iterator[Hit]:
        if variant.multi_model and variant.managed_scaling:
            yield (*variant.path, "ManagedInstanceScaling"), "managed instance scaling of a multi-model variant"


class TwoInstancesForMultiModel(Rule):
    id = "MME-21"
    title = "A multi-model variant has at least two instances"
    severity = "warning"
    basis = "doc"
    source = "Developer Guide, create-multi-model-endpoint: at least two instances"
    why = "With one instance, its failure unloads every model at once; all of them are then loaded anew on first call."
    fix = "Set `initial_instance_count: 2` or more, or `capacity: autoscaled` where an autoscaler owns the count."
    bad = fleet_file(multi_model=True, variant="initial_instance_count: 1  # here")
    good = GOOD
    members = ("InitialInstanceCount",)

    def variant(self, variant: Variant) -> Iterator[Hit]:
        if variant.spec["InitialInstanceCount"] == 1 and variant.multi_model and not variant.autoscaled:
            path = (*variant.path, "InitialInstanceCount")
            yield path, f"all models of the variant {variant.name!r} depend on one instance"


def _memory(question: Question, key: str, size: int) -> Question:
    """Ask EC2 for the memory of the variant's type: `ml.m5.xlarge` is an m5.xlarge. A filter may match nothing."""
    artifact, kind = question.wanted
    params: dict[str, Any] = {"Filters": [{"Name": "instance-type", "Values": [kind.removeprefix("ml.")]}]}
    wanted = (kind, f"s3://{artifact.bucket}/{key}", size)
    return Question(question.resource, question.path, kind, "DescribeInstanceTypes", params, wanted=wanted)


class LargestModelFits(OnlineRule):
    id = "MME-25"
    title = "The largest model of a multi-model prefix fits the instances"
    severity = "warning"
    basis = "doc"
    source = "Developer Guide, multi-model-endpoints, Instance recommendations; EC2 DescribeInstanceTypes"
    why = (
        "A model is downloaded, unpacked and loaded into memory beside the others; one that is larger than all memory "
        "of an instance, packed even, loads nowhere, and unloads everything else in the attempt. The first 1,000 "
        "objects of the prefix are looked at; memory is that of EC2's type of the same name."
    )
    fix = "Choose a larger instance type, or host this model on its own."
    reads = ("ListObjectsV2", "DescribeInstanceTypes")
    absent = ("NoSuchBucket",)
    given = "The largest archive has 40 GiB; an m5.xlarge has 16 GiB of memory."
    bad = fleet_file(
        multi_model=True,
        container="model_data_url: s3://acme-models/giants/",
        variant="instance_type: ml.m5.xlarge  # here",
    )
    good = fleet_file(multi_model=True)

    def questions(self, facts: FleetFacts) -> Iterator[Question]:
        for variant in facts.variants():
            for artifact in usable_prefixes(variant.models):
                for path, kind in variant.instance_types():
                    yield listing(artifact, variant.owner.resource, path, kind)

    def found(self, question: Question, answer: Answer) -> Iterator[str | Question]:
        if question.operation == "ListObjectsV2":
            objects = answer.get("objects") or {}
            if objects:
                key = max(objects, key=lambda name: objects[name].size)
                yield _memory(question, key, objects[key].size)
            return
        kind, uri, size = question.wanted
        if not answer.get("InstanceTypes"):
            raise UnknownError(f"EC2 doesn't list the memory of `{kind}` in this region")
        memory = answer["InstanceTypes"][0]["MemoryInfo"]["SizeInMiB"] * 1024**2
        if size > memory:
            yield f"{uri!r} has {shown_bytes(size)} packed, and `{kind}` {shown_bytes(memory)} of memory"


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
