"""plan --iam: every call of a plan and its apply is allowed by the policy, and everything it allows is called."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import parse_qs

import pytest

from mmeplan import plan
from mmeplan.plan import Options
from mmeplan.plan.permissions import iam_policy
from tests.simulation.world import ACCOUNT, REGION, ROLE, Fleet, World, config, fleet, model, serverless, variant

ARN = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:"
TARGET = f"arn:aws:application-autoscaling:{REGION}:{ACCOUNT}:scalable-target/0ec5e3c1a2b34d5f6a7b8c9d0e1f2a3b"
NAMED = (("EndpointName", "endpoint"), ("EndpointConfigName", "endpoint-config"), ("ModelName", "model"))
PARTITIONS = {
    "cn-north-1": "aws-cn",
    "us-gov-west-1": "aws-us-gov",
    "us-iso-east-1": "aws-iso",
    "us-isob-east-1": "aws-iso-b",
    "eu-isoe-west-1": "aws-iso-e",
    "us-isof-south-1": "aws-iso-f",
    "eusc-de-east-1": "aws-eusc",
}
UNNEEDED = {"sts:GetCallerIdentity"}  # AWS: no permissions are required
FALLBACK = {"sagemaker:ListModels", "sagemaker:ListEndpointConfigs"}  # where the tag index can't be read, and to verify


class Recorder(World):
    """A world that notes the action and the resources of every call, as IAM would ask for them."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: set[tuple[str, str]] = set()

    def _before_send(self, request: Any, **more: Any) -> Any:
        target = request.headers.get("X-Amz-Target", b"").decode()
        if target:
            body = json.loads(request.body)
            self.asked |= set(needed(target.partition(".")[0], target.rpartition(".")[2], body))
        else:
            body = request.body if isinstance(request.body, str) else request.body.decode()
            self.asked.add((f"sts:{parse_qs(body)['Action'][0]}", "*"))
        return super()._before_send(request, **more)


