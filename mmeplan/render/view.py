"""What the text of a plan shows, as data: blocks, nodes, rows. Words are chosen here; the layout is the template's.

In: a plan whose environment values are masked already. Out: `View`. Called by `text`.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Final

from mmeplan.plan.document import Plan, PlannedChange, PlannedDrift, PlannedField
from mmeplan.plan.gates import OUTAGE_GATES
from mmeplan.render.findings import FindingGroup, finding_groups
from mmeplan.render.nodes import Node, child_nodes, endpoint_fields, gone_node, node_of, symbol_of, tag_texts
from mmeplan.render.relations import Relations
from mmeplan.render.summary import summary_line
from mmeplan.render.traffic import VariantRow, variant_rows
from mmeplan.render.values import FieldGroup, counted, field_groups, place

FULL_BLOCKS: Final = 20  # blocks of one kind that are shown in full: more is a list, not a review
FULL_WORST: Final = 200  # outages, deletions and refusals: a reviewer wants them all
FULL_FINDINGS: Final = 20  # warnings of one rule
FULL_ERRORS: Final = 200

_EFFECT_ORDER: Final = ("outage", "delete", "traffic_shift", "in_place", "create", "none")


@dataclass(frozen=True, slots=True)
class Block:
    """One endpoint: what happens to it and its traffic, and the tree of what that follows from."""

    symbol: str
    style: str
    address: str
    place: str
    headline: str
    headline_style: str
    sentences: tuple[str, ...]
    variants: tuple[VariantRow, ...]
    groups: tuple[FieldGroup, ...]
    tags: tuple[str, ...]
    notes: tuple[str, ...]
    children: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Drifted:
    """One endpoint that somebody changed outside mmeplan."""

    address: str
    explanation: str
    groups: tuple[FieldGroup, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Blocks that are treated alike; `more` tells of those that are not shown."""

    blocks: tuple[Block, ...]
    more: str


@dataclass(frozen=True, slots=True)
class View:
    """Everything that the template shows, in the order in which it shows it."""

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
    unchanged: str
    summary: str
    summary_style: str


def view(plan: Plan) -> View:
    """The whole view of a plan."""
    relations = Relations(plan)
    groups, told = _groups(plan, relations)
    loose = _loose(plan, relations, told)
    remarks = _remarks(plan)
    return View(
        title=_title(plan),
        plan_id=plan.plan_id.removeprefix("sha256:")[:12],
        marks=_marks(plan),
        errors=finding_groups((f for f in plan.findings if f.severity == "error"), FULL_ERRORS),
        dangers=_dangers(plan),
        groups=groups,
        loose=tuple(loose[:FULL_BLOCKS]),
        loose_more=_more(len(loose) - FULL_BLOCKS, "object"),
        drift=tuple(map(_drifted, plan.drift[:FULL_BLOCKS])),
        drift_more=_more(len(plan.drift) - FULL_BLOCKS, "endpoint"),
        findings=finding_groups((f for f in plan.findings if f.severity != "error"), FULL_FINDINGS),
        remarks=remarks[:FULL_BLOCKS],
        remarks_more=_more(len(remarks) - FULL_BLOCKS, "note"),
        unchanged=f"{plan.summary.noop:,} unchanged" if plan.summary.noop else "",
        summary=summary_line(plan),
        summary_style="danger" if plan.refused else "bold" if plan.has_changes or plan.errored else "good",
    )


def _title(plan: Plan) -> str:
    environment = f" ({plan.environment})" if plan.environment else ""
    return f"fleet {plan.fleet}{environment} · account {plan.account} · {plan.region}"


def _marks(plan: Plan) -> tuple[str, ...]:
    """What a reader must know about the whole plan before anything else."""
    options = plan.options
    marks = []
    if options.destroy:
        marks.append("destroy: everything that this fleet owns goes")
    if options.speculative:
        marks.append("speculative: made to be read; it can't be applied")
    if options.rollback:
        marks.append(f"rollback: {', '.join(options.targets)} goes back to {options.rollback}")
    elif options.targets:
        marks.append(f"only {', '.join(options.targets)} and what that depends on (--target)")
    if options.replace:
        marks.append(f"made anew without a difference: {', '.join(options.replace)} (--replace)")
    if plan.errored:
        marks.append("not everything could be read, so this plan may lack changes")
    return tuple(marks)


def _more(number: int, word: str) -> str:
    return f"… and {number:,} more {word}{'s' if number != 1 else ''}" if number > 0 else ""


# --- endpoints --------------------------------------------------------------------------------------------------------


def _groups(plan: Plan, relations: Relations) -> tuple[tuple[Group, ...], set[str]]:
    """The endpoints' blocks, worst effect first, and the addresses of configs and models that they account for."""
    alike: dict[tuple[int, tuple[str, ...], str], list[PlannedChange]] = defaultdict(list)
    for change in plan.changes:
        if change.kind == "endpoint" and not change.is_noop:
            alike[_kind_of(change)].append(change)
    groups, told = [], set[str]()
    for key in sorted(alike):
        changes = alike[key]
        room = FULL_WORST if _is_worst(changes[0]) else FULL_BLOCKS
        blocks = tuple(_block(plan, relations, change, told) for change in changes[:room])
        for change in changes[room:]:
            told.update(relations.family_of(change))
        groups.append(Group(blocks, _more_alike(changes[room:])))
    return tuple(groups), told


