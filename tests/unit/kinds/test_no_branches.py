"""No phase asks which kind an object is of: it asks the kind, or its lifecycle; a look-up asks the kind for its name.

A syntax tree shows a branch by a literal (`"endpoint"`), by a constant (`ENDPOINT`) and by a class (`LiveEndpoint`).
Naming the kind of what is looked up (`snapshot.get(ENDPOINT, name)`) is none.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from mmeplan import kinds

ROOT = Path(kinds.__file__).parents[1]
OWN = ("kinds/", "rules/", "simulator/")
KINDS = ("model", "endpoint_config", "endpoint")
SECTIONS = ("models", "endpoint_configs", "endpoints")
PREFIXES = tuple(f"{kind}/" for kind in KINDS)
CLASSES = ("LiveModel", "LiveEndpointConfig", "LiveEndpoint")
CONSTANTS = ("MODEL", "ENDPOINT_CONFIG", "ENDPOINT")


def names_a_kind(node: ast.AST) -> bool:
    """Whether an expression is the name, the section, the constant or the class of a kind."""
    if isinstance(node, ast.Constant):
        return node.value in (*KINDS, *SECTIONS)
    if isinstance(node, ast.Attribute):
        return node.attr in (*CONSTANTS, *CLASSES) or (node.attr in ("name", "section") and names_a_kind(node.value))
    return isinstance(node, ast.Name) and node.id in (*CONSTANTS, *CLASSES)


def holds_kinds(node: ast.AST, at_least: int) -> bool:
    """Whether a display holds so many names of kinds."""
    if not isinstance(node, (ast.Tuple, ast.List, ast.Set)):
        return False
    return sum(any(names_a_kind(n) for n in ast.walk(item)) for item in node.elts) >= at_least


def branches(source: str) -> Iterator[tuple[int, str]]:
    """(Line, source text) of everything that tells kinds apart."""
    for node in ast.walk(ast.parse(source)):
        found = False
        if isinstance(node, ast.Compare):
            found = any(names_a_kind(side) or holds_kinds(side, 1) for side in (node.left, *node.comparators))
            about = ast.unparse(node)
            found = found and ("kind" in about.lower() or any(isinstance(op, (ast.Eq, ast.NotEq)) for op in node.ops))
        elif isinstance(node, (ast.Tuple, ast.List, ast.Set)):
            found = sum(names_a_kind(item) for item in node.elts) >= 2
        elif isinstance(node, ast.Dict):
            found = sum(key is not None and (names_a_kind(key) or holds_kinds(key, 1)) for key in node.keys) >= 2
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("isinstance", "issubclass", "type"):
            found = any(names_a_kind(n) for arg in node.args[1:] for n in ast.walk(arg))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "startswith":
            found = any(isinstance(n, ast.Constant) and n.value in PREFIXES for arg in node.args for n in ast.walk(arg))
        elif isinstance(node, ast.match_case):
            found = any(names_a_kind(n) for n in ast.walk(node.pattern))
        if found:
            yield getattr(node, "lineno", 0) or node.pattern.lineno, ast.unparse(node)  # type: ignore[attr-defined]


LOOK_UPS = (
    *("of_kind", "owned", "owned_at", "present", "declared", "address", "digest", "digests", "address_of", "note"),
    *("names_of", "tags_by_name", "live_object", "describe_call", "NameIsFree", "TagsOwnedBy", "Reference"),
)
"""What is asked for objects of a kind, or is about one."""


def spelled(source: str) -> Iterator[tuple[int, str]]:
    """(Line, source text) of every look-up that spells a kind's name instead of asking the kind."""
    for node in ast.walk(ast.parse(source)):
        found = False
        if isinstance(node, ast.Call):
            function = node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)
            asked = ast.unparse(node.func).endswith(("snapshot.get", "objects.get"))
            given = (*node.args, *(keyword.value for keyword in node.keywords if keyword.arg == "kind"))
            found = any(isinstance(arg, ast.Constant) and arg.value in KINDS for arg in given) and (
                asked or function.lstrip("_") in LOOK_UPS or any(keyword.arg == "kind" for keyword in node.keywords)
            )
        elif isinstance(node, ast.Subscript):
            of = ast.unparse(node.value)
            found = of.endswith("objects") and isinstance(node.slice, ast.Constant) and node.slice.value in KINDS
        if found:
            yield node.lineno, ast.unparse(node)


SPELLING = {
    "cli/completing.py",  # the command line imports no kinds
    "render/traffic.py",
    "graph.py",
    "diff/removals.py",
    "importing/drafting.py",
    "plan/gates.py",
    "plan/permissions.py",
    "plan/step.py",
    "plan/steps.py",
}
"""Modules that still spell kinds' names in look-ups. None comes to them."""


def modules() -> list[Path]:
    found = sorted(ROOT.rglob("*.py"))
    return [path for path in found if not str(path.relative_to(ROOT)).startswith(OWN)]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_branches_on_which_kind_it_is(path: Path) -> None:
    assert [f"{line}: {text}" for line, text in branches(path.read_text())] == []


def test_look_ups_ask_the_kind_for_its_name() -> None:
    found = {str(path.relative_to(ROOT)) for path in modules() if list(spelled(path.read_text()))}
    assert found <= SPELLING


@pytest.mark.parametrize(
    "source",
    [
        "for live in inputs.owned('endpoint'): pass",
        "x = snapshot.get('model', name)",
        "x = snapshot.objects['model']",
        "x = snapshot.objects.get('endpoint_config', {})",
        "x = address('endpoint', name)",
        "x = Change(kind='endpoint')",
        "x = self._missing(1) or graph.declared('model', name)",
    ],
)
def test_a_name_that_is_spelled_is_seen(source: str) -> None:
    assert list(spelled(source))
    assert not list(
        spelled(
            source.replace("'endpoint'", "ENDPOINT.name")
            .replace("'model'", "MODEL.name")
            .replace("'endpoint_config'", "ENDPOINT_CONFIG.name")
        )
    )
    assert not list(spelled("x = variant.get('model')"))


@pytest.mark.parametrize(
    "source",
    [
        "x = change.kind == 'endpoint'",
        "x = kind in ('model', 'endpoint_config')",
        "x = kind != ENDPOINT.name",
        "x = kind is kinds.MODEL",
        "x = {'model': 1, 'endpoint': 2}[kind]",
        "x = {(ENDPOINT.name, 1): 1, (MODEL.name, 2): 2}",
        "for kind in ('endpoint_config', 'model'): pass",
        "x = isinstance(live, LiveEndpoint)",
        "x = isinstance(live, (live.LiveModel, str))",
        "x = address.startswith('endpoint_config/')",
        "match kind:\n  case 'model': pass",
        "x = operation in OF['endpoint'] if kind == ENDPOINT else 1",
    ],
)
def test_a_branch_is_seen(source: str) -> None:
    assert list(branches(source))


@pytest.mark.parametrize(
    "source", ["snapshot.get(ENDPOINT.name, 'x')", "variant.get('model') == 1", "x = ('a', 'model')"]
)
def test_naming_a_kind_is_no_branch(source: str) -> None:
    assert not list(branches(source))
