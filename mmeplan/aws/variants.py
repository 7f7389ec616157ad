"""Variants and their instance pools: where a config names models, whichever form the config has.

A request and a Describe answer list their variants; a canonical content and an entry of the file map names to them.
Paths are in API members, variants by their names: `("ProductionVariants", "large", "InstancePools", 0)`.
Source: botocore ProductionVariant.ModelName, InstancePool.ModelNameOverride.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

KEYED: Final = {"ProductionVariants": "VariantName", "ShadowProductionVariants": "VariantName"}
"""Lists whose items carry a unique name, and the member that holds it."""

REFERENCES: Final = {"ModelName": "model", "ModelNameOverride": "model_override"}
"""API member that names a model → mmeplan's key for a logical reference in its place."""

Path = tuple[str | int, ...]


def not_retained(update: Mapping[str, Any]) -> frozenset[str]:
    """The VariantPropertyTypes that an UpdateEndpoint leaves out of RetainAllVariantProperties."""
    excluded = update.get("ExcludeRetainedVariantProperties") or ()
    return frozenset(str(item.get("VariantPropertyType")) for item in excluded)


def variants(config: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """(member, name, variant) of each production and shadow variant, in the config's order."""
    for member, name_member in KEYED.items():
        found = config.get(member) or ()
        if isinstance(found, Mapping):
            for name, variant in found.items():
                yield member, name, variant or {}
        else:
            for variant in found:
                yield member, str(variant.get(name_member, "")), variant


def model_holders(config: Mapping[str, Any]) -> Iterator[tuple[Path, str, Any]]:
    """(path, member, variant or pool) of everything that may name a model by that member."""
    for member, name, variant in variants(config):
        yield (member, name), "ModelName", variant
        for index, pool in enumerate(variant.get("InstancePools") or ()):
            yield (member, name, "InstancePools", index), "ModelNameOverride", pool


def models(config: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """(path of the member, name) of each model that is named."""
    return (((*path, member), holder[member]) for path, member, holder in model_holders(config) if holder.get(member))


def hosts_components(config: Mapping[str, Any]) -> bool:
    """Whether a variant names no model, itself or in each of its pools: inference components are placed on it."""
    return any(not names_models(variant) for _, _, variant in variants(config))


def names_models(variant: Mapping[str, Any]) -> bool:
    """Whether a variant hosts models: it names one, or each of its pools does."""
    pools = variant.get("InstancePools") or ()
    return bool(variant.get("ModelName")) or (bool(pools) and all(pool.get("ModelNameOverride") for pool in pools))


def with_variants(
    config: Mapping[str, Any], change: Callable[[str, str, dict[str, Any]], dict[str, Any]]
) -> dict[str, Any]:
    """A config that maps names to variants with `change(member, name, variant)` in the place of each, by name."""
    changed = {
        member: {name: change(member, name, config[member][name] or {}) for name in sorted(config[member])}
        for member in KEYED
        if member in config
    }
    return {**config, **changed}


def with_model_holders(
    variant: dict[str, Any], path: Path, change: Callable[[Path, str, dict[str, Any]], dict[str, Any]]
) -> dict[str, Any]:
    """A variant that `change(path, member, holder)` has changed, first itself and then its pools."""
    variant = change(path, "ModelName", variant)
    if not variant.get("InstancePools"):
        return variant
    pools = enumerate(variant["InstancePools"])
    changed = [change((*path, "InstancePools", index), "ModelNameOverride", pool) for index, pool in pools]
    return {**variant, "InstancePools": changed}


_SERVERLESS_RUNS_ON: Final = "ml.m5.large"
"""Serverless endpoints have no GPUs (serverless-endpoints.md, feature exclusions): a type without stands for them."""


def models_and_types(config: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """(Logical name, instance types that run it) of each model of a config as the file has it."""
    for _, _, variant in variants(config):
        pools = [pool for pool in variant.get("InstancePools") or () if pool.get("InstanceType")]
        own = [variant["InstanceType"]] if variant.get("InstanceType") else []
        own += [_SERVERLESS_RUNS_ON] if variant.get("ServerlessConfig") else []
        own += [pool["InstanceType"] for pool in pools if not pool.get("model_override")]
        yield str(variant.get("model") or ""), tuple(own)
        yield from ((str(p["model_override"]), (p["InstanceType"],)) for p in pools if p.get("model_override"))


def with_containers(model: dict[str, Any], change: Callable[[Path, dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    """A request of CreateModel with its containers as `change(path, container)` gives them, or itself."""
    changed: dict[str, Any] = {}
    if model.get("PrimaryContainer"):
        changed["PrimaryContainer"] = change(("PrimaryContainer",), model["PrimaryContainer"])
    if model.get("Containers"):
        changed["Containers"] = [change(("Containers", i), item or {}) for i, item in enumerate(model["Containers"])]
    return {**model, **changed} if any(changed[key] != model[key] for key in changed) else model


def multi_model_urls(model: Mapping[str, Any]) -> list[Any]:
    """The ModelDataUrl of each MultiModel container of a CreateModel request."""
    holders = [model.get("PrimaryContainer"), *(model.get("Containers") or ())]
    return [holder.get("ModelDataUrl") for holder in holders if holder and holder.get("Mode") == "MultiModel"]
