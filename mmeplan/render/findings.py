"""Findings, and what is wrong with an input, as text, with the line of the fleet file and a caret where it helps.

In: `Finding`s or `Problem`s. Out: text for terminals, rows for the pages of plans, and the page that explains a rule.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final

from mmeplan.errors import Problem
from mmeplan.kinds import kinds
from mmeplan.plan import Finding
from mmeplan.render.layout import rendered
from mmeplan.render.style import MAX_PROSE, clean, columns, head_of, paint, shorten, tail_of, wrapped
from mmeplan.render.values import FILE_ROOM, counted, where

SEVERITIES: Final = ("error", "warning", "note")
RULE_ROOM: Final = 48  # columns of a rule's id; a policy's has its name in it
TAB: Final = 4  # columns between tab stops
NAMED: Final = 3  # addresses of a finding that many entries share
LINE_ROOM: Final = 64  # columns of an excerpt; of longer lines the part around the caret is shown
DOCS: Final = "https://github.com/mmeplan/mmeplan/blob/main/docs"

_STYLES: Final = {"error": "danger", "warning": "warning", "note": "dim"}
_OWN: Final = re.compile(
    r"(?:ALW|API|ARN|ART|ASC|ASY|CAP|CFG|DEL|DEP|EP|FOR|KMS|MDL|MME|NAM|PIP|REG|RULE|SHD|SLS|TAG|UWC)-[0-9]{2}",
    re.ASCII,
)
_GATE: Final = re.compile(r"GATE-[0-9]{2}|ASY-13|CFG-38|DEL-08|DEL-10|EP-06|EP-08|MDL-40|SLS-12", re.ASCII)
"""Gates, and rules of SageMaker that no class checks and a gate refuses with their ids."""


@dataclass(frozen=True, slots=True)
class FindingRow:
    """One finding as texts. `excerpt` are the source line and the line with the caret, where they are wanted."""

    labels: tuple[tuple[str, str], ...]
    message: str
    help: str
    excerpt: tuple[str, ...] = ()


FindingGroup = tuple[list[FindingRow], str]
"""Findings of one rule, and a line that tells of those that are not shown."""


def findings_text(
    findings: Iterable[Finding], *, width: int = 80, color: bool = False, excerpt: Callable[[int], str] | None = None
) -> str:
    """Every finding in file order, folded, with its help, and one line that counts them.

    `excerpt` gives the text of a line of the file, for carets.
    """
    found = sorted(findings, key=lambda item: (item.file, item.line, item.column, item.rule, item.address))
    summary = f"{severities(found)}." if found else "No findings."
    worst = next((severity for severity in SEVERITIES[:2] if any(f.severity == severity for f in found)), "")
    rows = [_row(item, excerpt) for item in folded(found)]
    style = _STYLES.get(worst, "good")
    return rendered("report.txt.j2", width=width, color=color, rows=rows, more="", summary=summary, summary_style=style)


def folded(findings: Iterable[Finding]) -> list[Finding]:
    """The findings for people: of one rule at one place of the file, which many entries share (`for_each`, `defaults`),
    one that counts them and names the first. Where each needs advice of its own, each stays.
    """
    groups: dict[object, list[Finding]] = {}
    seen: Counter[object] = Counter()
    for finding in findings:
        place = (finding.file, finding.line, finding.column, finding.path, finding.rule)
        told = (*place, finding.severity, finding.help, finding.allowed)
        seen[told, finding.address] += 1
        own = () if finding.line else (finding.address, finding.message)
        groups.setdefault((told, seen[told, finding.address], own), []).append(finding)
    return [_for_all(found) if len(found) > 1 else named(found[0]) for found in groups.values()]


def named(finding: Finding) -> Finding:
    """A finding of something that a `for_each` made: its message says of what, where its place doesn't."""
    section, _, rest = finding.path.partition(".")
    name = finding.address.partition("/")[2]
    own = rest == name or rest.startswith((f"{name}.", f"{name}["))
    is_entry = bool(section) and any(kind.section == section for kind in kinds())
    if not is_entry or not name or own or finding.address in finding.message:
        return finding
    return replace(finding, message=f"{finding.message} ({finding.address})")


def _for_all(found: list[Finding]) -> Finding:
    first, addresses = found[0], [finding.address for finding in found]
    if len({finding.message for finding in found}) == 1:
        return replace(first, message=f"{first.message} ({len(found):,} entries: {_first(addresses)})")
    rest = f"and alike for {len(found) - 1:,} more: {_first(addresses[1:])}"
    return replace(first, message=f"{named(first).message}; {rest}")


def _first(addresses: list[str]) -> str:
    return ", ".join(addresses[:NAMED]) + (", …" if len(addresses) > NAMED else "")


