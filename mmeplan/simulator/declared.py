"""What the account has beside SageMaker and S3, as it was declared: images, instance types, keys, networks, topics.

In: a document such as examples/simulator/account.yaml, and the reads of ECR, EC2, KMS and SNS. Out: what was declared,
as the services answer and refuse. Of a kind of which nothing was declared nothing is known, not even that there is
none: its reads are refused by name. Sources: botocore's models of the services; the words of their refusals were
recorded by another simulator of AWS, moto.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final

from mmeplan.aws import shapes
from mmeplan.aws.constraints import violations
from mmeplan.aws.partitions import partition_of
from mmeplan.simulator.call import Call
from mmeplan.simulator.fleet import resolved
from mmeplan.simulator.records import Records
from mmeplan.simulator.wire import ServiceError

Json = dict[str, Any]

SCHEMA_1: Final = "application/vnd.docker.distribution.manifest.v1+json"
SCHEMA_2: Final = "application/vnd.docker.distribution.manifest.v2+json"
INDEX: Final = "application/vnd.oci.image.index.v1+json"

_RECORD: Final = "declared"
_IMAGE: Final = re.compile(r"(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.[a-z0-9.]+/([^:@\s]+)(?::([^@\s]+))?")


@dataclass(frozen=True, slots=True)
class Network:
    """Something that EC2 describes: a member of a document, the answer's member, its id and EC2's refusal of others."""

    kind: str
    operation: str
    member: str
    key: str
    asked: str
    code: str
    message: str


NETWORKS: Final = (
    Network(
        *("subnets", "DescribeSubnets", "Subnets", "SubnetId", "SubnetIds"),
        *("InvalidSubnetID.NotFound", "The subnet ID '{}' does not exist"),
    ),
    Network(
        *("security_groups", "DescribeSecurityGroups", "SecurityGroups", "GroupId", "GroupIds"),
        *("InvalidGroup.NotFound", "The security group '{}' does not exist"),
    ),
    Network(
        *("vpc_endpoints", "DescribeVpcEndpoints", "VpcEndpoints", "VpcEndpointId", "VpcEndpointIds"),
        *("InvalidVpcEndpointId.NotFound", "The VpcEndPoint ID '{}' does not exist"),
    ),
    Network(
        *("route_tables", "DescribeRouteTables", "RouteTables", "RouteTableId", "RouteTableIds"),
        *("InvalidRouteTableID.NotFound", "The routeTable ID '{}' does not exist"),
    ),
    Network(
        *("instance_types", "DescribeInstanceTypes", "InstanceTypes", "InstanceType", "InstanceTypes"),
        *("InvalidInstanceType.NotFound", "The following supplied instance types do not exist: [{}]"),
    ),
)


# -- declaring -------------------------------------------------------------------------------------------------------


def declare(records: Records, account: str, region: str, document: Any) -> None:
    """Keep what a document declares, each kind in the place of what was declared of it before.

    Raises ValueError with the place of what can't be read; then nothing is kept.
    """
    if not isinstance(document, dict) or not document:
        raise ValueError(f"expected a mapping with {', '.join(KINDS)}")
    for kind, items in document.items():
        if kind not in KINDS:
            raise ValueError(f"{kind!r} is none of {', '.join(KINDS)}")
        if not isinstance(items, list):
            raise ValueError(f"`{kind}` must be a list")  # noqa: TRY004  (it is data, not code)
        for position, item in enumerate(items, 1):
            for sentence in KINDS[kind](item):
                raise ValueError(f"{kind}, entry {position}: {sentence}")
    for kind, items in document.items():
        records.put(_RECORD, account, region, kind, items)


def _network_errors(network: Network) -> Callable[[Any], Iterator[str]]:
    def errors(item: Any) -> Iterator[str]:
        model = shapes.service("ec2")
        holder = model.members(model.output_shape(network.operation) or "")[network.member]
        shape = model.shapes[holder]["member"]["shape"]
        for violation in violations(model, shape, item):
            if violation.constraint != "enum":  # EC2 answers `available` where its model says `Available`
                yield f"{violation.service_path or 'it'}: {violation.sentence}"
        if isinstance(item, dict) and network.key not in item:
            yield f"it has no {network.key}"

    return errors


def _members(required: str, **types: type) -> Callable[[Any], Iterator[str]]:
    def errors(item: Any) -> Iterator[str]:
        if not isinstance(item, dict) or not isinstance(item.get(required), str):
            yield f"it has no {required}"
            return
        for name, value in item.items():
            if name not in types:
                yield f"{name!r} is none of {', '.join(types)}"
            elif not isinstance(value, types[name]) or isinstance(value, bool):
                yield f"{name} must be a {types[name].__name__}"

    return errors


def _image_errors(item: Any) -> Iterator[str]:
    yield from _members("image", image=str, size_bytes=int, architectures=list, labels=dict)(item)
    if isinstance(item, dict) and not _IMAGE.fullmatch(str(item.get("image"))):
        yield f"{item.get('image')!r} is no image in ECR with a tag"


KINDS: Final[dict[str, Callable[[Any], Iterator[str]]]] = {
    "images": _image_errors,
    **{network.kind: _network_errors(network) for network in NETWORKS},
    "keys": _members("KeyId", KeyId=str, Aliases=list, Policy=dict, KeyState=str, KeyManager=str),
    "topics": _members("Name", Name=str),
    "prices": _members("UsageType", UsageType=str, Price=str, Unit=str, Currency=str),
}
"""The members of a document, and what is wrong with an entry of each."""


def known(call: Call, kind: str, region: str = "") -> list[Json]:
    """What was declared of a kind, in the call's region or another. Raises ServiceError where nothing was."""
    found: list[Json] | None = call.records.get(_RECORD, call.account, region or call.region, kind)
    if found is None:
        raise ServiceError("NotDeclared", f"The simulator knows no {kind} of this region: none were declared.")
    return found


