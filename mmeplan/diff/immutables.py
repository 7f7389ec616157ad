"""The model and config half of the diff: which of them have to be created, and which live ones serve already."""

from __future__ import annotations

from typing import Any

from mmeplan.diff.changes import Action, Change, FieldChange, Reason, Refusal
from mmeplan.diff.fields import field_changes
from mmeplan.diff.tags import tag_changes
from mmeplan.diff.world import World
from mmeplan.live import LiveObject
from mmeplan.resources import Canonical, Resource
from mmeplan.resources.identity import DIGEST_TAG, FLEET_TAG

_KEEP_DIGEST = frozenset({DIGEST_TAG})
_WORDS = {"model": "a model", "endpoint_config": "an endpoint config"}


def immutable_change(world: World, resource: Resource) -> Change:
    """The change of a declared model or config. Endpoints must have been looked at before."""
    needed = resource.address in world.needed or not _is_used(world, resource)
    if not needed and resource.address in world.bound:
        return _bound(world, resource, world.bound[resource.address])
    if not needed:
        return _change(resource, Action.NO_OP, "same", "not needed until its endpoint can be changed")
    live = world.snapshot.get(resource.kind, resource.physical_name)
    if live is not None and live.status == "unreadable":
        return _change(resource, Action.UNREADABLE, "unreadable", f"could not be read: {live.error}", live=live)
    if live is None or live.status == "absent":
        return _create(world, resource)
    return _existing(world, resource, live)


def _is_used(world: World, resource: Resource) -> bool:
    return bool(world.graph.dependents(resource.address))


def _bound(world: World, resource: Resource, live_name: str) -> Change:
    """An unchanged endpoint runs on this live object already, whatever its name."""
    live = world.snapshot.get(resource.kind, live_name)
    if live is None or live.status != "present":
        if live is not None and live.status == "absent" and live_name == resource.physical_name:
            text = (
                "deleted behind our back while in use; made again under the same name, because an endpoint runs on it"
            )
            return _change(resource, Action.CREATE, "restored", text)
        return _change(resource, Action.NO_OP, "same", "unchanged")
    if live_name == resource.physical_name and not resource.pinned and not _says_it_is(resource, live):
        return _existing(world, resource, live)  # whoever made it: is it what its name says?
    return _tagged(world, resource, live, "same", "unchanged", foreign_is_fine=True)


def _says_it_is(resource: Resource, live: LiveObject) -> bool:
    """Whether the object's tags say that it has the content that is wanted."""
    return (live.tags or {}).get(DIGEST_TAG) == resource.digest


def _create(world: World, resource: Resource) -> Change:
    before_name = world.before.get(resource.address, "")
    before = world.snapshot.get(resource.kind, before_name) if before_name else None
    if before is None or before.status != "present":
        running = {str(live.describe.get("EndpointConfigName")) for live in world.snapshot.present("endpoint")}
        if resource.physical_name in running:
            if resource.pinned and resource.address in world.graph.fresh:
                return _pinned_and_fresh(resource, None)
            return _change(
                resource,
                Action.CREATE,
                "restored",
                "deleted behind our back while in use; made again under the same name",
            )
        return _change(resource, Action.CREATE, "new", "nothing of that name is live")
    fields = _fields(world, resource, before)
    changed = tuple(at for at in resource.dependencies() if at in world.needed and at in world.before)
    causes = tuple(at for at in changed if world.graph.resources[at].physical_name != world.before[at])
    reason: Reason = "content_changed" if fields else "dependency_changed" if causes else "replace_requested"
    word = _WORDS[resource.kind]
    text = (
        f"{word} can't be changed, so new content gets a new name"
        if fields
        else f"{word} can't be changed, and what it refers to gets a new name"
    )
    if reason == "replace_requested":
        text = "a fresh object was asked for"
    return _change(resource, Action.CREATE, reason, text, live=before, fields=fields, causes=causes)


def _fields(world: World, resource: Resource, before: LiveObject) -> tuple[FieldChange, ...]:
    """What differs from the generation before; names of models that changed are told by their own changes."""
    if resource.kind == "model":
        return field_changes(world.live_model_content(resource, before), resource.content)
    own = field_changes(world.left.get(resource.address, world.live_config_content(resource, before)), resource.content)
    followed = {
        r.path for r in resource.references if r.address and world.before.get(r.address) and r.address in world.needed
    }
    return tuple(change for change in own if change.path not in followed)


