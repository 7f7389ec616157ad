"""What a diff is made of: `Change` and `FieldChange`. Plain frozen data; no library type gets out of `diff`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from mmeplan.spec import FilePath

Action = Literal["create", "update", "delete", "read", "no-op", "forget", "adopt"]
Effect = Literal["none", "create", "in_place", "traffic_shift", "delete", "outage"]

EFFECTS: tuple[Effect, ...] = ("none", "create", "in_place", "traffic_shift", "delete", "outage")
"""From the mildest to the worst."""

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
    "in_use",  # nothing of the fleet needs it, but somebody else's endpoint does
    "restored",  # deleted behind our back while in use; made again under its name
    "failed",  # the endpoint is Failed: delete and create is the only way
    "renamed_physically",  # the endpoint's own name changed: an outage
    "hosting_changed",  # real-time to serverless: an outage
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


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One value that differs. None stands for absent. `path` is in API members, named items by their name."""

    path: tuple[str | int, ...]
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to one object, and why.

    `name` is the physical name that is wanted, `live_name` the one that is live (or goes). `explanation` is a sentence
    for people, `notes` are further ones. `causes` are addresses whose change makes this one necessary. `fields` are
    what differs in this object itself. `refusal` is empty, or says why this may not be applied and what to do.
    """

    address: str
    kind: str
    actions: tuple[Action, ...]
    reason: Reason
    effect: Effect
    name: str
    explanation: str
    live_name: str = ""
    arn: str = ""
    path: FilePath = ()
    fields: tuple[FieldChange, ...] = ()
    causes: tuple[str, ...] = ()
    tags_added: Mapping[str, str] = field(default_factory=dict)
    tags_removed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    refusal: str = ""

    @property
    def is_noop(self) -> bool:
        """Whether nothing at all is done."""
        return self.actions == ("no-op",)


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
