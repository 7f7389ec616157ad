"""Quotas of endpoints: instances of each type and of each capacity reservation, and what serverless endpoints share.

Service Quotas tells them, but for those of reservations: an endpoint that finds no room in one fails to launch
(botocore ProductionVariantCapacityReservationConfig, "capacity-reservations-only").

In: what an endpoint is to have. Out: ResourceLimitExceeded where that is too much. An update counts both fleets of
instances, since the new one is launched beside the old one. Called by `endpoints`, `transitions` and `services`.
Sources: the message for instances, SageMaker Python SDK issue 987; that for serverless memory is captured too (its
newer last sentences); both fleets, deployment-guardrails-blue-green.md; serverless-endpoints.md for the defaults.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

from mmeplan.aws import shapes
from mmeplan.aws.partitions import partition_of
from mmeplan.simulator import deployment, fleet
from mmeplan.simulator.call import Call
from mmeplan.simulator.records import name_of, token
from mmeplan.simulator.store import Stored
from mmeplan.simulator.wire import ServiceError

Json = dict[str, Any]

SERVICE_CODE: Final = "sagemaker"
SUFFIX: Final = " for endpoint usage"
PAGE_SIZE: Final = 100


@dataclass(frozen=True, slots=True)
class Serverless:
    """A quota of serverless endpoints: its unit in messages, its default, its real code where that is known."""

    unit: str
    default: int
    code: str = ""


ENDPOINTS: Final = "Maximum number of serverless endpoints"
CONCURRENCY: Final = "Maximum total concurrency that can be allocated across all serverless endpoints"
CONCURRENCY_EACH: Final = "Maximum concurrency per serverless endpoint"
MEMORY_EACH: Final = "Memory size in MB per serverless endpoint"
SERVERLESS: Final = {
    ENDPOINTS: Serverless("Endpoints", 50),
    CONCURRENCY: Serverless("Invocations", 1000, "L-96300102"),
    CONCURRENCY_EACH: Serverless("Invocations", 200),
    MEMORY_EACH: Serverless("MBs", 6144),
}
SHARED: Final = frozenset({ENDPOINTS, CONCURRENCY})
"""All serverless endpoints of an account and region share these; the others hold for each endpoint alone."""
_LARGE_REGIONS: Final = frozenset(
    {"us-east-1", "us-east-2", "us-west-2", "ap-southeast-1", "ap-southeast-2", "ap-northeast-1", "eu-central-1"}
    | {"eu-west-1"}
)
_SMALL_CONCURRENCY: Final = 500
"""serverless-endpoints.md: a total concurrency of 1000 in the large regions, of 500 in the others."""


def wanted(endpoint: Stored) -> dict[str, int]:
    """What an endpoint has or is getting of each quota.

    Instances: of a rolling update's new fleet, only one batch. Serverless: the larger of old and new, since concurrency
    is allocated to the endpoint and not to a fleet.
    """
    body = endpoint.body
    total: Counter[str] = Counter()
    _count(total, body["config"], body["variants"], body["shadows"])
    pending = body["pending"]
    if body.get("mixed"):  # what runs of both fleets; one production variant
        new: Counter[str] = Counter()
        _count(new, body["mixed_fleet"]["config"], body["mixed_fleet"]["variants"], None)
        total = Counter({name: int(body["mixed"][2]) for name in total})
        total.update({name: int(body["mixed"][5]) for name in new})
    if pending:
        _count(total, pending["config"], *(_in_first_batch(pending, part) for part in ("variants", "shadows")))
    total |= _serverless(body["variants"]) | _serverless(pending["variants"] if pending else None)
    return {name: amount for name, amount in sorted(total.items()) if amount}


def _in_first_batch(pending: Json, part: str) -> list[Json]:
    """The variants that are launched, with the instances of the first batch."""
    return [
        {**each, "DesiredInstanceCount": deployment.first_batch(pending["in_force"], each["DesiredInstanceCount"])}
        if "DesiredInstanceCount" in each
        else each
        for each in pending[part] or ()
    ]


def _serverless(variants: list[Json] | None) -> Counter[str]:
    """What the serverless variants of a fleet take."""
    total: Counter[str] = Counter()
    for variant in variants or ():
        config = variant.get("DesiredServerlessConfig")
        if config:
            total[ENDPOINTS] = 1
            total[CONCURRENCY] += config["MaxConcurrency"]
            total[CONCURRENCY_EACH] += config["MaxConcurrency"]
            total[MEMORY_EACH] = max(total[MEMORY_EACH], config["MemorySizeInMB"])
    return total


def _count(total: Counter[str], config: Json, variants: list[Json] | None, shadows: list[Json] | None) -> None:
    types, reservations = {}, {}
    for variant in (*config["ProductionVariants"], *config.get("ShadowProductionVariants", ())):
        types[variant["VariantName"]] = variant.get("InstanceType", "")
        reservations[variant["VariantName"]] = reservation_of(variant)
    for summary in (*(variants or ()), *(shadows or ())):
        count = summary.get("DesiredInstanceCount", 0)
        for name in (types.get(summary["VariantName"], ""), reservations.get(summary["VariantName"], "")):
            total[name] += count if name else 0
        for pool in fleet.placed(summary["InstancePools"], count) if "InstancePools" in summary else ():
            total[pool["InstanceType"]] += pool["CurrentInstanceCount"]


def reservation_of(variant: Json) -> str:
    """The ARN of the capacity reservation that a variant's instances are launched into; empty where there is none."""
    return str(variant.get("CapacityReservationConfig", {}).get("MlReservationArn", ""))


def is_reservation(name: str) -> bool:
    """Whether a quota is the size of a capacity reservation: its name is an ARN."""
    return name.startswith("arn:")


