"""The folded part of a Markdown page: for each endpoint everything that differs, as a diff.

In: a plan and its relations. Out: one `Detail` for each endpoint, and one for what no endpoint accounts for. Each
stands on its own, so that a page may leave out whole ones. Called by `markdown`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from mmeplan.plan import Change
from mmeplan.plan.document import Plan
from mmeplan.render.blocks import alike, block_of, headline
from mmeplan.render.markup import code_tag, fence, prose
from mmeplan.render.nodes import Node
from mmeplan.render.relations import Relations
from mmeplan.render.style import clean, columns, shorten
from mmeplan.render.values import ABSENT, FieldGroup
from mmeplan.render.view import loose_nodes

_VALUE_ROOM: Final = 1_000  # columns of one value
_LOOSE_ROOM: Final = 200  # configs and models without an endpoint that are listed
_MOST: Final = 400  # endpoints whose details are made


class Detail(NamedTuple):
    """A folded section, and the address that stands for it where it is left out."""

    address: str
    text: str


def details(plan: Plan, relations: Relations) -> tuple[list[Detail], int]:
    """The details of the endpoints that change, worst first, and of the objects that none accounts for.

    And how many endpoints there are besides: more than a few hundred details fit into no comment.
    """
    made, told = [], set[str]()
    changed = [change for changes in alike(plan) for change in changes]
    made += [_detail(plan, relations, change) for change in changed[:_MOST]]
    for change in changed:
        told.update(relations.family_of(change))
    loose = loose_nodes(plan, relations, told)
    if loose:
        lines = [line for node in loose[:_LOOSE_ROOM] for line in _node_lines(node)]
        if len(loose) > _LOOSE_ROOM:
            lines.append(f"# … and {len(loose) - _LOOSE_ROOM:,} more")
        made.append(Detail("other configs and models", _section("Other configs and models", lines)))
    return made, max(0, len(changed) - _MOST)


def _detail(plan: Plan, relations: Relations, change: Change) -> Detail:
    block = block_of(plan, relations, change, set())
    title = f"{code_tag(block.address)} {prose(headline(change)[0])}"
    lines = [f"# {_cut(sentence)}" for sentence in (*block.sentences, *block.notes)]
    lines += _variant_lines(block.variants)
    lines += _field_lines(block.groups)
    lines += _tag_lines(block.tags)
    for node in block.children:
        lines += _node_lines(node)
    return Detail(change.address, _section(title, lines))


def _section(title: str, lines: list[str]) -> str:
    body = fence(lines or ["  nothing else differs"])
    return f"<details>\n<summary>{title}</summary>\n\n{body}\n\n</details>"


def _cut(text: object) -> str:
    return shorten(clean(text), _VALUE_ROOM)


def _variant_lines(variants: tuple[tuple[str, ...], ...]) -> list[str]:
    """`! large  2 → 4 × ml.m5.xlarge  66.7 %`, in columns."""
    rows = [[_cut(cell) for cell in variant] for variant in variants]
    widths = [max(map(columns, column)) for column in zip(*rows, strict=True)] if rows else []
    made = []
    for cells in rows:
        padded = [cell + " " * (width - columns(cell)) for cell, width in zip(cells, widths, strict=True)]
        made.append(f"! {'  '.join(padded)}".rstrip())
    return made


def _node_lines(node: Node) -> Iterator[str]:
    where = f" ({_cut(node.place)})" if node.place else ""
    yield f"@@ {_cut(node.address)}{where}: {_cut(node.words)} @@"
    yield from (f"# {_cut(sentence)}" for sentence in (*node.sentences, *node.notes))
    yield from (f"+ {_cut(label)}: {_cut(value)}" for label, value in node.details)
    yield from _field_lines(node.groups)
    yield from _tag_lines(node.tags)


def _field_lines(groups: tuple[FieldGroup, ...]) -> Iterator[str]:
    for group in groups:
        for item in group.rows:
            name = f"{group.parent}.{item.name}" if group.parent else item.name
            if item.before != ABSENT:
                yield f"- {_cut(name)}: {_cut(item.before)}"
            if item.after != ABSENT:
                yield f"+ {_cut(name)}: {_cut(item.after)}"


def _tag_lines(tags: tuple[str, ...]) -> Iterator[str]:
    for tag in tags:
        yield f"{tag[:1]} tag {_cut(tag[1:])}"
