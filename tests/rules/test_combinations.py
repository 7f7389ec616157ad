"""Each cell of the feature matrix: its fleet breaks exactly the rules that the cell names, or none."""

from __future__ import annotations

import pytest

from mmeplan import graph, rules, spec
from mmeplan.plan import Finding
from tests.rules.combinations import KINDS, MATRIX, Cell


def findings_of(cell: Cell) -> list[Finding]:
    fleet = spec.load_text(cell.of())
    return rules.check(fleet, graph.compile(fleet))


@pytest.mark.parametrize("cell", MATRIX, ids=str)
def test_a_combination_is_refused_warned_of_or_let_through_as_the_matrix_says(cell: Cell) -> None:
    found = findings_of(cell)
    errors = {finding.rule for finding in found if finding.severity == "error"}
    warnings = {finding.rule for finding in found if finding.severity == "warning"}

    if cell.verdict == "refused":
        assert errors == cell.rules
    else:
        assert errors == set()
        assert warnings == cell.rules


def test_every_feature_stands_against_every_kind_once() -> None:
    features = list(dict.fromkeys(cell.feature for cell in MATRIX))

    assert [(cell.feature, cell.kind) for cell in MATRIX] == [(feature, kind) for feature in features for kind in KINDS]
    assert len(features) >= 15


def test_what_is_refused_or_degraded_is_refused_by_a_rule_that_there_is() -> None:
    ids = {rule.id: rule.severity for rule in rules.all_rules()}

    for cell in MATRIX:
        assert (cell.verdict in ("refused", "degraded")) <= bool(cell.rules), str(cell)
        for rule in cell.rules:
            assert ids[rule] == ("error" if cell.verdict == "refused" else "warning"), str(cell)
