"""Drift: what was changed by others since it was applied last.

Live is held against what was *applied last*, never against what the file asks anew. What was applied last is written on
the objects themselves: `mmeplan:digest` of an endpoint is the digest of its meaning, `mmeplan:tags` that of the tags;
models and configs bear their digest in their names. Where the file has changed since, the meaning that was applied can
only be worked out from what is live; drift is claimed when no reading of it gives the applied digest.

Two documents show it. `drift.json` (`manual_changes`) covers every object, its fields go from what was applied to what
is live. The plan's drift section (`plan_drift`) covers contents of endpoints, its fields go the other way: from what is
live to what the file says, as all fields of a plan do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain, combinations
from typing import Any, Final, Literal

from mmeplan.aws.lifecycle import DELETING, FAILED, IN_SERVICE, OUT_OF_SERVICE, UPDATE_ROLLBACK_FAILED, UPDATING
from mmeplan.aws.variants import variants, with_variants
from mmeplan.canonical import Canonical
from mmeplan.diff.changes import Drift, FieldChange
from mmeplan.diff.fields import LEFT_TO_AUTOSCALER, field_changes, is_count, is_scale_only
from mmeplan.diff.inputs import Inputs
from mmeplan.errors import Command
from mmeplan.graph import Graph
from mmeplan.history import is_placeholder
from mmeplan.identity import (
    ADDRESS_TAG,
    DIGEST_CHARS,
    DIGEST_TAG,
    ENVIRONMENT_TAG,
    FLEET_TAG,
    TAGS_TAG,
    UNSEALED_TAGS,
    address,
    digest,
    digest_in,
    digests,
    owner_in,
    tags_digest,
)
from mmeplan.kinds import ENDPOINT, ENDPOINT_CONFIG, MODEL, Resource, is_kind, kind_named, kinds
from mmeplan.kinds.endpoint import meaning, model_stands_for, with_live_desires, without_count
from mmeplan.live import LiveEndpoint, LiveObject, Snapshot, listed_config, live_object, models_of

MOST_OWNERS: Final = 6  # variants with a count: above it not every way to share the counts out is tried

What = Literal["content", "scale", "tags", "ownership", "deleted", "broken", "under_way"]
"""Content swapped; weights or counts changed; tags edited; mmeplan's own tags edited; deleted; not serving as it
should; an update of somebody else under way."""

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_ADDRESS: Final = re.compile(r"([a-z_]+)/[a-zA-Z0-9-]+")
_A_DIGEST: Final = "a digest"


class UnknownSaltError(Exception):
    """A model was applied with a `replace_salt` that the file no longer has: its meaning can't be read."""


# --- what was applied last --------------------------------------------------------------------------------------------


def plan_drift(
    inputs: Inputs,
    endpoint: Resource,
    config: Resource,
    live: LiveEndpoint,
    live_config: LiveObject,
    now: Canonical,
    fields: tuple[FieldChange, ...],
) -> Drift | None:
    """The drift of a live endpoint for the plan: `now` is what it means, `fields` where that differs from the file."""
    applied = live.tag(DIGEST_TAG)
    if applied is None or not fields:
        return None
    as_applied = applied in digests(ENDPOINT.name, now) or (
        bool(inputs.graph.replaced) and _is_as_applied(inputs, applied, config, live, live_config, now)
    )  # a rollback names models, so the same content under another name differs
    if applied == endpoint.digest and not as_applied:
        return Drift(endpoint.address, "live differs from what was applied last; the file did not change", fields)
    if _is_as_applied(inputs, applied, config, live, live_config, now):
        return None
    return Drift(endpoint.address, "live differs from what was applied last, and the file has changed since as well")


