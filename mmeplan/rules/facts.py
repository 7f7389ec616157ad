"""What rules look at: models, containers, configs, variants and endpoints of a graph, linked once per check.

In: `Graph`. Out: `FleetFacts`. Nulls are left out of containers and variants, so that a member that is there has a
value. What lies outside the fleet (`model_name:`, `endpoint_config_name:`) is absent here: rules can't look into it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from mmeplan.aws.instances import family
from mmeplan.aws.packages import MARKETPLACE_ACCOUNTS
from mmeplan.aws.partitions import partition_of, region_doubt
from mmeplan.aws.variants import names_models
from mmeplan.graph import Graph
from mmeplan.kinds.resource import ApiPath, Resource
from mmeplan.spec import Entry

_ARN: Final = re.compile(r"arn:([a-z-]+):([a-z0-9-]+):([a-z0-9-]*):([0-9]{12}):(.+)")


class Arn(NamedTuple):
    """The parts of an ARN that names an account."""

    partition: str
    service: str
    region: str
    account: str
    resource: str

    @property
    def kind(self) -> str:
        """`model-package` of `model-package/ranker/3`."""
        return self.resource.partition("/")[0]

    @property
    def name(self) -> str:
        """`ranker/3` of `model-package/ranker/3`."""
        return self.resource.partition("/")[2]


def arn_of(service: str, text: Any) -> Arn | None:
    """The parts of an ARN of that service; None for anything else."""
    match = _ARN.fullmatch(text) if isinstance(text, str) else None
    return Arn(*match.groups()) if match and match[2] == service else None


def lies_elsewhere(what: str, region: str, ours: str) -> str:
    """That something is in another region than the fleet, and where no such region is known, that."""
    doubt = region_doubt(region) or region_doubt(ours)
    return f"the {what} is in {region}, the fleet in {ours}" + (f"; {doubt}" if doubt else "")


@dataclass(frozen=True, slots=True)
class Scope:
    """Where the fleet lives, as far as the file says so."""

    region: str | None
    account: str | None

    @property
    def partition(self) -> str | None:
        """`aws`, `aws-cn`, …; None where the region is open."""
        return None if self.region is None else partition_of(self.region)


@dataclass(slots=True, eq=False)
class Container:
    """One container of a model. `path` is where it stands in the model's request."""

    owner: Model
    path: ApiPath
    spec: dict[str, Any]

    @property
    def multi_model(self) -> bool:
        return self.spec.get("Mode") == "MultiModel"

    @property
    def package(self) -> Arn | None:
        """The ARN of its model package; None where it has none, or names it without one."""
        arn = arn_of("sagemaker", self.spec.get("ModelPackageName"))
        return arn if arn is not None and arn.name else None

    @property
    def marketplace(self) -> bool:
        """Whether its package comes from AWS Marketplace, as far as its ARN tells."""
        package = self.package
        return package is not None and package.kind == "model-package" and package.account in MARKETPLACE_ACCOUNTS

    @property
    def reads_through_vpc(self) -> bool:
        """Whether the image comes from a registry inside the VPC."""
        return (self.spec.get("ImageConfig") or {}).get("RepositoryAccessMode") == "Vpc"

    def environment(self) -> Iterator[tuple[str, str]]:
        """Its environment entries that have a value."""
        return ((key, value) for key, value in (self.spec.get("Environment") or {}).items() if value is not None)


@dataclass(slots=True, eq=False)
class Model:
    """A model of the fleet; `variants` are those that host it."""

    scope: Scope
    resource: Resource
    request: dict[str, Any]
    containers: list[Container] = field(default_factory=list)
    variants: list[Variant] = field(default_factory=list)
    multi_model: bool = False

    @property
    def pipeline(self) -> bool:
        """Whether it has several containers."""
        return len(self.containers) > 1

    @property
    def vpc(self) -> dict[str, Any]:
        """Its VPC config; empty where it has none."""
        return self.request.get("VpcConfig") or {}

    @property
    def direct(self) -> bool:
        """Whether requests choose one of its containers."""
        return (self.request.get("InferenceExecutionConfig") or {}).get("Mode") == "Direct"

    @property
    def marketplace(self) -> bool:
        return any(container.marketplace for container in self.containers)


