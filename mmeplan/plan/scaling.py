"""Counts and weights: the calls that change them in place, and what an update keeps of them.

In: field changes, the desired endpoint, what is live. Out: requests of UpdateEndpointWeightsAndCapacities, and the
members of an UpdateEndpoint that keep counts and weights.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from mmeplan.aws.variants import not_retained
from mmeplan.canonical import same_number, short_number
from mmeplan.diff import FieldChange
from mmeplan.graph import Graph
from mmeplan.kinds import Resource
from mmeplan.live import LiveEndpoint, LiveVariant

_CONCURRENCY: Final = ("MaxConcurrency", "ProvisionedConcurrency")


def scale_requests(fields: tuple[FieldChange, ...], wanted: Sequence[Mapping[str, Any]] = ()) -> list[dict[str, Any]]:
    """The calls that make a scale-only difference: what grows, then all weights together, then what shrinks.

    In this order there are never fewer instances than before or after, and none gets traffic before it is there.
    `holds` of a request is what must be so by then: of all that the file says (`wanted`, as `fixed_desires` has it)
    what neither this request nor a later one sets. An update under way may have shown what never came.
    """
    weights, weights_before = [], {}
    capacities: dict[str, dict[str, Any]] = {}
    before: dict[str, dict[str, Any]] = {}
    for change in fields:
        variant, member = str(change.path[1]), change.path[2]
        if member == "InitialVariantWeight":
            weights.append(
                {"VariantName": variant, "DesiredWeight": float(1 if change.after is None else change.after)}
            )
            weights_before[variant] = {"DesiredWeight": float(1 if change.before is None else change.before)}
        elif member == "InitialInstanceCount":
            capacities.setdefault(variant, {"VariantName": variant})["DesiredInstanceCount"] = change.after
            before.setdefault(variant, {})["DesiredInstanceCount"] = change.before
        else:
            serverless = capacities.setdefault(variant, {"VariantName": variant}).setdefault(
                "ServerlessUpdateConfig", {}
            )
            serverless[str(change.path[3])] = change.after
            before.setdefault(variant, {}).setdefault("ServerlessUpdateConfig", {})[str(change.path[3])] = change.before
    grows: list[dict[str, Any]] = []
    shrinks: list[dict[str, Any]] = []
    for name, item in sorted(capacities.items()):
        request = {"variants": [item], "before": {name: before[name]}}
        (shrinks if _shrinks(item, before[name]) else grows).append(request)
    requests = [*grows, *([{"variants": weights, "before": weights_before}] if weights else []), *shrinks]
    held = [_held(requests[at:], wanted) for at in range(len(requests))]
    return [{**request, "holds": kept} if kept else request for request, kept in zip(requests, held, strict=True)]


def _held(to_be_set: Sequence[Mapping[str, Any]], wanted: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What of `wanted` these requests don't set."""
    set_later: dict[str, set[str]] = {}
    for request in to_be_set:
        for item in request["variants"]:
            set_later.setdefault(item["VariantName"], set()).update(item.keys() - {"VariantName"})
    kept = [
        {key: value for key, value in item.items() if key not in set_later.get(item["VariantName"], ())}
        for item in wanted
    ]
    return [item for item in kept if len(item) > 1]


def _shrinks(item: Mapping[str, Any], before: Mapping[str, Any]) -> bool:
    """Whether a request takes instances, or a serverless variant's concurrency, away."""
    then, now = before.get("ServerlessUpdateConfig", {}), item.get("ServerlessUpdateConfig", {})
    count = float(item.get("DesiredInstanceCount") or 0) < float(before.get("DesiredInstanceCount") or 0)
    return count or any(float(now[key]) < float(then.get(key) or 0) for key in now)


def retention(endpoint: Resource, live: LiveEndpoint | None) -> dict[str, Any]:
    """RetainAllVariantProperties iff somebody else owns a count, with the weights left to the file. The file's own win.

    Source: docs/sagemaker.md, "What an update does" (RetainAllVariantProperties resets an autoscaled fleet if false).
    """
    derived: dict[str, Any] = {}
    running = {variant.name for variant in _fleet_at_swap(live)}
    if endpoint.counts_of_others & running:
        derived["RetainAllVariantProperties"] = True
        derived["ExcludeRetainedVariantProperties"] = [{"VariantPropertyType": "DesiredWeight"}]
    return {**derived, **endpoint.update_options}


def _fleet_at_swap(live: LiveEndpoint | None) -> Sequence[LiveVariant]:
    """The variants whose counts and weights a swap would retain: of the update under way, if any; that ends first."""
    return (live.pending_variants or live.variants) if live is not None else ()


