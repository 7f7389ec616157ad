"""What a step that creates an object asks for, as fields of the fleet file.

In: a step. Out: a `FieldChange` from nothing for every leaf of its request, what a reviewer looks for first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

from mmeplan.aws.variants import KEYED
from mmeplan.canonical import BY_NAME
from mmeplan.diff import FieldChange
from mmeplan.identity import (
    ADDRESS_TAG,
    ON_REMOVE_TAG,
    OWN_PREFIX,
    PROTECT_TAG,
    UNSEALED_TAGS,
)
from mmeplan.kinds import kind_named, kind_of_operation, tags_in
from mmeplan.plan.places import field_name
from mmeplan.plan.step import Step

_FIRST: Final = (
    "protect",
    "on_remove",
    "ExecutionRoleArn",
    "VpcConfig",
    "EnableNetworkIsolation",
    "KmsKeyId",
    "DataCaptureConfig",
    "AsyncInferenceConfig",
)
"""Members that stand before all others, in this order."""

_REMOVED: Final = {PROTECT_TAG: "true", ON_REMOVE_TAG: "retain"}
"""What a tag said that is removed, where the plan doesn't tell: no other value is ever written."""

_NAMED: Final = {**KEYED, **BY_NAME}
OF_ONE_OBJECT: Final = UNSEALED_TAGS
"""Tags whose values say which object it is and what was done to it, and nothing that was asked for."""

_OF_ONE_MEMBER: Final = ("Alarms", "CaptureOptions")


def asked_of(step: Step) -> tuple[FieldChange, ...]:
    """Every leaf of the request of a step that creates, `protect` and `on_remove` included."""
    shown = _shown_by_lines(step.operation)
    request = {**_kept_by_tags(tags_of(step)), **{k: v for k, v in step.params.items() if k not in shown}}
    members = sorted(request, key=lambda member: _FIRST.index(member) if member in _FIRST else len(_FIRST))
    found = (leaf for member in members for leaf in _leaves((member,), request[member]))
    return tuple(FieldChange((), None, value, field_name(path)) for path, value in found)


@cache
def _shown_by_lines(operation: str) -> frozenset[str]:
    """Members of a request that its object's own lines show: its name, and the names of what it refers to."""
    kind = kind_of_operation(operation)
    named = (kind, *map(kind_named, kind.refers_to)) if kind is not None else ()
    return frozenset({"Tags", *(member for of in named for member in of.identity_members)})


def tags_of(step: Step) -> dict[str, str]:
    """The tags that a step that creates gives to its object, mmeplan's own included."""
    return tags_in(step.params.get("Tags"))


def is_own(tag: str) -> bool:
    """Whether a tag is mmeplan's bookkeeping."""
    return tag.startswith(OWN_PREFIX)


def tag_fields(
    added: Mapping[str, str], removed: tuple[str, ...], before: Mapping[str, str]
) -> tuple[FieldChange, ...]:
    """What a change of mmeplan's own tags means in the words of the fleet file: `protect`, `on_remove`, `address`."""
    was = {**{tag: _REMOVED.get(tag, "") for tag in removed}, **before}
    old, new = _kept_by_tags(was), _kept_by_tags({**{tag: was[tag] for tag in was if tag not in removed}, **added})
    changed = {PROTECT_TAG: "protect", ON_REMOVE_TAG: "on_remove"}
    names = [name for tag, name in changed.items() if tag in added or tag in removed]
    fields = [FieldChange((), old.get(name), new.get(name), name) for name in names if old.get(name) != new.get(name)]
    if ADDRESS_TAG in added and before.get(ADDRESS_TAG, added[ADDRESS_TAG]) != added[ADDRESS_TAG]:
        fields.append(FieldChange((), before[ADDRESS_TAG], added[ADDRESS_TAG], "address"))
    return tuple(fields)


def _kept_by_tags(tags: Mapping[str, str]) -> dict[str, Any]:
    """What the tags say of deleting the object, in the file's words."""
    protect = {"protect": True} if tags.get(PROTECT_TAG) == "true" else {}
    return {**protect, **({"on_remove": tags[ON_REMOVE_TAG]} if tags.get(ON_REMOVE_TAG) else {})}


def _leaves(path: tuple[str | int, ...], value: Any) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """(path, value) of everything that has no parts. Named items are found by their names.

    A list of structures that hold one member each (alarms, capture options) is a list of its values.
    """
    member = path[-1]
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves((*path, key), inner)
    elif member in _OF_ONE_MEMBER:
        yield path, [item for structure in value for item in structure.values()]
    elif isinstance(value, (list, tuple)) and any(isinstance(item, Mapping) for item in value):
        name = _NAMED.get(str(member), "")
        for index, item in enumerate(value):
            key = item.get(name, index) if name else index
            yield from _leaves((*path, key), {k: inner for k, inner in item.items() if not name or k != name})
    else:
        yield path, value
