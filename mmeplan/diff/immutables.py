"""The model and config half of the diff: which of them have to be created, and which live ones serve already."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from mmeplan.aws.variants import variants
from mmeplan.canonical import Canonical
from mmeplan.diff.changes import Action, Change, Effect, FieldChange, Reason, Refusal
from mmeplan.diff.components import user_among_components
from mmeplan.diff.demand import Demand
from mmeplan.diff.drift import is_applied_with
from mmeplan.diff.fields import claimed, field_changes, listed, tag_changes, tags_told
from mmeplan.diff.inputs import Inputs
from mmeplan.identity import DIGEST_TAG, FLEET_TAG, owner_in
from mmeplan.kinds import ENDPOINT, ENDPOINT_CONFIG, MODEL, Resource, kind_named
from mmeplan.live import LiveObject

_RESTORED: Final = "deleted behind our back while in use; made again under the same name"


def immutable_change(demand: Demand, resource: Resource) -> Change:
    """The change of a declared model or config."""
    inputs = demand.inputs
    user = _runs_on_other_content(demand, resource)
    if user:
        name, noun = resource.physical_name, f"{kind_named(resource.kind).a_noun} can't be changed"
        advice = _unpinned(demand, resource)
        refusal = f"{name} was deleted while {user} runs on it, and wasn't applied as the file has it now; {advice}"
        return _refused(resource, None, Refusal.CONTENT, "pinned", noun, refusal)
    if resource.address not in demand.needed and inputs.graph.dependents(resource.address):
        serving = demand.serving.get(resource.address)
        if serving is not None:
            return _serving(demand, resource, serving)
        return change_of(resource, Action.NO_OP, "same", "not needed until its endpoint can be changed")
    live = inputs.snapshot.get(resource.kind, resource.physical_name)
    if live is not None and live.status == "unreadable":
        return change_of(resource, Action.UNREADABLE, "unreadable", f"could not be read: {live.error}", live=live)
    if live is None or live.status == "absent":
        return _create(demand, resource)
    return _existing(demand, resource, live)


def _runs_on_other_content(demand: Demand, resource: Resource) -> str:
    """The endpoint that serves by a deleted model of a pinned name, and was applied with other content than the file's.

    Made again as the file has it, the model would change what the endpoint serves without a swap.
    """
    inputs, name = demand.inputs, resource.physical_name
    is_swapped_to = kind_named(resource.kind).is_swapped_to  # a placeholder takes the place of such a one
    live = inputs.snapshot.get(resource.kind, name) if resource.pinned and not is_swapped_to else None
    if live is None or live.status != "absent" or demand.serving.get(resource.address) != name:
        return ""
    endpoints = inputs.graph.of_kind(ENDPOINT.name)
    return next((each.address for each in endpoints if not is_applied_with(inputs, each, resource)), "")


def _serving(demand: Demand, resource: Resource, live_name: str) -> Change:
    """An unchanged endpoint runs on this live object already, whatever its name."""
    live = demand.inputs.snapshot.get(resource.kind, live_name)
    if live is None or not live.is_present:
        if live is not None and live.status == "absent" and live_name == resource.physical_name:
            return change_of(resource, Action.CREATE, "restored", f"{_RESTORED}, because an endpoint runs on it")
        return change_of(resource, Action.NO_OP, "same", "unchanged")
    if live_name == resource.physical_name and not resource.pinned and live.tag(DIGEST_TAG) != resource.digest:
        return _existing(demand, resource, live)  # whoever made it: is it what its name says?
    return _tagged(demand, resource, live, "same", "unchanged", foreign_is_fine=True)


def _create(demand: Demand, resource: Resource) -> Change:
    inputs = demand.inputs
    before_name = demand.before.get(resource.address, "")
    before = inputs.snapshot.get(resource.kind, before_name) if before_name else None
    is_replaced = resource.address in inputs.graph.fresh
    if before is None or not before.is_present:
        if resource.physical_name not in demand.running_configs:
            return change_of(resource, Action.CREATE, "new", "nothing of that name is live")
        if resource.pinned and is_replaced:
            return _pinned_and_replaced(resource, None)
        return change_of(resource, Action.CREATE, "restored", _RESTORED)
    if resource.address in inputs.graph.apart and not inputs.owns(before):
        text = f"{before.name} belongs to {_whose(before)}, so this one gets a name of its own"
        return change_of(resource, Action.CREATE, "new", text, live=before, fields=_fields(demand, resource, before))
    fields = _fields(demand, resource, before)
    changed = (at for at in resource.dependencies() if at in demand.needed and at in demand.before)
    causes = tuple(at for at in changed if inputs.graph.resources[at].physical_name != demand.before[at])
    noun = f"{kind_named(resource.kind).a_noun} can't be changed"
    reason: Reason
    if fields:
        reason, text = "content_changed", f"{noun}, so new content gets a new name"
    elif causes:
        reason, text = "dependency_changed", f"{noun}, and what it refers to gets a new name"
    else:
        reason, text = "replace_requested", "a fresh object was asked for"
    return change_of(resource, Action.CREATE, reason, text, live=before, fields=fields, causes=causes)


def _whose(live: LiveObject) -> str:
    owner = owner_in(live.tags or {})
    return owner.words if owner else "somebody else"


def _fields(demand: Demand, resource: Resource, before: LiveObject) -> tuple[FieldChange, ...]:
    """What differs from the generation before, but for names of models that change: their own changes say so."""
    left = demand.left.get(resource.address)
    left = demand.inputs.aligned_content(resource, before) if left is None else left
    changing = {
        reference.path
        for reference in resource.references
        if reference.address and demand.before.get(reference.address) and reference.address in demand.needed
    }
    given = set(_given_away(resource, left)) if demand.keeps_counts(resource) else set()
    return tuple(c for c in field_changes(left, resource.content) if c.path not in changing and c.path not in given)


def _given_away(config: Resource, left: Canonical) -> Iterator[tuple[str, ...]]:
    """The paths of counts and concurrency that a swap from `left` keeps, because they aren't the file's."""
    for member, name, _ in variants(left):
        if name in config.counts_of_others and name in config.content.get(member, {}):
            yield member, name, "InitialInstanceCount"
            yield member, name, "ServerlessConfig", "ProvisionedConcurrency"


def _existing(demand: Demand, resource: Resource, live: LiveObject) -> Change:
    """An object of the wanted name is live: re-used if it has the wanted content."""
    inputs = demand.inputs
    fields = field_changes(inputs.aligned_content(resource, live), resource.content)
    if fields and resource.pinned:
        refusal = f"new content under the pinned name {live.name}; {_unpinned(demand, resource)}"
        text = f"{kind_named(resource.kind).a_noun} can't be changed"
        return _refused(resource, live, Refusal.CONTENT, "pinned", text, refusal, fields)
    if fields:
        user = _user_of(demand, live)
        component = user_among_components(inputs.snapshot, live)
        advice = f"{user} uses it, so " if user else f"{component}, so " if component else "delete it, or "
        advice += "set replace_salt to get another name"
        refusal = f"{live.name} exists with other content than its name says; {advice}"
        text = "somebody made an object of this name"
        return _refused(resource, live, Refusal.CONTENT, "tampered", text, refusal, fields)
    if resource.pinned and resource.address in inputs.graph.fresh:
        return _pinned_and_replaced(resource, live)
    reason: Reason = "same" if demand.before.get(resource.address, live.name) == live.name else "reused"
    kept = f"{live.name} was kept and has this content: re-used, nothing is created"
    text = "unchanged" if reason == "same" else kept
    return _tagged(demand, resource, live, reason, text, foreign_is_fine=not resource.pinned)


def _unpinned(demand: Demand, resource: Resource) -> str:
    """What to do about a pinned name, and about those of the configs that refer to a model: a new name changes them."""
    graph = demand.inputs.graph
    pins = [resource.address, *(at for at in graph.dependents(resource.address) if graph.resources[at].pinned)]
    anew = "choose a new one" if len(pins) == 1 else "choose new ones"
    return f"drop `name:` of {listed(pins)} (then content chooses the name) or {anew}"


def _user_of(demand: Demand, live: LiveObject) -> str:
    """An endpoint that runs on this model or config, or moves to it: one of the fleet, else of others; or none."""
    inputs = demand.inputs
    for endpoint in inputs.snapshot.endpoints():
        used = {(ENDPOINT_CONFIG.name, name) for name in endpoint.configs}
        used |= {(MODEL.name, name) for config in endpoint.configs for name in inputs.models_in(config)}
        if (live.kind, live.name) in used:
            return f"the endpoint {endpoint.name}"
    other = inputs.snapshot.users.get(f"{live.kind}/{live.name}")
    return f"{other}, an endpoint of somebody else," if other else ""


def _pinned_and_replaced(resource: Resource, live: LiveObject | None) -> Change:
    """`--replace` of what has a pinned name, under which something serves already."""
    name = resource.physical_name
    refusal = f"a fresh object was asked for, and `name:` pins it to {name}; drop `name:`, or don't --replace it"
    text = f"{kind_named(resource.kind).a_noun} can't be changed"
    return _refused(resource, live, Refusal.CONTENT, "pinned", text, refusal)


def _tagged(
    demand: Demand, resource: Resource, live: LiveObject, reason: Reason, text: str, *, foreign_is_fine: bool
) -> Change:
    if not demand.inputs.owns(live):
        return foreign(demand.inputs, resource, live, reason, text, fine=foreign_is_fine)
    owner = demand.owner_of_tags(resource, live)
    if owner != resource.address:
        note = f"{live.name} serves {owner} too, whose tags it carries"
        return change_of(resource, Action.NO_OP, reason, text, live=live, notes=(note,))
    ignore = frozenset({DIGEST_TAG}) if live.name != resource.physical_name else frozenset()
    added, removed = tag_changes(resource.tags, live.tags, demand.inputs.graph.fleet.ignore_tags, ignore=ignore)
    if not added and not removed:
        return change_of(resource, Action.NO_OP, reason, text, live=live)
    if reason == "same":
        reason, text = (
            "tags_changed",
            claimed(added, removed) or tags_told(added, removed, live.tags, demand.inputs.graph.moved),
        )
    return change_of(resource, Action.TAG, reason, text, live=live, tags_added=added, tags_removed=removed)


def foreign(
    inputs: Inputs,
    resource: Resource,
    live: LiveObject,
    reason: Reason,
    text: str,
    *,
    fine: bool,
    fields: tuple[FieldChange, ...] = (),
) -> Change:
    """An object of the wanted name that doesn't carry our tag: adopted if asked and of the wanted content, used as it
    is where that is `fine`, never changed or deleted.
    """
    owner = owner_in(live.tags or {})
    if resource.entry.adopt and owner is None and not fields:
        added, removed = own_tag_changes(inputs, resource, live)
        more: dict[str, Any] = {"adopts": True, "tags_added": added, "tags_removed": removed}
        return change_of(resource, Action.NO_OP, reason, "taken under management", live=live, **more)
    if fine:
        note = f"{live.name} belongs to {_whose(live)}; it is used as it is and never deleted from here"
        return change_of(resource, Action.NO_OP, reason, text, live=live, notes=(note,))
    freed = f"remove its tag {FLEET_TAG} and " if owner else ""
    advice = f"{freed}write `adopt: true` to take it under management, or choose another `name:`"
    whose = f"belongs to {owner.words}" if owner else "isn't this fleet's"
    differs = " and its content is another one: write what it holds," if fields and resource.entry.adopt else ";"
    refusal = f"{live.name} exists and {whose}{differs} {advice}"
    return _refused(resource, live, Refusal.CONFLICT, "conflict", "the name is taken", refusal, fields)


def _refused(
    resource: Resource,
    live: LiveObject | None,
    refused: Refusal,
    reason: Reason,
    explanation: str,
    refusal: str,
    fields: tuple[FieldChange, ...] = (),
) -> Change:
    """A change that only people can make possible."""
    about = (resource, Action.REFUSE, reason, explanation)
    return change_of(*about, live=live, fields=fields, refused=refused, refusal=refusal)


def own_tag_changes(inputs: Inputs, resource: Resource, live: LiveObject) -> tuple[dict[str, str], tuple[str, ...]]:
    """(tags to set, keys to remove) of an object; none where its kind has no tags."""
    if not kind_named(resource.kind).is_tagged:
        return {}, ()
    return tag_changes(resource.tags, live.tags, inputs.graph.fleet.ignore_tags)


def change_of(
    resource: Resource,
    action: Action,
    reason: Reason,
    explanation: str,
    *,
    live: LiveObject | None = None,
    effect: Effect = "none",
    **more: Any,
) -> Change:
    """A change of a declared object; `more` are further members of `Change`."""
    return Change(
        address=resource.address,
        kind=resource.kind,
        action=action,
        reason=reason,
        effect=effect,
        name=resource.physical_name,
        explanation=explanation,
        live_name=live.name if live else "",
        arn=live.arn if live else "",
        path=resource.path,
        **more,
    )
