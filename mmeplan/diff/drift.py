"""Drift: what is live although nobody applied it. Told apart from what the file asks for by the endpoint's digest tag.

The tag holds the digest of the meaning that was applied last. Where the file has changed since, that meaning can only
be worked out from what is live; drift is claimed when none of the ways to read it gives the applied digest.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, combinations
from typing import Any, Final

from mmeplan.aws.variants import KEYED
from mmeplan.diff.changes import Drift, FieldChange
from mmeplan.diff.world import World
from mmeplan.live import LiveObject, models_of
from mmeplan.resources import Canonical, Resource
from mmeplan.resources.endpoint import meaning, model_stands_for, with_live_desires
from mmeplan.resources.endpoint_config import aligned_config, live_endpoint_config
from mmeplan.resources.identity import DIGEST_TAG, digest
from mmeplan.resources.model import live_model

MOST_OWNERS: Final = 6  # variants with a count: above it not every way to share the counts out is tried


class UnknownSaltError(Exception):
    """A model was applied with a `replace_salt` that the file no longer has: its meaning can't be read."""


def drift_of(
    world: World,
    endpoint: Resource,
    config: Resource,
    live: LiveObject,
    live_config: LiveObject,
    now: Canonical,
    fields: tuple[FieldChange, ...],
) -> Drift | None:
    """The drift of a live endpoint: `now` is what it means, `fields` where that differs from the file."""
    applied = (live.tags or {}).get(DIGEST_TAG)
    if applied is None or not fields or (applied != endpoint.digest and _is_masked(world, live_config)):
        return None
    if applied == endpoint.digest:
        return Drift(endpoint.address, "live differs from what was applied last; the file did not change", fields)
    if means_what_was_applied(world, applied, config, live, live_config, now):
        return None
    return Drift(endpoint.address, "live differs from what was applied last, and the file has changed since as well")


def _is_masked(world: World, live_config: LiveObject) -> bool:
    """Whether a model of the config has masked values, so that what it means can't be told."""
    models = (world.snapshot.get("model", name) for name in models_of(live_config.describe))
    return any(model is not None and model.masked for model in models)


def means_what_was_applied(
    world: World,
    applied: str,
    config: Resource | None,
    live: LiveObject,
    live_config: LiveObject,
    now: Canonical | None = None,
) -> bool:
    """Whether some way to read what is live gives the digest that was applied last."""
    if now is not None and digest("endpoint", now) == applied:
        return True
    try:
        return any(digest("endpoint", one) == applied for one in readings(world, config, live, live_config))
    except UnknownSaltError:
        return True  # it can't be told, so nothing is claimed


def readings(
    world: World, config: Resource | None, live: LiveObject | None, live_config: LiveObject
) -> Iterator[Canonical]:
    """What a live config means, read without the file: every model of the fleet by its content.

    With the live counts and weights of the endpoint `live`, where there is one. The file may have begun or ceased to
    say that a count is somebody else's (`capacity: autoscaled`), or a volume's size; so each way of those is tried, the
    likeliest first. Raises UnknownSaltError.
    """

    def model_of(_path: tuple[str | int, ...], name: str) -> Any:
        return _model(world, name)

    for content in _contents(world, config, live_config):
        desired = with_live_desires(content, live.describe) if live else content
        for owned in _owners(config, desired):
            yield meaning(desired, model_of, owned)


def _contents(world: World, config: Resource | None, live_config: LiveObject) -> Iterator[Canonical]:
    if live_config.by_digest:
        if config is not None:
            yield world.live_config_content(config, live_config)
        return
    raw = live_endpoint_config(dict(live_config.describe))
    seen: list[Canonical] = []
    for content in (world.live_config_content(config, live_config) if config else raw, raw, aligned_config({}, raw)):
        if content not in seen:
            seen.append(content)
            yield content


def _owners(config: Resource | None, content: Canonical) -> Iterator[frozenset[str]]:
    """The sets of variants whose count may have been somebody else's when it was applied."""
    autoscaled = config.autoscaled if config else frozenset()
    wanted = config.content if config else {}
    gone = {name for member in KEYED for name in content.get(member, {}) if name not in wanted.get(member, {})}
    counted = sorted(
        {name for member in KEYED for name, item in content.get(member, {}).items() if "InitialInstanceCount" in item}
    )
    sizes = range(len(counted) + 1) if len(counted) <= MOST_OWNERS else (0, len(counted))
    every = (frozenset(some) for some in chain.from_iterable(combinations(counted, size) for size in sizes))
    seen: set[frozenset[str]] = set()
    for owned in chain((autoscaled, autoscaled | gone), every):
        if owned & set(counted) not in seen:
            seen.add(owned & set(counted))
            yield owned


def applied_digest(world: World, config: Resource, live_config: LiveObject) -> str:
    """What an endpoint's digest tag holds once it was swapped to a live config that isn't what the file says.

    A later plan of the same file reads the same from what is live (`readings`), and so finds no drift; where a model's
    salt is unknown it claims none.
    """

    def model_of(_path: tuple[str | int, ...], name: str) -> Any:
        try:
            return _model(world, name)
        except UnknownSaltError:
            return name

    content = world.live_config_content(config, live_config)
    return digest("endpoint", meaning(content, model_of, config.autoscaled))


def _model(world: World, name: str) -> Any:
    """What stands for a live model: its content where it is the fleet's, its name otherwise."""
    live = world.snapshot.get("model", name)
    if live is None or live.status != "present" or not (world.owns(live) or is_content_addressed(live)):
        return name
    resource = world.graph.resources.get(world.address_of(live))
    salt = resource.entry.replace_salt if resource else None
    if live.by_digest:
        same = next((r for r in world.graph.of_kind("model") if r.physical_name == live.name), resource)
        return model_stands_for(same.content, same.entry.replace_salt) if same else name
    content = world.live_model_content(resource, live) if resource else live_model(dict(live.describe))
    tagged = (live.tags or {}).get(DIGEST_TAG)
    if tagged is None or tagged == digest("model", content):
        return model_stands_for(content, None)
    if salt is not None and tagged == digest("model", content, salt):
        return model_stands_for(content, salt)
    raw = live_model(dict(live.describe))
    if tagged == digest("model", raw) or live.name.rpartition("-")[2] != tagged[:8]:
        return model_stands_for(raw, None)  # no salt; or a tag that mmeplan did not put on this model
    raise UnknownSaltError(name)


def is_content_addressed(live: LiveObject) -> bool:
    """Whether a model or config bears a name that mmeplan gave it: `NAME-DIGEST8` of its very content."""
    if live.by_digest or live.status != "present":
        return False
    read = {"model": live_model, "endpoint_config": live_endpoint_config}[live.kind]
    content = read(dict(live.describe))
    bare = aligned_config({}, content) if live.kind == "endpoint_config" else content
    suffix = live.name.rpartition("-")[2]
    return suffix in (digest(live.kind, content)[:8], digest(live.kind, bare)[:8])
