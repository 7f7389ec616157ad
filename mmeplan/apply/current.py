"""What guards read right before a call: one object, its tags, and who uses it. Each question reads anew."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mmeplan.apply.references import References
from mmeplan.aws.failures import Failure, failure_of
from mmeplan.errors import CloudError
from mmeplan.kinds import ENDPOINT, as_a, kind_named, tagging_of, tags_in
from mmeplan.live import LiveEndpoint, LiveObject, Reader, carried_by, describe_call, live_object, pages


class CurrentState:
    """`plan.step.Current` over a read-only port. Raises CloudError where something can't be read."""

    def __init__(self, reader: Reader, references: References) -> None:
        self._reader = reader
        self._references = references

    def endpoint(self, name: str) -> LiveEndpoint | None:
        """The endpoint of that name; None where it doesn't exist."""
        return as_a(self.find(ENDPOINT.name, name), LiveEndpoint)

    def find(self, kind: str, name: str) -> LiveObject | None:
        """The object of that kind and name; None where it doesn't exist."""
        try:
            answer = self._reader.read(*describe_call(kind, name))
        except CloudError as error:
            if failure_of(error) is Failure.NOT_FOUND:
                return None
            raise
        of = kind_named(kind)
        seen = of.found(answer, name)
        if seen is None:
            return None
        live = live_object(kind, of.name_in(seen, name), "present", seen)
        if live.status == "unreadable":
            raise CloudError(kind_named(kind).describe_operation, "UnreadableAnswer", f"{name}: {live.error}")
        return live

    def tags(self, arn: str) -> Mapping[str, str]:
        """All tags of an object."""
        return tags_of(self._reader, arn)

    def carried(self, kind: str, name: str) -> list[str]:
        """What an object carries, in words: it would go with it. Raises CloudError."""
        return carried_by(self._reader, kind, name)

    def user_of(self, kind: str, name: str, placeholders: Iterable[str]) -> str:
        """An endpoint that needs this config or model; empty for none."""
        return self._references.user_of(kind, name, placeholders)

    def component_of(self, kind: str, name: str) -> str | None:
        """An inference component that uses this object; empty for none, None where the caller may not read them."""
        return self._references.component_of(kind, name)


def tags_of(reader: Reader, arn: str) -> dict[str, str]:
    """All tags of an ARN, of every page. Raises CloudError."""
    tagging = tagging_of(arn)
    answers = pages(reader, tagging.list, {tagging.arn: arn})
    return {key: value for answer in answers for key, value in tags_in(answer.get("Tags")).items()}
