"""Endpoints that are changed alike: one group each, which every output tells once, with the names of all.

In: a shown plan and its relations. Out: `Families`. Two changes are alike where everything that is shown of them is the
same but for their own names: the changes of the endpoint, of its config, of its models and of what goes with it. What
is created from one entry of the file (`for_each`) may differ in the members that such an entry varies; what a
reviewer must not overlook (image, role, network, keys, where data goes) never.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from mmeplan.plan import Change, FieldChange, asked_of, cautions, is_own, tags_of
from mmeplan.plan.asked import OF_ONE_OBJECT
from mmeplan.render.blocks import is_new
from mmeplan.render.door import ShownPlan
from mmeplan.render.relations import Relations
from mmeplan.render.report import rank

_TOKEN: Final = re.compile(r"[A-Za-z0-9-]+")
_PART: Final = "-"
_MOST_PARTS: Final = 8  # parts of a token in which a name is looked for
_STRICT: Final = re.compile(
    r"(?:.*\.)?(?:image|model_package_name|execution_role_arn|kms_key_id|enable_network_isolation|enable_ssm_access"
    r"|vpc_config\..*|data_capture_config\..*|async_inference_config\..*|core_dump_config\..*|protect|on_remove"
    r"|instance_type|repository_access_mode|alarms)"
)
"""Members in which what is created from one entry may not differ either."""

_Leaves = tuple[tuple[str, str], ...]
"""(field, its value without the object's own names) of everything that is asked for."""


@dataclass(frozen=True, slots=True)
class Family:
    """Endpoints that are changed alike, the first in the order of the plan first.

    `varies` are the fields in which those of one entry differ.
    """

    changes: tuple[Change, ...]
    varies: tuple[str, ...] = ()

    @property
    def first(self) -> Change:
        """The one that is told in full."""
        return self.changes[0]

    @property
    def others(self) -> tuple[Change, ...]:
        """Those that are named."""
        return self.changes[1:]


@dataclass(frozen=True)
class Families:
    """The families of one plan. `full`: each endpoint is a family of its own."""

    plan: ShownPlan
    relations: Relations
    full: bool = False

    @cached_property
    def treated(self) -> list[list[Family]]:
        """The endpoints that something happens to: those of one treatment together, the worst effect first."""
        found: dict[tuple[int, tuple[str, ...], str], list[Change]] = defaultdict(list)
        for change in self.plan.changes:
            if change.is_swapped and not change.is_noop:
                how = "" if change.refusal else change.rollout
                found[rank(change), change.actions, how or change.reason].append(change)
        return [self._families(found[key]) for key in sorted(found)]

    @cached_property
    def all(self) -> list[Family]:
        """The families, the worst effect first."""
        return [family for families in self.treated for family in families]

    @cached_property
    def leaders(self) -> Mapping[str, str]:
        """Address of an object that is named only → address of the one that is told in full for it."""
        found: dict[str, str] = {}
        for family in self.all:
            told = (family.first.address, *self.relations.family_of(family.first))
            for change in family.others:
                own = (change.address, *self.relations.family_of(change))
                found.update((at, leader) for at, leader in zip(own, told, strict=False) if at != leader)
        return found

    @cached_property
    def followers(self) -> Mapping[str, tuple[str, ...]]:
        """Address of an object that is told in full → addresses of those that are named with it."""
        found: dict[str, list[str]] = defaultdict(list)
        for at, leader in self.leaders.items():
            found[leader].append(at)
        return {leader: tuple(names) for leader, names in found.items()}

    def _families(self, changes: Sequence[Change]) -> list[Family]:
        if self.full or len(changes) < 2 or changes[0].effect == "delete":
            return [Family((change,)) for change in changes]
        equal: dict[Any, list[Change]] = defaultdict(list)
        for change in changes:
            equal[self._likeness(change)].append(change)
        of_entry: dict[Any, list[tuple[_Leaves, list[Change]]]] = defaultdict(list)
        for (known, leaves), members in equal.items():
            strict = tuple((field, value if _STRICT.fullmatch(field) else "") for field, value in leaves)
            of_entry[known, strict, self._entries(members[0]) if leaves else ()].append((leaves, members))
        order = {id(change): number for number, change in enumerate(changes)}
        found = []
        for groups in of_entry.values():
            members = sorted((change for _, some in groups for change in some), key=lambda change: order[id(change)])
            found.append(Family(tuple(members), _varying([leaves for leaves, _ in groups])))
        return sorted(found, key=lambda family: order[id(family.first)])

    def _entries(self, endpoint: Change) -> tuple[tuple[str, int], ...]:
        """The entries of the file from which an endpoint and what it needs are made."""
        members = (endpoint, *(self.relations.main.get(at) for at in self.relations.family_of(endpoint)))
        return tuple((each.location.file, each.location.line) for each in members if each is not None)

    def _likeness(self, endpoint: Change) -> tuple[str, _Leaves]:
        """What is shown of an endpoint's change, and what is asked for of what it creates, without names of its own."""
        relations = self.relations
        members: list[Change] = [endpoint]
        for at in relations.family_of(endpoint):
            members += [c for c in (relations.main.get(at),) if c is not None]
            members += (*relations.beside.get(at, ()), *relations.gone.get(at, ()))
        names = self._own_names(endpoint, members)
        shown = [_shown(member, rows=member is endpoint) for member in members]
        leaves = (
            (f"{number}.{item.field}", _nameless(_strict_value(item, self.plan.account), names))
            for number, member in enumerate(members)
            for item in self._asked(member)
        )
        return _nameless(repr(shown), names), tuple(leaves)

    def _asked(self, member: Change) -> Iterator[FieldChange]:
        step = self.relations.creates(member) if member.is_swapped or is_new(member) else None
        if step is None:
            return  # what differs from the one before is told by its fields
        yield from asked_of(step)
        tags = tags_of(step).items()
        yield from (FieldChange((), None, value, f"tags.{key}") for key, value in tags if not is_own(key))

    def _own_names(self, endpoint: Change, members: Iterable[Change]) -> dict[str, str]:
        """The names of an endpoint's objects → what stands for them: the number of the object."""
        found: dict[str, str] = {}
        for number, member in enumerate(members):
            for name in (member.name, member.live_name, member.address.partition("/")[2]):
                found.setdefault(name, f"<{number}>")
        for name in self.plan.kept.get(endpoint.address, ()):
            found.setdefault(name, "<kept>")
        found.pop("", None)
        return found


def _shown(change: Change, *, rows: bool) -> tuple[Any, ...]:
    """Everything that outputs tell of a change, but for what its request asks for."""
    moved = rows and change.effect != "create"
    return (
        change.kind,
        str(change.action),
        change.adopts,
        change.effect,
        change.reason,
        change.explanation,
        change.refusal,
        change.rollout,
        [(item.field, item.before, item.after) for item in change.fields],
        sorted((key, "" if key in OF_ONE_OBJECT else value) for key, value in change.tags_added.items()),
        change.tags_removed,
        sorted((key, value) for key, value in change.tags_before.items() if key not in OF_ONE_OBJECT),
        change.notes,
        len(change.references),
        len(change.causes),
        change.traffic if moved else [(item.variant, item.share_after) for item in change.traffic],
    )


def _strict_value(item: FieldChange, account: str) -> str:
    """A value as far as it matters whether two are alike: of an address in S3 the bucket, and its caution."""
    text = str(item.after)
    if _STRICT.fullmatch(item.field) and re.match(r"(?:s3|https)://", text):
        text = "/".join(text.split("/")[:3])
    return f"{text} {cautions([item], account).get(item.field, '')}"


def _nameless(text: str, names: Mapping[str, str]) -> str:
    """The text with an object's own names replaced, also where they are part of another: `ranker-de-errors`."""

    def replaced(found: re.Match[str]) -> str:
        token = found[0]
        if token in names:
            return names[token]
        parts = token.split(_PART)
        if not 1 < len(parts) <= _MOST_PARTS:
            return token
        for length in range(len(parts) - 1, 0, -1):
            for start in range(len(parts) - length + 1):
                name = names.get(_PART.join(parts[start : start + length]))
                if name:
                    return _PART.join((*parts[:start], name, *parts[start + length :]))
        return token

    return _TOKEN.sub(replaced, text)


def _varying(groups: Sequence[_Leaves]) -> tuple[str, ...]:
    """The fields in which leaves of one shape differ, without the number of their object."""
    if len(groups) < 2:
        return ()
    first = dict(groups[0])
    differ = (field for leaves in groups[1:] for field, value in leaves if first.get(field) != value)
    return tuple(dict.fromkeys(field.partition(".")[2] for field in differ))
