"""What images, instance types and inference AMIs say of accelerators, held against one another."""

from __future__ import annotations

import pytest

from mmeplan.aws.images import accelerator_of as of_image
from mmeplan.aws.images import cuda_of
from mmeplan.aws.instances import AMIS, accelerator_of, accelerators, family
from mmeplan.aws.shapes import service
from mmeplan.rules.examples import fleet_file
from tests.rules.test_examples import findings_of

REGISTRY = "763104351884.dkr.ecr.eu-west-1.amazonaws.com"
IMAGES = {
    "pytorch-inference:2.1.0-gpu-py310-cu118-ubuntu20.04-sagemaker": "nvidia",
    "djl-inference:0.27.0-deepspeed0.12.6-cu121": "nvidia",
    "pytorch-inference:2.1.0-cpu-py310-ubuntu20.04-sagemaker": "none",
    "djl-inference:0.29.0-cpu-full": "none",
    "pytorch-inference-neuron:1.13.1-neuron-py310-sdk2.20.2-ubuntu20.04": "inf1",
    "sagemaker-neo-pytorch:1.8-inf-py3": "inf1",
    "huggingface-pytorch-inference-neuronx:2.1.2-transformers4.43.2-neuronx-py310-sdk2.20.0-ubuntu20.04": "neuronx",
    "djl-inference:0.29.0-neuronx-sdk2.19.1": "neuronx",
    "huggingface-pytorch-tgi-inference:2.1.2-optimum0.0.27-neuronx-py310-ubuntu22.04": "neuronx",
    "sagemaker-tritonserver:23.08-py3": None,
    "ranker:1.4": None,
    "infrastructure:1.4": None,
}
TYPES = {
    "ml.m5.xlarge": "none",
    "ml.c6gn.xlarge": "none",
    "ml.g5.xlarge": "nvidia",
    "ml.p6-b200.48xlarge": "nvidia",
    "ml.inf1.xlarge": "inf1",
    "ml.inf2.xlarge": "neuronx",
    "ml.trn1n.32xlarge": "neuronx",
    "ml.dl1.24xlarge": "gaudi",
}
GPU_2, GPU_4 = "al2-ami-sagemaker-inference-gpu-2-1", "al2023-ami-sagemaker-inference-gpu-4-1"
NEURON = "al2-ami-sagemaker-inference-neuron-2"


def found(rule: str, image: str, kind: str, variant: str = "", environment: str = "{}") -> list[str]:
    """The messages of one rule about an image on an instance type."""
    lines = f"instance_type: {kind}\n{variant}"
    text = fleet_file(container=f"image: {REGISTRY}/{image}\nenvironment: {environment}", variant=lines)
    return [finding.message for finding in findings_of(text) if finding.rule == rule]


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("image", IMAGES)
def test_an_image_on_another_accelerator_is_told_in_both_directions(image: str, kind: str) -> None:
    repository, _, tag = image.partition(":")
    assert of_image(repository, tag) == IMAGES[image]
    assert accelerator_of(kind) == TYPES[kind]

    assert len(found("CFG-36", image, kind)) == (IMAGES[image] not in (None, TYPES[kind]))


def test_the_accelerator_that_is_missing_is_named() -> None:
    gpu, neuronx, cpu = [
        next(image for image, what in IMAGES.items() if what == w) for w in ("nvidia", "neuronx", "none")
    ]

    assert (
        "is for NVIDIA GPUs, and `ml.inf2.xlarge` has Inferentia2 or Trainium"
        in found("CFG-36", gpu, "ml.inf2.xlarge")[0]
    )
    assert (
        "is for Inferentia2 or Trainium, and `ml.inf1.xlarge` has the first"
        in found("CFG-36", neuronx, "ml.inf1.xlarge")[0]
    )
    assert "leaves the accelerator of `ml.inf2.xlarge` idle" in found("CFG-36", cpu, "ml.inf2.xlarge")[0]


def test_the_accelerators_of_every_type_but_the_newest_family_are_counted() -> None:
    known = service().shapes["ProductionVariantInstanceType"]["enum"]

    assert {family(kind) for kind in known if accelerators(kind) is None} <= {"g7"}
    assert {accelerators(kind) for kind in known if accelerator_of(kind) == "none"} == {0}
    assert accelerators("ml.g9.xlarge") is None


@pytest.mark.parametrize(
    ("tag", "cuda"), [("2.1-gpu-cu118", (11, 8)), ("cu92", (9, 2)), ("1-cu130-py3", (13, 0)), ("cu", None)]
)
def test_a_tag_names_the_version_of_cuda(tag: str, cuda: tuple[int, int] | None) -> None:
    assert cuda_of(tag) == cuda


