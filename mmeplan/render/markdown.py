"""The plan as a comment of a pull request: Markdown that GitHub, GitLab and Bitbucket render.

In: a shown plan. Out: Markdown within a budget of characters, whatever the plan: first whole details go, the largest
first, then the rows of the table become counts; what is dangerous stays, and the page says what is missing. Pure.

Sources: GitHub, "Body is too long (maximum is 65536 characters)"; a step summary takes 1 MiB, which is more.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from mmeplan.plan import Action, Change, Finding
from mmeplan.render import report
from mmeplan.render.blocks import Blocks, Node, cautioned, drift_nodes
from mmeplan.render.capacity import capacity_note, is_over, moving_types
from mmeplan.render.cost import cost_note, cost_rows, cost_title
from mmeplan.render.door import Output, PageOptions, ShownPlan
from mmeplan.render.duration import duration_words
from mmeplan.render.families import Families, Family
from mmeplan.render.findings import SEVERITIES, folded, rule_page, severities, spot
from mmeplan.render.markup import code, code_tag, content_line, fence, fitting, length, marker, prose, row
from mmeplan.render.relations import Relations
from mmeplan.render.style import clean, padded, shorten, widths_of
from mmeplan.render.values import ABSENT, FieldGroup, counted, place, time_text

BUDGET: Final = 60_000  # characters: GitHub takes 65,536, and the step that posts the comment may want to add a line
SMALLEST: Final = 20_000  # characters in which the parts that are never left out have room
_ALERT_SHARE: Final = 4  # a quarter of the budget for what is dangerous
_OTHER_SHARE: Final = 10  # a tenth each for findings, drift, capacity and notes
_NAMED: Final = 5  # details that are left out and named
_NAME_ROOM: Final = 80  # columns of such a name
_FIELDS: Final = 2  # fields that are named in a row
_CAUSES: Final = 3
_ALIKE: Final = 5  # objects that get the same tags, a row each; more are one row
_VALUE_ROOM: Final = 1_000  # columns of one value in the details
_LOOSE_ROOM: Final = 200  # configs and models without an endpoint that are listed
MOST_ASKED: Final = 100  # fields of a new object
_MOST_DETAILS: Final = 400  # endpoints whose details are made
_HEADS: Final = (row("Address", "Action", "Traffic", "Why", "Where"), row("---", "---", "---", "---", "---"))


@Output
def markdown(plan: ShownPlan, options: PageOptions) -> str:
    """The plan as Markdown of at most `options.budget` characters (20,000 at least), counted as UTF-16 units."""
    budget = max(options.budget or BUDGET, SMALLEST)
    head, end = (_marker(plan), _heading(plan)), _footer(plan, options.next_command)
    room = budget - sum(map(_with_gap, (*head, end)))
    return "\n\n".join((*head, *_body(plan, options, budget, room), end)) + "\n"


def section(plan: ShownPlan, options: PageOptions, room: int) -> str:
    """The same beneath a heading of somebody else's: without marker, verdict and footer; empty where it doesn't fit."""
    text = "\n\n".join(_body(plan, options, room, room))
    return text if length(text) <= room else ""


def _body(plan: ShownPlan, options: PageOptions, budget: int, room: int) -> list[str]:
    """What stands between the verdict and the footer, in `room` characters; the parts have shares of `budget`."""
    relations = Relations(plan)
    share = budget // _OTHER_SHARE
    before = [
        _banner(plan, options.stale, budget // _ALERT_SHARE),
        _alert(plan, budget // _ALERT_SHARE),
        _cautions(plan, relations, share),
    ]
    after = [_findings(plan, share), _drift(plan, share), _capacity(plan, share), _cost(plan), _remarks(plan, share)]
    room -= sum(map(_with_gap, (*before, *after)))
    families = Families(plan, relations, options.full)
    rows = _table(plan, families, room)
    folded = _folded(*_details(families, share), room - _with_gap(rows))
    return [part for part in (*before, rows, *after, folded) if part]


def _marker(plan: ShownPlan) -> str:
    path = plan.source[0].path if plan.source else ""
    head = marker(plan.fleet, plan.environment, path=path, region=plan.region, account=plan.account)
    return f"{head}\n{content_line(plan.plan_id, report.worst_word(plan), len(plan.drift))}"


def _with_gap(part: str) -> int:
    return length(part) + 2 if part else 0


# --- the parts round the table ----------------------------------------------------------------------------------------


def _heading(plan: ShownPlan) -> str:
    """The verdict, the first thing in a notification mail: `## prices (prod): OUTAGE on 1 endpoint; 1 to create, …`."""
    environment = f" ({code(plan.environment)})" if plan.environment else ""
    about = [f"Account {code(plan.account)}", code(plan.region)]
    if plan.refused:
        about.insert(0, "Nothing can be applied.")
    elif not plan.has_changes:
        about.insert(0, prose(report.summary_line(plan).partition(". ")[2]))
    if plan.summary.noop:
        about.append(f"{plan.summary.noop:,} unchanged")
    takes = duration_words(plan)
    if takes:
        about.append(prose(f"takes {takes}"))
    return f"## {report.verdict(plan, code(plan.fleet) + environment)}\n\n{' · '.join(about)}"


def _banner(plan: ShownPlan, stale: Sequence[str], room: int) -> str:
    """What holds for the whole plan: stale, speculative, targeted, not all read."""
    parts = []
    if stale:
        lines = ["**STALE**: the world moved since this plan was made. It can be read, but not applied."]
        parts.append(quoted("WARNING", [*lines, *fitting((f"- {prose(reason)}" for reason in stale), room // 2)]))
    marks = (*([report.SPECULATIVE] if plan.options.speculative else []), *report.marks(plan))
    if marks:
        kind = "WARNING" if plan.errored or plan.options.destroy else "IMPORTANT"
        lines = [f"{text[:1].upper()}{text[1:]}." for text in map(prose, marks)]
        parts.append(quoted(kind, lines if len(lines) == 1 else [f"- {line}" for line in lines]))
    return "\n\n".join(parts)


def quoted(kind: str, lines: Iterable[str]) -> str:
    """An alert, as GitHub calls it: GitHub Docs, "Basic writing and formatting syntax"."""
    return "\n".join([f"> [!{kind}]", *(f"> {line}" for line in lines)])


def _alert(plan: ShownPlan, room: int) -> str:
    """What must not be overlooked: errors, outages, endpoints that are deleted."""
    lines = [finding_line(finding) for finding in folded(plan.findings) if finding.severity == "error"]
    lines += danger_lines(plan)
    return quoted("CAUTION", fitting(lines, room)) if lines else ""


def danger_lines(plan: ShownPlan) -> Iterator[str]:
    """The outages and deletions of a plan, as items of a list."""
    for word, changes in report.dangers(plan):
        for change in changes:
            words = report.headline(change).text
            yield f"- **{word}** of {code(change.address)}: {prose(words.partition(': ')[2] or words)}"


def _cautions(plan: ShownPlan, relations: Relations, room: int) -> str:
    """What lowers protection, isolation or encryption, or sends data elsewhere."""
    lines = (
        f"- **{word}**: {_codes([at for at, _ in objects], _CAUSES)} ({_codes(fields, _FIELDS)})"
        for word, objects in cautioned(plan, relations)
        for fields in [tuple(dict.fromkeys(name for _, names in objects for name in names))]
    )
    shown = list(fitting(lines, room))
    return quoted("WARNING", shown) if shown else ""


def finding_line(finding: Finding) -> str:
    """`- **warning** [`MME-01`](…) `fleet.yaml:41:9`: message. _help_`."""
    page = rule_page(finding.rule)
    rule = f"[{code(finding.rule)}]({page})" if page else code(finding.rule)
    at = f" {code(spot(finding))}" if spot(finding) else ""
    allowed = f" (allowed: {prose(finding.allowed)})" if finding.allowed else ""
    advice = f" <br>Help: {prose(finding.help)}" if finding.help else ""
    return f"- **{finding.severity}** {rule}{at}: {prose(finding.message)}{allowed}{advice}"


def _findings(plan: ShownPlan, room: int) -> str:
    found = [finding for finding in plan.findings if finding.severity != "error"]
    found.sort(key=lambda finding: SEVERITIES.index(finding.severity))
    return _section(f"### Findings: {severities(found)}", map(finding_line, folded(found)), room)


def _section(title: str, lines: Iterable[str], room: int) -> str:
    """A heading and a list under it; empty where the list is."""
    shown = list(fitting(lines, room))
    return "\n".join([title, "", *shown]) if shown else ""


def _drift(plan: ShownPlan, room: int) -> str:
    lines = []
    for node in drift_nodes(plan):
        names = [
            f"{group.parent}.{row.name}" if group.parent else row.name for group in node.groups for row in group.rows
        ]
        fields = f" ({_codes(names, 3)})" if names else ""
        words = dict.fromkeys(row.caution for group in node.groups for row in group.rows if row.caution)
        less = "".join(f" **{word}**" for word in words)
        named = "".join(f"; {prose(sentence)}" for sentence in node.sentences)
        lines.append(f"- {code(node.address)}: {prose(node.words)}{fields}{less}{named}")
    return _section("### Changed outside mmeplan", lines, room)


def _codes(names: Sequence[str], room: int) -> str:
    rest = f" and {len(names) - room:,} more" if len(names) > room else ""
    return ", ".join(map(code, names[:room])) + rest


def _capacity(plan: ShownPlan, room: int) -> str:
    """Instances of each type now, after, and at the worst moment, against the quota where it is known."""
    moving = moving_types(plan.capacity)
    if plan.capacity is None or not moving:
        return ""
    lines = []
    for item in moving:
        quota = "unknown" if item.quota is None else f"{item.quota:,}"
        source = f" ({prose(item.quota_source)})" if item.quota is not None and item.quota_source else ""
        peak = f"**{item.peak:,}, over the quota**" if is_over(item) else f"{item.peak:,}"
        lines.append(row(code(item.name), item.now_text, peak, item.after_text, quota + source))
    shown = list(fitting(lines, room))
    if len(shown) > 1 and not shown[-1].startswith("|"):
        shown[-1] = row(shown[-1].removeprefix("- "), "", "", "", "")
    heads = [row("Instances", "now", "peak", "after", "quota"), row("---", "--:", "--:", "--:", "--:")]
    about = f"### Capacity, with at most {counted(plan.capacity.parallelism, 'endpoint')} under way at once"
    note = capacity_note(plan)
    return "\n".join([about, "", *heads, *shown, *(["", f"{prose(note)}."] if note else [])])


def _cost(plan: ShownPlan) -> str:
    """What the endpoints cost a month, now and after."""
    if plan.cost is None:
        return ""
    heads = [row("Endpoints", "now", "after", "change"), row("---", "--:", "--:", "--:")]
    lines = [
        row(f"**{prose(item.name)}**" if item.is_total else code(item.name), item.now, item.after, item.change)
        for item in cost_rows(plan)
    ]
    return "\n".join([f"### {prose(cost_title(plan.cost))}", "", *heads, *lines, "", f"{prose(cost_note(plan))}."])


def _remarks(plan: ShownPlan, room: int) -> str:
    return _section("### Notes", (f"- {prose(names)}: {prose(note)}" for names, note in report.remarks(plan)), room)


def _footer(plan: ShownPlan, next_command: str) -> str:
    """The plan's id, its commit, the time of the read, and how to apply it."""
    parts = [f"Plan {code(report.short_id(plan))}"]
    if plan.commit:
        parts.append(f"commit {code(plan.commit[:12])}")
    parts.append(f"live side read at {code(time_text(plan.snapshot.observed_at))}")
    parts.append(f"mmeplan {code(plan.tool_version)}")
    apply = f"\n\nApply it: {code(next_command)}" if next_command else ""
    return f"---\n\n<sub>{' · '.join(parts)}</sub>{apply}"


