"""The scaling policy: when a scalable target scales. Declared under `policies:` of the target.

PutScalingPolicy creates it and replaces its configuration. It can't be tagged: it is the fleet's where its target is,
and has it on record. Source: botocore application-autoscaling, PutScalingPolicy and TagResource.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from mmeplan.canonical import Canonical
from mmeplan.kinds.kind import Carried, Inner, Kind, Lifecycle, Ownership, register
from mmeplan.kinds.live import LiveObject
from mmeplan.kinds.scalable_target import IDENTITY, NAMESPACE, SCALABLE_TARGET

if TYPE_CHECKING:
    from mmeplan.kinds.resource import Resource
    from mmeplan.spec import Entry

POLICIES: Final = "policies"
_FILLED_IN: Final[Mapping[str, Any]] = {
    "DisableScaleIn": False,
    "ScaleInCooldown": 300,
    "ScaleOutCooldown": 300,
    "Cooldown": 300,
    "MetricAggregationType": "Average",
}
"""What an answer may say although nobody asked for it. Source: botocore, TargetTrackingScalingPolicyConfiguration and
StepScalingPolicyConfiguration; the developer guide's endpoint-auto-scaling-prerequisites.html has the 300 seconds.
"""


@dataclass(frozen=True, slots=True)
class LiveScalingPolicy(LiveObject):
    """A scaling policy that was looked for."""


def _target_of(name: str) -> str:
    return " ".join(name.split(" ")[:2])


def _entries(target: Resource, _holder: Entry | None) -> Iterator[Inner]:
    for name, declared in sorted((target.entry.request.get(POLICIES) or {}).items()):
        yield Inner(
            f"{target.name}/{name}",
            f"{target.physical_name} {name}",
            (*target.path, POLICIES, name),
            declared or {},
        )


def _listings(wanted: Sequence[str], targets: Sequence[LiveObject]) -> Iterator[dict[str, Any]]:
    """All policies of these targets, and of those of the policies that are wanted: a call for each."""
    for name in dict.fromkeys((*map(_target_of, wanted), *(live.name for live in targets))):
        resource, dimension = name.split(" ")
        yield {"ServiceNamespace": NAMESPACE, "ResourceId": resource, "ScalableDimension": dimension}


def _references(members: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    if not members.get("ResourceId"):
        return []
    return [(SCALABLE_TARGET.name, f"{members['ResourceId']} {members['ScalableDimension']}")]


def _aligned(desired: Canonical, live: Canonical) -> Canonical:
    """`live` without values that the service filled in where `desired` says nothing."""
    made: dict[str, Any] = {}
    for key, value in live.items():
        if key not in desired and key in _FILLED_IN and value == _FILLED_IN[key]:
            continue
        wanted = desired.get(key)
        made[key] = _aligned(wanted, value) if isinstance(value, dict) and isinstance(wanted, dict) else value
    return made


def _pointed_at(policy: LiveObject) -> Iterator[Carried]:
    """The alarms that a step policy is an action of; those of a target tracking policy are the service's own.

    Source: botocore cloudwatch, DescribeAlarms, ActionPrefix.
    """
    if policy.describe.get("PolicyType") == "StepScaling":
        yield Carried("DescribeAlarms", "MetricAlarms", "AlarmName", "alarm", lambda live: {"ActionPrefix": live.arn})


SCALING_POLICY: Final = register(
    Kind(
        name="scaling_policy",
        noun="ScalingPolicy",
        lifecycle=Lifecycle.MUTABLE,
        live=LiveScalingPolicy,
        service="application-autoscaling",
        identity=(*IDENTITY, "PolicyName"),
        fixed={"ServiceNamespace": NAMESPACE},
        upsert="PutScalingPolicy",
        verbs={"describe": "DescribeScalingPolicies", "list": "DescribeScalingPolicies"},
        answer_member="ScalingPolicies",
        plural={"PolicyName": "PolicyNames"},
        arn_member="PolicyARN",
        arn_word=None,
        answer_only=frozenset({*IDENTITY, "PolicyName", "PolicyARN", "Alarms", "CreationTime"}),
        ownership=Ownership.PARENT,
        parent=SCALABLE_TARGET.name,
        parent_in=_target_of,
        entries=_entries,
        listings=_listings,
        refers_to=(SCALABLE_TARGET.name,),
        references=_references,
        aligned=_aligned,
        pointed_at=_pointed_at,
        refusals={"conflict": "DEL-10"},
    )
)
