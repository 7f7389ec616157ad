"""What a difference between two meanings asks for: a change in place, a swap, an outage; and what has to be said of it.

Pure functions over canonical contents and field changes, for `endpoints`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from mmeplan.diff.changes import FieldChange
from mmeplan.live import LiveObject
from mmeplan.resources import Canonical, Resource
from mmeplan.resources.canonical import canonical
from mmeplan.resources.identity import DIGEST_TAG, FLEET_TAG, STAND_IN_TAG
from mmeplan.resources.memory import served

_CONCURRENCY: Final = ("MaxConcurrency", "ProvisionedConcurrency")
VARIANTS_DIFFER: Final = (
    "the variant names differ between the two configs, "
    "so SageMaker shifts the traffic all at once, whatever deployment_config says"
)


def is_scale_only(fields: tuple[FieldChange, ...]) -> bool:
    """Whether all of it can be changed in place, without a new fleet."""
    return bool(fields) and all(_is_scale(change) for change in fields)


def _is_scale(change: FieldChange) -> bool:
    """Whether UpdateEndpointWeightsAndCapacities can make the change: production variants that exist on both sides."""
    if len(change.path) < 3 or change.path[0] != "ProductionVariants":
        return False
    if change.path[2] == "InitialVariantWeight" and len(change.path) == 3:
        return True  # an absent weight is the default, 1
    both = change.before is not None and change.after is not None
    if change.path[2] == "InitialInstanceCount" and len(change.path) == 3:
        return both
    return both and change.path[2] == "ServerlessConfig" and len(change.path) == 4 and change.path[3] in _CONCURRENCY


def own_fields(fields: tuple[FieldChange, ...]) -> tuple[FieldChange, ...]:
    """The fields without those that belong to a model, whose own change shows them."""
    return tuple(change for change in fields if not _belongs_to_model(change.path))


def _belongs_to_model(path: tuple[str | int, ...]) -> bool:
    return any(part in ("ModelName", "ModelNameOverride") for part in path[:-1])


def becomes_serverless(wanted: Canonical, live: Canonical) -> bool:
    """Whether instances would have to become serverless, which no update does."""
    return _is_serverless(wanted) and not _is_serverless(live)


def _is_serverless(config: Canonical) -> bool:
    return any("ServerlessConfig" in variant for variant in config.get("ProductionVariants", {}).values())


def serves_by(describe: Mapping[str, Any]) -> Canonical:
    """What DescribeEndpoint alone tells of the config in force: its variants, and which of them are serverless."""
    variants = {
        str(summary.get("VariantName")): {"ServerlessConfig": serverless}
        if (serverless := summary.get("CurrentServerlessConfig") or summary.get("DesiredServerlessConfig"))
        else {}
        for summary in describe.get("ProductionVariants") or ()
    }
    return {"ProductionVariants": variants}


def variant_note(wanted: Canonical, live: Canonical, describe: Mapping[str, Any]) -> tuple[str, ...]:
    """A note where guardrails don't apply: variants have other names than in the config in force, or in the one that an
    update under way leads to.
    """
    pending = serves_by(describe.get("PendingDeploymentSummary") or {})
    fleets = [set(fleet["ProductionVariants"]) for fleet in (live, pending) if fleet.get("ProductionVariants")]
    if all(names == set(wanted.get("ProductionVariants", {})) for names in fleets):
        return ()
    return (VARIANTS_DIFFER,)


def deployment_note(endpoint: Resource, live: LiveObject) -> tuple[str, ...]:
    """A note where only the deployment_config differs: nothing is done about it."""
    wanted, last = endpoint.request.get("DeploymentConfig"), live.describe.get("LastDeploymentConfig")
    if not last or canonical({"DeploymentConfig": wanted or {}}) == canonical({"DeploymentConfig": last}):
        return ()
    return ("deployment_config differs from the last rollout's; it takes effect with the next swap",)


def known_by_name(endpoint: Resource, live: LiveObject, config: Resource, live_config: LiveObject | None) -> bool:
    """Whether the config in force is gone, and yet what it held is known: by its name, or by the endpoint's digest."""
    if live_config is not None and live_config.status != "absent":
        return False
    same = str(live.describe.get("EndpointConfigName", "")) == config.physical_name
    applied = (live.tags or {}).get(DIGEST_TAG) == endpoint.digest
    return same and (applied or not config.pinned)


def says_what_runs(endpoint: LiveObject, config: LiveObject, wanted: str = "") -> bool:
    """Whether the config under the name that an endpoint runs is the one that it began with.

    It isn't where it stands in for one that was deleted, or where somebody made it under the name of one that had
    served: then it has no fleet's tag, and the endpoint knows the digest in its name or was touched last before it was
    made. Of the `wanted` config the content is known anyway.
    """
    if config.status != "present" or STAND_IN_TAG in (config.tags or {}):
        return False
    made_by_others = config.tags is not None and FLEET_TAG not in config.tags
    served_before = config.name.rpartition("-")[2] in (served(endpoint.tags) or ())
    made_since = config.created_at > str(endpoint.describe.get("LastModifiedTime") or config.created_at)
    return config.name == wanted or not (made_by_others and (served_before or made_since))
