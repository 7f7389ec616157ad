"""Counts and weights: the calls that change them in place, and what an update keeps of them.

Called by `StepBuilder` for changes of scale and for swaps.
"""

from __future__ import annotations

from typing import Any

from mmeplan.diff import FieldChange
from mmeplan.graph import Graph
from mmeplan.live import LiveObject
from mmeplan.resources import Resource
from mmeplan.resources.canonical import same_number


def scale_requests(fields: tuple[FieldChange, ...]) -> list[dict[str, Any]]:
    """The calls that make a scale-only difference: first the weights together, then each variant's capacity."""
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
    requests = [{"variants": weights, "before": weights_before}] if weights else []
    return requests + [
        {"variants": [item], "before": {name: before[name]}} for name, item in sorted(capacities.items())
    ]


def retention(endpoint: Resource, live: LiveObject | None) -> dict[str, Any]:
    """RetainAllVariantProperties iff somebody else owns a count, with the weights left to the file. The file's own win.

    Source: docs/sagemaker.md, "What an update does" (RetainAllVariantProperties resets an autoscaled fleet if false).
    """
    derived: dict[str, Any] = {}
    running = (
        {summary.get("VariantName") for summary in (live.describe.get("ProductionVariants") or ())} if live else set()
    )
    if endpoint.autoscaled & running:
        derived["RetainAllVariantProperties"] = True
        derived["ExcludeRetainedVariantProperties"] = [{"VariantPropertyType": "DesiredWeight"}]
    return {**derived, **endpoint.update_options}


def kept_desires(graph: Graph, endpoint: Resource, live: LiveObject | None) -> list[dict[str, Any]]:
    """Counts and weights of the file that a swap with RetainAllVariantProperties doesn't set: they are set after it."""
    retained = retention(endpoint, live)
    if live is None or not retained.get("RetainAllVariantProperties"):
        return []
    excluded = {item["VariantPropertyType"] for item in retained.get("ExcludeRetainedVariantProperties") or ()}
    variants = graph.meaning(endpoint).get("ProductionVariants", {})
    fields = []
    for summary in live.describe.get("ProductionVariants") or ():
        name = str(summary.get("VariantName"))
        wanted = variants.get(name)
        if wanted is None:
            continue
        for member, live_member in (
            ("InitialVariantWeight", "DesiredWeight"),
            ("InitialInstanceCount", "DesiredInstanceCount"),
        ):
            now = summary.get(live_member)
            default = 1 if member == "InitialVariantWeight" else None
            value = wanted.get(member, default)
            if live_member not in excluded and None not in (now, value) and same_number(now) != value:
                fields.append(FieldChange(("ProductionVariants", name, member), now, value))
    return scale_requests(tuple(fields))
