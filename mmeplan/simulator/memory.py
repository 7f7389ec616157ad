"""What the runtime remembers: how often each endpoint was invoked, how it is routed, and which models are loaded where.

In: an endpoint's document. Out: a variant by weight. The weighted choice is a Weyl sequence that the seed starts: after
n invocations each variant's count is within a few of n times its share, whatever the weights. All of it lives in the
memory of one process. Each `Call` has it; `runtime` and `loading` are what reads and writes it.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from mmeplan.aws.lifecycle import SERVING
from mmeplan.simulator import rollout
from mmeplan.simulator.names import ENDPOINT
from mmeplan.simulator.store import Store, Stored
from mmeplan.simulator.wire import ServiceError

Json = dict[str, Any]
Scope = tuple[str, str, str]
Group = tuple[str, ...]

_GOLDEN: Final = 0x9E3779B97F4A7C15
_MASK: Final = (1 << 64) - 1


@dataclass(slots=True)
class LoadedModel:
    """A model in an instance's memory: its size in bytes, when it is ready, and when it was used (a counter).

    `artifact` is the ETag of the object that it was loaded from, empty where its bucket isn't there.
    """

    size: int
    ready_us: int
    used: int
    artifact: str = ""


@dataclass(slots=True)
class LoadedModels:
    """The loaded models: for each fleet's variant, its instances; on each instance, the models in it."""

    groups: dict[Group, list[dict[str, LoadedModel]]] = field(default_factory=dict)
    used: int = 0

    def names(self, group: Group) -> list[list[str]]:
        """The models in the memory of each instance, by name."""
        return [sorted(instance) for instance in self.groups.get(group, ())]


@dataclass(frozen=True, slots=True)
class Invocation:
    """Where an invocation went: the variant, whose fleet (`old` is the one in force), its instance and model.

    `artifact` is the ETag of the object that the instance loaded the model from; empty where there is none.
    """

    variant: str
    fleet: str
    config: str
    instance: int = 0
    model: str = ""
    container: str = ""
    body: bytes = b""
    content_type: str = ""
    artifact: str = ""


@dataclass(slots=True)
class Table:
    """An endpoint's variants as parts of the unit interval, good until the store changes."""

    version: tuple[int, int]
    endpoint: Stored
    bounds: list[float]
    places: list[tuple[str, Json]]
    shadows: list[tuple[str, float]]


@dataclass(slots=True)
class Runtime:
    """What the runtime remembers: how often each endpoint was invoked, and which models are loaded where."""

    store: Store
    tables: dict[Scope, Table] = field(default_factory=dict)
    drawn: dict[tuple[Scope, str], int] = field(default_factory=dict)
    counts: dict[Scope, Counter[str]] = field(default_factory=dict)
    models: LoadedModels = field(default_factory=LoadedModels)
    answering: Callable[[Invocation, bytes], bytes] | None = None

    def clear(self) -> None:
        """Forget every invocation and every loaded model."""
        self.tables.clear()
        self.drawn.clear()
        self.counts.clear()
        self.models = LoadedModels()

    def draw(self, scope: Scope, purpose: str = "") -> float:
        """The next number in [0, 1) of an endpoint's sequence."""
        key = (scope, purpose)
        state = self.drawn.get(key)
        if state is None:
            text = f"{self.store.seed()} {' '.join(scope)} {purpose}"
            state = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
        self.drawn[key] = state = (state + _GOLDEN) & _MASK
        return state / (1 << 64)

    def table(self, account: str, region: str, name: str, now_us: int) -> Table:
        """The endpoint's routing. Raises ServiceError ValidationError where nothing of that exact name serves."""
        scope, version = (account, region, name), self.store.version()
        known = self.tables.get(scope)
        if known and known.version == version:
            return known
        endpoint = self.store.find(ENDPOINT, account, region, name)
        if endpoint is None or endpoint.name != name or endpoint.status not in SERVING:
            raise refusal(f"Endpoint {name} of account {account} not found.")
        self.tables[scope] = made = _table(version, endpoint, now_us)
        return made

    def choose(self, table: Table, scope: Scope) -> tuple[str, Json]:
        """Fleet and variant by weight. Raises ServiceError ServiceUnavailable where no variant has any weight."""
        if not table.bounds or table.bounds[-1] <= 0:
            raise ServiceError("ServiceUnavailable", "No variant takes traffic.", 503)
        chosen = table.places[bisect_right(table.bounds, self.draw(scope) * table.bounds[-1])]
        self.count(table, scope, chosen[1]["VariantName"])
        return chosen

    def count(self, table: Table, scope: Scope, variant: str) -> None:
        """Count an invocation, and its copy to a shadow variant where its turn has come."""
        counts = self.counts.setdefault(scope, Counter())
        counts[variant] += 1
        for shadow, ratio in table.shadows:
            if self.draw(scope, shadow) < ratio:
                counts[shadow] += 1


def _table(version: tuple[int, int], endpoint: Stored, now_us: int) -> Table:
    body, coming = endpoint.body, coming_fleet(endpoint.body)
    new = 0.0
    if body["pending"]:
        new = float(rollout.phase_at(body["pending"]["phases"], now_us)["share"])
    elif coming:
        new = float(body["mixed"][3])
    fleets = [("old", 1 - new, body["variants"])]
    if coming:
        fleets.append(("new", new, coming["variants"]))
    bounds: list[float] = []
    places: list[tuple[str, Json]] = []
    upper = 0.0
    for label, share, variants in fleets:
        total = sum(variant["CurrentWeight"] for variant in variants)
        for variant in variants if total else ():
            upper += share * variant["CurrentWeight"] / total
            bounds.append(upper)
            places.append((label, variant))
    return Table(version, endpoint, bounds, places, _shadows(body))


def coming_fleet(body: Json) -> Json | None:
    """The fleet beside the one in force: of an update under way, or of one that couldn't be rolled back."""
    found: Json | None = body["pending"] or body.get("mixed_fleet")
    return found


def _shadows(body: Json) -> list[tuple[str, float]]:
    """Shadow variants with the part of production traffic copied to them. Source: model-shadow-deployment.md."""
    weight = sum(variant["CurrentWeight"] for variant in body["variants"]) or 1.0
    return [(shadow["VariantName"], min(1.0, shadow["CurrentWeight"] / weight)) for shadow in body["shadows"] or ()]


def refusal(message: str) -> ServiceError:
    """The runtime's code for nearly everything: `ValidationError`, without `Exception`."""
    return ServiceError("ValidationError", message)
