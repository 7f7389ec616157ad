"""The service models that botocore ships, read as plain data without importing the SDK.

In: botocore's `service-2.json`. Out: `ServiceModel`, whose shapes are the model's own dictionaries.
Reading the file directly takes about 30 ms; importing boto3 and making a client takes 200.
"""

from __future__ import annotations

import gzip
import importlib.util
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

Shape = dict[str, Any]


@dataclass(frozen=True)
class ServiceModel:
    """One service's operations and shapes, as in its `service-2.json`."""

    name: str
    metadata: dict[str, Any]
    operations: dict[str, Any]
    shapes: dict[str, Shape]

    def input_shape(self, operation: str) -> str | None:
        """Name of the operation's request shape; None where it takes nothing. Raises KeyError for an unknown one."""
        return (self.operations[operation].get("input") or {}).get("shape")

    def output_shape(self, operation: str) -> str | None:
        """Name of the operation's response shape; None where it answers nothing."""
        return (self.operations[operation].get("output") or {}).get("shape")

    def members(self, shape: str) -> dict[str, str]:
        """Member name → shape name of a structure, in the model's order."""
        return {name: ref["shape"] for name, ref in self.shapes[shape].get("members", {}).items()}


def botocore_folder() -> Path:
    """Where the installed botocore is. Raises FileNotFoundError where there is none."""
    spec = importlib.util.find_spec("botocore")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("botocore is not installed")
    return Path(spec.submodule_search_locations[0])


@lru_cache(maxsize=16)
def service(name: str = "sagemaker") -> ServiceModel:
    """The newest service model of that name in the installed botocore.

    Raises FileNotFoundError where botocore has no such service.
    """
    versions = sorted((botocore_folder() / "data" / name).glob("*/service-2.json*"))
    if not versions:
        raise FileNotFoundError(f"the installed botocore has no service {name!r}")
    raw = versions[-1].read_bytes()
    model = json.loads(gzip.decompress(raw) if versions[-1].suffix == ".gz" else raw)
    return ServiceModel(name, model["metadata"], model["operations"], model["shapes"])


@lru_cache(maxsize=4096)
def snake(name: str) -> str:
    """An API member name as botocore's `xform_name` spells it: `VolumeSizeInGB` → `volume_size_in_gb`."""
    from botocore import xform_name

    return str(xform_name(name))
