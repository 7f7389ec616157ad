"""No module imports, directly or through others, one that imports it; imports for types alone count as well.

Packages' own `__init__` collect names and are left out: what they collect is looked at module by module.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import networkx

import mmeplan

ROOT = Path(mmeplan.__file__).parent
KNOWN = {
    ("mmeplan.kinds.kind", "mmeplan.kinds.live"),
    ("mmeplan.spec.forms", "mmeplan.spec.hints", "mmeplan.spec.surface"),
}
"""For types alone: a kind names the class of its live objects; the surface's texts are written for its nodes."""


def sources() -> dict[str, str]:
    """Dotted name → text of every module that is no package."""
    return {
        ".".join(("mmeplan", *path.relative_to(ROOT).with_suffix("").parts)): path.read_text()
        for path in ROOT.rglob("*.py")
        if path.stem not in ("__init__", "__main__")
    }


def imported(source: str) -> Iterator[str]:
    """What a module imports when it is imported itself, or for types: `a.b` and `a.b.c` of `from a.b import c`."""
    pending: list[ast.AST] = [ast.parse(source)]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{name.name}" for name in node.names)
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            pending += ast.iter_child_nodes(node)


def circles(texts: Mapping[str, str]) -> set[tuple[str, ...]]:
    """The groups of modules that import each other."""
    graph = networkx.DiGraph(
        (name, other) for name, text in texts.items() for other in imported(text) if other in texts and other != name
    )
    return {tuple(sorted(found)) for found in networkx.strongly_connected_components(graph) if len(found) > 1}


def test_no_modules_import_each_other() -> None:
    assert circles(sources()) == KNOWN


def test_a_circle_through_types_is_seen() -> None:
    texts = {
        "mmeplan.a": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from mmeplan.b import B",
        "mmeplan.b": "from mmeplan import c",
        "mmeplan.c": "import mmeplan.a",
    }
    assert circles(texts) == {("mmeplan.a", "mmeplan.b", "mmeplan.c")}
    assert circles({**texts, "mmeplan.c": "def later():\n    import mmeplan.a"}) == set()
