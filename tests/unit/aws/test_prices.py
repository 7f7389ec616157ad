"""Prices as AWS's price list has them: what is hosting on demand, and what is left out."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mmeplan.aws.prices import prices_of


def product(usage: str, price: str = "0.257", unit: str = "Hrs", currency: str = "USD", tiers: int = 1) -> str:
    dimensions = {f"d{tier}": {"unit": unit, "pricePerUnit": {currency: price}} for tier in range(tiers)}
    terms: dict[str, Any] = {"OnDemand": {"t": {"priceDimensions": dimensions}}} if tiers else {}
    return json.dumps({"product": {"attributes": {"usagetype": usage}}, "terms": terms})


def test_what_is_hosting_is_read_by_its_usage_type() -> None:
    found = prices_of(
        "eu-west-1",
        "2026-11-30",
        [
            product("EUW1-Host:ml.m5.xlarge"),
            product("Host:ml.g5.xlarge", "1.408"),
            product("EUW1-AsyncInf:ml.m5.xlarge", "0.3"),
            product("EUW1-ServerlessInf:Mem-4GB", "0.00008", "Second"),
        ],
    )
    assert found.instances == {"ml.g5.xlarge": 1.408, "ml.m5.xlarge": 0.257}
    assert found.asynchronous == {"ml.m5.xlarge": 0.3}
    assert found.serverless == {4096: 0.00008}
    assert (found.region, found.date, found.currency) == ("eu-west-1", "2026-11-30", "USD")


@pytest.mark.parametrize(
    "other",
    [
        product("EUW1-Train:ml.m5.xlarge"),
        product("EUW1-Host:VolumeUsage.gp2", unit="GB-Mo"),
        product("EUW1-Host:ml.m5.xlarge", tiers=0),
        product("EUW1-Host:ml.m5.xlarge", tiers=2),
        product("EUW1-Host:ml.m5.xlarge", unit="Requests"),
        product("EUW1-Host:ml.m5.xlarge", currency="CNY"),
        "{}",
        "[]",
        "no JSON",
        '{"product": [], "terms": 3}',
    ],
)
def test_what_is_no_such_price_is_left_out(other: str) -> None:
    assert prices_of("eu-west-1", "2026-11-30", [other]).instances == {}


def test_the_prices_of_china_are_in_yuan() -> None:
    found = prices_of("cn-north-1", "2026-11-30", [product("CNN1-Host:ml.m5.xlarge", "2.1", currency="CNY")])
    assert (found.currency, found.instances) == ("CNY", {"ml.m5.xlarge": 2.1})