# --- the table --------------------------------------------------------------------------------------------------------


def _table(plan: ShownPlan, families: Families, room: int) -> str:
    """Every object that something happens to, what, why, and where, in at most `room` characters; empty without any.

    Worst first; where that is too long, the dangerous ones one by one and the others as counts.
    """
    changes = sorted((c for c in plan.changes if not c.is_noop), key=_order)
    if not changes:
        return ""
    relations, leaders, followers = families.relations, families.leaders, families.followers
    rows: dict[tuple[str, ...], list[Change]] = defaultdict(list)
    for change in changes:
        if change.address not in leaders:
            alone = change.kind if change.action is Action.TAG else f"{change.address} {change.live_name}"
            rows[(alone, *_told(relations, change))].append(change)
    told = (part for alike in rows.values() for part in ([alike] if len(alike) > _ALIKE else [[one] for one in alike]))
    lines = [*_HEADS, *(_row(relations, alike, followers) for alike in told)]
    if _size(lines) <= room:
        return "\n".join(lines)
    return _with_counts(changes, relations, room)


def _order(change: Change) -> tuple[int, int, str, str]:
    order = report.kinds_in_order()
    kind = order.index(change.kind) if change.kind in order else len(order)
    return report.rank(change) if change.is_swapped or change.refusal else 99, kind, change.address, change.live_name


