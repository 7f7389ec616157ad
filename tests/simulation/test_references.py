"""The fleet's own objects under their physical names: a reference like the logical one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.simulation.world import Fleet, World, config, fleet, model, variant


@pytest.fixture
def world() -> Iterator[World]:
    with World() as made:
        yield made


def physically(reference: Fleet) -> Fleet:
    return {key: value for key, value in variant().items() if key not in ("model", "instance_type")} | reference


PINNED = {"models": {"ranker": model(name="ranker-7")}}
POOLS = {"instance_pools": [{"instance_type": "ml.m5.large", "priority": 1, "model_name_override": "ranker-7"}]}
LOGICAL = {"instance_pools": [{"instance_type": "ml.m5.large", "priority": 1, "model_override": "ranker"}]}


@pytest.mark.parametrize(
    ("physical", "logical"),
    [
        (
            {"model_name": "ranker-7", "instance_type": "ml.m5.large"},
            {"model": "ranker", "instance_type": "ml.m5.large"},
        ),
        (POOLS, LOGICAL),
    ],
)
def test_a_pinned_name_of_the_fleets_own_model_is_a_reference(world: World, physical: Any, logical: Any) -> None:
    made = fleet({"ranker": {"config": config(main=physically(physical))}}, **PINNED)
    planned = world.plan(made)
    assert not planned.refused, planned.findings
    assert world.apply(made).complete  # the model first
    assert not world.plan(fleet({"ranker": {"config": config(main=physically(logical))}}, **PINNED)).steps


def test_a_pinned_name_of_the_fleets_own_config_is_a_reference(world: World) -> None:
    shared = {"endpoint_configs": {"common": {"name": "common-7", **config(main=variant())}}}
    made = fleet({"a": {"endpoint_config_name": "common-7"}, "b": {"config": "common"}}, **shared)
    assert world.apply(made).complete
    assert not world.plan(fleet({"a": {"config": "common"}, "b": {"config": "common"}}, **shared)).steps


def test_a_pinned_name_of_another_endpoints_own_config_is_a_reference(world: World) -> None:
    inline = {"name": "b-7", **config(main=variant())}
    made = fleet({"a": {"endpoint_config_name": "b-7"}, "b": {"config": inline}})
    assert world.apply(made).complete
    assert world.endpoint("a")["EndpointConfigName"] == "b-7"
    assert not world.plan(made).steps
