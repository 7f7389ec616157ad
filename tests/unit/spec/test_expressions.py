"""Expressions: types kept, nothing escapes, nothing explodes."""

from __future__ import annotations

from typing import Any

import pytest

from mmeplan.spec.document import plain_scalar
from mmeplan.spec.expressions import (
    MAX_EXPRESSION,
    ExpressionError,
    evaluate,
    evaluate_text,
    names_in,
)
from mmeplan.spec.sandbox import MAX_NODES, MAX_TEXT
from tests.work import peak_of

NAMES: dict[str, Any] = {
    "count": 3,
    "ratio": 0.5,
    "on": True,
    "nothing": None,
    "name": "ranker",
    "zones": ["a", "b"],
    "sizes": {"small": 1, "large": {"n": 4}},
    "release": plain_scalar("1.10"),
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{{ count }}", 3),
        ("{{count}}", 3),
        ("{{- count -}}", 3),
        ("  {{ count }}\n", 3),
        ("{# why #}{{ count }}{# because #}", 3),
        ("{{ ratio }}", 0.5),
        ("{{ on }}", True),
        ("{{ nothing }}", None),
        ("{{ zones }}", ["a", "b"]),
        ("{{ sizes.large }}", {"n": 4}),
        ("{{ (1, (2, 3)) }}", [1, [2, 3]]),
        ("{{ count * 2 + 1 }}", 7),
        ("{{ 'x' if on else 'y' }}", "x"),
        ("{{ missing | default('d') }}", "d"),
        ("{{ name | upper }}", "RANKER"),
        ("{{ zones | join('-') }}", "a-b"),
        ("{{ zones | map('upper') | list }}", ["A", "B"]),
        ("{{ '%03d' | format(count) }}", "003"),
        ("{{ [[1], [2]] | sum(start=[]) }}", [1, 2]),
        ("{{ '<' | e }}", "&lt;"),
        ("{{ name.split('k') }}", ["ran", "er"]),
        ("{{ name.replace('r', 'R') }}", "RankeR"),
        ("{{ ','.join(zones) }}", "a,b"),
    ],
)
def test_a_whole_expression_keeps_its_type(text: str, value: Any) -> None:
    made = evaluate_text(text, NAMES)
    assert made == value
    assert isinstance(made, bool) == isinstance(value, bool)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{{ name }}-{{ count }}", "ranker-3"),
        ("s3://b/{{ name }}/\n", "s3://b/ranker/\n"),
        ("on={{ on }}", "on=true"),
        ("v{{ release }}", "v1.10"),
        ("{{ '{{' }} {{ name }} }}", "{{ ranker }}"),
        ("{{ '{{' }}", "{{"),
        ("{% raw %}{{ name }}{% endraw %}", "{{ name }}"),
        ("{{ zones | tojson }}!", '["a", "b"]!'),
    ],
)
def test_anything_else_is_put_together_as_text(text: str, value: str) -> None:
    assert evaluate_text(text, NAMES) == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{{ nope }}", "'nope' is undefined (known here: count, name"),
        ("{{ nope.inner }}", "'nope' is undefined"),
        ("{{ sizes.medium }}", "has no attribute 'medium'"),
        ("x{{ sizes.medium }}", "has no attribute 'medium'"),
        ("{{ zones[7] }}", "has no element 7"),
        ("{% if on %}{{ name }}{% endif %}", "no statements"),
        ("{% set x = 1 %}{{ x }}", "no statements"),
        ("{{ name }", "not an expression"),
        ("{{ }}", "not an expression"),
        ("{{ name | nofilter }}", "No filter named 'nofilter'"),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{{ name + 1 }}", "str"),
        ("x{{ nothing }}", "null can't stand inside a text"),
        ("x{{ zones }}", "a list or mapping can't stand inside a text"),
        ("{{ zones | map('upper') }}", "a `| list` at its end may help"),
        ("{{ {1: 2} }}", "gives a dict"),
        ("{{ " + "(" * 300 + "1" + ")" * 300 + " }}", "nested too deeply"),
        ("{{ name }}" + "x" * MAX_EXPRESSION, "longer than"),
    ],
)
def test_what_is_wrong_is_said(text: str, said: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        evaluate_text(text, NAMES)
    assert said in str(caught.value)


ESCAPES = [
    "''.__class__",
    "''.__class__.__mro__[1].__subclasses__()",
    "''|attr('__class__')",
    "zones|map(attribute='__class__')|list",
    "name['__class__']",
    "zones.append('c')",
    "zones.sort()",
    "sizes.update({'x': 1})",
    "sizes.pop('small')",
    "self",
    "self.__init__",
    "lipsum()",
    "cycler('a')",
    "namespace(a=1)",
    "range.__globals__",
    "'{0.__class__}'.format(name)",
    "'%s'.format_map(sizes)",
    "[1, 2] | random",
    "name.encode()",
]


@pytest.mark.parametrize("expression", ESCAPES)
@pytest.mark.parametrize("form", ["{{{{ {} }}}}", "x{{{{ {} }}}}"])
def test_nothing_leads_out_of_the_sandbox(expression: str, form: str) -> None:
    before = repr(NAMES)
    with pytest.raises(ExpressionError):
        evaluate_text(form.format(expression), NAMES)
    assert repr(NAMES) == before


BOMBS = [
    "'a' * 10**9",
    "10 ** (10 ** 9)",
    "9 ** (9 ** 9)",
    "2**4000 * 2**4000",
    "range(10**9) | list",
    "[range(100000) | list] * 100000",
    "[[[0] * 1000] * 1000] * 1000",
    "([0] * 1000000) + ([0] * 1000000)",
    "'a' | center(10**9)",
    "'a' | indent(10**9)",
    "'a\\nb' | indent('x' * 99999)",
    "[1] | batch(10**9, 0) | list",
    "[1] | slice(10**9) | list",
    "1.5 | round(10**9)",
    "zones | tojson(10**9)",
    "'%999999999d' % 1",
    "'%*d' % (999999999, 1)",
    "'%999999999d' | format(1)",
    "'{:>999999999}'.format(1)",
    "'a'.ljust(10**9)",
    "'a'.zfill(10**9)",
    "('a' * 9999).replace('a', 'b' * 9999)",
    "('a' * 9999) | replace('a', 'b' * 9999)",
    "('a' * 9999) | replace('', 'b' * 9999)",
    "('a' * 99999).join(range(99999) | map('string') | list)",
    "range(99999) | join('a' * 99999)",
    "range(99999) | map('replace', '', 'a' * 50000) | list",
    "[range(99999) | list] * 99 | sum(start=[])",
    "(1).to_bytes(10**10, 'big')",
]


@pytest.mark.parametrize("expression", BOMBS)
def test_nothing_explodes(expression: str) -> None:
    def evaluate() -> None:
        with pytest.raises(ExpressionError):
            evaluate_text("{{ " + expression + " }}", NAMES)

    assert peak_of(evaluate) < 10 * 2**20


def test_results_have_a_size() -> None:
    long_text, shared = "x" * (MAX_TEXT + 1), [0] * 1000
    with pytest.raises(ExpressionError, match="characters"):
        evaluate_text("{{ long }}", {"long": long_text})
    with pytest.raises(ExpressionError, match="values"):
        evaluate_text("{{ many }}", {"many": [shared] * (MAX_NODES // 1000 + 1)})
    with pytest.raises(ExpressionError, match="too large"):
        evaluate_text("{{ big }}", {"big": 1 << 5000})


def test_a_walk_goes_on_after_an_error_and_says_where_each_is() -> None:
    found: list[tuple[tuple[str | int, ...], str]] = []
    value = {"a": "{{ nope }}", "b": ["{{ count }}", {"c": "{{ nope }}"}], "d": 1}
    made = evaluate(value, NAMES, lambda path, text: found.append((path, text)))
    assert made == {"a": "{{ nope }}", "b": [3, {"c": "{{ nope }}"}], "d": 1}
    assert [path for path, _ in found] == [("a",), ("b", 1, "c")]


def test_an_expression_in_a_key_is_refused() -> None:
    found: list[str] = []
    evaluate({"{{ name }}": 1}, NAMES, lambda _, text: found.append(text))
    assert found == ["an expression can't stand in a key, only in a value"]


def test_the_names_of_a_value_are_found_in_all_of_it() -> None:
    assert names_in({"a": "{{ x + y.z }}", "b": ["{{ w }}"], "c": 1, "d": "{{ broken", "e": "q"}) == {"x", "y", "w"}