def _size(lines: Iterable[str]) -> int:
    return sum(length(line) + 1 for line in lines)


def _row(relations: Relations, alike: Sequence[Change], followers: Mapping[str, Sequence[str]]) -> str:
    """A row of objects of which the same is told, the first by its name and place."""
    first = alike[0]
    at, number = place(first.location), len(alike) - 1 + len(followers.get(first.address, ()))
    more = f" and {number:,} more alike" if number else ""
    return row(code(first.address) + more, *_told(relations, first), code(at) if at else "")


def _told(relations: Relations, change: Change) -> tuple[str, str, str]:
    """What is done, to whose requests, and why."""
    return _action(change), _bold(report.requests_of(change)), _why(report.why(relations, change))


def _bold(phrase: report.Phrase) -> str:
    return f"**{prose(phrase.text)}**" if phrase.style == "danger" else prose(phrase.text)


def _action(change: Change) -> str:
    """`create`, `**delete**, create`, `**refused**`."""
    return ", ".join(map(_bold, report.actions_of(change)))


def _why(why: report.Why) -> str:
    own = [_codes(why.fields, _FIELDS)] if why.fields else []
    verb = "changes" if len(why.roots) == 1 else "change"
    caused = [f"{_codes(why.roots, _CAUSES)} {verb}"] if why.roots else []
    sentence = f"{code(why.name)}: {prose(why.sentence)}" if why.name else prose(why.sentence)
    return "; ".join([*own, *caused]) or sentence


