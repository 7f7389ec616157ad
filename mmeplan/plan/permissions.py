"""The IAM policy that a plan and its apply need: their calls, the names they touch, and nothing else.

In: a plan, and the snapshot that it was made from. Out: a policy document.

What stands on `*` can't be narrowed: IAM has no resources for lists and for the tag index. Before a config or model is
deleted, every endpoint of the account is looked at (docs/plan-and-apply.md, "Deletes last"), so that a plan with such a
deletion may describe all of them, and where one may host inference components, those. GetCallerIdentity needs no
permission. What containers read when they run (S3, ECR, KMS) is a matter of their execution role. Who deletes an
endpoint must be allowed to deregister its scalable targets; who updates one to a config with a key, to grant SageMaker
the use of that key.
Source: Service Authorization Reference, Actions, resources, and condition keys for Amazon SageMaker and for Application
Auto Scaling; the developer guide, "SageMaker roles" (PassRole), endpoint-scaling.html (DeregisterScalableTarget) and
api-permissions-reference.html (CreateGrant).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from mmeplan.aws.partitions import partition_of
from mmeplan.identity import Deployment
from mmeplan.kinds import (
    ENDPOINT,
    TAGGING,
    Kind,
    LiveArchives,
    is_create,
    is_delete,
    kind_named,
    kind_of_operation,
    kinds,
)
from mmeplan.kinds.artifacts import Declared
from mmeplan.live import COMPONENT_ACTIONS, Snapshot
from mmeplan.live.sharing import READS as SHARERS_READS
from mmeplan.plan.document import Plan
from mmeplan.plan.gathered import permissions, read_permissions
from mmeplan.plan.step import Step
from mmeplan.plan.targets import SCALING_ACTION

MANAGED_POLICY_CHARACTERS: Final = 6144  # without white space; IAM quotas


AUTOSCALING: Final = "application-autoscaling"
_SCALES: Final = frozenset({TAGGING[AUTOSCALING].add, TAGGING[AUTOSCALING].remove})

Arns = dict[str, set[str]]
"""Action → the ARNs it is needed on."""


def iam_policy(
    plan: Plan, snapshot: Snapshot, online: Iterable[str] = (), declared: Iterable[Declared] = ()
) -> dict[str, Any]:
    """The least-privilege policy. `online` are the actions that `--online` needs beside, `declared` the archives."""
    of = _Names(plan.account, plan.region)
    statements = [
        _statement(
            "ReadInventory",
            [*(kind.action(kind.list_operation) for kind in kinds() if kind.is_inventoried), "tag:GetResources"],
            ["*"],
        ),
        *_by_arns("Read", _reads(plan, snapshot, of)),
        *_by_arns("Write", _writes(plan.steps, of, deletes=False)),
    ]
    deployment = Deployment(plan.fleet, plan.environment)
    owned = {"StringEquals": {f"aws:ResourceTag/{key}": value for key, value in deployment.tags.items()}}
    deletes = _by_arns("DeleteOwn", _writes(plan.steps, of, deletes=True))
    statements += [{**statement, "Condition": owned} for statement in deletes]
    roles = sorted({str(s.params["ExecutionRoleArn"]) for s in plan.steps if s.params.get("ExecutionRoleArn")})
    if roles:
        service = {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
        statements.append({**_statement("PassRoles", ["iam:PassRole"], roles), "Condition": service})
    statements += [*_scaling(plan, snapshot, of), *_grants(plan, snapshot, of), *_archives(plan, snapshot, declared)]
    if actions := sorted(set(online)):
        statements.append(_statement("ReadOnline", actions, ["*"]))
    return {"Version": "2012-10-17", "Statement": statements}


class _Names:
    """ARNs of names. SageMaker writes the name in lower case in some of its ARNs, so both spellings are allowed."""

    def __init__(self, account: str, region: str) -> None:
        self._partition, self._account = partition_of(region), account
        self._head = f"arn:{partition_of(region)}:sagemaker:{region}:{account}:"

    def beside(self, service: str, resource: str) -> str:
        """The ARN of another service's resource in this account and region."""
        return f"{self._head.replace(':sagemaker:', f':{service}:')}{resource}"

    def role(self, path: str) -> str:
        """The ARN of a role of this account."""
        return f"arn:{self._partition}:iam::{self._account}:role/{path}"

    def __call__(self, kind: Kind, name: str) -> set[str]:
        if not kind.word:
            return {"*"}
        return {self.beside(kind.service, f"{kind.word}/{spelled}") for spelled in (name, name.lower())}


