"""`Plan` and its JSON document: what is printed, reviewed, saved and applied. specs/plan.schema.json describes it.

A plan is data. Every rendering, policy check and apply reads this one document; nothing else of mmeplan is needed to
show it. `plan_id` is the digest of the document without times, so the same inputs give the same plan everywhere.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final, TextIO

from mmeplan.errors import InputError, Problem
from mmeplan.plan.finding import Finding

FORMAT_VERSION: Final = "1.1"
DEFAULT_PARALLELISM: Final = 10  # endpoints under way at once


@dataclass(frozen=True, slots=True)
class Location:
    """A place in the fleet file; line and column count from 1, 0 where nothing in the file is meant."""

    file: str = ""
    line: int = 0
    column: int = 0


@dataclass(frozen=True, slots=True)
class PlannedField:
    """One value that differs: its dotted name as in the file, before and after (None: absent), and its line."""

    field: str
    before: Any
    after: Any
    line: int = 0


@dataclass(frozen=True, slots=True)
class VariantTraffic:
    """A variant's exact share of the traffic (`2/3`) and its instances, before and after ("" and 0: none)."""

    variant: str
    share_before: str = ""
    share_after: str = ""
    instances_before: int = 0
    instances_after: int = 0
    instance_type: str = ""


@dataclass(frozen=True, slots=True)
class PlannedChange:
    """One object's change as the document has it; docs/plan-format.md has the vocabulary."""

    address: str
    kind: str
    actions: tuple[str, ...]
    reason: str
    effect: str
    name: str
    explanation: str
    live_name: str = ""
    location: Location = Location()
    fields: tuple[PlannedField, ...] = ()
    causes: tuple[str, ...] = ()
    tags_added: Mapping[str, str] = field(default_factory=dict)
    tags_removed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    rollout: str = ""
    traffic: tuple[VariantTraffic, ...] = ()
    refusal: str = ""
    references: tuple[str, ...] = ()  # addresses that the object needs; since format 1.1

    @property
    def is_noop(self) -> bool:
        """Whether nothing is done to the object."""
        return self.actions == ("no-op",)


@dataclass(frozen=True, slots=True)
class Step:
    """One API call of the apply, with everything it needs.

    `operation` and `params` are the API's. `after` are ids of steps that must be done first. `guard` is what must hold
    of the object right before the call, `wait` what must become true after it (both: docs/plan-format.md).
    """

    id: str
    address: str
    operation: str
    params: Mapping[str, Any]
    after: tuple[str, ...] = ()
    guard: Mapping[str, Any] = field(default_factory=dict)
    wait: Mapping[str, Any] = field(default_factory=dict)
    effect: str = "none"


@dataclass(frozen=True, slots=True)
class PlannedDrift:
    """A live endpoint that isn't what was applied last."""

    address: str
    explanation: str
    fields: tuple[PlannedField, ...] = ()


