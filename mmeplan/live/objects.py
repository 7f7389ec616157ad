"""Live objects: one Describe answer each, typed. Nothing outside `live` and canonicalisation reads answers.

`LiveModel`, `LiveEndpointConfig` and `LiveEndpoint` say what the service said in the terms that phases ask for; the
answer itself stays beside it (`describe`), for snapshots and for making requests comparable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from mmeplan.aws.variants import hosts_components, models
from mmeplan.live.ports import Call

STACK_TAG: Final = "aws:cloudformation:stack-name"
"""What CloudFormation puts on everything that a stack makes; nobody else can write it."""

NAME_MEMBERS: Final = {"model": "ModelName", "endpoint_config": "EndpointConfigName", "endpoint": "EndpointName"}
DESCRIBES: Final = {
    "model": "DescribeModel",
    "endpoint_config": "DescribeEndpointConfig",
    "endpoint": "DescribeEndpoint",
}
"""Kind → the operation that describes it."""

ARN_MEMBERS: Final = {"model": "ModelArn", "endpoint_config": "EndpointConfigArn", "endpoint": "EndpointArn"}

Status = Literal["present", "absent", "unreadable"]


@dataclass(frozen=True, slots=True)
class LiveObject:
    """One object as it was seen.

    `describe` is the Describe answer, times as ISO 8601 text; of an object that `by_digest` identifies it is the List
    summary alone (name, ARN, creation time), because its tags carry the full digest of the content that is wanted.
    `tags` is None where they could not be read. `error` says why something is unreadable. `masked` says that some of
    its environment values are masks (`live.masked`); it isn't saved.
    """

    kind: str
    name: str
    status: Status
    describe: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] | None = None
    by_digest: bool = False
    error: str = ""
    masked: bool = False

    @property
    def is_present(self) -> bool:
        """Whether it exists and could be read."""
        return self.status == "present"

    @property
    def arn(self) -> str:
        """The ARN that the service returned; ARNs are never built (their letter case has varied over the years)."""
        return str(self.describe.get(ARN_MEMBERS[self.kind], ""))

    @property
    def created_at(self) -> str:
        """Creation time, ISO 8601."""
        return str(self.describe.get("CreationTime", ""))

    @property
    def stack(self) -> str:
        """The CloudFormation stack that made it; empty where none did, or its tags could not be read."""
        return (self.tags or {}).get(STACK_TAG, "")

    def tag(self, key: str) -> str | None:
        """The value of a tag; None where the object hasn't it, or its tags could not be read."""
        return (self.tags or {}).get(key)


@dataclass(frozen=True, slots=True)
class LiveModel(LiveObject):
    """A Model that was looked for."""


@dataclass(frozen=True, slots=True)
class LiveEndpointConfig(LiveObject):
    """An EndpointConfig that was looked for."""

    @property
    def models(self) -> tuple[str, ...]:
        """The names of all models that it refers to, instance pools included; each once, in order."""
        return models_of(self.describe)

    @property
    def instance_types(self) -> Mapping[str, str]:
        """The instance type of each production variant that has one."""
        variants = self.describe.get("ProductionVariants") or ()
        return {str(item.get("VariantName")): item["InstanceType"] for item in variants if item.get("InstanceType")}

    @property
    def hosts_components(self) -> bool:
        """Whether a production variant names no model: inference components are placed on it."""
        return hosts_components(self.describe)

    @property
    def is_serverless(self) -> bool:
        """Whether it has a serverless production variant."""
        return any(variant.get("ServerlessConfig") for variant in self.describe.get("ProductionVariants") or ())


@dataclass(frozen=True, slots=True)
class LiveReservation:
    """The capacity reservation of a variant (botocore ProductionVariantCapacityReservationSummary).

    None where Describe doesn't say. `available` is what nobody uses, `used` what its own endpoint does.
    """

    arn: str
    total: int | None = None
    available: int | None = None
    used: int | None = None


