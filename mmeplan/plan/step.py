"""`Step`: one API call of an apply, with the guard that must hold right before it and what is waited for after it.

Guards and waits are small frozen classes. A guard is checked against what is live at that moment and decides: already
as wanted → done without a call, which is why resuming needs no bookkeeping; as the plan saw it → the call is made;
anything else → the step stops. SageMaker has no conditional writes for updates, so a window of one call remains; verify
catches what falls into it. For creates the service itself is the guard: names are unique.

The plan document has guards and waits as mappings (docs/plan-format.md); `members`, `guard_of` and `wait_of` translate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Final, Literal, Protocol

from mmeplan.aws.lifecycle import BUSY, CREATING, DELETABLE, DELETING, IN_SERVICE, SYSTEM_UPDATING, UPDATABLE
from mmeplan.canonical import Canonical, canonical, same_number
from mmeplan.history import on_record
from mmeplan.identity import DIGEST_TAG, FLEET_TAG, Deployment, digest, owner_in
from mmeplan.kinds import TAGGING as TAGGINGS
from mmeplan.kinds import Kind, is_delete, kind_named, kind_of_operation, tagging_call, tags_in
from mmeplan.live import COMPONENTS_UNREAD, LiveEndpoint, LiveObject

Desires = Sequence[Mapping[str, Any]]
"""Weights, counts and concurrency by variant, as UpdateEndpointWeightsAndCapacities takes them."""

TAGGING: Final = tuple(operation for tagging in TAGGINGS.values() for operation in (tagging.add, tagging.remove))
"""The calls of steps that are about objects of any kind."""
_LOST: Final = (
    "it carries {}, made since the plan was made, and that would be lost; declare or delete it, and plan again"
)


@dataclass(frozen=True, slots=True)
class Decision:
    """What a guard decided.

    `call`: make it. `done`: nothing to do. `join`: SageMaker is at it already; only wait. `blocked`: the endpoint is
    busy; look again later; `others` says that somebody else keeps it busy. `keep`: what is there stays: a delete that
    must not be made, or what was never taken off. `fail`: stop this step.
    """

    verdict: Literal["call", "done", "join", "blocked", "keep", "fail"]
    detail: str = ""
    others: bool = False


CALL: Final = Decision("call")


class Current(Protocol):
    """What guards read, right before a call. Everything raises CloudError where it can't be read."""

    def endpoint(self, name: str) -> LiveEndpoint | None:
        """The endpoint of that name; None where it doesn't exist."""

    def find(self, kind: str, name: str) -> LiveObject | None:
        """The object of that kind and name; None where it doesn't exist."""

    def tags(self, arn: str) -> Mapping[str, str]:
        """All tags of an object."""

    def carried(self, kind: str, name: str) -> list[str]:
        """What an object carries, in words: it would go with it."""

    def user_of(self, kind: str, name: str, placeholders: Iterable[str]) -> str:
        """An endpoint that needs this config or model; empty for none. The models of `placeholders` are unknown."""

    def component_of(self, kind: str, name: str) -> str | None:
        """An inference component that uses this object; empty for none, None where the caller may not read them."""


class Guard(Protocol):
    """What must hold of an object right before a call."""

    def check(self, current: Current) -> Decision:
        """Decide from what is live right now. Raises CloudError where that can't be read."""

    def members(self) -> dict[str, Any]:
        """The guard as the plan document has it."""


# --- creates --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NameIsFree:
    """Of a model or config that is created. The service refuses a second one of a name, so nothing is read before.

    `salt` is what the digest was taken with besides the content; `pinned`: the file chose the name, not the digest.
    """

    kind: str
    name: str
    digest: str
    salt: str | None = None
    pinned: bool = False

    def check(self, current: Current) -> Decision:
        """Always `call`."""
        return CALL

    def after_exists(self, current: Current) -> Decision:
        """The create was refused because the name exists: is it what is wanted, or somebody else's?"""
        found = current.find(self.kind, self.name)
        if found is None:
            return Decision("blocked", "the service says it exists, and that it doesn't")
        if current.tags(found.arn).get(DIGEST_TAG) == self.digest:
            return Decision("done", "exists with this content already")
        text = f"{self.name} exists and its tags don't say that it has this content"
        return Decision("fail", f"{text}; look who made it, then plan again")

    def members(self) -> dict[str, Any]:
        """The guard as the plan document has it."""
        members: dict[str, Any] = {"absent": self.name, "digest": self.digest}
        members |= {"salt": self.salt} if self.salt is not None else {}
        return {**members, "pinned": True} if self.pinned else members


