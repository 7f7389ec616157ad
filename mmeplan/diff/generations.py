"""Generations: the superseded configs of an endpoint that have served it, and what was taken back.

In: the world of a diff. Out: which configs a rollback may lead to, newest first, and whether an update to a config
was rolled back before. Read from the endpoint's own tags (`resources.memory`) and from what Describe says.
"""

from __future__ import annotations

from mmeplan.aws.lifecycle import CREATING, FAILED, IN_SERVICE
from mmeplan.diff.world import World
from mmeplan.live import LiveObject
from mmeplan.resources import Resource
from mmeplan.resources.identity import ROLLED_BACK_TAG, STAND_IN_TAG, WENT_BACK_TAG, address
from mmeplan.resources.memory import served, short_digest

_NEVER_SERVED = frozenset({CREATING, FAILED})
"""An endpoint in these statuses has not served by the config that it names."""


def generations(world: World, endpoint: Resource) -> tuple[LiveObject, ...]:
    """The owned configs that have served the endpoint, newest first; the one in force comes first, if it is ours.

    Where the endpoint's tags say nothing (it was made otherwise, or is gone) age has to do instead of history.
    """
    live = _live_endpoint(world, endpoint)
    in_force = _in_force(live)
    found = {one.name: one for at in addresses_of(world, endpoint) for one in world.owned_at("endpoint_config", at)}
    current = world.snapshot.get("endpoint_config", in_force) if in_force else None
    if current is not None and current.status == "present" and world.owns(current):
        found[current.name] = current
    found = {name: one for name, one in found.items() if STAND_IN_TAG not in (one.tags or {})}
    written = served(live.tags) if live is not None and live.status == "present" else None
    if written is None and live is not None and live.status == "present" and _is_new_to_us(world, live, current):
        written = ()
    if written is None:
        back = (live.tags or {}).get(ROLLED_BACK_TAG, "") if live is not None else ""
        known = [one for one in found.values() if one.name != back or one.name == in_force]
        return tuple(sorted(known, key=lambda one: (one.name == in_force, one.created_at, one.name), reverse=True))
    place = {digest: number for number, digest in enumerate(written)}
    named = str(live.describe.get("EndpointConfigName", "")) if live is not None else ""
    first = world.snapshot.get("endpoint_config", named) if named and not in_force else None
    never = short_digest(first.tags) if first is not None else ""
    known = [one for one in found.values() if one.name == in_force or _has_served(one, place, (named, never))]
    return tuple(
        sorted(known, key=lambda one: (one.name != in_force, place.get(short_digest(one.tags), len(place)), one.name))
    )


def _is_new_to_us(world: World, live: LiveObject, in_force: LiveObject | None) -> bool:
    """Whether the endpoint is somebody else's (it is about to be adopted, perhaps), and no config of ours serves it."""
    serves = in_force is not None and in_force.status == "present" and world.owns(in_force)
    stands_in = in_force is not None and STAND_IN_TAG in (in_force.tags or {})
    return not world.owns(live) and (stands_in or not serves)


def _has_served(config: LiveObject, place: dict[str, int], named: tuple[str, str]) -> bool:
    """Whether it is on record. The config of an endpoint that never came up is on record too, and hasn't served.

    `named` are the name of the config that the endpoint names, and the digest of one by which it never came up.
    """
    return short_digest(config.tags) in place and config.name != named[0] and short_digest(config.tags) != named[1]


def addresses_of(world: World, endpoint: Resource) -> set[str]:
    """The addresses whose older configs are generations of this endpoint."""
    config = world.config_of(endpoint)
    return {address("endpoint_config", endpoint.name), config.address if config else ""}


def rolled_back(world: World, live: LiveObject, wanted: str) -> str:
    """Why an update of this endpoint to that config would repeat one that SageMaker rolled back; empty if it wouldn't.

    Two signs: the mark that an apply leaves on the endpoint when it sees the rollback; and, where none saw it, an
    endpoint that is InService on another config with a FailureReason, modified after the wanted config was made, which
    has never served. Neither needs a file: what is live is enough.
    """
    status, tags = live.describe.get("EndpointStatus"), live.tags or {}
    in_force = str(live.describe.get("EndpointConfigName", ""))
    if status != IN_SERVICE or wanted == in_force or live.describe.get("PendingDeploymentSummary"):
        return ""
    reason = str(live.describe.get("FailureReason") or "").rstrip(".")
    if tags.get(ROLLED_BACK_TAG) == wanted:
        return reason or "SageMaker gave no reason"
    made = world.snapshot.get("endpoint_config", wanted)
    if not reason or made is None or made.status != "present" or not world.owns(made):
        return ""
    written = served(live.tags)
    if written is None or short_digest(made.tags) in written:
        return ""
    return reason if made.created_at <= str(live.describe.get("LastModifiedTime", "")) else ""


def history_notes(live: LiveObject, wanted: str) -> tuple[str, ...]:
    """What a reader of a swap to that config should know of what came before it."""
    in_force = live.describe.get("EndpointConfigName")
    pending = (live.describe.get("PendingDeploymentSummary") or {}).get("EndpointConfigName")
    if pending == wanted:
        return ("this very update is under way already: the apply joins it and waits",)
    if (live.tags or {}).get(WENT_BACK_TAG) != wanted or wanted == in_force:
        return ()
    return (
        f"`mmeplan rollback` took it from {wanted} back to {in_force}, and the file still asks for {wanted}: "
        "applying this goes forward again",
    )


def _live_endpoint(world: World, endpoint: Resource) -> LiveObject | None:
    """The endpoint as it is live, under the name that it has or is about to lose."""
    live = world.snapshot.get("endpoint", endpoint.physical_name)
    if live is not None and live.status == "present":
        return live
    others = [one for one in world.owned_at("endpoint", endpoint.address) if one.name in world.renamed]
    return others[0] if others else None


def _in_force(live: LiveObject | None) -> str:
    """The config that the endpoint serves by; empty where it serves nothing."""
    if live is None or live.status != "present" or live.describe.get("EndpointStatus") in _NEVER_SERVED:
        return ""
    return str(live.describe.get("EndpointConfigName", ""))
