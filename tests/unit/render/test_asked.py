"""What a reviewer sees of a new object, and of what lowers protection, in text, Markdown and HTML."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mmeplan import plan, render
from mmeplan.plan import Plan
from mmeplan.render.text import MOST_ASKED

GOLDEN = Path(__file__).parents[2] / "golden"
OUTPUTS = ("text", "markdown", "html")

ASKED = (
    "ranker-errors, ranker-p99",
    "arn:aws:iam::123456789012:role/serving",
    "sg-0a1b2c3d",
    "subnet-4e5f6a7b",
    "s3://acme-captures/ranker/",
    "1234abcd-12ab-34cd-56ef-1234567890ab",
    "enable_network_isolation",
    "initial_sampling_percentage",
    "[Input, Output]",
    "protect",
    "on_remove",
    "team=search",
    "owner=bob",
    "data goes elsewhere",
)
LOWERED = ("less protection", "less isolation", "less encryption", "another account", "another role", "elsewhere")


def golden(name: str) -> Plan:
    return plan.read((GOLDEN / name / "plan.json").read_text(), "plan.json")


def shown(made: Plan, output: str, **more: Any) -> str:
    """The output, its lines joined and HTML's tags left out, as somebody reads it."""
    text = render.OUTPUTS[output](made, width=120, **more)
    return " ".join(re.sub(r"<[^>]*>", "", text).split()) if output == "html" else text


@pytest.mark.parametrize("output", OUTPUTS)
def test_what_a_new_endpoint_asks_for_is_shown(output: str) -> None:
    text = shown(golden("create_guarded"), output)
    assert [words for words in ASKED if words not in text] == []
    assert "hunter2" not in text
    assert "mmeplan:digest" not in text


@pytest.mark.parametrize("output", OUTPUTS)
def test_what_lowers_protection_is_said_at_the_top_and_beside_the_field(output: str) -> None:
    text = shown(golden("less_protection"), output)
    assert [words for words in LOWERED if text.count(words) < 2] == []


@pytest.mark.parametrize("output", OUTPUTS)
def test_tags_that_change_show_both_values(output: str) -> None:
    for name in ("rename_with_tags", "less_protection"):  # in place, and of a model that is made anew
        assert re.search(r"owner=bob (→|-&gt;) alice", shown(golden(name), output))


def many_variables(plan_of: Any, number: int) -> Plan:
    """A plan that creates a config of as many variants, each with fields that no other line shows."""
    variants = "".join(
        f"        v{index}: {{model: m, instance_type: ml.m5.large, initial_instance_count: 1, volume_size_in_gb: 9}}\n"
        for index in range(number)
    )
    role = "arn:aws:iam::123456789012:role/sagemaker"
    image = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/m:1"
    made: Plan = plan_of(
        "version: 1\nfleet: prices\nmodels:\n"
        f"  m: {{execution_role_arn: '{role}', primary_container: {{image: '{image}'}}}}\n"
        f"endpoints:\n  ranker:\n    config:\n      production_variants:\n{variants}"
        "      data_capture_config: {initial_sampling_percentage: 1, destination_s3_uri: 's3://x/', "
        "capture_options: [{capture_mode: Input}]}\n"
    )
    return made


def test_text_is_bounded_and_full_shows_all(plan_of: Any) -> None:
    made = many_variables(plan_of, 10)
    text = render.text(made, width=100)
    left_out = 10 + 3 - MOST_ASKED
    assert text.count("volume_size_in_gb") == 10 - left_out
    assert f"… and {left_out} more fields; --full shows them" in text
    assert "s3://x/  ! data goes elsewhere" in text  # what needs a word is never left out
    full = render.text(made, width=100, full=True)
    assert full.count("volume_size_in_gb") == 10
    assert "--full" not in full
    assert full.count("model_name") == 10  # also what the rows of variants say already


def test_a_plan_without_the_tags_of_before_shows_what_is_known() -> None:
    made = golden("protect_removed")
    older = replace(made, changes=tuple(replace(change, tags_before={}) for change in made.changes))
    assert "protect    true → (absent)  ! less protection" in render.text(older, width=100)
