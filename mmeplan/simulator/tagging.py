"""Resource Groups Tagging: GetResources, the search over all tagged objects of an account and region.

In: validated requests. Out: pages of ARNs with their tags: SageMaker's objects, oldest first, then S3's buckets of the
region by name. Called through its `Service`.
Source: botocore resourcegroupstaggingapi, GetResources.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mmeplan.aws.partitions import partition_of
from mmeplan.simulator.blobs import Blobs
from mmeplan.simulator.call import Call
from mmeplan.simulator.wire import ServiceError

Json = dict[str, Any]

RESOURCES_PER_PAGE: Final = 50
MAX_RESOURCES_PER_PAGE: Final = 100
_BUCKET: Final = "s3/"
"""How the tokens of pages that end with a bucket begin."""
MIN_TAGS_PER_PAGE: Final = 100
MAX_TAGS_PER_PAGE: Final = 500
"""A resource isn't split between pages, and one without tags counts as one tag."""
_EXCLUSIVE: Final = ("TagFilters", "ResourceTypeFilters", "ResourcesPerPage", "TagsPerPage", "PaginationToken")


@dataclass(frozen=True, slots=True)
class Tagged:
    """What has or had tags. `types` are the ResourceTypeFilters that it passes; `place` is its token."""

    arn: str
    tags: dict[str, str]
    types: tuple[str, str]
    place: str


def get_resources(call: Call, request: Json) -> Json:
    """GetResources: objects that have or had tags; the latter with an empty list, and only where no filter is given."""
    wanted_arns = request.get("ResourceARNList")
    if wanted_arns and any(request.get(member) for member in _EXCLUSIVE):
        raise _invalid("ResourceARNList can't be combined with filters or paging.")
    limit = request.get("ResourcesPerPage", RESOURCES_PER_PAGE)
    if not 1 <= limit <= MAX_RESOURCES_PER_PAGE:
        raise _invalid(f"ResourcesPerPage must be between 1 and {MAX_RESOURCES_PER_PAGE}.")
    most_tags = request.get("TagsPerPage", MAX_TAGS_PER_PAGE)
    if not MIN_TAGS_PER_PAGE <= most_tags <= MAX_TAGS_PER_PAGE:
        raise _invalid(f"TagsPerPage must be between {MIN_TAGS_PER_PAGE} and {MAX_TAGS_PER_PAGE}.")
    if wanted_arns:
        limit = len(wanted_arns)
    page: list[Tagged] = []
    token = ""
    for resource in _tagged(call, request.get("PaginationToken") or "0"):
        if not _matches(resource, request, wanted_arns):
            continue
        most_tags -= max(1, len(resource.tags))
        if len(page) == limit or ("TagsPerPage" in request and page and most_tags < 0):
            token = page[-1].place
            break
        page.append(resource)
    listed = [
        {"ResourceARN": item.arn, "Tags": [{"Key": key, "Value": item.tags[key]} for key in sorted(item.tags)]}
        for item in page
    ]
    return {"PaginationToken": token, "ResourceTagMappingList": listed}


def _tagged(call: Call, token: str) -> Iterator[Tagged]:
    """What has or had tags, from behind the place of a token."""
    after = token.removeprefix(_BUCKET)
    if after == token:
        for stored in call.store.tagged(call.account, call.region, _number(token)):
            types = ("sagemaker", f"sagemaker:{stored.kind}")
            yield Tagged(stored.arn, stored.tags or {}, types, str(stored.seq))
        after = ""
    for bucket in Blobs(call.store).buckets(call.account):
        if bucket.tags is not None and bucket.region == call.region and bucket.name > after:
            arn = f"arn:{partition_of(call.region)}:s3:::{bucket.name}"
            yield Tagged(arn, bucket.tags, ("s3", "s3:bucket"), _BUCKET + bucket.name)


def _matches(resource: Tagged, request: Json, wanted_arns: Sequence[str] | None) -> bool:
    if wanted_arns:
        return resource.arn in wanted_arns
    types = request.get("ResourceTypeFilters")
    if types and not set(types) & set(resource.types):
        return False
    tags = resource.tags
    return all(
        tag.get("Key") in tags and (not tag.get("Values") or tags[tag["Key"]] in tag["Values"])
        for tag in request.get("TagFilters", ())
    )


def _number(token: str) -> int:
    """The store's number of the last object shown, which isn't given twice."""
    if not (token.isascii() and token.isdigit() and len(token) < 19):
        raise ServiceError("PaginationTokenExpiredException", "The PaginationToken is not valid.")
    return int(token)


def _invalid(message: str) -> ServiceError:
    return ServiceError("InvalidParameterException", message)
