"""The fleet behind an endpoint: what DescribeEndpoint shows of each variant, and how it changes.

In: a config's variants (as DescribeEndpointConfig shows them) and the models' images. Out: variant summaries, plain
dictionaries that the endpoint's document stores. Pure; called by `endpoints`, `transitions` and `showing`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
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
        summary["InstancePools"] = placed(sorted(variant["InstancePools"], key=_priority), 0)
    return summary | {member: variant[member] for member in _ECHOED if member in variant}


def _priority(pool: Json) -> int:
    return int(pool["Priority"])


def placed(pools: Sequence[Json], count: int, lacking: Collection[str] = ()) -> list[Json]:
    """The pools, by priority, once they have so many instances in all.

    More are launched on the first type that isn't `lacking` capacity, fewer are taken from the lowest priority first.
    Source: Developer Guide, realtime-endpoints-heterogeneous, "Auto-scaling with instance pools".
    """
    counts = [pool.get("CurrentInstanceCount", 0) for pool in pools]
    first = next((place for place, pool in enumerate(pools) if pool["InstanceType"] not in lacking), 0)
    counts[first] += max(0, count - sum(counts))
    for place in reversed(range(len(counts))):
        counts[place] -= min(counts[place], max(0, sum(counts) - count))
    found = zip(pools, counts, strict=True)
    return [{"InstanceType": pool["InstanceType"], "CurrentInstanceCount": count} for pool, count in found]


def short_of(variants: Sequence[Json], config: Sequence[Json], lacking: Collection[str]) -> bool:
    """Whether a variant needs more instances than it has, and every type of it lacks capacity."""
    types = {variant["VariantName"]: _types(variant) for variant in config}
    return any(
        variant.get("DesiredInstanceCount", 0) > variant.get("CurrentInstanceCount", 0)
        and types[variant["VariantName"]] <= set(lacking)
        for variant in variants
    )


def _types(variant: Json) -> set[str]:
    own = {variant["InstanceType"]} if "InstanceType" in variant else set()
    return own | {pool["InstanceType"] for pool in variant.get("InstancePools", ())}


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


def settled(variants: Sequence[Json], lacking: Collection[str] = ()) -> list[Json]:
    """The fleet once it has what it desires: Current = Desired. `lacking` are types without capacity."""
    return [_settled(variant, lacking) for variant in variants]


def _settled(variant: Json, lacking: Collection[str]) -> Json:
    summary = variant | {"CurrentWeight": variant["DesiredWeight"]}
    if "DesiredServerlessConfig" in variant:
        summary["CurrentServerlessConfig"] = variant["DesiredServerlessConfig"]
    if "DesiredInstanceCount" in variant:
        summary["CurrentInstanceCount"] = variant["DesiredInstanceCount"]
        if "InstancePools" in variant:
            summary["InstancePools"] = placed(variant["InstancePools"], variant["DesiredInstanceCount"], lacking)
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