def _existing(world: World, resource: Resource, live: LiveObject) -> Change:
    """An object of the wanted name is live: re-used if it has the wanted content."""
    now: Canonical
    if resource.kind == "model":
        now = world.live_model_content(resource, live)
    else:
        now = world.live_config_content(resource, live)
    fields = field_changes(now, resource.content)
    word = _WORDS[resource.kind]
    if fields and resource.pinned:
        advice = "drop `name:` (then content chooses the name) or choose a new one"
        refusal = f"new content under the pinned name {live.name}; {advice}"
        return _refused(resource, live, Refusal.CONTENT, "pinned", f"{word} can't be changed", refusal, fields)
    if fields:
        advice = "delete it, or set replace_salt to get another name"
        refusal = f"{live.name} exists with other content than its name says; {advice}"
        text = "somebody made an object of this name"
        return _refused(resource, live, Refusal.CONTENT, "tampered", text, refusal, fields)
    if resource.pinned and resource.address in world.graph.fresh:
        return _pinned_and_fresh(resource, live)
    reason: Reason = "same" if world.before.get(resource.address, live.name) == live.name else "reused"
    text = (
        "unchanged" if reason == "same" else f"{live.name} was kept and has this content: re-used, nothing is created"
    )
    return _tagged(world, resource, live, reason, text, foreign_is_fine=not resource.pinned)


def _pinned_and_fresh(resource: Resource, live: LiveObject | None) -> Change:
    """`--replace` of what has a pinned name, under which something serves already."""
    name = resource.physical_name
    refusal = f"a fresh object was asked for, and `name:` pins it to {name}; drop `name:`, or don't --replace it"
    text = f"{_WORDS[resource.kind]} can't be changed"
    return _refused(resource, live, Refusal.CONTENT, "pinned", text, refusal)


def _tagged(
    world: World, resource: Resource, live: LiveObject, reason: Reason, text: str, *, foreign_is_fine: bool
) -> Change:
    if not world.owns(live):
        return _foreign(resource, live, reason, text, foreign_is_fine)
    if world.claimant(resource, live) != resource.address:
        note = f"{live.name} serves {world.claimant(resource, live)} too, whose tags it carries"
        return _change(resource, Action.NO_OP, reason, text, live=live, notes=(note,))
    ignore = _KEEP_DIGEST if live.name != resource.physical_name else frozenset()
    added, removed = tag_changes(resource.tags, live.tags, ignore=ignore)
    if not added and not removed:
        return _change(resource, Action.NO_OP, reason, text, live=live)
    if reason == "same":
        reason, text = "tags_changed", "only tags differ"
    return _change(resource, Action.TAG, reason, text, live=live, tags_added=added, tags_removed=removed)


def _foreign(resource: Resource, live: LiveObject, reason: Reason, text: str, fine: bool) -> Change:
    """An object with the wanted content that doesn't carry our tag: used as it is, adopted if asked, never deleted."""
    owner = (live.tags or {}).get(FLEET_TAG)
    if resource.entry.adopt and owner is None:
        added, removed = tag_changes(resource.tags, live.tags)
        text = "taken under management"
        return _change(
            resource, Action.NO_OP, reason, text, live=live, adopts=True, tags_added=added, tags_removed=removed
        )
    if fine:
        whose = f"the fleet {owner!r}" if owner else "somebody else"
        note = f"{live.name} belongs to {whose}; it is used as it is and never deleted from here"
        return _change(resource, Action.NO_OP, reason, text, live=live, notes=(note,))
    advice = "write `adopt: true` to take it under management, or choose another `name:`"
    refusal = f"{live.name} exists and isn't this fleet's; {advice}"
    return _refused(resource, live, Refusal.CONFLICT, "conflict", "the name is taken", refusal)


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
    return _change(
        resource, Action.REFUSE, reason, explanation, live=live, fields=fields, refused=refused, refusal=refusal
    )


def _change(
    resource: Resource, action: Action, reason: Reason, explanation: str, *, live: LiveObject | None = None, **more: Any
) -> Change:
    return Change(
        address=resource.address,
        kind=resource.kind,
        action=action,
        reason=reason,
        effect="none",
        name=resource.physical_name,
        explanation=explanation,
        live_name=live.name if live else "",
        arn=live.arn if live else "",
        path=resource.path,
        **more,
    )
