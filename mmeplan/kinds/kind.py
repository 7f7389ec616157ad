"""`Kind`: the facts of one kind of objects, which every phase asks. The registry of all kinds.

A kind's file makes one `Kind` and registers it. What botocore derives from a noun by its own pattern (`CreateModel`,
`ModelName`, `ModelArn`) is derived here too, and written down in a kind's file only where it doesn't follow;
tests/unit/kinds/test_registry.py holds both against botocore's models. What digests depend on is written out literally.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeVar

from mmeplan.canonical import Canonical, canonical

if TYPE_CHECKING:
    from mmeplan.aws.shapes import ServiceModel
    from mmeplan.kinds.live import LiveObject

L = TypeVar("L", bound="LiveObject")


class Lifecycle(Enum):
    """What becomes of an object whose content changes."""

    IMMUTABLE = "immutable"
    """Named by its content: a new one is created, the old one is a generation that goes after the reference scan."""
    MUTABLE = "mutable"
    """Named by its entry: it is changed in place, and verified by content."""
    SWAPPED = "swapped"
    """Mutable, and its change is a blue/green move to another object of `Kind.swaps_to`."""
    GATHERED = "gathered"
    """Many things beneath one place, which others may fill too: what is missing is written before anything is swapped,
    nothing is overwritten, and what nobody needs goes last, where that is asked for."""


class Ownership(Enum):
    """How an object is known to be the fleet's."""

    TAGS = "tags"
    PARENT = "parent"
    """It can't be tagged: it is the fleet's where its parent is and the fleet declares it."""


@dataclass(frozen=True, slots=True)
class Tagging:
    """How a service tags its objects: three operations, the member that holds the ARN, and the form of the tags.

    Source: botocore, AddTags of sagemaker (a list of pairs) and TagResource of application-autoscaling (a map).
    """

    add: str
    remove: str
    list: str
    arn: str
    is_map: bool = False

    def written(self, tags: Mapping[str, str]) -> Any:
        """Tags as a request has them, by key."""
        ordered = sorted(tags.items())
        return dict(ordered) if self.is_map else [_pair(key, value) for key, value in ordered]


@lru_cache(maxsize=1024)
def _pair(key: str, value: str) -> dict[str, str]:
    """One tag of a request. Most are the whole fleet's and are shared."""
    return {"Key": key, "Value": value}


TAGGING: Final[Mapping[str, Tagging]] = {
    "sagemaker": Tagging("AddTags", "DeleteTags", "ListTags", "ResourceArn"),
    "application-autoscaling": Tagging("TagResource", "UntagResource", "ListTagsForResource", "ResourceARN", True),
}
"""Service → how it tags."""


def tagging_of(arn: str) -> Tagging:
    """How the object of an ARN is tagged."""
    return TAGGING.get(f"{arn}::".split(":")[2], TAGGING["sagemaker"])


def tagging_call(operation: str) -> Tagging | None:
    """The tagging that a call belongs to; None for a call that isn't about tags."""
    return next((tagging for tagging in TAGGING.values() if operation in (tagging.add, tagging.remove)), None)


def tags_in(written: Any) -> dict[str, str]:
    """The tags of a request or an answer, in whichever form its service has them."""
    if isinstance(written, Mapping):
        return {str(key): str(value) for key, value in written.items()}
    return {str(tag["Key"]): str(tag.get("Value", "")) for tag in written or ()}


