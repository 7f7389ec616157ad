"""The model registry: model package groups, and packages, which are versions of a group or stand alone.

In: validated requests. Out: answers. A version is stored as `GROUP/NUMBER`, as its ARN ends; its status is its
approval.
Source: botocore CreateModelPackage and its neighbours; model-registry-models.html; docs/sagemaker.md, "Model registry".
"""

from __future__ import annotations

import re
from typing import Any, Final

from mmeplan.simulator import names, refusals
from mmeplan.simulator.call import Call, seconds
from mmeplan.simulator.names import MODEL_PACKAGE, MODEL_PACKAGE_GROUP
from mmeplan.simulator.paging import Listing
from mmeplan.simulator.refusals import Asked
from mmeplan.simulator.store import Filter, Stored
from mmeplan.simulator.wire import ServiceError

Json = dict[str, Any]

APPROVED: Final = "Approved"
MISSING: Final = "missing"
"""In place of an approval: the version of a group that has no such version."""

_PENDING: Final = "PendingManualApproval"
_TOKEN: Final = "model-package-token"  # noqa: S105  (a kind of record)
_NOT_KEPT: Final = frozenset(
    {"ModelPackageName", "ModelPackageGroupName", "ModelApprovalStatus", "ClientToken", "Tags"}
)
_REPLACED: Final = (
    *("ApprovalDescription", "ModelPackageRegistrationType", "InferenceSpecification", "SourceUri", "ModelCard"),
    "ModelLifeCycle",
)
"""Members of UpdateModelPackage that take the place of what was there."""
_MOST_SPECIFICATIONS: Final = 15
_PACKAGE_ARN: Final = re.compile(r"arn:aws[a-z-]*:sagemaker:([a-z0-9-]*):(\d{12}):model-package/(.+)", re.ASCII)


# -- groups ------------------------------------------------------------------------------------------------------------


def create_group(call: Call, request: Json) -> Json:
    """CreateModelPackageGroup."""
    refusals.refuse(refusals.CREATE_GROUP, Asked(request))
    name = request["ModelPackageGroupName"]
    taken = call.store.arn(*call.scope(MODEL_PACKAGE_GROUP), name)
    if taken is not None:
        raise names.registered_already(MODEL_PACKAGE_GROUP, taken)
    kept = {key: value for key, value in request.items() if key not in _NOT_KEPT}
    arn = call.new(MODEL_PACKAGE_GROUP, name, {"described": kept, "last_version": 0}, request)
    return {"ModelPackageGroupArn": arn}


def describe_group(call: Call, request: Json) -> Json:
    """DescribeModelPackageGroup. Who created it isn't known."""
    return _group_summary(_group(call, request)) | {"CreatedBy": {}}


def delete_group(call: Call, request: Json) -> None:
    """DeleteModelPackageGroup: of an empty group."""
    group = _group(call, request)
    if _versions(call, group):
        message = f"ModelPackageGroup {group.arn} contains model packages; delete them first."
        raise ServiceError("ConflictException", message)
    call.store.delete(group.seq)


def _versions(call: Call, group: Stored) -> list[Stored]:
    return call.store.page(
        call.scope(MODEL_PACKAGE),
        column="seq",
        descending=False,
        after=None,
        filters=[_of_group(group)],
        limit=1,
    )


def _of_group(group: Stored) -> Filter:
    return Filter("instr(name_lower, ?) = 1", f"{group.name.lower()}/")


def _group(call: Call, request: Json) -> Stored:
    return _existing(call, MODEL_PACKAGE_GROUP, request["ModelPackageGroupName"])


def _existing(call: Call, kind: str, given: str) -> Stored:
    """The caller's group or package of that name or ARN.

    Raises ServiceError where there is none: in the service's words, which name the ARN.
    """
    region = refusals.region_of(given)
    if region and region != call.region:
        raise names.invalid(f"ARN should be scoped to correct region: {call.region}")
    name = given.split(f":{kind}/", 1)[1] if f":{kind}/" in given else given
    arn = given if region else call.arn(kind, name)
    found = None if ":" in name else call.store.find(*call.scope(kind), name)
    if found is None or (region and given.split(":")[4] != call.account):
        raise names.does_not_exist(kind, arn)
    return found


# -- packages ----------------------------------------------------------------------------------------------------------


def create_package(call: Call, request: Json) -> Json:
    """CreateModelPackage: the next version of a group, or a package of its own; Completed at once.

    A ClientToken that was used makes nothing again.
    """
    refusals.refuse(refusals.CREATE_PACKAGE, Asked(request))
    token = request.get("ClientToken", "")
    made = call.records.get(_TOKEN, call.account, call.region, token) if token else None
    if made is not None:
        return {"ModelPackageArn": made}
    content = {key: value for key, value in request.items() if key not in _NOT_KEPT}
    if "ModelPackageGroupName" in request:
        group = _group(call, request)
        group.body["last_version"] += 1
        name, status = f"{group.name}/{group.body['last_version']}", request.get("ModelApprovalStatus", _PENDING)
        call.store.update(group)
    else:
        name, status = request["ModelPackageName"], ""
        taken = call.store.arn(*call.scope(MODEL_PACKAGE), name)
        if taken is not None:
            raise names.registered_already(MODEL_PACKAGE, taken)
    arn = call.new(MODEL_PACKAGE, name, content, request, status=status)
    if token:
        call.records.put(_TOKEN, call.account, call.region, token, arn)
    return {"ModelPackageArn": arn}