# -- EC2 -------------------------------------------------------------------------------------------------------------


def describer(network: Network) -> Callable[[Call, Json], Json]:
    """The Describe operation of a network's parts, with ids and filters; everything comes on one page."""

    def describe(call: Call, request: Json) -> Json:
        there = known(call, network.kind)
        wanted = request.get(network.asked)
        if wanted is not None:
            names = {item[network.key] for item in there}
            for name in wanted:
                if name not in names:
                    raise ServiceError(network.code, network.message.format(name))
            there = [item for item in there if item[network.key] in wanted]
        for one in request.get("Filters", ()):
            member = "".join(part.capitalize() for part in one["Name"].split("-"))
            if not any(member in item for item in there) and member not in ("VpcId", network.key):
                raise ServiceError("InvalidParameterValue", f"The filter '{one['Name']}' is invalid")
            there = [item for item in there if any(fnmatchcase(str(item.get(member)), text) for text in one["Values"])]
        return {network.member: there}

    return describe


# -- ECR -------------------------------------------------------------------------------------------------------------


def describe_images(call: Call, request: Json) -> Json:
    """DescribeImages."""
    there = _repository(call, request)
    wanted = request.get("imageIds")
    if wanted is None:
        return {"imageDetails": [_detail(item) for item in there]}
    found = [(each, _image(there, each)) for each in wanted]
    for each, item in found:
        if item is None:
            digest, tag = each.get("imageDigest", "null"), each.get("imageTag", "null")
            raise ServiceError(
                "ImageNotFoundException",
                f"The image with imageId {{imageDigest:'{digest}', imageTag:'{tag}'}} does not exist within the "
                f"repository with name '{request['repositoryName']}' in the registry with id "
                f"'{_registry(call, request)}'",
            )
    return {"imageDetails": [_detail(item) for _, item in found if item]}


def batch_get_image(call: Call, request: Json) -> Json:
    """BatchGetImage: the manifest in the first accepted form that tells the architecture; others fail one by one."""
    there = _repository(call, request)
    images, failures = [], []
    for each in request["imageIds"]:
        item = _image(there, each)
        if item is None:
            reason = "Requested image not found"
            failures.append({"imageId": each, "failureCode": "ImageNotFound", "failureReason": reason})
        else:
            named = {"registryId": _registry(call, request), "repositoryName": request["repositoryName"]}
            manifest = json.dumps(_manifest(item, request.get("acceptedMediaTypes", ())))
            images.append({**named, "imageId": _ids(item), "imageManifest": manifest})
    return {"images": images, "failures": failures}


def _registry(call: Call, request: Json) -> str:
    return str(request.get("registryId", call.account))


