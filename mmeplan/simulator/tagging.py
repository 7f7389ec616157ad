"""Resource Groups Tagging: GetResources, the search over all tagged objects of an account and region.

In: validated requests. Out: pages of ARNs with their tags, oldest object first. Called through its `Service`.
Source: botocore resourcegroupstaggingapi, GetResources.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from mmeplan.simulator.call import Call
from mmeplan.simulator.store import Stored
from mmeplan.simulator.wire import ServiceError

Json = dict[str, Any]

RESOURCES_PER_PAGE: Final = 50
MAX_RESOURCES_PER_PAGE: Final = 100
_EXCLUSIVE: Final = ("TagFilters", "ResourceTypeFilters", "ResourcesPerPage", "PaginationToken")


def get_resources(call: Call, request: Json) -> Json:
    """GetResources: objects that have or had tags; the latter with an empty list, and only where no filter is given."""
    wanted_arns = request.get("ResourceARNList")
    if wanted_arns and any(request.get(member) for member in _EXCLUSIVE):
        raise _invalid("ResourceARNList can't be combined with filters or paging.")
    limit = request.get("ResourcesPerPage", RESOURCES_PER_PAGE)
    if not 1 <= limit <= MAX_RESOURCES_PER_PAGE:
        raise _invalid(f"ResourcesPerPage must be between 1 and {MAX_RESOURCES_PER_PAGE}.")
    if wanted_arns:
        limit = len(wanted_arns)
    page: list[Stored] = []
    token = ""
    for resource in call.store.tagged(call.account, call.region, _after(request)):
        if not _matches(resource, request, wanted_arns):
            continue
        if len(page) == limit:
            token = str(page[-1].seq)
            break
        page.append(resource)
    listed = [
        {"ResourceARN": item.arn, "Tags": [{"Key": key, "Value": tags[key]} for key in sorted(tags)]}
        for item in page
        for tags in (item.tags or {},)
    ]
    return {"PaginationToken": token, "ResourceTagMappingList": listed}


def _matches(resource: Stored, request: Json, wanted_arns: Sequence[str] | None) -> bool:
    if wanted_arns:
        return resource.arn in wanted_arns
    types = request.get("ResourceTypeFilters")
    if types and "sagemaker" not in types and f"sagemaker:{resource.kind}" not in types:
        return False
    tags = resource.tags or {}
    return all(
        tag.get("Key") in tags and (not tag.get("Values") or tags[tag["Key"]] in tag["Values"])
        for tag in request.get("TagFilters", ())
    )


def _after(request: Json) -> int:
    """The place where a page starts: the store's number of the last object shown, which isn't given twice."""
    token = request.get("PaginationToken") or "0"
    if not (token.isascii() and token.isdigit() and len(token) < 19):
        raise ServiceError("PaginationTokenExpiredException", "The PaginationToken is not valid.")
    return int(token)


def _invalid(message: str) -> ServiceError:
    return ServiceError("InvalidParameterException", message)
