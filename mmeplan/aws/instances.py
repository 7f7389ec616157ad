"""Instance families and what the documentation says of them. Types themselves come from botocore's enum.

Sources: SageMaker Python SDK `utils.volume_size_supported` and `instance_supports_kms` (local NVMe);
realtime-endpoints-graviton.md (Graviton); Amazon EC2 User Guide, accelerated computing instances (accelerators);
botocore, ProductionVariant.InferenceAmiVersion (AMIs).
"""

from __future__ import annotations

import re
from typing import Final, Literal, NamedTuple

LOCAL_NVME: Final = frozenset({"m5d", "c5d", "r5d", "m6gd", "c6gd", "r6gd", "r7gd"}) | frozenset(
    {"g4dn", "g5", "g6", "g6e", "p4d", "p4de", "p5", "p5e", "p5en", "dl1", "trn1", "trn1n"}
)
"""Families whose storage is local NVMe: no EBS volume, so VolumeSizeInGB and KmsKeyId are refused."""

GRAVITON: Final = frozenset(["c6g", "c6gn", "c6gd", "c7g", "c8g", "m6g", "m6gd", "m8g", "r6g", "r6gd", "r7gd", "r8g"])
"""Families that need an arm64 image."""

Accelerator = Literal["nvidia", "inf1", "neuronx", "gaudi", "none"]
"""What an instance computes on beside its CPUs: `neuronx` is Inferentia2 and Trainium, `inf1` the first Inferentia."""

_DEVICES: Final = {
    **dict.fromkeys(("p2.xlarge", "p3.2xlarge", "p5.4xlarge"), 1),
    **dict.fromkeys(("p3.8xlarge", "p6e-gb200.36xlarge"), 4),
    **dict.fromkeys(("p2.8xlarge", "p3.16xlarge", "p4d.24xlarge", "p4de.24xlarge"), 8),
    **dict.fromkeys(("p5.48xlarge", "p5e.48xlarge", "p5en.48xlarge", "p6-b200.48xlarge", "p6-b300.48xlarge"), 8),
    "p2.16xlarge": 16,
    **{f"g4dn.{size}xlarge": 1 for size in ("", 2, 4, 8, 16)},
    "g4dn.12xlarge": 4,
    **{f"{family}.{size}xlarge": 1 for family in ("g5", "g6", "g6e") for size in ("", 2, 4, 8, 16)},
    **{f"{family}.{size}xlarge": 4 for family in ("g5", "g6", "g6e") for size in (12, 24)},
    **{f"{family}.48xlarge": 8 for family in ("g5", "g6", "g6e", "g7e")},
    **{f"g7e.{size}xlarge": 1 for size in (2, 4, 8)},
    "g7e.12xlarge": 2,
    "g7e.24xlarge": 4,
    **dict.fromkeys(("inf1.xlarge", "inf1.2xlarge"), 4),
    "inf1.6xlarge": 16,
    "inf1.24xlarge": 64,
    **dict.fromkeys(("inf2.xlarge", "inf2.8xlarge", "trn1.2xlarge"), 2),
    "inf2.24xlarge": 12,
    "inf2.48xlarge": 24,
    **dict.fromkeys(("trn1.32xlarge", "trn1n.32xlarge"), 32),
    "trn2.48xlarge": 128,
    "dl1.24xlarge": 8,
}
"""Types, without `ml.`, and what a model can be spread over: GPUs, or NeuronCores of Inferentia and Trainium."""


class Ami(NamedTuple):
    """An inference AMI: the accelerator it is for, its driver's version, and the CUDA version of that driver.

    `oldest_cuda` is the oldest major version of CUDA in an image that is known to start on it.
    """

    accelerator: Accelerator
    driver: str
    cuda: tuple[int, int] | None = None
    oldest_cuda: int = 0


AMIS: Final = {
    "al2-ami-sagemaker-inference-gpu-2": Ami("nvidia", "535", (12, 2)),
    "al2-ami-sagemaker-inference-gpu-2-1": Ami("nvidia", "535", (12, 2)),
    "al2-ami-sagemaker-inference-gpu-3-1": Ami("nvidia", "550", (12, 4)),
    "al2023-ami-sagemaker-inference-gpu-4-1": Ami("nvidia", "580", (13, 0), oldest_cuda=13),
    "al2-ami-sagemaker-inference-neuron-2": Ami("neuronx", "2.19"),
}
"""By `inference_ami_version`. That an image of CUDA 12 doesn't start on the AMI of CUDA 13 is observed:
aws/deep-learning-containers pull request 6187, endpoints stuck in Creating."""

DEFAULT_CUDA: Final = 12
"""The newest major version of CUDA that starts without `inference_ami_version`: an image of CUDA 13 crashes there
(aws/sagemaker-python-sdk pull request 6281)."""

_TYPE = re.compile(r"ml\.([a-z0-9-]+)\.[a-z0-9-]+")


def family(instance_type: str) -> str:
    """`ml.g4dn.xlarge` → `g4dn`; an empty string for what isn't an instance type."""
    match = _TYPE.fullmatch(instance_type)
    return match.group(1) if match else ""


def has_local_nvme(instance_type: str) -> bool:
    """Whether the type stores on local NVMe, so that it takes neither a volume size nor a KMS key."""
    return family(instance_type) in LOCAL_NVME


def accelerator_of(instance_type: str) -> Accelerator | None:
    """What the type computes on; None for what isn't an instance type."""
    name = family(instance_type)
    if not name:
        return None
    if name == "inf1":
        return "inf1"
    if name.startswith(("inf", "trn")):
        return "neuronx"
    if name.startswith("dl"):
        return "gaudi"
    return "nvidia" if re.match(r"[gp][0-9]", name) else "none"


def accelerators(instance_type: str) -> int | None:
    """Over how many GPUs or NeuronCores a model can be spread; 0 where there are none, None where it isn't known."""
    if accelerator_of(instance_type) == "none":
        return 0
    return _DEVICES.get(instance_type.removeprefix("ml."))
