"""Pipelines and multi-container models (PIP)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from mmeplan.live.ports import Answer
from mmeplan.rules.examples import PREDICT, PREPARE, fleet_file
from mmeplan.rules.facts import Config, FleetFacts, Model, Variant
from mmeplan.rules.images import BIND_TO_PORT, NO_IMAGE, labelled_images, lacks_label
from mmeplan.rules.online import OnlineRule, Question
from mmeplan.rules.rule import Hit, Rule, ShapeRule

_REGISTRY: Final = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
_MATRIX: Final = "Developer Guide, model-deploy-feature-matrix"
_NAMELESS: Final = f"- image: {PREPARE}\n- image: {PREDICT}"
_NAMED: Final = f"- {{image: {PREPARE}, container_hostname: prepare}}\n- {{image: {PREDICT}, container_hostname: %s}}"


class HostnamesOnAll(Rule):
    id = "PIP-01"
    title = "All containers of a model have hostnames, or none has"
    severity = "error"
    basis = "doc"
    source = "botocore sagemaker/2017-07-24, ContainerDefinition.ContainerHostname"
    quote = (
        "If you specify a value for the ContainerHostName for any ContainerDefinition that is part of an inference "
        "pipeline, you must specify a value for the ContainerHostName parameter of every ContainerDefinition in that "
        "pipeline."
    )
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
    basis = "inf"
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


_DIRECT: Final = "inference_execution_config: {mode: Direct}"


class DirectNeedsHostnames(Rule):
    id = "PIP-04"
    title = "Direct invocation needs a hostname on every container"
    severity = "error"
    basis = "doc"
    source = "Developer Guide, multi-container-endpoints"
    quote = (
        "The ContainerHostname parameter is required for each container in a multi-container endpoint with direct "
        "invocation."
    )
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


_PLAIN: Final = f"{_REGISTRY}/ranker:plain"


class BindToPortLabel(OnlineRule):
    id = "PIP-06"
    title = "The own image of each of several containers accepts a port"
    severity = "error"
    basis = "obs"
    source = (
        "Developer Guide, inference-pipeline-real-time and multi-container-direct; CreateModel answers "
        f'"{BIND_TO_PORT}=true Docker label(s)."'
    )
    why = (
        "Containers beside one another each listen on the port that SAGEMAKER_BIND_TO_PORT names. By the label an "
        "image says that it does; CreateModel refuses one without it."
    )
    fix = f"Listen on that port, add `LABEL {BIND_TO_PORT}=true` to the Dockerfile, and build and push the image anew."
    reads = ("BatchGetImage",)
    absent = NO_IMAGE
    given = "The second image has no labels."
    bad = fleet_file(
        containers=f"""
        - image: {_REGISTRY}/ranker:1.4
          model_data_url: s3://acme-models/ranker.tar.gz
        - image: {_PLAIN}  # here
          model_data_url: s3://acme-models/ranker.tar.gz
        """
    )
    good = fleet_file(
        containers=f"""
        - image: {_REGISTRY}/ranker:1.4
          model_data_url: s3://acme-models/ranker.tar.gz
        - image: {_REGISTRY}/ranker:1.4
          model_data_url: s3://acme-models/ranker.tar.gz
        """
    )

    def questions(self, facts: FleetFacts) -> Iterator[Question]:
        yield from labelled_images(facts, lambda container: container.owner.pipeline)

    def found(self, question: Question, answer: Answer) -> Iterator[str]:
        if lacks_label(answer, BIND_TO_PORT):
            yield f"the image {question.value!r} lacks the label `{BIND_TO_PORT}=true`"


class ServerlessPipeline(Rule):
    id = "PIP-07"
    title = "A model of several containers is not hosted serverless"
    severity = "error"
    basis = "inf"
    source = "Developer Guide, serverless-endpoints"
    why = "Serverless inference hosts one container."
    fix = (
        "Put `instance_type` and `initial_instance_count` in the place of `serverless_config`, or give the "
        "model one container."
    )
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


def _pipeline_variant(config: Config) -> Variant | None:
    return next((v for v in config.variants if any(model.pipeline for model in v.models)), None)


class AsyncPipeline(Rule):
    id = "PIP-08"
    title = "A model of several containers is not hosted for asynchronous inference"
    severity = "error"
    basis = "inf"
    source = f"{_MATRIX}: the cell is blank"
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


_SHADOW: Final = """
    shadow_production_variants:%s
      candidate: {model: ranker, instance_type: ml.m5.xlarge, initial_instance_count: 2}
"""


class ShadowPipeline(Rule):
    id = "PIP-09"
    title = "A model of several containers takes no part in a shadow test"
    severity = "error"
    basis = "inf"
    source = "Developer Guide, shadow-tests-exclusions: of inference experiments, which make shadow variants"
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
        if (
            variant is not None and config.captures and not variant.multi_model
        ):  # MME-13 says it for multi-model variants
            yield ("DataCaptureConfig",), f"the variant {variant.name!r} hosts several containers"


SHAPES: Final = (
    ShapeRule(
        "PIP-03",
        "An inference execution mode is one that SageMaker knows",
        "InferenceExecutionMode",
        bad=fleet_file(
            model="inference_execution_config: {mode: SERIAL}  # here",
            containers=_NAMELESS,
        ),
        good=fleet_file(
            model="inference_execution_config: {mode: Serial}",
            containers=_NAMELESS,
        ),
        fix="Write Serial or Direct: the prose of the API's page uses capitals, its enum does not.",
    ),
)
