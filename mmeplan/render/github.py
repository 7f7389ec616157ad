"""What a step of a GitHub workflow says: outputs, labels, annotations, and the log, in the runner's own syntax.

In: a plan, or what stands in the way of one. Out: text for stdout, `$GITHUB_OUTPUT` and `$GITHUB_STEP_SUMMARY`. Pure.
Values are the plan's; nothing in them can begin a command or another output, and environment values are masked.
GitHub keeps ten annotations of a kind for each step and drops the others silently, so that the tenth says how many
there are besides.

Source: GitHub Docs, "Workflow commands for GitHub Actions"; actions/runner, ActionCommand.cs (a command may follow
blanks, `##[` may stand anywhere in a line; `stop-commands` ends both) and FileCommandManager.cs (`NAME<<DELIMITER`);
actions/toolkit, packages/core/src/command.ts (what is escaped, and how).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Final

from mmeplan.errors import ExitCode
from mmeplan.plan import EFFECTS, Finding, PlanReport
from mmeplan.render.door import PageOptions, ShownPlan, masks, shown
from mmeplan.render.findings import folded
from mmeplan.render.markdown import BUDGET, SMALLEST, finding_line, markdown
from mmeplan.render.markup import code, content_line, length, marker
from mmeplan.render.report import WORST_FIRST, summary_line
from mmeplan.render.reports import report_id, report_line, report_markdown
from mmeplan.render.style import clean
from mmeplan.render.values import counted

SUMMARY_LIMIT: Final = 1024 * 1024  # bytes of a step's summary; GitHub drops the whole of a longer one
_BYTES_PER_UNIT: Final = 3  # UTF-8 bytes of a UTF-16 unit, at most

OUTPUT_KEYS: Final = ("changes", "drift", "exit", "labels", "plan_id", "summary", "worst_effect")
"""The names of the outputs, present in every run, also where there is no plan."""

ROOM: Final = 10  # annotations of a kind and step that GitHub keeps

_DATA: Final = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_PROPERTY: Final = {**_DATA, ":": "%3A", ",": "%2C"}


@masks
def outputs(plan: ShownPlan) -> dict[str, str]:
    """The step's outputs of a plan. `exit` is 0 without changes, 2 with changes, 3 where the plan is refused."""
    return {
        "changes": str(plan.summary.changes),
        "drift": str(len(plan.drift)),
        "exit": "3" if plan.refused else "2" if plan.has_changes else "0",
        "labels": ",".join(labels(plan)),
        "plan_id": plan.plan_id,
        "summary": summary_line(plan),
        "worst_effect": plan.summary.worst_effect,
    }


def report_outputs(report: PlanReport) -> dict[str, str]:
    """The step's outputs of several plans: sums, the worst exit and effect, a digest of their ids."""
    plans = [shown(item.plan) for item in report.plans if item.plan is not None]
    found = {label for plan in plans for label in labels(plan)}
    found |= {_without_plan(item.exit) for item in report.plans if item.plan is None}
    found -= {"mmeplan:no-changes"} if len(found) > 1 else set()
    return {
        "changes": str(sum(plan.summary.changes for plan in plans)),
        "drift": str(sum(len(plan.drift) for plan in plans)),
        "exit": str(report.exit),
        "labels": ",".join(label for label in _LABELS if label in found),
        "plan_id": report_id(report),
        "summary": f"{report_line(report)}.",
        "worst_effect": max((item.worst_effect for item in report.plans), key=EFFECTS.index),
    }


def labels(plan: ShownPlan) -> tuple[str, ...]:
    """Labels for the pull request, of a fixed vocabulary, worst first: `mmeplan:outage`, `mmeplan:traffic-shift`, …"""
    effects = {change.effect for change in plan.changes if not change.is_noop}
    found = (
        *(["refused"] if plan.refused else []),
        *(effect for effect in WORST_FIRST if effect in effects and effect != "none"),
        *([] if plan.has_changes else ["no-changes"]),
        *(["drift"] if plan.drift else []),
    )
    return tuple(f"mmeplan:{label.replace('_', '-')}" for label in found)


def outputs_without_plan(exit_code: int, message: str) -> dict[str, str]:
    """The same keys where there is no plan."""
    label = _without_plan(exit_code)
    known = {"changes": "0", "drift": "0", "exit": str(exit_code), "labels": label, "summary": message}
    return {key: known.get(key, "") for key in OUTPUT_KEYS}


def _without_plan(exit_code: int) -> str:
    """The label where there is no plan."""
    return "mmeplan:refused" if exit_code == ExitCode.REFUSED else "mmeplan:error"


_LABELS: Final = (
    "mmeplan:error",
    "mmeplan:refused",
    *(f"mmeplan:{effect.replace('_', '-')}" for effect in WORST_FIRST if effect != "none"),
    "mmeplan:no-changes",
    "mmeplan:drift",
)
"""Every label, worst first."""


