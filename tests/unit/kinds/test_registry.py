"""The registry against botocore's models: each kind's operations, identity, answers and references are there."""

from __future__ import annotations

import pytest

from mmeplan.aws.shapes import ServiceModel, service
from mmeplan.kinds import ENDPOINT, ENDPOINT_CONFIG, MODEL, SCALING_POLICY, Kind, Lifecycle, kind_of_operation, kinds
from tests.unit.kinds.coming import ALARM, COMING

DESCRIBED = [kind for kind in kinds() if not kind.is_gathered]  # the others have operations of mmeplan's own
KINDS = pytest.mark.parametrize("kind", [*DESCRIBED, *COMING], ids=lambda kind: kind.name)


def inputs(model: ServiceModel, operation: str) -> dict[str, str]:
    return model.members(str(model.input_shape(operation)))


@KINDS
def test_its_service_has_each_of_its_operations(kind: Kind) -> None:
    model = service(kind.service)
    assert set(kind.operations) <= set(model.operations)
    assert kind.list_operation in model.operations


@KINDS
def test_its_identity_is_in_each_request(kind: Kind) -> None:
    model = service(kind.service)
    for operation in kind.operations:
        several = operation == kind.describe_operation or (kind.deletes_many and operation == kind.delete_operation)
        wanted = {kind.plural.get(m, m) if several else m for m in kind.identity_members}
        assert wanted <= set(inputs(model, operation)), operation


@KINDS
def test_an_answer_has_what_is_read_of_it(kind: Kind) -> None:
    model = service(kind.service)
    members = model.members(kind.answer_shape(model))
    needed = {*kind.needed_members, *kind.unreadable}
    assert needed <= {*members, *(kind.identity_members if not kind.word else ())}
    assert kind.listed in model.members(str(model.output_shape(kind.list_operation)))


@pytest.mark.parametrize(
    "kind", [kind for kind in (*DESCRIBED, *COMING[:2]) if not kind.is_swapped], ids=lambda kind: kind.name
)
def test_an_answers_members_are_those_of_the_create_or_known_to_be_an_answers_only(kind: Kind) -> None:
    """A member that a new botocore adds to answers alone would get into digests."""
    model = service(kind.service)
    sent = {*inputs(model, kind.create_operation), "ResponseMetadata"} - set(kind.identity_members)
    assert set(model.members(kind.answer_shape(model))) <= sent | kind.answer_only


@KINDS
def test_tags_are_part_of_the_create_of_what_tags_own(kind: Kind) -> None:
    assert not kind.is_tagged or "Tags" in inputs(service(kind.service), kind.create_operation)


def test_what_digests_depend_on_is_pinned() -> None:
    assert MODEL.answer_only == {
        "ModelName",
        "ModelArn",
        "CreationTime",
        "DeploymentRecommendation",
        "ResponseMetadata",
        "Tags",
    }
    assert ENDPOINT_CONFIG.answer_only == {
        "EndpointConfigName",
        "EndpointConfigArn",
        "CreationTime",
        "ResponseMetadata",
        "Tags",
    }


def test_an_operation_is_about_one_kind() -> None:
    operations = [operation for kind in kinds() for operation in kind.operations]
    assert len(operations) == len(set(operations))
    assert {op: kind_of_operation(op) for op in operations} == {op: kind for kind in kinds() for op in kind.operations}
    assert kind_of_operation("AddTags") is None


def test_what_is_referred_to_comes_first() -> None:
    assert [kind.name for kind in DESCRIBED][:3] == ["model", "endpoint_config", "endpoint"]
    assert ENDPOINT_CONFIG.referrers == (ENDPOINT,)
    assert MODEL.referrers == (ENDPOINT_CONFIG,)


def test_lifecycles() -> None:
    assert {kind.name: kind.lifecycle for kind in (MODEL, ENDPOINT_CONFIG, ENDPOINT)} == {
        "model": Lifecycle.IMMUTABLE,
        "endpoint_config": Lifecycle.IMMUTABLE,
        "endpoint": Lifecycle.SWAPPED,
    }
    assert [ENDPOINT_CONFIG.is_swapped_to, MODEL.is_swapped_to, ENDPOINT.is_swapped_to] == [True, False, False]


def test_a_name_of_several_members_is_read_back() -> None:
    name = "endpoint/ranker/variant/main sagemaker:variant:DesiredInstanceCount keep busy"
    members = SCALING_POLICY.named(name)
    assert members == {
        "ServiceNamespace": "sagemaker",
        "ResourceId": "endpoint/ranker/variant/main",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
        "PolicyName": "keep busy",
    }
    assert SCALING_POLICY.name_in(members) == name
    operation, params = SCALING_POLICY.read(name)
    assert (operation, params["PolicyNames"]) == ("DescribeScalingPolicies", ["keep busy"])
    assert SCALING_POLICY.name_in(params) == name
    assert SCALING_POLICY.deletes(name) == members


def test_what_is_read_by_list_is_found_in_it_or_absent() -> None:
    answer = {"MetricAlarms": [{"AlarmName": "other"}, {"AlarmName": "errors", "Threshold": 1}]}
    assert ALARM.found(answer, "errors") == {"AlarmName": "errors", "Threshold": 1}
    assert ALARM.found({"MetricAlarms": []}, "errors") is None
    assert ALARM.deletes("errors") == {"AlarmNames": ["errors"]}
    assert ALARM.create_operation == ALARM.update_operation == "PutMetricAlarm"