def _with_counts(changes: list[Change], relations: Relations, room: int) -> str:
    """What is dangerous one by one as far as half of the room goes, the rest as one row for each kind of change."""
    worst = [change for change in changes if change.is_swapped and report.is_worst(change)]
    alone = worst[: _number_of_fitting(_HEADS, (_row(relations, [change], {}) for change in worst), room // 2)]
    shown_alone = set(map(id, alone))
    grouped: dict[tuple[str, str, str], list[Change]] = defaultdict(list)
    for change in changes:
        if id(change) not in shown_alone:
            effect = change.effect if change.is_swapped else ""
            grouped[change.kind, _action(change), effect].append(change)
    groups = [_group_row(members) for members in grouped.values()]
    intro = f"{counted(len(changes), 'change')}: too many for one row each, so what is alike is counted."
    lines = [intro, "", *_HEADS, *(_row(relations, [change], {}) for change in alone)]
    shown = _number_of_fitting(lines, groups, room - 80)
    more = [row(f"… and {len(groups) - shown:,} more kinds of change", "", "", "", "")] if shown < len(groups) else []
    return "\n".join([*lines, *groups[:shown], *more])


def _number_of_fitting(before: Sequence[str], items: Iterable[str], room: int) -> int:
    """How many items fit into the room after `before`."""
    used, number = _size(before), 0
    for number, item in enumerate(items, start=1):
        used += length(item) + 1
        if used > room:
            return number - 1
    return number


def _group_row(members: Sequence[Change]) -> str:
    """`| **4,990 endpoints** `endpoint/a` … `endpoint/z` | update | shifts | 4,990 × its config changes | |`."""
    first, last = members[0], members[-1]
    noun = report.noun_of(first.kind)
    names = code(first.address) if len(members) == 1 else f"{code(first.address)} … {code(last.address)}"
    reasons = Counter(change.explanation for change in members).most_common(_CAUSES)
    why = "; ".join(f"{number:,} × {prose(sentence)}" for sentence, number in reasons)
    traffic = _bold(report.requests_of(first, brief=True))
    return row(f"**{counted(len(members), noun)}** {names}", _action(first), traffic, why, "")


# --- details ----------------------------------------------------------------------------------------------------------


def _folded(details: Sequence[tuple[str, str]], beyond: int, room: int) -> str:
    """The folded details (address, text) that fit; whole ones are left out, the largest first, and a line says so.

    `beyond` details were not even made.
    """
    if not details:
        return ""
    title = "### Details"
    room -= length(title) + 4
    sizes = [length(text) + 2 for _, text in details]
    largest = sorted(range(len(details)), key=lambda index: (-sizes[index], index))
    total, dropped = sum(sizes), 0
    if beyond or total > room:
        room -= length(_left_out([details[index][0] for index in largest], beyond, len(details))) + 2
        while dropped < len(details) and total > room:
            total -= sizes[largest[dropped]]
            dropped += 1
        if room < 0:
            return ""
    gone = largest[:dropped]
    note = [_left_out([details[index][0] for index in gone], beyond, len(details))] if dropped or beyond else []
    kept = [text for index, (_, text) in enumerate(details) if index not in set(gone)]
    return "\n\n".join([title, *note, *kept])


def _left_out(dropped: Sequence[str], beyond: int, number_made: int) -> str:
    named = ", ".join(code(shorten(address, _NAME_ROOM)) for address in dropped[:_NAMED])
    number = len(dropped) + beyond
    rest = f" and {number - min(len(dropped), _NAMED):,} more" if number > min(len(dropped), _NAMED) else ""
    return (
        f"_Left out, because a comment may only be so long: {number:,} of {counted(number_made + beyond, 'detail')}, "
        f"the largest first ({named}{rest}). `mmeplan show` and the HTML report have them all._"
    )


def _details(families: Families, share: int) -> tuple[list[tuple[str, str]], int]:
    """The details of the endpoints that change, worst first, alike ones once, and of objects that none accounts for.

    And how many there are besides: more than a few hundred details fit into no comment.
    """
    relations, found = families.relations, families.all
    blocks = Blocks(families.plan, relations, MOST_ASKED, families.full)
    details = [_detail(blocks, family, share) for family in found[:_MOST_DETAILS]]
    covered = {at for family in found for change in family.changes for at in relations.family_of(change)}
    loose = blocks.loose(covered)
    if loose:
        lines = [line for node in loose[:_LOOSE_ROOM] for line in _node_lines(node)]
        if len(loose) > _LOOSE_ROOM:
            lines.append(f"# … and {len(loose) - _LOOSE_ROOM:,} more")
        title = report.others_title(families.plan)
        details.append((f"{title[0].lower()}{title[1:]}", _fold(title, lines)))
    return details, max(0, len(found) - _MOST_DETAILS)


def _detail(blocks: Blocks, family: Family, room: int) -> tuple[str, str]:
    """(address, details) of a family. The names of those that are changed alike take at most `room` characters."""
    block = blocks.block(family.first, set())
    lines = [f"# {_cut(sentence)}" for sentence in (*block.sentences, *block.notes)]
    rows = [[_cut(cell) for cell in variant] for variant in block.variants]
    widths = widths_of(rows)
    lines += [f"! {'  '.join(map(padded, cells, widths))}".rstrip() for cells in rows]
    lines += _value_lines(block)
    lines += _difference_lines(block.groups, block.tags)
    lines += (line for node in block.children for line in _node_lines(node))
    more = f" and {len(family.others):,} more alike:" if family.others else ""
    return (block.address, _fold(f"{code_tag(block.address)}{more} {prose(block.words)}", lines, _alike(family, room)))


def _alike(family: Family, room: int) -> str:
    """`The same for `endpoint/b`, `endpoint/c`. They differ in `model_data_url`.`; empty without others."""
    if not family.others:
        return ""
    names = [code(shorten(change.address, _NAME_ROOM)) for change in family.others]
    fit = _number_of_fitting([], names, room)
    more = f" and {len(names) - fit:,} more" if fit < len(names) else ""
    differ = f" They differ in {_codes(family.varies, _CAUSES)}." if family.varies else ""
    return f"The same for {', '.join(names[:fit])}{more}.{differ}\n\n"


def _fold(title: str, lines: list[str], before: str = "") -> str:
    body = fence(lines or ["  nothing else differs"])
    return f"<details>\n<summary>{title}</summary>\n\n{before}{body}\n\n</details>"


def _cut(text: object) -> str:
    return shorten(clean(text), _VALUE_ROOM)


def _node_lines(node: Node) -> Iterator[str]:
    at = f" ({_cut(node.place)})" if node.place else ""
    yield f"@@ {_cut(node.address)}{at}: {_cut(node.words)} @@"
    yield from (f"# {_cut(sentence)}" for sentence in (*node.sentences, *node.notes))
    yield from _value_lines(node)
    yield from _difference_lines(node.groups, node.tags)


def _value_lines(node: Node) -> Iterator[str]:
    """What is asked for of what is new."""
    yield from (f"+ {_cut(label)}: {_cut(value)}" for label, value in node.details)
    yield from _difference_lines(node.asked, ())
    if node.asked_more:
        yield f"# … and {counted(node.asked_more, 'more field')}"


def _difference_lines(groups: Iterable[FieldGroup], tags: Iterable[str]) -> Iterator[str]:
    for group in groups:
        for item in group.rows:
            name = _cut(f"{group.parent}.{item.name}" if group.parent else item.name)
            if item.caution:
                yield f"! {item.caution}: {name}"
            if item.before != ABSENT:
                yield f"- {name}: {_cut(item.before)}"
            if item.after != ABSENT:
                yield f"+ {name}: {_cut(item.after)}"
    for tag in tags:
        sign, text = (tag[0], tag[1:]) if tag[0] in "+-" else ("!", tag)
        yield f"{sign} tag {_cut(text)}"
