"""Every id that mmeplan itself finds things with leads to a page that exists."""

import json
import re
from pathlib import Path

import pytest

from mmeplan.kinds import kinds
from mmeplan.render.findings import DOCS, rule_page

ROOT = Path(__file__).parents[3]
RULES = [rule["id"] for rule in json.loads((ROOT / "specs/rules.json").read_text())]
GATES = sorted(
    {
        *re.findall(r'"([A-Z]+-[0-9]+)"', (ROOT / "mmeplan/plan/gates.py").read_text()),
        *(rule for kind in kinds() for rule in kind.refusals.values()),
    }
)


@pytest.mark.parametrize("rule", sorted({*RULES, *GATES}))
def test_a_rule_leads_to_a_file_of_the_documentation(rule: str) -> None:
    page, _, anchor = rule_page(rule).removeprefix(f"{DOCS}/").partition("#")
    text = (ROOT / "docs" / page).read_text()
    if anchor:
        assert f"\n## {anchor.capitalize()}\n" in text
        assert rule in text


def test_the_gates_are_known() -> None:
    assert {"GATE-01", "DEL-10", "MDL-40"} <= set(GATES)


@pytest.mark.parametrize("rule", ["ACME-01", "no-big-fleets", "MME-01x", "MME-1", "../MME-01", "", "MME-０１"])
def test_an_id_of_somebody_else_leads_nowhere(rule: str) -> None:
    assert rule_page(rule) == ""
