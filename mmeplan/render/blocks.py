"""One endpoint as it is told by every rendering: what happens to it and its traffic, and the tree beneath it.

In: a plan whose environment values are masked already, its relations, and a change. Out: `Block`, texts without layout.
Called by `view` (text), `markdown` and `page` (HTML), so that the three say the same words.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from mmeplan.plan import Change
from mmeplan.plan.document import Plan, PlannedDrift
from mmeplan.plan.gates import OUTAGE_GATES
from mmeplan.render.nodes import Node, child_nodes, endpoint_fields, symbol_of, tag_texts
from mmeplan.render.relations import Relations
from mmeplan.render.traffic import VariantRow, variant_rows
from mmeplan.render.values import FieldGroup, counted, field_groups, place

SPECULATIVE: Final = "speculative: made from a snapshot to be read; it can't be applied"
EFFECT_ORDER: Final = ("outage", "delete", "traffic_shift", "in_place", "create", "none")
"""What traffic goes through, the worst first."""


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


def alike(plan: Plan) -> list[list[Change]]:
    """The endpoints that something happens to, those that are treated the same way together, worst effect first."""
    found: dict[tuple[int, tuple[str, ...], str], list[Change]] = defaultdict(list)
    for change in plan.changes:
        if change.kind == "endpoint" and not change.is_noop:
            found[_kind_of(change)].append(change)
    return [found[key] for key in sorted(found)]


def _kind_of(change: Change) -> tuple[int, tuple[str, ...], str]:
    return worst_first(change), change.actions, change.rollout or change.reason


def worst_first(change: Change) -> int:
    """A number to sort by: refusals, then the effects on traffic from the worst to the mildest."""
    return -1 if change.refusal else EFFECT_ORDER.index(change.effect) if change.effect in EFFECT_ORDER else 0


def is_worst(change: Change) -> bool:
    """Whether a reviewer wants to see it among however many."""
    return bool(change.refusal) or change.effect in ("outage", "delete")


def block_of(plan: Plan, relations: Relations, change: Change, told: set[str]) -> Block:
    """The block of an endpoint's change. Objects in `told` are only referred to; `told` is kept up."""
    symbol, style = symbol_of(change)
    words, headline_style = headline(change)
    config = relations.config_of(change)
    return Block(
        symbol=symbol,
        style=style,
        address=change.address,
        place=place(change.location),
        headline=words,
        headline_style=headline_style,
        sentences=_sentences(change),
        variants=variant_rows(change, relations, config),
        groups=field_groups(endpoint_fields(change, relations.main.get(config))),
        tags=tag_texts(change),
        notes=(*change.notes, *_kept(plan, change)),
        children=child_nodes(relations, change, config, told),
    )


def headline(change: Change) -> tuple[str, str]:
    """What happens to an endpoint's traffic, in words, and the style of the line."""
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


def _sentences(change: Change) -> tuple[str, ...]:
    if change.refusal:
        return ()
    if change.actions[:1] == ("adopt",) and change.effect != "none":
        return ("taken under management first",)
    if change.effect in ("outage", "delete", "none") and change.reason != "unreadable":
        return ()
    return () if change.reason in _TOLD_BY_HEADLINE else (change.explanation,)


def _kept(plan: Plan, change: Change) -> tuple[str, ...]:
    names = plan.kept.get(change.address, ())
    if change.effect != "traffic_shift" or not names:
        return ()
    return (f"kept for a rollback: {', '.join(names)}",)


# --- the whole plan ---------------------------------------------------------------------------------------------------


def marks(plan: Plan) -> tuple[str, ...]:
    """What a reader must know about the whole plan before anything else."""
    options = plan.options
    made = []
    if options.destroy:
        made.append("destroy: everything that this fleet owns goes")
    if options.rollback:
        made.append(f"rollback: {', '.join(options.targets)} goes back to {options.rollback}")
    elif options.targets:
        made.append(f"only {', '.join(options.targets)} and what that depends on (--target)")
    if options.replace:
        made.append(f"made anew without a difference: {', '.join(options.replace)} (--replace)")
    if plan.errored:
        made.append("not everything could be read, so this plan may lack changes")
    return tuple(made)


def untold_dangers(plan: Plan) -> Iterator[tuple[str, list[Change]]]:
    """(`OUTAGE of`, endpoints) and (`DELETION of`, endpoints) that no gate tells of already."""
    told = {finding.address for finding in plan.findings if finding.severity == "error" and _tells(finding.rule)}
    found: dict[str, list[Change]] = defaultdict(list)
    for change in plan.changes:
        if change.kind == "endpoint" and not change.refusal and change.address not in told:
            found[change.effect].append(change)
    for effect, words in (("outage", "OUTAGE of"), ("delete", "DELETION of")):
        if found[effect]:
            yield words, found[effect]


def _tells(rule: str) -> bool:
    return rule.startswith("GATE-") or rule in OUTAGE_GATES


def dangers(plan: Plan) -> tuple[str, ...]:
    """`OUTAGE of 1 endpoint: endpoint/ranker`, for what no gate tells of already."""
    return tuple(
        f"{words} {counted(len(changes), 'endpoint')}: {some([change.address for change in changes], 10)}"
        for words, changes in untold_dangers(plan)
    )


def drifted(drift: PlannedDrift) -> Drifted:
    """Drift is told in the order of time: what was applied → what is live."""
    fields = (replace(item, before=item.after, after=item.before) for item in drift.fields)
    return Drifted(drift.address, drift.explanation, field_groups(fields))


def remarks(plan: Plan) -> tuple[tuple[str, str], ...]:
    """Notes on objects that don't change, one for all objects with the same note: (addresses, note)."""
    found: dict[str, list[str]] = defaultdict(list)
    for change in plan.changes:
        if change.is_noop:
            for note in change.notes:
                found[note].append(change.address)
    return tuple((some(addresses), note) for note, addresses in found.items())


def some(addresses: Sequence[str], room: int = 3) -> str:
    """`a, b, c and 4 more`."""
    rest = f" and {len(addresses) - room:,} more" if len(addresses) > room else ""
    return ", ".join(addresses[:room]) + rest
