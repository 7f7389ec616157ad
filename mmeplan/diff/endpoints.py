"""The endpoint half of the diff: desired meaning against live meaning, and what the difference does to traffic.

Called by `diff.diff` first, because whether a model or a config is needed at all follows from here.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mmeplan.aws.lifecycle import (
    BUSY,
    CREATING,
    DELETING,
    FAILED,
    OUT_OF_SERVICE,
    SYSTEM_UPDATING,
    UPDATE_ROLLBACK_FAILED,
    UPDATING,
)
from mmeplan.diff.changes import Action, Change, Drift, Effect, FieldChange, Outage, Reason, Refusal
from mmeplan.diff.drift import drift_of
from mmeplan.diff.fields import field_changes, with_default_weight
from mmeplan.diff.generations import history_notes, rolled_back
from mmeplan.diff.tags import tag_changes
from mmeplan.diff.weighing import (
    becomes_serverless,
    deployment_note,
    is_scale_only,
    known_by_name,
    own_fields,
    says_what_runs,
    serves_by,
    variant_note,
)
from mmeplan.diff.world import World
from mmeplan.live import LiveObject, live_object
from mmeplan.resources import Resource
from mmeplan.resources.endpoint import with_live_desires
from mmeplan.resources.identity import FLEET_TAG, ROLLED_BACK_TAG, WENT_BACK_TAG
from mmeplan.resources.memory import MEMORY_TAGS


def endpoint_change(world: World, endpoint: Resource) -> tuple[Change, Drift | None]:
    """The change of one declared endpoint, and its drift. Marks in `world` what that needs and what it leaves."""
    live = world.snapshot.get("endpoint", endpoint.physical_name)
    if live is not None and live.status == "unreadable":
        return _unreadable(endpoint, live), None
    moved = live_under_another_name(world, endpoint)
    if live is None or live.status == "absent":
        return (_renamed(world, endpoint, moved) if moved else _create(world, endpoint)), None
    refused = _ownership_refusal(world, endpoint, live)
    if refused:
        return refused, None
    status = live.describe.get("EndpointStatus")
    if status in (FAILED, OUT_OF_SERVICE):
        return _recreate(world, endpoint, live), None
    if status == DELETING:
        text = "is being deleted; created again once it is gone"
        return _create(world, endpoint, text), None
    if status == UPDATE_ROLLBACK_FAILED:
        return _unrecoverable(endpoint, live), None
    return _compare(world, endpoint, live)


# --- endpoints that are not there, or not usable --------------------------------------------------------------------


def _create(world: World, endpoint: Resource, explanation: str = "nothing of that name is live") -> Change:
    config = world.config_of(endpoint)
    if config:
        world.need(config)
    world.running[endpoint.address] = endpoint.request["EndpointConfigName"]
    return _change(endpoint, Action.CREATE, "new", "create", explanation, causes=())


def _recreate(world: World, endpoint: Resource, live: LiveObject) -> Change:
    if not world.owns(live):
        return _not_yet_ours(endpoint, live, f"it is {live.describe.get('EndpointStatus')}")
    config = world.config_of(endpoint)
    if config:
        world.need(config)
    world.running[endpoint.address] = endpoint.request["EndpointConfigName"]
    why = live.describe.get("FailureReason") or "no reason given"
    status = live.describe.get("EndpointStatus")
    only = "DeleteEndpoint is the only call SageMaker accepts, so it is deleted and created"
    text = f"the endpoint is {status} ({why}); {only}"
    effect: Effect = "create" if status == FAILED else "outage"
    return _change(endpoint, Action.DELETE_THEN_CREATE, "failed", effect, text, live=live, outage=Outage.FAILED)


def _not_yet_ours(endpoint: Resource, live: LiveObject, why: str) -> Change:
    """Adoption never deletes: what mmeplan hasn't made is deleted by those who made it."""
    refusal = (
        f"{live.name} can't be adopted, because {why} and would have to be deleted; delete it yourself, then apply"
    )
    return _refused(endpoint, live, Refusal.CONFLICT, "conflict", "not managed by mmeplan", refusal)


def _renamed(world: World, endpoint: Resource, old: LiveObject) -> Change:
    _create(world, endpoint)
    world.renamed.add(old.name)
    text = (
        f"its name changes from {old.name}; an endpoint can't be renamed, so clients of the old name lose it "
        f"(`name: {old.name}` keeps it)"
    )
    fields = (FieldChange(("EndpointName",), old.name, endpoint.physical_name),)
    return _change(
        endpoint, Action.RENAME, "renamed_physically", "outage", text, live=old, fields=fields, outage=Outage.RENAMED
    )


