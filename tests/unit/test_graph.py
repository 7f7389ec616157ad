"""compile: order, references, renames, and what is refused with its line."""

from __future__ import annotations

from typing import Any

import pytest

from mmeplan.errors import InputError, Problem
from mmeplan.graph import Graph, compile
from mmeplan.spec import load_text

FLEET = """
models:
  b: {primary_container: {image: x}}
  a: {primary_container: {image: y}}
  unused: {primary_container: {image: z}}
endpoint_configs:
  shared: {production_variants: {v: {model: a}}}
endpoints:
  two: {config: shared}
  one: {config: {production_variants: {v: {model: b}, w: {model: a}}}}
  far: {endpoint_config_name: elsewhere}
"""


def compiled(text: str, salts: dict[str, str] | None = None) -> Graph:
    return compile(load_text(("version: 1\nfleet: shop\n" + text.lstrip("\n")).encode()), salts)


def problems(text: str) -> list[Problem]:
    with pytest.raises(InputError) as caught:
        compiled(text)
    return list(caught.value.problems)


def test_everything_stands_after_what_it_depends_on_and_else_by_address() -> None:
    assert compiled(FLEET).order() == [
        "endpoint/far",
        "model/a",
        "endpoint_config/shared",
        "endpoint/two",
        "model/b",
        "endpoint_config/one",
        "endpoint/one",
        "model/unused",
    ]


def test_the_order_of_the_file_does_not_matter() -> None:
    lines = FLEET.strip("\n").split("\n")
    shuffled = [lines[0], lines[3], lines[1], lines[2], *lines[6:7], lines[9], lines[8], lines[7], *lines[4:6]]
    text = "\n".join(shuffled)
    text = text.replace("{v: {model: b}, w: {model: a}}", "{w: {model: a}, v: {model: b}}") + "\n"
    one, other = compiled(FLEET), compiled(text)
    assert one.order() == other.order()
    assert list(one.resources) == list(other.resources)
    assert {at: r.request for at, r in one.resources.items()} == {at: r.request for at, r in other.resources.items()}


def test_dependents_edges_and_closure() -> None:
    graph = compiled(FLEET)
    assert graph.dependents("model/a") == ["endpoint_config/one", "endpoint_config/shared"]
    assert graph.dependents("model/nowhere") == []
    assert ("endpoint_config/shared", "endpoint/two") in list(graph.edges())
    assert graph.closure(["endpoint/two"]) == {"endpoint/two", "endpoint_config/shared", "model/a"}
    assert graph.closure(["model/nowhere"]) == {"model/nowhere"}
    assert [resource.name for resource in graph.of_kind("endpoint")] == ["far", "one", "two"]


def test_salts_make_fresh_objects_of_those_addresses_only() -> None:
    plain, fresh = compiled(FLEET), compiled(FLEET, {"model/b": "now"})
    assert fresh.fresh == {"model/b"}
    changed = {at for at, r in fresh.resources.items() if r.physical_name != plain.resources[at].physical_name}
    assert changed == {"model/b", "endpoint_config/one"}


MODEL = "models: {m: {primary_container: {image: x}}}\n"