@dataclass(frozen=True, slots=True)
class Summary:
    """How many objects are created, updated, deleted and left alone, and the worst that happens to traffic."""

    create: int = 0
    update: int = 0
    delete: int = 0
    noop: int = 0
    worst_effect: str = "none"

    @property
    def changes(self) -> int:
        """How many objects something is done to."""
        return self.create + self.update + self.delete


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that the plan was made from."""

    path: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Observed:
    """The live side that the plan was made against.

    `fingerprints` are short digests of every object that the plan touches or relies on, by `kind/name`.
    """

    observed_at: str
    digest: str
    fingerprints: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Options:
    """The single-run options that shaped the plan.

    `parallelism` is how many endpoints the apply may have under way at once: instances are counted with it, so that an
    apply may take less and not more. `max_change` is `30%` or `5` as it was typed, empty for the default.
    """

    targets: tuple[str, ...] = ()
    replace: tuple[str, ...] = ()
    allow_outage: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    destroy: bool = False
    speculative: bool = False
    parallelism: int = DEFAULT_PARALLELISM
    max_change: str = ""


@dataclass(frozen=True, slots=True)
class InstanceCapacity:
    """Instances of one type that the fleet's endpoints have: now, after the apply, and at its worst moment.

    `quota` is the account's limit for endpoints, None where it isn't known. `quota_source` says who told it: a file, or
    `Service Quotas`.
    """

    instance_type: str
    now: int
    after: int
    peak: int
    quota: int | None = None
    quota_source: str | None = None


@dataclass(frozen=True, slots=True)
class Capacity:
    """Instances by type, for an apply with at most `parallelism` endpoints under way at once (since format 1.1)."""

    parallelism: int
    types: tuple[InstanceCapacity, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole plan.

    `complete`: everything that is declared was looked at. `applyable`: there is something to do and nothing forbids it.
    `errored`: something could not be read. Three facts, because a plan can be incomplete and still worth reading.
    `commit` is the git commit that the fleet file is as in, None where that isn't known. Members with a default came
    with a later minor version of the format.
    """

    tool_version: str
    created_at: str
    fleet: str
    environment: str
    account: str
    region: str
    source: tuple[SourceFile, ...]
    options: Options
    snapshot: Observed
    summary: Summary
    changes: tuple[PlannedChange, ...]
    steps: tuple[Step, ...]
    drift: tuple[PlannedDrift, ...]
    findings: tuple[Finding, ...]
    kept: Mapping[str, tuple[str, ...]]
    complete: bool
    applyable: bool
    errored: bool
    plan_id: str = ""
    format_version: str = FORMAT_VERSION
    capacity: Capacity | None = None
    commit: str | None = None

    @property
    def has_changes(self) -> bool:
        """Whether anything is done at all."""
        return bool(self.steps) or self.summary.changes > 0

    @property
    def refused(self) -> bool:
        """Whether rules, protection or a gate say no."""
        return any(finding.severity == "error" for finding in self.findings)

    def step(self, step_id: str) -> Step:
        """The step of that id. Raises KeyError."""
        for step in self.steps:
            if step.id == step_id:
                return step
        raise KeyError(step_id)


_LISTS: Final = ("changes", "steps", "drift", "findings")
_OUTSIDE_ID: Final = ("plan_id", "created_at", "tool_version", "commit")
"""Members that may differ between two runs with the same inputs."""
_PIECE: Final = 100  # changes or steps that are hashed at a time


def with_id(plan: Plan) -> Plan:
    """The plan with its `plan_id` filled in."""
    return replace(plan, plan_id=plan_id(plan))


def plan_id(plan: Plan) -> str:
    """`sha256:` and the digest of the canonical document without times, made piece by piece to stay small in memory."""
    snapshot = {"digest": plan.snapshot.digest, "fingerprints": plan.snapshot.fingerprints}
    return _digest({**_head(plan), "snapshot": snapshot}, _lists(plan))


def _document_id(document: Mapping[str, Any]) -> str:
    """The same of a document as it was read, with every member that it has: so older minor versions keep their id."""
    head = {key: value for key, value in document.items() if key not in _LISTS}
    snapshot = {name: document["snapshot"].get(name) for name in ("digest", "fingerprints")}
    return _digest({**head, "snapshot": snapshot}, {name: document[name] for name in _LISTS})


def _digest(head: Mapping[str, Any], lists: Mapping[str, Sequence[Any]]) -> str:
    sha = hashlib.sha256()
    sha.update(_canonical_json({k: v for k, v in head.items() if k not in _OUTSIDE_ID}).encode("ascii"))
    for items in lists.values():
        for start in range(0, len(items), _PIECE):
            sha.update(b"\n" + _canonical_json(items[start : start + _PIECE]).encode("ascii"))
    return f"sha256:{sha.hexdigest()}"


def encode(plan: Plan) -> dict[str, Any]:
    """The JSON document as plain data. Members that are empty are there, so that readers need no defaults."""
    document: dict[str, Any] = json.loads(_json({**_head(plan), **_lists(plan)}))
    return document


def write(plan: Plan, stream: TextIO) -> None:
    """Write the document to a stream, one change or step a line: readable in a diff, and small in memory."""
    head = (f"{json.dumps(key)}: {_json(value)}" for key, value in _head(plan).items())
    stream.write("{" + ",\n ".join(head))
    for name, items in _lists(plan).items():
        stream.write(f',\n "{name}": [')
        for index, item in enumerate(items):
            stream.write(("," if index else "") + "\n  " + _json(item))
        stream.write("]")
    stream.write("}\n")


