"""The service's own constraints: each kind broken once, and the sentences it answers with."""

from __future__ import annotations

from typing import Any

import pytest

from mmeplan.aws.constraints import validation_message, violations
from mmeplan.aws.shapes import service

VARIANT = {"VariantName": "v", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}


def config(**variant: Any) -> dict[str, Any]:
    return {"EndpointConfigName": "c", "ProductionVariants": [{**VARIANT, **variant}]}


def found(request: Any, shape: str = "CreateEndpointConfigInput") -> list[tuple[Any, ...]]:
    return [(v.constraint, v.path, v.bound) for v in violations(service(), shape, request)]


def test_a_right_request_breaks_nothing() -> None:
    assert found(config()) == []
    assert found(config(AcceleratorType=None)) == []


@pytest.mark.parametrize(
    ("variant", "constraint", "member"),
    [
        ({"InitialInstanceCount": 0}, "min", "InitialInstanceCount"),
        ({"InitialInstanceCount": True}, "type", "InitialInstanceCount"),
        ({"InitialInstanceCount": 1.0}, "type", "InitialInstanceCount"),
        ({"InitialVariantWeight": float("nan")}, "min", "InitialVariantWeight"),
        ({"VolumeSizeInGB": 513}, "max", "VolumeSizeInGB"),
        ({"InstanceType": "m5"}, "enum", "InstanceType"),
        ({"ModelName": "-m"}, "pattern", "ModelName"),
        ({"ModelName": "m\n"}, "pattern", "ModelName"),
        ({"ModelName": "m" * 64}, "max_length", "ModelName"),
        ({"ModelName": 3}, "type", "ModelName"),
        ({"EnableSSMAccess": "yes"}, "type", "EnableSSMAccess"),
        ({"Nope": 1}, "unknown", "Nope"),
        ({"VariantName": None}, "required", "VariantName"),
        ({"ServerlessConfig": []}, "type", "ServerlessConfig"),
        ({"InstancePools": []}, "min_length", "InstancePools"),
    ],
)
def test_each_kind_of_constraint_is_enforced_at_its_place(
    variant: dict[str, Any], constraint: str, member: str
) -> None:
    assert [f[:2] for f in found(config(**variant))] == [(constraint, ("ProductionVariants", 0, member))]


def test_keys_and_values_of_a_map_are_checked() -> None:
    container = {"Image": "x", "Environment": {"1A": "x", "OK": 3}}
    request = {"ModelName": "m", "PrimaryContainer": container}
    assert [f[0] for f in found(request, "CreateModelInput")] == ["pattern", "type"]


def test_the_service_path_counts_from_one_and_begins_in_lower_case() -> None:
    broken = violations(service(), "CreateEndpointConfigInput", config(InstanceType="m5", InitialInstanceCount=0))
    assert broken[0].service_path.startswith("productionVariants.1.member.")
    assert validation_message(broken).startswith("2 validation errors detected: Value ")
    assert validation_message(broken[:1]).startswith("1 validation error detected: Value ")


def test_the_length_of_a_body_is_checked_and_a_sensitive_value_is_not_told() -> None:
    runtime = service("sagemaker-runtime")
    request = {"EndpointName": "e", "Body": b"x" * 6_291_457, "CustomAttributes": "ä"}
    assert validation_message(violations(runtime, "InvokeEndpointInput", request)) == (
        "2 validation errors detected: Value at 'body' failed to satisfy constraint: Member must have length less than "
        "or equal to 6291456; Value at 'customAttributes' failed to satisfy constraint: Member must satisfy regular "
        r"expression pattern: \p{ASCII}*"
    )
    assert (
        violations(runtime, "InvokeEndpointInput", request | {"Body": b"x" * 6_291_456, "CustomAttributes": ""}) == []
    )
    assert [v.constraint for v in violations(runtime, "InvokeEndpointInput", {"EndpointName": "e", "Body": 1})] == [
        "type"
    ]


def test_what_is_wrong_with_keys_values_and_plain_members_is_told_of_the_whole() -> None:
    container = {"Image": "x", "Environment": {"A": "x" * 1025, "1B": "y", "2B": "z"}}
    vpc = {"SecurityGroupIds": ["sg-1", "sg_2", "sg_3"], "Subnets": ["subnet-1"]}
    request = {"ModelName": "m", "PrimaryContainer": container, "VpcConfig": vpc}
    broken = violations(service(), "CreateModelInput", request)
    assert [v.path for v in broken] == [
        ("PrimaryContainer", "Environment", "A"),
        ("PrimaryContainer", "Environment", "1B"),
        ("PrimaryContainer", "Environment", "2B"),
        ("VpcConfig", "SecurityGroupIds", 1),
        ("VpcConfig", "SecurityGroupIds", 2),
    ]
    assert validation_message(broken) == (
        "3 validation errors detected: "
        f"Value '{{A={'x' * 1025}, 1B=y, 2B=z}}' at 'primaryContainer.environment' failed to satisfy constraint: "
        "Map value must satisfy constraint: [Member must have length less than or equal to 1024, Member must have "
        r"length greater than or equal to 0, Member must satisfy regular expression pattern: [\S\s]*]; "
        f"Value '{{A={'x' * 1025}, 1B=y, 2B=z}}' at 'primaryContainer.environment' failed to satisfy constraint: "
        "Map keys must satisfy constraint: [Member must have length less than or equal to 1024, Member must have "
        "length greater than or equal to 0, Member must satisfy regular expression pattern: [a-zA-Z_][a-zA-Z0-9_]*]; "
        "Value '[sg-1, sg_2, sg_3]' at 'vpcConfig.securityGroupIds' failed to satisfy constraint: Member must satisfy "
        "constraint: [Member must have length less than or equal to 32, Member must have length greater than or equal "
        "to 0, Member must satisfy regular expression pattern: [-0-9a-zA-Z]+]"
    )
