"""The fleet behind an endpoint: what DescribeEndpoint shows of each variant, and how it changes.

In: a config's variants (as DescribeEndpointConfig shows them) and the models' images. Out: variant summaries, plain
dictionaries that the endpoint's document stores. Pure; called by `endpoints`, `transitions` and `showing`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

Json = dict[str, Any]
Images = Callable[[str], Sequence[str]]

_ECHOED: Final = ("ManagedInstanceScaling", "RoutingConfig", "CapacityReservationConfig")
RETAINED: Final = {"DesiredInstanceCount": "DesiredInstanceCount", "DesiredWeight": "DesiredWeight"}
"""VariantPropertyType → the summary's member. `DataCaptureConfig` is documented as not supported, so it isn't here."""


def launched(variants: Sequence[Json], images: Images, at_s: float) -> list[Json]:
    """Summaries of a fleet about to be launched. `images` gives a model's images; `at_s` is when tags resolve."""
    return [_launched(variant, images, at_s) for variant in variants]


def _launched(variant: Json, images: Images, at_s: float) -> Json:
    weight = variant["InitialVariantWeight"]
    summary: Json = {"VariantName": variant["VariantName"], "CurrentWeight": weight, "DesiredWeight": weight}
    deployed = [
        {"SpecifiedImage": image, "ResolvedImage": resolved(image), "ResolutionTime": at_s}
        for image in (images(variant["ModelName"]) if "ModelName" in variant else ())
    ]
    if deployed:
        summary["DeployedImages"] = deployed
    if "ServerlessConfig" in variant:
        summary["CurrentServerlessConfig"] = summary["DesiredServerlessConfig"] = variant["ServerlessConfig"]
    else:
        count = variant.get("InitialInstanceCount")
        if count is None:
            count = max(1, variant.get("ManagedInstanceScaling", {}).get("MinInstanceCount", 1))
        summary |= {"CurrentInstanceCount": 0, "DesiredInstanceCount": count}
    if "InstancePools" in variant:
        summary["InstancePools"] = _pools(sorted(variant["InstancePools"], key=_priority), 0)
    return summary | {member: variant[member] for member in _ECHOED if member in variant}


def _priority(pool: Json) -> int:
    return int(pool["Priority"])


def _pools(pools: Sequence[Json], count: int) -> list[Json]:
    """The pools with all instances in the first."""
    return [
        {"InstanceType": pool["InstanceType"], "CurrentInstanceCount": 0 if place else count}
        for place, pool in enumerate(pools)
    ]


def retaining(new: Sequence[Json], live: Sequence[Json], excluded: Sequence[str]) -> list[Json]:
    """`new` with the live desired weight and count of variants of equal name, but for the excluded properties.

    Source: botocore UpdateEndpointInput, RetainAllVariantProperties and ExcludeRetainedVariantProperties.
    """
    kept = [member for name, member in RETAINED.items() if name not in excluded]
    by_name = {variant["VariantName"]: variant for variant in live}
    retained = []
    for variant in new:
        old = by_name.get(variant["VariantName"], {})
        summary = variant | {member: old[member] for member in kept if member in old and member in variant}
        retained.append(summary | {"CurrentWeight": summary["DesiredWeight"]})
    return retained


def settled(variants: Sequence[Json]) -> list[Json]:
    """The fleet once it has what it desires: Current = Desired."""
    return [_settled(variant) for variant in variants]


def _settled(variant: Json) -> Json:
    summary = variant | {"CurrentWeight": variant["DesiredWeight"]}
    if "DesiredServerlessConfig" in variant:
        summary["CurrentServerlessConfig"] = variant["DesiredServerlessConfig"]
    if "DesiredInstanceCount" in variant:
        summary["CurrentInstanceCount"] = variant["DesiredInstanceCount"]
        if "InstancePools" in variant:
            summary["InstancePools"] = _pools(variant["InstancePools"], variant["DesiredInstanceCount"])
    return summary


def rescaled(variants: Sequence[Json], wanted: Mapping[str, Json]) -> list[Json]:
    """The fleet with the desired values of an UpdateEndpointWeightsAndCapacities request; Current stays as it is."""
    return [_rescaled(variant, wanted.get(variant["VariantName"], {})) for variant in variants]


def _rescaled(variant: Json, wanted: Json) -> Json:
    summary = variant | {
        member: wanted[member] for member in ("DesiredWeight", "DesiredInstanceCount") if member in wanted
    }
    if "ServerlessUpdateConfig" in wanted:
        summary["DesiredServerlessConfig"] = variant["DesiredServerlessConfig"] | wanted["ServerlessUpdateConfig"]
    return summary


def counts(variants: Sequence[Json]) -> list[int]:
    """The desired instance counts of the instance-based variants."""
    return [variant["DesiredInstanceCount"] for variant in variants if "DesiredInstanceCount" in variant]


def resolved(image: str) -> str:
    """The image by digest: itself where it has one, else a made-up digest that is always the same for this text."""
    if "@" in image:
        return image
    repository, _, last = image.rpartition("/")
    path = f"{repository}/{last.partition(':')[0]}" if repository else last.partition(":")[0]
    return f"{path}@sha256:{hashlib.sha256(image.encode()).hexdigest()}"