def _is_as_applied(
    inputs: Inputs,
    applied: str,
    config: Resource | None,
    live: LiveEndpoint | None,
    live_config: LiveObject,
    now: Canonical | None = None,
) -> bool:
    """Whether some reading of what is live gives the digest that was applied last; also where that can't be known."""
    outside = {"EndpointConfigName": live_config.name}  # where its config lay outside the fleet
    if applied in (*digests(ENDPOINT.name, now or outside), digest(ENDPOINT.name, outside)):
        return True
    models = (inputs.snapshot.model(name) for name in models_of(live_config.describe))
    if any(model is not None and (model.masked or model.status == "absent") for model in models):
        return True
    try:
        return any(applied in digests(ENDPOINT.name, each) for each in _readings(inputs, config, live, live_config))
    except UnknownSaltError:
        return True


def is_applied_with(inputs: Inputs, endpoint: Resource, model: Resource) -> bool:
    """Whether an endpoint that runs on a deleted model was applied with what the file says of that model now.

    Also where it doesn't run on it, or what was applied can't be known.
    """
    live, config = inputs.snapshot.endpoint(endpoint.physical_name), inputs.config_of(endpoint)
    applied = live.tag(DIGEST_TAG) if live is not None else None
    if live is None or applied in (None, endpoint.digest) or model.physical_name not in inputs.models_in(live.config):
        return True
    found = inputs.snapshot.endpoint_config(live.config)
    live_config = found if found is not None and found.is_present else listed_config(live.config)
    restored = live_object(MODEL.name, model.physical_name, "present", tags=model.tags, by_digest=True)
    models = {**inputs.snapshot.objects[MODEL.name], restored.name: restored}
    objects = {**inputs.snapshot.objects, MODEL.name: models}
    as_restored = Inputs(inputs.graph, replace(inputs.snapshot, objects=objects))
    return any(_is_as_applied(as_restored, applied or "", config, counts, live_config) for counts in (live, None))


def _readings(
    inputs: Inputs, config: Resource | None, live: LiveEndpoint | None, live_config: LiveObject
) -> Iterator[Canonical]:
    """What a live config means, read without the file: every model of the fleet by its content.

    With the live counts and weights of the endpoint `live`, where there is one. The file may have begun or ceased to
    say that a count is somebody else's (`capacity: autoscaled`), or a volume's size; so each of those is tried.
    Raises UnknownSaltError.
    """
    return (reading for _, reading in _owned_readings(inputs, config, live, live_config))


def _owned_readings(
    inputs: Inputs, config: Resource | None, live: LiveEndpoint | None, live_config: LiveObject
) -> Iterator[tuple[frozenset[str], Canonical]]:
    """`_readings`, each with the variants whose count it takes for somebody else's. Raises UnknownSaltError."""
    raw = inputs.live_content(live_config)
    aligned = inputs.aligned_content(config, live_config) if config else raw
    tried: list[Canonical] = []
    for content in (aligned, raw, ENDPOINT_CONFIG.aligned({}, raw)):
        if content in tried:
            continue
        tried.append(content)
        desired = with_live_desires(content, live.describe) if live else content
        for autoscaled in _autoscaled(config, desired):
            yield autoscaled, meaning(desired, lambda _path, name: _applied_model(inputs, name), autoscaled)


def owner_notes(
    inputs: Inputs, endpoint: Resource, config: Resource, live: LiveEndpoint, live_config: LiveObject
) -> tuple[str, ...]:
    """A note for each live count that the file gives to an autoscaler, or takes back, since it was applied last."""
    counted = dict(_counts(inputs.serving_content(config, live, live_config)))
    before = owners_before(inputs, endpoint, config, live, live_config) if counted else None
    if before is None:
        return ()
    stays = config.content.get("ProductionVariants", {})
    changed = (name for name in counted if name in stays and (name in before) is not (name in config.counts_of_others))
    return tuple(f"the {counted[name]} is {_whose(config, name)} from now on" for name in changed)


def _whose(config: Resource, variant: str) -> str:
    if variant in config.autoscaled:
        return "an autoscaler's"
    return "left as it is" if variant in config.uncounted else "the file's"