@dataclass(frozen=True, slots=True)
class EndpointNameIsFree:
    """Of an endpoint that is created. `wait_until_gone`: one of that name was being deleted when the plan was made."""

    name: str
    config: str
    owner: Deployment
    wait_until_gone: bool = False

    def check(self, current: Current) -> Decision:
        """`call`, or what has become of the endpoint that was being deleted."""
        found = current.endpoint(self.name) if self.wait_until_gone else None
        return CALL if found is None else self._existing(found, current)

    def after_exists(self, current: Current) -> Decision:
        """The create was refused because the name exists: is it ours, on its way?"""
        found = current.endpoint(self.name)
        if found is None:
            return Decision("blocked", "the service says it exists, and that it doesn't")
        return self._existing(found, current)

    def _existing(self, found: LiveEndpoint, current: Current) -> Decision:
        status = found.endpoint_status
        if status == DELETING:
            return Decision("blocked", "an endpoint of this name is still being deleted", others=True)
        if found.config == self.config and status in (CREATING, IN_SERVICE):
            if self.owner.owns(current.tags(found.arn)):
                return Decision("join", "is being created already")
            return Decision("fail", "somebody else made an endpoint of this name since the plan was made; plan again")
        return Decision("fail", f"an endpoint of this name exists ({status}) since the plan was made; plan again")

    def members(self) -> dict[str, Any]:
        """The guard as the plan document has it."""
        return {
            "absent": self.name,
            "config": self.config,
            **_owner_members(self.owner),
            "wait_until_gone": self.wait_until_gone,
        }


# --- tags -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TagsOwnedBy:
    """Of tags that are set (`adds`) or removed (`removes`): the object is still the owner's, or nobody's (`owner` is
    None). `config`, if given: what is written is true only while the endpoint runs this config.
    """

    kind: str
    name: str
    arn: str
    owner: Deployment | None
    config: str = ""
    adds: Mapping[str, str] = field(default_factory=dict)
    removes: tuple[str, ...] = ()

    def check(self, current: Current) -> Decision:
        """`done` where the tags are as wanted already, `fail` where the object is somebody else's by now."""
        if self.config:
            found = current.endpoint(self.name)
            if found is None or found.config != self.config:
                runs = (found.config if found else "") or "nothing"
                text = f"the endpoint {self.name} runs {runs} by now, not {self.config}"
                return Decision("fail", f"{text}: somebody else changed it, or another apply; plan again")
        now = current.tags(self.arn)
        holder = owner_in(now)
        if self.owner is not None and not self.owner.may_change(now) and not self._is_forgotten(now):
            if holder is not None and holder.fleet == self.owner.fleet:
                return Decision("fail", f"it belongs to {holder.words} by now")
            tag = f"{FLEET_TAG}={self.owner.fleet}"
            return Decision("fail", f"it no longer carries the tag {tag}; somebody took it over")
        if self.owner is None and holder is not None and holder != owner_in(self.adds):
            return Decision("fail", f"it belongs to {holder.words} by now")
        if self.adds:
            as_wanted = all(now.get(key) == value for key, value in self.adds.items())
            return Decision("done", "the tags are as wanted already") if as_wanted else CALL
        return CALL if any(key in now for key in self.removes) else Decision("done", "the tags are gone already")

    def _is_forgotten(self, now: Mapping[str, str]) -> bool:
        """A `forget` that was interrupted has removed the ownership tag before the others."""
        return FLEET_TAG in self.removes and FLEET_TAG not in now

    def members(self) -> dict[str, Any]:
        """The guard as the plan document has it."""
        members = {"kind": self.kind, "name": self.name, **_owner_members(self.owner)}
        return {**members, "config": self.config} if self.config else members


