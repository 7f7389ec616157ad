"""The walk over variants and instance pools, in each of the forms that a config has."""

from __future__ import annotations

from typing import Any

import pytest

from mmeplan.aws.variants import model_holders, models, variants, with_model_holders, with_variants

POOLS = [{"InstanceType": "ml.m5.large", "ModelNameOverride": "small"}, {"InstanceType": "ml.m5.xlarge"}]
LISTED: dict[str, Any] = {
    "EndpointConfigName": "c",
    "ProductionVariants": [
        {"VariantName": "b", "ModelName": "m", "InstancePools": POOLS},
        {"VariantName": "a", "InstanceType": "ml.m5.large"},
    ],
    "ShadowProductionVariants": [{"VariantName": "s", "ModelName": "m"}],
}
KEYED: dict[str, Any] = {
    "ProductionVariants": {"b": {"ModelName": "m", "InstancePools": POOLS}, "a": None},
    "ShadowProductionVariants": {"s": {"ModelName": "m"}},
}
POOL = ("ProductionVariants", "b", "InstancePools")


@pytest.mark.parametrize("config", [LISTED, KEYED])
def test_every_model_is_found_at_its_path(config: dict[str, Any]) -> None:
    assert list(models(config)) == [
        (("ProductionVariants", "b", "ModelName"), "m"),
        ((*POOL, 0, "ModelNameOverride"), "small"),
        (("ShadowProductionVariants", "s", "ModelName"), "m"),
    ]
    assert [(path, member) for path, member, _ in model_holders(config)] == [
        (("ProductionVariants", "b"), "ModelName"),
        ((*POOL, 0), "ModelNameOverride"),
        ((*POOL, 1), "ModelNameOverride"),
        (("ProductionVariants", "a"), "ModelName"),
        (("ShadowProductionVariants", "s"), "ModelName"),
    ]


@pytest.mark.parametrize("config", [{}, {"ProductionVariants": None}, {"ProductionVariants": []}])
def test_a_config_without_variants_has_none(config: dict[str, Any]) -> None:
    assert list(variants(config)) == []


def test_changed_variants_stand_by_name_and_leave_the_config_as_it_was() -> None:
    made = with_variants(KEYED, lambda member, name, variant: {"at": f"{member}.{name}", **variant})
    assert list(made["ProductionVariants"]) == ["a", "b"]
    assert made["ProductionVariants"]["a"] == {"at": "ProductionVariants.a"}
    assert KEYED["ProductionVariants"]["a"] is None


def test_changed_pools_leave_the_variant_as_it_was() -> None:
    variant = KEYED["ProductionVariants"]["b"]
    made = with_model_holders(variant, POOL[:2], lambda path, member, holder: {**holder, member: path[-1]})
    assert (made["ModelName"], [pool["ModelNameOverride"] for pool in made["InstancePools"]]) == ("b", [0, 1])
    assert variant["InstancePools"] is POOLS
    same = with_model_holders(variant, POOL[:2], lambda path, member, holder: holder)
    assert same == variant
    assert variant["InstancePools"] is POOLS
