"""Rules about a model's VPC (stage `online`: EC2; group MDL)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from mmeplan.live.ports import Answer
from mmeplan.resources.base import ApiPath
from mmeplan.rules.artifacts import artifacts
from mmeplan.rules.examples import fleet_file
from mmeplan.rules.facts import FleetFacts, Model
from mmeplan.rules.online import OnlineRule, Question
from mmeplan.rules.policies import permits

ADDRESSES: Final = 2  # private IP addresses that an instance takes, host-vpc

_GUIDE: Final = "Developer Guide, host-vpc"
_PATH: Final[ApiPath] = ("VpcConfig", "Subnets")
_VPC: Final = "vpc_config: {subnets: [%s], security_group_ids: [%s]}"
_GOOD: Final = fleet_file(model=_VPC % ("subnet-0aaaaaaaaaaaaaaaa, subnet-0cccccccccccccccc", "sg-0aaaaaaaaaaaaaaaa"))
_ROUTED: Final = ("NatGatewayId", "TransitGatewayId", "InstanceId", "NetworkInterfaceId", "VpcPeeringConnectionId")
"""What leads a private interface further; an internet gateway doesn't: it wants a public address."""


def _subnets(model: Model, *wanted: Any) -> Iterator[Question]:
    """Ask for a model's subnets, by a filter: an id that isn't there is left out of the answer, and refuses nothing."""
    subnets = (model.request.get("VpcConfig") or {}).get("Subnets")
    if subnets:
        params = _filtered("subnet-id", subnets)
        value = ", ".join(sorted(subnets))
        yield Question(model.resource, _PATH, value, "DescribeSubnets", params, "Subnets", (*_sorted(subnets), *wanted))


def _sorted(names: Any) -> tuple[tuple[str, ...]]:
    return (tuple(sorted(names)),)


def _filtered(name: str, values: Any) -> dict[str, Any]:
    return {"Filters": [{"Name": name, "Values": sorted(values)}]}


class NetworkExists(OnlineRule):
    id = "MDL-33"
    title = "A model's subnets and security groups exist, in one VPC, with addresses to spare"
    severity = "warning"
    basis = "doc"
    source = f"{_GUIDE}: at least two private IP addresses for each instance"
    why = (
        "The endpoint fails after minutes where its network interfaces can't be made. Every instance takes two "
        "addresses of the subnets, and an update needs those of a whole new fleet, which is what is counted here."
    )
    fix = "Correct the ids, or name subnets with more free addresses."
    reads = ("DescribeSubnets", "DescribeSecurityGroups")
    given = "One subnet doesn't exist."
    bad = fleet_file(
        model=_VPC % ("subnet-0aaaaaaaaaaaaaaaa, subnet-0ffffffffffffffff", "sg-0aaaaaaaaaaaaaaaa") + "  # here"
    )
    good = _GOOD

    def questions(self, facts: FleetFacts) -> Iterator[Question]:
        for model in facts.models.values():
            groups = (model.request.get("VpcConfig") or {}).get("SecurityGroupIds") or ()
            yield from _subnets(model, tuple(sorted(groups)), _most_instances(model))

    def found(self, question: Question, answer: Answer) -> Iterator[str | Question]:
        if question.operation == "DescribeSecurityGroups":
            yield from _wrong_groups(question, answer)
            return
        wanted, groups, instances = question.wanted
        there = {subnet["SubnetId"]: subnet for subnet in answer.get("Subnets") or ()}
        yield from _missing("subnet", wanted, there)
        homes = {subnet["VpcId"] for subnet in there.values()}
        if len(homes) > 1:
            yield f"the subnets lie in different VPCs: {', '.join(sorted(homes))}"
        free = sum(int(subnet.get("AvailableIpAddressCount") or 0) for subnet in there.values())
        if there and free < ADDRESSES * instances:
            yield (
                f"the subnets have {free} free addresses; {instances} instances, as many as an endpoint here has, take "
                f"{ADDRESSES * instances}"
            )
        if groups:
            params = _filtered("group-id", groups)
            path = ("VpcConfig", "SecurityGroupIds")
            operation, extra = "DescribeSecurityGroups", (groups, homes)
            yield Question(question.resource, path, "", operation, params, "SecurityGroups", extra)


def _most_instances(model: Model) -> int:
    """The most instances that one variant brings up with the model."""
    counts = (variant.spec.get("InitialInstanceCount") or 0 for variant in model.variants)
    return max(counts, default=0)


def _missing(kind: str, wanted: tuple[str, ...], there: Mapping[str, Any]) -> Iterator[str]:
    gone = [name for name in wanted if name not in there]
    if gone:
        yield f"there is no {kind} {', '.join(map(repr, gone))} in this account and region"


def _wrong_groups(question: Question, answer: Answer) -> Iterator[str]:
    wanted, homes = question.wanted
    there = {group["GroupId"]: group for group in answer.get("SecurityGroups") or ()}
    yield from _missing("security group", wanted, there)
    for name, group in there.items():
        if homes and group["VpcId"] not in homes:
            yield f"the security group {name!r} is of {group['VpcId']}, the subnets are of {', '.join(sorted(homes))}"


