"""Requests held against botocore's shapes: every required member, type, bound, pattern and enum, each under its rule.

In: a compiled resource. Out: `(rule id, path, message)`. Which rule a violation belongs to is the data below; the
constraints themselves are read from the installed botocore (`mmeplan.aws.constraints`), so a member or a bound that AWS
changes arrives with a botocore upgrade, under `API-01` where no rule names its shape. Called by `rules.checking`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from mmeplan.aws.constraints import Violation, violations
from mmeplan.aws.shapes import CREATE_OPERATIONS, ServiceModel, service
from mmeplan.aws.variants import KEYED
from mmeplan.resources.base import ApiPath, Resource
from mmeplan.resources.memory import MEMORY_TAGS
from mmeplan.rules.sentences import member_name, sentence

UNNAMED: Final = "API-01"
"""The rule of every constraint whose shape no other rule names."""

MISSING: Final = {
    ("DataCaptureConfig", "InitialSamplingPercentage"): "CAP-01",
    ("DataCaptureConfig", "DestinationS3Uri"): "CAP-01",
    ("DataCaptureConfig", "CaptureOptions"): "CAP-01",
}
"""(holder, member) → the rule that says the member must be there, where that is not the rule of its value."""

PLACES: Final = {
    ("AdditionalModelDataSources", "S3DataSource"): "MDL-28",
    ("BlueGreenUpdatePolicy", "TrafficRoutingConfiguration"): "DEP-02",
    ("CoreDumpConfig", "DestinationS3Uri"): "CFG-14",
    ("DataCaptureConfig", "DestinationS3Uri"): "CAP-03",
    ("InstancePools", "InstanceType"): "CFG-27",
    ("RollingUpdatePolicy", "MaximumBatchSize"): "DEP-12",
    ("RollingUpdatePolicy", "WaitIntervalInSeconds"): "DEP-12",
    ("ShapBaselineConfig", "ShapBaselineUri"): "CFG-35",
    ("TrafficRoutingConfiguration", "Type"): "DEP-03",
    ("TrafficRoutingConfiguration", "WaitIntervalInSeconds"): "DEP-03",
}
"""(holder, member) → rule, for members whose shape is used in several places."""

SHAPES: Final = {
    "ModelName": "NAM-01",
    "EndpointConfigName": "NAM-02",
    "EndpointName": "NAM-03",
    "VariantName": "NAM-04",
    "ContainerHostname": "NAM-05",
    "TagList": "TAG-01",
    "TagKey": "TAG-02",
    "TagValue": "TAG-02",
    "RoleArn": "ARN-01",
    "KmsKeyId": "KMS-01",
    "ContainerDefinitionList": "MDL-02",
    "ContainerImage": "MDL-05",
    "RepositoryAccessMode": "MDL-08",
    "RepositoryCredentialsProviderArn": "MDL-09",
    "EnvironmentMap": "MDL-12",
    "EnvironmentKey": "MDL-13",
    "EnvironmentValue": "MDL-14",
    "Url": "MDL-18",
    "S3ModelUri": "MDL-24",
    "S3ModelDataType": "MDL-24",
    "ModelCompressionType": "MDL-24",
    "AdditionalModelDataSources": "MDL-28",
    "AdditionalModelChannelName": "MDL-28",
    "ContainerMode": "MDL-29",
    "VersionedArnOrName": "MDL-35",
    "InferenceSpecificationName": "MDL-36",
    "ModelCacheSetting": "MME-06",
    "InferenceExecutionMode": "PIP-03",
    "ProductionVariantList": "CFG-01",
    "ProductionVariantInstanceType": "CFG-06",
    "InitialTaskCount": "CFG-08",
    "VariantWeight": "CFG-10",
    "ProductionVariantVolumeSizeInGB": "CFG-15",
    "ProductionVariantModelDataDownloadTimeoutInSeconds": "CFG-19",
    "ProductionVariantContainerStartupHealthCheckTimeoutInSeconds": "CFG-20",
    "ProductionVariantInferenceAmiVersion": "CFG-23",
    "RoutingStrategy": "CFG-26",
    "VariantInstanceProvisionTimeoutInSeconds": "CFG-29",
    "ServerlessMemorySizeInMB": "SLS-01",
    "ServerlessMaxConcurrency": "SLS-02",
    "ServerlessProvisionedConcurrency": "SLS-03",
    "AsyncInferenceOutputConfig": "ASY-01",
    "MaxConcurrentInvocationsPerInstance": "ASY-03",
    "SnsTopicArn": "ASY-04",
    "AsyncNotificationTopicTypeList": "ASY-05",
    "AsyncNotificationTopicTypes": "ASY-05",
    "SamplingPercentage": "CAP-02",
    "CaptureOptionList": "CAP-04",
    "CaptureMode": "CAP-04",
    "CsvContentTypes": "CAP-06",
    "CsvContentType": "CAP-06",
    "JsonContentTypes": "CAP-06",
    "JsonContentType": "CAP-06",
    "VariantPropertyList": "EP-10",
    "VariantPropertyType": "EP-10",
    "CapacitySizeType": "DEP-05",
    "CapacitySizeValue": "DEP-05",
    "TerminationWaitInSeconds": "DEP-08",
    "MaximumExecutionTimeoutInSeconds": "DEP-09",
    "AlarmList": "DEP-15",
    "AlarmName": "DEP-15",
}
"""Shape → rule."""

HOLDERS: Final = {
    "VpcConfig": "MDL-31",
    "InstancePools": "CFG-27",
    "CapacityReservationConfig": "CFG-25",
    "ManagedInstanceScaling": "CFG-33",
    "ExplainerConfig": "CFG-35",
}
"""Member → the rule of everything beneath it that has no rule of its own."""

_OWN_NAME: Final = {"model": "ModelName", "endpoint_config": "EndpointConfigName", "endpoint": "EndpointName"}
_KIND_IN_WORDS: Final = {"model": "model", "endpoint_config": "endpoint config", "endpoint": "endpoint"}

ShapeHit = tuple[str, ApiPath, str]


class Walk:
    """One check's walk over its resources; tags that many resources share are looked at once."""

    def __init__(self, model: ServiceModel | None = None) -> None:
        self._model = model or service()
        self._shapes = {kind: self._model.input_shape(name) or "" for kind, name in CREATE_OPERATIONS.items()}
        self._update_shape = self._model.input_shape("UpdateEndpoint") or ""
        self._tags: dict[tuple[str, str, bool, tuple[tuple[str, str], ...]], list[Violation]] = {}

    def hits(self, resource: Resource) -> Iterable[ShapeHit]:
        """Every constraint that the resource's requests break."""
        found = violations(self._model, self._shapes[resource.kind], resource.request)
        if resource.update_options:
            found = [*found, *self._of_update(resource)]
        tagged = self._of_tags(resource)
        if not found and not tagged:
            return ()
        return self._hits(resource, found, tagged)

    def _of_update(self, resource: Resource) -> list[Violation]:
        """What only UpdateEndpoint takes, held against its own shape."""
        names = {name: resource.request.get(name, "") for name in ("EndpointName", "EndpointConfigName")}
        request = {**names, **resource.update_options}
        return [
            violation
            for violation in violations(self._model, self._update_shape, request)
            if violation.path[0] not in names
        ]

    def _of_tags(self, resource: Resource) -> list[Violation]:
        entry = resource.entry
        key = (resource.kind, entry.on_remove, entry.protect, tuple(entry.tags.items()))
        if key not in self._tags:
            own = dict.fromkeys(MEMORY_TAGS, "") if resource.kind == "endpoint" else {}
            tags = [{"Key": name, "Value": value} for name, value in {**resource.tags, **own}.items()]
            self._tags[key] = violations(self._model, "TagList", tags)
        return self._tags[key]

    def _hits(self, resource: Resource, found: list[Violation], tagged: list[Violation]) -> Iterator[ShapeHit]:
        said: dict[tuple[str, ApiPath], list[str]] = {}
        inside = {reference.path for reference in resource.references if reference.address is not None}
        of_wrong_length: set[ApiPath] = set()
        for violation in found:
            path = _path(resource, violation)
            if violation.constraint in ("min_length", "max_length"):
                of_wrong_length.add(violation.path)
            elif violation.constraint == "pattern" and violation.path in of_wrong_length:
                continue  # the pattern repeats the length
            if path not in inside:  # the fleet's own object reports its own name
                place = path[:-1] if violation.constraint == "required" else path
                message = sentence(violation, _subject(resource, violation, path))
                said.setdefault((rule_of(violation), place), []).append(message)
        keys = list(resource.tags) if tagged else []
        for violation in tagged:
            index = violation.path[0] if violation.path else None
            place = ("tags", keys[index]) if isinstance(index, int) else ("tags",)
            subject = f"the tag {place[1]!r}" if len(place) > 1 else "the list of tags, mmeplan's own included,"
            said.setdefault((rule_of(violation), place), []).append(sentence(violation, subject))
        for (rule, place), messages in said.items():
            yield rule, place, "; ".join(messages)


