"""The sandbox from the file's side: what stands inside a text, what is refused and why, and where each bound lies."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mmeplan.errors import InputError
from mmeplan.spec import load_text
from mmeplan.spec.sandbox import MAX_BITS, MAX_NODES, MAX_TEXT, MAX_WIDTH
from tests.work import peak_of

VARIABLES: dict[str, Any] = {
    "yes": True,
    "no": False,
    "nothing": None,
    "count": 3,
    "ratio": 0.5,
    "name": "ranker",
    "letters": ["a", "b"],
    "rows": [{"n": "x", "s": 1}, {"n": "y", "s": 2}],
    "mixed": {"center": "c", "encode": "e"},
    "text_100": "x" * 100,
    "ones": "1" * MAX_TEXT,
    "lines": "x\n" * 1000,
    "ampersands": "&" * MAX_TEXT,
}
REFUSED_TEXT, REFUSED_NUMBER, REFUSED_FORMAT = "the result is too long", "the number is too large", "format is too wide"
REFUSED_RESULT = f"gives more than {MAX_TEXT:,} characters"
REFUSED_WIDTH = f"an argument is larger than {MAX_WIDTH}"


def text_of(scalar: str) -> str:
    """What a scalar becomes as the value of a container's environment, which is always a text."""
    container = {"image": "x", "environment": {"VALUE": scalar}}
    used = {name: value for name, value in VARIABLES.items() if name in scalar}
    document = {"version": 1, "fleet": "shop", "variables": used, "models": {"m": {"primary_container": container}}}
    fleet = load_text(json.dumps(document).encode())
    return str(fleet.models["m"].request["PrimaryContainer"]["Environment"]["VALUE"])


def refusal_of(scalar: str) -> str:
    """The only problem that a scalar makes."""
    with pytest.raises(InputError) as refused:
        text_of(scalar)
    (problem,) = refused.value.problems
    assert problem.path == "models.m.primary_container.environment.VALUE"
    return problem.message


@pytest.mark.parametrize(
    ("scalar", "text"),
    [
        ("on={{ yes }}", "on=true"),
        ("on={{ no }}", "on=false"),
        ("on={{ count > 5 }}", "on=false"),
        ("{{ no }}{{ yes }}", "falsetrue"),
        ("{{ no }}", "false"),
        ("n={{ count }}", "n=3"),
        ("n={{ 0 }}", "n=0"),
        ("r={{ ratio }}", "r=0.5"),
        ("t={{ '' }}.", "t=."),
        ("{{ name }}\n{{ name }}\n", "ranker\nranker\n"),
        ("n={{ nothing | default('none', true) }}", "n=none"),
        ("l={{ letters | join(',') }}", "l=a,b"),
        ("l={{ letters | tojson }}", 'l=["a", "b"]'),
    ],
)
def test_a_value_inside_a_text_is_spelled_as_yaml_spells_it(scalar: str, text: str) -> None:
    assert text_of(scalar) == text