@dataclass(frozen=True, slots=True)
class OnceInForce:
    """Of tags that are true only if the update under way when the plan was made comes into force: of `config`."""

    endpoint: str
    arn: str
    owner: Deployment
    config: str
    adds: Mapping[str, str] = field(default_factory=dict)

    def check(self, current: Current) -> Decision:
        """`blocked` until it is over; `keep` what the tags say where it came to nothing."""
        found = current.endpoint(self.endpoint)
        if found is not None and found.endpoint_status in BUSY:
            return Decision("blocked", f"is {found.endpoint_status}; written down once that is over", others=True)
        if found is None or found.config != self.config:
            return Decision("keep", f"the update to {self.config} came to nothing, so it hasn't served")
        return TagsOwnedBy("endpoint", self.endpoint, self.arn, self.owner, self.config, self.adds).check(current)

    def members(self) -> dict[str, Any]:
        """The guard as the plan document has it."""
        return {"endpoint": self.endpoint, **_owner_members(self.owner), "in_force": self.config}


# --- deletes --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Unreferenced:
    """Of a model or config that is deleted: it is the fleet's, and no live endpoint and no inference component of the
    account needs it.

    `placeholders` are configs that took the names of others: which models their endpoints run is unknown. `once` are
    (endpoint, short digest) of configs that were on their way when the plan was made, and that supersede it.
    """

    kind: str
    name: str
    owner: Deployment
    placeholders: tuple[str, ...] = ()
    once: tuple[tuple[str, str], ...] = ()

    def check(self, current: Current) -> Decision:
        """`keep` where it is somebody else's or in use, or what supersedes it hasn't served."""
        found = current.find(self.kind, self.name)
        if found is None:
            return Decision("done", "is gone already")
        if not self.owner.owns(current.tags(found.arn)):
            return Decision("keep", f"{self.name} doesn't carry this fleet's tag any more")
        for endpoint, short in self.once:
            superseded = current.endpoint(endpoint)
            if superseded is None or not on_record(current.tags(superseded.arn), short):
                text = f"no record says that the update of {endpoint} that was under way came into force"
                return Decision("keep", f"{text}: {self.name} stays for a rollback")
        user = current.user_of(self.kind, self.name, self.placeholders)
        if user:
            return Decision("keep", f"{self.name} is still used by the endpoint {user}")
        component = current.component_of(self.kind, self.name)
        if component is None:
            return Decision("keep", f"whether an inference component uses {self.name} {COMPONENTS_UNREAD}")
        text = f"{self.name} is still used by the inference component {component}"
        return Decision("keep", text) if component else CALL

    def members(self) -> dict[str, Any]:
        """The guard as the plan document has it."""
        members: dict[str, Any] = {**_owner_members(self.owner), "unreferenced": self.name}
        members |= {"stand_ins": list(self.placeholders)} if self.placeholders else {}
        return {**members, "once": [list(pair) for pair in self.once]} if self.once else members


@dataclass(frozen=True, slots=True)
class EndpointAsPlanned:
    """Of an endpoint that is deleted: it is the fleet's, and the one that the plan saw (`created_at`, ISO 8601)."""

    endpoint: str
    owner: Deployment
    created_at: str = ""

    def check(self, current: Current) -> Decision:
        """`done` where it is gone already."""
        found = current.endpoint(self.endpoint)
        if found is None:
            return Decision("done", "is gone already")
        if self.created_at and found.created_at != self.created_at:
            return Decision("fail", "somebody made this endpoint anew since the plan was made; plan again")
        if found.endpoint_status == DELETING:
            return Decision("join", "is being deleted already")
        if found.endpoint_status not in DELETABLE:
            return Decision("blocked", f"is {found.endpoint_status}; deleted once that is over", others=True)
        return CALL if self.owner.owns(current.tags(found.arn)) else _not_ours(found)

    def members(self) -> dict[str, Any]:
        """The guard as the plan document has it."""
        return {"endpoint": self.endpoint, **_owner_members(self.owner), "created_at": self.created_at}


