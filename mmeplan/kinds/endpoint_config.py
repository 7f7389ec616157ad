"""The EndpointConfig: its request with model names resolved, its identity, and its Describe answer made comparable."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from mmeplan.aws.instances import has_local_nvme
from mmeplan.aws.variants import (
    KEYED,
    REFERENCES,
    hosts_components,
    models,
    variants,
    with_model_holders,
    with_variants,
)
from mmeplan.canonical import Canonical, canonical, short_number
from mmeplan.identity import STAND_IN_TAG, Deployment, address, digest, ownership_tags
from mmeplan.kinds.kind import Kind, Lifecycle, register
from mmeplan.kinds.live import LiveObject
from mmeplan.kinds.model import MODEL
from mmeplan.kinds.resource import ApiPath, Reference, Resource, versioned

if TYPE_CHECKING:
    from mmeplan.spec import Entry


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


ResolveModel = Callable[[str, ApiPath], str | None]
"""Logical name of a model, and where it stands → the model's physical name; None where there is none."""

DeclaredModel = Callable[[str], str | None]
"""Physical name of a model → its address, where it is the fleet's own."""


def compile_endpoint_config(
    entry: Entry,
    deployment: Deployment,
    resolve: ResolveModel,
    declared: DeclaredModel,
    *,
    base_name: str = "",
    salt: str | None = None,
    apart: bool = False,
) -> Resource:
    """The desired EndpointConfig of an entry. `base_name` is what its physical name begins with.

    `apart`: another deployment's config has its plain name.
    """
    references: list[Reference] = []

    def resolved(path: ApiPath, member: str, holder: dict[str, Any]) -> dict[str, Any]:
        """`holder` without mmeplan's own keys, its logical reference resolved into the API's member."""
        made = {name: value for name, value in holder.items() if not name[:1].islower() and value is not None}
        logical = holder.get(REFERENCES[member])
        if logical is not None:
            name = resolve(logical, (*path, REFERENCES[member]))
            if name is not None:
                made[member] = name
                references.append(Reference((*path, member), MODEL.name, name, address(MODEL.name, logical)))
        elif made.get(member):
            references.append(Reference((*path, member), MODEL.name, made[member], declared(made[member])))
        return made

    def variant(member: str, name: str, written: dict[str, Any]) -> dict[str, Any]:
        return {KEYED[member]: name, **with_model_holders(written, (member, name), resolved)}

    request = with_variants(entry.request, variant)
    request |= {member: list(request[member].values()) for member in KEYED if member in request}
    return versioned(
        ENDPOINT_CONFIG,
        entry,
        deployment,
        request,
        salt=salt,
        apart=apart,
        base_name=base_name,
        references=references,
        autoscaled=autoscaled_variants(entry.request),
        uncounted=uncounted_variants(entry.request),
    )


