"""What a fleet costs a month on demand, now and after a plan, and what its rollout costs beyond that.

In: the instances of endpoints (`plan.instances`), their configs, and prices. Out: `Cost`. A variant that SageMaker
scales costs between its least and its most instances; one that an autoscaler of others scales, what it has now. A
serverless variant costs between nothing and all of its concurrency, all the time. What has no price is named, and
never counted as 0: instances of a type that the file doesn't name or nobody knows, and of a capacity reservation, which
is paid for elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import fsum
from typing import Any, NamedTuple

from mmeplan.aws.prices import HOURS_A_MONTH, SECONDS_A_MONTH, Prices
from mmeplan.aws.variants import KEYED
from mmeplan.canonical import Canonical
from mmeplan.kinds.endpoint_config import scaled_between
from mmeplan.plan.document import Capacity, Cost, PricedUsage
from mmeplan.plan.instances import UNKNOWN, Counting, Side, reservation_name
from mmeplan.plan.pools import Held
from mmeplan.plan.step import Step


class _Item(NamedTuple):
    """What is used of one thing that has a price: between `least` and `most` of it all the time."""

    name: str
    price: float | None
    unit: str
    least: float
    most: float

    @property
    def per_month(self) -> tuple[float, float]:
        """The least and the most that it costs."""
        return self.least * self._rate, self.most * self._rate

    @property
    def _rate(self) -> float:
        return (self.price or 0) * (HOURS_A_MONTH if self.unit == "hour" else SECONDS_A_MONTH)


class _Variant(NamedTuple):
    """What a variant uses, and what all of that costs a month: of its pools not each can have the most."""

    items: tuple[_Item, ...]
    least: float
    most: float


def cost_of(counting: Counting, steps: Sequence[Step], capacity: Capacity, prices: Prices) -> Cost:
    """The cost of a plan by these prices. Prices of another region than the plan's price nothing."""
    if prices.region != counting.snapshot.region:
        prices = Prices(prices.region, prices.date, prices.currency, source=prices.source)
    now: list[_Variant] = []
    after: list[_Variant] = []
    for before, then in counting.sides(steps):
        now += _variants(before, prices)
        after += _variants(then, prices)
    (least_now, most_now), (least_after, most_after) = _total(now), _total(after)
    used_now, used_after = ([item for variant in side for item in variant.items] for side in (now, after))
    unpriced = tuple(sorted({item.name for item in (*used_now, *used_after) if item.price is None and item.most}))
    return Cost(
        prices.currency,
        prices.date,
        prices.region,
        prices.source,
        most_now,
        most_after,
        None if unpriced else round(most_after - most_now, 2),
        round(fsum(_overlap(capacity, prices)), 4),
        _unless(least_now, most_now),
        _unless(least_after, most_after),
        unpriced,
        tuple(_usage(used_now, used_after)),
    )


def _variants(side: Side, prices: Prices) -> Iterator[_Variant]:
    """What an endpoint uses, variant by variant."""
    is_asynchronous = "AsyncInferenceConfig" in side.content
    by_type = prices.asynchronous if is_asynchronous else prices.instances
    for fleet in side.fleets:
        for (member, name), held in fleet.items():
            variant = side.content.get(member, {}).get(name, {})
            yield _on_instances(held, variant, by_type, ", asynchronous" if is_asynchronous else "")
    for member in KEYED:
        for variant in side.content.get(member, {}).values():
            if "ServerlessConfig" in variant:
                yield _serverless(variant["ServerlessConfig"], prices)


def _on_instances(held: Held, variant: Canonical, by_type: Mapping[str, float], suffix: str) -> _Variant:
    least, most = scaled_between(variant, held.number)
    if held.reservation:
        name = f"reservation {reservation_name(held.reservation)}"
        return _Variant((_Item(name, None, "hour", least, most),), 0, 0)
    fewest, all_of_them = held.rescaled(least), held.rescaled(most)
    of_least = dict(fewest.least())
    items = tuple(
        _Item(f"{_shown(kind)}{suffix}", by_type.get(kind), "hour", min(count, of_least.get(kind, 0)), count)
        for kind, count in all_of_them.most()
    )
    return _Variant(items, _per_month(fewest, by_type, 1), _per_month(all_of_them, by_type, -1))


def _per_month(held: Held, by_type: Mapping[str, float], sign: int) -> float:
    """What the instances cost where as many as may be are of the cheapest types (1), or of the dearest (-1)."""
    left = held.number - sum(pool.least for pool in held.pools)
    an_hour = fsum(pool.least * by_type.get(pool.kind, 0) for pool in held.pools)
    for pool in sorted(held.pools, key=lambda pool: sign * by_type.get(pool.kind, 0)):
        more = min(left, pool.most - pool.least)
        an_hour += more * by_type.get(pool.kind, 0)
        left -= more
    return an_hour * HOURS_A_MONTH


def _shown(kind: str) -> str:
    return "a type that isn't known" if kind == UNKNOWN else kind


def _serverless(config: Mapping[str, Any], prices: Prices) -> _Variant:
    memory = int(config.get("MemorySizeInMB", 0))
    name = f"serverless {memory} MB"
    items = [_Item(name, prices.serverless.get(memory), "second", 0, config.get("MaxConcurrency", 0))]
    provisioned = config.get("ProvisionedConcurrency") or 0
    if provisioned:
        price = prices.provisioned_concurrency.get(memory)
        items.append(_Item(f"{name}, provisioned concurrency", price, "second", provisioned, provisioned))
    least, most = (fsum(item.per_month[place] for item in items) for place in (0, 1))
    return _Variant(tuple(items), least, most)


def _total(variants: Iterable[_Variant]) -> tuple[float, float]:
    """The least and the most of all of them, in cents."""
    variants = tuple(variants)
    return round(fsum(item.least for item in variants), 2), round(fsum(item.most for item in variants), 2)


def _unless(least: float, most: float) -> float | None:
    return least if least != most else None


def _usage(now: Sequence[_Item], after: Sequence[_Item]) -> Iterator[PricedUsage]:
    """A row for each name, in their order."""
    for name in sorted({item.name for item in (*now, *after)}):
        before, then = ([item for item in items if item.name == name] for items in (now, after))
        of = (*before, *then)[0]
        (least_now, most_now), (least_after, most_after) = (_sum(items) for items in (before, then))
        least = _unless(least_now, most_now), _unless(least_after, most_after)
        yield PricedUsage(name, of.price, of.unit, most_now, most_after, *least)


def _sum(items: Iterable[_Item]) -> tuple[float, float]:
    amounts = [item.per_month for item in items]
    return round(fsum(least for least, _ in amounts), 2), round(fsum(most for _, most in amounts), 2)


def _overlap(capacity: Capacity, prices: Prices) -> Iterator[float]:
    """What the peak of each type costs an hour beyond what there is before and after."""
    for row in capacity.types:
        price = prices.instances.get(row.instance_type) or prices.asynchronous.get(row.instance_type) or 0
        yield price * (row.peak - max(row.now, row.after))