def _unreadable(endpoint: Resource, live: LiveObject) -> Change:
    return _change(endpoint, Action.UNREADABLE, "unreadable", "none", f"could not be read: {live.error}", live=live)


def _unrecoverable(endpoint: Resource, live: LiveObject) -> Change:
    why = live.describe.get("FailureReason") or "no reason given"
    refusal = (
        f"the endpoint serves with a mix of two configs because an update and its rollback both failed ({why}); "
        "look at it in the console and decide: SageMaker accepts DeleteEndpoint, and support can repair it"
    )
    return _refused(endpoint, live, Refusal.UNRECOVERABLE, "unrecoverable", "UpdateRollbackFailed", refusal)


def live_under_another_name(world: World, endpoint: Resource) -> LiveObject | None:
    for live in world.owned_at("endpoint", endpoint.address):
        if live.name.lower() not in world.declared_endpoints:
            return live
    return None


def _ownership_refusal(world: World, endpoint: Resource, live: LiveObject) -> Change | None:
    if world.owns(live) or (endpoint.entry.adopt and FLEET_TAG not in (live.tags or {})):
        return None
    owner = (live.tags or {}).get(FLEET_TAG)
    if owner:
        text = f"the endpoint {live.name} belongs to the fleet {owner!r}"
        refusal = f"{text}; give this one another `name:`, or remove the tag {FLEET_TAG} from the endpoint"
    else:
        text = f"an endpoint named {live.name} exists and is not managed by mmeplan"
        refusal = f"{text}; write `adopt: true` to take it under management, or choose another `name:`"
    return _refused(endpoint, live, Refusal.CONFLICT, "conflict", text, refusal)


# --- endpoints that are there ---------------------------------------------------------------------------------------


def _compare(world: World, endpoint: Resource, live: LiveObject) -> tuple[Change, Drift | None]:
    config = world.config_of(endpoint)
    in_force = str(live.describe.get("EndpointConfigName", ""))
    if config is None:
        return _compare_external(world, endpoint, live, in_force), None
    live_config = world.snapshot.get("endpoint_config", in_force)
    if live_config is not None and live_config.status == "unreadable":
        return _unreadable(endpoint, live_config), None
    if known_by_name(endpoint, live, config, live_config) and not (config.pinned and world.has_twins(config)):
        world.need(config)  # deleted behind our back, and made again under its name
        live_config = live_object("endpoint_config", in_force, "present", by_digest=True)
    if live_config is None or not says_what_runs(live, live_config, config.physical_name):
        return _config_is_gone(world, endpoint, live, config, live_config), None
    now = world.live_meaning(config, live, live_config)
    fresh = world.graph.fresh & {config.address, *config.dependencies()}
    fields = field_changes(now, world.graph.meaning(endpoint))
    drift = drift_of(world, endpoint, config, live, live_config, now, fields)
    if not fields and not fresh:
        return _unchanged(world, endpoint, live, config, live_config), drift
    stays = live.describe.get("EndpointStatus") != CREATING and pending_config(live) in ("", in_force)
    if is_scale_only(fields) and not fresh and stays:
        return _scaled(world, endpoint, live, config, live_config, fields), drift
    return _swapped(world, endpoint, live, config, live_config, fields, fresh), drift


def pending_config(live: LiveObject) -> str:
    """The config that an update under way leads to; empty where there is none."""
    return str((live.describe.get("PendingDeploymentSummary") or {}).get("EndpointConfigName") or "")


def _bind(world: World, endpoint: Resource, config: Resource, live_config: LiveObject) -> None:
    world.running[endpoint.address] = live_config.name
    world.bind(config.address, live_config.name)
    for at, name in world.live_models(config, live_config):
        world.bind(at, name)


def _unchanged(world: World, endpoint: Resource, live: LiveObject, config: Resource, live_config: LiveObject) -> Change:
    _bind(world, endpoint, config, live_config)
    status = live.describe.get("EndpointStatus")
    pending = pending_config(live)
    if status == UPDATING and pending and pending != live_config.name:
        return _swap_back(world, endpoint, live, config, pending)
    if status in BUSY and status != SYSTEM_UPDATING:
        text = f"is {status} towards what the file says; the apply waits for it"
        return _tagged(world, endpoint, live, Action.WAIT, "in_progress", "none", text)
    notes = deployment_note(endpoint, live)
    if status == SYSTEM_UPDATING:
        notes = ("SageMaker is patching it (SystemUpdating); it serves meanwhile", *notes)
    return _tagged(world, endpoint, live, Action.NO_OP, "same", "none", "unchanged", notes=notes)