def models_of(config: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of all models that a DescribeEndpointConfig answer or a request refers to, each once, in order."""
    return tuple(dict.fromkeys(name for _, name in models(config)))


def autoscaled_variants(config: Mapping[str, Any]) -> frozenset[str]:
    """The variants whose count is an autoscaler's: `capacity: autoscaled`, `autoscaling:`, or SageMaker's own managed
    scaling.

    Source: botocore ProductionVariantManagedInstanceScaling, Status.
    """
    return frozenset(
        name
        for _, name, variant in variants(config)
        if variant.get("capacity") == "autoscaled"
        or variant.get("autoscaling") is not None
        or (variant.get("ManagedInstanceScaling") or {}).get("Status") == "ENABLED"
    )


def uncounted_variants(config: Mapping[str, Any]) -> frozenset[str]:
    """The variants on instances whose count isn't written (botocore ProductionVariant: it is optional)."""
    return frozenset(
        name
        for _, name, variant in variants(config)
        if variant.get("ServerlessConfig") is None and variant.get("InitialInstanceCount") is None
    )


def counts_of_others(config: Mapping[str, Any]) -> frozenset[str]:
    """The variants whose count isn't the file's: never compared, kept by an import and across swaps."""
    return autoscaled_variants(config) | uncounted_variants(config)


def scaled_between(variant: Mapping[str, Any], count: int) -> tuple[int, int]:
    """The fewest and the most instances of a variant that has `count` now and that SageMaker itself may scale."""
    scaling = variant.get("ManagedInstanceScaling") or {}
    if scaling.get("Status") != "ENABLED":
        return count, count
    least, most = (int(scaling.get(member, count)) for member in ("MinInstanceCount", "MaxInstanceCount"))
    return min(count, least), max(count, most)


def launched_count(variant: Mapping[str, Any]) -> int:
    """The instances that a variant comes up with: 0 where it is serverless. One without a count has the minimum of its
    managed scaling, and at least 1; no source says what SageMaker launches there.
    """
    if variant.get("ServerlessConfig") is not None:
        return 0
    count = variant.get("InitialInstanceCount")
    if count is None:
        count = (variant.get("ManagedInstanceScaling") or {}).get("MinInstanceCount") or 1
    return int(count)


def hosted_on(variant: Mapping[str, Any]) -> str:
    """A variant's instance type, or `serverless`; empty where it has neither (instance pools)."""
    return str(variant.get("InstanceType") or ("serverless" if "ServerlessConfig" in variant else ""))


def live_request(describe: Mapping[str, Any]) -> dict[str, Any]:
    """What DescribeEndpointConfig answered, as the request that would make it."""
    left_out = ENDPOINT_CONFIG.answer_only - {ENDPOINT_CONFIG.name_member}
    return {key: value for key, value in describe.items() if key not in left_out}


def stand_in(config: Resource, served: Mapping[str, Any], name: str) -> tuple[dict[str, Any], str]:
    """(request with tags, digest) of a config that takes the name of one that an endpoint runs and somebody deleted.

    `served` is DescribeEndpoint's answer: it has the variants' names, counts and weights, but neither instance types
    nor models, which are taken from the config that is wanted. SageMaker needs the name to be there for the next
    update, not what it held (docs/sagemaker.md, "Deletion").
    """
    request = {key: value for key, value in config.request.items() if key not in KEYED}
    for member in KEYED:
        summaries = served.get(member) or (served.get("PendingDeploymentSummary") or {}).get(member) or ()
        wanted = config.request.get(member) or config.request["ProductionVariants"]
        by_name = {variant["VariantName"]: variant for variant in wanted}
        made = [_standing_in(by_name.get(s["VariantName"], wanted[0]), s) for s in summaries]
        if made or member == "ProductionVariants":
            request[member] = made or wanted
    request["EndpointConfigName"] = name
    content_digest = digest(ENDPOINT_CONFIG.name, canonical(request))
    tags = {**ownership_tags(config.deployment, config.address, content_digest), STAND_IN_TAG: "true"}
    return {**request, "Tags": [{"Key": key, "Value": value} for key, value in sorted(tags.items())]}, content_digest


def _standing_in(wanted: Mapping[str, Any], summary: Mapping[str, Any]) -> dict[str, Any]:
    made = {**wanted, "VariantName": summary["VariantName"]}
    if summary.get("DesiredWeight") is not None:
        made["InitialVariantWeight"] = short_number(summary["DesiredWeight"])
    serverless = summary.get("DesiredServerlessConfig") or summary.get("CurrentServerlessConfig")
    if serverless:
        return {key: made[key] for key in ("VariantName", "ModelName", "InitialVariantWeight") if key in made} | {
            "ServerlessConfig": dict(serverless)
        }
    if summary.get("DesiredInstanceCount") and "InitialInstanceCount" in made:
        made["InitialInstanceCount"] = summary["DesiredInstanceCount"]
    return made


def without_volumes_of_its_own(content: Canonical) -> Canonical:
    """`content` without volume sizes that the service filled in: those of variants that can't ask for any."""

    def asked(_member: str, _name: str, variant: Canonical) -> Canonical:
        if "ServerlessConfig" not in variant and not has_local_nvme(str(variant.get("InstanceType", ""))):
            return variant
        return {key: value for key, value in variant.items() if key != "VolumeSizeInGB"}

    return with_variants(content, asked)


def _aligned(desired: Canonical, live: Canonical) -> Canonical:
    """`live` without what the service filled in by itself because `desired` left it open (a volume size)."""

    def aligned(member: str, name: str, variant: Canonical) -> Canonical:
        if "VolumeSizeInGB" in desired.get(member, {}).get(name, {}):
            return variant
        return {key: value for key, value in variant.items() if key != "VolumeSizeInGB"}

    return with_variants(live, aligned)


def _references(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    return ((MODEL.name, name) for name in models_of(config))


ENDPOINT_CONFIG: Final = register(
    Kind(
        name="endpoint_config",
        noun="EndpointConfig",
        lifecycle=Lifecycle.IMMUTABLE,
        live=LiveEndpointConfig,
        section="endpoint_configs",
        doc="Configs that several endpoints share; an endpoint then says `config: NAME`.",
        inline_doc=(
            "The endpoint's configuration: written inline, or the logical name of an entry of `endpoint_configs`."
        ),
        answer_only=frozenset({"EndpointConfigName", "EndpointConfigArn", "CreationTime", "ResponseMetadata", "Tags"}),
        references=_references,
        refers_to=(MODEL.name,),
        aligned=_aligned,
        plan_format="1.2",
        refusals={"conflict": "DEL-10", "content": "CFG-38"},
    )
)
