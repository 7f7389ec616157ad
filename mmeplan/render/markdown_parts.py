"""The parts of a Markdown page round its table: verdict, banner, alert, findings, drift, capacity, notes, footer.

In: a plan, and for what can be long a room in characters. Out: Markdown, or nothing where there is nothing to say.
Called by `markdown`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from mmeplan.plan.document import Plan
from mmeplan.plan.finding import Finding
from mmeplan.render.blocks import SPECULATIVE, headline, marks, remarks, untold_dangers
from mmeplan.render.capacity import capacity_note, moving_types
from mmeplan.render.markup import code, length, prose, row
from mmeplan.render.rule_pages import rule_page
from mmeplan.render.summary import summary_line, verdict
from mmeplan.render.values import counted, time_text, where
from mmeplan.render.view import short_id

_ORDER: Final = ("error", "warning", "note")
_MORE_ROOM: Final = 60  # characters of the line that counts what is left out


def heading(plan: Plan) -> str:
    """The verdict, the first thing in a notification mail: `## prices (prod): OUTAGE on 1 endpoint; 1 to create, …`."""
    environment = f" ({code(plan.environment)})" if plan.environment else ""
    about = [f"Account {code(plan.account)}", code(plan.region)]
    if plan.refused:
        about.insert(0, "Nothing can be applied.")
    elif not plan.has_changes:
        about.insert(0, prose(summary_line(plan).partition(". ")[2]))
    if plan.summary.noop:
        about.append(f"{plan.summary.noop:,} unchanged")
    return f"## {verdict(plan, code(plan.fleet) + environment)}\n\n{' · '.join(about)}"


def banner(plan: Plan, stale: Sequence[str], room: int) -> str:
    """What holds for the whole plan: stale, speculative, targeted, not all read."""
    parts = []
    if stale:
        lines = ["**STALE**: the world moved since this plan was made. It can be read, but not applied."]
        parts.append(_quote("WARNING", [*lines, *_fitted((f"- {prose(reason)}" for reason in stale), room // 2)]))
    told = (*([SPECULATIVE] if plan.options.speculative else []), *marks(plan))
    if told:
        kind = "WARNING" if plan.errored or plan.options.destroy else "IMPORTANT"
        lines = [f"- {_sentence(prose(mark))}" for mark in told]
        parts.append(_quote(kind, [lines[0][2:]] if len(lines) == 1 else lines))
    return "\n\n".join(parts)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."


def _quote(kind: str, lines: Iterable[str]) -> str:
    """GitHub's alert; elsewhere an ordinary quotation."""
    return "\n".join([f"> [!{kind}]", *(f"> {line}" for line in lines)])


def _fitted(lines: Iterable[str], room: int) -> Iterator[str]:
    """The lines that fit, and how many there are besides."""
    left, rest = room - _MORE_ROOM, 0
    for line in lines:
        left -= length(line) + 3
        if rest or left < 0:
            rest += 1
        else:
            yield line
    if rest:
        yield f"- … and {rest:,} more"


def alert(plan: Plan, room: int) -> str:
    """What must not be overlooked: errors, outages, endpoints that are deleted."""
    lines = [finding_line(finding) for finding in plan.findings if finding.severity == "error"]
    for words, changes in untold_dangers(plan):
        for change in changes:
            lines.append(f"- **{words.removesuffix(' of')}** of {code(change.address)}: {_why(headline(change)[0])}")
    return _quote("CAUTION", _fitted(lines, room)) if lines else ""


def _why(words: str) -> str:
    return prose(words.partition(": ")[2] or words)


def finding_line(finding: Finding) -> str:
    """`- **warning** [`MME-01`](…) `fleet.yaml:41:9`: message. _help_`."""
    page = rule_page(finding.rule)
    rule = f"[{code(finding.rule)}]({page})" if page else code(finding.rule)
    at = where(finding.file, finding.line, finding.column)
    if not at and finding.address not in finding.message:
        at = finding.address
    allowed = f" (allowed: {prose(finding.allowed)})" if finding.allowed else ""
    advice = f" <br>Help: {prose(finding.help)}" if finding.help else ""
    spot = f" {code(at)}" if at else ""
    return f"- **{finding.severity}** {rule}{spot}: {prose(finding.message)}{allowed}{advice}"


def findings(plan: Plan, room: int) -> str:
    """Warnings and notes; errors stand in the alert."""
    found = [finding for finding in plan.findings if finding.severity != "error"]
    if not found:
        return ""
    found.sort(key=lambda finding: _ORDER.index(finding.severity))
    counts = Counter(finding.severity for finding in found)
    told = ", ".join(counted(counts[severity], severity) for severity in _ORDER if counts[severity])
    return "\n".join([f"### Findings: {told}", "", *_fitted(map(finding_line, found), room)])


def drift(plan: Plan, room: int) -> str:
    """Endpoints that somebody changed outside mmeplan: applied → live."""
    if not plan.drift:
        return ""
    lines = []
    for item in plan.drift:
        names = [code(field.field) for field in item.fields[:3]]
        rest = f" and {len(item.fields) - 3:,} more" if len(item.fields) > 3 else ""
        fields = f" ({', '.join(names)}{rest})" if names else ""
        lines.append(f"- {code(item.address)}: {prose(item.explanation)}{fields}")
    return "\n".join(["### Changed outside mmeplan", "", *_fitted(lines, room)])


def capacity(plan: Plan, room: int) -> str:
    """Instances of each type now, after, and at the worst moment, against the quota where it is known."""
    moving = moving_types(plan.capacity)
    if plan.capacity is None or not moving:
        return ""
    lines = []
    for item in moving:
        quota = "unknown" if item.quota is None else f"{item.quota:,}"
        source = f" ({prose(item.quota_source)})" if item.quota is not None and item.quota_source else ""
        over = item.quota is not None and item.peak > item.quota
        peak = f"**{item.peak:,}, over the quota**" if over else f"{item.peak:,}"
        lines.append(row(code(item.instance_type), f"{item.now:,}", peak, f"{item.after:,}", quota + source))
    shown = list(_fitted(lines, room))
    if len(shown) > 1 and not shown[-1].startswith("|"):
        shown[-1] = row(shown[-1].removeprefix("- "), "", "", "", "")
    heads = [row("Instances", "now", "peak", "after", "quota"), row("---", "--:", "--:", "--:", "--:")]
    about = f"### Capacity, with at most {counted(plan.capacity.parallelism, 'endpoint')} under way at once"
    note = capacity_note(plan)
    return "\n".join([about, "", *heads, *shown, *(["", f"{prose(note)}."] if note else [])])


def remark_lines(plan: Plan, room: int) -> str:
    """Notes on objects that don't change."""
    told = remarks(plan)
    if not told:
        return ""
    return "\n".join(["### Notes", "", *_fitted((f"- {prose(names)}: {prose(note)}" for names, note in told), room)])


def footer(plan: Plan, next_command: str) -> str:
    """The plan's id, its commit, the time of the read, and how to apply it."""
    parts = [f"Plan {code(short_id(plan))}"]
    if plan.commit:
        parts.append(f"commit {code(plan.commit[:12])}")
    parts.append(f"live side read at {code(time_text(plan.snapshot.observed_at))}")
    parts.append(f"mmeplan {code(plan.tool_version)}")
    apply = f"\n\nApply it: {code(next_command)}" if next_command else ""
    return f"---\n\n<sub>{' · '.join(parts)}</sub>{apply}"
