"""consistency: a plan held against itself. What a plan shows (changes, summary) and what it does (steps) are one thing.

In: a `Plan`, as it was read. Out: sentences about what contradicts what; none for a plan that mmeplan made. Asked by
everything that reads a plan to show or to apply it. Pure: what is live, and the fleet's files, are looked at elsewhere
(`apply.freshness`, `Engine.recheck`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import PurePosixPath
from typing import Final

from mmeplan.canonical import canonical
from mmeplan.diff import EFFECTS, Action, Change
from mmeplan.history import is_record
from mmeplan.identity import (
    ADDRESS_TAG,
    DIGEST_CHARS,
    DIGEST_TAG,
    ENVIRONMENT_TAG,
    FLEET_TAG,
    ROLLED_BACK_TAG,
    STAND_IN_TAG,
    TAGS_TAG,
    Deployment,
    digest,
    digest_in,
    owner_in,
    tags_digest,
)
from mmeplan.kinds import (
    ENDPOINT,
    is_create,
    is_delete,
    is_kind,
    kind_named,
    kind_of_operation,
    tagging_call,
    tags_in,
)
from mmeplan.kinds import TAGGING as TAGGINGS
from mmeplan.live import kind_and_name
from mmeplan.plan.document import Plan, summary_of, touched
from mmeplan.plan.step import (
    TAGGING,
    AsSeen,
    DesiresAsSeen,
    EndpointAsPlanned,
    EndpointNameIsFree,
    Gone,
    Guard,
    InService,
    NameIsFree,
    OnceInForce,
    PutBack,
    RunsConfig,
    Step,
    TagsOwnedBy,
    TakenOff,
    Unreferenced,
)

_SCALING: Final = "UpdateEndpointWeightsAndCapacities"
_RETAGGED: Final = frozenset({Action.TAG, Action.SCALE, Action.UPDATE, Action.SWAP, Action.WAIT})
_TAGS: Final[Mapping[str, frozenset[Action]]] = {
    **dict.fromkeys((tagging.remove for tagging in TAGGINGS.values()), _RETAGGED | {Action.FORGET}),
    **dict.fromkeys((tagging.add for tagging in TAGGINGS.values()), _RETAGGED | {Action.DELETE_THEN_CREATE}),
}
"""The actions of changes that tags belong to, but for those of an adoption."""

_OWNED: Final = (
    TagsOwnedBy,
    OnceInForce,
    EndpointNameIsFree,
    Unreferenced,
    EndpointAsPlanned,
    RunsConfig,
    DesiresAsSeen,
    AsSeen,
    TakenOff,
    PutBack,
)
"""The guards that say whose the object must be."""

_EFFECTS: Final[Mapping[Action, str]] = {
    Action.CREATE: "create",
    Action.SCALE: "in_place",
    Action.SWAP: "traffic_shift",
    Action.DELETE: "delete",
    Action.DELETE_THEN_CREATE: "outage",
    Action.RENAME: "outage",
}
"""What an action on an endpoint does to traffic; any other does nothing."""

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_OBJECTS: Final = "a model, an endpoint config or an endpoint"


def problems_of(plan: Plan, *, masked: bool = False) -> tuple[str, ...]:
    """What contradicts what in a plan, in sentences; empty for a plan that is consistent. Of a `masked` one the digests
    of what it creates can't be told.
    """
    return tuple(dict.fromkeys(_Look(plan, masked).problems()))


def _only_read(plan: Plan) -> bool:
    return plan.options.speculative or plan.options.is_behind


class _Look:
    """One look at one plan. `is_first`: of format 1.0, which left out what later plans say of digests and guards."""

    def __init__(self, plan: Plan, masked: bool) -> None:
        self.plan = plan
        self.masked = masked
        self.is_first = plan.format_version == "1.0"
        self.ids = {step.id: step for step in plan.steps}

    def problems(self) -> Iterator[str]:
        """Every contradiction."""
        yield from self._facts()
        yield from self._sources()
        yield from self._fingerprints()
        yield from self._order()
        for change in self.plan.changes:
            yield from (f"{change.address}: {text}" for text in self._change(change))
        for step in self.plan.steps:
            yield from (f"the step {step.id}: {text}" for text in self._step(step))

    # --- what is said of the whole ------------------------------------------------------------------------------------

    def _facts(self) -> Iterator[str]:
        plan = self.plan
        if all(change.effect in EFFECTS for change in plan.changes):
            summary = summary_of(plan.changes)
            for name in ("create", "update", "delete", "noop", "worst_effect"):
                said, is_so = getattr(plan.summary, name), getattr(summary, name)
                if said != is_so:
                    yield f"its summary says {said!r} for {name!r}, and its changes say {is_so!r}"
        refusals = [change.address for change in plan.changes if change.refusal]
        if refusals and not plan.refused:
            yield f"the change of {refusals[0]} is refused, and no finding says so"
        if plan.applyable != (bool(plan.steps) and not plan.refused and not _only_read(plan)):
            why = "its steps, findings and options say the opposite"
            yield f"it says that it is {'' if plan.applyable else 'not '}applyable, and {why}"
        if plan.complete != (not plan.errored and not plan.options.targets):
            yield f"it says that it is {'' if plan.complete else 'not '}complete, and its options say the opposite"
        if plan.errored != plan.errored | any(change.action is Action.UNREADABLE for change in plan.changes):
            yield "it says that everything could be read, and one of its changes says the opposite"
        capacity = plan.capacity
        if capacity is None:
            return
        if capacity.parallelism != plan.options.parallelism:
            yield "its instances are counted for another parallelism than that of its options"
        rows = [(row.now, row.after, row.peak) for row in capacity.types]
        rows += [(row.now, row.after, row.peak) for row in capacity.reservations]
        for now, after, peak in rows:
            if min(now, after) < 0 or peak < max(now, after):
                yield "its capacity has a peak that is lower than what is there before or after"

    def _sources(self) -> Iterator[str]:
        if not self.plan.source:
            yield "it doesn't say of which file it is"
        for index, source in enumerate(self.plan.source):
            path = PurePosixPath(source.path)
            if not source.path or "\0" in source.path:
                yield f"{source.path!r} can't be the path of a fleet file"
            elif index and path.is_absolute():  # how far up a file may lie is known where it is read
                yield f"{source.path} isn't the path of a file from the folder of {self.plan.source[0].path} on"

    def _fingerprints(self) -> Iterator[str]:
        known = self.plan.snapshot.fingerprints
        for kind, name in sorted(touched(self.plan.changes)):
            if not known.get(f"{kind}/{name}"):
                yield f"it has no fingerprint of the {_words(kind)} {name}, by which a change of it since would be seen"

    def _order(self) -> Iterator[str]:
        steps = self.plan.steps
        before: set[str] = set()
        for step in steps:
            for needed in sorted({*step.after} - before):
                why = "stands behind it" if needed in self.ids else "isn't there"
                yield f"the step {step.id} waits for {needed}, which {why}"
            before.add(step.id)
        if len(before) != len(steps):
            yield "two of its steps have the same id"
        once: set[tuple[str, str, str]] = set()
        for step in steps:
            if step.operation not in (*TAGGING, _SCALING):
                call = (step.operation, *object_of(step))
                if call in once:
                    yield f"two of its steps are {step.operation} of {call[2]}"
                once.add(call)

    # --- changes ------------------------------------------------------------------------------------------------------

    def _change(self, change: Change) -> Iterator[str]:
        if not is_kind(change.kind):
            yield f"there is no kind {change.kind!r}"
            return
        effect = _effect(change)
        recreates = change.action is Action.DELETE_THEN_CREATE and change.effect == "create"  # it doesn't serve
        if change.effect != effect and not recreates:
            yield f"what is done to it has the effect {effect!r}, and it says {change.effect!r}"
        allowed = change.address in self.plan.options.allow_outage
        if change.effect == "outage" and not allowed and not self.plan.refused:
            yield "an outage that --allow-outage doesn't allow, and no finding refuses it"
        added = change.tags_added
        whose = owner_in({**self.plan.deployment.tags, **added})
        if (change.tags_added.keys() & {FLEET_TAG, ENVIRONMENT_TAG}) and whose != self.plan.deployment:
            yield "its tags would make it another deployment's"
        if added.get(ADDRESS_TAG, change.address) != change.address:
            yield f"its tags would make it {added[ADDRESS_TAG]}"
        taken = {FLEET_TAG, ENVIRONMENT_TAG} & {*change.tags_removed}
        if taken and change.action is not Action.FORGET:
            yield "it stays in the fleet, and the fleet's tags are removed from it"
        if change.refusal:
            return
        done = {step.operation for step in self._steps_of(change)}
        for operation in _required(change):
            if operation not in done:
                yield f"it says {', '.join(change.actions)}, and no step is {operation} of {_target(operation, change)}"
        if change.action is Action.UPDATE and kind_named(change.kind).is_gathered and not done:
            yield f"it says {', '.join(change.actions)}, and no step writes, publishes or prunes anything"
        yield from self._all_tags(change)

    def _all_tags(self, change: Change) -> Iterator[str]:
        if change.action.deletes or change.action is Action.CREATE:
            return
        steps = self._steps_of(change)
        about = [step for step in steps if step.operation in TAGGING]
        added = {key for step in about for key in _tags(step)}
        removed = {key for step in about for key in step.params.get("TagKeys") or ()}
        left = sorted((change.tags_added.keys() - added) | ({*change.tags_removed} - removed))
        if left:
            yield f"no step sets or removes the tags that it names: {', '.join(left)}"

    @cached_property
    def _by_object(self) -> Mapping[tuple[str, str, str], list[Step]]:
        """Steps by the address, the kind and the name (in lower case) of what they are about."""
        found: dict[tuple[str, str, str], list[Step]] = {}
        for step in self.plan.steps:
            kind, name = object_of(step)
            found.setdefault((step.address, kind, name.lower()), []).append(step)
        return found

    @cached_property
    def _changes(self) -> Mapping[tuple[str, str], list[Change]]:
        found: dict[tuple[str, str], list[Change]] = {}
        for change in self.plan.changes:
            found.setdefault((change.address, change.kind), []).append(change)
        return found

    @cached_property
    def _created(self) -> Mapping[tuple[str, str], str]:
        """(Kind, name) of what is created → the id of the step that does."""
        return {object_of(step): step.id for step in self.plan.steps if is_create(step.operation)}

    def _steps_of(self, change: Change) -> list[Step]:
        names = dict.fromkeys(name.lower() for name in (change.name, change.live_name) if name)
        return [step for name in names for step in self._by_object.get((change.address, change.kind, name), ())]

    # --- steps --------------------------------------------------------------------------------------------------------

    def _step(self, step: Step) -> Iterator[str]:
        kind, name = object_of(step)
        fitting = [change for change in self._changes.get((step.address, kind), ()) if _fits(step, name, change)]
        if not fitting:
            yield f"no change of {step.address} says that {step.operation} is called for {name or 'this object'}"
            return
        yield from self._guard(step, fitting[0], name)
        yield from self._wait(step, name)
        if step.operation in TAGGING:
            yield from self._arn(_arn_in(step), kind)
            yield from self._tagging(step, fitting)
        elif is_create(step.operation) and kind_named(kind).is_tagged and fitting[0].action.creates:
            yield from self._tags_of_created(step)
        yield from self._content(step, fitting[0], kind, name)
        yield from self._ready(step)
        yield from self._on_rollback(step)
        effects = {"none", "in_place" if step.operation == _SCALING else fitting[0].effect}
        if step.effect not in effects:
            yield f"its effect is {step.effect!r}, and its change says {fitting[0].effect!r}"

    def _guard(self, step: Step, change: Change, name: str) -> Iterator[str]:
        guard = step.guard
        if isinstance(guard, (TagsOwnedBy, OnceInForce)):
            named = guard.name if isinstance(guard, TagsOwnedBy) else guard.endpoint
            kind = guard.kind if isinstance(guard, TagsOwnedBy) else ENDPOINT.name
            if (kind, named.lower()) != (change.kind, name.lower()):
                yield f"its guard is of {_words(kind)} {named!r}, and it tags the {_words(change.kind)} {name}"
        yield from self._owner(guard, change)
        said = Deployment(str(step.params.get("Fleet", "")), str(step.params.get("Environment", "")))
        if step.is_gathered and said != self.plan.deployment:
            yield f"it writes for {said.words}, and the plan is of {self.plan.deployment.words}"
        if isinstance(guard, EndpointAsPlanned) and not guard.created_at and not self.is_first:
            yield "its guard doesn't say which endpoint of that name was seen"
        if isinstance(guard, (RunsConfig, DesiresAsSeen)) and not guard.config:
            yield "its guard doesn't say which config the endpoint must run"
        if isinstance(guard, EndpointNameIsFree) and guard.config != step.params["EndpointConfigName"]:
            yield "its guard is about another config than the one that the endpoint is created with"
        if isinstance(guard, Unreferenced) and not kind_named(guard.kind).is_swapped_to:
            made = {c.name for c in self.plan.changes if c.action is Action.PLACEHOLDER and not c.refusal}
            if made - set(guard.placeholders):
                yield "its guard leaves out configs that stand in for others, and may refer to it"

    def _owner(self, guard: Guard | None, change: Change) -> Iterator[str]:
        """Whose the object must be: the plan's deployment's; of what is adopted, nobody's until it is tagged."""
        owner = self.plan.deployment
        if guard is None or isinstance(guard, NameIsFree):
            return
        if isinstance(guard, TagsOwnedBy) and guard.owner is None:
            if not change.adopts or owner_in(guard.adds) != owner:
                yield "its guard doesn't say whose the object must be"
        elif isinstance(guard, _OWNED) and guard.owner != owner:
            whose = guard.owner.words if guard.owner and guard.owner.fleet else "nobody's"
            yield f"its guard says that the object must be {whose}, and the plan is of {owner.words}"

    def _wait(self, step: Step, name: str) -> Iterator[str]:
        wait, wanted = step.wait, step.params.get("EndpointConfigName")
        of = kind_of_operation(step.operation)
        if of is not None and of.is_swapped:
            expected: type | None = Gone if step.operation == of.delete_operation else InService
        else:
            expected = InService if isinstance(step.guard, (OnceInForce, TakenOff, PutBack)) else None
        if expected is None and wait is not None:
            yield "it waits for an endpoint, and nothing is done to one"
        elif expected is not None and not isinstance(wait, expected):
            yield "it doesn't wait until what it does has come to an end"
        if wait is None:
            return
        around = step.guard.endpoint if isinstance(step.guard, (TakenOff, PutBack)) else name
        if wait.endpoint.lower() != around.lower():
            yield f"it waits for the endpoint {wait.endpoint}, and is about {name}"
        if not wait.timeout_s > 0:
            yield "it waits for no time"
        if isinstance(wait, InService):
            guard = step.guard
            due = guard.config if isinstance(guard, (DesiresAsSeen, OnceInForce, TakenOff, PutBack)) else wanted
            if due and wait.config != due:
                yield f"it waits for the config {wait.config or 'of any name'}, and leads to {due}"

    def _arn(self, arn: str, kind: str) -> Iterator[str]:
        parts = arn.lower().split(":")
        account, region = self.plan.account, self.plan.region
        if len(parts) != 6 or parts[0] != "arn" or not kind or parts[2] != kind_named(kind).service:
            what = kind_named(kind).a_noun if kind and not kind_named(kind).arn_has_name else _OBJECTS
            yield f"{arn} is not the ARN of {what}"
        elif parts[4] != account:
            yield f"{arn} is in the account {parts[4]}, and the plan is for {account}"
        elif parts[3] != region.lower():
            yield f"{arn} is in the region {parts[3]}, and the plan is for {region}"

    def _tagging(self, step: Step, changes: list[Change]) -> Iterator[str]:
        if "TagKeys" in step.params:
            named = {key for change in changes for key in change.tags_removed}
            more = sorted(set(step.params["TagKeys"]) - named)
        else:
            claimed = any(change.action is Action.DELETE_THEN_CREATE for change in changes)
            claims = {ENVIRONMENT_TAG: self.plan.environment} if claimed else {}
            said = {**claims, **{key: value for change in changes for key, value in change.tags_added.items()}}
            kept = kind_named(object_of(step)[0]).is_swapped  # it keeps records of what has served it
            tags = {key: value for key, value in _tags(step).items() if not (kept and is_record(key, value))}
            more = sorted(key for key, value in tags.items() if said.get(key) != value)
        if more:
            yield f"no change says that it sets or removes the tags {', '.join(more)}"

    def _tags_of_created(self, step: Step) -> Iterator[str]:
        tags = _tags(step)
        if owner_in(tags) != self.plan.deployment:
            yield f"what it creates doesn't carry the tags of {self.plan.deployment.words}"
        if tags.get(ADDRESS_TAG) != step.address:
            yield f"what it creates is tagged as {tags.get(ADDRESS_TAG)!r}, and is {step.address}"
        if not _DIGEST.fullmatch(tags.get(DIGEST_TAG, "")):
            yield f"what it creates has no digest in its tag {DIGEST_TAG}"
        if tags.get(TAGS_TAG, "") != tags_digest(tags) and not self.is_first:
            yield f"its tag {TAGS_TAG} isn't that of its other tags"

    def _content(self, step: Step, change: Change, kind: str, name: str) -> Iterator[str]:
        """What is created holds what its tag, and its name, say."""
        guard, tagged = step.guard, _tags(step).get(DIGEST_TAG, "")
        if not isinstance(guard, NameIsFree):
            return
        stands_in = change.action is Action.PLACEHOLDER
        if stands_in != (STAND_IN_TAG in _tags(step)):
            yield f"its tag {STAND_IN_TAG} says that it stands in for another config, or it does and has none"
        if guard.digest != tagged:
            yield f"its guard has another digest than its tag {DIGEST_TAG}"
        left_out = {"Tags"} if stands_in else {"Tags", kind_named(kind).name_member}
        content = {member: value for member, value in step.params.items() if member not in left_out}
        if self.is_first:
            return
        if not self.masked and digest(kind, canonical(content), guard.salt) != tagged:
            yield f"what it creates is not what its tag {DIGEST_TAG} says"
        if not (guard.pinned or stands_in) and digest_in(name) != tagged[:DIGEST_CHARS]:
            yield f"the name {name} is not that of a digest {tagged[:DIGEST_CHARS]}"

    def _ready(self, step: Step) -> Iterator[str]:
        """What a step needs is created before it; what must go first has gone."""
        before = {*step.after, *(each for at in step.after if at in self.ids for each in self.ids[at].after)}
        of = kind_of_operation(step.operation)
        for kind, name in of.references(step.params) if of is not None and not is_delete(step.operation) else ():
            made = self._created.get((kind, name))
            if made is not None and made not in before:
                yield f"it doesn't wait until the {_words(kind)} {name} is created"
        if of is None or of.is_gathered or step.operation not in (of.create_operation, of.delete_operation):
            return
        first = {Action.DELETE_THEN_CREATE: of.delete_operation, Action.RENAME: of.create_operation}
        for change in self._changes.get((step.address, of.name), ()):
            operation = first.get(change.action, step.operation)
            if operation != step.operation and _target(step.operation, change) == object_of(step)[1]:
                done = (s.id for s in self._steps_of(change) if s.operation == operation)
                if any(step_id not in step.after for step_id in done):
                    yield f"it doesn't wait for {operation}, which comes first"

    def _on_rollback(self, step: Step) -> Iterator[str]:
        """What follows a rolled-back update: its mark; and on request what was made for it goes."""
        guard = step.guard
        if not isinstance(guard, RunsConfig):
            if step.on_rollback:
                yield "calls follow a rollback of it, and it is no update of an endpoint"
            return
        marks = 0
        for call in step.on_rollback:
            kind, name = object_of(call)
            if call.operation == "AddTags":
                marks += 1
                is_mark = kind_named(kind).is_swapped and name.lower() == guard.endpoint.lower()
                if not is_mark or _tags(call) != {ROLLED_BACK_TAG: guard.wanted} or call.on_request:
                    yield "the tags that follow a rollback of it are not its mark"
                yield from self._arn(_arn_in(call), kind)
            elif call.on_request and isinstance(call.guard, Unreferenced):
                if kind_named(kind).is_swapped_to:
                    if name != guard.wanted:
                        yield f"a rollback of it would delete {name}, and not the config that it leads to"
                elif (kind, name) not in self._created:
                    yield f"a rollback of it would delete the {_words(kind)} {name}, which isn't made for it"
            else:
                yield f"a rollback of it is followed by {call.operation}, which mmeplan never does"
        if guard.config != guard.wanted and marks != 1 and not (self.is_first and not step.on_rollback):
            yield "a rollback of it would not be marked on the endpoint"