def describe_package(call: Call, request: Json) -> Json:
    """DescribeModelPackage. Of a version it names the group, and no ModelPackageName, as AWS's samples show."""
    package = _existing(call, MODEL_PACKAGE, request["ModelPackageName"])
    answer = {"CertifyForMarketplace": False, **package.body, **_package_summary(package)}
    answer["ModelPackageStatusDetails"] = {"ValidationStatuses": [], "ImageScanStatuses": []}
    if package.modified_us != package.created_us:
        answer["LastModifiedTime"] = seconds(package.modified_us)
    return answer


def update_package(call: Call, request: Json) -> Json:
    """UpdateModelPackage: its approval, and what else may change."""
    package = _existing(call, MODEL_PACKAGE, request["ModelPackageArn"])
    body = package.body
    if "ModelApprovalStatus" in request:
        if not package.status:
            raise names.invalid(f"ModelPackage {package.arn} is not versioned, and has no approval status.")
        package.status = request["ModelApprovalStatus"]
    added = [
        *body.get("AdditionalInferenceSpecifications", ()),
        *request.get("AdditionalInferenceSpecificationsToAdd", ()),
    ]
    if len(added) > _MOST_SPECIFICATIONS:
        raise names.invalid(f"A model package has at most {_MOST_SPECIFICATIONS} AdditionalInferenceSpecifications.")
    removed = request.get("CustomerMetadataPropertiesToRemove", ())
    properties = {k: v for k, v in body.get("CustomerMetadataProperties", {}).items() if k not in removed}
    changed = {member: request[member] for member in _REPLACED if member in request} | {
        "AdditionalInferenceSpecifications": added,
        "CustomerMetadataProperties": properties | request.get("CustomerMetadataProperties", {}),
    }
    package.body = {member: value for member, value in (body | changed).items() if value not in ([], {})}
    package.modified_us = call.now_us
    call.store.update(package)
    return {"ModelPackageArn": package.arn}


def delete_package(call: Call, request: Json) -> None:
    """DeleteModelPackage: models that were made of it stay. A version's number isn't given again."""
    call.store.delete(_existing(call, MODEL_PACKAGE, request["ModelPackageName"]).seq)


def approvals(call: Call, containers: list[Json]) -> dict[str, str]:
    """The approval of each package that these containers are made of, as far as the registry has it, by its name there.

    MISSING where a group is there and its version isn't; a package of which nothing is known is left out, and so is one
    that isn't versioned.
    """
    found: dict[str, str] = {}
    for given in (container["ModelPackageName"] for container in containers if "ModelPackageName" in container):
        match = _PACKAGE_ARN.fullmatch(given)
        region, account, name = match.groups() if match else (call.region, call.account, given)
        package = call.store.find(MODEL_PACKAGE, account, region, name)
        if package is not None:
            found[given] = package.status or APPROVED
        elif "/" in name and call.store.find(MODEL_PACKAGE_GROUP, account, region, name.rpartition("/")[0]):
            found[given] = MISSING
    return found


# -- lists -------------------------------------------------------------------------------------------------------------


def _group_summary(group: Stored) -> Json:
    return {
        **group.body["described"],
        "ModelPackageGroupName": group.name,
        "ModelPackageGroupArn": group.arn,
        "CreationTime": seconds(group.created_us),
        "ModelPackageGroupStatus": "Completed",
    }


_SUMMARISED: Final = ("ModelPackageDescription", "ModelLifeCycle", "ModelPackageRegistrationType")


def _package_summary(package: Stored) -> Json:
    name, _, version = package.name.rpartition("/")
    named: Json = {"ModelPackageName": version}
    if name:
        named = {"ModelPackageGroupName": name, "ModelPackageVersion": int(version)}
        named["ModelApprovalStatus"] = package.status
    return {
        **named,
        **{member: package.body[member] for member in _SUMMARISED if member in package.body},
        "ModelPackageArn": package.arn,
        "CreationTime": seconds(package.created_us),
        "ModelPackageStatus": "Completed",
    }


def _among_groups(_: Call, request: Json) -> list[Filter]:
    """None of other accounts is shared with the caller."""
    return [Filter("? = 1", 0)] if request.get("CrossAccountFilterOption") == "CrossAccount" else []


def _among_packages(call: Call, request: Json) -> list[Filter]:
    """Those of a group; else the unversioned ones, unless others are asked for."""
    filters = [Filter("status = ?", request["ModelApprovalStatus"])] if "ModelApprovalStatus" in request else []
    if "ModelPackageGroupName" in request:
        return [*filters, _of_group(_group(call, request))]
    kind = request.get("ModelPackageType", "Unversioned")
    return filters if kind == "Both" else [*filters, Filter("(instr(name_lower, '/') > 0) = ?", kind == "Versioned")]


GROUPS: Final = Listing(
    MODEL_PACKAGE_GROUP, "ModelPackageGroupSummaryList", _group_summary, order="Ascending", among=_among_groups
)
PACKAGES: Final = Listing(
    MODEL_PACKAGE, "ModelPackageSummaryList", _package_summary, order="Ascending", among=_among_packages
)
