"""What a rule says to do, done to its own bad example: the finding goes, and no error comes in its place."""

from __future__ import annotations

import re

import pytest

from mmeplan import rules
from mmeplan.plan.finding import Finding
from mmeplan.rules.examples import fleet_file
from tests.rules.test_examples import findings_of

SERVERLESS = "serverless_config: {memory_size_in_mb: 2048, max_concurrency: 20}"
INSTANCES = "instance_type: ml.m5.xlarge\n          initial_instance_count: 2"
ASYNC = "      async_inference_config: {output_config: {s3_output_path: s3://acme/out}}\n"
CANARY_OF_HALF = "{type: CANARY, canary_size: {type: CAPACITY_PERCENT, value: 50}, wait_interval_in_seconds: 60}"
CANARY_OF_3 = "{type: CANARY, canary_size: {type: INSTANCE_COUNT, value: 3}, wait_interval_in_seconds: 60}"
ALL_AT_ONCE = "{type: ALL_AT_ONCE, wait_interval_in_seconds: 60}"
VPC = "    vpc_config: {security_group_ids: [sg-0a1b2c3d], subnets: [subnet-0a1b2c3d, subnet-4e5f6a7b]}\n"
ROLE = "arn:aws:iam::123456789012:role/sagemaker"
TWO = """\
    containers:
      - image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/prepare:1
      - image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/predict:1
"""
ONE = """\
    primary_container:
      image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/predict:1
"""
SHADOW = """\
      shadow_production_variants:
        candidate: {model: ranker, instance_type: ml.m5.xlarge, initial_instance_count: 2}
"""
MULTI = "      mode: MultiModel\n"

Edits = tuple[tuple[str, str], ...]
FIXES: dict[str, tuple[Edits, ...]] = {
    "ARN-02": (
        (("  ranker:\n    primary", f"  ranker:\n    execution_role_arn: {ROLE}\n    primary"),),
        (("models:\n", f"defaults: {{model: {{execution_role_arn: '{ROLE}'}}}}\nmodels:\n"),),
    ),
    "ASY-06": (
        (("error_topic:", "success_topic: arn:aws:sns:eu-west-1:123456789012:ok\n            error_topic:"),),
        (("include_inference_response_in: [SUCCESS_NOTIFICATION_TOPIC]", "include_inference_response_in: []"),),
    ),
    "ASY-09": (((ASYNC, ""),),),
    "ASY-12": ((("sns:us-east-1", "sns:eu-west-1"),), (("sns:us-east-1", "sns:{{ region }}"),)),
    "CAP-05": (
        (("{capture_mode: InputAndOutput}", "{capture_mode: Output}"),),
        (("{capture_mode: Input}, ", ""),),
    ),
    "CAP-11": (
        (("_header: {}", "_header: {csv_content_types: [text/csv]}"),),
        (("_header: {}", "_header: {json_content_types: [application/json]}"),),
        (("        capture_content_type_header: {}\n", ""),),
    ),
    "CFG-05": (
        (("instance_type: ml.m5.xlarge", INSTANCES),),
        (("instance_type: ml.m5.xlarge", SERVERLESS),),
    ),
    "CFG-09": (
        (("initial_instance_count: 1", "initial_instance_count: 2"),),
        (("initial_instance_count: 1", "initial_instance_count: 1\n          capacity: autoscaled"),),
    ),
    "CFG-13": ((("          accelerator_type: ml.eia2.medium\n", ""),),),
    "CFG-16": ((("          volume_size_in_gb: 256\n", ""),), (("ml.g5.2xlarge", "ml.m5.2xlarge"),)),
    "CFG-17": ((("    config:\n", "    config:\n      allow: {CFG-17: 'it was tried and works'}\n"),),),
    "CFG-18": ((("      kms_key_id: alias/ranker\n", ""),), (("ml.g5.2xlarge", "ml.m5.2xlarge"),)),
    "CFG-24": ((("          inference_ami_version: al2-ami-sagemaker-inference-gpu-2\n", ""),),),
    "CFG-36": ((("gpu-py310-cu118", "cpu-py310"),), (("ml.m5.xlarge", "ml.g5.xlarge"),)),
    "CFG-37": ((("ml.t2.medium", "ml.m5.large"),),),
    "DEP-06": (((CANARY_OF_3, CANARY_OF_3.replace("3}", "2}")),), ((CANARY_OF_3, ALL_AT_ONCE),)),
    "DEP-10": (
        (("_seconds: 3600", "_seconds: 14400"),),
        (("wait_interval_in_seconds: 600", "wait_interval_in_seconds: 60"),),
    ),
    "DEP-14": (
        (("value: 150", "value: 100"),),
        ((", rollback_maximum_batch_size: {type: CAPACITY_PERCENT, value: 150}", ""),),
    ),
    "DEP-16": (((", {alarm_name: ranker-5xx}", ""),), ((", {alarm_name: ranker-5xx}", ", {alarm_name: ranker-4xx}"),)),
    "DEP-22": ((("_count: 1", "_count: 2"),), ((CANARY_OF_HALF, ALL_AT_ONCE),)),
    "MDL-19": (
        (("ranker/\n", "ranker.tar.gz\n"),),
        (("model_data_url: s3://acme-models/ranker/\n", "model_data_url: s3://acme-models/ranker/\n" + MULTI),),
    ),
    "MDL-26": (
        (("s3_data_type: S3Prefix", "s3_data_type: S3Object"), ("acme/ranker/", "acme/ranker.tar.gz")),
        (("compression_type: Gzip", "compression_type: None"),),
    ),
    "MDL-27": (((SERVERLESS, INSTANCES),),),
    "MDL-38": ((("    enable_network_isolation: true\n", ""),),),
    "MDL-43": ((("us-east-1", "eu-west-1"),), (("us-east-1", "{{ region }}"),)),
    "MME-01": ((("ranker.tar.gz", "ranker/"),), ((MULTI, ""),)),
    "MME-05": (
        (("      multi_model_config: {model_cache_setting: Disabled}\n", ""),),
        (("ranker.tar.gz\n", "ranker/\n" + MULTI),),
    ),
    "MME-10": (((SERVERLESS, INSTANCES),), ((MULTI, ""), ("acme-models/ranker/", "acme-models/ranker.tar.gz"))),
    "MME-11": (((ASYNC, ""),), ((MULTI, ""), ("acme-models/ranker/", "acme-models/ranker.tar.gz"))),
    "MME-12": (((SHADOW, ""),),),
    "MME-21": (
        (("initial_instance_count: 1", "initial_instance_count: 2"),),
        (("initial_instance_count: 1", "initial_instance_count: 1\n          capacity: autoscaled"),),
    ),
    "MME-24": ((("mode: Direct", "mode: Serial"),),),
    "PIP-04": ((("mode: Direct", "mode: Serial"),),),
    "PIP-07": (((SERVERLESS, INSTANCES),), ((TWO, ONE),)),
    "PIP-08": (((ASYNC, ""),), ((TWO, ONE),)),
    "SHD-03": (((ASYNC, ""),), ((SHADOW, ""),)),
    "SLS-03": ((("concurrency: 40", "concurrency: 20"),), (("max_concurrency: 20", "max_concurrency: 40"),)),
    "SLS-04": ((("          instance_type: ml.m5.xlarge\n", ""),),),
    "SLS-07": (((VPC, ""),), ((SERVERLESS, INSTANCES),)),
    "SLS-08": ((("    enable_network_isolation: true\n", ""),), ((SERVERLESS, INSTANCES),)),
    "SLS-10": (((SERVERLESS, INSTANCES),),),
    "SLS-18": ((("gpu-py310-cu118", "cpu-py310"),), ((SERVERLESS, INSTANCES.replace("ml.m5", "ml.g5")),)),
    "SLS-19": ((("210987654321", "123456789012"),), ((SERVERLESS, INSTANCES),)),
}
CASES = [(rule, edits) for rule, ways in FIXES.items() for edits in ways]


