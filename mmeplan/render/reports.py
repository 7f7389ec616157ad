"""Several plans in one output: the report of `mmeplan plan` over fleets and environments, the worst first.

In: a `PlanReport`. Out: text, JSON, Markdown within a comment's size, HTML. A table has every plan, what is dangerous
follows whatever the size, and then each plan as far as there is room. Pure. Environment values are masked unless asked
otherwise.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from mmeplan.errors import ExitCode
from mmeplan.plan import PlanReport, ReportedPlan, encode
from mmeplan.plan.encoding import plain
from mmeplan.render import report as words
from mmeplan.render.bitbucket import without_html
from mmeplan.render.door import PageOptions, ShownPlan, shown, unmasked
from mmeplan.render.findings import findings_text, folded
from mmeplan.render.gitlab import counts
from mmeplan.render.html import MOST_FINDINGS, whole
from mmeplan.render.html import section as html_section
from mmeplan.render.layout import Layout
from mmeplan.render.markdown import BUDGET, danger_lines, finding_line, quoted
from mmeplan.render.markdown import section as markdown_section
from mmeplan.render.markup import code, code_tag, content_line, fitting, length, marker, prose, row
from mmeplan.render.style import clean, finished
from mmeplan.render.text import text
from mmeplan.render.values import counted, listed, time_text

ALL_FLEETS: Final = "*"
"""The fleet of a report's marker; no fleet can be called so."""
_TABLE_SHARE: Final = 3  # a third of the budget for the table, a quarter for what is dangerous, a tenth for names
_ALERT_SHARE: Final = 4
_OTHER_SHARE: Final = 10
_LEAST: Final = 600  # characters in which a plan says something
_LEAST_DETAIL: Final = 2_500  # characters that a plan gets rather than none, as long as there is room
_NAMED: Final = 3  # fleets that are named with what all of them have
_UNCHANGED: Final = 20  # fleets without changes that are named in the text

_UNNOTICED: Final = "what serves now notices nothing"

_COUNTED: Final[Mapping[str, str]] = {
    "error": "{} without a plan",
    "refused": "{} refused",
    "outage": "OUTAGE in {}",
    "delete": "DELETION in {}",
    "traffic_shift": "traffic shifts in {}",
    "in_place": "changed in place in {}",
    "create": "new endpoints in {}",
    "changed": "changes without an effect on traffic in {}",
    "none": "{} without changes",
}
"""What of several plans has the same worst, the worst first."""


@dataclass(frozen=True, slots=True)
class _Item:
    """A plan of the report as it may be shown."""

    of: ReportedPlan
    plan: ShownPlan | None

    @property
    def name(self) -> str:
        return f"{self.of.path} ({self.of.environment})" if self.of.environment else self.of.path

    @property
    def worst(self) -> str:
        """The key of `_COUNTED`."""
        if self.of.exit in (ExitCode.ERROR, ExitCode.REFUSED):
            return "error" if self.plan is None and self.of.exit == ExitCode.ERROR else "refused"
        if self.of.exit == ExitCode.DONE:
            return "none"
        return "changed" if self.of.worst_effect == "none" else self.of.worst_effect

    @property
    def result(self) -> words.Phrase:
        """What happens to traffic, or what is wrong."""
        if self.plan is not None:
            verdict = words.verdict_in_brief(self.plan)[0]
            return words.Phrase(_UNNOTICED, "good") if self.worst in ("create", "changed") else verdict
        errors = counted(sum(finding.severity == "error" for finding in self.of.findings), "error")
        said = "Refused by rules" if self.of.exit == ExitCode.REFUSED else "There is no plan"
        return words.Phrase(f"{said}: {errors}", "danger")

    @property
    def objects(self) -> str:
        """`1 to create, 2 to delete`."""
        return words.object_words(self.plan) if self.plan is not None else ""

    @property
    def facts(self) -> str:
        """Where it is, which plan it is, and where it was saved."""
        if self.plan is None:
            return ""
        commit = f"commit {self.plan.commit[:12]}" if self.plan.commit else ""
        parts = (
            f"account {self.plan.account}",
            self.plan.region,
            f"plan {words.short_id(self.plan)}",
            commit,
            f"live side read at {time_text(self.plan.snapshot.observed_at)}",
            f"saved in {self.of.saved}" if self.of.saved else "",
        )
        return " · ".join(part for part in parts if part)


def _items(report: PlanReport, options: PageOptions) -> list[_Item]:
    show = shown if options.masked else unmasked
    return [_Item(item, None if item.plan is None else show(item.plan)) for item in report.plans]


