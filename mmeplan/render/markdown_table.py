"""The table of a Markdown page: every object that something happens to, what, why, and where it stands in the file.

In: a plan, its relations, and room in characters. Out: a table of all changes, worst first; where that is too long, the
dangerous ones one by one and the others as counts. Called by `markdown`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from mmeplan.plan import Change
from mmeplan.plan.document import Plan
from mmeplan.render.blocks import is_worst, worst_first
from mmeplan.render.markup import code, length, prose, row
from mmeplan.render.relations import Relations
from mmeplan.render.values import counted, place

_KINDS: Final = ("endpoint", "endpoint_config", "model")
_NOUNS: Final = {"endpoint": "endpoint", "endpoint_config": "endpoint config", "model": "model"}
_ACTIONS: Final = {
    "create": "create",
    "update": "update",
    "delete": "delete",
    "read": "wait",
    "forget": "forget",
    "adopt": "adopt",
}
_FIELDS: Final = 2  # fields that are named in a row
_CAUSES: Final = 3
_NOTHING: Final = ("none", "–")


def table(plan: Plan, relations: Relations, room: int) -> str:
    """The table in at most `room` characters; empty where nothing changes."""
    changes = sorted((c for c in plan.changes if not c.is_noop), key=_order)
    if not changes:
        return ""
    heads = [row("Address", "Action", "Traffic", "Why", "Where"), row("---", "---", "---", "---", "---")]
    rows = [_row(relations, change) for change in changes]
    if _size([*heads, *rows]) <= room:
        return "\n".join([*heads, *rows])
    return _with_counts(heads, changes, relations, room)


def _order(change: Change) -> tuple[int, int, str, str]:
    kind = _KINDS.index(change.kind) if change.kind in _KINDS else len(_KINDS)
    return worst_first(change) if kind == 0 or change.refusal else 99, kind, change.address, change.live_name


def _size(lines: Iterable[str]) -> int:
    return sum(length(line) + 1 for line in lines)


def _row(relations: Relations, change: Change) -> str:
    return row(
        code(change.address), action(change), _traffic(change), why(relations, change), _where(place(change.location))
    )


def _where(text: str) -> str:
    return code(text) if text else ""


def action(change: Change) -> str:
    """`create`, `**delete**, create`, `**refused**`."""
    if change.refusal:
        return "**refused**"
    if change.reason == "unreadable":
        return "**unreadable**"
    words = [_ACTIONS.get(word, prose(word)) for word in change.actions]
    risky = change.kind == "endpoint" and change.effect in ("outage", "delete")
    return ", ".join(f"**{word}**" if risky and word == "delete" else word for word in words)


def _traffic(change: Change) -> str:
    """What the requests to an endpoint go through."""
    if change.kind != "endpoint":
        return "–"
    match change.effect:
        case "outage":
            return "**OUTAGE**"
        case "delete":
            return "**gone for good**"
        case "traffic_shift":
            return f"shifts: {prose(change.rollout or 'blue/green')}"
        case "in_place":
            return f"in place{_shares(change)}"
        case "create":
            return "starts"
        case _:
            return "none"


def _shares(change: Change) -> str:
    counts = [item for item in change.traffic if item.instances_before != item.instances_after]
    told = [f"{prose(t.variant)} {t.instances_before} → {t.instances_after}" for t in counts[:_FIELDS]]
    return f": {', '.join(told)}" if told else ""


def why(relations: Relations, change: Change) -> str:
    """What makes the change necessary: its own fields, or the objects whose fields they are, or a sentence."""
    if change.refusal or change.reason in ("unreadable", "hosting_changed", "renamed_physically", "failed"):
        return prose(change.refusal or change.explanation)
    if change.actions in (("delete",), ("forget",)) and change.kind != "endpoint":
        return f"{code(change.live_name or change.name)}: {prose(change.explanation)}"
    own = _own_fields(change) if change.reason in ("content_changed", "scale_changed") else ""
    roots = [at for at in _roots(relations, change) if at != change.address]
    caused = f"{_listed(roots, _CAUSES)} {'changes' if len(roots) == 1 else 'change'}" if roots else ""
    return "; ".join(part for part in (own, caused) if part) or prose(change.explanation)


def _own_fields(change: Change) -> str:
    return _listed([item.field for item in change.fields], _FIELDS)


def _listed(names: Sequence[str], room: int) -> str:
    rest = f" and {len(names) - room:,} more" if len(names) > room else ""
    return ", ".join(map(code, names[:room])) + rest


def _roots(relations: Relations, change: Change) -> list[str]:
    """The changes at the beginning of the chain of causes, and those on the way that have fields of their own."""
    found: dict[str, None] = {}
    waiting, seen = list(change.causes), {change.address}
    while waiting:
        at = waiting.pop(0)
        if at in seen:
            continue
        seen.add(at)
        cause = relations.main.get(at)
        further = cause.causes if cause is not None else ()
        if cause is None or cause.fields or not further:
            found[at] = None
        waiting += further
    return list(found)


# --- too many for a table ---------------------------------------------------------------------------------------------


def _with_counts(heads: list[str], changes: list[Change], relations: Relations, room: int) -> str:
    """What is dangerous one by one as far as half of the room goes, the rest as one row for each kind of change."""
    worst = [change for change in changes if change.kind == "endpoint" and is_worst(change)]
    alone = _fitting(heads, (_row(relations, change) for change in worst), room // 2)
    told = {id(change) for change in worst[:alone]}
    grouped: dict[tuple[str, str, str], list[Change]] = defaultdict(list)
    for change in changes:
        if id(change) not in told:
            grouped[change.kind, action(change), _effect(change)].append(change)
    rows = [_row(relations, change) for change in worst[:alone]]
    groups = [_group_row(members) for members in grouped.values()]
    intro = f"{counted(len(changes), 'change')}: too many for one row each, so what is alike is counted."
    shown = _fitting([intro, "", *heads, *rows], groups, room - 80)
    more = [row(f"… and {len(groups) - shown:,} more kinds of change", "", "", "", "")] if shown < len(groups) else []
    return "\n".join([intro, "", *heads, *rows, *groups[:shown], *more])


def _fitting(before: Sequence[str], items: Iterable[str], room: int) -> int:
    """How many items fit into the room after `before`."""
    used = _size(before)
    fitting = 0
    for item in items:
        used += length(item) + 1
        if used > room:
            break
        fitting += 1
    return fitting


def _effect(change: Change) -> str:
    return change.effect if change.kind == "endpoint" else ""


def _group_row(members: Sequence[Change]) -> str:
    """`| **4,990 endpoints** `endpoint/a` … `endpoint/z` | update | shifts | 4,990 × its config changes | |`."""
    first, last = members[0], members[-1]
    noun = _NOUNS.get(first.kind, "object")
    names = code(first.address) if len(members) == 1 else f"{code(first.address)} … {code(last.address)}"
    reasons = Counter(change.explanation for change in members).most_common(_CAUSES)
    told = "; ".join(f"{number:,} × {prose(sentence)}" for sentence, number in reasons)
    traffic = {"traffic_shift": "shifts", "in_place": "in place"}.get(first.effect, _traffic(first))
    return row(f"**{counted(len(members), noun)}** {names}", action(first), traffic, told, "")
