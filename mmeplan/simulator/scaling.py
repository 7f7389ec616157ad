"""Application Auto Scaling, coupled to the endpoints: targets, policies, and what they forbid.

In: validated requests. Out: answers, and targets and policies among the world's records. No metric is evaluated, so
nothing scales by itself; a registration moves a count that lies outside its bounds. Sources: botocore
application-autoscaling; endpoint-scaling.md (type changes, deletion); endpoint-auto-scaling-add-policy.md (names).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Any, Final

from mmeplan.aws.lifecycle import UPDATABLE
from mmeplan.aws.partitions import partition_of
from mmeplan.simulator import coupling, endpoints
from mmeplan.simulator.call import Call, seconds
from mmeplan.simulator.coupling import ACTION, COUNT, POLICY, SEPARATOR, TAGS, TARGET
from mmeplan.simulator.names import ENDPOINT, invalid
from mmeplan.simulator.records import name_of, token
from mmeplan.simulator.store import Stored
from mmeplan.simulator.wire import ServiceError

Json = dict[str, Any]

NAMESPACE: Final = "sagemaker"
CONCURRENCY: Final = "sagemaker:variant:DesiredProvisionedConcurrency"
PAGE_SIZE: Final = 50
"""MaxResults where none is given (and at most), as the Describe calls' documentation says."""

_RESOURCE = re.compile(r"endpoint/([^/]+)/variant/([^/]+)")
TAGS_PER_RESOURCE: Final = 50
"""Source: botocore application-autoscaling, TooManyTagsException."""

_SUSPENDED: Final = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")


def register_scalable_target(call: Call, request: Json) -> Json:
    """RegisterScalableTarget: a new target needs both bounds; of a known one the given bounds change."""
    endpoint, variant = _variant(call, request)
    key = _key(request)
    known = call.records.get(TARGET, call.account, call.region, key)
    bounds: Json = {m: request.get(m, (known or {}).get(m)) for m in ("MinCapacity", "MaxCapacity")}
    if None in bounds.values():
        raise invalid("MinCapacity and MaxCapacity are required to register a new scalable target.")
    if bounds["MinCapacity"] > bounds["MaxCapacity"]:
        raise invalid("Maximum capacity cannot be less than minimum capacity")
    if known is not None and request.get("Tags"):
        raise invalid("Tags can only be given where a scalable target is registered first: use TagResource.")
    number = known["ScalableTargetARN"].rpartition("/")[2] if known else _number(call, key)
    arn = _arn(call, "scalable-target", number)
    role = (
        f"arn:{partition_of(call.region)}:iam::{call.account}:role/aws-service-role/sagemaker.application-autoscaling."
        "amazonaws.com/AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
    )
    target = {
        **{member: request[member] for member in ("ServiceNamespace", "ResourceId", "ScalableDimension")},
        **bounds,
        "RoleARN": role,
        "CreationTime": known["CreationTime"] if known else seconds(call.now_us),
        "SuspendedState": dict.fromkeys(_SUSPENDED, False)
        | (known or {}).get("SuspendedState", {})
        | request.get("SuspendedState", {}),
        "ScalableTargetARN": arn,
    }
    call.records.put(TARGET, call.account, call.region, key, target)
    if request.get("Tags"):
        call.records.put(TAGS, call.account, call.region, arn, request["Tags"])
    if request["ScalableDimension"] == COUNT:
        _move_into_bounds(call, endpoint, variant, bounds)
    return {"ScalableTargetARN": arn}


def _move_into_bounds(call: Call, endpoint: Stored, variant: Json, bounds: Json) -> None:
    count = variant.get("DesiredInstanceCount")
    if count is None or endpoint.status not in UPDATABLE:
        return
    moved = max(bounds["MinCapacity"], min(bounds["MaxCapacity"], count))
    if moved != count:
        endpoints.rescale(call, endpoint, {variant["VariantName"]: {"DesiredInstanceCount": moved}})


def describe_scalable_targets(call: Call, request: Json) -> Json:
    """DescribeScalableTargets."""

    def matches(target: Json) -> bool:
        wanted = request.get("ResourceIds")
        return not wanted or target["ResourceId"] in wanted

    return _page(call, request, TARGET, "ScalableTargets", matches)


def deregister_scalable_target(call: Call, request: Json) -> Json:
    """DeregisterScalableTarget: its policies go with it."""
    key = _key(request)
    if call.records.get(TARGET, call.account, call.region, key) is None:
        raise _not_found("scalable target", request)
    coupling.forget_target(call, key)
    return {}