# --- updates --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RunsConfig:
    """Of an endpoint that is swapped to the config `wanted`: it runs `config`, or what an update that was under way
    when the plan was made (`pending`) has left. `desired` is what the file says of weights and counts.
    """

    endpoint: str
    config: str
    pending: str
    owner: Deployment
    wanted: str
    desired: Desires = ()

    def check(self, current: Current) -> Decision:
        """`done` where it runs the config already, `join` where an update to it is under way."""
        return _checked(self.endpoint, self.owner, self._of, current)

    def _of(self, found: LiveEndpoint) -> Decision:
        status = found.endpoint_status
        if status in BUSY:
            if found.pending_config == self.wanted and status != SYSTEM_UPDATING:
                return Decision("join", "the update is under way already")
            return Decision("blocked", f"is {status}; updated once that is over", others=True)
        if status not in UPDATABLE:
            why = found.failure_reason or "no reason given"
            return Decision("fail", f"the endpoint is {status} ({why}); plan again")
        if found.config == self.wanted:
            if desires_met(self.desired, found):
                return Decision("done", f"runs {self.wanted} already")
            return CALL  # somebody's update was under way and came to nothing: counts or weights aren't the file's
        if self.pending == self.wanted:
            why = found.failure_reason or "SageMaker gave no reason"
            text = f"SageMaker rolled the update of {found.name} to {self.wanted}, which was under way, back"
            return Decision("fail", f"{text} ({why}); it serves by {found.config}. Plan again")
        if found.config in (self.config, self.pending):
            return CALL  # as the plan saw it, or as the update that it saw under way has left it
        text = f"the endpoint runs {found.config}, neither what the plan saw ({self.config}) nor what it wants"
        return Decision("fail", f"{text}; plan again")

    def members(self) -> dict[str, Any]:
        """The guard as the plan document has it."""
        return {
            "endpoint": self.endpoint,
            "config": self.config,
            "pending": self.pending,
            **_owner_members(self.owner),
            "desired": self.desired,
        }


@dataclass(frozen=True, slots=True)
class DesiresAsSeen:
    """Of an endpoint whose weights, counts or concurrency are changed in place to `wanted`.

    It runs `config`; the variants are `before`, by name, as the plan saw them; and `holds` is so by then.
    """

    endpoint: str
    config: str
    owner: Deployment
    wanted: Desires = ()
    before: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    holds: Desires = ()

    def check(self, current: Current) -> Decision:
        """`done` where they are as wanted already, `join` where SageMaker is at it."""
        return _checked(self.endpoint, self.owner, self._of, current)

    def _of(self, found: LiveEndpoint) -> Decision:
        status = found.endpoint_status
        if status in BUSY and found.pending_config == self.config != found.config:
            return Decision("blocked", f"is {status}; changed once that is over", others=True)
        if found.config != self.config:
            return Decision("fail", f"the endpoint runs {found.config} by now, not {self.config}; plan again")
        as_wanted = desires_met(self.wanted, found)
        if status in BUSY:
            if as_wanted and status != SYSTEM_UPDATING:
                return Decision("join", "the change is under way already")
            return Decision("blocked", f"is {status}; changed once that is over", others=True)
        if status not in UPDATABLE:
            return Decision("fail", f"the endpoint is {status}; plan again")
        if as_wanted:
            return Decision("done", "is as wanted already")
        before = ({"VariantName": name, **values} for name, values in self.before.items())
        if desires_met([*before, *known_desires(self.holds, found)], found):
            return CALL
        return Decision("fail", "counts or weights were changed since the plan was made; plan again")

    def members(self) -> dict[str, Any]:
        """The guard as the plan document has it."""
        members: dict[str, Any] = {"endpoint": self.endpoint, "config": self.config, **_owner_members(self.owner)}
        members |= {"before": self.before} if self.before else {}
        return {**members, "holds": self.holds} if self.holds else members


