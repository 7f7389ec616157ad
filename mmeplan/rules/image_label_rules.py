"""Rules that read an image's labels and architecture from ECR (stage `online`; groups MDL, MME and PIP).

Labels stand in the image's configuration, a blob behind a download. What BatchGetImage itself can tell is the manifest
in Docker's schema 1, which ECR translates others to and which repeats the configuration; where it can't, that is said.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mmeplan.aws.instances import GRAVITON
from mmeplan.live.ports import Answer
from mmeplan.rules.examples import fleet_file
from mmeplan.rules.facts import FleetFacts
from mmeplan.rules.images import (
    BIND_TO_PORT,
    LISTS,
    MULTI_MODEL,
    NO_IMAGE,
    SCHEMA_1,
    labelled_images,
    lacks_label,
    manifest_of,
    manifest_question,
)
from mmeplan.rules.online import OnlineRule, Question, UnknownError

_REGISTRY: Final = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
_PLAIN: Final = f"{_REGISTRY}/ranker:plain"


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
    absent = NO_IMAGE
    given = "The image has no labels."
    bad = fleet_file(multi_model=True, container=f"image: {_PLAIN}  # here")
    good = fleet_file(multi_model=True)

    def questions(self, facts: FleetFacts) -> Iterator[Question]:
        yield from labelled_images(facts, lambda container: container.multi_model)

    def found(self, question: Question, answer: Answer) -> Iterator[str]:
        if lacks_label(answer, MULTI_MODEL):
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
    absent = NO_IMAGE
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
        yield from labelled_images(facts, lambda container: container.owner.pipeline)

    def found(self, question: Question, answer: Answer) -> Iterator[str]:
        if lacks_label(answer, BIND_TO_PORT):
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
    absent = NO_IMAGE
    given = "The image is of the architecture amd64."
    bad = fleet_file(variant="instance_type: ml.m6g.xlarge  # here")
    good = fleet_file(variant="instance_type: ml.m6g.xlarge", container=f"image: {_REGISTRY}/ranker:1.4-arm64")

    def questions(self, facts: FleetFacts) -> Iterator[Question]:
        for config in facts.configs.values():
            for variant in config.variants:
                for path, kind in variant.of_family(*GRAVITON):
                    for model in variant.models:
                        for container in model.containers:
                            yield from manifest_question(container, config.resource, path, kind, *LISTS, SCHEMA_1)

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


RULES: Final = (MultiModelLabel(), BindToPortLabel(), GravitonImage())
