"""The budget of a file: what is read and made for it is counted as a whole, and refused at a line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mmeplan.errors import InputError, Problem
from mmeplan.spec import budget, load, load_text, loading
from mmeplan.spec.budget import MAX_CHARACTERS, MAX_ENTRIES, MAX_NODES, MAX_READ, MAX_STEPS, Budget
from mmeplan.spec.expressions import evaluate_text
from tests.work import calls_of, peak_of

HEAD = "version: 1\nfleet: shop\n"
STEPS, NODES, CHARACTERS = "steps are taken by its expressions", "values are made of the file", "characters are made by"


def variables(**values: Any) -> str:
    """A file with these variables, each in a line of its own, from line 4 on."""
    lines = "".join(f"  {name}: {json.dumps(value)}\n" for name, value in values.items())
    return f"{HEAD}variables:\n{lines}"


def refusal(text: str) -> Problem:
    with pytest.raises(InputError) as refused:
        load_text(text.encode())
    (problem,) = refused.value.problems
    return problem


def repeated(expression: str, times: int) -> str:
    return "{{ [" + ", ".join([expression] * times) + "] | length }}"


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundredth of what a file may make, so that a test comes to the end of it."""
    for name in ("MAX_READ", "MAX_NODES", "MAX_CHARACTERS", "MAX_STEPS", "MAX_ENTRIES"):
        monkeypatch.setattr(budget, name, getattr(budget, name) // 100)


THOUSANDS = {"a": "{{ [[0] * 100] * 100 }}", "b": "{{ [[0] * 100] * 100 }}"}
MAPPINGS = dict.fromkeys("ab", "{{ {}.fromkeys(range(9000) | map('string') | list, 1) }}")
LONG = {"o": "{{ 'a' * 40000 }}"}
# What uses little of the file and much of the machine, and what there is too much of.
ATTACKS: list[tuple[dict[str, str], str, str]] = [
    ({}, "{{ range(9000) | select('in', range(9000, 18000) | list) | list }}", STEPS),
    ({}, "{{ range(9000) | reject('in', range(9000) | map('abs') | list) | list }}", STEPS),
    (THOUSANDS, repeated("a == b", 900), STEPS),
    (THOUSANDS, repeated("a < b", 900), STEPS),
    (THOUSANDS, repeated("a in [b]", 900), STEPS),
    (THOUSANDS, repeated("a is eq(b)", 700), STEPS),
    (THOUSANDS, repeated("[a].count(b)", 600), STEPS),
    (THOUSANDS, repeated("[a].index(a)", 600), STEPS),
    (THOUSANDS, repeated("a | string", 700), STEPS),
    (THOUSANDS, repeated("a | upper", 700), STEPS),
    (THOUSANDS, repeated("a | truncate", 600), STEPS),
    (THOUSANDS, repeated("a is upper", 700), STEPS),
    (THOUSANDS, repeated("a | sort", 700), STEPS),
    (THOUSANDS, repeated("a | max", 700), STEPS),
    (THOUSANDS, repeated("a | tojson", 600), STEPS),
    (THOUSANDS, repeated("a | join", 700), STEPS),
    (THOUSANDS, repeated("'%s' % [a]", 600), STEPS),
    (THOUSANDS, repeated("a * 0", 900), STEPS),
    (THOUSANDS, repeated("range(9000) | list | unique | list", 200), STEPS),
    (THOUSANDS, repeated("range(9000) | list | batch(1) | groupby(0)", 200), STEPS),
    (THOUSANDS, repeated("range(99999).count(0.5)", 300), STEPS),
    (THOUSANDS, repeated("0.5 in range(99999)", 300), STEPS),
    (THOUSANDS, repeated("a * 90 + b", 700), NODES),
    (THOUSANDS, repeated("(a * 90)[1:]", 600), NODES),
    (THOUSANDS, repeated("(a * 90) | batch(2) | list", 300), NODES),
    (THOUSANDS, repeated("(a * 90) | reverse | list", 300), NODES),
    (THOUSANDS, repeated("(a * 90).copy()", 400), STEPS),
    (THOUSANDS, repeated("range(9000) | list", 450), NODES),
    (MAPPINGS, repeated("a.items() == b.items()", 300), STEPS),
    (MAPPINGS, repeated("a.keys() - []", 600), NODES),
    (MAPPINGS, repeated("a | dictsort", 600), STEPS),
    (MAPPINGS, repeated("a | items | list", 500), NODES),
    (MAPPINGS, repeated("{}.fromkeys(a)", 600), NODES),
    (MAPPINGS, repeated("a.copy()", 900), NODES),
    (LONG, repeated("o[1:]", 900), CHARACTERS),
    (LONG, repeated("o ~ 1", 900), CHARACTERS),
    (LONG, repeated("o.swapcase()", 600), CHARACTERS),
    (LONG, repeated("o | title", 800), CHARACTERS),
    (LONG, repeated("o + 'b'", 900), CHARACTERS),
    (LONG, repeated("o | e", 900), CHARACTERS),
    (LONG, repeated("o.replace('a', 'b')", 400), CHARACTERS),
    (LONG, repeated("o | map('upper') | list", 300), NODES),
    (LONG, repeated("o.strip('b' * 9000 + 'a')", 300), STEPS),
    (LONG, repeated("o | trim('b' * 9000 + 'a')", 300), STEPS),
    (LONG, repeated("o.rfind('b' + 'a' * 20000)", 300), STEPS),
    (LONG, repeated("o.split('a')", 600), NODES),
    ({"o": "{{ '<>' * 9000 }}"}, repeated("o | striptags", 500), STEPS),
    ({"o": "{{ ('<>' * 9000) | e }}"}, repeated("(o | safe).striptags()", 300), CHARACTERS),
]


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(("before", "expression", "said"), ATTACKS, ids=[attack[1][:60] for attack in ATTACKS])
def test_every_operation_pays_for_what_it_looks_at_and_makes(
    before: dict[str, str], expression: str, said: str
) -> None:
    text = variables(**before, it=expression)
    problem = refusal(text)
    assert problem.message.startswith("more than ")
    assert said in problem.message
    assert (problem.line, problem.path) == (4 + len(before), "variables.it")


@pytest.mark.parametrize(
    "expression",
    [
        "{{ '%(n)2999999999d' | format(n=1) }}",
        "{{ '%(n)2999999999d' % {'n': 1} }}",
        "{{ ('%(n)999d' * 9000) % {'n': 1} }}",
        "{{ (1).from_bytes([255] * 400000, 'big') // 3 % 7 }}",
        "{{ ('f' * 40000) | int(base=16) // 3 % 7 }}",
    ],
)
def test_a_single_result_is_bounded_before_it_is_made(expression: str) -> None:
    def refuse() -> None:
        assert "too" in refusal(variables(it=expression)).message

    assert peak_of(refuse) < 16 * 2**20


@pytest.mark.usefixtures("small")
def test_variables_share_the_budget_of_the_file() -> None:
    first = {"v": "{{ range(5000) | list }}"}
    problem = refusal(variables(**first, **{f"w{number}": "{{ [v, v] }}" for number in range(150)}))
    assert NODES in problem.message
    assert 5 < problem.line < 40


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    "text",
    [
        "models: {m: {for_each: '{{ range(9000) | list }}', primary_container: {image: x, environment: {%s}}}}\n",
        "models: {m: {for_each: '{{ range(9000) | list }}', primary_container: {image: \"{{ %s }}\"}}}\n",
        "defaults: {model: {primary_container: {image: x, environment: {%s}}}}\nmodels: {"
        + "".join(f"m{number}, " for number in range(2000))
        + "}\n",
    ],
)
def test_what_is_repeated_for_each_entry_is_refused_before_the_first_is_made(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = ", ".join(f"K{number}: x" for number in range(150))
    filled = HEAD + text % (content if "environment" in text else "['x'" + ", 'x'" * 500 + "] | first")
    monkeypatch.setattr(loading._Loader, "_check_entry", lambda *_: pytest.fail("an entry was made"))
    assert "more than" in refusal(filled).message


def test_a_plain_file_is_refused_at_the_value_that_is_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmeplan.spec.document.MAX_READ", 5000)
    problem = refusal(HEAD + "variables:\n  a:\n" + "  - 1\n" * 6000)
    assert problem.message == "more than 5,000,000 values in the fleet file and its `for_each` files"
    assert problem.line == 5000  # the root, version, fleet, variables and a are the first five
    assert calls_of(lambda: refusal(HEAD + "variables: {a: [" + "1," * 100_000 + "]}\n")) < 200_000


@pytest.mark.usefixtures("small")
def test_entries_are_counted_over_all_sections() -> None:
    sections = ("models", "endpoint_configs", "endpoints")
    text = HEAD + "".join(f"{s}: {{{', '.join(f'e{number}' for number in range(1001))}}}\n" for s in sections)
    problem = refusal(text)
    assert problem.message == f"more than {MAX_ENTRIES // 100:,} models, endpoint configs and endpoints"
    assert problem.line == 5


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.json", "[" + '[1, {"a": "[,]"}], ' * 20_000 + "1]"),
        ("t.csv", "a,b\n" + "1,2\n" * 20_000),
    ],
)
def test_a_table_is_counted_with_the_file(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / "fleet.yaml").write_text(f"{HEAD}models:\n  m: {{for_each: {{file: {name}}}}}\n")
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError) as refused:
        load(tmp_path / "fleet.yaml")
    (problem,) = refused.value.problems
    assert (problem.line, problem.message) == (
        4,
        f"more than {MAX_READ // 100:,} values in the fleet file and its `for_each` files",
    )