def put_scaling_policy(call: Call, request: Json) -> Json:
    """PutScalingPolicy: for a registered target; an old policy's configuration is replaced."""
    key = _key(request)
    if call.records.get(TARGET, call.account, call.region, key) is None:
        raise _not_found("scalable target", request)
    tracking = request.get("TargetTrackingScalingPolicyConfiguration", {})
    _refuse_policy(request)
    if tracking and ("PredefinedMetricSpecification" in tracking) == ("CustomizedMetricSpecification" in tracking):
        raise invalid(
            "Exactly one of PredefinedMetricSpecification and CustomizedMetricSpecification must be specified."
        )
    name = SEPARATOR.join((key, request["PolicyName"]))
    known = call.records.get(POLICY, call.account, call.region, name)
    kind = request.get("PolicyType", known["PolicyType"] if known else "StepScaling")
    alarms = _alarms(call, request) if kind == "TargetTrackingScaling" else []
    policy = {
        **(known if known is not None and known["PolicyType"] == kind else {}),
        **request,
        "PolicyType": kind,
        "PolicyARN": known["PolicyARN"] if known else _policy_arn(call, request, name),
        "Alarms": alarms,
        "CreationTime": known["CreationTime"] if known else seconds(call.now_us),
    }
    call.records.put(POLICY, call.account, call.region, name, policy)
    return {"PolicyARN": policy["PolicyARN"], "Alarms": alarms}


def _refuse_policy(request: Json) -> None:
    """Sources: botocore, PolicyType: the configuration of the policy's own type, and of no other; AdjustmentType and
    StepAdjustments: required of a step policy. The words are ours.
    """
    kind = request.get("PolicyType", "StepScaling")
    wanted = f"{kind}PolicyConfiguration"
    given = [member for member in request if member.endswith("PolicyConfiguration")]
    if given and given != [wanted]:
        raise invalid(f"A policy of type {kind} takes a {wanted}, and no other configuration.")
    steps = request.get("StepScalingPolicyConfiguration")
    if steps is not None and not (steps.get("AdjustmentType") and steps.get("StepAdjustments")):
        raise invalid("AdjustmentType and at least one of StepAdjustments are required for step scaling.")


def describe_scaling_policies(call: Call, request: Json) -> Json:
    """DescribeScalingPolicies."""

    def matches(policy: Json) -> bool:
        wanted = request.get("PolicyNames")
        named = not wanted or policy["PolicyName"] in wanted
        return named and request.get("ResourceId", policy["ResourceId"]) == policy["ResourceId"]

    return _page(call, request, POLICY, "ScalingPolicies", matches)


def delete_scaling_policy(call: Call, request: Json) -> Json:
    """DeleteScalingPolicy."""
    name = SEPARATOR.join((_key(request), request["PolicyName"]))
    if not call.records.remove(POLICY, call.account, call.region, name):
        raise _not_found("scaling policy", request)
    return {}


def put_scheduled_action(call: Call, request: Json) -> Json:
    """PutScheduledAction: for a registered target; nothing is done at its times."""
    key = _key(request)
    if call.records.get(TARGET, call.account, call.region, key) is None:
        raise _not_found("scalable target", request)
    name = SEPARATOR.join((key, request["ScheduledActionName"]))
    known = call.records.get(ACTION, call.account, call.region, name)
    arn = known["ScheduledActionARN"] if known else _arn(call, "scheduledAction", _number(call, name))
    action = {
        **(known or {}),
        **request,
        "ScheduledActionARN": arn,
        "CreationTime": known["CreationTime"] if known else seconds(call.now_us),
    }
    call.records.put(ACTION, call.account, call.region, name, action)
    return {}


def describe_scheduled_actions(call: Call, request: Json) -> Json:
    """DescribeScheduledActions."""

    def matches(action: Json) -> bool:
        wanted = request.get("ScheduledActionNames")
        named = not wanted or action["ScheduledActionName"] in wanted
        return named and request.get("ResourceId", action["ResourceId"]) == action["ResourceId"]

    return _page(call, request, ACTION, "ScheduledActions", matches)


def delete_scheduled_action(call: Call, request: Json) -> Json:
    """DeleteScheduledAction."""
    name = SEPARATOR.join((_key(request), request["ScheduledActionName"]))
    if not call.records.remove(ACTION, call.account, call.region, name):
        raise _not_found("scheduled action", request)
    return {}


def tag_resource(call: Call, request: Json) -> Json:
    """TagResource: of scalable targets alone; overwrites the values of keys that exist."""
    arn = _tagged(call, request)
    tags = {**(call.records.get(TAGS, call.account, call.region, arn) or {}), **request["Tags"]}
    if len(tags) > TAGS_PER_RESOURCE:
        raise ServiceError("TooManyTagsException", f"{arn} can't have more than {TAGS_PER_RESOURCE} tags.")
    call.records.put(TAGS, call.account, call.region, arn, tags)
    return {}


