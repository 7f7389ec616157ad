"""AddTags, ListTags and DeleteTags.

In: validated requests with a ResourceArn. Out: answers; tags are kept with their object, sorted by key, and vanish
with it. Called through the table in `sagemaker`.
"""

from __future__ import annotations

from typing import Any, Final

from mmeplan.simulator import names, refusals
from mmeplan.simulator.call import Call
from mmeplan.simulator.store import Stored

Json = dict[str, Any]

TAGS_PER_RESOURCE: Final = 50
"""Source: botocore TagList; AWS's tag limit per resource."""


def add_tags(call: Call, request: Json) -> Json:
    """AddTags: overwrites the values of keys that exist. Answers all tags of the resource."""
    refusals.refuse(refusals.ADD_TAGS, refusals.Asked(request))
    resource = _writable(call, request["ResourceArn"])
    tags = (resource.tags or {}) | {tag["Key"]: tag["Value"] for tag in request["Tags"]}
    if len(tags) > TAGS_PER_RESOURCE:
        raise names.invalid(f"The resource can't have more than {TAGS_PER_RESOURCE} tags.")
    if tags:
        call.store.set_tags(resource.seq, tags)
    return {"Tags": _listed(tags)}


def list_tags(call: Call, request: Json) -> Json:
    """ListTags, by key, on one page: none is smaller than what an object may have. A NextToken is a key shown."""
    tags = _listed(_resource(call, request["ResourceArn"]).tags or {})
    return {"Tags": [tag for tag in tags if tag["Key"] > request.get("NextToken", "")]}


def delete_tags(call: Call, request: Json) -> Json:
    """DeleteTags: keys that aren't there are ignored."""
    resource = _writable(call, request["ResourceArn"])
    if resource.tags is not None:
        left = {key: value for key, value in resource.tags.items() if key not in request["TagKeys"]}
        call.store.set_tags(resource.seq, left)
    return {}


def _writable(call: Call, arn: str) -> Stored:
    """As `_resource`, but for versions of model packages, which have no tags of their own."""
    if arn.partition(f":{names.MODEL_PACKAGE}/")[2].count("/"):
        raise names.invalid(f"{arn} uses the tags of its model package group.")
    return _resource(call, arn)


def _resource(call: Call, arn: str) -> Stored:
    """The caller's object of that ARN. Raises ServiceError `Could not find …`, for other accounts' and regions' too."""
    parts = names.parsed(arn)
    if parts is None:
        raise names.could_not_find("", arn)
    kind, account, region, name = parts
    if (
        kind == names.MODEL_PACKAGE and "/" in name
    ):  # "uses the tags associated with the model group": CreateModelPackage
        kind, name = names.MODEL_PACKAGE_GROUP, name.partition("/")[0]
    found = call.store.find(kind, account, region, name)
    if found is None or (account, region) != (call.account, call.region):
        raise names.could_not_find(kind, arn)
    return found


def _listed(tags: dict[str, str]) -> list[Json]:
    return [{"Key": key, "Value": tags[key]} for key in sorted(tags)]
