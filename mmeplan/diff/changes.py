"""What a difference is made of: `Action`, `Change`, `FieldChange`. Plain frozen data, which the plan document holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, ClassVar, Final, Literal

from mmeplan.graph import Graph
from mmeplan.kinds import is_kind, kind_named
from mmeplan.spec import FilePath


class Action(Enum):
    """What is done to one object. Phases decide by it; `Change.reason` and `.explanation` are for people."""

    NO_OP = "no_op"
    CREATE = "create"
    TAG = "tag"
    """Only tags change."""
    SCALE = "scale"
    """Weights, counts or concurrency change in place (UpdateEndpointWeightsAndCapacities)."""
    UPDATE = "update"
    """The object itself is changed in place, by its kind's own update."""
    SWAP = "swap"
    """The endpoint moves to another config (UpdateEndpoint, blue/green)."""
    WAIT = "wait"
    """SageMaker is at work on what is wanted; the apply waits for it."""
    DELETE = "delete"
    DELETE_THEN_CREATE = "delete_then_create"
    """An endpoint is recreated, because no update leads to what is wanted; or an object is taken off for the length of
    its parent's swap, and put back.
    """
    RENAME = "rename"
    """The endpoint is created under its new physical name, then deleted under the old one."""
    PLACEHOLDER = "placeholder"
    """A config is created under a deleted one's name for the length of a swap, then deleted."""
    FORGET = "forget"
    """The ownership tags are removed; the object stays live."""
    REFUSE = "refuse"
    """Nothing can be done until people decide; `Change.refusal` says why."""
    UNREADABLE = "unreadable"
    """The object could not be read, so nothing is known."""

    def __str__(self) -> str:
        return self.value

    @property
    def creates(self) -> bool:
        """Whether an object is created."""
        return self in (Action.CREATE, Action.DELETE_THEN_CREATE, Action.RENAME, Action.PLACEHOLDER)

    @property
    def deletes(self) -> bool:
        """Whether an object is deleted."""
        return self in (Action.DELETE, Action.DELETE_THEN_CREATE, Action.RENAME, Action.PLACEHOLDER)

    @property
    def leaves_fleet(self) -> bool:
        """Whether the fleet has the object no longer afterwards: it is deleted or forgotten."""
        return self in (Action.DELETE, Action.FORGET)


_WORDS: Final[Mapping[Action, tuple[str, ...]]] = {
    Action.NO_OP: ("no-op",),
    Action.CREATE: ("create",),
    Action.TAG: ("update",),
    Action.SCALE: ("update",),
    Action.UPDATE: ("update",),
    Action.SWAP: ("update",),
    Action.WAIT: ("read",),
    Action.DELETE: ("delete",),
    Action.DELETE_THEN_CREATE: ("delete", "create"),
    Action.RENAME: ("create", "delete"),
    Action.PLACEHOLDER: ("create", "delete"),
    Action.FORGET: ("forget",),
    Action.REFUSE: ("read",),
    Action.UNREADABLE: ("read",),
}
"""The words of the plan document (`actions`) for an action."""

Effect = Literal["none", "create", "in_place", "traffic_shift", "delete", "outage"]

EFFECTS: Final[tuple[Effect, ...]] = ("none", "create", "in_place", "traffic_shift", "delete", "outage")
"""What happens to traffic, from the mildest to the worst."""

