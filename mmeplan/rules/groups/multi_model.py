"""Multi-model containers: their prefix, cache and image (MME; their hosting is in multi_model_hosting.py)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mmeplan.aws.images import UNLABELLED_ON_GPU
from mmeplan.aws.instances import accelerator_of
from mmeplan.live.ports import Answer
from mmeplan.rules.artifacts import PrefixRule, prefix_is_usable
from mmeplan.rules.examples import PREDICT, PREPARE, fleet_file
from mmeplan.rules.facts import Container, FleetFacts, Model, Variant
from mmeplan.rules.images import (
    MULTI_MODEL,
    NO_IMAGE,
    Image,
    hosted_images,
    image_of,
    labelled_images,
    lacks_label,
)
from mmeplan.rules.online import OnlineRule, Question
from mmeplan.rules.rule import FleetHit, Hit, Rule, ShapeRule
from mmeplan.rules.sources import DATA_SOURCE_EXCLUSIONS

_GUIDE: Final = "Developer Guide, create-multi-model-endpoint"

_SUPPORT: Final = "Developer Guide, multi-model-support"
_DLC: Final = "image: 763104351884.dkr.ecr.eu-west-1.amazonaws.com/"
_TRITON: Final = f"{_DLC}sagemaker-tritonserver:23.08-py3"


class PrefixNotArchive(Rule):
    id = "MME-01"
    title = "A multi-model container's artifacts lie under an S3 prefix"
    severity = "error"
    basis = "inf"
    source = f"{_GUIDE}: ModelDataUrl is the prefix in Amazon S3 where the models are located"
    why = (
        "The container loads `TargetModel` from beneath the prefix; an archive is one model, and has "
        "nothing beneath it."
    )
    fix = "Set `model_data_url: s3://BUCKET/PREFIX/`, or drop `mode: MultiModel`."
    bad = fleet_file(multi_model=True, container="model_data_url: s3://acme-models/ranker.tar.gz  # here")
    good = fleet_file(multi_model=True)
    members = ("Mode",)

    def container(self, container: Container) -> Iterator[Hit]:
        if not container.multi_model:
            return
        url = container.spec.get("ModelDataUrl")
        if url is None:
            if "ModelDataSource" not in container.spec:  # MME-07 says what is wrong with that
                yield container.path, "a MultiModel container needs `model_data_url`, the prefix of its artifacts"
        elif not prefix_is_usable(url):
            what = "an archive" if url.endswith(".tar.gz") else "no address in Amazon S3"
            yield (*container.path, "ModelDataUrl"), f"`{url}` is {what}; a MultiModel container needs an S3 prefix"


class PrefixSlash(Rule):
    id = "MME-02"
    title = "A multi-model prefix ends with a slash"
    severity = "warning"
    basis = "obs"
    source = f"{_GUIDE}; Amazon S3 User Guide, organizing objects using prefixes"
    why = "S3 compares prefixes letter by letter: `…/models` also matches `…/models-old/`."
    fix = "End `model_data_url` with `/`."
    bad = fleet_file(multi_model=True, container="model_data_url: s3://acme-models/ranker  # here")
    good = fleet_file(multi_model=True)
    members = ("Mode",)

    def container(self, container: Container) -> Iterator[Hit]:
        url = container.spec.get("ModelDataUrl")
        if container.multi_model and isinstance(url, str) and prefix_is_usable(url) and not url.endswith("/"):
            yield (*container.path, "ModelDataUrl"), f"`{url}` matches its siblings too: it doesn't end with `/`"


class PrefixHasModels(PrefixRule):
    id = "MME-03"
    title = "A multi-model prefix holds an artifact"
    severity = "warning"
    basis = "conf"
    source = f"{_GUIDE}; CreateModel was seen to refuse an empty prefix, and an AWS notebook to deploy one"
    why = "Whether CreateModel takes an empty prefix is told both ways; every request fails until something is there."
    fix = "Upload a model first, or allow this with that reason."
    given = "Nothing lies beneath the prefix."
    bad = fleet_file(multi_model=True, container="model_data_url: s3://acme-models/empty/  # here")
    good = fleet_file(multi_model=True)

    def found(self, question: Question, answer: Answer) -> Iterator[str]:
        declared = question.resource.entry.artifacts
        if not answer.get("objects") and not (declared and declared.archives):  # they come before the model does
            yield f"no artifact lies beneath {question.value!r}"


_PIPELINE: Final = """
    - image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/prepare:1
      mode: %s
    - image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/predict:1
      mode: MultiModel%s
      model_data_url: s3://acme-models/predict/
