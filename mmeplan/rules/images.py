"""Images: what their names say of them, and what ECR tells.

In: an image of a container. Out: `Image`, its registry, repository, tag and digest, and whether it is one of AWS's;
questions about it, and what their answers say. AWS's own images lie in accounts of AWS, one or more per region; they
are told by their repository's name, unless the registry is the fleet's own. Labels stand in the image's configuration,
a blob behind a download. What BatchGetImage itself can tell is the manifest in Docker's schema 1, which ECR translates
others to and which repeats the configuration; where it can't, that is said.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from mmeplan.aws.images import BUILT_IN, FRAMEWORKS, LLM_SERVERS, accelerator_of, cuda_of, is_of_another
from mmeplan.aws.instances import Accelerator
from mmeplan.kinds.resource import ApiPath, Resource
from mmeplan.live.ports import Answer
from mmeplan.rules.facts import Container, FleetFacts, Variant
from mmeplan.rules.online import Question, UnknownError

_FORM = re.compile(r"(?P<registry>[^/\s]+)/(?P<repository>[^:@\s]+)(?::(?P<tag>[^@\s]+))?(?:@(?P<digest>.+))?")
_ACCOUNT = re.compile(r"[0-9]{12}(?=\.dkr[.-]ecr)")
_REGION = re.compile(r"[0-9]{12}\.dkr[.-]ecr(?:-fips)?\.([a-z0-9-]+)\.")
_ROLE = re.compile(r"arn:[a-z-]+:iam::([0-9]{12}):")

MULTI_MODEL: Final = "com.amazonaws.sagemaker.capabilities.multi-models"
BIND_TO_PORT: Final = "com.amazonaws.sagemaker.capabilities.accept-bind-to-port"
SCHEMA_1: Final = "application/vnd.docker.distribution.manifest.v1+json"
LISTS: Final = (
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.index.v1+json",
)
NO_IMAGE: Final = ("RepositoryNotFoundException", "ImageNotFoundException")
"""The error codes by which ECR says that there is no such image."""


@dataclass(frozen=True, slots=True)
class Image:
    """An image's name in its parts; `ours` is the fleet's account where it is known."""

    account: str
    repository: str
    tag: str
    digest: str
    ours: str | None

    @property
    def of_aws(self) -> bool:
        """Whether it is, by its name, an image that AWS publishes."""
        return self.repository in BUILT_IN | FRAMEWORKS and self.account != self.ours

    @property
    def of_another_account(self) -> bool:
        """Whether its registry is neither the fleet's own, where that is known, nor one of AWS's."""
        known = self.account and self.ours
        return bool(known) and is_of_another(self.account, self.repository, self.ours or "")

    @property
    def accelerator(self) -> Accelerator | None:
        """What it computes on, as far as its name says."""
        return accelerator_of(self.repository, self.tag)

    @property
    def cuda(self) -> tuple[int, int] | None:
        """The version of CUDA that its tag names."""
        return cuda_of(self.tag)

    @property
    def serves_llms(self) -> bool:
        """Whether it is, by its name, a server of large language models."""
        return self.repository.rpartition("/")[2] in LLM_SERVERS


def image_of(container: Container) -> Image | None:
    """The container's image; None where it has none, or none that can be read."""
    match = _FORM.fullmatch(container.spec.get("Image") or "")
    if match is None:
        return None
    account = _ACCOUNT.match(match["registry"])
    role = _ROLE.match(container.owner.request.get("ExecutionRoleArn") or "")
    ours = container.owner.scope.account or (role.group(1) if role else None)
    parts = (account.group() if account else "", match["repository"], match["tag"] or "", match["digest"] or "")
    return Image(*parts, ours)


def repository_arn(container: Container, partition: str) -> str:
    """The ARN of the ECR repository that holds the container's image; empty where it isn't in ECR."""
    image, host = image_of(container), _REGION.match(container.spec.get("Image") or "")
    if image is None or host is None:
        return ""
    return f"arn:{partition}:ecr:{host.group(1)}:{image.account}:repository/{image.repository}"


def hosted_images(variant: Variant, *, multi_model: bool = False) -> Iterator[tuple[str, Image]]:
    """(address of the model, image) for every container that a variant hosts, or for the multi-model ones."""
    for model in variant.models:
        for container in model.containers:
            image = image_of(container) if container.multi_model or not multi_model else None
            if image is not None:
                yield model.resource.address, image


def own_images(holders: Iterable[Container]) -> Iterator[Question]:
    """Ask for the images of the fleet's own registry."""
    for container in holders:
        params = _in_own_registry(container)
        if params:
            path = (*container.path, "Image")
            yield Question(container.owner.resource, path, container.spec["Image"], "DescribeImages", params)


def manifest_question(
    container: Container, resource: Resource, path: ApiPath, value: str, *types: str
) -> Iterator[Question]:
    """Ask for the manifest of an image of the fleet's own registry."""
    params = _in_own_registry(container)
    if params:
        yield Question(resource, path, value, "BatchGetImage", {**params, "acceptedMediaTypes": list(types)})


def _in_own_registry(container: Container) -> dict[str, Any]:
    """What names an image to ECR; empty for other registries: those of other accounts answer their own people only."""
    image = image_of(container)
    if image is None or not image.account or image.account != image.ours:
        return {}
    wanted = {"imageDigest": image.digest} if image.digest else {"imageTag": image.tag or "latest"}
    return {"registryId": image.account, "repositoryName": image.repository, "imageIds": [wanted]}


def labelled_images(facts: FleetFacts, concerns: Callable[[Container], bool]) -> Iterator[Question]:
    """Ask for the manifests that tell labels, of the images of the containers that a rule concerns."""
    for model in facts.models.values():
        for container in model.containers:
            if concerns(container):
                path = (*container.path, "Image")
                image = container.spec.get("Image", "")
                yield from manifest_question(container, model.resource, path, image, SCHEMA_1)


def manifest_of(answer: Answer) -> dict[str, Any] | None:
    """The manifest; None where there is no such image, which MDL-11 says. Raises UnknownError for another failure."""
    for image in answer.get("images") or ():
        return dict(json.loads(image["imageManifest"]))
    for failure in answer.get("failures") or ():
        if failure.get("failureCode") != "ImageNotFound":
            raise UnknownError(f"ECR answers {failure.get('failureCode')}: {failure.get('failureReason')}")
    return None


def lacks_label(answer: Answer, label: str) -> bool:
    """Whether there is an image, and it lacks the label. Raises UnknownError where ECR tells no labels."""
    manifest = manifest_of(answer)
    if manifest is None:
        return False
    history = manifest.get("history") if manifest.get("schemaVersion") == 1 else None
    if not history:
        raise UnknownError("ECR gives no manifest of this image that tells its labels (it has no schema 1)")
    config = json.loads(history[0]["v1Compatibility"]).get("config") or {}
    return (config.get("Labels") or {}).get(label) != "true"
