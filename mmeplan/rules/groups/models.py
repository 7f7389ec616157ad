"""Models: their containers, images and network (MDL; artifacts and environment are in model_data.py)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from mmeplan.aws.images import BUILT_IN
from mmeplan.aws.instances import GRAVITON
from mmeplan.kinds.resource import ApiPath
from mmeplan.live.ports import Answer
from mmeplan.rules.artifacts import artifacts, containers
from mmeplan.rules.examples import PREDICT, PREPARE, fleet_file
from mmeplan.rules.facts import Container, FleetFacts, Model, lies_elsewhere
from mmeplan.rules.images import (
    LISTS,
    NO_IMAGE,
    SCHEMA_1,
    image_of,
    manifest_of,
    manifest_question,
    own_images,
)
from mmeplan.rules.online import OnlineRule, Question, UnknownError
from mmeplan.rules.policies import permits
from mmeplan.rules.rule import Constraints, Hit, Rule, ShapeRule

_ECR = re.compile(r"[0-9]{12}\.dkr[.-]ecr(?:-fips)?\.([a-z0-9-]+)\.[a-z0-9.-]+/")
_SUBNETS: Final = "vpc_config: {security_group_ids: [sg-0a1b2c3d], subnets: [subnet-0a1b2c3d, subnet-4e5f6a7b]}"
_VPC_MODE: Final = "image: registry.acme.example/ranker:1.4\nimage_config: {repository_access_mode: Vpc}"
_GUIDE: Final = "Developer Guide, host-vpc"
_VPC: Final = "vpc_config: {subnets: [%s], security_group_ids: [%s]}"
_GOOD: Final = fleet_file(model=_VPC % ("subnet-0aaaaaaaaaaaaaaaa, subnet-0cccccccccccccccc", "sg-0aaaaaaaaaaaaaaaa"))


class OneWayToContainers(Rule):
    id = "MDL-01"
    title = "A model has either a primary container or containers"
    severity = "error"
    basis = "inf"
    source = "Developer Guide, multi-container-endpoints: use Containers instead of PrimaryContainer"
    why = "The two members are two spellings of one thing; with both, or with neither, there is no model to make."
    fix = "Keep `primary_container` for one container, `containers` for several."
    bad = fleet_file(model=f"containers: [{{image: {PREPARE}}}]").replace("  ranker:\n", "  ranker:  # here\n", 1)
    good = fleet_file()

    def model(self, model: Model) -> Iterator[Hit]:
        primary, several = model.request.get("PrimaryContainer"), model.request.get("Containers")
        if primary is None and several is None:
            yield (), f"`{model.resource.address}` has neither `primary_container` nor `containers`"
        elif primary is None and not several:
            yield ("Containers",), "`containers` is empty"
        elif primary is not None and several is not None:
            yield (), f"`{model.resource.address}` has both `primary_container` and `containers`"


class SomeImage(Rule):
    id = "MDL-03"
    title = "A container names an image or a model package"
    severity = "error"
    basis = "inf"
    source = "API reference ContainerDefinition: both members are optional, the service needs one of them"
    why = "There is nothing to run."
    fix = "Set `image`, or `model_package_name` for a package of the model registry."
    bad = fleet_file(without=("image",)).replace("primary_container:", "primary_container:  # here")
    good = fleet_file()

    def container(self, container: Container) -> Iterator[Hit]:
        if "Image" not in container.spec and "ModelPackageName" not in container.spec:
            yield container.path, "the container names neither an `image` nor a `model_package_name`"


class OneImage(Rule):
    id = "MDL-04"
    title = "A container does not name both an image and a model package"
    severity = "error"
    basis = "inf"
    source = "Developer Guide, model-registry-deploy: every sample gives exactly one of the two"
    why = "A model package brings its own image; which of the two would run is not documented."
    fix = "Drop `image`, or `model_package_name`."
    bad = fleet_file(container="model_package_name: ranker  # here")
    good = fleet_file(container="model_package_name: ranker", without=("image", "model_data_url"))
    members = ("ModelPackageName",)

    def container(self, container: Container) -> Iterator[Hit]:
        if "Image" in container.spec:
            yield (*container.path, "ModelPackageName"), "the container names both `image` and `model_package_name`"


class ImageInRegion(Rule):
    id = "MDL-06"
    title = "An ECR image lies in the fleet's region"
    severity = "error"
    basis = "doc"
    source = "botocore sagemaker/2017-07-24, ContainerDefinition.Image: must be in the same region as the model"
    quote = (
        "The model artifacts in an Amazon S3 bucket and the Docker image for inference container in Amazon EC2 "
        "Container Registry must be in the same region as the model or endpoint you are creating."
    )
    why = "SageMaker pulls images of its own region only."
    fix = "Name the image of this region; `{{ region }}` in the image keeps one file good for several."
    bad = fleet_file(container="image: 123456789012.dkr.ecr.us-east-1.amazonaws.com/ranker:1.4  # here")
    good = fleet_file(container='image: "123456789012.dkr.ecr.{{ region }}.amazonaws.com/ranker:1.4"')
    members = ("Image",)

    def container(self, container: Container) -> Iterator[Hit]:
        match = _ECR.match(container.spec["Image"])
        region = container.owner.scope.region
        if match is not None and region is not None and match.group(1) != region:
            yield (*container.path, "Image"), lies_elsewhere("image", match.group(1), region)


class ForeignRegistry(Rule):
    id = "MDL-07"
    title = "An image outside ECR is pulled through the VPC"
    severity = "error"
    basis = "obs"
    source = (
        "Developer Guide, your-algorithms-containers-inference-private; CreateModel answers "
        '"Using non-ECR image without Vpc repository access mode is not supported."'
    )
    why = "SageMaker reads Amazon ECR; any other registry must be reachable from the model's VPC."
    fix = "Push the image to ECR, or set `image_config: {repository_access_mode: Vpc}` and a `vpc_config`."
    bad = fleet_file(container="image: docker.io/acme/ranker:1.4  # here")
    good = fleet_file(model=_SUBNETS, container=_VPC_MODE)
    members = ("Image",)

    def container(self, container: Container) -> Iterator[Hit]:
        image = container.spec["Image"]
        if not _ECR.match(image) and not container.reads_through_vpc:
            yield (*container.path, "Image"), f"{image!r} is not in Amazon ECR, and is not pulled through the VPC"


class VpcAccessNeedsVpc(Rule):
    id = "MDL-08"
    title = "A registry inside the VPC needs the model's VPC"
    severity = "error"
    basis = "doc"
    source = "Developer Guide, your-algorithms-containers-inference-private; botocore ImageConfig"
    quote = (
        "Models that you create based on the images stored in your private Docker registry must be configured to "
        "connect to the same VPC where the private Docker registry is accessible."
    )
    why = (
        "`repository_access_mode: Vpc` means: through the model's own VPC. Without one there is no way to the registry."
    )
    fix = "Give the model a `vpc_config`."
    bad = fleet_file(container=_VPC_MODE.replace("image_config", "image_config").replace("Vpc}", "Vpc}  # here"))
    good = fleet_file(model=_SUBNETS, container=_VPC_MODE)
    members = ("ImageConfig",)
    constraints = Constraints(shapes=("RepositoryAccessMode",))

    def container(self, container: Container) -> Iterator[Hit]:
        if container.reads_through_vpc and container.owner.request.get("VpcConfig") is None:
            path = (*container.path, "ImageConfig", "RepositoryAccessMode")
            yield path, "the image is pulled through the VPC, but the model has no `vpc_config`"


class RegistryCredentials(Rule):
    id = "MDL-09"
    title = "Registry credentials belong to a registry inside the VPC"
    severity = "error"
    basis = "doc"
    source = "botocore sagemaker/2017-07-24, ImageConfig.RepositoryAuthConfig"
    quote = (
        "Specify a value for this property only if you specified Vpc as the value for the RepositoryAccessMode field"
    )
    why = "The service takes `repository_auth_config` with `repository_access_mode: Vpc` only."
    fix = "Set `repository_access_mode: Vpc`, or drop `repository_auth_config`."
    bad = fleet_file(
        container="image_config: {repository_access_mode: Platform, repository_auth_config: "
        "{repository_credentials_provider_arn: 'arn:aws:lambda:eu-west-1:123456789012:function:login'}}  # here"
    )
    good = fleet_file(
        model=_SUBNETS,
        container="image: registry.acme.example/ranker:1.4\n"
        "image_config: {repository_access_mode: Vpc, repository_auth_config: "
        "{repository_credentials_provider_arn: 'arn:aws:lambda:eu-west-1:123456789012:function:login'}}",
    )
    members = ("ImageConfig",)
    constraints = Constraints(shapes=("RepositoryCredentialsProviderArn",))

    def container(self, container: Container) -> Iterator[Hit]:
        credentials = container.spec["ImageConfig"].get("RepositoryAuthConfig")
        if credentials is not None and not container.reads_through_vpc:
            path = (*container.path, "ImageConfig", "RepositoryAuthConfig")
            yield path, "`repository_auth_config` without `repository_access_mode: Vpc`"


class PinnedImage(Rule):
    id = "MDL-10"
    title = "An image is pinned by a digest or a version"
    severity = "warning"
    basis = "doc"
    source = "Developer Guide, your-algorithms-containers-inference-private; DescribeEndpoint, DeployedImages"
    why = (
        "SageMaker resolves a tag when it deploys. `latest` is another image tomorrow: the file stays the same, the "
        "plan is empty, and instances that are added later may still differ from those that were tested."
    )
    fix = "Name a version tag that nobody moves, or the digest: `…/ranker@sha256:…`."
    bad = fleet_file(container="image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/ranker:latest  # here")
    good = fleet_file(container="image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/ranker:1.4")
    members = ("Image",)

    def container(self, container: Container) -> Iterator[Hit]:
        image = image_of(container)
        if image is None or image.digest or image.tag not in ("", "latest"):
            return
        how = "has the tag `latest`" if image.tag else "has no tag, which means `latest`"
        yield (*container.path, "Image"), f"the image {image.repository!r} {how}: what it is may change under the file"


class ImageExists(OnlineRule):
    id = "MDL-11"
    title = "An image of the fleet's own registry exists"
    severity = "error"
    basis = "obs"
    source = 'CreateModel answers "Requested image … not found."'
    why = (
        "CreateModel looks for the image. Registries of other accounts answer their own people only, and aren't asked."
    )
    fix = "Push the image, or correct its name."
    reads = ("DescribeImages",)
    absent = ("RepositoryNotFoundException", "ImageNotFoundException")
    given = "The repository has no such tag."
    bad = fleet_file(container="image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/ranker:9.9  # here")
    good = fleet_file()

    def questions(self, facts: FleetFacts) -> Iterator[Question]:
        yield from own_images(containers(facts))

    def found(self, question: Question, answer: Answer) -> Iterator[str]:
        if not answer.get("imageDetails"):
            yield f"there is no image {question.value!r}"


class AlgorithmHasModel(Rule):
    id = "MDL-23"
    title = "A built-in algorithm's image has a model to serve"
    severity = "warning"
    basis = "doc"
    source = "botocore sagemaker/2017-07-24, ContainerDefinition.ModelDataUrl: required for built-in algorithms"
    why = "The images of SageMaker's built-in algorithms hold code and no model; hosting one without fails at the ping."
    fix = "Set `model_data_url` to the training job's model.tar.gz."
    bad = fleet_file(
        container="image: 685385470294.dkr.ecr.eu-west-1.amazonaws.com/linear-learner:1  # here",
        without=("model_data_url",),
    )
    good = fleet_file(container="image: 685385470294.dkr.ecr.eu-west-1.amazonaws.com/linear-learner:1")
    members = ("Image",)

    def container(self, container: Container) -> Iterator[Hit]:
        image = image_of(container)
        if image is None or not image.of_aws or image.repository not in BUILT_IN or container.multi_model:
            return
        if "ModelDataUrl" not in container.spec and "ModelDataSource" not in container.spec:
            path = (*container.path, "Image")
            yield path, f"the built-in algorithm {image.repository!r} has no `model_data_url`, so no model to serve"


class IgnoredHostname(Rule):
    id = "MDL-30"
    title = "A primary container has no hostname"
    severity = "warning"
    basis = "doc"
    source = "botocore sagemaker/2017-07-24, ContainerDefinition.ContainerHostname: ignored for a single container"
    why = "The service ignores it, so that nothing can be addressed by it."
    fix = "Drop `container_hostname`."
    bad = fleet_file(container="container_hostname: ranker  # here")
    good = fleet_file()
    members = ("ContainerHostname",)

    def container(self, container: Container) -> Iterator[Hit]:
        if container.path == ("PrimaryContainer",):
            yield ("PrimaryContainer", "ContainerHostname"), "the hostname of a primary container is ignored"


class TwoSubnets(Rule):
    id = "MDL-32"
    title = "A model in a VPC has subnets in two availability zones"
    severity = "warning"
    basis = "doc"
    source = "Developer Guide, host-vpc and deployment-best-practices"
    why = "With one subnet all instances stand in one availability zone, and its failure is the endpoint's."
    fix = "Add a subnet of another availability zone."
    bad = fleet_file(model="vpc_config: {security_group_ids: [sg-0a1b2c3d], subnets: [subnet-0a1b2c3d]}  # here")
    good = fleet_file(model=_SUBNETS)
    members = ("VpcConfig",)

    def model(self, model: Model) -> Iterator[Hit]:
        subnets = model.vpc.get("Subnets") or ()
        if len(set(subnets)) == 1:
            yield ("VpcConfig", "Subnets"), "all instances stand in one subnet, so in one availability zone"


ADDRESSES: Final = 2  # private IP addresses that an instance takes, host-vpc
_PATH: Final[ApiPath] = ("VpcConfig", "Subnets")


def _sorted(names: Any) -> tuple[tuple[str, ...]]:
    return (tuple(sorted(names)),)


def _filtered(name: str, values: Any) -> dict[str, Any]:
    return {"Filters": [{"Name": name, "Values": sorted(values)}]}


def _subnets(model: Model, *wanted: Any) -> Iterator[Question]:
    """Ask for a model's subnets, by a filter: an id that isn't there is left out of the answer, and refuses nothing."""
    subnets = model.vpc.get("Subnets")
    if subnets:
        params = _filtered("subnet-id", subnets)
        value = ", ".join(sorted(subnets))
        yield Question(model.resource, _PATH, value, "DescribeSubnets", params, "Subnets", (*_sorted(subnets), *wanted))


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
            groups = model.vpc.get("SecurityGroupIds") or ()
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


def _leads_to_s3(door: Answer, region: str) -> bool:
    state = str(door.get("State", "available")).lower()
    return str(door.get("ServiceName", "")).endswith(f".{region}.s3") and state == "available"


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


_ROUTED: Final = ("NatGatewayId", "TransitGatewayId", "InstanceId", "NetworkInterfaceId", "VpcPeeringConnectionId")
"""What leads a private interface further; an internet gateway doesn't: it wants a public address."""


