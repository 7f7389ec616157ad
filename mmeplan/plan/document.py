"""`Plan`: what is printed, reviewed, saved and applied. specs/plan.schema.json describes it.

A plan is data. Every rendering, policy check and apply reads this one document; nothing else of mmeplan is needed to
show it. How it is written and read: `encoding`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

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
    `on_rollback` are the calls that follow where SageMaker rolls this update back: `operation`, `params`, and `clean`
    for those that are made only on request (`apply --clean`).
    """

    id: str
    address: str
    operation: str
    params: Mapping[str, Any]
    after: tuple[str, ...] = ()
    guard: Mapping[str, Any] = field(default_factory=dict)
    wait: Mapping[str, Any] = field(default_factory=dict)
    effect: str = "none"
    on_rollback: tuple[Mapping[str, Any], ...] = ()


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
    """The single-run options that shaped the plan. `rollback` is the config that `mmeplan rollback` goes back to.

    `parallelism` is how many endpoints the apply may have under way at once: instances are counted with it, so that an
    apply may take less and not more. `max_change` is `30%` or `5` as it was typed, empty for the default.
    """

    targets: tuple[str, ...] = ()
    replace: tuple[str, ...] = ()
    allow_outage: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    destroy: bool = False
    speculative: bool = False
    retry_rolled_back: bool = False
    rollback: str = ""
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

    @staticmethod
    def read(path: str | Path) -> Plan:
        """A saved plan. Raises InputError: no plan, another major version, masked, or changed after it was made."""
        from mmeplan.plan.encoding import read_file

        plan = read_file(str(path))
        if plan is None:
            raise InputError([Problem("this is not a plan", str(path), hint="mmeplan plan --out FILE writes one")])
        return plan

    @property
    def has_changes(self) -> bool:
        """Whether anything is done at all."""
        return bool(self.steps) or self.summary.changes > 0

    @property
    def refused(self) -> bool:
        """Whether rules, protection or a gate say no."""
        return any(finding.severity == "error" for finding in self.findings)

    @property
    def calls(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Every write that an apply of this plan may make: those of the steps, and those that follow a rollback."""
        for step in self.steps:
            yield step.operation, step.params
            yield from ((call["operation"], call["params"]) for call in step.on_rollback)

    def step(self, step_id: str) -> Step:
        """The step of that id. Raises KeyError."""
        for step in self.steps:
            if step.id == step_id:
                return step
        raise KeyError(step_id)
