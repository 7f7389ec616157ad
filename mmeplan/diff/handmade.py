"""What was changed behind mmeplan's back, all of it: the finding behind `mmeplan drift`.

Live is held against what was *applied last*, never against what the file asks anew. What was applied last is written on
the objects themselves: `mmeplan:digest` of an endpoint is the digest of its meaning, `mmeplan:tags` that of the tags;
models and configs bear their digest in their names. In: graph, snapshot. Out: `HandMade`s. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from mmeplan.aws.lifecycle import DELETING, FAILED, IN_SERVICE, OUT_OF_SERVICE, UPDATE_ROLLBACK_FAILED, UPDATING
from mmeplan.diff.changes import FieldChange
from mmeplan.diff.drift import UnknownSaltError, is_content_addressed, means_what_was_applied, readings
from mmeplan.diff.endpoints import live_under_another_name, pending_config
from mmeplan.diff.fields import field_changes, with_default_weight
from mmeplan.diff.weighing import is_scale_only
from mmeplan.diff.world import World
from mmeplan.graph import Graph
from mmeplan.live import LiveObject, Snapshot, models_of
from mmeplan.resources import Canonical, Resource
from mmeplan.resources.identity import (
    ADDRESS_TAG,
    DIGEST_TAG,
    FLEET_TAG,
    STAND_IN_TAG,
    TAGS_TAG,
    UNSEALED_TAGS,
    address,
    digest,
    tags_digest,
)

What = Literal["content", "scale", "tags", "ownership", "deleted", "broken", "under_way"]
"""Content swapped; weights or counts changed; tags edited; mmeplan's own tags edited; deleted; not serving as it
should; an update of somebody else under way."""

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_ADDRESS: Final = re.compile(r"(model|endpoint_config|endpoint)/[a-zA-Z0-9-]+")
_A_DIGEST: Final = "a digest"
_KINDS: Final = ("endpoint", "endpoint_config", "model")


@dataclass(frozen=True, slots=True)
class HandMade:
    """One object that isn't as it was applied last.

    `name` is its physical name. `fields` go from what was applied (`before`) to what is live (`after`); they are empty
    where only the fact is known. None stands for absent.
    """

    address: str
    kind: str
    name: str
    what: What
    explanation: str
    fields: tuple[FieldChange, ...] = ()


@dataclass(frozen=True, slots=True)
class BehindOurBack:
    """What was found, by address; and `notes`, (address, sentence), on what is worth knowing and no drift."""

    found: tuple[HandMade, ...]
    notes: tuple[tuple[str, str], ...]


def hand_made(graph: Graph, snapshot: Snapshot) -> BehindOurBack:
    """Everything that was changed by others since it was applied last."""
    finder = _Finder(World(graph, snapshot))
    for endpoint in graph.of_kind("endpoint"):
        finder.endpoint(endpoint)
    for kind in _KINDS:
        for live in finder.world.owned(kind):
            finder.tags(live)
    for resource in (*graph.of_kind("endpoint_config"), *graph.of_kind("model")):
        finder.declared(resource)
    found = sorted(finder.found.values(), key=lambda one: (one.address, one.name, one.what))
    return BehindOurBack(tuple(found), tuple(sorted(finder.notes)))


class _Finder:
    """One pass over everything; each object is told once for each thing that befell it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.found: dict[tuple[str, str, What], HandMade] = {}
        self.notes: list[tuple[str, str]] = []

    def tell(
        self, at: str, kind: str, name: str, what: What, explanation: str, fields: tuple[FieldChange, ...] = ()
    ) -> None:
        self.found.setdefault((kind, name, what), HandMade(at, kind, name, what, explanation, fields))

    # --- endpoints ----------------------------------------------------------------------------------------------------

    def endpoint(self, endpoint: Resource) -> None:
        """Everything about a declared endpoint, but for the tags of what is owned."""
        at = endpoint.address
        live = self.world.snapshot.get("endpoint", endpoint.physical_name)
        if live is not None and live.status == "unreadable":
            return
        if live is None or live.status == "absent":
            live = live_under_another_name(self.world, endpoint)
            if live is None:
                self._deleted(endpoint)
                return
        if not self.world.owns(live):
            if not self._was_ours(endpoint, live):
                return
            self._disowned(at, live)
        status = str(live.describe.get("EndpointStatus"))
        if status == DELETING:
            self.tell(at, "endpoint", live.name, "deleted", "is being deleted")
            return
        why = live.describe.get("FailureReason")
        if status in (FAILED, OUT_OF_SERVICE, UPDATE_ROLLBACK_FAILED):
            self.tell(at, "endpoint", live.name, "broken", f"is {status}: {why or 'SageMaker gave no reason'}")
        elif status == IN_SERVICE and why:
            self.notes.append((at, f"it serves, and SageMaker says of its last operation: {why}"))
        self._under_way(endpoint, live, status)
        self._runs(endpoint, live)

    def _deleted(self, endpoint: Resource) -> None:
        """An endpoint that isn't there was there if what it ran on still is."""
        config = self.world.config_of(endpoint)
        inline = address("endpoint_config", endpoint.name)
        evidence = [live for one in {inline, config.address if config else inline} for live in self._owned_at(one)]
        if not evidence:
            return  # new in the file, as far as anybody can tell
        shared = config is not None and len(self.world.graph.dependents(config.address)) > 1
        doubt = "; or it is new in the file, and shares that config" if shared else ""
        text = f"is gone, and its config {min(live.name for live in evidence)} is still there{doubt}"
        self.tell(endpoint.address, "endpoint", endpoint.physical_name, "deleted", text)

    def _owned_at(self, at: str) -> tuple[LiveObject, ...]:
        return self.world.owned_at("endpoint_config", at)

    def _was_ours(self, endpoint: Resource, live: LiveObject) -> bool:
        """Whether an endpoint without this fleet's tag had it: its other tags say so, or the config that it runs."""
        tags: Mapping[str, str] = live.tags or {}
        in_force = self.world.snapshot.get("endpoint_config", str(live.describe.get("EndpointConfigName", "")))
        readable = in_force is not None and in_force.status == "present"
        runs_ours = readable and in_force is not None and self.world.owns(in_force)
        if FLEET_TAG in tags:
            return runs_ours
        told = DIGEST_TAG in tags or self.world.address_of(live) == endpoint.address
        return runs_ours or told or (in_force is not None and readable and is_content_addressed(in_force))

    def _under_way(self, endpoint: Resource, live: LiveObject, status: str) -> None:
        pending, in_force = pending_config(live), str(live.describe.get("EndpointConfigName", ""))
        if status != UPDATING or pending in ("", in_force):
            return
        if pending == endpoint.request.get("EndpointConfigName"):
            self.notes.append((endpoint.address, f"an update to {pending} is under way, which is what the file says"))
            return
        fields = (FieldChange(("EndpointConfigName",), in_force, pending),)
        text = "an update is under way that the file doesn't ask for"
        self.tell(endpoint.address, "endpoint", live.name, "under_way", text, fields)

    # --- what an endpoint runs ----------------------------------------------------------------------------------------

    def _runs(self, endpoint: Resource, live: LiveObject) -> None:
        applied = (live.tags or {}).get(DIGEST_TAG, "")
        in_force = str(live.describe.get("EndpointConfigName", ""))
        config = self.world.config_of(endpoint)
        live_config = self.world.snapshot.get("endpoint_config", in_force)
        if live_config is None or live_config.status == "unreadable":
            if config is None:
                self._runs_external(endpoint, live, applied, in_force)
            return
        if live_config.status == "absent":
            at = config.address if config else endpoint.address
            text = f"is gone, although {endpoint.address} runs on it"
            self.tell(at, "endpoint_config", in_force, "deleted", text)
            return
        self._models(endpoint, config, live_config)
        if not _DIGEST.fullmatch(applied):
            return
        if config is None:
            if not means_what_was_applied(self.world, applied, None, live, live_config):
                self._runs_external(endpoint, live, applied, in_force)
            return
        now = self.world.live_meaning(config, live, live_config)
        if now == self.world.graph.meaning(endpoint):
            return
        changed = applied != endpoint.digest  # the file, since it was applied
        if changed and means_what_was_applied(self.world, applied, config, live, live_config, now):
            return
        before, after = self._before_and_after(endpoint, config, live, live_config, applied, now)
        fields = field_changes(before, after) if before is not None else ()
        self._tell_content(endpoint, live, live_config, fields, known=before is not None)

    def _tell_content(
        self, endpoint: Resource, live: LiveObject, config: LiveObject, fields: tuple[FieldChange, ...], *, known: bool
    ) -> None:
        if is_scale_only(fields):
            shown = tuple(with_default_weight(change) for change in fields)
            text = "weights, counts or concurrency were changed in place"
            self.tell(endpoint.address, "endpoint", live.name, "scale", text, shown)
            return
        doubt = "" if known else "; what it was can't be told, because the file has changed since as well"
        text = f"runs {config.name}, which isn't what was applied last{doubt}"
        self.tell(endpoint.address, "endpoint", live.name, "content", text, fields)

    def _before_and_after(
        self,
        endpoint: Resource,
        config: Resource,
        live: LiveObject,
        live_config: LiveObject,
        applied: str,
        now: Canonical,
    ) -> tuple[Canonical | None, Canonical]:
        """What was applied last and what is live, in the same terms.

        What was applied is the file where it hasn't changed since, else a config of the fleet that is still there. Of
        the config that runs, live is read as what was applied is.
        """
        if applied == endpoint.digest:
            return self.world.graph.meaning(endpoint), now
        for one in (live_config, *self.world.owned("endpoint_config")):
            try:
                live_readings = list(readings(self.world, config, live, live_config))
                for number, reading in enumerate(readings(self.world, config, None, one)):
                    if digest("endpoint", reading) == applied:
                        alike = number if one is live_config and number < len(live_readings) else 0
                        return reading, _counted_alike(live_readings[alike], reading)
            except UnknownSaltError:
                continue
        return None, now

    def _runs_external(self, endpoint: Resource, live: LiveObject, applied: str, in_force: str) -> None:
        """An endpoint whose config lies outside the fleet: it is known by its name alone."""
        if digest("endpoint", {"EndpointConfigName": in_force}) == applied or not _DIGEST.fullmatch(applied):
            return
        wanted = endpoint.request.get("EndpointConfigName")
        if in_force == wanted:
            return
        known = applied == endpoint.digest
        fields = (FieldChange(("EndpointConfigName",), wanted, in_force),) if known else ()
        doubt = "" if known else "; what it was can't be told, because the file has changed since as well"
        text = f"runs {in_force}, which isn't what was applied last{doubt}"
        self.tell(endpoint.address, "endpoint", live.name, "content", text, fields)

    def _models(self, endpoint: Resource, config: Resource | None, live_config: LiveObject) -> None:
        """Models that are gone although an endpoint runs on them."""
        declared = {reference.name: reference.address for reference in config.references} if config else {}
        by_digest = live_config.by_digest
        for name in sorted(
            self.world.models_in(live_config.name) if by_digest else set(models_of(live_config.describe))
        ):
            live = self.world.snapshot.get("model", name)
            if live is not None and live.status == "absent":
                text = f"is gone, although {endpoint.address} runs on it"
                self.tell(declared.get(name) or address("model", name), "model", name, "deleted", text)

    # --- tags ---------------------------------------------------------------------------------------------------------

    def declared(self, resource: Resource) -> None:
        """A declared model or config under a name that mmeplan gave it, from which the fleet's tag was taken.

        What hasn't the content that its name says was never the fleet's: the plan tells of it, if it is needed.
        """
        live = self.world.snapshot.get(resource.kind, resource.physical_name)
        if live is None or live.status != "present" or live.tags is None or FLEET_TAG in live.tags:
            return
        named = not resource.pinned and not resource.entry.adopt and (live.by_digest or is_content_addressed(live))
        if DIGEST_TAG in live.tags or named:
            self._disowned(resource.address, live)

    def _disowned(self, at: str, live: LiveObject) -> None:
        tags: Mapping[str, str] = live.tags or {}
        fields = [FieldChange(("Tags", FLEET_TAG), self.world.graph.fleet.name, tags.get(FLEET_TAG))]
        fields += [
            FieldChange(("Tags", key), was, None)
            for key, was in ((ADDRESS_TAG, at), (DIGEST_TAG, _A_DIGEST))
            if key not in tags
        ]
        text = "lost the tags by which it belongs to this fleet"
        if FLEET_TAG in tags:
            text = f"was given to the fleet {tags[FLEET_TAG]!r}: its tag {FLEET_TAG} was changed"
        self.tell(at, live.kind, live.name, "ownership", text, tuple(fields))

    def tags(self, live: LiveObject) -> None:
        """The tags of an owned object: mmeplan's own, and all others against the seal that was put on them."""
        tags: Mapping[str, str] = live.tags or {}
        at = self.world.address_of(live) or address(live.kind, live.name)
        own = tuple(self._own_tags(live, tags))
        if own:
            at = at if _ADDRESS.fullmatch(at) else address(live.kind, live.name)
            self.tell(at, live.kind, live.name, "ownership", "mmeplan's own tags were edited", own)
        now, seal = tags_digest(tags), tags.get(TAGS_TAG, "")
        resource = self.world.graph.resources.get(at)
        filed: Mapping[str, str] = resource.tags if resource else {}
        if now == seal or (not seal and now == filed.get(TAGS_TAG)):
            return  # a seal that is missing from the very tags of the file tells nothing
        if seal == filed.get(TAGS_TAG, ""):
            fields = tuple(_tag_fields(filed, tags))
            self.tell(at, live.kind, live.name, "tags", "tags were edited", fields)
            return
        text = "tags were edited; which can't be told, because the file's have changed since as well"
        self.tell(at, live.kind, live.name, "tags", text)

    def _own_tags(self, live: LiveObject, tags: Mapping[str, str]) -> Iterator[FieldChange]:
        for key, shape, was in ((ADDRESS_TAG, _ADDRESS, "an address"), (DIGEST_TAG, _DIGEST, _A_DIGEST)):
            value = tags.get(key)
            if value is None or not shape.fullmatch(value):
                yield FieldChange(("Tags", key), was, value)
        value = tags.get(DIGEST_TAG, "")
        if (
            live.kind != "endpoint"
            and _DIGEST.fullmatch(value)
            and STAND_IN_TAG not in tags
            and is_content_addressed(live)
        ):
            suffix = live.name.rpartition("-")[2]
            if not value.startswith(suffix):
                yield FieldChange(("Tags", DIGEST_TAG), f"{suffix}…", value)


def _tag_fields(applied: Mapping[str, str], live: Mapping[str, str]) -> Iterator[FieldChange]:
    for key in sorted({*applied, *live}):
        if key not in UNSEALED_TAGS and not key.lower().startswith("aws:") and applied.get(key) != live.get(key):
            yield FieldChange(("Tags", key), applied.get(key), live.get(key))


def _counted_alike(content: Canonical, like: Canonical) -> Canonical:
    """`content` without the counts that `like` leaves to others."""
    made = dict(content)
    for member in ("ProductionVariants", "ShadowProductionVariants"):
        if member in content and member in like:
            made[member] = {
                name: {key: value for key, value in variant.items() if key != "InitialInstanceCount"}
                if name in like[member] and "InitialInstanceCount" not in like[member][name]
                else variant
                for name, variant in content[member].items()
            }
    return made


__all__ = ["BehindOurBack", "HandMade", "What", "hand_made"]
