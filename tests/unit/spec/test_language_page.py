"""docs/fleet-yaml.md: its examples run, and what it says of keys and limits is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mmeplan.graph import compile
from mmeplan.spec import budget, document, expressions, for_each, load, loading
from mmeplan.spec.document import read_document
from mmeplan.spec.sandbox import MAX_NODES, MAX_TEXT, sandbox
from mmeplan.spec.surface import OWN_KEYS, fleet_surface

PAGE = (Path(__file__).parents[3] / "docs" / "fleet-yaml.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(version: 1\n.*?)```", PAGE, re.DOTALL)
FILES = re.findall(r"```(?:csv|jinja) (\S+)\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("text", EXAMPLES, ids=range(len(EXAMPLES)))
def test_every_example_loads_and_compiles(tmp_path: Path, text: str) -> None:
    for name, content in FILES:
        (tmp_path / name).write_text(content)
    (tmp_path / "fleet.yaml").write_text(text)
    environments = read_document("", text).value.get("environments") or {}
    for environment in (None, *environments):
        assert compile(load(tmp_path / "fleet.yaml", environment)).resources


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 7
    assert "1.10" in dict(FILES)["stores.csv"]


def test_every_own_key_and_every_top_level_key_is_on_the_page() -> None:
    for key in (*OWN_KEYS, *fleet_surface().keys, "config"):
        assert f"| `{key}` |" in PAGE, key


def test_the_limits_are_those_of_the_code() -> None:
    limits = dict(re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", PAGE.partition("## Limits")[2], re.MULTILINE))
    assert limits["size of the fleet file, and of a `for_each` file"] == f"{document.MAX_BYTES // 2**20} MiB"
    assert limits["size of a file whose content is a value"] == f"{for_each.MAX_TEXT_BYTES // 2**20} MiB"
    assert limits["nesting, aliases followed"] == f"{document.MAX_DEPTH} levels"
    assert limits["values that aliases may add"] == f"{document.MAX_ALIAS_NODES:,}"
    assert limits["items of one `for_each`"] == f"{for_each.MAX_ITEMS:,}"
    assert limits["a text with expressions in it"] == f"{expressions.MAX_EXPRESSION:,} characters"
    assert limits["values written in the fleet file and its `for_each` files"] == f"{budget.MAX_READ:,}"
    assert (
        limits["values read and made: `for_each`, defaults, variables, lists in expressions"] == f"{budget.MAX_NODES:,}"
    )
    assert limits["characters of the texts that expressions make"] == f"{budget.MAX_CHARACTERS:,}"
    assert limits["steps of expressions"] == f"{budget.MAX_STEPS:,}"
    assert limits["models, endpoint configs and endpoints"] == f"{budget.MAX_ENTRIES:,}"
    most = f"{MAX_TEXT:,} characters, {MAX_NODES:,} values"
    assert limits["result of one expression"] == most
    assert limits["errors reported at once"] == f"about {document.MAX_PROBLEMS:,}"
    assert limits["logical name"] == f"{loading.MAX_LOGICAL_NAME} characters"


def test_filters_that_are_said_to_be_missing_are_missing_and_the_others_are_there() -> None:
    environment = sandbox()
    said = PAGE.partition("Filters that give another answer")[2].partition("are not available")[0]
    for name in re.findall(r"`(\w+)`", said.partition("and methods")[0]):
        assert name not in environment.filters
    assert {"default", "format", "join", "map", "replace", "tojson", "upper"} <= set(environment.filters)