def owners_before(
    inputs: Inputs, endpoint: Resource, config: Resource, live: LiveEndpoint, live_config: LiveObject
) -> frozenset[str] | None:
    """The variants whose count was somebody else's when the endpoint was applied last; None where nobody can tell."""
    applied = live.tag(DIGEST_TAG)
    if applied is None or not _DIGEST.fullmatch(applied):
        return None
    if applied == endpoint.digest:
        return config.counts_of_others
    try:
        readings = (r for counts in (live, None) for r in _owned_readings(inputs, config, counts, live_config))
        return next((owned for owned, reading in readings if digest(ENDPOINT.name, reading) == applied), None)
    except UnknownSaltError:
        return None


def _counts(content: Canonical) -> Iterator[tuple[str, str]]:
    """(variant, `count of main (4)`) of each variant with a count that may be an autoscaler's."""
    for name, variant in content.get("ProductionVariants", {}).items():
        warm = variant.get("ServerlessConfig", {}).get("ProvisionedConcurrency")
        if "InitialInstanceCount" in variant:
            yield name, f"count of {name} ({variant['InitialInstanceCount']})"
        elif warm is not None:
            yield name, f"provisioned concurrency of {name} ({warm})"


def _autoscaled(config: Resource | None, content: Canonical) -> Iterator[frozenset[str]]:
    """The sets of variants whose count may have been an autoscaler's when it was applied, the file's own first."""
    own = config.counts_of_others if config else frozenset()
    wanted = config.content if config else {}
    removed = {name for member, name, _ in variants(content) if name not in wanted.get(member, {})}
    counted = sorted({name for _, name, variant in variants(content) if without_count(variant) != variant})
    sizes = range(len(counted) + 1) if len(counted) <= MOST_OWNERS else (0, len(counted))
    every = (frozenset(some) for some in chain.from_iterable(combinations(counted, size) for size in sizes))
    tried: set[frozenset[str]] = set()
    for names in chain((own, own | removed), every):
        if names & set(counted) not in tried:
            tried.add(names & set(counted))
            yield names


def applied_digest(inputs: Inputs, config: Resource, live_config: LiveObject) -> str:
    """What an endpoint's digest tag holds once it was swapped to a live config that isn't what the file says.

    A later plan of the same file reads the same from what is live, and so finds no drift; where a model's salt is
    unknown it claims none.
    """

    def model_of(_path: tuple[str | int, ...], name: str) -> Any:
        try:
            return _applied_model(inputs, name)
        except UnknownSaltError:
            return name

    content = inputs.aligned_content(config, live_config)
    return digest(ENDPOINT.name, meaning(content, model_of, config.counts_of_others))


def _applied_model(inputs: Inputs, name: str) -> Any:
    """What stands for a live model: its content where it is the fleet's, its name otherwise."""
    live = inputs.snapshot.model(name)
    if live is None or not live.is_present or not (inputs.owns(live) or is_content_addressed(live)):
        return name
    resource = inputs.graph.resources.get(inputs.address_of(live))
    salt = resource.entry.replace_salt if resource else None
    if live.by_digest:
        declared = inputs.graph.declared(MODEL.name, live.name) or resource
        return model_stands_for(declared.content, declared.entry.replace_salt) if declared else name
    content = inputs.aligned_content(resource, live) if resource else MODEL.content(live.describe)
    tagged = live.tag(DIGEST_TAG)
    if tagged is None or tagged == digest(MODEL.name, content):
        return model_stands_for(content, None)
    if salt is not None and tagged == digest(MODEL.name, content, salt):
        return model_stands_for(content, salt)
    raw = MODEL.content(live.describe)
    if tagged == digest(MODEL.name, raw) or digest_in(live.name) != tagged[:DIGEST_CHARS]:
        return model_stands_for(raw, None)  # no salt; or a tag that mmeplan did not put on this model
    raise UnknownSaltError(name)


