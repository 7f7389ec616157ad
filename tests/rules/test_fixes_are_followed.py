"""What a rule says to do, done to its own bad example: the finding goes, and no error comes in its place."""

from __future__ import annotations

import re

import pytest

from mmeplan import graph, rules, spec
from mmeplan.plan.finding import Finding
from mmeplan.rules import Rule
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
TRITON = "763104351884.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-tritonserver:23.08-py3"

Edits = tuple[tuple[str, str], ...]
FIXES: dict[str, tuple[Edits, ...]] = {
    "ARN-02": (
        (("  ranker:\n    primary", f"  ranker:\n    execution_role_arn: {ROLE}\n    primary"),),
        (("models:\n", f"defaults: {{model: {{execution_role_arn: '{ROLE}'}}}}\nmodels:\n"),),
    ),
    "ASC-25": ((("          capacity: fixed\n", ""),), (("status: ENABLED", "status: DISABLED"),)),
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
    "CFG-45": (
        (
            (
                "_seconds: 1800\n",
                "_seconds: 1800\n          inference_ami_version: al2023-ami-sagemaker-inference-gpu-4-1\n",
            ),
        ),
        (("cu130", "cu128"),),
    ),
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
CANARY = "{type: CANARY, canary_size: {type: CAPACITY_PERCENT, value: 25}, wait_interval_in_seconds: 300}"
ROLLING = (
    "      rolling_update_policy: "
    "{maximum_batch_size: {type: INSTANCE_COUNT, value: 1}, wait_interval_in_seconds: 60}\n"
)
BLUE_GREEN = f"      blue_green_update_policy:\n        traffic_routing_configuration: {ALL_AT_ONCE}\n"
SECOND = "        next: {model: ranker, instance_type: ml.m5.xlarge, initial_instance_count: 2}\n"
DATA = "      model_data_url: s3://acme-models/ranker.tar.gz\n"
IMAGE = "      image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/ranker:1.4\n"
CAPTURE = (
    "      data_capture_config: {initial_sampling_percentage: 20, destination_s3_uri: s3://acme/capture, "
    "capture_options: [{capture_mode: Input}]}\n"
)
SCALING = "          managed_instance_scaling: {status: ENABLED, min_instance_count: 1, max_instance_count: 4}\n"
SERVER = "{memory_size_in_mb: 2048, max_concurrency: 20}"


def endpoint(config: str) -> str:
    """The second endpoint, for the tail of a file."""
    return f"  next:\n    config:\n{config}"


def lines(*taken: str) -> tuple[tuple[str, str], ...]:
    """These lines are taken out."""
    return tuple((line, "") for line in taken)


MORE_FIXES: dict[str, tuple[Edits, ...]] = {
    "ALW-01": (
        (("DEP-99", "CFG-41"),),
        lines('    allow: {DEP-99: "agreed with the platform team"}\n'),
    ),
    "ALW-02": (lines('    allow: {CFG-09: "one instance is enough"}\n'),),
    "ASY-08": (
        (
            (
                SECOND,
                endpoint(ASYNC.replace("s3://acme/out", "s3://acme/next") + "      production_variants:\n" + SECOND),
            ),
        ),
    ),
    "FOR-01": (
        (("for_each: []", "for_each: [eu]"),),
        (("for_each: []", "for_each: []\n    allow_empty: true"),),
    ),
    "CFG-03": (
        (
            ("  {}", f"  ranker:\n    execution_role_arn: {ROLE}\n    primary_container:\n{IMAGE}"),
            ("        main:", "        main:\n          model: ranker"),
        ),
        (("        main:", "        main:\n          model_name: theirs"),),
        (("    config:\n", "    config:\n      execution_role_arn: " + ROLE + "\n"),),
    ),
    "CFG-30": (lines("      execution_role_arn: arn:aws:iam::123456789012:role/sagemaker\n"),),
    "CFG-31": (
        (
            ("      execution_role_arn: arn:aws:iam::123456789012:role/sagemaker\n", ""),
            (
                "        components: {",
                endpoint(f"      execution_role_arn: {ROLE}\n      production_variants:\n        components: {{"),
            ),
        ),
    ),
    "CFG-32": (lines(SCALING), ((SCALING, "          capacity: autoscaled\n"),)),
    "CFG-34": tuple((("seconds: 45", f"seconds: {value}"),) for value in (10, 30, 60, 120, 180, 240, 300)),
    "CFG-41": (
        lines(
            f"  ranker-old:\n    execution_role_arn: {ROLE}\n"
            "    primary_container: {image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/ranker:1.3}\n"
        ),
    ),
    "CFG-42": ((("model_name: ranker-7", "model: ranker"),),),
    "DEP-01": (lines(ROLLING), lines(BLUE_GREEN.replace("60", "0"))),
    "DEP-04": (
        (("{type: CANARY, ", "{type: CANARY, canary_size: {type: CAPACITY_PERCENT, value: 50}, "),),
        (("{type: CANARY, ", "{type: LINEAR, linear_step_size: {type: CAPACITY_PERCENT, value: 50}, "),),
        (("{type: CANARY, ", "{type: ALL_AT_ONCE, "),),
    ),
    "DEP-05": (
        (("type: PERCENT", "type: CAPACITY_PERCENT"),),
        (("type: PERCENT, value: 25", "type: INSTANCE_COUNT, value: 1"),),
    ),
    "DEP-24": (((CANARY, ALL_AT_ONCE),),),
    "DEP-25": (lines(ROLLING),),
    "DEP-26": (((ROLLING, BLUE_GREEN),), lines(SECOND)),
    "EP-11": (
        (("    exclude_", "    retain_all_variant_properties: true\n    exclude_"),),
        lines("    exclude_retained_variant_properties: [{variant_property_type: DesiredWeight}]\n"),
    ),
    "EP-12": (lines("    exclude_retained_variant_properties: [{variant_property_type: DataCaptureConfig}]\n"),),
    "EP-13": (
        lines("    retain_deployment_config: true\n"),
        lines("    deployment_config:\n" + BLUE_GREEN.replace("60", "0")),
    ),
    "KMS-01": (
        (("ranker-key", "alias/ranker-key"),),
        (("ranker-key", "arn:aws:kms:eu-west-1:123456789012:key/0f1e2d3c-0000-4000-8000-000000000000"),),
    ),
    "KMS-03": (
        (("arn:aws:kms:us-east-1:123456789012:", ""),),
        (("us-east-1", "eu-west-1"),),
        (
            (
                "arn:aws:kms:us-east-1:123456789012:alias/ranker",
                '"arn:aws:kms:{{ region }}:123456789012:alias/ranker"',
            ),
        ),
    ),
    "MDL-01": (
        lines("    containers: [{image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/prepare:1}]\n"),
        (
            ("    primary_container:\n" + IMAGE + DATA, ""),
            (
                "[{image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/prepare:1}]",
                "\n" + TWO.partition("\n")[2].rstrip(),
            ),
        ),
    ),
    "MDL-03": (((DATA, IMAGE + DATA),), ((DATA, "      model_package_name: ranker\n"),)),
    "MDL-04": (lines(IMAGE, DATA), lines("      model_package_name: ranker\n")),
    "MDL-07": (
        (("docker.io/acme", "123456789012.dkr.ecr.eu-west-1.amazonaws.com"),),
        (
            ("      image: docker.io", "      image_config: {repository_access_mode: Vpc}\n      image: docker.io"),
            ("    primary_container:\n", VPC + "    primary_container:\n"),
        ),
    ),
    "MDL-08": ((("    primary_container:\n", VPC + "    primary_container:\n"),),),
    "MDL-09": (
        (
            ("Platform", "Vpc"),
            ("    primary_container:\n", VPC + "    primary_container:\n"),
            ("123456789012.dkr.ecr.eu-west-1.amazonaws.com/ranker:1.4", "registry.acme.example/ranker:1.4"),
        ),
        (
            (
                ", repository_auth_config: {repository_credentials_provider_arn: "
                "'arn:aws:lambda:eu-west-1:123456789012:function:login'}",
                "",
            ),
        ),
    ),
    "MDL-12": (lines("        SETTING_100: x\n"),),
    "MDL-20": (
        lines(DATA),
        lines(
            "      model_data_source:\n        s3_data_source:\n          s3_uri: s3://acme/ranker/\n"
            "          s3_data_type: S3Prefix\n          compression_type: None\n"
        ),
    ),
    "MME-04": (
        ((MULTI_TWO := "        mode: MultiModel\n        model_data_url: s3://acme-models/predict/\n", ""),),
        ((MULTI_TWO, MULTI_TWO.replace("MultiModel", "SingleModel").replace("predict/", "predict.tar.gz")),),
    ),
    "MME-14": tuple(
        (("ml.g5.12xlarge", name),)
        for name in ("ml.p2.xlarge", "ml.p3.2xlarge", "ml.g4dn.xlarge", "ml.g4dn.16xlarge", "ml.g5.16xlarge")
    ),
    "MME-15": (
        (("gpu-py310-cu118-ubuntu20.04-sagemaker", "cpu-py310-ubuntu20.04-sagemaker"), ("ml.g5", "ml.m5")),
        (("tensorflow-inference:2.14.1-gpu-py310-cu118-ubuntu20.04-sagemaker", "sagemaker-tritonserver:23.08-py3"),),
        (
            ("763104351884", "123456789012"),
            ("tensorflow-inference:2.14.1-gpu-py310-cu118-ubuntu20.04-sagemaker", "ranker:1.4"),
        ),
    ),
    "MME-16": ((("ml.inf1", "ml.m5"),), (("ml.inf1", "ml.g5"),)),
    "MME-17": (
        (("model_package_name: ranker", IMAGE.strip()),),
        lines(MULTI, "      model_data_url: s3://acme-models/ranker/\n"),
    ),
    "MME-18": (
        (
            (
                "        rest: {",
                endpoint("      production_variants:\n        rest: {"),
            ),
        ),
    ),
    "MME-20": (((SCALING, "          capacity: autoscaled\n"),),),
    "MME-28": ((("ml.inf2", "ml.m5"),), (("ml.inf2", "ml.g5"),)),
    "MME-29": (
        (("685385470294.dkr.ecr.eu-west-1.amazonaws.com/xgboost:1.7-1", TRITON),),
        (("ml.g5", "ml.m5"),),
    ),
    "NAM-01": ((("ranker_v2", "ranker-v2"),), lines("    name: ranker_v2\n")),
    "NAM-02": ((("ranker.v2", "ranker-v2"),), lines("      name: ranker.v2\n")),
    "NAM-03": (lines(f"    name: {'x' * 64}\n"), (("x" * 64, "ranker-production"),)),
    "NAM-06": (
        (("role/sagemaker\n    name: ranker-production\nendpoints", "role/sagemaker\n    name: other\nendpoints"),),
        (("role/sagemaker\n    name: ranker-production\nendpoints", "role/sagemaker\nendpoints"),),
    ),
    "PIP-05": (lines("    inference_execution_config: {mode: Serial}\n"),),
    "PIP-09": (lines(SHADOW),),
    "SHD-01": (lines(SECOND),),
    "SHD-02": (((f"serverless_config: {SERVER}", INSTANCES),),),
    "SHD-04": (lines(SHADOW),),
    "SLS-05": (
        (
            (
                f"        next: {{model: ranker, serverless_config: {SERVER}}}\n",
                endpoint(f"      production_variants:\n        next: {{model: ranker, serverless_config: {SERVER}}}\n"),
            ),
        ),
    ),
    "SLS-06": (lines(CAPTURE),),
    "SLS-09": (lines(ASYNC), ((f"serverless_config: {SERVER}", INSTANCES),)),
    "SLS-14": (
        (
            (
                "\n          type: CANARY\n          canary_size: {type: CAPACITY_PERCENT, value: 50}\n"
                "          wait_interval_in_seconds: 300\n",
                f" {ALL_AT_ONCE}\n",
            ),
        ),
    ),
    "SLS-17": (lines("      kms_key_id: alias/ranker\n"),),
    "TAG-01": (lines(*(f"      tag-{number}: x\n" for number in range(45, 50))),),
}
FIXES |= MORE_FIXES
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


def may_be_allowed(rule: Rule) -> bool:
    """Whether a rule's advice speaks of `allow:`."""
    return re.search(r"\ballow(`| this| it)", rule.fix, re.IGNORECASE) is not None


API = "Write what the message says the API takes."
AS_THE_GOOD_EXAMPLE = frozenset(
    f"{prefix}-{number}"
    for prefix, numbers in {
        "ARN": "01 03",
        "ASC": "03 04 06 07 08 09 10 11 12 13 14 15 20 26 27 28",
        "ASY": "02 07 10",
        "CAP": "07",
        "CFG": "02 06 08 11 12 22 28 33 43 44 46 47",
        "DEP": "03 07 11 13 21",
        "KMS": "04",
        "MDL": "02 06 10 13 14 15 17 18 23 25 28 30 32 37 42 44 45 49 50 51 52 53",
        "MME": "02 07 09 23 30 31",
        "NAM": "04 07",
        "PIP": "01 02 03",
        "SHD": "05 06",
        "SLS": "01",
    }.items()
    for number in numbers.split()
)
"""Rules whose good example is the bad one with just the advice followed; tests/rules/test_examples.py checks it."""
ALLOWED = [rule for rule in rules.all_rules() if rule.stage == "static" and may_be_allowed(rule)]


def test_the_advice_of_every_rule_of_the_file_is_followed() -> None:
    asked = {rule.id for rule in rules.all_rules() if rule.stage == "static" and rule.fix != API}
    followed = FIXES.keys() | AS_THE_GOOD_EXAMPLE | {rule.id for rule in ALLOWED}
    assert asked - followed == {"RULE-00"}, "a crash of a rule is reported to its author"
    assert not AS_THE_GOOD_EXAMPLE & FIXES.keys()


def with_allowance(rule: Rule) -> str:
    """The rule's bad example, with the rule allowed."""
    return f'allow: {{{rule.id}: "it was looked at"}}\n' + rule.bad.replace("  # here", "")


@pytest.mark.parametrize("rule", ALLOWED, ids=lambda rule: rule.id)
def test_what_may_be_allowed_is_a_note_once_it_is(rule: Rule) -> None:
    fleet = spec.load_text(with_allowance(rule).encode())
    found = [found for found in rules.check(fleet, graph.compile(fleet)) if found.rule == rule.id]
    assert found
    assert {(finding.severity, finding.allowed) for finding in found} == {("note", "it was looked at")}


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
