"""What the text of a plan shows, as data: blocks, nodes, rows. Words are chosen here; the layout is the template's.

In: a plan whose environment values are masked already. Out: `View`. Called by `text`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mmeplan.plan import Change
from mmeplan.plan.document import Plan
from mmeplan.render.blocks import Block, Drifted, alike, block_of, dangers, drifted, is_worst, marks, remarks
from mmeplan.render.capacity import capacity_note, capacity_rows
from mmeplan.render.findings import FindingGroup, finding_groups
from mmeplan.render.nodes import Node, gone_node, node_of
from mmeplan.render.relations import Relations
from mmeplan.render.summary import summary_line
from mmeplan.render.values import counted

FULL_BLOCKS: Final = 20  # blocks of one kind that are shown in full: more is a list, not a review
FULL_WORST: Final = 200  # outages, deletions and refusals: a reviewer wants them all
FULL_FINDINGS: Final = 20  # warnings of one rule
FULL_ERRORS: Final = 200


@dataclass(frozen=True, slots=True)
class Group:
    """Blocks that are treated alike; `more` tells of those that are not shown."""

    blocks: tuple[Block, ...]
    more: str


@dataclass(frozen=True, slots=True)
class View:
    """Everything that the template shows, in the order in which it shows it."""

    speculative: bool
    title: str
    plan_id: str
    marks: tuple[str, ...]
    errors: tuple[FindingGroup, ...]
    dangers: tuple[str, ...]
    groups: tuple[Group, ...]
    loose: tuple[Node, ...]
    loose_more: str
    drift: tuple[Drifted, ...]
    drift_more: str
    findings: tuple[FindingGroup, ...]
    remarks: tuple[tuple[str, str], ...]
    remarks_more: str
    capacity: tuple[tuple[str, ...], ...]
    capacity_note: str
    unchanged: str
    summary: str
    summary_style: str


def view(plan: Plan) -> View:
    """The whole view of a plan."""
    relations = Relations(plan)
    groups, told = _groups(plan, relations)
    loose = loose_nodes(plan, relations, told)
    notes = remarks(plan)
    return View(
        speculative=plan.options.speculative,
        title=title(plan),
        plan_id=short_id(plan),
        marks=marks(plan),
        errors=finding_groups((f for f in plan.findings if f.severity == "error"), FULL_ERRORS),
        dangers=dangers(plan),
        groups=groups,
        loose=tuple(loose[:FULL_BLOCKS]),
        loose_more=_more(len(loose) - FULL_BLOCKS, "object"),
        drift=tuple(map(drifted, plan.drift[:FULL_BLOCKS])),
        drift_more=_more(len(plan.drift) - FULL_BLOCKS, "endpoint"),
        findings=finding_groups((f for f in plan.findings if f.severity != "error"), FULL_FINDINGS),
        remarks=notes[:FULL_BLOCKS],
        remarks_more=_more(len(notes) - FULL_BLOCKS, "note"),
        capacity=capacity_rows(plan),
        capacity_note=capacity_note(plan),
        unchanged=f"{plan.summary.noop:,} unchanged" if plan.summary.noop else "",
        summary=summary_line(plan),
        summary_style="danger" if plan.refused else "bold" if plan.has_changes or plan.errored else "good",
    )


def title(plan: Plan) -> str:
    """`fleet prices (prod) · account 123456789012 · eu-west-1`."""
    environment = f" ({plan.environment})" if plan.environment else ""
    return f"fleet {plan.fleet}{environment} · account {plan.account} · {plan.region}"


def short_id(plan: Plan) -> str:
    """The first twelve hex digits of the plan's id."""
    return plan.plan_id.removeprefix("sha256:")[:12]


def _more(number: int, word: str) -> str:
    return f"… and {number:,} more {word}{'s' if number != 1 else ''}" if number > 0 else ""


def _groups(plan: Plan, relations: Relations) -> tuple[tuple[Group, ...], set[str]]:
    """The endpoints' blocks, worst effect first, and the addresses of configs and models that they account for."""
    groups, told = [], set[str]()
    for changes in alike(plan):
        room = FULL_WORST if is_worst(changes[0]) else FULL_BLOCKS
        blocks = tuple(block_of(plan, relations, change, told) for change in changes[:room])
        for change in changes[room:]:
            told.update(relations.family_of(change))
        groups.append(Group(blocks, _more_alike(changes[room:])))
    return tuple(groups), told


def _more_alike(rest: list[Change]) -> str:
    if not rest:
        return ""
    first = rest[0]
    one = len(rest) == 1
    words = {
        ("create", ("create",)): ("is created", "are created"),
        ("traffic_shift", ("update",)): ("shifts its traffic", "shift their traffic"),
        ("in_place", ("update",)): ("is changed in place", "are changed in place"),
        ("outage", first.actions): ("goes down", "go down"),
        ("delete", first.actions): ("is deleted", "are deleted"),
    }.get((first.effect, first.actions), ("is treated", "are treated"))
    names = first.address if one else f"{first.address} … {rest[-1].address}"
    return f"… and {counted(len(rest), 'more endpoint')} {words[0] if one else words[1]} the same way ({names})"


def loose_nodes(plan: Plan, relations: Relations, told: set[str]) -> list[Node]:
    """Changes of configs and models that no endpoint's block accounts for."""
    nodes = []
    for change in plan.changes:
        if change.kind == "endpoint" or change.is_noop or change.address in told:
            continue
        gone = change.actions in (("delete",), ("forget",))
        nodes.append(gone_node(change) if gone else node_of(relations, change))
    return nodes
