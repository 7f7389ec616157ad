"""What a plan costs a month: instances, ranges, what has no price; policies on it; the document and its renderings."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from mmeplan import plan as plans
from mmeplan.engine import Desired, Engine, Planned
from mmeplan.plan import Plan
from mmeplan.plan.document import Cost
from mmeplan.simulator import Simulator
from mmeplan.spec import load_text
from tests.simulation.world import config, fleet, serverless, variant

REGION = "eu-west-1"
M5, G5 = 0.25, 2.0
PRICES: dict[str, Any] = {
    "region": REGION,
    "date": "2026-11-30",
    "currency": "USD",
    "terms": "on demand",
    "instances": {"ml.m5.large": M5, "ml.g5.xlarge": G5},
    "asynchronous": {"ml.m5.large": 1.0},
    "serverless": {2048: 0.00004},
}
MONTH = 730


class Shop:
    """A simulated account, and fleet files with prices beside them."""

    def __init__(self, folder: Path, simulator: Simulator) -> None:
        self.folder = folder
        self.engine = Engine.simulated(simulator, region=REGION)

    def plan(self, variants: Mapping[str, Any], prices: Mapping[str, Any] = PRICES, **more: Any) -> Planned:
        policies = {"policies": more.pop("policies")} if "policies" in more else {}
        (self.folder / "prices.yaml").write_text(yaml.safe_dump(dict(prices)))
        endpoints = {"ranker": {"config": {**config(**variants), **more}}} if variants else {}
        text = json.dumps(fleet(endpoints, prices={"file": "prices.yaml"}, **policies))
        return self.engine.plan(Desired.unchecked(load_text(text.encode(), region=REGION, folder=self.folder)))

    def cost(self, variants: Mapping[str, Any], prices: Mapping[str, Any] = PRICES, **more: Any) -> Cost:
        cost = self.plan(variants, prices, **more).plan.cost
        assert cost is not None
        return cost

    def apply(self, variants: Mapping[str, Any], **more: Any) -> None:
        assert self.engine.apply(self.plan(variants, **more)).complete


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with Simulator.open(":memory:") as simulator:
        yield Shop(tmp_path, simulator)


def test_instances_now_and_after(shop: Shop) -> None:
    first = shop.cost({"main": variant(count=2)})
    assert (first.per_month_now, first.per_month_after, first.delta_per_month) == (0, 2 * M5 * MONTH, 2 * M5 * MONTH)
    assert (first.least_per_month_after, first.unpriced, first.overlap_per_hour) == (None, (), 0)

    shop.apply({"main": variant(count=2)})
    second = shop.cost({"main": variant(count=1, instance_type="ml.g5.xlarge")})
    assert (second.per_month_now, second.per_month_after) == (2 * M5 * MONTH, G5 * MONTH)
    assert {row.name: (row.price, row.per_month_now, row.per_month_after) for row in second.usage} == {
        "ml.m5.large": (M5, 2 * M5 * MONTH, 0),
        "ml.g5.xlarge": (G5, 0, G5 * MONTH),
    }


def test_an_endpoint_that_nothing_is_done_to_is_counted_and_one_that_goes_costs_nothing_after(shop: Shop) -> None:
    shop.apply({"main": variant(count=2)})
    same = shop.cost({"main": variant(count=2)})
    assert (same.per_month_now, same.per_month_after, same.delta_per_month) == (2 * M5 * MONTH, 2 * M5 * MONTH, 0)
    gone = shop.cost({})
    assert (gone.per_month_now, gone.per_month_after) == (2 * M5 * MONTH, 0)


def test_the_rollouts_overlap_is_what_the_peak_costs_beyond_both(shop: Shop) -> None:
    shop.apply({"main": variant(count=2)})
    swapped = shop.cost({"main": variant(count=2, model_data_download_timeout_in_seconds=600)})
    assert swapped.delta_per_month == 0
    assert swapped.overlap_per_hour == 2 * M5  # both fleets of two


def test_serverless_costs_between_nothing_and_all_of_its_concurrency(shop: Shop) -> None:
    cost = shop.cost({"main": serverless(concurrency=5)})
    assert (cost.least_per_month_after, cost.per_month_after) == (0, round(5 * 0.00004 * MONTH * 3600, 2))
    assert cost.unpriced == ()


def test_provisioned_concurrency_has_a_price_of_its_own(shop: Shop) -> None:
    it = serverless(concurrency=5)
    it["serverless_config"]["provisioned_concurrency"] = 2
    name = "serverless 2048 MB, provisioned concurrency"
    assert shop.cost({"main": it}).unpriced == (name,)
    known = shop.cost({"main": it}, {**PRICES, "provisioned_concurrency": {2048: 0.00001}})
    assert known.unpriced == ()
    assert known.least_per_month_after == round(2 * 0.00001 * MONTH * 3600, 2)


def test_what_sagemaker_scales_costs_between_its_least_and_its_most(shop: Shop) -> None:
    scaling = {"status": "ENABLED", "min_instance_count": 1, "max_instance_count": 4}
    cost = shop.cost({"main": variant(count=2, managed_instance_scaling=scaling)})
    assert (cost.least_per_month_after, cost.per_month_after) == (M5 * MONTH, 4 * M5 * MONTH)


def test_of_pools_not_each_can_have_the_most(shop: Shop) -> None:
    pooled = variant(count=3)
    del pooled["instance_type"]
    pooled["instance_pools"] = [
        {"instance_type": "ml.m5.large", "priority": 1},
        {"instance_type": "ml.g5.xlarge", "priority": 2},
    ]
    cost = shop.cost({"main": pooled})
    assert (cost.least_per_month_after, cost.per_month_after) == (3 * M5 * MONTH, 3 * G5 * MONTH)
    assert {row.name: row.per_month_after for row in cost.usage} == {
        "ml.m5.large": 3 * M5 * MONTH,
        "ml.g5.xlarge": 3 * G5 * MONTH,
    }


def test_asynchronous_endpoints_have_their_own_prices(shop: Shop) -> None:
    place = {"output_config": {"s3_output_path": "s3://out/"}}
    cost = shop.cost({"main": variant(count=1)}, async_inference_config=place)
    assert cost.per_month_after == MONTH
    assert [row.name for row in cost.usage] == ["ml.m5.large, asynchronous"]


@pytest.mark.parametrize(
    ("prices", "unpriced"),
    [
        ({**PRICES, "instances": {}}, ("ml.m5.large",)),
        ({**PRICES, "region": "us-east-1"}, ("ml.m5.large",)),
    ],
)
def test_what_has_no_price_is_named_and_never_nothing(
    shop: Shop, prices: Mapping[str, Any], unpriced: tuple[str, ...]
) -> None:
    cost = shop.cost({"main": variant()}, prices)
    assert (cost.unpriced, cost.per_month_after, cost.delta_per_month) == (unpriced, 0, None)
    text = shop.plan({"main": variant()}, prices).text()
    assert "unpriced, and not counted: ml.m5.large" in " ".join(text.split())
    assert "at least 0.00" in text


# --- policies ---------------------------------------------------------------------------------------------------------


def policy(expression: str, **more: Any) -> dict[str, Any]:
    return {"most": {"expression": expression, "message": "it costs too much", **more}}


def test_a_policy_decides_by_the_cost(shop: Shop) -> None:
    allowed = shop.plan({"main": variant()}, policies=policy("cost.delta_per_month < 500"))
    assert (allowed.findings, allowed.applyable) == ((), True)
    refused = shop.plan({"main": variant(count=3)}, policies=policy("cost.delta_per_month < 500"))
    assert [finding.message for finding in refused.findings] == ["it costs too much"]
    assert not refused.applyable
    as_member = shop.plan({"main": variant()}, policies=policy("plan.cost.per_month_after < 500.0", severity="error"))
    assert as_member.applyable


def test_a_policy_over_each_change_knows_the_cost(shop: Shop) -> None:
    expression = "change.kind != 'endpoint' || cost.delta_per_month < 10"
    (found,) = shop.plan({"main": variant()}, policies=policy(expression, each="changes")).findings
    assert found.address == "endpoint/ranker"


@pytest.mark.parametrize("each", [None, "changes", "steps"])
def test_a_policy_on_a_lower_bound_is_undecided_and_refused(shop: Shop, each: str | None) -> None:
    more = {"each": each} if each else {}
    undecided = shop.plan(
        {"main": variant()}, {**PRICES, "instances": {}}, policies=policy("cost.per_month_after < 500.0", **more)
    )
    (found,) = undecided.findings
    assert "no price is known of ml.m5.large" in found.message
    assert found.help == "add them to prices.yaml"
    assert not undecided.applyable


def test_a_policy_on_the_cost_needs_prices(shop: Shop) -> None:
    text = json.dumps(
        fleet({"ranker": {"config": config(main=variant())}}, policies=policy("cost.delta_per_month < 1"))
    )
    made = shop.engine.plan(Desired.unchecked(load_text(text.encode(), region=REGION)))
    (found,) = made.findings
    assert "the file has no prices" in found.message


def test_a_text_that_says_cost_is_no_question_about_it(shop: Shop) -> None:
    text = json.dumps(fleet({"ranker": {"config": config(main=variant())}}, policies=policy("plan.fleet != 'cost'")))
    assert shop.engine.plan(Desired.unchecked(load_text(text.encode(), region=REGION))).findings == ()


# --- the document and what is shown of it -----------------------------------------------------------------------------


def test_it_is_in_the_document_and_is_read_back(shop: Shop) -> None:
    made = shop.plan({"main": serverless()}).plan
    document = plans.encode(made)
    assert document["cost"]["least_per_month_after"] == 0
    assert plans.decode(document).cost == made.cost
    assert "cost" not in plans.encode(without_cost(made))


def without_cost(made: Plan) -> Plan:
    return replace(made, cost=None)


def test_every_output_says_it(shop: Shop) -> None:
    planned = shop.plan({"main": variant(count=2)})
    for text in (planned.text(), planned.markdown(), planned.html()):
        assert "Cost a month, USD" in text
        assert "365.00" in text
        assert "+365.00" in text
        assert "prices of 2026-11-30" in text
    bare = json.dumps(fleet({"ranker": {"config": config(main=variant())}}))
    without = shop.engine.plan(Desired.unchecked(load_text(bare.encode(), region=REGION)))
    for text in (without.text(), without.markdown(), without.html()):
        assert "Cost a month" not in text