def edited(text: str, edits: Edits) -> str:
    text = text.replace("  # here", "")
    for old, new in edits:
        assert old in text, (old, text)
        text = text.replace(old, new)
    return text


@pytest.mark.parametrize(("rule", "edits"), CASES, ids=[f"{rule}-{number}" for number, (rule, _) in enumerate(CASES)])
def test_what_a_rule_says_to_do_ends_its_finding_and_brings_no_error(rule: str, edits: Edits) -> None:
    bad = rules.find(rule).bad
    assert rule in {finding.rule for finding in findings_of(bad)}
    left = findings_of(edited(bad, edits))
    assert [f for f in left if f.rule == rule or f.severity == "error"] == []


# --- values of the API: the message names one that it takes -----------------------------------------------------------


def serverless(memory: str, concurrency: str) -> list[Finding]:
    members = ", ".join(part for part in (memory, concurrency) if part)
    return findings_of(fleet_file(serverless=True, variant=f"serverless_config: {{{members}}}"))


@pytest.mark.parametrize("concurrency", ["max_concurrency: 0", "max_concurrency: 201", "max_concurrency: -3", ""])
def test_a_concurrency_that_the_api_refuses_is_told_with_those_that_it_takes(concurrency: str) -> None:
    (found,) = serverless("memory_size_in_mb: 2048", concurrency)
    assert found.rule == "SLS-02"
    assert found.help == "Write what the message says the API takes."
    takes = re.findall(r"(?:least the API takes is|most the API takes is|from|to) (\d+)", found.message)
    assert takes
    for value in takes:
        assert serverless("memory_size_in_mb: 2048", f"max_concurrency: {value}") == []
