"""The comment: what stands first, what is left out when, and that its checks can fail."""

import re
from dataclasses import replace
from typing import Any

import pytest

from mmeplan import render
from mmeplan.plan import Finding, Plan
from mmeplan.plan.document import Capacity, InstanceCapacity
from mmeplan.render.markdown import BUDGET
from mmeplan.render.markup import code, length, prose
from tests.properties.test_render_web import assert_is_a_tame_comment
from tests.unit.render.test_text import EMPTY, FLEET, SWAPPED, shared


def headings(markdown: str) -> list[str]:
    return re.findall(r"^(?:#+ .*|> \[!\w+\]|\| Address .*|---)$", markdown, re.MULTILINE)


def test_what_is_dangerous_stands_before_everything_else(plan_of: Any, live: Any) -> None:
    made: Plan = plan_of(EMPTY, live(FLEET))
    made = replace(made, capacity=Capacity(10, (InstanceCapacity("ml.m5.large", 3, 0, 3),)))
    made = replace(made, findings=(Finding("MME-01", "warning", "", "", "careful"),))
    assert headings(render.markdown(made)) == [
        "## `prices`: 1 endpoint gone for good; 3 to delete",
        "> [!CAUTION]",
        "| Address | Action | Traffic | Why | Where |",
        "### Findings: 1 warning",
        "### Capacity, with at most 10 endpoints under way at once",
        "### Details",
        "---",
    ]


def test_the_last_lines_say_which_plan_it_is_and_how_to_apply_it(plan_of: Any, live: Any) -> None:
    made = replace(plan_of(SWAPPED, live(FLEET)), commit="0123456789abcdef0123")
    *_, facts, _, command = render.markdown(made, next_command="mmeplan apply plan.json").splitlines()
    assert f"Plan `{made.plan_id[7:19]}` · commit `0123456789ab` · live side read at `2026-01-02 00:00 UTC`" in facts
    assert command == "Apply it: `mmeplan apply plan.json`"


def test_a_plan_that_only_may_be_read_says_so_first(plan_of: Any, live: Any) -> None:
    made: Plan = plan_of(SWAPPED, live(FLEET), speculative=True)
    lines = render.markdown(made).splitlines()
    assert lines[3].startswith("## Speculative plan for `prices`: traffic shifts on 1 endpoint")
    assert "> Speculative: made from a snapshot to be read; it can't be applied." in lines
    assert "Apply it" not in render.markdown(made)


def test_a_stale_plan_says_why(plan_of: Any, live: Any) -> None:
    text = render.markdown(plan_of(SWAPPED, live(FLEET)), stale=("fleet.yaml has changed",))
    assert "> [!WARNING]\n> **STALE**" in text
    assert "> - fleet.yaml has changed" in text


def test_where_nothing_changes_there_is_no_table(plan_of: Any, live: Any) -> None:
    text = render.markdown(plan_of(FLEET, live(FLEET)))
    assert headings(text) == ["## No changes: `prices`", "---"]
    assert "What is live is what fleet.yaml says." in text


def test_a_capacity_over_its_quota_is_marked(plan_of: Any, live: Any) -> None:
    rows = (
        InstanceCapacity("ml.m5.large", 3, 4, 8, 6, "fleet.yaml:9"),
        InstanceCapacity("ml.m5.xlarge", 1_200, 1_200, 1_201),
        InstanceCapacity("ml.c5.large", 2, 2, 2, 5, "Service Quotas"),
    )
    text = render.markdown(replace(plan_of(SWAPPED, live(FLEET)), capacity=Capacity(1, rows)))
    assert "### Capacity, with at most 1 endpoint under way at once" in text
    assert "| `ml.m5.large` | 3 | **8, over the quota** | 4 | 6 (fleet.yaml:9) |" in text
    assert "| `ml.m5.xlarge` | 1,200 | 1,201 | 1,200 | unknown |" in text
    assert "ml.c5.large" not in text, "a number that never moves is no news"


NAMES = tuple(f"tenant-{index:03d}" for index in range(120))


def test_details_go_before_any_row_of_the_table_does_and_the_page_says_so(plan_of: Any, live: Any) -> None:
    made: Plan = plan_of(shared(NAMES, "ranker:1.8", unlike=True), live(shared(NAMES)))
    text = render.markdown(made)
    assert BUDGET - 600 < length(text) <= BUDGET, "as many details as there is room for"
    table = {line.split("`")[1] for line in text.splitlines() if line.startswith("| `e") or "| `model" in line}
    assert table == {change.address for change in made.changes}
    told = re.search(r"_Left out, because a comment may only be so long: (\d+) of 120 details, the largest", text)
    assert told
    assert text.count("<details>") == 120 - int(told[1])