# --- of a step and a change -------------------------------------------------------------------------------------------


def object_of(step: Step) -> tuple[str, str]:
    """(Kind, name) of the object that a step is about. Names in ARNs may be lower-cased."""
    kind, guard = kind_of_operation(step.operation), step.guard
    if kind is not None:
        return kind.name, kind.name_in(step.params)
    found = kind_and_name(_arn_in(step))
    if (
        not found[0]
        and isinstance(guard, TagsOwnedBy)
        and is_kind(guard.kind)
        and not kind_named(guard.kind).arn_has_name
    ):
        return guard.kind, guard.name
    return found


def _arn_in(step: Step) -> str:
    """The ARN of what a call tags."""
    tagging = tagging_call(step.operation)
    return str(step.params[tagging.arn]) if tagging else ""


def _target(operation: str, change: Change) -> str:
    """The name of the object of a change that an operation is about."""
    kind = kind_of_operation(operation)
    gone = kind is None or (operation == kind.delete_operation and not kind.is_gathered)
    return change.live_name if gone else change.name


def _fits(step: Step, name: str, change: Change) -> bool:
    """Whether a change says that this call is made, of an object of this name."""
    if change.refusal or _target(step.operation, change).lower() != name.lower():
        return False
    if step.operation not in TAGGING and _target(step.operation, change) != name:
        return False
    return change.action in _actions(step.operation) or (change.adopts and step.operation in TAGGING)