@dataclass(slots=True, eq=False)
class Variant:
    """A variant; `models` are the fleet's models it hosts, instance pools included."""

    owner: Config
    path: ApiPath
    spec: dict[str, Any]
    shadow: bool
    models: list[Model] = field(default_factory=list)

    @property
    def name(self) -> str:
        return str(self.path[-1])

    @property
    def serverless(self) -> bool:
        return "ServerlessConfig" in self.spec

    @property
    def managed_scaling(self) -> dict[str, Any]:
        """How SageMaker itself scales its instances; empty where that is disabled."""
        scaling: dict[str, Any] = self.spec.get("ManagedInstanceScaling") or {}
        return {} if scaling.get("Status") == "DISABLED" else scaling

    @property
    def multi_model(self) -> bool:
        return any(model.multi_model for model in self.models)

    @property
    def capacity(self) -> str:
        """What the file says of whose the count is; empty where it doesn't."""
        member, name = self.path
        return str(self.owner.resource.entry.request[str(member)][name].get("capacity") or "")

    @property
    def scaling(self) -> dict[str, Any] | None:
        """What the file declares of its scaling, by Application Auto Scaling; None for nothing."""
        member, name = self.path
        declared: dict[str, Any] | None = self.owner.resource.entry.request[str(member)][name].get("autoscaling")
        return declared

    @property
    def autoscaled(self) -> bool:
        """Whether its instance count is an autoscaler's."""
        return self.name in self.owner.resource.autoscaled

    @property
    def model_based(self) -> bool:
        """Whether it names a model, inside the fleet or outside."""
        return names_models(self.spec)

    @property
    def weight(self) -> float:
        """Its initial weight; 1 is the API's documented default."""
        weight = self.spec.get("InitialVariantWeight")
        return 1.0 if weight is None else float(weight)

    def instance_types(self) -> Iterator[tuple[ApiPath, str]]:
        """(where, type) for its own instance type and those of its pools."""
        own = self.spec.get("InstanceType")
        if own:
            yield (*self.path, "InstanceType"), own
        for index, pool in enumerate(self.spec.get("InstancePools") or ()):
            if pool.get("InstanceType"):
                yield (*self.path, "InstancePools", index, "InstanceType"), pool["InstanceType"]

    def of_family(self, *families: str) -> Iterator[tuple[ApiPath, str]]:
        """Its instance types of these families."""
        return ((path, kind) for path, kind in self.instance_types() if family(kind) in families)


@dataclass(slots=True, eq=False)
class Config:
    """An endpoint config; `endpoints` are those of the fleet that run it."""

    scope: Scope
    resource: Resource
    request: dict[str, Any]
    production: list[Variant] = field(default_factory=list)
    shadows: list[Variant] = field(default_factory=list)
    endpoints: list[Endpoint] = field(default_factory=list)

    @property
    def variants(self) -> list[Variant]:
        """Production first, then shadow."""
        return [*self.production, *self.shadows] if self.shadows else self.production

    @property
    def capture(self) -> dict[str, Any]:
        """Its data capture; empty where it has none."""
        return self.request.get("DataCaptureConfig") or {}

    @property
    def captures(self) -> bool:
        """Whether its data capture, where it has one, is on: it is unless the file says otherwise."""
        return self.capture.get("EnableCapture") is not False

    @property
    def async_output(self) -> dict[str, Any]:
        """Where asynchronous inference writes to, and whom it notifies; empty where the file doesn't say."""
        return (self.request.get("AsyncInferenceConfig") or {}).get("OutputConfig") or {}


@dataclass(frozen=True, slots=True)
class Deployment:
    """What an endpoint's DeploymentConfig says, in one form for both policies.

    `routing` is ALL_AT_ONCE, CANARY, LINEAR or ROLLING, empty where there is no policy. `size` is the canary's, the
    step's or the batch's, empty where it isn't given. Times are in seconds.
    """

    routing: str
    policy: ApiPath
    size: dict[str, Any]
    size_path: ApiPath
    wait_s: int
    termination_wait_s: int
    timeout_s: int | None
    alarms: list[dict[str, Any]]

    @property
    def gradual(self) -> bool:
        """Whether traffic moves in more than one step."""
        return self.routing in ("CANARY", "LINEAR", "ROLLING")

    @property
    def percent(self) -> int | None:
        """The size, where it is a percentage."""
        return self.size.get("Value") if self.size.get("Type") == "CAPACITY_PERCENT" else None

    @property
    def instances(self) -> int | None:
        """The size, where it is a number of instances."""
        return self.size.get("Value") if self.size.get("Type") == "INSTANCE_COUNT" else None


@dataclass(slots=True, eq=False)
class Endpoint:
    """An endpoint; `config` is None where it lies outside the fleet, `deployment` where it has no DeploymentConfig."""

    scope: Scope
    resource: Resource
    request: dict[str, Any]
    config: Config | None
    deployment: Deployment | None

    def counts(self) -> Iterator[tuple[str, int]]:
        """(production variant, instances) where the file knows the number."""
        for variant in self.config.production if self.config else ():
            count = variant.spec.get("InitialInstanceCount")
            if count and not variant.serverless and not variant.autoscaled:
                yield variant.name, count


