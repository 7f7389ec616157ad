"""What CreateEndpoint, UpdateEndpoint and UpdateEndpointWeightsAndCapacities refuse, beyond their shapes.

Where guardrails fall back to all at once (inf1, serverless blue/green) nothing is asked of what isn't carried out.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final

from mmeplan.simulator.refusals.configs import over_provisioned
from mmeplan.simulator.refusals.refusal import Asked, Found, Json, Refusal, repeated
from mmeplan.simulator.refusals.tags import of_tags

_BOUNDS: Final = {"CanarySize": (0, 50), "LinearStepSize": (10, 50), "MaximumBatchSize": (5, 50)}
"""Least and most of a size, in percent of a variant's instances.

Source: botocore TrafficRoutingConfig, RollingUpdatePolicy.
"""
_SIZES: Final = {"CANARY": "CanarySize", "LINEAR": "LinearStepSize"}
_PERCENT: Final = "CAPACITY_PERCENT"
_EXCLUSIONS: Final = "deployment-guardrails-exclusions.html"


def both_policies(asked: Asked) -> Found:
    """BlueGreenUpdatePolicy beside RollingUpdatePolicy"""
    if {"BlueGreenUpdatePolicy", "RollingUpdatePolicy"} <= asked.request.get("DeploymentConfig", {}).keys():
        yield {}


def no_size(asked: Asked) -> Found:
    """traffic routing of type CANARY or LINEAR without its size"""
    routing = _routing(_sized(asked))
    size = _SIZES.get(routing.get("Type", ""), "")
    if size and size not in routing:
        yield {"size": size, "type": routing["Type"]}


def impossible_percentage(asked: Asked) -> Found:
    """a canary beyond 50 %, a linear step beyond 10 to 50 %, a batch beyond 5 to 50 %"""
    for name, size in _sizes(_sized(asked)):
        least, most = _BOUNDS[name]
        if size["Type"] == _PERCENT and not least <= size["Value"] <= most:
            yield _outside(name, f"{size['Value']}%")


def more_than_all_back(asked: Asked) -> Found:
    """a RollbackMaximumBatchSize of more than 100 %"""
    back = (_sized(asked) or {}).get("RollingUpdatePolicy", {}).get("RollbackMaximumBatchSize")
    if back and back["Type"] == _PERCENT and back["Value"] > 100:
        yield {"given": back["Value"]}


def rolling_serverless(asked: Asked) -> Found:
    """RollingUpdatePolicy for a serverless endpoint"""
    serverless = any("ServerlessConfig" in variant for variant in asked.config["ProductionVariants"])
    if serverless and "RollingUpdatePolicy" in (asked.deployment or {}):
        yield {}


def rolling_several(asked: Asked) -> Found:
    """RollingUpdatePolicy for several production variants"""
    if len(asked.config["ProductionVariants"]) > 1 and "RollingUpdatePolicy" in (asked.deployment or {}):
        yield {}


def impossible_count(asked: Asked) -> Found:
    """the same sizes in instances, of the fleet that is to be launched"""
    for name, size in _sizes(asked.carried_out):
        least, most = _BOUNDS[name]
        for variant in asked.coming:
            count = variant.get("DesiredInstanceCount")
            if size["Type"] == _PERCENT or count is None:
                continue
            if not least * count <= 100 * size["Value"] <= most * count:
                yield _outside(name, f"{size['Value']} of the {count} instances of {variant['VariantName']}")


def other_names(asked: Asked) -> Found:
    """canary, linear or rolling onto other variant names"""
    gradual = next(_sizes(asked.carried_out), None)
    if gradual and _names(asked.config) != _names(asked.in_force):
        yield {}


def to_serverless(asked: Asked) -> Found:
    """an update from instances to serverless"""
    on_instances = any("DesiredInstanceCount" in variant for variant in asked.live)
    if on_instances and any("ServerlessConfig" in variant for variant in asked.config["ProductionVariants"]):
        yield {}


def from_async(asked: Asked) -> Found:
    """an update that removes AsyncInferenceConfig"""
    if "AsyncInferenceConfig" in asked.in_force and "AsyncInferenceConfig" not in asked.config:
        yield {"name": asked.request["EndpointName"]}


def doubled_desires(asked: Asked) -> Found:
    """a variant twice"""
    for name in repeated(desired["VariantName"] for desired in asked.request["DesiredWeightsAndCapacities"]):
        yield {"name": name}


def unknown_variants(asked: Asked) -> Found:
    """variants that the endpoint doesn't have"""
    live = {variant["VariantName"] for variant in asked.live}
    unknown = [name for name in map(_name, asked.request["DesiredWeightsAndCapacities"]) if name not in live]
    if unknown:
        yield {"names": ", ".join(unknown), "config": asked.config["EndpointConfigName"]}


def count_of_serverless(asked: Asked) -> Found:
    """DesiredInstanceCount of a serverless variant"""
    for desired, live in _desired(asked):
        if "DesiredServerlessConfig" in live and "DesiredInstanceCount" in desired:
            yield {"name": _name(desired)}


def concurrency_of_instances(asked: Asked) -> Found:
    """ServerlessUpdateConfig of a variant on instances"""
    for desired, live in _desired(asked):
        if "DesiredServerlessConfig" not in live and "ServerlessUpdateConfig" in desired:
            yield {"name": _name(desired)}


def too_much_desired(asked: Asked) -> Found:
    """more ProvisionedConcurrency than MaxConcurrency"""
    for desired, live in _desired(asked):
        if "DesiredServerlessConfig" in live:
            changed = live["DesiredServerlessConfig"] | desired.get("ServerlessUpdateConfig", {})
            yield from over_provisioned(_name(desired), changed)


