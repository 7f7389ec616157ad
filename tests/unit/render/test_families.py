"""Endpoints that are changed alike are told once with the names of all, in every output; what differs isn't folded."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mmeplan import plan, render
from mmeplan.plan import Plan
from mmeplan.render.door import shown
from mmeplan.render.families import Families, Family
from mmeplan.render.relations import Relations
from mmeplan.render.text import FULL_NAMES
from tests.unit.render.test_text import page, shared

GOLDEN = Path(__file__).parents[2] / "golden"
NAMES = tuple(f"tenant-{index:03d}" for index in range(20))
ROLE = "arn:aws:iam::123456789012:role/sagemaker"
IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/ranker:1"


def each(rows: str, endpoint: str, model: str) -> str:
    """A fleet of one entry for rows: `{name: a, bucket: x}`."""
    return f"""\
version: 1
fleet: prices
models:
  "{{{{ each.value.name }}}}":
    for_each: {rows}
    execution_role_arn: {ROLE}
    primary_container: {{image: "{IMAGE}"{model}}}
endpoints:
  "{{{{ each.value.name }}}}":
    for_each: {rows}
    config:
      production_variants:
        main:
          model: "{{{{ each.value.name }}}}"
          instance_type: ml.m5.large
          initial_instance_count: "{{{{ each.value.count }}}}"
{endpoint}"""


def families(made: Plan, *, full: bool = False) -> list[Family]:
    masked = shown(made)
    return Families(masked, Relations(masked), full).all


def names(found: list[Family]) -> list[list[str]]:
    return [[change.address.partition("/")[2] for change in family.changes] for family in found]


def test_equal_changes_are_one_diff_and_the_list_of_names(plan_of: Any, live: Any) -> None:
    text = page(plan_of(shared(NAMES, "ranker:1.8"), live(shared(NAMES))))
    assert text.count("ranker:1.7") == 1
    assert text.count("~ endpoint/") == 1
    assert all(f"endpoint/{name}" in text for name in NAMES)
    assert "and 19 more alike: " in text
    assert len(text.splitlines()) < 35


@pytest.mark.parametrize("output", ["text", "markdown", "html"])
def test_twenty_models_of_their_own_are_one_group_in_every_output(output: str) -> None:
    made = plan.read((GOLDEN / "family" / "plan.json").read_text(), "plan.json")
    text = render.OUTPUTS[output](made)
    assert len(re.findall(r"and 19 more alike", text)) == {"text": 1, "markdown": 4, "html": 1}[output]
    assert all(f"endpoint/ranker-{index:02}" in text for index in range(20))


def test_a_thousand_equal_ones_stay_bounded_and_full_tells_each(plan_of: Any, live: Any) -> None:
    many = tuple(f"tenant-{index:04d}" for index in range(1000))
    made = plan_of(shared(many, "ranker:1.8"), live(shared(many)))
    text = page(made)
    assert len(text.splitlines()) < 60
    assert f"and {999 - FULL_NAMES} more" in text.replace("\n ", "")
    assert page(made, full=True).count("~ endpoint/") == 1000


def test_another_diff_is_another_group(plan_of: Any, live: Any) -> None:
    before = shared(NAMES[:4])
    after = shared(NAMES[:4], "ranker:1.8").replace("tenant-002: {config", "tenant-002: {tags: {a: b}, config")
    assert names(families(plan_of(after, live(before)))) == [[*NAMES[:2], NAMES[3]], [NAMES[2]]]


@pytest.mark.parametrize(
    "other",
    [
        "instance_type: ml.g5.xlarge",
        "enable_ssm_access: true, instance_type: ml.m5.large",
        "volume_size_in_gb: 9, instance_type: ml.m5.large",
    ],
)
def test_another_kind_of_endpoint_is_never_folded(plan_of: Any, other: str) -> None:
    text = shared(NAMES[:5])
    at = text.index("tenant-004")
    text = text[:at] + text[at:].replace("instance_type: ml.m5.large", other)
    assert names(families(plan_of(text))) == [list(NAMES[:4]), [NAMES[4]]]


ROWS = "[{name: a1, count: 1, bucket: one}, {name: b2, count: 2, bucket: one}, {name: c3, count: 3, bucket: other}]"
CAPTURE = """\
      data_capture_config:
        initial_sampling_percentage: 5
        destination_s3_uri: "s3://{{ each.value.bucket }}/{{ each.value.name }}/"
        capture_options: [{capture_mode: Input}]
"""


def test_items_of_one_entry_may_differ_and_the_fields_are_named(plan_of: Any) -> None:
    made = plan_of(each(ROWS, "", ', model_data_url: "s3://models/{{ each.value.bucket }}.tar.gz"'))
    (family,) = families(made)
    assert names([family]) == [["a1", "b2", "c3"]]
    assert set(family.varies) == {"production_variants.main.initial_instance_count", "primary_container.model_data_url"}
    assert "they differ in" in page(made)


def test_where_data_goes_is_never_folded(plan_of: Any) -> None:
    assert names(families(plan_of(each(ROWS, CAPTURE, "")))) == [["a1", "b2"], ["c3"]]


def test_alarms_and_paths_that_hold_the_own_name_are_alike(plan_of: Any) -> None:
    alarms = "{alarms: [{alarm_name: '{{ each.value.name }}-errors'}]}"
    deployment = f"    deployment_config: {{auto_rollback_configuration: {alarms}}}\n"
    rows = "[{name: ranker-de, count: 1, bucket: x}, {name: ranker-fr, count: 1, bucket: x}]"
    capture = CAPTURE.replace("{{ each.value.name }}", "logs/{{ each.value.name }}")
    assert names(families(plan_of(each(rows, capture + deployment, "")))) == [["ranker-de", "ranker-fr"]]


def test_full_has_no_families(plan_of: Any, live: Any) -> None:
    made = plan_of(shared(NAMES, "ranker:1.8"), live(shared(NAMES)))
    assert len(families(made, full=True)) == len(NAMES)


def test_every_deletion_is_told_by_itself(plan_of: Any, live: Any) -> None:
    gone = plan_of("version: 1\nfleet: prices\nendpoints: {}\n", live(shared(NAMES[:3])))
    assert [len(family.changes) for family in families(gone)] == [1, 1, 1]


def test_members_cover_what_is_theirs(plan_of: Any, live: Any) -> None:
    """Nothing of a family is told a second time as a config or model without an endpoint, and the table counts it."""
    made = plan_of(shared(NAMES, "ranker:1.8"), live(shared(NAMES)))
    assert "Other configs and models" not in page(made)
    rows = [line for line in render.markdown(made).splitlines() if line.startswith("| `")]
    assert [row.split("|")[1].strip() for row in rows[:3]] == [
        "`endpoint/tenant-000` and 19 more alike",
        "`endpoint_config/tenant-000` and 19 more alike",
        "`model/common`",
    ]


def test_the_order_of_the_plan_chooses_who_is_told(plan_of: Any, live: Any) -> None:
    made = plan_of(shared(NAMES, "ranker:1.8"), live(shared(NAMES)))
    assert names(families(replace(made, changes=made.changes)))[0] == list(NAMES)
