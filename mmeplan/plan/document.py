"""`Plan`: what is printed, reviewed, saved and applied. specs/plan.schema.json describes it.

A plan is data. Every rendering, policy check and apply reads this one document; nothing else of mmeplan is needed to
show it. How it is written and read: `encoding`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from mmeplan.diff import EFFECTS, Action, Change, Drift
from mmeplan.errors import Command, InputError, Problem
from mmeplan.identity import Deployment
from mmeplan.kinds import is_kind, kind_named
from mmeplan.plan.finding import Finding
from mmeplan.plan.step import Step
from mmeplan.spec import VariableFile

FORMAT_VERSION: Final = "1.2"
"""The format of a plan, where none of its objects is of a kind that needs a later one (`Kind.plan_format`)."""
DEFAULT_PARALLELISM: Final = 10  # endpoints under way at once
NEAR_POLL_INTERVAL_S: Final = 1.0  # of a SageMaker on this machine, at whatever speed its time runs
POLL_INTERVAL_S: Final = 30.0  # DescribeEndpoint every 5 s was throttled; AWS's own SDK went to 30 s
POLL_JITTER: Final = 0.2  # part of the interval that is added at random, so that many applies don't poll in step


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


def summary_of(changes: Iterable[Change]) -> Summary:
    """The summary of these changes."""
    changes = tuple(changes)
    in_place = (Action.TAG, Action.SCALE, Action.UPDATE, Action.SWAP, Action.FORGET)
    worst = max((change.effect for change in changes), key=EFFECTS.index, default="none")
    return Summary(
        create=sum(change.action.creates for change in changes),
        update=sum(
            change.adopts or change.action in in_place or (change.action is Action.WAIT and not change.refusal)
            for change in changes
        ),
        delete=sum(change.action.deletes for change in changes),
        noop=sum(change.is_noop for change in changes),
        worst_effect=worst,
    )


def format_of(changes: Iterable[Change]) -> str:
    """The format of a plan of these changes."""
    return max((kind_named(kind).plan_format for kind in {change.kind for change in changes}), default=FORMAT_VERSION)


def touched(changes: Iterable[Change]) -> set[tuple[str, str]]:
    """(Kind, name) of the objects that are changed or were decided on: what fingerprints are taken of.

    Archives are held against what is there one by one, as they are written: others may add theirs meanwhile.
    """
    return {
        (change.kind, name)
        for change in changes
        for name in (change.name, change.live_name)
        if name and not (is_kind(change.kind) and kind_named(change.kind).is_gathered)
    }


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
    """The single-run options that shaped the plan. `variables` are those of --var; `variable_files` are the files of
    --var-file with the values that they had. `rollback` is the config that `mmeplan rollback` goes back to.

    `parallelism` is how many endpoints the apply may have under way at once: instances are counted with it, so that an
    apply may take less and not more. `max_change` is `30%` or `5` as it was typed, empty for the default.

    `base` is the branch that the file was held against (--base), `base_unseen` why that could not be done. `behind` are
    addresses that the base has got since this branch left it: nothing is done to them. `outdated` are those that only
    the base has changed since. `prune_artifacts`: archives that nobody needs any more go. These five are left out of
    the document where they are empty.
    """

    targets: tuple[str, ...] = ()
    replace: tuple[str, ...] = ()
    allow_outage: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    variable_files: tuple[VariableFile, ...] = ()
    destroy: bool = False
    speculative: bool = False
    retry_rolled_back: bool = False
    rollback: str = ""
    parallelism: int = DEFAULT_PARALLELISM
    max_change: str = ""
    base: str = ""
    base_unseen: str = ""
    behind: tuple[str, ...] = ()
    outdated: tuple[str, ...] = ()
    prune_artifacts: bool = False

    @property
    def is_behind(self) -> bool:
        """Whether the base has what the branch lacks: such a plan is to be read."""
        return bool(self.behind or self.outdated)

    def command(self, words: tuple[str, ...], environment: str) -> Command:
        """A command that gives the file's variables the same values."""
        return Command(words, environment, self.variables, tuple(file.path for file in self.variable_files))


