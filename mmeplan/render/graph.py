"""A dependency graph as Mermaid or Graphviz text (`graph`), and as the picture of the report.

In: nodes as (address, label, kind) and edges as (from, to), by address; or a shown plan and its relations. Out: text
that is valid whatever the names; `Picture`, boxes and curves with their places in pixels, which the template draws:
endpoints at the left, their configs, and models at the right. Where there are too many boxes to look at, those that are
alike become one with a number.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from mmeplan.kinds import is_kind, kind_named
from mmeplan.plan import Change
from mmeplan.render import report
from mmeplan.render.door import ShownPlan
from mmeplan.render.relations import Relations
from mmeplan.render.style import clean, shorten
from mmeplan.render.values import counted

Nodes = Sequence[tuple[str, str, str]]
Edges = Sequence[tuple[str, str]]

MOST_BOXES: Final = 90  # boxes that are drawn one by one
MOST_ENDPOINTS: Final = 24  # endpoints that stay alone where not everything can
_ENTITIES: Final = str.maketrans({char: f"#{ord(char)};" for char in '#"&<>`\\'})

WIDTH: Final = 236  # of a box
HEIGHT: Final = 30
_GAP: Final = 96  # between columns: room for the curves
_STEP: Final = 40  # from box to box
_TOP: Final = 34  # room for the columns' titles
_LABEL: Final = 26  # characters of a label in a box
_NOWHERE: Final = 1e9  # the row of a box that nothing leads to


def mermaid(nodes: Nodes, edges: Edges) -> str:
    """A Mermaid flowchart, from left to right. Nodes that only an edge names are drawn by their address."""
    known = _with_missing(nodes, edges)
    ids = {address: f"n{number}" for number, (address, _, _) in enumerate(known)}
    lines = ["flowchart LR"]
    for address, label, kind in known:
        (opening, closing), _ = _shapes(kind)
        text = "<br/>".join(clean(part).translate(_ENTITIES) for part in _texts(address, label))
        lines.append(f"  {ids[address]}{opening}{text}{closing}")
    lines += [f"  {ids[start]} --> {ids[end]}" for start, end in edges]
    return "\n".join(lines) + "\n"


def dot(nodes: Nodes, edges: Edges) -> str:
    """A Graphviz digraph, from left to right."""
    lines = ["digraph mmeplan {", "  rankdir=LR;", '  node [fontname="sans-serif"];']
    for address, label, kind in _with_missing(nodes, edges):
        text = "\\n".join(_escaped(part) for part in _texts(address, label))
        lines.append(f'  "{_escaped(address)}" [label="{text}", shape={_shapes(kind)[1]}];')
    lines += [f'  "{_escaped(start)}" -> "{_escaped(end)}";' for start, end in edges]
    return "\n".join([*lines, "}"]) + "\n"


def _shapes(kind: str) -> tuple[tuple[str, str], str]:
    """Mermaid's brackets and DOT's shape. Nodes that only an edge names have no kind."""
    return kind_named(kind).shapes if is_kind(kind) else (('["', '"]'), "box")


def _with_missing(nodes: Nodes, edges: Edges) -> list[tuple[str, str, str]]:
    """The nodes, each address once, and those that only an edge names."""
    known = {address: (address, label, kind) for address, label, kind in reversed(nodes)}
    ordered = {address: known[address] for address, _, _ in nodes}
    for address in (end for edge in edges for end in edge):
        ordered.setdefault(address, (address, "", address.partition("/")[0]))
    return list(ordered.values())


def _texts(address: str, label: str) -> tuple[str, ...]:
    return (address,) if label in ("", address) else (address, label)


def _escaped(text: str) -> str:
    return clean(text).replace("\\", "\\\\").replace('"', '\\"')


# --- a picture --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Box:
    """One object, or a number of objects that are alike. `state` is create, update, delete, danger or same.

    `x` and `y` are the upper left corner; `order` is what it is sorted by within its column.
    """

    key: str
    kind: str
    label: str
    title: str
    state: str
    symbol: str
    order: tuple[int, str]
    x: int = 0
    y: int = 0
    href: str = ""


@dataclass(frozen=True, slots=True)
class Curve:
    """What needs what: from the right edge of a box to the left edge of another."""

    start: str
    end: str
    path: str
    changed: bool


@dataclass(frozen=True, slots=True)
class Picture:
    """The whole picture. `columns` are (x, title)."""

    width: int
    height: int
    columns: tuple[tuple[int, str], ...]
    boxes: tuple[Box, ...]
    curves: tuple[Curve, ...]
    words: str


def picture(plan: ShownPlan, relations: Relations, links: Mapping[str, str]) -> Picture | None:
    """The picture of what the plan knows, nothing where it knows no endpoint. `links` are address → anchor."""
    gone = {at: found[0] for at, found in relations.gone.items() if at not in relations.main}
    changes = {at: change for at, change in {**relations.main, **gone}.items() if is_kind(change.kind)}
    if not any(change.is_swapped for change in changes.values()):
        return None
    pairs = _pairs(relations, changes)
    boxes_of = _boxes_of(changes, pairs)
    edges = {(boxes_of[a].key, boxes_of[b].key) for a, b in pairs}
    anchors = {boxes_of[at].key: link for at, link in reversed(list(links.items())) if at in boxes_of}
    columns = _columns(changes)
    boxes = _placed(columns, {box.key: box for box in (boxes_of[at] for at in changes)}, edges, anchors)
    curves = tuple(_curve(boxes[a], boxes[b]) for a, b in sorted(edges))
    titles = tuple((index * (WIDTH + _GAP), _title(kind)) for index, kind in enumerate(columns))
    height = max(box.y for box in boxes.values()) + HEIGHT + 2
    return Picture(
        len(columns) * (WIDTH + _GAP) - _GAP + 2, height, titles, tuple(boxes.values()), curves, _words(changes)
    )


def _pairs(relations: Relations, changes: Mapping[str, Change]) -> set[tuple[str, str]]:
    """(what needs, what is needed), by address."""
    pairs = {(at, to) for at, change in changes.items() for to in change.references}
    for at, change in changes.items():
        if not change.is_swapped or change.references:
            continue
        config, models = relations.needs(change)
        if config in changes:
            pairs.add((at, config))
            pairs |= {(config, to) for to in models if not changes[config].references}
        for to in relations.left_by(at):
            if to in changes and to in relations.gone:
                pairs.add((at if kind_named(changes[to].kind).is_swapped_to else config, to))
    order = report.kinds_in_order()
    ranks = {at: order.index(change.kind) for at, change in changes.items()}
    return {(a, b) for a, b in pairs if a in changes and b in changes and ranks[a] < ranks[b]}


def _boxes_of(changes: Mapping[str, Change], pairs: Iterable[tuple[str, str]]) -> dict[str, Box]:
    """Address → the box that it is drawn in: its own, or one of many."""
    alone = set(changes)
    if len(changes) > MOST_BOXES:
        needed: dict[str, list[str]] = defaultdict(list)
        for a, b in pairs:
            needed[a].append(b)
        endpoints = (at for at, change in changes.items() if change.is_swapped and not change.is_noop)
        first = sorted(endpoints, key=lambda at: (report.rank(changes[at]), at))[:MOST_ENDPOINTS]
        configs = {config for at in first for config in needed[at][:2]}
        alone = {*first, *configs, *(model for at in configs for model in needed[at][:2])}
    grouped: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    boxes = {}
    for at, change in changes.items():
        if at in alone:
            boxes[at] = _alone(at, change)
        else:
            grouped[change.kind, report.state_of(change), change.effect if change.is_swapped else ""].append(at)
    for (kind, state, effect), members in grouped.items():
        node = _together(kind, state, effect, members, changes)
        boxes.update(dict.fromkeys(members, node))
    return boxes


def _alone(at: str, change: Change) -> Box:
    title = f"{at}: {report.together(change)}"
    order = (99 if change.is_noop else report.rank(change), at)
    label = shorten(at.partition("/")[2] or at, _LABEL)
    return Box(at, change.kind, label, title, report.state_of(change), report.sign_of(change).text, order)


def _together(kind: str, state: str, effect: str, members: list[str], changes: Mapping[str, Change]) -> Box:
    first, number = changes[members[0]], counted(len(members), report.noun_of(kind))
    label = number if len(members) > 1 else members[0].partition("/")[2]
    title = f"{number}: {report.together(first, effect)} ({members[0]} … {members[-1]})"
    key = f"group:{kind}:{state}:{effect}"
    return Box(key, kind, shorten(label, _LABEL), title, state, report.sign_of(first).text, (100, key))


def _placed(
    kinds: Sequence[str], boxes: Mapping[str, Box], edges: Iterable[tuple[str, str]], anchors: Mapping[str, str]
) -> dict[str, Box]:
    """Column by column: endpoints by what happens to them, the others as near as can be to what needs them."""
    above: dict[str, list[str]] = defaultdict(list)
    for a, b in edges:
        above[b].append(a)
    rows: dict[str, int] = {}
    placed = dict(boxes)
    for index, kind in enumerate(kinds):
        column = [box for box in boxes.values() if box.kind == kind]
        seen = {box.key: [rows[at] for at in above[box.key] if at in rows] for box in column}
        wanted = {key: sum(found) / len(found) if found else _NOWHERE for key, found in seen.items()}
        free = 0
        for box in sorted(column, key=lambda box: (wanted[box.key], box.order)):
            want = wanted[box.key]
            row = max(free, round(want)) if want < _NOWHERE else free
            rows[box.key], free = row, row + 1
            x, y = index * (WIDTH + _GAP) + 1, _TOP + row * _STEP
            placed[box.key] = replace(box, x=x, y=y, href=anchors.get(box.key, ""))
    return placed


def _columns(changes: Mapping[str, Change]) -> tuple[str, ...]:
    """The kinds that have a column: what serves and what that needs; any other where there are objects of it."""
    drawn = {change.kind for change in changes.values()}
    drawn |= {
        kind.name
        for kind in map(kind_named, report.kinds_in_order())
        if kind.is_swapped or any(of.section for of in kind.referrers)
    }
    return tuple(kind for kind in report.kinds_in_order() if kind in drawn)


def _title(kind: str) -> str:
    words = report.noun_of(kind)
    return f"{words[0].upper()}{words[1:]}s"


def _curve(start: Box, end: Box) -> Curve:
    x1, y1, x2, y2 = start.x + WIDTH, start.y + HEIGHT // 2, end.x, end.y + HEIGHT // 2
    bend = (x2 - x1) // 2
    path = f"M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}"
    return Curve(start.key, end.key, path, start.state != "same" and end.state != "same")


def _words(changes: Mapping[str, Change]) -> str:
    """`3 endpoints, 2 endpoint configs and 1 model; 4 of them change`."""
    numbers = Counter(change.kind for change in changes.values())
    counts = [counted(numbers[kind], report.noun_of(kind)) for kind in _columns(changes)]
    changed = sum(not change.is_noop for change in changes.values())
    return f"{', '.join(counts[:-1])} and {counts[-1]}; {changed:,} of them {'changes' if changed == 1 else 'change'}"
