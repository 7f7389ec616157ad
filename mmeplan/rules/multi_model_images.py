"""Multi-model containers: images and accelerators that are known to serve them, or not to (group MME, third part)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mmeplan.aws.instances import family
from mmeplan.rules.examples import fleet_file
from mmeplan.rules.facts import Container, Variant
from mmeplan.rules.images import Image, hosted_images, image_of, runs_on_gpu
from mmeplan.rules.rule import Hit, Rule

PUBLISHED: Final = frozenset(
    {"knn", "linear-learner", "mxnet-inference", "pytorch-inference", "randomcutforest", "sagemaker-scikit-learn"}
) | frozenset({"sagemaker-tritonserver", "sagemaker-xgboost", "tensorflow-inference", "xgboost"})
"""Repositories that the guide names for multi-model hosting (multi-model-support)."""

ALSO_WORKS: Final = frozenset(["huggingface-pytorch-inference", "huggingface-tensorflow-inference"])
"""Not in the guide's list, but their CPU images carry the label (sagemaker-huggingface-inference-toolkit, issue 59)."""

UNLABELLED_ON_GPU: Final = frozenset(["tensorflow-inference", "huggingface-pytorch-inference"])
"""Their GPU images lack the label (deep-learning-containers issue 2465, amazon-sagemaker-examples issue 3925)."""

GPU_SERVERS: Final = frozenset(["sagemaker-tritonserver", "pytorch-inference"])
"""Triton as in the guide; TorchServe as in an AWS blog of 2023."""

GPU_TYPES: Final = (
    frozenset({"ml.p2.xlarge", "ml.p3.2xlarge"})
    | frozenset({f"ml.g4dn.{size}" for size in ("xlarge", "2xlarge", "4xlarge", "8xlarge", "16xlarge")})
    | frozenset({f"ml.g5.{size}" for size in ("xlarge", "2xlarge", "4xlarge", "8xlarge", "16xlarge")})
)
"""GPU types that the guide lists for multi-model endpoints: those with one GPU."""

_SUPPORT: Final = "Developer Guide, multi-model-support"
_DLC: Final = "image: 763104351884.dkr.ecr.eu-west-1.amazonaws.com/"
_TRITON: Final = f"{_DLC}sagemaker-tritonserver:23.08-py3"
_GPU_TAG: Final = "2.14.1-gpu-py310-cu118-ubuntu20.04-sagemaker"
_GOOD: Final = fleet_file(multi_model=True)


def _multi_model_images(variant: Variant) -> Iterator[tuple[str, Image]]:
    """(address, image) of the multi-model containers that a variant hosts and that AWS publishes."""
    return ((address, image) for address, image in hosted_images(variant, multi_model=True) if image.of_aws)


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
    bad = fleet_file(multi_model=True, container=f"{_DLC}djl-inference:0.27.0-deepspeed0.12.6-cu121  # here")
    good = fleet_file(multi_model=True, container=f"{_DLC}pytorch-inference:2.1.0-cpu-py310-ubuntu20.04-sagemaker")
    members = ("Image",)

    def container(self, container: Container) -> Iterator[Hit]:
        image = image_of(container) if container.multi_model else None
        if image is not None and image.of_aws and image.repository not in PUBLISHED | ALSO_WORKS:
            path = (*container.path, "Image")
            yield path, f"the image {image.repository!r} is not among those that AWS names for MultiModel mode"


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
        if image is not None and image.of_aws and image.repository in UNLABELLED_ON_GPU and image.says("gpu"):
            yield (*container.path, "Image"), f"the GPU image {image.repository!r} lacks the multi-model label"


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
            if runs_on_gpu(kind) and kind not in GPU_TYPES:
                yield path, f"`{kind}` is not among the GPU types that AWS lists for multi-model endpoints"


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
            if family(kind) == "inf2" or family(kind).startswith("trn"):
                yield path, f"`{kind}` is not among the types that AWS lists for multi-model endpoints"


class GpuServer(Rule):
    id = "MME-29"
    title = "A multi-model container on GPUs is served by Triton or TorchServe"
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
        on_gpu = [(path, kind) for path, kind in variant.instance_types() if runs_on_gpu(kind)]
        for address, image in _multi_model_images(variant) if on_gpu else ():
            if image.repository in GPU_SERVERS or (image.repository in UNLABELLED_ON_GPU and image.says("gpu")):
                continue  # MME-15 says the rest
            for path, kind in on_gpu:
                yield (
                    path,
                    f"{image.repository!r} of {address} is not known to load many models onto the GPU of `{kind}`",
                )


RULES: Final = (
    KnownImage(),
    UnlabelledGpuImage(),
    TensorFlowMultiModel(),
    PublishedGpuType(),
    NeuronMultiModel(),
    GpuServer(),
)
