"""Accelerators: what images, instance types and inference AMIs say of them, held against one another (CFG)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mmeplan.aws.instances import AMIS, DEFAULT_CUDA, Accelerator, accelerator_of, accelerators
from mmeplan.rules.examples import fleet_file
from mmeplan.rules.facts import Variant
from mmeplan.rules.images import hosted_images
from mmeplan.rules.rule import Hit, Rule

_REGISTRY: Final = "763104351884.dkr.ecr.eu-west-1.amazonaws.com"
_OF_AMIS: Final[dict[str, tuple[Accelerator, ...]]] = {"gpu": ("nvidia",), "neuron": ("inf1", "neuronx")}
_AMI_WORDS: Final = {"gpu": "GPU", "neuron": "Neuron"}


class AmiFitsInstance(Rule):
    id = "CFG-24"
    title = "An inference AMI is for the accelerator of the instance"
    severity = "warning"
    basis = "doc"
    source = "botocore sagemaker/2017-07-24, ProductionVariant.InferenceAmiVersion: each names its accelerator"
    why = "The AMI brings the accelerator's driver: GPU for g and p families, Neuron for Inferentia2 and Trainium."
    fix = "Choose the AMI of the accelerator, or drop `inference_ami_version`."
    bad = fleet_file(variant="inference_ami_version: al2-ami-sagemaker-inference-gpu-2  # here")
    good = fleet_file(variant="instance_type: ml.g5.xlarge\ninference_ami_version: al2-ami-sagemaker-inference-gpu-2")
    members = ("InferenceAmiVersion",)

    def variant(self, variant: Variant) -> Iterator[Hit]:
        ami = variant.spec["InferenceAmiVersion"]
        wanted = next((accelerator for accelerator in _OF_AMIS if f"-{accelerator}-" in ami), "")
        for _, kind in variant.instance_types():
            if wanted and accelerator_of(kind) not in (None, *_OF_AMIS[wanted]):
                path = (*variant.path, "InferenceAmiVersion")
                yield path, f"the AMI is for {_AMI_WORDS[wanted]} instances, not for `{kind}`"


_WORDS: Final[dict[Accelerator, str]] = {
    "nvidia": "NVIDIA GPUs",
    "inf1": "the first Inferentia",
    "neuronx": "Inferentia2 or Trainium",
    "gaudi": "Gaudi",
    "none": "CPUs",
}


class ImageFitsInstance(Rule):
    id = "CFG-36"
    title = "An image is for the accelerator of its instances"
    severity = "warning"
    basis = "inf"
    source = (
        "aws/deep-learning-containers, available_images.md: tags and repositories say `gpu`, `cuNNN`, `neuron`, "
        "`neuronx` or `cpu`"
    )
    why = (
        "An image wants the driver of its accelerator, which other instances lack: a GPU image starts on no CPU or "
        "Neuron instance, one for inf1 on no other. A CPU image leaves an accelerator that is paid for idle."
    )
    fix = "Choose the image's other tag, or another instance type."
    bad = fleet_file(
        container=f"image: {_REGISTRY}/pytorch-inference:2.1.0-gpu-py310-cu118-ubuntu20.04-sagemaker",
        variant="instance_type: ml.m5.xlarge  # here",
    )
    good = fleet_file(
        container=f"image: {_REGISTRY}/pytorch-inference:2.1.0-gpu-py310-cu118-ubuntu20.04-sagemaker",
        variant="instance_type: ml.g5.xlarge",
    )
    members = ("InstanceType", "InstancePools")

    def variant(self, variant: Variant) -> Iterator[Hit]:
        for address, image in hosted_images(variant):
            for path, kind in variant.instance_types():
                wants, has = image.accelerator, accelerator_of(kind)
                if wants is None or has is None or wants == has:
                    continue
                if wants == "none":
                    yield path, f"the image of {address} is for CPUs, and leaves the accelerator of `{kind}` idle"
                else:
                    instead = "none" if has == "none" else _WORDS[has]
                    yield path, f"the image of {address} is for {_WORDS[wants]}, and `{kind}` has {instead}"


_CUDA_13: Final = f"image: {_REGISTRY}/vllm:0.28.0-gpu-py312-cu130-ubuntu22.04-sagemaker"
_PATIENT: Final = "instance_type: ml.g6e.xlarge\ncontainer_startup_health_check_timeout_in_seconds: 1800"


class CudaFitsAmi(Rule):
    id = "CFG-45"
    title = "An image's CUDA fits the inference AMI"
    severity = "warning"
    basis = "obs"
    source = (
        "botocore sagemaker/2017-07-24, ProductionVariant.InferenceAmiVersion: driver and CUDA of each AMI; "
        "aws/sagemaker-python-sdk pull request 6281: images of CUDA 13 crash on the default AMI; "
        "aws/deep-learning-containers pull request 6187: an image of CUDA 12.9 stays in Creating on the AMI of CUDA 13"
    )
    why = (
        "The AMI brings the driver, and the driver a version of CUDA: an image of a newer major version finds a driver "
        "that is too old, and crashes before it writes a log. On the AMI of CUDA 13 images of CUDA 12 were seen to "
        "hang."
    )
    fix = (
        "Set `inference_ami_version: al2023-ami-sagemaker-inference-gpu-4-1` for an image of CUDA 13, and an AMI of "
        "CUDA 12, or none, for older ones; where it was tried and works, allow this with that reason."
    )
    bad = fleet_file(container=_CUDA_13, variant=_PATIENT.replace("ml.g6e.xlarge", "ml.g6e.xlarge  # here"))
    good = fleet_file(
        container=_CUDA_13, variant=f"{_PATIENT}\ninference_ami_version: al2023-ami-sagemaker-inference-gpu-4-1"
    )
    members = ("InstanceType", "InstancePools")

    def variant(self, variant: Variant) -> Iterator[Hit]:
        name = variant.spec.get("InferenceAmiVersion")
        ami = AMIS.get(name or "")
        if name and (ami is None or ami.cuda is None):
            return  # an AMI that isn't known here, or one for Neuron
        places = [path for path, kind in variant.instance_types() if accelerator_of(kind) == "nvidia"][:1]
        if name and places:
            places = [(*variant.path, "InferenceAmiVersion")]
        for address, image in hosted_images(variant) if places else ():
            if image.cuda is None:
                continue
            of_image = ".".join(map(str, image.cuda))
            if ami is not None and ami.cuda is not None:
                of_ami = f"`{name}` has CUDA {'.'.join(map(str, ami.cuda))}"
                if image.cuda[0] > ami.cuda[0]:
                    yield places[0], f"the image of {address} is of CUDA {of_image}, and {of_ami}, driver {ami.driver}"
                elif image.cuda[0] < ami.oldest_cuda:
                    yield places[0], f"the image of {address} is of CUDA {of_image}, older than {of_ami}"
            elif image.cuda[0] > DEFAULT_CUDA:
                message = f"the image of {address} is of CUDA {of_image}, which the default AMI's driver is too old for"
                yield places[0], message


_DEGREES: Final = (
    "SM_NUM_GPUS",
    "NUM_SHARD",
    "TENSOR_PARALLEL_DEGREE",
    "OPTION_TENSOR_PARALLEL_DEGREE",
    "SM_VLLM_TENSOR_PARALLEL_SIZE",
    "SM_SGLANG_TP",
    "SM_SGLANG_TP_SIZE",
    "SM_SGLANG_TENSOR_PARALLEL_SIZE",
    "HF_NUM_CORES",
)
"""What tells a server over how many GPUs or NeuronCores it spreads a model: TGI, DJL Serving, vLLM, SGLang, Neuron."""


class DegreeFitsInstance(Rule):
    id = "CFG-46"
    title = "A model is spread over no more accelerators than its instances have"
    severity = "warning"
    basis = "inf"
    source = (
        "Amazon EC2 User Guide, accelerated computing instances; LMI documentation, option.tensor_parallel_degree; "
        "Text Generation Inference, SM_NUM_GPUS and NUM_SHARD"
    )
    why = (
        "The server asks for more GPUs, or NeuronCores, than there are, and ends before it answers the health check: "
        "the endpoint fails minutes later."
    )
    fix = "Lower the number to what the message says, or choose an instance type with as many."
    bad = fleet_file(container="environment: {SM_NUM_GPUS: 4}", variant="instance_type: ml.g5.2xlarge  # here")
    good = fleet_file(container="environment: {SM_NUM_GPUS: 4}", variant="instance_type: ml.g5.12xlarge")
    members = ("InstanceType", "InstancePools")

    def variant(self, variant: Variant) -> Iterator[Hit]:
        containers = [container for model in variant.models for container in model.containers]
        for container in containers:
            for key, value in container.environment():
                if key not in _DEGREES or not value.isdecimal():
                    continue
                for path, kind in variant.instance_types():
                    count = accelerators(kind)
                    if count is not None and int(value) > max(count, 1):
                        unit = "NeuronCore" if accelerator_of(kind) in ("inf1", "neuronx") else "GPU"
                        has = f"{count or 'no'} {unit}{'s' * (count != 1)}"
                        of = container.owner.resource.address
                        yield path, f"`{key}` of {of} spreads the model over {value}, and `{kind}` has {has}"


_TGI: Final = f"image: {_REGISTRY}/huggingface-pytorch-tgi-inference:2.4.0-tgi2.3.1-gpu-py311-cu124-ubuntu22.04"


class LlmHasTime(Rule):
    id = "CFG-47"
    title = "A server of large language models is given time to start"
    severity = "note"
    basis = "doc"
    source = "Developer Guide, realtime-endpoints-large-model-hosting and your-algorithms-inference-code"
    why = (
        "A container has to answer the health check within minutes, by default; a large language model is downloaded "
        "and loaded first, which often takes longer. The endpoint then fails, and its logs show a server that was "
        "about to come up."
    )
    fix = (
        "Set `container_startup_health_check_timeout_in_seconds` on the variant, and "
        "`model_data_download_timeout_in_seconds` where weights come from S3; 3600 is the most for both."
    )
    bad = fleet_file(container=_TGI, variant="instance_type: ml.g5.xlarge").replace(
        "        main:\n", "        main:  # here\n"
    )
    good = fleet_file(
        container=_TGI,
        variant="instance_type: ml.g5.xlarge\ncontainer_startup_health_check_timeout_in_seconds: 900",
    )
    members = ("InstanceType", "InstancePools")

    def variant(self, variant: Variant) -> Iterator[Hit]:
        if "ContainerStartupHealthCheckTimeoutInSeconds" in variant.spec:
            return
        for address, image in hosted_images(variant):
            if image.serves_llms:
                key = "container_startup_health_check_timeout_in_seconds"
                yield variant.path, f"the image of {address} serves large language models; the variant sets no `{key}`"