def _repository(call: Call, request: Json) -> list[Json]:
    """The images of a repository. Raises ServiceError where it holds none."""
    place = (_registry(call, request), call.region, request["repositoryName"])
    found = [item for item in known(call, "images") if _parts(item)[:3] == place]
    if not found:
        raise ServiceError(
            "RepositoryNotFoundException",
            f"The repository with name '{place[2]}' does not exist in the registry with id '{place[0]}'",
        )
    return found


def _parts(item: Json) -> tuple[str, ...]:
    match = _IMAGE.fullmatch(item["image"])
    return match.groups(default="latest") if match else ("", "", "", "")


def _ids(item: Json) -> Json:
    return {"imageDigest": resolved(item["image"]).rpartition("@")[2], "imageTag": _parts(item)[3]}


def _image(there: list[Json], wanted: Json) -> Json | None:
    """The image that an id names: by all that it says."""
    return next((item for item in there if wanted.items() <= _ids(item).items()), None)


def _detail(item: Json) -> Json:
    account, _, repository, tag = _parts(item)
    named = {"registryId": account, "repositoryName": repository, "imageDigest": _ids(item)["imageDigest"]}
    return {**named, "imageTags": [tag], "imageSizeInBytes": item.get("size_bytes", 0)}


def _manifest(item: Json, accepted: Any) -> Json:
    architectures = item.get("architectures", ["amd64"])
    if INDEX in accepted and len(architectures) > 1:
        listed = [{"platform": {"architecture": each, "os": "linux"}} for each in architectures]
        return {"schemaVersion": 2, "mediaType": INDEX, "manifests": listed}
    if SCHEMA_1 in accepted:
        config = {"architecture": architectures[0], "config": {"Labels": item.get("labels", {})}}
        history = [{"v1Compatibility": json.dumps(config)}]
        return {"schemaVersion": 1, "architecture": architectures[0], "history": history}
    layers = [{"digest": _ids(item)["imageDigest"], "size": item.get("size_bytes", 0)}]
    return {"schemaVersion": 2, "mediaType": SCHEMA_2, "layers": layers}


# -- KMS and SNS -----------------------------------------------------------------------------------------------------


def describe_key(call: Call, request: Json) -> Json:
    """DescribeKey, by id, ARN, alias or the alias's ARN."""
    key = _key(call, request["KeyId"])
    metadata = {member: key[member] for member in ("KeyId", "KeyState", "KeyManager") if member in key}
    state = metadata.setdefault("KeyState", "Enabled")
    arn = f"arn:{partition_of(call.region)}:kms:{call.region}:{call.account}:key/{key['KeyId']}"
    own = {"AWSAccountId": call.account, "Arn": arn, "Enabled": state == "Enabled"}
    return {"KeyMetadata": {"KeyManager": "CUSTOMER", **metadata, **own}}


def get_key_policy(call: Call, request: Json) -> Json:
    """GetKeyPolicy. A key without one has the default, which lets the account in (key-policy-default.md)."""
    root = f"arn:{partition_of(call.region)}:iam::{call.account}:root"
    statement = {"Effect": "Allow", "Principal": {"AWS": root}, "Action": "kms:*", "Resource": "*"}
    default = {"Version": "2012-10-17", "Statement": [statement]}
    return {"Policy": json.dumps(_key(call, request["KeyId"]).get("Policy", default)), "PolicyName": "default"}


def _key(call: Call, wanted: str) -> Json:
    """The key of that name. Raises ServiceError NotFoundException, in KMS's words."""
    prefix = f"arn:{partition_of(call.region)}:kms:{call.region}:{call.account}:"
    name = wanted.removeprefix(prefix).removeprefix("key/")
    for key in known(call, "keys"):
        if name == key["KeyId"] or name in key.get("Aliases", ()):
            return key
    if name.startswith("alias/"):
        raise ServiceError("NotFoundException", f"Alias {prefix}{name} is not found.")
    raise ServiceError("NotFoundException", f"Key '{prefix}key/{name}' does not exist")


def get_topic_attributes(call: Call, request: Json) -> Json:
    """GetTopicAttributes."""
    prefix = f"arn:{partition_of(call.region)}:sns:{call.region}:{call.account}:"
    if request["TopicArn"] not in {f"{prefix}{topic['Name']}" for topic in known(call, "topics")}:
        raise ServiceError("NotFound", "Topic does not exist", 404)
    return {"Attributes": {"TopicArn": request["TopicArn"], "Owner": call.account}}