def outputs_text(values: Mapping[str, str]) -> str:
    """The values as `$GITHUB_OUTPUT` wants them, each between delimiters that it can't contain."""
    words = ((name, value, f"mmeplan_{_digest(value)}") for name, value in values.items())
    return "".join(f"{name}<<{word}\n{value}\n{word}\n" for name, value, word in words)


def log_text(title: str, text: str) -> str:
    """A text in the log, folded, in which nothing is a command: no line of it can know the word that ends it."""
    word = f"mmeplan-{_digest(text)}"
    return f"::group::{title}\n::stop-commands::{word}\n{text.rstrip(chr(10))}\n::{word}::\n::endgroup::\n"


def _digest(text: str) -> str:
    """A word that the text can't hold: it would have to hold its own digest."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:40]


@masks
def plan_log(plan: ShownPlan, text: str) -> str:
    """What a plan says on stdout: its annotations, and the page of the plan, folded."""
    return annotations_text(plan.findings) + log_text("The plan", text)


def report_log(report: PlanReport, text: str) -> str:
    """The same of several plans. They share the room that a step has for annotations, the worst first."""
    found = (shown(item.plan).findings if item.plan is not None else item.findings for item in report.plans)
    return annotations_text([finding for findings in found for finding in findings]) + log_text("The plans", text)


@masks
def step_summary(plan: ShownPlan, room: int, *, next_command: str = "", stale: tuple[str, ...] = ()) -> str:
    """The plan as Markdown of at most `room` bytes, whole sections left out; empty where not even the least fits."""
    options = PageOptions(next_command=next_command, stale=stale)
    return _within(room, lambda budget: markdown.renderer(plan, replace(options, budget=budget)))


def report_summary(report: PlanReport, room: int) -> str:
    """The same of several plans."""
    return _within(room, lambda budget: report_markdown(report, PageOptions(budget=budget)))


def _within(room: int, made: Callable[[int], str]) -> str:
    """What is made for a budget of UTF-16 units, in `room` bytes; empty where not even the least fits."""
    for budget in (room, room // _BYTES_PER_UNIT):
        if budget < SMALLEST:
            break
        text = made(budget)
        if len(text.encode("utf-8", "replace")) <= room:
            return text
    return ""


def no_plan_markdown(
    fleet: str,
    environment: str,
    findings: Iterable[Finding],
    *,
    path: str = "",
    region: str = "",
    account: str = "",
    budget: int = BUDGET,
) -> str:
    """Why there is no plan, in the place of the plan's comment, so that an older and better one doesn't stay there.

    What of the deployment isn't known is empty; a fleet without a name is called by its file.
    """
    raw = list(findings)
    count = sum(finding.severity == "error" for finding in raw)
    found = folded(raw)
    errors = [finding for finding in found if finding.severity == "error"]
    about = f"{code(fleet or PurePosixPath(path).stem)}{f' ({code(environment)})' if environment else ''}"
    head = [
        marker(fleet, environment, path=path, region=region, account=account),
        content_line("", "error", 0),
        "",
        f"## {about}: there is no plan; {counted(count, 'error')}",
        "",
        "> [!CAUTION]",
    ]
    lines, rest = [], 0
    left = budget - sum(length(line) + 1 for line in head) - 100
    for finding in [*errors, *(finding for finding in found if finding.severity != "error")]:
        line = f"> {finding_line(finding)}"
        left -= length(line) + 1
        if left < 0:
            rest += 1
        else:
            lines.append(line)
    more = [f"> - … and {rest:,} more; `mmeplan validate` shows them all"] if rest else []
    return "\n".join([*head, *lines, *more]) + "\n"


# --- annotations ------------------------------------------------------------------------------------------------------


def annotations_text(findings: Iterable[Finding]) -> str:
    """The errors and warnings as workflow commands; empty where there are none. Notes are not worth an annotation."""
    found, commands = folded(findings), []
    for severity in ("error", "warning"):
        alike = [finding for finding in found if finding.severity == severity]
        rest = len(alike) - ROOM
        more = f"\n… and {counted(rest, f'more {severity}')}; mmeplan validate shows them all" if rest > 0 else ""
        shown = alike[:ROOM]
        commands += [_command(severity, finding, more if finding is shown[-1] else "") for finding in shown]
    return "".join(f"{command}\n" for command in commands)


def _command(severity: str, finding: Finding, more: str) -> str:
    properties = {"file": finding.file, "line": finding.line, "col": finding.column, "title": finding.rule}
    about = ",".join(f"{name}={_escaped(clean(value), _PROPERTY)}" for name, value in properties.items() if value)
    said = "\n".join(part for part in (finding.message, finding.help) if part) + more
    message = "".join(part if part in _DATA else clean(part) for part in re.split("([\r\n])", said))
    return f"::{severity} {about}::{_escaped(message, _DATA)}"


def _escaped(text: str, table: dict[str, str]) -> str:
    """The text with the characters that end a value or a command replaced; `%` among them, so nothing is ambiguous."""
    return "".join(table.get(char, char) for char in text)
