"""The Endpoint: its request, and its *meaning*, by which it is compared.

An endpoint means what its config says, with the content of models in the place of their names, and with the live
counts and weights in the place of the config's initial ones. Two configs of different names with one meaning are one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from mmeplan.aws.variants import KEYED, with_model_holders, with_variants
from mmeplan.canonical import Canonical, same_number
from mmeplan.identity import Deployment, address, digest
from mmeplan.kinds.endpoint_config import ENDPOINT_CONFIG
from mmeplan.kinds.kind import Kind, Lifecycle, register
from mmeplan.kinds.live import LiveObject
from mmeplan.kinds.resource import ApiPath, Reference, Resource

if TYPE_CHECKING:
    from mmeplan.spec import Entry

UPDATE_ONLY: Final = ("RetainAllVariantProperties", "ExcludeRetainedVariantProperties", "RetainDeploymentConfig")
"""Members that only UpdateEndpoint has: sent with it, never diffed."""


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
class LivePhase:
    """What a variant is doing (botocore ProductionVariantStatus); `since` is ISO 8601, empty where Describe doesn't
    say.
    """

    status: str
    message: str = ""
    since: str = ""

    def __str__(self) -> str:
        return f"{self.status}: {self.message}" if self.message else self.status


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
    phases: tuple[LivePhase, ...] = ()
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
    def deploying_since(self) -> str:
        """When the deployment under way began, ISO 8601; empty where there is none."""
        return str(self._pending.get("StartTime") or "")

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
        return next((str(phase) for v in (*self.pending_variants, *self.variants) for phase in v.phases), "")

    @property
    def _pending(self) -> Mapping[str, Any]:
        return self.describe.get("PendingDeploymentSummary") or {}


ModelOf = Callable[[ApiPath, str], Any]
"""(path, physical name) of a model reference → what stands for that model in a meaning."""


def compile_endpoint(
    entry: Entry, deployment: Deployment, config: Resource | None, models: Mapping[str, Resource]
) -> Resource:
    """The desired Endpoint of an entry whose config is `config`; None where it lies outside the fleet.

    `models` are the fleet's, by address. An endpoint's name is what callers invoke, so it is never shortened: one that
    is too long is a finding of the rules.
    """
    at = address(ENDPOINT.name, entry.name)
    config_name = config.physical_name if config else entry.request.get("EndpointConfigName")
    name = entry.pinned_name or entry.renamed_from or entry.name
    request = {key: value for key, value in entry.request.items() if key not in UPDATE_ONLY}
    references: tuple[Reference, ...] = ()
    if config_name:
        request["EndpointConfigName"] = config_name
        references = (
            Reference(("EndpointConfigName",), ENDPOINT_CONFIG.name, config_name, config.address if config else None),
        )
    return Resource(
        address=at,
        kind=ENDPOINT.name,
        name=entry.name,
        physical_name=name,
        entry=entry,
        request={"EndpointName": name, **request},
        deployment=deployment,
        references=references,
        content={},
        digest=digest(ENDPOINT.name, desired_meaning(config_name, config, models)),
        autoscaled=config.autoscaled if config else frozenset(),
        uncounted=config.uncounted if config else frozenset(),
        update_options={key: entry.request[key] for key in UPDATE_ONLY if key in entry.request},
    )


def desired_meaning(config_name: str | None, config: Resource | None, models: Mapping[str, Resource]) -> Canonical:
    """The meaning that the file gives an endpoint with this config; its name alone, where that lies outside."""
    if config is None:
        return {"EndpointConfigName": config_name}
    by_place = {(*reference.path,): reference for reference in config.references}

    def model_of(path: ApiPath, name: str) -> Any:
        reference = by_place.get(path)
        model = models.get(reference.address) if reference and reference.address else None
        if model is None:
            return name
        return model_stands_for(model.content, model.entry.replace_salt)

    return meaning(config.content, model_of, config.counts_of_others)


def model_stands_for(content: Canonical, salt: str | None) -> Canonical:
    """What stands for a model of the fleet in a meaning: its content, and its salt where it has one."""
    return {"content": content, "salt": salt} if salt is not None else {"content": content}


def meaning(config: Canonical, model_of: ModelOf, of_others: frozenset[str]) -> Canonical:
    """A canonical config with models in place of their names, and without the counts of the variants `of_others`."""

    def named(path: ApiPath, member: str, holder: Canonical) -> Canonical:
        return {**holder, member: model_of((*path, member), holder[member])} if member in holder else holder

    def variant(member: str, name: str, said: Canonical) -> Canonical:
        made = with_model_holders(said, (member, name), named)
        return without_count(made) if name in of_others else made

    return with_variants(config, variant)


def without_count(variant: Canonical) -> Canonical:
    """A variant without what an autoscaler decides: its count, or its provisioned concurrency where it is serverless.

    Source: botocore application-autoscaling, ScalableDimension.
    """
    return without_warmth({key: value for key, value in variant.items() if key != "InitialInstanceCount"})


def without_warmth(variant: Canonical) -> Canonical:
    """A variant without provisioned concurrency."""
    config = variant.get("ServerlessConfig", {})
    if "ProvisionedConcurrency" not in config:
        return variant
    return {**variant, "ServerlessConfig": {k: v for k, v in config.items() if k != "ProvisionedConcurrency"}}


def without_unwritten_concurrency(serving: Canonical, own: Canonical, wanted: Canonical) -> Canonical:
    """What serves, without provisioned concurrency that neither its config (`own`) nor the wanted one has.

    Somebody else gave it; no update to a config of the same content takes it away.
    """

    def written(member: str, name: str, variant: Canonical) -> Canonical:
        configs = (config.get(member, {}).get(name, {}).get("ServerlessConfig", {}) for config in (own, wanted))
        return variant if any("ProvisionedConcurrency" in config for config in configs) else without_warmth(variant)

    return with_variants(serving, written)


def with_count_of(variant: Canonical, other: Canonical) -> Canonical:
    """A variant with what an autoscaler may decide as `other` has it."""
    made = {key: value for key, value in variant.items() if key != "InitialInstanceCount"}
    made |= {key: other[key] for key in ("InitialInstanceCount",) if key in other}
    warm = other.get("ServerlessConfig", {}).get("ProvisionedConcurrency")
    if warm is not None and "ServerlessConfig" in made:
        made["ServerlessConfig"] = {**made["ServerlessConfig"], "ProvisionedConcurrency": warm}
    return made


def with_live_desires(config: Canonical, describe: Mapping[str, Any]) -> Canonical:
    """A live config with the endpoint's own Desired counts, weights and concurrency in place of the initial ones.

    Source: DescribeEndpoint's ProductionVariants (docs/sagemaker.md, "DescribeEndpoint").
    """

    def desired(member: str, name: str, variant: Canonical) -> Canonical:
        summaries = describe.get(member) or ()
        return _as_desired(variant, next((item for item in summaries if item.get("VariantName") == name), {}))

    return with_variants(config, desired)


def _as_desired(variant: Canonical, summary: Mapping[str, Any]) -> Canonical:
    made = dict(variant)
    count, weight = summary.get("DesiredInstanceCount"), summary.get("DesiredWeight")
    serverless = summary.get("DesiredServerlessConfig")
    if count is not None and "ServerlessConfig" not in variant:
        made["InitialInstanceCount"] = count
    if weight is not None:
        made.pop("InitialVariantWeight", None)
        if same_number(weight) != 1:
            made["InitialVariantWeight"] = same_number(weight)
    if serverless and "ServerlessConfig" in variant:
        made["ServerlessConfig"] = {
            **variant["ServerlessConfig"],
            **{k: v for k, v in serverless.items() if v is not None},
        }
    return made


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
            tuple(map(_live_phase, summary.get("VariantStatus") or ())),
            str(summary.get("InstanceType") or ""),
            tuple((str(p["InstanceType"]), int(p["CurrentInstanceCount"])) for p in summary.get("InstancePools") or ()),
            _reservation(summary.get("CapacityReservationConfig") or {}),
        )
        for summary in summaries or ()
    )


def _live_phase(said: Mapping[str, Any]) -> LivePhase:
    return LivePhase(str(said.get("Status")), str(said.get("StatusMessage") or ""), str(said.get("StartTime") or ""))


def _reservation(summary: Mapping[str, Any]) -> LiveReservation | None:
    if not summary.get("MlReservationArn"):
        return None
    members = ("TotalInstanceCount", "AvailableInstanceCount", "UsedByCurrentEndpoint")
    return LiveReservation(str(summary["MlReservationArn"]), *(summary.get(member) for member in members))


def _references(endpoint: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The config in force, and the one that an update under way leads to."""
    for holder in (endpoint, endpoint.get("PendingDeploymentSummary") or {}):
        if holder.get("EndpointConfigName"):
            yield ENDPOINT_CONFIG.name, str(holder["EndpointConfigName"])


