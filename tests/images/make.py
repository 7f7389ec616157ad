"""Makes mmeplan/aws/image_uris.json: what the SageMaker Python SDK answers for an image by name, as a table.

    python -m venv sdk && sdk/bin/pip install sagemaker-core && sdk/bin/python tests/images/make.py

Run by an interpreter that has `sagemaker-core`, which mmeplan can't depend on (pandas, scipy, paramiko). Every answer
of its `image_uris.retrieve` is asked for: each framework, exact version, Python version, base framework and processor
that has an image for inference, in each region that has a registry. The table is append-only: an address that was there
once stays as it is, because a new one would roll the fleets that name it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import sys
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

TABLE = Path(__file__).parents[2] / "mmeplan" / "aws" / "image_uris.json"
ANSWERS = Path(__file__).parent / "answers.json"
TYPES = {"cpu": "ml.m5.xlarge", "gpu": "ml.g5.xlarge", "graviton": "ml.c7g.xlarge"} | {
    "inf1": "ml.inf1.xlarge",
    "neuronx": "ml.inf2.xlarge",
}
"""Processor → the instance type that the SDK is asked with."""
ANY = frozenset({"cpu", "gpu", "inf1", "neuronx"})
"""Processors that one image serves where the SDK asks for none."""
TOOLS = {"inf1": "neuron", "neuronx": "neuronx"}
"""What `HuggingFaceModel` asks with: of Inferentia 2 alone `retrieve` would take the image of Inferentia 1."""
INSIDE = ("huggingface-neuron", "huggingface-neuronx")
"""Files of the SDK that are parts of another framework's."""
ALGORITHMS = [
    *("blazingtext", "factorization-machines", "forecasting-deepar", "image-classification", "ipinsights", "kmeans"),
    *("knn", "lda", "linear-learner", "ntm", "object-detection", "object2vec", "pca", "randomcutforest"),
    *("semantic-segmentation", "seq2seq"),
]
"""Built-in algorithms whose image has one version."""


def named(sdk: Any) -> Iterator[tuple[str, str, dict[str, str], dict[str, Any]]]:
    """(framework, processor, what else names the image, its entry) of every image for inference."""
    for framework in set(sdk.list_frameworks()) - {*INSIDE}:
        for processor in TYPES:
            for number, details in _versions(sdk, framework, processor).items():
                for base, holder in _bases(framework, details):
                    for python in _pythons(holder):
                        names = {"version": number, "base_framework_version": base, "py_version": python}
                        entry = holder[python] if isinstance(holder.get(python), dict) else holder
                        yield framework, processor, {key: text for key, text in names.items() if text}, entry


def _versions(sdk: Any, framework: str, processor: str) -> dict[str, Any]:
    source = f"{framework}-{TOOLS[processor]}" if framework == "huggingface" and processor in TOOLS else framework
    scope = "inference_graviton" if processor == "graviton" else "inference"
    if processor == "graviton" and framework not in sdk.GRAVITON_ALLOWED_FRAMEWORKS:
        return {}
    found = sdk.config_for_framework(source)
    if "versions" not in found:
        found = found.get(scope, {})
    elif scope not in found.get("scope", [scope]):
        return {}
    return {number: details for number, details in found.get("versions", {}).items() if number != "latest"}


def _bases(framework: str, details: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    if framework != "huggingface":
        yield "", details
        return
    for key, value in details.items():
        if key.startswith(("pytorch", "tensorflow")):
            yield key, value


def _pythons(holder: dict[str, Any]) -> list[str]:
    keys = [key for key, value in holder.items() if key.startswith("py") and isinstance(value, dict)]
    return holder.get("py_versions") or keys or [""]


def answers(sdk: Any) -> Iterator[tuple[str, str, tuple[str, str, str], str, dict[str, str]]]:
    """(framework, processor, (version, base, Python), repository:tag, region → address) as `retrieve` gives them."""
    for framework, processor, names, entry in named(sdk):
        addresses, tool = {}, TOOLS.get(processor) if framework == "huggingface" else None
        for region in entry["registries"]:
            try:
                addresses[region] = sdk.retrieve(
                    framework,
                    region,
                    instance_type=TYPES[processor],
                    image_scope="inference",
                    inference_tool=tool,
                    **names,
                )
            except (ValueError, KeyError, TypeError, AttributeError):
                continue
        if addresses:
            (image,) = {address.partition("/")[2] for address in addresses.values()}
            key = names["version"], names.get("base_framework_version", ""), names.get("py_version", "")
            yield framework, processor, key, image, addresses


def table(sdk: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """The table, and a digest of the answers for each of its images."""
    found: dict[tuple[str, str, str], dict[str, tuple[str, dict[str, str]]]] = {}
    digests = {}
    for framework, processor, (number, base, python), image, addresses in answers(sdk):
        found.setdefault((framework, number, f"{python} {base}".strip()), {})[processor] = image, addresses
        lines = "\n".join(f"{region} {address}" for region, address in sorted(addresses.items()))
        name = " ".join((framework, number, processor, python, base)).rstrip()
        digests[name] = hashlib.sha256(lines.encode()).hexdigest()[:16]
    registries: list[dict[str, str]] = []
    images: dict[str, dict[str, dict[str, list[Any]]]] = {}
    for (framework, number, rest), by_processor in sorted(found.items()):
        for processor, (image, addresses) in _joined(by_processor).items():
            accounts = {region: address[:12] for region, address in sorted(addresses.items())}
            if accounts not in registries:
                registries.append(accounts)
            row = images.setdefault(framework, {}).setdefault(number, {})
            row[f"{processor} {rest}".rstrip()] = [image, registries.index(accounts)]
    made = {
        "source": f"sagemaker-core {version('sagemaker-core')}, sagemaker/core/image_uri_config (Apache-2.0)",
        "algorithms": ALGORITHMS,
        "aliases": {framework: _aliases(sdk, framework) for framework in images if _aliases(sdk, framework)},
        "registries": registries,
        "images": images,
    }
    return made, digests


def _joined(by_processor: dict[str, Any]) -> dict[str, Any]:
    """The image that all processors share as one of `any`."""
    first = next(iter(by_processor.values()))
    if not (by_processor.keys() >= ANY and all(by_processor[processor] == first for processor in ANY)):
        return by_processor
    return {"any": first} | {key: item for key, item in by_processor.items() if key not in ANY}


def _aliases(sdk: Any, framework: str) -> dict[str, str]:
    found = sdk.config_for_framework(framework)
    holder = found if "versions" in found else found.get("inference", {})
    return dict(holder.get("version_aliases", {}))


def installed_sdk() -> Any:
    """The SDK's module. It would read its files again for each answer, so what it has read is kept."""
    from sagemaker.core import common_utils, image_uris

    image_uris.config_for_framework = cache(image_uris.config_for_framework)
    common_utils._botocore_resolver = cache(common_utils._botocore_resolver)
    return image_uris


def main() -> int:
    logging.disable(logging.CRITICAL)
    made, digests = table(installed_sdk())
    if ANSWERS.exists():
        before = json.loads(ANSWERS.read_text())
        moved = sorted(name for name, digest in before.items() if digests.get(name) != digest)
        if moved:
            print("these answers are others than those that were released:", *moved, sep="\n  ", file=sys.stderr)
            return 1
    TABLE.write_text(json.dumps(made, separators=(",", ":"), sort_keys=True) + "\n")
    ANSWERS.write_text(json.dumps(digests, indent=0, sort_keys=True) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
