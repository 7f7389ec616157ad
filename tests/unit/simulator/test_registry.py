"""The model registry: groups, the versions in them, their approval, and the models that are made of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mmeplan.simulator import registry, services
from mmeplan.simulator.call import Operation
from tests.unit.simulator.conftest import Refused

ARN = "arn:aws:sagemaker:eu-west-1:123456789012"
IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/ranker:1"
SPECIFICATION = {"Containers": [{"Image": IMAGE, "ModelDataUrl": "s3://acme/ranker.tar.gz"}]}


def group(world, name="ranker", **members):
    return world("CreateModelPackageGroup", ModelPackageGroupName=name, **members)["ModelPackageGroupArn"]


def version(world, group="ranker", **members):
    members = {"ModelPackageGroupName": group, "InferenceSpecification": SPECIFICATION, **members}
    return world("CreateModelPackage", **members)["ModelPackageArn"]


def approve(world, arn, status="Approved", **members):
    return world("UpdateModelPackage", ModelPackageArn=arn, ModelApprovalStatus=status, **members)


def of_package(world, name, **members):
    """CreateModel of a package."""
    container = {"ModelPackageName": name}
    role = "arn:aws:iam::123456789012:role/serving"
    return world(
        "CreateModel", **{"ModelName": "m", "ExecutionRoleArn": role, "PrimaryContainer": container, **members}
    )


def refusal_of(world, name, **members):
    try:
        of_package(world, name, **members)
    except Refused as refusal:
        return refusal.message
    return ""


def listed(world, operation="ListModelPackages", **members):
    answer = world(operation, **members)
    (summaries,) = (value for key, value in answer.items() if key != "NextToken")
    return [
        (found.get("ModelPackageArn") or found["ModelPackageGroupArn"]).removeprefix(f"{ARN}:") for found in summaries
    ]


def life(world) -> None:
    """The registry against what is documented, from the first group to the last deletion."""
    group(world)
    first, second = version(world), version(world, ModelApprovalStatus="Approved")
    assert (first, second) == (f"{ARN}:model-package/ranker/1", f"{ARN}:model-package/ranker/2")
    assert world("DescribeModelPackage", ModelPackageName=first)["ModelApprovalStatus"] == "PendingManualApproval"
    for status, made in (("Rejected", False), ("PendingManualApproval", False), ("Approved", True)):
        approve(world, first, status)
        told = refusal_of(world, first, ModelName=f"m-{status.lower()}")
        assert told == ("" if made else f"ModelPackage {first} is {status}: only an Approved version can be deployed.")
    world("DeleteModelPackage", ModelPackageName=second)
    assert version(world) == f"{ARN}:model-package/ranker/3"
    assert listed(world, ModelPackageGroupName="ranker") == ["model-package/ranker/1", "model-package/ranker/3"]
    assert listed(world, ModelPackageGroupName="ranker", ModelApprovalStatus="Approved") == ["model-package/ranker/1"]
    token = {"ClientToken": "once"}
    assert version(world, **token) == version(world, **token) == f"{ARN}:model-package/ranker/4"
    with pytest.raises(Exception, match="contains model packages"):
        world("DeleteModelPackageGroup", ModelPackageGroupName="ranker")
    for number in (1, 3, 4):
        world("DeleteModelPackage", ModelPackageName=f"{ARN}:model-package/ranker/{number}")
    world("DeleteModelPackageGroup", ModelPackageGroupName="ranker")
    assert listed(world, "ListModelPackageGroups") == []


def test_a_life_of_the_registry(world) -> None:
    life(world)


def operation(patch: pytest.MonkeyPatch, name: str, run: Callable[..., Any]) -> None:
    table: Any = services.SAGEMAKER.operations
    true = table[name]
    patch.setitem(table, name, Operation(lambda c, r: run(true.run, c, r), true.writes, true.subject))


def deploy_what_is_not_approved(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(registry, "approvals", lambda *_: {})


def give_a_number_again(patch: pytest.MonkeyPatch) -> None:
    def run(true: Any, call: Any, request: Any) -> Any:
        true(call, request)
        left = registry._group(call, {"ModelPackageGroupName": "ranker"})
        left.body["last_version"] -= 1
        call.store.update(left)

    operation(patch, "DeleteModelPackage", run)


def approve_whatever_is_asked(patch: pytest.MonkeyPatch) -> None:
    operation(patch, "UpdateModelPackage", lambda true, c, r: true(c, {**r, "ModelApprovalStatus": "Approved"}))


def make_a_version_again_when_its_answer_is_lost(patch: pytest.MonkeyPatch) -> None:
    operation(
        patch, "CreateModelPackage", lambda true, c, r: true(c, {k: v for k, v in r.items() if k != "ClientToken"})
    )


def delete_a_group_with_its_versions(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(registry, "_versions", lambda *_: [])


@pytest.mark.parametrize(
    "bug",
    [
        deploy_what_is_not_approved,
        give_a_number_again,
        approve_whatever_is_asked,
        make_a_version_again_when_its_answer_is_lost,
        delete_a_group_with_its_versions,
    ],
    ids=lambda bug: bug.__name__,
)
def test_the_life_finds_a_planted_bug(bug: Callable[..., None], world, monkeypatch: pytest.MonkeyPatch) -> None:
    bug(monkeypatch)
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        life(world)


def test_a_group_is_described_and_listed(world, refused):
    arn = group(world, ModelPackageGroupDescription="models that rank", Tags=[{"Key": "team", "Value": "search"}])
    assert arn == f"{ARN}:model-package-group/ranker"
    described = world("DescribeModelPackageGroup", ModelPackageGroupName=arn)
    assert described == {
        "ModelPackageGroupName": "ranker",
        "ModelPackageGroupArn": arn,
        "ModelPackageGroupDescription": "models that rank",
        "ModelPackageGroupStatus": "Completed",
        "CreationTime": 1767225600.0,
        "CreatedBy": {},
    }
    assert refused(group, world, "Ranker") == f"Model Package Group already exists: {arn}"
    group(world, "other")
    assert listed(world, "ListModelPackageGroups") == ["model-package-group/ranker", "model-package-group/other"]
    assert listed(world, "ListModelPackageGroups", NameContains="rank") == ["model-package-group/ranker"]
    assert listed(world, "ListModelPackageGroups", SortOrder="Descending", MaxResults=1) == [
        "model-package-group/other"
    ]
    assert listed(world, "ListModelPackageGroups", CrossAccountFilterOption="CrossAccount") == []


def test_a_version_is_described_with_what_was_sent_and_what_changed(world):
    group(world)
    arn = version(world, CustomerMetadataProperties={"a": "1", "b": "2"}, Domain="MACHINE_LEARNING", Task="OTHER")
    world.sim.clock.sleep(60)
    extra = {"Name": "neo", "Containers": [{"Image": IMAGE}]}
    changed = {"CustomerMetadataProperties": {"c": "3"}, "CustomerMetadataPropertiesToRemove": ["a"]}
    approve(world, arn, ApprovalDescription="good", AdditionalInferenceSpecificationsToAdd=[extra], **changed)
    assert world("DescribeModelPackage", ModelPackageName=arn) == {
        "ModelPackageGroupName": "ranker",
        "ModelPackageVersion": 1,
        "ModelPackageArn": arn,
        "InferenceSpecification": SPECIFICATION,
        "AdditionalInferenceSpecifications": [extra],
        "CustomerMetadataProperties": {"b": "2", "c": "3"},
        "Domain": "MACHINE_LEARNING",
        "Task": "OTHER",
        "ApprovalDescription": "good",
        "ModelApprovalStatus": "Approved",
        "ModelPackageStatus": "Completed",
        "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
        "CertifyForMarketplace": False,
        "CreationTime": 1767225600.0,
        "LastModifiedTime": 1767225660.0,
    }


def test_a_package_of_its_own_has_no_approval_and_can_be_deployed(world, refused):
    made = world("CreateModelPackage", ModelPackageName="alone", InferenceSpecification=SPECIFICATION)[
        "ModelPackageArn"
    ]
    assert made == f"{ARN}:model-package/alone"
    described = world("DescribeModelPackage", ModelPackageName="alone")
    assert described["ModelPackageName"] == "alone"
    assert "ModelApprovalStatus" not in described
    assert "has no approval status" in refused(approve, world, made)
    assert refused(world, "CreateModelPackage", ModelPackageName="alone") == f"Model Package already exists: {made}"
    of_package(world, "alone")


def test_lists_show_what_is_not_versioned_unless_asked_for_others(world):
    group(world)
    version(world)
    world("CreateModelPackage", ModelPackageName="alone", InferenceSpecification=SPECIFICATION)
    assert listed(world) == ["model-package/alone"]
    assert listed(world, ModelPackageType="Versioned") == ["model-package/ranker/1"]
    assert listed(world, ModelPackageType="Both") == ["model-package/ranker/1", "model-package/alone"]


def test_what_is_not_in_the_registry_does_not_exist(world, refused):
    missing = f"{ARN}:model-package-group/ranker"
    for operation_name in ("DescribeModelPackageGroup", "DeleteModelPackageGroup"):
        told = refused(world, operation_name, ModelPackageGroupName="ranker")
        assert told == f"ModelPackageGroup {missing} does not exist."
    assert refused(version, world) == f"ModelPackageGroup {missing} does not exist."
    assert (
        refused(world, "ListModelPackages", ModelPackageGroupName=missing)
        == f"ModelPackageGroup {missing} does not exist."
    )
    group(world)
    gone = f"{ARN}:model-package/ranker/1"
    assert refused(world, "DescribeModelPackage", ModelPackageName=gone) == f"ModelPackage {gone} does not exist."
    assert refused(of_package, world, gone) == f"ModelPackage {gone} does not exist."
    assert refused(approve, world, gone) == f"ModelPackage {gone} does not exist."
    elsewhere = gone.replace("eu-west-1", "us-east-1")
    told = refused(world, "DescribeModelPackage", ModelPackageName=elsewhere)
    assert told == "ARN should be scoped to correct region: eu-west-1"


def test_names_are_one_of_two_and_a_version_has_no_tags_of_its_own(world, refused):
    arn = group(world, Tags=[{"Key": "team", "Value": "search"}])
    assert refused(version, world, ModelPackageName="alone").startswith("Both ModelPackageName and ")
    assert refused(world, "CreateModelPackage", InferenceSpecification=SPECIFICATION) == "Missing ARN."
    assert "Tags are not supported" in refused(version, world, Tags=[{"Key": "a", "Value": "b"}])
    made = version(world)
    assert world("ListTags", ResourceArn=made) == world("ListTags", ResourceArn=arn)
    assert "uses the tags of" in refused(world, "AddTags", ResourceArn=made, Tags=[{"Key": "a", "Value": "b"}])
    assert [found["ResourceARN"] for found in world.resources()["ResourceTagMappingList"]] == [arn]


def test_a_package_of_another_account_is_held_against_its_registry(world, refused):
    other = type(world)(world.sim, account="999999999999")
    group(other)
    shared = version(other)
    assert refused(of_package, world, shared).startswith(f"ModelPackage {shared} is PendingManualApproval: ")
    approve(other, shared)
    of_package(world, shared)
