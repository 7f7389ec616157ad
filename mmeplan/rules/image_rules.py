"""Rules about images."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from mmeplan.aws.instances import family
from mmeplan.rules.examples import fleet_file
from mmeplan.rules.facts import Container, Variant
from mmeplan.rules.images import BUILT_IN, hosted_images, image_of, runs_on_gpu
from mmeplan.rules.rule import Hit, Rule

_REGISTRY: Final = "763104351884.dkr.ecr.eu-west-1.amazonaws.com"


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


class ImageFitsInstance(Rule):
    id = "CFG-36"
    title = "A GPU image runs on GPU instances, a CPU image on others"
    severity = "warning"
    basis = "inf"
    source = "AWS Deep Learning Containers: tags say `cpu` or `gpu`"
    why = "A GPU image wants a driver that CPU instances lack; a CPU image leaves the GPU that is paid for idle."
    fix = "Choose the image's other tag, or another instance type."
    bad = fleet_file(
        container=f"image: {_REGISTRY}/pytorch-inference:2.1.0-gpu-py310-cu118-ubuntu20.04-sagemaker",
        variant="instance_type: ml.m5.xlarge  # here",
    )
    good = fleet_file(
        container=f"image: {_REGISTRY}/pytorch-inference:2.1.0-gpu-py310-cu118-ubuntu20.04-sagemaker",
        variant="instance_type: ml.g5.xlarge",
    )
    members = ("InstanceType", "InstancePools")

    def variant(self, variant: Variant) -> Iterator[Hit]:
        for address, image in hosted_images(variant):
            for path, kind in variant.instance_types():
                if image.says("gpu") and re.match(r"[cmrt][0-9]", family(kind)):
                    yield path, f"the image of {address} is for GPUs, and `{kind}` has none"
                elif image.says("cpu") and runs_on_gpu(kind):
                    yield path, f"the image of {address} is for CPUs, and leaves the GPU of `{kind}` idle"


class ServerlessGpuImage(Rule):
    id = "SLS-18"
    title = "A serverless variant has no GPU image"
    severity = "warning"
    basis = "doc"
    source = "Developer Guide, serverless-endpoints: GPUs are not supported"
    why = "Serverless inference has no GPUs; the image is larger than it need be, or doesn't start."
    fix = "Choose the image's `cpu` tag, or host it on a GPU instance."
    bad = fleet_file(
        serverless=True,
        container=f"image: {_REGISTRY}/pytorch-inference:2.1.0-gpu-py310-cu118-ubuntu20.04-sagemaker",
    ).replace("max_concurrency: 20}", "max_concurrency: 20}  # here")
    good = fleet_file(
        serverless=True, container=f"image: {_REGISTRY}/pytorch-inference:2.1.0-cpu-py310-ubuntu20.04-sagemaker"
    )
    members = ("ServerlessConfig",)

    def variant(self, variant: Variant) -> Iterator[Hit]:
        for address, image in hosted_images(variant):
            if image.says("gpu"):
                yield (
                    (*variant.path, "ServerlessConfig"),
                    f"the image of {address} is for GPUs, and serverless has none",
                )


RULES: Final = (PinnedImage(), AlgorithmHasModel(), ImageFitsInstance(), ServerlessGpuImage())