"""


class OneMultiModelContainer(Rule):
    id = "MME-04"
    title = "A model has at most one multi-model container"
    severity = "error"
    basis = "obs"
    source = (
        f'{_GUIDE}; CreateModel answers "More than one container in MultiModel mode is not supported with inference '
        'pipeline."'
    )
    why = "`TargetModel` of a request names one artifact, for one container."
    fix = "Make the others SingleModel."
    bad = fleet_file(
        containers=(_PIPELINE % ("MultiModel\n      model_data_url: s3://acme-models/prepare/", "  # here"))
    )
    good = fleet_file(containers=_PIPELINE % ("SingleModel", ""))

    def model(self, model: Model) -> Iterator[Hit]:
        if not model.multi_model or len(model.containers) < 2:
            return
        for container in [container for container in model.containers if container.multi_model][1:]:
            yield (*container.path, "Mode"), "a second MultiModel container in one model"


class CacheWithoutMultiModel(Rule):
    id = "MME-05"
    title = "`multi_model_config` belongs to a multi-model container"
    severity = "error"
    basis = "inf"
    source = "botocore sagemaker/2017-07-24, ContainerDefinition.MultiModelConfig"
    why = "A container that serves one model has no cache of models."
    fix = "Set `mode: MultiModel`, or drop `multi_model_config`."
    bad = fleet_file(container="multi_model_config: {model_cache_setting: Disabled}  # here")
    good = fleet_file(multi_model=True, container="multi_model_config: {model_cache_setting: Disabled}")
    members = ("MultiModelConfig",)

    def container(self, container: Container) -> Iterator[Hit]:
        if container.spec.get("Mode", "SingleModel") == "SingleModel":
            yield (*container.path, "MultiModelConfig"), "`multi_model_config` on a container that is not MultiModel"


class DataSourceWithMultiModel(Rule):
    id = "MME-07"
    title = "A multi-model container has no data source"
    severity = "error"
    basis = "doc"
    source = "botocore sagemaker/2017-07-24, ContainerDefinition.ModelDataSource: not with multi-model endpoints"
    quote = DATA_SOURCE_EXCLUSIONS
    why = "Its artifacts are found by `TargetModel` beneath `model_data_url`, packed; data sources don't apply."
    fix = "Use `model_data_url` with the prefix."
    bad = fleet_file(
        multi_model=True,
        container="model_data_source:  # here\n  s3_data_source: {s3_uri: s3://acme-models/ranker/, "
        "s3_data_type: S3Prefix, compression_type: None}",
        without=("model_data_url",),
    )
    good = fleet_file(multi_model=True)
    members = ("ModelDataSource",)

    def container(self, container: Container) -> Iterator[Hit]:
        if container.multi_model:
            yield (*container.path, "ModelDataSource"), "a MultiModel container takes `model_data_url` only"


class AdditionalSourceWithMultiModel(Rule):
    id = "MME-31"
    title = "A multi-model container has no additional data sources"
    severity = "error"
    basis = "inf"
    source = "botocore sagemaker/2017-07-24, ContainerDefinition.AdditionalModelDataSources: beside ModelDataSource"
    why = (
        "Additional data sources stand beside `model_data_source`, which a multi-model container can't have; whether "
        "it takes them alone, no document says."
    )
    fix = "Put what the models share into the image, or into each archive."
    bad = fleet_file(
        multi_model=True,
        container="additional_model_data_sources:  # here\n  - {channel_name: shared, s3_data_source: {s3_uri: "
        "s3://acme-models/shared/, s3_data_type: S3Prefix, compression_type: None}}",
    )
    good = fleet_file(multi_model=True)
    members = ("AdditionalModelDataSources",)

    def container(self, container: Container) -> Iterator[Hit]:
        if container.multi_model:
            path = (*container.path, "AdditionalModelDataSources")
            yield path, "a MultiModel container takes `model_data_url` only"


_REGISTRY: Final = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
_PLAIN: Final = f"{_REGISTRY}/ranker:plain"


class MultiModelLabel(OnlineRule):
    id = "MME-08"
    title = "A multi-model container's own image has the multi-model label"
    severity = "error"
    basis = "obs"
    source = (
        "Developer Guide, build-multi-model-build-container; CreateModel answers "
        f'"does not contain required {MULTI_MODEL}=true Docker label(s)."'
    )
    why = "By the label an image says that it can load and unload models; CreateModel refuses one without it."
    fix = f"Add `LABEL {MULTI_MODEL}=true` to the Dockerfile, and build and push the image anew."
    reads = ("BatchGetImage",)
    absent = NO_IMAGE
    given = "The image has no labels."
    bad = fleet_file(multi_model=True, container=f"image: {_PLAIN}  # here")
    good = fleet_file(multi_model=True)

    def questions(self, facts: FleetFacts) -> Iterator[Question]:
        yield from labelled_images(facts, lambda container: container.multi_model)

    def found(self, question: Question, answer: Answer) -> Iterator[str]:
        if lacks_label(answer, MULTI_MODEL):
            yield f"the image {question.value!r} lacks the label `{MULTI_MODEL}=true`"


PUBLISHED: Final = frozenset(
    {"knn", "linear-learner", "mxnet-inference", "pytorch-inference", "randomcutforest", "sagemaker-scikit-learn"}
) | frozenset({"sagemaker-tritonserver", "sagemaker-xgboost", "tensorflow-inference", "xgboost"})
"""Repositories that the guide names for multi-model hosting (multi-model-support)."""

ALSO_WORKS: Final = frozenset(["djl-inference", "huggingface-pytorch-inference", "huggingface-tensorflow-inference"])
"""Not in the guide's list, but these images carry the label: Hugging Face's for CPUs (sagemaker-huggingface-inference-
toolkit, issue 59), and djl-inference (djl-serving, serving/docker/*.Dockerfile: LABEL …multi-models=true)."""


class KnownImage(Rule):
    id = "MME-09"
    title = "An AWS image in MultiModel mode is one that AWS names for it"
    severity = "warning"
    basis = "conf"
    source = f"{_SUPPORT}; sagemaker-huggingface-inference-toolkit, issue 59"
    why = (
        "CreateModel refuses images without the label `com.amazonaws.sagemaker.capabilities.multi-models=true`. The "
        "guide's list of images that have it is not exhaustive, so that this is a warning."
    )
    fix = "Look whether the image has the label (`docker inspect`); where it has, allow this with that reason."
    bad = fleet_file(
        multi_model=True,
        container=f"{_DLC}sagemaker-sparkml-serving:3.3  # here",
    )
    good = fleet_file(multi_model=True, container=f"{_DLC}pytorch-inference:2.1.0-cpu-py310-ubuntu20.04-sagemaker")
    members = ("Image",)

    def container(self, container: Container) -> Iterator[Hit]:
        image = image_of(container) if container.multi_model else None
        if image is not None and image.of_aws and image.repository not in PUBLISHED | ALSO_WORKS:
            path = (*container.path, "Image")
            yield path, f"the image {image.repository!r} is not among those that AWS names for MultiModel mode"


GPU_TYPES: Final = (
    frozenset({"ml.p2.xlarge", "ml.p3.2xlarge"})
    | frozenset({f"ml.g4dn.{size}" for size in ("xlarge", "2xlarge", "4xlarge", "8xlarge", "16xlarge")})
    | frozenset({f"ml.g5.{size}" for size in ("xlarge", "2xlarge", "4xlarge", "8xlarge", "16xlarge")})
)
"""GPU types that the guide lists for multi-model endpoints: those with one GPU."""


class PublishedGpuType(Rule):
    id = "MME-14"
    title = "A multi-model container on GPUs runs on a published type"
    severity = "warning"
    basis = "doc"
    source = "Developer Guide, multi-model-endpoints and multi-model-support"
    why = "The guide lists types with one GPU only; on others models may not load, or use one GPU of several."
    fix = (
        "Choose one of p2.xlarge, p3.2xlarge, or g4dn and g5 up to 16xlarge without 12xlarge; or try it and allow this."
    )
    bad = fleet_file(multi_model=True, container=_TRITON, variant="instance_type: ml.g5.12xlarge  # here")
    good = fleet_file(multi_model=True, container=_TRITON, variant="instance_type: ml.g5.4xlarge")
    members = ("InstanceType", "InstancePools")

    def variant(self, variant: Variant) -> Iterator[Hit]:
        for path, kind in variant.instance_types() if variant.multi_model else ():
            if accelerator_of(kind) == "nvidia" and kind not in GPU_TYPES:
                yield path, f"`{kind}` is not among the GPU types that AWS lists for multi-model endpoints"


_GPU_TAG: Final = "2.14.1-gpu-py310-cu118-ubuntu20.04-sagemaker"


class UnlabelledGpuImage(Rule):
    id = "MME-15"
    title = "A multi-model container's image has the multi-model label"
    severity = "error"
    basis = "obs"
    source = (
        "deep-learning-containers issue 2465, amazon-sagemaker-examples issue 3925; CreateModel answers "
        '"does not contain required com.amazonaws.sagemaker.capabilities.multi-models=true Docker label(s)."'
    )
    why = "The GPU images of these repositories lack the label that CreateModel asks for; their CPU images have it."
    fix = "Choose the `cpu` tag, Triton, or an image of your own with the label."
    bad = fleet_file(
        multi_model=True,
        container=f"{_DLC}tensorflow-inference:{_GPU_TAG}  # here\nenvironment: {{SAGEMAKER_MULTI_MODEL: True}}",
        variant="instance_type: ml.g5.xlarge",
    )
    good = fleet_file(multi_model=True, container=_TRITON, variant="instance_type: ml.g5.xlarge")
    members = ("Image",)

    def container(self, container: Container) -> Iterator[Hit]:
        image = image_of(container) if container.multi_model else None
        if (
            image is not None
            and image.of_aws
            and image.repository in UNLABELLED_ON_GPU
            and image.accelerator == "nvidia"
        ):
            yield (*container.path, "Image"), f"the GPU image {image.repository!r} lacks the multi-model label"


_MATRIX: Final = "Developer Guide, model-deploy-feature-matrix"


class PackageWithMultiModel(Rule):
    id = "MME-17"
    title = "A multi-model container has no model package"
    severity = "error"
    basis = "inf"
    source = f"{_MATRIX}: the cell of Marketplace model packages is blank"
    why = "A package brings one model; it can't be hosted in MultiModel mode."
    fix = "Name an `image`, or drop `mode: MultiModel`."
    bad = fleet_file(multi_model=True, container="model_package_name: ranker  # here", without=("image",))
    good = fleet_file(multi_model=True)
    members = ("ModelPackageName",)

    def container(self, container: Container) -> Iterator[Hit]:
        if container.multi_model:
            yield (*container.path, "ModelPackageName"), "a model package can't run in MultiModel mode"


_TWO_MODELS: Final = """
    ranker:
      execution_role_arn: arn:aws:iam::123456789012:role/sagemaker
      primary_container:
        image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/ranker:1.4
        mode: MultiModel
        model_data_url: s3://acme-models/ranker/
    searcher:
      execution_role_arn: arn:aws:iam::123456789012:role/sagemaker
      primary_container:
        image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/ranker:1.4
        mode: MultiModel
        model_data_url: s3://acme-models/%s
"""

_BOTH: Final = """
    main: {model: ranker, instance_type: ml.m5.xlarge, initial_instance_count: 2}
    next: {model: searcher, instance_type: ml.m5.xlarge, initial_instance_count: 2}
"""


class NestedPrefixes(Rule):
    id = "MME-23"
    title = "Multi-model prefixes don't contain one another"
    severity = "warning"
    basis = "doc"
    source = "Developer Guide, multi-model-endpoint-security"
    why = "Whoever may invoke an endpoint may invoke every artifact beneath its prefix, the other model's among them."
    fix = "Give each model a prefix of its own, side by side."
    bad = fleet_file(models=_TWO_MODELS % "ranker/searcher/  # here", variants=_BOTH)
    good = fleet_file(models=_TWO_MODELS % "searcher/", variants=_BOTH)

    def fleet(self, facts: FleetFacts) -> Iterator[FleetHit]:
        found: list[tuple[str, str, Container]] = []
        for address, model in facts.models.items():
            for container in model.containers if model.multi_model else ():
                url = container.spec.get("ModelDataUrl")
                if container.multi_model and isinstance(url, str) and prefix_is_usable(url):
                    found.append((url.rstrip("/") + "/", address, container))
        outer: list[tuple[str, str]] = []  # prefixes that hold the current one, in sorted order the outermost first
        for prefix, address, container in sorted(found, key=lambda item: item[:2]):
            while outer and not prefix.startswith(outer[-1][0]):
                outer.pop()
            if outer:
                how = "is the prefix of" if outer[-1][0] == prefix else f"lies beneath {outer[-1][0]}, the prefix of"
                path = (*container.path, "ModelDataUrl")
                yield container.owner.resource, path, f"`{prefix}` {how} {outer[-1][1]}"
            outer.append((prefix, address))


_NAMED: Final = f"- {{image: {PREPARE}, container_hostname: prepare}}\n- {{image: {PREDICT}, container_hostname: %s}}"
_DIRECT: Final = "inference_execution_config: {mode: Direct}"


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


_GOOD: Final = fleet_file(multi_model=True)


class NeuronMultiModel(Rule):
    id = "MME-28"
    title = "A multi-model container does not run on Inferentia2 or Trainium"
    severity = "warning"
    basis = "inf"
    source = f"{_SUPPORT} lists CPU types, p2, p3, g4dn and g5 only"
    why = (
        "The published list leaves these accelerators out; no document says that a multi-model container can use them."
    )
    fix = "Choose a CPU type or a published GPU type, or try it and allow this with that reason."
    bad = fleet_file(multi_model=True, variant="instance_type: ml.inf2.xlarge  # here")
    good = _GOOD
    members = ("InstanceType", "InstancePools")

    def variant(self, variant: Variant) -> Iterator[Hit]:
        for path, kind in variant.instance_types() if variant.multi_model else ():
            if accelerator_of(kind) == "neuronx":
                yield path, f"`{kind}` is not among the types that AWS lists for multi-model endpoints"


GPU_SERVERS: Final = frozenset(["djl-inference", "sagemaker-tritonserver", "pytorch-inference"])
"""Triton as in the guide; TorchServe as in an AWS blog of 2023; DJL Serving, which loads and unloads models on GPUs."""


def _multi_model_images(variant: Variant) -> Iterator[tuple[str, Image]]:
    """(address, image) of the multi-model containers that a variant hosts and that AWS publishes."""
    return ((address, image) for address, image in hosted_images(variant, multi_model=True) if image.of_aws)


class GpuServer(Rule):
    id = "MME-29"
    title = "A multi-model container on GPUs is served by Triton, TorchServe or DJL Serving"
    severity = "warning"
    basis = "conf"
    source = f"{_SUPPORT}: GPUs through Triton; AWS Machine Learning Blog (2023): TorchServe as well"
    why = "AWS's documents name two servers that load many models onto a GPU; other AWS images serve them from the CPU."
    fix = "Use the Triton image, or a CPU instance type."
    bad = fleet_file(
        multi_model=True,
        container="image: 685385470294.dkr.ecr.eu-west-1.amazonaws.com/xgboost:1.7-1",
        variant="instance_type: ml.g5.xlarge  # here",
    )
    good = fleet_file(multi_model=True, container=_TRITON, variant="instance_type: ml.g5.xlarge")
    members = ("InstanceType", "InstancePools")

    def variant(self, variant: Variant) -> Iterator[Hit]:
        on_gpu = [(path, kind) for path, kind in variant.instance_types() if accelerator_of(kind) == "nvidia"]
        for address, image in _multi_model_images(variant) if on_gpu else ():
            if image.repository in GPU_SERVERS or (
                image.repository in UNLABELLED_ON_GPU and image.accelerator == "nvidia"
            ):
                continue  # MME-15 says the rest
            for path, kind in on_gpu:
                yield (
                    path,
                    f"{image.repository!r} of {address} is not known to load many models onto the GPU of `{kind}`",
                )


class TensorFlowMultiModel(Rule):
    id = "MME-30"
    title = "A TensorFlow container in MultiModel mode is told so"
    severity = "warning"
    basis = "obs"
    source = "sagemaker-tensorflow-serving-container, README and issue 156"
    why = (
        "The container starts one TensorFlow Serving for one model unless `SAGEMAKER_MULTI_MODEL` says otherwise. All "
        "models then share the inference.py beneath /opt/ml/models/code."
    )
    fix = 'Set `environment: {SAGEMAKER_MULTI_MODEL: "True"}`.'
    bad = fleet_file(multi_model=True, container=f"{_DLC}tensorflow-inference:2.14.1-cpu  # here")
    good = fleet_file(
        multi_model=True,
        container=f"{_DLC}tensorflow-inference:2.14.1-cpu\nenvironment: {{SAGEMAKER_MULTI_MODEL: True}}",
    )
    members = ("Image",)

    def container(self, container: Container) -> Iterator[Hit]:
        image = image_of(container) if container.multi_model else None
        if image is None or not image.of_aws or image.repository != "tensorflow-inference":
            return
        told = dict(container.environment()).get("SAGEMAKER_MULTI_MODEL", "")
        if told.lower() not in ("true", "1"):
            yield (
                (*container.path, "Image"),
                "a TensorFlow container in MultiModel mode without `SAGEMAKER_MULTI_MODEL`",
            )


SHAPES: Final = (
    ShapeRule(
        "MME-06",
        "A model cache setting is one that SageMaker knows",
        "ModelCacheSetting",
        bad=fleet_file(multi_model=True, container="multi_model_config: {model_cache_setting: Disable}  # here"),
        good=fleet_file(multi_model=True, container="multi_model_config: {model_cache_setting: Disabled}"),
    ),
)