def _checked(name: str, owner: Deployment, decide: Callable[[LiveEndpoint], Decision], current: Current) -> Decision:
    """What is decided of an endpoint that is to be updated; a call only where it is the fleet's."""
    found = current.endpoint(name)
    if found is None:
        return Decision("fail", f"the endpoint {name} is gone")
    decision = decide(found)
    return decision if decision.verdict != "call" else _if_owned(found, owner, current)


def _if_owned(found: LiveEndpoint, owner: Deployment, current: Current) -> Decision:
    return CALL if owner.may_change(current.tags(found.arn)) else _not_ours(found)


def _not_ours(found: LiveEndpoint) -> Decision:
    return Decision("fail", f"the endpoint {found.name} doesn't carry this fleet's tags any more; it is left alone")


def known_desires(wanted: Desires, found: LiveEndpoint) -> Iterator[Mapping[str, Any]]:
    """What is wanted, without weights and counts that Describe doesn't say of a variant that is there."""
    variants = {variant.name: variant for variant in (*found.shadow_variants, *found.variants)}
    for item in wanted:
        now = variants.get(item["VariantName"])
        if now is None:
            yield item
            continue
        unknown = {"DesiredWeight"} if now.desired_weight is None else set()
        unknown |= {"DesiredInstanceCount"} if now.desired_count is None else set()
        yield {member: value for member, value in item.items() if member not in unknown}


def desires_met(wanted: Desires, found: LiveEndpoint) -> bool:
    """Whether the endpoint's desired weights, counts and concurrency are these (weights compared as float32)."""
    variants = {variant.name: variant for variant in (*found.shadow_variants, *found.variants)}
    for item in wanted:
        now = variants.get(item["VariantName"])
        if now is None:
            return False
        for member, value in (("DesiredWeight", now.desired_weight), ("DesiredInstanceCount", now.desired_count)):
            if member in item and same_number(float(item[member])) != same_number(float(value or 0)):
                return False
        serverless = now.desired_serverless or {}
        if any(serverless.get(key) != value for key, value in item.get("ServerlessUpdateConfig", {}).items()):
            return False
    return True


@dataclass(frozen=True, slots=True)
class AsSeen:
    """Of an object that is changed in place: it is as the plan saw it (`seen`), and the owner's.

    `seen` is the digest of its content, empty where it wasn't there. `wanted` is the content that it is to have; None
    for a delete. `alone`: a delete is made only where it carries nothing, which would be lost with it.
    """

    kind: str
    name: str
    owner: Deployment
    seen: str = ""
    wanted: Canonical | None = None
    alone: bool = False

    def check(self, current: Current) -> Decision:
        """`done` where it is as wanted already, `fail` where somebody else changed it or took it over."""
        kind, found = kind_named(self.kind), current.find(self.kind, self.name)
        if found is None:
            if self.wanted is None:
                return Decision("done", "is gone already")
            if self.seen:
                return Decision("fail", f"the {kind.words} {self.name} is gone; plan again")
            return CALL if kind.is_tagged or not kind.parent else self._if_owned(kind, found, current)
        now = kind.content(found.describe)
        if self.wanted is not None and kind.aligned(self.wanted, now) == self.wanted:
            owned = self._if_owned(kind, found, current)
            return Decision("done", "is as wanted already") if owned == CALL else owned
        if digest(self.kind, now) != self.seen:
            what = "was changed" if self.seen else "was made by somebody else"
            return Decision("fail", f"the {kind.words} {self.name} {what} since the plan was made; plan again")
        if self.alone and (carried := current.carried(self.kind, self.name)):
            return Decision("fail", _LOST.format(", ".join(carried)))
        return self._if_owned(kind, found, current)

    def _if_owned(self, kind: Kind, found: LiveObject | None, current: Current) -> Decision:
        """A call where the object is the owner's; what can't be tagged is its parent's, whether it is there or not."""
        of, name, holder = kind, self.name, found
        while not of.is_tagged:
            of, name = kind_named(of.parent), of.parent_in(name)
            holder = current.find(of.name, name)
        if holder is None:
            return Decision("fail", f"the {of.words} {name} is gone; plan again")
        text = f"the {of.words} {holder.name} doesn't carry this fleet's tags any more; it is left alone"
        return CALL if self.owner.may_change(current.tags(holder.arn)) else Decision("fail", text)

    def after_exists(self, current: Current) -> Decision:
        """The create was refused because the name exists: is it what is wanted, or somebody else's?"""
        return self.check(current)

    def members(self) -> dict[str, Any]:
        """The guard as the plan document has it."""
        members = {"kind": self.kind, "name": self.name, **_owner_members(self.owner), "seen": self.seen}
        return {**members, "alone": True} if self.alone else members