def needed(service: str, operation: str, body: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Source: Service Authorization Reference, Actions of Amazon SageMaker: resource types and dependent actions.

    For DeleteEndpoint: the developer guide, endpoint-scaling.html.
    """
    if service.startswith("ResourceGroupsTagging"):
        yield f"tag:{operation}", "*"
        return
    action = f"sagemaker:{operation}"
    if operation in ("ListModels", "ListEndpoints", "ListEndpointConfigs"):
        yield action, "*"
    elif "ResourceArn" in body:
        yield action, body["ResourceArn"]
    else:
        only = {"CreateModel": "model", "CreateEndpointConfig": "endpoint-config"}.get(operation)
        arns = [f"{ARN}{kind}/{body[member]}" for member, kind in NAMED if member in body and only in (None, kind)]
        yield from ((action, arn) for arn in arns)
        if operation == "DeleteEndpoint":  # where a variant is registered, which the caller can't know beforehand
            yield "application-autoscaling:DescribeScalableTargets", "*"
            yield "application-autoscaling:DeregisterScalableTarget", TARGET
        if operation.startswith("Create") and body.get("Tags"):
            yield "sagemaker:AddTags", arns[0]
        if body.get("ExecutionRoleArn"):
            yield "iam:PassRole", body["ExecutionRoleArn"]


def policy_of(world: World, text: Fleet, **options: Any) -> tuple[plan.Plan, dict[str, Any]]:
    compiled = world.compile(text)
    snapshot = world.observe(compiled)
    made = plan.build(compiled, snapshot, created_at="now", options=Options(**options))
    return made, iam_policy(made, snapshot)


def allows(policy: dict[str, Any], action: str, resource: str) -> bool:
    return any(
        action in statement["Action"] and any(fnmatchcase(resource, pattern) for pattern in statement["Resource"])
        for statement in policy["Statement"]
    )


A, B = config(main=variant()), config(main=variant(instance_type="ml.m5.xlarge"))
LIVES: dict[str, tuple[Fleet, Fleet]] = {
    "create": (fleet(models={}), fleet({"Ranker": {"config": A}})),
    "swap": (fleet({"r": {"config": A}}), fleet({"r": {"config": B}}, models={"ranker": model("2")}, retain=0)),
    "scale": (fleet({"r": {"config": A}}), fleet({"r": {"config": config(main=variant(count=5))}})),
    "delete": (fleet({"r": {"config": A}, "s": {"config": A}}), fleet({"r": {"config": A}}, retain=0)),
    "recreate": (fleet({"r": {"config": A}}), fleet({"r": {"config": config(main=serverless())}})),
    "tags": (
        fleet({"r": {"config": A}}, defaults={"tags": {"a": "1", "b": "1"}}),
        fleet({"r": {"config": A}}, defaults={"tags": {"a": "2"}}),
    ),
    "nothing": (fleet({"r": {"config": A}}), fleet({"r": {"config": A}})),
}


@pytest.mark.parametrize("name", LIVES)
def test_what_is_called_is_allowed_and_what_is_allowed_is_called(name: str) -> None:
    before, after = LIVES[name]
    with Recorder() as world:
        if before["endpoints"]:
            world.live_through(before)
        world.asked.clear()
        made, policy = policy_of(world, after, allow_outage=("endpoint/r",))
        if made.steps:
            assert world.apply(made).complete
        refused = {asked for asked in world.asked if not allows(policy, *asked)}
        assert {action for action, _ in refused} <= UNNEEDED, refused
        actions = {action for statement in policy["Statement"] for action in statement["Action"]}
        assert actions - {action for action, _ in world.asked} <= FALLBACK | {
            "sagemaker:ListTags",
            "sagemaker:ListEndpoints",
        }
        writes = {
            (action, arn)
            for statement in policy["Statement"]
            if statement["Sid"].startswith(("Write", "DeleteOwn"))
            for action in statement["Action"]
            for arn in statement["Resource"]
        }
        asked = {(action, arn.lower()) for action, arn in world.asked}
        assert {(action, arn.lower()) for action, arn in writes} <= asked
        if "Action" in policy["Statement"][0]:
            assert not any("*" in arn for action, arn in writes)


def test_a_policy_is_as_iam_wants_it() -> None:
    with World() as world:
        _, policy = policy_of(world, fleet({"r": {"config": A}}))
        assert set(policy) == {"Version", "Statement"}
        assert policy["Version"] == "2012-10-17"
        for statement in policy["Statement"]:
            assert set(statement) <= {"Sid", "Effect", "Action", "Resource", "Condition"}
            assert statement["Sid"].isalnum()
            assert statement["Action"] == sorted(set(statement["Action"]))
            assert statement["Resource"]
        assert len({statement["Sid"] for statement in policy["Statement"]}) == len(policy["Statement"])
        role = next(statement for statement in policy["Statement"] if statement["Sid"] == "PassRoles")
        assert role["Resource"] == [ROLE]
        assert role["Condition"] == {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}


def test_deletions_are_bound_to_the_tag_and_scan_all_endpoints() -> None:
    before, after = LIVES["delete"]
    with World() as world:
        world.live_through(before)
        _, policy = policy_of(world, after)
        deletes = [s for s in policy["Statement"] if any("Delete" in action for action in s["Action"])]
        assert deletes
        assert all(s["Condition"] == {"StringEquals": {"aws:ResourceTag/mmeplan:fleet": "f"}} for s in deletes)
        assert allows(policy, "sagemaker:DescribeEndpoint", f"{ARN}endpoint/theirs")
        _, quiet = policy_of(world, before)
        assert not allows(quiet, "sagemaker:DescribeEndpoint", f"{ARN}endpoint/theirs")


def test_where_nothing_is_there_and_nothing_is_wanted_the_inventory_is_all_that_is_read() -> None:
    with World() as world:
        _, policy = policy_of(world, fleet({}, models={}))
    assert [statement["Sid"] for statement in policy["Statement"]] == ["ReadInventory"]


def test_only_what_deletes_endpoints_may_deregister_and_only_targets_of_sagemaker() -> None:
    with World() as world:
        world.live_through(fleet({"r": {"config": A}}))
        swap = policy_of(world, fleet({"r": {"config": B}}, retain=0))[1]
        gone = policy_of(world, fleet({}, models={}))[1]
    assert not allows(swap, "application-autoscaling:DeregisterScalableTarget", TARGET)
    assert "application-autoscaling" not in json.dumps(swap)
    deregister = next(s for s in gone["Statement"] if s["Sid"] == "DeregisterScaling")
    assert deregister["Resource"] == [TARGET.rpartition("/")[0] + "/*"]
    assert deregister["Condition"] == {"StringEquals": {"application-autoscaling:service-namespace": "sagemaker"}}


KEY = "1234abcd-12ab-34cd-56ef-1234567890ab"
THEIRS = f"arn:aws:kms:{REGION}:999999999999:key/{KEY}"
FOR_SERVICES = {"Bool": {"kms:GrantIsForAWSResource": "true"}}
BY_ALIAS = {**FOR_SERVICES, "ForAnyValue:StringEquals": {"kms:ResourceAliases": ["alias/fleet/volumes"]}}


@pytest.mark.parametrize(
    ("key", "resource", "condition"),
    [
        (KEY, f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{KEY}", FOR_SERVICES),
        (THEIRS, THEIRS, FOR_SERVICES),
        ("alias/fleet/volumes", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/*", BY_ALIAS),
        (f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/fleet/volumes", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/*", BY_ALIAS),
    ],
)
def test_endpoints_with_a_key_need_a_grant_on_it_whether_their_config_is_new_or_live(
    key: str, resource: str, condition: dict[str, Any]
) -> None:
    keyed = fleet({"r": {"config": {**A, "kms_key_id": key}}}, retain=2)
    with World() as world:
        new = policy_of(world, keyed)[1]
        world.live_through(keyed)
        world.live_through(fleet({"r": {"config": B}}, retain=2))
        plain = policy_of(world, fleet({"r": {"config": B}}, retain=2))[1]
        made, back = policy_of(world, keyed)
    assert "CreateEndpointConfig" not in [step.operation for step in made.steps]
    for policy in (new, back):
        (grant,) = [statement for statement in policy["Statement"] if statement["Action"] == ["kms:CreateGrant"]]
        assert (grant["Resource"], grant["Condition"]) == ([resource], condition)
    assert "kms:" not in json.dumps(plain)


def test_other_partitions_have_their_arns() -> None:
    with World() as world:
        compiled = world.compile(fleet({"r": {"config": A}}))
        snapshot = world.observe(compiled)
        made = plan.build(compiled, snapshot, created_at="now")
        for region, partition in PARTITIONS.items():
            policy = iam_policy(replace(made, region=region), snapshot)
            assert allows(
                policy, "sagemaker:CreateEndpoint", f"arn:{partition}:sagemaker:{region}:{ACCOUNT}:endpoint/r"
            )