class NetworkReachesS3(OnlineRule):
    id = "MDL-34"
    title = "A model's VPC reaches its artifacts in S3"
    severity = "warning"
    basis = "doc"
    source = f"{_GUIDE}, Create an Amazon S3 VPC Endpoint"
    why = (
        "With a VPC, artifacts are downloaded through its subnets: by a VPC endpoint for S3 whose policy permits the "
        "bucket, or by a route out through NAT. Interfaces of SageMaker have no public address, so that an internet "
        "gateway doesn't help. Conditions of policies aren't evaluated; of routes, the default route is looked at."
    )
    fix = "Add a gateway endpoint for S3 to the subnets' route tables, and permit the bucket in its policy."
    reads = ("DescribeSubnets", "DescribeVpcEndpoints", "DescribeRouteTables")
    given = "The subnet's VPC has neither an endpoint for S3 nor a NAT gateway."
    bad = fleet_file(
        model=_VPC % ("subnet-0bbbbbbbbbbbbbbbb, subnet-0dddddddddddddddd", "sg-0bbbbbbbbbbbbbbbb") + "  # here"
    )
    good = _GOOD

    def questions(self, facts: FleetFacts) -> Iterator[Question]:
        for model in facts.models.values() if facts.scope.region else ():
            named = sorted({(artifact.bucket, artifact.key) for artifact in artifacts(model.containers)})
            partition = facts.scope.partition
            arns = tuple(f"arn:{partition}:s3:::{bucket}/{key}" for bucket, key in named)
            if arns:
                yield from _subnets(model, arns, facts.scope.region)

    def found(self, question: Question, answer: Answer) -> Iterator[str | Question]:
        if question.operation == "DescribeSubnets":
            subnets, arns, region = question.wanted
            homes = {subnet["VpcId"] for subnet in answer.get("Subnets") or ()}
            here = tuple(subnet["SubnetId"] for subnet in answer.get("Subnets") or ())
            if len(homes) == 1 and here:
                params = _filtered("vpc-id", homes)
                extra = (here, arns, region, next(iter(homes)))
                yield replace(
                    question, operation="DescribeVpcEndpoints", params=params, pages="VpcEndpoints", wanted=extra
                )
        elif question.operation == "DescribeVpcEndpoints":
            subnets, arns, region, home = question.wanted
            doors = [door for door in answer.get("VpcEndpoints") or () if _leads_to_s3(door, region)]
            params = _filtered("vpc-id", [home])
            yield replace(
                question,
                operation="DescribeRouteTables",
                params=params,
                pages="RouteTables",
                wanted=(subnets, arns, doors, home),
            )
        else:
            yield from _unreachable(question, answer)


def _leads_to_s3(door: Answer, region: str) -> bool:
    state = str(door.get("State", "available")).lower()
    return str(door.get("ServiceName", "")).endswith(f".{region}.s3") and state == "available"


def _unreachable(question: Question, answer: Answer) -> Iterator[str]:
    subnets, arns, doors, home = question.wanted
    stranded: list[str] = []
    refusing: dict[str, str] = {}
    for subnet in subnets:
        table = _table_of(subnet, answer.get("RouteTables") or ())
        if table is None:
            continue
        ways = [door for door in doors if table["RouteTableId"] in (door.get("RouteTableIds") or ())]
        ways = ways or [door for door in doors if door.get("VpcEndpointType") == "Interface"]
        if not ways and not _leads_out(table):
            stranded.append(subnet)
        for arn in arns if ways else ():
            if not any(permits(door.get("PolicyDocument") or _OPEN, "s3:GetObject", arn) for door in ways):
                refusing.setdefault(arn, str(ways[0]["VpcEndpointId"]))
    if stranded:
        names = ", ".join(map(repr, stranded))
        yield f"from {names} of {home} there is no way to S3, neither by a VPC endpoint nor by NAT"
    for arn, door in refusing.items():
        yield f"the policy of the VPC endpoint {door!r} doesn't permit s3:GetObject on {arn!r}"


_OPEN: Final = '{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]}'
"""What an endpoint permits that has no policy of its own."""


def _table_of(subnet: str, tables: Any) -> Answer | None:
    """The route table of a subnet: its own, else the VPC's main one."""
    main = None
    for table in tables:
        for association in table.get("Associations") or ():
            if association.get("SubnetId") == subnet:
                return dict(table)
            if association.get("Main"):
                main = dict(table)
    return main


def _leads_out(table: Answer) -> bool:
    for route in table.get("Routes") or ():
        default = route.get("DestinationCidrBlock") == "0.0.0.0/0"
        if default and route.get("State", "active") == "active" and any(route.get(way) for way in _ROUTED):
            return True
    return False


RULES: Final = (NetworkExists(), NetworkReachesS3())
