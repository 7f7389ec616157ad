"""`mmeplan status`: a fleet's endpoints as a snapshot has them, as rows for people and for programs.

In: graph, snapshot and the time. Out: `Status`. Reads nothing.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from mmeplan import diff, live, render
from mmeplan.aws.partitions import invoke_url
from mmeplan.canonical import short_number
from mmeplan.diff import Inputs
from mmeplan.graph import Graph
from mmeplan.identity import owner_in
from mmeplan.kinds import ENDPOINT, ENDPOINT_CONFIG, MODEL, Resource, kind_named
from mmeplan.live import Snapshot
from mmeplan.plan.under_way import UnderWay, under_way
from mmeplan.planning import DOUBTFUL
from mmeplan.render import ObjectStatus, PhaseStatus, PoolStatus, StatusRow, VariantStatus, age_text


@dataclass(frozen=True)
class Status:
    """The fleet's endpoints as they are now, by address."""

    endpoints: tuple[StatusRow, ...]

    def text(self, *, width: int = 100, color: bool = False, urls: bool = False) -> str:
        """A table; with `urls` where each endpoint is invoked."""
        return render.status_text(self.endpoints, width=width, color=color, urls=urls)

    def json(self) -> str:
        """A list of objects with the members of `StatusRow`; docs/library.md describes them."""
        return json.dumps([asdict(row) for row in self.endpoints], indent=2) + "\n"


def status_of(graph: Graph, snapshot: Snapshot, now: datetime, addresses: Collection[str] = ()) -> Status:
    """The endpoints of a graph as a snapshot has them, those of `addresses` or all; ages are counted from `now`."""
    inputs = Inputs(graph, snapshot)
    asked = [one for one in graph.of_kind(ENDPOINT.name) if not addresses or one.address in addresses]
    return Status(tuple(_row(inputs, endpoint, now) for endpoint in asked))


def _row(inputs: Inputs, endpoint: Resource, now: datetime) -> StatusRow:
    older = [g for g in diff.generations_of(inputs, endpoint.address) if g.back]
    snapshot = inputs.snapshot
    seen = snapshot.endpoint(endpoint.physical_name)
    if seen is None or seen.status == "absent":
        return StatusRow(endpoint.address, endpoint.physical_name, "absent")
    if seen.status == "unreadable":
        return StatusRow(endpoint.address, endpoint.physical_name, "unreadable", failure=seen.error)
    config = snapshot.endpoint_config(seen.config)
    content = inputs.live_content(config) if config is not None and config.is_present else {}
    busy = _under_way(inputs, endpoint, seen, now)
    left = busy.left if busy is not None else None
    return StatusRow(
        address=endpoint.address,
        name=endpoint.physical_name,
        status=seen.endpoint_status,
        config=seen.config,
        variants=_variants(seen.variants, content.get("ProductionVariants", {}), endpoint.autoscaled),
        note="; ".join(_notes(inputs.graph, seen)),
        failure=seen.failure_reason,
        generations=tuple(
            f"{g.name} ({age_text(now, g.created_at)} old{f', {DOUBTFUL}' if g.doubtful else ''})" for g in older
        ),
        arn=seen.arn,
        created_at=seen.created_at,
        modified_at=seen.modified_at,
        pending_config=seen.pending_config,
        shadow_variants=_variants(seen.shadow_variants, content.get("ShadowProductionVariants", {}), frozenset()),
        config_in_force=_object(inputs, ENDPOINT_CONFIG.name, seen.config) if seen.config else None,
        models=tuple(_object(inputs, MODEL.name, name) for name in live.models_of(content)),
        kept=tuple(
            replace(_object(inputs, ENDPOINT_CONFIG.name, g.name), served=None if g.doubtful else True) for g in older
        ),
        phases=tuple(_phases(seen, now)),
        deploying_since=seen.deploying_since,
        under_way_since=busy.since if busy is not None else "",
        under_way_for=age_text(now, busy.since) if busy is not None and busy.since else "",
        least_left_s=None if left is None else round(left.least_s),
        most_left_s=None if left is None else round(left.most_s),
        url=invoke_url(snapshot.region, endpoint.physical_name, is_async=seen.is_async),
    )