@dataclass(frozen=True, slots=True)
class LiveVariant:
    """A variant of a live endpoint (botocore ProductionVariantSummary). None where Describe doesn't say.

    Weights are floats as the service answers them; serverless settings are in the API's members. `instance_type` is
    empty unless an update under way brings the variant up: only then Describe says it. `pools` are (instance type,
    instances) of its instance pools.
    """

    name: str
    desired_count: int | None = None
    current_count: int | None = None
    desired_weight: float | None = None
    current_weight: float | None = None
    desired_serverless: Mapping[str, Any] | None = None
    current_serverless: Mapping[str, Any] | None = None
    phase: str = ""
    instance_type: str = ""
    pools: tuple[tuple[str, int], ...] = ()
    reservation: LiveReservation | None = None

    @property
    def is_serverless(self) -> bool:
        """Whether it has no instances."""
        return bool(self.current_serverless or self.desired_serverless)


@dataclass(frozen=True, slots=True)
class LiveEndpoint(LiveObject):
    """An Endpoint that was looked for. Everything but its name is empty where it isn't there."""

    @property
    def endpoint_status(self) -> str:
        """EndpointStatus (`aws.lifecycle` has the vocabulary)."""
        return str(self.describe.get("EndpointStatus", ""))

    @property
    def config(self) -> str:
        """The name of the config in force."""
        return str(self.describe.get("EndpointConfigName") or "")

    @property
    def pending_config(self) -> str:
        """The name of the config that an update under way leads to; empty where there is none."""
        return str(self._pending.get("EndpointConfigName") or "")

    @property
    def has_pending_deployment(self) -> bool:
        """Whether a deployment is under way."""
        return bool(self._pending)

    @property
    def configs(self) -> tuple[str, ...]:
        """The config in force, then the one that an update under way leads to, if any."""
        return tuple(name for name in (self.config, self.pending_config) if name)

    @property
    def once_over(self) -> LiveEndpoint:
        """The endpoint as it is once the update under way has come into force; itself where none leads elsewhere."""
        if self.pending_config in ("", self.config):
            return self
        members = ("EndpointConfigName", "ProductionVariants", "ShadowProductionVariants")
        replaced = {*members, "PendingDeploymentSummary"}
        rest = {member: value for member, value in self.describe.items() if member not in replaced}
        return replace(self, describe={**rest, **{key: self._pending[key] for key in members if key in self._pending}})

    @property
    def variants(self) -> tuple[LiveVariant, ...]:
        """The production variants that serve."""
        return _variants(self.describe.get("ProductionVariants"))

    @property
    def shadow_variants(self) -> tuple[LiveVariant, ...]:
        """The shadow variants that serve."""
        return _variants(self.describe.get("ShadowProductionVariants"))

    @property
    def pending_variants(self) -> tuple[LiveVariant, ...]:
        """The production variants that an update under way brings up."""
        return _variants(self._pending.get("ProductionVariants"))

    @property
    def pending_shadow_variants(self) -> tuple[LiveVariant, ...]:
        """The shadow variants that an update under way brings up."""
        return _variants(self._pending.get("ShadowProductionVariants"))

    @property
    def is_async(self) -> bool:
        """Whether what serves is asynchronous inference."""
        return self.describe.get("AsyncInferenceConfig") is not None

    @property
    def failure_reason(self) -> str:
        """FailureReason; empty where SageMaker gave none."""
        return str(self.describe.get("FailureReason") or "")

    @property
    def modified_at(self) -> str:
        """LastModifiedTime, ISO 8601; empty where Describe doesn't say."""
        return str(self.describe.get("LastModifiedTime") or "")

    @property
    def last_deployment(self) -> Mapping[str, Any]:
        """LastDeploymentConfig, in the API's members."""
        return self.describe.get("LastDeploymentConfig") or {}

    @property
    def phase(self) -> str:
        """What the variants say of themselves, the ones under way first: `Baking: Baking for 600 seconds …`."""
        return next((variant.phase for variant in (*self.pending_variants, *self.variants) if variant.phase), "")

    @property
    def _pending(self) -> Mapping[str, Any]:
        return self.describe.get("PendingDeploymentSummary") or {}


