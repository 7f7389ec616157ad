"""The plan as text: the page that decides whether somebody types `apply`.

In: a shown plan. Out: the text of `plan`, `show` and `apply`. Pure: the same plan gives the same text, from memory or
from a file. The layout is templates/plan.txt.j2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeVar

from mmeplan.render import report
from mmeplan.render.blocks import Blocks, Node, cautioned, drift_nodes
from mmeplan.render.capacity import capacity_note, capacity_rows
from mmeplan.render.cost import cost_note, cost_rows, cost_title
from mmeplan.render.door import Output, PageOptions, ShownPlan
from mmeplan.render.duration import duration_line
from mmeplan.render.families import Families
from mmeplan.render.findings import finding_groups
from mmeplan.render.layout import rendered
from mmeplan.render.relations import Relations
from mmeplan.render.values import counted, listed

FULL_BLOCKS: Final = 20  # blocks of one treatment, none of them alike: more is a list, not a review
FULL_WORST: Final = 200  # outages, deletions and refusals: a reviewer wants them all
FULL_NAMES: Final = 50  # endpoints that are named because they are changed like one that is shown
FULL_FINDINGS: Final = 20  # warnings of one rule
FULL_ERRORS: Final = 200
MOST_ASKED: Final = 12  # fields of a new object, beside its image, data, variants and tags; --full shows all
MOST_NAMED: Final = 10  # objects that are named with a caution
MOST_FIELDS: Final = 4

T = TypeVar("T")


@Output
def text(plan: ShownPlan, options: PageOptions) -> str:
    """The plan, dangers first, `options.width` columns wide (80 at least)."""
    relations = Relations(plan)
    blocks = Blocks(plan, relations, 0 if options.full else MOST_ASKED, options.full)
    groups, covered = _groups(blocks, Families(plan, relations, options.full))
    loose, loose_more = _some(blocks.loose(covered), "object")
    drift, drift_more = _some(drift_nodes(plan), "change")
    remarks, remarks_more = _some(report.remarks(plan), "note")
    return rendered(
        "plan.txt.j2",
        width=options.width,
        color=options.color,
        stale=options.stale,
        speculative=plan.options.speculative,
        title=report.title(plan),
        plan_id=report.short_id(plan),
        marks=report.marks(plan),
        errors=finding_groups((f for f in plan.findings if f.severity == "error"), FULL_ERRORS),
        dangers=report.danger_lines(plan),
        groups=groups,
        loose=loose,
        loose_title=report.others_title(plan),
        loose_more=loose_more,
        cautions=_caution_lines(plan, relations),
        drift=drift,
        drift_more=drift_more,
        findings=finding_groups((f for f in plan.findings if f.severity != "error"), FULL_FINDINGS),
        remarks=remarks,
        remarks_more=remarks_more,
        capacity=capacity_rows(plan),
        capacity_note=capacity_note(plan),
        cost=_cost_table(plan),
        cost_note=cost_note(plan),
        unchanged=f"{plan.summary.noop:,} unchanged" if plan.summary.noop else "",
        summary=report.summary_line(plan),
        summary_style="danger" if plan.refused else "bold" if plan.has_changes or plan.errored else "good",
        duration=duration_line(plan),
        next_command=options.next_command,
    )


def _cost_table(plan: ShownPlan) -> tuple[tuple[str, ...], ...]:
    if plan.cost is None:
        return ()
    heads = (cost_title(plan.cost), "now", "after", "change")
    return (heads, *((row.name, row.now, row.after, row.change) for row in cost_rows(plan)))


def _some(items: Sequence[T], word: str) -> tuple[Sequence[T], str]:
    rest = len(items) - FULL_BLOCKS
    return items[:FULL_BLOCKS], f"… and {counted(rest, f'more {word}')}" if rest > 0 else ""


def _caution_lines(plan: ShownPlan, relations: Relations) -> list[str]:
    """`less isolation: model/ranker (enable_network_isolation)`."""
    return [
        f"{word}: {listed([f'{at} ({listed(fields, MOST_FIELDS)})' for at, fields in objects], MOST_NAMED)}"
        for word, objects in cautioned(plan, relations)
    ]


def _groups(blocks: Blocks, families: Families) -> tuple[list[tuple[list[Node], str]], set[str]]:
    """Endpoints by their treatment, worst first, alike ones together, and those besides; and what they account for."""
    groups, covered = [], set[str]()
    for treated in families.treated:
        worst = report.is_worst(treated[0].first)
        room = len(treated) if families.full else FULL_WORST if worst else FULL_BLOCKS
        shown = []
        for family in treated[:room]:
            alike = report.named_alike(family.others, family.varies, FULL_WORST if worst else FULL_NAMES)
            shown.append(blocks.block(family.first, covered, alike))
            covered.update(at for change in family.others for at in blocks.relations.family_of(change))
        rest = [change for family in treated[room:] for change in family.changes]
        covered.update(at for change in rest for at in blocks.relations.family_of(change))
        groups.append((shown, report.more_beside(rest)))
    return groups, covered
