"""Several plans in one output: within a comment's size whatever the plans, each named, anchors of one page unique."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from mmeplan.plan import Finding, Plan, ReportedPlan, plan_exit, read_to_show, report_of
from mmeplan.render import OUTPUTS, REPORTS, PageOptions, github
from mmeplan.render.markup import length
from mmeplan.render.reports import report_id
from tests.unit.render.test_bitbucket import html_in

GOLDEN = Path(__file__).parents[2] / "golden"
BROKEN = ReportedPlan("z.yaml", "", "", 1, findings=(Finding("INPUT", "error", "", "", "not valid YAML"),))


@pytest.fixture(scope="module")
def plans() -> list[Plan]:
    return [read_to_show(str(path))[0] for path in sorted(GOLDEN.glob("*/plan.json"))]


def reported(plans: Sequence[Plan], name: str = "fleets/{}.yaml") -> list[ReportedPlan]:
    return [ReportedPlan(name.format(i), "prod", plan.fleet, plan_exit(plan), plan) for i, plan in enumerate(plans)]


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (1, "fleet.yaml"),
        (30, "fleets/{}.yaml"),
        (30, "fleets/<details>`|\n/{}" + "x" * 3_000),
        (400, "\U0001f40d" * 300 + "{}"),
    ],
)
def test_a_comment_has_room_whatever_the_plans(plans: list[Plan], number: int, name: str) -> None:
    report = report_of([*reported([plans[i % len(plans)] for i in range(number)], name), BROKEN])
    text = REPORTS["markdown"](report, PageOptions())
    assert length(text) <= 60_000
    assert text.count("<details>") == text.count("</details>")
    assert "`z.yaml`: **error** `INPUT`" in text
    if number == 30:
        assert text.count("\n| ") >= 30


def test_what_many_have_is_one_line(plans: list[Plan]) -> None:
    refused = next(plan for plan in plans if plan.refused)

    def alert(number: int) -> list[str]:
        text = REPORTS["markdown"](report_of(reported([refused] * number)), PageOptions())
        return re.findall(r"^> - .*", text.partition("<details>")[0], re.MULTILINE)

    assert len(alert(30)) == len(alert(1))
    assert "`fleets/0.yaml (prod)`, `fleets/1.yaml (prod)`, `fleets/10.yaml (prod)` and 27 more: " in alert(30)[0]


def test_the_order_of_the_plans_does_not_matter(plans: list[Plan]) -> None:
    made = [*reported(plans), BROKEN]
    for output in REPORTS.values():
        assert output(report_of(made), PageOptions()) == output(report_of(made[::-1]), PageOptions())
    assert report_of(made).exit == 1
    assert report_of(made).plans[0] is BROKEN


def test_anchors_of_the_page_are_unique_and_lead_somewhere(plans: list[Plan]) -> None:
    page = REPORTS["html"](report_of(reported(plans)), PageOptions())
    anchors = re.findall(r'\sid="([^"]+)"', page)
    assert len(anchors) == len(set(anchors))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(anchors)
    assert "http-equiv" in page


def test_the_step_is_told_the_sum_and_the_worst(plans: list[Plan]) -> None:
    report = report_of([*reported(plans), BROKEN])
    told = github.report_outputs(report)
    assert set(told) == set(github.OUTPUT_KEYS)
    assert told["exit"] == "1"
    assert told["worst_effect"] == "outage"
    assert told["labels"].startswith("mmeplan:error,mmeplan:refused,mmeplan:outage")
    assert told["changes"] == str(sum(plan.summary.changes for plan in plans))
    assert told["plan_id"] == report_id(report)
    assert report_id(report_of(reported(plans))) != report_id(report_of(reported(plans[1:])))


def test_every_output_of_a_plan_is_one_of_several(plans: list[Plan]) -> None:
    report = report_of([*reported(plans), BROKEN])
    assert set(REPORTS) == set(OUTPUTS)
    counts = json.loads(REPORTS["gitlab"](report, PageOptions()))
    totals = {name: sum(getattr(plan.summary, name) for plan in plans) for name in ("create", "update", "delete")}
    assert list(counts.items()) == list(totals.items())
    page = REPORTS["bitbucket"](report, PageOptions())
    assert page.startswith("## ")
    assert html_in(page) == []
