"""The runtime: which variant and which model an invocation reaches, without any container behind it.

In: an endpoint's document and an InvokeEndpoint request. Out: the variant by weight, the model's place in memory, an
answer, or the documented errors. Choice by weight is a Weyl sequence that the seed starts: after n invocations each
variant's count is within a few of n times its share, whatever the weights. Counters and loaded models live in the
memory of one process. Sources: botocore InvokeEndpoint; the multi-model guide; captured messages, docs/sagemaker.md.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from mmeplan.aws.lifecycle import SERVING
from mmeplan.simulator import rollout
from mmeplan.simulator.call import Call
from mmeplan.simulator.loading import Residency
from mmeplan.simulator.names import ENDPOINT
from mmeplan.simulator.store import Store, Stored
from mmeplan.simulator.wire import ServiceError

Json = dict[str, Any]
Scope = tuple[str, str, str]

_GOLDEN: Final = 0x9E3779B97F4A7C15
_MASK: Final = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Invocation:
    """Where an invocation went: the variant, whose fleet (`old` is the one in force), its instance and model."""

    variant: str
    fleet: str
    config: str
    instance: int = 0
    model: str = ""
    container: str = ""
    body: bytes = b""
    content_type: str = ""


@dataclass(slots=True)
class _Table:
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
    tables: dict[Scope, _Table] = field(default_factory=dict)
    drawn: dict[tuple[Scope, str], int] = field(default_factory=dict)
    counts: dict[Scope, Counter[str]] = field(default_factory=dict)
    residency: Residency = field(default_factory=Residency)
    answering: Callable[[Invocation, bytes], bytes] | None = None

    def clear(self) -> None:
        """Forget every invocation and every loaded model."""
        self.tables.clear()
        self.drawn.clear()
        self.counts.clear()
        self.residency = Residency()

    def draw(self, scope: Scope, purpose: str = "") -> float:
        """The next number in [0, 1) of an endpoint's sequence."""
        key = (scope, purpose)
        state = self.drawn.get(key)
        if state is None:
            text = f"{self.store.seed()} {' '.join(scope)} {purpose}"
            state = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
        self.drawn[key] = state = (state + _GOLDEN) & _MASK
        return state / (1 << 64)

    def table(self, account: str, region: str, name: str, now_us: int) -> _Table:
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

    def choose(self, table: _Table, scope: Scope) -> tuple[str, Json]:
        """Fleet and variant by weight. Raises ServiceError ServiceUnavailable where no variant has any weight."""
        if not table.bounds or table.bounds[-1] <= 0:
            raise ServiceError("ServiceUnavailable", "No variant takes traffic.", 503)
        chosen = table.places[bisect_right(table.bounds, self.draw(scope) * table.bounds[-1])]
        self.count(table, scope, chosen[1]["VariantName"])
        return chosen

    def count(self, table: _Table, scope: Scope, variant: str) -> None:
        """Count an invocation, and its copy to a shadow variant where its turn has come."""
        counts = self.counts.setdefault(scope, Counter())
        counts[variant] += 1
        for shadow, ratio in table.shadows:
            if self.draw(scope, shadow) < ratio:
                counts[shadow] += 1


def _table(version: tuple[int, int], endpoint: Stored, now_us: int) -> _Table:
    body, coming = endpoint.body, _coming(endpoint.body)
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
    return _Table(version, endpoint, bounds, places, _shadows(body))


def _coming(body: Json) -> Json | None:
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


def invoke_endpoint(call: Call, request: Json) -> Json:
    """InvokeEndpoint: echoes the body, unless `Simulator.answer_invocations` says otherwise."""
    went = invoke(call, request)
    answer: Json = {
        "Body": went.body,
        "ContentType": went.content_type,
        "InvokedProductionVariant": went.variant,
    }
    if "CustomAttributes" in request:
        answer["CustomAttributes"] = request["CustomAttributes"]
    return answer


def invoke(call: Call, request: Json) -> Invocation:
    """Route one invocation and answer it. Raises ServiceError."""
    return answered(call, serving(call, request, asynchronous=False), request)


