"""Pipelines and multi-container models (group PIP)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from mmeplan.rules.examples import PREDICT, PREPARE, fleet_file
from mmeplan.rules.facts import Config, Model, Variant
from mmeplan.rules.rule import Hit, Rule

_MATRIX: Final = "Developer Guide, model-deploy-feature-matrix"
_NAMELESS: Final = f"- image: {PREPARE}\n- image: {PREDICT}"
_NAMED: Final = f"- {{image: {PREPARE}, container_hostname: prepare}}\n- {{image: {PREDICT}, container_hostname: %s}}"
_DIRECT: Final = "inference_execution_config: {mode: Direct}"
_SHADOW: Final = """
    shadow_production_variants:%s
      candidate: {model: ranker, instance_type: ml.m5.xlarge, initial_instance_count: 2}
"""


def _pipeline_variant(config: Config) -> Variant | None:
    return next((v for v in config.variants if any(model.pipeline for model in v.models)), None)


class HostnamesOnAll(Rule):
    id = "PIP-01"
    title = "All containers of a model have hostnames, or none has"
    severity = "error"
    basis = "doc"
    source = "botocore sagemaker/2017-07-24, ContainerDefinition.ContainerHostname"
    why = "The service names containers by position where none has a name; a mixture is refused."
    fix = "Name every container, or none."
    bad = fleet_file(containers=f"- {{image: {PREPARE}, container_hostname: prepare}}\n- {{image: {PREDICT}}}  # here")
    good = fleet_file(containers=_NAMED % "predict")
    members = ("Containers",)

    def model(self, model: Model) -> Iterator[Hit]:
        nameless = [container for container in model.containers if "ContainerHostname" not in container.spec]
        if nameless and len(nameless) < len(model.containers) and not model.direct:
            yield nameless[0].path, "this container has no `container_hostname`, but others of the model have"


class UniqueHostnames(Rule):
    id = "PIP-02"
    title = "Hostnames are unique within a model"
    severity = "error"
    basis = "doc"
    source = "botocore sagemaker/2017-07-24, ContainerDefinition.ContainerHostname: uniquely identifies the container"
    why = "Requests, logs and metrics name a container by it."
    fix = "Give each container a name of its own."
    bad = fleet_file(containers=(_NAMED % "prepare") + "  # here")
    good = fleet_file(containers=_NAMED % "predict")
    members = ("Containers",)

    def model(self, model: Model) -> Iterator[Hit]:
        counts: Counter[str] = Counter()
        for container in model.containers:
            name = container.spec.get("ContainerHostname")
            if name is not None:
                counts[name] += 1
                if counts[name] == 2:
                    yield (*container.path, "ContainerHostname"), f"two containers have the hostname {name!r}"


class DirectNeedsHostnames(Rule):
    id = "PIP-04"
    title = "Direct invocation needs a hostname on every container"
    severity = "error"
    basis = "doc"
    source = "Developer Guide, multi-container-endpoints"
    why = "A request chooses its container by `TargetContainerHostname`."
    fix = "Give every container a `container_hostname`, or use `mode: Serial`."
    bad = fleet_file(model=f"{_DIRECT}  # here", containers=_NAMELESS)
    good = fleet_file(model=_DIRECT, containers=_NAMED % "predict")
    members = ("InferenceExecutionConfig",)

    def model(self, model: Model) -> Iterator[Hit]:
        nameless = [container for container in model.containers if "ContainerHostname" not in container.spec]
        if model.direct and model.pipeline and nameless:
            message = f"{len(nameless)} of {len(model.containers)} containers can't be called: they have no hostname"
            yield ("InferenceExecutionConfig", "Mode"), message


class ExecutionOfOne(Rule):
    id = "PIP-05"
    title = "An execution mode is for several containers"
    severity = "warning"
    basis = "inf"
    source = "Developer Guide, multi-container-endpoints"
    why = "With one container there is nothing to choose between serial and direct."
    fix = "Drop `inference_execution_config`."
    bad = fleet_file(model="inference_execution_config: {mode: Serial}  # here")
    good = fleet_file(model="inference_execution_config: {mode: Serial}", containers=_NAMELESS)
    members = ("InferenceExecutionConfig",)

    def model(self, model: Model) -> Iterator[Hit]:
        if len(model.containers) == 1:
            yield ("InferenceExecutionConfig",), "`inference_execution_config` has no meaning for one container"


class ServerlessPipeline(Rule):
    id = "PIP-07"
    title = "A model of several containers is not hosted serverless"
    severity = "error"
    basis = "doc"
    source = "Developer Guide, serverless-endpoints"
    why = "Serverless inference hosts one container."
    fix = "Give the variant an `instance_type`, or the model one container."
    bad = fleet_file(containers=_NAMELESS, serverless=True).replace(
        "max_concurrency: 20}", "max_concurrency: 20}  # here"
    )
    good = fleet_file(containers=_NAMELESS)
    members = ("ServerlessConfig",)

    def variant(self, variant: Variant) -> Iterator[Hit]:
        for model in variant.models:
            if model.pipeline:
                path = (*variant.path, "ServerlessConfig")
                yield path, f"`{model.resource.address}` has {len(model.containers)} containers"


class AsyncPipeline(Rule):
    id = "PIP-08"
    title = "A model of several containers is not hosted for asynchronous inference"
    severity = "error"
    basis = "doc"
    source = _MATRIX
    why = "Asynchronous inference supports neither pipelines nor multi-container endpoints."
    fix = "Drop `async_inference_config`, or host one container."
    bad = fleet_file(
        containers=_NAMELESS, config="async_inference_config: {output_config: {s3_output_path: s3://acme/out}}  # here"
    )
    good = fleet_file(containers=_NAMELESS)
    members = ("AsyncInferenceConfig",)

    def config(self, config: Config) -> Iterator[Hit]:
        variant = _pipeline_variant(config)
        if variant is not None:
            yield ("AsyncInferenceConfig",), f"the variant {variant.name!r} hosts several containers"


class ShadowPipeline(Rule):
    id = "PIP-09"
    title = "A model of several containers takes no part in a shadow test"
    severity = "error"
    basis = "doc"
    source = "Developer Guide, shadow-tests-exclusions"
    why = "Shadow tests exclude pipelines and multi-container endpoints, on either side."
    fix = "Drop `shadow_production_variants`."
    bad = fleet_file(containers=_NAMELESS, config=_SHADOW % "  # here")
    good = fleet_file(config=_SHADOW % "")
    members = ("ShadowProductionVariants",)

    def config(self, config: Config) -> Iterator[Hit]:
        variant = _pipeline_variant(config)
        if variant is not None and config.shadows:
            yield ("ShadowProductionVariants",), f"the variant {variant.name!r} hosts several containers"


class PipelineCapture(Rule):
    id = "PIP-10"
    title = "Data capture is not relied on with several containers"
    severity = "warning"
    basis = "doc"
    source = f"{_MATRIX}: not applicable"
    why = (
        "What is captured are the first container's requests and the last one's answers; Model Monitor does not read "
        "them, and what passes between the containers is captured nowhere."
    )
    fix = "Log within the containers, or allow this with the reason why the outer bodies are enough."
    bad = fleet_file(
        containers=_NAMELESS,
        config="data_capture_config:  # here\n  initial_sampling_percentage: 20\n"
        "  destination_s3_uri: s3://acme/capture\n  capture_options: [{capture_mode: Input}]",
    )
    good = fleet_file(containers=_NAMELESS)
    members = ("DataCaptureConfig",)

    def config(self, config: Config) -> Iterator[Hit]:
        variant = _pipeline_variant(config)
        enabled = (config.request["DataCaptureConfig"] or {}).get("EnableCapture") is not False
        if variant is not None and enabled and not variant.multi_model:  # MME-13 says it for multi-model variants
            yield ("DataCaptureConfig",), f"the variant {variant.name!r} hosts several containers"


class DirectMultiModel(Rule):
    id = "MME-24"
    title = "A multi-model container is not called directly"
    severity = "warning"
    basis = "inf"
    source = "Developer Guide, create-multi-model-endpoint: only a serial inference pipeline is described"
    why = "No document says how `TargetContainerHostname` and `TargetModel` go together in one request."
    fix = "Use `mode: Serial`, or give the multi-model container an endpoint of its own."
    bad = fleet_file(
        model="inference_execution_config: {mode: Direct}  # here",
        containers=f"- {{image: {PREPARE}, container_hostname: prepare}}\n"
        f"- {{image: {PREDICT}, container_hostname: predict, mode: MultiModel, model_data_url: s3://acme/predict/}}",
    )
    good = fleet_file(model=_DIRECT, containers=_NAMED % "predict")
    members = ("InferenceExecutionConfig",)

    def model(self, model: Model) -> Iterator[Hit]:
        if model.direct and model.multi_model:
            yield ("InferenceExecutionConfig",), "a MultiModel container beside `mode: Direct` is not documented"


RULES: Final = (
    HostnamesOnAll(),
    UniqueHostnames(),
    DirectNeedsHostnames(),
    ExecutionOfOne(),
    ServerlessPipeline(),
    AsyncPipeline(),
    ShadowPipeline(),
    PipelineCapture(),
    DirectMultiModel(),
)
