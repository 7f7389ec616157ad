"""The instances of a variant by type, where SageMaker chooses among several: at least so many of each, and at most.

A variant on one instance type has one pool, and what it has of it is known. Of instance pools it is known once they
run: DescribeEndpoint counts each. SageMaker launches in the order of the priorities and falls back where a type has no
capacity; it releases in the opposite order.
Sources: Developer Guide, realtime-endpoints-heterogeneous; botocore InstancePool, InstancePoolSummary.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple


class Pool(NamedTuple):
    """The instances of one type: `least` to `most`."""

    kind: str
    least: int
    most: int


class Held(NamedTuple):
    """The instances of a variant: how many, and of which types, by priority.

    `reservation` is the ARN of their capacity reservation, empty where they have none. `assumed`: their type is the one
    that the file wants of the variant.
    """

    number: int
    pools: tuple[Pool, ...]
    reservation: str = ""
    assumed: bool = False

    def kinds(self) -> tuple[str, ...]:
        """The instance types, by priority."""
        return tuple(pool.kind for pool in self.pools)

    def launched(self, number: int) -> Held:
        """As many instances, launched anew on the same types."""
        return self._replace(number=number, pools=launched(self.kinds(), number))

    def part(self, number: int) -> Held:
        """So many of these instances, whichever they are."""
        gone = self.number - number
        return self._held(number, [Pool(p.kind, max(0, p.least - gone), min(p.most, number)) for p in self.pools])

    def rescaled(self, number: int) -> Held:
        """After a change of the count in place: more on any of the types, or fewer, the lowest priority first."""
        more = number - self.number
        if more >= 0:
            return self._held(number, [pool._replace(most=pool.most + more) for pool in self.pools])
        if any(pool.least != pool.most for pool in self.pools):
            return self.part(number)
        kept, left = [], number
        for pool in self.pools:
            count = min(pool.most, left)
            kept.append(Pool(pool.kind, count, count))
            left -= count
        return self._held(number, kept)

    def most(self) -> Iterator[tuple[str, int]]:
        """(type or reservation, the most instances of it)."""
        of_kind: dict[str, int] = {}
        for pool in self.pools:
            of_kind[pool.kind] = min(self.number, of_kind.get(pool.kind, 0) + pool.most)
        yield from of_kind.items()
        if self.reservation:
            yield self.reservation, self.number

    def least(self) -> Iterator[tuple[str, int]]:
        """(type or reservation, the least instances of it)."""
        yield from ((pool.kind, pool.least) for pool in self.pools)
        if self.reservation:
            yield self.reservation, self.number

    def _held(self, number: int, pools: Sequence[Pool]) -> Held:
        """These pools, each with what the others can't have."""
        most = sum(pool.most for pool in pools)
        sure = (max(pool.least, number - (most - pool.most)) for pool in pools)
        made = (pool._replace(least=least) for pool, least in zip(pools, sure, strict=True))
        return self._replace(number=number, pools=tuple(made))


def launched(kinds: Sequence[str], number: int) -> tuple[Pool, ...]:
    """Instances that are launched on one of these types, or on several."""
    return tuple(Pool(kind, number if len(kinds) == 1 else 0, number) for kind in kinds)


def kinds_of(variant: Mapping[str, Any]) -> tuple[str, ...]:
    """The instance types of a variant, by priority; none where it is serverless."""
    if variant.get("InstanceType"):
        return (str(variant["InstanceType"]),)
    pools = sorted(variant.get("InstancePools") or (), key=lambda pool: int(pool.get("Priority") or 0))
    return tuple(str(pool["InstanceType"]) for pool in pools if pool.get("InstanceType"))
