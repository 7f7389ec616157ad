"""What the HTML report shows, as data: cards, rows, the picture, the chart. The layout is the templates'.

In: a plan whose environment values are masked already. Out: `Page`. Called by `html`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from mmeplan.plan import Change, VariantTraffic
from mmeplan.plan.document import Plan
from mmeplan.plan.finding import Finding
from mmeplan.render.blocks import (
    EFFECT_ORDER,
    SPECULATIVE,
    Block,
    Drifted,
    alike,
    block_of,
    dangers,
    drifted,
    headline,
    is_worst,
    marks,
    remarks,
)
from mmeplan.render.capacity import capacity_note
from mmeplan.render.chart import ChartRow, chart_rows
from mmeplan.render.nodes import Node, symbol_of
from mmeplan.render.picture import Picture, picture
from mmeplan.render.relations import Relations
from mmeplan.render.rule_pages import rule_page
from mmeplan.render.summary import traffic_words
from mmeplan.render.timeline import Stage, stages
from mmeplan.render.values import counted, percent, place, time_text, where
from mmeplan.render.view import loose_nodes, short_id

FULL_CARDS: Final = 60  # endpoints of one kind of change that are told in full; of the others there is one line each
FULL_WORST: Final = 200
MOST_CARDS: Final = 400
MOST_FINDINGS: Final = 500
MOST_CALLS: Final = 300
MOST_LINES: Final = 500  # objects, drifted endpoints, notes and unchanged names that are listed

_BADGES: Final = {
    "refused": "refused",
    "outage": "outage",
    "delete": "deleted",
    "traffic_shift": "traffic shifts",
    "in_place": "in place",
    "create": "created",
    "none": "no effect",
}

_SAID: Final = frozenset({"refused", "outage", "deleted", "traffic shifts", "created", "no effect on traffic"})


@dataclass(frozen=True, slots=True)
class Bar:
    """A variant's share of the requests, before and after, in percent and in words."""

    variant: str
    instances: str
    before: float
    after: float
    words_before: str
    words_after: str