def _kind_of(change: PlannedChange) -> tuple[int, tuple[str, ...], str]:
    order = -1 if change.refusal else _EFFECT_ORDER.index(change.effect) if change.effect in _EFFECT_ORDER else 0
    return order, change.actions, change.rollout or change.reason


def _is_worst(change: PlannedChange) -> bool:
    return bool(change.refusal) or change.effect in ("outage", "delete")


def _more_alike(rest: list[PlannedChange]) -> str:
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


def _block(plan: Plan, relations: Relations, change: PlannedChange, told: set[str]) -> Block:
    symbol, style = symbol_of(change)
    headline, headline_style = _headline(change)
    config = relations.config_of(change)
    return Block(
        symbol=symbol,
        style=style,
        address=change.address,
        place=place(change.location),
        headline=headline,
        headline_style=headline_style,
        sentences=_sentences(change),
        variants=variant_rows(change, relations, config),
        groups=field_groups(endpoint_fields(change, relations.main.get(config))),
        tags=tag_texts(change),
        notes=(*change.notes, *_kept(plan, change)),
        children=child_nodes(relations, change, config, told),
    )


def _headline(change: PlannedChange) -> tuple[str, str]:
    """What happens to traffic, in words, and the style of the line."""
    if change.refusal:
        return f"REFUSED: {change.refusal}", "danger"
    if change.reason == "unreadable":
        return "UNREADABLE: nothing is planned for it", "danger"
    if change.reason == "in_progress":
        return _as_sentence(change.explanation), "update"
    if change.effect == "outage":
        return f"OUTAGE: {change.explanation}", "danger"
    if change.effect == "delete":
        return f"DELETED: {change.explanation}", "danger"
    if change.effect == "traffic_shift":
        return f"traffic shifts: {change.rollout or 'blue/green'}", "update"
    if change.effect == "in_place":
        return "in place, no new fleet", "update"
    if change.effect == "create" and "delete" in change.actions:
        return "deleted and created: it serves nothing now", "update"
    if change.effect == "create":
        return f"created: {_as_sentence(change.explanation)}", "create"
    if change.actions == ("adopt",):
        return "taken under management; no effect on traffic", "update"
    return f"no effect on traffic: {change.explanation}", ""


def _as_sentence(explanation: str) -> str:
    """Explanations of endpoints that leave out their subject get it back."""
    return f"it {explanation}" if explanation.startswith("is ") else explanation


_TOLD_BY_HEADLINE: Final = frozenset({"new", "scale_changed", "in_progress", "tags_changed", "dependency_changed"})


def _sentences(change: PlannedChange) -> tuple[str, ...]:
    if change.refusal:
        return ()
    if change.actions[:1] == ("adopt",) and change.effect != "none":
        return ("taken under management first",)
    if change.effect in ("outage", "delete", "none") and change.reason != "unreadable":
        return ()
    return () if change.reason in _TOLD_BY_HEADLINE else (change.explanation,)


def _kept(plan: Plan, change: PlannedChange) -> tuple[str, ...]:
    names = plan.kept.get(change.address, ())
    if change.effect != "traffic_shift" or not names:
        return ()
    return (f"kept for a rollback: {', '.join(names)}",)


# --- the rest ---------------------------------------------------------------------------------------------------------


def _dangers(plan: Plan) -> tuple[str, ...]:
    """Outages and deletions that no gate tells of already: `OUTAGE of 1 endpoint: endpoint/ranker`."""
    told = {finding.address for finding in plan.findings if finding.severity == "error" and _tells(finding.rule)}
    found: dict[str, list[str]] = defaultdict(list)
    for change in plan.changes:
        if change.kind == "endpoint" and not change.refusal and change.address not in told:
            found[change.effect].append(change.address)
    words = (("outage", "OUTAGE of"), ("delete", "DELETION of"))
    return tuple(
        f"{word} {counted(len(found[effect]), 'endpoint')}: {_some(found[effect], 10)}"
        for effect, word in words
        if found[effect]
    )


def _tells(rule: str) -> bool:
    return rule.startswith("GATE-") or rule in OUTAGE_GATES


def _loose(plan: Plan, relations: Relations, told: set[str]) -> list[Node]:
    """Changes of configs and models that no endpoint's block accounts for."""
    nodes = []
    for change in plan.changes:
        if change.kind == "endpoint" or change.is_noop or change.address in told:
            continue
        gone = change.actions in (("delete",), ("forget",))
        nodes.append(gone_node(change) if gone else node_of(relations, change))
    return nodes


def _drifted(drift: PlannedDrift) -> Drifted:
    """Drift is told in the order of time: what was applied → what is live."""
    fields = (PlannedField(item.field, item.after, item.before, item.line) for item in drift.fields)
    return Drifted(drift.address, drift.explanation, field_groups(fields))


def _remarks(plan: Plan) -> tuple[tuple[str, str], ...]:
    """Notes on objects that don't change, one for all objects with the same note: (addresses, note)."""
    found: dict[str, list[str]] = defaultdict(list)
    for change in plan.changes:
        if change.is_noop:
            for note in change.notes:
                found[note].append(change.address)
    return tuple((_some(addresses), note) for note, addresses in found.items())


def _some(addresses: list[str], room: int = 3) -> str:
    rest = f" and {len(addresses) - room:,} more" if len(addresses) > room else ""
    return ", ".join(addresses[:room]) + rest