def report_line(report: PlanReport) -> str:
    """`30 plans: 1 refused, OUTAGE in 1, 28 without changes`, the worst first."""
    found = Counter(item.worst for item in _items(report, PageOptions()))
    told = (said.format(f"{found[worst]:,}") for worst, said in _COUNTED.items() if found[worst])
    return f"{counted(len(report.plans), 'plan')}: {', '.join(told)}"


def report_id(report: PlanReport) -> str:
    """A digest of the ids of its plans: what all of them do together."""
    ids = sorted((item.path, item.environment, item.plan.plan_id if item.plan else "") for item in report.plans)
    return f"sha256:{hashlib.sha256(json.dumps(ids).encode()).hexdigest()}"


def report_json(report: PlanReport, options: PageOptions) -> str:
    """The document of specs/report.schema.json."""
    head = plain(replace(report, plans=()))
    made = []
    for item in _items(report, options):
        mark = {"masked": True} if options.masked else {}
        document = {**encode(item.plan), **mark} if item.plan is not None else None
        made.append({**plain(replace(item.of, plan=None)), "plan": document})
    return json.dumps({"format_version": report.format_version, **head, "plans": made}, indent=2) + "\n"


# --- text -------------------------------------------------------------------------------------------------------------


def report_text(report: PlanReport, options: PageOptions) -> str:
    """A line for each plan that says something, and then these plans in full."""
    ui, items = Layout(options.width, options.color), _items(report, options)
    told = [item for item in items if item.of.is_worth_reading]
    lines = [ui.flow(report_line(report), style="bold"), ""]
    for item in told:
        result = "; ".join(part for part in (item.result.text, item.objects) if part)
        symbol = "✗" if item.worst in ("error", "refused") else "~"
        style = "danger" if item.worst in ("error", "refused", "outage", "delete") else "update"
        lines.append(ui.item(symbol, style, item.name, result, item.result.style))
    same = [item.name for item in items if not item.of.is_worth_reading]
    lines += [ui.item("=", "dim", f"No changes: {listed(same, _UNCHANGED)}")] if same else []
    pages = [finished("\n".join(lines))]
    for item in told:
        pages.append(finished(ui.line(f"── {item.name}", item.of.saved)) + _text_of(item, options))
    pages.append(finished(ui.flow(f"{report_line(report)}.", style="bold")))
    return "\n\n".join(page.rstrip("\n") for page in pages) + "\n"


def _text_of(item: _Item, options: PageOptions) -> str:
    if item.plan is None:
        return findings_text(item.of.findings, width=options.width, color=options.color)
    return text.renderer(item.plan, replace(options, next_command=item.of.next_command))


# --- Markdown ---------------------------------------------------------------------------------------------------------


