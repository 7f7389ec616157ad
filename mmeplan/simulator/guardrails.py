"""What is refused of a DeploymentConfig, beyond its shape.

In: a DeploymentConfig and the config and fleet that it is for. Out: the sentence of each refusal, as generators.
Called by `endpoints`. No message is captured: the sentences are the documentation's. Where guardrails fall back to
all-at-once (inf1, serverless blue/green) nothing is asked of what isn't carried out.
Sources: botocore CapacitySize, TrafficRoutingConfig, RollingUpdatePolicy; deployment-guardrails-exclusions.html.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

Json = dict[str, Any]

_BOUNDS: Final = {"CanarySize": (0, 50), "LinearStepSize": (10, 50), "MaximumBatchSize": (5, 50)}
"""Least and most of a size, in percent of a variant's instances."""
_SIZES: Final = {"CANARY": "CanarySize", "LINEAR": "LinearStepSize"}
_PERCENT: Final = "CAPACITY_PERCENT"


def of_sizes(deployment: Json | None) -> Iterator[str]:
    """A size that is missing, or no possible percentage. Instances are held against a fleet: `of_fleet`."""
    routing = (deployment or {}).get("BlueGreenUpdatePolicy", {}).get("TrafficRoutingConfiguration", {})
    missing = _SIZES.get(routing.get("Type", ""), "")
    if missing and missing not in routing:
        yield f"{missing} is required for traffic routing of type {routing['Type']}."
    for name, size in _sizes(deployment):
        least, most = _BOUNDS[name]
        if size["Type"] == _PERCENT and not least <= size["Value"] <= most:
            yield _sentence(name, f"{size['Value']}%")
    back = (deployment or {}).get("RollingUpdatePolicy", {}).get("RollbackMaximumBatchSize")
    if back and back["Type"] == _PERCENT and back["Value"] > 100:
        given = f"{back['Value']}%"
        yield f"RollbackMaximumBatchSize must be at most 100% of the variant's total instance count, not {given}."


def of_config(deployment: Json | None, config: Json) -> Iterator[str]:
    """Rolling deployments of serverless or of several production variants."""
    variants = config["ProductionVariants"]
    if "RollingUpdatePolicy" not in (deployment or {}):
        return
    if any("ServerlessConfig" in variant for variant in variants):
        yield "RollingUpdatePolicy is not supported for serverless endpoints."
    if len(variants) > 1:
        yield "RollingUpdatePolicy is not supported for endpoints with multiple production variants."


def of_fleet(carried_out: Json | None, variants: list[Json]) -> Iterator[str]:
    """A size in instances that isn't within its bounds for one of the variants that are to be launched."""
    for name, size in _sizes(carried_out):
        least, most = _BOUNDS[name]
        for variant in variants:
            count = variant.get("DesiredInstanceCount")
            if size["Type"] == _PERCENT or count is None:
                continue
            if not least * count <= 100 * size["Value"] <= most * count:
                yield _sentence(name, f"{size['Value']} of the {count} instances of {variant['VariantName']}")


def of_names(carried_out: Json | None, config: Json, in_force: Json) -> Iterator[str]:
    """Traffic that moves gradually needs "the same variant name as the old endpoint configuration"."""
    gradual = next(_sizes(carried_out), None)
    if gradual and _names(config) != _names(in_force):
        yield (
            "The new endpoint configuration must have the same variant names as the old endpoint configuration for a "
            "canary, linear or rolling deployment."
        )


def _names(config: Json) -> set[str]:
    return {variant["VariantName"] for variant in config["ProductionVariants"]}


def _sizes(deployment: Json | None) -> Iterator[tuple[str, Json]]:
    """The sizes that decide: of the routing's own type, or of a batch."""
    policy = deployment or {}
    routing = policy.get("BlueGreenUpdatePolicy", {}).get("TrafficRoutingConfiguration", {})
    named = _SIZES.get(routing.get("Type", ""), "")
    if named in routing:
        yield named, routing[named]
    if "RollingUpdatePolicy" in policy:
        yield "MaximumBatchSize", policy["RollingUpdatePolicy"]["MaximumBatchSize"]


def _sentence(name: str, given: str) -> str:
    least, most = _BOUNDS[name]
    allowed = f"between {least}% and {most}%" if least else f"at most {most}%"
    return f"{name} must be {allowed} of the variant's total instance count, not {given}."