@dataclass(frozen=True, slots=True)
class InstanceCapacity:
    """Instances of one type that the fleet's endpoints have: now, after the apply, and at its worst moment.

    `quota` is the account's limit for endpoints, None where it isn't known. `quota_source` says who told it: a file, or
    `Service Quotas`. `assumed` are those of `now` whose type nobody knows, because the config that they run was
    deleted: they are counted under the type that the file wants of their variant, or as a type `unknown`. Of instance
    pools SageMaker chooses the types: `now` and `after` are then the most of this one, `least_now` and `least_after`
    the least, None where the number is known.
    """

    instance_type: str
    now: int
    after: int
    peak: int
    quota: int | None = None
    quota_source: str | None = None
    assumed: int = 0
    least_now: int | None = None
    least_after: int | None = None


@dataclass(frozen=True, slots=True)
class ReservedCapacity:
    """Instances that the fleet's endpoints have of one capacity reservation: now, after the apply, and at most.

    `quota` is what the fleet may have of it: what it uses and what is free, as DescribeEndpoint says; None where no
    live variant runs on it. Instances of a reservation are counted under their type as well.
    """

    reservation: str
    now: int
    after: int
    peak: int
    quota: int | None = None


@dataclass(frozen=True, slots=True)
class Capacity:
    """Instances by type, for an apply with at most `parallelism` endpoints under way at once (since format 1.1)."""

    parallelism: int
    types: tuple[InstanceCapacity, ...] = ()
    reservations: tuple[ReservedCapacity, ...] = ()


@dataclass(frozen=True, slots=True)
class PricedUsage:
    """What one instance type, or one memory size of serverless endpoints, costs a month, now and after the apply.

    `price` is that of an hour of an instance, or of a second of a serverless one (`unit`); None where the file has
    none, and then nothing is counted. Amounts are the most that it may be; the `least_` ones are None where that is the
    least too.
    """

    name: str
    price: float | None
    unit: str
    per_month_now: float = 0
    per_month_after: float = 0
    least_per_month_now: float | None = None
    least_per_month_after: float | None = None


@dataclass(frozen=True, slots=True)
class Cost:
    """What the fleet's endpoints cost a month on demand, by the prices that the file names (since format 1.2).

    A month has 730 hours. `delta_per_month` is the most after the apply less the most now. `overlap_per_hour` is what
    the peak of the rollout costs an hour beyond the larger of both. `unpriced` names what has no price: with any, every
    amount is a lower bound, and there is no delta. Storage, data processed, and discounts are not in it.
    """

    currency: str
    date: str
    region: str
    source: str
    per_month_now: float
    per_month_after: float
    delta_per_month: float | None
    overlap_per_hour: float
    least_per_month_now: float | None = None
    least_per_month_after: float | None = None
    unpriced: tuple[str, ...] = ()
    usage: tuple[PricedUsage, ...] = ()

    @property
    def is_lower_bound(self) -> bool:
        """Whether something has no price."""
        return bool(self.unpriced)


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole plan.

    `complete`: everything that is declared was looked at. `applyable`: there is something to do and nothing forbids it.
    `errored`: something could not be read. Three facts, because a plan can be incomplete and still worth reading.
    `commit` is the git commit that the fleet file is as in, None where that isn't known. `plan_id` is a digest of what
    the plan does, `seal` of the whole document (since 1.2, empty in plans of before). Members with a default came
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
    changes: tuple[Change, ...]
    steps: tuple[Step, ...]
    drift: tuple[Drift, ...]
    findings: tuple[Finding, ...]
    kept: Mapping[str, tuple[str, ...]]
    complete: bool
    applyable: bool
    errored: bool
    plan_id: str = ""
    format_version: str = FORMAT_VERSION
    capacity: Capacity | None = None
    commit: str | None = None
    seal: str = ""
    cost: Cost | None = None

    @staticmethod
    def read(path: str | Path) -> Plan:
        """A saved plan. Raises InputError: no plan, another major version, masked, or changed after it was made."""
        from mmeplan.plan.encoding import read_file

        plan = read_file(str(path))
        if plan is None:
            raise InputError([Problem("this is not a plan", str(path), hint="mmeplan plan --out FILE writes one")])
        return plan

    @property
    def deployment(self) -> Deployment:
        """Whose objects the plan changes."""
        return Deployment(self.fleet, self.environment)

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
            yield from ((call.operation, call.params) for call in step.on_rollback)

    def step(self, step_id: str) -> Step:
        """The step of that id. Raises KeyError."""
        for step in self.steps:
            if step.id == step_id:
                return step
        raise KeyError(step_id)
