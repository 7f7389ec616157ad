"""The plan as a report for a browser: one file that needs nothing else.

In: a shown plan. Out: HTML. Whatever a template interpolates is cleaned and escaped. The page asks for nothing over the
network and runs nothing but its own script: its Content-Security-Policy allows the one style sheet and the one script
that are in it, by their SHA-256. It reads well without the script. Pure. The layout is templates/plan.html.j2.

Sources: W3C Content Security Policy Level 3, "hash-source"; `frame-ancestors` has no effect in a meta element.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Final

from jinja2 import Environment
from markupsafe import Markup

from mmeplan.plan import Change
from mmeplan.render import layout, report
from mmeplan.render.blocks import Blocks, Node, cautioned, drift_nodes
from mmeplan.render.capacity import capacity_note, chart_rows
from mmeplan.render.cost import cost_about, cost_rows
from mmeplan.render.door import Output, PageOptions, ShownPlan
from mmeplan.render.duration import duration_words
from mmeplan.render.families import Families, Family
from mmeplan.render.findings import folded, rule_page, spot
from mmeplan.render.graph import picture
from mmeplan.render.markup import quoted_parts
from mmeplan.render.relations import Relations
from mmeplan.render.style import clean
from mmeplan.render.traffic import Bar, Stage, bar, stages
from mmeplan.render.values import place, time_text

FULL_CARDS: Final = 60  # endpoints of one kind of change that are told in full; of the others there is one line each
FULL_WORST: Final = 200
MOST_CARDS: Final = 400
MOST_FINDINGS: Final = 500
MOST_CALLS: Final = 300
MOST_ASKED: Final = 100  # fields of a new object
MOST_NAMES: Final = 10_000  # endpoints that are changed like another: their names can be searched for
MOST_LINES: Final = 500  # objects, drifted endpoints, notes and unchanged names that are listed


@Output
def html(plan: ShownPlan, options: PageOptions) -> str:
    """The plan as a page."""
    return whole(
        "plan.html.j2", **page(plan, full=options.full), next_command=options.next_command, stale=options.stale
    )


def section(plan: ShownPlan, options: PageOptions, anchor: str) -> Markup:
    """What the page says of the plan beneath its head, for a page of several: its anchors begin with `anchor`."""
    values = page(plan, full=options.full, anchor=anchor)
    text = _environment().get_template("body.html.j2").render(**values, stale=options.stale)
    return Markup(text)  # noqa: S704 - a template that escapes


def whole(template: str, **values: object) -> str:
    """A whole page, with its style sheet, its script and the policy that allows nothing else."""
    style, script = asset("page.css"), asset("page.js")
    policy = f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; base-uri 'none'"
    return (
        _environment()
        .get_template(template)
        .render(
            **values,
            policy=f"{policy}; form-action 'none'",
            style=Markup(style),  # noqa: S704 - ours, a file of this package
            script=Markup(script),  # noqa: S704
        )
    )


@lru_cache(maxsize=2)
def asset(name: str) -> str:
    """The text of a file in templates/ that goes into the page as it is."""
    return files("mmeplan.render").joinpath("templates", name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """The text as a CSP source: `'sha256-…'`."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = layout.environment(
        lambda value: value if isinstance(value, Markup) else clean(value), autoescape=True
    )
    environment.filters |= {"words": _words, "rule_page": rule_page, "spot": spot}
    return environment


def _words(text: str) -> Markup:
    """A sentence in which what stands between backticks is code."""
    code, plain = Markup("<code>{}</code>"), Markup("{}")
    return Markup("").join((code if is_code else plain).format(part) for part, is_code in quoted_parts(clean(text)))


# --- what the page shows, as data -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Card:
    """One endpoint in full, or in a line: then without stages and bars. `others` are changed alike; `varies` are the
    fields in which they differ.
    """

    id: str
    effect: str
    badge: str
    words: str
    block: Node
    stages: tuple[Stage, ...] = ()
    bars: tuple[Bar, ...] = ()
    others: tuple[str, ...] = ()
    others_more: int = 0
    varies: tuple[str, ...] = ()


