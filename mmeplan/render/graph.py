"""A graph as Mermaid or Graphviz text: the output of `graph`.

In: nodes as (address, label, kind) and edges as (from, to), by address. Out: text that is valid whatever the names.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from mmeplan.render.style import clean

Nodes = Sequence[tuple[str, str, str]]
Edges = Sequence[tuple[str, str]]

_ENTITIES: Final = str.maketrans({char: f"#{ord(char)};" for char in '#"&<>`\\'})
_MERMAID_SHAPES: Final = {"endpoint": ('(["', '"])'), "endpoint_config": ('["', '"]'), "model": ('[("', '")]')}
_DOT_SHAPES: Final = {"endpoint": "oval", "endpoint_config": "box", "model": "cylinder"}


def mermaid(nodes: Nodes, edges: Edges) -> str:
    """A Mermaid flowchart, from left to right. Nodes that only an edge names are drawn by their address."""
    known = _with_missing(nodes, edges)
    ids = {address: f"n{number}" for number, (address, _, _) in enumerate(known)}
    lines = ["flowchart LR"]
    for address, label, kind in known:
        opening, closing = _MERMAID_SHAPES.get(kind, ('["', '"]'))
        text = "<br/>".join(clean(part).translate(_ENTITIES) for part in _texts(address, label))
        lines.append(f"  {ids[address]}{opening}{text}{closing}")
    lines += [f"  {ids[start]} --> {ids[end]}" for start, end in edges]
    return "\n".join(lines) + "\n"


def dot(nodes: Nodes, edges: Edges) -> str:
    """A Graphviz digraph, from left to right."""
    lines = ["digraph mmeplan {", "  rankdir=LR;", '  node [fontname="sans-serif"];']
    for address, label, kind in _with_missing(nodes, edges):
        text = "\\n".join(_escaped(part) for part in _texts(address, label))
        lines.append(f'  "{_escaped(address)}" [label="{text}", shape={_DOT_SHAPES.get(kind, "box")}];')
    lines += [f'  "{_escaped(start)}" -> "{_escaped(end)}";' for start, end in edges]
    return "\n".join([*lines, "}"]) + "\n"


def _with_missing(nodes: Nodes, edges: Edges) -> list[tuple[str, str, str]]:
    """The nodes, each address once, and those that only an edge names."""
    known = {address: (address, label, kind) for address, label, kind in reversed(nodes)}
    ordered = {address: known[address] for address, _, _ in nodes}
    for address in _ends(edges):
        ordered.setdefault(address, (address, "", address.partition("/")[0]))
    return list(ordered.values())


def _ends(edges: Edges) -> Iterable[str]:
    for edge in edges:
        yield from edge


def _texts(address: str, label: str) -> tuple[str, ...]:
    return (address,) if label in ("", address) else (address, label)


def _escaped(text: str) -> str:
    return clean(text).replace("\\", "\\\\").replace('"', '\\"')