_TYPES: Final[Mapping[str, type[LiveObject]]] = {
    "model": LiveModel,
    "endpoint_config": LiveEndpointConfig,
    "endpoint": LiveEndpoint,
}


def live_object(
    kind: str,
    name: str,
    status: Status,
    describe: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
    *,
    by_digest: bool = False,
    error: str = "",
) -> LiveObject:
    """The live object of a kind; the other arguments are those of `LiveObject`.

    An endpoint of which it isn't said what it runs is unreadable. DescribeEndpoint's shape doesn't promise the config.
    """
    if kind == "endpoint" and status == "present" and describe and not describe.get("EndpointConfigName"):
        return LiveEndpoint(kind, name, "unreadable", error="DescribeEndpoint doesn't say which config it runs")
    return _TYPES[kind](kind, name, status, describe or {}, tags, by_digest, error)


def describe_call(kind: str, name: str) -> Call:
    """The call that describes an object."""
    return DESCRIBES[kind], {NAME_MEMBERS[kind]: name}


def listed_config(name: str) -> LiveEndpointConfig:
    """A config that holds what the file declares under its name, whether it was described or not."""
    return LiveEndpointConfig("endpoint_config", name, "present", by_digest=True)


def created_at(summary: Mapping[str, Any]) -> str:
    """Creation time of an item of a List answer, ISO 8601; empty where it has none."""
    return str(summary.get("CreationTime") or "")


def live_endpoint_config(describe: Mapping[str, Any]) -> LiveEndpointConfig:
    """A DescribeEndpointConfig answer, typed."""
    return LiveEndpointConfig("endpoint_config", str(describe.get("EndpointConfigName", "")), "present", describe)


def live_endpoint(describe: Mapping[str, Any], tags: Mapping[str, str] | None = None) -> LiveEndpoint:
    """A DescribeEndpoint answer, typed."""
    return LiveEndpoint("endpoint", str(describe.get("EndpointName", "")), "present", describe, tags)


def models_of(config: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of all models that a DescribeEndpointConfig answer or a request refers to, each once, in order."""
    return tuple(dict.fromkeys(name for _, name in models(config)))


def _variants(summaries: Sequence[Mapping[str, Any]] | None) -> tuple[LiveVariant, ...]:
    return tuple(
        LiveVariant(
            str(summary.get("VariantName")),
            summary.get("DesiredInstanceCount"),
            summary.get("CurrentInstanceCount"),
            summary.get("DesiredWeight"),
            summary.get("CurrentWeight"),
            summary.get("DesiredServerlessConfig"),
            summary.get("CurrentServerlessConfig"),
            _phase(summary.get("VariantStatus") or ()),
            str(summary.get("InstanceType") or ""),
            tuple((str(p["InstanceType"]), int(p["CurrentInstanceCount"])) for p in summary.get("InstancePools") or ()),
            _reservation(summary.get("CapacityReservationConfig") or {}),
        )
        for summary in summaries or ()
    )


def _reservation(summary: Mapping[str, Any]) -> LiveReservation | None:
    if not summary.get("MlReservationArn"):
        return None
    members = ("TotalInstanceCount", "AvailableInstanceCount", "UsedByCurrentEndpoint")
    return LiveReservation(str(summary["MlReservationArn"]), *(summary.get(member) for member in members))


def _phase(statuses: Sequence[Mapping[str, Any]]) -> str:
    for status in statuses:
        message = status.get("StatusMessage")
        return f"{status.get('Status')}: {message}" if message else str(status.get("Status"))
    return ""