def is_content_addressed(live: LiveObject) -> bool:
    """Whether a model or config bears a name that mmeplan gave it: `NAME-DIGEST8` of its very content."""
    if live.by_digest or not live.is_present:
        return False
    kind = kind_named(live.kind)
    content = kind.content(live.describe)
    bare = kind.aligned({}, content) if kind.is_swapped_to else content
    return digest_in(live.name) in {
        known[:DIGEST_CHARS] for form in (content, bare) for known in digests(live.kind, form)
    }


# --- every change by others -------------------------------------------------------------------------------------------


def gone_by_others(inputs: Inputs, endpoint: Resource) -> str:
    """What is said of an endpoint that isn't live although its config is, which no other endpoint explains; else empty.

    It was deleted, as far as anybody can tell, or an apply ended between the two. Where endpoints of the file share a
    config, it says nothing certain about any of them.
    """
    config = inputs.config_of(endpoint)
    inline = address(ENDPOINT_CONFIG.name, endpoint.name)
    addresses = {inline, config.address if config else inline}
    found = {live.name for at in addresses for live in inputs.owned_at(ENDPOINT_CONFIG.name, at)}
    shared = shares_config(inputs, endpoint)
    evidence = found - inputs.configs_that_run if found and not shared else found
    if not evidence:
        return ""
    doubt = "; or it is new in the file, and shares that config" if shared else ""
    return (
        f"isn't live, although its config {min(evidence)} is: deleted by others, or an apply ended before it was "
        f"created{doubt}"
    )


def shares_config(inputs: Inputs, endpoint: Resource) -> bool:
    """Whether other endpoints of the file run an endpoint's config, so that it proves nothing about this one."""
    config = inputs.config_of(endpoint)
    return config is not None and len(inputs.graph.dependents(config.address)) > 1


@dataclass(frozen=True, slots=True)
class ManualChange:
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
class ManualChanges:
    """What was found, by address; and `notes`, (address, sentence), on what is worth knowing and no drift."""

    found: tuple[ManualChange, ...]
    notes: tuple[tuple[str, str], ...]


def manual_changes(graph: Graph, snapshot: Snapshot) -> ManualChanges:
    """Everything that was changed by others since it was applied last."""
    finder = _Finder(Inputs(graph, snapshot))
    for endpoint in graph.of_kind(ENDPOINT.name):
        finder.endpoint(endpoint)
    for kind in reversed(kinds()):
        for live in finder.inputs.owned(kind.name):
            finder.tags(live)
    for kind in reversed(kinds()):
        for resource in graph.of_kind(kind.name):
            if kind.is_immutable:
                finder.declared(resource)
            elif kind.is_changed_in_place:
                finder.in_place(resource)
    found = sorted(finder.found.values(), key=lambda change: (change.address, change.name, change.what))
    return ManualChanges(tuple(found), tuple(sorted(finder.notes)))


def in_place_drift(inputs: Inputs, resource: Resource) -> Drift | None:
    """What was changed by others since it was applied: its content isn't what its digest tag says."""
    live = inputs.snapshot.get(resource.kind, resource.physical_name)
    if live is None or not live.is_present or not inputs.owns(live) or live.tag(DIGEST_TAG) is None:
        return None
    now = inputs.aligned_content(resource, live)
    if digest(resource.kind, now) == live.tag(DIGEST_TAG):
        return None
    return Drift(resource.address, "was changed by others since it was applied", field_changes(now, resource.content))


