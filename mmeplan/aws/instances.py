"""Instance families and what the documentation says of them. Types themselves come from botocore's enum.

Sources: SageMaker Python SDK `utils.volume_size_supported` and `instance_supports_kms` (local NVMe);
realtime-endpoints-graviton.md (Graviton).
"""

from __future__ import annotations

import re
from typing import Final

LOCAL_NVME: Final = frozenset({"m5d", "c5d", "r5d", "m6gd", "c6gd", "r6gd", "r7gd"}) | frozenset(
    {"g4dn", "g5", "g6", "g6e", "p4d", "p4de", "p5", "p5e", "p5en", "dl1", "trn1", "trn1n"}
)
"""Families whose storage is local NVMe: no EBS volume, so VolumeSizeInGB and KmsKeyId are refused."""

GRAVITON: Final = frozenset(["c6g", "c6gn", "c6gd", "c7g", "c8g", "m6g", "m6gd", "m8g", "r6g", "r6gd", "r7gd", "r8g"])
"""Families that need an arm64 image."""

_TYPE = re.compile(r"ml\.([a-z0-9-]+)\.[a-z0-9-]+")


def family(instance_type: str) -> str:
    """`ml.g4dn.xlarge` → `g4dn`; an empty string for what isn't an instance type."""
    match = _TYPE.fullmatch(instance_type)
    return match.group(1) if match else ""


def has_local_nvme(instance_type: str) -> bool:
    """Whether the type stores on local NVMe, so that it takes neither a volume size nor a KMS key."""
    return family(instance_type) in LOCAL_NVME