def _leads_out(table: Answer) -> bool:
    for route in table.get("Routes") or ():
        default = route.get("DestinationCidrBlock") == "0.0.0.0/0"
        if default and route.get("State", "active") == "active" and any(route.get(way) for way in _ROUTED):
            return True
    return False


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


_MARKETPLACE: Final = "arn:aws:sagemaker:eu-west-1:985815980388:model-package/ranker-0f1e2d3c"


class MarketplaceIsIsolated(Rule):
    id = "MDL-37"
    title = "A Marketplace package runs in network isolation"
    severity = "error"
    basis = "doc"
    source = "Developer Guide, mkt-algo-model-internet-free"
    quote = "Network isolation is required for training jobs and models run using resources from AWS Marketplace."
    why = "Products of AWS Marketplace run without network access; SageMaker refuses to host them otherwise."
    fix = "Set `enable_network_isolation: true` on the model."
    bad = fleet_file(container=f"model_package_name: {_MARKETPLACE}  # here", without=("image", "model_data_url"))
    good = fleet_file(
        model="enable_network_isolation: true",
        container=f"model_package_name: {_MARKETPLACE}",
        without=("image", "model_data_url"),
    )
    members = ("ModelPackageName",)

    def container(self, container: Container) -> Iterator[Hit]:
        if container.marketplace and not container.owner.request.get("EnableNetworkIsolation"):
            path = (*container.path, "ModelPackageName")
            yield path, "the package comes from AWS Marketplace, but the model has no `enable_network_isolation: true`"


