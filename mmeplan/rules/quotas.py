"""Service Quotas: what its lists tell of SageMaker's quotas for endpoints.

The account's other endpoints use the same quotas and aren't counted by rules: a fleet that alone goes beyond a quota is
found, one that doesn't may still be refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from mmeplan.kinds.resource import ApiPath, Resource
from mmeplan.live.ports import Answer
from mmeplan.rules.online import Question, Reads, UnknownError, read_whole

PAGE: Final = 100  # the most that ListServiceQuotas gives at once
ENDPOINTS: Final = " for endpoint usage"  # what follows an instance type in the name of its quota for endpoints
PARAMS: Final = {"ServiceCode": "sagemaker", "MaxResults": PAGE}


def quotas_question(resource: Resource, path: ApiPath, value: str, *wanted: int) -> Question:
    """Ask for all quotas of SageMaker; `value` is the instance type, or the quota, that `wanted` is held against."""
    return Question(resource, path, value, "ListServiceQuotas", PARAMS, pages="Quotas", wanted=wanted)


def quota_in(answer: Answer, name: str) -> float:
    """The value of a quota. Raises UnknownError where it isn't listed: then only its default is in force."""
    for quota in answer.get("Quotas") or ():
        if str(quota.get("QuotaName", "")).lower() == name.lower() and quota.get("Value") is not None:
            return float(quota["Value"])
    raise UnknownError(f"Service Quotas doesn't list the quota {name!r}")


def instance_quotas(reads: Reads, types: Iterable[str]) -> dict[str, int]:
    """The quotas of these instance types for endpoints, as Service Quotas tells them; of those that it lists.

    Nothing where the read is denied or fails: the rules about quotas make a note of that.
    """
    wanted = sorted(set(types))
    if not wanted:
        return {}
    answer = read_whole(reads, "ListServiceQuotas", PARAMS, "Quotas")
    if isinstance(answer, Exception):
        return {}
    found = {}
    for kind in wanted:
        with suppress(UnknownError):
            found[kind] = int(quota_in(answer, kind + ENDPOINTS))
    return found