def test_a_tag_on_everything_is_one_row_for_each_kind(plan_of: Any, live: Any) -> None:
    fleet = shared(NAMES, unlike=True)
    text = render.markdown(plan_of(f"{fleet}defaults: {{tags: {{team: a}}}}\n", live(fleet)))
    rows = [line for line in text.splitlines() if line.startswith(("| `e", "| `m"))]
    assert len(rows) <= 3
    assert any("`endpoint_config/tenant-000` and 119 more alike" in row for row in rows)


def test_the_largest_details_go_first(plan_of: Any, live: Any) -> None:
    made: Plan = plan_of(shared(NAMES[:3], "ranker:1.8", unlike=True), live(shared(NAMES[:3])))
    first, *others = (change for change in made.changes if change.kind == "endpoint")
    field = next(field for change in made.changes for field in change.fields)
    large = tuple(replace(field, after="x" * 900) for _ in range(80))
    changes = [replace(first, fields=large), *others, *(c for c in made.changes if c.kind != "endpoint")]
    text = render.markdown(replace(made, changes=tuple(changes)))
    assert "1 of 3 details, the largest first (`endpoint/tenant-000`)" in text
    assert re.findall(r"<summary><code>(.*?)</code>", text) == [other.address for other in others]


def test_rows_become_counts_where_the_table_is_too_long_and_what_is_dangerous_stays(plan_of: Any, live: Any) -> None:
    names = tuple(f"tenant-{index:04d}" for index in range(1_500))
    before = live(shared((*names, "doomed")))
    text = render.markdown(plan_of(shared(names, "ranker:1.8", unlike=True), before))
    assert length(text) <= BUDGET
    assert "too many for one row each" in text
    assert "| `endpoint/doomed` | **delete** | **gone for good** |" in text
    assert "| **1,500 endpoints** `endpoint/tenant-0000` … `endpoint/tenant-1499` | update | shifts |" in text


def test_a_smaller_budget_is_kept_too(plan_of: Any, live: Any) -> None:
    made: Plan = plan_of(shared(NAMES, "ranker:1.8", unlike=True), live(shared(NAMES)))
    assert length(render.markdown(made, budget=30_000)) <= 30_000


def test_characters_are_counted_in_the_longest_way() -> None:
    assert length("a…日") == 3
    assert length("🚢") == 2


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("ml.m5.xlarge", "`ml.m5.xlarge`"),
        ("a|b", "<code>a&#124;b</code>"),
        ("a`b", "<code>a&#96;b</code>"),
        ("a\\b", "<code>a&#92;b</code>"),
        (" a", "<code> a</code>"),
        ("\u202ea", r"<code>&#92;u202ea</code>"),
    ],
)
def test_code_is_in_backticks_where_that_is_safe(text: str, made: str) -> None:
    assert code(text) == made


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("the variant 'main' (50 %) of model_data_url, v1.2", "the variant 'main' (50 %) of model_data_url, v1.2"),
        ("set `a_b: 2` or more", "set <code>a_b: 2</code> or more"),
        ("@octocat", "@&#8203;octocat"),
        ("see #12 and GH-3", "see #&#8203;12 and GH&#8203;-3"),
        ("https://x.example", "https:&#8203;//x.example"),
        ("_a_ *b* <b>", "&#95;a&#95; &#42;b&#42; &#60;b&#62;"),
        (":tada: 10:30", ":&#8203;tada: 10:30"),
    ],
)
def test_prose_stays_readable_in_a_mail(text: str, made: str) -> None:
    assert prose(text) == made


@pytest.mark.parametrize(
    "planted",
    [
        "hello @octocat",
        "closes #1",
        "see GH-7",
        "https://evil.example",
        "[x](http://evil.example)",
        "![x](http://evil.example/x.png)",
        "<img src=x onerror=alert(1)>",
        "<script>alert(1)</script>",
        "<details>",
        "<code>",
        ":tada:",
        "$x$",
        "| a | b | c |\n| --- | --- | --- |\n| 1 | 2 | 3 |",
        "```\nnever closed",
        "\u202e",
        "<!-- mmeplan:fleet=<b>;environment= -->",
    ],
)
def test_the_check_of_a_comment_can_fail(plan_of: Any, live: Any, planted: str) -> None:
    text = render.markdown(plan_of(SWAPPED, live(FLEET)))
    assert_is_a_tame_comment(text)
    with pytest.raises(AssertionError):
        assert_is_a_tame_comment(text.replace("Account", f"{planted}\n\nAccount", 1))
