"""What stands in the way of a swap: taken off before it, and put back on every end of it.

UpdateEndpoint is refused while a scalable target is registered for a variant that gets another instance type or is
removed; deregistering one deletes its policies and scheduled actions. So only what the fleet has declared, of a variant
that stays, is taken off, and a swap that would lose anything else is refused with its name: nothing could put that back
after a crash or a rollback.
Source: endpoint-scaling.html; botocore, DeregisterScalableTarget.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from mmeplan.diff.changes import Action, Change, Refusal
from mmeplan.diff.inputs import Inputs
from mmeplan.kinds import ENDPOINT_CONFIG, Kind, Resource, kind_named
from mmeplan.live import LiveEndpoint, LiveObject

_MOVES = (Action.SWAP, Action.DELETE_THEN_CREATE)


def around_swaps(inputs: Inputs, changes: Sequence[Change]) -> list[Change]:
    """The changes, with what is taken off and put back around the swaps among them."""
    made = {(change.kind, change.address, change.name): change for change in changes}
    named = dict(made)  # where several changes want one name, the last of them
    for change in changes:
        endpoint = inputs.graph.resources.get(change.address)
        live = inputs.snapshot.endpoint(change.live_name) if change.live_name else None
        if endpoint is None or live is None or change.action not in _MOVES or change.refusal:
            continue
        for kind in kind_named(change.kind).children:
            off = list(_in_the_way(inputs, kind, change, endpoint, live))
            wanted = inputs.config_of(endpoint)
            asked = (
                _refusal(inputs, made, change, child) or _not_put_back(kind, change, child, wanted) for child in off
            )
            refusal = next(filter(None, asked), "")
            if refusal:
                key = (change.kind, change.address, change.name)
                made[key] = replace(change, refusal=refusal, refused=Refusal.SCALED, action=Action.REFUSE)
                made[key] = replace(made[key], reason="conflict", effect="none")
                break
            for child in off:
                made.update(_taken_off(inputs, made, child))
    keys = ((change, (change.kind, change.address, change.name)) for change in changes)
    return [made[key] if named[key] is change else change for change, key in keys]


def needs_it_off(inputs: Inputs, kind: Kind, name: str, endpoint: Resource, live: LiveEndpoint) -> bool:
    """Whether a swap of a live endpoint to what is wanted is refused while this object is there."""
    wanted = inputs.config_of(endpoint)
    if wanted is None:
        return True
    return any(kind.in_the_way(name, before, wanted.request) for before in _configs(inputs, live))


def _configs(inputs: Inputs, live: LiveEndpoint) -> Iterator[Mapping[str, Any]]:
    """The configs that may be in force when the swap begins, as requests; of one that is gone, its variants alone."""
    for name in live.configs:
        found, declared = inputs.snapshot.endpoint_config(name), inputs.graph.declared(ENDPOINT_CONFIG.name, name)
        if found is not None and found.is_present and not found.by_digest:
            yield found.describe
        elif declared is not None:
            yield declared.request
        else:
            yield {"ProductionVariants": [{"VariantName": variant.name} for variant in live.variants]}


def _in_the_way(
    inputs: Inputs, kind: Kind, change: Change, endpoint: Resource, live: LiveEndpoint
) -> Iterator[LiveObject]:
    for child in inputs.snapshot.present(kind.name):
        is_part = kind.parent_in(child.name) == live.name
        if is_part and (change.action.deletes or needs_it_off(inputs, kind, child.name, endpoint, live)):
            yield child


def _children(inputs: Inputs, live: LiveObject) -> Iterator[LiveObject]:
    """What a live object carries, by kind and name."""
    for kind in kind_named(live.kind).children:
        yield from (child for child in inputs.snapshot.present(kind.name) if kind.parent_in(child.name) == live.name)


def carried_by_others(inputs: Inputs, live: LiveObject) -> list[str]:
    """What an object carries that the fleet doesn't declare and has not put there: it would be lost with it."""
    children = (child for child in _children(inputs, live) if not inputs.owns(child))
    found = [kind_named(child.kind).inner_words(child.name) for child in children]
    more = inputs.snapshot.users.get(f"{live.kind}/{live.name}")
    return [*found, more] if more else found


def _refusal(inputs: Inputs, changes: Mapping[tuple[str, str, str], Change], change: Change, child: LiveObject) -> str:
    """Why a swap can't take an object off; empty where it can."""
    kind = kind_named(child.kind)
    what = f"the {kind.words} {child.name.partition(' ')[0]}"
    why = "a variant gets another instance type, or is removed, which SageMaker refuses while it is registered"
    if change.action.deletes:
        why = "the endpoint is deleted and created again, and all that scales it goes with it"
    declared = inputs.graph.declared(child.kind, child.name)
    own = changes.get((child.kind, declared.address, declared.physical_name)) if declared else None
    if not inputs.owns(child) or (own is not None and own.adopts):
        advice = "deregister it and plan again, or declare it (`autoscaling:`) with `adopt: true` and apply that first"
        whose = "is being adopted" if own is not None and own.adopts else "isn't this fleet's"
        return f"{what} {whose}, and {why}; {advice}"
    others = carried_by_others(inputs, child)
    adopted = [
        c.address
        for c in changes.values()
        if c.adopts and c.kind in {k.name for k in kind.children} and kind_named(c.kind).parent_in(c.name) == child.name
    ]
    if others or adopted:
        named = ", ".join((*others, *adopted))
        return (
            f"{what} carries {named}, which the file doesn't declare or the fleet doesn't have yet: it would be lost "
            f"where the target is taken off, and {why}; declare it and apply that first, or delete it, and plan again"
        )
    return ""


def _not_put_back(kind: Kind, change: Change, child: LiveObject, wanted: Resource | None) -> str:
    """Why an object can't be put back on every end of a swap; empty where it can."""
    if change.action.deletes or wanted is None or kind.stands_on(child.name, wanted.request):
        return ""
    return (
        f"the {kind.words} {child.name.partition(' ')[0]} is of a variant that is removed or renamed: where SageMaker "
        "rolls this update back, the variant would serve on and nothing would scale it; drop its `autoscaling:` and "
        "apply that first, then plan again"
    )


def _taken_off(
    inputs: Inputs, changes: Mapping[tuple[str, str, str], Change], child: LiveObject
) -> Iterator[tuple[tuple[str, str, str], Change]]:
    """The changes of a declared object that is taken off and put back, and of what it carries."""
    declared = inputs.graph.declared(child.kind, child.name)
    if declared is None:
        return  # a removed variant's: its own change says that it goes
    key = (child.kind, declared.address, declared.physical_name)
    text = "taken off for the length of the swap, which is refused while it is there; put back on every end of it"
    change = _anew(changes[key], Action.DELETE_THEN_CREATE, text)
    if change is changes[key]:
        return
    yield key, change
    for inner in _children(inputs, child):
        known = inputs.graph.declared(inner.kind, inner.name)
        if known is not None:
            key = (inner.kind, known.address, known.physical_name)
            text = "goes with what it is part of for the length of the swap, and is put back after it"
            yield key, _anew(changes[key], Action.CREATE, text)


def _anew(change: Change, action: Action, text: str) -> Change:
    if change.refusal or change.action in (Action.UNREADABLE, Action.REFUSE):
        return change
    return replace(
        change,
        action=action,
        reason="dependency_changed",
        effect="none",
        explanation=text,
        tags_added={},
        tags_removed=(),
    )