def page(plan: ShownPlan, *, full: bool = False, anchor: str = "") -> dict[str, object]:
    """Everything that the templates show. `anchor` is what the page's anchors begin with."""
    relations = Relations(plan)
    blocks = Blocks(plan, relations, MOST_ASKED, full)
    families = Families(plan, relations, full)
    cards, lines, covered = _endpoints(blocks, families, anchor)
    loose = blocks.loose(covered)
    links = {card.block.address: card.id for card in (*cards, *lines)}
    for card in cards:
        for node in card.block.children:
            links.setdefault(node.address, card.id)
    links.update({at: links[leader] for at, leader in families.leaders.items() if leader in links})
    found = sorted(folded(plan.findings), key=lambda item: item.severity == "note")
    errors = [item for item in found if item.severity == "error"]
    others = [item for item in found if item.severity != "error"]
    notes = report.remarks(plan)
    unchanged = [change.address for change in plan.changes if change.is_noop]
    verdict, said = report.verdict_in_brief(plan)
    drift = drift_nodes(plan)
    badges = Counter[str]()
    for card in (*cards, *lines):
        badges[card.effect] += 1 + len(card.others) + card.others_more
    return {
        "anchor": anchor,
        "fleet": plan.fleet,
        "environment": plan.environment,
        "verdict": verdict,
        "said": said,
        "counts": _counts(plan),
        "facts": _facts(plan),
        "marks": (*([report.SPECULATIVE] if plan.options.speculative else []), *report.marks(plan)),
        "dangers": report.danger_lines(plan),
        "cautions": cautioned(plan, relations),
        "errors": tuple(errors[:MOST_FINDINGS]),
        "findings": tuple(others[:MOST_FINDINGS]),
        "findings_more": max(0, len(errors) - MOST_FINDINGS) + max(0, len(others) - MOST_FINDINGS),
        "filters": tuple((effect, word, badges[effect]) for effect, word in report.BADGES.items() if badges[effect]),
        "cards": cards,
        "lines": lines,
        "loose_title": report.others_title(plan),
        "loose": tuple(loose[:MOST_LINES]),
        "loose_more": len(loose) - MOST_LINES,
        "picture": picture(plan, relations, links),
        "chart": chart_rows(plan.capacity),
        "parallelism": plan.capacity.parallelism if plan.capacity else 0,
        "capacity_note": capacity_note(plan),
        "cost": cost_rows(plan),
        "cost_about": cost_about(plan),
        "drift": tuple(drift[:MOST_LINES]),
        "drift_more": len(drift) - MOST_LINES,
        "remarks": notes[:MOST_LINES],
        "remarks_more": len(notes) - MOST_LINES,
        "unchanged": tuple(unchanged[:MOST_LINES]),
        "unchanged_count": len(unchanged),
        "calls": tuple((s.operation, s.address, s.effect) for s in plan.steps[:MOST_CALLS]),
        "calls_count": len(plan.steps),
    }


def _counts(plan: ShownPlan) -> tuple[tuple[str, str, int], ...]:
    counts = plan.summary
    return (
        ("create", "to create", counts.create),
        ("update", "to update", counts.update),
        ("delete", "to delete", counts.delete),
        ("same", "unchanged", counts.noop),
    )


def _facts(plan: ShownPlan) -> tuple[tuple[str, str], ...]:
    facts = (
        ("Account", plan.account),
        ("Region", plan.region),
        ("Takes", duration_words(plan)),
        ("Plan", report.short_id(plan)),
        ("Commit", (plan.commit or "")[:12]),
        ("Live side read", time_text(plan.snapshot.observed_at)),
        ("Files", ", ".join(source.path for source in plan.source[:5])),
        ("mmeplan", plan.tool_version),
    )
    return tuple((name, value) for name, value in facts if value)


def _endpoints(blocks: Blocks, families: Families, anchor: str) -> tuple[list[Card], list[Card], set[str]]:
    """The endpoints in full, those in one line, and the addresses of configs and models that they account for."""
    cards: list[Card] = []
    lines: list[Card] = []
    covered = set[str]()
    for treated in families.treated:
        room = min(FULL_WORST if report.is_worst(treated[0].first) else FULL_CARDS, MOST_CARDS - len(cards))
        room = len(treated) if families.full else room
        cards += [_card(blocks, family, f"{anchor}c{len(cards) + i}") for i, family in enumerate(treated[:room])]
        rest = (change for family in treated[room:] for change in family.changes)
        for i, change in enumerate(rest, start=len(lines)):
            words, at = report.beside_badge(change), place(change.location)
            line = Node(*report.sign_of(change), change.address, words, place=at)
            lines.append(Card(f"{anchor}l{i}", *_badge(change), words, line))
        changes = (change for family in treated for change in family.changes)
        covered.update(at for change in changes for at in blocks.relations.family_of(change))
    return cards, lines, covered


def _card(blocks: Blocks, family: Family, anchor: str) -> Card:
    change, others = family.first, family.others
    update = blocks.relations.params(change.address, "UpdateEndpoint")
    block = blocks.block(change, set())
    rollout = () if change.refusal else stages(change, update)
    return Card(
        anchor,
        *_badge(change),
        report.beside_badge(change),
        block,
        rollout,
        tuple(map(bar, change.traffic)),
        tuple(other.address for other in others[:MOST_NAMES]),
        max(0, len(others) - MOST_NAMES),
        family.varies,
    )


def _badge(change: Change) -> tuple[str, str]:
    return report.badge_of(change), report.BADGES[report.badge_of(change)]
