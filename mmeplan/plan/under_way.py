"""What is under way on a live endpoint: since when, and about how long it still takes.

In: the endpoint as Describe says it, the content of the config that it comes to, the file's DeploymentConfig, the time.
Out: `UnderWay`. DescribeEndpoint doesn't say by which DeploymentConfig an update goes: that of the file is meant where
the update leads to what the file wants, and nothing is said where it leads elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mmeplan.aws.lifecycle import CREATING, DELETING, UPDATING
from mmeplan.canonical import Canonical
from mmeplan.diff import VariantTraffic
from mmeplan.kinds.endpoint_config import hosted_on, launched_count
from mmeplan.live import LiveEndpoint
from mmeplan.plan.duration import DELETE, RESCALE, SCALE_UP, Span, deployed, launch
from mmeplan.plan.pools import kinds_of
from mmeplan.plan.rollout import deployment_of


@dataclass(frozen=True, slots=True)
class UnderWay:
    """`since` is ISO 8601, empty where nobody says; `left` is None where nothing is known of the end."""

    since: str = ""
    left: Span | None = None


def under_way(
    seen: LiveEndpoint, content: Canonical, deployment: Mapping[str, Any] | None, now: datetime
) -> UnderWay | None:
    """What is under way on an endpoint; None where it is at rest.

    `content` is that of the config that it has afterwards, empty where nobody knows it. `deployment` is None where
    nobody knows by what an update goes.
    """
    status = seen.endpoint_status
    if status not in (CREATING, UPDATING, DELETING):
        return None
    began = seen.deploying_since or (seen.created_at if status == CREATING else seen.modified_at)
    span = DELETE if status == DELETING else _span(seen, content, deployment)
    if span is None or not began:
        return UnderWay(began)
    return UnderWay(began, span.less((now - datetime.fromisoformat(began)).total_seconds()))


def _span(seen: LiveEndpoint, content: Canonical, deployment: Mapping[str, Any] | None) -> Span | None:
    """How long the whole of it takes."""
    variants = [
        VariantTraffic(name, "1", "1", 0, launched_count(item), hosted_on(item), pools=kinds_of(item))
        for name, item in content.get("ProductionVariants", {}).items()
    ]
    if seen.endpoint_status == CREATING:
        return launch(variants)
    if seen.has_pending_deployment:
        if deployment is None:
            return None
        renames = {variant.name for variant in seen.variants} != {variant.name for variant in seen.pending_variants}
        return deployed(deployment_of(deployment, renames=renames) or {}, variants, launch(variants))
    grows = any((variant.desired_count or 0) > (variant.current_count or 0) for variant in seen.variants)
    return Span(SCALE_UP.least_s, launch(variants).most_s) if grows else RESCALE
