"""Objects that are changed in place, of any kind: created, updated, taken over or refused; gone with their entries."""

from __future__ import annotations

from collections.abc import Iterator

from mmeplan.diff.changes import Action, Change
from mmeplan.diff.fields import field_changes, tags_told
from mmeplan.diff.immutables import change_of, foreign, own_tag_changes
from mmeplan.diff.inputs import Inputs
from mmeplan.kinds import Resource, kinds
from mmeplan.live import LiveObject


def in_place_change(inputs: Inputs, resource: Resource) -> Change:
    """The change of a declared object that an update of itself changes."""
    live = inputs.snapshot.get(resource.kind, resource.physical_name)
    if live is not None and live.status == "unreadable":
        text = f"could not be read: {live.error}"
        return change_of(resource, Action.UNREADABLE, "unreadable", text, live=live)
    if live is None or not live.is_present:
        return change_of(resource, Action.CREATE, "new", "nothing of that name is live")
    fields = field_changes(inputs.aligned_content(resource, live), resource.content)
    if not inputs.owns(live):
        return foreign(inputs, resource, live, "content_changed" if fields else "same", "", fine=False, fields=fields)
    added, removed = own_tag_changes(inputs, resource, live)
    if fields:
        return change_of(
            resource,
            Action.UPDATE,
            "content_changed",
            "its content changes, in place",
            live=live,
            effect="in_place",
            fields=fields,
            tags_added=added,
            tags_removed=removed,
        )
    if added or removed:
        text = tags_told(added, removed, live.tags, inputs.graph.moved)
        return change_of(resource, Action.TAG, "tags_changed", text, live=live, tags_added=added, tags_removed=removed)
    return change_of(resource, Action.NO_OP, "same", "unchanged", live=live)


def left_over(inputs: Inputs) -> Iterator[LiveObject]:
    """What is owned and changed in place, and has no entry of its name any more."""
    for kind in reversed(kinds()):
        if kind.is_changed_in_place:
            declared = {resource.physical_name for resource in inputs.graph.of_kind(kind.name)}
            yield from (live for live in inputs.owned(kind.name) if live.name not in declared)