@dataclass(frozen=True, slots=True)
class TakenOff:
    """Of an object that is deleted for the length of a swap of `endpoint` to `config`: as the plan saw it, the owner's,
    and nothing but `carries` would go with it. It waits for the endpoint to accept the swap.
    """

    object: AsSeen
    endpoint: str
    config: str
    carries: tuple[str, ...] = ()

    def check(self, current: Current) -> Decision:
        """`done` where the swap is under way or over, so that nothing is to be taken off."""
        found = current.endpoint(self.endpoint)
        if found is None:
            return Decision("fail", f"the endpoint {self.endpoint} is gone")
        status = found.endpoint_status
        if status in BUSY:
            if found.pending_config == self.config and status != SYSTEM_UPDATING:
                return Decision("done", "the update is under way already")
            return Decision("blocked", f"is {status}; taken off once that is over", others=True)
        if found.config == self.config:
            return Decision("done", f"{self.endpoint} runs {self.config} already")
        decision = self.object.check(current)
        if decision.verdict != "call":
            return decision
        more = [words for words in current.carried(self.object.kind, self.object.name) if words not in self.carries]
        return Decision("fail", _LOST.format(", ".join(more))) if more else CALL

    @property
    def owner(self) -> Deployment:
        """Whose it must be."""
        return self.object.owner

    def members(self) -> dict[str, Any]:
        """The guard as the plan document has it."""
        members = {**self.object.members(), "endpoint": self.endpoint, "config": self.config}
        return {**members, "carries": list(self.carries)} if self.carries else members


@dataclass(frozen=True, slots=True)
class PutBack:
    """Of an object that is created again after a swap of `endpoint`, however that ended: not while one is under way."""

    object: AsSeen
    endpoint: str
    config: str = ""

    def check(self, current: Current) -> Decision:
        """`keep` where it was not taken off; what others made of its name meanwhile is not the fleet's."""
        found = current.endpoint(self.endpoint)
        if found is None:
            return Decision("fail", f"the endpoint {self.endpoint} is gone")
        if found.endpoint_status in BUSY:
            return Decision("blocked", f"is {found.endpoint_status}; put back once that is over")
        there, kind = current.find(self.object.kind, self.object.name), kind_named(self.object.kind)
        if there is None:
            return replace(self.object, seen="").check(current)
        if self.object.seen and digest(kind.name, kind.content(there.describe)) == self.object.seen:
            return Decision("keep", "was not taken off")
        return self.object.check(current)

    def after_exists(self, current: Current) -> Decision:
        """The create was refused because the name exists: is it what is wanted, or somebody else's?"""
        return self.check(current)

    @property
    def owner(self) -> Deployment:
        """Whose it must be."""
        return self.object.owner

    def members(self) -> dict[str, Any]:
        """The guard as the plan document has it."""
        return {**self.object.members(), "endpoint": self.endpoint, "config": self.config}


