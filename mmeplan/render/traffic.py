"""The variants of an endpoint as rows: instances, share of the traffic, and for new endpoints what they serve.

In: an endpoint's change and the plan's relations. Out: `VariantRow`s. Called by `view`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from mmeplan.plan import Change, VariantTraffic
from mmeplan.render.relations import Relations, model_names
from mmeplan.render.values import before_after, counted, percent


class VariantRow(NamedTuple):
    """One variant: `large`, `2 → 4 × ml.m5.xlarge`, `66.7 %`, and the model's address where everything is new."""

    name: str
    instances: str
    share: str
    model: str


def variant_rows(endpoint: Change, relations: Relations, config: str) -> tuple[VariantRow, ...]:
    """The rows of all variants where the endpoint is created or any share or count changes; else none."""
    created = "create" in endpoint.actions
    if not created and not any(map(_changes, endpoint.traffic)):
        return ()
    params = relations.params(config, "CreateEndpointConfig")
    requests = {str(item.get("VariantName")): item for item in params.get("ProductionVariants") or ()}
    running = any(item.share_before for item in endpoint.traffic)
    models = {} if running else dict(reversed(list(model_names(params))))
    return tuple(
        VariantRow(
            item.variant,
            _instances(item, requests.get(item.variant, {}), running),
            _share(item, running),
            _model(relations, models.get(item.variant, "")),
        )
        for item in endpoint.traffic
    )


def _changes(item: VariantTraffic) -> bool:
    return item.share_before != item.share_after or item.instances_before != item.instances_after


def _model(relations: Relations, name: str) -> str:
    return relations.address_of("model", name) or name


def _share(item: VariantTraffic, running: bool) -> str:
    after = percent(item.share_after) or "0 %"
    return before_after(percent(item.share_before) or "0 %", after) if running else after


def _instances(item: VariantTraffic, request: Mapping[str, Any], running: bool) -> str:
    """`2 × ml.m5.xlarge`, `2 → 4 × ml.m5.xlarge`, `new, serverless, 2048 MB`, `removed, was 2 instances`."""
    before = counted(item.instances_before, "instance") if item.instances_before else ""
    if not item.share_after:
        return f"removed, was {before}" if before else "removed"
    new = "new, " if running and not item.share_before else ""
    serverless = _serverless(request) or ("serverless" if item.instance_type == "serverless" else "")
    if serverless:
        return f"{before} → {serverless}" if before else new + serverless
    number = str(item.instances_after)
    if before:
        number = before_after(str(item.instances_before), number)
    if item.instance_type:
        return f"{new}{number} × {item.instance_type}"
    return new + (f"{number} instances" if item.instances_after else "instances as they are")


def _serverless(request: Mapping[str, Any]) -> str:
    config = request.get("ServerlessConfig") or {}
    if not config:
        return ""
    told = ["serverless"]
    if config.get("MemorySizeInMB"):
        told.append(f"{config['MemorySizeInMB']} MB")
    if config.get("MaxConcurrency"):
        told.append(f"up to {config['MaxConcurrency']} at once")
    if config.get("ProvisionedConcurrency"):
        told.append(f"{config['ProvisionedConcurrency']} kept warm")
    return ", ".join(told)