@pytest.mark.parametrize(
    ("scalar", "said"),
    [
        ("x{{ nothing }}", "null can't stand inside a text; `| default('…', true)` gives it a value"),
        ("x{{ letters }}", "a list or mapping can't stand inside a text; try `| join(',')` or `| tojson`"),
        ("x{{ (1, 2) }}", "a list or mapping can't stand inside a text"),
        ("x{{ mixed }}", "a list or mapping can't stand inside a text"),
        ("x{{ letters | map('upper') }}", "a generator can't stand inside a text"),
        ("x{{ range(3) }}", "a range can't stand inside a text"),
        ("x{{ absent }}", "'absent' is undefined"),
        ("x{{ mixed.absent }}", "has no attribute 'absent'"),
        ("{{ name + 1 }}", "can only concatenate str"),
        ("{{ letters + 1 }}", "can only concatenate list"),
        ("{{ count + name }}", "unsupported operand"),
    ],
)
def test_what_has_no_meaning_is_refused_and_said(scalar: str, said: str) -> None:
    assert said in refusal_of(scalar)


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("mixed.center", "c"),
        ("mixed.encode", "e"),
        ("name.upper()", "RANKER"),
        ("name.replace('r', 'R', 1)", "Ranker"),
        ("name.replace('', '.')", ".r.a.n.k.e.r."),
        ("name.startswith('r')", "true"),
        ("name.split(sep='k') | join('/')", "ran/er"),
        ("count + 4", "7"),
        ("ratio + 1", "1.5"),
        ("'-'.join(letters)", "a-b"),
        ("'-'.join(letters | map('upper'))", "A-B"),
        ("'-'.join(name)", "r-a-n-k-e-r"),
        ("letters | join", "ab"),
        ("rows | join('+', attribute='n')", "x+y"),
        ("rows | sum(attribute='s')", "3"),
        ("rows | sum(attribute='s', start=4)", "7"),
        ("rows | map(attribute='n') | join", "xy"),
        ("letters | map('upper') | join", "AB"),
        ("[letters, letters] | sum(start=[]) | join", "abab"),
        ("[(1,), (2,)] | sum(start=()) | join", "12"),
        ("[{'s': [1]}, {'s': [2]}] | sum(attribute='s', start=[]) | join", "12"),
        ("[1, 2, 3] | sum", "6"),
        ("range(4) | sum", "6"),
        ("([0] * 500000 + [0] * 500000) | sum", "0"),
        ("'%s is %%%03d' % (name, count)", "ranker is %003"),
        ("'%(n)04d' % {'n': 7}", "0007"),
        ("'%(n)s of %(m)s' | format(n=1, m=2)", "1 of 2"),
        ("'%s costs 10000' % name", "ranker costs 10000"),
        ("7 % 4", "3"),
        ("-3 * 2", "-6"),
        ("2 ** -1", "0.5"),
        ("0.5 ** 2", "0.25"),
        ("1.5 * 2", "3.0"),
        ("0.5 * 4000000", "2000000.0"),
        ("letters | length * 2", "4"),
        ("(letters * 2) | join", "abab"),
        ("2 * name", "rankerranker"),
        ("name * 0", ""),
        ("name + '!'", "ranker!"),
        ("(letters + ['c']) | join", "abc"),
        ("1.256 | round(2)", "1.26"),
        ("1.256 | round(precision=1, method='floor')", "1.2"),
        ("[1, 2, 3] | batch(2, 0) | map('join') | join('/')", "12/30"),
        ("[1, 2, 3] | slice(2) | map('join') | join('/')", "12/3"),
        ("'a\nb' | indent(2)", "a\n  b"),
        ("'a\nb' | indent('->', first=true)", "->a\n->b"),
        ("'a' | center(5)", "  a  "),
        ("letters | tojson(1)", '[\n "a",\n "b"\n]'),
        ("name | replace('r', 'R')", "RankeR"),
        ("name | replace('r', 'R', 1)", "Ranker"),
        ("range(3) | list | join", "012"),
    ],
)
def test_what_is_bounded_works_below_its_bound(expression: str, text: str) -> None:
    assert text_of("{{ " + expression + " }}") == text


@pytest.mark.parametrize("name", ["filesizeformat", "pprint", "random", "urlize", "wordcount", "wordwrap", "xmlattr"])
def test_a_filter_that_is_left_out_is_unknown(name: str) -> None:
    assert f"No filter named '{name}'" in refusal_of(f"{{{{ name | {name} }}}}")


@pytest.mark.parametrize(
    "call",
    [
        "name.center(9)",
        "name.encode()",
        "name.expandtabs()",
        "name.format()",
        "name.format_map(mixed)",
        "name.ljust(9)",
        "name.rjust(9)",
        "count.to_bytes(9, 'big')",
        "name.translate(mixed)",
        "name.zfill(9)",
        "(name | e).center(9)",
        "('{}' | e).format(1)",
    ],
)
def test_a_method_that_can_explode_is_unsafe(call: str) -> None:
    method = call.split(".")[-1].split("(")[0]
    assert f"access to attribute '{method}' of" in (said := refusal_of(f"{{{{ {call} }}}}"))
    assert said.endswith("is unsafe.")


