"""`mmeplan move`: hands live objects from one deployment to another by their tags. Nothing is rolled, nothing deleted.

    observe → move_of → `Move` → carry_out

In: an endpoint's address (or a model's or config's), and the deployment that gets it. Out: the tags to set, object by
object, the endpoint last; so a move that was stopped is found again, and goes on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mmeplan.errors import InputError, Problem
from mmeplan.identity import ENVIRONMENT_TAG, Deployment, address
from mmeplan.live import LiveEndpoint, LiveEndpointConfig, LiveObject, Ownership
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
    at = asked if "/" in asked else address("endpoint", asked)
    kind = at.partition("/")[0]
    found = owned.owned_at(kind, at) or [live for live in owned.owned(kind) if at == address(kind, live.name)]
    if not found:
        hint = "mmeplan status lists the endpoints; a move that is complete already has nothing to do"
        raise InputError([Problem(f"{source.words} owns no {at}", hint=hint)])
    moving = {(live.kind, live.name): live for live in found}
    for live in found:
        if isinstance(live, LiveEndpoint):
            moving |= _configs_of(owned, live, at)
    for config in [live for live in moving.values() if isinstance(live, LiveEndpointConfig)]:
        moving |= _owned_by_name(owned, "model", config.models)
    used = _used_by_others(owned, moving)
    order = {"model": 0, "endpoint_config": 1, "endpoint": 2}
    objects = sorted(moving.values(), key=lambda live: (order[live.kind], live.name))
    return Move(
        source,
        target,
        tuple(live for live in objects if (live.kind, live.name) not in used and not target.owns(live.tags or {})),
        tuple(live for live in objects if (live.kind, live.name) in used),
    )


_Objects = Mapping[tuple[str, str], LiveObject]


def _configs_of(owned: Ownership, endpoint: LiveEndpoint, at: str) -> _Objects:
    """The configs of an endpoint: those in force and pending, and the generations of its inline config."""
    inline = address("endpoint_config", at.partition("/")[2])
    names = [*endpoint.configs, *(live.name for live in owned.owned_at("endpoint_config", inline))]
    return _owned_by_name(owned, "endpoint_config", names)


def _owned_by_name(owned: Ownership, kind: str, names: Iterable[str]) -> _Objects:
    found = (owned.snapshot.get(kind, name) for name in names)
    return {(kind, live.name): live for live in found if live is not None and live.is_present and owned.owns(live)}


def _used_by_others(owned: Ownership, moving: _Objects) -> set[tuple[str, str]]:
    """Configs and models that an endpoint which stays runs on, or that a config which stays refers to."""
    used: set[tuple[str, str]] = set()
    for endpoint in owned.snapshot.endpoints():
        if ("endpoint", endpoint.name) not in moving and owned.owns(endpoint):
            used |= {("endpoint_config", name) for name in endpoint.configs}
    for config in owned.snapshot.present("endpoint_config"):
        stays = ("endpoint_config", config.name) not in moving or ("endpoint_config", config.name) in used
        if stays and isinstance(config, LiveEndpointConfig) and owned.owns(config):
            used |= {("model", name) for name in config.models}
    return used & set(moving)
