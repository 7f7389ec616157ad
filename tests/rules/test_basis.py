"""What errors rest on: `doc` and `obs` are claims about AWS, and each shows its evidence."""

from __future__ import annotations

import html
import re

import botocore.loaders
import pytest

from mmeplan import rules
from mmeplan.rules import Rule, pages
from mmeplan.rules.rule import ShapeRule
from mmeplan.rules.walking import HOLDERS, MISSING, PLACES, SHAPES, UNNAMED

ERRORS = [rule for rule in rules.all_rules() if rule.severity == "error"]
WALKED = {UNNAMED, *HOLDERS.values(), *MISSING.values(), *PLACES.values(), *SHAPES.values()}


def of_basis(basis: str) -> list[Rule]:
    return [rule for rule in ERRORS if rule.basis == basis]


@pytest.mark.parametrize("rule", of_basis("doc"), ids=lambda rule: rule.id)
def test_an_error_that_rests_on_documentation_quotes_the_sentence_on_its_page(rule: Rule) -> None:
    assert 30 <= len(rule.quote) <= 400
    assert rule.quote == " ".join(rule.quote.split())
    assert f"\n> {rule.quote}\n" in pages.page(rule)


@pytest.mark.parametrize("rule", of_basis("obs"), ids=lambda rule: rule.id)
def test_an_error_that_rests_on_an_observation_gives_the_answer_of_the_service(rule: Rule) -> None:
    assert ' answers "' in rule.source


@pytest.mark.parametrize("rule", of_basis("shape"), ids=lambda rule: rule.id)
def test_an_error_that_rests_on_a_shape_asks_the_shape_and_nothing_else(rule: Rule) -> None:
    assert isinstance(rule, ShapeRule)
    assert rule.id in WALKED


def test_only_errors_of_the_documentation_quote_it() -> None:
    assert [
        rule.id for rule in rules.all_rules() if rule.quote and (rule.basis, rule.severity) != ("doc", "error")
    ] == []


def test_what_is_inferred_can_be_lowered() -> None:
    assert [rule.id for rule in ERRORS if rule.basis in ("inf", "conf") and not rule.lowerable] == []
    assert [rule.id for rule in ERRORS if rule.basis in ("doc", "obs", "shape") and rule.lowerable] == []


def test_the_index_lists_every_error_by_what_it_rests_on() -> None:
    index = pages.documents()[pages.PAGES / "index.md"]
    table = index.split("## What errors rest on")[1].split("##")[0]
    rows = {line.split("`")[1]: line for line in table.splitlines() if line.startswith("| `")}

    for basis, row in rows.items():
        listed = [part.split("]")[0] for part in row.split("[")[1:]]
        assert listed == [rule.id for rule in of_basis(basis)]
        assert f"| {len(listed)} |" in row
    assert sum(row.count("](") for row in rows.values()) == len(ERRORS)


def test_a_sentence_of_botocore_stands_in_the_installed_botocore() -> None:
    data = botocore.loaders.Loader().load_service_model("sagemaker", "service-2")
    texts = [shape.get("documentation", "") for shape in data["shapes"].values()]
    for shape in data["shapes"].values():
        texts += [member.get("documentation", "") for member in shape.get("members", {}).values()]
    documentation = " ".join(html.unescape(re.sub("<[^>]*>", "", " ".join(texts))).split())

    quoted = [rule for rule in of_basis("doc") if rule.source.startswith("botocore")]
    assert len(quoted) > 10
    assert [rule.id for rule in quoted if rule.quote not in documentation] == []