def test_a_json_text_that_never_ends_is_read_once() -> None:
    from mmeplan.spec.for_each import _json_nodes

    assert _json_nodes('"' + '\\"' * 1_000_000) == 1
    assert _json_nodes('{"a,b": [1, "x]"], "c": {}}') == 6


def test_names_that_an_expression_does_not_use_cost_it_nothing() -> None:
    class Names(dict[str, Any]):
        def __iter__(self) -> Any:
            pytest.fail("all names were walked")

        keys = items = values = __iter__

    names = Names(v=1, w=2)
    assert (evaluate_text("{{ v }}", names), evaluate_text("v{{ v }}", names)) == (1, "v1")


def test_a_hundred_thousand_endpoints_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand of them, with expressions of every kind, take less than a hundredth of the budget."""
    budgets: list[Budget] = []
    monkeypatch.setattr(loading, "Budget", lambda: budgets.append(Budget()) or budgets[-1])
    text = """variables: {bucket: acme, registry: 123456789012.dkr.ecr.eu-west-1.amazonaws.com}
models:
  "m-{{ each.key }}":
    for_each: "{{ range(1000) | list }}"
    execution_role_arn: "arn:aws:iam::123456789012:role/{{ bucket }}"
    primary_container:
      image: "{{ registry }}/ranker:{{ '%04d' | format(each.value) }}"
      model_data_url: "s3://{{ bucket }}/models/{{ each.key }}/model.tar.gz"
      environment: {STORE: "{{ each.key }}", REGION: "{{ bucket | upper }}", WORKERS: "4", LOG: info}