def severities(findings: Iterable[Finding]) -> str:
    """`1 error, 2 warnings`."""
    counts = Counter(item.severity for item in findings)
    return ", ".join(counted(counts[severity], severity) for severity in SEVERITIES if counts[severity])


def finding_groups(findings: Iterable[Finding], room: int) -> list[FindingGroup]:
    """The findings, folded, by severity and rule, at most `room` of each; a rule stands where it first comes."""
    by_rule: dict[tuple[str, str], list[Finding]] = defaultdict(list)
    for finding in folded(findings):
        by_rule[finding.severity, finding.rule].append(finding)
    groups: list[FindingGroup] = []
    for (severity, rule), found in sorted(by_rule.items(), key=lambda item: SEVERITIES.index(item[0][0])):
        rest = len(found) - room
        more = f"… and {counted(rest, f'more {severity}')} of {rule}" if rest > 0 else ""
        groups.append(([_row(item, None) for item in found[:room]], more))
    return groups


def _row(finding: Finding, excerpt: Callable[[int], str] | None) -> FindingRow:
    at = shorten(spot(finding), FILE_ROOM)
    labels = ((at, "bold"), (finding.severity, _STYLES[finding.severity]), (shorten(finding.rule, RULE_ROOM), ""))
    message = finding.message + (f" (allowed: {finding.allowed})" if finding.allowed else "")
    source = excerpt(finding.line) if excerpt and finding.line else ""
    return FindingRow(labels, message, finding.help, caret_lines(source, finding.line, finding.column))


def spot(finding: Finding) -> str:
    """Where it is: in the file, or else at an address that its message doesn't name."""
    named = finding.address in finding.message
    return where(finding.file, finding.line, finding.column) or ("" if named else finding.address)


def rule_page(rule: str) -> str:
    """The URL of the page that explains the rule; empty for an id that isn't mmeplan's (other packages, policies)."""
    if _GATE.fullmatch(rule):
        return f"{DOCS}/plan-and-apply.md#gates"
    return f"{DOCS}/rules/{rule}.md" if _OWN.fullmatch(rule) else ""


def problems_text(
    problems: Iterable[Problem], *, color: bool = False, caret: bool = True, width: int | None = None
) -> str:
    """`fleet.yaml:41:9  error  endpoints.x.config: unknown key; did you mean instance_type?`, a line each.

    With `caret` the source line follows, and under it a caret. With `width` a longer line is wrapped.
    """
    return "".join(f"{line}\n" for problem in problems for line in _problem_lines(problem, color, caret, width))


def _problem_lines(problem: Problem, color: bool, caret: bool, width: int | None) -> list[str]:
    said = ": ".join(part for part in (problem.path, problem.message) if part)
    if problem.hint:
        said = f"{said}; {problem.hint}"
    parts = [paint(problem.where, "bold", color), paint("error", "danger", color)]
    room = columns("  ".join(filter(None, (clean(problem.where), "error", ""))))
    first, *rest = wrapped(said, width - 4, width - room) if width else [shorten(said, MAX_PROSE)]
    lines = ["  ".join(part for part in (*parts, first) if part), *(f"    {line}" for line in rest)]
    if caret and problem.line:
        excerpt = caret_lines(problem.source_line, problem.line, problem.column)
        lines += [f"    {paint(line, 'dim', color)}" for line in excerpt]
    return [line.rstrip() for line in lines if clean(line)]


# --- a caret under a column -------------------------------------------------------------------------------------------


def caret_lines(source: str, line: int, column: int) -> tuple[str, ...]:
    """`41 │     instance_tipe: ml.m5.large` and beneath it the caret. Nothing for an empty line."""
    if not source.strip():
        return ()
    before = _shown(source[: max(0, column - 1)])
    shown = before + _shown(source[max(0, column - 1) :], columns(before))
    at = columns(before)
    if columns(shown.rstrip()) > LINE_ROOM:
        shown, at = _cropped(before, shown[len(before) :])
    number = str(line) if line else ""
    excerpt = f"{number} │ {shown}".rstrip()
    return (excerpt, f"{' ' * len(number)} │ {' ' * at}^") if column else (excerpt,)


def _shown(text: str, start: int = 0) -> str:
    """The text cleaned, with tabs as the spaces they stand for from the column `start` on."""
    first, *rest = text.rstrip("\r\n").split("\t")
    shown = clean(first)
    for part in rest:
        shown += " " * (TAB - (start + columns(shown)) % TAB) + clean(part)
    return shown


def _cropped(before: str, after: str) -> tuple[str, int]:
    """The part around the caret, in at most LINE_ROOM columns."""
    front = before if columns(before) <= LINE_ROOM // 2 else f"…{tail_of(before, LINE_ROOM // 2 - 1)}"
    room = LINE_ROOM - columns(front)
    back = after if columns(after) <= room else f"{head_of(after, room - 1)}…"
    return front + back, columns(front)
