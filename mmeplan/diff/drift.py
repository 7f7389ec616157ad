"""Drift: what is live although nobody applied it. Told apart from what the file asks for by the endpoint's digest tag.

The tag holds the digest of the meaning that was applied last. Where the file has changed since, that meaning can only
be worked out from what is live; drift is claimed when none of the ways to read it gives the applied digest.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mmeplan.diff.changes import Drift, FieldChange
from mmeplan.diff.world import World
from mmeplan.live import LiveObject, models_of
from mmeplan.resources import Canonical, Resource
from mmeplan.resources.canonical import KEYED
from mmeplan.resources.endpoint import meaning, model_stands_for, with_live_desires
from mmeplan.resources.identity import DIGEST_TAG, digest
from mmeplan.resources.model import live_model


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
    if any(digest("endpoint", one) == applied for one in (now, *_readings(world, config, live, live_config))):
        return None
    return Drift(endpoint.address, "live differs from what was applied last, and the file has changed since as well")


def _is_masked(world: World, live_config: LiveObject) -> bool:
    """Whether a model of the config has masked values, so that what it means can't be told."""
    models = (world.snapshot.get("model", name) for name in models_of(live_config.describe))
    return any(model is not None and model.masked for model in models)


def _readings(world: World, config: Resource, live: LiveObject, live_config: LiveObject) -> Iterator[Canonical]:
    """What is live, read without the file: every model of the fleet by its content.

    Twice: with the counts of variants that left the file, and without (they may have been somebody else's,
    `capacity: autoscaled`, which the file no longer says).
    """
    content = world.live_config_content(config, live_config)
    desired = with_live_desires(content, live.describe)

    def model_of(_path: tuple[str | int, ...], name: str) -> Any:
        return _model(world, name)

    yield meaning(desired, model_of, config.autoscaled)
    gone = {name for member in KEYED for name in content.get(member, {}) if name not in config.content.get(member, {})}
    yield meaning(desired, model_of, config.autoscaled | gone)


def _model(world: World, name: str) -> Any:
    """What stands for a live model: its content where it is the fleet's, its name otherwise."""
    live = world.snapshot.get("model", name)
    if live is None or live.status != "present" or not world.owns(live):
        return name
    resource = world.graph.resources.get(world.address_of(live))
    if resource is not None:
        return model_stands_for(world.live_model_content(resource, live), resource.entry.replace_salt)
    return model_stands_for(live_model(dict(live.describe)), None)
