"""Findings that many entries share are one for people: counted, with the first of them by name."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from mmeplan.plan import Finding
from mmeplan.render import findings_text
from mmeplan.render.findings import folded
from mmeplan.render.github import annotations_text, no_plan_markdown
from mmeplan.render.sarif import sarif_text

PLACE = "endpoints.stores.config.production_variants.main"


def of(number: int, **changed: object) -> Finding:
    made = Finding("CFG-09", "warning", f"endpoint/stores-{number}", PLACE, "One instance", "Two.", "", "f.yaml", 5, 9)
    return replace(made, **changed)  # type: ignore[arg-type]


MANY = [of(number) for number in range(101, 201)]


@pytest.mark.parametrize(
    "text", [findings_text(MANY, width=140), annotations_text(MANY), no_plan_markdown("f", "", MANY)]
)
def test_a_hundred_entries_of_one_line_are_one_finding_with_the_first_of_them(text: str) -> None:
    assert text.count("One instance") == 1
    assert "(100 entries: endpoint/stores-101, endpoint/stores-102, endpoint/stores-103, …)" in " ".join(text.split())


def test_the_summary_counts_all_of_them() -> None:
    assert findings_text(MANY).endswith("\n100 warnings.\n")


def test_one_entry_of_many_is_named() -> None:
    (one,) = folded([of(57)])
    assert one.message == "One instance (endpoint/stores-57)"


@pytest.mark.parametrize(
    "finding",
    [
        of(1, address="endpoint/stores"),
        of(1, address="endpoint_config/stores"),
        of(1, message="endpoint/stores-1 has one instance"),
        of(1, address=""),
        of(1, path="account"),
    ],
)
def test_an_entry_that_the_place_or_the_message_names_is_not_named_again(finding: Finding) -> None:
    assert folded([finding]) == [finding]


def test_messages_that_differ_are_one_with_the_first_of_them() -> None:
    found = [of(number, message=f"{number} is too much") for number in range(1, 6)]
    (one,) = folded(found)
    assert one.message == (
        "1 is too much (endpoint/stores-1); and alike for 4 more: endpoint/stores-2, endpoint/stores-3, "
        "endpoint/stores-4, …"
    )


@pytest.mark.parametrize(
    "other",
    [
        of(2, rule="CFG-10"),
        of(2, line=6),
        of(2, severity="error"),
        of(2, help="--allow-outage endpoint/stores-2"),
        of(2, allowed="for the test"),
        of(1, message="Another thing of the same entry"),
    ],
)
def test_what_differs_in_more_than_its_entry_stays(other: Finding) -> None:
    assert len(folded([of(1), other])) == 2


def test_what_stands_nowhere_in_the_file_stays() -> None:
    assert len(folded([of(1, file="", line=0, path=""), of(2, file="", line=0, path="")])) == 2


def test_programs_get_all_of_them_each_with_its_entry() -> None:
    (run,) = json.loads(sarif_text(MANY, [], version="1.0.0"))["runs"]
    assert len(run["results"]) == 100
    assert run["results"][56]["message"]["text"] == "One instance (endpoint/stores-157). Two."
