"""`mmeplan move`: hands live objects from one deployment to another by their tags. Nothing is rolled, nothing deleted.

    observe → move_of → `Move` → carry_out

In: an endpoint's address (or a model's or config's), and the deployment that gets it. Out: the tags to set, object by
object, the endpoint last; so a move that was stopped is found again, and goes on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mmeplan.errors import InputError, Problem
from mmeplan.identity import ENVIRONMENT_TAG, Deployment, address
from mmeplan.kinds import ENDPOINT, kind_named, kinds
from mmeplan.live import LiveObject, Ownership
from mmeplan.plan.step import Step, TagsOwnedBy


@dataclass(frozen=True)
class Move:
    """The objects that change hands, in the order in which they do; `staying` are those that other endpoints use."""

    source: Deployment
    target: Deployment
    objects: tuple[LiveObject, ...]
    staying: tuple[LiveObject, ...] = ()

    def text(self) -> str:
        """What is about to happen, a line an object."""
        lines = [f"From {self.source.words} to {self.target.words}:", ""]
        lines += [f"  {live.kind.replace('_', ' ')} {live.name}" for live in reversed(self.objects)]
        lines += [f"  (stays: {live.kind.replace('_', ' ')} {live.name}, which others use)" for live in self.staying]
        return "\n".join([*lines, "", "Only tags change: nothing is rolled, nothing is deleted."])

    def steps(self, live: LiveObject) -> Iterator[Step]:
        """The calls for one of the objects, with guards that stop where somebody else took it meanwhile."""
        at, kind, name = address(live.kind, live.name), live.kind, live.name
        adds = {key: value for key, value in self.target.tags.items() if live.tag(key) != value}
        removes = () if self.target.environment or live.tag(ENVIRONMENT_TAG) is None else (ENVIRONMENT_TAG,)
        if removes:  # first: an object that is half moved is still the source fleet's
            params: dict[str, Any] = {"ResourceArn": live.arn, "TagKeys": list(removes)}
            guard = TagsOwnedBy(kind, name, live.arn, self.source, removes=removes)
            yield Step(f"DeleteTags:{at}", at, "DeleteTags", params, guard=guard)
        if adds:
            owner = Deployment(self.source.fleet) if removes else self.source
            params = {"ResourceArn": live.arn, "Tags": [{"Key": key, "Value": adds[key]} for key in sorted(adds)]}
            guard = TagsOwnedBy(kind, name, live.arn, owner, adds=adds)
            yield Step(f"AddTags:{at}", at, "AddTags", params, guard=guard)


def move_of(owned: Ownership, asked: str, target: Deployment) -> Move:
    """The move of what an address stands for: an endpoint with its configs and models, a config, or a model.

    A name without a kind is an endpoint's. A physical name does where no object has that address. Objects that an
    endpoint which stays runs on stay, too.
    Raises InputError where the deployment has no such object.
    """
    source = owned.graph.deployment
    at = asked if "/" in asked else address(ENDPOINT.name, asked)
    kind = at.partition("/")[0]
    found = owned.owned_at(kind, at) or [live for live in owned.owned(kind) if at == address(kind, live.name)]
    if not found:
        hint = "mmeplan status lists the endpoints; a move that is complete already has nothing to do"
        raise InputError([Problem(f"{source.words} owns no {at}", hint=hint)])
    moving = {(live.kind, live.name): live for live in found}
    for live in found:
        moving |= _generations(owned, live, at)
    waiting = list(moving.values())
    while waiting:
        needed = _referred_to(owned, waiting.pop())
        waiting += [live for key, live in needed.items() if key not in moving]
        moving |= needed
    used = _used_by_others(owned, moving)
    order = {kind.name: number for number, kind in enumerate(kinds())}
    objects = sorted(moving.values(), key=lambda live: (order[live.kind], live.name))
    return Move(
        source,
        target,
        tuple(live for live in objects if (live.kind, live.name) not in used and not target.owns(live.tags or {})),
        tuple(live for live in objects if (live.kind, live.name) in used),
    )


_Objects = Mapping[tuple[str, str], LiveObject]


def _generations(owned: Ownership, live: LiveObject, at: str) -> _Objects:
    """The generations of what its entry declares inline."""
    inline = kind_named(live.kind).inline.values()
    found = (each for kind in inline for each in owned.owned_at(kind, address(kind, at.partition("/")[2])))
    return {(each.kind, each.name): each for each in found}


def _referred_to(owned: Ownership, live: LiveObject) -> _Objects:
    """What an object refers to, as far as the deployment owns it."""
    found = (owned.snapshot.get(kind, name) for kind, name in kind_named(live.kind).references(live.describe))
    return {(e.kind, e.name): e for e in found if e is not None and e.is_present and owned.owns(e)}


def _used_by_others(owned: Ownership, moving: _Objects) -> set[tuple[str, str]]:
    """Configs and models that an endpoint which stays runs on, or that a config which stays refers to."""
    used: set[tuple[str, str]] = set()
    for kind in reversed(kinds()):  # who refers before what is referred to
        for live in owned.owned(kind.name):
            at = (live.kind, live.name)
            if at in used or at not in moving:
                used |= {*kind.references(live.describe)}
    return used & set(moving)