@pytest.mark.parametrize(
    ("text", "line", "path", "message", "hint"),
    [
        (
            "endpoints:\n  e:\n    config:\n      production_variants:\n        v:\n          model: n\n",
            9,
            "endpoints.e.config.production_variants.v.model",
            "no model named 'n' in this fleet",
            "for one outside the fleet write model_name: n",
        ),
        (
            "endpoints: {e: {config: {production_variants: {v: {model: mm}}}}}\n",
            4,
            "endpoints.e.config.production_variants.v.model",
            "no model named 'mm' in this fleet",
            "did you mean m?",
        ),
        (
            "endpoint_configs: {c: {shadow_production_variants: {v: {instance_pools: [{}, {model_override: n}]}}}}\n",
            4,
            "endpoint_configs.c.shadow_production_variants.v.instance_pools[1].model_override",
            "no model named 'n' in this fleet",
            "for one outside the fleet write model_name_override: n",
        ),
        (
            "endpoints: {e: {config: c}}\n",
            4,
            "endpoints.e.config",
            "no endpoint config named 'c' in this fleet",
            "for one outside the fleet write endpoint_config_name: c",
        ),
        (
            "endpoints: {e: {}}\n",
            4,
            "endpoints.e",
            "the endpoint has no config",
            "write `config:` inline, or the name of a shared config",
        ),
        (
            "endpoints: {e: {config: {}, endpoint_config_name: x}}\n",
            4,
            "endpoints.e",
            "`config` and `endpoint_config_name` exclude each other",
            "keep one of them",
        ),
        (
            "endpoint_configs: {c: {production_variants: {v: {model: m, model_name: m}}}}\n",
            4,
            "endpoint_configs.c.production_variants.v.model",
            "`model` and `model_name` exclude each other",
            "keep one of them",
        ),
        (
            "endpoint_configs:\n  e: {production_variants: {v: {model: m}}}\nendpoints:\n  e:\n    config: {}\n",
            8,
            "endpoints.e.config",
            "endpoint_config/e stands in endpoint_configs already",
            "rename one of them, or let the endpoint say `config: NAME`",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused_at_its_line(
    text: str, line: int, path: str, message: str, hint: str
) -> None:
    found = problems(MODEL + text)
    assert [(p.line, p.path, p.message, p.hint) for p in found] == [(line, path, message, hint)]


def test_an_inline_config_of_another_endpoint_can_not_be_shared() -> None:
    text = "endpoints:\n  a: {config: {production_variants: {v: {model: m}}}}\n  b: {config: a}\n"
    assert [p.message for p in problems(MODEL + text)] == ["no endpoint config named 'a' in this fleet"]


def test_all_problems_come_at_once_by_line_each_once() -> None:
    text = MODEL + "endpoints:\n  'e{{ each.key }}': {for_each: [1, 2], config: gone}\n  f: {}\n  g: {config: gone}\n"
    assert [p.line for p in problems(text)] == [5, 6, 7]


def test_a_missing_model_in_the_defaults_is_reported_at_its_own_line() -> None:
    text = (
        "defaults:\n  endpoint_config: {production_variants: {v: {model: gone}}}\n"
        "endpoints: {e: {config: {}}, f: {config: {}}}\n"
    )
    assert [(p.line, p.message) for p in problems(text)] == [(4, "no model named 'gone' in this fleet")]


def test_a_rename_moves_the_address_and_that_of_its_inline_config() -> None:
    text = MODEL + "endpoints: {new: {renamed_from: old, config: {production_variants: {v: {model: m}}}}}\n"
    assert compiled(text).moved == {"endpoint/old": "endpoint/new", "endpoint_config/old": "endpoint_config/new"}


def test_a_rename_does_not_move_a_config_that_is_still_there() -> None:
    text = (
        "endpoint_configs: {old: {production_variants: {v: {model: m}}}}\n"
        "endpoints: {new: {renamed_from: old, config: {production_variants: {v: {model: m}}}}}\n"
    )
    assert compiled(MODEL + text).moved == {"endpoint/old": "endpoint/new"}


@pytest.mark.parametrize(
    ("models", "messages"),
    [
        ("{a: {renamed_from: b}, b: {}}", ["model/b is still in the file"]),
        (
            "{a: {renamed_from: b}, b: {renamed_from: a}}",
            [
                "model/b is still in the file: a → b → a goes in a circle",
                "model/a is still in the file: b → a → b goes in a circle",
            ],
        ),
        ("{a: {renamed_from: a}}", ["model/a is still in the file: a → a → a goes in a circle"]),
        ("{a: {renamed_from: x}, b: {renamed_from: x}}", ["model/a was renamed from 'x' as well"]),
    ],
)
def test_a_rename_that_can_not_be_is_refused(models: str, messages: list[str]) -> None:
    assert [p.message for p in problems(f"models: {models}\n")] == messages


def test_a_graph_knows_its_fleet() -> None:
    graph: Any = compiled(MODEL)
    assert graph.fleet.name == "shop"