def _desired(asked: Asked) -> Iterator[tuple[Json, Json]]:
    """What is asked for each variant, with the variant as it runs; those that aren't there are left out."""
    live = {variant["VariantName"]: variant for variant in asked.live}
    for desired in asked.request["DesiredWeightsAndCapacities"]:
        if _name(desired) in live:
            yield desired, live[_name(desired)]


def _name(variant: Json) -> str:
    return str(variant["VariantName"])


def _names(config: Json) -> set[str]:
    return set(map(_name, config["ProductionVariants"]))


def _sized(asked: Asked) -> Json | None:
    """The deployment whose percentages are looked at: all of it at CreateEndpoint, which only keeps it."""
    return asked.carried_out if asked.in_force else asked.deployment


def _routing(deployment: Json | None) -> Json:
    routing: Json = (deployment or {}).get("BlueGreenUpdatePolicy", {}).get("TrafficRoutingConfiguration", {})
    return routing


def _sizes(deployment: Json | None) -> Iterator[tuple[str, Json]]:
    """The sizes that decide: of the routing's own type, or of a batch."""
    routing = _routing(deployment)
    named = _SIZES.get(routing.get("Type", ""), "")
    if named in routing:
        yield named, routing[named]
    if "RollingUpdatePolicy" in (deployment or {}):
        yield "MaximumBatchSize", (deployment or {})["RollingUpdatePolicy"]["MaximumBatchSize"]


def _outside(name: str, given: str) -> dict[str, object]:
    least, most = _BOUNDS[name]
    allowed = f"between {least}% and {most}%" if least else f"at most {most}%"
    return {"size": name, "allowed": allowed, "given": given}


_ALLOWED: Final = "{size} must be {allowed} of the variant's total instance count, not {given}."


def _of_deployments(operation: str) -> tuple[Refusal, ...]:
    refused = partial(Refusal, operation)
    return (
        refused(no_size, "{size} is required for traffic routing of type {type}.", "botocore TrafficRoutingConfig"),
        refused(impossible_percentage, _ALLOWED, "botocore TrafficRoutingConfig, RollingUpdatePolicy"),
        refused(
            more_than_all_back,
            "RollbackMaximumBatchSize must be at most 100% of the variant's total instance count, not {given}%.",
            "botocore RollingUpdatePolicy.RollbackMaximumBatchSize",
        ),
        refused(rolling_serverless, "RollingUpdatePolicy is not supported for serverless endpoints.", _EXCLUSIONS),
        refused(
            rolling_several,
            "RollingUpdatePolicy is not supported for endpoints with multiple production variants.",
            _EXCLUSIONS,
        ),
    )


def _one_policy(operation: str) -> Refusal:
    words = "DeploymentConfig must specify only one of BlueGreenUpdatePolicy and RollingUpdatePolicy."
    return Refusal(operation, both_policies, words, 'botocore DeploymentConfig: "Only one update policy"')


_UPDATE: Final = "UpdateEndpoint"
_RESCALE: Final = "UpdateEndpointWeightsAndCapacities"

CREATE_ENDPOINT: Final = (*of_tags("CreateEndpoint"), _one_policy("CreateEndpoint"))
CREATE_ENDPOINT_ON: Final = _of_deployments("CreateEndpoint")
UPDATE_ENDPOINT: Final = (_one_policy(_UPDATE),)
UPDATE_ENDPOINT_TO: Final = (
    Refusal(
        _UPDATE,
        to_serverless,
        "An instance-based endpoint can't be updated to a serverless endpoint.",
        "serverless-endpoints-update.md",
    ),
    Refusal(
        _UPDATE,
        from_async,
        "The AsyncInferenceConfig parameter cannot be removed from this endpoint {name}.",
        "sagemaker-python-sdk PR 3124, the words as far as `this endpoint`",
        observed=True,
    ),
    *_of_deployments(_UPDATE),
    Refusal(_UPDATE, impossible_count, _ALLOWED, "botocore CapacitySize"),
    Refusal(
        _UPDATE,
        other_names,
        "The new endpoint configuration must have the same variant names as the old endpoint configuration for a "
        "canary, linear or rolling deployment.",
        _EXCLUSIONS,
    ),
)
UPDATE_WEIGHTS: Final = (
    Refusal(
        _RESCALE,
        doubled_desires,
        'The variant name "{name}" was non-unique within the request.',
        "moto, which repeats the service's answer",
        observed=True,
    ),
)
UPDATE_WEIGHTS_OF: Final = (
    Refusal(
        _RESCALE,
        unknown_variants,
        'The variant name(s) "{names}" is/are not present within endpoint configuration "{config}".',
        "moto, which repeats the service's answer",
        observed=True,
    ),
    Refusal(
        _RESCALE,
        count_of_serverless,
        'The variant "{name}" is serverless: DesiredInstanceCount is not supported.',
        "botocore ProductionVariantServerlessUpdateConfig",
    ),
    Refusal(
        _RESCALE,
        concurrency_of_instances,
        'The variant "{name}" is not serverless: ServerlessUpdateConfig is not supported.',
        "botocore ProductionVariantServerlessUpdateConfig",
    ),
    Refusal(
        _RESCALE,
        too_much_desired,
        'The variant "{name}" specifies ProvisionedConcurrency {provisioned}, which is greater than MaxConcurrency '
        "{most}.",
        "botocore ProductionVariantServerlessUpdateConfig.ProvisionedConcurrency",
    ),
)