# --- waits ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class InService:
    """Until the endpoint is InService on `config` with nothing pending, and with `desired` where that is given."""

    endpoint: str
    config: str
    timeout_s: float
    desired: Desires = ()

    def members(self) -> dict[str, Any]:
        """The wait as the plan document has it."""
        members = {
            "endpoint": self.endpoint,
            "until": "InService",
            "config": self.config,
            "timeout_s": self.timeout_s,
        }
        return {**members, "desired": self.desired} if self.desired else members


@dataclass(frozen=True, slots=True)
class Gone:
    """Until the endpoint doesn't exist."""

    endpoint: str
    timeout_s: float

    def members(self) -> dict[str, Any]:
        """The wait as the plan document has it."""
        return {"endpoint": self.endpoint, "until": "gone", "timeout_s": self.timeout_s}


Wait = InService | Gone


# --- steps ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Step:
    """One API call of the apply, with everything it needs.

    `operation` and `params` are the API's, but for archives: those of a step are rows of `params`. `after` are ids
    of steps that must be done first. `guard` is what must hold of the object right before the call, `wait` what must
    become true after it; None where nothing must. `on_rollback` are the calls that follow where SageMaker rolls this
    update back; `on_request` says of such a call that it is made only where that was asked for (`apply --clean`).
    `anyway`: it follows however the steps in `after` ended.
    """

    MEMBERS: ClassVar = ("id", "address", "operation", "params", "after", "guard", "wait", "effect", "on_rollback")

    id: str
    address: str
    operation: str
    params: Mapping[str, Any]
    after: tuple[str, ...] = ()
    guard: Guard | None = None
    wait: Wait | None = None
    effect: str = "none"
    on_rollback: tuple[Step, ...] = ()
    on_request: bool = False
    anyway: bool = False

    @property
    def comes_last(self) -> bool:
        """Whether it is made once everything else has ended: the delete of a model or config, or of archives."""
        return isinstance(self.guard, Unreferenced) or (self.is_gathered and is_delete(self.operation))

    @property
    def is_gathered(self) -> bool:
        """Whether it is many calls of one kind: `params` has rows then, not the members of an API call."""
        kind = kind_of_operation(self.operation)
        return kind is not None and kind.is_gathered

    @property
    def puts_back(self) -> bool:
        """Whether it puts back what a step before it has taken off: it is made although nothing new is begun."""
        return isinstance(self.guard, PutBack)

    def members(self) -> dict[str, Any]:
        """The step as the plan document has it."""
        return {
            "id": self.id,
            "address": self.address,
            "operation": self.operation,
            "params": self.params,
            "after": self.after,
            "guard": self.guard.members() if self.guard else {},
            "wait": self.wait.members() if self.wait else {},
            "effect": self.effect,
            "on_rollback": [
                {"operation": call.operation, "params": call.params, **({"clean": True} if call.on_request else {})}
                for call in self.on_rollback
            ],
            **({"anyway": True} if self.anyway else {}),
        }


def step_of(item: Mapping[str, Any]) -> Step:
    """A step from its members in the plan document. Raises KeyError, TypeError or AttributeError for a damaged one."""
    params, guard = item["params"], item.get("guard") or {}
    owner = _owner_of(guard)
    follow_ups = (
        follow_up(
            item["id"], item["address"], number, call["operation"], call["params"], owner, bool(call.get("clean"))
        )
        for number, call in enumerate(item.get("on_rollback") or (), start=1)
    )
    return Step(
        item["id"],
        item["address"],
        item["operation"],
        params,
        tuple(item.get("after") or ()),
        guard_of(item["operation"], params, guard),
        wait_of(item.get("wait") or {}),
        item.get("effect", "none"),
        tuple(follow_ups),
        anyway=bool(item.get("anyway")),
    )


def follow_up(
    step_id: str,
    address: str,
    number: int,
    operation: str,
    params: Mapping[str, Any],
    owner: Deployment,
    on_request: bool,
) -> Step:
    """The `number`th call that follows where SageMaker rolls back the update of a step."""
    guard = guard_of(operation, params, _owner_members(owner))
    return Step(f"{step_id}#rolled-back-{number}", address, operation, params, guard=guard, on_request=on_request)