endpoints:
  "e-{{ each.key }}":
    for_each: "{{ range(1000) | list }}"
    tags: {team: "{{ 'a' if each.value < 500 else 'b' }}", store: "{{ each.key }}"}
    config:
      production_variants:
        main:
          model: "m-{{ each.key }}"
          instance_type: ml.m5.large
          initial_instance_count: "{{ each.value % 3 + 1 }}"
"""
    assert len(load_text((HEAD + text).encode()).endpoints) == 1000
    used = budgets[-1]
    assert used.nodes < MAX_NODES / 100 / 2
    assert used.steps < MAX_STEPS / 100 / 2
    assert used.characters < MAX_CHARACTERS / 100 / 2
    assert used.entries <= MAX_ENTRIES / 100


IN_A_CHILD = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (1500 * 2**20,) * 2)
from mmeplan.errors import InputError
from mmeplan.spec import load_text
try:
    load_text(sys.stdin.buffer.read())
except InputError as error:
    print(error.problems[-1].message)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS holds on Linux")
@pytest.mark.parametrize(
    "expression", [repeated("range(99999) | list", 450), repeated("range(99999) | batch(1) | list", 300)]
)
def test_what_a_file_may_make_fits_into_memory(expression: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", IN_A_CHILD], input=variables(it=expression).encode(), capture_output=True, check=True
    )
    assert done.stdout.decode().strip() == f"more than {MAX_NODES:,} values are made of the file"