@dataclass(frozen=True, slots=True)
class Card:
    """One endpoint in full."""

    id: str
    effect: str
    badge: str
    words: str
    block: Block
    stages: tuple[Stage, ...]
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One endpoint in one line."""

    id: str
    effect: str
    badge: str
    symbol: str
    style: str
    address: str
    place: str
    words: str


@dataclass(frozen=True, slots=True)
class Found:
    """One finding."""

    severity: str
    rule: str
    page: str
    where: str
    message: str
    help: str
    allowed: str


@dataclass(frozen=True, slots=True)
class Page:
    """Everything that the templates show."""

    fleet: str
    environment: str
    verdict: str
    verdict_style: str
    said: str
    counts: tuple[tuple[str, str, int], ...]
    facts: tuple[tuple[str, str], ...]
    marks: tuple[str, ...]
    dangers: tuple[str, ...]
    errors: tuple[Found, ...]
    findings: tuple[Found, ...]
    findings_more: int
    filters: tuple[tuple[str, str, int], ...]
    cards: tuple[Card, ...]
    lines: tuple[Line, ...]
    loose: tuple[Node, ...]
    loose_more: int
    picture: Picture | None
    chart: tuple[ChartRow, ...]
    parallelism: int
    capacity_note: str
    drift: tuple[Drifted, ...]
    drift_more: int
    remarks: tuple[tuple[str, str], ...]
    remarks_more: int
    unchanged: tuple[str, ...]
    unchanged_count: int
    calls: tuple[tuple[str, str, str], ...]
    calls_count: int


def page(plan: Plan) -> Page:
    """The whole page of a plan."""
    relations = Relations(plan)
    cards, lines, told = _endpoints(plan, relations)
    loose = loose_nodes(plan, relations, told)
    links = {card.block.address: card.id for card in cards} | {line.address: line.id for line in lines}
    for card in cards:
        for node in card.block.children:
            links.setdefault(node.address, card.id)
    errors, others = _found(plan, errors=True), _found(plan, errors=False)
    notes = remarks(plan)
    unchanged = [change.address for change in plan.changes if change.is_noop]
    words, style, said = _verdict(plan)
    return Page(
        fleet=plan.fleet,
        environment=plan.environment,
        verdict=words,
        verdict_style=style,
        said=said,
        counts=_counts(plan),
        facts=_facts(plan),
        marks=(*([SPECULATIVE] if plan.options.speculative else []), *marks(plan)),
        dangers=dangers(plan),
        errors=tuple(errors[:MOST_FINDINGS]),
        findings=tuple(others[:MOST_FINDINGS]),
        findings_more=max(0, len(errors) - MOST_FINDINGS) + max(0, len(others) - MOST_FINDINGS),
        filters=_filters([*cards, *lines]),
        cards=cards,
        lines=lines,
        loose=tuple(loose[:MOST_LINES]),
        loose_more=len(loose) - MOST_LINES,
        picture=picture(plan, relations, links),
        chart=chart_rows(plan.capacity),
        parallelism=plan.capacity.parallelism if plan.capacity else 0,
        capacity_note=capacity_note(plan),
        drift=tuple(map(drifted, plan.drift[:MOST_LINES])),
        drift_more=len(plan.drift) - MOST_LINES,
        remarks=notes[:MOST_LINES],
        remarks_more=len(notes) - MOST_LINES,
        unchanged=tuple(unchanged[:MOST_LINES]),
        unchanged_count=len(unchanged),
        calls=tuple((s.operation, s.address, s.effect) for s in plan.steps[:MOST_CALLS]),
        calls_count=len(plan.steps),
    )


def _verdict(plan: Plan) -> tuple[str, str, str]:
    """The headline, its style, and a sentence beneath it."""
    if plan.refused:
        errors = sum(finding.severity == "error" for finding in plan.findings)
        return f"Refused: {counted(errors, 'error')}", "danger", "Nothing can be applied."
    if not plan.has_changes:
        if plan.errored or not plan.complete:
            read = "Not everything could be read." if plan.errored else "Only the targets were looked at."
            return "No changes found", "warning", read
        return "No changes", "good", "What is live is what the file says."
    worst = traffic_words(plan)
    style = "danger" if plan.summary.worst_effect in ("outage", "delete") else "update"
    if not worst:
        return f"{counted(plan.summary.changes, 'change')}; what serves now notices nothing", "good", ""
    return worst[:1].upper() + worst[1:], style, ""


def _counts(plan: Plan) -> tuple[tuple[str, str, int], ...]:
    counts = plan.summary
    return (
        ("create", "to create", counts.create),
        ("update", "to update", counts.update),
        ("delete", "to delete", counts.delete),
        ("same", "unchanged", counts.noop),
    )


def _facts(plan: Plan) -> tuple[tuple[str, str], ...]:
    facts = [
        ("Account", plan.account),
        ("Region", plan.region),
        ("Plan", short_id(plan)),
        ("Commit", (plan.commit or "")[:12]),
        ("Live side read", time_text(plan.snapshot.observed_at)),
        ("Files", ", ".join(source.path for source in plan.source[:5])),
        ("mmeplan", plan.tool_version),
    ]
    return tuple((name, value) for name, value in facts if value)


# --- endpoints --------------------------------------------------------------------------------------------------------


def _endpoints(plan: Plan, relations: Relations) -> tuple[tuple[Card, ...], tuple[Line, ...], set[str]]:
    """The endpoints in full, those in one line, and the addresses of configs and models that they account for."""
    cards: list[Card] = []
    lines: list[Line] = []
    told = set[str]()
    for changes in alike(plan):
        room = min(FULL_WORST if is_worst(changes[0]) else FULL_CARDS, MOST_CARDS - len(cards))
        cards += [_card(plan, relations, change, f"c{len(cards) + i}") for i, change in enumerate(changes[:room])]
        lines += [_line(change, f"l{len(lines) + i}") for i, change in enumerate(changes[room:])]
        for change in changes:
            told.update(relations.family_of(change))
    return tuple(cards), tuple(lines), told


def _effect(change: Change) -> str:
    if change.refusal:
        return "refused"
    return change.effect if change.effect in EFFECT_ORDER else "none"


def _card(plan: Plan, relations: Relations, change: Change, anchor: str) -> Card:
    effect = _effect(change)
    update = relations.params(change.address, "UpdateEndpoint")
    return Card(
        id=anchor,
        effect=effect,
        badge=_BADGES[effect],
        words=_beside_badge(change),
        block=block_of(plan, relations, change, set()),
        stages=() if change.refusal else stages(change, update),
        bars=tuple(map(_bar, change.traffic)),
    )


def _line(change: Change, anchor: str) -> Line:
    effect = _effect(change)
    symbol, style = symbol_of(change)
    at = place(change.location)
    return Line(anchor, effect, _BADGES[effect], symbol, style, change.address, at, _beside_badge(change))


def _beside_badge(change: Change) -> str:
    """The headline without what the badge beside it says already."""
    words, _ = headline(change)
    said, colon, rest = words.partition(": ")
    return rest if colon and said.lower() in _SAID else words


def _bar(item: VariantTraffic) -> Bar:
    return Bar(
        variant=item.variant,
        instances=_instances(item),
        before=_part(item.share_before),
        after=_part(item.share_after),
        words_before=percent(item.share_before) or "–",
        words_after=percent(item.share_after) or "–",
    )


def _instances(item: VariantTraffic) -> str:
    """`2 → 4 × ml.m5.large`, `2 instances → serverless`."""
    before, after = item.instances_before, item.instances_after
    if item.instance_type == "serverless":
        return f"{counted(before, 'instance')} → serverless" if before else "serverless"
    number = str(after) if before == after else " → ".join(str(n) for n in (before, after) if n)
    kind = item.instance_type or ("instances, then none" if before and not after else "")
    return f"{number} × {kind}" if before or after else kind


def _part(share: str) -> float:
    """A share as percent for the length of a bar; 0 where it is no number from 0 to 1."""
    try:
        number = float(Fraction(share)) if "%" not in share else float(share.strip(" %")) / 100
    except (ValueError, ZeroDivisionError, OverflowError):
        return 0.0
    return round(min(1.0, max(0.0, number)) * 100, 2)


def _filters(items: Iterable[Card | Line]) -> tuple[tuple[str, str, int], ...]:
    """(effect, word, how many) of the effects that there are, worst first."""
    counts = Counter(item.effect for item in items)
    return tuple((effect, _BADGES[effect], counts[effect]) for effect in _BADGES if counts[effect])


# --- findings ---------------------------------------------------------------------------------------------------------


def _found(plan: Plan, *, errors: bool) -> list[Found]:
    chosen = [finding for finding in plan.findings if (finding.severity == "error") is errors]
    return [_finding(item) for item in sorted(chosen, key=lambda item: item.severity == "note")]


def _finding(item: Finding) -> Found:
    at = where(item.file, item.line, item.column) or (item.address if item.address not in item.message else "")
    return Found(item.severity, item.rule, rule_page(item.rule), at, item.message, item.help, item.allowed)
