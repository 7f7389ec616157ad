"""Rules that read Service Quotas (stage `online`; groups CFG and SLS).

In: what the fleet's endpoints want at once, by instance type. The account's other endpoints use the same quotas and
aren't counted: a fleet that alone goes beyond a quota is found, one that doesn't may still be refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from mmeplan.live.ports import Answer
from mmeplan.resources.base import ApiPath, Resource
from mmeplan.rules.examples import fleet_file
from mmeplan.rules.facts import Config, Endpoint, FleetFacts, Variant
from mmeplan.rules.online import OnlineRule, Question, UnknownError
from mmeplan.rules.quotas import ENDPOINTS, PARAMS, quota_in, quotas_question

SERVERLESS_ENDPOINTS: Final = 50  # a region; serverless-endpoints
CONCURRENCY_QUOTA: Final = "Maximum total concurrency that can be allocated across all serverless endpoints"


@dataclass(slots=True)
class _Demand:
    """What the fleet wants of an instance type; `resource` and `path` are where the file first asks for it.

    `updating` is what all its endpoints have while all of them are updated: old and new instances.
    """

    resource: Resource
    path: ApiPath
    steady: int = 0
    updating: int = 0


def _demands(facts: FleetFacts) -> dict[str, _Demand]:
    """By instance type. Pools are left out: which of their types SageMaker takes is known when it has taken it."""
    found: dict[str, _Demand] = {}
    for endpoint in facts.endpoints.values():
        for variant in endpoint.config.variants if endpoint.config else ():
            kind, count = variant.spec.get("InstanceType"), variant.spec.get("InitialInstanceCount")
            if kind and count:
                path = (*variant.path, "InstanceType")
                demand = found.setdefault(kind, _Demand(variant.owner.resource, path))
                demand.steady += count
                demand.updating += count + _more(endpoint, count)
    return found


def _more(endpoint: Endpoint, count: int) -> int:
    """Instances beside the old ones in an update: a batch where it rolls, else the whole new fleet."""
    deployment = endpoint.deployment
    if deployment is None or deployment.routing != "ROLLING":
        return count
    if deployment.instances is not None:
        return deployment.instances
    return -(-count * (deployment.percent or 100) // 100)


class TypeInRegion(OnlineRule):
    id = "CFG-07"
    title = "An instance type is offered in the region"
    severity = "warning"
    basis = "doc"
    source = (
        "SageMaker pricing and the AWS General Reference, by region; Service Quotas lists quotas of a region's types"
    )
    why = (
        "No call of SageMaker tells which types a region has. What can be read is Service Quotas' list of defaults: a "
        "region that has the type has a quota '… for endpoint usage' for it. Without one, CreateEndpoint most likely "
        "fails."
    )
    fix = "Choose a type that the region has, or another region; `allow` this where you know better."
    reads = ("ListAWSDefaultServiceQuotas",)
    given = "The region has no quota for ml.p5.48xlarge."
    bad = fleet_file(variant="instance_type: ml.p5.48xlarge  # here")
    good = fleet_file()

    def questions(self, facts: FleetFacts) -> Iterator[Question]:
        for kind, config, path in _first_uses(facts):
            operation = "ListAWSDefaultServiceQuotas"
            yield Question(config.resource, path, kind, operation, PARAMS, "Quotas", condense=_endpoint_types)

    def found(self, question: Question, answer: Answer) -> Iterator[str]:
        types: frozenset[str] = answer.get("types") or frozenset()
        if not types or answer["IsTruncated"]:
            raise UnknownError("Service Quotas lists no quotas for endpoints here, or not all", everywhere=True)
        if question.value not in types:
            yield f"Service Quotas lists no `{question.value}` for endpoints in this region, which seems not to have it"


def _endpoint_types(answer: Answer) -> Answer:
    """The instance types that a list of quotas has for endpoints."""
    names = (str(quota.get("QuotaName", "")).lower() for quota in answer.get("Quotas") or ())
    types = frozenset(name.removesuffix(ENDPOINTS) for name in names if name.endswith(ENDPOINTS))
    return {"types": types, "IsTruncated": bool(answer.get("IsTruncated"))}


def _first_uses(facts: FleetFacts) -> Iterator[tuple[str, Config, ApiPath]]:
    """Each instance type, with the place where the file first has it; pools included."""
    seen: set[str] = set()
    for config in facts.configs.values():
        for variant in config.variants:
            for path, kind in variant.instance_types():
                if kind not in seen:
                    seen.add(kind)
                    yield kind, config, path


class QuotaCoversFleet(OnlineRule):
    id = "CFG-39"
    title = "Quotas cover the fleet's instances"
    severity = "warning"
    basis = "obs"
    source = (
        "SageMaker Python SDK issue 987; CreateEndpoint answers ResourceLimitExceeded, "
        '"The account-level service limit … for endpoint usage"'
    )
    why = "What goes beyond the quota of an instance type isn't created; the account's other endpoints use it as well."
    fix = "Ask for a higher quota in Service Quotas, or choose fewer instances or another type."
    reads = ("ListServiceQuotas",)
    given = "The quota for endpoints is 8 × ml.m5.xlarge."
    bad = fleet_file(variant="instance_type: ml.m5.xlarge  # here\ninitial_instance_count: 12")
    good = fleet_file(variant="initial_instance_count: 4")

    def questions(self, facts: FleetFacts) -> Iterator[Question]:
        for kind, demand in _demands(facts).items():
            yield quotas_question(demand.resource, demand.path, kind, demand.steady)

    def found(self, question: Question, answer: Answer) -> Iterator[str]:
        quota, (steady,) = quota_in(answer, question.value + ENDPOINTS), question.wanted
        if steady > quota:
            yield f"the fleet wants {steady} × {question.value}, and the quota for endpoints is {quota:g}"


class QuotaCoversUpdate(OnlineRule):
    id = "CFG-40"
    title = "Quotas cover the old and the new instances of an update"
    severity = "warning"
    basis = "doc"
    source = "Developer Guide, deployment-guardrails-blue-green: the new fleet stands beside the old one"
    why = (
        "An update brings up the whole new fleet before the old one goes, a rolling one a batch of it. Where the quota "
        "doesn't cover both, the update fails, and what was live stays."
    )
    fix = "Ask for a higher quota in Service Quotas, update fewer endpoints at once (`apply --parallelism 1`), or roll."
    reads = ("ListServiceQuotas",)
    given = "The quota for endpoints is 8 × ml.m5.xlarge."
    bad = fleet_file(variant="instance_type: ml.m5.xlarge  # here\ninitial_instance_count: 6")
    good = fleet_file(
        variant="initial_instance_count: 6",
        endpoint="deployment_config: {rolling_update_policy: {wait_interval_in_seconds: 60, "
        "maximum_batch_size: {type: INSTANCE_COUNT, value: 2}}, "
        "auto_rollback_configuration: {alarms: [{alarm_name: ranker-5xx}]}}",
    )

    def questions(self, facts: FleetFacts) -> Iterator[Question]:
        for kind, demand in _demands(facts).items():
            yield quotas_question(demand.resource, demand.path, kind, demand.steady, demand.updating)

    def found(self, question: Question, answer: Answer) -> Iterator[str]:
        quota, (steady, updating) = quota_in(answer, question.value + ENDPOINTS), question.wanted
        if steady <= quota < updating:  # CFG-39 tells of more
            yield (
                f"while all its endpoints are updated at once, the fleet has {updating} × {question.value}, and the "
                f"quota for endpoints is {quota:g}"
            )


class QuotaCoversServerless(OnlineRule):
    id = "SLS-15"
    title = "Quotas cover the fleet's serverless endpoints"
    severity = "warning"
    basis = "doc"
    source = "Developer Guide, serverless-endpoints: 50 serverless endpoints a region, and a total concurrency"
    why = "All serverless endpoints of an account and region share one concurrency; what goes beyond isn't created."
    fix = "Ask for a higher quota in Service Quotas, or lower `max_concurrency`."
    reads = ("ListServiceQuotas",)
    given = "The quota of total concurrency is 100."
    bad = fleet_file(
        serverless=True, variant="serverless_config: {memory_size_in_mb: 2048, max_concurrency: 120}  # here"
    )
    good = fleet_file(serverless=True)

    def questions(self, facts: FleetFacts) -> Iterator[Question]:
        hosted = list(_serverless_variants(facts))
        if hosted:
            total = sum(variant.spec["ServerlessConfig"].get("MaxConcurrency") or 0 for variant in hosted)
            path = (*hosted[0].path, "ServerlessConfig")
            yield quotas_question(hosted[0].owner.resource, path, CONCURRENCY_QUOTA, len(hosted), total)

    def found(self, question: Question, answer: Answer) -> Iterator[str]:
        hosted, concurrency = question.wanted
        if hosted > SERVERLESS_ENDPOINTS:
            yield f"the fleet has {hosted} serverless variants; AWS documents {SERVERLESS_ENDPOINTS} for a region"
        quota = quota_in(answer, question.value)
        if concurrency > quota:
            yield f"the fleet's `max_concurrency` add up to {concurrency}, and the quota for all is {quota:g}"


def _serverless_variants(facts: FleetFacts) -> Iterator[Variant]:
    """The serverless variants that endpoints host, once for each endpoint."""
    for endpoint in facts.endpoints.values():
        for variant in endpoint.config.variants if endpoint.config else ():
            if variant.serverless:
                yield variant


RULES: Final = (TypeInRegion(), QuotaCoversFleet(), QuotaCoversUpdate(), QuotaCoversServerless())
