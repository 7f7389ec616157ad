"""The scalable target: a variant of an endpoint that Application Auto Scaling scales. Declared under the variant.

One is named by its resource, `endpoint/NAME/variant/VARIANT`, and by what of it is scaled: the instance count, or the
provisioned concurrency of a serverless variant. RegisterScalableTarget creates and changes it; DeregisterScalableTarget
deletes its policies and scheduled actions with it. UpdateEndpoint is refused where it changes the instance type of a
registered variant or removes it. Sources: botocore application-autoscaling; endpoint-scaling.html.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from mmeplan.canonical import Canonical
from mmeplan.kinds.endpoint import ENDPOINT, LiveEndpoint
from mmeplan.kinds.endpoint_config import hosted_on
from mmeplan.kinds.kind import Carried, Inner, Kind, Lifecycle, register
from mmeplan.kinds.live import LiveObject

if TYPE_CHECKING:
    from mmeplan.kinds.resource import Resource
    from mmeplan.spec import Entry

NAMESPACE: Final = "sagemaker"
COUNT: Final = "sagemaker:variant:DesiredInstanceCount"
CONCURRENCY: Final = "sagemaker:variant:DesiredProvisionedConcurrency"
IDENTITY: Final = ("ServiceNamespace", "ResourceId", "ScalableDimension")
DECLARED: Final = "autoscaling"
"""The key of a variant under which its target is declared."""

_VARIANTS: Final = "ProductionVariants"
_MOST_IDS: Final = 50
"""ResourceIds of one DescribeScalableTargets. Source: botocore, ResourceIdsMaxLen1600 and MaxResults."""


@dataclass(frozen=True, slots=True)
class LiveScalableTarget(LiveObject):
    """A scalable target that was looked for."""


def resource_id(endpoint: str, variant: str) -> str:
    """The resource of a variant. Source: botocore RegisterScalableTarget, ResourceId."""
    return f"endpoint/{endpoint}/variant/{variant}"


def variant_of(name: str) -> str:
    """The variant in a target's physical name."""
    return name.partition(" ")[0].split("/")[3]


def _endpoint_of(name: str) -> str:
    return name.split("/")[1]


def _entries(endpoint: Resource, config: Entry | None) -> Iterator[Inner]:
    """The target of each production variant that has `autoscaling:`."""
    for name, variant in sorted(((config.request if config else {}).get(_VARIANTS) or {}).items()):
        declared = variant.get(DECLARED)
        if declared is None or config is None:
            continue
        dimension = COUNT if variant.get("ServerlessConfig") is None else CONCURRENCY
        yield Inner(
            f"{endpoint.name}/{name}",
            f"{resource_id(endpoint.physical_name, name)} {dimension}",
            (*config.path, "production_variants", name, DECLARED),
            declared,
        )


def _listings(wanted: Sequence[str], endpoints: Sequence[LiveObject]) -> Iterator[dict[str, Any]]:
    """All targets of these endpoints' variants, and those that are wanted: 50 resources a call."""
    of_endpoints = (
        resource_id(live.name, variant.name)
        for live in endpoints
        if isinstance(live, LiveEndpoint)
        for variant in (*live.variants, *live.pending_variants)
    )
    ids = list(dict.fromkeys((*(name.split(" ")[0] for name in wanted), *of_endpoints)))
    for first in range(0, len(ids), _MOST_IDS):
        yield {"ServiceNamespace": NAMESPACE, "ResourceIds": ids[first : first + _MOST_IDS]}


def _variant_names(endpoint: Mapping[str, Any]) -> list[str]:
    return [str(variant.get("VariantName")) for variant in endpoint.get(_VARIANTS) or ()]


def _in_the_way(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether the variant is removed, or gets another instance type. Source: endpoint-scaling.html."""
    variant = variant_of(name)
    old, new = (
        next((item for item in config.get(_VARIANTS) or () if item.get("VariantName") == variant), None)
        for config in (before, after)
    )
    return old is not None and (new is None or hosted_on(old) != hosted_on(new))


def _references(members: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    return [(ENDPOINT.name, _endpoint_of(str(members["ResourceId"])))] if members.get("ResourceId") else []


def _aligned(desired: Canonical, live: Canonical) -> Canonical:
    """`live` without what the service fills in: what is suspended is compared where the file says something of it."""
    wanted, suspended = desired.get("SuspendedState", {}), live.get("SuspendedState", {})
    rest = {key: value for key, value in live.items() if key != "SuspendedState"}
    kept = {key: value for key, value in suspended.items() if key in wanted}
    return {**rest, "SuspendedState": kept} if kept else rest


def _place(live: LiveObject) -> Mapping[str, Any]:
    return SCALABLE_TARGET.named(live.name)


_SCHEDULED: Final = Carried(
    "DescribeScheduledActions", "ScheduledActions", "ScheduledActionName", "scheduled action", _place
)

SCALABLE_TARGET: Final = register(
    Kind(
        name="scalable_target",
        noun="ScalableTarget",
        lifecycle=Lifecycle.MUTABLE,
        live=LiveScalableTarget,
        service="application-autoscaling",
        identity=IDENTITY,
        fixed={"ServiceNamespace": NAMESPACE},
        upsert="RegisterScalableTarget",
        verbs={
            "delete": "DeregisterScalableTarget",
            "describe": "DescribeScalableTargets",
            "list": "DescribeScalableTargets",
        },
        answer_member="ScalableTargets",
        plural={"ResourceId": "ResourceIds"},
        arn_member="ScalableTargetARN",
        arn_has_name=False,
        answer_only=frozenset({*IDENTITY, "ScalableTargetARN", "CreationTime", "PredictedCapacity", "RoleARN"}),
        parent=ENDPOINT.name,
        parent_in=_endpoint_of,
        entries=_entries,
        listings=_listings,
        in_the_way=_in_the_way,
        stands_on=lambda name, endpoint: variant_of(name) in _variant_names(endpoint),
        carries=(_SCHEDULED,),
        refers_to=(ENDPOINT.name,),
        references=_references,
        aligned=_aligned,
        refusals={"conflict": "DEL-10"},
    )
)