def rule_of(violation: Violation) -> str:
    """The id of the rule that a violation belongs to."""
    members = [part for part in violation.path if isinstance(part, str)]
    place = (members[-2] if len(members) > 1 else "", members[-1] if members else "")
    if violation.constraint == "required" and place in MISSING:
        return MISSING[place]
    named = PLACES.get(place) or SHAPES.get(violation.shape)
    return named or next((HOLDERS[member] for member in reversed(members) if member in HOLDERS), UNNAMED)


def _path(resource: Resource, violation: Violation) -> ApiPath:
    """The violation's path with variants by name in the place of their index."""
    path = violation.path
    if len(path) > 1 and path[0] in KEYED and isinstance(path[1], int):
        variant: dict[str, Any] = resource.request[path[0]][path[1]]
        path = (path[0], variant[KEYED[path[0]]], *path[2:])
    return path


def _subject(resource: Resource, violation: Violation, path: ApiPath) -> str:
    """What the file calls the place; a physical name that mmeplan derived is told by the entry's name."""
    if path == (_OWN_NAME[resource.kind],):
        kind = _KIND_IN_WORDS[resource.kind]
        if resource.entry.pinned_name is not None:
            return f"the {kind}'s pinned name"
        return f"the {kind}'s name, taken from its entry's name {resource.name!r},"
    if path[-1] == "VariantName":
        return "the variant's name"
    if "Environment" in path[:-1]:
        return "the environment's key" if violation.shape == "EnvironmentKey" else f"the value of {path[-1]}"
    if isinstance(path[-1], int):
        return f"item {path[-1] + 1} of {member_name(path[-2])}"
    return f"`{member_name(path[-1])}`"
