"""The reference scan: who uses what, asked again only of what moved, and never trusted blindly."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from mmeplan.apply.references import References
from mmeplan.apply.retrying import SCAN_VALID_S
from mmeplan.errors import CloudError
from tests.unit.apply.cloud import Clock, FakeCloud, denied


def endpoint(config: str, pending: str = "", modified: str = "2026-01-01T00:00:00+00:00") -> dict[str, Any]:
    summary = {"PendingDeploymentSummary": {"EndpointConfigName": pending}} if pending else {}
    return {"EndpointStatus": "InService", "EndpointConfigName": config, "LastModifiedTime": modified, **summary}


def config(*models: str, pool: str = "") -> dict[str, Any]:
    variants: list[dict[str, Any]] = [{"VariantName": name, "ModelName": name} for name in models]
    if pool:
        variants.append({"VariantName": "p", "InstancePools": [{"ModelNameOverride": pool}]})
    return {"ProductionVariants": variants}


def scan(there: dict[str, Any]) -> tuple[References, FakeCloud, Clock]:
    clock = Clock()
    cloud = FakeCloud(there)
    return References(cloud, clock), cloud, clock


def test_configs_in_force_and_pending_and_all_their_models_are_in_use() -> None:
    references, _, _ = scan({"e": endpoint("c", "d"), "c": config("m"), "d": config("n", pool="o"), "x": config("y")})
    used = [references.user_of("endpoint_config", name) for name in ("c", "C", "d", "x")]
    assert used == ["e", "e", "e", ""]
    assert [references.user_of("model", name) for name in ("m", "n", "o", "y")] == ["e", "e", "e", ""]


def test_later_scans_ask_only_for_what_was_modified_since() -> None:
    there = {f"e{number}": endpoint("c") for number in range(30)} | {"c": config("m"), "d": config("n")}
    references, cloud, _ = scan(there)
    references.user_of("model", "other")
    cloud.there["e7"] = endpoint("d", modified="2026-01-01T01:00:00+00:00")
    cloud.calls.clear()
    references.forget()
    assert references.user_of("endpoint_config", "d") == "e7"
    described = [params["EndpointName"] for operation, params in cloud.calls if operation == "DescribeEndpoint"]
    assert len(described) <= 31  # those within the margin of the service's clocks, and the suspect once more
    cloud.calls.clear()
    references.forget()
    assert references.user_of("model", "n") == "e7"
    assert "DescribeEndpointConfig" in cloud.operations()
    cloud.calls.clear()
    assert references.user_of("model", "n") == "e7"
    assert "DescribeEndpointConfig" not in cloud.operations()  # a config never changes


def test_an_endpoint_that_went_meanwhile_keeps_nothing() -> None:
    references, cloud, _ = scan({"e": endpoint("c"), "c": config("m")})
    assert references.user_of("model", "m") == "e"
    del cloud.there["e"]
    assert references.user_of("model", "m") == ""


def test_a_scan_that_is_too_old_is_made_again() -> None:
    references, cloud, clock = scan({"c": config("m")})
    assert references.user_of("endpoint_config", "c") == ""
    cloud.there["e"] = endpoint("c")
    clock.at += timedelta(seconds=SCAN_VALID_S + 1)
    assert references.user_of("endpoint_config", "c") == "e"


@pytest.mark.parametrize("operation", ["ListEndpoints", "DescribeEndpoint", "DescribeEndpointConfig"])
def test_what_can_not_be_read_raises_and_is_asked_for_again(operation: str) -> None:
    references, cloud, _ = scan({"e": endpoint("c"), "c": config("m")})
    cloud.errors[operation] = [denied(operation)]
    with pytest.raises(CloudError):
        references.user_of("model", "m")
    assert references.user_of("model", "m") == "e"


def test_an_endpoint_whose_config_is_gone_may_use_any_model() -> None:
    references, _, _ = scan({"e": endpoint("c")})
    assert references.user_of("model", "m") == "e"


def test_an_endpoint_on_a_stand_in_may_use_any_model() -> None:
    references, _, _ = scan({"e": endpoint("c"), "c": config("n")})
    assert references.user_of("model", "m") == ""
    assert references.user_of("model", "m", ["C"]) == "e"