_REGISTRY: Final = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"


class GravitonImage(OnlineRule):
    id = "MDL-39"
    title = "A Graviton instance runs an arm64 image"
    severity = "error"
    basis = "inf"
    source = "Developer Guide, realtime-endpoints-graviton"
    why = "Graviton processors are of the arm64 architecture; an image of another one doesn't start there."
    fix = "Build the image for linux/arm64, or choose an instance type that isn't Graviton."
    reads = ("BatchGetImage",)
    absent = NO_IMAGE
    given = "The image is of the architecture amd64."
    bad = fleet_file(variant="instance_type: ml.m6g.xlarge  # here")
    good = fleet_file(variant="instance_type: ml.m6g.xlarge", container=f"image: {_REGISTRY}/ranker:1.4-arm64")

    def questions(self, facts: FleetFacts) -> Iterator[Question]:
        for variant in facts.variants():
            for path, kind in variant.of_family(*GRAVITON):
                for container in (container for model in variant.models for container in model.containers):
                    yield from manifest_question(container, variant.owner.resource, path, kind, *LISTS, SCHEMA_1)

    def found(self, question: Question, answer: Answer) -> Iterator[str]:
        manifest = manifest_of(answer)
        if manifest is None:
            return
        listed = [str((item.get("platform") or {}).get("architecture")) for item in manifest.get("manifests") or ()]
        own = manifest.get("architecture")
        found = listed or ([str(own)] if own else [])
        if not found:
            raise UnknownError("ECR gives no manifest of this image that tells its architecture")
        if "arm64" not in found:
            image = question.params["repositoryName"]
            yield f"`{question.value}` is Graviton, and the image {image!r} is for {', '.join(sorted(set(found)))}"