def fixed_desires(graph: Graph, endpoint: Resource) -> list[dict[str, Any]]:
    """What the file says of each variant's weight, count and concurrency, as UpdateEndpointWeightsAndCapacities has it.

    Counts that are somebody else's, or that it doesn't have, are not among it.
    """
    desires = []
    for name, variant in sorted(graph.meaning(endpoint).get("ProductionVariants", {}).items()):
        weight = short_number(variant.get("InitialVariantWeight", 1))
        item: dict[str, Any] = {"VariantName": name, "DesiredWeight": float(weight)}
        if "InitialInstanceCount" in variant:
            item["DesiredInstanceCount"] = variant["InitialInstanceCount"]
        serverless = variant.get("ServerlessConfig", {})
        concurrency = {key: serverless[key] for key in _CONCURRENCY if key in serverless}
        desires.append({**item, "ServerlessUpdateConfig": concurrency} if concurrency else item)
    return desires


def set_by_swap(desired: Sequence[Mapping[str, Any]], params: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What of the counts and weights of the file an UpdateEndpoint sets itself: all that it doesn't retain."""
    if not params.get("RetainAllVariantProperties"):
        return [dict(item) for item in desired]
    set_anew = {"VariantName", *not_retained(params)}
    kept = [{key: value for key, value in item.items() if key in set_anew} for item in desired]
    return [item for item in kept if len(item) > 1]


def kept_desires(
    graph: Graph, endpoint: Resource, live: LiveEndpoint | None
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Counts and weights of the file that a swap with RetainAllVariantProperties doesn't set: set before it, and after.

    What grows does so before, so that the new fleet comes up with all that it is to have. Source: endpoint-scaling.md.
    Shadow variants, which answer nobody, come after the swap.
    """
    retained = retention(endpoint, live)
    if live is None or not retained.get("RetainAllVariantProperties"):
        return [], []
    excluded = not_retained(retained)
    wanted = graph.meaning(endpoint)
    fields = tuple(_retained("ProductionVariants", _fleet_at_swap(live), wanted, excluded))
    requests = scale_requests(fields, fixed_desires(graph, endpoint))
    grows = [{key: request[key] for key in ("variants", "before")} for request in requests if _grows(request)]
    rest = [request for request in requests if not _grows(request)]
    shadows = live.pending_shadow_variants if live.pending_variants else live.shadow_variants
    rest += scale_requests(tuple(_retained("ShadowProductionVariants", shadows, wanted, excluded)))
    return grows, [*rest, *_kept_concurrency(graph, endpoint, live)]


def _retained(
    member: str, live: Sequence[LiveVariant], meaning: Mapping[str, Any], excluded: Collection[str]
) -> Iterator[FieldChange]:
    """The counts and weights of the file from which a swap keeps away what it retains."""
    variants = meaning.get(member, {})
    for variant in live:
        wanted = variants.get(variant.name)
        if wanted is None:
            continue
        for name, live_member, now, default in (
            ("InitialVariantWeight", "DesiredWeight", variant.desired_weight, 1),
            ("InitialInstanceCount", "DesiredInstanceCount", variant.desired_count, None),
        ):
            value = wanted.get(name, default)
            if now is not None and value is not None and live_member not in excluded and same_number(now) != value:
                yield FieldChange((member, variant.name, name), short_number(now), short_number(value))


def _kept_concurrency(graph: Graph, endpoint: Resource, live: LiveEndpoint) -> Iterator[dict[str, Any]]:
    """Provisioned concurrency that an autoscaler owns, set again once the swap has set it to the config's.

    An update retains counts and weights alone (botocore VariantPropertyType). Nothing is held against what it was
    before: an autoscaler may have moved it by then, and moves it again.
    """
    at = endpoint.config
    wanted = graph.resources[at].content.get("ProductionVariants", {}) if at else {}
    for variant in _fleet_at_swap(live):
        config = wanted.get(variant.name, {}).get("ServerlessConfig")
        now = (variant.desired_serverless or {}).get("ProvisionedConcurrency")
        if variant.name not in endpoint.autoscaled or config is None or now is None:
            continue
        kept = min(now, config.get("MaxConcurrency", now))
        if kept != config.get("ProvisionedConcurrency"):
            item = {"VariantName": variant.name, "ServerlessUpdateConfig": {"ProvisionedConcurrency": kept}}
            yield {"variants": [item], "before": {}}


def _grows(request: Mapping[str, Any]) -> bool:
    return any(
        item.get("DesiredInstanceCount", 0) > request["before"][item["VariantName"]].get("DesiredInstanceCount", 0)
        for item in request["variants"]
    )


def startup_s(graph: Graph, endpoint: Resource) -> int:
    """The longest start that the config itself allows for: model download and container start-up, in seconds."""
    at = endpoint.config
    if at is None:
        return 0
    longest = 0
    for variant in graph.resources[at].request.get("ProductionVariants", ()):
        members = ("ModelDataDownloadTimeoutInSeconds", "ContainerStartupHealthCheckTimeoutInSeconds")
        longest = max(longest, sum(int(variant.get(member) or 0) for member in members))
    return longest