def _reads(plan: Plan, snapshot: Snapshot, of: _Names) -> Arns:
    """Describe and ListTags of all that was looked at for the plan, and of all that its steps touch."""
    scans = any(step.comes_last and not step.is_gathered for step in plan.steps)
    needed: Arns = {}
    for kind in _in_resources():
        changes = [change for change in plan.changes if change.kind == kind.name]
        names = {*snapshot.objects.get(kind.name, ()), *(c.name for c in changes), *(c.live_name for c in changes)}
        arns = {arn for name in names if name for arn in of(kind, name)}
        if arns and kind.is_tagged:
            needed.setdefault(f"{kind.service}:ListTags", set()).update(arns)
        everything = scans and bool(kind.refers_to)
        if arns or everything:
            needed[kind.action(kind.describe_operation)] = of(kind, "*") if everything else arns
    if snapshot.components:  # an endpoint of the account may host them
        lists, describes = COMPONENT_ACTIONS
        needed[lists] = {"*"}
        needed[describes] = {of.beside("sagemaker", "inference-component/*")}
    return needed


def _writes(steps: Iterable[Step], of: _Names, *, deletes: bool) -> Arns:
    """The calls that delete objects, or all other writes."""
    needed: Arns = {}
    for step in steps:
        kind = kind_of_operation(step.operation)
        if step.is_gathered or _is_scaling(step, kind):
            continue
        if deletes != is_delete(step.operation) or (kind is not None and step.operation == kind.describe_operation):
            continue
        action = kind.action(step.operation) if kind is not None else f"sagemaker:{step.operation}"
        needed.setdefault(action, set()).update(_touched(step, of))
        if kind is not None and step.operation == kind.create_operation and step.params.get("Tags"):
            needed.setdefault(kind.action("AddTags"), set()).update(of(kind, kind.name_in(step.params)))
    return needed


def _touched(step: Step, of: _Names) -> set[str]:
    """The ARNs that a call names: of an endpoint's create and update, those of its config as well."""
    if "ResourceArn" in step.params:
        arn = str(step.params["ResourceArn"])
        return {arn, arn.lower()}
    named = (kind for kind in _in_resources() if all(step.params.get(member) for member in kind.free_identity))
    return {arn for kind in named for arn in of(kind, kind.name_in(step.params))}


def _archives(plan: Plan, snapshot: Snapshot, declared: Iterable[Declared]) -> Iterator[dict[str, Any]]:
    """What lies beneath multi-model prefixes: listed for the plan, written and pruned by its steps.

    Without ListBucket S3 answers 403 instead of 404, so that the buckets of pointers and sources are listed, too.
    Source: Amazon S3 API Reference, GetObject and HeadObject, "Permissions".
    """
    partition, needed = partition_of(plan.region), dict[str, set[str]]()
    for kind in kinds():
        for live in snapshot.objects.get(kind.name, {}).values() if kind.is_gathered else ():
            bucket = f"arn:{partition}:s3:::{live.name.partition('/')[0]}"
            needed.setdefault("s3:ListBucket", set()).add(bucket)
            for uri in live.sources if isinstance(live, LiveArchives) else ():
                place = uri.removeprefix("s3://")
                needed.setdefault("s3:GetObject", set()).add(f"arn:{partition}:s3:::{place.rpartition('/')[0]}/*")
    for one in declared:
        for action, arn in read_permissions(one, partition):
            needed.setdefault(action, set()).add(arn)
    for step in plan.steps:
        for action, arn in permissions(step, partition) if step.is_gathered else ():
            needed.setdefault(action, set()).add(arn)
    if plan.options.prune_artifacts and any(kind_named(change.kind).is_gathered for change in plan.changes):
        for action in SHARERS_READS:
            needed.setdefault(action, set()).add("*")
    yield from _by_arns("Archives", needed)


def _in_resources() -> list[Kind]:
    """The kinds whose objects' ARNs a policy can name: those of the others don't say what they are of."""
    return [kind for kind in kinds() if kind.section]


def _is_scaling(step: Step, kind: Kind | None) -> bool:
    """Whether a call is Application Auto Scaling's: its own statement allows it."""
    return step.operation in _SCALES or (kind is not None and kind.listings is not None)