def _nothing(_answer: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    return ()


@dataclass(frozen=True, slots=True)
class Carried:
    """Objects that go with another one, or name it, and that no kind describes: how they are listed, and what they are
    called.
    """

    operation: str
    listed: str
    name: str
    words: str
    params: Callable[[LiveObject], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Inner:
    """An object that is declared inside its parent's entry: its logical and its physical name, where it stands in the
    file, and what is said of it, the API's members and mmeplan's own keys.
    """

    name: str
    physical_name: str
    path: tuple[str | int, ...]
    members: Mapping[str, Any]


def _no_entries(_parent: Any, _holder: Any) -> Iterable[Inner]:
    return ()


def _nobody(_live: LiveObject) -> Iterable[Carried]:
    return ()


def _always(_name: str, _parent: Mapping[str, Any]) -> bool:
    return True


def _stays(_name: str, _before: Mapping[str, Any], _after: Mapping[str, Any]) -> bool:
    return False


def _as_it_is(_desired: Canonical, live: Canonical) -> Canonical:
    return live


@dataclass(frozen=True, kw_only=True, eq=False)
class Kind:
    """One kind of objects. Members without a default are facts that can't be derived.

    name            the word in addresses, tags, the plan document: `endpoint_config`
    noun            what botocore calls it: `EndpointConfig`
    lifecycle       what becomes of an object whose content changes
    live            the class of its live objects
    service         botocore's name of the service: `sagemaker`, `application-autoscaling`, `cloudwatch`, `s3`
    section         the key of the fleet file under which its entries stand; empty: it is declared inside `parent`
    doc             what the fleet file's JSON Schema says of the section
    inline          key of an entry → the kind that may be declared there inline, with that kind's defaults
    inline_doc      what the JSON Schema says of an entry of this kind where another refers to one
    parent          the name of the kind whose child it is; empty for none
    parent_in       physical name of an object → that of its parent
    inside          key of the parent's entry under which it is declared; empty for none
    entries         (parent's resource, the entry that it is swapped to) → what is declared inside
    listings        (names that are wanted, live parents) → requests of the describe operation that read them and all
                    others of those parents; None: objects are read one by one
    in_the_way      (name, config in force, config that is wanted), requests both: whether a swap of the parent between
                    the two is refused while this object is there, so that it is taken off and put back on every end
    stands_on       (name, the parent's answer) → whether the parent has what the object is for
    carries         what else goes with an object where it is deleted, and isn't a kind
    pointed_at      what names an object by its ARN, and has to be changed where that is created anew
    ownership       by tags, or by the parent
    identity        the request members that name one object, most general first; empty: `{noun}Name`
    between         what stands between the identity's members in a physical name
    fixed           values of identity members that are the same for every object: {"ServiceNamespace": "sagemaker"}
    upsert          the one operation that creates and changes (`PutScalingPolicy`); empty: create and update apart
    verbs           create, update, delete, describe, list → operation, where it isn't `{Verb}{noun}`, `List{noun}s`
    also            further operations that are about one object
    answer_member   the list of an answer that holds the objects and is empty where there is none; empty: the answer is
                    the object, and absence an error
    plural          identity member → the request member that takes a list of them (reads of many in a call)
    deletes_many    the delete takes such lists too
    list_member     the list of a List answer; empty: `answer_member`, or `{noun}s`
    arn_member      the member of an answer that holds the ARN; empty: `{noun}Arn`
    arn_word        the word before the name in its ARN; empty: the noun in kebab case; None: it has no ARN
    arn_has_name    whether the ARN ends in the name; where it doesn't, the object isn't found by a search over tags
    answer_only     members of an answer that no request has; pinned, because digests are taken over the others
    always          members that every answer has, beside identity and ARN, and that nothing is planned without
    unreadable      member → why an answer without it can't be used
    swaps_to        SWAPPED only: the name of the kind between whose objects a swap moves
    references      an answer, or a request → (kind, name) of everything that it needs
    refers_to       the names of the kinds that `references` gives
    aligned         (desired content, live content) → the live one without what the service filled in
    state           an answer → what freshness compares; None: the content of a mutable kind, the name of another
    plan_format     the plan format that has this kind first; older readers refuse a plan that says so
    refusals        why a change is refused (`diff.Refusal`'s value) → the rule of the catalogue that says so
    shapes          how a graph draws it: Mermaid's brackets, DOT's shape
    """

    name: str
    noun: str
    lifecycle: Lifecycle
    live: type[LiveObject]
    service: str = "sagemaker"
    section: str = ""
    doc: str = ""
    inline: Mapping[str, str] = field(default_factory=dict)
    inline_doc: str = ""
    parent: str = ""
    parent_in: Callable[[str], str] = str
    inside: str = ""
    entries: Callable[[Any, Any], Iterable[Inner]] = _no_entries
    listings: Callable[[Sequence[str], Sequence[LiveObject]], Iterable[dict[str, Any]]] | None = None
    in_the_way: Callable[[str, Mapping[str, Any], Mapping[str, Any]], bool] = _stays
    stands_on: Callable[[str, Mapping[str, Any]], bool] = _always
    carries: tuple[Carried, ...] = ()
    pointed_at: Callable[[LiveObject], Iterable[Carried]] = _nobody
    ownership: Ownership = Ownership.TAGS
    identity: tuple[str, ...] = ()
    between: str = " "
    fixed: Mapping[str, str] = field(default_factory=dict)
    upsert: str = ""
    verbs: Mapping[str, str] = field(default_factory=dict)
    also: tuple[str, ...] = ()
    answer_member: str = ""
    plural: Mapping[str, str] = field(default_factory=dict)
    deletes_many: bool = False
    list_member: str = ""
    arn_member: str = ""
    arn_word: str | None = ""
    arn_has_name: bool = True
    answer_only: frozenset[str] = frozenset()
    always: tuple[str, ...] = ()
    unreadable: Mapping[str, str] = field(default_factory=dict)
    swaps_to: str = ""
    references: Callable[[Mapping[str, Any]], Iterable[tuple[str, str]]] = _nothing
    refers_to: tuple[str, ...] = ()
    aligned: Callable[[Canonical, Canonical], Canonical] = _as_it_is
    state: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None
    plan_format: str = "1.3"
    refusals: Mapping[str, str] = field(default_factory=dict)
    shapes: tuple[tuple[str, str], str] = (('["', '"]'), "box")

    # --- lifecycle ----------------------------------------------------------------------------------------------------

    @property
    def is_immutable(self) -> bool:
        """Whether its content makes its name, and a change of content a new object."""
        return self.lifecycle is Lifecycle.IMMUTABLE

    @property
    def is_swapped(self) -> bool:
        """Whether it serves traffic and is changed by a blue/green swap."""
        return self.lifecycle is Lifecycle.SWAPPED

    @property
    def is_changed_in_place(self) -> bool:
        """Whether an update of the object itself changes it."""
        return self.lifecycle is Lifecycle.MUTABLE

    @property
    def is_gathered(self) -> bool:
        """Whether it is many things beneath one place, which steps of its own write, publish and take away."""
        return self.lifecycle is Lifecycle.GATHERED

    @cached_property
    def is_swapped_to(self) -> bool:
        """Whether swaps of another kind move between objects of this one."""
        return any(kind.swaps_to == self.name for kind in kinds())

    # --- words --------------------------------------------------------------------------------------------------------

    @cached_property
    def words(self) -> str:
        """`endpoint config`."""
        return self.name.replace("_", " ")

    @property
    def a_noun(self) -> str:
        """`an endpoint config`."""
        return f"{'an' if self.words[0] in 'aeiou' else 'a'} {self.words}"

    # --- operations ---------------------------------------------------------------------------------------------------

    @cached_property
    def create_operation(self) -> str:
        """The operation that creates an object."""
        return self.upsert or self.verbs.get("create", f"Create{self.noun}")

    @cached_property
    def update_operation(self) -> str:
        """The operation that changes an object; empty where nothing does."""
        return "" if self.is_immutable else self.upsert or self.verbs.get("update", f"Update{self.noun}")

    @cached_property
    def delete_operation(self) -> str:
        """The operation that deletes an object."""
        return self.verbs.get("delete", f"Delete{self.noun}")

    @cached_property
    def describe_operation(self) -> str:
        """The operation that reads an object."""
        return self.verbs.get("describe", f"Describe{self.noun}")

    @cached_property
    def list_operation(self) -> str:
        """The operation that lists all objects of an account and region."""
        return self.verbs.get("list", f"List{self.noun}s")

    @cached_property
    def listed(self) -> str:
        """The member of a List answer that holds the summaries."""
        return self.list_member or self.answer_member or f"{self.noun}s"

    @cached_property
    def operations(self) -> tuple[str, ...]:
        """The operations that are about one object, each once."""
        named = (
            self.create_operation,
            self.update_operation,
            self.delete_operation,
            self.describe_operation,
            *self.also,
        )
        return tuple(dict.fromkeys(filter(None, named)))

    def action(self, operation: str) -> str:
        """The IAM action of an operation of its service."""
        return f"{self.service}:{operation}"

    # --- identity -----------------------------------------------------------------------------------------------------

    @cached_property
    def name_member(self) -> str:
        """The request member that names one object among others of its parent: the last of `identity`."""
        return self.identity[-1] if self.identity else f"{self.noun}Name"

    @property
    def identity_members(self) -> tuple[str, ...]:
        """The request members that name one object."""
        return self.identity or (self.name_member,)

    @cached_property
    def free_identity(self) -> tuple[str, ...]:
        """The identity members that aren't the same for every object."""
        return tuple(member for member in self.identity_members if member not in self.fixed)

    def name_in(self, members: Mapping[str, Any], otherwise: str = "") -> str:
        """The physical name in a request or an answer: the free identity members, joined by `between`.

        `otherwise` where one of them is missing.
        """
        several = {member: members.get(self.plural.get(member, "")) or ("",) for member in self.free_identity}
        parts = [str(members.get(member) or several[member][0]) for member in self.free_identity]
        return self.between.join(parts) if all(parts) else otherwise

    def named(self, name: str) -> dict[str, Any]:
        """The request members of a physical name: what reads and deletes send. The last one may hold spaces."""
        parts = name.split(self.between, len(self.free_identity) - 1)
        return {**self.fixed, **dict(zip(self.free_identity, parts, strict=True))}

    @cached_property
    def arn(self) -> str:
        """The member of an answer that holds the ARN."""
        return self.arn_member or f"{self.noun}Arn"

    @property
    def is_tagged(self) -> bool:
        """Whether its own tags say whose an object is."""
        return self.ownership is Ownership.TAGS

    @property
    def is_inventoried(self) -> bool:
        """Whether a search over tags, or a walk over its list, finds all objects of a fleet."""
        return self.is_tagged and self.arn_has_name

    @property
    def tagging(self) -> Tagging:
        """How its objects are tagged."""
        return TAGGING.get(self.service, TAGGING["sagemaker"])

    @cached_property
    def children(self) -> tuple[Kind, ...]:
        """The kinds that are declared inside an entry of this one."""
        return tuple(kind for kind in kinds() if kind.parent == self.name and kind.entries is not _no_entries)

    def inner_words(self, name: str) -> str:
        """`the scaling policy by-invocations`: an object that is part of another, where that is known."""
        return f"the {self.words} {self.own_name(name)}"

    def own_name(self, name: str) -> str:
        """What names an object among others of its parent."""
        return name.split(" ", len(self.free_identity) - 1)[-1]

    def key_of(self, name: str) -> str:
        """What a parent's record says of a child that can't be tagged: the digest of its own name, shortened."""
        return hashlib.sha256(f"{self.name}/{self.own_name(name)}".encode()).hexdigest()[:8]

    @cached_property
    def word(self) -> str:
        """The word before the name in an ARN; empty for none."""
        return kebab(self.noun) if self.arn_word == "" else self.arn_word or ""

    # --- reads --------------------------------------------------------------------------------------------------------

    def read(self, name: str) -> tuple[str, dict[str, Any]]:
        """The call that reads one object."""
        return self.describe_operation, self._several(self.named(name))

    def is_read_by(self, name: str, request: Mapping[str, Any]) -> bool:
        """Whether a request of `listings` asks for an object of this name."""
        return all(
            request[member] == value
            if member in request
            else value in request.get(self.plural.get(member, ""), (value,))
            for member, value in self.named(name).items()
        )

    def deletes(self, name: str) -> dict[str, Any]:
        """The request that deletes one object."""
        return self._several(self.named(name)) if self.deletes_many else self.named(name)

    def _several(self, members: Mapping[str, Any]) -> dict[str, Any]:
        """Identity members as lists of one, where the request takes lists."""
        return {self.plural.get(key, key): [value] if key in self.plural else value for key, value in members.items()}

    def answer_shape(self, model: ServiceModel) -> str:
        """The shape of one object in the answer of `read`."""
        shape = model.output_shape(self.describe_operation) or ""
        if self.answer_member:
            shape = str(model.shapes[model.members(shape)[self.answer_member]]["member"]["shape"])
        return shape

    @cached_property
    def needed_members(self) -> tuple[str, ...]:
        """Members of an answer that nothing is planned without."""
        return (*self.free_identity, *((self.arn,) if self.word else ()), *self.always)

    def found(self, answer: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
        """The object in the answer of `read`; None where the answer says that there is none."""
        if not self.answer_member:
            return answer
        items = answer.get(self.answer_member) or ()
        return next((item for item in items if self.name_in({**self.named(name), **item}) == name), None)

    # --- content ------------------------------------------------------------------------------------------------------

    def content(self, answer: Mapping[str, Any]) -> Canonical:
        """What a read answered, as a canonical request without its name."""
        return canonical({member: value for member, value in answer.items() if member not in self.answer_only})

    def stable(self, answer: Mapping[str, Any], name: str) -> Mapping[str, Any]:
        """What freshness compares of an object: without what changes by itself."""
        if self.state is not None:
            return self.state(answer)
        return {"name": name} if self.is_immutable else self.content(answer)

    # --- relations ----------------------------------------------------------------------------------------------------

    @cached_property
    def referrers(self) -> tuple[Kind, ...]:
        """The kinds that refer to this one."""
        return tuple(kind for kind in kinds() if self.name in kind.refers_to)


_REGISTERED: Final[dict[str, Kind]] = {}
_BY_OPERATION: Final[dict[str, Kind]] = {}


def register(kind: Kind) -> Kind:
    """Makes a kind known to every phase. Raises ValueError for a name that is taken."""
    if kind.name in _REGISTERED:
        raise ValueError(f"there is a kind {kind.name!r} already")
    _REGISTERED[kind.name] = kind
    _BY_OPERATION.update(dict.fromkeys(kind.operations, kind))
    _forget_relations()
    return kind


def unregister(kind: Kind) -> None:
    """Takes a kind away again: for tests."""
    del _REGISTERED[kind.name]
    for operation in kind.operations:
        del _BY_OPERATION[operation]
    _forget_relations()


def _forget_relations() -> None:
    """Relations are read from the registry, once."""
    for kind in _REGISTERED.values():
        for member in ("referrers", "is_swapped_to", "children"):
            kind.__dict__.pop(member, None)


def kinds() -> tuple[Kind, ...]:
    """All kinds, each after those that it refers to and after its parent; among equals, by name."""
    ordered: list[Kind] = []
    left = sorted(_REGISTERED.values(), key=lambda kind: kind.name)
    while left:
        free = [k for k in left if not any(other.name in (*k.refers_to, k.parent) for other in left if other is not k)]
        ordered.append(free[0])
        left.remove(free[0])
    return tuple(ordered)


def kind_named(name: str) -> Kind:
    """The kind of that name. Raises KeyError."""
    return _REGISTERED[name]


def is_kind(name: str) -> bool:
    """Whether there is a kind of that name."""
    return name in _REGISTERED


def kind_of_operation(operation: str) -> Kind | None:
    """The kind that an operation is about; None for tag operations, which are about any."""
    return _BY_OPERATION.get(operation)


def is_create(operation: str) -> bool:
    """Whether a call makes an object; an upsert may change one instead."""
    kind = kind_of_operation(operation)
    return kind is not None and operation == kind.create_operation


def is_delete(operation: str) -> bool:
    """Whether a call deletes an object."""
    kind = kind_of_operation(operation)
    return kind is not None and operation == kind.delete_operation


def immutable_kinds() -> Iterator[Kind]:
    """The kinds whose objects are named by their content, what is referred to first."""
    return (kind for kind in kinds() if kind.is_immutable)


def as_a(live: LiveObject | None, of: type[L]) -> L | None:
    """A live object as one of that class; None where it is none."""
    return live if isinstance(live, of) else None


def kebab(noun: str) -> str:
    """`EndpointConfig` → `endpoint-config`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", noun).lower()
