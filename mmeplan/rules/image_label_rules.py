"""Rules that read an image's labels and architecture from ECR (stage `online`; groups MDL, MME and PIP).

Labels stand in the image's configuration, a blob behind a download. What BatchGetImage itself can tell is the manifest
in Docker's schema 1, which ECR translates others to and which repeats the configuration; where it can't, that is said.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, Final

from mmeplan.aws.instances import GRAVITON
from mmeplan.live.ports import Answer
from mmeplan.resources.base import ApiPath, Resource
from mmeplan.rules.examples import fleet_file
from mmeplan.rules.facts import Container, FleetFacts
from mmeplan.rules.images import image_of
from mmeplan.rules.online import OnlineRule, Question, UnknownError

MULTI_MODEL: Final = "com.amazonaws.sagemaker.capabilities.multi-models"
BIND_TO_PORT: Final = "com.amazonaws.sagemaker.capabilities.accept-bind-to-port"

_SCHEMA_1: Final = "application/vnd.docker.distribution.manifest.v1+json"
_LISTS: Final = (
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.index.v1+json",
)
_REGISTRY: Final = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
_PLAIN: Final = f"{_REGISTRY}/ranker:plain"
_ABSENT: Final = ("RepositoryNotFoundException", "ImageNotFoundException")


def _question(container: Container, resource: Resource, path: ApiPath, value: str, *types: str) -> Iterator[Question]:
    """The manifest of an image of the fleet's own registry: those of other accounts answer their own people only."""
    image = image_of(container)
    if image is None or not image.account or image.account != image.ours:
        return
    wanted = {"imageDigest": image.digest} if image.digest else {"imageTag": image.tag or "latest"}
    params = {
        "registryId": image.account,
        "repositoryName": image.repository,
        "imageIds": [wanted],
        "acceptedMediaTypes": list(types),
    }
    yield Question(resource, path, value, "BatchGetImage", params)


def _labelled(facts: FleetFacts, concerns: Callable[[Container], bool]) -> Iterator[Question]:
    for model in facts.models.values():
        for container in model.containers:
            if concerns(container):
                path = (*container.path, "Image")
                yield from _question(container, model.resource, path, container.spec["Image"], _SCHEMA_1)


def _manifest(answer: Answer) -> dict[str, Any] | None:
    """The manifest; None where there is no such image, which MDL-11 says. Raises UnknownError for another failure."""
    for image in answer.get("images") or ():
        return dict(json.loads(image["imageManifest"]))
    for failure in answer.get("failures") or ():
        if failure.get("failureCode") != "ImageNotFound":
            raise UnknownError(f"ECR answers {failure.get('failureCode')}: {failure.get('failureReason')}")
    return None


def _lacks(answer: Answer, label: str) -> bool:
    """Whether there is an image, and it lacks the label. Raises UnknownError where ECR tells no labels."""
    manifest = _manifest(answer)
    if manifest is None:
        return False
    history = manifest.get("history") if manifest.get("schemaVersion") == 1 else None
    if not history:
        raise UnknownError("ECR gives no manifest of this image that tells its labels (it has no schema 1)")
    config = json.loads(history[0]["v1Compatibility"]).get("config") or {}
    return (config.get("Labels") or {}).get(label) != "true"


class MultiModelLabel(OnlineRule):
    id = "MME-08"
    title = "A multi-model container's own image has the multi-model label"
    severity = "error"
    basis = "obs"
    source = (
        "Developer Guide, build-multi-model-build-container; CreateModel answers "
        f'"does not contain required {MULTI_MODEL}=true Docker label(s)."'
    )
    why = "By the label an image says that it can load and unload models; CreateModel refuses one without it."
    fix = f"Add `LABEL {MULTI_MODEL}=true` to the Dockerfile, and build and push the image anew."
    reads = ("BatchGetImage",)
    absent = _ABSENT
    given = "The image has no labels."
    bad = fleet_file(multi_model=True, container=f"image: {_PLAIN}  # here")
    good = fleet_file(multi_model=True)

    def questions(self, facts: FleetFacts) -> Iterator[Question]:
        yield from _labelled(facts, lambda container: container.multi_model)

    def found(self, question: Question, answer: Answer) -> Iterator[str]:
        if _lacks(answer, MULTI_MODEL):
            yield f"the image {question.value!r} lacks the label `{MULTI_MODEL}=true`"


class BindToPortLabel(OnlineRule):
    id = "PIP-06"
    title = "The own image of each of several containers accepts a port"
    severity = "error"
    basis = "obs"
    source = (
        "Developer Guide, inference-pipeline-real-time and multi-container-direct; CreateModel answers "
        f'"{BIND_TO_PORT}=true Docker label(s)."'
    )
    why = (
        "Containers beside one another each listen on the port that SAGEMAKER_BIND_TO_PORT names. By the label an "
        "image says that it does; CreateModel refuses one without it."
    )
    fix = f"Listen on that port, add `LABEL {BIND_TO_PORT}=true` to the Dockerfile, and build and push the image anew."
    reads = ("BatchGetImage",)
    absent = _ABSENT
    given = "The second image has no labels."
    bad = fleet_file(
        containers=f"""
        - image: {_REGISTRY}/ranker:1.4
          model_data_url: s3://acme-models/ranker.tar.gz
        - image: {_PLAIN}  # here
          model_data_url: s3://acme-models/ranker.tar.gz
        """
    )
    good = fleet_file(
        containers=f"""
        - image: {_REGISTRY}/ranker:1.4
          model_data_url: s3://acme-models/ranker.tar.gz
        - image: {_REGISTRY}/ranker:1.4
          model_data_url: s3://acme-models/ranker.tar.gz
        """
    )

    def questions(self, facts: FleetFacts) -> Iterator[Question]:
        yield from _labelled(facts, lambda container: container.owner.pipeline)

    def found(self, question: Question, answer: Answer) -> Iterator[str]:
        if _lacks(answer, BIND_TO_PORT):
            yield f"the image {question.value!r} lacks the label `{BIND_TO_PORT}=true`"


class GravitonImage(OnlineRule):
    id = "MDL-39"
    title = "A Graviton instance runs an arm64 image"
    severity = "error"
    basis = "doc"
    source = "Developer Guide, realtime-endpoints-graviton"
    why = "Graviton processors are of the arm64 architecture; an image of another one doesn't start there."
    fix = "Build the image for linux/arm64, or choose an instance type that isn't Graviton."
    reads = ("BatchGetImage",)
    absent = _ABSENT
    given = "The image is of the architecture amd64."
    bad = fleet_file(variant="instance_type: ml.m6g.xlarge  # here")
    good = fleet_file(variant="instance_type: ml.m6g.xlarge", container=f"image: {_REGISTRY}/ranker:1.4-arm64")

    def questions(self, facts: FleetFacts) -> Iterator[Question]:
        for config in facts.configs.values():
            for variant in config.variants:
                for path, kind in variant.of_family(*GRAVITON):
                    for model in variant.models:
                        for container in model.containers:
                            yield from _question(container, config.resource, path, kind, *_LISTS, _SCHEMA_1)

    def found(self, question: Question, answer: Answer) -> Iterator[str]:
        manifest = _manifest(answer)
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


RULES: Final = (MultiModelLabel(), BindToPortLabel(), GravitonImage())