@pytest.mark.parametrize(
    ("cuda", "ami", "warned"),
    [
        ("cu130", "", True),
        ("cu130", GPU_2, True),
        ("cu130", GPU_4, False),
        ("cu129", GPU_4, True),
        ("cu118", GPU_4, True),
        ("cu118", GPU_2, False),
        ("cu124", GPU_2, False),  # a driver runs every minor version of its major version
        ("cu128", "", False),
        ("cu130", "al2027-ami-sagemaker-inference-gpu-9", False),
    ],
)
def test_an_image_and_an_ami_of_different_cuda_are_told_in_both_directions(cuda: str, ami: str, warned: bool) -> None:
    lines = f"inference_ami_version: {ami}" if ami else ""

    assert len(found("CFG-45", f"vllm:0.28.0-gpu-py312-{cuda}-ubuntu22.04-sagemaker", "ml.g6e.xlarge", lines)) == warned


def test_the_table_of_amis_is_that_of_botocore() -> None:
    assert AMIS.keys() == set(service().shapes["ProductionVariantInferenceAmiVersion"]["enum"])


@pytest.mark.parametrize(
    ("environment", "kind", "message"),
    [
        ("{SM_NUM_GPUS: 4}", "ml.g5.2xlarge", "`ml.g5.2xlarge` has 1 GPU"),
        ("{SM_NUM_GPUS: 4}", "ml.g5.12xlarge", ""),
        ("{SM_NUM_GPUS: 1}", "ml.m5.xlarge", ""),
        ("{SM_NUM_GPUS: 4}", "ml.m5.xlarge", "`ml.m5.xlarge` has no GPUs"),
        ("{OPTION_TENSOR_PARALLEL_DEGREE: max}", "ml.g5.2xlarge", ""),
        ("{OPTION_TENSOR_PARALLEL_DEGREE: 8}", "ml.g7e.12xlarge", "`ml.g7e.12xlarge` has 2 GPUs"),
        ("{TENSOR_PARALLEL_DEGREE: 4}", "ml.inf2.xlarge", "`ml.inf2.xlarge` has 2 NeuronCores"),
        ("{TENSOR_PARALLEL_DEGREE: 24}", "ml.inf2.48xlarge", ""),
        ("{SM_VLLM_TENSOR_PARALLEL_SIZE: 16}", "ml.p5.48xlarge", "`ml.p5.48xlarge` has 8 GPUs"),
        ("{SM_NUM_GPUS: 16}", "ml.g7.48xlarge", ""),  # what it has isn't known here
    ],
)
def test_more_accelerators_than_there_are_is_told(environment: str, kind: str, message: str) -> None:
    messages = found("CFG-46", "djl-inference:0.29.0-lmi11.0.0", kind, environment=environment)

    assert bool(messages) == bool(message)
    assert all(message in said for said in messages)


@pytest.mark.parametrize(
    ("image", "variant", "told"),
    [
        ("djl-inference:0.29.0-lmi11.0.0-cu124", "", True),
        ("vllm:0.11.0-gpu-py312-cu128-ubuntu22.04-sagemaker", "", True),
        ("vllm:0.11.0-gpu-py312-cu128", "container_startup_health_check_timeout_in_seconds: 900", False),
        ("pytorch-inference:2.1.0-gpu-py310-cu118", "", False),
    ],
)
def test_a_server_of_large_language_models_without_a_timeout_is_noted(image: str, variant: str, told: bool) -> None:
    text = fleet_file(container=f"image: {REGISTRY}/{image}", variant=f"instance_type: ml.g5.xlarge\n{variant}")
    notes = [finding for finding in findings_of(text) if finding.rule == "CFG-47"]

    assert [note.severity for note in notes] == ["note"] * told


@pytest.mark.parametrize("tag", ["0.27.0-deepspeed0.12.6-cu121", "0.29.0-lmi11.0.0-cu124"])
def test_djl_serves_many_models_on_gpus(tag: str) -> None:
    text = fleet_file(
        multi_model=True, container=f"image: {REGISTRY}/djl-inference:{tag}", variant="instance_type: ml.g5.xlarge"
    )

    assert [finding.rule for finding in findings_of(text)] == ["CFG-47"]


@pytest.mark.parametrize(
    ("kind", "warned"), [("ml.inf2.xlarge", False), ("ml.trn2.48xlarge", True), ("ml.g5.xlarge", False)]
)
def test_inferentia2_takes_a_volume(kind: str, warned: bool) -> None:
    text = fleet_file(variant=f"instance_type: {kind}\nvolume_size_in_gb: 256")

    assert ("CFG-17" in {finding.rule for finding in findings_of(text)}) == warned
