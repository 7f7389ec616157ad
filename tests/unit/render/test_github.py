"""What a workflow's step says: values that begin nothing, labels, summaries within the limit, why there is no plan."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmeplan.diff import action_of
from mmeplan.plan import Change, Drift, Finding, Plan
from mmeplan.plan.document import Observed, Options, Summary
from mmeplan.render.github import (
    OUTPUT_KEYS,
    SUMMARY_LIMIT,
    labels,
    log_text,
    no_plan_markdown,
    outputs,
    outputs_text,
    outputs_without_plan,
    plan_log,
    step_summary,
)
from mmeplan.render.markup import length, marker
from tests.flow.runner import outputs_of
from tests.flow.test_pull_request import heard_by_the_runner

HOSTILE = st.text(alphabet=st.sampled_from("abmeplan=<:#[]\n\r\t\x00\x1b\x85\u2028 %_-é🚀"), max_size=60)


def a_plan(number: int = 0, **values: Any) -> Plan:
    about: dict[str, Any] = {
        "tool_version": "1",
        "created_at": "2026-01-01T00:00:00+00:00",
        "fleet": "prices",
        "environment": "",
        "account": "123456789012",
        "region": "eu-west-1",
        "source": (),
        "options": Options(),
        "snapshot": Observed("2026-01-01T00:00:00+00:00", "d", {}),
        "summary": Summary(update=number, worst_effect="traffic_shift" if number else "none"),
        "changes": tuple(a_change(f"endpoint/e{one}") for one in range(number)),
        "steps": (),
        "drift": (),
        "findings": (),
        "kept": {},
        "complete": True,
        "applyable": True,
        "errored": False,
        "plan_id": "sha256:0",
    }
    return Plan(**{**about, **values})


def a_change(address: str, effect: str = "traffic_shift", actions: tuple[str, ...] = ("update",)) -> Change:
    action = action_of(address.partition("/")[0], actions, effect, "content_changed")
    kind, _, name = address.partition("/")
    return Change(address, kind, action, "content_changed", effect, name, "its content changed")


def an_error(message: str = "no", **about: Any) -> Finding:
    return Finding("MME-01", "error", "endpoint/e", "", message, **about)


@given(st.dictionaries(st.sampled_from(["summary", "labels"]), HOSTILE))
def test_an_output_says_its_value_and_nothing_else(values: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "output"
        # the runner ends lines at a line feed alone
        path.write_bytes(outputs_text(values).encode("utf-8", "replace"))
        wanted = {name: value.encode("utf-8", "replace").decode() for name, value in values.items()}
        read = outputs_of_bytes(path)
    assert read == wanted


def outputs_of_bytes(path: Path) -> dict[str, str]:
    made, lines = {}, path.read_bytes().decode().split("\n")
    while lines and lines != [""]:
        name, delimiter = lines.pop(0).split("<<")
        end = lines.index(delimiter)
        made[name] = "\n".join(lines[:end])
        del lines[: end + 1]
    return made


def test_a_value_can_not_set_another_output(tmp_path: Path) -> None:
    path = tmp_path / "output"
    evil = "x\nEOF\nexit=0\nmmeplan_0\nplan_id<<A\nA"
    path.write_text(outputs_text({"summary": evil, "exit": "3"}))
    assert outputs_of(path) == {"summary": evil, "exit": "3"}


@given(HOSTILE)
def test_the_runner_hears_nothing_of_a_logged_text(text: str) -> None:
    heard = heard_by_the_runner(log_text("The plan", text.replace("\r", "\n")))
    assert heard == ["::group::The plan", "::endgroup::"]


def test_a_log_within_a_log_ends_nothing() -> None:
    inner = log_text("The plan", "a")
    heard = heard_by_the_runner(log_text("The plan", f"{inner}::error::b\n"))
    assert heard == ["::group::The plan", "::endgroup::"]


def test_the_outputs_of_a_plan_and_of_none_have_the_same_names() -> None:
    assert set(outputs(a_plan())) == set(outputs_without_plan(1, "no")) == set(OUTPUT_KEYS)


@pytest.mark.parametrize(
    ("plan", "exit_code", "told"),
    [
        (a_plan(), "0", "mmeplan:no-changes"),
        (a_plan(2), "2", "mmeplan:traffic-shift"),
        (a_plan(1, findings=(an_error(),)), "3", "mmeplan:refused,mmeplan:traffic-shift"),
        (a_plan(drift=(Drift("endpoint/e", "moved"),)), "0", "mmeplan:no-changes,mmeplan:drift"),
        (
            a_plan(
                3,
                changes=(
                    a_change("endpoint/a", "create", ("create",)),
                    a_change("endpoint/b", "delete", ("delete",)),
                    a_change("endpoint/c", "outage", ("delete", "create")),
                    a_change("endpoint/d", "in_place", ("no-op",)),
                ),
            ),
            "2",
            "mmeplan:outage,mmeplan:delete,mmeplan:create",
        ),
    ],
)
def test_exit_and_labels_say_the_same_as_the_plan(plan: Plan, exit_code: str, told: str) -> None:
    said = outputs(plan)
    assert (said["exit"], said["labels"], said["changes"]) == (exit_code, told, str(plan.summary.changes))
    assert all(label.startswith("mmeplan:") and "_" not in label and "," not in label for label in labels(plan))


def test_a_plan_of_many_endpoints_fits_into_a_summary() -> None:
    plan = a_plan(5_000)
    text = step_summary(plan, SUMMARY_LIMIT)
    assert 0 < len(text.encode()) <= SUMMARY_LIMIT
    assert "endpoint/e4999" in text
    less = step_summary(plan, 100_000)
    assert 0 < len(less.encode()) <= 100_000


def test_three_byte_names_fit_too() -> None:
    plan = a_plan()
    plan = replace(
        plan,
        summary=Summary(update=2_000, worst_effect="traffic_shift"),
        changes=tuple(a_change(f"endpoint/{'高' * 60}{number}") for number in range(2_000)),
    )
    assert 0 < len(step_summary(plan, 200_000).encode()) <= 200_000


def test_where_not_even_the_least_fits_there_is_no_summary() -> None:
    assert step_summary(a_plan(1), 1_000) == ""
    assert step_summary(a_plan(1), -5) == ""


def test_the_log_has_annotations_and_the_page() -> None:
    finding = an_error("a\n::warning::b", file="fleet.yaml", line=3, column=5)
    text = plan_log(a_plan(1, findings=(finding,)), "the page\n::error::c\n")
    heard = heard_by_the_runner(text)
    assert heard[0] == "::error file=fleet.yaml,line=3,col=5,title=MME-01::a%0A::warning::b"
    assert heard[1:] == ["::group::The plan", "::endgroup::"]
    assert "the page" in text


def test_no_plan_says_why_under_the_marker_of_the_plan() -> None:
    text = no_plan_markdown("prices", "prod", [an_error("<b>@all</b> | `x`")])
    assert text.startswith(marker("prices", "prod") + "\n")
    assert "## `prices` (`prod`): there is no plan; 1 error" in text
    assert "<b>" not in text
    assert "@all" not in text


def test_a_thousand_reasons_fit() -> None:
    text = no_plan_markdown("prices", "", [an_error("x" * 500) for _ in range(1_000)])
    assert length(text) <= 60_000
    assert "more; `mmeplan validate` shows them all" in text