def _scaling(plan: Plan, snapshot: Snapshot, of: _Names) -> Iterator[dict[str, Any]]:
    """What targets and policies need, and what a DeleteEndpoint asks where variants are registered by others.

    SageMaker deregisters those in the caller's name. Ids of targets don't say which endpoint they are of. Who puts a
    target tracking policy has CloudWatch alarms made in his name, and the first registration of an account makes a
    service-linked role. Source: the developer guide's endpoint-auto-scaling-prerequisites.html.
    """
    inner = [kind for kind in kinds() if kind.listings is not None]
    looked_at = any(snapshot.objects.get(kind.name) for kind in inner) or any(
        change.kind == kind.name for kind in inner for change in plan.changes
    )
    deletes = any(step.operation == ENDPOINT.delete_operation for step in plan.steps)
    if not (deletes or looked_at):
        return
    reads = {SCALING_ACTION}
    if looked_at:
        reads |= {kind.action(kind.describe_operation) for kind in inner}
        reads |= {kind.action(beside.operation) for kind in inner for beside in kind.carries}
    yield _statement("ReadScaling", reads, ["*"])
    targets = [of.beside(AUTOSCALING, "scalable-target/*")]
    calls = {kind.action(step.operation) for kind in inner for step in plan.steps if step.operation in kind.operations}
    calls |= {f"{AUTOSCALING}:DeregisterScalableTarget"} if deletes else set()
    of_sagemaker = {"StringEquals": {f"{AUTOSCALING}:service-namespace": "sagemaker"}}
    if calls:
        sid = "DeregisterScaling" if not looked_at else "WriteScaling"
        yield {**_statement(sid, calls, targets), "Condition": of_sagemaker}
    if looked_at:
        called = {step.operation for step in plan.steps}
        tagging = {TAGGING[AUTOSCALING].list, *(called & _SCALES)}
        tagging |= {TAGGING[AUTOSCALING].add} if any(is_create(operation) for operation in called) else set()
        yield _statement("TagScaling", [f"{AUTOSCALING}:{operation}" for operation in tagging], targets)
    if any(kind.action(kind.create_operation) in calls for kind in inner):
        yield _statement("ReadAlarms", ["cloudwatch:DescribeAlarms"], ["*"])
        alarms = ["cloudwatch:DeleteAlarms", "cloudwatch:PutMetricAlarm"]
        yield _statement("ScalingAlarms", alarms, [of.beside("cloudwatch", "alarm:TargetTracking*")])
        yield _statement("ScaleEndpoints", ["sagemaker:UpdateEndpointWeightsAndCapacities"], sorted(_scaled(plan, of)))
        service = f"sagemaker.{AUTOSCALING}.amazonaws.com"
        role = of.role(f"aws-service-role/{service}/AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint")
        linked = _statement("ScalingRole", ["iam:CreateServiceLinkedRole"], [role])
        yield {**linked, "Condition": {"StringEquals": {"iam:AWSServiceName": service}}}


def _scaled(plan: Plan, of: _Names) -> set[str]:
    """The ARNs of the endpoints that a plan has something registered for."""
    found: set[str] = set()
    for step in plan.steps:
        kind = kind_of_operation(step.operation)
        if kind is not None and kind.listings is not None and step.operation == kind.create_operation:
            holder, name = kind, kind.name_in(step.params)
            while holder.parent:
                holder, name = kind_named(holder.parent), holder.parent_in(name)
            found |= of(holder, name)
    return found


def _grants(plan: Plan, snapshot: Snapshot, of: _Names) -> Iterator[dict[str, Any]]:
    """CreateGrant on the keys of the volumes that endpoints are created with or updated to. An alias is a condition."""
    created = {s.params["EndpointConfigName"]: s.params for s in plan.steps if s.operation == "CreateEndpointConfig"}
    live = {name: config.describe for name, config in snapshot.objects.get("endpoint_config", {}).items()}
    used = {s.params["EndpointConfigName"] for s in plan.steps if s.operation in ("CreateEndpoint", "UpdateEndpoint")}
    keys = {str(key) for name in used if (key := {**live, **created}.get(name, {}).get("KmsKeyId"))}
    aliases = sorted({f"alias/{key.partition('alias/')[2]}" for key in keys if "alias/" in key})
    arns = sorted(key if ":" in key else of.beside("kms", f"key/{key}") for key in keys if "alias/" not in key)
    for_services = {"Bool": {"kms:GrantIsForAWSResource": "true"}}
    if arns:
        yield {**_statement("GrantKeys", ["kms:CreateGrant"], arns), "Condition": for_services}
    if aliases:
        named = {**for_services, "ForAnyValue:StringEquals": {"kms:ResourceAliases": aliases}}
        yield {**_statement("GrantAliases", ["kms:CreateGrant"], [of.beside("kms", "key/*")]), "Condition": named}


def _by_arns(sid: str, needed: Mapping[str, set[str]]) -> list[dict[str, Any]]:
    """One statement for all actions that are needed on the same ARNs."""
    by_arns: dict[tuple[str, ...], list[str]] = {}
    for action, arns in needed.items():
        by_arns.setdefault(tuple(sorted(arns)), []).append(action)
    several = len(by_arns) > 1
    return [
        _statement(f"{sid}{number if several else ''}", actions, list(arns))
        for number, (arns, actions) in enumerate(sorted(by_arns.items(), key=lambda item: sorted(item[1])), start=1)
    ]


def _statement(sid: str, actions: Iterable[str], resources: list[str]) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Action": sorted(actions), "Resource": resources}