def guard_of(operation: str, params: Mapping[str, Any], members: Mapping[str, Any]) -> Guard | None:
    """The guard of a call, from the document's members and the call's own parameters."""
    owner = _owner_of(members)
    tagging = tagging_call(operation)
    adds = tags_in(params.get("Tags")) if tagging else {}
    if tagging and members.get("in_force"):
        arn, config = str(params[tagging.arn]), str(members["in_force"])
        return OnceInForce(str(members.get("endpoint", "")), arn, owner, config, adds)
    if tagging:
        return TagsOwnedBy(
            str(members.get("kind", "")),
            str(members.get("name", "")),
            str(params[tagging.arn]),
            owner if owner.fleet else None,
            str(members.get("config", "")),
            adds,
            tuple(params.get("TagKeys") or ()),
        )
    kind = kind_of_operation(operation)
    if kind is None:
        raise KeyError(operation)
    if operation == kind.describe_operation or kind.is_gathered:
        return None  # what is gathered is held against what is there key by key, as it is written
    name = kind.name_in(params)
    if kind.is_immutable:
        return _guard_of_immutable(kind, operation, name, owner, members)
    if kind.is_changed_in_place:
        left_out = {*kind.identity_members, "Tags"}
        content = canonical({member: value for member, value in params.items() if member not in left_out})
        own = None if operation == kind.delete_operation else content
        as_seen = AsSeen(kind.name, name, owner, str(members.get("seen", "")), own, bool(members.get("alone")))
        around = (str(members.get("endpoint", "")), str(members.get("config", "")))
        if not around[0]:
            return as_seen
        if own is None:
            return TakenOff(as_seen, *around, tuple(members.get("carries") or ()))
        return PutBack(as_seen, *around)
    if operation == kind.create_operation:
        return EndpointNameIsFree(name, str(members.get("config", "")), owner, bool(members.get("wait_until_gone")))
    if operation == kind.delete_operation:
        return EndpointAsPlanned(name, owner, str(members.get("created_at", "")))
    config, seen = str(members.get("config", "")), tuple(members.get("desired") or ())
    if operation == kind.update_operation:
        pending, wanted = str(members.get("pending", "")), str(params["EndpointConfigName"])
        return RunsConfig(name, config, pending, owner, wanted, seen)
    wanted_desires = tuple(params["DesiredWeightsAndCapacities"])
    before, holds = members.get("before") or {}, tuple(members.get("holds") or ())
    return DesiresAsSeen(name, config, owner, wanted_desires, before, holds)


def _guard_of_immutable(
    kind: Kind, operation: str, name: str, owner: Deployment, members: Mapping[str, Any]
) -> NameIsFree | Unreferenced:
    if operation == kind.create_operation:
        tagged, salt = str(members.get("digest", "")), members.get("salt")
        return NameIsFree(kind.name, name, tagged, salt, bool(members.get("pinned", False)))
    once = tuple((str(endpoint), str(served)) for endpoint, served in members.get("once") or ())
    return Unreferenced(kind.name, name, owner, tuple(members.get("stand_ins") or ()), once)


def _owner_of(members: Mapping[str, Any]) -> Deployment:
    return Deployment(str(members.get("owned_by", "")), str(members.get("environment", "")))


def _owner_members(owner: Deployment | None) -> dict[str, str]:
    """Whose an object must be, as guards have it in the plan document; an environment only where there is one."""
    if owner is None or not owner.environment:
        return {"owned_by": owner.fleet if owner else ""}
    return {"owned_by": owner.fleet, "environment": owner.environment}


def wait_of(members: Mapping[str, Any]) -> Wait | None:
    """The wait from its members in the plan document."""
    if not members:
        return None
    endpoint, timeout_s = str(members["endpoint"]), members["timeout_s"]
    if members["until"] == "gone":
        return Gone(endpoint, timeout_s)
    return InService(endpoint, str(members.get("config", "")), timeout_s, tuple(members.get("desired") or ()))