def serving(call: Call, request: Json, *, asynchronous: bool) -> _Table:
    """The endpoint's routing. Raises ServiceError where it doesn't serve, or not in this way.

    Source: async-inference.md: an endpoint with AsyncInferenceConfig "can only receive asynchronous invocations"; the
    messages aren't captured.
    """
    name = request["EndpointName"]
    table = call.runtime.table(call.account, call.region, name, call.now_us)
    if asynchronous and "AsyncInferenceConfig" not in table.endpoint.body["config"]:
        raise refusal(f"Endpoint {name} is not an asynchronous endpoint and does not support InvokeEndpointAsync.")
    if not asynchronous and "AsyncInferenceConfig" in table.endpoint.body["config"]:
        raise refusal(f"Endpoint {name} is an asynchronous endpoint and only supports InvokeEndpointAsync.")
    return table


def answered(call: Call, table: _Table, request: Json) -> Invocation:
    """Choose the variant, the container and the model, and answer. Raises ServiceError."""
    name, runtime = request["EndpointName"], call.runtime
    scope = (call.account, call.region, name)
    label, variant = (
        _named(runtime, table, scope, request["TargetVariant"])
        if "TargetVariant" in request
        else (runtime.choose(table, scope))
    )
    body = table.endpoint.body
    coming = _coming(body)
    fleet = coming if coming and label == "new" else body
    hosting = fleet["hosting"].get(variant["VariantName"], {})
    target = request.get("TargetModel", "")
    instance = 0
    if "prefix" in hosting:
        if not target:
            raise refusal(f"Request {call.request_id} is missing a target model header")
        fleet_id = fleet["started_us"] if label == "new" else fleet["fleet_id"]
        group = (*scope, str(fleet_id), variant["VariantName"])
        instances = max(1, variant["CurrentInstanceCount"] if label == "old" else variant["DesiredInstanceCount"])
        instance = runtime.residency.reach(call, group, instances, hosting, target)
    elif target:
        raise refusal(f"Endpoint {name} is not a multi-model endpoint and does not support target model header.")
    container = request.get("TargetContainerHostname", "")
    _refuse_container(call, name, hosting, container)
    sent = request.get("Body", b"")
    content_type = request.get("Accept") or request.get("ContentType") or "application/octet-stream"
    if "*" in content_type:
        content_type = request.get("ContentType") or "application/octet-stream"
    went = Invocation(
        *(variant["VariantName"], label, fleet["config_name"], instance, target, container, sent, content_type)
    )
    return went if runtime.answering is None else replace(went, body=runtime.answering(went, sent))


def _refuse_container(call: Call, name: str, hosting: Json, wanted: str) -> None:
    """Source: multi-container-direct.md, the three validation errors; the messages aren't captured."""
    if "direct" not in hosting:
        if wanted:
            raise refusal(
                f"Endpoint {name} is not a multi-container endpoint with direct invocation and does not support target "
                "container hostname header."
            )
    elif not wanted:
        raise refusal(f"Request {call.request_id} is missing a target container hostname header")
    elif wanted not in hosting["direct"]:
        raise refusal(f"Container {wanted} not found for Endpoint {name} of account {call.account}.")


def _named(runtime: Runtime, table: _Table, scope: Scope, wanted: str) -> tuple[str, Json]:
    """The variant that TargetVariant names, in the fleet that has the most traffic. Its weight doesn't matter."""
    found = [(label, variant) for label, variant in table.places if variant["VariantName"] == wanted]
    if not found:
        live = table.endpoint.body["variants"]
        found = [("old", variant) for variant in live if variant["VariantName"] == wanted]
    if not found:
        raise refusal(f"Variant {wanted} not found for Endpoint {scope[2]} of account {scope[0]}.")
    runtime.count(table, scope, wanted)
    shares = {label: _share(table, label) for label, _ in found}
    return max(found, key=lambda place: (shares[place[0]], place[0] == "old"))


def _share(table: _Table, wanted: str) -> float:
    lower, share = 0.0, 0.0
    for upper, (label, _) in zip(table.bounds, table.places, strict=True):
        share += (upper - lower) * (label == wanted)
        lower = upper
    return share