Reason = Literal[
    "same",  # nothing differs
    "new",  # nothing of that name is live
    "content_changed",  # new content needs a new object
    "dependency_changed",  # what it refers to changes
    "scale_changed",  # only weights, counts or concurrency: changed in place
    "tags_changed",
    "reused",  # a kept generation has this content already
    "replace_requested",  # --replace
    "rolled_back",  # SageMaker rolled back just this update before
    "unclaimed",  # nothing of the environment needs it, and no environment has claimed it: not deleted
    "in_use",  # nothing of the fleet needs it, but somebody else's endpoint does
    "restored",  # deleted behind our back while in use; made again under its name
    "failed",  # the endpoint is Failed: delete and create is the only way
    "renamed_physically",  # the endpoint's own name changed: an outage
    "hosting_changed",  # real-time to serverless, asynchronous or not: an outage
    "in_progress",  # SageMaker is at work on what we want; wait for it
    "removed",  # left the file
    "superseded",  # an older generation that nothing needs any more
    "retained",  # left the file with on_remove: retain
    "unreadable",
    "conflict",  # exists, and isn't this fleet's
    "pinned",  # new content under a pinned name
    "tampered",  # the name says one content, the object has another
    "unrecoverable",  # SageMaker offers no safe way on; people have to decide
]
"""Why, in one word, for readers of the plan document. Nothing is decided by it."""


class Refusal(Enum):
    """Which promise or rule of SageMaker refuses a change for good."""

    CONFLICT = "conflict"
    """The object exists and isn't this fleet's."""
    CONTENT = "content"
    """The name holds other content: pinned, or made by somebody else."""
    PROTECTED = "protected"
    ROLLED_BACK = "rolled_back"
    """SageMaker rolled back just this update before; `--retry-rolled-back` lifts it."""
    UNRECOVERABLE = "unrecoverable"
    """The endpoint is UpdateRollbackFailed."""
    COMPONENTS = "components"
    """Inference components are placed on the endpoint: SageMaker doesn't delete it."""
    SCALED = "scaled"
    """Something stands in the way of the swap that can't be taken off and put back."""


class Outage(Enum):
    """Why there is no way without an outage."""

    FAILED = "failed"
    """DeleteEndpoint is the only call that SageMaker accepts."""
    HOSTING = "hosting"
    """Real-time to serverless."""
    ASYNC = "async"
    """Asynchronous to real-time or back."""
    RENAMED = "renamed"
    """An endpoint can't be renamed."""