def _head(plan: Plan) -> dict[str, Any]:
    """The document without its long lists, the version and the id first."""
    names = [member.name for member in fields(plan) if member.name not in _LISTS]
    return {name: getattr(plan, name) for name in ("format_version", "plan_id", *names)}


def _lists(plan: Plan) -> dict[str, tuple[Any, ...]]:
    return {name: getattr(plan, name) for name in _LISTS}


def _members(value: Any) -> dict[str, Any]:
    """What json makes of a frozen dataclass: its members, in order."""
    return {name: getattr(value, name) for name in value.__slots__}


def plain(value: Any) -> Any:
    """A change, a step or another part of the document as plain data."""
    return json.loads(_json(value))


_json: Final = json.JSONEncoder(default=_members).encode
_canonical_json: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=_members).encode
"""Made once: `json.dumps` with options makes an encoder for each call."""


# --- reading --------------------------------------------------------------------------------------------------------


def read(text: str, file: str) -> Plan:
    """A plan from the text of its file.

    Raises InputError: not a plan, another major version, a rendering with masked values, or a file that was changed.
    """
    try:
        document = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise _refusal(f"this is not a plan: {error}", file) from None
    plan = decode(document, file)
    if _document_id(document) != plan.plan_id:
        raise _refusal("the plan file was changed after it was made: its content doesn't match its plan_id", file)
    return plan


def decode(document: Any, file: str = "") -> Plan:
    """A plan from its JSON document. Members that this version doesn't know are ignored (a newer minor version)."""
    if not isinstance(document, dict) or "plan_id" not in document or "format_version" not in document:
        raise _refusal("this is not a plan", file)
    version = str(document["format_version"])
    if version.split(".")[0] != FORMAT_VERSION.split(".")[0]:
        raise _refusal(f"plan format {version} is not known; this mmeplan reads {FORMAT_VERSION}", file)
    if document.get("masked"):
        raise _refusal("this is a rendering whose environment values are masked; it can't be applied", file)
    try:
        return _plan(document)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise _refusal(f"this plan is damaged: {error!r}", file) from None


def _refusal(message: str, file: str) -> InputError:
    return InputError([Problem(message, file, hint="make a new one: mmeplan plan --out FILE")])


def _plan(document: dict[str, Any]) -> Plan:
    known = {member.name for member in fields(Plan)}
    values = {key: value for key, value in document.items() if key in known}
    return Plan(
        **{
            **values,
            "source": tuple(_make(SourceFile, item) for item in document["source"]),
            "options": _make(Options, document["options"]),
            "snapshot": _make(Observed, document["snapshot"]),
            "summary": _make(Summary, document["summary"]),
            "changes": tuple(_change(item) for item in document["changes"]),
            "steps": tuple(_make(Step, item) for item in document["steps"]),
            "drift": tuple(_make(PlannedDrift, {**d, "fields": _fields(d["fields"])}) for d in document["drift"]),
            "findings": tuple(_make(Finding, item) for item in document["findings"]),
            "capacity": _capacity(document.get("capacity")),
            "kept": {at: tuple(names) for at, names in document["kept"].items()},
        }
    )


def _capacity(item: dict[str, Any] | None) -> Capacity | None:
    if item is None:
        return None
    return Capacity(item["parallelism"], tuple(_make(InstanceCapacity, each) for each in item["types"]))


def _change(item: dict[str, Any]) -> PlannedChange:
    nested = {
        "location": _make(Location, item["location"]),
        "fields": _fields(item["fields"]),
        "traffic": tuple(_make(VariantTraffic, variant) for variant in item["traffic"]),
    }
    made: PlannedChange = _make(PlannedChange, {**item, **nested})
    return made


def _fields(items: list[dict[str, Any]]) -> tuple[PlannedField, ...]:
    return tuple(PlannedField(item["field"], item["before"], item["after"], item.get("line", 0)) for item in items)


_TUPLES: Final = frozenset(
    {"actions", "causes", "tags_removed", "notes", "after", "targets", "replace", "allow_outage", "references"}
)


def _make(kind: Any, item: Mapping[str, Any]) -> Any:
    known = {member.name for member in fields(kind)}
    return kind(**{k: tuple(v) if k in _TUPLES and isinstance(v, list) else v for k, v in item.items() if k in known})
