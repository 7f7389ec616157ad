"""The bounds of loading, each from both sides: what lies on it is read, what lies a step beyond is refused for that."""

from __future__ import annotations

import inspect
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from mmeplan.errors import InputError
from mmeplan.spec import Fleet, document, for_each, load, load_text
from mmeplan.spec.document import MAX_ALIAS_NODES, MAX_DEPTH
from mmeplan.spec.expressions import MAX_EXPRESSION
from mmeplan.spec.sandbox import MAX_BITS, MAX_TEXT
from tests.work import calls_of

HEAD = "version: 1\nfleet: shop\n"
BELOW = MAX_DEPTH - 2  # levels that a variable's value may have: the root and `variables` are two


def loaded(text: str) -> Fleet:
    return load_text((HEAD + text).encode())


def refusals(text: str) -> list[str]:
    with pytest.raises(InputError) as refused:
        loaded(text)
    return [problem.message for problem in refused.value.problems]


def nested(levels: int, core: str = "x") -> str:
    return "[" * levels + core + "]" * levels


def valued(text: str, **variables: Any) -> str:
    """A fleet that has a scalar as the value of a container's environment."""
    model = {"primary_container": {"image": "x", "environment": {"VALUE": text}}}
    return f"variables: {json.dumps(variables)}\nmodels: {json.dumps({'m': model})}\n"


def value(fleet: Fleet) -> str:
    return str(fleet.models["m"].request["PrimaryContainer"]["Environment"]["VALUE"])


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        ("variables:\n  a: {whole}\n", BELOW),
        ("variables:\n  a: &a {half}\n  b: {rest_of_a}\n", BELOW),
        ("variables:\n  a: &a {half}\n  b: &b [*a]\n  c: {rest_of_b}\n", BELOW),
        ("variables:\n  a: &a [{half}, x]\n  b: &b [x, *a, [x]]\n  c: {rest_of_b}\n", BELOW - 1),
    ],
)
def test_nesting(text: str, levels: int) -> None:
    half = levels // 2

    def written(more: int) -> str:
        return text.format(
            whole=nested(levels + more),
            half=nested(half),
            rest_of_a=nested(levels - half + more, "*a"),
            rest_of_b=nested(levels - half - 1 + more, "*b"),
        )

    assert loaded(written(0)).name == "shop"
    assert refusals(written(1)) == [f"nested deeper than {MAX_DEPTH} levels"]


@pytest.mark.parametrize("anchored", ["[" + "x, " * 999 + "]", "{k: [" + "x, " * 997 + "x]}"])
def test_the_nodes_of_aliases(anchored: str) -> None:
    def written(aliases: int) -> str:
        return f"variables:\n  a: &a {anchored}\n  b: [" + "*a, " * aliases + "]\n"

    assert loaded(written(MAX_ALIAS_NODES // 1000)).name == "shop"
    assert refusals(written(MAX_ALIAS_NODES // 1000 + 1)) == [f"aliases expand to more than {MAX_ALIAS_NODES:,} nodes"]


def test_the_characters_of_a_scalar_with_expressions() -> None:
    longest = "{{ 1 }}" + "x" * (MAX_EXPRESSION - 7)
    assert value(loaded(valued(longest))) == "1" + "x" * (MAX_EXPRESSION - 7)
    (message,) = refusals(valued(longest + "x"))
    assert message == "{{ 1 }}" + "x" * 72 + "…: longer than 10,000 characters"


def test_an_expression_is_shown_on_a_line_and_to_its_bound() -> None:
    shown = "{{ 1 / 0 }} " + "x" * 68
    assert refusals(valued("{{ 1\n / 0 }}  " + "x" * 68)) == [f"{shown}: division by zero"]
    assert refusals(valued("{{ 1\n / 0 }}  " + "x" * 69)) == [f"{shown[:79]}…: division by zero"]


def test_the_characters_of_a_result() -> None:
    assert len(value(loaded(valued("{{ long }}", long="x" * MAX_TEXT)))) == MAX_TEXT
    assert refusals(valued("{{ long }}", long="x" * (MAX_TEXT + 1))) == [
        "{{ long }}: gives more than 100,000 characters",
    ]
    assert len(value(loaded(valued("a{{ long }}", long="x" * (MAX_TEXT - 1))))) == MAX_TEXT
    assert refusals(valued("a{{ long }}", long="x" * MAX_TEXT)) == ["a{{ long }}: gives more than 100,000 characters"]


def test_the_work_of_an_expression_grows_with_its_length() -> None:
    def work(filters: int) -> int:
        chain = " | upper" * filters
        return calls_of(lambda: loaded(valued(f"{{{{ name{chain} }}}}", name="x")))

    base = work(0)
    assert work(80) - base < 3 * (work(40) - base)


def test_the_size_of_a_number() -> None:
    half = f"2 ** {MAX_BITS // 2 - 1}"
    assert value(loaded(valued(f"{{{{ {half} * {half} + {half} * {half} }}}}"))) == str(2 ** (MAX_BITS - 1))
    four = " + ".join([f"{half} * {half}"] * 4)
    (message,) = refusals(valued(f"{{{{ {four} }}}}"))
    assert message.endswith("gives a number that is too large")


@pytest.fixture
def small_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds of a size that a test can reach."""
    monkeypatch.setattr(for_each, "MAX_ITEMS", 3)
    for module in (document, for_each):
        monkeypatch.setattr(module, "MAX_BYTES", 2**20)


@pytest.mark.usefixtures("small_bounds")
def test_the_items_of_a_for_each() -> None:
    assert list(loaded("models: {m: {for_each: [a, b, 0]}}\n").models) == ["m-a", "m-b", "m-0"]
    assert refusals("models: {m: {for_each: [a, b, c, d]}}\n") == ["for_each: more than 3 items"]


@pytest.mark.usefixtures("small_bounds")
@pytest.mark.parametrize("name", ["items.json", "items.yaml"])
def test_the_bytes_of_a_table(tmp_path: Path, name: str) -> None:
    (tmp_path / "fleet.yaml").write_text(f"{HEAD}models: {{m: {{for_each: {{file: {name}}}}}}}\n")
    (tmp_path / name).write_text('["a"]' + " " * (2**20 - 5))
    assert list(load(tmp_path / "fleet.yaml").models) == ["m-a"]
    (tmp_path / name).write_text('["a"]' + " " * (2**20 - 4))
    with pytest.raises(InputError, match=f"'{name}' is larger than 1 MiB"):
        load(tmp_path / "fleet.yaml")


@pytest.mark.usefixtures("small_bounds")
def test_the_characters_of_a_file() -> None:
    full = "#" * (2**20 - len(HEAD))
    assert loaded(full).name == "shop"
    assert refusals(full + "#") == ["the file is larger than 1 MiB"]


def test_a_stack_that_is_nearly_full_is_no_traceback() -> None:
    text = f"variables: {{a: {nested(BELOW)}}}\n"
    assert loaded(text).name == "shop"
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + MAX_DEPTH)
    try:
        with pytest.raises(InputError) as refused:
            loaded(text)
    finally:
        sys.setrecursionlimit(limit)
    assert [problem.message for problem in refused.value.problems] == ["nested too deeply"]