def full_reservation(call: Call, endpoint: Stored) -> str | None:
    """Why an endpoint as it is to be can't be launched: a capacity reservation has no room for it. None: there is."""
    key = endpoint.name.lower()
    for name, amount in wanted(endpoint).items():
        limit = call.records.get("quota", call.account, call.region, name) if is_reservation(name) else None
        others = call.records.used(call.account, call.region, name, but=key)
        grows = others + amount > call.records.used(call.account, call.region, name)
        if limit is not None and others + amount > limit and grows:
            return f"CapacityError: The capacity reservation {name} has no capacity available for this request."
    return None


def shown_reservations(call: Call, endpoint: Stored, variants: list[Json]) -> None:
    """Fill in what DescribeEndpoint says of a reservation: its size, what is free, and what this endpoint uses."""
    own = wanted(endpoint)
    for variant in variants:
        arn = reservation_of(variant)
        size = call.records.get("quota", call.account, call.region, arn) if arn else None
        if size is not None:
            free = max(0, size - call.records.used(call.account, call.region, arn))
            counts = {"TotalInstanceCount": size, "AvailableInstanceCount": free, "UsedByCurrentEndpoint": own[arn]}
            variant["CapacityReservationConfig"] = variant["CapacityReservationConfig"] | counts


def refuse_beyond(call: Call, endpoint: Stored) -> None:
    """Raises ServiceError ResourceLimitExceeded where the endpoint as it is to be goes beyond a quota."""
    key = endpoint.name.lower()
    for name, amount in wanted(endpoint).items():
        if is_reservation(name):
            continue
        limit = of(call, name)
        alone = name in SERVERLESS and name not in SHARED
        others = 0 if alone else call.records.used(call.account, call.region, name, but=key)
        if others + amount <= limit:
            continue
        used = 0 if alone else call.records.used(call.account, call.region, name)
        if others + amount > used:  # shrinking is never refused
            raise _exceeded(name, limit, used, others + amount - used)


def _exceeded(name: str, limit: int, used: int, delta: int) -> ServiceError:
    unit, quota, advice = (
        "Instances",
        name + SUFFIX,
        "Please contact AWS support to request an increase for this limit.",
    )
    if name in SERVERLESS:
        unit, quota = SERVERLESS[name].unit, name
        advice = (
            "Please use AWS Service Quotas to request an increase for this quota. If AWS Service Quotas is not "
            "available, contact AWS support to request an increase for this quota."
        )
    return ServiceError(
        "ResourceLimitExceeded",
        f"The account-level service limit '{quota}' is {limit} {unit}, with current utilization of {used} {unit} and "
        f"a request delta of {delta} {unit}. {advice}",
    )


def note(call: Call, endpoint: Stored, *, free: bool = False) -> None:
    """Keep what the endpoint has in use; nothing for one that is Failed, or of which the caller knows (`free`)."""
    free = free or endpoint.status == "Failed"
    call.records.use(endpoint.account, endpoint.region, endpoint.name.lower(), {} if free else wanted(endpoint))


def of(call: Call, name: str) -> int:
    """The quota of an instance type for endpoints, or a serverless one by its name."""
    kept = call.records.get("quota", call.account, call.region, name)
    return _default(call, name) if kept is None else int(kept)


def _default(call: Call, name: str) -> int:
    if name not in SERVERLESS:
        return call.settings.instance_quota
    if name == CONCURRENCY and call.region not in _LARGE_REGIONS:
        return _SMALL_CONCURRENCY
    return SERVERLESS[name].default


def code(name: str) -> str:
    """The quota's code: real where it is known, else made up and the same for the same name always."""
    known = SERVERLESS[name].code if name in SERVERLESS else ""
    return known or f"L-{hashlib.sha256(name.encode()).hexdigest()[:8].upper()}"


def names() -> list[str]:
    """Every quota by its name: instance types, and the serverless ones."""
    return sorted([*shapes.service().shapes["ProductionVariantInstanceType"]["enum"], *SERVERLESS])


def _quota(call: Call, name: str, value: int) -> Json:
    arn = f"arn:{partition_of(call.region)}:servicequotas:{call.region}:{call.account}:{SERVICE_CODE}/{code(name)}"
    return {
        "ServiceCode": SERVICE_CODE,
        "ServiceName": "Amazon SageMaker",
        "QuotaArn": arn,
        "QuotaCode": code(name),
        "QuotaName": name if name in SERVERLESS else name + SUFFIX,
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
    return {"Quota": _quota(call, _named(request), _default(call, _named(request)))}


def list_service_quotas(call: Call, request: Json) -> Json:
    """ListServiceQuotas."""
    return _page(call, request, applied=True)


def list_default_quotas(call: Call, request: Json) -> Json:
    """ListAWSDefaultServiceQuotas."""
    return _page(call, request, applied=False)


def _named(request: Json) -> str:
    if request["ServiceCode"] == SERVICE_CODE:
        for name in names():
            if code(name) == request["QuotaCode"]:
                return name
    raise ServiceError("NoSuchResourceException", "The request failed because the specified quota does not exist.")


def _page(call: Call, request: Json, *, applied: bool) -> Json:
    if request["ServiceCode"] != SERVICE_CODE:
        raise ServiceError("NoSuchResourceException", "The request failed because the service does not exist.")
    after = name_of(request.get("NextToken", ""))
    rest = [name for name in names() if name > after]
    rest = [name for name in rest if request.get("QuotaCode", code(name)) == code(name)]
    limit = request.get("MaxResults", PAGE_SIZE)
    told = of if applied else _default
    answer: Json = {"Quotas": [_quota(call, name, told(call, name)) for name in rest[:limit]]}
    if len(rest) > limit:
        answer["NextToken"] = token(rest[limit - 1])
    return answer
