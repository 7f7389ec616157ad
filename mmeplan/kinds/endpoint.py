"""The Endpoint: its request, and its *meaning*, by which it is compared.

An endpoint means what its config says, with the content of models in the place of their names, and with the live
counts and weights in the place of the config's initial ones. Two configs of different names with one meaning are one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from mmeplan.aws.variants import with_model_holders, with_variants
from mmeplan.canonical import Canonical, same_number
from mmeplan.identity import Deployment, address, digest
from mmeplan.kinds.resource import ApiPath, Reference, Resource

if TYPE_CHECKING:
    from mmeplan.spec import Entry

UPDATE_ONLY: Final = ("RetainAllVariantProperties", "ExcludeRetainedVariantProperties", "RetainDeploymentConfig")
"""Members that only UpdateEndpoint has: sent with it, never diffed."""

ModelOf = Callable[[ApiPath, str], Any]
"""(path, physical name) of a model reference → what stands for that model in a meaning."""


def compile_endpoint(
    entry: Entry, deployment: Deployment, config: Resource | None, models: Mapping[str, Resource]
) -> Resource:
    """The desired Endpoint of an entry whose config is `config`; None where it lies outside the fleet.

    `models` are the fleet's, by address. An endpoint's name is what callers invoke, so it is never shortened: one that
    is too long is a finding of the rules.
    """
    at = address("endpoint", entry.name)
    config_name = config.physical_name if config else entry.request.get("EndpointConfigName")
    name = entry.pinned_name or entry.renamed_from or entry.name
    request = {key: value for key, value in entry.request.items() if key not in UPDATE_ONLY}
    references: tuple[Reference, ...] = ()
    if config_name:
        request["EndpointConfigName"] = config_name
        references = (
            Reference(("EndpointConfigName",), "endpoint_config", config_name, config.address if config else None),
        )
    return Resource(
        address=at,
        kind="endpoint",
        name=entry.name,
        physical_name=name,
        entry=entry,
        request={"EndpointName": name, **request},
        deployment=deployment,
        references=references,
        content={},
        digest=digest("endpoint", desired_meaning(config_name, config, models)),
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