def _under_way(inputs: Inputs, endpoint: Resource, seen: live.LiveEndpoint, now: datetime) -> UnderWay | None:
    """What is under way on an endpoint, as far as the file or what is live tells of it."""
    name = seen.configs[-1] if seen.configs else ""
    config = inputs.snapshot.endpoint_config(name) if name else None
    content = inputs.live_content(config) if config is not None and config.is_present else {}
    wanted = name == endpoint.request["EndpointConfigName"]
    return under_way(seen, content, endpoint.request.get("DeploymentConfig") or {} if wanted else None, now)


def _notes(graph: Graph, seen: live.LiveEndpoint) -> Iterator[str]:
    """Whose the endpoint is, if not this deployment's, and where it is going."""
    if seen.tags is not None and not graph.deployment.owns(seen.tags):
        owner = owner_in(seen.tags)
        if owner is None:
            yield "not managed by mmeplan"
        elif graph.deployment.may_change(seen.tags):
            yield "no environment has claimed it yet"
        else:
            yield f"belongs to {owner.words}"
    if seen.pending_config not in ("", seen.config):
        yield f"moving to {seen.pending_config}"


def _phases(seen: live.LiveEndpoint, now: datetime) -> Iterator[PhaseStatus]:
    """What the variants are doing, those that an update under way brings up first."""
    fleets = (
        (seen.pending_config, (*seen.pending_variants, *seen.pending_shadow_variants)),
        (seen.config, (*seen.variants, *seen.shadow_variants)),
    )
    for config, variants in fleets:
        for variant in variants:
            for phase in variant.phases:
                age = age_text(now, phase.since) if phase.since else ""
                yield PhaseStatus(variant.name, config, phase.status, phase.message, phase.since, age)


def _object(inputs: Inputs, kind: str, name: str) -> ObjectStatus:
    """A config or model as it was seen."""
    seen = inputs.snapshot.get(kind, name)
    models = tuple(sorted(inputs.models_in(name))) if kind_named(kind).is_swapped_to else ()
    if seen is None or seen.status == "unreadable":
        return ObjectStatus(name, models=models)
    return ObjectStatus(name, seen.arn, seen.created_at, seen.is_present, models)


def _variants(
    shown: Sequence[live.LiveVariant], content: Mapping[str, Any], autoscaled: frozenset[str]
) -> tuple[VariantStatus, ...]:
    """Instances now of instances wanted, and the share of the traffic, variant by variant."""
    total = sum(variant.current_weight or 0 for variant in shown)
    rows = []
    for variant in shown:
        said = content.get(variant.name, {})
        share = (variant.current_weight or 0) / total if total else 0.0
        counts = f"{variant.current_count or 0}/{variant.desired_count or 0}"
        serverless = bool(variant.current_serverless)
        row = VariantStatus(
            variant.name,
            "serverless" if serverless else str(said.get("InstanceType", "")),
            "" if serverless else counts,
            f"{share:.0%}",
            current_count=variant.current_count,
            desired_count=variant.desired_count,
            current_weight=_weight(variant.current_weight),
            desired_weight=_weight(variant.desired_weight),
            traffic=round(share, 6) if total else None,
            current_serverless=variant.current_serverless,
            desired_serverless=variant.desired_serverless,
            models=live.models_of({"ProductionVariants": {variant.name: said}}),
            autoscaled=variant.name in autoscaled,
            pools=tuple(PoolStatus(kind, count) for kind, count in variant.pools),
        )
        rows.append(row)
    return tuple(rows)


def _weight(weight: float | None) -> float | None:
    return None if weight is None else float(short_number(weight))
