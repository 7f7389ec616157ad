"""Findings as text, for `validate`; and as rows, for the page of a plan.

In: `Finding`s, and for carets a function from a line number to the line's text. Out: text.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from mmeplan.plan.finding import Finding
from mmeplan.render.caret import caret_lines
from mmeplan.render.style import shorten
from mmeplan.render.templating import rendered
from mmeplan.render.values import FILE_ROOM, counted, where

RULE_ROOM: Final = 48  # columns of a rule's id; a policy's has its name in it

_STYLES: Final = {"error": "danger", "warning": "warning", "note": "dim"}
_ORDER: Final = ("error", "warning", "note")


@dataclass(frozen=True, slots=True)
class FindingRow:
    """One finding as texts. `excerpt` are the source line and the line with the caret, where they are wanted."""

    labels: tuple[tuple[str, str], ...]
    message: str
    help: str
    excerpt: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FindingGroup:
    """Findings of one rule; `more` tells of those that are not shown."""

    findings: tuple[FindingRow, ...]
    more: str


def findings_text(
    findings: Iterable[Finding], *, width: int = 80, color: bool = False, excerpt: Callable[[int], str] | None = None
) -> str:
    """Every finding in file order, with its help, and one line that counts them."""
    found = sorted(findings, key=lambda item: (item.file, item.line, item.column, item.rule, item.address))
    group = FindingGroup(tuple(_row(item, excerpt) for item in found), "")
    counts = Counter(item.severity for item in found)
    told = ", ".join(counted(counts[severity], severity) for severity in _ORDER if counts[severity])
    summary = f"{told}." if told else "No findings."
    style = "danger" if counts["error"] else "warning" if counts["warning"] else "good"
    return rendered("report.txt.j2", width=width, color=color, group=group, summary=summary, summary_style=style)


def finding_groups(findings: Iterable[Finding], room: int) -> tuple[FindingGroup, ...]:
    """The findings by severity and rule, at most `room` of each, in the order in which the rules come first."""
    by_rule: dict[tuple[str, str], list[Finding]] = defaultdict(list)
    for finding in findings:
        by_rule[finding.severity, finding.rule].append(finding)
    groups = []
    for (severity, rule), found in sorted(by_rule.items(), key=lambda item: _ORDER.index(item[0][0])):
        rest = len(found) - room
        more = f"… and {counted(rest, f'more {severity}')} of {rule}" if rest > 0 else ""
        groups.append(FindingGroup(tuple(_row(item, None) for item in found[:room]), more))
    return tuple(groups)


def _row(finding: Finding, excerpt: Callable[[int], str] | None) -> FindingRow:
    at = where(finding.file, finding.line, finding.column)
    if not at and finding.address not in finding.message:
        at = shorten(finding.address, FILE_ROOM)
    labels = ((at, "bold"), (finding.severity, _STYLES[finding.severity]), (shorten(finding.rule, RULE_ROOM), ""))
    message = finding.message + (f" (allowed: {finding.allowed})" if finding.allowed else "")
    source = excerpt(finding.line) if excerpt and finding.line else ""
    return FindingRow(labels, message, finding.help, caret_lines(source, finding.line, finding.column))