def _swap_back(world: World, endpoint: Resource, live: LiveObject, config: Resource, pending: str) -> Change:
    """Somebody's update leads away from what the file says: once it is done, swap to what is wanted."""
    world.need(config)
    world.running[endpoint.address] = config.physical_name
    text = f"an update to {pending} is under way that the file doesn't ask for; swapped back once it is done"
    fields = (FieldChange(("EndpointConfigName",), pending, config.physical_name),)
    return _tagged(world, endpoint, live, Action.SWAP, "content_changed", "traffic_shift", text, fields=fields)


def _scaled(
    world: World,
    endpoint: Resource,
    live: LiveObject,
    config: Resource,
    live_config: LiveObject,
    fields: tuple[FieldChange, ...],
) -> Change:
    _bind(world, endpoint, config, live_config)
    text = "only weights, counts or concurrency differ: changed in place, without a new fleet"
    shown = tuple(with_default_weight(change) for change in fields)
    return _tagged(world, endpoint, live, Action.SCALE, "scale_changed", "in_place", text, fields=shown)


def _swapped(
    world: World,
    endpoint: Resource,
    live: LiveObject,
    config: Resource,
    live_config: LiveObject,
    fields: tuple[FieldChange, ...],
    fresh: frozenset[str],
) -> Change:
    world.need(config)
    world.running[endpoint.address] = config.physical_name
    live_content = with_live_desires(world.live_config_content(config, live_config), live.describe)
    if world.before.setdefault(config.address, live_config.name) == live_config.name:
        world.left.setdefault(config.address, live_content)
    for at, name in world.live_models(config, live_config):
        live_model = world.snapshot.get("model", name)
        if live_model and world.address_of(live_model) == at:
            world.before.setdefault(at, name)
    own = own_fields(fields)
    causes = (config.address,)
    if becomes_serverless(config.content, live_content):
        text = "a real-time endpoint can't be updated to serverless: it is deleted and created"
        return _tagged(
            world,
            endpoint,
            live,
            Action.DELETE_THEN_CREATE,
            "hosting_changed",
            "outage",
            text,
            fields=own,
            causes=causes,
            outage=Outage.HOSTING,
        )
    reason: Reason = "replace_requested" if fresh and not fields else "dependency_changed"
    text = "a fresh fleet was asked for (--replace)" if reason == "replace_requested" else "its config changes"
    wanted = config.physical_name
    notes = (*variant_note(config.content, live_content, live.describe), *history_notes(live, wanted))
    made = _tagged(
        world, endpoint, live, Action.SWAP, reason, "traffic_shift", text, fields=own, causes=causes, notes=notes
    )
    return _unless_rolled_back(world, made, live, wanted)


def _unless_rolled_back(world: World, change: Change, live: LiveObject, wanted: str) -> Change:
    """The swap, refused where SageMaker rolled back just this one before: it would fail the same way again."""
    why = rolled_back(world, live, wanted)
    if not why:
        return change
    in_force = live.describe.get("EndpointConfigName")
    refusal = (
        f"SageMaker rolled the update of {live.name} from {in_force} to {wanted} back ({why}); "
        "mend the cause or change the file, or try exactly this once more with --retry-rolled-back"
    )
    text = f"tried again, although SageMaker rolled back the last update to this config ({why})"
    return replace(change, reason="rolled_back", explanation=text, refusal=refusal, refused=Refusal.ROLLED_BACK)


def _compare_external(world: World, endpoint: Resource, live: LiveObject, in_force: str) -> Change:
    wanted = endpoint.request["EndpointConfigName"]
    world.running[endpoint.address] = wanted
    if in_force == wanted:
        return _tagged(
            world, endpoint, live, Action.NO_OP, "same", "none", "unchanged", notes=deployment_note(endpoint, live)
        )
    fields = (FieldChange(("EndpointConfigName",), in_force, wanted),)
    text = "it is to run another config, which lies outside the fleet"
    made = _tagged(world, endpoint, live, Action.SWAP, "content_changed", "traffic_shift", text, fields=fields)
    return _unless_rolled_back(world, made, live, wanted)


