"""What SageMaker's Describe answers say, as far as rules ask: every look-up in a raw answer that rules need."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Described = Mapping[str, Any]
"""What Describe says of an object."""


def config_in_force(endpoint: Described) -> str:
    """The name of the config that an endpoint runs; empty where the answer has none."""
    return str(endpoint.get("EndpointConfigName") or "")


def production_variants(described: Described) -> dict[str, Mapping[str, Any]]:
    """The production variants of an endpoint or of a config, by name."""
    return {str(variant.get("VariantName")): variant for variant in described.get("ProductionVariants") or ()}


def desired_counts(endpoint: Described) -> dict[str, int]:
    """The instances that each production variant of an endpoint should have, where it has any."""
    counts = {name: variant.get("DesiredInstanceCount") for name, variant in production_variants(endpoint).items()}
    return {name: count for name, count in counts.items() if count is not None}


def instance_types(config: Described) -> dict[str, str]:
    """The instance type of each production variant of a config that has one."""
    kinds = {name: variant.get("InstanceType") for name, variant in production_variants(config).items()}
    return {name: kind for name, kind in kinds.items() if kind}


def is_serverless(config: Described) -> bool:
    """Whether a config has a serverless variant."""
    return any(variant.get("ServerlessConfig") for variant in production_variants(config).values())


def has_last_deployment(endpoint: Described) -> bool:
    """Whether an endpoint has a deployment config that an update could retain."""
    return bool(endpoint.get("LastDeploymentConfig"))


def created_at(described: Described) -> str:
    """When it was made (ISO 8601, UTC); empty where the answer doesn't say."""
    return str(described.get("CreationTime") or "")


def changed_at(endpoint: Described) -> str:
    """When an endpoint was changed last; empty where the answer doesn't say."""
    return str(endpoint.get("LastModifiedTime") or "") or created_at(endpoint)
