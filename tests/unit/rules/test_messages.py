"""What a finding says of a value that the API doesn't take, of regions, and of how to allow it."""

from __future__ import annotations

import pytest

from mmeplan import graph, rules, spec
from mmeplan.aws.partitions import known_regions, region_doubt
from mmeplan.errors import InputError
from mmeplan.plan import Finding
from mmeplan.rules.examples import ALARMS, blue_green, fleet_file
from mmeplan.rules.recording import Record


def found(text: str, rule: str) -> list[Finding]:
    fleet = spec.load_text(text.encode())
    return [finding for finding in rules.check(fleet, graph.compile(fleet)) if finding.rule == rule]


@pytest.mark.parametrize(
    ("value", "message", "advice"),
    [
        ("canary", "one of ALL_AT_ONCE, CANARY, LINEAR; did you mean CANARY?", "Write `type: CANARY`."),
        ("all_at_once", "did you mean ALL_AT_ONCE?", "Write `type: ALL_AT_ONCE`."),
        ("blue", "one of ALL_AT_ONCE, CANARY, LINEAR", "Write one of these values."),
    ],
)
def test_a_value_that_the_api_does_not_know_is_told_with_the_closest(value: str, message: str, advice: str) -> None:
    (finding,) = found(blue_green(f"{{type: {value}, wait_interval_in_seconds: 300}}", deployment=ALARMS), "DEP-03")
    assert finding.message.endswith(message)
    assert finding.help == advice


def test_advice_on_many_values_is_the_rules_own() -> None:
    (finding,) = found(fleet_file(variant="instance_type: m5.xlarge"), "CFG-06")
    assert finding.help == rules.find("CFG-06").fix


def test_one_cause_is_one_error() -> None:
    text = fleet_file(serverless=True, variant="serverless_config: {memory_size_in_mb: 2, max_concurrency: 5}")
    (finding,) = found(text, "SLS-01")
    assert finding.message == "`memory_size_in_mb` is 2, but the least the API takes is 1024"


def test_what_may_be_allowed_is_told_with_the_line_to_write() -> None:
    (finding,) = found(rules.find("CFG-41").bad, "CFG-41")
    assert 'allow this (`allow: {CFG-41: "why"}`) with the reason' in finding.help


@pytest.mark.parametrize("rule", ["SLS-13", "MDL-16", "DEP-19", "EP-18"])
def test_it_is_told_however_the_advice_is_worded(rule: str) -> None:
    found = rules.find(rule)
    record = Record(spec.load_text(fleet_file().encode()), [found])
    record.add(found, "warning", "model/ranker", ("models", "ranker"), "something")
    (finding,) = record.findings()
    assert f'(`allow: {{{rule}: "why"}}`)' in finding.help


def test_no_rule_that_can_not_be_lowered_speaks_of_allowing() -> None:
    assert not [rule.id for rule in rules.all_rules() if "allow this" in rule.fix and not rule.lowerable]


# --- regions ----------------------------------------------------------------------------------------------------------


def test_botocore_knows_regions_of_every_partition() -> None:
    assert {"eu-west-1", "us-gov-west-1", "cn-north-1", "eusc-de-east-1"} <= set(known_regions())
    assert "aws-global" not in known_regions()


def test_an_unknown_region_is_told_with_those_that_are_close() -> None:
    assert region_doubt("eu-west-1") == ""
    assert region_doubt("eu-wset-1").startswith("no region eu-wset-1 is known; did you mean eu-west-1")
    assert region_doubt("xx-nowhere-1") == "no region xx-nowhere-1 is known"


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("us-east-1", "The key is in us-east-1, the fleet in eu-west-1"),
        ("eu-wset-1", "The key is in eu-wset-1, the fleet in eu-west-1; no region eu-wset-1 is known; did you mean"),
    ],
)
def test_a_key_of_a_region_that_does_not_exist_is_told_so(config: str, message: str) -> None:
    text = fleet_file(config=f"kms_key_id: arn:aws:kms:{config}:123456789012:alias/ranker")
    (finding,) = found(text, "KMS-03")
    assert finding.message.startswith(message)


def test_the_region_of_an_environment_is_found_at_its_line() -> None:
    text = fleet_file(fleet="environments: {prod: {region: eu-west-7}}")
    fleet = spec.load_text(text.encode(), environment="prod")
    (finding,) = (f for f in rules.check(fleet, graph.compile(fleet)) if f.rule == "REG-01")
    assert finding.path == "environments.prod.region"


@pytest.mark.parametrize("place", ["region: euwest1", "environments: {prod: {region: EU-West-1}}"])
def test_what_is_no_name_of_a_region_is_refused_with_the_closest(place: str) -> None:
    with pytest.raises(InputError) as caught:
        spec.load_text(fleet_file(fleet=place).encode())
    (problem,) = caught.value.problems
    assert problem.message.endswith("is not the name of a region")
    assert problem.hint == "did you mean eu-west-1?"