SHAPES: Final = (
    ShapeRule(
        "MDL-02",
        "A model has no more containers than SageMaker takes",
        "ContainerDefinitionList",
        bad=fleet_file(containers="\n".join(f"- image: {PREPARE}" for _ in range(16))).replace(
            "containers:", "containers:  # here"
        ),
        good=fleet_file(containers=f"- image: {PREPARE}\n- image: {PREDICT}"),
    ),
    ShapeRule(
        "MDL-05",
        "An image is a registry path without blanks",
        "ContainerImage",
        bad=fleet_file(container="image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/ranker 1.4  # here"),
        good=fleet_file(),
    ),
    ShapeRule(
        "MDL-29",
        "A container's mode is one that SageMaker knows",
        "ContainerMode",
        bad=fleet_file(container="mode: Multimodel  # here"),
        good=fleet_file(container="mode: SingleModel"),
    ),
    ShapeRule(
        "MDL-31",
        "A VPC config has security groups and subnets, within the API's numbers",
        "VpcConfig",
        constraints=Constraints(beneath=("VpcConfig",)),
        bad=fleet_file(model="vpc_config: {subnets: [subnet-0a1b2c3d, subnet-4e5f6a7b]}  # here"),
        good=fleet_file(model=_SUBNETS),
    ),
    ShapeRule(
        "MDL-35",
        "A model package is a name or an ARN that SageMaker takes",
        "VersionedArnOrName",
        bad=fleet_file(container="model_package_name: ranker_group  # here", without=("image", "model_data_url")),
        good=fleet_file(
            container="model_package_name: arn:aws:sagemaker:eu-west-1:123456789012:model-package/ranker/3",
            without=("image", "model_data_url"),
        ),
    ),
    ShapeRule(
        "MDL-36",
        "An inference specification is a name that SageMaker takes",
        "InferenceSpecificationName",
        bad=fleet_file(
            container="model_package_name: ranker\ninference_specification_name: on_gpu  # here",
            without=("image", "model_data_url"),
        ),
        good=fleet_file(
            container="model_package_name: ranker\ninference_specification_name: on-gpu",
            without=("image", "model_data_url"),
        ),
    ),
)
