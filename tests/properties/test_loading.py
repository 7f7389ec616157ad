"""Laws of loading: nothing but InputError, whatever the bytes; and the order of the file means nothing."""

from __future__ import annotations

import json
import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from mmeplan.errors import InputError, Problem
from mmeplan.graph import compile
from mmeplan.spec import load_text
from mmeplan.spec.document import plain_scalar, read_document

LAW = settings(max_examples=150, derandomize=True, database=None)

FLEET: dict[str, Any] = {
    "version": 1,
    "fleet": "shop",
    "account": "123456789012",
    "variables": {"n": 2, "sizes": ["a", "b"], "image": "{{ fleet }}:1"},
    "environments": {"prod": {"account": "{{ n }}", "variables": {"n": 4}}},
    "defaults": {"model": {"execution_role_arn": "arn"}, "tags": {"team": "{{ fleet }}"}},
    "models": {
        "m": {"primary_container": {"image": "{{ image }}", "environment": {"A": 1, "B": "x"}}},
        "n": {"containers": [{"image": "x"}, {"image": "y"}]},
    },
    "endpoint_configs": {"c": {"production_variants": {"v": {"model": "m", "initial_variant_weight": 0.5}}}},
    "endpoints": {
        "e": {
            "config": {
                "production_variants": {"w": {"model": "n", "initial_instance_count": "{{ n }}"}, "v": {"model": "m"}},
                "vpc_config": {"subnets": ["a", "b"], "security_group_ids": ["s"]},
            },
            "tags": {"x": "y"},
            "protect": True,
        },
        "f-{{ each.key }}": {"for_each": "{{ sizes }}", "config": "c"},
    },
}
TEXT = json.dumps(FLEET, indent=1)

odd_texts = st.sampled_from(
    ["{{ n }}", "{{ nope }}", "{{ each }}", "{% x %}", "{{", "}}", "", "~", "é", "\x00", "a" * 300, "<<", "&a", "*a"]
)
leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=10**30, max_value=10**40),
    st.floats(),
    st.text(max_size=12),
    odd_texts,
)
trees = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8) | odd_texts, inner, max_size=3),
    max_leaves=8,
)


def paths_of(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a tree."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, inner in pairs for place in paths_of(inner, (*path, key)))]


PLACES = paths_of(FLEET)[1:]


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """The fleet as YAML with a few of its places replaced, renamed or gone."""
    root = json.loads(TEXT)
    for place in draw(st.lists(st.sampled_from(PLACES), min_size=1, max_size=4)):
        holder = root
        try:
            for part in place[:-1]:
                holder = holder[part]
            how = draw(st.sampled_from(["replace", "remove", "rename"]))
            old = holder.pop(place[-1])
        except (KeyError, IndexError, TypeError, AttributeError):
            continue  # an earlier mutation took the place away
        if how == "replace" and isinstance(holder, dict):
            holder[place[-1]] = draw(trees)
        elif how == "replace":
            holder.insert(place[-1], draw(trees))
        elif how == "rename" and isinstance(holder, dict):
            holder[draw(st.text(max_size=8) | odd_texts)] = old
    return json.dumps(root, indent=1, ensure_ascii=draw(st.booleans()))


def problems_of(raw: bytes, environment: str | None) -> tuple[Problem, ...]:
    try:
        compile(load_text(raw, environment=environment))
    except InputError as error:
        return error.problems
    return ()


def loads_or_refuses(raw: bytes, environment: str | None = None) -> None:
    """Anything but an InputError fails the test by itself; its problems have a message and stand in order."""
    problems = problems_of(raw, environment)
    assert all(problem.message for problem in problems)
    places = [(problem.line, problem.column) for problem in problems]
    assert places == sorted(places)


@given(st.binary(max_size=300))
@LAW
def test_loading_arbitrary_bytes_raises_nothing_but_input_error(raw: bytes) -> None:
    loads_or_refuses(raw)
    loads_or_refuses(b"version: 1\nfleet: f\n" + raw)


@given(st.text(alphabet="ab:-[]{},&*!|>'\"#%@?~ \n\r\t\x85\u2028\ufeff1.", max_size=120))
@LAW
def test_loading_arbitrary_yaml_raises_nothing_but_input_error(text: str) -> None:
    loads_or_refuses(text.encode())
    loads_or_refuses(("version: 1\nfleet: f\nmodels:\n  " + text).encode())


@given(mutated(), st.sampled_from([None, "prod"]))
@LAW
def test_loading_a_mutated_fleet_raises_nothing_but_input_error(text: str, environment: str | None) -> None:
    loads_or_refuses(text.encode("utf-8", "surrogatepass"), environment)


@given(st.data())
@LAW
def test_loading_damaged_text_raises_nothing_but_input_error(data: st.DataObject) -> None:
    raw = bytearray(TEXT.encode())
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    loads_or_refuses(bytes(raw))


@given(st.text(max_size=40), st.text(max_size=20))
@LAW
def test_an_expression_of_any_text_raises_nothing_but_input_error(inside: str, around: str) -> None:
    value = json.dumps(around + "{{" + inside + "}}" + around)
    raw = f"version: 1\nfleet: f\nvariables: {{a: {value}}}\nmodels: {{m: {{name: {value}}}}}\n"
    loads_or_refuses(raw.encode("utf-8", "surrogatepass"))


@given(st.text(max_size=30))
@LAW
def test_a_plain_scalar_of_any_text_is_a_value_whose_text_it_keeps(text: str) -> None:
    made = plain_scalar(text) if text else None
    if isinstance(made, (str, int, float)) and not isinstance(made, bool):
        assert str(made) == text


json_texts = st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]), max_size=8)
json_trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | json_texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(json_texts, inner, max_size=3),
    max_leaves=8,
)


@given(json_trees)
@LAW
def test_json_reads_as_itself(tree: Any) -> None:
    """But for escaped surrogate pairs, which libyaml refuses."""
    assert read_document("f", json.dumps({"a": tree})).value == {"a": tree}


def shuffled(value: Any, chance: random.Random) -> Any:
    """The same mappings in another order; lists stay as they are."""
    if isinstance(value, dict):
        items = list(value.items())
        chance.shuffle(items)
        return {key: shuffled(inner, chance) for key, inner in items}
    return [shuffled(item, chance) for item in value] if isinstance(value, list) else value


@given(st.randoms(use_true_random=False))
@LAW
def test_the_order_of_the_file_gives_the_same_graph(chance: random.Random) -> None:
    one = compile(load_text(TEXT.encode()))
    other = compile(load_text(json.dumps(shuffled(FLEET, chance)).encode()))
    assert one.order() == other.order()
    assert list(one.edges()) == list(other.edges())
    for at, resource in one.resources.items():
        twin = other.resources[at]
        assert (twin.physical_name, twin.digest, twin.content) == (
            resource.physical_name,
            resource.digest,
            resource.content,
        )
        assert twin.references == resource.references
