"""Rules about the sizes of artifacts (stage `online`; groups CFG, SLS and MME).

Sizes come from the listings that tell whether artifacts are there. An archive is larger when it is unpacked: what is
found here is too large in any case.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from mmeplan.aws.instances import has_local_nvme
from mmeplan.live.ports import Answer
from mmeplan.rules.artifacts import (
    Listings,
    artifacts,
    bytes_of,
    hosted_artifacts,
    listing,
    prefix_is_usable,
    shown_bytes,
    single_artifacts,
    unseen,
)
from mmeplan.rules.examples import fleet_file
from mmeplan.rules.facts import FleetFacts, Variant
from mmeplan.rules.online import OnlineRule, Question, UnknownError

LARGE_BYTES: Final = 30 * 1024**3  # realtime-endpoints-large-model-hosting: from here on volume and timeouts matter

_PATIENCE: Final = ("ModelDataDownloadTimeoutInSeconds", "ContainerStartupHealthCheckTimeoutInSeconds")
_KEYS: Final = {
    "VolumeSizeInGB": "volume_size_in_gb",
    "ModelDataDownloadTimeoutInSeconds": "model_data_download_timeout_in_seconds",
    "ContainerStartupHealthCheckTimeoutInSeconds": "container_startup_health_check_timeout_in_seconds",
}
_LARGE: Final = "model_data_url: s3://acme-models/large.tar.gz"
_GENEROUS: Final = (
    "volume_size_in_gb: 200\nmodel_data_download_timeout_in_seconds: 3600\n"
    "container_startup_health_check_timeout_in_seconds: 1800"
)


class LargeArtifactHasRoom(OnlineRule):
    id = "CFG-21"
    title = "A large artifact has room and time"
    severity = "warning"
    basis = "doc"
    source = "Developer Guide, realtime-endpoints-large-model-hosting: models of more than 30 GB"
    why = (
        "What is larger than 30 GB doesn't fit the default volume, and takes longer to download and to load than the "
        "default timeouts allow: the endpoint fails after half an hour of waiting."
    )
    fix = (
        "Set `volume_size_in_gb` (not on instances with local NVMe), `model_data_download_timeout_in_seconds` and "
        "`container_startup_health_check_timeout_in_seconds` on the variant."
    )
    reads = ("ListObjectsV2",)
    absent = ("NoSuchBucket",)
    given = "The archive has 40 GiB."
    bad = fleet_file(container=_LARGE).replace("        main:\n", "        main:  # here\n")
    good = fleet_file(container=_LARGE, variant=_GENEROUS)

    def questions(self, facts: FleetFacts) -> Iterator[Question]:
        listings = Listings(single_artifacts(facts))
        for variant, artifact in hosted_artifacts(facts, serverless=False):
            lacking = tuple(_lacking(variant))
            if lacking:
                yield listings.question(artifact, variant.owner.resource, variant.path, lacking)

    def found(self, question: Question, answer: Answer) -> Iterator[str | Question]:
        artifact, lacking = question.wanted
        yield from unseen(question, answer)
        size = bytes_of(artifact, answer)
        if size > LARGE_BYTES:
            lacks = ", ".join(f"`{_KEYS[member]}`" for member in lacking)
            yield f"{artifact.uri!r} has {shown_bytes(size)}, and the variant doesn't set {lacks}"


def _lacking(variant: Variant) -> Iterator[str]:
    kinds = [kind for _, kind in variant.instance_types()]
    if kinds and not any(has_local_nvme(kind) for kind in kinds) and "VolumeSizeInGB" not in variant.spec:
        yield "VolumeSizeInGB"
    yield from (member for member in _PATIENCE if member not in variant.spec)


class ServerlessMemoryHoldsModel(OnlineRule):
    id = "SLS-16"
    title = "A serverless variant's memory holds the model"
    severity = "warning"
    basis = "doc"
    source = "Developer Guide, serverless-endpoints: memory at least as large as the model"
    why = "A model that is larger than the memory doesn't load; the packed archive is larger already."
    fix = "Raise `memory_size_in_mb` (up to 6144), or host the model on instances."
    reads = ("ListObjectsV2",)
    absent = ("NoSuchBucket",)
    given = "The archive has 4 GiB."
    bad = fleet_file(
        serverless=True,
        container="model_data_url: s3://acme-models/heavy.tar.gz",
        variant="serverless_config: {memory_size_in_mb: 2048, max_concurrency: 20}  # here",
    )
    good = fleet_file(
        serverless=True,
        container="model_data_url: s3://acme-models/heavy.tar.gz",
        variant="serverless_config: {memory_size_in_mb: 6144, max_concurrency: 20}",
    )

    def questions(self, facts: FleetFacts) -> Iterator[Question]:
        listings = Listings(single_artifacts(facts))
        for variant, artifact in hosted_artifacts(facts, serverless=True):
            memory = (variant.spec.get("ServerlessConfig") or {}).get("MemorySizeInMB")
            if memory:
                path = (*variant.path, "ServerlessConfig")
                yield listings.question(artifact, variant.owner.resource, path, memory)

    def found(self, question: Question, answer: Answer) -> Iterator[str | Question]:
        artifact, memory = question.wanted
        yield from unseen(question, answer)
        size = bytes_of(artifact, answer)
        if size > memory * 1024**2:
            yield f"{artifact.uri!r} has {shown_bytes(size)} packed, and the variant {memory} MB of memory"


class LargestModelFits(OnlineRule):
    id = "MME-25"
    title = "The largest model of a multi-model prefix fits the instances"
    severity = "warning"
    basis = "doc"
    source = "Developer Guide, multi-model-endpoints, Instance recommendations; EC2 DescribeInstanceTypes"
    why = (
        "A model is downloaded, unpacked and loaded into memory beside the others; one that is larger than all memory "
        "of an instance, packed even, loads nowhere, and unloads everything else in the attempt. The first 1,000 "
        "objects of the prefix are looked at; memory is that of EC2's type of the same name."
    )
    fix = "Choose a larger instance type, or host this model on its own."
    reads = ("ListObjectsV2", "DescribeInstanceTypes")
    absent = ("NoSuchBucket",)
    given = "The largest archive has 40 GiB; an m5.xlarge has 16 GiB of memory."
    bad = fleet_file(
        multi_model=True,
        container="model_data_url: s3://acme-models/giants/",
        variant="instance_type: ml.m5.xlarge  # here",
    )
    good = fleet_file(multi_model=True)

    def questions(self, facts: FleetFacts) -> Iterator[Question]:
        for config in facts.configs.values():
            for variant in config.variants:
                for model in variant.models if variant.multi_model else ():
                    for artifact in artifacts(one for one in model.containers if one.multi_model):
                        for path, kind in variant.instance_types() if prefix_is_usable(artifact.uri) else ():
                            yield listing(artifact, config.resource, path, kind)

    def found(self, question: Question, answer: Answer) -> Iterator[str | Question]:
        if question.operation == "ListObjectsV2":
            objects = answer.get("objects") or {}
            if objects:
                key = max(objects, key=lambda name: objects[name].size)
                yield _memory(question, key, objects[key].size)
            return
        kind, uri, size = question.wanted
        if not answer.get("InstanceTypes"):
            raise UnknownError(f"EC2 doesn't list the memory of `{kind}` in this region")
        memory = answer["InstanceTypes"][0]["MemoryInfo"]["SizeInMiB"] * 1024**2
        if size > memory:
            yield f"{uri!r} has {shown_bytes(size)} packed, and `{kind}` {shown_bytes(memory)} of memory"


def _memory(question: Question, key: str, size: int) -> Question:
    """Ask EC2 for the memory of the variant's type: `ml.m5.xlarge` is an m5.xlarge. A filter may match nothing."""
    artifact, kind = question.wanted
    params: dict[str, Any] = {"Filters": [{"Name": "instance-type", "Values": [kind.removeprefix("ml.")]}]}
    wanted = (kind, f"s3://{artifact.bucket}/{key}", size)
    return Question(question.resource, question.path, kind, "DescribeInstanceTypes", params, wanted=wanted)


RULES: Final = (LargeArtifactHasRoom(), ServerlessMemoryHoldsModel(), LargestModelFits())
