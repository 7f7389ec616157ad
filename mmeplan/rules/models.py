"""Models: their containers, images and network, beyond what shapes say (group MDL)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from mmeplan.rules.examples import PREDICT, PREPARE, fleet_file
from mmeplan.rules.facts import Container, Model
from mmeplan.rules.rule import Hit, Rule

_ECR = re.compile(r"[0-9]{12}\.dkr[.-]ecr(?:-fips)?\.([a-z0-9-]+)\.[a-z0-9.-]+/")
_SUBNETS: Final = "vpc_config: {security_group_ids: [sg-0a1b2c3d], subnets: [subnet-0a1b2c3d, subnet-4e5f6a7b]}"
_VPC_MODE: Final = "image: registry.acme.example/ranker:1.4\nimage_config: {repository_access_mode: Vpc}"
_MARKETPLACE: Final = "arn:aws:sagemaker:eu-west-1:985815980388:model-package/ranker-0f1e2d3c"


class OneWayToContainers(Rule):
    id = "MDL-01"
    title = "A model has either a primary container or containers"
    severity = "error"
    basis = "doc"
    source = "Developer Guide, multi-container-endpoints: use Containers instead of PrimaryContainer"
    why = "The two members are two spellings of one thing; with both, or with neither, there is no model to make."
    fix = "Keep `primary_container` for one container, `containers` for several."
    bad = fleet_file(model=f"containers: [{{image: {PREPARE}}}]").replace("  ranker:\n", "  ranker:  # here\n", 1)
    good = fleet_file()

    def model(self, model: Model) -> Iterator[Hit]:
        primary, several = model.request.get("PrimaryContainer"), model.request.get("Containers")
        if primary is None and several is None:
            yield (), f"`{model.resource.address}` has neither `primary_container` nor `containers`"
        elif primary is not None and several is not None:
            yield (), f"`{model.resource.address}` has both `primary_container` and `containers`"


class SomeContainers(Rule):
    id = "MDL-02"
    title = "`containers` holds at least one container, and no more than SageMaker takes"
    severity = "error"
    basis = "shape"
    source = "botocore sagemaker/2017-07-24, shape ContainerDefinitionList; Developer Guide, model-shadow-deployment"
    why = "An inference pipeline of nothing can't be hosted. The shape's own minimum is 0, which is of no use."
    fix = "List the containers in the order in which a request passes them."
    bad = fleet_file(model="containers: []  # here", without=("primary_container",))
    good = fleet_file(containers=f"- image: {PREPARE}\n- image: {PREDICT}")
    members = ("Containers",)

    def model(self, model: Model) -> Iterator[Hit]:
        if not model.request["Containers"] and model.request.get("PrimaryContainer") is None:
            yield ("Containers",), "`containers` is empty"


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
    why = "SageMaker pulls images of its own region only."
    fix = "Name the image of this region; `{{ region }}` in the image keeps one file good for several."
    bad = fleet_file(container="image: 123456789012.dkr.ecr.us-east-1.amazonaws.com/ranker:1.4  # here")
    good = fleet_file(container='image: "123456789012.dkr.ecr.{{ region }}.amazonaws.com/ranker:1.4"')
    members = ("Image",)

    def container(self, container: Container) -> Iterator[Hit]:
        match = _ECR.match(container.spec["Image"])
        region = container.owner.scope.region
        if match is not None and region is not None and match.group(1) != region:
            yield (*container.path, "Image"), f"the image is in {match.group(1)}, the fleet in {region}"


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
    why = (
        "`repository_access_mode: Vpc` means: through the model's own VPC. Without one there is no way to the registry."
    )
    fix = "Give the model a `vpc_config`."
    bad = fleet_file(container=_VPC_MODE.replace("image_config", "image_config").replace("Vpc}", "Vpc}  # here"))
    good = fleet_file(model=_SUBNETS, container=_VPC_MODE)
    members = ("ImageConfig",)

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

    def container(self, container: Container) -> Iterator[Hit]:
        credentials = container.spec["ImageConfig"].get("RepositoryAuthConfig")
        if credentials is not None and not container.reads_through_vpc:
            path = (*container.path, "ImageConfig", "RepositoryAuthConfig")
            yield path, "`repository_auth_config` without `repository_access_mode: Vpc`"


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
        subnets = (model.request["VpcConfig"] or {}).get("Subnets") or ()
        if len(set(subnets)) == 1:
            yield ("VpcConfig", "Subnets"), "all instances stand in one subnet, so in one availability zone"


class MarketplaceIsIsolated(Rule):
    id = "MDL-37"
    title = "A Marketplace package runs in network isolation"
    severity = "error"
    basis = "doc"
    source = "Developer Guide, mkt-algo-model-internet-free"
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


RULES: Final = (
    OneWayToContainers(),
    SomeContainers(),
    SomeImage(),
    OneImage(),
    ImageInRegion(),
    ForeignRegistry(),
    VpcAccessNeedsVpc(),
    RegistryCredentials(),
    IgnoredHostname(),
    TwoSubnets(),
    MarketplaceIsIsolated(),
)
