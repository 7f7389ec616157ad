"""A list where a mapping belongs, or the other way about: the message has the user's own first item as it is meant."""

from __future__ import annotations

import re
from typing import Any

import pytest

CONFIG = "endpoints: {e: {config: {production_variants: %s}}}\n"
ENVIRONMENT = "models: {m: {primary_container: {image: x, environment: %s}}}\n"
MODEL = "models: {m: {primary_container: {image: x}, %s}}\n"
VARIANT = "{model: r, instance_type: ml.m5.large, initial_instance_count: 2}"
INSIDE = VARIANT[1:-1]

CASES = [
    (CONFIG, f"[{{variant_name: a, {INSIDE}}}]", f"{{a: {VARIANT}}}"),
    (CONFIG, f"[{{name: a, {INSIDE}}}, {{name: b}}]", f"{{a: {VARIANT}}}"),
    (CONFIG, f"[{VARIANT}]", f"{{main: {VARIANT}}}"),
    (CONFIG, f"[{{a: {VARIANT}}}]", f"{{a: {VARIANT}}}"),
    (CONFIG, "[{VariantName: a, ModelName: r, InstanceType: t}]", "{a: {model_name: r, instance_type: t}}"),
    (MODEL, "tags: [{Key: team, Value: ads}]", "{team: ads}"),
    (MODEL, "tags: [team=ads]", "{team: ads}"),
    (MODEL, "tags: [team: ads]", "{team: ads}"),
    (MODEL, "vpc_config: {subnets: subnet-1, security_group_ids: [sg-1]}", "[subnet-1]"),
    ("models: {m: {containers: %s}}\n", "{image: x}", "[{image: x}]"),
    ("models: {m: {primary_container: %s}}\n", "[{image: x}]", "{image: x}"),
    ("models: %s\n", "[{name: m, execution_role_arn: arn}]", "{m: {execution_role_arn: arn}}"),
    ("endpoints: {e: {config: %s}}\n", "[{data_capture_config: {}, retain: x}]", ""),
]


@pytest.mark.parametrize(("frame", "wrong", "right"), CASES)
def test_the_hint_has_the_first_item_in_the_form_that_is_meant(
    refused: Any, loaded: Any, frame: str, wrong: str, right: str
) -> None:
    (problem,) = refused(frame % wrong)
    assert "expected a " in problem.message
    (told,) = re.findall(r"`\w+: (.*)`", problem.hint)
    if right:
        assert told == right
        key = wrong.partition(":")[0] + ": " if frame is MODEL else ""
        key = "vpc_config: {security_group_ids: [sg-1], subnets: " if "subnets" in wrong else key
        loaded(frame % (key + told + ("}" if "subnets" in wrong else "")))


@pytest.mark.parametrize("wrong", ["[{name: A, value: hush}]", "[A=hush]", "[{A: hush}]"])
def test_no_environment_value_is_told(refused: Any, wrong: str) -> None:
    (problem,) = refused(ENVIRONMENT % wrong)
    assert problem.hint.endswith("`environment: {A: VALUE}`")
    (problem,) = refused("models: {m: {primary_container: [{image: x, environment: {A: hush}}]}}\n")
    assert "hush" not in problem.hint