def report_markdown(report: PlanReport, options: PageOptions) -> str:
    """One comment for all plans, of at most `options.budget` characters (60,000 where it isn't given)."""
    budget, items = options.budget or BUDGET, _items(report, options)
    environments = ",".join(sorted({item.of.environment for item in items} - {""}))
    told = [item for item in items if item.of.is_worth_reading]
    same = [code(item.name) for item in items if not item.of.is_worth_reading]
    parts = [
        f"{marker(ALL_FLEETS, environments)}\n{_content(report, items)}",
        f"## {report_line(report)}",
        _alerts(told, budget // _ALERT_SHARE),
        _table(told, budget // _TABLE_SHARE),
        _names("No changes", same, budget // _OTHER_SHARE),
    ]
    commits = dict.fromkeys(
        f"commit {code(item.plan.commit[:12])} · " for item in items if item.plan and item.plan.commit
    )
    end = f"---\n\n<sub>{''.join(commits)}mmeplan {code(report.tool_version)}</sub>"
    room = budget - sum(length(part) + 2 for part in (*parts, end)) - budget // _OTHER_SHARE
    details, left_out = _details(told, options, room)
    gone = _names("_Left out, because a comment may only be so long_", left_out, budget // _OTHER_SHARE)
    return "\n\n".join(part for part in (*parts, *details, gone, end) if part) + "\n"


def _content(report: PlanReport, items: Sequence[_Item]) -> str:
    """Of several plans: the worst effect of those that may be applied, else what the worst says."""
    plans = [item.plan for item in items if item.plan is not None]
    effects = {words.worst_word(plan) for plan in plans}
    worst = next((effect for effect in words.WORST_FIRST if effect in effects), "")
    told = worst or ("error" if len(plans) < len(items) else "refused" if "refused" in effects else "unchanged")
    return content_line(report_id(report), told, sum(len(plan.drift) for plan in plans))


def _alerts(items: Sequence[_Item], room: int) -> str:
    """What must not be overlooked, of every plan; what is the same in several is one line."""
    found: dict[str, list[str]] = defaultdict(list)
    for item in items:
        for line in dict.fromkeys(_dangers(item)):
            found[line].append(code(item.name))
    lines = (f"- {_listed(names)}: {line.removeprefix('- ')}" for line, names in found.items())
    return quoted("CAUTION", fitting(lines, room)) if found else ""


def _dangers(item: _Item) -> Iterator[str]:
    findings = item.of.findings if item.plan is None else item.plan.findings
    errors = (finding for finding in folded(findings) if finding.severity == "error")
    yield from (finding_line(replace(finding, file="", line=0)) for finding in errors)
    yield from danger_lines(item.plan) if item.plan is not None else ()


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _table(items: Sequence[_Item], room: int) -> str:
    if not items:
        return ""
    rows = [row(code(item.name), _bold(item.result), prose(item.objects)) for item in items]
    shown = list(fitting(rows, room))
    if not shown[-1].startswith("|"):
        shown[-1] = row(shown[-1].removeprefix("- "), "", "")
    return "\n".join([row("Fleet", "Result", "Objects"), row("---", "---", "---"), *shown])


def _bold(phrase: words.Phrase) -> str:
    return f"**{prose(phrase.text)}**" if phrase.style == "danger" else prose(phrase.text)


def _names(title: str, names: Sequence[str], room: int) -> str:
    """`No changes: `a`, `b` and 20 more.`"""
    shown, left = 0, room
    while shown < len(names) and left > length(names[shown]):
        left -= length(names[shown]) + 2
        shown += 1
    more = f" and {len(names) - shown:,} more" if shown < len(names) else ""
    return f"{title}: {', '.join(names[:shown])}{more}." if names else ""


def _details(items: Sequence[_Item], options: PageOptions, room: int) -> tuple[list[str], list[str]]:
    """Each plan, folded, and the names of those for which there is no room. Small ones leave theirs to large ones."""
    full = [_detail(item, options, BUDGET) for item in items]
    most = max(_level([length(detail) + 2 for detail in full], room), _LEAST_DETAIL)
    made, left_out = [], []
    for item, whole_detail in zip(items, full, strict=True):
        mine = min(most, room) - 2
        fits = whole_detail and length(whole_detail) <= mine
        detail = whole_detail if fits else _detail(item, options, mine)
        if detail:
            made.append(detail)
            room -= length(detail) + 2
        else:
            left_out.append(code(item.name))
    return made, left_out


def _level(sizes: Sequence[int], room: int) -> int:
    """The most that each may take so that all of them fit: what smaller ones don't need, larger ones get."""
    for number, size in enumerate(sorted(sizes)):
        level = room // (len(sizes) - number)
        if size > level:
            return level
        room -= size
    return max(sizes, default=0)


def _detail(item: _Item, options: PageOptions, room: int) -> str:
    """A plan in a fold, in at most so many characters; empty where it doesn't fit."""
    title = f"{code_tag(item.name)}: {prose(item.result.text)}"
    facts = f"<sub>{prose(item.facts)}</sub>\n\n" if item.facts else ""
    head, end = f"<details>\n<summary>{title}</summary>\n\n{facts}", "\n\n</details>"
    left = room - length(head) - length(end)
    if left < _LEAST:
        return ""
    if item.plan is not None:
        body = markdown_section(item.plan, options, left)
    else:
        body = "\n".join(fitting(map(finding_line, folded(item.of.findings)), left))
    return f"{head}{body}{end}" if body else ""


# --- HTML -------------------------------------------------------------------------------------------------------------


def report_html(report: PlanReport, options: PageOptions) -> str:
    """One page for all plans: a table, and beneath it what the page of each plan says."""
    rows = []
    for number, item in enumerate(_items(report, options)):
        anchor = f"p{number}"
        told = item.of.is_worth_reading
        body = html_section(item.plan, options, f"{anchor}-") if told and item.plan is not None else ""
        found = folded(item.of.findings)
        rows.append(
            {
                "anchor": anchor,
                "name": item.name,
                "told": told,
                "result": item.result,
                "objects": item.objects,
                "facts": item.facts,
                "body": body,
                "findings": found[:MOST_FINDINGS],
                "findings_more": max(0, len(found) - MOST_FINDINGS),
            }
        )
    return whole("report.html.j2", title=clean(report_line(report)), items=rows)


def report_gitlab(report: PlanReport, options: PageOptions) -> str:
    """The counts of all plans together."""
    return counts(item.plan.summary for item in report.plans if item.plan is not None)


def report_bitbucket(report: PlanReport, options: PageOptions) -> str:
    """The comment for all plans without any tag."""
    return without_html(report_markdown(report, options).partition("\n\n")[2])


REPORTS: Final = {
    "text": report_text,
    "json": report_json,
    "markdown": report_markdown,
    "html": report_html,
    "gitlab": report_gitlab,
    "bitbucket": report_bitbucket,
}
"""The outputs of a report, by the names of those of a plan."""
