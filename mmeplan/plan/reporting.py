"""The report of several plans: what `mmeplan plan` makes of several fleets, or of several environments, as data.

In: a plan of each, or why there is none. Out: `PlanReport`, the worst first; specs/report.schema.json describes its
document. It is to be read: `apply` takes one of its plans, saved by `--out FOLDER`. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from mmeplan import __version__
from mmeplan.diff import EFFECTS
from mmeplan.errors import ExitCode
from mmeplan.plan.document import Plan
from mmeplan.plan.finding import Finding

REPORT_FORMAT_VERSION: Final = "1.0"
WORST_EXITS: Final = (ExitCode.ERROR, ExitCode.REFUSED, ExitCode.CHANGES, ExitCode.DONE)
"""The exit codes of plans from the worst on: that there is no plan tells least of what a merge would do."""


@dataclass(frozen=True, slots=True)
class ReportedPlan:
    """A fleet in one environment: its plan, or what stands in the way of one.

    `path` is the fleet file's. `exit` is 0 without changes, 2 with changes, 3 where the plan is refused or rules refuse
    the file, 1 where there is no plan for another reason. `findings` say why there is no plan; those of a plan are in
    it. `saved` is the file that `apply` takes, `next_command` what to type to apply it; empty where there is nothing.
    """

    path: str
    environment: str
    fleet: str
    exit: int
    plan: Plan | None = None
    findings: tuple[Finding, ...] = ()
    saved: str = ""
    next_command: str = ""

    @property
    def worst_effect(self) -> str:
        """The worst that happens to traffic; `none` where there is no plan."""
        return self.plan.summary.worst_effect if self.plan is not None else "none"

    @property
    def found(self) -> tuple[Finding, ...]:
        """All findings, those of the plan too."""
        return self.plan.findings if self.plan is not None else self.findings

    @property
    def is_worth_reading(self) -> bool:
        """Whether it says anything but that nothing is to be done."""
        return self.exit != ExitCode.DONE or self.plan is None or self.plan.errored or bool(self.plan.drift)


@dataclass(frozen=True, slots=True)
class PlanReport:
    """Several plans, the worst first; `exit` is the worst one's."""

    exit: int
    plans: tuple[ReportedPlan, ...]
    tool_version: str = __version__
    format_version: str = REPORT_FORMAT_VERSION


def plan_exit(plan: Plan) -> int:
    """0 without changes, 2 with changes, 3 where the plan is refused."""
    return ExitCode.REFUSED if plan.refused else ExitCode.CHANGES if plan.has_changes else ExitCode.DONE


def report_of(plans: Iterable[ReportedPlan]) -> PlanReport:
    """The report of these plans, of one at least."""
    ordered = tuple(sorted(plans, key=_order))
    return PlanReport(ordered[0].exit, ordered)


def _order(item: ReportedPlan) -> tuple[int, int, int, str, str]:
    """By the exit code, the effect on traffic, and how much is done."""
    changes = item.plan.summary.changes if item.plan is not None else 0
    worst = len(EFFECTS) - EFFECTS.index(item.worst_effect)
    return WORST_EXITS.index(item.exit), worst, -changes, item.path, item.environment