class _Finder:
    """One pass over everything; of each object each kind of change is noted once."""

    def __init__(self, inputs: Inputs) -> None:
        self.inputs = inputs
        self.found: dict[tuple[str, str, What], ManualChange] = {}
        self.notes: list[tuple[str, str]] = []

    def note(
        self, at: str, kind: str, name: str, what: What, explanation: str, fields: tuple[FieldChange, ...] = ()
    ) -> None:
        self.found.setdefault((kind, name, what), ManualChange(at, kind, name, what, explanation, fields))

    # --- endpoints ----------------------------------------------------------------------------------------------------

    def endpoint(self, endpoint: Resource) -> None:
        """Everything about a declared endpoint, but for the tags of what is owned."""
        live = self.inputs.snapshot.endpoint(endpoint.physical_name)
        if live is not None and live.status == "unreadable":
            return
        if live is None or live.status == "absent":
            live = self.inputs.under_another_name(endpoint)
            if live is None:
                self._deleted(endpoint)
                return
        if not self.inputs.owns(live):
            if not self._was_ours(endpoint, live):
                return
            self._disowned(endpoint.address, live)
        status, why = live.endpoint_status, live.failure_reason
        about = (endpoint.address, ENDPOINT.name, live.name)
        if status == DELETING:
            self.note(*about, "deleted", "is being deleted")
            return
        if status in (FAILED, OUT_OF_SERVICE, UPDATE_ROLLBACK_FAILED):
            self.note(*about, "broken", f"is {status}: {why or 'SageMaker gave no reason'}")
        elif status == IN_SERVICE and why:
            self.notes.append((endpoint.address, f"it serves, and SageMaker says of its last operation: {why}"))
        self._under_way(endpoint, live)
        self._runs(endpoint, live)

    def _deleted(self, endpoint: Resource) -> None:
        text = gone_by_others(self.inputs, endpoint)
        if text:
            self.note(endpoint.address, ENDPOINT.name, endpoint.physical_name, "deleted", text)

    def _was_ours(self, endpoint: Resource, live: LiveEndpoint) -> bool:
        """Whether an endpoint without this fleet's tag had it: its other tags say so, or the config that it runs."""
        in_force = self.inputs.snapshot.endpoint_config(live.config)
        readable = in_force if in_force is not None and in_force.is_present else None
        runs_ours = readable is not None and self.inputs.owns(readable)
        if live.tag(FLEET_TAG) is not None:
            return runs_ours
        tagged = live.tag(DIGEST_TAG) is not None or self.inputs.address_of(live) == endpoint.address
        return runs_ours or tagged or (readable is not None and is_content_addressed(readable))

    def _under_way(self, endpoint: Resource, live: LiveEndpoint) -> None:
        pending = live.pending_config
        if live.endpoint_status != UPDATING or pending in ("", live.config):
            return
        if pending == endpoint.request.get("EndpointConfigName"):
            self.notes.append((endpoint.address, f"an update to {pending} is under way, which is what the file says"))
            return
        fields = (FieldChange(("EndpointConfigName",), live.config, pending),)
        text = "an update is under way that the file doesn't ask for"
        self.note(endpoint.address, ENDPOINT.name, live.name, "under_way", text, fields)

    # --- what an endpoint runs ----------------------------------------------------------------------------------------

    def _runs(self, endpoint: Resource, live: LiveEndpoint) -> None:
        applied = live.tag(DIGEST_TAG) or ""
        config = self.inputs.config_of(endpoint)
        live_config = self.inputs.snapshot.endpoint_config(live.config)
        if live_config is None or live_config.status == "unreadable":
            if config is None:
                self._runs_external(endpoint, live, applied)
            return
        if live_config.status == "absent":
            at = config.address if config else endpoint.address
            text = f"is gone, although {endpoint.address} runs on it"
            self.note(at, ENDPOINT_CONFIG.name, live.config, "deleted", text)
            return
        self._models(endpoint, config, live_config)
        if not _DIGEST.fullmatch(applied):
            return
        if config is None:
            if not _is_as_applied(self.inputs, applied, None, live, live_config):
                self._runs_external(endpoint, live, applied)
            return
        now = self.inputs.live_meaning(config, live, live_config)
        file_changed = applied != endpoint.digest or applied in digests(ENDPOINT.name, now)
        if now == self.inputs.graph.meaning(endpoint) or (
            file_changed and _is_as_applied(self.inputs, applied, config, live, live_config, now)
        ):
            return
        before, after = self._before_and_after(endpoint, config, live, live_config, applied, now)
        fields = field_changes(before, after) if before is not None else ()
        if is_scale_only(fields, shadows=True):
            text = "weights, counts or concurrency were changed in place"
            if is_count(fields):
                text += f"; {LEFT_TO_AUTOSCALER}"
            self.note(endpoint.address, ENDPOINT.name, live.name, "scale", text, fields)
            return
        text = f"runs {live_config.name}, which isn't what was applied last{'' if before is not None else _DOUBT}"
        self.note(endpoint.address, ENDPOINT.name, live.name, "content", text, fields)

    def _before_and_after(
        self,
        endpoint: Resource,
        config: Resource,
        live: LiveEndpoint,
        live_config: LiveObject,
        applied: str,
        now: Canonical,
    ) -> tuple[Canonical | None, Canonical]:
        """What was applied last and what is live, in the same terms.

        What was applied is the file where it hasn't changed since, else a config of the fleet that is still there. Of
        the config that runs, live is read in the way in which it gives what was applied.
        """
        if applied == endpoint.digest:
            return self.inputs.graph.meaning(endpoint), now
        for candidate in (live_config, *self.inputs.owned(ENDPOINT_CONFIG.name)):
            try:
                present = list(_readings(self.inputs, config, live, live_config))
                for number, reading in enumerate(_readings(self.inputs, config, None, candidate)):
                    if applied in digests(ENDPOINT.name, reading):
                        alike = number if candidate is live_config and number < len(present) else 0
                        return reading, _counted_alike(present[alike], reading)
            except UnknownSaltError:
                continue
        return None, now

    def _runs_external(self, endpoint: Resource, live: LiveEndpoint, applied: str) -> None:
        """An endpoint whose config lies outside the fleet: it is known by its name alone."""
        if digest(ENDPOINT.name, {"EndpointConfigName": live.config}) == applied or not _DIGEST.fullmatch(applied):
            return
        wanted = endpoint.request.get("EndpointConfigName")
        if live.config == wanted:
            return
        known = applied == endpoint.digest
        fields = (FieldChange(("EndpointConfigName",), wanted, live.config),) if known else ()
        text = f"runs {live.config}, which isn't what was applied last{'' if known else _DOUBT}"
        self.note(endpoint.address, ENDPOINT.name, live.name, "content", text, fields)

    def _models(self, endpoint: Resource, config: Resource | None, live_config: LiveObject) -> None:
        """Models that are gone although an endpoint runs on them."""
        declared = {reference.name: reference.address for reference in config.references} if config else {}
        listed = self.inputs.models_in(live_config.name) if live_config.by_digest else models_of(live_config.describe)
        for name in sorted(set(listed)):
            live = self.inputs.snapshot.model(name)
            if live is not None and live.status == "absent":
                text = f"is gone, although {endpoint.address} runs on it"
                self.note(declared.get(name) or address(MODEL.name, name), MODEL.name, name, "deleted", text)

    def in_place(self, resource: Resource) -> None:
        """A declared object whose content isn't what was applied."""
        drift = in_place_drift(self.inputs, resource)
        if drift is not None:
            self.note(resource.address, resource.kind, resource.physical_name, "content", drift.explanation)

    # --- tags ---------------------------------------------------------------------------------------------------------

    def declared(self, resource: Resource) -> None:
        """A declared model or config under a name that mmeplan gave it, from which the fleet's tag was taken.

        What hasn't the content that its name says was never the fleet's: the plan says so, if it is needed.
        """
        live = self.inputs.snapshot.get(resource.kind, resource.physical_name)
        if live is None or not live.is_present or live.tags is None or FLEET_TAG in live.tags:
            return
        named = not resource.pinned and not resource.entry.adopt and (live.by_digest or is_content_addressed(live))
        if DIGEST_TAG in live.tags or named:
            self._disowned(resource.address, live)

    def _disowned(self, at: str, live: LiveObject) -> None:
        tags: Mapping[str, str] = live.tags or {}
        fields = [FieldChange(("Tags", FLEET_TAG), self.inputs.graph.fleet.name, tags.get(FLEET_TAG))]
        lost = ((key, was) for key, was in ((ADDRESS_TAG, at), (DIGEST_TAG, _A_DIGEST)) if key not in tags)
        fields += [FieldChange(("Tags", key), was, None) for key, was in lost]
        adopt = "write `adopt: true` in its entry and apply"
        text = f"lost the tags by which it belongs to this fleet; to have it back, {adopt}"
        if FLEET_TAG in tags:
            text = f"was given to the fleet {tags[FLEET_TAG]!r}: its tag {FLEET_TAG} was changed"
            text += f"; to have it back, remove that tag, {adopt}"
        owner = owner_in(tags)
        if owner is not None and owner.fleet == self.inputs.graph.fleet.name:
            was = self.inputs.graph.deployment.environment
            fields = [FieldChange(("Tags", ENVIRONMENT_TAG), was or None, owner.environment or None)]
            text = f"belongs to {owner.words} by now: its tag {ENVIRONMENT_TAG} was changed"
            if was:
                text += f"; to have it back, `{Command(('move', at, '--to', was), owner.environment)}`"
        self.note(at, live.kind, live.name, "ownership", text, tuple(fields))

    def tags(self, live: LiveObject) -> None:
        """The tags of an owned object: mmeplan's own, and all others against the seal that was put on them."""
        tags: Mapping[str, str] = live.tags or {}
        at = self.inputs.address_of(live) or address(live.kind, live.name)
        own = tuple(_own_tags(live, tags))
        if own:
            at = at if is_kind(at.partition("/")[0]) and _ADDRESS.fullmatch(at) else address(live.kind, live.name)
            self.note(at, live.kind, live.name, "ownership", "mmeplan's own tags were edited", own)
        tags = self.inputs.graph.fleet.ignore_tags.without(tags)
        now, seal = tags_digest(tags), tags.get(TAGS_TAG, "")
        resource = self.inputs.graph.resources.get(at)
        filed: Mapping[str, str] = resource.tags if resource else {}
        if now == seal or (not seal and now == filed.get(TAGS_TAG)):
            return  # a seal that is missing from the very tags of the file says nothing
        if seal == filed.get(TAGS_TAG, ""):
            self.note(at, live.kind, live.name, "tags", "tags were edited", tuple(_tag_fields(filed, tags)))
            return
        text = "tags were edited; which can't be told, because the file's have changed since as well"
        self.note(at, live.kind, live.name, "tags", text)


