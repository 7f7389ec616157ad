"""Laws of the renderers: whatever a plan holds, its text fits, is tame, tells no secret, and needs no memory."""

import json
import re
import unicodedata
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mmeplan import render
from mmeplan.errors import Problem
from mmeplan.plan import Finding, Plan, decode, encode
from mmeplan.plan.masking import masked
from tests.properties.plans import SLOW, anything, findings, names, plans, texts

COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def columns(line: str) -> int:
    return sum(
        0 if unicodedata.category(char) in ("Mn", "Me") else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in line
    )


def assert_is_tame(text: str, width: int) -> None:
    """It fits, and holds nothing that a terminal would obey."""
    for line in text.split("\n"):
        assert columns(line) <= width
        assert line == line.rstrip()
        assert all(char.isprintable() for char in line)


@SLOW
@given(plans(), st.sampled_from((80, 97, 140)), anything, texts)
def test_a_page_fits_and_holds_nothing_that_a_terminal_obeys(
    plan: Plan, width: int, command: str, stale: tuple[str, ...]
) -> None:
    page = render.text(plan, width=width, next_command=command, stale=stale, show_environment=True)
    assert_is_tame(page, width)
    painted = render.text(plan, width=width, next_command=command, stale=stale, show_environment=True, color=True)
    assert COLOURS.sub("", painted) == page


@SLOW
@given(plans())
def test_a_rendering_is_the_same_from_a_file(plan: Plan) -> None:
    again = decode(json.loads(json.dumps(encode(plan))))
    assert render.text(again) == render.text(plan)
    assert render.text(again, show_environment=True) == render.text(plan, show_environment=True)
    assert render.json_text(again) == render.json_text(plan)
    assert render.markdown(again) == render.markdown(plan)
    assert render.html(again) == render.html(plan)
    assert render.summary_line(again) == render.summary_line(plan)


@SLOW
@given(plans())
def test_no_rendering_tells_an_environment_value(plan: Plan) -> None:
    assert "SECRET" not in render.text(plan, width=400)
    assert "SECRET" not in render.json_text(plan)
    assert "SECRET" not in render.markdown(plan)
    assert "SECRET" not in render.html(plan)
    assert json.loads(render.json_text(plan))["masked"] is True


@SLOW
@given(plans())
def test_masking_changes_environment_values_and_nothing_else(plan: Plan) -> None:
    made = masked(plan)
    assert _without_environment(encode(made)) == _without_environment(encode(plan))
    assert masked(plan) == made
    bare = replace(plan, changes=(), drift=(), steps=())
    assert masked(bare) == bare


def _without_environment(value: Any) -> Any:
    if isinstance(value, dict):
        if "environment" in str(value.get("field", "")):
            return {**value, "before": value["before"] is None, "after": value["after"] is None}
        return {key: None if key == "Environment" else _without_environment(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_environment(item) for item in value]
    return value


@SLOW
@given(plans())
def test_the_summary_refuses_exactly_when_the_plan_does(plan: Plan) -> None:
    line = render.summary_line(plan)
    assert line.startswith("Refused: ") is plan.refused
    assert line.startswith("No changes") is (not plan.refused and not plan.has_changes)


@SLOW
@given(st.lists(findings, max_size=4), anything)
def test_findings_fit_and_are_tame(found: list[Finding], source: str) -> None:
    placed = [replace(item, file="fleet.yaml", line=7, column=number * 9 + 1) for number, item in enumerate(found)]
    assert_is_tame(render.findings_text(placed, width=80, excerpt=lambda line: source), 80)


@SLOW
@given(anything, anything, anything, st.integers(0, 50))
def test_problems_hold_nothing_that_a_terminal_obeys(message: str, path: str, source: str, column: int) -> None:
    text = render.problems_text([Problem(message, "fleet.yaml", 3, column, path, source_line=source)])
    assert all(char.isprintable() for char in text.replace("\n", ""))


@SLOW
@given(st.lists(st.tuples(names, anything, st.sampled_from(("model", "endpoint"))), max_size=4), names, names)
def test_graphs_have_one_statement_a_line_whatever_the_names(
    nodes: list[tuple[str, str, str]], start: str, end: str
) -> None:
    known = {address for address, _, _ in nodes} | {start, end}
    flowchart = render.mermaid(nodes, [(start, end)])
    digraph = render.dot(nodes, [(start, end)])
    assert len(flowchart.splitlines()) == 1 + len(known) + 1
    assert len(digraph.splitlines()) == 3 + len(known) + 1 + 1
    for line in digraph.splitlines()[3:-1]:
        assert re.fullmatch(
            r'  ("(?:[^"\\]|\\.)*") (\[label="(?:[^"\\]|\\.)*", shape=\w+\]|-> "(?:[^"\\]|\\.)*");', line
        )


@SLOW
@given(names, anything, anything, st.sampled_from((80, 140)))
def test_a_status_table_fits(name: str, note: str, failure: str, width: int) -> None:
    variant = render.VariantStatus(note, "ml.m5.xlarge", "2/2", "66.7 %")
    row = render.StatusRow(f"endpoint/{name}", name, "Failed", note, (variant, variant), note, failure)
    assert_is_tame(render.status_text([row], width=width), width)
