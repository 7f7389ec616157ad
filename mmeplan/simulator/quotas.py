"""Quotas of instances for endpoints: how many of a type an account may have, and Service Quotas that tells them.

In: what an endpoint is to have. Out: ResourceLimitExceeded where that is too much. An update counts both fleets,
since the new one is launched beside the old one. Called by `endpoints`, `transitions` and `services`.
Sources: the message, SageMaker Python SDK issue 987; both fleets, deployment-guardrails-blue-green.md.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import Any, Final

from mmeplan.aws import shapes
from mmeplan.simulator import deployment
from mmeplan.simulator.call import Call
from mmeplan.simulator.records import name_of, token
from mmeplan.simulator.store import Stored
from mmeplan.simulator.wire import ServiceError, partition

Json = dict[str, Any]

SERVICE_CODE: Final = "sagemaker"
SUFFIX: Final = " for endpoint usage"
PAGE_SIZE: Final = 100


def wanted(endpoint: Stored) -> dict[str, int]:
    """Instances of each type that an endpoint has or is getting: of a rolling update's new fleet, only one batch."""
    body = endpoint.body
    total: Counter[str] = Counter()
    _count(total, body["config"], body["variants"], body["shadows"])
    pending = body["pending"]
    if pending:
        fresh: Counter[str] = Counter()
        _count(fresh, pending["config"], pending["variants"], pending["shadows"])
        rolling = (pending["in_force"] or {}).get("RollingUpdatePolicy")
        batch = deployment.phases(pending["in_force"], list(fresh.values()), 0, 1)[1].new[1] if rolling else 1.0
        for instance_type, count in fresh.items():
            total[instance_type] += round(count * batch + 0.499_999)
    return {instance_type: count for instance_type, count in sorted(total.items()) if count}


def _count(total: Counter[str], config: Json, variants: list[Json] | None, shadows: list[Json] | None) -> None:
    types = {}
    for variant in (*config["ProductionVariants"], *config.get("ShadowProductionVariants", ())):
        pools = sorted(variant.get("InstancePools", ()), key=lambda pool: int(pool["Priority"]))
        types[variant["VariantName"]] = variant.get("InstanceType") or (pools[0]["InstanceType"] if pools else "")
    for summary in (*(variants or ()), *(shadows or ())):
        instance_type = types.get(summary["VariantName"], "")
        if instance_type:
            total[instance_type] += summary.get("DesiredInstanceCount", 0)


def refuse_beyond(call: Call, endpoint: Stored) -> None:
    """Raises ServiceError ResourceLimitExceeded where the endpoint as it is to be goes beyond a quota."""
    key = endpoint.name.lower()
    for instance_type, count in wanted(endpoint).items():
        limit = of(call, instance_type)
        others = call.records.used(call.account, call.region, instance_type, but=key)
        if others + count <= limit:
            continue
        used = call.records.used(call.account, call.region, instance_type)
        if others + count > used:  # shrinking is never refused
            raise ServiceError(
                "ResourceLimitExceeded",
                f"The account-level service limit '{instance_type}{SUFFIX}' is {limit} Instances, with current "
                f"utilization of {used} Instances and a request delta of {others + count - used} Instances. "
                "Please contact AWS support to request an increase for this limit.",
            )


def note(call: Call, endpoint: Stored, *, gone: bool = False) -> None:
    """Keep what the endpoint has in use; nothing for one that is gone or Failed."""
    free = gone or endpoint.status == "Failed"
    call.records.use(endpoint.account, endpoint.region, endpoint.name.lower(), {} if free else wanted(endpoint))


def of(call: Call, instance_type: str) -> int:
    """The quota of an instance type for endpoints."""
    kept = call.records.get("quota", call.account, call.region, instance_type)
    return int(call.settings.instance_quota if kept is None else kept)


def code(instance_type: str) -> str:
    """A made-up quota code, the same for the same type always."""
    return f"L-{hashlib.sha256(instance_type.encode()).hexdigest()[:8].upper()}"


def _types() -> list[str]:
    return sorted(shapes.service().shapes["ProductionVariantInstanceType"]["enum"])


def _quota(call: Call, instance_type: str, value: int) -> Json:
    arn = (
        f"arn:{partition(call.region)}:servicequotas:{call.region}:{call.account}:{SERVICE_CODE}/{code(instance_type)}"
    )
    return {
        "ServiceCode": SERVICE_CODE,
        "ServiceName": "Amazon SageMaker",
        "QuotaArn": arn,
        "QuotaCode": code(instance_type),
        "QuotaName": instance_type + SUFFIX,
        "Value": float(value),
        "Unit": "None",
        "Adjustable": True,
        "GlobalQuota": False,
    }


def get_service_quota(call: Call, request: Json) -> Json:
    """GetServiceQuota."""
    found = _named(request)
    return {"Quota": _quota(call, found, of(call, found))}


def get_default_quota(call: Call, request: Json) -> Json:
    """GetAWSDefaultServiceQuota."""
    return {"Quota": _quota(call, _named(request), call.settings.instance_quota)}


def list_service_quotas(call: Call, request: Json) -> Json:
    """ListServiceQuotas."""
    return _page(call, request, applied=True)


def list_default_quotas(call: Call, request: Json) -> Json:
    """ListAWSDefaultServiceQuotas."""
    return _page(call, request, applied=False)


def _named(request: Json) -> str:
    if request["ServiceCode"] == SERVICE_CODE:
        for instance_type in _types():
            if code(instance_type) == request["QuotaCode"]:
                return instance_type
    raise ServiceError("NoSuchResourceException", "The request failed because the specified quota does not exist.")


def _page(call: Call, request: Json, *, applied: bool) -> Json:
    if request["ServiceCode"] != SERVICE_CODE:
        raise ServiceError("NoSuchResourceException", "The request failed because the service does not exist.")
    after = name_of(request.get("NextToken", ""))
    rest = [name for name in _types() if name > after]
    rest = [name for name in rest if request.get("QuotaCode", code(name)) == code(name)]
    limit = request.get("MaxResults", PAGE_SIZE)
    default = call.settings.instance_quota
    answer: Json = {"Quotas": [_quota(call, name, of(call, name) if applied else default) for name in rest[:limit]]}
    if len(rest) > limit:
        answer["NextToken"] = token(rest[limit - 1])
    return answer