def untag_resource(call: Call, request: Json) -> Json:
    """UntagResource: keys that aren't there are ignored."""
    arn = _tagged(call, request)
    tags = call.records.get(TAGS, call.account, call.region, arn) or {}
    left = {key: value for key, value in tags.items() if key not in request["TagKeys"]}
    call.records.put(TAGS, call.account, call.region, arn, left)
    return {}


def list_tags_for_resource(call: Call, request: Json) -> Json:
    """ListTagsForResource."""
    return {"Tags": call.records.get(TAGS, call.account, call.region, _tagged(call, request)) or {}}


def _tagged(call: Call, request: Json) -> str:
    """The ARN of a registered target. Raises ServiceError."""
    arn = str(request["ResourceARN"])
    known = (target["ScalableTargetARN"] for _, target in call.records.all(TARGET, call.account, call.region))
    if arn not in known:
        raise ServiceError("ResourceNotFoundException", f"The specified resource does not exist: {arn}")
    return arn


def _variant(call: Call, request: Json) -> tuple[Stored, Json]:
    """The endpoint and the variant's summary that a ResourceId names, in its exact letter case."""
    match = _RESOURCE.fullmatch(request["ResourceId"])
    if (
        request["ServiceNamespace"] != NAMESPACE
        or request["ScalableDimension"] not in (COUNT, CONCURRENCY)
        or not match
    ):
        raise invalid("Unsupported service namespace, resource type or scalable dimension")
    endpoint = call.store.find(*call.scope(ENDPOINT), match.group(1))
    if endpoint is not None and endpoint.name == match.group(1):
        for variant in endpoint.body["variants"] or ():
            if variant["VariantName"] == match.group(2):
                return endpoint, variant
    raise invalid(f"The endpoint variant {request['ResourceId']} doesn't exist.")


def _alarms(call: Call, request: Json) -> list[Json]:
    """The two alarms that a target tracking policy makes, by name; they aren't among the alarms that are described."""
    made = []
    for side in ("AlarmHigh", "AlarmLow"):
        number = hashlib.sha256(f"{_key(request)}{request['PolicyName']}{side}".encode()).hexdigest()
        name = f"TargetTracking-{request['ResourceId']}-{side}-{number[:8]}-{number[8:12]}-4000-8000-{number[12:24]}"
        arn = f"arn:{partition_of(call.region)}:cloudwatch:{call.region}:{call.account}:alarm:{name}"
        made.append({"AlarmName": name, "AlarmARN": arn})
    return made


def _key(request: Json) -> str:
    return SEPARATOR.join((request["ResourceId"], request["ScalableDimension"]))


def _number(call: Call, key: str) -> str:
    """What is new in an ARN with every registration. Source: botocore, RegisterScalableTarget and PutScalingPolicy."""
    return hashlib.sha256(f"{call.account}{call.region}{key}{call.now_us}".encode()).hexdigest()[:32]


def _arn(call: Call, kind: str, number: str) -> str:
    service = "application-autoscaling" if kind == "scalable-target" else "autoscaling"
    return f"arn:{partition_of(call.region)}:{service}:{call.region}:{call.account}:{kind}/{number}"


def _policy_arn(call: Call, request: Json, name: str) -> str:
    """`…:scalingPolicy:UUID:resource/sagemaker/RESOURCE:policyName/NAME`. Source: botocore, PolicyARN's example."""
    number = _number(call, name)
    parts = (number[:8], number[8:12], number[12:16], number[16:20], number[20:32])
    head = f"arn:{partition_of(call.region)}:autoscaling:{call.region}:{call.account}:scalingPolicy"
    where = f"resource/{NAMESPACE}/{request['ResourceId']}:policyName/{request['PolicyName']}"
    return f"{head}:{'-'.join(parts)}:{where}"


def _not_found(what: str, request: Json) -> ServiceError:
    return ServiceError(
        "ObjectNotFoundException",
        f"No {what} found for service namespace: {request['ServiceNamespace']}, resource ID: {request['ResourceId']}, "
        f"scalable dimension: {request['ScalableDimension']}",
    )


def _page(call: Call, request: Json, kind: str, member: str, matches: Callable[[Json], bool]) -> Json:
    after, limit = name_of(request.get("NextToken", "")), request.get("MaxResults", PAGE_SIZE)
    dimension = request.get("ScalableDimension")
    found = [
        (name, item)
        for name, item in call.records.all(kind, call.account, call.region, after)
        if item["ServiceNamespace"] == request["ServiceNamespace"]
        and dimension in (None, item["ScalableDimension"])
        and matches(item)
    ]
    answer: Json = {member: [item for _, item in found[:limit]]}
    if len(found) > limit:
        answer["NextToken"] = token(found[limit - 1][0])
    return answer