@dataclass(frozen=True, slots=True)
class FleetFacts:
    """Everything, linked."""

    scope: Scope
    models: Mapping[str, Model]
    configs: Mapping[str, Config]
    endpoints: Mapping[str, Endpoint]

    def resources(self) -> Iterator[Resource]:
        """All resources: models, configs, endpoints."""
        for holders in (self.models, self.configs, self.endpoints):
            for holder in holders.values():
                yield holder.resource

    def variants(self) -> Iterator[Variant]:
        """All variants: config by config, production first, then shadow."""
        return (variant for config in self.configs.values() for variant in config.variants)

    def hosted(self) -> Iterator[tuple[Endpoint, Variant]]:
        """Each endpoint with each variant of the config that it runs."""
        for endpoint in self.endpoints.values():
            for variant in endpoint.config.variants if endpoint.config else ():
                yield endpoint, variant

    def unlink(self) -> None:
        """Take the circles apart, so that the facts are freed at once and not by a collection some time later."""
        for model in self.models.values():
            model.containers.clear()
            model.variants.clear()
        for config in self.configs.values():
            config.production.clear()
            config.shadows.clear()
            config.endpoints.clear()


def written_at(entry: Entry, path: ApiPath) -> dict[str, Any]:
    """The mapping at a path of the entry's request as loaded, where variants are keyed by name; empty where none is."""
    value: Any = entry.request
    for part in path:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return {}
    return value if isinstance(value, dict) else {}


def gather(graph: Graph) -> FleetFacts:
    """The facts of a graph, by address."""
    scope = Scope(graph.fleet.region, graph.fleet.account)
    models = {resource.address: _model(resource, scope) for resource in graph.of_kind("model")}
    configs = {resource.address: _config(resource, scope, models) for resource in graph.of_kind("endpoint_config")}
    endpoints = {}
    for resource in graph.of_kind("endpoint"):
        config = next((configs[ref.address] for ref in resource.references if ref.address in configs), None)
        endpoint = Endpoint(scope, resource, resource.request, config, _deployment(resource.request))
        if config is not None:
            config.endpoints.append(endpoint)
        endpoints[resource.address] = endpoint
    return FleetFacts(scope, models, configs, endpoints)


def _model(resource: Resource, scope: Scope) -> Model:
    request = resource.request
    model = Model(scope, resource, request)
    if request.get("PrimaryContainer") is not None:
        model.containers.append(Container(model, ("PrimaryContainer",), _present(request["PrimaryContainer"])))
    for index, spec in enumerate(request.get("Containers") or ()):
        model.containers.append(Container(model, ("Containers", index), _present(spec)))
    model.multi_model = any(container.multi_model for container in model.containers)
    return model


def _config(resource: Resource, scope: Scope, models: Mapping[str, Model]) -> Config:
    config = Config(scope, resource, resource.request)
    by_path: dict[ApiPath, Variant] = {}
    for member, variants, shadow in (
        ("ProductionVariants", config.production, False),
        ("ShadowProductionVariants", config.shadows, True),
    ):
        for spec in resource.request.get(member) or ():
            variant = Variant(config, (member, spec["VariantName"]), _present(spec), shadow)
            by_path[variant.path] = variant
            variants.append(variant)
    for reference in resource.references:
        if reference.address is not None:
            variant, model = by_path[reference.path[:2]], models[reference.address]
            if model not in variant.models:
                variant.models.append(model)
                model.variants.append(variant)
    return config


_SIZES: Final = {"CANARY": "CanarySize", "LINEAR": "LinearStepSize"}


def _deployment(request: dict[str, Any]) -> Deployment | None:
    given = request.get("DeploymentConfig")
    if given is None:
        return None
    alarms = (given.get("AutoRollbackConfiguration") or {}).get("Alarms") or []
    blue_green, rolling = given.get("BlueGreenUpdatePolicy"), given.get("RollingUpdatePolicy")
    policy: ApiPath = ("DeploymentConfig", "BlueGreenUpdatePolicy")
    if blue_green is None and rolling is not None:
        policy = ("DeploymentConfig", "RollingUpdatePolicy")
        return Deployment(
            routing="ROLLING",
            policy=policy,
            size=rolling.get("MaximumBatchSize") or {},
            size_path=(*policy, "MaximumBatchSize"),
            wait_s=rolling.get("WaitIntervalInSeconds") or 0,
            termination_wait_s=0,
            timeout_s=rolling.get("MaximumExecutionTimeoutInSeconds"),
            alarms=alarms,
        )
    blue_green = blue_green or {}
    routing = blue_green.get("TrafficRoutingConfiguration") or {}
    size = _SIZES.get(routing.get("Type") or "", "")
    return Deployment(
        routing=routing.get("Type") or "",
        policy=policy,
        size=routing.get(size) or {},
        size_path=(*policy, "TrafficRoutingConfiguration", size),
        wait_s=routing.get("WaitIntervalInSeconds") or 0,
        termination_wait_s=blue_green.get("TerminationWaitInSeconds") or 0,
        timeout_s=blue_green.get("MaximumExecutionTimeoutInSeconds"),
        alarms=alarms,
    )


def _present(spec: dict[str, Any]) -> dict[str, Any]:
    return {member: value for member, value in spec.items() if value is not None} if None in spec.values() else spec