def _actions(operation: str) -> frozenset[Action]:
    """The actions of changes that a call may belong to."""
    kind = kind_of_operation(operation)
    if kind is None:
        return _TAGS[operation]
    if kind.is_gathered:
        return frozenset({Action.UPDATE})
    both = {Action.DELETE_THEN_CREATE, Action.RENAME} if kind.is_swapped else set()
    both |= {Action.PLACEHOLDER} if kind.is_swapped_to else set()
    both |= {Action.DELETE_THEN_CREATE} if kind.is_changed_in_place else set()
    found: set[Action] = {Action.CREATE, *both} if operation == kind.create_operation else set()
    if operation == kind.update_operation:
        found.add(Action.SWAP if kind.is_swapped else Action.UPDATE)
    if operation == kind.delete_operation:
        found |= {Action.DELETE, *both}
    if operation == kind.describe_operation:
        found.add(Action.WAIT)
    return frozenset(found or {Action.SWAP, Action.SCALE})


def _effect(change: Change) -> str:
    """What a change does to traffic."""
    if change.is_swapped:
        return _EFFECTS.get(change.action, "none")
    return "in_place" if change.action is Action.UPDATE else "none"


def _required(change: Change) -> Iterator[str]:
    """The operations without which a change isn't what it says."""
    if kind_named(change.kind).is_gathered:
        return  # one of several will do
    if change.action.creates:
        yield kind_named(change.kind).create_operation
    if change.action.deletes:
        yield kind_named(change.kind).delete_operation
    if change.action in (Action.SWAP, Action.UPDATE):
        yield kind_named(change.kind).update_operation
    if change.action is Action.SCALE:
        yield _SCALING
    if change.action is Action.WAIT:
        yield kind_named(change.kind).describe_operation


def _tags(step: Step) -> dict[str, str]:
    return tags_in(step.params.get("Tags"))


def _words(kind: str) -> str:
    return kind.replace("_", " ")