@pytest.mark.parametrize("name", ["dict", "lipsum", "cycler", "joiner", "namespace"])
def test_range_is_the_only_function_of_jinja_that_is_known(name: str) -> None:
    assert f"'{name}' is undefined" in refusal_of(f"{{{{ {name}() }}}}")


HALF = MAX_TEXT // 2
HALF_BITS = MAX_BITS // 2
# What is allowed, what is a step further, and why that is refused.
BOUNDS = [
    (f"('a' * {HALF}) | length", f"('a' * {HALF + 1}) | length", REFUSED_TEXT),
    (f"({HALF} * 'a') | length", f"({HALF + 1} * 'a') | length", REFUSED_TEXT),
    (f"('aaa' * {MAX_TEXT // 4}) | length", f"('aaa' * {MAX_TEXT // 4 + 1}) | length", REFUSED_TEXT),
    (f"([0] * {MAX_NODES // 2}) | length", f"([0] * {MAX_NODES // 2 + 1}) | length", REFUSED_TEXT),
    (f"((0,) * {MAX_NODES // 2}) | length", f"((0,) * {MAX_NODES // 2 + 1}) | length", REFUSED_TEXT),
    (f"([[0, 1]] * {MAX_NODES // 4}) | length", f"([[0, 1]] * {MAX_NODES // 4 + 1}) | length", REFUSED_TEXT),
    (f"([{{'k': 0}}] * {MAX_NODES // 5}) | length", f"([{{'k': 0}}] * {MAX_NODES // 5 + 1}) | length", REFUSED_TEXT),
    (f"(['abc'] * {MAX_NODES // 5}) | length", f"(['abc'] * {MAX_NODES // 5 + 1}) | length", REFUSED_TEXT),
    (f"([2 ** 127] * {MAX_NODES // 4}) | length", f"([2 ** 127] * {MAX_NODES // 4 + 1}) | length", REFUSED_TEXT),
    (f"(ones[:{HALF}] + ones[:{HALF}]) | length", f"(ones[:{HALF}] + ones[:{HALF + 1}]) | length", REFUSED_TEXT),
    (
        f"([0] * {MAX_NODES // 2} + [0] * {MAX_NODES // 2}) | length",
        f"([0] * {MAX_NODES // 2} + [0] * {MAX_NODES // 2} + [0]) | length",
        REFUSED_TEXT,
    ),
    (f"(2 ** {HALF_BITS}) % 2", f"(2 ** {HALF_BITS + 1}) % 2", REFUSED_NUMBER),
    (f"2 ** -{HALF_BITS // 4}", f"2 ** -{HALF_BITS + 1}", REFUSED_NUMBER),
    (
        f"2 ** {HALF_BITS - 1} * 2 ** {HALF_BITS - 1} % 2",
        f"2 ** {HALF_BITS - 1} * 2 ** {HALF_BITS} % 2",
        REFUSED_NUMBER,
    ),
    ("('%999d' % 1) | length", "'%1000d' % 1", REFUSED_FORMAT),
    ("('%.999f' % 1) | length", "'%.1000f' % 1", REFUSED_FORMAT),
    ("('%-999d' % 1) | length", "'%-*d' % (9, 1)", REFUSED_FORMAT),
    ("('%%%999d' % 1) | length", "'%%%1000d' % 1", REFUSED_FORMAT),
    ("('%(n)999d' % {'n': 1}) | length", "'%(n)1000d' % {'n': 1}", REFUSED_FORMAT),
    ("('%(n)999d' % {'n': 1}) | length", "'%(n(m))1000d' % {'n(m)': 1}", REFUSED_FORMAT),
    ("('%(a%b)999d' % {'a%b': 1}) | length", "'%(a%b)1000d' % {'a%b': 1}", REFUSED_FORMAT),
    ("'%999d' | format(1) | length", "'%1000d' | format(1)", REFUSED_FORMAT),
    ("'%(n)999d' | format(n=1) | length", "'%(n)1000d' | format(n=1)", REFUSED_FORMAT),
    ("'a' | center(1000) | length", "'a' | center(1001)", REFUSED_WIDTH),
    ("'a' | center(width=1000) | length", "'a' | center(width=1001)", REFUSED_WIDTH),
    ("('a\nb' | indent(1000)) | length", "'a\nb' | indent(1001)", REFUSED_WIDTH),
    ("('a\nb' | indent(ones[:1000])) | length", "'a\nb' | indent(ones[:1001])", REFUSED_WIDTH),
    ("(lines | indent(98)) | length", "lines | indent(100)", REFUSED_TEXT),
    ("(lines | indent(width='x')) | length", "lines | indent(width=ones[:100])", REFUSED_TEXT),
    ("[1] | batch(1000, 0) | list | length", "[1] | batch(1001, 0) | list", REFUSED_WIDTH),
    ("[1] | slice(1000) | list | length", "[1] | slice(1001) | list", REFUSED_WIDTH),
    ("1.5 | round(300)", "1.5 | round(1001)", REFUSED_WIDTH),
    ("1.5 | round(300)", "1.5 | round(-1001)", REFUSED_WIDTH),
    ("1.5 | round(300)", "1.5 | round(1e9)", REFUSED_WIDTH),
    ("([0] * 49) | tojson(1000) | length", "([0] * 49) | tojson(1001)", REFUSED_WIDTH),
    ("([0] * 98) | tojson(1000) | length", "([0] * 99) | tojson(1000) | length", REFUSED_TEXT),
    ("([0] * 98) | tojson(ones[:1000]) | length", "([0] * 99) | tojson(ones[:1000]) | length", REFUSED_TEXT),
    (f"([0] * {MAX_TEXT - 1}) | tojson | length", f"([0] * {MAX_TEXT}) | tojson | length", REFUSED_TEXT),
    ("([{text_100: 0}] * 970) | tojson | length", "([{text_100: 0}] * 971) | tojson | length", REFUSED_TEXT),
    (f"ones[:{HALF}].replace('1', '2') | length", f"ones[:{HALF + 1}].replace('1', '2') | length", REFUSED_TEXT),
    (f"ones[:{HALF}] | replace('1', '2') | length", f"ones[:{HALF + 1}] | replace('1', '2') | length", REFUSED_TEXT),
    ("ones[:33333].replace('1', '22') | length", "ones[:33334].replace('1', '22') | length", REFUSED_TEXT),
    ("ones[:33332].replace('', '22') | length", "ones[:33333].replace('', '22') | length", REFUSED_TEXT),
    (f"ones[:{HALF - 1}].replace('', '2') | length", f"ones[:{HALF}].replace('', '2') | length", REFUSED_TEXT),
    ("([[0] * 49998]) | join | length", "([[0] * 100000]) | join | length", REFUSED_TEXT),
    (
        "([0] * 499999 * 1) | length",
        "(([0] * 500000 + [0] * 500000) * 1) | length",
        REFUSED_TEXT,
    ),
    ("','.join(ones[:33333]) | length", "','.join(ones[:33334]) | length", REFUSED_TEXT),
    ("ones[:33333] | join(',') | length", "ones[:33334] | join(',') | length", REFUSED_TEXT),
    ("range(50000) | join('1') | length", "range(50001) | join('1') | length", REFUSED_TEXT),
    ("([2 ** 2047] * 3000) | join | length", "([2 ** 2047] * 4000) | join | length", REFUSED_TEXT),
    (
        "([[0] * 50000] * 19) | sum(start=[]) | length",
        "([[0] * 50000] * 19 + [[0] * 50000]) | sum(start=[])",
        REFUSED_TEXT,
    ),
    (
        "[{'s': [0]}] | sum(attribute='s', start=[]) | length",
        "[{'s': [0] * 499990}, {'s': [0] * 499990}, {'s': [0] * 99999}] | sum(attribute='s', start=[])",
        REFUSED_TEXT,
    ),
    ("([ones] * 9) | map('length') | sum", "([ones] * 10) | map('upper') | list", REFUSED_TEXT),
    (f"(ones[:{HALF}] ~ ones[:{HALF}]) | length", f"(ones[:{HALF}] ~ ones[:{HALF + 1}]) | length", REFUSED_RESULT),
    ("(ones[1:] ~ 7) | length", "(ones[1:] ~ 77) | length", REFUSED_RESULT),
    ("(text_100 ~ text_100 ~ text_100) | length", "(" + "ones ~ " * 999 + "ones) | length", REFUSED_RESULT),
    ("ones[1:] }}{{ 7", "ones[1:] }}{{ 77", REFUSED_RESULT),
    ("ones[2:] }} {{ 7", "ones[1:] }} {{ 7", REFUSED_RESULT),
    ("name }}{{ name", "ones }}{{ " * 999 + "ones", REFUSED_RESULT),
    (
        f"('%s%s' % (ones[:{HALF}], ones[:{HALF - 4}])) | length",
        f"('%s%s' % (ones[:{HALF}], ones[:{HALF - 3}]))",
        REFUSED_TEXT,
    ),
    (
        f"('%s%s' | format(ones[:{HALF}], ones[:{HALF - 4}])) | length",
        f"'%s%s' | format(ones[:{HALF}], ones[:{HALF - 3}])",
        REFUSED_TEXT,
    ),
    ("('%s' % ones[2:]) | length", "'%s' % ones[1:]", REFUSED_TEXT),
    ("('%(n)s%(n)s' % {'n': ones[:49995]}) | length", "'%(n)s%(n)s' % {'n': ones[:49996]}", REFUSED_TEXT),
    ("('%(n)s%(n)s' | format(n=ones[:49995])) | length", "'%(n)s%(n)s' | format(n=ones[:49996])", REFUSED_TEXT),
    ("('%d%d' % (count, count)) | length", "('" + "%s" * 999 + "' % (" + "ones, " * 999 + "))", REFUSED_TEXT),
    ("('%%' % {}) | length", "'%(n)s' % {'n': ones}", REFUSED_TEXT),
    ("'<' | e | e | length", "ampersands" + " | e" * 99 + " | length", REFUSED_TEXT),
    ("ampersands | escape | length", "ampersands | escape | escape | length", REFUSED_TEXT),
    ("ampersands | forceescape | length", "ampersands" + " | forceescape" * 99 + " | length", REFUSED_TEXT),
    ("ampersands | urlencode | length", "ampersands" + " | urlencode" * 99 + " | length", REFUSED_TEXT),
    ("{'a': 1} | urlencode | length", "ampersands" + " | urlencode" * 99 + " | length", REFUSED_TEXT),
    ("letters | map('center', 99) | join | length", "range(99999) | map('center', 99) | list", REFUSED_TEXT),
]


@pytest.mark.parametrize(("allowed", "beyond", "said"), BOUNDS)
def test_each_bound_lies_where_it_is_said_to_lie(allowed: str, beyond: str, said: str) -> None:
    assert text_of("{{ " + allowed + " }}")

    def refuse() -> None:
        assert refusal_of("{{ " + beyond + " }}").endswith(said)

    assert peak_of(refuse) < 16 * 2**20


def test_what_is_bounded_takes_no_more_arguments_than_it_did() -> None:
    assert "takes exactly one argument (2 given)" in refusal_of("{{ '-'.join(letters, 1) }}")
