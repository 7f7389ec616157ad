"""Every rule of SageMaker hosting that is known is either checked, or said not to be and why.

`catalogue.json` is the list of all their ids, with severity and with what it takes to check them.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from mmeplan.rules.not_checked import NOT_CHECKED
from mmeplan.rules.registry import ALL_RULES
from mmeplan.rules.rule import Rule

CATALOGUE: list[dict[str, Any]] = json.loads((Path(__file__).parent / "catalogue.json").read_text())
RULES = {rule.id: rule for rule in ALL_RULES}
ROWS = {row.id: row for reason in NOT_CHECKED for row in reason.rows}
BESIDE = {"ALW-01", "ALW-02", "API-01", "API-02", "FOR-01", "REG-01", "RULE-00"}
"""Rules about rules and about the file itself, and the one for every constraint of the shapes that no id names."""

LATER = {"MME-27"}
"""Listed as static, but there is something to say only when an update is planned."""

SCALED = {"ASC-16", "ASC-17", "ASC-18", "UWC-09"}
"""Listed as live, and what is live stands in Application Auto Scaling, which only `--online` reads."""


@pytest.mark.parametrize("entry", CATALOGUE, ids=lambda entry: str(entry["id"]))
def test_an_id_has_a_rule_with_examples_or_a_row_that_says_why_not(entry: dict[str, Any]) -> None:
    rule, row = RULES.get(entry["id"]), ROWS.get(entry["id"])

    assert (rule is None) != (row is None)
    if rule is not None:
        assert rule.severity == entry["severity"]
        stage = "online" if rule.id in SCALED else entry["stage"]
        assert rule.stage == stage or rule.id in LATER
        assert "# here\n" in rule.bad
        assert rule.good
    if row is not None:
        assert (row.severity, row.needs) == (entry["severity"], entry["stage"])
        assert row.why.endswith(".")


def test_no_rule_and_no_row_has_an_id_that_the_catalogue_lacks() -> None:
    known = {entry["id"] for entry in CATALOGUE}

    assert len(known) == len(CATALOGUE) == 323
    assert RULES.keys() - known == BESIDE
    assert ROWS.keys() <= known


def test_most_of_the_catalogue_that_the_file_alone_can_break_is_checked() -> None:
    counts = Counter((entry["stage"], entry["id"] in RULES) for entry in CATALOGUE)

    assert counts["static", True] > 3 * counts["static", False]


@pytest.mark.parametrize("rule", ALL_RULES, ids=lambda rule: rule.id)
def test_an_example_marks_exactly_one_line(rule: Rule) -> None:
    assert rule.bad.count("# here") == (1 if rule.bad else 0)
    assert "# here" not in rule.good