@dataclass(frozen=True, slots=True)
class Location:
    """A place in the fleet file; line and column count from 1, 0 where nothing in the file is meant."""

    file: str = ""
    line: int = 0
    column: int = 0


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One value that differs. None stands for absent.

    `path` is in API members, named items by their name; a plan that was read from its document has none. `field` is
    the dotted name as in the fleet file and `line` its line, filled in where the file is known.
    """

    MEMBERS: ClassVar = ("field", "before", "after", "line")

    path: tuple[str | int, ...]
    before: Any
    after: Any
    field: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class VariantTraffic:
    """A variant's exact share of the traffic (`2/3`) and its instances, before and after ("" and 0: none).

    `instance_type` is `serverless` where it has none. `instance_type_before` is what a variant without instances was
    hosted on, empty where that is the same or nothing was there. `kept`: its count, or provisioned concurrency, is an
    autoscaler's, and stays as it is. `pools` are the instance types of its instance pools, by priority.
    """

    variant: str
    share_before: str = ""
    share_after: str = ""
    instances_before: int = 0
    instances_after: int = 0
    instance_type: str = ""
    instance_type_before: str = ""
    kept: bool = False
    pools: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to one object, and why. docs/plan-format.md has the vocabulary.

    `name` is the physical name that is wanted, `live_name` the one that is live (or goes). `adopts`: the object is
    taken under management, whatever else is done to it. `explanation` is a sentence for people, `notes` are further
    ones. `causes` are addresses whose change makes this one necessary. `fields` are what differs in this object itself.
    `refusal` is empty, or says why this may not be applied and what to do. `references` are addresses that the object
    needs. `tags_before` are the live values of tags that are set or removed, and of all that an object had which is
    made anew, but for mmeplan's bookkeeping. Members that `MEMBERS` leaves out are not in the document: `arn`, `path`
    in the file, `refused`, `outage`,
    and `once`: (endpoint, short digest) of configs that must be on record as having served before this may go.
    """

    MEMBERS: ClassVar = (
        "address",
        "kind",
        "actions",
        "reason",
        "effect",
        "name",
        "explanation",
        "live_name",
        "location",
        "fields",
        "causes",
        "tags_added",
        "tags_removed",
        "notes",
        "rollout",
        "traffic",
        "refusal",
        "references",
        "tags_before",
    )

    address: str
    kind: str
    action: Action
    reason: Reason
    effect: Effect
    name: str
    explanation: str
    live_name: str = ""
    adopts: bool = False
    location: Location = Location()
    fields: tuple[FieldChange, ...] = ()
    causes: tuple[str, ...] = ()
    tags_added: Mapping[str, str] = field(default_factory=dict)
    tags_removed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    rollout: str = ""
    traffic: tuple[VariantTraffic, ...] = ()
    refusal: str = ""
    references: tuple[str, ...] = ()
    tags_before: Mapping[str, str] = field(default_factory=dict)
    arn: str = ""
    path: FilePath = ()
    refused: Refusal | None = None
    outage: Outage | None = None
    once: tuple[tuple[str, str], ...] = ()

    @property
    def actions(self) -> tuple[str, ...]:
        """The document's words for what is done."""
        words = _WORDS[self.action]
        return ("adopt", *(word for word in words if word != "no-op")) if self.adopts else words

    @property
    def is_immutable(self) -> bool:
        """Whether the object's content makes its name, so that it is never changed."""
        return is_kind(self.kind) and kind_named(self.kind).is_immutable

    @property
    def is_swapped(self) -> bool:
        """Whether the object serves traffic, and is changed by a blue/green swap."""
        return is_kind(self.kind) and kind_named(self.kind).is_swapped

    @property
    def is_gathered(self) -> bool:
        """Whether it is many things beneath one place; the explanation counts what is done to them."""
        return is_kind(self.kind) and kind_named(self.kind).is_gathered

    @property
    def is_noop(self) -> bool:
        """Whether nothing at all is done."""
        return self.action is Action.NO_OP and not self.adopts


def action_of(kind: str, actions: tuple[str, ...], effect: str, reason: str) -> Action:
    """The action that a plan document's words stand for. Raises ValueError for words that no mmeplan writes."""
    words = tuple(word for word in actions if word != "adopt") or ("no-op",)
    if words == ("update",):
        in_place = Action.SCALE if kind_named(kind).is_swapped else Action.UPDATE
        return {"traffic_shift": Action.SWAP, "in_place": in_place}.get(effect, Action.TAG)
    if words == ("read",):
        return {"in_progress": Action.WAIT, "unreadable": Action.UNREADABLE}.get(reason, Action.REFUSE)
    if words == ("create", "delete"):
        return Action.PLACEHOLDER if kind_named(kind).is_swapped_to else Action.RENAME
    for action, said in _WORDS.items():
        if said == words:
            return action
    raise ValueError(f"unknown actions {', '.join(actions)}")


def declared_changes(graph: Graph, changes: Iterable[Change]) -> dict[str, Change]:
    """The change of each declared object, by address.

    An address may have more: those of older generations, and of endpoints that were left over under other names.
    """
    resources = graph.resources
    own = (c for c in changes if c.address in resources and c.name == resources[c.address].physical_name)
    return {change.address: change for change in own}


@dataclass(frozen=True, slots=True)
class Drift:
    """A live endpoint that isn't what was applied last, although the file did not ask for it."""

    address: str
    explanation: str
    fields: tuple[FieldChange, ...] = ()


@dataclass(frozen=True, slots=True)
class Difference:
    """The result of `diff`: every change by address (no-ops included), and what drifted.

    `kept` are the physical names of superseded configs that stay for a rollback, newest first, by endpoint address.
    """

    changes: tuple[Change, ...]
    drift: tuple[Drift, ...]
    kept: Mapping[str, tuple[str, ...]]