def _config_is_gone(
    world: World, endpoint: Resource, live: LiveObject, config: Resource, live_config: LiveObject | None
) -> Change:
    """The config in force was deleted, or is a stand-in for one that was (an apply stopped before it took it away)."""
    world.need(config)
    world.running[endpoint.address] = config.physical_name
    in_force = str(live.describe.get("EndpointConfigName", ""))
    stands_in = live_config is not None and live_config.status == "present"
    if in_force == config.physical_name and stands_in:
        refusal = (
            f"the config {in_force} is a stand-in that an interrupted apply has left in the place of one that was "
            "deleted; set replace_salt on the config to roll a fresh one"
        )
        return _refused(endpoint, live, Refusal.CONTENT, "tampered", "not what its name says", refusal)
    if in_force == config.physical_name:
        refusal = (
            f"the config {in_force} that it runs was deleted, and its name is pinned, so what it said can't be told; "
            "give the config another `name:`, and the endpoint is swapped to a fresh one"
        )
        return _refused(endpoint, live, Refusal.CONTENT, "pinned", "its config is gone", refusal)
    causes = (config.address,)
    gone = f"it runs the config {in_force}, which no longer exists"
    if becomes_serverless(config.content, serves_by(live.describe)):
        text = f"{gone}; and a real-time endpoint can't be updated to serverless: it is deleted and created"
        return _tagged(
            world,
            endpoint,
            live,
            Action.DELETE_THEN_CREATE,
            "hosting_changed",
            "outage",
            text,
            causes=causes,
            outage=Outage.HOSTING,
        )
    if not stands_in:
        world.lost.setdefault(in_force, endpoint.address)
    text = f"{gone}. SageMaker refuses to update such an endpoint, so a stand-in takes that name until the swap is done"
    notes = variant_note(config.content, serves_by(live.describe), live.describe)
    made = _tagged(
        world, endpoint, live, Action.SWAP, "content_changed", "traffic_shift", text, causes=causes, notes=notes
    )
    return _unless_rolled_back(world, made, live, config.physical_name)


def stand_in_changes(world: World) -> list[Change]:
    """The configs that are made again under their names, for as long as a swap away from them takes."""
    made = []
    for name, at in sorted(world.lost.items()):
        config = world.config_of(world.graph.resources[at])
        text = f"a stand-in for the config that {at} runs and somebody deleted; deleted once the endpoint has left it"
        if config is not None:
            made.append(
                Change(config.address, "endpoint_config", Action.PLACEHOLDER, "restored", "none", name, text, name)
            )
    return made


# --- making changes -------------------------------------------------------------------------------------------------


def _tagged(
    world: World,
    endpoint: Resource,
    live: LiveObject,
    action: Action,
    reason: Reason,
    effect: Effect,
    explanation: str,
    **more: Any,
) -> Change:
    """A change of an endpoint that stays, with its tags brought up to date; adopted first where it isn't ours yet."""
    added, removed = tag_changes(endpoint.tags, live.tags, ignore=MEMORY_TAGS - set(endpoint.tags))
    removed = tuple(sorted((*removed, *_forgotten(world, endpoint, live, effect))))
    adopts = not world.owns(live)
    if adopts and action.creates:
        return _not_yet_ours(endpoint, live, explanation)
    if (added or removed) and action is Action.NO_OP and not adopts:
        action, reason, explanation = Action.TAG, "tags_changed", "only tags differ; nothing is rolled"
    if action.creates:
        added, removed = {}, ()
    return _change(
        endpoint,
        action,
        reason,
        effect,
        explanation,
        live=live,
        adopts=adopts,
        tags_added=added,
        tags_removed=removed,
        **more,
    )


def _refused(
    endpoint: Resource, live: LiveObject, refused: Refusal, reason: Reason, explanation: str, refusal: str
) -> Change:
    """A change that only people can make possible."""
    return _change(endpoint, Action.REFUSE, reason, "none", explanation, live=live, refused=refused, refusal=refusal)


def _forgotten(world: World, endpoint: Resource, live: LiveObject, effect: Effect) -> list[str]:
    """The marks that no longer say anything: the config that they name is in force, or will be."""
    tags, running = live.tags or {}, world.running.get(endpoint.address, "")
    over = [key for key in (ROLLED_BACK_TAG, WENT_BACK_TAG) if running and tags.get(key) == running]
    if effect == "traffic_shift" and WENT_BACK_TAG in tags:
        over.append(WENT_BACK_TAG)
    return sorted(set(over) - set(endpoint.tags))


def _change(
    endpoint: Resource,
    action: Action,
    reason: Reason,
    effect: Effect,
    explanation: str,
    *,
    live: LiveObject | None = None,
    **more: Any,
) -> Change:
    return Change(
        address=endpoint.address,
        kind="endpoint",
        action=action,
        reason=reason,
        effect=effect,
        name=endpoint.physical_name,
        explanation=explanation,
        live_name=live.name if live else "",
        arn=live.arn if live else "",
        path=endpoint.path,
        **more,
    )