_DOUBT: Final = "; what it was can't be told, because the file has changed since as well"


def _own_tags(live: LiveObject, tags: Mapping[str, str]) -> Iterator[FieldChange]:
    for key, shape, was in ((ADDRESS_TAG, _ADDRESS, "an address"), (DIGEST_TAG, _DIGEST, _A_DIGEST)):
        value = tags.get(key)
        if value is None or not shape.fullmatch(value) or (key == ADDRESS_TAG and not is_kind(value.partition("/")[0])):
            yield FieldChange(("Tags", key), was, value)
    value = tags.get(DIGEST_TAG, "")
    if not kind_named(live.kind).is_immutable or not _DIGEST.fullmatch(value) or is_placeholder(live):
        return
    suffix = digest_in(live.name)
    if is_content_addressed(live) and not value.startswith(suffix):
        yield FieldChange(("Tags", DIGEST_TAG), f"{suffix}…", value)


def _tag_fields(applied: Mapping[str, str], live: Mapping[str, str]) -> Iterator[FieldChange]:
    for key in sorted({*applied, *live}):
        if key not in UNSEALED_TAGS and not key.lower().startswith("aws:") and applied.get(key) != live.get(key):
            yield FieldChange(("Tags", key), applied.get(key), live.get(key))


def _counted_alike(content: Canonical, like: Canonical) -> Canonical:
    """`content` without the counts that `like` leaves to others."""

    def counted(member: str, name: str, variant: Canonical) -> Canonical:
        other = like.get(member, {}).get(name)
        return variant if other is None or without_count(other) != other else without_count(variant)

    return with_variants(content, counted)
