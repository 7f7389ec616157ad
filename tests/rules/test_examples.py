"""Every rule's own examples: the bad one is found where it says, and the good one is not."""

from __future__ import annotations

import pytest

from mmeplan import graph, rules, spec
from mmeplan.plan.finding import Finding
from mmeplan.rules import Rule
from mmeplan.rules.walking import HOLDERS, MISSING, PLACES, SHAPES, UNNAMED

WITH_EXAMPLE = [rule for rule in rules.all_rules() if rule.bad and rule.stage == "static"]


def findings_of(text: str) -> list[Finding]:
    """What is found in a fleet file, except what it allows."""
    fleet = spec.load_text(text.encode())
    return [found for found in rules.check(fleet, graph.compile(fleet)) if not found.allowed]


def marked_line(text: str) -> int:
    """The line that ends in `# here`."""
    return next(number for number, line in enumerate(text.splitlines(), 1) if line.endswith("# here"))


@pytest.mark.parametrize("rule", WITH_EXAMPLE, ids=lambda rule: rule.id)
def test_the_bad_example_breaks_its_rule_at_the_marked_line_and_no_other_rule(rule: Rule) -> None:
    found = findings_of(rule.bad)

    assert {finding.rule for finding in found} - set(rule.also) == {rule.id}
    assert marked_line(rule.bad) in {finding.line for finding in found if finding.rule == rule.id}
    assert {finding.severity for finding in found if finding.rule == rule.id} == {rule.severity}


@pytest.mark.parametrize("rule", rules.all_rules(), ids=lambda rule: rule.id)
def test_the_good_example_breaks_no_rule_at_all(rule: Rule) -> None:
    assert findings_of(rule.good) == []


@pytest.mark.parametrize("rule", rules.all_rules(), ids=lambda rule: rule.id)
def test_a_rule_says_what_why_and_what_to_do_in_whole_sentences(rule: Rule) -> None:
    assert rule.title[-1] not in ".!"
    assert rule.why.endswith(".")
    assert rule.fix.endswith(".")
    assert rule.source


@pytest.mark.parametrize("rule", WITH_EXAMPLE, ids=lambda rule: rule.id)
def test_a_finding_says_where_it_is_and_what_to_do(rule: Rule) -> None:
    for finding in findings_of(rule.bad):
        assert finding.file == "fleet.yaml"
        assert finding.path
        assert finding.message[0].isupper() or not finding.message[0].isalpha()
        assert finding.help
        assert finding.source


def test_every_rule_has_an_id_of_its_own_and_rules_are_sorted_by_it() -> None:
    ids = [rule.id for rule in rules.all_rules()]

    assert ids == sorted(set(ids))


@pytest.mark.parametrize(
    "rule_id", sorted({UNNAMED, *SHAPES.values(), *PLACES.values(), *MISSING.values(), *HOLDERS.values()})
)
def test_every_rule_that_the_walk_over_shapes_names_is_an_error_that_cannot_be_lowered(rule_id: str) -> None:
    rule = rules.find(rule_id)

    assert rule.severity == "error"
    assert not rule.lowerable


def test_the_ordinary_fleet_of_the_guide_has_two_warnings_and_no_error() -> None:
    text = """
version: 1
fleet: house-prices
account: "123456789012"
region: eu-west-1
defaults:
  model: {execution_role_arn: "arn:aws:iam::123456789012:role/sagemaker"}
  tags: {team: pricing}
models:
  house-prices:
    primary_container:
      image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/xgboost:1.7-1
      mode: MultiModel
      model_data_url: s3://acme-models/house-prices/
      multi_model_config: {model_cache_setting: Disabled}
      environment: {SAGEMAKER_PROGRAM: inference.py}
endpoints:
  house-prices:
    config:
      production_variants:
        large: {model: house-prices, instance_type: ml.m5.xlarge, initial_instance_count: 2, initial_variant_weight: 2}
        small: {model: house-prices, instance_type: ml.m5.large, initial_instance_count: 2, initial_variant_weight: 1}
      data_capture_config:
        initial_sampling_percentage: 20
        destination_s3_uri: s3://acme-capture/house-prices
        capture_options: [{capture_mode: Input}, {capture_mode: Output}]
    deployment_config:
      blue_green_update_policy:
        traffic_routing_configuration:
          type: CANARY
          canary_size: {type: CAPACITY_PERCENT, value: 25}
          wait_interval_in_seconds: 300
        termination_wait_in_seconds: 120
      auto_rollback_configuration: {alarms: [{alarm_name: house-prices-5xx}]}
    protect: true
"""
    assert [(found.rule, found.severity) for found in findings_of(text)] == [
        ("MME-13", "warning"),
        ("MME-19", "warning"),
    ]
