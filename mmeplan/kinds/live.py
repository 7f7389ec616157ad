"""`LiveObject`: one object as it was seen. Each kind's file has a class of its own for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from mmeplan.kinds.kind import kind_named

STACK_TAG: Final = "aws:cloudformation:stack-name"
"""What CloudFormation puts on everything that a stack makes; nobody else can write it."""

Status = Literal["present", "absent", "unreadable"]


@dataclass(frozen=True, slots=True)
class LiveObject:
    """One object as it was seen.

    `describe` is the Describe answer, times as ISO 8601 text; of an object that `by_digest` identifies it is the List
    summary alone (name, ARN, creation time), because its tags carry the full digest of the content that is wanted.
    `tags` is None where they could not be read. `error` says why something is unreadable. `masked` says that some of
    its environment values are masks (`live.masked`); it isn't saved.
    """

    kind: str
    name: str
    status: Status
    describe: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] | None = None
    by_digest: bool = False
    error: str = ""
    masked: bool = False

    @property
    def is_present(self) -> bool:
        """Whether it exists and could be read."""
        return self.status == "present"

    @property
    def arn(self) -> str:
        """The ARN that the service returned; ARNs are never built (their letter case has varied over the years)."""
        return str(self.describe.get(kind_named(self.kind).arn, ""))

    @property
    def created_at(self) -> str:
        """Creation time, ISO 8601."""
        return str(self.describe.get("CreationTime", ""))

    @property
    def stack(self) -> str:
        """The CloudFormation stack that made it; empty where none did, or its tags could not be read."""
        return (self.tags or {}).get(STACK_TAG, "")

    def tag(self, key: str) -> str | None:
        """The value of a tag; None where the object hasn't it, or its tags could not be read."""
        return (self.tags or {}).get(key)