def _state(endpoint: Mapping[str, Any]) -> Mapping[str, Any]:
    """What it runs and wants."""
    members = ("VariantName", "DesiredInstanceCount", "DesiredWeight", "DesiredServerlessConfig")
    wanted = [{key: item.get(key) for key in members} for variants in KEYED for item in endpoint.get(variants) or ()]
    return {
        "config": endpoint.get("EndpointConfigName"),
        "pending": (endpoint.get("PendingDeploymentSummary") or {}).get("EndpointConfigName"),
        "status": endpoint.get("EndpointStatus"),
        "variants": sorted(wanted, key=lambda variant: str(variant["VariantName"])),
    }


ENDPOINT: Final = register(
    Kind(
        name="endpoint",
        noun="Endpoint",
        lifecycle=Lifecycle.SWAPPED,
        live=LiveEndpoint,
        section="endpoints",
        doc="Logical name → endpoint (CreateEndpoint).",
        inline={"config": ENDPOINT_CONFIG.name},
        also=("UpdateEndpointWeightsAndCapacities",),
        always=("EndpointConfigName", "EndpointStatus"),
        unreadable={"EndpointConfigName": "DescribeEndpoint doesn't say which config it runs"},
        swaps_to=ENDPOINT_CONFIG.name,
        references=_references,
        refers_to=(ENDPOINT_CONFIG.name,),
        state=_state,
        plan_format="1.2",
        refusals={"conflict": "DEL-10", "unrecoverable": "EP-08", "scaled": "ASC-16"},
        shapes=(('(["', '"])'), "oval"),
    )
)
